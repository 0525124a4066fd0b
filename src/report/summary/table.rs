//! Tables that fit a terminal.

use std::io;

use super::super::marks::Tone;
use super::Screen;
use crate::text::show::{clean, pad, pad_left, width};

/// Columns never shrink below this.
const NARROWEST: usize = 6;

/// Space between columns.
const GAP: usize = 2;

#[derive(Debug, Clone, Default)]
pub(super) struct TableHead {
    pub(super) title: String,
    /// Whether the cells are aligned to the right, as numbers are.
    pub(super) right: bool,
    /// Whether the column shrinks when the table is too wide.
    pub(super) flexible: bool,
}

impl TableHead {
    pub(super) fn text(title: &str) -> Self {
        Self {
            title: title.to_owned(),
            ..Self::default()
        }
    }
    pub(super) fn flexible(title: &str) -> Self {
        Self {
            flexible: true,
            ..Self::text(title)
        }
    }
    pub(super) fn number(title: &str) -> Self {
        Self {
            right: true,
            ..Self::text(title)
        }
    }
}

#[derive(Debug, Clone)]
pub(super) struct TableCell {
    pub(super) text: String,
    pub(super) tone: Tone,
}

impl TableCell {
    pub(super) fn new(text: impl Into<String>, tone: Tone) -> Self {
        let text: String = text.into();
        Self {
            text: clean(&text).into_owned(),
            tone,
        }
    }
    pub(super) fn plain(text: impl Into<String>) -> Self {
        Self::new(text, Tone::Idle)
    }
    /// A count; zero is only a dot.
    pub(super) fn count(count: usize, tone: Tone) -> Self {
        match count {
            0 => Self::new("·", Tone::Muted),
            n => Self::new(n.to_string(), tone),
        }
    }
}

/// A table. With [`TextTable::print_head`] and [`TextTable::print_row`] it can be printed in parts with the same columns.
#[derive(Debug, Default)]
pub(super) struct TextTable {
    pub(super) heads: Vec<TableHead>,
    pub(super) rows: Vec<Vec<TableCell>>,
}

impl TextTable {
    /// Students with a count in each column, and the sums below.
    pub(super) fn of_counts(columns: &[(&str, Tone)], students: Vec<(String, Vec<usize>)>) -> Self {
        let mut heads = vec![TableHead::flexible("student")];
        heads.extend(columns.iter().map(|(title, _)| TableHead::number(title)));
        let mut sums = vec![TableCell::plain("in total")];
        sums.extend((0..columns.len()).map(|column| {
            let sum: usize = students.iter().map(|(_, counts)| counts[column]).sum();
            TableCell::plain(sum.to_string())
        }));
        let row = |(student, counts): (String, Vec<usize>)| {
            let counts = counts.into_iter().zip(columns);
            let counts = counts.map(|(count, (_, tone))| TableCell::count(count, *tone));
            std::iter::once(TableCell::plain(student))
                .chain(counts)
                .collect()
        };
        let mut rows: Vec<Vec<TableCell>> = students.into_iter().map(row).collect();
        rows.push(sums);
        Self { heads, rows }
    }

    /// Widths that fit into `columns`, as far as the flexible ones can shrink.
    pub(super) fn widths(&self, columns: usize) -> Vec<usize> {
        let mut widths: Vec<usize> = self.heads.iter().map(|head| width(&head.title)).collect();
        for row in &self.rows {
            for (widest, cell) in widths.iter_mut().zip(row) {
                *widest = (*widest).max(width(&cell.text));
            }
        }
        while total(&widths) > columns {
            // The widest shrinks first, down to the next widest.
            let widest = (0..widths.len())
                .filter(|i| self.heads[*i].flexible && widths[*i] > NARROWEST)
                .max_by_key(|i| widths[*i]);
            let Some(widest) = widest else { break };
            widths[widest] -= 1;
        }
        widths
    }

    pub(super) fn fits(&self, columns: usize) -> bool {
        total(&self.widths(columns)) <= columns
    }

    pub(super) fn print_head(&self, page: &mut Screen<'_>, widths: &[usize]) -> io::Result<()> {
        let heads = self.heads.iter().zip(widths);
        let cells = heads.map(|(head, width)| aligned(&head.title, *width, head.right));
        let cells = cells.collect::<Vec<_>>().join(gap(widths, page.columns));
        page.line(&page.paint.dim(cells.trim_end()))
    }

    pub(super) fn print_row(
        &self,
        page: &mut Screen<'_>,
        widths: &[usize],
        row: &[TableCell],
    ) -> io::Result<()> {
        let columns = self.heads.iter().zip(widths);
        let cells = columns.zip(row).map(|((head, width), cell)| {
            let text = aligned(&cell.text, *width, head.right);
            (cell.tone, text)
        });
        let mut cells: Vec<(Tone, String)> = cells.collect();
        if let Some((_, last)) = cells.last_mut() {
            last.truncate(last.trim_end().len());
        }
        let cells = cells
            .iter()
            .map(|(tone, text)| page.paint.tone(*tone, text));
        let cells: Vec<String> = cells.collect();
        page.line(&cells.join(gap(widths, page.columns)))
    }

    pub(super) fn print(&self, page: &mut Screen<'_>) -> io::Result<()> {
        let widths = self.widths(page.columns);
        self.print_head(page, &widths)?;
        for row in &self.rows {
            self.print_row(page, &widths, row)?;
        }
        Ok(())
    }
}

/// Columns that a row takes, with the gaps.
fn total(widths: &[usize]) -> usize {
    widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1)
}

/// What stands between columns: less where the table is too wide all the same.
fn gap(widths: &[usize], columns: usize) -> &'static str {
    match total(widths) > columns {
        true => " ",
        false => "  ",
    }
}

fn aligned(text: &str, width: usize, right: bool) -> String {
    match right {
        true => pad_left(text, width),
        false => pad(text, width),
    }
}
