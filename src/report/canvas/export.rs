//! Reading a Canvas export, and judging it before anything else is done.

use std::collections::BTreeMap;

use crate::text::failure::Failure;
use crate::text::normalise::key;
use crate::text::problems::{Like, Problem};
use crate::text::similar;
use crate::text::table::{Record, Table};
use crate::text::unwanted::shown;
use crate::text::words::some_of;

use super::matching::ExportPerson;
use super::number::{DecimalMark, Number, Unreadable, decimal_mark};

/// What Canvas calls totals: its importer passes over every column with one of these in its title
/// (`NON_ASSIGNMENT_COLUMN_HEADERS` of its `lib/gradebook_importer.rb`).
const TOTALS: [&str; 9] = [
    "Current Score",
    "Current Points",
    "Current Grade",
    "Final Score",
    "Final Points",
    "Final Grade",
    "Override Score",
    "Override Grade",
    "Override Status",
];
/// The columns that say who a row is. All of them are written back: by them Canvas knows the students again.
const IDENTITY: [&str; 9] = [
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
/// Assignments that a message names.
const NAMED: usize = 12;
const AS_CANVAS_WROTE_IT: &str =
    "in Canvas choose Grades, Export, Export Entire Gradebook, and give that file unchanged";

/// An export of which it is certain that one assignment's column can be filled in.
#[derive(Debug)]
pub(crate) struct Export<'a> {
    pub(super) table: Table<'a>,
    /// Whether the file begins with a byte-order mark.
    pub(super) marked: bool,
    /// The assignment's column.
    pub(super) column: usize,
    /// Its header, as it stands in the file.
    pub(super) title: String,
    /// Columns that are written, in the file's order: those of identity, and the assignment.
    pub(super) kept: Vec<usize>,
    /// What Canvas gives for the assignment; more than 0.
    pub(super) possible: Number,
    pub(super) mark: DecimalMark,
    pub(super) people: Vec<ExportEntry>,
}

/// A person of the export, and where they stand in it.
#[derive(Debug)]
pub(super) struct ExportEntry {
    pub(crate) person: ExportPerson,
    /// Indices of their records: more than one where they are in more than one section.
    pub(crate) records: Vec<usize>,
    /// Whether Canvas can tell whose the rows are: by its ID, a SIS id or a login.
    pub(crate) known_to_canvas: bool,
}

/// Where the columns are that say who a row is.
struct Columns {
    names: Vec<usize>,
    id: usize,
    logins: Vec<usize>,
    identity: Vec<usize>,
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
        let said = |problems| Failure::in_file(file, problems);
        let table = Table::read(bytes, header_score).map_err(|refused| {
            // Saving it otherwise in a spreadsheet would change IDs and numbers, too.
            let hint = AS_CANVAS_WROTE_IT.to_owned();
            said(vec![Problem {
                hint,
                ..refused.problem
            }])
        })?;
        let flaws = table.flaws();
        if !flaws.is_empty() {
            return Err(said(flaws));
        }
        let (at, columns) = header(file, &table).map_err(|failure| vec![failure])?;
        let header = &table.records[at];
        let rest = at + 1..table.records.len();

        let mut problems = doubled(header);
        let rows = || table.records[rest.clone()].iter();
        problems.extend(rows().filter_map(|row| too_wide(header, row)));
        problems.extend(rows().filter_map(|row| changed_id(&columns, row)));
        let mut failures = said(problems);
        let points: Vec<&Record> = rows().filter(|row| is_points_possible(row)).collect();
        let found = find_assignment(file, header, assignment).and_then(|column| {
            let possible = possible(file, &points, column, header.text(column))?;
            Ok((column, possible))
        });
        let found = found.map_err(|failure| failures.push(failure));
        let (column, possible) = match found {
            Ok(found) if failures.is_empty() => found,
            _ => return Err(failures),
        };

        let rows = rest.filter(|row| is_person(&table.records[*row]));
        let people = people(&table, &columns, rows);
        let cells = table.records[at + 1..].iter().flat_map(|record| {
            let fields = record.fields.iter().enumerate();
            let numbers = fields.filter(|(index, _)| !columns.identity.contains(index));
            numbers.map(|(_, field)| field.text.as_str())
        });
        let mark = decimal_mark(cells, table.separator == ';');
        let mut kept = columns.identity;
        kept.push(column);
        kept.sort_unstable();
        Ok(Self {
            title: header.text(column).to_owned(),
            marked: bytes.starts_with(b"\xEF\xBB\xBF"),
            column,
            kept,
            possible,
            mark,
            people,
            table,
        })
    }
}

