//! Reads where a class stands, keeps that for the next reading, and makes a report of it.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use jiff::{Timestamp, ZonedDateTime};

use super::access::note_on_frozen;
use super::ended::VerbEnded;
use super::run::Log;
use super::say::unwritten;
use super::session::Session;
use super::silence::{Heard, tell_silent};
use crate::error::{Exit, Result};
use crate::events::Command;
use crate::evidence::attention::{needs, room_remarks};
use crate::evidence::kept::{LAST_READINGS, distinct};
use crate::evidence::last_reading::LastReadings;
use crate::evidence::progress::StudentProgress;
use crate::evidence::reading::{ClassReading, read_class, read_observed as read_observed_class};
use crate::evidence::sight::StackSight;
use crate::evidence::standing::{ClassStanding, rewritten};
use crate::files::file_name;
use crate::ids::Username;
use crate::report::{
    About, Account, Document, Proposing, ReportStudent, Since, WrittenReport, history,
    last_readings, write_reports,
};
use crate::roster::Student;
use crate::stack::kinds::Observed;
use crate::stack::left::Attendance;

/// Reads where everybody stands, and keeps for the next reading what cannot change.
pub(super) async fn read(session: &Session, command: Command) -> Result<ClassStanding> {
    read_at(session, command, None).await
}

/// [`read`] of how it stood at a time, which keeps nothing for the next reading: that would lose what is newer.
pub(super) async fn read_at(
    session: &Session,
    command: Command,
    at: Option<Timestamp>,
) -> Result<ClassStanding> {
    read_of(session, command, None, &[], &Stands::default(), at).await
}

/// What of an earlier reading stands for a part of the class.
#[derive(Debug, Default)]
pub(super) struct Stands {
    /// Students who are not read, with what stands for them.
    pub(super) students: BTreeMap<Username, StudentProgress>,
    /// Students whose refused requests are not asked for.
    pub(super) requests: BTreeSet<Username>,
}

/// [`read`] without what stands from an earlier reading.
pub(super) async fn read_others(
    session: &Session,
    command: Command,
    stands: &Stands,
) -> Result<ClassStanding> {
    read_of(session, command, None, &[], stands, None).await
}

/// [`read`] of what a teardown has just listed, for students who left the roster, too.
pub(super) async fn read_observed(
    session: &Session,
    observed: &Observed,
    departed: &[Username],
) -> Result<ClassStanding> {
    let (all, command) = (Stands::default(), Command::Teardown);
    read_of(session, command, Some(observed), departed, &all, None).await
}

