//! IAM: users, managed policies and boundaries.

use homeroom::aws::{Client, ErrorKind, Principal, UserPart};
use homeroom::stack::kinds::managed_policy::{self, Spec as ManagedPolicy};
use homeroom::stack::kinds::{role, user};
use homeroom::stack::ownership::Tags;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::adapter::fixtures::*;
use strict_aws::{ACCOUNT, Extra, StrictAws};

const READ_ONLY: &str = "arn:aws:iam::aws:policy/ReadOnlyAccess";

fn arn(policy: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:policy{PATH}{policy}")
}

/// Every character that URLs and XML escape, and a plus, which neither form may turn into a space.
fn document(sid: &str) -> Value {
    json!({"Version": "2012-10-17", "Statement": [{
        "Sid": sid,
        "Effect": "Allow",
        "Action": "logs:FilterLogEvents",
        "Resource": "arn:aws:logs:*:*:log-group:/aws/lambda/user1-f:*",
        "Condition": {"StringLike": {"aws:PrincipalTag/note": "a+b % & <c> \"é\" ${x}"}},
    }]})
}

fn policy(name: &str) -> ManagedPolicy {
    ManagedPolicy {
        name: name.to_owned(),
        document: document("First").into(),
    }
}

async fn new_user(cloud: &Client, name: &str, boundary: &str) {
    let tags = tags();
    let created = cloud.create_user(name, PATH, boundary, &tags);
    created.await.unwrap();
}

