//! The kinds of resource that a stack is made of, a file each: what one should be (`Spec`), what was seen of one (`Seen`),
//! what is to be done about it (`plan`), how that is done (`Action`), and how they are listed. This file has what all kinds have
//! in common: a line for each of them in each of its tables. CONTRIBUTING.md, "Adding a kind", tells which.

pub mod api;
pub mod classes;
pub(crate) mod drift;
pub mod function;
mod item;
pub(crate) mod kind;
pub(crate) mod log_group;
pub mod managed_policy;
pub(crate) mod principals;
pub mod role;
pub(crate) mod search;
pub mod state_machine;
mod statements;
pub mod user;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Serialize;

use crate::aws::Operation;
use crate::ids::{ClassName, LabId, Scope, Username};
use crate::stack::diff::Change;
use crate::stack::ownership::{Owner, Ownership, Tags};
use crate::stack::step::{Context, StepError};
use crate::text::words::word_enum;

pub use crate::ids::{ApiType, Kind, ResourceId};
pub use api::{http_api, rest_api};
pub use item::Item;
pub use kind::Verdict;

/// What is true of every resource of a kind.
pub(crate) struct KindFacts {
    pub(crate) name_max: usize,
    /// Whether code runs in it, which may log and needs its role to the end.
    pub(crate) runs: bool,
    /// Whether IAM has it, in all regions.
    pub(crate) in_iam: bool,
    /// A teardown shows and starts the lowest first: what lets somebody in, then what costs money.
    pub(crate) goes: u8,
    /// The kinds whose resources of the same student must be gone before.
    pub(crate) goes_after: &'static [Kind],
}

impl Kind {
    pub(crate) fn facts(self) -> &'static KindFacts {
        match self {
            Self::Role => &role::FACTS,
            Self::LogGroup => &log_group::FACTS,
            Self::Function => &function::FACTS,
            Self::StateMachine => &state_machine::FACTS,
            Self::RestApi => &rest_api::FACTS,
            Self::HttpApi => &http_api::FACTS,
            Self::ManagedPolicy => &managed_policy::FACTS,
            Self::User => &user::FACTS,
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Desired {
    pub scope: Scope,
    pub class: ClassName,
    pub lab: LabId,
    /// One stack a student, in the roster's order.
    pub stacks: Vec<Stack>,
}

/// What one student should have: so specific that nothing is left to decide.
#[derive(Debug, Clone, PartialEq)]
pub struct Stack {
    pub owner: Owner,
    pub roles: Vec<role::Spec>,
    /// One a function.
    pub log_groups: Vec<log_group::Spec>,
    pub functions: Vec<function::Spec>,
    pub state_machines: Vec<state_machine::Spec>,
    pub apis: Vec<api::Spec>,
    pub boundary: Option<managed_policy::Spec>,
}

/// What was seen of a class in the cloud. "Could not see" is not "absent": see [`Observed::gaps`].
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Observed {
    /// By name, like all the others.
    pub roles: BTreeMap<String, role::Seen>,
    pub(crate) log_groups: BTreeMap<String, log_group::Seen>,
    pub(crate) functions: BTreeMap<String, function::Seen>,
    pub(crate) state_machines: BTreeMap<String, state_machine::Seen>,
    /// Of every type. AWS does not keep their names unique.
    pub(crate) apis: BTreeMap<String, Vec<api::Seen>>,
    pub(crate) users: BTreeMap<String, user::Seen>,
    pub(crate) policies: BTreeMap<String, managed_policy::Seen>,
    /// What the listings show of students who are not in the roster. It is only shown: a teardown makes its own search.
    pub strays: BTreeMap<Owner, BTreeSet<ResourceId>>,
    pub gaps: Vec<Gap>,
    pub(crate) account: AccountUse,
}

/// What to do to one resource. Each action is idempotent, also after an attempt that was cut off.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    Role(role::Action),
    LogGroup(log_group::Action),
    Function(function::Action),
    StateMachine(state_machine::Action),
    RestApi(rest_api::Action),
    HttpApi(http_api::Action),
    ManagedPolicy(managed_policy::Action),
    User(user::Action),
}

/// The same with the action of whatever kind it is.
macro_rules! each_kind {
    ($action:expr, $inner:ident => $done:expr) => {
        match $action {
            Action::Role($inner) => $done,
            Action::LogGroup($inner) => $done,
            Action::Function($inner) => $done,
            Action::StateMachine($inner) => $done,
            Action::RestApi($inner) => $done,
            Action::HttpApi($inner) => $done,
            Action::ManagedPolicy($inner) => $done,
            Action::User($inner) => $done,
        }
    };
}

macro_rules! actions_of_kinds {
    ($($kind:ident: $module:ident),+ $(,)?) => {
        $(impl From<$module::Action> for Action {
            fn from(action: $module::Action) -> Self {
                Self::$kind(action)
            }
        })+
    };
}

actions_of_kinds!(
    Role: role,
    LogGroup: log_group,
    Function: function,
    StateMachine: state_machine,
    RestApi: rest_api,
    HttpApi: http_api,
    ManagedPolicy: managed_policy,
    User: user,
);

impl Stack {
    pub(crate) fn specs(&self) -> impl Iterator<Item = &dyn AnySpec> {
        fn of<S: AnySpec>(specs: &[S]) -> impl Iterator<Item = &dyn AnySpec> {
            specs.iter().map(|spec| spec as &dyn AnySpec)
        }
        of(&self.roles)
            .chain(of(&self.log_groups))
            .chain(of(&self.functions))
            .chain(of(&self.state_machines))
            .chain(of(&self.apis))
            .chain(of(self.boundary.as_slice()))
    }

