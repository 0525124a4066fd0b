use serde_json::{Value, json};

use crate::aws::execution::ExecutionDetail;
use crate::evidence::evaluate::*;
use crate::evidence::progress::Progress;
use crate::lab::check::Work;
use crate::stack::kinds::{Kind, ResourceId};
use crate::stack::ownership::Owner;
use crate::stack::plan::Item;

fn plan(items: &[(Kind, Found)]) -> StudentPlan {
    StudentPlan {
        owner: Owner {
            class: "demo".parse().unwrap(),
            student: "user1".parse().unwrap(),
            lab: "lab6".parse().unwrap(),
        },
        items: items
            .iter()
            .map(|(kind, verdict)| Item {
                resource: ResourceId::new(*kind, "user1-x"),
                verdict: *verdict,
                action: None,
                why: "because".into(),
                theirs: None,
                differs: Default::default(),
                hint: None,
                after: Vec::new(),
            })
            .collect(),
        in_roster: true,
        spelled: None,
    }
}

fn deployed() -> StudentPlan {
    plan(&[(Kind::Function, Found::NoChange)])
}

fn check(proof: Value) -> Check {
    serde_json::from_value(json!({
        "id": "c", "title": "t", "work": "student", "points": 1, "hint": "h", "proof": proof
    }))
    .unwrap()
}

fn any(more: Value) -> Check {
    let mut proof = json!({ "kind": "executions", "state_machine": "m" });
    let map = proof.as_object_mut().unwrap();
    map.extend(more.as_object().unwrap().clone());
    check(proof)
}

fn api_check() -> Check {
    any(json!({
        "started_by": "api", "status": "SUCCEEDED",
        "one_for_each": { "/dataType": ["sales_data", "customer_data"] }
    }))
}

fn execution(name: &str, status: ExecutionStatus) -> Execution {
    Execution {
        arn: format!("arn:aws:states:us-east-1:123456789012:execution:m:{name}"),
        name: name.into(),
        status,
        started_ms: 1_763_870_000_000,
        stopped_ms: Some(1_763_870_002_000),
        redriven_ms: None,
        detail: None,
    }
}

fn with(mut execution: Execution, input: Value, error: Option<&str>) -> Execution {
    execution.detail = Some(ExecutionDetail {
        input,
        error: error.map(str::to_owned),
        cause: None,
    });
    execution
}

fn by_api(name: &str, data: &str) -> (Starter, Execution) {
    let execution = execution(name, ExecutionStatus::Succeeded);
    let input = json!({ "dataType": data });
    (Starter::Api, with(execution, input, None))
}

fn facts(executions: Vec<(Starter, Execution)>) -> Facts {
    Facts {
        executions: [("m".to_owned(), Reading::Seen(executions))].into(),
        ..Facts::default()
    }
}

fn verdict(check: &Check, executions: Vec<(Starter, Execution)>) -> Verdict {
    evaluate(check, &deployed(), &facts(executions)).verdict
}

fn texts(result: &CheckResult) -> Vec<String> {
    result.evidence.iter().map(Evidence::sentence).collect()
}

#[test]
fn one_for_each_value_is_needed_and_the_missing_one_is_named() {
    let one = vec![by_api("a", "sales_data"), by_api("b", "sales_data")];
    let result = evaluate(&api_check(), &deployed(), &facts(one));
    assert_eq!(result.verdict, Verdict::Fail);
    assert!(texts(&result).contains(&"none yet for customer_data".to_owned()));
    let both = vec![by_api("a", "sales_data"), by_api("b", "customer_data")];
    assert_eq!(verdict(&api_check(), both), Verdict::Pass);
}

#[test]
fn evidence_names_the_execution_its_starter_its_input_and_its_link() {
    let mut read = facts(vec![
        by_api("a", "sales_data"),
        by_api("b", "customer_data"),
    ]);
    read.console = Some(Scope {
        partition: "aws".into(),
        account: "123456789012".into(),
        region: "us-east-1".into(),
    });
    let result = evaluate(&api_check(), &deployed(), &read);
    assert_eq!(
        result.evidence[0].sentence(),
        "a: SUCCEEDED, started by the API 2025-11-23 03:53:20 UTC, input {\"dataType\":\"sales_data\"}"
    );
    let shown = result.evidence[0].execution.as_ref().unwrap();
    assert_eq!(shown.starter, Starter::Api);
    let url = shown.console_url.as_ref().unwrap();
    assert!(
        url.ends_with(
            "#/v2/executions/details/arn:aws:states:us-east-1:123456789012:execution:m:a"
        )
    );
    read.console = None;
    let elsewhere = evaluate(&api_check(), &deployed(), &read);
    let shown = elsewhere.evidence[0].execution.as_ref().unwrap();
    assert_eq!(shown.console_url, None);
}

#[test]
fn each_values_proof_is_shown_before_newer_runs_that_add_no_proof() {
    let mut all: Vec<_> = (0..9)
        .map(|i| by_api(&format!("n{i}"), "analytics_data"))
        .collect();
    all.push(by_api("sales", "sales_data"));
    all.push(by_api("customer", "customer_data"));
    let result = evaluate(&api_check(), &deployed(), &facts(all));
    assert!(result.evidence[0].sentence().starts_with("sales:"));
    assert!(result.evidence[1].sentence().starts_with("customer:"));
    assert_eq!(texts(&result).last(), Some(&"and 6 more".to_owned()));
}

