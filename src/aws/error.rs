//! What a call that failed means for whoever made it.

use super::operations::Operation;
use super::stop::Cancelled;

/// What an error means for whoever made the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The thing is not there.
    NotFound,
    /// A thing of that name is there (or another operation on it is in progress, where AWS uses one code
    /// for both: see [`ErrorKind::Busy`]).
    AlreadyExists,
    /// Another operation on the same thing is in progress: try again.
    Busy,
    /// AWS asks to slow down; the request had no effect.
    Throttled,
    /// The request may or may not have had its effect: 5xx, a broken connection, a time-out.
    Ambiguous,
    /// The role that the request names cannot be assumed (yet).
    RoleNotAssumable,
    /// Step Functions refuses the role for another reason: its policies may not be in force everywhere yet.
    RoleRefused,
    /// IAM names the role, user or policy without its path: it does not find it (yet, or any more), so a policy that
    /// covers a path did not match. For whoever has just made it, it is not found; for everybody else it is a refusal.
    Unresolved,
    /// A state machine of that name is being deleted.
    Deleting,
    /// The caller may not do this.
    AccessDenied,
    /// The caller's credentials are missing, wrong or expired.
    Credentials,
    /// A limit of the account is reached; no amount of waiting helps.
    LimitExceeded,
    /// The endpoint could not be reached at all: the request had no effect.
    Unreachable,
    /// AWS refused the request as it stands.
    Invalid,
}

/// What Lambda says of the account's concurrency where too little of it would stay unreserved.
pub(crate) const UNRESERVED: &str = "UnreservedConcurrentExecution";

/// A call that failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{operation}: {code}: {message}")]
pub struct CloudError {
    /// The operation.
    pub(crate) operation: Operation,
    /// What it means.
    pub kind: ErrorKind,
    /// AWS's error code, or a word of ours where there was no answer.
    pub code: String,
    /// AWS's message.
    pub message: String,
    /// AWS's id of the request, where there was an answer: what AWS's support asks for.
    pub(crate) request_id: Option<String>,
}

impl CloudError {
    /// The whole of it in one text, with the request's id: for where there is no other place for that.
    pub(crate) fn in_full(&self) -> String {
        format!("{self}{}", request_words(self.request_id.as_deref()))
    }
}

/// The request's id, to stand behind what is said of it.
pub(crate) fn request_words(id: Option<&str>) -> String {
    id.map_or_else(String::new, |id| format!(" (request id {id})"))
}

/// Why a call gave no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// AWS, or the way to it, said no.
    #[error("{0}")]
    Cloud(CloudError),
    /// The run was stopped.
    #[error("stopped")]
    Cancelled,
}

impl From<CloudError> for CallError {
    fn from(error: CloudError) -> Self {
        Self::Cloud(error)
    }
}

impl From<Cancelled> for CallError {
    fn from(_: Cancelled) -> Self {
        Self::Cancelled
    }
}

impl CallError {
    /// The error's kind, unless the run was stopped.
    pub fn kind(&self) -> Option<ErrorKind> {
        match self {
            Self::Cloud(error) => Some(error.kind),
            Self::Cancelled => None,
        }
    }
}

/// What one request came to.
pub(super) type CloudResult<T> = Result<T, CloudError>;

/// What a call came to, after all its attempts.
pub type CallResult<T> = Result<T, CallError>;
