//! What happened, as data: the engine emits events, and reporters show them.

#![expect(
    missing_docs,
    reason = "names of fields and variants say it; what needs words has them"
)]

use serde::Serialize;

use crate::ids::{ClassName, LabId, ResourceId, Username};
use crate::text::failure::Failure;
use crate::text::words::word_enum;

word_enum! {
    /// The verb that runs, as typed.
    Command {
        Rehearse = "rehearse",
        Plan = "plan",
        Deploy = "deploy",
        Validate = "validate",
        Isolation = "validate --isolation",
        Status = "status",
        Report = "report",
        Watch = "watch",
        Teardown = "teardown",
        Classes = "classes",
        Sweep = "sweep",
        AccessGrant = "access grant",
        AccessRevoke = "access revoke",
        AccessFreeze = "access freeze",
        AccessThaw = "access thaw",
        AccessSlips = "access slips",
        Handout = "handout",
        GradesPush = "grades push",
        Check = "check",
        Doctor = "doctor",
    }
}

#[derive(Debug, Clone, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// The work is known and begins.
    RunStarted {
        command: Command,
        class: ClassName,
        lab: LabId,
        account: String,
        region: String,
        /// Students with something to do.
        students: usize,
        /// Steps over all of them.
        steps: usize,
    },
    /// How much time is left until the work is done; sent about once a second.
    TimeLeft {
        seconds: u64,
    },
    StudentStarted {
        student: Username,
    },
    StepStarted {
        student: Username,
        resource: ResourceId,
        /// What is done to it (`create`, `update code`, `delete`, …).
        action: String,
    },
    /// A step waits for a condition in the cloud (a role to become assumable, a function to be Active).
    StepWaiting {
        student: Username,
        resource: ResourceId,
        on: String,
    },
    CallRetried {
        /// The operation (`lambda:CreateFunction`).
        operation: &'static str,
        cause: String,
        /// AWS's id of that attempt, where there was an answer.
        #[serde(skip_serializing_if = "Option::is_none")]
        request_id: Option<String>,
        after_ms: u64,
    },
    /// A call failed for good. The caller may have expected that ("not found", for example). What makes a student's step
    /// fail stands in [`Event::StepFinished`] as well.
    CallFailed {
        /// The operation (`lambda:CreateFunction`).
        operation: &'static str,
        cause: String,
        /// AWS's id of the request, where there was an answer: what AWS's support asks for.
        #[serde(skip_serializing_if = "Option::is_none")]
        request_id: Option<String>,
    },
    StepFinished {
        student: Username,
        resource: ResourceId,
        action: String,
        result: StepResult,
        elapsed_ms: u64,
    },
    /// homeroom wrote a function. Kept in the run log: whoever changes the function later is not homeroom, and its log
    /// counts as evidence only while nobody does.
    FunctionWritten {
        student: Username,
        function: String,
        /// When AWS says that it was last modified, in milliseconds since 1970.
        modified_ms: i64,
        /// From this moment no older code can still run, even if the write before this one is not recorded.
        clean_from_ms: i64,
        /// When it was last modified before this; `None` if the student's changes were in it.
        #[serde(skip_serializing_if = "Option::is_none")]
        follows_ms: Option<i64>,
    },
    /// homeroom is about to send requests of its own that carry a nonce. Kept in the run log before anything is sent, so
    /// that their executions never count as the student's, even if the run is killed.
    NonceIssued {
        student: Username,
        nonce: String,
    },
    /// homeroom started an execution, or had the student's API start one. Kept in the run log, so that it never counts
    /// as the student's, whatever name and input their trigger function gave it.
    ExecutionStarted {
        student: Username,
        execution_arn: String,
    },
    /// One check of one student was answered (validate).
    CheckFinished {
        student: Username,
        /// The answer as JSON: what a check is stands in a room above this one.
        result: serde_json::Value,
    },
    StudentFinished {
        student: Username,
        outcome: Outcome,
        failure: Option<Failure>,
    },
    /// The person asked to stop.
    Interrupted {
        /// Whether what is in flight is given up as well (second Ctrl-C).
        now: bool,
        in_flight: Vec<StepInFlight>,
    },
    /// Something for people to know, not tied to a student.
    Note {
        /// The text, one line.
        text: String,
    },
    RunFinished {
        /// Milliseconds since `RunStarted`.
        elapsed_ms: u64,
    },
}

/// A step that was in flight when the run was stopped: what may remain.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct StepInFlight {
    pub student: Username,
    pub resource: ResourceId,
    pub action: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "result", rename_all = "kebab-case")]
pub enum StepResult {
    Done,
    /// There was nothing to do: the resource is not there.
    Absent,
    /// Something with our name is there that is not provably ours; it was left alone.
    Conflict {
        failure: Failure,
    },
    Failed {
        failure: Failure,
    },
    /// Not begun, because a step that it needs did not end well.
    Skipped {
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

word_enum! {
    /// How a student's part of a run ended. Which words a verb uses stands in `docs/exit-codes.md`.
    Outcome {
        /// deploy: something was created or changed, and all is as desired.
        Deployed = "deployed",
        /// deploy: nothing was to be done.
        Unchanged = "unchanged",
        /// deploy: a resource with our name is not provably ours.
        Conflict = "conflict",
        /// deploy, validate: did not end well.
        Failed = "failed",
        /// Not begun or given up: the person asked to stop, or other students failed for a cause that all share.
        Cancelled = "cancelled",
        /// validate: every check passed.
        Passed = "passed",
        /// validate, status: could not look.
        Unknown = "unknown",
        /// status: everything provable is done.
        Complete = "complete",
        /// status: some of it is.
        InProgress = "in-progress",
        /// status: none of it is.
        NotStarted = "not-started",
        /// status: nothing of the stack is there.
        NotDeployed = "not-deployed",
        /// status: something of the stack is there and not as it must be.
        Broken = "broken",
        /// teardown: was there and is gone.
        Removed = "removed",
        /// teardown: nothing was there.
        Absent = "absent",
        /// teardown: something is still there, or could not be looked for.
        Remains = "remains",
        /// access grant: something was made or changed, and the student can get in.
        Granted = "granted",
        /// access freeze: is shut out now.
        Frozen = "frozen",
        /// access thaw: is let in again.
        Thawed = "thawed",
        /// access freeze, thaw: has no user.
        NoAccess = "no-access",
        /// handout: it was written.
        Written = "written",
        /// grades push: the gradebook has the grade now.
        Graded = "graded",
        /// grades push: gets no grade, and a note says why.
        LeftOut = "left-out",
        /// plan: there is something to do.
        Changes = "changes",
        /// plan: there is nothing to do.
        NoChange = "no-change",
    }
}
