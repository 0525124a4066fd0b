//! `status` and `report`: who is complete, in progress, not started, broken, could not be checked.

use std::fs;

use jiff::{Timestamp, Zoned};

use crate::cli::{AttestArgs, Cli, ReportArgs, StatusArgs};
use crate::domain::attest::Attestations;
use crate::domain::check::{Progress, StudentProgress};
use crate::domain::observed::Gap;
use crate::engine::reading::{ClassReading, read_class};
use crate::error::{Error, Kind, Result};
use crate::events::{Command, Outcome, StudentResult};
use crate::report::{
    About, Account, ClassReport, Key, ReportStudent, Since, View, Written, write_reports,
};

use super::canvas::Canvas;
use super::plan::{interrupted, view};
use super::readings;
use super::run::{run as run_work, summarise};
use super::session::{Class, Session};
use super::validations::Validations;
use super::{Exit, show};

/// Where everybody stands, at one moment.
pub(super) struct Standing {
    pub students: Vec<StudentProgress>,
    pub gaps: Vec<Gap>,
    pub alias: Option<String>,
    pub taken_at: Zoned,
    /// Notes that concern the whole class.
    pub notes: Vec<String>,
}

pub(super) async fn run_status(cli: &Cli, args: &StatusArgs) -> Result<Exit> {
    let class = Class::load(cli)?;
    let attested = attestations(&class, &args.attest)?;
    let session = class.connect().await?;
    let mut standing = read(&session, Command::Status).await?;
    attest(&mut standing, &attested);
    let notes = standing.notes.clone();
    let summary = summarise(&session, Command::Status, results(&standing), notes);
    let view = View {
        gaps: &standing.gaps,
        ..view(&session)
    };
    show(&summary, &view, session.class.settings.ui)?;
    Ok(exit_of(&standing))
}

pub(super) async fn run_report(cli: &Cli, args: &ReportArgs) -> Result<Exit> {
    let class = Class::load(cli)?;
    // A wrong file is told before anything is read of the cloud.
    let attested = attestations(&class, &args.attest)?;
    let gradebook = Canvas::load(args)?;
    let session = class.connect().await?;
    let mut standing = read(&session, Command::Report).await?;
    attest(&mut standing, &attested);
    let report = class_report(&session, &standing);
    let written = write_files(&session, &report, args.anonymous)?;
    let mut notes = standing.notes.clone();
    if let Some(canvas) = &gradebook {
        notes.extend(canvas.write(&session.class.settings.reports, &report)?);
    }
    if !written.removed.is_empty() {
        notes.push(format!(
            "removed {} of students who left",
            crate::report::words::plural(written.removed.len(), "page")
        ));
    }
    let mut summary = summarise(&session, Command::Report, results(&standing), notes);
    let files = written.files().into_iter();
    summary.files = files.map(|path| path.display().to_string()).collect();
    let view = View {
        gaps: &standing.gaps,
        report: Some(written.anonymous.as_ref().unwrap_or(&written.html)),
        ..view(&session)
    };
    show(&summary, &view, session.class.settings.ui)?;
    Ok(exit_of(&standing))
}

/// Reads what the instructor attests, before anything is asked of AWS.
fn attestations(class: &Class, args: &AttestArgs) -> Result<Attestations> {
    let Some(path) = &args.attest else {
        return Ok(Attestations::default());
    };
    let file = path.display().to_string();
    let bytes = fs::read(path).map_err(|error| {
        Error::new(
            Kind::Invalid,
            "--attest",
            format!("{file} cannot be read: {error}"),
        )
        .hint("give the path of a CSV file with the columns username and check")
    })?;
    Attestations::parse(&file, &bytes, &class.roster, class.lab.checks()).map_err(|failures| {
        Error {
            kind: Kind::Invalid,
            failures,
        }
    })
}

fn attest(standing: &mut Standing, attested: &Attestations) {
    for student in &mut standing.students {
        for check in &mut student.checks {
            attested.apply(&student.username, check);
        }
        student.judge_again();
    }
}

/// A status that could not be read for somebody is an error, though everything else is shown.
fn exit_of(standing: &Standing) -> Exit {
    let unknown = |s: &StudentProgress| s.progress == Progress::Unknown;
    if standing.gaps.is_empty() && !standing.students.iter().any(unknown) {
        Exit::Done
    } else {
        Exit::Error
    }
}

