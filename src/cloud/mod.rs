//! AWS behind the engine's [`Cloud`] port: the only place that names `aws_sdk_*`. One file a service.
//!
//! Promises kept here, each held by a test in `tests/cloud_adapter.rs`:
//! - **one call, at most one request**: the SDK's retries are off, because the engine owns every retry;
//! - **errors are classified once** ([`errors`]), with AWS's own code and message, and what never reached AWS is
//!   told apart from what may have had its effect;
//! - **every transmitted request is counted** by `service:Operation` ([`count`]).

mod apigateway;
mod connect;
mod count;
mod download;
mod endpoint;
mod errors;
mod extras;
mod http;
mod iam;
mod lambda;
mod logs;
mod sfn;
mod sts;

use std::collections::BTreeMap;

use secrecy::SecretString;
use serde_json::Value;

use crate::domain::credentials::AccessKey;
use crate::domain::execution::Execution;
use crate::domain::history::HistoryEvent;
use crate::domain::ownership::Tags;
use crate::domain::resources::extras::{FunctionSetting, MachineSetting};
use crate::domain::resources::managed_policy::ManagedPolicy;
use crate::domain::resources::rest_api::{Authorization, Throttle};
use crate::domain::resources::{function, log_group, rest_api, role, state_machine};
use crate::engine::port::{
    AccountSummary, Cloud, CloudResult, CodePlace, Concurrency, FunctionState, HttpAnswer,
    Identity, NewFunction, NewStateMachine, Page, Permission, Principal, RoleHead, Simulated,
    Simulation, UserPart,
};

pub use connect::{ConnectOptions, connect, default_region};

/// AWS in one account and region. Clones share connections, credentials and counters.
#[derive(Debug, Clone)]
pub struct AwsCloud {
    region: String,
    own_endpoint: bool,
    calls: count::Calls,
    config: aws_config::SdkConfig,
    sts: aws_sdk_sts::Client,
    iam: aws_sdk_iam::Client,
    lambda: aws_sdk_lambda::Client,
    sfn: aws_sdk_sfn::Client,
    apigateway: aws_sdk_apigateway::Client,
    logs: aws_sdk_cloudwatchlogs::Client,
    endpoint: endpoint::Client,
}

impl AwsCloud {
    /// The region (`us-east-1`).
    pub fn region(&self) -> &str {
        &self.region
    }

    /// Whether AWS itself answers, and not some other endpoint in its place: only then is there a console.
    pub fn is_aws(&self) -> bool {
        !self.own_endpoint
    }

    /// Requests transmitted since this value was made, by `service:Operation`. Requests that only fetch
    /// credentials (single sign-on, AssumeRole) are not among them.
    pub fn calls(&self) -> BTreeMap<String, u64> {
        self.calls.snapshot()
    }

    /// The same AWS with somebody else's access key; connections and counters are shared.
    pub fn with_access_key(&self, key: &AccessKey) -> Self {
        connect::with_access_key(self, key)
    }

    /// The URL of a deployed stage, without a trailing slash.
    pub fn invoke_url(&self, api_id: &str, stage: &str) -> String {
        self.endpoint.invoke_url(api_id, stage)
    }
}

/// Each method of the port is the function of the same name in its service's file.
macro_rules! by_service {
    ($($service:ident { $(fn $name:ident($($arg:ident: $ty:ty),*) -> $ret:ty;)+ })+) => {
        impl Cloud for AwsCloud {
            $($(
                async fn $name(&self, $($arg: $ty),*) -> CloudResult<$ret> {
                    // A call of the SDK is a future of tens of kilobytes; on the heap it does not add up in
                    // the futures around it, down to a stack that overflows.
                    Box::pin($service::$name(&self.$service, $($arg),*)).await
                }
            )+)+
        }
    };
}

