//! Token buckets: when may the next call go out? The arithmetic is pure, with time passed in; [`Pacer`] adds
//! the clock and the waiting.
//!
//! A call takes its tokens one bucket after another, scarcest first, and only takes from the shared bucket
//! when its own has let it through: a deletion that waits half an hour for its turn must not hold a place in
//! a bucket that others could use now.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

use crate::domain::operation::Operation;

use super::quota::{Group, Quota, groups, quota_of};
use super::stop::{Cancelled, Stop};

/// How fast to go against AWS's request quotas.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pace {
    /// This many times AWS's default figures.
    Scaled(f64),
    /// As fast as answers come.
    Unlimited,
}

/// One token bucket, in "virtual scheduling" form: it keeps the time at which it will be full again.
#[derive(Debug, Clone)]
pub struct Bucket {
    interval: Duration,
    tolerance: Duration,
    full_at: Duration,
    paused_until: Duration,
}

impl Bucket {
    /// A full bucket.
    pub fn new(quota: Quota, scale: f64) -> Self {
        let interval = Duration::from_secs_f64(1.0 / (quota.per_second * scale));
        Self {
            interval,
            tolerance: interval.mul_f64((quota.burst - 1.0).max(0.0)),
            full_at: Duration::ZERO,
            paused_until: Duration::ZERO,
        }
    }

    /// Takes one token at `now`; answers how long to wait before using it.
    pub fn take(&mut self, now: Duration) -> Duration {
        let due = self.full_at.max(now);
        self.full_at = due + self.interval;
        due.saturating_sub(self.tolerance).saturating_sub(now)
    }

    /// AWS said that we were too fast (others use the same quota): the bucket is empty, and nobody uses a
    /// token before `pause` is over, whoever holds one already included.
    pub fn throttled(&mut self, now: Duration, pause: Duration) {
        self.paused_until = self.paused_until.max(now + pause);
        self.full_at = self.full_at.max(self.paused_until + self.tolerance);
    }

    /// How long whoever holds a token must still wait because of a pause.
    pub fn paused(&self, now: Duration) -> Duration {
        self.paused_until.saturating_sub(now)
    }
}

/// An account's own quotas by operation: calls per second, and burst.
pub type Overrides = HashMap<Operation, (f64, f64)>;

/// Paces the calls of a run.
#[derive(Debug)]
pub struct Pacer {
    pace: Pace,
    overrides: Overrides,
    started: Instant,
    buckets: Mutex<HashMap<Group, Bucket>>,
}

impl Pacer {
    /// A pacer with full buckets. `overrides`: the account's own figures, where they were raised.
    pub fn new(pace: Pace, overrides: Overrides) -> Self {
        Self {
            pace,
            overrides,
            started: Instant::now(),
            buckets: Mutex::new(HashMap::new()),
        }
    }

    /// Waits for the operation's turn.
    ///
    /// # Errors
    /// When the run is stopped meanwhile.
    pub async fn turn(&self, operation: Operation, stop: &Stop) -> Result<(), Cancelled> {
        for group in self.groups(operation) {
            let Some(mut wait) = self.with_bucket(group, |bucket, now| bucket.take(now)) else {
                continue;
            };
            while !wait.is_zero() {
                stop.sleep(wait).await?;
                let paused = self.with_bucket(group, |bucket, now| bucket.paused(now));
                wait = paused.unwrap_or_default();
            }
        }
        stop.check()
    }

    /// AWS throttled the operation: its scarcest bucket pauses.
    pub fn throttled(&self, operation: Operation, pause: Duration) {
        if let Some(group) = self.groups(operation).first() {
            self.with_bucket(*group, |bucket, now| bucket.throttled(now, pause));
        }
    }

    /// The buckets that a call takes from, scarcest first; an override gives an operation one of its own.
    fn groups(&self, operation: Operation) -> Vec<Group> {
        let mut groups = groups(operation);
        let own = Group::Own(operation);
        if self.overrides.contains_key(&operation) && !groups.contains(&own) {
            groups.insert(0, own);
        }
        groups
    }

    fn with_bucket<T>(
        &self,
        group: Group,
        use_it: impl FnOnce(&mut Bucket, Duration) -> T,
    ) -> Option<T> {
        let Pace::Scaled(scale) = self.pace else {
            return None;
        };
        let raised = match group {
            Group::Own(operation) => self.overrides.get(&operation),
            _ => None,
        };
        let quota = match raised {
            Some((per_second, burst)) => Quota {
                per_second: *per_second,
                burst: *burst,
            },
            None => quota_of(group)?,
        };
        let now = self.started.elapsed();
        let mut buckets = self.buckets.lock().unwrap_or_else(|e| e.into_inner());
        let bucket = buckets
            .entry(group)
            .or_insert_with(|| Bucket::new(quota, scale));
        Some(use_it(bucket, now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn bucket(per_second: f64, burst: f64) -> Bucket {
        Bucket::new(Quota { per_second, burst }, 1.0)
    }

    #[test]
    fn a_burst_goes_out_at_once_and_the_rest_at_the_rate() {
        let mut bucket = bucket(1.0, 3.0);
        let waits: Vec<u64> = (0..5)
            .map(|_| bucket.take(Duration::ZERO).as_secs())
            .collect();
        assert_eq!(waits, [0, 0, 0, 1, 2]);
    }

    #[test]
    fn an_idle_bucket_fills_up_to_its_burst_and_no_further() {
        let mut bucket = bucket(1.0, 2.0);
        bucket.take(Duration::ZERO);
        let later = SECOND * 1000;
        let waits: Vec<u64> = (0..3).map(|_| bucket.take(later).as_secs()).collect();
        assert_eq!(waits, [0, 0, 1]);
    }

    #[test]
    fn a_bucket_without_burst_spaces_calls_evenly() {
        let mut bucket = bucket(1.0 / 30.0, 1.0);
        let waits: Vec<u64> = (0..3)
            .map(|_| bucket.take(Duration::ZERO).as_secs())
            .collect();
        assert_eq!(waits, [0, 30, 60]);
    }

    #[test]
    fn a_throttle_answer_pauses_the_bucket() {
        let mut bucket = bucket(10.0, 40.0);
        bucket.take(Duration::ZERO);
        bucket.throttled(SECOND, SECOND * 2);
        assert_eq!(
            bucket.paused(SECOND),
            SECOND * 2,
            "for whoever holds a token"
        );
        assert!(bucket.take(SECOND) >= SECOND * 2, "for whoever comes");
        assert_eq!(bucket.paused(SECOND * 3), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn thirty_deployments_take_the_time_that_the_quota_says() {
        let pacer = Pacer::new(Pace::Scaled(1.0), Overrides::new());
        let stop = Stop::new();
        let start = Instant::now();
        for _ in 0..30 {
            pacer
                .turn(Operation::CreateDeployment, &stop)
                .await
                .unwrap();
        }
        assert_eq!(start.elapsed().as_secs(), 145);
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_for_a_turn_ends_when_the_run_is_stopped() {
        let pacer = Pacer::new(Pace::Scaled(1.0), Overrides::new());
        let stop = Stop::new();
        pacer.turn(Operation::DeleteRestApi, &stop).await.unwrap();
        let waiting = pacer.turn(Operation::DeleteRestApi, &stop);
        stop.drain();
        assert_eq!(waiting.await, Err(Cancelled));
    }
}
