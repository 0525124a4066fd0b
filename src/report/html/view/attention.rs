//! Who needs somebody, why, and what to say, as the top of a class's page shows it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::evidence::activity::Trouble;
use crate::ids::Username;
use crate::lab::mistake::{Listener, TroubleReason};
use crate::report::attention::{NeedGroup, grouped, how_often, looked_at, task_of, why};
use crate::report::document::Document;
use crate::report::marks;
use crate::report::tally::CheckTally;

/// Entries that are shown at once; the rest unfolds.
const ENTRIES: usize = 8;

/// The entries, those that unfold, and what is not known.
pub(super) fn attention(document: &Document, tasks: &[CheckTally]) -> Value {
    let needs = document.needs();
    let count = needs.len();
    let names: BTreeMap<&Username, &str> = document
        .students
        .iter()
        .filter_map(|row| Some((&row.student.username, row.student.name.as_deref()?)))
        .collect();
    let groups = grouped(needs);
    let entries = groups
        .iter()
        .map(|group| entry(group, document, tasks, &names));
    let mut entries: Vec<Value> = entries.collect();
    let more = entries.split_off(entries.len().min(ENTRIES));
    let students = |entries: &[Value]| -> usize {
        let who = entries.iter().filter_map(|entry| entry["who"].as_array());
        who.map(Vec::len).sum()
    };
    json!({
        "count": count,
        "more_count": students(&more),
        "entries": entries,
        "more": more,
        "looked_at": looked_at(document, count > 0),
    })
}

fn entry(
    group: &NeedGroup,
    document: &Document,
    tasks: &[CheckTally],
    names: &BTreeMap<&Username, &str>,
) -> Value {
    let first = &group.first().trouble;
    let who = group.needs.iter().map(|need| {
        let count = need.trouble.count.filter(|count| *count > 1);
        json!({
            "username": need.username,
            "name": names.get(&need.username),
            "times": count,
        })
    });
    let mut shown = trouble(first, document, tasks);
    // The longest silence says nothing about the others'.
    if group.needs.len() > 1 {
        shown["why"] = json!(marks::of_reason(first.reason).word);
        let earliest = group.needs.iter().filter_map(|need| need.trouble.since);
        let since = earliest.min().map(|at| document.beside(at));
        shown["how_often"] = json!(match (first.reason, since) {
            (TroubleReason::NotStarted, Some(_)) => how_often(first, |at| document.beside(at)),
            (_, Some(since)) => format!("the first since {since}"),
            (_, None) => String::new(),
        });
    }
    shown["who"] = json!(who.collect::<Vec<_>>());
    shown["remark"] = json!(group.remark());
    shown["cause"] = json!(group.cause());
    shown["say"] = json!(group.say());
    shown
}

/// One student's trouble, said to the instructor.
pub(super) fn trouble(trouble: &Trouble, document: &Document, tasks: &[CheckTally]) -> Value {
    let now = document.taken_at.timestamp();
    let task = task_of(trouble, tasks);
    let task = task.map(|(number, task)| json!({ "number": number, "title": task.title }));
    json!({
        "mark": marks::of_reason(trouble.reason),
        "why": why(trouble, now),
        "task": task,
        "how_often": how_often(trouble, |at: Timestamp| document.beside(at)),
        "cause": trouble.cause,
        "say": trouble.say,
        "to_instructor": trouble.to == Listener::Instructor,
    })
}

/// The same said to the student on their own page; `None` where there is nothing to say to them.
pub(super) fn own_trouble(trouble: &Trouble, document: &Document) -> Option<Value> {
    let to_instructor = trouble.to == Listener::Instructor;
    let why = match trouble.reason {
        TroubleReason::StackBroken => "Something of your stack is broken.",
        TroubleReason::OwnChange => "A change of yours seems to be the cause.",
        TroubleReason::RepeatedFailure => "The same goes wrong again and again.",
        TroubleReason::RefusedRequests => "Your API refuses your requests.",
        TroubleReason::Idle => "Where it went on last, something may be in your way.",
        // The next hint says it.
        TroubleReason::NotStarted => return None,
    };
    let how_often = match trouble.count {
        Some(_) => how_often(trouble, |at: Timestamp| document.beside(at)),
        None => String::new(),
    };
    let repair = "Your instructor has to repair something: show them this page.";
    let say = match to_instructor {
        true => Some(repair),
        false => trouble.say.as_deref(),
    };
    // Silence by itself is nothing to tell.
    if trouble.reason == TroubleReason::Idle && say.is_none() {
        return None;
    }
    Some(json!({
        "why": why,
        "how_often": how_often,
        // Of their own change, the list of what they changed tells more.
        "cause": trouble.cause.as_ref().filter(|_| trouble.reason != TroubleReason::OwnChange),
        "say": say,
    }))
}
