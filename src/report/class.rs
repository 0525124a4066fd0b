//! A class at one moment: what the report files are made from, and the sums that they share.

use jiff::ZonedDateTime;

use crate::events::{Failure, Left};
use crate::evidence::check::{CheckResult, Verdict};
use crate::evidence::progress::{Progress, StudentProgress};
use crate::lab::check::Work;
use crate::lab::points::Points;
use crate::roster::Student;
use crate::stack::ids::{ClassName, LabId, Username};
use crate::stack::observed::Gap;

use super::causes::{self, Cause};
use super::since::Since;

/// The AWS account that the class lives in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The 12-digit id.
    pub id: String,
    /// The alias, where the account has one and it could be read.
    pub alias: Option<String>,
}

/// A class at one moment.
#[derive(Debug, Clone)]
pub struct ClassReport {
    /// The class.
    pub class: ClassName,
    /// The lab's id.
    pub lab: LabId,
    /// The lab's title, for people.
    pub lab_title: String,
    /// The account.
    pub account: Account,
    /// The region.
    pub region: String,
    /// When the cloud was read; its zone is the one that every time of the report is shown in.
    pub taken_at: ZonedDateTime,
    /// When the oldest was made of what `validate` found; `None` where nothing is.
    pub validated_at: Option<ZonedDateTime>,
    /// Every student of the roster, in its order.
    pub students: Vec<ReportStudent>,
    /// Students who left the roster, where the report is about the whole class.
    pub left: Vec<Left>,
    /// Those of them who were read with the others, before their stacks are torn down. They have no row: no grade of
    /// this class is theirs.
    pub departed: Vec<ReportStudent>,
    /// Notes that concern the whole class.
    pub notes: Vec<String>,
    /// What could not be seen.
    pub gaps: Vec<Gap>,
    /// What changed since the report before, where there is one.
    pub since: Option<Since>,
}

/// One student of a report.
#[derive(Debug, Clone)]
pub struct ReportStudent {
    /// As the roster has them.
    pub student: Student,
    /// Where they stand.
    pub progress: StudentProgress,
    /// What `validate` found of their stack; empty when it was not asked.
    pub validate: Vec<CheckResult>,
}

impl ReportStudent {
    /// What they have reached. Of somebody whose stack is not there nothing is known, which is not zero.
    pub fn score(&self) -> Score {
        let deployed = self.progress.progress != Progress::NotDeployed;
        Score::of(&self.progress.checks).of_deployed(deployed)
    }
}

impl ClassReport {
    /// How many stand where.
    pub fn tally(&self) -> Tally {
        Tally::of(self.students.iter().map(|s| s.progress.progress))
    }

    /// The lab's checks with what the class made of each, in the lab's order.
    pub fn columns(&self) -> Vec<Column> {
        columns(self.students.iter().map(|s| s.progress.checks.as_slice()))
    }

    /// The same of the students' own tasks alone.
    pub fn tasks(&self) -> Vec<Column> {
        let mut columns = self.columns();
        columns.retain(|column| column.work == Work::Student);
        columns
    }

    /// Everything that needs somebody, grouped by cause: broken stacks, what could not be checked, and what
    /// `validate` found wrong.
    pub fn causes(&self) -> Vec<Cause> {
        causes::group(self.students.iter().flat_map(|s| {
            // Of a stack that is not there, that is all there is to say.
            let deployed = s.progress.progress != Progress::NotDeployed;
            let checks = s.progress.checks.iter();
            let checks = checks.filter(move |check| deployed || check.work == Work::Stack);
            checks
                .chain(&s.validate)
                .filter_map(causes::of_check)
                .map(|failure| (&s.progress.username, failure))
        }))
    }
}

/// How many students stand where.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// [`Progress::Complete`].
    pub complete: usize,
    /// [`Progress::InProgress`].
    pub in_progress: usize,
    /// [`Progress::NotStarted`].
    pub not_started: usize,
    /// [`Progress::NotDeployed`].
    pub not_deployed: usize,
    /// [`Progress::Broken`].
    pub broken: usize,
    /// [`Progress::Unknown`].
    pub unknown: usize,
}

