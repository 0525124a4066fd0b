//! Why executions failed, from their histories: one call for each failure that is shown and not known yet.

use std::collections::BTreeMap;

use crate::aws::execution::{Execution, ExecutionDetail, HistoryEvent};
use crate::aws::stop::Cancelled;
use crate::aws::{CallError, Client, ErrorKind, Operation};
use crate::evidence::cache::{KnownCause, Memory};
use crate::evidence::check::{CheckResult, ExecutionEvidence, Why};
use crate::evidence::history::{RootCause, Told, cause_of};
use crate::ids::Username;
use crate::stack::alike::Alike;
use crate::stack::settle::Settling;

/// Pages of a history that are read at most: a workflow of thousands of events fails near its end all the same.
const PAGES_MAX: usize = 3;
/// Causes of one student that are remembered.
const KEPT_MAX: usize = 100;

/// Puts the cause beside every failed execution that the checks show.
///
/// # Errors
/// Only when the run is stopped: what could not be read says so.
pub(crate) async fn add_causes(
    client: &Client,
    student: &Username,
    checks: &mut [CheckResult],
    known: &Memory,
    kept: &mut BTreeMap<String, KnownCause>,
    settling: &mut Settling,
) -> Result<(), Cancelled> {
    let mut asked: BTreeMap<String, Why> = BTreeMap::new();
    // One refusal stands for the rest.
    let mut refused: Option<Why> = None;
    let shown = checks.iter_mut().flat_map(|check| &mut check.evidence);
    for evidence in shown.filter_map(|evidence| evidence.execution.as_mut()) {
        if !evidence.failed() {
            continue;
        }
        let execution = &evidence.execution;
        let why = if let Some(why) = asked.get(&execution.arn) {
            why.clone()
        } else if let Some(cause) = known.cause_of(execution) {
            Why::Cause(cause.clone())
        } else if let Some(why) = &refused {
            why.clone()
        } else {
            let (why, denied, _) = ask(client, student, &execution.arn, false, settling).await?;
            if denied {
                refused = Some(why.clone());
            }
            why
        };
        if let Why::Cause(cause) = &why {
            let cause = KnownCause::of(execution, cause.clone());
            kept.insert(execution.arn.clone(), cause);
        }
        asked.insert(execution.arn.clone(), why.clone());
        evidence.why = Some(why);
    }
    // A failure that is not shown this time may be shown again.
    let room = KEPT_MAX.saturating_sub(kept.len());
    let old = known.causes.iter();
    let old = old.filter(|(arn, _)| !asked.contains_key(*arn)).take(room);
    kept.extend(old.map(|(arn, cause)| (arn.clone(), cause.clone())));
    Ok(())
}

/// Puts the cause beside one execution, if it failed.
///
/// # Errors
/// Only when the run is stopped.
pub(crate) async fn add_cause(
    client: &Client,
    student: &Username,
    evidence: &mut ExecutionEvidence,
) -> Result<(), Cancelled> {
    if evidence.failed() {
        let mut settling = Settling::default();
        let arn = &evidence.execution.arn;
        let (why, ..) = ask(client, student, arn, false, &mut settling).await?;
        evidence.why = Some(why);
    }
    Ok(())
}

/// Why an execution failed, and what describing it would show, from its history alone; `None` where that cannot be read.
///
/// # Errors
/// Only when the run is stopped.
pub(super) async fn ask_whole(
    client: &Client,
    student: &Username,
    execution: &Execution,
    settling: &mut Settling,
) -> Result<Option<(RootCause, Option<ExecutionDetail>)>, Cancelled> {
    let arn = &execution.arn;
    let (why, _, events) = ask(client, student, arn, true, settling).await?;
    Ok(match why {
        Why::Cause(cause) => Some((cause, detail(&events))),
        Why::Unread(_) => None,
    })
}

/// The input, error and cause that the events tell; `None` where they do not reach back to the start.
fn detail(events: &[HistoryEvent]) -> Option<ExecutionDetail> {
    let input = events.iter().find_map(|event| event.input.as_ref())?;
    let end = events.iter().max_by_key(|event| event.id)?;
    Some(ExecutionDetail {
        input: serde_json::from_str(input).unwrap_or_default(),
        error: end.error.clone(),
        cause: end.cause.clone(),
    })
}

/// Why an execution failed, whether asking about others would be refused as well, and the events that were read.
async fn ask(
    client: &Client,
    student: &Username,
    arn: &str,
    with_inputs: bool,
    settling: &mut Settling,
) -> Result<(Why, bool, Vec<HistoryEvent>), Cancelled> {
    let alike = Alike::new(client, student, Operation::GetExecutionHistory);
    let unread = |why: String, denied| (Why::Unread(why), denied, Vec::new());
    loop {
        let answer = alike.answer(history(&alike.client, arn, with_inputs)).await;
        let (told, events) = match answer {
            Ok(read) => read,
            Err(CallError::Cancelled) => return Err(Cancelled),
            Err(CallError::Cloud(error)) if error.kind != ErrorKind::NotFound => {
                let denied = error.kind == ErrorKind::AccessDenied;
                return Ok(unread(error.to_string(), denied));
            }
            Err(CallError::Cloud(_)) => (Told::NotYet, Vec::new()),
        };
        let why = match told {
            Told::Cause(cause) => return Ok((Why::Cause(cause), false, events)),
            Told::FurtherBack => "the cause is further back than its last events reach",
            Told::NotYet => "AWS does not show its end there yet",
        };
        if told == Told::FurtherBack || !settling.again(client.stop()).await? {
            return Ok(unread(why.to_owned(), false));
        }
    }
}

async fn history(
    client: &Client,
    arn: &str,
    with_inputs: bool,
) -> Result<(Told, Vec<HistoryEvent>), CallError> {
    let mut events: Vec<HistoryEvent> = Vec::new();
    let mut token: Option<String> = None;
    for _ in 0..PAGES_MAX {
        let page = client
            .execution_history_page(arn, with_inputs, token.clone())
            .await?;
        events.extend(page.items);
        token = page.next;
        let told = cause_of(&events);
        if told != Told::FurtherBack || token.is_none() {
            return Ok((told, events));
        }
    }
    Ok((Told::FurtherBack, events))
}
