//! How executions and log events are told apart, as a lab bundle states it, and what homeroom recorded of its own.
//!
//! Nothing here believes a word that anybody can type. homeroom's own executions are those whose ARN it recorded, or
//! that carry a nonce which it recorded before it sent it. The API's are those that the trigger function's log names.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::evidence::execution::{Execution, Starter};
use crate::stack::kinds::function::RUN_MAX_MS;

/// What homeroom's nonces follow in names and inputs.
const MARK: &str = "homeroom-";
/// Characters of a nonce. With [`MARK`] it is short enough to stay whole in the name that Lab 6's trigger function
/// makes of a user's id.
pub const NONCE_LENGTH: usize = 10;
/// A nonce begins with one of these, so that no word looks like one.
const DIGITS: &[u8; 8] = b"23456789";
/// The rest of it.
const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
/// How long after a nonce was made an execution that carries it may start and still be homeroom's, in milliseconds. The
/// student can read it then and type it; a validation is over long before.
const NONCE_VALID_MS: i64 = 60 * 60 * 1000;
/// How far this machine's clock may be ahead of AWS's, in milliseconds.
const CLOCK_AHEAD_MS: i64 = 5 * 60 * 1000;
/// Longest filter pattern, in characters. Source: CloudWatch Logs FilterLogEvents, `filterPattern`.
const PATTERN_MAX: usize = 1024;

/// A lab's marks.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Marks {
    /// Executions that the API starts have names that begin so, as long as the function behind it is as deployed.
    pub api_name_prefix: Option<String>,
    /// Which line of which function's log proves that the API started an execution.
    pub api_log: Option<ApiLog>,
    /// JSON pointer into a function's log events at which the execution's name stands.
    pub log_execution: Option<String>,
    /// JSON pointers into an execution's input at which the nonce of `validate` may stand.
    #[serde(default)]
    pub nonce_in: Vec<String>,
}

/// The log line that proves that the API started an execution.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApiLog {
    /// The function that writes it (id in the lab).
    pub function: String,
    /// What the line, which is JSON, has at these pointers.
    pub line: BTreeMap<String, String>,
    /// Pointer to the execution's name or ARN.
    pub execution: String,
}

impl ApiLog {
    /// The execution's name, if a log event is such a line.
    pub fn names(&self, message: &str) -> Option<String> {
        let json: Value = serde_json::from_str(message.trim()).ok()?;
        let is_so = |(pointer, value): (&String, &String)| {
            json.pointer(pointer).and_then(Value::as_str) == Some(value)
        };
        if !self.line.iter().all(is_so) {
            return None;
        }
        Some(name_of(json.pointer(&self.execution)?.as_str()?))
    }

    /// A filter pattern for these lines about these executions; see [`pattern`].
    pub fn pattern(&self, names: &[&str]) -> String {
        pattern(&self.line, &self.execution, names)
    }
}

/// The execution that a log event names at a pointer.
pub fn named_in(message: &str, pointer: &str) -> Option<String> {
    let json: Value = serde_json::from_str(message.trim()).ok()?;
    Some(name_of(json.pointer(pointer)?.as_str()?))
}

/// An execution's name, of a name or an ARN: a name has no colon.
fn name_of(text: &str) -> String {
    text.rsplit(':').next().unwrap_or_default().to_owned()
}

/// A CloudWatch Logs filter pattern for JSON events that have these values, and one of these names at `execution`. Of
/// names beyond its length, or that a pattern cannot hold, only the values are asked for: whoever reads the events
/// looks at the names again.
pub fn pattern(line: &BTreeMap<String, String>, execution: &str, names: &[&str]) -> String {
    let equal = |pointer: &str, value: &str| format!("({} = \"{value}\")", selector(pointer));
    let mut parts: Vec<String> = line.iter().map(|(p, v)| equal(p, v)).collect();
    let plain = |name: &&str| {
        name.chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
    };
    if !names.is_empty() && names.iter().all(plain) {
        let any: Vec<String> = names.iter().map(|name| equal(execution, name)).collect();
        parts.push(match any.as_slice() {
            [one] => one.clone(),
            _ => format!("({})", any.join(" || ")),
        });
    }
    let whole = format!("{{ {} }}", parts.join(" && "));
    if whole.len() > PATTERN_MAX || parts.is_empty() {
        let (key, values) = (selector(execution), line.iter());
        let values: Vec<String> = values.map(|(p, v)| equal(p, v)).collect();
        return match values.is_empty() {
            true => format!("{{ {key} = \"*\" }}"),
            false => format!("{{ {} }}", values.join(" && ")),
        };
    }
    whole
}

