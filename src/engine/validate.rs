//! Proves that a stack works: everything is there and ready, and each of the lab's probes ends as it must.
//! Every wait is on a condition with the probe's own deadline.

use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use crate::domain::check::{CheckResult, Evidence, ExecutionEvidence, Proof, Verdict, Work};
use crate::domain::desired::Stack;
use crate::domain::evaluate::{Facts, Reading, act, evaluate, reset, stack_check};
use crate::domain::execution::{Execution, Starter};
use crate::domain::ids::Scope;
use crate::domain::lab::{EndState, Probe, ProbeRequest};
use crate::domain::observed::Observed;
use crate::domain::operation::Operation;
use crate::domain::plan::{StudentPlan, Verdict as Found};
use crate::domain::points::Points;
use crate::domain::resources::Kind;
use crate::domain::resources::function::TAG_FROZEN;
use crate::domain::resources::rest_api::Authorization;
use crate::events::Event;

use super::call::{CallError, Caller};
use super::gather::{functions_not_ready, has_events};
use super::hints;
use super::port::{Cloud, ErrorKind};
use super::stop::Cancelled;

/// First pause between two looks at a condition.
const FIRST_PAUSE: Duration = Duration::from_millis(300);
/// Longest pause between two looks.
const LONGEST_PAUSE: Duration = Duration::from_secs(3);
/// How long functions may take to settle.
const FUNCTIONS_SETTLE: Duration = Duration::from_secs(60);
/// How long Step Functions may not know an execution that it has just started: what it tells of executions is eventually
/// consistent. AWS gives no figure.
pub(super) const EXECUTION_KNOWN: Duration = Duration::from_secs(60);
/// How far the caller's clock may be behind AWS's when log events are looked for, in milliseconds.
const CLOCK_MARGIN_MS: i64 = 60_000;

/// What a validation works with.
pub struct Validation<'a> {
    /// Where.
    pub scope: &'a Scope,
    /// What the student should have.
    pub stack: &'a Stack,
    /// What is there.
    pub observed: &'a Observed,
    /// The student, as a deployment would see them.
    pub plan: &'a StudentPlan,
    /// The lab's probes, rendered for the student.
    pub probes: &'a [Probe],
    /// Whether there is a console to link to: not on an endpoint that is not AWS.
    pub console: bool,
    /// How proposed commands begin.
    pub invocation: &'a str,
    /// Names the executions that are started; unique to this run.
    pub run_id: &'a str,
    /// When the run began, in milliseconds since 1970.
    pub started_ms: i64,
}

/// How a probe went wrong, or could not be tried.
enum Trouble {
    /// It ended otherwise than it must.
    Wrong(Box<Evidence>),
    /// It could not be tried or looked at.
    Blocked(String, Option<String>),
    /// The run was stopped.
    Cancelled,
}

impl From<CallError> for Trouble {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Cloud(error) => Self::Blocked(error.in_full(), hints::for_error(&error)),
            CallError::Cancelled => Self::Cancelled,
        }
    }
}

impl From<Cancelled> for Trouble {
    fn from(_: Cancelled) -> Self {
        Self::Cancelled
    }
}

