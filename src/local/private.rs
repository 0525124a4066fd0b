//! A private instance. It keeps nothing, and ends with its owner.

use std::ffi::OsStr;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use tempfile::TempDir;
use tokio::process::{Child, ChildStdin};

use super::administrator::Administrator;
use super::dirs::file_error;
use super::install::Installation;
use super::server::{Launch, bind, log_file};
use super::{Endpoint, PrivateOptions, StartupStep, StepSink};
use crate::error::Result;

/// For ending after its owner closed the pipe. It saves nothing.
const END_DEADLINE: Duration = Duration::from_secs(5);

/// A running private instance. Its process ends when this is dropped, or when this process ends in any way: then the system
/// closes `owner`.
#[derive(Debug)]
pub struct PrivateCloud {
    endpoint: Endpoint,
    // Declared, and so dropped, before the folder: the process must end first.
    owner: ChildStdin,
    child: Child,
    dir: TempDir,
}

impl PrivateCloud {
    /// How to reach it.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Its process id.
    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Its log, which goes with it.
    pub fn log(&self) -> PathBuf {
        log_file(self.dir.path())
    }

    /// Ends it and waits until it is gone, with its folder.
    ///
    /// # Errors
    /// The process cannot be waited for.
    pub async fn stop(self) -> Result<()> {
        let Self {
            owner,
            mut child,
            dir,
            ..
        } = self;
        drop(owner);
        let ended = tokio::time::timeout(END_DEADLINE, child.wait()).await;
        if ended.is_err() {
            child.kill().await.map_err(file_error(dir.path()))?;
        }
        // The process removes its folder itself, in case its owner cannot. This removes what it missed.
        drop(dir);
        Ok(())
    }
}

/// A new folder for logs and sources that no other user can enter, whatever the umask.
fn private_folder() -> io::Result<TempDir> {
    let mut folder = tempfile::Builder::new();
    folder.prefix("homeroom-cloud-");
    #[cfg(unix)]
    folder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
    folder.tempdir()
}

pub(super) async fn start(
    installation: &Installation,
    options: PrivateOptions,
    path: &OsStr,
    progress: StepSink<'_>,
) -> Result<PrivateCloud> {
    progress(StartupStep::Starting);
    let dir = private_folder().map_err(file_error(&std::env::temp_dir()))?;
    let listener = bind(None).await.map_err(file_error(dir.path()))?;
    // Kept in memory only: the instance ends with its owner.
    let administrator = Administrator::random().map_err(file_error(dir.path()))?;
    let launch = Launch {
        installation,
        dir: dir.path(),
        administrator: &administrator,
        options,
        data: None,
        path,
    };
    let server = launch.run(listener).await?;
    let mut endpoint = Endpoint::at(server.process.port, &administrator);
    if let Some(account) = options.account {
        account.clone_into(&mut endpoint.account);
    }
    progress(StartupStep::Ready {
        url: endpoint.url.clone(),
    });
    Ok(PrivateCloud {
        endpoint,
        owner: server.owner,
        child: server.child,
        dir,
    })
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn nobody_else_can_look_into_a_private_instances_folder() {
        let dir = private_folder().unwrap();
        let mode = dir.path().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
    }
}
