//! The symbols and words for every state: the same in terminal, page and files.

use serde::Serialize;

use crate::events::Outcome;
use crate::evidence::check::{CheckResult, Verdict};
use crate::evidence::progress::{Progress, StackState};
use crate::lab::mistake::TroubleReason;

use super::document::Turn;
use super::tally::{STATES, Tally};

/// What a state means to the reader. Terminal and page each have a colour for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Tone {
    /// As it should be.
    Good,
    /// On the way.
    Busy,
    /// Nothing happened yet.
    Idle,
    /// There is no stack yet.
    Absent,
    /// Needs somebody.
    Bad,
    Unsure,
    /// Of no weight.
    Muted,
}

/// A state as it is shown: never by colour alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Mark {
    /// One column wide.
    pub(crate) symbol: &'static str,
    /// One to three words.
    pub(crate) word: &'static str,
    pub(crate) tone: Tone,
}

const fn mark(symbol: &'static str, word: &'static str, tone: Tone) -> Mark {
    Mark { symbol, word, tone }
}

/// All marks of a task's check, in the order of the legend.
pub(crate) const CHECK_LEGEND: [Mark; 5] = [
    mark("✓", "done", Tone::Good),
    mark("◐", "in part", Tone::Busy),
    mark("○", "not yet", Tone::Idle),
    mark("?", "could not check", Tone::Unsure),
    mark("–", "cannot be proven", Tone::Muted),
];

pub(crate) fn of_check(check: &CheckResult) -> Mark {
    let [done, in_part, not_yet, could_not, unprovable] = CHECK_LEGEND;
    match check.verdict {
        Verdict::Pass => done,
        Verdict::Fail if check.in_part() => in_part,
        Verdict::Fail => not_yet,
        Verdict::CouldNotCheck => could_not,
        Verdict::NotProvable => unprovable,
    }
}

/// `2 of 3`, for a check that is done in part.
pub(crate) fn parts_done(check: &CheckResult) -> Option<String> {
    let failed = check.verdict == Verdict::Fail;
    let parts = check.parts.filter(|_| failed && check.in_part())?;
    Some(format!("{} of {}", parts.done, parts.of))
}

/// A check of a stack. `deployed`: whether anything of the stack is there.
pub(crate) fn of_stack_check(check: &CheckResult, deployed: bool) -> Mark {
    match check.verdict {
        Verdict::Pass => of_stack(StackState::Ready),
        Verdict::Fail if !deployed => of_stack(StackState::NotDeployed),
        Verdict::Fail => of_stack(StackState::Broken),
        Verdict::CouldNotCheck => CHECK_LEGEND[3],
        Verdict::NotProvable => CHECK_LEGEND[4],
    }
}

pub(crate) fn of_stack(state: StackState) -> Mark {
    match state {
        StackState::Ready => mark("✓", "as it must be", Tone::Good),
        StackState::NotDeployed => of_progress(Progress::NotDeployed),
        StackState::Broken => of_progress(Progress::Broken),
        StackState::Unknown => of_progress(Progress::Unknown),
    }
}

/// A probe of `validate`.
pub(crate) fn of_probe(check: &CheckResult) -> Mark {
    match check.verdict {
        Verdict::Pass => mark("✓", "passed", Tone::Good),
        Verdict::Fail => mark("!", "failed", Tone::Bad),
        Verdict::CouldNotCheck => CHECK_LEGEND[3],
        Verdict::NotProvable => CHECK_LEGEND[4],
    }
}

pub(crate) fn of_progress(progress: Progress) -> Mark {
    match progress {
        Progress::Complete => mark("✓", "complete", Tone::Good),
        Progress::InProgress => mark("◐", "in progress", Tone::Busy),
        Progress::NotStarted => mark("○", "not started", Tone::Idle),
        Progress::NotDeployed => mark("∅", "not deployed", Tone::Absent),
        Progress::Broken => mark("!", "broken", Tone::Bad),
        Progress::Unknown => mark("?", "could not be checked", Tone::Unsure),
    }
}

