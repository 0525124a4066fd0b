//! [`Client`]: every call goes through here, paced, counted against a deadline, retried by one owner, told in events.
//!
//! Which errors are retried, and how:
//!
//! | error | again? |
//! |---|---|
//! | throttled | after a growing pause; the operation's bucket pauses for everybody |
//! | busy (another change to the same thing) | after a growing pause |
//! | unreachable | after a growing pause, long enough for a network that comes back after a minute |
//! | ambiguous (5xx, broken connection, time-out) | likewise, if doing it twice is the same as doing it once |
//! | everything else | no: the step that made the call knows what it means |

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::error::Error;
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;
use tracing::Instrument;

use crate::events::Event;
use crate::ids::Username;
use crate::stack::credentials::AccessKey;

use super::classify::classified;
use super::common_cause::{CommonCauses, StackPart};
use super::connect::{self, ConnectOptions, Sdk};
use super::error::{CallError, CallResult, CloudError, CloudResult, ErrorKind};
use super::operations::Operation;
use super::pacing::{Calls, Overrides, Pace, Pacer};
use super::stop::{Cancelled, Stop};

/// AWS in one account and region, for one caller: a method an operation, each in its service's file. Clones share
/// connections, credentials, counters and the run.
///
/// Outside a run a call is one request: nothing paces it, nobody hears of a wait, and so nothing is tried again.
/// [`Client::in_run`] is the same AWS for a run.
#[derive(Debug, Clone)]
pub struct Client {
    pub(super) sdk: Arc<Sdk>,
    run: Arc<RunState>,
    /// What the calls are about, where that is known.
    about: Option<StackPart>,
    /// Whether a call is spared about what is known to keep everybody from it.
    spares: bool,
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
    out: Out,
}

impl RunState {
    fn new(
        pacer: Pacer,
        stop: Stop,
        events: mpsc::UnboundedSender<Event>,
        retries: bool,
    ) -> Arc<Self> {
        Arc::new(Self {
            pacer,
            stop,
            events,
            retries,
            noted_unreachable: AtomicBool::new(false),
            done: Mutex::default(),
            causes: CommonCauses::default(),
            out: Out::default(),
        })
    }
}

/// The requests that are on their way, by operation and number.
#[derive(Debug, Default)]
struct Out {
    requests: Mutex<(u64, HashMap<Operation, BTreeSet<u64>>)>,
    answered: Notify,
}

impl Out {
    fn sent(&self, operation: Operation) -> OnItsWay<'_> {
        let mut requests = self.requests.lock().unwrap_or_else(|e| e.into_inner());
        requests.0 += 1;
        let number = requests.0;
        requests.1.entry(operation).or_default().insert(number);
        OnItsWay {
            out: self,
            operation,
            number,
        }
    }

    fn of(&self, operation: Operation) -> BTreeSet<u64> {
        let requests = self.requests.lock().unwrap_or_else(|e| e.into_inner());
        requests.1.get(&operation).cloned().unwrap_or_default()
    }
}

/// A request that is on its way, until this is dropped.
struct OnItsWay<'a> {
    out: &'a Out,
    operation: Operation,
    number: u64,
}

impl Drop for OnItsWay<'_> {
    fn drop(&mut self) {
        let mut requests = self.out.requests.lock().unwrap_or_else(|e| e.into_inner());
        if let Some(numbers) = requests.1.get_mut(&self.operation) {
            numbers.remove(&self.number);
        }
        drop(requests);
        self.out.answered.notify_waiters();
    }
}

/// Connects to AWS, outside of any run. Sends nothing: wrong credentials show at the first call.
///
/// The SDK's protection against stalled streams stays on (the default), so a transfer that stops moving ends
/// well before the time-outs, as [`ErrorKind::Ambiguous`].
pub async fn connect(options: ConnectOptions) -> Client {
    Client::new(connect::connect(options).await)
}

impl Client {
    fn new(sdk: Sdk) -> Self {
        let pacer = Pacer::new(Pace::Unlimited, &Overrides::new());
        let (events, _nobody) = mpsc::unbounded_channel();
        Self {
            sdk: Arc::new(sdk),
            run: RunState::new(pacer, Stop::new(), events, false),
            about: None,
            spares: false,
        }
    }

    /// The same AWS for one run.
    pub fn in_run(
        &self,
        pace: Pace,
        overrides: Overrides,
        stop: Stop,
        events: mpsc::UnboundedSender<Event>,
    ) -> Self {
        Self {
            sdk: self.sdk.clone(),
            run: RunState::new(Pacer::new(pace, &overrides), stop, events, true),
            about: None,
            spares: false,
        }
    }

    /// The same for calls about a part of a student's stack: that one went well shows that nothing keeps the whole class
    /// from it.
    pub(crate) fn about(&self, part: StackPart) -> Self {
        Self {
            about: Some(part),
            ..self.clone()
        }
    }

    /// The same for calls that are made alike for each student. Once a cause is told that is everybody's, it is the answer,
    /// and nothing is sent: see [`CommonCauses::is_news`].
    pub(crate) fn alike(&self, part: StackPart) -> Self {
        Self {
            spares: true,
            ..self.about(part)
        }
    }

    /// The same with somebody else's access key; connections, counters and the run are shared.
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

    /// Whether AWS itself answers, and not some other endpoint in its place: only then is there a console.
    pub(crate) fn is_aws(&self) -> bool {
        !self.sdk.own_endpoint
    }

