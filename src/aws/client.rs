//! [`Client`]: paces every call, retries it, and reports retries and failures as events.
//!
//! Which errors are retried:
//!
//! | error | retried? |
//! |---|---|
//! | throttled | after a growing pause; the operation's bucket pauses for all calls |
//! | busy (another change to the same resource) | after a growing pause |
//! | unreachable | after a growing pause; the network may be back after a minute |
//! | ambiguous (5xx, broken connection, time-out) | likewise, if sending it twice does the same as sending it once |
//! | everything else | no: the caller knows what it means |

use std::collections::BTreeMap;
use std::error::Error;
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::Instrument;

use crate::events::Event;
use crate::ids::Username;
use crate::stack::credentials::AccessKey;

use super::classify::classified;
use super::common_cause::{CommonCauses, StackPart};
use super::connect::{self, ConnectOptions, Sdk};
use super::error::{CallError, CallResult, CloudError, CloudResult, ErrorKind};
use super::locked;
use super::operations::Operation;
use super::pacing::{Calls, Overrides, Pace, Pacer, Urgency};
use super::stop::{Cancelled, Stop};

/// AWS in one account and region, for one caller: a method for each operation, in its service's file. Clones share
/// connections, credentials, counters and the run.
///
/// Outside a run ([`Client::in_run`]) a call sends one request: nothing paces it, and nothing retries it.
#[derive(Debug, Clone)]
pub struct Client {
    pub(super) sdk: Arc<Sdk>,
    run: Arc<RunState>,
    /// What the calls are about, where that is known.
    about: Option<StackPart>,
    /// Whether a known common cause is the answer to a call, which then sends nothing.
    spares: bool,
    /// Whether a failed call is the answer, though another attempt might do better.
    once: bool,
    /// How far the work is that the calls belong to.
    begun: Begun,
}

/// Whether a call of the same step, and of any step of the same student, went well already; `None` outside of steps.
#[derive(Debug, Clone, Default)]
struct Begun {
    student: Option<Arc<AtomicBool>>,
    step: Option<Arc<AtomicBool>>,
}

impl Begun {
    fn begun(&self) {
        for flag in [&self.student, &self.step].into_iter().flatten() {
            flag.store(true, Ordering::Relaxed);
        }
    }

    fn urgency(&self) -> Urgency {
        let is_set = |flag: &Option<Arc<AtomicBool>>| {
            let flag = flag.as_ref();
            flag.is_some_and(|flag| flag.load(Ordering::Relaxed))
        };
        match (is_set(&self.step), is_set(&self.student)) {
            (true, _) => Urgency::StepBegun,
            (_, true) => Urgency::StudentBegun,
            _ => Urgency::Fresh,
        }
    }
}

/// What the calls of one run share.
#[derive(Debug)]
struct RunState {
    pacer: Pacer,
    stop: Stop,
    events: mpsc::UnboundedSender<Event>,
    retries: bool,
    noted_unreachable: AtomicBool,
    done: Mutex<Calls>,
    causes: CommonCauses,
    /// The requests in flight. The token of each is cancelled when its answer is there, or nobody waits for it any more.
    in_flight: Mutex<Vec<(Operation, CancellationToken)>>,
}

impl RunState {
    /// Marks a request as in flight until the guard is dropped.
    fn sent(&self, operation: Operation) -> DropGuard {
        let answered = CancellationToken::new();
        let mut in_flight = locked(&self.in_flight);
        in_flight.retain(|(_, answered)| !answered.is_cancelled());
        in_flight.push((operation, answered.clone()));
        answered.drop_guard()
    }
}

/// Connects to AWS, outside of any run. Sends nothing: wrong credentials show at the first call.
///
/// The SDK's protection against stalled streams stays on (the default), so a transfer that stops moving ends
/// well before the time-outs, as [`ErrorKind::Ambiguous`].
pub async fn connect(options: ConnectOptions) -> Client {
    let sdk = Arc::new(connect::connect(options).await);
    let pacer = Pacer::new(Pace::Unlimited, &Overrides::new());
    let (events, _nobody) = mpsc::unbounded_channel();
    Client::new(sdk, pacer, Stop::new(), events, false)
}

impl Client {
    fn new(
        sdk: Arc<Sdk>,
        pacer: Pacer,
        stop: Stop,
        events: mpsc::UnboundedSender<Event>,
        retries: bool,
    ) -> Self {
        let run = RunState {
            pacer,
            stop,
            events,
            retries,
            noted_unreachable: AtomicBool::new(false),
            done: Mutex::default(),
            causes: CommonCauses::default(),
            in_flight: Mutex::default(),
        };
        Self {
            sdk,
            run: Arc::new(run),
            about: None,
            spares: false,
            once: false,
            begun: Begun::default(),
        }
    }

