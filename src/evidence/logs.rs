//! Looks for the log events that checks ask for: of a student's own executions only when there are such.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::aws::execution::{Execution, when};
use crate::aws::stop::Cancelled;
use crate::aws::{CallError, Client, ErrorKind};
use crate::evidence::cache::{KnownLook, LOGS_SETTLED_MS};
use crate::evidence::evaluate::{
    InvocationKey, InvocationLines, LogKey, LogSight, Reading, own_executions, own_windows,
};
use crate::evidence::log_events::{Messages, any_event, messages};
use crate::evidence::log_pattern::{fitting, pattern, pattern_of_line};
use crate::evidence::recorded::LastWrite;
use crate::evidence::student_reader::{StudentReader, StudentToRead, executions_of, unseen};
use crate::lab::check::Proof;
use crate::lab::marks::{Starter, is_invocation, named_in};
use crate::stack::kinds::function::log_group_of;

/// Where a JSON line names the request that wrote it: Lambda's own key first.
const REQUEST_ID: [&str; 4] = [
    "/requestId",
    "/request_id",
    "/aws_request_id",
    "/record/requestId",
];
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
            let reading = match machine.as_ref().map(|m| (m, self.facts.executions.get(m))) {
                None => match any_event(self.client, &group, 0, None).await {
                    Ok(true) => Reading::Seen(LogSight::Any),
                    Ok(false) => Reading::Seen(LogSight::Nothing),
                    Err(error) => missing_or_unseen(&group, error)?,
                },
                Some((machine, Some(Reading::Seen(all)))) => {
                    let mut look = OwnEvents {
                        client: self.client,
                        student: self.student,
                        function: id,
                        group: &group,
                        looks: &mut self.memory.looks,
                    };
                    // Where not all executions were listed, one that is too old may have events.
                    let cut_off = self.facts.cut_off.contains_key(machine);
                    match cut_off.then(|| look.seen_before(machine)).flatten() {
                        Some(seen) => seen,
                        None => self
                            .facts
                            .doubted(all, look.of(&self.facts.certain(all)).await?),
                    }
                }
                Some((_, Some(Reading::Unseen(why)))) => Reading::Unseen(why.clone()),
                Some((_, None)) => continue,
            };
            if let Some(until_due) = self.log_events_until_due(&key, &group, &reading).await? {
                self.facts
                    .log_events_until_due
                    .insert(key.clone(), until_due);
            }
            self.facts.log_events.insert(key, reading);
        }
        Ok(())
    }
}

impl StudentReader<'_> {
    /// Looks for the lines that invocations of the student's own wrote.
    pub(super) async fn invocations(&mut self) -> Result<(), Cancelled> {
        let keys = self
            .student
            .checks
            .iter()
            .filter_map(|check| match &check.proof {
                Proof::Invocations { function, line, .. } => Some((function.clone(), line.clone())),
                _ => None,
            });
        let keys: BTreeSet<InvocationKey> = keys.collect();
        for key in keys {
            let mut functions = self.student.functions.iter();
            let Some((_, name)) = functions.find(|(known, _)| *known == key.0) else {
                continue;
            };
            let group = log_group_of(name);
            let doubt = self.code_in_doubt(name);
            let doubt = doubt.as_ref();
            let now = self.student.at_ms.unwrap_or(self.student.now_ms);
            if let Some(due) = self.student.due_ms.filter(|due| *due < now) {
                let by_then = self.lines_of(&group, &key.1, Some(due), doubt).await?;
                self.facts
                    .invocations_until_due
                    .insert(key.clone(), by_then);
            }
            let lines = self
                .lines_of(&group, &key.1, self.student.at_ms, doubt)
                .await?;
            self.facts.invocations.insert(key, lines);
        }
        Ok(())
    }

    /// From when on a function's lines prove nothing, and why: somebody else's code may write what the lab's writes.
    fn code_in_doubt(&self, name: &str) -> Option<(i64, String)> {
        let student = self.student;
        let item = student
            .plan
            .functions()
            .find(|item| item.resource.name == name)?;
        let actual = student.observed.functions.get(name);
        let last = student
            .recorded
            .last_write(name, actual.and_then(|actual| actual.modified_ms));
        let from_ms = match last {
            LastWrite::Changed { ours_ms, .. } => ours_ms,
            _ => 0,
        };
        match (&item.theirs, last) {
            (Some(theirs), _) => Some((from_ms, format!("is not as deployed: {theirs}"))),
            (None, LastWrite::Changed { at_ms, .. }) => Some((
                from_ms,
                format!("was changed {}, not by homeroom", when(at_ms)),
            )),
            _ => None,
        }
    }

    async fn lines_of(
        &self,
        group: &str,
        line: &BTreeMap<String, String>,
        until_ms: Option<i64>,
        doubt: Option<&(i64, String)>,
    ) -> Result<Reading<InvocationLines>, Cancelled> {
        let pattern = pattern_of_line(line);
        let own = |lines: &[String]| {
            let lines = lines.iter().filter(|text| is_invocation(text, line));
            count_requests(lines.map(String::as_str))
        };
        let mut reading = InvocationLines {
            count: 0,
            doubt: None,
            cut_off: false,
        };
        let trusted = match doubt {
            Some((from, _)) => Some(until_ms.map_or(*from, |until| until.min(*from))),
            None => until_ms,
        };
        if trusted != Some(0) {
            match messages(self.client, group, (0, trusted), &pattern).await {
                Ok(Messages::All(lines)) => reading.count = own(&lines),
                Ok(Messages::CutOff(lines)) => {
                    reading.count = own(&lines);
                    reading.cut_off = true;
                }
                Err(error) => return missing_or_unseen(group, error),
            }
        }
        if let Some((from, why)) = doubt.filter(|(from, _)| until_ms.is_none_or(|t| t > *from)) {
            match messages(self.client, group, (*from, until_ms), &pattern).await {
                Ok(Messages::All(lines) | Messages::CutOff(lines)) => {
                    reading.doubt = (own(&lines) > 0).then(|| why.clone());
                }
                Err(error) => return missing_or_unseen(group, error),
            }
        }
        Ok(Reading::Seen(reading))
    }
}

