//! Failed executions of a class with their histories, as far as they can be read. They show why a rehearsal failed.

use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};

use crate::aws::execution::{Execution, ExecutionStatus, HistoryEvent};
use crate::aws::stop::Cancelled;
use crate::aws::{CallError, Client, Page};
use crate::stack::kinds::Desired;

/// Pages of one listing or history at most: a thousand executions, and as many events of each.
const PAGES_MAX: usize = 10;
/// The embedded cloud may itself be broken, so it is not asked for longer.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Debug, Default, Serialize)]
pub(crate) struct FailedExecutions {
    executions: Vec<Value>,
    unread: Vec<String>,
}

async fn read_all(
    client: &Client,
    desired: &Desired,
    found: &mut FailedExecutions,
) -> Result<(), Cancelled> {
    for stack in &desired.stacks {
        for machine in &stack.state_machines {
            let arn = desired.scope.state_machine_arn(&machine.name);
            let executions = pages(found, &arn, async |token| {
                client.executions_page(&arn, false, token.clone()).await
            })
            .await?;
            for execution in executions.into_iter().filter(failed) {
                let events = pages(found, &execution.arn, async |token| {
                    client
                        .execution_history_page(&execution.arn, false, token.clone())
                        .await
                })
                .await?;
                let described = client.describe_execution(&execution.arn).await;
                let execution = described.unwrap_or(execution);
                let events: Vec<Value> = events.iter().map(event).collect();
                found.executions.push(json!({
                    "student": stack.student(),
                    "execution": execution,
                    "events": events,
                }));
            }
        }
    }
    Ok(())
}

fn failed(execution: &Execution) -> bool {
    !matches!(
        execution.status,
        ExecutionStatus::Succeeded | ExecutionStatus::Running
    )
}

fn event(event: &HistoryEvent) -> Value {
    json!({
        "id": event.id,
        "previous": event.previous,
        "type": event.kind,
        "state": event.state,
        "error": event.error,
        "cause": event.cause,
    })
}

impl FailedExecutions {
    /// Reads every failed execution of the class with its history, and notes what could not be read.
    pub(crate) async fn read(client: &Client, desired: &Desired) -> Self {
        let mut found = Self::default();
        let reading = read_all(client, desired, &mut found);
        match tokio::time::timeout(PATIENCE, reading).await {
            Ok(Ok(())) => {}
            Ok(Err(Cancelled)) => found.unread.push("stopped".to_owned()),
            Err(_) => found.unread.push(format!(
                "the rest: it took more than {} s",
                PATIENCE.as_secs()
            )),
        }
        found
    }
}

/// The items of a listing, up to the page that cannot be read.
async fn pages<T>(
    found: &mut FailedExecutions,
    of: &str,
    next: impl AsyncFn(Option<String>) -> Result<Page<T>, CallError>,
) -> Result<Vec<T>, Cancelled> {
    let mut items = Vec::new();
    let mut token = None;
    for _ in 0..PAGES_MAX {
        match next(token).await {
            Ok(page) => {
                items.extend(page.items);
                token = page.next;
                if token.is_none() {
                    return Ok(items);
                }
            }
            Err(CallError::Cloud(error)) => {
                found.unread.push(format!("{of}: {error}"));
                return Ok(items);
            }
            Err(CallError::Cancelled) => return Err(Cancelled),
        }
    }
    found
        .unread
        .push(format!("{of}: more than {PAGES_MAX} pages"));
    Ok(items)
}
