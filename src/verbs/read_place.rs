//! Reads where the students of one place stand, and keeps that for the next reading.

use std::collections::BTreeSet;
use std::io;

use jiff::{Timestamp, ZonedDateTime};

use super::access::note_on_frozen;
use super::known::KnownBefore;
use super::session::{At, Session};
use super::sessions::Sessions;
use super::unreached::again;
use crate::aws::stop::Cancelled;
use crate::error::{Error, Result};
use crate::events::Command;
use crate::evidence::cache::{Cache, CacheKey};
use crate::evidence::check::Verdict;
use crate::evidence::kept::{ClassFiles, LAST_READINGS, distinct};
use crate::evidence::last_reading::LastReadings;
use crate::evidence::progress::{Progress, StudentProgress};
use crate::evidence::reading::{ClassReading, ReadClass, read_class, read_observed};
use crate::evidence::sight::StackSight;
use crate::evidence::standing::rewritten;
use crate::evidence::unheard::OwnApis;
use crate::files::file_name;
use crate::ids::Username;
use crate::report::{history, last_readings};
use crate::results::stamp::utc;
use crate::roster::Student;
use crate::stack::elsewhere::Elsewhere;
use crate::stack::kinds::{Desired, Gap, Observed};
use crate::stack::leavers::LeftStudent;
use crate::stack::left::Attendance;

/// A place that is about to be read.
pub(super) struct ReadyPlace {
    /// Those of the roster, then those who left it.
    students: Vec<Student>,
    /// What they should have, if somebody left.
    beyond: Option<Desired>,
    cache: Cache,
}

impl ReadyPlace {
    /// Also what to know of it.
    ///
    /// # Errors
    /// A file of the class that cannot be used, before anything is asked of AWS.
    pub(super) fn new(session: &Session, departed: &[Username]) -> Result<(Self, Vec<String>)> {
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
        files.last_readings()?;
        let (cache, mut notes) = files.cache();
        if !unnamed.is_empty() {
            notes.push(format!(
                "could not read what these students have, since the lab as it is now has no names for their resources: {}",
                unnamed.join(", ")
            ));
        }
        let ready = Self {
            students,
            beyond,
            cache,
        };
        Ok((ready, notes))
    }

    /// Reads it: the students, and what was read of them in the same order.
    pub(super) async fn read(
        self,
        at: &At<'_>,
        known: &KnownBefore<'_>,
        observed: Option<&Observed>,
        skip: &BTreeSet<Username>,
    ) -> std::result::Result<ReadClass, Cancelled> {
        let At { session, client } = at;
        let class = &session.class;
        let reading = ClassReading {
            lab: &class.lab,
            desired: self.beyond.as_ref().unwrap_or(&session.desired),
            students: &self.students,
            skip,
            requests_stand: &known.stands.requests,
            depth: &class.depth(),
            now_ms: Timestamp::now().as_millisecond(),
            at: known.at,
            console: session.client.is_aws(),
            invoke_url: &|api_id, stage| session.client.invoke_url(api_id, stage),
        };
        match observed {
            None => read_class(client, &reading, self.cache).await,
            Some(observed) => read_observed(client, &reading, self.cache, observed).await,
        }
    }
}

/// Where the students of a place stand.
pub(super) struct Part {
    pub(super) students: Vec<StudentProgress>,
    /// Those who left and were read as well.
    pub(super) departed: Vec<StudentProgress>,
    pub(super) gaps: Vec<Gap>,
    pub(super) left: Vec<LeftStudent>,
    pub(super) alias: Option<String>,
    pub(super) last: LastReadings,
    pub(super) elsewhere: Option<Error>,
    pub(super) any_stack: bool,
    pub(super) any_departed: bool,
    pub(super) cache: Cache,
    pub(super) apis: OwnApis,
    pub(super) frozen: Vec<Username>,
}

