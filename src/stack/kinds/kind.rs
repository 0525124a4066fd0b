//! What kinds of resource there are, how one resource is named, and what may be found of it.

use std::fmt;

use serde::Serialize;

/// A kind of AWS resource, in the order in which a stack is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// IAM role.
    Role,
    /// CloudWatch Logs log group.
    LogGroup,
    /// Lambda function.
    Function,
    /// Step Functions state machine.
    StateMachine,
    /// API Gateway REST API with its resources, methods, permission, deployment and stage.
    RestApi,
    /// Customer managed policy of IAM: a student's access, or a boundary.
    ManagedPolicy,
    /// IAM user: a student's way in.
    User,
}

impl Kind {
    /// Whether a student works with it. The policy that bounds the roles is none of that: a stack that is without one,
    /// as older versions of homeroom made it, works as well.
    pub(crate) fn is_worked_with(self) -> bool {
        self != Self::ManagedPolicy
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Role => "IAM role",
            Self::LogGroup => "log group",
            Self::Function => "Lambda function",
            Self::StateMachine => "state machine",
            Self::RestApi => "REST API",
            Self::ManagedPolicy => "IAM policy",
            Self::User => "IAM user",
        })
    }
}

/// Names one resource in plans, events and reports.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct ResourceId {
    pub kind: Kind,
    /// Its name; unique within its kind and the account's region (for REST APIs: meant to be).
    pub name: String,
}

impl ResourceId {
    pub fn new(kind: Kind, name: impl Into<String>) -> Self {
        Self {
            kind,
            name: name.into(),
        }
    }
}

impl fmt::Display for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.name)
    }
}

/// What was found of a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Not there: is created.
    Create,
    /// There and ours, but not as the lab has it, or not whole: is updated.
    Update,
    /// There and ours, changed by the student: is kept.
    Keep,
    /// There and as desired.
    NoChange,
    /// There with our name, and not provably ours: is never touched.
    Conflict,
    /// Could not be seen.
    Unknown,
    /// There and ours: is deleted.
    Delete,
    /// Not there, and needed: nothing is done for the student until it is.
    Missing,
    /// Not there, and not wanted.
    Absent,
    /// There, not provably ours, and in the way of nothing: is left alone (teardown).
    Foreign,
}

impl Verdict {
    /// The word, as `--output json` has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Keep => "keep",
            Self::NoChange => "no-change",
            Self::Conflict => "conflict",
            Self::Unknown => "unknown",
            Self::Delete => "delete",
            Self::Missing => "missing",
            Self::Absent => "absent",
            Self::Foreign => "foreign",
        }
    }
}