async fn read_of(
    session: &Session,
    command: Command,
    observed: Option<&Observed>,
    departed: &[Username],
    stands: &Stands,
    at: Option<Timestamp>,
) -> Result<ClassStanding> {
    let not_now = &stands.students;
    let (class, files) = (&session.class, session.files());
    let mut students = class.students.clone();
    let mut unnamed = Vec::new();
    for student in departed.iter().cloned().map(Student::unknown) {
        // The lab may have changed, so that it has no names for their resources any more.
        match class.desired(session.scope(), std::slice::from_ref(&student)) {
            Ok(_) => students.push(student),
            Err(_) => unnamed.push(student.username.to_string()),
        }
    }
    let beyond = match students.len() > class.students.len() {
        true => Some(class.desired(session.scope(), &students)?),
        false => None,
    };
    // The reading itself would take students who left for students in the roster.
    let attendance = observed
        .filter(|_| class.is_whole())
        .map(|observed| Attendance::of(&session.desired, observed));
    // Refuses a file that cannot be used before anything is asked of AWS.
    files.last_readings()?;
    let (cache, mut notes) = files.cache();
    if !unnamed.is_empty() {
        notes.push(format!(
            "could not read what these students have, since the lab as it is now has no names for their resources: {}",
            unnamed.join(", ")
        ));
    }
    let reading = ClassReading {
        lab: &class.lab,
        desired: beyond.as_ref().unwrap_or(&session.desired),
        students: &students,
        skip: &not_now.keys().cloned().collect(),
        requests_stand: &stands.requests,
        depth: &class.depth(),
        now_ms: Timestamp::now().as_millisecond(),
        at,
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
    let mut cache = read.cache;
    let taken_at = ZonedDateTime::now();
    let now = taken_at.timestamp();
    // Afresh: another command may have read meanwhile.
    let mut last = files.last_readings()?;
    last.know(&files.people());
    // What was read later says nothing of then.
    last.students.retain(|_, _| at.is_none());
    let sights = read.sights.into_iter().map(|sight| StackSight {
        ends: observed.is_some(),
        ..sight
    });
    let read_now = read.students.into_iter().zip(sights);
    let read_now = read_now.filter(|(student, _)| !not_now.contains_key(&student.username));
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
    if let Err(error) = at.map_or_else(&mut keep, |_| Ok(())) {
        notes.push(format!(
            "could not save this reading, so nothing will show it once a stack is gone: {error}"
        ));
    }
    notes.extend(rewritten(&read.rewritten));
    if command == Command::Status {
        notes.extend(note_on_frozen(&read.frozen));
    }
    if command != Command::Rehearse {
        // In a rehearsal, stacks of an earlier rehearsal are no news.
        notes.extend(last_readings::notes(&last, &students, &taken_at));
    }
    let departed = students.split_off(class.students.len() - not_now.len());
    if !not_now.is_empty() {
        students.extend(not_now.values().cloned());
        let place =
            |s: &StudentProgress| class.students.iter().position(|c| c.username == s.username);
        students.sort_by_cached_key(place);
    }
    match at {
        None => {
            let heard = Heard {
                apis: &read.apis,
                frozen: &read.frozen,
                last: &last,
                // A teardown asks who has done what, and nobody needs anything any more.
                asks: observed.is_none(),
                now,
            };
            notes.extend(tell_silent(session, command, &mut students, &mut cache, heard).await?);
        }
        Some(at) => notes.push(last_readings::as_of_note(&taken_at, at)),
    }
    if at.is_none() && (any_stack || any_departed) {
        notes.extend(files.keep_cache(&cache));
    }
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

/// Whom the files are about. Files about some students have other names, so that they never replace the class's.
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
        let key = session.pseudonyms(anonymous)?;
        let written = write_reports(reports, report, about, key.as_ref())?;
        let copy = file_name(&written.dated);
        let students = standing.students.iter().chain(&standing.departed);
        let theirs = students.filter(|student| !student.last.another);
        standing.last.copied(theirs.map(|s| &s.username), &copy);
        session.files().keep_last_readings(&standing.last)?;
        Ok(written)
    };
    attempt().map_err(unwritten("report", "`homeroom report`"))
}

/// The end of a verb that shows the standing. A student who could not be read makes it an error, and the others are
/// still shown.
pub(super) fn ended(
    session: &Session,
    command: Command,
    standing: ClassStanding,
    notes: Vec<String>,
) -> VerbEnded {
    let students = standing.students.iter().map(Into::into).collect();
    let mut ended = session.ended(command, students, notes);
    let needs = needs(&standing.students);
    ended.summary.room = Some(room_remarks(&needs));
    ended.summary.attention = Some(needs);
    if !standing.is_certain() {
        ended.exit = Exit::General;
    }
    ended.summary.left = standing.left;
    ended.summary.gaps = standing.gaps;
    ended
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
        places: Vec::new(),
        taken_at: standing.taken_at.clone(),
        ends: class.settings.ends,
        validated_at: validations.oldest_of(&class.students).cloned(),
        students: students.map(|(s, progress)| row(s, progress)).collect(),
        left: standing.left.clone(),
        departed: departed.collect(),
        notes: standing.notes.clone(),
        gaps: standing.gaps.clone(),
        since: None,
        proposing: Proposing {
            invocation: class.invocation.clone(),
            selection: class.selection.clone(),
        },
    }
}

/// [`document`] with what changed since the report before.
pub(super) fn class_report(session: &Session, standing: &ClassStanding) -> Document {
    let class = &session.class;
    let mut report = document(session, standing);
    if !class.is_whole() {
        report.notes.push(format!(
            "This report shows {} of the class's {} students: those who were chosen.",
            report.students.len(),
            class.roster.students.len()
        ));
        // Compared with a report of the whole class, all others would seem to have left.
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
