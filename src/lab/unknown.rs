//! Values that a template names and that are nothing there: told with their lines, what could have been meant, and what
//! there is. Tera names the first one, in words of its own.

use std::error::Error as _;

use serde_json::{Map, Value};
use tera::{Context, Tera};

use crate::text::similar::did_you_mean;
use crate::text::words::some_of;

/// Names that a message lists.
const NAMED: usize = 12;
/// Values that one template is looked through for.
const MOST: usize = 20;

/// A value that is not there, as the template writes it, with what is there.
pub(super) struct UnknownValue {
    named: String,
    instead: String,
}

/// The message that says what is wrong: Tera wraps it in ones that only say where, and draws parse errors
/// over several lines.
pub(super) fn innermost(error: &tera::Error) -> String {
    let mut message = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        message = inner.to_string();
        source = inner.source();
    }
    let lines = message
        .lines()
        .map(str::trim)
        .filter(|line| !matches!(*line, "" | "|"));
    lines.collect::<Vec<_>>().join(" ")
}

/// The value that an error of Tera's says is not there.
fn named_in(error: &str) -> Option<&str> {
    let rest = error.strip_prefix("Variable `")?;
    let (named, rest) = rest.split_once('`')?;
    rest.starts_with(" not found").then_some(named)
}

/// Every value that a template needs and does not find, in the order in which they are needed: each gets a stand-in, so that the
/// next one shows.
pub(super) fn values(tera: &Tera, name: &str, context: &Context, error: &str) -> Vec<UnknownValue> {
    let known = context.clone().into_json();
    let mut with_stand_ins = known.clone();
    let mut unknown = Vec::new();
    let mut error = error.to_owned();
    while let Some(named) = named_in(&error).filter(|_| unknown.len() < MOST) {
        unknown.push(UnknownValue {
            instead: instead_of(named, &known),
            named: named.to_owned(),
        });
        if !put(&mut with_stand_ins, &steps(named)) {
            break;
        }
        let Ok(context) = Context::from_value(with_stand_ins.clone()) else {
            break;
        };
        match tera.render(name, &context) {
            Ok(_) => break,
            Err(next) => error = innermost(&next),
        }
    }
    unknown
}

/// The sentence; `None` where nothing is unknown.
pub(super) fn told(unknown: &[UnknownValue], source: Option<&str>) -> Option<String> {
    let said = unknown.iter().map(|value| {
        let UnknownValue { named, instead } = value;
        let line = source.and_then(|source| line_of(source, named));
        let line = line.map_or_else(String::new, |line| format!("line {line}: "));
        format!("{line}{{{{ {named} }}}} is nothing that can be filled in here; {instead}")
    });
    let said: Vec<String> = said.collect();
    (!said.is_empty()).then(|| said.join(". And "))
}

/// `student["lab group"].x` is `student`, `lab group`, `x`.
fn steps(named: &str) -> Vec<&str> {
    let parts = named.split(['.', '[', ']']).filter(|part| !part.is_empty());
    let parts = parts.map(|part| part.trim_matches(['"', '\'', '`']));
    parts.collect()
}

fn put(root: &mut Value, path: &[&str]) -> bool {
    let Some((last, parents)) = path.split_last() else {
        return false;
    };
    let mut at = root;
    for step in parents {
        let Value::Object(map) = at else { return false };
        at = map
            .entry(*step)
            .or_insert_with(|| Value::Object(Map::new()));
    }
    let Value::Object(map) = at else { return false };
    map.insert((*last).to_owned(), Value::from("x")).is_none()
}

