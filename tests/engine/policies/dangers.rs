//! What nobody of a class may ever do, whatever is attached to them.

use crate::policies::class::Own;
use crate::policies::engine::Ask;

/// Requests about one's own things, each of which would be a way out of one's own stack or a way to break it.
pub(crate) fn of(own: &Own) -> Vec<Ask> {
    let mut asks = Vec::new();
    let mut on = |resource: &str, service: &str, actions: &str| {
        let actions = actions.split_whitespace();
        asks.extend(actions.map(|action| Ask::new(&format!("{service}:{action}"), resource)));
    };
    let account = format!("arn:aws:iam::{}", own.scope.account);
    let user = own.user_arn();
    on(
        &user,
        "iam",
        "CreateUser DeleteUser UpdateUser TagUser UntagUser CreateAccessKey UpdateAccessKey DeleteAccessKey
         CreateLoginProfile UpdateLoginProfile DeleteLoginProfile AttachUserPolicy DetachUserPolicy PutUserPolicy
         DeleteUserPolicy PutUserPermissionsBoundary DeleteUserPermissionsBoundary AddUserToGroup EnableMFADevice
         DeactivateMFADevice UploadSSHPublicKey UploadSigningCertificate CreateServiceSpecificCredential",
    );
    for what in ["access", "boundary", "roles"] {
        let policy = format!(
            "{account}:policy/homeroom/{}/{}-{what}",
            own.class, own.username
        );
        on(
            &policy,
            "iam",
            "CreatePolicy CreatePolicyVersion SetDefaultPolicyVersion DeletePolicyVersion DeletePolicy TagPolicy",
        );
    }
    for what in ["worker", "trigger", "workflow"] {
        let role = own.role_arn(what);
        on(
            &role,
            "iam",
            "CreateRole DeleteRole UpdateRole UpdateAssumeRolePolicy AttachRolePolicy DetachRolePolicy PutRolePolicy
             DeleteRolePolicy PutRolePermissionsBoundary DeleteRolePermissionsBoundary TagRole PassRole",
        );
        on(&role, "sts", "AssumeRole TagSession SetSourceIdentity");
    }
    on(
        &format!("{account}:group/g"),
        "iam",
        "CreateGroup AddUserToGroup PutGroupPolicy AttachGroupPolicy",
    );
    on(
        &format!("{account}:role/aws-service-role/x"),
        "iam",
        "CreateServiceLinkedRole",
    );
    on(
        &format!("{account}:root"),
        "iam",
        "CreateAccountAlias DeleteAccountPasswordPolicy ListUsers ListRoles",
    );
    on(
        &format!("{account}:root"),
        "sts",
        "GetFederationToken AssumeRoleWithSAML",
    );
    on(
        &format!("{account}:root"),
        "organizations",
        "LeaveOrganization",
    );
    for function in own.functions() {
        on(
            &function,
            "lambda",
            "AddPermission RemovePermission CreateFunction DeleteFunction TagResource UntagResource PublishVersion
             CreateAlias UpdateAlias CreateFunctionUrlConfig UpdateFunctionUrlConfig InvokeFunctionUrl
             PutFunctionConcurrency DeleteFunctionConcurrency PutProvisionedConcurrencyConfig
             PutFunctionEventInvokeConfig PutFunctionRecursionConfig PutRuntimeManagementConfig
             PutFunctionCodeSigningConfig CreateEventSourceMapping",
        );
    }
    let lambda = format!("arn:aws:lambda:{}:{}", own.scope.region, own.scope.account);
    on(
        &format!("{lambda}:layer:shared:1"),
        "lambda",
        "GetLayerVersion PublishLayerVersion AddLayerVersionPermission DeleteLayerVersion",
    );
    on(
        &format!("{lambda}:function:new-one"),
        "lambda",
        "CreateFunction InvokeFunction",
    );
    on(
        &own.machine(),
        "states",
        "CreateStateMachine DeleteStateMachine TagResource UntagResource PublishStateMachineVersion
         CreateStateMachineAlias StartSyncExecution TestState RevealSecrets InvokeHTTPEndpoint",
    );
    on(
        &own.execution(),
        "states",
        "RedriveExecution SendTaskSuccess",
    );
    let states = format!("arn:aws:states:{}:{}", own.scope.region, own.scope.account);
    on(
        &format!("{states}:stateMachine:new-one"),
        "states",
        "CreateStateMachine StartExecution UpdateStateMachine",
    );
    let api = own.api();
    for below in [
        "",
        "/resources",
        "/resources/x",
        "/resources/x/methods/POST",
        "/resources/x/methods/POST/integration",
        "/stages/prod",
        "/deployments",
        "/routes",
        "/routes/x",
        "/integrations/x",
        "/stages/$default",
        "/cors",
    ] {
        on(
            &format!("{api}{below}"),
            "apigateway",
            "PUT PATCH DELETE UpdateRestApiPolicy TagResource",
        );
    }
    // Of POST, only a method's test may pass.
    for below in [
        "",
        "/resources",
        "/resources/x",
        "/stages",
        "/deployments",
        "/authorizers",
        "/routes",
        "/routes/x",
        "/integrations",
    ] {
        on(&format!("{api}{below}"), "apigateway", "POST");
    }
    let gateway = format!("arn:aws:apigateway:{}::", own.scope.region);
    for path in [
        "/restapis",
        "/apis",
        "/apikeys",
        "/usageplans",
        "/account",
        "/domainnames",
        "/tags/x",
    ] {
        on(
            &format!("{gateway}{path}"),
            "apigateway",
            "POST PUT PATCH DELETE",
        );
    }
    on(&format!("{gateway}/apikeys"), "apigateway", "GET");
    on(&format!("{gateway}/account"), "apigateway", "GET");
    for group in own.log_groups() {
        for arn in [format!("{group}:*"), group] {
            on(
                &arn,
                "logs",
                "CreateLogGroup DeleteLogGroup DeleteLogStream PutRetentionPolicy DeleteRetentionPolicy
                 PutSubscriptionFilter PutMetricFilter PutResourcePolicy CreateExportTask TagResource TagLogGroup
                 AssociateKmsKey PutDataProtectionPolicy Unmask",
            );
        }
    }
    let elsewhere = format!("{}:{}", own.scope.region, own.scope.account);
    for (service, resource, actions) in [
        (
            "cloudwatch",
            "alarm:x",
            "PutMetricData DeleteAlarms PutMetricAlarm PutDashboard",
        ),
        (
            "cloudtrail",
            "trail/x",
            "StopLogging DeleteTrail LookupEvents",
        ),
        ("s3", "x", "GetObject PutObject ListBucket CreateBucket"),
        ("secretsmanager", "secret:x", "GetSecretValue"),
        ("ssm", "parameter/x", "GetParameter SendCommand"),
        ("kms", "key/x", "Decrypt CreateGrant"),
        ("ec2", "instance/x", "RunInstances"),
        ("cloudformation", "stack/x", "CreateStack"),
        ("tag", "x", "TagResources GetResources"),
    ] {
        on(
            &format!("arn:aws:{service}:{elsewhere}:{resource}"),
            service,
            actions,
        );
    }
    asks
}
