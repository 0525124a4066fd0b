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
        let Some(Value::Object(states)) = machine
            .get("States")
            .filter(|s| **s != Value::Object(Map::new()))
        else {
            return self.say(format!("{scope} has no States"));
        };
        let start = machine.get("StartAt").and_then(Value::as_str);
        match start {
            None => self.say(format!("{scope} has no StartAt")),
            Some(start) if !states.contains_key(start) => {
                self.say(format!(
                    "StartAt of {scope} names {start:?}, which is not one of its states"
                ));
            }
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
        while let Some(name) = open.pop() {
            for target in states.get(name).map(targets).unwrap_or_default() {
                if states.contains_key(target) && reached.insert(target) {
                    open.push(target);
                }
            }
        }
        for name in states
            .keys()
            .filter(|name| !reached.contains(name.as_str()))
        {
            self.say(format!("state {name:?} cannot be reached from {start:?}"));
        }
        let ends = |state: &Value| {
            matches!(kind(state), Some("Succeed" | "Fail"))
                || state.get("End") == Some(&Value::Bool(true))
        };
        if !reached
            .iter()
            .filter_map(|name| states.get(*name))
            .any(ends)
        {
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
            "Task" => {
                if fields
                    .get("Resource")
                    .and_then(Value::as_str)
                    .is_none_or(str::is_empty)
                {
                    self.say(format!("task {name:?} has no Resource"));
                }
                self.goes_on(name, fields);
                self.error_handlers(name, fields);
            }
            "Pass" => self.goes_on(name, fields),
            "Wait" => {
                let ways = ["Seconds", "Timestamp", "SecondsPath", "TimestampPath"];
                if ways.iter().filter(|way| fields.contains_key(**way)).count() != 1 {
                    self.say(format!(
                        "wait {name:?} needs exactly one of {}",
                        ways.join(", ")
                    ));
                }
                self.goes_on(name, fields);
            }
            "Choice" => self.choice(name, fields),
            "Succeed" | "Fail" => self.stays(name, kind, fields),
            "Parallel" => {
                match fields.get("Branches").and_then(Value::as_array) {
                    Some(branches) if !branches.is_empty() => {
                        for (i, branch) in branches.iter().enumerate() {
                            self.machine(branch, &format!("branch {} of {name:?}", i + 1));
                        }
                    }
                    _ => self.say(format!("parallel {name:?} has no Branches")),
                }
                self.goes_on(name, fields);
                self.error_handlers(name, fields);
            }
            "Map" => {
                match fields
                    .get("ItemProcessor")
                    .or_else(|| fields.get("Iterator"))
                {
                    Some(inner) => self.machine(inner, &format!("the item processor of {name:?}")),
                    None => self.say(format!("map {name:?} has no ItemProcessor")),
                }
                self.goes_on(name, fields);
                self.error_handlers(name, fields);
            }
            other => self.say(format!("state {name:?} has the unknown Type {other:?}")),
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

    fn choice(&mut self, name: &str, fields: &Map<String, Value>) {
        self.stays(name, "Choice", fields);
        let rules = fields.get("Choices").and_then(Value::as_array);
        let Some(rules) = rules.filter(|rules| !rules.is_empty()) else {
            return self.say(format!("choice {name:?} has no Choices"));
        };
        for (i, rule) in rules.iter().enumerate() {
            if rule.get("Next").and_then(Value::as_str).is_none() {
                self.say(format!("rule {} of choice {name:?} has no Next", i + 1));
            }
            if !compares(rule) {
                self.say(format!(
                    "rule {} of choice {name:?} compares nothing",
                    i + 1
                ));
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
            for (i, handler) in handlers.iter().enumerate() {
                let errors = handler.get("ErrorEquals").and_then(Value::as_array);
                let errors: Vec<_> = errors
                    .into_iter()
                    .flatten()
                    .filter_map(Value::as_str)
                    .collect();
                if errors.is_empty() {
                    self.say(format!(
                        "{field} {} of state {name:?} has no ErrorEquals",
                        i + 1
                    ));
                }
                if errors.contains(&"States.ALL") && (errors.len() > 1 || i + 1 < handlers.len()) {
                    self.say(format!(
                        "States.ALL in {field} of state {name:?} must stand alone and last"
                    ));
                }
                if field == "Catch" && handler.get("Next").and_then(Value::as_str).is_none() {
                    self.say(format!("Catch {} of state {name:?} has no Next", i + 1));
                }
            }
        }
    }
}

fn kind(state: &Value) -> Option<&str> {
    state.get("Type")?.as_str()
}

/// Every state that a state may go on to.
fn targets(state: &Value) -> Vec<&str> {
    let nexts_of = |field: &str| {
        let handlers = state.get(field).and_then(Value::as_array);
        handlers
            .into_iter()
            .flatten()
            .filter_map(|handler| handler.get("Next")?.as_str())
    };
    let direct = ["Next", "Default"]
        .into_iter()
        .filter_map(|field| state.get(field)?.as_str());
    direct
        .chain(nexts_of("Catch"))
        .chain(nexts_of("Choices"))
        .collect()
}

/// Whether a choice rule has something to decide by: a comparison of a variable, a JSONata condition, or a
/// combination of such.
fn compares(rule: &Value) -> bool {
    let Some(fields) = rule.as_object() else {
        return false;
    };
    for field in ["And", "Or"] {
        if let Some(parts) = fields.get(field) {
            return parts
                .as_array()
                .is_some_and(|parts| !parts.is_empty() && parts.iter().all(compares));
        }
    }
    if let Some(part) = fields.get("Not") {
        return compares(part);
    }
    if fields.contains_key("Condition") {
        return true;
    }
    let operators = fields.keys().filter(|key| {
        !matches!(
            key.as_str(),
            "Variable" | "Next" | "Comment" | "Assign" | "Output"
        )
    });
    fields.contains_key("Variable") && operators.count() == 1
}

#[cfg(test)]
mod tests;
