//! Where a class was last deployed, so that a deployment elsewhere is no accident.

use std::io;
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ClassFiles;
use crate::error::{Error, Exit, Result};
use crate::files::{read_if_there, write_whole};
use crate::ids::Scope;

const FILE: &str = "place.json";

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DeployedPlace {
    pub(crate) account: String,
    pub(crate) region: String,
    pub(crate) at: Timestamp,
    /// Whether a whole teardown since then has shown that nothing is left there. `None`: kept by a homeroom that did not say.
    #[serde(default)]
    pub(crate) gone: Option<bool>,
}

impl DeployedPlace {
    pub(crate) fn of(scope: &Scope, at: Timestamp) -> Self {
        Self {
            account: scope.account.clone(),
            region: scope.region.clone(),
            at,
            gone: Some(false),
        }
    }

    /// What the class's folder has of a class without places; `None` where it was never deployed.
    ///
    /// # Errors
    /// When it is kept and cannot be read.
    pub(crate) fn read(folder: &Path) -> Result<Option<Self>> {
        let path = folder.join(FILE);
        let read = read_if_there(&path).map_err(|error| error.to_string());
        let read = read.and_then(|bytes| {
            let place = bytes.map(|bytes| serde_json::from_slice(&bytes));
            place.transpose().map_err(|error| error.to_string())
        });
        read.map_err(|why| {
            let cause = format!("cannot be used: {why}; nothing was touched");
            let hint = "it says in which account the class was deployed: move it away if you are sure that this is the right one";
            Error::new(Exit::General, path.display().to_string(), cause).hint(hint)
        })
    }

    /// Whether it is this account and region.
    pub(crate) fn is(&self, scope: &Scope) -> bool {
        self.unlike(&Self::of(scope, self.at)).is_empty()
    }

    /// The options, with their values, that say that `here` is meant although it is another place.
    pub(crate) fn unlike(&self, here: &Self) -> Vec<(&'static str, String)> {
        let options = [
            ("account", &self.account, &here.account),
            ("region", &self.region, &here.region),
        ];
        let unlike = options.into_iter().filter(|(_, last, here)| last != here);
        unlike
            .map(|(option, _, here)| (option, here.clone()))
            .collect()
    }

    /// `account 123456789012, region eu-west-1`
    pub(crate) fn words(&self) -> String {
        format!("account {}, region {}", self.account, self.region)
    }
}

impl ClassFiles {
    /// The place that these files are about.
    pub(crate) fn place(&self, at: Timestamp) -> DeployedPlace {
        DeployedPlace {
            account: self.key.account.clone(),
            region: self.key.region.clone(),
            at,
            gone: Some(false),
        }
    }

    /// Where the class was last deployed from this folder; `None` where it never was.
    ///
    /// # Errors
    /// When it is kept and cannot be read.
    pub(crate) fn deployed_place(&self) -> Result<Option<DeployedPlace>> {
        DeployedPlace::read(&self.folder)
    }

    /// Keeps that the class is deployed here.
    ///
    /// # Errors
    /// Names the file that cannot be written.
    pub(crate) fn keep_place(&self, at: Timestamp) -> io::Result<()> {
        self.write(&self.place(at))
    }

    /// Keeps that nothing of the class is left here, if it was last deployed here.
    ///
    /// # Errors
    /// Names the file that cannot be read or written.
    pub(crate) fn keep_gone(&self) -> io::Result<()> {
        let last = self.deployed_place().map_err(io::Error::other)?;
        let last = last
            .filter(|last| last.gone != Some(true) && last.unlike(&self.place(last.at)).is_empty());
        last.map_or(Ok(()), |last| {
            self.write(&DeployedPlace {
                gone: Some(true),
                ..last
            })
        })
    }

    fn write(&self, place: &DeployedPlace) -> io::Result<()> {
        let bytes = serde_json::to_vec(place).map_err(io::Error::other)?;
        write_whole(&self.folder.join(FILE), &bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::cache::CacheKey;

    fn files(dir: &Path, account: &str, region: &str) -> ClassFiles {
        let scope = Scope {
            partition: "aws".into(),
            account: account.into(),
            region: region.into(),
        };
        let key = CacheKey::new(&scope, &"demo".parse().unwrap(), &"lab6".parse().unwrap());
        ClassFiles::new(dir.to_owned(), key)
    }

    #[test]
    fn a_class_remembers_the_account_and_region_of_its_last_deployment() {
        let dir = tempfile::tempdir().unwrap();
        let (first, other) = ("111111111111", "222222222222");
        let here = files(dir.path(), first, "us-east-1");
        assert_eq!(here.deployed_place().unwrap(), None);
        here.keep_place(Timestamp::UNIX_EPOCH).unwrap();
        let unlike = |account, region| {
            let there = files(dir.path(), account, region);
            let last = there.deployed_place().unwrap().unwrap();
            last.unlike(&there.place(Timestamp::UNIX_EPOCH))
        };
        assert_eq!(unlike(first, "us-east-1"), []);
        assert_eq!(unlike(other, "us-east-1"), [("account", other.to_owned())]);
        assert_eq!(
            unlike(first, "eu-west-1"),
            [("region", "eu-west-1".to_owned())]
        );
        assert_eq!(unlike(other, "eu-west-1").len(), 2);
    }

    #[test]
    fn what_was_torn_down_is_gone_here_alone_and_until_the_next_deployment() {
        let dir = tempfile::tempdir().unwrap();
        let here = files(dir.path(), "111111111111", "us-east-1");
        here.keep_gone().unwrap();
        assert_eq!(here.deployed_place().unwrap(), None);
        here.keep_place(Timestamp::UNIX_EPOCH).unwrap();
        let gone = || here.deployed_place().unwrap().unwrap().gone == Some(true);
        files(dir.path(), "222222222222", "us-east-1")
            .keep_gone()
            .unwrap();
        assert!(!gone());
        here.keep_gone().unwrap();
        assert!(gone());
        here.keep_place(Timestamp::UNIX_EPOCH).unwrap();
        assert!(!gone());
    }

    #[test]
    fn a_place_without_a_mark_is_read_and_a_teardown_marks_it() {
        let dir = tempfile::tempdir().unwrap();
        let here = files(dir.path(), "111111111111", "us-east-1");
        let old = r#"{"account":"111111111111","region":"us-east-1","at":"2026-01-01T00:00:00Z"}"#;
        std::fs::write(dir.path().join(FILE), old).unwrap();
        assert_eq!(here.deployed_place().unwrap().unwrap().gone, None);
        here.keep_gone().unwrap();
        assert_eq!(here.deployed_place().unwrap().unwrap().gone, Some(true));
    }

    #[test]
    fn a_place_that_cannot_be_read_is_an_error_and_not_a_new_class() {
        let dir = tempfile::tempdir().unwrap();
        let here = files(dir.path(), "111111111111", "us-east-1");
        std::fs::write(dir.path().join(FILE), "half").unwrap();
        let error = here.deployed_place().unwrap_err();
        assert!(error.to_string().contains("nothing was touched"), "{error}");
    }
}
