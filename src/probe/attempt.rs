//! Tries one of the lab's probes on a student's stack. Every wait is on a condition with the probe's own deadline.

use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use crate::aws::error::request_words;
use crate::aws::execution::{Execution, ExecutionStatus};
use crate::aws::stop::Cancelled;
use crate::aws::{CallError, Client, ErrorKind};
use crate::events::Event;
use crate::evidence::causes::add_cause;
use crate::evidence::check::{Evidence, ExecutionEvidence, Why};
use crate::evidence::log_events::has_events;
use crate::ids::Scope;
use crate::lab::marks::{Starter, marked};
use crate::lab::{EndState, Probe, ProbeRequest};
use crate::probe::deadline::{Deadline, EXECUTION_KNOWN};
use crate::stack::alike::Alike;
use crate::stack::hints;
use crate::stack::kinds::Observed;
use crate::stack::kinds::Stack;
use crate::stack::kinds::rest_api::Authorization;
use crate::stack::plan::StudentPlan;
use crate::stack::settle::Settling;

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
    /// What this run's requests to this student's stack bear. It was recorded before: see [`issue_nonce`](crate::probe::validate::issue_nonce).
    pub nonce: &'a str,
    /// When the run began, in milliseconds since 1970.
    pub started_ms: i64,
}

/// How a probe went wrong, or could not be tried.
pub(super) enum ProbeTrouble {
    /// It ended otherwise than it must.
    Wrong(Box<Evidence>),
    /// It could not be tried or looked at.
    Blocked(String, Option<String>),
    Cancelled,
}

impl From<CallError> for ProbeTrouble {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Cloud(error) => Self::Blocked(error.in_full(), hints::for_error(&error)),
            CallError::Cancelled => Self::Cancelled,
        }
    }
}

impl From<Cancelled> for ProbeTrouble {
    fn from(_: Cancelled) -> Self {
        Self::Cancelled
    }
}

/// Tries a probe, and again for as long as it has time while a permission is refused: the policies of a new stack are not
/// in force everywhere at once.
pub(super) async fn run_probe(
    client: &Client,
    validation: &Validation<'_>,
    probe: &Probe,
) -> Result<Evidence, ProbeTrouble> {
    let mut deadline = Deadline::new(Duration::from_secs(probe.deadline_s));
    let mut attempt = 1;
    loop {
        match try_probe(client, validation, probe, attempt, &mut deadline).await {
            Err(ProbeTrouble::Wrong(what))
                if speaks_of_permission(&what) && deadline.pause(client).await? =>
            {
                attempt += 1;
            }
            other => return other,
        }
    }
}

/// Whether what went wrong is that a role may not do something (yet). What is shown is cut short and may tell of what the
/// caller may not read, so an execution is asked itself, and what a state that failed before its Fail state says.
fn speaks_of_permission(evidence: &Evidence) -> bool {
    let mut said = Vec::new();
    match &evidence.execution {
        None => said.push(Some(evidence.text.as_str())),
        Some(known) => {
            if let Some(detail) = &known.execution.detail {
                said.extend([detail.error.as_deref(), detail.cause.as_deref()]);
            }
            if let Some(Why::Cause(why)) = &known.why {
                said.extend([why.error.as_deref(), why.cause.as_deref()]);
            }
        }
    }
    let refused =
        |text: &str| text.contains("not authorized to perform") || text.contains("AccessDenied");
    said.into_iter().flatten().any(refused)
}