#[test]
fn a_failed_check_says_what_came_near_and_why_it_does_not_count() {
    let aborted = (Starter::Api, execution("x", ExecutionStatus::Aborted));
    let result = evaluate(&api_check(), &deployed(), &facts(vec![aborted]));
    assert_eq!(result.verdict, Verdict::Fail);
    assert!(
        texts(&result)
            .last()
            .unwrap()
            .ends_with("does not count: SUCCEEDED is needed")
    );
}

#[test]
fn homerooms_own_executions_never_count() {
    let own = || {
        vec![(
            Starter::Homeroom,
            execution("x", ExecutionStatus::Succeeded),
        )]
    };
    let result = evaluate(&any(json!({})), &deployed(), &facts(own()));
    assert_eq!(result.verdict, Verdict::Fail);
    assert_eq!(texts(&result), ["no executions of the student's own yet"]);
    assert_eq!(
        verdict(&any(json!({"started_by": "person"})), own()),
        Verdict::Fail
    );
}

#[test]
fn only_the_end_that_is_asked_for_counts() {
    let failed = any(json!({"status": "FAILED", "error": "ProcessingFailed"}));
    for status in [
        ExecutionStatus::Running,
        ExecutionStatus::Succeeded,
        ExecutionStatus::TimedOut,
        ExecutionStatus::Aborted,
        ExecutionStatus::PendingRedrive,
    ] {
        let other = with(execution("x", status), json!({}), Some("ProcessingFailed"));
        assert_eq!(
            verdict(&failed, vec![(Starter::Api, other)]),
            Verdict::Fail,
            "{status:?}"
        );
    }
    let ended = |error| with(execution("x", ExecutionStatus::Failed), json!({}), error);
    assert_eq!(
        verdict(
            &failed,
            vec![(Starter::Api, ended(Some("ProcessingFailed")))]
        ),
        Verdict::Pass
    );
    for error in [
        None,
        Some(""),
        Some("States.Runtime"),
        Some("processingfailed"),
    ] {
        assert_eq!(
            verdict(&failed, vec![(Starter::Api, ended(error))]),
            Verdict::Fail,
            "{error:?}"
        );
    }
}

#[test]
fn every_execution_of_the_students_own_counts_where_no_end_is_asked_for() {
    let two = any(json!({"count": 2}));
    for status in [
        ExecutionStatus::Running,
        ExecutionStatus::Aborted,
        ExecutionStatus::PendingRedrive,
    ] {
        let all = vec![
            (Starter::Person, execution("a", status)),
            (Starter::Api, execution("b\u{202e}é漢", status)),
        ];
        assert_eq!(verdict(&two, all), Verdict::Pass, "{status:?}");
    }
}

#[test]
fn an_input_of_another_shape_is_a_fail_and_no_panic() {
    for input in [
        Value::Null,
        json!("sales_data"),
        json!(["sales_data"]),
        json!(1e300),
        json!({"datatype": "sales_data"}),
        json!({"dataType": ["sales_data"]}),
        json!({"dataType": {"": "sales_data"}}),
    ] {
        let odd = with(
            execution("x", ExecutionStatus::Succeeded),
            input.clone(),
            None,
        );
        assert_eq!(
            verdict(&api_check(), vec![(Starter::Api, odd)]),
            Verdict::Fail,
            "{input}"
        );
    }
}

#[test]
fn a_long_input_makes_no_long_evidence() {
    let input = json!({"dataType": "sales_data", "x": "é".repeat(4_000)});
    let long = with(execution("x", ExecutionStatus::Succeeded), input, None);
    let result = evaluate(
        &any(json!({})),
        &deployed(),
        &facts(vec![(Starter::Api, long)]),
    );
    assert!(result.evidence[0].sentence().chars().count() < 300);
}

#[test]
fn an_execution_that_could_not_be_described_is_not_a_zero() {
    let mut read = facts(vec![(
        Starter::Api,
        execution("x", ExecutionStatus::Succeeded),
    )]);
    read.undescribed = Some("states:DescribeExecution: AccessDenied: no".into());
    let result = evaluate(&api_check(), &deployed(), &read);
    assert_eq!(result.verdict, Verdict::CouldNotCheck);
    assert!(texts(&result)[0].contains("AccessDenied"));
}

#[test]
fn executions_that_could_not_be_listed_are_not_a_zero() {
    let mut read = Facts::default();
    let unread = evaluate(&any(json!({})), &deployed(), &read);
    assert_eq!(unread.verdict, Verdict::CouldNotCheck);
    read.executions.insert(
        "m".into(),
        Reading::Unseen("states:ListExecutions: ThrottlingException: slow down".into()),
    );
    let throttled = evaluate(&any(json!({})), &deployed(), &read);
    assert_eq!(throttled.verdict, Verdict::CouldNotCheck);
    assert!(texts(&throttled)[0].contains("Throttling"));
}

