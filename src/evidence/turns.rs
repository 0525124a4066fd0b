//! Whom `watch` reads in a class that is too large to be read at once: those who work now first and more often, the others in
//! turn. Pure.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use crate::evidence::attention::is_silence;
use crate::evidence::progress::{Progress, StudentProgress};
use crate::ids::Username;

/// Who has given a sign of life since then works now.
const WORKS: SignedDuration = SignedDuration::from_mins(15);

/// The students as they were last read.
#[derive(Debug, Default)]
pub(crate) struct WatchTurns(BTreeMap<Username, Kept>);

#[derive(Debug)]
struct Kept {
    read_at: Timestamp,
    /// When their refused requests were asked for.
    requests_at: Timestamp,
    student: StudentProgress,
}

impl WatchTurns {
    /// Who is not read this time, with what stands for them: so many students can be read, and those who were never read
    /// are read at once.
    pub(crate) fn not_now(
        &self,
        class: &[Username],
        room: usize,
        now: Timestamp,
    ) -> BTreeMap<Username, StudentProgress> {
        let known: Vec<_> = class
            .iter()
            .filter_map(|name| self.0.get_key_value(name))
            .collect();
        let new = class.len() - known.len();
        let room = room.saturating_sub(new);
        let (mut working, mut others): (Vec<_>, Vec<_>) = known
            .iter()
            .copied()
            .partition(|(_, kept)| works(&kept.student, now));
        for list in [&mut working, &mut others] {
            list.sort_by_key(|(_, kept)| kept.read_at);
        }
        // A third is for the others, so that their turn comes. What one side leaves is the other's.
        let of_others = others
            .len()
            .min((room / 3).max(room.saturating_sub(working.len())));
        let of_working = working.len().min(room - of_others);
        let read = working[..of_working].iter().chain(&others[..of_others]);
        let read: BTreeSet<&Username> = read.map(|(name, _)| *name).collect();
        let left = known.into_iter().filter(|(name, _)| !read.contains(name));
        left.map(|(name, kept)| {
            let mut student = kept.student.clone();
            student.last.as_of = student.last.as_of.or(Some(kept.read_at));
            (name.clone(), student)
        })
        .collect()
    }

    /// Of whom among those who are read refused requests are not asked for this time, so that the others' answers come soon: so
    /// many can be asked for, or half of them. Everybody's turn comes at the next reading but one.
    pub(crate) fn requests_stand(
        &self,
        class: &[Username],
        not_now: &BTreeMap<Username, StudentProgress>,
        room: usize,
    ) -> BTreeSet<Username> {
        let mut asked: Vec<_> = class
            .iter()
            .filter(|name| !not_now.contains_key(*name))
            .filter_map(|name| self.0.get_key_value(name))
            .filter(|(_, kept)| kept.student.progress.is_open())
            .collect();
        asked.sort_by_key(|(_, kept)| kept.requests_at);
        let room = room.max(asked.len().div_ceil(2)).min(asked.len());
        let stand = asked.split_off(room).into_iter();
        stand.map(|(name, _)| name.clone()).collect()
    }

    /// Keeps what was read; what stood for students who were not read stays as it was.
    pub(crate) fn keep(
        &mut self,
        students: &[StudentProgress],
        not_read: &BTreeMap<Username, StudentProgress>,
        now: Timestamp,
    ) {
        let read = students
            .iter()
            .filter(|student| !not_read.contains_key(&student.username));
        self.0.extend(read.map(|student| {
            let kept = Kept {
                read_at: now,
                requests_at: student.activity.requests_as_of.unwrap_or(now),
                student: student.clone(),
            };
            (student.username.clone(), kept)
        }));
    }
}

