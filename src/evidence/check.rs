//! Checks: what proves that a task is done, and what came of looking.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::evidence::execution::{Execution, Starter, Status, when};
use crate::evidence::history::RootCause;
use crate::evidence::points::Points;
pub use crate::stack::diff::{Change, DiffLine};
use crate::stack::ids::Username;
use crate::text::shortened;

/// Longest text of an input in a sentence, in characters.
const INPUT_SHOWN_MAX: usize = 160;

/// What `validate` asks of every stack: is everything there, is it ready?
pub const STACK_CHECKS: [&str; 2] = ["resources", "ready"];
/// And is it as deployed? A student's own changes show here.
pub const AS_DEPLOYED: &str = "as-deployed";

/// Whose work a check looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Work {
    /// The stack that homeroom deployed: failing means broken.
    Stack,
    /// The student's own task: failing means not done yet.
    Student,
}

/// One row of what "complete" means, as the lab bundle states it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// Short id, unique in the lab.
    pub id: String,
    /// What the student does, in a few words.
    pub title: String,
    /// Whose work it looks at.
    pub work: Work,
    /// Points for the gradebook. Only a student's own task carries any.
    #[serde(default)]
    pub points: Points,
    /// How the points are earned.
    #[serde(default)]
    pub credit: Credit,
    /// What to do when it does not pass, said to the student.
    pub hint: String,
    /// The same said to the instructor, where other words are needed.
    #[serde(default)]
    pub instructor_hint: Option<String>,
    /// What proves it.
    pub proof: Proof,
}

/// How a check's points are earned.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Credit {
    /// All of them when it passes, none before.
    #[default]
    AllOrNothing,
    /// A share for each part that the proof counts: a value, an execution, a function.
    Each,
}

/// What proves that a task is done: a few general kinds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Proof {
    /// Every resource of the stack exists and is provably this student's.
    ResourcesExist,
    /// Functions Active, state machines ACTIVE, stages deployed, log groups with a retention.
    ResourcesReady,
    /// Enough executions of a state machine.
    Executions {
        /// Id of the state machine in the lab bundle.
        state_machine: String,
        /// Only those started so; any of the student's own otherwise.
        #[serde(default)]
        started_by: Option<Starter>,
        /// Only those with this status.
        #[serde(default)]
        status: Option<Status>,
        /// Only those that failed with this error name.
        #[serde(default)]
        error: Option<String>,
        /// Only those whose input has these values, by JSON pointer.
        #[serde(default)]
        input: BTreeMap<String, serde_json::Value>,
        /// One at least for each of these values, by JSON pointer into the input.
        #[serde(default)]
        one_for_each: BTreeMap<String, Vec<serde_json::Value>>,
        /// How many at least.
        #[serde(default = "one")]
        count: u32,
    },
    /// A log event in each of these functions' log groups (ids in the lab bundle).
    LogEvents {
        /// Ids of the functions.
        functions: Vec<String>,
        /// Id of a state machine: at least one execution of it must be the student's own, and only log events
        /// since the oldest of those count. homeroom's own validation leaves log events too, and they prove
        /// nothing about the student. `None`: any event counts.
        #[serde(default)]
        own_execution_of: Option<String>,
    },
    /// Nothing that homeroom can read proves it; shown as such, and kept out of the completion.
    Unprovable {
        /// Why, in a sentence.
        why: String,
    },
}

fn one() -> u32 {
    1
}

/// What came of one check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Proven.
    Pass,
    /// Looked, and it is not so.
    Fail,
    /// Could not look; the reason is in the evidence.
    CouldNotCheck,
    /// Nothing can prove it.
    NotProvable,
}

/// One check of one student, answered. Also what `validate` answers with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CheckResult {
    /// The check's id.
    pub id: String,
    /// The check's title.
    pub title: String,
    /// Whose work it looks at.
    pub work: Work,
    /// Points that it is worth.
    pub points: Points,
    /// Points that were earned: all when it passed. While it could not be checked, what is proven so far: a lower
    /// bound, and no grade.
    #[serde(default)]
    pub earned: Points,
    /// How much of it is done, where it gives credit for parts and they could be counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parts: Option<Parts>,
    /// What came of it.
    pub verdict: Verdict,
    /// What was seen.
    pub evidence: Vec<Evidence>,
    /// What to do next, said to the student; empty when it passed.
    pub hint: String,
    /// The same said to the instructor, where other words are needed; see [`CheckResult::instructor_hint`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instructor_hint: Option<String>,
    /// When it was read, where that was before: it could not be read anew, and what was known stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_of: Option<Timestamp>,
}

