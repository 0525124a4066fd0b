//! A strict AWS in process, behind the SDK's HTTP client, for homeroom's integration tests and benches.
//!
//! It serves the control-plane calls that homeroom makes, from the bytes of the SDK's real requests. What AWS refuses
//! *for a while*, its quotas and its faults are those of `homeroom::strict`'s model; the resources are here, with
//! limits and messages from AWS's documentation, so that a mistake in `src/` is not repeated. It runs no code.
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
//! - [`StrictAws::new`] counts no requests, for runs that are not paced; [`StrictAws::with_quotas`] does.
//! - [`StrictAws::inject`] adds faults; [`StrictAws::kill_after`] cuts a run off between any two calls.
//! - [`StrictAws::backdoor`] is a client that meets no faults, no waiting and no log: for bystanders' resources and for
//!   what a student does.

#![expect(
    clippy::expect_used,
    reason = "for tests alone: a panic says where one stopped"
)]

mod answer;
mod apigateway;
mod cloudwatch;
mod http_apis;
mod iam;
mod iam_logins;
mod iam_policies;
mod iam_users;
mod invoke;
mod lambda;
mod logs;
mod sfn;
mod simulator;
mod world;

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use homeroom::aws::{Client, ConnectOptions, connect};
use homeroom::stack::kinds::Kind;
use homeroom::strict::{Admission, Model, Refusal, Request, Verdict};
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::time::Instant;

pub use homeroom::strict::{Call, Fault, Options, Rule, Spread, Timings};
pub use iam_users::Extra;
pub use invoke::Run;

use answer::Body;
use world::World;

/// The account that everything is in.
pub const ACCOUNT: &str = "123456789012";
/// The region that everything is in.
pub const REGION: &str = "us-east-1";

/// The header in which AWS tells a request's id.
const REQUEST_ID: &str = "x-amzn-requestid";