by_service! {
    sts {
        fn caller_identity() -> Identity;
    }
    iam {
        fn account_alias() -> Option<String>;
        fn account_summary() -> AccountSummary;
        fn roles_page(token: Option<String>) -> Page<role::Actual>;
        fn get_role(name: &str) -> RoleHead;
        fn create_role(role: &role::Role, path: &str, tags: &Tags) -> ();
        fn update_trust(role: &str, document: &Value) -> ();
        fn put_role_policy(role: &str, policy: &str, document: &Value) -> ();
        fn delete_role_policy(role: &str, policy: &str) -> ();
        fn detach_role_policy(role: &str, policy_arn: &str) -> ();
        fn tag_role(name: &str, tags: &Tags) -> ();
        fn delete_role(name: &str) -> ();
        fn put_role_boundary(role: &str, policy_arn: &str) -> ();
        fn delete_role_boundary(role: &str) -> ();
        fn principals_page(token: Option<String>) -> Page<Principal>;
        fn create_policy(policy: &ManagedPolicy, path: &str) -> ();
        fn create_policy_version(arn: &str, document: &Value) -> ();
        fn delete_policy_version(arn: &str, version: &str) -> ();
        fn delete_policy(arn: &str) -> ();
        fn get_user(name: &str) -> RoleHead;
        fn create_user(name: &str, path: &str, boundary_arn: &str, tags: &Tags) -> ();
        fn tag_user(name: &str, tags: &Tags) -> ();
        fn put_user_boundary(name: &str, policy_arn: &str) -> ();
        fn attach_user_policy(name: &str, policy_arn: &str) -> ();
        fn put_user_policy(name: &str, policy: &str, document: &Value) -> ();
        fn shortest_password() -> Option<u32>;
        fn create_login_profile(name: &str, password: &SecretString) -> ();
        fn update_login_profile(name: &str, password: &SecretString) -> ();
        fn delete_login_profile(name: &str) -> ();
        fn create_access_key(name: &str) -> AccessKey;
        fn user_parts(name: &str, part: UserPart) -> Vec<String>;
        fn remove_user_part(name: &str, part: UserPart, id: &str) -> ();
        fn delete_virtual_mfa_device(serial: &str) -> ();
        fn delete_user(name: &str) -> ();
        fn simulate_page(simulation: &Simulation<'_>, token: Option<String>) -> Page<Simulated>;
    }
    lambda {
        fn concurrency() -> Concurrency;
        fn functions_page(token: Option<String>) -> Page<function::Actual>;
        fn get_function(name: &str) -> FunctionState;
        fn locate_code(name: &str) -> CodePlace;
        fn create_function(new: &NewFunction<'_>) -> FunctionState;
        fn update_function_code(name: &str, code: &function::Code) -> FunctionState;
        fn update_function_configuration(new: &NewFunction<'_>, undo: &[FunctionSetting]) -> FunctionState;
        fn update_function_description(name: &str, description: &str) -> FunctionState;
        fn tag_function(arn: &str, tags: &Tags) -> ();
        fn untag_function(arn: &str, keys: &[String]) -> ();
        fn put_function_concurrency(name: &str, reserved: u32) -> ();
        fn delete_function_concurrency(name: &str) -> ();
        fn delete_function(name: &str) -> ();
        fn invoke_dry(function: &str) -> ();
        fn get_policy(function: &str) -> Value;
        fn add_permission(permission: &Permission<'_>) -> ();
        fn remove_permission(function: &str, statement_id: &str) -> ();
    }
    sfn {
        fn state_machines_page(token: Option<String>) -> Page<state_machine::Actual>;
        fn describe_state_machine(arn: &str) -> state_machine::Detail;
        fn create_state_machine(new: &NewStateMachine<'_>) -> ();
        fn update_state_machine(arn: &str, new: &NewStateMachine<'_>, undo: &[MachineSetting]) -> ();
        fn delete_state_machine(arn: &str) -> ();
        fn tag_state_machine(arn: &str, tags: &Tags) -> ();
        fn state_machine_tags(arn: &str) -> Tags;
        fn start_execution(state_machine_arn: &str, name: &str, input: &str) -> String;
        fn stop_execution(execution_arn: &str) -> ();
        fn describe_execution(execution_arn: &str) -> Execution;
        fn executions_page(state_machine_arn: &str, running_only: bool, token: Option<String>) -> Page<Execution>;
        fn execution_history_page(execution_arn: &str, token: Option<String>) -> Page<HistoryEvent>;
    }
    apigateway {
        fn rest_apis_page(token: Option<String>) -> Page<(rest_api::Actual, Tags)>;
        fn create_rest_api(name: &str, description: &str, tags: &Tags) -> (String, Option<String>);
        fn delete_rest_api(id: &str) -> ();
        fn api_resources_page(id: &str, token: Option<String>) -> Page<rest_api::PathResource>;
        fn create_api_resource(id: &str, parent: &str, path_part: &str) -> String;
        fn put_method(id: &str, resource: &str, method: &str, authorization: Authorization) -> ();
        fn update_method(id: &str, resource: &str, method: &str, authorization: Authorization) -> ();
        fn put_integration(id: &str, resource: &str, method: &str, uri: &str) -> ();
        fn create_deployment(id: &str, stage: &str, stage_description: &str) -> ();
        fn stages(id: &str) -> Vec<rest_api::Stage>;
        fn update_stage(id: &str, stage: &str, description: &str, throttle: Option<Throttle>) -> ();
        fn tag_rest_api(arn: &str, tags: &Tags) -> ();
        fn delete_stage(id: &str, stage: &str) -> ();
    }
    logs {
        fn log_groups_page(prefix: &str, token: Option<String>) -> Page<log_group::Actual>;
        fn tag_log_group(arn: &str, tags: &Tags) -> ();
        fn log_group_tags(arn: &str) -> Tags;
        fn create_log_group(name: &str, tags: &Tags) -> ();
        fn put_retention_policy(name: &str, days: i32) -> ();
        fn delete_log_group(name: &str) -> ();
        fn log_events_page(group: &str, since_ms: i64, until_ms: Option<i64>, limit: i32, token: Option<String>) -> Page<String>;
        fn matching_log_events_page(group: &str, since_ms: i64, until_ms: Option<i64>, pattern: &str, token: Option<String>) -> Page<String>;
    }
    endpoint {
        fn fetch_code(url: &str, max: usize) -> Vec<u8>;
        fn invoke_api(api_id: &str, stage: &str, method: &str, path: &str, body: &str, authorization: Authorization) -> HttpAnswer;
    }
}
