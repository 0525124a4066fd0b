//! Scripted students for rehearsals: they do what students do, through the same doors.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::Instant;

use crate::aws::stop::Cancelled;
use crate::aws::{CallError, Client, ErrorKind};
use crate::ids::Scope;
use crate::lab::ScriptedStep;
use crate::stack::kinds::Observed;
use crate::stack::kinds::Stack;
use crate::stack::ownership::Owner;
use crate::text::failure::Failure;

use crate::probe::deadline::EXECUTION_KNOWN;
use crate::stack::hints;

/// How long a scripted student's executions may take to end, and a throttled request to be let through.
const PATIENCE: Duration = Duration::from_secs(180);
/// Pause between two looks at what still runs, and before a request that was one too many is sent again.
const PAUSE: Duration = Duration::from_millis(500);

/// Why a scripted student could not do their work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScriptTrouble {
    /// Something did not go as it must.
    Failed(Failure),
    /// The run was stopped.
    Cancelled,
}

impl From<Cancelled> for ScriptTrouble {
    fn from(_: Cancelled) -> Self {
        Self::Cancelled
    }
}

/// Does the steps in order, then waits until everything that they started has ended.
///
/// # Errors
/// The first step that does not go as it must, or that the run was stopped.
pub async fn work(
    client: &Client,
    scope: &Scope,
    stack: &Stack,
    observed: &Observed,
    steps: &[ScriptedStep],
) -> Result<(), ScriptTrouble> {
    let owner = &stack.owner;
    let trouble = |error: CallError| match error {
        CallError::Cloud(error) => ScriptTrouble::Failed(Failure {
            subject: format!("scripted student {}", owner.student),
            cause: error.to_string(),
            hint: hints::for_error(&error),
            request_id: error.request_id.clone(),
        }),
        CallError::Cancelled => ScriptTrouble::Cancelled,
    };
    let mut machines = BTreeSet::new();
    let mut executions = Vec::new();
    for step in steps {
        match step {
            ScriptedStep::Execution {
                state_machine,
                name,
                input,
            } => {
                let arn = scope.state_machine_arn(state_machine);
                let started = client.start_execution(&arn, name, input).await;
                match started {
                    // Done in an earlier rehearsal whose class was kept.
                    Err(error) if error.kind() == Some(ErrorKind::AlreadyExists) => {}
                    other => executions.push(other.map_err(trouble)?),
                }
                machines.insert(arn);
            }
            ScriptedStep::Api { route, body, times } => {
                let api = stack.rest_apis.iter().find(|api| api.name == route.api);
                let id = api
                    .and_then(|api| observed.api_of(scope, stack, api))
                    .map(|actual| actual.id.clone())
                    .unwrap_or_default();
                let authorization = api.map(|api| api.authorization).unwrap_or_default();
                for _ in 0..*times {
                    let started = Instant::now();
                    // Like a student who is told to slow down.
                    let answer = loop {
                        let answer = client
                            .invoke_api(
                                &id,
                                &route.stage,
                                &route.method,
                                &route.path,
                                body,
                                authorization,
                            )
                            .await
                            .map_err(trouble)?;
                        if answer.status != 429 || started.elapsed() >= PATIENCE {
                            break answer;
                        }
                        client.stop().sleep(PAUSE).await?;
                    };
                    if !(200..300).contains(&answer.status) {
                        return Err(ScriptTrouble::Failed(Failure {
                            subject: format!("scripted student {}", owner.student),
                            cause: format!(
                                "{} {} answered {}: {}",
                                route.method, route.path, answer.status, answer.body
                            ),
                            hint: None,
                            request_id: None,
                        }));
                    }
                }
            }
        }
    }
    for arn in &executions {
        until_known(client, arn, &trouble).await?;
    }
    for arn in &machines {
        until_ended(client, arn, owner, &trouble).await?;
    }
    Ok(())
}

/// What Step Functions tells of executions is eventually consistent: before it knows one that it has started, its lists
/// do not show that it runs either.
async fn until_known(
    client: &Client,
    arn: &str,
    trouble: &impl Fn(CallError) -> ScriptTrouble,
) -> Result<(), ScriptTrouble> {
    let started = Instant::now();
    loop {
        let described = client.describe_execution(arn).await;
        match described {
            Err(error)
                if error.kind() == Some(ErrorKind::NotFound)
                    && started.elapsed() < EXECUTION_KNOWN => {}
            other => return other.map(drop).map_err(trouble),
        }
        client.stop().sleep(PAUSE).await?;
    }
}

async fn until_ended(
    client: &Client,
    arn: &str,
    owner: &Owner,
    trouble: &impl Fn(CallError) -> ScriptTrouble,
) -> Result<(), ScriptTrouble> {
    let started = Instant::now();
    loop {
        let running = client
            .executions_page(arn, true, None)
            .await
            .map_err(trouble)?;
        if running.items.is_empty() {
            return Ok(());
        }
        if started.elapsed() >= PATIENCE {
            return Err(ScriptTrouble::Failed(Failure {
                subject: format!("scripted student {}", owner.student),
                cause: format!(
                    "{} executions still run after {} s",
                    running.items.len(),
                    PATIENCE.as_secs()
                ),
                hint: None,
                request_id: None,
            }));
        }
        client.stop().sleep(PAUSE).await?;
    }
}
