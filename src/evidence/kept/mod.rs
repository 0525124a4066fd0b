//! What is remembered of a class from one command to the next: files in `reports/<class>/`.

mod last_readings;
mod people;
mod place;
mod places;
mod readings;
mod student_places;
mod validations;

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::evidence::cache::CacheKey;
use crate::ids::Username;

pub(crate) use last_readings::{FILE as LAST_READINGS, KnownPlace, known};
pub(crate) use people::distinct;
pub(crate) use place::DeployedPlace;
pub(crate) use places::KeptPlaces;
pub(crate) use student_places::StudentPlaces;

/// The files of a class in one account and region.
#[derive(Debug, Clone)]
pub(crate) struct ClassFiles {
    folder: PathBuf,
    key: CacheKey,
}

impl ClassFiles {
    pub(crate) fn new(folder: PathBuf, key: CacheKey) -> Self {
        Self { folder, key }
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Account and region are part of its name, so that a rehearsal on the embedded cloud and the class day on AWS do not
    /// overwrite each other's.
    fn file_of(&self, what: &str) -> PathBuf {
        let CacheKey {
            account,
            region,
            lab,
            ..
        } = &self.key;
        self.folder
            .join(format!("{what}-{account}-{region}-{lab}.json"))
    }

    /// The class's last report, whatever it is about.
    fn last_report(&self) -> Option<LastReport> {
        LastReport::read(&self.folder)
    }
}

/// As much of a `report.json` as tells what and whom it is about.
#[derive(Deserialize)]
struct LastReport {
    class: String,
    lab: WithId,
    account: WithId,
    region: String,
    /// Where the class has several.
    #[serde(default)]
    places: Vec<ReportedPlace>,
    taken_at: jiff::Timestamp,
    #[serde(default)]
    students: Vec<Reported>,
}

#[derive(Deserialize)]
struct WithId {
    id: String,
}

#[derive(Deserialize)]
struct ReportedPlace {
    account: Option<WithId>,
    region: String,
}

#[derive(Deserialize)]
struct Reported {
    username: Username,
    email: Option<String>,
    name: Option<String>,
}

impl LastReport {
    /// `None` where there is none, or none that can be read.
    fn read(folder: &Path) -> Option<Self> {
        let bytes = std::fs::read(folder.join("report.json")).ok()?;
        serde_json::from_slice(&bytes).ok()
    }

    fn is_about(&self, key: &CacheKey) -> bool {
        self.class == key.class.as_str()
            && self.lab.id == key.lab.as_str()
            && self
                .places()
                .any(|place| place == (&key.account, &key.region))
    }

    /// The accounts and regions that it is about.
    fn places(&self) -> impl Iterator<Item = (&str, &str)> {
        let several = self.places.iter().filter_map(|place| {
            let account = place.account.as_ref()?;
            Some((account.id.as_str(), place.region.as_str()))
        });
        let one = (self.account.id.as_str(), self.region.as_str());
        several.chain(self.places.is_empty().then_some(one))
    }
}
