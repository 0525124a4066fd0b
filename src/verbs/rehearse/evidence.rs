//! What a rehearsal that failed leaves behind: its cloud is gone a moment later, and with it all that could tell why.

use std::cell::OnceCell;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::aws::execution::HistoryEvent;
use crate::aws::execution::{Execution, Status};
use crate::aws::{CallError, Client, Page};
use crate::events::Command;

use crate::files::{class_dir, make_folder, named, new_private, numbered};

use super::super::run::run as run_work;
use super::super::session::Session;

/// Pages of one listing or history at most: a thousand executions, and as many events of each.
const PAGES_MAX: usize = 10;
/// Longest that the embedded cloud is asked for histories. It may be what is broken.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where to look and what was found.
pub(super) struct Evidence {
    /// The embedded cloud's log, if it is known.
    log: Option<PathBuf>,
    /// The class's folder below the reports.
    class_dir: PathBuf,
    kept: OnceCell<PathBuf>,
}

impl Evidence {
    pub fn new(reports: &Path, class: &crate::ids::ClassName, log: Option<PathBuf>) -> Self {
        Self {
            log,
            class_dir: class_dir(reports, class),
            kept: OnceCell::new(),
        }
    }

    /// Where it is, once something was kept.
    pub fn place(&self) -> Option<&Path> {
        self.kept.get().map(PathBuf::as_path)
    }

    /// Keeps it, once: the log, and the histories of every failed execution of the class.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn keep(&self, session: Option<&Session>) -> io::Result<()> {
        if self.kept.get().is_some() {
            return Ok(());
        }
        let dir = self.new_folder()?;
        if let Some(session) = session {
            let found = histories(session).await;
            let text = serde_json::to_vec_pretty(&found).map_err(io::Error::other)?;
            write(&dir.join("failed-executions.json"), &text)?;
        }
        if let Some(log) = &self.log {
            // After the histories: what asking for them went wrong with is in it, too.
            let text = fs::read(log).map_err(|error| named(log, &error))?;
            write(&dir.join("server.log"), &text)?;
        }
        // Only this function sets it, and it was empty.
        let _ = self.kept.set(dir);
        Ok(())
    }

    fn new_folder(&self) -> io::Result<PathBuf> {
        let stem = Timestamp::now()
            .strftime("failed-rehearsal-%Y%m%dT%H%M%SZ")
            .to_string();
        let mut free = numbered(&stem).map(|name| self.class_dir.join(name));
        let dir = free.find(|dir| !dir.exists());
        let dir = dir.unwrap_or_else(|| self.class_dir.join(&stem));
        make_folder(&dir).map_err(|error| named(&dir, &error))?;
        Ok(dir)
    }
}

/// Writes a new file that only its owner can read.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let written = new_private()
        .open(path)
        .and_then(|mut f| f.write_all(bytes));
    written.map_err(|error| named(path, &error))
}

/// Every failed execution of the class with its history, and what could not be read.
async fn histories(session: &Session) -> Value {
    let ran = run_work(session, Command::Rehearse, false, async |client| {
        let mut found = Found::default();
        let reading = read_all(client, session, &mut found);
        match tokio::time::timeout(PATIENCE, reading).await {
            Ok(Ok(())) => {}
            Ok(Err(Stopped)) => found.unread.push("stopped".to_owned()),
            Err(_) => found.unread.push(format!(
                "the rest: it took more than {} s",
                PATIENCE.as_secs()
            )),
        }
        found
    })
    .await;
    json!({ "executions": ran.output.executions, "unread": ran.output.unread })
}

#[derive(Default)]
struct Found {
    executions: Vec<Value>,
    unread: Vec<String>,
}

/// The person stopped it.
struct Stopped;

async fn read_all(client: &Client, session: &Session, found: &mut Found) -> Result<(), Stopped> {
    for stack in &session.desired.stacks {
        for machine in &stack.state_machines {
            let arn = session.scope().state_machine_arn(&machine.name);
            let executions = pages(found, &arn, async |token| {
                client.executions_page(&arn, false, token.clone()).await
            })
            .await?;
            for execution in executions.into_iter().filter(failed) {
                let events = pages(found, &execution.arn, async |token| {
                    client
                        .execution_history_page(&execution.arn, token.clone())
                        .await
                })
                .await?;
                let described = client.describe_execution(&execution.arn).await;
                let execution = described.unwrap_or(execution);
                let events: Vec<Value> = events.iter().map(event).collect();
                found.executions.push(json!({
                    "student": stack.student(),
                    "execution": execution,
                    "events": events,
                }));
            }
        }
    }
    Ok(())
}

fn failed(execution: &Execution) -> bool {
    !matches!(execution.status, Status::Succeeded | Status::Running)
}

fn event(event: &HistoryEvent) -> Value {
    json!({
        "id": event.id,
        "previous": event.previous,
        "type": event.kind,
        "state": event.state,
        "error": event.error,
        "cause": event.cause,
    })
}

/// Every item of a listing, or those until it could not be read any further.
async fn pages<T>(
    found: &mut Found,
    of: &str,
    next: impl AsyncFn(Option<String>) -> Result<Page<T>, CallError>,
) -> Result<Vec<T>, Stopped> {
    let mut items = Vec::new();
    let mut token = None;
    for _ in 0..PAGES_MAX {
        match next(token).await {
            Ok(page) => {
                items.extend(page.items);
                token = page.next;
                if token.is_none() {
                    return Ok(items);
                }
            }
            Err(CallError::Cloud(error)) => {
                found.unread.push(format!("{of}: {error}"));
                return Ok(items);
            }
            Err(CallError::Cancelled) => return Err(Stopped),
        }
    }
    found
        .unread
        .push(format!("{of}: more than {PAGES_MAX} pages"));
    Ok(items)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_log_is_kept_once_and_for_its_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("server.log");
        fs::write(&log, "Traceback").unwrap();
        let reports = dir.path().join("reports");
        let evidence = Evidence::new(&reports, &"lab6".parse().unwrap(), Some(log.clone()));
        assert_eq!(evidence.place(), None);
        evidence.keep(None).await.unwrap();
        let place = evidence.place().unwrap().to_owned();
        fs::write(&log, "later").unwrap();
        evidence.keep(None).await.unwrap();
        assert_eq!(evidence.place(), Some(place.as_path()));
        assert_eq!(fs::read(place.join("server.log")).unwrap(), b"Traceback");
        assert!(place.starts_with(reports.join("lab6")));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode(&place), 0o700);
            assert_eq!(mode(&place.join("server.log")), 0o600);
        }
        let again = Evidence::new(&reports, &"lab6".parse().unwrap(), Some(log));
        again.keep(None).await.unwrap();
        assert_ne!(again.place(), Some(place.as_path()));
    }
}
