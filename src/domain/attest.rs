//! Attestations: what an instructor saw and nothing in the cloud can prove, from a CSV file.
//!
//! ```csv
//! username,check,note,by,when
//! user1,metrics,showed me ExecutionsFailed,A. Marsh,2026-05-14
//! ```
//!
//! Only checks that nothing can prove can be attested: what can be read is read. So an attestation never turns a
//! broken stack or an undone task into a complete one.

use std::collections::{BTreeMap, HashMap};

use super::check::{Check, CheckResult, Evidence, Proof, Verdict, Work};
use super::failure::Failure;
use super::ids::Username;
use super::roster::parse::{Problem, decode};
use super::roster::table::{Flaw, Record, Records};
use super::roster::text::{Unwanted, shown};
use super::roster::{FIELD_MAX, Roster};
use super::similar;

const COLUMNS: [&str; 5] = ["username", "check", "note", "by", "when"];
const EXAMPLE_HEADER: &str =
    "the first line names the columns: username,check and, if wanted, note,by,when";

/// One thing that an instructor saw.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attestation {
    /// What was seen, in the instructor's words.
    pub note: Option<String>,
    /// Who saw it.
    pub by: Option<String>,
    /// When, as written.
    pub when: Option<String>,
}

/// All of a file's attestations.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attestations(BTreeMap<(Username, String), Attestation>);

impl Attestations {
    /// Reads a file. `file` is what the messages call it.
    ///
    /// # Errors
    /// Everything that is wrong with it at once, each with file, line, column and the fix.
    pub fn parse(
        file: &str,
        bytes: &[u8],
        roster: &Roster,
        checks: &[Check],
    ) -> Result<Self, Vec<Failure>> {
        Reader::read(bytes, roster, checks).map_err(|mut problems| {
            problems.sort_by_key(|p| (p.line, p.column.as_ref().map(|c| c.0)));
            problems.into_iter().map(|p| p.in_file(file)).collect()
        })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Makes a student's check pass that nothing can prove and that was attested. Other answers stay.
    pub fn apply(&self, student: &Username, result: &mut CheckResult) {
        let Some(attestation) = self.0.get(&(student.clone(), result.id.clone())) else {
            return;
        };
        if result.verdict != Verdict::NotProvable || result.work != Work::Student {
            return;
        }
        result.verdict = Verdict::Pass;
        result.earned = result.points;
        result.hint.clear();
        result.instructor_hint = None;
        result.evidence = vec![attestation.evidence()];
    }
}

impl Attestation {
    fn evidence(&self) -> Evidence {
        let by = self.by.as_deref().unwrap_or("the instructor");
        let mut text = format!("attested by {by}");
        if let Some(when) = &self.when {
            text.push_str(&format!(", {when}"));
        }
        if let Some(note) = &self.note {
            text.push_str(&format!(": {note}"));
        }
        text.into()
    }
}

struct Reader<'a> {
    roster: &'a Roster,
    checks: &'a [Check],
    /// The place of each column of [`COLUMNS`] in the file.
    places: [Option<usize>; COLUMNS.len()],
    width: usize,
    lossy: bool,
    problems: Vec<Problem>,
    found: BTreeMap<(Username, String), Attestation>,
    lines: HashMap<(Username, String), usize>,
}

impl<'a> Reader<'a> {
    fn read(
        bytes: &[u8],
        roster: &'a Roster,
        checks: &'a [Check],
    ) -> Result<Attestations, Vec<Problem>> {
        let (text, lossy) = decode(bytes).map_err(|problem| vec![problem])?;
        let header = text.lines().find(|l| !l.trim().is_empty());
        let delimiter = [',', ';', '\t']
            .into_iter()
            .find(|d| header.is_some_and(|line| line.contains(*d)))
            .unwrap_or(',');
        let mut records = Records::new(&text, delimiter).filter(|record| !record.is_blank());
        let Some(first) = records.next() else {
            let empty = Problem::at_line(1, "the file is empty", EXAMPLE_HEADER);
            return Err(vec![empty]);
        };
        let mut reader = Self {
            roster,
            checks,
            places: [None; COLUMNS.len()],
            width: first.fields.len(),
            lossy,
            problems: Vec::new(),
            found: BTreeMap::new(),
            lines: HashMap::new(),
        };
        reader.header(&first);
        // Without the two columns every row would be wrong, and the header is all that is.
        if reader.places[0].is_some() && reader.places[1].is_some() {
            for record in records {
                reader.row(&record);
            }
        }
        if reader.problems.is_empty() {
            Ok(Attestations(reader.found))
        } else {
            Err(reader.problems)
        }
    }

    fn problem(&mut self, record: &Record, index: usize, cause: String, hint: impl Into<String>) {
        let name = self.places.iter().position(|place| *place == Some(index));
        self.problems.push(Problem {
            line: record.fields.get(index).map_or(record.line(), |f| f.line),
            column: Some((index + 1, name.map(|n| COLUMNS[n].to_owned()))),
            cause,
            hint: hint.into(),
        });
    }

