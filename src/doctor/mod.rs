//! What would be in the way of a class day, before it begins: looked at without changing anything.
//!
//! - [`machine`]: this machine, without a network;
//! - [`policy`]: the least IAM policy that an instructor needs.

pub(crate) mod machine;
pub mod policy;
