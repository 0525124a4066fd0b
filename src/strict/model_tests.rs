//! Each behaviour of the model, at exact times.

use serde_json::json;

use super::*;

const ZERO: Duration = Duration::ZERO;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// A request of the JSON or the REST protocol.
fn request(method: &str, path: &str, service: &str, target: &str, body: &Value) -> Request {
    let scope =
        format!("AWS4-HMAC-SHA256 Credential=k/20260101/us-east-1/{service}/aws4_request, x");
    Request::read(
        method,
        path,
        |name| match name {
            "authorization" => Some(&scope),
            "x-amz-target" => Some(target),
            _ => None,
        },
        body.to_string().as_bytes(),
    )
}

fn states(operation: &str, body: &Value) -> Request {
    request(
        "POST",
        "/",
        "states",
        &format!("AWSStepFunctions.{operation}"),
        body,
    )
}

fn role(operation: &str, name: &str) -> Request {
    let body = format!("Action={operation}&RoleName={name}");
    let scope = "AWS4-HMAC-SHA256 Credential=k/20260101/us-east-1/iam/aws4_request, x";
    let header = |name: &str| (name == "authorization").then_some(scope);
    Request::read("POST", "/", header, body.as_bytes())
}

fn create_function(name: &str) -> Request {
    let body = json!({"FunctionName": name, "Role": "arn:aws:iam::1:role/homeroom/demo/r"});
    request("POST", "/2015-03-31/functions", "lambda", "", &body)
}

fn function(method: &str, rest: &str) -> Request {
    let path = format!("/2015-03-31/functions/{rest}");
    request(method, &path, "lambda", "", &Value::Null)
}

fn api(method: &str, path: &str) -> Request {
    request(method, path, "apigateway", "", &Value::Null)
}

fn create_machine() -> Request {
    let body = json!({"name": "m", "roleArn": "arn:aws:iam::1:role/homeroom/demo/r"});
    states("CreateStateMachine", &body)
}

fn about_machine(operation: &str) -> Request {
    let arn = "arn:aws:states:us-east-1:1:stateMachine:m";
    states(operation, &json!({ "stateMachineArn": arn }))
}

fn model() -> Model {
    let mut options = Options::default();
    options.timings.role_propagation = Spread::exactly(ms(9_000));
    Model::new(options)
}