    /// The same client for one run.
    pub fn in_run(
        &self,
        pace: Pace,
        overrides: Overrides,
        stop: Stop,
        events: mpsc::UnboundedSender<Event>,
    ) -> Self {
        let pacer = Pacer::new(pace, &overrides);
        Self::new(self.sdk.clone(), pacer, stop, events, true)
    }

    /// [`Self::in_run`] beside a client of the same run and account, in another region: what the account has once, both share.
    pub(crate) fn in_run_beside(
        &self,
        other: &Self,
        pace: Pace,
        overrides: Overrides,
        stop: Stop,
        events: mpsc::UnboundedSender<Event>,
    ) -> Self {
        let pacer = other.run.pacer.beside(pace, &overrides);
        Self::new(self.sdk.clone(), pacer, stop, events, true)
    }

    /// The same client for calls about a part of a student's stack. A success shows that the part has no common cause.
    pub(crate) fn about(&self, part: StackPart) -> Self {
        Self {
            about: Some(part),
            ..self.clone()
        }
    }

    /// The same client for all steps of one student: once one of them has begun, their calls go before those of students
    /// who have not.
    pub(crate) fn for_student(&self) -> Self {
        let begun = Begun {
            student: Some(Arc::default()),
            ..Begun::default()
        };
        Self {
            begun,
            ..self.clone()
        }
    }

    /// The same client for a step about a part of the student's stack ([`Self::about`]): once it has begun, its calls go
    /// before those of other steps.
    pub(crate) fn for_step(&self, part: StackPart) -> Self {
        let begun = Begun {
            step: Some(Arc::default()),
            ..self.begun.clone()
        };
        Self {
            begun,
            ..self.about(part)
        }
    }

    /// The same client for calls that are made for each student alike. Once a common cause is known
    /// ([`CommonCauses::is_news`]), it is the answer, and nothing is sent.
    pub(crate) fn alike(&self, part: StackPart) -> Self {
        Self {
            spares: true,
            ..self.about(part)
        }
    }

    /// The same client for calls that are not worth waiting for: nothing is retried.
    pub(crate) fn once(&self) -> Self {
        Self {
            once: true,
            ..self.clone()
        }
    }

    /// The same client with another access key. Connections, counters and the run are shared.
    pub fn with_access_key(&self, key: &AccessKey) -> Self {
        Self {
            sdk: Arc::new(connect::with_access_key(&self.sdk, key)),
            ..self.clone()
        }
    }

    /// The region (`us-east-1`).
    pub fn region(&self) -> &str {
        &self.sdk.region
    }

    /// Whether AWS itself answers, and no other endpoint in its place: only AWS has a console.
    pub(crate) fn is_aws(&self) -> bool {
        !self.sdk.own_endpoint
    }

    /// Requests transmitted since the connection was made, by `service:Operation`, without those that only fetch
    /// credentials (single sign-on, AssumeRole).
    pub fn calls(&self) -> BTreeMap<String, u64> {
        self.sdk.calls.snapshot()
    }

    /// How much later this machine's clock is than AWS's; `None` where no answer had a date.
    pub(crate) fn clock_ahead(&self) -> Option<SignedDuration> {
        self.sdk.calls.clock_ahead()
    }

    /// AWS's time: what it says of its clock counts more than this machine's.
    pub(crate) fn time_at_aws(&self) -> Timestamp {
        corrected(Timestamp::now(), self.clock_ahead())
    }

    /// The URL of a deployed stage, without a trailing slash.
    pub(crate) fn invoke_url(&self, api_id: &str, stage: &str) -> String {
        self.sdk.endpoint.invoke_url(api_id, stage)
    }

    /// Whether that URL is more than a guess: another endpoint than AWS's may have its stages anywhere.
    pub(crate) async fn knows_invoke_address(&self) -> bool {
        self.sdk.endpoint.knows_invoke_address().await
    }

    pub(crate) fn causes(&self) -> &CommonCauses {
        &self.run.causes
    }

    /// Waits until every request of an operation that is in flight now has its answer.
    ///
    /// # Errors
    /// When the run is stopped.
    pub(crate) async fn answered(&self, operation: Operation) -> Result<(), Cancelled> {
        let sent = locked(&self.run.in_flight).clone();
        let in_flight = |of: Operation, answered: &CancellationToken| {
            of == operation && !answered.is_cancelled()
        };
        for (_, answered) in sent.iter().filter(|(of, it)| in_flight(*of, it)) {
            self.run.stop.unless_stopping(answered.cancelled()).await?;
        }
        Ok(())
    }

