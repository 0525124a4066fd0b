//! What a teardown would delete, before anybody confirms it.

use std::collections::BTreeMap;
use std::io::{self, Write};

use crate::ids::Username;
use crate::stack::diff::{Change, DiffLine};
use crate::stack::kinds::Kind;
use crate::stack::plan::{Plan, StudentPlan, Verdict};

use super::super::marks::Tone;
use super::table::{TableCell, TableHead, TextTable};
use super::{NAMED, Screen, View};
use crate::text::show::clean;
use crate::text::words::{plural, some_of};

/// Lines of a difference that are shown before something is overwritten; all of it is in the copy that is kept.
const DIFF_LINES: usize = 12;

const KINDS: [(Kind, &str); 7] = [
    (Kind::User, "users"),
    (Kind::RestApi, "APIs"),
    (Kind::StateMachine, "machines"),
    (Kind::Function, "functions"),
    (Kind::Role, "roles"),
    (Kind::LogGroup, "log groups"),
    (Kind::ManagedPolicy, "policies"),
];

/// The columns: those of access only where somebody has any.
fn columns(doomed: &[&StudentPlan]) -> Vec<(Kind, &'static str)> {
    let mut kinds = KINDS.to_vec();
    kinds.retain(|(kind, _)| {
        let is_there = |student: &&StudentPlan| {
            let mut items = student.items.iter();
            items.any(|i| i.verdict == Verdict::Delete && i.resource.kind == *kind)
        };
        !matches!(kind, Kind::User | Kind::ManagedPolicy) || doomed.iter().any(is_there)
    });
    kinds
}

/// Prints what a teardown would delete, per student and kind, what it would leave alone and why, and what is done
/// first.
///
/// # Errors
/// When `out` cannot be written.
pub fn print_teardown_listing(plan: &Plan, view: &View<'_>, out: &mut dyn Write) -> io::Result<()> {
    let mut page = Screen::of(view, out);
    let doomed: Vec<&StudentPlan> = plan
        .students
        .iter()
        .filter(|s| s.items.iter().any(|i| i.verdict == Verdict::Delete))
        .collect();
    let kinds = columns(&doomed);
    let mut totals: BTreeMap<Kind, usize> = BTreeMap::new();
    let mut table = TextTable::default();
    table.heads.push(TableHead::flexible("student"));
    table
        .heads
        .extend(kinds.iter().map(|(_, title)| TableHead::number(title)));
    let mut strangers = false;
    for student in &doomed {
        let mut name = student.owner.student.to_string();
        if !student.in_roster {
            strangers = true;
            name.push('*');
        }
        let mut row = vec![TableCell::plain(name)];
        for (kind, _) in &kinds {
            let count = student
                .items
                .iter()
                .filter(|i| i.verdict == Verdict::Delete && i.resource.kind == *kind)
                .count();
            *totals.entry(*kind).or_default() += count;
            row.push(TableCell::count(count, Tone::Bad));
        }
        table.rows.push(row);
    }
    if !doomed.is_empty() {
        let mut row = vec![TableCell::plain("in total")];
        row.extend(
            kinds
                .iter()
                .map(|(kind, _)| TableCell::plain(totals[kind].to_string())),
        );
        table.rows.push(row);
        table.print(&mut page)?;
        if strangers {
            page.line("* not in the roster any more, but marked as this class's")?;
        }
        page.line("")?;
    }
    foreign(plan, &mut page)?;
    page.gaps(&plan.gaps)?;

    page.notes(view.first)?;
    let total: usize = totals.values().sum();
    let sentence = if total == 0 {
        format!("Nothing of class {} was found to delete.", plan.class)
    } else {
        format!(
            "{} of {} in class {} would be deleted from account {}, {}. This cannot be undone.",
            plural(total, "resource"),
            plural(doomed.len(), "student"),
            plan.class,
            plan.scope.account,
            plan.scope.region
        )
    };
    page.bold_text(&sentence, "")
}

fn foreign(plan: &Plan, page: &mut Screen<'_>) -> io::Result<()> {
    let mut any = false;
    for student in &plan.students {
        for item in &student.items {
            if !matches!(item.verdict, Verdict::Foreign | Verdict::Conflict) {
                continue;
            }
            if !any {
                page.heading("Left alone: bears a name of the class, but is not provably ours")?;
                any = true;
            }
            let why = match item.why.as_str() {
                "" => String::new(),
                why => format!(": {why}"),
            };
            page.text("  ", "    ", &format!("{}{why}", item.resource))?;
        }
    }
    if any {
        page.line("")?;
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
        page.text(
            "",
            "  ",
            &format!(
                "The routes of the REST API of {} are written as the lab has them, without a look at what was changed; \
                 routes that were added stay.",
                some_of(apis, NAMED)
            ),
        )?;
    }
    if changed.is_empty() {
        return page.line("");
    }
    page.heading("Changed by the students, and about to be put back as the lab has it")?;
    page.line("  (+ is the student's and goes into the copy, - is the lab's and comes back)")?;
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
                page.line(&format!("      {}", clean(line)))?;
            }
            let more = lines.len().saturating_sub(DIFF_LINES);
            if more > 0 {
                page.line(&format!("      … {} more", plural(more, "changed line")))?;
            }
        }
    }
    page.line("")
}