    fn header(&mut self, record: &Record) {
        for (index, field) in record.fields.iter().enumerate() {
            let name = field.text.to_lowercase().replace(['_', '-'], " ");
            let name = if name == "check id" { "check" } else { &name };
            match COLUMNS.iter().position(|known| *known == name) {
                Some(column) if self.places[column].is_none() => self.places[column] = Some(index),
                Some(_) => self.problem(
                    record,
                    index,
                    format!("the header has {} twice", shown(&field.text)),
                    "delete one of the two columns",
                ),
                None => {
                    let hint = similar::did_you_mean(name, COLUMNS);
                    self.problem(
                        record,
                        index,
                        format!("there is no column {}", shown(&field.text)),
                        hint.unwrap_or_else(|| EXAMPLE_HEADER.to_owned()),
                    );
                }
            }
        }
        for (column, name) in COLUMNS.iter().enumerate().take(2) {
            if self.places[column].is_none() {
                let cause = format!("the header has no column '{name}'");
                let line = record.line();
                self.problems
                    .push(Problem::at_line(line, cause, EXAMPLE_HEADER));
            }
        }
    }

    fn row(&mut self, record: &Record) {
        let before = self.problems.len();
        let mut flawed = false;
        for (index, field) in record.fields.iter().enumerate() {
            let (cause, hint): (String, &str) = match field.flaw {
                Some(Flaw::Unclosed) => (
                    "begins with a double quote that is not closed".to_owned(),
                    "close it, or leave both quotes out",
                ),
                Some(Flaw::TextAfterQuote) => (
                    "has text after its closing double quote".to_owned(),
                    "write a double quote inside a quoted value twice",
                ),
                None => match field.text.chars().find_map(Unwanted::of) {
                    Some(unwanted) => (
                        format!("{} {}", shown(&field.text), unwanted.cause(self.lossy)),
                        unwanted.hint(self.lossy),
                    ),
                    None if field.text.chars().count() > FIELD_MAX => (
                        format!("is longer than {FIELD_MAX} characters"),
                        "shorten it; a quote in the wrong place makes a value of several lines",
                    ),
                    None => continue,
                },
            };
            flawed |= field.flaw.is_some();
            self.problem(record, index, cause, hint);
        }
        if !flawed && record.fields.len() != self.width {
            let cause = format!(
                "the row has {} values, the header {}",
                record.fields.len(),
                self.width
            );
            let hint = "put double quotes around a value that has the separator in it";
            self.problems
                .push(Problem::at_line(record.line(), cause, hint));
        }
        let username = self.username(record);
        let check = self.check(record);
        let (Some(username), Some(check)) = (username, check) else {
            return;
        };
        let key = (username, check);
        if let Some(line) = self.lines.get(&key) {
            let cause = format!("'{}' of '{}' is on line {line} already", key.1, key.0);
            let index = self.places[0].unwrap_or_default();
            self.problem(record, index, cause, "delete one of the two lines");
            return;
        }
        self.lines.insert(key.clone(), record.line());
        if self.problems.len() == before {
            let text = |column: usize| {
                let text = self.text(record, column);
                (!text.is_empty()).then(|| text.to_owned())
            };
            let attestation = Attestation {
                note: text(2),
                by: text(3),
                when: text(4),
            };
            self.found.insert(key, attestation);
        }
    }

