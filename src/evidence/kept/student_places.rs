//! In which of the class's places each student's stack was last known, or was about to be made. While a place cannot be
//! reached, this is all that is known of who is there.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::place::DeployedPlace;
use super::places::KeptPlaces;
use crate::error::{Error, Exit, Result};
use crate::files::{read_if_there, write_whole};
use crate::ids::{PlaceName, Scope, Username};

const FILE: &str = "student-places.json";

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StudentPlaces {
    students: BTreeMap<Username, KnownAt>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct KnownAt {
    place: PlaceName,
    at: Timestamp,
    /// Which account and region the place was then. `None`: kept by a homeroom that did not say; see [`KeptPlaces`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stands: Option<DeployedPlace>,
}

impl KnownAt {
    fn is_at(&self, place: &PlaceName, scope: &Scope) -> bool {
        let stands = self.stands.as_ref();
        self.place == *place && stands.is_none_or(|stands| stands.is(scope))
    }
}

impl StudentPlaces {
    /// What the class's folder has; nothing where there is no file.
    ///
    /// # Errors
    /// When it is kept and cannot be read: without it a student might get a second stack.
    pub(crate) fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(FILE);
        let read = read_if_there(&path).map_err(|error| error.to_string());
        let read = read.and_then(|bytes| {
            let kept = bytes.map(|bytes| serde_json::from_slice(&bytes));
            kept.transpose().map_err(|error| error.to_string())
        });
        read.map(Option::unwrap_or_default).map_err(|why| {
            let cause = format!("cannot be used: {why}; nothing was touched");
            let hint = "it says in which place each student's stack is: move it away if every place can be reached, and it is \
                        written anew";
            Error::new(Exit::General, path.display().to_string(), cause).hint(hint)
        })
    }

    /// Changes what the folder has, as it is there now: another command may have written it meanwhile.
    ///
    /// # Errors
    /// When the file cannot be used, or not be written; it is as it was then.
    pub(crate) fn change(folder: &Path, change: impl FnOnce(&mut Self)) -> Result<()> {
        let before = Self::read(folder)?;
        let mut after = before.clone();
        change(&mut after);
        if after == before {
            return Ok(());
        }
        let path = folder.join(FILE);
        let bytes = serde_json::to_vec(&after).map_err(io::Error::other);
        let written = bytes.and_then(|bytes| write_whole(&path, &bytes));
        written.map_err(|error| {
            let cause = format!("the students' places could not be kept: {error}");
            let hint = "make room, or let homeroom write there, and run the same command again";
            Error::new(Exit::General, path.display().to_string(), cause).hint(hint)
        })
    }

    /// The place of each student of whom one is known.
    pub(crate) fn known(&self) -> BTreeMap<Username, PlaceName> {
        let known = self.students.iter();
        known
            .map(|(username, known)| (username.clone(), known.place.clone()))
            .collect()
    }

    /// Each student, with the place, and which account and region that was; `kept`: what it was for those of whom an older
    /// homeroom did not say.
    pub(crate) fn stands<'a>(
        &'a self,
        kept: &'a KeptPlaces,
    ) -> impl Iterator<Item = (&'a Username, &'a PlaceName, Option<&'a DeployedPlace>)> {
        self.students.iter().map(|(username, known)| {
            let stands = known.stands.as_ref();
            let stands = stands.or_else(|| kept.places.get(&known.place));
            (username, &known.place, stands)
        })
    }

    /// The stack is there, or is about to be made there. What was known later stays.
    pub(crate) fn put(
        &mut self,
        username: &Username,
        place: &PlaceName,
        scope: &Scope,
        at: Timestamp,
    ) {
        let known = self.students.get(username);
        if known.is_none_or(|known| known.at <= at) {
            let known = KnownAt {
                place: place.clone(),
                at,
                stands: Some(DeployedPlace::of(scope, at)),
            };
            self.students.insert(username.clone(), known);
        }
    }

    /// The place is about to be another account or region: whoever was there stays where it was.
    pub(crate) fn leave_behind(&mut self, place: &PlaceName, last: &DeployedPlace) {
        let there = self.students.values_mut();
        for known in there.filter(|known| known.place == *place) {
            known.stands.get_or_insert_with(|| last.clone());
        }
    }

    /// The student has nothing in that place any more, as a fresh look showed. Another place stays known.
    pub(crate) fn forget(&mut self, username: &Username, place: &PlaceName, scope: &Scope) {
        let known = self.students.get(username);
        if known.is_some_and(|known| known.is_at(place, scope)) {
            self.students.remove(username);
        }
    }

    /// Nothing of the class is left in that place, as a fresh look showed.
    pub(crate) fn forget_all(&mut self, place: &PlaceName, scope: &Scope) {
        self.students.retain(|_, known| !known.is_at(place, scope));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    const WEST: &str = "222222222222";

    fn scope(account: &str) -> Scope {
        Scope {
            partition: "aws".into(),
            account: account.into(),
            region: "us-east-1".into(),
        }
    }

    #[test]
    fn who_stands_where_a_place_was_is_not_forgotten_where_it_is_now() {
        let old = r#"{"students":{"ana":{"place":"west","at":"2026-01-01T00:00:00Z"},
            "ben":{"place":"west","at":"2026-01-01T00:00:00Z"}}}"#;
        let mut places: StudentPlaces = serde_json::from_str(old).unwrap();
        let [ana, ben] = ["ana", "ben"].map(|name| name.parse::<Username>().unwrap());
        let west: PlaceName = "west".parse().unwrap();
        let (was, is) = (scope(WEST), scope("333333333333"));
        // An older homeroom kept no account with each student: that of the place counts.
        let mut kept = KeptPlaces::default();
        let last = DeployedPlace::of(&was, at(1));
        kept.places.insert(west.clone(), last.clone());
        let there = |places: &StudentPlaces, kept: &KeptPlaces, scope: &Scope| {
            let stands = places.stands(kept);
            let stands = stands.filter(|(.., stands)| stands.is_some_and(|it| it.is(scope)));
            stands.map(|(name, ..)| name.clone()).collect::<Vec<_>>()
        };
        assert_eq!(there(&places, &kept, &was), [ana.clone(), ben.clone()]);

        places.leave_behind(&west, &last);
        places.put(&ana, &west, &is, Timestamp::now());
        kept.places
            .insert(west.clone(), DeployedPlace::of(&is, at(2)));
        assert_eq!(there(&places, &kept, &was), std::slice::from_ref(&ben));
        assert_eq!(there(&places, &kept, &is), std::slice::from_ref(&ana));
        places.forget(&ben, &west, &is);
        places.forget_all(&west, &is);
        assert_eq!(there(&places, &kept, &was), std::slice::from_ref(&ben));
        let written = serde_json::to_string(&places).unwrap();
        assert_eq!(
            serde_json::from_str::<StudentPlaces>(&written).unwrap(),
            places
        );
        places.forget(&ben, &west, &was);
        assert_eq!(places, StudentPlaces::default());
    }

    #[test]
    fn what_is_known_of_a_students_place_outlives_the_command() {
        let dir = tempfile::tempdir().unwrap();
        let [ana, ben] = ["ana", "ben"].map(|name| name.parse::<Username>().unwrap());
        let [north, south] = ["north", "south"].map(|name| name.parse::<PlaceName>().unwrap());
        assert_eq!(
            StudentPlaces::read(dir.path()).unwrap(),
            StudentPlaces::default()
        );
        StudentPlaces::change(dir.path(), |places| {
            places.put(&ana, &north, &scope(WEST), at(2));
            places.put(&ben, &south, &scope(WEST), at(2));
        })
        .unwrap();
        StudentPlaces::change(dir.path(), |places| {
            // An older reading, and a teardown elsewhere.
            places.put(&ana, &south, &scope(WEST), at(1));
            places.forget(&ana, &south, &scope(WEST));
            places.forget(&ben, &south, &scope(WEST));
        })
        .unwrap();
        let known = StudentPlaces::read(dir.path()).unwrap().known();
        assert_eq!(known, BTreeMap::from([(ana, north)]));
    }

    #[test]
    fn a_place_that_is_empty_has_nobody_and_the_others_stay_known() {
        let [ana, ben] = ["ana", "ben"].map(|name| name.parse::<Username>().unwrap());
        let [north, south] = ["north", "south"].map(|name| name.parse::<PlaceName>().unwrap());
        let mut places = StudentPlaces::default();
        places.put(&ana, &north, &scope(WEST), at(1));
        places.put(&ben, &south, &scope(WEST), at(1));
        places.forget_all(&north, &scope(WEST));
        assert_eq!(places.known(), BTreeMap::from([(ben, south)]));
    }

    #[test]
    fn students_places_that_cannot_be_read_are_an_error_and_stay() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE);
        std::fs::write(&path, "half").unwrap();
        let error = StudentPlaces::change(dir.path(), |places| *places = StudentPlaces::default());
        assert!(
            error
                .unwrap_err()
                .to_string()
                .contains("nothing was touched")
        );
        assert_eq!(std::fs::read_to_string(path).unwrap(), "half");
    }

    #[test]
    fn a_look_that_changes_nothing_writes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        StudentPlaces::change(dir.path(), |_| ()).unwrap();
        assert!(!dir.path().join(FILE).exists());
    }
}
