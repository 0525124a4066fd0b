//! Starting the server.
//!
//! homeroom binds the loopback socket before the process exists, and hands it over as the process's stdout. So nobody
//! guesses a port number or races for one. The process's stdin is a pipe that homeroom holds: the process ends when the
//! pipe closes (see `server.py`). So a start that fails, is interrupted or is killed leaves nothing behind.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::process::{Child, ChildStdin, Command};
use tokio::time::{Instant, sleep, timeout};

use super::administrator::{Administrator, random};
use super::dirs::{file_error, make_private, remove_dir, remove_file};
use super::install::Installation;
use super::process::Process;
use super::{ACCOUNT, PrivateOptions, cloud_error, last_words};
use crate::error::{Error, Result};
use crate::files::{new_private, private};
use crate::text::hex;

/// The server's Python, by file name.
pub(super) const SCRIPTS: [(&str, &str); 6] = [
    ("server.py", include_str!("server.py")),
    ("guard.py", include_str!("guard.py")),
    ("snapshots.py", include_str!("snapshots.py")),
    ("functions.py", include_str!("functions.py")),
    ("principals.py", include_str!("principals.py")),
    ("workflows.py", include_str!("workflows.py")),
];

/// A start usually takes about 0.4 s, and many times that on a busy machine.
const READY_DEADLINE: Duration = Duration::from_secs(60);

/// How long to try for the wished port: the system frees a killed process's port a moment after the process.
const PORT_PATIENCE: Duration = Duration::from_millis(500);

const RETRY: Duration = Duration::from_millis(20);

pub(super) struct Launch<'a> {
    pub(crate) installation: &'a Installation,
    pub(crate) dir: &'a Path,
    pub(crate) administrator: &'a Administrator,
    pub(crate) options: PrivateOptions,
    /// Where to keep its state; `None` to keep none, and to remove `dir` when its owner is gone.
    pub(crate) data: Option<PathBuf>,
    /// `PATH` for programs that functions start.
    pub(crate) path: &'a OsStr,
}

/// A running server that ends with this process.
#[derive(Debug)]
pub(super) struct Server {
    pub(crate) process: Process,
    /// Closing this ends the process.
    pub(crate) owner: ChildStdin,
    pub(crate) child: Child,
}

/// Binds a loopback socket: on the wished port if it is free, else on any.
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

pub(super) fn log_file(dir: &Path) -> PathBuf {
    dir.join("server.log")
}

impl Launch<'_> {
    /// Starts the server on the socket, and waits until it answers.
    pub(crate) async fn run(&self, listener: TcpListener) -> Result<Server> {
        let port = listener
            .local_addr()
            .map_err(file_error(Path::new("the loopback socket")))?
            .port();
        let word = random::<16>().map_err(file_error(self.dir))?;
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
        // If this fails, the process is gone, and the code below finds out how.
        let _ = owner.write_all(self.administrator.line().as_bytes()).await;
        // The bound socket already takes connections, so one request waits for the server: no polling.
        let exit = tokio::select! {
            answer = process.proves_itself(self.administrator, READY_DEADLINE) => match answer {
                Ok(true) => return Ok(Server { process, owner, child }),
                Ok(false) => return Err(self.start_error("something else answers on its port")),
                Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                    let seconds = READY_DEADLINE.as_secs();
                    return Err(self.start_error(&format!("it did not answer within {seconds} s")));
                }
                // The connection broke because the process ended, or is about to.
                Err(_) => timeout(Duration::from_secs(5), child.wait()).await.ok(),
            },
            status = child.wait() => Some(status),
        };
        let how = match exit {
            Some(Ok(status)) => format!("it ended with {status}"),
            _ => "it closed its socket".to_owned(),
        };
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
                .map_err(file_error(&script))?;
        }
        // For functions' unpacked code. A crash may have left some.
        let tmp = self.dir.join("tmp");
        remove_dir(&tmp)?;
        make_private(&tmp)?;
        let log = log_file(self.dir);
        if log.exists() {
            let previous = log.with_extension("log.1");
            fs::rename(&log, &previous).map_err(file_error(&log))?;
        }
        let log_handle = private()
            .append(true)
            .create(true)
            .open(&log)
            .map_err(file_error(&log))?;

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
        command.spawn().map_err(file_error(&python))
    }

    /// The whole environment of the server and of the functions that it runs. Of the user's environment it has only the
    /// search path: no credentials, no profile, no proxy.
    fn environment(&self, port: u16, tmp: &Path) -> Vec<(&'static str, std::ffi::OsString)> {
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
            (
                "MINISTACK_ACCOUNT_ID",
                self.options.account.unwrap_or(ACCOUNT).into(),
            ),
            ("AUTH", self.options.auth.to_string().into()),
            ("CLOUDTRAIL_RECORDING", "0".into()),
            ("LAMBDA_EXECUTOR", "local".into()),
            // These would listen on other ports, or use the user's Docker.
            ("IOT_MTLS_ENABLED", "0".into()),
            ("SFTP_ENABLED", "0".into()),
            ("DOCKER_HOST", "unix:///nonexistent/docker.sock".into()),
        ];
        match &self.data {
            Some(data) => set.extend([
                ("PERSIST_STATE", "1".into()),
                ("STATE_DIR", data.into()),
                ("S3_PERSIST", "1".into()),
                ("S3_DATA_DIR", data.join("s3").into()),
            ]),
            None => set.extend([
                ("PERSIST_STATE", "0".into()),
                ("STATE_DIR", self.dir.join("data").into()),
                ("S3_DATA_DIR", self.dir.join("s3").into()),
                ("HOMEROOM_PRIVATE_DIR", self.dir.into()),
            ]),
        }
        set
    }

    fn start_error(&self, how: &str) -> Error {
        let last = last_lines(&fs::read_to_string(log_file(self.dir)).unwrap_or_default());
        let words = match last.as_str() {
            "" => String::new(),
            last => format!("; its last words: {last}"),
        };
        let error = cloud_error(format!("it did not start: {how}{words}"));
        if last.contains("ModuleNotFoundError") || last.contains("ImportError") {
            self.installation.condemn();
            return error
                .hint("its installation is damaged: try again, and homeroom installs it again");
        }
        error.hint(format!(
            "try again; if that does not help, remove {} and homeroom installs it again",
            self.installation.dir.display()
        ))
    }
}

/// A log's last lines, joined.
fn last_lines(log: &str) -> String {
    let lines: Vec<&str> = log
        .lines()
        .map(str::trim)
        // Python underlines source code with these.
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
