//! IAM role with one inline policy.
//!
//! Its path, `/homeroom/<class>/`, says that it is ours. Students have no rights on roles, so a role that differs is simply
//! corrected.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use crate::aws::ErrorKind;
use crate::aws::Operation::*;
use crate::ids::{ClassName, Scope, Username};
use crate::stack::diff::{Difference, Differing};
use crate::stack::ends::{TAG_UNTIL, other_tag, tag};
use crate::stack::kinds::search::Search;
use crate::stack::kinds::statements;
use crate::stack::kinds::{
    AnySeen, AnySpec, Desired, Effect, Item, Kind, KindAction, KindFacts, Observed, PlannedCalls,
    Planning, ResourceId, Stack, Verdict,
};
use crate::stack::ownership::{Fingerprint, Owner, Ownership, Tags, of_principal};
use crate::stack::step::{Context, StepError};
use crate::text::json::canonical;

pub(super) const FACTS: KindFacts = KindFacts {
    // Source: IAM and AWS STS quotas, "Role names".
    name_max: 64,
    runs: false,
    in_iam: true,
    goes: 4,
    goes_after: &[Kind::Function, Kind::StateMachine],
};

/// Longest trust policy in characters, white space not counted. Source: IAM and AWS STS quotas.
pub(crate) const TRUST_MAX: usize = 2048;
/// Most characters in all inline policies of a role together, white space not counted. Source: same page.
pub(crate) const INLINE_MAX: usize = 10_240;
/// The name of the one inline policy that homeroom writes.
pub const POLICY_NAME: &str = "homeroom";

/// Until all new roles of a class can be assumed: single ones take about ten seconds most often, but a class waits for its
/// slowest. The looks are 10 and 8 seconds apart.
const ASSUMABLE: Duration = Duration::from_secs(18);

#[derive(Debug, Clone, PartialEq)]
pub struct Spec {
    pub name: String,
    /// Who may assume it (trust policy document).
    pub trust: Arc<Value>,
    /// What it may do (inline policy document).
    pub policy: Arc<Value>,
    /// ARN of the policy that is its permissions boundary; `None`: whatever it has is left as it is.
    pub boundary: Option<String>,
    /// When the class ends, as a tag says it; the policy says it itself.
    pub until: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    pub name: String,
    /// The id that AWS gave it, and gives to no other; empty where the listing does not tell.
    pub id: String,
    /// When it was created, in milliseconds since 1970, where the listing tells.
    pub(crate) created_ms: Option<i64>,
    pub path: String,
    /// Its trust policy; `None` when it is not readable as JSON.
    pub trust: Option<Value>,
    /// Its inline policies by name; a document that is not JSON is `Null`.
    pub inline: BTreeMap<String, Value>,
    pub attached: Vec<String>,
    /// May be empty where the listing does not show them.
    pub tags: Tags,
    pub boundary: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    Create(Spec),
    /// Writes the parts that differ, and takes out what the lab does not have.
    Update {
        role: Spec,
        parts: RoleParts,
    },
    SetBoundary(String),
    RemoveBoundary,
    Delete {
        inline: Vec<String>,
        attached: Vec<String>,
    },
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RoleParts {
    pub(crate) boundary: bool,
    pub(crate) trust: bool,
    pub(crate) policy: bool,
    /// Another value of the tag with the class's end.
    pub(crate) until: Option<String>,
    /// Names of inline policies to delete: they would give the role more than the lab does.
    pub(crate) extra_inline: Vec<String>,
    /// ARNs of managed policies to detach, likewise.
    pub(crate) extra_attached: Vec<String>,
}

impl RoleParts {
    fn describe(&self) -> String {
        let named = [
            (self.boundary, "permissions boundary"),
            (self.trust, "trust policy"),
            (self.policy, "inline policy"),
        ];
        let named = named.iter().filter(|(differs, _)| *differs);
        let mut parts: Vec<String> = named.map(|(_, part)| (*part).to_owned()).collect();
        parts.extend(self.until.iter().map(|_| "end of the class".to_owned()));
        let extra = self.extra_inline.iter().chain(&self.extra_attached);
        parts.extend(extra.map(|name| format!("extra policy {name}")));
        format!("differs: {}", parts.join(", "))
    }
}

impl Spec {
    pub(crate) fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of([
            canonical(&self.trust).as_str(),
            canonical(&self.policy).as_str(),
        ])
    }

