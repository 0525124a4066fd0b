//! Which place each student of a class is at, for one command.

use std::collections::{BTreeMap, BTreeSet};

use crate::ids::{PlaceName, Scope, Username};
use crate::stack::assign::{Conflict, Placement};
use crate::text::failure::Failure;
use crate::text::words::plural;

/// What a command does to stacks, which decides what it does where it is not certain in which place a student is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deed {
    /// It says what would be made.
    Plans,
    /// It makes them: nobody may get a second one.
    Makes,
    /// It looks at them, or works on what is there.
    Looks,
    /// It takes the way to them away.
    Revokes,
    /// It deletes them, wherever they are.
    Deletes,
}

impl Deed {
    fn makes(self) -> bool {
        matches!(self, Self::Plans | Self::Makes)
    }

    pub(super) fn deletes(self) -> bool {
        matches!(self, Self::Revokes | Self::Deletes)
    }

    /// Whether it asks before it goes on at a place that was in another account or region.
    pub(super) fn asks(self) -> bool {
        matches!(self, Self::Makes | Self::Deletes)
    }
}

/// Empty for a class without places.
pub(super) struct Homes {
    pub(super) work: Deed,
    /// Everybody of the roster.
    pub(super) assigned: BTreeMap<Username, Placement>,
    /// Who was seen at each place that could be looked at, those who left the roster included.
    pub(super) seen: BTreeMap<PlaceName, BTreeSet<Username>>,
    /// Where each student was last known.
    pub(super) known: BTreeMap<Username, PlaceName>,
    /// Every place that was reached, with those that were not chosen.
    pub(super) others: Vec<Scope>,
    /// The first place: who has no room anywhere is looked for there.
    pub(super) first: Option<PlaceName>,
    /// What to say of students of a chosen section who are at places that were not chosen.
    pub(super) left_out: Option<String>,
}

impl Default for Homes {
    fn default() -> Self {
        Self {
            work: Deed::Looks,
            assigned: BTreeMap::new(),
            seen: BTreeMap::new(),
            known: BTreeMap::new(),
            others: Vec::new(),
            first: None,
            left_out: None,
        }
    }
}

impl Homes {
    pub(super) fn is_at(&self, place: &PlaceName, student: &Username) -> bool {
        match self.assigned.get(student) {
            Some(Placement::At(home)) => home == place,
            Some(Placement::Conflict(Conflict::Several(all))) => {
                self.work.deletes() && all.contains(place)
            }
            Some(Placement::Conflict(Conflict::Elsewhere { stands, .. })) => {
                !self.work.makes() && stands == place
            }
            Some(Placement::Full) => !self.work.makes() && self.first.as_ref() == Some(place),
            Some(Placement::Unknown(_)) => false,
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
            Placement::At(_) => true,
            Placement::Full | Placement::Conflict(Conflict::Elsewhere { .. }) => !self.work.makes(),
            Placement::Conflict(Conflict::Several(_)) => self.work.deletes(),
            Placement::Unknown(_) => false,
        };
        let why = assigned.failure(student).filter(|_| !has_place)?;
        Some((why, matches!(assigned, Placement::Conflict(_))))
    }

    /// Where a student is, as far as it is one place.
    pub(super) fn home(&self, student: &Username) -> Option<&PlaceName> {
        match self.assigned.get(student)? {
            Placement::Conflict(Conflict::Elsewhere { stands, .. }) => Some(stands),
            other => other.place(),
        }
    }

    /// What a command about these places alone did not look at: the others, with how many students are known there.
    pub(super) fn note_on_the_rest(&self, chosen: &[PlaceName]) -> Option<String> {
        let mut rest: BTreeMap<&PlaceName, usize> = BTreeMap::new();
        for place in self.known.values() {
            *rest.entry(place).or_default() += 1;
        }
        let seen = self.seen.iter();
        rest.extend(seen.map(|(place, students)| (place, students.len())));
        rest.retain(|place, students| *students > 0 && !chosen.contains(place));
        if chosen.is_empty() || rest.is_empty() {
            return None;
        }
        let rest = rest.into_iter().map(|(place, students)| {
            format!("{} known at place {place}", plural(students, "student"))
        });
        let rest: Vec<String> = rest.collect();
        let chosen: Vec<&str> = chosen.iter().map(PlaceName::as_str).collect();
        Some(format!(
            "only place {} was looked at; nothing was done for: {}",
            chosen.join(", "),
            rest.join("; ")
        ))
    }

    /// Whether files of a student who has nothing at any of these places may go: nobody may have something elsewhere.
    pub(super) fn is_only_at<'a>(
        &self,
        mut places: impl Iterator<Item = &'a PlaceName>,
        all: bool,
        student: &Username,
    ) -> bool {
        match self.assigned.get(student) {
            Some(Placement::At(home)) => places.any(|place| place == home),
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
    fn places(work: Deed, assignment: Option<Placement>) -> (Vec<&'static str>, bool) {
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
            Some(Placement::Conflict(Conflict::Several(vec![
                name("east"),
                name("west"),
            ])))
        };
        assert_eq!(places(Deed::Makes, several()), (vec![], true));
        assert_eq!(places(Deed::Looks, several()), (vec![], true));
        assert_eq!(
            places(Deed::Deletes, several()),
            (vec!["east", "west"], false)
        );
        let elsewhere = || {
            let (stands, roster) = (name("west"), name("east"));
            Some(Placement::Conflict(Conflict::Elsewhere { stands, roster }))
        };
        assert_eq!(places(Deed::Makes, elsewhere()), (vec![], true));
        assert_eq!(places(Deed::Looks, elsewhere()), (vec!["west"], false));
        assert_eq!(places(Deed::Deletes, elsewhere()), (vec!["west"], false));
    }

    #[test]
    fn a_command_about_one_place_tells_who_is_at_the_others() {
        let homes = Homes {
            seen: BTreeMap::from([
                (name("east"), BTreeSet::from([name("ana")])),
                (name("west"), BTreeSet::from([name("ben"), name("cleo")])),
                (name("north"), BTreeSet::new()),
            ]),
            known: BTreeMap::from([(name("dora"), name("dark")), (name("emil"), name("north"))]),
            ..Homes::default()
        };
        let note = homes.note_on_the_rest(&[name("east")]).unwrap();
        assert!(note.contains("only place east was looked at"), "{note}");
        assert!(
            note.contains("1 student known at place dark; 2 students known at place west"),
            "{note}"
        );
        assert!(!note.contains("north"), "{note}");
        assert_eq!(homes.note_on_the_rest(&[]), None);
    }

    #[test]
    fn who_may_be_where_nobody_could_look_is_at_no_place() {
        let unseen = || Some(Placement::Unknown(WhyUnknown::Unseen(vec![name("west")])));
        for work in [Deed::Makes, Deed::Looks, Deed::Deletes] {
            assert_eq!(places(work, unseen()), (vec![], true));
            // Somebody whom the roster does not have is looked for everywhere.
            assert_eq!(places(work, None), (vec!["east", "west"], false));
        }
    }
}
