//! Accounts and regions that the settings do not have any more, where something of the class may still stand.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::class::Class;
use crate::error::{Error, Exit, Result};
use crate::evidence::kept::{DeployedPlace, KeptPlaces, StudentPlaces};
use crate::ids::{PlaceName, Scope, Username};
use crate::stack::plan::teardown::Reach;
use crate::text::words::{plural, some_of};

/// What the settings do not have any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Former {
    /// A place, with those who are remembered there.
    Named(PlaceName, BTreeSet<Username>),
    /// Where a place was until now, with those who are remembered there: somebody agreed to go on in another account or
    /// region.
    Moved(PlaceName, DeployedPlace, BTreeSet<Username>),
    /// Where the class was when it had no places.
    Unnamed(DeployedPlace),
}

impl Former {
    /// `places`: those of the settings; `scopes`: their accounts and regions, as far as they are known.
    pub(super) fn all(
        places: &BTreeSet<&PlaceName>,
        scopes: &[Scope],
        known: &BTreeMap<Username, PlaceName>,
        unnamed: Option<DeployedPlace>,
    ) -> Vec<Self> {
        let mut named: BTreeMap<&PlaceName, BTreeSet<Username>> = BTreeMap::new();
        for (student, place) in known.iter().filter(|(_, place)| !places.contains(place)) {
            named.entry(place).or_default().insert(student.clone());
        }
        let named = named.into_iter();
        let named = named.map(|(place, students)| Self::Named(place.clone(), students));
        let stands =
            |last: &DeployedPlace| last.gone != Some(true) && !scopes.iter().any(|at| last.is(at));
        named
            .chain(unnamed.filter(stands).map(Self::Unnamed))
            .collect()
    }

    /// The places that are in another account or region than when somebody was last there. `seen`: the accounts and regions
    /// that show who is there, under whatever name.
    pub(super) fn moved<'a>(
        places: impl Iterator<Item = (&'a PlaceName, &'a Scope)>,
        seen: &[Scope],
        kept: &KeptPlaces,
        known: &StudentPlaces,
    ) -> Vec<Self> {
        let moved = places.flat_map(|(place, scope)| {
            let mut was: BTreeMap<String, (DeployedPlace, BTreeSet<Username>)> = BTreeMap::new();
            for (student, at, stands) in known.stands(kept) {
                let unseen = |last: &&DeployedPlace| !seen.iter().any(|at| last.is(at));
                if let Some(last) = stands.filter(unseen)
                    && at == place
                    && !last.is(scope)
                {
                    let there = was.entry(last.words());
                    let (_, there) = there.or_insert_with(|| (last.clone(), BTreeSet::new()));
                    there.insert(student.clone());
                }
            }
            let was = was.into_values();
            was.map(|(last, there)| Self::Moved(place.clone(), last, there))
        });
        moved.collect()
    }

    /// Whether something of what the command is about may stand there.
    pub(super) fn concerns(&self, class: &Class) -> bool {
        let chosen = &class.settings.chosen_places;
        let is_chosen = matches!(self, Self::Moved(place, ..) if chosen.contains(place));
        if !chosen.is_empty() && !is_chosen {
            return false;
        }
        match (class.reach(), self) {
            (Reach::WholeClass | Reach::Left, _) => true,
            (Reach::Selected, Self::Named(_, there) | Self::Moved(_, _, there)) => {
                class.students.iter().any(|s| there.contains(&s.username))
            }
            // Of each student of the roster it is said anyway.
            (Reach::Selected, Self::Unnamed(_)) => !class.doubts.is_empty(),
        }
    }

    pub(super) fn note(&self) -> String {
        match self {
            Self::Named(place, students) => format!(
                "PLACE {place} IS NOT IN homeroom.toml ANY MORE: {} may still have something there, which nobody looked \
                 for; put {place} back, and take it down",
                plural(students.len(), "student")
            ),
            Self::Moved(place, last, students) => format!(
                "PLACE {place} WAS {} ({}): {} may still have something there, which nobody looked for; to take \
                 it down, put that account and region back under another name",
                last.words(),
                last.at.strftime("%F"),
                plural(students.len(), "student")
            ),
            Self::Unnamed(last) => format!(
                "NO PLACE OF homeroom.toml IS {}: the class was deployed there ({}), and {}; nobody looked for it; add it \
                 as a [[place]], and take it down",
                last.words(),
                last.at.strftime("%F"),
                match last.gone {
                    None => "an older homeroom did not keep whether it was torn down",
                    Some(_) => "may still stand there",
                }
            ),
        }
    }
}