/// How many of these names, from the first, fit into one pattern.
pub fn fitting(line: &BTreeMap<String, String>, execution: &str, names: &[&str]) -> usize {
    let fits = |count: &usize| {
        let names_length: usize = names[..*count]
            .iter()
            .map(|name| name.len() + selector(execution).len() + "( = \"\") || ".len())
            .sum();
        let values_length: usize = line
            .iter()
            .map(|(p, v)| selector(p).len() + v.len() + "( = \"\") && ".len())
            .sum();
        names_length + values_length + "{ () }".len() <= PATTERN_MAX
    };
    (1..=names.len()).take_while(fits).last().unwrap_or(0)
}

/// `/a/b` as a filter pattern has it.
fn selector(pointer: &str) -> String {
    format!("${}", pointer.replace('/', "."))
}

/// Whether a pointer can stand in a filter pattern.
pub fn is_plain_pointer(pointer: &str) -> bool {
    let word = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    pointer
        .strip_prefix('/')
        .is_some_and(|rest| rest.split('/').all(word))
}

/// A nonce, from random bytes.
pub fn nonce(random: [u8; NONCE_LENGTH]) -> String {
    let character = |(place, byte): (usize, &u8)| match place {
        0 => char::from(DIGITS[usize::from(*byte) % DIGITS.len()]),
        _ => char::from(LETTERS[usize::from(*byte) % LETTERS.len()]),
    };
    random.iter().enumerate().map(character).collect()
}

/// What bears a nonce: names of executions that homeroom starts itself, and what probes send.
pub fn marked(nonce: &str) -> String {
    format!("{MARK}{nonce}")
}

/// The nonces that a text bears, whoever wrote it.
fn nonces_in(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices(MARK).filter_map(|(at, _)| {
        let rest = &text[at + MARK.len()..];
        let nonce = rest.get(..NONCE_LENGTH)?;
        let bytes = nonce.as_bytes();
        let ends = rest[NONCE_LENGTH..]
            .chars()
            .next()
            .is_none_or(|c| !c.is_ascii_alphanumeric());
        let looks_so =
            DIGITS.contains(&bytes[0]) && bytes[1..].iter().all(|byte| LETTERS.contains(byte));
        (looks_so && ends).then_some(nonce)
    })
}

/// A nonce that homeroom recorded before it sent it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nonce {
    /// The nonce.
    pub nonce: String,
    /// When it was recorded, in milliseconds since 1970.
    pub at_ms: i64,
}

/// What homeroom recorded of its own for one student.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Recorded {
    /// ARNs of executions that it started, or had the student's API start.
    pub executions: BTreeSet<String>,
    /// Nonces.
    pub nonces: BTreeSet<Nonce>,
    /// Its writes of functions: by the function's name, and when AWS says that it was modified by that.
    pub functions: BTreeMap<String, BTreeMap<i64, Written>>,
}

/// A write of a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Written {
    /// From when on nothing else can run of it, unless it follows another write of homeroom's.
    pub clean_from_ms: i64,
    /// When it was last modified before, where nothing of the student's was in it.
    #[serde(default)]
    pub follows_ms: Option<i64>,
}

/// What is known of who wrote a function last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LastWrite {
    /// homeroom did, and nothing but what it wrote has run from this time on.
    Ours(i64),
    /// Somebody else did.
    Changed {
        /// When.
        at_ms: i64,
        /// When homeroom had written it last.
        ours_ms: i64,
    },
    /// No record tells; when it was.
    Unrecorded(i64),
    /// AWS does not say when it was.
    Unseen,
}

impl LastWrite {
    /// From when on nothing has run but what is there now.
    pub fn settled_ms(self) -> i64 {
        match self {
            Self::Ours(from_ms) => from_ms,
            Self::Changed { at_ms, .. } | Self::Unrecorded(at_ms) => at_ms + RUN_MAX_MS,
            Self::Unseen => i64::MAX,
        }
    }
}

impl Recorded {
    /// Adds what other records have.
    pub fn extend(&mut self, other: Self) {
        self.executions.extend(other.executions);
        self.nonces.extend(other.nonces);
        for (function, writes) in other.functions {
            self.functions.entry(function).or_default().extend(writes);
        }
    }

    /// Who wrote a function last, which was modified at this time.
    pub fn last_write(&self, function: &str, modified_ms: Option<i64>) -> LastWrite {
        let Some(at_ms) = modified_ms else {
            return LastWrite::Unseen;
        };
        let none = BTreeMap::new();
        let writes = self.functions.get(function).unwrap_or(&none);
        if let Some(mut write) = writes.get(&at_ms) {
            // Each is later than what it follows, so this ends.
            let mut at_ms = at_ms;
            while let Some((earlier, known)) = write
                .follows_ms
                .filter(|earlier| *earlier < at_ms)
                .and_then(|earlier| Some((earlier, writes.get(&earlier)?)))
            {
                (at_ms, write) = (earlier, known);
            }
            return LastWrite::Ours(write.clean_from_ms);
        }
        match writes.last_key_value() {
            Some((ours_ms, _)) if *ours_ms < at_ms => LastWrite::Changed {
                at_ms,
                ours_ms: *ours_ms,
            },
            _ => LastWrite::Unrecorded(at_ms),
        }
    }
}

