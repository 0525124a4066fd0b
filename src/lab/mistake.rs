//! Mistakes that students make in a lab, as its bundle describes them: how each looks, and what to say about it.

use std::collections::BTreeMap;
use std::fmt;

use regex_lite::Regex;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::text::similar::closest;

/// Why a student needs somebody; the most urgent first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TroubleReason {
    /// Something of the stack that the instructor deployed is missing or not ready.
    StackBroken,
    /// Nothing of their stack is there, and the class works.
    NotDeployed,
    /// It fails since the student changed something of their own.
    OwnChange,
    /// Their executions fail again and again.
    RepeatedFailure,
    /// Their API refuses their requests.
    RefusedRequests,
    /// They began, are not done, and have not been seen for a while.
    Idle,
    /// They have not been seen at all.
    NotStarted,
}

impl TroubleReason {
    /// Whether the stack is the trouble, and not what the student does with it.
    pub(crate) fn is_of_stack(self) -> bool {
        matches!(self, Self::StackBroken | Self::NotDeployed)
    }
}

/// Who acts on a remark.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Listener {
    /// The student: the sentence is said to them.
    #[default]
    Student,
    /// The instructor has to do something first.
    Instructor,
}

/// A regular expression of a bundle.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Pattern(Regex);

impl TryFrom<String> for Pattern {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let built = Regex::new(&text);
        built
            .map(Self)
            .map_err(|error| format!("{text:?} is not a regular expression: {error}"))
    }
}

/// A mistake, as the bundle states it. Everything that it says of its looks must be so.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Mistake {
    pub(crate) id: String,
    /// Only for these reasons; for any of failures, requests and changes otherwise.
    #[serde(default)]
    pub(crate) reason: Vec<TroubleReason>,
    /// Only while the student is at this task (a check's id).
    pub(crate) task: Option<String>,
    pub(crate) error: Option<Pattern>,
    pub(crate) cause: Option<Pattern>,
    /// Patterns over values of the input, by JSON pointer. A value that is no text is matched as JSON; one that is not there
    /// as an empty text.
    #[serde(default)]
    pub(crate) input: BTreeMap<String, Pattern>,
    /// The status with which the API answered.
    pub(crate) http_status: Option<u16>,
    /// A pattern over what the student changed (`function user1-process-data: …`).
    pub(crate) change: Option<Pattern>,
    /// Only where no request of the student's has reached their API.
    #[serde(default)]
    pub(crate) no_requests: bool,
    /// What `{nearest}` is chosen from.
    #[serde(default)]
    pub(crate) values: Vec<String>,
    /// One sentence. `{name}` stands for the group of that name in a pattern, `{nearest}` for the one of `values` that is
    /// nearest to `{value}`.
    pub(crate) say: String,
    #[serde(default)]
    pub(crate) to: Listener,
    /// What several students do alike, to finish the sentence "7 students …".
    pub(crate) room: Option<String>,
}

/// What a student's trouble looks like.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Symptom<'a> {
    pub(crate) reason: TroubleReason,
    pub(crate) task: Option<&'a str>,
    pub(crate) error: Option<&'a str>,
    pub(crate) cause: Option<&'a str>,
    pub(crate) input: Option<&'a Value>,
    pub(crate) http_status: Option<u16>,
    /// Whether any request of the student's has reached their API.
    pub(crate) requests_seen: bool,
    pub(crate) changes: &'a [String],
}

impl Symptom<'_> {
    /// Of which nothing else is known.
    pub(crate) fn of(reason: TroubleReason) -> Self {
        Self {
            reason,
            task: None,
            error: None,
            cause: None,
            input: None,
            http_status: None,
            requests_seen: true,
            changes: &[],
        }
    }
}

/// What a bundle says about a mistake, with the student's own words filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Remark {
    pub(crate) say: String,
    pub(crate) to: Listener,
    pub(crate) room: Option<String>,
    /// Whether the student's own change is part of it.
    pub(crate) of_change: bool,
}

