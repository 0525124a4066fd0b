//! `status`: students × checks in a terminal.

use std::io;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::events::{Outcome, RunSummary, StudentResult};
use crate::evidence::progress::Progress;
use crate::lab::check::Work;
use crate::roster::Student;
use crate::stack::ids::Username;

use super::super::class::{Column, Score, Tally, columns};
use super::super::marks::{self, CHECK_LEGEND, Mark, Tone};
use super::table::{Cell, Head, Table};
use super::{Page, View, tally};
use crate::text::shown::{fit, pad, pad_left, width};

/// How much of each cell there is room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Detail {
    /// `✓ done`.
    Words,
    /// `✓`, a column each; the legend has the words.
    Symbols,
    /// `✓✓○`, all in one column.
    Packed,
}

pub(super) fn print(summary: &RunSummary, view: &View<'_>, page: &mut Page<'_>) -> io::Result<()> {
    let roster = view.students();
    let mut checks = columns(summary.students.iter().map(|s| s.checks.as_slice()));
    // How the stack is shows in the state.
    checks.retain(|check| check.work == Work::Student);
    let points = checks.iter().any(|check| !check.points.is_zero());
    let person = |username: &Username| roster.get(username).copied();
    let names = summary
        .students
        .iter()
        .any(|s| person(&s.username).is_some_and(|p| p.name.is_some()));

    let dated = summary.students.iter().any(|s| as_of(s).is_some());
    let build = |detail: Detail, names: bool| {
        let mut table = Table {
            heads: heads(&checks, detail, names, points, dated),
            rows: Vec::new(),
        };
        table.rows.extend(summary.students.iter().map(|s| {
            row(
                s,
                person(&s.username),
                &checks,
                detail,
                names,
                points,
                dated,
            )
        }));
        table
    };
    // The most that fits: words, then symbols; names go before symbols are packed.
    let choices = [
        (Detail::Words, names),
        (Detail::Symbols, names),
        (Detail::Symbols, false),
        (Detail::Packed, false),
    ];
    let mut chosen = None;
    for (detail, names) in choices {
        let table = build(detail, names);
        let widths = table.widths(page.columns);
        let needed = widths.iter().sum::<usize>() + 2 * widths.len().saturating_sub(1);
        let fits = needed <= page.columns;
        chosen = Some((table, widths, detail));
        if fits {
            break;
        }
    }
    let Some((table, widths, detail)) = chosen else {
        return Ok(());
    };

    print_sections(summary, &person, &table, &widths, page)?;
    print_checks(&checks, page)?;
    if detail != Detail::Words {
        let legend: Vec<String> = CHECK_LEGEND
            .iter()
            .map(|mark| format!("{} {}", page.paint.tone(mark.tone, mark.symbol), mark.word))
            .collect();
        page.line(&legend.join("   "))?;
        page.line("")?;
    }
    Ok(())
}

/// When the oldest was read of what counts for a student, where that was before.
fn as_of(student: &StudentResult) -> Option<Timestamp> {
    let checks = student.checks.iter();
    let theirs = checks.filter(|check| check.work == Work::Student);
    theirs.filter_map(|check| check.as_of).min()
}

fn heads(checks: &[Column], detail: Detail, names: bool, points: bool, dated: bool) -> Vec<Head> {
    let mut heads = vec![Head::flexible("student")];
    if names {
        heads.push(Head::flexible("name"));
    }
    heads.push(Head::text("state"));
    if dated {
        heads.push(Head::text("as of"));
    }
    heads.push(Head::number("done"));
    if points {
        heads.push(Head::number("points"));
    }
    match detail {
        Detail::Packed => heads.push(Head::flexible("checks")),
        _ => heads.extend((1..=checks.len()).map(|n| Head::text(&n.to_string()))),
    }
    heads
}

