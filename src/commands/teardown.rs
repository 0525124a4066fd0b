//! `teardown`: lists what it would delete, deletes once the class is confirmed, and proves that it is gone.

use std::collections::BTreeMap;
use std::io::{self, BufRead, IsTerminal, Write};
use std::time::Instant;

use futures::StreamExt;
use tokio::sync::oneshot;

use crate::cli::{Cli, TeardownArgs};
use crate::domain::ids::LabId;
use crate::domain::observed::Observed;
use crate::domain::plan::teardown;
use crate::domain::plan::{Plan, StudentPlan, Verdict};
use crate::domain::resources::ResourceId;
use crate::engine::execute::{StudentRun, execute};
use crate::engine::observe::{Depth, observe};
use crate::engine::prove_gone::{Left, prove_gone};
use crate::engine::stop::Cancelled;
use crate::error::{Error, Kind, Result};
use crate::events::{
    Command, Event, Failure, Outcome, ResourceResult, RunSummary, StepResult, StudentResult,
};
use crate::report::print_teardown_listing;
use crate::settings::values::OutputFormat;

use super::deploy::{failures, run_started};
use super::interrupts::interrupts;
use super::plan::{blocked, interrupted, view};
use super::run::{count, notes_of_given_up, run as run_work, summarise};
use super::session::{Class, Session};
use super::{Exit, show};

/// A teardown that ended, well or not.
pub(super) struct Teardown {
    pub summary: RunSummary,
    pub exit: Exit,
}

pub(super) async fn run(cli: &Cli, args: &TeardownArgs) -> Result<Exit> {
    let class = Class::load(cli)?;
    if let Some(confirmed) = &args.confirm {
        check_confirmation(confirmed, &class)?;
    }
    let session = class.connect().await?;
    let observed = look(&session).await?;
    let plan = plan(&session, &observed);
    let ui = session.class.settings.ui;
    if plan.steps() > 0 && args.confirm.is_none() {
        let mut listing: Box<dyn Write> = match ui.output {
            OutputFormat::Text => Box::new(io::stdout()),
            // stdout is for the one document.
            OutputFormat::Json => Box::new(io::stderr()),
        };
        print_teardown_listing(&plan, &view(&session), &mut listing)
            .map_err(|error| Error::new(Kind::General, "stdout", error.to_string()))?;
        if !ask(&session).await? {
            return not_confirmed(&session, &plan);
        }
    }
    let teardown = tear_down(&session, &plan).await?;
    show(&teardown.summary, &view(&session), ui)?;
    Ok(teardown.exit)
}

/// Looks at the cloud as closely as a teardown needs to.
///
/// # Errors
/// When it was stopped.
pub(super) async fn look(session: &Session) -> Result<Observed> {
    let depth = depth(session);
    let ran = run_work(session, Command::Teardown, false, async |caller| {
        observe(caller, &session.desired, &depth).await
    })
    .await;
    ran.output.map_err(|_| interrupted())
}

/// Plans the teardown of a session's students.
pub(super) fn plan(session: &Session, observed: &Observed) -> Plan {
    teardown::plan(&session.desired, observed, depth(session).reach())
}

fn depth(session: &Session) -> Depth {
    if session.class.is_whole() {
        Depth::TeardownOfClass {
            patterns: session.class.lab.name_patterns(),
        }
    } else {
        Depth::TeardownOfStudents
    }
}

fn check_confirmation(confirmed: &str, class: &Class) -> Result<()> {
    if confirmed == class.name().as_str() {
        return Ok(());
    }
    Err(Error::new(
        Kind::Refused,
        format!("--confirm {confirmed}"),
        format!("the class is {}; nothing was deleted", class.name()),
    )
    .hint(format!(
        "to delete class {0}, use --confirm {0}; for another class, give its roster or --class",
        class.name()
    )))
}

/// Asks for the class's name at the terminal. Elsewhere nobody can answer.
///
/// # Errors
/// When the person presses Ctrl-C instead of answering.
async fn ask(session: &Session) -> Result<bool> {
    let json = session.class.settings.ui.output == OutputFormat::Json;
    if json || !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Ok(false);
    }
    let failed = |error: io::Error| Error::new(Kind::General, "terminal", error.to_string());
    let name = session.class.name().as_str();
    let mut err = io::stderr().lock();
    write!(
        err,
        "Type the class's name ({name}) to delete this, anything else to leave it: "
    )
    .and_then(|()| err.flush())
    .map_err(failed)?;
    drop(err);
    // A thread of its own: reading cannot be cancelled, and must not hold up the end of the program.
    let (sender, answer) = oneshot::channel();
    std::thread::spawn(move || {
        let mut line = String::new();
        let read = io::stdin().lock().read_line(&mut line);
        // Nobody waits any more once Ctrl-C was pressed.
        let _ = sender.send(read.map(|_| line));
    });
    let interrupts = interrupts();
    tokio::pin!(interrupts);
    tokio::select! {
        Ok(line) = answer => Ok(line.map_err(failed)?.trim() == name),
        _ = interrupts.next() => Err(interrupted()),
    }
}

fn not_confirmed(session: &Session, plan: &Plan) -> Result<Exit> {
    let students = plan
        .students
        .iter()
        .map(|student| result(student, None, Some(student)))
        .collect();
    let note = format!(
        "nothing was deleted: add --confirm {} to the same command",
        session.class.name()
    );
    let summary = summarise(session, Command::Teardown, students, vec![note]);
    show(&summary, &view(session), session.class.settings.ui)?;
    Ok(Exit::Refused)
}

