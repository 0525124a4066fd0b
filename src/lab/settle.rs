//! Settings, and the names that may depend on them.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use tera::Context;

use crate::ids::ApiType;
use crate::lab::Lab;
use crate::lab::model::MANIFEST;
use crate::lab::model::{ApiEntry, ApiLimits, ApiTable, FigureOrText, ManifestEntry, entry_key};
use crate::lab::problems::{Problems, known};
use crate::lab::template::Templates;
use crate::stack::kinds::api::{Authorization, BURST_MAX, RATE_MAX, Throttle};
use crate::stack::kinds::function::RESERVED_MAX;
use crate::stack::kinds::http_api::STAGE;
use crate::stack::kinds::log_group;
use crate::stack::names::NamePattern;

/// Longest stage name. Source: API Gateway CreateStage, `stageName`.
const STAGE_MAX: usize = 128;

/// Says that a function reserves nothing.
pub(super) const NO_FIGURE: &str = "off";

/// What messages call a setting that was given as a text.
pub(super) const SET: &str = "--set";

impl Lab {
    /// The settings as templates see them.
    pub(super) fn settings_json(&self) -> Map<String, Value> {
        let json = |(key, value): (&String, &toml::Value)| {
            Some((key.clone(), serde_json::to_value(value).ok()?))
        };
        self.settings.iter().filter_map(json).collect()
    }

    /// A setting that is a text; empty when it is not.
    pub(crate) fn text_setting(&self, key: &str) -> &str {
        let value = self.settings.get(key);
        value.and_then(toml::Value::as_str).unwrap_or_default()
    }

    /// Days that log events are kept. Once the settings are checked, AWS accepts this number.
    pub(super) fn retention_days(&self) -> i32 {
        let days = self.settings.get("log_retention_days");
        let days = days.and_then(toml::Value::as_integer);
        days.and_then(|days| days.try_into().ok())
            .unwrap_or_default()
    }

    /// Puts other values in the place of the lab's own; `whose` says in messages where they come from.
    pub(super) fn override_settings(
        &mut self,
        overrides: &BTreeMap<String, toml::Value>,
        whose: &str,
        problems: &mut Problems,
    ) {
        for (key, value) in overrides {
            let Some(current) = self.settings.get(key) else {
                let hint = known("settings", self.settings.keys().map(String::as_str));
                let cause = format!("{key:?} is no setting of lab {}", self.id());
                problems.add(whose, cause).hint = Some(hint);
                continue;
            };
            let value = match (current, value) {
                // Whoever overrides 0.8 by 1 means 1.0.
                #[expect(clippy::cast_precision_loss, reason = "settings are small numbers")]
                (toml::Value::Float(_), toml::Value::Integer(n)) => toml::Value::Float(*n as f64),
                (current, value) if current.same_type(value) => value.clone(),
                (current, value) => {
                    let (given, wanted) = (value.type_str(), current.type_str());
                    problems.add(
                        whose,
                        format!("{key} = {value} is a {given}, not a {wanted}"),
                    );
                    continue;
                }
            };
            self.settings.insert(key.clone(), value);
        }
    }

    /// Settings that were given as texts, as the lab's own are typed. A key that the lab does not have stays a text, and is
    /// refused like any other.
    pub(super) fn typed(
        &self,
        texts: &BTreeMap<String, String>,
        problems: &mut Problems,
    ) -> BTreeMap<String, toml::Value> {
        let mut typed = BTreeMap::new();
        for (key, text) in texts {
            let trimmed = text.trim();
            let (value, wanted) = match self.settings.get(key) {
                Some(toml::Value::Integer(_)) => (
                    trimmed.parse().ok().map(toml::Value::Integer),
                    "a whole number",
                ),
                Some(toml::Value::Float(_)) => {
                    let number = trimmed.parse().ok().filter(|n: &f64| n.is_finite());
                    (number.map(toml::Value::Float), "a number")
                }
                Some(toml::Value::Boolean(_)) => (
                    trimmed.parse().ok().map(toml::Value::Boolean),
                    "true or false",
                ),
                _ => (Some(toml::Value::String(text.clone())), "a text"),
            };
            match value {
                Some(value) => drop(typed.insert(key.clone(), value)),
                None => {
                    let cause = format!("{key} = {text:?} is not {wanted}");
                    problems.add(SET, cause);
                }
            }
        }
        typed
    }

