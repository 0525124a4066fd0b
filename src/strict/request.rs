//! Requests: operation, parameters and resource.

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use super::cbor;

/// A request with the parameters of its path, query, form or JSON in one place.
#[derive(Debug, Clone)]
pub struct Request {
    /// `service:Operation`; `service:?` for an unknown one.
    pub operation: String,
    params: Map<String, Value>,
    /// The body as it came.
    pub body: String,
}

impl Request {
    /// Reads a request. `uri`: whole, or from its path on. `header`: the value of a header, by its name in lower case.
    pub fn read<'a>(
        method: &str,
        uri: &str,
        header: impl Fn(&str) -> Option<&'a str>,
        bytes: &[u8],
    ) -> Self {
        let rest = uri.split_once("://").map_or(uri, |(_, rest)| rest);
        let (host, target) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let segments: Vec<String> = path
            .split('/')
            .filter(|s| !s.is_empty())
            .map(decode)
            .collect();
        let body = String::from_utf8_lossy(bytes).into_owned();

        let mut params = form(query);
        // The signature names the service, whatever the endpoint. Requests to deployed stages have a signature only where
        // the API asks for it.
        let signature = header("authorization").unwrap_or_default();
        let scope = signature.split(',').next().unwrap_or_default();
        let service = scope.split('/').nth(3).unwrap_or_default();
        let presigned = params.get("X-Amz-Signature").is_some();
        let operation = if scope.is_empty() && presigned && host.contains(".s3.") {
            // An address that Lambda signed for a function's code.
            params.insert("Key".into(), segments.join("/").into());
            "s3:GetObject".to_owned()
        } else if scope.is_empty() || service == "execute-api" {
            params.insert("signed".into(), (!scope.is_empty()).into());
            let agent = header("user-agent").unwrap_or_default();
            params.insert("userAgent".into(), agent.into());
            let api = host.split('.').next().unwrap_or_default();
            let stage = segments.first().cloned().unwrap_or_default();
            let path = segments.get(1..).unwrap_or_default().join("/");
            params.insert("restApiId".into(), api.into());
            params.insert("stageName".into(), stage.into());
            params.insert("path".into(), format!("/{path}").into());
            params.insert("httpMethod".into(), method.into());
            "execute-api:Invoke".to_owned()
        } else {
            match service {
                service @ ("iam" | "sts") => {
                    params.extend(form(&body));
                    let action = params
                        .get("Action")
                        .and_then(Value::as_str)
                        .unwrap_or_default();
                    format!("{service}:{action}")
                }
                service @ ("states" | "logs") => {
                    params.extend(object(&body));
                    let target = header("x-amz-target").unwrap_or_default();
                    let action = target.rsplit('.').next().unwrap_or_default();
                    format!("{service}:{action}")
                }
                // `/service/…/operation/GetMetricData`. Source: Smithy, "RPC v2 CBOR protocol".
                "monitoring" => {
                    if let Some(Value::Object(map)) = cbor::read(bytes) {
                        params.extend(map);
                    }
                    let action = segments.last().map_or("?", String::as_str);
                    format!("cloudwatch:{action}")
                }
                service => {
                    params.extend(object(&body));
                    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
                    // The signature names one service for APIs of both types.
                    let service = match segments.first() {
                        Some(&"v2") if service == "apigateway" => "apigatewayv2",
                        _ => service,
                    };
                    let (action, labels) = match service {
                        "lambda" => {
                            if let Some(how) = header("x-amz-invocation-type") {
                                params.insert("InvocationType".to_owned(), how.into());
                            }
                            lambda(method, &segments)
                        }
                        "apigateway" => apigateway(method, &segments),
                        "apigatewayv2" => apigatewayv2(method, &segments[1..]),
                        _ => None,
                    }
                    .unwrap_or(("?", vec![]));
                    params.extend(labels.into_iter().map(|(k, v)| (k.to_owned(), v.into())));
                    format!("{service}:{action}")
                }
            }
        };
        Self {
            operation,
            params,
            body,
        }
    }

    /// A parameter as it came.
    pub fn get(&self, name: &str) -> &Value {
        self.params.get(name).unwrap_or(&Value::Null)
    }

    /// A text parameter; empty when it is not there.
    pub fn text(&self, name: &str) -> &str {
        self.get(name).as_str().unwrap_or_default()
    }

    /// A whole number, from JSON or from text.
    pub fn number(&self, name: &str) -> Option<usize> {
        match self.get(name) {
            Value::String(text) => text.parse().ok(),
            value => value.as_u64().map(|n| n as usize),
        }
    }

    /// Parameters `prefix.member.N.…` of the query protocol, in order.
    pub fn members(&self, prefix: &str, field: &str) -> Vec<&str> {
        (1..)
            .map_while(|n| self.params.get(&format!("{prefix}.member.{n}{field}")))
            .filter_map(Value::as_str)
            .collect()
    }

    /// `service` and `Operation`.
    pub fn parts(&self) -> (&str, &str) {
        self.operation.split_once(':').unwrap_or_default()
    }

    /// The resource's name, id or ARN; empty for listings.
    pub(crate) fn resource(&self) -> String {
        let keys: &[&str] = match self.parts().0 {
            "iam" => &[
                "RoleName",
                "UserName",
                "PolicyArn",
                "PolicyName",
                "SerialNumber",
            ],
            "lambda" => &["FunctionName"],
            "states" => &["name", "stateMachineArn", "executionArn", "resourceArn"],
            "logs" => &["logGroupName", "resourceArn"],
            // An API has a name only while it is created.
            "apigateway" if self.operation.ends_with(":CreateRestApi") => &["name"],
            "apigatewayv2" if self.operation.ends_with(":CreateApi") => &["name"],
            "apigatewayv2" => &["apiId"],
            _ => &["restApiId"],
        };
        let found = keys
            .iter()
            .map(|key| self.text(key))
            .find(|text| !text.is_empty());
        found.unwrap_or_default().to_owned()
    }
}

fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

fn form(text: &str) -> Map<String, Value> {
    text.split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(k, v)| (decode(k), decode(&v.replace('+', " ")).into()))
        .collect()
}

fn object(text: &str) -> Map<String, Value> {
    match serde_json::from_str(text) {
        Ok(Value::Object(map)) => map,
        _ => Map::new(),
    }
}

type RouteMatch<'a> = Option<(&'static str, Vec<(&'static str, &'a str)>)>;

fn lambda<'a>(method: &str, segments: &[&'a str]) -> RouteMatch<'a> {
    let (version, rest) = segments.split_first()?;
    // The path without the function, and the function.
    let (path, name) = match rest {
        ["tags", arn] => (vec!["tags"], arn.rsplit(':').next()),
        ["functions", name, below @ ..] => (below.to_vec(), Some(*name)),
        _ => (rest.to_vec(), None),
    };
    let mut labels: Vec<_> = name
        .map(|name| ("FunctionName", name))
        .into_iter()
        .collect();
    let operation = match (*version, method, path.as_slice(), name.is_some()) {
        ("2016-08-19", "GET", ["account-settings"], false) => "GetAccountSettings",
        ("2017-03-31", "POST", ["tags"], true) => "TagResource",
        ("2017-03-31", "DELETE", ["tags"], true) => "UntagResource",
        ("2017-10-31", "PUT", ["concurrency"], true) => "PutFunctionConcurrency",
        ("2017-10-31", "DELETE", ["concurrency"], true) => "DeleteFunctionConcurrency",
        ("2015-03-31", "GET", ["functions"], false) => "ListFunctions",
        ("2015-03-31", "POST", ["functions"], false) => "CreateFunction",
        ("2015-03-31", "GET", [], true) => "GetFunction",
        ("2015-03-31", "DELETE", [], true) => "DeleteFunction",
        ("2015-03-31", "PUT", ["code"], true) => "UpdateFunctionCode",
        ("2015-03-31", "PUT", ["configuration"], true) => "UpdateFunctionConfiguration",
        ("2015-03-31", "GET", ["configuration"], true) => "GetFunctionConfiguration",
        ("2015-03-31", "POST", ["invocations"], true) => "Invoke",
        ("2015-03-31", "GET", ["policy"], true) => "GetPolicy",
        ("2015-03-31", "POST", ["policy"], true) => "AddPermission",
        ("2015-03-31", "DELETE", ["policy", id], true) => {
            labels.push(("StatementId", *id));
            "RemovePermission"
        }
        _ => return None,
    };
    Some((operation, labels))
}

