//! The last readings of a class in `reports/<class>/`: the file, and what people are told of it. What counts when stands
//! in [`crate::evidence::last_reading`]. Unlike what readings remember to be quicker, this cannot be read anew: it is never
//! replaced by something else.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;
use jiff::{Timestamp, ZonedDateTime};
use serde::Deserialize;

use crate::error::{Error, Kind, Result};
use crate::evidence::cache::CacheKey;
use crate::evidence::last_reading::{Kept, LastReadings};
use crate::evidence::progress::StudentProgress;
use crate::files::{class_dir, read_if_there, write_whole};
use crate::report::history;
use crate::text::words::{plural, some_of};

use crate::ids::{ClassName, Username};
use crate::roster::renamed::Person;

use super::session::Session;

/// Students named in a note at most.
const NAMED: usize = 12;
/// With this begins the name of every file of last readings.
const FILE: &str = "last-readings";

fn path(session: &Session) -> PathBuf {
    session.file_of(FILE)
}

/// What is kept of the class; nothing where there is no file.
///
/// # Errors
/// When there is a file that cannot be used: it may have what nothing else has, so it must not be written over.
pub(super) fn load(session: &Session) -> Result<LastReadings> {
    let (path, key) = (path(session), session.key());
    let refused = |why: String| {
        let subject = path.display().to_string();
        Error::new(
            Kind::General,
            subject,
            format!("cannot be used: {why}; nothing was touched"),
        )
        .hint(
            "it has the last reading of every student; use the homeroom that wrote it, or move it away: what is in it \
             then counts no more",
        )
    };
    match read_if_there(&path) {
        Ok(Some(bytes)) => LastReadings::parse(&bytes, Some(&key)).map_err(refused),
        Ok(None) => Ok(LastReadings::new(key)),
        Err(error) => Err(refused(error.to_string())),
    }
}

/// Keeps the last readings.
///
/// # Errors
/// Names the file that cannot be written; it is as it was then.
pub(super) fn save(session: &Session, last: &LastReadings) -> io::Result<()> {
    let text = last.to_json().map_err(io::Error::other)?;
    write_whole(&path(session), text.as_bytes())
}

/// Notes whose the readings are that an older homeroom kept, before it is forgotten who had the usernames. Without
/// that, nothing contradicts that they are of whoever has them now.
pub(super) fn know(session: &Session, people: &BTreeMap<Username, Person>) {
    if let Ok(mut last) = load(session) {
        let before = last.clone();
        last.know(people);
        if last != before {
            let _ = save(session, &last);
        }
    }
}

/// Gives readings of earlier stacks a dated copy of their own, where none has them.
///
/// # Errors
/// Names the file that cannot be written.
pub(super) fn keep_displaced(
    session: &Session,
    last: &mut LastReadings,
    displaced: BTreeMap<Username, Kept>,
    now: Timestamp,
) -> io::Result<()> {
    if displaced.is_empty() {
        return Ok(());
    }
    let mut old = LastReadings::new(last.key.clone());
    old.students = displaced;
    let text = old.to_json().map_err(io::Error::other)?;
    let copy = history::keep(&session.folder(), now, FILE, text.as_bytes())?;
    let name = file_name(&copy);
    for (student, old) in old.students {
        match last.students.get_mut(&student) {
            // Still kept, as somebody else's.
            Some(kept) if *kept == old => kept.copy = Some(name.clone()),
            Some(Kept {
                earlier: Some(earlier),
                ..
            }) => earlier.copy = Some(name.clone()),
            _ => {}
        }
    }
    Ok(())
}

/// The last part of a path.
pub(super) fn file_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// A moment as notes have it: `2026-05-14 10:32`.
pub(super) fn moment(at: Timestamp, zone: &TimeZone) -> String {
    let at = at.to_zoned_datetime(zone.clone());
    at.strftime("%Y-%m-%d %H:%M").to_string()
}

