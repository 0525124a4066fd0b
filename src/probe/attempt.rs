//! Tries one of the lab's probes on a student's stack. Every wait is on a condition with the probe's own deadline.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use crate::aws::error::request_words;
use crate::aws::execution::{Execution, ExecutionStatus};
use crate::aws::stop::Cancelled;
use crate::aws::{ApiRequest, CallError, Client, ErrorKind};
use crate::events::Event;
use crate::evidence::causes::add_cause;
use crate::evidence::check::{Evidence, ExecutionEvidence, Why};
use crate::evidence::functions::FunctionLook;
use crate::evidence::log_events::has_events;
use crate::ids::{ApiType, Scope};
use crate::lab::marks::{Starter, marked};
use crate::lab::{EndState, Probe, ProbeRequest};
use crate::probe::cannot_begin::{CannotBegin, cannot_begin};
use crate::probe::deadline::{Deadline, EXECUTION_KNOWN};
use crate::probe::patience::{PASSING, Patience, Teller};
use crate::stack::alike::Alike;
use crate::stack::hints;
use crate::stack::kinds::api::{Authorization, answering};
use crate::stack::kinds::{Observed, Stack};
use crate::stack::plan::StudentPlan;
use crate::stack::settle::Settling;

/// How far the caller's clock may be behind AWS's when log events are looked for, in milliseconds.
const CLOCK_MARGIN_MS: i64 = 60_000;

/// One student's stack, to be validated.
pub struct Validation<'a> {
    /// The class's account and region.
    pub scope: &'a Scope,
    /// What the lab says.
    pub stack: &'a Stack,
    /// What AWS shows.
    pub observed: &'a Observed,
    /// What a deployment would do.
    pub plan: &'a StudentPlan,
    /// Filled in for the student.
    pub probes: &'a [Probe],
    /// Whether there is a console to link to: only AWS itself has one.
    pub console: bool,
    /// How proposed commands begin; empty where none is proposed.
    pub invocation: &'a str,
    /// Marks this run's requests to the stack. See [`issue_nonce`](crate::probe::validate::issue_nonce).
    pub nonce: &'a str,
    /// When the run began, in milliseconds since 1970.
    pub started_ms: i64,
    /// When the class was last deployed from here, likewise, where that is known.
    pub deployed_ms: Option<i64>,
}

/// Why a probe did not succeed.
pub(super) enum ProbeTrouble {
    /// The stack does not do what the lab says.
    Wrong(Box<Evidence>),
    /// A function that the probe needs cannot begin.
    CannotBegin(CannotBegin),
    /// It follows from what is known already.
    Explained(Explanation),
    /// It could not be tried, or its end could not be read: the cause, and a hint.
    Blocked(String, Option<String>),
    Cancelled,
}

/// Why something is wrong, and what to do about it.
#[derive(Debug, Clone)]
pub(super) struct Explanation {
    pub(crate) evidence: Vec<Evidence>,
    pub(crate) hint: String,
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

/// Tries a probe, and retries it while a permission is refused and patience lasts: the policies of a new stack are not in
/// force everywhere at once.
pub(super) async fn run_probe(
    client: &Client,
    validation: &Validation<'_>,
    probe: &Probe,
    functions: &[FunctionLook],
    patience: &mut Patience,
) -> Result<Evidence, ProbeTrouble> {
    let mut waits = Waits {
        functions,
        settling: patience.begin(Duration::from_secs(probe.deadline_s)),
        passing: Deadline::new(PASSING),
        teller: Teller::new(client, &validation.plan.owner.student),
    };
    let mut attempt = 1;
    let tried = loop {
        match try_probe(client, validation, probe, attempt, &mut waits).await {
            Err(ProbeTrouble::Wrong(what)) if speaks_of_permission(&what) => {
                waits.tell(probe, "a permission to be in force");
                if !waits.settling.pause(client).await? {
                    break Err(ProbeTrouble::Wrong(what));
                }
                attempt += 1;
            }
            other => break other,
        }
    };
    patience.end(&waits.settling);
    tried
}

/// What one probe waits with.
struct Waits<'a> {
    functions: &'a [FunctionLook],
    /// For what may mend itself.
    settling: Deadline,
    /// For what is over in a moment, however long was waited before.
    passing: Deadline,
    teller: Teller<'a>,
}

