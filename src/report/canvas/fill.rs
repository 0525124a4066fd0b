//! Filling in an export: the cells that a gradebook's judgement says.

use std::collections::BTreeMap;

use crate::report::document::Document;
use crate::report::gradebook::{Filled, GradeRules, Number};
use crate::roster::Student;
use crate::text::encoding::MARK;

use super::export::Export;

impl Export<'_> {
    /// Fills in the assignment's column: see [`Gradebook::judge`](crate::report::gradebook::Gradebook::judge).
    pub(crate) fn fill(
        &self,
        document: &Document,
        roster: &[Student],
        rules: GradeRules,
    ) -> Filled {
        let judged = self.gradebook.judge(document, roster, rules);
        let mut edits: BTreeMap<usize, String> = BTreeMap::new();
        for graded in &judged.graded {
            let text = self.cell_text(graded.to);
            let records = &self.records[graded.person];
            edits.extend(
                graded
                    .cells
                    .iter()
                    .map(|cell| (records[*cell], text.clone())),
            );
        }
        Filled {
            bytes: self.written(&edits),
            judged,
        }
    }

    fn cell_text(&self, grade: Number) -> String {
        let text = grade.written(self.mark);
        match text.contains(self.table.separator) {
            true => format!("\"{text}\""),
            false => text,
        }
    }

    /// The file with the kept columns alone: every row, and every byte of the cells that were not filled in.
    fn written(&self, edits: &BTreeMap<usize, String>) -> Vec<u8> {
        let mut out: Vec<u8> = Vec::new();
        if self.has_byte_order_mark {
            out.extend_from_slice(MARK);
        }
        let mut separator = [0; 4];
        let separator = self.table.separator.encode_utf8(&mut separator).as_bytes();
        for (at, record) in self.table.records.iter().enumerate() {
            let edit = edits.get(&at);
            // A row that ends early stays as short as it is, unless its cell is to be filled in.
            let there = |column: &&usize| {
                edit.is_some() && **column <= self.column || **column < record.fields.len()
            };
            for (index, column) in self.kept.iter().filter(there).enumerate() {
                if index > 0 {
                    out.extend_from_slice(separator);
                }
                match (edit, record.fields.get(*column)) {
                    (Some(text), _) if *column == self.column => {
                        out.extend_from_slice(text.as_bytes())
                    }
                    (_, Some(field)) => out.extend_from_slice(self.table.raw(field)),
                    (_, None) => {}
                }
            }
            out.extend_from_slice(self.table.line_break(record));
        }
        out
    }
}
