//! What running code would do: deployed stages, the trigger function behind them, executions and their logs.

use std::time::Duration;

use homeroom::strict::{Refusal, Request};
use serde_json::{Value, json};

use super::answer::{Answer, Body};
use super::world::World;
use super::{ACCOUNT, REGION};

/// How one execution goes.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// How long it takes.
    pub takes: Duration,
    /// What it ends as (`SUCCEEDED`, `FAILED`, `TIMED_OUT`).
    pub status: &'static str,
    /// The error's name, when it fails.
    pub error: Option<String>,
    /// The error's cause.
    pub cause: Option<String>,
    /// What was caught before it came to that: the state, its error and cause.
    pub caught: Option<(&'static str, String, String)>,
}

impl Run {
    /// Ends well.
    pub fn succeeds(takes: Duration) -> Self {
        Self {
            takes,
            status: "SUCCEEDED",
            error: None,
            cause: None,
            caught: None,
        }
    }

    /// Ends in a Fail state.
    pub fn fails(takes: Duration, error: &str, cause: &str) -> Self {
        Self {
            takes,
            status: "FAILED",
            error: Some(error.into()),
            cause: Some(cause.into()),
            caught: None,
        }
    }

    /// The same, and a state's function had raised this, which was caught.
    #[must_use]
    pub fn after(mut self, state: &'static str, error: &str, message: &str) -> Self {
        let cause = json!({"errorMessage": message, "errorType": error, "stackTrace": []});
        self.caught = Some((state, error.into(), cause.to_string()));
        self
    }
}

/// Lab 6's workflow: two seconds; empty strings, its error exercise, end in `ProcessingFailed`.
pub(super) fn lab6(input: &Value) -> Run {
    let takes = Duration::from_secs(2);
    if input["userId"] == "" || input["dataType"] == "" {
        return Run::fails(takes, "ProcessingFailed", "Open the input of this state").after(
            "ProcessData",
            "InvalidRequest",
            "userId is missing or empty",
        );
    }
    Run::succeeds(takes)
}

fn function_of(uri: &str) -> &str {
    let name = uri.split(":function:").nth(1).unwrap_or_default();
    name.split(['/', '"', ':', '*']).next().unwrap_or_default()
}

/// The path of a request to an HTTP API: what would be a REST API's stage is the first part of it.
fn http_path(request: &Request) -> String {
    let whole = format!("/{}{}", request.text("stageName"), request.text("path"));
    match whole.trim_end_matches('/') {
        "" => "/".to_owned(),
        path => path.to_owned(),
    }
}

/// What a proxy integration hands to a function, as far as a function here may read it. Source: API Gateway Developer Guide,
/// "Create AWS Lambda proxy integrations for HTTP APIs", payload format versions; REST APIs have 1.0 alone.
fn event(request: &Request, format: &str, path: &str) -> Value {
    let (method, agent) = (request.text("httpMethod"), request.text("userAgent"));
    let mut event = json!({
        "version": format,
        "headers": {"user-agent": agent},
        "body": request.body,
        "isBase64Encoded": false,
    });
    match format {
        "2.0" => {
            event["rawPath"] = path.into();
            event["routeKey"] = format!("{method} {path}").into();
            event["requestContext"] =
                json!({"http": {"method": method, "path": path, "userAgent": agent}});
        }
        _ => {
            event["path"] = path.into();
            event["resource"] = path.into();
            event["httpMethod"] = method.into();
            event["requestContext"] = json!({"httpMethod": method, "path": path});
        }
    }
    event
}

impl World {
    /// A request to a stage, answered as API Gateway and Lab 6's trigger function do: a body that is not JSON or lacks
    /// a field is 400; otherwise the state machine that the function's environment names is started.
    pub(super) fn invoke(&mut self, request: &Request) -> Answer {
        let answer = self.answer_of_stage(request);
        let status = match &answer {
            Ok(Body::Http(status, _)) => *status,
            Ok(_) => 200,
            Err(refusal) => refusal.status,
        };
        self.count_answer(request, status);
        answer
    }

    fn answer_of_stage(&mut self, request: &Request) -> Answer {
        if self.http_apis.contains_key(request.text("restApiId")) {
            return self.answer_of_http_api(request);
        }
        let (verb, path) = (request.text("httpMethod"), request.text("path"));
        let api_id = request.text("restApiId");
        let now = self.now;
        let stage = request.text("stageName");
        let api = self.apis.get_mut(api_id).filter(|api| api.has_stage(stage));
        let api = api.ok_or_else(|| Refusal::new(403, "ForbiddenException", "Forbidden"))?;
        let method = api.deployed.get(&(verb.to_owned(), path.to_owned()));
        let signed = request.get("signed") == &Value::Bool(true);
        let method = method.filter(|method| signed || method.authorization == "NONE");
        let method = method.ok_or_else(|| {
            Refusal::new(
                403,
                "MissingAuthenticationTokenException",
                "Missing Authentication Token",
            )
        })?;
        let name = function_of(&method.uri).to_owned();
        if !api.lets_through(stage, now) {
            let slow = "Too Many Requests";
            return Err(Refusal::new(429, "TooManyRequestsException", slow));
        }

        self.answer_of_function(request, (&name, "1.0"), path)
    }

