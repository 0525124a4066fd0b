//! IAM, CloudWatch Logs, and following listings.

use std::collections::BTreeMap;

use homeroom::aws::{CallResult, ErrorKind, NewFunction, NewStateMachine, Page, Principal};
use homeroom::stack::kinds::function::Spec as Function;
use homeroom::stack::ownership::Tags;

use crate::adapter::fixtures::*;
use strict_aws::{ACCOUNT, REGION, StrictAws};

#[tokio::test(start_paused = true)]
async fn who_and_where_is_told() {
    let aws = StrictAws::new();
    let cloud = aws.cloud().await;
    let identity = cloud.caller_identity().await.unwrap();
    assert_eq!(identity.account, ACCOUNT);
    assert!(
        identity.arn.starts_with("arn:aws:iam::"),
        "{}",
        identity.arn
    );
    assert_eq!(
        cloud.account_alias().await.unwrap().as_deref(),
        Some("classroom")
    );
    let summary = cloud.account_summary().await.unwrap();
    assert_eq!((summary.roles, summary.roles_quota), (Some(0), Some(1000)));
    let concurrency = cloud.concurrency().await.unwrap();
    let read = (
        concurrency.concurrency_quota,
        concurrency.concurrency_reserved,
    );
    assert_eq!(read, (Some(1000), Some(0)));
    assert_eq!(cloud.region(), REGION);
}

#[tokio::test(start_paused = true)]
async fn a_role_reads_back_as_it_was_written() {
    let aws = StrictAws::new();
    let cloud = aws.cloud().await;
    let wanted = role("user1-worker", "lambda.amazonaws.com");
    cloud.create_role(&wanted, PATH, &tags()).await.unwrap();
    cloud
        .put_role_policy(&wanted.name, "homeroom", &wanted.policy)
        .await
        .unwrap();

    let page = cloud.principals_page(None).await.unwrap();
    assert_eq!((page.items.len(), page.next), (1, None));
    let Principal::Role(actual) = &page.items[0] else {
        panic!("{:?} is no role", page.items);
    };
    assert_eq!(
        (actual.name.as_str(), actual.path.as_str()),
        ("user1-worker", PATH)
    );
    assert_eq!(actual.trust.as_ref(), Some(&*wanted.trust));
    assert_eq!(
        actual.inline,
        BTreeMap::from([("homeroom".to_owned(), (*wanted.policy).clone())])
    );
    assert_eq!(actual.tags, tags());
    let head = cloud.get_role("user1-worker").await.unwrap();
    assert_eq!((head.path.as_str(), head.tags), (PATH, tags()));

    let other = role("x", "states.amazonaws.com").trust;
    cloud.update_trust("user1-worker", &other).await.unwrap();
    let page = cloud.principals_page(None).await.unwrap();
    assert!(
        matches!(&page.items[0], Principal::Role(role) if role.trust.as_ref() == Some(&*other))
    );

    assert_eq!(
        kind(cloud.create_role(&wanted, PATH, &tags()).await),
        ErrorKind::AlreadyExists
    );
    assert_eq!(
        kind(cloud.delete_role("user1-worker").await),
        ErrorKind::Busy
    );
    cloud
        .delete_role_policy("user1-worker", "homeroom")
        .await
        .unwrap();
    assert_eq!(
        kind(cloud.delete_role_policy("user1-worker", "homeroom").await),
        ErrorKind::NotFound
    );
    assert_eq!(
        kind(
            cloud
                .detach_role_policy("user1-worker", "arn:aws:iam::aws:policy/X")
                .await
        ),
        ErrorKind::NotFound
    );
    cloud.delete_role("user1-worker").await.unwrap();
    assert_eq!(
        kind(cloud.get_role("user1-worker").await),
        ErrorKind::NotFound
    );
    assert_eq!(aws.snapshot(), []);
}

#[tokio::test(start_paused = true)]
async fn a_full_account_is_a_limit_and_not_a_reason_to_wait() {
    let aws = StrictAws::new();
    aws.set_roles_quota(0);
    let cloud = aws.cloud().await;
    let result = cloud
        .create_role(&role("r", "lambda.amazonaws.com"), PATH, &tags())
        .await;
    assert_eq!(kind(result), ErrorKind::LimitExceeded);
}

