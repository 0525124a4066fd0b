//! Lambda and Step Functions.

use std::time::Duration;

use homeroom::aws::execution::ExecutionStatus;
use homeroom::aws::{ErrorKind, Permission};
use homeroom::evidence::history::{Told, cause_of};
use homeroom::stack::kinds::function::Spec as Function;
use serde_json::{Value, json};

use crate::adapter::fixtures::*;
use strict_aws::{ACCOUNT, REGION, StrictAws};

#[tokio::test(start_paused = true)]
async fn a_function_reads_back_as_it_was_written() {
    let aws = StrictAws::new();
    let cloud = aws.cloud().await;
    with_roles(&cloud).await;
    let wanted = function();
    cloud.create_function(&new_function(&wanted)).await.unwrap();
    assert_eq!(
        kind(cloud.create_function(&new_function(&wanted)).await),
        ErrorKind::AlreadyExists
    );

    let pending = cloud.get_function("user1-f").await.unwrap();
    assert_eq!(pending.state, "Pending");
    assert_eq!(
        kind(cloud.update_function_code("user1-f", &wanted.code).await),
        ErrorKind::Busy
    );
    tokio::time::sleep(Duration::from_secs(5)).await;
    let state = cloud.get_function("user1-f").await.unwrap();
    assert_eq!(
        (state.state.as_str(), state.last_update_status.as_str()),
        ("Active", "Successful")
    );
    assert_eq!(
        (state.code_sha256, state.tags),
        (wanted.code.sha256.clone(), tags())
    );

    let page = cloud.functions_page(None).await.unwrap();
    assert_eq!((page.items.len(), page.next), (1, None));
    let actual = &page.items[0];
    assert_eq!(actual.role_arn, role_arn("user1-worker"));
    assert_eq!(
        (actual.runtime.as_str(), actual.handler.as_str()),
        ("python3.13", "app.handler")
    );
    assert_eq!((actual.timeout_s, actual.memory_mib), (10, 128));
    assert_eq!(actual.environment, wanted.environment);
    assert_eq!(actual.description, new_function(&wanted).description);

    let changed = Function {
        code: code(b"other"),
        timeout_s: 20,
        ..wanted
    };
    cloud
        .update_function_code("user1-f", &changed.code)
        .await
        .unwrap();
    assert_eq!(
        cloud
            .get_function("user1-f")
            .await
            .unwrap()
            .last_update_status,
        "InProgress"
    );
    eventually(async || {
        cloud
            .update_function_configuration(&new_function(&changed), &[])
            .await
    })
    .await;
    let actual = cloud.functions_page(None).await.unwrap().items.remove(0);
    assert_eq!(
        (actual.timeout_s, actual.code_sha256),
        (20, changed.code.sha256.clone())
    );

    cloud.delete_function("user1-f").await.unwrap();
    assert_eq!(
        kind(cloud.delete_function("user1-f").await),
        ErrorKind::NotFound
    );
    assert_eq!(
        kind(cloud.get_function("user1-f").await),
        ErrorKind::NotFound
    );
}

#[tokio::test(start_paused = true)]
async fn a_permission_names_its_source_and_no_policy_is_no_error() {
    let aws = StrictAws::new();
    let cloud = aws.cloud().await;
    with_roles(&cloud).await;
    let wanted = function();
    assert_eq!(kind(cloud.get_policy("user1-f").await), ErrorKind::NotFound);
    cloud.create_function(&new_function(&wanted)).await.unwrap();
    assert_eq!(cloud.get_policy("user1-f").await.unwrap(), Value::Null);

    let permission = Permission {
        function: "user1-f",
        statement_id: "homeroom-POST-process".into(),
        source_arn: format!("arn:aws:execute-api:{REGION}:{ACCOUNT}:a1/*/POST/process"),
    };
    eventually(async || cloud.add_permission(&permission).await).await;
    assert_eq!(
        kind(cloud.add_permission(&permission).await),
        ErrorKind::AlreadyExists
    );
    let statement = &cloud.get_policy("user1-f").await.unwrap()["Statement"][0];
    assert_eq!(statement["Sid"], "homeroom-POST-process");
    assert_eq!(
        statement["Principal"]["Service"],
        "apigateway.amazonaws.com"
    );
    assert_eq!(statement["Action"], "lambda:InvokeFunction");
    assert_eq!(
        statement["Condition"]["ArnLike"]["AWS:SourceArn"],
        permission.source_arn.as_str()
    );

    cloud
        .remove_permission("user1-f", "homeroom-POST-process")
        .await
        .unwrap();
    assert_eq!(
        kind(
            cloud
                .remove_permission("user1-f", "homeroom-POST-process")
                .await
        ),
        ErrorKind::NotFound
    );
}

#[tokio::test(start_paused = true)]
async fn a_new_role_cannot_be_assumed_at_once() {
    let aws = StrictAws::new();
    let cloud = aws.cloud().await;
    cloud
        .create_role(&role("user1-worker", "lambda.amazonaws.com"), PATH, &tags())
        .await
        .unwrap();
    cloud
        .create_role(&role("user1-flow", "states.amazonaws.com"), PATH, &tags())
        .await
        .unwrap();
    let wanted = function();
    assert_eq!(
        kind(cloud.create_function(&new_function(&wanted)).await),
        ErrorKind::RoleNotAssumable
    );
    assert_eq!(
        kind(cloud.create_state_machine(&new_machine("A")).await),
        ErrorKind::RoleNotAssumable
    );
    eventually(async || cloud.create_function(&new_function(&wanted)).await).await;
    eventually(async || cloud.create_state_machine(&new_machine("A")).await).await;
}

