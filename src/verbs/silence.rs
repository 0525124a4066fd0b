//! Who has gone silent, by the class's pace, and whether their requests reach their API's function.

use futures::future::join_all;
use jiff::Timestamp;

use super::read_place::Part;
use super::run::Log;
use super::sessions::Sessions;
use crate::error::{Error, Result};
use crate::events::Command;
use crate::evidence::attention::find_silent;
use crate::evidence::progress::{Progress, StudentProgress};
use crate::evidence::unheard::{Unheard, add_unheard};
use crate::ids::Username;
use crate::report::last_readings::pace_note;

/// Adds the trouble of those who are silent, by the pace of the class at all of its places. Returns what to know of it.
/// `asks`: whether the APIs may be asked about who is silent.
pub(super) async fn tell_silent(
    sessions: &Sessions,
    command: Command,
    parts: &mut [Part],
    asks: bool,
    now: Timestamp,
) -> Result<Vec<String>> {
    let class = &sessions.class;
    let mut notes = Vec::new();
    let mut others = Vec::new();
    let mut students: Vec<StudentProgress> = Vec::new();
    let counts: Vec<usize> = parts.iter().map(|part| part.students.len()).collect();
    for part in &mut *parts {
        students.append(&mut part.students);
    }
    if !class.is_whole() {
        let chosen = |name: &Username| class.students.iter().any(|s| s.username == *name);
        let roster = &class.roster.students;
        let absent = roster.iter().filter(|s| !chosen(&s.username)).count();
        let other = |name: &Username| {
            !chosen(name) && roster.iter().any(|student| student.username == *name)
        };
        others = parts
            .iter()
            .flat_map(|part| part.last.moments(other))
            .collect();
        let works =
            |s: &StudentProgress| matches!(s.progress, Progress::InProgress | Progress::NotStarted);
        let any = absent > 0 && students.iter().any(works);
        notes.extend(any.then(|| pace_note(class.students.len(), others.len(), absent)));
    }
    let roster = &class.roster.students;
    let frozen: Vec<Username> = parts.iter().flat_map(|part| part.frozen.clone()).collect();
    find_silent(&mut students, &others, &frozen, roster, &class.lab, now);
    let mut students = students.into_iter();
    for (part, count) in parts.iter_mut().zip(counts) {
        part.students = students.by_ref().take(count).collect();
    }
    let unheard = parts.iter_mut().map(|part| {
        let Part {
            students,
            apis,
            cache,
            ..
        } = part;
        (Unheard::of(students, apis, cache, now), cache)
    });
    let unheard: Vec<_> = unheard.collect();
    if asks && unheard.iter().any(|(unheard, _)| !unheard.is_empty()) {
        let ask = sessions.run(command, Log::None, async |places| {
            let asked =
                places
                    .iter()
                    .zip(unheard)
                    .map(async |(at, (unheard, cache))| match unheard.is_empty() {
                        true => Ok(None),
                        false => unheard.ask(&at.client, cache).await.map_err(Error::from),
                    });
            join_all(asked).await
        });
        notes.extend(sessions.all(ask.await.0)?.into_iter().flatten());
    }
    for part in parts {
        add_unheard(&mut part.students, &part.cache, &class.lab);
    }
    Ok(notes)
}