/// What refuses the request, or nothing.
fn refused(model: &mut Model, now: Duration, request: &Request) -> Option<String> {
    let admission = model.arrive(now, request);
    if let Some(thing) = &admission.writes {
        model.release(thing);
    }
    match admission.verdict {
        Verdict::Refuse(refusal) => Some(refusal.code),
        Verdict::Pass | Verdict::Later(_) | Verdict::Nothing => None,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_call_takes_from_both_its_buckets_or_from_none() {
    let mut model = model();
    let create = api("POST", "/restapis");
    let list = api("GET", "/restapis");
    assert_eq!(refused(&mut model, ZERO, &create), None);
    for _ in 0..100 {
        let code = refused(&mut model, ZERO, &create);
        assert_eq!(code.as_deref(), Some("TooManyRequestsException"));
    }
    // Of the forty that all operations share one is gone: rejected calls took none.
    let passed = (0..50)
        .filter(|_| refused(&mut model, ZERO, &list).is_none())
        .count();
    assert_eq!(passed, 39);
    assert_eq!(
        model.counts()["apigateway:CreateRestApi"],
        Count {
            calls: 101,
            throttled: 100
        }
    );
    assert_eq!(model.emptied()["apigateway:CreateRestApi"], 100);
    assert_eq!(model.emptied()["apigateway: all operations"], 11);
    // The other way round: the shared bucket is empty, and the own one keeps its token.
    let third = ms(3_000);
    assert!((0..50).any(|_| refused(&mut model, third, &list).is_some()));
    assert!(refused(&mut model, third, &create).is_some());
    assert_eq!(refused(&mut model, third + ms(100), &create), None);
}

#[test]
fn the_scale_makes_quotas_and_times_faster_alike() {
    let mut model = model();
    model.options().scale = 10.0;
    let delete = api("DELETE", "/restapis/a");
    assert_eq!(refused(&mut model, ZERO, &delete), None);
    assert!(refused(&mut model, ms(2_999), &delete).is_some());
    assert_eq!(refused(&mut model, ms(3_000), &delete), None);
    model.done(ZERO, &role("CreateRole", "r"), true);
    assert!(refused(&mut model, ms(899), &create_function("f")).is_some());
    assert_eq!(refused(&mut model, ms(900), &create_function("f")), None);
}

#[test]
fn quotas_that_are_off_let_everything_pass_and_raised_ones_more() {
    let create = api("POST", "/restapis");
    let passed = |options| {
        let mut model = Model::new(options);
        (0..30)
            .filter(|_| refused(&mut model, ZERO, &create).is_none())
            .count()
    };
    let off = Options {
        quotas: false,
        ..Options::default()
    };
    assert_eq!(passed(off), 30);
    let quota = BucketQuota {
        calls: 2,
        per: ms(1_000),
        burst: 5,
    };
    let raised = HashMap::from([("apigateway:CreateRestApi".to_owned(), quota)]);
    assert_eq!(
        passed(Options {
            raised,
            ..Options::default()
        }),
        5
    );
}

#[test]
fn a_region_with_a_larger_quota_lets_more_through() {
    let body = json!({"logGroupName": "/aws/lambda/f"});
    let search = request("POST", "/", "logs", "Logs_20140328.FilterLogEvents", &body);
    let passed = |region| {
        let mut model = Model::new(Options::default().in_region(region));
        let calls = (0..60).filter(|_| refused(&mut model, ZERO, &search).is_none());
        calls.count()
    };
    assert_eq!((passed("us-east-1"), passed("eu-west-1")), (25, 5));
}

#[test]
fn a_competitor_leaves_its_share_of_every_bucket_less() {
    let mut options = Options {
        competitor: 0.5,
        ..Options::default()
    };
    options.timings.latency = ZERO;
    let mut model = Model::new(options);
    let delete = api("DELETE", "/restapis/a");
    let passed = (0..3600)
        .filter(|second| refused(&mut model, ms(second * 1000), &delete).is_none())
        .count();
    // 1 per 30 s is 120 an hour; half of them are left.
    assert!((57..=63).contains(&passed), "{passed}");
}

#[test]
fn a_role_is_assumable_only_some_time_after_its_creation() {
    let mut model = model();
    model.done(ms(1_000), &role("CreateRole", "r"), true);
    for (now, lambda, machines) in [
        (
            9_999,
            Some("InvalidParameterValueException"),
            Some("AccessDeniedException"),
        ),
        (10_000, None, None),
    ] {
        let seen = refused(&mut model, ms(now), &create_function("f"));
        assert_eq!(seen.as_deref(), lambda);
        let seen = refused(&mut model, ms(now), &create_machine());
        assert_eq!(seen.as_deref(), machines);
    }
    // A creation that failed starts nothing; one whose role was made elsewhere or before is not held up.
    model.done(ms(10_000), &role("CreateRole", "r"), false);
    assert_eq!(refused(&mut model, ms(10_001), &create_function("g")), None);
}

#[test]
fn roles_take_between_five_and_thirty_seconds_each_its_own_time() {
    let spread = Timings::default().role_propagation;
    let times: HashSet<u64> = (0..100)
        .map(|i| spread.pick(7, &format!("user{i}-role")).as_millis() as u64)
        .collect();
    assert!(times.iter().all(|ms| (5_000..=30_000).contains(ms)));
    assert!(times.len() > 90, "{times:?}");
    assert!(times.iter().any(|ms| *ms < 10_000) && times.iter().any(|ms| *ms > 25_000));
    assert_eq!(spread.pick(7, "a"), spread.pick(7, "a"));
}

#[test]
fn a_new_function_is_pending_and_takes_neither_change_nor_call() {
    let mut model = model();
    let get = function("GET", "f");
    model.done(ZERO, &create_function("f"), true);
    for change in [
        function("PUT", "f/code"),
        function("POST", "f/policy"),
        function("DELETE", "f"),
        function("POST", "f/invocations"),
    ] {
        let code = refused(&mut model, ms(3_999), &change);
        assert_eq!(
            code.as_deref(),
            Some("ResourceConflictException"),
            "{}",
            change.operation
        );
        assert_eq!(
            refused(&mut model, ms(4_000), &change),
            None,
            "{}",
            change.operation
        );
    }
    assert_eq!(refused(&mut model, ZERO, &get), None);
    let mut answer =
        json!({"Configuration": {"State": "Active", "LastUpdateStatus": "Successful"}});
    assert!(!model.amend(ms(4_000), &get, &mut answer));
    assert!(model.amend(ms(3_999), &get, &mut answer));
    assert_eq!(answer["Configuration"]["State"], "Pending");
    assert_eq!(answer["Configuration"]["LastUpdateStatus"], "InProgress");
}

#[test]
fn an_update_is_in_progress_and_lets_calls_and_the_deletion_through() {
    let mut model = model();
    let update = function("PUT", "f/code");
    model.done(ZERO, &update, true);
    let code = refused(&mut model, ms(2_999), &update);
    assert_eq!(code.as_deref(), Some("ResourceConflictException"));
    assert_eq!(
        refused(&mut model, ms(2_999), &function("POST", "f/invocations")),
        None
    );
    assert_eq!(
        refused(&mut model, ms(2_999), &function("DELETE", "f")),
        None
    );
    assert_eq!(refused(&mut model, ms(3_000), &update), None);
    let mut answer = json!({"State": "Active"});
    assert!(model.amend(ms(2_999), &update, &mut answer));
    assert_eq!(
        (&answer["State"], &answer["LastUpdateStatus"]),
        (&json!("Active"), &json!("InProgress"))
    );
}

#[test]
fn a_deleted_state_machine_is_deleting_until_the_deletion_is_carried_out() {
    let mut model = model();
    let delete = about_machine("DeleteStateMachine");
    let due = match model.arrive(ZERO, &delete).verdict {
        Verdict::Later(due) => due,
        other => panic!("{other:?}"),
    };
    assert_eq!(due, ms(12_060), "latency, and the time that it takes");
    assert_eq!(model.arrive(ZERO, &delete).verdict, Verdict::Nothing);
    for refusing in [
        create_machine(),
        about_machine("StartExecution"),
        about_machine("UpdateStateMachine"),
    ] {
        let code = refused(&mut model, due, &refusing);
        assert_eq!(
            code.as_deref(),
            Some("StateMachineDeleting"),
            "{}",
            refusing.operation
        );
    }
    let describe = about_machine("DescribeStateMachine");
    let mut answer = json!({"status": "ACTIVE"});
    assert!(model.amend(due, &describe, &mut answer));
    assert_eq!(answer["status"], "DELETING");
    model.done(due, &delete, true);
    assert!(!model.amend(due, &describe, &mut answer));
    assert_eq!(refused(&mut model, due, &create_machine()), None);
}

#[test]
fn one_writer_at_a_time_for_an_api_a_function_and_a_log_group() {
    let group = |name: &str| {
        let body = json!({ "logGroupName": name });
        request(
            "POST",
            "/",
            "logs",
            "Logs_20140328.PutRetentionPolicy",
            &body,
        )
    };
    for (first, second, other, code) in [
        (
            api("PUT", "/restapis/a/resources/r/methods/POST"),
            api("POST", "/restapis/a/deployments"),
            api("PUT", "/restapis/b/resources/r/methods/POST"),
            "ConflictException",
        ),
        (
            function("POST", "f/policy"),
            function("PUT", "f/code"),
            function("PUT", "g/code"),
            "ResourceConflictException",
        ),
        (
            group("g"),
            group("g"),
            group("h"),
            "OperationAbortedException",
        ),
    ] {
        let mut model = model();
        model.options().quotas = false;
        let held = model.arrive(ZERO, &first).writes.unwrap();
        assert_eq!(refused(&mut model, ms(10), &second).as_deref(), Some(code));
        assert_eq!(refused(&mut model, ms(10), &other), None);
        model.release(&held);
        assert_eq!(refused(&mut model, ms(10), &second), None);
    }
}

#[test]
fn reading_and_creating_apis_never_conflicts() {
    let mut model = model();
    let _held = model.arrive(ZERO, &api("DELETE", "/restapis/a"));
    assert_eq!(
        refused(&mut model, ZERO, &api("GET", "/restapis/a/stages")),
        None
    );
    assert_eq!(refused(&mut model, ZERO, &api("POST", "/restapis")), None);
}

#[test]
fn faults_take_no_token_and_say_what_becomes_of_the_answer() {
    let create = api("POST", "/restapis");
    let seen = |fault: Fault| {
        let mut model = model();
        model.inject(Rule::any().times(1).fault(fault));
        let admission = model.arrive(ZERO, &create);
        // Was the one token of CreateRestApi used?
        let used = refused(&mut model, ZERO, &create).is_some();
        (admission, used)
    };
    let (reset, used) = seen(Fault::Reset);
    assert_eq!((reset.verdict, used), (Verdict::Reset, false));
    let (refuse, used) = seen(Fault::Refuse);
    assert_eq!((refuse.verdict, used), (Verdict::NoConnection, false));
    let (throttle, used) = seen(Fault::Throttle);
    assert_eq!(
        (throttle.verdict, used),
        (Verdict::Refuse(Refusal::throttled("apigateway")), false)
    );
    let (lost, used) = seen(Fault::LoseAnswer);
    assert_eq!((lost.verdict, lost.lost, used), (Verdict::Pass, true, true));
    let (failed, used) = seen(Fault::ServerErrorAfterEffect);
    assert_eq!(
        (failed.verdict, failed.instead.is_some(), used),
        (Verdict::Pass, true, true)
    );
    let (slow, _) = seen(Fault::Slow(ms(1_000)));
    assert_eq!((slow.verdict, slow.delay), (Verdict::Pass, ms(1_060)));
}

#[test]
fn travel_times_spread_and_are_the_same_for_the_same_seed() {
    let times = |seed| {
        let mut options = Options {
            seed,
            ..Options::default()
        };
        options.timings.travel = Spread {
            from: ms(10),
            to: ms(50),
        };
        let mut model = Model::new(options);
        (0..20)
            .map(|_| {
                let time = model.travel();
                model.arrive(ZERO, &api("GET", "/restapis"));
                time
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(times(1), times(1));
    assert_ne!(times(1), times(2));
    assert!(times(1).iter().all(|time| (ms(10)..=ms(50)).contains(time)));
    assert!(times(1).iter().collect::<HashSet<_>>().len() > 15);
}

#[test]
fn a_new_name_is_not_found_and_refused_to_whoever_has_a_path_only() {
    let mut model = model();
    model.options().timings.iam_known = Spread::exactly(ms(2_000));
    model.done(ZERO, &role("CreateRole", "r"), true);
    let put = role("PutRolePolicy", "r");
    assert_eq!(
        refused(&mut model, ms(1_000), &put).unwrap(),
        "NoSuchEntity"
    );
    model.options().path_policy = true;
    assert_eq!(
        refused(&mut model, ms(1_900), &put).unwrap(),
        "AccessDenied"
    );
    assert_eq!(refused(&mut model, ms(2_000), &put), None);
    let other = role("PutRolePolicy", "another");
    assert_eq!(refused(&mut model, ms(1_000), &other), None);
}

#[test]
fn step_functions_refuses_a_role_until_its_policy_is_in_force() {
    let mut model = model();
    model.options().timings.policy_in_force = Spread::exactly(ms(5_000));
    model.done(ZERO, &role("PutRolePolicy", "r"), true);
    let create = create_machine();
    let answer = refused(&mut model, ms(4_000), &create);
    assert_eq!(answer.unwrap(), "AccessDeniedException");
    assert_eq!(refused(&mut model, ms(5_000), &create), None);
}

#[test]
fn an_execution_is_not_known_right_after_its_start() {
    let mut model = model();
    model.options().timings.execution_known = Spread::exactly(ms(3_000));
    let arn = "arn:aws:states:us-east-1:1:stateMachine:m";
    let start = json!({ "stateMachineArn": arn, "name": "run" });
    model.done(ZERO, &states("StartExecution", &start), true);
    let arn = "arn:aws:states:us-east-1:1:execution:m:run";
    let describe = states("DescribeExecution", &json!({ "executionArn": arn }));
    let answer = refused(&mut model, ms(2_000), &describe);
    assert_eq!(answer.unwrap(), "ExecutionDoesNotExist");
    assert_eq!(refused(&mut model, ms(3_000), &describe), None);
}

#[test]
fn a_function_takes_permissions_some_time_after_it_is_active() {
    let mut model = model();
    model.options().timings.permission_known = Spread::exactly(ms(9_000));
    model.done(ZERO, &create_function("f"), true);
    let permit = function("POST", "f/policy");
    let answer = refused(&mut model, ms(5_000), &permit);
    assert_eq!(answer.unwrap(), "ResourceNotFoundException");
    assert_eq!(refused(&mut model, ms(13_000), &permit), None);
}
