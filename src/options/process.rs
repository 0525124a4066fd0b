//! What the options need to know of the process and the current folder.

use std::fs;
use std::io::{self, ErrorKind, IsTerminal};
use std::path::Path;

use super::{Env, file, invalid};
use crate::error::Result;
use crate::lab::bundle;

pub(super) const ROSTER_FOLDER: &str = "roster";

/// Most bytes of `homeroom.toml`.
const FILE_MAX: u64 = 1024 * 1024;

pub(crate) struct ProcessContext<'a> {
    pub(crate) env: Env<'a>,
    /// The text of `homeroom.toml`; empty when there is none.
    pub(crate) file: Result<String>,
    /// The names of the files in the folder `roster`; none when there is no such folder.
    pub(crate) roster_folder: Result<Vec<String>>,
    /// Whether the current folder holds a lab.
    pub(crate) lab_here: bool,
    pub(crate) stdout_is_terminal: bool,
    pub(crate) stderr_is_terminal: bool,
}

impl ProcessContext<'_> {
    /// This process, in its current folder.
    pub(crate) fn look() -> Self {
        Self {
            env: &|name| std::env::var_os(name).map(|text| text.to_string_lossy().into_owned()),
            file: settings_file(),
            roster_folder: roster_folder(),
            lab_here: Path::new("templates/lab.toml").is_file(),
            stdout_is_terminal: io::stdout().is_terminal(),
            stderr_is_terminal: io::stderr().is_terminal(),
        }
    }
}

fn settings_file() -> Result<String> {
    let text = bundle::named_file(Path::new(file::NAME), FILE_MAX)
        .and_then(|bytes| String::from_utf8(bytes).map_err(io::Error::other));
    match text {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(String::new()),
        text => text.map_err(|error| {
            let cause = format!("the settings cannot be read: {error}");
            let hint = "make it a readable UTF-8 text file, or move it away";
            invalid(file::NAME, cause, hint)
        }),
    }
}

fn roster_folder() -> Result<Vec<String>> {
    let names = |entries: fs::ReadDir| {
        let name = |entry: fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
        entries.map(|entry| entry.map(name)).collect()
    };
    match fs::read_dir(ROSTER_FOLDER).and_then(names) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Ok(Vec::new())
        }
        names => names.map_err(|error| {
            let cause = format!("the folder cannot be read: {error}");
            let hint = "give the roster's file with --roster FILE";
            invalid(format!("{ROSTER_FOLDER}/"), cause, hint)
        }),
    }
}
