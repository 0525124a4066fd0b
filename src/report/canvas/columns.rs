//! The columns that say who a row is, and what the rows are about.

use crate::text::failure::Failure;
use crate::text::normalise::key;
use crate::text::table::{HEADER_WITHIN, Record, Table};

/// The next step where a file is not what Canvas exports.
pub(super) const AS_CANVAS_WROTE_IT: &str =
    "in Canvas choose Grades, Export, Export Entire Gradebook, and give that file unchanged";

/// The columns that say who a row is. All of them are written back: Canvas finds the students by them.
pub(super) const IDENTITY: [&str; 9] = [
    "student",
    "lastname",
    "firstname",
    "id",
    "sis user id",
    "sis login id",
    "integration id",
    "root account",
    "section",
];

/// Where those columns are.
pub(super) struct Columns {
    names: Vec<usize>,
    pub(super) id: usize,
    pub(super) logins: Vec<usize>,
    pub(super) identity: Vec<usize>,
}

impl Columns {
    pub(super) fn of(header: &Record) -> Option<Self> {
        let keys: Vec<String> = header.fields.iter().map(|field| key(&field.text)).collect();
        let find = |name: &str| keys.iter().position(|key| key == name);
        let names = match (find("student"), find("lastname"), find("firstname")) {
            (Some(one), ..) => vec![one],
            (None, Some(last), Some(first)) => vec![last, first],
            _ => return None,
        };
        let identity = (0..keys.len()).filter(|at| IDENTITY.contains(&keys[*at].as_str()));
        Some(Self {
            names,
            id: find("id")?,
            logins: ["sis user id", "sis login id"]
                .into_iter()
                .filter_map(find)
                .collect(),
            identity: identity.collect(),
        })
    }

    pub(super) fn name(&self, record: &Record) -> String {
        let parts = self.names.iter().map(|at| record.text(*at));
        let parts: Vec<&str> = parts.filter(|part| !part.is_empty()).collect();
        parts.join(", ")
    }
}

/// The index of the header's record, and its columns.
pub(super) fn header(file: &str, table: &Table<'_>) -> Result<(usize, Columns), Failure> {
    let records = (0..).zip(&table.records);
    let mut filled = records.filter(|(_, row)| !row.is_blank());
    let Some((first, header)) = filled.next() else {
        return Err(Failure::new(file, "the file is empty").hint(AS_CANVAS_WROTE_IT));
    };
    let Some(columns) = Columns::of(header) else {
        let mut below = filled.take(HEADER_WITHIN).map(|(_, row)| row);
        return Err(match below.find(|row| Columns::of(row).is_some()) {
            Some(row) => Failure::new(file, format!(
                    "line {} looks like the header, and something stands above it",
                    row.line()
                )).hint(format!("delete everything above it, or {AS_CANVAS_WROTE_IT}")),
            None => Failure::new(file, "is not a Canvas gradebook export: its first row must have the columns Student and ID").hint(AS_CANVAS_WROTE_IT),
        });
    };
    if !matches!(table.separator, ',' | ';') {
        return Err(Failure::new(
            file,
            format!(
                "there are {}s between the cells, and Canvas imports commas and semicolons only",
                table.separator_word()
            ),
        )
        .hint(format!(
            "a spreadsheet has saved this file: {AS_CANVAS_WROTE_IT}"
        )));
    }
    Ok((first, columns))
}

pub(super) fn is_points_possible(record: &Record) -> bool {
    key(record.text(0)).contains("points possible")
}

/// Whether a row below the header is about somebody, as Canvas's importer decides it.
pub(super) fn is_person(record: &Record) -> bool {
    let says_posting = |text: &str| {
        let key = key(text);
        key.is_empty() || key == "muted" || key.starts_with("manual posting")
    };
    !is_points_possible(record) && !record.fields.iter().all(|f| says_posting(&f.text))
}