impl CheckResult {
    /// What the instructor does next; empty when it passed.
    pub fn instructor_hint(&self) -> &str {
        self.instructor_hint.as_deref().unwrap_or(&self.hint)
    }

    /// Whether something of it is done, though not all.
    pub fn in_part(&self) -> bool {
        self.verdict != Verdict::Pass && self.parts.is_some_and(|parts| parts.done > 0)
    }
}

/// How much of a check is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parts {
    /// Parts that are done.
    pub done: u32,
    /// Parts in all.
    pub of: u32,
}

/// Something that was seen, for or against a check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// What it is; of an execution, only what that does not say itself, if there is anything.
    pub text: String,
    /// The execution that it is about, if it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution: Option<ExecutionEvidence>,
}

impl Evidence {
    /// What it says without naming an execution, where it says anything: no two students have the same execution,
    /// and the same trouble is to read the same.
    pub fn words(&self) -> String {
        match self.text.is_empty() {
            true => self.sentence(),
            false => self.text.clone(),
        }
    }

    /// All of it in a sentence, for where there is nothing but text.
    pub fn sentence(&self) -> String {
        match &self.execution {
            None => self.text.clone(),
            Some(shown) if self.text.is_empty() => shown.sentence(),
            Some(shown) => format!("{}; {}", shown.sentence(), self.text),
        }
    }
}

impl From<String> for Evidence {
    fn from(text: String) -> Self {
        Self {
            text,
            execution: None,
        }
    }
}

impl From<&str> for Evidence {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

/// An execution, as evidence shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExecutionEvidence {
    /// Who started it.
    pub starter: Starter,
    /// The execution itself; its input and error are there where they were read.
    pub execution: Execution,
    /// Where to look at it in the console; absent where there is no console.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub console_url: Option<String>,
    /// Why it failed, where its history was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<Why>,
}

/// What an execution's history says of its failure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// The cause.
    Cause(RootCause),
    /// It could not be read; why.
    Unread(String),
}

impl Why {
    /// In a sentence without an end.
    pub fn sentence(&self) -> String {
        match self {
            Self::Cause(cause) => cause.sentence(),
            Self::Unread(why) => format!("could not read its history: {why}"),
        }
    }
}

impl ExecutionEvidence {
    /// Whether it failed, so that its history has something to say.
    pub fn failed(&self) -> bool {
        matches!(self.execution.status, Status::Failed | Status::TimedOut)
    }

    fn sentence(&self) -> String {
        let Execution {
            name,
            status,
            started_ms,
            ..
        } = &self.execution;
        let mut text = format!(
            "{name}: {}, started by {} {}",
            status.as_str(),
            self.starter.phrase(),
            when(*started_ms)
        );
        let detail = self.execution.detail.as_ref();
        if let Some(error) = detail.and_then(|detail| detail.error.as_ref()) {
            text.push_str(&format!(", error {error}"));
        }
        if let Some(why) = &self.why {
            text.push_str(&format!(", {}", why.sentence()));
        }
        if let Some(detail) = detail.filter(|detail| !detail.input.is_null()) {
            let input = shortened(&detail.input.to_string(), INPUT_SHOWN_MAX);
            text.push_str(&format!(", input {input}"));
        }
        text
    }
}

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
    pub earlier: Option<Timestamp>,
    /// When this stack was first read, where there was another before.
    pub replaced: Option<Timestamp>,
    /// Whether `earlier` is the reading of somebody else, who had the username then.
    pub another: bool,
    /// Whether the roster meant somebody else at the last reading, and the stack is the same.
    pub handed_on: bool,
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

/// A request that a student can send to their API, as the lab's example.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExampleRequest {
    /// Short id, unique among a student's.
    pub id: String,
    /// What it is for.
    pub title: String,
    /// HTTP method.
    pub method: String,
    /// Address.
    pub url: String,
    /// Body; it need not be JSON.
    pub body: String,
    /// Where the API asks for signed requests: what curl's `--aws-sigv4` takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sigv4: Option<String>,
}

/// Something that a student is given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// Short id, unique in the lab.
    pub id: String,
    /// What it is, for people.
    pub label: String,
    /// Its value (a URL, a name, an ARN).
    pub value: String,
}
