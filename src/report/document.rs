//! The document: a class at one moment. It is what `report.json` says, and every page, table and file of a class renders
//! from it. What it adds up is in [`super::tally`] and [`super::causes`], computed when it is written or shown.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use jiff::{Timestamp, ZonedDateTime};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::json;

use crate::aws::execution::Execution;
use crate::evidence::check::CheckResult;
use crate::evidence::progress::{Progress, StudentProgress};
use crate::ids::{ClassName, LabId, Username};
use crate::lab::check::Work;
use crate::lab::marks::Starter;
use crate::lab::points::Points;
use crate::roster::Student;
use crate::stack::kinds::Gap;
use crate::stack::leavers::LeftStudent;
use crate::text;

use super::causes::{self, Cause};
use super::tally::{CheckTally, STATES, Score, Tally, check_tallies};

/// Name and version of the layout of `report.json`. Keys may be added under the same version; a key
/// that goes or changes its meaning makes a new one.
pub(crate) const REPORT_SCHEMA: &str = "homeroom.report/1";

/// The AWS account that the class lives in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Account {
    /// The 12-digit id.
    pub id: String,
    /// The alias, where the account has one and it could be read.
    pub alias: Option<String>,
}

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
    /// When the cloud was read; its zone is the one that every time of the report is shown in.
    pub taken_at: ZonedDateTime,
    /// When the oldest was made of what `validate` found; `None` where nothing is.
    pub validated_at: Option<ZonedDateTime>,
    /// Every student of the roster, in its order.
    pub students: Vec<ReportStudent>,
    /// Students who left the roster, where the report is about the whole class.
    pub left: Vec<LeftStudent>,
    /// Those of them who were read with the others, before their stacks are torn down. They have no row: no grade of
    /// this class is theirs.
    pub departed: Vec<ReportStudent>,
    /// Notes that concern the whole class.
    pub notes: Vec<String>,
    /// What could not be seen.
    pub gaps: Vec<Gap>,
    /// What changed since the report before, where there is one.
    pub since: Option<Since>,
}

/// One student of a report.
#[derive(Debug, Clone)]
pub struct ReportStudent {
    /// As the roster has them.
    pub student: Student,
    /// Where they stand.
    pub progress: StudentProgress,
    /// What `validate` found of their stack; empty when it was not asked.
    pub validate: Vec<CheckResult>,
}

/// What changed since the report before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Since {
    /// When that one was taken, in the zone of this one.
    #[serde(serialize_with = "moment")]
    pub taken_at: ZonedDateTime,
    /// Who moved, by kind of change and then in this report's order.
    pub moves: Vec<Move>,
}

/// One student's change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Move {
    /// Whose.
    pub username: Username,
    /// Which way.
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

    /// What they have reached. Of somebody whose stack is not there nothing is known, which is not zero.
    pub(crate) fn score(&self) -> Score {
        let score = Score::of(&self.progress.checks);
        Score {
            certain: score.certain && self.is_deployed(),
            ..score
        }
    }

    /// The answers to the checks of their own tasks, or of their stack.
    pub(super) fn checks_of(&self, work: Work) -> impl Iterator<Item = &CheckResult> {
        let checks = self.progress.checks.iter();
        checks.filter(move |check| check.work == work)
    }
}

impl Document {
    /// How many stand where.
    pub(crate) fn tally(&self) -> Tally {
        Tally::of(self.students.iter().map(|s| s.progress.progress))
    }

    /// The lab's checks with what the class made of each, in the lab's order.
    pub fn check_tallies(&self) -> Vec<CheckTally> {
        check_tallies(self.students.iter().map(|s| s.progress.checks.as_slice()))
    }

    /// The same of the students' own tasks alone: how the stack is shows in the state.
    pub(crate) fn tasks(&self) -> Vec<CheckTally> {
        let mut tallies = self.check_tallies();
        tallies.retain(|check| check.work == Work::Student);
        tallies
    }

    /// Everything that needs somebody, grouped by cause: broken stacks, what could not be checked, and what
    /// `validate` found wrong.
    pub(super) fn causes(&self) -> Vec<Cause> {
        causes::group(self.students.iter().flat_map(|s| {
            let username = &s.progress.username;
            causes::of_checks(username, s.is_deployed(), &s.progress.checks)
                .chain(causes::of_checks(username, true, &s.validate))
        }))
    }

    /// A moment in the zone that every time of the report is shown in.
    pub(super) fn in_zone(&self, at: Timestamp) -> ZonedDateTime {
        at.to_zoned_datetime(self.taken_at.time_zone().clone())
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
        let zone = self.taken_at.time_zone();
        let tally = self.tally();
        let summary: BTreeMap<&str, usize> = STATES
            .into_iter()
            .map(|state| (state.as_str(), tally.count(state)))
            .collect();
        let left = self.left.iter().map(|left| {
            let mut read = self.departed.iter();
            let read = read.find(|row| row.student.username == left.username);
            Departed {
                left,
                reading: read.map(|row| InZone(row, zone)),
            }
        });
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("schema", REPORT_SCHEMA)?;
        map.serialize_entry("class", &self.class)?;
        let lab = json!({ "id": self.lab, "title": self.lab_title });
        map.serialize_entry("lab", &lab)?;
        map.serialize_entry("account", &self.account)?;
        map.serialize_entry("region", &self.region)?;
        map.serialize_entry("taken_at", &rfc3339(&self.taken_at))?;
        map.serialize_entry("time_zone", &zone.iana_name())?;
        map.serialize_entry("validated_at", &self.validated_at.as_ref().map(rfc3339))?;
        map.serialize_entry("summary", &summary)?;
        map.serialize_entry("checks", &self.check_tallies())?;
        map.serialize_entry("students", &all_in(&self.students, zone))?;
        map.serialize_entry("causes", &self.causes())?;
        map.serialize_entry("since", &self.since)?;
        map.serialize_entry("left", &left.collect::<Vec<_>>())?;
        map.serialize_entry("notes", &self.notes)?;
        map.serialize_entry("gaps", &self.gaps)?;
        map.end()
    }
}

