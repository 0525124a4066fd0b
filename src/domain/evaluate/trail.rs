//! Checks of CloudTrail events.

use super::{Answer, Facts};
use crate::domain::check::{Evidence, Proof, Verdict};
use crate::domain::execution::when;
use crate::domain::trail::TrailEvent;

/// Events that evidence shows at most.
const SHOWN_MAX: usize = 5;

/// What was seen of a student's events for one check.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TrailSight {
    /// Those that count, newest first.
    pub events: Vec<TrailEvent>,
    /// Why there may be more.
    pub unseen: Option<String>,
}

/// How many events there are, of how many that are needed; `None` when CloudTrail was not read.
pub(super) fn counted(proof: &Proof, count: u32, facts: &Facts) -> Option<(usize, usize)> {
    let sight = facts.trail.get(&proof.key())?;
    Some((sight.events.len(), count as usize))
}

pub(super) fn judge(proof: &Proof, count: u32, facts: &Facts) -> Answer {
    let Some(sight) = facts.trail.get(&proof.key()) else {
        let text = "CloudTrail was not read";
        return (Verdict::CouldNotCheck, vec![text.into()]);
    };
    let wanted = count as usize;
    let mut evidence: Vec<Evidence> = sight
        .events
        .iter()
        .take(SHOWN_MAX)
        .map(|event| Evidence {
            text: format!("{} by {} {}", event.name, event.who, when(event.time_ms)),
            console_url: facts
                .console
                .as_ref()
                .map(|scope| scope.trail_event_console_url(&event.id)),
            execution: None,
        })
        .collect();
    if sight.events.len() >= wanted {
        return (Verdict::Pass, evidence);
    }
    if let Some(why) = &sight.unseen {
        return (Verdict::CouldNotCheck, vec![why.as_str().into()]);
    }
    let seen = sight.events.len();
    evidence.push(
        format!(
            "{seen} of {wanted} events in CloudTrail, which shows them about five minutes late"
        )
        .into(),
    );
    (Verdict::Fail, evidence)
}
