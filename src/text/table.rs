//! Tables of text (CSV), read strictly: rosters, attestations, gradebook exports.
//!
//! Why not a CSV library's reader: those are made to get something out of any input. They read a quote that is never
//! closed up to the end of the file, take text after a closing quote as part of the field, and see a quote after a
//! space as an ordinary character, all without a word; here each has to be found and said with its line. And a
//! gradebook is written back with some cells replaced and every other byte kept, so each field knows its bytes. The
//! quoting that is read is that of RFC 4180, plus spaces around quoted fields and any kind of line break. (The tests
//! write their tables with the `csv` crate: an independent hand.)

use std::ops::Range;

use super::encoding::{self, END_OF_FILE, MARK, SAVE_AS_UTF8};
use super::problems::{Problem, said_lines};
use super::unwanted::{shown, without_invisible};

/// What may stand between fields, the likeliest first.
const SEPARATORS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// The word for a separator.
pub(crate) fn separator_word(separator: char) -> Option<&'static str> {
    match separator {
        ',' => Some("comma"),
        ';' => Some("semicolon"),
        '\t' => Some("tab"),
        '|' => Some("vertical bar"),
        _ => None,
    }
}

/// The header is looked for in so many records: titles may stand above it.
pub(crate) const HEADER_WITHIN: usize = 20;

/// One field: its text, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Field {
    /// The text without the quotes, without white space around it and without invisible characters.
    pub(crate) text: String,
    /// The invisible character that was taken off first, if any was.
    pub(crate) taken_off: Option<char>,
    /// The physical line on which it begins, from 1.
    pub(crate) line: usize,
    pub(crate) flaw: Option<Flaw>,
    /// All bytes between its separators in the file, quotes and spaces included.
    pub(crate) at: Range<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// The field begins with a quote that is not closed. The record ends with the line on which it opened,
    /// so that one forgotten quote does not hide the rest of the file.
    Unclosed,
    /// There is more text between the closing quote and the next separator; that text is left out.
    TextAfterQuote,
    /// There is a quote inside a field that does not begin with one.
    Stray,
}

/// One record: at least one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) fields: Vec<Field>,
    /// The bytes of the line break; empty at the end of a file without one.
    pub(crate) line_break: Range<usize>,
}

impl Record {
    /// The physical line on which it begins, from 1.
    pub(crate) fn line(&self) -> usize {
        self.fields.first().map_or(1, |field| field.line)
    }

    /// A field's text; empty where the record has ended.
    pub(crate) fn text(&self, column: usize) -> &str {
        self.fields.get(column).map_or("", |f| f.text.as_str())
    }

    /// Whether it says nothing: a blank line, or only separators (which is what Excel leaves of a row whose
    /// cells were emptied).
    pub(crate) fn is_blank(&self) -> bool {
        self.fields
            .iter()
            .all(|field| field.text.is_empty() && field.flaw.is_none())
    }
}

/// A file as a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Table<'a> {
    bytes: &'a [u8],
    pub(crate) separator: char,
    /// Every record, blank ones included, without Excel's own `sep=` line.
    pub(crate) records: Vec<Record>,
}

/// Why a file cannot be read as a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refused<'a> {
    pub(crate) problem: Problem,
    /// What could be read in spite of it. Only for finding further mistakes, never for use.
    pub(crate) anyway: Option<Table<'a>>,
}

