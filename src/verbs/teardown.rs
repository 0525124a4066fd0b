//! `teardown`: lists what it would delete, deletes once the class is confirmed, and proves that it is gone.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead, IsTerminal, Write};
use std::time::Instant;

use futures::StreamExt;
use tokio::sync::oneshot;

use crate::aws::stop::Cancelled;
use crate::cli::{Cli, TeardownArgs};
use crate::error::{Error, Kind, Result};
use crate::events::{
    Command, Event, Outcome, ResourceResult, ResourceState, RunSummary, StepResult, StudentResult,
};
use crate::ids::LabId;
use crate::options::OutputFormat;
use crate::report::{View, left, print_teardown_listing};
use crate::stack::execute::{StudentRun, execute};
use crate::stack::kinds::ResourceId;
use crate::stack::kinds::{Gap, Observed};
use crate::stack::observe::{Depth, observe};
use crate::stack::plan::teardown::{self, Reach};
use crate::stack::plan::{Item, Plan, StudentPlan, Verdict};
use crate::stack::prove_gone::prove_gone;

use super::deploy::{failures, run_started};
use super::final_report;
use super::interrupts::interrupts;
use super::leavers::Leavers;
use super::plan::{blocked, interrupted, view};
use super::run::{count, notes_of_given_up, run as run_work, summarise};
use super::session::{Class, Session};
use super::{Exit, forget, leavers, progress, show, validations};

/// Foreign resources named one by one at the end; the JSON document has them all.
const FOREIGN_NAMED: usize = 20;

/// A teardown that ended, well or not.
pub(super) struct Teardown {
    pub summary: RunSummary,
    pub gaps: Vec<Gap>,
    pub exit: Exit,
}

pub(super) async fn run(cli: &Cli, args: &TeardownArgs) -> Result<Exit> {
    let class = Class::load(cli)?;
    if let Some(confirmed) = &args.confirm {
        check_confirmation(confirmed, &class)?;
    }
    let mut session = class.connect().await?;
    let ui = session.class.settings.ui;
    let mut observed = look(&session).await?;
    if leavers::settle(&mut session, &observed, Leavers::Reached)? {
        observed = look(&session).await?;
    }
    let mut plan = plan(&session, &observed);
    leavers::check(&session, &observed, &plan)?;
    if session.class.settings.left {
        if leavers::is_nobody(&plan) {
            // Nobody's files stay for want of anybody's stack.
            forget::files(&session, Command::Teardown, &[], &observed).await;
            return Err(leavers::nobody_left(&session, "something"));
        }
        leavers::choose_found(&mut session, &plan)?;
        observed = look(&session).await?;
        plan = self::plan(&session, &observed);
    }
    let reads = plan.steps() > 0 && !args.no_final_report;
    if plan.steps() > 0 && args.confirm.is_none() {
        let mut unread = Vec::new();
        if reads && can_ask(&session) {
            let departed = final_report::departed(&session, &plan);
            let standing = progress::read_observed(&session, &observed, &departed).await?;
            unread = final_report::unread(&standing);
        }
        let first = final_report::announced(&session, reads);
        let left = left::lines(&leavers::in_plan(&session, &plan, &observed));
        list(&session, &plan, &[left, first, unread].concat())?;
        if !ask(&session).await? {
            return not_confirmed(&session, Command::Teardown, &plan);
        }
        // The answer may have taken a while: what is deleted is what is there now, and no more than was shown.
        observed = look(&session).await?;
        let fresh = self::plan(&session, &observed);
        refuse_growth(&plan, &fresh)?;
        plan = fresh;
    }
    let mut last_words = Vec::new();
    let mut files = Vec::new();
    if reads {
        let written = final_report::write(&session, &plan, &observed).await?;
        last_words = written.notes;
        files = written.files;
    } else if plan.steps() > 0 {
        final_report::close(&session, &plan)?;
    }
    let who_left = leavers::in_plan(&session, &plan, &observed);
    let mut teardown = tear_down(&session, &plan, &observed).await?;
    teardown.summary.left = who_left;
    teardown.summary.notes.splice(0..0, last_words);
    teardown.summary.files = files;
    let view = View {
        gaps: &teardown.gaps,
        ..view(&session)
    };
    show(&teardown.summary, &view, ui)?;
    Ok(teardown.exit)
}

