//! Checks, as a lab defines them: what proves that a task is done, and what that earns.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::aws::execution::ExecutionStatus;
use crate::lab::marks::Starter;
use crate::lab::points::Points;

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
    pub(crate) id: String,
    /// What the student does, in a few words.
    pub(crate) title: String,
    pub(crate) work: Work,
    /// Points for the gradebook. Only a student's own task carries any.
    #[serde(default)]
    pub(crate) points: Points,
    #[serde(default)]
    pub(crate) credit: Credit,
    /// What to do when it does not pass, said to the student.
    pub(crate) hint: String,
    /// The hint for the instructor, where it differs.
    #[serde(default)]
    pub(crate) instructor_hint: Option<String>,
    pub(crate) proof: Proof,
}

/// How a check's points are earned.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Credit {
    /// All of them when it passes, none before.
    #[default]
    AllOrNothing,
    /// A share for each part that the proof counts: a value, an execution, a function.
    Each,
}

/// What proves that a task is done: a few general kinds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Proof {
    /// Every resource of the stack exists and is provably this student's.
    ResourcesExist,
    /// Functions Active, state machines ACTIVE, stages deployed, log groups with a retention.
    ResourcesReady,
    /// Enough executions of a state machine.
    Executions {
        state_machine: String,
        /// Only those started so; any of the student's own otherwise.
        #[serde(default)]
        started_by: Option<Starter>,
        #[serde(default)]
        status: Option<ExecutionStatus>,
        /// Only those that failed with this error name.
        #[serde(default)]
        error: Option<String>,
        /// Only those whose input has these values, by JSON pointer.
        #[serde(default)]
        input: BTreeMap<String, serde_json::Value>,
        /// One at least for each of these values, by JSON pointer into the input.
        #[serde(default)]
        one_for_each: BTreeMap<String, Vec<serde_json::Value>>,
        #[serde(default = "one")]
        count: u32,
    },
    /// A log event in each of these functions' log groups (ids in the lab bundle).
    LogEvents {
        functions: Vec<String>,
        /// Id of a state machine: at least one execution of it must be the student's own, and only log events
        /// since the oldest of those count. homeroom's own validation leaves log events too, and they prove
        /// nothing about the student. `None`: any event counts.
        #[serde(default)]
        own_execution_of: Option<String>,
    },
    /// Enough lines in a function's own log that have these values: the function writes one for each invocation of the
    /// student's. A line that bears homeroom's nonce is not theirs.
    Invocations {
        function: String,
        /// Texts by JSON pointer.
        line: BTreeMap<String, String>,
        #[serde(default = "one")]
        count: u32,
    },
    /// Nothing that homeroom can read proves it; shown as such, and kept out of the completion.
    Unprovable { why: String },
}

fn one() -> u32 {
    1
}

/// A check that `validate` makes of every stack, whatever checks the lab defines. The hint is for the instructor.
pub(crate) fn stack_check(id: &str, title: &str, hint: &str, proof: Proof) -> Check {
    Check {
        id: id.to_owned(),
        title: title.to_owned(),
        work: Work::Stack,
        points: Points::ZERO,
        credit: Credit::AllOrNothing,
        hint: hint.to_owned(),
        instructor_hint: Some(hint.to_owned()),
        proof,
    }
}
