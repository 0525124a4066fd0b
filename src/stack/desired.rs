//! Moved into `kinds`.

pub use crate::stack::kinds::{Desired, Stack};
