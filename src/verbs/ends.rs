//! What the verbs of a class say of its end.

use super::session::Session;
use crate::aws::Client;
use crate::error::{Error, Exit, Result};
use crate::stack::ends::{due_later, over, stale_access, told_in_full};
use crate::stack::kinds::Observed;
use crate::stack::plan::Plan;

impl Session {
    /// Refuses to begin a class that is over.
    pub(crate) fn refuse_over(&self, client: &Client, plan: &Plan) -> Result<()> {
        match over(plan, self.class.settings.ends, client.time_at_aws()) {
            Some(failure) => Err(Error::of(Exit::Refused, vec![failure])),
            None => Ok(()),
        }
    }

    /// What a plan says of the end.
    pub(crate) fn on_end(&self, plan: &Plan) -> Vec<String> {
        let (class, now) = (&self.class, self.client.time_at_aws());
        let ends = class.settings.ends;
        let refused = over(plan, ends, now).map(|why| format!("deploy refuses this: {why}"));
        let dues = class.students.iter().filter_map(|student| student.due);
        let told = ends.map(|ends| told_in_full(ends, now));
        let late = due_later(class.name(), dues, ends);
        told.into_iter().chain(refused).chain(late).collect()
    }

    /// When the class ends, in one sentence.
    pub(crate) fn end_told(&self) -> Option<String> {
        let ends = self.class.settings.ends?;
        Some(told_in_full(ends, self.client.time_at_aws()))
    }

    pub(crate) fn stale_access(&self, observed: &Observed) -> Option<String> {
        stale_access(&self.desired, observed, self.class.settings.ends)
    }
}
