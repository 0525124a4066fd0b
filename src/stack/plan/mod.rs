//! The difference between what should be and what is: pure, and so specific that the engine has nothing to decide.

#[cfg(test)]
mod access_tests;
pub mod deploy;
#[cfg(test)]
mod left_tests;
pub mod reset;
pub mod teardown;
#[cfg(test)]
pub(crate) mod tests;

use crate::ids::{ClassName, Scope, Username};
use crate::stack::hints;
use crate::stack::kinds::{AccountUse, Desired, Gap, Kind, Observed};
use crate::stack::ownership::Owner;

pub use crate::stack::kinds::{Action, Item, Verdict};

#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    pub scope: Scope,
    pub class: ClassName,
    /// One a student; those of the roster in its order, then those found only in the cloud.
    pub students: Vec<StudentPlan>,
    pub gaps: Vec<Gap>,
    pub account: AccountUse,
}

#[derive(Debug, Clone, PartialEq)]
pub struct StudentPlan {
    pub owner: Owner,
    /// Every resource, with what is to become of it.
    pub items: Vec<Item>,
    /// Whether the student stands in the roster (a teardown also finds those who no longer do).
    pub in_roster: bool,
    /// The class has the same student under a username that differs in case only.
    pub spelled: Option<Username>,
}

impl StudentPlan {
    pub(crate) fn new(owner: Owner, items: Vec<Item>, in_roster: bool) -> Self {
        Self {
            owner,
            items,
            in_roster,
            spelled: None,
        }
    }

    /// The next step for a student who is left alone because of a resource that is not provably ours.
    pub(crate) fn conflict_hint(&self, item: Option<&Item>) -> String {
        if let Some(known) = &self.spelled {
            return format!(
                "the same student in another spelling: write '{known}' in the roster, as the class has it; then run the \
                 same command again"
            );
        }
        let own = item.and_then(|item| item.hint.clone());
        own.unwrap_or_else(|| hints::CONFLICT.to_owned())
    }

    /// Whether it is certain that nothing of the stack exists. That is unknown where somebody else has one of its names, or
    /// something could not be seen.
    pub(crate) fn nothing_there(&self) -> bool {
        let mut parts = self.worked_with().peekable();
        parts.peek().is_some() && parts.all(|item| item.verdict == Verdict::Create)
    }

    /// What a student works with, see [`Kind::is_worked_with`].
    pub(crate) fn worked_with(&self) -> impl Iterator<Item = &Item> {
        let items = self.items.iter();
        items.filter(|item| item.resource.kind.is_worked_with())
    }

    pub(crate) fn functions(&self) -> impl Iterator<Item = &Item> {
        let items = self.items.iter();
        items.filter(|item| item.resource.kind == Kind::Function)
    }

    /// How many items have something to do.
    pub fn steps(&self) -> usize {
        self.items.iter().filter(|i| i.action.is_some()).count()
    }

    /// Whether nothing is done for the student: because of a conflict, or because something could not be seen or is missing.
    pub fn is_blocked(&self) -> bool {
        let blocking = [Verdict::Conflict, Verdict::Unknown, Verdict::Missing];
        self.items.iter().any(|i| blocking.contains(&i.verdict))
    }

    pub fn first(&self, verdict: Verdict) -> Option<&Item> {
        self.items.iter().find(|i| i.verdict == verdict)
    }
}

impl Plan {
    pub(crate) fn new(desired: &Desired, observed: &Observed, students: Vec<StudentPlan>) -> Self {
        Self {
            scope: desired.scope.clone(),
            class: desired.class.clone(),
            students,
            gaps: observed.gaps.clone(),
            account: observed.account,
        }
    }

    fn items(&self) -> impl Iterator<Item = &Item> {
        self.students.iter().flat_map(|student| &student.items)
    }

    /// Concurrency that is newly reserved for functions.
    pub(crate) fn reserves(&self) -> u32 {
        let actions = self.items().filter_map(|item| item.action.as_ref());
        actions.map(Action::reserves).sum()
    }

    /// How many items have something to do.
    pub fn steps(&self) -> usize {
        self.students.iter().map(StudentPlan::steps).sum()
    }

    /// How many resources of a kind it creates.
    pub(crate) fn creates(&self, kind: Kind) -> usize {
        self.creates_of(|other| other == kind)
    }

    /// How many resources of some kinds it creates.
    pub(crate) fn creates_of(&self, is_meant: impl Fn(Kind) -> bool) -> usize {
        let is_created = |item: &&Item| {
            is_meant(item.resource.kind) && item.verdict == Verdict::Create && item.action.is_some()
        };
        self.items().filter(is_created).count()
    }

    /// The same plan with only some of its actions; the other items stay as found.
    pub(crate) fn only(&self, keep: impl Fn(&Item) -> bool) -> Self {
        let mut plan = self.clone();
        for item in plan.students.iter_mut().flat_map(|s| &mut s.items) {
            if !keep(item) {
                item.action = None;
            }
        }
        plan
    }

    pub fn count(&self, verdict: Verdict) -> usize {
        let found = |item: &&Item| item.verdict == verdict;
        self.items().filter(found).count()
    }
}
