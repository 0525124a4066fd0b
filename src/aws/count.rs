//! Counts transmitted requests by `service:Operation`, compares this machine's clock with the answers' dates, and gives the
//! request id to diagnostics.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextRef,
};
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::DateTime;
use aws_smithy_types::config_bag::ConfigBag;
use aws_smithy_types::date_time::Format;
use jiff::SignedDuration;

use super::locked;

/// Shared counters, as an interceptor at the SDK's last hook before a request leaves: it counts what goes on the wire,
/// not calls of a method.
#[derive(Debug, Clone, Default)]
pub(super) struct Transmitted(Arc<Mutex<Seen>>);

#[derive(Debug, Default)]
struct Seen {
    requests: BTreeMap<String, u64>,
    clock_ahead: Option<SignedDuration>,
}

impl Transmitted {
    pub(super) fn snapshot(&self) -> BTreeMap<String, u64> {
        locked(&self.0).requests.clone()
    }

    /// How much later this machine's clock is than the date of the last answer that had one.
    pub(super) fn clock_ahead(&self) -> Option<SignedDuration> {
        locked(&self.0).clock_ahead
    }
}

#[dyn_dispatch_hint]
impl Intercept for Transmitted {
    fn name(&self) -> &'static str {
        "CountCalls"
    }

    fn read_before_transmit(
        &self,
        _context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(metadata) = cfg.load::<Metadata>() {
            let service = iam_prefix(metadata.service());
            let name = format!("{service}:{}", metadata.name());
            *locked(&self.0).requests.entry(name).or_default() += 1;
        }
        Ok(())
    }

    fn read_after_transmit(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let headers = context.response().headers();
        let date = headers.get("date");
        let date = date.and_then(|date| DateTime::from_str(date, Format::HttpDate).ok());
        if let Some(ahead) = date.and_then(|date| ahead_of(date.secs())) {
            locked(&self.0).clock_ahead = Some(ahead);
        }
        let id = headers.get("x-amzn-requestid");
        if let Some(id) = id.or_else(|| headers.get("x-amz-request-id")) {
            tracing::Span::current().record("request_id", id);
        }
        Ok(())
    }
}

fn ahead_of(seconds: i64) -> Option<SignedDuration> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let now = i64::try_from(now.ok()?.as_secs()).ok()?;
    Some(SignedDuration::from_secs(now.checked_sub(seconds)?))
}

/// The prefix that IAM policies use for a service, from the id that the SDK uses.
fn iam_prefix(service_id: &str) -> String {
    match service_id {
        "API Gateway" => "apigateway".into(),
        "CloudWatch Logs" => "logs".into(),
        "SFN" => "states".into(),
        // "IAM", "Lambda", "STS", and our own "execute-api".
        other => other.to_ascii_lowercase(),
    }
}
