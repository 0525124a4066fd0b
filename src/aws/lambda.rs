//! AWS Lambda: functions and their resource policies.

use std::collections::HashMap;

use aws_sdk_lambda::operation::RequestId;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{
    Architecture, Environment, FunctionCode, FunctionConfiguration, InvocationType, PackageType,
    Runtime,
};
use serde_json::Value;

use crate::stack::kinds::AccountUse;
use crate::stack::kinds::function::{Code, FunctionSetting, Seen, Spec};
use crate::stack::ownership::{Ownership, Tags};

use super::client::Client;
use super::error::{CallResult, CloudError, CloudResult, ErrorKind};
use super::extras;
use super::operations::Operation;
use super::{Page, tag_map};

/// Functions a page at most. Source: Lambda ListFunctions, `MaxItems`.
const PAGE: i32 = 50;

/// The state of a function, from any answer that carries one. The SDK gives each answer a type of its own.
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

/// A function's state: from GetFunction, or (without tags) from the answer to a change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FunctionState {
    /// `Pending`, `Active`, `Inactive`, `Failed`; empty where the endpoint does not say.
    pub state: String,
    /// `Successful`, `Failed`, `InProgress`; empty where the endpoint does not say.
    pub last_update_status: String,
    /// Why, when it failed.
    pub(crate) reason: Option<String>,
    /// Base64 of the zip's SHA-256.
    pub code_sha256: String,
    pub(crate) description: String,
    /// In milliseconds since 1970.
    pub(crate) modified_ms: Option<i64>,
    /// Its reserved concurrency, from GetFunction; `None` where nothing is reserved.
    pub reserved: Option<u32>,
    /// From GetFunction alone.
    pub tags: Tags,
    /// Why the tags could not be read. That needs another permission (`lambda:ListTags`), without which GetFunction
    /// answers as if there were none.
    pub(crate) tags_unseen: Option<String>,
}

impl FunctionState {
    /// The tags.
    ///
    /// # Errors
    /// When they could not be read. That is not the same as having none.
    pub(crate) fn readable_tags(self) -> CloudResult<Tags> {
        match self.tags_unseen {
            None => Ok(self.tags),
            Some(why) => Err(CloudError::new(
                Operation::GetFunction,
                ErrorKind::AccessDenied,
                "TagsError",
                format!("cannot read the function's tags (this needs lambda:ListTags): {why}"),
            )),
        }
    }
}

/// What came of an invocation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Invoked {
    /// Whether the function failed.
    pub failed: bool,
    /// What it answered, or how it failed.
    pub payload: String,
    /// The invocation's id, which its log has, too.
    pub request_id: Option<String>,
}

/// Where a function's zip is, and its hash.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct CodePlace {
    /// An address that Lambda signed, good for ten minutes.
    pub(crate) url: String,
    /// Base64 of the zip's SHA-256.
    pub(crate) sha256: String,
}

/// A function to be created or changed.
#[derive(Debug, Clone)]
pub struct NewFunction<'a> {
    /// As the lab has it.
    pub function: &'a Spec,
    /// ARN of its role.
    pub role_arn: String,
    /// It records what is deployed.
    pub description: String,
    /// Its tags.
    pub tags: Tags,
}

/// One statement that lets a REST API invoke a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permission<'a> {
    /// Function name.
    pub function: &'a str,
    /// Statement id.
    pub statement_id: String,
    /// ARN of the API's method and path. It names the account, so no separate condition on that is made:
    /// AWS documents one for sources whose ARN has no account (S3, SES), not for API Gateway.
    pub source_arn: String,
}

impl Client {
    /// lambda:GetAccountSettings: the figures of concurrency.
    pub async fn concurrency(&self) -> CallResult<AccountUse> {
        let answer = self
            .call(Operation::GetAccountSettings, |sdk| {
                sdk.lambda.get_account_settings().send()
            })
            .await?;
        let Some(limit) = answer.account_limit() else {
            return Ok(AccountUse::default());
        };
        let quota = u32::try_from(limit.concurrent_executions()).ok();
        let free = limit.unreserved_concurrent_executions();
        let free = free.and_then(|free| u32::try_from(free).ok());
        Ok(AccountUse {
            concurrency_quota: quota.filter(|quota| *quota > 0),
            concurrency_reserved: quota
                .zip(free)
                .map(|(quota, free)| quota.saturating_sub(free)),
            ..AccountUse::default()
        })
    }

    /// lambda:ListFunctions: one page. `ownership` stays `Unproven`: it depends on the class.
    pub async fn functions_page(&self, token: Option<String>) -> CallResult<Page<Seen>> {
        let answer = self
            .call(Operation::ListFunctions, |sdk| {
                sdk.lambda
                    .list_functions()
                    .max_items(PAGE)
                    .set_marker(token.clone())
                    .send()
            })
            .await?;
        let items = answer.functions().iter().map(actual).collect();
        Ok(Page::of(items, answer.next_marker))
    }

