//! Reading a Canvas export, and judging it before anything else is done.

use std::collections::BTreeMap;

use crate::report::gradebook::{
    Cell, DecimalMark, Gradebook, Number, Person, System, Unreadable, decimal_mark, whole_table,
};
use crate::text::encoding::MARK;
use crate::text::failure::Failure;
use crate::text::normalise::key;
use crate::text::problems::{self, Problem, said_lines};
use crate::text::table::{Record, Table};
use crate::text::unwanted::shown;

use super::assignment;
use super::columns::{
    AS_CANVAS_WROTE_IT, Columns, IDENTITY, header, is_person, is_points_possible,
};

/// An export in which one assignment's column can be filled in for certain.
#[derive(Debug)]
pub(crate) struct Export<'a> {
    pub(super) table: Table<'a>,
    pub(super) has_byte_order_mark: bool,
    /// The assignment's column.
    pub(super) column: usize,
    /// Columns that are written, in the file's order: those of identity, and the assignment.
    pub(super) kept: Vec<usize>,
    pub(super) mark: DecimalMark,
    pub(super) gradebook: Gradebook,
    /// For each person of the gradebook, the records of their cells.
    pub(super) records: Vec<Vec<usize>>,
}

/// Whose a record is, as far as the record itself says it.
#[derive(Debug, Clone)]
struct Row {
    name: String,
    /// SIS id and login.
    logins: Vec<String>,
    /// More than one where they are in more than one section.
    records: Vec<usize>,
    known: bool,
    torn: bool,
    test: bool,
}

impl<'a> Export<'a> {
    /// Reads an export and finds the assignment in it. `file`: what messages call the export; `assignment`: the
    /// column's header, or its title without the number in brackets.
    ///
    /// # Errors
    /// Everything that is wrong at once: this is no Canvas export, a row of it cannot be read, the assignment is not in
    /// it or there more than once, or it is not certain how many points it is worth.
    pub(crate) fn read(
        file: &str,
        bytes: &'a [u8],
        assignment: &str,
    ) -> Result<Self, Vec<Failure>> {
        let said = |found| problems::messages(file, found);
        // Not the table's own hint: saving the file in a spreadsheet would also change IDs and numbers.
        let table = whole_table(file, bytes, header_score, AS_CANVAS_WROTE_IT)?;
        let (at, columns) = header(file, &table).map_err(|failure| vec![failure])?;
        let header = &table.records[at];
        let below = &table.records[at + 1..];

        let mut problems = doubled(header);
        problems.extend(below.iter().filter_map(|row| too_wide(header, row)));
        problems.extend(below.iter().filter_map(|row| changed_id(&columns, row)));
        let mut failures = said(problems);
        let points: Vec<&Record> = below.iter().filter(|row| is_points_possible(row)).collect();
        let found = assignment::find(file, header, assignment).and_then(|column| {
            let possible = assignment::possible(file, &points, column, header.text(column))?;
            Ok((column, possible))
        });
        let found = found.map_err(|failure| failures.push(failure));
        let (column, possible) = match found {
            Ok(found) if failures.is_empty() => found,
            _ => return Err(failures),
        };

        let numbers = below.iter().flat_map(|record| {
            let fields = record.fields.iter().enumerate();
            let numbers = fields.filter(|(index, _)| !columns.identity.contains(index));
            numbers.map(|(_, field)| field.text.as_str())
        });
        let mark = decimal_mark(numbers, table.separator == ';');
        let reader = CellReader { mark, possible };
        let rows = rows(&table, &columns, at + 1);
        let people = rows.iter().map(|row| {
            let records = row.records.iter().map(|at| &table.records[*at]);
            let lines: Vec<usize> = records.clone().map(Record::line).collect();
            Person {
                name: row.name.clone(),
                logins: row.logins.clone(),
                place: said_lines(&lines),
                cells: records.map(|r| reader.read(r.text(column))).collect(),
                known: row.known,
                torn: row.torn,
                test: row.test,
            }
        });
        let gradebook = Gradebook {
            system: System::Canvas,
            title: header.text(column).to_owned(),
            possible,
            people: people.collect(),
        };
        let mut kept = columns.identity;
        kept.push(column);
        kept.sort_unstable();
        Ok(Self {
            has_byte_order_mark: bytes.starts_with(MARK),
            column,
            kept,
            mark,
            records: rows.into_iter().map(|row| row.records).collect(),
            gradebook,
            table,
        })
    }
}

/// Reads the assignment's cells.
struct CellReader {
    mark: DecimalMark,
    possible: Number,
}

impl CellReader {
    fn read(&self, text: &str) -> Cell {
        match key(text).as_str() {
            "ex" | "excused" => Cell::Excused,
            // These mean "no score" to Canvas.
            "" | "-" | "–" | "—" => Cell::Empty,
            "n/a" => Cell::NotAssigned,
            _ => match self.points(text) {
                Ok(number) => Cell::Points(number),
                Err(_) => Cell::Other(text.to_owned()),
            },
        }
    }

