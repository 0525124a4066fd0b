//! API Gateway's control plane for REST APIs. Source: API Gateway V1 API reference.

use std::collections::BTreeMap;

use homeroom::strict::{Refusal, Request};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::answer::{Answer, Body};
use super::world::{World, tag_map};

#[derive(Debug, Clone)]
pub(super) struct Api {
    id: String,
    pub(super) name: String,
    description: String,
    tags: BTreeMap<String, String>,
    created_at: Instant,
    resources: BTreeMap<String, Resource>,
    /// Descriptions by stage name.
    stages: BTreeMap<String, String>,
    /// What the last deployment holds: method and path to integration URI.
    pub(super) deployed: BTreeMap<(String, String), String>,
}

#[derive(Debug, Clone)]
struct Resource {
    parent: Option<String>,
    path: String,
    /// Integration URIs by method.
    methods: BTreeMap<String, Option<String>>,
}

impl Api {
    fn root(&self) -> &str {
        let root = self
            .resources
            .iter()
            .find(|(_, resource)| resource.parent.is_none());
        root.map_or("", |(id, _)| id)
    }

    pub(super) fn has_stage(&self, stage: &str) -> bool {
        self.stages.contains_key(stage)
    }
}

fn not_found(what: &str) -> Refusal {
    Refusal::new(
        404,
        "NotFoundException",
        &format!("Invalid {what} identifier specified"),
    )
}

fn bad_request(message: &str) -> Refusal {
    Refusal::new(400, "BadRequestException", message)
}

fn conflict(message: &str) -> Refusal {
    Refusal::new(409, "ConflictException", message)
}

impl World {
    pub(super) fn apigateway(&mut self, operation: &str, request: &Request) -> Answer {
        let id = request.text("restApiId");
        Ok(Body::Json(match operation {
            "GetRestApis" => self.list_apis(request),
            "CreateRestApi" => self.create_api(request),
            "TagResource" => {
                let tags = tag_map(request.get("tags"));
                let api = self.apis.get_mut(id).ok_or_else(|| not_found("API"))?;
                api.tags.extend(tags);
                Value::Null
            }
            "DeleteRestApi" => {
                self.apis.remove(id).ok_or_else(|| not_found("API"))?;
                Value::Null
            }
            "GetResources" => self.list_resources(request)?,
            "CreateResource" => self.create_resource(request)?,
            "PutMethod" => {
                let verb = request.text("verb");
                let methods = &mut self.path_resource(request)?.methods;
                if methods.contains_key(verb) {
                    return Err(conflict("Method already exists for this resource"));
                }
                methods.insert(verb.to_owned(), None);
                json!({"httpMethod": verb, "authorizationType": request.text("authorizationType")})
            }
            "PutIntegration" => {
                let (verb, uri) = (request.text("verb"), request.text("uri"));
                let method = self.path_resource(request)?.methods.get_mut(verb);
                *method.ok_or_else(|| not_found("Method"))? = Some(uri.to_owned());
                json!({"type": request.text("type"), "httpMethod": request.text("httpMethod"), "uri": uri})
            }
            "CreateDeployment" => self.create_deployment(request)?,
            "GetStages" => {
                let stages: Vec<Value> = self
                    .api(id)?
                    .stages
                    .iter()
                    .map(|(name, text)| json!({"stageName": name, "description": text}))
                    .collect();
                json!({ "item": stages })
            }
            "UpdateStage" => {
                let stage = request.text("stageName");
                let description = self.api(id)?.stages.get_mut(stage);
                let description = description.ok_or_else(|| not_found("stage"))?;
                for patch in request
                    .get("patchOperations")
                    .as_array()
                    .into_iter()
                    .flatten()
                {
                    if patch["op"] == "replace" && patch["path"] == "/description" {
                        *description = patch["value"].as_str().unwrap_or_default().to_owned();
                    }
                }
                json!({"stageName": stage, "description": description})
            }
            "DeleteStage" => {
                let removed = self.api(id)?.stages.remove(request.text("stageName"));
                removed.ok_or_else(|| not_found("stage"))?;
                Value::Null
            }
            _ => panic!("API Gateway here knows no {operation}"),
        }))
    }

    fn api(&mut self, id: &str) -> Result<&mut Api, Refusal> {
        self.apis.get_mut(id).ok_or_else(|| not_found("API"))
    }

