//! Tables that fit a terminal.

use std::io;

use super::super::marks::Tone;
use super::Screen;
use crate::text::show::{clean, pad, pad_left, width};

/// Columns never shrink below this.
const NARROWEST: usize = 6;

/// Space between columns.
const GAP: usize = 2;

/// A column's heading and manners.
#[derive(Debug, Clone, Default)]
pub(super) struct TableHead {
    pub(super) title: String,
    /// Numbers stand to the right.
    pub(super) right: bool,
    /// Gives way when the table is too wide.
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

/// A cell: text and what it means.
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
    /// A count; nothing is no news.
    pub(super) fn count(count: usize, tone: Tone) -> Self {
        match count {
            0 => Self::new("·", Tone::Muted),
            n => Self::new(n.to_string(), tone),
        }
    }
}

/// A table, or several below each other with the same columns.
#[derive(Debug, Default)]
pub(super) struct TextTable {
    pub(super) heads: Vec<TableHead>,
    pub(super) rows: Vec<Vec<TableCell>>,
}

impl TextTable {
    /// Widths that fit into `columns` as far as the flexible ones can give way.
    pub(super) fn widths(&self, columns: usize) -> Vec<usize> {
        let mut widths: Vec<usize> = self.heads.iter().map(|head| width(&head.title)).collect();
        for row in &self.rows {
            for (widest, cell) in widths.iter_mut().zip(row) {
                *widest = (*widest).max(width(&cell.text));
            }
        }
        while total(&widths) > columns {
            // The widest gives way first, down to the next widest: nobody loses more than is fair.
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
        let cells: Vec<String> = self
            .heads
            .iter()
            .zip(widths)
            .map(|(head, width)| aligned(&head.title, *width, head.right))
            .collect();
        let line = page.paint.dim(cells.join("  ").trim_end());
        page.line(&line)
    }

    pub(super) fn print_row(
        &self,
        page: &mut Screen<'_>,
        widths: &[usize],
        row: &[TableCell],
    ) -> io::Result<()> {
        let last = row.len().saturating_sub(1);
        let cells: Vec<String> = row
            .iter()
            .enumerate()
            .zip(self.heads.iter().zip(widths))
            .map(|((i, cell), (head, width))| {
                let mut text = aligned(&cell.text, *width, head.right);
                if i == last {
                    text.truncate(text.trim_end().len());
                }
                page.paint.tone(cell.tone, &text)
            })
            .collect();
        page.line(&cells.join("  "))
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

/// Columns that a row takes, with what stands between.
fn total(widths: &[usize]) -> usize {
    widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1)
}

fn aligned(text: &str, width: usize, right: bool) -> String {
    if right {
        pad_left(text, width)
    } else {
        pad(text, width)
    }
}
