//! `status` and `report`: who is complete, in progress, not started, broken, could not be checked.

use std::io;

use jiff::{Timestamp, ZonedDateTime};

use crate::cli::{AttestArgs, Cli, ReportArgs, StatusArgs};
use crate::error::{Error, Kind, Result};
use crate::events::{Command, Left, Outcome, StudentResult};
use crate::evidence::attest::Attestations;
use crate::evidence::check::{CheckResult, Verdict};
use crate::evidence::last_reading::{LastReadings, Sight, progress_of};
use crate::evidence::progress::{Progress, StudentProgress};
use crate::evidence::reading::{ClassReading, read_class, read_observed as read_observed_class};
use crate::files::class_dir;
use crate::ids::Username;
use crate::lab::bundle;
use crate::report::causes;
use crate::report::{
    About, Account, Document, PseudonymKey, ReportStudent, Since, View, WrittenReport,
    write_reports,
};
use crate::roster::Student;
use crate::stack::diff::Change;
use crate::stack::elsewhere::Elsewhere;
use crate::stack::kinds::{Gap, Observed};
use crate::stack::left::Attendance;

use super::access::still_frozen;
use super::canvas::CanvasFile;
use super::elsewhere;
use super::last_readings;
use super::plan::{interrupted, view};
use super::readings;
use super::run::{run as run_work, summarise};
use super::session::{Class, Session};
use super::validations::Validations;
use super::{Exit, leavers, people, show};

/// Where everybody stands, at one moment.
pub(super) struct Standing {
    pub students: Vec<StudentProgress>,
    pub gaps: Vec<Gap>,
    /// Students who left the roster.
    pub left: Vec<Left>,
    pub alias: Option<String>,
    pub taken_at: ZonedDateTime,
    /// Those of them who were read as well.
    pub departed: Vec<StudentProgress>,
    /// Notes that concern the whole class.
    pub notes: Vec<String>,
    /// The last readings, this one among them.
    pub last: LastReadings,
    /// Where the students' stacks stand, if that is somewhere else.
    elsewhere: Option<Elsewhere>,
    /// Whether something of the students is there to be read, or may be.
    any_stack: bool,
    /// The same of those who left.
    any_departed: bool,
}

impl Standing {
    /// Whether there is nothing that a grade could be made from: no stack, and no reading of one.
    pub fn is_nothing(&self) -> bool {
        self.is_of_nobody() && !self.any_departed && unknown(&self.departed)
    }

    /// The same of the students alone, whatever there is of those who left.
    fn is_of_nobody(&self) -> bool {
        !self.any_stack && unknown(&self.students)
    }

    /// Students of whom not everything could be read now, with the first reason.
    pub fn unread(&self) -> Vec<(&Username, String)> {
        let students = self.students.iter().chain(&self.departed);
        students
            .filter(|student| student.last.unread)
            .map(|student| {
                let mut checks = student.checks.iter();
                let unread =
                    checks.find(|c| c.verdict == Verdict::CouldNotCheck || c.as_of.is_some());
                let why = unread.map(|check| self.why_unread(check));
                (&student.username, why.unwrap_or_default())
            })
            .collect()
    }

    fn why_unread(&self, check: &CheckResult) -> String {
        if let Some(at) = check.as_of {
            let at = last_readings::moment(at, self.taken_at.time_zone());
            return format!("'{}' stands as it was read {at}", check.title);
        }
        let failure = causes::of_check(check);
        failure.map_or(String::new(), |f| format!("'{}': {}", f.subject, f.cause))
    }
}

/// Whether nothing was ever read of any of them.
fn unknown(students: &[StudentProgress]) -> bool {
    let mut students = students.iter();
    students.all(|student| student.last.as_of.is_none())
}

pub(super) async fn run_status(cli: &Cli, args: &StatusArgs) -> Result<Exit> {
    let class = Class::load(cli)?;
    let attested = attestations(&class, &args.attest)?;
    let session = class.connect().await?;
    let mut standing = read(&session, Command::Status).await?;
    refuse_elsewhere(&session, &standing)?;
    attest(&mut standing, &attested);
    let mut notes = standing.notes.clone();
    if standing.is_nothing() {
        notes.push(nothing_stands(&session));
    }
    let mut summary = summarise(&session, Command::Status, results(&standing), notes);
    summary.left.clone_from(&standing.left);
    let document = document(&session, &standing);
    let view = View {
        document: Some(&document),
        gaps: &standing.gaps,
        ..view(&session)
    };
    show(&summary, &view, session.class.settings.ui)?;
    Ok(exit_of(&standing))
}