#[test]
fn a_changed_function_costs_the_names_their_credit() {
    let one = any(json!({"started_by": "person"}));
    let undescribed = || {
        facts(vec![(
            Starter::Person,
            execution("any", ExecutionStatus::Succeeded),
        )])
    };
    for found in [Found::Keep, Found::Update, Found::Create, Found::Conflict] {
        let changed = plan(&[(Kind::Function, found)]);
        let result = evaluate(&one, &changed, &undescribed());
        assert_eq!(result.verdict, Verdict::CouldNotCheck, "{found:?}");
        let Some(Reading::Seen(all)) = undescribed().executions.remove("m") else {
            panic!("the facts have executions");
        };
        assert_eq!(
            next_to_describe(&one.proof, &changed, &all, &Facts::default(), None),
            Some(0)
        );
        assert_eq!(
            next_to_describe(&one.proof, &deployed(), &all, &Facts::default(), None),
            None
        );
    }
    assert_eq!(
        evaluate(&one, &deployed(), &undescribed()).verdict,
        Verdict::Pass
    );
}

#[test]
fn what_a_name_speaks_of_is_described_first_and_else_the_newest() {
    let names = [
        "api-user1-analytics-data-1",
        "api-user1-customer-data-2",
        "api-user1-sales-data-3",
    ];
    let mut all: Vec<_> = names
        .iter()
        .map(|name| (Starter::Api, execution(name, ExecutionStatus::Succeeded)))
        .collect();
    let proof = api_check().proof;
    assert_eq!(
        next_to_describe(&proof, &deployed(), &all, &Facts::default(), None),
        Some(1)
    );
    all[1] = by_api(names[1], "customer_data");
    assert_eq!(
        next_to_describe(&proof, &deployed(), &all, &Facts::default(), None),
        Some(2)
    );
    // The name lied: what is left is described all the same.
    all[2] = by_api(names[2], "analytics_data");
    assert_eq!(
        next_to_describe(&proof, &deployed(), &all, &Facts::default(), None),
        Some(0)
    );
}

#[test]
fn an_unprovable_check_is_neither_pass_nor_fail() {
    let check = check(json!({"kind": "unprovable", "why": "nothing shows it"}));
    let result = evaluate(&check, &deployed(), &Facts::default());
    assert_eq!(result.verdict, Verdict::NotProvable);
    assert_eq!(texts(&result), ["nothing shows it"]);
}

#[test]
fn a_missing_part_fails_a_stack_and_a_hidden_one_leaves_it_unchecked() {
    let exist = check(json!({"kind": "resources-exist"}));
    let ready = check(json!({"kind": "resources-ready"}));
    let fine = (Kind::Function, Found::NoChange);
    for (other, both) in [
        (Found::Create, [Verdict::Fail; 2]),
        (Found::Conflict, [Verdict::Fail; 2]),
        (Found::Unknown, [Verdict::CouldNotCheck; 2]),
        (Found::Update, [Verdict::Pass, Verdict::Fail]),
        (Found::Keep, [Verdict::Pass; 2]),
    ] {
        let plan = plan(&[fine, (Kind::RestApi, other)]);
        let verdicts = [&exist, &ready].map(|c| evaluate(c, &plan, &Facts::default()).verdict);
        assert_eq!(verdicts, both, "{other:?}");
    }
    let mut read = Facts::default();
    let state = Reading::Seen(NotReady::State("Failed".to_owned(), None));
    read.functions_not_ready.push(("user1-x".into(), state));
    assert_eq!(evaluate(&ready, &deployed(), &read).verdict, Verdict::Fail);
    read.functions_not_ready[0].1 = Reading::Unseen("lambda:GetFunction: AccessDenied".into());
    assert_eq!(
        evaluate(&ready, &deployed(), &read).verdict,
        Verdict::CouldNotCheck
    );
}

fn log_check() -> Check {
    check(json!({"kind": "log-events", "functions": ["f"], "own_execution_of": "m"}))
}

fn logs(sight: Reading<LogSight>) -> Facts {
    let own = (Starter::Person, execution("y", ExecutionStatus::Succeeded));
    let mut facts = facts(vec![own]);
    let key = (Some("m".to_owned()), "f".to_owned());
    facts.log_events.insert(key, sight);
    facts
}

#[test]
fn log_events_prove_something_only_during_the_students_own_execution() {
    let own = execution("y", ExecutionStatus::Succeeded);
    let during = LogSight::During(Starter::Person, Box::new(own));
    let result = evaluate(
        &log_check(),
        &deployed(),
        &logs(Reading::Seen(during.clone())),
    );
    assert_eq!(result.verdict, Verdict::Pass);
    assert!(result.evidence[0].execution.is_some());
    let nothing = logs(Reading::Seen(LogSight::Nothing));
    assert_eq!(
        evaluate(&log_check(), &deployed(), &nothing).verdict,
        Verdict::Fail
    );
    let mut only_homerooms = logs(Reading::Seen(during));
    let homerooms = vec![(
        Starter::Homeroom,
        execution("x", ExecutionStatus::Succeeded),
    )];
    only_homerooms
        .executions
        .insert("m".into(), Reading::Seen(homerooms));
    assert_eq!(
        evaluate(&log_check(), &deployed(), &only_homerooms).verdict,
        Verdict::Fail
    );
}

