//! The AWS operations that homeroom calls, in one table: the name in IAM policies and counts, AWS's request quota, the bucket
//! that it shares with others, and whether it can be sent twice. Quotas are those of the control plane, per account and
//! region, from pages below docs.aws.amazon.com.

use std::fmt;

/// A token bucket that calls take from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Group {
    /// One operation's own bucket.
    Own(Operation),
    /// API Gateway: all operations together, on APIs of every type.
    ApiGateway,
    /// Lambda: all control-plane operations but GetFunction and GetPolicy together.
    LambdaControlPlane,
    /// IAM: all operations together.
    Iam,
}

impl Group {
    /// Whether it is the account's, whatever the region.
    pub(crate) fn is_of_account(self) -> bool {
        match self {
            Self::Iam => true,
            Self::Own(operation) => operation.facts().shared == Some(Self::Iam),
            Self::ApiGateway | Self::LambdaControlPlane => false,
        }
    }
}

/// Size and refill of a bucket.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct RequestQuota {
    pub(crate) per_second: f64,
    /// How many calls may go out at once.
    pub(crate) burst: f64,
}

const fn quota(per_second: f64, burst: f64) -> RequestQuota {
    RequestQuota { per_second, burst }
}

struct OperationFacts {
    name: &'static str,
    own: Option<RequestQuota>,
    shared: Option<Group>,
    repeats_safely: bool,
}

macro_rules! operations {
    (@some $value:expr) => { Some($value) };
    (@some) => { None };
    (@repeats once) => { false };
    (@repeats) => { true };
    ($($variant:ident => $name:literal $(own($per_second:expr, $burst:expr))? $(in $shared:ident)? $(, $once:ident)?;)+) => {
        /// An AWS API operation.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Operation {
            $(#[doc = concat!("`", $name, "`.")] $variant,)+
        }

        impl Operation {
            /// Every operation.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            const fn facts(self) -> OperationFacts {
                match self {
                    $(Self::$variant => OperationFacts {
                        name: $name,
                        own: operations!(@some $(quota($per_second, $burst))?),
                        shared: operations!(@some $(Group::$shared)?),
                        repeats_safely: operations!(@repeats $($once)?),
                    },)+
                }
            }
        }
    };
}

