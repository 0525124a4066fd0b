//! What IAM asks of whoever makes a call: actions, and the resources that they are about. `homeroom doctor` prints the least
//! policy from this table, and tries it.
//!
//! The match has no arm for "all others": an operation without its rights does not compile. Source: the service
//! authorization reference (docs.aws.amazon.com/service-authorization/latest/reference), a page for each service, and what
//! is named beside an arm.

use crate::ids::ApiType;

use super::operations::Operation;

/// What an action is about, as the `Resource` of a policy can narrow it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum RightOn {
    /// IAM knows no resources for the action: `*`.
    Everything,
    Roles,
    /// Roles handed to a service, by the service's principal.
    RolesFor(&'static str),
    Policies,
    Users,
    /// A group or a virtual MFA device, which may have any name and path.
    GroupsAndDevices,
    /// Every user and role of the account, the caller's own included.
    Principals,
    Functions,
    /// Versions of layers, whoever's they are.
    Layers,
    /// Functions that the lab's probes invoke themselves.
    ProbedFunctions,
    StateMachines,
    Executions,
    /// The list of APIs of a type.
    ApiList(ApiType),
    /// The same list, as what is made becomes part of it.
    NewApis(ApiType),
    /// APIs of a type and what is below them. Their ids are AWS's, so IAM cannot tell a student's from another.
    Apis(ApiType),
    /// The tags of APIs, which have a path of their own.
    ApiTags(ApiType),
    /// Stages that take signed requests alone.
    SignedStages,
    LogGroups,
}

/// For what of a class day an operation is needed first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Errand {
    Plan,
    Deploy,
    Validate,
    Access,
    Read,
    Teardown,
}

impl Errand {
    pub(crate) const ALL: [Self; 6] = [
        Self::Plan,
        Self::Deploy,
        Self::Validate,
        Self::Access,
        Self::Read,
        Self::Teardown,
    ];
}

/// An action on resources.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Right {
    pub(crate) action: &'static str,
    pub(crate) on: RightOn,
}

const LAMBDA: &str = "lambda.amazonaws.com";
const STATES: &str = "states.amazonaws.com";

impl Operation {
    /// The rights of whoever calls it. Empty where IAM asks for none, and for what students call with their own keys.
    pub(crate) fn rights(self) -> Vec<Right> {
        self.needs().1
    }

    pub(crate) fn errand(self) -> Errand {
        self.needs().0
    }

