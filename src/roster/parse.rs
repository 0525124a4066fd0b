//! From a table to students: the header, every check of every row, and what is odd about what was accepted.

use std::collections::HashMap;

use jiff::Timestamp;

use crate::ids::{PlaceName, Username};
use crate::roster::header::{self, ColumnUse, Header};
use crate::roster::remarks::Remarks;
use crate::roster::username::{self, Faulty};
use crate::roster::{FIELD_MAX, KeptBack, Roster, Student, UsernameLimit};
use crate::text::encoding::before_mojibake;
use crate::text::moment::moment;
use crate::text::normalise::{key, same};
use crate::text::problems::Problem;
use crate::text::similar;
use crate::text::table::{Field, HEADER_WITHIN, Record, Table, separator_word};
use crate::text::unwanted::{Unwanted, shown};
use crate::text::words::some_of;

/// So many usernames that cannot stand beside others get their own message.
const ALONE: usize = 6;

/// Reads a roster. `publish`: the columns besides the known ones that may be shown.
pub(super) fn parse(
    bytes: &[u8],
    limit: &UsernameLimit,
    publish: &[String],
    places: &[PlaceName],
) -> Result<Roster, Vec<Problem>> {
    match Table::read(bytes, header::score) {
        Ok(table) => read(&table, limit, publish, places, Vec::new()),
        Err(refused) => {
            let problems = vec![refused.problem];
            match refused.anyway {
                None => Err(problems),
                Some(table) => read(&table, limit, publish, places, problems),
            }
        }
    }
}

/// Reads a table. `problems`: what is wrong with the file already; then lost characters are no further problem.
fn read(
    table: &Table<'_>,
    limit: &UsernameLimit,
    publish: &[String],
    places: &[PlaceName],
    mut problems: Vec<Problem>,
) -> Result<Roster, Vec<Problem>> {
    let records: Vec<&Record> = table.records.iter().filter(|r| !r.is_blank()).collect();
    let lossy = !problems.is_empty();
    let Some(place) = place_of_header(&records) else {
        problems.push(Problem::at_line(
            1,
            "the file is empty",
            format!("{}; then follows one line a student", header::EXAMPLE),
        ));
        return Err(problems);
    };
    let first = records[place];
    if place > 0 {
        problems.push(titles(&records[..place], first));
    }
    let header = Header::of(first, publish, !places.is_empty(), &mut problems);
    if header.is_missing {
        // Without a header nobody knows what the columns are, nor which values may be printed.
        return Err(problems);
    }
    let mut reader = RosterReader {
        header,
        table,
        limit,
        places,
        lossy,
        problems,
        students: Vec::new(),
        usernames: Vec::new(),
        faulty: Vec::new(),
        kept_back: Vec::new(),
        remarks: Remarks::default(),
    };
    reader.check_header(first);
    let rows = &records[place + 1..];
    for record in rows {
        reader.read_row(record);
    }
    reader.check_nameless(rows);
    if rows.is_empty() {
        reader.problems.push(Problem::at_line(
            first.line(),
            "the roster has a header and no students",
            "add one line a student below the header",
        ));
    }
    reader.compare_usernames();
    reader.finish(publish)
}

/// The record that is the header: the first, unless one further down has a better claim.
fn place_of_header(records: &[&Record]) -> Option<usize> {
    let scores = records.iter().take(HEADER_WITHIN).map(|r| header::score(r));
    let (place, best) = scores
        .enumerate()
        .reduce(|best, next| if next.1 > best.1 { next } else { best })?;
    // One word that could be a column's name makes no header.
    Some(if best >= 2 { place } else { 0 })
}

/// What stands above the header: titles, or students where a spreadsheet sorted the header among them.
fn titles(above: &[&Record], header: &Record) -> Problem {
    let line = header.line();
    let filled = |record: &Record| record.fields.iter().filter(|f| !f.text.is_empty()).count();
    // A student's last value may be missing.
    let full = filled(header).saturating_sub(1).max(2).min(filled(header));
    if above.iter().any(|record| filled(record) >= full) {
        return Problem::at_line(
            line,
            "the header stands below rows that look like students",
            format!(
                "move line {line} to the top, and delete what stands above it now and is no student"
            ),
        );
    }
    let delete = match line {
        2 => "delete line 1".to_owned(),
        _ => format!("delete lines 1 to {}", line - 1),
    };
    let mut fields = above.iter().flat_map(|record| &record.fields);
    let cause = match fields.find(|field| !field.text.is_empty()) {
        Some(field) => format!("{} stands above the header", shown(&field.text)),
        None => "something stands above the header".to_owned(),
    };
    Problem::at_line(
        1,
        cause,
        format!("line {line} looks like the header: {delete}"),
    )
}

