//! Who gets in: what `access grant`, `revoke`, `freeze` and `thaw` would do.

use std::collections::BTreeMap;

use crate::ids::Username;
use crate::stack::ends::other_tag;
use crate::stack::kinds::managed_policy::Purpose;
use crate::stack::kinds::{
    AnySeen, AnySpec, Desired, Item, Kind, Observed, Planning, ResourceId, Verdict, function, role,
    state_machine,
};
use crate::stack::left::Spellings;
use crate::stack::names::NamePattern;
use crate::stack::ownership::Owner;
use crate::stack::plan::teardown::{self, Reach};
use crate::stack::plan::{Plan, StudentPlan};

use super::{Action, Issue, Issued, Spec};

const FROZEN: &str = "frozen";

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Grant {
    pub access_keys: bool,
    /// New credentials for those who have some.
    pub rotate: bool,
}

/// Plans to let students in. `wanted` has those whose stack exists; for the others nothing can be done, since their policies
/// name the stack.
pub fn grant(
    desired: &Desired,
    wanted: &BTreeMap<Username, Spec>,
    observed: &Observed,
    how: Grant,
) -> Plan {
    let spellings = Spellings::of(desired, observed);
    let students = desired.stacks.iter().map(|stack| {
        let at = &Planning {
            scope: &desired.scope,
            stack,
            observed,
            reset: false,
        };
        let items = match (missing(at), wanted.get(stack.student())) {
            (missing, Some(user)) if missing.is_empty() => granted(at, user, how),
            (missing, _) => missing,
        };
        StudentPlan {
            spelled: spellings.other(stack.student()),
            ..StudentPlan::new(stack.owner.clone(), items, true)
        }
    });
    Plan::new(desired, observed, students.collect())
}

/// What a grant needs and what is not there or could not be seen.
fn missing(at: &Planning<'_>) -> Vec<Item> {
    let is_missing = |id| Item::settled(id, Verdict::Missing, "is not there");
    let roles = at.stack.roles.iter().filter_map(|role| {
        let id = role.id();
        let hidden = at.observed.hidden(&id);
        hidden.or_else(|| match at.observed.roles.get(&role.name) {
            None => Some(is_missing(id)),
            Some(seen) => {
                let ownership = seen.ownership(at.scope, &at.owner().class, Some(at.owner()));
                Item::conflict(&id, &ownership, at.owner())
            }
        })
    });
    let apis = at.stack.apis.iter().filter_map(|api| {
        let id = api.id();
        let hidden = at.observed.hidden(&id);
        hidden.or_else(|| {
            let found = at.observed.api_of(at.scope, at.stack, api);
            found.is_none().then(|| is_missing(id))
        })
    });
    roles.chain(apis).collect()
}

fn granted(at: &Planning<'_>, user: &Spec, how: Grant) -> Vec<Item> {
    let mut items = vec![at.item(&user.policy), at.item(&user.boundary)];
    // Roles that an older version of homeroom deployed may have no boundary.
    items.extend(at.stack.boundary.iter().map(|policy| at.item(policy)));
    items.extend(at.stack.roles.iter().map(|role| {
        let seen = at.observed.roles.get(&role.name);
        match &role.boundary {
            Some(arn) if seen.and_then(|role| role.boundary.as_ref()) != Some(arn) => {
                let action = role::Action::SetBoundary(arn.clone());
                let why = "lacks the class's boundary";
                let item = Item::act(role.id(), Verdict::Update, action, why);
                item.after(at.stack.roles_boundary())
            }
            _ => Item::settled(role.id(), Verdict::NoChange, ""),
        }
    }));
    items.push(user_item(at, user, how));
    // Half of it is worse than nothing: credentials for a user with somebody else's policies.
    let is_unsafe = |item: &Item| matches!(item.verdict, Verdict::Conflict | Verdict::Unknown);
    if items.iter().any(is_unsafe) {
        items.iter_mut().for_each(|item| item.action = None);
    }
    items
}

