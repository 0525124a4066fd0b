//! What goes wrong: one request a call, errors classified, counts true.

use homeroom::aws::pacing::{Overrides, Pace};
use homeroom::aws::stop::Stop;
use homeroom::aws::{Client, ErrorKind, Operation};
use homeroom::events::Event;
use homeroom::stack::credentials::AccessKey;
use tokio::sync::mpsc;

use std::collections::BTreeMap;
use std::time::Duration;

use crate::adapter::fixtures::*;
use strict_aws::{Fault, Rule, StrictAws};

/// One call of each protocol, with what it is called.
async fn one_of_each(cloud: &Client) -> Vec<(&'static str, ErrorKind)> {
    vec![
        ("iam:GetRole", kind(cloud.get_role("x").await)),
        ("lambda:GetFunction", kind(cloud.get_function("x").await)),
        (
            "states:DescribeStateMachine",
            kind(cloud.describe_state_machine(&machine_arn()).await),
        ),
        ("apigateway:GetStages", kind(cloud.stages("x").await)),
        (
            "logs:DeleteLogGroup",
            kind(cloud.delete_log_group("x").await),
        ),
    ]
}

#[tokio::test(start_paused = true)]
async fn every_fault_is_classified_after_exactly_one_request() {
    for (fault, expected) in [
        (Fault::Throttle, ErrorKind::Throttled),
        (Fault::ServerError, ErrorKind::Ambiguous),
        (Fault::ServerErrorAfterEffect, ErrorKind::Ambiguous),
        (Fault::Reset, ErrorKind::Ambiguous),
        (Fault::LoseAnswer, ErrorKind::Ambiguous),
        (Fault::Slow(Duration::from_secs(3600)), ErrorKind::Ambiguous),
        (Fault::Refuse, ErrorKind::Unreachable),
        (Fault::AccessDenied, ErrorKind::AccessDenied),
        (
            Fault::Error {
                status: 403,
                code: "ExpiredTokenException",
                message: "The security token included in the request is expired",
            },
            ErrorKind::Credentials,
        ),
    ] {
        let aws = StrictAws::new();
        aws.inject(Rule::any().fault(fault.clone()));
        let cloud = aws.cloud().await;
        for (operation, seen) in one_of_each(&cloud).await {
            assert_eq!(seen, expected, "{fault:?} on {operation}");
            assert_eq!(
                aws.count(operation),
                1,
                "{fault:?} on {operation}: requests on the wire"
            );
            assert_eq!(
                cloud.calls()[operation],
                1,
                "{fault:?} on {operation}: counted"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_leaves_its_effect_behind_and_a_reset_does_not() {
    let aws = StrictAws::new();
    let cloud = aws.cloud().await;
    aws.inject(Rule::on("logs:CreateLogGroup").times(1).fault(Fault::Reset));
    aws.inject(
        Rule::on("logs:CreateLogGroup")
            .times(1)
            .fault(Fault::LoseAnswer),
    );
    for remaining in [0, 1] {
        assert_eq!(
            kind(cloud.create_log_group("g", &tags()).await),
            ErrorKind::Ambiguous
        );
        assert_eq!(aws.snapshot().len(), remaining);
    }
}

#[tokio::test(start_paused = true)]
async fn a_killed_client_is_never_answered_and_the_cloud_stays_as_it_was_left() {
    let aws = StrictAws::new();
    let cloud = aws.cloud().await;
    aws.kill_after(2);
    let run = async {
        for name in ["a", "b", "c"] {
            cloud.create_log_group(name, &tags()).await.unwrap();
        }
    };
    tokio::select! {
        () = run => panic!("the run was to be cut off"),
        () = aws.killed() => {}
    }
    assert_eq!(aws.snapshot().len(), 2);
    aws.revive();
    cloud.create_log_group("c", &tags()).await.unwrap();
    assert_eq!(aws.snapshot().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn random_faults_are_the_same_for_the_same_seed() {
    let mut outcomes = Vec::new();
    for _ in 0..2 {
        let aws = StrictAws::new();
        aws.inject(Rule::seeded(42, 0.3).fault(Fault::Throttle));
        let cloud = aws.cloud().await;
        let mut outcome = Vec::new();
        for _ in 0..50 {
            outcome.push(cloud.log_groups_page("", None).await.is_ok());
        }
        outcomes.push(outcome);
    }
    assert_eq!(outcomes[0], outcomes[1]);
    let failed = outcomes[0].iter().filter(|ok| !**ok).count();
    assert!(
        (5..=25).contains(&failed),
        "{failed} of 50 at a probability of 0.3"
    );
}

#[tokio::test(start_paused = true)]
async fn counts_are_those_of_the_wire() {
    let aws = StrictAws::new();
    let cloud = aws.cloud().await;
    aws.inject(Rule::on("iam:GetRole").times(1).fault(Fault::Throttle));
    one_of_each(&cloud).await;
    one_of_each(&cloud.clone()).await;
    let mut wire: BTreeMap<String, u64> = BTreeMap::new();
    for call in aws.calls() {
        *wire.entry(call.operation).or_default() += 1;
    }
    assert_eq!(cloud.calls(), wire);
    assert_eq!(wire.values().sum::<u64>(), 10);
}

#[tokio::test(start_paused = true)]
async fn the_backdoor_meets_no_faults_no_waiting_and_no_log() {
    let aws = StrictAws::new();
    aws.inject(Rule::any().fault(Fault::ServerError));
    let seed = aws.backdoor().await;
    seed.create_role(&role("user1-worker", "lambda.amazonaws.com"), PATH, &tags())
        .await
        .unwrap();
    seed.create_function(&new_function(&function()))
        .await
        .unwrap();
    seed.update_function_code("user1-f", &code(b"mine"))
        .await
        .unwrap();
    assert_eq!(aws.calls(), []);
    let before = aws.state_of("user1-");
    aws.heal();
    let cloud = aws.cloud().await;
    assert_eq!(cloud.get_function("user1-f").await.unwrap().state, "Active");
    assert_eq!(aws.state_of("user1-"), before);
    cloud.delete_function("user1-f").await.unwrap();
    assert_ne!(aws.state_of("user1-"), before);
}

#[tokio::test(start_paused = true)]
async fn in_a_run_the_same_calls_are_made_again_whoever_makes_them() {
    let aws = StrictAws::new();
    let outside = aws.cloud().await;
    let (events, mut told) = mpsc::unbounded_channel();
    let client = outside.in_run(Pace::Unlimited, Overrides::new(), Stop::new(), events);
    let key = AccessKey {
        id: "AKIAI44QH8DHBEXAMPLE".into(),
        secret: "secret".into(),
    };
    for caller in [client.clone(), client.with_access_key(&key)] {
        aws.inject(Rule::on("iam:GetRole").times(2).fault(Fault::Throttle));
        assert_eq!(kind(caller.get_role("x").await), ErrorKind::NotFound);
        for expected in ["retried", "retried", "failed"] {
            let event = told.try_recv().unwrap();
            match (&event, expected) {
                (Event::CallRetried { operation, .. }, "retried")
                | (Event::CallFailed { operation, .. }, "failed") => {
                    assert_eq!(*operation, "iam:GetRole");
                }
                _ => panic!("{event:?}, and not {expected}"),
            }
        }
    }
    assert_eq!(aws.count("iam:GetRole"), 6);
    assert_eq!(client.done(), [(Operation::GetRole, 2)].into());
    // Without a run nobody hears of anything, and nothing is tried again.
    aws.inject(Rule::on("iam:GetRole").times(1).fault(Fault::Throttle));
    assert_eq!(kind(outside.get_role("x").await), ErrorKind::Throttled);
    assert!(told.try_recv().is_err());
    assert_eq!(aws.count("iam:GetRole"), 7);
}
