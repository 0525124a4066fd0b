//! Amazon API Gateway: REST APIs, part by part.

use aws_sdk_apigateway::Client;
use aws_sdk_apigateway::types::{
    EndpointConfiguration, EndpointType, IntegrationType, Op, PatchOperation, Resource, RestApi,
};

use crate::domain::operation::Operation;
use crate::domain::ownership::{Ownership, Tags};
use crate::domain::resources::rest_api::{
    Actual, Authorization, Method, PathResource, Stage, Throttle,
};
use crate::engine::port::{CloudResult, Page};

use super::errors::call;

/// Items a page at most. Source: API Gateway GetRestApis and GetResources, `limit`.
const PAGE: i32 = 500;

pub(super) async fn rest_apis_page(
    client: &Client,
    token: Option<String>,
) -> CloudResult<Page<(Actual, Tags)>> {
    let answer = call(
        Operation::GetRestApis,
        client
            .get_rest_apis()
            .limit(PAGE)
            .set_position(token)
            .send(),
    )
    .await?;
    Ok(Page {
        items: answer.items().iter().map(actual).collect(),
        next: answer.position.filter(|position| !position.is_empty()),
    })
}

fn actual(api: &RestApi) -> (Actual, Tags) {
    let tags = api
        .tags()
        .map(|map| map.iter().map(|(k, v)| (k.clone(), v.clone())).collect())
        .unwrap_or_default();
    let actual = Actual {
        id: api.id().unwrap_or_default().to_owned(),
        name: api.name().unwrap_or_default().to_owned(),
        created_s: api.created_date().map_or(0, |date| date.secs()),
        ownership: Ownership::Unproven,
        stages: None,
    };
    (actual, tags)
}

pub(super) async fn create_rest_api(
    client: &Client,
    name: &str,
    description: &str,
    tags: &Tags,
) -> CloudResult<(String, Option<String>)> {
    let answer = call(
        Operation::CreateRestApi,
        client
            .create_rest_api()
            .name(name)
            .description(description)
            .endpoint_configuration(
                EndpointConfiguration::builder()
                    .types(EndpointType::Regional)
                    .build(),
            )
            .set_tags(Some(
                tags.iter().map(|(k, v)| (k.clone(), v.clone())).collect(),
            ))
            .send(),
    )
    .await?;
    Ok((answer.id.unwrap_or_default(), answer.root_resource_id))
}

pub(super) async fn delete_rest_api(client: &Client, id: &str) -> CloudResult<()> {
    call(
        Operation::DeleteRestApi,
        client.delete_rest_api().rest_api_id(id).send(),
    )
    .await?;
    Ok(())
}

pub(super) async fn api_resources_page(
    client: &Client,
    id: &str,
    token: Option<String>,
) -> CloudResult<Page<PathResource>> {
    let answer = call(
        Operation::GetResources,
        client
            .get_resources()
            .rest_api_id(id)
            .embed("methods")
            .limit(PAGE)
            .set_position(token)
            .send(),
    )
    .await?;
    Ok(Page {
        items: answer.items().iter().map(path_resource).collect(),
        next: answer.position.filter(|position| !position.is_empty()),
    })
}

fn path_resource(resource: &Resource) -> PathResource {
    let mut methods: Vec<_> = resource
        .resource_methods()
        .into_iter()
        .flatten()
        .map(|(name, method)| {
            let integration = method.method_integration();
            let uri = integration.and_then(|integration| integration.uri());
            Method {
                name: name.clone(),
                integration: uri.map(str::to_owned),
                authorization: method.authorization_type().unwrap_or_default().to_owned(),
            }
        })
        .collect();
    methods.sort();
    PathResource {
        id: resource.id().unwrap_or_default().to_owned(),
        path: resource.path().unwrap_or_default().to_owned(),
        methods,
    }
}

pub(super) async fn create_api_resource(
    client: &Client,
    id: &str,
    parent: &str,
    path_part: &str,
) -> CloudResult<String> {
    let answer = call(
        Operation::CreateResource,
        client
            .create_resource()
            .rest_api_id(id)
            .parent_id(parent)
            .path_part(path_part)
            .send(),
    )
    .await?;
    Ok(answer.id.unwrap_or_default())
}

