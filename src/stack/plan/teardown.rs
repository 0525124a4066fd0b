//! Observed → what teardown would do: the same diff with nothing desired.
//!
//! What goes first: the endpoint (its stage), the functions and the state machine, which cost money or give
//! access; then roles and log groups, which do neither. A log group goes after its function, since a
//! function that logs once more would make it again.

use std::collections::{BTreeMap, BTreeSet};

use crate::stack::desired::Desired;
use crate::stack::ids::{LabId, Scope};
use crate::stack::kinds::{Kind, ResourceId, managed_policy, user};
use crate::stack::left::respelled;
use crate::stack::observed::Observed;
use crate::stack::ownership::{Owner, Ownership};

use crate::stack::plan::{Action, Item, Plan, StudentPlan, Verdict};

/// Whom to tear down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// The students of `desired` only.
    Selected,
    /// The whole class: also what is found of students who are no longer in the roster.
    WholeClass,
    /// Only students who are no longer in the roster, which `desired` then has whole. Whoever is in it in another
    /// spelling has not left.
    Left,
}

impl Reach {
    /// Whether an owner is reached besides the stacks of `desired`.
    pub(super) fn beyond(self, desired: &Desired, owner: &Owner) -> bool {
        let has_stack = || has_stack(desired, owner);
        match self {
            Self::Selected => false,
            Self::WholeClass => !has_stack(),
            Self::Left => !has_stack() && respelled(desired, &owner.student).is_none(),
        }
    }
}

/// Plans a teardown of the stacks that `desired` would make: what they are made of by name, and whatever else
/// carries the owners' tags.
pub fn plan(desired: &Desired, observed: &Observed, reach: Reach) -> Plan {
    let chosen = match reach {
        Reach::Selected | Reach::WholeClass => desired.stacks.as_slice(),
        Reach::Left => &[],
    };
    let mut wanted: Vec<(Owner, BTreeSet<ResourceId>, bool)> = chosen
        .iter()
        .map(|stack| {
            let ids = stack.resource_ids().into_iter().collect();
            (stack.owner.clone(), ids, true)
        })
        .collect();
    for (owner, ids) in owned(desired, observed) {
        if owner.lab != desired.lab {
            continue;
        }
        match wanted.iter_mut().find(|(known, ..)| *known == owner) {
            Some((_, known, _)) => known.extend(ids),
            None if reach.beyond(desired, &owner) => wanted.push((owner, ids, false)),
            None => {}
        }
    }
    let look = Look { desired, observed };
    Plan {
        scope: desired.scope.clone(),
        class: desired.class.clone(),
        students: wanted
            .into_iter()
            .map(|(owner, ids, in_roster)| look.student(owner, ids, in_roster))
            .collect(),
        gaps: observed.gaps.clone(),
        account: observed.account,
    }
}

/// Whether an owner's stack is among those that should be there.
pub(super) fn has_stack(desired: &Desired, owner: &Owner) -> bool {
    desired.stacks.iter().any(|stack| stack.owner == *owner)
}

/// Every resource that says that it is this class's, by owner.
pub fn owned(desired: &Desired, observed: &Observed) -> BTreeMap<Owner, BTreeSet<ResourceId>> {
    let mut found: BTreeMap<Owner, BTreeSet<ResourceId>> = BTreeMap::new();
    let mut add = |ownership: Ownership, kind: Kind, name: &str| {
        if let Ownership::Ours(owner) = ownership {
            found
                .entry(owner)
                .or_default()
                .insert(ResourceId::new(kind, name));
        }
    };
    for role in observed.roles.values() {
        let ownership = role.ownership(&desired.scope, &desired.class, None);
        add(ownership, Kind::Role, &role.name);
    }
    for group in observed.log_groups.values() {
        add(group.ownership.clone(), Kind::LogGroup, &group.name);
    }
    for function in observed.functions.values() {
        add(function.ownership.clone(), Kind::Function, &function.name);
    }
    for machine in observed.state_machines.values() {
        add(machine.ownership.clone(), Kind::StateMachine, &machine.name);
    }
    for user in observed.users.values() {
        let ownership = user.ownership(&desired.scope, &desired.class);
        add(ownership, Kind::User, &user.name);
    }
    for policy in observed.policies.values() {
        let ownership = policy.ownership(&desired.scope, &desired.class, &desired.lab);
        add(ownership, Kind::ManagedPolicy, &policy.name);
    }
    for (name, apis) in &observed.rest_apis {
        for api in apis {
            add(api.ownership.clone(), Kind::RestApi, name);
        }
    }
    found
}

