//! Waiting for a condition, up to a deadline.

use std::time::Duration;

use tokio::time::Instant;

use crate::aws::Client;
use crate::aws::stop::Cancelled;

const FIRST_PAUSE: Duration = Duration::from_millis(300);
const LONGEST_PAUSE: Duration = Duration::from_secs(3);

/// How long Step Functions may not know an execution that it has started: what it shows of executions is eventually
/// consistent. AWS gives no figure. Others wait for up to five minutes; a validation has one.
pub(super) const EXECUTION_KNOWN: Duration = Duration::from_secs(60);

/// Its time begins with the first pause: what the thing itself takes before is no waiting.
pub(super) struct Deadline {
    started: Option<Instant>,
    pub(crate) allowed: Duration,
    pause: Duration,
    ran_out: bool,
}

impl Deadline {
    pub(crate) fn new(allowed: Duration) -> Self {
        Self {
            started: None,
            allowed,
            pause: FIRST_PAUSE,
            ran_out: false,
        }
    }

    /// Does not count a time against the deadline.
    pub(crate) fn forgive(&mut self, time: Duration) {
        self.started = self.started.map(|started| started + time);
    }

    /// Whether it was waited for until it passed.
    pub(crate) fn ran_out(&self) -> bool {
        self.ran_out
    }

    /// Pauses before another look, longer each time; `false` when the deadline has passed.
    pub(crate) async fn pause(&mut self, client: &Client) -> Result<bool, Cancelled> {
        let started = *self.started.get_or_insert_with(Instant::now);
        if started.elapsed() >= self.allowed {
            self.ran_out = true;
            return Ok(false);
        }
        client.stop().sleep(self.pause).await?;
        self.pause = self.pause.mul_f64(1.5).min(LONGEST_PAUSE);
        Ok(true)
    }
}
