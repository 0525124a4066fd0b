//! A Canvas gradebook export with one assignment's column filled in; every other byte stays what it was.
//!
//! What Canvas exports (its `lib/gradebook_exporter.rb`): a header row with `Student` (or `LastName` and
//! `FirstName`), `ID`, `SIS User ID`, `SIS Login ID`, `Section` and then assignments as `Title (id)`; maybe a row
//! that says which are posted by hand; a row whose first cell is `    Points Possible`; then one row a student,
//! `EX` where one is excused and `N/A` where the assignment is not theirs. Some languages export `;` between
//! cells and a comma in numbers.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::domain::ids::Username;
use crate::domain::points::Points;
use crate::events::Failure;

use super::class::{ClassReport, Score};
use super::text::clean;

/// Byte order mark of UTF-8, which Canvas writes when a teacher's settings ask for it.
const BOM: &[u8] = b"\xef\xbb\xbf";

/// An export with a column filled in, and who could not be.
#[derive(Debug, Clone, PartialEq)]
pub struct Filled {
    /// The file's bytes.
    pub bytes: Vec<u8>,
    /// The column's header, as it stands in the file.
    pub assignment: String,
    /// Students whose cell was written.
    pub filled: Vec<Username>,
    /// Students of the class whose cell stays what it was, and why.
    pub left: Vec<(Username, String)>,
    /// Rows of the export that are nobody of the class: the name as it stands there.
    pub strangers: Vec<String>,
    /// homeroom's total and the assignment's points possible, where they differ and points were scaled.
    pub scaled: Option<(Points, f64)>,
}

/// Fills one assignment's column. `file`: what messages call the export; `assignment`: the column's header, or
/// its title without the id in brackets.
///
/// # Errors
/// When this is no Canvas export, or the assignment is not in it or there more than once.
pub fn fill(
    report: &ClassReport,
    file: &str,
    export: &[u8],
    assignment: &str,
) -> Result<Filled, Failure> {
    let sheet = Sheet::read(export);
    let (header, rest) = sheet.rows.split_first().ok_or_else(|| no_export(file))?;
    let columns = Columns::of(&sheet, header).ok_or_else(|| no_export(file))?;
    let column = find_assignment(&sheet, header, file, assignment)?;
    let is_possible = |row: &&Row| sheet.cell(row, 0).trim() == "Points Possible";
    let possible = rest.iter().find(is_possible);
    let possible = possible.map_or(String::new(), |row| sheet.cell(row, column));
    let comma = possible.contains(',') && !possible.contains('.');
    let possible: Option<f64> = possible.trim().replace(',', ".").parse().ok();

    let mut matcher = Matcher::of(report);
    let mut edits: Vec<(Range<usize>, String)> = Vec::new();
    let mut filled = Filled {
        bytes: Vec::new(),
        assignment: sheet.cell(header, column),
        filled: Vec::new(),
        left: Vec::new(),
        strangers: Vec::new(),
        scaled: None,
    };
    for row in rest {
        // Rows that are no student's have no id.
        if sheet.cell(row, columns.id).trim().is_empty() {
            continue;
        }
        let Some(index) = matcher.find(&columns, &sheet, row) else {
            filled
                .strangers
                .push(clean(&columns.name(&sheet, row)).into_owned());
            continue;
        };
        let student = &report.students[index];
        let username = student.student.username.clone();
        let score = student.score();
        let Some(place) = row.cells.get(column).cloned() else {
            filled
                .left
                .push((username, "their row ends before the column".to_owned()));
            continue;
        };
        match sheet.cell(row, column).trim() {
            "EX" => filled.left.push((username, "excused in Canvas".to_owned())),
            "N/A" => filled.left.push((
                username,
                "the assignment is not theirs in Canvas".to_owned(),
            )),
            _ if !score.certain => filled
                .left
                .push((username, "could not be checked".to_owned())),
            _ => {
                edits.push((place, points(score, possible, comma)));
                if let Some(possible) = possible
                    && (possible - score.total.to_f64()).abs() > f64::EPSILON
                {
                    filled.scaled = Some((score.total, possible));
                }
                filled.filled.push(username);
            }
        }
    }
    for (row, state) in report.students.iter().zip(&matcher.found) {
        let why = match state {
            0 => "no row in the export has their e-mail address, username or name",
            1 => continue,
            _ => "more than one row of the export could be theirs; the first was taken",
        };
        filled
            .left
            .push((row.student.username.clone(), why.to_owned()));
    }
    filled.bytes = sheet.with(edits);
    Ok(filled)
}

