//! homeroom gives every student of a class an AWS lab stack, proves that it works, shows who has completed
//! the lab, and takes everything down again.
//!
//! The cloud itself is the state: every name follows from class, lab and username, so there is no state file.
//! Every command is the same short flow:
//!
//! ```text
//! roster.csv ─► Roster ─┐
//! lab.toml + templates ─┴► Desired ─┐                        ┌► terminal (stderr)
//!                                   ├► Plan ─► execute ─► Event ┼► run log (JSON lines)
//! cloud ──(bulk listing)─► Observed ┘   (pure)   (paced,        └► summary ─► HTML, CSV, JSON, JUnit
//!                                                 cancellable)
//! ```
//!
//! Where to look:
//!
//! | room | what is in it |
//! |---|---|
//! | [`verbs`] | one file a command: its arguments, its wiring |
//! | `cli`, `options` | the command line; the table of options, from flags, variables and `homeroom.toml` |
//! | [`doctor`] | what would be in the way, and the policy that an instructor needs |
//! | `canvas` | grades to and from a Canvas, over its API |
//! | [`report`] | the terminal, HTML, CSV, JSON, JUnit, gradebooks, handouts |
//! | [`probe`] | `validate`, isolation and rehearsals: a stack is tried |
//! | [`results`] | how a run ended, student by student |
//! | [`evidence`] | what students did: read, judged, remembered |
//! | [`lab`] | a bundle, read and filled in for a student |
//! | [`stack`] | what should be there, what is there, the plan, the steps; a file for each kind of resource in [`stack::kinds`] |
//! | [`aws`] | the client, the only room that names the SDK |
//! | `web` | requests to servers that are not AWS |
//! | [`roster`] | the class, from a CSV file |
//! | [`events`] | what happened during a run, as data |
//! | [`ids`] | names and ARNs: everything follows from class, lab and username |
//! | [`error`], [`files`], [`text`] | how the process ends; private files; what others wrote, read and shown safely |
//!
//! Each room uses only rooms below it in this list; `tests/output/architecture.rs` checks that, and names the exceptions.
//! `local` is the embedded cloud. `strict`, a model of what AWS refuses and delays, uses no other room.

pub mod aws;
pub(crate) mod canvas;
mod cli;
pub mod doctor;
pub mod error;
pub mod events;
pub mod evidence;
pub(crate) mod files;
pub mod ids;
pub mod lab;
pub mod local;
mod options;
pub mod probe;
pub mod report;
pub mod results;
pub mod roster;
pub mod stack;
pub mod strict;
pub mod text;
pub mod verbs;
pub(crate) mod web;

pub use cli::{AccessVerb, Cli, GradesVerb, Verb};