impl<'a> Table<'a> {
    /// Reads a file. `score` says how much a record looks like the header (0: not at all). The separator is the one
    /// with which a record near the file's beginning scores best, a comma before all others; if none scores, the one
    /// that the first record has most of.
    ///
    /// Flaws of quoting do not fail it: they stand in the fields, and [`Table::flaws`] lists them.
    ///
    /// # Errors
    /// The file is something else than UTF-8 text, or is not UTF-8 somewhere.
    pub(crate) fn read(
        bytes: &'a [u8],
        score: impl Fn(&Record) -> u32,
    ) -> Result<Self, Box<Refused<'a>>> {
        let refused = |problem, anyway| Err(Box::new(Refused { problem, anyway }));
        if let Some(foreign) = encoding::foreign(bytes) {
            let cause = format!("the file is {}", foreign.what);
            return refused(Problem::at_line(1, cause, foreign.hint), None);
        }
        let table = Self::of_text(bytes, score);
        if std::str::from_utf8(bytes).is_ok() {
            return Ok(table);
        }
        if encoding::is_unreadable(bytes) {
            let cause = "almost no character of the file can be read: it is in another encoding than UTF-8, or no text at all";
            return refused(Problem::at_line(1, cause, SAVE_AS_UTF8), None);
        }
        refused(table.not_utf8(), Some(table))
    }

    fn of_text(bytes: &'a [u8], score: impl Fn(&Record) -> u32) -> Self {
        let mut from = match bytes.starts_with(MARK) {
            true => MARK.len(),
            false => 0,
        };
        let end = end_of(bytes);
        let mut line = 1;
        let mut told = None;
        if let Some((after, separator)) = sep_line(&bytes[..end], from) {
            (from, line, told) = (after, 2, separator);
        }
        let records = |separator| Records {
            bytes: &bytes[..end],
            at: from,
            line,
            separator,
        };
        let separator = choose(records, score, told);
        Self {
            bytes,
            separator: char::from(separator),
            records: records(separator).collect(),
        }
    }

    /// The bytes of a field between its separators, as they stand in the file.
    pub(crate) fn raw(&self, field: &Field) -> &'a [u8] {
        &self.bytes[field.at.clone()]
    }

    /// The bytes of a record's line break, as they stand in the file.
    pub(crate) fn line_break(&self, record: &Record) -> &'a [u8] {
        &self.bytes[record.line_break.clone()]
    }

    /// Every quote that is not closed or stands where none may.
    pub(crate) fn flaws(&self) -> Vec<Problem> {
        let fields = self
            .records
            .iter()
            .flat_map(|r| r.fields.iter().enumerate());
        fields
            .filter_map(|(i, field)| Some(field.flaw?.problem(field, (i + 1, None), true)))
            .collect()
    }

    /// The word for what stands between the fields.
    pub(crate) fn separator_word(&self) -> &'static str {
        separator_word(self.separator).unwrap_or("separator")
    }

    /// That the file is not UTF-8, and where. Without values: nobody can tell the encoding, and some columns are
    /// shown to nobody.
    fn not_utf8(&self) -> Problem {
        let mut lines = Vec::new();
        let mut proper = false;
        for field in self.records.iter().flat_map(|record| &record.fields) {
            match std::str::from_utf8(self.raw(field)) {
                Ok(text) => proper |= !text.is_ascii(),
                Err(_) => lines.push(field.line),
            }
        }
        lines.dedup();
        let first = lines.first().copied().unwrap_or(1);
        let lines = said_lines(&lines);
        if proper {
            let cause = format!(
                "some lines are UTF-8 and others are not ({lines}): two files were put together, or an earlier conversion stopped half-way"
            );
            let hint = "export the file again from where it comes from, as UTF-8";
            return Problem::at_line(first, cause, hint);
        }
        let cause = format!(
            "the file is not UTF-8 ({lines}): it may be Windows-1252, which Excel's plain 'CSV' is in many countries, or another encoding of where it comes from (Mac Roman, Windows-1250 or -1251, Shift JIS, GB 18030)"
        );
        Problem::at_line(first, cause, SAVE_AS_UTF8)
    }
}

