//! `access freeze | thaw`: shuts students out, or lets them in again.

use super::{FEW, look_and_settle};
use crate::error::{Exit, Result};
use crate::events::{Command, Outcome};
use crate::results::StudentResult;
use crate::stack::execute::{Task, execute_all};
use crate::stack::kinds::user::access;
use crate::stack::leavers::Leavers;
use crate::stack::plan::Plan;
use crate::stack::result::{StackResult, has_no_stack};
use crate::text::words::some_of;
use crate::verbs::class::Class;
use crate::verbs::ended::PlaceEnd;
use crate::verbs::homes::Deed;
use crate::verbs::notes::Notes;
use crate::verbs::run::{Log, announced};
use crate::verbs::session::At;
use crate::verbs::sessions::Sessions;

pub(super) async fn run(class: Class, command: Command) -> Result<Exit> {
    let freezes = command == Command::AccessFreeze;
    let mut sessions = class.connect(Deed::Looks).await?;
    let leavers = match freezes {
        true => Leavers::Reached,
        false => Leavers::Refused,
    };
    let observed = look_and_settle(&mut sessions, command, leavers).await?;
    let class = &sessions.class;
    let places = sessions.places.iter().zip(&observed);
    let plans = places.map(|(session, observed)| {
        let mut plan = access::freeze(&session.desired, observed, class.reach(), freezes);
        plan.mark_left(&class.chosen_leavers);
        plan
    });
    let plans: Vec<Plan> = plans.collect();
    sessions.check_leavers(&observed, &plans)?;
    if class.settings.left && sessions.reaches_all() && plans.iter().all(Plan::is_about_nobody) {
        return Err(sessions.nobody_left("access"));
    }
    let work = sessions.run(command, Log::Kept, async |places| {
        let started = sessions.run_started(command, &plans);
        let work = carry_out(places, &sessions, &plans, freezes);
        announced(places, started, work).await
    });
    let (students, run) = work.await;
    let mut notes = Notes::default();
    notes.extend(run.notes());
    let all: Vec<StudentResult> = students.iter().flatten().cloned().collect();
    let stands = |s: &StudentResult| s.outcome == Outcome::Frozen && !has_no_stack(&s.resources);
    if all.iter().any(stands) {
        notes.push(sessions.class.lab.what_a_freeze_stops());
    }
    notes.extend(half_reached(&all));
    let mut exit = run.exit(&all, &[Outcome::Failed, Outcome::Conflict]);
    if exit == Exit::Done && plans.iter().any(|plan| !plan.gaps.is_empty()) {
        exit = Exit::SomeFailed;
    }
    let places = sessions.places.iter().zip(&observed);
    let ends = places.zip(plans).zip(students);
    let ends = ends.map(|(((session, observed), plan), students)| PlaceEnd {
        students,
        left: session.left_in_iam(observed),
        gaps: plan.gaps,
    });
    let mut ended = sessions.ended(command, ends.collect(), notes);
    ended.exit = ended.exit.or(exit);
    ended.show(&sessions).await
}

async fn carry_out(
    places: &[At<'_>],
    sessions: &Sessions,
    plans: &[Plan],
    freezes: bool,
) -> Vec<Vec<StudentResult>> {
    let done = match freezes {
        true => Outcome::Frozen,
        false => Outcome::Thawed,
    };
    // Shuts everybody out first: that is one call each, and the rest takes longer.
    let runs = execute_all(&Task::all(places, plans), |student, run| {
        StackResult::let_in_or_out(student, run, done).event()
    })
    .await;
    let names = sessions.class.lab.name_patterns();
    let halts = plans.iter().map(|plan| access::halt(plan, &names, freezes));
    let halts: Vec<Plan> = halts.collect();
    let halted = execute_all(&Task::all(places, &halts), |_, _| None).await;
    let users = plans.iter().zip(&runs);
    let stacks = halts.iter().zip(&halted);
    let results = users.zip(stacks).map(|((plan, runs), (halt, halted))| {
        let users = plan.students.iter().zip(runs);
        let stacks = halt.students.iter().zip(halted);
        let results = users.zip(stacks).map(|(user, (stack, run))| {
            StackResult::halted(user, StackResult::made(stack, run, done), done).into()
        });
        results.collect()
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