/// Reads where everybody stands, and keeps for the next reading what cannot change.
///
/// # Errors
/// When it was stopped.
pub(super) async fn read(session: &Session, command: Command) -> Result<Standing> {
    let (cache, mut notes) = readings::load(session);
    let reading = ClassReading {
        lab: &session.class.lab,
        desired: &session.desired,
        students: &session.class.students,
        instructor: &session.identity,
        now_ms: Timestamp::now().as_millisecond(),
        console: session.cloud.is_aws(),
        invoke_url: &|api_id, stage| session.cloud.invoke_url(api_id, stage),
    };
    let ran = run_work(session, command, false, async |caller| {
        read_class(caller, &reading, cache).await
    })
    .await;
    let read = ran.output.map_err(|_| interrupted())?;
    notes.extend(readings::save(session, &read.cache));
    Ok(Standing {
        students: read.students,
        gaps: read.gaps,
        alias: read.alias,
        taken_at: Zoned::now(),
        notes,
    })
}

/// The students' results, for a summary.
pub(super) fn results(standing: &Standing) -> Vec<StudentResult> {
    standing
        .students
        .iter()
        .map(|student| StudentResult {
            username: student.username.clone(),
            outcome: match student.progress {
                Progress::Complete => Outcome::Complete,
                Progress::InProgress => Outcome::InProgress,
                Progress::NotStarted => Outcome::NotStarted,
                Progress::NotDeployed => Outcome::NotDeployed,
                Progress::Broken => Outcome::Broken,
                Progress::Unknown => Outcome::Unknown,
            },
            resources: Vec::new(),
            checks: student.checks.clone(),
            outputs: student.outputs.clone(),
            errors: Vec::new(),
        })
        .collect()
}

/// Writes the report's files.
///
/// # Errors
/// When a file cannot be written.
pub(super) fn write(session: &Session, standing: &Standing) -> Result<Written> {
    write_files(session, &class_report(session, standing), false)
}

fn write_files(session: &Session, report: &ClassReport, anonymous: bool) -> Result<Written> {
    let reports = &session.class.settings.reports;
    let attempt = || -> std::io::Result<Written> {
        let key = anonymous.then(|| Key::of_class(reports, &report.class));
        let about = if session.class.is_whole() {
            About::Class
        } else {
            About::Selection
        };
        write_reports(reports, report, about, key.transpose()?.as_ref())
    };
    attempt().map_err(|error| {
        Error::new(Kind::General, "report", error.to_string()).hint(
            "free space or choose another folder with --reports, then run `homeroom report` again",
        )
    })
}

/// The class as a report shows it, with each stack's last validation and what changed since the report before.
pub(super) fn class_report(session: &Session, standing: &Standing) -> ClassReport {
    let validations = Validations::load(session);
    let students = session
        .class
        .students
        .iter()
        .zip(&standing.students)
        .map(|(student, progress)| ReportStudent {
            student: student.clone(),
            progress: progress.clone(),
            validate: validations
                .of(&student.username)
                .map(|validated| validated.checks.clone())
                .unwrap_or_default(),
        })
        .collect();
    let mut report = ClassReport {
        class: session.class.name().clone(),
        lab: session.desired.lab.clone(),
        lab_title: session.class.lab.title().to_owned(),
        account: Account {
            id: session.scope().account.clone(),
            alias: standing.alias.clone(),
        },
        region: session.scope().region.clone(),
        taken_at: standing.taken_at.clone(),
        validated_at: validations.oldest_of(&session.class.students).cloned(),
        students,
        notes: standing.notes.clone(),
        gaps: standing.gaps.clone(),
        since: None,
    };
    if !session.class.is_whole() {
        report.notes.push(format!(
            "This report shows {} of the class's {} students: those who were chosen.",
            report.students.len(),
            session.class.roster.students.len()
        ));
        // Beside a report of everybody it would show the others as having left.
        return report;
    }
    match Since::read(&session.class.settings.reports, &report) {
        Ok(since) => report.since = since,
        Err(error) => report.notes.push(format!(
            "What changed since the report before is not known: {error}"
        )),
    }
    report
}
