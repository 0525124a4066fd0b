//! Errors that end a command, as a person reads them.

use std::io::{self, Write};

use crate::error::Error;

use super::marks::Tone;
use super::style::Paint;
use crate::text::show::clean;

/// Prints every failure of an error: subject and cause, and the hint below it. Lines are not broken, because people copy
/// from them (a file with line and column, an ARN).
///
/// # Errors
/// When `out` cannot be written.
pub(crate) fn print_error(error: &Error, color: bool, out: &mut dyn Write) -> io::Result<()> {
    let paint = Paint { color };
    for failure in &error.failures {
        let label = paint.tone(Tone::Bad, "error:");
        writeln!(out, "{label} {}", clean(&failure.to_string()))?;
        if let Some(hint) = &failure.hint {
            let label = paint.tone(Tone::Busy, "hint:");
            writeln!(out, "  {label} {}", clean(hint))?;
        }
    }
    out.flush()
}

pub(crate) fn print_notes(notes: &[String], color: bool, out: &mut dyn Write) -> io::Result<()> {
    let paint = Paint { color };
    for note in notes {
        let label = paint.tone(Tone::Unsure, "note:");
        writeln!(out, "{label} {}", clean(note))?;
    }
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Exit;

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
        print_error(&error, false, &mut out).unwrap();
        insta::assert_snapshot!(String::from_utf8(out).unwrap(), @r"
        error: roster.csv:3:1: �[2J is no username
          hint: use letters, digits, '-' and '_'
        error: roster.csv:9:1: user1 stands in line 2 already
        ");
    }
}
