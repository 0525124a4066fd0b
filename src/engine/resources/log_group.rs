//! CloudWatch Logs log group: create, set retention, delete.

use crate::domain::operation::Operation;
use crate::domain::resources::log_group::LogGroup;
use crate::engine::port::{Cloud, ErrorKind};
use crate::engine::step::{Context, StepError, or_gone};

/// Creates the group and sets its retention.
///
/// # Errors
/// A conflict when a group of that name is there and not ours.
pub async fn create<C: Cloud>(cx: &Context<'_, C>, group: &LogGroup) -> Result<(), StepError> {
    let tags = &cx.owner.tags(cx.scope, &group.fingerprint());
    let created = cx
        .call(Operation::CreateLogGroup, |c| {
            c.create_log_group(&group.name, tags)
        })
        .await;
    match created {
        Err(error) if error.kind() == Some(ErrorKind::AlreadyExists) => {
            let arn = &cx.scope.log_group_arn(&group.name);
            let tags = cx
                .call(Operation::LogsListTagsForResource, |c| {
                    c.log_group_tags(arn)
                })
                .await?;
            cx.prove_ours(&tags)?;
        }
        other => other?,
    }
    set_retention(cx, group).await
}

async fn set_retention<C: Cloud>(cx: &Context<'_, C>, group: &LogGroup) -> Result<(), StepError> {
    let put = cx.call_about_new(Operation::PutRetentionPolicy, |c| {
        c.put_retention_policy(&group.name, group.retention_days)
    });
    put.await
}

/// Puts the retention right, and says so in the tag.
///
/// # Errors
/// AWS's.
pub async fn update<C: Cloud>(cx: &Context<'_, C>, group: &LogGroup) -> Result<(), StepError> {
    set_retention(cx, group).await?;
    let arn = &cx.scope.log_group_arn(&group.name);
    let tags = &cx.owner.tags(cx.scope, &group.fingerprint());
    let tagged = cx.call(Operation::LogsTagResource, |c| c.tag_log_group(arn, tags));
    Ok(tagged.await?)
}

/// Deletes the group with its events. `prove`: its tags were not read yet, and must not be another's.
///
/// # Errors
/// AWS's; a conflict when it is not ours; a group that is gone already is no error.
pub async fn delete<C: Cloud>(cx: &Context<'_, C>, prove: bool) -> Result<(), StepError> {
    let name = cx.resource.name.as_str();
    if prove {
        let arn = &cx.scope.log_group_arn(name);
        let tags = cx.call(Operation::LogsListTagsForResource, |c| {
            c.log_group_tags(arn)
        });
        match tags.await {
            // Without any tag it is one that Lambda made: as much ours as its function was.
            Ok(tags) if tags.is_empty() => {}
            Ok(tags) => cx.prove_ours(&tags)?,
            Err(error) => return or_gone(Err(error)),
        }
    }
    or_gone(
        cx.call(Operation::DeleteLogGroup, |c| c.delete_log_group(name))
            .await,
    )
}
