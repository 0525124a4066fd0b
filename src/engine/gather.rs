//! Reads what a student's checks need, and no more: one listing of executions, details only where a check
//! still needs them and no earlier reading knows them, functions only when no execution proves that they run, log
//! events only around the student's own executions.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::cache::{LOGS_SETTLED_MS, Look, Memory, TRAIL_KEPT_MAX};
use crate::domain::check::{Check, Proof};
use crate::domain::evaluate::{
    Facts, LogKey, LogSight, LogWindow, Reading, TrailSight, next_to_describe, own_windows,
    proves_ready,
};
use crate::domain::execution::{Execution, Starter};
use crate::domain::ids::Scope;
use crate::domain::observed::Observed;
use crate::domain::operation::Operation;
use crate::domain::plan::StudentPlan;
use crate::domain::resources::{Kind, ResourceId};
use crate::domain::trail::{Target, TrailEvent};

use super::call::{CallError, Caller};
use super::port::{Cloud, ErrorKind};
use super::stop::Cancelled;
use super::trail::ClassTrail;

/// Executions of one student that one reading describes at most: somebody who starts thousands must not stop the
/// reading of a class. What is described is kept, so the next reading goes on from there.
const DESCRIBED_MAX: usize = 200;

/// One student, as their checks see them.
pub struct Subject<'a> {
    /// What is planned for them, which tells what is there.
    pub plan: &'a StudentPlan,
    /// What was listed of the class.
    pub observed: &'a Observed,
    /// State machines that checks ask about: id in the lab, ARN.
    pub state_machines: Vec<(String, String)>,
    /// Functions that checks ask about: id in the lab, name.
    pub functions: Vec<(String, String)>,
    /// What checks ask of CloudTrail: the resource, by the proof.
    pub trail_targets: Vec<(String, Target)>,
    /// When the oldest of the student's resources came to be, in milliseconds since 1970: what happened before
    /// happened to others of the same names.
    pub born_ms: Option<i64>,
    /// CloudTrail's events of the whole class, by the proof.
    pub trail: &'a BTreeMap<String, ClassTrail>,
    /// ARN of whoever reads.
    pub instructor: &'a str,
    /// Tells who started an execution, by its ARN and name and, where it was described, its input.
    pub starter_of: &'a (dyn Fn(&Execution) -> Starter + Sync),
    /// JSON pointers into an execution's input that anything looks at.
    pub input_pointers: &'a [String],
    /// What an earlier reading left.
    pub memory: &'a Memory,
    /// The time, in milliseconds since 1970.
    pub now_ms: i64,
    /// Where the console is, if there is one.
    pub console: Option<&'a Scope>,
}

/// What a reading brought.
#[derive(Debug, Default)]
pub struct Gathered {
    /// The facts, for the checks.
    pub facts: Facts,
    /// What the next reading need not ask again.
    pub memory: Memory,
}

/// Reads the facts for a student's checks.
///
/// # Errors
/// Only when the run is stopped: what cannot be read is a fact too.
pub async fn gather<C: Cloud>(
    caller: &Caller<C>,
    checks: &[Check],
    subject: &Subject<'_>,
) -> Result<Gathered, Cancelled> {
    let mut gathered = Gathered::default();
    gathered.facts.console = subject.console.cloned();
    for (id, arn) in &subject.state_machines {
        let reading = executions(caller, subject, arn).await?;
        gathered.facts.executions.insert(id.clone(), reading);
    }
    describe_where_needed(caller, checks, subject, &mut gathered.facts).await?;
    keep_executions(subject, &mut gathered);
    if checks.iter().any(|c| c.proof == Proof::ResourcesReady) {
        read_functions(caller, subject, &mut gathered).await?;
    }
    log_events(caller, checks, subject, &mut gathered).await?;
    trail_events(subject, &mut gathered);
    Ok(gathered)
}

/// Picks the student's events out of the class's, and adds those that an earlier reading saw.
fn trail_events(subject: &Subject<'_>, gathered: &mut Gathered) {
    for (key, target) in &subject.trail_targets {
        let Some(class) = subject.trail.get(key) else {
            continue;
        };
        let new = class.records.iter().filter(|record| {
            record.can_be_a_students(subject.instructor) && record.is_about(target)
        });
        let known = subject.memory.trail.get(key).into_iter().flatten();
        let mut events: Vec<TrailEvent> = new.map(|r| &r.event).chain(known).cloned().collect();
        events.retain(|event| subject.born_ms.is_some_and(|born| event.time_ms >= born));
        events.sort_by(|a, b| (b.time_ms, &b.id).cmp(&(a.time_ms, &a.id)));
        events.dedup_by(|a, b| a.id == b.id);
        let kept = events.iter().take(TRAIL_KEPT_MAX).cloned().collect();
        gathered.memory.trail.insert(key.clone(), kept);
        let sight = TrailSight {
            events,
            unseen: class.unseen.clone(),
        };
        gathered.facts.trail.insert(key.clone(), sight);
    }
}

