//! The time that something has to come about.

use std::time::Duration;

use tokio::time::Instant;

use crate::aws::Client;
use crate::aws::stop::Cancelled;

/// First pause between two looks at a condition.
const FIRST_PAUSE: Duration = Duration::from_millis(300);
/// Longest pause between two looks.
const LONGEST_PAUSE: Duration = Duration::from_secs(3);

/// How long Step Functions may not know an execution that it has just started: what it tells of executions is eventually
/// consistent. AWS gives no figure; others wait for up to five minutes, and a minute is what a validation has.
pub(super) const EXECUTION_KNOWN: Duration = Duration::from_secs(60);

/// The time that a probe has.
pub(super) struct Deadline {
    started: Instant,
    pub(crate) allowed: Duration,
    pause: Duration,
}

impl Deadline {
    pub(crate) fn new(allowed: Duration) -> Self {
        Self {
            started: Instant::now(),
            allowed,
            pause: FIRST_PAUSE,
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.started.elapsed() >= self.allowed
    }

    /// Leaves out a time that is none of this wait's.
    pub(crate) fn forgive(&mut self, time: Duration) {
        self.started += time;
    }

    /// Pauses before another look; `false` when the time is over.
    pub(crate) async fn pause(&mut self, client: &Client) -> Result<bool, Cancelled> {
        if self.is_over() {
            return Ok(false);
        }
        client.stop().sleep(self.pause).await?;
        self.pause = self.pause.mul_f64(1.5).min(LONGEST_PAUSE);
        Ok(true)
    }
}
