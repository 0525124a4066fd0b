//! What to type next: the exact command, and what it is good for.
//!
//! A proposal works as it stands and is safe: it names the same class, cloud and students as the command before, keeps
//! the options that were typed, and never deletes anything unless that was what the command was about; and even then it
//! lists and asks.

use std::io;

use crate::events::{Command, Outcome, RunSummary, StudentResult};
use crate::evidence::check::{self, CheckResult};
use crate::ids::Username;
use crate::probe::reach::OWN_STACK;

use super::super::marks::Tone;
use super::{Screen, View, plan};
use crate::text::show::clean;

/// A command names students up to this many; past that it is proposed for those whom the command was about.
const NAMED_IN_COMMAND: usize = 12;

/// One proposal.
struct Proposal {
    /// The verb, with the options that are not about students.
    words: String,
    /// ` --students a,b`, where it is not about the same students as the command before.
    students: Option<String>,
    reason: String,
}

impl Proposal {
    fn new(words: impl Into<String>, reason: impl Into<String>) -> Self {
        Self {
            words: words.into(),
            students: None,
            reason: reason.into(),
        }
    }

    fn about(mut self, students: Option<String>) -> Self {
        self.students = students.filter(|option| !option.is_empty());
        self
    }
}

pub(super) fn print(
    summary: &RunSummary,
    view: &View<'_>,
    page: &mut Screen<'_>,
) -> io::Result<()> {
    // Without a way to call the program again there is nothing to propose (a rehearsal's cloud is gone).
    if view.invocation.is_empty() {
        return Ok(());
    }
    for proposal in proposals(summary, view) {
        let students = proposal.students.unwrap_or_else(|| spaced(view.selection));
        let command = format!("{} {}{students}", view.invocation, proposal.words);
        let label = page.paint.tone(Tone::Busy, "next:");
        let command = page.paint.bold(&clean(&command));
        page.line(&format!("{label} {command}"))?;
        page.text("      ", "      ", &proposal.reason)?;
    }
    Ok(())
}

fn spaced(options: &str) -> String {
    match options {
        "" => String::new(),
        options => format!(" {options}"),
    }
}

fn proposals(summary: &RunSummary, view: &View<'_>) -> Vec<Proposal> {
    let any = |outcome: Outcome| summary.students.iter().any(|s| s.outcome == outcome);
    // The command itself, with what was typed.
    let again = |reason: &str| {
        let words = format!("{}{}", summary.command.as_str(), spaced(view.repeat));
        Proposal::new(words, reason)
    };
    let not_done = |s: &StudentResult| {
        matches!(
            s.outcome,
            Outcome::Failed | Outcome::Conflict | Outcome::Cancelled | Outcome::Unknown
        )
    };
    match summary.command {
        Command::Plan => {
            if !any(Outcome::Changes) {
                return Vec::new();
            }
            let reason = format!("creates or updates {}", plan::changes(summary));
            vec![Proposal::new("deploy", reason)]
        }
        Command::Deploy => {
            if any(Outcome::Cancelled) {
                let again = again("finishes what is missing and touches nothing else");
                vec![again.about(rest_of(summary, view, not_done))]
            } else if any(Outcome::Failed) || any(Outcome::Conflict) {
                let again = again(
                    "once the cause is removed: finishes what is missing and touches nothing else",
                );
                vec![again.about(rest_of(summary, view, not_done))]
            } else {
                let mut proposals = Vec::new();
                if view.has_access && !view.stale.is_empty() {
                    let stale = |s: &StudentResult| view.stale.contains(&s.username);
                    proposals.push(
                        Proposal::new(
                            "access grant",
                            "puts the new APIs into these students' policies; write their handouts again, too",
                        )
                        .about(option(summary, NAMED_IN_COMMAND, stale)),
                    );
                }
                proposals.push(Proposal::new("validate", "proves that every stack works"));
                proposals
            }
        }
        Command::Validate => validated(summary, view, again),
        Command::Isolation => {
            let failed = |c: &&CheckResult| c.verdict == check::Verdict::Fail;
            let checks = summary.students.iter().flat_map(|s| &s.checks);
            let mut failed = checks.filter(failed).peekable();
            if failed.peek().is_some() && failed.all(|c| c.id == OWN_STACK) {
                vec![Proposal::new(
                    "access grant",
                    "puts the policies right of those who are denied their own stack",
                )]
            } else if any(Outcome::Failed) {
                vec![Proposal::new(
                    "access freeze",
                    "shuts everybody out until the cause is found; nothing is lost",
                )]
            } else if any(Outcome::Unknown) {
                vec![
                    Proposal::new(
                        "access grant --access-keys",
                        "gives these students access keys: with them isolation is proven by real calls, also where \
                         there is no policy simulator to ask",
                    )
                    .about(rest_of(summary, view, not_done)),
                    again("asks again, once the cause is removed"),
                ]
            } else if any(Outcome::Cancelled) {
                vec![again("asks again, once the cause is removed")]
            } else {
                vec![handout_with_credentials()]
            }
        }
        Command::Status | Command::Report => progress(summary, view),
        Command::Teardown => {
            if any(Outcome::Remains) || any(Outcome::Cancelled) {
                vec![again(
                    "lists what remains, and deletes it once you confirm; what is gone already does no harm",
                )]
            } else {
                Vec::new()
            }
        }
        Command::AccessGrant => {
            if any(Outcome::Failed) || any(Outcome::Conflict) || any(Outcome::Cancelled) {
                let again = again(
                    "once the cause is removed: finishes what is missing and touches nothing else",
                );
                vec![again.about(rest_of(summary, view, not_done))]
            } else {
                vec![
                    Proposal::new(
                        "validate --isolation",
                        "proves that nobody reaches a neighbour's stack",
                    ),
                    handout_with_credentials(),
                ]
            }
        }
        Command::AccessRevoke => {
            if any(Outcome::Remains) || any(Outcome::Cancelled) {
                vec![again(
                    "lists what remains, and takes it away once you confirm; what is gone already does no harm",
                )]
            } else {
                Vec::new()
            }
        }
        Command::AccessFreeze | Command::AccessThaw => {
            // Nobody who left is let in again.
            let left = |student: &Username| summary.left.iter().any(|l| l.username == *student);
            let frozen = |s: &StudentResult| s.outcome == Outcome::Frozen && !left(&s.username);
            if any(Outcome::Failed) || any(Outcome::Cancelled) {
                vec![again("does it for those who are left")]
            } else if summary.command == Command::AccessFreeze
                && summary.students.iter().any(frozen)
            {
                let named = match view.selection {
                    "" => None,
                    _ => option(summary, usize::MAX, frozen),
                };
                let thaw = Proposal::new("access thaw", "lets them in again, with what they had");
                vec![thaw.about(named)]
            } else {
                Vec::new()
            }
        }
        Command::Handout => {
            let failed = |s: &StudentResult| s.outcome == Outcome::Failed;
            match option(summary, NAMED_IN_COMMAND, failed) {
                Some(students) => vec![
                    again("once the cause is removed: writes the handouts that are missing")
                        .about(Some(students)),
                ],
                None => vec![Proposal::new(
                    "status",
                    "shows who has done what, at any time during class",
                )],
            }
        }
        Command::Rehearse | Command::Watch => Vec::new(),
    }
}

