//! Is a state machine's definition well-formed? AWS says so only when the machine is created, one student at
//! a time; this says it before anything is touched, all problems at once.
//!
//! It checks what makes a definition hang together (every target exists, every state can be reached, there
//! is an end), and each field of each state: that the state type and the query language have it, and what may stand in it. It
//! does not know the parameters of each service.

mod arn;
mod fields;
mod paths;
pub(crate) mod source;

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::stack::kinds::Desired;
use crate::text::similar::did_you_mean;
use arn::after;
use fields::{AslField, Form, Language};

/// Longest state name. Source: Amazon States Language, "States" (docs.aws.amazon.com,
/// step-functions/latest/dg/statemachine-structure.html).
const STATE_NAME_MAX: usize = 80;
/// Longest label of a Map state, in whose ARNs it stands. Source: state-map-distributed.html.
const LABEL_MAX: usize = 40;

/// One thing that is wrong with a definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AslProblem {
    /// Where it stands: a JSON pointer.
    pub(crate) place: String,
    /// One sentence.
    pub(crate) cause: String,
    /// AWS refuses the definition, or the state always fails. Otherwise it may be meant so.
    pub(crate) certain: bool,
}

/// Every problem of a definition; none when it is well-formed.
pub(crate) fn problems(definition: &Value) -> Vec<AslProblem> {
    let mut checker = AslChecker::default();
    checker.unfilled("", definition);
    let language = match definition["QueryLanguage"].as_str() {
        Some("JSONata") => Language::Jsonata,
        _ => Language::JsonPath,
    };
    checker.machine(&AslPlace::default(), definition, "the definition", language);
    let mut problems = checker.problems;
    let certain = problems.iter().filter(|problem| problem.certain);
    let certain: BTreeSet<String> = certain.map(|problem| problem.place.clone()).collect();
    problems.retain(|problem| problem.certain || !certain.contains(&problem.place));
    problems
}

/// Where something stands, as a pointer and as a person says it.
#[derive(Debug, Clone, Default)]
struct AslPlace {
    pointer: String,
    /// `state "Work"`; empty at the top.
    said: String,
}

impl AslPlace {
    fn at(&self, key: &str) -> String {
        format!("{}/{}", self.pointer, source::step(key))
    }

    fn key(&self, key: &str) -> Self {
        Self {
            pointer: self.at(key),
            said: self.said.clone(),
        }
    }

    fn said(mut self, said: String) -> Self {
        self.said = said;
        self
    }
}

#[derive(Default)]
struct AslChecker {
    problems: Vec<AslProblem>,
    /// Names seen in any scope: Step Functions wants them unique in the whole definition.
    names: BTreeSet<String>,
}

impl AslChecker {
    fn add(&mut self, place: impl Into<String>, cause: impl Into<String>, certain: bool) {
        self.problems.push(AslProblem {
            place: place.into(),
            cause: cause.into(),
            certain,
        });
    }

    fn say(&mut self, place: &AslPlace, cause: impl Into<String>) {
        self.add(&place.pointer, cause, true);
    }

    /// A problem of a place's field.
    fn say_of(&mut self, place: &AslPlace, field: &str, cause: impl AsRef<str>) {
        self.add(
            place.at(field),
            format!("{field} of {} {}", place.said, cause.as_ref()),
            true,
        );
    }

    fn machine(&mut self, place: &AslPlace, machine: &Value, scope: &str, language: Language) {
        let Value::Object(machine) = machine else {
            return self.say(place, format!("{scope} is not a JSON object"));
        };
        let here = place.clone().said(scope.to_owned());
        self.object(&here, machine, fields::MACHINE, language);
        if let Some(Value::Object(config)) = machine.get("ProcessorConfig") {
            let inner = here
                .key("ProcessorConfig")
                .said(format!("ProcessorConfig of {scope}"));
            self.object(&inner, config, fields::PROCESSOR_CONFIG, language);
        }
        let states = machine.get("States").and_then(Value::as_object);
        let Some(states) = states.filter(|states| !states.is_empty()) else {
            return self.say(place, format!("{scope} has no States"));
        };
        let start = machine.get("StartAt").and_then(Value::as_str);
        match start {
            None => self.say(place, format!("{scope} has no StartAt")),
            Some(start) if !states.contains_key(start) => {
                let hint = did_you_mean(start, states.keys().map(String::as_str));
                let cause = format!(
                    "StartAt of {scope} names {start:?}, which is not one of its states{}",
                    after(hint)
                );
                self.add(here.at("StartAt"), cause, true);
            }
            Some(_) => {}
        }
        for (name, state) in states {
            let state_place = here.key("States").key(name).said(format!("state {name:?}"));
            if name.is_empty() || name.chars().count() > STATE_NAME_MAX {
                self.say(
                    &state_place,
                    format!("state name {name:?} must have 1 to {STATE_NAME_MAX} characters"),
                );
            }
            if !self.names.insert(name.clone()) {
                self.say(
                    &state_place,
                    format!("state name {name:?} is used twice in the definition"),
                );
            }
            self.state(&state_place, name, state, states, language);
        }
        if let Some(start) = start.filter(|start| states.contains_key(*start)) {
            self.reachability(&here.key("States"), start, states, scope);
        }
    }

