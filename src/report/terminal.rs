//! Progress for the person in front of the run, on stderr: a bar on a terminal, plain lines elsewhere.

mod writer;

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle, TermLike};
use serde::Deserialize;

use crate::events::{Event, Outcome, StepInFlight, StepResult};
use crate::evidence::check::CheckResult;
use crate::ids::Username;
use crate::text::commands::with_options;
use crate::text::failure::Failure;
use crate::text::show::clean;
use crate::text::words::{duration, plural};

use super::causes;
use super::marks::{self, Tone};
use super::progress::Tracker;
use super::style::{Paint, wrapped};
use writer::SharedWriter;

/// Columns to assume where there is no terminal to ask.
pub(crate) const DEFAULT_COLUMNS: u16 = 80;

/// The verbosity of `-qq`.
pub(crate) const ERRORS_ALONE: i8 = -2;

/// The bar is drawn at most this often: faster than the eye, slower than a thousand events a second.
const REDRAW_EVERY: Duration = Duration::from_millis(66);

/// How often the time that is left is printed where there is no bar.
const TIME_LEFT_EVERY: Duration = Duration::from_secs(60);

/// How to show progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TerminalOptions {
    /// Whether to colour.
    pub color: bool,
    /// Whether a person sees it redrawn: a bar; plain lines otherwise.
    pub interactive: bool,
    /// -2 and below: no student, because the end tells all errors together. -1: errors only. 0: as usual. 1: retries and every student. 2 and more: every step.
    pub verbosity: i8,
    /// Columns; `None` asks the terminal behind stderr at every frame, so that resizing works.
    pub columns: Option<u16>,
}

impl TerminalOptions {
    /// What suits this process's stderr.
    pub(crate) fn for_stderr(color: bool, verbosity: i8) -> Self {
        let terminal = io::stderr().is_terminal();
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        Self {
            color,
            // Diagnostics, which go to stderr as well, would tear a bar apart.
            interactive: terminal && !dumb && verbosity < 2,
            verbosity,
            columns: None,
        }
    }
}

/// Columns where there is no terminal: whatever reads a pipe gets lines that are not broken.
pub(crate) const UNBROKEN: usize = 100_000;

/// Columns of the terminal behind stdout; [`UNBROKEN`] when there is none.
pub(crate) fn columns_of_stdout() -> usize {
    columns_of(&console::Term::stdout()).map_or(UNBROKEN, usize::from)
}

/// Columns of the terminal behind stderr, if there is one.
pub(crate) fn columns_of_stderr() -> Option<usize> {
    columns_of(&console::Term::stderr()).map(usize::from)
}

fn columns_of(terminal: &console::Term) -> Option<u16> {
    terminal.size_checked().map(|(_, columns)| columns)
}

/// Shows the events of a run to a person. Call [`Terminal::tick`] a few times a second, so that times move and long
/// waits are shown while nothing else happens, and [`Terminal::finish`] before anything else is printed.
pub struct Terminal {
    options: TerminalOptions,
    paint: Paint,
    out: SharedWriter,
    clock: Box<dyn Fn() -> Duration + Send>,
    tracker: Tracker,
    bar: Option<ProgressBar>,
    drawn_at: Option<Duration>,
    said_left_at: Option<Duration>,
    /// Who met each cause first.
    met: BTreeMap<String, Username>,
    /// How a command begins that a message tells to type.
    invocation: String,
}

impl Terminal {
    /// Writes to any writer. `clock` gives the time since any fixed moment.
    pub fn new(
        options: TerminalOptions,
        writer: impl Write + Send + 'static,
        clock: impl Fn() -> Duration + Send + 'static,
    ) -> Self {
        Self {
            options,
            paint: Paint {
                color: options.color,
            },
            out: SharedWriter {
                writer: Arc::new(Mutex::new(Box::new(writer))),
                columns: options.columns,
            },
            clock: Box::new(clock),
            tracker: Tracker::default(),
            bar: None,
            drawn_at: None,
            said_left_at: None,
            met: BTreeMap::new(),
            invocation: String::new(),
        }
    }

    /// Puts the options that were typed into the commands that messages name.
    #[must_use]
    pub(crate) fn proposing(mut self, invocation: &str) -> Self {
        invocation.clone_into(&mut self.invocation);
        self
    }

    /// Writes to this process's stderr.
    pub(crate) fn stderr(options: TerminalOptions) -> Self {
        let origin = Instant::now();
        Self::new(options, io::stderr(), move || origin.elapsed())
    }

