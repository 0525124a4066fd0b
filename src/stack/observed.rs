//! Moved into `kinds`.

pub use crate::stack::kinds::{AccountUse, Gap, Observed};
