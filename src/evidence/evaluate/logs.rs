//! Checks of log events: of the student's own executions, not of homeroom's.
//!
//! An event belongs to the execution that it names, where the lab's functions name it. An event that names none is tied
//! to one by time: it counts when it falls between start and end of an execution of the student's own during which none
//! of homeroom's ran.

use std::collections::BTreeMap;

use crate::aws::execution::Execution;
use crate::evidence::check::{Evidence, Verdict};
use crate::evidence::evaluate::executions::beyond;
use crate::evidence::evaluate::{Facts, Judgement, Reading};
use crate::lab::marks::Starter;
use crate::text::words::plural;

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
    pub(crate) windows: Vec<LogWindow>,
    /// Whether executions were left out because one of homeroom's ran at the same time.
    pub(crate) hidden: bool,
}

/// The student's own executions whose log events are looked for, best first: those that the API started run through
/// every function, so they come before a person's; the newest first.
pub(crate) fn own_executions(all: &[(Starter, Execution)]) -> Vec<&(Starter, Execution)> {
    take_own(all, |_| true)
}

/// The windows to look into, in the same order. Executions during which one of homeroom's (or what may be one) ran are
/// left out, and a window ends where one of those begins.
pub(crate) fn own_windows(all: &[(Starter, Execution)]) -> Windows {
    let others = all.iter().filter(|(starter, _)| !starter.is_students());
    let blockers: Vec<&Execution> = others.map(|(_, execution)| execution).collect();
    let own = take_own(all, |one| window(one, &blockers).is_some());
    Windows {
        hidden: own.len() < own_executions(all).len(),
        windows: own
            .into_iter()
            .filter_map(|one| window(one, &blockers))
            .collect(),
    }
}

/// The newest few wanted ones of those that the API (may have) started, and then of a person's.
fn take_own(
    all: &[(Starter, Execution)],
    wanted: impl Fn(&(Starter, Execution)) -> bool,
) -> Vec<&(Starter, Execution)> {
    let groups: [&[Starter]; 2] = [&[Starter::Api, Starter::Student], &[Starter::Person]];
    let of_group = |group: &'static [Starter]| {
        let of_group = all.iter().filter(|one| group.contains(&one.0));
        of_group.filter(|one| wanted(one)).take(WINDOWS_MAX)
    };
    groups.into_iter().flat_map(of_group).collect()
}

/// The time in which log events are this execution's alone; `None` where one of homeroom's ran meanwhile.
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

impl Facts {
    /// The executions; whose those are that only their input would tell is unclear.
    pub(crate) fn certain(&self, all: &[(Starter, Execution)]) -> Vec<(Starter, Execution)> {
        let known = |(starter, execution): &(Starter, Execution)| {
            let hidden = starter.is_students() && self.may_be_homerooms(execution);
            let starter = if hidden { Starter::Unclear } else { *starter };
            (starter, execution.clone())
        };
        all.iter().map(known).collect()
    }

    /// What log events of the certain ones show: nothing is no proof while one that would be looked for is unclear.
    pub(crate) fn doubted(
        &self,
        all: &[(Starter, Execution)],
        seen: Reading<LogSight>,
    ) -> Reading<LogSight> {
        let own = own_executions(all);
        let unsure = own.iter().find(|one| self.may_be_homerooms(&one.1));
        match (seen, unsure) {
            (Reading::Seen(LogSight::Nothing), Some((_, execution))) => {
                let unsettled = self.unsettled.get(&execution.arn);
                let why = self.undescribed.as_ref().or(unsettled);
                let why = why.map_or("not tried", String::as_str);
                let text = format!(
                    "whose execution {} is could not be read: {why}",
                    execution.name
                );
                Reading::Seen(LogSight::Hidden(text))
            }
            (seen, _) => seen,
        }
    }
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
        use LogSight::{Any, During, Naming};
        let seen = facts.log_events.get(&key(own_of, id));
        matches!(seen, Some(Reading::Seen(Any | During(..) | Naming(..))))
    };
    Some((functions.iter().filter(logged).count(), functions.len()))
}

fn key(own_of: Option<&str>, function: &str) -> LogKey {
    (own_of.map(str::to_owned), function.to_owned())
}

