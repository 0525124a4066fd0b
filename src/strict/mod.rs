//! What AWS does and an emulator does not: request quotas, roles that take a while, functions that are Pending,
//! deletions that go on after their answer, conflicts between writers, and network faults.
//!
//! One model with two shells around it:
//!
//! ```text
//!                      ┌─ tests/aws: an AWS in process, on paused time
//! requests ─► Model ◄──┤
//!   (pure; time is     └─ Proxy: in front of the embedded cloud, in real time (`rehearse --strict`)
//!    passed in)
//! ```
//!
//! The model holds no resources. It decides what happens to a request ([`Model::arrive`]), learns the outcome
//! ([`Model::done`]), and corrects the answer of the cloud behind it ([`Model::amend`]).
//!
//! It is a second opinion, so it imports nothing of this crate. Its figures ([`figures`]) are its own copy from AWS's
//! documentation, not the pacer's.

pub(crate) mod figures;

mod bucket;
pub mod cbor;
mod faults;
mod model;
mod proxy;
mod refusal;
mod request;

pub use faults::{Call, Fault, Rule};
pub use model::{Admission, Count, Model, Options, Spread, Timings, Verdict};
pub use proxy::Proxy;
pub use refusal::{Refusal, Rendered};
pub use request::Request;
