//! Holds documents against the schemas in `docs/schemas/`.
//!
//! It knows the part of JSON Schema 2020-12 that those files use, and fails where one uses more. A whole validator would bring thirty
//! crates, and features of shared ones that make the AWS SDK compile anew.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use jiff::Timestamp;
use serde_json::Value;

/// Where they are.
pub fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/schemas")
}

/// Keywords that say nothing about what is valid here.
const SILENT: [&str; 5] = ["$schema", "$id", "title", "description", "$defs"];

/// All the files, by name.
pub struct Schemas(pub BTreeMap<String, Value>);

impl Schemas {
    pub fn read() -> Self {
        let files = std::fs::read_dir(folder()).unwrap().map(|file| {
            let file = file.unwrap();
            let schema = serde_json::from_slice(&std::fs::read(file.path()).unwrap()).unwrap();
            (file.file_name().into_string().unwrap(), schema)
        });
        Self(files.collect())
    }

    /// What a reference stands for; all of them are to one file.
    fn named(&self, reference: &str) -> &Value {
        let (file, pointer) = reference.split_once('#').unwrap();
        let schema = self.0[file].pointer(pointer);
        schema.unwrap_or_else(|| panic!("{reference} is nowhere"))
    }

    /// Everything in a document that its schema does not say. A document names its own; a line of a stream has one, too.
    pub fn problems(&self, document: &Value) -> Vec<String> {
        let name = match document["schema"].as_str() {
            Some(schema) => {
                let name = schema.strip_prefix("homeroom.").unwrap();
                format!("{}.json", name.strip_suffix("/1").unwrap())
            }
            None => "event.json".to_owned(),
        };
        self.look(&self.0[&name], document, &name).problems
    }

    fn look(&self, schema: &Value, value: &Value, at: &str) -> Look {
        let mut look = Look::default();
        let schema = match schema {
            Value::Bool(true) => return look,
            schema => schema.as_object().unwrap(),
        };
        let mut wrongs = Vec::new();
        let mut wrong = |what: String| wrongs.push(format!("{at}: {what}"));
        let within = |schema: &Value| self.look(schema, value, at);
        let list = |keyword: &str| schema[keyword].as_array().unwrap().iter();
        let mut known = BTreeSet::new();
        for (keyword, says) in schema {
            match keyword.as_str() {
                "type" => {
                    let types = match says {
                        Value::Array(types) => types.iter().collect(),
                        one => vec![one],
                    };
                    if !types
                        .into_iter()
                        .any(|one| is_of(value, one.as_str().unwrap()))
                    {
                        wrong(format!("{value} is not of type {says}"));
                    }
                }
                "const" if value != says => wrong(format!("{value} is not {says}")),
                "enum" if !list("enum").any(|one| one == value) => {
                    wrong(format!("{value} is none of {says}"));
                }
                "const" | "enum" => {}
                "format" => {
                    assert_eq!(says, "date-time");
                    let text = value.as_str();
                    if text.is_some_and(|text| text.parse::<Timestamp>().is_err()) {
                        wrong(format!("{value} is no moment"));
                    }
                }
                "minimum" => {
                    if value.as_f64().is_some_and(|n| n < says.as_f64().unwrap()) {
                        wrong(format!("{value} is too small"));
                    }
                }
                "minItems" | "maxItems" | "maxProperties" => {
                    let length = match value {
                        Value::Array(items) => items.len() as u64,
                        Value::Object(keys) => keys.len() as u64,
                        _ => continue,
                    };
                    let limit = says.as_u64().unwrap();
                    let fits = match keyword.as_str() {
                        "minItems" => length >= limit,
                        _ => length <= limit,
                    };
                    if !fits {
                        wrong(format!("{length} against {keyword} {says}"));
                    }
                }
                "required" => {
                    for key in list("required").map(|key| key.as_str().unwrap()) {
                        if value.get(key).is_none() {
                            wrong(format!("{key} is missing"));
                        }
                    }
                }
                "items" => {
                    for (n, item) in value.as_array().into_iter().flatten().enumerate() {
                        let inner = self.look(says, item, &format!("{at}/{n}"));
                        look.problems.extend(inner.problems);
                    }
                }
                "properties" => {
                    for (key, of_key) in says.as_object().unwrap() {
                        if let Some(part) = value.get(key) {
                            known.insert(key.clone());
                            let inner = self.look(of_key, part, &format!("{at}/{key}"));
                            look.problems.extend(inner.problems);
                        }
                    }
                }
                "$ref" => {
                    let inner = within(self.named(says.as_str().unwrap()));
                    known.extend(inner.known);
                    look.problems.extend(inner.problems);
                }
                "allOf" => {
                    for inner in list("allOf").map(within) {
                        known.extend(inner.known);
                        look.problems.extend(inner.problems);
                    }
                }
                "anyOf" | "oneOf" => {
                    let all: Vec<Look> = list(keyword).map(within).collect();
                    let valid = all.iter().filter(|inner| inner.problems.is_empty()).count();
                    let fits = valid == 1 || (valid > 1 && keyword == "anyOf");
                    // The nearest one tells the most.
                    let nearest = all.into_iter().min_by_key(|inner| inner.problems.len());
                    let nearest = nearest.unwrap();
                    if fits {
                        known.extend(nearest.known);
                    } else if valid > 1 {
                        wrong(format!("{valid} of {keyword} fit"));
                    } else {
                        look.problems.extend(nearest.problems);
                    }
                }
                "additionalProperties" | "unevaluatedProperties" => {}
                silent => assert!(SILENT.contains(&silent), "{silent} is not known here"),
            }
        }
        for keyword in ["additionalProperties", "unevaluatedProperties"] {
            let Some(says) = schema.get(keyword) else {
                continue;
            };
            for (key, part) in value.as_object().into_iter().flatten() {
                match says {
                    _ if known.contains(key) => {}
                    Value::Bool(false) => {
                        look.problems.push(format!("{at}: {key} is in no schema"))
                    }
                    schema => {
                        let inner = self.look(schema, part, &format!("{at}/{key}"));
                        look.problems.extend(inner.problems);
                    }
                }
            }
        }
        look.problems.extend(wrongs);
        look.known.extend(known);
        look
    }
}

/// What a look at one value found.
#[derive(Default)]
struct Look {
    problems: Vec<String>,
    /// The keys that a schema says something about.
    known: BTreeSet<String>,
}

fn is_of(value: &Value, kind: &str) -> bool {
    match kind {
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("{other} is no type"),
    }
}

/// # Panics
/// Where a document is not as its schema says.
pub fn check(document: &Value) {
    let problems = Schemas::read().problems(document);
    assert!(problems.is_empty(), "{}\n{document:#}", problems.join("\n"));
}

/// The events of a stream, and its last line. Each is as its schema says, and so is the document in the last one.
///
/// # Panics
/// Where that is not so.
pub fn streamed(stdout: &[u8]) -> (Vec<Value>, Value) {
    let lines = std::str::from_utf8(stdout).unwrap().lines();
    let mut events: Vec<Value> = lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    events.iter().for_each(check);
    let last = events.pop().unwrap();
    assert_eq!(last["event"], "result", "{last:#}");
    assert!(events.iter().all(|event| event["event"] != "result"));
    check(&last["document"]);
    (events, last)
}
