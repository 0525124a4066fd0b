//! Whether a student needs somebody, by what they tried since their last success. Pure.

use jiff::Timestamp;
use serde_json::Value;

use crate::aws::execution::{Execution, ExecutionStatus};
use crate::evidence::activity::{RefusedRequest, Trouble};
use crate::evidence::check::{CheckResult, Verdict};
use crate::evidence::evaluate::StackAct;
use crate::evidence::history::RootCause;
use crate::lab::Lab;
use crate::lab::check::{Check, Proof, Work};
use crate::lab::marks::Starter;
use crate::lab::mistake::{Listener, Mistake, Symptom, TroubleReason, remark};

/// From so many failures or refusals on, a student who still tries needs somebody. One may be a slip.
pub(super) const REPEATED: usize = 2;
/// From so many failures since the last success on, whatever their causes.
const MANY: usize = 3;
/// The API answers so where the function behind it fails.
const SERVER_ERRORS: std::ops::RangeInclusive<u16> = 500..=599;

/// One of the student's own executions that failed, and what is known of it.
#[derive(Debug, Clone)]
pub(super) struct FailedRun<'a> {
    pub(super) starter: Starter,
    pub(super) execution: &'a Execution,
    pub(super) cause: Option<&'a RootCause>,
}

impl FailedRun<'_> {
    fn input(&self) -> Option<&Value> {
        let detail = self.execution.detail.as_ref();
        detail.map(|detail| &detail.input)
    }

    /// The error and what it says, as far as the cause is known: where a Choice led to a Fail state, only that state has them.
    fn error(&self) -> (Option<&str>, Option<&str>) {
        let Some(cause) = self.cause else {
            return (None, None);
        };
        let end = self.execution.detail.as_ref();
        match (&cause.error, end) {
            (None, Some(end)) => (end.error.as_deref(), end.cause.as_deref()),
            _ => (cause.error.as_deref(), cause.cause.as_deref()),
        }
    }
}

/// Something that a student changed.
#[derive(Debug, Clone)]
pub(super) struct OwnChange {
    /// In a sentence.
    pub(super) text: String,
    /// Whether it is the function behind the API.
    pub(super) behind_api: bool,
    /// When it was made, where AWS tells, in milliseconds since 1970.
    pub(super) at_ms: Option<i64>,
}

impl OwnChange {
    /// Whether it can be the cause of what happened then.
    fn was_there(&self, at_ms: i64) -> bool {
        self.at_ms.is_none_or(|changed| changed <= at_ms)
    }
}

/// What a student tried since the last success, newest first.
pub(super) struct SinceSuccess<'a> {
    pub(super) lab_checks: &'a [Check],
    pub(super) mistakes: &'a [Mistake],
    pub(super) checks: &'a [CheckResult],
    pub(super) failures: &'a [FailedRun<'a>],
    pub(super) refusals: &'a [&'a RefusedRequest],
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
            trouble.reason == TroubleReason::OwnChange
                || trouble.count.is_some_and(|n| n >= REPEATED)
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
        let (cause, input) = (newest.cause, newest.input());
        let (error, said) = newest.error();
        let same = |failure: &&FailedRun<'_>| match (failure.cause, cause) {
            (Some(other), Some(cause)) => {
                (&other.state, &other.error) == (&cause.state, &cause.error)
            }
            (Some(_), None) => false,
            // The same input failed for the same reason.
            (None, _) => input.is_some() && failure.input() == input,
        };
        let alike: Vec<&FailedRun<'_>> = self.failures.iter().filter(same).collect();
        let counted = match alike.len() < REPEATED && self.failures.len() >= MANY || cause.is_none()
        {
            true => self.failures.iter().collect(),
            false => alike,
        };
        let by_person = newest.starter == Starter::Person;
        let (started_ms, blamed) = (newest.execution.started_ms, cause.is_some());
        let changes = self.changes.iter();
        let changes =
            changes.filter(|change| blamed && !change.behind_api && change.was_there(started_ms));
        self.told(
            Mishap {
                reason: TroubleReason::RepeatedFailure,
                count: counted.len(),
                since_ms: counted.last()?.execution.started_ms,
                error,
                cause: said,
                sentence: match cause {
                    Some(cause) => cause.sentence(),
                    None => "an execution failed; why could not be read".to_owned(),
                },
                input,
                http_status: None,
                task: self.task(|starter| (starter == Starter::Person) == by_person),
            },
            changes.map(|change| change.text.clone()).collect(),
        )
    }

    fn refused(&self) -> Option<Trouble> {
        let newest = self.refusals.first()?;
        // A changed function that says nothing has failed, too.
        let fails = |status: Option<u16>| status.is_none_or(|s| SERVER_ERRORS.contains(&s));
        let failed = fails(newest.status);
        let changes = self
            .changes
            .iter()
            .filter(|change| failed && change.behind_api && change.was_there(newest.at_ms));
        let alike = |refusal: &&&RefusedRequest| fails(refusal.status) == failed;
        let counted: Vec<_> = self.refusals.iter().take_while(alike).collect();
        self.told(
            Mishap {
                reason: TroubleReason::RefusedRequests,
                count: counted.len(),
                since_ms: counted.last()?.at_ms,
                error: None,
                cause: Some(&newest.reason),
                sentence: newest.sentence(),
                input: None,
                http_status: newest.status,
                task: self.task(|starter| starter == Starter::Api),
            },
            changes.map(|change| change.text.clone()).collect(),
        )
    }

    /// `changes`: the student's own that may be the cause.
    fn told(&self, event: Mishap<'_>, changes: Vec<String>) -> Option<Trouble> {
        let symptom = |reason| Symptom {
            task: event.task.as_deref(),
            error: event.error,
            cause: event.cause,
            input: event.input,
            http_status: event.http_status,
            changes: &changes,
            ..Symptom::of(reason)
        };
        // A mistake that the lab knows explains the failure by itself, whatever else the student changed.
        let known = remark(self.mistakes, &symptom(event.reason));
        let own = !changes.is_empty() && known.as_ref().is_none_or(|known| known.of_change);
        let reason = if own {
            TroubleReason::OwnChange
        } else {
            event.reason
        };
        let said = match own {
            true => remark(self.mistakes, &symptom(reason)),
            false => known,
        };
        let cause = match own {
            true => format!(
                "{}. Their own change: {}",
                event.sentence,
                changes.join("; ")
            ),
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
            act: None,
            task: event.task,
        })
    }

    fn task(&self, started_so: impl Fn(Starter) -> bool) -> Option<String> {
        task_of(self.lab_checks, self.checks, started_so)
    }
}

