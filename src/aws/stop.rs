//! Stopping a run in two levels: first, nothing new starts; then, homeroom gives up requests in flight.

use std::future::Future;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

/// The run was stopped while this waited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cancelled;

/// The two levels of stopping, shared by everything in a run.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    drain: CancellationToken,
    now: CancellationToken,
}

impl Stop {
    /// Not stopping.
    pub fn new() -> Self {
        Self::default()
    }

    /// For a part of what it stops: what stops the whole stops this, and this stops nothing else.
    pub fn part(&self) -> Self {
        Self {
            drain: self.drain.child_token(),
            now: self.now.child_token(),
        }
    }

    /// From now on no call starts and every wait ends. Requests in flight may finish.
    pub fn drain(&self) {
        self.drain.cancel();
    }

    /// Also gives up requests in flight.
    pub fn now(&self) {
        self.drain.cancel();
        self.now.cancel();
    }

    /// Whether stopping began.
    pub(crate) fn is_stopping(&self) -> bool {
        self.drain.is_cancelled()
    }

    /// `Err` once stopping began.
    ///
    /// # Errors
    /// [`Cancelled`], then.
    pub(crate) fn check(&self) -> Result<(), Cancelled> {
        if self.is_stopping() {
            Err(Cancelled)
        } else {
            Ok(())
        }
    }

    /// Sleeps; ends early with an error when stopping begins.
    ///
    /// # Errors
    /// [`Cancelled`], then.
    pub(crate) async fn sleep(&self, duration: Duration) -> Result<(), Cancelled> {
        tokio::select! {
            biased;
            () = self.drain.cancelled() => Err(Cancelled),
            () = tokio::time::sleep(duration) => Ok(()),
        }
    }

    /// Waits for something (not for a request); ends early with an error when stopping begins.
    ///
    /// # Errors
    /// [`Cancelled`], then.
    pub(crate) async fn unless_stopping<T>(
        &self,
        wait: impl Future<Output = T>,
    ) -> Result<T, Cancelled> {
        tokio::select! {
            biased;
            () = self.drain.cancelled() => Err(Cancelled),
            value = wait => Ok(value),
        }
    }

    /// Waits for a request, until the second level.
    ///
    /// # Errors
    /// [`Cancelled`], then.
    pub(crate) async fn unless_given_up<T>(
        &self,
        request: impl Future<Output = T>,
    ) -> Result<T, Cancelled> {
        tokio::select! {
            biased;
            () = self.now.cancelled() => Err(Cancelled),
            value = request => Ok(value),
        }
    }
}
