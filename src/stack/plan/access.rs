//! Who gets in: what `access grant`, `revoke`, `freeze` and `thaw` would do.

use std::collections::BTreeMap;

use crate::stack::desired::{Desired, Stack};
use crate::stack::elsewhere::advice;
use crate::stack::ids::Username;
use crate::stack::kinds::managed_policy::{ManagedPolicy, Purpose};
use crate::stack::kinds::user::{Issued, User};
use crate::stack::kinds::{Kind, ResourceId};
use crate::stack::left::Spellings;
use crate::stack::names::NamePattern;
use crate::stack::observed::Observed;
use crate::stack::ownership::{Owner, Ownership};

use crate::stack::plan::teardown::{self, Reach, delete_policy, delete_user};
use crate::stack::plan::{Action, Item, Plan, StudentPlan, Verdict, policy};

/// Why of a user who is given something and is shut out all the same.
const FROZEN: &str = "frozen";

/// Credentials to issue to a user.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Issue {
    /// Set a new console password.
    pub password: bool,
    /// Make a new access key in the place of those that are there.
    pub access_key: bool,
    /// The user's tag says that it has what is replaced here: that is withdrawn first, so that a run that is cut off
    /// does not leave credentials that are neither those of old nor those that were kept.
    pub withdraw: bool,
    /// What the user has once this is done.
    pub then: Issued,
}

impl Issue {
    /// Whether there is nothing to issue.
    pub fn is_nothing(self) -> bool {
        !self.password && !self.access_key
    }
}

/// How access is granted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Grant {
    /// With an access key.
    pub access_keys: bool,
    /// New credentials for those who have some.
    pub rotate: bool,
}

/// Plans to let students in. `wanted` has those whose stack is there; for the others nothing can be done, since what
/// they may do names the stack.
pub fn grant(
    desired: &Desired,
    wanted: &BTreeMap<Username, User>,
    observed: &Observed,
    how: Grant,
) -> Plan {
    let spellings = Spellings::of(desired, observed);
    let students = desired.stacks.iter().map(|stack| {
        let granting = Granting {
            desired,
            observed,
            stack,
            how,
        };
        let mut items = granting.missing();
        match wanted.get(stack.student()) {
            Some(user) if items.is_empty() => items = granting.items(user),
            _ => {}
        }
        StudentPlan {
            spelled: spellings.other(stack.student()),
            ..student_plan(&stack.owner, items)
        }
    });
    plan_of(desired, observed, students.collect())
}

struct Granting<'a> {
    desired: &'a Desired,
    observed: &'a Observed,
    stack: &'a Stack,
    how: Grant,
}

