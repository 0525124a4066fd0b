//! Lambda function: create and wait until Active, update part by part, delete.

use std::time::Duration;

use crate::aws::Operation::{self, *};
use crate::aws::{ErrorKind, FunctionState, NewFunction};
use crate::events::Event;
use crate::stack::kinds::api::{StageRecord, effects::withdraw as withdraw_record};
use crate::stack::kinds::{Effect, Item, KindAction, PlannedCalls, role};
use crate::stack::step::{Context, Poll, StepError, or_gone};

use super::{FunctionSetting, RUN_MAX_MS, Spec, TAG_FROZEN, concurrency, reserved_tag};

/// Until a new function is Active, and seen to be.
const ACTIVE: Duration = Duration::from_secs(5);
const UPDATE: Duration = Duration::from_secs(5);
/// Looks at a new function until it is Active, usually.
const LOOKS: usize = 2;

/// Whether a student is shut out, so that nothing of theirs may run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ShutOut {
    /// The student's user is frozen.
    Yes,
    /// Only the tags of these functions can tell, and no listing shows them: a student without a user can be frozen, too.
    AsTagged(Vec<String>),
}

#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    Create {
        function: Spec,
        /// Stages whose record says that the API is whole, permission included, though this function (and with it the
        /// permission) is gone: the record is withdrawn before the function is made.
        withdraw: Vec<StageRecord>,
        shut: ShutOut,
    },
    Update(FunctionUpdate),
    Freeze,
    Thaw,
    Delete,
}

/// Which parts of a function are written.
#[derive(Debug, Clone, PartialEq)]
pub struct FunctionUpdate {
    pub(crate) function: Spec,
    pub(crate) code: bool,
    pub(crate) config: bool,
    /// Settings to return to AWS's defaults; written with the configuration.
    pub(crate) undo: Vec<FunctionSetting>,
    /// Look at the reserved concurrency, and set it.
    pub(crate) limit: bool,
    /// Records what is deployed; written last.
    pub(crate) description: String,
    /// When the function was last modified; `None` if the student's changes are in it. The update follows that write.
    pub(crate) follows_ms: Option<i64>,
}

impl super::super::Action {
    /// Concurrency that it newly reserves.
    pub(crate) fn reserves(&self) -> u32 {
        match self {
            Self::Function(Action::Create { function, .. }) => {
                function.reserved_concurrency.unwrap_or_default()
            }
            _ => 0,
        }
    }
}

/// The calls that a new stack makes in vain: AWS refuses a student's first function, because its role was made a moment
/// ago.
pub(crate) fn refused_at_first(items: &[Item]) -> &'static [(Operation, usize)] {
    use super::super::Action as Any;
    let any = |is_it: fn(&Any) -> bool| items.iter().filter_map(|i| i.action.as_ref()).any(is_it);
    let new_role = any(|action| matches!(action, Any::Role(role::Action::Create(_))));
    let new_function = any(|action| matches!(action, Any::Function(Action::Create { .. })));
    match new_role && new_function {
        true => &[(CreateFunction, 1)],
        false => &[],
    }
}

impl KindAction for Action {
    fn outline(&self) -> (Effect, PlannedCalls) {
        match self {
            Self::Create {
                withdraw,
                function,
                shut,
            } => {
                let (shut, looks_at_others) = match shut {
                    ShutOut::Yes => (true, 0),
                    ShutOut::AsTagged(others) => (false, others.len()),
                };
                let limited = usize::from(is_limited(function, shut));
                let looks = looks_at_others + limited * usize::from(!shut);
                let calls = vec![
                    (UpdateStage, withdraw.len()),
                    (CreateFunction, 1),
                    (GetFunction, looks + (1 + limited) * LOOKS),
                    (PutFunctionConcurrency, limited),
                    (UpdateFunctionConfiguration, limited),
                ];
                (Effect::Create, calls)
            }
            Self::Update(FunctionUpdate { code, limit, .. }) => {
                let (code, limit) = (usize::from(*code), usize::from(*limit));
                let calls = vec![
                    (GetFunction, limit + LOOKS * (1 + code)),
                    (UpdateFunctionCode, code),
                    (UpdateFunctionConfiguration, 1),
                    (LambdaTagResource, 1),
                ];
                (Effect::Update, calls)
            }
            Self::Freeze => {
                let calls = [GetFunction, LambdaTagResource, PutFunctionConcurrency];
                (Effect::Freeze, calls.map(|call| (call, 1)).into())
            }
            Self::Thaw => {
                let calls = [GetFunction, DeleteFunctionConcurrency, LambdaUntagResource];
                (Effect::Thaw, calls.map(|call| (call, 1)).into())
            }
            Self::Delete => (Effect::Delete, vec![(DeleteFunction, 1)]),
        }
    }

