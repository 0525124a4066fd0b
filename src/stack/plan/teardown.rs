//! Observed → what teardown would do: the same diff with nothing desired.
//!
//! What costs money or gives access goes first: users, the endpoint (its stage), functions and state machines; then roles,
//! log groups and policies. A log group goes after its function, since a function that logs once more would make it again.

use std::collections::{BTreeMap, BTreeSet};

use crate::ids::LabId;
use crate::stack::kinds::search::Depth;
use crate::stack::kinds::{Action, Desired, Item, Kind, Observed, ResourceId, Verdict};
use crate::stack::left::respelled;
use crate::stack::ownership::{Owner, Ownership};
use crate::stack::plan::{Plan, StudentPlan};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// The students of `desired` only.
    Selected,
    /// The whole class: also what is found of students who are no longer in the roster.
    WholeClass,
    /// Only students who are no longer in the roster; `desired` then has the whole roster. A student who is in it in
    /// another spelling has not left.
    Left,
}

impl Depth {
    /// The reach of a teardown that looks this closely.
    pub fn reach(&self) -> Reach {
        match self {
            Self::TeardownOfClass { .. } => Reach::WholeClass,
            Self::TeardownOfLeavers { .. } => Reach::Left,
            Self::Deploy | Self::Class { .. } | Self::TeardownOfStudents => Reach::Selected,
        }
    }
}

impl Reach {
    /// Whether it covers this owner, who has no stack in `desired`.
    pub(crate) fn beyond(self, desired: &Desired, owner: &Owner) -> bool {
        let has_stack = || has_stack(desired, owner);
        match self {
            Self::Selected => false,
            Self::WholeClass => !has_stack(),
            Self::Left => !has_stack() && respelled(desired, &owner.student).is_none(),
        }
    }
}

/// Plans a teardown of the stacks that `desired` would make: their resources by name, and whatever else carries their
/// owners' tags.
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
    for (owner, ids) in observed.owned(desired) {
        if owner.lab != desired.lab {
            continue;
        }
        match wanted.iter_mut().find(|(known, ..)| *known == owner) {
            Some((_, known, _)) => known.extend(ids),
            None if reach.beyond(desired, &owner) => wanted.push((owner, ids, false)),
            None => {}
        }
    }
    let students = wanted
        .into_iter()
        .map(|(owner, ids, in_roster)| student(desired, observed, owner, ids, in_roster));
    Plan::new(desired, observed, students.collect())
}

impl Plan {
    /// The same, but a student's roles and users go once nothing else of theirs is left: their tags say when the class ends, so a
    /// sweep that was cut off finds it again by them.
    #[must_use]
    pub fn with_ends_last(mut self) -> Self {
        let in_iam = |item: &Item| item.resource.kind.facts().in_iam;
        let hidden = self.gaps.iter().find(|gap| !gap.kind.facts().in_iam);
        for student in &mut self.students {
            let others = student.items.iter();
            let others = others.filter(|item| item.action.is_some() && !in_iam(item));
            let others: Vec<ResourceId> = others.map(|item| item.resource.clone()).collect();
            let last = student.items.iter_mut();
            for item in last.filter(|item| in_iam(item) && item.action.is_some()) {
                match hidden {
                    Some(gap) => {
                        item.action = None;
                        item.verdict = Verdict::Unknown;
                        item.why = format!("stays until every {} can be seen", gap.kind);
                    }
                    None => item.after.extend(others.iter().cloned()),
                }
            }
        }
        self
    }
}

pub(crate) fn growth(shown: &Plan, fresh: &Plan) -> BTreeSet<ResourceId> {
    let deletions = |plan: &Plan| -> BTreeSet<ResourceId> {
        let items = plan.students.iter().flat_map(|s| &s.items);
        let doomed = items.filter(|item| item.action.is_some());
        doomed.map(|item| item.resource.clone()).collect()
    };
    &deletions(fresh) - &deletions(shown)
}

pub(crate) fn has_stack(desired: &Desired, owner: &Owner) -> bool {
    desired.stacks.iter().any(|stack| stack.owner == *owner)
}

/// How many resources the class has in its other labs, which this lab's teardown leaves alone.
pub(crate) fn other_labs(desired: &Desired, observed: &Observed) -> BTreeMap<LabId, usize> {
    let mut labs = BTreeMap::new();
    for (owner, ids) in observed.owned(desired) {
        if owner.lab != desired.lab {
            *labs.entry(owner.lab).or_default() += ids.len();
        }
    }
    labs
}

/// How many roles and users of this class and lab belong to stacks in other regions, by region, as far as the reach goes.
/// A teardown here leaves those stacks alone, and must say so.
pub fn other_regions(
    desired: &Desired,
    observed: &Observed,
    reach: Reach,
) -> BTreeMap<String, usize> {
    let mut regions = BTreeMap::new();
    for seen in observed.all() {
        let Some((_, tags)) = seen.path_and_tags() else {
            continue;
        };
        let ownership = seen.whose(desired, None);
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

fn student(
    desired: &Desired,
    observed: &Observed,
    owner: Owner,
    ids: BTreeSet<ResourceId>,
    in_roster: bool,
) -> StudentPlan {
    let runs = |kind: Kind| kind.facts().runs;
    let mut items: Vec<Item> = ids
        .iter()
        .map(|id| item(desired, observed, &owner, id))
        .collect();
    // A student who left the roster has no list of names: any gap may hide more of their resources.
    let mut gaps = observed.gaps.iter();
    let gap = gaps.find(|gap| runs(gap.kind) && !in_roster && gap.student.is_none());
    let hidden = |i: &&Item| runs(i.resource.kind) && i.verdict == Verdict::Unknown;
    let unseen = items.iter().find(hidden).map(|i| i.resource.to_string());
    let unseen = unseen.or_else(|| gap.map(|gap| format!("every {}", gap.kind)));
    for item in &mut items {
        let before = item.resource.kind.facts().goes_after;
        let before_it = ids.iter().filter(|id| before.contains(&id.kind));
        item.after.extend(before_it.cloned());
        // A function that may still run may still log, and needs its role for that.
        if let Some(unseen) = &unseen
            && before.iter().any(|kind| runs(*kind))
            && item.action.take().is_some()
        {
            item.verdict = Verdict::Unknown;
            item.why = format!("stays until {unseen} can be seen");
        }
    }
    // Shown and started in the order in which things go.
    items.sort_by_key(|item| item.resource.kind.facts().goes);
    StudentPlan::new(owner, items, in_roster)
}

fn item(desired: &Desired, observed: &Observed, owner: &Owner, id: &ResourceId) -> Item {
    if let Some(item) = observed.hidden(id) {
        return item;
    }
    let (mut ours, mut others) = (Vec::new(), Vec::new());
    for seen in observed.named(id) {
        match seen.whose(desired, Some(owner)).why_not(owner) {
            None => ours.push(seen.deletion()),
            Some(why) => others.push(why),
        }
    }
    let stay = others.len();
    match (
        ours.into_iter().reduce(Action::and_delete),
        others.into_iter().next(),
    ) {
        (None, None) => Item::settled(id.clone(), Verdict::Absent, ""),
        (None, Some(why)) => Item::settled(id.clone(), Verdict::Foreign, why),
        (Some(action), other) => {
            let why = other.map(|_| format!("{stay} of the same name are not ours and stay"));
            Item::act(id.clone(), Verdict::Delete, action, why.unwrap_or_default())
        }
    }
}
