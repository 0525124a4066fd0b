//! What a validation waits for, and what it gives up at once because no waiting mends it.

use std::collections::BTreeSet;
use std::time::Duration;

use homeroom::events::Event;
use homeroom::evidence::check::{CheckResult, Verdict};
use strict_aws::{Fault, Rule};
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
    let forbidden = Fault::Error {
        status: 403,
        code: "ForbiddenException",
        message: "Forbidden",
    };
    class
        .aws
        .inject(Rule::on("execute-api:Invoke").fault(forbidden));
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
