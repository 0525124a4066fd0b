//! How much scripted students do in a rehearsal, and whether the report shows it.

use std::collections::BTreeMap;

use crate::aws::execution::ExecutionStatus;
use crate::evidence::check::Verdict;
use crate::evidence::progress::{Progress, StudentProgress};
use crate::ids::Username;
use crate::lab::ScriptedStep;
use crate::text::failure::Failure;

/// How much of the lab a scripted student does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Diligence {
    All,
    Half,
    None,
}

impl Diligence {
    /// Three of five complete, one does half, one nothing.
    pub(crate) fn of(index: usize) -> Self {
        match index % 5 {
            2 => Self::Half,
            4 => Self::None,
            _ => Self::All,
        }
    }

    /// What the report must show.
    fn expected(self) -> Progress {
        match self {
            Self::All => Progress::Complete,
            Self::Half => Progress::InProgress,
            Self::None => Progress::NotStarted,
        }
    }

    /// Which of all steps they do.
    pub(crate) fn part_of(self, mut steps: Vec<ScriptedStep>) -> Vec<ScriptedStep> {
        match self {
            Self::All => {}
            Self::Half => steps.truncate(steps.len() / 2),
            Self::None => steps.clear(),
        }
        steps
    }
}

/// Students whose progress in the report is not what they did.
pub(crate) fn misjudged(students: &[StudentProgress]) -> BTreeMap<Username, Failure> {
    let wrong = students.iter().enumerate().filter_map(|(index, seen)| {
        let expected = Diligence::of(index).expected();
        if seen.progress == expected {
            return None;
        }
        let (why, hint) = match failed_execution(seen) {
            None => (
                String::new(),
                "the lab's checks and its [[rehearsal.step]] entries do not fit together",
            ),
            Some(why) => (
                format!("; {why}"),
                "find out why that execution failed: look at the lab's functions and its state machine",
            ),
        };
        let (done, shown) = (expected.as_str(), seen.progress.as_str());
        let subject = format!("scripted student {}", seen.username);
        let cause = format!("did the work of a student who is {done}, but the report shows {shown}{why}");
        Some((seen.username.clone(), Failure::new(subject, cause).hint(hint)))
    });
    wrong.collect()
}

/// The first failed execution among the evidence of checks that did not pass: a step of the lab's script met it.
fn failed_execution(student: &StudentProgress) -> Option<String> {
    let checks = student.checks.iter();
    let open = checks.filter(|check| check.verdict == Verdict::Fail);
    let mut shown = open.flat_map(|check| &check.evidence);
    let failed = shown.find(|evidence| {
        let execution = evidence.execution.as_ref();
        execution.is_some_and(|shown| shown.execution.status == ExecutionStatus::Failed)
    });
    failed.map(|evidence| evidence.sentence())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_of_thirty_has_eighteen_complete_six_half_way_and_six_idle() {
        let count = |wanted| (0..30).filter(|i| Diligence::of(*i) == wanted).count();
        assert_eq!(
            (
                count(Diligence::All),
                count(Diligence::Half),
                count(Diligence::None)
            ),
            (18, 6, 6)
        );
    }

    #[test]
    fn whoever_did_half_and_is_shown_as_complete_is_misjudged() {
        let student = |name: &str, progress| StudentProgress {
            progress,
            ..StudentProgress::unread(&name.parse().unwrap())
        };
        let all = ["a", "b", "c"].map(|name| student(name, Progress::Complete));
        let wrong: Vec<_> = misjudged(&all).into_iter().collect();
        assert_eq!(wrong.len(), 1);
        assert_eq!(wrong[0].0.as_str(), "c");
        assert!(wrong[0].1.cause.contains("in-progress"), "{}", wrong[0].1);
    }
}
