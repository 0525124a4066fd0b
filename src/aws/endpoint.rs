//! Requests that no client of the SDK makes: to deployed stages, and for a function's code. They share the SDK clients'
//! connection pool, time-outs and counters.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_config::timeout::TimeoutConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_runtime::client::orchestrator::operation::Operation as SdkOperation;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_runtime_api::client::interceptors::context::{Error, Output};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use aws_smithy_runtime_api::client::ser_de::DeserializeResponse;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use aws_smithy_types::byte_stream::error::Error as ByteStreamError;
use aws_smithy_types::config_bag::ConfigBag;
use tokio::sync::Mutex;

use super::classify::{self, NO_CREDENTIALS};
use super::count::Transmitted;
use super::error::{CloudError, CloudResult, ErrorKind};
use super::http::{CONNECT_TIMEOUT, CREDENTIALS_TIMEOUT, behavior_version};
use super::operations::Operation;
use crate::stack::kinds::http_api::STAGE;

/// Credentials are fetched again when they have less than this left.
const EXPIRES_SOON: Duration = Duration::from_secs(300);

#[derive(Debug, Clone)]
pub(super) struct PlainClient {
    invoke_base: String,
    /// The endpoint that was taken for one like LocalStack: the invoke address is derived from it, and not proven.
    derived_from: Option<String>,
    pub(super) region: String,
    http_client: SharedHttpClient,
    calls: Transmitted,
    credentials: Option<SharedCredentialsProvider>,
    /// The last ones. The provider may ask a service, or a person, each time.
    fetched: Arc<Mutex<Option<Credentials>>>,
}

impl PlainClient {
    pub(super) fn new(
        (invoke_base, endpoint_url): (Option<String>, Option<&str>),
        region: &str,
        http_client: SharedHttpClient,
        calls: Transmitted,
        credentials: Option<SharedCredentialsProvider>,
    ) -> Self {
        let elsewhere = endpoint_url.filter(|url| !is_of_aws(url));
        let derived_from = elsewhere.filter(|_| invoke_base.is_none());
        // An API's id at another endpoint may be somebody else's API at AWS, so AWS's address is not for it.
        let invoke_base = invoke_base.unwrap_or_else(|| match derived_from {
            Some(url) => like_localstack(url),
            None => {
                let suffix = dns_suffix(region);
                format!("https://{{api_id}}.execute-api.{region}.{suffix}/{{stage}}")
            }
        });
        Self {
            invoke_base,
            derived_from: derived_from.map(str::to_owned),
            region: region.to_owned(),
            http_client,
            calls,
            credentials,
            fetched: Arc::default(),
        }
    }

    /// The same client for another caller.
    pub(super) fn with_credentials(&self, credentials: SharedCredentialsProvider) -> Self {
        Self {
            credentials: Some(credentials),
            fetched: Arc::default(),
            ..self.clone()
        }
    }

    /// The caller's credentials. When many calls ask at once, one of them fetches.
    pub(super) async fn credentials(&self) -> CloudResult<Credentials> {
        let mut fetched = self.fetched.lock().await;
        let soon = SystemTime::now() + EXPIRES_SOON;
        if let Some(known) = &*fetched
            && known.expiry().is_none_or(|end| end > soon)
        {
            return Ok(known.clone());
        }
        let failed = |message: String| {
            let kind = ErrorKind::Credentials;
            CloudError::new(Operation::InvokeApi, kind, "NoCredentials", message)
        };
        let provider = self.credentials.as_ref();
        let provider = provider.ok_or_else(|| failed(NO_CREDENTIALS.into()))?;
        let new = tokio::time::timeout(CREDENTIALS_TIMEOUT, provider.provide_credentials())
            .await
            .map_err(|late| failed(late.to_string()))?
            .map_err(|error| failed(classify::chain(&error)))?;
        Ok(fetched.insert(new).clone())
    }

    /// Sends a request once, as it is: the SDK neither signs nor repeats it. `body_max` tells by the status how many
    /// bytes of the answer to read at most.
    pub(super) async fn exchange(
        &self,
        operation: Operation,
        origin: &str,
        request: HttpRequest,
        timeout: Duration,
        body_max: impl FnOnce(u16) -> usize,
    ) -> CloudResult<PlainAnswer> {
        let ambiguous =
            |code, message| CloudError::new(operation, ErrorKind::Ambiguous, code, message);
        let sender = self.sender(operation, origin, timeout);
        let whole = async {
            let unread = sender.invoke(request).await;
            let unread = unread.map_err(|error| classify::unanswered(operation, &error))?;
            let body = match body_max(unread.status) {
                0 => Ok(Vec::new()),
                most => read(unread.body, most).await,
            };
            Ok(PlainAnswer {
                status: unread.status,
                body: body.map_err(|e| ambiguous("ConnectionBroken", classify::chain(&e)))?,
                request_id: unread.request_id,
            })
        };
        // The SDK's own time-out ends with the headers.
        let late = || format!("no whole answer in {} seconds", timeout.as_secs());
        tokio::time::timeout(timeout, Box::pin(whole))
            .await
            .unwrap_or_else(|_| Err(ambiguous("Timeout", late())))
    }