/// The student's first open task that is done by executions started so, or else the first open one.
pub(super) fn task_of(
    lab_checks: &[Check],
    checks: &[CheckResult],
    started_so: impl Fn(Starter) -> bool,
) -> Option<String> {
    let fits = |check: &&CheckResult| {
        let mut known = lab_checks.iter();
        let proof = known
            .find(|known| known.id == check.id)
            .map(|known| &known.proof);
        matches!(proof, Some(Proof::Executions { started_by: Some(by), .. }) if started_so(*by))
    };
    open_tasks(checks)
        .find(fits)
        .or_else(|| open_tasks(checks).next())
        .map(|check| check.id.clone())
}

struct Mishap<'a> {
    reason: TroubleReason,
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

/// The trouble of a student whose stack is not there or broken (`reason`), by its checks.
pub(super) fn of_stack(
    reason: TroubleReason,
    checks: &[CheckResult],
    lab: &Lab,
    act: StackAct,
) -> Option<Trouble> {
    let mut broken = checks
        .iter()
        .filter(|check| check.work == Work::Stack && check.verdict == Verdict::Fail);
    let first = broken.next()?;
    let mut of_lab = lab.checks().iter();
    let own_words = of_lab.any(|check| check.id == first.id && check.instructor_hint.is_some());
    let words = first.evidence.iter().map(|evidence| evidence.words());
    let cause = words.collect::<Vec<_>>().join("; ");
    let symptom = Symptom {
        cause: Some(&cause),
        ..Symptom::of(reason)
    };
    let said = remark(lab.mistakes(), &symptom);
    let hint = Some(first.instructor_hint()).filter(|hint| !hint.is_empty());
    Some(Trouble {
        reason,
        task: None,
        count: None,
        since: None,
        act: (said.is_none() && !own_words).then_some(act),
        to: said.as_ref().map_or(Listener::Instructor, |said| said.to),
        room: None,
        say: said
            .map(|said| said.say)
            .or_else(|| hint.map(str::to_owned)),
        // That nothing is there is the reason itself.
        cause: (act != StackAct::Make).then_some(cause),
    })
}

