//! `validate --isolation`: proves that every student reaches their own stack and no neighbour's.

use std::collections::BTreeMap;
use std::time::Instant;
use tracing::Instrument;

use crate::aws::Client;
use crate::aws::stop::Cancelled;
use crate::cli::Cli;
use crate::error::{Error, Kind, Result};
use crate::events::{Command, Event, Failure, Outcome, StudentResult};
use crate::ids::Username;
use crate::probe::isolation::{IsolationSubject, ProvenBy, prove};
use crate::probe::reach::{Target, neighbours};
use crate::report::View;
use crate::roster::Student;
use crate::stack::in_order::in_order;
use crate::stack::kinds::Observed;
use crate::stack::kinds::{Desired, Stack};
use crate::stack::observe::observe_access;

use super::access::vault;
use super::elsewhere;
use super::plan::view;
use super::run::{exit_of, run as run_work, summarise};
use super::session::{Class, Session};
use super::validate::{first_trouble, judged};
use super::{Exit, show};

/// Students at once; the pacer spaces their calls, this only bounds open connections.
const STUDENTS_AT_ONCE: usize = 16;

pub(super) async fn run(cli: &Cli) -> Result<Exit> {
    let class = Class::load(cli)?;
    let session = class.connect().await?;
    // Neighbours need not be among those who were chosen.
    let everybody = session
        .class
        .lab
        .desired(
            session.scope(),
            session.class.name(),
            &session.class.roster.students,
        )
        .map_err(|failures| Error {
            kind: Kind::Invalid,
            failures,
        })?;
    let ran = run_work(&session, Command::Isolation, true, async |client| {
        let observed = observe_access(client, &everybody, true).await?;
        elsewhere::check(&everybody, &observed)?;
        let students = all_students(client, &session, &everybody, &observed).await;
        Ok::<_, Error>((observed, students))
    })
    .await;
    let (observed, students) = ran.output?;
    let exit = exit_of(
        ran.interrupted,
        &students,
        [Outcome::Failed, Outcome::Unknown],
    );
    let summary = summarise(&session, Command::Isolation, students, Vec::new());
    let view = View {
        gaps: &observed.gaps,
        ..view(&session)
    };
    show(&summary, &view, session.class.settings.ui)?;
    Ok(exit)
}

async fn all_students(
    client: &Client,
    session: &Session,
    everybody: &Desired,
    observed: &Observed,
) -> Vec<StudentResult> {
    let scope = session.scope();
    let targets: BTreeMap<&Username, Target> = everybody
        .stacks
        .iter()
        .filter_map(|stack| {
            let invoke_url = |id: &str, stage: &str| session.client.invoke_url(id, stage);
            let apis = observed.endpoints(scope, stack, invoke_url);
            Some((stack.student(), Target::of(scope, stack, &apis)?))
        })
        .collect();
    let stacks = everybody.stacks.iter().map(|stack| stack.student());
    let in_roster: &Vec<Username> = &stacks
        .filter(|student| targets.contains_key(student))
        .cloned()
        .collect();
    let chosen = &session.class.students;
    client.emit(Event::RunStarted {
        command: Command::Isolation,
        class: session.class.name().clone(),
        lab: session.desired.lab.clone(),
        account: scope.account.clone(),
        region: scope.region.clone(),
        students: chosen.len(),
        steps: 0,
    });
    let began = Instant::now();
    let results = in_order(chosen, STUDENTS_AT_ONCE, |student| {
        let targets = &targets;
        let span = tracing::debug_span!("student", student = %student.username);
        let tried = async move {
            let near = neighbours(in_roster, &student.username);
            let near: Vec<&Target> = near.iter().filter_map(|name| targets.get(name)).collect();
            let own = targets.get(&student.username);
            one_student(client, session, observed, student, own, &near).await
        };
        tried.instrument(span)
    })
    .await;
    client.emit(Event::RunFinished {
        elapsed_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
    });
    results
}

/// Roles of a student's stack that have not the permissions boundary that a deployment gives them.
fn unbounded_roles(observed: &Observed, stack: &Stack) -> Vec<String> {
    let unbounded = stack.roles.iter().filter(|role| {
        let actual = observed.roles.get(&role.name);
        actual.is_some_and(|actual| actual.boundary != role.boundary)
    });
    unbounded.map(|role| role.name.clone()).collect()
}

async fn one_student(
    client: &Client,
    session: &Session,
    observed: &Observed,
    student: &Student,
    own: Option<&Target>,
    near: &[&Target],
) -> StudentResult {
    let username = &student.username;
    let could_not = |cause: String, hint: &str| StudentResult {
        username: username.clone(),
        outcome: Outcome::Unknown,
        resources: Vec::new(),
        checks: Vec::new(),
        outputs: Vec::new(),
        errors: vec![Failure {
            subject: username.to_string(),
            cause,
            hint: (!hint.is_empty()).then(|| hint.to_owned()),
            request_id: None,
        }],
    };
    client.emit(Event::StudentStarted {
        student: username.clone(),
    });
    let scope = session.scope();
    let user = observed.users.get(username.as_str());
    let mut stacks = session.desired.stacks.iter();
    let stack = stacks.find(|stack| stack.student() == username);
    let ours = user
        .zip(stack)
        .filter(|(user, stack)| user.is_of(scope, &stack.owner));
    let result = match (own, ours) {
        (None, _) => could_not(
            "has no stack, or it could not be seen".to_owned(),
            crate::stack::hints::MISSING,
        ),
        (_, None) => could_not(
            "has no IAM user of this class, or it could not be seen".to_owned(),
            "let the student in (`homeroom access grant`), then run the same command again",
        ),
        (Some(own), Some((user, stack))) => {
            let subject = IsolationSubject {
                own,
                neighbours: near,
                frozen: user.is_frozen(),
                unbounded_roles: unbounded_roles(observed, stack),
            };
            match vault(session).read(username) {
                Err(error) => could_not(error.to_string(), ""),
                Ok(known) => {
                    let key = known.and_then(|known| known.access_key);
                    let as_student = key.map(|key| client.with_access_key(&key));
                    let way = match &as_student {
                        Some(student) => ProvenBy::Key(student),
                        None => ProvenBy::Simulator {
                            region: &scope.region,
                        },
                    };
                    match prove(client, &subject, way).await {
                        Ok(checks) => judged(student, checks),
                        Err(Cancelled) => StudentResult {
                            outcome: Outcome::Cancelled,
                            errors: Vec::new(),
                            ..could_not(String::new(), "")
                        },
                    }
                }
            }
        }
    };
    client.emit(Event::StudentFinished {
        student: username.clone(),
        outcome: result.outcome,
        failure: first_trouble(&result.checks).or_else(|| result.errors.first().cloned()),
    });
    result
}
