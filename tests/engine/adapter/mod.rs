//! The adapter in `src/cloud` against a strict AWS: every method of the port works, one request a call, errors
//! are classified, counts are true.

mod account;
mod compute;
mod faults;
mod fixtures;
mod principals;
mod rest_api;
mod wire;
