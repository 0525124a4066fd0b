//! The run log: every event of a run as one JSON line, to see later what happened.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::Serialize;

use crate::events::{Command, Event};

use crate::files::{free_paths, make_folder, new_private};
use crate::text::json;

/// An open run log.
///
/// Each line is written and flushed before [`RunLog::record`] returns, so that a killed run leaves every event up to the
/// kill. A log that can no longer be written (a full disk) is given up with one note, and never ends the run.
#[derive(Debug)]
pub struct RunLog<W: Write = File> {
    path: PathBuf,
    writer: Option<W>,
}

#[derive(Serialize)]
struct LoggedEvent<'a> {
    /// RFC 3339, UTC, milliseconds.
    at: String,
    #[serde(flatten)]
    event: &'a Event,
}

impl RunLog<File> {
    /// Creates `<class_dir>/runs/<started>-<verb>.jsonl`, readable by the owner alone: it names students.
    /// Makes missing folders. A run that started in the same second as another gets a number.
    ///
    /// # Errors
    /// When the folder or the file cannot be created.
    pub(crate) fn create(
        class_dir: &Path,
        command: Command,
        started: Timestamp,
    ) -> io::Result<Self> {
        let dir = class_dir.join("runs");
        make_folder(&dir)?;
        let stem = format!(
            "{}-{}",
            started.strftime("%Y%m%dT%H%M%SZ"),
            command.as_str().replace(" --", "-").replace(' ', "-")
        );
        for path in free_paths(&dir, &stem, "jsonl") {
            match new_private().open(&path) {
                Ok(file) => return Ok(Self::over(path, file)),
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
                Err(e) => return Err(e),
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }
}

impl<W: Write> RunLog<W> {
    /// Logs to any writer; `path` is what messages call it.
    pub fn over(path: PathBuf, writer: W) -> Self {
        Self {
            path,
            writer: Some(writer),
        }
    }

    /// Writes one event that happened at `at`. The first failure gives up the log and returns a note for the person; later
    /// calls do nothing.
    #[must_use = "only this note says that the log is lost"]
    pub fn record(&mut self, at: Timestamp, event: &Event) -> Option<Event> {
        // A forecast is no record of what was done.
        if matches!(event, Event::TimeLeft { .. }) {
            return None;
        }
        let writer = self.writer.as_mut()?;
        let line = LoggedEvent {
            at: at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string(),
            event,
        };
        let written = json::line(&line)
            .map_err(io::Error::from)
            .and_then(|line| writer.write_all(line.as_bytes()))
            .and_then(|()| writer.flush());
        let error = written.err()?;
        self.writer = None;
        Some(Event::Note {
            text: format!(
                "the run log {} could not be written any further ({error}); the run goes on without it",
                self.path.display()
            ),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn note(text: &str) -> Event {
        Event::Note { text: text.into() }
    }

    #[test]
    fn each_event_is_a_line_with_its_time_and_runs_in_a_second_keep_apart() {
        let dir = tempfile::tempdir().unwrap();
        let at: Timestamp = "2026-05-14T08:32:00.25Z".parse().unwrap();
        let mut log = RunLog::create(dir.path(), Command::Deploy, at).unwrap();
        assert!(log.record(at, &note("a\nb \u{9b}31m")).is_none());
        assert!(log.record(at, &note("second")).is_none());
        let text = fs::read_to_string(&log.path).unwrap();
        insta::assert_snapshot!(text, @r#"
        {"at":"2026-05-14T08:32:00.250Z","event":"note","text":"a\nb \u009b31m"}
        {"at":"2026-05-14T08:32:00.250Z","event":"note","text":"second"}
        "#);
        assert!(log.path.ends_with("runs/20260514T083200Z-deploy.jsonl"));
        let second = RunLog::create(dir.path(), Command::Deploy, at).unwrap();
        assert!(
            second
                .path
                .ends_with("runs/20260514T083200Z-deploy-2.jsonl")
        );
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_can_read_it() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let log = RunLog::create(dir.path(), Command::Plan, Timestamp::UNIX_EPOCH).unwrap();
        let mode = fs::metadata(log.path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    struct FullDisk {
        room: usize,
    }

    impl Write for FullDisk {
        fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
            if self.room == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            let n = buf.len().min(self.room);
            self.room -= n;
            Ok(n)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_full_disk_is_said_once_and_ends_nothing() {
        let mut log = RunLog::over("log.jsonl".into(), FullDisk { room: 100 });
        let at = Timestamp::UNIX_EPOCH;
        assert!(log.record(at, &note("fits")).is_none());
        let Some(Event::Note { text }) = log.record(at, &note("does not fit any more")) else {
            panic!("the loss must be told");
        };
        assert!(text.contains("log.jsonl"), "{text}");
        assert!(log.record(at, &note("later")).is_none());
    }
}
