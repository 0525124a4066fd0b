//! Step Functions state machine.
//!
//! The definition carries its own record in its top-level `Comment`: the fingerprint of everything else in
//! it. So one `DescribeStateMachine` tells whose it is and whether the student changed it, and an update is
//! recorded by the very call that makes it. Asking for tags instead would cost a second call on the scarcest
//! read quota of the service (ListTagsForResource refills at 1 per second).

use std::sync::Arc;

use serde_json::Value;

use crate::domain::ids::Scope;
use crate::domain::ownership::{Fingerprint, Owner, Ownership, Record};

use super::extras::{Extras, MachineSetting};
use super::{Drift, three_way};

/// Longest state machine name. Source: Step Functions CreateStateMachine, `name`.
pub const NAME_MAX: usize = 80;
/// Largest definition in characters. Source: CreateStateMachine, `definition`.
pub const DEFINITION_MAX: usize = 1_048_576;

/// Workflow type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum WorkflowType {
    /// Executions are kept for 90 days and can be listed.
    Standard,
    /// Executions are only logged.
    Express,
}

/// A state machine as it should be.
#[derive(Debug, Clone, PartialEq)]
pub struct StateMachine {
    /// Its name.
    pub name: String,
    /// Its type.
    pub workflow_type: WorkflowType,
    /// Name of the role that it runs as (one of the stack's).
    pub role: String,
    /// Its definition in Amazon States Language, without a record.
    pub definition: Arc<Value>,
}

/// A state machine as it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Actual {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// When it was created, in milliseconds since 1970, where the listing tells: another one of the same name has
    /// another time.
    pub created_ms: Option<i64>,
    /// What describing it showed; `None` before it was described.
    pub detail: Option<Detail>,
    /// Whose it is.
    pub ownership: Ownership,
}

/// What DescribeStateMachine shows.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Detail {
    /// Its definition, as text.
    pub definition: String,
    /// ARN of its role.
    pub role_arn: String,
    /// Whether it is being deleted (`DELETING`).
    pub deleting: bool,
    /// What is set that no lab sets.
    #[serde(default, skip_serializing_if = "Extras::is_empty")]
    pub extras: Extras<MachineSetting>,
}

impl StateMachine {
    /// Fingerprint of the definition.
    pub fn fingerprint(&self) -> Fingerprint {
        body_fingerprint(&self.definition)
    }

    /// The definition as it is sent: with the record in its `Comment`, keys in the template's order.
    pub fn signed_definition(&self, owner: &Owner) -> String {
        let mut definition = Value::clone(&self.definition);
        let record = owner.record(&[("definition", &self.fingerprint())]);
        if let Value::Object(map) = &mut definition {
            let comment = match map.get("Comment").and_then(Value::as_str) {
                Some(text) => format!("{text} [{record}]"),
                None => format!("[{record}]"),
            };
            map.insert("Comment".into(), comment.into());
        }
        serde_json::to_string_pretty(&definition).unwrap_or_else(|_| definition.to_string())
    }

    /// Compares it with what is.
    pub fn difference(&self, scope: &Scope, owner: &Owner, detail: &Detail) -> Drift {
        let parsed: Option<Value> = serde_json::from_str(&detail.definition).ok();
        // A record that came with a definition copied from somebody else records nothing of this one.
        let record = parsed
            .as_ref()
            .and_then(record_of)
            .filter(|r| r.owner == *owner);
        let actual = match &parsed {
            Some(value) => body_fingerprint(value),
            None => Fingerprint::of([detail.definition.as_str()]),
        };
        let recorded = record
            .as_ref()
            .and_then(|r| r.fingerprints.get("definition"));
        match three_way(&self.fingerprint(), recorded, &actual) {
            // The record is written by the same call as the definition, so the two cannot come apart
            // by an interruption; a student's edit of the comment is no reason to write it again.
            Drift::Same | Drift::SameButUnrecorded
                if detail.role_arn == scope.role_arn(&owner.class, &self.role) =>
            {
                Drift::Same
            }
            Drift::Same | Drift::SameButUnrecorded => Drift::Stale,
            other => other,
        }
    }
}

impl Detail {
    /// Whose the definition says that it is.
    pub fn recorded_owner(&self) -> Option<Owner> {
        let definition = serde_json::from_str::<Value>(&self.definition).ok()?;
        Some(record_of(&definition)?.owner)
    }
}

fn record_of(definition: &Value) -> Option<Record> {
    Record::parse(definition.get("Comment")?.as_str()?)
}

/// Fingerprint of a definition without its top-level comment.
fn body_fingerprint(definition: &Value) -> Fingerprint {
    let mut body = definition.clone();
    if let Value::Object(map) = &mut body {
        map.shift_remove("Comment");
    }
    Fingerprint::of_json(&body)
}
