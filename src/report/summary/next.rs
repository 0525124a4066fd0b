//! What to type next: the exact command, and what it is good for.

use std::io;

use crate::domain::check::{self, CheckResult, Progress};
use crate::domain::ids::Username;
use crate::domain::isolation::OWN_STACK;
use crate::domain::plan::Verdict;
use crate::events::{Command, Outcome, RunSummary, StudentResult};

use super::super::marks::Tone;
use super::super::text::clean;
use super::{Page, View, plan, status};

/// A command names students up to this many; past that it is proposed for the class.
const NAMED_IN_COMMAND: usize = 12;

pub(super) fn print(summary: &RunSummary, view: &View<'_>, page: &mut Page<'_>) -> io::Result<()> {
    // Without a way to call the program again there is nothing to propose (a rehearsal's cloud is gone).
    if view.invocation.is_empty() {
        return Ok(());
    }
    for (words, reason) in steps(summary) {
        let selection = if words.contains(" --students ") || view.selection.is_empty() {
            String::new()
        } else {
            format!(" {}", clean(view.selection))
        };
        let command = format!("{} {words}{selection}", clean(view.invocation));
        let label = page.paint.tone(Tone::Busy, "next:");
        let command = page.paint.bold(&command);
        page.line(&format!("{label} {command}"))?;
        page.text("      ", "      ", &reason)?;
    }
    Ok(())
}

