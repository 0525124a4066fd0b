//! `deploy`: makes it so, for all students at once.

use std::time::Instant;

use crate::aws::Client;
use crate::cli::{Cli, DeployArgs};
use crate::error::{Error, Kind, Result};
use crate::events::{
    Command, Event, Failure, Outcome, ResourceResult, ResourceState, RunSummary, StepResult,
    StudentResult,
};
use crate::ids::Username;
use crate::report::View;
use crate::stack::execute::{StudentRun, execute};
use crate::stack::kinds::Gap;
use crate::stack::kinds::Observed;
use crate::stack::kinds::rest_api;
use crate::stack::ownership::Owner;
use crate::stack::plan::{Action, Item, Plan, StudentPlan, Verdict};

use super::kept::{self, Copies};
use super::plan::{Planned, blocked, broken_limits, left, plan, view};
use super::run::{exit_of, notes_of_given_up, run as run_work, summarise};
use super::session::{Class, Session};
use super::{Exit, people, reset, show, stale, validations};

/// A deployment that ended, well or not.
pub(super) struct Deployment {
    pub summary: RunSummary,
    pub gaps: Vec<Gap>,
    /// Students whose policy and handout name an API that is not there any more.
    pub stale: Vec<Username>,
    pub exit: Exit,
}

pub(super) async fn run(cli: &Cli, args: &DeployArgs) -> Result<Exit> {
    let session = Class::load(cli)?.connect().await?;
    if args.reset {
        // Nobody is asked for what would be refused anyway.
        super::risks::refuse(&session)?;
        reset::agreed(&session).await?;
    }
    let deployment = deploy(&session, args).await?;
    let view = View {
        gaps: &deployment.gaps,
        stale: &deployment.stale,
        ..view(&session)
    };
    show(&deployment.summary, &view, session.class.settings.ui)?;
    Ok(deployment.exit)
}

/// Deploys a session's students.
///
/// # Errors
/// When it was stopped before anything was done, or the account has no room.
pub(super) async fn deploy(session: &Session, args: &DeployArgs) -> Result<Deployment> {
    super::risks::refuse(session)?;
    let allowed = super::risks::allowed(session);
    let ran = run_work(session, Command::Deploy, true, async |client| {
        // Before anything is made.
        for text in &allowed {
            client.emit(Event::Note { text: text.clone() });
        }
        let Planned { mut plan, observed } = plan(client, session, args.reset).await?;
        let no_room = broken_limits(&plan, args.ignore_concurrency);
        if !no_room.is_empty() {
            return Ok(Err(no_room));
        }
        let copies = match args.reset {
            true => kept::keep(client, session, &observed, &plan).await?,
            false => Copies::default(),
        };
        copies.spare(&mut plan);
        let (students, stale) = carry_out(client, session, &plan, &observed, &copies).await;
        Ok::<_, Error>(Ok((plan, observed, copies, students, stale)))
    })
    .await;
    let (plan, observed, copies, students, stale) = match ran.output? {
        Err(failures) => {
            return Err(Error {
                kind: Kind::Refused,
                failures,
            });
        }
        Ok(done) => done,
    };
    let exit = exit_of(
        ran.interrupted,
        &students,
        [Outcome::Failed, Outcome::Conflict],
    );
    let mut notes = notes_of_given_up(&ran.given_up);
    notes.extend(validations::forget(session, &students));
    notes.extend(copies.note());
    notes.extend(allowed);
    let (with_user, with_handout) = stale::known(session, &observed, &stale);
    notes.extend(stale::note(&with_user, &with_handout));
    people::keep(session);
    let files = copies.files.values().flatten();
    let mut summary = summarise(session, Command::Deploy, students, notes);
    summary.left = left(session, &observed);
    summary.files = files.map(|path| path.display().to_string()).collect();
    Ok(Deployment {
        summary,
        gaps: plan.gaps,
        stale: with_user,
        exit,
    })
}

/// Whose API this deployment made, or finished after one that was stopped in the middle: an API without a stage has
/// never answered anybody.
fn new_apis(plan: &Plan, observed: &Observed, runs: &[StudentRun]) -> Vec<Owner> {
    let never_deployed = |id: &str| {
        let mut apis = observed.rest_apis.values().flatten();
        apis.any(|api| api.id == id && api.stages.as_ref().is_some_and(Vec::is_empty))
    };
    let made = |item: &Item, run: &StudentRun| {
        let new = match &item.action {
            Some(Action::RestApi(rest_api::Action::Create(_))) => true,
            Some(Action::RestApi(rest_api::Action::Complete { id, .. })) => never_deployed(id),
            _ => false,
        };
        new && matches!(run.steps.get(&item.resource), Some(StepResult::Done))
    };
    let pairs = plan.students.iter().zip(runs);
    let new = pairs.filter(|(student, run)| student.items.iter().any(|item| made(item, run)));
    new.map(|(student, _)| student.owner.clone()).collect()
}

