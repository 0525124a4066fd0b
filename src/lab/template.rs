//! Templates: compiled once a class, filled in once a student, and so restricted that a value from the roster
//! cannot become anything but text inside a JSON string.
//!
//! Tera escapes what a placeholder yields, but has ways around that: `safe`, string concatenation, filter
//! sections, macros, the `__tera_context` variable. It also knows nothing of JSON: a placeholder outside
//! quotes would let a value be read as syntax, and one behind a backslash would have its escape undone. So a
//! template is checked before it is used: only plain values with a few harmless filters, conditions and
//! loops over settings are accepted, and in a `.json` file each placeholder must stand inside a string
//! (settings excepted: they are the bundle's own).

use std::collections::{BTreeMap, BTreeSet};
use tera::ast::{Expr, ExprVal, Node};
use tera::{Context, Tera, Value};

use crate::lab::jsonata;
use crate::lab::unknown::{self, innermost};

/// Filters that a template may use: each yields a plain value that is escaped afterwards.
const FILTERS: [&str; 9] = [
    "default",
    "upper",
    "lower",
    "trim",
    "replace",
    "truncate",
    "capitalize",
    "title",
    "length",
];

/// Compiled templates. Files are escaped for JSON; texts of the manifest (names, outputs, environment) are not.
#[derive(Debug, Clone)]
pub(super) struct Templates {
    files: Tera,
    texts: Tera,
    /// What the files are, by path, for the lines of messages.
    sources: BTreeMap<String, String>,
    /// See [`Templates::columns`].
    columns: BTreeMap<String, String>,
    /// See [`Templates::expressions`], by path.
    expressions: BTreeMap<String, BTreeSet<String>>,
}

impl Default for Templates {
    fn default() -> Self {
        let mut files = Tera::default();
        files.autoescape_on(vec![""]);
        files.set_escape_fn(escape_json);
        let mut texts = Tera::default();
        texts.autoescape_on(vec![]);
        Self {
            files,
            texts,
            sources: BTreeMap::new(),
            columns: BTreeMap::new(),
            expressions: BTreeMap::new(),
        }
    }
}

/// A text as it stands between the quotes of a JSON string.
fn escape_json(text: &str) -> String {
    let quoted = Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

impl Templates {
    /// Compiles a file; answers with every problem that it has.
    pub(crate) fn add_file(&mut self, path: &str, source: &str) -> Vec<String> {
        self.sources.insert(path.to_owned(), source.to_owned());
        let place = path.ends_with(".json").then_some(JsonPlace::Outside);
        let checked = compiled(&mut self.files, path, source, place);
        self.keep_columns(checked, &format!("templates/{path}"))
    }

    /// The same of a state machine's definition, in which JSONata stays as it is.
    pub(crate) fn add_definition(&mut self, path: &str, source: &str) -> Vec<String> {
        match jsonata::expressions_as_text(source) {
            Ok((source, expressions)) => {
                self.expressions.insert(path.to_owned(), expressions);
                self.add_file(path, &source)
            }
            Err(problems) => problems,
        }
    }

    /// The JSONata expressions that a definition's file itself holds.
    pub(crate) fn expressions(&self, path: &str) -> BTreeSet<String> {
        self.expressions.get(path).cloned().unwrap_or_default()
    }

    /// Compiles a text of the manifest; answers with every problem that it has.
    pub(crate) fn add_text(&mut self, key: &str, source: &str) -> Vec<String> {
        let checked = compiled(&mut self.texts, key, source, None);
        self.keep_columns(checked, key)
    }

    fn keep_columns(&mut self, checked: TemplateChecker, template: &str) -> Vec<String> {
        for column in checked.columns {
            let first = self.columns.entry(column);
            first.or_insert_with(|| template.to_owned());
        }
        checked.problems
    }

    /// The roster's columns that templates name, each with the first template that names it.
    pub(crate) fn columns(&self) -> &BTreeMap<String, String> {
        &self.columns
    }

    /// Whether a file is there and could be compiled.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.files.get_template(path).is_ok()
    }

    /// Whether a text of the manifest could be compiled.
    pub(crate) fn has_text(&self, key: &str) -> bool {
        self.texts.get_template(key).is_ok()
    }

    pub(crate) fn file(&self, path: &str, context: &Context) -> Result<String, String> {
        let source = self.sources.get(path).map_or("", String::as_str);
        bounded(&self.files, path, context).map_err(|error| {
            let unknown = unknown::values(&self.files, path, context, &error);
            unknown::told(&unknown, Some(source)).unwrap_or(error)
        })
    }

    pub(crate) fn text(&self, key: &str, context: &Context) -> Result<String, String> {
        bounded(&self.texts, key, context).map_err(|error| {
            let unknown = unknown::values(&self.texts, key, context, &error);
            unknown::told(&unknown, None).unwrap_or(error)
        })
    }
}

