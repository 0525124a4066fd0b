//! Reads what a student's checks need, and no more: one listing of executions, details only where a check
//! still needs them (newest first), functions only when no execution proves that they run.

use crate::domain::check::{Check, Proof, Verdict};
use crate::domain::evaluate::{Facts, Reading, evaluate, needs_detail, proves_ready};
use crate::domain::execution::{Execution, Starter};
use crate::domain::operation::Operation;
use crate::domain::plan::StudentPlan;
use crate::domain::resources::{Kind, ResourceId};

use super::call::{CallError, Caller};
use super::port::{Cloud, ErrorKind};
use super::stop::Cancelled;

/// How far back log events are looked for, in milliseconds before the student's first execution.
const LOG_MARGIN_MS: i64 = 60_000;

/// One student, as their checks see them.
pub struct Subject<'a> {
    /// What is planned for them, which tells what is there.
    pub plan: &'a StudentPlan,
    /// State machines that checks ask about: id in the lab, ARN.
    pub state_machines: Vec<(String, String)>,
    /// Functions that checks ask about: id in the lab, name.
    pub functions: Vec<(String, String)>,
    /// Tells who started an execution, by its name and, where known, its input.
    pub starter_of: &'a (dyn Fn(&str, Option<&serde_json::Value>) -> Starter + Sync),
}

/// Reads the facts for a student's checks.
///
/// # Errors
/// Only when the run is stopped: what cannot be read is a fact too.
pub async fn gather<C: Cloud>(
    caller: &Caller<C>,
    checks: &[Check],
    subject: &Subject<'_>,
) -> Result<Facts, Cancelled> {
    let mut facts = Facts::default();
    for (id, arn) in &subject.state_machines {
        let reading = executions(caller, subject, arn).await?;
        facts.executions.insert(id.clone(), reading);
    }
    describe_where_needed(caller, checks, subject, &mut facts).await?;
    if checks.iter().any(|c| c.proof == Proof::ResourcesReady) && !proves_ready(&facts) {
        facts.functions_not_ready = functions_not_ready(caller, subject.plan).await?;
    }
    log_events(caller, checks, subject, &mut facts).await?;
    Ok(facts)
}

fn unseen<T>(error: CallError) -> Result<Reading<T>, Cancelled> {
    match error {
        CallError::Cloud(error) => Ok(Reading::Unseen(error.to_string())),
        CallError::Cancelled => Err(Cancelled),
    }
}

async fn executions<C: Cloud>(
    caller: &Caller<C>,
    subject: &Subject<'_>,
    arn: &str,
) -> Result<Reading<Vec<(Starter, Execution)>>, Cancelled> {
    let mut all = Vec::new();
    let mut token: Option<String> = None;
    loop {
        let page = caller
            .call(Operation::ListExecutions, |c| {
                c.executions_page(arn, false, token.clone())
            })
            .await;
        let page = match page {
            Ok(page) => page,
            // No state machine, no executions; that it is missing is another check's finding.
            Err(error) if error.kind() == Some(ErrorKind::NotFound) => {
                return Ok(Reading::Seen(all));
            }
            Err(error) => return unseen(error),
        };
        all.extend(
            page.items
                .into_iter()
                .map(|e| ((subject.starter_of)(&e.name, None), e)),
        );
        token = page.next;
        if token.is_none() {
            return Ok(Reading::Seen(all));
        }
    }
}

/// Describes executions, newest first, for as long as a check that looks into them does not pass.
async fn describe_where_needed<C: Cloud>(
    caller: &Caller<C>,
    checks: &[Check],
    subject: &Subject<'_>,
    facts: &mut Facts,
) -> Result<(), Cancelled> {
    loop {
        let Some((id, index)) = next_to_describe(checks, subject.plan, facts) else {
            return Ok(());
        };
        let Some(Reading::Seen(all)) = facts.executions.get_mut(&id) else {
            return Ok(());
        };
        let (starter, execution) = &mut all[index];
        let arn = execution.arn.clone();
        let described = caller
            .call(Operation::DescribeExecution, |c| c.describe_execution(&arn))
            .await;
        match described {
            Ok((status, detail)) => {
                *starter = (subject.starter_of)(&execution.name, Some(&detail.input));
                execution.status = status;
                execution.detail = Some(detail);
            }
            Err(CallError::Cancelled) => return Err(Cancelled),
            // One refusal stands for the rest: what is undescribed shows as could-not-check.
            Err(CallError::Cloud(_)) => return Ok(()),
        }
    }
}

