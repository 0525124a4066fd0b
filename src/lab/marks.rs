//! How executions and log events are told apart, as a lab bundle states it.
//!
//! Nothing here believes a word that anybody can type. homeroom's own executions are those whose ARN it recorded, or
//! that carry a nonce which it recorded before it sent it. The API's are those that the trigger function's log names.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Stands before each nonce, in names and inputs.
const MARK: &str = "homeroom-";
/// Characters of a nonce. With [`MARK`] it is short enough to stay whole in the name that Lab 6's trigger function
/// makes of a user's id.
pub(crate) const NONCE_LENGTH: usize = 10;
/// A nonce begins with one of these, so that no word looks like one.
const DIGITS: &[u8; 8] = b"23456789";
const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Marks {
    /// Names of executions begin so when the API starts them, as long as its function is as deployed.
    pub(crate) api_name_prefix: Option<String>,
    /// Which line of which function's log proves that the API started an execution.
    pub(crate) api_log: Option<ApiLog>,
    /// Lines of the same log that tell why a request was refused.
    #[serde(default)]
    pub(crate) api_refusals: Vec<RefusalLine>,
    /// JSON pointer into a function's log events at which the execution's name stands.
    pub(crate) log_execution: Option<String>,
    /// JSON pointers into an execution's input at which the nonce of `validate` may stand.
    #[serde(default)]
    pub(crate) nonce_in: Vec<String>,
}

/// The log line that proves that the API started an execution.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ApiLog {
    /// The function that writes it (id in the lab).
    pub(crate) function: String,
    /// The line is JSON, and has these values at these pointers.
    pub(crate) line: BTreeMap<String, String>,
    /// Pointer to the execution's name or ARN.
    pub(crate) execution: String,
}

/// A log line that tells why a request to the API was refused.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RefusalLine {
    /// The line is JSON, and has these values at these pointers.
    pub(crate) line: BTreeMap<String, String>,
    /// Pointer to the reason.
    pub(crate) reason: String,
    /// The HTTP status with which the function answers then.
    pub(crate) status: u16,
}

impl RefusalLine {
    /// The reason, if a log event is such a line.
    pub(crate) fn reason(&self, message: &str) -> Option<String> {
        let json = line_with(&self.line, message)?;
        Some(json.pointer(&self.reason)?.as_str()?.to_owned())
    }
}

/// A log event as JSON, if it has these values.
fn line_with(line: &BTreeMap<String, String>, message: &str) -> Option<Value> {
    let json: Value = serde_json::from_str(message.trim()).ok()?;
    let is_so = |(pointer, value): (&String, &String)| {
        json.pointer(pointer).and_then(Value::as_str) == Some(value)
    };
    line.iter().all(is_so).then_some(json)
}

impl ApiLog {
    /// The execution's name, if a log event is such a line.
    pub(crate) fn names(&self, message: &str) -> Option<String> {
        let json = line_with(&self.line, message)?;
        Some(name_of(json.pointer(&self.execution)?.as_str()?))
    }
}

/// The execution that a log event names at a pointer.
pub(crate) fn named_in(message: &str, pointer: &str) -> Option<String> {
    let json: Value = serde_json::from_str(message.trim()).ok()?;
    Some(name_of(json.pointer(pointer)?.as_str()?))
}

/// An execution's name, of a name or an ARN: a name has no colon.
fn name_of(text: &str) -> String {
    text.rsplit(':').next().unwrap_or_default().to_owned()
}

/// Whether a pointer can stand in a filter pattern.
pub(crate) fn is_plain_pointer(pointer: &str) -> bool {
    let word = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    pointer
        .strip_prefix('/')
        .is_some_and(|rest| rest.split('/').all(word))
}

/// A nonce from random bytes.
pub fn nonce(random: [u8; NONCE_LENGTH]) -> String {
    let character = |(place, byte): (usize, &u8)| match place {
        0 => char::from(DIGITS[usize::from(*byte) % DIGITS.len()]),
        _ => char::from(LETTERS[usize::from(*byte) % LETTERS.len()]),
    };
    random.iter().enumerate().map(character).collect()
}

/// A nonce as it stands in names of executions that homeroom starts, and in what probes send.
pub(crate) fn marked(nonce: &str) -> String {
    format!("{MARK}{nonce}")
}

/// The nonces in a text, whoever wrote it.
pub(crate) fn nonces_in(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices(MARK).filter_map(|(at, _)| {
        let rest = &text[at + MARK.len()..];
        let nonce = rest.get(..NONCE_LENGTH)?;
        let bytes = nonce.as_bytes();
        let goes_on = rest[NONCE_LENGTH..].starts_with(|c: char| c.is_ascii_alphanumeric());
        let has_shape =
            DIGITS.contains(&bytes[0]) && bytes[1..].iter().all(|byte| LETTERS.contains(byte));
        (has_shape && !goes_on).then_some(nonce)
    })
}