    pub fn resource_ids(&self) -> Vec<ResourceId> {
        self.specs().map(AnySpec::id).collect()
    }

    pub fn student(&self) -> &Username {
        &self.owner.student
    }
}

impl Observed {
    pub(crate) fn all(&self) -> impl Iterator<Item = &dyn AnySeen> {
        fn of<'a, S: AnySeen + 'a>(
            seen: impl Iterator<Item = &'a S>,
        ) -> impl Iterator<Item = &'a dyn AnySeen> {
            seen.map(|one| one as &dyn AnySeen)
        }
        of(self.roles.values())
            .chain(of(self.log_groups.values()))
            .chain(of(self.functions.values()))
            .chain(of(self.state_machines.values()))
            .chain(of(self.apis.values().flatten()))
            .chain(of(self.policies.values()))
            .chain(of(self.users.values()))
    }

    /// Every resource that says that it is this class's, by owner.
    pub(crate) fn owned(&self, desired: &Desired) -> BTreeMap<Owner, BTreeSet<ResourceId>> {
        let mut found: BTreeMap<Owner, BTreeSet<ResourceId>> = BTreeMap::new();
        for seen in self.all() {
            if let Ownership::Ours(owner) = seen.whose(desired, None) {
                found.entry(owner).or_default().insert(seen.id());
            }
        }
        found
    }

    /// Everything that bears a name; several only where AWS allows that.
    pub(crate) fn named(&self, id: &ResourceId) -> Vec<&dyn AnySeen> {
        fn of<S: AnySeen>(seen: Option<&S>) -> Vec<&dyn AnySeen> {
            seen.map(|one| one as &dyn AnySeen).into_iter().collect()
        }
        let name = id.name.as_str();
        match id.kind {
            Kind::Role => of(self.roles.get(name)),
            Kind::LogGroup => of(self.log_groups.get(name)),
            Kind::Function => of(self.functions.get(name)),
            Kind::StateMachine => of(self.state_machines.get(name)),
            Kind::RestApi | Kind::HttpApi => {
                let apis = self.apis.get(name).into_iter().flatten();
                let apis = apis.filter(|one| one.api_type.kind() == id.kind);
                apis.map(|one| one as &dyn AnySeen).collect()
            }
            Kind::ManagedPolicy => of(self.policies.get(name)),
            Kind::User => of(self.users.get(name)),
        }
    }
}

// From here on nothing names a kind.

/// A resource as it should be, whatever its kind.
pub(crate) trait AnySpec {
    fn id(&self) -> ResourceId;

    /// What a deployment does about it; [`Planning::item`] has asked already whether it could be seen.
    fn plan(&self, at: &Planning<'_>) -> Item;

    /// Its deletion, for a forecast only: ids that only AWS knows are empty.
    fn deletion(&self) -> Action;

    /// The call that looks at one, beyond the listing.
    fn look(&self) -> Option<Operation> {
        None
    }

    /// What the student changed of it, if it is provably theirs.
    fn change(&self, _at: &Planning<'_>) -> Option<Change> {
        None
    }

    /// What of the student's own a reset would overwrite, likewise.
    fn work(&self, _at: &Planning<'_>) -> Option<StudentsWork> {
        None
    }
}

/// A resource as it was seen, whatever its kind.
pub(crate) trait AnySeen {
    fn id(&self) -> ResourceId;

    /// Whose it is. `expected`: the owner that its name stands for.
    fn whose(&self, desired: &Desired, expected: Option<&Owner>) -> Ownership;

    fn deletion(&self) -> Action;

    /// Path and tags of a role or user, which tell its region beside its owner.
    fn path_and_tags(&self) -> Option<(&str, &Tags)> {
        None
    }
}

pub(crate) type PlannedCalls = Vec<(Operation, usize)>;

pub(crate) trait KindAction {
    /// What it does, and the calls that it makes when nothing goes wrong. `tests/engine/scenarios` compares these with the
    /// calls that it really makes.
    fn outline(&self) -> (Effect, PlannedCalls);

