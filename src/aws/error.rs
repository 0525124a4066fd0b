//! Why a call failed, and what its caller can do about it.

use super::operations::Operation;
use super::stop::Cancelled;

/// What an error means for the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The resource is not there.
    NotFound,
    /// A resource of that name is there. (Where AWS uses the same code for an operation in progress: [`ErrorKind::Busy`].)
    AlreadyExists,
    /// Another operation on the same resource is in progress: try again.
    Busy,
    /// AWS asks to slow down; the request had no effect.
    Throttled,
    /// The request may or may not have had its effect: 5xx, a broken connection, a time-out.
    Ambiguous,
    /// The role that the request names cannot be assumed (yet).
    RoleNotAssumable,
    /// Step Functions refuses the role for another reason: its policies may not be in force everywhere yet.
    RoleRefused,
    /// IAM refuses, and names the role, user or policy without its path: it does not find it (yet, or any more), so a
    /// policy that covers a path did not match. To the caller who has just made it, this means "not found"; to everybody
    /// else, it is a refusal.
    Unresolved,
    /// A state machine of that name is being deleted.
    Deleting,
    /// The caller may not do this.
    AccessDenied,
    /// The caller's credentials are missing, wrong or expired.
    Credentials,
    /// A limit of the account is reached. Waiting does not help.
    LimitExceeded,
    /// The endpoint could not be reached at all: the request had no effect.
    Unreachable,
    /// AWS refused the request as it stands.
    Invalid,
}

/// In Lambda's message when too little of the account's concurrency would stay unreserved.
pub(crate) const UNRESERVED: &str = "UnreservedConcurrentExecution";

/// A call that failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{operation}: {code}: {message}")]
pub struct CloudError {
    pub(crate) operation: Operation,
    /// What it means for the caller.
    pub kind: ErrorKind,
    /// AWS's error code, or a word of ours where there was no answer.
    pub code: String,
    /// AWS's message.
    pub message: String,
    /// AWS's id of the request, where there was an answer: what AWS's support asks for.
    pub(crate) request_id: Option<String>,
}

impl CloudError {
    /// An error that no answer of AWS carries.
    pub(super) fn new(
        operation: Operation,
        kind: ErrorKind,
        code: &str,
        message: impl Into<String>,
    ) -> Self {
        Self {
            operation,
            kind,
            code: code.to_owned(),
            message: message.into(),
            request_id: None,
        }
    }

    /// The error with its request id, for places that have no field for the id.
    pub(crate) fn in_full(&self) -> String {
        format!("{self}{}", request_words(self.request_id.as_deref()))
    }
}

/// The request's id, to append to a sentence.
pub(crate) fn request_words(id: Option<&str>) -> String {
    id.map_or_else(String::new, |id| format!(" (request id {id})"))
}

/// Why a call gave no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// AWS refused, or could not be reached.
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

/// The outcome of one request.
pub(super) type CloudResult<T> = Result<T, CloudError>;

/// The outcome of a call, after all its attempts.
pub type CallResult<T> = Result<T, CallError>;
