//! A student's stack: what it should be, what is there, the difference, and the steps that close it.

pub(crate) mod alike;
pub mod copies;
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
pub mod leavers;
pub mod left;
pub mod limits;
pub(crate) mod names;
pub mod new_apis;
pub mod observe;
pub mod ownership;
pub mod plan;
pub mod prove_gone;
pub mod result;
pub mod settle;
pub mod step;
pub mod vault;
