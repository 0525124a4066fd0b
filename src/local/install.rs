//! Installing the embedded cloud, once per user: into a private venv, with the hash of every file checked.
//!
//! The folder's name has a hash of the pinned list. So a homeroom with another list uses another folder, and never changes
//! the folder of a running server. A venv cannot be moved, so it is made in place, and a marker is written last. Without the
//! marker it is made again.

use std::fs;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::Command;

use super::dirs::{file_error, make_private, remove_dir};
use super::python::{self, Python};
use super::{Dirs, StartupStep, StepSink, last_words, lock};
use crate::error::{Error, Exit, Result};
use crate::text::hex;

/// Versions, and the hash of every file.
const REQUIREMENTS: &str = include_str!("requirements.txt");

/// For an installation over a slow line.
const DEADLINE: Duration = Duration::from_secs(900);

/// Marks a complete installation.
const MARKER: &str = ".complete";

/// pip's settings that would change what is installed, or where. The user's other settings (index, proxy, certificates,
/// time-outs, cache) count.
const MISLEADING_PIP_SETTINGS: [&str; 6] = [
    "PIP_TARGET",
    "PIP_PREFIX",
    "PIP_ROOT",
    "PIP_CONSTRAINT",
    "PIP_REQUIREMENT",
    "PIP_DRY_RUN",
];

/// An installed embedded cloud: a venv.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Installation {
    pub(crate) dir: PathBuf,
}

impl Installation {
    pub(crate) fn python(&self) -> PathBuf {
        self.dir.join("bin/python")
    }

    /// Makes the next start install it again.
    pub(crate) fn condemn(&self) {
        // If this fails, the next start fails with the same words.
        let _ = fs::remove_file(self.dir.join(MARKER));
    }

    /// Whether it is complete, and the Python that it was made with is still there.
    fn is_whole(&self) -> bool {
        self.dir.join(MARKER).is_file() && self.python().is_file()
    }
}

impl Installation {
    fn of(dirs: &Dirs) -> Self {
        let dir = dirs.cache.join(folder_name(dirs));
        Self { dir }
    }
}

pub(super) fn is_there(dirs: &Dirs) -> bool {
    Installation::of(dirs).is_whole()
}

/// The installation; makes it if it is not there.
pub(super) async fn ensure(dirs: &Dirs, progress: StepSink<'_>) -> Result<Installation> {
    let installation = Installation::of(dirs);
    if installation.is_whole() {
        return Ok(installation);
    }
    make_private(&dirs.cache)?;
    let lock_file = dirs.cache.join("install.lock");
    let _lock = lock::take(&lock_file, DEADLINE, "installing", progress).await?;
    if installation.is_whole() {
        return Ok(installation);
    }
    progress(StartupStep::FindingPython);
    let python = python::find(dirs).await?;
    remove_dir(&installation.dir)?;
    let made = tokio::time::timeout(DEADLINE, make(&installation, &python, progress)).await;
    let late = || format!("not done after {} s", DEADLINE.as_secs());
    made.unwrap_or_else(|_| Err(pip_error(&python, &late())))?;
    Ok(installation)
}

fn folder_name(dirs: &Dirs) -> String {
    let mut hash = Sha256::new();
    hash.update(REQUIREMENTS);
    if let Some(named) = &dirs.python {
        hash.update(named.as_encoded_bytes());
    }
    format!("cloud-{}", hex(&hash.finalize()[..6]))
}

async fn make(installation: &Installation, python: &Python, progress: StepSink<'_>) -> Result<()> {
    let total = package_count();
    progress(StartupStep::Installing { fetched: 0, total });
    let venv = Command::new(&python.executable)
        .args(["-I", "-m", "venv"])
        .arg(&installation.dir)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .map_err(file_error(&python.executable))?;
    if !venv.status.success() {
        let said = [venv.stdout, venv.stderr].concat();
        return Err(Error::new(
            Exit::General,
            format!("venv of Python {}", python.version),
            tail(&String::from_utf8_lossy(&said)),
        )
        .hint("on Debian and Ubuntu: sudo apt install python3-venv; or name another Python with HOMEROOM_PYTHON"));
    }
    let requirements = installation.dir.join("requirements.txt");
    fs::write(&requirements, REQUIREMENTS).map_err(file_error(&requirements))?;

    let mut command = Command::new(installation.python());
    command
        .args(["-I", "-u", "-m", "pip", "install", "--require-hashes"])
        .args(["--only-binary", ":all:", "--no-input"])
        .args(["--disable-pip-version-check", "--progress-bar", "off", "-r"])
        .arg(&requirements)
        // With the user's "always --user", pip refuses to work in a venv.
        .env("PIP_USER", "0")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    for setting in MISLEADING_PIP_SETTINGS {
        command.env_remove(setting);
    }
    let said = run_pip(command, total, progress)
        .await
        .map_err(file_error(&installation.python()))?;
    if let Err(said) = said {
        return Err(pip_error(python, &said));
    }
    let marker = installation.dir.join(MARKER);
    fs::write(&marker, format!("Python {}\n", python.version)).map_err(file_error(&marker))
}

/// Runs pip and counts the packages that it fetches. Inner error: what it wrote to stderr.
async fn run_pip(
    mut command: Command,
    total: usize,
    progress: StepSink<'_>,
) -> std::io::Result<std::result::Result<(), String>> {
    let mut child = command.spawn()?;
    let (Some(stdout), Some(mut stderr)) = (child.stdout.take(), child.stderr.take()) else {
        return Err(std::io::Error::other("no pipes to pip"));
    };
    let mut errors = String::new();
    let read_errors = async {
        let mut bytes = Vec::new();
        let read = stderr.read_to_end(&mut bytes).await;
        errors = String::from_utf8_lossy(&bytes).into_owned();
        read
    };
    let count = async {
        let mut lines = BufReader::new(stdout).lines();
        let mut fetched = 0;
        while let Some(line) = lines.next_line().await? {
            if line.starts_with("Collecting ") {
                fetched += 1;
                progress(StartupStep::Installing { fetched, total });
            }
        }
        Ok::<_, std::io::Error>(())
    };
    let (read, counted) = tokio::join!(read_errors, count);
    read?;
    counted?;
    let status = child.wait().await?;
    Ok(status.success().then_some(()).ok_or(errors))
}