    /// Records why a student's part failed. `true` when this is a common cause: several students have failed for it, and
    /// no call that is in flight now gets past it.
    ///
    /// # Errors
    /// When the run is stopped.
    pub(crate) async fn is_common_cause(
        &self,
        student: &Username,
        part: &StackPart,
        error: &CloudError,
    ) -> Result<bool, Cancelled> {
        let causes = &self.run.causes;
        causes.failed(student, part, error);
        if !causes.is_common_cause(student, part, error) {
            return Ok(false);
        }
        self.answered(error.operation).await?;
        Ok(causes.is_common_cause(student, part, error))
    }

    pub(crate) fn pacer(&self) -> &Pacer {
        &self.run.pacer
    }

    /// How many calls of each operation have their final answer, be it an error. Retries do not count.
    pub fn done(&self) -> Calls {
        locked(&self.run.done).clone()
    }

    fn count(&self, operation: Operation) {
        *locked(&self.run.done).entry(operation).or_default() += 1;
    }

    /// The run's stop signal.
    pub fn stop(&self) -> &Stop {
        &self.run.stop
    }

    /// Emits an event, whether or not anybody listens.
    pub(crate) fn emit(&self, event: Event) {
        let _ = self.run.events.send(event);
    }

    /// Calls the SDK.
    pub(super) async fn call<O, E, F>(
        &self,
        operation: Operation,
        send: impl Fn(&Sdk) -> F,
    ) -> CallResult<O>
    where
        F: Future<Output = Result<O, SdkError<E, HttpResponse>>>,
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        self.call_reading(operation, send, |answer| answer).await
    }

    /// [`Self::call`], whose answer does not matter.
    pub(super) async fn send<O, E, F>(
        &self,
        operation: Operation,
        send: impl Fn(&Sdk) -> F,
    ) -> CallResult<()>
    where
        F: Future<Output = Result<O, SdkError<E, HttpResponse>>>,
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        self.call(operation, send).await.map(drop)
    }

    /// [`Self::call`], where `read` can turn an error into a value, or an answer into an error.
    pub(super) async fn call_reading<O, E, F, T>(
        &self,
        operation: Operation,
        send: impl Fn(&Sdk) -> F,
        read: impl Fn(CloudResult<O>) -> CloudResult<T>,
    ) -> CallResult<T>
    where
        F: Future<Output = Result<O, SdkError<E, HttpResponse>>>,
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        let read = &read;
        self.attempt(operation, || {
            let sent = send(&self.sdk);
            async move { read(classified(operation, sent.await)) }
        })
        .await
    }

    /// Makes a call, and retries it as the table above says.
    ///
    /// # Errors
    /// The last attempt's error, or that the run was stopped.
    pub(super) async fn attempt<T, F>(
        &self,
        operation: Operation,
        attempt: impl Fn() -> F,
    ) -> CallResult<T>
    where
        F: Future<Output = CloudResult<T>>,
    {
        let run = &*self.run;
        let started = Instant::now();
        // Waiting for a turn can take hours, and does not count against the time to retry.
        let mut waited = Duration::ZERO;
        let mut tries = 0;
        loop {
            let queued = Instant::now();
            let turn = run.pacer.turn(operation, self.begun.urgency(), &run.stop);
            let in_flight = turn.await?;
            let queued = queued.elapsed();
            waited += queued;
            let part = self.about.as_ref();
            let spared = part.filter(|_| self.spares);
            if let Some(error) = spared.and_then(|part| run.causes.told(part)) {
                return Err(CallError::Cloud(error));
            }
            let until_answered = run.sent(operation);
            let sent = Instant::now();
            // `Transmitted` fills in the request's id when the answer arrives.
            let span = tracing::debug_span!(
                "call",
                operation = operation.as_str(),
                attempt = tries + 1,
                request_id = tracing::field::Empty
            );
            // A future of the SDK has tens of kilobytes. Within the futures around it, it would overflow the stack.
            let attempt = Box::pin(attempt().instrument(span.clone()));
            let answer = run.stop.unless_given_up(attempt).await?;
            tracing::debug!(
                parent: &span,
                // No message: AWS may repeat in it what was sent.
                outcome = answer.as_ref().err().map_or("ok", |error| error.code.as_str()),
                waited_ms = queued.as_millis(),
                took_ms = sent.elapsed().as_millis(),
            );
            if answer.is_ok() {
                run.causes.went_well(operation, part);
                self.begun.begun();
            }
            drop(until_answered);
            drop(in_flight);
            let error = match answer {
                Ok(value) => {
                    self.count(operation);
                    return Ok(value);
                }
                Err(error) => error,
            };
            tries += 1;
            let tried_for = started.elapsed().saturating_sub(waited);
            let pause = pause_before_retry(&error, operation, tries, tried_for);
            let cause = format!("{}: {}", error.code, error.message);
            let Some(pause) = pause.filter(|_| run.retries && !self.once) else {
                self.count(operation);
                self.emit(Event::CallFailed {
                    operation: operation.as_str(),
                    cause,
                    request_id: error.request_id.clone(),
                });
                return Err(CallError::Cloud(error));
            };
            if error.kind == ErrorKind::Unreachable
                && !run.noted_unreachable.swap(true, Ordering::Relaxed)
            {
                self.emit(Event::Note {
                    text: format!("{error}: trying again for up to two minutes"),
                });
            }
            if error.kind == ErrorKind::Throttled {
                run.pacer.throttled(operation, pause);
            }
            tracing::debug!(parent: &span, again_in_ms = pause.as_millis());
            self.emit(Event::CallRetried {
                operation: operation.as_str(),
                cause,
                request_id: error.request_id,
                after_ms: pause.as_millis() as u64,
            });
            run.stop.sleep(pause).await?;
        }
    }
}

