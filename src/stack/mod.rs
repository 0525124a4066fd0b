//! A student's stack: what it should be, what is there, the difference, and the steps that close it.

pub(crate) mod alike;
pub mod credentials;
pub mod diff;
pub mod dispatcher;
pub mod elsewhere;
pub mod execute;
pub mod forecast;
pub mod hints;
pub mod in_order;
pub mod issue;
pub mod kinds;
pub mod left;
pub(crate) mod names;
pub mod observe;
pub mod ownership;
pub mod plan;
pub mod prove_gone;
pub mod settle;
pub mod step;
pub mod vault;
