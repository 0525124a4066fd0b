//! Oddities of a roster that is accepted: reported, so that nobody finds out from a wrong grade.

use std::collections::HashMap;

use crate::roster::Student;
use crate::text::normalise::{key, squeezed};
use crate::text::table::Field;
use crate::text::unwanted::{code, shown};

/// Values and names that a remark shows.
const SHOWN: usize = 2;
/// Length of what Canvas calls its test student (a SHA-1 in hexadecimal digits).
const TEST_LOGIN: usize = 40;

#[derive(Debug, Clone, Default)]
pub(super) struct Remarks {
    pub(crate) canvas_rows: usize,
    /// Invisible characters.
    taken_off: Noticed,
    mojibake: Noticed,
    tests: Noticed,
    sums: Noticed,
    names_like_addresses: Noticed,
    addresses_without_at: Noticed,
    shared_addresses: Noticed,
    /// Whose address an address is.
    addresses: HashMap<String, String>,
}

/// How often something was noticed, and the first of it.
#[derive(Debug, Clone, Default)]
struct Noticed {
    count: usize,
    first: Vec<String>,
}

impl Noticed {
    fn add(&mut self, example: impl FnOnce() -> String) {
        self.count += 1;
        if self.first.len() < SHOWN {
            self.first.push(example());
        }
    }

    /// A sentence with the count and the first examples; `None` where nothing was noticed.
    fn said(&self, one: &str, many: &str, rest: &str) -> Option<String> {
        let what = match self.count {
            0 => return None,
            1 => format!("1 {one}"),
            n => format!("{n} {many}"),
        };
        let and = match self.count > self.first.len() {
            true => ", …",
            false => "",
        };
        Some(format!(
            "in the roster, {what} {rest}: {}{and}",
            self.first.join(", ")
        ))
    }
}

impl Remarks {
    /// An invisible character was taken off a field.
    pub(crate) fn taken_off(&mut self, c: char, field: &Field) {
        let (text, line) = (&field.text, field.line);
        self.taken_off
            .add(|| format!("{} at {} in line {line}", code(c), shown(text)));
    }

    pub(crate) fn mojibake(&mut self, spoilt: &str, meant: &str, line: usize) {
        self.mojibake
            .add(|| format!("{} in line {line} may be {}", shown(spoilt), shown(meant)));
    }

    pub(crate) fn student(&mut self, student: &Student, line: usize) {
        let username = student.username.as_str();
        let name = student.name.as_deref().unwrap_or_default();
        let email = student.email.as_deref().unwrap_or_default();
        let in_line = |value: &str| format!("{} in line {line}", shown(value));
        if Self::is_test_student(name, username) {
            self.tests.add(|| in_line(username));
        }
        if Self::is_sum(student) {
            self.sums.add(|| in_line(username));
        }
        if name.contains('@') {
            self.names_like_addresses.add(|| in_line(name));
        }
        if email.is_empty() {
            return;
        }
        if !email.contains('@') {
            self.addresses_without_at.add(|| in_line(email));
        }
        if let Some(other) = self.addresses.insert(key(email), username.to_owned()) {
            self.shared_addresses
                .add(|| format!("{} of {other} and {username}", shown(email)));
        }
    }

    /// Whether somebody is the test student that Canvas adds to a course.
    pub(crate) fn is_test_student(name: &str, username: &str) -> bool {
        let name = key(name);
        let by_name = matches!(name.as_str(), "student, test" | "test student");
        let by_login = username.len() == TEST_LOGIN
            && username
                .bytes()
                .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        by_name || by_login
    }

    /// Whether it is a spreadsheet's sum below a list: a word for one, and beside it figures at most.
    fn is_sum(student: &Student) -> bool {
        const WORDS: &str = "total totals subtotal grandtotal count sum average mean";
        let username = squeezed(student.username.as_str());
        let mut others = [&student.name, &student.email].into_iter().flatten();
        WORDS.split(' ').any(|word| word == username)
            && others.all(|text| {
                text.chars()
                    .all(|c| c.is_ascii_digit() || matches!(c, '.' | ',' | ' '))
            })
    }

    /// The notes of every command that reads the roster.
    pub(crate) fn notes(&self) -> Vec<String> {
        let mojibake = self.mojibake.said(
            "value looks like UTF-8 read as Windows-1252",
            "values look like UTF-8 read as Windows-1252",
            "(export the file again, as UTF-8)",
        );
        let tests = self.tests.said(
            "student is Canvas's test student",
            "students are Canvas's test students",
            "and would get a stack; delete the row if nobody works there",
        );
        let sums = self.sums.said(
            "row looks like a spreadsheet's sum and no student",
            "rows look like a spreadsheet's sums and no students",
            "and would get a stack; delete the row if nobody works there",
        );
        mojibake.into_iter().chain(tests).chain(sums).collect()
    }

    /// The further notes of `plan`.
    pub(crate) fn details(&self) -> Vec<String> {
        let rows = match self.canvas_rows {
            0 => None,
            1 => Some(
                "in the roster, 1 row is Canvas's own and no student's: it is left out".to_owned(),
            ),
            n => Some(format!(
                "in the roster, {n} rows are Canvas's own and no student's: they are left out"
            )),
        };
        let off = self.taken_off.said(
            "value had invisible characters, which were taken off",
            "values had invisible characters, which were taken off",
            "(they come with copying and pasting)",
        );
        let names = self.names_like_addresses.said(
            "name has an @ in it",
            "names have an @ in them",
            "(is a value missing before it?)",
        );
        let without = self.addresses_without_at.said(
            "e-mail address has no @",
            "e-mail addresses have no @",
            "and will match no gradebook",
        );
        let shared = self.shared_addresses.said(
            "e-mail address belongs to more than one student",
            "e-mail addresses belong to more than one student",
            "and will match no gradebook",
        );
        [rows, off, names, without, shared]
            .into_iter()
            .flatten()
            .collect()
    }
}
