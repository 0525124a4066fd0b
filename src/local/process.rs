//! The server's process: how to tell it from any other, and how to end it.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, kill_process_group, test_kill_process};
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep};

use super::administrator::{Administrator, random};
use super::{cloud_error, http};
use crate::error::Result;
use crate::text::hex;

/// Answers with [`Process::instance`] and a proof; see `guard.py`.
const IDENTITY_PATH: &str = "/_homeroom/instance";

/// A running server may be serving a class on a slow machine.
const IDENTITY_DEADLINE: Duration = Duration::from_secs(10);

/// For ending after the signal: 3 s for requests in flight (`server.py`), the rest to save the state.
const GRACE: Duration = Duration::from_secs(20);

/// Between two looks at a process that ends and is no child of ours.
const LOOK: Duration = Duration::from_millis(20);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Process {
    /// Process id; also the id of its process group.
    pub(crate) pid: i32,
    /// On 127.0.0.1.
    pub(crate) port: u16,
    /// A random word on its command line and in its answer. Every user of the machine can read it.
    pub(crate) instance: String,
    /// Its start, RFC 3339.
    pub(crate) since: String,
}

/// Who answers on a process's port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// The process itself.
    Own,
    /// Somebody who cannot prove to be it.
    Foreign,
    /// Nobody, or the answer cannot be read.
    None,
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Ended {
    /// With its state saved.
    Gracefully,
    /// Because it did not end in time.
    Killed,
}

impl Process {
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Whether this process answers on its port: it proves, with a new nonce, that it has the administrator's secret.
    /// Nothing secret is sent.
    ///
    /// # Errors
    /// When nobody answers in time, or the answer cannot be read.
    pub(crate) async fn proves_itself(
        &self,
        administrator: &Administrator,
        deadline: Duration,
    ) -> io::Result<bool> {
        let nonce = hex(&random::<32>()?);
        let path = format!("{IDENTITY_PATH}?nonce={nonce}");
        let body = http::get(self.port, &path, deadline).await?;
        Ok(self.is_proven_by(&body, administrator, &nonce))
    }

    fn is_proven_by(&self, body: &[u8], administrator: &Administrator, nonce: &str) -> bool {
        #[derive(Deserialize)]
        struct Identity {
            instance: String,
            proof: String,
        }
        serde_json::from_slice::<Identity>(body).is_ok_and(|told| {
            told.instance == self.instance
                && from_hex(&told.proof)
                    .is_some_and(|proof| administrator.has_made(&proof, self.port, nonce))
        })
    }

    /// Whether this process runs. A later process with the same id does not count, nor does a zombie.
    pub(crate) fn is_alive(&self) -> bool {
        let word = self.instance.as_bytes();
        // An empty word would match every process.
        !word.is_empty()
            && command_line(self.pid)
                .is_some_and(|line| line.windows(word.len()).any(|part| part == word))
    }

    pub(crate) async fn answers(&self, administrator: &Administrator) -> Answer {
        match self.proves_itself(administrator, IDENTITY_DEADLINE).await {
            Ok(true) => Answer::Own,
            Ok(false) => Answer::Foreign,
            Err(_) => Answer::None,
        }
    }

    /// Whether this user may end it. A process that only pretends to be ours may be another user's.
    pub(crate) fn may_be_ended(&self) -> bool {
        Pid::from_raw(self.pid).is_some_and(|pid| test_kill_process(pid).is_ok())
    }

    /// Ends the process gracefully, or, after [`GRACE`], by force with the functions' processes.
    pub(crate) async fn end(&self) -> Result<Ended> {
        let stubborn = || {
            cloud_error(format!("process {} does not end", self.pid))
                .hint(format!("end it by hand: kill -9 {}", self.pid))
        };
        let pid = Pid::from_raw(self.pid).ok_or_else(stubborn)?;
        // An error of kill means that it is gone already, or is another user's: the next look shows which.
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

fn from_hex(hex: &str) -> Option<Vec<u8>> {
    let pairs = hex.as_bytes().chunks(2);
    let pairs = pairs.map(|pair| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok());
    pairs.collect()
}

/// From `/proc` where there is one, else from `ps`.
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
    use std::io::{Read, Write};
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

    fn administrator() -> Administrator {
        Administrator {
            access_key: "HRAD".to_owned(),
            secret_key: "0123456789abcdef".to_owned(),
        }
    }

    #[test]
    fn only_the_right_word_with_the_right_proof_is_the_right_server() {
        let (nonce, administrator) = ("5a".repeat(32), administrator());
        // src/local/test_guard.py has the same.
        let proof = "12451a56e69547642e251c9b86bc20d646af335356997e3ed580af0d4658495f";
        let process = Process {
            port: 40123,
            ..process(1, "abc")
        };
        let is_it = |process: &Process, word: &str, proof: &str, nonce: &str| {
            let body = serde_json::json!({"instance": word, "pid": 1, "proof": proof});
            process.is_proven_by(body.to_string().as_bytes(), &administrator, nonce)
        };
        assert!(is_it(&process, "abc", proof, &nonce));
        assert!(!is_it(&process, "abd", proof, &nonce));
        assert!(!is_it(&process, "abc", proof, &"5b".repeat(32)));
        let elsewhere = Process {
            port: 40124,
            ..process.clone()
        };
        assert!(!is_it(&elsewhere, "abc", proof, &nonce), "passed on");
        for other in ["", "5", "zz", &proof[2..], &proof.replace('a', "b")] {
            assert!(!is_it(&process, "abc", other, &nonce), "{other}");
        }
        for body in ["<html>", r#"{"instance": "abc", "pid": 1}"#] {
            assert!(!process.is_proven_by(body.as_bytes(), &administrator, &nonce));
        }
    }

    #[tokio::test]
    async fn a_foreign_listener_that_knows_the_word_is_refused_and_learns_nothing() {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let listening = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut heard = Vec::new();
            let mut part = [0; 1024];
            while !heard.ends_with(b"\r\n\r\n") {
                let read = stream.read(&mut part).unwrap();
                heard.extend_from_slice(&part[..read]);
            }
            let body = format!(
                r#"{{"instance": "abc", "pid": 1, "proof": "{}"}}"#,
                "0".repeat(64)
            );
            let answer = format!("HTTP/1.1 200 OK\r\n\r\n{body}");
            stream.write_all(answer.as_bytes()).unwrap();
            String::from_utf8(heard).unwrap()
        });
        let foreign = Process {
            port,
            ..process(1, "abc")
        };
        let administrator = administrator();
        assert_eq!(foreign.answers(&administrator).await, Answer::Foreign);
        let heard = listening.join().unwrap();
        assert!(
            heard.starts_with("GET /_homeroom/instance?nonce="),
            "{heard}"
        );
        for secret in [&administrator.access_key, &administrator.secret_key] {
            assert!(!heard.contains(secret.as_str()), "{heard}");
        }
        // Nobody there is no stranger.
        assert_eq!(foreign.answers(&administrator).await, Answer::None);
    }
}