impl Granting<'_> {
    /// What must be there and is not, or could not be seen.
    fn missing(&self) -> Vec<Item> {
        let (scope, owner) = (&self.desired.scope, &self.stack.owner);
        let roles = self.stack.roles.iter().filter_map(|role| {
            let id = ResourceId::new(Kind::Role, &role.name);
            if let Some(item) = hidden(self.observed, &id) {
                return Some(item);
            }
            match self.observed.roles.get(&role.name) {
                None => Some(Item::settled(id, Verdict::Missing, "is not there")),
                Some(actual) => {
                    let ownership = actual.ownership(scope, &owner.class, Some(owner));
                    conflict(owner, id, &ownership)
                }
            }
        });
        let apis = self.stack.rest_apis.iter().filter_map(|api| {
            let id = ResourceId::new(Kind::RestApi, &api.name);
            if let Some(item) = hidden(self.observed, &id) {
                return Some(item);
            }
            let found = self.observed.api_of(scope, self.stack, api);
            found
                .is_none()
                .then(|| Item::settled(id, Verdict::Missing, "is not there"))
        });
        roles.chain(apis).collect()
    }

    fn items(&self, user: &User) -> Vec<Item> {
        let policy = |policy: &ManagedPolicy| {
            policy::item(self.desired, self.observed, &self.stack.owner, policy)
        };
        let boundary_arn = self
            .desired
            .scope
            .policy_arn(&self.desired.class, &user.boundary.name);
        let mut items = vec![policy(&user.policy), policy(&user.boundary)];
        // As a deployment makes them. Roles that an older version of homeroom deployed may have none.
        items.extend(self.stack.boundary.iter().map(policy));
        items.extend(self.stack.roles.iter().map(|role| {
            let id = ResourceId::new(Kind::Role, &role.name);
            let actual = self.observed.roles.get(&role.name);
            let wanted = role.boundary.as_ref();
            match wanted {
                Some(arn) if actual.and_then(|role| role.boundary.as_ref()) != wanted => {
                    let action = Action::SetRoleBoundary(arn.clone());
                    Item::act(id, Verdict::Update, action, "has not the class's boundary")
                        .after(self.roles_boundary())
                }
                _ => Item::settled(id, Verdict::NoChange, ""),
            }
        }));
        items.push(self.user(user, &boundary_arn));
        // A half is worse than nothing: credentials for a user whose policies are another's.
        let is_safe = |item: &Item| !matches!(item.verdict, Verdict::Conflict | Verdict::Unknown);
        if !items.iter().all(is_safe) {
            for item in &mut items {
                item.action = None;
            }
        }
        items
    }

    /// The policy that bounds the roles, where it is the lab's.
    fn roles_boundary(&self) -> Option<ResourceId> {
        let policy = self.stack.boundary.as_ref()?;
        Some(ResourceId::new(Kind::ManagedPolicy, &policy.name))
    }

    fn user(&self, user: &User, boundary_arn: &String) -> Item {
        let id = ResourceId::new(Kind::User, &user.name);
        if let Some(item) = hidden(self.observed, &id) {
            return item;
        }
        let policies = [&user.policy, &user.boundary].into_iter();
        let policies = policies.map(|policy| ResourceId::new(Kind::ManagedPolicy, &policy.name));
        // Nobody is let in before the roles that they can use are bounded.
        let roles = self.stack.roles.iter();
        let roles = roles.map(|role| ResourceId::new(Kind::Role, &role.name));
        let needs = policies.chain(roles).chain(self.roles_boundary());
        let Some(actual) = self.observed.users.get(&user.name) else {
            // IAM keeps names unique whatever their case.
            let mut others = self.observed.users.values();
            if let Some(other) = others.find(|u| u.name.eq_ignore_ascii_case(&user.name)) {
                let owner = &self.stack.owner;
                let why = format!(
                    "exists as {}, and IAM takes the two for the same name",
                    other.name
                );
                let ownership = other.ownership(&self.desired.scope, &owner.class);
                let hint = advice(&ownership, owner);
                return Item::settled(id, Verdict::Conflict, why).with_hint(hint);
            }
            let action = Action::CreateUser {
                user: user.clone(),
                issue: Issue {
                    password: true,
                    access_key: self.how.access_keys,
                    withdraw: false,
                    then: Issued {
                        password: true,
                        access_key: self.how.access_keys,
                        key_due: false,
                    },
                },
            };
            return Item::act(id, Verdict::Create, action, "").after(needs);
        };
        let ownership = actual.ownership(&self.desired.scope, &self.desired.class);
        if let Some(item) = conflict(&self.stack.owner, id.clone(), &ownership) {
            return item;
        }
        let policy_arn = self
            .desired
            .scope
            .policy_arn(&self.desired.class, &user.policy.name);
        let boundary = actual.boundary.as_ref() != Some(boundary_arn);
        let attach = !actual.attached.contains(&policy_arn);
        let issue = self.issue(Issued::from_tags(&actual.tags));
        if !boundary && !attach && issue.is_nothing() {
            let why = if actual.is_frozen() { FROZEN } else { "" };
            return Item::settled(id, Verdict::NoChange, why);
        }
        let parts = [
            (boundary, "permissions boundary"),
            (attach, "access policy"),
            (issue.password, "console password"),
            (issue.access_key, "access key"),
        ];
        let parts: Vec<&str> = parts
            .iter()
            .filter(|(needed, _)| *needed)
            .map(|(_, part)| *part)
            .collect();
        let action = Action::UpdateUser {
            user: user.clone(),
            boundary,
            attach,
            issue,
        };
        let mut why = format!("gets: {}", parts.join(", "));
        if actual.is_frozen() {
            why = format!("{FROZEN}; {why}");
        }
        Item::act(id, Verdict::Update, action, why).after(needs)
    }

    /// What to issue to a user that has some credentials. A new password goes with a new key, or with none.
    fn issue(&self, has: Issued) -> Issue {
        let key_wanted = self.how.access_keys || has.access_key || has.key_due;
        Issue {
            password: !has.password || self.how.rotate,
            access_key: key_wanted && (!has.access_key || self.how.rotate),
            withdraw: has.password && self.how.rotate,
            then: Issued {
                password: true,
                access_key: key_wanted,
                key_due: false,
            },
        }
    }
}

