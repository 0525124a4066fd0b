//! `status`: students × checks in a terminal.

use std::io;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::evidence::progress::Progress;
use crate::lab::check::Work;
use crate::text::show::{fit, pad, pad_left, width};

use super::super::document::{Document, ReportStudent};
use super::super::last_readings::moment;
use super::super::marks::{self, CHECK_LEGEND, Mark, Tone};
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

struct Layout<'a> {
    tasks: &'a [CheckTally],
    cells: CheckCells,
    names: bool,
    points: bool,
    /// Whether the points of some student's late work stand apart.
    late: bool,
    dated: bool,
}

pub(super) fn print(document: &Document, page: &mut Screen<'_>) -> io::Result<()> {
    let tasks = document.tasks();
    let students = &document.students;
    let names = students.iter().any(|row| row.student.name.is_some());
    // The first that fits: words, then symbols. Names are left out before symbols are packed.
    let choices = [
        (CheckCells::Words, names),
        (CheckCells::Symbols, names),
        (CheckCells::Symbols, false),
    ];
    let layout = |(cells, names)| Layout {
        tasks: &tasks,
        cells,
        names,
        points: tasks.iter().any(|task| !task.points.is_zero()),
        late: students.iter().any(|row| on_time(row).is_some()),
        dated: students.iter().any(|row| as_of(row).is_some()),
    };
    let tables = choices.map(|choice| (layout(choice).table(students), choice.0));
    let fitting = tables
        .into_iter()
        .find(|(table, _)| table.fits(page.columns));
    let (table, cells) = fitting.unwrap_or_else(|| {
        let packed = layout((CheckCells::Packed, false));
        (packed.table(students), packed.cells)
    });

    print_sections(students, &table, page)?;
    print_checks(&tasks, page)?;
    if cells != CheckCells::Words {
        let legend = CHECK_LEGEND
            .map(|mark| format!("{} {}", page.paint.tone(mark.tone, mark.symbol), mark.word));
        page.line(&legend.join("   "))?;
        page.line("")?;
    }
    Ok(())
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
    fn table(&self, students: &[ReportStudent]) -> TextTable {
        TextTable {
            heads: self.heads(),
            rows: students.iter().map(|row| self.row(row)).collect(),
        }
    }

    fn heads(&self) -> Vec<TableHead> {
        let mut heads = vec![TableHead::flexible("student")];
        heads.extend(self.names.then(|| TableHead::flexible("name")));
        heads.push(TableHead::text("state"));
        heads.extend(self.dated.then(|| TableHead::text("as of")));
        heads.push(TableHead::number("done"));
        heads.extend(self.points.then(|| TableHead::number("points")));
        heads.extend(self.late.then(|| TableHead::text("on time")));
        match self.cells {
            CheckCells::Packed => heads.push(TableHead::flexible("checks")),
            _ => heads.extend((1..=self.tasks.len()).map(|n| TableHead::text(&n.to_string()))),
        }
        heads
    }

    fn row(&self, row: &ReportStudent) -> Vec<TableCell> {
        let (student, progress) = (&row.student, &row.progress);
        let mut cells = vec![TableCell::plain(student.username.as_str())];
        if self.names {
            let name = student.name.as_deref();
            cells.push(TableCell::plain(name.unwrap_or_default()));
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

fn short(mark: Mark) -> &'static str {
    match mark.word {
        "could not check" => "unknown",
        "cannot be proven" => "unproven",
        word => word,
    }
}

/// `table` has a row for each of the students.
fn print_sections(
    students: &[ReportStudent],
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
                |(row, _): &&(&ReportStudent, _)| row.progress.progress == Progress::Complete;
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
