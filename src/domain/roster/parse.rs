//! From bytes to students: decoding, the header, and every check of every row.

use std::borrow::Cow;
use std::collections::HashMap;

use super::table::{Field, Flaw, Record, Records};
use super::text::{SAVE_AS_UTF8, Unwanted, printable, shown};
use super::{FIELD_MAX, Failure, Roster, Student, UsernameLimit};
use crate::domain::ids::{NameError, USERNAME_MAX, Username};

/// What a header looks like.
const EXAMPLE_HEADER: &str =
    "the first line names the columns, for example: username,name,email,section";

/// Something wrong with a roster, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::domain) struct Problem {
    pub line: usize,
    /// Number from 1, and the header's name for it where it has one.
    pub column: Option<(usize, Option<String>)>,
    pub cause: String,
    pub hint: String,
}

impl Problem {
    pub fn at_line(line: usize, cause: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            line,
            column: None,
            cause: cause.into(),
            hint: hint.into(),
        }
    }

    /// The problem as people see it.
    pub fn in_file(self, file: &str) -> Failure {
        let column = match self.column {
            None => String::new(),
            Some((number, None)) => format!(", column {number}"),
            Some((number, Some(name))) => format!(", column {number} ({name})"),
        };
        Failure {
            subject: format!("{file}, line {}{column}", self.line),
            cause: self.cause,
            hint: Some(self.hint),
            request_id: None,
        }
    }
}

/// What a column is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Username,
    Name,
    Email,
    Section,
    Extra,
}

/// The columns as the header names them.
struct Header {
    columns: Vec<(String, Role)>,
    delimiter: char,
}

impl Header {
    /// A place in a column, for a problem.
    fn column(&self, index: usize) -> Option<(usize, Option<String>)> {
        let name = self.columns.get(index).map(|(name, _)| name.clone());
        Some((index + 1, name.filter(|name| !name.is_empty())))
    }

    fn separator(&self) -> &'static str {
        match self.delimiter {
            ';' => "semicolon",
            '\t' => "tab",
            _ => "comma",
        }
    }
}

/// Reads a roster; the problems come in the file's order.
pub(super) fn parse(bytes: &[u8], limit: &UsernameLimit) -> Result<Roster, Vec<Problem>> {
    let (text, lossy) = decode(bytes).map_err(|problem| vec![problem])?;
    let delimiter = delimiter(&text);
    let mut records = Records::new(&text, delimiter).filter(|record| !record.is_blank());
    let Some(first) = records.next() else {
        return Err(vec![Problem::at_line(
            1,
            "the file is empty",
            format!("{EXAMPLE_HEADER}; then follows one line a student"),
        )]);
    };
    let mut reader = Reader {
        header: Header {
            columns: Vec::new(),
            delimiter,
        },
        limit,
        lossy,
        problems: Vec::new(),
        students: Vec::new(),
        usernames: Vec::new(),
    };
    reader.read_header(&first);
    let mut rows = 0_usize;
    for record in records {
        rows += 1;
        reader.read_row(&record);
    }
    if rows == 0 {
        reader.problems.push(Problem::at_line(
            first.line(),
            "the roster has a header and no students",
            "add one line a student below the header",
        ));
    }
    reader.compare_usernames();
    if reader.problems.is_empty() {
        return Ok(Roster {
            students: reader.students,
        });
    }
    reader
        .problems
        .sort_by_key(|problem| (problem.line, problem.column.as_ref().map(|c| c.0)));
    Err(reader.problems)
}

/// The file as text without byte-order mark, and whether some of its bytes were not UTF-8: those are U+FFFD
/// in the text, so that they are reported field by field like everything else.
pub(in crate::domain) fn decode(bytes: &[u8]) -> Result<(Cow<'_, str>, bool), Problem> {
    if matches!(bytes, [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..])
        || matches!(bytes, [a, 0, b, 0, ..] | [0, a, 0, b, ..] if *a != 0 && *b != 0)
    {
        return Err(Problem::at_line(
            1,
            "the file is UTF-16 (what Excel calls 'Unicode Text'), not UTF-8",
            SAVE_AS_UTF8,
        ));
    }
    if bytes.starts_with(b"PK\x03\x04") {
        return Err(Problem::at_line(
            1,
            "the file is a spreadsheet or a zip archive, not a CSV file",
            SAVE_AS_UTF8,
        ));
    }
    let text = String::from_utf8_lossy(bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes));
    let lossy = matches!(text, Cow::Owned(_));
    Ok((text, lossy))
}

/// The delimiter: a comma, or the semicolon or tab that spreadsheets write in many locales, if the header
/// has its `username` column only then. So what a comma can read is never read otherwise.
fn delimiter(text: &str) -> char {
    [',', ';', '\t']
        .into_iter()
        .find(|&delimiter| {
            Records::new(text, delimiter)
                .find(|record| !record.is_blank())
                .is_some_and(|header| {
                    header
                        .fields
                        .iter()
                        .any(|field| field.flaw.is_none() && role(&field.text) == Role::Username)
                })
        })
        .unwrap_or(',')
}

