//! One homeroom at a time, by a lock that the operating system lets go of when its holder ends, however it ends.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::dirs::file_error;
use super::{StartupStep, StepSink};
use crate::error::{Error, Kind, Result};
use crate::files::private;

/// How often a lock that another process holds is tried again. The system's own waiting call cannot be cancelled.
const RETRY: Duration = Duration::from_millis(50);

/// A held lock; dropping it lets go.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

/// Takes the lock on `path`, waiting for another process up to `patience`. `other_is` says what that one is at.
pub(super) async fn take(
    path: &Path,
    patience: Duration,
    other_is: &'static str,
    progress: StepSink<'_>,
) -> Result<Lock> {
    let file = private()
        .create(true)
        .truncate(false)
        .open(path)
        .map_err(|error| file_error(path, &error))?;
    let deadline = Instant::now() + patience;
    let mut said = false;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(Lock { _file: file }),
            Err(TryLockError::Error(error)) => return Err(file_error(path, &error)),
            Err(TryLockError::WouldBlock) if Instant::now() >= deadline => {
                return Err(Error::new(
                    Kind::General,
                    "the embedded cloud",
                    format!(
                        "another homeroom has been {other_is} it for {} s",
                        patience.as_secs()
                    ),
                )
                .hint(format!(
                    "wait for it, or end it; it holds the lock on {}",
                    path.display()
                )));
            }
            Err(TryLockError::WouldBlock) => {
                if !said {
                    progress(StartupStep::Waiting { on: other_is });
                    said = true;
                }
                sleep(RETRY).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_held_lock_is_waited_for_then_given_up_and_free_again_once_dropped() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let mut steps = Vec::new();
        let held = take(&path, Duration::ZERO, "starting", &mut |step| {
            steps.push(step)
        })
        .await
        .unwrap();
        let refused = take(&path, Duration::from_millis(120), "starting", &mut |step| {
            steps.push(step)
        })
        .await
        .unwrap_err();
        assert!(
            refused
                .to_string()
                .contains("another homeroom has been starting it")
        );
        assert_eq!(steps, [StartupStep::Waiting { on: "starting" }]);
        drop(held);
        // A process that another test starts at this moment holds everything open until it is another program.
        take(&path, Duration::from_secs(30), "starting", &mut |_| {})
            .await
            .unwrap();
    }
}
