//! The difference between what should be and what is: pure, and so specific that the engine decides nothing.

use serde::Serialize;

use super::ids::{ClassName, Scope};
use super::observed::{AccountUse, Gap};
use super::ownership::Owner;
use super::resources::{
    ResourceId, function::Function, log_group::LogGroup, rest_api::RestApi, role::Role,
    state_machine::StateMachine,
};

/// What a run would do.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Where.
    pub scope: Scope,
    /// The class.
    pub class: ClassName,
    /// One a student; those of the roster in its order, then those found only in the cloud.
    pub students: Vec<StudentPlan>,
    /// What could not be seen.
    pub gaps: Vec<Gap>,
    /// How full the account is.
    pub account: AccountUse,
}

/// What a run would do for one student.
#[derive(Debug, Clone, PartialEq)]
pub struct StudentPlan {
    /// Whose it is.
    pub owner: Owner,
    /// Every resource, with what is to become of it.
    pub items: Vec<Item>,
    /// Whether the student stands in the roster (a teardown also finds those who no longer do).
    pub in_roster: bool,
}

/// One resource, and what is to become of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// The resource.
    pub resource: ResourceId,
    /// What was found.
    pub verdict: Verdict,
    /// What to do; `None` when nothing.
    pub action: Option<Action>,
    /// Why, for a person; empty where the verdict says it all.
    pub why: String,
    /// Resources of the same student whose items must end well first.
    pub after: Vec<ResourceId>,
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
            Self::Absent => "absent",
            Self::Foreign => "foreign",
        }
    }
}

/// What to do to one resource. Each is idempotent: done twice, or after a half, it ends the same.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Create a role and write its inline policy.
    CreateRole(Role),
    /// Write the parts of a role that differ.
    UpdateRole {
        /// As it should be.
        role: Role,
        /// Write the trust policy.
        trust: bool,
        /// Write the inline policy.
        policy: bool,
    },
    /// Create a log group and set its retention.
    CreateLogGroup(LogGroup),
    /// Set the retention of a log group.
    SetRetention(LogGroup),
    /// Create a function and wait until it is Active.
    CreateFunction {
        /// As it should be.
        function: Function,
        /// Stages whose record claims that the API is whole, permission included, though this function
        /// (and with it the permission) is gone: the record is withdrawn before the function is made.
        withdraw: Vec<StageRecord>,
    },
    /// Write the parts of a function that differ.
    UpdateFunction {
        /// As it should be.
        function: Function,
        /// Write the code.
        code: bool,
        /// Write the configuration, and the record with it.
        config: bool,
    },
    /// Create a state machine.
    CreateStateMachine(StateMachine),
    /// Write definition and role of a state machine.
    UpdateStateMachine(StateMachine),
    /// Create a REST API and all its parts.
    CreateRestApi(RestApi),
    /// Make an API whole: whatever of its parts is missing or differs.
    CompleteRestApi {
        /// As it should be.
        api: RestApi,
        /// The id of the one that is there.
        id: String,
        /// Others with the same name that are ours: deleted.
        duplicates: Vec<String>,
    },
    /// Delete an API.
    DeleteRestApi {
        /// Ids of all that are ours.
        ids: Vec<String>,
        /// Stages to delete first, so that the endpoints stop answering at once: (API id, stage).
        stages: Vec<(String, String)>,
    },
    /// Delete a function.
    DeleteFunction,
    /// Delete a state machine and wait until it is gone.
    DeleteStateMachine {
        /// Its ARN.
        arn: String,
    },
    /// Delete a log group.
    DeleteLogGroup,
    /// Delete a role with everything in it.
    DeleteRole {
        /// Names of its inline policies.
        inline: Vec<String>,
        /// ARNs of its attached managed policies.
        attached: Vec<String>,
    },
}

/// A stage that carries a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageRecord {
    /// The API's id.
    pub api_id: String,
    /// The stage's name.
    pub stage: String,
}
