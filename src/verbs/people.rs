//! Who the class's students are, as the roster said when their stacks were made: kept in `reports/<class>/`, so that a
//! student who comes back under another username is recognised.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::files::write_whole;

use crate::ids::Username;
use crate::roster::renamed::Person;
use crate::text::normalise::key;

use super::last_readings;
use super::session::Session;

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Kept {
    students: BTreeMap<Username, Person>,
}

/// As much of a `report.json` as is needed.
#[derive(Deserialize)]
struct Report {
    class: String,
    lab: Id,
    account: Id,
    region: String,
    students: Vec<Row>,
}

#[derive(Deserialize)]
struct Id {
    id: String,
}

#[derive(Deserialize)]
struct Row {
    username: Username,
    email: Option<String>,
    name: Option<String>,
}

fn path(session: &Session) -> PathBuf {
    session.file_of("people")
}

fn read(session: &Session) -> Kept {
    let bytes = fs::read(path(session)).unwrap_or_default();
    let mut kept: Kept = serde_json::from_slice(&bytes).unwrap_or_default();
    for (username, entry) in reported(session) {
        kept.students.entry(username).or_insert(entry);
    }
    kept
}

/// What the class's last report says of its students: a class may be older than what is kept here.
fn reported(session: &Session) -> BTreeMap<Username, Person> {
    let bytes = fs::read(session.folder().join("report.json")).unwrap_or_default();
    let Ok(report) = serde_json::from_slice::<Report>(&bytes) else {
        return BTreeMap::new();
    };
    let scope = session.scope();
    let same = report.class == session.class.name().as_str()
        && report.lab.id == session.desired.lab.as_str()
        && report.account.id == scope.account
        && report.region == scope.region;
    if !same {
        return BTreeMap::new();
    }
    let rows = report.students.into_iter();
    entries(
        rows.map(|row| (row.username, row.email, row.name))
            .collect(),
    )
}

/// What is told of each; an address or a name that two have recognises neither.
fn entries(rows: Vec<(Username, Option<String>, Option<String>)>) -> BTreeMap<Username, Person> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for (_, email, name) in &rows {
        for text in [email, name].into_iter().flatten() {
            *seen.entry(key(text)).or_default() += 1;
        }
    }
    let alone = |text: Option<String>| {
        text.filter(|text| !key(text).is_empty() && seen.get(&key(text)) == Some(&1))
    };
    rows.into_iter()
        .map(|(username, email, name)| {
            let entry = Person {
                email: alone(email),
                name: alone(name),
            };
            (username, entry)
        })
        .collect()
}

/// What is known of everybody; nothing where there is no file or it cannot be read.
pub(super) fn load(session: &Session) -> BTreeMap<Username, Person> {
    read(session).students
}

/// What the roster says of everybody in it.
pub(super) fn now(session: &Session) -> BTreeMap<Username, Person> {
    let rows = session.class.roster.students.iter();
    let rows = rows.map(|s| (s.username.clone(), s.email.clone(), s.name.clone()));
    entries(rows.collect())
}

/// Keeps what the roster says of the students that the command is about. That it fails costs a hint and nothing else.
pub(super) fn keep(session: &Session) {
    let everybody = now(session);
    let mut kept = read(session);
    let before = kept.students.clone();
    last_readings::know(session, &before);
    for student in &session.class.students {
        if let Some(entry) = everybody.get(&student.username) {
            kept.students
                .insert(student.username.clone(), entry.clone());
        }
    }
    if kept.students != before
        && let Ok(bytes) = serde_json::to_vec(&kept)
    {
        let _ = write_whole(&path(session), &bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_two_students_have_recognises_neither() {
        let row =
            |username: &str, email: &str| (username.parse().unwrap(), Some(email.to_owned()), None);
        let entries = entries(vec![
            row("test1", "TA@example.edu"),
            row("test2", "ta@example.edu "),
            row("ana", "ana@example.edu"),
        ]);
        let email = |name: &str| entries[&name.parse::<Username>().unwrap()].email.clone();
        assert_eq!((email("test1"), email("test2")), (None, None));
        assert_eq!(email("ana").as_deref(), Some("ana@example.edu"));
    }
}
