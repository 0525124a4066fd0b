//! What making a REST API and making an HTTP API have in common: it is made once though its name is not unique, and its
//! functions' resource policies let it invoke them.

use serde_json::Value;

use crate::aws::{CallError, CallResult, ErrorKind, Permission};
use crate::ids::ApiType;
use crate::stack::kinds::search::pages;
use crate::stack::kinds::{Kind, ResourceId};
use crate::stack::ownership::{Ownership, Tags};
use crate::stack::step::{Context, Poll, StepError, or_gone};

use super::{RouteSpec, Spec, StageRecord};

/// How often the creation is tried while its answers leave open whether it made the API.
const AMBIGUOUS_MAX: usize = 5;

/// The description of a stage while its API is not whole.
pub(crate) const BEING_COMPLETED: &str = "homeroom: being completed";

pub(crate) enum Made<T> {
    New {
        /// The answer.
        made: T,
        /// Whether an earlier attempt may have made another one that no listing shows yet.
        in_doubt: bool,
    },
    Found {
        id: String,
    },
}

/// The tags of an API.
pub(crate) fn tags(cx: &Context<'_>, api: &Spec) -> Tags {
    cx.owner.tags(cx.scope, &api.fingerprint(cx.scope))
}

/// Creates the API, once. After an answer that leaves open whether it was made, the listing decides.
pub(crate) async fn create_or_find<T, F>(
    cx: &Context<'_>,
    api: &Spec,
    create: impl Fn() -> F,
) -> Result<Made<T>, StepError>
where
    F: Future<Output = CallResult<T>>,
{
    let mut last = None;
    for _ in 0..AMBIGUOUS_MAX {
        match create().await {
            Ok(made) => {
                let in_doubt = last.is_some();
                return Ok(Made::New { made, in_doubt });
            }
            Err(CallError::Cloud(error)) if error.kind == ErrorKind::Ambiguous => {
                if let Some(id) = listed_after_a_while(cx, api).await? {
                    return Ok(Made::Found { id });
                }
                last = Some(error);
            }
            Err(error) => return Err(error.into()),
        }
    }
    let not_made = || StepError::Stuck("the API could not be made".to_owned());
    Err(last.map_or_else(not_made, StepError::Cloud))
}

/// The id of our API once the listing shows it; `None` when it does not in time.
async fn listed_after_a_while(cx: &Context<'_>, api: &Spec) -> Result<Option<String>, StepError> {
    let mut poll = Poll::listing();
    loop {
        let on = "the listing, to tell whether the API was made";
        match poll.again(cx, on).await {
            Err(StepError::Stuck(_)) => return Ok(None),
            other => other?,
        }
        if let Some(id) = find_ours(cx, api).await?.into_iter().next() {
            return Ok(Some(id));
        }
    }
}

/// The ids of the region's APIs that are ours and have this name, oldest first.
async fn find_ours(cx: &Context<'_>, api: &Spec) -> Result<Vec<String>, StepError> {
    let ours = Ownership::Ours(cx.owner.clone());
    let mut found = Vec::new();
    let listed = pages(
        |token| cx.client.apis_page(api.api_type, token),
        |(seen, tags)| {
            if seen.name == api.name && Ownership::from_tags(&tags, cx.class()) == ours {
                found.push((seen.created_s, seen.id));
            }
        },
    );
    listed.await?;
    found.sort();
    Ok(found.into_iter().map(|(_, id)| id).collect())
}

/// Deletes other APIs of the same name and owner, which an attempt without an answer may have made.
pub(crate) async fn delete_twins(
    cx: &Context<'_>,
    api: &Spec,
    keep: &str,
) -> Result<(), StepError> {
    let ours = find_ours(cx, api).await?;
    delete(cx, api.api_type, ours.iter().filter(|id| *id != keep)).await
}

pub(crate) async fn delete(
    cx: &Context<'_>,
    api_type: ApiType,
    ids: impl IntoIterator<Item = &String>,
) -> Result<(), StepError> {
    for id in ids {
        or_gone(match api_type {
            ApiType::Rest => cx.client.delete_rest_api(id).await,
            ApiType::Http => cx.client.delete_http_api(id).await,
        })?;
    }
    Ok(())
}

