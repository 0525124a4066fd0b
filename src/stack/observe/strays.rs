//! Students who are not in the roster, as far as the listings of a deployment show them anyway: not one call is made
//! for them. What is found is told and counted, never acted on.
//!
//! A student is known to have been in the class by what is proof for a listing: the path and tags of roles, users and
//! policies, an API's tags, a function's record that says just what its name stands for. State machines and log groups
//! show nothing but their names there, so they are counted under the lab's names of students who are known so.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::PoisonError;

use crate::stack::ids::Username;
use crate::stack::kinds::{Kind, ResourceId};
use crate::stack::names::NamePattern;
use crate::stack::ownership::{Owner, Ownership};

use crate::stack::observe::{Depth, Look, Principals};

/// What was seen so far.
#[derive(Debug, Default)]
pub(super) struct Strays {
    proven: BTreeMap<Owner, BTreeSet<ResourceId>>,
    /// What only bears a name that one of them would have.
    named: Vec<(Username, ResourceId)>,
}

impl Look<'_> {
    fn naming(&self) -> &[NamePattern] {
        match self.depth {
            Depth::Class { patterns } => patterns,
            _ => &[],
        }
    }

    /// Whether such an owner is somebody who left the roster.
    fn has_left(&self, owner: &Owner) -> bool {
        matches!(self.depth, Depth::Class { .. })
            && owner.class == self.desired.class
            && owner.lab == self.desired.lab
            && !self.students.contains(&owner.student)
    }

    /// Notes something that says whose it is.
    pub(super) fn note_owned(&self, owner: Option<&Owner>, kind: Kind, name: &str) {
        let Some(owner) = owner.filter(|owner| self.has_left(owner)) else {
            return;
        };
        let mut strays = self.strays.lock().unwrap_or_else(PoisonError::into_inner);
        let known = strays.proven.entry(owner.clone()).or_default();
        known.insert(ResourceId::new(kind, name));
    }

    /// Notes something whose record counts only where it says what the name stands for.
    pub(super) fn note_recorded(&self, record: Option<&Owner>, kind: Kind, name: &str) {
        let Some(owner) = record else {
            return;
        };
        let mut patterns = self.naming().iter().filter(|p| p.kind == kind);
        if patterns.any(|pattern| pattern.username_in(name) == Some(owner.student.as_str())) {
            self.note_owned(record, kind, name);
        }
    }

    /// Notes a name that somebody who left may have had.
    pub(super) fn note_named(&self, kind: Kind, name: &str) {
        let patterns = self.naming().iter().filter(|p| p.kind == kind);
        let students = patterns.filter_map(|pattern| pattern.username_in(name)?.parse().ok());
        let students: Vec<Username> = students.filter(|s| !self.students.contains(s)).collect();
        let mut strays = self.strays.lock().unwrap_or_else(PoisonError::into_inner);
        let id = ResourceId::new(kind, name);
        let named = students.into_iter().map(|student| (student, id.clone()));
        strays.named.extend(named);
    }

    /// Notes roles, users and policies.
    pub(super) fn note_principals(&self, principals: &Principals) {
        let (scope, class) = (&self.desired.scope, &self.desired.class);
        let note = |ownership: Ownership, kind: Kind, name: &str| {
            if let Ownership::Ours(owner) = &ownership {
                self.note_owned(Some(owner), kind, name);
            }
        };
        for role in principals.roles.values() {
            note(role.ownership(scope, class, None), Kind::Role, &role.name);
        }
        for user in principals.users.values() {
            note(user.ownership(scope, class), Kind::User, &user.name);
        }
        for policy in principals.policies.values() {
            let ownership = policy.ownership(scope, class, &self.desired.lab);
            note(ownership, Kind::ManagedPolicy, &policy.name);
        }
    }

    /// The names that log groups of students have who are known to have left.
    pub(super) fn log_groups_of_strays(&self) -> Vec<String> {
        let strays = self.strays.lock().unwrap_or_else(PoisonError::into_inner);
        let patterns = self.naming().iter().filter(|p| p.kind == Kind::LogGroup);
        let names = patterns.flat_map(|pattern| {
            let students = strays.proven.keys();
            students.map(|owner| pattern.name(&owner.student))
        });
        names.collect()
    }

    /// Everybody who left, with what was seen of theirs.
    pub(super) fn strays(&self) -> BTreeMap<Owner, BTreeSet<ResourceId>> {
        let mut strays = self.strays.lock().unwrap_or_else(PoisonError::into_inner);
        let Strays { proven, named } = std::mem::take(&mut *strays);
        let mut found = proven;
        for (student, id) in named {
            let owner = Owner {
                class: self.desired.class.clone(),
                student,
                lab: self.desired.lab.clone(),
            };
            if let Some(ids) = found.get_mut(&owner) {
                ids.insert(id);
            }
        }
        found
    }
}