    fn difference(&self, seen: &Seen) -> Option<RoleParts> {
        let trust = seen.trust.as_ref().map(canonical) != Some(canonical(&self.trust));
        let policy = seen.inline.get(POLICY_NAME).map(canonical) != Some(canonical(&self.policy));
        let extra = seen.inline.keys().filter(|name| *name != POLICY_NAME);
        let parts = RoleParts {
            boundary: self.boundary.is_some() && self.boundary != seen.boundary,
            trust,
            policy,
            until: other_tag(self.until, &seen.tags),
            extra_inline: extra.cloned().collect(),
            extra_attached: seen.attached.clone(),
        };
        (parts != RoleParts::default()).then_some(parts)
    }

    fn differing(&self, seen: &Seen, parts: &RoleParts) -> Differing {
        let mut differs = Differing::default();
        if parts.boundary {
            let (old, new) = (seen.boundary.clone(), self.boundary.clone());
            let boundary = Difference::new("permissions boundary", old, new);
            differs.parts.push(boundary);
        }
        if parts.trust {
            differs.extend(statements::compare(
                "trust policy",
                seen.trust.as_ref(),
                &self.trust,
            ));
        }
        if parts.policy {
            let old = seen.inline.get(POLICY_NAME);
            differs.extend(statements::compare("inline policy", old, &self.policy));
        }
        if let Some(until) = &parts.until {
            let (old, new) = (seen.tags.get(TAG_UNTIL).cloned(), Some(until.clone()));
            let ends = Difference::new("end of the class", old, new);
            differs.parts.push(ends);
        }
        let inline = parts.extra_inline.iter();
        let inline = inline.map(|name| format!("inline policy {name}"));
        let attached = parts.extra_attached.iter();
        let attached = attached.map(|arn| format!("attachment of {arn}"));
        differs.removed.extend(inline.chain(attached));
        differs
    }
}

impl Seen {
    /// Whose it is: see [`of_principal`]. `expected` is the owner that the role's name stands for.
    pub fn ownership(
        &self,
        scope: &Scope,
        class: &ClassName,
        expected: Option<&Owner>,
    ) -> Ownership {
        of_principal(&self.path, &self.tags, scope, class, expected)
    }
}

impl Stack {
    /// The policy that bounds the roles, if it is the lab's own. It is made before the roles.
    pub(crate) fn roles_boundary(&self) -> Option<ResourceId> {
        self.boundary.as_ref().map(AnySpec::id)
    }
}

impl AnySpec for Spec {
    fn id(&self) -> ResourceId {
        ResourceId::new(Kind::Role, &self.name)
    }

    fn plan(&self, at: &Planning<'_>) -> Item {
        let (id, owner) = (self.id(), at.owner());
        let Some(seen) = at.observed.roles.get(&self.name) else {
            let mut others = at.observed.roles.values();
            if let Some(other) = others.find(|r| r.name.eq_ignore_ascii_case(&self.name)) {
                let ownership = other.ownership(at.scope, &owner.class, None);
                return Item::other_case(id, &other.name, &ownership, owner);
            }
            let action = Action::Create(self.clone());
            return Item::act(id, Verdict::Create, action, "").after(at.stack.roles_boundary());
        };
        let ownership = seen.ownership(at.scope, &owner.class, Some(owner));
        if let Some(item) = Item::conflict(&id, &ownership, owner) {
            return item;
        }
        let Some(parts) = self.difference(seen) else {
            return Item::settled(id, Verdict::NoChange, "");
        };
        let why = parts.describe();
        let differs = self.differing(seen, &parts);
        let role = self.clone();
        let action = Action::Update { role, parts };
        let item = Item::act(id, Verdict::Update, action, why).differing(differs);
        item.after(at.stack.roles_boundary())
    }

    fn deletion(&self) -> super::Action {
        let inline = vec![POLICY_NAME.to_owned()];
        let attached = Vec::new();
        Action::Delete { inline, attached }.into()
    }
}

