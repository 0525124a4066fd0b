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

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::evidence::check::{CheckResult, Evidence, OnTime, Verdict};
use crate::ids::Username;
use crate::lab::check::{Check, Proof, Work};
use crate::lab::points::Points;
use crate::roster::{FIELD_MAX, Roster};
use crate::text::failure::Failure;
use crate::text::moment::moment;
use crate::text::normalise::{key, same, squeezed};
use crate::text::problems::{Problem, messages};
use crate::text::similar;
use crate::text::table::{Record, Table};
use crate::text::unwanted::{Unwanted, shown};

const COLUMNS: [&str; 5] = ["username", "check", "note", "by", "when"];
const EXAMPLE_HEADER: &str =
    "the first line names the columns: username,check and, if wanted, note,by,when";

/// One thing that an instructor saw, in the instructor's words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Attestation {
    note: Option<String>,
    by: Option<String>,
    when: Option<String>,
    /// When the student's work was due.
    due: Option<Timestamp>,
}

/// A file's attestations, by student and check.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Attestations(BTreeMap<(Username, String), Attestation>);

impl Attestations {
    /// Reads a file. `file` is what the messages call it.
    ///
    /// # Errors
    /// Everything that is wrong with it at once, each kind of mistake with file, lines, column and the fix.
    pub(crate) fn parse(
        file: &str,
        bytes: &[u8],
        roster: &Roster,
        checks: &[Check],
    ) -> Result<Self, Vec<Failure>> {
        AttestationReader::read(bytes, roster, checks).map_err(|problems| messages(file, problems))
    }

    /// Makes a student's check pass that nothing can prove and that was attested. Other answers stay.
    pub(crate) fn apply(&self, student: &Username, result: &mut CheckResult) {
        if let Some(attestation) = self.0.get(&(student.clone(), result.id.clone()))
            && result.verdict == Verdict::NotProvable
            && result.work == Work::Student
        {
            result.verdict = Verdict::Pass;
            result.earned = result.points;
            result.hint.clear();
            result.instructor_hint = None;
            result.evidence = vec![attestation.evidence()];
            result.on_time = attestation.due.map(|due| OnTime {
                due,
                earned: match attestation.is_late(due) {
                    true => Points::ZERO,
                    false => result.points,
                },
            });
        }
    }
}

impl Attestation {
    /// Whether it was seen after `due`. Where `when` is a day alone, by the calendar of this computer. Other words say
    /// nothing against the student.
    fn is_late(&self, due: Timestamp) -> bool {
        let when = self.when.as_deref().unwrap_or_default().trim();
        let seen = moment(when).map(|at| at > due).ok();
        let day = when.parse::<Date>().ok();
        let by_day = day.map(|day| day > due.to_zoned_datetime(TimeZone::system()).date());
        seen.or(by_day).unwrap_or_default()
    }

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

struct AttestationReader<'a> {
    roster: &'a Roster,
    checks: &'a [Check],
    /// The place of each column of [`COLUMNS`] in the file.
    places: [Option<usize>; COLUMNS.len()],
    width: usize,
    /// Whether the file is not UTF-8. That is reported already.
    lossy: bool,
    problems: Vec<Problem>,
    found: BTreeMap<(Username, String), Attestation>,
    lines: HashMap<(Username, String), usize>,
}

impl<'a> AttestationReader<'a> {
    fn read(
        bytes: &[u8],
        roster: &'a Roster,
        checks: &'a [Check],
    ) -> Result<Attestations, Vec<Problem>> {
        let (table, problems) = match Table::read(bytes, score) {
            Ok(table) => (table, Vec::new()),
            Err(refused) => match refused.anyway {
                Some(table) => (table, vec![refused.problem]),
                None => return Err(vec![refused.problem]),
            },
        };
        let mut records = table.records.iter().filter(|record| !record.is_blank());
        let Some(first) = records.next() else {
            let empty = Problem::at_line(1, "the file is empty", EXAMPLE_HEADER);
            return Err(vec![empty]);
        };
        let mut reader = Self {
            roster,
            checks,
            places: [None; COLUMNS.len()],
            width: first.fields.len(),
            lossy: !problems.is_empty(),
            problems,
            found: BTreeMap::new(),
            lines: HashMap::new(),
        };
        reader.header(first);
        // Without one of the two columns every row would be wrong; the message about the header is enough.
        if let [Some(username), Some(check), ..] = reader.places {
            for record in records {
                reader.row(record, username, check);
            }
        }
        match reader.problems.is_empty() {
            true => Ok(Attestations(reader.found)),
            false => Err(reader.problems),
        }
    }

