//! The spine of every verb: runs some work with everything that listens to it (the terminal, the run log, Ctrl-C).
//! How it ended is shown by `ended`.

use std::future::Future;
use std::io::{self, Stdout};
use std::time::{Duration, Instant};

use futures::future::join_all;
use jiff::Timestamp;
use tokio::sync::mpsc;

use super::interrupts::interrupts;
use super::say::terminal_options;
use super::session::{At, Session};
use super::sessions::Sessions;
use crate::aws::Client;
use crate::aws::pacing::{Overrides, Pace};
use crate::aws::stop::{Cancelled, Stop};
use crate::error::{Error, Exit};
use crate::events::{Command, Event, Outcome, StepInFlight};
use crate::options::{OutputFormat, Ui};
use crate::report::runlog::EventStream;
use crate::report::{RunLog, Terminal};
use crate::results::StudentResult;
use crate::stack::dispatcher;
use crate::stack::execute::Task;
use crate::stack::plan::Plan;

/// How often the terminal's times move.
const TICK: Duration = Duration::from_millis(200);

/// Whether a run log is kept, as for every verb that changes something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Log {
    Kept,
    None,
}

pub(super) struct RunEnd {
    interrupted: bool,
    /// What was in flight when the person stopped the run for the second time.
    given_up: Vec<StepInFlight>,
}

impl RunEnd {
    pub(crate) fn notes(&self) -> Vec<String> {
        let notes = self.given_up.iter().map(|step| {
            format!(
                "given up in flight: {} {} of {}; run `homeroom plan` to see whether it happened",
                step.action, step.resource, step.student
            )
        });
        notes.collect()
    }

    /// The exit, which is not [`Exit::Done`] where a student ended with one of the `bad` outcomes.
    pub(crate) fn exit(&self, students: &[StudentResult], bad: &[Outcome]) -> Exit {
        match students.iter().find(|s| bad.contains(&s.outcome)) {
            _ if self.interrupted => Exit::Interrupted,
            None => Exit::Done,
            Some(student) if student.outcome == Outcome::Remains => Exit::Remains,
            Some(_) => Exit::SomeFailed,
        }
    }
}

impl<'a> Task<'a> {
    /// A plan for each place.
    pub(super) fn all(
        places: &'a [At<'_>],
        plans: impl IntoIterator<Item = &'a Plan>,
    ) -> Vec<Self> {
        let tasks = places.iter().zip(plans).map(|(at, plan)| Self {
            client: &at.client,
            plan,
            issuer: None,
        });
        tasks.collect()
    }
}

/// Does something at every place at once.
pub(super) async fn everywhere<T>(places: &[At<'_>], work: impl AsyncFn(&At<'_>) -> T) -> Vec<T> {
    join_all(places.iter().map(|at| work(at))).await
}