/// Validates one student's stack; answers every check, in order, and tells each as it is answered.
///
/// # Errors
/// Only when the run is stopped.
pub async fn validate<C: Cloud>(
    caller: &Caller<C>,
    validation: &Validation<'_>,
) -> Result<Vec<CheckResult>, Cancelled> {
    let student = &validation.plan.owner.student;
    let tell = |result: &CheckResult| {
        caller.tell(Event::CheckFinished {
            student: student.clone(),
            result: result.clone(),
        });
    };
    let facts = Facts {
        functions_not_ready: settled_functions(caller, validation.plan).await?,
        ..Facts::default()
    };
    let command = |options: &str| {
        format!(
            "run `{} deploy {options}--students {student}`",
            validation.invocation
        )
    };
    let act_by = |words: &str| match words.contains("--students") {
        true => format!("{} {words}", validation.invocation),
        false => format!("{} {words} --students {student}", validation.invocation),
    };
    let redeploy = match validation.plan.first(Found::Conflict) {
        Some(item) => item
            .hint
            .clone()
            .unwrap_or_else(|| hints::CONFLICT.to_owned()),
        None => act(validation.plan, &facts, &act_by),
    };
    // A probe is tried only where nothing is missing.
    let mend = match validation.plan.first(Found::Update) {
        Some(_) => format!(
            "`{}` brings the stack to what the lab is now.",
            act_by("deploy")
        ),
        None => reset(validation.plan, &act_by),
    };
    let mut results = vec![
        evaluate(
            &stack_check(
                "resources",
                "Resources exist",
                &redeploy,
                Proof::ResourcesExist,
            ),
            validation.plan,
            &facts,
        ),
        evaluate(
            &stack_check(
                "ready",
                "Resources are ready",
                &redeploy,
                Proof::ResourcesReady,
            ),
            validation.plan,
            &facts,
        ),
    ];
    let there = results.iter().all(|r| r.verdict == Verdict::Pass);
    let reserved = reserved_otherwise(caller, validation).await?;
    results.push(as_deployed(validation.plan, reserved, &command("--reset ")));
    results.iter().for_each(tell);
    let mut ran_well = true;
    for probe in validation.probes {
        let needs_executions = matches!(probe.request, ProbeRequest::LogEvents { .. });
        let outcome = if !there {
            Err(Trouble::Blocked(
                "not tried: the stack is not ready".to_owned(),
                Some(redeploy.clone()),
            ))
        } else if needs_executions && !ran_well {
            Err(Trouble::Blocked(
                "not looked for: what would write them did not run as it must".to_owned(),
                None,
            ))
        } else {
            run_probe(caller, validation, probe).await
        };
        ran_well &= outcome.is_ok();
        let (verdict, evidence, hint) = match outcome {
            Ok(evidence) => (Verdict::Pass, evidence, String::new()),
            Err(Trouble::Wrong(what)) => (Verdict::Fail, *what, format!("{} {mend}", probe.hint)),
            Err(Trouble::Blocked(what, hint)) => (
                Verdict::CouldNotCheck,
                what.into(),
                hint.unwrap_or_else(|| probe.hint.clone()),
            ),
            Err(Trouble::Cancelled) => return Err(Cancelled),
        };
        let result = CheckResult {
            id: probe.id.clone(),
            title: probe.title.clone(),
            work: Work::Stack,
            points: Points::ZERO,
            earned: Points::ZERO,
            parts: None,
            verdict,
            evidence: vec![evidence],
            hint,
            instructor_hint: None,
            as_of: None,
        };
        tell(&result);
        results.push(result);
    }
    Ok(results)
}

/// Whether the student changed anything; that is their right, and shows here so that nobody wonders why a probe
/// ends otherwise.
fn as_deployed(plan: &StudentPlan, reserved: Vec<String>, reset: &str) -> CheckResult {
    let kept = plan.items.iter().filter(|i| i.verdict == Found::Keep);
    let changed: Vec<Evidence> = kept
        .map(|i| format!("{}: {}", i.resource, i.why))
        .chain(reserved)
        .map(Evidence::from)
        .collect();
    let unchanged = changed.is_empty();
    CheckResult {
        id: "as-deployed".to_owned(),
        title: "Resources are as deployed".to_owned(),
        work: Work::Stack,
        points: Points::ZERO,
        earned: Points::ZERO,
        parts: None,
        verdict: if unchanged {
            Verdict::Pass
        } else {
            Verdict::Fail
        },
        evidence: if unchanged {
            vec!["nothing was changed since".into()]
        } else {
            changed
        },
        hint: if unchanged {
            String::new()
        } else {
            format!("it is the student's work and is kept; to put it back, {reset}")
        },
        instructor_hint: None,
        as_of: None,
    }
}

/// Functions whose reserved concurrency is not what the lab says. A freeze is no change of the student's. What could not
/// be looked at is said by the check on readiness, which looks at the same functions.
async fn reserved_otherwise<C: Cloud>(
    caller: &Caller<C>,
    validation: &Validation<'_>,
) -> Result<Vec<String>, Cancelled> {
    let said = |reserved: Option<u32>| match reserved {
        Some(reserved) => reserved.to_string(),
        None => "not set".to_owned(),
    };
    let mut found = Vec::new();
    for function in &validation.stack.functions {
        let name = function.name.as_str();
        let state = caller
            .call(Operation::GetFunction, |c| c.get_function(name))
            .await;
        match state {
            Ok(state)
                if state.reserved != function.reserved_concurrency
                    && !state.tags.contains_key(TAG_FROZEN) =>
            {
                found.push(format!(
                    "Lambda function {name}: its reserved concurrency is {}, and the lab's {}",
                    said(state.reserved),
                    said(function.reserved_concurrency)
                ));
            }
            Err(CallError::Cancelled) => return Err(Cancelled),
            Ok(_) | Err(CallError::Cloud(_)) => {}
        }
    }
    Ok(found)
}