fn user_item(at: &Planning<'_>, user: &Spec, how: Grant) -> Item {
    let (owner, class) = (at.owner(), &at.owner().class);
    let id = ResourceId::new(Kind::User, &user.name);
    if let Some(item) = at.observed.hidden(&id) {
        return item;
    }
    let policies = [&user.policy, &user.boundary].map(AnySpec::id).into_iter();
    // Nobody is let in before the roles that they can use have their boundary.
    let roles = at.stack.roles.iter().map(AnySpec::id);
    let needs = policies.chain(roles).chain(at.stack.roles_boundary());
    let Some(seen) = at.observed.users.get(&user.name) else {
        let mut others = at.observed.users.values();
        if let Some(other) = others.find(|u| u.name.eq_ignore_ascii_case(&user.name)) {
            let ownership = other.ownership(at.scope, class);
            return Item::other_case(id, &other.name, &ownership, owner);
        }
        let action = Action::Create {
            user: user.clone(),
            issue: issue(Issued::default(), how),
        };
        return Item::act(id, Verdict::Create, action, "").after(needs);
    };
    if let Some(item) = Item::conflict(&id, &seen.ownership(at.scope, class), owner) {
        return item;
    }
    let arn = |policy: &str| at.scope.policy_arn(class, policy);
    let boundary = seen.boundary != Some(arn(&user.boundary.name));
    let attach = !seen.attached.contains(&arn(&user.policy.name));
    let issue = issue(Issued::from_tags(&seen.tags), how);
    let until = other_tag(user.until, &seen.tags);
    let frozen = seen.is_frozen();
    if !boundary && !attach && issue.is_nothing() && until.is_none() {
        let why = if frozen { FROZEN } else { "" };
        return Item::settled(id, Verdict::NoChange, why);
    }
    let parts = [
        (boundary, "permissions boundary"),
        (attach, "access policy"),
        (issue.password, "console password"),
        (issue.access_key, "access key"),
        (until.is_some(), "another end of the class"),
    ];
    let parts = parts.iter().filter(|(needed, _)| *needed);
    let parts: Vec<&str> = parts.map(|(_, part)| *part).collect();
    let gets = format!("gets: {}", parts.join(", "));
    let why = match frozen {
        true => format!("{FROZEN}; {gets}"),
        false => gets,
    };
    let action = Action::Update {
        user: user.clone(),
        boundary,
        attach,
        issue,
        until,
    };
    Item::act(id, Verdict::Update, action, why).after(needs)
}

/// What to issue to a user that has some credentials. A new password goes with a new key, or with none.
fn issue(has: Issued, how: Grant) -> Issue {
    let key_wanted = how.access_keys || has.access_key || has.key_due;
    Issue {
        password: !has.password || how.rotate,
        access_key: key_wanted && (!has.access_key || how.rotate),
        withdraw: has.password && how.rotate,
        then: Issued {
            password: true,
            access_key: key_wanted,
            key_due: false,
        },
    }
}

/// Plans to delete everything that grants made, also for students who left the roster if `reach` covers them.
pub fn revoke(desired: &Desired, observed: &Observed, reach: Reach) -> Plan {
    let students = chosen(desired, observed, reach).into_iter().map(|owner| {
        let scope = &desired.scope;
        // A listing that broke off may have hidden what must go first.
        if let Some(item) = unseen(observed, &owner) {
            return student_plan(desired, owner, vec![item]);
        }
        let users = observed.users.values();
        let users = users.filter(|user| user.is_of(scope, &owner));
        let delete =
            |seen: &dyn AnySeen| Item::act(seen.id(), Verdict::Delete, seen.deletion(), "");
        let mut items: Vec<Item> = users.map(|user| delete(user)).collect();
        let ours = |seen: &dyn AnySeen| {
            let ownership = seen.whose(desired, Some(&owner));
            ownership.why_not(&owner).is_none()
        };
        // What bounds the roles is the stack's, and stays with it.
        let policies = observed.policies.values();
        let policies: Vec<_> = policies
            .filter(|policy| ours(*policy) && is_access(&policy.name))
            .collect();
        let roles = observed.roles.values().filter(|role| {
            let bounds = |arn: &String| policies.iter().any(|policy| policy.arn == *arn);
            role.boundary.as_ref().is_some_and(bounds) && ours(*role)
        });
        // An older version of homeroom used the student's own policy as the roles' boundary, and that policy goes now. The
        // users go before the boundary, so nobody can use a role without it; the next deployment sets the stack's.
        let let_in: Vec<ResourceId> = items.iter().map(|item| item.resource.clone()).collect();
        items.extend(roles.map(|role| {
            let action = role::Action::RemoveBoundary;
            Item::act(role.id(), Verdict::Update, action, "stays").after(let_in.clone())
        }));
        let needs: Vec<ResourceId> = items.iter().map(|item| item.resource.clone()).collect();
        items.extend(
            policies
                .iter()
                .map(|policy| delete(*policy).after(needs.clone())),
        );
        student_plan(desired, owner, items)
    });
    Plan::new(desired, observed, students.collect())
}