/// Carries a plan out; each student's result, and whose API was made.
async fn carry_out(
    client: &Client,
    session: &Session,
    plan: &Plan,
    observed: &Observed,
    copies: &Copies,
) -> (Vec<StudentResult>, Vec<Owner>) {
    let ended = |student: &StudentPlan, run: &StudentRun| {
        let mut result = result(student, run, Outcome::Deployed);
        if let Some(lost) = copies.lost.get(&student.owner.student) {
            result.outcome = Outcome::Failed;
            result.errors.push(lost.clone());
        }
        result
    };
    let started = Instant::now();
    client.emit(run_started(session, Command::Deploy, plan));
    let runs = execute(client, plan, |student, run| {
        let result = ended(student, run);
        (result.outcome != Outcome::Unchanged).then(|| Event::StudentFinished {
            student: student.owner.student.clone(),
            outcome: result.outcome,
            failure: result.errors.first().cloned(),
        })
    })
    .await;
    let outputs = super::outputs::after_deployment(client, session).await;
    let students = plan
        .students
        .iter()
        .zip(&runs)
        .map(|(student, run)| {
            let mut result = ended(student, run);
            result.outputs = outputs.get(&result.username).cloned().unwrap_or_default();
            result
        })
        .collect();
    client.emit(Event::RunFinished {
        elapsed_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
    });
    (students, new_apis(plan, observed, &runs))
}

/// The first event of a run that carries out a plan.
pub(super) fn run_started(session: &Session, command: Command, plan: &Plan) -> Event {
    Event::RunStarted {
        command,
        class: session.class.name().clone(),
        lab: session.desired.lab.clone(),
        account: session.scope().account.clone(),
        region: session.scope().region.clone(),
        students: plan
            .students
            .iter()
            .filter(|s| s.steps() > 0 || s.is_blocked())
            .count(),
        steps: plan.steps(),
    }
}

/// How a student's part of a run that makes something ended: `done` when something was to be done and all of it is.
pub(super) fn result(plan: &StudentPlan, run: &StudentRun, done: Outcome) -> StudentResult {
    let mut errors = blocked(plan);
    errors.extend(failures(run));
    let any = |test: fn(&StepResult) -> bool| run.steps.values().any(test);
    let outcome = if plan.first(Verdict::Conflict).is_some()
        || any(|r| matches!(r, StepResult::Conflict { .. }))
    {
        Outcome::Conflict
    } else if !errors.is_empty() {
        Outcome::Failed
    } else if any(|r| matches!(r, StepResult::Cancelled)) {
        Outcome::Cancelled
    } else if run.steps.is_empty() {
        Outcome::Unchanged
    } else {
        done
    };
    StudentResult {
        username: plan.owner.student.clone(),
        outcome,
        resources: resources(plan, run),
        checks: Vec::new(),
        outputs: Vec::new(),
        errors,
    }
}

/// What went wrong on its own; what was skipped because of it says nothing new.
pub(super) fn failures(run: &StudentRun) -> Vec<Failure> {
    run.steps
        .values()
        .filter_map(|result| match result {
            StepResult::Conflict { failure } | StepResult::Failed { failure } => {
                Some(failure.clone())
            }
            _ => None,
        })
        .collect()
}

/// What became of each resource.
pub(super) fn resources(plan: &StudentPlan, run: &StudentRun) -> Vec<ResourceResult> {
    plan.items
        .iter()
        .map(|item| {
            let planned = || (!item.why.is_empty()).then(|| item.why.clone());
            let (state, detail) = match run.steps.get(&item.resource) {
                None => (ResourceState::Planned(item.verdict), planned()),
                Some(StepResult::Done) => (ResourceState::Done, planned()),
                Some(StepResult::Absent) => (ResourceState::Planned(Verdict::Absent), None),
                Some(StepResult::Conflict { failure }) => (
                    ResourceState::Planned(Verdict::Conflict),
                    Some(failure.cause_in_full()),
                ),
                Some(StepResult::Failed { failure }) => {
                    (ResourceState::Failed, Some(failure.cause_in_full()))
                }
                Some(StepResult::Skipped { needs }) => {
                    (ResourceState::Skipped, Some(format!("needs {needs}")))
                }
                Some(StepResult::Cancelled) => (ResourceState::Cancelled, None),
            };
            ResourceResult {
                resource: item.resource.clone(),
                state,
                detail,
            }
        })
        .collect()
}
