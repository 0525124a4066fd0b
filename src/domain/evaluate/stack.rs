//! Checks of the stack: is everything there, and ready?

use super::{Answer, Facts, Reading};
use crate::domain::check::{Evidence, Verdict};
use crate::domain::plan::{Action, Item, StudentPlan, Verdict as Found};
use crate::domain::resources::Kind;

fn texts(texts: Vec<String>) -> Vec<Evidence> {
    texts.into_iter().map(Into::into).collect()
}

/// What a student works with. The policy that bounds the roles is none of it: a stack that is without one, as older
/// versions of homeroom made it, works as well.
fn parts(plan: &StudentPlan) -> impl Iterator<Item = &Item> {
    let items = plan.items.iter();
    items.filter(|item| item.resource.kind != Kind::ManagedPolicy)
}

/// Whether a role lacks what its function or workflow needs: a boundary or a trust policy that a newer lab would write
/// keeps nobody from working.
fn lacks_permissions(item: &Item) -> bool {
    match &item.action {
        Some(Action::UpdateRole { difference, .. }) => difference.policy,
        _ => true,
    }
}

pub(super) fn resources_exist(plan: &StudentPlan) -> Answer {
    let all = parts(plan).count();
    if all > 0 && parts(plan).all(|i| i.verdict == Found::Create) {
        let text = format!("not deployed: none of the {all} resources is there");
        return (Verdict::Fail, vec![text.into()]);
    }
    let wrong: Vec<String> = parts(plan)
        .filter_map(|item| match item.verdict {
            Found::Create => Some(format!("{} is missing", item.resource)),
            Found::Conflict => Some(format!("{} {}", item.resource, item.why)),
            _ => None,
        })
        .collect();
    if !wrong.is_empty() {
        return (Verdict::Fail, texts(wrong));
    }
    let unseen: Vec<String> = parts(plan)
        .filter(|item| item.verdict == Found::Unknown)
        .map(|item| format!("{} {}", item.resource, item.why))
        .collect();
    if !unseen.is_empty() {
        return (Verdict::CouldNotCheck, texts(unseen));
    }
    let text = format!("all {all} resources are there");
    (Verdict::Pass, vec![text.into()])
}

/// What is ready, kind by kind.
fn ready(plan: &StudentPlan) -> String {
    let of = |kind| {
        plan.items
            .iter()
            .filter(|i| i.resource.kind == kind)
            .count()
    };
    let kinds = [
        (Kind::Function, "Lambda function", "Active"),
        (Kind::StateMachine, "state machine", "ACTIVE"),
        (Kind::RestApi, "REST API", "deployed"),
        (Kind::LogGroup, "log group", "with retention"),
        (Kind::Role, "role", "in place"),
    ];
    let parts: Vec<String> = kinds
        .into_iter()
        .filter_map(|(kind, noun, state)| match of(kind) {
            0 => None,
            1 => Some(format!("1 {noun} {state}")),
            n => Some(format!("{n} {noun}s {state}")),
        })
        .collect();
    match parts.is_empty() {
        true => "nothing to be ready".to_owned(),
        false => parts.join(", "),
    }
}

pub(super) fn resources_ready(plan: &StudentPlan, facts: &Facts) -> Answer {
    if let (Verdict::Fail, why) = resources_exist(plan) {
        return (Verdict::Fail, why);
    }
    let mut wrong = Vec::new();
    let mut unseen = Vec::new();
    for item in parts(plan) {
        match (item.verdict, item.resource.kind) {
            (Found::Update, Kind::Role) if !lacks_permissions(item) => {}
            (Found::Update, Kind::RestApi | Kind::LogGroup | Kind::Role) => {
                wrong.push(format!("{}: {}", item.resource, item.why));
            }
            (Found::Unknown, _) => unseen.push(format!("{} {}", item.resource, item.why)),
            _ => {}
        }
    }
    for (name, reading) in &facts.functions_not_ready {
        match reading {
            Reading::Seen(state) => wrong.push(format!("Lambda function {name} is {state}")),
            Reading::Unseen(why) => unseen.push(format!("Lambda function {name}: {why}")),
        }
    }
    if !wrong.is_empty() {
        (Verdict::Fail, texts(wrong))
    } else if !unseen.is_empty() {
        (Verdict::CouldNotCheck, texts(unseen))
    } else {
        let kept = plan.items.iter().filter(|i| i.verdict == Found::Keep);
        let mut evidence = vec![ready(plan)];
        evidence.extend(kept.map(|i| format!("{}: {}", i.resource, i.why)));
        (Verdict::Pass, texts(evidence))
    }
}
