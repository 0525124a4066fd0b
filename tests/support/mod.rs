//! A strict AWS in process, behind the SDK's HTTP client: `mod support;` in an integration test.
//!
//! It serves the control-plane calls that homeroom makes, from the bytes of the SDK's real requests, and it is
//! stricter than any local emulator: it refuses what AWS refuses *for a while*. Its figures and messages are its own
//! copy from AWS's documentation, so that a mistake in `src/` is not repeated here. It runs no code.
//!
//! ```ignore
//! #[tokio::test(start_paused = true)]
//! async fn a_throttled_call_is_made_again() {
//!     let aws = StrictAws::new();
//!     aws.inject(Rule::on("lambda:CreateFunction").times(2).fault(Fault::Throttle));
//!     deploy(&aws.cloud().await, …).await;
//!     assert_eq!(aws.count("lambda:CreateFunction"), 3);
//!     assert_eq!(aws.snapshot(), […]);
//! }
//! ```
//!
//! - Time is tokio's: on a paused clock nothing really waits ([`Timings`]).
//! - [`StrictAws::inject`] adds faults; [`StrictAws::kill_after`] cuts a run off between any two calls.
//! - [`StrictAws::backdoor`] is a client that meets no faults, no waiting and no log: for bystanders' resources and for
//!   what a student does.

#![allow(
    dead_code,
    clippy::expect_used,
    reason = "test code; and every integration test compiles its own copy, of which it uses a part"
)]

mod answer;
mod apigateway;
mod cloudtrail;
mod faults;
mod iam;
mod invoke;
mod lambda;
mod logs;
mod request;
mod sfn;
mod world;

use std::collections::HashSet;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use homeroom::cloud::{AwsCloud, ConnectOptions, connect};
use homeroom::domain::resources::Kind;
use serde_json::Value;
use tokio::sync::Notify;
use tokio::time::Instant;

pub use faults::{Fault, Rule};
pub use invoke::Run;
pub use world::Timings;

use answer::AwsError;
use request::Request;
use world::World;

/// The account that everything is in.
pub const ACCOUNT: &str = "123456789012";
/// The region that everything is in.
pub const REGION: &str = "us-east-1";

/// One request as it arrived.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// Counts from 1 since the account began.
    pub number: u64,
    /// `service:Operation`.
    pub operation: String,
    /// Name (or id, or ARN) of the resource that it is about; empty for listings.
    pub resource: String,
    /// When it arrived.
    pub at: Instant,
}

/// The strict AWS. Clones are the same cloud.
#[derive(Clone)]
pub struct StrictAws(Arc<Shared>);

struct Shared {
    inner: Mutex<Inner>,
    killed: Notify,
}

struct Inner {
    world: World,
    rules: Vec<Rule>,
    calls: Vec<Call>,
    /// Calls since the beginning, whatever [`StrictAws::clear_calls`] forgot.
    arrived: u64,
    /// Writers in progress, by the thing that takes only one at a time.
    writing: HashSet<String>,
    /// No call with a higher number is answered any more, nor is that one.
    kill_at: Option<u64>,
    dead: bool,
}

impl Default for StrictAws {
    fn default() -> Self {
        Self::new()
    }
}

impl StrictAws {
    /// An empty account.
    pub fn new() -> Self {
        Self(Arc::new(Shared {
            inner: Mutex::new(Inner {
                world: World::new(Instant::now()),
                rules: Vec::new(),
                calls: Vec::new(),
                arrived: 0,
                writing: HashSet::new(),
                kill_at: None,
                dead: false,
            }),
            killed: Notify::new(),
        }))
    }

    /// For [`ConnectOptions::http_client`].
    pub fn http_client(&self) -> SharedHttpClient {
        self.client(false)
    }

    /// The adapter under test, in front of this cloud.
    pub async fn cloud(&self) -> AwsCloud {
        self.connect(self.http_client()).await
    }

