//! How much scripted students do in a rehearsal, and whether the report shows it.

use std::collections::BTreeMap;

use crate::aws::execution::ExecutionStatus;
use crate::evidence::check::Verdict;
use crate::evidence::progress::{Progress, StudentProgress};
use crate::ids::Username;
use crate::lab::check::{Proof, Work};
use crate::lab::points::Points;
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
    /// Three of five complete, one does half, one nothing. In a class of two to four the last one does nothing, so that
    /// there is always somebody who must have no points.
    pub(crate) fn of(index: usize, students: usize) -> Self {
        match index % 5 {
            4 => Self::None,
            _ if (2..5).contains(&students) && index + 1 == students => Self::None,
            2 => Self::Half,
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
        let diligence = Diligence::of(index, students.len());
        let expected = script.expected(diligence);
        if expected.contains(&seen.progress) {
            return None;
        }
        let (why, hint) = match failed_execution(seen) {
            _ if diligence == Diligence::None => (
                counted(seen),
                "what `validate` started counts as every student's work: have the nonce that its probes send in the input of \
                 what they start (nonce_in of [marks]), or in the function's log line",
            ),
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

/// What counts as the work of a student who did none: a task that has points, and an execution that it has them for.
fn counted(student: &StudentProgress) -> String {
    let mut tasks = student.checks.iter();
    let Some(task) = tasks.find(|c| c.work == Work::Student && c.earned > Points::ZERO) else {
        return String::new();
    };
    let shown = task.evidence.iter().find(|one| one.execution.is_some());
    let by = shown.map_or_else(|| "something".to_owned(), |one| one.sentence());
    format!("; {by} counts for {:?}", task.title)
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
    use crate::aws::execution::Execution;
    use crate::evidence::check::{CheckResult, Evidence, ExecutionEvidence};
    use crate::lab::marks::Starter;

    #[test]
    fn a_class_of_thirty_has_eighteen_complete_six_half_way_and_six_idle() {
        let count = |wanted| (0..30).filter(|i| Diligence::of(*i, 30) == wanted).count();
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
        let mut all = ["a", "b", "c", "d"].map(|name| student(name, Progress::Complete));
        all[3].progress = Progress::NotStarted;
        let script = Script { steps: 5, tasks: 3 };
        let wrong: Vec<_> = misjudged(&all, script).into_iter().collect();
        assert_eq!(wrong.len(), 1);
        assert_eq!(wrong[0].0.as_str(), "c");
        assert!(wrong[0].1.cause.contains("in-progress"), "{}", wrong[0].1);
    }

    #[test]
    fn in_a_small_class_the_last_one_does_nothing() {
        use Diligence::{All, Half, None};
        let class = |size| {
            (0..size)
                .map(move |i| Diligence::of(i, size))
                .collect::<Vec<_>>()
        };
        assert_eq!(class(1), [All]);
        assert_eq!(class(2), [All, None]);
        assert_eq!(class(3), [All, All, None]);
        assert_eq!(class(4), [All, All, Half, None]);
        assert_eq!(class(5), [All, All, Half, All, None]);
    }

    #[test]
    fn whoever_is_idle_and_has_points_is_told_by_what() {
        let mut check: CheckResult = serde_json::from_value(serde_json::json!({
            "id": "ran", "title": "Ran it", "work": "student", "points": 1, "earned": 1, "verdict": "pass", "hint": "",
            "evidence": [],
        })).unwrap();
        let execution = Execution {
            arn: "arn:run-1".into(),
            name: "run-1".into(),
            status: ExecutionStatus::Succeeded,
            started_ms: 0,
            stopped_ms: Some(1),
            redriven_ms: None,
            detail: None,
        };
        check.evidence.push(Evidence {
            text: String::new(),
            execution: Some(ExecutionEvidence {
                starter: Starter::Person,
                execution,
                console_url: None,
                why: None,
            }),
        });
        let student = |name: &str, progress, checks: &[CheckResult]| StudentProgress {
            progress,
            checks: checks.to_vec(),
            ..StudentProgress::unread(&name.parse().unwrap())
        };
        let students = [
            student("a", Progress::Complete, &[]),
            student("b", Progress::Complete, &[check]),
        ];
        let wrong = misjudged(&students, Script { steps: 2, tasks: 1 });
        let failure = wrong.values().next().unwrap();
        let said = format!("{failure} {:?}", failure.hint);
        assert_eq!(wrong.len(), 1);
        assert!(
            said.contains("run-1: SUCCEEDED") && said.contains("counts for \"Ran it\""),
            "{said}"
        );
        assert!(said.contains("what `validate` started counts"), "{said}");
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
