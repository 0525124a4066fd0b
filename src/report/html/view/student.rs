//! One student: their row in the grid, and what unfolds below it or stands on a page of its own.

use jiff::{Timestamp, ZonedDateTime};
use serde::Serialize;

use crate::aws::execution::{Execution, Status};
use crate::evidence::check::{CheckResult, Evidence, ExecutionEvidence, Verdict};
use crate::evidence::progress::{Progress, StudentProgress};
use crate::lab::check::Work;
use crate::lab::given::ExampleRequest;
use crate::lab::marks::Starter;
use crate::report::class::{Column, ReportStudent};
use crate::report::json::at;
use crate::report::marks::{self, CHECK_LEGEND, Mark, Tone};
use crate::report::shell;
use crate::report::words::duration;
use crate::stack::diff::DiffLine;
use crate::text::shortened;
use crate::text::shown::clean;

use super::super::link;
use super::{Shown, beside, machine, own};

/// Lines of a difference that are shown; `report.json` has all.
const DIFF_LINES: usize = 120;

/// Characters of an execution's input or cause that are shown.
const EXCERPT: usize = 400;

/// One student's row, and what unfolds below it.
#[derive(Serialize)]
pub(in super::super) struct Row {
    pub(in super::super) username: String,
    pub(in super::super) name: String,
    section: String,
    state: &'static str,
    mark: Shown,
    /// When it was read, where that was before; and whether that is so because the stack is gone.
    as_of: String,
    gone: bool,
    done: usize,
    of: usize,
    points: String,
    /// The same, short; empty where there is nothing to earn.
    earned: String,
    /// For sorting.
    hundredths: u64,
    cells: Vec<Cell>,
    /// Numbers of the tasks that are not done, for the filter.
    open: String,
    about: Vec<(String, String)>,
    checks: Vec<Answer>,
    stack: Option<Shown>,
    stack_checks: Vec<Answer>,
    validate: Vec<Answer>,
    validate_summary: String,
    executions: Vec<Run>,
    executions_left_out: String,
    outputs: Vec<Output>,
    commands: Vec<Command>,
    changes: Vec<Change>,
}

#[derive(Serialize)]
struct Cell {
    number: usize,
    mark: Shown,
    /// `20 of 30 points`, where a part of it was earned.
    points: String,
}

/// Who reads: what to do next differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Reader {
    /// Whoever runs the class.
    Instructor,
    /// The student whose page it is.
    Student,
}

#[derive(Serialize)]
struct Answer {
    number: usize,
    title: String,
    mark: Shown,
    evidence: Vec<Seen>,
    hint: String,
    points: String,
    /// When it was read, where that was before.
    as_of: String,
}

/// A piece of evidence.
#[derive(Serialize)]
struct Seen {
    text: String,
    run: Option<Run>,
}

#[derive(Serialize)]
struct Run {
    name: String,
    arn: String,
    machine_time: String,
    time: String,
    took: String,
    started_by: &'static str,
    status: &'static str,
    tone: &'static str,
    input: String,
    error: String,
    /// Where to look at it in the console, if that may be followed.
    console: String,
}

#[derive(Serialize)]
struct Output {
    label: String,
    value: String,
    link: bool,
}

/// A request to paste.
#[derive(Serialize)]
struct Command {
    title: String,
    curl: String,
    powershell: String,
}

#[derive(Serialize)]
struct Change {
    resource: String,
    summary: String,
    diff: Vec<Line>,
    left_out: usize,
}

/// A line of a difference: told by its sign, not by its colour alone.
#[derive(Serialize)]
struct Line {
    kind: &'static str,
    text: String,
}

