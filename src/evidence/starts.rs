//! Whether the API started an execution, from the log of the function behind it: asked only where a check still needs
//! to know, a few executions a call.

use std::collections::BTreeSet;

use crate::aws::execution::Execution;
use crate::aws::stop::Cancelled;
use crate::aws::{CallError, Client, ErrorKind};
use crate::evidence::cache::{KnownStart, LOGS_SETTLED_MS};
use crate::evidence::evaluate::{Reading, StartUnknown, to_prove};
use crate::evidence::log_events::{Messages, has_events, messages};
use crate::evidence::log_pattern::{fitting, pattern};
use crate::evidence::student_reader::StudentReader;
use crate::lab::marks::{ApiLog, Starter};
use crate::stack::diff::Change;

/// How long before its start an execution's log line may carry a time, and after it, in milliseconds: the function
/// writes it once Step Functions has answered.
const AROUND_MS: i64 = 60_000;
/// Milliseconds of a day.
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// The function whose log is asked.
pub(super) struct Trigger<'a> {
    /// What proves a start.
    pub(crate) log: &'a ApiLog,
    pub(crate) group: String,
    /// Days that the group keeps events; `None`: for ever, or not known.
    pub(crate) retention_days: Option<i32>,
    /// Of starts from then on its log tells the truth: nothing else has run since than what homeroom deployed.
    pub(crate) true_from_ms: i64,
    /// Why not of those before.
    pub(crate) doubt: Change,
    /// Whether the student changed it, put back since or not.
    pub(crate) changed: bool,
}

impl Trigger<'_> {
    /// Why its log proves nothing of an execution, if so.
    fn doubts(&self, execution: &Execution) -> Option<String> {
        (execution.started_ms < self.true_from_ms)
            .then(|| format!("{} {}", self.doubt.resource, self.doubt.summary))
    }
}

impl StudentReader<'_> {
    /// Asks the log about the executions that the checks need to know of next. `false`: there are none, or the log
    /// cannot tell.
    ///
    /// # Errors
    /// Only when the run is stopped.
    pub(super) async fn ask_for_starts(
        &mut self,
        trigger: &Trigger<'_>,
    ) -> Result<bool, Cancelled> {
        let (client, student) = (self.client, self.student);
        let Some((machine, needed)) = self.next_to_prove() else {
            return Ok(false);
        };
        let Some(Reading::Seen(all)) = self.facts.executions.get_mut(&machine) else {
            return Ok(false);
        };
        let kept = trigger.retention_days.map(|days| i64::from(days) * DAY_MS);
        let is_past = |index: &usize| {
            let started_ms = all[*index].1.started_ms;
            kept.is_some_and(|kept| started_ms < student.now_ms - kept)
        };
        let (past, open): (Vec<usize>, Vec<usize>) = needed.into_iter().partition(is_past);
        let mut unknown: Vec<(usize, StartUnknown)> = Vec::new();
        for index in past {
            let days = trigger.retention_days.unwrap_or_default();
            let group = &trigger.group;
            let why = format!("the log group {group} keeps its events for {days} days only");
            unknown.push((index, StartUnknown::Unseen(why)));
        }
        let asked = match open.is_empty() {
            true => Vec::new(),
            false => batch(trigger.log, all, open),
        };
        let named = match asked.is_empty() {
            true => Ok(NamedInLog::default()),
            false => {
                let asked: Vec<&Execution> = asked.iter().map(|i| &all[*i].1).collect();
                ask(client, trigger, &asked).await?
            }
        };
        // Whether the group holds anything at all, asked at most once.
        let mut anything: Option<Result<bool, String>> = None;
        for index in asked {
            let (starter, execution) = &mut all[index];
            let why = match &named {
                Err(why) => why.clone(),
                Ok(named) if named.executions.contains(&execution.name) => {
                    let Some(why) = trigger.doubts(execution) else {
                        *starter = Starter::Api;
                        let start = KnownStart::of(execution, true);
                        self.memory.starts.insert(execution.arn.clone(), start);
                        continue;
                    };
                    format!("its log says so, and proves nothing of that time: {why}")
                }
                Ok(NamedInLog {
                    cut_off: Some(read),
                    ..
                }) => format!("more than {read} events in the log group {}", trigger.group),
                Ok(_) if execution.started_ms + LOGS_SETTLED_MS > student.now_ms => {
                    unknown.push((index, StartUnknown::NotYet));
                    continue;
                }
                // The API did not start it, as far as the log goes, and it does not look so.
                Ok(_) if !student.claims_api(execution) => {
                    *starter = Starter::Person;
                    continue;
                }
                Ok(_) => match trigger.doubts(execution) {
                    Some(why) => format!("its log does not name it, and {why}"),
                    None => {
                        if anything.is_none() {
                            anything = Some(has_any(client, &trigger.group).await?);
                        }
                        match &anything {
                            Some(Ok(true)) => {
                                *starter = Starter::Person;
                                let start = KnownStart::of(execution, false);
                                self.memory.starts.insert(execution.arn.clone(), start);
                                continue;
                            }
                            Some(Err(why)) => why.clone(),
                            _ => format!("the log group {} has no events", trigger.group),
                        }
                    }
                },
            };
            unknown.push((index, StartUnknown::Unseen(why)));
        }
        let unknown = unknown
            .into_iter()
            .map(|(i, why)| (all[i].1.arn.clone(), why));
        self.facts.starts_unknown.extend(unknown);
        Ok(named.is_ok())
    }

    /// The executions that a check needs to know of: those of the first check that lacks any.
    fn next_to_prove(&self) -> Option<(String, Vec<usize>)> {
        self.student.checks.iter().find_map(|check| {
            let (machine, all) = self.facts.executions_for(&check.proof)?;
            let needed = to_prove(&check.proof, self.student.plan, all, &self.facts);
            (!needed.is_empty()).then(|| (machine.to_owned(), needed))
        })
    }
}

