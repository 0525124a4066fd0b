//! The file of last readings. What counts when stands in `evidence::last_reading`. Unlike what readings remember to be
//! quicker, this cannot be read anew: it is never replaced by something else.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use jiff::Timestamp;

use super::{ClassFiles, LastReport};
use crate::error::{Error, Kind, Result};
use crate::evidence::cache::CacheKey;
use crate::evidence::last_reading::LastReadings;
use crate::files::{read_if_there, write_whole};
use crate::ids::Username;
use crate::roster::renamed::KnownPerson;

/// With this begins the name of every file of last readings.
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
                Kind::General,
                path.display().to_string(),
                format!("cannot be used: {why}; nothing was touched"),
            )
            .hint(
                "it has the last reading of every student; use the homeroom that wrote it, or move it away: what is in it \
                 then counts no more",
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

    /// Notes whose the readings are that an older homeroom kept. Without that, nothing contradicts that they are of whoever
    /// has the usernames now.
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

/// What a class's folder has readings of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct KnownPlace {
    pub(crate) account: String,
    pub(crate) region: String,
    pub(crate) lab: String,
}

/// Of what a class's folder has readings, each with the time of the last one.
pub(crate) fn known(folder: &Path) -> BTreeMap<KnownPlace, Timestamp> {
    let mut known: BTreeMap<KnownPlace, Timestamp> = BTreeMap::new();
    let mut add = |account: String, region: String, lab: String, at: Timestamp| {
        let place = KnownPlace {
            account,
            region,
            lab,
        };
        let latest = known.entry(place).or_insert(at);
        *latest = at.max(*latest);
    };
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let rest = name.strip_prefix(FILE);
        if !rest.is_some_and(|rest| rest.starts_with('-')) {
            continue;
        }
        let read = fs::read(entry.path()).ok();
        let read = read.and_then(|bytes| LastReadings::parse(&bytes, None).ok());
        if let Some((last, at)) = read.and_then(|last| last.read_at().map(|at| (last, at))) {
            let CacheKey {
                account,
                region,
                lab,
                ..
            } = last.key;
            add(account, region, lab.to_string(), at);
        }
    }
    if let Some(LastReport {
        account,
        region,
        lab,
        taken_at,
        ..
    }) = LastReport::read(folder)
    {
        add(account.id, region, lab.id, taken_at);
    }
    known
}

#[cfg(test)]
mod tests {
    use super::*;
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
