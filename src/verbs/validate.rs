//! `validate`: proves that each stack works.

use jiff::{Timestamp, ZonedDateTime};
use tracing::Instrument;

use super::class::{Class, invalid};
use super::ended::VerbEnded;
use super::reading::about;
use super::run::{Log, announced};
use super::session::Session;
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
use crate::stack::elsewhere::Elsewhere;
use crate::stack::in_order::in_order;
use crate::stack::kinds::Observed;
use crate::stack::observe::{Depth, observe};
use crate::stack::plan::{Plan, deploy};

/// Students validated at once: each runs a few executions, and an account runs 1,000 functions at once by
/// default (lambda/latest/dg/gettingstarted-limits.html), often far fewer in a new one.
const STUDENTS_AT_ONCE: usize = 25;

const COMMAND: Command = Command::Validate;

pub(super) async fn run(cli: &Cli) -> Result<Exit> {
    let session = Class::load(cli)?.connect().await?;
    session.require_invoke_address().await?;
    let (ended, observed) = validate(&session).await?;
    let mut stacks = session.desired.stacks.iter();
    let view = View {
        granted: stacks.all(|stack| observed.user_of(session.scope(), &stack.owner).is_some()),
        ..session.view()
    };
    ended.show_with(&session, view).await
}

/// Validates a session's students, and writes the results for a CI beside the reports.
pub(super) async fn validate(session: &Session) -> Result<(VerbEnded, Observed)> {
    let work = session.run(COMMAND, Log::Kept, async |client| {
        let observed = observe(client, &session.desired, &Depth::Deploy).await?;
        Elsewhere::check(&session.desired, &observed)?;
        let plan = deploy::plan(&session.desired, &observed, false);
        let started = session.started(COMMAND, plan.students.len(), 0);
        let work = all_students(client, session, &observed, &plan);
        let students = announced(client, started, work).await?;
        Ok::<_, Error>((observed, students))
    });
    let (done, run) = work.await;
    let (observed, students) = done?;
    let mut notes = Vec::new();
    let checks = || students.iter().map(|s| (&s.username, s.checks.as_slice()));
    let at = ZonedDateTime::now();
    let about = about(session);
    let (reports, class) = (&session.class.settings.reports, session.class.name());
    if let Err(error) = write_junit(reports, class, about, &at, checks()) {
        let file = about.file("junit.xml");
        notes.push(format!("{file} could not be written: {error}"));
    }
    notes.extend(session.files().keep_validations(checks(), &at));
    let exit = run.exit(&students, &[Outcome::Failed, Outcome::Unknown]);
    let mut ended = session.ended(COMMAND, students, notes);
    ended.summary.gaps.clone_from(&observed.gaps);
    ended.exit = exit;
    Ok((ended, observed))
}

async fn all_students(
    client: &Client,
    session: &Session,
    observed: &Observed,
    plan: &Plan,
) -> Result<Vec<StudentResult>> {
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
