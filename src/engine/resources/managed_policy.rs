//! Customer managed policy: create, put a new version in force, delete whole.

use crate::aws::{ErrorKind, Principal};
use crate::domain::ids::Scope;
use crate::domain::resources::managed_policy::ManagedPolicy;
use crate::engine::step::{Context, StepError};

/// Creates the policy.
///
/// # Errors
/// A conflict when a policy of that name is there and not below the class's path.
pub async fn create(cx: &Context<'_>, policy: &ManagedPolicy) -> Result<(), StepError> {
    let path = &Scope::role_path(cx.class());
    let created = cx.client.create_policy(policy, path).await;
    match created {
        // An earlier attempt's, whose answer was lost or which a listing did not show yet; or somebody else's.
        Err(error) if error.kind() == Some(ErrorKind::AlreadyExists) => {
            cx.principal_made();
            // IAM keeps names unique whatever their path and case.
            let is_foreign = |one: &Principal| {
                matches!(one, Principal::Policy(found)
                if found.name.eq_ignore_ascii_case(&policy.name) && found.path != *path)
            };
            if cx.lists(is_foreign).await? {
                let why = "exists and is not below this class's path".to_owned();
                return Err(StepError::Conflict(why));
            }
            put_in_force(cx, policy).await
        }
        other => {
            other?;
            cx.principal_made();
            Ok(())
        }
    }
}

/// Puts a new version in force, and first makes room for it.
///
/// # Errors
/// AWS's.
pub async fn update(
    cx: &Context<'_>,
    policy: &ManagedPolicy,
    old_versions: &[String],
) -> Result<(), StepError> {
    let arn = cx.scope.policy_arn(cx.class(), &policy.name);
    delete_versions(cx, &arn, old_versions).await?;
    put_in_force(cx, policy).await
}

/// Deletes the policy with its versions.
///
/// # Errors
/// AWS's; what is gone already is no error.
pub async fn delete(cx: &Context<'_>, arn: &str, old_versions: &[String]) -> Result<(), StepError> {
    delete_versions(cx, arn, old_versions).await?;
    let deleted = cx.client.delete_policy(arn);
    cx.or_gone_from_iam(deleted.await).await
}

async fn put_in_force(cx: &Context<'_>, policy: &ManagedPolicy) -> Result<(), StepError> {
    let arn = &cx.scope.policy_arn(cx.class(), &policy.name);
    let document = &policy.document;
    let created = cx.call_about_new(|| cx.client.create_policy_version(arn, document));
    created.await
}

async fn delete_versions(
    cx: &Context<'_>,
    arn: &str,
    versions: &[String],
) -> Result<(), StepError> {
    for version in versions {
        let deleted = cx.client.delete_policy_version(arn, version);
        cx.or_gone_from_iam(deleted.await).await?;
    }
    Ok(())
}