/// The newest execution that a check which does not pass yet needs described.
fn next_to_describe(
    checks: &[Check],
    plan: &StudentPlan,
    facts: &Facts,
) -> Option<(String, usize)> {
    for check in checks {
        let Proof::Executions { state_machine, .. } = &check.proof else {
            continue;
        };
        let Some(Reading::Seen(all)) = facts.executions.get(state_machine) else {
            continue;
        };
        if evaluate(check, plan, facts).verdict == Verdict::Pass {
            continue;
        }
        let index = all
            .iter()
            .position(|(starter, e)| needs_detail(&check.proof, *starter, e));
        if let Some(index) = index {
            return Some((state_machine.clone(), index));
        }
    }
    None
}

/// Functions of a student that are not ready to run.
///
/// # Errors
/// Only when the run is stopped.
pub async fn functions_not_ready<C: Cloud>(
    caller: &Caller<C>,
    plan: &StudentPlan,
) -> Result<Vec<(String, Reading<String>)>, Cancelled> {
    let mut found = Vec::new();
    let functions = plan
        .items
        .iter()
        .map(|item| &item.resource)
        .filter(|id| id.kind == Kind::Function);
    for ResourceId { name, .. } in functions {
        let state = caller
            .call(Operation::GetFunction, |c| c.get_function(name))
            .await;
        let reading = match state {
            // Inactive: not invoked for weeks; the next invocation wakes it.
            Ok(state) if matches!(state.state.as_str(), "" | "Active" | "Inactive") => continue,
            Ok(state) => Reading::Seen(match state.reason {
                Some(reason) => format!("{} ({reason})", state.state),
                None => state.state,
            }),
            Err(error) if error.kind() == Some(ErrorKind::NotFound) => {
                Reading::Seen("missing".to_owned())
            }
            Err(error) => unseen(error)?,
        };
        found.push((name.clone(), reading));
    }
    Ok(found)
}

/// Looks for log events where a check asks for them, and only when the student has run anything at all.
async fn log_events<C: Cloud>(
    caller: &Caller<C>,
    checks: &[Check],
    subject: &Subject<'_>,
    facts: &mut Facts,
) -> Result<(), Cancelled> {
    let first_own = facts
        .executions
        .values()
        .filter_map(|reading| match reading {
            Reading::Seen(all) => all
                .iter()
                .filter(|(starter, _)| *starter != Starter::Homeroom)
                .map(|(_, e)| e.started_ms)
                .min(),
            Reading::Unseen(_) => None,
        })
        .min();
    let Some(first_own) = first_own else {
        return Ok(());
    };
    for check in checks {
        let Proof::LogEvents { functions, .. } = &check.proof else {
            continue;
        };
        for id in functions {
            let Some((_, name)) = subject.functions.iter().find(|(known, _)| known == id) else {
                continue;
            };
            let group = format!("/aws/lambda/{name}");
            let reading = match has_events(caller, &group, first_own - LOG_MARGIN_MS).await {
                Ok(any) => Reading::Seen(any),
                Err(error) => unseen(error)?,
            };
            facts.log_events.insert(id.clone(), reading);
        }
    }
    Ok(())
}

/// Whether a log group has an event since a time. A page may be empty and still not the last.
///
/// # Errors
/// AWS's, or that the run was stopped; a group that is not there has no events.
pub async fn has_events<C: Cloud>(
    caller: &Caller<C>,
    group: &str,
    since_ms: i64,
) -> Result<bool, CallError> {
    let mut token: Option<String> = None;
    loop {
        let page = caller
            .call(Operation::FilterLogEvents, |c| {
                c.log_events_page(group, since_ms, 1, token.clone())
            })
            .await;
        let page = match page {
            Err(error) if error.kind() == Some(ErrorKind::NotFound) => return Ok(false),
            other => other?,
        };
        if !page.items.is_empty() {
            return Ok(true);
        }
        token = page.next;
        if token.is_none() {
            return Ok(false);
        }
    }
}
