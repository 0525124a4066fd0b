//! What is on disk of the shared instance: who it is, what it has kept, and how that is told.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::dirs::file_error;
use super::process::Process;
use crate::error::Result;

/// The record of the shared instance: `instance.json`, for its owner's eyes only, replaced in one step.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    /// Its port, kept over a stop: URLs that students were given stay good while nobody else takes it.
    pub port: Option<u16>,
    /// Its process, unless it was stopped.
    pub process: Option<Process>,
}

impl Record {
    /// Reads the record; there being none, or one that is not readable, is an empty one.
    pub fn load(file: &Path) -> Result<Self> {
        match fs::read(file) {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(file_error(file, &error)),
        }
    }

    /// Writes the record, whole or not at all.
    pub fn save(&self, file: &Path) -> Result<()> {
        save_private(file, self)
    }
}

/// Writes a document for its owner's eyes only (mode 0600), whole or not at all.
pub(super) fn save_private(file: &Path, document: &impl Serialize) -> Result<()> {
    let write = || {
        let dir = file.parent().unwrap_or(Path::new("."));
        let mut temporary = tempfile::NamedTempFile::new_in(dir)?;
        serde_json::to_writer_pretty(&mut temporary, document)?;
        temporary.write_all(b"\n")?;
        temporary.persist(file)?;
        Ok(())
    };
    write().map_err(|error: io::Error| file_error(file, &error))
}

/// State that is kept on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Kept {
    /// Its size in bytes.
    pub bytes: u64,
    /// When it was saved last, RFC 3339: at the last graceful stop.
    pub saved_at: String,
}

impl Kept {
    /// What is kept in a folder; `None` when there is nothing.
    pub(super) fn in_dir(dir: &Path) -> Option<Self> {
        let (bytes, newest) = measure(dir);
        let saved_at = jiff::Timestamp::try_from(newest?)
            .and_then(|time| time.round(jiff::Unit::Second))
            .ok()?
            .to_string();
        Some(Self { bytes, saved_at })
    }
}

impl std::fmt::Display for Kept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} KB of state, saved at {}",
            self.bytes.div_ceil(1000),
            self.saved_at
        )
    }
}

/// Size of all files under a folder, and the newest time of change.
fn measure(dir: &Path) -> (u64, Option<SystemTime>) {
    let mut total = (0, None);
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let (bytes, time) = match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => measure(&entry.path()),
            Ok(metadata) => (metadata.len(), metadata.modified().ok()),
            Err(_) => continue,
        };
        total = (total.0 + bytes, total.1.max(time));
    }
    total
}

/// How the shared embedded cloud is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum Status {
    /// It answers.
    Running {
        /// Where.
        url: String,
        /// Its process.
        pid: i32,
        /// Since when, RFC 3339.
        since: String,
        /// Its log.
        log: PathBuf,
    },
    /// Its process is there and does not answer.
    NotAnswering {
        /// Where it should.
        url: String,
        /// Its process.
        pid: i32,
        /// Since when it runs, RFC 3339.
        since: String,
        /// Its log.
        log: PathBuf,
    },
    /// It was stopped, or never started.
    Stopped {
        /// What the next start will find.
        kept: Option<Kept>,
    },
    /// It ended without having been stopped.
    Crashed {
        /// The process that is gone.
        pid: i32,
        /// When it had been started, RFC 3339.
        since: String,
        /// Its log.
        log: PathBuf,
        /// What the next start will find.
        kept: Option<Kept>,
    },
}

impl Status {
    /// The log, where there is a process that writes it.
    pub fn log(&self) -> Option<&Path> {
        match self {
            Self::Running { log, .. } | Self::NotAnswering { log, .. } => Some(log),
            Self::Stopped { .. } | Self::Crashed { .. } => None,
        }
    }
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Running {
                url,
                pid,
                since,
                log,
            } => {
                write!(
                    f,
                    "running at {url} (process {pid}, since {since}; log {})",
                    log.display()
                )
            }
            Self::NotAnswering {
                url,
                pid,
                since,
                log,
            } => write!(
                f,
                "not answering at {url} (process {pid}, since {since}; log {}); \
                 `homeroom local start` ends it and starts afresh",
                log.display()
            ),
            Self::Stopped { kept: Some(kept) } => write!(f, "stopped; kept {kept}"),
            Self::Stopped { kept: None } => write!(f, "stopped; nothing is kept"),
            Self::Crashed {
                pid,
                since,
                log,
                kept,
            } => {
                write!(
                    f,
                    "crashed: process {pid}, started at {since}, ended without having been stopped (log {})",
                    log.display()
                )?;
                match kept {
                    Some(kept) => write!(f, "; the next start finds {kept}"),
                    None => write!(f, "; the next start finds it empty"),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn record() -> Record {
        Record {
            port: Some(40123),
            process: Some(Process {
                pid: 4711,
                port: 40123,
                instance: "abc".into(),
                since: "2026-01-02T03:04:05Z".into(),
            }),
        }
    }

    #[test]
    fn a_record_comes_back_as_written_and_only_its_owner_can_read_it() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("instance.json");
        assert_eq!(Record::load(&file).unwrap(), Record::default());
        record().save(&file).unwrap();
        assert_eq!(Record::load(&file).unwrap(), record());
        assert_eq!(
            fs::metadata(&file).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert_eq!(
            fs::read_dir(dir.path()).unwrap().count(),
            1,
            "a temporary file was left"
        );
    }

    #[test]
    fn a_record_that_is_not_readable_is_an_empty_one() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("instance.json");
        fs::write(&file, "{\"port\": 1, \"proc").unwrap();
        assert_eq!(Record::load(&file).unwrap(), Record::default());
    }

    #[test]
    fn what_is_kept_is_measured_through_all_folders() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Kept::in_dir(dir.path()), None);
        fs::create_dir(dir.path().join("lambda-blobs")).unwrap();
        fs::write(dir.path().join("lambda-blobs/one"), [0; 700]).unwrap();
        fs::write(dir.path().join("iam.json"), [0; 400]).unwrap();
        let kept = Kept::in_dir(dir.path()).unwrap();
        assert_eq!(kept.bytes, 1100);
        assert!(kept.to_string().starts_with("2 KB of state, saved at 20"));
        assert_eq!(Kept::in_dir(Path::new("/nonexistent")), None);
    }

    #[test]
    fn a_status_is_tagged_with_its_word() {
        let stopped = serde_json::to_value(Status::Stopped { kept: None }).unwrap();
        assert_eq!(
            stopped,
            serde_json::json!({"state": "stopped", "kept": null})
        );
    }
}