/// What the log told.
#[derive(Debug, Default)]
struct NamedInLog {
    /// Names of executions that it says were started.
    executions: BTreeSet<String>,
    /// Events that were read of more.
    cut_off: Option<usize>,
}

/// Asks the log about some executions. The inner error says why it cannot tell.
async fn ask(
    client: &Client,
    trigger: &Trigger<'_>,
    asked: &[&Execution],
) -> Result<Result<NamedInLog, String>, Cancelled> {
    let names: Vec<&str> = asked.iter().map(|one| one.name.as_str()).collect();
    let (since, until) = asked
        .iter()
        .fold((i64::MAX, i64::MIN), |(first, last), one| {
            (first.min(one.started_ms), last.max(one.started_ms))
        });
    let time = (
        since.saturating_sub(AROUND_MS),
        Some(until.saturating_add(AROUND_MS)),
    );
    let pattern = pattern(&trigger.log.line, &trigger.log.execution, &names);
    let (lines, cut_off) = match messages(client, &trigger.group, time, &pattern).await {
        Ok(Messages::All(lines)) => (lines, None),
        Ok(Messages::CutOff(lines)) => {
            let read = lines.len();
            (lines, Some(read))
        }
        Err(CallError::Cancelled) => return Err(Cancelled),
        Err(CallError::Cloud(error)) if error.kind == ErrorKind::NotFound => {
            return Ok(Err(format!("the log group {} is not there", trigger.group)));
        }
        Err(CallError::Cloud(error)) => return Ok(Err(error.to_string())),
    };
    let named = lines.iter().filter_map(|line| trigger.log.names(line));
    Ok(Ok(NamedInLog {
        executions: named.collect(),
        cut_off,
    }))
}

/// Whether a log group has any event.
async fn has_any(client: &Client, group: &str) -> Result<Result<bool, String>, Cancelled> {
    match has_events(client, group, 0, None).await {
        Ok(any) => Ok(Ok(any)),
        Err(CallError::Cancelled) => Err(Cancelled),
        Err(CallError::Cloud(error)) => Ok(Err(error.to_string())),
    }
}

/// As many of the needed ones as one pattern holds; where it has room, others whose way is open, the newest first, so that
/// what is shown of them is true as well.
fn batch(log: &ApiLog, all: &[(Starter, Execution)], needed: Vec<usize>) -> Vec<usize> {
    let mut asked = needed;
    let chosen: BTreeSet<usize> = asked.iter().copied().collect();
    let others = all.iter().enumerate();
    let others = others.filter(|(index, (s, _))| *s == Starter::Student && !chosen.contains(index));
    asked.extend(others.map(|(index, _)| index).take(20));
    let names: Vec<&str> = asked.iter().map(|i| all[*i].1.name.as_str()).collect();
    asked.truncate(fitting(&log.line, &log.execution, &names).max(1));
    asked
}