/// How much a record looks like an export's header.
fn header_score(record: &Record) -> u32 {
    match Columns::of(record) {
        Some(columns) => u32::try_from(columns.identity.len()).unwrap_or(u32::MAX),
        None => 0,
    }
}

fn refused(subject: &str, cause: impl Into<String>, hint: impl Into<String>) -> Failure {
    Failure {
        request_id: None,
        subject: subject.to_owned(),
        cause: cause.into(),
        hint: Some(hint.into()),
    }
}

/// The header's place and columns.
fn header(file: &str, table: &Table<'_>) -> Result<(usize, Columns), Failure> {
    let filled = (0..table.records.len()).filter(|at| !table.records[*at].is_blank());
    let filled: Vec<usize> = filled.collect();
    let Some((first, below)) = filled.split_first() else {
        return Err(refused(file, "the file is empty", AS_CANVAS_WROTE_IT));
    };
    let Some(columns) = Columns::of(&table.records[*first]) else {
        let mut below = below.iter().take(20).map(|at| &table.records[*at]);
        return Err(match below.find(|row| Columns::of(row).is_some()) {
            Some(row) => refused(
                file,
                format!(
                    "line {} looks like the header, and something stands above it",
                    row.line()
                ),
                format!("delete everything above it, or {AS_CANVAS_WROTE_IT}"),
            ),
            None => refused(
                file,
                "is no Canvas gradebook export: its first row must have the columns Student and ID",
                AS_CANVAS_WROTE_IT,
            ),
        });
    };
    if !matches!(table.separator, ',' | ';') {
        return Err(refused(
            file,
            format!(
                "there are {}s between the cells, and Canvas imports commas and semicolons only",
                table.separator_word()
            ),
            format!("a spreadsheet has saved this file: {AS_CANVAS_WROTE_IT}"),
        ));
    }
    Ok((*first, columns))
}

impl Columns {
    fn of(header: &Record) -> Option<Self> {
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

    fn name(&self, record: &Record) -> String {
        let parts = self.names.iter().map(|at| record.text(*at));
        let parts: Vec<&str> = parts.filter(|part| !part.is_empty()).collect();
        parts.join(", ")
    }
}

/// Columns of identity that are there twice.
fn doubled(header: &Record) -> Vec<Problem> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut problems = Vec::new();
    for (index, field) in header.fields.iter().enumerate() {
        let key = key(&field.text);
        if !IDENTITY.contains(&key.as_str()) {
            continue;
        }
        if let Some(first) = seen.insert(key, index) {
            problems.push(Problem {
                line: field.line,
                column: Some((index + 1, None)),
                cause: format!("column {} is called {} too", first + 1, shown(&field.text)),
                hint: AS_CANVAS_WROTE_IT.to_owned(),
                like: None,
            });
        }
    }
    problems
}

/// A row with more cells than the header: nobody can tell which of them belong to which column.
fn too_wide(header: &Record, record: &Record) -> Option<Problem> {
    let has = record.fields.iter().rposition(|f| !f.text.is_empty())? + 1;
    let columns = header.fields.len();
    let hint = "put double quotes around a value that has a separator in it, or export again and give the file unchanged";
    let cause = format!("the row has {has} cells, and the header has {columns}");
    (has > columns).then(|| {
        Problem::at_line(record.line(), cause, hint).like(Like {
            many: format!("rows have more cells than the header, which has {columns}"),
            example: String::new(),
            hint: hint.to_owned(),
            instead: None,
            alone: 2,
        })
    })
}

/// An ID that is no number: Canvas would read its first digits, and find another student by them.
fn changed_id(columns: &Columns, record: &Record) -> Option<Problem> {
    let field = record.fields.get(columns.id)?;
    if !is_person(record) || field.text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let hint = format!("a spreadsheet may have changed it: {AS_CANVAS_WROTE_IT}");
    let problem = Problem {
        line: field.line,
        column: Some((columns.id + 1, Some("ID".to_owned()))),
        cause: format!("the ID {} is no number", shown(&field.text)),
        hint: hint.clone(),
        like: None,
    };
    Some(problem.like(Like {
        many: "IDs are no numbers".to_owned(),
        example: shown(&field.text),
        hint,
        instead: None,
        alone: 0,
    }))
}