    fn path_resource(&mut self, request: &Request) -> Result<&mut Resource, Refusal> {
        let resources = &mut self.api(request.text("restApiId"))?.resources;
        resources
            .get_mut(request.text("resourceId"))
            .ok_or_else(|| not_found("Resource"))
    }

    fn api_json(&self, api: &Api) -> Value {
        json!({
            "id": api.id,
            "name": api.name,
            "description": api.description,
            "createdDate": self.seconds(api.created_at),
            "tags": api.tags,
            "rootResourceId": api.root(),
            "endpointConfiguration": {"types": ["REGIONAL"]},
        })
    }

    /// Names are not unique: a second API of one name is one more.
    fn create_api(&mut self, request: &Request) -> Value {
        let id = self.id();
        let root = Resource {
            parent: None,
            path: "/".into(),
            methods: BTreeMap::new(),
        };
        let api = Api {
            id: id.clone(),
            name: request.text("name").to_owned(),
            description: request.text("description").to_owned(),
            tags: tag_map(request.get("tags")),
            created_at: self.now,
            resources: [(self.id(), root)].into(),
            stages: BTreeMap::new(),
            deployed: BTreeMap::new(),
        };
        let answer = self.api_json(&api);
        self.apis.insert(id, api);
        answer
    }

    fn list_apis(&self, request: &Request) -> Value {
        let all = self.apis.values().map(|api| self.api_json(api)).collect();
        let (page, next) =
            self.page::<Value>(all, request.text("position"), request.number("limit"), 500);
        json!({"item": page, "position": next})
    }

    fn list_resources(&mut self, request: &Request) -> Result<Value, Refusal> {
        let methods = request.text("embed") == "methods";
        let api = self.api(request.text("restApiId"))?.clone();
        let all: Vec<Value> = api
            .resources
            .iter()
            .map(|(id, resource)| {
                let mut item =
                    json!({"id": id, "path": resource.path, "parentId": resource.parent});
                if methods && !resource.methods.is_empty() {
                    item["resourceMethods"] = resource
                        .methods
                        .iter()
                        .map(|(verb, uri)| {
                            let integration = uri
                                .as_ref()
                                .map(|uri| json!({"type": "AWS_PROXY", "uri": uri}));
                            (
                                verb.clone(),
                                json!({"httpMethod": verb, "methodIntegration": integration}),
                            )
                        })
                        .collect::<serde_json::Map<_, _>>()
                        .into();
                }
                item
            })
            .collect();
        let (page, next) = self.page(all, request.text("position"), request.number("limit"), 500);
        Ok(json!({"item": page, "position": next}))
    }

    fn create_resource(&mut self, request: &Request) -> Result<Value, Refusal> {
        let (parent, part) = (request.text("parentId"), request.text("pathPart"));
        let id = self.id();
        let resources = &mut self.api(request.text("restApiId"))?.resources;
        let above = resources.get(parent).ok_or_else(|| not_found("Resource"))?;
        let path = format!("{}/{part}", above.path.trim_end_matches('/'));
        if resources.values().any(|resource| resource.path == path) {
            return Err(conflict(&format!(
                "Another resource with the same parent already has this name: {part}"
            )));
        }
        let resource = Resource {
            parent: Some(parent.to_owned()),
            path: path.clone(),
            methods: BTreeMap::new(),
        };
        resources.insert(id.clone(), resource);
        Ok(json!({"id": id, "parentId": parent, "pathPart": part, "path": path}))
    }

    fn create_deployment(&mut self, request: &Request) -> Result<Value, Refusal> {
        let deployment = self.id();
        let api = self.api(request.text("restApiId"))?;
        let mut deployed = BTreeMap::new();
        for resource in api.resources.values() {
            for (verb, uri) in &resource.methods {
                let uri = uri
                    .clone()
                    .ok_or_else(|| bad_request("No integration defined for method"))?;
                deployed.insert((verb.clone(), resource.path.clone()), uri);
            }
        }
        if deployed.is_empty() {
            return Err(bad_request("The REST API doesn't contain any methods"));
        }
        api.deployed = deployed;
        let stage = request.text("stageName");
        if !stage.is_empty() {
            // An existing stage points to the new deployment and keeps its description.
            api.stages
                .entry(stage.to_owned())
                .or_insert_with(|| request.text("stageDescription").to_owned());
        }
        Ok(json!({"id": deployment, "description": request.text("description")}))
    }
}
