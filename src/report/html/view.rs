//! Everything that the page shows, as finished words and numbers: the templates only lay it out.

use jiff::Zoned;
use serde::Serialize;

use crate::domain::check::{CheckResult, Progress, Work};
use crate::domain::execution::{Execution, Starter, Status};

use super::super::class::{ClassReport, Column, ReportStudent, STATES, Score};
use super::super::json::at;
use super::super::marks::{self, CHECK_LEGEND, Mark, Tone};
use super::super::text::clean;
use super::super::words::{duration, plural};
use super::link;

/// Executions listed for a student, newest first; `report.json` has all that were read.
const EXECUTIONS: usize = 20;

/// Characters of an execution's input or cause that are shown.
const EXCERPT: usize = 400;

/// Causes shown at once; the rest unfolds.
const CAUSES: usize = 6;

/// From this many checks on the grid is wider than a page and scrolls sideways.
const WIDE: usize = 10;

#[derive(Serialize)]
pub(super) struct Page {
    class: String,
    lab: String,
    lab_title: String,
    account: String,
    region: String,
    taken: Moment,
    headline: Vec<String>,
    total: usize,
    states: Vec<State>,
    columns: Vec<Task>,
    wide: bool,
    legend: Vec<Shown>,
    warnings: Vec<Warning>,
    notes: Vec<String>,
    causes: Vec<Cause>,
    more_causes: Vec<Cause>,
    validated: Option<String>,
    sections: Vec<String>,
    students: Vec<Row>,
}

#[derive(Serialize)]
struct Moment {
    machine: String,
    date: String,
    time: String,
    zone: String,
}

/// A state of a student, and how many are in it.
#[derive(Serialize)]
struct State {
    key: &'static str,
    mark: Shown,
    count: usize,
    /// Students counted before it: where its part of the bar begins.
    offset: usize,
}

#[derive(Serialize, Clone)]
struct Shown {
    symbol: &'static str,
    word: &'static str,
    tone: &'static str,
}

impl From<Mark> for Shown {
    fn from(mark: Mark) -> Self {
        Self {
            symbol: mark.symbol,
            word: mark.word,
            tone: match mark.tone {
                Tone::Good => "good",
                Tone::Busy => "busy",
                Tone::Idle => "idle",
                Tone::Bad => "bad",
                Tone::Unsure => "unsure",
                Tone::Muted => "muted",
            },
        }
    }
}

/// A check over the class.
#[derive(Serialize)]
struct Task {
    number: usize,
    title: String,
    provable: bool,
    passed: usize,
    of: usize,
    percent: usize,
    /// Whether it fails because the stack is broken, not because the student has not got there.
    stack: bool,
    failed: usize,
    unknown: usize,
    failed_tone: &'static str,
    /// Where the class is stuck: the student task that the fewest have done.
    stuck: bool,
}

#[derive(Serialize)]
struct Warning {
    what: String,
    cause: String,
}

#[derive(Serialize)]
struct Cause {
    students: Vec<String>,
    who: String,
    subjects: Vec<String>,
    cause: String,
    hint: Option<String>,
}

/// One student's row, and what unfolds below it.
#[derive(Serialize)]
struct Row {
    username: String,
    name: String,
    section: String,
    state: &'static str,
    mark: Shown,
    done: usize,
    of: usize,
    points: String,
    cells: Vec<Cell>,
    /// Numbers of the checks that are not done, for the filter.
    open: String,
    about: Vec<(String, String)>,
    checks: Vec<Answer>,
    validate: Vec<Answer>,
    validate_summary: String,
    executions: Vec<Run>,
    executions_left_out: usize,
    outputs: Vec<Output>,
    changes: Vec<String>,
}

#[derive(Serialize)]
struct Cell {
    number: usize,
    mark: Shown,
}

#[derive(Serialize)]
struct Answer {
    number: usize,
    title: String,
    mark: Shown,
    evidence: Vec<String>,
    hint: String,
    points: String,
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
}

#[derive(Serialize)]
struct Output {
    label: String,
    value: String,
    link: bool,
}

impl Page {
    pub(super) fn of(report: &ClassReport) -> Self {
        let tally = report.tally();
        let columns = report.columns();
        let mut offset = 0;
        let states = STATES
            .into_iter()
            .map(|state| {
                let count = tally.count(state);
                let shown = State {
                    key: state.as_str(),
                    mark: marks::of_progress(state).into(),
                    count,
                    offset,
                };
                offset += count;
                shown
            })
            .collect();
        let mut causes: Vec<Cause> = report
            .causes()
            .into_iter()
            .map(|cause| Cause {
                who: plural(cause.students.len(), "student"),
                students: cause.students.iter().map(ToString::to_string).collect(),
                subjects: cause.subjects,
                cause: cause.cause,
                hint: cause.hint,
            })
            .collect();
        let more_causes = causes.split_off(causes.len().min(CAUSES));
        Self {
            class: report.class.to_string(),
            lab: report.lab.to_string(),
            lab_title: own(&report.lab_title),
            account: match &report.account.alias {
                Some(alias) => own(&format!("{alias} ({})", report.account.id)),
                None => own(&report.account.id),
            },
            region: own(&report.region),
            taken: Moment::of(&report.taken_at),
            headline: tally.headline(),
            total: tally.total(),
            states,
            wide: columns.len() >= WIDE,
            legend: CHECK_LEGEND.into_iter().map(Shown::from).collect(),
            warnings: report
                .gaps
                .iter()
                .map(|gap| Warning {
                    what: match (&gap.name, &gap.student) {
                        (Some(name), _) => own(&format!("{} {name}", gap.kind)),
                        (None, Some(student)) => format!("every {} of {student}", gap.kind),
                        (None, None) => format!("every {}", gap.kind),
                    },
                    cause: own(&gap.cause),
                })
                .collect(),
            notes: report.notes.iter().map(|note| own(note)).collect(),
            causes,
            more_causes,
            validated: validated(&report.students),
            sections: sections(&report.students),
            students: report
                .students
                .iter()
                .map(|student| Row::of(student, &columns, &report.taken_at))
                .collect(),
            columns: tasks(columns),
        }
    }
}