#[test]
fn log_events_that_could_not_be_read_are_not_a_zero() {
    let denied = logs(Reading::Unseen("logs:FilterLogEvents: AccessDenied".into()));
    assert_eq!(
        evaluate(&log_check(), &deployed(), &denied).verdict,
        Verdict::CouldNotCheck
    );
    let mut unread = denied.clone();
    unread.log_events.clear();
    assert_eq!(
        evaluate(&log_check(), &deployed(), &unread).verdict,
        Verdict::CouldNotCheck
    );
    let mut unlisted = denied;
    unlisted.executions.insert(
        "m".into(),
        Reading::Unseen("states:ListExecutions: x".into()),
    );
    assert_eq!(
        evaluate(&log_check(), &deployed(), &unlisted).verdict,
        Verdict::CouldNotCheck
    );
}

#[test]
fn windows_are_the_apis_first_and_never_those_in_which_homeroom_ran() {
    let at = |name: &str, start: i64, end: Option<i64>| Execution {
        started_ms: start,
        stopped_ms: end,
        ..execution(name, ExecutionStatus::Succeeded)
    };
    let all = vec![
        (Starter::Person, at("running", 900_000, None)),
        (Starter::Person, at("person", 700_000, Some(702_000))),
        (Starter::Homeroom, at("own", 500_000, Some(503_000))),
        (Starter::Api, at("beside", 502_000, Some(504_000))),
        (Starter::Api, at("too near", 496_000, Some(499_700))),
        (Starter::Api, at("before", 496_000, Some(498_000))),
        (Starter::Api, at("alone", 100_000, Some(102_000))),
    ];
    let found = own_windows(&all);
    assert!(found.hidden, "one API execution ran beside homeroom's");
    let windows: Vec<(String, i64, Option<i64>)> = found
        .windows
        .into_iter()
        .map(|w| (w.execution.name, w.since_ms, w.until_ms))
        .collect();
    assert_eq!(
        windows,
        [
            ("before".to_owned(), 496_000, Some(499_500)),
            ("alone".to_owned(), 100_000, Some(107_000)),
            ("running".to_owned(), 900_000, None),
            ("person".to_owned(), 700_000, Some(707_000)),
        ]
    );
}

/// A check of so many points that gives credit for each part.
fn in_parts(check: Check, points: u32) -> Check {
    Check {
        points: Points::whole(points),
        credit: Credit::Each,
        ..check
    }
}

fn earned(
    check: &Check,
    executions: Vec<(Starter, Execution)>,
) -> (Verdict, Points, Option<PartsDone>) {
    let result = evaluate(check, &deployed(), &facts(executions));
    (result.verdict, result.earned, result.parts)
}

#[test]
fn two_of_three_values_earn_two_thirds_and_the_third_the_rest() {
    let check = in_parts(
        any(json!({
            "started_by": "api", "status": "SUCCEEDED",
            "one_for_each": { "/dataType": ["sales_data", "customer_data", "inventory_data"] }
        })),
        30,
    );
    let mut work = vec![by_api("a", "sales_data"), by_api("b", "sales_data")];
    let parts = |done| Some(PartsDone { done, of: 3 });
    assert_eq!(
        earned(&check, work.clone()),
        (Verdict::Fail, Points::whole(10), parts(1))
    );
    work.push(by_api("c", "inventory_data"));
    assert_eq!(
        earned(&check, work.clone()),
        (Verdict::Fail, Points::whole(20), parts(2))
    );
    work.push(by_api("d", "customer_data"));
    assert_eq!(
        earned(&check, work),
        (Verdict::Pass, Points::whole(30), parts(3))
    );
    assert_eq!(
        earned(&check, Vec::new()),
        (Verdict::Fail, Points::ZERO, parts(0))
    );
}

#[test]
fn four_of_five_executions_earn_four_fifths_and_more_than_five_no_more() {
    let check = in_parts(any(json!({ "count": 5 })), 25);
    let some = |n: usize| {
        let one = |i| {
            (
                Starter::Person,
                execution(&format!("e{i}"), ExecutionStatus::Failed),
            )
        };
        (0..n).map(one).collect::<Vec<_>>()
    };
    let parts = |done| Some(PartsDone { done, of: 5 });
    assert_eq!(
        earned(&check, some(4)),
        (Verdict::Fail, Points::whole(20), parts(4))
    );
    assert_eq!(
        earned(&check, some(9)),
        (Verdict::Pass, Points::whole(25), parts(5))
    );
}

#[test]
fn all_or_nothing_gives_nothing_for_a_part() {
    let check = any(json!({ "count": 2 }));
    let one = vec![(Starter::Person, execution("e", ExecutionStatus::Failed))];
    assert_eq!(earned(&check, one), (Verdict::Fail, Points::ZERO, None));
}

#[test]
fn what_could_not_be_described_earns_no_more_than_what_is_proven() {
    let check = in_parts(api_check(), 20);
    let mut read = facts(vec![
        by_api("a", "sales_data"),
        (Starter::Api, execution("b", ExecutionStatus::Succeeded)),
    ]);
    read.undescribed = Some("denied".into());
    let result = evaluate(&check, &deployed(), &read);
    assert_eq!(result.verdict, Verdict::CouldNotCheck);
    assert_eq!(result.earned, Points::whole(10));
    read.executions
        .insert("m".into(), Reading::Unseen("denied".into()));
    let result = evaluate(&check, &deployed(), &read);
    assert_eq!((result.earned, result.parts), (Points::ZERO, None));
}

