//! `validate`: a line a probe, over the class.

use std::io;

use crate::results::RunSummary;

use super::super::marks::Tone;
use super::super::tally::{CheckTally, check_tallies};
use super::Screen;
use super::table::{TableCell, TableHead, TextTable};

pub(super) fn print(summary: &RunSummary, page: &mut Screen<'_>) -> io::Result<()> {
    let probes = check_tallies(summary.students.iter().map(|s| s.checks.as_slice()));
    if probes.is_empty() {
        return Ok(());
    }
    let row = |probe: CheckTally| {
        vec![
            TableCell::plain(probe.title),
            TableCell::count(probe.passed, Tone::Good),
            TableCell::count(probe.failed, Tone::Bad),
            TableCell::count(probe.could_not_check, Tone::Unsure),
        ]
    };
    let table = TextTable {
        heads: vec![
            TableHead::flexible("probe"),
            TableHead::number("✓ passed"),
            TableHead::number("! failed"),
            TableHead::number("? could not check"),
        ],
        rows: probes.into_iter().map(row).collect(),
    };
    table.print(page)?;
    page.line("")
}
