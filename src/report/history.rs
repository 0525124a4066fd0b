//! Dated copies of a class's documents, in `reports/<class>/history/`: written once, and never changed or replaced.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::Deserialize;
use tempfile::TempPath;

use crate::files::{free_paths, named, prepare, read_if_there, sync_folder};

pub(crate) fn dir(class_dir: &Path) -> PathBuf {
    class_dir.join("history")
}

/// A copy's name without its extension: `20260514T083205Z-report`.
fn stem(at: Timestamp, what: &str) -> String {
    format!("{}-{what}", at.strftime("%Y%m%dT%H%M%SZ"))
}

/// A copy whose bytes are on the disk, but which has no name yet. Dropping it removes it.
pub(super) struct UnnamedCopy {
    dir: PathBuf,
    stem: String,
    file: TempPath,
}

pub(super) fn ready(
    class_dir: &Path,
    at: Timestamp,
    what: &str,
    bytes: &[u8],
) -> io::Result<UnnamedCopy> {
    let (dir, stem) = (dir(class_dir), stem(at, what));
    let file = prepare(&dir, bytes).and_then(|file| {
        // Read-only.
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            fs::set_permissions(&file, fs::Permissions::from_mode(0o400))?;
        }
        Ok(file)
    });
    let file = file.map_err(|error| named(&dir.join(format!("{stem}.json")), &error))?;
    Ok(UnnamedCopy { dir, stem, file })
}

impl UnnamedCopy {
    /// Gives the copy its name, or a numbered one where another copy has that name.
    pub(super) fn keep(mut self) -> io::Result<PathBuf> {
        for path in free_paths(&self.dir, &self.stem, "json") {
            match self.file.persist_noclobber(&path) {
                Ok(()) => {
                    sync_folder(&self.dir).map_err(|error| named(&self.dir, &error))?;
                    return Ok(path);
                }
                Err(taken) if taken.error.kind() == io::ErrorKind::AlreadyExists => {
                    self.file = taken.path;
                }
                Err(error) => return Err(named(&path, &error.error)),
            }
        }
        Err(named(&self.dir, &io::ErrorKind::AlreadyExists.into()))
    }
}

/// Keeps a document as a dated copy.
pub(crate) fn keep(
    class_dir: &Path,
    at: Timestamp,
    what: &str,
    bytes: &[u8],
) -> io::Result<PathBuf> {
    ready(class_dir, at, what, bytes)?.keep()
}

#[derive(Deserialize)]
struct Taken {
    taken_at: Timestamp,
}

/// Prepares a dated copy of a document of an older homeroom, which will be replaced and has none. `None` where there is no
/// such document, or a copy of that time.
pub(super) fn ready_of_old(class_dir: &Path, what: &str) -> io::Result<Option<UnnamedCopy>> {
    let path = class_dir.join(format!("{what}.json"));
    let Some(bytes) = read_if_there(&path).map_err(|error| named(&path, &error))? else {
        return Ok(None);
    };
    let Ok(Taken { taken_at }) = serde_json::from_slice(&bytes) else {
        return Ok(None);
    };
    let copy = format!("{}.json", stem(taken_at, what));
    match dir(class_dir).join(copy).exists() {
        true => Ok(None),
        false => ready(class_dir, taken_at, what, &bytes).map(Some),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dated_copy_of_the_same_second_gets_a_number() {
        let dir = tempfile::tempdir().unwrap();
        let at: Timestamp = "2026-05-14T08:32:05.4Z".parse().unwrap();
        let first = keep(dir.path(), at, "report", b"1").unwrap();
        let second = keep(dir.path(), at, "report", b"2").unwrap();
        assert!(first.ends_with("history/20260514T083205Z-report.json"));
        assert!(second.ends_with("history/20260514T083205Z-report-2.json"));
        assert_eq!(fs::read(first).unwrap(), b"1");
        assert_eq!(fs::read(second).unwrap(), b"2");
    }

    #[cfg(unix)]
    #[test]
    fn a_dated_copy_is_read_only_and_only_its_owners() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = keep(dir.path(), Timestamp::UNIX_EPOCH, "report", b"1").unwrap();
        let mode = fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o400);
    }

    #[test]
    fn a_document_without_a_dated_copy_gets_one_before_it_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        assert!(ready_of_old(dir.path(), "report").unwrap().is_none());
        let old = br#"{"taken_at": "2026-05-14T10:32:05+02:00"}"#;
        fs::write(dir.path().join("report.json"), old).unwrap();
        let copy = ready_of_old(dir.path(), "report").unwrap().unwrap();
        let path = copy.keep().unwrap();
        assert!(path.ends_with("history/20260514T083205Z-report.json"));
        assert_eq!(fs::read(path).unwrap(), old);
        assert!(ready_of_old(dir.path(), "report").unwrap().is_none());
    }
}
