//! What a reading of the class leaves for the next one: the file, and the run logs that tell which executions are
//! homeroom's own. What is in it, and why it may be believed, stands in `evidence::cache`.

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
    /// What earlier readings left, with the executions that the run logs say homeroom started. What cannot be used is
    /// left aside, with a note: reading anew is always right, only slower.
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
                "the run logs in {} could not be read ({error}); executions of homeroom's own that no earlier reading knows could not be told",
                runs.display()
            )),
        }
        (cache, notes)
    }

    /// Keeps everything for the next reading; a note when that fails, which costs time and nothing else.
    pub(crate) fn keep_cache(&self, cache: &Cache) -> Option<String> {
        let written = write_whole(&self.file_of("readings"), cache.to_json().as_bytes());
        let error = written.err()?;
        Some(format!(
            "what was read could not be kept for the next time: {error}"
        ))
    }
}

fn read(path: &Path, key: CacheKey) -> (Cache, Vec<String>) {
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

/// The events of a run log that matter here.
#[derive(Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
enum OwnRecord {
    ExecutionStarted {
        student: Username,
        execution_arn: String,
    },
    NonceIssued {
        at: Timestamp,
        student: Username,
        nonce: String,
    },
    FunctionWritten {
        student: Username,
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
            match serde_json::from_str::<OwnRecord>(line) {
                Ok(OwnRecord::ExecutionStarted {
                    student,
                    execution_arn,
                }) => {
                    own.entry(student)
                        .or_default()
                        .executions
                        .insert(execution_arn);
                }
                Ok(OwnRecord::NonceIssued { at, student, nonce }) => {
                    let at_ms = at.as_millisecond();
                    own.entry(student)
                        .or_default()
                        .nonces
                        .insert(Nonce { nonce, at_ms });
                }
                Ok(OwnRecord::FunctionWritten {
                    student,
                    function,
                    modified_ms,
                    clean_from_ms,
                    follows_ms,
                }) => {
                    let written = Written {
                        clean_from_ms,
                        follows_ms,
                    };
                    let functions = &mut own.entry(student).or_default().functions;
                    let writes = functions.entry(function).or_default();
                    writes.insert(modified_ms, written);
                }
                Err(_) => {}
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
