//! Calls that are made alike for each student. Once the first students have met a cause that is everybody's, it is told, and
//! is the others' answer: they need not meet it one by one.

use std::future::Future;

use crate::aws::common_cause::StackPart;
use crate::aws::{CallError, CallResult, Client};
use crate::ids::Username;

use crate::stack::hints;

/// A kind of calls that is made alike for each student, for one of them.
pub(crate) struct Alike<'a> {
    /// Makes them.
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

    /// The answer to one of these calls; tells the class when it shows what is everybody's.
    ///
    /// # Errors
    /// The call's, or that the run was stopped.
    pub(crate) async fn answer<T>(
        &self,
        call: impl Future<Output = CallResult<T>>,
    ) -> CallResult<T> {
        let answer = call.await;
        let client = &self.client;
        if let Err(CallError::Cloud(error)) = &answer
            && client
                .is_everybodys(self.student, &self.part, error)
                .await?
            && client.causes().is_news(&self.part, error)
        {
            let told = "the first students cannot be looked at for a cause that is everybody's, so the others are not tried";
            client.emit(hints::everybodys(told, error, None));
        }
        answer
    }
}
