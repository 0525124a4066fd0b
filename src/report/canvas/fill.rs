//! Filling in an export: which cell gets which points, and which students get none and why.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use crate::ids::Username;
use crate::lab::points::Points;
use crate::report::document::{Document, ReportStudent};
use crate::roster::Student;
use crate::text::encoding::MARK;
use crate::text::normalise::key;
use crate::text::problems::said_lines;
use crate::text::unwanted::shown;

use super::export::{Export, ExportPerson};
use super::matching::{MatchDoubt, Matches, find};
use super::number::{Number, Unreadable};

/// An export with a column filled in, and the students who could not be filled in.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Filled {
    /// The file: the columns that say who a row is, and the assignment's.
    pub(crate) bytes: Vec<u8>,
    /// The column's header, as in the file.
    pub(crate) assignment: String,
    /// Students whose grade is now in the file.
    pub(crate) filled: Vec<Username>,
    /// Those of them whose row was found only by the name.
    pub(crate) by_name: Vec<Username>,
    /// Students whose cell stays as it was, and why. No student is both here and in `filled`.
    pub(crate) left: Vec<NotFilled>,
    /// Grades that are lower than in Canvas.
    pub(crate) lowers: Vec<Lower>,
    /// Whether those were lowered; otherwise they stay as they are in Canvas.
    pub(crate) lowered: bool,
    /// Rows of people outside the class: the name in the export, or the line of a row without a name.
    pub(crate) strangers: Vec<String>,
    /// Rows that fill in nobody, because they have one student's login and another student's name, and neither of the
    /// two is in `left`.
    pub(crate) crossed: Vec<String>,
    /// homeroom's total and the assignment's points possible, where they differ and points were scaled.
    pub(crate) scaled: Option<(Points, String)>,
    /// What became of late work, where a time is due.
    pub(crate) late: Option<String>,
}

/// A student who was not filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NotFilled {
    pub(crate) username: Username,
    /// The same words for all students with this reason.
    pub(crate) why: String,
    /// The row or the value of this student; empty where there is nothing to add.
    pub(crate) detail: String,
}

/// A grade that is lower than in Canvas.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lower {
    pub(crate) username: Username,
    /// What Canvas has.
    pub(crate) from: String,
    /// What the lab gives.
    pub(crate) to: String,
}

/// How points become grades.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct GradeRules {
    /// Whether grades may become lower.
    pub(crate) lower: bool,
    /// Whether late work gets its points, too.
    pub(crate) count_late: bool,
}

/// What happens to one person's cells.
enum Cells {
    /// These records' cells get the grade.
    Write(Vec<usize>),
    /// They have the grade already.
    Keep,
    /// They have a higher grade.
    Higher(Number),
}

/// `why` and `detail` of [`NotFilled`].
type Reason = (String, String);

fn reason(why: &str) -> Reason {
    (why.to_owned(), String::new())
}