/// What to know of students of whom not everything was read now.
pub(super) fn notes(
    last: &LastReadings,
    students: &[StudentProgress],
    at: &ZonedDateTime,
) -> Vec<String> {
    let zone = at.time_zone();
    let mut notes = Vec::new();
    let of = |test: &dyn Fn(&StudentProgress) -> Option<Timestamp>| -> Vec<(&str, Timestamp)> {
        let found = students.iter();
        let found = found.filter_map(|s| Some((s.username.as_str(), test(s)?)));
        found.collect()
    };
    let gone = of(&|s| s.last.as_of.filter(|_| s.last.gone));
    if !gone.is_empty() {
        notes.push(match gone.len() == students.len() {
            true => format!(
                "the stacks are gone: what is shown is the last reading, of {}",
                span(&gone, zone)
            ),
            false => format!(
                "the stack is gone of {}: their last reading stands, of {}",
                who(&gone),
                span(&gone, zone)
            ),
        });
    }
    let partly = of(&|s| s.last.as_of.filter(|_| !s.last.gone));
    if !partly.is_empty() {
        notes.push(format!(
            "not everything could be read anew of {}: there the last reading stands, of {}",
            who(&partly),
            span(&partly, zone)
        ));
    }
    let kept = |name: &str| {
        let mut known = last.students.iter();
        Some(known.find(|(known, _)| known.as_str() == name)?.1)
    };
    let place = |copies: Vec<&str>| {
        let copies: BTreeSet<&str> = copies.into_iter().collect();
        let copies: Vec<&str> = copies.into_iter().collect();
        match copies.is_empty() {
            true => String::new(),
            false => format!("; it stays in history/{}", some_of(&copies, 2)),
        }
    };
    let earlier = of(&|s| s.last.earlier.filter(|_| !s.last.another));
    if !earlier.is_empty() {
        let copies = earlier.iter();
        let copies = copies.filter_map(|(name, _)| kept(name)?.earlier.as_ref()?.copy.as_deref());
        notes.push(format!(
            "{} had another stack before: its reading, of {}, does not count{}",
            who(&earlier),
            span(&earlier, zone),
            place(copies.collect())
        ));
    }
    let anothers = of(&|s| s.last.earlier.filter(|_| s.last.another));
    if !anothers.is_empty() {
        let copies = anothers.iter();
        let copies = copies.filter_map(|(name, _)| kept(name)?.copy.as_deref());
        notes.push(format!(
            "{}: the last reading, of {}, is of somebody else, with another e-mail address or name in the roster of \
             that time, and does not count{}. If it is the same person, write the roster as it was",
            who(&anothers),
            span(&anothers, zone),
            place(copies.collect())
        ));
    }
    let handed_on = of(&|s| s.last.handed_on.then_some(at.timestamp()));
    if !handed_on.is_empty() {
        notes.push(format!(
            "the roster means somebody else by {} than at the last reading, and the stack is the same: what was done in \
             it counts for whoever has the username now",
            who(&handed_on)
        ));
    }
    notes
}

fn who(students: &[(&str, Timestamp)]) -> String {
    let names: Vec<&str> = students.iter().map(|(name, _)| *name).collect();
    match names.len() {
        0..=NAMED => names.join(", "),
        many => plural(many, "student"),
    }
}

fn span(students: &[(&str, Timestamp)], zone: &TimeZone) -> String {
    let times = || students.iter().map(|(_, at)| *at);
    let (Some(first), Some(last)) = (times().min(), times().max()) else {
        return String::new();
    };
    let (first, last) = (moment(first, zone), moment(last, zone));
    match first == last {
        true => first,
        false => format!("{first} to {last}"),
    }
}

/// As much of a `report.json` as tells what it is about.
#[derive(Deserialize)]
struct Report {
    lab: Named,
    account: Named,
    region: String,
    taken_at: Timestamp,
}

#[derive(Deserialize)]
struct Named {
    id: String,
}

/// What the class's folder has, by account, region and lab, each with the time of its last reading.
pub(super) fn known(reports: &Path, class: &ClassName) -> Vec<String> {
    in_words(&places(reports, class))
}

/// The accounts other than this one of which the class's folder has readings: one name of a class may stand for several
/// classes, and the files of a report are the last one's.
pub(super) fn of_other_accounts(session: &Session) -> Option<String> {
    let (reports, class) = (&session.class.settings.reports, session.class.name());
    let account = &session.scope().account;
    let mut others = places(reports, class);
    others.retain(|(other, ..), _| other != account);
    (!others.is_empty()).then(|| {
        format!(
            "this report is of account {account}; {} also has readings of {}, which stay kept and count for nobody here",
            class_dir(reports, class).display(),
            in_words(&others).join(", and of ")
        )
    })
}

/// Account, region and lab of a class, with the time of its last reading.
type Places = BTreeMap<(String, String, String), Timestamp>;

fn in_words(places: &Places) -> Vec<String> {
    let zone = TimeZone::system();
    let words = places.iter().map(|((account, region, lab), at)| {
        format!(
            "account {account}, {region}, lab {lab} of {}",
            moment(*at, &zone)
        )
    });
    words.collect()
}

fn places(reports: &Path, class: &ClassName) -> Places {
    let folder = class_dir(reports, class);
    let mut known = Places::new();
    let mut add = |account: String, region: String, lab: String, at: Timestamp| {
        let latest = known.entry((account, region, lab)).or_insert(at);
        *latest = at.max(*latest);
    };
    let entries = fs::read_dir(&folder).into_iter().flatten().flatten();
    for entry in entries {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if !name
            .strip_prefix(FILE)
            .is_some_and(|rest| rest.starts_with('-'))
        {
            continue;
        }
        let read = fs::read(entry.path()).ok();
        let read = read.and_then(|bytes| LastReadings::parse(&bytes, None).ok());
        if let Some((last, at)) = read.and_then(|last| last.read_at().map(|at| (last, at))) {
            let CacheKey {
                account,
                region,
                lab,
                ..
            } = last.key;
            add(account, region, lab.to_string(), at);
        }
    }
    let report = fs::read(folder.join("report.json")).ok();
    let report = report.and_then(|bytes| serde_json::from_slice::<Report>(&bytes).ok());
    if let Some(report) = report {
        add(
            report.account.id,
            report.region,
            report.lab.id,
            report.taken_at,
        );
    }
    known
}
