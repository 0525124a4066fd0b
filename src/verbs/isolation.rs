//! `validate --isolation`: proves that every student reaches their own stack and no neighbour's.

use std::collections::BTreeMap;

use futures::future::join_all;
use tracing::Instrument;

use super::class::Class;
use super::ended::PlaceEnd;
use super::homes::Deed;
use super::run::{Log, announced, everywhere};
use super::session::{At, Session};
use super::sessions::Sessions;
use super::validate::finished;
use crate::aws::Client;
use crate::aws::stop::Cancelled;
use crate::cli::Cli;
use crate::error::{Error, Exit, Result};
use crate::events::{Command, Event, Outcome};
use crate::ids::Username;
use crate::probe::isolation::{IsolationSubject, ProvenBy, prove, unbounded_roles};
use crate::probe::reach::{Target, neighbours};
use crate::results::StudentResult;
use crate::stack::elsewhere::Refuse;
use crate::stack::hints;
use crate::stack::in_order::in_order;
use crate::stack::kinds::{Desired, Observed, Stack};
use crate::stack::observe::observe_access;
use crate::text::failure::Failure;

/// Students at once; the pacer spaces their calls, this only bounds open connections.
const STUDENTS_AT_ONCE: usize = 16;

const COMMAND: Command = Command::Isolation;

pub(super) async fn run(cli: &Cli) -> Result<Exit> {
    let sessions = Class::load(cli)?.connect(Deed::Looks).await?;
    let work = sessions.run(COMMAND, Log::Kept, async |places| {
        let looked = everywhere(places, async |at| look(at, &sessions).await).await;
        let looked = sessions.all(looked)?;
        let all = looked.iter().map(|(everybody, seen)| (everybody, seen));
        let notes = sessions.check_stands(all, Refuse::Any)?;
        let started = sessions.started(COMMAND, sessions.class.students.len(), 0);
        let work = async {
            let all = places.iter().zip(&looked);
            join_all(all.map(|(at, (everybody, observed))| all_students(at, everybody, observed)))
                .await
        };
        let students = announced(places, started, work).await;
        Ok::<_, Error>((looked, students, notes))
    });
    let (done, run) = work.await;
    let (looked, students, notes) = done?;
    let ends = looked.into_iter().zip(students);
    let ends = ends.map(|((_, observed), students)| PlaceEnd {
        students,
        gaps: observed.gaps,
        left: Vec::new(),
    });
    let mut ended = sessions.ended(COMMAND, ends.collect(), notes);
    ended.exit = ended.exit.or(run.exit(
        &ended.summary.students,
        &[Outcome::Failed, Outcome::Unknown],
    ));
    ended.show(&sessions).await
}

/// Everybody of the place, chosen or not, since a neighbour may be a student who was not chosen.
async fn look(at: &At<'_>, sessions: &Sessions) -> Result<(Desired, Observed)> {
    let At { session, client } = at;
    let roster = sessions.roster_of(session);
    let everybody = session.class.desired(session.scope(), &roster)?;
    let observed = observe_access(client, &everybody, true).await?;
    Ok((everybody, observed))
}

async fn all_students(at: &At<'_>, everybody: &Desired, observed: &Observed) -> Vec<StudentResult> {
    let At { session, client } = at;
    let mut targets: BTreeMap<&Username, Target> = BTreeMap::new();
    // In the roster's order.
    let mut deployed: Vec<Username> = Vec::new();
    for stack in &everybody.stacks {
        let apis = session.endpoints(stack, observed);
        if let Some(target) = Target::of(session.scope(), stack, &apis) {
            targets.insert(stack.student(), target);
            deployed.push(stack.student().clone());
        }
    }
    let (targets, deployed) = (&targets, &deployed);
    in_order(session.stacks(), STUDENTS_AT_ONCE, |(stack, _)| {
        let student = stack.student();
        let tried = async move {
            client.emit(Event::StudentStarted {
                student: student.clone(),
            });
            let near = neighbours(deployed, student);
            let near: Vec<&Target> = near.iter().filter_map(|name| targets.get(name)).collect();
            let own = targets.get(student);
            let result = one_student(client, session, observed, stack, own, &near).await;
            client.emit(finished(&result));
            result
        };
        tried.instrument(tracing::debug_span!("student", student = %student))
    })
    .await
}

async fn one_student(
    client: &Client,
    session: &Session,
    observed: &Observed,
    stack: &Stack,
    own: Option<&Target>,
    near: &[&Target],
) -> StudentResult {
    let username = stack.student();
    let failure = |cause: &str| Failure::new(username.as_str(), cause);
    let unknown = |why: Failure| StudentResult::new(username.clone(), Outcome::Unknown).failed(why);
    let Some(own) = own else {
        let why = failure("has no stack, or it could not be seen");
        return unknown(why.hint(hints::MISSING));
    };
    let Some(user) = observed.user_of(session.scope(), &stack.owner) else {
        let why = failure("has no IAM user of this class, or it could not be seen");
        let hint = "let the student in (`homeroom access grant`), then run the same command again";
        return unknown(why.hint(hint));
    };
    let key = match session.vault().read(username) {
        Ok(known) => known.and_then(|known| known.access_key),
        Err(error) => return unknown(failure(&error.to_string())),
    };
    let subject = IsolationSubject {
        own,
        neighbours: near,
        frozen: user.is_frozen(),
        unbounded_roles: unbounded_roles(observed, stack),
    };
    let as_student = key.map(|key| client.with_access_key(&key));
    let way = match &as_student {
        Some(student) => ProvenBy::Key(student),
        None => ProvenBy::Simulator {
            region: &session.scope().region,
        },
    };
    match prove(client, &subject, way).await {
        Ok(checks) => StudentResult::tried(username.clone(), checks),
        Err(Cancelled) => StudentResult::new(username.clone(), Outcome::Cancelled),
    }
}