pub(super) async fn run_report(cli: &Cli, args: &ReportArgs) -> Result<Exit> {
    let class = Class::load(cli)?;
    // A wrong file is told before anything is read of the cloud.
    let export = CanvasFile::load(args);
    let judged = export
        .as_ref()
        .map_err(Error::clone)
        .and_then(|export| export.as_ref().map(CanvasFile::judge).transpose());
    let (attested, gradebook) = both(attestations(&class, &args.attest), judged)?;
    let session = class.connect().await?;
    let mut standing = read(&session, Command::Report).await?;
    refuse_nothing(&session, &standing)?;
    attest(&mut standing, &attested);
    // Before the report before this one is replaced, from which a student who left may be known.
    people::keep(&session);
    let of_others = last_readings::of_other_accounts(&session);
    let report = class_report(&session, &standing);
    let written = write_files(
        &session,
        &mut standing,
        &report,
        about(&session),
        args.anonymous,
    )?;
    let mut notes = standing.notes.clone();
    notes.extend(of_others);
    let mut files: Vec<String> = written
        .files()
        .into_iter()
        .map(|path| path.display().to_string())
        .collect();
    if let Some(canvas) = &gradebook {
        let reports = &session.class.settings.reports;
        let roster = &session.class.roster.students;
        let (path, said) = canvas.write(reports, &report, roster, about(&session))?;
        files.push(path.display().to_string());
        notes.extend(said);
    }
    if !written.removed.is_empty() {
        notes.push(format!(
            "removed {} of students who left",
            crate::text::words::plural(written.removed.len(), "page")
        ));
    }
    let mut summary = summarise(&session, Command::Report, results(&standing), notes);
    summary.left.clone_from(&standing.left);
    summary.files = files;
    let view = View {
        document: Some(&report),
        gaps: &standing.gaps,
        report: Some(written.anonymous.as_ref().unwrap_or(&written.html)),
        ..view(&session)
    };
    show(&summary, &view, session.class.settings.ui)?;
    Ok(exit_of(&standing))
}

/// Both, or what is wrong with either: an instructor mends all of it at once.
fn both<A, B>(a: Result<A>, b: Result<B>) -> Result<(A, B)> {
    match (a, b) {
        (Ok(a), Ok(b)) => Ok((a, b)),
        (Err(mut a), Err(b)) => {
            a.failures.extend(b.failures);
            Err(a)
        }
        (Err(error), Ok(_)) | (Ok(_), Err(error)) => Err(error),
    }
}

