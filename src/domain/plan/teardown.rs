//! Observed → what teardown would do: the same diff with nothing desired.
//!
//! What goes first: the endpoint (its stage), the functions and the state machine, which cost money or give
//! access; then roles and log groups, which do neither. A log group goes after its function, since a
//! function that logs once more would make it again.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::desired::{Desired, Stack};
use crate::domain::ids::{LabId, Username};
use crate::domain::observed::Observed;
use crate::domain::ownership::{Owner, Ownership};
use crate::domain::resources::{Kind, ResourceId};

use super::{Action, Item, Plan, StudentPlan, Verdict};

/// Whom to tear down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// The students of `desired` only.
    Selected,
    /// The whole class: also what is found of students who are no longer in the roster.
    WholeClass,
}

/// Plans a teardown of the stacks that `desired` would make.
pub fn plan(desired: &Desired, observed: &Observed, reach: Reach) -> Plan {
    let mut students: Vec<StudentPlan> = desired
        .stacks
        .iter()
        .map(|stack| student(observed, stack.owner.clone(), names_of(stack), true))
        .collect();
    if reach == Reach::WholeClass {
        students.extend(strays(desired, observed));
    }
    Plan {
        scope: desired.scope.clone(),
        class: desired.class.clone(),
        students,
        gaps: observed.gaps.clone(),
        account: observed.account,
    }
}

fn names_of(stack: &Stack) -> Vec<ResourceId> {
    stack.resource_ids()
}

/// Every resource that says that it is this class's, by owner.
pub fn owned(desired: &Desired, observed: &Observed) -> BTreeMap<Owner, Vec<ResourceId>> {
    let mut found: BTreeMap<Owner, Vec<ResourceId>> = BTreeMap::new();
    let mut add = |ownership: Ownership, kind: Kind, name: &str| {
        if let Ownership::Ours(owner) = ownership {
            found
                .entry(owner)
                .or_default()
                .push(ResourceId::new(kind, name));
        }
    };
    for role in observed.roles.values() {
        add(role.ownership(&desired.class, None), Kind::Role, &role.name);
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
    for (name, apis) in &observed.rest_apis {
        for api in apis {
            add(api.ownership.clone(), Kind::RestApi, name);
        }
    }
    for ids in found.values_mut() {
        ids.sort();
        ids.dedup();
    }
    found
}

/// Log groups that were deleted as ours a moment ago and are there again without any tag: Lambda made them
/// when a function logged once more, and they are as much ours as what was deleted.
pub fn claim_recreated(observed: &mut Observed, deleted: &BTreeMap<ResourceId, Owner>) {
    for group in observed.log_groups.values_mut() {
        let id = ResourceId::new(Kind::LogGroup, &group.name);
        if let (Ownership::Unproven, Some(owner)) = (&group.ownership, deleted.get(&id)) {
            group.ownership = Ownership::Ours(owner.clone());
        }
    }
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

/// Resources of this class whose student, or whose name, the roster and the lab no longer know.
fn strays(desired: &Desired, observed: &Observed) -> Vec<StudentPlan> {
    let known: BTreeSet<ResourceId> = desired.stacks.iter().flat_map(names_of).collect();
    let in_roster = |student: &Username| desired.stacks.iter().any(|s| s.student() == student);
    owned(desired, observed)
        .into_iter()
        .filter(|(owner, _)| owner.lab == desired.lab)
        .filter_map(|(owner, ids)| {
            let ids: Vec<_> = ids.into_iter().filter(|id| !known.contains(id)).collect();
            let roster = in_roster(&owner.student);
            (!ids.is_empty()).then(|| student(observed, owner, ids, roster))
        })
        .collect()
}

fn student(
    observed: &Observed,
    owner: Owner,
    ids: Vec<ResourceId>,
    in_roster: bool,
) -> StudentPlan {
    let compute: Vec<ResourceId> = ids
        .iter()
        .filter(|id| matches!(id.kind, Kind::Function | Kind::StateMachine))
        .cloned()
        .collect();
    let mut items: Vec<Item> = ids
        .into_iter()
        .map(|id| {
            let needs = match id.kind {
                Kind::Role | Kind::LogGroup => compute.clone(),
                _ => Vec::new(),
            };
            item(observed, &owner, id).after(needs)
        })
        .collect();
    // Shown and started in the order in which things go.
    items.sort_by_key(|item| match item.resource.kind {
        Kind::RestApi => 0,
        Kind::Function => 1,
        Kind::StateMachine => 2,
        Kind::Role => 3,
        Kind::LogGroup => 4,
    });
    StudentPlan {
        owner,
        items,
        in_roster,
    }
}

fn item(observed: &Observed, owner: &Owner, id: ResourceId) -> Item {
    if let Some(gap) = observed.gap(id.kind, &id.name) {
        let why = format!("could not be seen: {}", gap.cause);
        return Item::settled(id, Verdict::Unknown, why);
    }
    let found = match id.kind {
        Kind::Role => observed.roles.get(&id.name).map(|role| {
            (
                role.ownership(&owner.class, Some(owner)),
                Action::DeleteRole {
                    inline: role.inline.keys().cloned().collect(),
                    attached: role.attached.clone(),
                },
            )
        }),
        Kind::LogGroup => observed
            .log_groups
            .get(&id.name)
            .map(|group| (group.ownership.clone(), Action::DeleteLogGroup)),
        Kind::Function => observed
            .functions
            .get(&id.name)
            .map(|function| (function.ownership.clone(), Action::DeleteFunction)),
        Kind::StateMachine => observed.state_machines.get(&id.name).map(|machine| {
            (
                machine.ownership.clone(),
                Action::DeleteStateMachine {
                    arn: machine.arn.clone(),
                },
            )
        }),
        Kind::RestApi => return rest_api_item(observed, owner, id),
    };
    match found {
        None => Item::settled(id, Verdict::Absent, ""),
        Some((ownership, action)) => match not_ours(&ownership, owner) {
            None => Item::act(id, Verdict::Delete, action, ""),
            Some(why) => Item::settled(id, Verdict::Foreign, why),
        },
    }
}

fn rest_api_item(observed: &Observed, owner: &Owner, id: ResourceId) -> Item {
    let found = observed.rest_apis.get(&id.name).into_iter().flatten();
    let (ours, others): (Vec<_>, Vec<_>) =
        found.partition(|api| not_ours(&api.ownership, owner).is_none());
    if ours.is_empty() {
        return match others.first() {
            Some(other) => {
                let why = not_ours(&other.ownership, owner).unwrap_or_default();
                Item::settled(id, Verdict::Foreign, why)
            }
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
    Item::act(
        id,
        Verdict::Delete,
        Action::DeleteRestApi {
            ids: ours.iter().map(|api| api.id.clone()).collect(),
            stages,
        },
        why,
    )
}

/// Why a resource may not be deleted for this class; `None` when it may. A resource of the same class and
/// another lab is not this lab's to delete.
fn not_ours(ownership: &Ownership, owner: &Owner) -> Option<String> {
    match ownership {
        Ownership::Ours(found) if found.lab == owner.lab && found.student == owner.student => None,
        Ownership::Ours(found) | Ownership::OtherClass(found) => Some(format!(
            "belongs to class {}, student {}, lab {}",
            found.class, found.student, found.lab
        )),
        Ownership::Foreign | Ownership::Unproven => {
            Some("does not carry this class's tags".to_owned())
        }
    }
}
