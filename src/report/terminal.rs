//! Progress for the person in front of the run, on stderr: a bar on a terminal, plain lines elsewhere.

use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle, TermLike};
use serde::Deserialize;

use crate::events::{Event, StepInFlight, StepResult};
use crate::evidence::check::CheckResult;
use crate::text::failure::Failure;

use super::marks::{self, Tone};
use super::progress::Tracker;
use super::style::Paint;
use crate::text::show::clean;
use crate::text::words::{duration, plural};

/// Columns to assume where nobody can be asked.
pub(crate) const DEFAULT_COLUMNS: u16 = 80;

/// The bar is drawn at most this often: faster than the eye, slower than a thousand events a second.
const REDRAW_EVERY: Duration = Duration::from_millis(66);

/// How often the time that is left is told where no bar shows it.
const TIME_LEFT_EVERY: Duration = Duration::from_secs(60);

/// How to show progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TerminalOptions {
    /// Whether to colour.
    pub color: bool,
    /// Whether a person sees it redrawn: a bar; plain lines otherwise.
    pub interactive: bool,
    /// Below 0: errors only. 0: as usual. 1: retries and every student. 2 and more: every step.
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

/// Columns of the terminal behind stdout; [`DEFAULT_COLUMNS`] when there is none.
pub(crate) fn columns_of_stdout() -> usize {
    usize::from(
        console::Term::stdout()
            .size_checked()
            .map_or(DEFAULT_COLUMNS, |(_, columns)| columns),
    )
}

/// The request's id behind what is said of it.
fn request(id: Option<&str>) -> String {
    id.map_or_else(String::new, |id| format!(" (request id {id})"))
}

/// Shows the events of a run to a person. Call [`Terminal::tick`] a few times a second, so that times move
/// and waits are told while nothing else happens, and [`Terminal::finish`] before anything else is printed.
///
/// What cannot be written (a closed stderr) is dropped: nobody is there to be told, and the run goes on.
pub struct Terminal {
    options: TerminalOptions,
    paint: Paint,
    out: Output,
    clock: Box<dyn Fn() -> Duration + Send>,
    tracker: Tracker,
    bar: Option<ProgressBar>,
    drawn_at: Option<Duration>,
    told_left_at: Option<Duration>,
}

impl Terminal {
    /// Writes to any writer. `clock` tells the time since any fixed moment.
    pub fn new(
        options: TerminalOptions,
        writer: impl Write + Send + 'static,
        clock: impl Fn() -> Duration + Send + 'static,
    ) -> Self {
        let paint = Paint {
            color: options.color,
        };
        Self {
            options,
            paint,
            out: Output {
                writer: Arc::new(Mutex::new(Box::new(writer))),
                columns: options.columns,
            },
            clock: Box::new(clock),
            tracker: Tracker::default(),
            bar: None,
            drawn_at: None,
            told_left_at: None,
        }
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
                if self.options.verbosity >= 0 {
                    let mut line = format!(
                        "{} {class}: {}",
                        command.as_str(),
                        plural(*students, "student")
                    );
                    if *steps > 0 {
                        line.push_str(&format!(", {}", plural(*steps, "step")));
                    }
                    line.push_str(&format!(" ({lab}, account {account}, {region})"));
                    self.line(&line);
                }
                self.start_bar();
            }
            Event::StudentFinished {
                student,
                outcome,
                failure,
            } => {
                let mark = marks::of_outcome(*outcome);
                if self.options.verbosity < 0 {
                    if let Some(failure) = failure {
                        self.failure(&format!("error: {student}"), failure);
                    }
                } else if failure.is_some()
                    || mark.tone == Tone::Bad
                    || self.bar.is_none()
                    || self.options.verbosity > 0
                {
                    let took = match self.tracker.spent_on(student, now) {
                        Some(took) if took >= Duration::from_secs(1) => {
                            self.paint.dim(&format!("  {}", duration(took)))
                        }
                        _ => String::new(),
                    };
                    let head = format!(
                        "[{}] {} {student} {}",
                        self.tracker.count(),
                        self.paint.tone(mark.tone, mark.symbol),
                        self.paint.tone(mark.tone, mark.word),
                    );
                    match failure {
                        Some(failure) => self.failure(&head, failure),
                        None => self.painted(&format!("{head}{took}")),
                    }
                }
            }
            Event::CallRetried {
                operation,
                cause,
                request_id,
                after_ms,
            } => {
                if self.options.verbosity >= 1 {
                    self.line(&format!(
                        "  retry: {operation} again in {:.1}s: {cause}{}",
                        Duration::from_millis(*after_ms).as_secs_f64(),
                        request(request_id.as_deref())
                    ));
                }
            }
            Event::CallFailed {
                operation,
                cause,
                request_id,
            } => {
                if self.options.verbosity >= 2 {
                    self.line(&format!(
                        "  failed: {operation}: {cause}{}",
                        request(request_id.as_deref())
                    ));
                }
            }
            Event::StepStarted {
                student,
                resource,
                action,
            } => {
                if self.options.verbosity >= 2 {
                    self.line(&format!("  {student}: {action} {resource}"));
                }
            }
            Event::StepFinished {
                student,
                resource,
                action,
                result,
                elapsed_ms,
            } => {
                if self.options.verbosity >= 2 {
                    let took = duration(Duration::from_millis(*elapsed_ms));
                    let how = step_word(result);
                    self.line(&format!("  {student}: {action} {resource}: {how} ({took})"));
                }
            }
            Event::CheckFinished { student, result } => {
                if self.options.verbosity >= 2
                    && let Ok(check) = CheckResult::deserialize(result)
                {
                    let mark = marks::of_probe(&check);
                    self.line(&format!(
                        "  {student}: {} {}: {}",
                        mark.symbol, check.title, mark.word
                    ));
                }
            }
            Event::Interrupted {
                now: at_once,
                in_flight,
            } => self.interrupted(*at_once, in_flight),
            Event::Note { text } => {
                if self.options.verbosity >= 0 {
                    self.line(&format!("note: {text}"));
                }
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

    /// Lets time pass: redraws the bar, tells waits that have become long.
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

    fn interrupted(&mut self, at_once: bool, in_flight: &[StepInFlight]) {
        if !at_once {
            if self.options.verbosity >= 0 {
                self.line(&format!(
                    "interrupted: nothing new starts; {} in flight may end first. \
                     Press Ctrl-C again to stop now.",
                    plural(in_flight.len(), "step")
                ));
            }
            return;
        }
        // Even with -q: whoever gives up half-way needs to know what may be left.
        if in_flight.is_empty() {
            self.line("stopped now: nothing was in flight.");
            return;
        }
        self.line("stopped now. These were in flight and may or may not have happened:");
        for step in in_flight {
            self.line(&format!(
                "  {}: {} {}",
                step.student, step.action, step.resource
            ));
        }
    }

    fn say_long_waits(&mut self, now: Duration) {
        if self.bar.is_some() || self.options.verbosity < 0 {
            return;
        }
        for wait in self.tracker.long_waits(now) {
            self.line(&format!(
                "  waiting {}: {}: {}: {}",
                duration(wait.lasted),
                wait.student,
                wait.resource,
                wait.on
            ));
        }
    }

    /// Where no bar shows it, now and then.
    fn say_time_left(&mut self, now: Duration) {
        let told = |at: Duration| now.saturating_sub(at) < TIME_LEFT_EVERY;
        if self.bar.is_some() || self.options.verbosity < 0 || self.told_left_at.is_some_and(told) {
            return;
        }
        if let Some(left) = self.tracker.left(now) {
            self.told_left_at = Some(now);
            self.line(&format!("  about {} left", duration(left)));
        }
    }

    fn failure(&self, head: &str, failure: &Failure) {
        let id = match self.options.verbosity {
            1.. => request(failure.request_id.as_deref()),
            _ => String::new(),
        };
        self.painted(&format!(
            "{head}: {}{}",
            clean(&failure.to_string()),
            clean(&id)
        ));
        if let Some(hint) = &failure.hint {
            self.painted(&format!(
                "  {} {}",
                self.paint.tone(Tone::Busy, "hint:"),
                clean(hint)
            ));
        }
    }

    fn line(&self, text: &str) {
        self.painted(&clean(text));
    }

    /// Writes a line whose parts are clean already and may be coloured.
    fn painted(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.println(line),
            None => self.out.with(|w| writeln!(w, "{line}")),
        }
    }

