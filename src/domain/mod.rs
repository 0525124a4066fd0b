//! The pure part: no clock, no randomness, no IO, no SDK types.

pub mod attest;
pub mod cache;
pub mod check;
pub mod cost;
pub mod credentials;
pub mod desired;
pub mod diff;
pub mod elsewhere;
pub mod evaluate;
pub mod execution;
pub mod failure;
pub mod handout;
pub mod history;
pub mod ids;
pub mod isolation;
pub mod lab;
pub mod last_reading;
pub mod left;
pub mod marks;
pub mod observed;
pub mod ownership;
pub mod plan;
pub mod points;
pub mod resources;
pub mod roster;
pub mod similar;
