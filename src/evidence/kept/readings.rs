//! The file that a reading of the class keeps for the next one, and the run logs, which name homeroom's own executions.
//! For what is in the file, and why it may be used, see `evidence::cache`.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use jiff::Timestamp;
use serde::Deserialize;

use super::ClassFiles;
use crate::evidence::cache::{Cache, CacheKey, OwnRecords};
use crate::evidence::recorded::{Nonce, Written};
use crate::files::write_whole;
use crate::ids::Username;

/// Largest file that is read, in bytes; one of a class of 500 has some tens of MB at most.
const SIZE_MAX: u64 = 256 * 1024 * 1024;
/// Longest line of a run log that is looked at, in bytes.
const LINE_MAX: u64 = 64 * 1024;

impl ClassFiles {
    /// What earlier readings kept, with the executions that homeroom started by its run logs. A file that cannot be used
    /// is ignored, with a note: reading anew is always right, only slower.
    pub(crate) fn cache(&self) -> (Cache, Vec<String>) {
        let (mut cache, mut notes) = read(&self.file_of("readings"), self.key.clone());
        let runs = self.folder.join("runs");
        match started_by_homeroom(&runs) {
            Ok(started) => {
                for (student, recorded) in started {
                    cache.homeroom.entry(student).or_default().extend(recorded);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => notes.push(format!(
                "the run logs in {} could not be read ({error}); homeroom's own executions since the last reading may look like a student's",
                runs.display()
            )),
        }
        (cache, notes)
    }

    /// Keeps everything for the next reading. A note when that fails: the next reading is slower then.
    pub(crate) fn keep_cache(&self, cache: &Cache) -> Option<String> {
        let written = write_whole(&self.file_of("readings"), cache.to_json().as_bytes());
        let error = written.err()?;
        Some(format!(
            "this reading could not be kept for the next time, which will be slower: {error}"
        ))
    }
}

fn read(path: &Path, key: CacheKey) -> (Cache, Vec<String>) {
    let mut bytes = Vec::new();
    let file = File::open(path);
    let read = file.and_then(|file| file.take(SIZE_MAX + 1).read_to_end(&mut bytes));
    let refused = match read {
        Ok(length) if length as u64 > SIZE_MAX => "it is too large".to_owned(),
        Ok(_) => match Cache::parse(&bytes, &key) {
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

/// A line of a run log that matters here.
#[derive(Deserialize)]
struct OwnRecord {
    at: Timestamp,
    student: Username,
    #[serde(flatten)]
    event: OwnEvent,
}

#[derive(Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
enum OwnEvent {
    ExecutionStarted {
        execution_arn: String,
    },
    NonceIssued {
        nonce: String,
    },
    FunctionWritten {
        function: String,
        modified_ms: i64,
        clean_from_ms: i64,
        follows_ms: Option<i64>,
    },
}

/// What the run logs of a folder say that homeroom started and sent. Lines that cannot be read (the last one of a run
/// that was killed) are passed over.
fn started_by_homeroom(runs: &Path) -> io::Result<OwnRecords> {
    const MARKS: [&str; 3] = [
        "\"event\":\"execution-started\"",
        "\"event\":\"nonce-issued\"",
        "\"event\":\"function-written\"",
    ];
    let mut own = OwnRecords::new();
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
            if !MARKS.iter().any(|mark| line.contains(mark)) {
                continue;
            }
            let Ok(OwnRecord { at, student, event }) = serde_json::from_str(line) else {
                continue;
            };
            let recorded = own.entry(student).or_default();
            match event {
                OwnEvent::ExecutionStarted { execution_arn } => {
                    recorded.executions.insert(execution_arn);
                }
                OwnEvent::NonceIssued { nonce } => {
                    let at_ms = at.as_millisecond();
                    recorded.nonces.insert(Nonce { nonce, at_ms });
                }
                OwnEvent::FunctionWritten {
                    function,
                    modified_ms,
                    clean_from_ms,
                    follows_ms,
                } => {
                    let written = Written {
                        clean_from_ms,
                        follows_ms,
                    };
                    let writes = recorded.functions.entry(function).or_default();
                    writes.insert(modified_ms, written);
                }
            }
        }
    }
    Ok(own)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::Event;
    use crate::ids::Scope;

    fn key(account: &str) -> CacheKey {
        let scope = Scope {
            partition: "aws".into(),
            account: account.into(),
            region: "us-east-1".into(),
        };
        CacheKey::new(&scope, &"demo".parse().unwrap(), &"lab6".parse().unwrap())
    }

    #[test]
    fn executions_that_a_run_log_names_are_homerooms_even_after_a_kill() {
        let dir = tempfile::tempdir().unwrap();
        let line = |at: &str, event: &Event| {
            let event = serde_json::to_string(event).unwrap();
            format!("{{\"at\":\"{at}\",{}\n", &event[1..])
        };
        let student: Username = "user1".parse().unwrap();
        let started = Event::ExecutionStarted {
            student: student.clone(),
            execution_arn: "arn:aws:states:x:1:execution:m:né".into(),
        };
        let issued = Event::NonceIssued {
            student,
            nonce: "7abcdefgh2".into(),
        };
        let log = [
            line("1970-01-01T00:00:00.000Z", &started),
            line("2025-11-23T03:53:20.123Z", &issued),
        ];
        let log = log.concat();
        let mut log = log.as_bytes().to_vec();
        log.extend(b"\xff\xfe\n{\"event\":\"execution-started\",\"student\":\"us");
        fs::create_dir(dir.path().join("runs")).unwrap();
        fs::write(dir.path().join("runs/1.jsonl"), log).unwrap();
        let started = started_by_homeroom(&dir.path().join("runs")).unwrap();
        let own = &started[&"user1".parse::<Username>().unwrap()];
        let arn = "arn:aws:states:x:1:execution:m:né".to_owned();
        assert_eq!(own.executions, [arn].into());
        let nonce = Nonce {
            nonce: "7abcdefgh2".into(),
            at_ms: 1_763_870_000_123,
        };
        assert_eq!(own.nonces, [nonce].into());
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
