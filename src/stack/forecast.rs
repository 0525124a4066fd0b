//! How long work will take: from the calls that it is going to make, and the buckets that they must pass.
//!
//! The calls are those of an undisturbed run. The buckets are the pacer's own, in their current state, so the same arithmetic
//! gives the whole time before a run and the time that is left during one, throttled or not.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use serde::Serialize;

use crate::aws::operations::{Group, RequestQuota};
use crate::aws::pacing::{Calls, Pacer};
use crate::aws::{Client, Operation};
use crate::ids::Scope;
use crate::stack::kinds::log_group::LATE_LOGS;
use crate::stack::kinds::{
    Action, ApiType, Desired, Kind, Observed, PlannedCalls, ResourceId, function,
};
use crate::stack::plan::{Plan, deploy};
use crate::text::words::duration;

/// What a call takes, there and back, when nothing holds it up.
const ROUND_TRIP: Duration = Duration::from_millis(100);
/// Calls one after another before the scarcest one and after it (an API's parts; its permission and record).
const IN_A_ROW: u32 = 8;
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Estimate {
    /// Seconds; absent where calls are not paced, so that only the endpoint tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds: Option<u64>,
    /// What it cannot be faster than, where that counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bound: Option<Bound>,
    /// Calls that it makes when nothing goes wrong, by service.
    pub calls: BTreeMap<String, u64>,
}

/// A request quota that some work cannot be faster than.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Bound {
    pub seconds: u64,
    /// Which calls it counts (`DeleteRestApi`).
    pub calls: String,
    /// How many it allows (`1 per 30 s`).
    pub allowed: String,
}

/// What a class is expected to take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Forecast {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deploy: Option<Estimate>,
    /// What it would take to tear the same students' stacks down: after the deployment, or now.
    pub teardown: Estimate,
}

impl Estimate {
    /// Of works that are done at the same time at several places: the slowest says how long it takes.
    pub(crate) fn side_by_side(all: impl IntoIterator<Item = Self>) -> Self {
        let all = all.into_iter().reduce(|mut one, other| {
            // What is not paced at one place, nobody can tell of all.
            one.seconds = one.seconds.zip(other.seconds).map(|(a, b)| a.max(b));
            let bounds = one.bound.into_iter().chain(other.bound);
            one.bound = bounds.max_by_key(|bound| bound.seconds);
            for (service, calls) in other.calls {
                *one.calls.entry(service).or_default() += calls;
            }
            one
        });
        all.unwrap_or(Self {
            seconds: Some(0),
            bound: None,
            calls: BTreeMap::new(),
        })
    }
}

impl Forecast {
    /// [`Estimate::side_by_side`].
    pub(crate) fn side_by_side(all: Vec<Self>) -> Self {
        let deploy: Option<Vec<Estimate>> = all.iter().map(|one| one.deploy.clone()).collect();
        Self {
            deploy: deploy.map(Estimate::side_by_side),
            teardown: Estimate::side_by_side(all.into_iter().map(|one| one.teardown)),
        }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Workload {
    pub calls: Calls,
    /// Calls of other works at the same time, as far as they take of the same quotas.
    beside: Calls,
    /// What a student waits for in the cloud around the calls of an operation.
    waits: BTreeMap<Operation, WaitsAround>,
    /// What a student waits for in all, however few the calls.
    chain: Duration,
    /// What comes after the last call.
    after: Duration,
}

/// The waits of steps that a call cannot go out before, and of those that come after it, at least.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct WaitsAround {
    before: Duration,
    after: Duration,
}

/// A step of a student: what it is about, what it takes, and which steps must have ended.
struct TimedStep {
    resource: ResourceId,
    calls: PlannedCalls,
    wait: Duration,
    needs: Vec<ResourceId>,
    /// Its steps, too, must have ended.
    lets_go_first: Option<Kind>,
}

impl TimedStep {
    fn of(resource: ResourceId, action: &Action, needs: Vec<ResourceId>) -> Self {
        Self {
            resource,
            calls: action.calls(),
            wait: action.wait(),
            needs,
            lets_go_first: action.lets_go_first(),
        }
    }

    fn needs(&self, other: &Self) -> bool {
        self.needs.contains(&other.resource) || self.lets_go_first == Some(other.resource.kind)
    }
}

impl Workload {
    pub fn of(plan: &Plan) -> Self {
        let mut work = Self::default();
        for student in &plan.students {
            let steps = student.items.iter().filter_map(|item| {
                let (resource, needs) = (item.resource.clone(), item.after.clone());
                Some(TimedStep::of(resource, item.action.as_ref()?, needs))
            });
            work.add_student(&steps.collect::<Vec<_>>());
            add(&mut work.calls, function::refused_at_first(&student.items));
        }
        work
    }

