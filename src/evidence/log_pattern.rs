//! CloudWatch Logs filter patterns that pick the events about some executions.

use std::collections::BTreeMap;

/// Longest filter pattern, in characters. Source: CloudWatch Logs FilterLogEvents, `filterPattern`.
const PATTERN_MAX: usize = 1024;

/// A CloudWatch Logs filter pattern for JSON events that have these values, and one of these names at `execution`.
/// Where the names are too long, or cannot stand in a pattern, it asks for the values only: the reader of the events
/// checks the names again.
pub(crate) fn pattern(line: &BTreeMap<String, String>, execution: &str, names: &[&str]) -> String {
    let equal = |pointer: &str, value: &str| format!("({} = \"{value}\")", selector(pointer));
    let values: Vec<String> = line.iter().map(|(p, v)| equal(p, v)).collect();
    let plain = |name: &&str| {
        name.chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
    };
    if !names.is_empty() && names.iter().all(plain) {
        let any: Vec<String> = names.iter().map(|name| equal(execution, name)).collect();
        let any = match any.as_slice() {
            [one] => one.clone(),
            _ => format!("({})", any.join(" || ")),
        };
        let parts: Vec<String> = values.iter().cloned().chain([any]).collect();
        let whole = format!("{{ {} }}", parts.join(" && "));
        if whole.len() <= PATTERN_MAX {
            return whole;
        }
    }
    match values.is_empty() {
        true => format!("{{ {} = \"*\" }}", selector(execution)),
        false => format!("{{ {} }}", values.join(" && ")),
    }
}

/// A pattern for JSON events that have these values. Where they are too long, it asks for the first one only: the reader of
/// the events checks them again.
pub(crate) fn pattern_of_line(line: &BTreeMap<String, String>) -> String {
    let equal =
        |(pointer, value): (&String, &String)| format!("({} = \"{value}\")", selector(pointer));
    let values: Vec<String> = line.iter().map(equal).collect();
    let whole = format!("{{ {} }}", values.join(" && "));
    match whole.len() <= PATTERN_MAX {
        true => whole,
        false => format!("{{ {} }}", values[0]),
    }
}

/// How many of these names, from the first, fit into one pattern.
pub(crate) fn fitting(line: &BTreeMap<String, String>, execution: &str, names: &[&str]) -> usize {
    let fits = |count: &usize| {
        let names_length: usize = names[..*count]
            .iter()
            .map(|name| name.len() + selector(execution).len() + "( = \"\") || ".len())
            .sum();
        let values_length: usize = line
            .iter()
            .map(|(p, v)| selector(p).len() + v.len() + "( = \"\") && ".len())
            .sum();
        names_length + values_length + "{ () }".len() <= PATTERN_MAX
    };
    (1..=names.len()).take_while(fits).last().unwrap_or(0)
}

/// `/a/b` as a filter pattern has it.
fn selector(pointer: &str) -> String {
    format!("${}", pointer.replace('/', "."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::marks::tests::marks;

    #[test]
    fn a_pattern_asks_for_the_names_and_never_grows_too_long() {
        let log = marks().api_log.unwrap();
        let pattern_of = |names: &[&str]| pattern(&log.line, &log.execution, names);
        assert_eq!(
            pattern_of(&["a", "b"]),
            "{ ($.message = \"execution started\") && (($.execution = \"a\") || ($.execution = \"b\")) }"
        );
        let general = "{ ($.message = \"execution started\") }";
        assert_eq!(pattern_of(&["né"]), general);
        assert_eq!(pattern_of(&["a\" || true"]), general);
        let long = "x".repeat(80);
        let many = vec![long.as_str(); 40];
        let fit = fitting(&log.line, &log.execution, &many);
        assert!((5..40).contains(&fit), "{fit}");
        assert!(pattern_of(&many[..fit]).len() <= PATTERN_MAX);
        assert!(pattern_of(&many[..fit]).contains(&long));
        assert_eq!(pattern_of(&many), general);
        let none = BTreeMap::new();
        assert_eq!(
            pattern(&none, "/execution", &["a"]),
            "{ ($.execution = \"a\") }"
        );
        assert_eq!(pattern(&none, "/a/b", &["né"]), "{ $.a.b = \"*\" }");
    }
}