// `own`: calls per second, and burst, of the operation's own bucket. `in`: the bucket that it shares. `once`: sending it twice
// does more than sending it once; for all others the result is the same.
operations! {
    GetCallerIdentity => "sts:GetCallerIdentity";

    // IAM publishes no figure; bulk changes meet `Throttling`.
    ListAccountAliases => "iam:ListAccountAliases" in Iam;
    GetAccountSummary => "iam:GetAccountSummary" in Iam;
    GetAccountAuthorizationDetails => "iam:GetAccountAuthorizationDetails" in Iam;
    GetRole => "iam:GetRole" in Iam;
    CreateRole => "iam:CreateRole" in Iam;
    UpdateAssumeRolePolicy => "iam:UpdateAssumeRolePolicy" in Iam;
    PutRolePolicy => "iam:PutRolePolicy" in Iam;
    DeleteRolePolicy => "iam:DeleteRolePolicy" in Iam;
    DetachRolePolicy => "iam:DetachRolePolicy" in Iam;
    TagRole => "iam:TagRole" in Iam;
    DeleteRole => "iam:DeleteRole" in Iam;
    PutRolePermissionsBoundary => "iam:PutRolePermissionsBoundary" in Iam;
    DeleteRolePermissionsBoundary => "iam:DeleteRolePermissionsBoundary" in Iam;
    CreatePolicy => "iam:CreatePolicy" in Iam;
    CreatePolicyVersion => "iam:CreatePolicyVersion" in Iam;
    DeletePolicyVersion => "iam:DeletePolicyVersion" in Iam;
    DeletePolicy => "iam:DeletePolicy" in Iam;
    GetUser => "iam:GetUser" in Iam;
    CreateUser => "iam:CreateUser" in Iam;
    TagUser => "iam:TagUser" in Iam;
    PutUserPermissionsBoundary => "iam:PutUserPermissionsBoundary" in Iam;
    AttachUserPolicy => "iam:AttachUserPolicy" in Iam;
    DetachUserPolicy => "iam:DetachUserPolicy" in Iam;
    PutUserPolicy => "iam:PutUserPolicy" in Iam;
    ListUserPolicies => "iam:ListUserPolicies" in Iam;
    ListAttachedUserPolicies => "iam:ListAttachedUserPolicies" in Iam;
    DeleteUserPolicy => "iam:DeleteUserPolicy" in Iam;
    ListGroupsForUser => "iam:ListGroupsForUser" in Iam;
    RemoveUserFromGroup => "iam:RemoveUserFromGroup" in Iam;
    GetAccountPasswordPolicy => "iam:GetAccountPasswordPolicy" in Iam;
    CreateLoginProfile => "iam:CreateLoginProfile" in Iam;
    UpdateLoginProfile => "iam:UpdateLoginProfile" in Iam;
    DeleteLoginProfile => "iam:DeleteLoginProfile" in Iam;
    ListAccessKeys => "iam:ListAccessKeys" in Iam;
    // Twice, it makes a second key.
    CreateAccessKey => "iam:CreateAccessKey" in Iam, once;
    DeleteAccessKey => "iam:DeleteAccessKey" in Iam;
    ListMfaDevices => "iam:ListMFADevices" in Iam;
    DeactivateMfaDevice => "iam:DeactivateMFADevice" in Iam;
    DeleteVirtualMfaDevice => "iam:DeleteVirtualMFADevice" in Iam;
    ListSigningCertificates => "iam:ListSigningCertificates" in Iam;
    DeleteSigningCertificate => "iam:DeleteSigningCertificate" in Iam;
    ListSshPublicKeys => "iam:ListSSHPublicKeys" in Iam;
    DeleteSshPublicKey => "iam:DeleteSSHPublicKey" in Iam;
    ListServiceSpecificCredentials => "iam:ListServiceSpecificCredentials" in Iam;
    DeleteServiceSpecificCredential => "iam:DeleteServiceSpecificCredential" in Iam;
    DeleteUser => "iam:DeleteUser" in Iam;
    SimulatePrincipalPolicy => "iam:SimulatePrincipalPolicy" in Iam;

    // lambda/latest/dg/gettingstarted-limits.html. GetFunction and GetPolicy are not in the bucket that the rest of the
    // control plane shares.
    GetAccountSettings => "lambda:GetAccountSettings" in LambdaControlPlane;
    ListFunctions => "lambda:ListFunctions" in LambdaControlPlane;
    GetFunction => "lambda:GetFunction" own(100.0, 100.0);
    CreateFunction => "lambda:CreateFunction" in LambdaControlPlane;
    UpdateFunctionCode => "lambda:UpdateFunctionCode" in LambdaControlPlane;
    UpdateFunctionConfiguration => "lambda:UpdateFunctionConfiguration" in LambdaControlPlane;
    LambdaTagResource => "lambda:TagResource" in LambdaControlPlane;
    LambdaUntagResource => "lambda:UntagResource" in LambdaControlPlane;
    PutFunctionConcurrency => "lambda:PutFunctionConcurrency" in LambdaControlPlane;
    DeleteFunctionConcurrency => "lambda:DeleteFunctionConcurrency" in LambdaControlPlane;
    DeleteFunction => "lambda:DeleteFunction" in LambdaControlPlane;
    // The data plane's limit is ten times the account's concurrency.
    // Twice, the function runs twice.
    InvokeFunction => "lambda:InvokeFunction", once;
    GetPolicy => "lambda:GetPolicy" own(15.0, 15.0);
    AddPermission => "lambda:AddPermission" in LambdaControlPlane;
    RemovePermission => "lambda:RemovePermission" in LambdaControlPlane;

    // step-functions/latest/dg/service-quotas.html; where regions differ, the smaller figure.
    ListStateMachines => "states:ListStateMachines" own(5.0, 100.0);
    DescribeStateMachine => "states:DescribeStateMachine" own(20.0, 200.0);
    CreateStateMachine => "states:CreateStateMachine" own(1.0, 100.0);
    UpdateStateMachine => "states:UpdateStateMachine" own(1.0, 100.0);
    DeleteStateMachine => "states:DeleteStateMachine" own(1.0, 100.0);
    ValidateStateMachineDefinition => "states:ValidateStateMachineDefinition" own(1.0, 100.0);
    StatesListTagsForResource => "states:ListTagsForResource" own(1.0, 100.0);
    StatesTagResource => "states:TagResource" own(1.0, 200.0);
    StartExecution => "states:StartExecution" own(150.0, 800.0);
    // The page gives a burst of 500 and a rate of 25 for the smaller regions.
    StopExecution => "states:StopExecution" own(25.0, 200.0);
    DescribeExecution => "states:DescribeExecution" own(10.0, 250.0);
    ListExecutions => "states:ListExecutions" own(2.0, 100.0);
    GetExecutionHistory => "states:GetExecutionHistory" own(20.0, 400.0);

    // apigateway/latest/developerguide/limits.html
    GetRestApis => "apigateway:GetRestApis" in ApiGateway;
    // Twice, it makes a second API of the same name.
    CreateRestApi => "apigateway:CreateRestApi" own(1.0 / 3.0, 1.0) in ApiGateway, once;
    DeleteRestApi => "apigateway:DeleteRestApi" own(1.0 / 30.0, 1.0) in ApiGateway;
    GetResources => "apigateway:GetResources" own(2.5, 5.0) in ApiGateway;
    CreateResource => "apigateway:CreateResource" own(5.0, 5.0) in ApiGateway;
    PutMethod => "apigateway:PutMethod" in ApiGateway;
    UpdateMethod => "apigateway:UpdateMethod" in ApiGateway;
    PutIntegration => "apigateway:PutIntegration" in ApiGateway;
    CreateDeployment => "apigateway:CreateDeployment" own(1.0 / 5.0, 1.0) in ApiGateway;
    GetStages => "apigateway:GetStages" in ApiGateway;
    UpdateStage => "apigateway:UpdateStage" in ApiGateway;
    DeleteStage => "apigateway:DeleteStage" in ApiGateway;
    ApiGatewayTagResource => "apigateway:TagResource" in ApiGateway;

    // The same page names no operation of HTTP APIs, so only "Total operations" counts. IAM knows them as apigateway: too; the
    // names are those of the AWS CLI.
    GetApis => "apigatewayv2:GetApis" in ApiGateway;
    // Twice, it makes a second API of the same name.
    CreateApi => "apigatewayv2:CreateApi" in ApiGateway, once;
    UpdateApi => "apigatewayv2:UpdateApi" in ApiGateway;
    DeleteApi => "apigatewayv2:DeleteApi" in ApiGateway;
    GetRoutes => "apigatewayv2:GetRoutes" in ApiGateway;
    CreateRoute => "apigatewayv2:CreateRoute" in ApiGateway;
    UpdateRoute => "apigatewayv2:UpdateRoute" in ApiGateway;
    DeleteRoute => "apigatewayv2:DeleteRoute" in ApiGateway;
    GetIntegrations => "apigatewayv2:GetIntegrations" in ApiGateway;
    // Twice, it makes a second integration, which nothing uses.
    CreateIntegration => "apigatewayv2:CreateIntegration" in ApiGateway;
    GetHttpStages => "apigatewayv2:GetStages" in ApiGateway;
    CreateHttpStage => "apigatewayv2:CreateStage" in ApiGateway;
    UpdateHttpStage => "apigatewayv2:UpdateStage" in ApiGateway;
    DeleteRouteSettings => "apigatewayv2:DeleteRouteSettings" in ApiGateway;
    DeleteCorsConfiguration => "apigatewayv2:DeleteCorsConfiguration" in ApiGateway;
    TagHttpApi => "apigatewayv2:TagResource" in ApiGateway;

    // AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html
    DescribeLogGroups => "logs:DescribeLogGroups" own(10.0, 10.0);
    // The page gives 5 per second for TagResource and UntagResource; the reading one is not listed.
    LogsListTagsForResource => "logs:ListTagsForResource" own(5.0, 5.0);
    LogsTagResource => "logs:TagResource" own(5.0, 5.0);
    CreateLogGroup => "logs:CreateLogGroup" own(10.0, 10.0);
    PutRetentionPolicy => "logs:PutRetentionPolicy" own(5.0, 5.0);
    DeleteLogGroup => "logs:DeleteLogGroup" own(10.0, 10.0);
    // It differs by region (5, 10 or 25): the smallest.
    FilterLogEvents => "logs:FilterLogEvents" own(5.0, 5.0);

    // AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html. It has said 50 and says 500: the smaller.
    GetMetricData => "cloudwatch:GetMetricData" own(50.0, 50.0);

    InvokeApi => "execute-api:Invoke";

    FetchCode => "s3:GetObject";
}

