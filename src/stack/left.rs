//! Who left the class: students who still have something in the cloud and are not in the roster any more.

use std::collections::{BTreeMap, BTreeSet};

use crate::ids::Username;
use crate::stack::kinds::{Desired, Observed, ResourceId};

/// A student who left the roster, and what of theirs was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaver {
    pub username: Username,
    pub resources: BTreeSet<ResourceId>,
}

/// Students who have something of this lab and class in this region, and no stack in `desired`. That must have the whole
/// roster: with a part of it, all others would seem to have left.
pub fn leavers(desired: &Desired, observed: &Observed) -> Vec<Leaver> {
    let is_in_roster = |student: &Username| desired.stacks.iter().any(|s| s.student() == student);
    let found = everybody(desired, observed).into_iter();
    let left = found.filter(|(student, _)| !is_in_roster(student));
    let leaver = |(username, resources)| Leaver {
        username,
        resources,
    };
    left.map(leaver).collect()
}

/// Who has something in the class, and who of them left the roster.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attendance {
    /// Everybody who has something.
    pub(crate) present: BTreeSet<Username>,
    pub leavers: Vec<Leaver>,
}

impl Attendance {
    /// From what was seen; `desired` must have the whole roster, see [`leavers`].
    pub fn of(desired: &Desired, observed: &Observed) -> Self {
        Self {
            present: everybody(desired, observed).into_keys().collect(),
            leavers: leavers(desired, observed),
        }
    }
}

/// Every student who has something of this lab and class, with what was seen of it.
pub(crate) fn everybody(
    desired: &Desired,
    observed: &Observed,
) -> BTreeMap<Username, BTreeSet<ResourceId>> {
    let mut found: BTreeMap<Username, BTreeSet<ResourceId>> = BTreeMap::new();
    let strays = observed.strays.clone();
    for (owner, ids) in observed.owned(desired).into_iter().chain(strays) {
        if owner.lab == desired.lab && owner.class == desired.class {
            found.entry(owner.student).or_default().extend(ids);
        }
    }
    found
}

/// The usernames of everybody who has something in the class, by their lowercase form.
#[derive(Debug)]
pub(crate) struct Spellings(BTreeMap<String, Vec<Username>>);

impl Spellings {
    pub(crate) fn of(desired: &Desired, observed: &Observed) -> Self {
        let mut known: BTreeMap<String, Vec<Username>> = BTreeMap::new();
        for student in everybody(desired, observed).into_keys() {
            let plain = student.as_str().to_ascii_lowercase();
            known.entry(plain).or_default().push(student);
        }
        Self(known)
    }

    /// The spelling under which the class already has a student, if only the case differs.
    pub(crate) fn other(&self, student: &Username) -> Option<Username> {
        let same = self.0.get(&student.as_str().to_ascii_lowercase())?;
        // A student with resources under exactly this username is not another spelling of somebody.
        let other = same.iter().find(|known| known.differs_in_case(student));
        other.filter(|_| !same.contains(student)).cloned()
    }
}

/// The student in `desired` whose username differs only in case: then this student has not left.
pub(crate) fn respelled<'a>(desired: &'a Desired, student: &Username) -> Option<&'a Username> {
    let mut students = desired.stacks.iter().map(|stack| stack.student());
    students.find(|known| known.differs_in_case(student))
}
