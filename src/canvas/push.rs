//! Writing grades: only those that changed, none that Canvas changed meanwhile, and every one read back.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::time::{Instant, sleep};

use crate::ids::Username;
use crate::report::gradebook::{Cell, DecimalMark, Judged, Number};
use crate::text::failure::Failure;
use crate::text::show::clean;
use crate::text::unwanted::shown;

use super::api::Canvas;
use super::course::{Course, Place, cells};

/// Grades in one request.
const AT_ONCE: usize = 50;
/// How long Canvas may take for one request's grades. It queues them.
const PATIENCE: Duration = Duration::from_secs(180);

/// A grade that is to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) username: Username,
    /// As Canvas writes it.
    pub(crate) name: String,
    user: u64,
    seen: Cell,
    pub(crate) from: Option<Number>,
    pub(crate) to: Number,
}

/// Grades that are to be written to one assignment.
#[derive(Debug)]
pub(crate) struct Push {
    place: Place,
    pub(crate) grades: Vec<Sent>,
}

impl PushEnd {
    /// Why a grade is not in Canvas as it should be, and what to do; `None` where it is.
    pub(crate) fn failure(&self, grade: &Sent) -> Option<Failure> {
        let (cause, hint) = match self {
            Self::Written => return None,
            Self::ChangedMeanwhile(now) => (
                format!(
                    "Canvas has {} now, not what was listed; nothing was sent",
                    said(now)
                ),
                "run the same command again and look at the new list",
            ),
            Self::NotWritten => (
                "not written: Canvas has what it had before".to_owned(),
                "run the same command again: it sends what is missing",
            ),
            Self::Differs(now) => (
                format!("{} was sent, and Canvas has {}", grade.to, said(now)),
                "look at this student's grade in Canvas: somebody else, or a rule of the course, changed it",
            ),
            Self::NotKnown => (
                format!("{} was sent, and could not be read back", grade.to),
                "look at this student's grade in Canvas, or run the same command again",
            ),
        };
        Some(Failure::new(format!("{} {}", grade.username, grade.change()), cause).hint(hint))
    }
}

fn said(cell: &Cell) -> String {
    match cell {
        Cell::Empty => "no grade".to_owned(),
        Cell::Excused => "the student as excused".to_owned(),
        Cell::NotAssigned => "the assignment not assigned to the student".to_owned(),
        Cell::Points(number) => number.to_string(),
        Cell::Other(text) => shown(text),
    }
}

/// What became of one grade.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PushEnd {
    /// Canvas has it.
    Written,
    /// Canvas had another grade than in the listing, so nothing was sent. What it has.
    ChangedMeanwhile(Cell),
    /// Canvas still has what it had.
    NotWritten,
    /// Canvas has something else than what was sent.
    Differs(Cell),
    /// It was sent, and could not be read back.
    NotKnown,
}

/// How the writing ended.
#[derive(Debug)]
pub(crate) struct Wrote {
    /// What became of each grade, in order.
    pub(crate) ended: Vec<PushEnd>,
    /// What went wrong on the way.
    pub(crate) failures: Vec<Failure>,
    /// Whether it was stopped before its end.
    pub(crate) stopped: bool,
}

#[derive(Debug, Deserialize)]
struct CanvasJob {
    id: u64,
    workflow_state: String,
    message: Option<String>,
}

impl Push {
    /// The grades that Canvas does not have yet.
    pub(crate) fn of(course: &Course, judged: &Judged) -> Self {
        let changed = judged
            .graded
            .iter()
            .filter(|graded| !graded.cells.is_empty());
        let grades = changed.filter_map(|graded| {
            let person = course.gradebook.people.get(graded.person)?;
            Some(Sent {
                username: graded.username.clone(),
                name: person.name.clone(),
                user: *course.users.get(graded.person)?,
                seen: person.cells.first()?.clone(),
                from: graded.from,
                to: graded.to,
            })
        });
        Self {
            place: course.place,
            grades: grades.collect(),
        }
    }

    /// A line for each grade: username, old → new, name.
    pub(crate) fn lines(&self) -> Vec<String> {
        let name_of = |grade: &Sent| grade.username.as_str().chars().count();
        let width = self.grades.iter().map(name_of).max().unwrap_or(0);
        let changes: Vec<String> = self.grades.iter().map(Sent::change).collect();
        let change_width = changes.iter().map(|text| text.chars().count()).max();
        let change_width = change_width.unwrap_or(0);
        let lines = self.grades.iter().zip(&changes).map(|(grade, change)| {
            let name = clean(&grade.name);
            format!(
                "  {:width$}  {change:change_width$}  {name}",
                grade.username.as_str()
            )
        });
        lines.collect()
    }