impl Sessions {
    /// Runs work with a client of its own at each place, while the terminal, the run log and Ctrl-C are listened to.
    pub(crate) async fn run<T>(
        &self,
        command: Command,
        log: Log,
        work: impl AsyncFnOnce(&[At<'_>]) -> T,
    ) -> (T, RunEnd) {
        let listeners = Listeners::new(self, command, log);
        let stop = Stop::new();
        let (sender, receiver) = mpsc::unbounded_channel();
        let mut places: Vec<At<'_>> = Vec::new();
        for session in &self.places {
            // What stops one place, such as its credentials, is nothing to the others.
            let (stop, events) = (stop.part(), sender.clone());
            let (outside, pace, quotas) = (&session.client, session.pace(), session.quotas());
            let mut others = places.iter();
            let client = match others.find(|other| other.session.is_in_account_of(session)) {
                Some(other) => outside.in_run_beside(&other.client, pace, quotas, stop, events),
                None => outside.in_run(pace, quotas, stop, events),
            };
            places.push(At { session, client });
        }
        listen_to(work(&places), receiver, &stop, listeners).await
    }

    /// Looks at every place at once; what came of it at each.
    pub(crate) async fn look_each<T>(
        &self,
        command: Command,
        work: impl AsyncFn(&At<'_>) -> T,
    ) -> (Vec<T>, RunEnd) {
        let everywhere = async |places: &[At<'_>]| everywhere(places, work).await;
        self.run(command, Log::None, everywhere).await
    }

    /// The first event of a run that carries out a plan at each place.
    pub(crate) fn run_started(&self, command: Command, plans: &[Plan]) -> Event {
        let students = plans.iter().flat_map(|plan| &plan.students);
        let busy = students.filter(|s| s.steps() > 0 || s.is_blocked());
        let steps = plans.iter().map(Plan::steps).sum();
        self.started(command, busy.count(), steps)
    }

    pub(crate) fn started(&self, command: Command, students: usize, steps: usize) -> Event {
        let joined = |of: fn(&Session) -> &String| {
            let all: Vec<&str> = self.places.iter().map(|at| of(at).as_str()).collect();
            all.join(", ")
        };
        Event::RunStarted {
            command,
            class: self.class.name().clone(),
            lab: self.lab().clone(),
            account: joined(|at| &at.scope().account),
            region: joined(|at| &at.scope().region),
            students,
            steps,
        }
    }
}

/// Runs a student's own look, without anything of a class.
pub(super) async fn look_alone<T>(
    client: &Client,
    pace: Pace,
    ui: Ui,
    work: impl AsyncFnOnce(&Client) -> T,
) -> T {
    let listeners = Listeners {
        terminal: Terminal::stderr(terminal_options(ui)),
        stream: stream(ui),
        log: None,
    };
    let stop = Stop::new();
    let (sender, receiver) = mpsc::unbounded_channel();
    let client = client.in_run(pace, Overrides::new(), stop.clone(), sender);
    let looked = listen_to(work(&client), receiver, &stop, listeners).await;
    looked.0
}

async fn listen_to<T>(
    work: impl Future<Output = T>,
    events: mpsc::UnboundedReceiver<Event>,
    stop: &Stop,
    mut listeners: Listeners,
) -> (T, RunEnd) {
    let mut interrupted = false;
    let mut given_up = Vec::new();
    let ticks = tokio::time::interval(TICK);
    let handle = |event: Option<&Event>| {
        if let Some(Event::Interrupted { now, in_flight }) = event {
            interrupted = true;
            if *now {
                given_up.clone_from(in_flight);
            }
        }
        listeners.handle(event);
    };
    let output = dispatcher::run(work, events, interrupts(), ticks, stop, handle).await;
    listeners.terminal.finish();
    let end = RunEnd {
        interrupted,
        given_up,
    };
    (output, end)
}

/// Emits an event of the run, which is of no place.
pub(super) fn emit(places: &[At<'_>], event: Event) {
    if let Some(at) = places.first() {
        at.client.emit(event);
    }
}

/// Emits the events of a run's begin and end around its work.
pub(super) async fn announced<T>(
    places: &[At<'_>],
    started: Event,
    work: impl Future<Output = T>,
) -> T {
    let began = Instant::now();
    emit(places, started);
    let output = work.await;
    let finished = Event::RunFinished {
        elapsed_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
    };
    emit(places, finished);
    output
}

struct Listeners {
    terminal: Terminal,
    /// For a program that wants to hear everything.
    stream: Option<EventStream<Stdout>>,
    log: Option<RunLog>,
}

impl Listeners {
    fn new(session: &Sessions, command: Command, log: Log) -> Self {
        let terminal = Terminal::stderr(terminal_options(session.class.settings.ui));
        let mut terminal = terminal.proposing(&session.class.invocation);
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
        // Of `watch` stdout has one line: where the page is.
        let stream = stream(session.class.settings.ui).filter(|_| command != Command::Watch);
        Self {
            terminal,
            stream,
            log,
        }
    }

    fn handle(&mut self, event: Option<&Event>) {
        let Some(event) = event else {
            self.terminal.tick();
            return;
        };
        let now = Timestamp::now();
        let log = self.log.as_mut();
        let lost = log.and_then(|log| log.record(now, event));
        for event in [Some(event), lost.as_ref()].into_iter().flatten() {
            self.terminal.handle(event);
            if let Some(stream) = &mut self.stream {
                stream.tell(now, event);
            }
        }
    }
}

fn stream(ui: Ui) -> Option<EventStream<Stdout>> {
    (ui.output == OutputFormat::Jsonl).then(|| EventStream::over(io::stdout()))
}

/// The error of a command that was stopped before it had anything to say.
pub(super) fn interrupted() -> Error {
    Error::new(Exit::Interrupted, "interrupted", "nothing was changed")
}

impl From<Cancelled> for Error {
    fn from(_: Cancelled) -> Self {
        interrupted()
    }
}