fn unseen<T>(error: CallError) -> Result<Reading<T>, Cancelled> {
    match error {
        CallError::Cloud(error) => Ok(Reading::Unseen(error.in_full())),
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
            // It was deleted since it was listed: with it went the executions, and not what the student did.
            Err(error) if error.kind() == Some(ErrorKind::NotFound) => {
                return Ok(Reading::Unseen("the state machine is not there".to_owned()));
            }
            Err(error) => return unseen(error),
        };
        all.extend(page.items.into_iter().map(|mut execution| {
            execution.detail = subject.memory.detail_of(&execution).cloned();
            ((subject.starter_of)(&execution), execution)
        }));
        token = page.next;
        if token.is_none() {
            return Ok(Reading::Seen(all));
        }
    }
}

/// Describes executions for as long as a check that looks into them does not pass.
async fn describe_where_needed<C: Cloud>(
    caller: &Caller<C>,
    checks: &[Check],
    subject: &Subject<'_>,
    facts: &mut Facts,
) -> Result<(), Cancelled> {
    for _ in 0..DESCRIBED_MAX {
        let Some((id, index)) = next(checks, subject.plan, facts) else {
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
            Ok(described) => {
                // The times stay the listing's, by which the next reading knows it again: what ended since the
                // listing has no end time here, and is described again next time.
                execution.status = described.status;
                execution.detail = described.detail;
                *starter = (subject.starter_of)(execution);
                let pointers = subject.input_pointers.iter().map(String::as_str);
                execution.detail = execution.detail.take().map(|d| d.reduced(pointers));
            }
            // Gone since it was listed, with its state machine or by age.
            Err(error) if error.kind() == Some(ErrorKind::NotFound) => {
                all.remove(index);
            }
            Err(CallError::Cancelled) => return Err(Cancelled),
            // One refusal stands for the rest: what is undescribed shows as could-not-check.
            Err(CallError::Cloud(error)) => {
                facts.undescribed = Some(error.in_full());
                return Ok(());
            }
        }
    }
    facts.undescribed = Some(format!(
        "{DESCRIBED_MAX} a reading are described; the next reading goes on"
    ));
    Ok(())
}

/// The execution that a check which does not pass yet needs described next.
fn next(checks: &[Check], plan: &StudentPlan, facts: &Facts) -> Option<(String, usize)> {
    checks.iter().find_map(|check| {
        let Proof::Executions { state_machine, .. } = &check.proof else {
            return None;
        };
        let Some(Reading::Seen(all)) = facts.executions.get(state_machine) else {
            return None;
        };
        let index = next_to_describe(&check.proof, plan, all)?;
        Some((state_machine.clone(), index))
    })
}

fn keep_executions(subject: &Subject<'_>, gathered: &mut Gathered) {
    let mut any_unseen = false;
    for reading in gathered.facts.executions.values() {
        match reading {
            Reading::Seen(all) => all.iter().for_each(|(_, e)| gathered.memory.keep(e)),
            Reading::Unseen(_) => any_unseen = true,
        }
    }
    if any_unseen {
        // Not seeing the listing is no reason to forget what was described.
        let kept: BTreeSet<String> = gathered
            .memory
            .executions
            .iter()
            .map(|e| e.arn.clone())
            .collect();
        let old = subject.memory.executions.iter();
        let old = old.filter(|e| !kept.contains(&e.arn)).cloned();
        gathered.memory.executions.extend(old);
    }
}

/// Looks whether functions are ready, unless an execution that ended well shows that they run.
async fn read_functions<C: Cloud>(
    caller: &Caller<C>,
    subject: &Subject<'_>,
    gathered: &mut Gathered,
) -> Result<(), Cancelled> {
    let fingerprint = |name: &str| Some(subject.observed.functions.get(name)?.fingerprint());
    let functions = subject
        .plan
        .items
        .iter()
        .filter(|item| item.resource.kind == Kind::Function)
        .map(|item| item.resource.name.as_str());
    let known = |name: &str| {
        let active = subject.memory.active.get(name);
        active.is_some() && active == fingerprint(name).as_ref()
    };
    let (active, asked): (Vec<&str>, Vec<&str>) = functions.partition(|name| known(name));
    for name in active {
        let fingerprint = fingerprint(name);
        let kept = fingerprint.map(|f| (name.to_owned(), f));
        gathered.memory.active.extend(kept);
    }
    if proves_ready(&gathered.facts) {
        return Ok(());
    }
    let not_ready = not_ready(caller, asked.iter().copied()).await?;
    for name in asked {
        if !not_ready.iter().any(|(other, _)| other == name) {
            let kept = fingerprint(name).map(|f| (name.to_owned(), f));
            gathered.memory.active.extend(kept);
        }
    }
    gathered.facts.functions_not_ready = not_ready;
    Ok(())
}

/// Functions of a student that are not ready to run.
///
/// # Errors
/// Only when the run is stopped.
pub async fn functions_not_ready<C: Cloud>(
    caller: &Caller<C>,
    plan: &StudentPlan,
) -> Result<Vec<(String, Reading<String>)>, Cancelled> {
    let functions = plan
        .items
        .iter()
        .map(|item| &item.resource)
        .filter(|id| id.kind == Kind::Function)
        .map(|id: &ResourceId| id.name.as_str());
    not_ready(caller, functions).await
}

