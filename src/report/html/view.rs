//! Everything that the page shows, as finished words and numbers: the templates only lay it out.

mod chart;
mod student;

use std::borrow::Cow;

use jiff::{Timestamp, ZonedDateTime};
use serde::Serialize;

use super::super::class::{ClassReport, Column, ReportStudent, STATES, Score};
use super::super::left;
use super::super::marks::{self, CHECK_LEGEND, Mark, Tone};
use super::super::since::{Move, Since, Turn};
use super::super::words::plural;
use super::Audience;
use crate::text::shown::clean;
use chart::Chart;
pub(super) use student::Reader;
pub(super) use student::Row;
use student::all_passed;

/// Causes shown at once; the rest unfolds.
const CAUSES: usize = 6;

/// From this many checks on the grid is wider than a page and scrolls sideways.
const WIDE: usize = 10;

#[derive(Serialize)]
pub(super) struct Page {
    class: String,
    lab: String,
    lab_title: String,
    /// As it stands in the headline: the alias, or the id where there is none.
    place: String,
    account: String,
    region: String,
    anonymous: bool,
    /// How often a live page is read again, in seconds.
    live: Option<u64>,
    taken: Moment,
    /// When everybody was last read, if all stacks are gone.
    last_read: Option<LastRead>,
    since: Option<Changes>,
    chart: Option<Chart>,
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
pub(super) struct Moment {
    machine: String,
    date: String,
    time: String,
    zone: String,
}

/// When stacks were last read that are gone.
#[derive(Serialize)]
pub(super) struct LastRead {
    from: Moment,
    /// The end, where not all were read at once.
    to: Option<Moment>,
}

impl LastRead {
    /// `None` where any stack still stands, or nobody was ever read.
    fn of<'a>(
        students: impl Iterator<Item = &'a ReportStudent> + Clone,
        taken_at: &ZonedDateTime,
    ) -> Option<Self> {
        if !students.clone().all(|row| row.progress.last.gone) {
            return None;
        }
        let times = students.filter_map(|row| row.progress.last.as_of);
        let moment =
            |at: Timestamp| Moment::of(&at.to_zoned_datetime(taken_at.time_zone().clone()));
        let (first, last) = (times.clone().min()?, times.max()?);
        let (from, to) = (moment(first), moment(last));
        let one = from.date == to.date && from.time == to.time;
        Some(Self {
            from,
            to: (!one).then_some(to),
        })
    }
}

/// A moment beside one of the report: no more of it than differs.
fn beside(at: Timestamp, taken_at: &ZonedDateTime) -> String {
    let at = at.to_zoned_datetime(taken_at.time_zone().clone());
    let format = match (at.date() == taken_at.date(), at.year() == taken_at.year()) {
        (true, _) => "%H:%M",
        (false, true) => "%-d %b, %H:%M",
        (false, false) => "%-d %b %Y, %H:%M",
    };
    at.strftime(format).to_string()
}

/// What changed since the report before.
#[derive(Serialize)]
struct Changes {
    machine: String,
    when: String,
    groups: Vec<ChangeGroup>,
}

/// Everybody who moved the same way.
#[derive(Serialize)]
struct ChangeGroup {
    symbol: &'static str,
    words: String,
    tone: &'static str,
    who: Vec<Mover>,
}

#[derive(Serialize)]
struct Mover {
    username: String,
    /// Whether there is a row to jump to.
    here: bool,
    /// `3 → 5`, where tasks done or points tell more than the group does.
    steps: String,
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
    word: Cow<'static, str>,
    tone: &'static str,
}

impl From<Mark> for Shown {
    fn from(mark: Mark) -> Self {
        Self {
            symbol: mark.symbol,
            word: mark.word.into(),
            tone: match mark.tone {
                Tone::Good => "good",
                Tone::Busy => "busy",
                Tone::Idle => "idle",
                Tone::Absent => "absent",
                Tone::Bad => "bad",
                Tone::Unsure => "unsure",
                Tone::Muted => "muted",
            },
        }
    }
}

/// A student's task over the class.
#[derive(Serialize)]
struct Task {
    number: usize,
    title: String,
    provable: bool,
    passed: usize,
    of: usize,
    percent: usize,
    /// Done in part: among those who failed.
    in_part: usize,
    failed: usize,
    unknown: usize,
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

impl Page {
    pub(super) fn of(report: &ClassReport, audience: Audience) -> Self {
        let tally = report.tally();
        let columns = report.tasks();
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
            place: match &report.account.alias {
                Some(alias) => own(alias),
                None if report.account.id.is_empty() => String::new(),
                None => format!("account {}", own(&report.account.id)),
            },
            account: match &report.account.alias {
                Some(alias) => own(&format!("{alias} ({})", report.account.id)),
                None => own(&report.account.id),
            },
            anonymous: audience.anonymous,
            live: audience.live_s,
            since: report
                .since
                .as_ref()
                .map(|since| Changes::of(since, report)),
            chart: Chart::of(report),
            region: own(&report.region),
            taken: Moment::of(&report.taken_at),
            last_read: LastRead::of(report.students.iter(), &report.taken_at),
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
            notes: left::lines(&report.left)
                .iter()
                .chain(&report.notes)
                .map(|note| own(note))
                .collect(),
            causes,
            more_causes,
            validated: validated(report),
            sections: sections(&report.students),
            students: report
                .students
                .iter()
                .map(|student| Row::of(student, &columns, &report.taken_at, Reader::Instructor))
                .collect(),
            columns: tasks(columns),
        }
    }
}