#[test]
fn each_function_that_logged_earns_its_share() {
    let check = in_parts(
        check(json!({ "kind": "log-events", "functions": ["f", "g", "h"] })),
        10,
    );
    let mut read = facts(Vec::new());
    for (id, sight) in [("f", LogSight::Any), ("g", LogSight::Nothing)] {
        let key = (None, id.to_owned());
        read.log_events.insert(key, Reading::Seen(sight));
    }
    let result = evaluate(&check, &deployed(), &read);
    assert_eq!(result.parts, Some(PartsDone { done: 1, of: 3 }));
    assert_eq!(result.earned, Points::from_hundredths(333));
}

#[test]
fn an_accident_is_not_the_error_exercise() {
    let exercise = any(json!({
        "status": "FAILED", "error": "ProcessingFailed",
        "input": { "/userId": "", "/dataType": "" }
    }));
    let failed = |input: Value| {
        let execution = execution("e", ExecutionStatus::Failed);
        vec![(
            Starter::Api,
            with(execution, input, Some("ProcessingFailed")),
        )]
    };
    for accident in [
        json!({ "userId": "user1", "dataType": "wrong" }),
        json!({ "userId": "", "dataType": "wrong" }),
        json!({ "userId": "" }),
        json!({}),
    ] {
        assert_eq!(
            verdict(&exercise, failed(accident.clone())),
            Verdict::Fail,
            "{accident}"
        );
    }
    // The API adds its mark to the input.
    let input = json!({ "userId": "", "dataType": "", "source": "api", "requestId": "r" });
    assert_eq!(verdict(&exercise, failed(input)), Verdict::Pass);
}

#[test]
fn work_done_in_part_is_in_progress_and_nothing_done_is_not_started() {
    let check = in_parts(any(json!({ "count": 5 })), 25);
    let result = |n: usize| {
        let one = |i| {
            (
                Starter::Person,
                execution(&format!("e{i}"), ExecutionStatus::Failed),
            )
        };
        evaluate(&check, &deployed(), &facts((0..n).map(one).collect()))
    };
    assert_eq!(Progress::of(&[result(0)]), Progress::NotStarted);
    assert_eq!(Progress::of(&[result(1)]), Progress::InProgress);
    assert_eq!(Progress::of(&[result(5)]), Progress::Complete);
}

fn student(name: &str, data: &str) -> (Starter, Execution) {
    let (_, execution) = by_api(name, data);
    (Starter::Student, execution)
}

#[test]
fn an_unproven_way_counts_if_none_is_asked_else_could_not_check() {
    let all = || {
        vec![
            student("api-1", "sales_data"),
            student("api-2", "customer_data"),
        ]
    };
    assert_eq!(verdict(&any(json!({"count": 2})), all()), Verdict::Pass);
    let mut read = facts(all());
    let asked = evaluate(&api_check(), &deployed(), &read);
    assert_eq!(asked.verdict, Verdict::CouldNotCheck);
    let why = StartUnknown::Unseen("the log group /g is not there".into());
    for (_, execution) in all() {
        read.starts_unknown.insert(execution.arn, why.clone());
    }
    let asked = evaluate(&api_check(), &deployed(), &read);
    assert_eq!(asked.verdict, Verdict::CouldNotCheck);
    assert_eq!(
        texts(&asked),
        ["how 2 executions were started could not be checked: the log group /g is not there"]
    );
}

#[test]
fn a_way_that_the_log_does_not_name_yet_is_not_counted_for_now() {
    let mut read = facts(vec![student("api-1", "sales_data")]);
    let arn = student("api-1", "").1.arn;
    read.starts_unknown.insert(arn, StartUnknown::NotYet);
    let result = evaluate(&api_check(), &deployed(), &read);
    assert_eq!(result.verdict, Verdict::Fail);
    assert!(texts(&result).last().unwrap().contains("does not say yet"));
}

#[test]
fn what_looks_like_the_apis_is_a_persons_only_once_the_log_has_said_so() {
    let person = any(json!({"started_by": "person"}));
    let mut read = facts(vec![student("api-1", "sales_data")]);
    read.api_name_prefix = Some("api-".into());
    let result = evaluate(&person, &deployed(), &read);
    assert_eq!(result.verdict, Verdict::Fail);
    let mut refuted = facts(vec![(Starter::Person, student("api-1", "sales_data").1)]);
    refuted.api_name_prefix = Some("api-".into());
    assert_eq!(
        evaluate(&person, &deployed(), &refuted).verdict,
        Verdict::Pass
    );
    // A changed function may give any name, so the log is asked.
    let mut other = facts(vec![student("console-test-1", "sales_data")]);
    other.api_name_prefix = Some("api-".into());
    let result = evaluate(&person, &deployed(), &other);
    assert_eq!(result.verdict, Verdict::CouldNotCheck);
}

#[test]
fn the_way_of_an_execution_that_changes_nothing_does_not_matter() {
    let all = vec![by_api("a", "sales_data"), student("api-2", "sales_data")];
    assert_eq!(verdict(&api_check(), all), Verdict::Fail);
}