/// Shows what would be deleted, and what is done first.
pub(super) fn list(session: &Session, plan: &Plan, first: &[String]) -> Result<()> {
    let mut listing: Box<dyn Write> = match session.class.settings.ui.output {
        OutputFormat::Text => Box::new(io::stdout()),
        // stdout is for the one document.
        OutputFormat::Json => Box::new(io::stderr()),
    };
    let view = View {
        first,
        ..view(session)
    };
    print_teardown_listing(plan, &view, &mut listing)
        .map_err(|error| Error::new(Kind::General, "stdout", error.to_string()))
}

/// Nothing may be deleted that was not in the listing that the person confirmed.
pub(super) fn refuse_growth(shown: &Plan, fresh: &Plan) -> Result<()> {
    let deletions = |plan: &Plan| -> BTreeSet<ResourceId> {
        let items = plan.students.iter().flat_map(|s| &s.items);
        let doomed = items.filter(|item| item.action.is_some());
        doomed.map(|item| item.resource.clone()).collect()
    };
    let grown: Vec<_> = deletions(fresh)
        .difference(&deletions(shown))
        .cloned()
        .collect();
    match grown.first() {
        None => Ok(()),
        Some(first) => Err(Error::new(
            Kind::Refused,
            first.to_string(),
            format!(
                "{} resources have come since the listing that you confirmed; nothing was deleted",
                grown.len()
            ),
        )
        .hint("is somebody deploying? run teardown again to see the list as it is now")),
    }
}

/// Looks at the cloud as closely as a teardown needs to.
///
/// # Errors
/// When it was stopped.
pub(super) async fn look(session: &Session) -> Result<Observed> {
    let depth = depth(session);
    let ran = run_work(session, Command::Teardown, false, async |client| {
        observe(client, &session.desired, &depth).await
    })
    .await;
    ran.output.map_err(|_| interrupted())
}

/// Plans the teardown of a session's students.
pub(super) fn plan(session: &Session, observed: &Observed) -> Plan {
    let mut plan = teardown::plan(&session.desired, observed, session.class.reach());
    leavers::mark(session, &mut plan);
    plan
}

fn depth(session: &Session) -> Depth {
    let patterns = || session.class.lab.name_patterns();
    match session.class.reach() {
        Reach::WholeClass => Depth::TeardownOfClass {
            patterns: patterns(),
        },
        Reach::Left => Depth::TeardownOfLeavers {
            patterns: patterns(),
        },
        Reach::Selected => Depth::TeardownOfStudents,
    }
}

pub(super) fn check_confirmation(confirmed: &str, class: &Class) -> Result<()> {
    if confirmed == class.name().as_str() {
        return Ok(());
    }
    Err(Error::new(
        Kind::Refused,
        format!("--confirm {confirmed}"),
        format!("the class is {}; nothing was deleted", class.name()),
    )
    .hint("look at --roster and --class: they say which class is meant"))
}

/// Whether there is somebody at a terminal who can answer.
fn can_ask(session: &Session) -> bool {
    let json = session.class.settings.ui.output == OutputFormat::Json;
    !json && io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks for the class's name at the terminal. Elsewhere nobody can answer.
///
/// # Errors
/// When the person presses Ctrl-C instead of answering.
pub(super) async fn ask(session: &Session) -> Result<bool> {
    if !can_ask(session) {
        return Ok(false);
    }
    let name = session.class.name().as_str();
    let mut err = io::stderr().lock();
    write!(
        err,
        "Type the class's name ({name}) to delete this, anything else to leave it: "
    )
    .and_then(|()| err.flush())
    .map_err(terminal)?;
    drop(err);
    Ok(answer().await? == name)
}

fn terminal(error: io::Error) -> Error {
    Error::new(Kind::General, "terminal", error.to_string())
}

/// One line from the terminal, without the white space around it.
///
/// # Errors
/// When the person presses Ctrl-C instead of answering.
pub(super) async fn answer() -> Result<String> {
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
        Ok(line) = answer => Ok(line.map_err(terminal)?.trim().to_owned()),
        _ = interrupts.next() => Err(interrupted()),
    }
}

