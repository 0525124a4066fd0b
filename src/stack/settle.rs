//! Waiting for AWS to show what was written a moment ago.

use crate::aws::stop::{Cancelled, Stop};

use std::time::Duration;

use tokio::time::Instant;

/// How long one student's reading waits in all. AWS gives no figure; other tools wait from seconds to minutes, and the next
/// reading asks again.
const PATIENCE: Duration = Duration::from_secs(10);
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// How long one student's reading waits for late data. The time begins with the first thing that is late.
#[derive(Debug)]
pub(crate) struct Settling {
    began: Option<Instant>,
    pause: Duration,
}

impl Default for Settling {
    fn default() -> Self {
        Self {
            began: None,
            pause: FIRST_PAUSE,
        }
    }
}

impl Settling {
    /// Pauses before another look; `false` when the time is over.
    pub(crate) async fn again(&mut self, stop: &Stop) -> Result<bool, Cancelled> {
        let began = *self.began.get_or_insert_with(Instant::now);
        let left = PATIENCE.saturating_sub(began.elapsed());
        if left.is_zero() {
            return Ok(false);
        }
        stop.sleep(self.pause.min(left)).await?;
        self.pause = self.pause.mul_f64(1.5).min(LONGEST_PAUSE);
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_waits_end_after_ten_seconds_in_all() {
        let (stop, began) = (Stop::new(), Instant::now());
        let mut settling = Settling::default();
        let mut looks = 0;
        while settling.again(&stop).await.unwrap() {
            looks += 1;
        }
        assert_eq!(began.elapsed(), PATIENCE);
        assert!((5..20).contains(&looks), "{looks}");
        assert_eq!(settling.again(&stop).await, Ok(false));
        assert_eq!(began.elapsed(), PATIENCE);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stop_ends_the_wait() {
        let stop = Stop::new();
        stop.drain();
        let mut settling = Settling::default();
        assert_eq!(settling.again(&stop).await, Err(Cancelled));
    }
}