/// Plans to shut students out (`freeze`), or to let them in again. Nobody who left the roster is ever let in again.
pub fn freeze(desired: &Desired, observed: &Observed, reach: Reach, freeze: bool) -> Plan {
    let reach = if freeze { reach } else { Reach::Selected };
    let students = chosen(desired, observed, reach).into_iter().map(|owner| {
        let users = observed.users.values();
        let ours = users.filter(|user| user.is_of(&desired.scope, &owner));
        let mut items: Vec<Item> = ours
            .map(|user| match (user.is_frozen(), freeze) {
                (false, true) => Item::act(user.id(), Verdict::Update, Action::Freeze, ""),
                (true, false) => Item::act(user.id(), Verdict::Update, Action::Thaw, ""),
                _ => Item::settled(user.id(), Verdict::NoChange, ""),
            })
            .collect();
        // If the listing broke off before the user, say so.
        if items.is_empty() {
            items.extend(unseen(observed, &owner));
        }
        if items.is_empty() {
            let id = ResourceId::new(Kind::User, owner.student.as_str());
            items.push(Item::settled(id, Verdict::Absent, "has no access"));
        }
        student_plan(desired, owner, items)
    });
    Plan::new(desired, observed, students.collect())
}

/// Plans the second half of [`freeze`], once everybody is shut out: functions run no more, and executions are stopped; with a
/// thaw, functions run as before. It covers the other plan's students and the lab's names; each step checks itself whether
/// its resource exists and is the student's.
pub fn halt(users: &Plan, names: &[NamePattern], freeze: bool) -> Plan {
    let mut plan = users.clone();
    for student in &mut plan.students {
        let of = |kind: Kind| -> Vec<ResourceId> {
            let patterns = names.iter().filter(|pattern| pattern.kind == kind);
            let names = patterns.map(|pattern| pattern.name(&student.owner.student));
            names.map(|name| ResourceId::new(kind, name)).collect()
        };
        let (functions, machines) = (of(Kind::Function), of(Kind::StateMachine));
        let action = match freeze {
            true => function::Action::Freeze,
            false => function::Action::Thaw,
        };
        let ids = functions.iter().cloned();
        let mut items: Vec<Item> = ids
            .map(|id| Item::act(id, Verdict::Update, action.clone(), ""))
            .collect();
        if freeze {
            // Afterwards, so that no function starts an execution again.
            let stop = state_machine::Action::StopExecutions;
            let machines = machines.into_iter();
            items.extend(machines.map(|id| {
                Item::act(id, Verdict::Update, stop.clone(), "").after(functions.clone())
            }));
        }
        student.items = items;
    }
    plan
}

/// The chosen students, and, if `reach` covers them, those who left the roster and still have access.
fn chosen(desired: &Desired, observed: &Observed, reach: Reach) -> Vec<Owner> {
    let mut owners: Vec<Owner> = match reach {
        Reach::Selected | Reach::WholeClass => {
            desired.stacks.iter().map(|s| s.owner.clone()).collect()
        }
        Reach::Left => Vec::new(),
    };
    for (owner, ids) in observed.owned(desired) {
        let access = |id: &ResourceId| match id.kind {
            Kind::User => true,
            Kind::ManagedPolicy => is_access(&id.name),
            _ => false,
        };
        let beyond = owner.lab == desired.lab && reach.beyond(desired, &owner);
        if beyond && ids.iter().any(access) {
            owners.push(owner);
        }
    }
    owners
}

/// Whether a policy was made to let a student in, rather than for the stack.
fn is_access(policy: &str) -> bool {
    Purpose::of_name(policy) != Some(Purpose::Roles)
}

/// The item for a user that a listing could not show.
fn unseen(observed: &Observed, owner: &Owner) -> Option<Item> {
    observed.hidden(&ResourceId::new(Kind::User, owner.student.as_str()))
}

fn student_plan(desired: &Desired, owner: Owner, items: Vec<Item>) -> StudentPlan {
    let in_roster = teardown::has_stack(desired, &owner);
    StudentPlan::new(owner, items, in_roster)
}
