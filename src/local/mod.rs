//! The embedded cloud: MiniStack on a loopback port, so that a class can be rehearsed without an AWS account.
//!
//! ```text
//! find python3 ─► private venv (once) ─► server.py on a loopback socket ─► Endpoint
//!   python.rs        install.rs              server.rs                      shared.rs | private.rs
//! ```
//!
//! There are two kinds of instances:
//! - **shared** ([`LocalCloud::start`]): one per user. It outlives the command, and keeps its state on disk over a graceful
//!   stop. `--local` uses it.
//! - **private** ([`LocalCloud::start_private`]): one per caller. It keeps nothing, and ends with its owner, even when the
//!   owner is killed.
//!
//! Only this module knows how the embedded cloud differs from AWS.

#[cfg(not(unix))]
compile_error!(
    "homeroom's embedded cloud needs Linux or macOS; on Windows, build and run homeroom inside WSL"
);

mod administrator;
mod dirs;
mod http;
mod install;
mod lock;
mod private;
mod process;
mod python;
mod server;
mod shared;
mod state;

use crate::error::{Error, Exit};
use administrator::Administrator;

pub use dirs::Dirs;
pub use private::PrivateCloud;
pub use shared::{LocalCloud, StopReport};
pub use state::{CloudStatus, KeptState};

/// The embedded cloud's account. No AWS account has this number, so nobody takes it for a real one.
pub(crate) const ACCOUNT: &str = "000000000000";

/// How to reach a running embedded cloud, and as whom. `Debug` leaves the secret out.
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Of every service.
    pub url: String,
    /// [`ACCOUNT`].
    pub account: String,
    /// The administrator's, who is the root user of this instance alone.
    pub access_key: String,
    /// `Debug` leaves it out.
    pub secret_key: String,
    /// URL of deployed stages, with `{api_id}` and `{stage}` in it. AWS has a host name for each REST API; on one
    /// loopback port it must be a path.
    pub invoke_base: String,
}

impl Endpoint {
    fn at(port: u16, administrator: &Administrator) -> Self {
        let url = format!("http://127.0.0.1:{port}");
        Self {
            invoke_base: format!("{url}/_aws/execute-api/{{api_id}}/{{stage}}"),
            url,
            account: ACCOUNT.to_owned(),
            access_key: administrator.access_key.clone(),
            secret_key: administrator.secret_key.clone(),
        }
    }
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Endpoint")
            .field("url", &self.url)
            .field("access_key", &self.access_key)
            .finish_non_exhaustive()
    }
}

/// Options of an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PrivateOptions {
    /// Enforce IAM policies as AWS does, for users and for the roles of functions.
    pub auth: bool,
    /// The account that it says it is, where that is not the usual one.
    pub account: Option<&'static str>,
}

impl Default for PrivateOptions {
    fn default() -> Self {
        Self {
            auth: true,
            account: None,
        }
    }
}

/// A step of a start, for the progress line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StartupStep {
    /// Another homeroom is starting, stopping or installing it.
    Waiting {
        /// `installing`.
        on: &'static str,
    },
    /// Looking for a Python that can run it.
    FindingPython,
    /// Installing it, once per machine.
    Installing {
        /// Packages fetched so far.
        fetched: usize,
        /// Packages in all.
        total: usize,
    },
    /// Starting the server.
    Starting,
    /// It answers.
    Ready {
        /// Where.
        url: String,
    },
    /// One runs already.
    Reusing {
        /// Where.
        url: String,
    },
    /// Something unusual that a person should know.
    Note(String),
}

impl std::fmt::Display for StartupStep {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Waiting { on } => write!(
                f,
                "waiting for another homeroom that is {on} the embedded cloud"
            ),
            Self::FindingPython => write!(f, "looking for Python"),
            Self::Installing { fetched: 0, .. } => {
                write!(f, "installing the embedded cloud (once, about 20 MB)")
            }
            Self::Installing { fetched, total } => write!(
                f,
                "installing the embedded cloud ({fetched} of {total} packages)"
            ),
            Self::Starting => write!(f, "starting the embedded cloud"),
            Self::Ready { url } => write!(f, "the embedded cloud is ready at {url}"),
            Self::Reusing { url } => write!(f, "the embedded cloud is running at {url}"),
            Self::Note(text) => f.write_str(text),
        }
    }
}

/// An error of the embedded cloud as a whole.
fn cloud_error(cause: impl Into<String>) -> Error {
    Error::new(Exit::General, "the embedded cloud", cause)
}

/// Receives the steps. `&mut dyn FnMut` rather than `&dyn Fn`, so that futures holding it are `Send` without `Sync`.
type StepSink<'a> = &'a mut (dyn FnMut(StartupStep) + Send);

/// The last three lines, joined.
fn last_words(lines: &[&str]) -> String {
    lines[lines.len().saturating_sub(3)..].join(" · ")
}