/// Takes back that an API is whole.
pub(crate) async fn withdraw(cx: &Context<'_>, record: &StageRecord) -> Result<(), StepError> {
    let StageRecord {
        api_type,
        api_id,
        stage,
    } = record;
    or_gone(match api_type {
        ApiType::Rest => {
            let update = cx.client.update_stage(api_id, stage, BEING_COMPLETED, None);
            update.await
        }
        ApiType::Http => {
            let update = cx
                .client
                .update_http_stage(api_id, stage, BEING_COMPLETED, None);
            update.await
        }
    })
}

/// Waits until the API's functions are there.
pub(crate) async fn wait_for_functions(cx: &Context<'_>, api: &Spec) -> Result<(), StepError> {
    let routes = api.routes.iter();
    let functions = routes.map(|route| ResourceId::new(Kind::Function, &route.function));
    cx.wait_for_steps(&functions.collect::<Vec<_>>()).await
}

/// Lets an API invoke the function behind each of its routes.
pub(crate) async fn permit_all(cx: &Context<'_>, api: &Spec, id: &str) -> Result<(), StepError> {
    for route in &api.routes {
        permit(cx, api.api_type, id, route).await?;
    }
    Ok(())
}

async fn permit(
    cx: &Context<'_>,
    api_type: ApiType,
    id: &str,
    route: &RouteSpec,
) -> Result<(), StepError> {
    let _alone = cx.alone_with(&route.function).await?;
    let permission = &Permission {
        function: &route.function,
        statement_id: route.statement_id(api_type),
        source_arn: cx
            .scope
            .method_arn(id, route.method_in_arn(), &route.path_in_arn()),
    };
    match add_permission(cx, permission).await {
        Err(error) if error.kind() == Some(ErrorKind::AlreadyExists) => {}
        other => return other,
    }
    // A statement with that id exists: this API's, or one of an API that was deleted.
    let policy = cx.client.get_policy(&route.function).await?;
    if permits(&policy, &permission.statement_id, &permission.source_arn) {
        return Ok(());
    }
    let statement = permission.statement_id.as_str();
    or_gone(
        cx.client
            .remove_permission(&route.function, statement)
            .await,
    )?;
    add_permission(cx, permission).await
}

/// AWS may not find a function here that it has already created and shown.
async fn add_permission(cx: &Context<'_>, permission: &Permission<'_>) -> Result<(), StepError> {
    let mut poll = Poll::function_known();
    loop {
        match cx.client.add_permission(permission).await {
            Err(CallError::Cloud(error)) if error.kind == ErrorKind::NotFound => {
                let on = "the function to take permissions";
                poll.again_or(cx, on, error).await?;
            }
            other => return Ok(other?),
        }
    }
}

/// Whether a resource policy has this statement with this source ARN.
fn permits(policy: &Value, statement_id: &str, source_arn: &str) -> bool {
    let statements = policy.get("Statement").and_then(Value::as_array);
    statements.into_iter().flatten().any(|statement| {
        let sid = statement.get("Sid").and_then(Value::as_str);
        let source = ["ArnLike", "ArnEquals", "StringLike", "StringEquals"]
            .iter()
            .find_map(|test| {
                let condition = statement.get("Condition")?.get(*test)?;
                condition
                    .get("AWS:SourceArn")
                    .or_else(|| condition.get("aws:SourceArn"))?
                    .as_str()
            });
        sid == Some(statement_id) && source == Some(source_arn)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_permission_counts_only_with_its_own_id_and_this_api() {
        let policy = json!({ "Statement": [{
            "Sid": "homeroom-POST-process",
            "Condition": { "ArnLike": { "AWS:SourceArn": "arn:new" } }
        }] });
        assert!(permits(&policy, "homeroom-POST-process", "arn:new"));
        assert!(!permits(&policy, "homeroom-POST-process", "arn:old"));
        assert!(!permits(&policy, "another", "arn:new"));
        assert!(!permits(&Value::Null, "homeroom-POST-process", "arn:new"));
    }
}
