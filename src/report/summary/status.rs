//! `status`: who needs somebody, then students × checks in a terminal.

use std::collections::BTreeSet;
use std::io;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::evidence::attention::Need;
use crate::evidence::progress::Progress;
use crate::ids::Username;
use crate::lab::check::Work;
use crate::lab::mistake::Listener;
use crate::text::show::{fit, pad, pad_left, width};
use crate::text::words::{minutes, plural, some_of};

use super::super::attention::{NeedGroup, grouped, how_often, looked_at, task_of, why};
use super::super::document::{Document, ReportStudent};
use super::super::last_readings::moment;
use super::super::marks::{self, CHECK_LEGEND, Mark, Tone};
use super::super::style::wrapped;
use super::super::tally::{CheckTally, Score};
use super::Screen;
use super::table::{TableCell, TableHead, TextTable};

/// What there is room for in a check's cell.
#[derive(Clone, Copy, PartialEq, Eq)]
enum CheckCells {
    /// `✓ done`.
    Words,
    /// `✓`, a column each; the legend has the words.
    Symbols,
    /// `✓✓○`, all in one column.
    Packed,
}

/// Entries of who needs somebody; the rest is counted.
const ENTRIES: usize = 10;
/// Usernames in an entry.
const NAMED: usize = 6;
/// Columns of a name at most, however wide the terminal is.
const NAME_MAX: usize = 32;

/// Names in the table.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Names {
    LeftOut,
    /// Cut where there is no room.
    Cut,
    Whole,
}

/// What the table shows.
struct Layout<'a> {
    document: &'a Document,
    tasks: &'a [CheckTally],
    cells: CheckCells,
    names: Names,
    seen: bool,
    points: bool,
    /// Whether the points of some student's late work stand apart.
    late: bool,
    dated: bool,
    /// Whether the class has several places.
    places: bool,
}

/// `only`: the students whose lines are shown; everybody by default. Counts are always of the class.
pub(super) fn print(
    document: &Document,
    only: Option<&BTreeSet<Username>>,
    page: &mut Screen<'_>,
) -> io::Result<()> {
    let is_shown = |name: &Username| only.is_none_or(|only| only.contains(name));
    let tasks = document.tasks();
    let students: Vec<&ReportStudent> = document
        .students
        .iter()
        .filter(|row| is_shown(&row.student.username))
        .collect();
    let any_name = students.iter().any(|row| row.student.name.is_some());
    let layout = |(cells, names, seen)| Layout {
        document,
        tasks: &tasks,
        cells,
        names: if any_name { names } else { Names::LeftOut },
        seen,
        points: tasks.iter().any(|task| !task.points.is_zero()),
        late: students.iter().any(|row| on_time(row).is_some()),
        dated: students.iter().any(|row| as_of(row).is_some()),
        places: document.places.len() > 1,
    };
    // From the most to the least: each shows all that the next one shows. The first that fits without cutting what the
    // next one has whole is taken, so a wider terminal never shows less.
    let choices = [
        (CheckCells::Words, Names::Whole, true),
        (CheckCells::Symbols, Names::Whole, true),
        (CheckCells::Symbols, Names::Cut, false),
        (CheckCells::Symbols, Names::LeftOut, false),
    ];
    let tables = choices.map(|choice| (layout(choice).table(&students), choice.0));
    let fitting = tables
        .into_iter()
        .find(|(table, _)| table.fits(page.columns));
    let (table, cells) = fitting.unwrap_or_else(|| {
        let packed = layout((CheckCells::Packed, Names::LeftOut, false));
        (packed.table(&students), packed.cells)
    });

    if let Some(only) = only {
        let shown = plural(only.len(), "student");
        page.line(&format!("{shown} of {} shown", document.students.len()))?;
        page.line("")?;
    }
    print_sections(&students, &table, page)?;
    print_checks(&tasks, page)?;
    if cells != CheckCells::Words {
        let legend = CHECK_LEGEND
            .map(|mark| format!("{} {}", page.paint.tone(mark.tone, mark.symbol), mark.word));
        for line in wrapped(&legend.join("   "), page.columns, "") {
            page.line(&line)?;
        }
        page.line("")?;
    }
    Ok(())
}

