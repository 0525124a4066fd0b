//! API Gateway REST API: create or complete part by part, publish, delete.
//!
//! One writer an API: concurrent changes to the same API answer ConflictException, so the parts are made one
//! after another. The API itself, its parts and its deployment need nothing of the stack and start at once, because
//! CreateRestApi and CreateDeployment are the scarcest calls of a deployment; only the permission to invoke
//! waits for the function.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::aws::Operation::{self, *};
use crate::aws::{CallError, ErrorKind, Permission};
use crate::stack::kinds::{Effect, Kind, KindAction, ResourceId};
use crate::stack::ownership::Ownership;
use crate::stack::step::{Context, Poll, StepError, or_gone};

use super::{Authorization, PathResource, RouteSpec, Spec};

/// How often CreateRestApi is tried when it is unclear whether it had its effect.
const AMBIGUOUS_MAX: usize = 5;

/// What a stage's description says while its API is not whole.
pub(crate) const BEING_COMPLETED: &str = "homeroom: being completed";

#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Creates it with all its parts.
    Create(Spec),
    /// Makes it whole: whatever of its parts is missing or differs.
    Complete {
        api: Spec,
        /// The id of the one that is there.
        id: String,
        /// Others with the same name that are ours: deleted.
        duplicates: Vec<String>,
    },
    Delete {
        /// Ids of all that are ours.
        ids: Vec<String>,
        /// Stages to delete first, so that the endpoints stop answering at once: (API id, stage).
        stages: Vec<(String, String)>,
    },
}

impl super::super::Action {
    /// Both deletions in one, where they are of the same name.
    pub(crate) fn and_delete(self, other: Self) -> Self {
        match (self, other) {
            (
                Self::RestApi(Action::Delete {
                    mut ids,
                    mut stages,
                }),
                Self::RestApi(Action::Delete {
                    ids: more_ids,
                    stages: more_stages,
                }),
            ) => {
                ids.extend(more_ids);
                stages.extend(more_stages);
                Self::RestApi(Action::Delete { ids, stages })
            }
            // No other kind has two of one name.
            (one, _) => one,
        }
    }
}

impl KindAction for Action {
    fn effect(&self) -> Effect {
        match self {
            Self::Create(_) => Effect::Create,
            Self::Complete { .. } => Effect::Complete,
            Self::Delete { .. } => Effect::Delete,
        }
    }

    fn calls(&self) -> Vec<(Operation, usize)> {
        let published = |api: &Spec| {
            [
                (CreateDeployment, 1),
                (AddPermission, api.routes.len()),
                (UpdateStage, 1),
            ]
        };
        match self {
            Self::Create(api) => {
                let mut calls = vec![
                    (CreateRestApi, 1),
                    (CreateResource, paths(api)),
                    (PutMethod, api.routes.len()),
                    (PutIntegration, api.routes.len()),
                ];
                calls.extend(published(api));
                calls
            }
            // What is missing of its parts shows only when it is looked at; most often nothing.
            Self::Complete {
                api, duplicates, ..
            } => {
                let mut calls = vec![
                    (GetResources, 1),
                    (ApiGatewayTagResource, 1),
                    (DeleteRestApi, duplicates.len()),
                ];
                calls.extend(published(api));
                calls
            }
            Self::Delete { ids, stages } => {
                vec![(DeleteStage, stages.len()), (DeleteRestApi, ids.len())]
            }
        }
    }

    async fn run(&self, cx: &Context<'_>) -> Result<(), StepError> {
        match self {
            Self::Create(api) => create(cx, api).await,
            Self::Complete {
                api,
                id,
                duplicates,
            } => complete(cx, api, id, duplicates).await,
            Self::Delete { ids, stages } => delete(cx, ids, stages).await,
        }
    }
}

/// How many resources an API has below its root.
fn paths(api: &Spec) -> usize {
    let mut paths = BTreeSet::new();
    for route in &api.routes {
        let mut so_far = String::new();
        for part in route.path.split('/').filter(|part| !part.is_empty()) {
            so_far = format!("{so_far}/{part}");
            paths.insert(so_far.clone());
        }
    }
    paths.len()
}

async fn create(cx: &Context<'_>, api: &Spec) -> Result<(), StepError> {
    match create_or_find(cx, api).await? {
        Made::New { id, root, in_doubt } => {
            let known = BTreeMap::from_iter(root.map(|root| ("/".to_owned(), bare(root, "/"))));
            build(cx, api, &id, known).await?;
            publish(cx, api, &id).await?;
            if in_doubt {
                delete_twins(cx, api, &id).await?;
            }
            Ok(())
        }
        Made::Found { id } => {
            complete(cx, api, &id, &[]).await?;
            delete_twins(cx, api, &id).await
        }
    }
}

enum Made {
    New {
        id: String,
        root: Option<String>,
        /// Whether an earlier attempt may have made another one, which no listing showed yet.
        in_doubt: bool,
    },
    Found {
        id: String,
    },
}

