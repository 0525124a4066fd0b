//! JSON that templates become: policies and definitions.

use jiff::Timestamp;
use serde_json::Value;
use tera::Context;

use crate::ids::Username;
use crate::lab::asl;
use crate::lab::asl::source::JsonLines;
use crate::lab::ends::{ending, length};
use crate::lab::jsonata;
use crate::lab::meaning;
use crate::lab::policy_grammar::{self, PolicyKind};
use crate::lab::problems::Problems;
use crate::lab::template::Templates;

/// Fills templates in for one student; what is wrong becomes a problem of that student's.
pub(super) struct Documents<'a> {
    pub(crate) templates: &'a Templates,
    pub(crate) student: &'a Username,
    pub(crate) problems: &'a mut Problems,
    pub(crate) ends: Option<Timestamp>,
}

impl Documents<'_> {
    pub(crate) fn say(&mut self, subject: impl Into<String>, cause: impl Into<String>) {
        self.problems.add_for(self.student, subject, cause);
    }

    fn or_say<T>(&mut self, path: &str, found: Result<T, String>) -> Option<T> {
        found
            .map_err(|error| self.say(format!("templates/{path}"), error))
            .ok()
    }

    /// A file filled in. Of one that could not be read there is nothing more to say.
    fn filled(&mut self, path: &str, context: &Context) -> Option<String> {
        if !self.templates.has(path) {
            return None;
        }
        let filled = self.templates.file(path, context);
        self.or_say(path, filled)
    }

    fn parsed(&mut self, path: &str, text: &str) -> Option<Value> {
        let parsed = serde_json::from_str(text);
        self.or_say(
            path,
            parsed.map_err(|error| format!("is not JSON once it is filled in: {error}")),
        )
    }

    /// A file of any kind; one whose name ends in .json must be JSON.
    pub(crate) fn text(&mut self, path: &str, context: &Context) -> Option<String> {
        let text = self.filled(path, context)?;
        if path.ends_with(".json") {
            self.parsed(path, &text)?;
        }
        Some(text)
    }

    /// A state machine's definition: what is wrong with it, each with its line in the file once that is filled in.
    pub(crate) fn definition(&mut self, path: &str, context: &Context) -> Option<Value> {
        let text = self.filled(path, context)?;
        let value = self.parsed(path, &text)?;
        let lines = JsonLines::read(&text);
        let read = meaning::of_definition(self.templates, path, context);
        for meant in &read {
            let column = &meant.column;
            let cause = format!(
                "{}the roster's {column:?} would be read as a path or a function's text there, for it holds ', $, \\, {{ or }}",
                at(&lines, &meant.place)
            );
            let hint = format!(
                "write the value as a text under a key of its own that does not end in .$ (\"who\": \"{{{{ student.{column} }}}}\"), and \
                 name that by its path"
            );
            let problem = self
                .problems
                .add_for(self.student, format!("templates/{path}"), cause);
            problem.hint = Some(hint);
        }
        let repeated = lines.repeated.iter().map(|place| {
            let key = place.rsplit('/').next().unwrap_or_default();
            (
                place,
                format!("{key:?} stands twice in one object; only the last counts"),
            )
        });
        let problems = asl::problems(&value);
        let wrong = problems.iter().filter(|problem| problem.certain);
        let wrong = wrong.map(|problem| (&problem.place, problem.cause.clone()));
        let wrong = wrong.filter(|(place, _)| !read.iter().any(|meant| meant.place == **place));
        for (place, cause) in repeated.chain(wrong) {
            let line = at(&lines, place);
            self.say(format!("templates/{path}"), format!("{line}{cause}"));
        }
        let own = self.templates.expressions(path);
        for text in jsonata::foreign(&value, &own) {
            let cause = format!(
                "{text:?} would be run as an expression, and a filled-in value made it one"
            );
            self.say(format!("templates/{path}"), cause);
        }
        Some(value)
    }

    /// A trust policy, held against IAM's limits: `max` characters.
    pub(crate) fn trust(
        &mut self,
        path: &str,
        what: &str,
        max: usize,
        context: &Context,
    ) -> Option<Value> {
        let value = self.grammatical(path, PolicyKind::Trust, context)?;
        Some(self.checked(path, what, max, value))
    }

    /// A policy document of what somebody may do, which ends with the class.
    pub(crate) fn permissions(
        &mut self,
        path: &str,
        what: &str,
        max: usize,
        context: &Context,
    ) -> Option<Value> {
        let mut value = self.grammatical(path, PolicyKind::Permissions, context)?;
        if let Some(ends) = self.ends {
            let ended = ending(&value, ends, max);
            value = self.or_say(path, ended)?;
        }
        Some(self.checked(path, what, max, value))
    }

    /// A policy, held against IAM's grammar, in which roster values are plain texts.
    fn grammatical(&mut self, path: &str, kind: PolicyKind, context: &Context) -> Option<Value> {
        let text = self.filled(path, context)?;
        let value = self.parsed(path, &text)?;
        let wrong = policy_grammar::problems(&value, kind);
        let patterns = meaning::of_policy(self.templates, path, context);
        if wrong.is_empty() && patterns.is_empty() {
            return Some(value);
        }
        let lines = JsonLines::read(&text);
        for (place, cause) in wrong {
            let line = at(&lines, &place);
            self.say(format!("templates/{path}"), format!("{line}{cause}"));
        }
        for meant in patterns {
            let cause = format!(
                "{}the roster's {:?} holds *, ? or ${{, which IAM would read as a pattern: it could open what is others'",
                at(&lines, &meant.place),
                meant.column
            );
            let problem = self
                .problems
                .add_for(self.student, format!("templates/{path}"), cause);
            problem.hint = Some(
                "correct the roster; or name what is the student's by {{ username }}, which holds none of these".to_owned(),
            );
        }
        Some(value)
    }

    fn checked(&mut self, path: &str, what: &str, max: usize, value: Value) -> Value {
        if value.get("Statement").is_none() {
            let cause = format!("is no {what}: it has no Statement");
            self.say(format!("templates/{path}"), cause);
        }
        let length = length(&value);
        if length > max {
            let cause = format!("is a {what} of {length} characters; IAM takes {max}");
            self.say(format!("templates/{path}"), cause);
        }
        value
    }
}

/// `line 3: `, or nothing where the place has no line.
fn at(lines: &JsonLines, place: &str) -> String {
    let line = lines.line_of(place);
    line.map_or_else(String::new, |line| format!("line {line}: "))
}
