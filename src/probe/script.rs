//! Scripted students for rehearsals. They do what students do, by the same calls.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use crate::aws::stop::Cancelled;
use crate::aws::{ApiRequest, CallError, Client, ErrorKind, HttpAnswer};
use crate::ids::{Scope, Username};
use crate::lab::{ApiRoute, ScriptedStep};
use crate::probe::attempt::{excerpt, failure_of, otherwise};
use crate::probe::deadline::EXECUTION_KNOWN;
use crate::stack::hints;
use crate::stack::kinds::Observed;
use crate::stack::kinds::Stack;
use crate::stack::kinds::state_machine::WorkflowType;
use crate::text::failure::Failure;

/// The user agent of the scripted students.
const AGENT: &str = "homeroom rehearsal";

/// How long a scripted student's executions may take to end, and a throttled request to get through.
const PATIENCE: Duration = Duration::from_secs(180);
/// Between two looks at running executions, and before a throttled request is sent again.
const PAUSE: Duration = Duration::from_millis(500);

/// Why a scripted student could not do their work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScriptTrouble {
    /// A step failed.
    Failed(Failure),
    /// The run was stopped.
    Cancelled,
}

impl From<Cancelled> for ScriptTrouble {
    fn from(_: Cancelled) -> Self {
        Self::Cancelled
    }
}

/// Does the steps in order, then waits until all executions that they started have ended.
///
/// # Errors
/// The first step that failed, or that the run was stopped.
pub async fn work(
    client: &Client,
    scope: &Scope,
    stack: &Stack,
    observed: &Observed,
    steps: &[ScriptedStep],
) -> Result<(), ScriptTrouble> {
    let scripted = Scripted {
        client,
        student: stack.student(),
    };
    let mut executions = Vec::new();
    for step in steps {
        match step {
            ScriptedStep::Execution {
                state_machine,
                name,
                input,
            } => {
                let arn = scope.state_machine_arn(state_machine);
                match client.start_execution(&arn, name, input).await {
                    // Done in an earlier rehearsal whose class was kept.
                    Err(error) if error.kind() == Some(ErrorKind::AlreadyExists) => {}
                    started => executions.push(scripted.done(started)?),
                }
            }
            ScriptedStep::Api {
                route,
                headers,
                body,
                expect_http,
                expect,
                times,
            } => {
                for _ in 0..*times {
                    let sent = scripted.request(scope, stack, observed, route, headers, body);
                    let answer = sent.await?;
                    scripted.judge(route, &answer, *expect_http, expect)?;
                }
            }
            ScriptedStep::Invoke {
                function,
                payload,
                expect,
                times,
            } => {
                for _ in 0..*times {
                    let invoked = client.invoke_function(function, payload).await;
                    let answer = scripted.done(invoked)?;
                    let other = match answer.failed {
                        true => Some(excerpt(&failure_of(&answer.payload))),
                        false => otherwise(&answer.payload, expect),
                    };
                    if let Some(other) = other {
                        let failed = scripted.failed(format!("invoked {function}, but {other}"));
                        return Err(ScriptTrouble::Failed(failed));
                    }
                }
            }
        }
    }
    for arn in &executions {
        scripted.until_known(arn).await?;
    }
    // A request or a function may start executions, too. Those of the type Express nobody can list.
    let all = stack.state_machines.iter();
    let listed = all.filter(|machine| machine.workflow_type == WorkflowType::Standard);
    for machine in listed.filter(|_| !steps.is_empty()) {
        scripted
            .until_ended(&scope.state_machine_arn(&machine.name))
            .await?;
    }
    Ok(())
}

struct Scripted<'a> {
    client: &'a Client,
    student: &'a Username,
}

impl Scripted<'_> {
    fn failed(&self, cause: String) -> Failure {
        Failure::new(format!("scripted student {}", self.student), cause)
    }

    fn done<T>(&self, called: Result<T, CallError>) -> Result<T, ScriptTrouble> {
        called.map_err(|error| match error {
            CallError::Cloud(error) => ScriptTrouble::Failed(Failure {
                hint: hints::for_error(&error),
                request_id: error.request_id.clone(),
                ..self.failed(error.to_string())
            }),
            CallError::Cancelled => ScriptTrouble::Cancelled,
        })
    }

    async fn request(
        &self,
        scope: &Scope,
        stack: &Stack,
        observed: &Observed,
        route: &ApiRoute,
        headers: &BTreeMap<String, String>,
        body: &str,
    ) -> Result<HttpAnswer, ScriptTrouble> {
        let api = stack.apis.iter().find(|api| api.name == route.api);
        let actual = api.and_then(|api| observed.api_of(scope, stack, api));
        let id = actual.map(|actual| actual.id.as_str()).unwrap_or_default();
        let authorization = api.map(|api| api.authorization).unwrap_or_default();
        let (stage, method, path) = (&route.stage, &route.method, &route.path);
        let started = Instant::now();
        loop {
            let request = ApiRequest {
                api_id: id,
                stage,
                method,
                path,
                body,
                authorization,
                agent: AGENT,
            };
            let answer = self.done(self.client.invoke_api_with(request, headers).await)?;
            if answer.status != 429 || started.elapsed() >= PATIENCE {
                return Ok(answer);
            }
            self.client.stop().sleep(PAUSE).await?;
        }
    }

    fn judge(
        &self,
        route: &ApiRoute,
        answer: &HttpAnswer,
        expect_http: Option<u16>,
        expect: &BTreeMap<String, Value>,
    ) -> Result<(), ScriptTrouble> {
        let status = answer.status;
        let fits = match expect_http {
            Some(wanted) => status == wanted,
            None => (200..300).contains(&status),
        };
        let said = match otherwise(&answer.body, expect) {
            _ if !fits => format!(": {}", answer.body),
            Some(other) => format!(", but {other}"),
            None => return Ok(()),
        };
        let ApiRoute { method, path, .. } = route;
        let cause = format!("{method} {path} answered {status}{said}");
        Err(ScriptTrouble::Failed(self.failed(cause)))
    }

    /// What Step Functions shows of executions is eventually consistent. Until it knows one that it has started, its
    /// lists do not show the execution as running either.
    async fn until_known(&self, arn: &str) -> Result<(), ScriptTrouble> {
        let started = Instant::now();
        loop {
            match self.client.describe_execution(arn).await {
                Err(error)
                    if error.kind() == Some(ErrorKind::NotFound)
                        && started.elapsed() < EXECUTION_KNOWN => {}
                described => return self.done(described).map(drop),
            }
            self.client.stop().sleep(PAUSE).await?;
        }
    }

    async fn until_ended(&self, machine_arn: &str) -> Result<(), ScriptTrouble> {
        let started = Instant::now();
        loop {
            let page = self.client.executions_page(machine_arn, true, None).await;
            let running = self.done(page)?.items.len();
            if running == 0 {
                return Ok(());
            }
            if started.elapsed() >= PATIENCE {
                let seconds = PATIENCE.as_secs();
                let cause = format!("{running} executions still run after {seconds} s");
                return Err(ScriptTrouble::Failed(self.failed(cause)));
            }
            self.client.stop().sleep(PAUSE).await?;
        }
    }
}
