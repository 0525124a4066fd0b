//! What became of a student's stack, resource by resource: as planned, as made, as taken down.

use serde::Serialize;

use crate::events::{Event, Outcome, StepResult};
use crate::ids::Username;
use crate::stack::diff::Differing;
use crate::stack::execute::StudentRun;
use crate::stack::hints;
use crate::stack::kinds::{Kind, ResourceId};
use crate::stack::plan::{Item, StudentPlan, Verdict};
use crate::text::failure::Failure;

/// What was planned for a resource, or became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ResourceState {
    /// Something is to be done to it, but another resource of the student's prevents that.
    Blocked,
    Done,
    Failed,
    /// A step that it needs failed.
    Skipped,
    /// The run was stopped before.
    Cancelled,
    /// It was there, and a fresh listing does not show it.
    Removed,
    /// It is still there.
    Remains,
    /// It was deleted, and nothing has looked for it since.
    NotProven,
    /// It stays, without what was taken away around it.
    Kept,
    /// As the plan has it; nothing was done to it.
    #[serde(untagged)]
    Planned(Verdict),
}

/// One resource of one student at the end of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ResourceResult {
    #[serde(flatten)]
    pub resource: ResourceId,
    pub state: ResourceState,
    /// Why, in a sentence; absent where the state says it all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// What of it differs, in a plan. A document has it once for all students with the same difference.
    #[serde(skip)]
    pub differs: Differing,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StackResult {
    pub(crate) student: Username,
    pub(crate) outcome: Outcome,
    pub(crate) resources: Vec<ResourceResult>,
    /// Why it did not end well; one for each thing that failed on its own.
    pub(crate) errors: Vec<Failure>,
}

/// What a later listing says of a student.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fresh<'a> {
    /// It was made; this is what it still shows of them, if anything.
    Seen(Option<&'a StudentPlan>),
    /// It was not made: the run was stopped before.
    NotLooked,
}

impl StackResult {
    pub(crate) fn planned(plan: &StudentPlan) -> Self {
        let has = |verdict| plan.first(verdict).is_some();
        let outcome = if has(Verdict::Conflict) {
            Outcome::Conflict
        } else if has(Verdict::Unknown) {
            Outcome::Unknown
        } else if plan.steps() > 0 {
            Outcome::Changes
        } else {
            Outcome::NoChange
        };
        let resources = plan.items.iter().map(|item| {
            let state = match (item.verdict, &item.action) {
                (Verdict::Create | Verdict::Update, None) => ResourceState::Blocked,
                (verdict, _) => ResourceState::Planned(verdict),
            };
            ResourceResult {
                differs: item.differs.clone(),
                ..resource(item, state, why(item))
            }
        });
        Self {
            student: plan.owner.student.clone(),
            outcome,
            resources: resources.collect(),
            errors: blocked(plan),
        }
    }

    /// How a run ended that makes something: `done` when something was to be done and all of it is.
    pub(crate) fn made(plan: &StudentPlan, run: &StudentRun, done: Outcome) -> Self {
        let mut errors = blocked(plan);
        errors.extend(failures(run));
        let any = |test: fn(&StepResult) -> bool| run.steps.values().any(test);
        let outcome = if plan.first(Verdict::Conflict).is_some()
            || any(|r| matches!(r, StepResult::Conflict { .. }))
        {
            Outcome::Conflict
        } else if !errors.is_empty() {
            Outcome::Failed
        } else if any(|r| matches!(r, StepResult::Cancelled)) {
            Outcome::Cancelled
        } else if run.steps.is_empty() {
            Outcome::Unchanged
        } else {
            done
        };
        let resources = plan.items.iter().map(|item| {
            let planned = ResourceState::Planned;
            let (state, detail) = match run.steps.get(&item.resource) {
                None => (planned(item.verdict), why(item)),
                Some(StepResult::Done) => (ResourceState::Done, why(item)),
                Some(StepResult::Absent) => (planned(Verdict::Absent), None),
                Some(StepResult::Conflict { failure }) => {
                    (planned(Verdict::Conflict), Some(failure.cause_in_full()))
                }
                Some(StepResult::Failed { failure }) => {
                    (ResourceState::Failed, Some(failure.cause_in_full()))
                }
                Some(StepResult::Skipped { needs }) => {
                    (ResourceState::Skipped, Some(format!("needs {needs}")))
                }
                Some(StepResult::Cancelled) => (ResourceState::Cancelled, None),
            };
            resource(item, state, detail)
        });
        Self {
            student: plan.owner.student.clone(),
            outcome,
            resources: resources.collect(),
            errors,
        }
    }

