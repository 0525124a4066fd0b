//! `access freeze | thaw`: shuts students out, or lets them in again.

use super::{FEW, look_and_settle};
use crate::aws::Client;
use crate::error::Result;
use crate::events::{Command, Outcome};
use crate::results::StudentResult;
use crate::stack::execute::execute;
use crate::stack::leavers::Leavers;
use crate::stack::plan::Plan;
use crate::stack::plan::access;
use crate::stack::result::StackResult;
use crate::text::words::some_of;
use crate::verbs::class::Class;
use crate::verbs::ended::Exit;
use crate::verbs::run::{Log, announced};
use crate::verbs::session::Session;

pub(super) async fn run(class: Class, command: Command) -> Result<Exit> {
    let freezes = command == Command::AccessFreeze;
    let mut session = class.connect().await?;
    let leavers = match freezes {
        true => Leavers::Reached,
        false => Leavers::Refused,
    };
    let observed = look_and_settle(&mut session, command, leavers).await?;
    let reach = session.class.reach();
    let mut plan = access::freeze(&session.desired, &observed, reach, freezes);
    plan.mark_left(&session.class.chosen_leavers);
    session.check_leavers(&observed, &plan)?;
    if session.class.settings.left && plan.is_about_nobody() {
        return Err(session.nobody_left("access"));
    }
    let work = session.run(command, Log::Kept, async |client| {
        let started = session.run_started(command, &plan);
        announced(client, started, carry_out(client, &session, &plan, freezes)).await
    });
    let (students, run) = work.await;
    let mut notes = run.notes();
    if students.iter().any(|s| s.outcome == Outcome::Frozen) {
        notes.push(
            "what ran of their workflows is stopped, and their functions run no more until `homeroom access thaw`; an API \
             that asks for no authorization answers whoever calls it with an error"
                .to_owned(),
        );
    }
    notes.extend(without_access(&students));
    let mut exit = run.exit(
        &students,
        &[Outcome::Failed, Outcome::Conflict],
        Exit::SomeFailed,
    );
    if exit == Exit::Done && !plan.gaps.is_empty() {
        exit = Exit::SomeFailed;
    }
    let mut ended = session.ended(command, students, notes);
    ended.summary.left = session.left_in_iam(&observed);
    ended.gaps = plan.gaps;
    ended.exit = exit;
    ended.show(&session)
}

async fn carry_out(
    client: &Client,
    session: &Session,
    plan: &Plan,
    freezes: bool,
) -> Vec<StudentResult> {
    let done = match freezes {
        true => Outcome::Frozen,
        false => Outcome::Thawed,
    };
    // Everybody is shut out before anything else is done: that is one call each, and the rest takes longer.
    let runs = execute(client, plan, |student, run| {
        StackResult::let_in_or_out(student, run, done).event()
    })
    .await;
    let names = session.class.lab.name_patterns();
    let halt = access::halt(plan, &names, freezes);
    let halted = execute(client, &halt, |_, _| None).await;
    let users = plan.students.iter().zip(&runs);
    let stacks = halt.students.iter().zip(&halted);
    let results = users.zip(stacks).map(|(user, (stack, run))| {
        StackResult::halted(user, StackResult::made(stack, run, done), done).into()
    });
    results.collect()
}

/// Whom neither a freeze nor a thaw reaches.
fn without_access(students: &[StudentResult]) -> Option<String> {
    let without = students
        .iter()
        .filter(|student| student.outcome == Outcome::NoAccess);
    let names: Vec<&str> = without.map(|s| s.username.as_str()).collect();
    (!names.is_empty()).then(|| {
        format!(
            "no IAM user of this class, lab and region; only functions and workflows, where there are any: {}",
            some_of(&names, FEW)
        )
    })
}
