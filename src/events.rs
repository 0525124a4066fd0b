//! What happened, said in data. The engine's only voice and the reporters' only ear.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use crate::evidence::check::CheckResult;
use crate::ids::{ClassName, LabId, Username};
use crate::lab::given::Output;
use crate::roster::renamed::RecognisedBy;
use crate::stack::kinds::ResourceId;
use crate::stack::plan::Verdict;
pub use crate::text::failure::Failure;

/// The verb that runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Command {
    /// `rehearse`
    Rehearse,
    /// `plan`
    Plan,
    /// `deploy`
    Deploy,
    /// `validate`
    Validate,
    /// `validate --isolation`
    #[serde(rename = "validate --isolation")]
    Isolation,
    /// `status`
    Status,
    /// `report`
    Report,
    /// `watch`
    Watch,
    /// `teardown`
    Teardown,
    /// `access grant`
    #[serde(rename = "access grant")]
    AccessGrant,
    /// `access revoke`
    #[serde(rename = "access revoke")]
    AccessRevoke,
    /// `access freeze`
    #[serde(rename = "access freeze")]
    AccessFreeze,
    /// `access thaw`
    #[serde(rename = "access thaw")]
    AccessThaw,
    /// `handout`
    Handout,
}

impl Command {
    /// The verb as typed.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rehearse => "rehearse",
            Self::Plan => "plan",
            Self::Deploy => "deploy",
            Self::Validate => "validate",
            Self::Isolation => "validate --isolation",
            Self::Status => "status",
            Self::Report => "report",
            Self::Watch => "watch",
            Self::Teardown => "teardown",
            Self::AccessGrant => "access grant",
            Self::AccessRevoke => "access revoke",
            Self::AccessFreeze => "access freeze",
            Self::AccessThaw => "access thaw",
            Self::Handout => "handout",
        }
    }
}

/// Something that happened during a run.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// The work is known and begins.
    RunStarted {
        /// The verb.
        command: Command,
        /// The class.
        class: ClassName,
        /// The lab.
        lab: LabId,
        /// The account id.
        account: String,
        /// The region.
        region: String,
        /// Students with something to do.
        students: usize,
        /// Steps over all of them.
        steps: usize,
    },
    /// How much time is left until the work is done; told about once a second.
    TimeLeft {
        /// Seconds.
        seconds: u64,
    },
    /// A student's work begins.
    StudentStarted {
        /// The student.
        student: Username,
    },
    /// A step begins.
    StepStarted {
        /// The student.
        student: Username,
        /// The resource that it acts on.
        resource: ResourceId,
        /// What is done to it (`create`, `update code`, `delete`, …).
        action: String,
    },
    /// A step waits for a condition in the cloud (a role to become assumable, a function to be Active).
    StepWaiting {
        /// The student.
        student: Username,
        /// The resource.
        resource: ResourceId,
        /// What is waited for.
        on: String,
    },
    /// A call is made again.
    CallRetried {
        /// The operation (`lambda:CreateFunction`).
        operation: &'static str,
        /// Error code and message of the attempt that failed.
        cause: String,
        /// AWS's id of that attempt, where there was an answer.
        #[serde(skip_serializing_if = "Option::is_none")]
        request_id: Option<String>,
        /// Milliseconds until the next attempt.
        after_ms: u64,
    },
    /// A call failed for good. Whoever made it may have expected that ("not there", say): what failed a student's step
    /// stands in [`Event::StepFinished`] as well.
    CallFailed {
        /// The operation (`lambda:CreateFunction`).
        operation: &'static str,
        /// Error code and message.
        cause: String,
        /// AWS's id of the request, where there was an answer: what AWS's support asks for.
        #[serde(skip_serializing_if = "Option::is_none")]
        request_id: Option<String>,
    },
    /// A step ended.
    StepFinished {
        /// The student.
        student: Username,
        /// The resource.
        resource: ResourceId,
        /// What was done to it.
        action: String,
        /// How it ended.
        result: StepResult,
        /// Milliseconds that it took.
        elapsed_ms: u64,
    },
    /// homeroom wrote a function. Kept in the run log: what changes it later is not homeroom, so its log is believed from
    /// then on only as far as nothing did.
    FunctionWritten {
        /// The student.
        student: Username,
        /// The function's name.
        function: String,
        /// When AWS says that it was last modified, in milliseconds since 1970.
        modified_ms: i64,
        /// From when on nothing else can run of it, if it does not follow a write that is recorded, too.
        clean_from_ms: i64,
        /// When it was last modified before, where nothing of the student's was in it.
        #[serde(skip_serializing_if = "Option::is_none")]
        follows_ms: Option<i64>,
    },
    /// homeroom is about to send requests of its own that carry a nonce. Kept in the run log before anything is sent, so
    /// that what they start is never counted as the student's, also when the run is killed.
    NonceIssued {
        /// The student to whose stack they go.
        student: Username,
        /// The nonce.
        nonce: String,
    },
    /// homeroom started an execution of its own, or had the student's API start one. Kept in the run log, so that it
    /// is never counted as the student's, whatever their trigger function made of its name and input.
    ExecutionStarted {
        /// The student.
        student: Username,
        /// The execution's ARN.
        execution_arn: String,
    },
    /// One check of one student was answered (validate).
    CheckFinished {
        /// The student.
        student: Username,
        /// The answer.
        result: CheckResult,
    },
    /// A student's work ended.
    StudentFinished {
        /// The student.
        student: Username,
        /// The outcome's word.
        outcome: Outcome,
        /// Why, when it did not end well.
        failure: Option<Failure>,
    },
    /// The person asked to stop.
    Interrupted {
        /// Whether what is in flight is given up as well (second Ctrl-C).
        now: bool,
        /// Steps in flight at that moment.
        in_flight: Vec<InFlight>,
    },
    /// Something for people to know, not tied to a student.
    Note {
        /// The text, one line.
        text: String,
    },
    /// All is done, or given up.
    RunFinished {
        /// Milliseconds since `RunStarted`.
        elapsed_ms: u64,
    },
}

