//! When the next call may go out. The token buckets ([`bucket`]) are pure: their caller passes the time in. The [`Pacer`]
//! adds the clock and the waiting.
//!
//! - A call passes its operation's own bucket first, and only then asks the bucket that its service's operations share. So a
//!   deletion that waits half an hour for its turn holds no place that other calls could use.
//! - In a shared bucket, calls that have a bucket of their own go first, because their tokens are scarce.
//! - A step that has begun goes before those that have not, and so does a student. So the first students' stacks are soon far enough for the calls
//!   that are scarcest later on, and a run that is cut off leaves fewer stacks half made.
//! - A call takes the tokens of all its buckets at the same moment, and then goes out, unless too many are in flight. So calls
//!   arrive at AWS as far apart as the quota asks.

pub(crate) mod bucket;
mod turns;

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{Mutex as Turnstile, MutexGuard as Turn, Notify, Semaphore, SemaphorePermit};
use tokio::time::Instant;

use super::operations::{Group, Operation, RequestQuota, quota_of};
use super::stop::{Cancelled, Stop};
use bucket::TokenBucket;

/// Requests in flight at most; more only queue in sockets.
const IN_FLIGHT_MAX: usize = 64;

/// How fast to go against AWS's request quotas.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pace {
    /// This many times AWS's default figures.
    Scaled(f64),
    /// As fast as answers come.
    Unlimited,
}

/// An account's own quotas by operation: calls per second, and burst.
pub type Overrides = HashMap<Operation, (f64, f64)>;

pub(crate) type Calls = BTreeMap<Operation, usize>;

/// Paces the calls of a run.
#[derive(Debug)]
pub struct Pacer {
    started: Instant,
    /// Those of the account are shared with its other places: [`Self::beside`].
    gates: HashMap<Group, Arc<Gate>>,
    in_flight: Semaphore,
}

/// A bucket, and the calls that wait before it.
#[derive(Debug)]
struct Gate {
    quota: RequestQuota,
    bucket: Mutex<TokenBucket>,
    /// A throttle answer changed the bucket, so calls that wait for a token must compute the wait again.
    changed: Notify,
    /// By [`Lane`].
    lanes: [Queue; 4],
}

/// The calls of one lane. The one that holds the turnstile is next; the others wait in order of arrival.
#[derive(Debug, Default)]
struct Queue {
    turnstile: Turnstile<()>,
    /// How many calls wait in it, or are about to.
    waiting: AtomicUsize,
}

/// A call's queue before a bucket. The first goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lane {
    /// For calls that passed a bucket of their own.
    Scarce = 0,
    /// For calls of a step that has begun.
    StepBegun = 1,
    /// For calls of a student whose steps have begun.
    StudentBegun = 2,
    Common = 3,
}

/// How far the work is that a call belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Urgency {
    /// Its step made a call that went well.
    StepBegun,
    /// Another step of the student did.
    StudentBegun,
    /// Nothing yet, or it is no step.
    Fresh,
}

impl Urgency {
    fn lane(self) -> Lane {
        match self {
            Self::StepBegun => Lane::StepBegun,
            Self::StudentBegun => Lane::StudentBegun,
            Self::Fresh => Lane::Common,
        }
    }
}

impl Gate {
    fn new(quota: RequestQuota, scale: f64) -> Self {
        let quota = RequestQuota {
            per_second: quota.per_second * scale,
            ..quota
        };
        Self {
            quota,
            bucket: Mutex::new(TokenBucket::new(quota)),
            changed: Notify::new(),
            lanes: Default::default(),
        }
    }

    fn bucket<T>(&self, use_it: impl FnOnce(&mut TokenBucket) -> T) -> T {
        use_it(&mut self.bucket.lock().unwrap_or_else(|e| e.into_inner()))
    }