    /// How a freeze or a thaw ended: of the student's user, then of what their stack runs.
    pub(crate) fn halted(user: (&StudentPlan, &StudentRun), stack: Self, done: Outcome) -> Self {
        let mut result = Self::let_in_or_out(user.0, user.1, done);
        let bad = [Outcome::Failed, Outcome::Conflict, Outcome::Cancelled];
        if bad.contains(&stack.outcome) {
            result.outcome = stack.outcome;
        }
        result.resources.extend(stack.resources);
        result.errors.extend(stack.errors);
        result
    }

    /// How a freeze or a thaw of a student's user ended.
    pub(crate) fn let_in_or_out(plan: &StudentPlan, run: &StudentRun, done: Outcome) -> Self {
        let mut result = Self::made(plan, run, done);
        let has_user = |r: &ResourceResult| {
            r.resource.kind == Kind::User && r.state != ResourceState::Planned(Verdict::Absent)
        };
        if result.outcome == Outcome::Unchanged && !result.resources.iter().any(has_user) {
            result.outcome = Outcome::NoAccess;
        }
        result
    }

    /// What became of a student who is taken down: what was planned, what was done, and what a fresh listing shows.
    pub(crate) fn taken_down(
        plan: &StudentPlan,
        run: Option<&StudentRun>,
        fresh: Fresh<'_>,
    ) -> Self {
        let seen: &[Item] = match fresh {
            Fresh::Seen(Some(student)) => &student.items,
            _ => &[],
        };
        let is_new = |item: &&Item| !plan.items.iter().any(|i| i.resource == item.resource);
        let appeared = seen.iter().filter(is_new);
        let resources = plan.items.iter().chain(appeared).map(|item| {
            let step = run.and_then(|run| run.steps.get(&item.resource));
            let now = seen.iter().find(|seen| seen.resource == item.resource);
            let (state, detail) = after_deletion(item, step, now, fresh);
            resource(item, state, detail)
        });
        let resources: Vec<_> = resources.collect();
        let any = |state: ResourceState| resources.iter().any(|r| r.state == state);
        let outcome = if any(ResourceState::Remains) || any(ResourceState::NotProven) {
            Outcome::Remains
        } else if any(ResourceState::Removed) {
            Outcome::Removed
        } else {
            Outcome::Absent
        };
        let mut errors = run.map(failures).unwrap_or_default();
        if let Fresh::Seen(Some(student)) = fresh {
            errors.extend(blocked(student));
        }
        Self {
            student: plan.owner.student.clone(),
            outcome,
            resources,
            errors,
        }
    }

    /// The event for the end of this student's work; `None` where there was nothing to do.
    pub(crate) fn event(&self) -> Option<Event> {
        let idle = matches!(self.outcome, Outcome::Unchanged | Outcome::NoAccess);
        (!idle).then(|| Event::StudentFinished {
            student: self.student.clone(),
            outcome: self.outcome,
            failure: self.errors.first().cloned(),
        })
    }
}

/// The event for the end of one student's deletions, before a fresh listing proves them.
pub(crate) fn deleted(plan: &StudentPlan, run: &StudentRun) -> Option<Event> {
    let all_done = run.steps.values().all(StepResult::is_well);
    (!run.steps.is_empty()).then(|| Event::StudentFinished {
        student: plan.owner.student.clone(),
        outcome: match all_done {
            true => Outcome::Removed,
            false => Outcome::Remains,
        },
        failure: failures(run).into_iter().next(),
    })
}

