//! What is wrong with usernames, all of it at once, and what to write instead.

use std::collections::BTreeSet;

use crate::ids::{USERNAME_MAX, Username};
use crate::roster::UsernameLimit;
use crate::text::normalise::{latin, without_accents};
use crate::text::problems::Problem;
use crate::text::unwanted::{code, printable};

/// With more kinds of unusable characters than this, one message stands for all.
const KINDS: usize = 3;

/// A value of the column `username` that cannot be a username.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Faulty {
    pub(crate) line: usize,
    pub(crate) text: String,
    /// Nothing else is in its row.
    pub(crate) stands_alone: bool,
}

/// What is wrong with a username.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Faults {
    is_email: bool,
    /// Characters that no name in AWS may have, each once, in order.
    characters: Vec<char>,
    /// The first character, where a name may have it but not begin with it.
    start: Option<char>,
    /// The length, where it is over the limit.
    length: Option<usize>,
    /// It is a long number as a spreadsheet shows it (`9.00123E+08`).
    rounded: bool,
}

/// The longest username and what sets it, in words.
fn limit_of(limit: &UsernameLimit) -> (usize, &str) {
    match limit.max <= USERNAME_MAX {
        true => (limit.max, limit.because.as_str()),
        false => (USERNAME_MAX, "the names in AWS that begin with it"),
    }
}

/// A username that can be used, or `None`.
pub(super) fn usable(text: &str, limit: &UsernameLimit) -> Option<Username> {
    let username: Username = text.parse().ok()?;
    (username.as_str().len() <= limit.max).then_some(username)
}

/// Whether a text is a long number in a spreadsheet's short form: `9.00123E+08`.
fn is_rounded(text: &str) -> bool {
    let Some((number, exponent)) = text.split_once(['E', 'e']) else {
        return false;
    };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let decimal = number.split_once(['.', ',']);
    let number = decimal.map_or(digits(number), |(one, rest)| digits(one) && digits(rest));
    number && exponent.strip_prefix('+').is_some_and(digits)
}

/// A value as a message shows it, with its beginning and its end where it is long: usernames of one class often begin
/// alike.
fn both_ends(text: &str) -> String {
    const END: usize = 18;
    let letters: Vec<char> = text.chars().collect();
    if letters.len() <= 2 * END + 4 {
        return format!("'{}'", printable(text));
    }
    let part = |letters: &[char]| printable(&letters.iter().collect::<String>());
    let (begin, end) = (&letters[..END], &letters[letters.len() - END..]);
    format!("'{}…{}'", part(begin), part(end))
}

fn is_allowed(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_')
}

/// The part before the `@`, if it looks like an e-mail address.
fn local_part(text: &str) -> Option<&str> {
    let (local, domain) = text.split_once('@')?;
    let is_domain = domain.contains('.') && !domain.contains(['@', ' ']);
    (is_domain && !local.is_empty()).then_some(local)
}

impl Faults {
    fn of(text: &str, limit: &UsernameLimit) -> Self {
        let local = local_part(text);
        let judged = local.unwrap_or(text);
        if is_rounded(text) {
            return Self {
                rounded: true,
                ..Self::default()
            };
        }
        let length = judged.chars().count();
        Self {
            rounded: false,
            is_email: local.is_some(),
            characters: distinct(judged.chars().filter(|c| !is_allowed(*c))),
            start: judged.chars().next().filter(|c| matches!(c, '-' | '_')),
            length: (length > limit_of(limit).0).then_some(length),
        }
    }

    /// Finishes "12 usernames …" or "'a.b' …".
    fn words(&self, limit: &UsernameLimit, many: bool) -> String {
        let verb = |one: &'static str, all: &'static str| if many { all } else { one };
        let mut said = Vec::new();
        if self.rounded {
            let what = verb("is a long number", "are long numbers");
            said.push(format!("{what} that a spreadsheet changed"));
        }
        if self.is_email {
            said.push(verb("is an e-mail address", "are e-mail addresses").to_owned());
        }
        if !self.characters.is_empty() {
            let before = match self.is_email {
                true => " before the @",
                false => "",
            };
            let have = verb("has", "have");
            said.push(format!("{have} {}{before}", listed(&self.characters)));
        }
        if let Some(c) = self.start {
            said.push(format!("{} '{c}'", verb("begins with", "begin with")));
        }
        if let Some(length) = self.length {
            let (max, because) = limit_of(limit);
            said.push(match many {
                true => format!("are longer than {max} characters, the limit set by {because}"),
                false => {
                    format!("is {length} characters long; the limit is {max}, set by {because}")
                }
            });
        }
        said.join(" and ")
    }

