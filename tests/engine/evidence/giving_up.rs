//! What a validation waits for, and what it gives up at once because no waiting mends it.

use std::collections::BTreeSet;
use std::time::Duration;

use homeroom::events::Event;
use homeroom::evidence::check::{CheckResult, Verdict};
use strict_aws::{Fault, Rule, Run};
use tokio::time::Instant;

use crate::evidence::Class;

const TRIGGER: &str = "user1-trigger-workflow";
const SYNTAX: &str = "[ERROR] Runtime.UserCodeSyntaxError: Syntax error in module 'f': '(' was never closed (f.py, line 3)";
/// Longer than anything that was made takes to be known everywhere.
const LONG_AGO: Duration = Duration::from_secs(20 * 60);

/// What one validation finds, and how long it took.
async fn timed(class: &Class) -> (Vec<CheckResult>, Duration) {
    let began = Instant::now();
    let results = class.validate_one(0).await.0;
    (results, began.elapsed())
}

/// What the API answers by itself.
fn answers(status: u16) -> Rule {
    Rule::on("execute-api:Invoke").fault(Fault::Error {
        status,
        code: "Refused",
        message: "Refused",
    })
}

/// Executions take 20 seconds.
fn slow(input: &serde_json::Value) -> Run {
    let takes = Duration::from_secs(20);
    match input["userId"] == "" {
        true => Run::fails(takes, "ProcessingFailed", "x"),
        false => Run::succeeds(takes),
    }
}

fn not_passed(results: &[CheckResult]) -> Vec<&CheckResult> {
    let all = results.iter();
    all.filter(|check| check.verdict != Verdict::Pass).collect()
}