/// What goes into a cell: the points, scaled to what the assignment is worth, with at most two decimals.
fn points(score: Score, possible: Option<f64>, comma: bool) -> String {
    let earned = score.earned.to_f64();
    let value = match possible {
        Some(possible) if !score.total.is_zero() => earned * possible / score.total.to_f64(),
        _ => earned,
    };
    let text = ((value * 100.0).round() / 100.0).to_string();
    match comma && text.contains('.') {
        // The quotes keep it one cell whatever stands between cells.
        true => format!("\"{}\"", text.replace('.', ",")),
        false => text,
    }
}

fn no_export(file: &str) -> Failure {
    Failure {
        subject: file.to_owned(),
        cause: "is no Canvas gradebook export: its first row must have the columns Student and ID"
            .to_owned(),
        hint: Some("in Canvas choose Grades, Export, Export Entire Gradebook, and give that file unchanged".to_owned()), request_id: None,
    }
}

fn find_assignment(
    sheet: &Sheet<'_>,
    header: &Row,
    file: &str,
    wanted: &str,
) -> Result<usize, Failure> {
    let titles: Vec<String> = (0..header.cells.len())
        .map(|column| sheet.cell(header, column))
        .collect();
    let wanted = wanted.trim();
    let exact: Vec<usize> = (0..titles.len())
        .filter(|i| titles[*i].trim() == wanted)
        .collect();
    let by_title: Vec<usize> = (0..titles.len())
        .filter(|i| assignment_title(&titles[*i]).is_some_and(|t| t.eq_ignore_ascii_case(wanted)))
        .collect();
    let assignments: Vec<String> = titles
        .iter()
        .filter(|t| assignment_title(t).is_some())
        .map(|t| format!("'{}'", clean(t)))
        .collect();
    let failure = |cause: String, hint: String| Failure {
        subject: format!("--assignment {wanted}"),
        cause,
        hint: Some(hint),
        request_id: None,
    };
    match (exact.as_slice(), by_title.as_slice()) {
        ([one], _) | ([], [one]) if assignment_title(&titles[*one]).is_some() => Ok(*one),
        ([], []) | ([_], _) => Err(failure(
            format!("{file} has no assignment of that name"),
            match assignments.is_empty() {
                true => "create the assignment in Canvas first, then export again".to_owned(),
                false => format!("the assignments are {}", assignments.join(", ")),
            },
        )),
        _ => Err(failure(
            format!("{file} has more than one assignment of that name"),
            format!("give the name with its number: {}", assignments.join(", ")),
        )),
    }
}

/// `Lab 6` of `Lab 6 (12345)`; `None` for what is no assignment.
fn assignment_title(header: &str) -> Option<&str> {
    let (title, id) = header.trim().strip_suffix(')')?.rsplit_once('(')?;
    let digits = !id.is_empty() && id.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| title.trim())
}

/// Where the columns are that tell who a row is.
struct Columns {
    names: Vec<usize>,
    id: usize,
    login: Option<usize>,
    sis: Option<usize>,
}

impl Columns {
    fn of(sheet: &Sheet<'_>, header: &Row) -> Option<Self> {
        let find = |name: &str| {
            (0..header.cells.len())
                .find(|i| sheet.cell(header, *i).trim().eq_ignore_ascii_case(name))
        };
        let names = match (find("Student"), find("FirstName"), find("LastName")) {
            (Some(one), ..) => vec![one],
            (None, Some(first), Some(last)) => vec![last, first],
            _ => return None,
        };
        Some(Self {
            names,
            id: find("ID")?,
            login: find("SIS Login ID"),
            sis: find("SIS User ID"),
        })
    }

    fn name(&self, sheet: &Sheet<'_>, row: &Row) -> String {
        let parts: Vec<String> = self.names.iter().map(|i| sheet.cell(row, *i)).collect();
        parts.join(", ")
    }
}

/// Finds whose a row is: by e-mail address or username first, by name where only one of the class has it.
struct Matcher {
    /// Index by login: the address, the username, the address's part before the `@`.
    logins: BTreeMap<String, Option<usize>>,
    names: BTreeMap<String, Option<usize>>,
    /// How many rows each student was found in.
    found: Vec<usize>,
}