    /// Shows an event.
    pub fn handle(&mut self, event: &Event) {
        let now = (self.clock)();
        self.tracker.apply(event, now);
        match event {
            Event::RunStarted {
                command,
                class,
                lab,
                account,
                region,
                students,
                steps,
            } => {
                let students = plural(*students, "student");
                let steps = match steps {
                    0 => String::new(),
                    steps => format!(", {}", plural(*steps, "step")),
                };
                let place = format!("{lab}, account {account}, {region}");
                self.line(
                    0,
                    &format!("{} {class}: {students}{steps} ({place})", command.as_str()),
                );
                self.start_bar();
            }
            Event::StudentFinished {
                student,
                outcome,
                failure,
            } => self.student_finished(student, *outcome, failure.as_ref(), now),
            Event::CallRetried {
                operation,
                cause,
                request_id,
                after_ms,
            } => {
                let after = Duration::from_millis(*after_ms).as_secs_f64();
                let id = request(request_id.as_deref());
                self.line(
                    1,
                    &format!("  retry: {operation} again in {after:.1}s: {cause}{id}"),
                );
            }
            Event::CallFailed {
                operation,
                cause,
                request_id,
            } => {
                let id = request(request_id.as_deref());
                self.line(2, &format!("  failed: {operation}: {cause}{id}"));
            }
            Event::StepStarted {
                student,
                resource,
                action,
            } => self.line(2, &format!("  {student}: {action} {resource}")),
            Event::StepFinished {
                student,
                resource,
                action,
                result,
                elapsed_ms,
            } => {
                let took = duration(Duration::from_millis(*elapsed_ms));
                let how = step_word(result);
                self.line(
                    2,
                    &format!("  {student}: {action} {resource}: {how} ({took})"),
                );
            }
            Event::CheckFinished { student, result } => {
                if let Ok(check) = CheckResult::deserialize(result) {
                    let mark = marks::of_probe(&check);
                    let title = &check.title;
                    self.line(
                        2,
                        &format!("  {student}: {} {title}: {}", mark.symbol, mark.word),
                    );
                }
            }
            Event::Interrupted {
                now: at_once,
                in_flight,
            } => self.interrupted(*at_once, in_flight),
            Event::Note { text } => {
                let text = with_options(text, &self.invocation);
                self.line(0, &format!("note: {text}"));
            }
            Event::RunFinished { .. } => {
                self.finish();
                return;
            }
            Event::TimeLeft { .. } => self.say_time_left(now),
            Event::StudentStarted { .. }
            | Event::StepWaiting { .. }
            | Event::FunctionWritten { .. }
            | Event::NonceIssued { .. }
            | Event::ExecutionStarted { .. } => {}
        }
        self.say_long_waits(now);
        self.draw(now);
    }

    /// Lets time pass: redraws the bar, shows waits that have become long.
    pub fn tick(&mut self) {
        let now = (self.clock)();
        self.say_long_waits(now);
        self.draw(now);
    }

