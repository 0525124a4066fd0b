//! Does what a plan says: all students at once, each student's steps as soon as what they need has ended
//! well. One student's failure never stops another's.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::stream::{FuturesUnordered, StreamExt};
use tokio::time::Instant;
use tracing::Instrument;

use crate::aws::common_cause::StackPart;
use crate::aws::{Client, CloudError, ErrorKind};
use crate::events::{Event, StepResult};
use crate::ids::{Scope, Username};
use crate::stack::kinds::{Action, Item, ResourceId};
use crate::stack::plan::{Plan, StudentPlan};

use crate::stack::forecast::Remaining;
use crate::stack::hints;
use crate::stack::issue::Issuer;
use crate::stack::step::{Context, RoleGate, Settled, StepError};

/// How often the time that is left is told.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// How the steps of one student ended; items without an action are not in it.
#[derive(Debug, Clone, PartialEq)]
pub struct StudentRun {
    /// The student.
    pub student: Username,
    /// How each step ended.
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

/// Carries out a plan. Ends early only when the run is stopped, and even then with every step accounted for.
/// `finished` gives the event, if any, that tells the end of one student's work.
pub async fn execute_issuing(
    client: &Client,
    plan: &Plan,
    issuer: Option<&dyn Issuer>,
    finished: impl Fn(&StudentPlan, &StudentRun) -> Option<Event>,
) -> Vec<StudentRun> {
    let left = &Remaining::of(plan, client);
    let mut running: FuturesUnordered<_> = plan
        .students
        .iter()
        .enumerate()
        .map(|(index, student)| async move {
            let span = tracing::debug_span!("student", student = %student.owner.student);
            let run = run_student(client, &plan.scope, student, issuer, left).instrument(span);
            (index, run.await)
        })
        .collect();
    let mut done: Vec<Option<StudentRun>> = vec![None; plan.students.len()];
    let began = Instant::now();
    let mut clock = tokio::time::interval(TELL_EVERY);
    loop {
        tokio::select! {
            biased;
            next = running.next() => {
                let Some((index, run)) = next else { break };
                if let Some(event) = finished(&plan.students[index], &run) {
                    client.emit(event);
                }
                done[index] = Some(run);
            }
            _ = clock.tick() => {
                if let Some(time) = left.time(client, began.elapsed()) {
                    client.emit(Event::TimeLeft { seconds: time.as_secs() });
                }
            }
        }
    }
    done.into_iter().flatten().collect()
}

async fn run_student(
    client: &Client,
    scope: &Scope,
    plan: &StudentPlan,
    issuer: Option<&dyn Issuer>,
    left: &Remaining,
) -> StudentRun {
    let student = &plan.owner.student;
    let steps: Vec<(&Item, &Action)> = plan
        .items
        .iter()
        .filter_map(|item| Some((item, item.action.as_ref()?)))
        .collect();
    if !steps.is_empty() {
        client.emit(Event::StudentStarted {
            student: student.clone(),
        });
    }
    let roles = &RoleGate::default();
    let settled = &Settled::new(steps.iter().map(|(item, _)| &item.resource));
    let mut running: FuturesUnordered<_> = steps
        .iter()
        .map(|(item, action)| {
            let part = StackPart::of(&item.resource, student);
            let cx = Context {
                client: client.about(part.clone()),
                scope,
                owner: &plan.owner,
                resource: &item.resource,
                part,
                settled,
                roles,
                issuer,
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
    let mut results = BTreeMap::new();
    while let Some((resource, result)) = running.next().await {
        results.insert(resource, result);
    }
    StudentRun {
        student: student.clone(),
        steps: results,
    }
}

async fn run_step(cx: &Context<'_>, item: &Item, action: &Action) -> StepResult {
    if let Err(error) = cx.wait_for_steps(&item.after).await {
        return error.into_result(&item.resource);
    }
    if cx.client.stop().is_stopping() {
        return StepResult::Cancelled;
    }
    let describe = action.effect().as_str().to_owned();
    cx.client.emit(Event::StepStarted {
        student: cx.student().clone(),
        resource: item.resource.clone(),
        action: describe.clone(),
    });
    let started = Instant::now();
    let result = match action.run(cx).await {
        Ok(()) => StepResult::Done,
        Err(error) => {
            if let StepError::Cloud(error) = &error {
                if error.kind == ErrorKind::Credentials {
                    give_up_without_credentials(cx, error);
                } else {
                    tell_if_everybodys(cx, action, error).await;
                }
            }
            error.into_result(&item.resource)
        }
    };
    cx.client.emit(Event::StepFinished {
        student: cx.student().clone(),
        resource: item.resource.clone(),
        action: describe,
        result: result.clone(),
        elapsed_ms: millis(started.elapsed()),
    });
    result
}

/// Credentials that AWS does not take any more are taken for nobody: what has not begun would only fail in the same
/// words, student after student.
fn give_up_without_credentials(cx: &Context<'_>, error: &CloudError) {
    let stop = cx.client.stop();
    if !stop.is_stopping() {
        let told = "AWS does not take the credentials any more: nothing new starts";
        let region = Some(cx.scope.region.as_str());
        cx.client.emit(hints::everybodys(told, error, region));
        stop.drain();
    }
}

/// What keeps the first students from their stack and nobody has got past keeps the others from theirs as well: it is
/// told once, and nothing new starts. Deletions go on: each stands by itself, and what can go had better go.
async fn tell_if_everybodys(cx: &Context<'_>, action: &Action, error: &CloudError) {
    let (client, stop) = (&cx.client, cx.client.stop());
    let everybodys = client.is_everybodys(cx.student(), &cx.part, error).await;
    if everybodys != Ok(true) || stop.is_stopping() {
        return;
    }
    let told = match action.effect().removes() {
        true => "this stays for a cause that is everybody's; all else that can go goes",
        false => "the first students fail for a cause that is everybody's, so nothing new starts",
    };
    if client
        .causes()
        .is_news(&StackPart::alike(error.operation), error)
    {
        client.emit(hints::everybodys(told, error, None));
    }
    if !action.effect().removes() {
        stop.drain();
    }
}

/// Whole milliseconds, for events.
pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
