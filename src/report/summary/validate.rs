//! `validate`: a line a probe, over the class.

use std::io;

use crate::results::RunSummary;

use super::super::class::columns;
use super::super::marks::Tone;
use super::Page;
use super::table::{Cell, Head, Table};

pub(super) fn print(summary: &RunSummary, page: &mut Page<'_>) -> io::Result<()> {
    let probes = columns(summary.students.iter().map(|s| s.checks.as_slice()));
    if probes.is_empty() {
        return Ok(());
    }
    let mut table = Table {
        heads: vec![
            Head::flexible("probe"),
            Head::number("✓ passed"),
            Head::number("! failed"),
            Head::number("? could not check"),
        ],
        rows: Vec::new(),
    };
    for probe in probes {
        table.rows.push(vec![
            Cell::plain(probe.title),
            Cell::count(probe.passed, Tone::Good),
            Cell::count(probe.failed, Tone::Bad),
            Cell::count(probe.unknown, Tone::Unsure),
        ]);
    }
    table.print(page)?;
    page.line("")
}
