//! Checks of the stack: is everything there, and ready?

use crate::evidence::check::{Evidence, Verdict};
use crate::evidence::evaluate::{Facts, Judgement, Reading};
use crate::stack::kinds::{Kind, role};
use crate::stack::plan::{Action, Item, StudentPlan, Verdict as Found};
use crate::text::words::plural;

fn texts(texts: Vec<String>) -> Vec<Evidence> {
    texts.into_iter().map(Into::into).collect()
}

/// Whether a role lacks permissions that its function or workflow needs. The student can work without the boundary or
/// the trust policy of a newer lab.
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
    let mut wrong = Vec::new();
    let mut unseen = Vec::new();
    for item in plan.worked_with() {
        match item.verdict {
            Found::Create => wrong.push(format!("{} is missing", item.resource)),
            Found::Conflict => wrong.push(format!("{} {}", item.resource, item.why)),
            Found::Unknown => unseen.push(format!("{} {}", item.resource, item.why)),
            _ => {}
        }
    }
    // Where nothing was seen, nobody knows whether the stack lacks something or is not there at all.
    if !unseen.is_empty() && (wrong.is_empty() || nothing_seen(plan)) {
        return (Verdict::CouldNotCheck, texts(unseen));
    }
    if !wrong.is_empty() {
        return (Verdict::Fail, texts(wrong));
    }
    let text = format!("all {all} resources are there");
    (Verdict::Pass, vec![text.into()])
}

/// Whether every resource is either missing or could not be looked at.
fn nothing_seen(plan: &StudentPlan) -> bool {
    let blank = |found| matches!(found, Found::Create | Found::Unknown);
    plan.worked_with().all(|item| blank(item.verdict))
}

/// What the instructor does next about a stack that is not as it must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StackAct {
    /// Something has a name of the student's and is not provably theirs.
    Settle,
    /// Not everything could be seen.
    See,
    /// Nothing is there.
    Make,
    /// Something is missing or half done.
    PutBack,
    /// What the student changed keeps a function from running.
    Reset,
    /// A function was just written.
    Wait,
    /// A function cannot run, and a deployment would not change that.
    LookAt,
    /// Anything else.
    ClearUp,
}

impl StackAct {
    pub(crate) fn of(plan: &StudentPlan, facts: &Facts) -> Self {
        let any = |verdict| plan.items.iter().any(|item| item.verdict == verdict);
        let kept = |name: &str| {
            let mut items = plan.items.iter();
            items.any(|i| i.verdict == Found::Keep && i.resource.name == name)
        };
        let not_ready = &facts.functions_not_ready;
        if any(Found::Conflict) {
            Self::Settle
        } else if any(Found::Unknown) {
            Self::See
        } else if plan.nothing_there() {
            Self::Make
        } else if any(Found::Create) || any(Found::Update) {
            Self::PutBack
        } else if not_ready.iter().any(|(name, _)| kept(name)) {
            // The one difference that makes a stack fail and that a plain deployment leaves alone.
            Self::Reset
        } else {
            match not_ready.first() {
                Some((_, Reading::Seen(state))) if state.is_pending() => Self::Wait,
                Some((_, Reading::Seen(_))) => Self::LookAt,
                _ => Self::ClearUp,
            }
        }
    }

    /// To the instructor. `command` makes a whole command, for the students whom it is about, of a verb with its own options
    /// (`deploy --reset`).
    pub(crate) fn words(self, command: &dyn Fn(&str) -> String) -> String {
        match self {
            Self::Settle => format!(
                "homeroom touches nothing that is not provably this student's, and leaves the rest of the stack alone \
                 until that is settled. The evidence names whose it looks like: check --class, --region and the roster, \
                 then run `{}`.",
                command("plan")
            ),
            Self::See => format!(
                "homeroom does nothing for a student of whom it cannot see everything: clear up the cause, then run `{}` \
                 again.",
                command("status")
            ),
            Self::Make => format!("`{}` makes the stack.", command("deploy")),
            Self::PutBack => format!(
                "`{}` puts back what is missing or half done. What the student changed stays.",
                command("deploy")
            ),
            Self::Reset => format!(
                "A plain deployment keeps what the student changed. `{}` puts the stack back as the lab has it; their \
                 changes in it are overwritten.",
                command("deploy --reset")
            ),
            Self::Wait => format!(
                "A function that was just written needs up to a minute: run `{}` again then.",
                command("status")
            ),
            Self::LookAt => {
                "Open the function in the Lambda console: it says why the function cannot run. A \
                             deployment finds nothing to put back there."
                    .to_owned()
            }
            Self::ClearUp => format!(
                "Clear up the cause, then run `{}` again.",
                command("status")
            ),
        }
    }
}

/// What is ready, kind by kind.
fn ready(plan: &StudentPlan) -> String {
    let kinds = [
        (Kind::Function, "Lambda function", "Active"),
        (Kind::StateMachine, "state machine", "ACTIVE"),
        (Kind::RestApi, "REST API", "deployed"),
        (Kind::HttpApi, "HTTP API", "deployed"),
        (Kind::LogGroup, "log group", "with retention"),
        (Kind::Role, "role", "in place"),
    ];
    let mut parts = Vec::new();
    for (kind, noun, state) in kinds {
        let items = plan.items.iter().filter(|i| i.resource.kind == kind);
        let count = items.count();
        if count > 0 {
            parts.push(format!("{} {state}", plural(count, noun)));
        }
    }
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
            (Found::Update, kind)
                if kind.is_api() || matches!(kind, Kind::LogGroup | Kind::Role) =>
            {
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
        return (Verdict::Fail, texts(wrong));
    }
    if !unseen.is_empty() {
        return (Verdict::CouldNotCheck, texts(unseen));
    }
    let theirs = plan.items.iter();
    let theirs = theirs.filter_map(|i| Some(format!("{}: {}", i.resource, i.theirs.as_ref()?)));
    let evidence = std::iter::once(ready(plan)).chain(theirs);
    (Verdict::Pass, texts(evidence.collect()))
}
