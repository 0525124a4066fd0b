//! AWS Lambda: functions and their resource policies.

use std::collections::HashMap;

use aws_sdk_lambda::Client;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{
    Architecture, Environment, FunctionCode, FunctionConfiguration, InvocationType, PackageType,
    Runtime,
};
use serde_json::Value;

use crate::domain::operation::Operation;
use crate::domain::ownership::{Ownership, Tags};
use crate::domain::resources::extras::FunctionSetting;
use crate::domain::resources::function::{Actual, Code, Function};
use crate::engine::port::{
    CloudResult, CodePlace, Concurrency, ErrorKind, FunctionState, NewFunction, Page, Permission,
};

use super::errors::call;
use super::extras;

/// Functions a page at most. Source: Lambda ListFunctions, `MaxItems`.
const PAGE: i32 = 50;

/// State of a function, from any of the answers that carry one; the SDK gives each a type of its own.
macro_rules! state_of {
    ($answer:expr) => {{
        let answer = $answer;
        let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
        FunctionState {
            state: text(answer.state().map(|s| s.as_str())),
            last_update_status: text(answer.last_update_status().map(|s| s.as_str())),
            // A failed update leaves the function Active, so its reason comes first.
            reason: answer
                .last_update_status_reason()
                .or(answer.state_reason())
                .filter(|reason| !reason.is_empty())
                .map(str::to_owned),
            code_sha256: text(answer.code_sha256()),
            description: text(answer.description()),
            modified_ms: answer.last_modified().and_then(millis),
            reserved: None,
            tags: Tags::new(),
            tags_unseen: None,
        }
    }};
}

pub(super) async fn concurrency(client: &Client) -> CloudResult<Concurrency> {
    let answer = call(
        Operation::GetAccountSettings,
        client.get_account_settings().send(),
    )
    .await?;
    let Some(limit) = answer.account_limit() else {
        return Ok(Concurrency::default());
    };
    let quota = u32::try_from(limit.concurrent_executions()).ok();
    let free = limit.unreserved_concurrent_executions();
    let free = free.and_then(|free| u32::try_from(free).ok());
    Ok(Concurrency {
        quota: quota.filter(|quota| *quota > 0),
        reserved: quota
            .zip(free)
            .map(|(quota, free)| quota.saturating_sub(free)),
    })
}

pub(super) async fn functions_page(
    client: &Client,
    token: Option<String>,
) -> CloudResult<Page<Actual>> {
    let answer = call(
        Operation::ListFunctions,
        client
            .list_functions()
            .max_items(PAGE)
            .set_marker(token)
            .send(),
    )
    .await?;
    Ok(Page {
        items: answer.functions().iter().map(actual).collect(),
        next: answer.next_marker.filter(|marker| !marker.is_empty()),
    })
}

/// A time as Lambda writes it (`2026-05-14T09:12:33.120+0000`), in milliseconds since 1970.
fn millis(time: &str) -> Option<i64> {
    let time = jiff::Timestamp::strptime("%Y-%m-%dT%H:%M:%S%.f%z", time).ok()?;
    Some(time.as_millisecond())
}

/// Ownership stays `Unproven`: whether the description's record means "ours" depends on the class.
fn actual(configuration: &FunctionConfiguration) -> Actual {
    let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
    Actual {
        name: text(configuration.function_name()),
        role_arn: text(configuration.role()),
        runtime: text(configuration.runtime().map(Runtime::as_str)),
        handler: text(configuration.handler()),
        timeout_s: configuration.timeout().unwrap_or_default(),
        memory_mib: configuration.memory_size().unwrap_or_default(),
        environment: configuration
            .environment()
            .and_then(|environment| environment.variables())
            .map(|map| map.iter().map(|(k, v)| (k.clone(), v.clone())).collect())
            .unwrap_or_default(),
        code_sha256: text(configuration.code_sha256()),
        description: text(configuration.description()),
        extras: extras::of_function(configuration),
        modified_ms: configuration.last_modified().and_then(millis),
        ownership: Ownership::Unproven,
    }
}

pub(super) async fn invoke_dry(client: &Client, function: &str) -> CloudResult<()> {
    let request = client.invoke().function_name(function);
    let request = request.invocation_type(InvocationType::DryRun);
    call(Operation::InvokeFunction, request.send()).await?;
    Ok(())
}

pub(super) async fn get_function(client: &Client, name: &str) -> CloudResult<FunctionState> {
    let answer = call(
        Operation::GetFunction,
        client.get_function().function_name(name).send(),
    )
    .await?;
    let tags = answer.tags().cloned().unwrap_or_default();
    let mut state = match answer.configuration() {
        Some(configuration) => state_of!(configuration),
        None => FunctionState::default(),
    };
    let reserved = answer.concurrency();
    let reserved = reserved.and_then(|c| c.reserved_concurrent_executions());
    state.reserved = reserved.and_then(|reserved| u32::try_from(reserved).ok());
    state.tags = tags.into_iter().collect();
    state.tags_unseen = answer.tags_error().map(|error| {
        let (code, message) = (error.error_code(), error.message());
        format!("{code}: {message}")
    });
    Ok(state)
}

pub(super) async fn locate_code(client: &Client, name: &str) -> CloudResult<CodePlace> {
    let answer = call(
        Operation::GetFunction,
        client.get_function().function_name(name).send(),
    )
    .await?;
    let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
    Ok(CodePlace {
        url: text(answer.code().and_then(|code| code.location())),
        sha256: text(answer.configuration().and_then(|c| c.code_sha256())),
    })
}

fn zip(code: &Code) -> Blob {
    Blob::new(code.zip.to_vec())
}

