//! Judges each check of one student by the facts that were read. Pure. That something could not be read is a fact,
//! too: it leads to "could not check", never to a zero.

mod executions;
mod logs;
mod stack;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::Timestamp;

pub(crate) use executions::{is_asked_for, next_to_describe, to_prove};
pub(crate) use logs::{
    InvocationKey, InvocationLines, LogKey, LogSight, own_executions, own_windows,
};
pub use stack::StackAct;

use crate::aws::execution::{Execution, ExecutionStatus};
use crate::evidence::check::{
    CheckResult, Evidence, ExecutionEvidence, OnTime, PartsDone, Verdict,
};
use crate::ids::Scope;
use crate::lab::check::{Check, Credit, Proof};
use crate::lab::marks::Starter;
use crate::lab::points::Points;
use crate::stack::diff::Change;
use crate::stack::plan::{StudentPlan, Verdict as Found};

type Judgement = (Verdict, Vec<Evidence>);

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Reading<T> {
    Seen(T),
    /// Why it could not be read, with operation and error code.
    Unseen(String),
}

impl<T> Reading<Vec<T>> {
    pub(crate) fn all(&self) -> &[T] {
        match self {
            Self::Seen(all) => all,
            Self::Unseen(_) => &[],
        }
    }
}

/// Why it is not known whether the API started an execution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum StartUnknown {
    /// The log does not name it yet, and still may.
    NotYet,
    /// Why the log does not show it.
    Unseen(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NotReady {
    Missing,
    /// AWS's name of its state, and the reason.
    State(String, Option<String>),
}

impl NotReady {
    /// Whether it needs nothing but time.
    pub(crate) fn is_pending(&self) -> bool {
        matches!(self, Self::State(state, _) if state == "Pending")
    }
}

impl fmt::Display for NotReady {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("missing"),
            Self::State(state, Some(reason)) => write!(f, "{state} ({reason})"),
            Self::State(state, None) => f.write_str(state),
        }
    }
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Facts {
    /// Functions that are not ready to run, by name, with what AWS says of them.
    pub(crate) functions_not_ready: Vec<(String, Reading<NotReady>)>,
    /// Executions by the state machine's id in the lab, newest first, with who started each.
    pub(crate) executions: BTreeMap<String, Reading<Vec<(Starter, Execution)>>>,
    /// Executions, by ARN, that may be homeroom's as long as their input is not read: see [`Recorded::only_input_tells`].
    ///
    /// [`Recorded::only_input_tells`]: crate::evidence::recorded::Recorded::only_input_tells
    pub(crate) only_input_tells: BTreeSet<String>,
    /// Why some executions that a check looks into were not described.
    pub(crate) undescribed: Option<String>,
    /// Executions, by ARN, of which AWS does not show everything yet, with what is missing.
    pub(crate) unsettled: BTreeMap<String, String>,
    /// State machines (ids in the lab) with more executions than were listed, and how many were.
    pub(crate) cut_off: BTreeMap<String, usize>,
    /// What the names of executions from the API begin with.
    pub(crate) api_name_prefix: Option<String>,
    /// Executions, by ARN, for which the log was asked in vain whether the API started them.
    pub(crate) starts_unknown: BTreeMap<String, StartUnknown>,
    /// The student's change of the function whose log proves what the API started, even if it is put back since.
    pub(crate) trigger_changed: Option<Change>,
    pub(crate) log_events: BTreeMap<LogKey, Reading<LogSight>>,
    /// The same of executions that started by the due time, where that is another answer.
    pub(crate) log_events_until_due: BTreeMap<LogKey, Reading<LogSight>>,
    /// Lines of the student's own invocations.
    pub(crate) invocations: BTreeMap<InvocationKey, Reading<InvocationLines>>,
    /// The same of lines that were written by the due time.
    pub(crate) invocations_until_due: BTreeMap<InvocationKey, Reading<InvocationLines>>,
    /// Whether homeroom's records are kept on another machine: what looks like homeroom's counts for nobody then.
    pub(crate) records_elsewhere: bool,
    /// Where the console is; `None` where there is none, as on an endpoint that is not AWS.
    pub(crate) console: Option<Scope>,
}

