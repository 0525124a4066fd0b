//! What a teardown does before it deletes anything: reads the class a last time, keeps that, and writes a final report.
//! What the students did goes with their stacks; their grades must not.

use std::fmt::Display;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::reading::{about, class_report, read_observed, write_files};
use super::say::note_at_once;
use super::say::unwritten;
use super::sessions::Sessions;
use crate::error::{Error, Exit, Result};
use crate::evidence::standing::ClassStanding;
use crate::ids::Username;
use crate::report::{About, WrittenReport, last_readings};
use crate::stack::kinds::{Gap, Observed};
use crate::stack::plan::Plan;
use crate::text::words::{plural, some_of};

const NAMED: usize = 12;

#[derive(Default)]
pub(super) struct Final {
    pub(crate) notes: Vec<String>,
    pub(crate) files: Vec<PathBuf>,
}

/// The line of a teardown's list on the final report. `reads`: whether there will be one.
pub(super) fn announced(session: &Sessions, reads: bool) -> String {
    match reads {
        true => format!(
            "before it deletes anything, teardown reads once more every student who still has something, also those who \
             left the roster, and writes a final report to {} (--no-final-report skips this)",
            session.folder().display()
        ),
        false => "no final report is written: what no earlier reading has is lost with the stacks"
            .to_owned(),
    }
}

/// Students who left the roster and are read with the others.
pub(super) fn departed(sessions: &Sessions, plans: &[Plan]) -> Vec<Vec<Username>> {
    let places = sessions.places.iter().zip(plans);
    let departed = places.map(|(session, plan)| {
        let left = plan.students.iter().filter(|student| !student.in_roster);
        let left = left.map(|student| student.owner.student.clone());
        let is_read = |name: &Username| session.class.students.iter().any(|s| s.username == *name);
        left.filter(|name| !is_read(name)).collect()
    });
    departed.collect()
}

/// A warning where the last reading has gaps.
pub(super) fn unread(standing: &ClassStanding) -> Option<String> {
    let students = standing.students.iter().chain(&standing.departed);
    let unread = students.filter(|student| student.last.unread);
    let zone = standing.taken_at.time_zone();
    let unread: Vec<String> = unread.map(|s| last_readings::unread(s, zone)).collect();
    (!unread.is_empty()).then(|| {
        format!(
            "THE LAST READING HAS GAPS: not everything could be read of {}: {}. Once their stacks are deleted, it \
             cannot be read any more",
            plural(unread.len(), "student"),
            some_of(&unread, NAMED)
        )
    })
}

/// Refuses to delete in a sweep what was not read: nobody is there to stop it.
///
/// # Errors
/// [`Exit::Remains`]: the last reading has gaps.
fn refuse_unread(sessions: &Sessions, notes: &[String], gaps: &[Gap]) -> Result<()> {
    let hidden = gaps
        .iter()
        .map(|gap| format!("could not see every {}: {}", gap.kind, gap.cause));
    let why: Vec<String> = notes.iter().cloned().chain(hidden).collect();
    if why.is_empty() {
        return Ok(());
    }
    let cause = format!("nothing of it was deleted. {}", why.join("; "));
    let error = Error::new(
        Exit::Remains,
        format!("class {}", sessions.class.name()),
        cause,
    );
    Err(error.hint(
        "grant the right that is missing and sweep again, or delete it without a last reading: --no-final-report",
    ))
}

/// Reads a last time, keeps that, and writes the final report. Nothing may be deleted when this fails.
///
/// # Errors
/// When it was stopped, or something cannot be written.
pub(super) async fn write(
    session: &Sessions,
    plans: &[Plan],
    observed: &[Observed],
) -> Result<Final> {
    let departed = departed(session, plans);
    let mut standing = read_observed(session, observed, &departed).await?;
    let mut notes: Vec<String> = unread(&standing).into_iter().collect();
    if session.class.swept {
        refuse_unread(session, &notes, &standing.gaps)?;
    }
    // The person can still stop the deletion.
    note_at_once(session.class.settings.ui, &notes);
    if standing.is_nothing() {
        // Nothing that is left to delete was ever read, so there are no grades.
        close(session, plans)?;
        notes.push(
            "no final report is written: there is nothing to read, and nothing was read before"
                .to_owned(),
        );
        return Ok(Final {
            notes,
            files: Vec::new(),
        });
    }
    for (last, plan) in standing.last.iter_mut().zip(plans) {
        last.close(doomed(plan), Timestamp::now());
    }
    standing.keep(&session.folder()).map_err(nothing_deleted)?;
    let written = write_report(session, &mut standing).map_err(|error| {
        let causes: Vec<String> = error.failures.into_iter().map(|f| f.cause).collect();
        nothing_deleted(causes.join("; "))
    })?;
    notes.push(format!(
        "the final report is {}, with a dated copy that is never changed: {}",
        written.html.display(),
        written.dated.display()
    ));
    let left: Vec<_> = standing
        .departed
        .iter()
        .map(|s| s.username.as_str())
        .collect();
    if !left.is_empty() {
        let left = some_of(&left, NAMED);
        notes.push(format!(
            "that copy also has the last reading of students who left the roster: {left}"
        ));
    }
    let files = written.files().into_iter().map(Path::to_owned).collect();
    Ok(Final { notes, files })
}

/// Writes the report's files. Where only students who left have anything, the files are about those students, and the
/// class's files stay as they are.
///
/// # Errors
/// When a file cannot be written.
pub(super) fn write_report(
    session: &Sessions,
    standing: &mut ClassStanding,
) -> Result<WrittenReport> {
    let mut report = class_report(session, standing);
    let mut about = about(session);
    if session.class.swept {
        about = About::Swept;
        report.since = None;
        report.notes.push(
            "This report was written by a sweep, which knows usernames alone: names, sections and due times are not known, \
             so nothing is called late."
                .to_owned(),
        );
    } else if standing.is_of_nobody() && !report.departed.is_empty() {
        about = About::Selection;
        report.students = std::mem::take(&mut report.departed);
        report.since = None;
        report.notes.push(
            "This report shows students who left the roster. No student in the roster has a stack or was read before."
                .to_owned(),
        );
    }
    write_files(session, standing, &report, about, false)
}

/// Records in the last readings that these stacks are torn down, so that a stack made later counts as another one.
///
/// # Errors
/// When that cannot be written.
pub(super) fn close(sessions: &Sessions, plans: &[Plan]) -> Result<()> {
    for (session, plan) in sessions.places.iter().zip(plans) {
        let files = session.files();
        let mut last = files.last_readings()?;
        last.close(doomed(plan), Timestamp::now());
        files.keep_last_readings(&last).map_err(nothing_deleted)?;
    }
    Ok(())
}

/// Students of whom something is to be deleted.
fn doomed(plan: &Plan) -> impl Iterator<Item = &Username> {
    let students = plan.students.iter().filter(|student| student.steps() > 0);
    students.map(|student| &student.owner.student)
}

fn nothing_deleted(cause: impl Display) -> Error {
    let cause = format!("could not be written, so nothing was deleted: {cause}");
    unwritten("final report", "the same command")(cause)
}