/// Who left the roster, with a last reading where one was taken.
#[derive(Serialize)]
struct Departed<'a> {
    #[serde(flatten)]
    left: &'a LeftStudent,
    #[serde(skip_serializing_if = "Option::is_none")]
    reading: Option<InZone<'a, ReportStudent>>,
}

/// Something whose times are written in a zone.
struct InZone<'a, T>(&'a T, &'a TimeZone);

fn all_in<'a, T>(all: &'a [T], zone: &'a TimeZone) -> Vec<InZone<'a, T>> {
    all.iter().map(|one| InZone(one, zone)).collect()
}

impl Serialize for InZone<'_, ReportStudent> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(row, zone) = self;
        let (student, progress, score) = (&row.student, &row.progress, row.score());
        let moment = |at: Timestamp| rfc3339(&at.to_zoned_datetime((*zone).clone()));
        let extra: BTreeMap<_, _> = student.extra.iter().map(|(k, v)| (k, v)).collect();
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("username", &student.username)?;
        map.serialize_entry("name", &student.name)?;
        map.serialize_entry("email", &student.email)?;
        map.serialize_entry("section", &student.section)?;
        map.serialize_entry("extra", &extra)?;
        map.serialize_entry("status", &progress.progress)?;
        // When the oldest was read of what stands from before; null where everything was read now.
        map.serialize_entry("as_of", &progress.last.as_of.map(moment))?;
        // Whether all of it stands from then.
        map.serialize_entry("stack_gone", &progress.last.gone)?;
        // When another stack was last read that the student had before; nothing of it counts.
        map.serialize_entry("earlier_stack", &progress.last.earlier.map(moment))?;
        map.serialize_entry("stack", &progress.stack())?;
        // Of the student's own tasks, like everything up to `percent`.
        map.serialize_entry("checks_passed", &score.done)?;
        map.serialize_entry("checks_provable", &score.of)?;
        // Null while something could not be checked, or no stack is there: a lower bound is no grade.
        map.serialize_entry("points", &score.certain.then_some(score.earned))?;
        map.serialize_entry("points_total", &score.total)?;
        map.serialize_entry("percent", &score.percent())?;
        map.serialize_entry("checks", &progress.checks)?;
        map.serialize_entry("validate", &row.validate)?;
        map.serialize_entry("executions", &all_in(&progress.executions, zone))?;
        map.serialize_entry("executions_left_out", &progress.executions_left_out)?;
        map.serialize_entry("executions_cut_off", &progress.executions_cut_off)?;
        map.serialize_entry("outputs", &progress.outputs)?;
        map.serialize_entry("changes", &progress.changes)?;
        map.serialize_entry("requests", &progress.requests)?;
        map.end()
    }
}

impl Serialize for InZone<'_, (Starter, Execution)> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self((starter, execution), zone) = self;
        let time = |ms: i64| at(ms, zone).as_ref().map(rfc3339);
        let detail = execution.detail.as_ref();
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("name", &execution.name)?;
        map.serialize_entry("arn", &execution.arn)?;
        map.serialize_entry("started_by", starter)?;
        map.serialize_entry("status", &execution.status)?;
        map.serialize_entry("started_at", &time(execution.started_ms))?;
        map.serialize_entry("stopped_at", &execution.stopped_ms.and_then(time))?;
        map.serialize_entry("input", &detail.map(|d| &d.input))?;
        map.serialize_entry("error", &detail.and_then(|d| d.error.as_ref()))?;
        map.serialize_entry("cause", &detail.and_then(|d| d.cause.as_ref()))?;
        map.end()
    }
}

/// A moment of AWS in a zone; `None` for a number that is no moment.
pub(super) fn at(ms: i64, zone: &TimeZone) -> Option<ZonedDateTime> {
    let at = Timestamp::from_millisecond(ms).ok()?;
    Some(at.to_zoned_datetime(zone.clone()))
}

/// With the zone's offset, to the second.
pub(super) fn rfc3339(at: &ZonedDateTime) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
}

fn moment<S: Serializer>(at: &ZonedDateTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&rfc3339(at))
}

/// What a gap hides.
pub(super) fn hidden_by(gap: &Gap) -> String {
    match (&gap.name, &gap.student) {
        (Some(name), _) => format!("{} {name}", gap.kind),
        (None, Some(student)) => format!("every {} of {student}", gap.kind),
        (None, None) => format!("every {}", gap.kind),
    }
}
