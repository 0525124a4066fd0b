//! What students did: reading it from the cloud, judging it, and remembering it.

pub mod activity;
pub(crate) mod attempts;
pub mod attention;
pub(crate) mod attest;
pub mod cache;
pub(crate) mod causes;
pub mod check;
pub(crate) mod evaluate;
pub(crate) mod functions;
pub mod history;
pub(crate) mod kept;
pub(crate) mod last_reading;
pub(crate) mod log_events;
mod log_pattern;
mod logs;
pub(crate) mod own;
pub mod progress;
mod read_student;
pub mod reading;
pub mod recorded;
pub(crate) mod sight;
pub(crate) mod standing;
mod starts;
mod student_reader;
mod trouble;
pub(crate) mod turns;
pub mod unheard;
