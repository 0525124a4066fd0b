//! Everything between a plan and AWS, against the strict AWS in process: the adapter, the engine, students' access, what
//! is read of a class, and the policies that it all relies on.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests, outside of test functions: a panic says where a scenario stopped"
)]

mod access;
mod adapter;
mod doctor;
mod evidence;
mod policies;
mod scenarios;
