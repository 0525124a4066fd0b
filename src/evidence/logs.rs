//! Reading log events: whether there are any, those that a pattern picks, and those of a student's own executions.

use std::collections::{BTreeMap, BTreeSet};

use crate::aws::execution::Execution;
use crate::aws::stop::Cancelled;
use crate::aws::{CallError, Client, ErrorKind};
use crate::evidence::cache::{LOGS_SETTLED_MS, Look};
use crate::evidence::evaluate::{
    LogKey, LogSight, LogWindow, Reading, own_executions, own_windows,
};
use crate::evidence::log_pattern::{fitting, pattern};
use crate::lab::check::{Check, Proof};
use crate::lab::marks::Starter;
use crate::lab::marks::named_in;

use crate::evidence::gather::{Gathered, Subject, unseen};

/// Pages of log events that one question reads at most. A page may be empty and still not the last.
const PAGES_MAX: usize = 10;
/// Events that are looked at in a window before it is given up: whoever floods a log hides what is in it.
const WINDOW_EVENTS: usize = 200;
/// How far a log event's time may be before the start of its execution, in milliseconds.
const BEFORE_MS: i64 = 1_000;

/// Messages that were found.
pub(super) enum Found {
    /// All there are.
    All(Vec<String>),
    /// There are more, which were not read.
    CutOff(Vec<String>),
}

/// The log events of a group within a time that a filter pattern picks. Without a pattern, the first ones.
///
/// # Errors
/// AWS's, or that the run was stopped.
pub(super) async fn messages(
    client: &Client,
    group: &str,
    (since_ms, until_ms): (i64, Option<i64>),
    pattern: &str,
) -> Result<Found, CallError> {
    let mut found = Vec::new();
    let mut token: Option<String> = None;
    for _ in 0..PAGES_MAX {
        let page = client
            .matching_log_events_page(group, since_ms, until_ms, pattern, token.clone())
            .await?;
        found.extend(page.items);
        token = page.next;
        if token.is_none() {
            return Ok(Found::All(found));
        }
        if pattern.is_empty() && found.len() >= WINDOW_EVENTS {
            break;
        }
    }
    Ok(Found::CutOff(found))
}

/// Whether a log group has an event since a time, up to another one.
///
/// # Errors
/// AWS's, or that the run was stopped; a group that is not there has no events.
pub async fn has_events(
    client: &Client,
    group: &str,
    since_ms: i64,
    until_ms: Option<i64>,
) -> Result<bool, CallError> {
    match any_event(client, group, since_ms, until_ms).await {
        Err(error) if error.kind() == Some(ErrorKind::NotFound) => Ok(false),
        other => other,
    }
}

/// The same, where a group that is not there is an error. A page may be empty and still not the last.
async fn any_event(
    client: &Client,
    group: &str,
    since_ms: i64,
    until_ms: Option<i64>,
) -> Result<bool, CallError> {
    let mut token: Option<String> = None;
    loop {
        let page = client
            .log_events_page(group, since_ms, until_ms, 1, token.clone())
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

/// Looks for log events where a check asks for them: for those of the student's own executions only when there
/// are such.
pub(super) async fn log_events(
    client: &Client,
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
            None => match any_event(client, &group, 0, None).await {
                Ok(true) => Reading::Seen(LogSight::Any),
                Ok(false) => Reading::Seen(LogSight::Nothing),
                Err(error) => missing_or_unseen(&group, error)?,
            },
            Some(machine) => match gathered.facts.executions.get(machine) {
                Some(Reading::Seen(all)) => {
                    let mut look = OwnEvents {
                        client,
                        subject,
                        function: id,
                        group: &group,
                        looks: &mut gathered.memory.looks,
                    };
                    let cut_off = gathered.facts.cut_off.contains_key(machine);
                    let seen = cut_off.then(|| look.seen_before(machine)).flatten();
                    match seen {
                        // Of an execution that is too old to be listed among so many.
                        Some(seen) => seen,
                        None => look.of(all).await?,
                    }
                }
                Some(Reading::Unseen(why)) => Reading::Unseen(why.clone()),
                None => continue,
            },
        };
        gathered.facts.log_events.insert(key, reading);
    }
    Ok(())
}

