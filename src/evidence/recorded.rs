//! What homeroom recorded of its own work. That shows who started an execution and who wrote a function.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::aws::execution::Execution;
use crate::lab::marks::{Marks, Starter, nonces_in};
use crate::stack::kinds::function::RUN_MAX_MS;

/// How long after a nonce was made an execution that carries it may start and still be homeroom's, in milliseconds. The
/// student can read the nonce and type it later; a validation is over long before.
const NONCE_VALID_MS: i64 = 60 * 60 * 1000;
/// How far this machine's clock may be ahead of AWS's, in milliseconds.
pub(crate) const CLOCK_AHEAD_MS: i64 = 5 * 60 * 1000;
/// How long a validation of one student may take, in milliseconds.
const VALIDATION_MS: i64 = 5 * 60 * 1000;

/// Whether what happened at a time may be of the validation that began at another one: not everything names who sent a request.
pub(super) fn is_validations(began_ms: i64, at_ms: i64) -> bool {
    (-CLOCK_AHEAD_MS..=VALIDATION_MS).contains(&(at_ms - began_ms))
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

impl Nonce {
    fn is_valid_at(&self, at_ms: i64) -> bool {
        (-CLOCK_AHEAD_MS..=NONCE_VALID_MS).contains(&(at_ms - self.at_ms))
    }
}

/// What homeroom recorded of its own work for one student.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Recorded {
    /// ARNs of executions that it started, or had the student's API start.
    pub executions: BTreeSet<String>,
    /// Nonces.
    pub nonces: BTreeSet<Nonce>,
    /// Its writes of functions: by the function's name, and when AWS says that it was modified by that.
    pub functions: BTreeMap<String, BTreeMap<i64, Written>>,
    /// Whether the records are kept on another machine, so that what only looks like homeroom's is taken for that.
    #[serde(skip)]
    pub(crate) elsewhere: bool,
}

/// A write of a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Written {
    /// From then on only this code can run, unless it follows another write of homeroom's.
    pub clean_from_ms: i64,
    /// When it was last modified before this write, if that version had nothing of the student's.
    #[serde(default)]
    pub follows_ms: Option<i64>,
}