    /// The work of carrying out a teardown, to the last look. What the teardown reads before is not counted.
    pub(crate) fn of_deletion(plan: &Plan) -> Self {
        let mut work = Self::of(plan);
        if !work.calls.is_empty() {
            work.after += LATE_LOGS;
        }
        work
    }

    /// The work of tearing down whole stacks, from the first look to the last.
    pub fn of_teardown(desired: &Desired) -> Self {
        let mut work = Self::default();
        for stack in &desired.stacks {
            let ids = stack.resource_ids();
            let steps = stack.specs().map(|spec| {
                // The listings' pages are not counted.
                let look = spec.look().map(|operation| (operation, 1));
                add(&mut work.calls, look.as_slice());
                let before = spec.id().kind.facts().goes_after;
                let needs = ids.iter().filter(|id| before.contains(&id.kind));
                TimedStep::of(spec.id(), &spec.deletion(), needs.cloned().collect())
            });
            let steps: Vec<TimedStep> = steps.collect();
            work.add_student(&steps);
        }
        if !work.calls.is_empty() {
            work.after += LATE_LOGS;
        }
        work
    }

    /// The work of making whole stacks where nothing is.
    pub(crate) fn of_new(desired: &Desired) -> Self {
        Self::of(&deploy::plan(desired, &Observed::default(), false))
    }

    /// The steps of one student, each after those that it needs.
    fn add_student(&mut self, steps: &[TimedStep]) {
        let before = around(steps, TimedStep::needs);
        let after = around(steps, |step, other| other.needs(step));
        for (index, step) in steps.iter().enumerate() {
            add(&mut self.calls, &step.calls);
            let waits = WaitsAround {
                before: before[index],
                after: step.wait + after[index],
            };
            self.chain = self.chain.max(waits.before + waits.after);
            for (operation, _) in step.calls.iter().filter(|(_, count)| *count > 0) {
                let known = self.waits.entry(*operation).or_insert(waits);
                known.before = known.before.min(waits.before);
                known.after = known.after.min(waits.after);
            }
        }
    }

    /// Every call that takes of the same quotas.
    fn with_others(&self) -> Calls {
        let mut all = self.calls.clone();
        for (operation, count) in &self.beside {
            *all.entry(*operation).or_default() += count;
        }
        all
    }

    /// What to expect of it with these buckets.
    pub fn estimate(&self, pacer: &Pacer) -> Estimate {
        let mut by_service = BTreeMap::new();
        for (operation, count) in &self.calls {
            *by_service
                .entry(operation.service().to_owned())
                .or_default() += *count as u64;
        }
        let all = self.with_others();
        let (_, group) = pacer.time_for(&all);
        Estimate {
            seconds: self.time(pacer).map(whole_seconds),
            bound: group.and_then(|group| bound(pacer, group, &all)),
            calls: by_service,
        }
    }