/// The end of a deletion that nobody confirmed.
pub(super) fn not_confirmed(session: &Session, command: Command, plan: &Plan) -> Result<Exit> {
    let students = plan
        .students
        .iter()
        .map(|student| result(student, None, Fresh::Seen(Some(student))))
        .collect();
    let note = "nothing was deleted: it was not confirmed, neither by the class's name at the prompt nor with --confirm";
    let summary = summarise(session, command, students, vec![note.to_owned()]);
    let view = View {
        // Whoever did not confirm is not asked to do it after all.
        invocation: "",
        ..view(session)
    };
    show(&summary, &view, session.class.settings.ui)?;
    Ok(Exit::Refused)
}

/// Carries out a teardown, then looks again until nothing of the class is left or time is up.
///
/// # Errors
/// None of its own: what could not be deleted is an outcome.
pub(super) async fn tear_down(
    session: &Session,
    plan: &Plan,
    before: &Observed,
) -> Result<Teardown> {
    let depth = depth(session);
    let ran = run_work(session, Command::Teardown, true, async |client| {
        let began = Instant::now();
        client.emit(run_started(session, Command::Teardown, plan));
        let runs = execute(client, plan, finished).await;
        let left = prove_gone(client, &session.desired, &depth, plan, &runs).await;
        client.emit(Event::RunFinished {
            elapsed_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        });
        (runs, left)
    })
    .await;
    let (runs, left) = ran.output;
    let mut notes = notes_of_given_up(&ran.given_up);
    let pairs = plan.students.iter().zip(&runs);
    let (students, gaps, elsewhere) = match &left {
        Ok(left) => {
            notes.extend(notes_of_foreign(plan));
            notes.extend(notes_of_other_labs(&left.other_labs));
            notes.extend(notes_of_other_regions(&left.other_regions));
            notes.extend(notes_of_ownerless(&left.ownerless_roles));
            let known = pairs.map(|(student, run)| {
                let seen = left.plan.students.iter().find(|s| s.owner == student.owner);
                result(student, Some(run), Fresh::Seen(seen))
            });
            let students: Vec<StudentResult> = known.chain(newly_found(plan, &left.plan)).collect();
            let elsewhere = !left.other_regions.is_empty() || !left.ownerless_roles.is_empty();
            (students, left.plan.gaps.clone(), elsewhere)
        }
        Err(Cancelled) => {
            notes.push("stopped before a fresh listing could prove what is gone".to_owned());
            let students = pairs.map(|(student, run)| result(student, Some(run), Fresh::NotLooked));
            (students.collect(), plan.gaps.clone(), false)
        }
    };
    notes.extend(validations::forget(session, &students));
    notes.extend(forget::files(session, Command::Teardown, &students, before).await);
    let exit = if ran.interrupted {
        Exit::Interrupted
    } else if count(&students, Outcome::Remains) > 0 || !gaps.is_empty() || elsewhere {
        // What could not be seen is not proven to be gone.
        Exit::Remains
    } else {
        Exit::Done
    };
    Ok(Teardown {
        summary: summarise(session, Command::Teardown, students, notes),
        gaps,
        exit,
    })
}

/// What a later listing says of a student.
pub(super) enum Fresh<'a> {
    /// It was made; this is what it still shows of them, if anything.
    Seen(Option<&'a StudentPlan>),
    /// It was not made: the run was stopped before.
    NotLooked,
}

pub(super) fn finished(student: &StudentPlan, run: &StudentRun) -> Option<Event> {
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
            let mut known = plan.students.iter();
            !known.any(|known| known.owner == student.owner)
        })
        .map(|student| result(student, None, Fresh::Seen(Some(student))))
        .collect()
}

/// What became of a student: what was planned, what was done, and what a fresh listing shows.
pub(super) fn result(
    plan: &StudentPlan,
    run: Option<&StudentRun>,
    fresh: Fresh<'_>,
) -> StudentResult {
    let seen: &[Item] = match &fresh {
        Fresh::Seen(Some(student)) => &student.items,
        _ => &[],
    };
    let appeared = seen.iter().filter(|item| {
        !plan
            .items
            .iter()
            .any(|known| known.resource == item.resource)
    });
    let resources: Vec<ResourceResult> = plan
        .items
        .iter()
        .chain(appeared)
        .map(|item| {
            let step = run.and_then(|run| run.steps.get(&item.resource));
            let now = seen.iter().find(|seen| seen.resource == item.resource);
            let (state, detail) = resource_state(item, step, now, &fresh);
            ResourceResult {
                resource: item.resource.clone(),
                state,
                detail,
            }
        })
        .collect();
    let any = |state: ResourceState| resources.iter().any(|r| r.state == state);
    let outcome = if any(ResourceState::Remains) || any(ResourceState::NotProven) {
        Outcome::Remains
    } else if any(ResourceState::Removed) {
        Outcome::Removed
    } else {
        Outcome::Absent
    };
    let mut errors = run.map(failures).unwrap_or_default();
    if let Fresh::Seen(Some(student)) = fresh {
        errors.extend(blocked(student));
    }
    StudentResult {
        username: plan.owner.student.clone(),
        outcome,
        resources,
        checks: Vec::new(),
        outputs: Vec::new(),
        errors,
    }
}