/// What a name, the input and the records tell of who started an execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// homeroom: it recorded that.
    Homeroom,
    /// Something that looks like homeroom's, of which there is no record here.
    Unrecorded,
    /// The API, by a name that anybody can type.
    Api,
    /// Nobody but a person.
    Person,
}

impl Marks {
    /// What an execution's name and, where it is known, input claim.
    pub fn claim(&self, execution: &Execution, recorded: &Recorded) -> Claim {
        if recorded.executions.contains(&execution.arn) {
            return Claim::Homeroom;
        }
        let input = execution.detail.as_ref().map(|detail| &detail.input);
        let texts = self.nonce_in.iter().filter_map(|pointer| {
            let value = input?.pointer(pointer)?;
            value.as_str()
        });
        let mut marked = false;
        for nonce in std::iter::once(execution.name.as_str())
            .chain(texts)
            .flat_map(nonces_in)
        {
            marked = true;
            let known = |one: &&Nonce| {
                let age = execution.started_ms - one.at_ms;
                one.nonce == nonce && (-CLOCK_AHEAD_MS..=NONCE_VALID_MS).contains(&age)
            };
            if recorded.nonces.iter().find(known).is_some() {
                return Claim::Homeroom;
            }
            // A recorded nonce at another time: it was read and typed.
            if recorded.nonces.iter().any(|one| one.nonce == nonce) {
                marked = false;
                break;
            }
        }
        let prefix = self.api_name_prefix.as_ref();
        if marked {
            Claim::Unrecorded
        } else if prefix.is_some_and(|prefix| execution.name.starts_with(prefix)) {
            Claim::Api
        } else {
            Claim::Person
        }
    }

    /// Who started an execution, before any log was asked. `as_deployed`: whether the function behind the API is, so
    /// that its names are what they were made to be.
    pub fn starter(
        &self,
        execution: &Execution,
        recorded: &Recorded,
        as_deployed: bool,
    ) -> Starter {
        match (self.claim(execution, recorded), &self.api_log) {
            (Claim::Homeroom, _) => Starter::Homeroom,
            (Claim::Unrecorded, _) => Starter::Unclear,
            (Claim::Api, None) => Starter::Api,
            (Claim::Api, Some(_)) => Starter::Student,
            (Claim::Person, Some(_)) if !as_deployed => Starter::Student,
            (Claim::Person, _) => Starter::Person,
        }
    }

