//! The end of a class in its policies: what they allow, they allow until that moment. AWS judges each request by its own
//! clock, so nothing has to run then.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};

use crate::text::json::canonical;
use crate::text::moment::utc;

const OPERATOR: &str = "DateLessThan";
const KEY: &str = "aws:CurrentTime";

/// The policy, ending at that moment: every statement that allows something gets the condition. Where this would make the
/// document longer than IAM's `max`, one statement denies everything from that moment on, which comes to the same.
///
/// # Errors
/// A condition of a statement's own that cannot be read.
pub(super) fn ending(policy: &Value, ends: Timestamp, max: usize) -> Result<Value, String> {
    let mut limited = policy.clone();
    for statement in statements(&mut limited) {
        if statement.get("Effect").and_then(Value::as_str) == Some("Allow") {
            limit(statement, ends)?;
        }
    }
    if length(&limited) <= max {
        return Ok(limited);
    }
    let mut denied = policy.clone();
    let deny = json!({
        "Effect": "Deny", "Action": "*", "Resource": "*",
        "Condition": { "DateGreaterThanEquals": { KEY: utc(ends) } }
    });
    match denied.get_mut("Statement") {
        Some(Value::Array(all)) => all.push(deny),
        Some(one) => *one = json!([one.take(), deny]),
        None => {}
    }
    Ok(denied)
}

/// As IAM counts a document: without white space.
pub(super) fn length(policy: &Value) -> usize {
    canonical(policy).chars().count()
}

fn statements(policy: &mut Value) -> impl Iterator<Item = &mut Map<String, Value>> {
    let all = policy
        .get_mut("Statement")
        .map(|statement| match statement {
            Value::Array(all) => all.as_mut_slice(),
            one => std::slice::from_mut(one),
        });
    all.into_iter().flatten().filter_map(Value::as_object_mut)
}

/// Merges the end with the conditions that a statement has. If its own end is earlier, that one stays.
fn limit(statement: &mut Map<String, Value>, ends: Timestamp) -> Result<(), String> {
    let condition = object(statement, "Condition")?;
    // IAM ignores the case of operators and keys.
    let dates = object(condition, &spelled(condition, OPERATOR))?;
    let key = spelled(dates, KEY);
    let own = dates.get(&key).map(|own| {
        let why = || format!("{OPERATOR} {KEY} is {own}, which homeroom cannot read as a time");
        latest(own).ok_or_else(why)
    });
    match own.transpose()? {
        Some(own) if own <= ends => {}
        _ => {
            dates.insert(key, utc(ends).into());
        }
    }
    Ok(())
}

fn spelled(map: &Map<String, Value>, key: &str) -> String {
    let mut keys = map.keys();
    let found = keys.find(|known| known.eq_ignore_ascii_case(key));
    found.map_or_else(|| key.to_owned(), Clone::clone)
}

fn object<'a>(
    map: &'a mut Map<String, Value>,
    key: &str,
) -> Result<&'a mut Map<String, Value>, String> {
    let value = map.entry(key).or_insert_with(|| json!({}));
    let object = value.as_object_mut();
    object.ok_or_else(|| format!("{key} of a statement is no object"))
}