impl Waits<'_> {
    /// Looks whether the function behind a probe's API cannot begin.
    async fn look_behind(
        &self,
        client: &Client,
        validation: &Validation<'_>,
        probe: &Probe,
    ) -> Result<(), ProbeTrouble> {
        let behind = function_behind(validation.stack, &probe.request);
        let look = behind.and_then(|name| self.functions.iter().find(|look| look.0 == name));
        let Some(look) = look else { return Ok(()) };
        let student = &validation.plan.owner.student;
        let since_ms = validation.started_ms - CLOCK_MARGIN_MS;
        match cannot_begin(client, student, look, since_ms).await? {
            Some(found) => Err(ProbeTrouble::CannotBegin(found)),
            None => Ok(()),
        }
    }

    /// Says what the student is waited for.
    fn tell(&mut self, probe: &Probe, on: &str) {
        if let Some(resource) = probe.request.resource() {
            self.teller.tell(resource, on);
        }
    }
}

/// When the log of a function is looked into, counted from the first answer: each look costs a call of few.
struct LogLooks {
    began: Instant,
    next: Duration,
}

impl LogLooks {
    fn new() -> Self {
        Self {
            began: Instant::now(),
            next: Duration::from_millis(500),
        }
    }

    /// Whether it is time, and if so when it is again.
    fn due(&mut self) -> bool {
        let due = self.began.elapsed() >= self.next;
        if due {
            self.next = self.began.elapsed() * 2;
        }
        due
    }
}

/// Whether a role lacks a permission (yet). For an execution, only its own error and the failing state's count: the shown
/// text is cut short, and can also name a permission that the caller lacks.
fn speaks_of_permission(evidence: &Evidence) -> bool {
    let refused =
        |text: &str| text.contains("not authorized to perform") || text.contains("AccessDenied");
    let Some(known) = &evidence.execution else {
        return refused(&evidence.text);
    };
    let mut texts = Vec::new();
    if let Some(detail) = &known.execution.detail {
        texts.extend([&detail.error, &detail.cause]);
    }
    if let Some(Why::Cause(why)) = &known.why {
        texts.extend([&why.error, &why.cause]);
    }
    texts.into_iter().flatten().any(|text| refused(text))
}

