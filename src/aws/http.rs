//! One HTTP client for everything: one connection pool a time-out setting, one TLS stack.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::{
    HttpConnectorSettings, SharedHttpClient, SharedHttpConnector, http_client_fn,
};

/// Whether the proxy that the environment names (`HTTPS_PROXY`, `NO_PROXY`, …) is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Proxy {
    /// As the environment says.
    FromEnvironment,
    /// Never.
    None,
}

impl Proxy {
    /// A proxy cannot reach this machine's loopback, and few people put it into `NO_PROXY`.
    pub(super) fn for_endpoint(loopback: bool) -> Self {
        if loopback {
            Self::None
        } else {
            Self::FromEnvironment
        }
    }
}

/// Time-outs for connecting and for the first byte.
type Timeouts = (Option<Duration>, Option<Duration>);

/// The client. A connector is kept for each pair of time-outs that callers ask for: ours, and the short ones
/// of the SDK's own search for credentials on EC2.
pub(super) fn client(proxy: Proxy) -> SharedHttpClient {
    let connectors: Mutex<HashMap<Timeouts, SharedHttpConnector>> = Mutex::default();
    http_client_fn(move |settings, _components| {
        let timeouts = (settings.connect_timeout(), settings.read_timeout());
        connectors
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(timeouts)
            .or_insert_with(|| connector(settings, proxy))
            .clone()
    })
}

fn connector(settings: &HttpConnectorSettings, proxy: Proxy) -> SharedHttpConnector {
    SharedHttpConnector::new(
        Connector::builder()
            .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
            .connector_settings(settings.clone())
            .sleep_impl(TokioSleep::new())
            .proxy_config(match proxy {
                Proxy::FromEnvironment => ProxyConfig::from_env(),
                Proxy::None => ProxyConfig::disabled(),
            })
            .build(),
    )
}