    /// How long the next call of the lane must still wait. It leaves a token for each call of the lanes before its own.
    fn wait(&self, lane: Lane, now: Duration) -> Duration {
        let before = &self.lanes[..lane as usize];
        let ahead = before
            .iter()
            .map(|queue| queue.waiting.load(Ordering::Relaxed));
        let ahead: usize = ahead.sum();
        self.bucket(|bucket| bucket.wait(now, 1 + ahead))
    }
}

/// A call's place in the queue before a bucket.
struct Queued<'a> {
    gate: &'a Gate,
    lane: Lane,
    _turn: Turn<'a, ()>,
    _counted: Counted<'a>,
}

/// Counts a call in its lane until it is dropped.
struct Counted<'a> {
    gate: &'a Gate,
    lane: Lane,
}

impl<'a> Counted<'a> {
    fn new(gate: &'a Gate, lane: Lane) -> Self {
        let queue = &gate.lanes[lane as usize];
        queue.waiting.fetch_add(1, Ordering::Relaxed);
        Self { gate, lane }
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        let queue = &self.gate.lanes[self.lane as usize];
        queue.waiting.fetch_sub(1, Ordering::Relaxed);
        // The lanes behind waited for this call's token, too.
        self.gate.changed.notify_waiters();
    }
}

impl<'a> Queued<'a> {
    async fn before(gate: &'a Gate, lane: Lane, stop: &Stop) -> Result<Self, Cancelled> {
        let counted = Counted::new(gate, lane);
        let turn = stop.unless_stopping(gate.lanes[lane as usize].turnstile.lock());
        Ok(Self {
            gate,
            lane,
            _turn: turn.await?,
            _counted: counted,
        })
    }

    fn wait(&self, now: Duration) -> Duration {
        self.gate.wait(self.lane, now)
    }
}

impl Pacer {
    /// A pacer with full buckets. `overrides`: the account's own figures, where they were raised.
    pub fn new(pace: Pace, overrides: &Overrides) -> Self {
        let gates = match pace {
            Pace::Unlimited => HashMap::new(),
            Pace::Scaled(scale) => quotas(overrides)
                .map(|(group, quota)| (group, Arc::new(Gate::new(quota, scale))))
                .collect(),
        };
        Self {
            started: Instant::now(),
            gates,
            in_flight: Semaphore::new(IN_FLIGHT_MAX),
        }
    }

    /// A pacer for another region of the same account, in the same run: what the account has once, both share.
    pub(crate) fn beside(&self, pace: Pace, overrides: &Overrides) -> Self {
        let mut pacer = Self::new(pace, overrides);
        pacer.started = self.started;
        for (group, gate) in &mut pacer.gates {
            let of_account = self.gates.get(group).filter(|_| group.is_of_account());
            if let Some(shared) = of_account {
                *gate = Arc::clone(shared);
            }
        }
        pacer
    }

