//! Who gets in: planned, applied, planned again.

use std::collections::BTreeMap;

use serde_json::json;

use crate::ids::Username;
use crate::stack::kinds::Desired;
use crate::stack::kinds::managed_policy::{self, Purpose};
use crate::stack::kinds::user::access::{Grant, freeze, grant, revoke};
use crate::stack::kinds::{Gap, Observed};
use crate::stack::kinds::{Kind, ResourceId, role, user};
use crate::stack::plan::teardown::{self, Reach};
use crate::stack::plan::tests::{apply_all, bounded, deployed, desired, scope};
use crate::stack::plan::{Action, Plan, Verdict};

fn wanted(desired: &Desired, text: &str) -> BTreeMap<Username, user::Spec> {
    let users = desired.stacks.iter().map(|stack| {
        let policy = |purpose: Purpose| managed_policy::Spec {
            name: purpose.name(&scope(), &stack.owner),
            document: json!({ "Sid": text }).into(),
        };
        let user = user::Spec {
            name: stack.student().to_string(),
            policy: policy(Purpose::Access),
            boundary: policy(Purpose::Boundary),
            until: None,
        };
        (stack.student().clone(), user)
    });
    users.collect()
}

pub(super) fn granted(desired: &Desired) -> Observed {
    let mut observed = deployed(desired);
    let plan = grant(desired, &wanted(desired, "v1"), &observed, Grant::default());
    apply_all(&mut observed, &plan);
    observed
}

fn again(desired: &Desired, observed: &Observed, how: Grant) -> Plan {
    grant(desired, &wanted(desired, "v1"), observed, how)
}

fn actions(plan: &Plan) -> Vec<String> {
    let items = plan.students.iter().flat_map(|s| &s.items);
    let acting = items.filter_map(|item| Some((item, item.action.as_ref()?)));
    acting
        .map(|(item, action)| format!("{} {}", action.effect().as_str(), item.resource.name))
        .collect()
}

#[test]
fn granting_again_changes_nothing() {
    let desired = desired(&["user1", "user2"]);
    let plan = again(&desired, &granted(&desired), Grant::default());
    assert_eq!(actions(&plan), Vec::<String>::new());
    assert_eq!(plan.count(Verdict::NoChange), 8);
}

#[test]
fn a_student_without_a_stack_is_told_so_and_gets_no_user() {
    let desired = desired(&["user1"]);
    let plan = grant(
        &desired,
        &BTreeMap::new(),
        &Observed::default(),
        Grant::default(),
    );
    assert!(plan.students[0].is_blocked());
    assert_eq!(plan.steps(), 0);
    assert!(plan.count(Verdict::Missing) > 0);
}

#[test]
fn a_changed_policy_is_put_in_force_and_credentials_stay() {
    let desired = desired(&["user1"]);
    let observed = granted(&desired);
    let plan = grant(
        &desired,
        &wanted(&desired, "v2"),
        &observed,
        Grant::default(),
    );
    let owner = &desired.stacks[0].owner;
    let names = [Purpose::Access, Purpose::Boundary].map(|p| p.name(&scope(), owner));
    assert_eq!(actions(&plan), names.map(|name| format!("update {name}")));
}

#[test]
fn a_key_is_added_to_a_password_and_rotation_renews_what_there_is() {
    let desired = desired(&["user1"]);
    let mut observed = granted(&desired);
    let with_keys = Grant {
        access_keys: true,
        rotate: false,
    };
    let issue = |plan: &Plan| {
        let items = &plan.students[0].items;
        items.iter().find_map(|item| match &item.action {
            Some(Action::User(user::Action::Update { issue, .. })) => {
                Some((issue.password, issue.access_key))
            }
            _ => None,
        })
    };
    let rotate = Grant {
        access_keys: false,
        rotate: true,
    };
    assert_eq!(
        issue(&again(&desired, &observed, rotate)),
        Some((true, false))
    );
    let plan = again(&desired, &observed, with_keys);
    assert_eq!(issue(&plan), Some((false, true)));
    apply_all(&mut observed, &plan);
    assert_eq!(issue(&again(&desired, &observed, with_keys)), None);
    assert_eq!(issue(&again(&desired, &observed, Grant::default())), None);
    assert_eq!(
        issue(&again(&desired, &observed, rotate)),
        Some((true, true))
    );
}

