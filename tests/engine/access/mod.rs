//! Students' access against a strict AWS in process, on paused time: what `access grant`, `revoke`, `freeze` and `thaw`
//! do, what they cost, and that what was kept is what AWS has.

mod allowed;
pub(crate) mod class;
mod diagnostics;
mod ends;
mod faults;
mod foreign;
mod halt;
mod isolation;
mod issuer;
mod sweep;

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use homeroom::aws::Principal;
use homeroom::events::StepResult;
use homeroom::stack::forecast::Workload;
use homeroom::stack::kinds::managed_policy::{Purpose, Spec as ManagedPolicy};
use homeroom::stack::kinds::user::FREEZE_POLICY;
use homeroom::stack::kinds::user::access::Grant;
use homeroom::stack::kinds::{Kind, ResourceId};
use homeroom::stack::plan::Verdict;
use homeroom::stack::plan::teardown::Reach;
use serde_json::json;
use strict_aws::{Extra, Fault, Rule, Spread, StrictAws};

use class::*;
use issuer::Safe;

/// For a moment after it was made a console password cannot be changed.
async fn login_settled() {
    tokio::time::sleep(Duration::from_secs(2)).await;
}

/// Every operation that changes nothing.
fn reads(operation: &str) -> bool {
    ["Get", "List", "Describe"]
        .iter()
        .any(|verb| operation.contains(&format!(":{verb}")))
}

/// Calls by operation, without the listings.
fn calls_made(aws: &StrictAws) -> BTreeMap<String, usize> {
    let listings = [
        "iam:GetAccountAuthorizationDetails",
        "apigateway:GetRestApis",
    ];
    let mut made = BTreeMap::new();
    for call in aws.calls() {
        if !listings.contains(&call.operation.as_str()) {
            *made.entry(call.operation).or_default() += 1;
        }
    }
    made
}

fn total(calls: &BTreeMap<String, usize>) -> usize {
    calls.values().sum()
}

#[tokio::test(start_paused = true)]
async fn a_grant_is_one_way_in_with_boundary_policy_and_temporary_password() {
    let aws = StrictAws::new();
    let class = Class::of(&["user1", "user2"]);
    let safe = Safe::new(&aws);
    class.deploy(&aws).await;
    let (_, runs) = class.grant(&aws, &safe, PLAIN).await;
    assert_all_well(&runs);
    class.assert_granted(&aws, &safe, false).await;

    let scope = &class.desired.scope;
    let cloud = aws.backdoor().await;
    let listed = cloud.principals_page(None).await.unwrap().items;
    for stack in &class.desired.stacks {
        let name = stack.student().as_str();
        let policy = |purpose: Purpose| {
            scope.policy_arn(&stack.owner.class, &purpose.name(scope, &stack.owner))
        };
        let users = listed.iter().filter_map(|one| match one {
            Principal::User(user) if user.name == name => Some(user),
            _ => None,
        });
        let users: Vec<_> = users.collect();
        assert_eq!(users.len(), 1);
        assert_eq!(users[0].path, "/homeroom/demo/");
        assert_eq!(users[0].attached, [policy(Purpose::Access)]);
        assert_eq!(users[0].boundary, Some(policy(Purpose::Boundary)));
        assert_eq!(users[0].inline.len() + users[0].groups.len(), 0);
        assert_eq!(users[0].tags["homeroom:credentials"], "password");
        assert_eq!(users[0].tags["homeroom:student"], name);
        // A deployment bounded the roles, and a grant leaves that as it is.
        let bounded = listed.iter().filter(|one| match one {
            Principal::Role(role) => {
                role.name.starts_with(&format!("{name}-"))
                    && role.boundary == Some(policy(Purpose::Roles))
            }
            _ => false,
        });
        assert_eq!(bounded.count(), stack.roles.len());
    }
}

