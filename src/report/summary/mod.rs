//! What a verb prints at its end: tables, failures by cause, a sentence, and what to type next.

mod listing;
mod next;
mod plan;
mod status;
mod table;
mod time;
mod validate;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use crate::events::{Command, Outcome};
use crate::ids::Username;
use crate::results::RunSummary;
use crate::stack::kinds::Gap;

use super::causes::{self, Cause};
use super::document::{Document, hidden_by};
use super::left;
use super::marks::{self, Tone};
use super::style::Paint;
use crate::text::failure::Failure;
use crate::text::show::{clean, width, wrap};
use crate::text::words::{duration, plural, some_of};

pub use listing::{ResetListing, print_reset_listing, print_teardown_listing};

/// Usernames named in one line at most.
const NAMED: usize = 12;

/// Usernames that are named of those whose work was cancelled.
const CANCELLED_NAMED: usize = 40;

/// What a summary is shown with.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// The class, where the verb shows its progress.
    pub document: Option<&'a Document>,
    /// Of these students alone, the lines; of everybody by default.
    pub only: Option<&'a BTreeSet<Username>>,
    /// Columns of the terminal; tables fit into them down to about 60.
    pub columns: usize,
    /// Whether to colour.
    pub color: bool,
    /// Program and global options as typed, quoted for a shell, without `--students`: the beginning of every
    /// command that is proposed.
    pub invocation: &'a str,
    /// The students that the command was about, as options (`--students user1 --section A`); empty for
    /// everybody. A proposed command that names no students of its own is about the same ones.
    pub selection: &'a str,
    /// The verb's own options as typed, for the same command once more; none that confirms a deletion.
    pub repeat: &'a str,
    /// Whether the lab says what students may do, so that access can be granted.
    pub has_access: bool,
    /// Whether everybody whom the command is about has a user already.
    pub granted: bool,
    /// Students whose policy and handout name an API that is not there any more.
    pub stale: &'a [Username],
    /// As for progress. From 1 on a plan shows all of its students and differences.
    pub verbosity: i8,
    /// The report's page, where the verb wrote one.
    pub report: Option<&'a Path>,
    /// Notes before a deletion: what a teardown does first, and what is lost.
    pub first: &'a [String],
}

impl Default for View<'_> {
    fn default() -> Self {
        Self {
            document: None,
            only: None,
            columns: usize::from(super::terminal::DEFAULT_COLUMNS),
            color: false,
            invocation: "homeroom",
            selection: "",
            repeat: "",
            has_access: true,
            granted: false,
            stale: &[],
            verbosity: 0,
            report: None,
            first: &[],
        }
    }
}

/// Prints the end of a verb.
///
/// # Errors
/// When `out` cannot be written.
pub fn print_summary(summary: &RunSummary, view: &View<'_>, out: &mut dyn Write) -> io::Result<()> {
    let mut page = Screen::of(view, out);
    match summary.command {
        Command::Plan => plan::print(summary, view, &mut page)?,
        Command::Status | Command::Report | Command::Rehearse => {
            if let Some(document) = view.document {
                if summary.at.is_none() {
                    status::print_attention(document, view.only, &mut page)?;
                }
                status::print(document, view.only, &mut page)?;
            }
        }
        Command::Validate | Command::Isolation => validate::print(summary, &mut page)?,
        Command::Deploy
        | Command::Teardown
        | Command::Watch
        | Command::AccessGrant
        | Command::AccessRevoke
        | Command::AccessFreeze
        | Command::AccessThaw
        | Command::AccessSlips
        | Command::GradesPush
        | Command::Handout
        | Command::Check
        | Command::Classes
        | Command::Sweep
        | Command::Doctor => {}
    }
    let heading = match view.document {
        Some(_) => "Could not be checked or is broken",
        None => "Needs attention",
    };
    page.causes(heading, &causes_of(summary, view))?;
    page.notes(&[left::lines(&summary.left), summary.notes.clone()].concat())?;
    page.gaps(&summary.gaps)?;
    page.cancelled(summary, view)?;
    page.headline(summary)?;
    if let Some(report) = view.report {
        page.text("report: ", "        ", &report.display().to_string())?;
    }
    next::print(summary, view, &mut page)
}

/// The errors of a run alone, for `-qq`: a line for each cause, with everybody whom it concerns.
pub(crate) fn errors_of(summary: &RunSummary, view: &View<'_>) -> Vec<Failure> {
    let causes = causes_of(summary, view);
    let mut failures: Vec<Failure> = causes.into_iter().map(failure_of).collect();
    let unseen = summary.gaps.iter();
    failures.extend(unseen.map(|gap| Failure::new(hidden_by(gap), gap.cause.clone())));
    let cancelled = cancelled(summary, view);
    if !cancelled.is_empty() {
        failures.push(Failure::new(
            some_of(&cancelled, CANCELLED_NAMED),
            "cancelled",
        ));
    }
    failures
}

