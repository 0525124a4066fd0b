//! The difference between what should be and what is: pure, and so specific that the engine decides nothing.

pub mod access;
#[cfg(test)]
mod access_tests;
pub mod deploy;
#[cfg(test)]
mod left_tests;
mod policy;
pub mod reset;
pub mod teardown;
#[cfg(test)]
pub(crate) mod tests;

use serde::Serialize;

use crate::stack::ids::{ClassName, Scope, Username};
use crate::stack::kinds::extras::{FunctionSetting, MachineSetting};
use crate::stack::kinds::{
    Kind, ResourceId, function::Function, log_group::LogGroup, managed_policy::ManagedPolicy,
    rest_api::RestApi, role, role::Role, state_machine::StateMachine, user::User,
};
use crate::stack::observed::{AccountUse, Gap};
use crate::stack::ownership::Owner;

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
    /// The class has the same student under a username that differs in case only.
    pub spelled: Option<Username>,
}

impl StudentPlan {
    /// Whether it is certain that nothing of the stack is there. Not where something of its names is another's, or
    /// could not be seen.
    pub fn nothing_there(&self) -> bool {
        let mut items = self.items.iter();
        // The policy that bounds the roles is nothing that a student works with, and older stacks have none.
        let mut parts = items
            .by_ref()
            .filter(|i| i.resource.kind != Kind::ManagedPolicy);
        let first = parts.next();
        first.is_some_and(|i| i.verdict == Verdict::Create)
            && parts.all(|i| i.verdict == Verdict::Create)
    }
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
    /// What the student changed of it, in a sentence, whatever else is found of it.
    pub theirs: Option<String>,
    /// The next step, where more is known than the verdict tells.
    pub hint: Option<String>,
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

/// What to do to one resource. Each is idempotent: done twice, or after a half, it ends the same.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Create a role and write its inline policy.
    CreateRole(Role),
    /// Write the parts of a role that differ.
    UpdateRole {
        /// As it should be.
        role: Role,
        /// What differs.
        difference: role::Difference,
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
        /// Whether it is not to run before a thaw.
        shut: ShutOut,
    },
    /// Write the parts of a function that differ.
    UpdateFunction {
        /// As it should be.
        function: Function,
        /// Write the code.
        code: bool,
        /// Write the configuration.
        config: bool,
        /// Settings that no lab makes, to be put back as AWS makes them; written with the configuration.
        undo: Vec<FunctionSetting>,
        /// Look at the reserved concurrency, and set it.
        limit: bool,
        /// The description that records what is deployed once this is done; written last.
        description: String,
        /// When it was last modified, where nothing in it is the student's: what is written follows that.
        follows_ms: Option<i64>,
    },
    /// Let nothing of a function run any more.
    FreezeFunction,
    /// Let it run as it did before.
    ThawFunction,
    /// Stop what runs of a state machine.
    StopExecutions,
    /// Create a state machine.
    CreateStateMachine(StateMachine),
    /// Write definition and role of a state machine.
    UpdateStateMachine {
        /// As it should be.
        machine: StateMachine,
        /// Settings that no lab makes, to be put back as AWS makes them.
        undo: Vec<MachineSetting>,
    },
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
    DeleteLogGroup {
        /// Read its tags first, and leave it alone if they are another's: so far only its function vouches for it.
        prove: bool,
    },
    /// Delete a role with everything in it.
    DeleteRole {
        /// Names of its inline policies.
        inline: Vec<String>,
        /// ARNs of its attached managed policies.
        attached: Vec<String>,
    },
    /// Create a managed policy.
    CreatePolicy(ManagedPolicy),
    /// Give a managed policy a new version, and put it in force.
    UpdatePolicy {
        /// As it should be.
        policy: ManagedPolicy,
        /// Versions to delete first: a policy has five at most.
        old_versions: Vec<String>,
    },
    /// Delete a managed policy with its versions.
    DeletePolicy {
        /// Its ARN.
        arn: String,
        /// Ids of its versions that are not in force.
        old_versions: Vec<String>,
    },
    /// Set a role's permissions boundary, by the policy's ARN.
    SetRoleBoundary(String),
    /// Take a role's permissions boundary away.
    RemoveRoleBoundary,
    /// Create a user with boundary and policy, and issue credentials.
    CreateUser {
        /// As it should be.
        user: User,
        /// Credentials to issue.
        issue: access::Issue,
    },
    /// Write what differs of a user, and issue credentials.
    UpdateUser {
        /// As it should be.
        user: User,
        /// Set the boundary.
        boundary: bool,
        /// Attach the policy.
        attach: bool,
        /// Credentials to issue.
        issue: access::Issue,
    },
    /// Delete a user with everything in it.
    DeleteUser {
        /// Names of its inline policies.
        inline: Vec<String>,
        /// ARNs of its attached managed policies.
        attached: Vec<String>,
        /// Names of its groups.
        groups: Vec<String>,
    },
    /// Shut a user out.
    FreezeUser,
    /// Let a user in again.
    ThawUser,
}

/// Whether a student is shut out, so that nothing of theirs may run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ShutOut {
    /// The student's user is frozen.
    Yes,
    /// Only the tags of these functions can tell, which no listing shows: whoever has no user can be frozen, too.
    AsTagged(Vec<String>),
}

