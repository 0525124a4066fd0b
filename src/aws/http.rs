//! The HTTP client of all requests: one TLS stack, and a connection pool for each pair of time-outs.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::{
    HttpConnectorSettings, SharedHttpClient, SharedHttpConnector, http_client_fn,
};

use super::locked;

/// For opening a connection. A laptop on a slow network needs more than the SDK's 3.1 s.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// For fetching credentials. The SDK's 5 s are too short for a credential process that asks a person.
pub(super) const CREDENTIALS_TIMEOUT: Duration = Duration::from_secs(60);

/// The SDK's behaviour is pinned: `latest()` would move with `cargo update`.
pub(super) fn behavior_version() -> BehaviorVersion {
    BehaviorVersion::v2026_01_12()
}

/// Time-outs for connecting and for the first byte.
type Timeouts = (Option<Duration>, Option<Duration>);

/// The client. It keeps a connector for each pair of time-outs that callers ask for: ours, and the short ones of the
/// SDK's search for credentials on EC2. `proxy`: use the one that the environment names (`HTTPS_PROXY`, `NO_PROXY`, …).
pub(super) fn client(proxy: bool) -> SharedHttpClient {
    let connectors: Mutex<HashMap<Timeouts, SharedHttpConnector>> = Mutex::default();
    http_client_fn(move |settings, _components| {
        let timeouts = (settings.connect_timeout(), settings.read_timeout());
        locked(&connectors)
            .entry(timeouts)
            .or_insert_with(|| connector(settings, proxy))
            .clone()
    })
}

fn connector(settings: &HttpConnectorSettings, proxy: bool) -> SharedHttpConnector {
    SharedHttpConnector::new(
        Connector::builder()
            .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
            .connector_settings(settings.clone())
            .sleep_impl(TokioSleep::new())
            .proxy_config(match proxy {
                true => ProxyConfig::from_env(),
                false => ProxyConfig::disabled(),
            })
            .build(),
    )
}

/// Whether a URL's host is this machine.
pub(super) fn is_loopback(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = match authority.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    host.eq_ignore_ascii_case("localhost")
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_urls_are_known_by_their_host_alone() {
        for url in [
            "http://127.0.0.1:4566",
            "http://127.8.9.1/x",
            "http://localhost:80",
            "http://[::1]:4566/",
        ] {
            assert!(is_loopback(url), "{url}");
        }
        for url in [
            "https://127.0.0.1.example.com",
            "https://example.com/localhost",
            "http://10.0.0.1:4566",
            "",
        ] {
            assert!(!is_loopback(url), "{url}");
        }
    }
}
