//! One execution, as a page shows it.

use std::time::Duration;

use serde_json::{Value, json};

use crate::aws::execution::{Execution, ExecutionStatus};
use crate::lab::marks::Starter;
use crate::report::document::{Document, rfc3339};
use crate::report::marks::Tone;
use crate::text::shortened;
use crate::text::words::duration;

/// Characters of an execution's input or cause that are shown.
pub(super) const EXCERPT: usize = 400;

pub(super) fn shown_run(starter: Starter, execution: &Execution, document: &Document) -> Value {
    let started = document.at(execution.started_ms);
    let detail = execution.detail.as_ref();
    let took = execution
        .stopped_ms
        .and_then(|stopped| u64::try_from(stopped - execution.started_ms).ok());
    json!({
        "name": execution.name,
        "arn": execution.arn,
        "machine_time": started.as_ref().map(rfc3339),
        "time": clock(execution.started_ms, document),
        "took": took.map(|ms| match ms {
            ..10_000 => format!("{}.{}s", ms / 1000, ms % 1000 / 100),
            _ => duration(Duration::from_millis(ms)),
        }),
        "started_by": starter.phrase(),
        "status": execution.status.as_str(),
        "tone": match execution.status {
            ExecutionStatus::Succeeded => Tone::Good,
            ExecutionStatus::Running | ExecutionStatus::PendingRedrive => Tone::Busy,
            ExecutionStatus::Failed | ExecutionStatus::TimedOut => Tone::Bad,
            ExecutionStatus::Aborted => Tone::Idle,
        },
        "input": detail
            .filter(|d| !d.input.is_null())
            .map(|d| shortened(&d.input.to_string(), EXCERPT)),
        "error": detail.map(|d| joined([d.error.as_deref(), d.cause.as_deref()])),
        "console": null,
    })
}

/// A moment of AWS to the second.
pub(super) fn clock(ms: i64, document: &Document) -> String {
    document.at(ms).map_or("unknown".to_owned(), |t| {
        // The day is worth its room only when it is another one.
        let format = match t.date() == document.taken_at.date() {
            true => "%H:%M:%S",
            false => "%-d %b %H:%M:%S",
        };
        t.strftime(format).to_string()
    })
}

pub(super) fn joined(parts: [Option<&str>; 2]) -> String {
    let parts: Vec<&str> = parts.into_iter().flatten().collect();
    shortened(&parts.join(": "), EXCERPT)
}