    fn needs(self) -> (Errand, Vec<Right>) {
        use ApiType::{Http, Rest};
        use Errand::*;
        use Operation::*;
        use RightOn::*;
        let right = |action, on| Right { action, on };
        let own = |on| vec![right(self.as_str(), on)];
        let own_and = |on, more: &[(&'static str, RightOn)]| {
            let more = more.iter().map(|(action, on)| right(action, *on));
            own(on).into_iter().chain(more).collect()
        };
        match self {
            // STS API reference: "No permissions are required".
            GetCallerIdentity => (Plan, vec![]),
            GetAccountSummary
            | GetAccountAuthorizationDetails
            | GetAccountSettings
            | ListFunctions
            | ListStateMachines
            | ValidateStateMachineDefinition
            | DescribeLogGroups => (Plan, own(Everything)),
            // Lambda API reference, GetFunction: the tags are in it only with lambda:ListTags.
            GetFunction => (Plan, own_and(Functions, &[("lambda:ListTags", Functions)])),
            DescribeStateMachine | StatesListTagsForResource => (Plan, own(StateMachines)),
            LogsListTagsForResource => (Plan, own(LogGroups)),
            // API Gateway's actions are the methods of HTTP: its developer guide, "How API Gateway works with IAM".
            GetRestApis => (Plan, vec![right("apigateway:GET", ApiList(Rest))]),
            GetStages => (Plan, vec![right("apigateway:GET", Apis(Rest))]),
            GetApis => (Plan, vec![right("apigateway:GET", ApiList(Http))]),
            GetRoutes | GetIntegrations | GetHttpStages => {
                (Plan, vec![right("apigateway:GET", Apis(Http))])
            }

            CreateRole => (Deploy, own_and(Roles, &[("iam:TagRole", Roles)])),
            GetRole
            | UpdateAssumeRolePolicy
            | PutRolePolicy
            | TagRole
            | PutRolePermissionsBoundary
            | DeleteRolePermissionsBoundary => (Deploy, own(Roles)),
            CreatePolicy | CreatePolicyVersion | DeletePolicyVersion => (Deploy, own(Policies)),
            CreateLogGroup => (
                Deploy,
                own_and(LogGroups, &[("logs:TagResource", LogGroups)]),
            ),
            LogsTagResource | PutRetentionPolicy => (Deploy, own(LogGroups)),
            CreateFunction => {
                let more = [
                    ("lambda:TagResource", Functions),
                    ("iam:PassRole", RolesFor(LAMBDA)),
                    ("lambda:GetLayerVersion", Layers),
                ];
                (Deploy, own_and(Functions, &more))
            }
            UpdateFunctionConfiguration => {
                let more = [
                    ("iam:PassRole", RolesFor(LAMBDA)),
                    ("lambda:GetLayerVersion", Layers),
                ];
                (Deploy, own_and(Functions, &more))
            }
            UpdateFunctionCode
            | LambdaTagResource
            | LambdaUntagResource
            | PutFunctionConcurrency
            | DeleteFunctionConcurrency
            | GetPolicy
            | AddPermission
            | RemovePermission => (Deploy, own(Functions)),
            // An address that Lambda signed: whoever has it may read it.
            FetchCode => (Deploy, vec![]),
            CreateStateMachine => {
                let more = [
                    ("states:TagResource", StateMachines),
                    ("iam:PassRole", RolesFor(STATES)),
                ];
                (Deploy, own_and(StateMachines, &more))
            }
            UpdateStateMachine => {
                let more = [("iam:PassRole", RolesFor(STATES))];
                (Deploy, own_and(StateMachines, &more))
            }
            StatesTagResource => (Deploy, own(StateMachines)),
            // With tags, it also writes to their path.
            CreateRestApi => {
                let rights = [
                    right("apigateway:POST", NewApis(Rest)),
                    right("apigateway:PUT", ApiTags(Rest)),
                ];
                (Deploy, rights.into())
            }
            // Asked for as both: github.com/iann0036/iam-dataset, pull request 39, tried on AWS.
            ApiGatewayTagResource => {
                let rights = [
                    right("apigateway:PUT", ApiTags(Rest)),
                    right("apigateway:PATCH", Apis(Rest)),
                ];
                (Deploy, rights.into())
            }
            GetResources => (Deploy, vec![right("apigateway:GET", Apis(Rest))]),
            CreateResource | CreateDeployment => {
                (Deploy, vec![right("apigateway:POST", Apis(Rest))])
            }
            PutMethod | PutIntegration => (Deploy, vec![right("apigateway:PUT", Apis(Rest))]),
            UpdateMethod | UpdateStage => (Deploy, vec![right("apigateway:PATCH", Apis(Rest))]),
            // With tags, it also writes to their path.
            CreateApi => {
                let rights = [
                    right("apigateway:POST", NewApis(Http)),
                    right("apigateway:POST", ApiTags(Http)),
                ];
                (Deploy, rights.into())
            }
            TagHttpApi => {
                let rights = [
                    right("apigateway:POST", ApiTags(Http)),
                    right("apigateway:PATCH", Apis(Http)),
                ];
                (Deploy, rights.into())
            }
            CreateRoute | CreateIntegration | CreateHttpStage => {
                (Deploy, vec![right("apigateway:POST", Apis(Http))])
            }
            UpdateApi | UpdateRoute | UpdateHttpStage => {
                (Deploy, vec![right("apigateway:PATCH", Apis(Http))])
            }
            DeleteRoute | DeleteRouteSettings | DeleteCorsConfiguration => {
                (Deploy, vec![right("apigateway:DELETE", Apis(Http))])
            }

            StartExecution => (Validate, own(StateMachines)),
            DescribeExecution | GetExecutionHistory => (Validate, own(Executions)),
            FilterLogEvents => (Validate, own(LogGroups)),
            InvokeApi => (Validate, own(SignedStages)),
            InvokeFunction => (Validate, own(ProbedFunctions)),
            SimulatePrincipalPolicy => (Validate, own(Principals)),

            GetUser
            | TagUser
            | PutUserPermissionsBoundary
            | AttachUserPolicy
            | DetachUserPolicy
            | PutUserPolicy
            | ListUserPolicies
            | ListAttachedUserPolicies
            | DeleteUserPolicy
            | ListGroupsForUser
            | CreateLoginProfile
            | UpdateLoginProfile
            | DeleteLoginProfile
            | ListAccessKeys
            | CreateAccessKey
            | DeleteAccessKey
            | ListMfaDevices
            | DeactivateMfaDevice
            | ListSigningCertificates
            | DeleteSigningCertificate
            | ListSshPublicKeys
            | DeleteSshPublicKey
            | ListServiceSpecificCredentials
            | DeleteServiceSpecificCredential => (Access, own(Users)),
            CreateUser => (Access, own_and(Users, &[("iam:TagUser", Users)])),
            RemoveUserFromGroup | DeleteVirtualMfaDevice => (Access, own(GroupsAndDevices)),
            GetAccountPasswordPolicy => (Access, own(Everything)),

            ListAccountAliases | GetMetricData => (Read, own(Everything)),
            ListExecutions => (Read, own(StateMachines)),

            DeleteUser => (Teardown, own(Users)),
            DeleteRolePolicy | DetachRolePolicy | DeleteRole => (Teardown, own(Roles)),
            DeletePolicy => (Teardown, own(Policies)),
            StopExecution => (Teardown, own(Executions)),
            DeleteStateMachine => (Teardown, own(StateMachines)),
            DeleteFunction => (Teardown, own(Functions)),
            DeleteRestApi | DeleteStage => (Teardown, vec![right("apigateway:DELETE", Apis(Rest))]),
            DeleteApi => (Teardown, vec![right("apigateway:DELETE", Apis(Http))]),
            DeleteLogGroup => (Teardown, own(LogGroups)),
        }
    }
}
