//! The shared instance: one a user, outliving the command that starts it.

use std::path::PathBuf;
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
    Dirs, Endpoint, PrivateCloud, PrivateOptions, StartupStep, StepSink, install, private,
};
use crate::error::Result;

/// Longest that another homeroom's start or stop is waited for: its own longest, an installation included.
const PATIENCE: Duration = Duration::from_secs(960);

/// The embedded cloud in given folders.
#[derive(Debug, Clone)]
pub struct LocalCloud {
    dirs: Dirs,
}

/// What the record and the system together say of the shared instance.
enum InstanceHealth {
    Stopped,
    Running(Process, Administrator),
    NotAnswering(Process),
    /// Something answers in its place that does not prove to be it.
    Foreign(Process),
    Crashed(Process),
}

/// What a stop did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StopReport {
    /// `None` when it was not running.
    pub(crate) ended: Option<Ended>,
    /// Whether it was found to have crashed before.
    pub(crate) had_crashed: bool,
    /// Whether its state was forgotten.
    pub(crate) wiped: bool,
    /// What the next start will find.
    pub(crate) kept: Option<KeptState>,
}

impl std::fmt::Display for StopReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match (self.ended, self.had_crashed) {
            (Some(Ended::Gracefully), _) => "stopped",
            (Some(Ended::Killed), _) if self.wiped => "killed, as it did not end in time",
            (Some(Ended::Killed), _) => {
                "killed, as it did not end in time: what it had not saved is lost"
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
    /// The embedded cloud in these folders.
    pub fn new(dirs: Dirs) -> Self {
        Self { dirs }
    }

    /// The user's own, where the environment says.
    ///
    /// # Errors
    /// There is no place for its folders.
    pub fn from_env() -> Result<Self> {
        Ok(Self::new(Dirs::from_env()?))
    }

    /// Starts the shared instance, or finds it running. It outlives the command.
    ///
    /// # Errors
    /// No suitable Python, an installation that failed, a server that did not come up: each with the next step.
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
                // Another user's cannot be ended, and does not keep this one from starting on another port.
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
                    "the embedded cloud (process {}) does not answer; it is ended and started afresh",
                    process.pid
                )));
                process.end().await?;
            }
        }
        let installation = install::ensure(&self.dirs, progress).await?;
        progress(StartupStep::Starting);
        let listener = bind(record.port)
            .await
            .map_err(|error| file_error(&self.dirs.state, &error))?;
        // Kept with the state, so that a shell that was told it is not shut out by a stop.
        let administrator = match self.administrator()? {
            Some(kept) => kept,
            None => {
                let file = self.administrator_file();
                let new = Administrator::random().map_err(|error| file_error(&file, &error))?;
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
        // Only now may it outlive us: until it is on record, our end is its end.
        server
            .owner
            .write_all(b"detach\n")
            .await
            .map_err(|error| file_error(&log_file(&self.dirs.state), &error))?;
        let endpoint = Endpoint::at(port, &administrator);
        progress(StartupStep::Ready {
            url: endpoint.url.clone(),
        });
        Ok(endpoint)
    }

    /// Stops the shared instance and saves its state; with `wipe`, forgets it instead.
    ///
    /// # Errors
    /// The folders cannot be read or written, or the process does not end.
    pub async fn stop(&self, wipe: bool, progress: StepSink<'_>) -> Result<StopReport> {
        make_private(&self.dirs.state)?;
        let _lock = self.lock("starting or stopping", progress).await?;
        let mut record = self.record()?;
        let (ended, had_crashed) = match self.look(&record).await? {
            InstanceHealth::Running(process, _) | InstanceHealth::NotAnswering(process) => {
                (Some(process.end().await?), false)
            }
            InstanceHealth::Foreign(process) if process.may_be_ended() => {
                (Some(process.end().await?), false)
            }
            InstanceHealth::Foreign(_) | InstanceHealth::Crashed(_) => (None, true),
            InstanceHealth::Stopped => (None, false),
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

    /// How the shared instance is. Changes nothing.
    ///
    /// # Errors
    /// The folder of its state cannot be read.
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
    /// The folder of its state cannot be read.
    pub async fn running(&self) -> Result<Option<Endpoint>> {
        Ok(match self.look(&self.record()?).await? {
            InstanceHealth::Running(process, administrator) => {
                Some(Endpoint::at(process.port, &administrator))
            }
            _ => None,
        })
    }

    /// Starts an instance of the caller's own, which keeps nothing and ends with it.
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

    /// What stands where the record says. Only what proves to have the administrator's secret is taken for it.
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
                "nobody has the key of the embedded cloud that runs (process {}); it is stopped and started afresh",
                process.pid
            ),
            Some(_) => format!(
                "what answers at {} (process {}) does not prove that it is the embedded cloud: it may be another \
                 program or an older homeroom's; nothing was sent to it, and the embedded cloud is started afresh",
                process.url(),
                process.pid
            ),
        })
    }

    fn crash_note(&self, process: &Process) -> String {
        let found = self
            .kept()
            .map_or("nothing had been saved".to_owned(), |kept| {
                format!("it comes back with {kept}; what came after is lost")
            });
        format!(
            "the embedded cloud (process {}, started at {}) ended without having been stopped; {found}",
            process.pid, process.since
        )
    }

    fn kept(&self) -> Option<KeptState> {
        KeptState::in_dir(&self.data_dir())
    }

    /// Who may do everything in the shared instance, if it was ever started.
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
            "killed, as it did not end in time: what it had not saved is lost; nothing is kept"
        );
        assert_eq!(
            report(None, true, true, None),
            "was not running: it had crashed; its state is forgotten"
        );
    }
}
