//! A student with thousands of executions costs a bounded reading, is not guessed about, and delays nobody else.

use homeroom::report::{Account, Document, Proposing, ReportStudent};
use tokio::time::Instant;

use super::*;
use strict_aws::Spread;

const FLOOD: usize = 20_000;

#[tokio::test(start_paused = true)]
async fn hundreds_of_executions_are_read_on_by_the_next_reading() {
    let class = Class::deployed(1).await;
    let other = json!({"source": "api", "dataType": "other"});
    class
        .aws
        .flood("user1-simple-workflow", 130, "api-x-", &other);
    let mut cache = class.empty_cache();
    let mut verdicts = Vec::new();
    for _ in 0..3 {
        tokio::time::advance(Duration::from_secs(60)).await;
        let (read, calls) = class.read(cache).await;
        assert!(calls.for_students() <= 70, "{:?}", calls.0);
        verdicts.push(verdict(&read, "api-valid-data"));
        cache = read.cache;
    }
    use Verdict::{CouldNotCheck, Fail};
    assert_eq!(verdicts, [CouldNotCheck, CouldNotCheck, Fail]);
}

/// A class on an account with AWS's quotas and its distance.
async fn far_away(size: usize) -> Class {
    let class = Class::deployed(size).await;
    class.work().await;
    class
}

async fn timed(class: &Class) -> (ReadClass, Calls, Duration) {
    let (sender, _events) = mpsc::unbounded_channel();
    let cloud = class.aws.cloud().await;
    let pace = Pace::Scaled(1.0);
    let client = cloud.in_run(pace, Overrides::new(), Stop::new(), sender);
    let began = Instant::now();
    let (read, calls) = class.read_by(&client, class.empty_cache()).await;
    (read, calls, began.elapsed())
}

#[tokio::test(start_paused = true)]
async fn twenty_thousand_executions_of_one_delay_nobody_else() {
    let class = far_away(30).await;
    class
        .aws
        .timings(|timings| timings.travel = Spread::exactly(Duration::from_millis(50)));
    let (honest, _, alone) = timed(&class).await;

    let other = json!({"userId": "user1", "dataType": "other", "source": "api"});
    class
        .aws
        .flood("user1-simple-workflow", FLOOD, "api-user1-", &other);
    let (read, calls, flooded) = timed(&class).await;
    // The endpoint's own listing: two pages more.
    assert!(
        flooded <= 3 * alone + Duration::from_secs(1),
        "{flooded:?} after {alone:?}"
    );
    assert!(calls.0["states:ListExecutions"] <= 30 + 2, "{:?}", calls.0);
    assert_eq!(read.students[1..], honest.students[1..], "the others' rows");

    let student = &read.students[0];
    assert_eq!(student.executions.len(), 20);
    assert!(student.executions_cut_off && student.executions_left_out > 1_000);
    for id in [
        "console-test",
        "api-valid-data",
        "error-handling",
        "results-and-logs",
    ] {
        let check = check(student, id);
        assert_eq!(check.verdict, Verdict::CouldNotCheck, "{id}: {check:?}");
        let said = check
            .evidence
            .iter()
            .any(|e| e.text.contains("more than 2000 executions"));
        assert!(said, "{id}: {check:?}");
    }
    assert_eq!(verdict(&read, "several-executions"), Verdict::Pass);
}

#[tokio::test(start_paused = true)]
async fn what_was_seen_before_a_flood_still_counts_after_it() {
    let class = far_away(1).await;
    let (before, _) = class.read(class.empty_cache()).await;
    assert_eq!(before.students[0].progress, Progress::Complete);
    class.aws.flood(
        "user1-simple-workflow",
        FLOOD,
        "api-user1-",
        &json!({"dataType": "other"}),
    );
    let (after, _) = class.read(before.cache).await;
    for id in ["api-valid-data", "error-handling", "results-and-logs"] {
        let check = check(&after.students[0], id);
        assert_eq!(check.verdict, Verdict::Pass, "{id}: {check:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_report_of_a_flooded_student_holds_what_is_shown_and_no_more() {
    let class = far_away(1).await;
    let filler = "x".repeat(4_000);
    let input = json!({"userId": "user1", "dataType": "other", "filler": filler});
    class
        .aws
        .flood("user1-simple-workflow", FLOOD, "api-user1-", &input);
    let (read, _) = class.read(class.empty_cache()).await;
    let report = Document {
        left: Vec::new(),
        departed: Vec::new(),
        class: class.desired.class.clone(),
        lab: class.desired.lab.clone(),
        lab_title: class.lab.title().to_owned(),
        account: Account {
            id: ACCOUNT.into(),
            alias: None,
        },
        region: REGION.into(),
        places: Vec::new(),
        taken_at: "2026-01-01T00:00:00Z[UTC]".parse().unwrap(),
        ends: None,
        validated_at: None,
        students: vec![ReportStudent {
            student: class.students[0].clone(),
            progress: read.students[0].clone(),
            validate: Vec::new(),
        }],
        notes: Vec::new(),
        gaps: Vec::new(),
        since: None,
        proposing: Proposing::default(),
    };
    let text = report.to_json().unwrap();
    assert!(text.len() < 300_000, "{}", text.len());
    let document: Value = serde_json::from_str(&text).unwrap();
    let student = &document["students"][0];
    assert_eq!(student["executions"].as_array().unwrap().len(), 20);
    assert_eq!(student["executions_cut_off"], true);
}
