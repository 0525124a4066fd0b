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
use crate::evidence::sight::DAY_MS;
use crate::evidence::student_reader::{StudentReader, StudentToRead};
use crate::lab::marks::{ApiLog, Starter};
use crate::stack::diff::Change;

/// How long before its start an execution's log line may carry a time, and after it, in milliseconds: the function
/// writes it once Step Functions has answered.
const AROUND_MS: i64 = 60_000;

/// The function whose log is asked.
pub(super) struct Trigger<'a> {
    pub(crate) log: &'a ApiLog,
    pub(crate) group: String,
    /// Days that the group keeps events; `None`: for ever, or not known.
    pub(crate) retention_days: Option<i32>,
    /// Whether the group could not be looked at, so that nobody knows how long it keeps events.
    pub(crate) group_unseen: bool,
    /// From then on the log is reliable: only what homeroom deployed has run since.
    pub(crate) true_from_ms: i64,
    /// Why it is not reliable before.
    pub(crate) doubt: Change,
    /// Whether the student changed it, put back since or not.
    pub(crate) changed: bool,
}

impl Trigger<'_> {
    /// Why its log proves nothing about an execution; `None` where it does.
    fn doubts(&self, execution: &Execution) -> Option<String> {
        (execution.started_ms < self.true_from_ms)
            .then(|| format!("{} {}", self.doubt.resource, self.doubt.summary))
    }
}

impl StudentReader<'_> {
    /// Asks the log about the executions that the checks need next. `false`: there are none, or the log cannot tell.
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
        let mut unknown: Vec<(usize, StartUnknown)> = Vec::new();
        let mut open: Vec<usize> = Vec::new();
        for index in needed {
            match trigger.retention_days {
                Some(days)
                    if all[index].1.started_ms < student.now_ms - i64::from(days) * DAY_MS =>
                {
                    let group = &trigger.group;
                    let why =
                        format!("the log group {group} keeps its events for {days} days only");
                    unknown.push((index, StartUnknown::Unseen(why)));
                }
                _ => open.push(index),
            }
        }
        let mut asked = Vec::new();
        let mut named = Ok(NamedInLog::default());
        if !open.is_empty() {
            asked = batch(trigger.log, all, open);
            let executions: Vec<&Execution> = asked.iter().map(|i| &all[*i].1).collect();
            named = ask(client, trigger, &executions).await?;
        }
        // Whether the group holds anything at all, asked at most once.
        let mut anything: Option<Result<bool, String>> = None;
        for index in asked {
            let (starter, execution) = &mut all[index];
            let answer = match &named {
                Ok(named) => named.answer(trigger, execution, student),
                Err(why) => Some(Answer::unseen(why.clone())),
            };
            if answer.is_none() && anything.is_none() {
                anything = Some(has_any(client, &trigger.group).await?);
            }
            let answer = answer.unwrap_or_else(|| match &anything {
                Some(Ok(true)) if trigger.group_unseen => Answer::unseen(format!(
                    "its log does not name it, and may no longer hold that time: the log group {} could not be looked at",
                    trigger.group
                )),
                Some(Ok(true)) => Answer::Proven(Starter::Person),
                Some(Err(why)) => Answer::unseen(why.clone()),
                _ => Answer::unseen(format!("the log group {} has no events", trigger.group)),
            });
            match answer {
                Answer::Proven(by) => {
                    *starter = by;
                    let start = KnownStart::of(execution, by == Starter::Api);
                    self.memory.starts.insert(execution.arn.clone(), start);
                }
                Answer::Person => *starter = Starter::Person,
                Answer::Unknown(why) => unknown.push((index, why)),
            }
        }
        let unknown = unknown
            .into_iter()
            .map(|(i, why)| (all[i].1.arn.clone(), why));
        self.facts.starts_unknown.extend(unknown);
        Ok(named.is_ok())
    }

    /// The executions to ask about: those of the first check that needs any.
    fn next_to_prove(&self) -> Option<(String, Vec<usize>)> {
        self.student.spans(&self.facts).find_map(|until_ms| {
            self.student.checks.iter().find_map(|check| {
                let (machine, all) = self.facts.executions_for(&check.proof)?;
                let needed = to_prove(&check.proof, self.student.plan, all, &self.facts, until_ms);
                (!needed.is_empty()).then(|| (machine.to_owned(), needed))
            })
        })
    }
}

#[derive(Debug, Default)]
struct NamedInLog {
    /// Names of executions that it says were started.
    executions: BTreeSet<String>,
    /// Events that were read of more.
    cut_off: Option<usize>,
}

/// What the log says of one execution.
enum Answer {
    /// Who started it, for good.
    Proven(Starter),
    /// Not the API, as far as the log goes, and it does not look so.
    Person,
    Unknown(StartUnknown),
}

impl Answer {
    fn unseen(why: String) -> Self {
        Self::Unknown(StartUnknown::Unseen(why))
    }
}

impl NamedInLog {
    /// `None`: the log does not name it, which proves something only if the log has any events at all.
    fn answer(
        &self,
        trigger: &Trigger<'_>,
        execution: &Execution,
        student: &StudentToRead<'_>,
    ) -> Option<Answer> {
        let doubts = trigger.doubts(execution);
        if self.executions.contains(&execution.name) {
            return Some(match doubts {
                None => Answer::Proven(Starter::Api),
                Some(why) => Answer::unseen(format!(
                    "its log says so, and proves nothing of that time: {why}"
                )),
            });
        }
        if let Some(read) = self.cut_off {
            let group = &trigger.group;
            let why = format!("more than {read} events in the log group {group}");
            return Some(Answer::unseen(why));
        }
        if execution.started_ms + LOGS_SETTLED_MS > student.now_ms {
            return Some(Answer::Unknown(StartUnknown::NotYet));
        }
        if !student.claims_api(execution) {
            return Some(Answer::Person);
        }
        let why = doubts?;
        Some(Answer::unseen(format!(
            "its log does not name it, and {why}"
        )))
    }
}

/// Asks the log about some executions. The inner error says why it cannot tell.
async fn ask(
    client: &Client,
    trigger: &Trigger<'_>,
    asked: &[&Execution],
) -> Result<Result<NamedInLog, String>, Cancelled> {
    let names: Vec<&str> = asked.iter().map(|one| one.name.as_str()).collect();
    let starts = || asked.iter().map(|one| one.started_ms);
    let since = starts().min().unwrap_or_default().saturating_sub(AROUND_MS);
    let time = (
        since,
        starts().max().map(|last| last.saturating_add(AROUND_MS)),
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

async fn has_any(client: &Client, group: &str) -> Result<Result<bool, String>, Cancelled> {
    match has_events(client, group, 0, None).await {
        Err(CallError::Cancelled) => Err(Cancelled),
        any => Ok(any.map_err(|error| error.to_string())),
    }
}

/// As many of the needed executions as one pattern holds. Where there is room, the newest others whose starter is not
/// known, so that they are shown correctly, too.
fn batch(log: &ApiLog, all: &[(Starter, Execution)], mut asked: Vec<usize>) -> Vec<usize> {
    let chosen: BTreeSet<usize> = asked.iter().copied().collect();
    let others = all.iter().enumerate();
    let others = others.filter(|(index, (s, _))| *s == Starter::Student && !chosen.contains(index));
    asked.extend(others.map(|(index, _)| index).take(20));
    let names: Vec<&str> = asked.iter().map(|i| all[*i].1.name.as_str()).collect();
    asked.truncate(fitting(&log.line, &log.execution, &names).max(1));
    asked
}
