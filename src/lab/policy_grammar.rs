//! What IAM's grammar knows: the keys of a policy and of its statements, effects and condition operators. IAM refuses
//! others when the policy is made, long after `lab check`.
//!
//! Source: IAM User Guide, "Grammar of the IAM JSON policy language" and "IAM JSON policy elements: Condition operators".

use serde_json::Value;

use crate::text::similar::did_you_mean;

const OF_POLICY: [&str; 3] = ["Version", "Id", "Statement"];
const OF_STATEMENT: [&str; 9] = [
    "Sid",
    "Effect",
    "Principal",
    "NotPrincipal",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Condition",
];
const OPERATORS: [&str; 27] = [
    "StringEquals",
    "StringNotEquals",
    "StringEqualsIgnoreCase",
    "StringNotEqualsIgnoreCase",
    "StringLike",
    "StringNotLike",
    "NumericEquals",
    "NumericNotEquals",
    "NumericLessThan",
    "NumericLessThanEquals",
    "NumericGreaterThan",
    "NumericGreaterThanEquals",
    "DateEquals",
    "DateNotEquals",
    "DateLessThan",
    "DateLessThanEquals",
    "DateGreaterThan",
    "DateGreaterThanEquals",
    "Bool",
    "BinaryEquals",
    "IpAddress",
    "NotIpAddress",
    "ArnEquals",
    "ArnLike",
    "ArnNotEquals",
    "ArnNotLike",
    "Null",
];

/// What IAM would refuse, each with its place (a JSON pointer).
pub(super) fn problems(policy: &Value) -> Vec<(String, String)> {
    let mut found = Vec::new();
    keys(policy, "", &OF_POLICY, "a policy", &mut found);
    let statements = match &policy["Statement"] {
        Value::Array(all) => all
            .iter()
            .enumerate()
            .map(|(index, one)| (format!("/Statement/{index}"), one))
            .collect(),
        one => vec![("/Statement".to_owned(), one)],
    };
    for (place, statement) in statements {
        keys(statement, &place, &OF_STATEMENT, "a statement", &mut found);
        if let Some(effect) = statement.get("Effect")
            && !["Allow", "Deny"].iter().any(|known| effect == known)
        {
            let cause = format!("\"Effect\": {effect} is neither \"Allow\" nor \"Deny\"");
            found.push((format!("{place}/Effect"), cause));
        }
        let Some(condition) = statement.get("Condition") else {
            continue;
        };
        let at = format!("{place}/Condition");
        let Some(condition) = condition.as_object() else {
            let cause =
                "\"Condition\" is no object: { \"<operator>\": { \"<key>\": \"<value>\" } }";
            found.push((at, cause.to_owned()));
            continue;
        };
        for (operator, keys) in condition {
            let at = format!("{at}/{operator}");
            if let Some(cause) = unknown_operator(operator) {
                found.push((at, cause));
            } else if !keys.is_object() {
                let cause = format!(
                    "{operator:?} compares keys: {{ {operator:?}: {{ \"<key>\": \"<value>\" }} }}"
                );
                found.push((at, cause));
            }
        }
    }
    found
}

fn keys(value: &Value, place: &str, known: &[&str], what: &str, found: &mut Vec<(String, String)>) {
    for key in value.as_object().into_iter().flat_map(|map| map.keys()) {
        if !known.contains(&key.as_str()) {
            let near = or_known(key, known);
            found.push((
                format!("{place}/{key}"),
                format!("{key:?} is no key of {what}; {near}"),
            ));
        }
    }
}

fn unknown_operator(operator: &str) -> Option<String> {
    let of_set = operator.split_once(':');
    let bare = match of_set {
        Some(("ForAllValues" | "ForAnyValue", bare)) => bare,
        Some((set, _)) => {
            return Some(format!(
                "{set:?} is neither \"ForAllValues\" nor \"ForAnyValue\""
            ));
        }
        None => operator,
    };
    let bare = bare.strip_suffix("IfExists").unwrap_or(bare);
    let is_known = OPERATORS
        .iter()
        .any(|known| known.eq_ignore_ascii_case(bare));
    (!is_known).then(|| {
        let near = or_known(bare, &OPERATORS);
        format!("IAM has no condition operator {operator:?}; {near}")
    })
}

fn or_known(typed: &str, known: &[&str]) -> String {
    let near = did_you_mean(typed, known.iter().copied());
    near.unwrap_or_else(|| format!("known are {}", known.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_iam_does_not_know_is_told_with_what_it_does() {
        let policy = json!({"Version": "2012-10-17", "Statements": [], "Statement": [
            {"Effect": "allow", "Actions": "s3:GetObject", "Resource": "*",
             "Condition": {"StringEqual": {"a": "b"}, "ForEachValue:StringLike": {"a": "b"}, "Bool": "true"}},
            {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*", "Condition": ["x"]}]});
        let found = problems(&policy);
        for (place, words) in [
            (
                "/Statements",
                "\"Statements\" is no key of a policy; did you mean 'Statement'?",
            ),
            (
                "/Statement/0/Actions",
                "\"Actions\" is no key of a statement; did you mean 'Action'",
            ),
            ("/Statement/0/Effect", "neither \"Allow\" nor \"Deny\""),
            (
                "/Statement/0/Condition/StringEqual",
                "no condition operator \"StringEqual\"; did you mean 'StringEquals'?",
            ),
            (
                "/Statement/0/Condition/ForEachValue:StringLike",
                "neither \"ForAllValues\" nor",
            ),
            ("/Statement/0/Condition/Bool", "\"Bool\" compares keys"),
            ("/Statement/1/Condition", "is no object"),
        ] {
            let told = found
                .iter()
                .any(|(at, said)| at == place && said.contains(words));
            assert!(told, "{place}: {found:#?}");
        }
        assert_eq!(found.len(), 7, "{found:#?}");
    }

    #[test]
    fn every_operator_of_iam_is_taken_with_its_prefix_and_suffix() {
        for operator in OPERATORS {
            for text in [
                operator.to_owned(),
                format!("{operator}IfExists"),
                format!("ForAnyValue:{operator}"),
            ] {
                let policy = json!({"Statement": {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {text: {"k": "v"}}}});
                assert_eq!(problems(&policy), []);
            }
        }
    }
}
