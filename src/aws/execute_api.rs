//! API Gateway's data plane (`execute-api`): calls to deployed stages. Nothing follows redirects.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;

use crate::stack::kinds::api::Authorization;

use super::classify;
use super::client::Client;
use super::endpoint::{PlainClient, split_origin};
use super::error::{CallResult, CloudError, CloudResult, ErrorKind};
use super::operations::Operation;

const OPERATION: Operation = Operation::InvokeApi;

/// For a whole request. API Gateway gives up on its integration after 29 s (API Gateway quotas, "Integration
/// timeout"), so an answer later than this will not come.
const TIMEOUT: Duration = Duration::from_secs(35);
const CONTENT_TYPE: &str = "application/json";
/// Bytes of an answer that are read. A lab's answer has a few hundred; somebody else's may be endless.
const BODY_MAX: usize = 64 * 1024;

/// A stage's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpAnswer {
    /// HTTP status.
    pub status: u16,
    /// Its first 64 KiB, as text.
    pub body: String,
    /// API Gateway's id of the request.
    pub(crate) request_id: Option<String>,
}

/// An HTTP request to a deployed stage, with a JSON body or none.
#[derive(Debug, Clone, Copy)]
pub struct ApiRequest<'a> {
    /// The API's id.
    pub api_id: &'a str,
    /// The stage.
    pub stage: &'a str,
    /// HTTP method.
    pub method: &'a str,
    /// Path below the stage, and perhaps a query.
    pub path: &'a str,
    /// Body; empty for none.
    pub body: &'a str,
    /// Whether the API asks for a signature.
    pub authorization: Authorization,
    /// The `User-Agent` that the function behind the API sees.
    pub agent: &'a str,
}

impl Client {
    /// Sends a request to a stage, signed where its API asks for that.
    pub async fn invoke_api(&self, request: ApiRequest<'_>) -> CallResult<HttpAnswer> {
        self.invoke_api_with(request, &BTreeMap::new()).await
    }

    /// The same with headers of one's own.
    pub(crate) async fn invoke_api_with(
        &self,
        request: ApiRequest<'_>,
        headers: &BTreeMap<String, String>,
    ) -> CallResult<HttpAnswer> {
        let endpoint = &self.sdk.endpoint;
        self.attempt(OPERATION, || invoke(endpoint, request, headers))
            .await
    }
}

/// The headers that sign a request (Signature Version 4).
fn signature(
    credentials: Credentials,
    region: &str,
    method: &str,
    url: &str,
    content_type: Option<&str>,
    body: &str,
) -> Result<Vec<(String, String)>, Box<dyn std::error::Error + Send + Sync>> {
    let identity = credentials.into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name("execute-api")
        .time(SystemTime::now())
        .settings(SigningSettings::default())
        .build()?
        .into();
    let content_type = content_type.map(|value| ("content-type", value));
    let body = SignableBody::Bytes(body.as_bytes());
    let request = SignableRequest::new(method, url, content_type.into_iter(), body)?;
    let (instructions, _) = sign(request, &params)?.into_parts();
    let headers = instructions.headers();
    Ok(headers
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect())
}

/// One request. It is signed only where the API asks for it: an open API must not learn the caller's key id.
/// Every HTTP status is an answer.
async fn invoke(
    endpoint: &PlainClient,
    asked: ApiRequest<'_>,
    headers: &BTreeMap<String, String>,
) -> CloudResult<HttpAnswer> {
    let ApiRequest {
        method, path, body, ..
    } = asked;
    let url = format!("{}{path}", endpoint.invoke_url(asked.api_id, asked.stage));
    let (origin, target) = split_origin(&url).ok_or_else(|| invalid(&url, "is not a URL"))?;
    let mut request = HttpRequest::new(SdkBody::from(body));
    request
        .set_method(method)
        .map_err(|error| invalid(method, &error.to_string()))?;
    request
        .set_uri(target)
        .map_err(|error| invalid(target, &error.to_string()))?;
    let mut content_type = (!body.is_empty()).then_some(CONTENT_TYPE);
    for (name, value) in headers {
        if name.eq_ignore_ascii_case("content-type") {
            content_type = Some(value);
        } else {
            let set = request
                .headers_mut()
                .try_insert(name.clone(), value.clone());
            set.map_err(|error| invalid(name, &error.to_string()))?;
        }
    }
    if let Some(content_type) = content_type {
        request
            .headers_mut()
            .insert("content-type", content_type.to_owned());
    }
    request
        .headers_mut()
        .insert("user-agent", asked.agent.to_owned());
    request
        .headers_mut()
        .insert("content-length", body.len().to_string());
    if asked.authorization == Authorization::AwsIam {
        let credentials = endpoint.credentials().await?;
        let region = &endpoint.region;
        let signed = signature(credentials, region, method, &url, content_type, body)
            .map_err(|error| invalid(&url, &classify::chain(error.as_ref())))?;
        for (name, value) in signed {
            request.headers_mut().insert(name, value);
        }
    }

    let answer = endpoint
        .exchange(OPERATION, origin, request, TIMEOUT, |_| BODY_MAX)
        .await?;
    Ok(HttpAnswer {
        status: answer.status,
        body: String::from_utf8_lossy(&answer.body).into_owned(),
        request_id: answer.request_id,
    })
}

fn invalid(subject: &str, cause: &str) -> CloudError {
    let message = format!("{subject:?}: {cause}");
    CloudError::new(OPERATION, ErrorKind::Invalid, "InvalidRequest", message)
}
