//! CloudTrail events as evidence.

use std::fs;
use std::path::Path;
use std::time::Duration;

use homeroom::bundle;
use homeroom::domain::check::Verdict;
use homeroom::domain::lab::Lab;
use homeroom::engine::reading::ReadClass;
use homeroom::engine::trail::PAGES_MAX;
use serde_json::{Value, json};

use crate::evidence::{Class, INSTRUCTOR, check, verdict};
use strict_aws::{Fault, Rule};

const LOOKUP: &str = "cloudtrail:LookupEvents";

/// Lab 6 with one more check: the student has looked at two executions.
fn lab() -> Lab {
    let dir = tempfile::tempdir().unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for part in ["templates", "lambdas"] {
        copy(&root.join(part), &dir.path().join(part));
    }
    let manifest = dir.path().join("templates/lab.toml");
    let mut text = fs::read_to_string(&manifest).unwrap();
    text.push_str(
        r#"
[[check]]
id = "looked"
title = "Looked at executions"
work = "student"
points = 1
hint = "Open an execution in the console."
[check.proof]
kind = "cloudtrail-events"
source = "states.amazonaws.com"
events = ["DescribeExecution", "GetExecutionHistory"]
state_machine = "simple_workflow"
count = 2
"#,
    );
    fs::write(&manifest, text).unwrap();
    bundle::load(Some(dir.path())).unwrap()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

impl Class {
    /// Somebody looks at an execution of a student's.
    fn looked(&self, event: &str, who: &str, student: &str, agent: &str) {
        let machine = self
            .desired
            .scope
            .state_machine_arn(&format!("{student}-simple-workflow"));
        let execution = format!("{}:mine", machine.replace(":stateMachine:", ":execution:"));
        self.aws.record_event(json!({
            "eventName": event, "eventSource": "states.amazonaws.com", "userAgent": agent,
            "userIdentity": {"type": "IAMUser", "arn": who},
            "requestParameters": {"executionArn": execution},
        }));
    }

    fn student_looked(&self, event: &str) {
        self.looked(
            event,
            "arn:aws:iam::123456789012:user/user1",
            "user1",
            "Mozilla/5.0",
        );
    }
}

fn evidence(read: &ReadClass) -> Vec<&str> {
    let result = check(&read.students[0], "looked");
    result.evidence.iter().map(|e| e.text.as_str()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_students_own_events_prove_it_and_those_of_others_do_not() {
    let class = Class::deployed_with(lab(), 2).await;
    tokio::time::advance(Duration::from_secs(60)).await;
    let student = "arn:aws:iam::123456789012:user/user1";
    class.looked("DescribeExecution", INSTRUCTOR, "user1", "Mozilla/5.0");
    class.looked("DescribeExecution", student, "user2", "Mozilla/5.0");
    class.looked(
        "DescribeExecution",
        student,
        "user1",
        "aws-sdk-rust/1.3 app/homeroom",
    );
    class.looked("StartExecution", student, "user1", "Mozilla/5.0");
    class.student_looked("DescribeExecution");
    let (read, _) = class.read(class.empty_cache()).await;
    assert_eq!(verdict(&read, "looked"), Verdict::Fail);
    assert!(
        evidence(&read).last().unwrap().starts_with("1 of 2 events"),
        "{:?}",
        evidence(&read)
    );

    class.student_looked("GetExecutionHistory");
    let (read, calls) = class.read(read.cache).await;
    assert_eq!(verdict(&read, "looked"), Verdict::Pass);
    assert!(evidence(&read)[0].starts_with("GetExecutionHistory by user1 2026-"));
    let link = check(&read.students[0], "looked").evidence[0]
        .console_url
        .clone();
    assert!(
        link.unwrap()
            .contains("/cloudtrailv2/home?region=us-east-1#/events/00000000-")
    );
    assert_eq!(
        check(&read.students[1], "looked").verdict,
        Verdict::Fail,
        "user2 was looked at by another"
    );
    assert_eq!(
        calls.0[LOOKUP], 2,
        "one look for each event's name, for the whole class"
    );
}

#[tokio::test(start_paused = true)]
async fn events_that_were_seen_once_need_not_be_seen_again() {
    let class = Class::deployed_with(lab(), 1).await;
    tokio::time::advance(Duration::from_secs(60)).await;
    class.student_looked("DescribeExecution");
    class.student_looked("DescribeExecution");
    let (read, _) = class.read(class.empty_cache()).await;
    assert_eq!(verdict(&read, "looked"), Verdict::Pass);
    // Much later only the last half hour is asked for, and what was seen is remembered.
    tokio::time::advance(Duration::from_secs(7200)).await;
    let (read, _) = class.read(read.cache).await;
    assert_eq!(verdict(&read, "looked"), Verdict::Pass);
    assert_eq!(evidence(&read).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn events_from_before_the_stack_happened_to_somebody_elses() {
    let class = Class::deployed_with(lab(), 1).await;
    class.student_looked("DescribeExecution");
    class.student_looked("DescribeExecution");
    tokio::time::advance(Duration::from_secs(60)).await;
    let cloud = class.aws.backdoor().await;
    let machine = class
        .desired
        .scope
        .state_machine_arn("user1-simple-workflow");
    cloud.delete_state_machine(&machine).await.unwrap();
    class.deploy().await;
    let (read, _) = class.read(class.empty_cache()).await;
    assert_eq!(verdict(&read, "looked"), Verdict::Fail);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_looked_up_or_not_to_its_end_is_no_zero() {
    let class = Class::deployed_with(lab(), 1).await;
    class
        .aws
        .inject(Rule::on(LOOKUP).times(1).fault(Fault::AccessDenied));
    let (read, _) = class.read(class.empty_cache()).await;
    assert_eq!(verdict(&read, "looked"), Verdict::CouldNotCheck);
    assert!(
        evidence(&read)[0].contains("LookupEvents"),
        "{:?}",
        evidence(&read)
    );

    class.aws.heal();
    tokio::time::advance(Duration::from_secs(60)).await;
    for _ in 0..=PAGES_MAX {
        let other = json!({
            "eventName": "DescribeExecution", "eventSource": "states.amazonaws.com",
            "userIdentity": {}, "requestParameters": Value::Null,
        });
        class.aws.record_event(other);
    }
    class.aws.set_page_size(1);
    let (read, _) = class.read(class.empty_cache()).await;
    assert_eq!(verdict(&read, "looked"), Verdict::CouldNotCheck);
    assert!(
        evidence(&read)[0].contains("only the newest"),
        "{:?}",
        evidence(&read)
    );
}

#[tokio::test(start_paused = true)]
async fn a_lab_without_such_a_check_never_asks_cloudtrail() {
    let class = Class::deployed(1).await;
    let (_, calls) = class.read(class.empty_cache()).await;
    assert_eq!(calls.0.get(LOOKUP), None);
}