/// The figures: a student costs six calls, seven with an access key, and nothing when granted again. What it costs beside
/// that is a class's: a page of IAM's listing for every thousand roles, users and policies, and the pages of APIs.
#[tokio::test(start_paused = true)]
async fn a_student_costs_six_calls_seven_with_a_key_and_none_again() {
    for (how, each) in [(PLAIN, 6), (WITH_KEYS, 7)] {
        let aws = StrictAws::new();
        let class = Class::of(&["user1", "user2", "user3"]);
        let safe = Safe::new(&aws);
        class.deploy(&aws).await;
        let work = Workload::of(&class.plan_grant(&aws, how).await);
        aws.clear_calls();
        class.grant(&aws, &safe, how).await;
        let made = calls_made(&aws);
        assert_eq!(total(&made), 3 * each, "{made:#?}");
        assert_eq!(aws.calls().len() - total(&made), 2, "listings");
        let foretold: BTreeMap<String, usize> = work
            .calls
            .iter()
            .map(|(operation, n)| (operation.to_string(), *n))
            .collect();
        assert_eq!(made, foretold);

        aws.clear_calls();
        let kept = safe.kept();
        let (plan, _) = class.grant(&aws, &safe, how).await;
        assert_eq!((plan.steps(), aws.calls().len()), (0, 2));
        assert!(aws.calls().iter().all(|call| reads(&call.operation)));
        assert_eq!(safe.kept(), kept, "nothing is kept anew");
    }
}