#[test]
fn only_what_is_lacking_is_proven_and_one_for_each_value() {
    let none = Facts::default();
    let mut all: Vec<_> = (0..9)
        .map(|n| student(&format!("s{n}"), "sales_data"))
        .collect();
    all.push(student("c", "customer_data"));
    let proof = api_check().proof;
    assert_eq!(to_prove(&proof, &deployed(), &all, &none, None), [0, 9]);
    all[0].0 = Starter::Api;
    assert_eq!(to_prove(&proof, &deployed(), &all, &none, None), [9]);
    all[9].0 = Starter::Person;
    assert_eq!(
        to_prove(&proof, &deployed(), &all, &none, None),
        [] as [usize; 0]
    );
    let three = any(json!({"started_by": "api", "count": 3})).proof;
    assert_eq!(to_prove(&three, &deployed(), &all, &none, None), [1, 2]);
    let asked = Facts {
        starts_unknown: [(all[1].1.arn.clone(), StartUnknown::NotYet)].into(),
        ..Facts::default()
    };
    assert_eq!(to_prove(&three, &deployed(), &all, &asked, None), [2, 3]);
    let whoever = any(json!({"count": 30})).proof;
    assert_eq!(
        to_prove(&whoever, &deployed(), &all, &none, None),
        [] as [usize; 0]
    );
}

#[test]
fn what_may_be_homerooms_neither_counts_nor_turns_unknown_into_failed() {
    let unclear = |n: usize| {
        let one = |i| {
            (
                Starter::Unclear,
                execution(&format!("u{i}"), ExecutionStatus::Succeeded),
            )
        };
        (0..n).map(one).collect::<Vec<_>>()
    };
    let two = any(json!({"count": 2}));
    assert_eq!(
        verdict(&two, unclear(1)),
        Verdict::Fail,
        "one changes nothing"
    );
    let result = evaluate(&two, &deployed(), &facts(unclear(2)));
    assert_eq!(result.verdict, Verdict::CouldNotCheck);
    assert!(
        texts(&result)[0].contains("no record"),
        "{:?}",
        texts(&result)
    );
    let elsewhere = Facts {
        records_elsewhere: true,
        ..facts(unclear(2))
    };
    let result = evaluate(&two, &deployed(), &elsewhere);
    assert_eq!(result.verdict, Verdict::Fail, "the instructor knows them");
    let mut own = unclear(5);
    own.push((Starter::Person, execution("a", ExecutionStatus::Succeeded)));
    own.push((Starter::Person, execution("b", ExecutionStatus::Succeeded)));
    assert_eq!(verdict(&two, own), Verdict::Pass);
}

#[test]
fn what_lies_beyond_the_listing_is_not_a_fail() {
    let mut read = facts(vec![by_api("a", "sales_data")]);
    read.cut_off.insert("m".into(), 2000);
    let result = evaluate(&api_check(), &deployed(), &read);
    assert_eq!(result.verdict, Verdict::CouldNotCheck);
    let last = texts(&result).pop().unwrap();
    assert!(last.contains("more than 2000 executions"), "{last}");
    let one = evaluate(&any(json!({"count": 1})), &deployed(), &read);
    assert_eq!(one.verdict, Verdict::Pass);
}

#[test]
fn what_aws_does_not_show_yet_is_said_and_is_not_a_fail() {
    let failed = any(json!({"status": "FAILED", "error": "ProcessingFailed"}));
    let mut read = facts(vec![(
        Starter::Api,
        execution("x", ExecutionStatus::Failed),
    )]);
    let arn = execution("x", ExecutionStatus::Failed).arn;
    read.unsettled
        .insert(arn, "AWS does not show its error yet".into());
    let result = evaluate(&failed, &deployed(), &read);
    assert_eq!(result.verdict, Verdict::CouldNotCheck);
    assert_eq!(
        texts(&result),
        ["1 execution could not be read: AWS does not show its error yet"]
    );
    let Some(Reading::Seen(all)) = read.executions.get("m") else {
        panic!("the facts have executions");
    };
    assert_eq!(
        next_to_describe(&failed.proof, &deployed(), all, &read, None),
        None
    );
}

#[test]
fn a_changed_trigger_is_said_beside_what_its_log_proves() {
    let mut read = facts(vec![
        by_api("a", "sales_data"),
        by_api("b", "customer_data"),
    ]);
    read.trigger_changed = Some(Change {
        resource: "Lambda function f".into(),
        summary: "is not as deployed: code".into(),
        diff: Vec::new(),
    });
    let result = evaluate(&api_check(), &deployed(), &read);
    assert_eq!(result.verdict, Verdict::Pass);
    assert!(texts(&result).last().unwrap().contains("not as deployed"));
}

#[test]
fn log_events_that_something_hides_could_not_be_checked() {
    let hidden = logs(Reading::Seen(LogSight::Hidden("homeroom's own ran".into())));
    let result = evaluate(&log_check(), &deployed(), &hidden);
    assert_eq!(result.verdict, Verdict::CouldNotCheck);
    assert_eq!(texts(&result), ["f: homeroom's own ran"]);
    let own = execution("y", ExecutionStatus::Succeeded);
    let naming = logs(Reading::Seen(LogSight::Naming(
        Starter::Person,
        Box::new(own),
    )));
    let result = evaluate(&log_check(), &deployed(), &naming);
    assert_eq!(result.verdict, Verdict::Pass);
    assert!(texts(&result)[0].ends_with("a log event of f names it"));
}