/// How long to wait before another attempt; `None`: no other attempt.
fn pause_before_retry(
    error: &CloudError,
    operation: Operation,
    tries: u32,
    elapsed: Duration,
) -> Option<Duration> {
    let (deadline, first) = match error.kind {
        ErrorKind::Throttled => (Duration::from_secs(300), Duration::from_millis(500)),
        ErrorKind::Busy => (Duration::from_secs(120), Duration::from_millis(500)),
        ErrorKind::Unreachable => (Duration::from_secs(120), Duration::from_millis(500)),
        ErrorKind::Ambiguous if operation.repeats_safely() => {
            (Duration::from_secs(120), Duration::from_millis(250))
        }
        _ => return None,
    };
    if elapsed >= deadline {
        return None;
    }
    let grown = first * 2u32.saturating_pow(tries.min(6) - 1);
    let pause = grown.min(Duration::from_secs(20));
    Some(pause.mul_f64(jitter(operation, tries, elapsed)))
}

/// Between 0.75 and 1.25, so that calls that failed together are not retried together. It comes from the elapsed
/// nanoseconds, which differ between callers, and needs no source of randomness.
fn jitter(operation: Operation, tries: u32, elapsed: Duration) -> f64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    (operation, tries, elapsed.subsec_nanos()).hash(&mut hasher);
    0.75 + (hasher.finish() % 1000) as f64 / 2000.0
}

fn corrected(now: Timestamp, ahead: Option<SignedDuration>) -> Timestamp {
    let ahead = ahead.unwrap_or_default();
    now.checked_sub(ahead).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_that_counts_is_that_of_aws() {
        let at = |time: &str| -> Timestamp { time.parse().unwrap() };
        let now = at("2026-12-01T17:00:00Z");
        let ahead = Some(SignedDuration::from_mins(10));
        assert_eq!(corrected(now, ahead), at("2026-12-01T16:50:00Z"));
        assert_eq!(corrected(now, None), now);
    }

    fn error(kind: ErrorKind) -> CloudError {
        CloudError::new(Operation::CreateRole, kind, "X", "x")
    }

    #[test]
    fn an_ambiguous_create_rest_api_is_never_repeated_blindly() {
        let error = error(ErrorKind::Ambiguous);
        let pause = |op| pause_before_retry(&error, op, 1, Duration::ZERO);
        assert_eq!(pause(Operation::CreateRestApi), None);
        assert!(pause(Operation::CreateFunction).is_some());
    }

    #[test]
    fn real_refusals_are_not_repeated() {
        for kind in [
            ErrorKind::AccessDenied,
            ErrorKind::Credentials,
            ErrorKind::Invalid,
            ErrorKind::LimitExceeded,
            ErrorKind::NotFound,
            ErrorKind::AlreadyExists,
        ] {
            let pause = pause_before_retry(&error(kind), Operation::CreateRole, 1, Duration::ZERO);
            assert_eq!(pause, None, "{kind:?}");
        }
    }

    #[test]
    fn a_network_that_comes_back_after_a_minute_is_waited_for() {
        let error = error(ErrorKind::Unreachable);
        let pause =
            |s| pause_before_retry(&error, Operation::CreateRole, 7, Duration::from_secs(s));
        assert!(pause(60).is_some());
        assert_eq!(pause(120), None);
    }

    #[test]
    fn pauses_grow_and_stay_bounded() {
        let error = error(ErrorKind::Throttled);
        let pause = |tries| {
            pause_before_retry(&error, Operation::CreateRole, tries, Duration::ZERO).unwrap()
        };
        assert!(pause(1) < Duration::from_secs(1));
        assert!(pause(3) > pause(1));
        assert!(pause(50) <= Duration::from_secs(25));
    }
}
