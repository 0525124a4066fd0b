//! The run log: every event of a run as one JSON line, to see later what happened.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::Serialize;

use crate::error::Exit;
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

/// An event as a line of JSON.
fn event_line(at: Timestamp, event: &Event) -> serde_json::Result<String> {
    let at = moment(at);
    json::line(&LoggedEvent { at, event })
}

fn moment(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

/// Events for a program, on stdout while they happen: `--output jsonl`. Ends with [`result_line`].
#[derive(Debug)]
pub(crate) struct EventStream<W> {
    /// `None` once the reader has left.
    out: Option<W>,
}

impl<W: Write> EventStream<W> {
    pub(crate) fn over(out: W) -> Self {
        Self { out: Some(out) }
    }

    /// Writes an event at once. Where nobody reads any more, the run goes on without it.
    pub(crate) fn tell(&mut self, at: Timestamp, event: &Event) {
        let Some(out) = &mut self.out else { return };
        let told = event_line(at, event)
            .map_err(io::Error::from)
            .and_then(|line| out.write_all(line.as_bytes()))
            .and_then(|()| out.flush());
        if told.is_err() {
            self.out = None;
        }
    }
}

/// The last line of a stream: the verb's document, and how the process ends.
pub(crate) fn result_line(exit: Exit, document: &impl Serialize) -> serde_json::Result<String> {
    #[derive(Serialize)]
    struct ResultLine<'a, D> {
        at: String,
        event: &'static str,
        exit_code: u8,
        document: &'a D,
    }
    json::line(&ResultLine {
        at: moment(Timestamp::now()),
        event: "result",
        exit_code: exit.code(),
        document,
    })
}

/// The first line of the stream of `watch`: where the page is.
pub(crate) fn page_line(url: &str) -> serde_json::Result<String> {
    let at = moment(Timestamp::now());
    json::line(&serde_json::json!({ "at": at, "event": "page-served", "url": url }))
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
        let written = event_line(at, event)
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

    #[test]
    fn a_stream_goes_on_without_a_reader_and_its_last_line_has_the_code() {
        let mut out = Vec::new();
        let at = Timestamp::UNIX_EPOCH;
        EventStream::over(&mut out).tell(at, &note("\u{1b}[2J"));
        let line = r#"{"at":"1970-01-01T00:00:00.000Z","event":"note","text":"\u001b[2J"}"#;
        assert_eq!(String::from_utf8(out).unwrap(), format!("{line}\n"));
        let mut gone = EventStream::over(FullDisk { room: 5 });
        gone.tell(at, &note("a"));
        assert!(gone.out.is_none());
        gone.tell(at, &note("b"));
        let last = result_line(Exit::Refused, &serde_json::json!({ "a": 1 })).unwrap();
        let last: serde_json::Value = serde_json::from_str(&last).unwrap();
        assert_eq!(
            (&last["event"], &last["exit_code"]),
            (&"result".into(), &7.into())
        );
        assert_eq!(last["document"]["a"], 1);
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
