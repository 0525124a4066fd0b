//! Fills one grade item of a Moodle gradebook export, for the import into Moodle.
//!
//! What Moodle exports as plain text (its `grade/export/txt`): a header row with `First name`, `Last name` (older:
//! `Surname`), `ID number`, `Email address` and more, then a column an item, `Assignment: Lab 6 (Real)`; then a row a
//! student, `-` where there is no grade. The teacher chooses separator and decimals.
//!
//! What it imports (its `grade/import/csv`): the teacher says by which column students are found, and which item a column
//! is. An empty cell or `-` deletes the grade, a written one counts as set by hand, and one row of nobody refuses the whole
//! file. So homeroom writes only the rows that change.

#[cfg(test)]
mod tests;

use std::io;

use crate::text::encoding::MARK;
use crate::text::failure::Failure;
use crate::text::normalise::key;
use crate::text::problems::{self, Problem, said_lines};
use crate::text::table::Record;
use crate::text::unwanted::shown;
use crate::text::words::some_of;

use super::csv::cell;
use super::document::Document;
use super::gradebook::{
    Cell, DecimalMark, Filled, GradeRules, Gradebook, Judged, Number, Person, System, Unreadable,
    decimal_mark, whole_table,
};
use crate::roster::Student;

const AS_MOODLE_WROTE_IT: &str = "in Moodle (in English) choose Grades, Export, Plain text file, with the grade display type Real, and give that file unchanged";
/// Hundredths of a point. Moodle takes no higher grade from a file, unless its administrator allows it (`unlimitedgrades`).
const USUAL_MOST: u64 = 10_000;
/// Items that a message names.
const NAMED: usize = 12;
/// How Moodle marks the three ways to show a grade, and the comment.
const REAL: &str = " (real)";
const NOT_REAL: [&str; 3] = [" (percentage)", " (letter)", " (feedback)"];

/// An export in which one item can be filled in for certain.
#[derive(Debug)]
pub(crate) struct MoodleExport {
    /// The item's header, as in the file.
    item: String,
    /// What the import is to find students by: a column's header.
    found_by: String,
    gradebook: Gradebook,
    /// For each person, what they are found by.
    ids: Vec<String>,
}

/// Where the columns are that say who a row is.
struct MoodleColumns {
    first: usize,
    last: usize,
    email: Option<usize>,
    username: Option<usize>,
    number: Option<usize>,
}

impl MoodleColumns {
    fn of(header: &Record) -> Option<Self> {
        let keys: Vec<String> = header.fields.iter().map(|f| key(&f.text)).collect();
        let find = |names: &[&str]| keys.iter().position(|key| names.contains(&key.as_str()));
        Some(Self {
            first: find(&["first name"])?,
            last: find(&["last name", "surname"])?,
            email: find(&["email address"]),
            username: find(&["username"]),
            number: find(&["id number"]),
        })
    }

    /// The columns by which Moodle can find a student, the best first.
    fn logins(&self) -> impl Iterator<Item = usize> {
        [self.email, self.username, self.number]
            .into_iter()
            .flatten()
    }
}