impl Row {
    /// `columns`: the students' tasks.
    pub(in super::super) fn of(
        row: &ReportStudent,
        columns: &[Column],
        taken_at: &ZonedDateTime,
        reader: Reader,
    ) -> Self {
        let student = &row.student;
        let checks = &row.progress.checks;
        let score = row.score();
        let find = |column: &Column| checks.iter().find(|check| check.id == column.id);
        let cells: Vec<Cell> = columns
            .iter()
            .enumerate()
            .map(|(i, column)| Cell::of(i + 1, find(column)))
            .collect();
        let open: Vec<String> = cells
            .iter()
            .filter(|cell| !matches!(cell.mark.tone, "good" | "muted"))
            .map(|cell| cell.number.to_string())
            .collect();
        let mut about: Vec<(String, String)> = Vec::new();
        if let Some(email) = &student.email {
            about.push(("E-mail".to_owned(), own(email)));
        }
        about.extend(student.extra.iter().map(|(k, v)| (own(k), own(v))));
        let executions = &row.progress.executions;
        let of = |work: Work| checks.iter().filter(move |check| check.work == work);
        let deployed = row.progress.progress != Progress::NotDeployed;
        Self {
            username: student.username.to_string(),
            name: student.name.as_deref().map(own).unwrap_or_default(),
            section: student.section.as_deref().map(own).unwrap_or_default(),
            state: row.progress.progress.as_str(),
            mark: short(row.progress.progress).into(),
            as_of: as_of(row.progress.last.as_of, taken_at),
            gone: row.progress.last.gone,
            done: score.done,
            of: score.of,
            points: match score.certain {
                true => format!("{} of {}", score.earned, score.total.words()),
                false if !deployed => "no stack to look at".to_owned(),
                false => format!("at least {} of {}", score.earned, score.total.words()),
            },
            earned: match score.certain {
                _ if score.total.is_zero() || !deployed => String::new(),
                true => score.earned.words(),
                false => format!("≥ {}", score.earned.words()),
            },
            hundredths: score.earned.hundredths(),
            cells,
            open: open.join(" "),
            about,
            checks: answers(of(Work::Student), marks::of_check, taken_at, |check| {
                hint_for(check, reader)
            }),
            stack: row.progress.stack().map(|s| marks::of_stack(s).into()),
            stack_checks: answers(
                of(Work::Stack),
                |check| marks::of_stack_check(check, deployed),
                taken_at,
                |check| hint_for(check, reader),
            ),
            validate: answers(row.validate.iter(), marks::of_probe, taken_at, |check| {
                match reader {
                    Reader::Instructor => check.instructor_hint(),
                    // What `validate` proposes is not a student's to do.
                    Reader::Student if check.verdict == Verdict::Pass => "",
                    Reader::Student => "Show this to your instructor: it is theirs to look into.",
                }
            }),
            validate_summary: match all_passed(&row.validate) {
                true => "every probe passed".to_owned(),
                false => "not every probe passed".to_owned(),
            },
            executions: executions
                .iter()
                .map(|(starter, execution)| Run::of(*starter, execution, None, taken_at))
                .collect(),
            executions_left_out: match (
                row.progress.executions_left_out,
                row.progress.executions_cut_off,
            ) {
                (0, false) => String::new(),
                (n, false) => format!("and {} older ones", n),
                (n, true) => format!("and more than {} older ones", n),
            },
            outputs: outputs(&row.progress),
            commands: row
                .progress
                .requests
                .iter()
                .filter_map(Command::of)
                .collect(),
            changes: row.progress.changes.iter().map(Change::of).collect(),
        }
    }
}

/// Whether every probe of `validate` passed.
pub(super) fn all_passed(checks: &[CheckResult]) -> bool {
    checks.iter().all(|c| marks::of_probe(c).tone == Tone::Good)
}

/// The state in a row: short enough for a column.
fn short(progress: Progress) -> Mark {
    let mark = marks::of_progress(progress);
    match progress {
        Progress::Unknown => Mark {
            word: "could not check",
            ..mark
        },
        _ => mark,
    }
}

impl Cell {
    fn of(number: usize, check: Option<&CheckResult>) -> Self {
        let mark: Shown = check.map_or(CHECK_LEGEND[3], marks::of_check).into();
        match check.and_then(|check| Some((check, marks::parts_done(check)?))) {
            Some((check, done)) => Self {
                number,
                mark: Shown {
                    word: done.into(),
                    ..mark
                },
                points: points(check),
            },
            None => Self {
                number,
                mark,
                points: String::new(),
            },
        }
    }
}

fn hint_for(check: &CheckResult, reader: Reader) -> &str {
    match reader {
        Reader::Instructor => check.instructor_hint(),
        Reader::Student => &check.hint,
    }
}

fn answers<'a>(
    checks: impl Iterator<Item = &'a CheckResult>,
    mark: impl Fn(&CheckResult) -> Mark,
    taken_at: &ZonedDateTime,
    hint: impl Fn(&'a CheckResult) -> &'a str,
) -> Vec<Answer> {
    checks
        .enumerate()
        .map(|(i, check)| Answer {
            number: i + 1,
            title: own(&check.title),
            mark: mark(check).into(),
            evidence: check
                .evidence
                .iter()
                .map(|evidence| Seen::of(evidence, taken_at))
                .collect(),
            hint: own(hint(check)),
            points: points(check),
            as_of: as_of(check.as_of, taken_at),
        })
        .collect()
}

fn as_of(at: Option<Timestamp>, taken_at: &ZonedDateTime) -> String {
    at.map_or(String::new(), |at| beside(at, taken_at))
}

