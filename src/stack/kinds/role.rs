//! IAM role with one inline policy.
//!
//! Its path, `/homeroom/<class>/`, says that it is ours; students have no rights on roles, so a role that
//! differs is simply put right.
//!
//! IAM role: create, put right, delete whole.

use crate::aws::ErrorKind;
use crate::stack::ids::{ClassName, Scope};
use crate::stack::ownership::{Fingerprint, Owner, Ownership, Tags, canonical, of_principal};
use crate::stack::step::{Context, StepError};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Longest role name. Source: IAM and AWS STS quotas, "Role names".
pub const NAME_MAX: usize = 64;
/// Longest trust policy in characters, white space not counted. Source: same page.
pub const TRUST_MAX: usize = 2048;
/// Most characters in all inline policies of a role together, white space not counted. Source: same page.
pub const INLINE_MAX: usize = 10_240;
/// The name of the one inline policy that homeroom writes.
pub const POLICY_NAME: &str = "homeroom";

/// A role as it should be.
#[derive(Debug, Clone, PartialEq)]
pub struct Role {
    /// Its name.
    pub name: String,
    /// Who may assume it (trust policy document).
    pub trust: Arc<Value>,
    /// What it may do (inline policy document).
    pub policy: Arc<Value>,
    /// ARN of the policy that is its permissions boundary; `None`: whatever it has is left as it is.
    pub boundary: Option<String>,
}

/// A role as it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Actual {
    /// Its name.
    pub name: String,
    /// The id that AWS gave it, and gives to no other; empty where the listing does not tell.
    pub id: String,
    /// Its path.
    pub path: String,
    /// Its trust policy; `None` when it is not readable as JSON.
    pub trust: Option<Value>,
    /// Its inline policies by name; a document that is not JSON is `Null`.
    pub inline: BTreeMap<String, Value>,
    /// ARNs of attached managed policies.
    pub attached: Vec<String>,
    /// Its tags; may be empty where the listing does not show them.
    pub tags: Tags,
    /// ARN of its permissions boundary.
    pub boundary: Option<String>,
}

/// What must be written to make it as it should be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Difference {
    /// Set the permissions boundary.
    pub boundary: bool,
    /// Write the trust policy.
    pub trust: bool,
    /// Write the inline policy.
    pub policy: bool,
    /// Names of inline policies to delete: they would give the role more than the lab does.
    pub extra_inline: Vec<String>,
    /// ARNs of managed policies to detach, likewise.
    pub extra_attached: Vec<String>,
}

impl Difference {
    /// What differs, in a few words.
    pub fn describe(&self) -> String {
        let mut parts = Vec::new();
        if self.boundary {
            parts.push("permissions boundary".to_owned());
        }
        if self.trust {
            parts.push("trust policy".to_owned());
        }
        if self.policy {
            parts.push("inline policy".to_owned());
        }
        let extra = self.extra_inline.iter().chain(&self.extra_attached);
        parts.extend(extra.map(|name| format!("extra policy {name}")));
        format!("differs: {}", parts.join(", "))
    }
}

impl Role {
    /// Fingerprint for the tag.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of([
            canonical(&self.trust).as_str(),
            canonical(&self.policy).as_str(),
        ])
    }

    /// What must be written; `None` when nothing.
    pub fn difference(&self, actual: &Actual) -> Option<Difference> {
        let trust = actual.trust.as_ref().map(canonical) != Some(canonical(&self.trust));
        let policy = actual.inline.get(POLICY_NAME).map(canonical) != Some(canonical(&self.policy));
        let inline = actual.inline.keys();
        let difference = Difference {
            boundary: self.boundary.is_some() && self.boundary != actual.boundary,
            trust,
            policy,
            extra_inline: inline
                .filter(|name| *name != POLICY_NAME)
                .cloned()
                .collect(),
            extra_attached: actual.attached.clone(),
        };
        (difference != Difference::default()).then_some(difference)
    }
}

impl Actual {
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

/// Creates the role and writes its inline policy.
///
/// # Errors
/// A conflict when a role of that name is there and not ours.
pub async fn create(cx: &Context<'_>, role: &Role) -> Result<(), StepError> {
    let path = &Scope::role_path(cx.class());
    let tags = &cx.owner.tags(cx.scope, &role.fingerprint());
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

/// Creates the role with its boundary, which this run may have made a moment ago. One that is not there at all is
/// refused at once.
async fn create_bounded(
    cx: &Context<'_>,
    role: &Role,
    path: &str,
    tags: &Tags,
) -> Result<(), StepError> {
    if role.boundary.is_some() && cx.last_principal().is_some() {
        return cx
            .call_about_new(|| cx.client.create_role(role, path, tags))
            .await;
    }
    let created = cx.client.create_role(role, path, tags);
    Ok(created.await?)
}

/// Writes the parts that differ, and takes out what the lab does not have.
///
/// # Errors
/// AWS's.
pub async fn update(
    cx: &Context<'_>,
    role: &Role,
    difference: &Difference,
) -> Result<(), StepError> {
    // First what bounds it: nothing more is given to a role that nothing holds.
    if let Some(boundary) = role.boundary.as_ref().filter(|_| difference.boundary) {
        set_boundary(cx, boundary).await?;
    }
    if difference.trust {
        update_trust(cx, role).await?;
    }
    if difference.policy {
        put_policy(cx, role).await?;
    }
    empty(cx, &difference.extra_inline, &difference.extra_attached).await?;
    let tags = &cx.owner.tags(cx.scope, &role.fingerprint());
    let name = role.name.as_str();
    let tagged = cx.call_about_new(|| cx.client.tag_role(name, tags));
    tagged.await
}

/// Deletes the role with all that is in it.
///
/// # Errors
/// AWS's; what is gone already is no error.
pub async fn delete(
    cx: &Context<'_>,
    inline: &[String],
    attached: &[String],
) -> Result<(), StepError> {
    empty(cx, inline, attached).await?;
    let name = cx.resource.name.as_str();
    let deleted = cx.client.delete_role(name);
    cx.or_gone_from_iam(deleted.await).await
}

/// Sets the permissions boundary.
///
/// # Errors
/// AWS's.
pub async fn set_boundary(cx: &Context<'_>, policy_arn: &str) -> Result<(), StepError> {
    let name = cx.resource.name.as_str();
    if cx.last_principal().is_none() {
        let set = cx.client.put_role_boundary(name, policy_arn);
        return Ok(set.await?);
    }
    // The policy was made a moment ago, and need not be visible everywhere yet.
    let set = cx.call_about_new(|| cx.client.put_role_boundary(name, policy_arn));
    set.await
}

/// Takes the permissions boundary away.
///
/// # Errors
/// AWS's; what is gone already is no error.
pub async fn remove_boundary(cx: &Context<'_>) -> Result<(), StepError> {
    let name = cx.resource.name.as_str();
    let removed = cx.client.delete_role_boundary(name);
    cx.or_gone_from_iam(removed.await).await
}

/// Takes policies out of the role.
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
    match ownership.why_not(cx.owner) {
        None => Ok(()),
        Some(why) => Err(StepError::Conflict(why)),
    }
}

async fn update_trust(cx: &Context<'_>, role: &Role) -> Result<(), StepError> {
    let update = cx.call_about_new(|| cx.client.update_trust(&role.name, &role.trust));
    update.await
}

async fn put_policy(cx: &Context<'_>, role: &Role) -> Result<(), StepError> {
    let put = cx.call_about_new(|| {
        cx.client
            .put_role_policy(&role.name, POLICY_NAME, &role.policy)
    });
    put.await
}