    /// Waits for the operation's turn. The call is in flight until what this returns is dropped.
    ///
    /// # Errors
    /// When the run is stopped meanwhile.
    pub(crate) async fn turn(
        &self,
        operation: Operation,
        urgency: Urgency,
        stop: &Stop,
    ) -> Result<SemaphorePermit<'_>, Cancelled> {
        let mut gates = self.gates(operation);
        let permit = match (gates.next(), gates.next()) {
            (None, _) => self.permit(stop).await?,
            (Some(first), second) => self.through((first, urgency.lane()), second, stop).await?,
        };
        stop.check()?;
        Ok(permit)
    }

    async fn through(
        &self,
        (first, lane): (&Gate, Lane),
        second: Option<&Gate>,
        stop: &Stop,
    ) -> Result<SemaphorePermit<'_>, Cancelled> {
        {
            let place = Queued::before(first, lane, stop).await?;
            loop {
                self.wait_for(&place, stop).await?;
                let behind = match second {
                    Some(gate) => Some(Queued::before(gate, Lane::Scarce, stop).await?),
                    None => None,
                };
                if let Some(behind) = &behind {
                    self.wait_for(behind, stop).await?;
                }
                let now = self.started.elapsed();
                let places = || [Some(&place), behind.as_ref()].into_iter().flatten();
                // While this waited for one bucket, a throttle answer may have emptied the other.
                if places().all(|place| place.wait(now).is_zero()) {
                    for place in places() {
                        place.gate.bucket(|bucket| bucket.take(now));
                    }
                    break;
                }
            }
        }
        // Only now: another place of the account may wait before the same gate, and a place whose calls all hang must not
        // stand there.
        self.permit(stop).await
    }

    async fn wait_for(&self, place: &Queued<'_>, stop: &Stop) -> Result<(), Cancelled> {
        loop {
            let changed = place.gate.changed.notified();
            let wait = place.wait(self.started.elapsed());
            if wait.is_zero() {
                return Ok(());
            }
            tokio::select! {
                slept = stop.sleep(wait) => slept?,
                () = changed => {}
            }
        }
    }

    async fn permit(&self, stop: &Stop) -> Result<SemaphorePermit<'_>, Cancelled> {
        // The semaphore is never closed, so a permit always comes.
        let permit = stop.unless_stopping(self.in_flight.acquire()).await?;
        permit.map_err(|_closed| Cancelled)
    }

    /// AWS throttled the operation: its scarcest bucket pauses, and goes slower for a while.
    pub(crate) fn throttled(&self, operation: Operation, pause: Duration) {
        let now = self.started.elapsed();
        if let Some(gate) = self.gates(operation).next() {
            gate.bucket(|bucket| bucket.throttled(now, pause));
            gate.changed.notify_waiters();
        }
    }

    pub(crate) fn is_unlimited(&self) -> bool {
        self.gates.is_empty()
    }

    /// A bucket's quota in this account, as far as homeroom knows.
    pub(crate) fn quota(&self, group: Group) -> Option<RequestQuota> {
        self.gates.get(&group).map(|gate| gate.quota)
    }

    /// How many of these calls use a bucket.
    pub(crate) fn count_through(&self, group: Group, calls: &Calls) -> usize {
        let through = calls
            .iter()
            .filter(|(operation, _)| operation.buckets().any(|g| g == group));
        through.map(|(_, count)| count).sum()
    }

    /// How long these calls take to go through each bucket as it is now.
    pub(crate) fn times_for(&self, calls: &Calls) -> impl Iterator<Item = (Group, Duration)> {
        let now = self.started.elapsed();
        self.gates.iter().map(move |(group, gate)| {
            let count = self.count_through(*group, calls);
            (*group, gate.bucket(|bucket| bucket.time_for(now, count)))
        })
    }

    /// The longest of [`Self::times_for`], and which bucket that is.
    pub(crate) fn time_for(&self, calls: &Calls) -> (Duration, Option<Group>) {
        let times = self.times_for(calls).map(|(group, time)| (time, group));
        match times.max() {
            Some((time, group)) if !time.is_zero() => (time, Some(group)),
            _ => (Duration::ZERO, None),
        }
    }

    /// The gates that a call passes, its own first.
    fn gates(&self, operation: Operation) -> impl Iterator<Item = &Gate> {
        operation
            .buckets()
            .filter_map(|group| self.gates.get(&group).map(|gate| &**gate))
    }
}

/// Every bucket's figures; an override gives an operation one of its own.
fn quotas(overrides: &Overrides) -> impl Iterator<Item = (Group, RequestQuota)> {
    let published = Operation::ALL
        .iter()
        .flat_map(|operation| operation.buckets());
    let published = published.filter_map(|group| Some((group, quota_of(group)?)));
    let raised = overrides.iter().map(|(operation, (per_second, burst))| {
        let quota = RequestQuota {
            per_second: *per_second,
            burst: *burst,
        };
        (Group::Own(*operation), quota)
    });
    published.chain(raised)
}