    /// `whom`: `the student` or `the students`.
    fn hint(&self, limit: &UsernameLimit, whom: &str) -> String {
        let mut said: Vec<String> = Vec::new();
        if self.rounded {
            return "its digits are lost here: export the list again, and give the file without opening it in a spreadsheet".to_owned();
        }
        if self.is_email {
            said.push("the part before the @ may serve".to_owned());
        }
        if self.characters.contains(&'#') {
            said.push("Brightspace puts # before it, which has to go".to_owned());
        }
        if !self.characters.is_empty() {
            said.push("use letters, digits, '-' and '_' only".to_owned());
        }
        if self.start.is_some() {
            said.push("begin with a letter or a digit".to_owned());
        }
        if self.length.is_some() {
            said.push(format!("use at most {} characters", limit_of(limit).0));
        }
        format!("{}, and tell {whom}", said.join("; "))
    }
}

/// `'#' and '.'`; at most five.
fn listed(characters: &[char]) -> String {
    const MOST: usize = 5;
    let all: Vec<String> = characters
        .iter()
        .take(MOST)
        .map(|c| match c {
            ' ' => "a space".to_owned(),
            // Many a letter of another script looks like a Latin one.
            c if c.is_alphanumeric() && !c.is_ascii() => format!("'{c}' ({})", code(*c)),
            c => format!("'{}'", printable(&c.to_string())),
        })
        .collect();
    match (all.as_slice(), characters.len() > MOST) {
        (all, true) => format!("{} and others", all.join(", ")),
        ([first @ .., last], false) if !first.is_empty() => {
            format!("{} and {last}", first.join(", "))
        }
        (all, false) => all.concat(),
    }
}

fn distinct(characters: impl Iterator<Item = char>) -> Vec<char> {
    let mut seen = BTreeSet::new();
    characters.filter(|c| seen.insert(*c)).collect()
}

/// The problems of these values in the column at `place`. `good`: the class's other usernames.
pub(super) fn problems(
    faulty: &[Faulty],
    good: &[(Username, usize)],
    limit: &UsernameLimit,
    place: Option<(usize, Option<String>)>,
) -> Vec<Problem> {
    let mut taken: BTreeSet<String> = good
        .iter()
        .map(|(username, _)| username.as_str().to_ascii_lowercase())
        .collect();
    let all: Vec<Faults> = faulty.iter().map(|f| Faults::of(&f.text, limit)).collect();
    let kinds: BTreeSet<String> = all
        .iter()
        .filter(|f| !f.characters.is_empty())
        .map(|f| f.words(limit, true))
        .collect();
    // Where there are too many kinds: one message about all their characters.
    let together = (kinds.len() > KINDS).then(|| Faults {
        characters: distinct(all.iter().flat_map(|f| f.characters.iter().copied())),
        ..Faults::default()
    });
    let mut problems = Vec::new();
    for (one, faults) in faulty.iter().zip(all) {
        let proposal = propose(&one.text, &taken, limit);
        taken.extend(proposal.iter().map(|name| name.to_ascii_lowercase()));
        let together = together.as_ref().filter(|_| !faults.characters.is_empty());
        let many = match together {
            Some(together) => format!(
                "have characters that names in AWS may not have: {}",
                listed(&together.characters)
            ),
            None => faults.words(limit, true),
        };
        let mut hint = faults.hint(limit, "the student");
        if let Some(name) = &proposal {
            hint.push_str(&format!("; for instance {name}"));
        }
        if one.stands_alone {
            hint.push_str("; or delete the line if it is no student");
        }
        let value = both_ends(&one.text);
        let cause = format!("{value} {}", faults.words(limit, false));
        let problem = Problem::at_line(one.line, cause, hint)
            .in_column(place.clone())
            .many(format!("usernames {many}"))
            .example(value)
            .hint_for_many(together.unwrap_or(&faults).hint(limit, "the students"))
            .instead(proposal);
        problems.push(problem);
    }
    problems
}