impl AnySeen for Seen {
    fn id(&self) -> ResourceId {
        ResourceId::new(Kind::Role, &self.name)
    }

    fn whose(&self, desired: &Desired, expected: Option<&Owner>) -> Ownership {
        self.ownership(&desired.scope, &desired.class, expected)
    }

    fn deletion(&self) -> super::Action {
        let inline = self.inline.keys().cloned().collect();
        let attached = self.attached.clone();
        Action::Delete { inline, attached }.into()
    }

    fn path_and_tags(&self) -> Option<(&str, &Tags)> {
        Some((&self.path, &self.tags))
    }
}

impl KindAction for Action {
    fn outline(&self) -> (Effect, PlannedCalls) {
        match self {
            Self::Create(_) => (Effect::Create, vec![(CreateRole, 1), (PutRolePolicy, 1)]),
            Self::Update { parts, .. } => (
                Effect::Update,
                vec![
                    (PutRolePermissionsBoundary, usize::from(parts.boundary)),
                    (UpdateAssumeRolePolicy, usize::from(parts.trust)),
                    (PutRolePolicy, usize::from(parts.policy)),
                    (DeleteRolePolicy, parts.extra_inline.len()),
                    (DetachRolePolicy, parts.extra_attached.len()),
                    (TagRole, 1),
                ],
            ),
            Self::SetBoundary(_) => (Effect::SetBoundary, vec![(PutRolePermissionsBoundary, 1)]),
            Self::RemoveBoundary => {
                let calls = vec![(DeleteRolePermissionsBoundary, 1)];
                (Effect::RemoveBoundary, calls)
            }
            Self::Delete { inline, attached } => (
                Effect::Delete,
                vec![
                    (DeleteRolePolicy, inline.len()),
                    (DetachRolePolicy, attached.len()),
                    (DeleteRole, 1),
                ],
            ),
        }
    }

    fn wait(&self) -> Duration {
        match self {
            Self::Create(_) => ASSUMABLE,
            _ => Duration::ZERO,
        }
    }

    async fn run(&self, cx: &Context<'_>) -> Result<(), StepError> {
        match self {
            Self::Create(role) => create(cx, role).await,
            Self::Update { role, parts } => update(cx, role, parts).await,
            Self::SetBoundary(policy_arn) => set_boundary(cx, policy_arn).await,
            Self::RemoveBoundary => {
                let removed = cx.client.delete_role_boundary(&cx.resource.name);
                cx.or_gone_from_iam(removed.await).await
            }
            Self::Delete { inline, attached } => {
                empty(cx, inline, attached).await?;
                let deleted = cx.client.delete_role(&cx.resource.name);
                cx.or_gone_from_iam(deleted.await).await
            }
        }
    }
}

async fn create(cx: &Context<'_>, role: &Spec) -> Result<(), StepError> {
    let path = &Scope::role_path(cx.class());
    let tags = &role_tags(cx, role);
    match create_bounded(cx, role, path, tags).await {
        Err(error) if error.kind() == Some(ErrorKind::AlreadyExists) => {
            // Listings of IAM lag behind: an earlier run's role may show up only now.
            cx.principal_made();
            prove_ours(cx, &role.name).await?;
            update_trust(cx, role).await?;
            if let Some(boundary) = &role.boundary {
                set_boundary(cx, boundary).await?;
            }
        }
        other => {
            other?;
            cx.principal_made();
        }
    }
    put_policy(cx, role).await
}

/// Creates the role with its boundary, which this run may have made a moment ago. If it made none, AWS's refusal is final.
async fn create_bounded(
    cx: &Context<'_>,
    role: &Spec,
    path: &str,
    tags: &Tags,
) -> Result<(), StepError> {
    if role.boundary.is_some() && cx.last_principal().is_some() {
        let created = cx.call_about_new(|| cx.client.create_role(role, path, tags));
        return created.await;
    }
    Ok(cx.client.create_role(role, path, tags).await?)
}

