//! The document: a class at one moment. `report.json` is this document, and every page, table and file of a class renders
//! from it. Its sums are in [`super::tally`] and [`super::causes`], computed when it is written or shown.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{Timestamp, ZonedDateTime};
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use crate::aws::execution::Execution;
use crate::evidence::activity::Activity;
use crate::evidence::attention::{self, Need};
use crate::evidence::check::CheckResult;
use crate::evidence::progress::{Progress, StudentProgress};
use crate::ids::{ClassName, LabId, Username};
use crate::lab::check::Work;
use crate::lab::marks::Starter;
use crate::lab::points::Points;
use crate::results::stamp;
pub use crate::results::{Account, PlaceStamp};
use crate::roster::Student;
use crate::stack::kinds::Gap;
use crate::stack::leavers::LeftStudent;
use crate::text;
use crate::text::words::some_of;

use super::causes::{self, Cause};
use super::tally::{CheckTally, STATES, Score, Tally, check_tallies};

/// A class at one moment.
#[derive(Debug, Clone)]
pub struct Document {
    /// The class.
    pub class: ClassName,
    /// The lab's id.
    pub lab: LabId,
    /// The lab's title, for people.
    pub lab_title: String,
    /// The account.
    pub account: Account,
    /// The region.
    pub region: String,
    /// All places of a class that has several, of which `account` and `region` are the first; empty for every other.
    pub places: Vec<PlaceStamp>,
    /// When the cloud was read; its zone is the one that every time of the report is shown in.
    pub taken_at: ZonedDateTime,
    /// When the class ends by itself, where it does.
    pub ends: Option<Timestamp>,
    /// When the oldest probe of `validate` was made; `None` without probes.
    pub validated_at: Option<ZonedDateTime>,
    /// Every student of the roster, in its order.
    pub students: Vec<ReportStudent>,
    /// Students who left the roster, where the report is about the whole class.
    pub left: Vec<LeftStudent>,
    /// Those of `left` whose stacks were read before they are torn down. They have no row, because they get no grade.
    pub departed: Vec<ReportStudent>,
    /// Notes that concern the whole class.
    pub notes: Vec<String>,
    /// What could not be seen.
    pub gaps: Vec<Gap>,
    /// What changed since the report before, where there is one.
    pub since: Option<Since>,
    /// How a command is written that somebody is to run.
    pub proposing: Proposing,
}

/// How a command is written that somebody is to run about students of the document.
#[derive(Debug, Clone, Default)]
pub struct Proposing {
    /// Program and global options, quoted for a shell; empty where no command can follow.
    pub invocation: String,
    /// The students whom the document is about, as options; empty for the whole class.
    pub selection: String,
}

/// A proposed command names at most so many students. With more, it is for everybody whom the document is about.
const NAMED_IN_COMMAND: usize = 12;

impl Proposing {
    /// A verb with its own options, about these students.
    pub(super) fn command(&self, words: &str, students: &[&Username], name_all: bool) -> String {
        let names: Vec<&str> = students.iter().map(|name| name.as_str()).collect();
        let about = match names.len() > NAMED_IN_COMMAND && !name_all {
            true => self.selection.clone(),
            false => format!("--students {}", names.join(",")),
        };
        let command = format!("{} {words} {about}", self.invocation);
        command.trim_end().to_owned()
    }
}

/// One student of a report.
#[derive(Debug, Clone)]
pub struct ReportStudent {
    /// As in the roster.
    pub student: Student,
    /// Where they stand.
    pub progress: StudentProgress,
    /// The probes of `validate`; empty when it did not run.
    pub validate: Vec<CheckResult>,
}

/// What changed since the report before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Since {
    /// When the report before was taken, in this report's zone.
    #[serde(serialize_with = "moment")]
    pub taken_at: ZonedDateTime,
    /// By kind of change, then in this report's order.
    pub moves: Vec<Move>,
}

/// One student's change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Move {
    /// The student.
    pub username: Username,
    /// The change.
    pub turn: Turn,
    /// Tasks done before; `None` when they joined.
    pub done_before: Option<usize>,
    /// Tasks done now; `None` when they left.
    pub done_now: Option<usize>,
    /// Points before; `None` when they joined, or the report before does not say.
    pub(crate) points_before: Option<Points>,
    /// Points now, as far as proven; `None` when they left, or their stack is not there.
    pub(crate) points_now: Option<Points>,
}

