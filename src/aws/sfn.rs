//! AWS Step Functions: state machines and executions.

use aws_sdk_sfn::primitives::DateTime;
use aws_sdk_sfn::types::{
    ExecutionListItem, ExecutionStatus as SdkStatus, HistoryEvent as SdkEvent, StateMachineStatus,
    StateMachineType, Tag, TracingConfiguration, ValidateStateMachineDefinitionSeverity,
};
use serde_json::Value;

use crate::aws::execution::{Execution, ExecutionDetail, ExecutionStatus, HistoryEvent};

use crate::stack::kinds::state_machine::{self, MachineOptions, MachineSetting, WorkflowType};
use crate::stack::ownership::{Ownership, Tags};

use super::Page;
use super::client::Client;
use super::error::CallResult;
use super::extras;
use super::operations::Operation;

/// Items a page at most. Source: Step Functions ListStateMachines and ListExecutions, `maxResults`.
const PAGE: i32 = 1000;

/// A state machine to be created or updated.
#[derive(Debug, Clone)]
pub struct NewStateMachine<'a> {
    /// Its name.
    pub name: &'a str,
    /// It cannot be updated.
    pub workflow_type: WorkflowType,
    /// ARN of its role.
    pub role_arn: String,
    /// JSON text, with the record of what is deployed.
    pub definition: String,
    /// Its tags.
    pub tags: Tags,
}

impl Client {
    /// states:ListStateMachines: one page, without details.
    pub async fn state_machines_page(
        &self,
        token: Option<String>,
    ) -> CallResult<Page<state_machine::Seen>> {
        let answer = self
            .call(Operation::ListStateMachines, |sdk| {
                sdk.sfn
                    .list_state_machines()
                    .max_results(PAGE)
                    .set_next_token(token.clone())
                    .send()
            })
            .await?;
        Ok(Page {
            items: answer
                .state_machines()
                .iter()
                .map(|item| state_machine::Seen {
                    name: item.name().to_owned(),
                    arn: item.state_machine_arn().to_owned(),
                    created_ms: item.creation_date().to_millis().ok().filter(|ms| *ms > 0),
                    detail: None,
                    ownership: Ownership::Unproven,
                })
                .collect(),
            next: answer.next_token,
        })
    }

    /// states:DescribeStateMachine.
    pub async fn describe_state_machine(&self, arn: &str) -> CallResult<state_machine::Described> {
        Ok(self.describe_dated_state_machine(arn).await?.0)
    }

    /// states:DescribeStateMachine, and when it was created, in milliseconds since 1970.
    pub(crate) async fn describe_dated_state_machine(
        &self,
        arn: &str,
    ) -> CallResult<(state_machine::Described, Option<i64>)> {
        let answer = self
            .call(Operation::DescribeStateMachine, |sdk| {
                sdk.sfn
                    .describe_state_machine()
                    .state_machine_arn(arn)
                    .send()
            })
            .await?;
        let created_ms = answer.creation_date().to_millis().ok();
        let described = state_machine::Described {
            extras: extras::of_machine(&answer),
            deleting: answer.status() == Some(&StateMachineStatus::Deleting),
            definition: answer.definition,
            role_arn: answer.role_arn,
        };
        Ok((described, created_ms.filter(|ms| *ms > 0)))
    }

    /// states:CreateStateMachine.
    pub async fn create_state_machine(&self, new: &NewStateMachine<'_>) -> CallResult<()> {
        self.make_state_machine(new, &MachineOptions::default())
            .await
    }

    /// The same, with settings.
    pub(crate) async fn make_state_machine(
        &self,
        new: &NewStateMachine<'_>,
        options: &MachineOptions,
    ) -> CallResult<()> {
        let tags = tag_list(&new.tags);
        self.send(Operation::CreateStateMachine, |sdk| {
            sdk.sfn
                .create_state_machine()
                .name(new.name)
                .r#type(machine_type(new.workflow_type))
                .role_arn(&new.role_arn)
                .definition(&new.definition)
                .set_tracing_configuration(tracing(options))
                .set_logging_configuration(extras::logging_of_machine(options))
                .set_tags(Some(tags.clone()))
                .send()
        })
        .await
    }

    /// states:UpdateStateMachine: definition and role; resets the settings in `undo` to AWS's defaults.
    pub async fn update_state_machine(
        &self,
        arn: &str,
        new: &NewStateMachine<'_>,
        undo: &[MachineSetting],
    ) -> CallResult<()> {
        self.write_state_machine(arn, new, &MachineOptions::default(), undo)
            .await
    }