impl MoodleExport {
    /// Reads an export and finds the item in it. `file`: what messages call it; `wanted`: the item's header, or its name
    /// without what Moodle puts around it; `possible`: what the item is worth.
    ///
    /// # Errors
    /// Everything that is wrong at once: this is no Moodle export, it cannot be read, the item is not in it or there more
    /// than once, or somebody has more than it is worth.
    pub(crate) fn read(
        file: &str,
        bytes: &[u8],
        wanted: &str,
        possible: Number,
    ) -> Result<Self, Vec<Failure>> {
        let said = |found| problems::messages(file, found);
        let score = |record: &Record| u32::from(MoodleColumns::of(record).is_some());
        let table = whole_table(file, bytes, score, AS_MOODLE_WROTE_IT)?;
        let no_export = |cause: &str| vec![Failure::new(file, cause).hint(AS_MOODLE_WROTE_IT)];
        let mut rows = table.records.iter().filter(|row| !row.is_blank());
        let header = rows.next().ok_or_else(|| no_export("the file is empty"))?;
        let columns = MoodleColumns::of(header).ok_or_else(|| {
            no_export("is not a Moodle gradebook export: its first row must have the columns First name and Last name (or Surname)")
        })?;
        let logins: Vec<usize> = columns.logins().collect();
        let Some(found_by) = logins.first().copied() else {
            return Err(no_export(
                "has none of the columns Email address, Username and ID number, so Moodle could find nobody by it",
            ));
        };
        let rows: Vec<&Record> = rows.collect();
        let wide = |row: &&&Record| {
            let last = row.fields.iter().rposition(|f| !f.text.is_empty());
            last.is_some_and(|last| last >= header.fields.len())
        };
        let hint = "put double quotes around a value that has a separator in it, or export again and give the file unchanged";
        let wide = rows.iter().filter(wide).map(|row| {
            let problem =
                Problem::at_line(row.line(), "the row has more cells than the header", hint);
            problem
                .many("rows have more cells than the header")
                .alone(2)
        });
        let mut failures = said(wide.collect());
        let column = find(file, header, wanted).map_err(|failure| failures.push(failure));
        let (Ok(column), true) = (column, failures.is_empty()) else {
            return Err(failures);
        };
        let texts = rows.iter().map(|row| row.text(column));
        let mark = decimal_mark(texts, table.separator == ';');
        let people = rows.iter().map(|row| {
            let parts = [columns.last, columns.first].map(|at| row.text(at));
            let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
            let id = row.text(found_by);
            Person {
                name: parts.join(", "),
                logins: logins.iter().map(|at| row.text(*at).to_owned()).collect(),
                place: said_lines(&[row.line()]),
                cells: vec![read_cell(row.text(column), mark, possible)],
                // One that would have to be guarded against spreadsheets would not be found.
                known: !id.is_empty() && cell(id) == id,
                torn: false,
                test: false,
            }
        });
        let people: Vec<Person> = people.collect();
        let worth_more = people.iter().find_map(|person| match person.cells[..] {
            [Cell::Points(number)] if number.compare(possible).is_gt() => Some((person, number)),
            _ => None,
        });
        if let Some((person, number)) = worth_more {
            let cause = format!(
                "{} has {number} points in Moodle, and --points-possible says that there are {possible}",
                person.place
            );
            return Err(vec![Failure::new(file, cause).hint(
                "give what the item is worth in Moodle (its Maximum grade): a wrong figure makes every grade wrong",
            )]);
        }
        let ids = rows.iter().map(|row| row.text(found_by).to_owned());
        Ok(Self {
            item: header.text(column).to_owned(),
            found_by: header.text(found_by).to_owned(),
            ids: ids.collect(),
            gradebook: Gradebook {
                system: System::Moodle,
                title: header.text(column).to_owned(),
                possible,
                people,
            },
        })
    }

    /// Fills in the item: see [`Gradebook::judge`].
    ///
    /// # Errors
    /// Never in practice; the CSV writer's own error otherwise.
    pub(crate) fn fill(
        &self,
        document: &Document,
        roster: &[Student],
        rules: GradeRules,
    ) -> io::Result<Filled> {
        let judged = self.gradebook.judge(document, roster, rules);
        Ok(Filled {
            bytes: self.written(&judged)?,
            judged,
        })
    }

    /// What to do with the file.
    pub(crate) fn how_to_import(&self) -> Vec<String> {
        let mut notes = vec![format!(
            "in Moodle choose Grades, Import, CSV file; map {} to the students, and the item's column to the item",
            shown(&self.found_by)
        )];
        let most = Number::from_hundredths(USUAL_MOST);
        if self.gradebook.possible.compare(most).is_gt() {
            notes.push(format!(
                "most Moodles refuse a file with a grade above {most}: if yours does, ask its administrator about 'unlimitedgrades'"
            ));
        }
        notes
    }

