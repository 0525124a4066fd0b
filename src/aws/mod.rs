//! AWS: the only place that names `aws_sdk_*`. [`Client`] has a method for each operation, in the file of its service;
//! [`operations`] is the one table of what AWS says of them.
//!
//! Promises kept here, each held by a test in `tests/engine/adapter`:
//! - **one attempt, at most one request**: the SDK's retries are off, because the client owns every retry;
//! - **errors are classified once** ([`error`]), with AWS's own code and message, and what never reached AWS is told
//!   apart from what may have had its effect;
//! - **every transmitted request is counted** by `service:Operation`;
//! - dropping a call gives up waiting, and says nothing of whether its request had its effect.

mod apigateway;
mod classify;
mod client;
pub(crate) mod common_cause;
mod connect;
mod count;
mod download;
mod endpoint;
pub(crate) mod error;
mod execute_api;
pub mod execution;
mod extras;
mod http;
mod iam;
mod lambda;
mod logs;
pub(crate) mod operations;
pub mod pacing;
mod sfn;
pub mod stop;
mod sts;

pub use client::{Client, connect};
pub use connect::ConnectOptions;
pub(crate) use connect::default_region;
pub use error::{CallError, CallResult, CloudError, ErrorKind};
pub(crate) use iam::Simulation;
pub use iam::{AccountSummary, PathAndTags, Principal, UserPart};
pub use lambda::{Concurrency, FunctionState, NewFunction, Permission};
pub use operations::Operation;
pub use sfn::NewStateMachine;

/// One page of a listing.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// Token of the next page; `None` on the last.
    pub next: Option<String>,
}
