//! Does what a plan says, paced, cancellable, and tells it in events. Knows AWS only by its client.

mod alike;
pub mod causes;
pub mod code;
pub mod dispatcher;
pub mod execute;
pub mod forecast;
pub mod gather;
pub mod hints;
pub mod in_order;
pub mod isolation;
pub mod issue;
pub mod logs;
pub mod observe;
pub mod prove_gone;
pub mod reading;
pub mod resources;
pub mod script;
pub mod settle;
mod starts;
pub mod step;
pub mod validate;