/// The quotas of a region that are larger than the smallest ones. Source: AmazonCloudWatch/latest/logs,
/// cloudwatch_limits_cwl.html.
pub fn quotas_of_region(region: &str) -> Overrides {
    match region {
        "us-east-1" => Overrides::from([(Operation::FilterLogEvents, (25.0, 25.0))]),
        _ => Overrides::new(),
    }
}

/// The quota that an operation has to itself: the one that was given, else the published one.
fn own_quota(overrides: &Overrides, operation: Operation) -> Option<RequestQuota> {
    let given = overrides.get(&operation);
    let given = given.map(|&(per_second, burst)| RequestQuota { per_second, burst });
    given.or_else(|| quota_of(Group::Own(operation)))
}

/// How many calls of an operation leave within a time after a pause; at least one.
pub(crate) fn calls_within(
    pace: Pace,
    overrides: &Overrides,
    operation: Operation,
    time: Duration,
) -> usize {
    let Pace::Scaled(factor) = pace else {
        return usize::MAX;
    };
    let Some(quota) = own_quota(overrides, operation) else {
        return usize::MAX;
    };
    // A tenth less, as the buckets are smaller and slower than the quota.
    let calls = 0.9 * (quota.burst + quota.per_second * factor * time.as_secs_f64());
    calls.max(1.0) as usize
}

