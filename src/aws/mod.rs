//! AWS: the only place that names `aws_sdk_*`. [`Client`] has a method for each operation, in the file of its service;
//! [`operations`] is the table of all operations with their quotas.
//!
//! What this module promises. A test in `tests/engine/adapter` holds each promise:
//! - **One attempt sends at most one request.** The SDK's retries are off, because the client retries.
//! - **Errors are classified in one place** ([`error`]), with AWS's own code and message. A request that never reached AWS
//!   has another kind than one that may have had an effect.
//! - **Every transmitted request is counted** by `service:Operation`.
//! - Whoever drops a call stops waiting for it. The request may still have its effect.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::stack::ownership::Tags;

mod apigateway;
mod apigatewayv2;
mod classify;
mod client;
mod cloudwatch;
pub(crate) mod common_cause;
pub(crate) mod configured;
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
pub(crate) mod logs;
pub(crate) mod operations;
pub mod pacing;
pub(crate) mod regions;
pub(crate) mod rights;
mod sfn;
pub mod stop;
mod sts;

pub(crate) use classify::NO_ROLE_CODE;
pub use client::{Client, connect};
pub(crate) use cloudwatch::METRICS_MAX;
pub use cloudwatch::{ClientErrors, MetricStage};
pub(crate) use connect::default_region;
pub use connect::{AssumedRole, ConnectOptions};
pub(crate) use endpoint::partition_of;
pub use error::{CallError, CallResult, CloudError, ErrorKind};
pub use execute_api::{ApiRequest, HttpAnswer};

pub(crate) use iam::Simulation;
pub use iam::{PathAndTags, Principal, UserPart};
pub use lambda::{FunctionState, Invoked, NewFunction, Permission};
pub use operations::Operation;
pub use sfn::NewStateMachine;
pub(crate) use sts::CallerIdentity;

/// One page of a listing.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<T> {
    /// In AWS's order.
    pub items: Vec<T>,
    /// Token of the next page; `None` on the last.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// Some services say by an empty token that there is no further page.
    fn of(items: Vec<T>, token: Option<String>) -> Self {
        Self {
            items,
            next: token.filter(|token| !token.is_empty()),
        }
    }
}

/// Locks, whether or not another thread panicked meanwhile: what is locked here is whole between any two statements.
fn locked<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Tags as most services take them. IAM and Step Functions take a list.
fn tag_map(tags: &Tags) -> HashMap<String, String> {
    tags.clone().into_iter().collect()
}