    /// How long it waits for the cloud at least, however few the calls.
    fn wait(&self) -> Duration {
        Duration::ZERO
    }

    /// The kind whose steps of the same student end before it begins, well or not.
    fn lets_go_first(&self) -> Option<Kind> {
        None
    }

    /// Does it.
    ///
    /// # Errors
    /// AWS's; a conflict where something is not provably the student's; what it waited for in vain. What is gone already is
    /// no error for a deletion.
    async fn run(&self, cx: &Context<'_>) -> Result<(), StepError>;
}

word_enum! {
    /// What an action does to its resource, as events and logs have it.
    Effect {
        Create = "create",
        Update = "update",
        /// Makes whatever of its parts is missing or differs.
        Complete = "complete",
        SetBoundary = "set boundary",
        RemoveBoundary = "remove boundary",
        Freeze = "freeze",
        Thaw = "thaw",
        StopExecutions = "stop executions of",
        Delete = "delete",
    }
}

impl Effect {
    /// Whether it only takes away.
    pub(crate) fn removes(self) -> bool {
        matches!(self, Self::Delete | Self::RemoveBoundary)
    }
}

impl Action {
    pub(crate) fn effect(&self) -> Effect {
        each_kind!(self, action => action.outline()).0
    }

    pub(crate) fn calls(&self) -> PlannedCalls {
        each_kind!(self, action => action.outline()).1
    }

    pub(crate) fn wait(&self) -> Duration {
        each_kind!(self, action => action.wait())
    }

    pub(crate) fn lets_go_first(&self) -> Option<Kind> {
        each_kind!(self, action => action.lets_go_first())
    }

    pub(crate) async fn run(&self, cx: &Context<'_>) -> Result<(), StepError> {
        each_kind!(self, action => action.run(cx).await)
    }
}

#[derive(Clone, Copy)]
pub(crate) struct Planning<'a> {
    pub(crate) scope: &'a Scope,
    pub(crate) stack: &'a Stack,
    pub(crate) observed: &'a Observed,
    /// Whether what the student changed is put back as the lab has it.
    pub(crate) reset: bool,
}

impl Planning<'_> {
    pub(crate) fn owner(&self) -> &Owner {
        &self.stack.owner
    }

    /// What a deployment does about a resource.
    pub(crate) fn item(&self, spec: &dyn AnySpec) -> Item {
        let hidden = self.observed.hidden(&spec.id());
        hidden.unwrap_or_else(|| spec.plan(self))
    }

    pub(crate) fn is_ours(&self, ownership: &Ownership) -> bool {
        matches!(ownership, Ownership::Ours(owner) if owner == self.owner())
    }
}

/// A student's own work on one resource, as it is kept before something overwrites it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StudentsWork {
    pub(crate) resource: ResourceId,
    /// Whether the code of the function is part of it, and is to be fetched.
    pub(crate) code: bool,
    pub(crate) files: Vec<(String, String)>,
}

impl Desired {
    /// Every role gets this policy as its permissions boundary, in the place of the lab's own: a role can have only one.
    pub fn bound_roles_by(&mut self, policy_arn: &str) {
        for stack in &mut self.stacks {
            stack.boundary = None;
            for role in &mut stack.roles {
                role.boundary = Some(policy_arn.to_owned());
            }
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Gap {
    pub kind: Kind,
    /// The one resource that could not be read; `None` when the whole listing failed.
    pub name: Option<String>,
    /// The student whose it is, when it concerns only one.
    pub student: Option<Username>,
    /// Operation, error code and message.
    pub cause: String,
}

impl Observed {
    pub(crate) fn gap(&self, kind: Kind, name: &str) -> Option<&Gap> {
        let mut gaps = self.gaps.iter();
        gaps.find(|gap| gap.kind == kind && gap.name.as_deref().is_none_or(|n| n == name))
    }

    /// The item for something that hides behind a gap.
    pub(crate) fn hidden(&self, id: &ResourceId) -> Option<Item> {
        let gap = self.gap(id.kind, &id.name)?;
        let why = format!("could not be seen: {}", gap.cause);
        Some(Item::settled(id.clone(), Verdict::Unknown, why))
    }
}

/// How full the account is, against its limits; `None` where it could not be read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct AccountUse {
    /// Roles in the account.
    pub roles: Option<u32>,
    /// Quota on roles.
    pub roles_quota: Option<u32>,
    /// Users in the account.
    pub users: Option<u32>,
    /// Quota on users.
    pub users_quota: Option<u32>,
    /// Customer managed policies in the account.
    pub policies: Option<u32>,
    /// Quota on customer managed policies.
    pub policies_quota: Option<u32>,
    /// APIs in the region, of the types that were listed.
    pub(crate) apis: Option<u32>,
    /// Functions that may run at once in the region.
    pub concurrency_quota: Option<u32>,
    /// Those of them that are reserved for single functions.
    pub concurrency_reserved: Option<u32>,
}
