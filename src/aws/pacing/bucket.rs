//! One token bucket: pure, with time passed in.

use std::time::Duration;

use super::super::operations::RequestQuota;
use super::turns::Turns;

/// The part of a quota's rate that stays unused. Calls that leave evenly arrive unevenly, and AWS counts arrivals: at the
/// quota's exact rate, AWS would throttle one call in a few.
const MARGIN: f64 = 0.015;
/// The part of a burst that stays unused, for the same reason: it absorbs the uneven arrivals.
const BURST_MARGIN: f64 = 0.1;
/// How unevenly calls arrive at least, because of the network and a busy computer. The margins above cover this at AWS's
/// default rates. At a raised rate, the same time is a larger part.
const UNEVEN: Duration = Duration::from_millis(25);
/// A throttle answer reduces the rate to this part, as in the adaptive mode of AWS's SDKs.
const SLOWER: f64 = 0.7;
/// The rate never falls below this part of the quota, so that no call waits for ever.
const LEAST: f64 = 0.2;
/// How long the rate takes to recover from one throttle answer.
const RECOVERY: Duration = Duration::from_secs(120);
/// Throttle answers that are closer than this count once: their calls were in flight together.
const TOGETHER: Duration = Duration::from_secs(1);
/// Sums of fractions are not exact. No call may wait for that.
const ROUNDING: f64 = 1e-6;

/// How many calls may go out, and when.
#[derive(Debug, Clone)]
pub(crate) struct TokenBucket {
    /// Tokens per second, without other clients in the account.
    rate: f64,
    burst: f64,
    tokens: f64,
    counted: Duration,
    /// The part of the rate that AWS last granted, and since when.
    share: f64,
    share_since: Duration,
    slowed: Option<Duration>,
    paused_until: Duration,
    /// Replaces the share in a bucket without burst.
    turns: Option<Turns>,
}

impl TokenBucket {
    /// A full bucket, a little smaller and slower than the quota.
    pub(crate) fn new(quota: RequestQuota) -> Self {
        let uneven = UNEVEN.as_secs_f64();
        let rate = quota.per_second * (1.0 - MARGIN);
        let (rate, burst) = if quota.burst < 2.0 {
            (rate.min(1.0 / (1.0 / quota.per_second + uneven)), 1.0)
        } else {
            let spared = (quota.burst * BURST_MARGIN).max(quota.per_second * uneven);
            (rate, (quota.burst - spared).floor().max(1.0))
        };
        Self {
            rate,
            burst,
            tokens: burst,
            counted: Duration::ZERO,
            share: 1.0,
            share_since: Duration::ZERO,
            slowed: None,
            paused_until: Duration::ZERO,
            turns: (burst < 2.0).then(Turns::new),
        }
    }

    /// How long until `count` tokens have come; zero: they are there.
    pub(crate) fn wait(&mut self, now: Duration, count: usize) -> Duration {
        self.refill(now);
        let paused = self.paused_until.saturating_sub(now);
        let missing = count as f64 - self.tokens;
        if missing <= ROUNDING {
            return paused;
        }
        // The clock counts whole milliseconds.
        let wait = (missing / self.rate_at(now) * 1000.0).ceil() / 1000.0;
        paused + Duration::from_secs_f64(wait)
    }

    /// Takes a token, when [`Self::wait`] says that there is one.
    pub(crate) fn take(&mut self, now: Duration) {
        self.refill(now);
        self.tokens -= 1.0;
        if let Some(turns) = &mut self.turns {
            turns.call();
        }
    }

    /// AWS throttled a call, so other clients use the same quota. The bucket gives no token during `pause`, and is slower
    /// afterwards. It recovers bit by bit.
    pub(crate) fn throttled(&mut self, now: Duration, pause: Duration) {
        self.refill(now);
        if let Some(turns) = &mut self.turns {
            // This call was in flight together with one that was refused already: nothing new.
            if now >= self.paused_until {
                turns.refused();
                self.paused_until = now + Duration::from_secs_f64(1.0 / self.rate);
            }
            self.paused_until = self.paused_until.max(now + pause);
            self.tokens = 1.0;
            self.counted = self.paused_until;
            return;
        }
        self.tokens = self.tokens.min(0.0);
        self.paused_until = self.paused_until.max(now + pause);
        // Other clients take what AWS refills meanwhile.
        self.counted = self.paused_until;
        if self.slowed.is_some_and(|at| now < at + TOGETHER) {
            return;
        }
        self.share = (self.share_at(now) * SLOWER).max(LEAST);
        self.share_since = now;
        self.slowed = Some(now);
    }