fn row(
    student: &StudentResult,
    person: Option<&Student>,
    checks: &[Column],
    detail: Detail,
    names: bool,
    points: bool,
    dated: bool,
) -> Vec<Cell> {
    let mut row = vec![Cell::plain(student.username.as_str())];
    if names {
        let name = person.and_then(|p| p.name.as_deref()).unwrap_or_default();
        row.push(Cell::plain(name));
    }
    let mark = state(student.outcome);
    row.push(Cell::new(
        format!("{} {}", mark.symbol, mark.word),
        mark.tone,
    ));
    if dated {
        row.push(Cell::plain(as_of(student).map_or(String::new(), |at| {
            let at = at.to_zoned_datetime(TimeZone::system());
            at.strftime("%Y-%m-%d %H:%M").to_string()
        })));
    }
    let score = Score::of(&student.checks);
    row.push(Cell::plain(format!("{}/{}", score.done, score.of)));
    if points {
        let reached = format!("{}/{}", score.earned, score.total);
        row.push(Cell::plain(match score.certain {
            _ if student.outcome == Outcome::NotDeployed => "–".to_owned(),
            true => reached,
            false => format!("≥{reached}"),
        }));
    }
    let cells = checks.iter().map(|column| {
        let check = student.checks.iter().find(|check| check.id == column.id);
        (check, check.map_or(CHECK_LEGEND[3], marks::of_check))
    });
    match detail {
        Detail::Words => row.extend(cells.map(|(check, mark)| {
            let word = check.and_then(marks::parts_done);
            let word = word.unwrap_or_else(|| short(mark).to_owned());
            Cell::new(format!("{} {word}", mark.symbol), mark.tone)
        })),
        Detail::Symbols => row.extend(cells.map(|(_, m)| Cell::new(m.symbol, m.tone))),
        Detail::Packed => {
            let symbols: String = cells.map(|(_, m)| m.symbol).collect();
            row.push(Cell::plain(symbols));
        }
    }
    row
}

/// The state in a table: short enough for a column.
fn state(outcome: Outcome) -> Mark {
    let mark = marks::of_outcome(outcome);
    match outcome {
        Outcome::Unknown => Mark {
            word: "unknown",
            ..mark
        },
        _ => mark,
    }
}

fn short(mark: Mark) -> &'static str {
    match mark.word {
        "could not check" => "unknown",
        "cannot be proven" => "unproven",
        word => word,
    }
}

fn print_sections<'r>(
    summary: &RunSummary,
    person: &impl Fn(&Username) -> Option<&'r Student>,
    table: &Table,
    widths: &[usize],
    page: &mut Page<'_>,
) -> io::Result<()> {
    let section_of = |s: &StudentResult| person(&s.username).and_then(|p| p.section.as_deref());
    let mut sections: Vec<Option<&str>> = Vec::new();
    for student in &summary.students {
        let section = section_of(student);
        if !sections.contains(&section) {
            sections.push(section);
        }
    }
    for section in &sections {
        let members: Vec<usize> = (0..summary.students.len())
            .filter(|i| section_of(&summary.students[*i]) == *section)
            .collect();
        if sections.len() > 1 {
            let complete = members
                .iter()
                .filter(|i| summary.students[**i].outcome == Outcome::Complete)
                .count();
            let title = section.unwrap_or("none");
            page.heading(&format!(
                "Section {title}: {complete} of {} complete",
                members.len()
            ))?;
        }
        table.print_head(page, widths)?;
        for member in members {
            table.print_row(page, widths, &table.rows[member])?;
        }
        page.line("")?;
    }
    Ok(())
}

/// A line a check: its number, how many have done it, a bar, its title.
fn print_checks(checks: &[Column], page: &mut Page<'_>) -> io::Result<()> {
    const BAR: usize = 10;
    if checks.is_empty() {
        return Ok(());
    }
    let number = checks.len().to_string().len();
    let counts: Vec<String> = checks
        .iter()
        .map(|c| match c.provable() {
            true => format!("{} of {}", c.passed, c.of()),
            false => "–".to_owned(),
        })
        .collect();
    let count = counts.iter().map(|c| width(c)).max().unwrap_or(0);
    for (i, (check, text)) in checks.iter().zip(&counts).enumerate() {
        let filled = (check.passed * BAR).checked_div(check.of()).unwrap_or(0);
        let bar = match check.provable() {
            true => format!(
                "{}{}",
                page.paint.tone(Tone::Good, &"█".repeat(filled)),
                page.paint.dim(&"░".repeat(BAR - filled))
            ),
            false => pad("not proven", BAR),
        };
        let used = number + 2 + BAR + 2 + count + 2;
        let line = format!(
            "{}  {bar}  {}  {}",
            pad_left(&(i + 1).to_string(), number),
            pad_left(text, count),
            fit(&check.title, page.columns.saturating_sub(used))
        );
        page.line(&line)?;
    }
    page.line("")
}

/// Students in a state, for the next step's command.
pub(super) fn in_state(summary: &RunSummary, state: Progress) -> bool {
    Tally::count(tally(summary), state) > 0
}
