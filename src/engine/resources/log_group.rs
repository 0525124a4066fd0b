//! CloudWatch Logs log group: create, set retention, delete.

use crate::aws::ErrorKind;
use crate::domain::resources::log_group::LogGroup;
use crate::engine::step::{Context, StepError, or_gone};

/// Creates the group and sets its retention.
///
/// # Errors
/// A conflict when a group of that name is there and not ours.
pub async fn create(cx: &Context<'_>, group: &LogGroup) -> Result<(), StepError> {
    let tags = &cx.owner.tags(cx.scope, &group.fingerprint());
    let created = cx.client.create_log_group(&group.name, tags).await;
    match created {
        Err(error) if error.kind() == Some(ErrorKind::AlreadyExists) => {
            let arn = &cx.scope.log_group_arn(&group.name);
            let tags = cx.client.log_group_tags(arn).await?;
            cx.prove_ours(&tags)?;
        }
        other => other?,
    }
    set_retention(cx, group).await
}

async fn set_retention(cx: &Context<'_>, group: &LogGroup) -> Result<(), StepError> {
    let put = cx.call_about_new(|| {
        cx.client
            .put_retention_policy(&group.name, group.retention_days)
    });
    put.await
}

/// Puts the retention right, and says so in the tag.
///
/// # Errors
/// AWS's.
pub async fn update(cx: &Context<'_>, group: &LogGroup) -> Result<(), StepError> {
    set_retention(cx, group).await?;
    let arn = &cx.scope.log_group_arn(&group.name);
    let tags = &cx.owner.tags(cx.scope, &group.fingerprint());
    let tagged = cx.client.tag_log_group(arn, tags);
    Ok(tagged.await?)
}

/// Deletes the group with its events. `prove`: its tags were not read yet, and must not be another's.
///
/// # Errors
/// AWS's; a conflict when it is not ours; a group that is gone already is no error.
pub async fn delete(cx: &Context<'_>, prove: bool) -> Result<(), StepError> {
    let name = cx.resource.name.as_str();
    if prove {
        let arn = &cx.scope.log_group_arn(name);
        let tags = cx.client.log_group_tags(arn);
        match tags.await {
            // Without any tag it is one that Lambda made: as much ours as its function was.
            Ok(tags) if tags.is_empty() => {}
            Ok(tags) => cx.prove_ours(&tags)?,
            Err(error) => return or_gone(Err(error)),
        }
    }
    or_gone(cx.client.delete_log_group(name).await)
}