pub(super) async fn put_method(
    client: &Client,
    id: &str,
    resource: &str,
    method: &str,
    authorization: Authorization,
) -> CloudResult<()> {
    call(
        Operation::PutMethod,
        client
            .put_method()
            .rest_api_id(id)
            .resource_id(resource)
            .http_method(method)
            .authorization_type(authorization.as_str())
            .send(),
    )
    .await?;
    Ok(())
}

pub(super) async fn update_method(
    client: &Client,
    id: &str,
    resource: &str,
    method: &str,
    authorization: Authorization,
) -> CloudResult<()> {
    call(
        Operation::UpdateMethod,
        client
            .update_method()
            .rest_api_id(id)
            .resource_id(resource)
            .http_method(method)
            .patch_operations(replace("/authorizationType", authorization.as_str()))
            .send(),
    )
    .await?;
    Ok(())
}

fn replace(path: &str, value: impl Into<String>) -> PatchOperation {
    PatchOperation::builder()
        .op(Op::Replace)
        .path(path)
        .value(value)
        .build()
}

pub(super) async fn put_integration(
    client: &Client,
    id: &str,
    resource: &str,
    method: &str,
    uri: &str,
) -> CloudResult<()> {
    call(
        Operation::PutIntegration,
        client
            .put_integration()
            .rest_api_id(id)
            .resource_id(resource)
            .http_method(method)
            .r#type(IntegrationType::AwsProxy)
            // Lambda is always invoked by POST, whatever the method that the client used.
            .integration_http_method("POST")
            .uri(uri)
            .send(),
    )
    .await?;
    Ok(())
}

pub(super) async fn create_deployment(
    client: &Client,
    id: &str,
    stage: &str,
    stage_description: &str,
) -> CloudResult<()> {
    call(
        Operation::CreateDeployment,
        client
            .create_deployment()
            .rest_api_id(id)
            .stage_name(stage)
            .stage_description(stage_description)
            .description(stage_description)
            .send(),
    )
    .await?;
    Ok(())
}

pub(super) async fn stages(client: &Client, id: &str) -> CloudResult<Vec<Stage>> {
    let answer = call(
        Operation::GetStages,
        client.get_stages().rest_api_id(id).send(),
    )
    .await?;
    Ok(answer
        .item()
        .iter()
        .map(|stage| Stage {
            name: stage.stage_name().unwrap_or_default().to_owned(),
            description: stage.description().unwrap_or_default().to_owned(),
        })
        .collect())
}

pub(super) async fn update_stage(
    client: &Client,
    id: &str,
    stage: &str,
    description: &str,
    throttle: Option<Throttle>,
) -> CloudResult<()> {
    let mut patch = vec![replace("/description", description)];
    if let Some(Throttle { rate, burst }) = throttle {
        // The stars stand for every path and every method of it.
        patch.push(replace("/*/*/throttling/rateLimit", rate.to_string()));
        patch.push(replace("/*/*/throttling/burstLimit", burst.to_string()));
    }
    call(
        Operation::UpdateStage,
        client
            .update_stage()
            .rest_api_id(id)
            .stage_name(stage)
            .set_patch_operations(Some(patch))
            .send(),
    )
    .await?;
    Ok(())
}

pub(super) async fn tag_rest_api(client: &Client, arn: &str, tags: &Tags) -> CloudResult<()> {
    let tags = tags.iter().map(|(k, v)| (k.clone(), v.clone())).collect();
    call(
        Operation::ApiGatewayTagResource,
        client
            .tag_resource()
            .resource_arn(arn)
            .set_tags(Some(tags))
            .send(),
    )
    .await?;
    Ok(())
}

pub(super) async fn delete_stage(client: &Client, id: &str, stage: &str) -> CloudResult<()> {
    call(
        Operation::DeleteStage,
        client
            .delete_stage()
            .rest_api_id(id)
            .stage_name(stage)
            .send(),
    )
    .await?;
    Ok(())
}