#[test]
fn a_user_whose_credentials_were_cut_off_gets_new_ones() {
    let desired = desired(&["user1"]);
    let mut observed = granted(&desired);
    let tags = &mut observed.users.get_mut("user1").unwrap().tags;
    tags.remove(user::TAG_CREDENTIALS);
    let plan = again(&desired, &observed, Grant::default());
    assert_eq!(actions(&plan), ["update user1"]);
}

#[test]
fn a_user_who_is_not_ours_is_never_touched_whatever_is_asked() {
    let desired = desired(&["user1"]);
    let foreign = |change: fn(&mut user::Seen)| {
        let mut observed = granted(&desired);
        change(observed.users.get_mut("user1").unwrap());
        observed
    };
    let elsewhere = [
        foreign(|user| user.path = "/".to_owned()),
        foreign(|user| {
            user.path = "/homeroom/other/".to_owned();
            user.tags.insert("homeroom:class".into(), "other".into());
        }),
        foreign(|user| {
            drop(
                user.tags
                    .insert("homeroom:region".into(), "eu-west-1".into()),
            )
        }),
        foreign(|user| drop(user.tags.insert("homeroom:student".into(), "user2".into()))),
    ];
    for observed in elsewhere {
        let about_user = |plan: &Plan| {
            let items = plan.students.iter().flat_map(|s| &s.items);
            let user = ResourceId::new(Kind::User, "user1");
            items
                .filter(|item| item.resource == user && item.action.is_some())
                .count()
        };
        let rotate = Grant {
            access_keys: true,
            rotate: true,
        };
        let granting = again(&desired, &observed, rotate);
        assert_eq!(granting.count(Verdict::Conflict), 1);
        assert_eq!(granting.steps(), 0, "nothing of a student in conflict");
        assert_eq!(
            about_user(&freeze(&desired, &observed, Reach::Selected, true)),
            0
        );
        assert_eq!(about_user(&revoke(&desired, &observed, Reach::Selected)), 0);
        assert_eq!(
            about_user(&teardown::plan(&desired, &observed, Reach::Selected)),
            0
        );
    }
}

#[test]
fn a_name_that_differs_in_case_only_is_a_conflict() {
    let desired = desired(&["user1"]);
    let mut observed = deployed(&desired);
    let mut other = granted(&desired).users["user1"].clone();
    other.name = "USER1".to_owned();
    other.path = "/".to_owned();
    observed.users.insert(other.name.clone(), other);
    let plan = again(&desired, &observed, Grant::default());
    assert_eq!(plan.count(Verdict::Conflict), 1);
    assert_eq!(plan.steps(), 0);
}

#[test]
fn a_freeze_or_thaw_is_one_call_a_student_and_none_the_second_time() {
    let desired = desired(&["user1", "user2"]);
    let mut observed = granted(&desired);
    for (shut, action) in [(true, "freeze"), (false, "thaw")] {
        let plan = freeze(&desired, &observed, Reach::WholeClass, shut);
        let expected = ["user1", "user2"].map(|user| format!("{action} {user}"));
        assert_eq!(actions(&plan), expected);
        apply_all(&mut observed, &plan);
        let plan = freeze(&desired, &observed, Reach::WholeClass, shut);
        assert_eq!(plan.steps(), 0);
    }
}

#[test]
fn a_frozen_user_stays_frozen_when_access_is_granted_again() {
    let desired = desired(&["user1"]);
    let mut observed = granted(&desired);
    let shut = freeze(&desired, &observed, Reach::Selected, true);
    apply_all(&mut observed, &shut);
    let rotate = Grant {
        access_keys: true,
        rotate: true,
    };
    let plan = again(&desired, &observed, rotate);
    apply_all(&mut observed, &plan);
    assert!(observed.users["user1"].is_frozen());
}

