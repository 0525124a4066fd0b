//! Runs some work with everything that listens to it: the terminal, the run log, and Ctrl-C.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::mpsc;

use crate::aws::Client;
use crate::aws::stop::Stop;
use crate::events::{Command, Event, InFlight, Outcome, RunSummary, StudentResult};
use crate::options::{OutputFormat, Ui};
use crate::report::{RunLog, Terminal, TerminalOptions};
use crate::stack::dispatcher;

use super::Exit;
use super::interrupts::interrupts;
use super::session::Session;

/// How often the terminal's times move.
const TICK: Duration = Duration::from_millis(200);

/// What came of some work.
pub(super) struct Ran<T> {
    /// What it returned.
    pub output: T,
    /// Whether the person stopped it.
    pub interrupted: bool,
    /// What was in flight when it was given up.
    pub given_up: Vec<InFlight>,
}

/// Runs work on a session's cloud. `logged`: whether a run log is kept, as for every verb that changes
/// something.
pub(super) async fn run<T>(
    session: &Session,
    command: Command,
    logged: bool,
    work: impl AsyncFnOnce(&Client) -> T,
) -> Ran<T> {
    let stop = Stop::new();
    let (sender, receiver) = mpsc::unbounded_channel();
    let client = session
        .client
        .in_run(session.pace(), session.quotas(), stop.clone(), sender);
    let mut listeners = Listeners::new(session, command, logged);
    let mut interrupted = false;
    let mut given_up = Vec::new();
    let ticks = tokio::time::interval(TICK);
    let output = dispatcher::run(
        work(&client),
        receiver,
        interrupts(),
        ticks,
        &stop,
        |event| {
            if let Some(Event::Interrupted { now, in_flight }) = event {
                interrupted = true;
                if *now {
                    given_up.clone_from(in_flight);
                }
            }
            listeners.handle(event);
        },
    )
    .await;
    listeners.terminal.finish();
    Ran {
        output,
        interrupted,
        given_up,
    }
}

/// What handles a run's events.
struct Listeners {
    terminal: Terminal,
    log: Option<RunLog>,
}

impl Listeners {
    fn new(session: &Session, command: Command, logged: bool) -> Self {
        let mut terminal = Terminal::stderr(terminal_options(session.class.settings.ui));
        let dir = session.folder();
        let log = logged
            .then(|| RunLog::create(&dir, command, Timestamp::now()))
            .and_then(|log| match log {
                Ok(log) => Some(log),
                Err(error) => {
                    terminal.handle(&Event::Note {
                        text: format!("no run log in {}: {error}; the run goes on", dir.display()),
                    });
                    None
                }
            });
        Self { terminal, log }
    }

    fn handle(&mut self, event: Option<&Event>) {
        let Some(event) = event else {
            self.terminal.tick();
            return;
        };
        self.terminal.handle(event);
        let lost = self
            .log
            .as_mut()
            .and_then(|log| log.record(Timestamp::now(), event));
        if let Some(note) = lost {
            self.terminal.handle(&note);
        }
    }
}

/// How the terminal shows events.
pub(super) fn terminal_options(ui: Ui) -> TerminalOptions {
    TerminalOptions::for_stderr(ui.color_stderr, ui.verbosity)
}

/// Puts a summary together: counts the outcomes and the calls.
pub(super) fn summarise(
    session: &Session,
    command: Command,
    students: Vec<StudentResult>,
    mut notes: Vec<String>,
) -> RunSummary {
    let class = &session.class;
    // For people they stand on stderr since the roster was read.
    if class.settings.ui.output == OutputFormat::Json {
        notes.splice(0..0, class.roster.notes.iter().cloned());
    }

    let mut summary: BTreeMap<String, u64> = BTreeMap::new();
    summary.insert("students".to_owned(), students.len() as u64);
    for student in &students {
        *summary
            .entry(student.outcome.as_str().to_owned())
            .or_default() += 1;
    }
    RunSummary {
        command,
        class: session.class.name().clone(),
        students,
        summary,
        left: Vec::new(),
        forecast: None,
        files: Vec::new(),
        notes,
        api_calls: session.client.calls(),
        elapsed_s: session.class.started.elapsed().as_secs_f64(),
    }
}

/// Notes for what was given up, so that people know what may remain.
pub(super) fn notes_of_given_up(given_up: &[InFlight]) -> Vec<String> {
    given_up
        .iter()
        .map(|step| {
            format!(
                "given up in flight: {} {} of {}; whether it had its effect shows in the next plan",
                step.action, step.resource, step.student
            )
        })
        .collect()
}

/// How a run over students ends, where each of two outcomes means that a student needs another run.
pub(super) fn exit_of(
    interrupted: bool,
    students: &[StudentResult],
    not_done: [Outcome; 2],
) -> Exit {
    if interrupted {
        Exit::Interrupted
    } else if students.iter().any(|s| not_done.contains(&s.outcome)) {
        Exit::SomeFailed
    } else {
        Exit::Done
    }
}

/// How many students ended so.
pub(super) fn count(students: &[StudentResult], outcome: Outcome) -> usize {
    students.iter().filter(|s| s.outcome == outcome).count()
}
