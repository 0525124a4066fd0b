//! Which place each student of a class is at, for one command.

use std::collections::{BTreeMap, BTreeSet};

use super::sessions::Work;
use crate::ids::{PlaceName, Scope, Username};
use crate::stack::assign::{Assignment, Conflict};
use crate::text::failure::Failure;

/// Empty for a class without places.
pub(super) struct Homes {
    pub(super) work: Work,
    /// Everybody of the roster.
    pub(super) assigned: BTreeMap<Username, Assignment>,
    /// Who was seen at each place that could be looked at, those who left the roster included.
    pub(super) seen: BTreeMap<PlaceName, BTreeSet<Username>>,
    /// Every place that was reached, with those that were not chosen.
    pub(super) others: Vec<Scope>,
    /// The first place: who has no room anywhere is looked for there.
    pub(super) first: Option<PlaceName>,
}

impl Default for Homes {
    fn default() -> Self {
        Self {
            work: Work::Looks,
            assigned: BTreeMap::new(),
            seen: BTreeMap::new(),
            others: Vec::new(),
            first: None,
        }
    }
}

impl Homes {
    pub(super) fn is_at(&self, place: &PlaceName, student: &Username) -> bool {
        match self.assigned.get(student) {
            Some(Assignment::At(home)) => home == place,
            Some(Assignment::Conflict(Conflict::Several(all))) => {
                self.work == Work::Deletes && all.contains(place)
            }
            Some(Assignment::Conflict(Conflict::Elsewhere { stands, .. })) => {
                self.work != Work::Makes && stands == place
            }
            Some(Assignment::Full) => {
                self.work != Work::Makes && self.first.as_ref() == Some(place)
            }
            Some(Assignment::Unknown(_)) => false,
            // Not in the roster, or not in this spelling: where something of theirs was seen, else anywhere.
            None => {
                let seen = |seen: &BTreeSet<Username>| seen.contains(student);
                self.seen.get(place).is_some_and(seen) || !self.seen.values().any(seen)
            }
        }
    }

    /// Why a student is at no place, and whether that is a contradiction.
    pub(super) fn nowhere(&self, student: &Username) -> Option<(Failure, bool)> {
        let assigned = self.assigned.get(student)?;
        let has_place = match assigned {
            Assignment::At(_) => true,
            Assignment::Full | Assignment::Conflict(Conflict::Elsewhere { .. }) => {
                self.work != Work::Makes
            }
            Assignment::Conflict(Conflict::Several(_)) => self.work == Work::Deletes,
            Assignment::Unknown(_) => false,
        };
        let why = assigned.failure(student).filter(|_| !has_place)?;
        Some((why, matches!(assigned, Assignment::Conflict(_))))
    }

    /// Where a student is, as far as it is one place.
    pub(super) fn home(&self, student: &Username) -> Option<&PlaceName> {
        match self.assigned.get(student)? {
            Assignment::Conflict(Conflict::Elsewhere { stands, .. }) => Some(stands),
            other => other.place(),
        }
    }

    /// Whether files of a student who has nothing at any of these places may go: nobody may have something elsewhere.
    pub(super) fn is_only_at<'a>(
        &self,
        mut places: impl Iterator<Item = &'a PlaceName>,
        all: bool,
        student: &Username,
    ) -> bool {
        match self.assigned.get(student) {
            Some(Assignment::At(home)) => places.any(|place| place == home),
            Some(_) => false,
            None => all,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::assign::WhyUnknown;

    fn name<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
        text.parse().unwrap()
    }

    /// Where `ana` is looked for, of east and west, and why nowhere.
    fn places(work: Work, assignment: Option<Assignment>) -> (Vec<&'static str>, bool) {
        let homes = Homes {
            work,
            assigned: assignment.map(|it| (name("ana"), it)).into_iter().collect(),
            seen: BTreeMap::from([(name("west"), BTreeSet::from([name("ben")]))]),
            first: Some(name("east")),
            ..Homes::default()
        };
        let at = ["east", "west"].into_iter();
        let at = at.filter(|place| homes.is_at(&name(place), &name("ana")));
        (at.collect(), homes.nowhere(&name("ana")).is_some())
    }

    #[test]
    fn who_contradicts_themselves_gets_nothing_and_loses_everything() {
        let several = || {
            Some(Assignment::Conflict(Conflict::Several(vec![
                name("east"),
                name("west"),
            ])))
        };
        assert_eq!(places(Work::Makes, several()), (vec![], true));
        assert_eq!(places(Work::Looks, several()), (vec![], true));
        assert_eq!(
            places(Work::Deletes, several()),
            (vec!["east", "west"], false)
        );
        let elsewhere = || {
            let (stands, roster) = (name("west"), name("east"));
            Some(Assignment::Conflict(Conflict::Elsewhere { stands, roster }))
        };
        assert_eq!(places(Work::Makes, elsewhere()), (vec![], true));
        assert_eq!(places(Work::Looks, elsewhere()), (vec!["west"], false));
        assert_eq!(places(Work::Deletes, elsewhere()), (vec!["west"], false));
    }

    #[test]
    fn who_may_be_where_nobody_could_look_is_at_no_place() {
        let unseen = || Some(Assignment::Unknown(WhyUnknown::Unseen(vec![name("west")])));
        for work in [Work::Makes, Work::Looks, Work::Deletes] {
            assert_eq!(places(work, unseen()), (vec![], true));
            // Somebody whom the roster does not have is looked for everywhere.
            assert_eq!(places(work, None), (vec!["east", "west"], false));
        }
    }
}
