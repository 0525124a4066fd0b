//! Every call to the cloud goes through here: paced, counted against a deadline, retried by one owner.
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

use std::collections::{BTreeSet, HashMap};
use std::future::Future;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;

use crate::domain::ids::Username;
use crate::domain::operation::Operation;
use crate::events::Event;

use super::common_cause::{CommonCauses, Part};
use super::hints;
use super::pacing::{Calls, Overrides, Pace, Pacer};
use super::port::{Cloud, CloudError, CloudResult, ErrorKind};
use super::stop::{Cancelled, Stop};

/// Why a call gave no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallError {
    /// AWS, or the way to it, said no.
    Cloud(CloudError),
    /// The run was stopped.
    Cancelled,
}

impl From<Cancelled> for CallError {
    fn from(_: Cancelled) -> Self {
        Self::Cancelled
    }
}

impl CallError {
    /// The error's kind, unless the run was stopped.
    pub fn kind(&self) -> Option<ErrorKind> {
        match self {
            Self::Cloud(error) => Some(error.kind),
            Self::Cancelled => None,
        }
    }
}

/// Makes calls.
#[derive(Debug)]
pub struct Caller<C> {
    cloud: C,
    pacer: Pacer,
    stop: Stop,
    events: mpsc::UnboundedSender<Event>,
    told_unreachable: AtomicBool,
    done: Mutex<Calls>,
    causes: CommonCauses,
    out: Out,
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

impl<C: Cloud> Caller<C> {
    /// A caller for one run.
    pub fn new(
        cloud: C,
        pace: Pace,
        overrides: Overrides,
        stop: Stop,
        events: mpsc::UnboundedSender<Event>,
    ) -> Self {
        Self {
            cloud,
            pacer: Pacer::new(pace, &overrides),
            stop,
            events,
            told_unreachable: AtomicBool::new(false),
            done: Mutex::default(),
            causes: CommonCauses::default(),
            out: Out::default(),
        }
    }

    /// What students failed for, and whether others got past it.
    pub fn causes(&self) -> &CommonCauses {
        &self.causes
    }

    /// Waits until every request of an operation that is on its way now has its answer.
    ///
    /// # Errors
    /// That the run was stopped.
    pub async fn answered(&self, operation: Operation) -> Result<(), Cancelled> {
        let now = self.out.of(operation);
        loop {
            let answered = self.out.answered.notified();
            if self.out.of(operation).is_disjoint(&now) {
                return Ok(());
            }
            self.stop.unless_stopping(answered).await?;
        }
    }

    /// Keeps in mind what a student's part failed for. Whether it is everybody's: a few students have failed so, and none
    /// of the others' calls that are on their way got past it.
    ///
    /// # Errors
    /// That the run was stopped.
    pub async fn is_everybodys(
        &self,
        student: &Username,
        part: &Part,
        error: &CloudError,
    ) -> Result<bool, Cancelled> {
        self.causes.failed(student, part, error);
        if !self.causes.is_everybodys(student, part, error) {
            return Ok(false);
        }
        self.answered(error.operation).await?;
        Ok(self.causes.is_everybodys(student, part, error))
    }

    /// The cloud itself, for what is not a call.
    pub fn cloud(&self) -> &C {
        &self.cloud
    }

    /// What paces the calls.
    pub fn pacer(&self) -> &Pacer {
        &self.pacer
    }

    /// How many calls of each operation got their answer so far, whatever it was; attempts that were made again
    /// are not counted.
    pub fn done(&self) -> Calls {
        self.done.lock().unwrap_or_else(|e| e.into_inner()).clone()
    }

    fn count(&self, operation: Operation) {
        let mut done = self.done.lock().unwrap_or_else(|e| e.into_inner());
        *done.entry(operation).or_default() += 1;
    }

    /// How the run is stopped.
    pub fn stop(&self) -> &Stop {
        &self.stop
    }

    /// Tells an event. Nobody listening is no reason to stop working.
    pub fn tell(&self, event: Event) {
        let _ = self.events.send(event);
    }

