//! What to type next: the exact command, and why.
//!
//! A proposed command works as it is and is safe. It names the same class, cloud and students as the command before, and
//! keeps the options that were typed. It deletes something only if the command before did, and even then it lists and asks.

use std::io;

use crate::events::{Command, Outcome};
use crate::evidence::check::{AS_DEPLOYED, STACK_CHECKS, Verdict};
use crate::ids::Username;
use crate::probe::reach::OWN_STACK;
use crate::results::{RunSummary, StudentResult};

use super::super::marks::Tone;
use super::{Screen, View, plan};

/// A proposed command names at most so many students. With more, it is for all students of the command before.
const NAMED_IN_COMMAND: usize = 12;

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
    // Nothing to propose where no command can follow (a rehearsal's cloud is gone).
    if view.invocation.is_empty() {
        return Ok(());
    }
    let ended = EndedRun { summary, view };
    for proposal in ended.proposals() {
        let students = proposal.students.unwrap_or_else(|| spaced(view.selection));
        let command = format!("{} {}{students}", view.invocation, proposal.words);
        let label = format!("{} ", page.paint.tone(Tone::Busy, "next:"));
        page.command(&label, 6, &command)?;
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

#[derive(Clone, Copy)]
struct EndedRun<'a> {
    summary: &'a RunSummary,
    view: &'a View<'a>,
}

