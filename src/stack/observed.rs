//! What is: the class's resources as listings showed them, and what the listings could not show.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::stack::desired::Stack;
use crate::stack::ids::{Scope, Username};
use crate::stack::kinds::{
    Kind, ResourceId, function, log_group, managed_policy, rest_api, rest_api::RestApi, role,
    state_machine, user,
};
use crate::stack::ownership::Owner;

/// What was seen of a class in the cloud. "Could not see" is not "absent": see [`Observed::gaps`].
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Observed {
    /// Roles by name.
    pub roles: BTreeMap<String, role::Actual>,
    /// Log groups by name.
    pub log_groups: BTreeMap<String, log_group::Actual>,
    /// Functions by name.
    pub functions: BTreeMap<String, function::Actual>,
    /// State machines by name.
    pub state_machines: BTreeMap<String, state_machine::Actual>,
    /// REST APIs by name; AWS does not keep names unique.
    pub rest_apis: BTreeMap<String, Vec<rest_api::Actual>>,
    /// IAM users by name, where they were looked for.
    pub users: BTreeMap<String, user::Actual>,
    /// Customer managed policies of IAM by name, where they were looked for.
    pub policies: BTreeMap<String, managed_policy::Actual>,
    /// What listings that were read anyway show of students who are not in the roster, where they were looked for. It
    /// is told, and never acted on: a teardown looks for itself.
    pub strays: BTreeMap<Owner, BTreeSet<ResourceId>>,
    /// What could not be seen.
    pub gaps: Vec<Gap>,
    /// How full the account is.
    pub account: AccountUse,
}

/// Something that could not be seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// The kind of resource.
    pub kind: Kind,
    /// The one resource that could not be read; `None` when the whole listing failed.
    pub name: Option<String>,
    /// The student whose it is, when it concerns only one.
    pub student: Option<Username>,
    /// Operation, error code and message.
    pub cause: String,
}

impl Gap {
    /// Whether it hides this resource.
    pub fn hides(&self, kind: Kind, name: &str) -> bool {
        self.kind == kind && self.name.as_deref().is_none_or(|n| n == name)
    }
}

impl Observed {
    /// A student's APIs that stand for one of the lab's: those of its name, else one that the student renamed,
    /// as far as tags can tell (where the lab has only one).
    pub fn apis_of(&self, stack: &Stack, api: &RestApi) -> Vec<&rest_api::Actual> {
        let owner = &stack.owner;
        let named = self.rest_apis.get(&api.name).map(Vec::as_slice);
        let named: Vec<_> = rest_api::ours(named.unwrap_or_default(), owner).collect();
        if !named.is_empty() || stack.rest_apis.len() != 1 {
            return named;
        }
        let all = self.rest_apis.values();
        all.flat_map(|apis| rest_api::ours(apis, owner)).collect()
    }

    /// Of a student's APIs that stand for one of the lab's, the one that counts.
    pub fn api_of(&self, scope: &Scope, stack: &Stack, api: &RestApi) -> Option<&rest_api::Actual> {
        api.keeper(scope, &stack.owner.class, self.apis_of(stack, api))
    }

    /// Where a student's APIs answer, by the lab's name for each; those that are not there are left out.
    /// `invoke_url` makes the URL of an API's stage.
    pub fn endpoints(
        &self,
        scope: &Scope,
        stack: &Stack,
        invoke_url: impl Fn(&str, &str) -> String,
    ) -> BTreeMap<String, ApiEndpoint> {
        let deployed = stack.rest_apis.iter().filter_map(|api| {
            let actual = self.api_of(scope, stack, api)?;
            let endpoint = ApiEndpoint {
                id: actual.id.clone(),
                url: invoke_url(&actual.id, &api.stage),
            };
            Some((api.name.clone(), endpoint))
        });
        deployed.collect()
    }

    /// The students who are shut out, as far as their users tell.
    pub fn frozen(&self, scope: &Scope, stacks: &[Stack]) -> Vec<Username> {
        let users = stacks
            .iter()
            .filter_map(|stack| Some((stack, self.users.get(stack.student().as_str())?)));
        let frozen =
            users.filter(|(stack, user)| user.is_frozen() && user.is_of(scope, &stack.owner));
        frozen.map(|(stack, _)| stack.student().clone()).collect()
    }

    /// The gap that hides a resource, if one does.
    pub fn gap(&self, kind: Kind, name: &str) -> Option<&Gap> {
        self.gaps.iter().find(|gap| gap.hides(kind, name))
    }
}

/// How full the account is, against its limits; `None` where it could not be read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct AccountUse {
    /// Roles in the account.
    pub roles: Option<u32>,
    /// The account's quota on roles.
    pub roles_quota: Option<u32>,
    /// Users in the account.
    pub users: Option<u32>,
    /// The account's quota on users.
    pub users_quota: Option<u32>,
    /// Customer managed policies in the account.
    pub policies: Option<u32>,
    /// The account's quota on customer managed policies.
    pub policies_quota: Option<u32>,
    /// REST APIs in the region.
    pub rest_apis: Option<u32>,
    /// Functions that may run at once in the region.
    pub concurrency_quota: Option<u32>,
    /// Those of them that are reserved for single functions.
    pub concurrency_reserved: Option<u32>,
}

/// Where a REST API answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiEndpoint {
    /// The id that AWS gave it.
    pub id: String,
    /// Address of its stage, without a trailing slash.
    pub url: String,
}

/// State machines as last described, by name.
pub type KnownMachines = BTreeMap<String, KnownMachine>;

/// A state machine as it was described.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KnownMachine {
    /// When it was created, in milliseconds since 1970.
    pub created_ms: i64,
    /// When it was described, likewise.
    pub read_ms: i64,
    /// Whose it is.
    pub owner: Owner,
    /// What describing it showed.
    pub detail: state_machine::Detail,
}

impl KnownMachine {
    /// Whether a listing shows the machine that this one was.
    pub fn is(&self, listed: &state_machine::Actual) -> bool {
        listed.created_ms == Some(self.created_ms)
    }
}
