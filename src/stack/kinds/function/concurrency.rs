//! The concurrency that is reserved for a function: the lab's bound, and 0 while its student is shut out.
//!
//! No listing shows it, so each of these looks first. A tag of the function keeps the value from before a freeze. Students
//! cannot write tags, and while the tag is there, only a thaw lifts the 0.

use crate::aws::{ErrorKind, FunctionState};
use crate::stack::step::{Context, StepError, or_gone};

use super::{Spec, TAG_FROZEN, reserved_from_tag, reserved_tag};

/// Reserves what the lab says, or nothing if it says nothing. A frozen function stays at 0 (a run that was cut off may not
/// have set that yet), and a thaw brings the lab's value back.
pub(super) async fn apply(cx: &Context<'_>, function: &Spec) -> Result<(), StepError> {
    let name = function.name.as_str();
    let state = cx.call_about_new(|| cx.client.get_function(name)).await?;
    let (reserved, mut wanted) = (state.reserved, function.reserved_concurrency);
    if let Some(kept) = state.readable_tags()?.get(TAG_FROZEN) {
        if reserved_from_tag(kept) != wanted {
            remember(cx, name, wanted).await?;
        }
        wanted = Some(0);
    }
    match reserved == wanted {
        true => Ok(()),
        false => set(cx, name, wanted).await,
    }
}

pub(super) async fn any_frozen(cx: &Context<'_>, functions: &[String]) -> Result<bool, StepError> {
    for name in functions {
        let state = match cx.client.get_function(name).await {
            Err(error) if error.kind() == Some(ErrorKind::NotFound) => continue,
            other => other?,
        };
        let tags = state.readable_tags()?;
        if tags.contains_key(TAG_FROZEN) && cx.prove_ours(&tags).is_ok() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Lets nothing run of a function that was just made with the tag that says so.
pub(super) async fn stop_new(cx: &Context<'_>) -> Result<(), StepError> {
    set(cx, &cx.resource.name, Some(0)).await
}

pub(super) async fn freeze(cx: &Context<'_>) -> Result<(), StepError> {
    let state = ours(cx, &cx.resource.name).await?;
    freeze_seen(cx, &state).await
}

/// [`freeze`], for a function that was just looked at.
pub(super) async fn freeze_seen(cx: &Context<'_>, state: &FunctionState) -> Result<(), StepError> {
    let name = cx.resource.name.as_str();
    // First what a thaw needs, so that the next run can go on if this one is cut off in between.
    if !state.tags.contains_key(TAG_FROZEN) {
        remember(cx, name, state.reserved).await?;
    }
    if state.reserved == Some(0) {
        return Ok(());
    }
    set(cx, name, Some(0)).await
}

pub(super) async fn thaw(cx: &Context<'_>) -> Result<(), StepError> {
    let name = cx.resource.name.as_str();
    let state = ours(cx, name).await?;
    let Some(kept) = state.tags.get(TAG_FROZEN) else {
        return Ok(());
    };
    set(cx, name, reserved_from_tag(kept)).await?;
    let arn = &cx.scope.function_arn(name);
    let keys = &[TAG_FROZEN.to_owned()];
    or_gone(cx.client.untag_function(arn, keys).await)
}

/// The function, proven to be this student's.
async fn ours(cx: &Context<'_>, name: &str) -> Result<FunctionState, StepError> {
    let state = match cx.client.get_function(name).await {
        Err(error) if error.kind() == Some(ErrorKind::NotFound) => return Err(StepError::Absent),
        other => other?,
    };
    let tags = state.clone().readable_tags()?;
    cx.prove_ours(&tags)?;
    Ok(state)
}

async fn remember(cx: &Context<'_>, name: &str, reserved: Option<u32>) -> Result<(), StepError> {
    let arn = &cx.scope.function_arn(name);
    let tags = &[(TAG_FROZEN.to_owned(), reserved_tag(reserved))].into();
    Ok(cx.client.tag_function(arn, tags).await?)
}

async fn set(cx: &Context<'_>, name: &str, reserved: Option<u32>) -> Result<(), StepError> {
    or_gone(match reserved {
        Some(reserved) => cx.client.put_function_concurrency(name, reserved).await,
        None => cx.client.delete_function_concurrency(name).await,
    })
}
