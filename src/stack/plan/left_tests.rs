//! Students who left the roster, in every plan.

use crate::stack::kinds::Kind;
use crate::stack::kinds::Observed;
use crate::stack::kinds::user::access::{Grant, freeze, grant, revoke};
use crate::stack::left::{Attendance, leavers};
use crate::stack::plan::access_tests::granted;
use crate::stack::plan::reset::work;
use crate::stack::plan::teardown::{self, Reach};
use crate::stack::plan::tests::{apply_all, deployed, desired, scope};
use crate::stack::plan::{Plan, Verdict, deploy};

fn students(plan: &Plan) -> Vec<&str> {
    let students = plan.students.iter();
    students.map(|s| s.owner.student.as_str()).collect()
}

fn who_left(roster: &[&str], observed: &Observed) -> Vec<(String, usize)> {
    let leavers = leavers(&desired(roster), observed).into_iter();
    leavers
        .map(|l| (l.username.to_string(), l.resources.len()))
        .collect()
}

#[test]
fn whoever_has_something_and_no_row_has_left() {
    let observed = granted(&desired(&["ana", "ben"]));
    // Five resources of the stack, the user and two policies.
    assert_eq!(who_left(&["ben"], &observed), [("ana".to_owned(), 8)]);
    assert_eq!(who_left(&["ana", "ben"], &observed), []);
    let attendance = Attendance::of(&desired(&["ben", "cora"]), &observed);
    assert!(!attendance.present.contains(&"cora".parse().unwrap()));
    assert_eq!(attendance.present.len(), 2);
}

#[test]
fn another_class_lab_or_region_has_no_leavers_of_this_one() {
    let mut observed = granted(&desired(&["ana"]));
    for role in observed.roles.values_mut() {
        role.tags
            .insert("homeroom:region".into(), "eu-west-1".into());
    }
    for user in observed.users.values_mut() {
        user.path = "/homeroom/other/".into();
    }
    let mut lab7 = desired(&["ben"]);
    lab7.lab = "lab7".parse().unwrap();
    assert_eq!(leavers(&lab7, &observed), []);
    let left = who_left(&["ben"], &observed);
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].1, 6, "neither the role nor the user is counted");
}

#[test]
fn a_teardown_of_those_who_left_takes_them_and_nobody_else() {
    let mut observed = granted(&desired(&["ana", "ben"]));
    let roster = desired(&["ben"]);
    let plan = teardown::plan(&roster, &observed, Reach::Left);
    assert_eq!(students(&plan), ["ana"]);
    assert!(!plan.students[0].in_roster);
    apply_all(&mut observed, &plan);
    assert_eq!(observed, granted(&roster));
    let again = teardown::plan(&roster, &observed, Reach::Left);
    assert_eq!(students(&again), Vec::<&str>::new());
}

#[test]
fn a_freeze_reaches_those_who_left_and_a_thaw_never_does() {
    let mut observed = granted(&desired(&["ana", "ben"]));
    let roster = desired(&["ben"]);
    let only = freeze(&roster, &observed, Reach::Left, true);
    assert_eq!((students(&only), only.steps()), (vec!["ana"], 1));
    let all = freeze(&roster, &observed, Reach::WholeClass, true);
    assert_eq!(all.steps(), 2);
    apply_all(&mut observed, &all);
    for reach in [Reach::WholeClass, Reach::Left, Reach::Selected] {
        let thaw = freeze(&roster, &observed, reach, false);
        assert_eq!(students(&thaw), ["ben"], "{reach:?}");
        apply_all(&mut observed.clone(), &thaw);
    }
    let thaw = freeze(&roster, &observed, Reach::WholeClass, false);
    apply_all(&mut observed, &thaw);
    assert!(observed.users["ana"].is_frozen() && !observed.users["ben"].is_frozen());
}

