//! Lambda function: create and wait until Active, update part by part, delete.

use std::time::Duration;

use crate::aws::Operation::{self, *};
use crate::aws::{ErrorKind, FunctionState, NewFunction};
use crate::events::Event;
use crate::stack::kinds::rest_api::{BEING_COMPLETED, StageRecord};
use crate::stack::kinds::{Effect, Item, KindAction, role};
use crate::stack::step::{Context, Poll, StepError, or_gone};

use super::{FunctionSetting, RUN_MAX_MS, Spec, TAG_FROZEN, concurrency, reserved_tag};

/// From a role's creation until its function is Active: about ten seconds, and a look in between.
const ROLE_AND_FUNCTION: Duration = Duration::from_secs(16);
/// Until an update of a function is applied.
const UPDATE: Duration = Duration::from_secs(5);
/// Looks at a new function until it is Active, usually.
const LOOKS: usize = 2;

/// Whether a student is shut out, so that nothing of theirs may run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ShutOut {
    /// The student's user is frozen.
    Yes,
    /// Only the tags of these functions can tell, which no listing shows: whoever has no user can be frozen, too.
    AsTagged(Vec<String>),
}

#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Creates it and waits until it is Active.
    Create {
        function: Spec,
        /// Stages whose record claims that the API is whole, permission included, though this function
        /// (and with it the permission) is gone: the record is withdrawn before the function is made.
        withdraw: Vec<StageRecord>,
        /// Whether it is not to run before a thaw.
        shut: ShutOut,
    },
    /// Writes the parts that differ.
    Update {
        function: Spec,
        /// Write the code.
        code: bool,
        /// Write the configuration.
        config: bool,
        /// Settings that no lab makes, to be put back as AWS makes them; written with the configuration.
        undo: Vec<FunctionSetting>,
        /// Look at the reserved concurrency, and set it.
        limit: bool,
        /// The description that records what is deployed once this is done; written last.
        description: String,
        /// When it was last modified, where nothing in it is the student's: what is written follows that.
        follows_ms: Option<i64>,
    },
    /// Lets nothing of it run any more.
    Freeze,
    /// Lets it run as it did before.
    Thaw,
    Delete,
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

/// The calls that a new stack makes in vain: a student's first function is refused because its role, made a moment ago,
/// cannot be assumed yet.
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
    fn effect(&self) -> Effect {
        match self {
            Self::Create { .. } => Effect::Create,
            Self::Update { .. } => Effect::Update,
            Self::Freeze => Effect::Freeze,
            Self::Thaw => Effect::Thaw,
            Self::Delete => Effect::Delete,
        }
    }

    fn calls(&self) -> Vec<(Operation, usize)> {
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
                vec![
                    (UpdateStage, withdraw.len()),
                    (CreateFunction, 1),
                    (GetFunction, looks + (1 + limited) * LOOKS),
                    (PutFunctionConcurrency, limited),
                    (UpdateFunctionConfiguration, limited),
                ]
            }
            Self::Update { code, limit, .. } => vec![
                (GetFunction, usize::from(*limit)),
                (UpdateFunctionCode, usize::from(*code)),
                (UpdateFunctionConfiguration, 1),
                (GetFunction, LOOKS * (1 + usize::from(*code))),
                (LambdaTagResource, 1),
            ],
            Self::Freeze => vec![
                (GetFunction, 1),
                (LambdaTagResource, 1),
                (PutFunctionConcurrency, 1),
            ],
            Self::Thaw => vec![
                (GetFunction, 1),
                (DeleteFunctionConcurrency, 1),
                (LambdaUntagResource, 1),
            ],
            Self::Delete => vec![(DeleteFunction, 1)],
        }
    }

    fn wait(&self) -> Duration {
        match self {
            Self::Create { .. } => ROLE_AND_FUNCTION,
            Self::Update { .. } => UPDATE,
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
            Self::Update {
                function,
                code,
                config,
                undo,
                limit,
                description,
                follows_ms,
            } => {
                let parts = FunctionParts {
                    code: *code,
                    config: *config,
                    undo,
                    limit: *limit,
                    follows_ms: *follows_ms,
                };
                update(cx, function, parts, description).await
            }
            Self::Freeze => concurrency::freeze(cx).await,
            Self::Thaw => concurrency::thaw(cx).await,
            Self::Delete => or_gone(cx.client.delete_function(&cx.resource.name).await),
        }
    }
}

