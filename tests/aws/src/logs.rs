//! CloudWatch Logs. Source: CloudWatch Logs API reference.

use std::collections::BTreeMap;

use homeroom::strict::{Refusal, Request};
use serde_json::{Value, json};

use super::answer::{Answer, Body};
use super::world::{World, tag_map};
use super::{ACCOUNT, REGION};

#[derive(Debug, Clone, Default)]
pub(super) struct LogGroup {
    pub(super) name: String,
    retention_days: Option<i64>,
    tags: BTreeMap<String, String>,
    /// Messages with their time in milliseconds since 1970.
    events: Vec<(i64, String)>,
}

/// Source: PutRetentionPolicy, `retentionInDays`.
const RETENTION: [i64; 22] = [
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922,
    3288, 3653,
];

fn arn(name: &str) -> String {
    format!("arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{name}")
}

impl World {
    pub(super) fn logs(&mut self, operation: &str, request: &Request) -> Answer {
        let name = request.text("logGroupName");
        Ok(Body::Json(match operation {
            "DescribeLogGroups" => self.list_groups(request),
            "ListTagsForResource" => {
                let resource = request.text("resourceArn");
                let found = self
                    .log_groups
                    .values()
                    .find(|group| arn(&group.name) == resource);
                json!({"tags": found.ok_or_else(missing)?.tags})
            }
            "TagResource" => {
                let resource = request.text("resourceArn");
                let mut groups = self.log_groups.values_mut();
                let found = groups.find(|group| arn(&group.name) == resource);
                found
                    .ok_or_else(missing)?
                    .tags
                    .extend(tag_map(request.get("tags")));
                json!({})
            }
            "CreateLogGroup" => {
                if self.log_groups.contains_key(name) {
                    return Err(Refusal::new(
                        400,
                        "ResourceAlreadyExistsException",
                        "The specified log group already exists",
                    ));
                }
                let group = LogGroup {
                    name: name.to_owned(),
                    tags: tag_map(request.get("tags")),
                    ..LogGroup::default()
                };
                self.log_groups.insert(name.to_owned(), group);
                json!({})
            }
            "PutRetentionPolicy" => {
                let days = request.get("retentionInDays").as_i64().unwrap_or_default();
                if !RETENTION.contains(&days) {
                    return Err(Refusal::new(
                        400,
                        "InvalidParameterException",
                        "Invalid retention value",
                    ));
                }
                self.group(name)?.retention_days = Some(days);
                json!({})
            }
            "DeleteLogGroup" => {
                self.log_groups.remove(name).ok_or_else(missing)?;
                json!({})
            }
            "FilterLogEvents" => {
                let since = request.get("startTime").as_i64().unwrap_or_default();
                let until = request.get("endTime").as_i64().unwrap_or(i64::MAX);
                let pattern = Pattern::parse(request.text("filterPattern"))?;
                let events = &self.group(name)?.events;
                let found: Vec<Value> = events
                    .iter()
                    .filter(|(at, _)| (since..=until).contains(at))
                    .filter(|(_, message)| pattern.picks(message))
                    .map(|(at, message)| json!({"timestamp": at, "message": message}))
                    .collect();
                let (page, next) = self.page(
                    found,
                    request.text("nextToken"),
                    request.number("limit"),
                    10_000,
                );
                json!({"events": page, "nextToken": next})
            }
            _ => panic!("CloudWatch Logs here knows no {operation}"),
        }))
    }

    fn group(&mut self, name: &str) -> Result<&mut LogGroup, Refusal> {
        self.log_groups.get_mut(name).ok_or_else(missing)
    }

    fn list_groups(&self, request: &Request) -> Value {
        let prefix = request.text("logGroupNamePrefix");
        let groups = self
            .log_groups
            .values()
            .filter(|group| group.name.starts_with(prefix));
        let all: Vec<Value> = groups
            .map(|group| {
                let mut item =
                    json!({"logGroupName": group.name, "arn": format!("{}:*", arn(&group.name))});
                if let Some(days) = group.retention_days {
                    item["retentionInDays"] = days.into();
                }
                item
            })
            .collect();
        let (page, next) = self.page(all, request.text("nextToken"), request.number("limit"), 50);
        json!({"logGroups": page, "nextToken": next})
    }