    /// Makes a call, again where the table above says so.
    ///
    /// # Errors
    /// The last attempt's error, or that the run was stopped.
    pub async fn call<'a, T, F>(
        &'a self,
        operation: Operation,
        attempt: impl Fn(&'a C) -> F,
    ) -> Result<T, CallError>
    where
        F: Future<Output = CloudResult<T>>,
    {
        self.call_about(None, operation, attempt).await
    }

    /// [`Self::call`], one that is made alike for each student. Once the first ones have met a cause that is everybody's,
    /// it is told, and is the others' answer: they need not meet it one by one.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub async fn call_alike<'a, T, F>(
        &'a self,
        student: &Username,
        part: &Part,
        operation: Operation,
        attempt: impl Fn(&'a C) -> F,
    ) -> Result<T, CallError>
    where
        F: Future<Output = CloudResult<T>>,
    {
        let told = || self.causes.told(part);
        let answer = self.make(Some(part), operation, attempt, told).await;
        if let Err(CallError::Cloud(error)) = &answer
            && self.is_everybodys(student, part, error).await?
            && self.causes.is_news(part, error)
        {
            let told = "the first students cannot be looked at for a cause that is everybody's, so the others are not tried";
            self.tell(hints::everybodys(told, error, None));
        }
        answer
    }

    /// [`Self::call`], about a part of a student's stack: that it went well shows that nothing keeps the whole class
    /// from it.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub async fn call_about<'a, T, F>(
        &'a self,
        part: Option<&Part>,
        operation: Operation,
        attempt: impl Fn(&'a C) -> F,
    ) -> Result<T, CallError>
    where
        F: Future<Output = CloudResult<T>>,
    {
        self.make(part, operation, attempt, || None).await
    }

    /// [`Self::call_about`]; what `known` answers when the call's turn has come is the answer.
    async fn make<'a, T, F>(
        &'a self,
        part: Option<&Part>,
        operation: Operation,
        attempt: impl Fn(&'a C) -> F,
        known: impl Fn() -> Option<CloudError>,
    ) -> Result<T, CallError>
    where
        F: Future<Output = CloudResult<T>>,
    {
        let started = Instant::now();
        // Waiting for one's turn, which may take hours, is no reason to give up sooner.
        let mut waited = Duration::ZERO;
        let mut tries = 0;
        loop {
            let queued = Instant::now();
            let in_flight = self.pacer.turn(operation, &self.stop).await?;
            waited += queued.elapsed();
            if let Some(error) = known() {
                return Err(CallError::Cloud(error));
            }
            let on_its_way = self.out.sent(operation);
            let answer = self.stop.unless_given_up(attempt(&self.cloud)).await?;
            if answer.is_ok() {
                self.causes.went_well(operation, part);
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
            let Some(pause) = pause_before_retry(&error, operation, tries, tried_for) else {
                self.count(operation);
                self.tell(Event::CallFailed {
                    operation,
                    cause: format!("{}: {}", error.code, error.message),
                    request_id: error.request_id.clone(),
                });
                return Err(CallError::Cloud(error));
            };
            if error.kind == ErrorKind::Unreachable
                && !self.told_unreachable.swap(true, Ordering::Relaxed)
            {
                self.tell(Event::Note {
                    text: format!("{error}: trying again for up to two minutes"),
                });
            }
            if error.kind == ErrorKind::Throttled {
                self.pacer.throttled(operation, pause);
            }
            self.tell(Event::CallRetried {
                operation,
                cause: format!("{}: {}", error.code, error.message),
                request_id: error.request_id.clone(),
                after_ms: pause.as_millis() as u64,
            });
            self.stop.sleep(pause).await?;
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
        ErrorKind::Ambiguous if repeats_safely(operation) => {
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

/// Whether making the call twice ends like making it once. All but two do, by unique names or by their
/// nature; CreateRestApi makes a second API of the same name, and CreateAccessKey a second key.
fn repeats_safely(operation: Operation) -> bool {
    !matches!(
        operation,
        Operation::CreateRestApi | Operation::CreateAccessKey
    )
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