/// Compiles and checks a template; `place` is `None` where the text is not JSON.
fn compiled(
    tera: &mut Tera,
    name: &str,
    source: &str,
    place: Option<JsonPlace>,
) -> TemplateChecker {
    let mut checker = TemplateChecker::default();
    match tera.add_raw_template(name, source) {
        Err(error) => checker.say(located(&innermost(&error))),
        Ok(()) => {
            let template = tera.get_template(name).ok();
            let end = template.and_then(|template| checker.nodes(&template.ast, place));
            if end.is_some_and(|end| end != JsonPlace::Outside) {
                checker.say("ends inside a JSON string");
            }
        }
    }
    checker
}

/// A parser's message with its line in front: `--> 18:43 18 | … = expected …`.
fn located(message: &str) -> String {
    let found = message.strip_prefix("--> ").and_then(|rest| {
        let (line, rest) = rest.split_once(':')?;
        let (column, _) = rest.split_once(' ')?;
        let (_, expected) = rest.rsplit_once(" = ")?;
        let number = |text: &str| text.parse::<usize>().ok();
        Some((number(line)?, number(column)?, expected))
    });
    match found {
        Some((line, column, expected)) => {
            format!("line {line}, character {column}: is no template: {expected}")
        }
        None => message.to_owned(),
    }
}

/// Steps that a template may take: far more than any lab's takes, and done within a second.
const STEPS_MAX: u64 = 200_000;
/// Characters that a template may become.
const OUTPUT_MAX: usize = 4 * 1024 * 1024;
/// Characters of each argument of `replace`, of which a value has one at most: it multiplies.
const REPLACE_MAX: usize = 200;

/// Fills a template in, if that ends soon: nested loops over a setting can take for ever, and Tera sets no limit.
fn bounded(tera: &Tera, name: &str, context: &Context) -> Result<String, String> {
    let template = tera.get_template(name).map_err(|e| innermost(&e))?;
    let steps = steps(&template.ast, context);
    if steps > STEPS_MAX {
        return Err(format!(
            "its loops would take {steps} steps; a template may take {STEPS_MAX}"
        ));
    }
    let mut output = BoundedText(Vec::new());
    let filled = tera.render_to(name, context, &mut output);
    if output.0.len() >= OUTPUT_MAX {
        return Err(format!("it becomes longer than {OUTPUT_MAX} bytes"));
    }
    filled.map_err(|e| innermost(&e))?;
    String::from_utf8(output.0).map_err(|e| e.to_string())
}

/// What a template becomes: at most [`OUTPUT_MAX`] bytes.
struct BoundedText(Vec<u8>);