    /// How long it takes, from now on, until `count` calls have gone out.
    pub(crate) fn time_for(&mut self, now: Duration, count: usize) -> Duration {
        if count == 0 {
            return Duration::ZERO;
        }
        self.refill(now);
        let missing = (count as f64 - self.tokens).max(0.0);
        let paused = self.paused_until.saturating_sub(now);
        paused + Duration::from_secs_f64(missing / self.rate_at(now))
    }

    fn refill(&mut self, now: Duration) {
        let passed = now.saturating_sub(self.counted).as_secs_f64();
        self.tokens = (self.tokens + passed * self.rate_at(now)).min(self.burst);
        self.counted = self.counted.max(now);
    }

    fn rate_at(&self, now: Duration) -> f64 {
        self.rate * self.share_at(now)
    }

    fn share_at(&self, now: Duration) -> f64 {
        if let Some(turns) = &self.turns {
            return 1.0 / f64::from(turns.between_calls());
        }
        let since = now.saturating_sub(self.share_since).as_secs_f64();
        (self.share + (1.0 - SLOWER) * since / RECOVERY.as_secs_f64()).min(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn bucket(per_second: f64, burst: f64) -> TokenBucket {
        TokenBucket::new(RequestQuota { per_second, burst })
    }

    /// When each of `count` calls goes out, one after another, in seconds.
    fn times(bucket: &mut TokenBucket, mut now: Duration, count: usize) -> Vec<f64> {
        (0..count)
            .map(|_| {
                now += bucket.wait(now, 1);
                assert_eq!(bucket.wait(now, 1), Duration::ZERO, "the wait was enough");
                bucket.take(now);
                now.as_secs_f64()
            })
            .collect()
    }

    #[test]
    fn a_burst_goes_out_at_once_and_the_rest_at_the_rate() {
        let times = times(&mut bucket(1.0, 3.0), Duration::ZERO, 4);
        assert_eq!(
            times[..2],
            [0.0, 0.0],
            "a token is left for uneven arrivals"
        );
        assert!((1.0..1.03).contains(&(times[2] - times[1])), "{times:?}");
        assert!((1.0..1.03).contains(&(times[3] - times[2])), "{times:?}");
    }

    #[test]
    fn an_idle_bucket_fills_up_to_its_burst_and_no_further() {
        let mut bucket = bucket(1.0, 2.5);
        bucket.take(Duration::ZERO);
        let times = times(&mut bucket, SECOND * 1000, 3);
        assert_eq!(times[..2], [1000.0, 1000.0]);
        assert!(times[2] > 1000.9);
    }

    #[test]
    fn calls_without_burst_are_a_little_further_apart_than_the_quota_asks() {
        let times = times(&mut bucket(1.0 / 30.0, 1.0), Duration::ZERO, 30);
        for pair in times.windows(2) {
            assert!((30.3..30.6).contains(&(pair[1] - pair[0])), "{times:?}");
        }
    }

    #[test]
    fn at_raised_rates_the_reserve_for_uneven_arrivals_is_a_time() {
        // The same bucket ten times as fast: a token is there sooner, and calls come no more evenly.
        let at_once = |per_second| {
            let times = times(&mut bucket(per_second, 10.0), Duration::ZERO, 10);
            times.iter().filter(|time| **time == 0.0).count()
        };
        assert_eq!((at_once(10.0), at_once(100.0)), (9, 7));
        let times = times(&mut bucket(10.0 / 3.0, 1.0), Duration::ZERO, 2);
        assert!((0.325..0.327).contains(&times[1]), "{times:?}");
    }

    #[test]
    fn leaving_tokens_for_others_waits_until_theirs_have_come() {
        let mut bucket = bucket(1.0, 4.0);
        assert_eq!(bucket.wait(Duration::ZERO, 3), Duration::ZERO);
        bucket.take(Duration::ZERO);
        assert!(bucket.wait(Duration::ZERO, 3) >= SECOND);
        // More than it ever holds: those others take theirs meanwhile.
        let wait = bucket.wait(Duration::ZERO, 100).as_secs();
        assert!((98..101).contains(&wait), "{wait}");
    }

    #[test]
    fn a_throttle_pauses_the_bucket_and_slows_it_once_for_all_in_flight() {
        let mut bucket = bucket(10.0, 40.0);
        for after in 0..20 {
            bucket.throttled(SECOND + Duration::from_millis(after * 10), SECOND * 2);
        }
        assert!(bucket.wait(SECOND, 1) >= SECOND * 2);
        let times = times(&mut bucket, SECOND * 4, 100);
        let rate = 90.0 / (times[99] - times[9]);
        assert!((7.0..9.5).contains(&rate), "{rate} a second");
    }

    #[test]
    fn a_bucket_that_was_slowed_down_recovers() {
        let mut bucket = bucket(10.0, 40.0);
        bucket.throttled(SECOND, SECOND);
        let times = times(&mut bucket, SECOND + RECOVERY, 101);
        let rate = 60.0 / (times[100] - times[40]);
        assert!(rate > 9.8, "{rate} a second");
    }

    /// AWS's bucket of one token, and somebody who takes from it at regular times, as soon as there is one.
    struct Shared {
        interval: Duration,
        free_at: Duration,
        other: Option<(Duration, Duration)>,
    }

    impl Shared {
        fn grants(&mut self, now: Duration) -> bool {
            while let Some((wants, every)) = self.other {
                let takes = wants.max(self.free_at);
                if takes > now {
                    break;
                }
                self.free_at = takes + self.interval;
                self.other = Some((wants + every, every));
            }
            let granted = self.free_at <= now;
            if granted {
                self.free_at = now + self.interval;
            }
            granted
        }

        /// Goes on until so many calls went well; how many were refused, and intervals from call to call.
        fn serve(
            &mut self,
            bucket: &mut TokenBucket,
            now: &mut Duration,
            calls: u32,
        ) -> (u32, f64) {
            let (mut granted, mut refused, began) = (0, 0, *now);
            while granted < calls {
                *now += bucket.wait(*now, 1);
                bucket.take(*now);
                if self.grants(*now) {
                    granted += 1;
                } else {
                    refused += 1;
                    bucket.throttled(*now, SECOND / 2);
                }
            }
            let took = (*now - began).as_secs_f64() / self.interval.as_secs_f64();
            (refused, took / f64::from(calls))
        }
    }

    #[test]
    fn beside_one_who_takes_half_the_other_half_is_used_and_few_refused() {
        for (seconds, offset) in [(3, 0.1), (5, 0.7), (30, 0.4), (30, 1.9)] {
            let interval = SECOND * seconds;
            let mut bucket = bucket(1.0 / f64::from(seconds), 1.0);
            let mut shared = Shared {
                interval,
                free_at: Duration::ZERO,
                other: Some((interval.mul_f64(offset), interval * 2)),
            };
            let mut now = Duration::ZERO;
            let (refused, intervals) = shared.serve(&mut bucket, &mut now, 120);
            assert!(refused <= 120 / 6, "{refused} of 120, by {seconds} s");
            assert!(intervals < 2.0 * 1.06, "{intervals}, by {seconds} s");

            shared.other = None;
            shared.serve(&mut bucket, &mut now, 18);
            let alone = shared.serve(&mut bucket, &mut now, 50);
            assert_eq!(alone.0, 0, "the other has gone");
            assert!(alone.1 < 1.03, "{} intervals, by {seconds} s", alone.1);
        }
    }

    #[test]
    fn somebody_who_takes_now_and_then_a_turn_costs_that_turn_and_no_more() {
        let interval = SECOND * 5;
        let mut shared = Shared {
            interval,
            free_at: Duration::ZERO,
            other: Some((SECOND, interval * 5)),
        };
        let mut bucket = bucket(0.2, 1.0);
        let (refused, intervals) = shared.serve(&mut bucket, &mut SECOND.clone(), 100);
        assert!(refused <= 27, "a turn in five, and {refused} refusals");
        assert!(intervals < 1.25 * 1.04, "{intervals}");
    }

    #[test]
    fn a_crowded_account_never_stops_a_run_for_good() {
        for burst in [1.0, 10.0] {
            let mut bucket = bucket(1.0, burst);
            for second in 0..100 {
                bucket.throttled(SECOND * 2 * second, SECOND);
            }
            assert!(bucket.wait(SECOND * 200, 1) <= SECOND * 6);
        }
    }

    #[test]
    fn the_time_for_many_calls_is_when_the_last_of_them_goes_out() {
        for (per_second, burst, count) in [(0.2, 1.0, 30), (15.0, 15.0, 240), (1.0, 100.0, 50)] {
            let fresh = bucket(per_second, burst);
            let told = fresh.clone().time_for(Duration::ZERO, count).as_secs_f64();
            let last = times(&mut fresh.clone(), Duration::ZERO, count)[count - 1];
            assert!(
                (told - last).abs() < 0.1 + count as f64 * 0.001,
                "{told} {last}"
            );
        }
    }
}
