//! IAM role: create, put right, delete whole.

use crate::aws::ErrorKind;
use crate::domain::ids::Scope;
use crate::domain::ownership::{Tags, of_principal};
use crate::domain::resources::role::{Difference, POLICY_NAME, Role};
use crate::engine::step::{Context, StepError};

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
