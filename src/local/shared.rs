//! The shared instance: one per user. It outlives the command that starts it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;
use tokio::io::AsyncWriteExt;

use super::administrator::Administrator;
use super::dirs::{file_error, make_private, remove_dir, remove_file};
use super::lock::{self, Lock};
use super::process::{Answer, Ended, Process};
use super::server::{Launch, SCRIPTS, bind, log_file};
use super::state::{CloudStatus, InstanceRecord, KeptState, Serving, load, save};
use super::{
    Dirs, Endpoint, PrivateCloud, PrivateOptions, StartupStep, StepSink, install, private, python,
};
use crate::error::Result;

/// How long to wait for another homeroom's start or stop: the longest that it can take, installation included.
const PATIENCE: Duration = Duration::from_secs(960);

/// The embedded cloud in given folders.
#[derive(Debug, Clone)]
pub struct LocalCloud {
    dirs: Dirs,
}

/// The shared instance, by its record and by the system.
enum InstanceHealth {
    Stopped,
    Running(Process, Administrator),
    NotAnswering(Process),
    /// Something that does not prove to be it answers in its place.
    Foreign(Process),
    Crashed(Process),
}

/// The result of a stop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StopReport {
    /// `None` when it was not running.
    pub(crate) ended: Option<Ended>,
    pub(crate) had_crashed: bool,
    pub(crate) wiped: bool,
    /// The next start finds it.
    pub(crate) kept: Option<KeptState>,
}

impl std::fmt::Display for StopReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match (self.ended, self.had_crashed) {
            (Some(Ended::Gracefully), _) => "stopped",
            (Some(Ended::Killed), _) if self.wiped => "killed, because it did not end in time",
            (Some(Ended::Killed), _) => {
                "killed, because it did not end in time: its unsaved state is lost"
            }
            (None, true) => "was not running: it had crashed",
            (None, false) => "was not running",
        })?;
        match &self.kept {
            _ if self.wiped => write!(f, "; its state is forgotten"),
            Some(kept) => write!(f, "; kept {kept}"),
            None => write!(f, "; nothing is kept"),
        }
    }
}

impl LocalCloud {
    /// In these folders.
    pub fn new(dirs: Dirs) -> Self {
        Self { dirs }
    }

    /// In the user's folders.
    ///
    /// # Errors
    /// When there is no place for the folders.
    pub fn from_env() -> Result<Self> {
        Ok(Self::new(Dirs::from_env()?))
    }

    /// Starts the shared instance, or finds it running. It outlives the command.
    ///
    /// # Errors
    /// No suitable Python, a failed installation, a server that did not start: each with the next step.
    pub async fn start(&self, progress: StepSink<'_>) -> Result<Endpoint> {
        make_private(&self.dirs.state)?;
        let _lock = self.lock("starting or stopping", progress).await?;
        let record = self.record()?;
        match self.look(&record).await? {
            InstanceHealth::Running(process, administrator) => {
                let endpoint = Endpoint::at(process.port, &administrator);
                progress(StartupStep::Reusing {
                    url: endpoint.url.clone(),
                });
                return Ok(endpoint);
            }
            InstanceHealth::Foreign(process) => {
                progress(StartupStep::Note(self.foreign_note(&process)?));
                // Another user's process cannot be ended. This instance starts on another port.
                if process.may_be_ended() {
                    process.end().await?;
                }
            }
            InstanceHealth::Stopped => {}
            InstanceHealth::Crashed(process) => {
                progress(StartupStep::Note(self.crash_note(&process)))
            }
            InstanceHealth::NotAnswering(process) => {
                progress(StartupStep::Note(format!(
                    "the embedded cloud (process {}) does not answer; homeroom ends it and starts it again",
                    process.pid
                )));
                process.end().await?;
            }
        }
        let installation = install::ensure(&self.dirs, progress).await?;
        progress(StartupStep::Starting);
        let listener = bind(record.port)
            .await
            .map_err(file_error(&self.dirs.state))?;
        // Kept with the state, so that a shell that has the key can use it after a stop.
        let administrator = match self.administrator()? {
            Some(kept) => kept,
            None => {
                let file = self.administrator_file();
                let new = Administrator::random().map_err(file_error(&file))?;
                save(&file, &new)?;
                new
            }
        };
        let launch = Launch {
            installation: &installation,
            dir: &self.dirs.state,
            administrator: &administrator,
            options: PrivateOptions::default(),
            data: Some(self.data_dir()),
            path: &self.dirs.path,
        };
        let mut server = launch.run(listener).await?;
        let port = server.process.port;
        if let Some(wish) = record.port.filter(|wish| *wish != port) {
            progress(StartupStep::Note(format!(
                "port {wish} is taken by another program, so the embedded cloud is on port {port} now; \
                 URLs that name the old port no longer work"
            )));
        }
        let record = InstanceRecord {
            port: Some(port),
            process: Some(server.process.clone()),
        };
        save(&self.record_file(), &record)?;
        // It may outlive this process only once it is on record.
        server
            .owner
            .write_all(b"detach\n")
            .await
            .map_err(file_error(&log_file(&self.dirs.state)))?;
        let endpoint = Endpoint::at(port, &administrator);
        progress(StartupStep::Ready {
            url: endpoint.url.clone(),
        });
        Ok(endpoint)
    }