/// The verb with its options, and why.
fn steps(summary: &RunSummary) -> Vec<(String, String)> {
    let any = |outcome: Outcome| summary.students.iter().any(|s| s.outcome == outcome);
    let step = |words: &str, reason: &str| (words.to_owned(), reason.to_owned());
    let class = summary.class.as_str();
    match summary.command {
        Command::Plan => {
            let mut steps = Vec::new();
            if any(Outcome::Changes) {
                steps.push((
                    "deploy".to_owned(),
                    format!("creates or updates {}", plan::changes(summary)),
                ));
            }
            let kept = |s: &StudentResult| {
                s.resources
                    .iter()
                    .any(|r| r.state == Verdict::Keep.as_str())
            };
            // --reset wants its students named, however many.
            if let Some(students) = option(summary, usize::MAX, kept) {
                steps.push((
                    format!("deploy --reset{students}"),
                    "puts back what these students changed; their work in it is lost".to_owned(),
                ));
            }
            steps
        }
        Command::Deploy => {
            if any(Outcome::Cancelled) {
                vec![
                    step(
                        "deploy",
                        "finishes what is missing and touches nothing else",
                    ),
                    (
                        format!("teardown --confirm {class}"),
                        "removes what was made so far".to_owned(),
                    ),
                ]
            } else if any(Outcome::Failed) || any(Outcome::Conflict) {
                vec![step(
                    "deploy",
                    "once the cause is removed: finishes what is missing and touches nothing else",
                )]
            } else {
                vec![step("validate", "proves that every stack works")]
            }
        }
        Command::Validate => {
            if any(Outcome::Failed) {
                vec![
                    step(
                        "plan",
                        "shows how the stacks differ from what they should be",
                    ),
                    step("deploy", "puts back what is missing"),
                ]
            } else if any(Outcome::Unknown) || any(Outcome::Cancelled) {
                vec![step("validate", "asks again")]
            } else {
                vec![step(
                    "status",
                    "shows who has done what, at any time during class",
                )]
            }
        }
        Command::Isolation => {
            let failed = |c: &&CheckResult| c.verdict == check::Verdict::Fail;
            let checks = summary.students.iter().flat_map(|s| &s.checks);
            let mut failed = checks.filter(failed).peekable();
            if failed.peek().is_some() && failed.all(|c| c.id == OWN_STACK) {
                vec![step(
                    "access grant",
                    "puts the policies right of those who are denied their own stack",
                )]
            } else if any(Outcome::Failed) {
                vec![step(
                    "access freeze",
                    "shuts everybody out until the cause is found; nothing is lost",
                )]
            } else if any(Outcome::Unknown) || any(Outcome::Cancelled) {
                vec![step(
                    "validate --isolation",
                    "asks again, once the cause is removed",
                )]
            } else {
                vec![step(
                    "handout --with-credentials",
                    "writes a page for each student, with what they sign in with",
                )]
            }
        }
        Command::Status | Command::Report => {
            let mut steps = Vec::new();
            let needy =
                |s: &StudentResult| matches!(s.outcome, Outcome::Broken | Outcome::NotDeployed);
            if let Some(students) = option(summary, NAMED_IN_COMMAND, needy) {
                let reason = match (
                    status::in_state(summary, Progress::Broken),
                    status::in_state(summary, Progress::NotDeployed),
                ) {
                    (true, false) => {
                        "shows what is wrong with the broken stacks, and what deploy would mend"
                    }
                    (false, _) => "shows what deploy would make: these stacks are not there",
                    (true, true) => {
                        "shows what is wrong or not there, and what deploy would make of it"
                    }
                };
                steps.push((format!("plan{students}"), reason.to_owned()));
            }
            // Of stacks of which nothing is there and nothing was ever read, no report is written.
            let mut students = summary.students.iter();
            let any_stack = students.any(|s| s.outcome != Outcome::NotDeployed);
            if summary.command == Command::Status && any_stack {
                steps.push(step(
                    "report",
                    "writes the same as a page to project and to keep",
                ));
            }
            steps
        }
        Command::Teardown => {
            if any(Outcome::Remains) || any(Outcome::Cancelled) {
                vec![(
                    format!("teardown --confirm {class}"),
                    "deletes what remains; what is gone already does no harm".to_owned(),
                )]
            } else {
                Vec::new()
            }
        }
        Command::AccessGrant => {
            if any(Outcome::Failed) || any(Outcome::Conflict) || any(Outcome::Cancelled) {
                vec![step(
                    "access grant",
                    "once the cause is removed: finishes what is missing and touches nothing else",
                )]
            } else {
                vec![
                    step(
                        "validate --isolation",
                        "proves that nobody reaches a neighbour's stack",
                    ),
                    step(
                        "handout --with-credentials",
                        "writes a page for each student, with what they sign in with",
                    ),
                ]
            }
        }
        Command::AccessRevoke => {
            if any(Outcome::Remains) || any(Outcome::Cancelled) {
                vec![(
                    format!("access revoke --confirm {class}"),
                    "takes away what remains; what is gone already does no harm".to_owned(),
                )]
            } else {
                Vec::new()
            }
        }
        Command::AccessFreeze | Command::AccessThaw => {
            let verb = summary.command.as_str();
            if any(Outcome::Failed) || any(Outcome::Cancelled) {
                vec![step(verb, "does it for those who are left")]
            } else if summary.command == Command::AccessFreeze && any(Outcome::Frozen) {
                vec![step(
                    "access thaw",
                    "lets them in again, with what they had",
                )]
            } else {
                Vec::new()
            }
        }
        Command::Handout => {
            let failed = |s: &StudentResult| s.outcome == Outcome::Failed;
            let students = option(summary, NAMED_IN_COMMAND, failed);
            let deploy = students.map(|students| {
                (
                    format!("deploy{students}"),
                    "makes the stacks that are missing; then write the handouts again".to_owned(),
                )
            });
            deploy.into_iter().collect()
        }
        Command::Rehearse | Command::Watch => Vec::new(),
    }
}

/// ` --students a,b` for those it holds of; `None` when it holds of nobody, empty when of more than `most`.
fn option(
    summary: &RunSummary,
    most: usize,
    holds: impl Fn(&StudentResult) -> bool,
) -> Option<String> {
    let named: Vec<&str> = summary
        .students
        .iter()
        .filter(|s| holds(s))
        .map(|s| Username::as_str(&s.username))
        .collect();
    match named.len() {
        0 => None,
        n if n > most => Some(String::new()),
        _ => Some(format!(" --students {}", named.join(","))),
    }
}
