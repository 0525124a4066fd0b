//! The end of a teardown: "delete accepted" is not "deleted". Done means absent from a fresh listing.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;

use crate::domain::desired::Desired;
use crate::domain::ids::LabId;
use crate::domain::plan::{Plan, teardown};
use crate::domain::resources::Kind;

use super::call::Caller;
use super::execute::{StudentRun, execute};
use super::observe::{Depth, observe};
use super::port::Cloud;
use super::stop::Cancelled;

/// How long a fresh listing may go on showing what is deleted already: listings of IAM and of API Gateway
/// are eventually consistent, and AWS gives no figure.
const LISTING_LAG: Duration = Duration::from_secs(60);
/// Pause before the first look. What a function logged at its end is delivered within seconds, and would
/// make its log group again; nothing tells that all of it has arrived.
const LATE_LOGS: Duration = Duration::from_secs(5);
/// Pause between two fresh listings.
const LISTING_PAUSE: Duration = Duration::from_secs(5);

/// What a fresh listing still shows.
#[derive(Debug, Clone, PartialEq)]
pub struct Left {
    /// A teardown planned over it: what has something to do is still there.
    pub plan: Plan,
    /// Resources of the class's other labs, by lab.
    pub other_labs: BTreeMap<LabId, usize>,
    /// Roles of the class whose stack is in another region, by region.
    pub other_regions: BTreeMap<String, usize>,
}

/// Looks again, afresh, after a teardown. Deletes log groups that Lambda made again meanwhile, and gives
/// eventually consistent listings time to forget what is gone; what could not be deleted is not waited for.
///
/// # Errors
/// Only when the run is stopped: then nothing is proven.
pub async fn prove_gone<C: Cloud>(
    caller: &Caller<C>,
    desired: &Desired,
    depth: &Depth,
    torn_down: &Plan,
    runs: &[StudentRun],
) -> Result<Left, Cancelled> {
    let began = Instant::now();
    let mut deleted = BTreeMap::new();
    let mut failed = BTreeSet::new();
    for (student, run) in torn_down.students.iter().zip(runs) {
        for (resource, result) in &run.steps {
            if result.is_well() {
                deleted.insert(resource.clone(), student.owner.clone());
            } else {
                failed.insert(resource.clone());
            }
        }
    }
    let stop = caller.stop();
    stop.check()?;
    if deleted.keys().any(|id| id.kind == Kind::LogGroup) {
        stop.sleep(LATE_LOGS).await?;
    }
    loop {
        let mut observed = observe(caller, desired, depth).await?;
        teardown::claim_recreated(&mut observed, &deleted);
        let left = teardown::plan(desired, &observed, depth.reach());
        let open = left.only(|item| !failed.contains(&item.resource));
        if open.steps() == 0 || began.elapsed() >= LISTING_LAG {
            return Ok(Left {
                plan: left,
                other_labs: teardown::other_labs(desired, &observed),
                other_regions: teardown::other_regions(desired, &observed),
            });
        }
        // Only what this very teardown deleted: a log group that somebody deploys meanwhile is not its own.
        let recreated = open.only(|item| {
            item.resource.kind == Kind::LogGroup && deleted.contains_key(&item.resource)
        });
        execute(caller, &recreated, |_, _| None).await;
        stop.sleep(LISTING_PAUSE).await?;
    }
}
