//! The client in `src/aws` against a strict AWS, outside of a run: every method works, one request a call, errors
//! are classified, counts are true.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests, outside of test functions"
)]

mod account;
mod compute;
mod faults;
mod fixtures;
mod principals;
mod rest_api;
#[path = "../support/mod.rs"]
mod support;
mod wire;