/// Looks for a function's log events of the student's own executions.
struct OwnEvents<'a, 's> {
    client: &'a Client,
    subject: &'a Subject<'s>,
    function: &'a str,
    group: &'a str,
    looks: &'a mut Vec<Look>,
}

impl OwnEvents<'_, '_> {
    async fn of(&mut self, all: &[(Starter, Execution)]) -> Result<Reading<LogSight>, Cancelled> {
        let own = own_executions(all);
        let known: BTreeMap<(&str, i64), &Look> = self
            .subject
            .memory
            .looks
            .iter()
            .filter(|look| look.function == self.function)
            .map(|look| ((look.execution_arn.as_str(), look.started_ms), look))
            .collect();
        let known = |one: &Execution| {
            let look = known.get(&(one.arn.as_str(), one.started_ms))?;
            Some(look.found)
        };
        // Any that was seen holds, however many newer ones there are.
        let seen = all
            .iter()
            .find(|one| one.0.is_students() && known(&one.1) == Some(true));
        if let Some(one) = seen {
            self.remember(&one.1, true);
            return Ok(Reading::Seen(self.sight(one)));
        }
        if let Some(one) = self.proven_by_the_start(all) {
            self.remember(&one.1, true);
            return Ok(Reading::Seen(LogSight::Naming(
                one.0,
                Box::new(one.1.clone()),
            )));
        }
        let asked: Vec<_> = own
            .iter()
            .filter(|one| known(&one.1).is_none())
            .copied()
            .collect();
        for one in own {
            if known(&one.1) == Some(false) {
                self.remember(&one.1, false);
            }
        }
        if asked.is_empty() {
            return Ok(Reading::Seen(LogSight::Nothing));
        }
        let named = match self.named(&asked).await {
            Ok(named) => named,
            Err(error) => return missing_or_unseen(self.group, error),
        };
        if let Some(one) = named {
            self.remember(&one.1, true);
            return Ok(Reading::Seen(LogSight::Naming(
                one.0,
                Box::new(one.1.clone()),
            )));
        }
        self.by_time(all, &asked, &known).await
    }

    /// What an earlier reading saw of any execution of this very state machine.
    fn seen_before(&mut self, machine: &str) -> Option<Reading<LogSight>> {
        let machines = &self.subject.state_machines;
        let (_, arn) = machines.iter().find(|(id, _)| id == machine)?;
        let of_machine = format!("{}:", arn.replacen(":stateMachine:", ":execution:", 1));
        let born = self.subject.born_ms?;
        let look = self.subject.memory.looks.iter().find(|look| {
            look.function == self.function
                && look.found
                && look.started_ms >= born
                && look.execution_arn.starts_with(&of_machine)
        })?;
        self.looks.push(look.clone());
        Some(Reading::Seen(LogSight::Any))
    }

    /// What was seen before, as it is told: by its name where the lab's functions write it.
    fn sight(&self, one: &(Starter, Execution)) -> LogSight {
        let execution = Box::new(one.1.clone());
        match self.subject.marks.log_execution {
            Some(_) => LogSight::Naming(one.0, execution),
            None => LogSight::During(one.0, execution),
        }
    }

