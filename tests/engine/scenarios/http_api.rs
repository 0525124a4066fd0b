//! A class whose API is an HTTP API: whatever happens, there is one of it or none.

use homeroom::aws::ApiRequest;
use homeroom::stack::kinds::api::{ApiType, Authorization, RouteSpec};
use homeroom::stack::kinds::http_api::STAGE;
use homeroom::stack::plan::{Item, reset};
use serde_json::{Value, json};

use super::*;

const API: &str = "user1-workflow-api";

impl Class {
    /// The class with an HTTP API in the place of every REST API.
    fn http(names: &[&str]) -> Self {
        let mut class = Self::of(names);
        for api in class
            .desired
            .stacks
            .iter_mut()
            .flat_map(|stack| &mut stack.apis)
        {
            api.api_type = ApiType::Http;
            api.stage = STAGE.to_owned();
        }
        class
    }

    /// The same, called by signed requests alone.
    fn signed_http(names: &[&str]) -> Self {
        let mut class = Self::http(names);
        for stack in &mut class.desired.stacks {
            stack.apis[0].authorization = Authorization::AwsIam;
        }
        class
    }
}

async fn look(aws: &StrictAws, class: &Class, reset: bool) -> (Plan, Observed) {
    let (client, _run) = start(aws, class).await;
    let observed = observe(&client, &class.desired, &Depth::Deploy)
        .await
        .unwrap();
    (deploy::plan(&class.desired, &observed, reset), observed)
}

fn item(plan: &Plan) -> Item {
    let mut items = plan.students[0].items.iter();
    items
        .find(|item| item.resource.kind == Kind::HttpApi)
        .unwrap()
        .clone()
}

/// What the class's first API answers to a post.
async fn post(aws: &StrictAws, path: &str, authorization: Authorization) -> (u16, String) {
    let cloud = aws.cloud().await;
    let id = cloud.http_apis_page(None).await.unwrap().items[0]
        .0
        .id
        .clone();
    let answer = cloud.invoke_api(ApiRequest {
        api_id: &id,
        stage: STAGE,
        method: "POST",
        path,
        body: r#"{"userId": "user1", "dataType": "sales_data"}"#,
        authorization,
        agent: "curl/8",
    });
    let answer = answer.await.unwrap();
    (answer.status, answer.body)
}

