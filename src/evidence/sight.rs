//! Where a student's checks are read from, and whether that is there: state machines and log groups.

use std::collections::{BTreeMap, BTreeSet};

use crate::ids::Scope;
use crate::lab::Lab;
use crate::lab::check::Proof;
use crate::stack::kinds::{Kind, Observed, Stack};
use crate::stack::ownership::Ownership;
use crate::stack::plan::{Item, StudentPlan, Verdict as Found};

pub(super) const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// How long Step Functions keeps executions of standard workflows after their end, in milliseconds. Source: Step
/// Functions quotas, "Execution history retention time".
const HISTORY_MS: i64 = 90 * DAY_MS;

/// What a reading saw of one student's stack.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct StackSight {
    /// Ids and times of creation of what is there and the student's (see `last_reading`).
    pub(crate) births: BTreeSet<String>,
    /// Whether births could not be seen, so that their absence says nothing.
    pub(crate) hidden: bool,
    /// Whether anything of the stack stands, or may stand.
    pub(crate) any: bool,
    /// What each check is read from, by the check's id.
    pub(crate) sources: BTreeMap<String, Vec<Source>>,
    /// Whether it is about to be deleted, so that nothing can be read later.
    pub(crate) ends: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Source {
    /// What it is, for people (`state machine user1-simple-workflow`).
    pub(crate) name: String,
    pub(crate) state: SourceState,
    /// How long it keeps its records, in milliseconds.
    pub(crate) keeps_ms: i64,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum SourceState {
    /// It is there and the student's; when it was made, where a listing shows that.
    There(Option<i64>),
    Gone,
    /// It is there and not the student's; the reason.
    Theirs(String),
    Hidden,
}

impl Source {
    /// Why nothing can be read from it.
    pub(super) fn trouble(&self) -> Option<String> {
        match &self.state {
            SourceState::There(_) | SourceState::Hidden => None,
            SourceState::Gone => Some(format!("the {} is not there", self.name)),
            SourceState::Theirs(why) => Some(format!("the {} {why}", self.name)),
        }
    }

    pub(super) fn birth(&self) -> Option<String> {
        match self.state {
            SourceState::There(Some(ms)) => Some(format!("{} {ms}", self.name)),
            SourceState::There(None) => Some(format!("{} ?", self.name)),
            _ => None,
        }
    }
}

impl StackSight {
    pub(crate) fn of(
        scope: &Scope,
        lab: &Lab,
        stack: &Stack,
        plan: &StudentPlan,
        observed: &Observed,
    ) -> Self {
        let eye = Eye {
            scope,
            stack,
            observed,
        };
        let mut births = BTreeSet::new();
        for machine in &stack.state_machines {
            let source = eye.machine(&machine.name);
            if matches!(source.state, SourceState::There(Some(_))) {
                births.extend(source.birth());
            }
        }
        // An id that AWS never gives twice.
        births.extend(stack.roles.iter().filter_map(|role| eye.role(&role.name)));
        if stack.state_machines.is_empty() && stack.roles.is_empty() {
            let apis = stack.apis.iter();
            let ids = apis.flat_map(|api| observed.apis_of(stack, api));
            births.extend(ids.map(|api| format!("{} {}", api.api_type.kind(), api.id)));
        }
        let stands = |item: &Item| {
            matches!(
                item.verdict,
                Found::Update | Found::Keep | Found::NoChange | Found::Unknown
            )
        };
        let sources = lab.checks().iter().map(|check| {
            let sources = eye.sources(lab, &check.proof);
            (check.id.clone(), sources)
        });
        Self {
            hidden: eye.is_blind(),
            any: !births.is_empty() || plan.items.iter().any(stands),
            births,
            sources: sources.collect(),
            ends: false,
        }
    }

    /// Whether nothing is there that a check could be read from.
    pub(crate) fn is_empty(&self) -> bool {
        let mut sources = self.sources.values().flatten();
        !self.any && sources.all(|source| source.trouble().is_some())
    }

    pub(super) fn of_check(&self, id: &str) -> &[Source] {
        self.sources.get(id).map(Vec::as_slice).unwrap_or_default()
    }
}

struct Eye<'a> {
    scope: &'a Scope,
    stack: &'a Stack,
    observed: &'a Observed,
}

