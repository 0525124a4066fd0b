//! Judging a gradebook: which person gets which points, and which students get none and why.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use crate::ids::Username;
use crate::lab::points::Points;
use crate::report::document::{Document, ReportStudent};
use crate::roster::Student;
use crate::text::unwanted::shown;

use super::matching::{MatchDoubt, Matches, find};
use super::{Cell, Gradebook, Number, Person, System};

/// How points become grades.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct GradeRules {
    /// Whether grades may become lower.
    pub(crate) lower: bool,
    /// Whether late work gets its points, too.
    pub(crate) count_late: bool,
}

/// Which grades go into a gradebook, and the students who get none.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Judged {
    pub(crate) system: System,
    /// What the system calls the assignment.
    pub(crate) assignment: String,
    /// Students who have their grade, or get it.
    pub(crate) graded: Vec<Graded>,
    /// Those of them whose row was found only by the name.
    pub(crate) by_name: Vec<Username>,
    /// Students whose cell stays as it was, and why. No student is both here and in `graded`.
    pub(crate) left: Vec<NotFilled>,
    /// Grades that are lower than in the gradebook.
    pub(crate) lowers: Vec<Lower>,
    /// Whether those were lowered; otherwise they stay as they are.
    pub(crate) lowered: bool,
    /// Rows of people outside the class: their name, or the place of a row without a name.
    pub(crate) strangers: Vec<String>,
    /// Rows that fill in nobody, because they have one student's login and another student's name, and neither of the
    /// two is in `left`.
    pub(crate) crossed: Vec<String>,
    /// homeroom's total and the assignment's points possible, where they differ and points were scaled.
    pub(crate) scaled: Option<(Points, String)>,
    /// What became of late work, where a time is due.
    pub(crate) late: Option<String>,
}

/// A student who has the grade, or gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Graded {
    pub(crate) username: Username,
    /// The place of the person among the gradebook's people.
    pub(crate) person: usize,
    /// The person's cells that get the grade; none where they have it already.
    pub(crate) cells: Vec<usize>,
    /// The highest grade that they have.
    pub(crate) from: Option<Number>,
    pub(crate) to: Number,
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

/// A grade that is lower than in the gradebook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lower {
    pub(crate) username: Username,
    /// What the gradebook has.
    pub(crate) from: String,
    /// What the lab gives.
    pub(crate) to: String,
}

/// `why` and `detail` of [`NotFilled`].
type Reason = (String, String);

fn reason(why: impl Into<String>) -> Reason {
    (why.into(), String::new())
}

impl Judged {
    /// Leaves out whose grade would change although only the name shows whose it is.
    pub(crate) fn leave_out_by_name(&mut self, why: &str) {
        let by_name = std::mem::take(&mut self.by_name);
        let (out, kept) = std::mem::take(&mut self.graded)
            .into_iter()
            .partition::<Vec<_>, _>(|graded| {
                !graded.cells.is_empty() && by_name.contains(&graded.username)
            });
        self.graded = kept;
        for Graded { username, .. } in out {
            self.lowers.retain(|lower| lower.username != username);
            self.left.push(NotFilled {
                username,
                why: why.to_owned(),
                detail: String::new(),
            });
        }
    }
}