async fn try_probe(
    client: &Client,
    validation: &Validation<'_>,
    probe: &Probe,
    attempt: u32,
    deadline: &mut Deadline,
) -> Result<Evidence, ProbeTrouble> {
    let student = &validation.plan.owner.student;
    let alike = &Alike::new(client, student, format!("probe {}", probe.id));
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
            let name = format!("{}-{}{again}", marked(validation.nonce), probe.id);
            let started = alike.client.start_execution(&machine, &name, input);
            let arn = alike.answer(started).await?;
            remember(client, validation, &arn);
            wait_for_end(client, alike, validation, &arn, expect_end, deadline).await
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
                let answered =
                    alike
                        .client
                        .invoke_api(&id, stage, method, path, body, authorization);
                let answer = alike.answer(answered).await?;
                let settling = matches!(answer.status, 403 | 404 | 429 | 500 | 502 | 503 | 504);
                if answer.status == *expect_http || !settling || !deadline.pause(client).await? {
                    break answer;
                }
            };
            let started = serde_json::from_str::<Value>(&answer.body)
                .ok()
                .and_then(|v| Some(v.pointer(execution_arn_pointer)?.as_str()?.to_owned()));
            // Whatever the answer is: a changed function may well start something for a bad request. What it names is
            // used only if it is this student's: with our rights, anybody's could be read.
            let own = started
                .as_deref()
                .is_some_and(|arn| is_own(validation, arn));
            if let Some(arn) = started.as_ref().filter(|_| own) {
                remember(client, validation, arn);
            }
            if answer.status != *expect_http {
                return Err(wrong(format!(
                    "{method} {path} answered {} instead of {expect_http}: {}{}",
                    answer.status,
                    excerpt(&answer.body),
                    request_words(answer.request_id.as_deref())
                )));
            }
            let Some(expect_end) = expect_end else {
                return Ok(format!("{method} {path} answered {}", answer.status).into());
            };
            let arn = started.ok_or_else(|| {
                wrong(format!(
                    "the answer names no execution at {execution_arn_pointer}: {}{}",
                    excerpt(&answer.body),
                    request_words(answer.request_id.as_deref())
                ))
            })?;
            if !own {
                return Err(wrong(format!(
                    "the answer names, at {execution_arn_pointer}, no execution of this student's state machine: {}",
                    excerpt(&arn)
                )));
            }
            let end = wait_for_end(client, alike, validation, &arn, expect_end, deadline).await?;
            let text = format!("{method} {path} answered {}; {}", answer.status, end.text);
            Ok(Evidence { text, ..end })
        }
        ProbeRequest::LogEvents { functions } => {
            let since = validation.started_ms - CLOCK_MARGIN_MS;
            for function in functions {
                let group = format!("/aws/lambda/{function}");
                while !alike
                    .answer(has_events(&alike.client, &group, since, None))
                    .await?
                {
                    if !deadline.pause(client).await? {
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

/// Tells that an execution is homeroom's own; the run log keeps it.
fn remember(client: &Client, validation: &Validation<'_>, arn: &str) {
    client.emit(Event::ExecutionStarted {
        student: validation.plan.owner.student.clone(),
        execution_arn: arn.to_owned(),
    });
}

/// Whether an ARN is one of an execution of this student's state machines, in the class's own account and region. The
/// answer of a function that a student changed may name anything, another student's execution for one.
fn is_own(validation: &Validation<'_>, arn: &str) -> bool {
    let mut machines = validation.stack.state_machines.iter();
    machines.any(|machine| {
        let begin = validation.scope.execution_arn(&machine.name, "");
        let name = arn.strip_prefix(&begin);
        name.is_some_and(is_execution_name)
    })
}

/// Whether a text can be the name of an execution. Source: Step Functions StartExecution, `name`.
fn is_execution_name(name: &str) -> bool {
    let forbidden =
        |c: char| c.is_whitespace() || c.is_control() || "<>{}[]?*\"#%\\^|~`$&,;:/".contains(c);
    (1..=80).contains(&name.chars().count()) && !name.contains(forbidden)
}

/// The id of the student's API of that name, and who may call it.
fn api_of(
    validation: &Validation<'_>,
    name: &str,
) -> Result<(String, Authorization), ProbeTrouble> {
    let stack = validation.stack;
    let found = stack.rest_apis.iter().find(|api| api.name == name);
    found
        .and_then(|api| {
            let actual = validation.observed.api_of(validation.scope, stack, api)?;
            Some((actual.id.clone(), api.authorization))
        })
        .ok_or_else(|| wrong(format!("there is no REST API {name}")))
}

fn wrong(what: String) -> ProbeTrouble {
    ProbeTrouble::Wrong(Box::new(what.into()))
}

async fn wait_for_end(
    client: &Client,
    alike: &Alike<'_>,
    validation: &Validation<'_>,
    arn: &str,
    expected: &EndState,
    deadline: &mut Deadline,
) -> Result<Evidence, ProbeTrouble> {
    // What was started may be found only a little later, and its error, too.
    let mut found = Deadline::new(EXECUTION_KNOWN);
    let mut settling = Settling::default();
    let (execution, end) = loop {
        let described = alike.client.describe_execution(arn);
        let execution = match alike.answer(described).await {
            Err(error) if error.kind() == Some(ErrorKind::NotFound) => {
                let before = Instant::now();
                if !found.pause(client).await? {
                    return Err(error.into());
                }
                // The time in which AWS does not know it is none of the probe's.
                deadline.forgive(before.elapsed());
                continue;
            }
            described => described?,
        };
        if execution.status.is_final() {
            if shows_its_end(&execution) || !settling.again(client.stop()).await? {
                break (execution, End::Final);
            }
            continue;
        }
        if !deadline.pause(client).await? {
            let late = format!(
                "the execution was still {} after {} s",
                execution.status.as_str(),
                deadline.allowed.as_secs()
            );
            break (execution, End::Late(late));
        }
    };
    let scope = validation.console.then_some(validation.scope);
    let mut execution = ExecutionEvidence {
        why: None,
        starter: Starter::Homeroom,
        console_url: scope.map(|scope| scope.execution_console_url(&execution.arn)),
        execution: Execution {
            detail: execution.detail.map(|detail| detail.reduced([])),
            ..execution
        },
    };
    let student = &validation.plan.owner.student;
    add_cause(client, student, &mut execution).await?;
    let judged = match end {
        End::Late(late) => Err(late),
        End::Final if expected.error.is_some() && !shows_its_end(&execution.execution) => {
            let text = "AWS does not show how the execution failed yet".to_owned();
            return Err(ProbeTrouble::Blocked(text, None));
        }
        // What the nonce stands in would make the same trouble of sixty students sixty troubles.
        End::Final => judge_end(&execution, expected)
            .map_err(|text| text.replace(&marked(validation.nonce), "homeroom-…")),
    };
    let evidence = |text| Evidence {
        text,
        execution: Some(execution),
    };
    match judged {
        Ok(text) => Ok(evidence(text)),
        Err(text) => Err(ProbeTrouble::Wrong(Box::new(evidence(text)))),
    }
}

/// How the wait for an execution's end ended.
enum End {
    Final,
    /// Too late; in words.
    Late(String),
}

/// Whether AWS shows how an execution ended: a failed one has an error, unless a Fail state names none.
fn shows_its_end(execution: &Execution) -> bool {
    let error = execution.detail.as_ref().map(|detail| &detail.error);
    execution.status != ExecutionStatus::Failed || error.is_some_and(Option::is_some)
}

/// Whether an execution ended as it must.
fn judge_end(shown: &ExecutionEvidence, expected: &EndState) -> Result<String, String> {
    let status = shown.execution.status;
    let detail = shown.execution.detail.as_ref();
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
    let own = detail.and_then(|d| d.cause.clone());
    let cause = match &shown.why {
        // What the state that failed says; a Fail state says the same whatever happened.
        Some(why) => Some(why.sentence()),
        None => own,
    };
    let cause = cause.as_deref().map(excerpt).unwrap_or_default();
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::execution::ExecutionDetail;
    use crate::evidence::history::RootCause;

    fn ended(status: ExecutionStatus, error: Option<&str>) -> ExecutionEvidence {
        let execution = Execution {
            arn: "arn".into(),
            name: "name".into(),
            status,
            started_ms: 0,
            stopped_ms: None,
            detail: Some(ExecutionDetail {
                input: Value::Null,
                error: error.map(str::to_owned),
                cause: Some("look at the console".into()),
            }),
        };
        ExecutionEvidence {
            starter: Starter::Homeroom,
            execution,
            console_url: None,
            why: None,
        }
    }

    #[test]
    fn what_the_failing_state_says_takes_the_place_of_the_fail_states_words() {
        let wanted = expected(ExecutionStatus::Succeeded, None);
        let mut failed = ended(ExecutionStatus::Failed, Some("ProcessingFailed"));
        let text = judge_end(&failed, &wanted).unwrap_err();
        assert!(text.ends_with(": look at the console"), "{text}");
        failed.why = Some(Why::Cause(RootCause {
            state: Some("ProcessData".into()),
            error: Some("InvalidRequest".into()),
            cause: Some("userId is missing".into()),
        }));
        let text = judge_end(&failed, &wanted).unwrap_err();
        assert!(
            text.ends_with("SUCCEEDED: ProcessData failed with InvalidRequest: userId is missing"),
            "{text}"
        );
        failed.why = Some(Why::Unread(
            "states:GetExecutionHistory: AccessDenied".into(),
        ));
        let text = judge_end(&failed, &wanted).unwrap_err();
        assert!(
            text.contains("could not read its history: states:"),
            "{text}"
        );
    }

    #[test]
    fn only_what_can_be_an_executions_name_is_one() {
        for name in ["api-user1-1", "né", "a.b_c"] {
            assert!(is_execution_name(name), "{name}");
        }
        let long = "x".repeat(81);
        for name in ["", "a:b", "a b", "../x", "a?b=c", "a\nb", long.as_str()] {
            assert!(!is_execution_name(name), "{name:?}");
        }
    }

    fn expected(status: ExecutionStatus, error: Option<&str>) -> EndState {
        EndState {
            status,
            error: error.map(str::to_owned),
        }
    }

    #[test]
    fn the_error_exercise_counts_only_when_it_ends_in_the_state_that_it_must() {
        let wanted = expected(ExecutionStatus::Failed, Some("ProcessingFailed"));
        assert!(
            judge_end(
                &ended(ExecutionStatus::Failed, Some("ProcessingFailed")),
                &wanted
            )
            .is_ok()
        );
        let other = judge_end(
            &ended(ExecutionStatus::Failed, Some("States.Runtime")),
            &wanted,
        );
        let text = other.unwrap_err();
        assert!(text.contains("States.Runtime") && text.contains("ProcessingFailed"));
        assert!(judge_end(&ended(ExecutionStatus::Succeeded, None), &wanted).is_err());
    }

    #[test]
    fn an_end_without_an_expected_error_takes_any() {
        let wanted = expected(ExecutionStatus::Succeeded, None);
        assert!(judge_end(&ended(ExecutionStatus::Succeeded, None), &wanted).is_ok());
        assert!(judge_end(&ended(ExecutionStatus::TimedOut, None), &wanted).is_err());
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
        // What the caller may not read is no role's permission, which might come yet.
        let mut failed = ended(ExecutionStatus::Failed, Some("ProcessingFailed"));
        failed.why = Some(Why::Unread(
            "states:GetExecutionHistory: AccessDenied".into(),
        ));
        let shown = |execution| Evidence {
            execution: Some(execution),
            ..evidence("could not read its history: AccessDenied")
        };
        assert!(!speaks_of_permission(&shown(failed)));
    }

    #[test]
    fn an_excerpt_is_one_short_line_and_never_cuts_a_character() {
        let text = format!("a\nb {}", "é".repeat(300));
        let short = excerpt(&text);
        assert!(short.starts_with("a b é") && short.ends_with('…') && !short.contains('\n'));
    }
}