/// A step that was in flight when the run was stopped: what may remain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InFlight {
    /// The student.
    pub student: Username,
    /// The resource.
    pub resource: ResourceId,
    /// What was being done to it.
    pub action: String,
}

/// How a step ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "result", rename_all = "kebab-case")]
pub enum StepResult {
    /// Done.
    Done,
    /// There was nothing to do: the resource is not there.
    Absent,
    /// Something with our name is there that is not provably ours; it was left alone.
    Conflict {
        /// Why, and what to do.
        failure: Failure,
    },
    /// Failed.
    Failed {
        /// Why, and what to do.
        failure: Failure,
    },
    /// Not begun, because a step that it needs did not end well.
    Skipped {
        /// The step that it needs.
        needs: ResourceId,
    },
    /// Not begun or given up, because the person asked to stop.
    Cancelled,
}

impl StepResult {
    /// Whether the resource is now as the step was to make it.
    pub fn is_well(&self) -> bool {
        matches!(self, Self::Done | Self::Absent)
    }
}

/// How a student's part of a run ended. Which words a verb uses stands in `docs/exit-codes.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// deploy: something was created or changed, and all is as desired.
    Deployed,
    /// deploy: nothing was to be done.
    Unchanged,
    /// deploy: a resource with our name is not provably ours.
    Conflict,
    /// deploy, validate: did not end well.
    Failed,
    /// Not begun or given up, because the person asked to stop, or because others failed for a cause that is everybody's.
    Cancelled,
    /// validate: every check passed.
    Passed,
    /// validate, status: could not look.
    Unknown,
    /// status: everything provable is done.
    Complete,
    /// status: some of it is.
    InProgress,
    /// status: none of it is.
    NotStarted,
    /// status: nothing of the stack is there.
    NotDeployed,
    /// status: something of the stack is there and not as it must be.
    Broken,
    /// teardown: was there and is gone.
    Removed,
    /// teardown: nothing was there.
    Absent,
    /// teardown: something is still there, or could not be looked for.
    Remains,
    /// access grant: something was made or changed, and the student can get in.
    Granted,
    /// access freeze: is shut out now.
    Frozen,
    /// access thaw: is let in again.
    Thawed,
    /// access freeze, thaw: has no user.
    NoAccess,
    /// handout: it was written.
    Written,
    /// plan: there is something to do.
    Changes,
    /// plan: there is nothing to do.
    NoChange,
}

