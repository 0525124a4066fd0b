//! What students did: reading it from the cloud, judging it, and remembering it.

pub mod attest;
pub mod cache;
pub mod causes;
pub mod check;
pub mod evaluate;
pub mod gather;
pub mod history;
pub mod last_reading;
mod log_pattern;
pub mod logs;
pub mod progress;
pub mod reading;
pub mod recorded;
mod starts;