    /// Writes the grades, and reads them back. `stop` ends the writing; what was written is still found out.
    pub(crate) async fn write(&self, canvas: &Canvas, stop: impl Future<Output = ()>) -> Wrote {
        let before = match cells(canvas, self.place).await {
            Ok(before) => before,
            Err(failure) => {
                return Wrote {
                    ended: vec![PushEnd::NotWritten; self.grades.len()],
                    failures: vec![failure],
                    stopped: false,
                };
            }
        };
        let now = |grade: &Sent| before.get(&grade.user).unwrap_or(&Cell::NotAssigned);
        let unchanged: Vec<&Sent> = self.grades.iter().filter(|g| *now(g) == g.seen).collect();
        let mut failures = Vec::new();
        let (mut asked, mut stopped) = (0, false);
        let sending = async {
            for some in unchanged.chunks(AT_ONCE) {
                asked += some.len();
                self.send(canvas, some).await?;
            }
            Ok(())
        };
        tokio::select! {
            sent = sending => failures.extend(sent.err()),
            () = stop => stopped = true,
        }
        let after = match asked {
            0 => Ok(before.clone()),
            _ => cells(canvas, self.place).await,
        };
        let after = after.map_err(|failure| failures.push(failure)).ok();
        let mut place = 0;
        let ended = self.grades.iter().map(|grade| {
            let now = now(grade);
            if *now != grade.seen {
                return match has(now, grade.to) {
                    true => PushEnd::Written,
                    false => PushEnd::ChangedMeanwhile(now.clone()),
                };
            }
            place += 1;
            match &after {
                None if place <= asked => PushEnd::NotKnown,
                None => PushEnd::NotWritten,
                Some(after) => grade.found(after),
            }
        });
        Wrote {
            ended: ended.collect(),
            failures,
            stopped,
        }
    }

    /// One request, and the wait until Canvas has carried it out.
    async fn send(&self, canvas: &Canvas, some: &[&Sent]) -> Result<(), Failure> {
        let grades = some.iter().map(|grade| {
            // A point in every language: the API reads no other.
            let text = grade.to.written(DecimalMark::Point);
            (grade.user.to_string(), json!({ "posted_grade": text }))
        });
        let body = json!({ "grade_data": grades.collect::<Map<String, Value>>() });
        let path = format!("{}/submissions/update_grades", self.place.path());
        let mut progress: CanvasJob = canvas.post(&path, &body).await?;
        let deadline = Instant::now() + PATIENCE;
        let mut pause = Duration::from_millis(200);
        loop {
            let failed = |cause: String| Failure::new("Canvas: writing grades", cause);
            match progress.workflow_state.as_str() {
                "completed" => return Ok(()),
                "failed" => {
                    let said = progress.message.as_deref().map(clean);
                    let said = said.map_or_else(String::new, |said| format!(": {said}"));
                    return Err(failed(format!("Canvas gave up{said}"))
                        .hint("run the same command again: it sends what is missing"));
                }
                _ if Instant::now() > deadline => {
                    let seconds = PATIENCE.as_secs();
                    return Err(failed(format!(
                        "not done after {seconds} seconds; Canvas may still do it"
                    ))
                    .hint("look at the gradebook in Canvas, then run the same command again"));
                }
                _ => sleep(pause).await,
            }
            pause = (pause * 2).min(Duration::from_secs(3));
            progress = canvas
                .get(&format!("/api/v1/progress/{}", progress.id))
                .await?;
        }
    }
}

impl Sent {
    #[cfg(test)]
    pub(super) fn user(&self) -> u64 {
        self.user
    }

    /// `80 → 100`.
    pub(crate) fn change(&self) -> String {
        let from = self
            .from
            .map_or_else(|| "–".to_owned(), |from| from.to_string());
        format!("{from} → {}", self.to)
    }

    /// What became of it, from what Canvas has now.
    fn found(&self, after: &BTreeMap<u64, Cell>) -> PushEnd {
        let now = after.get(&self.user).unwrap_or(&Cell::NotAssigned);
        match has(now, self.to) {
            true => PushEnd::Written,
            false if *now == self.seen => PushEnd::NotWritten,
            false => PushEnd::Differs(now.clone()),
        }
    }
}

fn has(cell: &Cell, grade: Number) -> bool {
    matches!(cell, Cell::Points(number) if number.compare(grade).is_eq())
}