impl EndedRun<'_> {
    fn proposals(self) -> Vec<Proposal> {
        use Outcome::{Cancelled, Changes, Conflict, Failed, Remains};
        match self.summary.command {
            Command::Plan if self.any(&[Changes]) => {
                let reason = format!("creates or updates {}", plan::changes(self.summary));
                vec![Proposal::new("deploy", reason)]
            }
            Command::Deploy if self.any(&[Cancelled]) => {
                let again = self.again("finishes what is missing and touches nothing else");
                vec![again.about(self.rest())]
            }
            Command::Deploy | Command::AccessGrant
                if self.any(&[Failed, Conflict, Cancelled]) =>
            {
                let again = self.again(
                    "after you remove the cause: finishes what is missing and touches nothing else",
                );
                vec![again.about(self.rest())]
            }
            Command::Deploy => self.deployed(),
            Command::AccessGrant => vec![
                Proposal::new(
                    "validate --isolation",
                    "proves that nobody reaches a neighbour's stack",
                ),
                handout_with_credentials(),
            ],
            Command::Validate => self.validated(),
            Command::Isolation => self.isolated(),
            Command::Status | Command::Report => self.progress(),
            Command::Teardown if self.any(&[Remains, Cancelled]) => vec![self.again(
                "lists what remains, and deletes it after you confirm; it does not matter that the rest is gone already",
            )],
            Command::AccessRevoke if self.any(&[Remains, Cancelled]) => vec![self.again(
                "lists what remains, and deletes it after you confirm; it does not matter that the rest is gone already",
            )],
            Command::AccessFreeze | Command::AccessThaw if self.any(&[Failed, Cancelled]) => {
                vec![self.again("does it for the remaining students")]
            }
            Command::AccessFreeze => self.frozen(),
            Command::Handout => match self.option(NAMED_IN_COMMAND, |s| s.outcome == Failed) {
                Some(students) => vec![
                    self.again("after you remove the cause: writes the handouts that are missing")
                        .about(Some(students)),
                ],
                None => vec![who_has_done_what()],
            },
            Command::AccessSlips if self.any(&[Failed]) => {
                vec![self.again("after you remove the cause: writes all slips anew")]
            }
            Command::Plan
            | Command::Teardown
            | Command::AccessRevoke
            | Command::AccessThaw
            | Command::AccessSlips
            | Command::GradesPush
            | Command::Rehearse
            | Command::Watch
            | Command::Check
            | Command::Classes
        | Command::Sweep
        | Command::Doctor => Vec::new(),
        }
    }

    fn deployed(self) -> Vec<Proposal> {
        let mut proposals = Vec::new();
        if self.view.has_access && !self.view.stale.is_empty() {
            let stale = |s: &StudentResult| self.view.stale.contains(&s.username);
            let grant = Proposal::new(
                "access grant",
                "puts the new APIs into these students' policies; write their handouts again, too",
            );
            proposals.push(grant.about(self.option(NAMED_IN_COMMAND, stale)));
        }
        proposals.push(Proposal::new("validate", "proves that every stack works"));
        proposals
    }

    /// The next command depends on the failed check: `deploy` makes what is missing, but keeps what a student changed.
    fn validated(self) -> Vec<Proposal> {
        if self.any(&[Outcome::Failed]) {
            return self.failed_validation();
        }
        if self.any(&[Outcome::Unknown, Outcome::Cancelled]) {
            return vec![self.again("checks again")];
        }
        vec![match self.view.has_access && !self.view.granted {
            true => Proposal::new(
                "access grant",
                "gives every student a user for their own stack alone, with a password",
            ),
            false => who_has_done_what(),
        }]
    }

    fn failed_validation(self) -> Vec<Proposal> {
        let fails = |s: &StudentResult, ids: &[&str]| {
            let mut checks = s.checks.iter();
            checks.any(|c| c.verdict == Verdict::Fail && ids.contains(&c.id.as_str()))
        };
        let incomplete = |s: &StudentResult| fails(s, &STACK_CHECKS);
        let changed = |s: &StudentResult| !incomplete(s) && fails(s, &[AS_DEPLOYED]);
        let puzzling =
            |s: &StudentResult| s.outcome == Outcome::Failed && !incomplete(s) && !changed(s);
        let deploy = Proposal::new("deploy", "makes what is missing of these stacks");
        let plan = Proposal::new(
            "plan",
            "shows what these students changed; that is their work, and deploy keeps it",
        );
        let again = self.again("checks again, after you remove the cause");
        let whom = [
            (deploy, self.option(NAMED_IN_COMMAND, incomplete)),
            (plan, self.option(NAMED_IN_COMMAND, changed)),
            (again, self.option(NAMED_IN_COMMAND, puzzling)),
        ];
        let somebody = whom.into_iter().filter(|(_, students)| students.is_some());
        somebody
            .map(|(proposal, students)| proposal.about(students))
            .collect()
    }

    fn isolated(self) -> Vec<Proposal> {
        let checks = self.summary.students.iter().flat_map(|s| &s.checks);
        let mut failed = checks.filter(|c| c.verdict == Verdict::Fail).peekable();
        if failed.peek().is_some() && failed.all(|c| c.id == OWN_STACK) {
            vec![Proposal::new(
                "access grant",
                "corrects the policies of the students who are denied their own stack",
            )]
        } else if self.any(&[Outcome::Failed]) {
            vec![Proposal::new(
                "access freeze",
                "shuts everybody out until the cause is found; nothing is lost",
            )]
        } else if self.any(&[Outcome::Unknown]) {
            let grant = Proposal::new(
                "access grant --access-keys",
                "gives these students access keys: with them, real calls prove the isolation, even where there is no \
                 policy simulator",
            );
            vec![
                grant.about(self.rest()),
                self.again("checks again, after you remove the cause"),
            ]
        } else if self.any(&[Outcome::Cancelled]) {
            vec![self.again("checks again, after you remove the cause")]
        } else {
            vec![handout_with_credentials()]
        }
    }

    fn frozen(self) -> Vec<Proposal> {
        // Students who left the class are not let in again.
        let left = |student: &Username| self.summary.left.iter().any(|l| l.username == *student);
        let frozen = |s: &StudentResult| s.outcome == Outcome::Frozen && !left(&s.username);
        if !self.summary.students.iter().any(frozen) {
            return Vec::new();
        }
        let named = match self.view.selection {
            "" => None,
            _ => self.option(usize::MAX, frozen),
        };
        let thaw = Proposal::new("access thaw", "lets them in again, with what they had");
        vec![thaw.about(named)]
    }

    fn progress(self) -> Vec<Proposal> {
        let mut proposals = Vec::new();
        let needy = |s: &StudentResult| matches!(s.outcome, Outcome::Broken | Outcome::NotDeployed);
        if let Some(students) = self.option(NAMED_IN_COMMAND, needy) {
            let reason = match (
                self.any(&[Outcome::Broken]),
                self.any(&[Outcome::NotDeployed]),
            ) {
                (true, false) => {
                    "shows what is wrong with the broken stacks, and what deploy would repair"
                }
                (false, _) => "shows what deploy would make: these stacks are not there",
                (true, true) => "shows what is wrong or not there, and what deploy would do",
            };
            proposals.push(Proposal::new("plan", reason).about(Some(students)));
        }
        // Without any stack, there is no report to write.
        let mut students = self.summary.students.iter();
        let nothing = students.all(|s| s.outcome == Outcome::NotDeployed);
        if !nothing && self.summary.command == Command::Status {
            proposals.push(Proposal::new(
                format!("report{}", spaced(self.view.repeat)),
                "writes the same as a page to project and to keep",
            ));
        }
        proposals
    }

    fn any(self, outcomes: &[Outcome]) -> bool {
        let mut students = self.summary.students.iter();
        students.any(|s| outcomes.contains(&s.outcome))
    }

    /// The command itself, with what was typed.
    fn again(self, reason: &str) -> Proposal {
        let words = format!(
            "{}{}",
            self.summary.command.as_str(),
            spaced(self.view.repeat)
        );
        Proposal::new(words, reason)
    }

    /// The students for whom something is left to do, by name, where the command would harm the others a second time.
    /// Otherwise `None`: the same students again.
    fn rest(self) -> Option<String> {
        let repeated: Vec<&str> = self.view.repeat.split(' ').collect();
        let harmful = ["--rotate", "--reset"];
        if !harmful.iter().any(|it| repeated.contains(it)) {
            return None;
        }
        self.option(usize::MAX, |s| {
            matches!(
                s.outcome,
                Outcome::Failed | Outcome::Conflict | Outcome::Cancelled | Outcome::Unknown
            )
        })
    }

    /// ` --students a,b` for the students that `holds` selects: `None` for no student, empty for more than `most`.
    fn option(self, most: usize, holds: impl Fn(&StudentResult) -> bool) -> Option<String> {
        let named = self.summary.students.iter().filter(|s| holds(s));
        let named: Vec<&str> = named.map(|s| s.username.as_str()).collect();
        match named.len() {
            0 => None,
            n if n > most => Some(String::new()),
            _ => Some(format!(" --students {}", named.join(","))),
        }
    }
}

fn handout_with_credentials() -> Proposal {
    Proposal::new(
        "handout --with-credentials",
        "writes a page for each student, with the data to sign in",
    )
}

fn who_has_done_what() -> Proposal {
    Proposal::new(
        "status",
        "shows who has done what, at any time during class",
    )
}
