//! What follows when an API is made anew: AWS gives it another id, and students' policies and handouts name the old one.

use crate::events::StepResult;
use crate::ids::{Scope, Username};
use crate::stack::execute::StudentRun;
use crate::stack::kinds::Observed;
use crate::stack::ownership::Owner;
use crate::stack::plan::{Action, Item, Plan};
use crate::text::words::some_of;

const NAMED: usize = 12;

/// Whose API this deployment made, or completed after a deployment that was stopped in the middle.
pub(crate) fn new_apis(plan: &Plan, observed: &Observed, runs: &[StudentRun]) -> Vec<Owner> {
    let never_answered = |id: &str| {
        let mut apis = observed.apis.values().flatten();
        apis.any(|api| api.id == id && api.never_answered())
    };
    let made = |item: &Item, run: &StudentRun| {
        let api = item.action.as_ref().and_then(Action::of_api);
        let new = api.is_some_and(|id| id.is_none_or(never_answered));
        new && run.steps.get(&item.resource) == Some(&StepResult::Done)
    };
    let pairs = plan.students.iter().zip(runs);
    let new = pairs.filter(|(student, run)| student.items.iter().any(|item| made(item, run)));
    new.map(|(student, _)| student.owner.clone()).collect()
}

/// Students whose API was made by this deployment.
#[derive(Debug, Default)]
pub(crate) struct NewApis {
    all: Vec<Username>,
    /// Those of them who have a user already.
    pub(crate) with_user: Vec<Username>,
}

impl NewApis {
    pub(crate) fn of(made: Vec<Owner>, scope: &Scope, observed: &Observed) -> Self {
        let has_user = |owner: &&Owner| observed.user_of(scope, owner).is_some();
        let with_user = made.iter().filter(has_user);
        Self {
            with_user: with_user.map(|owner| owner.student.clone()).collect(),
            all: made.into_iter().map(|owner| owner.student).collect(),
        }
    }

    /// Says whose policy and handout must be written anew.
    pub(crate) fn note(&self, has_handout: impl Fn(&Username) -> bool) -> Option<String> {
        let names = |users: Vec<&Username>| {
            let names: Vec<&str> = users.into_iter().map(Username::as_str).collect();
            (!names.is_empty()).then(|| some_of(&names, NAMED))
        };
        let with_handout = self.all.iter().filter(|student| has_handout(student));
        let policies = names(self.with_user.iter().collect()).map(|names| {
            format!(
                "the policies of {names} name the old one: `homeroom access grant` corrects them"
            )
        });
        let handouts = names(with_handout.collect()).map(|names| {
            format!(
                "the handouts of {names} give the old address: `homeroom handout` writes them anew (add \
                 --with-credentials if they had passwords in them)"
            )
        });
        let what: Vec<String> = policies.into_iter().chain(handouts).collect();
        (!what.is_empty()).then(|| {
            let what = what.join("; ");
            format!("an API was made anew, under another address: {what}")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_note_names_whose_policy_and_whose_handout_are_stale() {
        let [ana, ben] = ["ana", "ben"].map(|name| name.parse::<Username>().unwrap());
        let new = |with_user: &[&Username]| NewApis {
            all: vec![ana.clone(), ben.clone()],
            with_user: with_user.iter().map(|name| (*name).clone()).collect(),
        };
        assert_eq!(new(&[]).note(|_| false), None);
        let is_ana = |name: &Username| *name == ana;
        let both = new(&[&ana, &ben]).note(is_ana).unwrap();
        assert!(both.contains("policies of ana, ben name"), "{both}");
        assert!(both.contains("handouts of ana give"), "{both}");
        let one = new(&[]).note(is_ana).unwrap();
        assert!(!one.contains("polic"), "{one}");
    }
}