/// Reads what the instructor attests, before anything is asked of AWS.
fn attestations(class: &Class, args: &AttestArgs) -> Result<Attestations> {
    let Some(path) = &args.attest else {
        return Ok(Attestations::default());
    };
    let file = path.display().to_string();
    let bytes = bundle::named_file(path, bundle::LIST_MAX).map_err(|error| {
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
        match student.last.gone {
            true => student.progress = progress_of(&student.checks, true),
            false => student.judge_again(),
        }
    }
}

/// Refuses to say anything of a class of which nothing stands and nothing is known, if its students' stacks stand
/// somewhere else.
///
/// # Errors
/// See [`super::elsewhere`].
pub(super) fn refuse_elsewhere(session: &Session, standing: &Standing) -> Result<()> {
    match &standing.elsewhere {
        Some(elsewhere) if standing.is_nothing() => {
            Err(elsewhere::refused(&session.desired, elsewhere))
        }
        _ => Ok(()),
    }
}

/// Refuses to write grades from the absence of stacks.
fn refuse_nothing(session: &Session, standing: &Standing) -> Result<()> {
    refuse_elsewhere(session, standing)?;
    match standing.is_nothing() {
        false => Ok(()),
        true => Err(Error::new(
            Kind::Refused,
            format!("class {}", session.class.name()),
            format!("{}; nothing was written", nothing_stands(session)),
        )
        .hint(format!(
            "check --class, --region, --profile and the roster; a class that is not there yet is made by `{} deploy`",
            session.class.invocation
        ))),
    }
}

/// That nothing is there, and what is kept of the class all the same.
fn nothing_stands(session: &Session) -> String {
    let scope = session.scope();
    let (reports, class) = (&session.class.settings.reports, session.class.name());
    let who = match session.class.is_whole() {
        true => "no stack of it".to_owned(),
        false => format!("no stack of the {} chosen", session.class.students.len()),
    };
    let known = last_readings::known(reports, class);
    let kept = match known.is_empty() {
        true => "nothing is kept of it".to_owned(),
        false => format!(
            "kept in {}: readings of {}",
            class_dir(reports, class).display(),
            known.join(", and of ")
        ),
    };
    format!(
        "{who} is in account {}, {}, and no reading of one there is known; {kept}",
        scope.account, scope.region
    )
}

/// A status that could not be read for somebody is an error, though everything else is shown.
fn exit_of(standing: &Standing) -> Exit {
    let unknown = |s: &StudentProgress| s.progress == Progress::Unknown || s.last.unread;
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
    read_of(session, command, None, &[]).await
}

/// [`read`] of what a teardown has just listed, and of those as well who left the roster.
///
/// # Errors
/// As [`read`].
pub(super) async fn read_observed(
    session: &Session,
    observed: &Observed,
    departed: &[Username],
) -> Result<Standing> {
    read_of(session, Command::Teardown, Some(observed), departed).await
}

async fn read_of(
    session: &Session,
    command: Command,
    observed: Option<&Observed>,
    departed: &[Username],
) -> Result<Standing> {
    let class = &session.class;
    let mut students = class.students.clone();
    let mut unnamed = Vec::new();
    for student in departed.iter().map(leavers::unknown_student) {
        // The lab may have changed since, so that it has no names for them any more.
        match class.desired(session.scope(), std::slice::from_ref(&student)) {
            Ok(_) => students.push(student),
            Err(_) => unnamed.push(student.username.to_string()),
        }
    }
    let beyond = match students.len() > class.students.len() {
        true => Some(class.desired(session.scope(), &students)?),
        false => None,
    };
    // Those who are read as well would seem to be in the roster.
    let attendance = observed
        .filter(|_| class.is_whole())
        .map(|observed| Attendance::of(&session.desired, observed));
    // A file that cannot be used is told before anything is read of the cloud.
    last_readings::load(session)?;
    let (cache, mut notes) = readings::load(session);
    if !unnamed.is_empty() {
        notes.push(format!(
            "not read, since the lab as it is now has no names for them: {}",
            unnamed.join(", ")
        ));
    }
    let reading = ClassReading {
        lab: &session.class.lab,
        desired: beyond.as_ref().unwrap_or(&session.desired),
        students: &students,
        depth: &session.class.depth(),
        now_ms: Timestamp::now().as_millisecond(),
        console: session.client.is_aws(),
        invoke_url: &|api_id, stage| session.client.invoke_url(api_id, stage),
    };
    let ran = run_work(session, command, false, async |client| match observed {
        None => read_class(client, &reading, cache).await,
        Some(observed) => read_observed_class(client, &reading, cache, observed.clone()).await,
    })
    .await;
    let read = ran.output.map_err(|_| interrupted())?;
    let any = |sights: &[Sight]| sights.iter().any(|sight| sight.any || sight.hidden);
    let (here, gone) = read.sights.split_at(class.students.len());
    let (any_stack, any_departed) = (any(here), any(gone));
    if any_stack || any_departed {
        notes.extend(readings::save(session, &read.cache));
    }
    let taken_at = ZonedDateTime::now();
    let now = taken_at.timestamp();
    // Afresh: another command may have read meanwhile.
    let mut last = last_readings::load(session)?;
    last.know(&people::load(session));
    let sights = read.sights.into_iter().map(|sight| Sight {
        ends: observed.is_some(),
        ..sight
    });
    let read_now = read.students.into_iter().zip(sights);
    let (mut students, displaced) = last.merge(read_now, &people::now(session), now);
    let kept = last_readings::keep_displaced(session, &mut last, displaced, now)
        .and_then(|()| save_any(session, &last));
    if let Err(error) = kept {
        notes.push(format!(
            "the last readings could not be kept, so nothing stands for them once a stack is gone: {error}"
        ));
    }
    notes.extend(rewritten(&read.rewritten));
    if command == Command::Status {
        notes.extend(still_frozen(&read.frozen));
    }
    if command != Command::Rehearse {
        // That scripted students had stacks in an earlier rehearsal is no news.
        notes.extend(last_readings::notes(&last, &students, &taken_at));
    }
    let departed = students.split_off(class.students.len());
    Ok(Standing {
        students,
        gaps: read.gaps,
        left: leavers::named(session, attendance.as_ref().unwrap_or(&read.attendance)),
        departed,
        alias: read.alias,
        taken_at,
        notes,
        last,
        elsewhere: read.elsewhere,
        any_stack,
        any_departed,
    })
}

/// Who changed the function whose log tells what the API started.
fn rewritten(changes: &[(Username, Change)]) -> Option<String> {
    let (_, first) = changes.first()?;
    let students: Vec<&str> = changes
        .iter()
        .map(|(student, _)| student.as_str())
        .collect();
    Some(format!(
        "changed the function whose log proves what the API started: {} ({} {})",
        students.join(", "),
        first.resource,
        first.summary
    ))
}

/// Keeps last readings, where there are any.
fn save_any(session: &Session, last: &LastReadings) -> io::Result<()> {
    match last.students.is_empty() {
        true => Ok(()),
        false => last_readings::save(session, last),
    }
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

/// Writes the report's files. Where there is nothing but of those who left, they are about them, beside the class's.
///
/// # Errors
/// When a file cannot be written.
pub(super) fn write(session: &Session, standing: &mut Standing) -> Result<WrittenReport> {
    let mut report = class_report(session, standing);
    let mut about = about(session);
    if standing.is_of_nobody() && !report.departed.is_empty() {
        about = About::Selection;
        report.students = std::mem::take(&mut report.departed);
        report.since = None;
        report.notes.push(
            "This report shows students who left the roster. Of everybody in it nothing stands and no reading is known."
                .to_owned(),
        );
    }
    write_files(session, standing, &report, about, false)
}

/// Whom the files are about: those about some are called otherwise, so that they replace none of everybody's.
fn about(session: &Session) -> About {
    About::whole(session.class.is_whole())
}

fn write_files(
    session: &Session,
    standing: &mut Standing,
    report: &Document,
    about: About,
    anonymous: bool,
) -> Result<WrittenReport> {
    let reports = &session.class.settings.reports;
    let mut attempt = || -> io::Result<WrittenReport> {
        let key = anonymous.then(|| PseudonymKey::of_class(reports, &report.class));
        let hidden = &session.class.roster.kept_back.values;
        let key = key.transpose()?.map(|key| key.hiding(hidden));
        let written = write_reports(reports, report, about, key.as_ref())?;
        let copy = last_readings::file_name(&written.dated);
        let students = standing.students.iter().chain(&standing.departed);
        let theirs = students.filter(|student| !student.last.another);
        let theirs = theirs.map(|student| &student.username);
        standing.last.copied(theirs, &copy);
        save_any(session, &standing.last)?;
        Ok(written)
    };
    attempt().map_err(|error| {
        Error::new(Kind::General, "report", error.to_string()).hint(
            "free space or choose another folder with --reports, then run `homeroom report` again",
        )
    })
}

/// The class as every table and report shows it, with each stack's last validation.
pub(super) fn document(session: &Session, standing: &Standing) -> Document {
    let validations = Validations::load(session);
    let row = |student: Student, progress: &StudentProgress| ReportStudent {
        validate: validations
            .of(&student.username)
            .map(|validated| validated.checks.clone())
            .unwrap_or_default(),
        student,
        progress: progress.clone(),
    };
    let pairs = session.class.students.iter().zip(&standing.students);
    let departed = standing.departed.iter();
    let departed = departed.map(|gone| row(leavers::unknown_student(&gone.username), gone));
    Document {
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
        students: pairs
            .map(|(s, progress)| row(s.clone(), progress))
            .collect(),
        left: standing.left.clone(),
        departed: departed.collect(),
        notes: standing.notes.clone(),
        gaps: standing.gaps.clone(),
        since: None,
    }
}

/// The same with what changed since the report before.
pub(super) fn class_report(session: &Session, standing: &Standing) -> Document {
    let mut report = document(session, standing);
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