impl Flaw {
    /// The problem with a field. `column`: its number from 1, and its header where it is known. `open`: whether the
    /// value may be shown.
    pub(crate) fn problem(
        self,
        field: &Field,
        column: (usize, Option<String>),
        open: bool,
    ) -> Problem {
        let value = open.then(|| shown(&field.text));
        let named = value.as_deref().unwrap_or("this field");
        let (cause, hint, many) = match self {
            Self::Unclosed => (
                "the double quote that opens this field is not closed on its line".to_owned(),
                "close it with a double quote, or delete it; a double quote inside a quoted value is written twice",
                "fields begin with a double quote that is not closed",
            ),
            Self::TextAfterQuote => (
                format!("there is more text after the closing double quote of {named}"),
                "put the whole value between the quotes; a double quote inside a quoted value is written twice",
                "fields have text after their closing double quote",
            ),
            Self::Stray => (
                format!("there is a double quote in {named}, which does not begin with one"),
                "delete it, or put the whole value between double quotes and write the one inside twice",
                "fields have a double quote inside and do not begin with one",
            ),
        };
        // A value that is cut, or has an invisible character, is not one to copy.
        let copyable = self == Self::Stray && value == Some(format!("'{}'", field.text));
        let instead = copyable.then(|| format!("\"{}\"", field.text.replace('"', "\"\"")));
        // Text after an open quote may be of other columns.
        let example = value.filter(|_| self != Self::Unclosed);
        Problem::at_line(field.line, cause, hint)
            .in_column(Some(column))
            .many(many)
            .example(example.unwrap_or_default())
            .instead(instead)
    }
}

/// Where the text ends: before the end-of-file mark, if one stands after everything else.
fn end_of(bytes: &[u8]) -> usize {
    let blank = |byte: &u8| byte.is_ascii_whitespace() || *byte == END_OF_FILE;
    let tail = bytes.iter().rev().take_while(|byte| blank(byte)).count();
    let from = bytes.len() - tail;
    bytes[from..]
        .iter()
        .position(|byte| *byte == END_OF_FILE)
        .map_or(bytes.len(), |at| from + at)
}

/// Excel's own first line, `sep=;`: where the table begins after it, and the separator. No separator where a
/// spreadsheet has saved that line as a row, with other separators behind it.
fn sep_line(bytes: &[u8], from: usize) -> Option<(usize, Option<u8>)> {
    let rest = &bytes[from..];
    let end = rest.iter().position(|b| matches!(b, b'\n' | b'\r'))?;
    let after = match rest[end..].starts_with(b"\r\n") {
        true => end + 2,
        false => end + 1,
    };
    let line = rest[..end].trim_ascii();
    let quoted = line.starts_with(b"\"");
    let line = line.strip_prefix(b"\"").unwrap_or(line);
    let is_sep = line.get(..4)?.eq_ignore_ascii_case(b"sep=");
    // `sep=` before a tab ends in it, and trimming took it.
    let separator = line.get(4).copied().unwrap_or(b'\t');
    let tail = line.get(5..).unwrap_or_default();
    let tail = tail.strip_prefix(b"\"").filter(|_| quoted).unwrap_or(tail);
    let blank = |b: &u8| SEPARATORS.contains(b) || *b == b' ';
    let usable = separator.is_ascii_punctuation() && separator != b'"' || separator == b'\t';
    if !is_sep || !usable || !tail.iter().all(blank) {
        return None;
    }
    let told = tail.is_empty().then_some(separator);
    Some((from + after, told))
}

/// Chooses the separator. `told`: the one in the file's `sep=` line, which may be left from an earlier program.
fn choose<'a>(
    records: impl Fn(u8) -> Records<'a>,
    score: impl Fn(&Record) -> u32,
    told: Option<u8>,
) -> u8 {
    let head = |separator| records(separator).filter(|record| !record.is_blank());
    let mut best = (0, None);
    for separator in told.into_iter().chain(SEPARATORS) {
        let scored = head(separator).take(HEADER_WITHIN).map(|r| score(&r)).max();
        if let Some(scored) = scored.filter(|scored| *scored > best.0) {
            best = (scored, Some(separator));
        }
    }
    if let Some(separator) = best.1.or(told) {
        return separator;
    }
    let mut counts = [0_usize; SEPARATORS.len()];
    let mut quoted = false;
    let all = records(SEPARATORS[0]);
    for byte in all.rest() {
        match byte {
            b'"' => quoted = !quoted,
            b'\n' | b'\r' if !quoted && counts.iter().any(|count| *count > 0) => break,
            _ if quoted => {}
            byte => {
                if let Some(index) = SEPARATORS.iter().position(|s| s == byte) {
                    counts[index] += 1;
                }
            }
        }
    }
    let most = counts.iter().max();
    let first = counts.iter().position(|count| Some(count) == most);
    SEPARATORS[first.unwrap_or_default()]
}

