//! Is a state machine's definition well-formed? AWS says so only when the machine is created, one student at
//! a time; this says it before anything is touched, all problems at once.
//!
//! It checks what makes a definition hang together (every target exists, every state can be reached, there
//! is an end), not every field of every service integration.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// Longest state name. Source: Amazon States Language, "States" (docs.aws.amazon.com,
/// step-functions/latest/dg/statemachine-structure.html).
const STATE_NAME_MAX: usize = 80;

/// Every problem of a definition, each as one sentence; none when it is well-formed.
pub(crate) fn problems(definition: &Value) -> Vec<String> {
    let mut checker = AslChecker::default();
    checker.machine(definition, "the definition");
    checker.problems
}

#[derive(Default)]
struct AslChecker {
    problems: Vec<String>,
    /// Names seen in any scope: Step Functions wants them unique in the whole definition.
    names: BTreeSet<String>,
}

impl AslChecker {
    fn say(&mut self, problem: impl Into<String>) {
        self.problems.push(problem.into());
    }

    fn machine(&mut self, machine: &Value, scope: &str) {
        let Value::Object(machine) = machine else {
            return self.say(format!("{scope} is not a JSON object"));
        };
        let states = machine.get("States").and_then(Value::as_object);
        let Some(states) = states.filter(|states| !states.is_empty()) else {
            return self.say(format!("{scope} has no States"));
        };
        let start = machine.get("StartAt").and_then(Value::as_str);
        match start {
            None => self.say(format!("{scope} has no StartAt")),
            Some(start) if !states.contains_key(start) => self.say(format!(
                "StartAt of {scope} names {start:?}, which is not one of its states"
            )),
            Some(_) => {}
        }
        for (name, state) in states {
            if name.is_empty() || name.chars().count() > STATE_NAME_MAX {
                self.say(format!(
                    "state name {name:?} must have 1 to {STATE_NAME_MAX} characters"
                ));
            }
            if !self.names.insert(name.clone()) {
                self.say(format!(
                    "state name {name:?} is used twice in the definition"
                ));
            }
            self.state(name, state, states);
        }
        if let Some(start) = start.filter(|start| states.contains_key(*start)) {
            self.reachability(start, states, scope);
        }
    }

    fn reachability(&mut self, start: &str, states: &Map<String, Value>, scope: &str) {
        let mut reached = BTreeSet::from([start]);
        let mut open = vec![start];
        let mut ends = false;
        while let Some(state) = open.pop().and_then(|name| states.get(name)) {
            ends |= matches!(kind(state), Some("Succeed" | "Fail")) || state["End"] == true;
            for target in targets(state) {
                if states.contains_key(target) && reached.insert(target) {
                    open.push(target);
                }
            }
        }
        for name in states.keys().filter(|name| !reached.contains(&***name)) {
            self.say(format!("state {name:?} cannot be reached from {start:?}"));
        }
        if !ends {
            self.say(format!("{scope} never ends: no state that can be reached is Succeed, Fail or has \"End\": true"));
        }
    }

    fn state(&mut self, name: &str, state: &Value, states: &Map<String, Value>) {
        let Some(fields) = state.as_object() else {
            return self.say(format!("state {name:?} is not a JSON object"));
        };
        let Some(kind) = kind(state) else {
            return self.say(format!("state {name:?} has no Type"));
        };
        for target in targets(state) {
            if !states.contains_key(target) {
                self.say(format!(
                    "state {name:?} goes on to {target:?}, which does not exist"
                ));
            }
        }
        match kind {
            "Task" if text_of(state, "Resource").is_none_or(str::is_empty) => {
                self.say(format!("task {name:?} has no Resource"));
            }
            "Wait" => {
                let ways = ["Seconds", "Timestamp", "SecondsPath", "TimestampPath"];
                if ways.iter().filter(|way| fields.contains_key(**way)).count() != 1 {
                    let ways = ways.join(", ");
                    self.say(format!("wait {name:?} needs exactly one of {ways}"));
                }
            }
            "Choice" => self.choice(name, state),
            "Parallel" => {
                let branches = list(state, "Branches");
                if branches.is_empty() {
                    self.say(format!("parallel {name:?} has no Branches"));
                }
                for (i, branch) in branches.iter().enumerate() {
                    self.machine(branch, &format!("branch {} of {name:?}", i + 1));
                }
            }
            "Map" => match fields.get("ItemProcessor").or(fields.get("Iterator")) {
                Some(inner) => self.machine(inner, &format!("the item processor of {name:?}")),
                None => self.say(format!("map {name:?} has no ItemProcessor")),
            },
            "Task" | "Pass" | "Succeed" | "Fail" => {}
            other => {
                return self.say(format!("state {name:?} has the unknown Type {other:?}"));
            }
        }
        match kind {
            "Choice" | "Succeed" | "Fail" => self.stays(name, kind, fields),
            _ => self.goes_on(name, fields),
        }
        if matches!(kind, "Task" | "Parallel" | "Map") {
            self.error_handlers(name, fields);
        }
    }

