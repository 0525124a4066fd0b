//! Why an execution failed, from its history.
//!
//! A workflow that catches every error ends in a Fail state, whose error and cause are the same whatever happened. The
//! history has what happened: the event whose error was caught, and its state.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::aws::execution::HistoryEvent;
use crate::text::shortened;

/// Longest cause that is kept, in characters; Step Functions allows 32,768. Source: LambdaFunctionFailedEventDetails,
/// `cause`.
const CAUSE_MAX: usize = 500;
/// Longest name of a state or an error that is kept, in characters. Sources: Step Functions quotas (a state's name has
/// 80), `error` of the event's details (256).
const NAME_MAX: usize = 256;

/// What went wrong inside an execution that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RootCause {
    /// The state that failed, or that led to a Fail state without an error of its own.
    pub state: Option<String>,
    /// The error's name; `None` where no error led to the Fail state, as when a Choice did.
    pub error: Option<String>,
    /// What the error says, in plain text.
    pub cause: Option<String>,
}

impl RootCause {
    /// In a sentence without an end: `ProcessData failed with InvalidRequest: userId is missing`.
    pub fn sentence(&self) -> String {
        let state = self.state.as_deref().unwrap_or("a state");
        let mut text = match &self.error {
            None => return format!("{state} led to the Fail state, without an error"),
            Some(error) => format!("{state} failed with {error}"),
        };
        if let Some(cause) = self.cause.as_ref().filter(|cause| !cause.is_empty()) {
            text.push_str(&format!(": {cause}"));
        }
        text
    }
}

/// What a history shows of the cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// It is found.
    Cause(RootCause),
    /// The cause is further back than these events reach.
    FurtherBack,
    /// The events do not reach to the execution's end yet.
    NotYet,
}

/// Looks for the cause in an execution's events, the newest first.
///
/// It goes from the end back along the events that led to it. The first error that was caught (the state was left right
/// after it) or that nothing caught (the execution ended right after it) is the cause; an error before another attempt
/// of the same state is not.
pub fn cause_of(events: &[HistoryEvent]) -> Told {
    let by_id: BTreeMap<i64, &HistoryEvent> = events.iter().map(|e| (e.id, e)).collect();
    let Some(end) = by_id.last_key_value().map(|(_, e)| *e).filter(|e| ended(e)) else {
        return Told::NotYet;
    };
    // AWS's numbers fall from event to event. This ends even for a chain that leads to itself.
    let before = |event: &HistoryEvent| match event.previous {
        0 => event.id - 1,
        previous => previous.min(event.id - 1),
    };
    let mut last_left = None;
    let mut entered = None;
    let mut after = end;
    while before(after) >= 1 {
        let Some(event) = by_id.get(&before(after)) else {
            return Told::FurtherBack;
        };
        if failed(event) && (after.kind.ends_with("StateExited") || ended(after) || failed(after)) {
            return error_at(event, &by_id, before);
        }
        if event.kind.ends_with("StateExited") && last_left.is_none() {
            last_left.clone_from(&event.state);
        }
        // The state that ran when the execution ended, unless it is the Fail state.
        if event.kind.ends_with("StateEntered")
            && event.kind != "FailStateEntered"
            && last_left.is_none()
            && entered.is_none()
        {
            entered.clone_from(&event.state);
        }
        after = event;
    }
    let cause = match (entered, last_left) {
        (None, Some(left)) => RootCause {
            state: Some(left),
            error: None,
            cause: None,
        },
        // A state that could not even begin (its path leads nowhere), or the time was over.
        (state, _) => {
            let timed_out = (end.kind == "ExecutionTimedOut").then(|| "States.Timeout".to_owned());
            RootCause {
                state: state.or_else(|| fail_state(events)),
                error: end.error.clone().or(timed_out),
                cause: end.cause.as_deref().map(plain),
            }
        }
    };
    Told::Cause(kept(cause))
}

