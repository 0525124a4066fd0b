//! How much scripted students do in a rehearsal, and whether the report shows it.

use std::collections::BTreeMap;

use crate::aws::execution::ExecutionStatus;
use crate::evidence::check::Verdict;
use crate::evidence::progress::{Progress, StudentProgress};
use crate::ids::Username;
use crate::lab::check::{Proof, Work};
use crate::lab::{Lab, ScriptedStep};
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

/// What a lab gives scripted students to do.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Script {
    pub(crate) steps: usize,
    /// Tasks that something can prove.
    pub(crate) tasks: usize,
}

impl Script {
    pub(crate) fn of(lab: &Lab) -> Self {
        let tasks = lab.checks().iter().filter(|check| {
            check.work == Work::Student && !matches!(check.proof, Proof::Unprovable { .. })
        });
        Self {
            steps: lab.rehearsal_step_count(),
            tasks: tasks.count(),
        }
    }

    /// What the report may show of a student, what they are called first.
    fn expected(self, diligence: Diligence) -> &'static [Progress] {
        let done = match diligence {
            Diligence::All => self.steps,
            Diligence::Half => self.steps / 2,
            Diligence::None => 0,
        };
        match done {
            _ if self.tasks == 0 => &[Progress::Complete],
            0 => &[Progress::NotStarted],
            done if done == self.steps => &[Progress::Complete],
            // Half of the steps may not be the whole of any task.
            _ => &[Progress::InProgress, Progress::NotStarted],
        }
    }

    /// What the rehearsal does not show, for want of a script.
    pub(crate) fn untried(self) -> Option<&'static str> {
        match (self.steps, self.tasks) {
            (0, 1..) => Some(
                "this lab has no [[rehearsal.step]], so nobody did its tasks, and the checks of students' work were not tried",
            ),
            (_, 0) => Some("this lab has no task that anything proves, so everybody is complete"),
            _ => None,
        }
    }
}

/// Students whose progress in the report is not what they did.
pub(crate) fn misjudged(
    students: &[StudentProgress],
    script: Script,
) -> BTreeMap<Username, Failure> {
    let wrong = students.iter().enumerate().filter_map(|(index, seen)| {
        let expected = script.expected(Diligence::of(index));
        if expected.contains(&seen.progress) {
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
        let (done, shown) = (expected[0].as_str(), seen.progress.as_str());
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
        let script = Script { steps: 5, tasks: 3 };
        let wrong: Vec<_> = misjudged(&all, script).into_iter().collect();
        assert_eq!(wrong.len(), 1);
        assert_eq!(wrong[0].0.as_str(), "c");
        assert!(wrong[0].1.cause.contains("in-progress"), "{}", wrong[0].1);
    }

    #[test]
    fn a_lab_with_one_task_with_none_and_without_a_script_is_judged_right() {
        let fits = |steps, tasks, shown: [Progress; 5]| {
            let student = |(index, progress): (usize, &Progress)| StudentProgress {
                progress: *progress,
                ..StudentProgress::unread(&format!("s{index}").parse().unwrap())
            };
            let students: Vec<_> = shown.iter().enumerate().map(student).collect();
            misjudged(&students, Script { steps, tasks }).is_empty()
        };
        use Progress::{Complete, InProgress, NotStarted};
        let nobody = [NotStarted; 5];
        assert!(fits(0, 2, nobody) && !fits(0, 2, [Complete; 5]));
        assert!(fits(0, 0, [Complete; 5]) && fits(3, 0, [Complete; 5]));
        let one = [Complete, Complete, NotStarted, Complete, NotStarted];
        assert!(fits(1, 1, one) && !fits(1, 1, nobody));
        let mut two = one;
        assert!(fits(2, 1, two));
        two[2] = InProgress;
        assert!(fits(2, 1, two) && !fits(1, 1, two));
        two[2] = Complete;
        assert!(!fits(2, 1, two));
    }
}