/// Deletes a user that is there.
pub(super) fn delete_user(user: &user::Actual) -> Action {
    Action::DeleteUser {
        inline: user.inline.clone(),
        attached: user.attached.clone(),
        groups: user.groups.clone(),
    }
}

/// Deletes a policy that is there.
pub(super) fn delete_policy(policy: &managed_policy::Actual) -> Action {
    Action::DeletePolicy {
        arn: policy.arn.clone(),
        old_versions: policy.old_versions.clone(),
    }
}

/// Log groups without any tag whose function this teardown deleted, or which it deleted itself: Lambda made them
/// when the function logged once more, and they are as much ours as the function was. Answers which they are.
pub fn claim_recreated(
    observed: &mut Observed,
    known: &BTreeMap<ResourceId, Owner>,
) -> BTreeSet<ResourceId> {
    let mut claimed = BTreeSet::new();
    for group in observed.log_groups.values_mut() {
        let id = ResourceId::new(Kind::LogGroup, &group.name);
        if let (Ownership::Unproven, Some(owner)) = (&group.ownership, known.get(&id)) {
            group.ownership = Ownership::Ours(owner.clone());
            claimed.insert(id);
        }
    }
    claimed
}

/// What else the class has: resources of its other labs, which this lab's teardown leaves alone.
pub fn other_labs(desired: &Desired, observed: &Observed) -> BTreeMap<LabId, usize> {
    let mut labs = BTreeMap::new();
    for (owner, ids) in owned(desired, observed) {
        if owner.lab != desired.lab {
            *labs.entry(owner.lab).or_default() += ids.len();
        }
    }
    labs
}

/// Roles and users of this lab of the class, and of the students that are reached, whose stack is in another region,
/// by region: a teardown here leaves that stack alone, and must not look like the end of it.
pub fn other_regions(
    desired: &Desired,
    observed: &Observed,
    reach: Reach,
) -> BTreeMap<String, usize> {
    let mut regions = BTreeMap::new();
    let roles = observed.roles.values();
    let roles = roles.map(|role| {
        let ownership = role.ownership(&desired.scope, &desired.class, None);
        (ownership, &role.tags)
    });
    let users = observed.users.values();
    let users = users.map(|user| {
        let ownership = user.ownership(&desired.scope, &desired.class);
        (ownership, &user.tags)
    });
    for (ownership, tags) in roles.chain(users) {
        let (Ownership::OtherRegion(region), Some(owner)) = (ownership, Owner::from_tags(tags))
        else {
            continue;
        };
        let mut chosen = desired.stacks.iter();
        let is_chosen = chosen.any(|s| *s.student() == owner.student);
        let reached = match reach {
            Reach::WholeClass => true,
            Reach::Selected => is_chosen,
            Reach::Left => !is_chosen && respelled(desired, &owner.student).is_none(),
        };
        if owner.lab == desired.lab && reached {
            *regions.entry(region).or_default() += 1;
        }
    }
    regions
}

/// Roles below the class's path that do not say whose they are and bear no name of the class: nobody's to
/// delete, and not to be passed over in silence.
pub fn ownerless_roles(desired: &Desired, observed: &Observed) -> Vec<String> {
    let path = Scope::role_path(&desired.class);
    let named: BTreeSet<&str> = desired
        .stacks
        .iter()
        .flat_map(|stack| stack.roles.iter().map(|role| role.name.as_str()))
        .collect();
    let roles = observed.roles.values();
    roles
        .filter(|role| role.path == path && Owner::from_tags(&role.tags).is_none())
        .filter(|role| !named.contains(role.name.as_str()))
        .map(|role| role.name.clone())
        .collect()
}

/// What the items of a teardown are decided from.
struct Look<'a> {
    desired: &'a Desired,
    observed: &'a Observed,
}

