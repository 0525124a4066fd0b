//! The binary, as a person runs it, on embedded clouds with the lab's real code.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, outside of test functions: a panic says where a test stopped"
)]

mod class_day;
mod evidence_self_test;
#[path = "../json_schemas/mod.rs"]
mod json_schemas;
mod local_cloud;
mod strict_proxy;
