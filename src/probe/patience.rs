//! How long a validation waits for what may mend itself, and whom it says it waits for.
//!
//! What was just made does not work everywhere at once: a new stage answers 403 or 404, an API that may not invoke its
//! function yet answers 500, a new role is denied. AWS promises no time for any of these. So a stack of which something is
//! young is given a probe's whole deadline, and every other one a short time. AWS dates neither a policy's change nor a
//! permission's: homeroom's last deployment makes a stack young, too, and the instructor may just have corrected one.
//!
//! What one probe has waited for in vain, the next one does not wait for again: it is the same stack.

use std::time::Duration;

use crate::aws::Client;
use crate::events::Event;
use crate::ids::{ResourceId, Scope, Username};
use crate::probe::deadline::Deadline;
use crate::stack::kinds::{Observed, Stack};
use crate::stack::plan::StudentPlan;

/// From this age on, nothing of a stack is on its way to anywhere. AWS gives no figure. Users have seen three minutes for a
/// policy and five and a half for a role (`terraform-provider-aws`, issue 44517); AWS's support named 15 minutes.
const SETTLED_MS: i64 = 15 * 60_000;
/// How long an older stack's answer may be a hiccup.
const HICCUP: Duration = Duration::from_secs(20);
/// How long a student's own requests may use up the stage's limit (429), and a function may be cold (503, 504), however long was
/// waited before.
pub(super) const PASSING: Duration = Duration::from_secs(10);

/// How long one student's stack is waited for.
pub(super) struct Patience {
    young: bool,
    spent: bool,
}

impl Patience {
    /// `dates`: see [`dates`].
    pub(crate) fn of(dates: &[Option<i64>], now_ms: i64) -> Self {
        Self {
            young: is_young(dates, now_ms),
            spent: false,
        }
    }

    /// The time that a probe may wait for what may mend itself.
    pub(crate) fn begin(&self, deadline: Duration) -> Deadline {
        Deadline::new(match (self.spent, self.young) {
            (true, _) => Duration::ZERO,
            (false, true) => deadline,
            (false, false) => deadline.min(HICCUP),
        })
    }

    pub(crate) fn end(&mut self, waited: &Deadline) {
        self.spent |= waited.ran_out();
    }
}

/// Whether something may still be on its way. `dates`: when each part was made or written, in milliseconds since 1970;
/// `None` where that is not known, which may be now.
fn is_young(dates: &[Option<i64>], now_ms: i64) -> bool {
    let young = |at: &Option<i64>| at.is_none_or(|at| now_ms - at < SETTLED_MS);
    dates.iter().any(young)
}

/// When AWS says that the parts of a stack were made that take a while to be known everywhere. A function that its student
/// changed does not count: that change is in force once the function says so.
pub(super) fn dates(
    scope: &Scope,
    stack: &Stack,
    observed: &Observed,
    plan: &StudentPlan,
) -> Vec<Option<i64>> {
    let changed = |name: &str| {
        let mut items = plan.items.iter();
        items.any(|item| item.resource.name == name && item.theirs.is_some())
    };
    let functions = stack.functions.iter().filter(|spec| !changed(&spec.name));
    let functions = functions.map(|spec| observed.functions.get(&spec.name)?.modified_ms);
    let roles = stack.roles.iter();
    let roles = roles.map(|role| observed.roles.get(&role.name)?.created_ms);
    let apis = stack.apis.iter().map(|api| {
        let created_s = observed.api_of(scope, stack, api)?.created_s;
        (created_s > 0).then_some(created_s * 1000)
    });
    functions.chain(roles).chain(apis).collect()
}

/// Says what a student is waited for, once for each thing.
pub(super) struct Teller<'a> {
    client: &'a Client,
    student: &'a Username,
    said: Option<String>,
}

impl<'a> Teller<'a> {
    pub(crate) fn new(client: &'a Client, student: &'a Username) -> Self {
        Self {
            client,
            student,
            said: None,
        }
    }

    pub(crate) fn tell(&mut self, resource: ResourceId, on: &str) {
        if self.said.as_deref() == Some(on) {
            return;
        }
        self.said = Some(on.to_owned());
        self.client.emit(Event::StepWaiting {
            student: self.student.clone(),
            resource,
            on: on.to_owned(),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 10_000_000_000;

    #[test]
    fn a_stack_is_young_while_any_part_of_it_is_or_may_be() {
        let old = Some(NOW - SETTLED_MS);
        assert!(!is_young(&[old, old], NOW));
        assert!(is_young(&[old, Some(NOW - SETTLED_MS + 1)], NOW));
        assert!(is_young(&[old, None], NOW), "not known is not old");
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_waited_for_in_vain_is_not_waited_for_again() {
        let mut patience = Patience {
            young: true,
            spent: false,
        };
        let client = crate::aws::connect(crate::aws::ConnectOptions::default()).await;
        let long = Duration::from_secs(120);
        let mut waited = patience.begin(long);
        assert!(waited.pause(&client).await.unwrap());
        patience.end(&waited);
        assert_eq!(patience.begin(long).allowed, long, "it came in time");
        while waited.pause(&client).await.unwrap() {}
        patience.end(&waited);
        assert_eq!(patience.begin(long).allowed, Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn the_time_before_the_first_refusal_is_no_waiting() {
        let mut patience = Patience {
            young: false,
            spent: false,
        };
        let client = crate::aws::connect(crate::aws::ConnectOptions::default()).await;
        let mut waited = patience.begin(HICCUP);
        tokio::time::advance(HICCUP * 2).await;
        assert!(waited.pause(&client).await.unwrap());
        patience.end(&waited);
        assert_eq!(patience.begin(HICCUP).allowed, HICCUP);
    }

    #[test]
    fn an_old_stack_is_given_a_short_time() {
        let patience = Patience {
            young: false,
            spent: false,
        };
        assert_eq!(patience.begin(Duration::from_secs(120)).allowed, HICCUP);
    }
}
