//! Executions of a state machine, as Step Functions shows them.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::text::shortened;

/// ExecutionStatus of an execution, in Step Functions' words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ExecutionStatus {
    /// Still running.
    Running,
    /// Ended in a Succeed state, or the last state ended well.
    Succeeded,
    /// Ended in a Fail state or by an error that nothing caught.
    Failed,
    /// Ran into its time limit.
    TimedOut,
    /// Was stopped.
    Aborted,
    /// Waits for a redrive.
    PendingRedrive,
}

impl ExecutionDetail {
    /// What there is of it while the execution runs: its input.
    pub(crate) fn of_running(self) -> Self {
        Self {
            error: None,
            cause: None,
            ..self
        }
    }
}

impl ExecutionStatus {
    /// The word that Step Functions uses.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Running => "RUNNING",
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
            Self::TimedOut => "TIMED_OUT",
            Self::Aborted => "ABORTED",
            Self::PendingRedrive => "PENDING_REDRIVE",
        }
    }

    /// Whether it can no longer change (without a redrive).
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Running | Self::PendingRedrive)
    }
}

/// One execution, as ListExecutions shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Execution {
    /// Its ARN.
    pub arn: String,
    /// Its name.
    pub name: String,
    /// Its status.
    pub status: ExecutionStatus,
    /// When it started, in milliseconds since 1970.
    pub started_ms: i64,
    /// When it ended, likewise.
    pub stopped_ms: Option<i64>,
    /// When it was last begun once more (a redrive), likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redriven_ms: Option<i64>,
    /// What only DescribeExecution shows; `None` before it was asked.
    pub detail: Option<ExecutionDetail>,
}

/// What only DescribeExecution shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExecutionDetail {
    /// Its input; `Null` when it is not JSON or not shown.
    pub input: Value,
    /// The error's name when it failed.
    pub error: Option<String>,
    /// The error's cause when it failed.
    pub cause: Option<String>,
}

/// Longest input that is kept whole, in bytes of JSON; Step Functions allows 256 KiB. Source: Step Functions
/// quotas, "Maximum input or output size".
pub(crate) const INPUT_KEPT_MAX: usize = 8 * 1024;
/// Longest error and cause that are kept, in characters; AWS allows 32,768 for the cause. Source:
/// DescribeExecution, `cause`.
pub(crate) const CAUSE_KEPT_MAX: usize = 2_000;

impl ExecutionDetail {
    /// Makes the detail small enough to keep and to show: of a long input, only the values at these JSON pointers stay, which
    /// the lab's checks and marks read. They stay at the same pointers.
    #[must_use]
    pub(crate) fn reduced<'a>(mut self, pointers: impl IntoIterator<Item = &'a str>) -> Self {
        self.error = self.error.map(|text| shortened(&text, CAUSE_KEPT_MAX));
        self.cause = self.cause.map(|text| shortened(&text, CAUSE_KEPT_MAX));
        let length = self.input.to_string().len();
        if length <= INPUT_KEPT_MAX {
            return self;
        }
        let mut kept = Value::Object(Map::new());
        for pointer in pointers {
            let Some(value) = self.input.pointer(pointer) else {
                continue;
            };
            // No lab asks for a value that is itself too long.
            if value.to_string().len() <= INPUT_KEPT_MAX {
                put(&mut kept, pointer, value.clone());
            }
        }
        if let Value::Object(map) = &mut kept {
            map.insert("…".into(), format!("{length} bytes in all").into());
        }
        self.input = kept;
        self
    }
}

/// Puts a value where the pointer leads, and makes the objects on the way. An array's index becomes a key of the same text,
/// which the pointer finds as well.
fn put(root: &mut Value, pointer: &str, value: Value) {
    let mut at = root;
    for token in pointer.split('/').skip(1) {
        let key = token.replace("~1", "/").replace("~0", "~");
        let Value::Object(map) = at else {
            // A shorter pointer has put a whole value here, and this pointer leads into it.
            return;
        };
        at = map.entry(key).or_insert_with(|| Value::Object(Map::new()));
    }
    *at = value;
}

/// A time in UTC, to the second.
pub(crate) fn when(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms)
        .map(|t| t.strftime("%Y-%m-%d %H:%M:%S UTC").to_string())
        .unwrap_or_default()
}

/// One event of an execution's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryEvent {
    /// Its number; the first is 1.
    pub id: i64,
    /// The number of the event that led to it; 0 where none is named.
    pub(crate) previous: i64,
    /// Its type, in Step Functions' words (`LambdaFunctionFailed`).
    pub(crate) kind: String,
    /// The state's name, in events that name one.
    pub(crate) state: Option<String>,
    /// The error, in events that tell one.
    pub error: Option<String>,
    /// The error's cause, likewise.
    pub cause: Option<String>,
    /// The execution's input, in the event that tells its start, where inputs were asked for.
    pub(crate) input: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn detail(input: Value) -> ExecutionDetail {
        ExecutionDetail {
            input,
            error: None,
            cause: None,
        }
    }

    #[test]
    fn a_short_input_is_kept_as_it_is_whatever_it_is() {
        for input in [json!(null), json!("text"), json!([1, 2]), json!({"a": 1})] {
            assert_eq!(detail(input.clone()).reduced(["/a"]).input, input);
        }
    }

    #[test]
    fn of_a_huge_input_the_values_that_matter_stay_where_they_were() {
        let filler = "x".repeat(250_000);
        let input = json!({"dataType": "sales_data", "deep": [{"a/b": 7}], "filler": filler});
        let pointers = ["/dataType", "/deep/0/a~1b", "/filler", "/missing"];
        let reduced = detail(input).reduced(pointers).input;
        assert_eq!(reduced.pointer("/dataType"), Some(&json!("sales_data")));
        assert_eq!(reduced.pointer("/deep/0/a~1b"), Some(&json!(7)));
        assert_eq!(reduced.pointer("/filler"), None);
        assert!(reduced.to_string().len() < 200, "{reduced}");
    }

    #[test]
    fn a_huge_input_that_is_no_object_leaves_a_note() {
        let reduced = detail(json!("y".repeat(100_000))).reduced(["/a"]).input;
        assert_eq!(reduced, json!({"…": "100002 bytes in all"}));
    }

    #[test]
    fn overlapping_pointers_of_a_huge_input_never_lose_the_outer_value() {
        let input = json!({"a": {"b": 1}, "filler": "z".repeat(20_000)});
        for pointers in [["/a", "/a/b"], ["/a/b", "/a"]] {
            let reduced = detail(input.clone()).reduced(pointers).input;
            assert_eq!(reduced.pointer("/a/b"), Some(&json!(1)), "{pointers:?}");
        }
    }

    #[test]
    fn a_long_cause_is_cut_between_characters() {
        let long = ExecutionDetail {
            cause: Some("é".repeat(10_000)),
            ..detail(Value::Null)
        };
        let cause = long.reduced([]).cause.unwrap();
        assert_eq!(cause.chars().count(), CAUSE_KEPT_MAX + 1);
    }
}
