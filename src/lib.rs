//! homeroom gives every student of a class an AWS lab stack, proves that it works, shows who has completed
//! the lab, and takes everything down again.
//!
//! The cloud itself is the state: every name follows from class, lab and username, so there is no state file.
//! Every command is the same short flow:
//!
//! ```text
//! roster.csv ─► Roster ─┐
//! lab.toml + templates ─┴► Desired ─┐                        ┌► terminal (stderr)
//!                                   ├► Plan ─► engine ─► Event ┼► run log (JSON lines)
//! cloud ──(bulk listing)─► Observed ┘   (pure)   (paced,       └► summary ─► HTML, CSV, JSON, JUnit
//!                                                 cancellable)
//! ```
//!
//! Dependencies point one way: `domain ← events ← {aws ← engine, report}`, and all of them ← `commands` ← `main`. `aws` is
//! the client, the only place that names the SDK. `text`, which reads, compares and shows what others wrote, is below
//! all of them. `strict`, a model of what AWS refuses and delays, stands by itself. `tests/output/architecture.rs` holds it.

pub mod aws;
pub mod bundle;
pub mod cli;
pub mod commands;
pub mod domain;
pub mod engine;
pub mod error;
pub mod events;
pub mod local;
pub mod report;
pub mod settings;
pub mod strict;
pub mod text;
pub mod vault;
