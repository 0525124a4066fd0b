//! One student: their row in the grid, and what unfolds below it or stands on a page of its own.

use std::time::Duration;

use serde::Serialize;

use crate::aws::execution::{Execution, ExecutionStatus};
use crate::evidence::check::{CheckResult, Evidence, ExecutionEvidence, Verdict};
use crate::evidence::progress::Progress;
use crate::ids::Username;
use crate::lab::check::Work;
use crate::lab::given::{ExampleRequest, Output};
use crate::lab::marks::Starter;
use crate::report::document::{Document, ReportStudent, at, rfc3339};
use crate::report::marks::{self, CHECK_LEGEND, Mark, Tone};
use crate::report::shell;
use crate::report::tally::CheckTally;
use crate::stack::diff::Change;
use crate::text::shortened;
use crate::text::words::duration;

use super::super::link;
use super::beside;

/// Characters of an execution's input or cause that are shown.
const EXCERPT: usize = 400;

/// One student's row, and what unfolds below it.
#[derive(Serialize)]
pub(super) struct StudentRow<'a> {
    username: &'a Username,
    name: &'a str,
    section: &'a str,
    state: Progress,
    mark: Mark,
    /// When it was read, where that was before.
    as_of: String,
    done: usize,
    of: usize,
    points: String,
    /// The same, short; empty where there is nothing to earn.
    earned: String,
    /// For sorting.
    hundredths: u64,
    cells: Vec<GridCell>,
    /// Numbers of the tasks that are not done, for the filter.
    open: String,
    about: Vec<(&'a str, &'a str)>,
    checks: Vec<ShownCheck<'a>>,
    stack: Option<Mark>,
    stack_checks: Vec<ShownCheck<'a>>,
    validate: Vec<ShownCheck<'a>>,
    validate_summary: &'static str,
    executions: Vec<ShownRun<'a>>,
    executions_left_out: String,
    outputs: &'a [Output],
    commands: Vec<PasteableRequest<'a>>,
    changes: &'a [Change],
}

#[derive(Serialize)]
struct GridCell {
    mark: Mark,
    word: String,
    /// `20 of 30 points`, where a part of it was earned.
    points: String,
}

/// Who reads: what to do next differs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum PageReader {
    /// Whoever runs the class.
    Instructor,
    /// The student whose page it is.
    Student,
}

#[derive(Serialize)]
struct ShownCheck<'a> {
    title: &'a str,
    mark: Mark,
    evidence: Vec<ShownEvidence<'a>>,
    hint: &'a str,
    points: String,
    /// When it was read, where that was before.
    as_of: String,
}

#[derive(Serialize)]
struct ShownEvidence<'a> {
    text: &'a str,
    run: Option<ShownRun<'a>>,
}

#[derive(Serialize)]
struct ShownRun<'a> {
    name: &'a str,
    arn: &'a str,
    machine_time: String,
    time: String,
    took: String,
    started_by: &'static str,
    status: &'static str,
    tone: Tone,
    input: String,
    error: String,
    /// Where to look at it in the console, if that may be followed.
    console: Option<&'a str>,
}

/// A request for each of two shells, line by line.
#[derive(Serialize)]
struct PasteableRequest<'a> {
    title: &'a str,
    curl: Vec<String>,
    powershell: Vec<String>,
}

impl<'a> StudentRow<'a> {
    /// `tasks`: the students' tasks, a cell each.
    pub(super) fn of(
        row: &'a ReportStudent,
        tasks: &[CheckTally],
        document: &Document,
        reader: PageReader,
    ) -> Self {
        let (student, progress, score) = (&row.student, &row.progress, row.score());
        let deployed = row.is_deployed();
        let find = |task: &CheckTally| progress.checks.iter().find(|check| check.id == task.id);
        let cells: Vec<GridCell> = tasks.iter().map(|task| GridCell::of(find(task))).collect();
        let done = |cell: &GridCell| matches!(cell.mark.tone, Tone::Good | Tone::Muted);
        let numbered = cells.iter().zip(1..);
        let open = numbered.filter(|(cell, _)| !done(cell));
        let open: Vec<String> = open.map(|(_, number)| number.to_string()).collect();
        let email = student.email.iter().map(|email| ("E-mail", email.as_str()));
        let extra = student.extra.iter().map(|(k, v)| (k.as_str(), v.as_str()));
        let shown = |check: &'a CheckResult, mark| ShownCheck::of(check, mark, reader, document);
        let runs = progress.executions.iter();
        Self {
            username: &student.username,
            name: student.name.as_deref().unwrap_or_default(),
            section: student.section.as_deref().unwrap_or_default(),
            state: progress.progress,
            mark: short(progress.progress),
            as_of: progress
                .last
                .as_of
                .map_or_else(String::new, |at| beside(at, document)),
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
            about: email.chain(extra).collect(),
            checks: row
                .checks_of(Work::Student)
                .map(|check| shown(check, marks::of_check(check)))
                .collect(),
            stack: progress.stack().map(marks::of_stack),
            stack_checks: row
                .checks_of(Work::Stack)
                .map(|check| shown(check, marks::of_stack_check(check, deployed)))
                .collect(),
            validate: row
                .validate
                .iter()
                .map(|check| ShownCheck {
                    hint: reader.probe_hint(check),
                    ..shown(check, marks::of_probe(check))
                })
                .collect(),
            validate_summary: match all_passed(&row.validate) {
                true => "every probe passed",
                false => "not every probe passed",
            },
            executions: runs
                .map(|(starter, execution)| ShownRun::of(*starter, execution, document))
                .collect(),
            executions_left_out: match (progress.executions_left_out, progress.executions_cut_off) {
                (0, false) => String::new(),
                (n, false) => format!("and {n} older ones"),
                (n, true) => format!("and more than {n} older ones"),
            },
            outputs: &progress.outputs,
            commands: progress
                .requests
                .iter()
                .filter_map(PasteableRequest::of)
                .collect(),
            changes: &progress.changes,
        }
    }
}

