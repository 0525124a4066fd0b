//! What Step Functions tells of executions comes late, and the policies of a new stack are not in force at once.

use super::*;
use strict_aws::Run;

#[tokio::test(start_paused = true)]
async fn an_execution_that_is_not_known_yet_is_waited_for() {
    // The second is near the bound; an execution that takes its time has that on top.
    for (lag, takes) in [(20, 2), (55, 40)] {
        let class = Class::deployed(2).await;
        class.aws.set_execution_lag(Duration::from_secs(lag));
        class.aws.on_execution(move |input| {
            let takes = Duration::from_secs(takes);
            match input["userId"].as_str() {
                Some("") => Run::fails(takes, "ProcessingFailed", "empty"),
                _ => Run::succeeds(takes),
            }
        });
        // Asserts that every probe passes.
        class.validate().await;
        class.work().await;
    }
}

#[tokio::test(start_paused = true)]
async fn scripted_work_has_ended_when_it_says_so() {
    let class = Class::deployed(1).await;
    class.aws.set_execution_lag(Duration::from_secs(30));
    class
        .aws
        .on_execution(|_| Run::succeeds(Duration::from_secs(60)));
    class.work().await;
    let arn = &class
        .desired
        .scope
        .state_machine_arn("user1-simple-workflow");
    let cloud = class.aws.backdoor().await;
    let running = cloud.executions_page(arn, true, None).await.unwrap();
    assert_eq!(running.items, []);
}

#[tokio::test(start_paused = true)]
async fn a_probe_is_tried_again_while_a_new_policy_is_not_in_force() {
    let class = Class::deployed(1).await;
    let in_force = tokio::time::Instant::now() + Duration::from_secs(60);
    class.aws.on_execution(move |input| {
        let takes = Duration::from_secs(2);
        if tokio::time::Instant::now() < in_force {
            let why = "User: arn:aws:sts::123456789012:assumed-role/user1-workflow-role/x is not authorized to perform: \
                       lambda:InvokeFunction on resource: f";
            return Run::fails(takes, "Lambda.AWSLambdaException", why);
        }
        match input["userId"].as_str() {
            Some("") => Run::fails(takes, "ProcessingFailed", "empty"),
            _ => Run::succeeds(takes),
        }
    });
    class.validate().await;
    assert!(tokio::time::Instant::now() > in_force);
}

#[tokio::test(start_paused = true)]
async fn a_refused_permission_that_was_caught_is_tried_again_as_well() {
    let class = Class::deployed(1).await;
    let in_force = tokio::time::Instant::now() + Duration::from_secs(40);
    // The words that tell stand far back, and the Fail state has others.
    let why = format!(
        "{} is not authorized to perform: lambda:InvokeFunction on resource: f",
        "User: arn:aws:sts::123456789012:assumed-role/user1-workflow-role/x ".repeat(4)
    );
    class.aws.on_execution(move |input| {
        let takes = Duration::from_secs(2);
        if tokio::time::Instant::now() < in_force && input["userId"] != "" {
            let failed = Run::fails(takes, "ProcessingFailed", "Open the input of this state");
            return failed.after("ProcessData", "Lambda.AWSLambdaException", &why);
        }
        match input["userId"].as_str() {
            Some("") => Run::fails(takes, "ProcessingFailed", "empty"),
            _ => Run::succeeds(takes),
        }
    });
    class.validate().await;
    assert!(tokio::time::Instant::now() > in_force);
}

#[tokio::test(start_paused = true)]
async fn a_validation_waits_for_any_state_that_is_not_final() {
    let class = Class::deployed(1).await;
    let function = "user1-process-data";
    for (key, value) in [
        ("State", "ActiveNonInvocable"),
        ("LastUpdateStatus", "InProgress"),
    ] {
        class.aws.set_of_function(function, key, json!(value));
        let began = tokio::time::Instant::now();
        class.validate_one(0).await;
        assert!(began.elapsed() >= Duration::from_secs(60), "{key}");
        class.aws.set_of_function(function, key, Value::Null);
    }
}

/// A class that version 0.1.0 made, and a newer one reads: nothing that students work with is missing.
#[tokio::test(start_paused = true)]
async fn a_stack_without_the_roles_boundary_is_not_broken() {
    let class = Class::deployed(1).await;
    let cloud = class.aws.backdoor().await;
    let stack = &class.desired.stacks[0];
    for role in &stack.roles {
        cloud.delete_role_boundary(&role.name).await.unwrap();
    }
    let policy = stack.roles[0].boundary.as_ref().unwrap();
    cloud.delete_policy(policy).await.unwrap();
    let (read, _) = class.read(class.empty_cache()).await;
    assert_eq!(verdict(&read, "own-stack"), Verdict::Pass);
    assert_eq!(verdict(&read, "infrastructure"), Verdict::Pass);
}
