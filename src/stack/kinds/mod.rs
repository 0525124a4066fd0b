//! The kinds of resource that a stack is made of. One file a kind: what it should be, what it is, and how
//! the two differ. How it is created and deleted is the engine's file of the same name.

pub mod extras;
pub mod function;
pub mod log_group;
pub mod managed_policy;
pub mod rest_api;
pub mod role;
pub mod state_machine;
pub mod user;

use std::fmt;

use serde::Serialize;

use crate::stack::ownership::Fingerprint;

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
    /// Its kind.
    pub kind: Kind,
    /// Its name; unique within its kind and the account's region (for REST APIs: meant to be).
    pub name: String,
}

impl ResourceId {
    /// Names a resource.
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

/// Three ways to differ, not two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Drift {
    /// As desired.
    Same,
    /// As desired, but recorded as something else: an update was cut off before its record was written.
    SameButUnrecorded,
    /// As last deployed, and the lab has changed since: to be updated.
    Stale,
    /// Not as last deployed: the student changed it, and it is theirs.
    Theirs,
}

/// Compares what should be, what was recorded at the last deployment, and what is.
pub fn three_way(
    desired: &Fingerprint,
    recorded: Option<&Fingerprint>,
    actual: &Fingerprint,
) -> Drift {
    match (actual == desired, recorded) {
        (true, Some(recorded)) if recorded != actual => Drift::SameButUnrecorded,
        (true, _) => Drift::Same,
        (false, Some(recorded)) if recorded == actual => Drift::Stale,
        (false, _) => Drift::Theirs,
    }
}
