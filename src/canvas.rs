//! Canvas over its REST API: reads an assignment's grades, and writes those that changed.
//!
//! ```text
//! assignment, users, submissions ─► Course { Gradebook } ─► judge (`report::gradebook`) ─► Push ─► update_grades ─► read back
//! ```
//!
//! What is read becomes the same [`Gradebook`](crate::report::gradebook::Gradebook) as an export's, so that rows are
//! matched and grades refused by one set of rules. Canvas's own documentation: <https://canvas.instructure.com/doc/api/>,
//! pages Assignments, Users (courses), Submissions, Progress, Pagination, Throttling.

mod api;
mod course;
mod link;
mod push;
#[cfg(test)]
mod tests;

pub(crate) use api::Canvas;
pub(crate) use course::{Course, Place};
pub(crate) use push::{Push, PushEnd};