/// Plans to take away everything that grants made, also of students who left the roster where `reach` goes so far.
pub fn revoke(desired: &Desired, observed: &Observed, reach: Reach) -> Plan {
    let students = chosen(desired, observed, reach).into_iter().map(|owner| {
        let (scope, class) = (&desired.scope, &owner.class);
        // Of a listing that broke off some may have been seen, and not what must go before it.
        if let Some(item) = unseen(observed, &owner) {
            return student_plan_in(desired, owner, vec![item]);
        }
        let users = observed
            .users
            .values()
            .filter(|user| user.is_of(scope, &owner));
        let mut items: Vec<Item> = users
            .map(|user| {
                let id = ResourceId::new(Kind::User, &user.name);
                Item::act(id, Verdict::Delete, delete_user(user), "")
            })
            .collect();
        let policies: Vec<_> = observed
            .policies
            .values()
            .filter(|policy| {
                let ownership = policy.ownership(scope, class, &desired.lab);
                // What bounds the roles is the stack's, and stays with it.
                ownership.why_not(&owner).is_none() && is_access(&policy.name)
            })
            .collect();
        let roles = observed.roles.values().filter(|role| {
            let boundary = role.boundary.as_ref();
            let ours = |arn: &String| policies.iter().any(|policy| policy.arn == *arn);
            boundary.is_some_and(ours)
                && role
                    .ownership(scope, class, Some(&owner))
                    .why_not(&owner)
                    .is_none()
        });
        // Roles that an older version of homeroom bounded with the student's own policy, which is to go. Nobody who can
        // still use a role finds it without its boundary; the next deployment gives it one of the stack's.
        let let_in: Vec<ResourceId> = items.iter().map(|item| item.resource.clone()).collect();
        items.extend(roles.map(|role| {
            let id = ResourceId::new(Kind::Role, &role.name);
            Item::act(id, Verdict::Update, Action::RemoveRoleBoundary, "stays")
                .after(let_in.clone())
        }));
        let needs: Vec<ResourceId> = items.iter().map(|item| item.resource.clone()).collect();
        items.extend(policies.iter().map(|policy| {
            let id = ResourceId::new(Kind::ManagedPolicy, &policy.name);
            Item::act(id, Verdict::Delete, delete_policy(policy), "").after(needs.clone())
        }));
        student_plan_in(desired, owner, items)
    });
    plan_of(desired, observed, students.collect())
}

/// Plans to shut students out (`freeze`), or to let them in again. Nobody who left the roster is ever let in again.
pub fn freeze(desired: &Desired, observed: &Observed, reach: Reach, freeze: bool) -> Plan {
    let reach = if freeze { reach } else { Reach::Selected };
    let students = chosen(desired, observed, reach).into_iter().map(|owner| {
        let users = observed.users.values();
        let ours = users.filter(|user| user.is_of(&desired.scope, &owner));
        let mut items: Vec<Item> = ours
            .map(|user| {
                let id = ResourceId::new(Kind::User, &user.name);
                match (user.is_frozen(), freeze) {
                    (false, true) => Item::act(id, Verdict::Update, Action::FreezeUser, ""),
                    (true, false) => Item::act(id, Verdict::Update, Action::ThawUser, ""),
                    _ => Item::settled(id, Verdict::NoChange, ""),
                }
            })
            .collect();
        // A listing that broke off may have shown the user all the same.
        if items.is_empty() {
            items.extend(unseen(observed, &owner));
        }
        if items.is_empty() {
            let id = ResourceId::new(Kind::User, owner.student.as_str());
            items.push(Item::settled(id, Verdict::Absent, "has no access"));
        }
        student_plan_in(desired, owner, items)
    });
    plan_of(desired, observed, students.collect())
}

