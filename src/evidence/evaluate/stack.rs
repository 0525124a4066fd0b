//! Checks of the stack: is everything there, and ready?

use crate::evidence::check::{Evidence, Verdict};
use crate::evidence::evaluate::{Facts, Judgement, Reading};
use crate::stack::kinds::Kind;
use crate::stack::kinds::role;
use crate::stack::plan::{Action, Item, StudentPlan, Verdict as Found};

fn texts(texts: Vec<String>) -> Vec<Evidence> {
    texts.into_iter().map(Into::into).collect()
}

/// Whether a role lacks what its function or workflow needs: a boundary or a trust policy that a newer lab would write
/// keeps nobody from working.
fn lacks_permissions(item: &Item) -> bool {
    match &item.action {
        Some(Action::Role(role::Action::Update { parts, .. })) => parts.policy,
        _ => true,
    }
}

pub(super) fn resources_exist(plan: &StudentPlan) -> Judgement {
    let all = plan.worked_with().count();
    if plan.nothing_there() {
        let text = format!("not deployed: none of the {all} resources is there");
        return (Verdict::Fail, vec![text.into()]);
    }
    let unseen: Vec<String> = plan
        .worked_with()
        .filter(|item| item.verdict == Found::Unknown)
        .map(|item| format!("{} {}", item.resource, item.why))
        .collect();
    if nothing_seen(plan) && !unseen.is_empty() {
        // Nobody can say whether the stack lacks something or is not there at all.
        return (Verdict::CouldNotCheck, texts(unseen));
    }
    let wrong: Vec<String> = plan
        .worked_with()
        .filter_map(|item| match item.verdict {
            Found::Create => Some(format!("{} is missing", item.resource)),
            Found::Conflict => Some(format!("{} {}", item.resource, item.why)),
            _ => None,
        })
        .collect();
    if !wrong.is_empty() {
        return (Verdict::Fail, texts(wrong));
    }
    if !unseen.is_empty() {
        return (Verdict::CouldNotCheck, texts(unseen));
    }
    let text = format!("all {all} resources are there");
    (Verdict::Pass, vec![text.into()])
}

/// Whether nothing of the stack was seen: what is not missing could not be looked at.
fn nothing_seen(plan: &StudentPlan) -> bool {
    let blank = |found| matches!(found, Found::Create | Found::Unknown);
    plan.worked_with().all(|item| blank(item.verdict))
}

/// What the instructor does about a stack that is not as it must be, by what was found. `command` makes a command of
/// homeroom's words (`deploy`).
pub(crate) fn act(plan: &StudentPlan, facts: &Facts, command: &dyn Fn(&str) -> String) -> String {
    let any = |verdict| plan.items.iter().any(|item| item.verdict == verdict);
    if any(Found::Conflict) {
        return format!(
            "homeroom touches nothing that is not provably this student's, and leaves the rest of the stack alone \
             until that is settled. The evidence names whose it looks like: check --class, --region and the roster, \
             then run `{}`.",
            command("plan")
        );
    }
    if any(Found::Unknown) {
        return format!(
            "homeroom does nothing for a student of whom it cannot see everything: clear up the cause, then run `{}` \
             again.",
            command("status")
        );
    }
    if plan.nothing_there() {
        return format!("`{}` makes the stack.", command("deploy"));
    }
    let mends = |item: &&Item| matches!(item.verdict, Found::Create | Found::Update);
    if plan.items.iter().any(|item| mends(&item)) {
        return format!(
            "`{}` puts back what is missing or half done. What the student changed stays.",
            command("deploy")
        );
    }
    let kept = |name: &str| {
        let mut items = plan.items.iter();
        items.any(|i| i.verdict == Found::Keep && i.resource.name == name)
    };
    let not_ready = &facts.functions_not_ready;
    if not_ready.iter().any(|(name, _)| kept(name)) {
        // The one difference that makes a stack fail and that a plain deployment leaves alone.
        return reset(plan, command);
    }
    match not_ready.first() {
        Some((_, Reading::Seen(state))) if state.is_pending() => format!(
            "A function that was just written needs up to a minute: run `{}` again then.",
            command("status")
        ),
        Some((name, Reading::Seen(_))) => format!(
            "Open {name} in the Lambda console: it says why the function cannot run. `deploy` finds nothing to put \
             back there."
        ),
        _ => format!(
            "Clear up the cause, then run `{}` again.",
            command("status")
        ),
    }
}

/// How the stack is put back where a plain deployment keeps what is there.
pub(crate) fn reset(plan: &StudentPlan, command: &dyn Fn(&str) -> String) -> String {
    let options = format!("deploy --reset --students {}", plan.owner.student);
    format!(
        "`deploy` alone keeps what the student changed. `{}` puts the stack back as the lab has it; their changes in it \
         are overwritten.",
        command(&options)
    )
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

pub(super) fn resources_ready(plan: &StudentPlan, facts: &Facts) -> Judgement {
    match resources_exist(plan) {
        (Verdict::Fail, why) => return (Verdict::Fail, why),
        (verdict, why) if nothing_seen(plan) => return (verdict, why),
        _ => {}
    }
    let mut wrong = Vec::new();
    let mut unseen = Vec::new();
    for item in plan.worked_with() {
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
        let theirs = plan.items.iter();
        let theirs = theirs.filter_map(|i| Some(format!("{}: {}", i.resource, i.theirs.as_ref()?)));
        let mut evidence = vec![ready(plan)];
        evidence.extend(theirs);
        (Verdict::Pass, texts(evidence))
    }
}
