//! Bringing the server up.
//!
//! The loopback socket is bound here, before the process exists, and handed over as its stdout: no port number is
//! ever guessed or raced for, and it is certain what the server listens on. Its stdin is a pipe that this side holds:
//! the process ends when that closes (see `server.py`), so nothing is left behind by a start that fails, is
//! interrupted or is killed.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::process::{Child, ChildStdin, Command};
use tokio::time::{Instant, sleep, timeout};

use super::administrator::{Administrator, random};
use super::dirs::{file_error, make_private, remove_dir, remove_file};
use super::install::Installation;
use super::process::Process;
use super::{ACCOUNT, PrivateOptions, last_words};
use crate::error::{Error, Kind, Result};
use crate::files::{new_private, private};
use crate::text::hex;

/// The Python of the server, by file name.
pub(super) const SCRIPTS: [(&str, &str); 5] = [
    ("server.py", include_str!("server.py")),
    ("guard.py", include_str!("guard.py")),
    ("snapshots.py", include_str!("snapshots.py")),
    ("functions.py", include_str!("functions.py")),
    ("principals.py", include_str!("principals.py")),
];

/// Longest that a start may take: about 0.4 s usually, many times that on a machine that is busy.
const READY_DEADLINE: Duration = Duration::from_secs(60);

/// How long a wished port is tried for: the system frees that of a killed process a moment after the process.
const PORT_PATIENCE: Duration = Duration::from_millis(500);

/// How often a port that is taken is tried again.
const RETRY: Duration = Duration::from_millis(20);

/// What to bring up.
pub(super) struct Launch<'a> {
    pub(crate) installation: &'a Installation,
    pub(crate) dir: &'a Path,
    /// Who may do everything in it.
    pub(crate) administrator: &'a Administrator,
    pub(crate) options: PrivateOptions,
    /// Where its state is kept; `None` to keep none and remove `dir` when its owner is gone.
    pub(crate) data: Option<PathBuf>,
    /// The search path for what functions start.
    pub(crate) path: &'a OsStr,
}

/// A server that was brought up here and is bound to this process.
#[derive(Debug)]
pub(super) struct Server {
    pub(crate) process: Process,
    /// Closing this ends the process.
    pub(crate) owner: ChildStdin,
    pub(crate) child: Child,
}

/// A loopback socket: on the wished port if it is free, else on any.
pub(super) async fn bind(wish: Option<u16>) -> io::Result<TcpListener> {
    if let Some(port) = wish {
        let deadline = Instant::now() + PORT_PATIENCE;
        loop {
            match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
                Ok(listener) => return Ok(listener),
                Err(_) if Instant::now() >= deadline => break,
                Err(_) => sleep(RETRY).await,
            }
        }
    }
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
}

/// The log of an instance.
pub(super) fn log_file(dir: &Path) -> PathBuf {
    dir.join("server.log")
}