#[test]
fn revoking_takes_everything_of_the_access_and_leaves_the_stack() {
    let desired = desired(&["user1", "user2"]);
    let mut observed = granted(&desired);
    let only_first = Desired {
        stacks: desired.stacks[..1].to_vec(),
        ..desired.clone()
    };
    let plan = revoke(&only_first, &observed, Reach::Selected);
    apply_all(&mut observed, &plan);
    assert_eq!(observed.users.keys().collect::<Vec<_>>(), ["user2"]);
    assert_eq!(observed.policies.len(), 2);
    // Whoever left the roster is found by the mark.
    let plan = revoke(&only_first, &observed, Reach::WholeClass);
    apply_all(&mut observed, &plan);
    assert_eq!(observed, deployed(&desired));
}

#[test]
fn a_teardown_takes_the_access_first_and_the_policies_last() {
    let desired = desired(&["user1"]);
    let mut observed = granted(&desired);
    let plan = teardown::plan(&desired, &observed, Reach::Selected);
    let items = &plan.students[0].items;
    assert_eq!(items[0].resource.kind, Kind::User);
    let policies = items
        .iter()
        .filter(|item| item.resource.kind == Kind::ManagedPolicy);
    for policy in policies {
        let waits = |kind: Kind| policy.after.iter().any(|id| id.kind == kind);
        assert!(waits(Kind::User) && waits(Kind::Role));
    }
    apply_all(&mut observed, &plan);
    assert_eq!(observed, Observed::default());
}

#[test]
fn what_could_not_be_seen_is_not_taken_for_absent() {
    let desired = desired(&["user1"]);
    let mut observed = deployed(&desired);
    observed.gaps.push(Gap {
        kind: Kind::User,
        name: None,
        student: None,
        cause: "denied".to_owned(),
    });
    for plan in [
        again(&desired, &observed, Grant::default()),
        revoke(&desired, &observed, Reach::WholeClass),
        freeze(&desired, &observed, Reach::WholeClass, true),
    ] {
        assert_eq!(plan.steps(), 0);
        assert_eq!(plan.count(Verdict::Unknown), 1);
    }
}

#[test]
fn a_listing_cut_off_takes_nothing_away_but_shuts_out_who_was_seen() {
    let desired = desired(&["user1", "user2"]);
    let mut observed = granted(&desired);
    observed.users.remove("user2");
    for kind in [Kind::Role, Kind::User, Kind::ManagedPolicy] {
        observed.gaps.push(Gap {
            kind,
            name: None,
            student: None,
            cause: "denied".to_owned(),
        });
    }
    let plan = revoke(&desired, &observed, Reach::WholeClass);
    assert_eq!((plan.steps(), plan.count(Verdict::Unknown)), (0, 2));
    let plan = freeze(&desired, &observed, Reach::WholeClass, true);
    assert_eq!(actions(&plan), ["freeze user1"]);
    assert_eq!(plan.students[1].items[0].verdict, Verdict::Unknown);
}

#[test]
fn nobody_is_let_in_before_the_roles_of_the_stack_are_bounded() {
    // Deployed by a version of homeroom that bounded no role.
    let observed = deployed(&desired(&["user1"]));
    let desired = bounded(&["user1"]);
    let plan = again(&desired, &observed, Grant::default());
    let items = &plan.students[0].items;
    let user = items.iter().find(|item| item.resource.kind == Kind::User);
    let waits = &user.unwrap().after;
    let mut bounded = items.iter().filter(|item| {
        matches!(
            item.action,
            Some(Action::Role(role::Action::SetBoundary(_)))
        )
    });
    assert!(bounded.clone().count() > 0);
    assert!(bounded.all(|item| waits.contains(&item.resource)));
}

#[test]
fn a_rotation_first_withdraws_what_the_tag_says() {
    let desired = desired(&["user1"]);
    let observed = granted(&desired);
    let withdraws = |rotate, access_keys| {
        let how = Grant {
            access_keys,
            rotate,
        };
        let plan = again(&desired, &observed, how);
        let item = plan.students[0].first(Verdict::Update).unwrap().clone();
        matches!(item.action, Some(Action::User(user::Action::Update { issue, .. })) if issue.withdraw)
    };
    assert!(withdraws(true, false));
    // The password goes on as it was; so does what the tag says of it.
    assert!(!withdraws(false, true));
}
