//! The sums of a class: how many students are in each state, how many did each check, what a student has reached.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use crate::evidence::check::{CheckResult, Verdict};
use crate::evidence::progress::Progress;
use crate::lab::check::Work;
use crate::lab::points::Points;

/// The states in the order in which they are counted.
pub(crate) const STATES: [Progress; 6] = [
    Progress::Complete,
    Progress::InProgress,
    Progress::NotStarted,
    Progress::NotDeployed,
    Progress::Broken,
    Progress::Unknown,
];

/// How many students are in each state.
pub(crate) struct Tally(BTreeMap<Progress, usize>);

impl Tally {
    pub fn of(states: impl IntoIterator<Item = Progress>) -> Self {
        let mut counts = BTreeMap::new();
        for state in states {
            *counts.entry(state).or_default() += 1;
        }
        Self(counts)
    }

    pub(crate) fn count(&self, state: Progress) -> usize {
        self.0.get(&state).copied().unwrap_or_default()
    }

    pub(crate) fn total(&self) -> usize {
        self.0.values().sum()
    }
}

/// One check of the lab over the class, as in `report.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckTally {
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) work: Work,
    /// None where it looks at the stack.
    pub(crate) points: Points,
    /// Students for whom it passed.
    pub passed: usize,
    pub(crate) failed: usize,
    /// Those among `failed` who have done a part of it that counts.
    pub(crate) in_part: usize,
    /// These are in neither `passed` nor `failed`.
    pub(crate) could_not_check: usize,
    pub(crate) not_provable: usize,
}

impl CheckTally {
    fn new(check: &CheckResult) -> Self {
        Self {
            id: check.id.clone(),
            title: check.title.clone(),
            work: check.work,
            points: check.points,
            passed: 0,
            failed: 0,
            in_part: 0,
            could_not_check: 0,
            not_provable: 0,
        }
    }

    fn add(&mut self, check: &CheckResult) {
        match check.verdict {
            Verdict::Pass => self.passed += 1,
            Verdict::Fail => {
                self.failed += 1;
                self.in_part += usize::from(check.in_part());
            }
            Verdict::CouldNotCheck => self.could_not_check += 1,
            Verdict::NotProvable => self.not_provable += 1,
        }
    }

    /// All students with this check. Where one student is attested, "1 of 1" would read as everybody.
    pub fn of(&self) -> usize {
        self.passed + self.failed + self.could_not_check + self.not_provable
    }

    /// Whether it counts towards completion for at least one student.
    pub(crate) fn provable(&self) -> bool {
        self.passed + self.failed + self.could_not_check > 0
    }
}

/// All checks of the class, in order of first appearance.
pub(crate) fn check_tallies<'a>(
    students: impl IntoIterator<Item = &'a [CheckResult]>,
) -> Vec<CheckTally> {
    let mut tallies: Vec<CheckTally> = Vec::new();
    for checks in students {
        for (position, check) in checks.iter().enumerate() {
            // All students normally have the same checks in the same order: look there first.
            let index = match tallies.get(position) {
                Some(tally) if tally.id == check.id => Some(position),
                _ => tallies.iter().position(|tally| tally.id == check.id),
            };
            let index = index.unwrap_or_else(|| {
                tallies.push(CheckTally::new(check));
                tallies.len() - 1
            });
            tallies[index].add(check);
        }
    }
    tallies
}

/// What one student has reached of their own tasks. The stack is the instructor's work: no points, no share of "done".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Score {
    /// Provable tasks that passed.
    pub(crate) done: usize,
    /// All provable tasks.
    pub(crate) of: usize,
    /// With points for parts of tasks.
    pub(crate) earned: Points,
    /// Points of the provable tasks.
    pub(crate) total: Points,
    /// Whether there is a stack, and every provable task in it could be checked. If not, `earned` is a lower bound and no
    /// grade.
    pub(crate) certain: bool,
}

impl Score {
    /// Sums up one student's checks. A task that nothing can prove is left out.
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

    /// The points of one student's tasks that were earned by `due`; `None` where that is not known of each.
    pub(crate) fn earned_by(checks: &[CheckResult], due: Timestamp) -> Option<Points> {
        let counts = |check: &&CheckResult| {
            check.work == Work::Student && check.verdict != Verdict::NotProvable
        };
        let earned = checks.iter().filter(counts);
        earned.map(|check| check.earned_by(due)).sum()
    }

    /// Percent of the points, to one decimal; `None` when it is not certain or there is nothing to earn.
    pub(crate) fn percent(self) -> Option<f64> {
        let percent = self.earned.percent_of(self.total);
        percent.filter(|_| self.certain)
    }
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
            on_time: None,
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
