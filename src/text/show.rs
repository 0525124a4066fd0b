//! Text from elsewhere, made safe and made to fit where it is shown.

use std::borrow::Cow;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::unwanted::stand_in;

/// Makes text inert wherever it is shown: white space other than a plain space becomes one, and whatever
/// could steer a terminal, hide, or turn the reading order around becomes U+FFFD (�), so that it is seen.
///
/// Zero-width joiners stay: emoji and several scripts are spelt with them.
pub(crate) fn clean(text: &str) -> Cow<'_, str> {
    if text.chars().all(|c| stand_in(c).is_none()) {
        return Cow::Borrowed(text);
    }
    let shown = text.chars().map(|c| stand_in(c).unwrap_or(c));
    Cow::Owned(shown.collect())
}

/// Cleans a text for element text and quoted attributes of HTML or XML. Cleaning matters there, too: XML 1.0 has no way
/// at all to write most control characters (<https://www.w3.org/TR/xml/#charsets>). `apostrophe`: how it is written
/// (HTML before 5 knows no `&apos;`). `/` stays: a page of five hundred students has a hundred thousand, and it ends
/// nothing in either.
pub(crate) fn markup(text: &str, apostrophe: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    for c in clean(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str(apostrophe),
            c => out.push(c),
        }
    }
    out
}

/// Columns that a text takes in a terminal.
pub fn width(text: &str) -> usize {
    UnicodeWidthStr::width(text)
}

/// Cleans a text and cuts it to at most `max` columns; what was cut shows as `…`.
pub(crate) fn fit(text: &str, max: usize) -> String {
    let text = clean(text);
    if width(&text) <= max {
        return text.into_owned();
    }
    let mut taken = String::new();
    let mut columns = 0;
    for c in text.chars() {
        let next = c.width().unwrap_or(0);
        if columns + next + 1 > max {
            break;
        }
        columns += next;
        taken.push(c);
    }
    if max > 0 {
        taken.push('…');
    }
    taken
}

/// Cleans a text and makes it exactly `columns` wide: cut or filled with spaces.
pub(crate) fn pad(text: &str, columns: usize) -> String {
    let text = fit(text, columns);
    let missing = columns.saturating_sub(width(&text));
    format!("{text}{}", " ".repeat(missing))
}

/// As [`pad`], aligned to the right.
pub(crate) fn pad_left(text: &str, columns: usize) -> String {
    let text = fit(text, columns);
    let missing = columns.saturating_sub(width(&text));
    format!("{}{text}", " ".repeat(missing))
}

/// Cleans a text and breaks it into lines of at most `columns` at spaces. A word that is longer than a line
/// (an ARN) stands on a line of its own, whole: whoever copies it needs all of it.
pub(crate) fn wrap(text: &str, columns: usize) -> Vec<String> {
    let text = clean(text);
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        if !line.is_empty() && width(&line) + 1 + width(word) > columns {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminal_sequences_and_reading_order_tricks_become_visible_and_inert() {
        assert_eq!(clean("\u{1b}[31mred\u{9b}2J"), "\u{fffd}[31mred\u{fffd}2J");
        assert_eq!(clean("a\u{202e}b\u{2066}c"), "a\u{fffd}b\u{fffd}c");
        assert_eq!(clean("two\r\nlines\tof"), "two  lines of");
        assert!(matches!(clean("Zoë 李 👩\u{200d}🏫"), Cow::Borrowed(_)));
    }

    #[test]
    fn fitting_counts_columns_not_characters() {
        assert_eq!(fit("李小龙", 6), "李小龙");
        assert_eq!(fit("李小龙", 5), "李小…");
        assert_eq!(fit("李小龙", 4), "李…");
        assert_eq!(pad("李", 4), "李  ");
        assert_eq!(pad_left("7", 3), "  7");
        assert_eq!(fit("anything", 0), "");
    }

    #[test]
    fn wrapping_never_cuts_a_word() {
        assert_eq!(
            wrap("see arn:aws:lambda:us-east-1:1:function:x now", 10),
            ["see", "arn:aws:lambda:us-east-1:1:function:x", "now"]
        );
        assert!(wrap("   ", 10).is_empty());
    }
}