async fn listed(cloud: &Client) -> (Vec<role::Seen>, Vec<user::Seen>, Vec<managed_policy::Seen>) {
    let (mut roles, mut users, mut policies) = (Vec::new(), Vec::new(), Vec::new());
    let mut token = None;
    loop {
        let page = cloud.principals_page(token).await.unwrap();
        for one in page.items {
            match one {
                Principal::Role(role) => roles.push(role),
                Principal::User(user) => users.push(user),
                Principal::Policy(policy) => policies.push(policy),
            }
        }
        token = page.next;
        if token.is_none() {
            return (roles, users, policies);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_policy_reads_back_as_written_and_only_its_current_version_counts() {
    let aws = StrictAws::new();
    let cloud = aws.cloud().await;
    cloud
        .create_policy(&policy("user1-access@1"), PATH)
        .await
        .unwrap();
    let (_, _, policies) = listed(&cloud).await;
    let expected = managed_policy::Seen {
        name: "user1-access@1".to_owned(),
        arn: arn("user1-access@1"),
        path: PATH.to_owned(),
        document: Some(document("First").into()),
        old_versions: Vec::new(),
    };
    assert_eq!(policies, std::slice::from_ref(&expected));

    let arn = &expected.arn;
    let second = document("Second");
    cloud.create_policy_version(arn, &second).await.unwrap();
    let (_, _, policies) = listed(&cloud).await;
    assert_eq!(policies[0].document, Some(second.into()));
    assert_eq!(policies[0].old_versions, ["v1"]);
    // Names are unique whatever path and case.
    for name in ["user1-access@1", "USER1-access@1"] {
        let again = cloud.create_policy(&policy(name), "/").await;
        assert_eq!(kind(again), ErrorKind::AlreadyExists);
    }
    for _ in 0..3 {
        let made = cloud.create_policy_version(arn, &document("More")).await;
        made.unwrap();
    }
    let sixth = cloud.create_policy_version(arn, &document("More")).await;
    assert_eq!(kind(sixth), ErrorKind::LimitExceeded);
    let long = "x".repeat(managed_policy::DOCUMENT_MAX);
    let too_long = ManagedPolicy {
        name: "long".to_owned(),
        document: json!({"Version": long}).into(),
    };
    let refused = cloud.create_policy(&too_long, PATH).await;
    assert_eq!(kind(refused), ErrorKind::LimitExceeded);
}

#[tokio::test(start_paused = true)]
async fn a_blocked_deletion_is_waited_out_only_where_waiting_can_help() {
    let aws = StrictAws::new();
    let cloud = aws.cloud().await;
    let name = "user1-boundary@1";
    let arn = &arn(name);
    cloud.create_policy(&policy(name), PATH).await.unwrap();
    let second = document("Second");
    cloud.create_policy_version(arn, &second).await.unwrap();
    new_user(&cloud, "user1", arn).await;
    let role = role("user1-worker", "lambda.amazonaws.com");
    cloud.create_role(&role, PATH, &tags()).await.unwrap();
    cloud.put_role_boundary(&role.name, arn).await.unwrap();

    // Somebody's boundary, then with more than one version: IAM's view of both lags behind what was just undone.
    assert_eq!(kind(cloud.delete_policy(arn).await), ErrorKind::Busy);
    cloud.delete_user("user1").await.unwrap();
    assert_eq!(kind(cloud.delete_policy(arn).await), ErrorKind::Busy);
    cloud.delete_role_boundary(&role.name).await.unwrap();
    assert_eq!(kind(cloud.delete_policy(arn).await), ErrorKind::Busy);
    // The version in force stays so.
    let in_force = cloud.delete_policy_version(arn, "v2").await;
    assert_eq!(kind(in_force), ErrorKind::Invalid);
    cloud.delete_policy_version(arn, "v1").await.unwrap();
    let again = cloud.delete_policy_version(arn, "v1").await;
    assert_eq!(kind(again), ErrorKind::NotFound);
    cloud.delete_policy(arn).await.unwrap();
    assert_eq!(kind(cloud.delete_policy(arn).await), ErrorKind::NotFound);
    let gone = cloud.delete_role_boundary("nobody").await;
    assert_eq!(kind(gone), ErrorKind::NotFound);
}

#[tokio::test(start_paused = true)]
async fn a_user_and_a_bounded_role_read_back_as_they_were_written() {
    let aws = StrictAws::new();
    let cloud = aws.cloud().await;
    let missing = cloud
        .create_user("user1", PATH, &arn("missing"), &tags())
        .await;
    assert_eq!(kind(missing), ErrorKind::NotFound);
    cloud.create_policy(&policy("b"), PATH).await.unwrap();
    cloud.create_policy(&policy("p"), PATH).await.unwrap();
    new_user(&cloud, "user1", &arn("b")).await;
    cloud.attach_user_policy("user1", &arn("p")).await.unwrap();
    let deny = user::freeze_document();
    let frozen = cloud.put_user_policy("user1", user::FREEZE_POLICY, &deny);
    frozen.await.unwrap();
    aws.give("user1", Extra::Group);
    let more: Tags = [("homeroom:credentials".into(), "password+access-key".into())].into();
    cloud.tag_user("user1", &more).await.unwrap();
    let role = role("user1-worker", "lambda.amazonaws.com");
    cloud.create_role(&role, PATH, &tags()).await.unwrap();

    let (roles, users, _) = listed(&cloud).await;
    let mut all_tags = tags();
    all_tags.extend(more);
    let read = &users[0];
    assert_eq!((read.name.as_str(), read.path.as_str()), ("user1", PATH));
    assert_eq!(read.boundary, Some(arn("b")));
    assert_eq!(read.attached, [arn("p")]);
    assert_eq!(read.inline, [user::FREEZE_POLICY]);
    assert_eq!(read.groups.len(), 1);
    assert_eq!(read.tags, all_tags);
    assert!(read.is_frozen());
    let head = cloud.get_user("user1").await.unwrap();
    assert_eq!((head.path.as_str(), head.tags), (PATH, all_tags));
    assert_eq!(kind(cloud.get_user("user2").await), ErrorKind::NotFound);
    let other_case = cloud.create_user("USER1", "/", READ_ONLY, &tags()).await;
    assert_eq!(kind(other_case), ErrorKind::AlreadyExists);
    cloud.put_user_boundary("user1", READ_ONLY).await.unwrap();
    let (_, users, _) = listed(&cloud).await;
    assert_eq!(users[0].boundary.as_deref(), Some(READ_ONLY));

    assert_eq!(roles[0].boundary, None);
    cloud
        .put_role_boundary(&role.name, &arn("b"))
        .await
        .unwrap();
    let (roles, ..) = listed(&cloud).await;
    assert_eq!(roles[0].boundary, Some(arn("b")));
}

#[tokio::test(start_paused = true)]
async fn a_listing_of_three_kinds_is_followed_wherever_its_pages_end() {
    let aws = StrictAws::new();
    let seed = aws.backdoor().await;
    for n in 0..5 {
        let name = format!("user{n}");
        let role = role(&format!("{name}-worker"), "lambda.amazonaws.com");
        seed.create_role(&role, PATH, &tags()).await.unwrap();
        new_user(&seed, &name, READ_ONLY).await;
        let policy = policy(&format!("{name}-access@1"));
        seed.create_policy(&policy, PATH).await.unwrap();
    }
    let cloud = aws.cloud().await;
    for size in [1, 2, 4, 7, 15, 100] {
        aws.set_page_size(size);
        aws.clear_calls();
        let (roles, users, policies) = listed(&cloud).await;
        assert_eq!((roles.len(), users.len(), policies.len()), (5, 5, 5));
        assert_eq!(
            aws.calls().len(),
            15_usize.div_ceil(size),
            "pages of {size}"
        );
    }
    let summary = cloud.account_summary().await.unwrap();
    assert_eq!((summary.users, summary.users_quota), (Some(5), Some(5000)));
    let policies = (summary.policies, summary.policies_quota);
    assert_eq!(policies, (Some(5), Some(1500)));
}

#[tokio::test(start_paused = true)]
async fn passwords_are_to_be_changed_and_refusals_of_them_are_told_apart() {
    let aws = StrictAws::new();
    let cloud = aws.cloud().await;
    assert_eq!(cloud.shortest_password().await, Ok(None));
    aws.set_shortest_password(14);
    assert_eq!(cloud.shortest_password().await, Ok(Some(14)));
    new_user(&cloud, "user1", READ_ONLY).await;
    // What a form or a URL would take for its own.
    let odd = "aB3+ &=%/é-_12345";
    let short = cloud.create_login_profile("user1", &"aB3_".into()).await;
    assert_eq!(kind(short), ErrorKind::Invalid);
    cloud
        .create_login_profile("user1", &odd.into())
        .await
        .unwrap();
    let set = aws.console_password("user1");
    assert_eq!(set, Some((odd.to_owned(), true)));
    let again = cloud.create_login_profile("user1", &odd.into()).await;
    assert_eq!(kind(again), ErrorKind::AlreadyExists);
    // New ones take a moment to settle.
    let next = "aB3+ &=%/é-_67890";
    let early = cloud.update_login_profile("user1", &next.into()).await;
    assert_eq!(kind(early), ErrorKind::Busy);
    eventually(async || cloud.update_login_profile("user1", &next.into()).await).await;
    let set = aws.console_password("user1");
    assert_eq!(set, Some((next.to_owned(), true)));
    assert_eq!(kind(cloud.delete_user("user1").await), ErrorKind::Invalid);
    eventually(async || cloud.delete_login_profile("user1").await).await;
    let none = cloud.delete_login_profile("user1").await;
    assert_eq!(kind(none), ErrorKind::NotFound);
    cloud.delete_user("user1").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn whatever_a_user_can_have_is_listed_and_removed_by_one_call_each() {
    let aws = StrictAws::new();
    let cloud = aws.cloud().await;
    new_user(&cloud, "user1", READ_ONLY).await;
    for extra in Extra::ALL {
        aws.give("user1", extra);
    }
    cloud.attach_user_policy("user1", READ_ONLY).await.unwrap();
    let deny = user::freeze_document();
    cloud
        .put_user_policy("user1", "extra", &deny)
        .await
        .unwrap();
    let key = cloud.create_access_key("user1").await.unwrap();
    let has = aws.access_keys("user1");
    assert_eq!(has, [(key.id, key.secret.expose_secret().to_owned())]);
    cloud.create_access_key("user1").await.unwrap();
    let third = cloud.create_access_key("user1").await;
    assert_eq!(kind(third), ErrorKind::LimitExceeded);

    let mut serial = String::new();
    for part in UserPart::ALL {
        assert_eq!(
            told(cloud.delete_user("user1").await).code,
            "DeleteConflict"
        );
        aws.clear_calls();
        let parts = cloud.user_parts("user1", part).await.unwrap();
        let expected = match part {
            UserPart::AccessKey => 2,
            UserPart::MfaDevice => 3,
            _ => 1,
        };
        assert_eq!(parts.len(), expected, "{part:?}");
        for id in &parts {
            cloud.remove_user_part("user1", part, id).await.unwrap();
            let again = cloud.remove_user_part("user1", part, id).await;
            assert_eq!(kind(again), ErrorKind::NotFound, "{part:?}");
            if id.contains(":mfa/") {
                serial = id.clone();
            }
        }
        assert_eq!(cloud.user_parts("user1", part).await, Ok(vec![]));
        assert_eq!(aws.calls().len(), 2 + 2 * parts.len(), "{part:?}");
        let nobody = cloud.user_parts("nobody", part).await;
        assert_eq!(kind(nobody), ErrorKind::NotFound);
    }
    cloud.delete_user("user1").await.unwrap();
    assert_eq!(aws.virtual_mfa_devices(), [serial.clone()]);
    cloud.delete_virtual_mfa_device(&serial).await.unwrap();
    let gone = cloud.delete_virtual_mfa_device(&serial).await;
    assert_eq!(kind(gone), ErrorKind::NotFound);
    assert_eq!(aws.snapshot(), []);
}
