//! Whether a student needs somebody, by what they tried since their last success. Pure.

use jiff::Timestamp;
use serde_json::Value;

use crate::aws::execution::{Execution, ExecutionStatus};
use crate::evidence::activity::{Refusal, Trouble};
use crate::evidence::check::{CheckResult, Verdict};
use crate::evidence::history::RootCause;
use crate::lab::check::{Check, Proof, Work};
use crate::lab::marks::Starter;
use crate::lab::mistake::{Listener, Mistake, Reason, Symptom, remark};

/// From so many failures or refusals on, a student who still tries needs somebody. One may be a slip.
const REPEATED: usize = 2;
/// From so many failures since the last success on, whatever their causes.
const MANY: usize = 3;
/// The API answers so where the function behind it fails.
const SERVER_ERRORS: std::ops::RangeInclusive<u16> = 500..=599;

/// One of the student's own executions that failed, and what is known of it.
#[derive(Debug, Clone)]
pub(super) struct Failure<'a> {
    pub(super) starter: Starter,
    pub(super) execution: &'a Execution,
    pub(super) cause: Option<&'a RootCause>,
}

/// Something that a student changed.
#[derive(Debug, Clone)]
pub(super) struct OwnChange {
    /// In a sentence.
    pub(super) text: String,
    /// Whether it is the function behind the API.
    pub(super) behind_api: bool,
}

/// What a student tried since the last success, newest first.
pub(super) struct SinceSuccess<'a> {
    pub(super) lab_checks: &'a [Check],
    pub(super) mistakes: &'a [Mistake],
    pub(super) checks: &'a [CheckResult],
    pub(super) failures: &'a [Failure<'a>],
    pub(super) refusals: &'a [&'a Refusal],
    pub(super) changes: &'a [OwnChange],
}

/// A trouble, or a hitch: something that went wrong once, and tells why a student is silent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    Trouble(Trouble),
    Hitch(Trouble),
}

