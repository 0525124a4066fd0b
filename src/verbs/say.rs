//! One line to a person or a program, and the errors of what is written.

use std::fmt::Display;
use std::io::{self, Write};

use serde::Serialize;

use crate::error::{Error, Exit, Result};
use crate::events::Event;
use crate::options::{OutputFormat, Ui};
use crate::report::runlog::result_line;
use crate::report::{Terminal, TerminalOptions, print_error, terminal};
use crate::text::json;

/// The command's result of writing to stdout.
pub(super) fn said(written: io::Result<()>) -> Result<()> {
    match written {
        // A reader that left (`| head`) has seen what it wanted.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other.map_err(general("stdout")),
    }
}

/// Writes a verb's document to stdout: alone, or as the last line of a stream.
pub(super) fn print_document(
    format: OutputFormat,
    exit: Exit,
    document: &impl Serialize,
) -> io::Result<()> {
    let text = match format {
        OutputFormat::Jsonl => result_line(exit, document),
        _ => json::document(document),
    };
    let mut out = io::stdout().lock();
    out.write_all(text?.as_bytes())?;
    out.flush()
}

/// Makes an error of kind [`Exit::General`] of a cause.
pub(super) fn general<E: Display>(subject: impl Into<String>) -> impl FnOnce(E) -> Error {
    |cause| Error::new(Exit::General, subject, cause.to_string())
}

/// Makes the error of a file in the folder of reports that could not be written. `again` is the command to repeat.
pub(super) fn unwritten<E: Display>(subject: &str, again: &str) -> impl FnOnce(E) -> Error {
    move |cause| {
        general(subject)(cause).hint(format!(
            "free space or choose another folder with --reports, then run {again} again"
        ))
    }
}

/// Says on stderr what is going on, unless `-q` was given.
pub(super) fn say(step: &str, verbosity: i8) {
    if verbosity >= 0 {
        // A closed stderr leaves nobody to tell.
        let _ = writeln!(io::stderr().lock(), "{step}");
    }
}

/// Shows an error that does not end the command.
pub(super) fn say_error(ui: Ui, error: &Error) {
    let columns = terminal::columns_of_stderr();
    // A closed stderr leaves nobody to tell.
    let _ = print_error(error, ui.color_stderr, columns, &mut io::stderr().lock());
}

pub(super) fn terminal_options(ui: Ui) -> TerminalOptions {
    TerminalOptions::for_stderr(ui.color_stderr, ui.verbosity)
}

/// Shows on stderr at once what a person must know before the run goes on.
pub(super) fn note_at_once(ui: Ui, notes: &[String]) {
    let mut terminal = Terminal::stderr(terminal_options(ui));
    for note in notes {
        terminal.handle(&Event::Note { text: note.clone() });
    }
    terminal.finish();
}