impl Moment {
    fn of(taken_at: &Zoned) -> Self {
        let offset = taken_at.strftime("UTC%:z").to_string();
        Self {
            machine: taken_at.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string(),
            date: taken_at.strftime("%A, %-d %B %Y").to_string(),
            time: taken_at.strftime("%H:%M").to_string(),
            zone: match taken_at.time_zone().iana_name() {
                Some(name) => format!("{name}, {offset}"),
                None => offset,
            },
        }
    }
}

fn tasks(columns: Vec<Column>) -> Vec<Task> {
    let stuck = columns
        .iter()
        .filter(|c| c.work == Work::Student && c.provable() && c.passed < c.of())
        // Shares compared without division; of equals the first one, where the class got to.
        .min_by(|a, b| (a.passed * b.of()).cmp(&(b.passed * a.of())))
        .map(|c| c.id.clone());
    columns
        .into_iter()
        .enumerate()
        .map(|(i, column)| Task {
            number: i + 1,
            provable: column.provable(),
            passed: column.passed,
            of: column.of(),
            percent: (column.passed * 100)
                .checked_div(column.of())
                .unwrap_or_default(),
            stack: column.work == Work::Stack,
            failed: column.failed,
            unknown: column.unknown,
            failed_tone: match column.work {
                Work::Stack => "bad",
                Work::Student => "idle",
            },
            stuck: stuck.as_ref() == Some(&column.id),
            title: own(&column.title),
        })
        .collect()
}

fn validated(students: &[ReportStudent]) -> Option<String> {
    let asked = students.iter().filter(|s| !s.validate.is_empty()).count();
    let passed = students
        .iter()
        .filter(|s| !s.validate.is_empty() && all_passed(&s.validate))
        .count();
    (asked > 0).then(|| format!("{passed} of {} passed validation", plural(asked, "stack")))
}

fn all_passed(checks: &[CheckResult]) -> bool {
    checks.iter().all(|c| marks::of_probe(c).tone == Tone::Good)
}

fn sections(students: &[ReportStudent]) -> Vec<String> {
    let mut sections: Vec<String> = Vec::new();
    for section in students.iter().filter_map(|s| s.student.section.as_deref()) {
        let section = own(section);
        if !sections.contains(&section) {
            sections.push(section);
        }
    }
    sections
}

impl Row {
    fn of(row: &ReportStudent, columns: &[Column], taken_at: &Zoned) -> Self {
        let student = &row.student;
        let checks = &row.progress.checks;
        let score = Score::of(checks);
        let find = |column: &Column| checks.iter().find(|check| check.id == column.id);
        let cells: Vec<Cell> = columns
            .iter()
            .enumerate()
            .map(|(i, column)| Cell {
                number: i + 1,
                mark: find(column).map_or(CHECK_LEGEND[3], marks::of_check).into(),
            })
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
        Self {
            username: student.username.to_string(),
            name: student.name.as_deref().map(own).unwrap_or_default(),
            section: student.section.as_deref().map(own).unwrap_or_default(),
            state: row.progress.progress.as_str(),
            mark: short(row.progress.progress).into(),
            done: score.done,
            of: score.of,
            points: match score.certain {
                true => format!("{} of {} points", score.earned, score.total),
                false => format!("at least {} of {} points", score.earned, score.total),
            },
            cells,
            open: open.join(" "),
            about,
            checks: answers(checks, marks::of_check),
            validate: answers(&row.validate, marks::of_probe),
            validate_summary: match all_passed(&row.validate) {
                true => "every probe passed".to_owned(),
                false => "not every probe passed".to_owned(),
            },
            executions: executions
                .iter()
                .take(EXECUTIONS)
                .map(|(starter, execution)| Run::of(*starter, execution, taken_at))
                .collect(),
            executions_left_out: executions.len().saturating_sub(EXECUTIONS),
            outputs: row
                .progress
                .outputs
                .iter()
                .map(|output| Output {
                    label: own(&output.label),
                    link: link(&output.value).is_some(),
                    value: own(&output.value),
                })
                .collect(),
            changes: row
                .progress
                .changes
                .iter()
                .map(|c| own(&format!("{}: {}", c.resource, c.summary)))
                .collect(),
        }
    }
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

fn answers(checks: &[CheckResult], mark: impl Fn(&CheckResult) -> Mark) -> Vec<Answer> {
    checks
        .iter()
        .enumerate()
        .map(|(i, check)| Answer {
            number: i + 1,
            title: own(&check.title),
            mark: mark(check).into(),
            evidence: check.evidence.iter().map(|e| own(&e.text)).collect(),
            hint: own(&check.hint),
            points: match check.points {
                0 => String::new(),
                1 => "1 point".to_owned(),
                n => format!("{n} points"),
            },
        })
        .collect()
}

impl Run {
    fn of(starter: Starter, execution: &Execution, taken_at: &Zoned) -> Self {
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
            machine_time: started.as_ref().map_or(String::new(), |t| {
                t.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
            }),
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
            started_by: match starter {
                Starter::Homeroom => "homeroom",
                Starter::Api => "the API",
                Starter::Person => "a person",
            },
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
        }
    }
}

fn own(text: &str) -> String {
    clean(text).into_owned()
}

fn excerpt(text: &str) -> String {
    let text = clean(text);
    match text.char_indices().nth(EXCERPT) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.into_owned(),
    }
}
