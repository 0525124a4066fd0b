//! What `homeroom doctor --policy` prints, as a policy engine sees it: it allows every call of a class day, and nothing of
//! others. Which action on which ARN AWS checks for a call stands here a second time, so that a mistake in `src/aws/rights.rs`
//! shows.

use std::collections::BTreeSet;

use homeroom::doctor::policy::policies;
use homeroom::ids::Scope;
use homeroom::lab::Lab;
use homeroom::lab::bundle;
use serde_json::{Value, json};
use strict_aws::{ACCOUNT, Call, REGION};

use super::class::grants;
use super::engine::{Ask, Holder};

fn scope() -> Scope {
    Scope {
        partition: "aws".into(),
        account: ACCOUNT.into(),
        region: REGION.into(),
    }
}

fn instructor(lab: &Lab) -> (Value, Holder) {
    let policies = policies(lab, &scope());
    let [policy] = &policies[..] else {
        panic!("{} policies", policies.len());
    };
    let arn = format!("arn:aws:iam::{ACCOUNT}:user/teacher");
    (policy.clone(), Holder::new(&arn, &[policy], policy))
}

/// Fails for each call of a class `demo` that the policy does not allow. Answers the operations that were asked about.
pub(crate) fn assert_allowed(lab: &Lab, calls: &[Call]) -> BTreeSet<String> {
    assert_may(&instructor(lab).1, calls)
}

/// The same for a holder of the policies of several labs, and of one more.
pub(crate) fn assert_allowed_by_all(labs: &[&Lab], more: &Value, calls: &[Call]) {
    let of_labs = labs.iter().map(|lab| instructor(lab).0);
    let all: Vec<Value> = of_labs.chain([more.clone()]).collect();
    let arn = format!("arn:aws:iam::{ACCOUNT}:user/sweeper");
    let unbounded = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "*", "Resource": "*"}]});
    assert_may(
        &Holder::new(&arn, &all.iter().collect::<Vec<_>>(), &unbounded),
        calls,
    );
}

fn assert_may(holder: &Holder, calls: &[Call]) -> BTreeSet<String> {
    let mut asked = BTreeSet::new();
    let mut denied = BTreeSet::new();
    for call in calls {
        for ask in asks(call) {
            asked.insert(call.operation.clone());
            if !holder.may(&ask) {
                denied.insert(format!(
                    "{}: {} {}",
                    call.operation, ask.action, ask.resource
                ));
            }
        }
    }
    assert_eq!(denied, BTreeSet::new());
    asked
}

