//! Looks for the log events that checks ask for: of a student's own executions only when there are such.

use std::collections::{BTreeMap, BTreeSet};

use crate::aws::execution::Execution;
use crate::aws::stop::Cancelled;
use crate::aws::{CallError, Client, ErrorKind};
use crate::evidence::cache::{KnownLook, LOGS_SETTLED_MS};
use crate::evidence::evaluate::{
    LogKey, LogSight, LogWindow, Reading, own_executions, own_windows,
};
use crate::evidence::log_events::{Messages, any_event, messages};
use crate::evidence::log_pattern::{fitting, pattern};
use crate::evidence::student_reader::{StudentReader, StudentToRead, executions_of, unseen};
use crate::lab::check::Proof;
use crate::lab::marks::{Starter, named_in};

/// How far a log event's time may be before the start of its execution, in milliseconds.
const BEFORE_MS: i64 = 1_000;

impl StudentReader<'_> {
    pub(super) async fn log_events(&mut self) -> Result<(), Cancelled> {
        let mut keys: BTreeSet<LogKey> = BTreeSet::new();
        for check in self.student.checks {
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
            let mut functions = self.student.functions.iter();
            let Some((_, name)) = functions.find(|(known, _)| known == id) else {
                continue;
            };
            let group = format!("/aws/lambda/{name}");
            let reading = match machine {
                None => match any_event(self.client, &group, 0, None).await {
                    Ok(true) => Reading::Seen(LogSight::Any),
                    Ok(false) => Reading::Seen(LogSight::Nothing),
                    Err(error) => missing_or_unseen(&group, error)?,
                },
                Some(machine) => match self.facts.executions.get(machine) {
                    Some(Reading::Seen(all)) => {
                        let mut look = OwnEvents {
                            client: self.client,
                            student: self.student,
                            function: id,
                            group: &group,
                            looks: &mut self.memory.looks,
                        };
                        let cut_off = self.facts.cut_off.contains_key(machine);
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
            self.facts.log_events.insert(key, reading);
        }
        Ok(())
    }
}

/// Looks for a function's log events of the student's own executions.
struct OwnEvents<'a> {
    client: &'a Client,
    student: &'a StudentToRead<'a>,
    function: &'a str,
    group: &'a str,
    looks: &'a mut Vec<KnownLook>,
}

impl OwnEvents<'_> {
    async fn of(&mut self, all: &[(Starter, Execution)]) -> Result<Reading<LogSight>, Cancelled> {
        let own = own_executions(all);
        let known: BTreeMap<(&str, i64), &KnownLook> = self
            .student
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
            return Ok(naming(one));
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
            return Ok(naming(one));
        }
        self.by_time(all, &asked, &known).await
    }

    /// What an earlier reading saw of any execution of this very state machine.
    fn seen_before(&mut self, machine: &str) -> Option<Reading<LogSight>> {
        let machines = &self.student.state_machines;
        let (_, arn) = machines.iter().find(|(id, _)| id == machine)?;
        let of_machine = executions_of(arn);
        let born = self.student.born_ms?;
        let look = self.student.memory.looks.iter().find(|look| {
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
        match self.student.marks.log_execution {
            Some(_) => LogSight::Naming(one.0, execution),
            None => LogSight::During(one.0, execution),
        }
    }

    /// The line that proves that the API started an execution is a log event, too.
    fn proven_by_the_start<'e>(
        &self,
        all: &'e [(Starter, Execution)],
    ) -> Option<&'e (Starter, Execution)> {
        let log = self.student.marks.api_log.as_ref()?;
        let is_proven = |one: &&(Starter, Execution)| one.0 == Starter::Api;
        (log.function == self.function).then(|| all.iter().find(is_proven))?
    }

    /// An execution that an event names.
    async fn named<'e>(
        &self,
        own: &[&'e (Starter, Execution)],
    ) -> Result<Option<&'e (Starter, Execution)>, CallError> {
        let Some(pointer) = &self.student.marks.log_execution else {
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
        let (Messages::All(lines) | Messages::CutOff(lines)) = found;
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
                Ok(Messages::All(lines)) => (lines, true),
                Ok(Messages::CutOff(lines)) => (lines, false),
                Err(error) => return missing_or_unseen(self.group, error),
            };
            let names_another = |line: &String| {
                let pointer = self.student.marks.log_execution.as_deref();
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
                .is_some_and(|end| end + LOGS_SETTLED_MS < self.student.now_ms);
            if settled {
                self.remember(&one.1, false);
            }
        }
        Ok(Reading::Seen(LogSight::Nothing))
    }

    fn remember(&mut self, execution: &Execution, found: bool) {
        self.looks.push(KnownLook {
            function: self.function.to_owned(),
            execution_arn: execution.arn.clone(),
            started_ms: execution.started_ms,
            found,
        });
    }
}

fn naming((starter, execution): &(Starter, Execution)) -> Reading<LogSight> {
    Reading::Seen(LogSight::Naming(*starter, Box::new(execution.clone())))
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
