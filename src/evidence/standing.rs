//! Where a whole class stands, at one moment.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;

use jiff::ZonedDateTime;

use crate::error::{Error, Result};
use crate::evidence::attest::Attestations;
use crate::evidence::kept::ClassFiles;
use crate::evidence::last_reading::{LastReadings, progress_of};
use crate::evidence::progress::{Progress, StudentProgress};
use crate::ids::{PlaceName, Username};
use crate::stack::diff::Change;
use crate::stack::kinds::Gap;
use crate::stack::leavers::LeftStudent;
use crate::text::words::some_of;

/// Students named in a note.
const NAMED: usize = 12;

pub(crate) struct ClassStanding {
    pub(crate) students: Vec<StudentProgress>,
    pub(crate) gaps: Vec<Gap>,
    pub(crate) left: Vec<LeftStudent>,
    pub(crate) alias: Option<String>,
    /// Likewise of each place, where the class has several.
    pub(crate) aliases: BTreeMap<PlaceName, String>,
    pub(crate) taken_at: ZonedDateTime,
    /// Those who left and were read as well.
    pub(crate) departed: Vec<StudentProgress>,
    /// Notes that concern the whole class.
    pub(crate) notes: Vec<String>,
    /// The last readings of each place, this one among them.
    pub(crate) last: Vec<LastReadings>,
    /// The error that says where the students' stacks stand, if that is somewhere else.
    pub(crate) elsewhere: Option<Error>,
    /// Whether something of the students is there to be read, or may be.
    pub(crate) any_stack: bool,
    /// The same for those who left.
    pub(crate) any_departed: bool,
    /// Whether every place could be reached.
    pub(crate) reached: bool,
    /// Students who could not be looked at: whatever an earlier reading or somebody else says of them, they are unknown.
    pub(crate) unseen: BTreeSet<Username>,
}

impl ClassStanding {
    /// Whether nothing gives a grade: there is no stack, and no reading of one.
    pub(crate) fn is_nothing(&self) -> bool {
        self.is_of_nobody() && !self.any_departed && never_read(&self.departed)
    }

    /// The same for the students of the roster alone.
    pub(crate) fn is_of_nobody(&self) -> bool {
        self.reached && !self.any_stack && never_read(&self.students)
    }

    /// Whether everything could be seen of everybody.
    pub(crate) fn is_certain(&self) -> bool {
        let unsure = |s: &StudentProgress| s.progress == Progress::Unknown || s.last.unread;
        self.reached && self.gaps.is_empty() && !self.students.iter().any(unsure)
    }

    /// Shows a student once who was read at several places, with the better reading; a note says of whom that is so.
    pub(crate) fn show_each_once(&mut self) {
        let mut twice = once_each(&mut self.students);
        twice.extend(once_each(&mut self.departed));
        if !twice.is_empty() {
            let twice: Vec<&str> = twice.iter().map(Username::as_str).collect();
            self.notes.push(format!(
                "has something at more than one place, and is shown with the better reading of them: {}",
                some_of(&twice, NAMED)
            ));
        }
    }

    /// Applies the instructor's attestations.
    pub(crate) fn attest(&mut self, attested: &Attestations) {
        for student in &mut self.students {
            for check in &mut student.checks {
                attested.apply(&student.username, check);
            }
            match student.last.gone {
                _ if self.unseen.contains(&student.username) => {}
                true => student.progress = progress_of(&student.checks, true),
                false => student.judge_again(),
            }
        }
    }

    /// Keeps the last readings in the class's folder.
    ///
    /// # Errors
    /// Names the file that cannot be written.
    pub(crate) fn keep(&self, folder: &Path) -> io::Result<()> {
        self.last.iter().try_for_each(|last| {
            let files = ClassFiles::new(folder.to_owned(), last.key.clone());
            files.keep_last_readings(last)
        })
    }

    /// Leaves out who needs somebody, which is about now and not about an earlier time.
    pub(crate) fn forget_trouble(&mut self) {
        for student in &mut self.students {
            (student.trouble, student.hitch) = (None, None);
        }
    }

    /// Refuses to report on a class without stacks and readings whose students' stacks are somewhere else.
    ///
    /// # Errors
    /// Says where, and what to type.
    pub(crate) fn refuse_elsewhere(&self) -> Result<()> {
        match &self.elsewhere {
            Some(refusal) if self.is_nothing() => Err(refusal.clone()),
            _ => Ok(()),
        }
    }
}