    fn wait(&self) -> Duration {
        match self {
            Self::Create { .. } => ACTIVE,
            Self::Update(_) => UPDATE,
            _ => Duration::ZERO,
        }
    }

    async fn run(&self, cx: &Context<'_>) -> Result<(), StepError> {
        match self {
            Self::Create {
                function,
                withdraw,
                shut,
            } => create(cx, function, withdraw, shut).await,
            Self::Update(parts) => update(cx, parts).await,
            Self::Freeze => concurrency::freeze(cx).await,
            Self::Thaw => concurrency::thaw(cx).await,
            Self::Delete => or_gone(cx.client.delete_function(&cx.resource.name).await),
        }
    }
}

/// Creates the function and waits until it is Active. If the student is shut out, it is made as a freeze would leave it.
async fn create(
    cx: &Context<'_>,
    function: &Spec,
    withdraw: &[StageRecord],
    shut: &ShutOut,
) -> Result<(), StepError> {
    for record in withdraw {
        withdraw_record(cx, record).await?;
    }
    let shut = match shut {
        ShutOut::Yes => true,
        ShutOut::AsTagged(others) => concurrency::any_frozen(cx, others).await?,
    };
    let fingerprint = &function.fingerprint(cx.scope, cx.class());
    let mut tags = cx.owner.tags(cx.scope, fingerprint);
    if shut {
        let reserved = reserved_tag(function.reserved_concurrency);
        tags.insert(TAG_FROZEN.to_owned(), reserved);
    }
    // The reserved concurrency can be set only once the function exists, and is recorded then.
    let config = function.config_fingerprint(cx.scope, cx.class());
    let recorded = !is_limited(function, shut);
    let new = &NewFunction {
        function,
        role_arn: cx.scope.role_arn(cx.class(), &function.role),
        description: function.record(cx.owner, &function.code_fingerprint(), &config, recorded),
        tags,
    };
    let created = cx.call_assuming_role(|| cx.client.create_function(new));
    match created.await {
        Ok(state) => {
            let state = wait_until_active(cx, &function.name, state).await?;
            // Nothing ran before it.
            let written = emit_written(cx, &state, 0, None);
            limit_new(cx, function, shut, written).await
        }
        Err(error) if error.kind() == Some(ErrorKind::AlreadyExists) => {
            adopt(cx, function, shut).await
        }
        Err(error) => Err(error),
    }
}

/// Whether a new function gets a reserved concurrency: the lab has one, or the function must not run.
fn is_limited(function: &Spec, shut: bool) -> bool {
    shut || function.reserved_concurrency.is_some()
}

/// Sets and records the reserved concurrency of a new function, if it gets one.
async fn limit_new(
    cx: &Context<'_>,
    function: &Spec,
    shut: bool,
    written: Option<i64>,
) -> Result<(), StepError> {
    if !is_limited(function, shut) {
        return Ok(());
    }
    match shut {
        true => concurrency::stop_new(cx).await?,
        false => concurrency::apply(cx, function).await?,
    }
    let (client, name) = (&cx.client, function.name.as_str());
    let description = &function.description(cx.scope, cx.owner);
    let state = client
        .update_function_description(name, description)
        .await?;
    let state = wait_until_active(cx, name, state).await?;
    emit_written(cx, &state, RUN_MAX_MS, written);
    Ok(())
}

/// Emits that homeroom has written the function; returns when, by AWS's clock. `follows_ms`: when it was last written
/// before, unless the student's changes were in it.
fn emit_written(
    cx: &Context<'_>,
    state: &FunctionState,
    clean_after_ms: i64,
    follows_ms: Option<i64>,
) -> Option<i64> {
    let modified_ms = state.modified_ms?;
    cx.client.emit(Event::FunctionWritten {
        student: cx.student().clone(),
        function: cx.resource.name.clone(),
        modified_ms,
        clean_from_ms: modified_ms + clean_after_ms,
        follows_ms,
    });
    Some(modified_ms)
}

/// Takes over a function that exists though the listing did not show it: an earlier run made it and got no answer, or
/// another run is making it. Updates it if it is an older lab's.
async fn adopt(cx: &Context<'_>, function: &Spec, shut: bool) -> Result<(), StepError> {
    let name = function.name.as_str();
    let state = cx.call_about_new(|| cx.client.get_function(name)).await?;
    let tags = state.clone().readable_tags()?;
    cx.prove_ours(&tags)?;
    if shut {
        concurrency::freeze_seen(cx, &state).await?;
    }
    let description = function.description(cx.scope, cx.owner);
    let current = state.code_sha256 == function.code.sha256 && state.description == description;
    let state = wait_until_active(cx, name, state).await?;
    let written = emit_written(cx, &state, RUN_MAX_MS, None);
    if current {
        return Ok(());
    }
    let parts = FunctionUpdate {
        function: function.clone(),
        code: true,
        config: true,
        undo: Vec::new(),
        // The record does not say whether the reserved concurrency was set before the run was cut off.
        limit: is_limited(function, shut || tags.contains_key(TAG_FROZEN)),
        description,
        follows_ms: written,
    };
    update(cx, &parts).await
}

