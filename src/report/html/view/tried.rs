//! What a student tried, in order of time: executions and refused requests in one list, each failure once.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::aws::execution::Execution;
use crate::evidence::activity::RefusedRequest;
use crate::evidence::check::Why;
use crate::report::document::{Document, ReportStudent, rfc3339};
use crate::report::marks::Tone;
use crate::text::shortened;
use crate::text::words::plural;

use super::execution::{EXCERPT, clock, shown_run};

/// Refused requests that are shown of a student, the newest; equal ones in a row are one.
const REFUSALS: usize = 20;

/// Newest first. The cause from an execution's history stands in the place of the Fail state's words.
pub(super) fn tried(row: &ReportStudent, document: &Document) -> Vec<Value> {
    let progress = &row.progress;
    let causes = causes(row);
    let runs = progress.executions.iter().map(|(starter, execution)| {
        let mut run = shown_run(*starter, execution, document);
        if let Some(cause) = causes.get(execution.arn.as_str()) {
            run["error"] = json!(shortened(cause, EXCERPT));
        }
        (execution.started_ms, run)
    });
    let refusals = &progress.activity.refusals;
    let alike = refusals.chunk_by(|a, b| (a.status, &a.reason) == (b.status, &b.reason));
    let alike: Vec<_> = alike.rev().take(REFUSALS).collect();
    let refused = alike
        .into_iter()
        .filter_map(|alike| Some((alike.last()?.at_ms, refused(alike, document)?)));
    let mut all: Vec<(i64, Value)> = runs.chain(refused).collect();
    all.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
    all.into_iter().map(|(_, shown)| shown).collect()
}

/// Why executions failed, by their ARN.
fn causes(row: &ReportStudent) -> BTreeMap<&str, String> {
    let checks = row.progress.checks.iter();
    let shown = checks.flat_map(|check| &check.evidence);
    let shown = shown.filter_map(|evidence| evidence.execution.as_ref());
    let told = shown.filter_map(|shown| {
        let why: &Why = shown.why.as_ref()?;
        Some((shown.execution.arn.as_str(), why.sentence()))
    });
    let read = row.progress.activity.causes.iter();
    let read = read.map(|(arn, cause)| (arn.as_str(), cause.sentence()));
    told.chain(read).collect()
}

/// Whether the list shows an execution, so that evidence need not repeat it.
pub(super) fn is_listed(row: &ReportStudent, execution: &Execution) -> bool {
    let mut listed = row.progress.executions.iter();
    listed.any(|(_, one)| !one.arn.is_empty() && one.arn == execution.arn)
}

/// Requests that were refused alike, one after the other: the oldest first.
fn refused(alike: &[RefusedRequest], document: &Document) -> Option<Value> {
    let (first, last) = (alike.first()?, alike.last()?);
    let at = document.at(last.at_ms);
    let requests = plural(alike.len(), "request");
    let since = match alike.len() {
        1 => String::new(),
        _ => format!("from {}", clock(first.at_ms, document)),
    };
    Some(json!({
        "name": "",
        "machine_time": at.as_ref().map(rfc3339),
        "time": clock(last.at_ms, document),
        "status": "REFUSED",
        "tone": Tone::Bad,
        "refused": requests,
        "since": since,
        "error": shortened(&first.sentence(), EXCERPT),
        "input": null,
        "console": null,
    }))
}
