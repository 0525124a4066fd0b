//! Calls to deployed stages (`execute-api`), through the SDK's own machinery: the same connection pool, time-outs,
//! counters and error classes as every other call. Nothing follows redirects.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_config::timeout::TimeoutConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_runtime::client::orchestrator::operation::Operation as SdkOperation;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_runtime_api::client::interceptors::context::{Error, Output};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use aws_smithy_runtime_api::client::ser_de::DeserializeResponse;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use aws_smithy_types::config_bag::ConfigBag;

use tokio::sync::Mutex;

use crate::domain::resources::rest_api::Authorization;

use super::classify;
use super::client::Client;
use super::connect::{CONNECT_TIMEOUT, CREDENTIALS_TIMEOUT, behavior_version};
use super::count::Calls;
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

/// Credentials are fetched again when they have less than this left.
const EXPIRES_SOON: Duration = Duration::from_secs(300);

/// What an endpoint answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpAnswer {
    /// HTTP status.
    pub status: u16,
    /// Body as text.
    pub body: String,
}

/// Calls stages.
#[derive(Debug, Clone)]
pub(super) struct Endpoint {
    invoke_base: String,
    pub(super) region: String,
    http_client: SharedHttpClient,
    calls: Calls,
    credentials: Option<SharedCredentialsProvider>,
    /// Those that were fetched last: the provider may ask a service, or a person, each time.
    fetched: Arc<Mutex<Option<Credentials>>>,
}

impl Endpoint {
    /// A request as it stands to an origin, sent once and counted: the SDK neither signs nor repeats it.
    pub(super) fn plain(
        &self,
        service: &'static str,
        operation: &'static str,
        origin: &str,
        timeout: Duration,
    ) -> SdkOperation<HttpRequest, Unread, Infallible> {
        SdkOperation::builder()
            .service_name(service)
            .operation_name(operation)
            .behavior_version(behavior_version())
            .http_client(self.http_client.clone())
            .endpoint_url(origin)
            .no_auth()
            .no_retry()
            .sleep_impl(TokioSleep::new())
            .timeout_config(
                TimeoutConfig::builder()
                    .connect_timeout(CONNECT_TIMEOUT)
                    .operation_timeout(timeout)
                    .build(),
            )
            .interceptor(self.calls.clone())
            .serializer(Ok)
            .deserializer_impl::<Unread, Infallible>(HandOver)
            .build()
    }

    pub(super) fn new(
        invoke_base: Option<String>,
        region: &str,
        http_client: SharedHttpClient,
        calls: Calls,
        credentials: Option<SharedCredentialsProvider>,
    ) -> Self {
        let invoke_base = invoke_base.unwrap_or_else(|| {
            let suffix = dns_suffix(region);
            format!("https://{{api_id}}.execute-api.{region}.{suffix}/{{stage}}")
        });
        Self {
            invoke_base,
            region: region.to_owned(),
            http_client,
            calls,
            credentials,
            fetched: Arc::default(),
        }
    }

    /// The same for another caller.
    pub(super) fn with_credentials(&self, credentials: SharedCredentialsProvider) -> Self {
        Self {
            credentials: Some(credentials),
            fetched: Arc::default(),
            ..self.clone()
        }
    }

    /// The caller's credentials; of many that ask at once, one fetches them.
    async fn credentials(&self) -> CloudResult<Credentials> {
        let mut fetched = self.fetched.lock().await;
        let soon = SystemTime::now() + EXPIRES_SOON;
        if let Some(known) = &*fetched
            && known.expiry().is_none_or(|end| end > soon)
        {
            return Ok(known.clone());
        }
        let failed = |message: String| CloudError {
            operation: OPERATION,
            kind: ErrorKind::Credentials,
            code: "NoCredentials".into(),
            message,
            request_id: None,
        };
        let provider = self.credentials.as_ref().ok_or_else(|| {
            failed("no AWS credentials were found where the AWS CLI looks for them".into())
        })?;
        let new = tokio::time::timeout(CREDENTIALS_TIMEOUT, provider.provide_credentials())
            .await
            .map_err(|late| failed(late.to_string()))?
            .map_err(|error| failed(classify::chain(&error)))?;
        Ok(fetched.insert(new).clone())
    }

    pub(super) fn invoke_url(&self, api_id: &str, stage: &str) -> String {
        self.invoke_base
            .trim_end_matches('/')
            .replace("{api_id}", api_id)
            .replace("{stage}", stage)
    }
}

