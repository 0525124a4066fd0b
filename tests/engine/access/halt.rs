//! A freeze stops what runs and lets nothing run again; a thaw, and nothing else, brings back what stood before.

use homeroom::stack::execute::{StudentRun, execute};
use homeroom::stack::kinds::user::access;
use homeroom::stack::observe::{Depth, observe};

use super::*;

const FUNCTION: &str = "user1-process-data";

/// Shuts the class out or lets it in, as the verb does: users first, then what runs.
async fn freeze(aws: &StrictAws, class: &Class, shut: bool) -> Vec<StudentRun> {
    let (plan, runs) = class.freeze(aws, shut).await;
    assert_all_well(&runs);
    let client = client(aws.cloud().await);
    let halt = access::halt(&plan, &class.lab.name_patterns(), shut);
    execute(&client, &halt, |_, _| None).await
}

async fn reserved(aws: &StrictAws, function: &str) -> Option<u32> {
    let state = aws.backdoor().await.get_function(function).await;
    state.unwrap().reserved
}

/// Deploys, with what students changed put back where that is asked for.
async fn deploy_again(aws: &StrictAws, class: &Class, reset: bool) {
    let client = client(aws.cloud().await);
    let observed = observe(&client, &class.desired, &Depth::Deploy)
        .await
        .unwrap();
    let plan = homeroom::stack::plan::deploy::plan(&class.desired, &observed, reset);
    assert_all_well(&execute(&client, &plan, |_, _| None).await);
}

#[tokio::test(start_paused = true)]
async fn a_freeze_stops_executions_and_functions_until_the_thaw() {
    let aws = StrictAws::new();
    aws.on_execution(|_| strict_aws::Run::succeeds(Duration::from_secs(86_400)));
    let class = Class::of(&["user1", "user2"]);
    let safe = Safe::new(&aws);
    class.set_up(&aws, &safe, PLAIN).await;
    let cloud = aws.backdoor().await;
    let machine = class
        .desired
        .scope
        .state_machine_arn("user1-simple-workflow");
    cloud.start_execution(&machine, "loop", "{}").await.unwrap();
    // One of the functions had a bound of its own before.
    cloud.put_function_concurrency(FUNCTION, 7).await.unwrap();

    assert_all_well(&freeze(&aws, &class, true).await);
    let running = cloud.executions_page(&machine, true, None).await.unwrap();
    assert_eq!(running.items.len(), 0);
    assert_eq!(reserved(&aws, FUNCTION).await, Some(0));
    assert_eq!(reserved(&aws, "user2-send-notification").await, Some(0));
    // Once more changes nothing of what a thaw brings back.
    assert_all_well(&freeze(&aws, &class, true).await);

    assert_all_well(&freeze(&aws, &class, false).await);
    assert_eq!(reserved(&aws, FUNCTION).await, Some(7));
    assert_eq!(reserved(&aws, "user2-send-notification").await, None);
    let tags = cloud.get_function(FUNCTION).await.unwrap().tags;
    assert!(!tags.contains_key("homeroom:frozen"), "{tags:?}");
}

#[tokio::test(start_paused = true)]
async fn everybody_is_shut_out_before_anything_is_stopped() {
    let aws = StrictAws::new();
    let class = Class::of(&["user1", "user2", "user3"]);
    let safe = Safe::new(&aws);
    class.set_up(&aws, &safe, PLAIN).await;
    aws.clear_calls();
    assert_all_well(&freeze(&aws, &class, true).await);
    let calls: Vec<String> = aws.calls().into_iter().map(|call| call.operation).collect();
    // The listing; then the user, three functions with three calls each, and the state machine with two.
    assert_eq!(calls.len(), 1 + 3 * (1 + 9 + 2), "{calls:?}");
    let last_deny = calls.iter().rposition(|c| c == "iam:PutUserPolicy");
    let first_stop = calls.iter().position(|c| c.starts_with("lambda:"));
    assert!(last_deny < first_stop && last_deny.is_some(), "{calls:?}");
}