    fn text<'r>(&self, record: &'r Record, column: usize) -> &'r str {
        let field = self.places[column].and_then(|index| record.fields.get(index));
        field.map_or("", |field| field.text.as_str())
    }

    fn username(&mut self, record: &Record) -> Option<Username> {
        let typed = self.text(record, 0).to_owned();
        let index = self.places[0]?;
        let students = &self.roster.students;
        let known = students
            .iter()
            .find(|s| s.username.as_str().eq_ignore_ascii_case(&typed));
        if let Some(student) = known {
            return Some(student.username.clone());
        }
        let (cause, hint) = if typed.is_empty() {
            ("there is no username".to_owned(), None)
        } else {
            let names = students.iter().map(|s| s.username.as_str());
            (
                format!("the roster has no student {}", shown(&typed)),
                similar::did_you_mean(&typed, names),
            )
        };
        let hint =
            hint.unwrap_or_else(|| "write the username as it stands in the roster".to_owned());
        self.problem(record, index, cause, hint);
        None
    }

    fn check(&mut self, record: &Record) -> Option<String> {
        let typed = self.text(record, 1).to_owned();
        let index = self.places[1]?;
        let open: Vec<&str> = self
            .checks
            .iter()
            .filter(|c| c.work == Work::Student && matches!(c.proof, Proof::Unprovable { .. }))
            .map(|c| c.id.as_str())
            .collect();
        if open.contains(&typed.as_str()) {
            return Some(typed);
        }
        let of_this_lab = if open.is_empty() {
            "this lab has no check that nothing can prove".to_owned()
        } else {
            format!("checks that can be attested: {}", open.join(", "))
        };
        let (cause, hint) = if self.checks.iter().any(|c| c.id == typed) {
            let cause = format!("'{typed}' is proven by reading, not by attesting");
            (cause, of_this_lab)
        } else if typed.is_empty() {
            ("there is no check".to_owned(), of_this_lab)
        } else {
            let all = self.checks.iter().map(|c| c.id.as_str());
            (
                format!("the lab has no check {}", shown(&typed)),
                similar::did_you_mean(&typed, all).unwrap_or(of_this_lab),
            )
        };
        self.problem(record, index, cause, hint);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::check::Progress;
    use crate::domain::points::Points;
    use crate::domain::roster::UsernameLimit;
    use serde_json::json;

    fn roster() -> Roster {
        let limit = UsernameLimit {
            max: 40,
            because: String::new(),
        };
        Roster::parse("class.csv", b"username\nuser1\nuser2\n", &limit).unwrap()
    }

    fn checks() -> Vec<Check> {
        serde_json::from_value(json!([
            {"id": "own-stack", "title": "t", "work": "stack", "points": 1, "hint": "h",
             "proof": {"kind": "resources-exist"}},
            {"id": "metrics", "title": "t", "work": "student", "points": 1, "hint": "h",
             "proof": {"kind": "unprovable", "why": "w"}},
        ]))
        .unwrap()
    }

    fn parse(text: &str) -> Result<Attestations, Vec<Failure>> {
        Attestations::parse("seen.csv", text.as_bytes(), &roster(), &checks())
    }

    fn result(id: &str, work: Work, verdict: Verdict) -> CheckResult {
        CheckResult {
            id: id.into(),
            title: String::new(),
            work,
            points: Points::whole(1),
            earned: Points::ZERO,
            parts: None,
            verdict,
            evidence: vec!["w".into()],
            hint: "h".into(),
            instructor_hint: Some("i".into()),
            as_of: None,
        }
    }

    #[test]
    fn an_attested_check_passes_and_says_by_whom() {
        let text = "Username;Check ID;by;note;when\nUSER1;metrics;A. Marsh;\"saw; it\";May 14\n";
        let attested = parse(text).unwrap();
        let mut check = result("metrics", Work::Student, Verdict::NotProvable);
        attested.apply(&"user2".parse().unwrap(), &mut check);
        assert_eq!(check.verdict, Verdict::NotProvable);
        attested.apply(&"user1".parse().unwrap(), &mut check);
        assert_eq!(check.verdict, Verdict::Pass);
        assert_eq!(
            check.evidence,
            ["attested by A. Marsh, May 14: saw; it".into()]
        );
        assert_eq!(check.earned, check.points);
        assert_eq!((check.hint.as_str(), check.instructor_hint()), ("", ""));
    }

    #[test]
    fn only_what_nothing_can_prove_is_changed_so_a_broken_stack_stays_broken() {
        let attested = parse("username,check\nuser1,metrics\n").unwrap();
        let user = "user1".parse().unwrap();
        for verdict in [Verdict::Fail, Verdict::CouldNotCheck] {
            let mut check = result("metrics", Work::Student, verdict);
            attested.apply(&user, &mut check);
            assert_eq!(check.verdict, verdict);
        }
        let mut checks = vec![
            result("own-stack", Work::Stack, Verdict::Fail),
            result("metrics", Work::Student, Verdict::NotProvable),
        ];
        checks.iter_mut().for_each(|c| attested.apply(&user, c));
        assert_eq!(Progress::of(&checks), Progress::Broken);
    }

    #[test]
    fn every_bad_row_is_said_at_once_with_its_place_and_the_fix() {
        let text = "username,check,note\n\
            usr1,metrics,\n\
            user2,metrcs,\n\
            user1,own-stack,\n\
            user1,metrics,fine\n\
            user1,metrics,again\n\
            ,,x\n\
            user2,metrics\n\
            user2,metrics,\"open\n\
            user2,metrics,a\u{202e}b\n";
        let failures = parse(text).unwrap_err();
        let said: Vec<String> = failures
            .iter()
            .map(|f| {
                format!(
                    "{}: {} ({})",
                    f.subject,
                    f.cause,
                    f.hint.as_deref().unwrap()
                )
            })
            .collect();
        insta::assert_snapshot!(said.join("\n"));
    }

    #[test]
    fn a_header_that_cannot_be_used_is_said_alone() {
        for (text, cause) in [
            ("", "the file is empty"),
            (
                "username,chek\nuser1,metrics\n",
                "there is no column 'chek'",
            ),
            ("user1,metrics\n", "there is no column 'user1'"),
            ("username,check,check\n", "the header has 'check' twice"),
        ] {
            let failures = parse(text).unwrap_err();
            let said = failures.iter().any(|f| f.cause.contains(cause));
            assert!(said, "{text:?}: {failures:?}");
            assert!(failures.iter().all(|f| f.subject.contains("line 1")));
        }
        assert!(parse("username,check\n").unwrap().is_empty());
    }
}