/// Who needs somebody, why, and what to say; or what was looked at.
pub(super) fn print_attention(
    document: &Document,
    only: Option<&BTreeSet<Username>>,
    page: &mut Screen<'_>,
) -> io::Result<()> {
    let is_shown = |name: &Username| only.is_none_or(|only| only.contains(name));
    let mut needs = document.needs();
    let anybody = !needs.is_empty();
    needs.retain(|need| is_shown(&need.username));
    let groups = grouped(needs);
    let count: usize = groups.iter().map(|group| group.needs.len()).sum();
    if count > 0 {
        let verb = if count == 1 { "needs" } else { "need" };
        page.heading(&format!("{} {verb} you", plural(count, "student")))?;
    }
    for group in groups.iter().take(ENTRIES) {
        print_group(group, document, page)?;
    }
    let rest: usize = groups.iter().skip(ENTRIES).map(|g| g.needs.len()).sum();
    if rest > 0 {
        page.line(&format!("and {} more", plural(rest, "student")))?;
    }
    for line in looked_at(document, anybody) {
        page.text("", "  ", &line)?;
    }
    page.line("")
}

fn print_group(group: &NeedGroup, document: &Document, page: &mut Screen<'_>) -> io::Result<()> {
    let trouble = &group.first().trouble;
    let name = |need: &Need| need.username.to_string();
    let names: Vec<String> = group.needs.iter().map(name).collect();
    let who = some_of(&names, NAMED);
    let mark = marks::of_reason(trouble.reason);
    let (head, facts) = match group.remark() {
        Some(remark) => (remark, format!("one remark to the room, for {who}")),
        None => {
            let alone = names.len() == 1;
            let why = match alone {
                true => why(trouble, document.taken_at.timestamp()),
                false => mark.word.to_owned(),
            };
            let often = match alone {
                true => how_often(trouble, |at| document.beside(at)),
                false => String::new(),
            };
            let tasks = document.tasks();
            let task = task_of(trouble, &tasks);
            let task = task.map_or(String::new(), |(number, _)| format!("task {number}"));
            let parts = [why, often, task]
                .into_iter()
                .filter(|part| !part.is_empty());
            (who, parts.collect::<Vec<_>>().join(", "))
        }
    };
    let cause = group
        .cause()
        .map_or(String::new(), |cause| format!(": {cause}"));
    let bang = format!("{} ", page.paint.tone(mark.tone, mark.symbol));
    page.text(&bang, "  ", &format!("{head}: {facts}{cause}"))?;
    let Some(say) = group.say(&document.proposing) else {
        return Ok(());
    };
    let label = match trouble.to {
        Listener::Student => "say:",
        Listener::Instructor => "do:",
    };
    let label = format!("    {} ", page.paint.tone(Tone::Busy, label));
    page.text(&label, "         ", &say)
}

/// The oldest reading of the student's tasks, where something could not be read now.
fn as_of(row: &ReportStudent) -> Option<Timestamp> {
    row.checks_of(Work::Student)
        .filter_map(|check| check.as_of)
        .min()
}

/// Points on time, where some are late or that is not known.
fn on_time(row: &ReportStudent) -> Option<String> {
    row.student.due.filter(|_| row.is_deployed())?;
    match (row.points_on_time(), row.late()) {
        (_, Some(false)) => None,
        (Some(points), Some(true)) => Some(format!("{points} (late)")),
        (Some(points), None) => Some(points.to_string()),
        (None, _) => Some("unknown".to_owned()),
    }
}