/// A bucket's quota; `None` where AWS publishes none.
pub(crate) fn quota_of(group: Group) -> Option<RequestQuota> {
    match group {
        Group::Own(operation) => operation.facts().own,
        // apigateway/latest/developerguide/limits.html, "Total operations": 10 per second, burst 40.
        Group::ApiGateway => Some(quota(10.0, 40.0)),
        // lambda/latest/dg/gettingstarted-limits.html, "Rate of control plane API requests": 15 per second,
        // no burst told.
        Group::LambdaControlPlane => Some(quota(15.0, 15.0)),
        // A cautious guess, not measured on AWS.
        Group::Iam => Some(quota(15.0, 30.0)),
    }
}

impl Operation {
    /// `service:Operation`, as IAM policies and `api_calls` name it.
    pub(crate) fn as_str(self) -> &'static str {
        self.facts().name
    }

    /// The service part (`lambda`).
    pub(crate) fn service(self) -> &'static str {
        self.parts().0
    }

    /// The operation's own name (`CreateFunction`).
    pub(crate) fn name(self) -> &'static str {
        self.parts().1
    }

    fn parts(self) -> (&'static str, &'static str) {
        self.as_str().split_once(':').unwrap_or_default()
    }

    /// The buckets that a call takes from, where they exist, the scarcest first. The account's own figures can make an own
    /// bucket where AWS publishes none.
    pub(crate) fn buckets(self) -> impl Iterator<Item = Group> {
        std::iter::once(Group::Own(self)).chain(self.facts().shared)
    }

    /// Whether its quota is the account's, whatever the region.
    pub(crate) fn is_of_account(self) -> bool {
        self.buckets().any(Group::is_of_account)
    }

    /// Whether sending it twice does the same as sending it once.
    pub(super) fn repeats_safely(self) -> bool {
        self.facts().repeats_safely
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bucket_that_is_shared_has_figures_that_let_calls_through() {
        for operation in Operation::ALL {
            for group in operation.buckets() {
                let own = group == Group::Own(*operation);
                match quota_of(group) {
                    Some(quota) => assert!(quota.per_second > 0.0 && quota.burst >= 1.0),
                    None => assert!(own, "{operation}"),
                }
            }
        }
    }

    #[test]
    fn the_scarcest_bucket_is_asked_first() {
        let buckets = |operation: Operation| operation.buckets().collect::<Vec<_>>();
        assert_eq!(
            buckets(Operation::CreateRestApi),
            [Group::Own(Operation::CreateRestApi), Group::ApiGateway]
        );
        assert_eq!(
            buckets(Operation::GetFunction),
            [Group::Own(Operation::GetFunction)]
        );
    }
}