/// Carries out a teardown, then looks again until nothing of the class is left or time is up.
///
/// # Errors
/// None of its own: what could not be deleted is an outcome.
pub(super) async fn tear_down(session: &Session, plan: &Plan) -> Result<Teardown> {
    let depth = depth(session);
    let ran = run_work(session, Command::Teardown, true, async |caller| {
        let began = Instant::now();
        caller.tell(run_started(session, Command::Teardown, plan));
        let runs = execute(caller, plan, finished).await;
        let left = prove_gone(caller, &session.desired, &depth, plan, &runs).await;
        caller.tell(Event::RunFinished {
            elapsed_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        });
        (runs, left)
    })
    .await;
    let (runs, left) = ran.output;
    let mut notes = notes_of_given_up(&ran.given_up);
    let pairs = plan.students.iter().zip(&runs);
    let students: Vec<StudentResult> = match &left {
        Ok(Left {
            plan: left,
            other_labs,
        }) => {
            notes.extend(notes_of_other_labs(other_labs));
            let known = pairs.map(|(student, run)| {
                let seen = left.students.iter().find(|s| s.owner == student.owner);
                result(student, Some(run), seen)
            });
            known.chain(newly_found(plan, left)).collect()
        }
        Err(Cancelled) => {
            notes.push("stopped before a fresh listing could prove what is gone".to_owned());
            pairs
                .map(|(student, run)| result(student, Some(run), Some(student)))
                .collect()
        }
    };
    let exit = if ran.interrupted {
        Exit::Interrupted
    } else if count(&students, Outcome::Remains) > 0 {
        Exit::Remains
    } else {
        Exit::Done
    };
    Ok(Teardown {
        summary: summarise(session, Command::Teardown, students, notes),
        exit,
    })
}

fn finished(student: &StudentPlan, run: &StudentRun) -> Option<Event> {
    let failures = failures(run);
    let all_done = run.steps.values().all(StepResult::is_well);
    (!run.steps.is_empty()).then(|| Event::StudentFinished {
        student: student.owner.student.clone(),
        outcome: if all_done {
            Outcome::Removed
        } else {
            Outcome::Remains
        },
        failure: failures.first().cloned(),
    })
}

/// Students of whom something is there that was not there when the teardown began.
fn newly_found(plan: &Plan, left: &Plan) -> Vec<StudentResult> {
    left.students
        .iter()
        .filter(|student| student.steps() > 0)
        .filter(|student| {
            !plan
                .students
                .iter()
                .any(|known| known.owner == student.owner)
        })
        .map(|student| result(student, None, Some(student)))
        .collect()
}

/// What became of a student: what was planned, what was done, and what a later look (`seen`) still shows.
fn result(
    plan: &StudentPlan,
    run: Option<&StudentRun>,
    seen: Option<&StudentPlan>,
) -> StudentResult {
    let still = |id: &ResourceId| {
        let items = seen.into_iter().flat_map(|s| &s.items);
        let mut items = items.filter(|item| item.resource == *id);
        items.find(|item| matches!(item.verdict, Verdict::Delete | Verdict::Unknown))
    };
    let resources: Vec<ResourceResult> = plan
        .items
        .iter()
        .map(|item| {
            let failure = run.and_then(|run| match run.steps.get(&item.resource)? {
                StepResult::Conflict { failure } | StepResult::Failed { failure } => {
                    Some(failure.cause.clone())
                }
                StepResult::Skipped { needs } => Some(format!("waits for {needs}")),
                _ => None,
            });
            let (state, detail) = match (still(&item.resource), item.verdict) {
                (Some(seen), _) => {
                    let why = (!seen.why.is_empty()).then(|| seen.why.clone());
                    ("remains", failure.or(why))
                }
                (None, Verdict::Foreign) => ("foreign", Some(item.why.clone())),
                (None, Verdict::Absent) => ("absent", None),
                (None, _) => ("removed", None),
            };
            ResourceResult {
                resource: item.resource.clone(),
                state: state.to_owned(),
                detail,
            }
        })
        .collect();
    let any = |state: &str| resources.iter().any(|r| r.state == state);
    let outcome = if any("remains") {
        Outcome::Remains
    } else if any("removed") {
        Outcome::Removed
    } else {
        Outcome::Absent
    };
    let mut errors = run.map(failures).unwrap_or_default();
    errors.extend(unseen(seen));
    StudentResult {
        username: plan.owner.student.clone(),
        outcome,
        resources,
        checks: Vec::new(),
        outputs: Vec::new(),
        errors,
    }
}

/// What could not be looked for, which is not the same as gone.
fn unseen(seen: Option<&StudentPlan>) -> Vec<Failure> {
    seen.map(blocked).unwrap_or_default().into_iter().collect()
}

/// Resources of the class's other labs, which this lab's teardown leaves alone.
fn notes_of_other_labs(labs: &BTreeMap<LabId, usize>) -> Vec<String> {
    labs.iter()
        .map(|(lab, resources)| {
            format!(
                "{resources} resources of this class belong to lab {lab} and were left alone: tear them down \
                 with that lab's folder (--lab DIR)"
            )
        })
        .collect()
}