    fn reachability(
        &mut self,
        place: &AslPlace,
        start: &str,
        states: &Map<String, Value>,
        scope: &str,
    ) {
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
            self.add(
                place.at(name),
                format!("state {name:?} cannot be reached from {start:?}"),
                true,
            );
        }
        if !ends {
            self.say(place, format!("{scope} never ends: no state that can be reached is Succeed, Fail or has \"End\": true"));
        }
    }

    fn state(
        &mut self,
        place: &AslPlace,
        name: &str,
        state: &Value,
        states: &Map<String, Value>,
        machine: Language,
    ) {
        let Some(fields) = state.as_object() else {
            return self.say(place, format!("state {name:?} is not a JSON object"));
        };
        let Some(kind) = kind(state) else {
            return self.say(place, format!("state {name:?} has no Type"));
        };
        if !fields::types().any(|known| known == kind) {
            let hint = did_you_mean(kind, fields::types());
            return self.add(
                place.at("Type"),
                format!(
                    "state {name:?} has the unknown Type {kind:?}{}",
                    after(hint)
                ),
                true,
            );
        }
        let language = match text_of(state, "QueryLanguage") {
            Some("JSONata") => Language::Jsonata,
            Some("JSONPath") if machine == Language::Jsonata => {
                let cause = format!(
                    "QueryLanguage of state {name:?} is JSONPath, and the definition's is JSONata"
                );
                self.add(place.at("QueryLanguage"), cause, false);
                Language::JsonPath
            }
            Some(_) => Language::JsonPath,
            None => machine,
        };
        for target in targets(state) {
            if !states.contains_key(target) {
                let hint = did_you_mean(target, states.keys().map(String::as_str));
                self.say(
                    place,
                    format!(
                        "state {name:?} goes on to {target:?}, which does not exist{}",
                        after(hint)
                    ),
                );
            }
        }
        let takes: Vec<&AslField> = fields::of_state(kind).collect();
        self.object_of(
            place,
            fields,
            &takes,
            language,
            |field| match fields::types_with(field) {
                others if others.is_empty() => None,
                others => Some(format!(
                    "state {name:?} is of Type {kind}, which takes no {field}; it belongs to {}",
                    others.join(", ")
                )),
            },
        );
        match kind {
            "Task" => self.task(place, name, fields),
            "Wait" => {
                let ways = ["Seconds", "Timestamp", "SecondsPath", "TimestampPath"];
                if ways.iter().filter(|way| fields.contains_key(**way)).count() != 1 {
                    let ways = ways.join(", ");
                    self.say(place, format!("wait {name:?} needs exactly one of {ways}"));
                }
            }
            "Choice" => self.choice(place, name, state, language),
            "Parallel" => {
                let branches = list(state, "Branches");
                if branches.is_empty() {
                    self.say(place, format!("parallel {name:?} has no Branches"));
                }
                for (i, branch) in branches.iter().enumerate() {
                    let inner = place.key("Branches").key(&i.to_string());
                    self.machine(
                        &inner,
                        branch,
                        &format!("branch {} of {name:?}", i + 1),
                        machine,
                    );
                }
            }
            "Map" => self.map(place, name, fields, language, machine),
            _ => {}
        }
        if matches!(kind, "Task" | "Parallel" | "Map" | "Pass" | "Wait") {
            self.goes_on(place, name, fields);
        }
        if matches!(kind, "Task" | "Parallel" | "Map") {
            self.error_handlers(place, name, fields, language);
        }
    }

    /// Exactly one of Next and End.
    fn goes_on(&mut self, place: &AslPlace, name: &str, fields: &Map<String, Value>) {
        match (fields.get("Next"), fields.get("End")) {
            (Some(_), None) | (None, Some(Value::Bool(true))) => {}
            (None, None | Some(_)) => self.say(
                place,
                format!("state {name:?} has neither a Next nor \"End\": true"),
            ),
            (Some(_), Some(_)) => self.say(place, format!("state {name:?} has both Next and End")),
        }
    }

    fn task(&mut self, place: &AslPlace, name: &str, fields: &Map<String, Value>) {
        match fields.get("Resource").and_then(Value::as_str) {
            None | Some("") => self.say(place, format!("task {name:?} has no Resource")),
            Some(arn) if unfilled(arn).is_some() => {
                self.say_of(place, "Resource", format!("is {arn:?}, {NOT_FILLED_IN}"));
            }
            Some(arn) => {
                if let Err(cause) = arn::resource(arn) {
                    self.say_of(place, "Resource", format!("{cause}: {arn:?}"));
                }
            }
        }
        let seconds = |field: &str| fields.get(field).and_then(Value::as_u64);
        if let (Some(heartbeat), Some(timeout)) =
            (seconds("HeartbeatSeconds"), seconds("TimeoutSeconds"))
            && heartbeat >= timeout
        {
            self.say_of(
                place,
                "HeartbeatSeconds",
                format!("is {heartbeat}; it must be less than TimeoutSeconds, {timeout}"),
            );
        }
    }

    fn map(
        &mut self,
        place: &AslPlace,
        name: &str,
        fields: &Map<String, Value>,
        language: Language,
        machine: Language,
    ) {
        match ["ItemProcessor", "Iterator"]
            .into_iter()
            .find(|field| fields.contains_key(*field))
        {
            Some(field) => {
                let said = format!("the item processor of {name:?}");
                self.machine(&place.key(field), &fields[field], &said, machine);
            }
            None => self.say(place, format!("map {name:?} has no ItemProcessor")),
        }
        let parts = [
            ("ItemReader", fields::ITEM_READER),
            ("ItemBatcher", fields::ITEM_BATCHER),
            ("ResultWriter", fields::RESULT_WRITER),
        ];
        for (part, takes) in parts {
            let Some(Value::Object(inner)) = fields.get(part) else {
                continue;
            };
            let inner_place = place.key(part).said(format!("{part} of {}", place.said));
            self.object(&inner_place, inner, takes, language);
            for (config, takes) in [
                ("ReaderConfig", fields::READER_CONFIG),
                ("WriterConfig", fields::WRITER_CONFIG),
            ] {
                if let Some(Value::Object(settings)) = inner.get(config) {
                    let settings_place = inner_place
                        .key(config)
                        .said(format!("{config} of {}", place.said));
                    self.object(&settings_place, settings, takes, language);
                }
            }
        }
        if let Some(label) = fields.get("Label").and_then(Value::as_str)
            && (label.is_empty()
                || label.chars().count() > LABEL_MAX
                || label
                    .contains(|c: char| c.is_whitespace() || "?*<>{}[]:;,\\|^~$#%&`\"".contains(c)))
        {
            self.say_of(
                place,
                "Label",
                format!(
                    "must have 1 to {LABEL_MAX} characters, without spaces and special characters"
                ),
            );
        }
    }

    fn choice(&mut self, place: &AslPlace, name: &str, state: &Value, language: Language) {
        let rules = list(state, "Choices");
        if rules.is_empty() {
            self.say(place, format!("choice {name:?} has no Choices"));
        }
        for (i, rule) in rules.iter().enumerate() {
            let said = format!("rule {} of choice {name:?}", i + 1);
            let inner = place.key("Choices").key(&i.to_string()).said(said.clone());
            if text_of(rule, "Next").is_none() {
                self.say(&inner, format!("{said} has no Next"));
            }
            self.rule(&inner, rule, language, true);
        }
    }

    /// A rule of a choice, or a part of one: a comparison, a combination of such, or a condition in JSONata.
    fn rule(&mut self, place: &AslPlace, rule: &Value, language: Language, whole: bool) {
        let said = &place.said;
        let Some(fields) = rule.as_object() else {
            return self.say(place, format!("{said} is not a JSON object"));
        };
        let operators = fields::operators();
        let is_operator = |field: &str| operators.iter().find(|(operator, _)| operator == field);
        let known = fields::RULE
            .iter()
            .filter(|field| whole || field.name != "Next")
            .map(|field| field.name);
        let mut compared = Vec::new();
        for (field, value) in fields {
            if let Some((_, form)) = is_operator(field) {
                compared.push(field.as_str());
                if language == Language::Jsonata {
                    self.say_of(
                        place,
                        field,
                        "belongs to JSONPath; in JSONata, write a Condition",
                    );
                } else {
                    self.form(place, field, value, *form, language);
                }
            } else if !known.clone().any(|known| known == field) {
                let names = known
                    .clone()
                    .chain(operators.iter().map(|(name, _)| name.as_str()));
                let hint = did_you_mean(field, names);
                self.add(
                    place.at(field),
                    format!("{said} has the unknown field {field:?}{}", after(hint)),
                    true,
                );
            }
        }
        let known: Vec<&AslField> = fields::RULE.iter().collect();
        let ours = fields
            .iter()
            .filter(|(field, _)| known.iter().any(|known| known.name == *field));
        let ours: Map<String, Value> = ours
            .map(|(field, value)| (field.clone(), value.clone()))
            .collect();
        self.object_of(place, &ours, &known, language, |_| None);

        let combined: Vec<&str> = ["And", "Or", "Not"]
            .into_iter()
            .filter(|field| fields.contains_key(*field))
            .collect();
        for field in &combined {
            let parts = match &fields[*field] {
                Value::Array(parts) => &parts[..],
                part => std::slice::from_ref(part),
            };
            if parts.is_empty() {
                self.say(place, format!("{said} compares nothing"));
            }
            for (i, part) in parts.iter().enumerate() {
                let inner = match *field {
                    "Not" => place.key(field),
                    _ => place.key(field).key(&i.to_string()),
                };
                self.rule(&inner, part, language, false);
            }
        }
        let compares = fields.contains_key("Variable") && compared.len() == 1;
        let ways =
            usize::from(compares) + combined.len() + usize::from(fields.contains_key("Condition"));
        if compared.len() > 1 {
            self.say(
                place,
                format!(
                    "{said} compares in more than one way: {}",
                    compared.join(", ")
                ),
            );
        } else if ways == 0 {
            self.say(place, format!("{said} compares nothing"));
        } else if ways > 1 {
            self.say(place, format!("{said} holds more than one comparison"));
        }
    }

    fn error_handlers(
        &mut self,
        place: &AslPlace,
        name: &str,
        fields: &Map<String, Value>,
        language: Language,
    ) {
        for (field, takes) in [("Retry", fields::RETRIER), ("Catch", fields::CATCHER)] {
            let Some(Value::Array(handlers)) = fields.get(field) else {
                continue;
            };
            for (i, handler) in (1..).zip(handlers) {
                let said = format!("{field} {i} of state {name:?}");
                let inner = place
                    .key(field)
                    .key(&(i - 1).to_string())
                    .said(said.clone());
                let Some(object) = handler.as_object() else {
                    self.say(&inner, format!("{said} is not a JSON object"));
                    continue;
                };
                self.object(&inner, object, takes, language);
                let errors = list(handler, "ErrorEquals");
                if errors.is_empty() {
                    self.say(&inner, format!("{said} has no ErrorEquals"));
                }
                if errors.iter().any(|error| !error.is_string()) {
                    self.say(
                        &inner,
                        format!("ErrorEquals of {said} holds something that is no text"),
                    );
                }
                let errors: Vec<_> = errors.iter().filter_map(Value::as_str).collect();
                if errors.contains(&"States.ALL") && (errors.len() > 1 || i < handlers.len()) {
                    self.say(
                        &inner,
                        format!(
                            "States.ALL in {field} of state {name:?} must stand alone and last"
                        ),
                    );
                }
                for error in errors.iter().filter(|error| error.starts_with("States.")) {
                    if !fields::ERRORS.contains(error)
                        && !error.starts_with("States.Http.StatusCode.")
                    {
                        let hint = after(did_you_mean(error, fields::ERRORS));
                        let cause = format!(
                            "{said} waits for {error:?}, and AWS has no error of this name{hint}"
                        );
                        self.add(&inner.pointer, cause, false);
                    }
                }
                if field == "Catch" && text_of(handler, "Next").is_none() {
                    self.say(&inner, format!("Catch {i} of state {name:?} has no Next"));
                }
                let seconds = |field: &str| object.get(field).and_then(Value::as_u64);
                if let (Some(most), Some(first)) =
                    (seconds("MaxDelaySeconds"), seconds("IntervalSeconds"))
                    && most <= first
                {
                    self.say_of(
                        &inner,
                        "MaxDelaySeconds",
                        format!("is {most}; it must be more than IntervalSeconds, {first}"),
                    );
                }
            }
        }
    }

    fn object(
        &mut self,
        place: &AslPlace,
        object: &Map<String, Value>,
        takes: &[AslField],
        language: Language,
    ) {
        let takes: Vec<&AslField> = takes.iter().collect();
        self.object_of(place, object, &takes, language, |_| None);
    }

    /// Each field of an object: known there, in this language, and of its form. `elsewhere` says what a field is that belongs
    /// somewhere else.
    fn object_of(
        &mut self,
        place: &AslPlace,
        object: &Map<String, Value>,
        takes: &[&AslField],
        language: Language,
        elsewhere: impl Fn(&str) -> Option<String>,
    ) {
        for (name, value) in object {
            let Some(field) = takes.iter().find(|field| field.name == name) else {
                let hint = meant(name, takes.iter().map(|field| field.name));
                let unknown = || {
                    format!(
                        "{} has the unknown field {name:?}{}",
                        place.said,
                        after(hint)
                    )
                };
                self.add(
                    place.at(name),
                    elsewhere(name).unwrap_or_else(unknown),
                    true,
                );
                continue;
            };
            match field.language {
                Language::JsonPath if language == Language::Jsonata => self.say_of(place, name, "belongs to JSONPath, and the state is in JSONata"),
                Language::Jsonata if language == Language::JsonPath => self.say_of(place, name, "belongs to JSONata, and the state is in JSONPath (\"QueryLanguage\": \"JSONata\" changes that)"),
                _ => self.form(place, name, value, field.form, language),
            }
            let other = format!("{name}Path");
            // `Result` and `ResultPath` are no such pair: one is the value, the other where it goes.
            if name != "Result" && object.contains_key(&other) {
                self.say(place, format!("{} has both {name} and {other}", place.said));
            }
        }
        for (one, other) in fields::EXCLUSIVE {
            if object.contains_key(one) && object.contains_key(other) {
                self.say(place, format!("{} has both {one} and {other}", place.said));
            }
        }
    }

    /// What stands in a field.
    fn form(
        &mut self,
        place: &AslPlace,
        field: &str,
        value: &Value,
        form: Form,
        language: Language,
    ) {
        let text = value.as_str();
        if language == Language::Jsonata {
            if let Some(found) = text
                .and_then(paths::expression)
                .filter(|_| fields::EXPRESSION_INSTEAD.contains(&field))
            {
                if let Err(cause) = found {
                    self.say_of(place, field, cause);
                }
                return;
            }
            if matches!(form, Form::Template | Form::Expressions)
                || field == "Credentials" && value.is_object()
            {
                return self.expressions(&place.key(field), field, value);
            }
        }
        if text.is_some_and(|text| unfilled(text).is_some()) && !matches!(form, Form::Template) {
            if matches!(form, Form::Whole(..) | Form::AtLeast(_) | Form::Percentage) {
                self.say_of(place, field, format!("is {value}, {NOT_FILLED_IN}"));
            }
            // Elsewhere it is remarked on by itself.
            return;
        }
        let needed = match (form, value) {
            (Form::Text, Value::String(_))
            | (Form::Flag, Value::Bool(_))
            | (Form::Anything | Form::Expressions, _) => return,
            (Form::Object, Value::Object(_)) if field == "Credentials" => {
                return self.template(&place.key(field), field, value);
            }
            (Form::Object, Value::Object(_)) | (Form::List, Value::Array(_)) => return,
            (Form::Whole(least, most), Value::Number(number))
                if number
                    .as_u64()
                    .or_else(|| whole(number))
                    .is_some_and(|n| (least..=most).contains(&n)) =>
            {
                return;
            }
            (Form::Percentage, Value::Number(number))
                if number.as_f64().is_some_and(|n| (0.0..=100.0).contains(&n)) =>
            {
                return;
            }
            (Form::AtLeast(least), Value::Number(number))
                if number.as_f64().is_some_and(|n| n >= least) =>
            {
                return;
            }
            (Form::OneOf(words), Value::String(word)) if words.contains(&word.as_str()) => return,
            (Form::PathOrNull | Form::ReferencePathOrNull, Value::Null) => return,
            (Form::Path | Form::PathOrNull, Value::String(path)) if paths::is_path(path) => return,
            (Form::ReferencePathOrNull, Value::String(path)) if paths::is_reference_path(path) => {
                return;
            }
            (Form::Timestamp, Value::String(time)) if is_timestamp(time) => return,
            (Form::Dynamic, Value::String(path)) => match paths::dynamic(path) {
                Ok(()) => return,
                Err(cause) => cause,
            },
            (Form::Template, _) => return self.template(&place.key(field), field, value),
            (Form::Text, _) => "needs a text".to_owned(),
            (Form::Flag, _) => "needs true or false, without quotes".to_owned(),
            (Form::Object, _) => "needs a JSON object".to_owned(),
            (Form::List, _) => "needs a list".to_owned(),
            (Form::Whole(least, most), _) => {
                format!("needs a whole number from {least} to {most}, without quotes")
            }
            (Form::AtLeast(least), _) if least.is_finite() => {
                format!("needs a number of at least {least}, without quotes")
            }
            (Form::Percentage, _) => "needs a number from 0 to 100, without quotes".to_owned(),
            (Form::AtLeast(_), _) => "needs a number, without quotes".to_owned(),
            (Form::OneOf(words), _) => format!("needs one of {}", words.join(", ")),
            (Form::Path | Form::PathOrNull, _) => "needs a path, like $.order.id".to_owned(),
            (Form::ReferencePathOrNull, _) => {
                "needs a path to one place, like $.result, or null".to_owned()
            }
            (Form::Dynamic, _) => "needs a path or an intrinsic function".to_owned(),
            (Form::Timestamp, _) => "needs a time like 2026-11-27T18:00:00Z".to_owned(),
        };
        let shown: String = value.to_string().chars().take(60).collect();
        self.say_of(place, field, format!("is {shown}; it {needed}"));
    }

    /// A payload template: fields whose names end in `.$` hold paths or intrinsic functions.
    fn template(&mut self, place: &AslPlace, field: &str, value: &Value) {
        match value {
            Value::Object(fields) => {
                for (key, value) in fields {
                    let Some(name) = key.strip_suffix(".$") else {
                        self.template(&place.key(key), field, value);
                        continue;
                    };
                    if fields.contains_key(name) {
                        self.say(
                            place,
                            format!("{field} of {} has both {name:?} and {key:?}", place.said),
                        );
                    }
                    match value {
                        Value::String(text) if unfilled(text).is_some() => {}
                        Value::String(text) => {
                            if let Err(cause) = paths::dynamic(text) {
                                self.add(
                                    place.at(key),
                                    format!(
                                        "{key:?} in {field} of {} {cause}: {text:?}",
                                        place.said
                                    ),
                                    true,
                                );
                            }
                        }
                        other => {
                            let shown: String = other.to_string().chars().take(60).collect();
                            self.add(place.at(key), format!("{key:?} in {field} of {} is {shown}: a name that ends in .$ holds a path or an intrinsic function", place.said), true);
                        }
                    }
                }
            }
            Value::Array(items) => {
                for (i, item) in items.iter().enumerate() {
                    self.template(&place.key(&i.to_string()), field, item);
                }
            }
            Value::String(text) => {
                let cause = match text.as_str() {
                    path if path.starts_with("$.") || path.starts_with("$$.") => {
                        "is taken as text, not as a path; a field whose name ends in .$ takes a path"
                    }
                    call if call.starts_with("States.") && call.ends_with(')') => {
                        "is taken as text, not as a function; a field whose name ends in .$ takes a function"
                    }
                    _ if matches!(paths::expression(text), Some(Ok(()))) => {
                        "is taken as text: JSONata needs \"QueryLanguage\": \"JSONata\""
                    }
                    _ => return,
                };
                self.add(
                    &place.pointer,
                    format!("{text:?} in {field} of {} {cause}", place.said),
                    false,
                );
            }
            _ => {}
        }
    }

    /// JSON in which each text may be a JSONata expression.
    fn expressions(&mut self, place: &AslPlace, field: &str, value: &Value) {
        match value {
            Value::Object(fields) => {
                for (key, value) in fields {
                    if key.ends_with(".$") {
                        self.add(place.at(key), format!("{key:?} in {field} of {} is only a name: in JSONata, write the value as {{% … %}}", place.said), false);
                    }
                    self.expressions(&place.key(key), field, value);
                }
            }
            Value::Array(items) => {
                for (i, item) in items.iter().enumerate() {
                    self.expressions(&place.key(&i.to_string()), field, item);
                }
            }
            Value::String(text) => {
                if let Some(Err(cause)) = paths::expression(text) {
                    let shown: String = text.chars().take(60).collect();
                    self.say(
                        place,
                        format!("{shown:?} in {field} of {} {cause}", place.said),
                    );
                } else if field == "Condition" && paths::expression(text).is_none() {
                    self.say(
                        place,
                        format!(
                            "{field} of {} is no expression between {{% and %}}",
                            place.said
                        ),
                    );
                }
            }
            _ if field == "Condition" && !value.is_boolean() => self.say(
                place,
                format!(
                    "{field} of {} is no expression between {{% and %}}",
                    place.said
                ),
            ),
            _ => {}
        }
    }

    /// What stands for a value that something else would fill in: `${Name}`.
    fn unfilled(&mut self, pointer: &str, value: &Value) {
        match value {
            Value::Object(fields) => {
                for (key, value) in fields {
                    let key = source::step(key);
                    self.unfilled(&format!("{pointer}/{key}"), value);
                }
            }
            Value::Array(items) => {
                for (i, item) in items.iter().enumerate() {
                    self.unfilled(&format!("{pointer}/{i}"), item);
                }
            }
            Value::String(text) if paths::expression(text).is_none() => {
                let Some(name) = unfilled(text) else {
                    return;
                };
                let field = pointer.rsplit('/').next().unwrap_or_default();
                let cause = format!("{field} holds {name}, {NOT_FILLED_IN}");
                self.add(pointer, cause, text.starts_with("arn:"));
            }
            _ => {}
        }
    }
}

