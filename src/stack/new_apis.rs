//! What an API that was made anew leaves behind: AWS gives it another id, and students' policies and handouts name the
//! one before.

use crate::events::StepResult;
use crate::ids::{Scope, Username};
use crate::stack::execute::StudentRun;
use crate::stack::kinds::Observed;
use crate::stack::kinds::rest_api;
use crate::stack::ownership::Owner;
use crate::stack::plan::{Action, Item, Plan};
use crate::text::words::some_of;

/// Students named in a note.
const NAMED: usize = 12;

/// Whose API this deployment made, or finished after one that was stopped in the middle: an API without a stage has
/// never answered anybody.
pub(crate) fn new_apis(plan: &Plan, observed: &Observed, runs: &[StudentRun]) -> Vec<Owner> {
    let never_deployed = |id: &str| {
        let mut apis = observed.rest_apis.values().flatten();
        apis.any(|api| api.id == id && api.stages.as_ref().is_some_and(Vec::is_empty))
    };
    let made = |item: &Item, run: &StudentRun| {
        let new = match &item.action {
            Some(Action::RestApi(rest_api::Action::Create(_))) => true,
            Some(Action::RestApi(rest_api::Action::Complete { id, .. })) => never_deployed(id),
            _ => false,
        };
        new && matches!(run.steps.get(&item.resource), Some(StepResult::Done))
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

    /// Says whose policy and handout have to be written anew.
    pub(crate) fn note(&self, has_handout: impl Fn(&Username) -> bool) -> Option<String> {
        let names = |users: &[&Username]| {
            let names: Vec<&str> = users.iter().map(|user| user.as_str()).collect();
            some_of(&names, NAMED)
        };
        let with_user: Vec<&Username> = self.with_user.iter().collect();
        let with_handout: Vec<&Username> = self.all.iter().filter(|s| has_handout(s)).collect();
        let policies = (!with_user.is_empty()).then(|| {
            format!(
                "the policies of {} name the one before: `homeroom access grant` puts them right",
                names(&with_user)
            )
        });
        let handouts = (!with_handout.is_empty()).then(|| {
            format!(
                "the handouts of {} give the old address: `homeroom handout` writes them anew (with \
                 --with-credentials, where they had the passwords in them)",
                names(&with_handout)
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