    /// Checks the settings, and works out what depends on them.
    pub(super) fn settle(&mut self, problems: &mut Problems) {
        for key in ["region", "runtime"] {
            if self.text_setting(key).trim().is_empty() {
                let cause = format!("[settings] {key} is missing or not a text");
                problems.add(MANIFEST, cause);
            }
        }
        if !log_group::RETENTION_DAYS.contains(&self.retention_days()) {
            let shown = self.settings.get("log_retention_days");
            let shown = shown.map_or_else(|| "nothing".to_owned(), ToString::to_string);
            let cause = format!(
                "[settings] log_retention_days is {shown}, which CloudWatch Logs does not accept"
            );
            let days = log_group::RETENTION_DAYS.map(|days| days.to_string());
            problems.add(MANIFEST, cause).hint =
                Some(format!("it accepts {} days", days.join(", ")));
        }
        let mut context = Context::new();
        context.insert("lab", self.id());
        context.insert("settings", &self.settings_json());
        let manifest = &mut self.manifest;
        let mut of_settings = OfSettings {
            templates: &self.templates,
            context,
            problems,
        };
        of_settings.name(&mut manifest.functions);
        of_settings.name(&mut manifest.roles);
        of_settings.name(&mut manifest.state_machines);
        for api in &mut manifest.apis {
            (api.api_type, api.stage) = of_settings.type_and_stage(api);
            api.limits = of_settings.limits(api);
        }
        of_settings.name(&mut manifest.apis);
        for function in &mut manifest.functions {
            let key = entry_key("function", &function.id, "reserved_concurrency");
            let figure = function.reserved_concurrency.as_ref();
            function.reserved =
                figure.and_then(|f| of_settings.figure(&key, f, RESERVED_MAX, Some(NO_FIGURE)));
        }
    }
}

/// Works out what depends on the settings alone, so that every student gets the same.
struct OfSettings<'a> {
    templates: &'a Templates,
    /// The lab's id and the settings.
    context: Context,
    problems: &'a mut Problems,
}