/// Whether a log line is JSON that has these texts, by JSON pointer, and bears no nonce: no request of homeroom's wrote it.
pub(crate) fn is_invocation(line: &str, wanted: &BTreeMap<String, String>) -> bool {
    let Ok(json) = serde_json::from_str::<Value>(line.trim()) else {
        return false;
    };
    let mut texts = wanted.iter();
    texts.all(|(pointer, text)| json.pointer(pointer).and_then(Value::as_str) == Some(text))
        && nonces_in(line).next().is_none()
}

/// Who started an execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Starter {
    /// homeroom, to validate the stack: never counted.
    Homeroom,
    /// The student's API, through the trigger function.
    Api,
    /// A person, in the console or by the CLI.
    Person,
    /// The student, by their API or by hand: which of the two is not known.
    Student,
    /// homeroom or the student: it has a nonce like homeroom's, but no record on this machine has that nonce.
    Unclear,
}

impl Starter {
    /// Who it is, for a sentence that ends "started by …".
    pub(crate) fn phrase(self) -> &'static str {
        match self {
            Self::Homeroom => "homeroom",
            Self::Api => "the API",
            Self::Person => "a person",
            Self::Student => "the student",
            Self::Unclear => "homeroom or the student",
        }
    }

    /// Whether it is the student's own for certain, however they started it.
    pub(crate) fn is_students(self) -> bool {
        matches!(self, Self::Api | Self::Person | Self::Student)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use serde_json::json;

    pub(crate) fn marks() -> Marks {
        Marks {
            api_refusals: vec![RefusalLine {
                line: [("/message".to_owned(), "request refused".to_owned())].into(),
                reason: "/reason".to_owned(),
                status: 400,
            }],
            api_name_prefix: Some("api-".into()),
            api_log: Some(ApiLog {
                function: "trigger".into(),
                line: [("/message".to_owned(), "execution started".to_owned())].into(),
                execution: "/execution".into(),
            }),
            log_execution: Some("/execution".into()),
            nonce_in: vec!["/userId".into()],
        }
    }

    #[test]
    fn a_nonce_has_its_shape_and_differs_with_the_bytes() {
        let one = nonce([7; NONCE_LENGTH]);
        assert_eq!(nonces_in(&marked(&one)).collect::<Vec<_>>(), [one.as_str()]);
        assert_ne!(one, nonce([8; NONCE_LENGTH]));
        for byte in 0..=255 {
            let one = nonce([byte; NONCE_LENGTH]);
            assert_eq!(nonces_in(&marked(&one)).count(), 1, "{one}");
        }
    }

    #[test]
    fn a_log_line_names_the_execution_only_where_all_of_it_fits() {
        let log = marks().api_log.unwrap();
        let line = |message: &str, execution: Value| {
            json!({"message": message, "execution": execution}).to_string()
        };
        let names = |text: &str| log.names(text);
        assert_eq!(
            names(&format!("{}\n", line("execution started", json!("a")))),
            Some("a".into())
        );
        let arn = "arn:aws:states:us-east-1:1:execution:m:a";
        assert_eq!(
            names(&line("execution started", json!(arn))),
            Some("a".into())
        );
        assert_eq!(names(&line("request refused", json!("a"))), None);
        assert_eq!(names(&line("execution started", json!(5))), None);
        assert_eq!(names("execution started a"), None);
        assert_eq!(
            named_in("{\"execution\": \"a\"}", "/execution"),
            Some("a".into())
        );
        assert_eq!(named_in("START RequestId", "/execution"), None);
    }

    #[test]
    fn a_line_of_an_invocation_has_every_text_and_no_nonce() {
        let wanted = BTreeMap::from([
            ("/message".to_owned(), "answered".to_owned()),
            ("/a/b".to_owned(), "x".to_owned()),
        ]);
        let line = json!({"message": "answered", "a": {"b": "x"}, "agent": "curl"});
        assert!(is_invocation(&format!("{line}\n"), &wanted));
        for (key, value) in [
            ("message", json!("other")),
            ("a", json!("x")),
            (
                "agent",
                json!(format!("homeroom ({})", marked(&nonce([7; NONCE_LENGTH])))),
            ),
        ] {
            let mut other = line.clone();
            other[key] = value;
            assert!(!is_invocation(&other.to_string(), &wanted), "{other}");
        }
        assert!(!is_invocation("answered x", &wanted));
    }

    #[test]
    fn pointers_that_a_pattern_cannot_hold_are_known() {
        for plain in ["/execution", "/a/b_2", "/_x"] {
            assert!(is_plain_pointer(plain), "{plain}");
        }
        for odd in ["", "/", "execution", "/a b", "/a~1b", "/0", "/a//b"] {
            assert!(!is_plain_pointer(odd), "{odd}");
        }
    }
}