/// Which field is meant by a name that no field has: one that is spelt almost so, or else begins so.
fn meant<'a>(name: &str, known: impl Iterator<Item = &'a str> + Clone) -> Option<String> {
    let begins_so = || {
        let begin = name.get(..4)?;
        let field = known.clone().find(|field| field.starts_with(begin))?;
        Some(format!("did you mean '{field}'?"))
    };
    did_you_mean(name, known.clone()).or_else(begins_so)
}

const NOT_FILLED_IN: &str =
    "which nothing fills in: write a setting or a name of the lab, like {{ functions.worker.arn }}";

/// The first `${Name}` of a text.
fn unfilled(text: &str) -> Option<&str> {
    let start = text.find("${")?;
    let end = text[start..]
        .find('}')
        .map_or(text.len(), |end| start + end + 1);
    let name = &text[start..end];
    let plain = |c: char| c.is_alphanumeric() || "_:.-${}".contains(c);
    name.chars().all(plain).then_some(name)
}

/// A whole number that is written with a fraction of zero.
fn whole(number: &serde_json::Number) -> Option<u64> {
    let number = number.as_f64()?;
    (number.fract() == 0.0 && (0.0..1e15).contains(&number)).then_some(number as u64)
}

fn is_timestamp(text: &str) -> bool {
    text.contains('T') && text.parse::<jiff::Timestamp>().is_ok()
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

/// What may be meant so and is worth a look, for the first student: the others' differ in values only.
pub(crate) fn remarks(desired: &Desired) -> Vec<String> {
    let machines = desired
        .stacks
        .first()
        .into_iter()
        .flat_map(|stack| &stack.state_machines);
    let said = machines.flat_map(|machine| {
        let found = problems(&machine.definition)
            .into_iter()
            .filter(|problem| !problem.certain);
        found.map(|problem| format!("{}: {}", machine.name, problem.cause))
    });
    said.collect()
}

#[cfg(test)]
mod tests;
