//! `access revoke`: takes the users away.

use futures::future::join_all;

use super::{look, look_and_settle};
use crate::cli::RevokeArgs;
use crate::error::{Exit, Result};
use crate::events::{Command, Outcome};
use crate::report::left;
use crate::stack::execute::{Task, execute_all};
use crate::stack::kinds::Observed;
use crate::stack::kinds::user::access;
use crate::stack::leavers::Leavers;
use crate::stack::plan::Plan;
use crate::stack::prove_gone::{prove_access_gone, results};
use crate::stack::result::deleted;
use crate::verbs::ask::{check_confirmation, confirmed, not_confirmed, refuse_growth};
use crate::verbs::class::Class;
use crate::verbs::ended::PlaceEnd;
use crate::verbs::forget;
use crate::verbs::homes::Deed;
use crate::verbs::run::{Log, announced};
use crate::verbs::sessions::Sessions;

const COMMAND: Command = Command::AccessRevoke;

pub(super) async fn run(class: Class, args: &RevokeArgs) -> Result<Exit> {
    check_confirmation(args.confirm.as_ref(), &class)?;
    let mut sessions = class.connect(Deed::Revokes).await?;
    let mut observed = look_and_settle(&mut sessions, COMMAND, Leavers::Reached).await?;
    let places = sessions.places.iter().zip(&observed);
    let who_left: Vec<_> = places
        .flat_map(|(session, observed)| session.left_in_iam(observed))
        .collect();
    let mut plans = plan(&sessions, &observed);
    let mut notes = sessions.check_leavers(&observed, &plans)?;
    if sessions.class.settings.left
        && sessions.knows_all()
        && plans.iter().all(Plan::is_about_nobody)
    {
        // Files of students who left go even if none of them has a user.
        forget::files(&sessions, COMMAND, &[], &observed).await;
        return Err(sessions.nobody_left("access"));
    }
    if plans.iter().any(|plan| plan.steps() > 0) && args.confirm.is_none() {
        let left = left::lines(&sessions.left_in_plans(&plans, &observed));
        if !confirmed(&sessions, &plans, &left).await? {
            return not_confirmed(&sessions, COMMAND, &plans).await;
        }
        observed = look(&sessions, COMMAND).await?;
        let fresh = plan(&sessions, &observed);
        refuse_growth(&plans, &fresh)?;
        plans = fresh;
    }
    let reach = sessions.class.reach();
    let work = sessions.run(COMMAND, Log::Kept, async |places| {
        let started = sessions.run_started(COMMAND, &plans);
        let work = async {
            let runs = execute_all(&Task::all(places, &plans), deleted).await;
            let all = places.iter().zip(&plans).zip(&runs);
            let prove = all.map(async |((at, plan), runs)| {
                let desired = &at.session.desired;
                prove_access_gone(&at.client, desired, reach, plan, runs)
                    .await
                    .ok()
            });
            let left = join_all(prove).await;
            (runs, left)
        };
        announced(places, started, work).await
    });
    let ((runs, left), run) = work.await;
    notes.extend(run.notes());
    let mut ends = Vec::new();
    let places = sessions.places.iter().zip(plans);
    for ((session, plan), (runs, left)) in places.zip(runs.iter().zip(left)) {
        if left.is_none() {
            let note = "stopped before a fresh listing could prove what is gone";
            notes.at(session, Some(note.to_owned()));
        }
        let stacks = results(&plan, runs, left.as_ref());
        ends.push(PlaceEnd {
            students: stacks.into_iter().map(Into::into).collect(),
            gaps: left.unwrap_or(plan).gaps,
            left: Vec::new(),
        });
    }
    let students: Vec<_> = ends.iter().flat_map(|end| end.students.clone()).collect();
    notes.extend(forget::files(&sessions, COMMAND, &ends, &observed).await);
    let mut exit = run.exit(&students, &[Outcome::Remains]);
    if exit == Exit::Done && ends.iter().any(|end| !end.gaps.is_empty()) {
        exit = Exit::Remains;
    }
    let mut ended = sessions.ended(COMMAND, ends, notes);
    ended.summary.left = who_left;
    ended.exit = ended.exit.or(exit);
    ended.show(&sessions).await
}

fn plan(sessions: &Sessions, observed: &[Observed]) -> Vec<Plan> {
    sessions.removals(observed, access::revoke)
}
