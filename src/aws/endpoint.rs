//! Requests of ours beside the SDK's own clients, by the same connection pool, time-outs and counters.

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
use aws_smithy_types::config_bag::ConfigBag;
use tokio::sync::Mutex;

use super::classify;
use super::count::Transmitted;
use super::error::{CloudError, CloudResult, ErrorKind};
use super::http::{CONNECT_TIMEOUT, CREDENTIALS_TIMEOUT, behavior_version};
use super::operations::Operation;

/// Credentials are fetched again when they have less than this left.
const EXPIRES_SOON: Duration = Duration::from_secs(300);

/// Sends requests of ours, beside the SDK's own clients, and knows the address of stages.
#[derive(Debug, Clone)]
pub(super) struct PlainClient {
    invoke_base: String,
    pub(super) region: String,
    http_client: SharedHttpClient,
    calls: Transmitted,
    credentials: Option<SharedCredentialsProvider>,
    /// Those that were fetched last: the provider may ask a service, or a person, each time.
    fetched: Arc<Mutex<Option<Credentials>>>,
}

impl PlainClient {
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
        calls: Transmitted,
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
    pub(super) async fn credentials(&self) -> CloudResult<Credentials> {
        let mut fetched = self.fetched.lock().await;
        let soon = SystemTime::now() + EXPIRES_SOON;
        if let Some(known) = &*fetched
            && known.expiry().is_none_or(|end| end > soon)
        {
            return Ok(known.clone());
        }
        let failed = |message: String| CloudError {
            operation: Operation::InvokeApi,
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
    pub(super) request_id: Option<String>,
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

    fn client(invoke_base: Option<&str>, region: &str) -> PlainClient {
        PlainClient::new(
            invoke_base.map(str::to_owned),
            region,
            super::super::http::client(super::super::http::ProxyUse::None),
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
    fn the_invoke_url_can_be_a_template_of_another_place() {
        let base = "http://127.0.0.1:4566/_aws/execute-api/{api_id}/{stage}/";
        assert_eq!(
            client(Some(base), "us-east-1").invoke_url("a1b2", "prod"),
            "http://127.0.0.1:4566/_aws/execute-api/a1b2/prod"
        );
    }
}