    pub(super) fn recreate_log_group(&mut self, name: &str) {
        self.log_groups
            .entry(name.to_owned())
            .or_insert_with(|| LogGroup {
                name: name.to_owned(),
                ..LogGroup::default()
            });
    }

    /// A function logs, if its group is there: its role may not create one.
    pub(super) fn log(&mut self, function: &str, message: &str) {
        let at = self.millis(self.now);
        let name = format!("/aws/lambda/{function}");
        if let Some(held) = &mut self.held_logs {
            held.push((name, at, message.to_owned()));
        } else if let Some(group) = self.log_groups.get_mut(&name) {
            group.events.push((at, message.to_owned()));
        }
    }

    /// What was held back comes.
    pub(super) fn let_logs_come(&mut self) {
        for (name, at, message) in self.held_logs.take().into_iter().flatten() {
            if let Some(group) = self.log_groups.get_mut(&name) {
                group.events.push((at, message));
            }
        }
    }
}

/// The filter patterns for JSON events that homeroom writes: a value at a selector, `&&`, `||`, parentheses. Source:
/// CloudWatch Logs, "Filter pattern syntax".
enum Pattern {
    All,
    Equal(String, String),
    And(Vec<Pattern>),
    Or(Vec<Pattern>),
}

impl Pattern {
    fn parse(text: &str) -> Result<Self, Refusal> {
        let invalid = |why: &str| {
            let message = format!("Invalid filter pattern: {why}");
            Refusal::new(400, "InvalidParameterException", &message)
        };
        if text.is_empty() {
            return Ok(Self::All);
        }
        if text.chars().count() > 1024 {
            return Err(invalid("longer than 1024 characters"));
        }
        let inner = text
            .strip_prefix('{')
            .and_then(|rest| rest.strip_suffix('}'));
        let mut rest = inner.ok_or_else(|| invalid("not for JSON"))?.trim();
        let pattern = Self::any(&mut rest).ok_or_else(|| invalid(text))?;
        match rest.is_empty() {
            true => Ok(pattern),
            false => Err(invalid(rest)),
        }
    }

    fn any(rest: &mut &str) -> Option<Self> {
        let mut parts = vec![Self::all(rest)?];
        while let Some(after) = rest.strip_prefix("||") {
            *rest = after.trim_start();
            parts.push(Self::all(rest)?);
        }
        Some(Self::Or(parts))
    }

    fn all(rest: &mut &str) -> Option<Self> {
        let mut parts = vec![Self::one(rest)?];
        while let Some(after) = rest.strip_prefix("&&") {
            *rest = after.trim_start();
            parts.push(Self::one(rest)?);
        }
        Some(Self::And(parts))
    }

    fn one(rest: &mut &str) -> Option<Self> {
        if let Some(after) = rest.strip_prefix('(') {
            *rest = after.trim_start();
            let inner = Self::any(rest)?;
            *rest = rest.strip_prefix(')')?.trim_start();
            return Some(inner);
        }
        let (selector, after) = rest.strip_prefix("$.")?.split_once('=')?;
        let (value, after) = after.trim_start().strip_prefix('"')?.split_once('"')?;
        *rest = after.trim_start();
        let pointer = format!("/{}", selector.trim().replace('.', "/"));
        Some(Self::Equal(pointer, value.to_owned()))
    }

    fn picks(&self, message: &str) -> bool {
        match self {
            Self::All => true,
            _ => serde_json::from_str(message.trim()).is_ok_and(|json| self.fits(&json)),
        }
    }

    fn fits(&self, json: &Value) -> bool {
        match self {
            Self::All => true,
            Self::Equal(pointer, value) => json
                .pointer(pointer)
                .and_then(Value::as_str)
                .is_some_and(|text| value == "*" || text == value),
            Self::And(parts) => parts.iter().all(|part| part.fits(json)),
            Self::Or(parts) => parts.iter().any(|part| part.fits(json)),
        }
    }
}

fn missing() -> Refusal {
    Refusal::new(
        400,
        "ResourceNotFoundException",
        "The specified log group does not exist.",
    )
}
