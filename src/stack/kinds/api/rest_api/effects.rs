//! API Gateway REST API: create or complete part by part, publish, delete.
//!
//! One writer an API: concurrent changes to the same API answer ConflictException, so the parts are made one
//! after another. The API itself, its parts and its deployment need nothing of the stack and start at once, because
//! CreateRestApi and CreateDeployment are the scarcest calls of a deployment; only the permission to invoke
//! waits for the function.

use std::collections::{BTreeMap, BTreeSet};

use crate::aws::ErrorKind;
use crate::aws::Operation::*;
use crate::stack::kinds::api::effects::{
    BEING_COMPLETED, Made, create_or_find, delete, delete_twins, permit_all, tags,
    wait_for_functions,
};
use crate::stack::kinds::api::{Authorization, RouteSpec, Spec};
use crate::stack::kinds::search::pages;
use crate::stack::kinds::{ApiType, Effect, KindAction, PlannedCalls};
use crate::stack::step::{Context, StepError, or_gone};

use super::PathResource;

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

impl Action {
    /// Both deletions in one.
    pub(crate) fn and_delete(self, other: Self) -> Self {
        match (self, other) {
            (
                Self::Delete {
                    mut ids,
                    mut stages,
                },
                Self::Delete {
                    ids: more_ids,
                    stages: more_stages,
                },
            ) => {
                ids.extend(more_ids);
                stages.extend(more_stages);
                Self::Delete { ids, stages }
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
                delete(cx, ApiType::Rest, ids).await
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
    let (tags, description) = (&tags(cx, api), &cx.owner.record(&[]));
    let create = || cx.client.create_rest_api(&api.name, description, tags);
    match create_or_find(cx, api, create).await? {
        Made::New { made, in_doubt } => {
            let (id, root) = made;
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
    let arn = &cx.scope.api_arn(ApiType::Rest, id);
    let tags = &tags(cx, api);
    cx.client.tag_rest_api(arn, tags).await?;
    delete(cx, ApiType::Rest, duplicates).await
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
    wait_for_functions(cx, api).await?;
    permit_all(cx, api, id).await?;
    let record = &api.stage_description(cx.scope, cx.owner);
    cx.call_about_new(|| cx.client.update_stage(id, stage, record, api.throttle))
        .await
}