fn is_points_possible(record: &Record) -> bool {
    key(record.text(0)).contains("points possible")
}

/// Whether a row below the header is about somebody, as Canvas's importer decides it.
fn is_person(record: &Record) -> bool {
    let says_posting = |text: &str| {
        let key = key(text);
        key.is_empty() || key == "muted" || key.starts_with("manual posting")
    };
    !is_points_possible(record) && !record.fields.iter().all(|f| says_posting(&f.text))
}

/// The people of an export: rows with one Canvas ID are one person, in more than one section perhaps.
fn people(
    table: &Table<'_>,
    columns: &Columns,
    rows: impl Iterator<Item = usize>,
) -> Vec<ExportEntry> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let mut by_id: BTreeMap<&str, usize> = BTreeMap::new();
    for row in rows {
        let id = table.records[row].text(columns.id).trim_start_matches('0');
        match by_id.get(id) {
            Some(group) if !id.is_empty() => groups[*group].push(row),
            _ => {
                by_id.insert(id, groups.len());
                groups.push(vec![row]);
            }
        }
    }
    let mut people = Vec::new();
    for records in groups {
        let id = table.records[records[0]].text(columns.id);
        let rows: Vec<ExportPerson> = records
            .iter()
            .map(|row| person(columns, &table.records[*row]))
            .collect();
        let known =
            |person: &ExportPerson| !id.is_empty() || person.logins.iter().any(|l| !l.is_empty());
        match agreed(&rows) {
            Some(person) => people.push(ExportEntry {
                known_to_canvas: known(&person),
                person,
                records,
            }),
            None => {
                people.extend(
                    rows.into_iter()
                        .zip(records)
                        .map(|(person, record)| ExportEntry {
                            known_to_canvas: known(&person),
                            person: ExportPerson {
                                torn: true,
                                ..person
                            },
                            records: vec![record],
                        }),
                )
            }
        }
    }
    people
}

/// The one person that rows of one ID are about; `None` where they have different names or logins.
fn agreed(rows: &[ExportPerson]) -> Option<ExportPerson> {
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
    }
    Some(person)
}

fn person(columns: &Columns, record: &Record) -> ExportPerson {
    let name = columns.name(record);
    let logins: Vec<String> = columns
        .logins
        .iter()
        .map(|at| record.text(*at).to_owned())
        .collect();
    // Canvas gives its test student a login of forty hexadecimal digits.
    let hashed = |login: &String| login.len() == 40 && login.bytes().all(|b| b.is_ascii_hexdigit());
    let test = matches!(key(&name).as_str(), "student, test" | "test student")
        || logins.iter().any(hashed);
    ExportPerson {
        name,
        logins,
        torn: false,
        test,
    }
}

