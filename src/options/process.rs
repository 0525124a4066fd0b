//! What the options need to know of the process and the current folder.

use std::fs;
use std::io::{self, ErrorKind, IsTerminal};
use std::path::{Path, PathBuf};

use super::found::{Found, Surroundings, find, home};
use super::{Env, GlobalOptions, invalid, variable_name};
use crate::error::Result;

pub(super) const ROSTER_FOLDER: &str = "roster";

pub(crate) struct ProcessContext<'a> {
    pub(crate) env: Env<'a>,
    /// The `homeroom.toml` that counts.
    pub(crate) file: Result<Found>,
    /// The names of the files in the folder `roster`; none when there is no such folder.
    pub(crate) roster_folder: Result<Vec<String>>,
    /// Whether the current folder holds a lab.
    pub(crate) lab_here: bool,
    pub(crate) stdout_is_terminal: bool,
    pub(crate) stderr_is_terminal: bool,
}

impl ProcessContext<'_> {
    /// This process, in its current folder. What was typed says where else settings may be.
    pub(crate) fn look(typed: &GlobalOptions) -> Self {
        let env =
            |name: &str| std::env::var_os(name).map(|text| text.to_string_lossy().into_owned());
        let of_variable = || env(&variable_name("roster")).filter(|text| !text.is_empty());
        let roster = typed
            .roster
            .clone()
            .or_else(|| of_variable().map(PathBuf::from));
        Self {
            env: &|name| std::env::var_os(name).map(|text| text.to_string_lossy().into_owned()),
            file: settings(roster.as_deref()),
            roster_folder: roster_folder(Path::new("")),
            lab_here: Path::new("templates/lab.toml").is_file(),
            stdout_is_terminal: io::stdout().is_terminal(),
            stderr_is_terminal: io::stderr().is_terminal(),
        }
    }
}

fn settings(roster: Option<&Path>) -> Result<Found> {
    let here = std::env::current_dir().map_err(|error| {
        let hint = "change to a folder that is there";
        invalid("the current folder", error.to_string(), hint)
    })?;
    find(Surroundings {
        here: &here,
        roster,
        home: home().as_deref(),
        user: rustix::process::geteuid().as_raw(),
    })
}

/// The names of the files in the folder `roster` of this folder.
pub(super) fn roster_folder(folder: &Path) -> Result<Vec<String>> {
    let names = |entries: fs::ReadDir| {
        let name = |entry: fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
        entries.map(|entry| entry.map(name)).collect()
    };
    let path = folder.join(ROSTER_FOLDER);
    match fs::read_dir(&path).and_then(names) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Ok(Vec::new())
        }
        names => names.map_err(|error| {
            let cause = format!("the folder cannot be read: {error}");
            let hint = "give the roster's file with --roster FILE";
            invalid(format!("{}/", path.display()), cause, hint)
        }),
    }
}
