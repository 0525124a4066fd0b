//! The shared instance on disk: its process, its kept state, and how both are shown.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::dirs::file_error;
use super::process::Process;
use crate::error::Result;
use crate::files::{prepare, read_if_there};

/// `instance.json`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct InstanceRecord {
    /// Kept over a stop, so that URLs that students have stay valid while no other program takes the port.
    pub(crate) port: Option<u16>,
    /// `None` after a stop.
    pub(crate) process: Option<Process>,
}

/// Reads a document of [`save`]; `None` where there is none, or where it cannot be parsed.
pub(super) fn load<T: DeserializeOwned>(file: &Path) -> Result<Option<T>> {
    let bytes = read_if_there(file).map_err(file_error(file))?;
    Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
}

/// Writes a document that only its owner can read (mode 0600), whole or not at all.
pub(super) fn save(file: &Path, document: &impl Serialize) -> Result<()> {
    let write = || -> io::Result<()> {
        let mut text = serde_json::to_vec_pretty(document)?;
        text.push(b'\n');
        let dir = file.parent().unwrap_or(Path::new("."));
        Ok(prepare(dir, &text)?.persist(file)?)
    };
    write().map_err(file_error(file))
}

/// State that is kept on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeptState {
    pub(crate) bytes: u64,
    /// RFC 3339: the last graceful stop.
    pub(crate) saved_at: String,
}

impl KeptState {
    /// `None` when the folder has no file.
    pub(super) fn in_dir(dir: &Path) -> Option<Self> {
        let (bytes, newest) = measure(dir);
        let saved_at = jiff::Timestamp::try_from(newest?)
            .and_then(|time| time.round(jiff::Unit::Second))
            .ok()?
            .to_string();
        Some(Self { bytes, saved_at })
    }
}

impl std::fmt::Display for KeptState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kilobytes = self.bytes.div_ceil(1000);
        write!(f, "{kilobytes} KB of state, saved at {}", self.saved_at)
    }
}

/// The size of all files below a folder, and their newest time of change.
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

/// The shared instance's process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Serving {
    pub(super) url: String,
    pub pid: i32,
    /// RFC 3339.
    pub(super) since: String,
    pub(super) log: PathBuf,
}

impl Serving {
    pub(super) fn of(process: Process, log: PathBuf) -> Self {
        Self {
            url: process.url(),
            pid: process.pid,
            since: process.since,
            log,
        }
    }
}

impl std::fmt::Display for Serving {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (url, pid, since) = (&self.url, self.pid, &self.since);
        let log = self.log.display();
        write!(f, "{url} (process {pid}, since {since}; log {log})")
    }
}

/// How the shared instance is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum CloudStatus {
    /// It answers.
    Running(Serving),
    /// Its process is there and does not answer.
    NotAnswering(Serving),
    /// It was stopped, or never started.
    Stopped {
        /// The next start finds it.
        kept: Option<KeptState>,
    },
    /// It ended without having been stopped.
    Crashed {
        /// Of the process that is gone.
        pid: i32,
        /// Its start, RFC 3339.
        since: String,
        /// Where its last words are.
        log: PathBuf,
        /// The next start finds it.
        kept: Option<KeptState>,
    },
}

impl CloudStatus {
    /// The log of a process that is there.
    pub(crate) fn log(&self) -> Option<&Path> {
        match self {
            Self::Running(serving) | Self::NotAnswering(serving) => Some(&serving.log),
            Self::Stopped { .. } | Self::Crashed { .. } => None,
        }
    }
}

impl std::fmt::Display for CloudStatus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Running(serving) => write!(f, "running at {serving}"),
            Self::NotAnswering(serving) => write!(
                f,
                "not answering at {serving}; `homeroom local start` ends it and starts it again"
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

    fn record() -> InstanceRecord {
        InstanceRecord {
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
        assert_eq!(load::<InstanceRecord>(&file).unwrap(), None);
        save(&file, &record()).unwrap();
        assert_eq!(load(&file).unwrap(), Some(record()));
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
    fn a_record_that_is_not_readable_counts_as_none() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("instance.json");
        fs::write(&file, "{\"port\": 1, \"proc").unwrap();
        assert_eq!(load::<InstanceRecord>(&file).unwrap(), None);
    }

    #[test]
    fn what_is_kept_is_measured_through_all_folders() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(KeptState::in_dir(dir.path()), None);
        fs::create_dir(dir.path().join("lambda-blobs")).unwrap();
        fs::write(dir.path().join("lambda-blobs/one"), [0; 700]).unwrap();
        fs::write(dir.path().join("iam.json"), [0; 400]).unwrap();
        let kept = KeptState::in_dir(dir.path()).unwrap();
        assert_eq!(kept.bytes, 1100);
        assert!(kept.to_string().starts_with("2 KB of state, saved at 20"));
        assert_eq!(KeptState::in_dir(Path::new("/nonexistent")), None);
    }

    #[test]
    fn a_status_is_tagged_with_its_word() {
        let stopped = serde_json::to_value(CloudStatus::Stopped { kept: None }).unwrap();
        assert_eq!(
            stopped,
            serde_json::json!({"state": "stopped", "kept": null})
        );
    }
}
