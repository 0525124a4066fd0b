//! A private instance: it keeps nothing, and ends with its owner.

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

/// Longest that the process may take to end once its owner let go. It saves nothing.
const END_DEADLINE: Duration = Duration::from_secs(5);

/// A running private instance. Dropping it ends its process, as does the end of this process, however it comes:
/// the system closes `owner`.
#[derive(Debug)]
pub struct PrivateCloud {
    endpoint: Endpoint,
    // Declared, and so dropped, before the folder: the process is told to end first.
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

    /// Its log, gone with it.
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
        if tokio::time::timeout(END_DEADLINE, child.wait())
            .await
            .is_err()
        {
            child
                .kill()
                .await
                .map_err(|error| file_error(dir.path(), &error))?;
        }
        // The process removes its folder itself, so that it does when its owner cannot; this is for what it missed.
        drop(dir);
        Ok(())
    }
}

/// A new folder that nobody else of this machine can look into, whatever the umask: there are logs and sources in it.
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
    let dir = private_folder().map_err(|error| file_error(&std::env::temp_dir(), &error))?;
    let listener = bind(None)
        .await
        .map_err(|error| file_error(dir.path(), &error))?;
    // KeptState nowhere: it is good for as long as its owner is there to know it.
    let administrator = Administrator::random().map_err(|error| file_error(dir.path(), &error))?;
    let launch = Launch {
        installation,
        dir: dir.path(),
        administrator: &administrator,
        options,
        data: None,
        path,
    };
    let server = launch.run(listener).await?;
    let endpoint = Endpoint::at(server.process.port, &administrator);
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