/// Writes the parts that differ; the record comes last, with the configuration.
async fn update(cx: &Context<'_>, parts: &FunctionUpdate) -> Result<(), StepError> {
    let (client, function, description) = (&cx.client, &parts.function, &parts.description);
    let name = function.name.as_str();
    let _alone = cx.alone_with(name).await?;
    let mut follows_ms = parts.follows_ms;
    if parts.code {
        let state = client.write_function_code(function).await?;
        let state = wait_until_active(cx, name, state).await?;
        // After a write that left the student's changes in place, this one proves nothing about the time before it.
        let written = emit_written(cx, &state, RUN_MAX_MS, follows_ms);
        follows_ms = written.filter(|_| follows_ms.is_some());
    }
    if parts.limit {
        concurrency::apply(cx, function).await?;
    }
    let state = if parts.config {
        let new = &NewFunction {
            function,
            role_arn: cx.scope.role_arn(cx.class(), &function.role),
            description: description.clone(),
            tags: Default::default(),
        };
        // The role may have been made a moment ago.
        cx.call_assuming_role(|| client.update_function_configuration(new, &parts.undo))
            .await?
    } else {
        client
            .update_function_description(name, description)
            .await?
    };
    let state = wait_until_active(cx, name, state).await?;
    emit_written(cx, &state, RUN_MAX_MS, follows_ms);
    let arn = &cx.scope.function_arn(name);
    let fingerprint = &function.fingerprint(cx.scope, cx.class());
    let tags = &cx.owner.tags(cx.scope, fingerprint);
    Ok(client.tag_function(arn, tags).await?)
}

/// Waits until nothing of the function is in progress; returns its state then.
async fn wait_until_active(
    cx: &Context<'_>,
    name: &str,
    mut state: FunctionState,
) -> Result<FunctionState, StepError> {
    let mut poll = Poll::function_state();
    loop {
        let on = match readiness(&state) {
            Readiness::Ready => return Ok(state),
            Readiness::Failed(why) => return Err(StepError::Stuck(why)),
            Readiness::Waiting => "the function to become Active".to_owned(),
            Readiness::Unready(state) => {
                format!("the function to become Active: it is {state}")
            }
        };
        poll.again(cx, &on).await?;
        state = cx.call_about_new(|| cx.client.get_function(name)).await?;
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Readiness {
    Ready,
    Waiting,
    /// In a state that homeroom does not know.
    Unready(String),
    Failed(String),
}

/// Only what is known to take calls is ready: Lambda has gained states before, `Deactivating`, `Deleting` and
/// `ActiveNonInvocable` among them. An endpoint that reports no states has none to wait for.
fn readiness(state: &FunctionState) -> Readiness {
    let reason = state.reason.as_deref().unwrap_or("no reason given");
    match (state.state.as_str(), state.last_update_status.as_str()) {
        ("Failed", _) => Readiness::Failed(format!("AWS could not set it up: {reason}")),
        (_, "Failed") => Readiness::Failed(format!("AWS could not apply the update: {reason}")),
        ("Pending", _) | (_, "InProgress") => Readiness::Waiting,
        // Inactive: not invoked for weeks; the next invocation wakes it.
        ("Active" | "Inactive" | "", "Successful" | "") => Readiness::Ready,
        ("Active" | "Inactive" | "", update) => Readiness::Unready(format!("in update {update}")),
        (other, _) => Readiness::Unready(other.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(state: &str, update: &str) -> FunctionState {
        FunctionState {
            state: state.into(),
            last_update_status: update.into(),
            reason: None,
            code_sha256: String::new(),
            description: String::new(),
            modified_ms: None,
            reserved: None,
            tags: Default::default(),
            tags_unseen: None,
        }
    }

    #[test]
    fn a_function_is_ready_when_no_creation_or_update_is_in_progress() {
        assert_eq!(readiness(&state("Active", "Successful")), Readiness::Ready);
        assert_eq!(
            readiness(&state("Inactive", "Successful")),
            Readiness::Ready
        );
        assert_eq!(
            readiness(&state("Pending", "InProgress")),
            Readiness::Waiting
        );
        assert_eq!(
            readiness(&state("Active", "InProgress")),
            Readiness::Waiting
        );
        for new in ["Deactivating", "Deleting", "ActiveNonInvocable", "Whatever"] {
            let found = readiness(&state(new, "Successful"));
            assert_eq!(found, Readiness::Unready(new.to_owned()));
        }
        assert!(matches!(
            readiness(&state("Failed", "")),
            Readiness::Failed(_)
        ));
        assert!(matches!(
            readiness(&state("Active", "Failed")),
            Readiness::Failed(_)
        ));
    }
}
