//! Amazon API Gateway: REST APIs, part by part.

use aws_sdk_apigateway::types::{
    EndpointConfiguration, EndpointType, IntegrationType, Op, PatchOperation, Resource, RestApi,
};

use crate::ids::ApiType;
use crate::stack::kinds::api::{Authorization, Seen, StageSeen, Throttle};
use crate::stack::kinds::rest_api::{Method, PathResource};
use crate::stack::ownership::{Ownership, Tags};

use super::client::Client;
use super::error::CallResult;
use super::operations::Operation;
use super::{Page, tag_map};

/// Items a page at most. Source: API Gateway GetRestApis and GetResources, `limit`.
const PAGE: i32 = 500;

impl Client {
    /// apigateway:GetRestApis: one page, with the tags of each. `ownership` stays `Unproven`: it depends on the class.
    pub async fn rest_apis_page(&self, token: Option<String>) -> CallResult<Page<(Seen, Tags)>> {
        let answer = self
            .call(Operation::GetRestApis, |sdk| {
                sdk.apigateway
                    .get_rest_apis()
                    .limit(PAGE)
                    .set_position(token.clone())
                    .send()
            })
            .await?;
        let items = answer.items().iter().map(actual).collect();
        Ok(Page::of(items, answer.position))
    }

    /// apigateway:CreateRestApi, regional: its id, and the root resource's id where the answer has one.
    pub async fn create_rest_api(
        &self,
        name: &str,
        description: &str,
        tags: &Tags,
    ) -> CallResult<(String, Option<String>)> {
        let answer = self
            .call(Operation::CreateRestApi, |sdk| {
                sdk.apigateway
                    .create_rest_api()
                    .name(name)
                    .description(description)
                    .endpoint_configuration(
                        EndpointConfiguration::builder()
                            .types(EndpointType::Regional)
                            .build(),
                    )
                    .set_tags(Some(tag_map(tags)))
                    .send()
            })
            .await?;
        Ok((answer.id.unwrap_or_default(), answer.root_resource_id))
    }

    /// apigateway:DeleteRestApi.
    pub async fn delete_rest_api(&self, id: &str) -> CallResult<()> {
        self.send(Operation::DeleteRestApi, |sdk| {
            sdk.apigateway.delete_rest_api().rest_api_id(id).send()
        })
        .await
    }

    /// apigateway:GetResources with methods: one page.
    pub async fn api_resources_page(
        &self,
        id: &str,
        token: Option<String>,
    ) -> CallResult<Page<PathResource>> {
        let answer = self
            .call(Operation::GetResources, |sdk| {
                sdk.apigateway
                    .get_resources()
                    .rest_api_id(id)
                    .embed("methods")
                    .limit(PAGE)
                    .set_position(token.clone())
                    .send()
            })
            .await?;
        let items = answer.items().iter().map(path_resource).collect();
        Ok(Page::of(items, answer.position))
    }

    /// apigateway:CreateResource: the new resource's id.
    pub async fn create_api_resource(
        &self,
        id: &str,
        parent: &str,
        path_part: &str,
    ) -> CallResult<String> {
        let answer = self
            .call(Operation::CreateResource, |sdk| {
                sdk.apigateway
                    .create_resource()
                    .rest_api_id(id)
                    .parent_id(parent)
                    .path_part(path_part)
                    .send()
            })
            .await?;
        Ok(answer.id.unwrap_or_default())
    }

    /// apigateway:PutMethod.
    pub async fn put_method(
        &self,
        id: &str,
        resource: &str,
        method: &str,
        authorization: Authorization,
    ) -> CallResult<()> {
        self.send(Operation::PutMethod, |sdk| {
            sdk.apigateway
                .put_method()
                .rest_api_id(id)
                .resource_id(resource)
                .http_method(method)
                .authorization_type(authorization.as_str())
                .send()
        })
        .await
    }

    /// apigateway:UpdateMethod: who may call it.
    pub async fn update_method(
        &self,
        id: &str,
        resource: &str,
        method: &str,
        authorization: Authorization,
    ) -> CallResult<()> {
        self.send(Operation::UpdateMethod, |sdk| {
            sdk.apigateway
                .update_method()
                .rest_api_id(id)
                .resource_id(resource)
                .http_method(method)
                .patch_operations(replace("/authorizationType", authorization.as_str()))
                .send()
        })
        .await
    }