impl Look<'_> {
    fn student(&self, owner: Owner, ids: BTreeSet<ResourceId>, in_roster: bool) -> StudentPlan {
        let is_compute = |kind: Kind| matches!(kind, Kind::Function | Kind::StateMachine);
        let compute: Vec<ResourceId> = ids
            .iter()
            .filter(|id| is_compute(id.kind))
            .cloned()
            .collect();
        let mut items: Vec<Item> = ids.into_iter().map(|id| self.item(&owner, id)).collect();
        // Of a student who left the roster only what was found is known: any gap may hide more.
        let gap = self
            .observed
            .gaps
            .iter()
            .find(|gap| is_compute(gap.kind) && !in_roster && gap.student.is_none());
        let unseen = items
            .iter()
            .find(|i| is_compute(i.resource.kind) && i.verdict == Verdict::Unknown)
            .map(|i| i.resource.to_string())
            .or_else(|| gap.map(|gap| format!("every {}", gap.kind)));
        for item in &mut items {
            if !matches!(item.resource.kind, Kind::Role | Kind::LogGroup) {
                continue;
            }
            item.after.extend(compute.iter().cloned());
            // A function that may still be there may still log, and needs its role to do so.
            if let Some(unseen) = &unseen
                && item.action.take().is_some()
            {
                item.verdict = Verdict::Unknown;
                item.why = format!("stays until {unseen} can be seen");
            }
        }
        // IAM keeps a policy for as long as somebody has it, as policy or as boundary.
        let principals: Vec<ResourceId> = items
            .iter()
            .filter(|item| matches!(item.resource.kind, Kind::Role | Kind::User))
            .map(|item| item.resource.clone())
            .collect();
        for item in &mut items {
            if item.resource.kind == Kind::ManagedPolicy {
                item.after.extend(principals.iter().cloned());
            }
        }
        // Shown and started in the order in which things go.
        items.sort_by_key(|item| match item.resource.kind {
            Kind::User => 0,
            Kind::RestApi => 1,
            Kind::Function => 2,
            Kind::StateMachine => 3,
            Kind::Role => 4,
            Kind::LogGroup => 5,
            Kind::ManagedPolicy => 6,
        });
        StudentPlan {
            owner,
            items,
            in_roster,
            spelled: None,
        }
    }

    fn item(&self, owner: &Owner, id: ResourceId) -> Item {
        let observed = self.observed;
        if let Some(gap) = observed.gap(id.kind, &id.name) {
            let why = format!("could not be seen: {}", gap.cause);
            return Item::settled(id, Verdict::Unknown, why);
        }
        let found = match id.kind {
            Kind::Role => observed.roles.get(&id.name).map(|role| {
                let action = Action::DeleteRole {
                    inline: role.inline.keys().cloned().collect(),
                    attached: role.attached.clone(),
                };
                let scope = &self.desired.scope;
                (role.ownership(scope, &owner.class, Some(owner)), action)
            }),
            Kind::LogGroup => {
                let group = observed.log_groups.get(&id.name);
                group.map(|g| {
                    let prove = !g.tags_read;
                    (g.ownership.clone(), Action::DeleteLogGroup { prove })
                })
            }
            Kind::Function => {
                let function = observed.functions.get(&id.name);
                function.map(|f| (f.ownership.clone(), Action::DeleteFunction))
            }
            Kind::StateMachine => observed.state_machines.get(&id.name).map(|machine| {
                let arn = machine.arn.clone();
                (
                    machine.ownership.clone(),
                    Action::DeleteStateMachine { arn },
                )
            }),
            Kind::User => observed.users.get(&id.name).map(|user| {
                let ownership = user.ownership(&self.desired.scope, &owner.class);
                (ownership, delete_user(user))
            }),
            Kind::ManagedPolicy => observed.policies.get(&id.name).map(|policy| {
                let desired = self.desired;
                let ownership = policy.ownership(&desired.scope, &desired.class, &desired.lab);
                (ownership, delete_policy(policy))
            }),
            Kind::RestApi => return self.rest_api(owner, id),
        };
        let Some((ownership, action)) = found else {
            return Item::settled(id, Verdict::Absent, "");
        };
        match ownership.why_not(owner) {
            None => Item::act(id, Verdict::Delete, action, ""),
            Some(why) => Item::settled(id, Verdict::Foreign, why),
        }
    }

    fn rest_api(&self, owner: &Owner, id: ResourceId) -> Item {
        let found = self.observed.rest_apis.get(&id.name).into_iter().flatten();
        let (ours, others): (Vec<_>, Vec<_>) =
            found.partition(|api| api.ownership.why_not(owner).is_none());
        if ours.is_empty() {
            let why = others
                .first()
                .and_then(|other| other.ownership.why_not(owner));
            return match why {
                Some(why) => Item::settled(id, Verdict::Foreign, why),
                None => Item::settled(id, Verdict::Absent, ""),
            };
        }
        let stages = ours
            .iter()
            .flat_map(|api| {
                let stages = api.stages.iter().flatten();
                stages.map(|stage| (api.id.clone(), stage.name.clone()))
            })
            .collect();
        let why = if others.is_empty() {
            String::new()
        } else {
            format!("{} of the same name are not ours and stay", others.len())
        };
        let action = Action::DeleteRestApi {
            ids: ours.iter().map(|api| api.id.clone()).collect(),
            stages,
        };
        Item::act(id, Verdict::Delete, action, why)
    }
}