async fn try_probe(
    client: &Client,
    validation: &Validation<'_>,
    probe: &Probe,
    attempt: u32,
    waits: &mut Waits<'_>,
) -> Result<Evidence, ProbeTrouble> {
    let student = &validation.plan.owner.student;
    let alike = &Alike::new(client, student, format!("probe {}", probe.id));
    let allowed = Duration::from_secs(probe.deadline_s);
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
            waits.tell(probe, "its execution to end");
            wait_for_end(client, alike, validation, &arn, expect_end, allowed).await
        }
        ProbeRequest::Api {
            api,
            api_type,
            stage,
            method,
            path,
            // Part of the path by now.
            query: _,
            headers,
            body,
            expect_http,
            expect,
            expect_end,
            execution_arn_pointer,
        } => {
            let body = body.as_deref().unwrap_or_default();
            let (id, authorization) = api_of(validation, *api_type, api)?;
            // So the log of a refused request shows who sent it.
            let agent = format!("homeroom ({})", marked(validation.nonce));
            // A new stage may not be known everywhere yet (403, Missing Authentication Token) or lack its permission
            // (500). The student's own requests may use up the stage's limit (429).
            let mut looks = LogLooks::new();
            let answer = loop {
                let request = ApiRequest {
                    api_id: &id,
                    stage,
                    method,
                    path,
                    body,
                    authorization,
                    agent: &agent,
                };
                let answered = alike.client.invoke_api_with(request, headers);
                let answer = alike.answer(answered).await?;
                let settling = matches!(answer.status, 403 | 404 | 429 | 500 | 502 | 503 | 504);
                if answer.status == *expect_http || !settling {
                    break answer;
                }
                let failed = (500..=599).contains(&answer.status);
                if failed && looks.due() {
                    waits.look_behind(client, validation, probe).await?;
                }
                waits.tell(probe, &format!("an answer other than {}", answer.status));
                let passing = matches!(answer.status, 429 | 503 | 504);
                let again = waits.settling.pause(client).await?
                    || passing && waits.passing.pause(client).await?;
                if !again {
                    if failed {
                        waits.look_behind(client, validation, probe).await?;
                    }
                    break answer;
                }
            };
            let started = serde_json::from_str::<Value>(&answer.body)
                .ok()
                .and_then(|v| Some(v.pointer(execution_arn_pointer)?.as_str()?.to_owned()));
            // Whatever the status: a changed function may start an execution even for a bad request. Only an execution of
            // this student's is used: homeroom's permissions would read anybody's.
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
            if let Some(other) = otherwise(&answer.body, expect) {
                return Err(wrong(format!(
                    "{method} {path} answered {}, but {other}{}",
                    answer.status,
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
            waits.tell(probe, "its execution to end");
            let end = wait_for_end(client, alike, validation, &arn, expect_end, allowed).await?;
            let text = format!("{method} {path} answered {}; {}", answer.status, end.text);
            Ok(Evidence { text, ..end })
        }
        ProbeRequest::Invoke {
            function,
            payload,
            expect,
        } => {
            let payload = payload.as_deref().unwrap_or_default();
            let answered = alike.client.invoke_function(function, payload);
            let answer = alike.answer(answered).await?;
            let id = request_words(answer.request_id.as_deref());
            if answer.failed {
                waits.look_behind(client, validation, probe).await?;
                return Err(wrong(format!(
                    "{function} failed: {}{id}",
                    excerpt(&failure_of(&answer.payload))
                )));
            }
            match otherwise(&answer.payload, expect) {
                None => Ok(format!("{function} answered {}", excerpt(&answer.payload)).into()),
                Some(other) => Err(wrong(format!("{function} answered, but {other}{id}"))),
            }
        }
        ProbeRequest::LogEvents { functions } => {
            let since = validation.started_ms - CLOCK_MARGIN_MS;
            let mut deadline = Deadline::new(allowed);
            for function in functions {
                let group = format!("/aws/lambda/{function}");
                while !alike
                    .answer(has_events(&alike.client, &group, since, None))
                    .await?
                {
                    waits.tell(probe, "log events");
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

/// The function that a probe invokes, or that answers its request to an API.
pub(super) fn function_behind<'a>(stack: &'a Stack, request: &ProbeRequest) -> Option<&'a str> {
    let (api, method, path) = match request {
        ProbeRequest::Api {
            api, method, path, ..
        } => (api, method, path.split('?').next()?),
        ProbeRequest::Invoke { function, .. } => {
            let mut functions = stack.functions.iter();
            return Some(&functions.find(|known| known.name == *function)?.name);
        }
        ProbeRequest::Execution { .. } | ProbeRequest::LogEvents { .. } => return None,
    };
    let api = stack.apis.iter().find(|known| known.name == *api)?;
    let route = answering(&api.routes, |r| (&r.method, &r.path), method, path)?;
    Some(&route.function)
}

/// How an answer differs from what it must hold, by JSON pointer; `None` where it does not.
pub(super) fn otherwise(answer: &str, expect: &BTreeMap<String, Value>) -> Option<String> {
    let json = match serde_json::from_str::<Value>(answer) {
        Ok(json) => json,
        Err(_) if expect.is_empty() => return None,
        Err(_) => return Some(format!("the answer is not JSON: {}", excerpt(answer))),
    };
    let different: Vec<String> = expect
        .iter()
        .filter_map(|(pointer, wanted)| {
            let found = json.pointer(pointer);
            let shown = match found {
                Some(found) if same(found, wanted) => return None,
                Some(found) => excerpt(&found.to_string()),
                None => "nothing".to_owned(),
            };
            Some(format!("{pointer} is {shown} instead of {wanted}"))
        })
        .collect();
    (!different.is_empty()).then(|| format!("{}: {}", different.join(", "), excerpt(answer)))
}

/// Whether two values say the same: 1 and 1.0 do.
fn same(found: &Value, wanted: &Value) -> bool {
    found == wanted
        || found
            .as_f64()
            .is_some_and(|found| Some(found) == wanted.as_f64())
}

/// What a function that failed says, in a line: Lambda answers with type and message.
pub(super) fn failure_of(payload: &str) -> String {
    let json = serde_json::from_str::<Value>(payload).unwrap_or_default();
    let text = |key: &str| json.get(key).and_then(Value::as_str);
    match (text("errorType"), text("errorMessage")) {
        (Some(kind), Some(message)) => format!("{kind}: {message}"),
        (None, Some(message)) => message.to_owned(),
        _ => payload.to_owned(),
    }
}

/// Has the run log record that homeroom started this execution.
fn remember(client: &Client, validation: &Validation<'_>, arn: &str) {
    client.emit(Event::ExecutionStarted {
        student: validation.plan.owner.student.clone(),
        execution_arn: arn.to_owned(),
    });
}

/// Whether an ARN names an execution of this student's state machines, in the class's account and region. A function that
/// a student changed may name anything, such as another student's execution.
fn is_own(validation: &Validation<'_>, arn: &str) -> bool {
    let mut machines = validation.stack.state_machines.iter();
    machines.any(|machine| {
        let begin = validation.scope.execution_arn(&machine.name, "");
        let name = arn.strip_prefix(&begin);
        name.is_some_and(is_execution_name)
    })
}

/// Source: Step Functions StartExecution, `name`.
fn is_execution_name(name: &str) -> bool {
    let forbidden =
        |c: char| c.is_whitespace() || c.is_control() || "<>{}[]?*\"#%\\^|~`$&,;:/".contains(c);
    (1..=80).contains(&name.chars().count()) && !name.contains(forbidden)
}

/// The id of the student's API of this name, and its authorization.
fn api_of(
    validation: &Validation<'_>,
    api_type: ApiType,
    name: &str,
) -> Result<(String, Authorization), ProbeTrouble> {
    let stack = validation.stack;
    let found = stack.apis.iter().find(|api| api.name == name);
    found
        .and_then(|api| {
            let actual = validation.observed.api_of(validation.scope, stack, api)?;
            Some((actual.id.clone(), api.authorization))
        })
        .ok_or_else(|| wrong(format!("there is no {} {name}", api_type.kind())))
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
    allowed: Duration,
) -> Result<Evidence, ProbeTrouble> {
    // From its start on: what the request before waited for is not the execution's.
    let mut deadline = Deadline::new(allowed);
    // Step Functions may know the execution only after a while, and its error even later.
    let mut found = Deadline::new(EXECUTION_KNOWN);
    let mut settling = Settling::default();
    let (execution, late) = loop {
        let described = alike.client.describe_execution(arn);
        let execution = match alike.answer(described).await {
            Err(error) if error.kind() == Some(ErrorKind::NotFound) => {
                let before = Instant::now();
                if !found.pause(client).await? {
                    return Err(error.into());
                }
                // AWS's delay does not count against the probe's deadline.
                deadline.forgive(before.elapsed());
                continue;
            }
            described => described?,
        };
        if execution.status.is_final() {
            if shows_its_end(&execution) || !settling.again(client.stop()).await? {
                break (execution, None);
            }
            continue;
        }
        if !deadline.pause(client).await? {
            let late = format!(
                "the execution was still {} after {} s",
                execution.status.as_str(),
                allowed.as_secs()
            );
            break (execution, Some(late));
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
    let judged = match late {
        Some(late) => Err(late),
        None if expected.error.is_some() && !shows_its_end(&execution.execution) => {
            let text = "AWS does not show how the execution failed yet".to_owned();
            return Err(ProbeTrouble::Blocked(text, None));
        }
        // Without the nonces, the same failure of sixty students has the same text and is shown once.
        None => judge_end(&execution, expected)
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

/// Whether AWS shows how an execution ended: a failed one has an error, unless a Fail state names none.
fn shows_its_end(execution: &Execution) -> bool {
    let error = execution.detail.as_ref().map(|detail| &detail.error);
    execution.status != ExecutionStatus::Failed || error.is_some_and(Option::is_some)
}

fn judge_end(shown: &ExecutionEvidence, expected: &EndState) -> Result<String, String> {
    let status = shown.execution.status;
    let detail = shown.execution.detail.as_ref();
    let error = detail.and_then(|d| d.error.as_ref());
    let end = |status: ExecutionStatus, error: Option<&String>| {
        let error = error.map_or_else(String::new, |error| format!(" with error {error}"));
        format!("{}{error}", status.as_str())
    };
    let ended = format!("the execution ended {}", end(status, error));
    if status == expected.status && (expected.error.is_none() || error == expected.error.as_ref()) {
        return Ok(ended);
    }
    let wanted = end(expected.status, expected.error.as_ref());
    let own = detail.and_then(|d| d.cause.clone());
    // The failing state's words come first: a Fail state says the same whatever happened.
    let cause = shown.why.as_ref().map(Why::sentence).or(own);
    let cause = cause.as_deref().map(excerpt);
    let cause = cause.filter(|cause| !cause.is_empty());
    let cause = cause.map_or_else(String::new, |cause| format!(": {cause}"));
    Err(format!("{ended} instead of {wanted}{cause}"))
}

/// The beginning of a text from AWS, on one line.
pub(super) fn excerpt(text: &str) -> String {
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
            redriven_ms: None,
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
    fn an_answer_must_hold_what_is_expected_and_may_hold_more() {
        let expect = |text: &str| serde_json::from_str(text).unwrap();
        let answer = r#"{"a": {"b": 1}, "c": ["x"], "d": null}"#;
        for fits in [
            "{}",
            r#"{"/a/b": 1.0}"#,
            r#"{"/c/0": "x", "/d": null}"#,
            r#"{"/c": ["x"]}"#,
        ] {
            assert_eq!(otherwise(answer, &expect(fits)), None, "{fits}");
        }
        let said = otherwise(answer, &expect(r#"{"/a/b": "1", "/e": null}"#)).unwrap();
        assert!(
            said.starts_with("/a/b is 1 instead of \"1\", /e is nothing instead of null: {"),
            "{said}"
        );
        assert_eq!(otherwise("pong", &expect("{}")), None);
        let said = otherwise("pong", &expect(r#"{"": "pong"}"#)).unwrap();
        assert_eq!(said, "the answer is not JSON: pong");
        let failed = r#"{"errorType": "KeyError", "errorMessage": "'who'", "stackTrace": []}"#;
        assert_eq!(failure_of(failed), "KeyError: 'who'");
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