fn package_count() -> usize {
    // Packages for older Pythons only (those with a marker) are not fetched on most machines.
    REQUIREMENTS
        .lines()
        .filter(|line| line.contains("==") && !line.contains(';') && !line.starts_with('#'))
        .count()
}

fn pip_error(python: &Python, said: &str) -> Error {
    let lower = said.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|words| lower.contains(words));
    let hint = if says(&["do not match the hashes"]) {
        "a package is not the one that homeroom was tested with, so pip did not install it: check which index or \
         mirror pip uses"
    } else if says(&["no space left"]) {
        "free some disk space (about 150 MB), or choose another folder with HOMEROOM_CACHE_DIR"
    } else if says(&[
        "connection",
        "timed out",
        "name resolution",
        "proxy",
        "ssl",
        // pip's words when it got no answer at all, or may use no index.
        "(from versions: none)",
    ]) {
        "the first start fetches packages from the network: check the connection, and pip's settings for proxy, index \
         and certificates (HTTPS_PROXY, PIP_INDEX_URL, PIP_CERT and pip.conf count); then try again"
    } else if says(&["no matching distribution", "could not find a version"]) {
        "check that pip reaches its package index; compiled packages are pinned for CPython 3.10 to 3.14 on Linux \
         and macOS, x86-64 and ARM: name another Python with HOMEROOM_PYTHON"
    } else {
        "correct what pip complains about, and try again; or name another Python with HOMEROOM_PYTHON"
    };
    let version = &python.version;
    let subject = format!("installing the embedded cloud with pip (Python {version})");
    Error::new(Exit::General, subject, tail(said)).hint(hint)
}

/// The last error lines, or else the last lines, joined.
fn tail(said: &str) -> String {
    let lines = said.lines().map(str::trim);
    let (errors, others): (Vec<&str>, Vec<&str>) = lines
        .filter(|line| !line.is_empty())
        .partition(|line| line.contains("ERROR") || line.contains("Error"));
    match (errors.as_slice(), others.as_slice()) {
        ([], []) => "failed without a word".to_owned(),
        ([], lines) | (lines, _) => last_words(lines),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_package_is_pinned_to_a_version_and_to_hashes() {
        let entries: Vec<&str> = REQUIREMENTS
            .lines()
            .filter(|line| !line.starts_with('#') && !line.starts_with(' ') && !line.is_empty())
            .collect();
        assert!(
            entries
                .iter()
                .any(|entry| entry.starts_with("ministack==1.5.33 "))
        );
        assert!(entries.iter().any(|entry| entry.starts_with("boto3==")));
        for entry in &entries {
            assert!(entry.contains("=="), "{entry}");
            assert!(entry.ends_with('\\'), "no hash follows {entry}");
        }
        assert!(!REQUIREMENTS.contains("://"), "the list must name no host");
    }

    #[test]
    fn another_python_gets_another_folder() {
        let dirs = |python: Option<&str>| Dirs {
            cache: "/c".into(),
            state: "/s".into(),
            python: python.map(Into::into),
            path: Default::default(),
        };
        assert_eq!(folder_name(&dirs(None)), folder_name(&dirs(None)));
        assert_ne!(
            folder_name(&dirs(None)),
            folder_name(&dirs(Some("python3.12")))
        );
    }

    #[test]
    fn an_installation_without_its_marker_or_its_python_is_not_whole() {
        let is_installation = |dir: &std::path::Path| {
            Installation {
                dir: dir.to_owned(),
            }
            .is_whole()
        };
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("bin")).unwrap();
        fs::write(dir.path().join(MARKER), "").unwrap();
        std::os::unix::fs::symlink("/no/such/python", dir.path().join("bin/python")).unwrap();
        assert!(!is_installation(dir.path()), "its python was uninstalled");
        fs::remove_file(dir.path().join("bin/python")).unwrap();
        fs::write(dir.path().join("bin/python"), "").unwrap();
        assert!(is_installation(dir.path()));
        fs::remove_file(dir.path().join(MARKER)).unwrap();
        assert!(
            !is_installation(dir.path()),
            "the installation was interrupted"
        );
    }

    #[test]
    fn what_pip_says_is_turned_into_the_next_step() {
        let python = Python {
            executable: "/p".into(),
            version: "3.12.1".into(),
        };
        let hint = |said: &str| pip_error(&python, said).failures[0].hint.clone().unwrap();
        assert!(
            hint("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.")
                .contains("mirror")
        );
        assert!(
            hint("ERROR: Could not find a version that satisfies the requirement pyyaml==6.0.3 (from versions: 6.0)")
                .contains("HOMEROOM_PYTHON")
        );
        assert!(
            hint("WARNING: Retrying after connection broken by ProxyError").contains("HTTPS_PROXY")
        );
        assert!(hint("ERROR: … boto3==1 (from versions: none)").contains("network"));
        assert!(hint("OSError: [Errno 28] No space left on device").contains("disk space"));
        let error = pip_error(&python, "noise\nERROR: one\nnoise\nERROR: two\n");
        assert!(error.to_string().ends_with("ERROR: one · ERROR: two"));
    }
}