/// Why a student needs somebody. A page for the student themselves has other words.
pub(crate) fn of_reason(reason: TroubleReason) -> Mark {
    match reason {
        TroubleReason::StackBroken => mark("!", "stack is broken: yours to repair", Tone::Bad),
        TroubleReason::NotDeployed => mark("∅", "not deployed: yours to deploy", Tone::Absent),
        TroubleReason::OwnChange => mark("!", "their own change broke it", Tone::Bad),
        TroubleReason::RepeatedFailure => mark("×", "fails again and again", Tone::Bad),
        TroubleReason::RefusedRequests => mark("×", "requests refused", Tone::Bad),
        TroubleReason::Idle => mark("z", "silent", Tone::Unsure),
        TroubleReason::NotStarted => mark("○", "not seen yet", Tone::Unsure),
    }
}

/// How a student's part of a run ended. The words finish the sentence "27 students …".
pub(crate) fn of_outcome(outcome: Outcome) -> Mark {
    match outcome {
        Outcome::Deployed => mark("✓", "deployed", Tone::Good),
        Outcome::Unchanged => mark("✓", "unchanged", Tone::Muted),
        Outcome::Conflict => mark("!", "in conflict", Tone::Bad),
        Outcome::Failed => mark("!", "failed", Tone::Bad),
        Outcome::Cancelled => mark("?", "cancelled", Tone::Unsure),
        Outcome::Passed => mark("✓", "passed", Tone::Good),
        Outcome::Unknown => mark("?", "could not be checked", Tone::Unsure),
        Outcome::Complete => of_progress(Progress::Complete),
        Outcome::InProgress => of_progress(Progress::InProgress),
        Outcome::NotStarted => of_progress(Progress::NotStarted),
        Outcome::NotDeployed => of_progress(Progress::NotDeployed),
        Outcome::Broken => of_progress(Progress::Broken),
        Outcome::Removed => mark("✓", "removed", Tone::Good),
        Outcome::Absent => mark("–", "already absent", Tone::Muted),
        Outcome::Remains => mark("!", "with something remaining", Tone::Bad),
        Outcome::Granted => mark("✓", "given access", Tone::Good),
        Outcome::Frozen => mark("✓", "shut out", Tone::Good),
        Outcome::Thawed => mark("✓", "let in again", Tone::Good),
        Outcome::Written => mark("✓", "with a handout", Tone::Good),
        Outcome::Graded => mark("✓", "graded", Tone::Good),
        Outcome::LeftOut => mark("–", "left out", Tone::Unsure),
        Outcome::NoAccess => mark("–", "without access", Tone::Muted),
        Outcome::Changes => mark("◐", "to change", Tone::Busy),
        Outcome::NoChange => mark("✓", "as they should be", Tone::Muted),
    }
}

/// A student's change since the report before. The words finish the sentence "3 …".
pub(crate) fn of_turn(turn: Turn) -> Mark {
    match turn {
        Turn::Completed => mark("✓", "became complete", Tone::Good),
        Turn::MovedUp => mark("↑", "moved up", Tone::Busy),
        Turn::Deployed => mark("✓", "deployed", Tone::Good),
        Turn::Undeployed => mark("∅", "no longer deployed", Tone::Absent),
        Turn::Mended => mark("✓", "broken no more", Tone::Good),
        Turn::Broke => mark("!", "broke", Tone::Bad),
        Turn::FellBack => mark("↓", "fell back", Tone::Unsure),
        Turn::OutOfSight => mark("?", "could no longer be checked", Tone::Unsure),
        Turn::Joined => mark("+", "new in the report", Tone::Idle),
        Turn::Left => mark("–", "no longer in the report", Tone::Muted),
    }
}

/// The parts of a class's headline: `18 of 30 complete`, then each other state with a student in it.
pub(crate) fn headline(tally: &Tally) -> Vec<String> {
    let complete = tally.count(Progress::Complete);
    let first = format!("{complete} of {} complete", tally.total());
    let others = STATES.into_iter().filter(|s| *s != Progress::Complete);
    let others = others.filter_map(|state| match tally.count(state) {
        0 => None,
        n => Some(format!("{n} {}", of_progress(state).word)),
    });
    std::iter::once(first).chain(others).collect()
}
