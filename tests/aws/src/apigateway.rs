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
    stages: BTreeMap<String, Stage>,
    /// What the last deployment holds, by method and path.
    pub(super) deployed: BTreeMap<(String, String), Deployed>,
}

/// One method as it was deployed.
#[derive(Debug, Clone)]
pub(super) struct Deployed {
    pub(super) uri: String,
    pub(super) authorization: String,
}

#[derive(Debug, Clone)]
struct Stage {
    description: String,
    /// Requests a second and at once, for every method.
    limits: Option<(f64, f64)>,
    /// Tokens that are left, and since when.
    tokens: Option<(f64, Instant)>,
}

#[derive(Debug, Clone)]
struct Method {
    authorization: String,
    uri: Option<String>,
}

#[derive(Debug, Clone)]
struct Resource {
    parent: Option<String>,
    path: String,
    methods: BTreeMap<String, Method>,
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

    /// Whether the stage lets one more request through.
    pub(super) fn lets_through(&mut self, stage: &str, now: Instant) -> bool {
        let Some(stage) = self.stages.get_mut(stage) else {
            return false;
        };
        let Some((rate, burst)) = stage.limits else {
            return true;
        };
        let (left, since) = stage.tokens.unwrap_or((burst, now));
        let left = burst.min(left + rate * now.duration_since(since).as_secs_f64());
        let through = left >= 1.0;
        stage.tokens = Some((if through { left - 1.0 } else { left }, now));
        through
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

fn invalid_path(path: &str) -> Refusal {
    bad_request(&format!(
        "Invalid patch path '{path}' specified for op 'replace'"
    ))
}

/// What a request replaces: path and value, both of them texts.
fn replacements(request: &Request) -> Result<Vec<(&str, &str)>, Refusal> {
    let patches = request.get("patchOperations").as_array();
    let mut replaced = Vec::new();
    for patch in patches.into_iter().flatten() {
        match (&patch["op"], &patch["path"], &patch["value"]) {
            (Value::String(op), Value::String(path), Value::String(value)) if op == "replace" => {
                replaced.push((path.as_str(), value.as_str()));
            }
            _ => return Err(bad_request("Only replacing texts is known here")),
        }
    }
    if replaced.is_empty() {
        return Err(bad_request("No patch operations"));
    }
    Ok(replaced)
}

fn authorization_type(text: &str) -> Result<String, Refusal> {
    match text {
        "NONE" | "AWS_IAM" => Ok(text.to_owned()),
        _ => Err(bad_request("Invalid Authorization Type specified")),
    }
}

fn stage_json(name: &str, stage: &Stage) -> Value {
    let settings = stage.limits.map_or(json!({}), |(rate, burst)| {
        json!({"*/*": {"throttlingRateLimit": rate, "throttlingBurstLimit": burst}})
    });
    json!({"stageName": name, "description": stage.description, "methodSettings": settings})
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
                let authorization = authorization_type(request.text("authorizationType"))?;
                let methods = &mut self.path_resource(request)?.methods;
                if methods.contains_key(verb) {
                    return Err(conflict("Method already exists for this resource"));
                }
                let method = Method {
                    authorization: authorization.clone(),
                    uri: None,
                };
                methods.insert(verb.to_owned(), method);
                json!({"httpMethod": verb, "authorizationType": authorization})
            }
            "UpdateMethod" => {
                let verb = request.text("verb");
                let method = self.path_resource(request)?.methods.get_mut(verb);
                let method = method.ok_or_else(|| not_found("Method"))?;
                for (path, value) in replacements(request)? {
                    match path {
                        "/authorizationType" => method.authorization = authorization_type(value)?,
                        _ => return Err(invalid_path(path)),
                    }
                }
                json!({"httpMethod": verb, "authorizationType": method.authorization})
            }
            "PutIntegration" => {
                let (verb, uri) = (request.text("verb"), request.text("uri"));
                let method = self.path_resource(request)?.methods.get_mut(verb);
                method.ok_or_else(|| not_found("Method"))?.uri = Some(uri.to_owned());
                json!({"type": request.text("type"), "httpMethod": request.text("httpMethod"), "uri": uri})
            }
            "CreateDeployment" => self.create_deployment(request)?,
            "GetStages" => {
                let stages: Vec<Value> = self
                    .api(id)?
                    .stages
                    .iter()
                    .map(|(name, stage)| stage_json(name, stage))
                    .collect();
                json!({ "item": stages })
            }
            "UpdateStage" => {
                let name = request.text("stageName");
                let stage = self.api(id)?.stages.get_mut(name);
                let stage = stage.ok_or_else(|| not_found("stage"))?;
                let mut new = stage.clone();
                // What AWS shows where only one of the two was ever set: the account's own limit.
                let (mut rate, mut burst) = new.limits.unwrap_or((10_000.0, 5_000.0));
                for (path, value) in replacements(request)? {
                    let number = || {
                        let parsed = value.parse::<f64>();
                        parsed.map_err(|_| bad_request("Invalid value for throttling"))
                    };
                    match path {
                        "/description" => new.description = value.to_owned(),
                        "/*/*/throttling/rateLimit" => rate = number()?,
                        "/*/*/throttling/burstLimit" => burst = number()?,
                        _ => return Err(invalid_path(path)),
                    }
                    if path.contains("throttling") {
                        new.limits = Some((rate, burst));
                    }
                }
                *stage = new;
                stage_json(name, stage)
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
                        .map(|(verb, method)| {
                            let integration = method
                                .uri
                                .as_ref()
                                .map(|uri| json!({"type": "AWS_PROXY", "uri": uri}));
                            let shown = json!({
                                "httpMethod": verb,
                                "authorizationType": method.authorization,
                                "methodIntegration": integration,
                            });
                            (verb.clone(), shown)
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
            for (verb, method) in &resource.methods {
                let uri = method.uri.clone();
                let method = Deployed {
                    uri: uri.ok_or_else(|| bad_request("No integration defined for method"))?,
                    authorization: method.authorization.clone(),
                };
                deployed.insert((verb.clone(), resource.path.clone()), method);
            }
        }
        if deployed.is_empty() {
            return Err(bad_request("The REST API doesn't contain any methods"));
        }
        api.deployed = deployed;
        let stage = request.text("stageName");
        if !stage.is_empty() {
            // An existing stage points to the new deployment and keeps its description.
            api.stages.entry(stage.to_owned()).or_insert_with(|| Stage {
                description: request.text("stageDescription").to_owned(),
                limits: None,
                tokens: None,
            });
        }
        Ok(json!({"id": deployment, "description": request.text("description")}))
    }
}
