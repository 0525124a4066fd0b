//! One homeroom at a time, by a file lock. The operating system releases it when its holder ends, however that happens.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::dirs::file_error;
use super::{StartupStep, StepSink, cloud_error};
use crate::error::Result;
use crate::files::private;

/// Between two attempts at a lock that another process holds. The system's own waiting call cannot be cancelled.
const RETRY: Duration = Duration::from_millis(50);

/// A held lock, until it is dropped.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

/// Takes the lock on `path`. Waits up to `patience` for another process, which is `other_is` (`installing`).
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
        .map_err(file_error(path))?;
    let deadline = Instant::now() + patience;
    let mut said = false;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(Lock { _file: file }),
            Err(TryLockError::Error(error)) => return Err(file_error(path)(error)),
            Err(TryLockError::WouldBlock) if Instant::now() >= deadline => {
                let seconds = patience.as_secs();
                let cause = format!("another homeroom has been {other_is} it for {seconds} s");
                return Err(cloud_error(cause).hint(format!(
                    "wait for that homeroom, or end it; it holds the lock on {}",
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