    /// Stops the shared instance and saves its state; with `wipe`, deletes it instead.
    ///
    /// # Errors
    /// When the folders cannot be read or written, or the process does not end.
    pub async fn stop(&self, wipe: bool, progress: StepSink<'_>) -> Result<StopReport> {
        make_private(&self.dirs.state)?;
        let _lock = self.lock("starting or stopping", progress).await?;
        let mut record = self.record()?;
        let (to_end, had_crashed) = match self.look(&record).await? {
            InstanceHealth::Running(process, _) | InstanceHealth::NotAnswering(process) => {
                (Some(process), false)
            }
            InstanceHealth::Foreign(process) if process.may_be_ended() => (Some(process), false),
            InstanceHealth::Foreign(_) | InstanceHealth::Crashed(_) => (None, true),
            InstanceHealth::Stopped => (None, false),
        };
        let ended = match to_end {
            Some(process) => Some(process.end().await?),
            None => None,
        };
        if wipe {
            remove_dir(&self.data_dir())?;
            remove_dir(&self.dirs.state.join("tmp"))?;
            remove_dir(&self.dirs.state.join("__pycache__"))?;
            let files = [
                "instance.json",
                "administrator.json",
                "server.log",
                "server.log.1",
            ];
            for file in files.into_iter().chain(SCRIPTS.map(|(name, _)| name)) {
                remove_file(&self.dirs.state.join(file))?;
            }
        } else if record.process.take().is_some() {
            save(&self.record_file(), &record)?;
        }
        Ok(StopReport {
            ended,
            had_crashed,
            wiped: wipe,
            kept: self.kept(),
        })
    }

    /// The Python that would run it, for a person. Changes nothing.
    ///
    /// # Errors
    /// When there is none, with the next step.
    pub(crate) async fn python(&self) -> Result<String> {
        let python = python::find(&self.dirs).await?;
        let (version, file) = (python.version, python.executable);
        Ok(format!("Python {version} ({})", file.display()))
    }

    pub(crate) fn is_installed(&self) -> bool {
        install::is_there(&self.dirs)
    }

    /// Of the installation, and of the shared instance's state.
    pub(crate) fn folders(&self) -> [&Path; 2] {
        [&self.dirs.cache, &self.dirs.state]
    }

    /// How the shared instance is. Changes nothing.
    ///
    /// # Errors
    /// When the folder of its state cannot be read.
    pub async fn status(&self) -> Result<CloudStatus> {
        let log = log_file(&self.dirs.state);
        Ok(match self.look(&self.record()?).await? {
            InstanceHealth::Stopped => CloudStatus::Stopped { kept: self.kept() },
            InstanceHealth::Running(process, _) => CloudStatus::Running(Serving::of(process, log)),
            InstanceHealth::NotAnswering(process) | InstanceHealth::Foreign(process) => {
                CloudStatus::NotAnswering(Serving::of(process, log))
            }
            InstanceHealth::Crashed(process) => CloudStatus::Crashed {
                pid: process.pid,
                since: process.since,
                log,
                kept: self.kept(),
            },
        })
    }

