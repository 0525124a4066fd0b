//! Managed policies: what a deployment (the roles' boundary) and a grant (the user's policies) do about one.

use crate::stack::desired::Desired;
use crate::stack::kinds::managed_policy::ManagedPolicy;
use crate::stack::kinds::{Kind, ResourceId};
use crate::stack::observed::Observed;
use crate::stack::ownership::Owner;

use crate::stack::plan::{Action, Item, Verdict};

/// The item for a policy that an owner should have.
pub(super) fn item(
    desired: &Desired,
    observed: &Observed,
    owner: &Owner,
    policy: &ManagedPolicy,
) -> Item {
    let id = ResourceId::new(Kind::ManagedPolicy, &policy.name);
    if let Some(gap) = observed.gap(id.kind, &id.name) {
        let why = format!("could not be seen: {}", gap.cause);
        return Item::settled(id, Verdict::Unknown, why);
    }
    let Some(actual) = observed.policies.get(&policy.name) else {
        let action = Action::CreatePolicy(policy.clone());
        return Item::act(id, Verdict::Create, action, "");
    };
    let ownership = actual.ownership(&desired.scope, &desired.class, &desired.lab);
    if let Some(why) = ownership.why_not(owner) {
        return Item::settled(id, Verdict::Conflict, why);
    }
    if policy.is(actual) {
        return Item::settled(id, Verdict::NoChange, "");
    }
    let action = Action::UpdatePolicy {
        policy: policy.clone(),
        old_versions: actual.old_versions.clone(),
    };
    Item::act(id, Verdict::Update, action, "differs")
}
