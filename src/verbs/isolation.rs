//! `validate --isolation`: proves that every student reaches their own stack and no neighbour's.

use std::collections::BTreeMap;
use tracing::Instrument;

use super::class::{Class, invalid};
use super::ended::Exit;
use super::run::{Log, announced};
use super::session::Session;
use super::validate::finished;
use crate::aws::Client;
use crate::aws::stop::Cancelled;
use crate::cli::Cli;
use crate::error::{Error, Result};
use crate::events::{Command, Event, Outcome};
use crate::ids::Username;
use crate::probe::isolation::{IsolationSubject, ProvenBy, prove, unbounded_roles};
use crate::probe::reach::{Target, neighbours};
use crate::results::StudentResult;
use crate::stack::elsewhere::Elsewhere;
use crate::stack::hints;
use crate::stack::in_order::in_order;
use crate::stack::kinds::Observed;
use crate::stack::kinds::{Desired, Stack};
use crate::stack::observe::observe_access;
use crate::text::failure::Failure;

/// Students at once; the pacer spaces their calls, this only bounds open connections.
const STUDENTS_AT_ONCE: usize = 16;

const COMMAND: Command = Command::Isolation;

pub(super) async fn run(cli: &Cli) -> Result<Exit> {
    let session = Class::load(cli)?.connect().await?;
    let class = &session.class;
    // Neighbours need not be among those who were chosen.
    let roster = &class.roster.students;
    let everybody = class.lab.desired(session.scope(), class.name(), roster);
    let everybody = everybody.map_err(invalid)?;
    let work = session.run(COMMAND, Log::Kept, async |client| {
        let observed = observe_access(client, &everybody, true).await?;
        Elsewhere::check(&everybody, &observed)?;
        let started = session.started(COMMAND, session.class.students.len(), 0);
        let work = all_students(client, &session, &everybody, &observed);
        let students = announced(client, started, work).await;
        Ok::<_, Error>((observed, students))
    });
    let (done, run) = work.await;
    let (observed, students) = done?;
    let exit = run.exit(
        &students,
        &[Outcome::Failed, Outcome::Unknown],
        Exit::SomeFailed,
    );
    let mut ended = session.ended(COMMAND, students, Vec::new());
    ended.gaps = observed.gaps;
    ended.exit = exit;
    ended.show(&session)
}

async fn all_students(
    client: &Client,
    session: &Session,
    everybody: &Desired,
    observed: &Observed,
) -> Vec<StudentResult> {
    let stacks = everybody.stacks.iter();
    let targets = stacks.filter_map(|stack| {
        let apis = session.endpoints(stack, observed);
        let target = Target::of(session.scope(), stack, &apis)?;
        Some((stack.student(), target))
    });
    let targets: &BTreeMap<&Username, Target> = &targets.collect();
    let in_roster = everybody.stacks.iter().map(|stack| stack.student());
    let in_roster = in_roster.filter(|student| targets.contains_key(student));
    let in_roster: &Vec<Username> = &in_roster.cloned().collect();
    in_order(session.stacks(), STUDENTS_AT_ONCE, |(stack, _)| {
        let student = stack.student();
        let tried = async move {
            client.emit(Event::StudentStarted {
                student: student.clone(),
            });
            let near = neighbours(in_roster, student);
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
    let could_not = |cause: String, hint: Option<&str>| {
        let failure = Failure {
            subject: username.to_string(),
            cause,
            hint: hint.map(str::to_owned),
            request_id: None,
        };
        StudentResult::new(username.clone(), Outcome::Unknown).failed(failure)
    };
    let Some(own) = own else {
        let cause = "has no stack, or it could not be seen".to_owned();
        return could_not(cause, Some(hints::MISSING));
    };
    let Some(user) = observed.user_of(session.scope(), &stack.owner) else {
        return could_not(
            "has no IAM user of this class, or it could not be seen".to_owned(),
            Some("let the student in (`homeroom access grant`), then run the same command again"),
        );
    };
    let key = match session.vault().read(username) {
        Ok(known) => known.and_then(|known| known.access_key),
        Err(error) => return could_not(error.to_string(), None),
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