/// The states in the order in which they are counted.
pub const STATES: [Progress; 6] = [
    Progress::Complete,
    Progress::InProgress,
    Progress::NotStarted,
    Progress::NotDeployed,
    Progress::Broken,
    Progress::Unknown,
];

impl Tally {
    /// Counts.
    pub fn of(states: impl IntoIterator<Item = Progress>) -> Self {
        let mut tally = Self::default();
        for state in states {
            *tally.slot(state) += 1;
        }
        tally
    }

    fn slot(&mut self, state: Progress) -> &mut usize {
        match state {
            Progress::Complete => &mut self.complete,
            Progress::InProgress => &mut self.in_progress,
            Progress::NotStarted => &mut self.not_started,
            Progress::NotDeployed => &mut self.not_deployed,
            Progress::Broken => &mut self.broken,
            Progress::Unknown => &mut self.unknown,
        }
    }

    /// How many stand there.
    pub fn count(mut self, state: Progress) -> usize {
        *self.slot(state)
    }

    /// The whole class.
    pub fn total(self) -> usize {
        STATES.into_iter().map(|state| self.count(state)).sum()
    }

    /// The parts of the headline: `18 of 30 complete`, then each other state that somebody is in.
    pub fn headline(self) -> Vec<String> {
        let mut parts = vec![format!("{} of {} complete", self.complete, self.total())];
        parts.extend(
            STATES[1..]
                .iter()
                .filter(|state| self.count(**state) > 0)
                .map(|state| {
                    let word = super::marks::of_progress(*state).word;
                    format!("{} {word}", self.count(*state))
                }),
        );
        parts
    }
}

/// One check of the lab, and what the class made of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// The check's id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Whose work it looks at.
    pub work: Work,
    /// What it is worth; nothing where it looks at the stack.
    pub points: Points,
    /// Students for whom it passed.
    pub passed: usize,
    /// For whom it did not.
    pub failed: usize,
    /// Those among them who have done a part of it that counts.
    pub in_part: usize,
    /// For whom it could not be looked at.
    pub unknown: usize,
    /// For whom nothing can prove it.
    pub unprovable: usize,
}

impl Column {
    /// Students whom it asks about. Who is attested stands among the class: "1 of 1" would read as everybody.
    pub fn of(&self) -> usize {
        self.passed + self.failed + self.unknown + self.unprovable
    }

    /// Whether it counts towards completion for anybody.
    pub fn provable(&self) -> bool {
        self.passed + self.failed + self.unknown > 0
    }
}

/// The checks that occur, in order of first appearance, with the sums over the class.
pub fn columns<'a>(students: impl IntoIterator<Item = &'a [CheckResult]>) -> Vec<Column> {
    let mut columns: Vec<Column> = Vec::new();
    for checks in students {
        for (position, check) in checks.iter().enumerate() {
            // All students normally have the same checks in the same order: look there first.
            let index = match columns.get(position) {
                Some(column) if column.id == check.id => position,
                _ => columns
                    .iter()
                    .position(|c| c.id == check.id)
                    .unwrap_or_else(|| {
                        columns.push(Column {
                            id: check.id.clone(),
                            title: check.title.clone(),
                            work: check.work,
                            points: check.points,
                            passed: 0,
                            failed: 0,
                            in_part: 0,
                            unknown: 0,
                            unprovable: 0,
                        });
                        columns.len() - 1
                    }),
            };
            let column = &mut columns[index];
            match check.verdict {
                Verdict::Pass => column.passed += 1,
                Verdict::Fail => {
                    column.failed += 1;
                    column.in_part += usize::from(check.in_part());
                }
                Verdict::CouldNotCheck => column.unknown += 1,
                Verdict::NotProvable => column.unprovable += 1,
            }
        }
    }
    columns
}

