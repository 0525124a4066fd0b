//! Step Functions state machine: create, update, delete and wait until it is gone.

use std::time::Duration;

use crate::aws::{ErrorKind, NewStateMachine};
use crate::domain::resources::extras::MachineSetting;
use crate::domain::resources::state_machine::{Detail, StateMachine};
use crate::engine::step::{Context, Poll, StepError, or_gone};

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
        Err(error) if error.kind() == Some(ErrorKind::NotFound) => return Ok(()),
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
