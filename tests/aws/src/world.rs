//! Everything that is in the account, and what time does to it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use homeroom::stack::kinds::Kind;
use homeroom::strict::Request;
use serde_json::Value;
use tokio::time::Instant;

use super::answer::Answer;
use super::apigateway::Api;
use super::cloudwatch::ClientErrors;
use super::http_apis::HttpApi;
use super::iam::Role;
use super::iam_users::Principals;
use super::invoke::{Run, lab6};
use super::lambda::Function;
use super::logs::LogGroup;
use super::sfn::Machine;

/// What the policy simulator decides: user, action, resource.
pub(super) type Simulator = dyn Fn(&str, &str, &str) -> bool + Send + Sync;

/// The state of the account.
#[derive(Clone)]
pub(super) struct World {
    pub(super) roles_quota: usize,
    pub(super) concurrency: usize,
    pub(super) page_size: usize,
    /// How long it takes until what was started is told of.
    pub(super) execution_lag: Duration,
    pub(super) script: Arc<dyn Fn(&Value) -> Run + Send + Sync>,
    pub(super) simulator: Arc<Simulator>,
    /// Actions that the simulator allows only if the question has that key.
    pub(super) conditions: Vec<(&'static str, &'static str)>,
    pub(super) roles: BTreeMap<String, Role>,
    pub(super) principals: Principals,
    pub(super) functions: BTreeMap<String, Function>,
    pub(super) machines: BTreeMap<String, Machine>,
    pub(super) apis: BTreeMap<String, Api>,
    pub(super) http_apis: BTreeMap<String, HttpApi>,
    pub(super) log_groups: BTreeMap<String, LogGroup>,
    pub(super) client_errors: ClientErrors,
    /// How long after a minute's end its metrics show up.
    pub(super) metric_lag: Duration,
    /// Fields of DescribeExecution's answers that are not there yet.
    pub(super) hidden: Vec<&'static str>,
    /// Log events that have not come yet, by group, where they are held back.
    pub(super) held_logs: Option<Vec<(String, i64, String)>>,
    /// Whether functions log without naming the execution.
    pub(super) nameless_logs: bool,
    /// What trigger functions name as the execution that they started, in the place of the real one.
    pub(super) answer_with: Option<String>,
    /// Functions that fail, with what their logs say.
    pub(super) failing: BTreeMap<String, String>,
    /// The last event of each function that an API invoked.
    pub(super) events: BTreeMap<String, Value>,
    /// When the account came to be; AWS's clock starts then.
    pub(super) start: Instant,
    pub(super) now: Instant,
    last_id: u64,
}

/// Milliseconds since 1970 at the account's beginning.
const EPOCH_MS: i64 = 1_767_225_600_000;

