//! Errors that end a command, as a person reads them.

use std::io::{self, Write};

use crate::error::Error;

use super::marks::Tone;
use super::style::{Paint, wrapped};
use super::terminal::columns_of_stderr;
use crate::text::show::clean;

/// Prints every failure of an error: subject and cause, and the hint below it. A hint that the next failure has, too, comes
/// once, below the last of them.
///
/// `columns`: of the terminal; `None` where there is none, and each failure is one line.
///
/// # Errors
/// When `out` cannot be written.
pub(crate) fn print_error(
    error: &Error,
    color: bool,
    columns: Option<usize>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let paint = Paint { color };
    let following = error.failures.iter().skip(1).map(Some).chain([None]);
    for (failure, next) in error.failures.iter().zip(following) {
        let label = paint.tone(Tone::Bad, "error:");
        let line = format!("{label} {}", clean(&failure.to_string()));
        write_line(&line, columns, "       ", out)?;
        let Some(hint) = &failure.hint else { continue };
        if next.is_none_or(|next| next.hint.as_ref() != Some(hint)) {
            let label = paint.tone(Tone::Busy, "hint:");
            write_line(
                &format!("  {label} {}", clean(hint)),
                columns,
                "        ",
                out,
            )?;
        }
    }
    out.flush()
}

/// Prints notes, broken where there is a terminal behind stderr.
///
/// # Errors
/// When `out` cannot be written.
pub(crate) fn print_notes(notes: &[String], color: bool, out: &mut dyn Write) -> io::Result<()> {
    let paint = Paint { color };
    let columns = columns_of_stderr();
    for note in notes {
        let label = paint.tone(Tone::Unsure, "note:");
        write_line(&format!("{label} {}", clean(note)), columns, "      ", out)?;
    }
    out.flush()
}

fn write_line(
    line: &str,
    columns: Option<usize>,
    indent: &str,
    out: &mut dyn Write,
) -> io::Result<()> {
    let Some(columns) = columns else {
        return writeln!(out, "{line}");
    };
    for line in wrapped(line, columns, indent) {
        writeln!(out, "{line}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Exit;
    use crate::text::failure::Failure;

    #[test]
    fn every_failure_is_said_with_its_hint_and_steers_no_terminal() {
        let mut error = Error::new(Exit::Invalid, "roster.csv:3:1", "\u{1b}[2J is no username")
            .hint("use letters, digits, '-' and '_'");
        error.failures.extend(
            Error::new(
                Exit::Invalid,
                "roster.csv:9:1",
                "user1 stands in line 2 already",
            )
            .failures,
        );
        let mut out = Vec::new();
        print_error(&error, false, None, &mut out).unwrap();
        insta::assert_snapshot!(String::from_utf8(out).unwrap(), @r"
        error: roster.csv:3:1: �[2J is no username
          hint: use letters, digits, '-' and '_'
        error: roster.csv:9:1: user1 stands in line 2 already
        ");
    }

    #[test]
    fn errors_fit_the_terminal_and_a_shared_hint_comes_once() {
        let failure = |line: usize| {
            Failure::new(
                format!("/home/teacher/classes/spring-lab6/roster.csv:{line}:1"),
                "'née' is no username that AWS takes in the name of every resource",
            )
            .hint("use letters, digits, '-' and '_', at most 20, as in user1 or ana-b, and correct the roster")
        };
        let error = Error::of(Exit::Invalid, vec![failure(3), failure(9)]);
        let frames = [60, 80, 120].map(|columns| {
            let mut out = Vec::new();
            print_error(&error, false, Some(columns), &mut out).unwrap();
            let text = String::from_utf8(out).unwrap();
            for line in text.lines() {
                assert!(crate::text::show::width(line) <= columns, "{line}");
            }
            assert_eq!(text.matches("hint:").count(), 1);
            format!("{columns} columns\n{text}")
        });
        insta::assert_snapshot!(frames.join("\n"));
    }
}
