//! API Gateway's data plane (`execute-api`): calls to deployed stages, through the SDK's own machinery: the same connection
//! pool, time-outs, counters and error classes as every other call. Nothing follows redirects.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;

use crate::stack::kinds::rest_api::Authorization;

use super::classify;
use super::client::Client;
use super::endpoint::{PlainClient, split_origin};
use super::error::{CallResult, CloudError, CloudResult, ErrorKind};
use super::operations::Operation;

const OPERATION: Operation = Operation::InvokeApi;

/// For a whole request. API Gateway gives up on its integration after 29 s (API Gateway quotas, "Integration
/// timeout"), so an answer later than this will not come.
const TIMEOUT: Duration = Duration::from_secs(35);
/// What every body says that it is.
const CONTENT_TYPE: &str = "application/json";
/// Bytes of an answer that are read. The lab's answers have a few hundred; a stranger's may be endless.
const BODY_MAX: usize = 64 * 1024;

/// What an endpoint answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpAnswer {
    /// HTTP status.
    pub status: u16,
    /// Body as text.
    pub body: String,
    /// API Gateway's id of the request.
    pub(crate) request_id: Option<String>,
}

impl Client {
    /// An HTTP request with a JSON body to a deployed stage, signed where `authorization` asks for it.
    pub async fn invoke_api(
        &self,
        api_id: &str,
        stage: &str,
        method: &str,
        path: &str,
        body: &str,
        authorization: Authorization,
    ) -> CallResult<HttpAnswer> {
        let endpoint = &self.sdk.endpoint;
        self.attempt(OPERATION, || {
            invoke(endpoint, api_id, stage, method, path, body, authorization)
        })
        .await
    }
}

/// The headers that sign a request (Signature Version 4).
fn signature(
    credentials: Credentials,
    region: &str,
    method: &str,
    url: &str,
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
    let content_type = [("content-type", CONTENT_TYPE)];
    let body = SignableBody::Bytes(body.as_bytes());
    let request = SignableRequest::new(method, url, content_type.into_iter(), body)?;
    let (instructions, _) = sign(request, &params)?.into_parts();
    let headers = instructions.headers();
    Ok(headers
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect())
}

/// One request with a JSON body, signed where the API asks for it: who may call an open API is nobody's business,
/// the caller's key id included. Every HTTP status is an answer.
async fn invoke(
    endpoint: &PlainClient,
    api_id: &str,
    stage: &str,
    method: &str,
    path: &str,
    body: &str,
    authorization: Authorization,
) -> CloudResult<HttpAnswer> {
    let url = format!("{}{path}", endpoint.invoke_url(api_id, stage));
    let (origin, target) = split_origin(&url).ok_or_else(|| invalid(&url, "is not a URL"))?;
    let mut request = HttpRequest::new(SdkBody::from(body));
    request
        .set_method(method)
        .map_err(|error| invalid(method, &error.to_string()))?;
    request
        .set_uri(target)
        .map_err(|error| invalid(target, &error.to_string()))?;
    request.headers_mut().insert("content-type", CONTENT_TYPE);
    request
        .headers_mut()
        .insert("content-length", body.len().to_string());
    if authorization == Authorization::AwsIam {
        let credentials = endpoint.credentials().await?;
        let signed = signature(credentials, &endpoint.region, method, &url, body)
            .map_err(|error| invalid(&url, &classify::chain(error.as_ref())))?;
        for (name, value) in signed {
            request.headers_mut().insert(name, value);
        }
    }

    let operation = endpoint.plain("execute-api", "Invoke", origin, TIMEOUT);
    let whole = async {
        let answer = operation
            .invoke(request)
            .await
            .map_err(|error| classify::unanswered(OPERATION, &error))?;
        let (status, request_id) = (answer.status, answer.request_id);
        read(answer.body)
            .await
            .map(|body| HttpAnswer {
                status,
                body,
                request_id,
            })
            .map_err(|error| broken("ConnectionBroken", classify::chain(error.as_ref())))
    };
    // The operation's own time-out ends with the headers.
    tokio::time::timeout(TIMEOUT, Box::pin(whole))
        .await
        .unwrap_or_else(|_| {
            let seconds = TIMEOUT.as_secs();
            Err(broken(
                "Timeout",
                format!("no whole answer in {seconds} seconds"),
            ))
        })
}

/// The first [`BODY_MAX`] bytes of a body as text.
async fn read(body: SdkBody) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
    let mut stream = ByteStream::new(body);
    let mut bytes = Vec::new();
    while let Some(chunk) = stream.try_next().await? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() >= BODY_MAX {
            bytes.truncate(BODY_MAX);
            break;
        }
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn invalid(subject: &str, cause: &str) -> CloudError {
    CloudError {
        operation: OPERATION,
        kind: ErrorKind::Invalid,
        code: "InvalidRequest".into(),
        message: format!("{subject:?}: {cause}"),
        request_id: None,
    }
}

fn broken(code: &str, message: String) -> CloudError {
    CloudError {
        operation: OPERATION,
        kind: ErrorKind::Ambiguous,
        code: code.into(),
        message,
        request_id: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_endless_answer_is_read_only_up_to_the_cap() {
        let body = SdkBody::from("x".repeat(3 * BODY_MAX));
        assert_eq!(read(body).await.unwrap().len(), BODY_MAX);
    }
}