fn handout_with_credentials() -> Proposal {
    Proposal::new(
        "handout --with-credentials",
        "writes a page for each student, with what they sign in with",
    )
}

/// After a validation. What helps depends on what failed: `deploy` makes what is missing, and leaves alone what a
/// student changed.
fn validated(
    summary: &RunSummary,
    view: &View<'_>,
    again: impl Fn(&str) -> Proposal,
) -> Vec<Proposal> {
    let any = |outcome: Outcome| summary.students.iter().any(|s| s.outcome == outcome);
    if any(Outcome::Failed) {
        let fails = |s: &StudentResult, ids: &[&str]| {
            let mut failed = s.checks.iter();
            failed.any(|c| c.verdict == check::Verdict::Fail && ids.contains(&c.id.as_str()))
        };
        let incomplete = |s: &StudentResult| fails(s, &check::STACK_CHECKS);
        let changed = |s: &StudentResult| !incomplete(s) && fails(s, &[check::AS_DEPLOYED]);
        let puzzling =
            |s: &StudentResult| s.outcome == Outcome::Failed && !incomplete(s) && !changed(s);
        let mut proposals = Vec::new();
        if let Some(students) = option(summary, NAMED_IN_COMMAND, incomplete) {
            let deploy = Proposal::new("deploy", "makes what is missing of these stacks");
            proposals.push(deploy.about(Some(students)));
        }
        if let Some(students) = option(summary, NAMED_IN_COMMAND, changed) {
            let plan = Proposal::new(
                "plan",
                "shows what these students changed; that is their work, and deploy keeps it",
            );
            proposals.push(plan.about(Some(students)));
        }
        if let Some(students) = option(summary, NAMED_IN_COMMAND, puzzling) {
            let again = again("asks again, once the cause is removed");
            proposals.push(again.about(Some(students)));
        }
        proposals
    } else if any(Outcome::Unknown) || any(Outcome::Cancelled) {
        vec![again("asks again")]
    } else if view.has_access && !view.granted {
        vec![Proposal::new(
            "access grant",
            "gives every student a user for their own stack alone, with a password",
        )]
    } else {
        vec![Proposal::new(
            "status",
            "shows who has done what, at any time during class",
        )]
    }
}

fn progress(summary: &RunSummary, view: &View<'_>) -> Vec<Proposal> {
    let mut proposals = Vec::new();
    let needy = |s: &StudentResult| matches!(s.outcome, Outcome::Broken | Outcome::NotDeployed);
    if let Some(students) = option(summary, NAMED_IN_COMMAND, needy) {
        let any = |outcome: Outcome| summary.students.iter().any(|s| s.outcome == outcome);
        let reason = match (any(Outcome::Broken), any(Outcome::NotDeployed)) {
            (true, false) => {
                "shows what is wrong with the broken stacks, and what deploy would mend"
            }
            (false, _) => "shows what deploy would make: these stacks are not there",
            (true, true) => "shows what is wrong or not there, and what deploy would make of it",
        };
        proposals.push(Proposal::new("plan", reason).about(Some(students)));
    }
    // Of stacks of which nothing is there and nothing was ever read, no report is written.
    let mut students = summary.students.iter();
    if students.all(|s| s.outcome == Outcome::NotDeployed) {
        return proposals;
    }
    if summary.command == Command::Status {
        proposals.push(Proposal::new(
            format!("report{}", spaced(view.repeat)),
            "writes the same as a page to project and to keep",
        ));
    }
    proposals
}

/// Those for whom something is left to do, by name, where doing it again for the others would do them harm; otherwise
/// the same students again.
fn rest_of(
    summary: &RunSummary,
    view: &View<'_>,
    holds: impl Fn(&StudentResult) -> bool,
) -> Option<String> {
    let repeated: Vec<&str> = view.repeat.split(' ').collect();
    let harmful = ["--rotate", "--reset"]
        .iter()
        .any(|it| repeated.contains(it));
    harmful
        .then(|| option(summary, usize::MAX, holds))
        .flatten()
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