    /// apigateway:PutIntegration: Lambda proxy.
    pub async fn put_integration(
        &self,
        id: &str,
        resource: &str,
        method: &str,
        uri: &str,
    ) -> CallResult<()> {
        self.send(Operation::PutIntegration, |sdk| {
            sdk.apigateway
                .put_integration()
                .rest_api_id(id)
                .resource_id(resource)
                .http_method(method)
                .r#type(IntegrationType::AwsProxy)
                // API Gateway always invokes Lambda by POST, whatever the client's method.
                .integration_http_method("POST")
                .uri(uri)
                .send()
        })
        .await
    }

    /// apigateway:CreateDeployment to a stage. AWS creates the stage, with the description, if it is not there.
    pub async fn create_deployment(
        &self,
        id: &str,
        stage: &str,
        stage_description: &str,
    ) -> CallResult<()> {
        self.send(Operation::CreateDeployment, |sdk| {
            sdk.apigateway
                .create_deployment()
                .rest_api_id(id)
                .stage_name(stage)
                .stage_description(stage_description)
                .description(stage_description)
                .send()
        })
        .await
    }

    /// apigateway:GetStages.
    pub async fn stages(&self, id: &str) -> CallResult<Vec<StageSeen>> {
        let answer = self
            .call(Operation::GetStages, |sdk| {
                sdk.apigateway.get_stages().rest_api_id(id).send()
            })
            .await?;
        Ok(answer
            .item()
            .iter()
            .map(|stage| StageSeen {
                name: stage.stage_name().unwrap_or_default().to_owned(),
                description: stage.description().unwrap_or_default().to_owned(),
            })
            .collect())
    }

    /// apigateway:UpdateStage: the description and, if given, the throttle of all its methods.
    pub async fn update_stage(
        &self,
        id: &str,
        stage: &str,
        description: &str,
        throttle: Option<Throttle>,
    ) -> CallResult<()> {
        let mut patch = vec![replace("/description", description)];
        if let Some(Throttle { rate, burst }) = throttle {
            // The stars match every path and every method.
            patch.push(replace("/*/*/throttling/rateLimit", rate.to_string()));
            patch.push(replace("/*/*/throttling/burstLimit", burst.to_string()));
        }
        self.send(Operation::UpdateStage, |sdk| {
            sdk.apigateway
                .update_stage()
                .rest_api_id(id)
                .stage_name(stage)
                .set_patch_operations(Some(patch.clone()))
                .send()
        })
        .await
    }

    /// apigateway:TagResource.
    pub(crate) async fn tag_rest_api(&self, arn: &str, tags: &Tags) -> CallResult<()> {
        self.send(Operation::ApiGatewayTagResource, |sdk| {
            sdk.apigateway
                .tag_resource()
                .resource_arn(arn)
                .set_tags(Some(tag_map(tags)))
                .send()
        })
        .await
    }

    /// apigateway:DeleteStage.
    pub async fn delete_stage(&self, id: &str, stage: &str) -> CallResult<()> {
        self.send(Operation::DeleteStage, |sdk| {
            sdk.apigateway
                .delete_stage()
                .rest_api_id(id)
                .stage_name(stage)
                .send()
        })
        .await
    }
}

fn actual(api: &RestApi) -> (Seen, Tags) {
    let tags = api
        .tags()
        .map(|map| map.iter().map(|(k, v)| (k.clone(), v.clone())).collect())
        .unwrap_or_default();
    let actual = Seen {
        api_type: ApiType::Rest,
        id: api.id().unwrap_or_default().to_owned(),
        name: api.name().unwrap_or_default().to_owned(),
        created_s: api.created_date().map_or(0, |date| date.secs()),
        ownership: Ownership::Unproven,
        stages: None,
        settings: None,
    };
    (actual, tags)
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

fn replace(path: &str, value: impl Into<String>) -> PatchOperation {
    PatchOperation::builder()
        .op(Op::Replace)
        .path(path)
        .value(value)
        .build()
}