/// A stage that carries a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageRecord {
    /// The API's id.
    pub api_id: String,
    /// The stage's name.
    pub stage: String,
}

impl Action {
    /// What is done, in a word or two, as events and logs name it.
    pub fn describe(&self) -> &'static str {
        match self {
            Self::CreateRole(_)
            | Self::CreateLogGroup(_)
            | Self::CreateFunction { .. }
            | Self::CreateStateMachine(_)
            | Self::CreateRestApi(_)
            | Self::CreatePolicy(_)
            | Self::CreateUser { .. } => "create",
            Self::UpdateRole { .. }
            | Self::SetRetention(_)
            | Self::UpdateFunction { .. }
            | Self::UpdateStateMachine { .. }
            | Self::UpdatePolicy { .. }
            | Self::UpdateUser { .. } => "update",
            Self::SetRoleBoundary(_) => "set boundary",
            Self::RemoveRoleBoundary => "remove boundary",
            Self::FreezeUser | Self::FreezeFunction => "freeze",
            Self::ThawUser | Self::ThawFunction => "thaw",
            Self::StopExecutions => "stop executions of",
            Self::CompleteRestApi { .. } => "complete",
            Self::DeleteRestApi { .. }
            | Self::DeleteFunction
            | Self::DeleteStateMachine { .. }
            | Self::DeleteLogGroup { .. }
            | Self::DeleteRole { .. }
            | Self::DeletePolicy { .. }
            | Self::DeleteUser { .. } => "delete",
        }
    }
}

impl Action {
    /// Whether it only takes away.
    pub fn removes(&self) -> bool {
        matches!(
            self,
            Self::DeleteRole { .. }
                | Self::DeleteLogGroup { .. }
                | Self::DeleteFunction
                | Self::DeleteStateMachine { .. }
                | Self::DeleteRestApi { .. }
                | Self::DeletePolicy { .. }
                | Self::RemoveRoleBoundary
                | Self::DeleteUser { .. }
        )
    }
}

impl Plan {
    /// Concurrency that is newly reserved for functions.
    pub fn reserves(&self) -> u32 {
        let items = self.students.iter().flat_map(|student| &student.items);
        items
            .filter_map(|item| match &item.action {
                Some(Action::CreateFunction { function, .. }) => function.reserved_concurrency,
                _ => None,
            })
            .sum()
    }

    /// Every item that has something to do.
    pub fn steps(&self) -> usize {
        self.students.iter().map(StudentPlan::steps).sum()
    }

    /// How many resources of a kind it creates.
    pub fn creates(&self, kind: Kind) -> usize {
        let items = self.students.iter().flat_map(|s| &s.items);
        let created = items.filter(|i| {
            i.resource.kind == kind && i.verdict == Verdict::Create && i.action.is_some()
        });
        created.count()
    }

    /// The same plan with only some of its actions; the other items stay as found.
    pub fn only(&self, keep: impl Fn(&Item) -> bool) -> Self {
        let mut plan = self.clone();
        for item in plan.students.iter_mut().flat_map(|s| &mut s.items) {
            if !keep(item) {
                item.action = None;
            }
        }
        plan
    }

    /// How many items of the class have this verdict.
    pub fn count(&self, verdict: Verdict) -> usize {
        self.students
            .iter()
            .flat_map(|s| &s.items)
            .filter(|i| i.verdict == verdict)
            .count()
    }
}

impl StudentPlan {
    /// Items that have something to do.
    pub fn steps(&self) -> usize {
        self.items.iter().filter(|i| i.action.is_some()).count()
    }

    /// Whether nothing is done for the student because of a conflict, or of something that could not be seen or is
    /// needed and not there.
    pub fn is_blocked(&self) -> bool {
        let blocks = |i: &Item| {
            matches!(
                i.verdict,
                Verdict::Conflict | Verdict::Unknown | Verdict::Missing
            )
        };
        self.items.iter().any(blocks)
    }

    /// The first item with this verdict.
    pub fn first(&self, verdict: Verdict) -> Option<&Item> {
        self.items.iter().find(|i| i.verdict == verdict)
    }
}

impl Item {
    /// An item with nothing to do.
    fn settled(resource: ResourceId, verdict: Verdict, why: impl Into<String>) -> Self {
        Self {
            resource,
            verdict,
            action: None,
            why: why.into(),
            theirs: None,
            hint: None,
            after: Vec::new(),
        }
    }

    /// An item with something to do.
    fn act(resource: ResourceId, verdict: Verdict, action: Action, why: impl Into<String>) -> Self {
        Self {
            resource,
            verdict,
            action: Some(action),
            why: why.into(),
            theirs: None,
            hint: None,
            after: Vec::new(),
        }
    }

    /// With what the student changed.
    fn with_theirs(mut self, theirs: Option<String>) -> Self {
        self.theirs = theirs;
        self
    }

    /// With the next step.
    fn with_hint(mut self, hint: Option<String>) -> Self {
        self.hint = hint;
        self
    }

    /// Items that must end well first.
    fn after(mut self, needs: impl IntoIterator<Item = ResourceId>) -> Self {
        self.after.extend(needs);
        self
    }
}