#[tokio::test(start_paused = true)]
async fn a_state_machine_reads_back_and_is_deleted_in_its_own_time() {
    let aws = StrictAws::new();
    let cloud = aws.cloud().await;
    with_roles(&cloud).await;
    let (arn, machine) = (machine_arn(), new_machine("A"));
    assert_eq!(
        kind(cloud.describe_state_machine(&arn).await),
        ErrorKind::NotFound
    );
    cloud.create_state_machine(&machine).await.unwrap();
    cloud
        .create_state_machine(&machine)
        .await
        .expect("creating the same again is no error");
    assert_eq!(
        kind(cloud.create_state_machine(&new_machine("B")).await),
        ErrorKind::AlreadyExists
    );

    let page = cloud.state_machines_page(None).await.unwrap();
    assert_eq!(
        (page.items[0].name.as_str(), &page.items[0].arn),
        ("user1-m", &arn)
    );
    let detail = cloud.describe_state_machine(&arn).await.unwrap();
    assert_eq!(
        (detail.definition, detail.role_arn),
        (machine.definition, machine.role_arn)
    );
    assert_eq!(cloud.state_machine_tags(&arn).await.unwrap(), tags());
    cloud
        .update_state_machine(&arn, &new_machine("B"), &[])
        .await
        .unwrap();
    assert_eq!(
        cloud.describe_state_machine(&arn).await.unwrap().definition,
        new_machine("B").definition
    );

    cloud.delete_state_machine(&arn).await.unwrap();
    assert!(cloud.describe_state_machine(&arn).await.unwrap().deleting);
    assert_eq!(
        cloud.state_machines_page(None).await.unwrap().items.len(),
        1
    );
    assert_eq!(
        kind(cloud.create_state_machine(&new_machine("A")).await),
        ErrorKind::Deleting
    );
    eventually(async || cloud.create_state_machine(&new_machine("A")).await).await;
}

#[tokio::test(start_paused = true)]
async fn executions_are_started_listed_described_and_stopped() {
    let aws = StrictAws::new();
    let cloud = aws.cloud().await;
    with_roles(&cloud).await;
    let arn = machine_arn();
    cloud.create_state_machine(&new_machine("A")).await.unwrap();
    let good = json!({"userId": "user1", "dataType": "sales_data"});
    let bad = json!({"userId": "", "dataType": ""});
    let first = cloud
        .start_execution(&arn, "good", &good.to_string())
        .await
        .unwrap();
    let second = cloud
        .start_execution(&arn, "bad", &bad.to_string())
        .await
        .unwrap();
    let third = cloud.start_execution(&arn, "stopped", "{}").await.unwrap();
    cloud.stop_execution(&third).await.unwrap();
    assert_eq!(
        cloud
            .executions_page(&arn, true, None)
            .await
            .unwrap()
            .items
            .len(),
        2
    );
    tokio::time::sleep(Duration::from_secs(3)).await;

    let good_one = cloud.describe_execution(&first).await.unwrap();
    let detail = good_one.detail.unwrap();
    assert_eq!(
        (good_one.status, detail.input, detail.error),
        (ExecutionStatus::Succeeded, good, None)
    );
    assert_eq!(
        (good_one.arn, good_one.name),
        (first.clone(), "good".into())
    );
    assert!(good_one.stopped_ms.unwrap() - good_one.started_ms >= 2000);
    let bad_one = cloud.describe_execution(&second).await.unwrap();
    assert_eq!(
        (bad_one.status, bad_one.detail.unwrap().error.as_deref()),
        (ExecutionStatus::Failed, Some("ProcessingFailed"))
    );
    let history = cloud
        .execution_history_page(&second, false, None)
        .await
        .unwrap();
    let ids: Vec<_> = history.items.iter().map(|e| e.id).collect();
    assert!(ids.is_sorted_by(|a, b| a > b), "the newest first: {ids:?}");
    let Told::Cause(cause) = cause_of(&history.items) else {
        panic!("{history:?}");
    };
    assert_eq!(
        cause.sentence(),
        "ProcessData failed with InvalidRequest: userId is missing or empty"
    );
    assert_eq!(
        kind(
            cloud
                .execution_history_page(&format!("{first}x"), false, None)
                .await
        ),
        ErrorKind::NotFound
    );
    aws.hide_of_executions(&["input"]);
    let unsettled = cloud.describe_execution(&first).await.unwrap();
    assert_eq!(
        unsettled.detail, None,
        "without its input it is not all there"
    );
    aws.hide_of_executions(&[]);
    let all = cloud
        .executions_page(&arn, false, None)
        .await
        .unwrap()
        .items;
    let names: Vec<_> = all.iter().map(|e| (e.name.as_str(), e.status)).collect();
    assert_eq!(
        names,
        [
            ("stopped", ExecutionStatus::Aborted),
            ("bad", ExecutionStatus::Failed),
            ("good", ExecutionStatus::Succeeded)
        ]
    );
    assert!(all[2].stopped_ms.unwrap() - all[2].started_ms >= 2000);
    assert_eq!(
        kind(cloud.start_execution(&arn, "good", "{}").await),
        ErrorKind::AlreadyExists
    );
    assert_eq!(
        kind(cloud.describe_execution(&format!("{first}x")).await),
        ErrorKind::NotFound
    );
}