/// How a student's standing changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Turn {
    /// Became complete.
    Completed,
    /// Has more tasks done, or more points.
    MovedUp,
    /// The stack was not there and is now.
    Deployed,
    /// Was broken and is not any more.
    Mended,
    /// Is broken and was not.
    Broke,
    /// The stack was there and is not any more.
    Undeployed,
    /// Has fewer tasks done, or fewer points.
    FellBack,
    /// Can no longer be checked.
    OutOfSight,
    /// Was not in the report before.
    Joined,
    /// Is no longer in the report.
    Left,
}

impl ReportStudent {
    /// Whether something of their stack is there.
    pub(crate) fn is_deployed(&self) -> bool {
        self.progress.progress != Progress::NotDeployed
    }

    /// What the student has reached. Without a stack the points are not known, which is not zero.
    pub(crate) fn score(&self) -> Score {
        let score = Score::of(&self.progress.checks);
        Score {
            certain: score.certain && self.is_deployed(),
            ..score
        }
    }

    /// The points of work that was begun by the due time; `None` where none is set, or that is not known.
    pub(crate) fn points_on_time(&self) -> Option<Points> {
        let on_time = Score::earned_by(&self.progress.checks, self.student.due?);
        on_time.filter(|_| self.is_deployed())
    }

    /// Whether points were earned after the due time; `None` where none is set, or that is not known.
    pub(crate) fn late(&self) -> Option<bool> {
        let (on_time, score) = (self.points_on_time()?, self.score());
        match score.earned > on_time {
            true => Some(true),
            false => score.certain.then_some(false),
        }
    }

    /// The points that go to a gradebook: those on time where a time is due, else all; `count_late` takes all.
    /// `None` where they are not known, which is no zero.
    pub(crate) fn graded(&self, count_late: bool) -> Option<Points> {
        if self.student.due.is_some() && !count_late {
            return self.points_on_time();
        }
        let score = self.score();
        score.certain.then_some(score.earned)
    }

    /// The checks of the student's own tasks, or those of the stack.
    pub(super) fn checks_of(&self, work: Work) -> impl Iterator<Item = &CheckResult> {
        let checks = self.progress.checks.iter();
        checks.filter(move |check| check.work == work)
    }
}

impl Document {
    pub(crate) fn tally(&self) -> Tally {
        Tally::of(self.students.iter().map(|s| s.progress.progress))
    }

    /// The lab's checks over the class, in the lab's order.
    pub fn check_tallies(&self) -> Vec<CheckTally> {
        check_tallies(self.students.iter().map(|s| s.progress.checks.as_slice()))
    }

    /// What a gradebook says of late work; `None` where no time is due.
    pub(crate) fn late_note(&self, count_late: bool) -> Option<String> {
        let mut rows = self.students.iter();
        rows.find(|row| row.student.due.is_some())?;
        let late = self.students.iter().filter(|row| row.late() == Some(true));
        let late: Vec<&str> = late.map(|row| row.student.username.as_str()).collect();
        let of_whom = match late.is_empty() {
            true => "nobody is known to have any".to_owned(),
            false => some_of(&late, 30),
        };
        Some(match count_late {
            true => format!("points for late work are counted, by --count-late: {of_whom}"),
            false => format!(
                "grades are the points for work begun by the due time (points_on_time), without those for late work: \
                 {of_whom}; --count-late counts them, too"
            ),
        })
    }

    /// Only the students' own tasks. The state shows how the stack is.
    pub(crate) fn tasks(&self) -> Vec<CheckTally> {
        let mut tallies = self.check_tallies();
        tallies.retain(|check| check.work == Work::Student);
        tallies
    }

    /// Who needs somebody, the most urgent first.
    pub fn needs(&self) -> Vec<Need> {
        attention::needs(self.students.iter().map(|row| &row.progress))
    }

    /// Everything that is broken or could not be checked, grouped by cause: broken stacks, checks that could not be made, and failed probes
    /// of `validate`.
    pub(super) fn causes(&self) -> Vec<Cause> {
        Self::causes_of(self.students.iter())
    }

    /// The same without the stacks that are broken already among those who need somebody.
    pub(super) fn other_causes(&self) -> Vec<Cause> {
        let told = self.told_broken();
        let others = self.students.iter();
        Self::causes_of(others.filter(|row| !told.contains(&row.student.username)))
    }