/// The white space at the beginning of some bytes that may surround a value: none of the line breaks, and not the
/// separator. Invisible characters count: a quote behind one is a quote.
fn surrounding(bytes: &[u8], separator: u8) -> usize {
    let mut length = 0;
    loop {
        let rest = &bytes[length..];
        let head = &rest[..rest.len().min(4)];
        let valid = head.utf8_chunks().next().map_or("", |chunk| chunk.valid());
        let Some(c) = valid.chars().next() else {
            return length;
        };
        let is_separator = rest.first() == Some(&separator);
        if is_separator
            || matches!(c, '\n' | '\r')
            || !without_invisible(c.encode_utf8(&mut [0; 4])).0.is_empty()
        {
            return length;
        }
        length += c.len_utf8();
    }
}

/// Reads records one after the other. Linear in the text, unclosed quotes included: a quote is looked for
/// beyond its line only until the next run of quotes of odd length, and a second quote that opens before that
/// run can only be inside a run of even length, where it closes at once.
#[derive(Debug, Clone)]
struct Records<'a> {
    bytes: &'a [u8],
    at: usize,
    line: usize,
    separator: u8,
}

impl<'a> Records<'a> {
    fn rest(&self) -> &'a [u8] {
        &self.bytes[self.at..]
    }

    fn peek(&self) -> Option<u8> {
        self.rest().first().copied()
    }

    /// Moves past one line break, if there is one: `\n`, `\r\n`, or `\r` alone.
    fn line_break(&mut self) -> bool {
        let length = match self.rest() {
            [b'\r', b'\n', ..] => 2,
            [b'\r' | b'\n', ..] => 1,
            _ => return false,
        };
        self.at += length;
        self.line += 1;
        true
    }

    /// Moves to the first of some bytes or the end, and answers what was passed.
    fn until(&mut self, stop: impl Fn(u8) -> bool) -> &'a [u8] {
        let rest = self.rest();
        let end = rest.iter().position(|b| stop(*b)).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    fn plain(&mut self) -> &'a [u8] {
        let separator = self.separator;
        self.until(|b| b == separator || matches!(b, b'\n' | b'\r'))
    }

    /// Reads a field that begins with a quote, at that quote.
    fn quoted(&mut self) -> (Vec<u8>, Option<Flaw>) {
        let (opened_at, line) = (self.at, self.line);
        self.at += 1;
        let mut text = Vec::new();
        let closed = loop {
            text.extend_from_slice(self.until(|b| matches!(b, b'"' | b'\n' | b'\r')));
            let before = self.at;
            match self.rest() {
                [] => break false,
                [b'"', b'"', ..] => {
                    text.push(b'"');
                    self.at += 2;
                }
                [b'"', ..] => {
                    self.at += 1;
                    break true;
                }
                _ => {
                    self.line_break();
                    text.extend_from_slice(&self.bytes[before..self.at]);
                }
            }
        };
        self.at += surrounding(self.rest(), self.separator);
        let ends_well = match self.peek() {
            None | Some(b'\n' | b'\r') => true,
            Some(b) => b == self.separator,
        };
        if closed && ends_well {
            return (text, None);
        }
        if closed && self.line == line {
            self.plain();
            return (text, Some(Flaw::TextAfterQuote));
        }
        // Either nothing closes it, or what seems to is the opening quote of a field further down.
        self.at = opened_at + 1;
        self.line = line;
        let rest = self.until(|b| matches!(b, b'\n' | b'\r'));
        (rest.to_vec(), Some(Flaw::Unclosed))
    }

    fn field(&mut self) -> Field {
        let (from, line) = (self.at, self.line);
        let spaces = surrounding(self.rest(), self.separator);
        let (raw, flaw) = match self.rest().get(spaces) {
            Some(b'"') => {
                self.at += spaces;
                self.quoted()
            }
            _ => {
                let raw = self.plain().to_vec();
                let stray = raw.contains(&b'"').then_some(Flaw::Stray);
                (raw, stray)
            }
        };
        let text = String::from_utf8_lossy(&raw);
        let (text, taken_off) = without_invisible(&text);
        Field {
            text: text.into_owned(),
            taken_off,
            line,
            flaw,
            at: from..self.at,
        }
    }
}

