//! Where each value stands in a JSON text, and which keys stand there twice: a parsed value knows neither.

use std::collections::HashMap;

/// A key as a JSON pointer spells it (RFC 6901).
pub(super) fn step(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// The lines of a JSON text's values.
#[derive(Debug, Default)]
pub(crate) struct JsonLines {
    /// By JSON pointer, counted from 1.
    lines: HashMap<String, usize>,
    /// JSON pointers of keys that an object has more than once. A parser keeps the last one and drops the others.
    pub(crate) repeated: Vec<String>,
}

impl JsonLines {
    /// Reads a text that is JSON; of any other text it holds a part.
    pub(crate) fn read(text: &str) -> Self {
        let mut scanner = Scanner {
            rest: text,
            line: 1,
            found: Self::default(),
        };
        scanner.value(&mut String::new());
        scanner.found
    }

    /// The line of a value, or of what it would stand in.
    pub(crate) fn line_of(&self, pointer: &str) -> Option<usize> {
        let mut pointer = pointer;
        loop {
            if let Some(line) = self.lines.get(pointer) {
                return Some(*line);
            }
            pointer = &pointer[..pointer.rfind('/')?];
        }
    }
}

struct Scanner<'t> {
    rest: &'t str,
    line: usize,
    found: JsonLines,
}

impl Scanner<'_> {
    /// The next character that is no space; it is not taken.
    fn peek(&mut self) -> Option<char> {
        let trimmed = self.rest.trim_start();
        let spaces = &self.rest[..self.rest.len() - trimmed.len()];
        self.line += spaces.matches('\n').count();
        self.rest = trimmed;
        trimmed.chars().next()
    }

    fn take(&mut self, expected: char) -> bool {
        let is_next = self.peek() == Some(expected);
        if is_next {
            self.rest = &self.rest[expected.len_utf8()..];
        }
        is_next
    }

    /// A string, without its quotes and as it is written; `None` where none stands.
    fn string(&mut self) -> Option<String> {
        if !self.take('"') {
            return None;
        }
        let mut escaped = false;
        let end = self.rest.find(|c| {
            let ends = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            ends
        })?;
        let raw = &self.rest[..end];
        let text = serde_json::from_str(&format!("\"{raw}\"")).unwrap_or_else(|_| raw.to_owned());
        self.rest = &self.rest[end + 1..];
        Some(text)
    }

    /// A value and all that it holds. Only a text that has been parsed is deep in bounds (serde_json takes 128 levels).
    fn value(&mut self, pointer: &mut String) -> Option<()> {
        let open = self.peek()?;
        self.found.lines.entry(pointer.clone()).or_insert(self.line);
        let length = pointer.len();
        match open {
            '{' => {
                self.take('{');
                let mut keys = std::collections::HashSet::new();
                while !self.take('}') {
                    let key = self.string()?;
                    pointer.push('/');
                    pointer.push_str(&step(&key));
                    if !keys.insert(key) {
                        self.found.repeated.push(pointer.clone());
                        self.found.lines.insert(pointer.clone(), self.line);
                    } else {
                        self.found.lines.entry(pointer.clone()).or_insert(self.line);
                    }
                    self.take(':').then_some(())?;
                    self.value(pointer)?;
                    pointer.truncate(length);
                    self.take(',');
                }
            }
            '[' => {
                self.take('[');
                let mut index = 0;
                while !self.take(']') {
                    pointer.push_str(&format!("/{index}"));
                    self.value(pointer)?;
                    pointer.truncate(length);
                    index += 1;
                    self.take(',');
                }
            }
            '"' => drop(self.string()?),
            _ => {
                let end = self
                    .rest
                    .find(|c: char| ",]}".contains(c) || c.is_whitespace());
                self.rest =
                    &self.rest[end.unwrap_or(self.rest.len()).max(1).min(self.rest.len())..];
            }
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_found_by_its_line_and_a_repeated_key_is_told() {
        let text = "{\n  \"a\": [1, {\"b/c\": \"x\\\"}\"}],\n  \"d\": {\n    \"e\": 1,\n    \"e\": true\n  }\n}";
        assert!(serde_json::from_str::<serde_json::Value>(text).is_ok());
        let lines = JsonLines::read(text);
        assert_eq!(lines.line_of(""), Some(1));
        assert_eq!(lines.line_of("/a/1/b~1c"), Some(2));
        assert_eq!(lines.line_of("/d/missing"), Some(3));
        assert_eq!(lines.repeated, ["/d/e"]);
        assert_eq!(lines.line_of("/d/e"), Some(5));
    }

    #[test]
    fn any_text_is_read_without_a_panic() {
        for text in [
            "",
            "{",
            "{\"a",
            "[1,",
            "{\"a\":}",
            "]",
            "{\"é\": \u{a0}1",
            "[é]",
        ] {
            JsonLines::read(text);
        }
    }
}