fn failure_of(cause: Cause) -> Failure {
    let names: Vec<&str> = cause.students.iter().map(Username::as_str).collect();
    let what = format!("{}: {}", some_of(&cause.subjects, 3), cause.cause);
    Failure {
        hint: cause.hint,
        ..Failure::new(some_of(&names, NAMED), what)
    }
}

/// Whose work was not begun, or given up.
fn cancelled<'a>(summary: &'a RunSummary, view: &View<'_>) -> Vec<&'a str> {
    let students = summary.students.iter();
    students
        .filter(|student| student.outcome == Outcome::Cancelled)
        .filter(|student| {
            view.only
                .is_none_or(|only| only.contains(&student.username))
        })
        .map(|student| student.username.as_str())
        .collect()
}

/// A broken stack that stands among those who need somebody is not told again.
fn causes_of(summary: &RunSummary, view: &View<'_>) -> Vec<Cause> {
    let told: BTreeSet<&Username> = view.document.map_or(BTreeSet::new(), Document::told_broken);
    let shown = summary.students.iter().filter(|student| {
        let name = &student.username;
        !told.contains(name) && view.only.is_none_or(|only| only.contains(name))
    });
    causes::group(shown.flat_map(|student| {
        let (username, errors) = (&student.username, student.errors.iter());
        let deployed = student.outcome != Outcome::NotDeployed;
        let checks = causes::of_checks(username, deployed, &student.checks);
        errors
            .map(move |failure| (username, failure.clone()))
            .chain(checks)
    }))
}

/// `30 students: 27 deployed, 2 unchanged, 1 failed.`
fn sentence(summary: &RunSummary) -> String {
    let total = plural(summary.students.len(), "student");
    let mut counts: BTreeMap<Outcome, usize> = BTreeMap::new();
    for student in &summary.students {
        *counts.entry(student.outcome).or_default() += 1;
    }
    if counts.is_empty() {
        return "No students.".to_owned();
    }
    let mut parts: Vec<(Outcome, usize)> = counts.into_iter().collect();
    parts.sort_by_key(|(outcome, _)| (weight(*outcome), *outcome));
    let parts = parts.into_iter();
    let word = |outcome: Outcome| match (summary.command, outcome) {
        (Command::AccessSlips, Outcome::Written) => "with a slip",
        _ => marks::of_outcome(outcome).word,
    };
    let parts = parts.map(|(outcome, n)| format!("{n} {}", word(outcome)));
    format!("{total}: {}.", parts.collect::<Vec<_>>().join(", "))
}

/// Good news first, then what needs attention.
fn weight(outcome: Outcome) -> u8 {
    match marks::of_outcome(outcome).tone {
        Tone::Good => 0,
        Tone::Muted => 1,
        Tone::Busy => 2,
        Tone::Idle => 3,
        Tone::Absent => 4,
        Tone::Bad => 5,
        Tone::Unsure => 6,
    }
}

/// A command in lines of at most `columns`, broken between a shell's words: never within quotes, nor behind a backslash.
fn shell_lines(command: &str, columns: usize) -> Vec<String> {
    let (mut quoted, mut escaped) = (false, false);
    let between_words = |c: char| {
        let between = c == ' ' && !quoted && !escaped;
        quoted ^= c == '\'' && !escaped;
        escaped = c == '\\' && !quoted && !escaped;
        between
    };
    let mut lines: Vec<String> = Vec::new();
    for part in command.split(between_words) {
        match lines.last_mut() {
            Some(line) if width(line) + 1 + width(part) <= columns => {
                line.push(' ');
                line.push_str(part);
            }
            _ => lines.push(part.to_owned()),
        }
    }
    lines
}

struct Screen<'w> {
    out: &'w mut dyn Write,
    paint: Paint,
    columns: usize,
}

impl<'w> Screen<'w> {
    fn of(view: &View<'_>, out: &'w mut dyn Write) -> Self {
        Self {
            out,
            paint: Paint { color: view.color },
            columns: view.columns.max(40),
        }
    }

    /// Writes a line whose parts are clean already.
    fn line(&mut self, line: &str) -> io::Result<()> {
        writeln!(self.out, "{}", line.trim_end())
    }

    fn heading(&mut self, text: &str) -> io::Result<()> {
        for line in wrap(text, self.columns) {
            self.line(&self.paint.bold(&line))?;
        }
        Ok(())
    }

    /// Writes text that is not clean yet, broken into indented lines.
    fn text(&mut self, first: &str, indent: &str, text: &str) -> io::Result<()> {
        let room = self.columns.saturating_sub(indent.len());
        for (i, line) in wrap(text, room).into_iter().enumerate() {
            let head = if i == 0 { first } else { indent };
            writeln!(self.out, "{head}{line}")?;
        }
        Ok(())
    }

    /// Writes a sentence in bold, broken into lines, and a dim tail after it.
    fn bold_text(&mut self, sentence: &str, tail: &str) -> io::Result<()> {
        let mut lines = wrap(sentence, self.columns);
        let last = lines.pop().unwrap_or_default();
        for line in lines {
            self.line(&self.paint.bold(&line))?;
        }
        if tail.is_empty() {
            return self.line(&self.paint.bold(&last));
        }
        let fits = width(&last) + 2 + width(tail) <= self.columns;
        let gap = if fits { "  " } else { "\n" };
        let (last, tail) = (self.paint.bold(&last), self.paint.dim(tail));
        self.line(&format!("{last}{gap}{tail}"))
    }