/// Until when a condition holds: of several values one is enough. IAM takes a time, a day, or seconds since 1970.
fn latest(value: &Value) -> Option<Timestamp> {
    let moment = |value: &Value| match value {
        Value::Number(seconds) => Timestamp::from_second(seconds.as_i64()?).ok(),
        Value::String(text) => {
            let seconds = || Timestamp::from_second(text.parse().ok()?).ok();
            let day = || {
                let midnight = text.parse::<Date>().ok()?.at(0, 0, 0, 0);
                Some(midnight.to_zoned_datetime(TimeZone::UTC).ok()?.timestamp())
            };
            let moment = text.parse::<Timestamp>().ok();
            moment.or_else(seconds).or_else(day)
        }
        _ => None,
    };
    match value {
        Value::Array(all) => {
            let all: Option<Vec<Timestamp>> = all.iter().map(moment).collect();
            all?.into_iter().max()
        }
        one => moment(one),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn ended(statement: Value) -> Value {
        let policy = json!({ "Version": "2012-10-17", "Statement": [statement] });
        let ends = at("2026-12-01T18:00:00+01:00");
        ending(&policy, ends, 6144).unwrap()["Statement"][0]["Condition"].clone()
    }

    #[test]
    fn what_is_allowed_ends_and_what_is_denied_does_not() {
        let allow = json!({ "Effect": "Allow", "Action": "a:B", "Resource": "*" });
        let until = json!({ "DateLessThan": { "aws:CurrentTime": "2026-12-01T17:00:00Z" } });
        assert_eq!(ended(allow.clone()), until);
        let deny = json!({ "Effect": "Deny", "Action": "a:B", "Resource": "*" });
        assert_eq!(ended(deny), Value::Null);
        // A policy may have one statement without a list.
        let alone = ending(
            &json!({ "Statement": allow }),
            at("2026-12-01T17:00:00Z"),
            6144,
        );
        assert_eq!(alone.unwrap()["Statement"]["Condition"], until);
    }

    #[test]
    fn conditions_of_a_statement_stay_beside_the_end() {
        let condition = json!({
            "StringEquals": { "aws:RequestedRegion": "eu-west-1" },
            "dateLessThan": { "aws:TokenIssueTime": "2026-01-01T00:00:00Z" },
        });
        let merged = ended(json!({ "Effect": "Allow", "Condition": condition }));
        assert_eq!(
            merged,
            json!({
                "StringEquals": { "aws:RequestedRegion": "eu-west-1" },
                "dateLessThan": {
                    "aws:TokenIssueTime": "2026-01-01T00:00:00Z",
                    "aws:CurrentTime": "2026-12-01T17:00:00Z",
                },
            })
        );
    }

    #[test]
    fn of_two_ends_the_earlier_one_counts() {
        let end = "2026-12-01T17:00:00Z";
        for (own, counts) in [
            (json!("2026-11-30T00:00:00Z"), json!("2026-11-30T00:00:00Z")),
            (json!("2026-11-30"), json!("2026-11-30")),
            (json!("1764547200"), json!("1764547200")),
            (json!("2026-12-02T00:00:00Z"), json!(end)),
            // Either of the two opens it, so the later one decides.
            (json!(["2026-11-30", "2027-01-01"]), json!(end)),
        ] {
            let condition = json!({ "DateLessThan": { "aws:currenttime": own } });
            let merged = ended(json!({ "Effect": "Allow", "Condition": condition }));
            assert_eq!(merged["DateLessThan"]["aws:currenttime"], counts, "{own}");
            assert_eq!(merged["DateLessThan"].as_object().unwrap().len(), 1);
        }
    }

    #[test]
    fn an_own_end_that_cannot_be_read_is_an_error() {
        let condition = json!({ "DateLessThan": { "aws:CurrentTime": "tomorrow" } });
        let policy = json!({ "Statement": [{ "Effect": "Allow", "Condition": condition }] });
        let error = ending(&policy, at("2026-12-01T17:00:00Z"), 6144).unwrap_err();
        assert!(error.contains("\"tomorrow\""), "{error}");
    }

    #[test]
    fn a_policy_too_long_for_conditions_denies_everything_later() {
        let allow = json!({ "Effect": "Allow", "Action": "a:B", "Resource": "*" });
        let policy = json!({ "Statement": vec![allow.clone(); 4] });
        let ends = at("2026-12-01T17:00:00Z");
        let whole = length(&ending(&policy, ends, 6144).unwrap());
        let short = ending(&policy, ends, whole - 1).unwrap();
        assert!(length(&short) < whole);
        let statements = short["Statement"].as_array().unwrap();
        assert_eq!(statements[..4], vec![allow; 4]);
        assert_eq!(
            statements[4],
            json!({
                "Effect": "Deny", "Action": "*", "Resource": "*",
                "Condition": { "DateGreaterThanEquals": { "aws:CurrentTime": "2026-12-01T17:00:00Z" } }
            })
        );
    }
}