impl StudentReader<'_> {
    /// What executions on time show where the event that was found is of a later one.
    async fn log_events_until_due(
        &mut self,
        (machine, function): &LogKey,
        group: &str,
        reading: &Reading<LogSight>,
    ) -> Result<Option<Reading<LogSight>>, Cancelled> {
        let (Some(due), Reading::Seen(sight)) = (self.student.due_ms, reading) else {
            return Ok(None);
        };
        let listed = machine.as_ref().and_then(|m| self.facts.executions.get(m));
        let (LogSight::During(_, seen) | LogSight::Naming(_, seen), Some(listed)) = (sight, listed)
        else {
            return Ok(None);
        };
        if seen.started_ms <= due {
            return Ok(None);
        }
        let on_time = listed.all().iter().filter(|(_, one)| one.started_ms <= due);
        let on_time: Vec<_> = on_time.cloned().collect();
        let mut look = OwnEvents {
            client: self.client,
            student: self.student,
            function,
            group,
            looks: &mut self.memory.looks,
        };
        let seen = look.of(&self.facts.certain(&on_time)).await?;
        Ok(Some(self.facts.doubted(&on_time, seen)))
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
        let looks = self.student.memory.looks.iter();
        let known: BTreeMap<(&str, i64), bool> = looks
            .filter(|look| look.function == self.function)
            .map(|look| ((look.execution_arn.as_str(), look.started_ms), look.found))
            .collect();
        let known = |one: &Execution| known.get(&(one.arn.as_str(), one.started_ms)).copied();
        // An event that was seen once counts, however many newer executions there are.
        let mut students = all.iter().filter(|one| one.0.is_students());
        if let Some(one) = students.find(|one| known(&one.1) == Some(true)) {
            self.remember(&one.1, true);
            return Ok(Reading::Seen(self.sight(one)));
        }
        if let Some(one) = self.proven_by_the_start(all) {
            self.remember(&one.1, true);
            return Ok(naming(one));
        }
        let mut asked = Vec::new();
        for one in own_executions(all) {
            match known(&one.1) {
                None => asked.push(one),
                Some(found) => self.remember(&one.1, found),
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
        let mut machines = self.student.state_machines.iter();
        let (_, arn) = machines.find(|(id, _)| id == machine)?;
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

    /// An event that an earlier reading saw: it named the execution if the lab's functions write names.
    fn sight(&self, one: &(Starter, Execution)) -> LogSight {
        let execution = Box::new(one.1.clone());
        match self.student.marks.log_execution {
            Some(_) => LogSight::Naming(one.0, execution),
            None => LogSight::During(one.0, execution),
        }
    }

    /// An execution that the API started: the log line that proves that is a log event, too.
    fn proven_by_the_start<'e>(
        &self,
        all: &'e [(Starter, Execution)],
    ) -> Option<&'e (Starter, Execution)> {
        let log = self.student.marks.api_log.as_ref()?;
        let mut proven = all.iter().filter(|one| one.0 == Starter::Api);
        proven.next().filter(|_| log.function == self.function)
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
        let pointer = self.student.marks.log_execution.as_deref();
        let names_another =
            |line: &String| pointer.is_some_and(|pointer| named_in(line, pointer).is_some());
        for window in &own.windows {
            if known(&window.execution).is_some() {
                continue;
            }
            let time = (window.since_ms, window.until_ms);
            let (lines, whole) = match messages(self.client, self.group, time, "").await {
                Ok(Messages::All(lines)) => (lines, true),
                Ok(Messages::CutOff(lines)) => (lines, false),
                Err(error) => return missing_or_unseen(self.group, error),
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
            let end = one.1.stopped_ms;
            if end.is_some_and(|end| end + LOGS_SETTLED_MS < self.student.now_ms) {
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

/// Lines of different requests: one request that writes its line again is one invocation. A line that names no request
/// counts by itself.
fn count_requests<'a>(lines: impl Iterator<Item = &'a str>) -> usize {
    let mut seen = BTreeSet::new();
    let new = lines.filter(|line| {
        let json: Value = serde_json::from_str(line.trim()).unwrap_or_default();
        let id = REQUEST_ID
            .iter()
            .find_map(|pointer| json.pointer(pointer)?.as_str());
        id.is_none_or(|id| seen.insert(id.to_owned()))
    });
    new.count()
}

/// Without the log group nobody can say whether there were events.
fn missing_or_unseen<T>(group: &str, error: CallError) -> Result<Reading<T>, Cancelled> {
    match error.kind() {
        Some(ErrorKind::NotFound) => Ok(Reading::Unseen(format!(
            "the log group {group} is not there"
        ))),
        _ => unseen(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_request_counts_once_however_often_it_writes_its_line() {
        let lines = [
            r#"{"message": "answered", "requestId": "a"}"#,
            r#"{"message": "answered", "requestId": "a"}"#,
            r#"{"message": "answered", "request_id": "b"}"#,
            r#"{"message": "answered"}"#,
            r#"{"message": "answered"}"#,
        ];
        assert_eq!(count_requests(lines.into_iter()), 4);
    }
}