    /// An HTTP API's answers of its own. Its stage has no part in the path. Sources: API Gateway Developer Guide, "Create routes
    /// for HTTP APIs", "Control access to HTTP APIs with IAM authorization", "Throttle requests to your HTTP APIs".
    fn answer_of_http_api(&mut self, request: &Request) -> Answer {
        let own = |status: u16, message: &str| {
            Ok(Body::Http(
                status,
                json!({ "message": message }).to_string(),
            ))
        };
        let (verb, now) = (request.text("httpMethod"), self.now);
        let path = http_path(request);
        let api = self.http_api(request.text("restApiId"))?;
        let Some(route) = api.answering(verb, &path).filter(|_| api.has_stage()) else {
            return own(404, "Not Found");
        };
        if route.signed_only && request.get("signed") != &Value::Bool(true) {
            return own(403, "Forbidden");
        }
        if !api.lets_through(&route, now) {
            return own(429, "Too Many Requests");
        }
        let name = function_of(&route.function_uri).to_owned();
        match self.answer_of_function(request, (&name, &route.payload_format), &path) {
            Err(refusal) if refusal.status == 500 => own(500, "Internal Server Error"),
            other => other,
        }
    }

    /// What the function behind a path answers, if its policy lets the API invoke it.
    fn answer_of_function(
        &mut self,
        request: &Request,
        (name, format): (&str, &str),
        path: &str,
    ) -> Answer {
        let (verb, name) = (request.text("httpMethod"), name.to_owned());
        let event = event(request, format, path);
        let api_id = request.text("restApiId");
        let source = format!("arn:aws:execute-api:{REGION}:{ACCOUNT}:{api_id}/*/{verb}{path}");
        let allowed = self.functions.get(&name).filter(|function| {
            function.policy.values().any(|statement| {
                statement["Condition"]["ArnLike"]["AWS:SourceArn"] == source.as_str()
            })
        });
        let function = allowed
            .ok_or_else(|| Refusal::new(500, "InternalServerError", "Internal server error"))?;
        let variables = function.environment().as_object().into_iter().flatten();
        let machine = variables
            .filter_map(|(_, value)| value.as_str())
            .find_map(|value| {
                value
                    .split_once(":stateMachine:")
                    .map(|(_, name)| name.to_owned())
            });
        let nameless = self.nameless_logs;
        let logged = |message: &str, execution: Option<&str>| {
            let execution = execution.filter(|_| !nameless);
            json!({"level": "INFO", "message": message, "execution": execution}).to_string() + "\n"
        };
        self.events.insert(name.clone(), event.clone());
        self.log(&name, "START RequestId: 1");
        if let Some(said) = self.failing.get(&name).cloned() {
            self.log(&name, &said);
            let message = json!({"message": "Internal server error"});
            return Ok(Body::Http(502, message.to_string()));
        }
        let agent = &event["headers"]["user-agent"];
        let parsed = serde_json::from_str::<Value>(event["body"].as_str().unwrap_or_default());
        let reason = match &parsed {
            Err(_) => Some("the body is not valid JSON; check quotes, commas and braces"),
            Ok(input) if !input["userId"].is_string() => Some("missing: userId"),
            Ok(input) if !input["dataType"].is_string() => Some("missing: dataType"),
            Ok(_) => None,
        };
        if let Some(reason) = reason {
            let line = json!({"message": "request refused", "reason": reason, "userAgent": agent});
            self.log(&name, &line.to_string());
            return Ok(Body::Http(400, json!({ "error": reason }).to_string()));
        }
        let input = parsed.unwrap_or_default();
        let Some(machine) = machine else {
            return Ok(Body::Http(
                500,
                json!({"error": "no state machine"}).to_string(),
            ));
        };
        let part = |key: &str| input[key].as_str().unwrap_or_default().replace('_', "-");
        let run = self.id();
        let parts = [
            "api".to_owned(),
            part("userId"),
            part("dataType"),
            run.clone(),
        ];
        let parts: Vec<String> = parts.into_iter().filter(|p| !p.is_empty()).collect();
        let mut input = input;
        input["source"] = "api".into();
        input["requestId"] = run.into();
        let execution = parts.join("-");
        let arn = self.start_execution(&machine, &execution, &input.to_string())?;
        self.log(&name, &logged("execution started", Some(&execution)));
        let arn = self.answer_with.clone().unwrap_or(arn);
        Ok(Body::Http(202, json!({ "executionArn": arn }).to_string()))
    }

    /// The functions that a workflow calls log the execution's name.
    pub(super) fn log_tasks(&mut self, definition: &str, execution: &str) {
        let execution = (!self.nameless_logs).then_some(execution);
        let message = json!({"level": "INFO", "message": "working", "execution": execution});
        let message = message.to_string() + "\n";
        let mut rest = definition;
        while let Some(at) = rest.find(":function:") {
            rest = &rest[at..];
            let name = function_of(rest).to_owned();
            self.log(&name, &message);
            rest = &rest[":function:".len()..];
        }
    }
}