impl Launch<'_> {
    /// Brings the server up on the socket and waits until it answers.
    pub(crate) async fn run(&self, listener: TcpListener) -> Result<Server> {
        let port = listener
            .local_addr()
            .map_err(|error| file_error(Path::new("the loopback socket"), &error))?
            .port();
        let word = random::<16>().map_err(|error| file_error(self.dir, &error))?;
        let instance = hex(&word);
        let mut child = self.spawn(listener, port, &instance)?;
        let (Some(mut owner), Some(pid)) = (
            child.stdin.take(),
            child.id().and_then(|id| i32::try_from(id).ok()),
        ) else {
            return Err(self.start_error("it ended at once"));
        };
        let process = Process {
            pid,
            port,
            instance,
            since: jiff::Timestamp::now()
                .round(jiff::Unit::Second)
                .unwrap_or_default()
                .to_string(),
        };
        // Should this fail, the process is gone, and what follows says how.
        let _ = owner.write_all(self.administrator.line().as_bytes()).await;
        // The socket takes connections from its binding on, so one request waits for the server: no polling.
        let exit = tokio::select! {
            answer = process.proves_itself(self.administrator, READY_DEADLINE) => match answer {
                Ok(true) => return Ok(Server { process, owner, child }),
                Ok(false) => return Err(self.start_error("something else answers on its port")),
                Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                    return Err(self.start_error(&format!("it did not answer within {} s", READY_DEADLINE.as_secs())));
                }
                // The connection broke because the process ended, or is about to.
                Err(_) => timeout(Duration::from_secs(5), child.wait()).await.ok().and_then(io::Result::ok),
            },
            status = child.wait() => status.ok(),
        };
        let how = exit.map_or("it closed its socket".to_owned(), |status: ExitStatus| {
            format!("it ended with {status}")
        });
        Err(self.start_error(&how))
    }

    fn spawn(&self, listener: TcpListener, port: u16, instance: &str) -> Result<Child> {
        make_private(self.dir)?;
        for (name, text) in SCRIPTS {
            let script = self.dir.join(name);
            remove_file(&script)?;
            new_private()
                .open(&script)
                .and_then(|mut file| file.write_all(text.as_bytes()))
                .map_err(|error| file_error(&script, &error))?;
        }
        // Functions' unpacked code. What a crash left there is of no use.
        let tmp = self.dir.join("tmp");
        remove_dir(&tmp)?;
        make_private(&tmp)?;
        let log = log_file(self.dir);
        if log.exists() {
            let previous = log.with_extension("log.1");
            fs::rename(&log, &previous).map_err(|error| file_error(&log, &error))?;
        }
        let log_handle = private()
            .append(true)
            .create(true)
            .open(&log)
            .map_err(|error| file_error(&log, &error))?;

        let python = self.installation.python();
        let script = self.dir.join(SCRIPTS[0].0);
        let mut command = Command::new(&python);
        command
            .args([OsStr::new("-I"), script.as_os_str(), OsStr::new(instance)])
            .current_dir(self.dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::from(OwnedFd::from(listener)))
            .stderr(Stdio::from(log_handle))
            .env_clear()
            .envs(self.environment(port, &tmp));
        command.spawn().map_err(|error| file_error(&python, &error))
    }

    /// The whole environment of the server, and so of the functions that it runs. Nothing of the user's is in it but
    /// the search path: no credentials, no profile, no proxy.
    fn environment(&self, port: u16, tmp: &Path) -> Vec<(&'static str, std::ffi::OsString)> {
        let flag = |on: bool| if on { "1" } else { "0" };
        let mut set: Vec<(&'static str, std::ffi::OsString)> = vec![
            ("PATH", self.path.to_owned()),
            ("HOME", tmp.into()),
            ("TMPDIR", tmp.into()),
            ("TZ", "UTC".into()),
            ("LANG", "C.UTF-8".into()),
            ("PYTHONUTF8", "1".into()),
            ("PYTHONNOUSERSITE", "1".into()),
            // The SDK in functions must not look for the user's real configuration.
            ("AWS_CONFIG_FILE", "/dev/null".into()),
            ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null".into()),
            ("AWS_EC2_METADATA_DISABLED", "true".into()),
            ("GATEWAY_PORT", port.to_string().into()),
            ("BIND_HOST", "127.0.0.1".into()),
            ("MINISTACK_ACCOUNT_ID", ACCOUNT.into()),
            (
                "AUTH",
                if self.options.auth { "true" } else { "false" }.into(),
            ),
            ("CLOUDTRAIL_RECORDING", "0".into()),
            ("PERSIST_STATE", flag(self.data.is_some()).into()),
            ("LAMBDA_EXECUTOR", "local".into()),
            // Side doors that listen on ports of their own, or reach for the user's Docker.
            ("IOT_MTLS_ENABLED", "0".into()),
            ("SFTP_ENABLED", "0".into()),
            ("DOCKER_HOST", "unix:///nonexistent/docker.sock".into()),
        ];
        match &self.data {
            Some(data) => {
                set.push(("STATE_DIR", data.into()));
                set.push(("S3_PERSIST", "1".into()));
                set.push(("S3_DATA_DIR", data.join("s3").into()));
            }
            None => {
                set.push(("STATE_DIR", self.dir.join("data").into()));
                set.push(("S3_DATA_DIR", self.dir.join("s3").into()));
                set.push(("HOMEROOM_PRIVATE_DIR", self.dir.into()));
            }
        }
        set
    }

    fn start_error(&self, how: &str) -> Error {
        let last = last_lines(&fs::read_to_string(log_file(self.dir)).unwrap_or_default());
        let cause = if last.is_empty() {
            format!("it did not start: {how}")
        } else {
            format!("it did not start: {how}; its last words: {last}")
        };
        let error = Error::new(Kind::General, "the embedded cloud", cause);
        if ["ModuleNotFoundError", "ImportError"]
            .iter()
            .any(|word| last.contains(word))
        {
            self.installation.condemn();
            return error.hint("its installation is damaged and will be made anew: try again");
        }
        error.hint(format!(
            "try again; if it stays so, remove {} to have it installed anew",
            self.installation.dir.display()
        ))
    }
}

