//! The file of last readings (see `evidence::last_reading`). Unlike the cache, it cannot be read anew, so a file that
//! cannot be used is never replaced.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use jiff::Timestamp;

use super::{ClassFiles, LastReport};
use crate::error::{Error, Exit, Result};
use crate::evidence::last_reading::LastReadings;
use crate::files::{read_if_there, write_whole};
use crate::ids::Username;
use crate::roster::renamed::KnownPerson;

/// What the names of files of last readings begin with.
pub(crate) const FILE: &str = "last-readings";

impl ClassFiles {
    /// What is kept of the class; nothing where there is no file.
    ///
    /// # Errors
    /// When there is a file that cannot be used: it may have what nothing else has, so it must not be written over.
    pub(crate) fn last_readings(&self) -> Result<LastReadings> {
        let path = self.file_of(FILE);
        let read = match read_if_there(&path) {
            Ok(None) => return Ok(LastReadings::new(self.key.clone())),
            Ok(Some(bytes)) => LastReadings::parse(&bytes, Some(&self.key)),
            Err(error) => Err(error.to_string()),
        };
        read.map_err(|why| {
            Error::new(
                Exit::General,
                path.display().to_string(),
                format!("cannot be used: {why}; nothing was touched"),
            )
            .hint(
                "it has the last reading of every student; use the version of homeroom that wrote it, or move it away: \
                 then those readings do not count any more",
            )
        })
    }

    /// Keeps last readings, where there are any.
    ///
    /// # Errors
    /// Names the file that cannot be written; it is as it was then.
    pub(crate) fn keep_last_readings(&self, last: &LastReadings) -> io::Result<()> {
        if last.students.is_empty() {
            return Ok(());
        }
        let text = last.to_json().map_err(io::Error::other)?;
        write_whole(&self.file_of(FILE), text.as_bytes())
    }

    /// Adds whose readings they are, where an older homeroom kept them. Otherwise they would count for whoever has the
    /// usernames now.
    pub(super) fn attribute_last_readings(&self, people: &BTreeMap<Username, KnownPerson>) {
        if let Ok(mut last) = self.last_readings() {
            let before = last.clone();
            last.know(people);
            if last != before {
                let _ = self.keep_last_readings(&last);
            }
        }
    }
}

/// A place of which a class's folder has readings.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct KnownPlace {
    pub(crate) account: String,
    pub(crate) region: String,
    pub(crate) lab: String,
}

/// The places of which a class's folder has readings, with the time of the last one.
pub(crate) fn known(folder: &Path) -> BTreeMap<KnownPlace, Timestamp> {
    let mut places = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        if !name.to_string_lossy().starts_with(&format!("{FILE}-")) {
            continue;
        }
        if let Ok(bytes) = fs::read(entry.path())
            && let Ok(last) = LastReadings::parse(&bytes, None)
            && let Some(at) = last.read_at()
        {
            let key = last.key;
            places.push((key.account, key.region, key.lab.to_string(), at));
        }
    }
    if let Some(report) = LastReport::read(folder) {
        places.extend(report.places().map(|(account, region)| {
            let lab = report.lab.id.clone();
            (account.to_owned(), region.to_owned(), lab, report.taken_at)
        }));
    }
    let mut known = BTreeMap::new();
    for (account, region, lab, at) in places {
        let place = KnownPlace {
            account,
            region,
            lab,
        };
        let latest = known.entry(place).or_insert(at);
        *latest = at.max(*latest);
    }
    known
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::cache::CacheKey;
    use crate::ids::Scope;

    fn files(dir: &Path) -> ClassFiles {
        let scope = Scope {
            partition: "aws".into(),
            account: "123456789012".into(),
            region: "us-east-1".into(),
        };
        let key = CacheKey::new(&scope, &"demo".parse().unwrap(), &"lab6".parse().unwrap());
        ClassFiles::new(dir.to_owned(), key)
    }

    #[test]
    fn a_file_of_last_readings_that_cannot_be_used_is_refused_and_stays() {
        let dir = tempfile::tempdir().unwrap();
        let files = files(dir.path());
        assert_eq!(files.last_readings().unwrap().students.len(), 0);
        let path = files.file_of(FILE);
        fs::write(&path, "half a file").unwrap();
        let error = files.last_readings().unwrap_err();
        assert!(error.to_string().contains("nothing was touched"), "{error}");
        files.attribute_last_readings(&BTreeMap::new());
        assert_eq!(fs::read_to_string(&path).unwrap(), "half a file");
    }

    #[test]
    fn nothing_is_written_where_nothing_was_read() {
        let dir = tempfile::tempdir().unwrap();
        let files = files(dir.path());
        let last = files.last_readings().unwrap();
        files.keep_last_readings(&last).unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn the_class_s_last_report_tells_of_a_place_as_well() {
        let dir = tempfile::tempdir().unwrap();
        assert!(known(dir.path()).is_empty());
        let report = r#"{"class":"demo","lab":{"id":"lab6"},"account":{"id":"1"},"region":"eu-west-1",
            "taken_at":"2026-05-14T10:32:00Z","students":[]}"#;
        fs::write(dir.path().join("report.json"), report).unwrap();
        let known: Vec<_> = known(dir.path()).into_keys().collect();
        assert_eq!(known.len(), 1);
        assert_eq!(known[0].region, "eu-west-1");
    }
}