/// Whether every probe of `validate` passed.
pub(super) fn all_passed(checks: &[CheckResult]) -> bool {
    checks.iter().all(|c| c.verdict == Verdict::Pass)
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

impl GridCell {
    fn of(check: Option<&CheckResult>) -> Self {
        let mark = check.map_or(CHECK_LEGEND[3], marks::of_check);
        let in_part = check.and_then(|check| Some((marks::parts_done(check)?, points(check))));
        let (word, points) = in_part.unwrap_or_else(|| (mark.word.to_owned(), String::new()));
        Self { mark, word, points }
    }
}

impl PageReader {
    fn hint(self, check: &CheckResult) -> &str {
        match self {
            Self::Instructor => check.instructor_hint(),
            Self::Student => &check.hint,
        }
    }

    /// What `validate` proposes is not a student's to do.
    fn probe_hint(self, check: &CheckResult) -> &str {
        match self {
            Self::Instructor => check.instructor_hint(),
            Self::Student if check.verdict == Verdict::Pass => "",
            Self::Student => "Show this to your instructor: it is theirs to look into.",
        }
    }
}

impl<'a> ShownCheck<'a> {
    fn of(check: &'a CheckResult, mark: Mark, reader: PageReader, document: &Document) -> Self {
        let evidence = check.evidence.iter();
        Self {
            title: &check.title,
            mark,
            evidence: evidence.map(|e| ShownEvidence::of(e, document)).collect(),
            hint: reader.hint(check),
            points: points(check),
            as_of: check
                .as_of
                .map_or_else(String::new, |at| beside(at, document)),
        }
    }
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

impl<'a> ShownEvidence<'a> {
    fn of(evidence: &'a Evidence, document: &Document) -> Self {
        let run = evidence.execution.as_ref();
        Self {
            text: &evidence.text,
            run: run.map(|run| ShownRun::of_evidence(run, document)),
        }
    }
}

impl<'a> ShownRun<'a> {
    /// With the cause of a failure, where it was asked for, in the place of the Fail state's own words.
    fn of_evidence(shown: &'a ExecutionEvidence, document: &Document) -> Self {
        let mut run = Self::of(shown.starter, &shown.execution, document);
        run.console = shown.console_url.as_deref().and_then(link);
        if let Some(why) = &shown.why {
            let detail = shown.execution.detail.as_ref();
            let error = detail.and_then(|detail| detail.error.as_deref());
            run.error = joined([error, Some(&why.sentence())]);
        }
        run
    }

    fn of(starter: Starter, execution: &'a Execution, document: &Document) -> Self {
        let taken_at = &document.taken_at;
        let started = at(execution.started_ms, taken_at.time_zone());
        let detail = execution.detail.as_ref();
        let took = execution
            .stopped_ms
            .and_then(|stopped| u64::try_from(stopped - execution.started_ms).ok());
        Self {
            name: &execution.name,
            arn: &execution.arn,
            machine_time: started.as_ref().map_or_else(String::new, rfc3339),
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
                Some(ms) => duration(Duration::from_millis(ms)),
                None => String::new(),
            },
            started_by: starter.phrase(),
            status: execution.status.as_str(),
            tone: match execution.status {
                ExecutionStatus::Succeeded => Tone::Good,
                ExecutionStatus::Running | ExecutionStatus::PendingRedrive => Tone::Busy,
                ExecutionStatus::Failed | ExecutionStatus::TimedOut => Tone::Bad,
                ExecutionStatus::Aborted => Tone::Idle,
            },
            input: detail
                .filter(|d| !d.input.is_null())
                .map_or_else(String::new, |d| shortened(&d.input.to_string(), EXCERPT)),
            error: detail.map_or_else(String::new, |d| {
                joined([d.error.as_deref(), d.cause.as_deref()])
            }),
            console: None,
        }
    }
}

fn joined(parts: [Option<&str>; 2]) -> String {
    let parts: Vec<&str> = parts.into_iter().flatten().collect();
    shortened(&parts.join(": "), EXCERPT)
}

impl<'a> PasteableRequest<'a> {
    /// `None` for an address that nobody should send anything to.
    fn of(request: &'a ExampleRequest) -> Option<Self> {
        link(&request.url)?;
        let lines = |text: String| text.lines().map(str::to_owned).collect();
        Some(Self {
            title: &request.title,
            curl: lines(shell::curl(request)),
            powershell: lines(shell::powershell(request)),
        })
    }
}