    /// The line that proves that the API started an execution is a log event, too.
    fn proven_by_the_start<'e>(
        &self,
        all: &'e [(Starter, Execution)],
    ) -> Option<&'e (Starter, Execution)> {
        let log = self.subject.marks.api_log.as_ref()?;
        let is_proven = |one: &&(Starter, Execution)| one.0 == Starter::Api;
        (log.function == self.function).then(|| all.iter().find(is_proven))?
    }

    /// An execution that an event names.
    async fn named<'e>(
        &self,
        own: &[&'e (Starter, Execution)],
    ) -> Result<Option<&'e (Starter, Execution)>, CallError> {
        let Some(pointer) = &self.subject.marks.log_execution else {
            return Ok(None);
        };
        let none = BTreeMap::new();
        let names: Vec<&str> = own.iter().map(|one| one.1.name.as_str()).collect();
        let names = &names[..fitting(&none, pointer, &names).max(1)];
        let starts = own.iter().map(|one| one.1.started_ms);
        let since = starts.min().unwrap_or_default() - BEFORE_MS;
        let ends: Option<Vec<i64>> = own.iter().map(|one| one.1.stopped_ms).collect();
        let until = ends.and_then(|ends| Some(ends.into_iter().max()? + LOGS_SETTLED_MS));
        let pattern = pattern(&none, pointer, names);
        let found = messages(self.client, self.group, (since, until), &pattern).await?;
        let (Found::All(lines) | Found::CutOff(lines)) = found;
        let named: BTreeSet<String> = lines
            .iter()
            .filter_map(|line| named_in(line, pointer))
            .collect();
        Ok(own.iter().find(|one| named.contains(&one.1.name)).copied())
    }

    /// Looks in the windows for an event that names no execution, until there is one.
    async fn by_time(
        &mut self,
        all: &[(Starter, Execution)],
        asked: &[&(Starter, Execution)],
        known: &(dyn Fn(&Execution) -> Option<bool> + Sync),
    ) -> Result<Reading<LogSight>, Cancelled> {
        let own = own_windows(all);
        let mut hidden = own.hidden.then(|| {
            "homeroom's own executions ran at the same time, and no event names one of the student's"
                .to_owned()
        });
        let is_open = |window: &LogWindow| known(&window.execution).is_none();
        for window in own.windows.iter().filter(|window| is_open(window)) {
            let found = messages(
                self.client,
                self.group,
                (window.since_ms, window.until_ms),
                "",
            )
            .await;
            let (lines, whole) = match found {
                Ok(Found::All(lines)) => (lines, true),
                Ok(Found::CutOff(lines)) => (lines, false),
                Err(error) => return missing_or_unseen(self.group, error),
            };
            let names_another = |line: &String| {
                let pointer = self.subject.marks.log_execution.as_deref();
                pointer.is_some_and(|pointer| named_in(line, pointer).is_some())
            };
            if lines.iter().any(|line| !names_another(line)) {
                self.remember(&window.execution, true);
                let execution = Box::new(window.execution.clone());
                return Ok(Reading::Seen(LogSight::During(window.starter, execution)));
            }
            if !whole {
                hidden = Some(format!(
                    "more than {} log events while {} ran",
                    lines.len(),
                    window.execution.name
                ));
            }
        }
        if let Some(why) = hidden {
            return Ok(Reading::Seen(LogSight::Hidden(why)));
        }
        for one in asked {
            let settled = one
                .1
                .stopped_ms
                .is_some_and(|end| end + LOGS_SETTLED_MS < self.subject.now_ms);
            if settled {
                self.remember(&one.1, false);
            }
        }
        Ok(Reading::Seen(LogSight::Nothing))
    }

    fn remember(&mut self, execution: &Execution, found: bool) {
        self.looks.push(Look {
            function: self.function.to_owned(),
            execution_arn: execution.arn.clone(),
            started_ms: execution.started_ms,
            found,
        });
    }
}

/// A group that is gone took its events with it: that says nothing of whether there were any.
fn missing_or_unseen(group: &str, error: CallError) -> Result<Reading<LogSight>, Cancelled> {
    match error.kind() {
        Some(ErrorKind::NotFound) => Ok(Reading::Unseen(format!(
            "the log group {group} is not there"
        ))),
        _ => unseen(error),
    }
}
