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
use crate::stack::plan::{Plan, StudentPlan, Verdict, teardown};
use crate::stack::result::{Fresh, StackResult};

use crate::stack::execute::{StudentRun, execute};
use crate::stack::observe::{Depth, observe, observe_access};

/// How long a fresh listing may go on showing what is deleted already: listings of IAM and of API Gateway
/// are eventually consistent, and AWS gives no figure.
const LISTING_LAG: Duration = Duration::from_secs(60);
/// Pause between two fresh listings.
const LISTING_PAUSE: Duration = Duration::from_secs(5);

/// Foreign resources named one by one at the end; the JSON document has them all.
const FOREIGN_NAMED: usize = 20;

/// What a fresh listing still shows.
#[derive(Debug, Clone, PartialEq)]
pub struct StillThere {
    /// A teardown planned over it: what has something to do is still there.
    pub plan: Plan,
    /// Resources of the class's other labs, by lab.
    pub(crate) other_labs: BTreeMap<LabId, usize>,
    /// Roles of the class whose stack is in another region, by region.
    pub(crate) other_regions: BTreeMap<String, usize>,
    /// Roles below the class's path that do not say whose they are.
    pub(crate) ownerless_roles: Vec<String>,
}

impl StillThere {
    /// Whether something of the class stands that this teardown is not about.
    pub(crate) fn is_elsewhere(&self) -> bool {
        !self.other_regions.is_empty() || !self.ownerless_roles.is_empty()
    }

    /// Each student's result, and then those of whom something is there that was not there when the teardown began.
    pub(crate) fn results(&self, torn_down: &Plan, runs: &[StudentRun]) -> Vec<StackResult> {
        let is_new = |student: &&StudentPlan| {
            let mut known = torn_down.students.iter();
            student.steps() > 0 && !known.any(|known| known.owner == student.owner)
        };
        let new = self.plan.students.iter().filter(is_new);
        let new = new.map(|s| StackResult::taken_down(s, None, Fresh::Seen(Some(s))));
        results(torn_down, runs, Some(&self.plan))
            .into_iter()
            .chain(new)
            .collect()
    }

    /// What was left alone, and why.
    pub(crate) fn notes(&self, torn_down: &Plan) -> Vec<String> {
        let items = torn_down.students.iter().flat_map(|s| &s.items);
        let foreign: Vec<_> = items.filter(|i| i.verdict == Verdict::Foreign).collect();
        let named = foreign.iter().take(FOREIGN_NAMED);
        let named = named.map(|item| format!("left alone: {}: {}", item.resource, item.why));
        let more = foreign.len().saturating_sub(FOREIGN_NAMED);
        let more = (more > 0).then(|| format!("and {more} more left alone"));
        let labs = self.other_labs.iter().map(|(lab, resources)| {
            format!(
                "{resources} resources of this class belong to lab {lab} and were left alone: that lab's folder \
                 (--lab DIR) is about those"
            )
        });
        let regions = self.other_regions.iter().map(|(region, roles)| {
            format!(
                "this class also has a stack in {region} ({roles} roles), which was left alone: --region {region} is \
                 about that one"
            )
        });
        let ownerless = self.ownerless_roles.iter().map(|name| {
            format!(
                "IAM role {name} is below the class's path and does not say whose it is: it was left alone, look at \
                 it yourself"
            )
        });
        let others = labs.chain(regions).chain(ownerless);
        named.chain(more).chain(others).collect()
    }
}

/// What became of the students of a plan that takes away: `left` is the plan over a fresh listing, if one was made.
pub(crate) fn results(plan: &Plan, runs: &[StudentRun], left: Option<&Plan>) -> Vec<StackResult> {
    let pairs = plan.students.iter().zip(runs);
    let results = pairs.map(|(student, run)| {
        let fresh = match left {
            Some(left) => {
                let mut seen = left.students.iter();
                Fresh::Seen(seen.find(|s| s.owner == student.owner))
            }
            None => Fresh::NotLooked,
        };
        StackResult::taken_down(student, Some(run), fresh)
    });
    results.collect()
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
