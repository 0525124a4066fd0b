//! Executions of a state machine, and who started them.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Status of an execution, in Step Functions' words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// Still running.
    Running,
    /// Ended in a Succeed state, or the last state ended well.
    Succeeded,
    /// Ended in a Fail state or by an error that nothing caught.
    Failed,
    /// Ran into its time limit.
    TimedOut,
    /// Was stopped.
    Aborted,
    /// Waits for a redrive.
    PendingRedrive,
}

impl Status {
    /// The word that Step Functions uses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "RUNNING",
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
            Self::TimedOut => "TIMED_OUT",
            Self::Aborted => "ABORTED",
            Self::PendingRedrive => "PENDING_REDRIVE",
        }
    }

    /// Whether it can no longer change (without a redrive).
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Running | Self::PendingRedrive)
    }
}

/// One execution, as ListExecutions shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Execution {
    /// Its ARN.
    pub arn: String,
    /// Its name.
    pub name: String,
    /// Its status.
    pub status: Status,
    /// When it started, in milliseconds since 1970.
    pub started_ms: i64,
    /// When it ended, likewise.
    pub stopped_ms: Option<i64>,
    /// What only DescribeExecution shows; `None` before it was asked.
    pub detail: Option<Detail>,
}

/// What only DescribeExecution shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Detail {
    /// Its input; `Null` when it is not JSON or not shown.
    pub input: Value,
    /// The error's name when it failed.
    pub error: Option<String>,
    /// The error's cause when it failed.
    pub cause: Option<String>,
}

/// Who started an execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Starter {
    /// homeroom, to validate the stack: never counted.
    Homeroom,
    /// The student's API, through the trigger function.
    Api,
    /// A person, in the console or by the CLI.
    Person,
}
