//! Finds a Python that can run the embedded cloud, or says what to do when there is none.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use super::Dirs;
use crate::error::{Error, Exit, Result};

/// Oldest and newest minor version of Python 3. The oldest is MiniStack 1.5.33's `Requires-Python`; the newest is
/// what PyYAML 6.0.3 has compiled wheels for (`requirements.txt`).
const MINORS: std::ops::RangeInclusive<u32> = 10..=14;

/// For the answer to [`PROBE`]. A version manager's shim is slow the first time.
const PROBE_DEADLINE: Duration = Duration::from_secs(20);

/// Asks an interpreter what it is. Any Python from 2.7 on understands this.
const PROBE: &str = r#"
import sys
print("version %d.%d.%d" % tuple(sys.version_info[:3]))
print("executable " + sys.executable)
try:
    import platform, sysconfig
    print("implementation " + platform.python_implementation())
    print("threading " + ("free" if sysconfig.get_config_var("Py_GIL_DISABLED") else "gil"))
    import venv, ensurepip
    print("venv yes")
except ImportError:
    print("venv no")
"#;

/// A Python that can run the embedded cloud.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Python {
    /// Behind any shim.
    pub(crate) executable: PathBuf,
    /// `3.12.1`.
    pub(crate) version: String,
}

/// Why an interpreter cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Unfit {
    TooOld(String),
    TooNew(String),
    NotCPython(String),
    NoVenv(String),
    Silent(String),
}

impl std::fmt::Display for Unfit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::TooOld(version) => write!(f, "{version}, too old"),
            Self::TooNew(version) => write!(f, "{version}, newer than homeroom knows"),
            Self::NotCPython(why) | Self::Silent(why) => f.write_str(why),
            Self::NoVenv(version) => write!(f, "{version}, without its venv module"),
        }
    }
}

/// The named Python, or else the first suitable one on the search path.
pub(super) async fn find(dirs: &Dirs) -> Result<Python> {
    let candidates = candidates(dirs.python.as_deref(), &dirs.path);
    let mut unfit = Vec::new();
    for candidate in candidates {
        match probe(&candidate).await {
            Ok(python) => return Ok(python),
            Err(why) => unfit.push((candidate, why)),
        }
    }
    Err(none_fits(dirs.python.as_deref(), &unfit))
}

/// The interpreters to try, the best guess first, each once.
fn candidates(named: Option<&OsStr>, path: &OsStr) -> Vec<PathBuf> {
    let mut names: Vec<OsString> = Vec::new();
    match named {
        Some(name) if Path::new(name).components().count() > 1 => return vec![PathBuf::from(name)],
        Some(name) => names.push(name.to_owned()),
        None => {
            names.extend(["python3".into(), "python".into()]);
            names.extend(MINORS.rev().map(|minor| format!("python3.{minor}").into()));
        }
    }
    let mut found: Vec<PathBuf> = Vec::new();
    let mut seen = Vec::new();
    for name in names {
        for dir in std::env::split_paths(path).filter(|dir| dir.is_absolute()) {
            let file = dir.join(&name);
            // One interpreter has several names.
            if let Ok(behind) = file.canonicalize()
                && behind.is_file()
                && !seen.contains(&behind)
            {
                seen.push(behind);
                found.push(file);
            }
        }
    }
    found
}

async fn probe(file: &Path) -> std::result::Result<Python, Unfit> {
    // -E and -s: neither PYTHON* variables nor the user's own packages may change the answer.
    let output = Command::new(file)
        .args(["-E", "-s", "-c", PROBE])
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = match tokio::time::timeout(PROBE_DEADLINE, output).await {
        Err(_) => return Err(Unfit::Silent("does not answer".to_owned())),
        Ok(Err(error)) => return Err(Unfit::Silent(error.to_string())),
        Ok(Ok(output)) => output,
    };
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let last = said
            .lines()
            .rfind(|line| !line.trim().is_empty())
            .unwrap_or("fails")
            .trim();
        return Err(Unfit::Silent(last.to_owned()));
    }
    judge(&String::from_utf8_lossy(&output.stdout))
}

/// Judges an interpreter by its answer to [`PROBE`].
fn judge(answer: &str) -> std::result::Result<Python, Unfit> {
    let field = |name: &str| {
        answer
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))
            .map(str::trim)
    };
    let silent = || Unfit::Silent("does not answer as Python does".to_owned());
    let version = field("version").ok_or_else(silent)?.to_owned();
    let executable = field("executable")
        .filter(|e| !e.is_empty())
        .ok_or_else(silent)?;
    let mut numbers = version.split('.').map(|n| n.parse::<u32>().ok());
    let (Some(Some(major)), Some(Some(minor))) = (numbers.next(), numbers.next()) else {
        return Err(silent());
    };
    if (major, minor) < (3, *MINORS.start()) {
        return Err(Unfit::TooOld(version));
    }
    if (major, minor) > (3, *MINORS.end()) {
        return Err(Unfit::TooNew(version));
    }
    let implementation = field("implementation").unwrap_or("unknown");
    if implementation != "CPython" {
        let why = format!("{implementation}, not CPython");
        return Err(Unfit::NotCPython(why));
    }
    if field("threading") != Some("gil") {
        let why = format!("{version}, the free-threaded build");
        return Err(Unfit::NotCPython(why));
    }
    if field("venv") != Some("yes") {
        return Err(Unfit::NoVenv(version));
    }
    Ok(Python {
        executable: executable.into(),
        version,
    })
}