fn works(student: &StudentProgress, now: Timestamp) -> bool {
    let since = (now - WORKS).as_millisecond();
    student.progress != Progress::Complete
        && (student
            .trouble
            .as_ref()
            .is_some_and(|trouble| !is_silence(trouble.reason))
            || student
                .activity
                .last_seen_ms
                .is_some_and(|seen| seen >= since))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::standing::tests::student;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(1_763_870_000 + minute * 60).unwrap()
    }

    fn named(name: &str, seen: Option<i64>) -> StudentProgress {
        let mut student = student(Progress::InProgress);
        student.username = name.parse().unwrap();
        student.activity.last_seen_ms = seen.map(|minute| at(minute).as_millisecond());
        student
    }

    fn names(of: impl IntoIterator<Item = usize>) -> Vec<Username> {
        of.into_iter()
            .map(|n| format!("u{n:03}").parse().unwrap())
            .collect()
    }

    #[test]
    fn a_class_that_fits_is_read_whole_and_so_is_who_was_never_read() {
        let mut turns = WatchTurns::default();
        let class = names(0..30);
        assert!(turns.not_now(&class, 5, at(0)).is_empty());
        let students: Vec<_> = class
            .iter()
            .map(|name| named(name.as_str(), None))
            .collect();
        turns.keep(&students, &BTreeMap::new(), at(0));
        assert!(turns.not_now(&class, 30, at(1)).is_empty());
        assert_eq!(turns.not_now(&class, 10, at(1)).len(), 20);
    }

    #[test]
    fn who_works_is_read_more_often_and_everybody_in_turn() {
        let mut turns = WatchTurns::default();
        let class = names(0..500);
        let read = |minute: i64, of: &[Username]| -> Vec<StudentProgress> {
            let seen = |name: &Username| (name.as_str() < "u040").then_some(minute);
            of.iter()
                .map(|name| named(name.as_str(), seen(name)))
                .collect()
        };
        turns.keep(&read(0, &class), &BTreeMap::new(), at(0));
        let mut reads: BTreeMap<Username, usize> = BTreeMap::new();
        for minute in 1..=30 {
            let not_now = turns.not_now(&class, 60, at(minute));
            let now: Vec<_> = class
                .iter()
                .filter(|name| !not_now.contains_key(*name))
                .cloned()
                .collect();
            assert_eq!(now.len(), 60);
            for name in &now {
                *reads.entry(name.clone()).or_default() += 1;
            }
            turns.keep(&read(minute, &now), &not_now, at(minute));
        }
        assert_eq!(reads.len(), 500, "everybody had a turn");
        let working: usize = class[..40].iter().map(|name| reads[name]).sum();
        assert_eq!(working, 40 * 30, "who works was read each time");
    }

    #[test]
    fn who_is_not_read_stands_with_the_time_of_their_reading() {
        let mut turns = WatchTurns::default();
        let class = names(0..2);
        let students: Vec<_> = class
            .iter()
            .map(|name| named(name.as_str(), None))
            .collect();
        turns.keep(&students[..1], &BTreeMap::new(), at(0));
        turns.keep(&students[1..], &BTreeMap::new(), at(1));
        let not_now = turns.not_now(&class, 1, at(2));
        assert_eq!(not_now.len(), 1);
        assert_eq!(not_now[&class[1]].last.as_of, Some(at(1)));
        // A reading in which they were not read does not make their own any newer.
        let all: Vec<_> = not_now
            .values()
            .cloned()
            .chain([students[0].clone()])
            .collect();
        turns.keep(&all, &not_now, at(3));
        assert_eq!(turns.0[&class[1]].read_at, at(1));
    }

    #[test]
    fn refused_requests_of_everybody_are_asked_for_in_two_readings() {
        let mut turns = WatchTurns::default();
        let class = names(0..30);
        let nobody = BTreeMap::new();
        let mut students: Vec<_> = class
            .iter()
            .map(|name| named(name.as_str(), None))
            .collect();
        // Who was never read is asked for at once, and who is done is not asked for at all.
        assert!(turns.requests_stand(&class, &nobody, 4).is_empty());
        students[29].progress = Progress::Complete;
        turns.keep(&students, &nobody, at(0));
        let first = turns.requests_stand(&class, &nobody, 18);
        assert_eq!(first.len(), 29 - 18);
        for student in &mut students {
            let stands = first.contains(&student.username);
            student.activity.requests_as_of = stands.then_some(at(0));
        }
        turns.keep(&students, &nobody, at(1));
        let second = turns.requests_stand(&class, &nobody, 18);
        assert!(first.is_disjoint(&second), "{first:?} {second:?}");
        // However little room there is, half of them are asked for.
        assert_eq!(turns.requests_stand(&class, &nobody, 1).len(), 14);
        assert!(turns.requests_stand(&class, &nobody, usize::MAX).is_empty());
    }
}
