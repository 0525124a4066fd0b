//! Exports as instructors have them, and what becomes of each cell.

mod cells;
mod files;
mod people;
mod properties;

use std::path::Path;

use serde_json::json;

use crate::evidence::check::CheckResult;
use crate::evidence::progress::{Progress, StudentProgress};
use crate::ids::Username;
use crate::report::document::{Account, Document, Proposing, ReportStudent};
use crate::roster::Student;
use crate::text::failure::Failure;

use super::Export;
use crate::report::gradebook::{Filled, GradeRules};

const HEADER: &str = "Student,ID,SIS User ID,SIS Login ID,Section,Lab 6 (12)";
const POSSIBLE: &str = "    Points Possible,,,,,100.00";

/// Points of a student who could not be checked.
pub(crate) const UNKNOWN: f64 = -1.0;

pub(crate) fn student(username: &str, name: &str, email: &str) -> Student {
    let given = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    Student {
        username: username.parse().unwrap(),
        name: given(name),
        email: given(email),
        section: None,
        extra: Vec::new(),
        due: None,
        place: None,
    }
}

/// Five students with 100, 100, 45, 100 and 20 points.
fn class() -> Vec<(Student, f64)> {
    vec![
        (student("user1", "Ana Ruiz", "ana.ruiz@example.edu"), 100.0),
        (student("user2", "Ben Ito", "ben.ito@example.edu"), 100.0),
        (student("user3", "Cora Weiss", "cora@gmail.example"), 45.0),
        (student("user4", "Dan Núñez", "dan@example.edu"), 100.0),
        (student("user5", "Eve Stone", "eve@example.edu"), 20.0),
    ]
}

/// The same five, as a course of theirs has them.
const FIVE: [&str; 5] = [
    "\"Ruiz, Ana\",101,S1,aruiz1,A,",
    "\"Ito, Ben\",102,S2,bito2,A,",
    "\"Weiss, Cora\",103,S3,cweiss3,A,",
    "\"Núñez, Dan\",104,S4,dnunez,B,",
    "\"Stone, Eve\",105,S5,estone,B,",
];

pub(crate) fn report(students: &[(Student, f64)]) -> Document {
    let row = |(student, points): &(Student, f64)| {
        let check = json!({
            "id": "lab", "title": "Lab", "work": "student", "points": 100,
            "earned": points.max(0.0),
            "verdict": if *points < 0.0 { "could-not-check" } else { "fail" },
            "evidence": [], "hint": "",
        });
        let check: CheckResult = serde_json::from_value(check).unwrap();
        ReportStudent {
            student: student.clone(),
            progress: StudentProgress {
                progress: Progress::InProgress,
                checks: vec![check],
                ..StudentProgress::unread(&student.username)
            },
            validate: Vec::new(),
        }
    };
    Document {
        class: "lab6".parse().unwrap(),
        lab: "lab-6".parse().unwrap(),
        lab_title: "Lab 6".to_owned(),
        account: Account {
            id: "000000000000".to_owned(),
            alias: None,
        },
        region: "us-east-1".to_owned(),
        places: Vec::new(),
        taken_at: "2026-05-14T12:00:00[UTC]".parse().unwrap(),
        ends: None,
        validated_at: None,
        students: students.iter().map(row).collect(),
        left: Vec::new(),
        departed: Vec::new(),
        notes: Vec::new(),
        gaps: Vec::new(),
        since: None,
        proposing: Proposing::default(),
    }
}

/// An export of these rows.
fn export(rows: &[&str]) -> String {
    let lines = [HEADER, POSSIBLE].into_iter().chain(rows.iter().copied());
    lines.map(|line| format!("{line}\n")).collect()
}

fn rules(lower: bool) -> GradeRules {
    GradeRules {
        lower,
        count_late: false,
    }
}

fn fill_class(students: &[(Student, f64)], bytes: &[u8], assignment: &str, lower: bool) -> Filled {
    let export = Export::read("grades.csv", bytes, assignment).unwrap();
    let roster: Vec<Student> = students
        .iter()
        .map(|(student, _)| student.clone())
        .collect();
    let filled = export.fill(&report(students), &roster, rules(lower));
    assert_told_once(students, &filled);
    filled
}

/// Everybody is either filled in, or left with a reason, or keeps a higher grade.
fn assert_told_once(students: &[(Student, f64)], filled: &Filled) {
    for (student, _) in students {
        let username = &student.username;
        let kept =
            !filled.judged.lowered && filled.judged.lowers.iter().any(|l| l.username == *username);
        let told = usize::from(graded(filled).contains(username))
            + filled
                .judged
                .left
                .iter()
                .filter(|l| l.username == *username)
                .count()
            + usize::from(kept);
        assert_eq!(told, 1, "{username}: {filled:?}");
    }
}

fn fill(rows: &[&str]) -> Filled {
    fill_class(&class(), export(rows).as_bytes(), "Lab 6", false)
}

/// The assignment's cells, from the row below the points possible, read by another hand.
fn grades(filled: &Filled) -> Vec<String> {
    let separator = match filled.bytes.contains(&b';') {
        true => b';',
        false => b',',
    };
    let mut reader = csv::ReaderBuilder::new();
    let reader = reader
        .has_headers(false)
        .flexible(true)
        .delimiter(separator);
    let rows = reader.from_reader(filled.bytes.as_slice()).into_records();
    let grades = rows.map(|row| row.unwrap().iter().next_back().unwrap().to_owned());
    grades.skip(2).collect()
}

/// Students who have their grade in the file.
fn graded(filled: &Filled) -> Vec<Username> {
    let graded = filled.judged.graded.iter();
    graded.map(|graded| graded.username.clone()).collect()
}

fn left(filled: &Filled) -> Vec<String> {
    let said = filled
        .judged
        .left
        .iter()
        .map(|left| match left.detail.is_empty() {
            true => format!("{}: {}", left.username, left.why),
            false => format!("{}: {}: {}", left.username, left.why, left.detail),
        });
    said.collect()
}

fn notes(filled: &Filled) -> Vec<String> {
    filled.notes(Path::new("out.csv"))
}

fn refused(bytes: &[u8], assignment: &str) -> String {
    let failures: Vec<Failure> = Export::read("grades.csv", bytes, assignment).unwrap_err();
    let said = failures
        .iter()
        .map(|failure| format!("{failure}\n    {}", failure.hint.as_deref().unwrap()));
    said.collect::<Vec<_>>().join("\n")
}
