//! API Gateway REST API: create or complete part by part, publish, delete.
//!
//! One writer an API: concurrent changes to the same API answer ConflictException, so the parts are made one
//! after another. The API itself, its parts and its deployment need nothing of the stack and start at once, because
//! CreateRestApi and CreateDeployment are the scarcest calls of a deployment; only the permission to invoke
//! waits for the function.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::aws::Operation::*;
use crate::aws::{CallError, ErrorKind, Permission};
use crate::stack::kinds::search::pages;
use crate::stack::kinds::{Effect, Kind, KindAction, PlannedCalls, ResourceId};
use crate::stack::ownership::Ownership;
use crate::stack::step::{Context, Poll, StepError, or_gone};

use super::{Authorization, PathResource, RouteSpec, Spec};

/// How often CreateRestApi is tried while its answers leave open whether it made the API.
const AMBIGUOUS_MAX: usize = 5;

/// The description of a stage while its API is not whole.
pub(crate) const BEING_COMPLETED: &str = "homeroom: being completed";

#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    Create(Spec),
    /// Adds missing parts and corrects others.
    Complete {
        api: Spec,
        id: String,
        /// Ids of others with the same name that are ours: they are deleted.
        duplicates: Vec<String>,
    },
    Delete {
        ids: Vec<String>,
        /// Stages to delete first, so that the endpoints stop answering at once: (API id, stage).
        stages: Vec<(String, String)>,
    },
}

impl super::super::Action {
    /// Both deletions in one; only REST APIs can have the same name.
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
            (one, _) => one,
        }
    }
}

impl KindAction for Action {
    fn outline(&self) -> (Effect, PlannedCalls) {
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
                (Effect::Create, calls)
            }
            // Most often no part is missing.
            Self::Complete {
                api, duplicates, ..
            } => {
                let mut calls = vec![
                    (GetResources, 1),
                    (ApiGatewayTagResource, 1),
                    (DeleteRestApi, duplicates.len()),
                ];
                calls.extend(published(api));
                (Effect::Complete, calls)
            }
            Self::Delete { ids, stages } => {
                let calls = vec![(DeleteStage, stages.len()), (DeleteRestApi, ids.len())];
                (Effect::Delete, calls)
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
            Self::Delete { ids, stages } => {
                for (id, stage) in stages {
                    or_gone(cx.client.delete_stage(id, stage).await)?;
                }
                delete_apis(cx, ids).await
            }
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
        /// Whether an earlier attempt may have made another one that no listing shows yet.
        in_doubt: bool,
    },
    Found {
        id: String,
    },
}

/// Deletes other APIs of the same name and owner, which an attempt without an answer may have made.
async fn delete_twins(cx: &Context<'_>, api: &Spec, keep: &str) -> Result<(), StepError> {
    let ours = find_ours(cx, api).await?;
    delete_apis(cx, ours.iter().filter(|id| *id != keep)).await
}

async fn delete_apis(
    cx: &Context<'_>,
    ids: impl IntoIterator<Item = &String>,
) -> Result<(), StepError> {
    for id in ids {
        or_gone(cx.client.delete_rest_api(id).await)?;
    }
    Ok(())
}

/// Creates the API, once. After an answer that leaves open whether it was made, the listing decides.
async fn create_or_find(cx: &Context<'_>, api: &Spec) -> Result<Made, StepError> {
    let tags = &cx.owner.tags(cx.scope, &api.fingerprint(cx.scope));
    let description = &cx.owner.record(&[]);
    let mut last = None;
    for _ in 0..AMBIGUOUS_MAX {
        let created = cx.client.create_rest_api(&api.name, description, tags);
        match created.await {
            Ok((id, root)) => {
                let in_doubt = last.is_some();
                return Ok(Made::New { id, root, in_doubt });
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
        |token| cx.client.rest_apis_page(token),
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

/// Adds every part that is missing, and deletes duplicates of the API.
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
    delete_apis(cx, duplicates).await
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
    let listed = pages(
        |token| cx.client.api_resources_page(id, token),
        |resource: PathResource| {
            found.insert(resource.path.clone(), resource);
        },
    );
    listed.await?;
    Ok(found)
}

/// Adds missing paths, methods and integrations, and corrects who may call them.
async fn build(
    cx: &Context<'_>,
    api: &Spec,
    id: &str,
    mut known: BTreeMap<String, PathResource>,
) -> Result<(), StepError> {
    // Some endpoints do not return the root's id when the API is created.
    if !known.contains_key("/") {
        known = resources(cx, id).await?;
    }
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
    let (client, path, method) = (&cx.client, resource.id.as_str(), route.method.as_str());
    let uri = &cx.scope.invocation_uri(&route.function);
    let present = resource.methods.iter().find(|m| m.name == route.method);
    match present {
        None => {
            let put = cx.call_about_new(|| client.put_method(id, path, method, authorization));
            match put.await {
                // An attempt whose answer was lost made it.
                Err(error) if error.kind() == Some(ErrorKind::AlreadyExists) => {}
                other => other?,
            }
        }
        // AWS refuses to put a method that exists.
        Some(present) if present.authorization != authorization.as_str() => {
            cx.call_about_new(|| client.update_method(id, path, method, authorization))
                .await?;
        }
        Some(_) => {}
    }
    if present.and_then(|method| method.integration.as_ref()) != Some(uri) {
        cx.call_about_new(|| client.put_integration(id, path, method, uri))
            .await?;
    }
    Ok(())
}

/// Deploys, permits, and records that the API is whole. The deployment is the scarcest call and waits for nothing; the
/// permission waits for its function; the record comes last, in one call with the stage's throttle.
async fn publish(cx: &Context<'_>, api: &Spec, id: &str) -> Result<(), StepError> {
    let stage = api.stage.as_str();
    cx.call_about_new(|| cx.client.create_deployment(id, stage, BEING_COMPLETED))
        .await?;
    let routes = api.routes.iter();
    let functions = routes.map(|route| ResourceId::new(Kind::Function, &route.function));
    cx.wait_for_steps(&functions.collect::<Vec<_>>()).await?;
    for route in &api.routes {
        permit(cx, id, route).await?;
    }
    let record = &api.stage_description(cx.scope, cx.owner);
    cx.call_about_new(|| cx.client.update_stage(id, stage, record, api.throttle))
        .await
}

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
