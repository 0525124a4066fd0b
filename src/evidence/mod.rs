//! What students did: reading it from the cloud, judging it, and remembering it.

pub mod attest;
pub mod cache;
pub mod causes;
pub mod check;
pub mod evaluate;
pub mod execution;
pub mod gather;
pub mod history;
pub mod last_reading;
pub mod logs;
pub mod marks;
pub mod points;
pub mod reading;
mod starts;
