//! API Gateway's control plane for HTTP APIs. Source: API Gateway V2 API reference.

use std::collections::BTreeMap;

use homeroom::strict::{Refusal, Request};
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::answer::{Answer, Body};
use super::world::{World, tag_map};

/// APIs a page where nobody says how many.
const PAGE: usize = 25;
const STAGE: &str = "$default";

#[derive(Debug, Clone)]
pub(super) struct HttpApi {
    id: String,
    pub(super) name: String,
    tags: BTreeMap<String, String>,
    created_at: Instant,
    /// CORS, and whether its own address is off.
    settings: Map<String, Value>,
    /// As their requests have them, with ids.
    routes: Vec<Map<String, Value>>,
    integrations: Vec<Map<String, Value>>,
    stages: Vec<Map<String, Value>>,
    /// Tokens that are left, and since when, by route.
    tokens: BTreeMap<String, (f64, Instant)>,
}

/// What a route of an API leads to.
pub(super) struct Answering {
    pub(super) function_uri: String,
    /// The format of the function's event.
    pub(super) payload_format: String,
    pub(super) signed_only: bool,
    key: String,
}

fn not_found(message: &str) -> Refusal {
    Refusal::new(404, "NotFoundException", message)
}

fn bad_request(message: &str) -> Refusal {
    Refusal::new(400, "BadRequestException", message)
}

fn conflict(message: &str) -> Refusal {
    Refusal::new(409, "ConflictException", message)
}

fn text<'a>(map: &'a Map<String, Value>, key: &str) -> &'a str {
    map.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// Takes what a request names into what is there.
fn update(map: &mut Map<String, Value>, request: &Request, keys: &[&str]) {
    for key in keys {
        let value = request.get(key);
        if !value.is_null() {
            map.insert((*key).to_owned(), value.clone());
        }
    }
}

impl HttpApi {
    pub(super) fn has_stage(&self) -> bool {
        self.stages
            .iter()
            .any(|stage| text(stage, "stageName") == STAGE)
    }

    /// The route that answers; an exact one comes before one for any method, `$default` last.
    pub(super) fn answering(&self, method: &str, path: &str) -> Option<Answering> {
        let keys = [
            format!("{method} {path}"),
            format!("ANY {path}"),
            STAGE.to_owned(),
        ];
        let by_key = |key: &String| {
            self.routes
                .iter()
                .find(|route| text(route, "routeKey") == key)
        };
        let route = keys.iter().find_map(by_key)?;
        let target = text(route, "target").strip_prefix("integrations/")?;
        let mut integrations = self.integrations.iter();
        let integration = integrations.find(|it| text(it, "integrationId") == target)?;
        Some(Answering {
            function_uri: text(integration, "integrationUri").to_owned(),
            payload_format: text(integration, "payloadFormatVersion").to_owned(),
            signed_only: text(route, "authorizationType") == "AWS_IAM",
            key: text(route, "routeKey").to_owned(),
        })
    }

    /// Whether the stage lets one more request to the route through.
    pub(super) fn lets_through(&mut self, route: &Answering, now: Instant) -> bool {
        let stage = self
            .stages
            .iter()
            .find(|stage| text(stage, "stageName") == STAGE);
        let Some(stage) = stage else { return false };
        let of_route = &stage["routeSettings"][&route.key];
        let settings = if of_route.is_null() {
            &stage["defaultRouteSettings"]
        } else {
            of_route
        };
        if settings.as_object().is_none_or(Map::is_empty) {
            return true;
        }
        // What is left out of settings is 0: nothing passes.
        let figure = |key: &str| settings[key].as_f64().unwrap_or_default();
        let (rate, burst) = (
            figure("throttlingRateLimit"),
            figure("throttlingBurstLimit"),
        );
        let (left, since) = self.tokens.get(&route.key).copied().unwrap_or((burst, now));
        let left = burst.min(left + rate * now.duration_since(since).as_secs_f64());
        let through = left >= 1.0;
        let rest = if through { left - 1.0 } else { left };
        self.tokens.insert(route.key.clone(), (rest, now));
        through
    }

