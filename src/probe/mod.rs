//! Trying a stack: does it work, and does it keep its student apart from the others?

mod attempt;
mod deadline;
pub mod isolation;
pub mod reach;
pub mod script;
pub mod validate;