    fn causes(&mut self, heading: &str, causes: &[Cause]) -> io::Result<()> {
        if causes.is_empty() {
            return Ok(());
        }
        self.heading(heading)?;
        for cause in causes {
            let names: Vec<&str> = cause.students.iter().map(Username::as_str).collect();
            let mut who = some_of(&names, NAMED);
            if names.len() > 1 {
                who = format!("{}: {who}", plural(names.len(), "student"));
            }
            let bang = format!("{} ", self.paint.tone(Tone::Bad, "!"));
            self.text(&bang, "  ", &who)?;
            let what = format!("{}: {}", some_of(&cause.subjects, 3), cause.cause);
            self.text("  ", "  ", &what)?;
            if let Some(hint) = &cause.hint {
                let label = format!("  {} ", self.paint.tone(Tone::Busy, "hint:"));
                self.text(&label, "        ", hint)?;
            }
        }
        self.line("")
    }

    /// A heading with a list below it; nothing where the list is empty.
    fn list(&mut self, heading: &str, items: impl Iterator<Item = String>) -> io::Result<()> {
        let mut items = items.peekable();
        if items.peek().is_none() {
            return Ok(());
        }
        self.heading(heading)?;
        for item in items {
            self.text("  ", "    ", &item)?;
        }
        self.line("")
    }

    fn notes(&mut self, notes: &[String]) -> io::Result<()> {
        for note in notes {
            self.text("note: ", "      ", note)?;
        }
        if !notes.is_empty() {
            self.line("")?;
        }
        Ok(())
    }

    /// Says loudly what could not be seen: without this, it would look as if nothing is there.
    fn gaps(&mut self, gaps: &[Gap]) -> io::Result<()> {
        if gaps.is_empty() {
            return Ok(());
        }
        let head = "COULD NOT SEE EVERYTHING: nothing is claimed about";
        self.line(&self.paint.tone(Tone::Bad, head))?;
        for gap in gaps {
            let bang = format!("{} ", self.paint.tone(Tone::Unsure, "?"));
            self.text(&bang, "  ", &format!("{}: {}", hidden_by(gap), gap.cause))?;
        }
        self.line("")
    }

    /// Names those who were not begun or given up: nothing else here does.
    fn cancelled(&mut self, summary: &RunSummary, view: &View<'_>) -> io::Result<()> {
        let names = cancelled(summary, view);
        if names.is_empty() {
            return Ok(());
        }
        self.text(
            "cancelled: ",
            "           ",
            &some_of(&names, CANCELLED_NAMED),
        )?;
        self.line("")
    }

    /// Writes a command to paste: where it is longer than a line, with a backslash at the end of each line but the last.
    fn command(&mut self, label: &str, label_width: usize, command: &str) -> io::Result<()> {
        let room = self.columns.saturating_sub(label_width + 2);
        let lines = shell_lines(&clean(command), room);
        let last = lines.len().saturating_sub(1);
        let indent = " ".repeat(label_width);
        for (i, line) in lines.iter().enumerate() {
            let head = if i == 0 { label } else { &indent };
            let end = if i == last { "" } else { " \\" };
            let line = self.paint.bold(line);
            self.line(&format!("{head}{line}{end}"))?;
        }
        Ok(())
    }

    fn headline(&mut self, summary: &RunSummary) -> io::Result<()> {
        // Not `from_secs_f64`, which panics on a negative or absurd number.
        let elapsed = Duration::try_from_secs_f64(summary.elapsed_s).ok();
        let calls: u64 = summary.api_calls.values().sum();
        let calls = (calls > 0).then(|| format!("{calls} AWS calls"));
        let tail: Vec<String> = elapsed.map(duration).into_iter().chain(calls).collect();
        let tail = match tail.is_empty() {
            true => String::new(),
            false => format!("({})", tail.join(", ")),
        };
        self.bold_text(&sentence(summary), &tail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::StudentResult;

    #[test]
    fn a_command_is_never_broken_within_a_quoted_word() {
        let path = r"'/home/ana/my class'\''s new folder/the roster.csv'";
        let command = format!("homeroom --roster {path} --class demo deploy --students user1");
        let lines = shell_lines(&command, 20);
        let words = [
            "homeroom --roster",
            path,
            "--class demo deploy",
            "--students user1",
        ];
        assert_eq!(lines, words);
    }

    #[test]
    fn who_has_a_slip_is_not_said_to_have_a_handout() {
        let said = |command| {
            let student = StudentResult::new("user1".parse().unwrap(), Outcome::Written);
            let class = "demo".parse().unwrap();
            sentence(&RunSummary::new(command, class, vec![student]))
        };
        assert_eq!(said(Command::AccessSlips), "1 student: 1 with a slip.");
        assert_eq!(said(Command::Handout), "1 student: 1 with a handout.");
    }
}
