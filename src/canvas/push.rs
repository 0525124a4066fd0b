//! Writing grades: only those that changed, none that Canvas changed meanwhile, and every one read back.

use std::collections::BTreeMap;
use std::pin::pin;
use std::time::Duration;

use futures::{Stream, StreamExt};
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

/// Ends with the next stop; never where none comes any more.
async fn next(stops: &mut (impl Stream<Item = ()> + Unpin)) {
    if stops.next().await.is_none() {
        std::future::pending().await
    }
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
                format!(
                    "{} was sent, and what became of it is not known: Canvas may still write it",
                    grade.to
                ),
                "look at this student's grade in Canvas, then run the same command again",
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
    /// It was sent, and could not be read back, or Canvas does not have it and may still write it.
    NotKnown,
}

/// How far one grade has come.
#[derive(Debug, Clone, PartialEq, Eq)]
enum GradeStep {
    NotSent,
    /// Canvas had something else than in the listing, so it is not sent.
    Changed(Cell),
    /// Sent, and Canvas may still write it.
    Sent,
    /// Canvas has ended the job that it was sent for.
    Ended,
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
    /// Whether it was stopped once more, so that what Canvas has was not read back.
    pub(crate) unverified: bool,
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

    /// Writes the grades, each only where Canvas still has what was listed, and reads them back. The first of `stops` ends the
    /// writing, and what was written is still found out; the second ends that, too.
    pub(crate) async fn write(&self, canvas: &Canvas, stops: impl Stream<Item = ()>) -> Wrote {
        let mut stops = pin!(stops);
        let mut progress = vec![GradeStep::NotSent; self.grades.len()];
        let (mut failures, mut stopped) = (Vec::new(), false);
        tokio::select! {
            // Who stops it before something is sent must not lose to the sending.
            biased;
            () = next(&mut stops) => stopped = true,
            sent = self.send_all(canvas, &mut progress) => failures.extend(sent.err()),
        }
        let is_sent = |one: &GradeStep| matches!(one, GradeStep::Sent | GradeStep::Ended);
        let (mut after, mut unverified) = (None, false);
        if progress.iter().any(is_sent) {
            let twice = async {
                if !stopped {
                    next(&mut stops).await;
                    stopped = true;
                }
                next(&mut stops).await;
            };
            tokio::select! {
                biased;
                () = twice => unverified = true,
                read = cells(canvas, self.place) => match read {
                    Ok(cells) => after = Some(cells),
                    Err(failure) => failures.push(failure),
                },
            }
        }
        let ended = self.grades.iter().zip(progress);
        let ended = ended.map(|(grade, progress)| grade.ended(progress, after.as_ref()));
        Wrote {
            ended: ended.collect(),
            failures,
            stopped,
            unverified,
        }
    }

    /// Whose grade was sent and not read back, where that was not waited for.
    pub(crate) fn unverified(&self, ended: &[PushEnd]) -> String {
        let grades = self.grades.iter().zip(ended);
        let open = grades.filter(|(_, ended)| **ended == PushEnd::NotKnown);
        let names: Vec<&str> = open.map(|(grade, _)| grade.username.as_str()).collect();
        format!(
            "interrupted again: what Canvas has now was not read back; not verified: {}",
            names.join(", ")
        )
    }

    /// `progress`: of each grade, in order.
    async fn send_all(&self, canvas: &Canvas, progress: &mut [GradeStep]) -> Result<(), Failure> {
        let chunks = self.grades.chunks(AT_ONCE);
        for (some, progress) in chunks.zip(progress.chunks_mut(AT_ONCE)) {
            // Each time: while Canvas carries out one request, somebody may change a grade of the next.
            let now = cells(canvas, self.place).await?;
            let mut unchanged = Vec::new();
            for (grade, progress) in some.iter().zip(progress.iter_mut()) {
                match grade.cell(&now) {
                    cell if *cell == grade.seen => {
                        unchanged.push(grade);
                        *progress = GradeStep::Sent;
                    }
                    cell => *progress = GradeStep::Changed(cell.clone()),
                }
            }
            if unchanged.is_empty() {
                continue;
            }
            let (became, sent) = self.send(canvas, &unchanged).await;
            let of_these = progress.iter_mut().filter(|one| **one == GradeStep::Sent);
            of_these.for_each(|one| *one = became.clone());
            sent?;
        }
        Ok(())
    }