#[tokio::test(start_paused = true)]
async fn neither_a_deployment_nor_a_reset_lifts_a_freeze() {
    let aws = StrictAws::new();
    let class = Class::of(&["user1"]);
    let safe = Safe::new(&aws);
    class.set_up(&aws, &safe, PLAIN).await;
    assert_all_well(&freeze(&aws, &class, true).await);
    for reset in [false, true] {
        deploy_again(&aws, &class, reset).await;
        assert_eq!(reserved(&aws, FUNCTION).await, Some(0), "reset: {reset}");
    }
    assert_all_well(&freeze(&aws, &class, false).await);
    assert_eq!(reserved(&aws, FUNCTION).await, None);
}

/// One of the class's functions is deleted while everybody is shut out, and a deployment makes it again.
async fn function_made_anew(class: &Class, granted: bool) -> StrictAws {
    let aws = StrictAws::new();
    match granted {
        true => class.set_up(&aws, &Safe::new(&aws), PLAIN).await,
        false => class.deploy(&aws).await,
    }
    assert_all_well(&freeze(&aws, class, true).await);
    let cloud = aws.backdoor().await;
    cloud.delete_function(FUNCTION).await.unwrap();
    aws
}

#[tokio::test(start_paused = true)]
async fn a_function_made_for_a_frozen_student_runs_only_after_the_thaw() {
    let class = Class::of(&["user1"]);
    // The user tells, or where there is none, the other functions.
    for granted in [true, false] {
        let aws = function_made_anew(&class, granted).await;
        let client = client(aws.cloud().await);
        let plan = async || {
            let observed = observe(&client, &class.desired, &Depth::Deploy).await;
            homeroom::stack::plan::deploy::plan(&class.desired, &observed.unwrap(), false)
        };
        let deploying = plan().await;
        let said = deploying.students[0].first(Verdict::Create).unwrap();
        assert_eq!(said.why.contains("frozen"), granted, "{}", said.why);
        assert_all_well(&execute(&client, &deploying, |_, _| None).await);
        assert_eq!(reserved(&aws, FUNCTION).await, Some(0));
        let tags = aws.backdoor().await.get_function(FUNCTION).await;
        assert_eq!(tags.unwrap().tags["homeroom:frozen"], "none");
        assert_eq!(plan().await.steps(), 0, "granted: {granted}");

        assert_all_well(&freeze(&aws, &class, false).await);
        assert_eq!(reserved(&aws, FUNCTION).await, None);
        // Whoever is not shut out gets functions that run.
        let cloud = aws.backdoor().await;
        cloud.delete_function(FUNCTION).await.unwrap();
        deploy_again(&aws, &class, false).await;
        assert_eq!(reserved(&aws, FUNCTION).await, None);
    }
}

