//! JSON that templates become: policies and definitions.

use jiff::Timestamp;
use serde_json::Value;
use tera::Context;

use crate::ids::Username;
use crate::lab::asl;
use crate::lab::asl::source::JsonLines;
use crate::lab::ends::{ending, length};
use crate::lab::jsonata;
use crate::lab::policy_grammar;
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
        for (place, cause) in repeated.chain(wrong) {
            let line = lines.line_of(place);
            let line = line.map_or_else(String::new, |line| format!("line {line}: "));
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

    /// A policy document, held against IAM's limits: `max` characters.
    pub(crate) fn policy(
        &mut self,
        path: &str,
        what: &str,
        max: usize,
        context: &Context,
    ) -> Option<Value> {
        let value = self.grammatical(path, context)?;
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
        let mut value = self.grammatical(path, context)?;
        if let Some(ends) = self.ends {
            let ended = ending(&value, ends, max);
            value = self.or_say(path, ended)?;
        }
        Some(self.checked(path, what, max, value))
    }

    /// A policy, held against IAM's grammar.
    fn grammatical(&mut self, path: &str, context: &Context) -> Option<Value> {
        let text = self.filled(path, context)?;
        let value = self.parsed(path, &text)?;
        let wrong = policy_grammar::problems(&value);
        if !wrong.is_empty() {
            let lines = JsonLines::read(&text);
            for (place, cause) in wrong {
                let line = lines.line_of(&place);
                let line = line.map_or_else(String::new, |line| format!("line {line}: "));
                self.say(format!("templates/{path}"), format!("{line}{cause}"));
            }
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
