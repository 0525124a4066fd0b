//! Log events of a group: whether there are any, and those that a pattern picks.

use std::sync::LazyLock;

use regex_lite::Regex;

use crate::aws::{CallError, Client, ErrorKind};

/// Pages of log events that one question reads at most. A page may be empty and still not the last.
const PAGES_MAX: usize = 10;
/// Events of one window that are read at most: in a flooded log the rest stays unknown.
const WINDOW_EVENTS: usize = 200;

pub(super) enum Messages {
    All(Vec<String>),
    /// There are more, which were not read.
    CutOff(Vec<String>),
}

/// The log events of a group, within a time, that match a filter pattern. With an empty pattern, the first ones.
///
/// # Errors
/// AWS's, or that the run was stopped.
pub(super) async fn messages(
    client: &Client,
    group: &str,
    (since_ms, until_ms): (i64, Option<i64>),
    pattern: &str,
) -> Result<Messages, CallError> {
    let mut found = Vec::new();
    let mut token = None;
    for _ in 0..PAGES_MAX {
        let page = client
            .matching_log_events_page(group, since_ms, until_ms, pattern, token)
            .await?;
        found.extend(page.items);
        token = page.next;
        if token.is_none() {
            return Ok(Messages::All(found));
        }
        if pattern.is_empty() && found.len() >= WINDOW_EVENTS {
            break;
        }
    }
    Ok(Messages::CutOff(found))
}

/// Whether a log group has an event since a time, up to another one.
///
/// # Errors
/// AWS's, or that the run was stopped; a group that is not there has no events.
pub(crate) async fn has_events(
    client: &Client,
    group: &str,
    since_ms: i64,
    until_ms: Option<i64>,
) -> Result<bool, CallError> {
    match any_event(client, group, since_ms, until_ms).await {
        Err(error) if error.kind() == Some(ErrorKind::NotFound) => Ok(false),
        other => other,
    }
}

/// The same, where a group that is not there is an error. A page may be empty and still not the last.
pub(super) async fn any_event(
    client: &Client,
    group: &str,
    since_ms: i64,
    until_ms: Option<i64>,
) -> Result<bool, CallError> {
    let mut token = None;
    loop {
        let page = client
            .log_events_page(group, since_ms, until_ms, 1, token)
            .await?;
        if !page.items.is_empty() {
            return Ok(true);
        }
        token = page.next;
        if token.is_none() {
            return Ok(false);
        }
    }
}

/// An exception as Lambda's Python and Node.js runtimes log it (`[ERROR] KeyError: 'x'`), or a time-out. Source: Lambda Developer
/// Guide, "Lambda function logging in Python".
static EXCEPTION: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let built = Regex::new(
        r"^(?:\[ERROR\] )?((?:Runtime\.|[A-Za-z_][\w.]*(?:Error|Exception|Exit)\b).*)|(Task timed out after [0-9.]+ seconds)",
    );
    built.ok()
});

/// The exception that a log event tells, in text or in Lambda's JSON format.
pub(crate) fn exception(message: &str) -> Option<String> {
    if let Ok(serde_json::Value::Object(line)) = serde_json::from_str(message) {
        let text = |key: &str| line.get(key).and_then(serde_json::Value::as_str);
        return Some(format!(
            "{}: {}",
            text("errorType")?,
            text("errorMessage").unwrap_or_default()
        ));
    }
    let found = EXCEPTION.as_ref()?.captures(message)?;
    let first = found.get(1).or_else(|| found.get(2))?.as_str();
    first.lines().next().map(str::to_owned)
}
