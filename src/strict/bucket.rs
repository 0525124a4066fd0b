//! A token bucket, and another client of the account that takes from it.

use std::time::Duration;

use super::figures::BucketQuota;

/// It keeps the time when it will be full again, in whole nanoseconds: nothing is lost to rounding.
#[derive(Debug, Clone)]
pub(super) struct Bucket {
    /// Between two tokens.
    interval: Duration,
    /// The time for all tokens of the burst but one. A bucket that is further from full than this is empty.
    depth: Duration,
    full_at: Duration,
    competitor: Option<Competitor>,
}

/// Wants a token at fixed intervals, and takes it as soon as there is one. It is always first, so nobody gets ahead of it by
/// asking sooner or more often. But it takes no more than its share, and leaves the rest.
#[derive(Debug, Clone)]
struct Competitor {
    next: Duration,
    every: Duration,
}

impl Bucket {
    /// A full bucket. `share`: the competitor's part of the rate. `phase` (0 to 1): when in its interval it begins.
    pub(crate) fn new(quota: BucketQuota, scale: f64, share: f64, phase: f64) -> Self {
        let interval = quota
            .per
            .div_f64(f64::from(quota.calls) * scale)
            .max(Duration::from_nanos(1));
        let competitor = (share > 0.0).then(|| {
            let every = interval.div_f64(share);
            Competitor {
                next: every.mul_f64(phase),
                every,
            }
        });
        Self {
            interval,
            depth: interval * (quota.burst.max(1) - 1),
            full_at: Duration::ZERO,
            competitor,
        }
    }

    /// Takes the competitor's tokens until now.
    fn advance(&mut self, now: Duration) {
        let Some(mut other) = self.competitor.take() else {
            return;
        };
        loop {
            let at = other.next.max(self.next_token());
            if at > now {
                break;
            }
            self.take(at);
            other.next += other.every;
        }
        self.competitor = Some(other);
    }

    /// When there is a token; in the past when there is one now.
    fn next_token(&self) -> Duration {
        self.full_at.saturating_sub(self.depth)
    }

    pub(crate) fn has_one(&mut self, now: Duration) -> bool {
        self.advance(now);
        self.next_token() <= now
    }

    /// Takes the token that [`Self::has_one`] found.
    pub(crate) fn take(&mut self, now: Duration) {
        self.full_at = self.full_at.max(now) + self.interval;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn quota(calls: u32, seconds: u64, burst: u32) -> BucketQuota {
        BucketQuota {
            calls,
            per: SECOND * seconds as u32,
            burst,
        }
    }

    /// How many of the calls at these milliseconds pass.
    fn passed(bucket: &mut Bucket, at: impl IntoIterator<Item = u64>) -> usize {
        at.into_iter()
            .map(Duration::from_millis)
            .filter(|now| {
                let has = bucket.has_one(*now);
                if has {
                    bucket.take(*now);
                }
                has
            })
            .count()
    }

    #[test]
    fn a_burst_passes_and_then_exactly_the_rate() {
        let mut bucket = Bucket::new(quota(10, 1, 40), 1.0, 0.0, 0.0);
        assert_eq!(passed(&mut bucket, [0; 50]), 40);
        assert_eq!(passed(&mut bucket, [99]), 0);
        assert_eq!(passed(&mut bucket, [100, 100, 200, 299, 300]), 3);
    }

    #[test]
    fn a_third_a_second_is_exactly_one_every_three_seconds() {
        let mut bucket = Bucket::new(quota(1, 3, 1), 1.0, 0.0, 0.0);
        assert_eq!(passed(&mut bucket, (0..1000).map(|i| i * 3000)), 1000);
        assert_eq!(passed(&mut bucket, [999 * 3000 + 2999]), 0);
    }

    #[test]
    fn an_idle_bucket_fills_to_its_burst_and_no_further() {
        let mut bucket = Bucket::new(quota(5, 2, 5), 1.0, 0.0, 0.0);
        assert_eq!(passed(&mut bucket, [0; 9]), 5);
        assert_eq!(passed(&mut bucket, [3_600_000; 9]), 5);
    }

    #[test]
    fn a_scale_makes_the_rate_faster_and_leaves_the_burst() {
        let mut bucket = Bucket::new(quota(1, 30, 1), 10.0, 0.0, 0.0);
        assert_eq!(passed(&mut bucket, [0, 0, 2999, 3000, 6000]), 3);
    }

    #[test]
    fn a_competitor_with_half_of_a_bucket_leaves_the_other_half() {
        for burst in [1, 10] {
            let mut bucket = Bucket::new(quota(1, 1, burst), 1.0, 0.5, 0.25);
            // Whoever asks all the time has every other token of a hundred seconds, and the burst.
            let mine = passed(&mut bucket, (0..10_000).map(|i| i * 10)) as u32;
            assert!(
                (49 + burst - 1..=51 + burst).contains(&mine),
                "{mine} of burst {burst}"
            );
        }
    }

    #[test]
    fn a_competitor_that_finds_nothing_takes_the_next_token() {
        let mut bucket = Bucket::new(quota(1, 10, 1), 1.0, 0.5, 0.25);
        // It wants one at 5 s and has it at 10 s, and one at 25 s and has it then.
        assert_eq!(passed(&mut bucket, [0]), 1);
        assert_eq!(passed(&mut bucket, [10_000, 19_999]), 0);
        assert_eq!(passed(&mut bucket, [20_000]), 1);
        assert_eq!(passed(&mut bucket, [30_000, 39_999]), 0);
        assert_eq!(passed(&mut bucket, [40_000]), 1);
    }
}
