//! The concurrency that is reserved for a function: the lab's bound, and 0 while its student is shut out.
//!
//! No listing shows it, so each of these looks first. What stood before a freeze is kept in a tag of the function, which
//! students cannot write: while the tag is there, nothing but a thaw lifts the 0.

use crate::aws::{ErrorKind, FunctionState};
use crate::stack::step::{Context, StepError, or_gone};

use super::{Spec, TAG_FROZEN, reserved_from_tag, reserved_tag};

/// Reserves what the lab says, or nothing where it says nothing. Of a function that is frozen, that is what a thaw brings
/// back; it stays at 0, or is set to it where a run was cut off before.
pub(super) async fn apply(cx: &Context<'_>, function: &Spec) -> Result<(), StepError> {
    let name = function.name.as_str();
    let state = cx.call_about_new(|| cx.client.get_function(name)).await?;
    let (reserved, wanted) = (state.reserved, function.reserved_concurrency);
    let tags = state.readable_tags().map_err(StepError::Cloud)?;
    let wanted = match tags.get(TAG_FROZEN) {
        None => wanted,
        Some(kept) => {
            if reserved_from_tag(kept) != wanted {
                remember(cx, name, wanted).await?;
            }
            Some(0)
        }
    };
    match reserved == wanted {
        true => Ok(()),
        false => set(cx, name, wanted).await,
    }
}

/// Whether one of the student's functions is frozen.
pub(super) async fn any_frozen(cx: &Context<'_>, functions: &[String]) -> Result<bool, StepError> {
    for name in functions {
        let state = match cx.client.get_function(name).await {
            Err(error) if error.kind() == Some(ErrorKind::NotFound) => continue,
            other => other?,
        };
        let tags = state.readable_tags().map_err(StepError::Cloud)?;
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

/// Lets nothing of the function run any more.
pub(super) async fn freeze(cx: &Context<'_>) -> Result<(), StepError> {
    let state = ours(cx, &cx.resource.name).await?;
    freeze_seen(cx, &state).await
}

/// [`freeze`], for a function that was just looked at.
pub(super) async fn freeze_seen(cx: &Context<'_>, state: &FunctionState) -> Result<(), StepError> {
    let name = cx.resource.name.as_str();
    // First what a thaw needs, so that a run which is cut off in between can be gone on with.
    if !state.tags.contains_key(TAG_FROZEN) {
        remember(cx, name, state.reserved).await?;
    }
    if state.reserved == Some(0) {
        return Ok(());
    }
    set(cx, name, Some(0)).await
}

/// Lets the function run as it did before the freeze.
pub(super) async fn thaw(cx: &Context<'_>) -> Result<(), StepError> {
    let name = cx.resource.name.as_str();
    let state = ours(cx, name).await?;
    let Some(kept) = state.tags.get(TAG_FROZEN) else {
        return Ok(());
    };
    set(cx, name, reserved_from_tag(kept)).await?;
    let arn = &cx.scope.function_arn(name);
    let keys = &[TAG_FROZEN.to_owned()];
    let untagged = cx.client.untag_function(arn, keys);
    or_gone(untagged.await)
}

/// The function, which proves to be this student's.
async fn ours(cx: &Context<'_>, name: &str) -> Result<FunctionState, StepError> {
    let state = match cx.client.get_function(name).await {
        Err(error) if error.kind() == Some(ErrorKind::NotFound) => return Err(StepError::Absent),
        other => other?,
    };
    let tags = state.clone().readable_tags().map_err(StepError::Cloud)?;
    cx.prove_ours(&tags)?;
    Ok(state)
}

async fn remember(cx: &Context<'_>, name: &str, reserved: Option<u32>) -> Result<(), StepError> {
    let arn = &cx.scope.function_arn(name);
    let tags = &[(TAG_FROZEN.to_owned(), reserved_tag(reserved))].into();
    let tagged = cx.client.tag_function(arn, tags);
    Ok(tagged.await?)
}

async fn set(cx: &Context<'_>, name: &str, reserved: Option<u32>) -> Result<(), StepError> {
    match reserved {
        Some(reserved) => {
            let put = cx.client.put_function_concurrency(name, reserved);
            or_gone(put.await)
        }
        None => {
            let deleted = cx.client.delete_function_concurrency(name);
            or_gone(deleted.await)
        }
    }
}
