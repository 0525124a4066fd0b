//! The cloud as the engine sees it: one method an AWS operation, in the domain's own words.
//!
//! Contract for implementations:
//! - one call of a method is at most one request (no retries inside: the engine owns them all);
//! - every error is classified, with AWS's own code and message;
//! - dropping the future gives up waiting, and says nothing of whether the request had its effect.

use std::future::Future;

use secrecy::SecretString;
use serde_json::Value;

use crate::domain::credentials::AccessKey;
use crate::domain::execution::Execution;
use crate::domain::history::HistoryEvent;
use crate::domain::operation::Operation;
use crate::domain::ownership::Tags;
use crate::domain::resources::extras::{FunctionSetting, MachineSetting};
use crate::domain::resources::rest_api::{Authorization, Throttle};
use crate::domain::resources::{
    function, log_group,
    managed_policy::{self, ManagedPolicy},
    rest_api, role,
    state_machine::{self, WorkflowType},
    user,
};

/// What an error means for whoever made the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The thing is not there.
    NotFound,
    /// A thing of that name is there (or another operation on it is in progress, where AWS uses one code
    /// for both: see [`ErrorKind::Busy`]).
    AlreadyExists,
    /// Another operation on the same thing is in progress: try again.
    Busy,
    /// AWS asks to slow down; the request had no effect.
    Throttled,
    /// The request may or may not have had its effect: 5xx, a broken connection, a time-out.
    Ambiguous,
    /// The role that the request names cannot be assumed (yet).
    RoleNotAssumable,
    /// Step Functions refuses the role for another reason: its policies may not be in force everywhere yet.
    RoleRefused,
    /// IAM names the role, user or policy without its path: it does not find it (yet, or any more), so a policy that
    /// covers a path did not match. For whoever has just made it, it is not found; for everybody else it is a refusal.
    Unresolved,
    /// A state machine of that name is being deleted.
    Deleting,
    /// The caller may not do this.
    AccessDenied,
    /// The caller's credentials are missing, wrong or expired.
    Credentials,
    /// A limit of the account is reached; no amount of waiting helps.
    LimitExceeded,
    /// The endpoint could not be reached at all: the request had no effect.
    Unreachable,
    /// AWS refused the request as it stands.
    Invalid,
}

/// A call that failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{operation}: {code}: {message}")]
pub struct CloudError {
    /// The operation.
    pub operation: Operation,
    /// What it means.
    pub kind: ErrorKind,
    /// AWS's error code, or a word of ours where there was no answer.
    pub code: String,
    /// AWS's message.
    pub message: String,
    /// AWS's id of the request, where there was an answer: what AWS's support asks for.
    pub request_id: Option<String>,
}

impl CloudError {
    /// The whole of it in one text, with the request's id: for where there is no other place for that.
    pub fn in_full(&self) -> String {
        match &self.request_id {
            Some(id) => format!("{self} (request id {id})"),
            None => self.to_string(),
        }
    }
}

/// Result of a call.
pub type CloudResult<T> = Result<T, CloudError>;

/// One page of a listing.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// Token of the next page; `None` on the last.
    pub next: Option<String>,
}

/// Who the caller is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The account id.
    pub account: String,
    /// The caller's ARN (its second part is the partition).
    pub arn: String,
}

/// What GetAccountSummary tells.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AccountSummary {
    /// Roles in the account.
    pub roles: Option<u32>,
    /// Quota on roles.
    pub roles_quota: Option<u32>,
    /// Users in the account.
    pub users: Option<u32>,
    /// Quota on users.
    pub users_quota: Option<u32>,
    /// Customer managed policies in the account.
    pub policies: Option<u32>,
    /// Quota on customer managed policies.
    pub policies_quota: Option<u32>,
}

/// What Lambda's GetAccountSettings tells of concurrency.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Concurrency {
    /// Functions that may run at once in the region.
    pub quota: Option<u32>,
    /// Those of them that are reserved for single functions.
    pub reserved: Option<u32>,
}

/// Path and tags of one role or user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleHead {
    /// Its path.
    pub path: String,
    /// Its tags.
    pub tags: Tags,
}

/// One entry of a listing of IAM.
#[derive(Debug, Clone, PartialEq)]
pub enum Principal {
    /// A role.
    Role(role::Actual),
    /// A user.
    User(user::Actual),
    /// A customer managed policy.
    Policy(managed_policy::Actual),
}