impl Eye<'_> {
    fn state(&self, ownership: &Ownership, created_ms: Option<i64>) -> SourceState {
        match ownership.why_not(&self.stack.owner) {
            None => SourceState::There(created_ms),
            Some(why) => SourceState::Theirs(why),
        }
    }

    fn machine(&self, name: &str) -> Source {
        let state = match self.observed.state_machines.get(name) {
            Some(found) => self.state(&found.ownership, found.created_ms),
            None => self.absent(Kind::StateMachine, name),
        };
        Source {
            name: format!("{} {name}", Kind::StateMachine),
            state,
            keeps_ms: HISTORY_MS,
        }
    }

    fn log_group(&self, function: &str) -> Source {
        let name = format!("/aws/lambda/{function}");
        let found = self.observed.log_groups.get(&name);
        let state = match found {
            // A group without a tag belongs to its function, which may be gone in a half-done teardown.
            Some(found) if found.ownership == Ownership::Unproven => {
                SourceState::There(found.created_ms)
            }
            Some(found) => self.state(&found.ownership, found.created_ms),
            None => self.absent(Kind::LogGroup, &name),
        };
        let days = found.and_then(|group| group.retention_days);
        Source {
            name: format!("{} {name}", Kind::LogGroup),
            state,
            keeps_ms: days.map_or(i64::MAX, |days| i64::from(days) * DAY_MS),
        }
    }

    fn absent(&self, kind: Kind, name: &str) -> SourceState {
        match self.observed.gap(kind, name) {
            Some(_) => SourceState::Hidden,
            None => SourceState::Gone,
        }
    }

    fn role(&self, name: &str) -> Option<String> {
        let role = self.observed.roles.get(name)?;
        let owner = &self.stack.owner;
        let ownership = role.ownership(self.scope, &owner.class, Some(owner));
        let ours = ownership.why_not(owner).is_none() && !role.id.is_empty();
        ours.then(|| format!("{} {}", Kind::Role, role.id))
    }

    /// Whether the kind cannot be seen that best shows whether the stack stands.
    fn is_blind(&self) -> bool {
        let hides = |kind: Kind, name: &str| self.observed.gap(kind, name).is_some();
        let Stack {
            state_machines,
            apis,
            roles,
            ..
        } = self.stack;
        if !state_machines.is_empty() {
            return (state_machines.iter()).any(|m| hides(Kind::StateMachine, &m.name));
        }
        if !apis.is_empty() {
            return apis.iter().any(|api| hides(api.api_type.kind(), &api.name));
        }
        roles.iter().any(|role| hides(Kind::Role, &role.name))
    }

    fn sources(&self, lab: &Lab, proof: &Proof) -> Vec<Source> {
        let student = self.stack.student();
        let machine = |id: &str| Some(self.machine(&lab.state_machine_name(id, student)?));
        match proof {
            Proof::Executions { state_machine, .. } => machine(state_machine).into_iter().collect(),
            Proof::LogEvents {
                functions,
                own_execution_of,
            } => {
                let groups = functions
                    .iter()
                    .filter_map(|id| Some(self.log_group(&lab.function_name(id, student)?)));
                let machine = own_execution_of.as_deref().and_then(machine);
                machine.into_iter().chain(groups).collect()
            }
            Proof::Invocations { function, .. } => {
                let name = lab.function_name(function, student);
                name.map(|name| self.log_group(&name)).into_iter().collect()
            }
            Proof::ResourcesExist | Proof::ResourcesReady | Proof::Unprovable { .. } => Vec::new(),
        }
    }
}
