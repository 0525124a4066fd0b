//! `access revoke`: takes the users away.

use super::{look, look_and_settle};
use crate::cli::RevokeArgs;
use crate::error::{Exit, Result};
use crate::events::{Command, Outcome};
use crate::report::left;
use crate::results::StudentResult;
use crate::stack::execute::execute;
use crate::stack::kinds::Observed;
use crate::stack::kinds::user::access;
use crate::stack::leavers::Leavers;
use crate::stack::plan::Plan;
use crate::stack::prove_gone::{prove_access_gone, results};
use crate::stack::result::deleted;
use crate::verbs::ask::{check_confirmation, confirmed, not_confirmed, refuse_growth};
use crate::verbs::class::Class;
use crate::verbs::forget;
use crate::verbs::run::{Log, announced};
use crate::verbs::session::Session;

const COMMAND: Command = Command::AccessRevoke;

pub(super) async fn run(class: Class, args: &RevokeArgs) -> Result<Exit> {
    check_confirmation(args.confirm.as_ref(), &class)?;
    let mut session = class.connect().await?;
    let mut observed = look_and_settle(&mut session, COMMAND, Leavers::Reached).await?;
    let who_left = session.left_in_iam(&observed);
    let mut plan = plan(&session, &observed);
    session.check_leavers(&observed, &plan)?;
    if session.class.settings.left && plan.is_about_nobody() {
        // Files of students who left go even if none of them has a user.
        forget::files(&session, COMMAND, &[], &observed).await;
        return Err(session.nobody_left("access"));
    }
    if plan.steps() > 0 && args.confirm.is_none() {
        let left = left::lines(&session.left_in_plan(&plan, &observed));
        if !confirmed(&session, &plan, &left).await? {
            return not_confirmed(&session, COMMAND, &plan).await;
        }
        observed = look(&session, COMMAND).await?;
        let fresh = self::plan(&session, &observed);
        refuse_growth(&plan, &fresh)?;
        plan = fresh;
    }
    let reach = session.class.reach();
    let work = session.run(COMMAND, Log::Kept, async |client| {
        let started = session.run_started(COMMAND, &plan);
        let work = async {
            let runs = execute(client, &plan, deleted).await;
            let left = prove_access_gone(client, &session.desired, reach, &plan, &runs).await;
            (runs, left.ok())
        };
        announced(client, started, work).await
    });
    let ((runs, left), run) = work.await;
    let mut notes = run.notes();
    if left.is_none() {
        notes.push("stopped before a fresh listing could prove what is gone".to_owned());
    }
    let stacks = results(&plan, &runs, left.as_ref());
    let students: Vec<StudentResult> = stacks.into_iter().map(Into::into).collect();
    notes.extend(forget::files(&session, COMMAND, &students, &observed).await);
    let gaps = left.unwrap_or(plan).gaps;
    let mut exit = run.exit(&students, &[Outcome::Remains]);
    if exit == Exit::Done && !gaps.is_empty() {
        exit = Exit::Remains;
    }
    let mut ended = session.ended(COMMAND, students, notes);
    ended.summary.left = who_left;
    ended.summary.gaps = gaps;
    ended.exit = exit;
    ended.show(&session).await
}

fn plan(session: &Session, observed: &Observed) -> Plan {
    let mut plan = access::revoke(&session.desired, observed, session.class.reach());
    plan.mark_left(&session.class.chosen_leavers);
    plan
}
