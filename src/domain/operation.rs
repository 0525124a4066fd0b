//! The AWS operations that homeroom calls: one name for pacing, counting, errors and logs.

use std::fmt;

use serde::{Serialize, Serializer};

macro_rules! operations {
    ($($variant:ident => $name:literal),+ $(,)?) => {
        /// An AWS API operation.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Operation {
            $(#[doc = concat!("`", $name, "`.")] $variant,)+
        }

        impl Operation {
            /// Every operation.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// `service:Operation`, as IAM policies and `api_calls` name it.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }
        }
    };
}

operations! {
    GetCallerIdentity => "sts:GetCallerIdentity",
    ListAccountAliases => "iam:ListAccountAliases",
    GetAccountSummary => "iam:GetAccountSummary",
    GetAccountAuthorizationDetails => "iam:GetAccountAuthorizationDetails",
    GetRole => "iam:GetRole",
    CreateRole => "iam:CreateRole",
    UpdateAssumeRolePolicy => "iam:UpdateAssumeRolePolicy",
    PutRolePolicy => "iam:PutRolePolicy",
    DeleteRolePolicy => "iam:DeleteRolePolicy",
    DetachRolePolicy => "iam:DetachRolePolicy",
    TagRole => "iam:TagRole",
    DeleteRole => "iam:DeleteRole",
    PutRolePermissionsBoundary => "iam:PutRolePermissionsBoundary",
    DeleteRolePermissionsBoundary => "iam:DeleteRolePermissionsBoundary",
    CreatePolicy => "iam:CreatePolicy",
    CreatePolicyVersion => "iam:CreatePolicyVersion",
    DeletePolicyVersion => "iam:DeletePolicyVersion",
    DeletePolicy => "iam:DeletePolicy",
    GetUser => "iam:GetUser",
    CreateUser => "iam:CreateUser",
    TagUser => "iam:TagUser",
    PutUserPermissionsBoundary => "iam:PutUserPermissionsBoundary",
    AttachUserPolicy => "iam:AttachUserPolicy",
    DetachUserPolicy => "iam:DetachUserPolicy",
    PutUserPolicy => "iam:PutUserPolicy",
    ListUserPolicies => "iam:ListUserPolicies",
    ListAttachedUserPolicies => "iam:ListAttachedUserPolicies",
    DeleteUserPolicy => "iam:DeleteUserPolicy",
    ListGroupsForUser => "iam:ListGroupsForUser",
    RemoveUserFromGroup => "iam:RemoveUserFromGroup",
    GetAccountPasswordPolicy => "iam:GetAccountPasswordPolicy",
    CreateLoginProfile => "iam:CreateLoginProfile",
    UpdateLoginProfile => "iam:UpdateLoginProfile",
    DeleteLoginProfile => "iam:DeleteLoginProfile",
    ListAccessKeys => "iam:ListAccessKeys",
    CreateAccessKey => "iam:CreateAccessKey",
    DeleteAccessKey => "iam:DeleteAccessKey",
    ListMfaDevices => "iam:ListMFADevices",
    DeactivateMfaDevice => "iam:DeactivateMFADevice",
    DeleteVirtualMfaDevice => "iam:DeleteVirtualMFADevice",
    ListSigningCertificates => "iam:ListSigningCertificates",
    DeleteSigningCertificate => "iam:DeleteSigningCertificate",
    ListSshPublicKeys => "iam:ListSSHPublicKeys",
    DeleteSshPublicKey => "iam:DeleteSSHPublicKey",
    ListServiceSpecificCredentials => "iam:ListServiceSpecificCredentials",
    DeleteServiceSpecificCredential => "iam:DeleteServiceSpecificCredential",
    DeleteUser => "iam:DeleteUser",
    SimulatePrincipalPolicy => "iam:SimulatePrincipalPolicy",
    GetAccountSettings => "lambda:GetAccountSettings",
    ListFunctions => "lambda:ListFunctions",
    GetFunction => "lambda:GetFunction",
    CreateFunction => "lambda:CreateFunction",
    UpdateFunctionCode => "lambda:UpdateFunctionCode",
    UpdateFunctionConfiguration => "lambda:UpdateFunctionConfiguration",
    LambdaTagResource => "lambda:TagResource",
    LambdaUntagResource => "lambda:UntagResource",
    PutFunctionConcurrency => "lambda:PutFunctionConcurrency",
    DeleteFunctionConcurrency => "lambda:DeleteFunctionConcurrency",
    DeleteFunction => "lambda:DeleteFunction",
    InvokeFunction => "lambda:InvokeFunction",
    GetPolicy => "lambda:GetPolicy",
    AddPermission => "lambda:AddPermission",
    RemovePermission => "lambda:RemovePermission",
    ListStateMachines => "states:ListStateMachines",
    DescribeStateMachine => "states:DescribeStateMachine",
    CreateStateMachine => "states:CreateStateMachine",
    UpdateStateMachine => "states:UpdateStateMachine",
    DeleteStateMachine => "states:DeleteStateMachine",
    StatesListTagsForResource => "states:ListTagsForResource",
    StatesTagResource => "states:TagResource",
    StartExecution => "states:StartExecution",
    StopExecution => "states:StopExecution",
    DescribeExecution => "states:DescribeExecution",
    ListExecutions => "states:ListExecutions",
    GetExecutionHistory => "states:GetExecutionHistory",
    GetRestApis => "apigateway:GetRestApis",
    CreateRestApi => "apigateway:CreateRestApi",
    DeleteRestApi => "apigateway:DeleteRestApi",
    GetResources => "apigateway:GetResources",
    CreateResource => "apigateway:CreateResource",
    PutMethod => "apigateway:PutMethod",
    UpdateMethod => "apigateway:UpdateMethod",
    PutIntegration => "apigateway:PutIntegration",
    CreateDeployment => "apigateway:CreateDeployment",
    GetStages => "apigateway:GetStages",
    UpdateStage => "apigateway:UpdateStage",
    DeleteStage => "apigateway:DeleteStage",
    ApiGatewayTagResource => "apigateway:TagResource",
    DescribeLogGroups => "logs:DescribeLogGroups",
    LogsListTagsForResource => "logs:ListTagsForResource",
    LogsTagResource => "logs:TagResource",
    CreateLogGroup => "logs:CreateLogGroup",
    PutRetentionPolicy => "logs:PutRetentionPolicy",
    DeleteLogGroup => "logs:DeleteLogGroup",
    FilterLogEvents => "logs:FilterLogEvents",
    InvokeApi => "execute-api:Invoke",
    FetchCode => "s3:GetObject",
}

impl Operation {
    /// The service part (`lambda`).
    pub fn service(self) -> &'static str {
        self.parts().0
    }

    /// The operation's own name (`CreateFunction`).
    pub fn name(self) -> &'static str {
        self.parts().1
    }

    fn parts(self) -> (&'static str, &'static str) {
        self.as_str().split_once(':').unwrap_or_default()
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for Operation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