fn environment(function: &Function) -> Environment {
    let variables: HashMap<_, _> = function
        .environment
        .iter()
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect();
    Environment::builder()
        .set_variables(Some(variables))
        .build()
}

fn map(tags: &Tags) -> HashMap<String, String> {
    tags.clone().into_iter().collect()
}

pub(super) async fn create_function(
    client: &Client,
    new: &NewFunction<'_>,
) -> CloudResult<FunctionState> {
    let function = new.function;
    let answer = call(
        Operation::CreateFunction,
        client
            .create_function()
            .function_name(&function.name)
            .description(&new.description)
            .role(&new.role_arn)
            .runtime(Runtime::from(function.runtime.as_str()))
            .handler(&function.handler)
            .timeout(function.timeout_s)
            .memory_size(function.memory_mib)
            .environment(environment(function))
            .package_type(PackageType::Zip)
            .architectures(Architecture::X8664)
            .code(
                FunctionCode::builder()
                    .zip_file(zip(&function.code))
                    .build(),
            )
            .publish(false)
            .set_tags(Some(map(&new.tags)))
            .send(),
    )
    .await?;
    Ok(state_of!(answer))
}

pub(super) async fn update_function_code(
    client: &Client,
    name: &str,
    code: &Code,
) -> CloudResult<FunctionState> {
    let answer = call(
        Operation::UpdateFunctionCode,
        client
            .update_function_code()
            .function_name(name)
            .zip_file(zip(code))
            // A student may have chosen another one.
            .architectures(Architecture::X8664)
            .publish(false)
            .send(),
    )
    .await?;
    Ok(state_of!(answer))
}

pub(super) async fn update_function_configuration(
    client: &Client,
    new: &NewFunction<'_>,
    undo: &[FunctionSetting],
) -> CloudResult<FunctionState> {
    let function = new.function;
    let request = client.update_function_configuration();
    let answer = call(
        Operation::UpdateFunctionConfiguration,
        extras::undo_of_function(request, &function.name, undo)
            .function_name(&function.name)
            .description(&new.description)
            .role(&new.role_arn)
            .runtime(Runtime::from(function.runtime.as_str()))
            .handler(&function.handler)
            .timeout(function.timeout_s)
            .memory_size(function.memory_mib)
            .environment(environment(function))
            .send(),
    )
    .await?;
    Ok(state_of!(answer))
}

pub(super) async fn update_function_description(
    client: &Client,
    name: &str,
    description: &str,
) -> CloudResult<FunctionState> {
    let answer = call(
        Operation::UpdateFunctionConfiguration,
        client
            .update_function_configuration()
            .function_name(name)
            .description(description)
            .send(),
    )
    .await?;
    Ok(state_of!(answer))
}

pub(super) async fn tag_function(client: &Client, arn: &str, tags: &Tags) -> CloudResult<()> {
    let tags = tags.iter().map(|(k, v)| (k.clone(), v.clone())).collect();
    call(
        Operation::LambdaTagResource,
        client
            .tag_resource()
            .resource(arn)
            .set_tags(Some(tags))
            .send(),
    )
    .await?;
    Ok(())
}

pub(super) async fn untag_function(client: &Client, arn: &str, keys: &[String]) -> CloudResult<()> {
    let request = client.untag_resource().resource(arn);
    let request = request.set_tag_keys(Some(keys.to_vec()));
    call(Operation::LambdaUntagResource, request.send()).await?;
    Ok(())
}

pub(super) async fn put_function_concurrency(
    client: &Client,
    name: &str,
    reserved: u32,
) -> CloudResult<()> {
    let reserved = i32::try_from(reserved).unwrap_or(i32::MAX);
    let request = client.put_function_concurrency().function_name(name);
    let request = request.reserved_concurrent_executions(reserved);
    call(Operation::PutFunctionConcurrency, request.send()).await?;
    Ok(())
}

pub(super) async fn delete_function_concurrency(client: &Client, name: &str) -> CloudResult<()> {
    let request = client.delete_function_concurrency().function_name(name);
    call(Operation::DeleteFunctionConcurrency, request.send()).await?;
    Ok(())
}

pub(super) async fn delete_function(client: &Client, name: &str) -> CloudResult<()> {
    call(
        Operation::DeleteFunction,
        client.delete_function().function_name(name).send(),
    )
    .await?;
    Ok(())
}

pub(super) async fn get_policy(client: &Client, function: &str) -> CloudResult<Value> {
    let answer = call(
        Operation::GetPolicy,
        client.get_policy().function_name(function).send(),
    )
    .await;
    match answer {
        Ok(answer) => Ok(answer
            .policy()
            .and_then(|text| serde_json::from_str(text).ok())
            .unwrap_or(Value::Null)),
        // One code for a missing policy and a missing function; only the message names a function.
        Err(error)
            if error.kind == ErrorKind::NotFound
                && !error.message.starts_with("Function not found") =>
        {
            Ok(Value::Null)
        }
        Err(error) => Err(error),
    }
}

pub(super) async fn add_permission(
    client: &Client,
    permission: &Permission<'_>,
) -> CloudResult<()> {
    call(
        Operation::AddPermission,
        client
            .add_permission()
            .function_name(permission.function)
            .statement_id(&permission.statement_id)
            .principal("apigateway.amazonaws.com")
            .action("lambda:InvokeFunction")
            .source_arn(&permission.source_arn)
            .send(),
    )
    .await?;
    Ok(())
}

pub(super) async fn remove_permission(
    client: &Client,
    function: &str,
    statement_id: &str,
) -> CloudResult<()> {
    call(
        Operation::RemovePermission,
        client
            .remove_permission()
            .function_name(function)
            .statement_id(statement_id)
            .send(),
    )
    .await?;
    Ok(())
}