/// The failure of an event. A Parallel or Map state has no error of its own: the last failure before it, which is
/// inside it, has the error.
fn error_at(
    event: &HistoryEvent,
    by_id: &BTreeMap<i64, &HistoryEvent>,
    before: impl Fn(&HistoryEvent) -> i64,
) -> Told {
    let mut failure = event;
    if failure.error.is_none() {
        let mut inside = by_id.range(..event.id).rev();
        match inside.find(|(_, e)| failed(e) && e.error.is_some()) {
            Some((_, found)) => failure = found,
            None if by_id.contains_key(&1) => {}
            None => return Told::FurtherBack,
        }
    }
    let mut state = failure.state.clone();
    let mut at = failure;
    while state.is_none() && before(at) >= 1 {
        let Some(event) = by_id.get(&before(at)) else {
            return Told::FurtherBack;
        };
        if event.kind.ends_with("StateEntered") {
            state.clone_from(&event.state);
        }
        at = event;
    }
    Told::Cause(kept(RootCause {
        state,
        error: failure.error.clone().or_else(|| Some(failure.kind.clone())),
        cause: failure.cause.as_deref().map(plain),
    }))
}

fn fail_state(events: &[HistoryEvent]) -> Option<String> {
    let entered = events.iter().find(|e| e.kind == "FailStateEntered")?;
    entered.state.clone()
}

fn ended(event: &HistoryEvent) -> bool {
    matches!(
        event.kind.as_str(),
        "ExecutionFailed" | "ExecutionTimedOut" | "ExecutionAborted"
    )
}

/// `TaskFailed`, `LambdaFunctionTimedOut`, `MapStateFailed`, … but not the execution's own end. Source: Step Functions
/// HistoryEvent, `type`.
fn failed(event: &HistoryEvent) -> bool {
    let kind = event.kind.as_str();
    !kind.starts_with("Execution") && (kind.ends_with("Failed") || kind.ends_with("TimedOut"))
}

fn kept(cause: RootCause) -> RootCause {
    let short = |text: Option<String>, most| text.map(|text| shortened(&text, most));
    RootCause {
        state: short(cause.state, NAME_MAX),
        error: short(cause.error, NAME_MAX),
        cause: short(cause.cause, CAUSE_MAX),
    }
}