#[tokio::test(start_paused = true)]
async fn a_password_is_kept_before_aws_has_it_a_key_before_the_tag_says_so() {
    let aws = StrictAws::new();
    let class = Class::of(&["user1"]);
    let safe = Safe::new(&aws);
    class.deploy(&aws).await;
    class.grant(&aws, &safe, WITH_KEYS).await;
    let calls = aws.calls();
    let place = |operation: &str| {
        let mut calls = calls.iter();
        calls.position(|call| call.operation == operation).unwrap()
    };
    // What is kept stands between calls: `after` counts those that had arrived.
    let kept = safe.kept();
    assert_eq!(kept.len(), 2);
    assert!(kept[0].after <= place("iam:CreateLoginProfile"), "{kept:?}");
    assert!(kept[0].password.is_some() && kept[0].key.is_none());
    assert!(kept[1].after > place("iam:CreateAccessKey"));
    assert!(kept[1].after <= place("iam:TagUser"));
    assert_eq!(kept[1].password, kept[0].password);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_kept_is_not_issued_and_the_next_run_issues_it() {
    // On the first attempt to keep there is a password to keep, on the second the key beside it.
    for (good, password) in [(0, false), (1, true)] {
        let aws = StrictAws::new();
        let class = Class::of(&["user1"]);
        let safe = Safe::new(&aws);
        class.deploy(&aws).await;
        safe.full_after(good);
        let (_, runs) = class.grant(&aws, &safe, WITH_KEYS).await;
        let of_user = &runs[0].steps[&ResourceId::new(Kind::User, "user1")];
        let StepResult::Failed { failure } = of_user else {
            panic!("{of_user:?}");
        };
        assert!(failure.cause.contains("no space"), "{failure}");
        assert_eq!(aws.console_password("user1").is_some(), password);
        assert_eq!(aws.access_keys("user1"), []);
        assert_eq!(aws.count("iam:TagUser"), 0);
        safe.full_after(usize::MAX);
        assert_all_well(&class.grant(&aws, &safe, WITH_KEYS).await.1);
        class.assert_granted(&aws, &safe, true).await;
    }
}

#[tokio::test(start_paused = true)]
async fn passwords_fit_the_accounts_policy_and_a_refusal_is_told_at_once() {
    let aws = StrictAws::new();
    aws.set_shortest_password(32);
    let class = Class::of(&["user1", "user2", "user3", "user4", "user5", "user6"]);
    let safe = Safe::new(&aws);
    class.deploy(&aws).await;
    // Without the right to read the policy nobody knows; AWS says so.
    let began = tokio::time::Instant::now();
    let (_, runs) = class.grant(&aws, &safe, PLAIN).await;
    assert!(began.elapsed() < Duration::from_secs(10));
    for run in &runs {
        let of_user = &run.steps[&ResourceId::new(Kind::User, run.student.as_str())];
        let words = format!("{of_user:?}");
        assert!(words.contains("minimum length of 32"), "{words}");
    }
    let cloud = aws.cloud().await;
    safe.at_least(cloud.shortest_password().await.unwrap().unwrap() as usize);
    assert_all_well(&class.grant(&aws, &safe, PLAIN).await.1);
    class.assert_granted(&aws, &safe, false).await;
}

#[tokio::test(start_paused = true)]
async fn rotation_replaces_password_and_key_and_the_old_ones_open_nothing() {
    let aws = StrictAws::new();
    let class = Class::of(&["user1", "user2"]);
    let safe = Safe::new(&aws);
    class.deploy(&aws).await;
    class.grant(&aws, &safe, WITH_KEYS).await;
    let of = |name: &str| (aws.console_password(name).unwrap().0, aws.access_keys(name));
    let (before, bystander) = (of("user1"), of("user2"));
    let first = class.only(&["user1"]);
    login_settled().await;
    let work = Workload::of(&first.plan_grant(&aws, ROTATE).await);
    aws.clear_calls();
    assert_all_well(&first.grant(&aws, &safe, ROTATE).await.1);
    let foretold: usize = work.calls.values().sum();
    assert_eq!(total(&calls_made(&aws)), foretold);
    class.assert_granted(&aws, &safe, true).await;
    let after = of("user1");
    assert_ne!(after.0, before.0);
    assert_eq!(after.1.len(), 1);
    assert_ne!(after.1, before.1);
    assert_eq!(of("user2"), bystander);
}

#[tokio::test(start_paused = true)]
async fn a_key_leaves_the_password_and_a_broken_file_can_be_rotated_away() {
    let aws = StrictAws::new();
    let class = Class::of(&["user1"]);
    let safe = Safe::new(&aws);
    class.deploy(&aws).await;
    class.grant(&aws, &safe, PLAIN).await;
    let password = aws.console_password("user1");
    assert_all_well(&class.grant(&aws, &safe, WITH_KEYS).await.1);
    assert_eq!(aws.console_password("user1"), password);
    class.assert_granted(&aws, &safe, true).await;
    // As the hint says of a file that is not as it was written.
    safe.break_what_is_known();
    assert_all_well(&class.grant(&aws, &safe, ROTATE).await.1);
    class.assert_granted(&aws, &safe, true).await;
}

#[tokio::test(start_paused = true)]
async fn a_changed_lab_is_put_in_force_and_a_policy_never_runs_out_of_versions() {
    let aws = StrictAws::new();
    let class = Class::of(&["user1"]);
    let safe = Safe::new(&aws);
    class.deploy(&aws).await;
    class.grant(&aws, &safe, PLAIN).await;
    let password = aws.console_password("user1");
    let owner = &class.desired.stacks[0].owner;
    let scope = &class.desired.scope;
    let arn = scope.policy_arn(&owner.class, &Purpose::Boundary.name(scope, owner));
    let cloud = aws.backdoor().await;
    for round in 0..7 {
        // Somebody opens the boundary wide, by hand.
        let all = json!({"Version": "2012-10-17", "Statement": [
            {"Sid": format!("n{round}"), "Effect": "Allow", "Action": "*", "Resource": "*"}]});
        cloud.create_policy_version(&arn, &all).await.unwrap();
        assert_all_well(&class.grant(&aws, &safe, PLAIN).await.1);
        class.assert_granted(&aws, &safe, false).await;
    }
    assert_eq!(aws.console_password("user1"), password);
}

#[tokio::test(start_paused = true)]
async fn freezing_is_one_call_a_student_and_so_is_thawing_and_again_none() {
    let aws = StrictAws::new();
    let class = Class::of(&["user1", "user2", "user3"]);
    let safe = Safe::new(&aws);
    class.deploy(&aws).await;
    class.grant(&aws, &safe, PLAIN).await;
    let before = aws.state_of("user");
    for (shut, operation) in [(true, "iam:PutUserPolicy"), (false, "iam:DeleteUserPolicy")] {
        aws.clear_calls();
        assert_all_well(&class.freeze(&aws, shut).await.1);
        assert_eq!(calls_made(&aws), [(operation.to_owned(), 3)].into());
        assert_eq!(aws.calls().len(), 3 + 1, "the listing");
        assert_eq!(class.frozen(&aws).await, if shut { 3 } else { 0 });
        aws.clear_calls();
        class.freeze(&aws, shut).await;
        assert_eq!(aws.calls().len(), 1, "the listing");
    }
    assert_eq!(aws.state_of("user"), before);
}

#[tokio::test(start_paused = true)]
async fn who_is_frozen_stays_so_whatever_is_granted() {
    let aws = StrictAws::new();
    let class = Class::of(&["user1"]);
    let safe = Safe::new(&aws);
    class.deploy(&aws).await;
    class.grant(&aws, &safe, PLAIN).await;
    class.freeze(&aws, true).await;
    for how in [PLAIN, WITH_KEYS, ROTATE] {
        assert_all_well(&class.grant(&aws, &safe, how).await.1);
        assert_eq!(class.frozen(&aws).await, 1);
    }
    class.freeze(&aws, false).await;
    class.assert_granted(&aws, &safe, true).await;
}

#[tokio::test(start_paused = true)]
async fn who_left_is_shut_out_and_revoked_with_the_class_not_a_selection() {
    let aws = StrictAws::new();
    let class = Class::of(&["user1", "user2"]);
    let safe = Safe::new(&aws);
    class.deploy(&aws).await;
    class.grant(&aws, &safe, PLAIN).await;
    let mut smaller = class.only(&["user1"]);
    smaller.reach = Reach::WholeClass;
    smaller.freeze(&aws, true).await;
    assert_eq!(class.frozen(&aws).await, 2);
    class.only(&["user1"]).freeze(&aws, false).await;
    assert_eq!(class.frozen(&aws).await, 1);
    class.only(&["user1"]).revoke(&aws).await;
    assert!(aws.snapshot().contains(&(Kind::User, "user2".to_owned())));
    smaller.revoke(&aws).await;
    assert_eq!(aws.snapshot(), class.stacks());
}

#[tokio::test(start_paused = true)]
async fn revoking_takes_users_whole_and_leaves_the_stacks_as_they_were() {
    let aws = StrictAws::new();
    let class = Class::of(&["user1", "user2"]);
    let safe = Safe::new(&aws);
    class.deploy(&aws).await;
    let stacks = aws.state_of("user");
    class.grant(&aws, &safe, WITH_KEYS).await;
    class.freeze(&aws, true).await;
    burden(&aws, &class, "user1").await;
    let (runs, left) = class.revoke(&aws).await;
    assert_all_well(&runs);
    assert_eq!((left.steps(), left.gaps.len()), (0, 0));
    assert_eq!(aws.snapshot(), class.stacks());
    assert_eq!(aws.state_of("user"), stacks, "with the roles' boundaries");
    assert_eq!(aws.virtual_mfa_devices(), [] as [&str; 0]);
    let deleted = aws.count("iam:DeleteVirtualMFADevice");
    assert_eq!(deleted, 1, "a security key is none");
    aws.clear_calls();
    let (_, left) = class.revoke(&aws).await;
    assert_eq!((left.steps(), aws.calls().len()), (0, 1));
}

/// Temporary credentials outlive the key that got them, and the user's deletion by as long as IAM takes.
#[tokio::test(start_paused = true)]
async fn a_rotation_and_a_revocation_end_the_sessions_of_before() {
    let aws = StrictAws::new();
    let class = Class::of(&["user1"]);
    let safe = Safe::new(&aws);
    class.deploy(&aws).await;
    class.grant(&aws, &safe, WITH_KEYS).await;
    assert_eq!(aws.count("iam:PutUserPolicy"), 0, "nothing is older");
    login_settled().await;
    let order = |first: &str, then: &str| {
        let calls = aws.calls();
        let at = |wanted: &str| calls.iter().position(|call| call.operation == wanted);
        assert!(
            at(first).is_some() && at(first) < at(then),
            "{first}, {then}"
        );
    };
    aws.clear_calls();
    class.grant(&aws, &safe, ROTATE).await;
    // The old key could have got a session until the moment it went.
    order("iam:DeleteAccessKey", "iam:PutUserPolicy");
    let seen = aws.state_of("user1").join("\n");
    assert!(seen.contains("aws:TokenIssueTime"), "{seen}");
    aws.clear_calls();
    class.revoke(&aws).await;
    order("iam:PutUserPolicy", "iam:DeleteLoginProfile");
    assert_eq!(aws.snapshot(), class.stacks());
}

/// The figures: eight calls a student, nine with an access key; two of them end sessions of before.
#[tokio::test(start_paused = true)]
async fn revoking_costs_eight_calls_a_student_and_nine_with_a_key() {
    for (how, each) in [(PLAIN, 8), (WITH_KEYS, 9)] {
        let aws = StrictAws::new();
        let class = Class::of(&["user1", "user2", "user3"]);
        let safe = Safe::new(&aws);
        class.deploy(&aws).await;
        class.grant(&aws, &safe, how).await;
        login_settled().await;
        aws.clear_calls();
        class.revoke(&aws).await;
        let made = calls_made(&aws);
        assert_eq!(total(&made), 3 * each, "{made:#?}");
        assert_eq!(aws.calls().len() - total(&made), 2, "two listings");
    }
}

#[tokio::test(start_paused = true)]
async fn a_teardown_leaves_nothing_of_access_and_deletes_policies_last() {
    let aws = StrictAws::new();
    let class = Class::of(&["user1", "user2"]);
    let safe = Safe::new(&aws);
    class.deploy(&aws).await;
    class.grant(&aws, &safe, WITH_KEYS).await;
    burden(&aws, &class, "user2").await;
    let left = class.tear_down(&aws).await;
    assert_eq!((left.plan.steps(), left.plan.gaps.len()), (0, 0));
    assert_eq!(aws.snapshot(), []);
    assert_eq!(aws.virtual_mfa_devices(), [] as [&str; 0]);
    for name in ["user1", "user2"] {
        let calls = aws.calls();
        let places = |operation: &str| {
            let calls = calls.iter().enumerate();
            let of_student = calls
                .filter(|(_, call)| call.operation == operation && call.resource.contains(name));
            let places: Vec<usize> = of_student.map(|(place, _)| place).collect();
            places
        };
        let first = places("iam:DeletePolicy")[0];
        let others = [places("iam:DeleteRole"), places("iam:DeleteUser")].concat();
        assert_eq!(others.len(), 3 + 1 + usize::from(name == "user2"));
        assert!(others.iter().all(|place| *place < first), "{calls:#?}");
    }
    assert_eq!(
        aws.count("iam:DeleteRolePermissionsBoundary"),
        0,
        "a role goes with its boundary"
    );
}

/// Classes of version 0.1.0 have no boundary before the first grant, and the student's own afterwards.
#[tokio::test(start_paused = true)]
async fn a_grant_bounds_roles_that_an_older_homeroom_made() {
    let aws = StrictAws::new();
    let class = Class::of(&["user1", "user2"]);
    let safe = Safe::new(&aws);
    class.deploy(&aws).await;
    let cloud = aws.backdoor().await;
    for role in class.desired.stacks.iter().flat_map(|stack| &stack.roles) {
        cloud.delete_role_boundary(&role.name).await.unwrap();
    }
    let scope = &class.desired.scope;
    for stack in &class.desired.stacks {
        let policy = scope.policy_arn(
            &stack.owner.class,
            &Purpose::Roles.name(scope, &stack.owner),
        );
        cloud.delete_policy(&policy).await.unwrap();
    }
    assert_all_well(&class.grant(&aws, &safe, PLAIN).await.1);
    class.assert_granted(&aws, &safe, false).await;
    // Nobody was let in before.
    let calls: Vec<_> = aws.calls();
    let place = |operation: &str, from_end: bool| {
        let of_student = |call: &&strict_aws::Call| {
            call.operation == operation && call.resource.contains("user1")
        };
        let mut places = calls.iter().filter(of_student).map(|call| call.number);
        if from_end {
            places.max()
        } else {
            places.next()
        }
    };
    let last = place("iam:PutRolePermissionsBoundary", true);
    let user = place("iam:CreateUser", false);
    assert!(last < user, "{last:?} {user:?}");
}

#[tokio::test(start_paused = true)]
async fn a_grant_leaves_the_organizations_boundary_on_the_roles() {
    let aws = StrictAws::new();
    let mut class = Class::of(&["user1"]);
    let most = ManagedPolicy {
        name: "most".into(),
        document: json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": "*", "Resource": "*"}]})
        .into(),
    };
    let cloud = aws.backdoor().await;
    cloud.create_policy(&most, "/org/").await.unwrap();
    class
        .desired
        .bound_roles_by("arn:aws:iam::123456789012:policy/org/most");
    let safe = Safe::new(&aws);
    class.deploy(&aws).await;
    let before = aws.state_of("user1-");
    let (_, runs) = class.grant(&aws, &safe, PLAIN).await;
    assert_all_well(&runs);
    assert_eq!(aws.count("iam:PutRolePermissionsBoundary"), 0);
    let roles = |state: Vec<String>| {
        let mut roles: Vec<_> = state
            .into_iter()
            .filter(|one| one.starts_with("Role "))
            .collect();
        roles.sort();
        roles
    };
    assert_eq!(roles(aws.state_of("user1-")), roles(before.clone()));
    // The student's own boundary is still the lab's.
    let listed = cloud.principals_page(None).await.unwrap().items;
    let bounded = listed.iter().find_map(|one| match one {
        Principal::User(user) => user.boundary.clone(),
        _ => None,
    });
    assert!(bounded.unwrap().contains("user1-boundary@"));
    class.revoke(&aws).await;
    assert_eq!(roles(aws.state_of("user1-")), roles(before));
}

#[tokio::test(start_paused = true)]
async fn a_grant_waits_for_users_and_policies_that_iam_refuses_at_first() {
    let aws = StrictAws::new();
    let class = Class::of(&["user1", "user2"]);
    let safe = Safe::new(&aws);
    class.deploy(&aws).await;
    aws.path_policy();
    aws.timings(|t| t.iam_known = Spread::exactly(Duration::from_secs(40)));
    assert_all_well(&class.grant(&aws, &safe, WITH_KEYS).await.1);
    class.assert_granted(&aws, &safe, true).await;
    let (_, left) = class.revoke(&aws).await;
    assert_eq!(left.steps(), 0);
    assert_eq!(aws.snapshot(), class.stacks());
}

#[tokio::test(start_paused = true)]
async fn a_teardown_of_some_students_leaves_the_others_access() {
    let aws = StrictAws::new();
    let class = Class::of(&["user1", "user10", "user1-access"]);
    let safe = Safe::new(&aws);
    class.deploy(&aws).await;
    class.grant(&aws, &safe, PLAIN).await;
    let left = class.only(&["user1"]).tear_down(&aws).await;
    assert_eq!(left.plan.steps(), 0);
    class
        .only(&["user10", "user1-access"])
        .assert_granted(&aws, &safe, false)
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_student_without_a_stack_gets_no_way_in_and_the_others_do() {
    let aws = StrictAws::new();
    let class = Class::of(&["user1", "user2"]);
    let safe = Safe::new(&aws);
    class.only(&["user2"]).deploy(&aws).await;
    let (plan, _) = class.grant(&aws, &safe, PLAIN).await;
    assert!(plan.students[0].first(Verdict::Missing).is_some());
    assert_eq!(plan.students[0].steps(), 0);
    class
        .only(&["user2"])
        .assert_granted(&aws, &safe, false)
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_full_account_is_told_and_not_waited_out() {
    let aws = StrictAws::new();
    aws.set_users_quota(1);
    let class = Class::of(&["user1", "user2"]);
    let safe = Safe::new(&aws);
    class.deploy(&aws).await;
    let began = tokio::time::Instant::now();
    let (_, runs) = class.grant(&aws, &safe, PLAIN).await;
    assert!(began.elapsed() < Duration::from_secs(10));
    let refused = runs.iter().flat_map(|run| run.steps.values());
    let refused = refused.filter(|result| format!("{result:?}").contains("UsersPerAccount"));
    assert_eq!(refused.count(), 1);
}

/// Gives a user everything that a user can have, and its policies versions.
async fn burden(aws: &StrictAws, class: &Class, name: &str) {
    let cloud = aws.backdoor().await;
    for extra in Extra::ALL {
        aws.give(name, extra);
    }
    let nothing = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Deny", "Action": "s3:*", "Resource": "*"}]});
    cloud
        .put_user_policy(name, "by-hand", &nothing)
        .await
        .unwrap();
    cloud
        .attach_user_policy(name, "arn:aws:iam::aws:policy/AdministratorAccess")
        .await
        .unwrap();
    if aws.access_keys(name).len() < 2 {
        cloud.create_access_key(name).await.unwrap();
    }
    let mut stacks = class.desired.stacks.iter();
    let stack = stacks.find(|stack| stack.student().as_str() == name);
    let (scope, owner) = (&class.desired.scope, &stack.unwrap().owner);
    for purpose in [Purpose::Access, Purpose::Boundary] {
        let arn = scope.policy_arn(&owner.class, &purpose.name(scope, owner));
        for _ in 0..3 {
            let made = cloud.create_policy_version(&arn, &nothing).await;
            made.unwrap();
        }
    }
}
