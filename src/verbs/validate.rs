//! `validate`: proves that each stack works.

use jiff::{Timestamp, ZonedDateTime};
use tracing::Instrument;

use crate::aws::Client;
use crate::aws::stop::Cancelled;
use crate::cli::Cli;
use crate::error::{Error, Kind, Result};
use crate::events::{Command, Event, Failure, Outcome, RunSummary, StudentResult};
use crate::evidence::check::{CheckResult, Verdict};
use crate::lab::marks::{NONCE_LENGTH, nonce};
use crate::probe::validate::{Validation, issue_nonce, validate as validate_student};
use crate::report::View;
use crate::report::write::{About, write_junit};
use crate::roster::Student;
use crate::stack::in_order::in_order;
use crate::stack::kinds::Observed;
use crate::stack::kinds::Stack;
use crate::stack::observe::{Depth, observe};
use crate::stack::plan::{Plan, deploy};

use super::deploy::run_started;
use super::elsewhere;
use super::plan::{interrupted, view};
use super::run::{exit_of, run as run_work, summarise};
use super::session::{Class, Session};
use super::{Exit, show, validations};

/// Students validated at once: each runs a few executions, and an account runs 1,000 functions at once by
/// default (lambda/latest/dg/gettingstarted-limits.html), often far fewer in a new one.
const STUDENTS_AT_ONCE: usize = 25;

pub(super) async fn run(cli: &Cli) -> Result<Exit> {
    let session = Class::load(cli)?.connect().await?;
    let (summary, observed, exit) = validate(&session).await?;
    let has_user = |stack: &Stack| {
        let user = observed.users.get(stack.student().as_str());
        user.is_some_and(|user| user.is_of(session.scope(), &stack.owner))
    };
    let view = View {
        gaps: &observed.gaps,
        granted: session.desired.stacks.iter().all(has_user),
        ..view(&session)
    };
    show(&summary, &view, session.class.settings.ui)?;
    Ok(exit)
}

/// Validates a session's students, and writes the results for a CI beside the reports.
///
/// # Errors
/// When it was stopped before any student was looked at.
pub(super) async fn validate(session: &Session) -> Result<(RunSummary, Observed, Exit)> {
    let ran = run_work(session, Command::Validate, true, async |client| {
        let observed = observe(client, &session.desired, &Depth::Deploy).await?;
        elsewhere::check(&session.desired, &observed)?;
        let plan = deploy::plan(&session.desired, &observed, false);
        let students = all_students(client, session, &observed, &plan).await?;
        Ok::<_, Error>((observed, students))
    })
    .await;
    let (observed, students) = ran.output?;
    let exit = exit_of(
        ran.interrupted,
        &students,
        [Outcome::Failed, Outcome::Unknown],
    );
    let mut notes = Vec::new();
    let checks = students.iter().map(|s| (&s.username, s.checks.as_slice()));
    let at = ZonedDateTime::now();
    let class = session.class.name();
    let about = About::whole(session.class.is_whole());
    let reports = &session.class.settings.reports;
    if let Err(error) = write_junit(reports, class, about, &at, checks) {
        notes.push(format!(
            "{} could not be written: {error}",
            about.file("junit.xml")
        ));
    }
    notes.extend(validations::keep(session, &students, &at));
    let summary = summarise(session, Command::Validate, students, notes);
    Ok((summary, observed, exit))
}

async fn all_students(
    client: &Client,
    session: &Session,
    observed: &Observed,
    plan: &Plan,
) -> Result<Vec<StudentResult>> {
    let mut started = run_started(session, Command::Validate, plan);
    if let Event::RunStarted {
        students, steps, ..
    } = &mut started
    {
        *students = plan.students.len();
        *steps = 0;
    }
    client.emit(started);
    let began = Timestamp::now();
    let nonces = issue_nonces(client, session)?;
    // The run log has them all before the first request is sent: events are heard before the work goes on.
    tokio::task::yield_now().await;
    let pairs = plan.students.iter().zip(&session.desired.stacks);
    let pairs = pairs.zip(&session.class.students).zip(&nonces);
    let answers = in_order(
        pairs,
        STUDENTS_AT_ONCE,
        |(((plan, stack), student), nonce)| {
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
            };
            let span = tracing::debug_span!("student", student = %student.username);
            one_student(client, session, validation, student).instrument(span)
        },
    )
    .await;
    let elapsed = Timestamp::now().duration_since(began);
    client.emit(Event::RunFinished {
        elapsed_ms: u64::try_from(elapsed.as_millis()).unwrap_or_default(),
    });
    answers.into_iter().collect()
}

/// A nonce for each student, in their order: what this run sends to their stack bears it, so that whatever comes of it is
/// known to be homeroom's.
fn issue_nonces(client: &Client, session: &Session) -> Result<Vec<String>> {
    let issue = |student: &Student| {
        let mut random = [0_u8; NONCE_LENGTH];
        getrandom::fill(&mut random).map_err(|error| {
            Error::new(
                Kind::General,
                "validate",
                format!("no random bytes: {error}"),
            )
        })?;
        let nonce = nonce(random);
        issue_nonce(client, &student.username, &nonce);
        Ok(nonce)
    };
    session.class.students.iter().map(issue).collect()
}

/// Validates one student with the lab's probes, rendered for them.
async fn one_student(
    client: &Client,
    session: &Session,
    validation: Validation<'_>,
    student: &Student,
) -> Result<StudentResult> {
    let probes = session
        .class
        .lab
        .probes(
            session.scope(),
            session.class.name(),
            student,
            validation.nonce,
        )
        .map_err(|failures| Error {
            kind: Kind::Invalid,
            failures,
        })?;
    client.emit(Event::StudentStarted {
        student: student.username.clone(),
    });
    let validation = Validation {
        probes: &probes,
        ..validation
    };
    let checks = validate_student(client, &validation).await;
    let result = match checks {
        Ok(checks) => judged(student, checks),
        Err(Cancelled) => StudentResult {
            username: student.username.clone(),
            outcome: Outcome::Cancelled,
            resources: Vec::new(),
            checks: Vec::new(),
            outputs: Vec::new(),
            errors: Vec::new(),
        },
    };
    client.emit(Event::StudentFinished {
        student: student.username.clone(),
        outcome: result.outcome,
        failure: first_trouble(&result.checks),
    });
    Ok(result)
}

/// How a student did, from their checks.
pub(super) fn judged(student: &Student, checks: Vec<CheckResult>) -> StudentResult {
    let has = |verdict| checks.iter().any(|c| c.verdict == verdict);
    let outcome = if has(Verdict::Fail) {
        Outcome::Failed
    } else if has(Verdict::CouldNotCheck) {
        Outcome::Unknown
    } else {
        Outcome::Passed
    };
    StudentResult {
        username: student.username.clone(),
        outcome,
        resources: Vec::new(),
        checks,
        outputs: Vec::new(),
        errors: Vec::new(),
    }
}

/// The first check that did not pass, as a failure.
pub(super) fn first_trouble(checks: &[CheckResult]) -> Option<Failure> {
    crate::report::causes::of_check(checks.iter().find(|c| c.verdict != Verdict::Pass)?)
}

/// The error of a validation that was stopped while it looked at the cloud.
impl From<Cancelled> for Error {
    fn from(_: Cancelled) -> Self {
        interrupted()
    }
}