impl Outcome {
    /// The word, as `--output json` has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deployed => "deployed",
            Self::Unchanged => "unchanged",
            Self::Conflict => "conflict",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Passed => "passed",
            Self::Unknown => "unknown",
            Self::Complete => "complete",
            Self::InProgress => "in-progress",
            Self::NotStarted => "not-started",
            Self::NotDeployed => "not-deployed",
            Self::Broken => "broken",
            Self::Removed => "removed",
            Self::Absent => "absent",
            Self::Remains => "remains",
            Self::Granted => "granted",
            Self::Frozen => "frozen",
            Self::Thawed => "thawed",
            Self::NoAccess => "no-access",
            Self::Written => "written",
            Self::Changes => "changes",
            Self::NoChange => "no-change",
        }
    }
}

/// What some work is expected to take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Estimate {
    /// Seconds; absent where calls are not paced, so that only the endpoint tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds: Option<u64>,
    /// What it cannot be faster than, where that counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bound: Option<Bound>,
    /// Calls that it makes when nothing goes wrong, by service.
    pub calls: BTreeMap<String, u64>,
}

/// A request quota that some work cannot be faster than.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Bound {
    /// Seconds that the quota asks at least.
    pub seconds: u64,
    /// Which calls it counts (`DeleteRestApi`).
    pub calls: String,
    /// How many it allows (`1 per 30 s`).
    pub allowed: String,
}

/// What a class is expected to take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Forecast {
    /// What the plan would take to carry out.
    pub deploy: Estimate,
    /// What it would take to tear the same students' stacks down afterwards.
    pub teardown: Estimate,
}

/// What was planned for a resource, or became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResourceState {
    /// As the plan has it; nothing was done to it.
    Planned(Verdict),
    /// Something is to be done to it, and is not because of another resource of the student's.
    Blocked,
    /// What was planned is done.
    Done,
    /// What was planned failed.
    Failed,
    /// Something that it needs failed.
    Skipped,
    /// The run was stopped before.
    Cancelled,
    /// It was there, and a fresh listing does not show it.
    Removed,
    /// It is still there.
    Remains,
    /// It was deleted, and nothing has looked for it since.
    NotProven,
    /// It lost what was taken away around it, and stays.
    Kept,
}

impl ResourceState {
    /// The word, as `--output json` has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Planned(verdict) => verdict.as_str(),
            Self::Blocked => "blocked",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::Cancelled => "cancelled",
            Self::Removed => "removed",
            Self::Remains => "remains",
            Self::NotProven => "not-proven",
            Self::Kept => "kept",
        }
    }
}

impl Serialize for ResourceState {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// One resource of one student at the end of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ResourceResult {
    /// The resource.
    #[serde(flatten)]
    pub resource: ResourceId,
    /// What was planned for it or became of it.
    pub state: ResourceState,
    /// Why, in a sentence; absent where the state says it all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// One student at the end of a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StudentResult {
    /// The username.
    pub username: Username,
    /// The outcome.
    pub outcome: Outcome,
    /// The student's resources, where the verb looked at them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<ResourceResult>,
    /// The checks, where the verb made any.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<CheckResult>,
    /// What the student is given, where the verb knows it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub outputs: Vec<Output>,
    /// Why it did not end well; one for each thing that failed on its own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<Failure>,
}

/// A student of whom something is in the class, and who is no longer in the roster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Left {
    /// The username that the resources carry.
    pub username: Username,
    /// How many resources of theirs the verb saw.
    pub resources: usize,
    /// Whether it looked at IAM alone.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub iam_only: bool,
    /// The username under which the student is most likely in the roster now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub likely_renamed_to: Option<Username>,
    /// The username under which the student may be in the roster now: no more than a guess.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub perhaps_renamed_to: Option<Username>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub same: Option<RecognisedBy>,
}

/// A whole run, as `--output json` prints it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunSummary {
    /// The verb.
    pub command: Command,
    /// The class.
    pub class: ClassName,
    /// One a student, in the roster's order.
    pub students: Vec<StudentResult>,
    /// How many students ended with which outcome word, and what the verb counts besides.
    pub summary: BTreeMap<String, u64>,
    /// Students who left the roster, where the verb is about the whole class and looked for them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub left: Vec<Left>,
    /// What it would take, where the verb plans.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forecast: Option<Forecast>,
    /// Files that were written for people, the most important first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
    /// Notes that concern the whole class.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Calls made, by `service:Operation`.
    pub api_calls: BTreeMap<String, u64>,
    /// Seconds that the run took.
    pub elapsed_s: f64,
}