impl Facts {
    /// The state machine (its id in the lab) that a proof is about executions of, and those, where they were listed.
    pub(super) fn executions_for<'a>(
        &'a self,
        proof: &'a Proof,
    ) -> Option<(&'a str, &'a [(Starter, Execution)])> {
        let Proof::Executions { state_machine, .. } = proof else {
            return None;
        };
        match self.executions.get(state_machine)? {
            Reading::Seen(all) => Some((state_machine, all)),
            Reading::Unseen(_) => None,
        }
    }

    /// Whether only describing an execution would tell whose it is.
    pub(crate) fn may_be_homerooms(&self, execution: &Execution) -> bool {
        execution.detail.is_none() && self.only_input_tells.contains(&execution.arn)
    }

    /// The facts without executions that started later, and without what those alone show.
    pub(crate) fn until(&self, until_ms: i64) -> Self {
        let mut facts = self.clone();
        for reading in facts.executions.values_mut() {
            if let Reading::Seen(all) = reading {
                all.retain(|(_, execution)| execution.started_ms <= until_ms);
            }
        }
        let of_then = std::mem::take(&mut facts.log_events_until_due);
        facts.log_events.extend(of_then);
        let of_then = std::mem::take(&mut facts.invocations_until_due);
        facts.invocations.extend(of_then);
        facts
    }

    /// The executions of these starters, newest first.
    pub(crate) fn newest_first(&self, of: impl Fn(Starter) -> bool) -> Vec<(Starter, Execution)> {
        let all = self.executions.values().flat_map(Reading::all);
        let mut found: Vec<_> = all.filter(|(starter, _)| of(*starter)).cloned().collect();
        found.sort_by_key(|(_, execution)| std::cmp::Reverse(execution.started_ms));
        found
    }

    /// Whether any execution started later, or any invocation was later.
    pub(crate) fn any_later(&self, until_ms: i64) -> bool {
        let mut all = self.executions.values().flat_map(Reading::all);
        let mut by_then = self.invocations_until_due.iter();
        all.any(|(_, execution)| execution.started_ms > until_ms)
            || by_then.any(|(key, lines)| self.invocations.get(key) != Some(lines))
    }

    /// Whether the executions of some state machine could not be listed.
    pub(super) fn any_unlisted(&self) -> bool {
        let mut readings = self.executions.values();
        readings.any(|reading| matches!(reading, Reading::Unseen(_)))
    }

    fn evidence_of(&self, starter: Starter, execution: &Execution) -> Evidence {
        let console = self.console.as_ref();
        Evidence {
            text: String::new(),
            execution: Some(ExecutionEvidence {
                starter,
                execution: execution.clone(),
                console_url: console.map(|scope| scope.execution_console_url(&execution.arn)),
                why: None,
            }),
        }
    }
}

/// Whether an execution's name shows who started it. It does as long as the function that names the API's executions
/// is as homeroom deployed it. Where any function differs, the input has to be read before an execution counts, so
/// that one of homeroom's under a new name is not taken for the student's.
pub(crate) fn names_can_be_trusted(plan: &StudentPlan) -> bool {
    plan.functions().all(|item| item.verdict == Found::NoChange)
}

/// What a check earned by executions that had started by `due`. `by_then`: those facts, see [`Facts::until`]. `None`:
/// not known.
pub(crate) fn earned_on_time(
    check: &Check,
    plan: &StudentPlan,
    by_then: &Facts,
    due: Timestamp,
) -> Option<OnTime> {
    let judged = evaluate(check, plan, by_then);
    matches!(judged.verdict, Verdict::Pass | Verdict::Fail).then_some(OnTime {
        due,
        earned: judged.earned,
    })
}

pub(crate) fn evaluate(check: &Check, plan: &StudentPlan, facts: &Facts) -> CheckResult {
    let (verdict, evidence) = match &check.proof {
        Proof::ResourcesExist => stack::resources_exist(plan),
        Proof::ResourcesReady => stack::resources_ready(plan, facts),
        Proof::Executions { .. } => executions::judge(&check.proof, plan, facts),
        Proof::LogEvents {
            functions,
            own_execution_of,
        } => logs::judge(functions, own_execution_of.as_deref(), facts),
        Proof::Invocations {
            function,
            line,
            count,
        } => logs::invoked(function, line, *count, facts),
        Proof::Unprovable { why } => (Verdict::NotProvable, vec![why.as_str().into()]),
    };
    let parts = match check.credit {
        Credit::AllOrNothing => None,
        Credit::Each => parts(&check.proof, plan, facts),
    };
    let passed = verdict == Verdict::Pass;
    CheckResult {
        id: check.id.clone(),
        title: check.title.clone(),
        work: check.work,
        points: check.points,
        earned: match (verdict, parts) {
            (Verdict::Pass, _) => check.points,
            (Verdict::Fail | Verdict::CouldNotCheck, Some(parts)) => {
                check.points.share(parts.done, parts.of)
            }
            _ => Points::ZERO,
        },
        parts,
        hint: match passed {
            true => String::new(),
            false => check.hint.clone(),
        },
        instructor_hint: match passed {
            true => None,
            false => check.instructor_hint.clone().or_else(|| {
                let of_stack = matches!(check.proof, Proof::ResourcesExist | Proof::ResourcesReady);
                let command =
                    |words: &str| format!("homeroom {words} --students {}", plan.owner.student);
                of_stack.then(|| StackAct::of(plan, facts).words(&command))
            }),
        },
        verdict,
        evidence,
        as_of: None,
        on_time: None,
    }
}

/// How many of the parts that a proof counts are done; `None` where it counts nothing, or what it counts could not
/// be read at all.
fn parts(proof: &Proof, plan: &StudentPlan, facts: &Facts) -> Option<PartsDone> {
    let (done, of) = match proof {
        Proof::Executions { .. } => executions::counted(proof, plan, facts)?,
        Proof::LogEvents {
            functions,
            own_execution_of,
        } => logs::counted(functions, own_execution_of.as_deref(), facts)?,
        Proof::Invocations {
            function,
            line,
            count,
        } => (logs::invocations(function, line, facts)?, *count as usize),
        Proof::ResourcesExist | Proof::ResourcesReady | Proof::Unprovable { .. } => return None,
    };
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Some(PartsDone {
        done: number(done.min(of)),
        of: number(of),
    })
}

/// Whether an execution that ended well proves that the functions behind it ran.
pub(crate) fn proves_ready(facts: &Facts) -> bool {
    facts
        .executions
        .values()
        .flat_map(Reading::all)
        .any(|(_, e)| e.status == ExecutionStatus::Succeeded)
}

#[cfg(test)]
mod tests;