    /// The shared instance if it is running and answers.
    ///
    /// # Errors
    /// When the folder of its state cannot be read.
    pub async fn running(&self) -> Result<Option<Endpoint>> {
        Ok(match self.look(&self.record()?).await? {
            InstanceHealth::Running(process, administrator) => {
                Some(Endpoint::at(process.port, &administrator))
            }
            _ => None,
        })
    }

    /// Starts a private instance.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn start_private(
        &self,
        options: PrivateOptions,
        progress: StepSink<'_>,
    ) -> Result<PrivateCloud> {
        let installation = install::ensure(&self.dirs, progress).await?;
        private::start(&installation, options, &self.dirs.path, progress).await
    }

    async fn lock(&self, other_is: &'static str, progress: StepSink<'_>) -> Result<Lock> {
        lock::take(&self.dirs.state.join("lock"), PATIENCE, other_is, progress).await
    }

    /// Checks what the record names. Only a process that proves to have the administrator's secret counts as running.
    async fn look(&self, record: &InstanceRecord) -> Result<InstanceHealth> {
        let Some(process) = record.process.clone() else {
            return Ok(InstanceHealth::Stopped);
        };
        if !process.is_alive() {
            return Ok(InstanceHealth::Crashed(process));
        }
        let Some(administrator) = self.administrator()? else {
            return Ok(InstanceHealth::Foreign(process));
        };
        Ok(match process.answers(&administrator).await {
            Answer::Own => InstanceHealth::Running(process, administrator),
            // It may have ended while it was asked.
            _ if !process.is_alive() => InstanceHealth::Crashed(process),
            Answer::None if process.may_be_ended() => InstanceHealth::NotAnswering(process),
            Answer::Foreign | Answer::None => InstanceHealth::Foreign(process),
        })
    }

    fn foreign_note(&self, process: &Process) -> Result<String> {
        Ok(match self.administrator()? {
            None => format!(
                "the key of the running embedded cloud (process {}) is lost; homeroom stops it and starts it again",
                process.pid
            ),
            Some(_) => format!(
                "the program that answers at {} (process {}) does not prove that it is the embedded cloud: it may be \
                 another program or an older homeroom's; homeroom sent it nothing, and starts the embedded cloud again",
                process.url(),
                process.pid
            ),
        })
    }

    fn crash_note(&self, process: &Process) -> String {
        let found = self
            .kept()
            .map_or("nothing had been saved".to_owned(), |kept| {
                format!("it comes back with {kept}; later changes are lost")
            });
        format!(
            "the embedded cloud (process {}, started at {}) ended without having been stopped; {found}",
            process.pid, process.since
        )
    }

    fn kept(&self) -> Option<KeptState> {
        KeptState::in_dir(&self.data_dir())
    }

    /// `None` before the first start.
    fn administrator(&self) -> Result<Option<Administrator>> {
        load(&self.administrator_file())
    }

    fn record(&self) -> Result<InstanceRecord> {
        Ok(load(&self.record_file())?.unwrap_or_default())
    }

    fn administrator_file(&self) -> PathBuf {
        self.dirs.state.join("administrator.json")
    }

    fn data_dir(&self) -> PathBuf {
        self.dirs.state.join("data")
    }

    fn record_file(&self) -> PathBuf {
        self.dirs.state.join("instance.json")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stop_says_what_became_of_the_state() {
        let kept = Some(KeptState {
            bytes: 12_345,
            saved_at: "2026-01-02T03:04:05Z".into(),
        });
        let report = |ended, had_crashed, wiped, kept| {
            StopReport {
                ended,
                had_crashed,
                wiped,
                kept,
            }
            .to_string()
        };
        assert_eq!(
            report(Some(Ended::Gracefully), false, false, kept),
            "stopped; kept 13 KB of state, saved at 2026-01-02T03:04:05Z"
        );
        assert_eq!(
            report(Some(Ended::Killed), false, false, None),
            "killed, because it did not end in time: its unsaved state is lost; nothing is kept"
        );
        assert_eq!(
            report(None, true, true, None),
            "was not running: it had crashed; its state is forgotten"
        );
    }
}