fn none_fits(named: Option<&OsStr>, unfit: &[(PathBuf, Unfit)]) -> Error {
    let tried = unfit
        .iter()
        .map(|(file, why)| format!("{} ({why})", file.display()))
        .collect::<Vec<_>>()
        .join(", ");
    let needs = format!(
        "the embedded cloud needs CPython 3.{} to 3.{} with its venv module",
        MINORS.start(),
        MINORS.end()
    );
    let cause = match (named, unfit.is_empty()) {
        (Some(name), true) => format!(
            "HOMEROOM_PYTHON is {}, which was not found; {needs}",
            name.display()
        ),
        (Some(_), false) => format!("HOMEROOM_PYTHON is {tried}; {needs}"),
        (None, true) => format!("no python3 was found; {needs}"),
        (None, false) => format!("no suitable python3 was found: {tried}; {needs}"),
    };
    let lacks_only_venv = unfit.iter().any(|(_, why)| matches!(why, Unfit::NoVenv(_)));
    Error::new(Exit::General, "Python", cause).hint(if lacks_only_venv {
        "on Debian and Ubuntu: sudo apt install python3-venv; elsewhere install Python with ensurepip, or name \
         another one with HOMEROOM_PYTHON"
    } else {
        "install Python 3.12 (Debian and Ubuntu: sudo apt install python3 python3-venv; Fedora: sudo dnf install \
         python3; macOS: brew install python), or name one with HOMEROOM_PYTHON"
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(version: &str, implementation: &str, threading: &str, venv: &str) -> String {
        format!(
            "version {version}\nexecutable /opt/my python/bin/python3\nimplementation {implementation}\n\
             threading {threading}\nvenv {venv}\n"
        )
    }

    #[test]
    fn a_python_in_the_range_is_taken_with_the_executable_behind_its_shim() {
        for version in ["3.10.0", "3.11.7", "3.14.2"] {
            let python = judge(&answer(version, "CPython", "gil", "yes")).unwrap();
            assert_eq!(python.version, version);
            assert_eq!(python.executable, Path::new("/opt/my python/bin/python3"));
        }
    }

    #[test]
    fn an_unfit_python_is_refused_for_what_it_lacks() {
        let judged = |v, i, t, e| judge(&answer(v, i, t, e)).unwrap_err();
        assert_eq!(
            judged("3.9.18", "CPython", "gil", "yes"),
            Unfit::TooOld("3.9.18".into())
        );
        assert_eq!(
            judged("2.7.18", "CPython", "gil", "no"),
            Unfit::TooOld("2.7.18".into())
        );
        assert_eq!(
            judged("3.15.0", "CPython", "gil", "yes"),
            Unfit::TooNew("3.15.0".into())
        );
        assert_eq!(
            judged("3.11.2", "CPython", "gil", "no"),
            Unfit::NoVenv("3.11.2".into())
        );
        assert!(matches!(
            judged("3.11.2", "PyPy", "gil", "yes"),
            Unfit::NotCPython(_)
        ));
        assert!(matches!(
            judged("3.13.0", "CPython", "free", "yes"),
            Unfit::NotCPython(_)
        ));
        assert!(matches!(
            judge("Python was not found"),
            Err(Unfit::Silent(_))
        ));
    }

    #[test]
    fn a_python_without_venv_gets_the_fix_for_debian() {
        let error = none_fits(
            None,
            &[("/usr/bin/python3".into(), Unfit::NoVenv("3.11.2".into()))],
        );
        assert!(
            error
                .to_string()
                .contains("/usr/bin/python3 (3.11.2, without its venv module)")
        );
        assert!(
            error.failures[0]
                .hint
                .as_ref()
                .unwrap()
                .contains("sudo apt install python3-venv")
        );
    }

    #[tokio::test]
    async fn an_empty_search_path_ends_in_one_error_that_says_what_to_install() {
        let empty = tempfile::tempdir().unwrap();
        let dirs = Dirs {
            cache: empty.path().into(),
            state: empty.path().into(),
            python: None,
            path: empty.path().into(),
        };
        let error = find(&dirs).await.unwrap_err();
        assert_eq!(error.failures.len(), 1);
        assert!(error.to_string().contains("no python3 was found"));
        assert!(
            error.failures[0]
                .hint
                .as_ref()
                .unwrap()
                .contains("HOMEROOM_PYTHON")
        );
    }

    #[test]
    fn a_named_python_is_the_only_candidate() {
        let path = std::env::var_os("PATH").unwrap();
        assert_eq!(
            candidates(Some(OsStr::new("/nowhere/python3")), &path),
            [Path::new("/nowhere/python3")]
        );
        assert!(candidates(Some(OsStr::new("no-such-python")), &path).is_empty());
    }
}
