//! Error answers, in each service's protocol.

use serde_json::json;

use super::cbor;

/// An error answer of AWS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// HTTP status.
    pub status: u16,
    /// The error's code (`ThrottlingException`).
    pub code: String,
    /// For people.
    pub message: String,
}

/// An answer on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// HTTP status.
    pub status: u16,
    /// Headers, in lower case.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Refusal {
    /// An error answer.
    pub fn new(status: u16, code: &str, message: &str) -> Self {
        Self {
            status,
            code: code.into(),
            message: message.into(),
        }
    }

    /// AWS itself failed.
    pub(crate) fn internal() -> Self {
        Self::new(
            500,
            "InternalFailure",
            "We encountered an internal error. Please try again.",
        )
    }

    /// The service's own throttling error. Sources: the services' API references, "Common errors", and
    /// `TooManyRequestsException` of Lambda and API Gateway.
    pub(crate) fn throttled(service: &str) -> Self {
        match service {
            "iam" | "sts" => Self::new(400, "Throttling", "Rate exceeded"),
            "lambda" => Self::new(429, "TooManyRequestsException", "Rate exceeded"),
            "apigateway" | "apigatewayv2" => {
                Self::new(429, "TooManyRequestsException", "Too Many Requests")
            }
            _ => Self::new(400, "ThrottlingException", "Rate exceeded"),
        }
    }

    /// The caller may not do this. `operation`: `service:Operation`.
    pub(crate) fn access_denied(operation: &str) -> Self {
        let code = if operation.starts_with("iam:") {
            "AccessDenied"
        } else {
            "AccessDeniedException"
        };
        let message = format!(
            "User: arn:aws:iam::123456789012:user/instructor is not authorized to perform: {operation}"
        );
        Self::new(403, code, &message)
    }

    /// The answer as the service writes it.
    pub fn render(&self, service: &str) -> Rendered {
        let Self {
            status,
            code,
            message,
        } = self;
        let mut headers = Vec::with_capacity(2);
        let body = match service {
            "iam" | "sts" => {
                headers.push(("content-type", "text/xml".to_owned()));
                let who = if *status < 500 { "Sender" } else { "Receiver" };
                format!(
                    "<ErrorResponse xmlns=\"https://{service}.amazonaws.com/doc/\"><Error><Type>{who}</Type>\
                     <Code>{}</Code><Message>{}</Message></Error><RequestId>r</RequestId></ErrorResponse>",
                    escape(code),
                    escape(message)
                )
            }
            "cloudwatch" => {
                headers.extend(cbor::HEADERS.map(|(name, value)| (name, value.to_owned())));
                let body = cbor::write(&json!({"__type": code, "message": message}));
                return Rendered {
                    status: *status,
                    headers,
                    body,
                };
            }
            "states" | "logs" => {
                let version = if service == "states" { "1.0" } else { "1.1" };
                headers.push(("content-type", format!("application/x-amz-json-{version}")));
                json!({"__type": code, "message": message}).to_string()
            }
            _ => {
                headers.push(("content-type", "application/json".to_owned()));
                // A deployed stage answers for its lab, not for AWS's control plane.
                if service != "execute-api" {
                    headers.push(("x-amzn-errortype", code.clone()));
                }
                json!({ "message": message }).to_string()
            }
        };
        Rendered {
            status: *status,
            headers,
            body: body.into_bytes(),
        }
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_protocol_says_the_code_where_its_clients_look_for_it() {
        let refusal = Refusal::new(400, "Throttling", "a < b");
        let xml = String::from_utf8(refusal.render("iam").body).unwrap();
        assert!(xml.contains("<Code>Throttling</Code>"), "{xml}");
        assert!(xml.contains("a &lt; b"), "{xml}");
        let states = refusal.render("states");
        assert_eq!(states.headers[0].1, "application/x-amz-json-1.0");
        assert_eq!(states.body, br#"{"__type":"Throttling","message":"a < b"}"#);
        let cbor = cbor::read(&refusal.render("cloudwatch").body);
        assert_eq!(
            cbor,
            Some(json!({"__type": "Throttling", "message": "a < b"}))
        );
        let rest = refusal.render("lambda");
        assert_eq!(rest.headers[1], ("x-amzn-errortype", "Throttling".into()));
    }
}
