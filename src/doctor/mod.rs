//! What would be in the way of a class day, before it begins: looked at without changing anything.
//!
//! - [`cloud`]: who one is in AWS, what one may do there, and what there is room for;
//! - [`machine`]: this machine, without a network;
//! - [`policy`]: the least IAM policy that an instructor needs.

pub mod cloud;
pub(crate) mod machine;
pub mod policy;