/// What IAM does not delete a user with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum UserPart {
    /// Access keys, by id.
    AccessKey,
    /// Groups, by name.
    Group,
    /// Attached managed policies, by ARN.
    AttachedPolicy,
    /// Inline policies, by name.
    InlinePolicy,
    /// MFA devices, by serial number.
    MfaDevice,
    /// Signing certificates, by id.
    SigningCertificate,
    /// SSH public keys, by id.
    SshPublicKey,
    /// Credentials for single services (CodeCommit, …), by id.
    ServiceCredential,
}

impl UserPart {
    /// Every kind.
    pub const ALL: [Self; 8] = [
        Self::AccessKey,
        Self::Group,
        Self::AttachedPolicy,
        Self::InlinePolicy,
        Self::MfaDevice,
        Self::SigningCertificate,
        Self::SshPublicKey,
        Self::ServiceCredential,
    ];

    /// The operation that lists them.
    pub fn listed_by(self) -> Operation {
        match self {
            Self::AccessKey => Operation::ListAccessKeys,
            Self::Group => Operation::ListGroupsForUser,
            Self::AttachedPolicy => Operation::ListAttachedUserPolicies,
            Self::InlinePolicy => Operation::ListUserPolicies,
            Self::MfaDevice => Operation::ListMfaDevices,
            Self::SigningCertificate => Operation::ListSigningCertificates,
            Self::SshPublicKey => Operation::ListSshPublicKeys,
            Self::ServiceCredential => Operation::ListServiceSpecificCredentials,
        }
    }

    /// The operation that takes one from the user.
    pub fn removed_by(self) -> Operation {
        match self {
            Self::AccessKey => Operation::DeleteAccessKey,
            Self::Group => Operation::RemoveUserFromGroup,
            Self::AttachedPolicy => Operation::DetachUserPolicy,
            Self::InlinePolicy => Operation::DeleteUserPolicy,
            Self::MfaDevice => Operation::DeactivateMfaDevice,
            Self::SigningCertificate => Operation::DeleteSigningCertificate,
            Self::SshPublicKey => Operation::DeleteSshPublicKey,
            Self::ServiceCredential => Operation::DeleteServiceSpecificCredential,
        }
    }
}

/// A question to IAM's policy simulator.
#[derive(Debug, Clone, Copy)]
pub struct Simulation<'a> {
    /// ARN of the user.
    pub user_arn: &'a str,
    /// Actions (`lambda:GetFunction`).
    pub actions: &'a [&'static str],
    /// ARNs of the resources.
    pub resources: &'a [String],
    /// The region that the requests would go to.
    pub region: &'a str,
}

/// One of the simulator's decisions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Simulated {
    /// The action.
    pub action: String,
    /// ARN of the resource.
    pub resource: String,
    /// Whether it would be allowed, boundary included.
    pub allowed: bool,
}

/// What is known of a function's state: from GetFunction, or (without tags) from the answer to a change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FunctionState {
    /// `Pending`, `Active`, `Inactive`, `Failed`; empty where the endpoint does not say.
    pub state: String,
    /// `Successful`, `Failed`, `InProgress`; empty where the endpoint does not say.
    pub last_update_status: String,
    /// Why, when it failed.
    pub reason: Option<String>,
    /// Base64 of the zip's SHA-256.
    pub code_sha256: String,
    /// Its description.
    pub description: String,
    /// What is reserved for it, as GetFunction tells; nothing where it runs with the rest.
    pub reserved: Option<u32>,
    /// Its tags; empty where the answer has none.
    pub tags: Tags,
    /// Why the tags are not there though the function is: reading them needs a permission of its own
    /// (`lambda:ListTags`), and GetFunction answers without it as if there were none.
    pub tags_unseen: Option<String>,
}

impl FunctionState {
    /// The tags, where they could be read.
    ///
    /// # Errors
    /// That they could not: "no tags" and "not shown" are not the same.
    pub fn readable_tags(self) -> CloudResult<Tags> {
        match self.tags_unseen {
            None => Ok(self.tags),
            Some(why) => Err(CloudError {
                operation: Operation::GetFunction,
                kind: ErrorKind::AccessDenied,
                code: "TagsError".to_owned(),
                message: format!(
                    "the function's tags are not shown, which needs lambda:ListTags: {why}"
                ),
                request_id: None,
            }),
        }
    }
}

