//! Notes about last readings: which of them the report shows, which do not count, and where those are kept.

use std::collections::{BTreeMap, BTreeSet};

use jiff::tz::TimeZone;
use jiff::{Timestamp, ZonedDateTime};

use super::causes;
use crate::evidence::check::{CheckResult, Verdict};
use crate::evidence::kept::KnownPlace;
use crate::evidence::last_reading::{KeptReading, LastReadings};
use crate::evidence::progress::{Last, StudentProgress};
use crate::text::words::{plural, some_of};

/// More students than this are not named in a note, but counted.
const NAMED: usize = 12;

/// What a reading of how it stood then can say, and what it cannot.
pub(crate) fn as_of_note(taken_at: &ZonedDateTime, at: Timestamp) -> String {
    let at = at.to_zoned_datetime(taken_at.time_zone().clone());
    format!(
        "as it stood {}, by the times of executions; stacks, functions and changes are as they are now, and work in \
         stacks that are gone is not shown",
        at.strftime("%Y-%m-%d %H:%M:%S %:z")
    )
}

/// By whose pace students are idle, where only some of the class are read.
pub(crate) fn pace_note(chosen: usize, known: usize, others: usize) -> String {
    let chosen = plural(chosen, "chosen student");
    match known {
        0 => format!(
            "who is idle is judged by the pace of the {chosen} alone: no reading of the others is kept; `homeroom status` reads \
             the whole class"
        ),
        _ => format!(
            "who is idle is judged by the pace of the {chosen} and, as they were last read, of {known} of the {others} others"
        ),
    }
}

/// Where the readings in a class's folder were made.
pub(crate) fn places(known: &BTreeMap<KnownPlace, Timestamp>) -> String {
    let zone = TimeZone::system();
    let places = known.iter().map(|(place, at)| {
        let KnownPlace {
            account,
            region,
            lab,
        } = place;
        let at = moment(*at, &zone);
        format!("account {account}, {region}, lab {lab} of {at}")
    });
    places.collect::<Vec<_>>().join(", and of ")
}

/// A student for whom not everything could be read now, with the first reason.
pub(crate) fn unread(student: &StudentProgress, zone: &TimeZone) -> String {
    let mut checks = student.checks.iter();
    let unread = |c: &&CheckResult| c.verdict == Verdict::CouldNotCheck || c.as_of.is_some();
    let why = checks.find(unread).and_then(|check| match check.as_of {
        Some(at) => Some(format!(
            "'{}' is shown as it was read {}",
            check.title,
            moment(at, zone)
        )),
        None => causes::of_check(check)
            .map(|failure| format!("'{}': {}", failure.subject, failure.cause)),
    });
    format!("{} ({})", student.username, why.unwrap_or_default())
}

/// A moment in a note: `2026-05-14 10:32`.
pub(crate) fn moment(at: Timestamp, zone: &TimeZone) -> String {
    let at = at.to_zoned_datetime(zone.clone());
    at.strftime("%Y-%m-%d %H:%M").to_string()
}

/// Students of whom a note is true, and the moments that it names.
type Concerned<'a> = (Vec<&'a str>, Vec<Timestamp>);

/// Notes about the students for whom not everything was read now.
pub(crate) fn notes(
    last: &LastReadings,
    students: &[StudentProgress],
    at: &ZonedDateTime,
) -> Vec<String> {
    let zone = at.time_zone();
    let concerned = |at: fn(&Last) -> Option<Timestamp>| -> Concerned<'_> {
        let students = students.iter();
        let found = students.filter_map(|s| Some((s.username.as_str(), at(&s.last)?)));
        found.unzip()
    };
    // Where the readings are kept that do not count.
    let kept = |names: &[&str], copy: fn(&KeptReading) -> Option<&str>| {
        let theirs = last.students.iter();
        let theirs = theirs.filter(|(name, _)| names.contains(&name.as_str()));
        let copies: BTreeSet<&str> = theirs.filter_map(|(_, kept)| copy(kept)).collect();
        match Vec::from_iter(copies).as_slice() {
            [] => String::new(),
            copies => format!("; it is kept in history/{}", some_of(copies, 2)),
        }
    };
    let mut notes = Vec::new();
    let (gone, read_at) = concerned(|last| last.as_of.filter(|_| last.gone));
    if !gone.is_empty() {
        let shown = format!("shows the last reading, of {}", span(&read_at, zone));
        notes.push(match gone.len() == students.len() {
            true => format!("the stacks are gone: the report {shown}"),
            false => format!("the stack is gone for {}: the report {shown}", who(&gone)),
        });
    }
    let (partly, read_at) = concerned(|last| last.as_of.filter(|_| !last.gone));
    if !partly.is_empty() {
        notes.push(format!(
            "not everything could be read now for {}: where it could not, the report shows the last reading, of {}",
            who(&partly),
            span(&read_at, zone)
        ));
    }
    let (earlier, read_at) = concerned(|last| last.earlier.filter(|_| !last.another));
    if !earlier.is_empty() {
        notes.push(format!(
            "{} had another stack before: its reading, of {}, does not count{}",
            who(&earlier),
            span(&read_at, zone),
            kept(&earlier, |kept| kept.earlier.as_ref()?.copy.as_deref())
        ));
    }
    let (another, read_at) = concerned(|last| last.earlier.filter(|_| last.another));
    if !another.is_empty() {
        notes.push(format!(
            "{}: the last reading, of {}, does not count, because the roster had another e-mail address or name for \
             this username then{}. If it is the same person, change the roster back",
            who(&another),
            span(&read_at, zone),
            kept(&another, |kept| kept.copy.as_deref())
        ));
    }
    let handed_on = students.iter().filter(|s| s.last.handed_on);
    let handed_on: Vec<&str> = handed_on.map(|s| s.username.as_str()).collect();
    if !handed_on.is_empty() {
        notes.push(format!(
            "{}: the roster now gives this username to another person than at the last reading, and the stack is the \
             same. The work in the stack counts for the person who has the username now",
            who(&handed_on)
        ));
    }
    notes
}

fn who(names: &[&str]) -> String {
    match names.len() {
        0..=NAMED => names.join(", "),
        many => plural(many, "student"),
    }
}

fn span(times: &[Timestamp], zone: &TimeZone) -> String {
    let (Some(first), Some(last)) = (times.iter().min(), times.iter().max()) else {
        return String::new();
    };
    let (first, last) = (moment(*first, zone), moment(*last, zone));
    match first == last {
        true => first,
        false => format!("{first} to {last}"),
    }
}