/// Functions that are not ready, once none of them is on its way: a student may have saved a change a moment
/// ago.
async fn settled_functions<C: Cloud>(
    caller: &Caller<C>,
    plan: &StudentPlan,
) -> Result<Vec<(String, Reading<String>)>, Cancelled> {
    let mut deadline = Deadline::new(FUNCTIONS_SETTLE);
    loop {
        let found = functions_not_ready(caller, plan).await?;
        let pending = |reading: &Reading<String>| matches!(reading, Reading::Seen(state) if state.starts_with("Pending"));
        if !found.iter().any(|(_, reading)| pending(reading)) || !deadline.pause(caller).await? {
            return Ok(found);
        }
    }
}

/// Tries a probe, and again for as long as it has time while a permission is refused: the policies of a new stack are not
/// in force everywhere at once.
async fn run_probe<C: Cloud>(
    caller: &Caller<C>,
    validation: &Validation<'_>,
    probe: &Probe,
) -> Result<Evidence, Trouble> {
    let mut deadline = Deadline::new(Duration::from_secs(probe.deadline_s));
    let mut attempt = 1;
    loop {
        match try_probe(caller, validation, probe, attempt, &mut deadline).await {
            Err(Trouble::Wrong(what))
                if speaks_of_permission(&what) && deadline.pause(caller).await? =>
            {
                attempt += 1;
            }
            other => return other,
        }
    }
}

/// Whether what went wrong is that a role may not do something (yet).
fn speaks_of_permission(evidence: &Evidence) -> bool {
    let execution = evidence.execution.as_ref();
    let detail = execution.and_then(|known| known.execution.detail.as_ref());
    let said = detail.map(|detail| [detail.error.as_deref(), detail.cause.as_deref()]);
    let said = said.into_iter().flatten().flatten();
    let mut words = said.chain([evidence.text.as_str()]);
    words.any(|text| text.contains("not authorized to perform") || text.contains("AccessDenied"))
}

async fn try_probe<C: Cloud>(
    caller: &Caller<C>,
    validation: &Validation<'_>,
    probe: &Probe,
    attempt: u32,
    deadline: &mut Deadline,
) -> Result<Evidence, Trouble> {
    match &probe.request {
        ProbeRequest::Execution {
            state_machine,
            input,
            expect_end,
        } => {
            let machine = validation.scope.state_machine_arn(state_machine);
            let again = match attempt {
                1 => String::new(),
                n => format!("-{n}"),
            };
            let name = format!("homeroom-{}-{}{again}", validation.run_id, probe.id);
            let arn = caller
                .call(Operation::StartExecution, |c| {
                    c.start_execution(&machine, &name, input)
                })
                .await?;
            remember(caller, validation, &arn);
            wait_for_end(caller, validation, &arn, expect_end, deadline).await
        }
        ProbeRequest::Api {
            api,
            stage,
            method,
            path,
            body,
            expect_http,
            expect_end,
            execution_arn_pointer,
        } => {
            let (id, authorization) = api_of(validation, api)?;
            // A stage that was deployed a moment ago may not answer everywhere yet, and answers 403
            // (Missing Authentication Token) or 500 until the permission has arrived; 429 while the student's own
            // requests use the stage up.
            let answer = loop {
                let answer = caller
                    .call(Operation::InvokeApi, |c| {
                        c.invoke_api(&id, stage, method, path, body, authorization)
                    })
                    .await?;
                let settling = matches!(answer.status, 403 | 404 | 429 | 500 | 502 | 503 | 504);
                if answer.status == *expect_http || !settling || !deadline.pause(caller).await? {
                    break answer;
                }
            };
            let started = serde_json::from_str::<Value>(&answer.body)
                .ok()
                .and_then(|v| Some(v.pointer(execution_arn_pointer)?.as_str()?.to_owned()));
            // Whatever the answer is: a changed function may well start something for a bad request.
            if let Some(arn) = &started {
                remember(caller, validation, arn);
            }
            if answer.status != *expect_http {
                return Err(wrong(format!(
                    "{method} {path} answered {} instead of {expect_http}: {}",
                    answer.status,
                    excerpt(&answer.body)
                )));
            }
            let Some(expect_end) = expect_end else {
                return Ok(format!("{method} {path} answered {}", answer.status).into());
            };
            let arn = started.ok_or_else(|| {
                wrong(format!(
                    "the answer names no execution at {execution_arn_pointer}: {}",
                    excerpt(&answer.body)
                ))
            })?;
            let end = wait_for_end(caller, validation, &arn, expect_end, deadline).await?;
            let text = format!("{method} {path} answered {}; {}", answer.status, end.text);
            Ok(Evidence { text, ..end })
        }
        ProbeRequest::LogEvents { functions } => {
            let since = validation.started_ms - CLOCK_MARGIN_MS;
            for function in functions {
                let group = format!("/aws/lambda/{function}");
                while !has_events(caller, &group, since, None).await? {
                    if !deadline.pause(caller).await? {
                        return Err(wrong(format!(
                            "no log event in {group} within {} s",
                            probe.deadline_s
                        )));
                    }
                }
            }
            Ok(format!("log events in {} log groups", functions.len()).into())
        }
    }
}

