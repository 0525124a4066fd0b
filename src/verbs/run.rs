//! The spine of every verb: runs some work with everything that listens to it (the terminal, the run log, Ctrl-C).
//! How it ended is shown by `ended`.

use std::future::Future;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::mpsc;

use super::ended::Exit;
use super::interrupts::interrupts;
use super::session::Session;
use crate::aws::Client;
use crate::aws::stop::{Cancelled, Stop};
use crate::error::{Error, Kind, Result};
use crate::events::{Command, Event, Outcome, StepInFlight};
use crate::options::Ui;
use crate::report::{RunLog, Terminal, TerminalOptions};
use crate::results::StudentResult;
use crate::stack::dispatcher;
use crate::stack::plan::Plan;

/// How often the terminal's times move.
const TICK: Duration = Duration::from_millis(200);

/// Whether a run log is kept, as for every verb that changes something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Log {
    Kept,
    None,
}

/// How some work came to its end.
pub(super) struct RunEnd {
    interrupted: bool,
    /// What was in flight when it was given up.
    given_up: Vec<StepInFlight>,
}

impl RunEnd {
    /// Notes for what was given up, so that people know what may remain.
    pub(crate) fn notes(&self) -> Vec<String> {
        let notes = self.given_up.iter().map(|step| {
            format!(
                "given up in flight: {} {} of {}; whether it had its effect shows in the next plan",
                step.action, step.resource, step.student
            )
        });
        notes.collect()
    }

    /// The exit code: `bad` where a student ended in one of these ways.
    pub(crate) fn exit(&self, students: &[StudentResult], ways: &[Outcome], bad: Exit) -> Exit {
        match students.iter().any(|s| ways.contains(&s.outcome)) {
            _ if self.interrupted => Exit::Interrupted,
            true => bad,
            false => Exit::Done,
        }
    }
}

impl Session {
    /// Runs work on the session's cloud.
    pub(crate) async fn run<T>(
        &self,
        command: Command,
        log: Log,
        work: impl AsyncFnOnce(&Client) -> T,
    ) -> (T, RunEnd) {
        let stop = Stop::new();
        let (sender, receiver) = mpsc::unbounded_channel();
        let client = self
            .client
            .in_run(self.pace(), self.quotas(), stop.clone(), sender);
        let mut listeners = Listeners::new(self, command, log);
        let mut interrupted = false;
        let mut given_up = Vec::new();
        let ticks = tokio::time::interval(TICK);
        let work = work(&client);
        let handle = |event: Option<&Event>| {
            if let Some(Event::Interrupted { now, in_flight }) = event {
                interrupted = true;
                if *now {
                    given_up.clone_from(in_flight);
                }
            }
            listeners.handle(event);
        };
        let output = dispatcher::run(work, receiver, interrupts(), ticks, &stop, handle).await;
        listeners.terminal.finish();
        let end = RunEnd {
            interrupted,
            given_up,
        };
        (output, end)
    }

    /// Only looks at the cloud.
    ///
    /// # Errors
    /// When it was stopped, or as the work says.
    pub(crate) async fn look<T, E: Into<Error>>(
        &self,
        command: Command,
        work: impl AsyncFnOnce(&Client) -> std::result::Result<T, E>,
    ) -> Result<T> {
        let (output, _) = self.run(command, Log::None, work).await;
        output.map_err(Into::into)
    }

    /// The first event of a run that carries out a plan.
    pub(crate) fn run_started(&self, command: Command, plan: &Plan) -> Event {
        let students = plan.students.iter();
        let busy = students.filter(|s| s.steps() > 0 || s.is_blocked());
        self.started(command, busy.count(), plan.steps())
    }

    pub(crate) fn started(&self, command: Command, students: usize, steps: usize) -> Event {
        Event::RunStarted {
            command,
            class: self.class.name().clone(),
            lab: self.desired.lab.clone(),
            account: self.scope().account.clone(),
            region: self.scope().region.clone(),
            students,
            steps,
        }
    }
}

/// Tells that work begins and that it has ended, around it.
pub(super) async fn announced<T>(
    client: &Client,
    started: Event,
    work: impl Future<Output = T>,
) -> T {
    let began = Instant::now();
    client.emit(started);
    let output = work.await;
    client.emit(Event::RunFinished {
        elapsed_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
    });
    output
}

/// What handles a run's events.
struct Listeners {
    terminal: Terminal,
    log: Option<RunLog>,
}

impl Listeners {
    fn new(session: &Session, command: Command, log: Log) -> Self {
        let mut terminal = Terminal::stderr(terminal_options(session.class.settings.ui));
        let dir = session.folder();
        let created = (log == Log::Kept).then(|| RunLog::create(&dir, command, Timestamp::now()));
        let log = match created.transpose() {
            Ok(log) => log,
            Err(error) => {
                terminal.handle(&Event::Note {
                    text: format!("no run log in {}: {error}; the run goes on", dir.display()),
                });
                None
            }
        };
        Self { terminal, log }
    }

    fn handle(&mut self, event: Option<&Event>) {
        let Some(event) = event else {
            self.terminal.tick();
            return;
        };
        self.terminal.handle(event);
        let log = self.log.as_mut();
        let lost = log.and_then(|log| log.record(Timestamp::now(), event));
        if let Some(note) = lost {
            self.terminal.handle(&note);
        }
    }
}

fn terminal_options(ui: Ui) -> TerminalOptions {
    TerminalOptions::for_stderr(ui.color_stderr, ui.verbosity)
}

/// Says on stderr at once what must be known before a run goes on.
pub(super) fn note_at_once(ui: Ui, notes: &[String]) {
    let mut terminal = Terminal::stderr(terminal_options(ui));
    for note in notes {
        terminal.handle(&Event::Note { text: note.clone() });
    }
    terminal.finish();
}

/// The error of a command that was stopped before it had anything to say.
pub(super) fn interrupted() -> Error {
    Error::new(Kind::Interrupted, "interrupted", "nothing was changed")
}

impl From<Cancelled> for Error {
    fn from(_: Cancelled) -> Self {
        interrupted()
    }
}