/// What became of one resource, and why where that does not say it all.
fn resource_state(
    item: &Item,
    step: Option<&StepResult>,
    now: Option<&Item>,
    fresh: &Fresh<'_>,
) -> (ResourceState, Option<String>) {
    let failure = step.and_then(|step| match step {
        StepResult::Conflict { failure } | StepResult::Failed { failure } => {
            Some(failure.cause_in_full())
        }
        StepResult::Skipped { needs } => Some(format!("waits for {needs}")),
        StepResult::Cancelled => Some("not begun".to_owned()),
        StepResult::Done | StepResult::Absent => None,
    });
    // What only loses its boundary stays, whatever is taken away around it.
    if item.verdict == Verdict::Update {
        return match step {
            Some(StepResult::Done) => (ResourceState::Kept, None),
            _ => (ResourceState::Planned(Verdict::Update), failure),
        };
    }
    let still_there = |i: &Item| matches!(i.verdict, Verdict::Delete | Verdict::Unknown);
    match (fresh, now) {
        (Fresh::NotLooked, _) if still_there(item) => match step {
            Some(StepResult::Done) => (
                ResourceState::NotProven,
                Some("deleted, and not yet looked for again".to_owned()),
            ),
            _ => (ResourceState::Remains, failure),
        },
        // What was ours and could not be deleted does not become somebody else's by losing its tags.
        (Fresh::Seen(_), Some(now))
            if still_there(now) || (failure.is_some() && now.verdict == Verdict::Foreign) =>
        {
            let why = (!now.why.is_empty()).then(|| now.why.clone());
            (ResourceState::Remains, failure.or(why))
        }
        _ => match item.verdict {
            Verdict::Foreign => (
                ResourceState::Planned(Verdict::Foreign),
                Some(item.why.clone()),
            ),
            Verdict::Absent => (ResourceState::Planned(Verdict::Absent), None),
            _ => (ResourceState::Removed, None),
        },
    }
}

/// What bears a name of the class and was left alone, since it is not provably the class's.
fn notes_of_foreign(plan: &Plan) -> Vec<String> {
    let items = plan.students.iter().flat_map(|s| &s.items);
    let foreign: Vec<&Item> = items.filter(|i| i.verdict == Verdict::Foreign).collect();
    let mut notes: Vec<String> = foreign
        .iter()
        .take(FOREIGN_NAMED)
        .map(|item| format!("left alone: {}: {}", item.resource, item.why))
        .collect();
    if foreign.len() > FOREIGN_NAMED {
        notes.push(format!(
            "and {} more left alone",
            foreign.len() - FOREIGN_NAMED
        ));
    }
    notes
}

/// Roles below the class's path that nobody can be asked about.
fn notes_of_ownerless(roles: &[String]) -> Vec<String> {
    let note = |name: &String| {
        format!(
            "IAM role {name} is below the class's path and does not say whose it is: it was left alone, look at \
             it yourself"
        )
    };
    roles.iter().map(note).collect()
}

/// Stacks of the class in other regions.
fn notes_of_other_regions(regions: &BTreeMap<String, usize>) -> Vec<String> {
    let note = |(region, roles): (&String, &usize)| {
        format!(
            "this class also has a stack in {region} ({roles} roles), which was left alone: --region {region} is about \
             that one"
        )
    };
    regions.iter().map(note).collect()
}

/// Resources of the class's other labs, which this lab's teardown leaves alone.
fn notes_of_other_labs(labs: &BTreeMap<LabId, usize>) -> Vec<String> {
    labs.iter()
        .map(|(lab, resources)| {
            format!(
                "{resources} resources of this class belong to lab {lab} and were left alone: that lab's folder \
                 (--lab DIR) is about those"
            )
        })
        .collect()
}
