//! How a run ended: what `--output json` prints, and what a summary for people is made from.

#![expect(
    missing_docs,
    reason = "names of fields and variants say it; what needs words has them"
)]

pub(crate) mod digest;
pub(crate) mod stamp;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Serialize;

use crate::events::{Command, Outcome};
use crate::evidence::attention::{Need, RoomRemark, room_remarks};
use crate::evidence::check::{CheckResult, Verdict};
use crate::evidence::progress::{Progress, StudentProgress};
use crate::ids::{ClassName, LabId, PlaceName, Username};
use crate::lab::given::Output;
use crate::stack::forecast::Forecast;
use crate::stack::kinds::Gap;
use crate::stack::leavers::LeftStudent;
use crate::stack::result::{ResourceResult, StackResult};
use crate::text::failure::Failure;

pub use digest::{PlacePlan, PlanDigest};
pub use stamp::{Account, PlaceStamp, Stamp};

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StudentResult {
    pub username: Username,
    /// Where the stack is or belongs, in a class with several places; `None` where that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<PlaceName>,
    pub outcome: Outcome,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<ResourceResult>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<CheckResult>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub outputs: Vec<Output>,
    /// The grade, where the verb is about grades of another system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grade: Option<GradeChange>,
    /// Why it did not end well; one for each thing that failed on its own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<Failure>,
}

impl StudentResult {
    /// Of a student of whom nothing but the outcome is known.
    pub(crate) fn new(username: Username, outcome: Outcome) -> Self {
        Self {
            username,
            place: None,
            outcome,
            resources: Vec::new(),
            checks: Vec::new(),
            outputs: Vec::new(),
            grade: None,
            errors: Vec::new(),
        }
    }

    /// Of a student whose stack was tried.
    pub(crate) fn tried(username: Username, checks: Vec<CheckResult>) -> Self {
        let has = |verdict| checks.iter().any(|c| c.verdict == verdict);
        let outcome = if has(Verdict::Fail) {
            Outcome::Failed
        } else if has(Verdict::CouldNotCheck) {
            Outcome::Unknown
        } else {
            Outcome::Passed
        };
        Self {
            checks,
            ..Self::new(username, outcome)
        }
    }

    /// The same, with something that failed on its own.
    pub(crate) fn failed(mut self, failure: Failure) -> Self {
        self.errors.push(failure);
        self
    }
}

impl From<&StudentProgress> for StudentResult {
    fn from(student: &StudentProgress) -> Self {
        let outcome = match student.progress {
            Progress::Complete => Outcome::Complete,
            Progress::InProgress => Outcome::InProgress,
            Progress::NotStarted => Outcome::NotStarted,
            Progress::NotDeployed => Outcome::NotDeployed,
            Progress::Broken => Outcome::Broken,
            Progress::Unknown => Outcome::Unknown,
        };
        Self {
            checks: student.checks.clone(),
            outputs: student.outputs.clone(),
            ..Self::new(student.username.clone(), outcome)
        }
    }
}

impl From<StackResult> for StudentResult {
    fn from(stack: StackResult) -> Self {
        Self {
            resources: stack.resources,
            errors: stack.errors,
            ..Self::new(stack.student, stack.outcome)
        }
    }
}

/// A grade of another system's gradebook.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GradeChange {
    /// What was there before; `None` for no grade.
    pub from: Option<f64>,
    /// What the lab gives.
    pub to: f64,
    /// Whether only the name shows whose grade it is.
    pub by_name: bool,
}

/// The lab that a document is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LabTitle {
    pub id: LabId,
    /// For people.
    pub title: String,
}

/// A whole run, as `--output json` prints it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunSummary {
    #[serde(flatten)]
    pub stamp: Option<Stamp>,
    pub command: Command,
    pub class: ClassName,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lab: Option<LabTitle>,
    pub students: Vec<StudentResult>,
    /// How many students ended with which outcome word, and what the verb counts besides.
    pub summary: BTreeMap<String, u64>,
    /// Students who left the roster, where the verb is about the whole class and looked for them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub left: Vec<LeftStudent>,
    /// Who needs somebody, the most urgent first, where the verb reads where everybody stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attention: Option<Vec<Need>>,
    /// The time as of which executions were counted, where that is not now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// What several students do alike, likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub room: Option<Vec<RoomRemark>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forecast: Option<Forecast>,
    /// What is planned, where nothing else is done.
    #[serde(flatten)]
    pub plan: Option<PlanDigest>,
    /// What could not be seen.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<Gap>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Calls made, by `service:Operation`.
    pub api_calls: BTreeMap<String, u64>,
    pub elapsed_s: f64,
}