async fn update(cx: &Context<'_>, role: &Spec, parts: &RoleParts) -> Result<(), StepError> {
    // The boundary first: a role without one gets no new permissions.
    if let Some(boundary) = role.boundary.as_ref().filter(|_| parts.boundary) {
        set_boundary(cx, boundary).await?;
    }
    if parts.trust {
        update_trust(cx, role).await?;
    }
    if parts.policy {
        put_policy(cx, role).await?;
    }
    empty(cx, &parts.extra_inline, &parts.extra_attached).await?;
    let mut tags = role_tags(cx, role);
    tags.extend(
        parts
            .until
            .clone()
            .map(|until| (TAG_UNTIL.to_owned(), until)),
    );
    let tags = &tags;
    let tagged = cx.call_about_new(|| cx.client.tag_role(&role.name, tags));
    tagged.await
}

fn role_tags(cx: &Context<'_>, role: &Spec) -> Tags {
    let mut tags = cx.owner.tags(cx.scope, &role.fingerprint());
    tags.extend(tag(role.until));
    tags
}

async fn set_boundary(cx: &Context<'_>, policy_arn: &str) -> Result<(), StepError> {
    let name = cx.resource.name.as_str();
    if cx.last_principal().is_none() {
        return Ok(cx.client.put_role_boundary(name, policy_arn).await?);
    }
    // The policy was made a moment ago, and need not be visible everywhere yet.
    let set = cx.call_about_new(|| cx.client.put_role_boundary(name, policy_arn));
    set.await
}

async fn empty(cx: &Context<'_>, inline: &[String], attached: &[String]) -> Result<(), StepError> {
    let name = cx.resource.name.as_str();
    for policy in inline {
        let deleted = cx.client.delete_role_policy(name, policy);
        cx.or_gone_from_iam(deleted.await).await?;
    }
    for arn in attached {
        let detached = cx.client.detach_role_policy(name, arn);
        cx.or_gone_from_iam(detached.await).await?;
    }
    Ok(())
}

async fn prove_ours(cx: &Context<'_>, name: &str) -> Result<(), StepError> {
    let head = cx.call_about_new(|| cx.client.get_role(name)).await?;
    let ownership = of_principal(&head.path, &head.tags, cx.scope, cx.class(), Some(cx.owner));
    cx.prove(&ownership)
}

async fn update_trust(cx: &Context<'_>, role: &Spec) -> Result<(), StepError> {
    let update = cx.call_about_new(|| cx.client.update_trust(&role.name, &role.trust));
    update.await
}

async fn put_policy(cx: &Context<'_>, role: &Spec) -> Result<(), StepError> {
    let (name, policy) = (&role.name, &role.policy);
    let put = cx.call_about_new(|| cx.client.put_role_policy(name, POLICY_NAME, policy));
    put.await
}

/// Students whose whole stack is another class's: every role that this lab would give them exists and is that class's. We
/// can have nothing under those names, so no call is made about their other resources.
pub(crate) fn strangers(search: &Search<'_>, roles: &BTreeMap<String, Seen>) -> BTreeSet<Username> {
    let is_others = |name: &String| {
        let owner = roles
            .get(name)
            .and_then(|role| Owner::from_tags(&role.tags));
        owner.is_some_and(|owner| owner.class != search.desired.class)
    };
    let patterns: Vec<_> = search.patterns_of(Kind::Role).collect();
    roles
        .values()
        .filter_map(|role| Owner::from_tags(&role.tags))
        .map(|owner| owner.student)
        .filter(|student| {
            let mut names = patterns.iter().map(|pattern| pattern.name(student));
            !patterns.is_empty() && names.all(|name| is_others(&name))
        })
        .collect()
}

/// Roles with the class's path that have no owner in their tags and no name of the class: homeroom does not delete them, but
/// names them.
pub(crate) fn ownerless(desired: &Desired, observed: &Observed) -> Vec<String> {
    let path = Scope::role_path(&desired.class);
    let specs = desired.stacks.iter().flat_map(|stack| &stack.roles);
    let named: BTreeSet<&str> = specs.map(|role| role.name.as_str()).collect();
    let roles = observed.roles.values();
    roles
        .filter(|role| role.path == path && Owner::from_tags(&role.tags).is_none())
        .filter(|role| !named.contains(role.name.as_str()))
        .map(|role| role.name.clone())
        .collect()
}
