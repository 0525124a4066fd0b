//! Carries out a plan: all students at once, and each step as soon as the steps that it needs have ended well. One student's
//! failure never stops another student's steps.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::stream::{FuturesUnordered, StreamExt};
use tokio::time::Instant;
use tracing::Instrument;

use crate::aws::common_cause::StackPart;
use crate::aws::{Client, CloudError, ErrorKind};
use crate::events::{Event, StepResult};
use crate::ids::Username;
use crate::stack::forecast::{Remaining, share_accounts};
use crate::stack::hints;
use crate::stack::issue::Issuer;
use crate::stack::kinds::{Action, Item, ResourceId};
use crate::stack::plan::{Plan, StudentPlan};
use crate::stack::step::{Context, Settled, StepError};

const TIME_LEFT_EVERY: Duration = Duration::from_secs(1);

/// How the steps of one student ended; items without an action are not in it.
#[derive(Debug, Clone, PartialEq)]
pub struct StudentRun {
    pub student: Username,
    pub steps: BTreeMap<ResourceId, StepResult>,
}

/// Carries out a plan that issues no credentials: see [`execute_issuing`].
pub async fn execute(
    client: &Client,
    plan: &Plan,
    finished: impl Fn(&StudentPlan, &StudentRun) -> Option<Event>,
) -> Vec<StudentRun> {
    execute_issuing(client, plan, None, finished).await
}

/// Carries out a plan. Ends early only when the run is stopped, and even then with a result for every step.
/// `finished` gives the event, if any, for the end of one student's work.
pub async fn execute_issuing(
    client: &Client,
    plan: &Plan,
    issuer: Option<&dyn Issuer>,
    finished: impl Fn(&StudentPlan, &StudentRun) -> Option<Event>,
) -> Vec<StudentRun> {
    let task = Task {
        client,
        plan,
        issuer,
    };
    let mut runs = execute_all(&[task], finished).await;
    runs.pop().unwrap_or_default()
}

/// A plan to carry out at its place.
#[derive(Clone, Copy)]
pub struct Task<'a> {
    pub client: &'a Client,
    pub plan: &'a Plan,
    pub issuer: Option<&'a dyn Issuer>,
}

