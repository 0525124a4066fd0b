//! Checks of log events: of the student's own executions, not of homeroom's.
//!
//! An event belongs to the execution that it names, where the lab's functions name it. An event that names none is tied
//! to one by time: it counts when it falls between start and end of an execution of the student's own during which none
//! of homeroom's ran.

use crate::aws::execution::Execution;
use crate::evidence::check::Verdict;
use crate::evidence::evaluate::executions::beyond;
use crate::evidence::evaluate::{Facts, Judgement, Reading};
use crate::lab::marks::Starter;

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
pub(crate) type LogKey = (Option<String>, String);

/// What was seen of a function's log events.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum LogSight {
    Nothing,
    /// At least one event, whoever caused it.
    Any,
    /// At least one event while this execution of the student's own ran.
    During(Starter, Box<Execution>),
    /// At least one event that names this execution of the student's own.
    Naming(Starter, Box<Execution>),
    /// No event that could be tied to one, and why there may be some all the same.
    Hidden(String),
}

/// A stretch of time in which an execution of the student's own ran alone.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LogWindow {
    pub(crate) starter: Starter,
    pub(crate) execution: Execution,
    /// Its begin, in milliseconds since 1970.
    pub(crate) since_ms: i64,
    /// Its end, likewise; `None` while the execution runs.
    pub(crate) until_ms: Option<i64>,
}

/// Where to look for events that name no execution.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Windows {
    /// The windows, best first.
    pub(crate) windows: Vec<LogWindow>,
    /// Whether executions were left out because one of homeroom's ran at the same time.
    pub(crate) hidden: bool,
}

/// The student's own executions whose log events are looked for, best first: those that the API started run through
/// every function, so they come before a person's; the newest first.
pub(crate) fn own_executions(all: &[(Starter, Execution)]) -> Vec<&(Starter, Execution)> {
    chosen(all).take_own(|_| true)
}

/// The windows to look into, in the same order. Executions during which one of homeroom's (or what may be one) ran are
/// left out, and a window ends where one of those begins.
pub(crate) fn own_windows(all: &[(Starter, Execution)]) -> Windows {
    let blockers: Vec<&Execution> = all
        .iter()
        .filter(|(starter, _)| !starter.is_students())
        .map(|(_, execution)| execution)
        .collect();
    let mut windows = Vec::new();
    let own = chosen(all).take_own(|one| {
        let window = window(one, &blockers);
        let open = window.is_some();
        windows.extend(window);
        open
    });
    Windows {
        windows,
        hidden: own.len() < own_executions(all).len(),
    }
}

/// Picks from a listing.
struct Chosen<'a>(&'a [(Starter, Execution)]);

fn chosen(all: &[(Starter, Execution)]) -> Chosen<'_> {
    Chosen(all)
}

impl<'a> Chosen<'a> {
    /// Of those that the API (may have) started, and then of a person's, the newest few that are wanted.
    fn take_own(
        &self,
        mut wanted: impl FnMut(&(Starter, Execution)) -> bool,
    ) -> Vec<&'a (Starter, Execution)> {
        let mut own = Vec::new();
        let groups: [fn(Starter) -> bool; 2] = [
            |starter| matches!(starter, Starter::Api | Starter::Student),
            |starter| starter == Starter::Person,
        ];
        for group in groups {
            let of_group = self.0.iter().filter(|(starter, _)| group(*starter));
            own.extend(of_group.filter(|one| wanted(one)).take(WINDOWS_MAX));
        }
        own
    }
}

fn window(
    (starter, execution): &(Starter, Execution),
    blockers: &[&Execution],
) -> Option<LogWindow> {
    let (since_ms, end) = (execution.started_ms, execution.stopped_ms);
    let mut until_ms = end.map(|end| end + AFTER_MS);
    for homerooms in blockers {
        if homerooms.stopped_ms.is_some_and(|stop| stop < since_ms) {
            continue;
        }
        let begin = homerooms.started_ms - BEFORE_MS;
        if end.is_none_or(|end| begin <= end) {
            return None;
        }
        until_ms = until_ms.map(|until| until.min(begin));
    }
    Some(LogWindow {
        starter: *starter,
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
            Some(Reading::Seen(
                LogSight::Any | LogSight::During(..) | LogSight::Naming(..)
            ))
        )
    };
    Some((functions.iter().filter(logged).count(), functions.len()))
}

pub(super) fn judge(functions: &[String], own_of: Option<&str>, facts: &Facts) -> Judgement {
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
                if !all.iter().any(|(starter, _)| starter.is_students()) {
                    return match (facts.cut_off.get(machine), all.as_slice()) {
                        (Some(listed), _) => (Verdict::CouldNotCheck, vec![beyond(*listed).into()]),
                        (None, all) if all.iter().any(|(s, _)| *s == Starter::Unclear) => {
                            let text = "its executions look like homeroom's own, of which this computer has no record";
                            (Verdict::CouldNotCheck, vec![text.into()])
                        }
                        _ => {
                            let text = "no log events of the student's own executions yet";
                            (Verdict::Fail, vec![text.into()])
                        }
                    };
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
            Some(Reading::Seen(LogSight::Naming(starter, execution))) => {
                let mut evidence = facts.evidence_of(*starter, execution);
                evidence.text = format!("a log event of {id} names it");
                seen.push(evidence);
            }
            Some(Reading::Seen(LogSight::Hidden(why))) => {
                unseen.push(format!("{id}: {why}").into());
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
        match own_of.and_then(|machine| facts.cut_off.get(machine)) {
            Some(listed) => {
                seen.push(beyond(*listed).into());
                (Verdict::CouldNotCheck, seen)
            }
            None => (Verdict::Fail, seen),
        }
    } else if !unseen.is_empty() {
        (Verdict::CouldNotCheck, unseen)
    } else {
        (Verdict::Pass, seen)
    }
}