    /// JSON pointers into an execution's input that the marks look at.
    pub fn pointers(&self) -> impl Iterator<Item = &String> {
        self.nonce_in.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::execution::{Detail, Status};
    use serde_json::json;

    const NOW: i64 = 1_763_870_000_000;

    fn marks() -> Marks {
        Marks {
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

    fn execution(name: &str, input: Option<Value>) -> Execution {
        Execution {
            arn: format!("arn:{name}"),
            name: name.into(),
            status: Status::Succeeded,
            started_ms: NOW,
            stopped_ms: Some(NOW + 1),
            detail: input.map(|input| Detail {
                input,
                error: None,
                cause: None,
            }),
        }
    }

    fn recorded(nonce: &str, at_ms: i64) -> Recorded {
        let nonce = nonce.to_owned();
        Recorded {
            nonces: [Nonce { nonce, at_ms }].into(),
            executions: ["arn:hidden".to_owned()].into(),
            ..Recorded::default()
        }
    }

    #[test]
    fn a_log_is_believed_as_far_back_as_only_homeroom_wrote_its_code() {
        let written = |clean_from_ms, follows_ms| Written {
            clean_from_ms,
            follows_ms,
        };
        let recorded = Recorded {
            functions: [(
                "f".to_owned(),
                [
                    (10, written(10, None)),
                    (20, written(20 + RUN_MAX_MS, Some(10))),
                    // Nobody here wrote what this one followed.
                    (50, written(50 + RUN_MAX_MS, Some(40))),
                    (60, written(60 + RUN_MAX_MS, Some(50))),
                    // A student's part was in what this one replaced.
                    (80, written(80 + RUN_MAX_MS, None)),
                ]
                .into(),
            )]
            .into(),
            ..Recorded::default()
        };
        let last = |at_ms| recorded.last_write("f", at_ms);
        assert_eq!(last(Some(10)), LastWrite::Ours(10));
        assert_eq!(last(Some(20)), LastWrite::Ours(10));
        assert_eq!(last(Some(60)), LastWrite::Ours(50 + RUN_MAX_MS));
        assert_eq!(last(Some(80)), LastWrite::Ours(80 + RUN_MAX_MS));
        let changed = last(Some(90));
        let (at_ms, ours_ms) = (90, 80);
        assert_eq!(changed, LastWrite::Changed { at_ms, ours_ms });
        assert_eq!(changed.settled_ms(), 90 + RUN_MAX_MS);
        // Later than what the listing shows: that lags, or shows another function of the name.
        assert_eq!(last(Some(70)), LastWrite::Unrecorded(70));
        assert_eq!(recorded.last_write("g", Some(1)), LastWrite::Unrecorded(1));
        assert_eq!(last(None), LastWrite::Unseen);
        let text = serde_json::to_string(&recorded).unwrap();
        assert_eq!(serde_json::from_str::<Recorded>(&text).unwrap(), recorded);
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
    fn only_what_was_recorded_is_homerooms() {
        let nonce = "7abcdefgh2";
        let own = recorded(nonce, NOW - 1_000);
        let by = format!("homeroom-{nonce}");
        for (name, input, claim) in [
            (format!("{by}-error-exercise"), None, Claim::Homeroom),
            (format!("api-{by}-sales-data-1"), None, Claim::Homeroom),
            ("any".into(), Some(json!({"userId": by})), Claim::Homeroom),
            ("hidden".into(), None, Claim::Homeroom),
            ("any".into(), Some(json!({"note": by})), Claim::Person),
            ("homeroom-validate-1".into(), None, Claim::Person),
            ("api-homeroom-validation-sales-1".into(), None, Claim::Api),
            (
                "any".into(),
                Some(json!({"userId": "homeroom-validation"})),
                Claim::Person,
            ),
            ("homeroom-7abcdefgh3-x".into(), None, Claim::Unrecorded),
            (
                "api-1".into(),
                Some(json!({"userId": "homeroom-9zzzzzzzzz"})),
                Claim::Unrecorded,
            ),
            ("api-user1-sales-1".into(), None, Claim::Api),
            ("console-test-1".into(), None, Claim::Person),
        ] {
            let execution = execution(&name, input);
            assert_eq!(marks().claim(&execution, &own), claim, "{name}");
        }
    }

    #[test]
    fn a_nonce_that_was_read_and_typed_later_is_no_mark() {
        let name = "homeroom-7abcdefgh2-again";
        let typed = execution(name, None);
        let hour = NONCE_VALID_MS;
        for (at, claim) in [
            (NOW, Claim::Homeroom),
            (NOW - hour, Claim::Homeroom),
            (NOW - hour - 1, Claim::Person),
            (NOW + CLOCK_AHEAD_MS, Claim::Homeroom),
            (NOW + CLOCK_AHEAD_MS + 1, Claim::Person),
        ] {
            let own = recorded("7abcdefgh2", at);
            assert_eq!(marks().claim(&typed, &own), claim, "{at}");
        }
    }

    #[test]
    fn the_api_starts_nothing_by_its_name_alone_where_a_log_can_tell() {
        let none = Recorded::default();
        let named = execution("api-user1-1", None);
        let other = execution("console-test-1", None);
        let marks = marks();
        assert_eq!(marks.starter(&named, &none, true), Starter::Student);
        assert_eq!(marks.starter(&other, &none, true), Starter::Person);
        assert_eq!(marks.starter(&other, &none, false), Starter::Student);
        let without = Marks {
            api_log: None,
            ..marks
        };
        assert_eq!(without.starter(&named, &none, true), Starter::Api);
        assert_eq!(without.starter(&other, &none, false), Starter::Person);
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
    fn a_pattern_asks_for_the_names_and_never_grows_too_long() {
        let log = marks().api_log.unwrap();
        assert_eq!(
            log.pattern(&["a", "b"]),
            "{ ($.message = \"execution started\") && (($.execution = \"a\") || ($.execution = \"b\")) }"
        );
        let general = "{ ($.message = \"execution started\") }";
        assert_eq!(log.pattern(&["né"]), general);
        assert_eq!(log.pattern(&["a\" || true"]), general);
        let long = "x".repeat(80);
        let many = vec![long.as_str(); 40];
        let fit = fitting(&log.line, &log.execution, &many);
        assert!((5..40).contains(&fit), "{fit}");
        assert!(log.pattern(&many[..fit]).len() <= PATTERN_MAX);
        assert!(log.pattern(&many[..fit]).contains(&long));
        assert_eq!(log.pattern(&many), general);
        let none = BTreeMap::new();
        assert_eq!(
            pattern(&none, "/execution", &["a"]),
            "{ ($.execution = \"a\") }"
        );
        assert_eq!(pattern(&none, "/a/b", &["né"]), "{ $.a.b = \"*\" }");
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
