//! The function's resource policy, as it stands after a deployment: it lets in the student's own API, for the one
//! method and path, and nobody else.

use homeroom::aws::pacing::{Overrides, Pace};
use homeroom::aws::stop::Stop;
use homeroom::lab::bundle;
use homeroom::stack::execute::execute;
use homeroom::stack::observe::{Depth, observe};
use homeroom::stack::plan::deploy;
use tokio::sync::mpsc;

use crate::policies::class;
use crate::policies::engine::{Ask, lets_caller_in, lets_service_in};
use strict_aws::{ACCOUNT, REGION, StrictAws};

const GATEWAY: &str = "apigateway.amazonaws.com";

#[tokio::test(start_paused = true)]
async fn each_trigger_function_lets_its_own_api_in_and_nobody_else() {
    let aws = StrictAws::new();
    let scope = homeroom::ids::Scope {
        account: ACCOUNT.into(),
        region: REGION.into(),
        ..class::scope()
    };
    let students = ["user1", "user10", "user1_b"].map(class::student);
    let lab = bundle::load(None).unwrap();
    let desired = lab
        .desired(&scope, &"spring".parse().unwrap(), &students)
        .unwrap();
    let (sender, _events) = mpsc::unbounded_channel();
    let (pace, overrides) = (Pace::Unlimited, Overrides::new());
    let client = aws
        .cloud()
        .await
        .in_run(pace, overrides, Stop::new(), sender);
    let observed = observe(&client, &desired, &Depth::Deploy).await.unwrap();
    execute(
        &client,
        &deploy::plan(&desired, &observed, false),
        |_, _| None,
    )
    .await;

    let cloud = &client;
    let apis = cloud.rest_apis_page(None).await.unwrap().items;
    assert_eq!(apis.len(), students.len());
    for stack in &desired.stacks {
        let trigger = &stack.apis[0].routes[0].function;
        let policy = cloud.get_policy(trigger).await.unwrap();
        let invoke = |source: &str| {
            Ask::new("lambda:InvokeFunction", &scope.function_arn(trigger))
                .with("aws:SourceArn", source)
        };
        let may = |source: &str| lets_service_in(&policy, GATEWAY, &invoke(source));
        for (api, _) in &apis {
            let from = scope.execute_api_arn(&api.id);
            let own = api.name == stack.apis[0].name;
            let route = format!("{from}/prod/POST/process");
            assert_eq!(may(&route), own, "{} to {trigger}", api.name);
            for other in ["prod/GET/process", "prod/POST/other", "prod/POST/process/x"] {
                assert!(!may(&format!("{from}/{other}")), "{other} of {}", api.name);
            }
            let account = route.replace(ACCOUNT, "210987654321");
            assert!(!may(&account), "{account}");
            let ask = invoke(&route);
            for service in ["lambda.amazonaws.com", "states.amazonaws.com"] {
                assert!(!lets_service_in(&policy, service, &ask), "{service}");
            }
            for neighbour in &students {
                let user = scope.user_arn(&desired.class, neighbour.username.as_str());
                assert!(!lets_caller_in(&policy, &user, &ask), "{user}");
            }
        }
        // Of the three functions, only this one has such a policy.
        for function in stack.functions.iter().filter(|f| f.name != *trigger) {
            let policy = cloud.get_policy(&function.name).await.unwrap();
            assert!(policy.is_null(), "{}: {policy}", function.name);
        }
    }
}
