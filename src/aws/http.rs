//! The HTTP client of all requests: one TLS stack, and a connection pool for each pair of time-outs.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_smithy_runtime_api::client::http::{SharedHttpClient, SharedHttpConnector, http_client_fn};

use super::locked;
use crate::web::connector;

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
