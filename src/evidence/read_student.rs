//! Reads what a student's checks need, and no more: one listing of executions; details only where a check still needs
//! them and no earlier reading has them; functions only when no execution proves that they run; log events only around
//! the student's own executions.

use std::collections::BTreeSet;

use crate::aws::execution::{Execution, ExecutionDetail, ExecutionStatus, when};
use crate::aws::stop::Cancelled;
use crate::aws::{CallError, Client, ErrorKind, Operation};
use crate::evidence::cache::{KnownStart, LOGS_SETTLED_MS, Memory};
use crate::evidence::evaluate::{Facts, Reading, next_to_describe, own_executions, proves_ready};
use crate::evidence::functions::{look_at_functions, not_ready};
use crate::evidence::recorded::LastWrite;
use crate::evidence::starts::Trigger;
use crate::evidence::student_reader::{StudentReader, StudentToRead, executions_of, unseen};
use crate::lab::check::Proof;
use crate::lab::marks::Starter;
use crate::stack::alike::Alike;
use crate::stack::diff::Change;
use crate::stack::kinds::Kind;
use crate::stack::plan::Verdict as Found;
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

/// Reads the facts for a student's checks, and what the next reading need not ask again.
///
/// # Errors
/// Only when the run is stopped: what cannot be read is a fact too.
pub(super) async fn read_student(
    client: &Client,
    student: &StudentToRead<'_>,
    settling: &mut Settling,
) -> Result<(Facts, Memory), Cancelled> {
    let mut reader = StudentReader {
        client,
        student,
        facts: Facts::default(),
        memory: Memory::default(),
        settling,
    };
    reader.facts.console = student.console.cloned();
    reader.facts.records_elsewhere = student.recorded.elsewhere;
    for (id, arn) in &student.state_machines {
        let (reading, cut_off) = reader.executions(arn).await?;
        let cut_off = cut_off.map(|listed| (id.clone(), listed));
        let unsure = reading.all().iter().map(|(_, execution)| execution);
        let unsure = unsure.filter(|one| student.recorded.only_input_tells(student.marks, one));
        let unsure = unsure.map(|one| one.arn.clone());
        reader.facts.only_input_tells.extend(unsure);
        reader.facts.cut_off.extend(cut_off);
        reader.facts.executions.insert(id.clone(), reading);
    }
    reader.know_executions().await?;
    reader.keep_executions();
    let mut proofs = student.checks.iter().map(|check| &check.proof);
    if proofs.any(|proof| *proof == Proof::ResourcesReady) {
        reader.functions().await?;
    }
    reader.log_events().await?;
    reader.invocations().await?;
    Ok((reader.facts, reader.memory))
}