#[tokio::test(start_paused = true)]
async fn code_that_cannot_be_loaded_is_told_at_once_and_as_one_cause() {
    let class = Class::deployed(1).await;
    tokio::time::advance(Duration::from_secs(30)).await;
    class.aws.fail_function(TRIGGER, Some(SYNTAX));
    let (results, took) = timed(&class).await;
    assert!(took < Duration::from_secs(20), "{took:?}");
    let failed = not_passed(&results);
    let ids: Vec<&str> = failed.iter().map(|check| check.id.as_str()).collect();
    let by_it = [
        "api-good-input",
        "api-malformed-input",
        "api-missing-field",
        "log-events",
    ];
    assert_eq!(ids, by_it);
    let said: BTreeSet<&str> = failed
        .iter()
        .map(|check| check.evidence[0].text.as_str())
        .collect();
    let cause = format!(
        "Lambda function {TRIGGER} cannot begin: {}",
        SYNTAX.trim_start_matches("[ERROR] ")
    );
    assert_eq!(said, BTreeSet::from([cause.as_str()]));
    assert_eq!(failed[0].verdict, Verdict::Fail);
    assert!(failed[0].hint.contains("corrects what the error names"));
    // One request told it; the others were not sent.
    assert!(class.aws.count("execute-api:Invoke") < 8);
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_may_mend_itself_is_waited_for_on_a_young_stack() {
    let class = Class::deployed(1).await;
    class
        .aws
        .fail_function(TRIGGER, Some("[ERROR] KeyError: 'body'"));
    let mended = async {
        tokio::time::sleep(Duration::from_secs(70)).await;
        class.aws.fail_function(TRIGGER, None);
    };
    let ((results, took), ()) = tokio::join!(timed(&class), mended);
    assert!(not_passed(&results).is_empty(), "{results:?}");
    assert!(took > Duration::from_secs(70), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_line_about_code_that_was_replaced_since_proves_nothing() {
    let class = Class::deployed(1).await;
    tokio::time::advance(Duration::from_secs(30)).await;
    class.aws.log(TRIGGER, SYNTAX);
    tokio::time::advance(Duration::from_secs(10)).await;
    let functions = &class.desired.stacks[0].functions;
    let trigger = functions.iter().find(|spec| spec.name == TRIGGER).unwrap();
    let cloud = class.aws.backdoor().await;
    let written = cloud.update_function_code(TRIGGER, &trigger.code).await;
    written.unwrap();
    class.aws.fail_function(TRIGGER, Some("no reason"));
    let (results, _) = timed(&class).await;
    let good = results.iter().find(|check| check.id == "api-good-input");
    let text = &good.unwrap().evidence[0].text;
    assert!(text.starts_with("POST /process answered 502"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn an_old_stack_that_is_refused_is_not_waited_for_as_a_new_one_is() {
    let class = Class::deployed(1).await;
    class.aws.inject(answers(403));
    let (_, young) = timed(&class).await;
    assert!(young > Duration::from_secs(120), "{young:?}");
    assert!(
        young < Duration::from_secs(150),
        "waited for once: {young:?}"
    );
    tokio::time::advance(LONG_AGO).await;
    let (results, old) = timed(&class).await;
    assert!(old < Duration::from_secs(60), "{old:?}");
    assert_eq!(
        results
            .iter()
            .filter(|c| c.verdict == Verdict::Fail)
            .count(),
        3
    );
}

#[tokio::test(start_paused = true)]
async fn a_wait_says_for_whom_and_for_what() {
    let class = Class::deployed(1).await;
    class
        .aws
        .fail_function(TRIGGER, Some("[ERROR] KeyError: 'x'"));
    let (client, mut events) = class.client().await;
    class.validate_by(&client, 0).await;
    let mut waits = Vec::new();
    while let Ok(event) = events.try_recv() {
        if let Event::StepWaiting { student, on, .. } = event {
            assert_eq!(student.as_str(), "user1");
            waits.push(on);
        }
    }
    assert_eq!(waits[0], "an answer other than 502");
    let refused = waits.iter().filter(|on| *on == &waits[0]).count();
    assert!(refused <= 3, "once a probe: {waits:?}");
}

#[tokio::test(start_paused = true)]
async fn an_execution_has_its_own_time_after_a_stage_that_was_late() {
    let class = Class::deployed(1).await;
    class.aws.on_execution(slow);
    class.aws.inject(answers(403));
    let late = async {
        tokio::time::sleep(Duration::from_secs(115)).await;
        class.aws.heal();
    };
    let ((results, _), ()) = tokio::join!(timed(&class), late);
    assert!(not_passed(&results).is_empty(), "{results:?}");
}

#[tokio::test(start_paused = true)]
async fn what_is_over_in_a_moment_is_tried_again_after_a_long_wait() {
    let class = Class::deployed(1).await;
    tokio::time::advance(LONG_AGO).await;
    class.aws.on_execution(slow);
    class.aws.inject(answers(403));
    // The first probe has given up by then, and an execution is on its way.
    let cold = async {
        tokio::time::sleep(Duration::from_secs(40)).await;
        class.aws.heal();
        class.aws.inject(answers(504).times(1));
    };
    let ((results, _), ()) = tokio::join!(timed(&class), cold);
    let failed = not_passed(&results);
    let ids: Vec<&str> = failed.iter().map(|check| check.id.as_str()).collect();
    assert_eq!(ids, ["api-good-input", "log-events"]);
}

#[tokio::test(start_paused = true)]
async fn what_homeroom_just_repaired_on_an_old_stack_is_waited_for() {
    let class = Class::deployed(1).await;
    tokio::time::advance(LONG_AGO).await;
    class.aws.inject(answers(403));
    let deployed_ms = Some(class.aws.now_ms() - 60_000);
    let (client, _events) = class.client().await;
    let in_force = async {
        tokio::time::sleep(Duration::from_secs(70)).await;
        class.aws.heal();
    };
    let validated = class.validate_deployed(&client, 0, deployed_ms);
    let (results, ()) = tokio::join!(validated, in_force);
    assert!(not_passed(&results).is_empty(), "{results:?}");
}