    fn start_bar(&mut self) {
        self.finish();
        if !self.options.interactive || self.options.verbosity < 0 {
            return;
        }
        let target = ProgressDrawTarget::term_like(Box::new(self.out.clone()));
        let bar = ProgressBar::with_draw_target(None, target);
        // The whole frame is one message: its layout is `Tracker::frame`'s, painting it in place is
        // indicatif's.
        bar.set_style(
            ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_bar()),
        );
        self.bar = Some(bar);
        self.drawn_at = None;
    }

    fn draw(&mut self, now: Duration) {
        let Some(bar) = &self.bar else { return };
        if self
            .drawn_at
            .is_some_and(|at| now.saturating_sub(at) < REDRAW_EVERY)
        {
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

/// The writer, shared by plain lines and the bar.
#[derive(Clone)]
struct Output {
    writer: Arc<Mutex<Box<dyn Write + Send>>>,
    columns: Option<u16>,
}

impl Output {
    fn with(&self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        // See `Terminal`: a stderr that cannot be written must not end the run.
        let _ = write(&mut **writer).and_then(|()| writer.flush());
    }

    fn steer(&self, sequence: &str) -> io::Result<()> {
        self.with(|w| w.write_all(sequence.as_bytes()));
        Ok(())
    }
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Output").finish_non_exhaustive()
    }
}

impl TermLike for Output {
    fn width(&self) -> u16 {
        self.columns.unwrap_or_else(|| {
            console::Term::stderr()
                .size_checked()
                .map_or(DEFAULT_COLUMNS, |(_, columns)| columns)
        })
    }
    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        match n {
            0 => Ok(()),
            n => self.steer(&format!("\u{1b}[{n}A")),
        }
    }
    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        match n {
            0 => Ok(()),
            n => self.steer(&format!("\u{1b}[{n}B")),
        }
    }
    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        match n {
            0 => Ok(()),
            n => self.steer(&format!("\u{1b}[{n}C")),
        }
    }
    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        match n {
            0 => Ok(()),
            n => self.steer(&format!("\u{1b}[{n}D")),
        }
    }
    fn write_line(&self, s: &str) -> io::Result<()> {
        self.steer(&format!("{s}\n"))
    }
    fn write_str(&self, s: &str) -> io::Result<()> {
        self.steer(s)
    }
    fn clear_line(&self) -> io::Result<()> {
        self.steer("\r\u{1b}[2K")
    }
    fn flush(&self) -> io::Result<()> {
        self.with(|w| w.flush());
        Ok(())
    }
}