impl std::io::Write for BoundedText {
    fn write(&mut self, text: &[u8]) -> std::io::Result<usize> {
        let room = OUTPUT_MAX - self.0.len();
        self.0.extend_from_slice(&text[..text.len().min(room)]);
        match room {
            0 => Err(std::io::Error::other("too long")),
            room => Ok(text.len().min(room)),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// How many nodes rendering visits at most.
fn steps(nodes: &[Node], context: &Context) -> u64 {
    let each = nodes.iter().map(|node| match node {
        Node::If(branches, _) => {
            let bodies = branches.conditions.iter().map(|(_, _, body)| body);
            let all = bodies.chain(branches.otherwise.iter().map(|(_, body)| body));
            all.fold(1, |sum: u64, body| sum.saturating_add(steps(body, context)))
        }
        Node::Forloop(_, each, _) => {
            let times = match &each.container.val {
                ExprVal::Ident(ident) => length(ident, context),
                // The checker takes no other.
                _ => u64::MAX,
            };
            let empty = each.empty_body.as_ref();
            let empty = empty.map_or(0, |body| steps(body, context));
            let turn = steps(&each.body, context).saturating_add(1);
            times.saturating_mul(turn).saturating_add(empty)
        }
        _ => 1,
    });
    each.fold(0, u64::saturating_add)
}

/// How many values a setting has; where that cannot be told, the number of bytes of all settings, which is no fewer.
fn length(ident: &str, context: &Context) -> u64 {
    let path = format!("/{}", ident.replace('.', "/"));
    let settings = context.get("settings");
    let found = path
        .strip_prefix("/settings")
        .and_then(|rest| settings?.pointer(rest));
    let length = match found {
        Some(Value::Array(items)) => items.len(),
        Some(Value::Object(map)) => map.len(),
        Some(Value::String(text)) => text.len(),
        _ => settings.map_or(0, |all| all.to_string().len()),
    };
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// Where in a JSON document the text has got to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum JsonPlace {
    Outside,
    InString,
    /// After a backslash in a string, with the number of characters that still belong to the escape.
    InEscape(u8),
}

impl JsonPlace {
    fn after(self, text: &str) -> Self {
        text.chars().fold(self, |place, c| match (place, c) {
            (Self::Outside, '"') => Self::InString,
            (Self::Outside, _) => Self::Outside,
            (Self::InString, '"') => Self::Outside,
            (Self::InString, '\\') => Self::InEscape(0),
            (Self::InString, _) => Self::InString,
            (Self::InEscape(0), 'u') => Self::InEscape(4),
            (Self::InEscape(0 | 1), _) => Self::InString,
            (Self::InEscape(n), _) => Self::InEscape(n - 1),
        })
    }
}

#[derive(Default)]
struct TemplateChecker {
    problems: Vec<String>,
    /// Columns of the roster that the template names.
    columns: Vec<String>,
}

impl TemplateChecker {
    /// Walks over nodes; `place` is `None` where the text is not JSON.
    fn nodes(&mut self, nodes: &[Node], mut place: Option<JsonPlace>) -> Option<JsonPlace> {
        for node in nodes {
            match node {
                Node::Text(text) | Node::Raw(_, text, _) => place = place.map(|p| p.after(text)),
                Node::Comment(..) => {}
                Node::VariableBlock(_, expr) => self.placeholder(expr, place),
                Node::If(branches, _) => {
                    let mut ends = Vec::new();
                    for (_, condition, body) in &branches.conditions {
                        self.condition(condition);
                        ends.push(self.nodes(body, place));
                    }
                    let otherwise = branches.otherwise.as_ref();
                    ends.push(otherwise.map_or(place, |(_, body)| self.nodes(body, place)));
                    if ends.iter().any(|end| *end != ends[0]) {
                        self.say("the branches of a condition end in different places of the JSON; put whole strings into each");
                    }
                    place = ends[0];
                }
                Node::Forloop(_, each, _) => {
                    let over_settings =
                        matches!(&each.container.val, ExprVal::Ident(ident) if is_setting(ident));
                    if !over_settings || !each.container.filters.is_empty() {
                        self.say("loops may only go over a setting");
                    }
                    for name in each.key.iter().chain([&each.value]) {
                        if matches!(name.as_str(), "settings" | "loop") {
                            self.say(format!("a loop variable may not be called {name:?}"));
                        }
                    }
                    for body in each.empty_body.iter().chain([&each.body]) {
                        if self.nodes(body, place) != place {
                            self.say(
                                "a loop's body must end in the place of the JSON where it begins",
                            );
                        }
                    }
                }
                Node::Break(_) | Node::Continue(_) => {
                    self.say("break and continue are not supported")
                }
                Node::Set(..) => self.say("set is not supported"),
                Node::FilterSection(..) => {
                    self.say("filter sections are not supported: they act behind the escaping")
                }
                Node::MacroDefinition(..) | Node::ImportMacro(..) => {
                    self.say("macros are not supported")
                }
                Node::Include(..) | Node::Extends(..) | Node::Block(..) | Node::Super => {
                    self.say("include, extends and blocks are not supported");
                }
            }
        }
        place
    }

    fn say(&mut self, problem: impl Into<String>) {
        self.problems.push(problem.into());
    }

    /// What is rendered must be a plain value, perhaps through filters.
    fn placeholder(&mut self, expr: &Expr, place: Option<JsonPlace>) {
        let mut is_own = false;
        let (name, plain) = match &expr.val {
            ExprVal::Ident(ident) => {
                self.columns.extend(column_of_student(ident));
                is_own = is_setting(ident) || ident.starts_with("loop.");
                (format!("{{{{ {ident} }}}}"), ident != "__tera_context")
            }
            ExprVal::String(text) => (format!("{{{{ {text:?} }}}}"), true),
            ExprVal::Int(_) | ExprVal::Float(_) | ExprVal::Bool(_) => ("a literal".into(), true),
            _ => ("a placeholder".into(), false),
        };
        if !plain {
            self.say(format!(
                "{name} is not a plain value; name a value, with filters if need be, and write fixed text outside"
            ));
        }
        self.filters(expr, &name);
        match place {
            Some(JsonPlace::Outside) if !is_own => self.say(format!(
                "{name} stands outside a JSON string; put it between quotes"
            )),
            Some(JsonPlace::InEscape(_)) => self.say(format!(
                "{name} stands behind a backslash, which would change what it means"
            )),
            _ => {}
        }
    }

    fn filters(&mut self, expr: &Expr, name: &str) {
        let replaces = expr.filters.iter().filter(|f| f.name == "replace");
        let long = |argument: &Expr| match &argument.val {
            ExprVal::String(text) => text.len() > REPLACE_MAX,
            _ => true,
        };
        if replaces.clone().count() > 1 || replaces.flat_map(|f| f.args.values()).any(long) {
            self.say(format!(
                "{name} may use the filter 'replace' once, with texts of at most {REPLACE_MAX} characters"
            ));
        }
        for filter in &expr.filters {
            if filter.name == "safe" {
                self.say(format!(
                    "{name} uses the filter 'safe', which turns the escaping off; take it away"
                ));
            } else if !FILTERS.contains(&filter.name.as_str()) {
                self.say(format!(
                    "{name} uses the filter {:?}; those known here are {}",
                    filter.name,
                    FILTERS.join(", ")
                ));
            }
            for argument in filter.args.values() {
                self.condition(argument);
            }
        }
    }

    /// Checks an expression that is not rendered itself. It may call no function: functions reach the clock, random
    /// numbers and the environment.
    fn condition(&mut self, expr: &Expr) {
        self.filters(expr, "an expression");
        match &expr.val {
            ExprVal::FunctionCall(call) => self.say(format!(
                "{}() is not supported: functions may yield another value each time",
                call.name
            )),
            ExprVal::MacroCall(_) => self.say("macros are not supported"),
            ExprVal::Math(math) => self.both(&math.lhs, &math.rhs),
            ExprVal::Logic(logic) => self.both(&logic.lhs, &logic.rhs),
            ExprVal::In(within) => self.both(&within.lhs, &within.rhs),
            ExprVal::Test(test) => {
                self.columns.extend(column_of_student(&test.ident));
                test.args.iter().for_each(|e| self.condition(e));
            }
            ExprVal::Array(items) => items.iter().for_each(|e| self.condition(e)),
            ExprVal::StringConcat(concat) => {
                let values = concat.values.iter().cloned();
                values.for_each(|value| self.condition(&Expr::new(value)));
            }
            ExprVal::String(_) | ExprVal::Int(_) | ExprVal::Float(_) | ExprVal::Bool(_) => {}
            ExprVal::Ident(ident) => self.columns.extend(column_of_student(ident)),
        }
    }

    fn both(&mut self, left: &Expr, right: &Expr) {
        self.condition(left);
        self.condition(right);
    }
}

/// The column that `student.team` and `student["lab group"]` name.
fn column_of_student(ident: &str) -> Option<String> {
    let rest = ident.strip_prefix("student")?;
    if let Some(name) = rest.strip_prefix('.') {
        let end = name.find(['.', '[']).unwrap_or(name.len());
        return Some(name[..end].to_owned());
    }
    let inner = rest.strip_prefix('[')?;
    let quote = inner.chars().next()?;
    let name = inner.strip_prefix(['"', '\'', '`'])?;
    Some(name[..name.find(quote)?].to_owned())
}

fn is_setting(ident: &str) -> bool {
    ident.starts_with("settings.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn problems(path: &str, source: &str) -> Vec<String> {
        Templates::default().add_file(path, source)
    }

    fn render(source: &str, context: Value) -> String {
        let mut templates = Templates::default();
        assert_eq!(templates.add_file("t.json", source), Vec::<String>::new());
        let context = Context::from_value(context).unwrap();
        templates.file("t.json", &context).unwrap()
    }

    /// Values made to break out: quotes, backslashes, newlines, braces, template syntax, any text at all.
    fn hostile() -> impl Strategy<Value = String> {
        prop_oneof![
            "[\"\\\\\\n\\r\\t{}\\[\\]:,u0a%#]{0,24}",
            Just("\", \"Effect\": \"Allow\", \"x\": \"".to_owned()),
            Just("\\".to_owned()),
            Just("{{ account }}{% raw %}".to_owned()),
            any::<String>(),
        ]
    }

    #[test]
    fn a_template_that_would_never_end_or_fill_the_memory_is_refused() {
        let big: Vec<u32> = (0..400).collect();
        let bomb = |inner: &str, depth: usize| {
            let open: String = (0..depth)
                .map(|n| format!("{{% for a{n} in settings.big %}}"))
                .collect();
            format!(r#"{{"a":"{open}{inner}{}"}}"#, "{% endfor %}".repeat(depth))
        };
        let context = Context::from_value(json!({ "settings": {"big": big} })).unwrap();
        let filled = |source: &str| {
            let mut templates = Templates::default();
            assert_eq!(templates.add_file("t.json", source), Vec::<String>::new());
            templates.file("t.json", &context)
        };
        for bomb in [bomb("x", 6), bomb("", 20)] {
            assert!(filled(&bomb).unwrap_err().contains("steps"));
        }
        assert_eq!(filled(&bomb("x", 1)).unwrap().len(), 400 + 8);
        let long = bomb(&"x".repeat(20_000), 1);
        assert!(filled(&long).unwrap_err().contains("longer than"));
        let grown =
            r#"{"a":"{{ settings.x | replace(from="a", to="aa") | replace(from="a", to="aa") }}"}"#;
        assert!(problems("t.json", grown)[0].contains("once"));
        let grown = format!(
            r#"{{"a":"{{{{ settings.x | replace(from="a", to="{}") }}}}"}}"#,
            "a".repeat(201)
        );
        assert!(problems("t.json", &grown)[0].contains("at most"));
    }

    proptest! {
        #[test]
        fn a_hostile_value_stays_one_text(name in hostile(), email in hostile(), key in hostile()) {
            let source = r#"{ "a": "{{ student.name }}", "b\n{{ key }}": ["x {{ student.email | trim }} y"],
                {% if student.name %}"c": "{{ student.name | upper }}"{% else %}"d": ""{% endif %} }"#;
            let context = json!({ "student": { "name": name, "email": email }, "key": key });
            let rendered: Value = serde_json::from_str(&render(source, context)).unwrap();
            let object = rendered.as_object().unwrap();
            prop_assert_eq!(object.len(), 3);
            prop_assert_eq!(&object["a"], &json!(name));
            let listed = format!("x {} y", email.trim());
            prop_assert_eq!(&object[&format!("b\n{key}")], &json!([listed]));
            let third = if name.is_empty() { "d" } else { "c" };
            prop_assert!(object.contains_key(third));
        }
    }

    #[test]
    fn ways_around_the_escaping_are_refused() {
        let refused = [
            (r#""{{ student.name | safe }}""#, "turns the escaping off"),
            (
                r#""{{ student.name | upper | safe }}""#,
                "turns the escaping off",
            ),
            (
                r#""{{ student.name | safe | upper }}""#,
                "turns the escaping off",
            ),
            (
                r#""{{ student.name | default(value=x | safe) }}""#,
                "turns the escaping off",
            ),
            (r#""{{ "x" ~ student.name }}""#, "not a plain value"),
            (r#""{{ [student.name] }}""#, "not a plain value"),
            (r#""{{ __tera_context }}""#, "not a plain value"),
            (r#""{{ get_env(name="HOME") }}""#, "not a plain value"),
            (r#""{{ student.name | split(pat=",") }}""#, "\"split\""),
            (
                r#""{% filter replace(from="\\", to="") %}{{ student.name }}{% endfilter %}""#,
                "filter sections",
            ),
            (
                r#""{% set x = student.name %}{{ x }}""#,
                "set is not supported",
            ),
            (
                r#""{% if get_env(name="HOME") %}{% endif %}""#,
                "get_env() is not supported",
            ),
            (
                r#""{{ x | default(value=get_env(name="HOME")) }}""#,
                "get_env() is not supported",
            ),
            (
                r#""{% for c in student.name %}{{ c }}{% endfor %}""#,
                "only go over a setting",
            ),
            (r#"{{ student.name }}"#, "outside a JSON string"),
            (r#"{ "a": {{ username }} }"#, "outside a JSON string"),
            (r#""\{{ student.name }}""#, "behind a backslash"),
            (r#""\u00{{ student.name }}""#, "behind a backslash"),
            (r#""\\\{{ student.name }}""#, "behind a backslash"),
            (
                r#"{% if a %}"{% endif %}{{ student.name }}""#,
                "different places",
            ),
            (
                r#"{% for x in settings.y %}"{% endfor %}""#,
                "must end in the place",
            ),
            (r#""{{ student.name }}"#, "ends inside a JSON string"),
        ];
        for (source, expected) in refused {
            let found = problems("t.json", source);
            assert!(
                found.iter().any(|p| p.contains(expected)),
                "{source}: {expected}: {found:?}"
            );
        }
    }

    #[test]
    fn what_a_lab_needs_is_accepted() {
        for source in [
            r#"{# why "so" #} { "a": "{{ username }}", "n": {{ settings.count }} }"#,
            r#""\\{{ username }}\"{{ username }}\u0041{{ username }}""#,
            r#"{ "{{ username }}": [{% for x in settings.list %}"{{ x }}"{% if not loop.last %},{% endif %}{% endfor %}] }"#,
            r#"{% raw %}{ "Condition": "{% $a %}" }{% endraw %}"#,
            r#""{{ student["lab group"] | default(value="none") }}""#,
        ] {
            assert_eq!(problems("t.json", source), Vec::<String>::new(), "{source}");
        }
        assert_eq!(
            problems("t.txt", "{ not JSON: \"{{ username }}"),
            Vec::<String>::new()
        );
    }

    #[test]
    fn columns_of_the_roster_are_found_wherever_they_are_named() {
        let mut templates = Templates::default();
        let source = r#"{ "a": "{{ student.name | upper }}{{ student["lab group"] | default(value=student.x) }}",
            "b": "{% if student.team is defined and student.seat == "4" %}x{% endif %}" }"#;
        assert_eq!(templates.add_file("a.json", source), Vec::<String>::new());
        assert_eq!(
            templates.add_text("output t", "{{ student.team }}{{ settings.student.y }}"),
            Vec::<String>::new()
        );
        let found: Vec<_> = templates.columns().iter().collect();
        let file = "templates/a.json".to_owned();
        let expected = ["lab group", "name", "seat", "team", "x"].map(str::to_owned);
        assert_eq!(
            found,
            expected.iter().map(|c| (c, &file)).collect::<Vec<_>>()
        );
    }

    #[test]
    fn settings_may_be_numbers_and_lists() {
        let source = r#"{ "n": {{ settings.n }}, "l": [{% for x in settings.l %}"{{ x }}"{% if not loop.last %},{% endif %}{% endfor %}] }"#;
        let text = render(
            source,
            json!({ "settings": { "n": 0.8, "l": ["a\"", "b"] } }),
        );
        assert_eq!(
            serde_json::from_str::<Value>(&text).unwrap(),
            json!({ "n": 0.8, "l": ["a\"", "b"] })
        );
    }

    #[test]
    fn errors_say_what_is_wrong_in_one_line() {
        let parse = problems("t.json", "{\n\"a\": \"{{ username \"\n}");
        assert!(
            parse[0].starts_with("line 2, character 19: ") && !parse[0].contains('\n'),
            "{parse:?}"
        );
        let mut templates = Templates::default();
        templates.add_file("t.json", r#""{{ student.team }}""#);
        let error = templates.file("t.json", &Context::new()).unwrap_err();
        assert!(error.contains("student.team"), "{error}");
    }
}
