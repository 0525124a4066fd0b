//! Why executions failed: from their histories, one call for each failure that is shown.

use homeroom::evidence::check::Why;

use super::*;

fn whys(read: &ReadClass, id: &str) -> Vec<String> {
    let evidence = &check(&read.students[0], id).evidence;
    let executions = evidence.iter().filter_map(|e| e.execution.as_ref());
    executions
        .filter_map(|e| e.why.as_ref())
        .map(Why::sentence)
        .collect()
}

const CAUSE: &str = "ProcessData failed with InvalidRequest: userId is missing or empty";

#[tokio::test(start_paused = true)]
async fn a_failure_that_is_shown_names_the_state_that_failed() {
    let class = Class::deployed(1).await;
    class.post("", "").await;
    tokio::time::advance(Duration::from_secs(60)).await;
    let (read, calls) = class.read(class.empty_cache()).await;
    assert_eq!(verdict(&read, "error-handling"), Verdict::Pass);
    assert_eq!(whys(&read, "error-handling"), [CAUSE]);
    let sentence = check(&read.students[0], "error-handling").evidence[0].sentence();
    assert!(sentence.contains(CAUSE), "{sentence}");
    assert_eq!(
        calls.0["states:GetExecutionHistory"], 1,
        "one call however many checks show it"
    );

    let (again, calls) = class.read(read.cache.clone()).await;
    assert_eq!(again.students, read.students);
    assert_eq!(calls.0.get("states:GetExecutionHistory"), None);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_asked_of_executions_that_are_not_shown() {
    let class = Class::deployed(1).await;
    for _ in 0..12 {
        class.post("u", "nonsense").await;
    }
    class.aws.on_execution(|_| {
        strict_aws::Run::fails(Duration::from_secs(1), "ProcessingFailed", "x").after(
            "SendNotification",
            "Boom",
            "no",
        )
    });
    for n in 0..12 {
        class.start(&format!("failed-{n}"), &json!({})).await;
    }
    tokio::time::advance(Duration::from_secs(60)).await;
    let (read, calls) = class.read(class.empty_cache()).await;
    let shown: std::collections::BTreeSet<&str> = read.students[0]
        .checks
        .iter()
        .flat_map(|check| &check.evidence)
        .filter_map(|evidence| evidence.execution.as_ref())
        .filter(|execution| execution.failed())
        .map(|execution| execution.execution.arn.as_str())
        .collect();
    assert!(!shown.is_empty() && shown.len() < 12, "{shown:?}");
    assert_eq!(calls.0["states:GetExecutionHistory"], shown.len());
}

#[tokio::test(start_paused = true)]
async fn a_history_that_may_not_be_read_says_so_and_is_asked_again() {
    let class = Class::deployed(1).await;
    class.post("", "").await;
    tokio::time::advance(Duration::from_secs(60)).await;
    class
        .aws
        .inject(Rule::on("states:GetExecutionHistory").fault(Fault::AccessDenied));
    let (denied, calls) = class.read(class.empty_cache()).await;
    assert_eq!(verdict(&denied, "error-handling"), Verdict::Pass);
    let said = whys(&denied, "error-handling").remove(0);
    assert!(
        said.starts_with("could not read its history: states:GetExecutionHistory: AccessDenied"),
        "{said}"
    );
    assert_eq!(calls.0["states:GetExecutionHistory"], 1);
    class.aws.heal();
    let (read, _) = class.read(denied.cache).await;
    assert_eq!(whys(&read, "error-handling"), [CAUSE]);

    // Nor does a refusal take away what is known.
    class
        .aws
        .inject(Rule::on("states:GetExecutionHistory").fault(Fault::AccessDenied));
    let (known, _) = class.read(read.cache).await;
    assert_eq!(whys(&known, "error-handling"), [CAUSE]);
}

#[tokio::test(start_paused = true)]
async fn a_validation_that_fails_tells_what_the_function_raised() {
    let class = Class::deployed(1).await;
    class.aws.on_execution(|input| {
        let user = input["userId"].as_str().unwrap_or_default().to_owned();
        strict_aws::Run::fails(
            Duration::from_secs(1),
            "ProcessingFailed",
            "Open the console",
        )
        .after(
            "ProcessData",
            "Runtime.ImportModuleError",
            &format!("no module for {user}"),
        )
    });
    let (results, _) = class.validate_one(0).await;
    let find = |id: &str| results.iter().find(|result| result.id == id).unwrap();
    let good = find("direct-good-input");
    assert_eq!(good.verdict, Verdict::Fail);
    assert_eq!(
        good.evidence[0].text,
        "the execution ended FAILED with error ProcessingFailed instead of SUCCEEDED: ProcessData failed with Runtime.ImportModuleError: no module for homeroom-…"
    );
    let exercise = find("error-exercise");
    assert_eq!(exercise.verdict, Verdict::Pass, "it ends as it must");
    let shown = exercise.evidence[0].execution.as_ref().unwrap();
    assert!(
        matches!(&shown.why, Some(Why::Cause(cause)) if cause.state.as_deref() == Some("ProcessData"))
    );
}
