//! What AWS shows a little later than it is: asked again within the reading, then "could not check", and never kept.

use homeroom::evidence::cache::LOGS_SETTLED_MS;
use std::collections::BTreeSet;
use tokio::time::Instant;

use super::*;

/// Not found, though it is listed.
const NOT_YET: Fault = Fault::Error {
    status: 400,
    code: "ExecutionDoesNotExist",
    message: "Execution Does Not Exist",
};

async fn after_the_exercise() -> Class {
    let class = Class::deployed(1).await;
    class.post("", "").await;
    tokio::time::advance(Duration::from_secs(5)).await;
    class
}

#[tokio::test(start_paused = true)]
async fn an_execution_that_is_found_later_is_waited_for() {
    let class = after_the_exercise().await;
    let rule = Rule::on("states:DescribeExecution").times(3);
    class.aws.inject(rule.fault(NOT_YET));
    let began = Instant::now();
    let (read, calls) = class.read(class.empty_cache()).await;
    assert_eq!(verdict(&read, "error-handling"), Verdict::Pass);
    assert_eq!(calls.0["states:DescribeExecution"], 4);
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[tokio::test(start_paused = true)]
async fn what_is_not_found_in_time_could_not_be_checked_and_is_not_kept() {
    let class = after_the_exercise().await;
    class
        .aws
        .inject(Rule::on("states:DescribeExecution").fault(NOT_YET));
    let began = Instant::now();
    let (read, _) = class.read(class.empty_cache()).await;
    let took = began.elapsed();
    assert!((10..12).contains(&took.as_secs()), "{took:?}");
    assert_eq!(verdict(&read, "error-handling"), Verdict::CouldNotCheck);
    let said = &check(&read.students[0], "error-handling").evidence[0].text;
    assert!(
        said.contains("it is listed, and states:DescribeExecution: ExecutionDoesNotExist"),
        "{said}"
    );
    class.aws.heal();
    let (read, _) = class.read(read.cache).await;
    assert_eq!(verdict(&read, "error-handling"), Verdict::Pass);
}

#[tokio::test(start_paused = true)]
async fn a_failure_without_its_error_is_asked_again_and_never_kept() {
    let class = after_the_exercise().await;
    class.aws.hide_of_executions(&["error", "cause"]);
    let (read, calls) = class.read(class.empty_cache()).await;
    assert_eq!(verdict(&read, "error-handling"), Verdict::CouldNotCheck);
    assert!(calls.0["states:DescribeExecution"] > 5, "{:?}", calls.0);
    let said = &check(&read.students[0], "error-handling").evidence[0].text;
    assert!(said.contains("does not show its error yet"), "{said}");
    class.aws.hide_of_executions(&[]);
    let (read, _) = class.read(read.cache).await;
    assert_eq!(verdict(&read, "error-handling"), Verdict::Pass);
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_never_had_an_error_is_no_longer_waited_for() {
    let class = after_the_exercise().await;
    class.aws.hide_of_executions(&["error", "cause"]);
    tokio::time::advance(Duration::from_millis(LOGS_SETTLED_MS.unsigned_abs())).await;
    let began = Instant::now();
    let (read, calls) = class.read(class.empty_cache()).await;
    assert_eq!(verdict(&read, "error-handling"), Verdict::Fail);
    assert_eq!(calls.0["states:DescribeExecution"], 1);
    assert!(began.elapsed() < Duration::from_secs(2));
    class.aws.hide_of_executions(&[]);
    let (read, _) = class.read(read.cache).await;
    assert_eq!(
        verdict(&read, "error-handling"),
        Verdict::Pass,
        "it was not kept"
    );
}

#[tokio::test(start_paused = true)]
async fn an_input_that_is_not_there_yet_is_no_empty_input() {
    let class = Class::deployed(1).await;
    for data in ["sales_data", "customer_data", "inventory_data"] {
        class.post("u", data).await;
    }
    tokio::time::advance(Duration::from_secs(5)).await;
    class.aws.hide_of_executions(&["input"]);
    let (read, _) = class.read(class.empty_cache()).await;
    let api = check(&read.students[0], "api-valid-data");
    assert_eq!(api.verdict, Verdict::CouldNotCheck, "{api:?}");
    assert!(
        api.evidence[0].text.contains("does not show its input yet"),
        "{api:?}"
    );
    class.aws.hide_of_executions(&[]);
    let (read, _) = class.read(read.cache).await;
    assert_eq!(verdict(&read, "api-valid-data"), Verdict::Pass);
}

#[tokio::test(start_paused = true)]
async fn a_class_of_forty_waits_no_longer_than_one_student() {
    let class = Class::deployed(40).await;
    class.work().await;
    class
        .aws
        .inject(Rule::on("states:DescribeExecution").fault(NOT_YET));
    let began = Instant::now();
    let (read, _) = class.read(class.empty_cache()).await;
    let took = began.elapsed();
    assert!((10..15).contains(&took.as_secs()), "{took:?}");
    for student in &read.students {
        assert_eq!(student.progress, Progress::Unknown);
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_ends_the_wait_for_what_aws_does_not_show_yet() {
    let class = after_the_exercise().await;
    class
        .aws
        .inject(Rule::on("states:DescribeExecution").fault(NOT_YET));
    let (client, _events) = class.client().await;
    let stop = client.stop().clone();
    let began = Instant::now();
    let reading = ClassReading {
        skip: &BTreeSet::new(),
        requests_stand: &BTreeSet::new(),
        depth: &Depth::Deploy,
        lab: &class.lab,
        desired: &class.desired,
        students: &class.students,
        now_ms: class.aws.now_ms(),
        at: None,
        console: true,
        invoke_url: &|_, _| String::new(),
    };
    let read = read_class(&client, &reading, class.empty_cache());
    let stopped = async {
        tokio::time::sleep(Duration::from_secs(3)).await;
        stop.drain();
    };
    let (read, ()) = tokio::join!(read, stopped);
    assert!(read.is_err());
    assert_eq!(began.elapsed().as_secs(), 3);
}

#[tokio::test(start_paused = true)]
async fn log_events_that_have_not_come_are_asked_for_again_for_15_minutes() {
    let class = Class::deployed(1).await;
    class.aws.hold_logs_back();
    class.post("u", "sales_data").await;
    tokio::time::advance(Duration::from_secs(60)).await;
    let (first, _) = class.read(class.empty_cache()).await;
    assert_eq!(verdict(&first, "results-and-logs"), Verdict::Fail);
    assert_eq!(first.gaps, []);
    let text = &check(&first.students[0], "results-and-logs").evidence[0].text;
    assert!(text.contains("no log events yet"), "{text}");
    assert_eq!(
        verdict(&first, "api-valid-data"),
        Verdict::Fail,
        "not named yet"
    );

    let asked = |calls: &Calls| calls.0.get("logs:FilterLogEvents").copied().unwrap_or(0);
    let (second, calls) = class.read(first.cache.clone()).await;
    assert!(asked(&calls) > 0);
    // Whatever came late is seen by the next reading.
    let late = class.aws.copy();
    class.aws.let_logs_come();
    let (third, _) = class.read(second.cache.clone()).await;
    assert_eq!(verdict(&third, "results-and-logs"), Verdict::Pass);

    // What has not come by then will not come: it is not asked for any more.
    tokio::time::advance(Duration::from_millis(LOGS_SETTLED_MS.unsigned_abs())).await;
    let late = Class { aws: late, ..class };
    let (last, calls) = late.read(second.cache).await;
    assert_eq!(verdict(&last, "results-and-logs"), Verdict::Fail);
    assert!(asked(&calls) > 0);
    let (after, calls) = late.read(last.cache).await;
    assert_eq!(verdict(&after, "results-and-logs"), Verdict::Fail);
    assert_eq!(
        asked(&calls),
        3,
        "only whether the API started it, whether that log holds anything, and what was refused: {:?}",
        calls.0
    );
}

#[tokio::test(start_paused = true)]
async fn a_validation_waits_for_an_execution_that_is_not_found_yet() {
    let class = Class::deployed(1).await;
    let rule = Rule::on("states:DescribeExecution").times(8);
    class.aws.inject(rule.fault(NOT_YET));
    let (results, _) = class.validate_one(0).await;
    for result in results {
        assert_eq!(result.verdict, Verdict::Pass, "{result:?}");
    }
    class
        .aws
        .inject(Rule::on("states:DescribeExecution").fault(NOT_YET));
    let began = Instant::now();
    let (results, _) = class.validate_one(0).await;
    let direct = results
        .iter()
        .find(|r| r.id == "direct-good-input")
        .unwrap();
    assert_eq!(direct.verdict, Verdict::CouldNotCheck, "{direct:?}");
    assert!(began.elapsed() < Duration::from_secs(240));
}