    fn sender(
        &self,
        operation: Operation,
        origin: &str,
        timeout: Duration,
    ) -> SdkOperation<HttpRequest, Unread, Infallible> {
        SdkOperation::builder()
            .service_name(operation.service())
            .operation_name(operation.name())
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

    /// Whether the address of stages is known: given, AWS's, or that of an endpoint that says it is like LocalStack.
    pub(super) async fn knows_invoke_address(&self) -> bool {
        let Some(endpoint_url) = &self.derived_from else {
            return true;
        };
        let Some((origin, _)) = split_origin(endpoint_url) else {
            return false;
        };
        let mut request = HttpRequest::new(SdkBody::empty());
        if request.set_uri(HEALTH).is_err() {
            return false;
        }
        let answer = self.exchange(
            Operation::InvokeApi,
            origin,
            request,
            HEALTH_TIMEOUT,
            |_| HEALTH_MAX,
        );
        answer.await.is_ok_and(|answer| {
            let said = serde_json::from_slice::<serde_json::Value>(&answer.body);
            answer.status == 200 && said.is_ok_and(|said| said["services"].is_object())
        })
    }

    pub(super) fn invoke_url(&self, api_id: &str, stage: &str) -> String {
        let base = self.invoke_base.trim_end_matches('/');
        // Where the host names the API, as at AWS, the default stage is not in the path. Source: API Gateway Developer Guide,
        // "Stages for HTTP APIs".
        let in_host = split_origin(base).is_some_and(|(origin, _)| origin.contains("{api_id}"));
        let base = match in_host && stage == STAGE {
            true => base.trim_end_matches("/{stage}"),
            false => base,
        };
        base.replace("{api_id}", api_id).replace("{stage}", stage)
    }
}

/// The address of stages as LocalStack documents it for endpoints without host names
/// (docs.localstack.cloud/aws/services/apigateway, "Alternative URL format"). MiniStack has it, too.
fn like_localstack(endpoint_url: &str) -> String {
    let endpoint_url = endpoint_url.trim_end_matches('/');
    format!("{endpoint_url}/_aws/execute-api/{{api_id}}/{{stage}}")
}

/// Where an endpoint that knows this address says so (docs.localstack.cloud, "Internal endpoints").
const HEALTH: &str = "/_localstack/health";
const HEALTH_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of that answer that are read: a line for each service.
const HEALTH_MAX: usize = 64 * 1024;

/// Whether an endpoint is AWS's own.
pub(super) fn is_of_aws(endpoint_url: &str) -> bool {
    let rest = endpoint_url.split_once("://").map_or("", |(_, rest)| rest);
    let host = rest.split(['/', ':', '?']).next().unwrap_or_default();
    let host = host.to_ascii_lowercase();
    // The last is that of AWS's dual-stack endpoints.
    let suffixes = PARTITIONS.map(|(_, _, suffix)| suffix);
    let mut suffixes = suffixes.into_iter().chain(["amazonaws.com", "api.aws"]);
    suffixes.any(|suffix| host.ends_with(&format!(".{suffix}")))
}

/// The domain below which a region's endpoints stand.
pub(super) fn dns_suffix(region: &str) -> &'static str {
    of_region(region).1
}

/// The partition that a region is in, by its name.
pub(crate) fn partition_of(region: &str) -> &'static str {
    of_region(region).0
}

fn of_region(region: &str) -> (&'static str, &'static str) {
    let mut others = PARTITIONS.into_iter();
    let found = others.find(|(begin, ..)| region.starts_with(begin));
    found.map_or(("aws", "amazonaws.com"), |(_, name, suffix)| (name, suffix))
}

/// How the regions of a partition begin, its name and its domain. Source: the partitions file of the AWS SDKs.
const PARTITIONS: [(&str, &str, &str); 7] = [
    ("cn-", "aws-cn", "amazonaws.com.cn"),
    ("us-gov-", "aws-us-gov", "amazonaws.com"),
    ("eusc-", "aws-eusc", "amazonaws.eu"),
    ("us-iso-", "aws-iso", "c2s.ic.gov"),
    ("us-isob-", "aws-iso-b", "sc2s.sgov.gov"),
    ("eu-isoe-", "aws-iso-e", "cloud.adc-e.uk"),
    ("us-isof-", "aws-iso-f", "csp.hci.ic.gov"),
];

/// An answer to a request of [`PlainClient::exchange`], whatever its status.
pub(super) struct PlainAnswer {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
    pub(super) request_id: Option<String>,
}

