//! Which account and region each of the class's places was, as last known. Where a place cannot be looked at, this says whose
//! last readings are those of its students.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::place::DeployedPlace;
use crate::error::{Error, Exit, Result};
use crate::files::{read_if_there, write_whole};
use crate::ids::PlaceName;

const FILE: &str = "places.json";

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct KeptPlaces {
    /// Which account and region a place was when something of the class was last seen or made there.
    pub(crate) places: BTreeMap<PlaceName, DeployedPlace>,
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
            let hint = "it says in which account each place is: move it away if you are sure that homeroom.toml is right";
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
}

fn path(folder: &Path) -> PathBuf {
    folder.join(FILE)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn where_a_place_was_is_kept_and_nothing_is_written_where_nothing_is_new() {
        let dir = tempfile::tempdir().unwrap();
        let none = KeptPlaces::read(dir.path()).unwrap();
        assert_eq!(none, KeptPlaces::default());
        none.keep(dir.path(), &none).unwrap();
        assert!(!path(dir.path()).exists());
        let mut kept = none.clone();
        let east = DeployedPlace {
            account: "111111111111".to_owned(),
            region: "us-east-1".to_owned(),
            at: jiff::Timestamp::UNIX_EPOCH,
            gone: Some(false),
        };
        kept.places.insert("east".parse().unwrap(), east);
        kept.keep(dir.path(), &none).unwrap();
        assert_eq!(KeptPlaces::read(dir.path()).unwrap(), kept);
    }

    #[test]
    fn a_file_that_cannot_be_read_is_an_error_and_not_an_empty_class() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(path(dir.path()), "half").unwrap();
        let error = KeptPlaces::read(dir.path()).unwrap_err();
        assert!(error.to_string().contains("nothing was touched"), "{error}");
    }
}
