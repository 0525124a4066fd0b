//! Answers in each service's protocol.

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use homeroom::strict::{Refusal, Rendered, Request, cbor};
use serde_json::Value;

/// The body of an answer that went well.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Body {
    /// JSON protocols.
    Json(Value),
    /// Query protocol: what stands inside `<…Result>`.
    Xml(String),
    /// A deployed stage's answer.
    Http(u16, String),
    /// A function that was invoked by itself failed.
    Failed(Value),
    /// A file.
    Bytes(Vec<u8>),
}

pub(super) type Answer = Result<Body, Refusal>;

/// The HTTP response for a request.
pub(super) fn http(request: &Request, answer: Answer) -> HttpResponse {
    let (service, name) = request.parts();
    let body = match answer {
        Err(refusal) => return response(refusal.render(service)),
        Ok(body) => body,
    };
    let (status, content_type, body) = match (body, service) {
        (Body::Json(value), "cloudwatch") => {
            let headers = cbor::HEADERS.map(|(name, value)| (name, value.to_owned()));
            return response(Rendered {
                status: 200,
                headers: headers.into(),
                body: cbor::write(&value),
            });
        }
        // Source: Lambda API reference, Invoke, `X-Amz-Function-Error`.
        (Body::Failed(value), _) => {
            return response(Rendered {
                status: 200,
                headers: vec![("x-amz-function-error", "Unhandled".to_owned())],
                body: value.to_string().into_bytes(),
            });
        }
        (Body::Bytes(bytes), _) => {
            let status = StatusCode::try_from(200).expect("200 is a status");
            return HttpResponse::new(status, SdkBody::from(bytes));
        }
        (Body::Http(status, body), _) => (status, "application/json", body),
        (Body::Xml(inner), _) => (
            200,
            "text/xml",
            format!(
                "<{name}Response><{name}Result>{inner}</{name}Result><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></{name}Response>"
            ),
        ),
        (Body::Json(value), "states") => (200, "application/x-amz-json-1.0", value.to_string()),
        (Body::Json(value), "logs") => (200, "application/x-amz-json-1.1", value.to_string()),
        // REST: nothing to say is 204 in Lambda and 202 in API Gateway.
        (Body::Json(Value::Null), "lambda") => (204, "application/json", String::new()),
        (Body::Json(Value::Null), "apigatewayv2") => (204, "application/json", String::new()),
        (Body::Json(Value::Null), _) => (202, "application/json", String::new()),
        (Body::Json(value), _) => (200, "application/json", value.to_string()),
    };
    response(Rendered {
        status,
        headers: vec![("content-type", content_type.to_owned())],
        body: body.into_bytes(),
    })
}

fn response(rendered: Rendered) -> HttpResponse {
    let status = StatusCode::try_from(rendered.status).expect("statuses here are valid");
    let mut response = HttpResponse::new(status, SdkBody::from(rendered.body));
    for (name, value) in rendered.headers {
        response.headers_mut().insert(name, value);
    }
    response
}

/// Text inside an XML element.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
