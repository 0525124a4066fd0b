//! The client in `src/aws` against a strict AWS, outside of a run: every method works, one request a call, errors
//! are classified, counts are true.

mod account;
mod assumed_role;
mod compute;
mod faults;
mod fixtures;
mod principals;
mod rest_api;
mod wire;