/// What AWS checks for a call.
fn asks(call: &Call) -> Vec<Ask> {
    let (service, name) = call.operation.split_once(':').unwrap();
    let resource = call.resource.as_str();
    let itself = |arn: &str| Ask::new(&call.operation, arn);
    let iam = |what: &str| format!("arn:aws:iam::{ACCOUNT}:{what}");
    let below = |what: &str| iam(&format!("{what}/homeroom/demo/{resource}"));
    let regional =
        |service: &str, what: &str| format!("arn:aws:{service}:{REGION}:{ACCOUNT}:{what}");
    let pass = |service: &str| {
        let role = iam("role/homeroom/demo/user1-worker-role");
        Ask::new("iam:PassRole", &role).with("iam:PassedToService", service)
    };
    let any = || itself(&format!("arn:aws:{service}:{REGION}:{ACCOUNT}:anything"));
    match service {
        "sts" | "s3" | "execute-api" => Vec::new(),
        "iam" => vec![match name {
            "ListAccountAliases"
            | "GetAccountSummary"
            | "GetAccountAuthorizationDetails"
            | "GetAccountPasswordPolicy" => any(),
            "DeleteVirtualMFADevice" => itself(resource),
            "RemoveUserFromGroup" => itself(&iam("group/students")),
            "CreatePolicy" => itself(&below("policy")),
            "CreatePolicyVersion" | "DeletePolicyVersion" | "DeletePolicy" => itself(resource),
            "CreateRole" => {
                return vec![
                    itself(&below("role")),
                    Ask::new("iam:TagRole", &below("role")),
                ];
            }
            "CreateUser" => {
                return vec![
                    itself(&below("user")),
                    Ask::new("iam:TagUser", &below("user")),
                ];
            }
            name if name.contains("Role") || name == "UpdateAssumeRolePolicy" => {
                itself(&below("role"))
            }
            _ => itself(&below("user")),
        }],
        "lambda" => {
            let arn = match resource.starts_with("arn:") {
                true => resource.to_owned(),
                false => regional("lambda", &format!("function:{resource}")),
            };
            let more = |actions: &[&str]| {
                actions
                    .iter()
                    .map(|it| Ask::new(it, &arn))
                    .collect::<Vec<_>>()
            };
            match name {
                "GetAccountSettings" | "ListFunctions" => vec![any()],
                "GetFunction" => more(&["lambda:GetFunction", "lambda:ListTags"]),
                "CreateFunction" => {
                    let mut asks = more(&["lambda:CreateFunction", "lambda:TagResource"]);
                    asks.push(pass("lambda.amazonaws.com"));
                    asks
                }
                "UpdateFunctionConfiguration" => vec![itself(&arn), pass("lambda.amazonaws.com")],
                _ => vec![itself(&arn)],
            }
        }
        "states" => {
            let arn = match resource.starts_with("arn:") {
                true => resource.to_owned(),
                false => regional("states", &format!("stateMachine:{resource}")),
            };
            match name {
                "ListStateMachines" => vec![any()],
                "CreateStateMachine" => vec![
                    itself(&arn),
                    Ask::new("states:TagResource", &arn),
                    pass("states.amazonaws.com"),
                ],
                "UpdateStateMachine" => vec![itself(&arn), pass("states.amazonaws.com")],
                // The request names the machine beside the execution's own name.
                "StartExecution" => {
                    let machine = regional("states", "stateMachine:user1-simple-workflow");
                    vec![itself(&machine)]
                }
                _ => vec![itself(&arn)],
            }
        }
        "logs" => {
            let arn = match resource.starts_with("arn:") {
                true => resource.to_owned(),
                false => regional("logs", &format!("log-group:{resource}")),
            };
            match name {
                "DescribeLogGroups" => vec![any()],
                "TagResource" | "ListTagsForResource" => vec![itself(&arn)],
                "CreateLogGroup" => vec![
                    itself(&format!("{arn}:*")),
                    Ask::new("logs:TagResource", &arn),
                ],
                _ => vec![itself(&format!("{arn}:*")), itself(&arn)],
            }
        }
        "apigateway" => {
            let path = |path: &str| format!("arn:aws:apigateway:{REGION}::{path}");
            let of_api = |below: &str| path(&format!("/restapis/{resource}{below}"));
            let tags = path(&format!(
                "/tags/arn%3Aaws%3Aapigateway%3A{REGION}%3A%3A%2Frestapis%2F{resource}"
            ));
            let ask = |method: &str, arn: String| Ask::new(&format!("apigateway:{method}"), &arn);
            match name {
                "GetRestApis" => vec![ask("GET", path("/restapis"))],
                "CreateRestApi" => vec![ask("POST", path("/restapis")), ask("PUT", tags)],
                "DeleteRestApi" => vec![ask("DELETE", of_api(""))],
                "GetResources" => vec![ask("GET", of_api("/resources"))],
                "CreateResource" => vec![ask("POST", of_api("/resources/root1"))],
                "PutMethod" => vec![ask("PUT", of_api("/resources/r1/methods/POST"))],
                "UpdateMethod" => vec![ask("PATCH", of_api("/resources/r1/methods/POST"))],
                "PutIntegration" => {
                    vec![ask("PUT", of_api("/resources/r1/methods/POST/integration"))]
                }
                "CreateDeployment" => vec![ask("POST", of_api("/deployments"))],
                "GetStages" => vec![ask("GET", of_api("/stages"))],
                "UpdateStage" => vec![ask("PATCH", of_api("/stages/prod"))],
                "DeleteStage" => vec![ask("DELETE", of_api("/stages/prod"))],
                "TagResource" => vec![ask("PUT", tags), ask("PATCH", of_api(""))],
                other => panic!("apigateway:{other}"),
            }
        }
        "apigatewayv2" => {
            let path = |path: &str| format!("arn:aws:apigateway:{REGION}::{path}");
            let of_api = |below: &str| path(&format!("/apis/{resource}{below}"));
            let tags = path(&format!(
                "/tags/arn%3Aaws%3Aapigateway%3A{REGION}%3A%3A%2Fapis%2F{resource}"
            ));
            let ask = |method: &str, arn: String| Ask::new(&format!("apigateway:{method}"), &arn);
            match name {
                "GetApis" => vec![ask("GET", path("/apis"))],
                "CreateApi" => vec![ask("POST", path("/apis")), ask("POST", tags)],
                "UpdateApi" => vec![ask("PATCH", of_api(""))],
                "DeleteApi" => vec![ask("DELETE", of_api(""))],
                "GetRoutes" => vec![ask("GET", of_api("/routes"))],
                "GetIntegrations" => vec![ask("GET", of_api("/integrations"))],
                "GetStages" => vec![ask("GET", of_api("/stages"))],
                "CreateRoute" => vec![ask("POST", of_api("/routes"))],
                "CreateIntegration" => vec![ask("POST", of_api("/integrations"))],
                "CreateStage" => vec![ask("POST", of_api("/stages"))],
                "UpdateRoute" => vec![ask("PATCH", of_api("/routes/r1"))],
                "UpdateStage" => vec![ask("PATCH", of_api("/stages/$default"))],
                "DeleteRoute" => vec![ask("DELETE", of_api("/routes/r1"))],
                "DeleteCorsConfiguration" => vec![ask("DELETE", of_api("/cors"))],
                "DeleteRouteSettings" => {
                    vec![ask("DELETE", of_api("/stages/$default/routesettings/x"))]
                }
                "TagResource" => vec![ask("POST", tags), ask("PATCH", of_api(""))],
                other => panic!("apigatewayv2:{other}"),
            }
        }
        other => panic!("{other}"),
    }
}

