//! How each kind of resource is created, changed and deleted: one file a kind. Every procedure is
//! idempotent: cut off anywhere and done again, it ends the same.

pub mod concurrency;
pub mod function;
pub mod log_group;
pub mod managed_policy;
pub mod rest_api;
pub mod role;
pub mod state_machine;
pub mod user;