#[test]
fn revoking_of_those_who_left_leaves_everybody_elses_access() {
    let mut observed = granted(&desired(&["ana", "ben"]));
    let plan = revoke(&desired(&["ben"]), &observed, Reach::Left);
    assert_eq!(students(&plan), ["ana"]);
    apply_all(&mut observed, &plan);
    assert_eq!(observed.users.keys().collect::<Vec<_>>(), ["ben"]);
    assert!(observed.roles.contains_key("ana-role"), "the stack stays");
}

#[test]
fn whoever_is_in_the_roster_in_another_spelling_has_not_left() {
    let observed = granted(&desired(&["ana", "ben", "zoe"]));
    let roster = desired(&["Ana", "ben"]);
    let left = Reach::Left;
    let plans = [
        teardown::plan(&roster, &observed, left),
        revoke(&roster, &observed, left),
        freeze(&roster, &observed, left, true),
    ];
    for plan in plans {
        assert_eq!(students(&plan), ["zoe"]);
    }
    // The whole class has all of them.
    let whole = teardown::plan(&roster, &observed, Reach::WholeClass);
    assert_eq!(students(&whole), ["Ana", "ben", "ana", "zoe"]);
}

#[test]
fn another_spelling_of_a_student_is_known_as_that() {
    let observed = deployed(&desired(&["ana", "ben"]));
    let roster = desired(&["Ana", "ben"]);
    let plan = deploy::plan(&roster, &observed, false);
    let known = |plan: &Plan| plan.students[0].spelled.clone().map(|s| s.to_string());
    assert_eq!(known(&plan).as_deref(), Some("ana"));
    assert!(plan.students[0].first(Verdict::Conflict).is_some());
    assert_eq!(plan.students[1].spelled, None);
    let none = std::collections::BTreeMap::new();
    let granting = grant(&roster, &none, &observed, Grant::default());
    assert_eq!(known(&granting).as_deref(), Some("ana"));
    assert_eq!(granting.steps(), 0);
    let right = deploy::plan(&desired(&["ana", "ben"]), &observed, false);
    assert_eq!(known(&right), None);
}

#[test]
fn a_reset_knows_the_work_that_it_would_overwrite_and_no_more() {
    let desired = desired(&["ana", "ben"]);
    let mut observed = deployed(&desired);
    assert_eq!(work(&scope(), &desired.stacks[0], &observed), []);
    let function = observed.functions.get_mut("ana-work").unwrap();
    function.timeout_s = 77;
    let pieces = work(&scope(), &desired.stacks[0], &observed);
    assert!(matches!(&pieces[..], [piece] if !piece.code && piece.resource.kind == Kind::Function));
    observed.functions.get_mut("ana-work").unwrap().code_sha256 = "mine".into();
    let machine = observed.state_machines.get_mut("ana-flow").unwrap();
    let detail = machine.detail.as_mut().unwrap();
    detail.definition = detail.definition.replace("Succeed", "Fail");
    let pieces = work(&scope(), &desired.stacks[0], &observed);
    let [function, machine] = &pieces[..] else {
        panic!("{pieces:?}");
    };
    assert!(function.code && function.resource.kind == Kind::Function);
    let (name, definition) = &machine.files[0];
    assert!(machine.resource.name == "ana-flow" && name == "ana-flow.asl.json");
    assert!(definition.contains("Fail"));
    assert_eq!(work(&scope(), &desired.stacks[1], &observed), []);
    // What the lab changed since is no work of the student's.
    let mut newer = desired.clone();
    newer.stacks[1].functions[0].timeout_s = 20;
    assert_eq!(work(&scope(), &newer.stacks[1], &observed), []);
    let plan = deploy::plan(&desired, &observed, true);
    let kinds = plan.students[0].items.iter();
    let overwritten = kinds.filter(|i| i.verdict == Verdict::Update);
    let overwritten: Vec<Kind> = overwritten.map(|i| i.resource.kind).collect();
    assert!(overwritten.contains(&Kind::Function) && overwritten.contains(&Kind::StateMachine));
}