    fn add_integration(&mut self, id: String, request: &Request) -> Map<String, Value> {
        let mut it = Map::new();
        it.insert("integrationId".into(), id.into());
        it.insert("integrationType".into(), "AWS_PROXY".into());
        it.insert("connectionType".into(), "INTERNET".into());
        it.insert("integrationMethod".into(), "POST".into());
        it.insert("timeoutInMillis".into(), 30_000.into());
        update(&mut it, request, &INTEGRATION);
        self.integrations.push(it.clone());
        it
    }

    fn add_route(&mut self, id: String, request: &Request, key: &str) -> Map<String, Value> {
        let mut route = Map::new();
        route.insert("routeId".into(), id.into());
        route.insert("routeKey".into(), key.into());
        route.insert("authorizationType".into(), "NONE".into());
        route.insert("apiKeyRequired".into(), false.into());
        update(&mut route, request, &ROUTE);
        self.routes.push(route.clone());
        route
    }

    fn add_stage(&mut self, request: &Request, name: &str) -> Map<String, Value> {
        let mut stage = Map::new();
        stage.insert("stageName".into(), name.into());
        stage.insert("autoDeploy".into(), false.into());
        stage.insert("defaultRouteSettings".into(), json!({}));
        stage.insert("routeSettings".into(), json!({}));
        update(&mut stage, request, &STAGE_KEYS);
        self.stages.push(stage.clone());
        stage
    }
}

const INTEGRATION: [&str; 6] = [
    "integrationType",
    "integrationUri",
    "payloadFormatVersion",
    "timeoutInMillis",
    "credentialsArn",
    "requestParameters",
];
const ROUTE: [&str; 4] = [
    "target",
    "authorizationType",
    "authorizerId",
    "authorizationScopes",
];
const STAGE_KEYS: [&str; 4] = [
    "description",
    "autoDeploy",
    "defaultRouteSettings",
    "routeSettings",
];

impl World {
    pub(super) fn http_apis(&mut self, operation: &str, request: &Request) -> Answer {
        let id = request.text("apiId");
        Ok(Body::Json(match operation {
            "GetApis" => {
                let apis = self.http_apis.values();
                let all: Vec<Value> = apis.map(|api| self.http_api_json(api)).collect();
                let asked = request.number("maxResults");
                let (page, next) = self.page(all, request.text("nextToken"), asked, PAGE);
                json!({"items": page, "nextToken": next})
            }
            "CreateApi" => self.create_http_api(request)?,
            "UpdateApi" => {
                let keys = ["corsConfiguration", "disableExecuteApiEndpoint", "name"];
                let api = self.http_api(id)?;
                update(&mut api.settings, request, &keys[..2]);
                if !request.text("name").is_empty() {
                    api.name = request.text("name").to_owned();
                }
                let api = api.clone();
                self.http_api_json(&api)
            }
            "DeleteApi" => {
                let removed = self.http_apis.remove(id);
                removed.ok_or_else(|| not_found("Invalid API identifier specified"))?;
                Value::Null
            }
            "DeleteCorsConfiguration" => {
                self.http_api(id)?.settings.remove("corsConfiguration");
                Value::Null
            }
            "TagResource" => {
                let tags = tag_map(request.get("tags"));
                self.http_api(id)?.tags.extend(tags);
                json!({})
            }
            "GetRoutes" => {
                let all = self.http_api(id)?.routes.clone();
                let (page, next) = self.page(all, request.text("nextToken"), None, PAGE);
                json!({"items": page, "nextToken": next})
            }
            "GetIntegrations" => {
                let all = self.http_api(id)?.integrations.clone();
                let (page, next) = self.page(all, request.text("nextToken"), None, PAGE);
                json!({"items": page, "nextToken": next})
            }
            "GetStages" => json!({"items": self.http_api(id)?.stages}),
            "CreateIntegration" => {
                let new = self.id();
                if request.text("payloadFormatVersion").is_empty() {
                    return Err(bad_request(
                        "PayloadFormatVersion is required for a Lambda integration",
                    ));
                }
                json!(self.http_api(id)?.add_integration(new, request))
            }
            "CreateRoute" => {
                let (new, key) = (self.id(), request.text("routeKey"));
                let api = self.http_api(id)?;
                if api
                    .routes
                    .iter()
                    .any(|route| text(route, "routeKey") == key)
                {
                    return Err(conflict(&format!(
                        "Route with key {key} already exists for this API"
                    )));
                }
                json!(api.add_route(new, request, key))
            }
            "UpdateRoute" => {
                let mut routes = self.http_api(id)?.routes.iter_mut();
                let route = routes.find(|it| text(it, "routeId") == request.text("routeId"));
                let route = route.ok_or_else(|| not_found("Unable to find Route by key"))?;
                update(route, request, &ROUTE);
                json!(route)
            }
            "DeleteRoute" => {
                let routes = &mut self.http_api(id)?.routes;
                let before = routes.len();
                routes.retain(|it| text(it, "routeId") != request.text("routeId"));
                if routes.len() == before {
                    return Err(not_found("Unable to find Route by key"));
                }
                Value::Null
            }
            "CreateStage" => {
                let name = request.text("stageName");
                let api = self.http_api(id)?;
                if api
                    .stages
                    .iter()
                    .any(|stage| text(stage, "stageName") == name)
                {
                    return Err(conflict("Stage already exists"));
                }
                json!(api.add_stage(request, name))
            }
            "UpdateStage" => {
                let stage = self.http_stage(request)?;
                update(stage, request, &STAGE_KEYS);
                json!(stage)
            }
            "DeleteRouteSettings" => {
                let stage = self.http_stage(request)?;
                if let Some(settings) = stage["routeSettings"].as_object_mut() {
                    settings.remove(request.text("routeKey"));
                }
                Value::Null
            }
            _ => panic!("HTTP APIs here know no {operation}"),
        }))
    }