/// What a task gave, of what it is worth; nothing where there is nothing to earn.
fn points(check: &CheckResult) -> String {
    if check.points.is_zero() {
        return String::new();
    }
    let of = check.points.words();
    match check.verdict {
        Verdict::Pass | Verdict::Fail => format!("{} of {of}", check.earned),
        Verdict::CouldNotCheck => format!("at least {} of {of}", check.earned),
        Verdict::NotProvable => of,
    }
}

impl Seen {
    fn of(evidence: &Evidence, taken_at: &ZonedDateTime) -> Self {
        Self {
            text: own(&evidence.text),
            run: evidence
                .execution
                .as_ref()
                .map(|e| Run::of_evidence(e, taken_at)),
        }
    }
}

impl Run {
    /// With the cause of a failure, where it was asked for, in the place of the Fail state's own words.
    fn of_evidence(shown: &ExecutionEvidence, taken_at: &ZonedDateTime) -> Self {
        let console = shown.console_url.as_deref();
        let mut run = Self::of(shown.starter, &shown.execution, console, taken_at);
        if let Some(why) = &shown.why {
            let detail = shown.execution.detail.as_ref();
            let error = detail.and_then(|detail| detail.error.as_deref());
            let parts = [error, Some(&why.sentence())];
            let parts: Vec<&str> = parts.into_iter().flatten().collect();
            run.error = excerpt(&parts.join(": "));
        }
        run
    }

    fn of(
        starter: Starter,
        execution: &Execution,
        console: Option<&str>,
        taken_at: &ZonedDateTime,
    ) -> Self {
        let started = at(execution.started_ms, taken_at.time_zone());
        let detail = execution.detail.as_ref();
        let took = execution
            .stopped_ms
            .and_then(|stopped| u64::try_from(stopped - execution.started_ms).ok());
        let error = detail.map_or(String::new(), |d| {
            let parts = [d.error.as_deref(), d.cause.as_deref()];
            parts.into_iter().flatten().collect::<Vec<_>>().join(": ")
        });
        Self {
            name: own(&execution.name),
            arn: own(&execution.arn),
            machine_time: started.as_ref().map_or(String::new(), machine),
            time: started.map_or("unknown".to_owned(), |t| {
                // The day is worth its room only when it is another one.
                let format = match t.date() == taken_at.date() {
                    true => "%H:%M:%S",
                    false => "%-d %b %H:%M:%S",
                };
                t.strftime(format).to_string()
            }),
            took: match took {
                Some(ms) if ms < 10_000 => {
                    format!("{}.{}s", ms / 1000, ms % 1000 / 100)
                }
                Some(ms) => duration(std::time::Duration::from_millis(ms)),
                None => String::new(),
            },
            started_by: starter.phrase(),
            status: execution.status.as_str(),
            tone: match execution.status {
                Status::Succeeded => "good",
                Status::Running | Status::PendingRedrive => "busy",
                Status::Failed | Status::TimedOut => "bad",
                Status::Aborted => "idle",
            },
            input: detail
                .filter(|d| !d.input.is_null())
                .map_or(String::new(), |d| excerpt(&d.input.to_string())),
            error: excerpt(&error),
            console: console.and_then(link).unwrap_or_default().to_owned(),
        }
    }
}

fn outputs(progress: &StudentProgress) -> Vec<Output> {
    progress
        .outputs
        .iter()
        .map(|output| Output {
            label: own(&output.label),
            link: link(&output.value).is_some(),
            value: own(&output.value),
        })
        .collect()
}

impl Command {
    /// `None` for an address that nobody should send anything to.
    fn of(request: &ExampleRequest) -> Option<Self> {
        link(&request.url)?;
        Some(Self {
            title: own(&request.title),
            curl: shell::curl(request),
            powershell: shell::powershell(request),
        })
    }
}

impl Change {
    fn of(change: &crate::stack::diff::Change) -> Self {
        Self {
            resource: own(&change.resource),
            summary: own(&change.summary),
            diff: change.diff.iter().take(DIFF_LINES).map(Line::of).collect(),
            left_out: change.diff.len().saturating_sub(DIFF_LINES),
        }
    }
}

impl Line {
    fn of(line: &DiffLine) -> Self {
        let (kind, text) = match line {
            DiffLine::Same(text) => ("same", own(text)),
            DiffLine::Added(text) => ("added", own(text)),
            DiffLine::Removed(text) => ("removed", own(text)),
            DiffLine::LeftOut(1) => ("left-out", "1 unchanged line".to_owned()),
            DiffLine::LeftOut(count) => ("left-out", format!("{count} unchanged lines")),
        };
        Self { kind, text }
    }
}

fn excerpt(text: &str) -> String {
    shortened(&clean(text), EXCERPT)
}
