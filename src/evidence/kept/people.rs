//! Who the class's students are, as the roster said when their stacks were made, so that a student who comes back under
//! another username is recognised.

use std::collections::BTreeMap;
use std::fs;

use serde::{Deserialize, Serialize};

use super::ClassFiles;
use crate::files::write_whole;
use crate::ids::Username;
use crate::roster::Student;
use crate::roster::renamed::KnownPerson;
use crate::text::normalise::key;

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct KeptPeople {
    students: BTreeMap<Username, KnownPerson>,
}

impl ClassFiles {
    /// What is known of everybody; nothing where there is no file or it cannot be read.
    pub(crate) fn people(&self) -> BTreeMap<Username, KnownPerson> {
        let bytes = fs::read(self.file_of("people")).unwrap_or_default();
        let mut kept: KeptPeople = serde_json::from_slice(&bytes).unwrap_or_default();
        // A class may be older than what is kept here.
        let report = self.last_report();
        let report = report.filter(|report| report.is_about(&self.key));
        let rows = report.into_iter().flat_map(|report| report.students);
        let reported = alone(
            rows.map(|row| (row.username, row.email, row.name))
                .collect(),
        );
        for (username, person) in reported {
            kept.students.entry(username).or_insert(person);
        }
        kept.students
    }

    /// Keeps what the roster says of the students that the command is about. If it fails, only a hint may be missing.
    pub(crate) fn keep_people(&self, roster: &[Student], students: &[Student]) {
        let everybody = distinct(roster);
        let before = self.people();
        // Before it is forgotten who had the usernames.
        self.attribute_last_readings(&before);
        let mut kept = KeptPeople {
            students: before.clone(),
        };
        for Student { username, .. } in students {
            let person = everybody.get(username);
            kept.students
                .extend(person.map(|person| (username.clone(), person.clone())));
        }
        if kept.students != before
            && let Ok(bytes) = serde_json::to_vec(&kept)
        {
            let _ = write_whole(&self.file_of("people"), &bytes);
        }
    }
}

/// What the roster says of each student, without what two students share.
pub(crate) fn distinct(roster: &[Student]) -> BTreeMap<Username, KnownPerson> {
    let rows = roster.iter();
    let rows = rows.map(|s| (s.username.clone(), s.email.clone(), s.name.clone()));
    alone(rows.collect())
}

/// People by username; an address or a name that two have recognises neither.
fn alone(rows: Vec<(Username, Option<String>, Option<String>)>) -> BTreeMap<Username, KnownPerson> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for (_, email, name) in &rows {
        for text in [email, name].into_iter().flatten() {
            *seen.entry(key(text)).or_default() += 1;
        }
    }
    let alone = |text: Option<String>| {
        text.filter(|text| !key(text).is_empty() && seen.get(&key(text)) == Some(&1))
    };
    let people = rows.into_iter().map(|(username, email, name)| {
        let person = KnownPerson {
            email: alone(email),
            name: alone(name),
        };
        (username, person)
    });
    people.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_two_students_have_recognises_neither() {
        let row =
            |username: &str, email: &str| (username.parse().unwrap(), Some(email.to_owned()), None);
        let people = alone(vec![
            row("test1", "TA@example.edu"),
            row("test2", "ta@example.edu "),
            row("ana", "ana@example.edu"),
        ]);
        let email = |name: &str| people[&name.parse::<Username>().unwrap()].email.clone();
        assert_eq!((email("test1"), email("test2")), (None, None));
        assert_eq!(email("ana").as_deref(), Some("ana@example.edu"));
    }
}
