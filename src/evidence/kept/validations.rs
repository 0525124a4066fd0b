//! What the last `validate` found, so that a report shows each stack's health. A teardown, or a deployment that changes
//! a stack, removes it.

use std::collections::BTreeMap;
use std::fs;
use std::io;

use jiff::ZonedDateTime;
use serde::{Deserialize, Serialize};

use super::ClassFiles;
use crate::evidence::check::CheckResult;
use crate::files::write_whole;
use crate::ids::Username;
use crate::roster::Student;

#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Validations {
    students: BTreeMap<Username, Validated>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Validated {
    pub(crate) at: ZonedDateTime,
    pub(crate) checks: Vec<CheckResult>,
}

impl Validations {
    pub(crate) fn checks_of(&self, student: &Username) -> Vec<CheckResult> {
        let validated = self.students.get(student);
        validated.map(|v| v.checks.clone()).unwrap_or_default()
    }

    /// When the oldest of these students' was made.
    pub(crate) fn oldest_of(&self, students: &[Student]) -> Option<&ZonedDateTime> {
        let kept = students
            .iter()
            .filter_map(|s| self.students.get(&s.username));
        kept.map(|validated| &validated.at).min()
    }
}

impl ClassFiles {
    /// What is kept; nothing where there is no file or it cannot be read: validating again is always right.
    pub(crate) fn validations(&self) -> Validations {
        let bytes = fs::read(self.file_of("validation")).unwrap_or_default();
        serde_json::from_slice(&bytes).unwrap_or_default()
    }

    /// Keeps what a validation found. A note when that fails.
    pub(crate) fn keep_validations<'a>(
        &self,
        results: impl Iterator<Item = (&'a Username, &'a [CheckResult])>,
        at: &ZonedDateTime,
    ) -> Option<String> {
        let found = results.filter(|(_, checks)| !checks.is_empty());
        self.change_validations(|kept| {
            kept.extend(found.map(|(student, checks)| {
                let validated = Validated {
                    at: at.clone(),
                    checks: checks.to_vec(),
                };
                (student.clone(), validated)
            }));
        })
    }

    /// Removes students whose stacks have changed since the validation.
    pub(crate) fn forget_validations<'a>(
        &self,
        students: impl Iterator<Item = &'a Username>,
    ) -> Option<String> {
        self.change_validations(|kept| {
            for student in students {
                kept.remove(student);
            }
        })
    }

    fn change_validations(
        &self,
        edit: impl FnOnce(&mut BTreeMap<Username, Validated>),
    ) -> Option<String> {
        let mut kept = self.validations();
        let before = kept.students.len();
        edit(&mut kept.students);
        if before == 0 && kept.students.is_empty() {
            return None;
        }
        let path = self.file_of("validation");
        let written = serde_json::to_vec(&kept)
            .map_err(io::Error::other)
            .and_then(|bytes| write_whole(&path, &bytes));
        let error = written.err()?;
        Some(format!("{} could not be written: {error}", path.display()))
    }
}
