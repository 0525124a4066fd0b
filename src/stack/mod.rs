//! A student's stack: what it should be, what is there, the difference, and the steps that close it.
#![expect(
    missing_docs,
    reason = "names of fields and variants say it; what needs words has them"
)]

pub(crate) mod alike;
pub(crate) mod assign;
pub(crate) mod caller;
pub mod classes;
pub(crate) mod copies;
pub mod credentials;
pub mod definitions;
pub mod diff;
pub(crate) mod dispatcher;
pub(crate) mod elsewhere;
pub(crate) mod ends;
pub mod execute;
pub mod forecast;
pub(crate) mod hints;
pub(crate) mod in_order;
pub mod issue;
pub mod kinds;
pub mod leavers;
pub mod left;
pub mod limits;
pub(crate) mod names;
pub(crate) mod new_apis;
pub mod observe;
pub(crate) mod own;
pub mod ownership;
pub mod plan;
pub mod prove_gone;
pub mod result;
pub(crate) mod settle;
pub(crate) mod step;
pub mod sweep;
pub mod vault;
