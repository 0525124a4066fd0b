//! JSONata in a definition file. Both JSONata's expressions and a template's tags stand between `{%` and `%}`, so an
//! expression is marked as text before the template is compiled.

use std::collections::BTreeSet;

use serde_json::Value;

/// Texts of a filled-in definition that are expressions and were none in the file: what a roster says must stay text.
pub(super) fn foreign(definition: &Value, own: &BTreeSet<String>) -> Vec<String> {
    fn add(value: &Value, own: &BTreeSet<String>, found: &mut Vec<String>) {
        match value {
            Value::Object(fields) => fields.values().for_each(|value| add(value, own, found)),
            Value::Array(items) => items.iter().for_each(|item| add(item, own, found)),
            Value::String(text) => {
                let is_one = text.starts_with("{%") && text.ends_with("%}");
                if is_one && !own.contains(text) {
                    found.push(text.clone());
                }
            }
            _ => {}
        }
    }
    let mut found = Vec::new();
    add(definition, own, &mut found);
    found
}

/// The words that begin a template's tag. No expression of JSONata begins with one of them and a space: there they would
/// only be names of fields.
const TAGS: [&str; 21] = [
    "block",
    "break",
    "continue",
    "elif",
    "else",
    "endblock",
    "endfilter",
    "endfor",
    "endif",
    "endmacro",
    "endraw",
    "extends",
    "filter",
    "for",
    "if",
    "import",
    "include",
    "macro",
    "raw",
    "set",
    "set_global",
];

/// A definition file as a template in which every JSONata expression is text, and those expressions.
///
/// # Errors
/// Each text that begins like an expression and does not end like one, with its line.
pub(super) fn expressions_as_text(source: &str) -> Result<(String, BTreeSet<String>), Vec<String>> {
    let mut template = String::with_capacity(source.len());
    let mut expressions = BTreeSet::new();
    let mut problems = Vec::new();
    let mut rest = source;
    let mut in_string = false;
    while let Some(c) = rest.chars().next() {
        // What the template itself says is passed over as a whole, with the quotes in it.
        let tag = [("{{", "}}"), ("{#", "#}"), ("{%", "%}")]
            .into_iter()
            .find(|(open, _)| rest.starts_with(open));
        let length = match (c, tag) {
            (_, Some((open, close))) => rest[open.len()..]
                .find(close)
                .map_or(rest.len(), |end| open.len() + end + close.len()),
            ('\\', None) if in_string => {
                rest.char_indices().nth(2).map_or(rest.len(), |(at, _)| at)
            }
            ('"', None) => {
                in_string = !in_string;
                1
            }
            _ => c.len_utf8(),
        };
        if in_string && c == '"' && is_expression(&rest[1..]) {
            let text = string(&rest[1..]);
            if text.ends_with("%}") {
                template.push_str(&format!("\"{{% raw %}}{text}{{% endraw %}}\""));
                let read = serde_json::from_str(&format!("\"{text}\""));
                expressions.insert(read.unwrap_or_else(|_| text.to_owned()));
            } else {
                let line = source[..source.len() - rest.len()].matches('\n').count() + 1;
                problems.push(format!(
                    "line {line}: a text begins with {{% like an expression in JSONata and does not end with %}}; write \"{{% … %}}\""
                ));
            }
            rest = &rest[(text.len() + 2).min(rest.len())..];
            in_string = false;
            continue;
        }
        template.push_str(&rest[..length]);
        rest = &rest[length..];
    }
    match problems.is_empty() {
        true => Ok((template, expressions)),
        false => Err(problems),
    }
}

/// Whether what stands behind a quote begins an expression, and not a template's tag.
fn is_expression(text: &str) -> bool {
    let Some(inner) = text.strip_prefix("{%") else {
        return false;
    };
    let inner = inner.strip_prefix('-').unwrap_or(inner).trim_start();
    let end = inner.find(|c: char| !c.is_alphanumeric() && c != '_');
    let (word, after) = inner.split_at(end.unwrap_or(inner.len()));
    let is_tag = TAGS.contains(&word);
    !is_tag || !after.starts_with([' ', '%', '-'])
}

/// A JSON string's text, as it is written, up to its closing quote.
fn string(text: &str) -> &str {
    let mut escaped = false;
    let end = text.find(|c| {
        let ends = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    });
    &text[..end.unwrap_or(text.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_is_text_and_a_template_stays_one() {
        let cases = [
            (
                r#"{"a": "{% $states.input.x %}"}"#,
                r#"{"a": "{% raw %}{% $states.input.x %}{% endraw %}"}"#,
            ),
            (
                r#"["{% { \"b\": {{1}} } %}"]"#,
                r#"["{% raw %}{% { \"b\": {{1}} } %}{% endraw %}"]"#,
            ),
            (
                r#"["{%$x%}", "{{ settings.a }}"]"#,
                r#"["{% raw %}{%$x%}{% endraw %}", "{{ settings.a }}"]"#,
            ),
        ];
        for (source, expected) in cases {
            assert_eq!(expressions_as_text(source).unwrap().0, expected);
        }
        for same in [
            r#"{"a": "{% if settings.x %}a{% else %}b{% endif %}"}"#,
            r#"[{% for x in settings.l %}"{{ x | default(value="\"{% y %}") }}"{% endfor %}]"#,
            r#"["\"{% no start", "a {# " #} b", "plain"]"#,
            "[\"{% raw %}{% $x %}{% endraw %}\"]",
        ] {
            assert_eq!(expressions_as_text(same).unwrap().0, same);
        }
    }

    #[test]
    fn an_expression_without_an_end_is_named_with_its_line() {
        let source = "{\n \"a\": \"{% $x %\",\n \"b\": \"{% $y %}\",\n \"c\": \"{% $z\"}";
        let problems = expressions_as_text(source).unwrap_err();
        assert!(problems[0].starts_with("line 2: "), "{problems:?}");
        assert!(problems[1].starts_with("line 4: "), "{problems:?}");
    }

    #[test]
    fn any_text_is_read_to_its_end() {
        for text in [
            "",
            "\"",
            "\"{%",
            "\"{% $x",
            "{%",
            "{{",
            "\"\\",
            "\"é{% é",
            "\"{%\\",
        ] {
            let _ = expressions_as_text(text);
        }
    }
}