    /// Whose broken or missing stack is told among those who need somebody.
    pub(super) fn told_broken(&self) -> BTreeSet<&Username> {
        let broken = self.students.iter().filter(|row| {
            let trouble = row.progress.trouble.as_ref();
            trouble.is_some_and(|trouble| trouble.reason.is_of_stack())
        });
        broken.map(|row| &row.student.username).collect()
    }

    fn causes_of<'a>(students: impl Iterator<Item = &'a ReportStudent>) -> Vec<Cause> {
        causes::group(students.flat_map(|s| {
            let username = &s.progress.username;
            causes::of_checks(username, s.is_deployed(), &s.progress.checks)
                .chain(causes::of_checks(username, true, &s.validate))
        }))
    }

    /// In the zone of every time in the report.
    pub(super) fn in_zone(&self, at: Timestamp) -> ZonedDateTime {
        at.to_zoned_datetime(self.taken_at.time_zone().clone())
    }

    /// A moment of AWS in the same zone; `None` for a number that is no moment.
    pub(super) fn at(&self, ms: i64) -> Option<ZonedDateTime> {
        Some(self.in_zone(Timestamp::from_millisecond(ms).ok()?))
    }

    /// A moment, with the day and the year only where they differ from the report's.
    pub(super) fn beside(&self, at: Timestamp) -> String {
        let (at, taken_at) = (self.in_zone(at), &self.taken_at);
        let format = match (at.date() == taken_at.date(), at.year() == taken_at.year()) {
            (true, _) => "%H:%M",
            (false, true) => "%-d %b, %H:%M",
            (false, false) => "%-d %b %Y, %H:%M",
        };
        at.strftime(format).to_string()
    }

    /// `report.json`.
    ///
    /// # Errors
    /// Never in practice; the serialiser's own error otherwise.
    pub fn to_json(&self) -> serde_json::Result<String> {
        text::json::document(self)
    }
}

/// The keys of `report.json`.
impl Serialize for Document {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let tally = self.tally();
        let summary: BTreeMap<&str, usize> = STATES
            .into_iter()
            .map(|state| (state.as_str(), tally.count(state)))
            .collect();
        let students = self.students.iter().map(|row| self.student(row));
        let left = self.left.iter().map(|left| {
            let mut read = self.departed.iter();
            let mut entry = json!(left);
            if let Some(row) = read.find(|row| row.student.username == left.username) {
                entry["reading"] = self.student(row);
            }
            entry
        });
        let needs = self.needs();
        let mut document = json!({
            "schema": stamp::REPORT,
            "version": stamp::VERSION,
            "time": stamp::utc(self.taken_at.timestamp()),
            "class": self.class,
            "lab": { "id": self.lab, "title": self.lab_title },
            "account": self.account,
            "region": self.region,
            "taken_at": rfc3339(&self.taken_at),
            "time_zone": self.taken_at.time_zone().iana_name(),
            "ends": self.ends.map(stamp::utc),
            "validated_at": self.validated_at.as_ref().map(rfc3339),
            "summary": summary,
            "checks": self.check_tallies(),
            "students": students.collect::<Vec<_>>(),
            // Who needs somebody, the most urgent first.
            "attention": needs.iter().map(|need| self.need(need)).collect::<Vec<_>>(),
            // What several students do alike.
            "room": attention::room_remarks(&needs),
            "causes": self.causes(),
            "since": self.since,
            "left": left.collect::<Vec<_>>(),
            "notes": self.notes,
            "gaps": self.gaps,
        });
        if !self.places.is_empty() {
            document["places"] = json!(self.places);
        }
        document.serialize(serializer)
    }
}