/// Tells that an execution is homeroom's own; the run log keeps it. The answer of a function that a student
/// changed may name anything, another student's execution for one: only this student's are believed.
fn remember<C: Cloud>(caller: &Caller<C>, validation: &Validation<'_>, arn: &str) {
    let mut machines = validation
        .plan
        .items
        .iter()
        .filter(|item| item.resource.kind == Kind::StateMachine);
    let of_student = machines.any(|item| {
        let prefix = validation.scope.execution_arn(&item.resource.name, "");
        arn.starts_with(&prefix)
    });
    if !of_student {
        return;
    }
    caller.tell(Event::ExecutionStarted {
        student: validation.plan.owner.student.clone(),
        execution_arn: arn.to_owned(),
    });
}

/// The id of the student's API of that name, and who may call it.
fn api_of(validation: &Validation<'_>, name: &str) -> Result<(String, Authorization), Trouble> {
    let stack = validation.stack;
    let found = stack.rest_apis.iter().find(|api| api.name == name);
    found
        .and_then(|api| {
            let actual = validation.observed.api_of(validation.scope, stack, api)?;
            Some((actual.id.clone(), api.authorization))
        })
        .ok_or_else(|| wrong(format!("there is no REST API {name}")))
}

fn wrong(what: String) -> Trouble {
    Trouble::Wrong(Box::new(what.into()))
}

async fn wait_for_end<C: Cloud>(
    caller: &Caller<C>,
    validation: &Validation<'_>,
    arn: &str,
    expected: &EndState,
    deadline: &mut Deadline,
) -> Result<Evidence, Trouble> {
    let began = Instant::now();
    let (execution, judged) = loop {
        let described = caller
            .call(Operation::DescribeExecution, |c| c.describe_execution(arn))
            .await;
        let execution = match described {
            Err(error)
                if error.kind() == Some(ErrorKind::NotFound)
                    && began.elapsed() < EXECUTION_KNOWN
                    && deadline.pause(caller).await? =>
            {
                continue;
            }
            other => other?,
        };
        if execution.status.is_final() {
            let judged = judge_end(&execution, expected);
            break (execution, judged);
        }
        if !deadline.pause(caller).await? {
            let late = format!(
                "the execution was still {} after {} s",
                execution.status.as_str(),
                deadline.allowed.as_secs()
            );
            break (execution, Err(late));
        }
    };
    let scope = validation.console.then_some(validation.scope);
    let execution = ExecutionEvidence {
        starter: Starter::Homeroom,
        console_url: scope.map(|scope| scope.execution_console_url(&execution.arn)),
        execution: Execution {
            detail: execution.detail.map(|detail| detail.reduced([])),
            ..execution
        },
    };
    let evidence = |text| Evidence {
        text,
        execution: Some(execution),
        console_url: None,
    };
    match judged {
        Ok(text) => Ok(evidence(text)),
        Err(text) => Err(Trouble::Wrong(Box::new(evidence(text)))),
    }
}

