//! CloudWatch Logs log group of a Lambda function.
//!
//! CloudWatch Logs log group: create, set retention, delete.

use crate::aws::ErrorKind;
use crate::stack::ownership::{Fingerprint, Ownership};
use crate::stack::step::{Context, StepError, or_gone};

/// Retention periods that AWS accepts, in days. Source: PutRetentionPolicy, `retentionInDays`.
pub const RETENTION_DAYS: [i32; 22] = [
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922,
    3288, 3653,
];

/// A log group as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogGroup {
    /// Its name (`/aws/lambda/<function>`).
    pub name: String,
    /// How long events are kept, in days.
    pub retention_days: i32,
}

/// A log group as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actual {
    /// Its name.
    pub name: String,
    /// When it was created, in milliseconds since 1970, where the listing tells.
    pub created_ms: Option<i64>,
    /// How long events are kept, in days; `None`: for ever.
    pub retention_days: Option<i32>,
    /// Whose it is; listings do not show it.
    pub ownership: Ownership,
    /// Whether its own tags were read; otherwise its function vouches for it.
    pub tags_read: bool,
}

impl LogGroup {
    /// Fingerprint for the tag.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of([self.retention_days.to_string().as_str()])
    }
}

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