/// What there is to say where no log event can count: there is no execution of the student's own, or none is known.
fn without_executions(machine: &str, facts: &Facts) -> Option<Judgement> {
    let all = match facts.executions.get(machine) {
        Some(Reading::Seen(all)) => all,
        Some(Reading::Unseen(why)) => {
            return Some((Verdict::CouldNotCheck, vec![why.as_str().into()]));
        }
        None => {
            let text = "its executions were not read";
            return Some((Verdict::CouldNotCheck, vec![text.into()]));
        }
    };
    if all.iter().any(|(starter, _)| starter.is_students()) {
        return None;
    }
    let unclear = !facts.records_elsewhere && all.iter().any(|(s, _)| *s == Starter::Unclear);
    Some(match facts.cut_off.get(machine) {
        Some(listed) => (Verdict::CouldNotCheck, vec![beyond(*listed).into()]),
        None if unclear => {
            let text =
                "its executions look like homeroom's own, of which this computer has no record";
            (Verdict::CouldNotCheck, vec![text.into()])
        }
        None => {
            let text = "no log events of the student's own executions yet";
            (Verdict::Fail, vec![text.into()])
        }
    })
}

/// What is asked of a function's log: the function (id in the lab), and the texts of its lines by JSON pointer.
pub(crate) type InvocationKey = (String, BTreeMap<String, String>);

/// The lines of a student's own invocations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InvocationLines {
    /// Those that the lab's own code wrote.
    pub(crate) count: usize,
    /// Why other lines prove nothing, where there are such: another code may have written them.
    pub(crate) doubt: Option<String>,
    /// Whether there are more lines than were read.
    pub(crate) cut_off: bool,
}

/// How many invocations a function's log shows; `None` where it could not be read.
pub(super) fn invocations(
    function: &str,
    line: &BTreeMap<String, String>,
    facts: &Facts,
) -> Option<usize> {
    match facts
        .invocations
        .get(&(function.to_owned(), line.clone()))?
    {
        Reading::Seen(lines) => Some(lines.count),
        Reading::Unseen(_) => None,
    }
}

pub(super) fn invoked(
    function: &str,
    line: &BTreeMap<String, String>,
    wanted: u32,
    facts: &Facts,
) -> Judgement {
    let unseen = |why: &str| {
        let text = format!("{function}: {why}");
        (Verdict::CouldNotCheck, vec![text.into()])
    };
    let lines = match facts.invocations.get(&(function.to_owned(), line.clone())) {
        None => return unseen("its log was not read"),
        Some(Reading::Unseen(why)) => return unseen(why),
        Some(Reading::Seen(lines)) => lines,
    };
    let said = plural(lines.count, "invocation");
    let text = format!("the log of {function} shows {said} of the student's own");
    if lines.count >= wanted as usize {
        return (Verdict::Pass, vec![text.into()]);
    }
    if let Some(doubt) = &lines.doubt {
        return unseen(&format!(
            "{text}, and later lines that prove nothing: the function {doubt}"
        ));
    }
    if lines.cut_off {
        return unseen("its log goes on; not all of it was read");
    }
    let text = match wanted {
        1 => format!("{text} yet"),
        _ => format!("{text}, of {wanted}"),
    };
    (Verdict::Fail, vec![text.into()])
}

pub(super) fn judge(functions: &[String], own_of: Option<&str>, facts: &Facts) -> Judgement {
    if let Some(judgement) = own_of.and_then(|machine| without_executions(machine, facts)) {
        return judgement;
    }
    let mut seen: Vec<Evidence> = Vec::new();
    let mut unseen: Vec<Evidence> = Vec::new();
    let mut missing = Vec::new();
    let evidence = |starter: &Starter, execution: &Execution, text: String| Evidence {
        text,
        ..facts.evidence_of(*starter, execution)
    };
    for id in functions {
        let Some(reading) = facts.log_events.get(&key(own_of, id)) else {
            unseen.push(format!("{id}: its log events were not read").into());
            continue;
        };
        match reading {
            Reading::Seen(LogSight::Any) => seen.push(format!("log events of {id}").into()),
            Reading::Seen(LogSight::During(starter, execution)) => {
                let text = format!("log events of {id} while it ran");
                seen.push(evidence(starter, execution, text));
            }
            Reading::Seen(LogSight::Naming(starter, execution)) => {
                let text = format!("a log event of {id} names it");
                seen.push(evidence(starter, execution, text));
            }
            Reading::Seen(LogSight::Nothing) => missing.push(id.as_str()),
            Reading::Seen(LogSight::Hidden(why)) | Reading::Unseen(why) => {
                unseen.push(format!("{id}: {why}").into());
            }
        }
    }
    if missing.is_empty() {
        return match unseen.is_empty() {
            true => (Verdict::Pass, seen),
            false => (Verdict::CouldNotCheck, unseen),
        };
    }
    let during = match own_of {
        Some(_) => " while an execution of the student's own ran",
        None => "",
    };
    seen.push(format!("no log events yet of {}{during}", missing.join(", ")).into());
    match own_of.and_then(|machine| facts.cut_off.get(machine)) {
        Some(listed) => {
            seen.push(beyond(*listed).into());
            (Verdict::CouldNotCheck, seen)
        }
        None => (Verdict::Fail, seen),
    }
}
