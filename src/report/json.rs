//! JSON for programs: the one document of `--output json`, and `report.json`.
//!
//! Both are valid JSON that is also safe to show in a terminal: control characters and marks that turn the
//! reading order around are written as `\u` escapes.

use std::collections::BTreeMap;
use std::io::{self, Write};

use jiff::tz::TimeZone;
use jiff::{Timestamp, ZonedDateTime};
use serde::Serialize;
use serde_json::Value;

use crate::aws::execution::{Execution, Status};
use crate::events::{Left, RunSummary};
use crate::evidence::check::CheckResult;
use crate::evidence::progress::{Progress, StackState};
use crate::lab::check::Work;
use crate::lab::given::{ExampleRequest, Output};
use crate::lab::marks::Starter;
use crate::lab::points::Points;
use crate::stack::diff::Change;
use crate::stack::ids::{ClassName, LabId, Username};
use crate::stack::observed::Gap;
use crate::text::unwanted::stand_in;

use super::class::{ClassReport, ReportStudent, STATES};
use super::since::Move;

/// Name and version of the layout of `report.json`. Fields may be added under the same version; a field
/// that goes or changes its meaning makes a new one.
pub const REPORT_SCHEMA: &str = "homeroom.report/1";

/// Writes a run's summary: exactly one JSON document, and nothing else.
///
/// # Errors
/// When `out` cannot be written.
pub fn print_run(summary: &RunSummary, out: &mut dyn Write) -> io::Result<()> {
    out.write_all(to_document(summary)?.as_bytes())?;
    out.flush()
}

/// One line, with its line break.
pub(super) fn to_line(value: &impl Serialize) -> io::Result<String> {
    let mut text = inert(&serde_json::to_string(value)?);
    text.push('\n');
    Ok(text)
}

/// An indented document, with a line break at its end.
pub(super) fn to_document(value: &impl Serialize) -> io::Result<String> {
    let mut text = inert(&serde_json::to_string_pretty(value)?);
    text.push('\n');
    Ok(text)
}

/// Escapes what JSON allows to stand as it is and a terminal may act on. Outside of strings a JSON text has
/// only ASCII and line breaks, so what is replaced here always stands inside one.
fn inert(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    let mut units = [0; 2];
    for c in json.chars() {
        if c == '\n' || stand_in(c).is_none() {
            text.push(c);
        } else {
            for unit in c.encode_utf16(&mut units) {
                text.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    text
}

/// `report.json`.
///
/// # Errors
/// Never in practice; the serialiser's own error otherwise.
pub fn report_document(report: &ClassReport) -> io::Result<String> {
    to_document(&Document::of(report))
}

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    class: &'a ClassName,
    lab: Lab<'a>,
    account: Account<'a>,
    region: &'a str,
    /// RFC 3339 with the zone's offset.
    taken_at: String,
    /// IANA name where there is one.
    time_zone: Option<&'a str>,
    /// When the oldest of what `validate` found was found.
    validated_at: Option<String>,
    summary: BTreeMap<&'static str, usize>,
    checks: Vec<Check>,
    students: Vec<Student<'a>>,
    causes: Vec<Cause>,
    since: Option<Since<'a>>,
    left: Vec<Departed<'a>>,
    notes: &'a [String],
    gaps: &'a [Gap],
}

/// Who left the roster, with a last reading where one was taken.
#[derive(Serialize)]
struct Departed<'a> {
    #[serde(flatten)]
    left: &'a Left,
    /// As of any student.
    #[serde(skip_serializing_if = "Option::is_none")]
    reading: Option<Student<'a>>,
}

#[derive(Serialize)]
struct Lab<'a> {
    id: &'a LabId,
    title: &'a str,
}

#[derive(Serialize)]
struct Account<'a> {
    id: &'a str,
    alias: Option<&'a str>,
}

/// One check over the class. `could_not_check` students are in neither `passed` nor `failed`.
#[derive(Serialize)]
struct Check {
    id: String,
    title: String,
    work: Work,
    points: Points,
    passed: usize,
    failed: usize,
    /// Those of `failed` who have done a part that counts.
    in_part: usize,
    could_not_check: usize,
    not_provable: usize,
}

#[derive(Serialize)]
struct Student<'a> {
    username: &'a Username,
    name: Option<&'a str>,
    email: Option<&'a str>,
    section: Option<&'a str>,
    extra: BTreeMap<&'a str, &'a str>,
    status: Progress,
    /// When the oldest was read of what stands from before; null where everything was read now.
    as_of: Option<String>,
    /// Whether the stack is gone, so that all of this stands from then.
    stack_gone: bool,
    /// When another stack was last read that the student had before; nothing of it counts.
    earlier_stack: Option<String>,
    /// How the stack is; null where the lab has no check of it.
    stack: Option<StackState>,
    /// Of the student's own tasks, like everything up to `percent`.
    checks_passed: usize,
    checks_provable: usize,
    /// Null while something could not be checked, or no stack is there: a lower bound is no grade.
    points: Option<Points>,
    points_total: Points,
    percent: Option<f64>,
    checks: &'a [CheckResult],
    validate: &'a [CheckResult],
    /// The newest.
    executions: Vec<Run<'a>>,
    /// Older ones that were listed.
    executions_left_out: usize,
    /// Whether there are more than were listed.
    executions_cut_off: bool,
    outputs: &'a [Output],
    changes: &'a [Change],
    requests: &'a [ExampleRequest],
}