    /// How long it takes; `None` where calls are not paced.
    pub(super) fn time(&self, pacer: &Pacer) -> Option<Duration> {
        if pacer.is_unlimited() {
            return None;
        }
        if self.calls.is_empty() {
            return Some(Duration::ZERO);
        }
        let all = self.with_others();
        let through = pacer.times_for(&all).map(|(group, through)| {
            let calls = self
                .calls
                .keys()
                .filter(|call| call.buckets().any(|g| g == group));
            let waits = calls.filter_map(|call| self.waits.get(call));
            let least = waits.copied().reduce(|one, other| WaitsAround {
                before: one.before.min(other.before),
                after: one.after.min(other.after),
            });
            through + least.map_or(Duration::ZERO, |waits| waits.before + waits.after)
        });
        let through = through.max().unwrap_or_default();
        Some((through + ROUND_TRIP * IN_A_ROW).max(self.chain) + self.after)
    }
}

/// Works that are done at the same time at these places. Those in one account take of its IAM's quota together.
pub(crate) fn share_accounts(works: Vec<(&Scope, Workload)>) -> Vec<Workload> {
    let shared = works.iter().enumerate().map(|(at, (scope, work))| {
        let others = works.iter().enumerate();
        let others =
            others.filter(|(other, (there, _))| *other != at && there.account == scope.account);
        let mut work = work.clone();
        for (_, (_, other)) in others {
            let of_account = other
                .calls
                .iter()
                .filter(|(operation, _)| operation.is_of_account());
            let of_account: Vec<_> = of_account
                .map(|(operation, count)| (*operation, *count))
                .collect();
            add(&mut work.beside, &of_account);
        }
        work
    });
    shared.collect()
}

/// For each step the longest chain of waits of other steps that `is_next` leads to, its own not counted.
fn around(steps: &[TimedStep], is_next: impl Fn(&TimedStep, &TimedStep) -> bool) -> Vec<Duration> {
    fn longest(
        steps: &[TimedStep],
        at: usize,
        is_next: &impl Fn(&TimedStep, &TimedStep) -> bool,
        known: &mut Vec<Option<Duration>>,
    ) -> Duration {
        if let Some(known) = known[at] {
            return known;
        }
        let next = (0..steps.len()).filter(|other| is_next(&steps[at], &steps[*other]));
        let waits = next.map(|other| steps[other].wait + longest(steps, other, is_next, known));
        let longest = waits.max().unwrap_or_default();
        known[at] = Some(longest);
        longest
    }
    let mut known = vec![None; steps.len()];
    (0..steps.len())
        .map(|at| longest(steps, at, &is_next, &mut known))
        .collect()
}

fn add(calls: &mut Calls, more: &[(Operation, usize)]) {
    for (operation, count) in more {
        if *count > 0 {
            *calls.entry(*operation).or_default() += count;
        }
    }
}

fn whole_seconds(time: Duration) -> u64 {
    time.as_secs_f64().ceil() as u64
}

/// What the quota itself asks, without any margin of ours.
fn bound(pacer: &Pacer, group: Group, calls: &Calls) -> Option<Bound> {
    let quota = pacer.quota(group)?;
    let count = pacer.count_through(group, calls) as f64;
    let seconds = (count - quota.burst).max(0.0) / quota.per_second;
    (seconds >= 1.0).then(|| Bound {
        seconds: seconds.round() as u64,
        calls: name(group),
        allowed: allowed(quota),
    })
}

/// `DeleteRestApi`, `all calls to API Gateway together`.
fn name(group: Group) -> String {
    match group {
        Group::Own(operation) => operation.name().to_owned(),
        Group::ApiGateway => "all calls to API Gateway together".to_owned(),
        Group::LambdaControlPlane => "all calls to Lambda's control plane together".to_owned(),
        Group::Iam => "all calls to IAM together".to_owned(),
    }
}

/// `1 per 30 s`, `15 per s`.
fn allowed(quota: RequestQuota) -> String {
    let short = |value: f64| {
        let text = format!("{value:.1}");
        text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
    };
    if quota.per_second < 1.0 {
        format!("1 per {} s", short(1.0 / quota.per_second))
    } else {
        format!("{} per s", short(quota.per_second))
    }
}

/// What a class of REST APIs would gain if they were HTTP APIs; `None` where it has none, or calls are not paced.
pub fn as_http(desired: &Desired, pacer: impl Fn() -> Pacer) -> Option<String> {
    let mut apis = desired.stacks.iter().flat_map(|stack| &stack.apis);
    apis.find(|api| api.api_type == ApiType::Rest)?;
    let http = desired.clone().with_api_type(ApiType::Http);
    // Each begins with full quotas.
    let time = |work: &Workload| {
        let seconds = work.estimate(&pacer()).seconds?;
        Some(duration(Duration::from_secs(seconds)))
    };
    Some(format!(
        "the type of the API decides how long this takes: as REST, a deployment from nothing takes about {} and a teardown about \
         {}; with api_type = \"HTTP\" about {} and {}",
        time(&Workload::of_new(desired))?,
        time(&Workload::of_teardown(desired))?,
        time(&Workload::of_new(&http))?,
        time(&Workload::of_teardown(&http))?,
    ))
}

/// How much of some work is left while it is being done.
#[derive(Debug)]
pub(super) struct Remaining {
    planned: Workload,
    /// Calls that were done when the work began.
    before: Calls,
    /// The calls of steps that have not ended.
    open: Mutex<Calls>,
}

impl Remaining {
    pub(super) fn of(plan: &Plan, client: &Client) -> Self {
        let planned = Workload::of(plan);
        Self {
            open: Mutex::new(planned.calls.clone()),
            before: client.done(),
            planned,
        }
    }

    /// A step has ended, well or not: whatever calls it still had planned will not come.
    pub(super) fn ended(&self, action: &Action) {
        let mut open = self.open();
        for (operation, count) in action.calls() {
            if let Some(left) = open.get_mut(&operation) {
                *left = left.saturating_sub(count);
            }
        }
    }

    /// The work that is left. `lasted`: how long it has taken so far.
    pub(super) fn work(&self, client: &Client, lasted: Duration) -> Workload {
        let done = client.done();
        let mut calls = self.open().clone();
        for (operation, left) in &mut calls {
            let count = |calls: &Calls| calls.get(operation).copied().unwrap_or_default();
            let made = count(&done) - count(&self.before);
            *left = count(&self.planned.calls).saturating_sub(made).min(*left);
        }
        calls.retain(|_, left| *left > 0);
        let mut work = Workload {
            calls,
            chain: self.planned.chain.saturating_sub(lasted),
            ..self.planned.clone()
        };
        for waits in work.waits.values_mut() {
            waits.before = waits.before.saturating_sub(lasted);
        }
        work
    }

