//! One line to a person, or to a program.

use std::io::{self, Write};

use crate::error::{Error, Kind, Result};

/// What came of writing to stdout, as a result of the command.
pub(super) fn said(written: io::Result<()>) -> Result<()> {
    match written {
        // A reader that left (`| head`) has seen what it wanted.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other.map_err(|error| Error::new(Kind::General, "stdout", error.to_string())),
    }
}

/// Says on stderr what is going on, unless `-q` was given.
pub(super) fn say(step: &str, verbosity: i8) {
    if verbosity >= 0 {
        // A closed stderr leaves nobody to tell.
        let _ = writeln!(io::stderr().lock(), "{step}");
    }
}