impl Gradebook {
    /// Decides who gets which grade. `roster`: the whole class, even if the report is about a selection: the others
    /// are no strangers.
    pub(crate) fn judge(
        &self,
        document: &Document,
        roster: &[Student],
        rules: GradeRules,
    ) -> Judged {
        let matches = find(roster, &self.people);
        let numbered = roster.iter().enumerate();
        let place: BTreeMap<&Username, usize> = numbered.map(|(at, s)| (&s.username, at)).collect();
        let mut judged = Judged {
            system: self.system,
            assignment: self.title.clone(),
            lowered: rules.lower,
            late: document.late_note(rules.count_late),
            ..Judged::default()
        };
        for row in &document.students {
            let username = &row.student.username;
            let Some(student) = place.get(username).copied() else {
                continue;
            };
            let person = matches.of_student[student];
            let person = person.ok_or_else(|| self.unmatched(roster, student, &matches));
            let graded = person.and_then(|person| {
                let to = self.grade(row, rules)?;
                let (from, cells) = self.cells(&self.people[person], to)?;
                Ok(Graded {
                    username: username.clone(),
                    person,
                    cells,
                    from,
                    to,
                })
            });
            let graded = match graded {
                Ok(graded) => graded,
                Err((why, detail)) => {
                    judged.left.push(NotFilled {
                        username: username.clone(),
                        why,
                        detail,
                    });
                    continue;
                }
            };
            let higher = graded.from.filter(|from| from.compare(graded.to).is_gt());
            if let Some(from) = higher {
                judged.lowers.push(Lower {
                    username: username.clone(),
                    from: from.to_string(),
                    to: graded.to.to_string(),
                });
                if !rules.lower {
                    continue;
                }
            }
            let total = row.score().total;
            let of_lab = Number::from_hundredths(total.hundredths());
            if self.possible.compare(of_lab) != Ordering::Equal {
                judged.scaled = Some((total, self.possible.to_string()));
            }
            if matches.by_name.contains(&student) {
                judged.by_name.push(username.clone());
            }
            judged.graded.push(graded);
        }
        self.say_rows(&mut judged, roster, &matches);
        judged
    }

    /// The student's points, scaled to those that the gradebook gives.
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

    /// A person's highest grade, and the cells that a grade goes into: all of them, except those where the assignment is
    /// not assigned; none where all have the grade.
    fn cells(
        &self,
        person: &Person,
        grade: Number,
    ) -> Result<(Option<Number>, Vec<usize>), Reason> {
        let system = self.system.name();
        if !person.known {
            let why = match self.system {
                System::Canvas => "their row has no ID and no login",
                System::Moodle => "their row has nothing by which Moodle could find them",
            };
            return Err((why.to_owned(), self.row(person)));
        }
        let mut theirs = Vec::new();
        let mut highest: Option<Number> = None;
        let mut differs = false;
        for (at, cell) in person.cells.iter().enumerate() {
            match cell {
                Cell::Excused => return Err(reason(format!("excused in {system}"))),
                Cell::NotAssigned => continue,
                Cell::Empty => differs = true,
                Cell::Points(number) => {
                    differs |= number.compare(grade) != Ordering::Equal;
                    highest = highest.max(Some(*number));
                }
                Cell::Other(text) => {
                    let why = format!("their cell in {system} is not a number");
                    return Err((why, shown(text)));
                }
            }
            theirs.push(at);
        }
        if theirs.is_empty() {
            let why = format!("the assignment is not assigned to them in {system}");
            return Err(reason(why));
        }
        theirs.retain(|_| differs);
        Ok((highest, theirs))
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
            return reason(format!("no row has their {has}"));
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
    fn say_rows(&self, judged: &mut Judged, roster: &[Student], matches: &Matches) {
        for (at, person) in self.people.iter().enumerate() {
            let of_class = matches.of_person[at].is_some() || matches.doubtful.contains(&at);
            if of_class || person.test {
                continue;
            }
            let name = match person.name.is_empty() {
                true => self.row(person),
                false => format!("'{}'", person.name),
            };
            let rows = person.cells.len();
            judged.strangers.extend(std::iter::repeat_n(name, rows));
        }
        let left: BTreeSet<&Username> = judged.left.iter().map(|left| &left.username).collect();
        let crossed = matches.crossed.iter().filter(|doubt| match doubt {
            MatchDoubt::Crossed {
                by_proof, by_name, ..
            } => {
                let mut both = by_name.iter().chain([by_proof]);
                !both.any(|student| left.contains(&roster[*student].username))
            }
            _ => false,
        });
        judged.crossed = crossed
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
    fn row(&self, person: &Person) -> String {
        let name = match person.name.is_empty() {
            true => "the row without a name".to_owned(),
            false => shown(&person.name),
        };
        format!("{name} ({})", person.place)
    }
}

fn usernames(roster: &[Student], students: &BTreeSet<usize>) -> String {
    let names = students
        .iter()
        .map(|student| roster[*student].username.as_str());
    names.collect::<Vec<_>>().join(" and ")
}
