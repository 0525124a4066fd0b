//! Answers in each service's protocol.

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use serde_json::{Value, json};

use super::request::Request;

/// An error answer.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct AwsError {
    pub(super) status: u16,
    pub(super) code: String,
    pub(super) message: String,
}

impl AwsError {
    pub(super) fn new(status: u16, code: &str, message: &str) -> Self {
        Self {
            status,
            code: code.into(),
            message: message.into(),
        }
    }

    pub(super) fn internal() -> Self {
        Self::new(
            500,
            "InternalFailure",
            "We encountered an internal error. Please try again.",
        )
    }
}

/// The body of an answer that went well.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Body {
    /// JSON protocols.
    Json(Value),
    /// Query protocol: what stands inside `<…Result>`.
    Xml(String),
    /// A deployed stage's answer.
    Http(u16, String),
}

pub(super) type Answer = Result<Body, AwsError>;

/// The HTTP response for a request.
pub(super) fn http(request: &Request, answer: Answer) -> HttpResponse {
    let (service, name) = request.operation.split_once(':').unwrap_or_default();
    let (status, content_type, error_type, body) = match (answer, service) {
        (Ok(Body::Http(status, body)), _) => (status, "application/json", None, body),
        (Ok(Body::Xml(inner)), _) => (
            200,
            "text/xml",
            None,
            format!(
                "<{name}Response><{name}Result>{inner}</{name}Result><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></{name}Response>"
            ),
        ),
        (Ok(Body::Json(value)), "states" | "logs" | "cloudtrail") => {
            (200, "application/x-amz-json-1.1", None, value.to_string())
        }
        // REST: nothing to say is 204 in Lambda and 202 in API Gateway.
        (Ok(Body::Json(Value::Null)), "lambda") => (204, "application/json", None, String::new()),
        (Ok(Body::Json(Value::Null)), _) => (202, "application/json", None, String::new()),
        (Ok(Body::Json(value)), _) => (200, "application/json", None, value.to_string()),
        (Err(error), "iam" | "sts") => (
            error.status,
            "text/xml",
            None,
            format!(
                "<ErrorResponse><Error><Type>Sender</Type><Code>{}</Code><Message>{}</Message></Error><RequestId>r</RequestId></ErrorResponse>",
                error.code,
                escape(&error.message)
            ),
        ),
        (Err(error), "states" | "logs" | "cloudtrail") => (
            error.status,
            "application/x-amz-json-1.1",
            None,
            json!({"__type": error.code, "message": error.message}).to_string(),
        ),
        (Err(error), "execute-api") => (
            error.status,
            "application/json",
            None,
            json!({"message": error.message}).to_string(),
        ),
        (Err(error), _) => (
            error.status,
            "application/json",
            Some(error.code),
            json!({"message": error.message}).to_string(),
        ),
    };
    let status = StatusCode::try_from(status).expect("statuses here are valid");
    let mut response = HttpResponse::new(status, SdkBody::from(body));
    response.headers_mut().insert("content-type", content_type);
    if let Some(code) = error_type {
        response.headers_mut().insert("x-amzn-errortype", code);
    }
    response
}

/// Text inside an XML element.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
