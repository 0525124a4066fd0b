//! CloudTrail's records: who asked AWS for what, and about which resource.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ids::Scope;

/// How homeroom's own calls look in a record's `userAgent`: the SDK writes the application's name there.
const OWN_AGENT: &str = "app/homeroom";

/// A record of one event. Source: awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// What a person wants to know of it.
    pub event: TrailEvent,
    /// The service (`states.amazonaws.com`).
    pub source: String,
    /// ARN of who made the call; empty where a service did.
    identity: String,
    agent: String,
    /// Whether an AWS service made the call for somebody.
    by_service: bool,
    /// Whether AWS refused it.
    refused: bool,
    /// Every text among the request's parameters.
    parameters: BTreeSet<String>,
}

/// An event, as evidence shows it and as it is remembered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrailEvent {
    /// CloudTrail's id.
    pub id: String,
    /// The operation (`DescribeExecution`).
    pub name: String,
    /// When, in milliseconds since 1970.
    pub time_ms: i64,
    /// The name of who made the call, as CloudTrail has it.
    pub who: String,
}

impl Record {
    /// Reads the JSON of a record; `None` when it is not one.
    pub fn parse(json: &str) -> Option<Self> {
        let record: Value = serde_json::from_str(json).ok()?;
        let text = |pointer: &str| {
            let value = record.pointer(pointer).and_then(Value::as_str);
            value.unwrap_or_default().to_owned()
        };
        let time: jiff::Timestamp = text("/eventTime").parse().ok()?;
        let identity = text("/userIdentity/arn");
        let named = text("/userIdentity/userName");
        let who = match named.as_str() {
            "" => identity.rsplit('/').next().unwrap_or_default().to_owned(),
            _ => named,
        };
        let mut parameters = BTreeSet::new();
        collect(record.get("requestParameters")?, &mut parameters);
        Some(Self {
            event: TrailEvent {
                id: text("/eventID"),
                name: text("/eventName"),
                time_ms: time.as_millisecond(),
                who,
            },
            source: text("/eventSource"),
            identity,
            agent: text("/userAgent"),
            by_service: record.pointer("/userIdentity/invokedBy").is_some(),
            refused: record.get("errorCode").is_some_and(|code| !code.is_null()),
            parameters,
        })
    }

    /// Whether it can be a student's own: it had its effect, and neither homeroom nor whoever runs it nor a service
    /// made the call.
    pub fn can_be_a_students(&self, instructor: &str) -> bool {
        !self.refused
            && !self.by_service
            && !self.agent.contains(OWN_AGENT)
            && self.identity != instructor
    }

    /// Whether its parameters name a resource.
    pub fn is_about(&self, target: &Target) -> bool {
        let named = |text: &String| {
            target.exact.contains(text)
                || target.begins.iter().any(|b| text.starts_with(b.as_str()))
        };
        self.parameters.iter().any(named)
    }
}

fn collect(value: &Value, texts: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => {
            texts.insert(text.clone());
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, texts)),
        Value::Object(fields) => fields.values().for_each(|field| collect(field, texts)),
        _ => {}
    }
}

/// A resource, by every way in which a request may name it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Target {
    exact: Vec<String>,
    begins: Vec<String>,
}

impl Target {
    /// A state machine and its executions.
    pub fn state_machine(scope: &Scope, name: &str) -> Self {
        let arn = scope.state_machine_arn(name);
        let executions = arn.replacen(":stateMachine:", ":execution:", 1);
        Self {
            begins: vec![format!("{executions}:")],
            exact: vec![arn],
        }
    }

    /// A function and its log group.
    pub fn function(scope: &Scope, name: &str) -> Self {
        let arn = scope.function_arn(name);
        let group = format!("/aws/lambda/{name}");
        let group_arn = scope.log_group_arn(&group);
        Self {
            begins: vec![format!("{arn}:"), format!("{group_arn}:")],
            exact: vec![name.to_owned(), arn, group, group_arn],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn scope() -> Scope {
        Scope {
            partition: "aws".into(),
            account: "123456789012".into(),
            region: "us-east-1".into(),
        }
    }

    fn record(change: impl FnOnce(&mut Value)) -> Record {
        let mut value = json!({
            "eventID": "e-1", "eventName": "DescribeExecution", "eventSource": "states.amazonaws.com",
            "eventTime": "2026-05-14T08:32:00Z", "userAgent": "Mozilla/5.0",
            "userIdentity": {"type": "IAMUser", "arn": "arn:aws:iam::123456789012:user/homeroom/demo/user1", "userName": "user1"},
            "requestParameters": {"executionArn": "arn:aws:states:us-east-1:123456789012:execution:user1-flow:mine"}
        });
        change(&mut value);
        Record::parse(&value.to_string()).unwrap()
    }

    #[test]
    fn a_record_tells_what_was_done_when_and_by_whom() {
        let event = record(|_| ()).event;
        assert_eq!(
            (event.name.as_str(), event.who.as_str(), event.time_ms),
            ("DescribeExecution", "user1", 1_778_747_520_000)
        );
        let session = record(|v| {
            v["userIdentity"] = json!({"arn": "arn:aws:sts::1:assumed-role/student/ana"})
        });
        assert_eq!(session.event.who, "ana");
        assert_eq!(Record::parse("{}"), None);
        assert_eq!(Record::parse("no json"), None);
    }

    #[test]
    fn homeroom_its_user_services_and_refused_calls_are_not_a_students() {
        let instructor = "arn:aws:iam::123456789012:user/teacher";
        assert!(record(|_| ()).can_be_a_students(instructor));
        let others: [fn(&mut Value); 4] = [
            |v| v["userAgent"] = "aws-sdk-rust/1.3 os/linux app/homeroom".into(),
            |v| v["userIdentity"]["arn"] = "arn:aws:iam::123456789012:user/teacher".into(),
            |v| v["userIdentity"]["invokedBy"] = "apigateway.amazonaws.com".into(),
            |v| v["errorCode"] = "AccessDenied".into(),
        ];
        for other in others {
            assert!(!record(other).can_be_a_students(instructor));
        }
    }

    #[test]
    fn a_target_is_named_by_arn_executions_or_logs_and_no_longer_name() {
        let about = |target: &Target, parameters: Value| {
            record(|v| v["requestParameters"] = parameters).is_about(target)
        };
        let machine = Target::state_machine(&scope(), "user1-flow");
        let arn = scope().state_machine_arn("user1-flow");
        assert!(record(|_| ()).is_about(&machine));
        assert!(about(&machine, json!({"stateMachineArn": arn})));
        assert!(!about(
            &machine,
            json!({"stateMachineArn": format!("{arn}-2")})
        ));
        assert!(!about(
            &machine,
            json!({"executionArn": "arn:aws:states:us-east-1:123456789012:execution:user1-flow-2:x"})
        ));
        assert!(!about(&machine, Value::Null));

        let function = Target::function(&scope(), "user1-f");
        assert!(about(&function, json!({"functionName": "user1-f"})));
        assert!(about(
            &function,
            json!({"queries": [{"logGroupName": "/aws/lambda/user1-f"}]})
        ));
        assert!(about(
            &function,
            json!({"logGroupArn": format!("{}:*", scope().log_group_arn("/aws/lambda/user1-f"))})
        ));
        assert!(!about(
            &function,
            json!({"functionName": "user1-f2", "logGroupName": "/aws/lambda/user1-f2"})
        ));
    }
}
