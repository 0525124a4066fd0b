//! Step Functions state machine.
//!
//! The definition carries its own record in its top-level `Comment`: the fingerprint of everything else in
//! it. So one `DescribeStateMachine` tells whose it is and whether the student changed it, and an update is
//! recorded by the very call that makes it. Asking for tags instead would cost a second call on the scarcest
//! read quota of the service (ListTagsForResource refills at 1 per second).
//!
//! Step Functions state machine: create, update, delete and wait until it is gone.

use crate::aws::{ErrorKind, NewStateMachine};
use crate::stack::ids::Scope;
use crate::stack::kinds::extras::{Extras, MachineSetting};
use crate::stack::kinds::{Drift, three_way};
use crate::stack::ownership::{Fingerprint, Owner, Ownership, Record};
use crate::stack::step::{Context, Poll, StepError, or_gone};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;

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

/// How long a deletion may take before running executions, which hold it up, are stopped.
const PATIENCE: Duration = Duration::from_secs(5);

fn request<'a>(cx: &Context<'_>, machine: &'a StateMachine) -> NewStateMachine<'a> {
    NewStateMachine {
        name: &machine.name,
        workflow_type: machine.workflow_type,
        role_arn: cx.scope.role_arn(cx.class(), &machine.role),
        definition: machine.signed_definition(cx.owner),
        tags: cx.owner.tags(cx.scope, &machine.fingerprint()),
    }
}

/// Creates the state machine.
///
/// # Errors
/// A conflict when one of that name is there and not ours; stuck when the role does not become assumable,
/// or a state machine of that name that is being deleted does not go.
pub async fn create(cx: &Context<'_>, machine: &StateMachine) -> Result<(), StepError> {
    let new = &request(cx, machine);
    let mut deletion = Poll::state_machine_gone();
    loop {
        let created = cx
            .call_assuming_role(|| cx.client.create_state_machine(new))
            .await;
        match created {
            Err(StepError::Cloud(error)) if error.kind == ErrorKind::Deleting => {
                let on = "an older state machine of that name to be gone";
                let waited = deletion.again(cx, on).await;
                waited.map_err(|stuck| stuck.after(error))?;
            }
            Err(error) if error.kind() == Some(ErrorKind::AlreadyExists) => {
                return adopt(cx, machine).await;
            }
            other => return other.map(drop),
        }
    }
}

/// There is one that differs, and the listing did not show it: brings it up to date if it is ours.
async fn adopt(cx: &Context<'_>, machine: &StateMachine) -> Result<(), StepError> {
    let arn = &cx.scope.state_machine_arn(&machine.name);
    let detail = cx.client.describe_state_machine(arn).await?;
    prove_ours(cx, arn, &detail).await?;
    update(cx, machine, &[]).await
}

/// Proves that a state machine is this student's: by the record in its definition, else by its tags.
async fn prove_ours(cx: &Context<'_>, arn: &str, detail: &Detail) -> Result<(), StepError> {
    if detail.recorded_owner().as_ref() == Some(cx.owner) {
        return Ok(());
    }
    let tags = cx.client.state_machine_tags(arn).await?;
    cx.prove_ours(&tags)
}

/// Writes definition and role, and puts the settings in `undo` back as AWS makes them.
///
/// # Errors
/// AWS's; stuck when the role does not become assumable.
pub async fn update(
    cx: &Context<'_>,
    machine: &StateMachine,
    undo: &[MachineSetting],
) -> Result<(), StepError> {
    let new = &request(cx, machine);
    let arn = &cx.scope.state_machine_arn(&machine.name);
    cx.call_assuming_role(|| cx.client.update_state_machine(arn, new, undo))
        .await?;
    let tagged = cx.client.tag_state_machine(arn, &new.tags);
    Ok(tagged.await?)
}

/// Deletes the state machine and waits until it is gone.
///
/// # Errors
/// AWS's; stuck when it does not go; one that is gone already is no error.
pub async fn delete(cx: &Context<'_>, arn: &str) -> Result<(), StepError> {
    or_gone(cx.client.delete_state_machine(arn).await)?;
    let mut poll = Poll::state_machine_gone();
    let mut stopped = false;
    loop {
        // Right after the deletion it is never gone.
        poll.again(cx, "the state machine to be gone").await?;
        let seen = cx.client.describe_state_machine(arn).await;
        match seen {
            Err(error) if error.kind() == Some(ErrorKind::NotFound) => return Ok(()),
            other => other?,
        };
        if !stopped && poll.elapsed() >= PATIENCE {
            stop_executions(cx, arn).await?;
            stopped = true;
        }
    }
}

/// Stops what runs of a state machine that is this student's.
///
/// # Errors
/// A conflict where it is not; AWS's otherwise. One that is not there is no error.
pub async fn stop(cx: &Context<'_>) -> Result<(), StepError> {
    let arn = &cx.scope.state_machine_arn(&cx.resource.name);
    let detail = cx.client.describe_state_machine(arn).await;
    let detail = match detail {
        Err(error) if error.kind() == Some(ErrorKind::NotFound) => return Err(StepError::Absent),
        other => other?,
    };
    prove_ours(cx, arn, &detail).await?;
    stop_executions(cx, arn).await
}

/// Stops what still runs: a state machine is gone only when its executions have ended.
async fn stop_executions(cx: &Context<'_>, arn: &str) -> Result<(), StepError> {
    let mut token = None;
    loop {
        let page = cx.client.executions_page(arn, true, token.clone()).await;
        let page = match page {
            // Gone meanwhile, or of the type Express, whose executions cannot be listed and end by themselves.
            Err(error)
                if matches!(error.kind(), Some(ErrorKind::NotFound | ErrorKind::Invalid)) =>
            {
                return Ok(());
            }
            other => other?,
        };
        for execution in &page.items {
            let stop = cx.client.stop_execution(&execution.arn);
            match stop.await {
                // It ended by itself meanwhile.
                Err(error) if error.kind() == Some(ErrorKind::Invalid) => {}
                other => or_gone(other)?,
            }
        }
        token = page.next;
        if token.is_none() {
            return Ok(());
        }
    }
}