    /// lambda:Invoke, as a dry run: AWS checks the permission, and runs nothing.
    pub async fn invoke_dry(&self, function: &str) -> CallResult<()> {
        self.send(Operation::InvokeFunction, |sdk| {
            sdk.lambda
                .invoke()
                .function_name(function)
                .invocation_type(InvocationType::DryRun)
                .send()
        })
        .await
    }

    /// lambda:Invoke, and the answer. A function that takes longer than a request may is an error.
    pub async fn invoke_function(&self, function: &str, payload: &str) -> CallResult<Invoked> {
        let answer = self
            .call(Operation::InvokeFunction, |sdk| {
                sdk.lambda
                    .invoke()
                    .function_name(function)
                    .invocation_type(InvocationType::RequestResponse)
                    .payload(Blob::new(payload))
                    .send()
            })
            .await?;
        let payload = answer.payload().map(AsRef::as_ref).unwrap_or_default();
        Ok(Invoked {
            failed: answer.function_error().is_some(),
            payload: String::from_utf8_lossy(payload).into_owned(),
            request_id: answer.request_id().map(str::to_owned),
        })
    }

    /// lambda:GetFunction.
    pub async fn get_function(&self, name: &str) -> CallResult<FunctionState> {
        Ok(self.get_whole_function(name).await?.1)
    }

    /// lambda:GetFunction, with all that a listing shows. `ownership` stays `Unproven`: it depends on the class.
    pub(crate) async fn get_whole_function(
        &self,
        name: &str,
    ) -> CallResult<(Option<Seen>, FunctionState)> {
        let answer = self
            .call(Operation::GetFunction, |sdk| {
                sdk.lambda.get_function().function_name(name).send()
            })
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
        Ok((answer.configuration().map(actual), state))
    }

    /// lambda:GetFunction: where its code is.
    pub(crate) async fn locate_code(&self, name: &str) -> CallResult<CodePlace> {
        let answer = self
            .call(Operation::GetFunction, |sdk| {
                sdk.lambda.get_function().function_name(name).send()
            })
            .await?;
        let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
        Ok(CodePlace {
            url: text(answer.code().and_then(|code| code.location())),
            sha256: text(answer.configuration().and_then(|c| c.code_sha256())),
        })
    }

    /// lambda:CreateFunction.
    pub async fn create_function(&self, new: &NewFunction<'_>) -> CallResult<FunctionState> {
        let function = new.function;
        let answer = self
            .call(Operation::CreateFunction, |sdk| {
                extras::options_of_new(sdk.lambda.create_function(), &function.options)
                    .function_name(&function.name)
                    .description(&new.description)
                    .role(&new.role_arn)
                    .runtime(Runtime::from(function.runtime.as_str()))
                    .handler(&function.handler)
                    .timeout(function.timeout_s)
                    .memory_size(function.memory_mib)
                    .environment(environment(function))
                    .package_type(PackageType::Zip)
                    .architectures(architecture(function))
                    .code(
                        FunctionCode::builder()
                            .zip_file(zip(&function.code))
                            .build(),
                    )
                    .publish(false)
                    .set_tags(Some(tag_map(&new.tags)))
                    .send()
            })
            .await?;
        Ok(state_of!(answer))
    }

    /// lambda:UpdateFunctionCode.
    pub async fn update_function_code(&self, name: &str, code: &Code) -> CallResult<FunctionState> {
        self.send_code(name, code, Architecture::X8664).await
    }

    /// lambda:UpdateFunctionCode, with the architecture that the lab gives it.
    pub(crate) async fn write_function_code(&self, function: &Spec) -> CallResult<FunctionState> {
        let architecture = architecture(function);
        self.send_code(&function.name, &function.code, architecture)
            .await
    }

    async fn send_code(
        &self,
        name: &str,
        code: &Code,
        architecture: Architecture,
    ) -> CallResult<FunctionState> {
        let answer = self
            .call(Operation::UpdateFunctionCode, |sdk| {
                sdk.lambda
                    .update_function_code()
                    .function_name(name)
                    .zip_file(zip(code))
                    // A student may have chosen another architecture.
                    .architectures(architecture.clone())
                    .publish(false)
                    .send()
            })
            .await?;
        Ok(state_of!(answer))
    }

    /// lambda:UpdateFunctionConfiguration, without the tags; resets the settings in `undo` to AWS's defaults.
    pub async fn update_function_configuration(
        &self,
        new: &NewFunction<'_>,
        undo: &[FunctionSetting],
    ) -> CallResult<FunctionState> {
        let function = new.function;
        let answer = self
            .call(Operation::UpdateFunctionConfiguration, |sdk| {
                let request = sdk.lambda.update_function_configuration();
                let request = extras::undo_of_function(request, &function.name, undo);
                extras::options_of_function(request, &function.options)
                    .function_name(&function.name)
                    .description(&new.description)
                    .role(&new.role_arn)
                    .runtime(Runtime::from(function.runtime.as_str()))
                    .handler(&function.handler)
                    .timeout(function.timeout_s)
                    .memory_size(function.memory_mib)
                    .environment(environment(function))
                    .send()
            })
            .await?;
        Ok(state_of!(answer))
    }