    /// The same, with settings.
    pub(crate) async fn write_state_machine(
        &self,
        arn: &str,
        new: &NewStateMachine<'_>,
        options: &MachineOptions,
        undo: &[MachineSetting],
    ) -> CallResult<()> {
        self.send(Operation::UpdateStateMachine, |sdk| {
            let request = extras::undo_of_machine(sdk.sfn.update_state_machine(), undo);
            let traced = tracing(options).or(request.get_tracing_configuration().clone());
            let logged =
                extras::logging_of_machine(options).or(request.get_logging_configuration().clone());
            request
                .set_tracing_configuration(traced)
                .set_logging_configuration(logged)
                .state_machine_arn(arn)
                .role_arn(&new.role_arn)
                .definition(&new.definition)
                .send()
        })
        .await
    }

    /// states:ValidateStateMachineDefinition: why Step Functions would refuse a definition; empty where it would not.
    pub(crate) async fn refusals_of_definition(
        &self,
        workflow_type: WorkflowType,
        definition: &str,
    ) -> CallResult<Vec<String>> {
        let answer = self
            .call(Operation::ValidateStateMachineDefinition, |sdk| {
                sdk.sfn
                    .validate_state_machine_definition()
                    .r#type(machine_type(workflow_type))
                    .definition(definition)
                    .send()
            })
            .await?;
        let errors = answer.diagnostics().iter();
        let errors =
            errors.filter(|one| *one.severity() == ValidateStateMachineDefinitionSeverity::Error);
        let said = errors.map(|one| match one.location() {
            Some(place) => format!("{} at {place}: {}", one.code(), one.message()),
            None => format!("{}: {}", one.code(), one.message()),
        });
        Ok(said.collect())
    }

    /// states:DeleteStateMachine; asynchronous.
    pub async fn delete_state_machine(&self, arn: &str) -> CallResult<()> {
        self.send(Operation::DeleteStateMachine, |sdk| {
            sdk.sfn.delete_state_machine().state_machine_arn(arn).send()
        })
        .await
    }

    /// states:TagResource.
    pub async fn tag_state_machine(&self, arn: &str, tags: &Tags) -> CallResult<()> {
        self.send(Operation::StatesTagResource, |sdk| {
            sdk.sfn
                .tag_resource()
                .resource_arn(arn)
                .set_tags(Some(tag_list(tags)))
                .send()
        })
        .await
    }

    /// states:ListTagsForResource.
    pub async fn state_machine_tags(&self, arn: &str) -> CallResult<Tags> {
        let answer = self
            .call(Operation::StatesListTagsForResource, |sdk| {
                sdk.sfn.list_tags_for_resource().resource_arn(arn).send()
            })
            .await?;
        Ok(answer
            .tags()
            .iter()
            .filter_map(|tag| Some((tag.key()?.to_owned(), tag.value()?.to_owned())))
            .collect())
    }

    /// states:StartExecution: the execution's ARN.
    pub async fn start_execution(
        &self,
        state_machine_arn: &str,
        name: &str,
        input: &str,
    ) -> CallResult<String> {
        let answer = self
            .call(Operation::StartExecution, |sdk| {
                sdk.sfn
                    .start_execution()
                    .state_machine_arn(state_machine_arn)
                    .name(name)
                    .input(input)
                    .send()
            })
            .await?;
        Ok(answer.execution_arn)
    }

    /// states:StopExecution.
    pub async fn stop_execution(&self, execution_arn: &str) -> CallResult<()> {
        self.send(Operation::StopExecution, |sdk| {
            sdk.sfn.stop_execution().execution_arn(execution_arn).send()
        })
        .await
    }

    /// states:DescribeExecution: the execution with its details; without them while AWS does not show its input yet.
    pub async fn describe_execution(&self, execution_arn: &str) -> CallResult<Execution> {
        let answer = self
            .call(Operation::DescribeExecution, |sdk| {
                sdk.sfn
                    .describe_execution()
                    .execution_arn(execution_arn)
                    .send()
            })
            .await?;
        // Every execution has an input, `{}` where none was given: without one the answer is not whole yet.
        let input = answer
            .input()
            .map(|text| serde_json::from_str(text).unwrap_or(Value::Null));
        Ok(Execution {
            status: status(answer.status()),
            started_ms: millis(answer.start_date()),
            stopped_ms: answer.stop_date().map(millis),
            redriven_ms: answer.redrive_date().map(millis),
            arn: answer.execution_arn,
            name: answer.name.unwrap_or_default(),
            detail: input.map(|input| ExecutionDetail {
                input,
                error: answer.error,
                cause: answer.cause,
            }),
        })
    }

