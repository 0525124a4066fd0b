//! Filling in an export: which cell gets which points, and who gets none and why.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use crate::ids::Username;
use crate::lab::points::Points;
use crate::report::document::{Document, ReportStudent};
use crate::roster::Student;
use crate::text::normalise::key;
use crate::text::unwanted::shown;

use super::export::{Export, ExportEntry};
use super::matching::{ExportPerson, MatchDoubt, Matches, find};
use super::number::{Number, Unreadable};

/// An export with a column filled in, and who could not be.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Filled {
    /// The file's bytes: the columns that say who a row is, and the assignment's.
    pub(crate) bytes: Vec<u8>,
    /// The column's header, as it stands in the file.
    pub(crate) assignment: String,
    /// Students whose grade the file has now.
    pub(crate) filled: Vec<Username>,
    /// Those of them whose row has nothing of theirs but the name.
    pub(crate) by_name: Vec<Username>,
    /// Students whose cell stays what it was, and why. Nobody is here and in `filled`.
    pub(crate) left: Vec<NotFilled>,
    /// Grades that are lower now than in Canvas.
    pub(crate) lowers: Vec<Lower>,
    /// Whether those were lowered; they stay what they were otherwise.
    pub(crate) lowered: bool,
    /// Rows of the export that are nobody's of the class: the name as it stands there, or the line of a row without.
    pub(crate) strangers: Vec<String>,
    /// Rows that fill in nobody because they have one student's login and another's name, and neither of the two
    /// is in `left`.
    pub(crate) crossed: Vec<String>,
    /// homeroom's total and the assignment's points possible, where they differ and points were scaled.
    pub(crate) scaled: Option<(Points, String)>,
}

/// A student who was not filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NotFilled {
    /// Who.
    pub(crate) username: Username,
    /// Why, the same words for everybody of whom it is true.
    pub(crate) why: String,
    /// What it is in this case (a row, a value); empty where there is nothing to add.
    pub(crate) detail: String,
}

/// A grade that is lower now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lower {
    /// Whose.
    pub(crate) username: Username,
    /// What Canvas has.
    pub(crate) from: String,
    /// What the lab gives.
    pub(crate) to: String,
}

/// What becomes of one person's cells.
enum Cells {
    /// These records' cells get the grade.
    Write(Vec<usize>),
    /// They have it already.
    Keep,
    /// They have more.
    Higher(Number),
}

/// Why a student is not filled in, in words that are the same for everybody of whom it is true, and what it is in this
/// case; see [`NotFilled`].
type Reason = (String, String);

fn reason(why: &str) -> Reason {
    (why.to_owned(), String::new())
}

