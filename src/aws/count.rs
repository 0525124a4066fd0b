//! Counts transmitted requests by `service:Operation`, and gives the answer's request id to diagnostics.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextRef,
};
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;

use super::locked;

/// Shared counters, as an interceptor at the SDK's last hook before a request leaves: it counts what goes on the wire,
/// not calls of a method.
#[derive(Debug, Clone, Default)]
pub(super) struct Transmitted(Arc<Mutex<BTreeMap<String, u64>>>);

impl Transmitted {
    pub(super) fn snapshot(&self) -> BTreeMap<String, u64> {
        locked(&self.0).clone()
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
            *locked(&self.0).entry(name).or_default() += 1;
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
        let id = headers.get("x-amzn-requestid");
        if let Some(id) = id.or_else(|| headers.get("x-amz-request-id")) {
            tracing::Span::current().record("request_id", id);
        }
        Ok(())
    }
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