/// Deletes APIs of the same name and owner that an unanswered attempt made after all.
async fn delete_twins(cx: &Context<'_>, api: &Spec, keep: &str) -> Result<(), StepError> {
    for id in find_ours(cx, api).await? {
        if id != keep {
            let deleted = cx.client.delete_rest_api(&id);
            or_gone(deleted.await)?;
        }
    }
    Ok(())
}

/// Creates the API, once. After an answer that leaves open whether it was made, the listing decides.
async fn create_or_find(cx: &Context<'_>, api: &Spec) -> Result<Made, StepError> {
    let tags = &cx.owner.tags(cx.scope, &api.fingerprint(cx.scope));
    let description = &format!(
        "homeroom class={} student={} lab={}",
        cx.owner.class, cx.owner.student, cx.owner.lab
    );
    let mut last = None;
    for _ in 0..AMBIGUOUS_MAX {
        let created = cx
            .client
            .create_rest_api(&api.name, description, tags)
            .await;
        match created {
            Ok((id, root)) => {
                return Ok(Made::New {
                    id,
                    root,
                    in_doubt: last.is_some(),
                });
            }
            Err(CallError::Cloud(error)) if error.kind == ErrorKind::Ambiguous => {
                // A listing may show a new API only after a while.
                let mut poll = Poll::listing();
                while poll
                    .again(cx, "the listing, to tell whether the API was made")
                    .await
                    .map(|()| true)
                    .or_else(|error| match error {
                        StepError::Stuck(_) => Ok(false),
                        other => Err(other),
                    })?
                {
                    if let Some(id) = find_ours(cx, api).await?.into_iter().next() {
                        return Ok(Made::Found { id });
                    }
                }
                last = Some(error);
            }
            Err(error) => return Err(error.into()),
        }
    }
    Err(last.map_or_else(
        || StepError::Stuck("the API could not be made".to_owned()),
        StepError::Cloud,
    ))
}

/// Looks through the region's APIs for ours with this name: their ids, oldest first.
async fn find_ours(cx: &Context<'_>, api: &Spec) -> Result<Vec<String>, StepError> {
    let mut token = None;
    let mut ours = Vec::new();
    loop {
        let page = cx.client.rest_apis_page(token.clone()).await?;
        ours.extend(
            page.items
                .into_iter()
                .filter(|(found, tags)| {
                    found.name == api.name
                        && Ownership::from_tags(tags, cx.class())
                            == Ownership::Ours(cx.owner.clone())
                })
                .map(|(found, _)| (found.created_s, found.id)),
        );
        token = page.next;
        if token.is_none() {
            ours.sort();
            return Ok(ours.into_iter().map(|(_, id)| id).collect());
        }
    }
}

/// Makes an API whole, whatever is missing, and deletes its duplicates.
async fn complete(
    cx: &Context<'_>,
    api: &Spec,
    id: &str,
    duplicates: &[String],
) -> Result<(), StepError> {
    let known = resources(cx, id).await?;
    build(cx, api, id, known).await?;
    publish(cx, api, id).await?;
    let arn = &cx.scope.rest_api_arn(id);
    let tags = &cx.owner.tags(cx.scope, &api.fingerprint(cx.scope));
    cx.client.tag_rest_api(arn, tags).await?;
    for duplicate in duplicates {
        let deleted = cx.client.delete_rest_api(duplicate);
        or_gone(deleted.await)?;
    }
    Ok(())
}

/// Deletes stages first, so that the endpoints stop answering at once, then the APIs, at the pace that AWS
/// allows.
async fn delete(
    cx: &Context<'_>,
    ids: &[String],
    stages: &[(String, String)],
) -> Result<(), StepError> {
    for (id, stage) in stages {
        or_gone(cx.client.delete_stage(id, stage).await)?;
    }
    for id in ids {
        or_gone(cx.client.delete_rest_api(id).await)?;
    }
    Ok(())
}

fn bare(id: String, path: &str) -> PathResource {
    PathResource {
        id,
        path: path.to_owned(),
        methods: Vec::new(),
    }
}

async fn resources(
    cx: &Context<'_>,
    id: &str,
) -> Result<BTreeMap<String, PathResource>, StepError> {
    let mut found = BTreeMap::new();
    let mut token = None;
    loop {
        let page = cx.client.api_resources_page(id, token.clone()).await?;
        found.extend(page.items.into_iter().map(|r| (r.path.clone(), r)));
        token = page.next;
        if token.is_none() {
            return Ok(found);
        }
    }
}

/// Adds what is missing of paths, methods and integrations, and puts right who may call them.
async fn build(
    cx: &Context<'_>,
    api: &Spec,
    id: &str,
    known: BTreeMap<String, PathResource>,
) -> Result<(), StepError> {
    // Some endpoints do not tell the root's id when the API is created.
    let mut known = if known.contains_key("/") {
        known
    } else {
        resources(cx, id).await?
    };
    for route in &api.routes {
        let resource = path_resource(cx, id, &route.path, &mut known).await?;
        ensure_method(cx, id, &resource, route, api.authorization).await?;
    }
    Ok(())
}