/// Merges the readings of each student. Returns who has something at more than one place.
fn once_each(students: &mut Vec<StudentProgress>) -> Vec<Username> {
    let mut once: Vec<StudentProgress> = Vec::new();
    let mut twice = Vec::new();
    for student in students.drain(..) {
        let Some(at) = once.iter().position(|one| one.username == student.username) else {
            once.push(student);
            continue;
        };
        if !once[at].is_absent() && !student.is_absent() {
            twice.push(student.username.clone());
        }
        let known = once[at].clone();
        once[at] = known.or_better(student);
    }
    *students = once;
    twice.dedup();
    twice
}

fn never_read(students: &[StudentProgress]) -> bool {
    let mut students = students.iter();
    students.all(|student| student.last.as_of.is_none())
}

/// A note on who changed the function whose log proves what the API started.
pub(crate) fn rewritten(changes: &[(Username, Change)]) -> Option<String> {
    let (_, first) = changes.first()?;
    let students: Vec<&str> = changes
        .iter()
        .map(|(student, _)| student.as_str())
        .collect();
    Some(format!(
        "changed the function whose log proves what the API started: {} ({} {})",
        students.join(", "),
        first.resource,
        first.summary
    ))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::evidence::cache::CacheKey;
    use crate::ids::Scope;
    use crate::lab::points::Points;

    fn standing(students: Vec<StudentProgress>, any_stack: bool) -> ClassStanding {
        let scope = Scope {
            partition: "aws".into(),
            account: "1".into(),
            region: "us-east-1".into(),
        };
        let key = CacheKey::new(&scope, &"demo".parse().unwrap(), &"lab6".parse().unwrap());
        ClassStanding {
            students,
            gaps: Vec::new(),
            left: Vec::new(),
            alias: None,
            aliases: BTreeMap::new(),
            taken_at: "2026-05-14T12:00:00[UTC]".parse().unwrap(),
            departed: Vec::new(),
            notes: Vec::new(),
            last: vec![LastReadings::new(key)],
            elsewhere: None,
            any_stack,
            any_departed: false,
            reached: true,
            unseen: BTreeSet::new(),
        }
    }

    pub(in crate::evidence) fn student(progress: Progress) -> StudentProgress {
        StudentProgress {
            progress,
            ..StudentProgress::unread(&"ana".parse().unwrap())
        }
    }

    #[test]
    fn a_class_is_nothing_only_without_a_stack_and_without_a_reading() {
        let absent = || student(Progress::NotDeployed);
        assert!(standing(vec![absent()], false).is_nothing());
        assert!(!standing(vec![absent()], true).is_nothing());
        let mut read = absent();
        read.last.as_of = Some("2026-05-01T00:00:00Z".parse().unwrap());
        assert!(!standing(vec![read.clone()], false).is_nothing());
        let mut left = standing(vec![absent()], false);
        left.departed.push(read);
        assert!(left.is_of_nobody() && !left.is_nothing());
    }

    #[test]
    fn who_has_two_stacks_is_shown_with_the_better_reading() {
        let earned = |progress, points| {
            let mut student = student(progress);
            let json = serde_json::json!({
                "id": "a", "title": "A", "work": "student", "points": 10, "earned": points,
                "verdict": "fail", "evidence": [], "hint": ""
            });
            student.checks = vec![serde_json::from_value(json).unwrap()];
            student
        };
        let shown = |one: &StudentProgress, other: &StudentProgress| {
            let mut class = standing(vec![one.clone(), other.clone()], true);
            class.show_each_once();
            let [only] = &class.students[..] else {
                panic!("{:?}", class.students);
            };
            let points: Vec<Points> = only.checks.iter().map(|check| check.earned).collect();
            (only.progress, points, only.last.unread, class.notes.len())
        };
        let little = earned(Progress::InProgress, 2);
        let much = earned(Progress::InProgress, 7);
        let absent = student(Progress::NotDeployed);
        let unknown = student(Progress::Unknown);
        for (one, other, best) in [
            (
                &little,
                &much,
                (Progress::InProgress, vec![Points::whole(7)], false, 1),
            ),
            (
                &absent,
                &much,
                (Progress::InProgress, vec![Points::whole(7)], false, 0),
            ),
            (&absent, &unknown, (Progress::Unknown, vec![], true, 0)),
            (
                &much,
                &unknown,
                (Progress::InProgress, vec![Points::whole(7)], true, 1),
            ),
        ] {
            assert_eq!(shown(one, other), best);
            assert_eq!(shown(other, one), best);
        }
    }

    #[test]
    fn what_could_not_be_read_of_one_student_makes_the_class_uncertain() {
        assert!(standing(vec![student(Progress::Complete)], true).is_certain());
        assert!(!standing(vec![student(Progress::Unknown)], true).is_certain());
        let mut unread = student(Progress::Complete);
        unread.last.unread = true;
        assert!(!standing(vec![unread], true).is_certain());
    }
}