impl Layout<'_> {
    fn table(&self, students: &[&ReportStudent]) -> TextTable {
        TextTable {
            heads: self.heads(),
            rows: students.iter().map(|row| self.row(row)).collect(),
        }
    }

    fn heads(&self) -> Vec<TableHead> {
        let mut heads = vec![match self.cells {
            CheckCells::Packed => TableHead::flexible("student"),
            _ => TableHead::text("student"),
        }];
        heads.extend(match self.names {
            Names::LeftOut => None,
            Names::Cut => Some(TableHead::flexible("name")),
            Names::Whole => Some(TableHead::text("name")),
        });
        heads.extend(self.places.then(|| match self.cells {
            CheckCells::Packed => TableHead::flexible("place"),
            _ => TableHead::text("place"),
        }));
        heads.push(TableHead::text("state"));
        heads.extend(self.dated.then(|| TableHead::text("as of")));
        heads.push(TableHead::number("done"));
        heads.extend(self.points.then(|| TableHead::number("points")));
        heads.extend(self.late.then(|| TableHead::text("on time")));
        heads.extend(self.seen.then(|| TableHead::text("seen")));
        match self.cells {
            CheckCells::Packed => heads.push(TableHead::flexible("checks")),
            _ => heads.extend((1..=self.tasks.len()).map(|n| TableHead::text(&n.to_string()))),
        }
        heads
    }

    fn row(&self, row: &ReportStudent) -> Vec<TableCell> {
        let (student, progress) = (&row.student, &row.progress);
        let mut cells = vec![TableCell::plain(student.username.as_str())];
        if self.names != Names::LeftOut {
            let name = student.name.as_deref().unwrap_or_default();
            cells.push(TableCell::plain(fit(name, NAME_MAX)));
        }
        if self.places {
            let place = student.place.as_ref();
            cells.push(TableCell::plain(place.map_or("?", |place| place.as_str())));
        }
        let mark = marks::of_progress(progress.progress);
        // Short enough for a column.
        let word = match progress.progress {
            Progress::Unknown => "unknown",
            _ => mark.word,
        };
        cells.push(TableCell::new(format!("{} {word}", mark.symbol), mark.tone));
        if self.dated {
            let as_of = as_of(row).map(|at| moment(at, &TimeZone::system()));
            cells.push(TableCell::plain(as_of.unwrap_or_default()));
        }
        let score = Score::of(&progress.checks);
        cells.push(TableCell::plain(format!("{}/{}", score.done, score.of)));
        if self.points {
            let reached = format!("{}/{}", score.earned, score.total);
            cells.push(TableCell::plain(match score.certain {
                _ if !row.is_deployed() => "–".to_owned(),
                true => reached,
                false => format!("≥{reached}"),
            }));
        }
        if self.late {
            cells.push(TableCell::plain(on_time(row).unwrap_or_default()));
        }
        if self.seen {
            cells.push(TableCell::plain(seen(row, self.document)));
        }
        let checks = self.tasks.iter().map(|task| {
            let check = progress.checks.iter().find(|check| check.id == task.id);
            (check, check.map_or(CHECK_LEGEND[3], marks::of_check))
        });
        match self.cells {
            CheckCells::Words => cells.extend(checks.map(|(check, mark)| {
                let word = check.and_then(marks::parts_done);
                let word = word.unwrap_or_else(|| short(mark).to_owned());
                TableCell::new(format!("{} {word}", mark.symbol), mark.tone)
            })),
            CheckCells::Symbols => {
                cells.extend(checks.map(|(_, m)| TableCell::new(m.symbol, m.tone)))
            }
            CheckCells::Packed => {
                let symbols: String = checks.map(|(_, m)| m.symbol).collect();
                cells.push(TableCell::plain(symbols));
            }
        }
        cells
    }
}

/// How long ago the student was last seen, by the time of the reading.
fn seen(row: &ReportStudent, document: &Document) -> String {
    let activity = &row.progress.activity;
    let at = activity
        .last_seen_ms
        .and_then(|ms| Timestamp::from_millisecond(ms).ok());
    match at {
        Some(at) => format!(
            "{} ago",
            minutes(document.taken_at.timestamp().duration_since(at))
        ),
        None if !row.is_deployed() || row.progress.last.gone => "–".to_owned(),
        None if activity.unread.is_some() => "unknown".to_owned(),
        None => "not yet".to_owned(),
    }
}

fn short(mark: Mark) -> &'static str {
    match mark.word {
        "could not check" => "unknown",
        "cannot be proven" => "unproven",
        word => word,
    }
}

/// `table` has a row for each of the students.
fn print_sections(
    students: &[&ReportStudent],
    table: &TextTable,
    page: &mut Screen<'_>,
) -> io::Result<()> {
    let mut sections: Vec<Option<&str>> = Vec::new();
    for row in students {
        let section = row.student.section.as_deref();
        if !sections.contains(&section) {
            sections.push(section);
        }
    }
    let widths = table.widths(page.columns);
    for section in &sections {
        let rows = students.iter().zip(&table.rows);
        let members: Vec<_> = rows
            .filter(|(row, _)| row.student.section.as_deref() == *section)
            .collect();
        if sections.len() > 1 {
            let complete =
                |(row, _): &&(&&ReportStudent, _)| row.progress.progress == Progress::Complete;
            let complete = members.iter().filter(complete).count();
            let (title, all) = (section.unwrap_or("none"), members.len());
            page.heading(&format!("Section {title}: {complete} of {all} complete"))?;
        }
        table.print_head(page, &widths)?;
        for (_, cells) in members {
            table.print_row(page, &widths, cells)?;
        }
        page.line("")?;
    }
    Ok(())
}

/// A line a check: its number, a bar, how many have done it, its title.
fn print_checks(checks: &[CheckTally], page: &mut Screen<'_>) -> io::Result<()> {
    const BAR: usize = 10;
    if checks.is_empty() {
        return Ok(());
    }
    let number = checks.len().to_string().len();
    let counts = checks.iter().map(|check| match check.provable() {
        true => format!("{} of {}", check.passed, check.of()),
        false => "–".to_owned(),
    });
    let counts: Vec<String> = counts.collect();
    let count = counts.iter().map(|c| width(c)).max().unwrap_or(0);
    for ((i, check), text) in (1_usize..).zip(checks).zip(&counts) {
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
            pad_left(&i.to_string(), number),
            pad_left(text, count),
            fit(&check.title, page.columns.saturating_sub(used))
        );
        page.line(&line)?;
    }
    page.line("")
}