#[tokio::test(start_paused = true)]
async fn a_frozen_students_new_function_is_stopped_whenever_a_run_is_killed() {
    let lab = homeroom::lab::bundle::load(None).unwrap();
    let setting = ("reserved_concurrency".to_owned(), "2".into());
    let bound = lab.with_settings(&[setting].into()).unwrap();
    let classes = [
        (Class::of(&["user1"]), None),
        (Class::with_lab(bound, &["user1"]), Some(2)),
    ];
    for (class, before) in classes {
        for calls in 1..25 {
            let aws = function_made_anew(&class, true).await;
            aws.kill_after(calls);
            tokio::select! {
                () = deploy_again(&aws, &class, false) => {}
                () = aws.killed() => {}
            }
            aws.revive();
            deploy_again(&aws, &class, false).await;
            assert_eq!(reserved(&aws, FUNCTION).await, Some(0), "killed at {calls}");
            assert_all_well(&freeze(&aws, &class, false).await);
            assert_eq!(reserved(&aws, FUNCTION).await, before, "killed at {calls}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_freeze_that_was_cut_off_is_gone_on_with_and_thawed_whole() {
    for calls in 1..12 {
        let aws = StrictAws::new();
        let class = Class::of(&["user1"]);
        let safe = Safe::new(&aws);
        class.set_up(&aws, &safe, PLAIN).await;
        let cloud = aws.backdoor().await;
        cloud.put_function_concurrency(FUNCTION, 7).await.unwrap();
        aws.kill_after(calls);
        tokio::select! {
            _ = freeze(&aws, &class, true) => {}
            () = aws.killed() => {}
        }
        aws.revive();
        assert_all_well(&freeze(&aws, &class, true).await);
        assert_eq!(reserved(&aws, FUNCTION).await, Some(0), "killed at {calls}");
        assert_all_well(&freeze(&aws, &class, false).await);
        assert_eq!(reserved(&aws, FUNCTION).await, Some(7), "killed at {calls}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_namesake_that_is_not_the_classs_is_neither_frozen_nor_stopped() {
    let aws = StrictAws::new();
    let class = Class::of(&["user1"]);
    let safe = Safe::new(&aws);
    class.set_up(&aws, &safe, PLAIN).await;
    aws.untag_function(FUNCTION);
    let runs = freeze(&aws, &class, true).await;
    let step = runs[0]
        .steps
        .get(&ResourceId::new(Kind::Function, FUNCTION));
    assert!(
        matches!(step, Some(StepResult::Conflict { .. })),
        "{step:?}"
    );
    assert_eq!(reserved(&aws, FUNCTION).await, None);
}

#[tokio::test(start_paused = true)]
async fn what_a_freeze_or_a_thaw_does_not_find_is_told_as_absent() {
    let aws = StrictAws::new();
    let class = Class::of(&["user1", "user2"]);
    class.only(&["user1"]).deploy(&aws).await;
    for shut in [true, false] {
        let runs = freeze(&aws, &class, shut).await;
        let done = |result: &StepResult| *result == StepResult::Done;
        assert!(runs[0].steps.values().all(done), "{:?}", runs[0]);
        let absent = |result: &StepResult| *result == StepResult::Absent;
        assert!(runs[1].steps.values().all(absent), "{:?}", runs[1]);
        assert_eq!(runs[1].steps.len(), if shut { 4 } else { 3 });
    }
}

#[tokio::test(start_paused = true)]
async fn the_labs_bound_is_set_once_recorded_last_and_changed_with_the_lab() {
    let lab = |reserved: &str| {
        let lab = homeroom::lab::bundle::load(None).unwrap();
        let setting = ("reserved_concurrency".to_owned(), reserved.into());
        Class::with_lab(lab.with_settings(&[setting].into()).unwrap(), &["user1"])
    };
    // Killed between any two calls and run again, the bound stands.
    for calls in 1..40 {
        let aws = StrictAws::new();
        aws.kill_after(calls);
        let class = lab("2");
        tokio::select! {
            () = deploy_again(&aws, &class, false) => {}
            () = aws.killed() => {}
        }
        aws.revive();
        deploy_again(&aws, &class, false).await;
        assert_eq!(reserved(&aws, FUNCTION).await, Some(2), "killed at {calls}");
    }
    let aws = StrictAws::new();
    deploy_again(&aws, &lab("2"), false).await;
    aws.clear_calls();
    deploy_again(&aws, &lab("2"), false).await;
    assert_eq!(
        aws.count("lambda:PutFunctionConcurrency"),
        0,
        "again is nothing"
    );
    deploy_again(&aws, &lab("3"), false).await;
    assert_eq!(reserved(&aws, FUNCTION).await, Some(3));
    // A hand-made change shows in no listing: a reset looks.
    let cloud = aws.backdoor().await;
    cloud.put_function_concurrency(FUNCTION, 50).await.unwrap();
    deploy_again(&aws, &lab("3"), true).await;
    assert_eq!(reserved(&aws, FUNCTION).await, Some(3));
    deploy_again(&aws, &lab("off"), false).await;
    assert_eq!(reserved(&aws, FUNCTION).await, None);
}
