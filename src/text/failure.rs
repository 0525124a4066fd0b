//! Why something failed, for a person: pure data, so that every layer can say it.

use serde::Serialize;

/// Why something failed, for a person: subject, cause, next step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// What failed (a resource, a file, a service).
    pub subject: String,
    /// Why: AWS's own words with operation and code where there are any.
    pub cause: String,
    /// What to do next.
    pub hint: Option<String>,
    /// AWS's id of the request that failed: what AWS's support asks for. Absent where AWS did not answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

impl Failure {
    pub(crate) fn new(subject: impl Into<String>, cause: impl Into<String>) -> Self {
        Self {
            subject: subject.into(),
            cause: cause.into(),
            hint: None,
            request_id: None,
        }
    }

    pub(crate) fn hint(self, hint: impl Into<String>) -> Self {
        let hint = Some(hint.into());
        Self { hint, ..self }
    }

    /// The cause, followed by the request id where there is one.
    pub(crate) fn cause_in_full(&self) -> String {
        match &self.request_id {
            Some(id) => format!("{} (request id {id})", self.cause),
            None => self.cause.clone(),
        }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.subject, self.cause)
    }
}
