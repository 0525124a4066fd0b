//! Reads what a student's checks need, and no more: one listing of executions, details only where a check
//! still needs them and no earlier reading knows them, functions only when no execution proves that they run, log
//! events only around the student's own executions.

use std::collections::BTreeSet;

use crate::aws::execution::{Execution, Status, when};
use crate::aws::stop::Cancelled;
use crate::aws::{CallError, Client, ErrorKind, FunctionState, Operation};
use crate::evidence::cache::{KnownStart, LOGS_SETTLED_MS, Memory};
use crate::evidence::evaluate::{Facts, Reading, next_to_describe, proves_ready};

use crate::evidence::recorded::{LastWrite, Recorded};
use crate::ids::{Scope, Username};
use crate::lab::check::{Check, Proof};
use crate::lab::marks::{Marks, Starter};
use crate::stack::diff::Change;

use crate::stack::kinds::Kind;
use crate::stack::observed::Observed;
use crate::stack::plan::{StudentPlan, Verdict as Found};

use crate::evidence::logs::log_events;
use crate::evidence::starts::{Trigger, prove};
use crate::stack::alike::Alike;
use crate::stack::settle::Settling;

/// Executions of one student that one reading lists, as whole pages: somebody who starts thousands must not stop the
/// reading of a class. Older ones are known only as far as earlier readings described them.
const LISTED_MAX: usize = 2_000;
/// Executions of one student that one reading describes at most. What is described is kept, so the next reading goes on
/// from there.
const DESCRIBED_MAX: usize = 50;
/// Questions to the log of the function behind the API in one reading. One is enough unless somebody gives their own
/// executions the API's names.
const STARTS_ASKED_MAX: usize = 4;

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
    /// When the oldest of the student's resources came to be, in milliseconds since 1970: what happened before
    /// happened to others of the same names.
    pub born_ms: Option<i64>,
    /// Tells who started an execution, by its ARN and name and, where it was described, its input.
    pub starter_of: &'a (dyn Fn(&Execution) -> Starter + Sync),
    /// What homeroom recorded of its own.
    pub recorded: &'a Recorded,
    /// Tells whether an execution looks as if the API had started it.
    pub claims_api: &'a (dyn Fn(&Execution) -> bool + Sync),
    /// How the lab tells executions and log events apart.
    pub marks: &'a Marks,
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
pub async fn gather(
    client: &Client,
    checks: &[Check],
    subject: &Subject<'_>,
    settling: &mut Settling,
) -> Result<Gathered, Cancelled> {
    let mut gathered = Gathered::default();
    gathered.facts.console = subject.console.cloned();
    for (id, arn) in &subject.state_machines {
        let (reading, cut_off) = executions(client, subject, arn).await?;
        let cut_off = cut_off.map(|listed| (id.clone(), listed));
        gathered.facts.cut_off.extend(cut_off);
        gathered.facts.executions.insert(id.clone(), reading);
    }
    know_executions(client, checks, subject, &mut gathered, settling).await?;
    keep_executions(subject, &mut gathered);
    if checks.iter().any(|c| c.proof == Proof::ResourcesReady) {
        read_functions(client, subject, &mut gathered).await?;
    }
    log_events(client, checks, subject, &mut gathered).await?;
    Ok(gathered)
}

pub(super) fn unseen<T>(error: CallError) -> Result<Reading<T>, Cancelled> {
    match error {
        CallError::Cloud(error) => Ok(Reading::Unseen(error.in_full())),
        CallError::Cancelled => Err(Cancelled),
    }
}