    /// states:ListExecutions: one page, newest first; only those running when `running_only`.
    pub async fn executions_page(
        &self,
        state_machine_arn: &str,
        running_only: bool,
        token: Option<String>,
    ) -> CallResult<Page<Execution>> {
        let answer = self
            .call(Operation::ListExecutions, |sdk| {
                sdk.sfn
                    .list_executions()
                    .state_machine_arn(state_machine_arn)
                    .set_status_filter(running_only.then_some(SdkStatus::Running))
                    .max_results(PAGE)
                    .set_next_token(token.clone())
                    .send()
            })
            .await?;
        Ok(Page {
            items: answer.executions().iter().map(execution).collect(),
            next: answer.next_token,
        })
    }

    /// states:GetExecutionHistory: one page of an execution's events, the newest first.
    pub async fn execution_history_page(
        &self,
        execution_arn: &str,
        with_inputs: bool,
        token: Option<String>,
    ) -> CallResult<Page<HistoryEvent>> {
        let answer = self
            .call(Operation::GetExecutionHistory, |sdk| {
                sdk.sfn
                    .get_execution_history()
                    .execution_arn(execution_arn)
                    .reverse_order(true)
                    .max_results(HISTORY_PAGE)
                    // Inputs and outputs have up to 256 KiB each. Errors and causes come without them.
                    .include_execution_data(with_inputs)
                    .set_next_token(token.clone())
                    .send()
            })
            .await?;
        Ok(Page {
            items: answer.events().iter().map(history_event).collect(),
            next: answer.next_token,
        })
    }
}

/// Events per page. The cause of a failure is among the last events, so one page nearly always has it.
const HISTORY_PAGE: i32 = 100;

/// Tags as Step Functions takes them.
fn machine_type(workflow_type: WorkflowType) -> StateMachineType {
    match workflow_type {
        WorkflowType::Standard => StateMachineType::Standard,
        WorkflowType::Express => StateMachineType::Express,
    }
}

/// What a request says of tracing: nothing where the lab does not ask for it.
fn tracing(options: &MachineOptions) -> Option<TracingConfiguration> {
    let traced = options.traced;
    traced.then(|| TracingConfiguration::builder().enabled(true).build())
}

fn tag_list(tags: &Tags) -> Vec<Tag> {
    tags.iter()
        .map(|(key, value)| Tag::builder().key(key).value(value).build())
        .collect()
}

fn execution(item: &ExecutionListItem) -> Execution {
    Execution {
        arn: item.execution_arn().to_owned(),
        name: item.name().to_owned(),
        status: status(item.status()),
        started_ms: millis(item.start_date()),
        stopped_ms: item.stop_date().map(millis),
        redriven_ms: item.redrive_date().map(millis),
        detail: None,
    }
}

/// An unknown status counts as running: nothing follows from it yet.
fn status(status: &SdkStatus) -> ExecutionStatus {
    match status {
        SdkStatus::Succeeded => ExecutionStatus::Succeeded,
        SdkStatus::Failed => ExecutionStatus::Failed,
        SdkStatus::TimedOut => ExecutionStatus::TimedOut,
        SdkStatus::Aborted => ExecutionStatus::Aborted,
        SdkStatus::PendingRedrive => ExecutionStatus::PendingRedrive,
        _ => ExecutionStatus::Running,
    }
}

fn millis(time: &DateTime) -> i64 {
    time.to_millis().unwrap_or_default()
}

fn history_event(event: &SdkEvent) -> HistoryEvent {
    let entered = event.state_entered_event_details().map(|d| d.name());
    let exited = event.state_exited_event_details().map(|d| d.name());
    let evaluated = event.evaluation_failed_event_details().map(|d| d.state());
    let (error, cause) = told_by(event);
    HistoryEvent {
        id: event.id(),
        previous: event.previous_event_id(),
        kind: event.r#type().as_str().to_owned(),
        state: entered.or(exited).or(evaluated).map(str::to_owned),
        error: error.map(str::to_owned),
        cause: cause.map(str::to_owned),
        input: event
            .execution_started_event_details()
            .and_then(|details| details.input())
            .map(str::to_owned),
    }
}

/// The error and the cause of an event, from the details that have them.
fn told_by(event: &SdkEvent) -> (Option<&str>, Option<&str>) {
    macro_rules! first_of {
        ($($details:ident),+ $(,)?) => {
            $(if let Some(details) = event.$details() {
                return (details.error(), details.cause());
            })+
        };
    }
    first_of!(
        lambda_function_failed_event_details,
        lambda_function_timed_out_event_details,
        lambda_function_schedule_failed_event_details,
        lambda_function_start_failed_event_details,
        task_failed_event_details,
        task_timed_out_event_details,
        task_start_failed_event_details,
        task_submit_failed_event_details,
        activity_failed_event_details,
        activity_timed_out_event_details,
        activity_schedule_failed_event_details,
        map_run_failed_event_details,
        evaluation_failed_event_details,
        execution_failed_event_details,
        execution_timed_out_event_details,
        execution_aborted_event_details,
    );
    (None, None)
}