/// Refuses a class whose settings have no places any more, while students are remembered at one that is not `here`:
/// each would get a second stack, and a teardown would seem complete.
pub(super) fn refuse_forgotten(folder: &Path, here: &Scope) -> Result<()> {
    let (known, kept) = (StudentPlaces::read(folder)?, KeptPlaces::read(folder)?);
    let elsewhere = known.stands(&kept);
    let elsewhere = elsewhere.filter(|(.., stands)| !stands.is_some_and(|it| it.is(here)));
    let elsewhere: Vec<String> = elsewhere
        .map(|(_, place, stands)| match stands {
            Some(stands) => format!("{place} ({})", stands.words()),
            None => place.to_string(),
        })
        .collect();
    if elsewhere.is_empty() {
        return Ok(());
    }
    let places: BTreeSet<&String> = elsewhere.iter().collect();
    let places: Vec<String> = places.into_iter().cloned().collect();
    let cause = format!(
        "homeroom.toml has no [[place]] any more, and {} may still have stacks at {}; nothing was touched",
        plural(elsewhere.len(), "student"),
        some_of(&places, 8)
    );
    let hint = format!(
        "put the places back into homeroom.toml; to give them up, run `homeroom teardown` with them first. If nothing of \
         the class is there any more, move {} away",
        folder.join("student-places.json").display()
    );
    Err(Error::new(Exit::Refused, "homeroom.toml", cause).hint(hint))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn scope(account: &str) -> Scope {
        Scope {
            partition: "aws".into(),
            account: account.into(),
            region: "us-east-1".into(),
        }
    }

    #[test]
    fn a_removed_place_and_an_account_without_a_name_may_have_stacks() {
        let [east, old]: [PlaceName; 2] = ["east", "old"].map(|name| name.parse().unwrap());
        let ana: Username = "ana".parse().unwrap();
        let last = DeployedPlace::of(&scope("111111111111"), Timestamp::UNIX_EPOCH);
        let former = |at: &str, account: &str, last: &DeployedPlace| {
            let known = BTreeMap::from([(ana.clone(), at.parse().unwrap())]);
            let places = BTreeSet::from([&east]);
            Former::all(&places, &[scope(account)], &known, Some(last.clone()))
        };
        assert_eq!(former("east", "111111111111", &last), []);
        let unnamed = Former::Unnamed(last.clone());
        assert_eq!(former("east", "222222222222", &last), [unnamed]);
        let named = Former::Named(old, BTreeSet::from([ana.clone()]));
        assert_eq!(former("old", "111111111111", &last), [named]);
        // An older homeroom kept no mark.
        let old = DeployedPlace {
            gone: None,
            ..last.clone()
        };
        let said = Former::Unnamed(old.clone()).note();
        assert!(said.contains("an older homeroom did not keep"), "{said}");
        assert_eq!(former("east", "222222222222", &old), [Former::Unnamed(old)]);
        let gone = DeployedPlace {
            gone: Some(true),
            ..last
        };
        assert_eq!(former("east", "222222222222", &gone), []);
    }

    #[test]
    fn a_place_that_moved_may_have_stacks_where_it_was() {
        let [east, ana] = ["east", "ana"];
        let (was, is) = (scope("111111111111"), scope("222222222222"));
        let mut kept = KeptPlaces::default();
        let last = DeployedPlace::of(&was, Timestamp::UNIX_EPOCH);
        kept.places.insert(east.parse().unwrap(), last.clone());
        let moved = |at: &str, scope: &Scope| {
            let mut known = StudentPlaces::default();
            let (ana, at) = (ana.parse().unwrap(), at.parse().unwrap());
            known.put(&ana, &at, &was, Timestamp::UNIX_EPOCH);
            let place: PlaceName = east.parse().unwrap();
            Former::moved([(&place, scope)].into_iter(), &[], &kept, &known)
        };
        let there = BTreeSet::from([ana.parse().unwrap()]);
        let expected = Former::Moved(east.parse().unwrap(), last, there);
        let said = expected.note();
        assert!(
            said.contains("PLACE east WAS account 111111111111"),
            "{said}"
        );
        assert_eq!(moved("east", &is), [expected]);
        assert_eq!(moved("east", &was), []);
        assert_eq!(moved("west", &is), [], "nobody is known there");
    }

    #[test]
    fn settings_without_places_are_refused_while_students_are_elsewhere() {
        let dir = tempfile::tempdir().unwrap();
        let (here, there) = (scope("111111111111"), scope("222222222222"));
        assert_eq!(refuse_forgotten(dir.path(), &here), Ok(()));
        let place: PlaceName = "east".parse().unwrap();
        StudentPlaces::change(dir.path(), |places| {
            places.put(
                &"ana".parse().unwrap(),
                &place,
                &there,
                Timestamp::UNIX_EPOCH,
            );
        })
        .unwrap();
        let refused = |here: &Scope| refuse_forgotten(dir.path(), here).map_err(|e| e.exit);
        assert_eq!(refused(&here), Err(Exit::Refused), "nobody knows where");
        let mut kept = KeptPlaces::default();
        let east = DeployedPlace::of(&there, Timestamp::UNIX_EPOCH);
        kept.places.insert(place, east);
        kept.keep(dir.path(), &KeptPlaces::default()).unwrap();
        assert_eq!(refused(&here), Err(Exit::Refused));
        assert_eq!(refused(&there), Ok(()));
    }
}