impl SinceSuccess<'_> {
    pub(super) fn trouble(&self) -> Option<Found> {
        let mut found: Vec<Trouble> = [self.failed(), self.refused()]
            .into_iter()
            .flatten()
            .collect();
        found.sort_by_key(|trouble| trouble.reason);
        let needs = |trouble: &Trouble| {
            trouble.reason == Reason::OwnChange || trouble.count.is_some_and(|n| n >= REPEATED)
        };
        if let Some(at) = found.iter().position(needs) {
            return Some(Found::Trouble(found.swap_remove(at)));
        }
        // The newest tells most.
        found.sort_by_key(|trouble| trouble.since);
        found.pop().map(Found::Hitch)
    }

    fn failed(&self) -> Option<Trouble> {
        let newest = self.failures.first()?;
        let cause = newest.cause?;
        // Of one whose cause was not read nobody knows that it is another.
        let alike = self.failures.iter().filter(|failure| match failure.cause {
            Some(other) => (&other.state, &other.error) == (&cause.state, &cause.error),
            None => true,
        });
        let alike: Vec<&Failure<'_>> = alike.collect();
        let counted = match alike.len() < REPEATED && self.failures.len() >= MANY {
            true => self.failures.iter().collect(),
            false => alike,
        };
        let by_person = newest.starter == Starter::Person;
        let detail = newest.execution.detail.as_ref();
        let changes = self.changes.iter().filter(|change| !change.behind_api);
        self.told(
            Event {
                reason: Reason::RepeatedFailure,
                count: counted.len(),
                since_ms: counted.last()?.execution.started_ms,
                error: cause.error.as_deref(),
                cause: cause.cause.as_deref(),
                sentence: cause.sentence(),
                input: detail.map(|detail| &detail.input),
                http_status: None,
                task: self.task(|starter| (starter == Starter::Person) == by_person),
            },
            changes.map(|change| change.text.clone()).collect(),
        )
    }

    fn refused(&self) -> Option<Trouble> {
        let newest = self.refusals.first()?;
        let failed = SERVER_ERRORS.contains(&newest.status);
        let changes = self
            .changes
            .iter()
            .filter(|change| failed && change.behind_api);
        let alike = |refusal: &&&Refusal| SERVER_ERRORS.contains(&refusal.status) == failed;
        let counted: Vec<_> = self.refusals.iter().take_while(alike).collect();
        self.told(
            Event {
                reason: Reason::RefusedRequests,
                count: counted.len(),
                since_ms: counted.last()?.at_ms,
                error: None,
                cause: Some(&newest.reason),
                sentence: format!("answered {}: {}", newest.status, newest.reason),
                input: None,
                http_status: Some(newest.status),
                task: self.task(|starter| starter == Starter::Api),
            },
            changes.map(|change| change.text.clone()).collect(),
        )
    }

    /// `changes`: the student's own that may be the cause.
    fn told(&self, event: Event<'_>, changes: Vec<String>) -> Option<Trouble> {
        let symptom = |reason| Symptom {
            reason,
            task: event.task.as_deref(),
            error: event.error,
            cause: event.cause,
            input: event.input,
            http_status: event.http_status,
            changes: &changes,
        };
        // A mistake that the lab knows explains the failure by itself, whatever else the student changed.
        let known = remark(self.mistakes, &symptom(event.reason));
        let own = !changes.is_empty() && known.as_ref().is_none_or(|known| known.of_change);
        let reason = if own { Reason::OwnChange } else { event.reason };
        let said = match own {
            true => remark(self.mistakes, &symptom(reason)),
            false => known,
        };
        let cause = match own {
            true => format!("{}. They changed: {}", event.sentence, changes.join("; ")),
            false => event.sentence.clone(),
        };
        Some(Trouble {
            reason,
            count: Some(event.count),
            since: Timestamp::from_millisecond(event.since_ms).ok(),
            cause: Some(cause),
            to: said.as_ref().map_or(Listener::Student, |said| said.to),
            room: said.as_ref().and_then(|said| said.room.clone()),
            say: said.map(|said| said.say),
            task: event.task,
        })
    }

    /// The student's first open task that is done by executions started so, or else the first open one.
    fn task(&self, started_so: impl Fn(Starter) -> bool) -> Option<String> {
        let fits = |check: &&CheckResult| {
            let mut checks = self.lab_checks.iter();
            let proof = checks
                .find(|known| known.id == check.id)
                .map(|known| &known.proof);
            matches!(proof, Some(Proof::Executions { started_by: Some(by), .. }) if started_so(*by))
        };
        let open = || open_tasks(self.checks);
        open()
            .find(fits)
            .or_else(|| open().next())
            .map(|check| check.id.clone())
    }
}

struct Event<'a> {
    reason: Reason,
    count: usize,
    since_ms: i64,
    error: Option<&'a str>,
    cause: Option<&'a str>,
    sentence: String,
    input: Option<&'a Value>,
    http_status: Option<u16>,
    task: Option<String>,
}

/// The student's own tasks that are not done.
pub(super) fn open_tasks(checks: &[CheckResult]) -> impl Iterator<Item = &CheckResult> {
    checks
        .iter()
        .filter(|check| check.work == Work::Student && check.verdict == Verdict::Fail)
}

/// The trouble of a student whose stack is broken, by its checks.
pub(super) fn of_stack(checks: &[CheckResult], mistakes: &[Mistake]) -> Option<Trouble> {
    let mut broken = checks
        .iter()
        .filter(|check| check.work == Work::Stack && check.verdict == Verdict::Fail);
    let first = broken.next()?;
    let words = first.evidence.iter().map(|evidence| evidence.words());
    let cause = words.collect::<Vec<_>>().join("; ");
    let symptom = Symptom {
        reason: Reason::StackBroken,
        task: None,
        error: None,
        cause: Some(&cause),
        input: None,
        http_status: None,
        changes: &[],
    };
    let said = remark(mistakes, &symptom);
    let hint = Some(first.instructor_hint()).filter(|hint| !hint.is_empty());
    Some(Trouble {
        reason: Reason::StackBroken,
        task: None,
        count: None,
        since: None,
        to: said.as_ref().map_or(Listener::Instructor, |said| said.to),
        room: None,
        say: said
            .map(|said| said.say)
            .or_else(|| hint.map(str::to_owned)),
        cause: Some(cause),
    })
}

/// Whether an execution ended in a way that cannot be a student's aim by itself.
pub(super) fn ended_badly(status: ExecutionStatus) -> bool {
    matches!(status, ExecutionStatus::Failed | ExecutionStatus::TimedOut)
}