/// What is known of who wrote a function last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LastWrite {
    /// homeroom did, and nothing but what it wrote has run from this time on.
    Ours(i64),
    /// Somebody else did.
    Changed {
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
    /// From then on only the code that is there now has run.
    pub(crate) fn settled_ms(self) -> i64 {
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
    pub(crate) fn last_write(&self, function: &str, modified_ms: Option<i64>) -> LastWrite {
        let Some(at_ms) = modified_ms else {
            return LastWrite::Unseen;
        };
        let none = BTreeMap::new();
        let writes = self.functions.get(function).unwrap_or(&none);
        if let Some(mut write) = writes.get(&at_ms) {
            let mut at_ms = at_ms;
            // Back to the first of homeroom's writes that follow each other. The times fall, so this ends.
            while let Some(earlier) = write.follows_ms.filter(|earlier| *earlier < at_ms)
                && let Some(known) = writes.get(&earlier)
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

    /// What an execution's name and, where it is known, input claim.
    pub(crate) fn claim(&self, marks: &Marks, execution: &Execution) -> Claim {
        if self.executions.contains(&execution.arn) {
            return Claim::Homeroom;
        }
        let input = execution.detail.as_ref().map(|detail| &detail.input);
        let pointers = marks.nonce_in.iter();
        let texts = pointers.filter_map(|pointer| input?.pointer(pointer)?.as_str());
        let mut marked = false;
        for nonce in std::iter::once(execution.name.as_str())
            .chain(texts)
            .flat_map(nonces_in)
        {
            let mut recorded = self
                .nonces
                .iter()
                .filter(|one| one.nonce == nonce)
                .peekable();
            if recorded.peek().is_none() {
                marked = true;
                continue;
            }
            if recorded.any(|one| one.is_valid_at(execution.started_ms)) {
                return Claim::Homeroom;
            }
            // A recorded nonce at another time: somebody read it and typed it.
            marked = false;
            break;
        }
        let prefix = marks.api_name_prefix.as_ref();
        if marked {
            Claim::Unrecorded
        } else if prefix.is_some_and(|prefix| execution.name.starts_with(prefix)) {
            Claim::Api
        } else {
            Claim::Person
        }
    }

    /// Whether an execution may be homeroom's whatever its name says: it started while a nonce was valid, and the lab keeps
    /// nonces in inputs. Which nonces there are is not known where the records are kept elsewhere.
    pub(crate) fn only_input_tells(&self, marks: &Marks, execution: &Execution) -> bool {
        let mut nonces = self.nonces.iter();
        !marks.nonce_in.is_empty()
            && (self.elsewhere || nonces.any(|one| one.is_valid_at(execution.started_ms)))
    }

    /// Who started an execution, before any log was asked. `as_deployed`: whether the function behind the API is, so
    /// that its names are what they were made to be.
    pub(crate) fn starter(
        &self,
        marks: &Marks,
        execution: &Execution,
        as_deployed: bool,
    ) -> Starter {
        match (self.claim(marks, execution), &marks.api_log) {
            (Claim::Homeroom, _) => Starter::Homeroom,
            (Claim::Unrecorded, _) => Starter::Unclear,
            (Claim::Api, None) => Starter::Api,
            (Claim::Api, Some(_)) => Starter::Student,
            (Claim::Person, Some(_)) if !as_deployed => Starter::Student,
            (Claim::Person, _) => Starter::Person,
        }
    }
}

/// What a name, the input and the records tell of who started an execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Claim {
    /// homeroom: it recorded that.
    Homeroom,
    /// Something that looks like homeroom's, of which there is no record here.
    Unrecorded,
    /// The API, by a name that anybody can type.
    Api,
    /// Nobody but a person.
    Person,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::execution::{ExecutionDetail, ExecutionStatus};
    use crate::lab::marks::tests::marks;
    use serde_json::{Value, json};
    use std::path::Path;

    const NOW: i64 = 1_763_870_000_000;

    fn execution(name: &str, input: Option<Value>) -> Execution {
        Execution {
            arn: format!("arn:{name}"),
            name: name.into(),
            status: ExecutionStatus::Succeeded,
            started_ms: NOW,
            stopped_ms: Some(NOW + 1),
            redriven_ms: None,
            detail: input.map(|input| ExecutionDetail {
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
            assert_eq!(own.claim(&marks(), &execution), claim, "{name}");
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
            assert_eq!(own.claim(&marks(), &typed), claim, "{at}");
        }
    }

    #[test]
    fn the_api_starts_nothing_by_its_name_alone_where_a_log_can_tell() {
        let none = Recorded::default();
        let named = execution("api-user1-1", None);
        let other = execution("console-test-1", None);
        let marks = marks();
        assert_eq!(none.starter(&marks, &named, true), Starter::Student);
        assert_eq!(none.starter(&marks, &other, true), Starter::Person);
        assert_eq!(none.starter(&marks, &other, false), Starter::Student);
        let without = Marks {
            api_log: None,
            ..marks
        };
        assert_eq!(none.starter(&without, &named, true), Starter::Api);
        assert_eq!(none.starter(&without, &other, false), Starter::Person);
    }

    #[test]
    fn lab_6_knows_homerooms_executions_by_their_nonce() {
        let lab = crate::lab::bundle::load(Some(Path::new(env!("CARGO_MANIFEST_DIR")))).unwrap();
        let nonce = "7abcdefgh2";
        let recorded = recorded(nonce, NOW);
        let uuid = "0b7cb2a6-0000-4000-8000-000000000000";
        for (name, starter) in [
            (
                format!("api-homeroom-{nonce}-sales-data-{uuid}"),
                Starter::Homeroom,
            ),
            (
                format!("homeroom-{nonce}-error-exercise"),
                Starter::Homeroom,
            ),
            (
                format!("api-homeroom-validation-sales-data-{uuid}"),
                Starter::Student,
            ),
            (format!("api-user1-sales-data-{uuid}"), Starter::Student),
            ("console-test-1".to_owned(), Starter::Person),
        ] {
            let execution = execution(&name, None);
            assert_eq!(
                recorded.starter(lab.marks(), &execution, true),
                starter,
                "{name}"
            );
        }
    }
}