    pub(super) fn http_api(&mut self, id: &str) -> Result<&mut HttpApi, Refusal> {
        let api = self.http_apis.get_mut(id);
        api.ok_or_else(|| not_found("Invalid API identifier specified"))
    }

    fn http_stage(&mut self, request: &Request) -> Result<&mut Map<String, Value>, Refusal> {
        let name = request.text("stageName");
        let mut stages = self.http_api(request.text("apiId"))?.stages.iter_mut();
        let stage = stages.find(|stage| text(stage, "stageName") == name);
        stage.ok_or_else(|| not_found("Unable to find Stage by name"))
    }

    fn http_api_json(&self, api: &HttpApi) -> Value {
        let seconds = self.seconds(api.created_at) as i64;
        let created = jiff::Timestamp::from_second(seconds).expect("AWS's clock is right");
        let mut answer = json!({
            "apiId": api.id,
            "name": api.name,
            "protocolType": "HTTP",
            "createdDate": created.to_string(),
            "tags": api.tags,
            "apiEndpoint": format!("https://{}.execute-api.us-east-1.amazonaws.com", api.id),
            "routeSelectionExpression": "$request.method $request.path",
        });
        for (key, value) in &api.settings {
            answer[key] = value.clone();
        }
        answer
    }

    /// Names are not unique. Quick create is not known here: what it makes cannot be changed as homeroom needs it (API reference,
    /// Stage, `apiGatewayManaged`).
    fn create_http_api(&mut self, request: &Request) -> Result<Value, Refusal> {
        let id = self.id();
        assert!(request.get("target").is_null(), "no quick create here");
        if request.text("protocolType") != "HTTP" {
            return Err(bad_request(
                "Invalid protocol specified. Must be one of [HTTP, WEBSOCKET]",
            ));
        }
        let api = HttpApi {
            id: id.clone(),
            name: request.text("name").to_owned(),
            tags: tag_map(request.get("tags")),
            created_at: self.now,
            settings: Map::new(),
            routes: Vec::new(),
            integrations: Vec::new(),
            stages: Vec::new(),
            tokens: BTreeMap::new(),
        };
        let answer = self.http_api_json(&api);
        self.http_apis.insert(id, api);
        Ok(answer)
    }

    /// A student sets something of one of their HTTP APIs, as its request has it: of the API, its `routes`, `integrations` or
    /// `stages`.
    pub(super) fn set_of_http_api(&mut self, name: &str, part: &str, key: &str, value: Value) {
        let mut apis = self.http_apis.values_mut();
        let api = apis.find(|api| api.name == name).expect("the API is there");
        let map = match part {
            "routes" => &mut api.routes[0],
            "integrations" => &mut api.integrations[0],
            "stages" => &mut api.stages[0],
            _ => &mut api.settings,
        };
        map.insert(key.to_owned(), value);
    }
}
