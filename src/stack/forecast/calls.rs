//! The calls that each action makes when nothing goes wrong. `tests/engine/scenarios` holds them to what those in
//! `engine/resources` really do.

use std::collections::BTreeSet;

use crate::aws::Operation::{self, *};
use crate::stack::desired::Stack;
use crate::stack::kinds::rest_api::RestApi;
use crate::stack::kinds::role::POLICY_NAME;
use crate::stack::plan::access::Issue;
use crate::stack::plan::{Action, ShutOut};

/// Looks at a new function until it is Active, usually.
const LOOKS_AT_FUNCTION: usize = 2;
/// Looks at a deleted state machine until it is gone, usually.
const LOOKS_AT_MACHINE: usize = 4;

/// A student's first function, refused because its role cannot be assumed yet.
pub(super) const REFUSED_ROLE: [(Operation, usize); 1] = [(CreateFunction, 1)];

/// The calls of an action.
pub(super) fn of(action: &Action) -> Vec<(Operation, usize)> {
    match action {
        Action::CreateRole(_) => vec![(CreateRole, 1), (PutRolePolicy, 1)],
        Action::UpdateRole { difference, .. } => vec![
            (PutRolePermissionsBoundary, usize::from(difference.boundary)),
            (UpdateAssumeRolePolicy, usize::from(difference.trust)),
            (PutRolePolicy, usize::from(difference.policy)),
            (DeleteRolePolicy, difference.extra_inline.len()),
            (DetachRolePolicy, difference.extra_attached.len()),
            (TagRole, 1),
        ],
        Action::DeleteRole { inline, attached } => vec![
            (DeleteRolePolicy, inline.len()),
            (DetachRolePolicy, attached.len()),
            (DeleteRole, 1),
        ],
        Action::CreateLogGroup(_) => vec![(CreateLogGroup, 1), (PutRetentionPolicy, 1)],
        Action::SetRetention(_) => vec![(PutRetentionPolicy, 1), (LogsTagResource, 1)],
        Action::DeleteLogGroup { prove } => vec![
            (LogsListTagsForResource, usize::from(*prove)),
            (DeleteLogGroup, 1),
        ],
        Action::CreateFunction {
            withdraw,
            function,
            shut,
        } => {
            let (shut, looks_at_others) = match shut {
                ShutOut::Yes => (true, 0),
                ShutOut::AsTagged(others) => (false, others.len()),
            };
            let limited = usize::from(shut || function.reserved_concurrency.is_some());
            let looks = looks_at_others + limited * usize::from(!shut);
            vec![
                (UpdateStage, withdraw.len()),
                (CreateFunction, 1),
                (GetFunction, looks + (1 + limited) * LOOKS_AT_FUNCTION),
                (PutFunctionConcurrency, limited),
                (UpdateFunctionConfiguration, limited),
            ]
        }
        Action::FreezeFunction => vec![
            (GetFunction, 1),
            (LambdaTagResource, 1),
            (PutFunctionConcurrency, 1),
        ],
        Action::ThawFunction => vec![
            (GetFunction, 1),
            (DeleteFunctionConcurrency, 1),
            (LambdaUntagResource, 1),
        ],
        Action::StopExecutions => vec![(DescribeStateMachine, 1), (ListExecutions, 1)],
        Action::UpdateFunction { code, limit, .. } => vec![
            (GetFunction, usize::from(*limit)),
            (UpdateFunctionCode, usize::from(*code)),
            (UpdateFunctionConfiguration, 1),
            (GetFunction, LOOKS_AT_FUNCTION * (1 + usize::from(*code))),
            (LambdaTagResource, 1),
        ],
        Action::DeleteFunction => vec![(DeleteFunction, 1)],
        Action::CreateStateMachine(_) => vec![(CreateStateMachine, 1)],
        Action::UpdateStateMachine { .. } => vec![(UpdateStateMachine, 1), (StatesTagResource, 1)],
        Action::DeleteStateMachine { .. } => vec![
            (DeleteStateMachine, 1),
            (DescribeStateMachine, LOOKS_AT_MACHINE),
            // One that is not gone at once may have executions to stop.
            (ListExecutions, 1),
        ],
        Action::CreateRestApi(api) => {
            let mut calls = vec![
                (CreateRestApi, 1),
                (CreateResource, paths(api)),
                (PutMethod, api.routes.len()),
                (PutIntegration, api.routes.len()),
            ];
            calls.extend(published(api));
            calls
        }
        // What is missing of its parts shows only when it is looked at; most often nothing.
        Action::CompleteRestApi {
            api, duplicates, ..
        } => {
            let mut calls = vec![
                (GetResources, 1),
                (ApiGatewayTagResource, 1),
                (DeleteRestApi, duplicates.len()),
            ];
            calls.extend(published(api));
            calls
        }
        Action::DeleteRestApi { ids, stages } => {
            vec![(DeleteStage, stages.len()), (DeleteRestApi, ids.len())]
        }
        Action::CreatePolicy(_) => vec![(CreatePolicy, 1)],
        Action::UpdatePolicy { old_versions, .. } => vec![
            (DeletePolicyVersion, old_versions.len()),
            (CreatePolicyVersion, 1),
        ],
        Action::DeletePolicy { old_versions, .. } => {
            vec![(DeletePolicyVersion, old_versions.len()), (DeletePolicy, 1)]
        }
        Action::SetRoleBoundary(_) => vec![(PutRolePermissionsBoundary, 1)],
        Action::RemoveRoleBoundary => vec![(DeleteRolePermissionsBoundary, 1)],
        Action::CreateUser { issue, .. } => {
            let mut calls = vec![(CreateUser, 1), (AttachUserPolicy, 1)];
            calls.extend(issued(*issue, true));
            calls
        }
        Action::UpdateUser {
            boundary,
            attach,
            issue,
            ..
        } => {
            let mut calls = vec![
                (PutUserPermissionsBoundary, usize::from(*boundary)),
                (AttachUserPolicy, usize::from(*attach)),
            ];
            calls.extend(issued(*issue, false));
            calls
        }
        Action::DeleteUser {
            inline,
            attached,
            groups,
        } => vec![
            (PutUserPolicy, 1),
            (DeleteLoginProfile, 1),
            (ListAccessKeys, 1),
            (DetachUserPolicy, attached.len()),
            // The one that ends old sessions goes with the others.
            (DeleteUserPolicy, inline.len() + 1),
            (RemoveUserFromGroup, groups.len()),
            (DeleteUser, 1),
        ],
        Action::FreezeUser => vec![(PutUserPolicy, 1)],
        Action::ThawUser => vec![(DeleteUserPolicy, 1)],
    }
}