struct RosterReader<'a> {
    header: Header,
    table: &'a Table<'a>,
    limit: &'a UsernameLimit,
    places: &'a [PlaceName],
    /// Whether the text has U+FFFD for bytes that are not UTF-8. That is reported already.
    lossy: bool,
    problems: Vec<Problem>,
    /// Complete only as long as there are no problems.
    students: Vec<Student>,
    /// Every acceptable username with its line, those of rows with other mistakes included.
    usernames: Vec<(Username, usize)>,
    faulty: Vec<Faulty>,
    /// Values that nobody is shown.
    kept_back: Vec<String>,
    remarks: Remarks,
}

impl RosterReader<'_> {
    /// Adds the problem of a field's value. `many` finishes the sentence "12 …".
    fn refuse(&mut self, field: &Field, index: usize, cause: String, hint: &str, many: &str) {
        let problem = Problem::at_line(field.line, cause, hint)
            .in_column(self.header.place(index))
            .many(many)
            .example(shown(&field.text));
        self.problems.push(problem);
    }

    fn refuse_character(&mut self, field: &Field, index: usize, bad: Unwanted) {
        let cause = format!("{} {}", shown(&field.text), bad.cause());
        self.refuse(field, index, cause, bad.hint(), &bad.many());
    }

    fn check_header(&mut self, record: &Record) {
        for (index, field) in record.fields.iter().enumerate() {
            self.check_text(field, index, usize::MAX, true);
            if let Some(c) = field.taken_off {
                self.remarks.taken_off(c, field);
            }
        }
    }

    fn read_row(&mut self, record: &Record) {
        if self.header.is_canvas && self.is_canvas_own(record) {
            self.remarks.canvas_rows += 1;
            return;
        }
        if self.header.is_repeated_by(record) {
            let hint =
                "delete the line; if two files were put together, see that nobody is in both";
            let cause = "the line is the header once more";
            let problem = Problem::at_line(record.line(), cause, hint);
            self.problems
                .push(problem.many("lines are the header once more"));
            return;
        }
        // Broken quoting makes a wrong number of fields, so that is not a second mistake.
        let flawed = record.fields.iter().any(|field| field.flaw.is_some());
        let expected = self.header.columns.len();
        let over = record.fields.get(expected..).unwrap_or_default();
        let over = !flawed && over.iter().any(|field| !field.text.is_empty());
        // Where values may have moved, those behind a column that nobody is shown may belong to it.
        let open = match flawed || over {
            true => self.header.first_unused(),
            false => usize::MAX,
        };
        let mut sound = !over;
        for (index, field) in record.fields.iter().enumerate() {
            sound &= self.check_text(field, index, open, false);
            if let Some(c) = field.taken_off.filter(|_| self.header.is_used(index)) {
                self.remarks.taken_off(c, field);
            }
        }
        if over {
            self.too_many(record, open);
        }
        let due = self.read_due(record, open);
        let place = self.read_place(record, open);
        if self.header.index(ColumnUse::Username) > Some(open) {
            // The username's column may hold something else here.
            return;
        }
        let Some(username) = self.read_username(record, flawed).filter(|_| sound) else {
            return;
        };
        let student = Student {
            due,
            place,
            ..self.student(username, record)
        };
        self.remarks.student(&student, record.line());
        for (index, field) in record.fields.iter().enumerate() {
            if let Some((spoilt, meant)) = self.mojibake(field)
                && self.header.is_used(index)
            {
                self.remarks.mojibake(&spoilt, &meant, field.line);
            }
        }
        self.students.push(student);
    }

    /// The text in the column of a role; empty where there is none.
    fn text<'r>(&self, record: &'r Record, role: ColumnUse) -> &'r str {
        let index = self.header.index(role);
        index.map_or("", |index| record.text(index))
    }

    /// Canvas puts rows of its own below its header: which assignments are posted by hand, and their points.
    fn is_canvas_own(&self, record: &Record) -> bool {
        let name = self.text(record, ColumnUse::Name);
        self.text(record, ColumnUse::Username).is_empty()
            && (name.is_empty() || key(name) == "points possible")
    }

    fn too_many(&mut self, record: &Record, open: usize) {
        let (has, expected) = (record.fields.len(), self.header.columns.len());
        let separator = self.table.separator_word();
        let quoted = match self.table.separator {
            ',' => " (\"Ruiz, Ana\")",
            _ => "",
        };
        let hint = format!(
            "put double quotes around a value that has a {separator} in it{quoted}, or delete what is too much"
        );
        let username = self.header.index(ColumnUse::Username);
        let username = username.filter(|index| *index < open);
        let cause = format!("the row has too many fields: {has}, where the header has {expected}");
        let problem = Problem::at_line(record.fields[expected].line, cause, hint)
            .in_column(self.header.place(expected))
            .many(format!(
                "rows have more fields than the header, which has {expected}"
            ))
            .example(username.map_or(String::new(), |index| shown(record.text(index))));
        self.problems.push(problem);
    }

    /// Checks what holds for every field, the header's included; `false` where something is wrong. Values that nobody is
    /// shown are not checked, except for their quotes: those decide where the other values begin. Nor are values from
    /// the column `open` on.
    fn check_text(&mut self, field: &Field, index: usize, open: usize, is_header: bool) -> bool {
        let is_open = is_header || self.header.is_used(index) && index < open;
        if let Some(flaw) = field.flaw {
            let place = self.header.place(index).unwrap_or((index + 1, None));
            self.problems.push(flaw.problem(field, place, is_open));
            return false;
        }
        let is_username = self.header.index(ColumnUse::Username) == Some(index);
        if (is_username && !is_header) || !self.header.is_used(index) || !is_open {
            return true;
        }
        if let Some(bad) = field.text.chars().find_map(Unwanted::of) {
            if self.lossy && bad == Unwanted::Replacement {
                return false;
            }
            // A byte for which Windows-1252 has no character became a control character.
            let Some((spoilt, meant)) = self.mojibake(field) else {
                self.refuse_character(field, index, bad);
                return false;
            };
            let cause = format!(
                "{} looks like UTF-8 read as Windows-1252, and may be {}",
                shown(&spoilt),
                shown(&meant)
            );
            let many = "values look like UTF-8 read as Windows-1252";
            let hint = "export the file again from where it comes from, as UTF-8";
            self.refuse(field, index, cause, hint, many);
            return false;
        }
        let length = field.text.chars().count();
        if length > FIELD_MAX {
            let cause = format!(
                "{} is {length} characters long, more than {FIELD_MAX}",
                shown(&field.text)
            );
            let hint = format!("shorten it to {FIELD_MAX} characters");
            let many = format!("values are longer than {FIELD_MAX} characters");
            self.refuse(field, index, cause, &hint, &many);
            return false;
        }
        true
    }

    /// A value that may be UTF-8 read as Windows-1252: as the file has it, and as it was meant. Judged by the file's
    /// bytes: an invisible character that was taken off may be half of a letter (`í` becomes `Ã` and a soft hyphen).
    fn mojibake(&self, field: &Field) -> Option<(String, String)> {
        let raw = std::str::from_utf8(self.table.raw(field)).ok()?;
        let raw = raw.trim_matches([' ', '"']);
        Some((raw.to_owned(), before_mojibake(raw)?))
    }

    /// The row's username, if it can be used.
    fn read_username(&mut self, record: &Record, flawed: bool) -> Option<Username> {
        let index = self.header.index(ColumnUse::Username)?;
        let name = self.text(record, ColumnUse::Name);
        let field = record.fields.get(index);
        if field.map_or(flawed, |field| field.flaw.is_some()) {
            // The broken quote is reported already.
            return None;
        }
        let Some(field) = field.filter(|field| !field.text.is_empty()) else {
            let hint = "give the student a username, or delete the row";
            let line = field.map_or(record.line(), |field| field.line);
            let whose = match name.is_empty() {
                true => String::new(),
                false => format!("that of {}", shown(name)),
            };
            let problem = Problem::at_line(line, "the username is empty", hint)
                .in_column(self.header.place(index))
                .many("usernames are empty")
                .example(whose);
            self.problems.push(problem);
            return None;
        };
        if let Some(username) = username::usable(&field.text, self.limit) {
            self.usernames.push((username.clone(), field.line));
            return Some(username);
        }
        let others = record.fields.iter().filter(|field| !field.text.is_empty());
        if field.text.contains('\u{FFFD}') {
            if !self.lossy {
                self.refuse_character(field, index, Unwanted::Replacement);
            }
        } else if let Some(problem) = self.other_separator(record, field) {
            self.problems.push(problem);
        } else if Remarks::is_test_student(name, &field.text) {
            let cause = format!("{} is Canvas's test student", shown(&field.text));
            let hint = "delete the row: nobody works there";
            let many = "rows are of Canvas's test student";
            self.refuse(field, index, cause, hint, many);
        } else {
            self.faulty.push(Faulty {
                line: field.line,
                text: field.text.clone(),
                stands_alone: others.count() == 1 && self.header.columns.len() > 1,
            });
        }
        None
    }

    /// A row of one field whose values are separated by something else than the header's.
    fn other_separator(&self, record: &Record, field: &Field) -> Option<Problem> {
        if record.fields.len() > 1 || self.header.columns.len() < 2 {
            return None;
        }
        let mut found = [',', ';', '\t', '|'].into_iter();
        let found = separator_word(found.find(|c| field.text.contains(*c))?)?;
        let expected = separator_word(self.table.separator)?;
        let cause = format!("the row has {found}s where the header has {expected}s");
        let hint = format!("write {expected}s between the values of every row");
        let many = format!("rows have {found}s where the header has {expected}s");
        // No example: the value is the whole row, with columns that nobody is shown.
        let problem = Problem::at_line(field.line, cause, hint);
        Some(problem.in_column(self.header.place(0)).many(many))
    }

    /// When the student's work is due, where the row says so. `open`: from that column on, values may have moved.
    fn read_due(&mut self, record: &Record, open: usize) -> Option<Timestamp> {
        let index = self
            .header
            .index(ColumnUse::Due)
            .filter(|index| *index < open)?;
        let field = record.fields.get(index)?;
        if field.text.is_empty() || field.flaw.is_some() {
            return None;
        }
        let read = moment(&field.text).map_err(|refused| {
            let cause = format!("{} {}", shown(&field.text), refused.is);
            let many = format!("due times {}", refused.are);
            self.refuse(field, index, cause, &refused.hint, &many);
        });
        read.ok()
    }

    /// Where the student belongs, where the row says so. `open`: from that column on, values may have moved.
    fn read_place(&mut self, record: &Record, open: usize) -> Option<PlaceName> {
        let index = self.header.index(ColumnUse::Place);
        let index = index.filter(|index| *index < open)?;
        let field = record.fields.get(index)?;
        if field.text.is_empty() || field.flaw.is_some() {
            return None;
        }
        let places = self.places;
        let is_meant = |place: &&PlaceName| same(place.as_str(), &field.text);
        let found = places.iter().find(is_meant).cloned();
        if found.is_none() {
            let names = || places.iter().map(PlaceName::as_str);
            let has: Vec<&str> = names().collect();
            let has = format!("homeroom.toml has the places {}", some_of(&has, 8));
            let near = similar::did_you_mean(&field.text, names());
            let near = near.map_or_else(|| has.clone(), |near| format!("{near} ({has})"));
            let cause = format!("{} is none of the class's places", shown(&field.text));
            let problem = Problem::at_line(field.line, cause, near)
                .in_column(self.header.place(index))
                .many("values are none of the class's places")
                .example(shown(&field.text))
                .hint_for_many(has);
            self.problems.push(problem);
        }
        found
    }

    fn student(&mut self, username: Username, record: &Record) -> Student {
        let mut student = Student::unknown(username);
        let (mut first, mut last) = ("", "");
        for (index, column) in self.header.columns.iter().enumerate() {
            let text = record.text(index);
            let value = || Some(text.to_owned()).filter(|text| !text.is_empty());
            match column.used_as {
                ColumnUse::Username | ColumnUse::Due | ColumnUse::Place | ColumnUse::Nameless => {}
                ColumnUse::Name => student.name = value(),
                ColumnUse::FirstName => first = text,
                ColumnUse::LastName => last = text,
                ColumnUse::Email => student.email = value(),
                ColumnUse::Section => student.section = value(),
                ColumnUse::Other if !column.published => self.kept_back.extend(value()),
                ColumnUse::Other => {}
            }
            if column.published {
                student.extra.push((column.name.clone(), text.to_owned()));
            }
        }
        let composed = format!("{first} {last}");
        if student.name.is_none() && !composed.trim().is_empty() {
            student.name = Some(composed.trim().to_owned());
        }
        student
    }

    /// Columns without a name are ignored, as long as no row has anything there.
    fn check_nameless(&mut self, rows: &[&Record]) {
        for (index, column) in self.header.columns.iter().enumerate() {
            if column.used_as != ColumnUse::Nameless {
                continue;
            }
            let Some(record) = rows.iter().find(|record| !record.text(index).is_empty()) else {
                continue;
            };
            let hint = "name the column in the first line, or delete it";
            let cause = format!(
                "the header has no name for this column, and line {} has a value in it",
                record.line()
            );
            let problem = Problem::at_line(self.header.line, cause, hint)
                .in_column(self.header.place(index))
                .many("columns have values and no name in the header")
                .alone(2);
            self.problems.push(problem);
        }
    }

    /// Refuses usernames that AWS or a policy could not tell apart. One look-up a dash: linear in the class.
    ///
    /// Letters' case is ignored: IAM refuses a second role whose name differs in case only, and a policy
    /// written by hand may use either.
    fn compare_usernames(&mut self) {
        let mut first_rows: HashMap<String, usize> = HashMap::new();
        let column = self.header.index(ColumnUse::Username);
        let column = column.and_then(|index| self.header.place(index));
        let hint = match self.second_half() {
            Some(line) => {
                format!("the class stands in the file twice: delete line {line} and all below it")
            }
            None => {
                "give each student a username of their own, or delete the second row".to_owned()
            }
        };
        for (index, (username, line)) in self.usernames.iter().enumerate() {
            let first = *first_rows.entry(folded(username)).or_insert(index);
            if first == index {
                continue;
            }
            let (other, other_line) = &self.usernames[first];
            let (same, many) = if other == username {
                (
                    format!("'{username}' is taken already"),
                    "usernames are taken already, in other rows of the file",
                )
            } else {
                (
                    format!(
                        "'{username}' is the same as '{other}' to AWS, which ignores case in the names of roles"
                    ),
                    "usernames differ from others of the file in case only, which AWS ignores in the names of roles",
                )
            };
            let cause = format!("{same}: line {other_line} has it");
            let problem = Problem::at_line(*line, cause, hint.clone())
                .in_column(column.clone())
                .many(many)
                .example(format!("'{username}' (line {other_line} has it)"));
            self.problems.push(problem);
        }
        for (username, line) in &self.usernames {
            let (name, folded) = (username.as_str(), folded(username));
            for (dash, _) in folded.match_indices('-') {
                let Some(&other) = first_rows.get(&folded[..dash]) else {
                    continue;
                };
                let (other, other_line) = &self.usernames[other];
                let apart = format!("{}{}", &name[..dash], &name[dash + 1..]);
                let cause = format!(
                    "'{name}' begins with '{other}-', and '{other}' is a student too (line {other_line}): access to '{other}-*' would open the stack of '{name}' to '{other}'"
                );
                let hint =
                    format!("rename one of the two, for example '{apart}' instead of '{name}'");
                let problem = Problem::at_line(*line, cause, hint)
                    .in_column(column.clone())
                    .many("usernames begin with another student's and a dash: access to the stack of one would open that of the other")
                    .hint_for_many("mend those above first, and the others in the same way")
                    .alone(ALONE);
                self.problems.push(problem);
            }
        }
    }

    /// The line from which on the file repeats all its usernames.
    fn second_half(&self) -> Option<usize> {
        let half = self.usernames.len() / 2;
        let mut names: Vec<String> = self
            .usernames
            .iter()
            .map(|(name, _)| folded(name))
            .collect();
        if half < 2 || names[..half] != names[half..] {
            return None;
        }
        names.sort_unstable();
        names.dedup();
        (names.len() == half).then(|| self.usernames[half].1)
    }

    fn finish(mut self, publish: &[String]) -> Result<Roster, Vec<Problem>> {
        let place = self.header.index(ColumnUse::Username);
        let place = place.and_then(|index| self.header.place(index));
        let faulty = username::problems(&self.faulty, &self.usernames, self.limit, place);
        self.problems.extend(faulty);
        if !self.problems.is_empty() {
            return Err(self.problems);
        }
        let mut details = self.header.remarks();
        details.extend(self.remarks.details());
        let headers: Vec<String> = (self.header.columns.iter())
            .map(|column| key(&column.name))
            .collect();
        let mut notes: Vec<String> = publish
            .iter()
            .filter(|name| !headers.contains(&key(name)))
            .map(|name| {
                format!(
                    "homeroom.toml has {} under publish-columns, and the roster has no column of that name",
                    shown(name)
                )
            })
            .collect();
        notes.extend(self.remarks.notes());
        self.kept_back.sort();
        self.kept_back.dedup();
        Ok(Roster {
            students: self.students,
            notes,
            details,
            kept_back: KeptBack {
                columns: self.header.kept_back(),
                headers: self.header.unnamed_in_templates(),
                values: self.kept_back,
            },
        })
    }
}

/// A username as it is compared.
fn folded(username: &Username) -> String {
    username.as_str().to_ascii_lowercase()
}