/// The id of a call, by its number.
pub fn request_id(number: u64) -> String {
    format!("00000000-0000-4000-8000-{number:012}")
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
    model: Model,
    /// What was answered and is not carried out yet, with its time.
    later: Vec<(Duration, Request)>,
    calls: Vec<Call>,
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
    /// An empty account without request quotas.
    pub fn new() -> Self {
        Self::with_options(Options {
            quotas: false,
            ..Options::default()
        })
    }

    /// An empty account that counts requests as AWS does.
    pub fn with_quotas() -> Self {
        Self::with_options(Options::default())
    }

    /// An empty account with a model of its own.
    pub fn with_options(options: Options) -> Self {
        Self(Arc::new(Shared {
            inner: Mutex::new(Inner {
                world: World::new(Instant::now()),
                model: Model::new(options),
                later: Vec::new(),
                calls: Vec::new(),
                kill_at: None,
                dead: false,
            }),
            killed: Notify::new(),
        }))
    }

    /// Another account, which stands as this one does now, and without request quotas: for scenarios that all begin
    /// with the same class.
    pub fn copy(&self) -> Self {
        let other = Self::new();
        other.lock().world = self.lock().world.clone();
        other
    }

    /// For [`ConnectOptions::http_client`].
    pub fn http_client(&self) -> SharedHttpClient {
        self.client(false)
    }

    /// The adapter under test, in front of this cloud.
    pub async fn cloud(&self) -> Client {
        self.connect(self.http_client()).await
    }

    /// A client without faults, waiting or log. See the module's text.
    pub async fn backdoor(&self) -> Client {
        self.connect(self.client(true)).await
    }

    async fn connect(&self, http_client: SharedHttpClient) -> Client {
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

    /// Answers a request, for whoever serves this cloud by other means than the SDK's HTTP client.
    ///
    /// # Errors
    /// A connection that is to break.
    pub async fn answer(&self, request: &HttpRequest) -> Result<HttpResponse, ConnectorError> {
        self.serve(read(request)).await
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0
            .inner
            .lock()
            .expect("no test panics while it holds this lock")
    }

    /// Changes how long things take.
    pub fn timings(&self, change: impl FnOnce(&mut Timings)) {
        change(&mut self.lock().model.options().timings);
    }

    /// Adds a fault; the first rule that applies to a call decides.
    pub fn inject(&self, rule: Rule) {
        self.lock().model.inject(rule);
    }

    /// The caller's policy covers the path `/homeroom/` only: IAM refuses names that it does not find.
    pub fn path_policy(&self) {
        self.lock().model.options().path_policy = true;
    }

    /// Forgets every rule.
    pub fn heal(&self) {
        self.lock().model.heal();
    }

    /// Cuts the client off during the `n`-th call from now: that call still has its effect, but neither it nor any
    /// other in flight or after it is ever answered. Await [`Self::killed`] beside the run, drop the run, then
    /// [`Self::revive`] and run again.
    pub fn kill_after(&self, n: u64) {
        let mut inner = self.lock();
        inner.kill_at = Some(inner.model.arrived() + n);
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
    }

    /// A student sets a setting of a function, by its name in the API, or of a state machine.
    pub fn set_of_function(&self, name: &str, key: &str, value: Value) {
        let mut inner = self.lock();
        inner.world.advance(Instant::now());
        let now = inner.world.last_modified();
        let function = inner.world.functions.get_mut(name);
        let function = function.expect("the function is there");
        function.set(key, value);
        function.set("LastModified", now.into());
    }

    /// A function loses its tags, so that nothing proves whose it is.
    pub fn untag_function(&self, name: &str) {
        let mut inner = self.lock();
        let function = inner.world.functions.get_mut(name);
        function.expect("the function is there").tags.clear();
    }

    /// What is set of a function.
    pub fn setting_of_function(&self, name: &str, key: &str) -> Value {
        self.lock().world.functions[name].setting(key).clone()
    }

    /// The same of a state machine.
    pub fn set_of_machine(&self, name: &str, key: &str, value: Value) {
        let mut inner = self.lock();
        let machine = inner.world.machines.get_mut(name);
        let machine = machine.expect("the state machine is there");
        machine.settings.insert(key.to_owned(), value);
    }

    /// What is set of a state machine; null where nothing was.
    pub fn setting_of_machine(&self, name: &str, key: &str) -> Value {
        let machines = &self.lock().world.machines;
        machines[name]
            .settings
            .get(key)
            .cloned()
            .unwrap_or_default()
    }

    /// The last event that an API handed to a function.
    pub fn event_of(&self, function: &str) -> Value {
        let events = &self.lock().world.events;
        events.get(function).cloned().unwrap_or_default()
    }

    /// A student sets something of an HTTP API: of the API itself, or of the first of its `routes`, `integrations` or `stages`.
    pub fn set_of_http_api(&self, name: &str, part: &str, key: &str, value: Value) {
        self.lock().world.set_of_http_api(name, part, key, value);
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

    /// Calls that found a quota used up, by the quota's name.
    pub fn throttled(&self) -> Vec<(&'static str, u64)> {
        let inner = self.lock();
        let emptied = inner.model.emptied();
        emptied.iter().map(|(name, n)| (*name, *n)).collect()
    }

    /// Forgets the calls so far.
    pub fn clear_calls(&self) {
        self.lock().calls.clear();
    }

    /// Every resource that is there, sorted: kind and name. A REST API name may stand more than once.
    pub fn snapshot(&self) -> Vec<(Kind, String)> {
        let mut inner = self.lock();
        inner.advance(Instant::now());
        inner.world.snapshot()
    }

    /// The whole state of every resource whose name begins with `prefix`, as text: equal texts, untouched resources.
    pub fn state_of(&self, prefix: &str) -> Vec<String> {
        let mut inner = self.lock();
        inner.advance(Instant::now());
        inner.world.state_of(prefix)
    }

    /// Lambda writes to a log group that was deleted: it is there again, without retention and without tags.
    pub fn recreate_log_group(&self, name: &str) {
        self.lock().world.recreate_log_group(name);
    }

    /// Executions that have succeeded, as if somebody had let a loop run; the newest ones by now.
    pub fn flood(&self, machine: &str, count: usize, prefix: &str, input: &Value) {
        let mut inner = self.lock();
        inner.world.advance(Instant::now());
        inner
            .world
            .flood(machine, count, prefix, &input.to_string());
    }

    /// Somebody has a failed execution begun once more, by its ARN; it fails again at once.
    pub fn redrive(&self, arn: &str) {
        let mut inner = self.lock();
        inner.world.advance(Instant::now());
        inner.world.redrive(arn);
    }

    /// DescribeExecution does not show these fields yet; none: it shows all of them again.
    pub fn hide_of_executions(&self, fields: &[&'static str]) {
        self.lock().world.hidden = fields.to_vec();
    }

    /// From now on log events do not show up.
    pub fn hold_logs_back(&self) {
        self.lock().world.held_logs = Some(Vec::new());
    }

    /// Log events that were held back show up, with the times at which they were written.
    pub fn let_logs_come(&self) {
        self.lock().world.let_logs_come();
    }

    /// Functions log as before, but do not name the execution.
    pub fn name_no_executions_in_logs(&self) {
        self.lock().world.nameless_logs = true;
    }

    /// Trigger functions answer with this in the place of the ARN of the execution that they started.
    pub fn answer_with(&self, arn: &str) {
        self.lock().world.answer_with = Some(arn.to_owned());
    }

    /// A function fails behind its API, and its log says this; with `None` it works again.
    pub fn fail_function(&self, function: &str, log: Option<&str>) {
        let failing = &mut self.lock().world.failing;
        match log {
            Some(log) => failing.insert(function.to_owned(), log.to_owned()),
            None => failing.remove(function),
        };
    }

    /// A function writes a line to its log.
    pub fn log(&self, function: &str, message: &str) {
        let mut inner = self.lock();
        inner.world.advance(Instant::now());
        inner.world.log(function, message);
    }

    /// The time as its answers tell it, in milliseconds since 1970.
    pub fn now_ms(&self) -> i64 {
        self.lock().world.millis(Instant::now())
    }

    /// The account's quota on roles.
    pub fn set_roles_quota(&self, quota: usize) {
        self.lock().world.roles_quota = quota;
    }

    /// How many functions of the account may run at once.
    pub fn set_concurrency(&self, concurrency: usize) {
        self.lock().world.concurrency = concurrency;
    }

    /// How long it takes until a user or a policy shows up after it was made.
    pub fn set_iam_lag(&self, lag: Duration) {
        self.lock().world.principals.lag = lag;
    }

    /// How long it takes until Step Functions tells of an execution that was started.
    pub fn set_execution_lag(&self, lag: Duration) {
        self.lock().world.execution_lag = lag;
    }

    /// How long after a minute's end its metrics show up.
    pub fn set_metric_lag(&self, lag: Duration) {
        self.lock().world.metric_lag = lag;
    }

    /// The account gets a password policy that asks for every kind of character, and for no fewer than these.
    pub fn set_shortest_password(&self, length: usize) {
        self.lock().world.principals.shortest_password = Some(length);
    }

    /// The account's quota on users.
    pub fn set_users_quota(&self, quota: usize) {
        self.lock().world.principals.users_quota = quota;
    }

    /// A user's console password, and whether another must be chosen at the next sign-in.
    pub fn console_password(&self, user: &str) -> Option<(String, bool)> {
        let inner = self.lock();
        let login = inner.world.principals.users.get(user)?.login.as_ref()?;
        Some((login.password.clone(), login.reset_required))
    }

    /// A user's access keys: id and secret.
    pub fn access_keys(&self, user: &str) -> Vec<(String, String)> {
        let inner = self.lock();
        let user = inner.world.principals.users.get(user);
        user.map(|user| user.keys.clone()).unwrap_or_default()
    }

    /// Gives a user something that IAM does not delete a user with.
    pub fn give(&self, user: &str, extra: Extra) {
        self.lock().world.give(user, extra);
    }

    /// Serial numbers of the account's virtual MFA devices, whoever has them.
    pub fn virtual_mfa_devices(&self) -> Vec<String> {
        self.lock().world.principals.virtual_mfa.clone()
    }

    /// Largest page of any listing, to make small classes fill several.
    pub fn set_page_size(&self, size: usize) {
        self.lock().world.page_size = size;
    }

    /// What IAM's policy simulator decides, from the user's ARN, the action and the resource. By default it denies.
    pub fn on_simulation(&self, decide: impl Fn(&str, &str, &str) -> bool + Send + Sync + 'static) {
        self.lock().world.simulator = Arc::new(decide);
    }

    /// IAM's policy simulator allows the action only where the question has the key of a condition.
    pub fn on_condition(&self, action: &'static str, key: &'static str) {
        self.lock().world.conditions.push((action, key));
    }

    /// How executions go, from their input. By default they succeed; Lab 6's error exercise fails.
    pub fn on_execution(&self, script: impl Fn(&Value) -> Run + Send + Sync + 'static) {
        self.lock().world.script = Arc::new(script);
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
        let request = read(&request);
        if self.privileged {
            let result = aws.lock().carry_out(Instant::now(), &request);
            return HttpConnectorFuture::ready(Ok(answer::http(&request, result)));
        }
        HttpConnectorFuture::new(async move { aws.serve(request).await })
    }
}

fn read(request: &HttpRequest) -> Request {
    let body = request.body().bytes().expect("requests here are in memory");
    let header = |name: &str| request.headers().get(name);
    Request::read(request.method(), request.uri(), header, body)
}

impl Inner {
    fn since_start(&self, now: Instant) -> Duration {
        now.duration_since(self.world.start)
    }

    /// Lets time pass: what was to be carried out later is.
    fn advance(&mut self, now: Instant) {
        let passed = self.since_start(now);
        let due = |(at, _): &mut (Duration, Request)| *at <= passed;
        let due: Vec<_> = self.later.extract_if(.., due).collect();
        for (at, request) in due {
            let result = self.world.handle(now, &request);
            self.model.done(at, &request, result.is_ok());
        }
        self.world.advance(now);
    }

    /// One request has its effect, which is whole or none.
    fn carry_out(&mut self, now: Instant, request: &Request) -> answer::Answer {
        self.advance(now);
        self.world.handle(now, request)
    }

    /// To a caller whose policy covers a path only, IAM does not say that a role, user or policy is not there.
    fn refuse_by_path(&mut self, request: &Request, refusal: &mut Refusal) {
        if !self.model.options().path_policy || refusal.code != "NoSuchEntity" {
            return;
        }
        let arn = request.text("PolicyArn");
        let (role, user) = (request.text("RoleName"), request.text("UserName"));
        let policy = arn.rsplit('/').next().unwrap_or_default();
        for (kind, name, words) in [
            ("role", role, format!("The role with name {role} ")),
            ("user", user, format!("The user with name {user} ")),
            ("policy", policy, format!("Policy {arn} was not found.")),
        ] {
            if refusal.message.starts_with(&words) {
                *refusal = self.model.not_found(request, kind, name);
            }
        }
    }

    /// What becomes of an admitted request when its time has come.
    fn resolve(&mut self, now: Instant, request: Request, verdict: Verdict) -> answer::Answer {
        let nothing = Ok(Body::Json(json!({})));
        match verdict {
            Verdict::Refuse(refusal) => Err(refusal),
            Verdict::Nothing => nothing,
            Verdict::Later(at) => {
                self.later.push((at, request));
                nothing
            }
            _ => {
                let mut answer = self.carry_out(now, &request);
                if let Err(refusal) = &mut answer {
                    self.refuse_by_path(&request, refusal);
                }
                let passed = self.since_start(now);
                self.model.done(passed, &request, answer.is_ok());
                if let Ok(Body::Json(json)) = &mut answer {
                    self.model.amend(passed, &request, json);
                }
                answer
            }
        }
    }
}

/// Frees what a call writes to alone, however the call ends.
struct Writing(StrictAws, String);

impl Drop for Writing {
    fn drop(&mut self) {
        self.0.lock().model.release(&self.1);
    }
}

impl StrictAws {
    fn admit(&self, request: &Request) -> (Admission, Option<Writing>) {
        let mut inner = self.lock();
        let now = Instant::now();
        inner.advance(now);
        let passed = inner.since_start(now);
        let admission = inner.model.arrive(passed, request);
        inner.calls.push(admission.call.clone());
        let thing = admission.writes.clone();
        (admission, thing.map(|thing| Writing(self.clone(), thing)))
    }

    async fn serve(&self, request: Request) -> Result<HttpResponse, ConnectorError> {
        if self.lock().dead {
            return std::future::pending().await;
        }
        let travel = self.lock().model.travel();
        if !travel.is_zero() {
            tokio::time::sleep(travel).await;
        }
        let (admission, writing) = self.admit(&request);
        tokio::time::sleep(admission.delay).await;

        let number = admission.call.number;
        let broken_by = match admission.verdict {
            Verdict::Reset => Some(io::ErrorKind::ConnectionReset),
            Verdict::NoConnection => Some(io::ErrorKind::ConnectionRefused),
            _ => None,
        };
        if let Some(kind) = broken_by {
            return self.finish(number, Err(broken(kind))).await;
        }
        let result = {
            let resolved = request.clone();
            self.lock()
                .resolve(Instant::now(), resolved, admission.verdict)
        };
        drop(writing);
        let outcome = if admission.lost {
            Err(broken(io::ErrorKind::ConnectionReset))
        } else {
            let mut answer = answer::http(&request, admission.instead.map_or(result, Err));
            answer.headers_mut().insert(REQUEST_ID, request_id(number));
            Ok(answer)
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
