//! `access freeze | thaw`: shuts students out, or lets them in again.

use super::{FEW, look_and_settle};
use crate::aws::Client;
use crate::error::{Exit, Result};
use crate::events::{Command, Outcome};
use crate::results::StudentResult;
use crate::stack::execute::execute;
use crate::stack::kinds::user::access;
use crate::stack::leavers::Leavers;
use crate::stack::plan::Plan;
use crate::stack::result::{StackResult, has_no_stack};
use crate::text::words::some_of;
use crate::verbs::class::Class;
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
    let stands = |s: &StudentResult| s.outcome == Outcome::Frozen && !has_no_stack(&s.resources);
    if students.iter().any(stands) {
        notes.push(
            "their running workflows are stopped, and their functions do not run until `homeroom access thaw`; an API \
             without authorization answers every call with an error"
                .to_owned(),
        );
    }
    notes.extend(half_reached(&students));
    let mut exit = run.exit(&students, &[Outcome::Failed, Outcome::Conflict]);
    if exit == Exit::Done && !plan.gaps.is_empty() {
        exit = Exit::SomeFailed;
    }
    let mut ended = session.ended(command, students, notes);
    ended.summary.left = session.left_in_iam(&observed);
    ended.summary.gaps = plan.gaps;
    ended.exit = exit;
    ended.show(&session).await
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
    // Shuts everybody out first: that is one call each, and the rest takes longer.
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

/// Notes on students whom a freeze or a thaw reaches in part, or not at all.
fn half_reached(students: &[StudentResult]) -> Vec<String> {
    // No user, no stack, and what to say.
    let parts = [
        (
            (true, false),
            "no IAM user of this class, lab and region; only functions and workflows, where there are any",
        ),
        (
            (false, true),
            "no stack of this class, lab and region; only the IAM user",
        ),
        (
            (true, true),
            "neither an IAM user nor a stack of this class, lab and region, so nothing was done",
        ),
    ];
    let notes = parts.into_iter().filter_map(|(missing, what)| {
        let lacks =
            |s: &StudentResult| (s.outcome == Outcome::NoAccess, has_no_stack(&s.resources));
        let names = students.iter().filter(|s| lacks(s) == missing);
        let names: Vec<&str> = names.map(|s| s.username.as_str()).collect();
        (!names.is_empty()).then(|| format!("{what}: {}", some_of(&names, FEW)))
    });
    notes.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::kinds::{Kind, ResourceId};
    use crate::stack::plan::Verdict;
    use crate::stack::result::{ResourceResult, ResourceState};

    fn student(name: &str, outcome: Outcome, function: ResourceState) -> StudentResult {
        let result = |kind, name: String, state| ResourceResult {
            resource: ResourceId::new(kind, name),
            state,
            detail: None,
            differs: Default::default(),
        };
        StudentResult {
            resources: vec![
                result(Kind::User, name.to_owned(), ResourceState::Done),
                result(Kind::Function, format!("{name}-work"), function),
            ],
            ..StudentResult::new(name.parse().unwrap(), outcome)
        }
    }

    #[test]
    fn whom_a_freeze_reaches_in_part_is_said_with_what_is_missing() {
        let absent = ResourceState::Planned(Verdict::Absent);
        let said = half_reached(&[
            student("whole", Outcome::Frozen, ResourceState::Done),
            student("no-user", Outcome::NoAccess, ResourceState::Done),
            student("no-stack", Outcome::Frozen, absent),
            student("nothing", Outcome::NoAccess, absent),
            // Nobody knows.
            student("stopped", Outcome::Cancelled, ResourceState::Cancelled),
        ]);
        assert_eq!(said.len(), 3, "{said:?}");
        assert!(
            said[0].ends_with("where there are any: no-user"),
            "{said:?}"
        );
        assert!(said[1].contains("no stack") && said[1].ends_with("only the IAM user: no-stack"));
        assert!(
            said[2].starts_with("neither") && said[2].ends_with(": nothing"),
            "{said:?}"
        );
    }
}
