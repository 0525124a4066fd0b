//! Reads where a class stands, keeps that for the next reading, and makes a report of it.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use futures::future::join_all;
use jiff::{Timestamp, ZonedDateTime};

use super::ended::{PlaceEnd, VerbEnded};
use super::known::{KnownBefore, Stands};
use super::notes::Notes;
use super::read_place::{Part, ReadyPlace, missing};
use super::run::Log;
use super::say::unwritten;
use super::sessions::Sessions;
use super::silence::tell_silent;
use crate::error::{Error, Exit, Result};
use crate::events::Command;
use crate::evidence::attention::{needs, room_remarks};
use crate::evidence::progress::StudentProgress;
use crate::evidence::standing::ClassStanding;
use crate::files::file_name;
use crate::ids::Username;
use crate::report::{
    About, Account, Document, Proposing, ReportStudent, Since, WrittenReport, last_readings,
    write_reports,
};
use crate::roster::Student;
use crate::stack::kinds::Observed;

/// Reads where everybody stands, and keeps for the next reading what cannot change.
pub(super) async fn read(sessions: &Sessions, command: Command) -> Result<ClassStanding> {
    read_at(sessions, command, None).await
}

/// [`read`] of how it stood at a time, which keeps nothing for the next reading: that would lose what is newer.
pub(super) async fn read_at(
    sessions: &Sessions,
    command: Command,
    at: Option<Timestamp>,
) -> Result<ClassStanding> {
    let known = KnownBefore {
        at,
        ..KnownBefore::default()
    };
    read_knowing(sessions, command, known).await
}

/// [`read`] without what stands from an earlier reading.
pub(super) async fn read_others(
    sessions: &Sessions,
    command: Command,
    stands: Stands,
) -> Result<ClassStanding> {
    let known = KnownBefore {
        stands,
        ..KnownBefore::default()
    };
    read_knowing(sessions, command, known).await
}

/// [`read`] of what a teardown has just listed at each place, for students who left the roster, too.
pub(super) async fn read_observed(
    sessions: &Sessions,
    observed: &[Observed],
    departed: &[Vec<Username>],
) -> Result<ClassStanding> {
    let known = KnownBefore {
        observed: Some((observed, departed)),
        ..KnownBefore::default()
    };
    read_knowing(sessions, Command::Teardown, known).await
}

async fn read_knowing(
    sessions: &Sessions,
    command: Command,
    known: KnownBefore<'_>,
) -> Result<ClassStanding> {
    let mut notes = Notes::default();
    let mut prepared = Vec::new();
    for (place, session) in sessions.places.iter().enumerate() {
        let departed = known.observed.map(|(_, departed)| &departed[place][..]);
        let (ready, said) = ReadyPlace::new(session, departed.unwrap_or_default())?;
        notes.at(session, said);
        prepared.push(ready);
    }
    let skip: BTreeSet<Username> = known.stands.students.keys().cloned().collect();
    let look = sessions.run(command, Log::None, async |places| {
        let all = places.iter().zip(prepared).enumerate();
        let all =
            all.map(|(place, (at, ready))| ready.read(at, &known, known.observed(place), &skip));
        join_all(all).await
    });
    let read = look.await.0;
    let read = sessions.all(read.into_iter().map(|read| read.map_err(Error::from)))?;
    let taken_at = ZonedDateTime::now();
    let mut parts = Vec::new();
    for (place, (session, read)) in sessions.places.iter().zip(read).enumerate() {
        let observed = known.observed(place);
        let (part, said) = Part::new(session, command, &known, observed, read, &taken_at)?;
        notes.at(session, said);
        parts.push(part);
    }
    match known.at {
        // A teardown asks who has done what, and nobody needs anything any more.
        None => {
            let asks = known.observed.is_none();
            let now = taken_at.timestamp();
            notes.extend(tell_silent(sessions, command, &mut parts, asks, now).await?);
        }
        Some(at) => notes.push(last_readings::as_of_note(&taken_at, at)),
    }
    for (session, part) in sessions.places.iter().zip(&parts) {
        if known.at.is_none() && (part.any_stack || part.any_departed) {
            notes.at(session, session.files().keep_cache(&part.cache));
        }
    }
    let mut standing = standing(sessions, parts, taken_at, notes);
    standing.reached = sessions.reaches_all();
    for lost in missing(sessions, &known, &standing.taken_at)? {
        standing.unseen.insert(lost.username.clone());
        standing.students.push(lost);
    }
    sessions.in_roster_order(&mut standing.students, |student| &student.username);
    // Who has a stack at two places is read at both before it is torn down.
    standing.show_each_once();
    Ok(standing)
}

