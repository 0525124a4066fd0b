//! CSV text as a table of fields that know where they stand.
//!
//! Why not a CSV library's reader: those are made to get something out of any input. They read a quote
//! that is never closed up to the end of the file, take text after a closing quote as part of the field, and
//! see a quote after a space as an ordinary character, all without a word; here each has to be found and said
//! with its line. The quoting that is read is that of RFC 4180, plus spaces around quoted fields and any kind
//! of line break. (The tests write their rosters with the `csv` crate: an independent hand.)

/// One field: its text without surrounding spaces, and where it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::domain) struct Field {
    /// The text.
    pub text: String,
    /// The physical line, from 1.
    pub line: usize,
    /// What is wrong with its quoting.
    pub flaw: Option<Flaw>,
}

/// What can be wrong with a field's quoting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::domain) enum Flaw {
    /// The field begins with a quote that is not closed. The record ends with the line on which it opened,
    /// so that one forgotten quote does not hide the rest of the file.
    Unclosed,
    /// There is more text between the closing quote and the next delimiter; that text is left out.
    TextAfterQuote,
}

/// One record: at least one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::domain) struct Record {
    /// Its fields.
    pub fields: Vec<Field>,
}

impl Record {
    /// The physical line on which it begins, from 1.
    pub fn line(&self) -> usize {
        self.fields.first().map_or(1, |field| field.line)
    }

    /// Whether it says nothing: a blank line, or only delimiters (which is what Excel leaves of a row whose
    /// cells were emptied).
    pub fn is_blank(&self) -> bool {
        self.fields
            .iter()
            .all(|field| field.text.is_empty() && field.flaw.is_none())
    }
}

/// A space that may surround a value: any but tabs, line breaks and separators, which are refused as content.
fn is_space(c: char) -> bool {
    c.is_whitespace() && !c.is_control() && !matches!(c, '\u{2028}' | '\u{2029}')
}

/// Reads records one after the other. Linear in the text, unclosed quotes included: a quote is looked for
/// beyond its line only until the next run of quotes of odd length, and a second quote that opens before that
/// run can only be inside a run of even length, where it closes at once.
#[derive(Debug)]
pub(in crate::domain) struct Records<'a> {
    text: &'a str,
    at: usize,
    line: usize,
    delimiter: char,
}

impl<'a> Records<'a> {
    /// The records of a text without byte-order mark.
    pub fn new(text: &'a str, delimiter: char) -> Self {
        Self {
            text,
            at: 0,
            line: 1,
            delimiter,
        }
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// Moves past one line break, if there is one: `\n`, `\r\n`, or `\r` alone.
    fn line_break(&mut self) -> bool {
        let rest = self.rest();
        let length = if rest.starts_with("\r\n") {
            2
        } else if rest.starts_with(['\n', '\r']) {
            1
        } else {
            return false;
        };
        self.at += length;
        self.line += 1;
        true
    }

    fn spaces(&mut self) {
        let rest = self.rest();
        let delimiter = self.delimiter;
        self.at += rest.len()
            - rest
                .trim_start_matches(|c| is_space(c) && c != delimiter)
                .len();
    }

    /// Moves to the next delimiter, line break or end, and answers what was passed.
    fn plain(&mut self) -> &'a str {
        let rest = self.rest();
        let end = rest
            .find([self.delimiter, '\n', '\r'])
            .unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    /// Reads a field that begins with a quote, at that quote.
    fn quoted(&mut self) -> Field {
        let (opened_at, line) = (self.at, self.line);
        self.at += 1;
        let mut text = String::new();
        let closed = loop {
            let rest = self.rest();
            let Some(end) = rest.find(['"', '\n', '\r']) else {
                break false;
            };
            text.push_str(&rest[..end]);
            self.at += end;
            let before = self.at;
            if self.line_break() {
                text.push_str(&self.text[before..self.at]);
            } else if self.rest().starts_with("\"\"") {
                text.push('"');
                self.at += 2;
            } else {
                self.at += 1;
                break true;
            }
        };
        self.spaces();
        let ends_well = match self.peek() {
            None | Some('\n' | '\r') => true,
            Some(c) => c == self.delimiter,
        };
        let flaw = if closed && ends_well {
            None
        } else if closed && self.line == line {
            self.plain();
            Some(Flaw::TextAfterQuote)
        } else {
            // Either nothing closes it, or what seems to is the opening quote of a field further down.
            self.at = opened_at + 1;
            self.line = line;
            let rest = self.rest();
            let end = rest.find(['\n', '\r']).unwrap_or(rest.len());
            text = rest[..end].to_owned();
            self.at += end;
            Some(Flaw::Unclosed)
        };
        Field {
            text: text.trim_matches(is_space).to_owned(),
            line,
            flaw,
        }
    }

    fn field(&mut self) -> Field {
        self.spaces();
        if self.peek() == Some('"') {
            return self.quoted();
        }
        let line = self.line;
        Field {
            text: self.plain().trim_matches(is_space).to_owned(),
            line,
            flaw: None,
        }
    }
}

impl Iterator for Records<'_> {
    type Item = Record;

