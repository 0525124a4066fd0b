//! One student: the row in the grid, and what unfolds below it or stands on a page of its own.

use std::time::Duration;

use serde_json::{Value, json};

use crate::aws::execution::{Execution, ExecutionStatus};
use crate::evidence::check::{CheckResult, Evidence, Verdict};
use crate::evidence::progress::Progress;
use crate::lab::Shell;
use crate::lab::check::Work;
use crate::lab::given::ExampleRequest;
use crate::lab::marks::Starter;
use crate::report::document::{Document, ReportStudent, rfc3339};
use crate::report::marks::{self, CHECK_LEGEND, Mark, Tone};
use crate::report::tally::CheckTally;
use crate::text::link::link;
use crate::text::shortened;
use crate::text::words::duration;

use super::beside;

/// Characters of an execution's input or cause that are shown.
const EXCERPT: usize = 400;

/// Who reads the page: the next step differs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum PageReader {
    Instructor,
    /// The student whose page it is.
    Student,
}

impl PageReader {
    fn hint(self, check: &CheckResult) -> &str {
        match self {
            Self::Instructor => check.instructor_hint(),
            Self::Student => &check.hint,
        }
    }

    /// The hints of `validate` are for the instructor.
    fn probe_hint(self, check: &CheckResult) -> &str {
        match self {
            Self::Instructor => check.instructor_hint(),
            Self::Student if check.verdict == Verdict::Pass => "",
            Self::Student => "Show this to your instructor.",
        }
    }
}

/// One student's row, and what unfolds below it. `tasks`: the students' tasks, a cell each.
pub(super) fn student_row(
    row: &ReportStudent,
    tasks: &[CheckTally],
    document: &Document,
    reader: PageReader,
) -> Value {
    let (student, progress, score) = (&row.student, &row.progress, row.score());
    let deployed = row.is_deployed();
    let answers = tasks.iter().map(|task| {
        let mut checks = progress.checks.iter();
        checks.find(|check| check.id == task.id)
    });
    // For the filter: numbers of the tasks that are not done.
    let done = |check: &CheckResult| matches!(check.verdict, Verdict::Pass | Verdict::NotProvable);
    let open = (1..).zip(answers.clone());
    let open = open.filter(|(_, check)| !check.is_some_and(done));
    let open: Vec<String> = open.map(|(number, _)| number.to_string()).collect();
    let email = student.email.iter().map(|email| ("E-mail", email.as_str()));
    let extra = student.extra.iter().map(|(k, v)| (k.as_str(), v.as_str()));
    let shown = |check, mark| shown_check(check, mark, reader.hint(check), document);
    let tasks = row.checks_of(Work::Student);
    let stack = row.checks_of(Work::Stack);
    let probes = row.validate.iter();
    let runs = progress.executions.iter();
    let (earned, total) = (score.earned, score.total);
    let late = row.points_on_time().filter(|_| row.late() == Some(true));
    let late = late.map_or_else(String::new, |points| format!(", {points} on time"));
    json!({
        "username": student.username,
        "name": student.name.as_deref().unwrap_or_default(),
        "section": student.section.as_deref().unwrap_or_default(),
        "state": progress.progress,
        "mark": short(progress.progress),
        "as_of": progress.last.as_of.map(|at| beside(at, document)),
        "done": score.done,
        "of": score.of,
        "points": match score.certain {
            true => format!("{earned} of {}", total.words()) + &on_time(row, document),
            false if !deployed => "no stack to look at".to_owned(),
            false => format!("at least {earned} of {}", total.words()) + &on_time(row, document),
        },
        // The same, short; empty where there is nothing to earn.
        "earned": match score.certain {
            _ if total.is_zero() || !deployed => String::new(),
            true => earned.words() + &late,
            false => format!("≥ {}", earned.words()) + &late,
        },
        // For sorting.
        "hundredths": earned.hundredths(),
        "cells": answers.map(cell).collect::<Vec<_>>(),
        "open": open.join(" "),
        "about": email.chain(extra).collect::<Vec<_>>(),
        "checks": tasks.map(|c| shown(c, marks::of_check(c))).collect::<Vec<_>>(),
        "stack": progress.stack().map(marks::of_stack),
        "stack_checks": stack
            .map(|c| shown(c, marks::of_stack_check(c, deployed)))
            .collect::<Vec<_>>(),
        "validate": probes
            .map(|c| shown_check(c, marks::of_probe(c), reader.probe_hint(c), document))
            .collect::<Vec<_>>(),
        "validate_summary": match all_passed(&row.validate) {
            true => "every probe passed",
            false => "not every probe passed",
        },
        "executions": runs.map(|(by, run)| shown_run(*by, run, document)).collect::<Vec<_>>(),
        "executions_left_out": match (progress.executions_left_out, progress.executions_cut_off) {
            (0, false) => String::new(),
            (n, false) => format!("and {n} older ones"),
            (n, true) => format!("and more than {n} older ones"),
        },
        "outputs": progress.outputs,
        "commands": progress.requests.iter().filter_map(pasteable).collect::<Vec<_>>(),
        "changes": progress.changes,
    })
}

