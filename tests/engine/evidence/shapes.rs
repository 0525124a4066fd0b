//! A lab without workflow and API: a function is invoked by itself, and its own log tells who did it.

use std::path::Path;

use homeroom::lab::ScriptedStep;
use tokio::time::Instant;

use super::*;

/// The lab of a function alone, for functions that answer with their own name and the event, and log that.
fn lab() -> Lab {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/labs/function");
    let folder = tempfile::tempdir().unwrap();
    let files = [
        "templates/lab.toml",
        "templates/trust.json",
        "templates/worker.json",
        "templates/question.json",
        "templates/silence.json",
        "templates/probe.json",
        "lambdas/answer/app.py",
    ];
    for file in files {
        let mut text = std::fs::read_to_string(from.join(file)).unwrap();
        for (own, other) in [
            (
                "{ \"/answer\" = 42, \"/to/0\" = \"you\" }",
                "{ \"/event/to/0\" = \"you\" }",
            ),
            ("{ \"/answer\" = \"ask something\" }", "{ \"/event\" = {} }"),
            (
                "{ \"/answer\" = 42 }",
                "{ \"/event/question\" = \"six by nine\" }",
            ),
            (
                "{ \"/message\" = \"answered\" }",
                "{ \"/event/question\" = \"six by nine\" }",
            ),
            // The nonce alone tells homeroom's question from a student's.
            ("{{ username }} asks", "six by nine"),
        ] {
            text = text.replace(own, other);
        }
        let to = folder.path().join(file);
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::write(to, text).unwrap();
    }
    bundle::load(Some(folder.path())).unwrap()
}

#[tokio::test(start_paused = true)]
async fn invocations_of_the_students_own_count_and_homerooms_do_not() {
    let class = Class::deployed_with(lab(), 1).await;
    let (results, recorded) = class.validate_one(0).await;
    let wrong = results
        .iter()
        .find(|result| result.verdict != Verdict::Pass);
    assert_eq!(wrong, None);
    let mut cache = class.empty_cache();
    let student = class.students[0].username.clone();
    cache.homeroom.insert(student, recorded);
    let (read, _) = class.read(cache).await;
    let progress = |read: &ReadClass| read.students[0].progress;
    assert_eq!(progress(&read), Progress::NotStarted);
    class
        .aws
        .log("user1-answer", r#"{"event": {"question": "six by nine"}}"#);
    let (read, _) = class.read(read.cache).await;
    assert_eq!(progress(&read), Progress::InProgress);
    class.work().await;
    let (read, _) = class.read(read.cache).await;
    assert_eq!(progress(&read), Progress::Complete);
    // An unread log is no zero.
    class
        .aws
        .inject(Rule::on("logs:FilterLogEvents").fault(Fault::AccessDenied));
    let (read, _) = class.read(class.empty_cache()).await;
    assert_eq!(progress(&read), Progress::Unknown);
}

#[tokio::test(start_paused = true)]
async fn a_function_that_fails_when_it_is_invoked_fails_its_probe() {
    let class = Class::deployed_with(lab(), 1).await;
    class
        .aws
        .fail_function("user1-answer", Some("[ERROR] KeyError: 'who'"));
    let (results, _) = class.validate_one(0).await;
    let probe = results
        .iter()
        .find(|result| result.id == "answers")
        .unwrap();
    assert_eq!(probe.verdict, Verdict::Fail, "{probe:?}");
    let text = &probe.evidence[0].text;
    assert!(
        text.starts_with("user1-answer failed: Exception: [ERROR] KeyError"),
        "{text}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_scripted_student_waits_for_what_no_step_started() {
    let class = Class::deployed(1).await;
    let takes = Duration::from_secs(60);
    class
        .aws
        .on_execution(move |_| strict_aws::Run::succeeds(takes));
    // As a function does it that a step invokes.
    class.post("user1", "sales").await;
    let (client, _events) = class.client().await;
    let observed = class.observed(&client).await;
    let invoked = ScriptedStep::Invoke {
        function: "user1-send-notification".to_owned(),
        payload: "{}".to_owned(),
        expect: Default::default(),
        times: 1,
    };
    let (scope, stack) = (&class.desired.scope, &class.desired.stacks[0]);
    for (steps, waited) in [(vec![], false), (vec![invoked], true)] {
        let begun = Instant::now();
        script::work(&client, scope, stack, &observed, &steps)
            .await
            .unwrap();
        assert_eq!(begun.elapsed() >= takes / 2, waited, "{steps:?}");
    }
}