#[tokio::test(start_paused = true)]
async fn a_log_group_reads_back_as_it_was_written() {
    let aws = StrictAws::new();
    let cloud = aws.cloud().await;
    let name = "/aws/lambda/user1-f";
    let arn = format!("arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{name}");
    cloud.create_log_group(name, &tags()).await.unwrap();
    assert_eq!(
        kind(cloud.create_log_group(name, &tags()).await),
        ErrorKind::AlreadyExists
    );
    assert_eq!(
        cloud
            .log_groups_page("/aws/lambda/user1-", None)
            .await
            .unwrap()
            .items[0]
            .retention_days,
        None
    );
    cloud.put_retention_policy(name, 7).await.unwrap();
    let page = cloud
        .log_groups_page("/aws/lambda/user1-", None)
        .await
        .unwrap();
    assert_eq!(
        (
            page.items[0].name.as_str(),
            page.items[0].retention_days,
            page.next
        ),
        (name, Some(7), None)
    );
    assert_eq!(
        cloud
            .log_groups_page("/aws/lambda/user2-", None)
            .await
            .unwrap()
            .items,
        []
    );
    assert_eq!(cloud.log_group_tags(&arn).await.unwrap(), tags());
    assert_eq!(
        cloud
            .log_events_page(name, 0, None, 10, None)
            .await
            .unwrap()
            .items,
        [""; 0]
    );
    cloud.delete_log_group(name).await.unwrap();
    assert_eq!(
        kind(cloud.delete_log_group(name).await),
        ErrorKind::NotFound
    );
    assert_eq!(kind(cloud.log_group_tags(&arn).await), ErrorKind::NotFound);

    aws.recreate_log_group(name);
    assert_eq!(
        cloud.log_groups_page("", None).await.unwrap().items[0].retention_days,
        None
    );
    assert_eq!(cloud.log_group_tags(&arn).await.unwrap(), Tags::new());
}

/// Follows a listing to its end.
async fn all<T>(mut page: impl AsyncFnMut(Option<String>) -> CallResult<Page<T>>) -> usize {
    let (mut count, mut token) = (0, None);
    loop {
        let answer = page(token).await.unwrap();
        count += answer.items.len();
        token = answer.next;
        if token.is_none() {
            return count;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn every_listing_can_be_followed_over_its_pages() {
    let aws = StrictAws::new();
    let seed = aws.backdoor().await;
    for n in 0..5 {
        let service = if n == 0 {
            "lambda.amazonaws.com"
        } else {
            "states.amazonaws.com"
        };
        seed.create_role(&role(&format!("user1-{n}"), service), PATH, &tags())
            .await
            .unwrap();
        seed.create_log_group(&format!("/aws/lambda/user1-{n}"), &tags())
            .await
            .unwrap();
        seed.create_rest_api(&format!("user1-{n}"), "d", &tags())
            .await
            .unwrap();
        let function = Function {
            name: format!("user1-{n}"),
            ..function()
        };
        seed.create_function(&NewFunction {
            role_arn: role_arn("user1-0"),
            ..new_function(&function)
        })
        .await
        .unwrap();
        if let Some(name) = [None, Some("m1"), Some("m2"), Some("m3"), Some("m4")][n] {
            seed.create_state_machine(&NewStateMachine {
                name,
                role_arn: role_arn("user1-1"),
                ..new_machine("A")
            })
            .await
            .unwrap();
        }
    }
    aws.set_page_size(2);
    let cloud = aws.cloud().await;
    assert_eq!(
        all(async |token| cloud.principals_page(token).await).await,
        5
    );
    assert_eq!(
        all(async |token| cloud.functions_page(token).await).await,
        5
    );
    assert_eq!(
        all(async |token| cloud.state_machines_page(token).await).await,
        4
    );
    assert_eq!(
        all(async |token| cloud.rest_apis_page(token).await).await,
        5
    );
    assert_eq!(
        all(async |token| cloud.log_groups_page("", token).await).await,
        5
    );
    assert_eq!(aws.count("lambda:ListFunctions"), 3);
}
