//! Where a class was last deployed, so that a deployment elsewhere is no accident.

use std::io;

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
}

impl DeployedPlace {
    pub(crate) fn of(scope: &Scope, at: Timestamp) -> Self {
        Self {
            account: scope.account.clone(),
            region: scope.region.clone(),
            at,
        }
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
        }
    }

    /// Where the class was last deployed from this folder; `None` where it never was.
    ///
    /// # Errors
    /// When it is kept and cannot be read.
    pub(crate) fn deployed_place(&self) -> Result<Option<DeployedPlace>> {
        let path = self.folder.join(FILE);
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

    /// Keeps that the class is deployed here.
    ///
    /// # Errors
    /// Names the file that cannot be written.
    pub(crate) fn keep_place(&self, at: Timestamp) -> io::Result<()> {
        let bytes = serde_json::to_vec(&self.place(at)).map_err(io::Error::other)?;
        write_whole(&self.folder.join(FILE), &bytes)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::evidence::cache::CacheKey;
    use crate::ids::Scope;

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
    fn a_place_that_cannot_be_read_is_an_error_and_not_a_new_class() {
        let dir = tempfile::tempdir().unwrap();
        let here = files(dir.path(), "111111111111", "us-east-1");
        std::fs::write(dir.path().join(FILE), "half").unwrap();
        let error = here.deployed_place().unwrap_err();
        assert!(error.to_string().contains("nothing was touched"), "{error}");
    }
}