/// Lambda's cause is JSON with a message for people.
fn plain(cause: &str) -> String {
    let json: Value = serde_json::from_str(cause).unwrap_or_default();
    let message = json.get("errorMessage").and_then(Value::as_str);
    message.unwrap_or(cause).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `id previous kind [state | error: cause]`, oldest first as one writes it down.
    fn history(lines: &str) -> Vec<HistoryEvent> {
        let event = |line: &str| {
            let mut words = line.trim().splitn(4, ' ');
            let mut word = || words.next().unwrap_or_default().to_owned();
            let (id, previous, kind, rest) = (word(), word(), word(), word());
            let (error, cause) = match rest.split_once(": ") {
                Some((error, cause)) => (Some(error.to_owned()), Some(cause.to_owned())),
                None => (None, None),
            };
            HistoryEvent {
                id: id.parse().unwrap(),
                previous: previous.parse().unwrap(),
                kind,
                state: (error.is_none() && !rest.is_empty()).then_some(rest),
                error,
                cause,
                input: None,
            }
        };
        let mut events: Vec<_> = lines.trim().lines().map(event).collect();
        events.reverse();
        events
    }

    fn sentence(lines: &str) -> String {
        match cause_of(&history(lines)) {
            Told::Cause(cause) => cause.sentence(),
            other => panic!("{other:?}"),
        }
    }

    const CAUGHT: &str = r#"
        1 0 ExecutionStarted
        2 0 TaskStateEntered ProcessData
        3 2 LambdaFunctionScheduled
        4 3 LambdaFunctionStarted
        5 4 LambdaFunctionFailed Transient: {"errorMessage": "by chance"}
        6 5 LambdaFunctionScheduled
        7 6 LambdaFunctionStarted
        8 7 LambdaFunctionFailed InvalidRequest: {"errorMessage": "userId is missing", "errorType": "InvalidRequest"}
        9 8 TaskStateExited ProcessData
        10 9 FailStateEntered ProcessingFailed
        11 10 ExecutionFailed ProcessingFailed: look at the console"#;

    #[test]
    fn the_last_attempt_of_the_state_that_was_caught_is_the_cause() {
        assert_eq!(
            sentence(CAUGHT),
            "ProcessData failed with InvalidRequest: userId is missing"
        );
    }

    #[test]
    fn an_error_that_nothing_caught_is_the_cause() {
        let text = r"
            1 0 ExecutionStarted
            2 0 TaskStateEntered A
            3 2 TaskSucceeded
            4 3 TaskStateExited A
            5 4 TaskStateEntered B
            6 5 TaskTimedOut States.Timeout: too late
            7 6 ExecutionFailed States.Timeout: too late";
        assert_eq!(sentence(text), "B failed with States.Timeout: too late");
    }

    #[test]
    fn a_retried_error_of_a_state_that_then_succeeded_is_not_the_cause() {
        let text = r"
            1 0 ExecutionStarted
            2 0 TaskStateEntered A
            3 2 LambdaFunctionFailed Transient: by chance
            4 3 LambdaFunctionScheduled
            5 4 LambdaFunctionSucceeded
            6 5 TaskStateExited A
            7 6 ChoiceStateEntered Decide
            8 7 ChoiceStateExited Decide
            9 8 FailStateEntered No
            10 9 ExecutionFailed No: no";
        assert_eq!(
            sentence(text),
            "Decide led to the Fail state, without an error"
        );
    }

    #[test]
    fn a_state_after_the_catch_does_not_hide_what_was_caught() {
        let text = r"
            1 0 ExecutionStarted
            2 0 TaskStateEntered Work
            3 2 LambdaFunctionFailed Broken: it broke
            4 3 TaskStateExited Work
            5 4 TaskStateEntered Tell
            6 5 LambdaFunctionSucceeded
            7 6 TaskStateExited Tell
            8 7 FailStateEntered No
            9 8 ExecutionFailed No: no";
        assert_eq!(sentence(text), "Work failed with Broken: it broke");
    }

    #[test]
    fn a_branchs_failure_stands_for_the_parallel_state_that_has_no_words() {
        let text = r"
            1 0 ExecutionStarted
            2 0 ParallelStateEntered Both
            3 2 ParallelStateStarted
            4 3 TaskStateEntered Left
            5 3 TaskStateEntered Right
            6 4 LambdaFunctionFailed Broken: left broke
            7 3 ParallelStateFailed
            8 7 ExecutionFailed Broken: left broke";
        assert_eq!(sentence(text), "Left failed with Broken: left broke");
    }

    #[test]
    fn a_state_that_could_not_begin_is_named_with_the_executions_error() {
        let text = r"
            1 0 ExecutionStarted
            2 0 ChoiceStateEntered Decide
            3 2 ExecutionFailed States.Runtime: no such path";
        assert_eq!(
            sentence(text),
            "Decide failed with States.Runtime: no such path"
        );
        let late = "1 0 ExecutionStarted\n2 0 WaitStateEntered Wait\n3 2 ExecutionTimedOut";
        assert_eq!(sentence(late), "Wait failed with States.Timeout");
    }

    #[test]
    fn events_that_do_not_name_the_one_before_are_taken_in_their_order() {
        let text = r"
            1 0 ExecutionStarted
            2 0 TaskStateEntered A
            3 0 TaskScheduled
            4 0 TaskFailed Broken: it broke
            5 0 TaskStateExited A
            6 0 FailStateEntered No
            7 0 ExecutionFailed No: no";
        assert_eq!(sentence(text), "A failed with Broken: it broke");
    }

    #[test]
    fn what_is_cut_off_is_further_back_and_what_has_not_come_is_not_yet() {
        let newest_first = history(CAUGHT);
        assert_eq!(cause_of(&newest_first[1..]), Told::NotYet);
        assert_eq!(cause_of(&[]), Told::NotYet);
        for shown in 1..10 {
            let told = cause_of(&newest_first[..shown]);
            assert_eq!(told, Told::FurtherBack, "{shown}");
        }
    }

    #[test]
    fn a_chain_that_leads_to_itself_ends() {
        let text = "1 9 TaskStateEntered A\n2 9 TaskScheduled\n9 9 ExecutionFailed No: no";
        assert_eq!(cause_of(&history(text)), Told::FurtherBack);
    }

    #[test]
    fn a_long_cause_is_cut_and_one_that_is_not_lambdas_stays_as_it_is() {
        let long = format!(
            "1 0 ExecutionStarted\n2 0 TaskStateEntered A\n3 2 TaskFailed E: {}\n4 3 ExecutionFailed E: x",
            "é".repeat(9_000)
        );
        assert!(sentence(&long).chars().count() < 600);
        assert_eq!(plain("{\"a\": 1}"), "{\"a\": 1}");
        assert_eq!(plain("{\"errorMessage\": 5}"), "{\"errorMessage\": 5}");
    }
}
