//! Where a student stands, by all of their checks.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::aws::execution::Execution;
use crate::evidence::check::{CheckResult, Verdict};
use crate::ids::Username;
use crate::lab::check::Work;
use crate::lab::given::{ExampleRequest, Output};
use crate::lab::marks::Starter;
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
    /// The word, as `--output json` has it.
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

    /// What the answered checks of one student say together, of whose stack something is there.
    pub fn of(checks: &[CheckResult]) -> Self {
        let has = |work: Work, verdict: Verdict| {
            checks
                .iter()
                .any(|c| c.work == work && c.verdict == verdict)
        };
        if has(Work::Stack, Verdict::Fail) {
            Self::Broken
        } else if has(Work::Stack, Verdict::CouldNotCheck)
            || has(Work::Student, Verdict::CouldNotCheck)
        {
            Self::Unknown
        } else if !has(Work::Student, Verdict::Fail) {
            Self::Complete
        } else if has(Work::Student, Verdict::Pass)
            || checks
                .iter()
                .any(|c| c.work == Work::Student && c.in_part())
        {
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
    /// The newest of the student's own executions, the newest first, with who started each.
    pub executions: Vec<(Starter, Execution)>,
    /// Older ones of their own that were listed.
    pub executions_left_out: usize,
    /// Whether there are more than were listed.
    pub executions_cut_off: bool,
    /// What the student is given: label and value.
    pub outputs: Vec<Output>,
    /// What the student changed against what was deployed.
    pub changes: Vec<Change>,
    /// Example requests to their API; empty while it is not there.
    pub requests: Vec<ExampleRequest>,
    /// What of this was read before, because it could not be read anew.
    pub last: Last,
}

/// What of a student stands from an earlier reading.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Last {
    /// When the oldest was read of what was not read anew; `None` when everything was.
    pub as_of: Option<Timestamp>,
    /// Whether the stack is gone, so that everything stands from then.
    pub gone: bool,
    /// Whether something is there and could not be read.
    pub unread: bool,
    /// When another stack was last read that this student had before. Nothing of that counts.
    pub(crate) earlier: Option<Timestamp>,
    /// When this stack was first read, where there was another before.
    pub(crate) replaced: Option<Timestamp>,
    /// Whether `earlier` is the reading of somebody else, who had the username then.
    pub(crate) another: bool,
    /// Whether the roster meant somebody else at the last reading, and the stack is the same.
    pub(crate) handed_on: bool,
}

impl StudentProgress {
    /// How the stack is; `None` where the lab has no check of it and something of it is there.
    pub fn stack(&self) -> Option<StackState> {
        if self.progress == Progress::NotDeployed || self.last.gone {
            return Some(StackState::NotDeployed);
        }
        let mut verdicts = self
            .checks
            .iter()
            .filter(|check| check.work == Work::Stack)
            .map(|check| check.verdict)
            .peekable();
        verdicts.peek()?;
        Some(verdicts.fold(StackState::Ready, |so_far, verdict| {
            match (so_far, verdict) {
                (StackState::Broken, _) | (_, Verdict::Fail) => StackState::Broken,
                (_, Verdict::CouldNotCheck | Verdict::NotProvable) => StackState::Unknown,
                (so_far, Verdict::Pass) => so_far,
            }
        }))
    }

    /// Judges again, after answers to checks have changed. No answer brings back a stack that is not there.
    pub fn judge_again(&mut self) {
        if self.progress != Progress::NotDeployed {
            self.progress = Progress::of(&self.checks);
        }
    }
}