/// A state machine's executions, the newest first; where there are more than were listed, how many were.
async fn executions(
    client: &Client,
    subject: &Subject<'_>,
    arn: &str,
) -> Result<(Reading<Vec<(Starter, Execution)>>, Option<usize>), Cancelled> {
    let (known, student) = (subject.memory.by_arn(), &subject.plan.owner.student);
    let mut all: Vec<(Starter, Execution)> = Vec::new();
    let mut token: Option<String> = None;
    let alike = Alike::new(client, student, Operation::ListExecutions);
    loop {
        let page = alike.client.executions_page(arn, false, token.clone());
        let page = match alike.answer(page).await {
            Ok(page) => page,
            // It was deleted since it was listed: with it went the executions, and not what the student did.
            Err(error) if error.kind() == Some(ErrorKind::NotFound) => {
                let gone = Reading::Unseen("the state machine is not there".to_owned());
                return Ok((gone, None));
            }
            Err(error) => return Ok((unseen(error)?, None)),
        };
        all.extend(page.items.into_iter().map(|mut execution| {
            execution.detail = Memory::detail_of(&known, &execution).cloned();
            (starter(subject, &execution), execution)
        }));
        token = page.next;
        if token.is_none() {
            return Ok((Reading::Seen(all), None));
        }
        if all.len() >= LISTED_MAX {
            let listed = all.len();
            add_older(subject, arn, &mut all);
            return Ok((Reading::Seen(all), Some(listed)));
        }
    }
}

/// Who started an execution, as far as is known without asking anything.
fn starter(subject: &Subject<'_>, execution: &Execution) -> Starter {
    let told = (subject.starter_of)(execution);
    match (told, subject.memory.started_by_api(execution)) {
        (Starter::Student, Some(true)) => Starter::Api,
        (Starter::Student, Some(false)) => Starter::Person,
        _ => told,
    }
}

/// Adds what earlier readings described of executions that are too old to be listed among so many.
fn add_older(subject: &Subject<'_>, arn: &str, all: &mut Vec<(Starter, Execution)>) {
    let Some(oldest) = all.last().map(|(_, execution)| execution.started_ms) else {
        return;
    };
    let of_machine = format!("{}:", arn.replacen(":stateMachine:", ":execution:", 1));
    let listed: BTreeSet<&str> = all.iter().map(|(_, e)| e.arn.as_str()).collect();
    let mut older: Vec<(Starter, Execution)> = subject
        .memory
        .executions
        .iter()
        .filter(|known| {
            known.arn.starts_with(&of_machine)
                && known.started_ms <= oldest
                && subject.born_ms.is_some_and(|born| known.started_ms >= born)
                && !listed.contains(known.arn.as_str())
        })
        .map(|known| (starter(subject, known), known.clone()))
        .collect();
    older.sort_by_key(|(_, execution)| std::cmp::Reverse(execution.started_ms));
    all.extend(older);
}

/// Reads of the executions what the checks still need: their details, and whether the API started them.
async fn know_executions(
    client: &Client,
    checks: &[Check],
    subject: &Subject<'_>,
    gathered: &mut Gathered,
    settling: &mut Settling,
) -> Result<(), Cancelled> {
    let Gathered { facts, memory } = gathered;
    let trigger = trigger(subject);
    facts
        .api_name_prefix
        .clone_from(&subject.marks.api_name_prefix);
    let changed = trigger.as_ref().filter(|trigger| trigger.changed);
    facts.trigger_changed = changed.map(|trigger| trigger.doubt.clone());
    let mut described = 0;
    for _ in 0..=STARTS_ASKED_MAX {
        describe_where_needed(client, checks, subject, facts, &mut described, settling).await?;
        let Some(trigger) = &trigger else {
            break;
        };
        if !prove(client, checks, subject, trigger, facts, &mut memory.starts).await? {
            break;
        }
    }
    // What was seen once holds for as long as the execution is there.
    let listed = facts.executions.values().flat_map(|reading| match reading {
        Reading::Seen(all) => all.as_slice(),
        Reading::Unseen(_) => &[],
    });
    let known = listed.filter_map(|(_, execution)| {
        let by_api = subject.memory.started_by_api(execution)?;
        let start = KnownStart {
            started_ms: execution.started_ms,
            by_api,
        };
        Some((execution.arn.clone(), start))
    });
    let known: Vec<_> = known.collect();
    memory.starts.extend(known);
    if facts
        .executions
        .values()
        .any(|r| matches!(r, Reading::Unseen(_)))
    {
        let old = subject.memory.starts.iter();
        memory
            .starts
            .extend(old.map(|(arn, start)| (arn.clone(), *start)));
    }
    Ok(())
}

