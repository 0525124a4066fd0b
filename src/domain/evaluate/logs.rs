//! Checks of log events: of the student's own executions, not of homeroom's.
//!
//! A log event does not say which execution it belongs to, so it is tied to one by time: an event counts when it
//! falls between start and end of an execution of the student's own during which none of homeroom's ran.

use super::{Answer, Facts, Reading};
use crate::domain::check::Verdict;
use crate::domain::execution::{Execution, Starter};

/// How long after an execution's end its functions' last events may carry a time, in milliseconds: a function
/// behind an API logs after it has started the execution, a short one ends meanwhile.
const AFTER_MS: i64 = 5_000;
/// How long before an execution of homeroom's its functions' first events may carry a time, in milliseconds: the
/// function behind the API logs before it starts the execution.
const BEFORE_MS: i64 = 500;
/// Windows of each starter that are looked into, newest first.
const WINDOWS_MAX: usize = 3;

/// What is asked of the logs: since which state machine's own executions (id in the lab), and the function (id in
/// the lab).
pub type LogKey = (Option<String>, String);

/// What was seen of a function's log events.
#[derive(Debug, Clone, PartialEq)]
pub enum LogSight {
    /// No event.
    Nothing,
    /// At least one event, whoever caused it.
    Any,
    /// At least one event while this execution of the student's own ran.
    During(Starter, Box<Execution>),
}

/// A stretch of time in which an execution of the student's own ran alone.
#[derive(Debug, Clone, PartialEq)]
pub struct LogWindow {
    /// Who started the execution.
    pub starter: Starter,
    /// The execution.
    pub execution: Execution,
    /// Its begin, in milliseconds since 1970.
    pub since_ms: i64,
    /// Its end, likewise; `None` while the execution runs.
    pub until_ms: Option<i64>,
}

/// The windows to look into, best first: executions that the API started run through every function, so they come
/// before a person's; the newest first. Executions during which one of homeroom's ran are left out, and a window ends
/// where one of homeroom's begins.
pub fn own_windows(all: &[(Starter, Execution)]) -> Vec<LogWindow> {
    let of = |wanted: Starter| {
        all.iter()
            .filter(move |(starter, _)| *starter == wanted)
            .filter_map(|(starter, execution)| window(*starter, execution, all))
            .take(WINDOWS_MAX)
    };
    of(Starter::Api).chain(of(Starter::Person)).collect()
}

fn window(
    starter: Starter,
    execution: &Execution,
    all: &[(Starter, Execution)],
) -> Option<LogWindow> {
    let (since_ms, end) = (execution.started_ms, execution.stopped_ms);
    let mut until_ms = end.map(|end| end + AFTER_MS);
    for (other, homerooms) in all {
        let before = homerooms.stopped_ms.is_some_and(|stop| stop < since_ms);
        if *other != Starter::Homeroom || before {
            continue;
        }
        let begin = homerooms.started_ms - BEFORE_MS;
        if end.is_none_or(|end| begin <= end) {
            return None;
        }
        until_ms = until_ms.map(|until| until.min(begin));
    }
    Some(LogWindow {
        starter,
        execution: execution.clone(),
        since_ms,
        until_ms,
    })
}

/// How many of the functions have logged, of how many; `None` when the executions during which their events count
/// could not be listed.
pub(super) fn counted(
    functions: &[String],
    own_of: Option<&str>,
    facts: &Facts,
) -> Option<(usize, usize)> {
    let listed = |machine| matches!(facts.executions.get(machine), Some(Reading::Seen(_)));
    if !own_of.is_none_or(listed) {
        return None;
    }
    let logged = |id: &&String| {
        let key = (own_of.map(str::to_owned), (*id).clone());
        let seen = facts.log_events.get(&key);
        matches!(
            seen,
            Some(Reading::Seen(LogSight::Any | LogSight::During(..)))
        )
    };
    Some((functions.iter().filter(logged).count(), functions.len()))
}

pub(super) fn judge(functions: &[String], own_of: Option<&str>, facts: &Facts) -> Answer {
    if let Some(machine) = own_of {
        match facts.executions.get(machine) {
            Some(Reading::Unseen(why)) => {
                return (Verdict::CouldNotCheck, vec![why.as_str().into()]);
            }
            None => {
                let text = "its executions were not read";
                return (Verdict::CouldNotCheck, vec![text.into()]);
            }
            Some(Reading::Seen(all)) => {
                if all.iter().all(|(starter, _)| *starter == Starter::Homeroom) {
                    let text = "no log events of the student's own executions yet";
                    return (Verdict::Fail, vec![text.into()]);
                }
            }
        }
    }
    let mut seen = Vec::new();
    let mut unseen = Vec::new();
    let mut missing = Vec::new();
    for id in functions {
        match facts
            .log_events
            .get(&(own_of.map(str::to_owned), id.clone()))
        {
            Some(Reading::Seen(LogSight::Any)) => {
                seen.push(format!("log events of {id}").into());
            }
            Some(Reading::Seen(LogSight::During(starter, execution))) => {
                let mut evidence = facts.evidence_of(*starter, execution);
                evidence.text = format!("log events of {id} while it ran");
                seen.push(evidence);
            }
            Some(Reading::Seen(LogSight::Nothing)) => missing.push(id.as_str()),
            Some(Reading::Unseen(why)) => unseen.push(format!("{id}: {why}").into()),
            None => unseen.push(format!("{id}: its log events were not read").into()),
        }
    }
    if !missing.is_empty() {
        let during = if own_of.is_some() {
            " while an execution of the student's own ran"
        } else {
            ""
        };
        let text = format!("no log events yet of {}{during}", missing.join(", "));
        seen.push(text.into());
        (Verdict::Fail, seen)
    } else if !unseen.is_empty() {
        (Verdict::CouldNotCheck, unseen)
    } else {
        (Verdict::Pass, seen)
    }
}