/// Where the zip of a function is, and what it must be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CodePlace {
    /// An address that Lambda signed, good for ten minutes.
    pub url: String,
    /// Base64 of the zip's SHA-256.
    pub sha256: String,
}

/// A function to be created, with everything that the request needs.
#[derive(Debug, Clone)]
pub struct NewFunction<'a> {
    /// As it should be.
    pub function: &'a function::Function,
    /// ARN of its role.
    pub role_arn: String,
    /// The description that records what is deployed.
    pub description: String,
    /// Its tags.
    pub tags: Tags,
}

/// A state machine to be created or updated.
#[derive(Debug, Clone)]
pub struct NewStateMachine<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its type.
    pub workflow_type: WorkflowType,
    /// ARN of its role.
    pub role_arn: String,
    /// Its definition as text, with its record.
    pub definition: String,
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

/// What an endpoint answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpAnswer {
    /// HTTP status.
    pub status: u16,
    /// Body as text.
    pub body: String,
}

macro_rules! port {
    ($($(#[$doc:meta])* fn $name:ident($($arg:ident: $ty:ty),* $(,)?) -> $ret:ty;)+) => {
        /// AWS, one method an operation.
        pub trait Cloud: Send + Sync {
            $($(#[$doc])* fn $name(&self, $($arg: $ty),*) -> impl Future<Output = CloudResult<$ret>> + Send;)+
        }
    };
}

port! {
    /// sts:GetCallerIdentity.
    fn caller_identity() -> Identity;
    /// iam:ListAccountAliases: the first alias.
    fn account_alias() -> Option<String>;
    /// iam:GetAccountSummary.
    fn account_summary() -> AccountSummary;

    /// iam:GetAccountAuthorizationDetails, roles only: one page of the account's roles, policies included.
    fn roles_page(token: Option<String>) -> Page<role::Actual>;
    /// iam:GetRole.
    fn get_role(name: &str) -> RoleHead;
    /// iam:CreateRole, below `path`.
    fn create_role(role: &role::Role, path: &str, tags: &Tags) -> ();
    /// iam:UpdateAssumeRolePolicy.
    fn update_trust(role: &str, document: &Value) -> ();
    /// iam:PutRolePolicy.
    fn put_role_policy(role: &str, policy: &str, document: &Value) -> ();
    /// iam:DeleteRolePolicy.
    fn delete_role_policy(role: &str, policy: &str) -> ();
    /// iam:DetachRolePolicy.
    fn detach_role_policy(role: &str, policy_arn: &str) -> ();
    /// iam:TagRole.
    fn tag_role(name: &str, tags: &Tags) -> ();
    /// iam:DeleteRole.
    fn delete_role(name: &str) -> ();
    /// iam:PutRolePermissionsBoundary.
    fn put_role_boundary(role: &str, policy_arn: &str) -> ();
    /// iam:DeleteRolePermissionsBoundary.
    fn delete_role_boundary(role: &str) -> ();

    /// iam:GetAccountAuthorizationDetails: one page of the account's roles, users and customer managed policies.
    fn principals_page(token: Option<String>) -> Page<Principal>;
    /// iam:CreatePolicy, below `path`.
    fn create_policy(policy: &ManagedPolicy, path: &str) -> ();
    /// iam:CreatePolicyVersion, in force at once.
    fn create_policy_version(arn: &str, document: &Value) -> ();
    /// iam:DeletePolicyVersion.
    fn delete_policy_version(arn: &str, version: &str) -> ();
    /// iam:DeletePolicy.
    fn delete_policy(arn: &str) -> ();
    /// iam:GetUser.
    fn get_user(name: &str) -> RoleHead;
    /// iam:CreateUser, below `path` and with a permissions boundary.
    fn create_user(name: &str, path: &str, boundary_arn: &str, tags: &Tags) -> ();
    /// iam:TagUser.
    fn tag_user(name: &str, tags: &Tags) -> ();
    /// iam:PutUserPermissionsBoundary.
    fn put_user_boundary(name: &str, policy_arn: &str) -> ();
    /// iam:AttachUserPolicy.
    fn attach_user_policy(name: &str, policy_arn: &str) -> ();
    /// iam:PutUserPolicy.
    fn put_user_policy(name: &str, policy: &str, document: &Value) -> ();
    /// iam:GetAccountPasswordPolicy: the shortest password that it allows; `None` where the account has no such policy.
    fn shortest_password() -> Option<u32>;
    /// iam:CreateLoginProfile; another password has to be chosen at the first sign-in.
    fn create_login_profile(name: &str, password: &SecretString) -> ();
    /// iam:UpdateLoginProfile, likewise.
    fn update_login_profile(name: &str, password: &SecretString) -> ();
    /// iam:DeleteLoginProfile.
    fn delete_login_profile(name: &str) -> ();
    /// iam:CreateAccessKey.
    fn create_access_key(name: &str) -> AccessKey;
    /// What a user has of a kind, by id: iam:ListAccessKeys, iam:ListMFADevices, … (see [`UserPart`]); the first page,
    /// which holds more than a user may have.
    fn user_parts(name: &str, part: UserPart) -> Vec<String>;
    /// Takes one of them from the user: iam:DeleteAccessKey, iam:DeactivateMFADevice, …
    fn remove_user_part(name: &str, part: UserPart, id: &str) -> ();
    /// iam:DeleteVirtualMFADevice.
    fn delete_virtual_mfa_device(serial: &str) -> ();
    /// iam:DeleteUser.
    fn delete_user(name: &str) -> ();
    /// iam:SimulatePrincipalPolicy: one page of what a user may do, every action on every resource, in a region.
    fn simulate_page(simulation: &Simulation<'_>, token: Option<String>) -> Page<Simulated>;

    /// lambda:GetAccountSettings.
    fn concurrency() -> Concurrency;
    /// lambda:ListFunctions: one page. `ownership` is what the description says of it, for any class:
    /// implementations return `Unproven` where it says nothing and leave the class to the caller
    /// ([`function::Actual::described_ownership`]).
    fn functions_page(token: Option<String>) -> Page<function::Actual>;
    /// lambda:GetFunction.
    fn get_function(name: &str) -> FunctionState;
    /// lambda:GetFunction: where its code is.
    fn locate_code(name: &str) -> CodePlace;
    /// The code, from where Lambda says that it is; refused when it has more bytes than `max`.
    fn fetch_code(url: &str, max: usize) -> Vec<u8>;
    /// lambda:CreateFunction.
    fn create_function(new: &NewFunction<'_>) -> FunctionState;
    /// lambda:UpdateFunctionCode.
    fn update_function_code(name: &str, code: &function::Code) -> FunctionState;
    /// lambda:UpdateFunctionConfiguration; tags are not written, and what is in `undo` is put back as AWS makes it.
    fn update_function_configuration(new: &NewFunction<'_>, undo: &[FunctionSetting]) -> FunctionState;
    /// lambda:UpdateFunctionConfiguration: the description only.
    fn update_function_description(name: &str, description: &str) -> FunctionState;
    /// lambda:TagResource.
    fn tag_function(arn: &str, tags: &Tags) -> ();
    /// lambda:UntagResource.
    fn untag_function(arn: &str, keys: &[String]) -> ();
    /// lambda:PutFunctionConcurrency: how many of it may run at once; 0 for none.
    fn put_function_concurrency(name: &str, reserved: u32) -> ();
    /// lambda:DeleteFunctionConcurrency.
    fn delete_function_concurrency(name: &str) -> ();
    /// lambda:DeleteFunction.
    fn delete_function(name: &str) -> ();
    /// lambda:Invoke, as a dry run: AWS checks whether the caller may, and runs nothing.
    fn invoke_dry(function: &str) -> ();
    /// lambda:GetPolicy: the resource policy; `Null` when there is none.
    fn get_policy(function: &str) -> Value;
    /// lambda:AddPermission, for API Gateway.
    fn add_permission(permission: &Permission<'_>) -> ();
    /// lambda:RemovePermission.
    fn remove_permission(function: &str, statement_id: &str) -> ();

    /// states:ListStateMachines: one page, without details.
    fn state_machines_page(token: Option<String>) -> Page<state_machine::Actual>;
    /// states:DescribeStateMachine.
    fn describe_state_machine(arn: &str) -> state_machine::Detail;
    /// states:CreateStateMachine.
    fn create_state_machine(new: &NewStateMachine<'_>) -> ();
    /// states:UpdateStateMachine: definition and role; what is in `undo` is put back as AWS makes it.
    fn update_state_machine(arn: &str, new: &NewStateMachine<'_>, undo: &[MachineSetting]) -> ();
    /// states:DeleteStateMachine; asynchronous.
    fn delete_state_machine(arn: &str) -> ();
    /// states:TagResource.
    fn tag_state_machine(arn: &str, tags: &Tags) -> ();
    /// states:ListTagsForResource.
    fn state_machine_tags(arn: &str) -> Tags;
    /// states:StartExecution: the execution's ARN.
    fn start_execution(state_machine_arn: &str, name: &str, input: &str) -> String;
    /// states:StopExecution.
    fn stop_execution(execution_arn: &str) -> ();
    /// states:DescribeExecution: the execution with its details; without them while AWS does not show its input yet.
    fn describe_execution(execution_arn: &str) -> Execution;
    /// states:ListExecutions: one page, newest first; only those running when `running_only`.
    fn executions_page(state_machine_arn: &str, running_only: bool, token: Option<String>) -> Page<Execution>;
    /// states:GetExecutionHistory: one page of an execution's events, the newest first.
    fn execution_history_page(execution_arn: &str, token: Option<String>) -> Page<HistoryEvent>;

    /// apigateway:GetRestApis: one page, tags included (`ownership` by `class` is the caller's to judge:
    /// the tags come beside each).
    fn rest_apis_page(token: Option<String>) -> Page<(rest_api::Actual, Tags)>;
    /// apigateway:CreateRestApi, regional: id and, where told, the root resource's id.
    fn create_rest_api(name: &str, description: &str, tags: &Tags) -> (String, Option<String>);
    /// apigateway:DeleteRestApi.
    fn delete_rest_api(id: &str) -> ();
    /// apigateway:GetResources with methods: one page.
    fn api_resources_page(id: &str, token: Option<String>) -> Page<rest_api::PathResource>;
    /// apigateway:CreateResource: the new resource's id.
    fn create_api_resource(id: &str, parent: &str, path_part: &str) -> String;
    /// apigateway:PutMethod.
    fn put_method(id: &str, resource: &str, method: &str, authorization: Authorization) -> ();
    /// apigateway:UpdateMethod: who may call it.
    fn update_method(id: &str, resource: &str, method: &str, authorization: Authorization) -> ();
    /// apigateway:PutIntegration: Lambda proxy.
    fn put_integration(id: &str, resource: &str, method: &str, uri: &str) -> ();
    /// apigateway:CreateDeployment to a stage, which is created with the description if it is not there.
    fn create_deployment(id: &str, stage: &str, stage_description: &str) -> ();
    /// apigateway:GetStages.
    fn stages(id: &str) -> Vec<rest_api::Stage>;
    /// apigateway:UpdateStage: the description and, where there is one, the throttle of all its methods.
    fn update_stage(id: &str, stage: &str, description: &str, throttle: Option<Throttle>) -> ();
    /// apigateway:TagResource.
    fn tag_rest_api(arn: &str, tags: &Tags) -> ();
    /// apigateway:DeleteStage.
    fn delete_stage(id: &str, stage: &str) -> ();

    /// logs:DescribeLogGroups: one page of those whose name begins with `prefix`.
    fn log_groups_page(prefix: &str, token: Option<String>) -> Page<log_group::Actual>;
    /// logs:TagResource.
    fn tag_log_group(arn: &str, tags: &Tags) -> ();
    /// logs:ListTagsForResource.
    fn log_group_tags(arn: &str) -> Tags;
    /// logs:CreateLogGroup.
    fn create_log_group(name: &str, tags: &Tags) -> ();
    /// logs:PutRetentionPolicy.
    fn put_retention_policy(name: &str, days: i32) -> ();
    /// logs:DeleteLogGroup.
    fn delete_log_group(name: &str) -> ();
    /// logs:FilterLogEvents: one page of messages since a time in milliseconds since 1970, up to another one.
    fn log_events_page(group: &str, since_ms: i64, until_ms: Option<i64>, limit: i32, token: Option<String>) -> Page<String>;
    /// logs:FilterLogEvents: one page of those messages that a filter pattern picks; an empty pattern picks all.
    fn matching_log_events_page(group: &str, since_ms: i64, until_ms: Option<i64>, pattern: &str, token: Option<String>) -> Page<String>;

    /// An HTTP request with a JSON body to a deployed stage, signed where `authorization` asks for it.
    fn invoke_api(api_id: &str, stage: &str, method: &str, path: &str, body: &str, authorization: Authorization) -> HttpAnswer;
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