async fn not_ready<C: Cloud>(
    caller: &Caller<C>,
    functions: impl IntoIterator<Item = &str>,
) -> Result<Vec<(String, Reading<String>)>, Cancelled> {
    let mut found = Vec::new();
    for name in functions {
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
        found.push((name.to_owned(), reading));
    }
    Ok(found)
}

/// Looks for log events where a check asks for them: for those of the student's own executions only when there
/// are such.
async fn log_events<C: Cloud>(
    caller: &Caller<C>,
    checks: &[Check],
    subject: &Subject<'_>,
    gathered: &mut Gathered,
) -> Result<(), Cancelled> {
    let mut keys: BTreeSet<LogKey> = BTreeSet::new();
    for check in checks {
        if let Proof::LogEvents {
            functions,
            own_execution_of,
        } = &check.proof
        {
            let ids = functions.iter().cloned();
            keys.extend(ids.map(|id| (own_execution_of.clone(), id)));
        }
    }
    for key in keys {
        let (machine, id) = &key;
        let Some((_, name)) = subject.functions.iter().find(|(known, _)| known == id) else {
            continue;
        };
        let group = format!("/aws/lambda/{name}");
        let reading = match machine {
            None => match any_event(caller, &group, 0, None).await {
                Ok(true) => Reading::Seen(LogSight::Any),
                Ok(false) => Reading::Seen(LogSight::Nothing),
                Err(error) => unseen_events(&group, error)?,
            },
            Some(machine) => match gathered.facts.executions.get(machine) {
                Some(Reading::Seen(all)) => {
                    let windows = own_windows(all);
                    let looks = &mut gathered.memory.looks;
                    in_windows(caller, subject, id, &group, windows, looks).await?
                }
                Some(Reading::Unseen(why)) => Reading::Unseen(why.clone()),
                None => continue,
            },
        };
        gathered.facts.log_events.insert(key, reading);
    }
    Ok(())
}

/// Looks for a function's log events in the windows, until there is one.
async fn in_windows<C: Cloud>(
    caller: &Caller<C>,
    subject: &Subject<'_>,
    function: &str,
    group: &str,
    windows: Vec<LogWindow>,
    looks: &mut Vec<Look>,
) -> Result<Reading<LogSight>, Cancelled> {
    let look = |window: &LogWindow, found: bool| Look {
        function: function.to_owned(),
        execution_arn: window.execution.arn.clone(),
        started_ms: window.execution.started_ms,
        found,
    };
    let sight = |window: LogWindow| {
        Reading::Seen(LogSight::During(window.starter, Box::new(window.execution)))
    };
    let known = |window: &LogWindow| subject.memory.look(function, &window.execution);
    if let Some(window) = windows.iter().find(|w| known(w) == Some(true)) {
        looks.push(look(window, true));
        return Ok(sight(window.clone()));
    }
    for window in windows {
        if known(&window) == Some(false) {
            looks.push(look(&window, false));
            continue;
        }
        match any_event(caller, group, window.since_ms, window.until_ms).await {
            Ok(true) => {
                looks.push(look(&window, true));
                return Ok(sight(window));
            }
            Ok(false) => {
                let settled = window
                    .until_ms
                    .is_some_and(|end| end + LOGS_SETTLED_MS < subject.now_ms);
                if settled {
                    looks.push(look(&window, false));
                }
            }
            Err(error) => return unseen_events(group, error),
        }
    }
    Ok(Reading::Seen(LogSight::Nothing))
}

/// A group that is gone took its events with it: that says nothing of whether there were any.
fn unseen_events(group: &str, error: CallError) -> Result<Reading<LogSight>, Cancelled> {
    match error.kind() {
        Some(ErrorKind::NotFound) => Ok(Reading::Unseen(format!(
            "the log group {group} is not there"
        ))),
        _ => unseen(error),
    }
}

/// Whether a log group has an event since a time, up to another one.
///
/// # Errors
/// AWS's, or that the run was stopped; a group that is not there has no events.
pub async fn has_events<C: Cloud>(
    caller: &Caller<C>,
    group: &str,
    since_ms: i64,
    until_ms: Option<i64>,
) -> Result<bool, CallError> {
    match any_event(caller, group, since_ms, until_ms).await {
        Err(error) if error.kind() == Some(ErrorKind::NotFound) => Ok(false),
        other => other,
    }
}

/// The same, where a group that is not there is an error. A page may be empty and still not the last.
async fn any_event<C: Cloud>(
    caller: &Caller<C>,
    group: &str,
    since_ms: i64,
    until_ms: Option<i64>,
) -> Result<bool, CallError> {
    let mut token: Option<String> = None;
    loop {
        let page = caller
            .call(Operation::FilterLogEvents, |c| {
                c.log_events_page(group, since_ms, until_ms, 1, token.clone())
            })
            .await?;
        if !page.items.is_empty() {
            return Ok(true);
        }
        token = page.next;
        if token.is_none() {
            return Ok(false);
        }
    }
}