/// What a student's own page says of the class.
#[derive(Serialize)]
pub(super) struct Own {
    class: String,
    lab: String,
    lab_title: String,
    taken: Moment,
    /// When the student was last read, if the stack is gone.
    last_read: Option<LastRead>,
    headline: String,
}

impl Own {
    pub(super) fn of(report: &ClassReport, student: &ReportStudent) -> Self {
        let score = Score::of(&student.progress.checks);
        Self {
            class: report.class.to_string(),
            lab: report.lab.to_string(),
            lab_title: own(&report.lab_title),
            taken: Moment::of(&report.taken_at),
            last_read: LastRead::of(std::iter::once(student), &report.taken_at),
            headline: format!("{} of {} done", score.done, score.of),
        }
    }
}

impl Changes {
    fn of(since: &Since, report: &ClassReport) -> Self {
        let format = match since.taken_at.date() == report.taken_at.date() {
            true => "%H:%M",
            false => "%A, %-d %B, %H:%M",
        };
        let mut groups: Vec<ChangeGroup> = Vec::new();
        for chunk in since.moves.chunk_by(|a, b| a.turn == b.turn) {
            let (symbol, words, tone) = turn_words(chunk[0].turn);
            groups.push(ChangeGroup {
                symbol,
                words: format!("{} {words}", chunk.len()),
                tone,
                who: chunk
                    .iter()
                    .map(|m| Mover {
                        username: m.username.to_string(),
                        here: m.done_now.is_some(),
                        steps: match m.turn {
                            Turn::MovedUp | Turn::FellBack => steps(m),
                            _ => String::new(),
                        },
                    })
                    .collect(),
            });
        }
        Self {
            machine: machine(&since.taken_at),
            when: since.taken_at.strftime(format).to_string(),
            groups,
        }
    }
}

/// Tasks before and now; points, where only a part of a task was done.
fn steps(m: &Move) -> String {
    match (m.done_before, m.done_now, m.points_before, m.points_now) {
        (Some(before), Some(now), ..) if before != now => format!("{before} → {now}"),
        (.., Some(before), Some(now)) => format!("{before} → {}", now.words()),
        _ => String::new(),
    }
}

fn turn_words(turn: Turn) -> (&'static str, &'static str, &'static str) {
    match turn {
        Turn::Completed => ("✓", "became complete", "good"),
        Turn::MovedUp => ("↑", "moved up", "busy"),
        Turn::Deployed => ("✓", "deployed", "good"),
        Turn::Undeployed => ("∅", "no longer deployed", "absent"),
        Turn::Mended => ("✓", "broken no more", "good"),
        Turn::Broke => ("!", "broke", "bad"),
        Turn::FellBack => ("↓", "fell back", "unsure"),
        Turn::OutOfSight => ("?", "could no longer be checked", "unsure"),
        Turn::Joined => ("+", "new in the report", "idle"),
        Turn::Left => ("–", "no longer in the report", "muted"),
    }
}

/// A moment for a `datetime` attribute.
fn machine(at: &ZonedDateTime) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
}

impl Moment {
    pub(super) fn of(taken_at: &ZonedDateTime) -> Self {
        let offset = taken_at.strftime("UTC%:z").to_string();
        Self {
            machine: machine(taken_at),
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
        // What could not be checked says nothing of where anybody is.
        .filter(|c| c.provable() && c.failed > 0)
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
            in_part: column.in_part,
            failed: column.failed,
            unknown: column.unknown,
            stuck: stuck.as_ref() == Some(&column.id),
            title: own(&column.title),
        })
        .collect()
}

fn validated(report: &ClassReport) -> Option<String> {
    let students = &report.students;
    let at = report.validated_at.as_ref()?;
    let at = at.with_time_zone(report.taken_at.time_zone().clone());
    let format = match at.date() == report.taken_at.date() {
        true => "at %H:%M",
        false => "on %-d %B at %H:%M",
    };
    let asked = students.iter().filter(|s| !s.validate.is_empty()).count();
    let passed = students
        .iter()
        .filter(|s| !s.validate.is_empty() && all_passed(&s.validate))
        .count();
    (asked > 0).then(|| {
        format!(
            "{passed} of {} passed validation {}",
            plural(asked, "stack"),
            at.strftime(format)
        )
    })
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

fn own(text: &str) -> String {
    clean(text).into_owned()
}