impl Matcher {
    fn of(report: &ClassReport) -> Self {
        let mut logins = BTreeMap::new();
        let mut names = BTreeMap::new();
        // What two students share tells nobody.
        let add = |map: &mut BTreeMap<String, Option<usize>>, key: String, index: usize| {
            map.entry(key)
                .and_modify(|at| *at = at.filter(|known| *known == index))
                .or_insert(Some(index));
        };
        for (index, row) in report.students.iter().enumerate() {
            let student = &row.student;
            add(&mut logins, fold(student.username.as_str()), index);
            if let Some(email) = student.email.as_deref().map(fold) {
                if let Some((local, _)) = email.split_once('@') {
                    add(&mut logins, local.to_owned(), index);
                }
                add(&mut logins, email, index);
            }
            if let Some(name) = &student.name {
                add(&mut names, name_key(name), index);
            }
        }
        Self {
            logins,
            names,
            found: vec![0; report.students.len()],
        }
    }

    /// Whose a row is; each student's only once.
    fn find(&mut self, columns: &Columns, sheet: &Sheet<'_>, row: &Row) -> Option<usize> {
        let login = |column: Option<usize>| {
            let key = fold(&sheet.cell(row, column?));
            self.logins.get(&key).copied().flatten()
        };
        let by_name = || {
            let key = name_key(&columns.name(sheet, row));
            self.names.get(&key).copied().flatten()
        };
        let index = login(columns.login)
            .or_else(|| login(columns.sis))
            .or_else(by_name)?;
        self.found[index] += 1;
        (self.found[index] == 1).then_some(index)
    }
}

fn fold(text: &str) -> String {
    text.trim().to_lowercase()
}

/// A name's words in any order: Canvas writes `Okafor, Amara`, a roster perhaps `Amara Okafor`.
fn name_key(name: &str) -> String {
    let lower = name.to_lowercase();
    let mut words: Vec<&str> = lower
        .split(|c: char| c.is_whitespace() || c == ',')
        .filter(|word| !word.is_empty())
        .collect();
    words.sort_unstable();
    words.join(" ")
}

/// A CSV file by the places of its cells, so that what is not edited stays byte for byte.
struct Sheet<'a> {
    bytes: &'a [u8],
    rows: Vec<Row>,
}

/// Where a row's cells are, quotes included.
struct Row {
    cells: Vec<Range<usize>>,
}

impl<'a> Sheet<'a> {
    fn read(bytes: &'a [u8]) -> Self {
        let begin = if bytes.starts_with(BOM) { BOM.len() } else { 0 };
        let separator = separator(&bytes[begin..]);
        let mut rows = Vec::new();
        let mut cells = Vec::new();
        let mut from = begin;
        let mut quoted = false;
        for (at, byte) in bytes.iter().copied().enumerate().skip(begin) {
            match byte {
                // A doubled quote ends the quoting and begins it again: the same in the end.
                b'"' => quoted = !quoted,
                _ if quoted => {}
                b'\n' => {
                    let end = match bytes.get(at.wrapping_sub(1)) {
                        Some(b'\r') if at > from => at - 1,
                        _ => at,
                    };
                    cells.push(from..end);
                    rows.push(Row {
                        cells: std::mem::take(&mut cells),
                    });
                    from = at + 1;
                }
                byte if byte == separator => {
                    cells.push(from..at);
                    from = at + 1;
                }
                _ => {}
            }
        }
        if from < bytes.len() || !cells.is_empty() {
            cells.push(from..bytes.len());
            rows.push(Row { cells });
        }
        Self { bytes, rows }
    }

    /// A cell's text; empty where the row has ended.
    fn cell(&self, row: &Row, column: usize) -> String {
        let Some(raw) = row
            .cells
            .get(column)
            .map(|place| &self.bytes[place.clone()])
        else {
            return String::new();
        };
        let text = String::from_utf8_lossy(raw);
        match text.strip_prefix('"').and_then(|t| t.strip_suffix('"')) {
            Some(inner) => inner.replace("\"\"", "\""),
            None => text.into_owned(),
        }
    }

    /// The file with some cells replaced; the edits are in the file's order.
    fn with(&self, edits: Vec<(Range<usize>, String)>) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.bytes.len() + edits.len() * 4);
        let mut from = 0;
        for (place, text) in edits {
            out.extend_from_slice(&self.bytes[from..place.start]);
            out.extend_from_slice(text.as_bytes());
            from = place.end;
        }
        out.extend_from_slice(&self.bytes[from..]);
        out
    }
}

/// What stands between the header's cells: `;` in some languages.
fn separator(bytes: &[u8]) -> u8 {
    let line = bytes.split(|b| *b == b'\n').next().unwrap_or_default();
    let count = |wanted: u8| line.iter().filter(|b| **b == wanted).count();
    match count(b';') > count(b',') {
        true => b';',
        false => b',',
    }
}