    /// Takes the bar away. Harmless when there is none.
    pub(crate) fn finish(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    fn student_finished(
        &mut self,
        student: &Username,
        outcome: Outcome,
        failure: Option<&Failure>,
        now: Duration,
    ) {
        let mark = marks::of_outcome(outcome);
        if self.options.verbosity < 0 {
            if let Some(failure) = failure.filter(|_| self.options.verbosity > ERRORS_ALONE) {
                self.failure(&format!("error: {student}"), student, failure);
            }
            return;
        }
        // The bar counts the students who ended well.
        let ended_well = failure.is_none() && mark.tone != Tone::Bad;
        if ended_well && self.bar.is_some() && self.options.verbosity == 0 {
            return;
        }
        let head = format!(
            "[{}] {} {student} {}",
            self.tracker.count(),
            self.paint.tone(mark.tone, mark.symbol),
            self.paint.tone(mark.tone, mark.word),
        );
        let took = self.tracker.spent_on(student, now);
        match (failure, took.filter(|took| took.as_secs() >= 1)) {
            (Some(failure), _) => self.failure(&head, student, failure),
            (None, Some(took)) => {
                let took = self.paint.dim(&format!("  {}", duration(took)));
                self.painted(&format!("{head}{took}"));
            }
            (None, None) => self.painted(&head),
        }
    }

    fn interrupted(&self, at_once: bool, in_flight: &[StepInFlight]) {
        if !at_once {
            let steps = plural(in_flight.len(), "step");
            let text = format!(
                "interrupted: nothing new starts; {steps} in flight may end first. \
                 Press Ctrl-C again to stop now."
            );
            return self.line(0, &text);
        }
        // Even with -q: after a second Ctrl-C the person needs to know what may be left.
        let always = i8::MIN;
        if in_flight.is_empty() {
            return self.line(always, "stopped now: nothing was in flight.");
        }
        let head = "stopped now. These were in flight and may or may not have happened:";
        self.line(always, head);
        for step in in_flight {
            let (student, action, resource) = (&step.student, &step.action, &step.resource);
            self.line(always, &format!("  {student}: {action} {resource}"));
        }
    }

    fn say_long_waits(&mut self, now: Duration) {
        // A bar shows them itself.
        if self.bar.is_none() {
            for wait in self.tracker.long_waits(now) {
                self.line(0, &wait);
            }
        }
    }

    fn say_time_left(&mut self, now: Duration) {
        let lately = |at: Duration| now.saturating_sub(at) < TIME_LEFT_EVERY;
        if self.bar.is_some() || self.said_left_at.is_some_and(lately) {
            return;
        }
        if let Some(left) = self.tracker.left(now) {
            self.said_left_at = Some(now);
            self.line(0, &format!("  about {} left", duration(left)));
        }
    }

    /// Tells a failure. The next students who meet the same cause are told in a word, and under a bar not at all: the bar
    /// counts them, and the end names them.
    fn failure(&mut self, head: &str, student: &Username, failure: &Failure) {
        let verbose = self.options.verbosity > 0;
        let cause = causes::generalise(&failure.to_string(), student);
        let first = self.met.entry(cause).or_insert_with(|| student.clone());
        if *first != *student && !verbose {
            if self.bar.is_none() {
                let line = format!("{head}, as {first}");
                self.painted(&line);
            }
            return;
        }
        let id = match verbose {
            true => request(failure.request_id.as_deref()),
            false => String::new(),
        };
        let text = format!("{failure}{id}");
        self.painted(&format!("{head}: {}", clean(&text)));
        if let Some(hint) = &failure.hint {
            let label = self.paint.tone(Tone::Busy, "hint:");
            let hint = with_options(hint, &self.invocation);
            self.broken(&format!("  {label} {}", clean(&hint)), "        ");
        }
    }

    /// Writes a line, from this verbosity on.
    fn line(&self, verbosity: i8, text: &str) {
        if self.options.verbosity >= verbosity {
            self.painted(&clean(text));
        }
    }

    /// Writes a line whose parts are clean already and may be coloured.
    fn painted(&self, line: &str) {
        self.broken(line, "    ");
    }

    /// [`Self::painted`], broken between words where a person sees it at a terminal.
    fn broken(&self, line: &str, indent: &str) {
        let text = match self.options.interactive {
            true => wrapped(line, usize::from(self.out.width()), indent).join("\n"),
            false => line.to_owned(),
        };
        match &self.bar {
            Some(bar) => bar.println(text),
            None => self.out.with(|w| writeln!(w, "{text}")),
        }
    }

    fn start_bar(&mut self) {
        self.finish();
        if !self.options.interactive || self.options.verbosity < 0 {
            return;
        }
        let target = ProgressDrawTarget::term_like(Box::new(self.out.clone()));
        let bar = ProgressBar::with_draw_target(None, target);
        // The whole frame is one message: `Tracker::frame` lays it out, indicatif paints it in place.
        bar.set_style(
            ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_bar()),
        );
        self.bar = Some(bar);
        self.drawn_at = None;
    }

    fn draw(&mut self, now: Duration) {
        let Some(bar) = &self.bar else { return };
        let lately = |at: Duration| now.saturating_sub(at) < REDRAW_EVERY;
        if self.drawn_at.is_some_and(lately) {
            return;
        }
        self.drawn_at = Some(now);
        // One column stays free: some terminals wrap when the last one is written.
        let columns = usize::from(self.out.width().saturating_sub(1));
        let frame = self.tracker.frame(now, columns, self.paint);
        bar.set_message(frame.join("\n"));
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.finish();
    }
}

impl fmt::Debug for Terminal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Terminal")
            .field("options", &self.options)
            .field("tracker", &self.tracker)
            .finish_non_exhaustive()
    }
}

/// A request's id, behind a failure.
fn request(id: Option<&str>) -> String {
    id.map_or_else(String::new, |id| format!(" (request id {id})"))
}

fn step_word(result: &StepResult) -> String {
    match result {
        StepResult::Done => "done".to_owned(),
        StepResult::Absent => "is not there".to_owned(),
        StepResult::Conflict { failure } => format!("conflict: {failure}"),
        StepResult::Failed { failure } => format!("failed: {failure}"),
        StepResult::Skipped { needs } => format!("skipped, it needs {needs}"),
        StepResult::Cancelled => "cancelled".to_owned(),
    }
}