/// How many calls of an operation a share of its quota lets through in a time; at least one.
pub(crate) fn calls_at_share(
    share: f64,
    pace: Pace,
    overrides: &Overrides,
    operation: Operation,
    time: Duration,
) -> usize {
    let Pace::Scaled(factor) = pace else {
        return usize::MAX;
    };
    let quota = own_quota(overrides, operation);
    let per_second = quota.map_or(1.0, |quota| quota.per_second) * factor * share;
    // A float that is too large becomes the largest number.
    (per_second * time.as_secs_f64()).max(1.0) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_a_quota_lets_so_many_calls_through() {
        let calls = |pace, own: Option<f64>| {
            let operation = Operation::ListExecutions;
            let own = own.map(|per_second| (operation, (per_second, 1.0)));
            let minute = Duration::from_secs(60);
            calls_at_share(0.5, pace, &own.into_iter().collect(), operation, minute)
        };
        assert_eq!(calls(Pace::Scaled(1.0), Some(5.0)), 150);
        assert_eq!(calls(Pace::Scaled(2.0), Some(5.0)), 300);
        assert_eq!(calls(Pace::Scaled(1.0), None), 60);
        assert_eq!(calls(Pace::Scaled(0.001), Some(1.0)), 1);
        assert_eq!(calls(Pace::Unlimited, Some(5.0)), usize::MAX);
    }

    #[test]
    fn so_many_calls_leave_within_a_time() {
        let calls = |own: Overrides| {
            let time = Duration::from_secs(3);
            calls_within(Pace::Scaled(1.0), &own, Operation::FilterLogEvents, time)
        };
        assert_eq!(calls(Overrides::new()), 18);
        assert_eq!(calls(quotas_of_region("us-east-1")), 90);
        let unlimited = calls_within(
            Pace::Unlimited,
            &Overrides::new(),
            Operation::FilterLogEvents,
            Duration::ZERO,
        );
        assert_eq!(unlimited, usize::MAX);
    }

    fn pacer() -> Pacer {
        Pacer::new(Pace::Scaled(1.0), &Overrides::new())
    }

    /// Waits for a turn, and makes a call that takes no time.
    async fn turn(pacer: &Pacer, operation: Operation, stop: &Stop) {
        drop(pacer.turn(operation, Urgency::Fresh, stop).await.unwrap());
    }

    #[tokio::test(start_paused = true)]
    async fn thirty_deployments_take_hardly_longer_than_the_quota_says() {
        let pacer = pacer();
        let stop = Stop::new();
        let start = Instant::now();
        for _ in 0..30 {
            turn(&pacer, Operation::CreateDeployment, &stop).await;
        }
        let seconds = start.elapsed().as_secs_f64();
        assert!((145.0..148.0).contains(&seconds), "{seconds}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_for_a_turn_ends_when_the_run_is_stopped() {
        let pacer = pacer();
        let stop = Stop::new();
        turn(&pacer, Operation::DeleteRestApi, &stop).await;
        let waiting = pacer.turn(Operation::DeleteRestApi, Urgency::Fresh, &stop);
        stop.drain();
        assert_eq!(waiting.await.err(), Some(Cancelled));
    }

    #[tokio::test(start_paused = true)]
    async fn a_scarce_call_goes_first_among_the_many_in_a_shared_bucket() {
        let pacer = pacer();
        let stop = Stop::new();
        let start = Instant::now();
        let common = futures::future::join_all((0..400).map(|_| async {
            turn(&pacer, Operation::PutMethod, &stop).await;
        }));
        let scarce = async {
            let mut times = Vec::new();
            for _ in 0..5 {
                turn(&pacer, Operation::CreateDeployment, &stop).await;
                times.push(start.elapsed().as_secs_f64());
            }
            times
        };
        let (_, times) = tokio::join!(common, scarce);
        for (index, time) in times.iter().enumerate() {
            let ideal = index as f64 * 5.0;
            assert!((ideal..ideal + 1.0).contains(time), "{times:?}");
        }
        assert!(start.elapsed().as_secs() >= 36, "the others did wait");
    }

    #[tokio::test(start_paused = true)]
    async fn a_long_wait_for_its_own_bucket_holds_up_nobody_in_the_shared_one() {
        let pacer = pacer();
        let stop = Stop::new();
        let start = Instant::now();
        let deletions = futures::future::join_all((0..50).map(|_| async {
            turn(&pacer, Operation::DeleteRestApi, &stop).await;
        }));
        let others = async {
            for _ in 0..40 {
                turn(&pacer, Operation::GetStages, &stop).await;
            }
            start.elapsed()
        };
        let (_, others) = tokio::join!(deletions, others);
        assert!(others.as_secs() < 2, "{others:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn two_regions_of_an_account_share_iams_quota_and_no_other() {
        let one = pacer();
        let two = one.beside(Pace::Scaled(1.0), &Overrides::new());
        let (stop, start) = (Stop::new(), Instant::now());
        let calls = async |operation: Operation, count: usize| {
            let both = (0..count).flat_map(|_| [&one, &two]);
            let turns = both.map(|pacer| turn(pacer, operation, &stop));
            futures::future::join_all(turns).await;
            start.elapsed().as_secs_f64()
        };
        // 15 a second for both together.
        let iam = calls(Operation::CreateRole, 60).await;
        assert!((6.0..10.0).contains(&iam), "{iam}");
        let both = Calls::from([(Operation::CreateRole, 150)]);
        assert_eq!(one.time_for(&both), two.time_for(&both));
        let deployments = calls(Operation::CreateDeployment, 5).await - iam;
        assert!((20.0..23.0).contains(&deployments), "{deployments}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_place_whose_calls_all_hang_holds_up_no_other_one() {
        let one = pacer();
        let two = one.beside(Pace::Scaled(1.0), &Overrides::new());
        let stop = Stop::new();
        let mut hanging = Vec::new();
        for _ in 0..IN_FLIGHT_MAX {
            hanging.push(
                one.turn(Operation::InvokeApi, Urgency::Fresh, &stop)
                    .await
                    .unwrap(),
            );
        }
        let next = one.turn(Operation::CreateRole, Urgency::StepBegun, &stop);
        let other = tokio::time::timeout(
            Duration::from_secs(5),
            turn(&two, Operation::CreateRole, &stop),
        );
        tokio::pin!(next);
        tokio::select! {
            _ = &mut next => panic!("all permits are taken"),
            other = other => other.unwrap(),
        }
        hanging.pop();
        drop(next.await.unwrap());
    }

    #[tokio::test(start_paused = true)]
    async fn what_has_begun_goes_before_what_has_not() {
        let pacer = pacer();
        let (stop, start) = (Stop::new(), Instant::now());
        // The last second in which one of so many calls went out.
        let last = async |count: usize, urgency: Urgency| {
            let calls = (0..count).map(|_| async {
                drop(
                    pacer
                        .turn(Operation::CreateRole, urgency, &stop)
                        .await
                        .unwrap(),
                );
            });
            futures::future::join_all(calls).await;
            start.elapsed().as_secs_f64()
        };
        let (fresh, student, step) = tokio::join!(
            last(200, Urgency::Fresh),
            last(60, Urgency::StudentBegun),
            last(20, Urgency::StepBegun)
        );
        assert!(
            step < 3.0 && step < student && student < 8.0,
            "{step} {student}"
        );
        assert!((15.0..20.0).contains(&fresh), "all of them in all: {fresh}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_throttle_answer_holds_back_those_who_wait_already() {
        let pacer = pacer();
        let stop = Stop::new();
        let start = Instant::now();
        let calls = futures::future::join_all((0..30).map(|_| async {
            turn(&pacer, Operation::PutRetentionPolicy, &stop).await;
            start.elapsed()
        }));
        pacer.throttled(Operation::PutRetentionPolicy, Duration::from_secs(5));
        let times = calls.await;
        assert!(times.iter().all(|time| time.as_secs() >= 5), "{times:?}");
        let at_once = times.iter().filter(|time| time.as_millis() < 5_100).count();
        assert!(
            at_once <= 1,
            "nor does everybody go when it is over: {at_once}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_sleeper_is_woken_when_a_refusal_makes_its_turn_earlier() {
        let pacer = pacer();
        let stop = Stop::new();
        let refused = || pacer.throttled(Operation::DeleteRestApi, Duration::from_secs(1));
        for _ in 0..2 {
            turn(&pacer, Operation::DeleteRestApi, &stop).await;
            refused();
        }
        // Every other turn is left by now: after this call the next one sleeps for two.
        turn(&pacer, Operation::DeleteRestApi, &stop).await;
        let called = Instant::now();
        let (next, ()) = tokio::join!(
            async {
                turn(&pacer, Operation::DeleteRestApi, &stop).await;
                called.elapsed().as_secs_f64()
            },
            async {
                tokio::time::sleep(Duration::from_secs(1)).await;
                refused();
            }
        );
        assert!((31.0..32.0).contains(&next), "{next} s");
    }

    #[tokio::test(start_paused = true)]
    async fn the_time_for_calls_is_that_of_the_bucket_which_needs_longest() {
        let pacer = pacer();
        let calls = Calls::from([
            (Operation::CreateDeployment, 30),
            (Operation::CreateRestApi, 30),
            (Operation::PutMethod, 60),
        ]);
        let (time, group) = pacer.time_for(&calls);
        assert_eq!(group, Some(Group::Own(Operation::CreateDeployment)));
        assert!((145..148).contains(&time.as_secs()), "{time:?}");
        assert_eq!(pacer.time_for(&Calls::new()), (Duration::ZERO, None));
    }

    #[tokio::test(start_paused = true)]
    async fn an_override_gives_an_operation_a_bucket_of_its_own() {
        let overrides = Overrides::from([(Operation::PutMethod, (1.0, 1.0))]);
        let pacer = Pacer::new(Pace::Scaled(1.0), &overrides);
        let calls = Calls::from([(Operation::PutMethod, 11)]);
        let (time, group) = pacer.time_for(&calls);
        assert_eq!(group, Some(Group::Own(Operation::PutMethod)));
        assert_eq!(time.as_secs(), 10);
    }
}