#[tokio::test(start_paused = true)]
async fn an_http_api_is_four_calls_and_a_second_plan_is_empty() {
    let aws = StrictAws::new();
    let class = Class::http(&["user1", "user2", "user3"]);
    assert_all_well(&deploy_class(&aws, &class).await);
    assert_eq!(aws.snapshot(), everything_once(&class));
    let calls = aws.calls();
    let of_api = |c: &&strict_aws::Call| c.operation.starts_with("apigateway");
    let mut changes: Vec<&str> = calls
        .iter()
        .filter(of_api)
        .map(|c| c.operation.as_str())
        .collect();
    changes.retain(|operation| *operation != "apigatewayv2:GetApis");
    changes.sort_unstable();
    // The stage is made whole: none is changed afterwards, as AWS might refuse.
    let parts = [
        "CreateApi",
        "CreateIntegration",
        "CreateRoute",
        "CreateStage",
    ];
    let wanted = parts.map(|part| vec![format!("apigatewayv2:{part}"); 3]);
    assert_eq!(changes, wanted.concat());
    assert_eq!(plan_class(&aws, &class).await.steps(), 0);
    assert_eq!(post(&aws, "/process", Authorization::None).await.0, 202);
    let (status, body) = post(&aws, "/proces", Authorization::None).await;
    assert_eq!((status, body.as_str()), (404, r#"{"message":"Not Found"}"#));
}

#[tokio::test(start_paused = true)]
async fn an_http_api_has_the_labs_throttle_and_asks_for_the_labs_signature() {
    let aws = StrictAws::new();
    let class = Class::signed_http(&["user1"]);
    assert_all_well(&deploy_class(&aws, &class).await);
    assert_eq!(plan_class(&aws, &class).await.steps(), 0);
    assert_eq!(post(&aws, "/process", Authorization::None).await.0, 403);
    let burst = class.desired.stacks[0].apis[0].throttle.unwrap().burst;
    for _ in 0..burst {
        assert_eq!(post(&aws, "/process", Authorization::AwsIam).await.0, 202);
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_answers_before_an_http_api_has_its_throttle() {
    let aws = StrictAws::new();
    let class = Class::http(&["user1"]);
    aws.inject(Rule::on("apigatewayv2:CreateStage").fault(Fault::AccessDenied));
    deploy_class(&aws, &class).await;
    assert_eq!(post(&aws, "/process", Authorization::None).await.0, 404);
}

#[tokio::test(start_paused = true)]
async fn the_function_gets_the_format_that_its_integration_names() {
    let aws = StrictAws::new();
    let class = Class::http(&["user1"]);
    assert_all_well(&deploy_class(&aws, &class).await);
    let function = &class.desired.stacks[0].apis[0].routes[0].function;
    assert_eq!(post(&aws, "/process", Authorization::None).await.0, 202);
    let event = aws.event_of(function);
    assert_eq!(
        (&event["version"], &event["rawPath"]),
        (&json!("2.0"), &json!("/process"))
    );
    aws.set_of_http_api(API, "integrations", "payloadFormatVersion", json!("1.0"));
    assert_eq!(post(&aws, "/process", Authorization::None).await.0, 202);
    let event = aws.event_of(function);
    assert_eq!(
        (&event["version"], &event["httpMethod"]),
        (&json!("1.0"), &json!("POST"))
    );
}

#[tokio::test(start_paused = true)]
async fn a_lab_that_changes_who_may_call_reaches_http_apis_that_are_there() {
    let aws = StrictAws::new();
    assert_all_well(&deploy_class(&aws, &Class::http(&["user1"])).await);
    let signed = Class::signed_http(&["user1"]);
    let plan = plan_class(&aws, &signed).await;
    assert_eq!((plan.steps(), item(&plan).verdict), (1, Verdict::Update));
    assert_all_well(&deploy_class(&aws, &signed).await);
    assert_eq!(post(&aws, "/process", Authorization::None).await.0, 403);
    assert_eq!(plan_class(&aws, &signed).await.steps(), 0);
    // And back.
    let class = Class::http(&["user1"]);
    assert_all_well(&deploy_class(&aws, &class).await);
    assert_eq!(post(&aws, "/process", Authorization::None).await.0, 202);
    assert_eq!(plan_class(&aws, &class).await.steps(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_http_api_of_several_routes_is_whole_and_loses_those_that_go() {
    let aws = StrictAws::new();
    let mut class = Class::http(&["user1"]);
    let stack = &mut class.desired.stacks[0];
    let other = stack.functions[0].name.clone();
    let routes = &mut stack.apis[0].routes;
    let first = routes[0].clone();
    routes.push(RouteSpec::new("GET", "/status", &other));
    routes.push(RouteSpec::new("GET", "/process", &first.function));
    assert_all_well(&deploy_class(&aws, &class).await);
    let made = ["CreateRoute", "CreateIntegration"];
    let made = made.map(|part| aws.count(&format!("apigatewayv2:{part}")));
    assert_eq!(made, [3, 2], "two of the routes share a function");
    assert_eq!(plan_class(&aws, &class).await.steps(), 0);
    assert_eq!(post(&aws, "/process", Authorization::None).await.0, 202);
    // The lab loses one of them.
    class.desired.stacks[0].apis[0].routes.truncate(1);
    assert_all_well(&deploy_class(&aws, &class).await);
    assert_eq!(aws.count("apigatewayv2:DeleteRoute"), 2);
    assert_eq!(plan_class(&aws, &class).await.steps(), 0);
}

#[tokio::test(start_paused = true)]
async fn whatever_a_student_sets_of_an_http_api_is_shown_kept_and_reset() {
    let changes: [(&str, &str, Value, &str); 9] = [
        (
            "integrations",
            "integrationUri",
            json!("arn:aws:lambda:us-east-1:1:function:g"),
            "route",
        ),
        (
            "integrations",
            "payloadFormatVersion",
            json!("1.0"),
            "route",
        ),
        ("integrations", "timeoutInMillis", json!(50), "route"),
        ("routes", "authorizationType", json!("AWS_IAM"), "route"),
        ("stages", "autoDeploy", json!(false), "automatic deployment"),
        (
            "stages",
            "defaultRouteSettings",
            json!({"throttlingRateLimit": 0.0, "throttlingBurstLimit": 0}),
            "throttle",
        ),
        (
            "stages",
            "routeSettings",
            json!({"POST /process": {"throttlingRateLimit": 1.0, "throttlingBurstLimit": 1}}),
            "throttle of POST /process",
        ),
        (
            "api",
            "corsConfiguration",
            json!({"allowOrigins": ["*"]}),
            "CORS",
        ),
        ("api", "disableExecuteApiEndpoint", json!(true), "address"),
    ];
    for (part, key, value, named) in changes {
        let aws = StrictAws::new();
        let class = Class::http(&["user1"]);
        assert_all_well(&deploy_class(&aws, &class).await);
        aws.set_of_http_api(API, part, key, value);
        let (plan, observed) = look(&aws, &class, false).await;
        let kept = item(&plan);
        assert_eq!((plan.steps(), kept.verdict), (0, Verdict::Keep), "{key}");
        assert!(kept.why.contains(named), "{key}: {}", kept.why);
        let scope = &class.desired.scope;
        let shown = reset::changes(scope, &class.desired.stacks[0], &observed);
        assert_eq!(shown.len(), 1, "{key}");
        assert!(!shown[0].diff.is_empty(), "{key}");

        let (plan, _) = look(&aws, &class, true).await;
        assert_eq!(item(&plan).verdict, Verdict::Update, "{key}");
        let (client, _run) = start(&aws, &class).await;
        assert_all_well(&execute(&client, &plan, |_, _| None).await);
        let (plan, _) = look(&aws, &class, false).await;
        assert_eq!(
            (plan.steps(), item(&plan).verdict),
            (0, Verdict::NoChange),
            "{key}"
        );
        assert_eq!(
            post(&aws, "/process", Authorization::None).await.0,
            202,
            "{key}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_students_own_route_stays_when_the_function_behind_comes_back() {
    let aws = StrictAws::new();
    let class = Class::http(&["user1"]);
    assert_all_well(&deploy_class(&aws, &class).await);
    aws.set_of_http_api(
        API,
        "api",
        "corsConfiguration",
        json!({"allowOrigins": ["*"]}),
    );
    let function = class.desired.stacks[0].apis[0].routes[0].function.clone();
    aws.backdoor()
        .await
        .delete_function(&function)
        .await
        .unwrap();
    let plan = plan_class(&aws, &class).await;
    assert_eq!(item(&plan).verdict, Verdict::Update);
    assert!(item(&plan).why.contains("CORS"), "{}", item(&plan).why);
    assert_all_well(&deploy_class(&aws, &class).await);
    let (plan, _) = look(&aws, &class, false).await;
    assert_eq!((plan.steps(), item(&plan).verdict), (0, Verdict::Keep));
    assert_eq!(post(&aws, "/process", Authorization::None).await.0, 202);
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_or_a_kill_at_any_call_leaves_one_http_api() {
    for class in [Class::http(&["user1"]), Class::signed_http(&["user1"])] {
        for fault in [Fault::Reset, Fault::LoseAnswer] {
            let mut number = 1;
            loop {
                let aws = StrictAws::new();
                aws.inject(Rule::nth(number).fault(fault.clone()));
                assert_all_well(&deploy_class(&aws, &class).await);
                assert_eq!(
                    aws.snapshot(),
                    everything_once(&class),
                    "{fault:?} of call {number}"
                );
                if aws.calls().len() < number as usize {
                    break;
                }
                assert_eq!(
                    plan_class(&aws, &class).await.steps(),
                    0,
                    "{fault:?} of call {number}"
                );
                number += 1;
            }
            assert!(number > 25, "{fault:?}: {number} calls were lost only");
        }
        let mut at = 1;
        loop {
            let aws = StrictAws::new();
            aws.kill_after(at);
            let ended = tokio::select! {
                _ = deploy_class(&aws, &class) => true,
                () = aws.killed() => false,
            };
            aws.revive();
            assert_all_well(&deploy_class(&aws, &class).await);
            assert_eq!(
                aws.snapshot(),
                everything_once(&class),
                "killed at call {at}"
            );
            assert_eq!(
                plan_class(&aws, &class).await.steps(),
                0,
                "killed at call {at}"
            );
            assert_eq!(
                post(&aws, "/process", Authorization::AwsIam).await.0,
                202,
                "{at}"
            );
            if ended {
                break;
            }
            at += 1;
        }
        assert!(at > 25, "{at} calls were cut off only");
    }
}

#[tokio::test(start_paused = true)]
async fn a_reset_that_is_killed_is_never_taken_for_the_students_change() {
    let class = Class::http(&["user1"]);
    let mut number = 1;
    loop {
        let aws = StrictAws::new();
        assert_all_well(&deploy_class(&aws, &class).await);
        let uri = json!("arn:aws:lambda:us-east-1:1:function:g");
        aws.set_of_http_api(API, "integrations", "integrationUri", uri);
        aws.set_of_http_api(
            API,
            "api",
            "corsConfiguration",
            json!({"allowOrigins": ["*"]}),
        );
        let (plan, _) = look(&aws, &class, true).await;
        aws.kill_after(number);
        let (client, _run) = start(&aws, &class).await;
        let ended = tokio::select! {
            _ = execute(&client, &plan, |_, _| None) => true,
            () = aws.killed() => false,
        };
        aws.revive();
        // Before the first change it is the student's still; from then on the next deployment completes it.
        deploy_class(&aws, &class).await;
        let (plan, _) = look(&aws, &class, false).await;
        let verdict = item(&plan).verdict;
        assert_eq!(plan.steps(), 0, "killed at call {number}");
        assert!(
            verdict == Verdict::NoChange || (verdict == Verdict::Keep && !ended),
            "{verdict:?} after a kill at call {number}"
        );
        if ended {
            break;
        }
        number += 1;
    }
    assert!(number > 8, "{number} calls were cut off only");
}

#[tokio::test(start_paused = true)]
async fn of_two_http_apis_of_ours_one_stays_and_foreign_ones_are_left() {
    let aws = StrictAws::new();
    let class = Class::http(&["user1"]);
    assert_all_well(&deploy_class(&aws, &class).await);
    let cloud = aws.backdoor().await;
    let (_, tags) = cloud.http_apis_page(None).await.unwrap().items.remove(0);
    cloud.create_http_api(API, &tags).await.unwrap();
    cloud
        .create_http_api("user11-workflow-api", &Tags::new())
        .await
        .unwrap();
    let theirs = aws.state_of("user11");
    let plan = plan_class(&aws, &class).await;
    assert_eq!(item(&plan).verdict, Verdict::Update);
    assert_all_well(&deploy_class(&aws, &class).await);
    assert_eq!(plan_class(&aws, &class).await.steps(), 0);
    let left = tear_down_class(&aws, &class).await;
    assert_eq!(left.plan.steps(), 0);
    assert_eq!(
        aws.snapshot(),
        [(Kind::HttpApi, "user11-workflow-api".to_owned())]
    );
    assert_eq!(aws.state_of("user11"), theirs);
}

#[tokio::test(start_paused = true)]
async fn an_http_api_of_somebody_elses_with_our_name_is_a_conflict() {
    let aws = StrictAws::new();
    let cloud = aws.backdoor().await;
    cloud.create_http_api(API, &Tags::new()).await.unwrap();
    let class = Class::http(&["user1"]);
    let plan = plan_class(&aws, &class).await;
    assert_eq!(item(&plan).verdict, Verdict::Conflict);
    assert!(plan.students[0].is_blocked());
}

#[tokio::test(start_paused = true)]
async fn a_teardown_of_http_apis_survives_the_loss_of_any_call() {
    let class = Class::http(&["user1"]);
    for fault in [Fault::Reset, Fault::LoseAnswer] {
        let mut number = 1;
        loop {
            let aws = StrictAws::new();
            deploy_class(&aws, &class).await;
            let before = aws.calls().len() as u64;
            aws.inject(Rule::nth(before + number).fault(fault.clone()));
            let left = tear_down_class(&aws, &class).await;
            let seen = (left.plan.steps(), left.plan.gaps.len(), aws.snapshot());
            assert_eq!(seen, (0, 0, vec![]), "{fault:?} of call {number}");
            if (aws.calls().len() as u64) < before + number {
                break;
            }
            number += 1;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_calls_foretold_for_http_apis_are_the_calls_that_are_made() {
    for class in [
        Class::http(&["user1", "user2"]),
        Class::signed_http(&["user1"]),
    ] {
        let aws = StrictAws::new();
        let of_api = |calls: BTreeMap<String, usize>| {
            let calls = calls.into_iter();
            let mut calls: BTreeMap<String, usize> = calls
                .filter(|(name, _)| name.starts_with("apigateway"))
                .collect();
            calls.remove("apigatewayv2:GetApis");
            calls.remove("apigateway:GetRestApis");
            calls
        };
        let made = |aws: &StrictAws| {
            let mut made = BTreeMap::new();
            for call in aws.calls() {
                *made.entry(call.operation).or_default() += 1;
            }
            of_api(made)
        };
        let foretold = |work: Workload| {
            let calls = work.calls.iter();
            of_api(calls.map(|(op, n)| (op.to_string(), *n)).collect())
        };
        let work = Workload::of(&plan_class(&aws, &class).await);
        aws.clear_calls();
        deploy_class(&aws, &class).await;
        assert_eq!(made(&aws), foretold(work));
        aws.clear_calls();
        tear_down_class(&aws, &class).await;
        assert_eq!(made(&aws), foretold(Workload::of_teardown(&class.desired)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_class_of_http_apis_goes_as_fast_as_its_scarcest_quota() {
    let aws = StrictAws::with_quotas();
    // More students than state machines can be made and deleted at once.
    let names: Vec<String> = (1..=150).map(|i| format!("user{i}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut class = Class::http(&names);
    class.pace = Pace::Scaled(1.0);
    let estimate = |work: Workload| work.estimate(&Pacer::new(class.pace, &Overrides::new()));

    let close = |told: Option<u64>, took: u64| {
        let told = told.unwrap();
        let off = told as f64 / took as f64 - 1.0;
        assert!(off.abs() < 0.1, "{told} s foretold, {took} s");
    };
    let foretold = estimate(Workload::of(&plan_class(&aws, &class).await));
    let began = Instant::now();
    assert_all_well(&deploy_class(&aws, &class).await);
    let deployed = began.elapsed().as_secs();
    close(foretold.seconds, deployed);
    let bound = foretold.bound.unwrap().seconds;
    // A role is assumable after 30 s at the latest; then the last student's tail.
    assert!(
        (bound..=bound + 40).contains(&deployed),
        "deploy: {deployed} s of {bound}"
    );
    // The scarcest call is hardly ever refused: functions find out when the roles can be assumed.
    let machines = aws.count("states:CreateStateMachine");
    assert!((150..=165).contains(&machines), "{machines}");

    let foretold = estimate(Workload::of_teardown(&class.desired));
    let began = Instant::now();
    tear_down_class(&aws, &class).await;
    let removed = began.elapsed().as_secs();
    let bound = foretold.bound.unwrap().seconds;
    assert!(
        (bound..=bound + 30).contains(&removed),
        "teardown: {removed} s of {bound}"
    );
    close(foretold.seconds, removed);
    assert_eq!(aws.throttled(), []);
    assert_eq!(aws.snapshot(), []);
}