    fn open(&self) -> MutexGuard<'_, Calls> {
        self.open.lock().unwrap_or_else(|e| e.into_inner())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::pacing::{Overrides, Pace};

    fn work(calls: &[(Operation, usize)]) -> Workload {
        Workload {
            calls: calls.iter().copied().collect(),
            ..Workload::default()
        }
    }

    fn estimate(pace: Pace, calls: &[(Operation, usize)]) -> Estimate {
        work(calls).estimate(&Pacer::new(pace, &Overrides::new()))
    }

    #[tokio::test]
    async fn the_bound_is_the_quotas_own_and_the_time_a_little_more() {
        let estimate = estimate(Pace::Scaled(1.0), &[(Operation::DeleteRestApi, 30)]);
        let bound = estimate.bound.unwrap();
        assert_eq!(bound.seconds, 870);
        assert_eq!(bound.calls, "DeleteRestApi");
        assert_eq!(bound.allowed, "1 per 30 s");
        assert!((875..895).contains(&estimate.seconds.unwrap()));
    }

    #[tokio::test]
    async fn a_raised_pace_raises_what_is_allowed() {
        let calls = [(Operation::CreateDeployment, 30)];
        let bound = estimate(Pace::Scaled(10.0), &calls).bound.unwrap();
        assert_eq!((bound.seconds, bound.allowed.as_str()), (15, "2 per s"));
    }

    #[tokio::test]
    async fn the_slowest_of_several_places_is_what_all_of_them_take() {
        let of = |count| estimate(Pace::Scaled(1.0), &[(Operation::DeleteRestApi, count)]);
        let both = Estimate::side_by_side([of(10), of(30), of(20)]);
        assert_eq!((both.seconds, both.bound), (of(30).seconds, of(30).bound));
        assert_eq!(both.calls["apigateway"], 60);
        let unpaced = estimate(Pace::Unlimited, &[(Operation::DeleteRestApi, 1)]);
        assert_eq!(Estimate::side_by_side([of(10), unpaced]).seconds, None);
    }

    #[tokio::test]
    async fn two_regions_of_an_account_wait_for_one_iam() {
        let scope = |account: &str, region: &str| Scope {
            partition: "aws".into(),
            account: account.into(),
            region: region.into(),
        };
        let scopes = [
            scope("111111111111", "us-east-1"),
            scope("111111111111", "eu-west-1"),
            scope("222222222222", "us-east-1"),
        ];
        let roles = || work(&[(Operation::CreateRole, 330), (Operation::GetStages, 30)]);
        let works = share_accounts(scopes.iter().map(|scope| (scope, roles())).collect());
        let pacer = || Pacer::new(Pace::Scaled(1.0), &Overrides::new());
        let estimates = works.iter().map(|work| work.estimate(&pacer()));
        let estimates: Vec<Estimate> = estimates.collect();
        let bounds = estimates
            .iter()
            .map(|one| one.bound.as_ref().unwrap().seconds);
        assert_eq!(bounds.collect::<Vec<_>>(), [42, 42, 20]);
        assert_eq!(estimates[0].calls["iam"], 330, "each call is counted once");
    }

    #[tokio::test]
    async fn without_pacing_there_is_no_telling() {
        let estimate = estimate(Pace::Unlimited, &[(Operation::DeleteRestApi, 30)]);
        assert_eq!((estimate.seconds, estimate.bound), (None, None));
        assert_eq!(estimate.calls["apigateway"], 30);
    }

    #[tokio::test]
    async fn a_class_of_rest_apis_is_told_what_the_other_type_would_take() {
        let names: Vec<String> = (1..=30).map(|i| format!("user{i}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let desired = crate::stack::plan::tests::desired(&names);
        let pacer = || Pacer::new(Pace::Scaled(1.0), &Overrides::new());
        let told = as_http(&desired, pacer).unwrap();
        assert!(told.contains("a teardown about 14m 5"), "{told}");
        let (_, http) = told.split_once("api_type").unwrap();
        // Neither is minutes.
        assert!(!http.contains("m "), "{told}");
        assert_eq!(as_http(&desired.with_api_type(ApiType::Http), pacer), None);
        let unpaced = || Pacer::new(Pace::Unlimited, &Overrides::new());
        assert_eq!(
            as_http(&crate::stack::plan::tests::desired(&names), unpaced),
            None
        );
    }

    #[tokio::test]
    async fn nothing_to_do_takes_no_time() {
        let estimate = estimate(Pace::Scaled(1.0), &[]);
        assert_eq!((estimate.seconds, estimate.bound), (Some(0), None));
    }
}
