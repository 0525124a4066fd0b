//! The embedded cloud's folders, and which Python it may use. Only this file reads the environment.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;

use super::cloud_error;
use crate::error::{Error, Exit, Result};

/// Folders of the embedded cloud, and where to look for Python.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dirs {
    /// For the installation, which can be made again at any time (`HOMEROOM_CACHE_DIR`).
    pub cache: PathBuf,
    /// For the shared instance's state and log (`HOMEROOM_STATE_DIR`).
    pub state: PathBuf,
    /// The only Python to use (`HOMEROOM_PYTHON`): a path, or a name to look up.
    pub python: Option<OsString>,
    /// `PATH`: to find Python, and for programs that functions start.
    pub path: OsString,
}

impl Dirs {
    /// As the environment says; else the user's cache and state folders.
    ///
    /// # Errors
    /// When there is neither a home folder nor the variables.
    pub(crate) fn from_env() -> Result<Self> {
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let base = etcetera::choose_base_strategy().ok();
        let folder = |variable: &str, of: Option<PathBuf>| {
            set(variable)
                .map(PathBuf::from)
                .or_else(|| of.map(|dir| dir.join("homeroom")))
                .ok_or_else(|| {
                    cloud_error("this user has no home folder")
                        .hint("set HOME, or HOMEROOM_CACHE_DIR and HOMEROOM_STATE_DIR")
                })
        };
        Ok(Self {
            cache: folder(
                "HOMEROOM_CACHE_DIR",
                base.as_ref().map(BaseStrategy::cache_dir),
            )?,
            state: folder(
                "HOMEROOM_STATE_DIR",
                base.as_ref()
                    .map(|b| b.state_dir().unwrap_or_else(|| b.data_dir())),
            )?,
            python: set("HOMEROOM_PYTHON"),
            path: set("PATH").unwrap_or_default(),
        })
    }
}

/// Makes a folder with its parents; only its owner may enter.
pub(super) fn make_private(dir: &Path) -> Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(file_error(dir))
}

/// Removes a folder with its contents, if it is there.
pub(super) fn remove_dir(dir: &Path) -> Result<()> {
    gone(dir, fs::remove_dir_all(dir))
}

/// Removes a file, if it is there.
pub(super) fn remove_file(file: &Path) -> Result<()> {
    gone(file, fs::remove_file(file))
}

fn gone(path: &Path, removed: io::Result<()>) -> Result<()> {
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(file_error(path)(error)),
        _ => Ok(()),
    }
}

/// Makes the error about a file or folder of the embedded cloud.
pub(super) fn file_error(path: &Path) -> impl FnOnce(io::Error) -> Error {
    |error| {
        Error::new(Exit::General, path.display().to_string(), error.to_string()).hint(
            "the embedded cloud needs to write there: check the permissions and the free space, or choose other \
             folders with HOMEROOM_CACHE_DIR and HOMEROOM_STATE_DIR",
        )
    }
}