    /// Exactly one of Next and End.
    fn goes_on(&mut self, name: &str, fields: &Map<String, Value>) {
        match (fields.get("Next"), fields.get("End")) {
            (Some(Value::String(_)), None) | (None, Some(Value::Bool(true))) => {}
            (None, None | Some(_)) => self.say(format!(
                "state {name:?} has neither a Next nor \"End\": true"
            )),
            (Some(_), Some(_)) => self.say(format!("state {name:?} has both Next and End")),
            (Some(_), None) => self.say(format!("Next of state {name:?} is not a state's name")),
        }
    }

    fn stays(&mut self, name: &str, kind: &str, fields: &Map<String, Value>) {
        for field in ["Next", "End"] {
            if fields.contains_key(field) {
                self.say(format!(
                    "state {name:?} is of Type {kind}, which takes no {field}"
                ));
            }
        }
    }

    fn choice(&mut self, name: &str, state: &Value) {
        let rules = list(state, "Choices");
        if rules.is_empty() {
            self.say(format!("choice {name:?} has no Choices"));
        }
        for (i, rule) in (1..).zip(rules) {
            if text_of(rule, "Next").is_none() {
                self.say(format!("rule {i} of choice {name:?} has no Next"));
            }
            if !compares(rule) {
                self.say(format!("rule {i} of choice {name:?} compares nothing"));
            }
        }
    }

    fn error_handlers(&mut self, name: &str, fields: &Map<String, Value>) {
        for field in ["Retry", "Catch"] {
            let Some(handlers) = fields.get(field) else {
                continue;
            };
            let Some(handlers) = handlers.as_array() else {
                self.say(format!("{field} of state {name:?} is not a list"));
                continue;
            };
            for (i, handler) in (1..).zip(handlers) {
                let errors = list(handler, "ErrorEquals").iter();
                let errors: Vec<_> = errors.filter_map(Value::as_str).collect();
                if errors.is_empty() {
                    self.say(format!("{field} {i} of state {name:?} has no ErrorEquals"));
                }
                if errors.contains(&"States.ALL") && (errors.len() > 1 || i < handlers.len()) {
                    self.say(format!(
                        "States.ALL in {field} of state {name:?} must stand alone and last"
                    ));
                }
                if field == "Catch" && text_of(handler, "Next").is_none() {
                    self.say(format!("Catch {i} of state {name:?} has no Next"));
                }
            }
        }
    }
}

fn kind(state: &Value) -> Option<&str> {
    text_of(state, "Type")
}

fn text_of<'v>(value: &'v Value, field: &str) -> Option<&'v str> {
    value.get(field)?.as_str()
}

/// Empty where there is no list.
fn list<'v>(value: &'v Value, field: &str) -> &'v [Value] {
    let list = value.get(field).and_then(Value::as_array);
    list.map_or(&[], Vec::as_slice)
}

/// Every state that a state may go on to.
fn targets(state: &Value) -> Vec<&str> {
    let next_and_default = ["Next", "Default"].map(|field| text_of(state, field));
    let inner = list(state, "Catch").iter().chain(list(state, "Choices"));
    let inner = inner.map(|inner| text_of(inner, "Next"));
    next_and_default
        .into_iter()
        .chain(inner)
        .flatten()
        .collect()
}

/// Whether a choice rule has something to decide by: a comparison of a variable, a JSONata condition, or a
/// combination of such.
fn compares(rule: &Value) -> bool {
    let Some(fields) = rule.as_object() else {
        return false;
    };
    for field in ["And", "Or"] {
        if fields.contains_key(field) {
            let parts = list(rule, field);
            return !parts.is_empty() && parts.iter().all(compares);
        }
    }
    if let Some(part) = fields.get("Not") {
        return compares(part);
    }
    let is_operator = |key: &&String| {
        let others = ["Variable", "Next", "Comment", "Assign", "Output"];
        !others.contains(&key.as_str())
    };
    fields.contains_key("Condition")
        || fields.contains_key("Variable") && fields.keys().filter(is_operator).count() == 1
}

#[cfg(test)]
mod tests;
