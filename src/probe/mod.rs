//! Trying a stack: does it work, and is its student kept apart from the others?

mod attempt;
mod cannot_begin;
mod deadline;
pub(crate) mod failed_executions;
pub mod isolation;
mod patience;
pub mod reach;
pub(crate) mod rehearsal;
pub mod script;
pub mod validate;