/// What one student has reached of their own tasks. The stack is the instructor's work: no points, no share of "done".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Score {
    /// Provable tasks that passed.
    pub done: usize,
    /// Provable tasks.
    pub of: usize,
    /// Points that were earned, in parts as well.
    pub earned: Points,
    /// Points of the provable tasks.
    pub total: Points,
    /// Whether every provable task could be looked at, in a stack that is there; if not, `earned` is a lower bound and
    /// no grade.
    pub certain: bool,
}

impl Score {
    /// Sums up one student's checks. What nothing can prove counts on neither side.
    pub fn of(checks: &[CheckResult]) -> Self {
        let mut score = Self {
            done: 0,
            of: 0,
            earned: Points::ZERO,
            total: Points::ZERO,
            certain: true,
        };
        for check in checks.iter().filter(|check| check.work == Work::Student) {
            match check.verdict {
                Verdict::NotProvable => continue,
                Verdict::Pass => score.done += 1,
                Verdict::Fail => {}
                Verdict::CouldNotCheck => score.certain = false,
            }
            score.of += 1;
            score.earned += check.earned;
            score.total += check.points;
        }
        score
    }

    /// The same, where nothing of the stack may be there: then it is no grade.
    #[must_use]
    pub fn of_deployed(self, deployed: bool) -> Self {
        Self {
            certain: self.certain && deployed,
            ..self
        }
    }

    /// Percent of the points, to one decimal; `None` when it is not certain or there is nothing to earn.
    pub fn percent(self) -> Option<f64> {
        self.certain
            .then(|| self.earned.percent_of(self.total))
            .flatten()
    }
}

/// Failures of checks that need somebody, with whose they are.
pub(super) fn check_failures<'a>(
    student: &'a Username,
    checks: impl Iterator<Item = &'a CheckResult>,
) -> impl Iterator<Item = (&'a Username, Failure)> {
    checks
        .filter_map(causes::of_check)
        .map(move |failure| (student, failure))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(work: Work, points: u32, earned: u32, verdict: Verdict) -> CheckResult {
        CheckResult {
            id: String::new(),
            title: String::new(),
            work,
            points: Points::whole(points),
            earned: Points::whole(earned),
            parts: None,
            verdict,
            evidence: Vec::new(),
            hint: String::new(),
            instructor_hint: None,
            as_of: None,
        }
    }

    #[test]
    fn who_did_nothing_has_0_points_and_0_of_5_whatever_the_stack() {
        let mut checks = vec![check(Work::Stack, 0, 0, Verdict::Pass)];
        checks.extend((0..5).map(|_| check(Work::Student, 20, 0, Verdict::Fail)));
        let score = Score::of(&checks);
        assert_eq!((score.done, score.of), (0, 5));
        assert_eq!(
            (score.earned, score.total),
            (Points::ZERO, Points::whole(100))
        );
        assert_eq!(score.percent(), Some(0.0));
    }

    #[test]
    fn parts_count_as_points_and_not_as_done() {
        let checks = [
            check(Work::Student, 30, 20, Verdict::Fail),
            check(Work::Student, 15, 15, Verdict::Pass),
            check(Work::Student, 5, 0, Verdict::NotProvable),
        ];
        let score = Score::of(&checks);
        assert_eq!((score.done, score.of), (1, 2));
        assert_eq!(score.earned, Points::whole(35));
        assert_eq!(score.percent(), Some(77.8));
    }

    #[test]
    fn what_could_not_be_checked_gives_a_lower_bound_and_no_percent() {
        let checks = [check(Work::Student, 30, 10, Verdict::CouldNotCheck)];
        let score = Score::of(&checks);
        assert_eq!(score.earned, Points::whole(10));
        assert!(!score.certain);
        assert_eq!(score.percent(), None);
        // A stack that could not be looked at does not make the student's points uncertain.
        assert!(Score::of(&[check(Work::Stack, 0, 0, Verdict::CouldNotCheck)]).certain);
    }
}
