//! Reads where a class stands, keeps that for the next reading, and makes a report of it.

use std::io;

use jiff::{Timestamp, ZonedDateTime};

use super::access::note_on_frozen;
use super::run::Log;
use super::session::Session;
use crate::error::{Error, Kind, Result};
use crate::events::Command;
use crate::evidence::kept::{LAST_READINGS, distinct};
use crate::evidence::last_reading::LastReadings;
use crate::evidence::progress::StudentProgress;
use crate::evidence::reading::{ClassReading, read_class, read_observed as read_observed_class};
use crate::evidence::sight::StackSight;
use crate::evidence::standing::{ClassStanding, rewritten};
use crate::files::file_name;
use crate::ids::Username;
use crate::report::{
    About, Account, Document, PseudonymKey, ReportStudent, Since, WrittenReport, history,
    last_readings, write_reports,
};
use crate::roster::Student;
use crate::stack::kinds::Observed;
use crate::stack::left::Attendance;

/// Reads where everybody stands, and keeps for the next reading what cannot change.
///
/// # Errors
/// When it was stopped.
pub(super) async fn read(session: &Session, command: Command) -> Result<ClassStanding> {
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
) -> Result<ClassStanding> {
    read_of(session, Command::Teardown, Some(observed), departed).await
}

async fn read_of(
    session: &Session,
    command: Command,
    observed: Option<&Observed>,
    departed: &[Username],
) -> Result<ClassStanding> {
    let (class, files) = (&session.class, session.files());
    let mut students = class.students.clone();
    let mut unnamed = Vec::new();
    for student in departed.iter().cloned().map(Student::unknown) {
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
    files.last_readings()?;
    let (cache, mut notes) = files.cache();
    if !unnamed.is_empty() {
        notes.push(format!(
            "not read, since the lab as it is now has no names for them: {}",
            unnamed.join(", ")
        ));
    }
    let reading = ClassReading {
        lab: &class.lab,
        desired: beyond.as_ref().unwrap_or(&session.desired),
        students: &students,
        depth: &class.depth(),
        now_ms: Timestamp::now().as_millisecond(),
        console: session.client.is_aws(),
        invoke_url: &|api_id, stage| session.client.invoke_url(api_id, stage),
    };
    let look = session.run(command, Log::None, async |client| match observed {
        None => read_class(client, &reading, cache).await,
        Some(observed) => read_observed_class(client, &reading, cache, observed.clone()).await,
    });
    let read = look.await.0?;
    let any = |sights: &[StackSight]| sights.iter().any(|sight| sight.any || sight.hidden);
    let (here, gone) = read.sights.split_at(class.students.len());
    let (any_stack, any_departed) = (any(here), any(gone));
    if any_stack || any_departed {
        notes.extend(files.keep_cache(&read.cache));
    }
    let taken_at = ZonedDateTime::now();
    let now = taken_at.timestamp();
    // Afresh: another command may have read meanwhile.
    let mut last = files.last_readings()?;
    last.know(&files.people());
    let sights = read.sights.into_iter().map(|sight| StackSight {
        ends: observed.is_some(),
        ..sight
    });
    let read_now = read.students.into_iter().zip(sights);
    let people = distinct(&class.roster.students);
    let (mut students, displaced) = last.merge(read_now, &people, now);
    let mut keep = || -> io::Result<()> {
        if !displaced.is_empty() {
            let mut old = LastReadings::new(last.key.clone());
            old.students.clone_from(&displaced);
            let text = old.to_json().map_err(io::Error::other)?;
            let copy = history::keep(files.folder(), now, LAST_READINGS, text.as_bytes())?;
            last.displaced_copied(&displaced, &file_name(&copy));
        }
        files.keep_last_readings(&last)
    };
    if let Err(error) = keep() {
        notes.push(format!(
            "the last readings could not be kept, so nothing stands for them once a stack is gone: {error}"
        ));
    }
    notes.extend(rewritten(&read.rewritten));
    if command == Command::Status {
        notes.extend(note_on_frozen(&read.frozen));
    }
    if command != Command::Rehearse {
        // That scripted students had stacks in an earlier rehearsal is no news.
        notes.extend(last_readings::notes(&last, &students, &taken_at));
    }
    let departed = students.split_off(class.students.len());
    Ok(ClassStanding {
        students,
        gaps: read.gaps,
        left: session.left_of(attendance.as_ref().unwrap_or(&read.attendance)),
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

/// Whom the files are about: those about some are called otherwise, so that they replace none of everybody's.
pub(super) fn about(session: &Session) -> About {
    About::whole(session.class.is_whole())
}

/// Writes a report's files.
///
/// # Errors
/// When one cannot be written.
pub(super) fn write_files(
    session: &Session,
    standing: &mut ClassStanding,
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
        let copy = file_name(&written.dated);
        let students = standing.students.iter().chain(&standing.departed);
        let theirs = students.filter(|student| !student.last.another);
        standing.last.copied(theirs.map(|s| &s.username), &copy);
        session.files().keep_last_readings(&standing.last)?;
        Ok(written)
    };
    attempt().map_err(|error| {
        Error::new(Kind::General, "report", error.to_string()).hint(
            "free space or choose another folder with --reports, then run `homeroom report` again",
        )
    })
}

/// The class as every table and report shows it, with each stack's last validation.
pub(super) fn document(session: &Session, standing: &ClassStanding) -> Document {
    let class = &session.class;
    let validations = session.files().validations();
    let row = |student: Student, progress: &StudentProgress| ReportStudent {
        validate: validations.checks_of(&student.username),
        student,
        progress: progress.clone(),
    };
    let students = class.students.iter().cloned().zip(&standing.students);
    let departed = standing.departed.iter();
    let departed = departed.map(|gone| row(Student::unknown(gone.username.clone()), gone));
    Document {
        class: class.name().clone(),
        lab: session.desired.lab.clone(),
        lab_title: class.lab.title().to_owned(),
        account: Account {
            id: session.scope().account.clone(),
            alias: standing.alias.clone(),
        },
        region: session.scope().region.clone(),
        taken_at: standing.taken_at.clone(),
        validated_at: validations.oldest_of(&class.students).cloned(),
        students: students.map(|(s, progress)| row(s, progress)).collect(),
        left: standing.left.clone(),
        departed: departed.collect(),
        notes: standing.notes.clone(),
        gaps: standing.gaps.clone(),
        since: None,
    }
}

/// The same with what changed since the report before.
pub(super) fn class_report(session: &Session, standing: &ClassStanding) -> Document {
    let class = &session.class;
    let mut report = document(session, standing);
    if !class.is_whole() {
        report.notes.push(format!(
            "This report shows {} of the class's {} students: those who were chosen.",
            report.students.len(),
            class.roster.students.len()
        ));
        // Beside a report of everybody it would show the others as having left.
        return report;
    }
    match Since::read(&class.settings.reports, &report) {
        Ok(since) => report.since = since,
        Err(error) => report.notes.push(format!(
            "What changed since the report before is not known: {error}"
        )),
    }
    report
}
