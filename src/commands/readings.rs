//! What a reading of the class leaves in `reports/<class>/` for the next one: the file, and the run logs that tell
//! which executions are homeroom's own. What is in it, and why it may be believed, stands in `domain::cache`.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::domain::cache::{Cache, Key, OwnExecutions};
use crate::domain::ids::Username;
use crate::report::write::{class_dir, write_whole};

use super::session::Session;

/// Largest file that is read, in bytes; one of a class of 500 has some tens of MB at most.
const SIZE_MAX: u64 = 256 * 1024 * 1024;
/// Longest line of a run log that is looked at, in bytes.
const LINE_MAX: u64 = 64 * 1024;

fn key(session: &Session) -> Key {
    let desired = &session.desired;
    Key::new(&desired.scope, &desired.class, &desired.lab)
}

/// The file of a class. The account and the region are part of the name, so that a rehearsal on the embedded cloud
/// and the class day on AWS do not overwrite each other's.
fn path(session: &Session) -> PathBuf {
    let key = key(session);
    let name = format!("readings-{}-{}-{}.json", key.account, key.region, key.lab);
    class_dir(&session.class.settings.reports, &key.class).join(name)
}

/// What earlier readings left, with the executions that the run logs say homeroom started. What cannot be used is
/// left aside, with a note: reading anew is always right, only slower.
pub(super) fn load(session: &Session) -> (Cache, Vec<String>) {
    let (path, key) = (path(session), key(session));
    let (mut cache, mut notes) = read(&path, key);
    let runs = class_dir(&session.class.settings.reports, session.class.name()).join("runs");
    match started_by_homeroom(&runs) {
        Ok(started) => {
            for (student, arns) in started {
                cache.homeroom.entry(student).or_default().extend(arns);
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => notes.push(format!(
            "the run logs in {} could not be read ({error}); homeroom's own executions are told by their marks alone",
            runs.display()
        )),
    }
    (cache, notes)
}

fn read(path: &Path, key: Key) -> (Cache, Vec<String>) {
    let bytes = fs::File::open(path).and_then(|file| {
        let mut bytes = Vec::new();
        file.take(SIZE_MAX + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    });
    let refused = match bytes {
        Ok(bytes) if bytes.len() as u64 > SIZE_MAX => "it is too large".to_owned(),
        Ok(bytes) => match Cache::parse(&bytes, &key) {
            Ok(cache) => return (cache, Vec::new()),
            Err(why) => why,
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return (Cache::new(key), Vec::new());
        }
        Err(error) => error.to_string(),
    };
    let note = format!(
        "{} is not used: {refused}; everything is read anew, and the file replaced",
        path.display()
    );
    (Cache::new(key), vec![note])
}

/// Keeps everything for the next reading; a note when that fails, which costs time and nothing else.
pub(super) fn save(session: &Session, cache: &Cache) -> Option<String> {
    let path = path(session);
    let error = write_whole(&path, cache.to_json().as_bytes()).err()?;
    Some(format!(
        "what was read could not be kept for the next time: {error}"
    ))
}

/// The one event of a run log that matters here.
#[derive(Deserialize)]
struct Started {
    student: Username,
    execution_arn: String,
}

/// The executions that the run logs of a folder say homeroom started. Lines that cannot be read (the last one of a
/// run that was killed) are passed over.
fn started_by_homeroom(runs: &Path) -> io::Result<OwnExecutions> {
    const MARK: &str = "\"event\":\"execution-started\"";
    let mut started = OwnExecutions::new();
    for entry in fs::read_dir(runs)? {
        let path = entry?.path();
        if path.extension().is_none_or(|e| e != "jsonl") {
            continue;
        }
        let mut lines = BufReader::new(File::open(&path)?);
        loop {
            let mut line = Vec::new();
            if lines.by_ref().take(LINE_MAX).read_until(b'\n', &mut line)? == 0 {
                break;
            }
            let Ok(line) = std::str::from_utf8(&line) else {
                continue;
            };
            if !line.contains(MARK) {
                continue;
            }
            if let Ok(event) = serde_json::from_str::<Started>(line) {
                let arns: &mut BTreeSet<String> = started.entry(event.student).or_default();
                arns.insert(event.execution_arn);
            }
        }
    }
    Ok(started)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::Scope;
    use crate::events::{Command, Event};
    use crate::report::RunLog;
    use jiff::Timestamp;
    use std::io::Write;

    fn key(account: &str) -> Key {
        let scope = Scope {
            partition: "aws".into(),
            account: account.into(),
            region: "us-east-1".into(),
        };
        Key::new(&scope, &"demo".parse().unwrap(), &"lab6".parse().unwrap())
    }

    #[test]
    fn executions_that_a_run_log_names_are_homerooms_even_after_a_kill() {
        let dir = tempfile::tempdir().unwrap();
        let mut log = RunLog::create(dir.path(), Command::Validate, Timestamp::UNIX_EPOCH).unwrap();
        let event = Event::ExecutionStarted {
            student: "user1".parse().unwrap(),
            execution_arn: "arn:aws:states:x:1:execution:m:né".into(),
        };
        assert!(log.record(Timestamp::UNIX_EPOCH, &event).is_none());
        let mut file = fs::OpenOptions::new()
            .append(true)
            .open(log.path())
            .unwrap();
        file.write_all(b"\xff\xfe\n{\"event\":\"execution-started\",\"student\":\"us")
            .unwrap();
        let started = started_by_homeroom(&dir.path().join("runs")).unwrap();
        let arns = &started[&"user1".parse::<Username>().unwrap()];
        assert_eq!(arns.len(), 1);
        assert!(arns.contains("arn:aws:states:x:1:execution:m:né"));
    }

    #[test]
    fn a_file_that_cannot_be_used_is_left_aside_with_a_note_that_names_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("readings.json");
        let (cache, notes) = read(&path, key("1"));
        assert_eq!((cache, notes.len()), (Cache::new(key("1")), 0));
        fs::write(&path, Cache::new(key("2")).to_json()).unwrap();
        let (cache, notes) = read(&path, key("1"));
        assert_eq!(cache, Cache::new(key("1")));
        assert!(notes[0].contains("readings.json") && notes[0].contains("account 2"));
        let (cache, notes) = read(&path, key("2"));
        assert_eq!((cache, notes.len()), (Cache::new(key("2")), 0));
    }
}