impl StudentReader<'_> {
    /// A state machine's executions, the newest first; where there are more than were listed, how many were.
    async fn executions(
        &self,
        arn: &str,
    ) -> Result<(Reading<Vec<(Starter, Execution)>>, Option<usize>), Cancelled> {
        let student = self.student;
        let known = student.memory.by_arn();
        let mut all: Vec<(Starter, Execution)> = Vec::new();
        let mut token: Option<String> = None;
        let mut listed = 0;
        let alike = Alike::new(self.client, student.username(), Operation::ListExecutions);
        loop {
            let page = alike.client.executions_page(arn, false, token.clone());
            let page = match alike.answer(page).await {
                Ok(page) => page,
                // It was deleted since it was listed, and its executions with it. The student's work still counts.
                Err(error) if error.kind() == Some(ErrorKind::NotFound) => {
                    let gone = Reading::Unseen("the state machine is not there".to_owned());
                    return Ok((gone, None));
                }
                Err(error) => return Ok((unseen(error)?, None)),
            };
            listed += page.items.len();
            all.extend(page.items.into_iter().filter_map(|mut execution| {
                execution.detail = Memory::detail_of(&known, &execution).cloned();
                let execution = student.as_of(execution)?;
                Some((student.starter(&execution), execution))
            }));
            token = page.next;
            if token.is_none() {
                return Ok((Reading::Seen(all), None));
            }
            if listed >= LISTED_MAX {
                add_older(student, arn, &mut all);
                return Ok((Reading::Seen(all), Some(listed)));
            }
        }
    }

    /// Reads what the checks still need about the executions: their details, and whether the API started them.
    async fn know_executions(&mut self) -> Result<(), Cancelled> {
        let trigger = trigger(self.student);
        self.facts.api_name_prefix = self.student.marks.api_name_prefix.clone();
        let changed = trigger.as_ref().filter(|trigger| trigger.changed);
        self.facts.trigger_changed = changed.map(|trigger| trigger.doubt.clone());
        let mut described = 0;
        for _ in 0..=STARTS_ASKED_MAX {
            self.describe_where_needed(&mut described).await?;
            match &trigger {
                Some(trigger) if self.ask_for_starts(trigger).await? => {}
                _ => break,
            }
        }
        // A known start stays known for as long as the execution is there.
        let remembered = self.student.memory;
        for (_, execution) in self.facts.executions.values().flat_map(Reading::all) {
            if let Some(by_api) = remembered.started_by_api(execution) {
                let start = KnownStart::of(execution, by_api);
                self.memory.starts.insert(execution.arn.clone(), start);
            }
        }
        if self.facts.any_unlisted() {
            self.memory.starts.extend(remembered.starts.clone());
        }
        Ok(())
    }

    /// Describes executions for as long as a check that looks into them does not pass, with all of them or with those on time.
    async fn describe_where_needed(&mut self, described: &mut usize) -> Result<(), Cancelled> {
        let student = self.student;
        while self.facts.undescribed.is_none() {
            let Some((id, index, arn)) = self.next_to_describe() else {
                return Ok(());
            };
            if *described == DESCRIBED_MAX {
                let why =
                    format!("one reading describes {DESCRIBED_MAX} of them; the next one goes on");
                self.facts.undescribed = Some(why);
                return Ok(());
            }
            *described += 1;
            let found = self.describe(&arn).await;
            match found {
                Ok(Ok(whole)) => {
                    let Some(Reading::Seen(all)) = self.facts.executions.get_mut(&id) else {
                        return Ok(());
                    };
                    let (starter, execution) = &mut all[index];
                    // The times stay those of the listing, by which the next reading recognises it. An execution
                    // that ended after the listing has no end time here, and is described again next time.
                    // Of a moment before now, the state is that of then, too.
                    if student.at_ms.is_none() || execution.status.is_final() {
                        execution.status = whole.status;
                        execution.detail = whole.detail;
                    } else {
                        execution.detail = whole.detail.map(ExecutionDetail::of_running);
                    }
                    *starter = student.starter(execution);
                    let pointers = student.input_pointers.iter().map(String::as_str);
                    execution.detail = execution.detail.take().map(|d| d.reduced(pointers));
                }
                Ok(Err(missing)) => {
                    self.facts.unsettled.insert(arn, missing);
                }
                Err(CallError::Cancelled) => return Err(Cancelled),
                // One refusal stands for the rest: what is undescribed shows as could-not-check.
                Err(CallError::Cloud(error)) => self.facts.undescribed = Some(error.in_full()),
            }
        }
        Ok(())
    }

    /// Describes a listed execution, again while AWS may not show all of it yet. The inner error says what is still
    /// missing when the time is over.
    async fn describe(&mut self, arn: &str) -> Result<Result<Execution, String>, CallError> {
        let student = self.student;
        let alike = Alike::new(
            self.client,
            student.username(),
            Operation::DescribeExecution,
        );
        loop {
            let described = alike.client.describe_execution(arn);
            let missing = match alike.answer(described).await {
                Ok(execution) => match missing(&execution, student.now_ms) {
                    None => return Ok(Ok(execution)),
                    Some(missing) => missing.to_owned(),
                },
                Err(CallError::Cloud(error)) if error.kind == ErrorKind::NotFound => {
                    format!("it is listed, and {error}")
                }
                Err(error) => return Err(error),
            };
            if !self.settling.again(self.client.stop()).await? {
                return Ok(Err(missing));
            }
        }
    }

    /// The execution that a check needs described next: its state machine, its place in the listing, and its ARN.
    fn next_to_describe(&self) -> Option<(String, usize, String)> {
        let (facts, plan) = (&self.facts, self.student.plan);
        self.student.spans(facts).find_map(|until_ms| {
            self.student.checks.iter().find_map(|check| {
                let (machine, all, index) = match &check.proof {
                    Proof::LogEvents {
                        own_execution_of, ..
                    } => {
                        let machine = own_execution_of.as_deref()?;
                        let all = facts.executions.get(machine)?.all();
                        (machine, all, self.next_for_logs(all, until_ms)?)
                    }
                    proof => {
                        let (machine, all) = facts.executions_for(proof)?;
                        let index = next_to_describe(proof, plan, all, facts, until_ms)?;
                        (machine, all, index)
                    }
                };
                Some((machine.to_owned(), index, all[index].1.arn.clone()))
            })
        })
    }

    /// The execution to describe before its log events count: one of those that are looked for, and that may be homeroom's.
    fn next_for_logs(&self, all: &[(Starter, Execution)], until_ms: Option<i64>) -> Option<usize> {
        let unsure = |one: &(Starter, Execution)| self.facts.may_be_homerooms(&one.1);
        if !all.iter().any(unsure) {
            return None;
        }
        let by_then = |one: &&(Starter, Execution)| until_ms.is_none_or(|t| one.1.started_ms <= t);
        let all_by_then: Vec<_> = all.iter().filter(by_then).cloned().collect();
        let own = own_executions(&all_by_then);
        let settled = |one: &(Starter, Execution)| !self.facts.unsettled.contains_key(&one.1.arn);
        let next = own.into_iter().find(|one| unsure(one) && settled(one))?;
        all.iter().position(|one| one.1.arn == next.1.arn)
    }

    fn keep_executions(&mut self) {
        for (_, execution) in self.facts.executions.values().flat_map(Reading::all) {
            self.memory.keep(execution);
        }
        if self.facts.any_unlisted() {
            // Without a listing, what earlier readings described is kept.
            let kept = self.memory.executions.iter().map(|e| e.arn.clone());
            let kept: BTreeSet<String> = kept.collect();
            let old = self.student.memory.executions.iter();
            let old = old.filter(|e| !kept.contains(&e.arn)).cloned();
            self.memory.executions.extend(old);
        }
    }

    /// Looks whether functions are ready, unless an execution that ended well shows that they run.
    async fn functions(&mut self) -> Result<(), Cancelled> {
        let student = self.student;
        let fingerprint = |name: &str| Some(student.observed.functions.get(name)?.fingerprint());
        let mut asked: Vec<&str> = Vec::new();
        for item in student.plan.functions() {
            let name = item.resource.name.as_str();
            match student.memory.active.get(name) {
                Some(active) if fingerprint(name).as_ref() == Some(active) => {
                    self.memory.active.insert(name.to_owned(), active.clone());
                }
                _ => asked.push(name),
            }
        }
        if proves_ready(&self.facts) {
            return Ok(());
        }
        let names = asked.iter().copied();
        let looks = look_at_functions(self.client, student.username(), names).await?;
        let not_ready = not_ready(&looks);
        for name in asked {
            if !not_ready.iter().any(|(other, _)| other == name) {
                let kept = fingerprint(name).map(|f| (name.to_owned(), f));
                self.memory.active.extend(kept);
            }
        }
        self.facts.functions_not_ready = not_ready;
        Ok(())
    }
}

