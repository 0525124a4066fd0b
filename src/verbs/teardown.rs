//! `teardown`: lists what it would delete, deletes once the class is confirmed, and proves that it is gone.

use futures::future::join_all;

use super::ask::{can_ask, check_confirmation, confirmed, not_confirmed, refuse_growth};
use super::class::Class;
use super::ended::{PlaceEnd, VerbEnded};
use super::homes::Deed;
use super::notes::Notes;
use super::run::{Log, announced};
use super::session::{At, Session};
use super::sessions::Sessions;
use super::{final_report, forget, reading};
use crate::aws::stop::Cancelled;
use crate::cli::{Cli, TeardownArgs};
use crate::error::{Exit, Result};
use crate::events::{Command, Outcome};
use crate::ids::Scope;
use crate::report::left;
use crate::results::StudentResult;
use crate::stack::execute::{StudentRun, Task, execute_all};
use crate::stack::kinds::Observed;
use crate::stack::leavers::Leavers;
use crate::stack::observe::{Depth, observe};
use crate::stack::plan::Plan;
use crate::stack::plan::teardown::{self, Reach};
use crate::stack::prove_gone::{StillThere, prove_gone, results};
use crate::stack::result::deleted;

const COMMAND: Command = Command::Teardown;

pub(super) async fn run(cli: &Cli, args: &TeardownArgs) -> Result<Exit> {
    run_beside(cli, args, &[]).await
}

/// `others`: accounts and regions where whatever is left of the class is not told, as each is torn down by itself.
pub(super) async fn run_beside(cli: &Cli, args: &TeardownArgs, others: &[Scope]) -> Result<Exit> {
    let class = Class::load(cli)?;
    check_confirmation(args.confirm.as_ref(), &class)?;
    let mut sessions = class.connect(Deed::Deletes).await?;
    sessions.homes.others.extend_from_slice(others);
    sessions.agree_on_places().await?;
    let mut observed = look(&sessions).await?;
    if sessions.settle_leavers(&observed, Leavers::Reached)? {
        observed = look(&sessions).await?;
    }
    let mut plans = plan(&sessions, &observed);
    let elsewhere = sessions.check_leavers(&observed, &plans)?;
    let elsewhere = elsewhere.texts(sessions.places.len());
    if sessions.class.settings.left {
        if sessions.knows_all() && plans.iter().all(Plan::is_about_nobody) {
            // Files of students who left go even if none of them has a stack.
            forget::files(&sessions, COMMAND, &[], &observed).await;
            return Err(sessions.nobody_left("something"));
        }
        sessions.choose_found(&plans)?;
        observed = look(&sessions).await?;
        plans = plan(&sessions, &observed);
    }
    let steps = |plans: &[Plan]| plans.iter().any(|plan| plan.steps() > 0);
    let reads = steps(&plans) && !args.no_final_report;
    if steps(&plans) && args.confirm.is_none() {
        let mut first = left::lines(&sessions.left_in_plans(&plans, &observed));
        first.extend(elsewhere.iter().cloned());
        first.push(final_report::announced(&sessions, reads));
        if reads && can_ask(&sessions) {
            let departed = final_report::departed(&sessions, &plans);
            let standing = reading::read_observed(&sessions, &observed, &departed).await?;
            first.extend(final_report::unread(&standing));
        }
        if !confirmed(&sessions, &plans, &first).await? {
            return not_confirmed(&sessions, COMMAND, &plans).await;
        }
        // The answer may have taken a while. This deletes what is there now, but no more than was shown.
        observed = look(&sessions).await?;
        let fresh = plan(&sessions, &observed);
        refuse_growth(&plans, &fresh)?;
        plans = fresh;
    }
    let mut last_words = final_report::Final::default();
    if reads {
        last_words = final_report::write(&sessions, &plans, &observed).await?;
    } else if steps(&plans) {
        final_report::close(&sessions, &plans)?;
    }
    let who_left = sessions.left_in_plans(&plans, &observed);
    let mut ended = tear_down(&sessions, &plans, &observed).await?;
    ended.summary.left = who_left;
    ended.summary.notes.splice(0..0, last_words.notes);
    ended.summary.notes.extend(elsewhere);
    ended.list(last_words.files);
    ended.show(&sessions).await
}

/// Looks at the cloud as closely as a teardown needs to.
pub(super) async fn look(sessions: &Sessions) -> Result<Vec<Observed>> {
    let depth = &depth(sessions);
    let look = sessions.look(COMMAND, async |at| {
        observe(&at.client, &at.session.desired, depth).await
    });
    look.await
}