    /// A client without faults, waiting or log. See the module's text.
    pub async fn backdoor(&self) -> AwsCloud {
        self.connect(self.client(true)).await
    }

    async fn connect(&self, http_client: SharedHttpClient) -> AwsCloud {
        connect(ConnectOptions {
            region: REGION.into(),
            credentials: Some(("AKIAIOSFODNN7EXAMPLE".into(), "secret".into())),
            http_client: Some(http_client),
            ..ConnectOptions::default()
        })
        .await
    }

    fn client(&self, privileged: bool) -> SharedHttpClient {
        let connector = SharedHttpConnector::new(Connector {
            aws: self.clone(),
            privileged,
        });
        http_client_fn(move |_settings, _components| connector.clone())
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0
            .inner
            .lock()
            .expect("no test panics while it holds this lock")
    }

    /// Changes how long things take.
    pub fn timings(&self, change: impl FnOnce(&mut Timings)) {
        change(&mut self.lock().world.timings);
    }

    /// Adds a fault; the first rule that applies to a call decides.
    pub fn inject(&self, rule: Rule) {
        self.lock().rules.push(rule);
    }

    /// Forgets every rule.
    pub fn heal(&self) {
        self.lock().rules.clear();
    }

    /// Cuts the client off during the `n`-th call from now: that call still has its effect, but neither it nor any
    /// other in flight or after it is ever answered. Await [`Self::killed`] beside the run, drop the run, then
    /// [`Self::revive`] and run again.
    pub fn kill_after(&self, n: u64) {
        let mut inner = self.lock();
        inner.kill_at = Some(inner.arrived + n);
    }

    /// Resolves once the client is cut off.
    pub async fn killed(&self) {
        loop {
            let notified = self.0.killed.notified();
            if self.lock().dead {
                return;
            }
            notified.await;
        }
    }

    /// Answers again.
    pub fn revive(&self) {
        let mut inner = self.lock();
        inner.kill_at = None;
        inner.dead = false;
        inner.writing.clear();
    }

    /// Every call so far, in the order of arrival.
    pub fn calls(&self) -> Vec<Call> {
        self.lock().calls.clone()
    }

    /// How many calls of an operation arrived.
    pub fn count(&self, operation: &str) -> usize {
        let inner = self.lock();
        inner
            .calls
            .iter()
            .filter(|call| call.operation == operation)
            .count()
    }

    /// Forgets the calls so far.
    pub fn clear_calls(&self) {
        self.lock().calls.clear();
    }

    /// Every resource that is there, sorted: kind and name. A REST API name may stand more than once.
    pub fn snapshot(&self) -> Vec<(Kind, String)> {
        let mut inner = self.lock();
        inner.world.advance(Instant::now());
        inner.world.snapshot()
    }

    /// The whole state of every resource whose name begins with `prefix`, as text: equal texts, untouched resources.
    pub fn state_of(&self, prefix: &str) -> Vec<String> {
        let mut inner = self.lock();
        inner.world.advance(Instant::now());
        inner.world.state_of(prefix)
    }

    /// Lambda writes to a log group that was deleted: it is there again, without retention and without tags.
    pub fn recreate_log_group(&self, name: &str) {
        self.lock().world.recreate_log_group(name);
    }

    /// Records an event in CloudTrail's history, as of now; time and id are added.
    pub fn record_event(&self, record: Value) {
        let mut inner = self.lock();
        inner.world.advance(Instant::now());
        inner.world.record(record);
    }

    /// The time as its answers tell it, in milliseconds since 1970.
    pub fn now_ms(&self) -> i64 {
        self.lock().world.millis(Instant::now())
    }

    /// The account's quota on roles.
    pub fn set_roles_quota(&self, quota: usize) {
        self.lock().world.roles_quota = quota;
    }

    /// Largest page of any listing, to make small classes fill several.
    pub fn set_page_size(&self, size: usize) {
        self.lock().world.page_size = size;
    }

