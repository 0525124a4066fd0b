//! What a teardown does before it deletes anything: reads the class a last time, keeps that, and writes a final report.
//! What the students did goes with their stacks; their grades must not.

use jiff::Timestamp;

use crate::error::{Error, Kind, Result};
use crate::events::Event;
use crate::ids::Username;
use crate::report::Terminal;
use crate::stack::kinds::Observed;
use crate::stack::plan::Plan;
use crate::text::words::{plural, some_of};

use super::last_readings;
use super::progress::{self, Standing};
use super::run::terminal_options;
use super::session::Session;

/// Students named in a note at most.
const NAMED: usize = 12;

/// A final report that is written.
pub(super) struct Final {
    /// What to know of it.
    pub notes: Vec<String>,
    /// Its files.
    pub files: Vec<String>,
}

/// What the list of a teardown says of it. `reads`: whether it is written.
pub(super) fn announced(session: &Session, reads: bool) -> Vec<String> {
    let folder = session.folder();
    vec![match reads {
        true => format!(
            "before anything is deleted, everybody of whom something is there is read once more, who left the roster as \
             well, and a final report of what is known is written to {} (not with --no-final-report)",
            folder.display()
        ),
        false => "no final report is written: what was not read before is lost with the stacks"
            .to_owned(),
    }]
}

/// Those who left the roster and are read with the others.
pub(super) fn departed(session: &Session, plan: &Plan) -> Vec<Username> {
    let left = plan.students.iter().filter(|student| !student.in_roster);
    let left = left.map(|student| student.owner.student.clone());
    let is_read = |name: &Username| session.class.students.iter().any(|s| s.username == *name);
    left.filter(|name| !is_read(name)).collect()
}

/// Of whom the last reading has gaps.
pub(super) fn unread(standing: &Standing) -> Vec<String> {
    let unread = standing.unread();
    if unread.is_empty() {
        return Vec::new();
    }
    let named: Vec<String> = unread
        .iter()
        .map(|(student, why)| format!("{student} ({why})"))
        .collect();
    vec![format!(
        "THE LAST READING HAS GAPS: not everything could be read of {}: {}. Once their stacks are deleted, it cannot be \
         read any more",
        plural(unread.len(), "student"),
        some_of(&named, NAMED)
    )]
}

/// Reads a last time, keeps that, and writes the final report. Nothing may be deleted when this fails.
///
/// # Errors
/// When it was stopped, or something cannot be written.
pub(super) async fn write(session: &Session, plan: &Plan, observed: &Observed) -> Result<Final> {
    let departed = departed(session, plan);
    let mut standing = progress::read_observed(session, observed, &departed).await?;
    let mut notes = unread(&standing);
    say(session, &notes);
    if standing.is_nothing() {
        // What is left to delete is nothing that was ever read: there are no grades.
        close(session, plan)?;
        notes.push(
            "no final report is written: there is nothing to read, and nothing was read before"
                .to_owned(),
        );
        return Ok(Final {
            notes,
            files: Vec::new(),
        });
    }
    standing.last.close(doomed(plan), Timestamp::now());
    last_readings::save(session, &standing.last).map_err(|error| unwritten(&error.to_string()))?;
    let written = progress::write(session, &mut standing).map_err(|error| {
        let causes: Vec<String> = error.failures.into_iter().map(|f| f.cause).collect();
        unwritten(&causes.join("; "))
    })?;
    notes.push(format!(
        "the final report is {}, with a dated copy that is never changed: {}",
        written.html.display(),
        written.dated.display()
    ));
    if !standing.departed.is_empty() {
        let names: Vec<&str> = standing
            .departed
            .iter()
            .map(|s| s.username.as_str())
            .collect();
        notes.push(format!(
            "the last reading of who left the roster stands in that copy: {}",
            some_of(&names, NAMED)
        ));
    }
    let files = written.files().into_iter();
    Ok(Final {
        notes,
        files: files.map(|path| path.display().to_string()).collect(),
    })
}

/// Notes in what is kept that these stacks are torn down: what is made after that is another stack.
///
/// # Errors
/// When that cannot be written.
pub(super) fn close(session: &Session, plan: &Plan) -> Result<()> {
    let mut last = last_readings::load(session)?;
    if last.students.is_empty() {
        return Ok(());
    }
    last.close(doomed(plan), Timestamp::now());
    last_readings::save(session, &last).map_err(|error| unwritten(&error.to_string()))
}

/// Students of whom something is to be deleted.
fn doomed(plan: &Plan) -> impl Iterator<Item = &Username> {
    let students = plan.students.iter().filter(|student| student.steps() > 0);
    students.map(|student| &student.owner.student)
}

fn unwritten(cause: &str) -> Error {
    Error::new(
        Kind::General,
        "final report",
        format!("could not be written, so nothing was deleted: {cause}"),
    )
    .hint("free space or choose another folder with --reports, then run the same command again")
}

/// Says at once what must be known before the deletion goes on.
fn say(session: &Session, notes: &[String]) {
    let mut terminal = Terminal::stderr(terminal_options(session.class.settings.ui));
    for note in notes {
        terminal.handle(&Event::Note { text: note.clone() });
    }
    terminal.finish();
}