/// What the instructor is told about a stack that fails `resources-ready`.
fn instructed(plan: &StudentPlan, facts: &Facts) -> (Verdict, String) {
    let check = check(json!({ "kind": "resources-ready" }));
    let result = evaluate(&check, plan, facts);
    assert_eq!(result.hint, "h", "the student's hint is the lab's");
    (result.verdict, result.instructor_hint().to_owned())
}

#[test]
fn the_instructor_is_told_the_act_that_mends_the_stack() {
    use Found::{Conflict, Create, Keep, NoChange, Unknown, Update};
    let not_ready = |state: &str, reason: Option<&str>| Facts {
        functions_not_ready: vec![(
            "user1-x".into(),
            Reading::Seen(NotReady::State(state.into(), reason.map(str::to_owned))),
        )],
        ..Facts::default()
    };
    let as_seen = Facts::default;
    let function = Kind::Function;
    let role = Kind::Role;
    for (items, facts, verdict, expected) in [
        (
            vec![(role, Create), (function, Create)],
            as_seen(),
            Verdict::Fail,
            "`homeroom deploy --students user1` makes the stack",
        ),
        (
            vec![(role, NoChange), (function, Create)],
            as_seen(),
            Verdict::Fail,
            "`homeroom deploy --students user1` puts back what is missing",
        ),
        (
            vec![(Kind::LogGroup, Update), (function, Keep)],
            as_seen(),
            Verdict::Fail,
            "What the student changed stays",
        ),
        (
            vec![(function, Keep)],
            not_ready("Failed", None),
            Verdict::Fail,
            "`homeroom deploy --reset --students user1` puts the stack back",
        ),
        (
            vec![(function, NoChange)],
            not_ready("Failed", None),
            Verdict::Fail,
            "Lambda console",
        ),
        (
            vec![(function, NoChange)],
            not_ready("Pending", Some("Creating")),
            Verdict::Fail,
            "`homeroom status --students user1` again",
        ),
        (
            vec![(role, Conflict), (function, Create)],
            as_seen(),
            Verdict::Fail,
            "touches nothing that is not provably this student's",
        ),
        (
            vec![(role, NoChange), (function, Unknown)],
            as_seen(),
            Verdict::CouldNotCheck,
            "clear up the cause",
        ),
    ] {
        let (seen, hint) = instructed(&plan(&items), &facts);
        assert_eq!(seen, verdict, "{items:?}");
        assert!(hint.contains(expected), "{items:?}: {hint}");
        assert!(!hint.contains("delete"), "{hint}");
    }
}

#[test]
fn a_lab_s_own_hint_for_the_instructor_stands() {
    let check = Check {
        instructor_hint: Some("own words".into()),
        ..check(json!({ "kind": "resources-exist" }))
    };
    let plan = plan(&[(Kind::Role, Found::Create)]);
    let result = evaluate(&check, &plan, &Facts::default());
    assert_eq!(result.instructor_hint(), "own words");
    let passed = evaluate(&check, &deployed(), &Facts::default());
    assert_eq!((passed.hint.as_str(), passed.instructor_hint()), ("", ""));
}

#[test]
fn nothing_is_there_only_where_that_was_seen() {
    use Found::{Conflict, Create, NoChange, Unknown};
    let exist = check(json!({ "kind": "resources-exist" }));
    let stack = Check {
        work: Work::Stack,
        ..exist
    };
    for (second, nothing_there, verdict, progress) in [
        (Create, true, Verdict::Fail, Progress::Broken),
        (NoChange, false, Verdict::Fail, Progress::Broken),
        // Somebody else's, under the student's name: the instructor's to settle.
        (Conflict, false, Verdict::Fail, Progress::Broken),
        // Not there, or only not seen.
        (Unknown, false, Verdict::CouldNotCheck, Progress::Unknown),
    ] {
        let plan = plan(&[(Kind::Role, Create), (Kind::Function, second)]);
        assert_eq!(plan.nothing_there(), nothing_there, "{second:?}");
        let result = evaluate(&stack, &plan, &Facts::default());
        assert_eq!(result.verdict, verdict, "{second:?}");
        assert_eq!(Progress::of(&[result]), progress, "{second:?}");
    }
    assert!(!plan(&[]).nothing_there());
}

/// When the executions of [`execution`] start.
const START_MS: i64 = 1_763_870_000_000;

fn after(mut one: (Starter, Execution), ms: i64) -> (Starter, Execution) {
    one.1.started_ms += ms;
    one.1.stopped_ms = one.1.stopped_ms.map(|stopped| stopped + ms);
    one
}

/// What [`api_check`] earned by executions until a second after the first could start; the check gives credit for each.
fn on_time(check: &Check, facts: &Facts) -> Option<Points> {
    let due = Timestamp::from_millisecond(START_MS + 1_000).unwrap();
    let judged = earned_on_time(check, &deployed(), &facts.until(START_MS + 1_000), due)?;
    assert_eq!(judged.due, due);
    Some(judged.earned)
}

fn check_in_parts() -> Check {
    Check {
        credit: Credit::Each,
        points: Points::whole(10),
        ..api_check()
    }
}

#[test]
fn work_is_on_time_by_its_start_to_the_very_millisecond() {
    let check = check_in_parts();
    for (start_ms, earned) in [(0, 10), (1_000, 10), (1_001, 5)] {
        let second = after(by_api("b", "customer_data"), start_ms);
        let facts = facts(vec![second, by_api("a", "sales_data")]);
        assert_eq!(
            evaluate(&check, &deployed(), &facts).earned,
            Points::whole(10)
        );
        let earned = Some(Points::whole(earned));
        assert_eq!(on_time(&check, &facts), earned, "{start_ms}");
    }
}