impl Export<'_> {
    /// Fills in the assignment's column. `roster`: the whole class, even if the report is about a selection: the others
    /// are no strangers.
    pub(crate) fn fill(
        &self,
        document: &Document,
        roster: &[Student],
        rules: GradeRules,
    ) -> Filled {
        let matches = find(roster, &self.people);
        let numbered = roster.iter().enumerate();
        let place: BTreeMap<&Username, usize> = numbered.map(|(at, s)| (&s.username, at)).collect();
        let mut filled = Filled {
            assignment: self.title.clone(),
            lowered: rules.lower,
            late: document.late_note(rules.count_late),
            ..Filled::default()
        };
        let mut edits: BTreeMap<usize, String> = BTreeMap::new();
        for row in &document.students {
            let username = &row.student.username;
            let Some(student) = place.get(username).copied() else {
                continue;
            };
            let person = matches.of_student[student].map(|person| &self.people[person]);
            let person = person.ok_or_else(|| self.unmatched(roster, student, &matches));
            let graded = person.and_then(|person| {
                let grade = self.grade(row, rules)?;
                Ok((person, grade, self.cells(person, grade)?))
            });
            let (person, grade, cells) = match graded {
                Ok(graded) => graded,
                Err((why, detail)) => {
                    filled.left.push(NotFilled {
                        username: username.clone(),
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
                    if !rules.lower {
                        continue;
                    }
                    person.records.clone()
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

    /// A cell's points. `99.999` could be 99 thousand. It is read as a decimal where the file writes decimals like this,
    /// and the thousands would be more than the assignment gives.
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

    /// The student's points, scaled to those that Canvas gives.
    fn grade(&self, row: &ReportStudent, rules: GradeRules) -> Result<Number, Reason> {
        let score = row.score();
        if !row.is_deployed() {
            return Err(reason(
                "their stack is not there, so their work is not known",
            ));
        }
        let Some(earned) = row.graded(rules.count_late) else {
            return Err(reason(match score.certain {
                true => "what they did by the due time is not known; --count-late takes all points",
                false => "could not be checked",
            }));
        };
        if score.total.is_zero() {
            return Err(reason("the lab gives no points"));
        }
        let (earned, total) = (earned.hundredths(), score.total.hundredths());
        Ok(self.possible.part(earned, total))
    }

    /// What to do with a person's cells: the same for all of them, except those where the assignment is not assigned.
    fn cells(&self, person: &ExportPerson, grade: Number) -> Result<Cells, Reason> {
        if !person.known_to_canvas {
            let why = "their row has no ID and no login";
            return Err((why.to_owned(), self.row(person)));
        }
        let mut theirs = Vec::new();
        let mut highest: Option<Number> = None;
        let mut empty_or_other = false;
        for record in person.records.iter().copied() {
            let text = self.table.records[record].text(self.column);
            match key(text).as_str() {
                "ex" | "excused" => return Err(reason("excused in Canvas")),
                // These mean "no score" to Canvas.
                "" | "-" | "–" | "—" => empty_or_other = true,
                "n/a" => continue,
                _ => {
                    let number = self.points(text).map_err(|_| {
                        let why = "their cell in Canvas is not a number";
                        (why.to_owned(), shown(text))
                    })?;
                    empty_or_other |= number.compare(grade) != Ordering::Equal;
                    highest = highest.max(Some(number));
                }
            }
            theirs.push(record);
        }
        match highest {
            _ if theirs.is_empty() => {
                Err(reason("the assignment is not assigned to them in Canvas"))
            }
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
        if self.has_byte_order_mark {
            out.extend_from_slice(MARK);
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

    /// Why no row was found for the student.
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
                let login = &self.people[*person].logins[*column];
                format!("{} has {}", row(person), shown(login))
            }
            MatchDoubt::Torn(person) | MatchDoubt::OtherName(_, person) => row(person),
        };
        (doubt.why(), detail)
    }

    /// Lists the rows that filled in nobody.
    fn say_rows(&self, filled: &mut Filled, roster: &[Student], matches: &Matches) {
        for (at, person) in self.people.iter().enumerate() {
            let of_class = matches.of_person[at].is_some() || matches.doubtful.contains(&at);
            if of_class || person.test {
                continue;
            }
            let name = match person.name.is_empty() {
                true => self.row(person),
                false => format!("'{}'", person.name),
            };
            let rows = person.records.len();
            filled.strangers.extend(std::iter::repeat_n(name, rows));
        }
        let left: BTreeSet<&Username> = filled.left.iter().map(|left| &left.username).collect();
        let crossed = matches.crossed.iter().filter(|doubt| match doubt {
            MatchDoubt::Crossed {
                by_proof, by_name, ..
            } => {
                let mut both = by_name.iter().chain([by_proof]);
                !both.any(|student| left.contains(&roster[*student].username))
            }
            _ => false,
        });
        filled.crossed = crossed
            .filter_map(|doubt| self.crossing(roster, doubt))
            .collect();
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
    fn row(&self, person: &ExportPerson) -> String {
        let records = person.records.iter();
        let lines: Vec<usize> = records.map(|at| self.table.records[*at].line()).collect();
        let name = match person.name.is_empty() {
            true => "the row without a name".to_owned(),
            false => shown(&person.name),
        };
        format!("{name} ({})", said_lines(&lines))
    }
}

fn usernames(roster: &[Student], students: &BTreeSet<usize>) -> String {
    let names = students
        .iter()
        .map(|student| roster[*student].username.as_str());
    names.collect::<Vec<_>>().join(" and ")
}