/// Plans what goes with [`freeze`] once everybody is shut out: functions run no more, and what runs is stopped; or, with a
/// thaw, functions run as before. Of whom the other plan tells, under the names of the lab: what of it is there, and
/// whether it is the student's, is looked at when it is done.
pub fn halt(users: &Plan, names: &[NamePattern], freeze: bool) -> Plan {
    let mut plan = users.clone();
    for student in &mut plan.students {
        let of = |kind: Kind| -> Vec<ResourceId> {
            let patterns = names.iter().filter(|pattern| pattern.kind == kind);
            let name = |pattern: &NamePattern| pattern.name(&student.owner.student);
            patterns
                .map(|pattern| ResourceId::new(kind, name(pattern)))
                .collect()
        };
        let (functions, machines) = (of(Kind::Function), of(Kind::StateMachine));
        let mut items: Vec<Item> = functions
            .iter()
            .map(|id| {
                let action = match freeze {
                    true => Action::FreezeFunction,
                    false => Action::ThawFunction,
                };
                Item::act(id.clone(), Verdict::Update, action, "")
            })
            .collect();
        if freeze {
            // Afterwards, so that nothing that is stopped is started again.
            let machines = machines.into_iter().map(|id| {
                Item::act(id, Verdict::Update, Action::StopExecutions, "").after(functions.clone())
            });
            items.extend(machines);
        }
        student.items = items;
    }
    plan
}

/// The chosen students, and where `reach` goes so far those who left the roster and still have access.
fn chosen(desired: &Desired, observed: &Observed, reach: Reach) -> Vec<Owner> {
    let mut owners: Vec<Owner> = match reach {
        Reach::Selected | Reach::WholeClass => {
            desired.stacks.iter().map(|s| s.owner.clone()).collect()
        }
        Reach::Left => Vec::new(),
    };
    for (owner, ids) in teardown::owned(desired, observed) {
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

/// What stands for users that a listing did not show.
fn unseen(observed: &Observed, owner: &Owner) -> Option<Item> {
    hidden(
        observed,
        &ResourceId::new(Kind::User, owner.student.as_str()),
    )
}

fn hidden(observed: &Observed, id: &ResourceId) -> Option<Item> {
    let gap = observed.gap(id.kind, &id.name)?;
    let why = format!("could not be seen: {}", gap.cause);
    Some(Item::settled(id.clone(), Verdict::Unknown, why))
}

fn conflict(owner: &Owner, id: ResourceId, ownership: &Ownership) -> Option<Item> {
    let why = ownership.why_not(owner)?;
    let hint = advice(ownership, owner);
    Some(Item::settled(id, Verdict::Conflict, why).with_hint(hint))
}

fn student_plan(owner: &Owner, items: Vec<Item>) -> StudentPlan {
    StudentPlan {
        owner: owner.clone(),
        items,
        in_roster: true,
        spelled: None,
    }
}

fn student_plan_in(desired: &Desired, owner: Owner, items: Vec<Item>) -> StudentPlan {
    let in_roster = teardown::has_stack(desired, &owner);
    StudentPlan {
        owner,
        items,
        in_roster,
        spelled: None,
    }
}

fn plan_of(desired: &Desired, observed: &Observed, students: Vec<StudentPlan>) -> Plan {
    Plan {
        scope: desired.scope.clone(),
        class: desired.class.clone(),
        students,
        gaps: observed.gaps.clone(),
        account: observed.account,
    }
}