#[test]
fn what_ran_when_work_was_due_and_ended_well_later_is_on_time() {
    let check = any(json!({ "status": "SUCCEEDED", "count": 1 }));
    let mut running = by_api("a", "sales_data");
    running.1.stopped_ms = Some(START_MS + 3_600_000);
    assert_eq!(
        on_time(&check, &facts(vec![running.clone()])),
        Some(Points::whole(1))
    );
    running.1.status = ExecutionStatus::Running;
    assert_eq!(on_time(&check, &facts(vec![running])), Some(Points::ZERO));
}

#[test]
fn what_of_work_on_time_could_not_be_read_is_unknown_and_not_late() {
    let check = check_in_parts();
    let late = |data| after(by_api(data, data), 2_000);
    let mut early = by_api("b", "sales_data");
    early.1.detail = None;
    let mut read = facts(vec![late("customer_data"), late("sales_data"), early]);
    assert_eq!(evaluate(&check, &deployed(), &read).verdict, Verdict::Pass);
    assert_eq!(on_time(&check, &read), None);
    read.executions
        .insert("m".into(), Reading::Unseen("denied".into()));
    assert_eq!(on_time(&check, &read), None);
}

#[test]
fn what_work_on_time_needs_is_asked_after_all_work_needs_nothing() {
    let check = api_check();
    let late = |data| after(by_api(data, data), 2_000);
    let mut early = by_api("b", "sales_data");
    early.1.detail = None;
    let mut all = vec![late("customer_data"), late("sales_data"), early];
    let none = Facts::default();
    let next = |all: &[_], until| next_to_describe(&check.proof, &deployed(), all, &none, until);
    assert_eq!(next(&all, None), None);
    assert_eq!(next(&all, Some(START_MS)), Some(2));
    all[2] = by_api("b", "sales_data");
    all[2].0 = Starter::Student;
    assert_eq!(next(&all, Some(START_MS)), None);
    let prove = |until| to_prove(&check.proof, &deployed(), &all, &none, until);
    assert_eq!(prove(None), [] as [usize; 0]);
    assert_eq!(prove(Some(START_MS)), [2]);
}

#[test]
fn a_log_event_is_as_late_as_its_execution_and_one_of_none_is_not_late() {
    let check = check(json!({
        "kind": "log-events", "functions": ["f"], "own_execution_of": "m"
    }));
    let early = by_api("a", "sales_data");
    let late = after(by_api("b", "sales_data"), 2_000);
    let key: LogKey = (Some("m".into()), "f".into());
    let naming = |one: &(Starter, Execution)| LogSight::Naming(one.0, Box::new(one.1.clone()));
    let mut read = facts(vec![late.clone(), early.clone()]);
    read.log_events
        .insert(key.clone(), Reading::Seen(naming(&early)));
    assert_eq!(on_time(&check, &read), Some(Points::whole(1)));
    read.log_events
        .insert(key.clone(), Reading::Seen(LogSight::Any));
    assert_eq!(on_time(&check, &read), Some(Points::whole(1)));
    read.log_events
        .insert(key.clone(), Reading::Seen(naming(&late)));
    for (sight, earned) in [
        (Reading::Seen(LogSight::Nothing), Some(Points::ZERO)),
        (Reading::Seen(naming(&early)), Some(Points::whole(1))),
        (Reading::Unseen("denied".into()), None),
    ] {
        read.log_events_until_due.insert(key.clone(), sight);
        assert_eq!(on_time(&check, &read), earned);
    }
    read.executions
        .insert("m".into(), Reading::Seen(vec![late]));
    assert_eq!(on_time(&check, &read), Some(Points::ZERO));
}

#[test]
fn invocations_are_counted_and_an_unread_log_is_no_zero() {
    let proof =
        json!({"kind": "invocations", "function": "f", "line": {"/message": "done"}, "count": 2});
    let check = check(proof);
    let key = (
        "f".to_owned(),
        BTreeMap::from([("/message".to_owned(), "done".to_owned())]),
    );
    let judged = |reading: Option<Reading<InvocationLines>>| {
        let facts = Facts {
            invocations: reading
                .map(|reading| (key.clone(), reading))
                .into_iter()
                .collect(),
            ..Facts::default()
        };
        evaluate(&check, &plan(&[]), &facts)
    };
    let seen = |count, cut_off| {
        Some(Reading::Seen(InvocationLines {
            count,
            doubt: None,
            cut_off,
        }))
    };
    assert_eq!(judged(seen(2, true)).verdict, Verdict::Pass);
    let one = judged(seen(1, false));
    assert_eq!(one.verdict, Verdict::Fail);
    assert_eq!(
        one.evidence[0].text,
        "the log of f shows 1 invocation of the student's own, of 2"
    );
    assert_eq!(judged(seen(1, true)).verdict, Verdict::CouldNotCheck);
    assert_eq!(judged(None).verdict, Verdict::CouldNotCheck);
    let unseen = judged(Some(Reading::Unseen("AccessDenied".to_owned())));
    assert_eq!(unseen.verdict, Verdict::CouldNotCheck);
}
