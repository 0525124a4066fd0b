//! `validate`: proves that each stack works.

use futures::future::join_all;
use jiff::{Timestamp, ZonedDateTime};
use tracing::Instrument;

use super::class::{Class, invalid};
use super::ended::{PlaceEnd, VerbEnded};
use super::homes::Deed;
use super::reading::about;
use super::run::{Log, announced, everywhere};
use super::session::{At, Session};
use super::sessions::Sessions;
use crate::aws::Client;
use crate::aws::stop::Cancelled;
use crate::cli::Cli;
use crate::error::{Error, Exit, Result};
use crate::events::{Command, Event, Outcome};
use crate::evidence::check::Verdict;
use crate::probe::validate::{Validation, issue_nonces, validate as validate_student};
use crate::report::write::write_junit;
use crate::report::{View, causes};
use crate::results::StudentResult;
use crate::roster::Student;
use crate::stack::elsewhere::Refuse;
use crate::stack::in_order::in_order;
use crate::stack::kinds::Observed;
use crate::stack::observe::{Depth, observe};
use crate::stack::plan::{Plan, deploy};

/// Students validated at once: each runs a few executions, and an account runs 1,000 functions at once by
/// default (lambda/latest/dg/gettingstarted-limits.html), often far fewer in a new one.
const STUDENTS_AT_ONCE: usize = 25;

const COMMAND: Command = Command::Validate;

pub(super) async fn run(cli: &Cli) -> Result<Exit> {
    let sessions = Class::load(cli)?.connect(Deed::Looks).await?;
    let places = sessions.places.iter();
    let known = join_all(places.map(Session::require_invoke_address)).await;
    sessions.all(known)?;
    let (ended, observed) = validate(&sessions).await?;
    let mut places = sessions.places.iter().zip(&observed);
    let view = View {
        granted: places.all(|(session, observed)| {
            let mut stacks = session.desired.stacks.iter();
            stacks.all(|stack| observed.user_of(session.scope(), &stack.owner).is_some())
        }),
        ..sessions.view()
    };
    ended.show_with(&sessions, view).await
}

/// Validates the class's students, and writes the results for a CI beside the reports.
pub(super) async fn validate(session: &Sessions) -> Result<(VerbEnded, Vec<Observed>)> {
    let work = session.run(COMMAND, Log::Kept, async |places| {
        let looked = everywhere(places, look).await;
        let looked = session.all(looked)?;
        let all = session.places.iter().zip(&looked);
        let all = all.map(|(at, (_, seen))| (&at.desired, seen));
        let notes = session.check_stands(all, Refuse::Any)?;
        let students = looked.iter().map(|(plan, _)| plan.students.len());
        let started = session.started(COMMAND, students.sum(), 0);
        let work = async {
            let all = places.iter().zip(&looked);
            join_all(all.map(|(at, (plan, observed))| all_students(at, observed, plan))).await
        };
        let students = session.all(announced(places, started, work).await)?;
        let observed: Vec<Observed> = looked.into_iter().map(|(_, observed)| observed).collect();
        Ok::<_, Error>((observed, students, notes))
    });
    let (done, run) = work.await;
    let (observed, students, mut notes) = done?;
    let at = ZonedDateTime::now();
    let ends = students
        .into_iter()
        .zip(&observed)
        .map(|(students, observed)| PlaceEnd {
            students,
            gaps: observed.gaps.clone(),
            left: Vec::new(),
        });
    let ends: Vec<PlaceEnd> = ends.collect();
    let mut students: Vec<&StudentResult> = ends.iter().flat_map(|end| &end.students).collect();
    session.in_roster_order(&mut students, |student| &student.username);
    let checks = || students.iter().map(|s| (&s.username, s.checks.as_slice()));
    let about = about(session);
    let (reports, class) = (&session.class.settings.reports, session.class.name());
    if let Err(error) = write_junit(reports, class, about, &at, checks()) {
        let file = about.file("junit.xml");
        notes.push(format!("{file} could not be written: {error}"));
    }
    for (place, end) in session.places.iter().zip(&ends) {
        let checks = end
            .students
            .iter()
            .map(|s| (&s.username, s.checks.as_slice()));
        notes.at(place, place.files().keep_validations(checks, &at));
    }
    let mut ended = session.ended(COMMAND, ends, notes);
    ended.exit = ended.exit.or(run.exit(
        &ended.summary.students,
        &[Outcome::Failed, Outcome::Unknown],
    ));
    Ok((ended, observed))
}

async fn look(at: &At<'_>) -> Result<(Plan, Observed)> {
    let desired = &at.session.desired;
    let observed = observe(&at.client, desired, &Depth::Deploy).await?;
    Ok((deploy::plan(desired, &observed, false), observed))
}

async fn all_students(at: &At<'_>, observed: &Observed, plan: &Plan) -> Result<Vec<StudentResult>> {
    let At { session, client } = at;
    let began = Timestamp::now();
    let deployed_ms = session.deployed_ms();
    let nonces = issue_nonces(client, &session.class.students).await?;
    let students = plan.students.iter().zip(session.stacks()).zip(&nonces);
    let answers = in_order(
        students,
        STUDENTS_AT_ONCE,
        |((plan, (stack, student)), nonce)| {
            let validation = Validation {
                scope: session.scope(),
                stack,
                observed,
                plan,
                probes: &[],
                console: session.client.is_aws(),
                invocation: &session.class.invocation,
                nonce,
                started_ms: began.as_millisecond(),
                deployed_ms,
            };
            let span = tracing::debug_span!("student", student = %student.username);
            one_student(client, session, validation, student).instrument(span)
        },
    );
    answers.await.into_iter().collect()
}

async fn one_student(
    client: &Client,
    session: &Session,
    validation: Validation<'_>,
    student: &Student,
) -> Result<StudentResult> {
    let (lab, class) = (&session.class.lab, session.class.name());
    let probes = lab.probes(session.scope(), class, student, validation.nonce);
    let probes = probes.map_err(invalid)?;
    client.emit(Event::StudentStarted {
        student: student.username.clone(),
    });
    let validation = Validation {
        probes: &probes,
        ..validation
    };
    let username = student.username.clone();
    let result = match validate_student(client, &validation).await {
        Ok(checks) => StudentResult::tried(username, checks),
        Err(Cancelled) => StudentResult::new(username, Outcome::Cancelled),
    };
    client.emit(finished(&result));
    Ok(result)
}

/// The event at the end of one student's checks.
pub(super) fn finished(result: &StudentResult) -> Event {
    let failed = result.checks.iter().find(|c| c.verdict != Verdict::Pass);
    let failure = failed.and_then(causes::of_check);
    Event::StudentFinished {
        student: result.username.clone(),
        outcome: result.outcome,
        failure: failure.or_else(|| result.errors.first().cloned()),
    }
}