/// Whether no function and no workflow was found of a student, where some were looked for.
pub(crate) fn has_no_stack(resources: &[ResourceResult]) -> bool {
    let absent = ResourceState::Planned(Verdict::Absent);
    let stack = resources.iter().filter(|r| r.resource.kind.facts().runs);
    let mut stack = stack.peekable();
    stack.peek().is_some() && stack.all(|result| result.state == absent)
}

fn resource(item: &Item, state: ResourceState, detail: Option<String>) -> ResourceResult {
    ResourceResult {
        resource: item.resource.clone(),
        state,
        detail,
        differs: Differing::default(),
    }
}

fn why(item: &Item) -> Option<String> {
    (!item.why.is_empty()).then(|| item.why.clone())
}

/// What failed on its own; what was skipped because of it says nothing new.
fn failures(run: &StudentRun) -> Vec<Failure> {
    let failed = run.steps.values().filter_map(|result| match result {
        StepResult::Conflict { failure } | StepResult::Failed { failure } => Some(failure.clone()),
        _ => None,
    });
    failed.collect()
}

/// What stands in a student's way, with the next step.
fn blocked(student: &StudentPlan) -> Vec<Failure> {
    // Then every conflict is with the student's own resources: one failure, not one for each resource.
    if let Some(known) = student.spelled.as_ref().filter(|_| student.is_blocked()) {
        let (name, cause) = (
            &student.owner.student,
            format!("the class has this student as '{known}'"),
        );
        return vec![Failure::new(name.to_string(), cause).hint(student.conflict_hint(None))];
    }
    let failures = student.items.iter().filter_map(|item| {
        let hint = match item.verdict {
            Verdict::Conflict => student.conflict_hint(Some(item)),
            Verdict::Unknown => hints::UNSEEN.to_owned(),
            Verdict::Missing => hints::MISSING.to_owned(),
            _ => return None,
        };
        Some(Failure::new(item.resource.to_string(), &item.why).hint(hint))
    });
    failures.collect()
}

