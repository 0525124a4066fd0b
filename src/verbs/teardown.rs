//! `teardown`: lists what it would delete, deletes once the class is confirmed, and proves that it is gone.

use super::ask::{can_ask, check_confirmation, confirmed, not_confirmed, refuse_growth};
use super::class::Class;
use super::ended::VerbEnded;
use super::run::{Log, announced};
use super::session::Session;
use super::{final_report, forget, reading};
use crate::aws::stop::Cancelled;
use crate::cli::{Cli, TeardownArgs};
use crate::error::{Exit, Result};
use crate::events::{Command, Outcome};
use crate::report::left;
use crate::results::StudentResult;
use crate::stack::execute::execute;
use crate::stack::kinds::Observed;
use crate::stack::leavers::Leavers;
use crate::stack::observe::{Depth, observe};
use crate::stack::plan::Plan;
use crate::stack::plan::teardown::{self, Reach};
use crate::stack::prove_gone::{prove_gone, results};
use crate::stack::result::deleted;

const COMMAND: Command = Command::Teardown;

pub(super) async fn run(cli: &Cli, args: &TeardownArgs) -> Result<Exit> {
    let class = Class::load(cli)?;
    check_confirmation(args.confirm.as_ref(), &class)?;
    let mut session = class.connect().await?;
    session.agree_on_place().await?;
    let mut observed = look(&session).await?;
    if session.settle_leavers(&observed, Leavers::Reached)? {
        observed = look(&session).await?;
    }
    let mut plan = plan(&session, &observed);
    session.check_leavers(&observed, &plan)?;
    if session.class.settings.left {
        if plan.is_about_nobody() {
            // Files of students who left go even if none of them has a stack.
            forget::files(&session, COMMAND, &[], &observed).await;
            return Err(session.nobody_left("something"));
        }
        session.choose_found(&plan)?;
        observed = look(&session).await?;
        plan = self::plan(&session, &observed);
    }
    let reads = plan.steps() > 0 && !args.no_final_report;
    if plan.steps() > 0 && args.confirm.is_none() {
        let mut first = left::lines(&session.left_in_plan(&plan, &observed));
        first.push(final_report::announced(&session, reads));
        if reads && can_ask(&session) {
            let departed = final_report::departed(&session, &plan);
            let standing = reading::read_observed(&session, &observed, &departed).await?;
            first.extend(final_report::unread(&standing));
        }
        if !confirmed(&session, &plan, &first).await? {
            return not_confirmed(&session, COMMAND, &plan).await;
        }
        // The answer may have taken a while. This deletes what is there now, but no more than was shown.
        observed = look(&session).await?;
        let fresh = self::plan(&session, &observed);
        refuse_growth(&plan, &fresh)?;
        plan = fresh;
    }
    let mut last_words = final_report::Final::default();
    if reads {
        last_words = final_report::write(&session, &plan, &observed).await?;
    } else if plan.steps() > 0 {
        final_report::close(&session, &plan)?;
    }
    let who_left = session.left_in_plan(&plan, &observed);
    let mut ended = tear_down(&session, &plan, &observed).await?;
    ended.summary.left = who_left;
    ended.summary.notes.splice(0..0, last_words.notes);
    ended.list(last_words.files);
    ended.show(&session).await
}

/// Looks at the cloud as closely as a teardown needs to.
pub(super) async fn look(session: &Session) -> Result<Observed> {
    let depth = depth(session);
    let look = session.look(COMMAND, async |client| {
        observe(client, &session.desired, &depth).await
    });
    look.await
}

/// Plans the teardown of a session's students.
pub(super) fn plan(session: &Session, observed: &Observed) -> Plan {
    let mut plan = teardown::plan(&session.desired, observed, session.class.reach());
    plan.mark_left(&session.class.chosen_leavers);
    plan
}

fn depth(session: &Session) -> Depth {
    let patterns = session.class.lab.name_patterns();
    match session.class.reach() {
        Reach::WholeClass => Depth::TeardownOfClass { patterns },
        Reach::Left => Depth::TeardownOfLeavers { patterns },
        Reach::Selected => Depth::TeardownOfStudents,
    }
}

/// Carries out a teardown, then looks again until nothing of the class is left or time is up. What could not be deleted
/// is an outcome, no error.
pub(super) async fn tear_down(
    session: &Session,
    plan: &Plan,
    before: &Observed,
) -> Result<VerbEnded> {
    let depth = depth(session);
    let work = session.run(COMMAND, Log::Kept, async |client| {
        let started = session.run_started(COMMAND, plan);
        let work = async {
            let runs = execute(client, plan, deleted).await;
            let left = prove_gone(client, &session.desired, &depth, plan, &runs).await;
            (runs, left)
        };
        announced(client, started, work).await
    });
    let ((runs, left), run) = work.await;
    let mut notes = run.notes();
    let (stacks, gaps, elsewhere) = match left {
        Ok(left) => {
            notes.extend(left.notes(plan));
            let elsewhere = left.is_elsewhere();
            (left.results(plan, &runs), left.plan.gaps, elsewhere)
        }
        Err(Cancelled) => {
            notes.push("stopped before a fresh listing could prove what is gone".to_owned());
            (results(plan, &runs, None), plan.gaps.clone(), false)
        }
    };
    let students: Vec<StudentResult> = stacks.into_iter().map(Into::into).collect();
    let touched = students.iter().map(|student| &student.username);
    notes.extend(session.files().forget_validations(touched));
    notes.extend(forget::files(session, COMMAND, &students, before).await);
    let mut exit = run.exit(&students, &[Outcome::Remains]);
    if exit == Exit::Done && (!gaps.is_empty() || elsewhere) {
        // Nothing proves that what could not be seen is gone.
        exit = Exit::Remains;
    }
    let mut ended = session.ended(COMMAND, students, notes);
    ended.summary.gaps = gaps;
    ended.exit = exit;
    Ok(ended)
}