/// What IAM cannot narrow, by statement. docs/security.md says what that means.
const SHARED: [&str; 7] = [
    "Account",
    "ApiList",
    "ApiTags",
    "Apis",
    "GroupsAndDevicesOfUsers",
    "NewApis",
    "Simulator",
];

#[test]
fn the_instructors_policy_reaches_nothing_that_homeroom_did_not_make() {
    let (policy, holder) = instructor(&bundle::load(None).unwrap());
    let other = [
        "arn:aws:iam::123456789012:role/user1-worker-role",
        "arn:aws:iam::123456789012:role/homeroomx/demo/user1-worker-role",
        "arn:aws:iam::123456789012:role/team/homeroom/demo/user1-worker-role",
        "arn:aws:iam::999999999999:role/homeroom/demo/user1-worker-role",
        "arn:aws:iam::123456789012:policy/user1-access",
        "arn:aws:iam::123456789012:user/teacher",
        "arn:aws:iam::123456789012:user/admins/boss",
        "arn:aws:lambda:us-east-1:123456789012:function:billing",
        "arn:aws:lambda:us-east-1:123456789012:function:user1-process-data-prod",
        "arn:aws:lambda:eu-west-1:123456789012:function:user1-process-data",
        "arn:aws:lambda:us-east-1:999999999999:function:user1-process-data",
        "arn:aws:states:us-east-1:123456789012:stateMachine:billing",
        "arn:aws:states:eu-west-1:123456789012:stateMachine:user1-simple-workflow",
        "arn:aws:states:us-east-1:123456789012:execution:billing:run",
        "arn:aws:logs:us-east-1:123456789012:log-group:/aws/lambda/billing",
        "arn:aws:logs:us-east-1:123456789012:log-group:/aws/lambda/billing:*",
        "arn:aws:logs:us-east-1:123456789012:log-group:/app/user1-process-data:*",
    ];
    let mut asked = 0;
    for statement in policy["Statement"].as_array().unwrap() {
        if SHARED.contains(&statement["Sid"].as_str().unwrap()) {
            continue;
        }
        let one = json!({"Statement": [statement]});
        let actions: BTreeSet<&str> = grants(&one).into_iter().map(|(action, _)| action).collect();
        for (action, resource) in actions.iter().flat_map(|a| other.map(|r| (*a, r))) {
            // The two that other statements allow on groups and devices are about those alone.
            assert!(
                !holder.may(&Ask::new(action, resource)),
                "{action} {resource}"
            );
            asked += 1;
        }
    }
    assert!(asked > 1000, "{asked}");
}

#[test]
fn a_role_is_passed_to_lambda_and_step_functions_alone() {
    let (_, holder) = instructor(&bundle::load(None).unwrap());
    let pass = |role: &str, service: &str| {
        let role = format!("arn:aws:iam::{ACCOUNT}:role/{role}");
        holder.may(&Ask::new("iam:PassRole", &role).with("iam:PassedToService", service))
    };
    let own = "homeroom/demo/user1-worker-role";
    assert!(pass(own, "lambda.amazonaws.com") && pass(own, "states.amazonaws.com"));
    assert!(!pass(own, "ec2.amazonaws.com"));
    assert!(!pass("admin", "lambda.amazonaws.com"));
}