/// Plans the teardown of the class's students at each place.
pub(super) fn plan(sessions: &Sessions, observed: &[Observed]) -> Vec<Plan> {
    sessions.removals(observed, |desired, observed, reach| {
        let plan = teardown::plan(desired, observed, reach);
        match sessions.class.swept {
            true => plan.with_ends_last(),
            false => plan,
        }
    })
}

fn depth(sessions: &Sessions) -> Depth {
    let patterns = sessions.class.lab.name_patterns();
    match sessions.class.reach() {
        Reach::WholeClass => Depth::TeardownOfClass { patterns },
        Reach::Left => Depth::TeardownOfLeavers { patterns },
        Reach::Selected => Depth::TeardownOfStudents,
    }
}

/// Carries out a teardown, then looks again until nothing of the class is left or time is up. What could not be deleted
/// is an outcome, no error.
pub(super) async fn tear_down(
    sessions: &Sessions,
    plans: &[Plan],
    before: &[Observed],
) -> Result<VerbEnded> {
    let depth = &depth(sessions);
    let work = sessions.run(COMMAND, Log::Kept, async |places| {
        let started = sessions.run_started(COMMAND, plans);
        let work = async {
            let runs = execute_all(&Task::all(places, plans), deleted).await;
            let all = places.iter().zip(plans).zip(&runs);
            let prove = all.map(|((at, plan), runs)| prove(at, depth, plan, runs));
            let left = join_all(prove).await;
            (runs, left)
        };
        announced(places, started, work).await
    });
    let ((runs, left), run) = work.await;
    let mut notes = Notes::default();
    notes.extend(run.notes());
    let (mut ends, mut exit) = (Vec::new(), Exit::Done);
    let places = sessions.places.iter().zip(plans);
    for ((session, plan), (runs, left)) in places.zip(runs.iter().zip(left)) {
        let (stacks, gaps, elsewhere) = match left {
            Ok(mut left) => {
                // Another place of the class is torn down by itself.
                let regions = &mut left.other_regions;
                regions.retain(|region, _| !sessions.is_place(session, region));
                notes.at(session, left.notes(plan));
                let elsewhere = match sessions.class.swept {
                    // Each region is swept by itself.
                    true => left.is_ownerless(),
                    false => left.is_elsewhere(),
                };
                (left.results(plan, runs), left.plan.gaps, elsewhere)
            }
            Err(Cancelled) => {
                let note = "stopped before a fresh listing could prove what is gone";
                notes.at(session, Some(note.to_owned()));
                (results(plan, runs, None), plan.gaps.clone(), false)
            }
        };
        if !gaps.is_empty() || elsewhere {
            // Nothing proves that what could not be seen is gone.
            exit = Exit::Remains;
        }
        let students: Vec<StudentResult> = stacks.into_iter().map(Into::into).collect();
        let touched = students.iter().map(|student| &student.username);
        notes.at(session, session.files().forget_validations(touched));
        ends.push(PlaceEnd {
            students,
            gaps,
            left: Vec::new(),
        });
    }
    let elsewhere = sessions.places.iter().filter_map(Session::not_where_it_was);
    let elsewhere: Vec<String> = elsewhere.collect();
    // As at a place that moved. A sweep is about what is here alone.
    if !elsewhere.is_empty() && !sessions.class.swept {
        exit = Exit::Remains;
    }
    notes.extend(elsewhere);
    notes.extend(sessions.forget_homes(&ends));
    notes.extend(forget::files(sessions, COMMAND, &ends, before).await);
    let mut ended = sessions.ended(COMMAND, ends, notes);
    ended.exit = ended.exit.or(
        match run.exit(&ended.summary.students, &[Outcome::Remains]) {
            Exit::Done => exit,
            exit => exit,
        },
    );
    if ended.exit == Exit::Done && sessions.class.is_whole() {
        let gone = sessions.places.iter().map(|at| at.files().keep_gone());
        let errors = gone.filter_map(std::result::Result::err);
        let notes = &mut ended.summary.notes;
        notes.extend(errors.map(|e| format!("that nothing is left could not be kept: {e}")));
    }
    Ok(ended)
}

async fn prove(
    at: &At<'_>,
    depth: &Depth,
    plan: &Plan,
    runs: &[StudentRun],
) -> std::result::Result<StillThere, Cancelled> {
    prove_gone(&at.client, &at.session.desired, depth, plan, runs).await
}