    /// Adds a problem. `many` finishes the sentence "12 …", for the fourth and further of the kind.
    fn problem(
        &mut self,
        record: &Record,
        index: usize,
        cause: String,
        hint: impl Into<String>,
        many: &str,
    ) {
        let line = record.fields.get(index).map_or(record.line(), |f| f.line);
        let problem = Problem::at_line(line, cause, hint)
            .in_column(Some((index + 1, self.column_name(index))))
            .many(many)
            .example(shown(record.text(index)))
            .hint_for_many("mend those above first, and the others in the same way")
            .alone(3);
        self.problems.push(problem);
    }

    fn column_name(&self, index: usize) -> Option<String> {
        let column = self.places.iter().position(|place| *place == Some(index));
        column.map(|column| COLUMNS[column].to_owned())
    }

    fn header(&mut self, record: &Record) {
        for (index, field) in record.fields.iter().enumerate() {
            // Spreadsheets leave columns without a name behind.
            if field.text.is_empty() && field.flaw.is_none() {
                continue;
            }
            match column_of(&field.text) {
                Some(column) if self.places[column].is_none() => self.places[column] = Some(index),
                Some(_) => self.problem(
                    record,
                    index,
                    format!("the header has {} twice", shown(&field.text)),
                    "delete one of the two columns",
                    "columns stand in the header twice",
                ),
                None => {
                    let hint = similar::did_you_mean(&key(&field.text), COLUMNS);
                    self.problem(
                        record,
                        index,
                        format!("there is no column {}", shown(&field.text)),
                        hint.unwrap_or_else(|| EXAMPLE_HEADER.to_owned()),
                        "columns are none of an attestation's",
                    );
                }
            }
        }
        for (name, place) in COLUMNS.iter().zip(self.places).take(2) {
            if place.is_none() {
                let cause = format!("the header has no column '{name}'");
                let problem = Problem::at_line(record.line(), cause, EXAMPLE_HEADER);
                self.problems.push(problem);
            }
        }
    }

    /// Reads a row. `username`, `check`: the places of these columns.
    fn row(&mut self, record: &Record, username: usize, check: usize) {
        let before = self.problems.len();
        self.check_fields(record);
        let flawed = record.fields.iter().any(|field| field.flaw.is_some());
        let over = record.fields.get(self.width..).unwrap_or_default();
        if !flawed && over.iter().any(|field| !field.text.is_empty()) {
            let (has, width) = (record.fields.len(), self.width);
            let cause = format!("the row has {has} values, the header {width}");
            let hint = "put double quotes around a value that has the separator in it";
            let many = "rows have more values than the header";
            self.problem(record, width, cause, hint, many);
        }
        // A broken quote may have swallowed an empty value: then it is not missing.
        let missing = |place: usize| flawed && record.text(place).is_empty();
        let student = match missing(username) {
            true => None,
            false => self.username(record, username),
        };
        let id = match missing(check) {
            true => None,
            false => self.check(record, check),
        };
        let (Some(student), Some(id)) = (student, id) else {
            return;
        };
        let key = (student, id);
        if let Some(line) = self.lines.get(&key) {
            let cause = format!("'{}' of '{}' is on line {line} already", key.1, key.0);
            let many = "rows say what another row says already";
            self.problem(record, username, cause, "delete one of the two lines", many);
            return;
        }
        self.lines.insert(key.clone(), record.line());
        if self.problems.len() == before {
            let [_, _, note, by, when] = self.places.map(|place| {
                let text = record.text(place?);
                (!text.is_empty()).then(|| text.to_owned())
            });
            let mut students = self.roster.students.iter();
            let due = students.find(|s| s.username == key.0).and_then(|s| s.due);
            let attestation = Attestation {
                note,
                by,
                when,
                due,
            };
            self.found.insert(key, attestation);
        }
    }

    fn check_fields(&mut self, record: &Record) {
        for (index, field) in record.fields.iter().enumerate() {
            if let Some(flaw) = field.flaw {
                let place = (index + 1, self.column_name(index));
                self.problems.push(flaw.problem(field, place, true));
                continue;
            }
            let bad = field.text.chars().find_map(Unwanted::of);
            if let Some(bad) = bad.filter(|bad| !(self.lossy && *bad == Unwanted::Replacement)) {
                let cause = format!("{} {}", shown(&field.text), bad.cause());
                self.problem(record, index, cause, bad.hint(), &bad.many());
            } else if field.text.chars().count() > FIELD_MAX {
                self.problem(
                    record,
                    index,
                    format!("the value is longer than {FIELD_MAX} characters"),
                    "shorten it; a quote in the wrong place makes a value of several lines",
                    "values are too long",
                );
            }
        }
    }

