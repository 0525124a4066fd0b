//! What a student tried, and when: their signs of life.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use crate::evidence::evaluate::StackAct;
use crate::evidence::history::RootCause;
use crate::lab::mistake::{Listener, TroubleReason};

/// Attempts that are kept of a student, the newest.
pub(crate) const ATTEMPTS_MAX: usize = 200;

/// A request that the student's API refused, as its function's log tells.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RefusedRequest {
    /// In milliseconds since 1970.
    pub at_ms: i64,
    /// The HTTP status of the answer, where it is known.
    pub status: Option<u16>,
    /// Why; the exception where the function itself failed.
    pub reason: String,
}

impl RefusedRequest {
    /// In a sentence without an end: `answered 400: the body is empty`.
    pub(crate) fn sentence(&self) -> String {
        match self.status {
            Some(status) => format!("answered {status}: {}", self.reason),
            None => self.reason.clone(),
        }
    }
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AttemptEnd {
    /// The execution succeeded.
    Succeeded,
    /// The execution failed as an exercise of the lab asks.
    AsAsked,
    /// The execution failed, timed out or was stopped.
    Failed,
    /// The execution has not ended.
    Running,
    /// The API refused the request.
    Refused,
}

/// One thing that a student tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Attempt {
    /// In milliseconds since 1970.
    pub at_ms: i64,
    /// How it ended.
    pub end: AttemptEnd,
}

/// A student's signs of life.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Activity {
    /// Executions and refused requests, the oldest first.
    pub attempts: Vec<Attempt>,
    /// The first sign of life in this stack, in milliseconds since 1970.
    pub first_seen_ms: Option<i64>,
    /// The last sign of life, likewise: an attempt, or a change of a function.
    pub last_seen_ms: Option<i64>,
    /// Why some of it could not be read.
    pub unread: Option<String>,
    /// When refused requests were last asked for, where that was not this time.
    pub requests_as_of: Option<Timestamp>,
    /// Whether any request has reached their API, as far as it is known.
    pub requests_seen: bool,
    /// Refused requests that are known, the oldest first.
    pub refusals: Vec<RefusedRequest>,
    /// Why executions failed, by their ARN, as far as it was read.
    pub causes: BTreeMap<String, RootCause>,
}

impl Activity {
    pub(super) fn new(mut attempts: Vec<Attempt>) -> Self {
        attempts.sort_by_key(|attempt| attempt.at_ms);
        let first_seen_ms = attempts.first().map(|attempt| attempt.at_ms);
        let last_seen_ms = attempts.last().map(|attempt| attempt.at_ms);
        let old = attempts.len().saturating_sub(ATTEMPTS_MAX);
        Self {
            attempts: attempts.split_off(old),
            first_seen_ms,
            last_seen_ms,
            ..Self::default()
        }
    }
}

/// Why a student needs somebody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Trouble {
    /// What kind of trouble.
    pub reason: TroubleReason,
    /// The task that they are at (a check's id).
    pub task: Option<String>,
    /// How often it happened.
    pub count: Option<usize>,
    /// Since when.
    pub since: Option<Timestamp>,
    /// What went wrong.
    pub cause: Option<String>,
    /// One sentence that helps.
    pub say: Option<String>,
    /// What mends it, where that is the stack's to mend and the lab has no sentence of its own. Then `say` is the same in
    /// words.
    #[serde(skip)]
    pub act: Option<StackAct>,
    /// Who acts on it.
    pub to: Listener,
    /// What several students do alike, to finish the sentence "7 students …".
    #[serde(skip)]
    pub room: Option<String>,
}
