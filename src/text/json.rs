//! JSON for programs that is also safe to show in a terminal: control characters and marks that turn the reading order
//! around are written as `\u` escapes.

use serde::Serialize;
use serde_json::{Map, Value};

use super::unwanted::stand_in;

/// One line, with its line break.
pub(crate) fn line(value: &impl Serialize) -> serde_json::Result<String> {
    Ok(inert(&serde_json::to_string(value)?) + "\n")
}

/// An indented document, with a line break at its end.
///
/// # Errors
/// When the value cannot be written as JSON.
pub fn document(value: &impl Serialize) -> serde_json::Result<String> {
    Ok(inert(&serde_json::to_string_pretty(value)?) + "\n")
}

/// Escapes what JSON allows to stand as it is and a terminal may act on. Outside of strings a JSON text has
/// only ASCII and line breaks, so what is replaced here always stands inside one.
fn inert(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    let mut units = [0; 2];
    for c in json.chars() {
        if c == '\n' || stand_in(c).is_none() {
            text.push(c);
        } else {
            for unit in c.encode_utf16(&mut units) {
                text.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    text
}

/// JSON with sorted keys and no white space: equal documents have equal texts.
pub(crate) fn canonical(value: &Value) -> String {
    sorted(value).to_string()
}

/// The same document with sorted keys, all the way down.
pub(crate) fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut map: Map<_, _> = map.iter().map(|(k, v)| (k.clone(), sorted(v))).collect();
            map.sort_keys();
            Value::Object(map)
        }
        Value::Array(items) => Value::Array(items.iter().map(sorted).collect()),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_could_act_on_is_escaped_and_reads_back_the_same() {
        let hostile = "a\u{1b}[2J\u{9b}31m\u{7f}\u{202e}\u{e0001}\u{2028}ü";
        let json = document(&vec![hostile]).unwrap();
        assert!(json.chars().all(|c| c == '\n' || !c.is_control()), "{json}");
        assert!(!json.contains('\u{202e}') && json.contains('ü'));
        let back: Vec<String> = serde_json::from_str(&json).unwrap();
        assert_eq!(back, [hostile]);
    }
}
