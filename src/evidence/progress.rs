//! Where a student stands, by all of their checks.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::aws::execution::Execution;
use crate::evidence::activity::{Activity, Trouble};
use crate::evidence::check::{CheckResult, Verdict};
use crate::ids::Username;
use crate::lab::check::{Check, Work};
use crate::lab::given::{ExampleRequest, Output};
use crate::lab::marks::Starter;
use crate::lab::points::Points;
use crate::stack::diff::Change;

/// Where a student stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Progress {
    /// Everything that can be proven is.
    Complete,
    /// Some of the student's own tasks are done.
    InProgress,
    /// None of them is.
    NotStarted,
    /// Nothing of the stack is there.
    NotDeployed,
    /// Something of the stack is there, and it is not as it must be.
    Broken,
    /// Something could not be checked, so nothing is claimed.
    Unknown,
}

impl Progress {
    /// The word in `--output json`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::InProgress => "in-progress",
            Self::NotStarted => "not-started",
            Self::NotDeployed => "not-deployed",
            Self::Broken => "broken",
            Self::Unknown => "unknown",
        }
    }

    /// Whether there is a stack, and something is left to do with it, as far as that is known.
    pub(crate) fn is_open(self) -> bool {
        !matches!(self, Self::Complete | Self::NotDeployed)
    }

    /// The progress that the checks of one student show, where something of the stack is there.
    pub fn of(checks: &[CheckResult]) -> Self {
        let any = |what: &dyn Fn(&CheckResult) -> bool| checks.iter().any(what);
        let own = |c: &CheckResult| c.work == Work::Student;
        if any(&|c| !own(c) && c.verdict == Verdict::Fail) {
            Self::Broken
        } else if any(&|c| c.verdict == Verdict::CouldNotCheck) {
            Self::Unknown
        } else if !any(&|c| own(c) && c.verdict == Verdict::Fail) {
            Self::Complete
        } else if any(&|c| own(c) && (c.verdict == Verdict::Pass || c.in_part())) {
            Self::InProgress
        } else {
            Self::NotStarted
        }
    }
}

/// How a stack is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum StackState {
    /// As it must be.
    Ready,
    /// Nothing of it is there.
    NotDeployed,
    /// Something of it is there, and it is not as it must be.
    Broken,
    /// It could not be looked at.
    Unknown,
}

/// One student in `status` and the report.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StudentProgress {
    /// The student.
    pub username: Username,
    /// Where they stand.
    pub progress: Progress,
    /// Every check, in the lab's order.
    pub checks: Vec<CheckResult>,
    /// The student's own executions, the newest first, with who started each.
    pub executions: Vec<(Starter, Execution)>,
    /// How many older ones of their own were listed.
    pub executions_left_out: usize,
    /// Whether there are more than were listed.
    pub executions_cut_off: bool,
    /// What the student is given: label and value.
    pub outputs: Vec<Output>,
    /// What the student changed against what was deployed.
    pub changes: Vec<Change>,
    /// Example requests to their API; empty while it is not there.
    pub requests: Vec<ExampleRequest>,
    /// What of this is from an earlier reading.
    pub last: Last,
    /// Signs of life.
    pub activity: Activity,
    /// Why the student needs somebody, if they do.
    pub trouble: Option<Trouble>,
    /// Something that went wrong once; it tells why a student is silent.
    #[serde(skip)]
    pub hitch: Option<Trouble>,
}

/// What of a student's progress is from an earlier reading.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Last {
    /// The time of the oldest earlier reading that still counts; `None` when everything was read now.
    pub as_of: Option<Timestamp>,
    /// Whether the stack is gone, so that everything is from that reading.
    pub gone: bool,
    /// Whether something is there and could not be read.
    pub unread: bool,
    /// When an earlier stack of this student was last read. Nothing of that counts.
    pub(crate) earlier: Option<Timestamp>,
    /// When this stack was first read, where there was an earlier one.
    pub(crate) replaced: Option<Timestamp>,
    /// Whether `earlier` is the reading of somebody else, who had the username then.
    pub(crate) another: bool,
    /// Whether the same stack belonged to somebody else at the last reading, by the roster.
    pub(crate) handed_on: bool,
}

impl StudentProgress {
    /// A student whose stack could not be looked at, with what could not be checked.
    pub(crate) fn unseen(username: &Username, checks: &[Check], why: &str) -> Self {
        Self {
            checks: checks
                .iter()
                .map(|check| CheckResult::unseen(check, why))
                .collect(),
            ..Self::unread(username)
        }
    }

    /// A student of whom nothing was read.
    pub(crate) fn unread(username: &Username) -> Self {
        Self {
            username: username.clone(),
            progress: Progress::Unknown,
            checks: Vec::new(),
            executions: Vec::new(),
            executions_left_out: 0,
            executions_cut_off: false,
            outputs: Vec::new(),
            changes: Vec::new(),
            requests: Vec::new(),
            last: Last::default(),
            activity: Activity::default(),
            trouble: None,
            hitch: None,
        }
    }

    /// Whether nothing is there, and nothing was ever read.
    pub(crate) fn is_absent(&self) -> bool {
        self.progress == Progress::NotDeployed && self.last.as_of.is_none()
    }

    /// The better of two readings of one student, at two places: more earned, then a stack rather than none. What could
    /// not be read at the other place may have more, so the one that stays is marked then.
    pub(crate) fn or_better(self, other: Self) -> Self {
        let rank = |one: &Self| {
            let earned: Points = one.checks.iter().map(|check| check.earned).sum();
            let passed = one
                .checks
                .iter()
                .filter(|check| check.verdict == Verdict::Pass);
            let seen = match one.progress {
                _ if one.is_absent() => 0,
                Progress::Unknown => 1,
                _ => 2,
            };
            (earned, seen, passed.count())
        };
        let (mut better, worse) = match rank(&other) > rank(&self) {
            true => (other, self),
            false => (self, other),
        };
        better.last.unread |= worse.last.unread || worse.progress == Progress::Unknown;
        better
    }

    /// How the stack is; `None` where the lab has no check of it and something of it is there.
    pub fn stack(&self) -> Option<StackState> {
        if self.progress == Progress::NotDeployed || self.last.gone {
            return Some(StackState::NotDeployed);
        }
        let of_stack = self.checks.iter().filter(|c| c.work == Work::Stack);
        let verdicts: Vec<Verdict> = of_stack.map(|check| check.verdict).collect();
        if verdicts.is_empty() {
            return None;
        }
        Some(if verdicts.contains(&Verdict::Fail) {
            StackState::Broken
        } else if verdicts.iter().any(|v| *v != Verdict::Pass) {
            StackState::Unknown
        } else {
            StackState::Ready
        })
    }

    /// Judges again, after answers to checks have changed. No answer brings back a stack that is not there.
    pub fn judge_again(&mut self) {
        if self.progress != Progress::NotDeployed {
            self.progress = Progress::of(&self.checks);
        }
    }
}