/// The first `max` bytes of a body.
async fn read(body: SdkBody, max: usize) -> Result<Vec<u8>, ByteStreamError> {
    let mut stream = ByteStream::new(body);
    let mut bytes = Vec::new();
    while bytes.len() < max
        && let Some(chunk) = stream.try_next().await?
    {
        bytes.extend_from_slice(&chunk);
    }
    bytes.truncate(max);
    Ok(bytes)
}

/// An answer whose body was not read yet.
#[derive(Debug)]
struct Unread {
    status: u16,
    body: SdkBody,
    request_id: Option<String>,
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
            request_id: response
                .headers()
                .get("x-amzn-requestid")
                .map(str::to_owned),
        })))
    }
}

/// Splits a URL before its path.
pub(super) fn split_origin(url: &str) -> Option<(&str, &str)> {
    let authority = url.find("://")? + 3;
    match url[authority..].find('/') {
        Some(path) => Some(url.split_at(authority + path)),
        None => Some((url, "/")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_endless_answer_is_read_only_up_to_the_cap() {
        let body = SdkBody::from("x".repeat(3 * 1024));
        assert_eq!(read(body, 1024).await.unwrap().len(), 1024);
    }

    fn client(invoke_base: Option<&str>, region: &str) -> PlainClient {
        at_endpoint(invoke_base, None, region)
    }

    fn at_endpoint(
        invoke_base: Option<&str>,
        endpoint_url: Option<&str>,
        region: &str,
    ) -> PlainClient {
        PlainClient::new(
            (invoke_base.map(str::to_owned), endpoint_url),
            region,
            super::super::http::client(false),
            Transmitted::default(),
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
    fn a_region_is_in_the_partition_that_its_name_says() {
        for (region, partition) in [
            ("eu-west-1", "aws"),
            ("cn-north-1", "aws-cn"),
            ("us-gov-west-1", "aws-us-gov"),
            ("eusc-de-east-1", "aws-eusc"),
            ("us-iso-east-1", "aws-iso"),
            ("us-isob-east-1", "aws-iso-b"),
            ("eu-isoe-west-1", "aws-iso-e"),
            ("us-isof-south-1", "aws-iso-f"),
        ] {
            assert_eq!(partition_of(region), partition, "{region}");
        }
    }

    #[test]
    fn the_invoke_url_can_be_a_template_of_another_place() {
        let base = "http://127.0.0.1:4566/_aws/execute-api/{api_id}/{stage}/";
        assert_eq!(
            client(Some(base), "us-east-1").invoke_url("a1b2", "prod"),
            "http://127.0.0.1:4566/_aws/execute-api/a1b2/prod"
        );
    }

    #[test]
    fn the_default_stage_is_in_the_path_only_where_the_host_names_no_api() {
        let url = |base| client(base, "us-east-1").invoke_url("a1b2", "$default");
        let at_aws = "https://a1b2.execute-api.us-east-1.amazonaws.com";
        assert_eq!(url(None), at_aws);
        let same = "https://{api_id}.execute-api.us-east-1.amazonaws.com/{stage}";
        assert_eq!(url(Some(same)), at_aws);
        assert_eq!(
            url(Some("http://127.0.0.1:1/_aws/execute-api/{api_id}/{stage}")),
            "http://127.0.0.1:1/_aws/execute-api/a1b2/$default"
        );
    }

    #[tokio::test]
    async fn an_api_of_another_endpoint_is_never_looked_for_at_aws() {
        let region = "us-east-1";
        let own = at_endpoint(None, Some("http://127.0.0.1:1/"), region);
        assert_eq!(
            own.invoke_url("a1b2", "prod"),
            "http://127.0.0.1:1/_aws/execute-api/a1b2/prod"
        );
        assert!(!own.knows_invoke_address().await, "nobody answers there");
        let named = at_endpoint(
            Some("http://x/{api_id}"),
            Some("http://127.0.0.1:1"),
            region,
        );
        assert!(named.knows_invoke_address().await);
        for aws in [
            "https://vpce-1.apigateway.us-east-1.vpce.amazonaws.com",
            "https://lambda.cn-north-1.amazonaws.com.cn:443/",
            "https://lambda.us-east-1.api.aws",
        ] {
            let client = at_endpoint(None, Some(aws), region);
            assert!(client.knows_invoke_address().await, "{aws}");
            assert_eq!(
                client.invoke_url("a1b2", "prod"),
                "https://a1b2.execute-api.us-east-1.amazonaws.com/prod"
            );
        }
        let alike = at_endpoint(None, Some("https://amazonaws.com.example"), region);
        assert!(
            alike
                .invoke_url("a", "b")
                .starts_with("https://amazonaws.com.example/_aws")
        );
    }
}
