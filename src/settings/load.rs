//! The thin shell around [`Settings::resolve`]: looks at the process and the current folder.

use std::fs;
use std::io::{self, ErrorKind, IsTerminal};
use std::path::Path;

use super::values::Region;
use super::{ROSTER_FOLDER, Settings, Sources, Surroundings, Ui, file, invalid};
use crate::cli::Cli;
use crate::error::{Error, Kind, Result};
use crate::lab::bundle;
use crate::roster::{Roster, UsernameLimit};

impl Settings {
    /// The settings of this process, in its current folder.
    ///
    /// # Errors
    ///
    /// Those of [`Settings::resolve`], and [`Kind::Invalid`] for a `homeroom.toml` or a folder `roster` that
    /// cannot be read.
    pub fn load(cli: &Cli) -> Result<Self> {
        let text = settings_file()?;
        let folder = roster_folder()?;
        with_surroundings(text.as_deref(), &folder, |around| {
            Self::resolve(cli, around)
        })
    }

    /// Reads the class's roster.
    ///
    /// # Errors
    ///
    /// [`Kind::Invalid`]: the file cannot be read, or everything that is wrong with it.
    pub fn read_roster(&self, limit: &UsernameLimit) -> Result<Roster> {
        let label = self.roster.display().to_string();
        let read = match self.roster_built_in {
            true => Ok(bundle::demo_roster().to_vec()),
            false => bundle::named_file(&self.roster, bundle::LIST_MAX),
        };
        let bytes = read.map_err(|error| {
            invalid(
                label.clone(),
                format!("the roster cannot be read: {error}"),
                "give the roster's file with --roster FILE",
            )
        })?;
        let publish = &self.publish_columns;
        Roster::parse_with(&label, &bytes, limit, publish).map_err(|failures| Error {
            kind: Kind::Invalid,
            failures,
        })
    }
}

/// The region that was asked for: by option, variable or `homeroom.toml`.
///
/// # Errors
///
/// [`Kind::Invalid`]: a value that cannot be used.
pub fn asked_region(cli: &Cli) -> Result<Option<Region>> {
    let text = settings_file()?;
    with_surroundings(text.as_deref(), &[], |around| {
        Ok(Sources::read(cli, around)?.first(|layer| &layer.region))
    })
}

impl Ui {
    /// How to talk to the person who runs this process. Never fails: what is wrong with the settings is
    /// [`Settings::load`]'s to say, and this decides how it is said.
    pub fn load(cli: &Cli) -> Self {
        let text = settings_file().unwrap_or_default();
        with_surroundings(text.as_deref(), &[], |around| {
            Self::resolve_or_default(cli, around)
        })
    }
}

fn with_surroundings<T>(
    file: Option<&str>,
    roster_folder: &[String],
    then: impl FnOnce(&Surroundings<'_>) -> T,
) -> T {
    let env = |name: &str| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned());
    then(&Surroundings {
        env: &env,
        file,
        roster_folder,
        lab_here: Path::new("templates/lab.toml").is_file(),
        stdout_is_terminal: io::stdout().is_terminal(),
        stderr_is_terminal: io::stderr().is_terminal(),
    })
}

/// Most bytes of `homeroom.toml`.
const FILE_MAX: u64 = 1024 * 1024;

fn settings_file() -> Result<Option<String>> {
    let text = bundle::named_file(Path::new(file::NAME), FILE_MAX)
        .and_then(|bytes| String::from_utf8(bytes).map_err(io::Error::other));
    match text {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(invalid(
            file::NAME,
            format!("the settings cannot be read: {error}"),
            "make it a readable UTF-8 text file, or move it away",
        )),
    }
}

fn roster_folder() -> Result<Vec<String>> {
    let unreadable = |error: io::Error| {
        invalid(
            format!("{ROSTER_FOLDER}/"),
            format!("the folder cannot be read: {error}"),
            "give the roster's file with --roster FILE",
        )
    };
    let entries = match fs::read_dir(ROSTER_FOLDER) {
        Ok(entries) => entries,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        Err(error) => return Err(unreadable(error)),
    };
    entries
        .map(|entry| {
            let entry = entry.map_err(unreadable)?;
            Ok(entry.file_name().to_string_lossy().into_owned())
        })
        .collect()
}
