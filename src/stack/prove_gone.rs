//! The end of a teardown. A deletion that AWS accepted proves nothing: "gone" means that a fresh listing does not show it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;

use crate::aws::Client;
use crate::aws::stop::Cancelled;
use crate::ids::LabId;
use crate::stack::execute::{StudentRun, execute};
use crate::stack::kinds::log_group::LATE_LOGS;
use crate::stack::kinds::user::access;
use crate::stack::kinds::{Desired, ResourceId, log_group, role};
use crate::stack::observe::{Depth, observe, observe_access};
use crate::stack::plan::teardown::Reach;
use crate::stack::plan::{Plan, StudentPlan, Verdict, teardown};
use crate::stack::result::{Fresh, StackResult};

/// How long a fresh listing may still show what is deleted: listings of IAM and of API Gateway are eventually consistent,
/// and AWS gives no figure.
const LISTING_LAG: Duration = Duration::from_secs(60);
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
    /// Whether the class has something that this teardown does not delete.
    pub(crate) fn is_elsewhere(&self) -> bool {
        !self.other_regions.is_empty() || self.is_ownerless()
    }

    /// Whether it has roles here that nothing proves to be its own.
    pub(crate) fn is_ownerless(&self) -> bool {
        !self.ownerless_roles.is_empty()
    }

    /// Each student's result, then those of students who had nothing when the teardown began and have something now.
    pub(crate) fn results(&self, torn_down: &Plan, runs: &[StudentRun]) -> Vec<StackResult> {
        let is_new = |student: &&StudentPlan| {
            let mut known = torn_down.students.iter();
            student.steps() > 0 && !known.any(|known| known.owner == student.owner)
        };
        let new = self.plan.students.iter().filter(is_new);
        let mut results = results(torn_down, runs, Some(&self.plan));
        results.extend(new.map(|s| StackResult::taken_down(s, None, Fresh::Seen(Some(s)))));
        results
    }

    pub(crate) fn notes(&self, torn_down: &Plan) -> Vec<String> {
        let items = torn_down.students.iter().flat_map(|s| &s.items);
        let foreign: Vec<_> = items.filter(|i| i.verdict == Verdict::Foreign).collect();
        let named = foreign.iter().take(FOREIGN_NAMED);
        let named = named.map(|item| format!("left alone: {}: {}", item.resource, item.why));
        let more = foreign.len().saturating_sub(FOREIGN_NAMED);
        let more = (more > 0).then(|| format!("and {more} more left alone"));
        let labs = self.other_labs.iter().map(|(lab, resources)| {
            format!(
                "{resources} resources of this class belong to lab {lab} and were left alone: to delete them, name that \
                 lab's folder (--lab DIR)"
            )
        });
        let regions = self.other_regions.iter().map(|(region, roles)| {
            format!(
                "this class also has a stack in {region} ({roles} roles), which was left alone: to delete it, add \
                 --region {region}"
            )
        });
        let ownerless = self.ownerless_roles.iter().map(|name| {
            format!(
                "IAM role {name} has the class's path and no tags that say whose it is: it was left alone, check it \
                 yourself"
            )
        });
        let others = labs.chain(regions).chain(ownerless);
        named.chain(more).chain(others).collect()
    }
}

/// What became of each student of a plan that deletes; `left` is the plan over a fresh listing, if one was made.
pub(crate) fn results(plan: &Plan, runs: &[StudentRun], left: Option<&Plan>) -> Vec<StackResult> {
    let pairs = plan.students.iter().zip(runs);
    let results = pairs.map(|(student, run)| {
        let fresh = left.map_or(Fresh::NotLooked, |left| {
            let mut seen = left.students.iter();
            Fresh::Seen(seen.find(|s| s.owner == student.owner))
        });
        StackResult::taken_down(student, Some(run), fresh)
    });
    results.collect()
}

/// Resources that could not be deleted: nobody waits until they are gone.
fn failed(runs: &[StudentRun]) -> BTreeSet<&ResourceId> {
    let steps = runs.iter().flat_map(|run| &run.steps);
    let failed = steps.filter(|(_, result)| !result.is_well());
    failed.map(|(resource, _)| resource).collect()
}

/// Lists everything afresh after a teardown. Deletes log groups that Lambda made again meanwhile, and gives eventually
/// consistent listings time to forget what is gone.
pub async fn prove_gone(
    client: &Client,
    desired: &Desired,
    depth: &Depth,
    torn_down: &Plan,
    runs: &[StudentRun],
) -> Result<StillThere, Cancelled> {
    let began = Instant::now();
    let failed = failed(runs);
    let mut known = BTreeMap::new();
    let mut functions_deleted = false;
    for (student, run) in torn_down.students.iter().zip(runs) {
        for (resource, result) in &run.steps {
            if let Some(group) = log_group::made_again(resource) {
                functions_deleted |= resource.kind.facts().runs && result.is_well();
                known.insert(group, student.owner.clone());
            }
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

/// Lists users and policies afresh after access was revoked, until none of the class's shows or time is up. Returns the plan
/// over what is still there.
pub async fn prove_access_gone(
    client: &Client,
    desired: &Desired,
    reach: Reach,
    revoked: &Plan,
    runs: &[StudentRun],
) -> Result<Plan, Cancelled> {
    let (began, failed) = (Instant::now(), failed(runs));
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