/// Whether an execution ended in a way that cannot be a student's aim by itself.
pub(super) fn ended_badly(status: ExecutionStatus) -> bool {
    matches!(status, ExecutionStatus::Failed | ExecutionStatus::TimedOut)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::execution::ExecutionDetail;
    use crate::lab::bundle;
    use serde_json::json;

    /// What Lab 6 makes of failures, refusals and changes, given newest first.
    struct Case {
        lab: Lab,
        runs: Vec<(Starter, Execution, Option<RootCause>)>,
        refusals: Vec<RefusedRequest>,
        changes: Vec<OwnChange>,
    }

    fn case() -> Case {
        Case {
            lab: bundle::load(None).unwrap(),
            runs: Vec::new(),
            refusals: Vec::new(),
            changes: Vec::new(),
        }
    }

    impl Case {
        fn fails(
            mut self,
            times: i64,
            starter: Starter,
            state: &str,
            error: &str,
            cause: &str,
        ) -> Self {
            for _ in 0..times {
                let started_ms = 1_000_000 - i64::try_from(self.runs.len()).unwrap();
                let execution = Execution {
                    arn: format!("arn:{started_ms}"),
                    name: "x".to_owned(),
                    status: ExecutionStatus::Failed,
                    started_ms,
                    stopped_ms: Some(started_ms + 1),
                    redriven_ms: None,
                    detail: Some(ExecutionDetail {
                        input: json!({}),
                        error: None,
                        cause: None,
                    }),
                };
                let cause = RootCause {
                    state: Some(state.to_owned()),
                    error: Some(error.to_owned()),
                    cause: Some(cause.to_owned()),
                };
                self.runs.push((starter, execution, Some(cause)));
            }
            self
        }

        fn refuses(mut self, times: i64, status: u16, reason: &str) -> Self {
            for at in 0..times {
                self.refusals.push(RefusedRequest {
                    at_ms: 2_000_000 - at,
                    status: Some(status),
                    reason: reason.to_owned(),
                });
            }
            self
        }

        fn changed(mut self, text: &str, behind_api: bool) -> Self {
            let text = text.to_owned();
            let at_ms = None;
            self.changes.push(OwnChange {
                text,
                behind_api,
                at_ms,
            });
            self
        }

        fn found(&self) -> Option<Found> {
            let runs = self.runs.iter();
            let failures: Vec<FailedRun<'_>> = runs
                .map(|(starter, execution, cause)| FailedRun {
                    starter: *starter,
                    execution,
                    cause: cause.as_ref(),
                })
                .collect();
            let refusals: Vec<&RefusedRequest> = self.refusals.iter().collect();
            let open = |check: &Check| CheckResult {
                verdict: Verdict::Fail,
                work: check.work,
                ..CheckResult::of_stack((&check.id, &check.title), Verdict::Fail, Vec::new(), "")
            };
            let checks: Vec<CheckResult> = self.lab.checks().iter().map(open).collect();
            SinceSuccess {
                lab_checks: self.lab.checks(),
                mistakes: self.lab.mistakes(),
                checks: &checks,
                failures: &failures,
                refusals: &refusals,
                changes: &self.changes,
            }
            .trouble()
        }

        fn trouble(&self) -> Trouble {
            match self.found() {
                Some(Found::Trouble(trouble)) => trouble,
                other => panic!("{other:?}"),
            }
        }
    }

    const WRONG_TYPE: &str = "dataType must be one of sales_data, customer_data, inventory_data, analytics_data, not 'inventory'";

    #[test]
    fn the_same_failure_again_is_trouble_with_a_sentence() {
        let case = case().fails(3, Starter::Api, "ProcessData", "InvalidRequest", WRONG_TYPE);
        let trouble = case.trouble();
        assert_eq!(
            (trouble.reason, trouble.count),
            (TroubleReason::RepeatedFailure, Some(3))
        );
        assert_eq!(trouble.task.as_deref(), Some("api-valid-data"));
        assert!(
            trouble
                .cause
                .unwrap()
                .starts_with("ProcessData failed with InvalidRequest")
        );
        assert!(trouble.say.unwrap().ends_with("write inventory_data."));
        assert!(trouble.room.unwrap().contains("the type is inventory_data"));
    }

    #[test]
    fn where_a_choice_led_to_a_fail_state_its_error_finds_the_mistake() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/labs/approval");
        let lab = bundle::load(Some(folder.as_ref())).unwrap();
        let case = Case { lab, ..case() };
        let mut case = case.fails(2, Starter::Person, "CheckRequest", "", "");
        for (_, execution, cause) in &mut case.runs {
            execution.detail = Some(ExecutionDetail {
                input: json!({"item": "a desk", "amount": "640"}),
                error: Some("InvalidRequest".to_owned()),
                cause: Some("A request needs an item and an amount.".to_owned()),
            });
            let cause = cause.as_mut().unwrap();
            (cause.error, cause.cause) = (None, None);
        }
        let trouble = case.trouble();
        assert!(trouble.cause.unwrap().contains("without an error"));
        assert!(trouble.say.unwrap().contains("640, not \"640\""));
        for (_, execution, _) in &mut case.runs {
            execution.detail.as_mut().unwrap().error = None;
        }
        assert_eq!(case.trouble().say, None);
    }

    #[test]
    fn a_single_slip_is_a_hitch_and_no_trouble() {
        let once = case().fails(
            1,
            Starter::Person,
            "ProcessData",
            "InvalidRequest",
            WRONG_TYPE,
        );
        let Some(Found::Hitch(hitch)) = once.found() else {
            panic!("{:?}", once.found());
        };
        assert_eq!(hitch.task.as_deref(), Some("console-test"));
        assert_eq!(case().found(), None);
    }

    #[test]
    fn refused_requests_tell_the_newest_reason() {
        let reason = "the body is not valid JSON; check quotes, commas and braces";
        let trouble = case().refuses(6, 400, reason).trouble();
        assert_eq!(
            (trouble.reason, trouble.count),
            (TroubleReason::RefusedRequests, Some(6))
        );
        assert!(trouble.say.unwrap().contains("not valid JSON"));
        assert_eq!(trouble.cause.unwrap(), format!("answered 400: {reason}"));
    }

    #[test]
    fn one_failure_is_enough_where_their_own_change_made_it() {
        let broken = case()
            .refuses(
                1,
                502,
                "Runtime.UserCodeSyntaxError: Syntax error in module 'lambda_function'",
            )
            .changed("function u-trigger-workflow: its code was changed", true)
            .trouble();
        assert_eq!(broken.reason, TroubleReason::OwnChange);
        assert!(broken.say.unwrap().contains("does not load"));
        assert!(
            broken
                .cause
                .unwrap()
                .contains("Their own change: function u-trigger-workflow")
        );
        let workflow = case()
            .fails(
                1,
                Starter::Person,
                "CheckStatus",
                "States.Runtime",
                "no such path",
            )
            .changed("state machine u-simple-workflow: definition", false)
            .trouble();
        assert_eq!(workflow.reason, TroubleReason::OwnChange);
    }

    #[test]
    fn a_change_is_not_blamed_for_a_mistake_that_explains_itself() {
        let case = case()
            .fails(2, Starter::Api, "ProcessData", "InvalidRequest", WRONG_TYPE)
            .changed("function u-process-data: LOG_LEVEL", false);
        assert_eq!(case.trouble().reason, TroubleReason::RepeatedFailure);
        let trigger = self::case()
            .refuses(2, 400, "missing: userId")
            .changed("function u-trigger-workflow: its code was changed", true);
        assert_eq!(trigger.trouble().reason, TroubleReason::RefusedRequests);
    }

    #[test]
    fn many_failures_of_several_causes_are_trouble_too() {
        let eight = case()
            .fails(
                1,
                Starter::Person,
                "ProcessData",
                "InvalidRequest",
                "userId is missing or empty",
            )
            .fails(1, Starter::Person, "ProcessData", "States.Runtime", "x")
            .fails(1, Starter::Person, "ProcessData", "States.Timeout", "y");
        assert_eq!(eight.trouble().count, Some(3));
    }

    #[test]
    fn what_the_instructor_must_mend_is_said_to_the_instructor() {
        let denied = "not authorized to perform: lambda:InvokeFunction on resource x";
        let trouble = case()
            .fails(
                2,
                Starter::Person,
                "ProcessData",
                "Lambda.AccessDenied",
                denied,
            )
            .trouble();
        assert_eq!(trouble.to, Listener::Instructor);
        let unknown = case()
            .fails(2, Starter::Person, "A", "Other", "z")
            .trouble();
        assert_eq!((unknown.say, unknown.to), (None, Listener::Student));
    }

    #[test]
    fn failures_of_unread_causes_are_said_and_no_change_is_blamed_for_them() {
        let mut unread = case()
            .fails(4, Starter::Person, "A", "E", "x")
            .changed("function u-process-data: its code", false);
        for (_, _, cause) in &mut unread.runs {
            *cause = None;
        }
        let trouble = unread.trouble();
        assert_eq!(
            (trouble.reason, trouble.count),
            (TroubleReason::RepeatedFailure, Some(4))
        );
        assert!(trouble.cause.unwrap().contains("could not be read"));
    }

    #[test]
    fn a_change_made_after_the_failure_is_not_its_cause() {
        let mut later = case()
            .fails(2, Starter::Person, "A", "Other", "x")
            .changed("function u-process-data: its code", false);
        later.changes[0].at_ms = Some(i64::MAX);
        assert_eq!(later.trouble().reason, TroubleReason::RepeatedFailure);
        later.changes[0].at_ms = Some(1);
        assert_eq!(later.trouble().reason, TroubleReason::OwnChange);
    }
}