/// The domain below which a region's endpoints stand. Source: the partitions file of the AWS SDKs.
pub(super) fn dns_suffix(region: &str) -> &'static str {
    match region {
        r if r.starts_with("cn-") => "amazonaws.com.cn",
        r if r.starts_with("eusc-") => "amazonaws.eu",
        r if r.starts_with("us-iso-") => "c2s.ic.gov",
        r if r.starts_with("us-isob-") => "sc2s.sgov.gov",
        r if r.starts_with("eu-isoe-") => "cloud.adc-e.uk",
        r if r.starts_with("us-isof-") => "csp.hci.ic.gov",
        _ => "amazonaws.com",
    }
}

/// An answer whose body was not read yet.
#[derive(Debug)]
pub(super) struct Unread {
    pub(super) status: u16,
    pub(super) body: SdkBody,
}

/// Hands the body over unread: the SDK would otherwise load all of it, however long.
#[derive(Debug)]
struct HandOver;

impl DeserializeResponse for HandOver {
    fn deserialize_streaming_with_config(
        &self,
        response: &mut HttpResponse,
        _cfg: &ConfigBag,
    ) -> Option<Result<Output, OrchestratorError<Error>>> {
        Some(Ok(Output::erase(Unread {
            status: response.status().as_u16(),
            body: std::mem::replace(response.body_mut(), SdkBody::taken()),
        })))
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
            endpoint.invoke(api_id, stage, method, path, body, authorization)
        })
        .await
    }
}

impl Endpoint {
    /// One request with a JSON body, signed where the API asks for it: who may call an open API is nobody's business,
    /// the caller's key id included. Every HTTP status is an answer.
    async fn invoke(
        &self,
        api_id: &str,
        stage: &str,
        method: &str,
        path: &str,
        body: &str,
        authorization: Authorization,
    ) -> CloudResult<HttpAnswer> {
        let url = format!("{}{path}", self.invoke_url(api_id, stage));
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
            let credentials = self.credentials().await?;
            let signed = signature(credentials, &self.region, method, &url, body)
                .map_err(|error| invalid(&url, &classify::chain(error.as_ref())))?;
            for (name, value) in signed {
                request.headers_mut().insert(name, value);
            }
        }

        let operation = self.plain("execute-api", "Invoke", origin, TIMEOUT);
        let whole = async {
            let answer = operation
                .invoke(request)
                .await
                .map_err(|error| classify::unanswered(OPERATION, &error))?;
            let (status, body) = (answer.status, answer.body);
            read(body)
                .await
                .map(|body| HttpAnswer { status, body })
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

/// Splits a URL before its path.
pub(super) fn split_origin(url: &str) -> Option<(&str, &str)> {
    let authority = url.find("://")? + 3;
    match url[authority..].find('/') {
        Some(path) => Some(url.split_at(authority + path)),
        None => Some((url, "/")),
    }
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

    fn client(invoke_base: Option<&str>, region: &str) -> Endpoint {
        Endpoint::new(
            invoke_base.map(str::to_owned),
            region,
            super::super::http::client(super::super::http::Proxy::None),
            Calls::default(),
            None,
        )
    }

    #[test]
    fn the_invoke_url_follows_the_regions_partition() {
        assert_eq!(
            client(None, "eu-west-1").invoke_url("a1b2", "prod"),
            "https://a1b2.execute-api.eu-west-1.amazonaws.com/prod"
        );
        assert_eq!(
            client(None, "cn-north-1").invoke_url("a1b2", "prod"),
            "https://a1b2.execute-api.cn-north-1.amazonaws.com.cn/prod"
        );
    }

    #[test]
    fn the_invoke_url_can_be_a_template_of_another_place() {
        let base = "http://127.0.0.1:4566/_aws/execute-api/{api_id}/{stage}/";
        assert_eq!(
            client(Some(base), "us-east-1").invoke_url("a1b2", "prod"),
            "http://127.0.0.1:4566/_aws/execute-api/a1b2/prod"
        );
    }

    #[tokio::test]
    async fn an_endless_answer_is_read_only_up_to_the_cap() {
        let body = SdkBody::from("x".repeat(3 * BODY_MAX));
        assert_eq!(read(body).await.unwrap().len(), BODY_MAX);
    }
}
