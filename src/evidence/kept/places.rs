//! Which student's stack is in which of the class's places, as last known. Where a place cannot be looked at, this alone
//! says who is there; without it a second stack could be made.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::place::DeployedPlace;
use crate::error::{Error, Exit, Result};
use crate::files::{read_if_there, write_whole};
use crate::ids::{PlaceName, Username};

const FILE: &str = "places.json";

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct KeptPlaces {
    /// Which account and region a place was when something of the class was last seen or made there.
    #[serde(default)]
    pub(crate) places: BTreeMap<PlaceName, DeployedPlace>,
    /// Where each student's stack was last seen or begun.
    #[serde(default)]
    pub(crate) students: BTreeMap<Username, PlaceName>,
}

impl KeptPlaces {
    /// What is kept in the class's folder.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    pub(crate) fn read(folder: &Path) -> Result<Self> {
        let path = path(folder);
        let read = read_if_there(&path).map_err(|error| error.to_string());
        let read = read.and_then(|bytes| match bytes {
            None => Ok(Self::default()),
            Some(bytes) => serde_json::from_slice(&bytes).map_err(|error| error.to_string()),
        });
        read.map_err(|why| {
            let cause = format!("cannot be used: {why}; nothing was touched");
            let hint = "it says in which place each student's stack is: move it away only while every place of the class can \
                        be reached, which then show it";
            Error::new(Exit::General, path.display().to_string(), cause).hint(hint)
        })
    }

    /// Keeps it, if it is another than `before`.
    ///
    /// # Errors
    /// Names the file that cannot be written.
    pub(crate) fn keep(&self, folder: &Path, before: &Self) -> io::Result<()> {
        if self == before {
            return Ok(());
        }
        let bytes = serde_json::to_vec(self).map_err(io::Error::other)?;
        write_whole(&path(folder), &bytes)
    }

    /// Notes who was seen at a place, or is about to get a stack there.
    pub(crate) fn note<'a>(
        &mut self,
        place: &PlaceName,
        students: impl IntoIterator<Item = &'a Username>,
    ) {
        let students = students.into_iter();
        self.students
            .extend(students.map(|student| (student.clone(), place.clone())));
    }

    /// Forgets students of a place where nothing of theirs is left.
    pub(crate) fn forget(&mut self, place: &PlaceName, gone: &BTreeSet<&Username>) {
        self.students
            .retain(|student, at| at != place || !gone.contains(student));
    }
}

fn path(folder: &Path) -> PathBuf {
    folder.join(FILE)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn who_is_where_is_kept_until_nothing_is_left_of_them() {
        let dir = tempfile::tempdir().unwrap();
        let none = KeptPlaces::read(dir.path()).unwrap();
        assert_eq!(none, KeptPlaces::default());
        none.keep(dir.path(), &none).unwrap();
        assert!(!path(dir.path()).exists());
        let (east, west): (PlaceName, PlaceName) =
            ("east".parse().unwrap(), "west".parse().unwrap());
        let [ana, ben]: [Username; 2] = ["ana", "ben"].map(|name| name.parse().unwrap());
        let mut kept = none.clone();
        kept.note(&east, [&ana, &ben]);
        kept.note(&west, [&ben]);
        kept.keep(dir.path(), &none).unwrap();
        let mut again = KeptPlaces::read(dir.path()).unwrap();
        assert_eq!(again, kept);
        // Nothing of ben in the east says nothing of the west.
        again.forget(&east, &[&ana, &ben].into());
        assert_eq!(again.students, BTreeMap::from([(ben, west)]));
    }

    #[test]
    fn a_file_that_cannot_be_read_is_an_error_and_not_an_empty_class() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(path(dir.path()), "half").unwrap();
        let error = KeptPlaces::read(dir.path()).unwrap_err();
        assert!(error.to_string().contains("nothing was touched"), "{error}");
    }
}
