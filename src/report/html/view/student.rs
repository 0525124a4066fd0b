//! One student: the row in the grid, and what unfolds below it or stands on a page of its own.

use serde_json::{Value, json};

use crate::evidence::activity::ATTEMPTS_MAX;
use crate::evidence::attention::Need;
use crate::evidence::check::{CheckResult, Evidence, Verdict};
use crate::evidence::progress::Progress;
use crate::lab::Shell;
use crate::lab::check::Work;
use crate::lab::given::ExampleRequest;

use crate::report::document::{Document, ReportStudent, rfc3339};
use crate::report::marks::{self, CHECK_LEGEND, Mark};
use crate::report::tally::CheckTally;
use crate::text::link::link;

use super::attention::{own_trouble, trouble};
use super::chart::Sparklines;
use super::execution::{joined, shown_run};
use super::tried::{is_listed, tried};

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

/// What a row is drawn with.
pub(super) struct RowStyle<'a> {
    /// The students' tasks, a cell each.
    pub(super) tasks: &'a [CheckTally],
    pub(super) sparklines: Option<&'a Sparklines>,
    pub(super) reader: PageReader,
}

/// One student's row, and what unfolds below it.
pub(super) fn student_row(row: &ReportStudent, style: &RowStyle<'_>, document: &Document) -> Value {
    let RowStyle { tasks, reader, .. } = *style;
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
    let next = next_step(row, reader);
    let shown = |check: &CheckResult, mark| {
        let hint = next.filter(|next| *next == check.id);
        let hint = hint.map_or("", |_| reader.hint(check));
        shown_check(check, mark, hint, row, document)
    };
    let stuck = progress.trouble.as_ref();
    let stuck = stuck.and_then(|it| match reader {
        PageReader::Instructor => {
            let need = Need {
                username: student.username.clone(),
                trouble: it.clone(),
            };
            Some(trouble(need, document, tasks))
        }
        PageReader::Student => own_trouble(it, document),
    });
    let tasks = row.checks_of(Work::Student);
    let stack = row.checks_of(Work::Stack);
    let probes = row.validate.iter();
    let (earned, total) = (score.earned, score.total);
    let late = row.points_on_time().filter(|_| row.late() == Some(true));
    let late = late.map_or_else(String::new, |points| format!(", {points} on time"));
    json!({
        "username": student.username,
        "name": student.name.as_deref().unwrap_or_default(),
        "section": student.section.as_deref().unwrap_or_default(),
        // Of several places of the class. A student has the link to sign in, which is better.
        "place": student.place.as_ref().filter(|_| reader == PageReader::Instructor),
        "state": progress.progress,
        "mark": short(progress.progress),
        "as_of": progress.last.as_of.map(|at| document.beside(at)),
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
            .map(|c| {
                let hint = if next.is_none() { reader.probe_hint(c) } else { "" };
                shown_check(c, marks::of_probe(c), hint, row, document)
            })
            .collect::<Vec<_>>(),
        "validate_summary": match all_passed(&row.validate) {
            true => "every probe passed",
            false => "not every probe passed",
        },
        "tried": tried(row, document),
        "executions_left_out": match (progress.executions_left_out, progress.executions_cut_off) {
            (0, false) => String::new(),
            (n, false) => format!("and {n} older ones"),
            (n, true) => format!("and more than {n} older ones"),
        },
        "outputs": progress.outputs,
        "commands": progress.requests.iter().filter_map(pasteable).collect::<Vec<_>>(),
        "changes": progress.changes,
        "trouble": stuck,
        "seen": seen(row, document),
        "spark": style.sparklines.and_then(|lines| lines.line(&progress.activity.attempts)),
    })
}

/// The check whose hint is the student's next step: of the stack if that is not as it must be, or else the first open task.
fn next_step(row: &ReportStudent, reader: PageReader) -> Option<&str> {
    let stack = row.checks_of(Work::Stack);
    let open = |check: &&CheckResult| {
        !matches!(check.verdict, Verdict::Pass | Verdict::NotProvable)
            && !reader.hint(check).is_empty()
    };
    let mut checks = stack.chain(row.checks_of(Work::Student)).filter(open);
    checks.next().map(|check| check.id.as_str())
}

/// Signs of life.
fn seen(row: &ReportStudent, document: &Document) -> Value {
    let activity = &row.progress.activity;
    let moment = |ms: Option<i64>| {
        let at = document.at(ms?)?;
        Some(json!({ "machine": rfc3339(&at), "time": document.beside(at.timestamp()) }))
    };
    let attempts = match activity.attempts.len() {
        0 => String::new(),
        ATTEMPTS_MAX => format!("{ATTEMPTS_MAX} tries or more"),
        1 => "1 try".to_owned(),
        n => format!("{n} tries"),
    };
    json!({
        "first": moment(activity.first_seen_ms),
        "last": moment(activity.last_seen_ms),
        "attempts": attempts,
        "unread": activity.unread,
        "requests_as_of": activity.requests_as_of.map(|at| document.beside(at)),
        // Where nothing is there to be seen, nobody was missed.
        "none": match row.is_deployed() && !row.progress.last.gone {
            true => "not yet",
            false => "–",
        },
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

fn shown_check(
    check: &CheckResult,
    mark: Mark,
    hint: &str,
    row: &ReportStudent,
    document: &Document,
) -> Value {
    let evidence = check.evidence.iter();
    json!({
        "title": check.title,
        "mark": mark,
        "evidence": evidence.map(|e| shown_evidence(e, row, document)).collect::<Vec<_>>(),
        "hint": hint,
        "points": points(check),
        "as_of": check.as_of.map(|at| document.beside(at)),
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
/// state. Of an execution among those that the student tried, cause and input stand there.
fn shown_evidence(evidence: &Evidence, row: &ReportStudent, document: &Document) -> Value {
    let run = evidence.execution.as_ref().map(|shown| {
        let mut run = shown_run(shown.starter, &shown.execution, document);
        // Only an address that may be followed.
        run["console"] = json!(shown.console_url.as_deref().and_then(link));
        if is_listed(row, &shown.execution) {
            run["error"] = Value::Null;
            run["input"] = Value::Null;
        } else if let Some(why) = &shown.why {
            let detail = shown.execution.detail.as_ref();
            let error = detail.and_then(|detail| detail.error.as_deref());
            run["error"] = json!(joined([error, Some(&why.sentence())]));
        }
        run
    });
    json!({ "text": evidence.text, "run": run })
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