/// Creates the function and waits until it is Active. That of a student who is shut out comes as a freeze leaves it.
async fn create(
    cx: &Context<'_>,
    function: &Spec,
    withdraw: &[StageRecord],
    shut: &ShutOut,
) -> Result<(), StepError> {
    for record in withdraw {
        let update = cx
            .client
            .update_stage(&record.api_id, &record.stage, BEING_COMPLETED, None);
        or_gone(update.await)?;
    }
    let shut = match shut {
        ShutOut::Yes => true,
        ShutOut::AsTagged(others) => concurrency::any_frozen(cx, others).await?,
    };
    let mut tags = cx
        .owner
        .tags(cx.scope, &function.fingerprint(cx.scope, cx.class()));
    if shut {
        let reserved = reserved_tag(function.reserved_concurrency);
        tags.insert(TAG_FROZEN.to_owned(), reserved);
    }
    let new = &NewFunction {
        function,
        role_arn: cx.scope.role_arn(cx.class(), &function.role),
        description: at_first(cx, function, shut),
        tags,
    };
    let created = cx
        .call_assuming_role(|| cx.client.create_function(new))
        .await;
    match created {
        Ok(state) => {
            let state = wait_until_active(cx, &function.name, Some(state)).await?;
            // Nothing ran before it.
            let written = told(cx, &state, 0, None);
            limit_new(cx, function, shut, written).await
        }
        Err(error) if error.kind() == Some(ErrorKind::AlreadyExists) => {
            adopt(cx, function, shut).await
        }
        Err(error) => Err(error),
    }
}

/// Whether the reserved concurrency of a new function is set: the lab has one, or nothing of it is to run.
fn is_limited(function: &Spec, shut: bool) -> bool {
    shut || function.reserved_concurrency.is_some()
}

/// The record of a new function. Its reserved concurrency can be set only once it is there, and is recorded then.
fn at_first(cx: &Context<'_>, function: &Spec, shut: bool) -> String {
    let config = function.config_fingerprint(cx.scope, cx.class());
    let limited = !is_limited(function, shut);
    function.record(cx.owner, &function.code_fingerprint(), &config, limited)
}

/// Sets and records the reserved concurrency of a new function, where it has one.
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
    let name = function.name.as_str();
    let description = &function.description(cx.scope, cx.owner);
    let state = cx
        .client
        .update_function_description(name, description)
        .await?;
    let state = wait_until_active(cx, name, Some(state)).await?;
    told(cx, &state, RUN_MAX_MS, written);
    Ok(())
}

/// Tells what homeroom has written, and when by AWS's clock: the answer. `follows_ms`: when it was last written before, if
/// nothing of the student's was in it.
fn told(
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

/// Takes over a function that is there though the listing did not show it: one that an earlier run made and
/// never heard of, or that another run is making. Brings it up to date where that was an older lab's.
async fn adopt(cx: &Context<'_>, function: &Spec, shut: bool) -> Result<(), StepError> {
    let name = function.name.as_str();
    let state = cx.call_about_new(|| cx.client.get_function(name)).await?;
    let tags = state.clone().readable_tags().map_err(StepError::Cloud)?;
    cx.prove_ours(&tags)?;
    if shut {
        concurrency::freeze_seen(cx, &state).await?;
    }
    let description = function.description(cx.scope, cx.owner);
    // Whether what is reserved was set before the run was cut off, the record does not say yet.
    let unlimited = is_limited(function, shut || tags.contains_key(TAG_FROZEN));
    let current = state.code_sha256 == function.code.sha256 && state.description == description;
    let state = wait_until_active(cx, name, Some(state)).await?;
    let written = told(cx, &state, RUN_MAX_MS, None);
    if current {
        Ok(())
    } else {
        let parts = FunctionParts {
            code: true,
            config: true,
            undo: &[],
            limit: unlimited,
            follows_ms: written,
        };
        update(cx, function, parts, &description).await
    }
}

/// Which parts of a function are to be written.
#[derive(Debug, Clone, Copy)]
struct FunctionParts<'a> {
    code: bool,
    config: bool,
    /// Settings to put back as AWS makes them, with the configuration.
    undo: &'a [FunctionSetting],
    /// Its reserved concurrency.
    limit: bool,
    /// When it was last written, if nothing of the student's is in it.
    follows_ms: Option<i64>,
}

