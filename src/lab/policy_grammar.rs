//! What IAM's grammar knows and asks for: the keys of a policy and of its statements, versions, effects, actions, resources
//! and condition operators. IAM refuses others when the policy is made, long after `lab check`.
//!
//! Source: IAM User Guide, "Grammar of the IAM JSON policy language" and "IAM JSON policy elements: Condition operators".

use serde_json::Value;

use crate::lab::patterns::{Share, statements, texts};
use crate::text::similar::did_you_mean;

/// What a policy is for decides which keys a statement has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PolicyKind {
    /// What its holder may do: an identity's policy, or a boundary.
    Permissions,
    /// Who may assume a role.
    Trust,
}

const VERSIONS: [&str; 2] = ["2012-10-17", "2008-10-17"];
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
pub(super) fn problems(policy: &Value, kind: PolicyKind) -> Vec<(String, String)> {
    let mut found = Vec::new();
    keys(policy, "", &OF_POLICY, "a policy", &mut found);
    if let Some(version) = policy.get("Version")
        && !VERSIONS.iter().any(|known| version == known)
    {
        let cause = format!("\"Version\": {version} is none that IAM knows; write \"2012-10-17\"");
        found.push(("/Version".to_owned(), cause));
    }
    let statements = match &policy["Statement"] {
        // What has none is told by whoever knows what it should be.
        Value::Null => Vec::new(),
        Value::Array(all) => all
            .iter()
            .enumerate()
            .map(|(index, one)| (format!("/Statement/{index}"), one))
            .collect(),
        one => vec![("/Statement".to_owned(), one)],
    };
    for (place, statement) in statements {
        if !statement.is_object() {
            found.push((place, "a statement is an object".to_owned()));
            continue;
        }
        let before = found.len();
        keys(statement, &place, &OF_STATEMENT, "a statement", &mut found);
        // A key that is misspelt is no missing one.
        if found.len() == before {
            of_kind(statement, &place, kind, &mut found);
        }
        written_in_full(statement, &place, kind, &mut found);
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

/// The keys that a statement of this kind needs, and those that it may not have.
fn of_kind(statement: &Value, place: &str, kind: PolicyKind, found: &mut Vec<(String, String)>) {
    let has = |key: &str| statement.get(key).is_some();
    if !has("Effect") {
        let cause = "a statement needs \"Effect\": \"Allow\" or \"Deny\"";
        found.push((place.to_owned(), cause.to_owned()));
    }
    let (needed, foreign, why) = match kind {
        PolicyKind::Permissions => (
            ["Action", "Resource"],
            ["Principal", "NotPrincipal"],
            "IAM takes it in a trust policy, and here who holds the policy is meant",
        ),
        PolicyKind::Trust => (
            ["Action", "Principal"],
            ["Resource", "NotResource"],
            "in a trust policy the role itself is meant",
        ),
    };
    for key in needed {
        if !has(key) && !has(&format!("Not{key}")) {
            found.push((place.to_owned(), format!("a statement needs {key:?}")));
        }
    }
    for key in foreign.into_iter().filter(|key| has(key)) {
        let cause = format!("take {key:?} out: {why}");
        found.push((format!("{place}/{key}"), cause));
    }
}

/// Actions name their service, resources are ARNs. Source: IAM JSON policy elements, "Action" and "Resource".
fn written_in_full(
    statement: &Value,
    place: &str,
    kind: PolicyKind,
    found: &mut Vec<(String, String)>,
) {
    for key in ["Action", "NotAction"] {
        for action in texts(statement.get(key)) {
            if action != "*" && !action.contains(':') {
                let near = match action.split_once('.') {
                    Some((service, name)) => format!("; write \"{service}:{name}\""),
                    None => ", such as \"logs:PutLogEvents\"".to_owned(),
                };
                let cause = format!("{key:?}: {action:?} is not \"<service>:<action>\"{near}");
                found.push((format!("{place}/{key}"), cause));
            }
        }
    }
    if kind == PolicyKind::Trust {
        return;
    }
    for key in ["Resource", "NotResource"] {
        for resource in texts(statement.get(key)) {
            if resource != "*" && !resource.starts_with("arn:") {
                let cause = format!(
                    "{key:?}: {resource:?} is no ARN; of what the lab makes, write .arn for .name \
                     (\"{{{{ functions.<id>.arn }}}}\"), or \"*\" for everything"
                );
                found.push((format!("{place}/{key}"), cause));
            }
        }
    }
}

/// Whether a service may assume a role. Step Functions has a name for each region, too.
pub(super) fn trusts(trust: &Value, service: &str) -> bool {
    let (first, _) = service.split_once('.').unwrap_or((service, ""));
    let is_it = |name: &str| {
        let rest = name
            .strip_prefix(first)
            .and_then(|rest| rest.strip_prefix('.'));
        let rest = rest.map(|rest| rest.strip_suffix(".cn").unwrap_or(rest));
        rest.is_some_and(|rest| {
            rest == "amazonaws.com" || (first == "states" && rest.ends_with(".amazonaws.com"))
        })
    };
    statements(trust).iter().any(|statement| {
        let principal = statement.principal;
        let named = texts(principal.and_then(|kinds| kinds.get("Service")));
        let all = texts(principal);
        statement.allows
            && statement
                .actions
                .part_of("sts:AssumeRole", str::to_lowercase)
                == Share::All
            && (named.iter().any(|name| is_it(name) || *name == "*") || all.contains(&"*"))
    })
}

/// The services that a trust policy names.
pub(super) fn trusted(trust: &Value) -> Vec<&str> {
    let named = statements(trust).into_iter();
    let named = named.filter_map(|statement| statement.principal?.get("Service"));
    named.flat_map(|services| texts(Some(services))).collect()
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
        let found = problems(&policy, PolicyKind::Permissions);
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
                assert_eq!(problems(&policy, PolicyKind::Permissions), []);
            }
        }
    }

    #[test]
    fn each_kind_of_policy_needs_its_keys_and_takes_no_others() {
        let said = |kind: PolicyKind, statement: Value| {
            let found = problems(
                &json!({"Version": "2012-10-17", "Statement": [statement]}),
                kind,
            );
            let said: Vec<String> = found.into_iter().map(|(_, cause)| cause).collect();
            said.join("\n")
        };
        let lambda = json!({"Service": "lambda.amazonaws.com"});
        for (kind, statement, words) in [
            (
                PolicyKind::Permissions,
                json!({"Action": "s3:Get", "Resource": "*"}),
                "needs \"Effect\"",
            ),
            (
                PolicyKind::Permissions,
                json!({"Effect": "Allow", "Resource": "*"}),
                "needs \"Action\"",
            ),
            (
                PolicyKind::Permissions,
                json!({"Effect": "Allow", "Action": "s3:Get"}),
                "needs \"Resource\"",
            ),
            (
                PolicyKind::Permissions,
                json!({"Effect": "Allow", "Action": "s3:Get", "Resource": "*", "Principal": "*"}),
                "take \"Principal\" out",
            ),
            (
                PolicyKind::Permissions,
                json!({"Effect": "Allow", "Action": "logs.PutLogEvents", "Resource": "*"}),
                "write \"logs:PutLogEvents\"",
            ),
            (
                PolicyKind::Permissions,
                json!({"Effect": "Allow", "Action": "s3:Get", "Resource": ["*", "/aws/lambda/user1-greet"]}),
                "\"/aws/lambda/user1-greet\" is no ARN",
            ),
            (
                PolicyKind::Trust,
                json!({"Effect": "Allow", "Action": "sts:AssumeRole"}),
                "needs \"Principal\"",
            ),
            (
                PolicyKind::Trust,
                json!({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": lambda, "Resource": "*"}),
                "take \"Resource\" out",
            ),
        ] {
            let said = said(kind, statement.clone());
            assert!(
                said.contains(words) && said.lines().count() == 1,
                "{statement}: {said}"
            );
        }
        let old = problems(
            &json!({"Version": "2012-10-71", "Statement": []}),
            PolicyKind::Trust,
        );
        assert!(old[0].1.contains("write \"2012-10-17\""), "{old:?}");
        for (kind, fine) in [
            (
                PolicyKind::Permissions,
                json!({"Effect": "Deny", "NotAction": "*", "NotResource": "arn:aws:s3:::b"}),
            ),
            (
                PolicyKind::Trust,
                json!({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": lambda}),
            ),
        ] {
            assert_eq!(said(kind, fine), "");
        }
    }

    #[test]
    fn a_trust_names_the_service_that_takes_the_role() {
        let trust = |effect: &str, principal: Value| json!({"Statement": {"Effect": effect, "Action": "sts:AssumeRole", "Principal": principal}});
        let (lambda, states) = ("lambda.amazonaws.com", "states.amazonaws.com");
        let both = trust(
            "Allow",
            json!({"Service": [lambda, "states.eu-west-1.amazonaws.com"]}),
        );
        assert!(trusts(&both, lambda) && trusts(&both, states));
        assert!(trusts(&trust("Allow", json!("*")), lambda));
        for wrong in [
            trust("Allow", json!({"Service": "lamda.amazonaws.com"})),
            trust("Allow", json!({"Service": states})),
            trust("Deny", json!({"Service": lambda})),
            trust("Allow", json!({"AWS": "123456789012"})),
        ] {
            assert!(!trusts(&wrong, lambda), "{wrong}");
        }
    }
}
