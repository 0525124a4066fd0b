//! What the last `validate` found, kept in `reports/<class>/` so that a report shows each stack's health. A
//! deployment that changes a stack, or a teardown, makes it worth nothing, and takes it out.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use jiff::ZonedDateTime;
use serde::{Deserialize, Serialize};

use crate::events::{Outcome, StudentResult};
use crate::evidence::check::CheckResult;
use crate::files::write_whole;
use crate::ids::Username;
use crate::roster::Student;

use super::session::Session;

/// The last validation of each student.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Validations {
    /// By student: when, and what each check found.
    students: BTreeMap<Username, Validated>,
}

/// One student's last validation.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Validated {
    pub at: ZonedDateTime,
    pub checks: Vec<CheckResult>,
}

fn path(session: &Session) -> PathBuf {
    session.file_of("validation")
}

impl Validations {
    /// What is kept; nothing where there is no file or it cannot be read, since asking again is always right.
    pub fn load(session: &Session) -> Self {
        let bytes = fs::read(path(session)).unwrap_or_default();
        serde_json::from_slice(&bytes).unwrap_or_default()
    }

    /// A student's, if there is one.
    pub fn of(&self, student: &Username) -> Option<&Validated> {
        self.students.get(student)
    }

    /// When the oldest of these students' was made.
    pub fn oldest_of(&self, students: &[Student]) -> Option<&ZonedDateTime> {
        let kept = students.iter().filter_map(|s| self.of(&s.username));
        kept.map(|validated| &validated.at).min()
    }
}

/// Keeps what a validation found. A note when that fails, which costs only the report's word on it.
pub(super) fn keep(
    session: &Session,
    results: &[StudentResult],
    at: &ZonedDateTime,
) -> Option<String> {
    let found = results.iter().filter(|result| !result.checks.is_empty());
    change(session, |kept| {
        kept.extend(found.map(|result| {
            let validated = Validated {
                at: at.clone(),
                checks: result.checks.clone(),
            };
            (result.username.clone(), validated)
        }));
    })
}

/// Takes out students whose stacks are not those any more that were validated.
pub(super) fn forget(session: &Session, results: &[StudentResult]) -> Option<String> {
    let untouched = |outcome: Outcome| matches!(outcome, Outcome::Unchanged | Outcome::Conflict);
    let touched = results.iter().filter(|result| !untouched(result.outcome));
    change(session, |kept| {
        for result in touched {
            kept.remove(&result.username);
        }
    })
}

fn change(
    session: &Session,
    edit: impl FnOnce(&mut BTreeMap<Username, Validated>),
) -> Option<String> {
    let mut kept = Validations::load(session);
    let before = kept.students.len();
    edit(&mut kept.students);
    if before == 0 && kept.students.is_empty() {
        return None;
    }
    let path = path(session);
    let written = serde_json::to_vec(&kept)
        .map_err(std::io::Error::other)
        .and_then(|bytes| write_whole(&path, &bytes));
    let error = written.err()?;
    Some(format!("{} could not be written: {error}", path.display()))
}