/// Writes the parts that differ; the record comes last, with the configuration.
async fn update(
    cx: &Context<'_>,
    function: &Spec,
    parts: FunctionParts<'_>,
    description: &str,
) -> Result<(), StepError> {
    let name = function.name.as_str();
    let _alone = cx.alone_with(name).await?;
    let mut follows_ms = parts.follows_ms;
    if parts.code {
        let state = cx.client.update_function_code(name, &function.code).await?;
        let state = wait_until_active(cx, name, Some(state)).await?;
        // What follows what is still the student's in part proves nothing before it.
        follows_ms = told(cx, &state, RUN_MAX_MS, follows_ms).filter(|_| follows_ms.is_some());
    }
    if parts.limit {
        concurrency::apply(cx, function).await?;
    }
    let state = if parts.config {
        update_configuration(cx, function, parts.undo, description).await?
    } else {
        cx.client
            .update_function_description(name, description)
            .await?
    };
    let state = wait_until_active(cx, name, Some(state)).await?;
    told(cx, &state, RUN_MAX_MS, follows_ms);
    let arn = &cx.scope.function_arn(name);
    let tags = &cx
        .owner
        .tags(cx.scope, &function.fingerprint(cx.scope, cx.class()));
    let tagged = cx.client.tag_function(arn, tags);
    Ok(tagged.await?)
}

/// Writes the whole configuration, once its role can be assumed: it may have been made a moment ago.
async fn update_configuration(
    cx: &Context<'_>,
    function: &Spec,
    undo: &[FunctionSetting],
    description: &str,
) -> Result<FunctionState, StepError> {
    let new = &NewFunction {
        function,
        role_arn: cx.scope.role_arn(cx.class(), &function.role),
        description: description.to_owned(),
        tags: Default::default(),
    };
    cx.call_assuming_role(|| cx.client.update_function_configuration(new, undo))
        .await
}

/// Waits until nothing of the function is in progress; how it stands then. `known`: what the call before already told.
async fn wait_until_active(
    cx: &Context<'_>,
    name: &str,
    known: Option<FunctionState>,
) -> Result<FunctionState, StepError> {
    let mut poll = Poll::function_state();
    let mut known = known;
    loop {
        let state = match known.take() {
            Some(state) => state,
            None => cx.call_about_new(|| cx.client.get_function(name)).await?,
        };
        match readiness(&state) {
            Readiness::Ready => return Ok(state),
            Readiness::Failed(why) => return Err(StepError::Stuck(why)),
            Readiness::Waiting => poll.again(cx, "the function to become Active").await?,
            Readiness::Unready(state) => {
                let on = format!("the function to become Active: it is {state}");
                poll.again(cx, &on).await?;
            }
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Readiness {
    Ready,
    Waiting,
    /// In a state that is neither on its way nor there.
    Unready(String),
    Failed(String),
}

/// Only what is known to take calls is ready: Lambda has gained states before, `Deactivating`, `Deleting` and
/// `ActiveNonInvocable` among them. An endpoint that says nothing of states has none to wait for.
fn readiness(state: &FunctionState) -> Readiness {
    let reason = || {
        state
            .reason
            .clone()
            .unwrap_or_else(|| "no reason given".to_owned())
    };
    match (state.state.as_str(), state.last_update_status.as_str()) {
        ("Failed", _) => Readiness::Failed(format!("AWS could not set it up: {}", reason())),
        (_, "Failed") => Readiness::Failed(format!("AWS could not apply the update: {}", reason())),
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