impl RunSummary {
    /// Of which only whose students ended how is known.
    pub fn new(command: Command, class: ClassName, students: Vec<StudentResult>) -> Self {
        Self {
            stamp: None,
            command,
            class,
            lab: None,
            students,
            summary: BTreeMap::new(),
            left: Vec::new(),
            attention: None,
            at: None,
            room: None,
            forecast: None,
            plan: None,
            gaps: Vec::new(),
            files: Vec::new(),
            notes: Vec::new(),
            api_calls: BTreeMap::new(),
            elapsed_s: 0.0,
        }
    }

    /// With the lines of these students alone, where some are chosen. The counts stay those of all.
    pub(crate) fn of(&self, only: Option<&BTreeSet<Username>>) -> Cow<'_, Self> {
        let Some(only) = only else {
            return Cow::Borrowed(self);
        };
        let mut some = self.clone();
        some.students
            .retain(|student| only.contains(&student.username));
        if let Some(needs) = &mut some.attention {
            needs.retain(|need| only.contains(&need.username));
            some.room = some.room.map(|_| room_remarks(needs));
        }
        Cow::Owned(some)
    }

    pub(crate) fn count(&self, outcome: Outcome) -> usize {
        let ended = |student: &&StudentResult| student.outcome == outcome;
        self.students.iter().filter(ended).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::activity::Trouble;
    use crate::lab::check::Work;
    use crate::lab::mistake::{Listener, TroubleReason};
    use crate::lab::points::Points;

    #[test]
    fn a_stack_that_could_not_be_checked_has_not_passed() {
        let check = |verdict| CheckResult {
            id: "ready".to_owned(),
            title: "Ready".to_owned(),
            work: Work::Stack,
            points: Points::ZERO,
            earned: Points::ZERO,
            parts: None,
            verdict,
            evidence: Vec::new(),
            hint: String::new(),
            instructor_hint: None,
            as_of: None,
            on_time: None,
        };
        let outcome = |verdicts: &[Verdict]| {
            let checks = verdicts.iter().map(|verdict| check(*verdict)).collect();
            StudentResult::tried("ana".parse().unwrap(), checks).outcome
        };
        let (pass, unsure) = (Verdict::Pass, Verdict::CouldNotCheck);
        assert_eq!(outcome(&[pass, pass]), Outcome::Passed);
        assert_eq!(outcome(&[pass, unsure]), Outcome::Unknown);
        assert_eq!(outcome(&[unsure, Verdict::Fail]), Outcome::Failed);
    }

    #[test]
    fn chosen_students_are_listed_and_the_counts_stay_those_of_all() {
        let student = |name: &str| StudentResult::new(name.parse().unwrap(), Outcome::Broken);
        let all = RunSummary {
            summary: BTreeMap::from([("students".to_owned(), 2)]),
            attention: Some(Vec::new()),
            ..RunSummary::new(
                Command::Status,
                "spring".parse().unwrap(),
                vec![student("ana"), student("ben")],
            )
        };
        assert_eq!(*all.of(None), all);
        let only = BTreeSet::from(["ben".parse().unwrap()]);
        let some = all.of(Some(&only));
        assert_eq!(some.students, [student("ben")]);
        assert_eq!(some.summary, all.summary);
        assert_eq!(some.room, None);
    }

    #[test]
    fn a_remark_to_the_room_is_about_the_chosen_students() {
        let need = |name: &str| Need {
            username: name.parse().unwrap(),
            trouble: Trouble {
                reason: TroubleReason::RefusedRequests,
                task: None,
                count: Some(2),
                since: None,
                cause: None,
                say: None,
                act: None,
                to: Listener::Student,
                room: Some("send x".to_owned()),
            },
        };
        let needs = vec![need("ana"), need("ben"), need("cleo")];
        let all = RunSummary {
            room: Some(room_remarks(&needs)),
            attention: Some(needs),
            ..RunSummary::new(Command::Status, "spring".parse().unwrap(), Vec::new())
        };
        let names = |names: &[&str]| names.iter().map(|n| n.parse().unwrap()).collect();
        let of = |some: &[&str]| -> Vec<usize> {
            let only: BTreeSet<Username> = names(some);
            let some = all.of(Some(&only)).into_owned();
            some.room
                .unwrap()
                .iter()
                .map(|r| r.students.len())
                .collect()
        };
        assert_eq!(of(&["ana", "cleo"]), [2]);
        // One alone is no remark to the room.
        assert_eq!(of(&["ana"]), [0_usize; 0]);
    }
}
