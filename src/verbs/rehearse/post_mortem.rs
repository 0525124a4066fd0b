//! What a failed rehearsal leaves behind. Its cloud is gone a moment later, with everything that shows why it failed.

use std::cell::OnceCell;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::events::Command;
use crate::files::{class_dir, make_folder, named, new_private, numbered};
use crate::ids::ClassName;
use crate::probe::failed_executions::FailedExecutions;
use crate::verbs::sessions::Sessions;

pub(super) struct PostMortem {
    /// The embedded cloud's log, if it is known.
    log: Option<PathBuf>,
    class_dir: PathBuf,
    kept: OnceCell<PathBuf>,
}

const HISTORIES: &str = "failed-executions.json";

impl PostMortem {
    pub(crate) fn new(reports: &Path, class: &ClassName, log: Option<PathBuf>) -> Self {
        Self {
            log,
            class_dir: class_dir(reports, class),
            kept: OnceCell::new(),
        }
    }

    /// Says where to look, once something was saved.
    pub(crate) fn note(&self) -> Option<String> {
        let place = self.kept.get()?;
        let what = match place.join(HISTORIES).is_file() {
            true => "the embedded cloud's log and the failed executions' histories are",
            false => "the embedded cloud's log is",
        };
        Some(format!("to find out why: {what} in {}", place.display()))
    }

    /// Saves what shows why, while the cloud still runs. An error here is shown and ends nothing.
    pub(crate) async fn keep(&self, session: Option<&Sessions>) {
        if let Err(error) = self.try_to_keep(session).await {
            // A closed stderr leaves nobody to tell.
            let text = format!("could not save what shows why the rehearsal failed: {error}");
            let _ = writeln!(io::stderr().lock(), "{text}");
        }
    }

    /// Saves, once, the log and the histories of every failed execution of the class.
    async fn try_to_keep(&self, session: Option<&Sessions>) -> io::Result<()> {
        if self.kept.get().is_some() {
            return Ok(());
        }
        let dir = self.new_folder()?;
        if let Some(session) = session.filter(|session| session.class.lab.has_workflows()) {
            let look = session.look_each(Command::Rehearse, async |at| {
                FailedExecutions::read(&at.client, &at.session.desired).await
            });
            let (found, _) = look.await;
            // A rehearsal has one place.
            let text = serde_json::to_vec_pretty(&found.first()).map_err(io::Error::other)?;
            write_new(&dir.join(HISTORIES), &text)?;
        }
        if let Some(log) = &self.log {
            // After the histories: the log shows, too, if reading them failed.
            let text = fs::read(log).map_err(|error| named(log, &error))?;
            write_new(&dir.join("server.log"), &text)?;
        }
        // Only this function sets it, and it was empty.
        let _ = self.kept.set(dir);
        Ok(())
    }

    fn new_folder(&self) -> io::Result<PathBuf> {
        let stem = Timestamp::now()
            .strftime("failed-rehearsal-%Y%m%dT%H%M%SZ")
            .to_string();
        let mut free = numbered(&stem).map(|name| self.class_dir.join(name));
        let dir = free.find(|dir| !dir.exists());
        let dir = dir.unwrap_or_else(|| self.class_dir.join(&stem));
        make_folder(&dir).map_err(|error| named(&dir, &error))?;
        Ok(dir)
    }
}

/// Writes a new file that only its owner can read.
fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let written = new_private()
        .open(path)
        .and_then(|mut file| file.write_all(bytes));
    written.map_err(|error| named(path, &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_log_is_kept_once_and_for_its_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("server.log");
        fs::write(&log, "Traceback").unwrap();
        let reports = dir.path().join("reports");
        let kept = PostMortem::new(&reports, &"lab6".parse().unwrap(), Some(log.clone()));
        assert_eq!(kept.kept.get(), None);
        kept.try_to_keep(None).await.unwrap();
        let place = kept.kept.get().unwrap().to_owned();
        let note = kept.note().unwrap();
        assert!(note.contains("log is in") && !note.contains("executions"));
        fs::write(&log, "later").unwrap();
        kept.try_to_keep(None).await.unwrap();
        assert_eq!(kept.kept.get(), Some(&place));
        assert_eq!(fs::read(place.join("server.log")).unwrap(), b"Traceback");
        assert!(place.starts_with(reports.join("lab6")));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode(&place), 0o700);
            assert_eq!(mode(&place.join("server.log")), 0o600);
        }
        let again = PostMortem::new(&reports, &"lab6".parse().unwrap(), Some(log));
        again.try_to_keep(None).await.unwrap();
        assert_ne!(again.kept.get(), Some(&place));
    }
}
