//! Files and texts: what homeroom reads from people and writes for them; and how its own sources are laid out.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests, outside of test functions: a panic says where a test stopped"
)]

mod architecture;
mod completions;
mod diagnostics;
mod grades;
#[path = "../handout_sample/mod.rs"]
mod handout_sample;
mod handouts;
mod json_documents;
#[path = "../json_schemas/mod.rs"]
mod json_schemas;
mod questions;
mod report_anonymous;
mod report_files;
mod report_frames;
#[path = "../report_sample/mod.rs"]
mod report_sample;
mod report_summaries;
mod report_terminal;
mod roster_files;