/// Adds what earlier readings described of executions that are too old to be listed among so many.
fn add_older(student: &StudentToRead<'_>, arn: &str, all: &mut Vec<(Starter, Execution)>) {
    let Some(oldest) = all.last().map(|(_, execution)| execution.started_ms) else {
        return;
    };
    let of_machine = executions_of(arn);
    let listed: BTreeSet<&str> = all.iter().map(|(_, e)| e.arn.as_str()).collect();
    let mut older: Vec<(Starter, Execution)> = student
        .memory
        .executions
        .iter()
        .filter(|known| {
            known.arn.starts_with(&of_machine)
                && known.started_ms <= oldest
                && student.born_ms.is_some_and(|born| known.started_ms >= born)
                && !listed.contains(known.arn.as_str())
        })
        .filter_map(|known| student.as_of(known.clone()))
        .map(|known| (student.starter(&known), known))
        .collect();
    older.sort_by_key(|(_, execution)| std::cmp::Reverse(execution.started_ms));
    all.extend(older);
}

/// The function whose log tells what the API started, if the lab has one.
fn trigger<'a>(student: &'a StudentToRead<'_>) -> Option<Trigger<'a>> {
    let (log, name) = student.api_log()?;
    let group = format!("/aws/lambda/{name}");
    let mut planned = student.plan.functions();
    let item = planned.find(|item| item.resource.name == name)?;
    let actual = student.observed.functions.get(name);
    let modified_ms = actual.and_then(|actual| actual.modified_ms);
    let last = student.recorded.last_write(name, modified_ms);
    let as_recorded = matches!(last, LastWrite::Ours(_));
    let (true_from_ms, why) = match (&item.theirs, last) {
        (Some(theirs), _) => (i64::MAX, format!("is not as deployed: {theirs}")),
        // Whoever can write the function can also write what is recorded on it.
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
    let found = student.observed.log_groups.get(&group);
    Some(Trigger {
        log,
        retention_days: found.and_then(|group| group.retention_days),
        group_unseen: found.is_none() && student.observed.gap(Kind::LogGroup, &group).is_some(),
        true_from_ms,
        doubt,
        changed,
        group,
    })
}

/// What AWS does not show of an execution yet. A Fail state need not name an error, so after a while none is expected.
fn missing(execution: &Execution, now_ms: i64) -> Option<&'static str> {
    let Some(detail) = &execution.detail else {
        return Some("AWS does not show its input yet");
    };
    let new = execution
        .stopped_ms
        .is_none_or(|stopped| stopped + LOGS_SETTLED_MS > now_ms);
    let without_error = execution.status == ExecutionStatus::Failed && detail.error.is_none();
    (without_error && new).then_some("AWS does not show its error yet")
}