impl Mistake {
    /// What to say, where the trouble looks like this mistake.
    fn remark(&self, symptom: &Symptom<'_>) -> Option<Remark> {
        let reasons = match self.reason.is_empty() {
            // Silence says nothing about what went wrong, and a broken stack is not the student's mistake.
            true => !matches!(
                symptom.reason,
                TroubleReason::StackBroken
                    | TroubleReason::NotDeployed
                    | TroubleReason::Idle
                    | TroubleReason::NotStarted
            ),
            false => self.reason.contains(&symptom.reason),
        };
        let task = self.task.is_none() || self.task.as_deref() == symptom.task;
        let status = self.http_status.is_none() || self.http_status == symptom.http_status;
        let requests = !(self.no_requests && symptom.requests_seen);
        if !(reasons && task && status && requests) {
            return None;
        }
        let mut words = BTreeMap::new();
        for (pattern, text) in [(&self.error, symptom.error), (&self.cause, symptom.cause)] {
            if let Some(pattern) = pattern {
                pattern.find(text?, &mut words)?;
            }
        }
        for (pointer, pattern) in &self.input {
            let value = symptom.input?.pointer(pointer);
            let text = match value {
                None => String::new(),
                Some(Value::String(text)) => text.clone(),
                Some(value) => value.to_string(),
            };
            pattern.find(&text, &mut words)?;
        }
        if let Some(pattern) = &self.change {
            let mut changes = symptom.changes.iter();
            changes.find_map(|change| pattern.find(change, &mut words))?;
        }
        let values = || self.values.iter().map(String::as_str);
        let typed = words.get("value").map_or("", String::as_str);
        let near: Vec<&str> = match nearest(typed, values()) {
            Some(one) => vec![one],
            None => values().collect(),
        };
        words.insert("nearest".to_owned(), near.join(" or "));
        Some(Remark {
            say: filled(&self.say, &words),
            to: self.to,
            room: self.room.as_deref().map(|room| filled(room, &words)),
            of_change: self.change.is_some(),
        })
    }

    /// Names in braces that nothing fills in.
    pub(crate) fn unknown_words(&self) -> Vec<String> {
        let patterns = [&self.error, &self.cause, &self.change];
        let patterns = patterns.into_iter().flatten().chain(self.input.values());
        let mut known: Vec<&str> = patterns
            .flat_map(|pattern| pattern.0.capture_names().flatten())
            .collect();
        if !self.values.is_empty() {
            known.push("nearest");
        }
        [Some(&self.say), self.room.as_ref()]
            .into_iter()
            .flatten()
            .flat_map(|text| braced(text))
            .filter(|name| !known.contains(name))
            .map(str::to_owned)
            .collect()
    }

    /// Whether it says anything of how the mistake looks.
    pub(crate) fn has_looks(&self) -> bool {
        !self.reason.is_empty()
            || self.task.is_some()
            || self.error.is_some()
            || self.cause.is_some()
            || !self.input.is_empty()
            || self.http_status.is_some()
            || self.change.is_some()
    }
}

/// What the first mistake says that the trouble looks like.
pub(crate) fn remark(mistakes: &[Mistake], symptom: &Symptom<'_>) -> Option<Remark> {
    mistakes.iter().find_map(|mistake| mistake.remark(symptom))
}

impl Pattern {
    /// Adds the named groups of the first match.
    fn find(&self, text: &str, words: &mut BTreeMap<String, String>) -> Option<()> {
        let found = self.0.captures(text)?;
        for name in self.0.capture_names().flatten() {
            let word = found.name(name).map_or("", |word| word.as_str());
            words.insert(name.to_owned(), word.to_owned());
        }
        Some(())
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
}

/// The value that was meant: the one with the smallest edit distance, or the only one that begins like what was typed.
fn nearest<'a>(typed: &str, values: impl Iterator<Item = &'a str> + Clone) -> Option<&'a str> {
    if let [one] = closest(typed, values.clone())[..] {
        return Some(one);
    }
    let typed = typed.to_lowercase();
    let mut longer =
        values.filter(|value| !typed.is_empty() && value.to_lowercase().starts_with(&typed));
    let one = longer.next()?;
    longer.next().is_none().then_some(one)
}