/// Of an older user the keys are looked at, and a password that is there already costs one call more.
fn issued(issue: Issue, to_new: bool) -> [(Operation, usize); 7] {
    let tags = usize::from(!issue.is_nothing()) + usize::from(issue.withdraw);
    [
        (CreateLoginProfile, usize::from(issue.password)),
        (UpdateLoginProfile, usize::from(issue.withdraw)),
        (ListAccessKeys, usize::from(!to_new && !issue.is_nothing())),
        (
            DeleteAccessKey,
            usize::from(issue.withdraw && issue.access_key),
        ),
        (CreateAccessKey, usize::from(issue.access_key)),
        (PutUserPolicy, usize::from(issue.withdraw)),
        (TagUser, tags),
    ]
}

fn published(api: &RestApi) -> [(Operation, usize); 3] {
    [
        (CreateDeployment, 1),
        (AddPermission, api.routes.len()),
        (UpdateStage, 1),
    ]
}

/// How many resources an API has below its root.
fn paths(api: &RestApi) -> usize {
    let mut paths = BTreeSet::new();
    for route in &api.routes {
        let mut so_far = String::new();
        for part in route.path.split('/').filter(|part| !part.is_empty()) {
            so_far = format!("{so_far}/{part}");
            paths.insert(so_far.clone());
        }
    }
    paths.len()
}

/// The calls that look at a whole stack; the listings' pages are not counted.
pub(super) fn look_at(stack: &Stack) -> [(Operation, usize); 2] {
    [
        (DescribeStateMachine, stack.state_machines.len()),
        (GetStages, stack.rest_apis.len()),
    ]
}

/// What would be done to delete a whole stack. Ids that only AWS knows stand empty: none of it is ever carried out.
pub(super) fn deletions(stack: &Stack) -> Vec<Action> {
    let roles = stack.roles.iter().map(|_| Action::DeleteRole {
        inline: vec![POLICY_NAME.to_owned()],
        attached: Vec::new(),
    });
    let apis = stack.rest_apis.iter().map(|api| Action::DeleteRestApi {
        ids: vec![String::new()],
        stages: vec![(String::new(), api.stage.clone())],
    });
    let machines = stack.state_machines.iter();
    let machines = machines.map(|_| Action::DeleteStateMachine { arn: String::new() });
    let functions = stack.functions.iter().map(|_| Action::DeleteFunction);
    let groups = stack.log_groups.iter();
    let groups = groups.map(|_| Action::DeleteLogGroup { prove: true });
    let policies = stack.boundary.iter().map(|_| Action::DeletePolicy {
        arn: String::new(),
        old_versions: Vec::new(),
    });
    let all = roles.chain(apis).chain(machines).chain(functions);
    all.chain(groups).chain(policies).collect()
}