    /// Requests transmitted since the connection was made, by `service:Operation`. Requests that only fetch
    /// credentials (single sign-on, AssumeRole) are not among them.
    pub fn calls(&self) -> BTreeMap<String, u64> {
        self.sdk.calls.snapshot()
    }

    /// The URL of a deployed stage, without a trailing slash.
    pub(crate) fn invoke_url(&self, api_id: &str, stage: &str) -> String {
        self.sdk.endpoint.invoke_url(api_id, stage)
    }

    /// What students failed for, and whether others got past it.
    pub(crate) fn causes(&self) -> &CommonCauses {
        &self.run.causes
    }

    /// Waits until every request of an operation that is on its way now has its answer.
    ///
    /// # Errors
    /// That the run was stopped.
    pub(crate) async fn answered(&self, operation: Operation) -> Result<(), Cancelled> {
        let out = &self.run.out;
        let now = out.of(operation);
        loop {
            let answered = out.answered.notified();
            if out.of(operation).is_disjoint(&now) {
                return Ok(());
            }
            self.run.stop.unless_stopping(answered).await?;
        }
    }

    /// Keeps in mind what a student's part failed for. Whether it is everybody's: a few students have failed so, and none
    /// of the others' calls that are on their way got past it.
    ///
    /// # Errors
    /// That the run was stopped.
    pub(crate) async fn is_everybodys(
        &self,
        student: &Username,
        part: &StackPart,
        error: &CloudError,
    ) -> Result<bool, Cancelled> {
        let causes = &self.run.causes;
        causes.failed(student, part, error);
        if !causes.is_everybodys(student, part, error) {
            return Ok(false);
        }
        self.answered(error.operation).await?;
        Ok(causes.is_everybodys(student, part, error))
    }

    /// What paces the calls.
    pub(crate) fn pacer(&self) -> &Pacer {
        &self.run.pacer
    }

    /// How many calls of each operation got their answer so far, whatever it was; attempts that were made again
    /// are not counted.
    pub fn done(&self) -> Calls {
        let done = self.run.done.lock();
        done.unwrap_or_else(|e| e.into_inner()).clone()
    }

    fn count(&self, operation: Operation) {
        let mut done = self.run.done.lock().unwrap_or_else(|e| e.into_inner());
        *done.entry(operation).or_default() += 1;
    }

    /// How the run is stopped.
    pub fn stop(&self) -> &Stop {
        &self.run.stop
    }

    /// Emits an event. Nobody listening is no reason to stop working.
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

    /// [`Self::call`], where an error may be an answer, or an answer an error.
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

    /// Makes a call, again where the table above says so.
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
        // Waiting for one's turn, which may take hours, is no reason to give up sooner.
        let mut waited = Duration::ZERO;
        let mut tries = 0;
        loop {
            let queued = Instant::now();
            let in_flight = run.pacer.turn(operation, &run.stop).await?;
            let queued = queued.elapsed();
            waited += queued;
            let part = self.about.as_ref();
            if let Some(error) = part
                .filter(|_| self.spares)
                .and_then(|p| run.causes.told(p))
            {
                return Err(CallError::Cloud(error));
            }
            let on_its_way = run.out.sent(operation);
            let sent = Instant::now();
            // The request's id is filled in where the answer arrives: see `Transmitted`.
            let span = tracing::debug_span!(
                "call",
                operation = operation.as_str(),
                attempt = tries + 1,
                request_id = tracing::field::Empty
            );
            // A call of the SDK is a future of tens of kilobytes; on the heap it does not add up in the futures around
            // it, down to a stack that overflows.
            let attempt = Box::pin(attempt().instrument(span.clone()));
            let answer = run.stop.unless_given_up(attempt).await?;
            tracing::debug!(
                parent: &span,
                // No message: AWS may repeat in it what it was sent.
                outcome = answer.as_ref().err().map_or("ok", |error| error.code.as_str()),
                waited_ms = queued.as_millis(),
                took_ms = sent.elapsed().as_millis(),
            );
            if answer.is_ok() {
                run.causes.went_well(operation, part);
            }
            drop(on_its_way);
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
            let Some(pause) = pause.filter(|_| run.retries) else {
                self.count(operation);
                self.emit(Event::CallFailed {
                    operation: operation.as_str(),
                    cause: format!("{}: {}", error.code, error.message),
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
                cause: format!("{}: {}", error.code, error.message),
                request_id: error.request_id.clone(),
                after_ms: pause.as_millis() as u64,
            });
            run.stop.sleep(pause).await?;
        }
    }
}

/// How long to wait before another attempt; `None`: do not try again.
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
    Some(
        grown
            .min(Duration::from_secs(20))
            .mul_f64(jitter(operation, tries, elapsed)),
    )
}

/// Between 0.75 and 1.25, so that many that failed together do not come back together. Derived from what
/// differs between callers (their elapsed nanoseconds) rather than from a source of randomness.
fn jitter(operation: Operation, tries: u32, elapsed: Duration) -> f64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    (operation, tries, elapsed.subsec_nanos()).hash(&mut hasher);
    0.75 + (hasher.finish() % 1000) as f64 / 2000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(kind: ErrorKind) -> CloudError {
        CloudError {
            operation: Operation::CreateRole,
            kind,
            code: "X".into(),
            message: "x".into(),
            request_id: None,
        }
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