    /// How executions go, from their input. By default they succeed; Lab 6's error exercise fails.
    pub fn on_execution(&self, script: impl Fn(&Value) -> Run + Send + 'static) {
        self.lock().world.script = Box::new(script);
    }
}

#[derive(Clone)]
struct Connector {
    aws: StrictAws,
    privileged: bool,
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StrictAws")
            .field("privileged", &self.privileged)
            .finish()
    }
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let aws = self.aws.clone();
        let request = Request::parse(&request);
        if self.privileged {
            let mut inner = aws.lock();
            let result = inner.world.handle(Instant::now(), &request, true);
            return HttpConnectorFuture::ready(Ok(answer::http(&request, result)));
        }
        HttpConnectorFuture::new(async move { aws.serve(request).await })
    }
}

/// What becomes of a call, decided when it arrives.
struct Admission {
    number: u64,
    latency: Duration,
    fault: Option<Fault>,
    /// Frees the thing that is written to, however this call ends.
    writing: Result<Option<Writing>, AwsError>,
}

struct Writing(StrictAws, String);

impl Drop for Writing {
    fn drop(&mut self) {
        self.0.lock().writing.remove(&self.1);
    }
}

impl StrictAws {
    fn admit(&self, request: &Request) -> Admission {
        let mut inner = self.lock();
        inner.arrived += 1;
        let number = inner.arrived;
        let call = Call {
            number,
            operation: request.operation.clone(),
            resource: request.resource(),
            at: Instant::now(),
        };
        let fault = inner.rules.iter_mut().find_map(|rule| rule.apply(&call));
        inner.calls.push(call);
        let writing = match request.exclusive() {
            Some((thing, busy)) if inner.writing.contains(&thing) => Err(busy),
            Some((thing, _)) => {
                inner.writing.insert(thing.clone());
                Ok(Some(Writing(self.clone(), thing)))
            }
            None => Ok(None),
        };
        Admission {
            number,
            latency: inner.world.timings.latency,
            fault,
            writing,
        }
    }

    async fn serve(&self, request: Request) -> Result<HttpResponse, ConnectorError> {
        if self.lock().dead {
            return std::future::pending().await;
        }
        let admission = self.admit(&request);
        let fault = admission.fault;
        let mut latency = admission.latency;
        if let Some(Fault::Slow(more)) = fault {
            latency += more;
        }
        tokio::time::sleep(latency).await;

        let number = admission.number;
        let result = match (&fault, admission.writing) {
            (Some(Fault::Reset), _) => {
                return self
                    .finish(number, Err(broken(io::ErrorKind::ConnectionReset)))
                    .await;
            }
            (Some(Fault::Refuse), _) => {
                return self
                    .finish(number, Err(broken(io::ErrorKind::ConnectionRefused)))
                    .await;
            }
            (fault, writing) => match fault.as_ref().and_then(|fault| fault.answer(&request)) {
                Some(error) => Err(error),
                None => writing.and_then(|_until_the_effect| {
                    self.lock().world.handle(Instant::now(), &request, false)
                }),
            },
        };
        let outcome = match fault {
            Some(Fault::LoseAnswer) => Err(broken(io::ErrorKind::ConnectionReset)),
            Some(Fault::ServerErrorAfterEffect) => {
                Ok(answer::http(&request, Err(AwsError::internal())))
            }
            _ => Ok(answer::http(&request, result)),
        };
        self.finish(number, outcome).await
    }

    /// Answers, unless the client is cut off by now.
    async fn finish<T>(&self, number: u64, outcome: T) -> T {
        let dead = {
            let mut inner = self.lock();
            if inner.kill_at.is_some_and(|at| number >= at) {
                inner.dead = true;
                self.0.killed.notify_waiters();
            }
            inner.dead
        };
        if dead {
            return std::future::pending().await;
        }
        outcome
    }
}

fn broken(kind: io::ErrorKind) -> ConnectorError {
    ConnectorError::io(io::Error::from(kind).into())
}