/// What there is, where the path leaves what is known.
fn instead_of(named: &str, known: &Value) -> String {
    let path = steps(named);
    let mut at = known;
    let mut parent = String::new();
    for step in &path {
        match at.get(step) {
            Some(next) => {
                at = next;
                parent.push_str(if parent.is_empty() { "" } else { "." });
                parent.push_str(step);
            }
            None => break,
        }
    }
    let missing = path
        .iter()
        .find(|step| !parent.split('.').any(|part| part == **step));
    let missing = missing.copied().unwrap_or(named);
    let children = at.as_object().into_iter().flat_map(|map| map.keys());
    let mut children: Vec<&str> = children.map(String::as_str).collect();
    children.sort_unstable();
    let near = did_you_mean(missing, children.iter().copied());
    // A name may be right and stand elsewhere: `greet.arn` for `functions.greet.arn`.
    let all = leaves(known, "");
    let ends = all
        .iter()
        .filter(|leaf| leaf.ends_with(&format!(".{named}")));
    let elsewhere = ends.map(String::as_str).collect::<Vec<_>>();
    let near = near.or_else(|| match elsewhere.as_slice() {
        [] if parent.is_empty() => did_you_mean(named, all.iter().map(String::as_str)),
        [] => None,
        found => Some(format!("did you mean '{}'?", found.join("' or '"))),
    });
    let what = match (parent.as_str(), children.as_slice()) {
        ("", []) => "nothing is known here".to_owned(),
        (parent, []) => format!("{parent} is a value with no parts"),
        ("", children) => format!(
            "known here: {}",
            some_of(children, NAMED.max(children.len()))
        ),
        (parent, children) => format!("{parent} has {}", some_of(children, NAMED)),
    };
    let column = match path.as_slice() {
        ["student", column] => format!(
            "; if some rosters have a column {column:?}, write {{{{ student.{column} | default(value=\"\") }}}}"
        ),
        ["nonce"] => "; a nonce is in the bodies and inputs of probes alone".to_owned(),
        _ => String::new(),
    };
    match near {
        Some(near) => format!("{near} ({what}{column})"),
        None => format!("{what}{column}"),
    }
}

/// The paths of all values that are no objects.
fn leaves(value: &Value, path: &str) -> Vec<String> {
    match value {
        Value::Object(map) => map
            .iter()
            .flat_map(|(key, value)| match path {
                "" => leaves(value, key),
                path => leaves(value, &format!("{path}.{key}")),
            })
            .collect(),
        _ => vec![path.to_owned()],
    }
}

/// The first line of a template in which a name stands for itself.
fn line_of(source: &str, named: &str) -> Option<usize> {
    let part = |c: char| c.is_alphanumeric() || "_.".contains(c);
    let stands = |line: &str| {
        line.match_indices(named).any(|(at, _)| {
            !line[..at].ends_with(part) && !line[at + named.len()..].starts_with(part)
        })
    };
    let line = source.lines().position(stands)?;
    Some(line + 1)
}

#[cfg(test)]
mod tests {
    use crate::lab::Lab;
    use crate::lab::bundle;

    /// What is said of the lab that `lab new` writes, with one change.
    fn said(file: &str, from: &str, to: &str) -> String {
        let mut files = bundle::starter();
        let text = String::from_utf8(files[file].clone()).unwrap();
        assert!(text.contains(from), "{from}");
        files.insert(file.to_owned(), text.replacen(from, to, 1).into_bytes());
        let found = Lab::proofread(&files).problems;
        let said: Vec<String> = found.iter().map(ToString::to_string).collect();
        said.join("\n")
    }

    #[test]
    fn every_unknown_value_of_a_file_is_told_with_line_and_what_there_is() {
        let said = said(
            "templates/student-policy.json",
            "\"Resource\": \"{{ state_machines.greetings.arn }}\"",
            "\"Resource\": [\"{{ state_machine.greetings.arn }}\",\n\"{{ functions.great.arn }}\", \"{{ functions.greet.url }}\", \"{{ usernme }}\"]",
        );
        for expected in [
            "templates/student-policy.json: line 7: {{ state_machine.greetings.arn }} is nothing that can be filled in here; did you \
             mean 'state_machines'?",
            "line 8: {{ functions.great.arn }} is nothing that can be filled in here; did you mean 'greet'? (functions has greet)",
            "{{ functions.greet.url }} is nothing that can be filled in here; functions.greet has arn, name",
            "did you mean 'username'?",
            "known here: account, apis, class, console",
        ] {
            assert!(said.contains(expected), "{expected}\n{said}");
        }
        assert!(!said.contains("not found in context"), "{said}");
        assert_eq!(said.lines().count(), 1, "one cause, one message: {said}");
    }

    #[test]
    fn an_unknown_value_of_the_manifest_has_its_entrys_line() {
        let said = said(
            "templates/lab.toml",
            "{{ settings.greeting }}",
            "{{ settings.greting }}",
        );
        assert!(said.starts_with("templates/lab.toml, line "), "{said}");
        assert!(said.contains("did you mean 'greeting'? (settings has greeting, log_retention_days, region, runtime)"), "{said}");
    }
}