/// The class, of what was read at each place.
fn standing(
    sessions: &Sessions,
    parts: Vec<Part>,
    taken_at: ZonedDateTime,
    notes: Notes,
) -> ClassStanding {
    let mut all = ClassStanding {
        students: Vec::new(),
        gaps: Vec::new(),
        left: Vec::new(),
        departed: Vec::new(),
        alias: None,
        aliases: BTreeMap::new(),
        taken_at,
        notes: notes.texts(sessions.places.len()),
        last: Vec::new(),
        elsewhere: None,
        any_stack: false,
        any_departed: false,
        reached: true,
        unseen: BTreeSet::new(),
    };
    for (session, part) in sessions.places.iter().zip(parts) {
        all.students.extend(part.students);
        all.gaps.extend(session.gaps(part.gaps));
        all.left.extend(part.left);
        all.departed.extend(part.departed);
        let named = session.place.clone().zip(part.alias.clone());
        all.aliases.extend(named);
        all.alias = all.alias.or(part.alias);
        all.last.push(part.last);
        all.elsewhere = all.elsewhere.or(part.elsewhere);
        all.any_stack |= part.any_stack;
        all.any_departed |= part.any_departed;
    }
    all
}

/// Whom the files are about. Files about some students have other names, so that they never replace the class's.
pub(super) fn about(session: &Sessions) -> About {
    About::whole(session.is_all())
}

/// Writes a report's files.
///
/// # Errors
/// When one cannot be written.
pub(super) fn write_files(
    session: &Sessions,
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
        let theirs: Vec<&Username> = theirs.map(|s| &s.username).collect();
        for last in &mut standing.last {
            last.copied(theirs.iter().copied(), &copy);
        }
        standing.keep(&session.folder())?;
        Ok(written)
    };
    attempt().map_err(unwritten("report", "`homeroom report`"))
}

/// The end of a verb that shows the standing. A student who could not be read makes it an error, and the others are
/// still shown.
pub(super) fn ended(
    session: &Sessions,
    command: Command,
    standing: ClassStanding,
    texts: Vec<String>,
) -> VerbEnded {
    let mut notes = Notes::default();
    notes.extend(texts);
    let end = PlaceEnd {
        students: standing.students.iter().map(Into::into).collect(),
        left: standing.left.clone(),
        gaps: standing.gaps.clone(),
    };
    let mut ended = session.ended_together(command, end, notes);
    let needs = needs(&standing.students);
    ended.summary.room = Some(room_remarks(&needs));
    ended.summary.attention = Some(needs);
    if !standing.is_certain() {
        ended.exit = ended.exit.or(Exit::General);
    }
    ended
}

/// The class as every table and report shows it, with each stack's last validation.
pub(super) fn document(session: &Sessions, standing: &ClassStanding) -> Document {
    let class = &session.class;
    let validations = session.places.iter().map(|at| at.files().validations());
    let validations: Vec<_> = validations.collect();
    let checks_of = |student: &Student| {
        let all = validations
            .iter()
            .map(|kept| kept.checks_of(&student.username));
        all.reduce(|one, other| if one.is_empty() { other } else { one })
    };
    let row = |student: Student, progress: &StudentProgress| ReportStudent {
        validate: checks_of(&student).unwrap_or_default(),
        student,
        progress: progress.clone(),
    };
    let students = class.students.iter().map(|student| {
        let place = session
            .place_of(&student.username)
            .or(student.place.as_ref());
        Student {
            place: place.cloned(),
            ..student.clone()
        }
    });
    let students = students.zip(&standing.students);
    let oldest = validations
        .iter()
        .filter_map(|kept| kept.oldest_of(&class.students));
    let scope = session.places[0].scope();
    let mut places = session.stamp(Command::Report).places;
    for place in &mut places {
        if let Some(account) = &mut place.account {
            account.alias = standing.aliases.get(&place.name).cloned();
        }
    }
    let departed = standing.departed.iter();
    let departed = departed.map(|gone| row(Student::unknown(gone.username.clone()), gone));
    Document {
        class: class.name().clone(),
        lab: session.lab().clone(),
        lab_title: class.lab.title().to_owned(),
        account: Account {
            id: scope.account.clone(),
            alias: standing.alias.clone(),
        },
        region: scope.region.clone(),
        places,
        taken_at: standing.taken_at.clone(),
        ends: class.settings.ends,
        validated_at: oldest.min().cloned(),
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
pub(super) fn class_report(session: &Sessions, standing: &ClassStanding) -> Document {
    let class = &session.class;
    let mut report = document(session, standing);
    if !session.is_all() {
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
