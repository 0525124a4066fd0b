//! The end of a class on AWS: set, moved and taken out again by an ordinary deployment and grant.

use std::collections::BTreeMap;

use homeroom::aws::Principal;
use homeroom::lab::bundle;
use strict_aws::StrictAws;

use super::class::*;
use super::issuer::Safe;
use super::{calls_made, total};

const USERS: [&str; 2] = ["user1", "user2"];
const SOON: &str = "2099-12-01T17:00:00Z";
const LATER: &str = "2099-12-02T17:00:00Z";

fn class(ends: Option<&str>) -> Class {
    let ends = ends.map(|ends| ends.parse().unwrap());
    Class::with_lab(bundle::load(None).unwrap().ending(ends), &USERS)
}

/// What the tags of roles and users say of the end.
async fn tags(aws: &StrictAws) -> BTreeMap<String, Option<String>> {
    let listed = aws.backdoor().await.principals_page(None).await.unwrap();
    let tagged = listed.items.into_iter().filter_map(|one| match one {
        Principal::Role(role) => Some((role.name, role.tags)),
        Principal::User(user) => Some((user.name, user.tags)),
        Principal::Policy(_) => None,
    });
    tagged
        .map(|(name, mut tags)| (name, tags.remove("homeroom:until")))
        .collect()
}

async fn assert_all_say(aws: &StrictAws, until: Option<&str>) {
    let tags = tags(aws).await;
    // Three roles and a user for each student.
    assert_eq!(tags.len(), 4 * USERS.len(), "{tags:?}");
    for (name, says) in tags {
        assert_eq!(says.as_deref(), until, "{name}");
    }
}

/// Deploys and grants, and returns the calls of both by operation.
async fn change(aws: &StrictAws, class: &Class, safe: &Safe) -> [BTreeMap<String, usize>; 2] {
    aws.clear_calls();
    let plan = class.plan_deploy(aws).await;
    assert_all_well(&class.carry_out(aws, &plan, None).await);
    let deployed = changes(aws);
    aws.clear_calls();
    let (_, runs) = class.grant(aws, safe, PLAIN).await;
    assert_all_well(&runs);
    [deployed, calls_made(aws)]
}

fn changes(aws: &StrictAws) -> BTreeMap<String, usize> {
    let mut made = calls_made(aws);
    made.retain(|operation, _| !super::reads(operation));
    made
}

fn calls(each: &[(&str, usize)]) -> BTreeMap<String, usize> {
    let each = each.iter();
    each.map(|(operation, n)| ((*operation).to_owned(), n * USERS.len()))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn an_end_is_set_moved_and_taken_out_by_deploy_and_grant() {
    let aws = StrictAws::new();
    let safe = Safe::new(&aws);
    class(None).set_up(&aws, &safe, PLAIN).await;
    assert_all_say(&aws, None).await;
    let kept = safe.kept();

    let [deploy, grant] = change(&aws, &class(Some(SOON)), &safe).await;
    assert_all_say(&aws, Some(SOON)).await;
    let roles = [
        ("iam:CreatePolicyVersion", 1),
        ("iam:PutRolePolicy", 3),
        ("iam:TagRole", 3),
    ];
    assert_eq!(deploy, calls(&roles));
    let users = [("iam:CreatePolicyVersion", 2), ("iam:TagUser", 1)];
    assert_eq!(grant, calls(&users));

    // The same again is nothing.
    let again = change(&aws, &class(Some(SOON)), &safe).await;
    assert_eq!(again.map(|calls| total(&calls)), [0, 0]);

    // Now each policy has an old version, which makes room.
    let [deploy, grant] = change(&aws, &class(Some(LATER)), &safe).await;
    assert_all_say(&aws, Some(LATER)).await;
    assert_eq!(total(&deploy), 8 * USERS.len());
    assert_eq!(total(&grant), 5 * USERS.len());

    change(&aws, &class(None), &safe).await;
    assert_all_say(&aws, Some("none")).await;
    let again = change(&aws, &class(None), &safe).await;
    assert_eq!(again.map(|calls| total(&calls)), [0, 0]);
    assert_eq!(safe.kept(), kept, "nobody got new credentials");
}

#[tokio::test(start_paused = true)]
async fn a_new_class_is_tagged_with_its_end_without_a_call_more() {
    let mut counts = Vec::new();
    for ends in [None, Some(SOON)] {
        let aws = StrictAws::new();
        let safe = Safe::new(&aws);
        let mut calls = change(&aws, &class(ends), &safe).await;
        // The others are repeated until a new role can be used.
        for made in &mut calls {
            made.retain(|operation, _| operation.starts_with("iam:"));
        }
        counts.push(calls);
        assert_all_say(&aws, ends).await;
    }
    assert_eq!(counts[0], counts[1]);
}

#[tokio::test(start_paused = true)]
async fn a_tag_that_a_killed_run_left_old_is_put_right_alone() {
    let aws = StrictAws::new();
    let safe = Safe::new(&aws);
    class(Some(SOON)).set_up(&aws, &safe, PLAIN).await;
    let client = aws.backdoor().await;
    let tags = [("homeroom:until".to_owned(), LATER.to_owned())].into();
    client.tag_role("user1-worker-role", &tags).await.unwrap();
    client.tag_user("user2", &tags).await.unwrap();
    let [deploy, grant] = change(&aws, &class(Some(SOON)), &safe).await;
    assert_eq!(deploy, [("iam:TagRole".to_owned(), 1)].into());
    assert_eq!(grant, [("iam:TagUser".to_owned(), 1)].into());
    assert_all_say(&aws, Some(SOON)).await;
}
