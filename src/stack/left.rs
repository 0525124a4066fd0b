//! Who left the class: students of whom something is there and who are not in the roster any more.

use std::collections::{BTreeMap, BTreeSet};

use crate::ids::Username;
use crate::stack::kinds::Desired;
use crate::stack::kinds::Observed;
use crate::stack::kinds::ResourceId;

/// A student who left the roster, and what of theirs was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaver {
    /// The username that the resources carry.
    pub username: Username,
    /// What carries it.
    pub resources: BTreeSet<ResourceId>,
}

/// Everybody who has something of this lab and class in this region, and no stack in `desired`. That must be the whole
/// roster's: beside a part of it the others would seem to have left.
pub fn leavers(desired: &Desired, observed: &Observed) -> Vec<Leaver> {
    let mut found: BTreeMap<Username, BTreeSet<ResourceId>> = BTreeMap::new();
    for (student, ids) in everybody(desired, observed) {
        if !desired.stacks.iter().any(|s| *s.student() == student) {
            found.entry(student).or_default().extend(ids);
        }
    }
    let leaver = |(username, resources)| Leaver {
        username,
        resources,
    };
    found.into_iter().map(leaver).collect()
}

/// Who has something in the class, and who of them left the roster.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attendance {
    /// Everybody who has something.
    pub(crate) present: BTreeSet<Username>,
    /// Those of them who are not in the roster.
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

/// The usernames that the class has, whatever their case.
#[derive(Debug)]
pub(crate) struct Spellings(BTreeMap<String, Vec<Username>>);

impl Spellings {
    /// Those of everybody who has something.
    pub(crate) fn of(desired: &Desired, observed: &Observed) -> Self {
        let mut known: BTreeMap<String, Vec<Username>> = BTreeMap::new();
        for student in everybody(desired, observed).into_keys() {
            let plain = student.as_str().to_ascii_lowercase();
            known.entry(plain).or_default().push(student);
        }
        Self(known)
    }

    /// The spelling under which the class already has a student: the same username but for its case.
    pub(crate) fn other(&self, student: &Username) -> Option<Username> {
        let same = self.0.get(&student.as_str().to_ascii_lowercase())?;
        // Whoever has something as the roster writes it is not another's double.
        let other = same.iter().find(|known| known.differs_in_case(student));
        other.filter(|_| !same.contains(student)).cloned()
    }
}

/// As which of the students in `desired` somebody is there in another spelling: then they have not left.
pub(crate) fn respelled<'a>(desired: &'a Desired, student: &Username) -> Option<&'a Username> {
    let mut students = desired.stacks.iter().map(|stack| stack.student());
    students.find(|known| known.differs_in_case(student))
}
