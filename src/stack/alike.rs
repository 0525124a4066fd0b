//! Calls that are the same for each student. Once the first students have met an error that all share, the class gets one
//! note, and the error is the others' answer without a call.

use std::future::Future;

use crate::aws::common_cause::StackPart;
use crate::aws::{CallError, CallResult, Client};
use crate::ids::Username;
use crate::stack::hints;

/// Calls that are the same for each student, made for one of them.
pub(crate) struct Alike<'a> {
    pub(crate) client: Client,
    student: &'a Username,
    part: StackPart,
}

impl<'a> Alike<'a> {
    /// `what`: the same for all students.
    pub(crate) fn new(client: &Client, student: &'a Username, what: impl ToString) -> Self {
        let part = StackPart::alike(what);
        Self {
            client: client.alike(part.clone()),
            student,
            part,
        }
    }

    /// The answer to one of these calls; emits the note when it shows an error that all students share.
    pub(crate) async fn answer<T>(
        &self,
        call: impl Future<Output = CallResult<T>>,
    ) -> CallResult<T> {
        let answer = call.await;
        let client = &self.client;
        if let Err(CallError::Cloud(error)) = &answer
            && client
                .is_common_cause(self.student, &self.part, error)
                .await?
            && client.causes().is_news(&self.part, error)
        {
            let what = "the first students could not be read for a reason that all students share, so the others are not \
                 tried";
            client.emit(hints::shared_by_all(what, error, None));
        }
        answer
    }
}
