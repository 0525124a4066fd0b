//! What a teardown would delete, before anybody confirms it.

use std::io::{self, Write};

use crate::ids::Username;
use crate::stack::diff::{Change, DiffLine};
use crate::stack::forecast::Estimate;
use crate::stack::kinds::Kind;
use crate::stack::plan::{Plan, StudentPlan, Verdict};

use super::super::marks::Tone;
use super::super::style::wrapped;
use super::table::TextTable;
use super::{NAMED, Screen, View, time};
use crate::text::show::clean;
use crate::text::words::{plural, some_of};

/// Lines of a difference that are shown before something is overwritten. The copy that is kept has all of them.
const DIFF_LINES: usize = 12;

const KINDS: [(Kind, &str); 8] = [
    (Kind::User, "users"),
    (Kind::RestApi, "APIs"),
    (Kind::HttpApi, "HTTP APIs"),
    (Kind::StateMachine, "machines"),
    (Kind::Function, "functions"),
    (Kind::Role, "roles"),
    (Kind::LogGroup, "log groups"),
    (Kind::ManagedPolicy, "policies"),
];

fn doomed(student: &StudentPlan, kind: Kind) -> usize {
    let items = student.items.iter();
    let items = items.filter(|i| i.verdict == Verdict::Delete && i.resource.kind == kind);
    items.count()
}

/// Prints how long a teardown `takes`, and what it would delete, per student and kind, what it would leave alone and why, and what it does first.
///
/// # Errors
/// When `out` cannot be written.
pub fn print_teardown_listing(
    plan: &Plan,
    takes: &Estimate,
    view: &View<'_>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut page = Screen::of(view, out);
    let students = plan.students.iter();
    let students = students.filter(|s| s.items.iter().any(|i| i.verdict == Verdict::Delete));
    let students: Vec<&StudentPlan> = students.collect();
    // Columns of access only where somebody has any.
    let is_shown = |kind| {
        !matches!(kind, Kind::User | Kind::ManagedPolicy | Kind::HttpApi)
            || students.iter().any(|student| doomed(student, kind) > 0)
    };
    let kinds = KINDS.into_iter().filter(|(kind, _)| is_shown(*kind));
    let (kinds, titles): (Vec<Kind>, Vec<(&str, Tone)>) = kinds
        .map(|(kind, title)| (kind, (title, Tone::Bad)))
        .unzip();
    let row = |student: &&StudentPlan| {
        let star = if student.in_roster { "" } else { "*" };
        let name = format!("{}{star}", student.owner.student);
        (
            name,
            kinds.iter().map(|kind| doomed(student, *kind)).collect(),
        )
    };
    let rows: Vec<(String, Vec<usize>)> = students.iter().map(row).collect();
    let total: usize = rows.iter().flat_map(|(_, counts)| counts).sum();
    if !students.is_empty() {
        TextTable::of_counts(&titles, rows).print(&mut page)?;
        if students.iter().any(|student| !student.in_roster) {
            page.line("* not in the roster any more, but marked as this class's")?;
        }
        page.line("")?;
    }
    let items = plan.students.iter().flat_map(|student| &student.items);
    let foreign = items.filter(|i| matches!(i.verdict, Verdict::Foreign | Verdict::Conflict));
    let foreign = foreign.map(|item| match item.why.as_str() {
        "" => item.resource.to_string(),
        why => format!("{}: {why}", item.resource),
    });
    page.list(
        "Left alone: has a name of the class, but is not provably ours",
        foreign,
    )?;
    page.gaps(&plan.gaps)?;
    page.notes(view.first)?;
    let sentence = match total {
        0 => format!(
            "Nothing of class {} was found to delete among {}.",
            plan.class,
            Kind::IN_WORDS
        ),
        _ => format!(
            "{} of {} in class {} would be deleted from account {}, {}. This cannot be undone.",
            plural(total, "resource"),
            plural(students.len(), "student"),
            plan.class,
            plan.scope.account,
            plan.scope.region
        ),
    };
    page.bold_text(&sentence, "")?;
    if total > 0 {
        let text = format!("It takes {}.", time::told(takes));
        page.text("", "", &text)?;
    }
    Ok(())
}

/// Prints what a reset would overwrite: what each student changed.
///
/// # Errors
/// When `out` cannot be written.
pub fn print_reset_listing(
    changed: &[(Username, Vec<Change>)],
    apis: &[&str],
    view: &View<'_>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut page = Screen::of(view, out);
    if !apis.is_empty() {
        let text = format!(
            "The routes of the REST API of {} are written as the lab has them, without comparing them first; \
             routes that were added stay.",
            some_of(apis, NAMED)
        );
        page.text("", "  ", &text)?;
    }
    if changed.is_empty() {
        return page.line("");
    }
    page.heading("Changed by the students, and about to be put back as the lab has it")?;
    let signs = "(+ is the student's line, which only the copy keeps; - is the lab's line, which comes back)";
    page.text("  ", "  ", signs)?;
    for (student, changes) in changed {
        for change in changes {
            let text = format!("{student}: {}: {}", change.resource, change.summary);
            page.text("  ", "    ", &text)?;
            let lines = change.diff.iter().filter_map(|line| match line {
                DiffLine::Added(text) => Some(format!("+ {text}")),
                DiffLine::Removed(text) => Some(format!("- {text}")),
                _ => None,
            });
            let lines: Vec<String> = lines.collect();
            for line in lines.iter().take(DIFF_LINES) {
                let line = format!("      {}", clean(line));
                for line in wrapped(&line, page.columns, "        ") {
                    page.line(&line)?;
                }
            }
            let more = lines.len().saturating_sub(DIFF_LINES);
            if more > 0 {
                page.line(&format!("      … {} more", plural(more, "changed line")))?;
            }
        }
    }
    page.line("")
}
