//! Who needs somebody, why, and what to say, as the top of a class's page shows it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::evidence::activity::Trouble;
use crate::evidence::attention::Need;
use crate::ids::Username;
use crate::lab::mistake::{Listener, TroubleReason};
use crate::report::attention::{NeedGroup, grouped, how_often, looked_at, task_of, why};
use crate::report::document::Document;
use crate::report::marks;
use crate::report::tally::CheckTally;
use crate::text::words::{plural, some_of};

/// Entries that are shown at once, so that rows begin on the first screen; the rest unfolds.
const ENTRIES: usize = 6;
/// Students of one entry that are named at once, and entries that are told in the line of those that unfold.
const NAMED: usize = 8;

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
    // One entry more than fits is no longer than the line that would stand for it.
    let shown = match groups.len() > ENTRIES + 1 {
        true => ENTRIES,
        false => groups.len(),
    };
    let (at_once, more) = groups.split_at(shown);
    let entries = |groups: &[NeedGroup]| -> Vec<Value> {
        let entries = groups.iter();
        entries
            .map(|group| entry(group, document, tasks, &names))
            .collect()
    };
    json!({
        "count": count,
        "entries": entries(at_once),
        "more": entries(more),
        "more_count": more.iter().map(|group| group.needs.len()).sum::<usize>(),
        "in_short": in_short(more),
        "looked_at": looked_at(document, count > 0),
    })
}

/// Who and why, of entries that unfold: `user8 requests refused, 17 students not seen yet`.
fn in_short(groups: &[NeedGroup]) -> String {
    let short = |group: &NeedGroup| {
        let who = match group.needs.as_slice() {
            [only] => only.username.to_string(),
            many => plural(many.len(), "student"),
        };
        let word = marks::of_reason(group.first().trouble.reason).word;
        format!("{who} {word}")
    };
    let shown: Vec<String> = groups.iter().map(short).collect();
    some_of(&shown, NAMED)
}

fn entry(
    group: &NeedGroup,
    document: &Document,
    tasks: &[CheckTally],
    names: &BTreeMap<&Username, &str>,
) -> Value {
    let first = &group.first().trouble;
    let mark = marks::of_reason(first.reason);
    let now = document.taken_at.timestamp();
    let many = group.needs.len() > 1;
    let earliest = group.needs.iter().filter_map(|need| need.trouble.since);
    let since = earliest.min().map(|at| document.beside(at));
    let often = match (first.reason, since) {
        // The longest silence says nothing about the others'.
        (reason, Some(since)) if many && reason != TroubleReason::NotStarted => {
            format!("the first since {since}")
        }
        (_, None) if many => String::new(),
        _ => how_often(first, |at| document.beside(at)),
    };
    let remark = group.remark();
    let reason = remark.as_ref().map(|_| mark.word.to_owned());
    let mut who: Vec<Value> = group
        .needs
        .iter()
        .map(|need| {
            json!({
                "username": need.username,
                "name": names.get(&need.username),
                "times": need.trouble.count.filter(|count| *count > 1),
            })
        })
        .collect();
    // One name more than fits is no longer than the line that would stand for it.
    let others = match who.len() > NAMED + 1 {
        true => who.split_off(NAMED),
        false => Vec::new(),
    };
    json!({
        "mark": mark,
        "why": match many {
            true => mark.word.to_owned(),
            false => why(first, now),
        },
        "count": group.needs.len(),
        "who": who,
        "others": others,
        "remark": remark,
        // The task's title stands in the list below.
        "facts": facts([
            reason,
            task_of(first, tasks).map(|(number, _)| format!("task {number}")),
            Some(often),
        ]),
        "cause": group.cause(),
        "say": group.say(&document.proposing),
        "proposes": first.act.is_some(),
        "to_instructor": first.to == Listener::Instructor,
    })
}

fn facts<const N: usize>(parts: [Option<String>; N]) -> String {
    let parts = parts.into_iter().flatten().filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join(", ")
}

/// One student's trouble, said to the instructor.
pub(super) fn trouble(need: Need, document: &Document, tasks: &[CheckTally]) -> Value {
    let group = NeedGroup {
        room: None,
        needs: vec![need],
    };
    let trouble = &group.first().trouble;
    let often = how_often(trouble, |at: Timestamp| document.beside(at));
    json!({
        "why": why(trouble, document.taken_at.timestamp()),
        "facts": facts([
            task_of(trouble, tasks).map(|(number, task)| format!("task {number}, {}", task.title)),
            Some(often),
        ]),
        "cause": trouble.cause,
        "say": group.say(&document.proposing),
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
        TroubleReason::NotStarted | TroubleReason::NotDeployed => return None,
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
        "facts": how_often,
        // Of their own change, the list of what they changed tells more.
        "cause": trouble.cause.as_ref().filter(|_| trouble.reason != TroubleReason::OwnChange),
        "say": say,
    }))
}