#[derive(Serialize)]
struct Run<'a> {
    name: &'a str,
    arn: &'a str,
    started_by: Starter,
    status: Status,
    started_at: Option<String>,
    stopped_at: Option<String>,
    input: Option<&'a Value>,
    error: Option<&'a str>,
    cause: Option<&'a str>,
}

/// What changed since the report before.
#[derive(Serialize)]
struct Since<'a> {
    taken_at: String,
    moves: &'a [Move],
}

#[derive(Serialize)]
struct Cause {
    cause: String,
    hint: Option<String>,
    subjects: Vec<String>,
    students: Vec<Username>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
}

impl<'a> Document<'a> {
    fn of(report: &'a ClassReport) -> Self {
        let tally = report.tally();
        Self {
            schema: REPORT_SCHEMA,
            class: &report.class,
            lab: Lab {
                id: &report.lab,
                title: &report.lab_title,
            },
            account: Account {
                id: &report.account.id,
                alias: report.account.alias.as_deref(),
            },
            region: &report.region,
            taken_at: rfc3339(&report.taken_at),
            validated_at: report.validated_at.as_ref().map(rfc3339),
            time_zone: report.taken_at.time_zone().iana_name(),
            summary: STATES
                .into_iter()
                .map(|state| (state.as_str(), tally.count(state)))
                .collect(),
            checks: report
                .columns()
                .into_iter()
                .map(|column| Check {
                    id: column.id,
                    title: column.title,
                    work: column.work,
                    points: column.points,
                    passed: column.passed,
                    failed: column.failed,
                    in_part: column.in_part,
                    could_not_check: column.unknown,
                    not_provable: column.unprovable,
                })
                .collect(),
            students: report
                .students
                .iter()
                .map(|s| Student::of(s, report.taken_at.time_zone()))
                .collect(),
            causes: report
                .causes()
                .into_iter()
                .map(|cause| Cause {
                    cause: cause.cause,
                    hint: cause.hint,
                    subjects: cause.subjects,
                    students: cause.students,
                    request_id: cause.request_id,
                })
                .collect(),
            since: report.since.as_ref().map(|since| Since {
                taken_at: rfc3339(&since.taken_at),
                moves: &since.moves,
            }),
            left: report
                .left
                .iter()
                .map(|left| Departed::of(left, report))
                .collect(),
            notes: &report.notes,
            gaps: &report.gaps,
        }
    }
}

impl<'a> Departed<'a> {
    fn of(left: &'a Left, report: &'a ClassReport) -> Self {
        let mut read = report.departed.iter();
        let read = read.find(|row| row.student.username == left.username);
        Self {
            left,
            reading: read.map(|row| Student::of(row, report.taken_at.time_zone())),
        }
    }
}

impl<'a> Student<'a> {
    fn of(row: &'a ReportStudent, zone: &TimeZone) -> Self {
        let score = row.score();
        let moment = |at: Timestamp| rfc3339(&at.to_zoned_datetime(zone.clone()));
        Self {
            username: &row.student.username,
            name: row.student.name.as_deref(),
            email: row.student.email.as_deref(),
            section: row.student.section.as_deref(),
            extra: row
                .student
                .extra
                .iter()
                .map(|(key, value)| (key.as_str(), value.as_str()))
                .collect(),
            status: row.progress.progress,
            as_of: row.progress.last.as_of.map(moment),
            stack_gone: row.progress.last.gone,
            earlier_stack: row.progress.last.earlier.map(moment),
            stack: row.progress.stack(),
            checks_passed: score.done,
            checks_provable: score.of,
            points: score.certain.then_some(score.earned),
            points_total: score.total,
            percent: score.percent(),
            checks: &row.progress.checks,
            validate: &row.validate,
            executions: row
                .progress
                .executions
                .iter()
                .map(|(starter, execution)| Run::of(*starter, execution, zone))
                .collect(),
            executions_left_out: row.progress.executions_left_out,
            executions_cut_off: row.progress.executions_cut_off,
            outputs: &row.progress.outputs,
            changes: &row.progress.changes,
            requests: &row.progress.requests,
        }
    }
}

impl<'a> Run<'a> {
    fn of(started_by: Starter, execution: &'a Execution, zone: &TimeZone) -> Self {
        let time = |ms: i64| Some(rfc3339(&at(ms, zone)?));
        let detail = execution.detail.as_ref();
        Self {
            name: &execution.name,
            arn: &execution.arn,
            started_by,
            status: execution.status,
            started_at: time(execution.started_ms),
            stopped_at: execution.stopped_ms.and_then(time),
            input: detail.map(|d| &d.input),
            error: detail.and_then(|d| d.error.as_deref()),
            cause: detail.and_then(|d| d.cause.as_deref()),
        }
    }
}

/// A moment of AWS in a zone; `None` for a number that is no moment.
pub(super) fn at(ms: i64, zone: &TimeZone) -> Option<ZonedDateTime> {
    Some(
        Timestamp::from_millisecond(ms)
            .ok()?
            .to_zoned_datetime(zone.clone()),
    )
}

fn rfc3339(at: &ZonedDateTime) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_could_act_on_is_escaped_and_reads_back_the_same() {
        let hostile = "a\u{1b}[2J\u{9b}31m\u{7f}\u{202e}\u{e0001}\u{2028}ü";
        let json = to_document(&vec![hostile]).unwrap();
        assert!(json.chars().all(|c| c == '\n' || !c.is_control()), "{json}");
        assert!(!json.contains('\u{202e}') && json.contains('ü'));
        let back: Vec<String> = serde_json::from_str(&json).unwrap();
        assert_eq!(back, [hostile]);
    }
}