fn role(name: &str) -> Role {
    match name.to_lowercase().as_str() {
        "username" => Role::Username,
        "name" => Role::Name,
        "email" => Role::Email,
        "section" => Role::Section,
        _ => Role::Extra,
    }
}

struct Reader<'a> {
    header: Header,
    limit: &'a UsernameLimit,
    /// Whether the text has U+FFFD for bytes that are not UTF-8.
    lossy: bool,
    problems: Vec<Problem>,
    /// Meaningful only as long as there are no problems.
    students: Vec<Student>,
    /// Every acceptable username with its line, those of rows with other mistakes included.
    usernames: Vec<(Username, usize)>,
}

impl Reader<'_> {
    fn problem(&mut self, field: &Field, index: usize, cause: String, hint: impl Into<String>) {
        let column = self.header.column(index);
        self.problems.push(Problem {
            line: field.line,
            column,
            cause,
            hint: hint.into(),
        });
    }

    fn read_header(&mut self, record: &Record) {
        self.header.columns = record
            .fields
            .iter()
            .map(|field| (printable(&field.text), role(&field.text)))
            .collect();
        let mut seen: HashMap<String, usize> = HashMap::new();
        for (index, field) in record.fields.iter().enumerate() {
            if !self.check_text(field, index) {
                continue;
            }
            if field.text.is_empty() {
                self.problem(
                    field,
                    index,
                    "the header has no name for this column".to_owned(),
                    "name the column in the first line, or delete it",
                );
            } else if let Some(first) = seen.get(&field.text.to_lowercase()) {
                let cause = format!(
                    "the header has {} twice: column {} has it too",
                    shown(&field.text),
                    first + 1
                );
                self.problem(
                    field,
                    index,
                    cause,
                    "rename or delete one of the two columns",
                );
            } else {
                seen.insert(field.text.to_lowercase(), index);
            }
        }
        if !self
            .header
            .columns
            .iter()
            .any(|(_, role)| *role == Role::Username)
        {
            let names: Vec<String> = self
                .header
                .columns
                .iter()
                .take(8)
                .map(|(name, _)| shown(name))
                .collect();
            self.problems.push(Problem::at_line(
                record.line(),
                format!(
                    "the header has no column 'username'; it has {}",
                    names.join(", ")
                ),
                EXAMPLE_HEADER,
            ));
        }
    }

    fn read_row(&mut self, record: &Record) {
        let mut sound = true;
        for (index, field) in record.fields.iter().enumerate() {
            sound &= self.check_text(field, index);
        }
        // Broken quoting makes a wrong number of fields: one mistake is said once.
        let flawed = record.fields.iter().any(|field| field.flaw.is_some());
        if !flawed && record.fields.len() != self.header.columns.len() {
            self.wrong_count(record);
            sound = false;
        }
        let username = self.read_username(record);
        if let (Some(username), true) = (username, sound) {
            self.students.push(self.student(username, record));
        }
    }

    fn wrong_count(&mut self, record: &Record) {
        let (has, expected) = (record.fields.len(), self.header.columns.len());
        let separator = self.header.separator();
        let (many, fix) = if has < expected {
            (
                "few",
                format!(
                    "add what is missing; a {separator} each keeps the place of a value that is not known"
                ),
            )
        } else {
            (
                "many",
                format!(
                    "put double quotes around a value that has a {separator} in it, or delete what is too much"
                ),
            )
        };
        let line = record
            .fields
            .last()
            .map_or(record.line(), |field| field.line);
        self.problems.push(Problem {
            line,
            column: self.header.column(has.min(expected)),
            cause: format!("the row has too {many} fields: {has}, where the header has {expected}"),
            hint: fix,
        });
    }

    /// Checks what holds for every field, the header's included; says whether all is well.
    fn check_text(&mut self, field: &Field, index: usize) -> bool {
        match field.flaw {
            Some(Flaw::Unclosed) => {
                self.problem(
                    field,
                    index,
                    "the double quote that opens this field is not closed on its line".to_owned(),
                    "close it with a double quote, or delete it; a double quote inside a quoted value is written twice",
                );
                return false;
            }
            Some(Flaw::TextAfterQuote) => {
                let cause = format!(
                    "there is more text after the closing double quote of {}",
                    shown(&field.text)
                );
                self.problem(
                    field,
                    index,
                    cause,
                    "put the whole value between the quotes; a double quote inside a quoted value is written twice",
                );
                return false;
            }
            None => {}
        }
        if let Some(bad) = field.text.chars().find_map(Unwanted::of) {
            let cause = format!("{} {}", shown(&field.text), bad.cause(self.lossy));
            self.problem(field, index, cause, bad.hint(self.lossy));
            return false;
        }
        let length = field.text.chars().count();
        let is_username = matches!(self.header.columns.get(index), Some((_, Role::Username)));
        if length > FIELD_MAX && !is_username {
            let cause = format!(
                "{} is {length} characters long, more than {FIELD_MAX}",
                shown(&field.text)
            );
            self.problem(
                field,
                index,
                cause,
                format!("shorten it to {FIELD_MAX} characters"),
            );
            return false;
        }
        true
    }

    /// The row's username, if it is a good one.
    fn read_username(&mut self, record: &Record) -> Option<Username> {
        let index = self
            .header
            .columns
            .iter()
            .position(|(_, role)| *role == Role::Username)?;
        let field = record.fields.get(index)?;
        if field.flaw.is_some() || field.text.chars().any(|c| Unwanted::of(c).is_some()) {
            return None;
        }
        let length = field.text.chars().count();
        let parsed = field.text.parse::<Username>();
        let (cause, hint) = match parsed {
            Ok(username) if length <= self.limit.max => {
                self.usernames.push((username.clone(), field.line));
                return Some(username);
            }
            Err(NameError::Empty) => (
                "the username is empty".to_owned(),
                "give the student a username, or delete the row".to_owned(),
            ),
            Ok(_) | Err(NameError::TooLong(_)) => {
                let (max, because) = if self.limit.max <= USERNAME_MAX {
                    (self.limit.max, self.limit.because.as_str())
                } else {
                    (USERNAME_MAX, "the names in AWS that begin with it")
                };
                (
                    format!(
                        "{} is {length} characters long; the limit is {max}, set by {because}",
                        shown(&field.text)
                    ),
                    format!("shorten the username to {max} characters"),
                )
            }
            Err(error) => (
                format!("{} {error}", shown(&field.text)),
                "change the username here, and tell the student".to_owned(),
            ),
        };
        self.problem(field, index, cause, hint);
        None
    }

    fn student(&self, username: Username, record: &Record) -> Student {
        let mut student = Student {
            username,
            name: None,
            email: None,
            section: None,
            extra: Vec::new(),
        };
        for ((name, role), field) in self.header.columns.iter().zip(&record.fields) {
            let value = || Some(field.text.clone()).filter(|text| !text.is_empty());
            match role {
                Role::Username => {}
                Role::Name => student.name = value(),
                Role::Email => student.email = value(),
                Role::Section => student.section = value(),
                Role::Extra => student.extra.push((name.clone(), field.text.clone())),
            }
        }
        student
    }

    /// Refuses usernames that AWS or a policy could not tell apart. One look-up a dash: linear in the class.
    ///
    /// Letters' case is ignored: IAM refuses a second role whose name differs in case only, and a policy
    /// written by hand may use either.
    fn compare_usernames(&mut self) {
        let mut first_lines: HashMap<String, usize> = HashMap::new();
        let mut found = Vec::new();
        for (index, (username, line)) in self.usernames.iter().enumerate() {
            let folded = username.as_str().to_ascii_lowercase();
            match first_lines.get(&folded) {
                None => {
                    first_lines.insert(folded, index);
                }
                Some(&first) => {
                    let (other, other_line) = &self.usernames[first];
                    let same = if other == username {
                        format!("'{username}' is taken already")
                    } else {
                        format!(
                            "'{username}' is the same as '{other}' to AWS, which ignores case in the names of roles"
                        )
                    };
                    found.push((
                        *line,
                        format!("{same}: line {other_line} has it"),
                        "give each student a username of their own, or delete the second row"
                            .to_owned(),
                    ));
                }
            }
        }
        for (username, line) in &self.usernames {
            let folded = username.as_str().to_ascii_lowercase();
            for (dash, _) in folded.match_indices('-') {
                let Some(&other) = first_lines.get(&folded[..dash]) else {
                    continue;
                };
                let (other, other_line) = &self.usernames[other];
                let apart = format!(
                    "{}{}",
                    &username.as_str()[..dash],
                    &username.as_str()[dash + 1..]
                );
                found.push((
                    *line,
                    format!(
                        "'{username}' begins with '{other}-', and '{other}' is a student too (line {other_line}): access to '{other}-*' would open the stack of '{username}' to '{other}'"
                    ),
                    format!("rename one of the two, for example '{apart}' instead of '{username}'"),
                ));
            }
        }
        let index = self
            .header
            .columns
            .iter()
            .position(|(_, role)| *role == Role::Username);
        let column = index.and_then(|index| self.header.column(index));
        for (line, cause, hint) in found {
            self.problems.push(Problem {
                line,
                column: column.clone(),
                cause,
                hint,
            });
        }
    }
}
