//! The server's process: telling it from any other, and ending it.

use std::fs;
use std::path::Path;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep};

use super::http;
use crate::error::{Error, Kind, Result};

/// Answers with [`Process::instance`]; see `server.py`.
pub(super) const IDENTITY_PATH: &str = "/_homeroom/instance";

/// Longest that a running server may take to say who it is, while it serves a class on a slow machine.
const IDENTITY_DEADLINE: Duration = Duration::from_secs(10);

/// Longest that it may take to end once told: 3 s for requests in flight (`server.py`), the rest to save the state.
const GRACE: Duration = Duration::from_secs(20);

/// How often a process that is no child of ours is looked at while it ends.
const LOOK: Duration = Duration::from_millis(20);

/// A server's process, as it is told from all others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Process {
    /// Process id; also the id of its process group.
    pub pid: i32,
    /// Its port on 127.0.0.1.
    pub port: u16,
    /// A random word on its command line and in its answer at [`IDENTITY_PATH`].
    pub instance: String,
    /// When it was started, RFC 3339.
    pub since: String,
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ended {
    /// In order, with its state saved.
    Gracefully,
    /// By force, since it did not end in time.
    Killed,
}

impl Process {
    /// Where it answers.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Whether the answer at [`IDENTITY_PATH`] is this one's.
    pub fn is_named_in(&self, body: &[u8]) -> bool {
        #[derive(Deserialize)]
        struct Identity {
            instance: String,
        }
        serde_json::from_slice::<Identity>(body)
            .is_ok_and(|identity| identity.instance == self.instance)
    }

    /// Whether this very process is there. Another one that got its number later is not it; nor is a dead one that
    /// nobody has collected yet.
    pub fn is_alive(&self) -> bool {
        let word = self.instance.as_bytes();
        // A record that somebody emptied names no process.
        !word.is_empty()
            && command_line(self.pid)
                .is_some_and(|line| line.windows(word.len()).any(|part| part == word))
    }

    /// Whether it answers on its port, as itself.
    pub async fn answers(&self) -> bool {
        http::get(self.port, IDENTITY_PATH, IDENTITY_DEADLINE)
            .await
            .is_ok_and(|body| self.is_named_in(&body))
    }

    /// Ends the process: in order if it heeds that in time, else by force, with the functions' processes.
    pub async fn end(&self) -> Result<Ended> {
        let stubborn = || {
            Error::new(
                Kind::General,
                "the embedded cloud",
                format!("process {} does not end", self.pid),
            )
            .hint(format!("end it by hand: kill -9 {}", self.pid))
        };
        let pid = Pid::from_raw(self.pid).ok_or_else(stubborn)?;
        // An error of kill means that it is gone already (or is not ours to end): the next look tells.
        if self.is_alive() {
            let _ = kill_process(pid, Signal::TERM);
        }
        if self.gone_within(GRACE).await {
            return Ok(Ended::Gracefully);
        }
        if self.is_alive() {
            let _ = kill_process_group(pid, Signal::KILL);
        }
        if self.gone_within(GRACE).await {
            return Ok(Ended::Killed);
        }
        Err(stubborn())
    }

    async fn gone_within(&self, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        while self.is_alive() {
            if Instant::now() >= deadline {
                return false;
            }
            sleep(LOOK).await;
        }
        true
    }
}

/// The command line of a process, from `/proc` where there is one, else from `ps`.
fn command_line(pid: i32) -> Option<Vec<u8>> {
    if Path::new("/proc/self/cmdline").exists() {
        return fs::read(format!("/proc/{pid}/cmdline")).ok();
    }
    let output = std::process::Command::new("ps")
        .args(["-ww", "-o", "command=", "-p", &pid.to_string()])
        .output()
        .ok()?;
    Some(output.stdout)
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::process::Stdio;

    use super::*;

    fn process(pid: u32, instance: &str) -> Process {
        Process {
            pid: i32::try_from(pid).unwrap(),
            port: 1,
            instance: instance.to_owned(),
            since: String::new(),
        }
    }

    #[tokio::test]
    async fn a_process_that_got_the_same_number_is_never_taken_for_ours() {
        let mut stranger = std::process::Command::new("cat")
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let recycled = process(stranger.id(), "0123456789abcdef");
        assert!(!recycled.is_alive());
        assert!(!process(stranger.id(), "").is_alive());
        recycled.end().await.unwrap();
        assert!(
            stranger.try_wait().unwrap().is_none(),
            "the stranger was killed"
        );
        stranger.kill().unwrap();
        stranger.wait().unwrap();
    }

    #[tokio::test]
    async fn a_process_is_known_by_its_word_until_it_is_gone() {
        let word = "fedcba9876543210";
        let mut child = std::process::Command::new("sh")
            .args(["-c", "echo up; read word", word])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // The system shows a command line a moment after the start only.
        let mut up = [0; 3];
        child.stdout.as_mut().unwrap().read_exact(&mut up).unwrap();
        let process = process(child.id(), word);
        assert!(process.is_alive());
        assert!(!process.gone_within(Duration::from_millis(60)).await);
        child.kill().unwrap();
        assert!(
            process.gone_within(GRACE).await,
            "a zombie is gone, though nobody waited for it"
        );
        child.wait().unwrap();
    }

    #[test]
    fn only_the_right_word_is_the_right_server() {
        let process = process(1, "abc");
        assert!(process.is_named_in(br#"{"instance": "abc", "pid": 1}"#));
        assert!(!process.is_named_in(br#"{"instance": "abd"}"#));
        assert!(!process.is_named_in(b"<html>"));
    }
}