/// Whether an execution ended as it must.
fn judge_end(execution: &Execution, expected: &EndState) -> Result<String, String> {
    let status = execution.status;
    let detail = execution.detail.as_ref();
    let error = detail.and_then(|d| d.error.as_ref());
    let mut ended = format!("the execution ended {}", status.as_str());
    if let Some(error) = error {
        ended.push_str(&format!(" with error {error}"));
    }
    let as_expected =
        status == expected.status && (expected.error.is_none() || error == expected.error.as_ref());
    if as_expected {
        return Ok(ended);
    }
    let mut wanted = expected.status.as_str().to_owned();
    if let Some(error) = &expected.error {
        wanted.push_str(&format!(" with error {error}"));
    }
    let cause = detail.and_then(|d| d.cause.as_deref());
    let cause = cause.map(excerpt).unwrap_or_default();
    Err(if cause.is_empty() {
        format!("{ended} instead of {wanted}")
    } else {
        format!("{ended} instead of {wanted}: {cause}")
    })
}

/// The beginning of a text from AWS, on one line.
fn excerpt(text: &str) -> String {
    let line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(200) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// The time that a probe has.
struct Deadline {
    started: Instant,
    allowed: Duration,
    pause: Duration,
}

impl Deadline {
    fn new(allowed: Duration) -> Self {
        Self {
            started: Instant::now(),
            allowed,
            pause: FIRST_PAUSE,
        }
    }

    /// Pauses before another look; `false` when the time is over.
    async fn pause<C: Cloud>(&mut self, caller: &Caller<C>) -> Result<bool, Cancelled> {
        if self.started.elapsed() >= self.allowed {
            return Ok(false);
        }
        caller.stop().sleep(self.pause).await?;
        self.pause = self.pause.mul_f64(1.5).min(LONGEST_PAUSE);
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::execution::{Detail, Status};

    fn ended(status: Status, error: Option<&str>) -> Execution {
        Execution {
            arn: "arn".into(),
            name: "name".into(),
            status,
            started_ms: 0,
            stopped_ms: None,
            detail: Some(Detail {
                input: Value::Null,
                error: error.map(str::to_owned),
                cause: Some("{\"errorMessage\": \"boom\"}".into()),
            }),
        }
    }

    fn expected(status: Status, error: Option<&str>) -> EndState {
        EndState {
            status,
            error: error.map(str::to_owned),
        }
    }

    #[test]
    fn the_error_exercise_counts_only_when_it_ends_in_the_state_that_it_must() {
        let wanted = expected(Status::Failed, Some("ProcessingFailed"));
        assert!(judge_end(&ended(Status::Failed, Some("ProcessingFailed")), &wanted).is_ok());
        let other = judge_end(&ended(Status::Failed, Some("States.Runtime")), &wanted);
        let text = other.unwrap_err();
        assert!(text.contains("States.Runtime") && text.contains("ProcessingFailed"));
        assert!(judge_end(&ended(Status::Succeeded, None), &wanted).is_err());
    }

    #[test]
    fn an_end_without_an_expected_error_takes_any() {
        let wanted = expected(Status::Succeeded, None);
        assert!(judge_end(&ended(Status::Succeeded, None), &wanted).is_ok());
        assert!(judge_end(&ended(Status::TimedOut, None), &wanted).is_err());
    }

    #[test]
    fn only_a_refused_permission_is_worth_another_attempt() {
        let evidence = |text: &str| Evidence::from(text.to_owned());
        assert!(speaks_of_permission(&evidence(
            "the execution ended FAILED: User: r is not authorized to perform: lambda:InvokeFunction"
        )));
        assert!(!speaks_of_permission(&evidence(
            "the execution ended FAILED: division by zero"
        )));
    }

    #[test]
    fn an_excerpt_is_one_short_line_and_never_cuts_a_character() {
        let text = format!("a\nb {}", "é".repeat(300));
        let short = excerpt(&text);
        assert!(short.starts_with("a b é") && short.ends_with('…') && !short.contains('\n'));
    }
}
