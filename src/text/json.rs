//! JSON whose text does not depend on the order of its keys.

use serde_json::{Map, Value};

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