/// The last lines of a log, as one.
fn last_lines(log: &str) -> String {
    let lines: Vec<&str> = log
        .lines()
        .map(str::trim)
        // Python underlines places in its source with these.
        .filter(|line| !line.trim_matches(['^', '~', ' ']).is_empty())
        .collect();
    last_words(&lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_wished_port_is_taken_when_free_and_another_one_when_not() {
        let first = bind(None).await.unwrap();
        let port = first.local_addr().unwrap().port();
        let second = bind(Some(port)).await.unwrap();
        assert_ne!(second.local_addr().unwrap().port(), port);
        assert!(second.local_addr().unwrap().ip().is_loopback());
        let free = tokio::spawn(async move { bind(Some(port)).await.unwrap() });
        drop(first);
        let third = free.await.unwrap();
        assert_eq!(third.local_addr().unwrap().port(), port);
    }

    /// An installation whose interpreter is a shell script.
    fn fake_installation(dir: &Path, script: &str) -> Installation {
        use std::os::unix::fs::PermissionsExt;
        let python = dir.join("bin/python");
        fs::create_dir(dir.join("bin")).unwrap();
        fs::write(&python, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&python, fs::Permissions::from_mode(0o700)).unwrap();
        Installation {
            dir: dir.to_owned(),
        }
    }

    #[tokio::test]
    async fn a_server_that_dies_while_starting_is_told_with_its_last_words() {
        let dir = tempfile::tempdir().unwrap();
        let installation =
            fake_installation(dir.path(), "echo no module named ministack >&2; exit 3");
        let launch = Launch {
            installation: &installation,
            dir: &dir.path().join("instance"),
            administrator: &Administrator::random().unwrap(),
            options: PrivateOptions::default(),
            data: None,
            path: OsStr::new("/bin:/usr/bin"),
        };
        let error = launch
            .run(bind(None).await.unwrap())
            .await
            .unwrap_err()
            .to_string();
        assert!(error.contains("exit status: 3"), "{error}");
        assert!(error.contains("no module named ministack"), "{error}");
    }

    #[test]
    fn only_the_search_path_of_the_users_environment_reaches_the_server() {
        let installation = Installation { dir: "/i".into() };
        let administrator = Administrator::random().unwrap();
        let launch = Launch {
            installation: &installation,
            dir: Path::new("/d"),
            administrator: &administrator,
            options: PrivateOptions::default(),
            data: None,
            path: OsStr::new("/bin"),
        };
        let set = launch.environment(1234, Path::new("/d/tmp"));
        let value = |name: &str| {
            let found = set.iter().find(|(n, _)| *n == name);
            found.and_then(|(_, v)| v.to_str()).unwrap_or_default()
        };
        assert_eq!(value("BIND_HOST"), "127.0.0.1");
        assert_eq!(value("GATEWAY_PORT"), "1234");
        assert_eq!(value("AUTH"), "true");
        assert_eq!(value("CLOUDTRAIL_RECORDING"), "0");
        assert_eq!(value("PERSIST_STATE"), "0");
        assert_eq!(value("HOME"), "/d/tmp");
        for (name, value) in &set {
            assert!(!name.starts_with("AWS_ACCESS"), "{name}");
            assert_ne!(value, administrator.secret_key.as_str(), "{name}");
        }
    }
}