/// What became of one resource that was to go, and why where that does not say it all.
fn after_deletion(
    item: &Item,
    step: Option<&StepResult>,
    now: Option<&Item>,
    fresh: Fresh<'_>,
) -> (ResourceState, Option<String>) {
    let failure = step.and_then(|step| match step {
        StepResult::Conflict { failure } | StepResult::Failed { failure } => {
            Some(failure.cause_in_full())
        }
        StepResult::Skipped { needs } => Some(format!("waits for {needs}")),
        StepResult::Cancelled => Some("not begun".to_owned()),
        StepResult::Done | StepResult::Absent => None,
    });
    let done = step == Some(&StepResult::Done);
    // A role that only loses its boundary stays.
    if item.verdict == Verdict::Update {
        return match done {
            true => (ResourceState::Kept, None),
            false => (ResourceState::Planned(Verdict::Update), failure),
        };
    }
    let still_there = |i: &Item| matches!(i.verdict, Verdict::Delete | Verdict::Unknown);
    match (fresh, now) {
        (Fresh::NotLooked, _) if still_there(item) => match done {
            true => {
                let why = "deleted, but no fresh listing has confirmed it".to_owned();
                (ResourceState::NotProven, Some(why))
            }
            false => (ResourceState::Remains, failure),
        },
        // A failed deletion may have removed the tags already; the resource is still ours.
        (Fresh::Seen(_), Some(now))
            if still_there(now) || (failure.is_some() && now.verdict == Verdict::Foreign) =>
        {
            (ResourceState::Remains, failure.or_else(|| why(now)))
        }
        _ => match item.verdict {
            Verdict::Foreign => (
                ResourceState::Planned(Verdict::Foreign),
                Some(item.why.clone()),
            ),
            Verdict::Absent => (ResourceState::Planned(Verdict::Absent), None),
            _ => (ResourceState::Removed, None),
        },
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::stack::kinds::function;
    use crate::stack::ownership::Owner;
    use crate::stack::plan::Action;

    fn id() -> ResourceId {
        ResourceId::new(Kind::Function, "ana-fn")
    }

    fn plan(verdict: Verdict, action: Option<Action>) -> StudentPlan {
        let owner = Owner {
            class: "demo".parse().unwrap(),
            lab: "lab6".parse().unwrap(),
            student: "ana".parse().unwrap(),
        };
        let item = Item {
            resource: id(),
            verdict,
            action,
            why: String::new(),
            theirs: None,
            differs: Differing::default(),
            hint: None,
            after: Vec::new(),
        };
        StudentPlan {
            owner,
            items: vec![item],
            in_roster: true,
            spelled: None,
        }
    }

    fn doomed() -> StudentPlan {
        plan(Verdict::Delete, Some(function::Action::Delete.into()))
    }

    fn run(result: StepResult) -> StudentRun {
        StudentRun {
            student: "ana".parse().unwrap(),
            steps: BTreeMap::from([(id(), result)]),
        }
    }

    fn failed() -> StepResult {
        let failure = Failure::new("x", "AccessDenied");
        StepResult::Failed { failure }
    }

    fn state(result: &StackResult) -> (Outcome, ResourceState) {
        (result.outcome, result.resources[0].state)
    }

    #[test]
    fn deleted_is_removed_only_once_a_fresh_listing_has_looked() {
        let (plan, run) = (doomed(), run(StepResult::Done));
        let result = |fresh| StackResult::taken_down(&plan, Some(&run), fresh);
        assert_eq!(
            state(&result(Fresh::NotLooked)),
            (Outcome::Remains, ResourceState::NotProven)
        );
        assert_eq!(
            state(&result(Fresh::Seen(None))),
            (Outcome::Removed, ResourceState::Removed)
        );
        let still = doomed();
        assert_eq!(
            state(&result(Fresh::Seen(Some(&still)))),
            (Outcome::Remains, ResourceState::Remains)
        );
    }

    #[test]
    fn what_failed_to_go_does_not_become_anothers_by_losing_its_tags() {
        let foreign = plan(Verdict::Foreign, None);
        let seen = Fresh::Seen(Some(&foreign));
        let result = StackResult::taken_down(&doomed(), Some(&run(failed())), seen);
        assert_eq!(state(&result), (Outcome::Remains, ResourceState::Remains));
        assert_eq!(result.resources[0].detail.as_deref(), Some("AccessDenied"));
        let result = StackResult::taken_down(&foreign, None, seen);
        let left_alone = ResourceState::Planned(Verdict::Foreign);
        assert_eq!(state(&result), (Outcome::Absent, left_alone));
    }

    #[test]
    fn what_appears_after_a_teardown_began_remains() {
        let mut nothing = doomed();
        nothing.items.clear();
        let seen = doomed();
        let result = StackResult::taken_down(&nothing, None, Fresh::Seen(Some(&seen)));
        assert_eq!(state(&result), (Outcome::Remains, ResourceState::Remains));
    }

    #[test]
    fn a_run_without_steps_changed_nothing_and_a_failure_shows() {
        let idle = StudentRun {
            student: "ana".parse().unwrap(),
            steps: BTreeMap::new(),
        };
        let same = plan(Verdict::NoChange, None);
        let result = StackResult::made(&same, &idle, Outcome::Deployed);
        assert_eq!(result.outcome, Outcome::Unchanged);
        assert!(result.event().is_none());
        let result = StackResult::made(&doomed(), &run(failed()), Outcome::Deployed);
        assert_eq!(state(&result), (Outcome::Failed, ResourceState::Failed));
        let conflict = plan(Verdict::Conflict, None);
        assert_eq!(StackResult::planned(&conflict).outcome, Outcome::Conflict);
    }

    #[test]
    fn whoever_has_no_user_is_neither_shut_out_nor_let_in() {
        let mut plan = plan(Verdict::Absent, None);
        plan.items[0].resource = ResourceId::new(Kind::User, "ana");
        let idle = StudentRun {
            student: "ana".parse().unwrap(),
            steps: BTreeMap::new(),
        };
        let result = StackResult::let_in_or_out(&plan, &idle, Outcome::Frozen);
        assert_eq!(result.outcome, Outcome::NoAccess);
    }
}