/// [`execute_issuing`] at several places at once. The slowest one says how much time is left.
pub async fn execute_all(
    tasks: &[Task<'_>],
    finished: impl Fn(&StudentPlan, &StudentRun) -> Option<Event>,
) -> Vec<Vec<StudentRun>> {
    let left = tasks
        .iter()
        .map(|task| Remaining::of(task.plan, task.client));
    let left: Vec<Remaining> = left.collect();
    let all = tasks.iter().zip(&left).enumerate();
    let mut running: FuturesUnordered<_> = all
        .flat_map(|(at, (task, left))| {
            let students = task.plan.students.iter().enumerate();
            students.map(move |(index, student)| async move {
                let span = tracing::debug_span!("student", student = %student.owner.student);
                let run = run_student(task, student, left).instrument(span);
                ((at, index), run.await)
            })
        })
        .collect();
    let nobody = tasks
        .iter()
        .map(|task| vec![None; task.plan.students.len()]);
    let mut done: Vec<Vec<Option<StudentRun>>> = nobody.collect();
    let began = Instant::now();
    let mut clock = tokio::time::interval(TIME_LEFT_EVERY);
    loop {
        tokio::select! {
            biased;
            next = running.next() => {
                let Some(((at, index), run)) = next else { break };
                let Task { client, plan, .. } = tasks[at];
                if let Some(event) = finished(&plan.students[index], &run) {
                    client.emit(event);
                }
                done[at][index] = Some(run);
            }
            _ = clock.tick() => {
                let lasted = began.elapsed();
                let works = tasks.iter().zip(&left);
                let works = works.map(|(task, left)| (&task.plan.scope, left.work(task.client, lasted)));
                let works = share_accounts(works.collect());
                let times = tasks.iter().zip(&works);
                let times = times.map(|(task, work)| (work.time(task.client.pacer()), task.client));
                if let Some((Some(time), client)) = times.max_by_key(|(time, _)| *time) {
                    client.emit(Event::TimeLeft { seconds: time.as_secs() });
                }
            }
        }
    }
    let runs = done.into_iter().map(|runs| runs.into_iter().flatten());
    runs.map(Iterator::collect).collect()
}

async fn run_student(task: &Task<'_>, plan: &StudentPlan, left: &Remaining) -> StudentRun {
    let client = &task.client.for_student();
    let student = &plan.owner.student;
    let items = plan.items.iter();
    let steps = items.filter_map(|item| Some((item, item.action.as_ref()?)));
    let steps: Vec<(&Item, &Action)> = steps.collect();
    if !steps.is_empty() {
        client.emit(Event::StudentStarted {
            student: student.clone(),
        });
    }
    let settled = &Settled::new(steps.iter().map(|(item, _)| &item.resource));
    let running: FuturesUnordered<_> = steps
        .iter()
        .map(|(item, action)| {
            let part = StackPart::of(&item.resource, student);
            let cx = Context {
                client: client.for_step(part.clone()),
                scope: &task.plan.scope,
                owner: &plan.owner,
                resource: &item.resource,
                part,
                settled,
                issuer: task.issuer,
            };
            async move {
                let span = tracing::debug_span!("step", resource = %item.resource);
                let result = run_step(&cx, item, action).instrument(span).await;
                left.ended(action);
                let well = result.is_well();
                settled.settle(&item.resource, well);
                (item.resource.clone(), result)
            }
        })
        .collect();
    StudentRun {
        student: student.clone(),
        steps: running.collect().await,
    }
}

async fn run_step(cx: &Context<'_>, item: &Item, action: &Action) -> StepResult {
    if let Err(error) = cx.wait_for_steps(&item.after).await {
        return error.into_result(&item.resource);
    }
    if let Some(kind) = action.lets_go_first()
        && let Err(error) = cx.wait_for_all(kind).await
    {
        return error.into_result(&item.resource);
    }
    if cx.client.stop().is_stopping() {
        return StepResult::Cancelled;
    }
    let (student, resource) = (cx.student(), &item.resource);
    let effect = action.effect().as_str();
    cx.client.emit(Event::StepStarted {
        student: student.clone(),
        resource: resource.clone(),
        action: effect.to_owned(),
    });
    let started = Instant::now();
    let result = match action.run(cx).await {
        Ok(()) => StepResult::Done,
        Err(error) => {
            if let StepError::Cloud(error) = &error {
                stop_if_shared_by_all(cx, action, error).await;
            }
            error.into_result(resource)
        }
    };
    cx.client.emit(Event::StepFinished {
        student: student.clone(),
        resource: resource.clone(),
        action: effect.to_owned(),
        result: result.clone(),
        elapsed_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
    });
    result
}

/// When an error would hit all students, says so once, and starts nothing new. That is so at once when AWS does not take
/// the credentials any more, and otherwise when the first students have failed for the same reason and none has got past
/// it. Deletions go on: each stands by itself, and every deletion that still succeeds helps.
async fn stop_if_shared_by_all(cx: &Context<'_>, action: &Action, error: &CloudError) {
    let (client, stop) = (&cx.client, cx.client.stop());
    if error.kind == ErrorKind::Credentials {
        if !stop.is_stopping() {
            let what = "AWS does not take the credentials any more: nothing new starts";
            let region = Some(cx.scope.region.as_str());
            client.emit(hints::shared_by_all(what, error, region));
            stop.drain();
        }
        return;
    }
    let shared = client.is_common_cause(cx.student(), &cx.part, error).await;
    if shared != Ok(true) || stop.is_stopping() {
        return;
    }
    let removes = action.effect().removes();
    let what = match removes {
        true => {
            "this cannot be deleted for a reason that all students share; everything else is still deleted"
        }
        false => {
            "the first students failed for a reason that all students share, so nothing new starts"
        }
    };
    let part = StackPart::alike(error.operation);
    if client.causes().is_news(&part, error) {
        client.emit(hints::shared_by_all(what, error, None));
    }
    if !removes {
        stop.drain();
    }
}