    fn username(&mut self, record: &Record, index: usize) -> Option<Username> {
        let typed = record.text(index);
        let students = &self.roster.students;
        let known = students.iter().find(|s| same(s.username.as_str(), typed));
        if let Some(student) = known {
            return Some(student.username.clone());
        }
        let names = students.iter().map(|s| s.username.as_str());
        let (cause, many, hint) = match typed.is_empty() {
            true => (
                "there is no username".to_owned(),
                "rows have no username",
                None,
            ),
            false => (
                format!("the roster has no student {}", shown(typed)),
                "usernames are not in the roster",
                similar::did_you_mean(typed, names),
            ),
        };
        let hint =
            hint.unwrap_or_else(|| "write the username as it stands in the roster".to_owned());
        self.problem(record, index, cause, hint, many);
        None
    }

    fn check(&mut self, record: &Record, index: usize) -> Option<String> {
        let typed = record.text(index);
        let open: Vec<&str> = self
            .checks
            .iter()
            .filter(|c| c.work == Work::Student && matches!(c.proof, Proof::Unprovable { .. }))
            .map(|c| c.id.as_str())
            .collect();
        if let Some(id) = open.iter().find(|id| same(id, typed)) {
            return Some((*id).to_owned());
        }
        let of_this_lab = match open.is_empty() {
            true => "this lab has no check that an instructor can attest".to_owned(),
            false => format!("checks that can be attested: {}", open.join(", ")),
        };
        let (cause, many, hint) = if self.checks.iter().any(|c| same(&c.id, typed)) {
            (
                format!(
                    "homeroom proves {} itself: it cannot be attested",
                    shown(typed)
                ),
                "checks cannot be attested: homeroom proves them itself",
                of_this_lab,
            )
        } else if typed.is_empty() {
            (
                "there is no check".to_owned(),
                "rows have no check",
                of_this_lab,
            )
        } else {
            let all = self.checks.iter().map(|c| c.id.as_str());
            (
                format!("the lab has no check {}", shown(typed)),
                "checks are none of the lab's",
                similar::did_you_mean(typed, all).unwrap_or(of_this_lab),
            )
        };
        self.problem(record, index, cause, hint, many);
        None
    }
}

/// The place in [`COLUMNS`] of a column that is called so.
fn column_of(name: &str) -> Option<usize> {
    let word = squeezed(name);
    let word = match word.as_str() {
        "checkid" => "check",
        word => word,
    };
    COLUMNS.iter().position(|known| *known == word)
}

/// How much a record looks like the header.
fn score(record: &Record) -> u32 {
    let known = record.fields.iter().filter_map(|f| column_of(&f.text));
    known.map(|column| if column < 2 { 10 } else { 1 }).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::progress::Progress;
    use crate::roster::UsernameLimit;
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
            on_time: None,
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
    fn what_was_seen_after_the_due_time_is_late_and_other_words_are_not() {
        let mut roster = roster();
        let due = "2026-05-14T18:00:00+02:00".parse().unwrap();
        roster.students[0].due = Some(due);
        for (when, on_time) in [
            ("2026-05-14T18:00:00+02:00", 1),
            ("2026-05-14T18:00:01+02:00", 0),
            ("2026-05-14", 1),
            ("2026-05-16", 0),
            ("Thursday", 1),
            ("", 1),
        ] {
            let text = format!("username,check,when\nuser1,metrics,{when}\nuser2,metrics,{when}\n");
            let attested = Attestations::parse("seen.csv", text.as_bytes(), &roster, &checks());
            let attested = attested.unwrap();
            let mut check = result("metrics", Work::Student, Verdict::NotProvable);
            let mut of_nobody_due = check.clone();
            attested.apply(&"user1".parse().unwrap(), &mut check);
            assert_eq!(check.earned_by(due), Some(Points::whole(on_time)), "{when}");
            attested.apply(&"user2".parse().unwrap(), &mut of_nobody_due);
            assert_eq!(of_nobody_due.on_time, None);
        }
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
        assert!(parse("username,check\n").unwrap().0.is_empty());
    }
}