/// The function whose log tells what the API started, if the lab has one.
fn trigger<'a>(subject: &'a Subject<'_>) -> Option<Trigger<'a>> {
    let log = subject.marks.api_log.as_ref()?;
    let mut functions = subject.functions.iter();
    let (_, name) = functions.find(|(id, _)| *id == log.function)?;
    let group = format!("/aws/lambda/{name}");
    let item = subject
        .plan
        .items
        .iter()
        .find(|item| item.resource.kind == Kind::Function && item.resource.name == *name);
    let item = item?;
    let actual = subject.observed.functions.get(name);
    let last = subject
        .recorded
        .last_write(name, actual.and_then(|actual| actual.modified_ms));
    let as_recorded = matches!(last, LastWrite::Ours(_));
    let (true_from_ms, why) = match (&item.theirs, last) {
        (Some(theirs), _) => (i64::MAX, format!("is not as deployed: {theirs}")),
        // What it records of itself, anybody can write who can write the function.
        (None, _) if item.verdict != Found::NoChange && !as_recorded => {
            (i64::MAX, "is not as the lab has it".to_owned())
        }
        (None, LastWrite::Ours(from_ms)) => (from_ms, "was not deployed by then".to_owned()),
        (None, LastWrite::Changed { at_ms, ours_ms }) => (
            last.settled_ms(),
            format!(
                "was changed {}, after homeroom had last written it {}, and is as deployed now",
                when(at_ms),
                when(ours_ms)
            ),
        ),
        (None, LastWrite::Unrecorded(at_ms)) => (
            last.settled_ms(),
            format!(
                "was last changed {}, and this computer has no record of who did that",
                when(at_ms)
            ),
        ),
        (None, LastWrite::Unseen) => (
            last.settled_ms(),
            "may have been changed: AWS does not say when that last was".to_owned(),
        ),
    };
    let doubt = Change {
        resource: item.resource.to_string(),
        summary: why,
        diff: Vec::new(),
    };
    let changed = item.theirs.is_some() || matches!(last, LastWrite::Changed { .. });
    Some(Trigger {
        log,
        retention_days: subject
            .observed
            .log_groups
            .get(&group)
            .and_then(|group| group.retention_days),
        true_from_ms,
        doubt,
        changed,
        group,
    })
}

/// Describes executions for as long as a check that looks into them does not pass.
async fn describe_where_needed(
    client: &Client,
    checks: &[Check],
    subject: &Subject<'_>,
    facts: &mut Facts,
    described: &mut usize,
    settling: &mut Settling,
) -> Result<(), Cancelled> {
    while facts.undescribed.is_none() {
        let Some((id, index)) = next(checks, subject.plan, facts) else {
            return Ok(());
        };
        if *described == DESCRIBED_MAX {
            let why = format!("{DESCRIBED_MAX} a reading are described; the next reading goes on");
            facts.undescribed = Some(why);
            return Ok(());
        }
        *described += 1;
        let Some(Reading::Seen(all)) = facts.executions.get_mut(&id) else {
            return Ok(());
        };
        let (starter_of_it, execution) = &mut all[index];
        let arn = execution.arn.clone();
        match describe(client, subject, &arn, settling).await {
            Ok(Ok(whole)) => {
                // The times stay the listing's, by which the next reading knows it again: what ended since the
                // listing has no end time here, and is described again next time.
                execution.status = whole.status;
                execution.detail = whole.detail;
                *starter_of_it = starter(subject, execution);
                let pointers = subject.input_pointers.iter().map(String::as_str);
                execution.detail = execution.detail.take().map(|d| d.reduced(pointers));
            }
            Ok(Err(missing)) => {
                facts.unsettled.insert(arn, missing);
            }
            Err(CallError::Cancelled) => return Err(Cancelled),
            // One refusal stands for the rest: what is undescribed shows as could-not-check.
            Err(CallError::Cloud(error)) => facts.undescribed = Some(error.in_full()),
        }
    }
    Ok(())
}