impl Export<'_> {
    /// Fills in the assignment's column. `roster`: the whole class, whoever of it the report is about: a row of
    /// somebody else of the class is not a stranger's. `lower`: whether grades may become lower.
    pub(crate) fn fill(&self, document: &Document, roster: &[Student], lower: bool) -> Filled {
        let people: Vec<ExportPerson> = self.people.iter().map(|e| e.person.clone()).collect();
        let matches = find(roster, &people);
        let numbered = roster.iter().enumerate();
        let place: BTreeMap<&Username, usize> = numbered.map(|(at, s)| (&s.username, at)).collect();
        let mut filled = Filled {
            bytes: Vec::new(),
            assignment: self.title.clone(),
            filled: Vec::new(),
            by_name: Vec::new(),
            left: Vec::new(),
            lowers: Vec::new(),
            lowered: lower,
            strangers: Vec::new(),
            crossed: Vec::new(),
            scaled: None,
        };
        let mut edits: BTreeMap<usize, String> = BTreeMap::new();
        for row in &document.students {
            let username = &row.student.username;
            let Some(student) = place.get(username).copied() else {
                continue;
            };
            let entry = match matches.of_student[student] {
                Some(person) => Ok(&self.people[person]),
                None => Err(self.unmatched(roster, student, &matches)),
            };
            let graded = entry.and_then(|entry| {
                let grade = self.grade(row)?;
                Ok((entry, grade, self.cells(entry, grade)?))
            });
            let (entry, grade, cells) = match graded {
                Ok(graded) => graded,
                Err((why, detail)) => {
                    let username = username.clone();
                    filled.left.push(NotFilled {
                        username,
                        why,
                        detail,
                    });
                    continue;
                }
            };
            let records = match cells {
                Cells::Write(records) => records,
                Cells::Keep => Vec::new(),
                Cells::Higher(from) => {
                    filled.lowers.push(Lower {
                        username: username.clone(),
                        from: from.to_string(),
                        to: grade.to_string(),
                    });
                    if !lower {
                        continue;
                    }
                    entry.records.clone()
                }
            };
            let text = self.cell_text(grade);
            edits.extend(records.into_iter().map(|record| (record, text.clone())));
            let total = row.score().total;
            let of_lab = Number::from_hundredths(total.hundredths());
            if self.possible.compare(of_lab) != Ordering::Equal {
                filled.scaled = Some((total, self.possible.to_string()));
            }
            filled.filled.push(username.clone());
            if matches.by_name.contains(&student) {
                filled.by_name.push(username.clone());
            }
        }
        self.say_rows(&mut filled, roster, &matches);
        filled.bytes = self.written(&edits);
        filled
    }

    /// A cell's points. What could be a thousand (`99.999`) is none, where the file writes decimals so and a thousand
    /// would be more than the assignment gives.
    fn points(&self, text: &str) -> Result<Number, Unreadable> {
        match Number::read(text) {
            Err(Unreadable::Ambiguous(thousands, decimal))
                if text.contains(self.mark.character())
                    && thousands.compare(self.possible) == Ordering::Greater =>
            {
                Ok(decimal)
            }
            read => read,
        }
    }

    /// The points as Canvas counts them, where they are known.
    fn grade(&self, row: &ReportStudent) -> Result<Number, Reason> {
        let score = row.score();
        if !row.is_deployed() {
            return Err(reason(
                "nothing of their stack is there, so nothing is known of their work",
            ));
        }
        if !score.certain {
            return Err(reason("could not be checked"));
        }
        if score.total.is_zero() {
            return Err(reason("the lab gives no points"));
        }
        let (earned, total) = (score.earned.hundredths(), score.total.hundredths());
        Ok(self.possible.part(earned, total))
    }

    /// What becomes of a person's cells. All of them are treated alike but those that are not theirs.
    fn cells(&self, entry: &ExportEntry, grade: Number) -> Result<Cells, Reason> {
        if !entry.known_to_canvas {
            let why = "their row has no ID and no login";
            return Err((why.to_owned(), self.row(entry)));
        }
        let mut theirs = Vec::new();
        let mut highest: Option<Number> = None;
        let mut empty_or_other = false;
        for record in entry.records.iter().copied() {
            let text = self.table.records[record].text(self.column);
            match key(text).as_str() {
                "ex" | "excused" => return Err(reason("excused in Canvas")),
                // What Canvas takes for no score.
                "" | "-" | "–" | "—" => empty_or_other = true,
                "n/a" => continue,
                _ => {
                    let number = self.points(text).map_err(|_| {
                        let why = "Canvas has something there that is no number";
                        (why.to_owned(), shown(text))
                    })?;
                    empty_or_other |= number.compare(grade) != Ordering::Equal;
                    highest = highest.max(Some(number));
                }
            }
            theirs.push(record);
        }
        match highest {
            _ if theirs.is_empty() => Err(reason("the assignment is not theirs in Canvas")),
            Some(number) if number.compare(grade) == Ordering::Greater => Ok(Cells::Higher(number)),
            _ if empty_or_other => Ok(Cells::Write(theirs)),
            _ => Ok(Cells::Keep),
        }
    }

    fn cell_text(&self, grade: Number) -> String {
        let text = grade.written(self.mark);
        match text.contains(self.table.separator) {
            true => format!("\"{text}\""),
            false => text,
        }
    }

    /// The file with the kept columns alone: every row, and every byte of the cells that were not filled in.
    fn written(&self, edits: &BTreeMap<usize, String>) -> Vec<u8> {
        let mut out: Vec<u8> = Vec::new();
        if self.marked {
            out.extend_from_slice(b"\xEF\xBB\xBF");
        }
        let mut separator = [0; 4];
        let separator = self.table.separator.encode_utf8(&mut separator).as_bytes();
        for (at, record) in self.table.records.iter().enumerate() {
            let edit = edits.get(&at);
            // A row that ends early stays as short as it is, unless its cell is to be filled in.
            let there = |column: &&usize| {
                edit.is_some() && **column <= self.column || **column < record.fields.len()
            };
            for (index, column) in self.kept.iter().filter(there).enumerate() {
                if index > 0 {
                    out.extend_from_slice(separator);
                }
                match (edit, record.fields.get(*column)) {
                    (Some(text), _) if *column == self.column => {
                        out.extend_from_slice(text.as_bytes())
                    }
                    (_, Some(field)) => out.extend_from_slice(self.table.raw(field)),
                    (_, None) => {}
                }
            }
            out.extend_from_slice(self.table.line_break(record));
        }
        out
    }

    /// Why nobody's row is the student's, in words that are true of them.
    fn unmatched(&self, roster: &[Student], student: usize, matches: &Matches) -> Reason {
        let Some(doubt) = matches.doubts[student].first() else {
            let known = &roster[student];
            let has = match (&known.email, &known.name) {
                (Some(_), Some(_)) => "e-mail address, username or name",
                (Some(_), None) => "e-mail address or username",
                (None, Some(_)) => "username or name",
                (None, None) => "username",
            };
            return reason(&format!("no row has their {has}"));
        };
        let row = |person: &usize| self.row(&self.people[*person]);
        let rows = |people: &BTreeSet<usize>| {
            let rows: Vec<String> = people.iter().map(row).collect();
            rows.join(" and ")
        };
        let detail = match doubt {
            MatchDoubt::Crossed { person, .. } => {
                self.crossing(roster, doubt).unwrap_or_else(|| row(person))
            }
            MatchDoubt::NameElsewhere(_, person, others) => {
                format!("{} and {}", row(person), rows(others))
            }
            MatchDoubt::Several(_, people) => rows(people),
            MatchDoubt::Shared(_, person, others) => {
                format!("{}, {}", row(person), usernames(roster, others))
            }
            MatchDoubt::OtherLogin(person, column) => {
                let login = &self.people[*person].person.logins[*column];
                format!("{} has {}", row(person), shown(login))
            }
            MatchDoubt::Torn(person) | MatchDoubt::OtherName(_, person) => row(person),
        };
        (doubt.why(), detail)
    }

    /// Says which rows filled in nobody.
    fn say_rows(&self, filled: &mut Filled, roster: &[Student], matches: &Matches) {
        for (person, entry) in self.people.iter().enumerate() {
            let of_class =
                matches.of_person[person].is_some() || matches.doubtful.contains(&person);
            if of_class || entry.person.test {
                continue;
            }
            let name = match entry.person.name.is_empty() {
                true => self.row(entry),
                false => format!("'{}'", entry.person.name),
            };
            let rows = entry.records.iter().map(|_| name.clone());
            filled.strangers.extend(rows);
        }
        for doubt in &matches.crossed {
            let MatchDoubt::Crossed {
                by_proof, by_name, ..
            } = doubt
            else {
                continue;
            };
            let mut both = by_name
                .iter()
                .chain([by_proof])
                .map(|s| &roster[*s].username);
            let told =
                both.any(|username| filled.left.iter().any(|left| left.username == *username));
            if !told {
                filled.crossed.extend(self.crossing(roster, doubt));
            }
        }
    }

    fn crossing(&self, roster: &[Student], doubt: &MatchDoubt) -> Option<String> {
        let MatchDoubt::Crossed {
            proof,
            person,
            by_proof,
            by_name,
        } = doubt
        else {
            return None;
        };
        Some(format!(
            "{} has the {} of {} and the name of {}",
            self.row(&self.people[*person]),
            proof.words(),
            roster[*by_proof].username,
            usernames(roster, by_name)
        ))
    }

    /// A person's rows, as a message names them.
    fn row(&self, entry: &ExportEntry) -> String {
        let records = entry.records.iter();
        let lines: Vec<usize> = records.map(|at| self.table.records[*at].line()).collect();
        let name = match entry.person.name.is_empty() {
            true => "the row without a name".to_owned(),
            false => shown(&entry.person.name),
        };
        format!("{name} ({})", crate::text::problems::said_lines(&lines))
    }
}

fn usernames(roster: &[Student], students: &BTreeSet<usize>) -> String {
    let names = students
        .iter()
        .map(|student| roster[*student].username.as_str());
    names.collect::<Vec<_>>().join(" and ")
}