impl World {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            // Source: lambda/latest/dg/gettingstarted-limits.html, "Concurrent executions".
            concurrency: 1000,
            // Source: IAM and AWS STS quotas, "Roles in an account".
            roles_quota: 1000,
            page_size: usize::MAX,
            execution_lag: Duration::ZERO,
            script: Arc::new(lab6),
            simulator: Arc::new(|_, _, _| false),
            conditions: Vec::new(),
            roles: BTreeMap::new(),
            principals: Principals::default(),
            functions: BTreeMap::new(),
            machines: BTreeMap::new(),
            apis: BTreeMap::new(),
            http_apis: BTreeMap::new(),
            log_groups: BTreeMap::new(),
            client_errors: ClientErrors::new(),
            metric_lag: Duration::from_secs(60),
            hidden: Vec::new(),
            held_logs: None,
            nameless_logs: false,
            answer_with: None,
            failing: BTreeMap::new(),
            events: BTreeMap::new(),
            start: now,
            now,
            last_id: 0,
        }
    }

    /// Serves one request at a time; its effect is whole or none.
    pub(super) fn handle(&mut self, now: Instant, request: &Request) -> Answer {
        self.advance(now);
        let (service, name) = request.parts();
        match service {
            "iam" | "sts" => self.iam(name, request),
            "lambda" => self.lambda(name, request),
            "states" => self.states(name, request),
            "apigateway" => self.apigateway(name, request),
            "apigatewayv2" => self.http_apis(name, request),
            "logs" => self.logs(name, request),
            "cloudwatch" => self.cloudwatch(name, request),
            "s3" => self.stored_code(request),
            _ => self.invoke(request),
        }
    }

    /// Lets time pass: executions end, deleted state machines go.
    pub(super) fn advance(&mut self, now: Instant) {
        self.now = now;
        self.settle_machines();
    }

    /// Milliseconds since 1970, by AWS's clock.
    pub(super) fn millis(&self, at: Instant) -> i64 {
        EPOCH_MS + at.duration_since(self.start).as_millis() as i64
    }

    /// Seconds since 1970 now, as JSON protocols have it.
    pub(super) fn seconds(&self, at: Instant) -> f64 {
        self.millis(at) as f64 / 1000.0
    }

    /// A new id of ten characters.
    pub(super) fn id(&mut self) -> String {
        self.last_id += 1;
        format!("id{:08}", self.last_id)
    }

    /// Cuts one page out of a listing: `token` is where it begins.
    pub(super) fn page<T>(
        &self,
        items: Vec<T>,
        token: &str,
        asked: Option<usize>,
        max: usize,
    ) -> (Vec<T>, Option<String>) {
        let start = token.parse().unwrap_or(0);
        let size = asked.unwrap_or(max).min(max).min(self.page_size);
        let more = items.len() > start + size;
        let page = items.into_iter().skip(start).take(size).collect();
        (page, more.then(|| (start + size).to_string()))
    }

    pub(super) fn snapshot(&self) -> Vec<(Kind, String)> {
        let mut all: Vec<(Kind, String)> = Vec::new();
        all.extend(self.roles.keys().map(|name| (Kind::Role, name.clone())));
        all.extend(
            self.log_groups
                .keys()
                .map(|name| (Kind::LogGroup, name.clone())),
        );
        all.extend(
            self.functions
                .keys()
                .map(|name| (Kind::Function, name.clone())),
        );
        all.extend(
            self.machines
                .keys()
                .map(|name| (Kind::StateMachine, name.clone())),
        );
        all.extend(
            self.apis
                .values()
                .map(|api| (Kind::RestApi, api.name.clone())),
        );
        let http = self.http_apis.values();
        all.extend(http.map(|api| (Kind::HttpApi, api.name.clone())));
        let named = |kind: Kind| move |name: &String| (kind, name.clone());
        all.extend(self.principals.users.keys().map(named(Kind::User)));
        let policies = self.principals.policies.keys();
        all.extend(policies.map(named(Kind::ManagedPolicy)));
        all.sort();
        all
    }

    pub(super) fn state_of(&self, prefix: &str) -> Vec<String> {
        let mut all = Vec::new();
        let ours = |name: &str| {
            name.starts_with(prefix) || name.starts_with(&format!("/aws/lambda/{prefix}"))
        };
        all.extend(
            self.roles
                .values()
                .filter(|r| ours(&r.name))
                .map(|r| format!("{r:?}")),
        );
        all.extend(
            self.log_groups
                .values()
                .filter(|g| ours(&g.name))
                .map(|g| format!("{g:?}")),
        );
        all.extend(
            self.functions
                .values()
                .filter(|f| ours(&f.name))
                .map(|f| format!("{f:?}")),
        );
        all.extend(
            self.machines
                .values()
                .filter(|m| ours(&m.name))
                .map(|m| format!("{m:?}")),
        );
        all.extend(
            self.apis
                .values()
                .filter(|a| ours(&a.name))
                .map(|a| format!("{a:?}")),
        );
        let http = self.http_apis.values().filter(|a| ours(&a.name));
        all.extend(http.map(|a| format!("{a:?}")));
        let users = self.principals.users.iter();
        let users = users.filter(|(name, _)| ours(name));
        all.extend(users.map(|(_, user)| format!("{user:?}")));
        let policies = self.principals.policies.iter();
        let policies = policies.filter(|(name, _)| ours(name));
        all.extend(policies.map(|(_, policy)| format!("{policy:?}")));
        all
    }
}

/// Tags of a JSON map, as API Gateway, Lambda and Logs take them.
pub(super) fn tag_map(value: &Value) -> BTreeMap<String, String> {
    value
        .as_object()
        .into_iter()
        .flatten()
        .map(|(k, v)| (k.clone(), v.as_str().unwrap_or_default().to_owned()))
        .collect()
}