    /// lambda:UpdateFunctionConfiguration: the description only.
    pub async fn update_function_description(
        &self,
        name: &str,
        description: &str,
    ) -> CallResult<FunctionState> {
        let answer = self
            .call(Operation::UpdateFunctionConfiguration, |sdk| {
                sdk.lambda
                    .update_function_configuration()
                    .function_name(name)
                    .description(description)
                    .send()
            })
            .await?;
        Ok(state_of!(answer))
    }

    /// lambda:TagResource.
    pub async fn tag_function(&self, arn: &str, tags: &Tags) -> CallResult<()> {
        self.send(Operation::LambdaTagResource, |sdk| {
            sdk.lambda
                .tag_resource()
                .resource(arn)
                .set_tags(Some(tag_map(tags)))
                .send()
        })
        .await
    }

    /// lambda:UntagResource.
    pub(crate) async fn untag_function(&self, arn: &str, keys: &[String]) -> CallResult<()> {
        self.send(Operation::LambdaUntagResource, |sdk| {
            sdk.lambda
                .untag_resource()
                .resource(arn)
                .set_tag_keys(Some(keys.to_vec()))
                .send()
        })
        .await
    }

    /// lambda:PutFunctionConcurrency: how many of it may run at once; 0 for none.
    pub async fn put_function_concurrency(&self, name: &str, reserved: u32) -> CallResult<()> {
        let reserved = i32::try_from(reserved).unwrap_or(i32::MAX);
        self.send(Operation::PutFunctionConcurrency, |sdk| {
            sdk.lambda
                .put_function_concurrency()
                .function_name(name)
                .reserved_concurrent_executions(reserved)
                .send()
        })
        .await
    }

    /// lambda:DeleteFunctionConcurrency.
    pub(crate) async fn delete_function_concurrency(&self, name: &str) -> CallResult<()> {
        self.send(Operation::DeleteFunctionConcurrency, |sdk| {
            sdk.lambda
                .delete_function_concurrency()
                .function_name(name)
                .send()
        })
        .await
    }

    /// lambda:DeleteFunction.
    pub async fn delete_function(&self, name: &str) -> CallResult<()> {
        self.send(Operation::DeleteFunction, |sdk| {
            sdk.lambda.delete_function().function_name(name).send()
        })
        .await
    }

    /// lambda:GetPolicy: the resource policy; `Null` when there is none.
    pub async fn get_policy(&self, function: &str) -> CallResult<Value> {
        self.call_reading(
            Operation::GetPolicy,
            |sdk| sdk.lambda.get_policy().function_name(function).send(),
            |answer| match answer {
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
            },
        )
        .await
    }

    /// lambda:AddPermission, for API Gateway.
    pub async fn add_permission(&self, permission: &Permission<'_>) -> CallResult<()> {
        self.send(Operation::AddPermission, |sdk| {
            sdk.lambda
                .add_permission()
                .function_name(permission.function)
                .statement_id(&permission.statement_id)
                .principal("apigateway.amazonaws.com")
                .action("lambda:InvokeFunction")
                .source_arn(&permission.source_arn)
                .send()
        })
        .await
    }

    /// lambda:RemovePermission.
    pub async fn remove_permission(&self, function: &str, statement_id: &str) -> CallResult<()> {
        self.send(Operation::RemovePermission, |sdk| {
            sdk.lambda
                .remove_permission()
                .function_name(function)
                .statement_id(statement_id)
                .send()
        })
        .await
    }
}

/// A time as Lambda writes it (`2026-05-14T09:12:33.120+0000`), in milliseconds since 1970.
fn millis(time: &str) -> Option<i64> {
    let time = jiff::Timestamp::strptime("%Y-%m-%dT%H:%M:%S%.f%z", time).ok()?;
    Some(time.as_millisecond())
}

fn actual(configuration: &FunctionConfiguration) -> Seen {
    let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
    Seen {
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

fn architecture(function: &Spec) -> Architecture {
    match function.options.arm64 {
        true => Architecture::Arm64,
        false => Architecture::X8664,
    }
}

fn zip(code: &Code) -> Blob {
    Blob::new(code.zip.to_vec())
}

fn environment(function: &Spec) -> Environment {
    let variables: HashMap<_, _> = function
        .environment
        .iter()
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect();
    Environment::builder()
        .set_variables(Some(variables))
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_that_are_not_shown_are_an_error_and_not_an_empty_set() {
        let shown = FunctionState::default();
        assert_eq!(shown.readable_tags(), Ok(Tags::new()));
        let hidden = FunctionState {
            tags_unseen: Some("AccessDenied: no".to_owned()),
            ..FunctionState::default()
        };
        let error = hidden.readable_tags().unwrap_err();
        assert_eq!(error.kind, ErrorKind::AccessDenied);
        assert!(error.message.contains("lambda:ListTags"));
    }
}
