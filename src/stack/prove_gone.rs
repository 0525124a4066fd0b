//! The end of a teardown: "delete accepted" is not "deleted". Done means absent from a fresh listing.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;

use crate::aws::Client;
use crate::aws::stop::Cancelled;
use crate::ids::LabId;
use crate::stack::kinds::log_group::LATE_LOGS;
use crate::stack::kinds::user::access;
use crate::stack::kinds::{Desired, ResourceId, log_group, role};
use crate::stack::plan::teardown::Reach;
use crate::stack::plan::{Plan, teardown};

use crate::stack::execute::{StudentRun, execute};
use crate::stack::observe::{Depth, observe, observe_access};

/// How long a fresh listing may go on showing what is deleted already: listings of IAM and of API Gateway
/// are eventually consistent, and AWS gives no figure.
const LISTING_LAG: Duration = Duration::from_secs(60);
/// Pause between two fresh listings.
const LISTING_PAUSE: Duration = Duration::from_secs(5);

/// What a fresh listing still shows.
#[derive(Debug, Clone, PartialEq)]
pub struct StillThere {
    /// A teardown planned over it: what has something to do is still there.
    pub plan: Plan,
    /// Resources of the class's other labs, by lab.
    pub other_labs: BTreeMap<LabId, usize>,
    /// Roles of the class whose stack is in another region, by region.
    pub other_regions: BTreeMap<String, usize>,
    /// Roles below the class's path that do not say whose they are.
    pub ownerless_roles: Vec<String>,
}

/// Looks again, afresh, after a teardown. Deletes log groups that Lambda made again meanwhile, and gives
/// eventually consistent listings time to forget what is gone; what could not be deleted is not waited for.
///
/// # Errors
/// Only when the run is stopped: then nothing is proven.
pub async fn prove_gone(
    client: &Client,
    desired: &Desired,
    depth: &Depth,
    torn_down: &Plan,
    runs: &[StudentRun],
) -> Result<StillThere, Cancelled> {
    let began = Instant::now();
    let mut known = BTreeMap::new();
    let mut failed = BTreeSet::new();
    let mut functions_deleted = false;
    for (student, run) in torn_down.students.iter().zip(runs) {
        for (resource, result) in &run.steps {
            if !result.is_well() {
                failed.insert(resource.clone());
            }
            let Some(group) = log_group::made_again(resource) else {
                continue;
            };
            functions_deleted |= resource.kind.facts().runs && result.is_well();
            known.insert(group, student.owner.clone());
        }
    }
    let stop = client.stop();
    stop.check()?;
    if functions_deleted {
        stop.sleep(LATE_LOGS).await?;
    }
    loop {
        let mut observed = observe(client, desired, depth).await?;
        let claimed = log_group::claim(&mut observed, &known);
        let left = teardown::plan(desired, &observed, depth.reach());
        let open = left.only(|item| !failed.contains(&item.resource));
        if open.steps() == 0 || began.elapsed() >= LISTING_LAG {
            return Ok(StillThere {
                plan: left,
                other_labs: teardown::other_labs(desired, &observed),
                other_regions: teardown::other_regions(desired, &observed, depth.reach()),
                ownerless_roles: role::ownerless(desired, &observed),
            });
        }
        // Only what Lambda made again: a log group that somebody deploys meanwhile carries tags.
        let recreated = open.only(|item| claimed.contains(&item.resource));
        execute(client, &recreated, |_, _| None).await;
        stop.sleep(LISTING_PAUSE).await?;
    }
}

/// Looks again, afresh, after access was revoked, until nothing of it shows or time is up. Answers the plan over what
/// is still there.
///
/// # Errors
/// Only when the run is stopped: then nothing is proven.
pub async fn prove_access_gone(
    client: &Client,
    desired: &Desired,
    reach: Reach,
    revoked: &Plan,
    runs: &[StudentRun],
) -> Result<Plan, Cancelled> {
    let began = Instant::now();
    let steps = runs.iter().flat_map(|run| &run.steps);
    let failed: BTreeSet<&ResourceId> = steps
        .filter(|(_, result)| !result.is_well())
        .map(|(resource, _)| resource)
        .collect();
    if revoked.steps() == 0 {
        return Ok(revoked.clone());
    }
    loop {
        let observed = observe_access(client, desired, false).await?;
        let left = access::revoke(desired, &observed, reach);
        let open = left.only(|item| !failed.contains(&item.resource));
        if open.steps() == 0 || began.elapsed() >= LISTING_LAG {
            return Ok(left);
        }
        client.stop().sleep(LISTING_PAUSE).await?;
    }
}