/// A username to write in place of a text: close to it, usable, and nobody's. Case is ignored, and no name may begin
/// with another's and a dash (see `parse::compare_usernames`).
fn propose(text: &str, taken: &BTreeSet<String>, limit: &UsernameLimit) -> Option<String> {
    if is_rounded(text) {
        return None;
    }
    let plain = without_accents(&latin(local_part(text).unwrap_or(text)));
    let free = |name: &str| {
        usable(name, limit)?;
        let folded = name.to_ascii_lowercase();
        let dash = format!("{folded}-");
        let next = taken.range(dash.clone()..).next();
        let mut beginnings = folded.match_indices('-').map(|(at, _)| &folded[..at]);
        let is_taken = taken.contains(&folded)
            || beginnings.any(|begin| taken.contains(begin))
            || next.is_some_and(|next| next.starts_with(&dash));
        (!is_taken).then(|| name.to_owned())
    };
    let joined = |instead: &str| {
        let words: Vec<&str> = plain
            .split(|c: char| !is_allowed(c))
            .filter(|word| !word.is_empty())
            .collect();
        let name = words.join(instead);
        name.trim_matches(['-', '_']).to_owned()
    };
    let whole = ["-", "_", ""].into_iter().find_map(|s| free(&joined(s)));
    let (name, max) = (joined("-"), limit_of(limit).0);
    if whole.is_some() || name.len() <= max {
        return whole;
    }
    // Its beginning; with a number where somebody has that.
    let begin = |length: usize| name[..length].trim_end_matches(['-', '_']);
    free(begin(max)).or_else(|| {
        let numbered = |n: usize| format!("{}{n}", begin(max.saturating_sub(3)));
        (2..1000).find_map(|n| free(&numbered(n)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(max: usize) -> UsernameLimit {
        UsernameLimit {
            max,
            because: "the lab".to_owned(),
        }
    }

    fn proposal(text: &str, taken: &[&str]) -> Option<String> {
        let taken = taken.iter().map(|&name| name.to_owned()).collect();
        propose(text, &taken, &limit(20))
    }

    #[test]
    fn a_proposal_is_usable_close_and_nobodys() {
        assert_eq!(
            proposal("first0.last0", &[]).as_deref(),
            Some("first0-last0")
        );
        assert_eq!(
            proposal("#ping.a.2026", &[]).as_deref(),
            Some("ping-a-2026")
        );
        assert_eq!(
            proposal("ana.ruiz@example.edu", &[]).as_deref(),
            Some("ana-ruiz")
        );
        assert_eq!(proposal("Jürgen Voß", &[]).as_deref(), Some("Jurgen-Vo"));
        assert_eq!(proposal("-user5", &[]).as_deref(), Some("user5"));
        assert_eq!(proposal("a.b", &["a-b"]).as_deref(), Some("a_b"));
        assert_eq!(proposal("a.b", &["a"]).as_deref(), Some("a_b"));
        assert_eq!(proposal("a.b", &["a", "a_b"]).as_deref(), Some("ab"));
        assert_eq!(
            proposal("a.", &["a-b"]),
            None,
            "'a-*' would open the stack of 'a-b'"
        );
        assert_eq!(proposal("王芳", &[]), None);
        assert_eq!(
            proposal("\u{430}na", &[]).as_deref(),
            Some("ana"),
            "a Cyrillic а"
        );
        assert_eq!(
            proposal("\u{441}\u{430}\u{440}\u{430}", &[]),
            None,
            "a Cyrillic name"
        );
        assert_eq!(proposal("ａｎａ\u{200d}７", &[]).as_deref(), Some("ana7"));
        assert_eq!(proposal("9.00123E+08", &[]), None);
        let long = "abcdefghij".repeat(3);
        assert_eq!(
            proposal(&long, &[]).as_deref(),
            Some("abcdefghijabcdefghij")
        );
        let taken = ["abcdefghijabcdefghij"];
        assert_eq!(
            proposal(&long, &taken).as_deref(),
            Some("abcdefghijabcdefg2")
        );
        assert_eq!(
            proposal(&"x.".repeat(15), &[]).as_deref(),
            Some("x".repeat(15).as_str())
        );
    }

    #[test]
    fn everything_wrong_with_one_name_is_said_together() {
        let faults = |text: &str| Faults::of(text, &limit(8)).words(&limit(8), false);
        assert_eq!(faults("#ping.a"), "has '#' and '.'");
        assert_eq!(faults("\u{430}na"), "has '\u{430}' (U+0430)");
        assert_eq!(
            faults("9.00123E+08"),
            "is a long number that a spreadsheet changed"
        );
        assert_eq!(faults("-a b"), "has a space and begins with '-'");
        assert_eq!(
            faults("first.last"),
            "has '.' and is 10 characters long; the limit is 8, set by the lab"
        );
        assert_eq!(
            faults("a.b@example.edu"),
            "is an e-mail address and has '.' before the @"
        );
        assert_eq!(faults("a\u{200d}b\t"), r"has '\u{200d}' and '\t'");
    }
}
