//! What people are told of last readings: which stand, which do not count, and where those are kept.

use std::collections::{BTreeMap, BTreeSet};

use jiff::tz::TimeZone;
use jiff::{Timestamp, ZonedDateTime};

use super::causes;
use crate::evidence::check::{CheckResult, Verdict};
use crate::evidence::kept::KnownPlace;
use crate::evidence::last_reading::LastReadings;
use crate::evidence::progress::StudentProgress;
use crate::text::words::{plural, some_of};

/// Students named in a note at most.
const NAMED: usize = 12;

/// What a class's folder has readings of, in words.
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

/// A student of whom not everything could be read now, with the first reason.
pub(crate) fn unread(student: &StudentProgress, zone: &TimeZone) -> String {
    let mut checks = student.checks.iter();
    let unread = |c: &&CheckResult| c.verdict == Verdict::CouldNotCheck || c.as_of.is_some();
    let why = match checks.find(unread) {
        None => String::new(),
        Some(CheckResult {
            as_of: Some(at),
            title,
            ..
        }) => format!("'{title}' stands as it was read {}", moment(*at, zone)),
        Some(check) => causes::of_check(check)
            .map(|failure| format!("'{}': {}", failure.subject, failure.cause))
            .unwrap_or_default(),
    };
    format!("{} ({why})", student.username)
}

/// A moment as notes have it: `2026-05-14 10:32`.
pub(crate) fn moment(at: Timestamp, zone: &TimeZone) -> String {
    let at = at.to_zoned_datetime(zone.clone());
    at.strftime("%Y-%m-%d %H:%M").to_string()
}

/// What to know of students of whom not everything was read now.
pub(crate) fn notes(
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
