//! Removes from a text what identifies a person of a class, or the account.

use std::collections::{BTreeMap, BTreeSet};

use super::document::Document;
use crate::text::show::clean;

/// Characters that a part of a name needs to be searched for alone: initials are in every text.
const NAME_PART: usize = 2;

pub(super) struct Scrub {
    /// Needles by their first character, lower-case; longest first.
    needles: BTreeMap<char, Vec<Needle>>,
}

struct Needle {
    /// As it stands, or in lower case where case does not matter.
    text: Vec<char>,
    any_case: bool,
    instead: &'static str,
}

impl Scrub {
    /// Everything in a class that identifies: usernames, names and their parts, e-mail addresses, the values of
    /// the roster's other columns (`hidden`: those that stand in no report), the account's id and alias.
    pub(super) fn of(report: &Document, hidden: &[String]) -> Self {
        let mut found: BTreeSet<(String, bool, &'static str)> = BTreeSet::new();
        let mut add = |text: &str, any_case, instead| {
            let text = clean(text.trim()).into_owned();
            if !text.is_empty() {
                found.insert((text, any_case, instead));
            }
        };
        let alias = report.account.alias.as_deref();
        add(&report.account.id, true, "<account>");
        add(alias.unwrap_or_default(), true, "<account>");
        for account in report
            .places
            .iter()
            .filter_map(|place| place.account.as_ref())
        {
            add(&account.id, true, "<account>");
            add(
                account.alias.as_deref().unwrap_or_default(),
                true,
                "<account>",
            );
        }
        let extra = report.students.iter().flat_map(|row| &row.student.extra);
        for value in extra.map(|(_, value)| value).chain(hidden) {
            // A value as short as initials is in every text.
            if value.chars().count() > NAME_PART {
                add(value, true, "<roster>");
            }
        }
        for row in &report.students {
            let student = &row.student;
            add(student.username.as_str(), true, "<username>");
            if let Some(name) = &student.name {
                add(name, true, "<name>");
                // A part of a name may also be a word (Will, Rose): only as it is written in the roster.
                for part in name.split_whitespace() {
                    let part = part.trim_matches(|c: char| !c.is_alphanumeric());
                    if part.chars().count() >= NAME_PART {
                        add(part, false, "<name>");
                    }
                }
            }
            if let Some(email) = &student.email {
                add(email, true, "<e-mail>");
                if let Some((local, _)) = email.split_once('@') {
                    add(local, true, "<e-mail>");
                }
            }
            if let Some(section) = &student.section {
                add(section, false, "<section>");
            }
        }
        let mut needles: BTreeMap<char, Vec<Needle>> = BTreeMap::new();
        for (text, any_case, instead) in found {
            let text: Vec<char> = match any_case {
                true => text.chars().map(lower).collect(),
                false => text.chars().collect(),
            };
            if let Some(first) = text.first().copied().map(lower) {
                needles.entry(first).or_default().push(Needle {
                    text,
                    any_case,
                    instead,
                });
            }
        }
        for group in needles.values_mut() {
            group.sort_by_key(|needle| std::cmp::Reverse(needle.text.len()));
        }
        Self { needles }
    }

    /// The text without what identifies. All ARNs, addresses and e-mail addresses are removed: the identity that AWS names
    /// in an error is the instructor's.
    pub(super) fn text(&self, text: &str) -> String {
        let text = clean(text);
        let words: Vec<String> = self
            .without_needles(&text)
            .split(' ')
            .map(|word| match word {
                word if word.contains("arn:") => kept_end(word, "<ARN>"),
                word if word.contains("://") => kept_end(word, "<address>"),
                word if word.contains('@') => kept_end(word, "<e-mail>"),
                word => without_account_ids(word),
            })
            .collect();
        words.join(" ")
    }

    fn without_needles(&self, text: &str) -> String {
        let chars: Vec<char> = text.chars().collect();
        let mut out = String::with_capacity(text.len());
        let mut at = 0;
        while at < chars.len() {
            let begins = at == 0 || !chars[at - 1].is_alphanumeric();
            let hit = begins
                .then(|| self.needles.get(&lower(chars[at])))
                .flatten()
                .and_then(|group| group.iter().find(|needle| needle.is_at(&chars[at..])));
            match hit {
                Some(needle) => {
                    out.push_str(needle.instead);
                    at += needle.text.len();
                }
                None => {
                    out.push(chars[at]);
                    at += 1;
                }
            }
        }
        out
    }
}

impl Needle {
    /// Whether the text begins with it, as a whole word.
    fn is_at(&self, text: &[char]) -> bool {
        let length = self.text.len();
        let same = |(a, b): (&char, &char)| match self.any_case {
            true => lower(*a) == *b,
            false => a == b,
        };
        text.len() >= length
            && text.iter().zip(&self.text).all(same)
            && text.get(length).is_none_or(|next| !next.is_alphanumeric())
    }
}

/// Lower case of one character; the first of them where that are several.
fn lower(c: char) -> char {
    c.to_lowercase().next().unwrap_or(c)
}

/// The stand-in, with the punctuation that ended the word.
fn kept_end(word: &str, instead: &str) -> String {
    let end = word.trim_end_matches([',', ';', ':', '.', ')']).len();
    format!("{instead}{}", &word[end..])
}

/// Twelve digits in a row are an account id.
fn without_account_ids(word: &str) -> String {
    let mut out = String::new();
    let mut digits = String::new();
    for c in word.chars().chain(['\0']) {
        if c.is_ascii_digit() {
            digits.push(c);
            continue;
        }
        match digits.len() {
            12 => out.push_str("<account>"),
            _ => out.push_str(&digits),
        }
        digits.clear();
        if c != '\0' {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn account_ids_go_and_other_numbers_stay() {
        assert_eq!(without_account_ids("of:123456789012:x"), "of:<account>:x");
        assert_eq!(without_account_ids("1234567890123"), "1234567890123");
        assert_eq!(without_account_ids("9"), "9");
    }

    #[test]
    fn what_stood_for_a_whole_word_keeps_its_punctuation() {
        assert_eq!(kept_end("arn:aws:x,", "<ARN>"), "<ARN>,");
    }
}