impl Part {
    /// Lays what was read over the last readings, and keeps that. Also what to know of it.
    ///
    /// # Errors
    /// A file of the class that cannot be used.
    pub(super) fn new(
        session: &Session,
        command: Command,
        known: &KnownBefore<'_>,
        observed: Option<&Observed>,
        read: ReadClass,
        taken_at: &ZonedDateTime,
    ) -> Result<(Self, Vec<String>)> {
        let (class, files) = (&session.class, session.files());
        let not_now = &known.stands.students;
        let mut notes = Vec::new();
        let any = |sights: &[StackSight]| sights.iter().any(|sight| sight.any || sight.hidden);
        let (here, gone) = read.sights.split_at(class.students.len());
        let (any_stack, any_departed) = (any(here), any(gone));
        let now = taken_at.timestamp();
        // Afresh: another command may have read meanwhile.
        let mut last = files.last_readings()?;
        last.know(&files.people());
        // What was read later says nothing of then.
        last.students.retain(|_, _| known.at.is_none());
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
        if let Err(error) = known.at.map_or_else(&mut keep, |_| Ok(())) {
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
            notes.extend(last_readings::notes(&last, &students, taken_at));
        }
        let position = |name: &Username| class.students.iter().position(|s| s.username == *name);
        let stand = not_now.iter().filter(|(name, _)| position(name).is_some());
        let stand: Vec<&StudentProgress> = stand.map(|(_, student)| student).collect();
        let departed = students.split_off(class.students.len() - stand.len());
        if !stand.is_empty() {
            students.extend(stand.into_iter().cloned());
            students.sort_by_cached_key(|student| position(&student.username));
        }
        // The reading itself would take students who left for students in the roster.
        let attendance = observed
            .filter(|_| class.is_whole())
            .map(|observed| Attendance::of(&session.desired, observed));
        let refused = |elsewhere: Elsewhere| elsewhere.refused(&session.desired);
        let part = Self {
            students,
            departed,
            gaps: read.gaps,
            left: session.left_of(attendance.as_ref().unwrap_or(&read.attendance)),
            alias: read.alias,
            last,
            elsewhere: read.elsewhere.map(refused),
            any_stack,
            any_departed,
            cache: read.cache,
            apis: read.apis,
            frozen: read.frozen,
        };
        Ok((part, notes))
    }
}

/// Adds, to what could not be checked, how it was at the last reading, and when that was. No grade follows from it.
fn add_last(student: &mut StudentProgress, last: &LastReadings) {
    let kept = last.students.get(&student.username);
    let Some(kept) = kept.filter(|kept| kept.closed_at.is_none() && !student.last.another) else {
        return;
    };
    student.last.as_of = student.last.as_of.or(Some(kept.read_at));
    let unsure = student.checks.iter_mut();
    for check in unsure.filter(|check| check.verdict == Verdict::CouldNotCheck) {
        let mut known = kept.checks.iter();
        let Some(known) = known.find(|known| known.result.id == check.id) else {
            continue;
        };
        let was = match known.result.verdict {
            Verdict::Pass => "done",
            Verdict::Fail => "not done",
            Verdict::CouldNotCheck | Verdict::NotProvable => continue,
        };
        let at = utc(known.read_at);
        check
            .evidence
            .push(format!("at the last reading, {at}: {was}").into());
    }
}

/// Gives what could not be checked the instructor's next step, in the place of the student's.
fn hint_at(students: &mut [StudentProgress], hint: &str) {
    let checks = students.iter_mut().flat_map(|student| &mut student.checks);
    for check in checks.filter(|check| check.verdict == Verdict::CouldNotCheck) {
        check.instructor_hint = Some(hint.to_owned());
    }
}

/// Students who could not be looked at, with their last readings beside it.
///
/// # Errors
/// A file of the class that cannot be used.
pub(super) fn missing(
    sessions: &Sessions,
    known: &KnownBefore<'_>,
    taken_at: &ZonedDateTime,
) -> Result<Vec<StudentProgress>> {
    let class = &sessions.class;
    let people = distinct(&class.roster.students);
    let mut all = Vec::new();
    for lost in &sessions.unreached {
        let why = lost.why.cause_in_full();
        let why = format!("place {} could not be reached: {why}", lost.place);
        let hint = lost.why.hint.clone();
        let hint = hint.unwrap_or_else(|| again(&lost.place));
        let fresh = lost.students.iter().map(|student| {
            let hidden = StackSight {
                hidden: true,
                any: true,
                ..StackSight::default()
            };
            (
                StudentProgress::unseen(&student.username, class.lab.checks(), &why),
                hidden,
            )
        });
        let Some(scope) = &lost.scope else {
            let mut fresh: Vec<_> = fresh.map(|(student, _)| student).collect();
            hint_at(&mut fresh, &hint);
            all.extend(fresh);
            continue;
        };
        let key = CacheKey::new(scope, class.name(), sessions.lab());
        let files = ClassFiles::new(sessions.folder(), key);
        let mut last = files.last_readings()?;
        last.know(&files.people());
        last.students.retain(|_, _| known.at.is_none());
        // Nothing of it is kept: nothing was read.
        let (mut students, _) = last.merge(fresh, &people, taken_at.timestamp());
        for student in &mut students {
            add_last(student, &last);
        }
        hint_at(&mut students, &hint);
        all.extend(students);
    }
    for (student, why, _) in sessions.nowhere() {
        let checks = class.lab.checks();
        let mut student = StudentProgress::unseen(&student.username, checks, &why.cause_in_full());
        if let Some(hint) = &why.hint {
            hint_at(std::slice::from_mut(&mut student), hint);
        }
        all.push(student);
    }
    for student in &mut all {
        student.progress = Progress::Unknown;
        student.last.unread = true;
    }
    Ok(all)
}