    fn written(&self, judged: &Judged) -> io::Result<Vec<u8>> {
        let mut writer = csv::Writer::from_writer(MARK.to_vec());
        let header = [cell(&self.found_by), cell("Name"), cell(&self.item)];
        writer.write_record(header.iter().map(|text| text.as_bytes()))?;
        for graded in judged
            .graded
            .iter()
            .filter(|graded| !graded.cells.is_empty())
        {
            let (id, person) = (
                &self.ids[graded.person],
                &self.gradebook.people[graded.person],
            );
            // Moodle reads a point in every language.
            let points = graded.to.written(DecimalMark::Point);
            let name = cell(&person.name);
            writer.write_record([id.as_bytes(), name.as_bytes(), points.as_bytes()])?;
        }
        writer.into_inner().map_err(|e| e.into_error())
    }
}

/// `-` is no grade. What has two readings is the decimal one, where the thousands would be more than the item gives.
fn read_cell(text: &str, mark: DecimalMark, possible: Number) -> Cell {
    match Number::read(text) {
        _ if matches!(key(text).as_str(), "" | "-" | "–" | "—") => Cell::Empty,
        Ok(number) => Cell::Points(number),
        Err(Unreadable::Ambiguous(thousands, decimal))
            if text.contains(mark.character()) && thousands.compare(possible).is_gt() =>
        {
            Cell::Points(decimal)
        }
        Err(_) => Cell::Other(text.to_owned()),
    }
}

/// The item's column.
fn find(file: &str, header: &Record, wanted: &str) -> Result<usize, Failure> {
    let keys: Vec<String> = header.fields.iter().map(|f| key(&f.text)).collect();
    let bare = |at: usize| keys[at].strip_suffix(REAL).unwrap_or(&keys[at]);
    let is_item = |at: &usize| {
        let total = bare(*at).ends_with(" total");
        keys[*at].ends_with(REAL) && !total
    };
    let wanted_key = key(wanted);
    let name = |at: usize| bare(at).split_once(": ").map_or(bare(at), |(_, name)| name);
    let ways: [&dyn Fn(usize) -> bool; 3] = [
        &|at| keys[at] == wanted_key,
        &|at| bare(at) == wanted_key,
        &|at| name(at) == wanted_key,
    ];
    let items: Vec<usize> = (0..keys.len()).filter(is_item).collect();
    let named = |of: &[usize]| {
        let names: Vec<String> = of.iter().map(|at| shown(header.text(*at))).collect();
        some_of(&names, NAMED)
    };
    let failure = |cause: String, hint: String| {
        Failure::new(format!("--assignment {}", shown(wanted)), cause).hint(hint)
    };
    for way in ways {
        let found: Vec<usize> = items.iter().copied().filter(|at| way(*at)).collect();
        match found.as_slice() {
            [] => {}
            [one] => return Ok(*one),
            several => {
                return Err(failure(
                    format!("{file} has more than one item of that name"),
                    format!(
                        "give the whole header, or rename one in Moodle: {}",
                        named(several)
                    ),
                ));
            }
        }
    }
    let other = (0..keys.len()).find(|at| {
        let ending = NOT_REAL
            .iter()
            .find_map(|ending| keys[*at].strip_suffix(ending));
        let name = |text: &str| {
            text.split_once(": ")
                .map_or(text.to_owned(), |(_, n)| n.to_owned())
        };
        keys[*at] == wanted_key
            || ending.is_some_and(|text| text == wanted_key || name(text) == wanted_key)
    });
    let list = match items.is_empty() {
        true => AS_MOODLE_WROTE_IT.to_owned(),
        false => format!("the items are {}", named(&items)),
    };
    Err(match other {
        Some(at) => failure(
            format!(
                "{} holds no points that can be imported",
                shown(header.text(at))
            ),
            list,
        ),
        None => failure(
            format!("{file} has no item of that name with points (Real)"),
            list,
        ),
    })
}