    /// `99.999` could be 99 thousand. It is read as a decimal where the file writes decimals like this, and the
    /// thousands would be more than the assignment gives.
    fn points(&self, text: &str) -> Result<Number, Unreadable> {
        match Number::read(text) {
            Err(Unreadable::Ambiguous(thousands, decimal))
                if text.contains(self.mark.character())
                    && thousands.compare(self.possible).is_gt() =>
            {
                Ok(decimal)
            }
            read => read,
        }
    }
}

/// How much a record looks like an export's header.
fn header_score(record: &Record) -> u32 {
    let columns = Columns::of(record).map_or(0, |columns| columns.identity.len());
    u32::try_from(columns).unwrap_or(u32::MAX)
}

/// Columns of identity that the header has twice.
fn doubled(header: &Record) -> Vec<Problem> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut problems = Vec::new();
    for (number, field) in (1..).zip(&header.fields) {
        let key = key(&field.text);
        if !IDENTITY.contains(&key.as_str()) {
            continue;
        }
        if let Some(first) = seen.insert(key, number) {
            let cause = format!("column {first} is called {} too", shown(&field.text));
            let problem = Problem::at_line(field.line, cause, AS_CANVAS_WROTE_IT);
            problems.push(problem.in_column(Some((number, None))));
        }
    }
    problems
}

/// A row with more cells than the header: nobody can tell which cell belongs to which column.
fn too_wide(header: &Record, record: &Record) -> Option<Problem> {
    let has = record.fields.iter().rposition(|f| !f.text.is_empty())? + 1;
    let columns = header.fields.len();
    let hint = "put double quotes around a value that has a separator in it, or export again and give the file unchanged";
    let cause = format!("the row has {has} cells, and the header has {columns}");
    let many = format!("rows have more cells than the header, which has {columns}");
    let problem = Problem::at_line(record.line(), cause, hint);
    (has > columns).then(|| problem.many(many).alone(2))
}

/// An ID that is no number: Canvas would read only its first digits, and find another student by them.
fn changed_id(columns: &Columns, record: &Record) -> Option<Problem> {
    let field = record.fields.get(columns.id)?;
    if !is_person(record) || field.text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let id = shown(&field.text);
    let hint = format!("a spreadsheet may have changed it: {AS_CANVAS_WROTE_IT}");
    let problem = Problem::at_line(field.line, format!("the ID {id} is not a number"), hint);
    let problem = problem.in_column(Some((columns.id + 1, Some("ID".to_owned()))));
    Some(problem.many("IDs are not numbers").example(id))
}

/// The people of an export, from the records below the header. Rows with the same Canvas ID are one person, who may be
/// in more than one section.
fn rows(table: &Table<'_>, columns: &Columns, below: usize) -> Vec<Row> {
    let mut groups: Vec<Vec<Row>> = Vec::new();
    let mut by_id: BTreeMap<&str, usize> = BTreeMap::new();
    for (row, record) in table.records.iter().enumerate().skip(below) {
        if !is_person(record) {
            continue;
        }
        let person = row_of(columns, row, record);
        let id = record.text(columns.id).trim_start_matches('0');
        match by_id.get(id) {
            Some(group) if !id.is_empty() => groups[*group].push(person),
            _ => {
                by_id.insert(id, groups.len());
                groups.push(vec![person]);
            }
        }
    }
    let people = groups.into_iter().flat_map(|mut rows| match agreed(&rows) {
        Some(person) => vec![person],
        None => {
            rows.iter_mut().for_each(|person| person.torn = true);
            rows
        }
    });
    people.collect()
}

/// The one person that rows of one ID are about; `None` where they have different names or logins.
fn agreed(rows: &[Row]) -> Option<Row> {
    let mut person = rows.first()?.clone();
    for row in &rows[1..] {
        if key(&row.name) != key(&person.name) {
            return None;
        }
        for (have, login) in person.logins.iter_mut().zip(&row.logins) {
            if have.is_empty() {
                have.clone_from(login);
            } else if !login.is_empty() && key(have) != key(login) {
                return None;
            }
        }
        person.records.extend(&row.records);
        person.known |= row.known;
    }
    Some(person)
}

fn row_of(columns: &Columns, row: usize, record: &Record) -> Row {
    let name = columns.name(record);
    let logins = columns.logins.iter();
    let logins: Vec<String> = logins.map(|at| record.text(*at).to_owned()).collect();
    // Canvas gives its test student a login of forty hexadecimal digits.
    let hashed = |login: &String| login.len() == 40 && login.bytes().all(|b| b.is_ascii_hexdigit());
    Row {
        test: matches!(key(&name).as_str(), "student, test" | "test student")
            || logins.iter().any(hashed),
        known: !record.text(columns.id).is_empty() || logins.iter().any(|login| !login.is_empty()),
        name,
        logins,
        records: vec![row],
        torn: false,
    }
}