/// Describes an execution that is listed, again for as long as AWS may still be about to show all of it. What is missing,
/// when the time is over.
async fn describe(
    client: &Client,
    subject: &Subject<'_>,
    arn: &str,
    settling: &mut Settling,
) -> Result<Result<Execution, String>, CallError> {
    let student = &subject.plan.owner.student;
    let alike = Alike::new(client, student, Operation::DescribeExecution);
    loop {
        let described = alike.client.describe_execution(arn);
        let missing = match alike.answer(described).await {
            Ok(execution) => match missing(&execution, subject.now_ms) {
                None => return Ok(Ok(execution)),
                Some(missing) => missing.to_owned(),
            },
            Err(CallError::Cloud(error)) if error.kind == ErrorKind::NotFound => {
                format!("it is listed, and {error}")
            }
            Err(error) => return Err(error),
        };
        if !settling.again(client.stop()).await? {
            return Ok(Err(missing));
        }
    }
}

/// What AWS does not show of an execution yet. A Fail state need not name an error, so after a while there is none.
fn missing(execution: &Execution, now_ms: i64) -> Option<&'static str> {
    let Some(detail) = &execution.detail else {
        return Some("AWS does not show its input yet");
    };
    let new = execution
        .stopped_ms
        .is_none_or(|stopped| stopped + LOGS_SETTLED_MS > now_ms);
    let without_error = execution.status == Status::Failed && detail.error.is_none();
    (without_error && new).then_some("AWS does not show its error yet")
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
        let index = next_to_describe(&check.proof, plan, all, facts)?;
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
async fn read_functions(
    client: &Client,
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
    let student = &subject.plan.owner.student;
    let looks = look_at_functions(client, student, asked.iter().copied()).await?;
    let not_ready = not_ready(&looks);
    for name in asked {
        if !not_ready.iter().any(|(other, _)| other == name) {
            let kept = fingerprint(name).map(|f| (name.to_owned(), f));
            gathered.memory.active.extend(kept);
        }
    }
    gathered.facts.functions_not_ready = not_ready;
    Ok(())
}

/// A function's name and its state, or why that could not be had: it is missing, or could not be looked at.
pub(crate) type FunctionLook = (String, Result<FunctionState, Reading<String>>);

/// Looks at the functions of a student.
///
/// # Errors
/// Only when the run is stopped.
pub(crate) async fn look_at_functions(
    client: &Client,
    student: &Username,
    functions: impl IntoIterator<Item = &str>,
) -> Result<Vec<FunctionLook>, Cancelled> {
    let alike = Alike::new(client, student, Operation::GetFunction);
    let mut looks = Vec::new();
    for name in functions {
        let state = alike.answer(alike.client.get_function(name)).await;
        let look = match state {
            Ok(state) => Ok(state),
            Err(error) if error.kind() == Some(ErrorKind::NotFound) => {
                Err(Reading::Seen("missing".to_owned()))
            }
            Err(error) => Err(unseen(error)?),
        };
        looks.push((name.to_owned(), look));
    }
    Ok(looks)
}

/// The functions that are not ready to run, with the state that says so.
pub(crate) fn not_ready(looks: &[FunctionLook]) -> Vec<(String, Reading<String>)> {
    let mut found = Vec::new();
    for (name, look) in looks {
        let reading = match look {
            // Inactive: not invoked for weeks; the next invocation wakes it.
            Ok(state) if matches!(state.state.as_str(), "" | "Active" | "Inactive") => continue,
            Ok(state) => Reading::Seen(match &state.reason {
                Some(reason) => format!("{} ({reason})", state.state),
                None => state.state.clone(),
            }),
            Err(reading) => reading.clone(),
        };
        found.push((name.clone(), reading));
    }
    found
}