    fn next(&mut self) -> Option<Record> {
        if self.at >= self.text.len() {
            return None;
        }
        let mut fields = vec![self.field()];
        while self.peek() == Some(self.delimiter) {
            self.at += self.delimiter.len_utf8();
            fields.push(self.field());
        }
        self.line_break();
        Some(Record { fields })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(csv: &str) -> Vec<Vec<String>> {
        Records::new(csv, ',')
            .map(|r| r.fields.into_iter().map(|f| f.text).collect())
            .collect()
    }

    fn lines(csv: &str) -> Vec<usize> {
        Records::new(csv, ',').map(|r| r.line()).collect()
    }

    #[test]
    fn quotes_protect_delimiters_and_quotes() {
        assert_eq!(
            texts("a,\"b, \"\"c\"\"\",d\n"),
            [vec!["a", "b, \"c\"", "d"]]
        );
    }

    #[test]
    fn spaces_around_a_quoted_field_are_not_content() {
        assert_eq!(
            texts("a ,  \" b, c \" , d"),
            [vec!["a", "b, c", "d"]],
            "a reader that trims after splitting sees four fields here"
        );
    }

    #[test]
    fn every_kind_of_line_break_counts_as_one_line() {
        assert_eq!(lines("a\nb\r\nc\rd"), [1, 2, 3, 4]);
        assert_eq!(lines("a\n\n\nb"), [1, 2, 3, 4]);
        assert_eq!(lines("\"x\r\ny\",b\nc"), [1, 3]);
    }

    #[test]
    fn a_field_after_a_quoted_line_break_knows_its_own_line() {
        let record = Records::new("\"x\ny\",b", ',').next().unwrap();
        assert_eq!(record.fields[1].line, 2);
    }

    #[test]
    fn an_unclosed_quote_costs_its_own_line_only() {
        for csv in ["a,\"b\nc,d\ne,f\n", "a,\"b\nc,\"d\"\ne,f\n"] {
            let records: Vec<Record> = Records::new(csv, ',').collect();
            assert_eq!(records[0].fields[1].flaw, Some(Flaw::Unclosed), "{csv:?}");
            assert_eq!(records.len(), 3, "{csv:?}");
            assert_eq!(records[2].line(), 3, "{csv:?}");
            assert_eq!(records[1].fields[1].text, "d", "{csv:?}");
        }
    }

    #[test]
    fn text_after_a_closing_quote_is_a_flaw_of_that_field_alone() {
        let record = Records::new("\"a\" b,c", ',').next().unwrap();
        assert_eq!(record.fields[0].flaw, Some(Flaw::TextAfterQuote));
        assert_eq!(record.fields[1].text, "c");
    }

    #[test]
    fn an_empty_last_field_is_a_field() {
        assert_eq!(texts("a,\n,\n"), [vec!["a", ""], vec!["", ""]]);
    }
}
