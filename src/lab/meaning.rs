//! What a roster's value must not become in a document: a pattern or a variable in a policy, code in a definition.
//! Escaping keeps a value inside its JSON string, and some strings mean more than their text.

use serde_json::Value;
use tera::Context;

use crate::lab::template::Templates;

/// What has a meaning of its own in a policy: `*`, `?` and `${aws:…}`.
const OF_POLICY: [char; 4] = ['*', '?', '$', '{'];
/// What has one in a path or an intrinsic function of JSONPath.
const OF_PATH: [char; 5] = ['\'', '$', '\\', '{', '}'];

/// A column of the roster, and a text of the document in which its value means more than itself.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct MeantText {
    pub(super) column: String,
    /// Where the text stands: a JSON pointer.
    pub(super) place: String,
}

/// Columns whose values a policy would read as patterns or variables.
pub(super) fn of_policy(templates: &Templates, path: &str, context: &Context) -> Vec<MeantText> {
    let special = |_: &str, text: &str| {
        let wild = text.matches(['*', '?']).count();
        (wild + text.matches("${").count()).to_string()
    };
    meant(templates, path, context, &OF_POLICY, special)
}

/// Columns whose values Step Functions would read as a path or a part of an intrinsic function.
pub(super) fn of_definition(
    templates: &Templates,
    path: &str,
    context: &Context,
) -> Vec<MeantText> {
    let special = |key: &str, text: &str| match is_read(key) {
        true => text.to_owned(),
        false => String::new(),
    };
    meant(templates, path, context, &OF_PATH, special)
}

/// Whether JSONPath reads what stands under a key. Source: Amazon States Language, "Paths" and "Choice state".
fn is_read(key: &str) -> bool {
    key.ends_with(".$") || key.ends_with("Path") || key == "Variable"
}

/// A document filled in twice, with a column's value and with a harmless one in its place: `special` tells from a key and
/// a text what has a meaning of its own, and that must be the same. So what a filter takes out of a value is no matter.
fn meant(
    templates: &Templates,
    path: &str,
    context: &Context,
    chars: &[char],
    special: impl Fn(&str, &str) -> String,
) -> Vec<MeantText> {
    let columns = context.get("student").and_then(|all| all.as_object());
    let odd = columns.into_iter().flatten().filter_map(|(column, value)| {
        let text = value.as_str()?;
        let harmless = text.replace(|c| chars.contains(&c), "x");
        (harmless != text).then_some((column, harmless))
    });
    let read = |context: &Context| -> Option<Value> {
        serde_json::from_str(&templates.file(path, context).ok()?).ok()
    };
    let mut found = Vec::new();
    let mut filled = None;
    for (column, harmless) in odd {
        let mut other = context.clone();
        let mut student = context.get("student").cloned().unwrap_or_default();
        student[column.as_str()] = harmless.into();
        other.insert("student", &student);
        let own = filled.get_or_insert_with(|| read(context));
        if let (Some(own), Some(other)) = (own, read(&other)) {
            let mut places = Vec::new();
            compare(own, &other, "", "", &special, &mut places);
            found.extend(places.into_iter().map(|place| MeantText {
                column: column.clone(),
                place,
            }));
        }
    }
    found
}

/// Adds the places where two documents differ in what has a meaning.
fn compare(
    own: &Value,
    other: &Value,
    place: &str,
    key: &str,
    special: &impl Fn(&str, &str) -> String,
    found: &mut Vec<String>,
) {
    match (own, other) {
        (Value::Object(own), Value::Object(other)) => {
            for (key, own) in own {
                if let Some(other) = other.get(key) {
                    compare(own, other, &format!("{place}/{key}"), key, special, found);
                }
            }
        }
        (Value::Array(own), Value::Array(other)) => {
            for (index, (own, other)) in own.iter().zip(other).enumerate() {
                compare(own, other, &format!("{place}/{index}"), key, special, found);
            }
        }
        (Value::String(own), Value::String(other)) if special(key, own) != special(key, other) => {
            found.push(place.to_owned());
        }
        _ => {}
    }
}