fn apigateway<'a>(method: &str, segments: &[&'a str]) -> RouteMatch<'a> {
    if let ("PUT", ["tags", arn]) = (method, segments) {
        let id = arn.rsplit('/').next().unwrap_or_default();
        return Some(("TagResource", vec![("restApiId", id)]));
    }
    let ["restapis", rest @ ..] = segments else {
        return None;
    };
    let (action, mut labels) = match (method, rest) {
        ("GET", []) => ("GetRestApis", vec![]),
        ("POST", []) => ("CreateRestApi", vec![]),
        ("DELETE", [_]) => ("DeleteRestApi", vec![]),
        ("GET", [_, "resources"]) => ("GetResources", vec![]),
        ("POST", [_, "resources", parent]) => ("CreateResource", vec![("parentId", *parent)]),
        ("PUT", [_, "resources", resource, "methods", verb]) => (
            "PutMethod",
            vec![("resourceId", *resource), ("verb", *verb)],
        ),
        ("PATCH", [_, "resources", resource, "methods", verb]) => (
            "UpdateMethod",
            vec![("resourceId", *resource), ("verb", *verb)],
        ),
        ("PUT", [_, "resources", resource, "methods", verb, "integration"]) => (
            "PutIntegration",
            vec![("resourceId", *resource), ("verb", *verb)],
        ),
        ("POST", [_, "deployments"]) => ("CreateDeployment", vec![]),
        ("GET", [_, "stages"]) => ("GetStages", vec![]),
        ("PATCH", [_, "stages", stage]) => ("UpdateStage", vec![("stageName", *stage)]),
        ("DELETE", [_, "stages", stage]) => ("DeleteStage", vec![("stageName", *stage)]),
        _ => return None,
    };
    if let [id, ..] = rest {
        labels.push(("restApiId", id));
    }
    Some((action, labels))
}

fn apigatewayv2<'a>(method: &str, segments: &[&'a str]) -> RouteMatch<'a> {
    if let ("POST", ["tags", arn]) = (method, segments) {
        let id = arn.rsplit('/').next().unwrap_or_default();
        return Some(("TagResource", vec![("apiId", id)]));
    }
    let ["apis", rest @ ..] = segments else {
        return None;
    };
    let (action, mut labels) = match (method, rest) {
        ("GET", []) => ("GetApis", vec![]),
        ("POST", []) => ("CreateApi", vec![]),
        ("PATCH", [_]) => ("UpdateApi", vec![]),
        ("DELETE", [_]) => ("DeleteApi", vec![]),
        ("DELETE", [_, "cors"]) => ("DeleteCorsConfiguration", vec![]),
        ("GET", [_, "routes"]) => ("GetRoutes", vec![]),
        ("POST", [_, "routes"]) => ("CreateRoute", vec![]),
        ("PATCH", [_, "routes", route]) => ("UpdateRoute", vec![("routeId", *route)]),
        ("DELETE", [_, "routes", route]) => ("DeleteRoute", vec![("routeId", *route)]),
        ("GET", [_, "integrations"]) => ("GetIntegrations", vec![]),
        ("POST", [_, "integrations"]) => ("CreateIntegration", vec![]),
        ("GET", [_, "stages"]) => ("GetStages", vec![]),
        ("POST", [_, "stages"]) => ("CreateStage", vec![]),
        ("PATCH", [_, "stages", stage]) => ("UpdateStage", vec![("stageName", *stage)]),
        ("DELETE", [_, "stages", stage, "routesettings", key]) => (
            "DeleteRouteSettings",
            vec![("stageName", *stage), ("routeKey", *key)],
        ),
        _ => return None,
    };
    if let [id, ..] = rest {
        labels.push(("apiId", id));
    }
    Some((action, labels))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signed<'a>(service: &str, target: &'a str) -> impl Fn(&str) -> Option<&'a str> {
        let scope: &str =
            format!("AWS4-HMAC-SHA256 Credential=k/20260101/us-east-1/{service}/aws4_request, x")
                .leak();
        move |name| match name {
            "authorization" => Some(scope),
            "x-amz-target" => Some(target),
            _ => None,
        }
    }

    #[test]
    fn an_operation_is_known_in_every_protocol() {
        let form = Request::read(
            "POST",
            "/",
            signed("iam", ""),
            b"Action=GetRole&RoleName=a%2Fb+c",
        );
        assert_eq!(
            (form.parts(), form.text("RoleName")),
            (("iam", "GetRole"), "a/b c")
        );
        let json = Request::read(
            "POST",
            "/",
            signed("states", "AWSStepFunctions.DescribeStateMachine"),
            br#"{"stateMachineArn": "arn:x:m"}"#,
        );
        assert_eq!(json.operation, "states:DescribeStateMachine");
        assert_eq!(json.resource(), "arn:x:m");
        let rest = Request::read(
            "DELETE",
            "http://h/2015-03-31/functions/f",
            signed("lambda", ""),
            b"",
        );
        assert_eq!(
            (rest.operation.as_str(), rest.resource().as_str()),
            ("lambda:DeleteFunction", "f")
        );
    }

    #[test]
    fn unknown_calls_belong_to_their_service_and_unsigned_ones_to_a_stage() {
        let other = Request::read("GET", "/2019-09-25/x", signed("lambda", ""), b"");
        assert_eq!(other.operation, "lambda:?");
        let stage = Request::read("POST", "https://api1.example/prod/run", |_| None, b"{}");
        assert_eq!(stage.operation, "execute-api:Invoke");
        assert_eq!(
            (stage.text("restApiId"), stage.text("path")),
            ("api1", "/run")
        );
    }
}