/// What of a student's points was earned by the due time, to go on after them; empty where no time is due.
fn on_time(row: &ReportStudent, document: &Document) -> String {
    let Some(due) = row.student.due else {
        return String::new();
    };
    let due = document
        .in_zone(due)
        .strftime("%a %-d %b, %H:%M")
        .to_string();
    match (row.points_on_time(), row.late()) {
        (Some(points), Some(false)) if points.is_zero() => format!("; due {due}"),
        (Some(_), Some(false)) => format!(", all by the due time, {due}"),
        (Some(points), _) => format!(", {points} by the due time, {due}"),
        (None, _) => format!("; what of it was done by the due time, {due}, is not known"),
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

/// A task's cell in the grid. It has points where a part of the task was done.
fn cell(check: Option<&CheckResult>) -> Value {
    let mark = check.map_or(CHECK_LEGEND[3], marks::of_check);
    let in_part = check.and_then(|check| Some((marks::parts_done(check)?, points(check))));
    let (word, points) = in_part.unwrap_or_else(|| (mark.word.to_owned(), String::new()));
    json!({ "mark": mark, "word": word, "points": points })
}

fn shown_check(check: &CheckResult, mark: Mark, hint: &str, document: &Document) -> Value {
    let evidence = check.evidence.iter();
    json!({
        "title": check.title,
        "mark": mark,
        "evidence": evidence.map(|e| shown_evidence(e, document)).collect::<Vec<_>>(),
        "hint": hint,
        "points": points(check),
        "as_of": check.as_of.map(|at| beside(at, document)),
    })
}

/// The points earned, of those that the task is worth; empty where there is nothing to earn.
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

/// Evidence, with the execution that it is about. The cause from the execution's history replaces the words of the Fail
/// state.
fn shown_evidence(evidence: &Evidence, document: &Document) -> Value {
    let run = evidence.execution.as_ref().map(|shown| {
        let mut run = shown_run(shown.starter, &shown.execution, document);
        // Only an address that may be followed.
        run["console"] = json!(shown.console_url.as_deref().and_then(link));
        if let Some(why) = &shown.why {
            let detail = shown.execution.detail.as_ref();
            let error = detail.and_then(|detail| detail.error.as_deref());
            run["error"] = json!(joined([error, Some(&why.sentence())]));
        }
        run
    });
    json!({ "text": evidence.text, "run": run })
}

fn shown_run(starter: Starter, execution: &Execution, document: &Document) -> Value {
    let started = document.at(execution.started_ms);
    let detail = execution.detail.as_ref();
    let took = execution
        .stopped_ms
        .and_then(|stopped| u64::try_from(stopped - execution.started_ms).ok());
    json!({
        "name": execution.name,
        "arn": execution.arn,
        "machine_time": started.as_ref().map(rfc3339),
        "time": started.map_or("unknown".to_owned(), |t| {
            // The day is worth its room only when it is another one.
            let format = match t.date() == document.taken_at.date() {
                true => "%H:%M:%S",
                false => "%-d %b %H:%M:%S",
            };
            t.strftime(format).to_string()
        }),
        "took": took.map(|ms| match ms {
            ..10_000 => format!("{}.{}s", ms / 1000, ms % 1000 / 100),
            _ => duration(Duration::from_millis(ms)),
        }),
        "started_by": starter.phrase(),
        "status": execution.status.as_str(),
        "tone": match execution.status {
            ExecutionStatus::Succeeded => Tone::Good,
            ExecutionStatus::Running | ExecutionStatus::PendingRedrive => Tone::Busy,
            ExecutionStatus::Failed | ExecutionStatus::TimedOut => Tone::Bad,
            ExecutionStatus::Aborted => Tone::Idle,
        },
        "input": detail
            .filter(|d| !d.input.is_null())
            .map(|d| shortened(&d.input.to_string(), EXCERPT)),
        "error": detail.map(|d| joined([d.error.as_deref(), d.cause.as_deref()])),
        "console": null,
    })
}

fn joined(parts: [Option<&str>; 2]) -> String {
    let parts: Vec<&str> = parts.into_iter().flatten().collect();
    shortened(&parts.join(": "), EXCERPT)
}

/// A request for each of two shells, line by line. `None` for an address that nobody should send anything to.
fn pasteable(request: &ExampleRequest) -> Option<Value> {
    link(&request.url)?;
    let (curl, powershell) = (
        Shell::Bash.request(request),
        Shell::PowerShell.request(request),
    );
    Some(json!({
        "title": request.title,
        "curl": curl.lines().collect::<Vec<_>>(),
        "powershell": powershell.lines().collect::<Vec<_>>(),
    }))
}