impl Document {
    pub(super) fn student(&self, row: &ReportStudent) -> Value {
        let (student, progress, score) = (&row.student, &row.progress, row.score());
        let moment = |at: Timestamp| rfc3339(&self.in_zone(at));
        let extra: BTreeMap<_, _> = student.extra.iter().map(|(k, v)| (k, v)).collect();
        let executions = progress.executions.iter();
        let executions = executions.map(|(starter, execution)| self.execution(*starter, execution));
        let mut shown = json!({
            "username": student.username,
            "name": student.name,
            "email": student.email,
            "section": student.section,
            "extra": extra,
            "status": progress.progress,
            // The oldest reading that still counts; null where everything was read now.
            "as_of": progress.last.as_of.map(moment),
            // Whether everything is from an earlier reading.
            "stack_gone": progress.last.gone,
            // When an earlier stack of the student was last read. Nothing of that stack counts.
            "earlier_stack": progress.last.earlier.map(moment),
            "stack": progress.stack(),
            // From here to `percent`: the student's own tasks only.
            "checks_passed": score.done,
            "checks_provable": score.of,
            // Null while something could not be checked, or no stack is there: a lower bound is no grade.
            "points": score.certain.then_some(score.earned),
            "due": student.due.map(moment),
            // What of `points` was begun by then; null where nothing is due, or that is not known.
            "points_on_time": row.points_on_time(),
            "late": row.late(),
            "points_total": score.total,
            "percent": score.percent(),
            "checks": progress.checks,
            "validate": row.validate,
            "activity": self.activity(&progress.activity),
            "executions": executions.collect::<Vec<_>>(),
            "executions_left_out": progress.executions_left_out,
            "executions_cut_off": progress.executions_cut_off,
            "outputs": progress.outputs,
            "changes": progress.changes,
            "requests": progress.requests,
        });
        if let Some(place) = &student.place {
            shown["place"] = json!(place);
        }
        shown
    }

    /// `north (account 123456789012, eu-west-1)`: each place of a class that has several.
    pub(super) fn place_words(&self) -> Vec<String> {
        let places = self.places.iter();
        places
            .map(
                |PlaceStamp {
                     name,
                     account,
                     region,
                     ..
                 }| match account {
                    Some(Account {
                        alias: Some(alias), ..
                    }) => format!("{name} ({alias}, {region})"),
                    Some(account) if !account.id.is_empty() => {
                        format!("{name} (account {}, {region})", account.id)
                    }
                    _ => format!("{name} ({region})"),
                },
            )
            .collect()
    }

    fn need(&self, need: &Need) -> Value {
        let mut shown = json!(need);
        let since = need.trouble.since;
        shown["since"] = json!(since.map(|at| rfc3339(&self.in_zone(at))));
        shown
    }

    fn activity(&self, activity: &Activity) -> Value {
        let time = |ms: Option<i64>| ms.and_then(|ms| self.at(ms)).as_ref().map(rfc3339);
        let attempts = activity.attempts.iter();
        let attempts =
            attempts.map(|attempt| json!({ "at": time(Some(attempt.at_ms)), "end": attempt.end }));
        let refusals = activity.refusals.iter();
        let refusals = refusals.map(|refusal| {
            json!({ "at": time(Some(refusal.at_ms)), "status": refusal.status, "reason": refusal.reason })
        });
        json!({
            "first_seen": time(activity.first_seen_ms),
            "last_seen": time(activity.last_seen_ms),
            "attempts": attempts.collect::<Vec<_>>(),
            "refused_requests": refusals.collect::<Vec<_>>(),
            "requests_as_of": activity.requests_as_of.map(|at| rfc3339(&self.in_zone(at))),
            "unread": activity.unread,
        })
    }

    fn execution(&self, starter: Starter, execution: &Execution) -> Value {
        let time = |ms: i64| self.at(ms).as_ref().map(rfc3339);
        let detail = execution.detail.as_ref();
        json!({
            "name": execution.name,
            "arn": execution.arn,
            "started_by": starter,
            "status": execution.status,
            "started_at": time(execution.started_ms),
            "stopped_at": execution.stopped_ms.and_then(time),
            "input": detail.map(|d| &d.input),
            "error": detail.and_then(|d| d.error.as_ref()),
            "cause": detail.and_then(|d| d.cause.as_ref()),
        })
    }
}

/// With the zone's offset, to the second.
pub(super) fn rfc3339(at: &ZonedDateTime) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
}

fn moment<S: Serializer>(at: &ZonedDateTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&rfc3339(at))
}

pub(crate) fn hidden_by(gap: &Gap) -> String {
    match (&gap.name, &gap.student) {
        (Some(name), _) => format!("{} {name}", gap.kind),
        (None, Some(student)) => format!("every {} of {student}", gap.kind),
        (None, None) => format!("every {}", gap.kind),
    }
}