/// The assignment's column.
fn find_assignment(file: &str, header: &Record, wanted: &str) -> Result<usize, Failure> {
    let titles: Vec<&str> = header.fields.iter().map(|f| f.text.as_str()).collect();
    let assignments = || (0..titles.len()).filter(|at| is_assignment(titles[*at]));
    let wanted = wanted.trim();
    let title = |at: usize| title_of(titles[at]).unwrap_or_default();
    // The number in brackets tells assignments of one title apart, so it comes first.
    let ways: [&dyn Fn(usize) -> bool; 4] = [
        &|at| titles[at] == wanted,
        &|at| key(titles[at]) == key(wanted),
        &|at| title(at) == wanted,
        &|at| key(title(at)) == key(wanted),
    ];
    let subject = match wanted.is_empty() {
        true => "--assignment ''".to_owned(),
        false => format!("--assignment {wanted}"),
    };
    let failure = |cause: String, hint: String| refused(&subject, cause, hint);
    let named = |of: &[usize]| {
        let names: Vec<String> = of.iter().map(|at| shown(titles[*at])).collect();
        some_of(&names, NAMED)
    };
    for way in ways {
        let found: Vec<usize> = assignments().filter(|at| way(*at)).collect();
        match found.as_slice() {
            [] => {}
            [one] => return Ok(*one),
            several => {
                let equal = several.iter().all(|at| titles[*at] == titles[several[0]]);
                return Err(failure(
                    format!("{file} has more than one assignment of that name"),
                    match equal {
                        true => format!("Canvas numbers each column: {AS_CANVAS_WROTE_IT}"),
                        false => format!("give the name with its number: {}", named(several)),
                    },
                ));
            }
        }
    }
    let all: Vec<usize> = assignments().collect();
    let hint = match all.is_empty() {
        true => "create the assignment in Canvas first, then export again".to_owned(),
        false => {
            let listed = format!("the assignments are {}", named(&all));
            // Few are seen at a glance.
            let near = similar::did_you_mean(wanted, all.iter().map(|at| title(*at)));
            match near.filter(|_| all.len() > NAMED) {
                Some(near) => format!("{near} ({listed})"),
                None => listed,
            }
        }
    };
    let without_brackets = |text: &str| text.rsplit_once(" (").map_or(key(text), |(t, _)| key(t));
    let no_assignment = (0..titles.len())
        .find(|at| key(titles[*at]) == key(wanted) || without_brackets(titles[*at]) == key(wanted));
    Err(match no_assignment {
        Some(at) if is_total(titles[at]) => failure(
            format!(
                "{} is a read-only column: Canvas takes it for a total of its own, and imports nothing into it",
                shown(titles[at])
            ),
            match title_of(titles[at]) {
                Some(_) => format!(
                    "if it is an assignment of yours, rename it in Canvas and export again: no title may have the words of a total ('Final Score'); {hint}"
                ),
                None => hint,
            },
        ),
        Some(at) if !wanted.is_empty() => failure(
            format!(
                "{} is no assignment: an assignment's column has its number in brackets",
                shown(titles[at])
            ),
            hint,
        ),
        _ => failure(format!("{file} has no assignment of that name"), hint),
    })
}

/// `Lab 6` of `Lab 6 (12345)`; `None` for what has no number.
fn title_of(header: &str) -> Option<&str> {
    let (title, id) = header.trim().strip_suffix(')')?.rsplit_once('(')?;
    let digits = !id.is_empty() && id.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| title.trim())
}

fn is_total(header: &str) -> bool {
    TOTALS.iter().any(|total| header.contains(total))
}

fn is_assignment(header: &str) -> bool {
    title_of(header).is_some() && !is_total(header)
}

/// What Canvas gives for the assignment. Never guessed: a wrong figure makes every grade wrong. `rows`: those of
/// 'Points Possible'.
fn possible(file: &str, rows: &[&Record], column: usize, title: &str) -> Result<Number, Failure> {
    let title = shown(title);
    let row = match rows {
        [one] => one,
        [] => {
            let cause =
                format!("has no row 'Points Possible', so what {title} is worth is not known");
            return Err(refused(file, cause, AS_CANVAS_WROTE_IT));
        }
        several => {
            let cause = format!("has {} rows 'Points Possible'", several.len());
            return Err(refused(file, cause, AS_CANVAS_WROTE_IT));
        }
    };
    let text = row.text(column);
    let set = "give the assignment points in Canvas, then export again";
    let (cause, hint) = match Number::read(text) {
        _ if text.is_empty() => (
            format!("Canvas has no points for {title}: its cell under 'Points Possible' is empty"),
            set,
        ),
        _ if key(text).contains("read only") => (
            format!("{title} is read only, so Canvas would import no grades into it"),
            "choose another assignment",
        ),
        Ok(number) if number.is_positive() => return Ok(number),
        Ok(number) => (
            format!("{title} is worth {number} points in Canvas, so no grade could be right"),
            set,
        ),
        Err(Unreadable::Ambiguous(one, other)) => (
            format!(
                "the points possible of {title}, {}, could be {one} or {other}",
                shown(text)
            ),
            "write them as Canvas does, with two decimals and nothing between thousands (1000.00), or export again and give the file unchanged",
        ),
        Err(Unreadable::NoNumber) => (
            format!(
                "the points possible of {title}, {}, are no number",
                shown(text)
            ),
            AS_CANVAS_WROTE_IT,
        ),
    };
    Err(refused(file, format!("line {}: {cause}", row.line()), hint))
}