impl OfSettings<'_> {
    fn say(&mut self, cause: String) {
        self.problems.add(MANIFEST, cause);
    }

    /// A text of the manifest, filled in. `knows` is the hint: what the text may name.
    fn filled(&mut self, key: &str, context: &Context, knows: &str) -> Option<String> {
        let filled = self.templates.text(key, context).map_err(|error| {
            let problem = self.problems.add(MANIFEST, format!("{key}: {error}"));
            problem.hint = Some(knows.to_owned());
        });
        filled.ok()
    }

    fn text(&mut self, key: &str) -> Option<String> {
        let context = self.context.clone();
        self.filled(key, &context, "it knows lab and settings only")
    }

    /// A whole number from 1 to `max`; `None` where the text is the word `none`, or wrong.
    fn figure(
        &mut self,
        key: &str,
        figure: &FigureOrText,
        max: u32,
        none: Option<&str>,
    ) -> Option<u32> {
        let text = match figure {
            FigureOrText::Number(number) => number.to_string(),
            FigureOrText::Text(_) => self.text(key)?,
        };
        let text = text.trim();
        if Some(text) == none {
            return None;
        }
        let number = text.parse().ok().filter(|n| (1..=max).contains(n));
        if number.is_none() {
            let or = none.map(|word| format!("{word:?} or ")).unwrap_or_default();
            self.say(format!(
                "{key} is {text:?}, not {or}a whole number from 1 to {max}"
            ));
        }
        number
    }

    fn type_and_stage(&mut self, api: &ApiEntry) -> (ApiType, String) {
        let whose = api.key("type");
        let types = || ApiType::ALL.map(ApiType::as_str).join(" or ");
        let api_type = match (&api.type_text, api.table) {
            (None, ApiTable::RestApi) => ApiType::Rest,
            (Some(_), ApiTable::RestApi) => {
                self.say(format!(
                    "{whose}: a [[rest_api]] is of the type REST; write [[api]]"
                ));
                ApiType::Rest
            }
            (None, ApiTable::Api) => {
                self.say(format!("{whose} is missing; it is {}", types()));
                ApiType::Rest
            }
            (Some(template), ApiTable::Api) => {
                let text = self.text(&whose);
                let mut all = ApiType::ALL.into_iter();
                let found = text
                    .as_ref()
                    .and_then(|text| all.find(|t| t.as_str() == text));
                if let (None, Some(text)) = (found, text) {
                    let problem = self
                        .problems
                        .add(MANIFEST, format!("{whose} is {text:?}, not {}", types()));
                    let filled = text != *template;
                    problem.hint = filled.then(|| format!("it is filled in from {template}"));
                }
                found.unwrap_or_default()
            }
        };
        let whose = api.key("stage");
        let given = api.rest_stage.as_deref();
        let stage = match (api_type, given) {
            (ApiType::Http, Some(given))
                if given != STAGE && api.type_text.as_deref() == Some("HTTP") =>
            {
                self.say(format!(
                    "{whose} = {given:?}: the stage of an HTTP API is {STAGE}; leave it out"
                ));
                STAGE
            }
            (ApiType::Http, _) => STAGE,
            (ApiType::Rest, Some(given)) => {
                let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
                if !(1..=STAGE_MAX).contains(&given.len()) || !given.chars().all(plain) {
                    self.say(format!(
                        "{whose} = {given:?} is no stage name; use letters, digits, '-' and '_'"
                    ));
                }
                given
            }
            (ApiType::Rest, None) => {
                self.say(format!(
                    "{whose} is missing; a REST API answers at a stage, such as \"prod\""
                ));
                ""
            }
        };
        (api_type, stage.to_owned())
    }

    fn limits(&mut self, api: &ApiEntry) -> ApiLimits {
        let key = |what: &str| api.key(what);
        let mut limits = ApiLimits::default();
        let whose = key("authorization");
        if let Some(text) = api.authorization.as_ref().and_then(|_| self.text(&whose)) {
            match Authorization::ALL.iter().find(|a| a.as_str() == text) {
                Some(found) => limits.authorization = *found,
                None => {
                    let known = Authorization::ALL.map(Authorization::as_str).join(" or ");
                    self.say(format!("{whose} is {text:?}, not {known}"));
                }
            }
        }
        if let Some(throttle) = &api.throttle {
            let rate = self.figure(&key("throttle.rate"), &throttle.rate, RATE_MAX, None);
            let burst = self.figure(&key("throttle.burst"), &throttle.burst, BURST_MAX, None);
            limits.throttle = rate
                .zip(burst)
                .map(|(rate, burst)| Throttle { rate, burst });
        }
        limits
    }

    fn name<E: ManifestEntry>(&mut self, entries: &mut [E]) {
        for index in 0..entries.len() {
            let pattern = self.pattern(&entries[index]);
            if entries[..index].iter().any(|e| *e.pattern() == pattern) {
                let name = pattern.around("<username>");
                self.say(format!("two resources are named {} '{name}'", pattern.kind));
            }
            entries[index].set_pattern(pattern);
        }
    }

    fn pattern<E: ManifestEntry>(&mut self, entry: &E) -> NamePattern {
        // Mixed case, to find a filter that changes the case of the username.
        const STAND_IN: &str = "Stand0In";
        let whose = entry_key(entry.table(), entry.id(), "name");
        let mut context = self.context.clone();
        context.insert("username", STAND_IN);
        let knows = "names know username, lab and settings only";
        let name = self.filled(&whose, &context, knows);
        let parts = name
            .as_deref()
            .map(|name| name.split(STAND_IN).collect::<Vec<_>>());
        let (prefix, suffix) = match parts.as_deref() {
            Some([prefix, suffix]) => (*prefix, *suffix),
            None => ("", ""),
            Some(_) => {
                self.say(format!(
                    "{whose} must hold {{{{ username }}}} once, as it is"
                ));
                ("", "")
            }
        };
        let pattern = NamePattern {
            kind: entry.kind(),
            prefix: prefix.to_owned(),
            suffix: suffix.to_owned(),
        };
        if let Some(bad) = pattern.bad_character() {
            self.say(format!(
                "{whose} contains {bad:?}; use letters, digits, '-' and '_' only"
            ));
        }
        if pattern.room() == 0 {
            let (kind, max) = (pattern.kind, pattern.name_max());
            self.say(format!(
                "{whose} leaves no room for a username; a {kind} has at most {max} characters"
            ));
        }
        pattern
    }
}
