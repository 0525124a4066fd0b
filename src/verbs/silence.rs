//! Who has gone silent, by the class's pace, and whether their requests reach their API's function.

use jiff::Timestamp;

use super::session::Session;
use crate::aws::Client;
use crate::error::Result;
use crate::events::Command;
use crate::evidence::attention::find_silent;
use crate::evidence::cache::Cache;
use crate::evidence::last_reading::LastReadings;
use crate::evidence::progress::{Progress, StudentProgress};
use crate::evidence::unheard::{OwnApis, Unheard, add_unheard};
use crate::ids::Username;
use crate::report::last_readings::pace_note;

/// What was read of a class, as far as silence is told from it.
pub(super) struct Heard<'a> {
    pub(super) apis: &'a OwnApis,
    pub(super) frozen: &'a [Username],
    pub(super) last: &'a LastReadings,
    /// Whether the API may be asked about who is silent.
    pub(super) asks: bool,
    pub(super) now: Timestamp,
}

/// Adds the trouble of those who are silent. Returns what to know of it.
pub(super) async fn tell_silent(
    session: &Session,
    command: Command,
    students: &mut [StudentProgress],
    cache: &mut Cache,
    heard: Heard<'_>,
) -> Result<Vec<String>> {
    let class = &session.class;
    let mut notes = Vec::new();
    let mut others = Vec::new();
    if !class.is_whole() {
        let chosen = |name: &Username| class.students.iter().any(|s| s.username == *name);
        let roster = &class.roster.students;
        let absent = roster.iter().filter(|s| !chosen(&s.username)).count();
        let other = |name: &Username| {
            !chosen(name) && roster.iter().any(|student| student.username == *name)
        };
        others = heard.last.moments(other);
        let works =
            |s: &StudentProgress| matches!(s.progress, Progress::InProgress | Progress::NotStarted);
        let any = absent > 0 && students.iter().any(works);
        notes.extend(any.then(|| pace_note(class.students.len(), others.len(), absent)));
    }
    let roster = &class.roster.students;
    find_silent(
        students,
        &others,
        heard.frozen,
        roster,
        &class.lab,
        heard.now,
    );
    let unheard = Unheard::of(students, heard.apis, cache, heard.now);
    if heard.asks && !unheard.is_empty() {
        let ask = async |client: &Client| unheard.ask(client, cache).await;
        notes.extend(session.look(command, ask).await?);
    }
    add_unheard(students, cache, &class.lab);
    Ok(notes)
}