/// Names in braces.
fn braced(text: &str) -> impl Iterator<Item = &str> {
    let parts = text.split('{').skip(1);
    parts.filter_map(|part| Some(part.split_once('}')?.0))
}

/// A text with the words in the place of their names in braces. What a word holds is not read again.
fn filled(text: &str, words: &BTreeMap<String, String>) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        match after.split_once('}') {
            Some((name, after)) if words.contains_key(name) => {
                out.push_str(&words[name]);
                rest = after;
            }
            _ => {
                out.push('{');
                rest = after;
            }
        }
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn mistake(text: &str) -> Mistake {
        toml::from_str(&format!("id = 'x'\n{text}")).unwrap()
    }

    fn symptom<'a>() -> Symptom<'a> {
        Symptom {
            task: Some("api"),
            error: Some("InvalidRequest"),
            cause: Some("dataType must be one of a, b, not 'inventory'"),
            ..Symptom::of(TroubleReason::RepeatedFailure)
        }
    }

    #[test]
    fn a_remark_names_what_was_typed_and_what_was_meant() {
        let typo = mistake(
            r#"
            error = "^InvalidRequest$"
            cause = "not '(?<value>[^']*)'"
            values = ["sales_data", "inventory_data"]
            say = "Write {nearest}, not {value}."
            room = "send {value}; the type is {nearest}"
            "#,
        );
        let said = typo.remark(&symptom()).unwrap();
        assert_eq!(said.say, "Write inventory_data, not inventory.");
        let room = "send inventory; the type is inventory_data";
        assert_eq!(said.room.as_deref(), Some(room));
        assert!(typo.unknown_words().is_empty());
        let far = Symptom {
            cause: Some("not 'xyz'"),
            ..symptom()
        };
        let said = typo.remark(&far).unwrap();
        assert_eq!(said.say, "Write sales_data or inventory_data, not xyz.");
    }

    #[test]
    fn everything_that_a_mistake_looks_like_must_be_so() {
        let input = json!({"dataType": 7});
        let seen = Symptom {
            input: Some(&input),
            ..symptom()
        };
        for (looks, fits) in [
            ("error = 'Invalid'", true),
            ("error = '^Other'", false),
            ("task = 'api'", true),
            ("task = 'console'", false),
            ("input = { '/dataType' = '^[0-9]+$' }", true),
            ("input = { '/userId' = '^$' }", true),
            ("input = { '/userId' = '.' }", false),
            ("http_status = 400", false),
            ("change = 'function'", false),
            ("task = 'api'\nno_requests = true", false),
            ("reason = ['repeated-failure']", true),
            ("reason = ['idle']", false),
        ] {
            let found = mistake(&format!("{looks}\nsay = 'x'")).remark(&seen);
            assert_eq!(found.is_some(), fits, "{looks}");
        }
    }

    #[test]
    fn silence_is_no_mistake_unless_the_lab_says_so() {
        let any = mistake("say = 'x'\ntask = 'api'");
        let idle = Symptom {
            reason: TroubleReason::Idle,
            ..symptom()
        };
        assert!(any.remark(&idle).is_none());
        let silent = mistake("say = 'x'\nreason = ['idle']");
        assert!(silent.remark(&idle).is_some());
    }

    #[test]
    fn a_students_word_is_never_taken_for_a_place_to_fill_in() {
        let echo = mistake("cause = '(?<value>.*)'\nsay = 'not {value}, {value'");
        let braces = Symptom {
            cause: Some("{nearest}"),
            ..symptom()
        };
        assert_eq!(echo.remark(&braces).unwrap().say, "not {nearest}, {value");
        let unknown = mistake("cause = 'x'\nsay = 'a {value} b'");
        assert_eq!(unknown.unknown_words(), ["value"]);
    }
}