impl Iterator for Records<'_> {
    type Item = Record;

    fn next(&mut self) -> Option<Record> {
        if self.at >= self.bytes.len() {
            return None;
        }
        let mut fields = vec![self.field()];
        while self.peek() == Some(self.separator) {
            self.at += 1;
            fields.push(self.field());
        }
        let before = self.at;
        self.line_break();
        Some(Record {
            fields,
            line_break: before..self.at,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A table whose header is a record with `a` or `username` in it.
    fn table(csv: &str) -> Table<'_> {
        let score = |r: &Record| {
            u32::from(
                r.fields
                    .iter()
                    .any(|f| f.text == "a" || f.text == "username"),
            )
        };
        Table::read(csv.as_bytes(), score).unwrap()
    }

    fn texts(csv: &str) -> Vec<Vec<String>> {
        let texts = |r: Record| r.fields.into_iter().map(|f| f.text).collect();
        table(csv).records.into_iter().map(texts).collect()
    }

    fn lines(csv: &str) -> Vec<usize> {
        table(csv).records.iter().map(Record::line).collect()
    }

    #[test]
    fn quotes_protect_separators_and_quotes() {
        assert_eq!(
            texts("a,\"b, \"\"c\"\"\",d\n"),
            [vec!["a", "b, \"c\"", "d"]]
        );
    }

    #[test]
    fn spaces_around_a_quoted_field_are_not_content() {
        for csv in [
            "a ,  \" b, c \" , d",
            "a\u{a0},\u{3000}\"b, c\" , d\t",
            "a,\u{200e}\"b, c\"\u{200b},\td",
        ] {
            assert_eq!(texts(csv), [vec!["a", "b, c", "d"]], "{csv:?}");
        }
    }

    #[test]
    fn every_kind_of_line_break_counts_as_one_line() {
        assert_eq!(lines("a\nb\r\nc\rd"), [1, 2, 3, 4]);
        assert_eq!(lines("a\n\n\nb"), [1, 2, 3, 4]);
        assert_eq!(lines("\"x\r\ny\",b\nc"), [1, 3]);
        let table = table("\"x\ny\",b");
        assert_eq!(table.records[0].fields[1].line, 2);
    }

    #[test]
    fn an_unclosed_quote_costs_its_own_line_only() {
        for csv in ["a,\"b\nc,d\ne,f\n", "a,\"b\nc,\"d\"\ne,f\n"] {
            let records = table(csv).records;
            assert_eq!(records[0].fields[1].flaw, Some(Flaw::Unclosed), "{csv:?}");
            assert_eq!(records.len(), 3, "{csv:?}");
            assert_eq!(records[2].line(), 3, "{csv:?}");
            assert_eq!(records[1].fields[1].text, "d", "{csv:?}");
        }
    }

    #[test]
    fn text_after_a_quote_and_a_stray_quote_are_flaws_of_that_field_alone() {
        let table = table("\"a\" b,c\nx \"y\" z,d\n");
        let flaws: Vec<_> = table.records.iter().map(|r| r.fields[0].flaw).collect();
        assert_eq!(flaws, [Some(Flaw::TextAfterQuote), Some(Flaw::Stray)]);
        assert_eq!(table.records[0].fields[1].text, "c");
        assert_eq!(table.records[1].fields[1].text, "d");
        let lines: Vec<usize> = table.flaws().iter().map(|p| p.line).collect();
        assert_eq!(lines, [1, 2]);
    }

    #[test]
    fn an_empty_last_field_is_a_field() {
        assert_eq!(texts("a,\n,\n"), [vec!["a", ""], vec!["", ""]]);
        assert!(table("a,\n,\n").records[1].is_blank());
    }

    #[test]
    fn the_separator_is_the_one_with_which_a_header_is_found() {
        for (csv, separator) in [
            ("username,name;x\n", ','),
            ("username;name\n", ';'),
            ("Title, of it\n\nusername\tname\n", '\t'),
            ("username|name\n", '|'),
            // No header at all: what the first record has most of, outside of quotes.
            ("\"x;y;z;w\",b,c\n", ','),
            ("x;y;\"z,w,v,u\"\n", ';'),
            ("x\n", ','),
        ] {
            assert_eq!(table(csv).separator, separator, "{csv:?}");
        }
    }

    #[test]
    fn excels_own_separator_line_is_skipped_and_counted() {
        for csv in [
            "sep=;\nx;y\n",
            "SEP=;\r\nx;y\r\n",
            "\u{feff}\"sep=;\"\nx;y\n",
            // Saved again by a spreadsheet that writes commas.
            "sep=;,,\nx,y\n",
        ] {
            assert_eq!(texts(csv), [vec!["x", "y"]], "{csv:?}");
            assert_eq!(lines(csv), [2], "{csv:?}");
        }
        assert_eq!(table("sep=\t\nx\ty,z\n").separator, '\t');
        for (csv, separator) in [
            ("sep=;\nusername,name\n", ','),
            ("sep=,\nusername;name\n", ';'),
            ("sep=:\nusername:name\n", ':'),
        ] {
            assert_eq!(table(csv).separator, separator, "{csv:?}");
        }
        assert_eq!(texts("sep=,b\nc,d\n").len(), 2, "a value like any other");
    }

    #[test]
    fn an_end_of_file_mark_at_the_end_is_nothing() {
        for csv in ["a,b\r\nc,d\r\n\u{1a}", "a,b\nc,d\u{1a}\u{1a}\r\n"] {
            assert_eq!(texts(csv), [["a", "b"], ["c", "d"]], "{csv:?}");
        }
        assert_eq!(texts("a\nb\u{1a}c\n")[1], ["b\u{1a}c"]);
    }

    #[test]
    fn a_file_that_is_not_utf_8_is_refused_with_its_lines_and_no_values() {
        let score = |_: &Record| 0;
        let refused =
            Table::read(b"username,name\nana,\"Jos\xE9\"\nben,Zo\xEB\n", score).unwrap_err();
        assert!(
            refused.problem.cause.contains("Windows-1252"),
            "{refused:?}"
        );
        assert!(
            refused
                .problem
                .cause
                .contains("not UTF-8 (lines 2 and 3): it may be Windows-1252"),
            "{refused:?}"
        );
        assert_eq!(refused.problem.line, 2);
        assert_eq!(refused.anyway.unwrap().records.len(), 3);
        let mixed = Table::read(b"a,Jos\xC3\xA9\nb,Zo\xEB\n", score).unwrap_err();
        assert!(
            mixed.problem.cause.contains("some lines are UTF-8"),
            "{mixed:?}"
        );
        let zip = Table::read(b"PK\x03\x04", score).unwrap_err();
        assert!(zip.anyway.is_none() && zip.problem.cause.contains("zip"));
    }

    #[test]
    fn replaced_fields_leave_every_other_byte() {
        let csv = "\u{feff}\"a\" , b\r\nc,\"d\"\rlast,\u{1a}";
        let table = table(csv);
        let edit = |row: usize, column: usize| table.records[row].fields[column].at.clone();
        let edits = [
            (edit(0, 1), "B".to_owned()),
            (edit(1, 1), "\"x,y\"".to_owned()),
            (edit(2, 1), "!".to_owned()),
        ];
        let written = String::from_utf8(with(&table, &edits)).unwrap();
        assert_eq!(written, "\u{feff}\"a\" ,B\r\nc,\"x,y\"\rlast,!\u{1a}");
        assert_eq!(table.line_break(&table.records[0]), b"\r\n");
        assert_eq!(table.raw(&table.records[0].fields[0]), b"\"a\" ");
    }

    /// The file with some fields replaced, by the places that the table tells: the edits are in the file's order.
    fn with(table: &Table<'_>, edits: &[(Range<usize>, String)]) -> Vec<u8> {
        let mut out = Vec::with_capacity(table.bytes.len() + edits.len() * 4);
        let mut from = 0;
        for (place, text) in edits {
            out.extend_from_slice(&table.bytes[from..place.start]);
            out.extend_from_slice(text.as_bytes());
            from = place.end;
        }
        out.extend_from_slice(&table.bytes[from..]);
        out
    }

    proptest! {
        #[test]
        fn any_bytes_are_records_whose_ranges_make_up_the_file(bytes in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..300),
            "(sep=;\n)?([\"a-c,;\t |\n\r\u{feff}\u{200b}é\u{1a}]|\"\"|\r\n){0,60}".prop_map(String::into_bytes),
        ]) {
            let table = match Table::read(&bytes, |_| 0) {
                Ok(table) => table,
                Err(refused) => match refused.anyway {
                    Some(table) => table,
                    None => return Ok(()),
                },
            };
            let mut at = None;
            for record in &table.records {
                for (index, field) in record.fields.iter().enumerate() {
                    let begins = at.map_or(field.at.start, |at| at + usize::from(index > 0));
                    prop_assert_eq!(field.at.start, begins);
                    if index > 0 {
                        prop_assert_eq!(char::from(bytes[field.at.start - 1]), table.separator);
                    }
                    at = Some(field.at.end);
                }
                prop_assert_eq!(Some(record.line_break.start), at);
                at = Some(record.line_break.end);
            }
            let rest = &bytes[at.unwrap_or(bytes.len())..];
            prop_assert!(rest.iter().all(|b| b.is_ascii_whitespace() || *b == END_OF_FILE), "{:?}", rest);
            prop_assert_eq!(with(&table, &[]), bytes.clone());
        }

        #[test]
        fn one_replaced_field_reads_back_and_the_others_stay(
            rows in prop::collection::vec(prop::collection::vec("[a-z,;\"\n é]{0,6}", 3), 1..6),
            pick in any::<[prop::sample::Index; 2]>(),
        ) {
            let mut writer = csv::Writer::from_writer(Vec::new());
            for row in &rows {
                writer.write_record(row).unwrap();
            }
            let bytes = writer.into_inner().unwrap();
            let table = Table::read(&bytes, |r| u32::from(r.fields.len() == 3)).unwrap();
            let (row, column) = (pick[0].index(rows.len()), pick[1].index(3));
            prop_assume!(table.separator == ',');
            let place = table.records[row].fields[column].at.clone();
            let written = with(&table, &[(place, "\"N,9\"".to_owned())]);
            let again = Table::read(&written, |r| u32::from(r.fields.len() == 3)).unwrap();
            prop_assert_eq!(again.records.len(), rows.len());
            for (r, record) in again.records.iter().enumerate() {
                for (c, field) in record.fields.iter().enumerate() {
                    let expected = if (r, c) == (row, column) { "N,9" } else { rows[r][c].trim() };
                    prop_assert_eq!(&field.text, expected);
                    prop_assert_eq!(field.flaw, None);
                }
            }
        }
    }
}
