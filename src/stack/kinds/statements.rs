//! How a policy document differs from another, statement by statement.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::stack::diff::{DiffLine, Difference, Differing, abridged, lines};
use crate::text::json::{canonical, sorted};
use crate::text::shortened;

/// Characters of a statement in a sentence.
const SAID_MAX: usize = 240;
/// Keys whose values are a text or a list of texts, in no order.
const LISTS: [&str; 4] = ["Action", "NotAction", "Resource", "NotResource"];

/// How `old`, which may be missing or no JSON, differs from `new`. `policy` names it.
pub(super) fn compare(policy: &str, old: Option<&Value>, new: &Value) -> Differing {
    let before = old.map_or_else(Vec::new, statements);
    let after = statements(new);
    let gone = only_in(&before, &after);
    let mut come = only_in(&after, &before);
    let mut parts = Vec::new();
    for (index, old) in &gone {
        let what = format!("{policy}, statement {}", label(*index, old));
        let same = |(_, new): &(usize, &Value)| {
            old.get("Sid") == new.get("Sid") && old.get("Effect") == new.get("Effect")
        };
        match come.iter().position(same) {
            Some(at) => parts.extend(changed(&what, old, come.remove(at).1)),
            None => parts.push(Difference::new(what, Some(said(old)), None)),
        }
    }
    for (index, new) in &come {
        let what = format!("{policy}, statement {}", label(*index, new));
        parts.push(Difference::new(what, None, Some(said(new))));
    }
    if parts.is_empty() {
        let (old, new) = ("written otherwise", "as the lab writes it");
        parts.push(Difference::new(policy, Some(old.into()), Some(new.into())));
    }
    let pretty = |document: &Value| format!("{:#}", sorted(document));
    let mut diff = vec![DiffLine::Same(format!("{policy}:"))];
    let old = old.map(pretty).unwrap_or_default();
    diff.extend(abridged(lines(&old, &pretty(new))));
    Differing {
        parts,
        diff,
        ..Differing::default()
    }
}

/// The statements of a document, which may be one that is no list.
fn statements(document: &Value) -> Vec<&Value> {
    match document.get("Statement") {
        Some(Value::Array(statements)) => statements.iter().collect(),
        Some(one) => vec![one],
        None => Vec::new(),
    }
}

/// Those that the others do not have, each with its place.
fn only_in<'a>(some: &[&'a Value], others: &[&Value]) -> Vec<(usize, &'a Value)> {
    let others: BTreeSet<String> = others.iter().map(|one| canonical(one)).collect();
    let some = some.iter().copied().enumerate();
    some.filter(|(_, one)| !others.contains(&canonical(one)))
        .collect()
}

/// Its id, else its number.
fn label(index: usize, statement: &Value) -> String {
    let sid = statement.get("Sid").and_then(Value::as_str);
    sid.map_or_else(|| (index + 1).to_string(), str::to_owned)
}

/// What differs between two forms of a statement: of lists only the members that come and go.
fn changed(what: &str, old: &Value, new: &Value) -> Vec<Difference> {
    let keys = |statement: &Value| -> BTreeSet<String> {
        let keys = statement.as_object().into_iter().flatten();
        keys.map(|(key, _)| key.clone()).collect()
    };
    let mut parts = Vec::new();
    for key in &keys(old) | &keys(new) {
        let (old, new) = (old.get(&key), new.get(&key));
        if old.map(canonical) == new.map(canonical) {
            continue;
        }
        let (old, new) = match LISTS.contains(&key.as_str()) {
            true => {
                let (old, new) = (members(old), members(new));
                (listed(&old - &new), listed(&new - &old))
            }
            false => (old.map(canonical), new.map(canonical)),
        };
        let short = |text: Option<String>| text.map(|text| shortened(&text, SAID_MAX));
        let what = format!("{what}, {key}");
        parts.push(Difference::new(what, short(old), short(new)));
    }
    parts
}

fn members(value: Option<&Value>) -> BTreeSet<String> {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => canonical(other),
    };
    match value {
        Some(Value::Array(members)) => members.iter().map(text).collect(),
        Some(one) => BTreeSet::from([text(one)]),
        None => BTreeSet::new(),
    }
}

fn listed(members: BTreeSet<String>) -> Option<String> {
    let members: Vec<String> = members.into_iter().collect();
    (!members.is_empty()).then(|| members.join(", "))
}

/// A statement in a line: `Allow logs:PutLogEvents on arn:…`.
fn said(statement: &Value) -> String {
    let list = |key: &str| listed(members(statement.get(key)));
    let effect = list("Effect").unwrap_or_default();
    let mut said = vec![effect];
    said.extend(list("Action"));
    said.extend(list("NotAction").map(|list| format!("all but {list}")));
    said.extend(list("Resource").map(|list| format!("on {list}")));
    said.extend(list("NotResource").map(|list| format!("on all but {list}")));
    said.extend(list("Principal").map(|list| format!("to {list}")));
    said.extend(list("Condition").map(|list| format!("if {list}")));
    shortened(&said.join(" "), SAID_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn shown(old: Option<&Value>, new: &Value) -> Vec<String> {
        let differs = compare("policy", old, new);
        let parts = differs.parts.into_iter();
        let text = |side: Option<String>| side.unwrap_or_else(|| "–".to_owned());
        parts
            .map(|part| format!("{}: {} → {}", part.what, text(part.old), text(part.new)))
            .collect()
    }

    fn statement(sid: &str, actions: &[&str]) -> Value {
        json!({ "Sid": sid, "Effect": "Allow", "Action": actions, "Resource": "*" })
    }

    #[test]
    fn only_the_statements_and_members_that_differ_are_told() {
        let old = json!({ "Statement": [
            statement("Logs", &["logs:A", "logs:B"]), statement("Same", &["x:X"]),
            statement("Gone", &["y:Y"])] });
        let new = json!({ "Statement": [
            statement("Logs", &["logs:B", "logs:C"]), statement("Same", &["x:X"]),
            statement("New", &["z:Z"])] });
        insta::assert_snapshot!(shown(Some(&old), &new).join("\n"), @r"
        policy, statement Logs, Action: logs:A → logs:C
        policy, statement Gone: Allow y:Y on * → –
        policy, statement New: – → Allow z:Z on *
        ");
    }

    #[test]
    fn a_policy_that_is_not_there_is_told_statement_by_statement() {
        let new = json!({ "Statement": { "Effect": "Allow", "Action": "a:B", "Principal": { "Service": "s" } } });
        let told = r#"policy, statement 1: – → Allow a:B to {"Service":"s"}"#;
        assert_eq!(shown(None, &new), [told]);
    }

    #[test]
    fn another_order_alone_is_told_as_such() {
        let (a, b) = (statement("A", &["a:A"]), statement("B", &["b:B"]));
        let (old, new) = (
            json!({ "Statement": [&a, &b] }),
            json!({ "Statement": [&b, &a] }),
        );
        let told = ["policy: written otherwise → as the lab writes it"];
        assert_eq!(shown(Some(&old), &new), told);
    }
}