    /// One request, and the wait until Canvas has carried it out. How far its grades have come, and what went wrong.
    async fn send(&self, canvas: &Canvas, some: &[&Sent]) -> (GradeStep, Result<(), Failure>) {
        let grades = some.iter().map(|grade| {
            // A point in every language: the API reads no other.
            let text = grade.to.written(DecimalMark::Point);
            (grade.user.to_string(), json!({ "posted_grade": text }))
        });
        let body = json!({ "grade_data": grades.collect::<Map<String, Value>>() });
        let path = format!("{}/submissions/update_grades", self.place.path());
        let mut job: CanvasJob = match canvas.post(&path, &body).await {
            Ok(job) => job,
            Err(failed) if failed.refused => return (GradeStep::NotSent, Err(failed.failure)),
            Err(failed) => return (GradeStep::Sent, Err(failed.failure)),
        };
        let deadline = Instant::now() + PATIENCE;
        let mut pause = Duration::from_millis(200);
        loop {
            let failed = |cause: String| Failure::new("Canvas: writing grades", cause);
            match job.workflow_state.as_str() {
                "completed" => return (GradeStep::Ended, Ok(())),
                "failed" => {
                    let said = job.message.as_deref().map(|said| canvas.told(said));
                    let said = said.map_or_else(String::new, |said| format!(": {said}"));
                    let failure = failed(format!("Canvas gave up{said}"))
                        .hint("run the same command again: it sends what is missing");
                    return (GradeStep::Ended, Err(failure));
                }
                _ if Instant::now() > deadline => {
                    let seconds = PATIENCE.as_secs();
                    let failure = failed(format!(
                        "not done after {seconds} seconds; Canvas may still do it"
                    ))
                    .hint("look at the gradebook in Canvas, then run the same command again");
                    return (GradeStep::Sent, Err(failure));
                }
                _ => sleep(pause).await,
            }
            pause = (pause * 2).min(Duration::from_secs(3));
            job = match canvas.get(&format!("/api/v1/progress/{}", job.id)).await {
                Ok(job) => job,
                Err(failure) => return (GradeStep::Sent, Err(failure)),
            };
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

    fn cell<'a>(&self, cells: &'a BTreeMap<u64, Cell>) -> &'a Cell {
        cells.get(&self.user).unwrap_or(&Cell::NotAssigned)
    }

    /// What became of it. `after`: what Canvas has now, where that was read.
    fn ended(&self, progress: GradeStep, after: Option<&BTreeMap<u64, Cell>>) -> PushEnd {
        let now = match (&progress, after) {
            (GradeStep::Changed(cell), None) => cell,
            (_, Some(after)) => self.cell(after),
            (GradeStep::NotSent, None) => return PushEnd::NotWritten,
            (GradeStep::Sent | GradeStep::Ended, None) => return PushEnd::NotKnown,
        };
        let is_as_seen = *now == self.seen;
        match &progress {
            _ if has(now, self.to) => PushEnd::Written,
            GradeStep::Changed(cell) if is_as_seen => PushEnd::ChangedMeanwhile(cell.clone()),
            GradeStep::NotSent | GradeStep::Ended if is_as_seen => PushEnd::NotWritten,
            GradeStep::Sent if is_as_seen => PushEnd::NotKnown,
            GradeStep::NotSent | GradeStep::Changed(_) => PushEnd::ChangedMeanwhile(now.clone()),
            GradeStep::Sent | GradeStep::Ended => PushEnd::Differs(now.clone()),
        }
    }
}

fn has(cell: &Cell, grade: Number) -> bool {
    matches!(cell, Cell::Points(number) if number.compare(grade).is_eq())
}