/// The resource of a path, made segment by segment where it is missing.
async fn path_resource(
    cx: &Context<'_>,
    id: &str,
    path: &str,
    known: &mut BTreeMap<String, PathResource>,
) -> Result<PathResource, StepError> {
    let missing_root = || StepError::Stuck(format!("API {id} shows no root resource"));
    let mut current = known.get("/").cloned().ok_or_else(missing_root)?;
    let mut so_far = String::new();
    for part in path.split('/').filter(|part| !part.is_empty()) {
        so_far = format!("{so_far}/{part}");
        if let Some(found) = known.get(&so_far) {
            current = found.clone();
            continue;
        }
        let parent = current.id.clone();
        let created = cx
            .call_about_new(|| cx.client.create_api_resource(id, &parent, part))
            .await;
        current = match created {
            Ok(new) => bare(new, &so_far),
            Err(error) if error.kind() == Some(ErrorKind::AlreadyExists) => {
                // An attempt whose answer was lost made it.
                known.extend(resources(cx, id).await?);
                known.get(&so_far).cloned().ok_or(error)?
            }
            Err(error) => return Err(error),
        };
        known.insert(so_far.clone(), current.clone());
    }
    Ok(current)
}

async fn ensure_method(
    cx: &Context<'_>,
    id: &str,
    resource: &PathResource,
    route: &RouteSpec,
    authorization: Authorization,
) -> Result<(), StepError> {
    let uri = &cx.scope.invocation_uri(&route.function);
    let present = resource.methods.iter().find(|m| m.name == route.method);
    match present {
        None => {
            let put = cx.call_about_new(|| {
                cx.client
                    .put_method(id, &resource.id, &route.method, authorization)
            });
            match put.await {
                // An attempt whose answer was lost made it.
                Err(error) if error.kind() == Some(ErrorKind::AlreadyExists) => {}
                other => other?,
            }
        }
        // A method that is there cannot be put again.
        Some(method) if method.authorization != authorization.as_str() => {
            cx.call_about_new(|| {
                cx.client
                    .update_method(id, &resource.id, &route.method, authorization)
            })
            .await?;
        }
        Some(_) => {}
    }
    if present.and_then(|method| method.integration.as_ref()) != Some(uri) {
        let put = cx.call_about_new(|| {
            cx.client
                .put_integration(id, &resource.id, &route.method, uri)
        });
        put.await?;
    }
    Ok(())
}

/// Deploys, permits, and records that the API is whole: the record is the last thing written, in one call with the
/// stage's throttle. The deployment,
/// scarcest of all, waits for nothing; the permission waits for its function.
async fn publish(cx: &Context<'_>, api: &Spec, id: &str) -> Result<(), StepError> {
    let stage = api.stage.as_str();
    cx.call_about_new(|| cx.client.create_deployment(id, stage, BEING_COMPLETED))
        .await?;
    let functions: Vec<ResourceId> = api
        .routes
        .iter()
        .map(|route| ResourceId::new(Kind::Function, &route.function))
        .collect();
    cx.wait_for_steps(&functions).await?;
    for route in &api.routes {
        permit(cx, id, route).await?;
    }
    let record = &api.stage_description(cx.scope, cx.owner);
    cx.call_about_new(|| cx.client.update_stage(id, stage, record, api.throttle))
        .await
}

/// Lets the API invoke the route's function.
async fn permit(cx: &Context<'_>, id: &str, route: &RouteSpec) -> Result<(), StepError> {
    let _alone = cx.alone_with(&route.function).await?;
    let permission = &Permission {
        function: &route.function,
        statement_id: route.statement_id(),
        source_arn: cx
            .scope
            .method_arn(id, route.method_in_arn(), &route.path_in_arn()),
    };
    match add_permission(cx, permission).await {
        Err(error) if error.kind() == Some(ErrorKind::AlreadyExists) => {}
        other => return other,
    }
    // A statement of that id is there: ours already, or one for an API that is no more.
    let policy = cx.client.get_policy(&route.function).await?;
    if permits(&policy, &permission.statement_id, &permission.source_arn) {
        return Ok(());
    }
    let removed = cx
        .client
        .remove_permission(&route.function, &permission.statement_id);
    or_gone(removed.await)?;
    add_permission(cx, permission).await
}

/// AWS may not find a function for permissions that it has made and shown already.
async fn add_permission(cx: &Context<'_>, permission: &Permission<'_>) -> Result<(), StepError> {
    let mut poll = Poll::function_known();
    loop {
        let added = cx.client.add_permission(permission);
        match added.await {
            Err(error) if error.kind() == Some(ErrorKind::NotFound) => {
                match poll.again(cx, "the function to take permissions").await {
                    Err(StepError::Stuck(_)) => return Err(error.into()),
                    other => other?,
                }
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
