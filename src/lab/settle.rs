//! Settings, and the names that may depend on them.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use tera::Context;

use crate::lab::model;
use crate::lab::problems::{Problems, known};
use crate::lab::read::{api_key, name_key, reserved_key};
use crate::lab::verify::MANIFEST;
use crate::lab::{ApiLimits, Lab, Names};
use crate::stack::kinds::function::RESERVED_MAX;
use crate::stack::kinds::rest_api::{Authorization, BURST_MAX, RATE_MAX, Throttle};
use crate::stack::kinds::{Kind, log_group};
use crate::stack::names::NamePattern;

impl Lab {
    /// The settings as templates see them.
    pub(super) fn settings_json(&self) -> Map<String, Value> {
        let json = |(key, value): (&String, &toml::Value)| {
            Some((key.clone(), serde_json::to_value(value).ok()?))
        };
        self.settings.iter().filter_map(json).collect()
    }

    /// A setting that is a text; empty when it is not.
    pub(super) fn text_setting(&self, key: &str) -> &str {
        self.settings
            .get(key)
            .and_then(toml::Value::as_str)
            .unwrap_or_default()
    }

    /// Days that log events are kept; one that AWS accepts, since the settings were checked.
    pub(super) fn retention_days(&self) -> i32 {
        let days = self
            .settings
            .get("log_retention_days")
            .and_then(toml::Value::as_integer);
        days.and_then(|days| i32::try_from(days).ok())
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
                problems
                    .add(whose, format!("{key:?} is no setting of lab {}", self.id()))
                    .hint = Some(hint);
                continue;
            };
            let value = match (current, value) {
                // Whoever overrides 0.8 by 1 means 1.0.
                #[expect(clippy::cast_precision_loss, reason = "settings are small numbers")]
                (toml::Value::Float(_), toml::Value::Integer(n)) => toml::Value::Float(*n as f64),
                (current, value) if current.same_type(value) => value.clone(),
                (current, value) => {
                    let cause = format!(
                        "{key} = {value} is a {}, not a {}",
                        value.type_str(),
                        current.type_str()
                    );
                    problems.add(whose, cause);
                    continue;
                }
            };
            self.settings.insert(key.clone(), value);
        }
    }

    /// Checks the settings, and works out what depends on them.
    pub(super) fn settle(&mut self, problems: &mut Problems) {
        for key in ["region", "runtime"] {
            if self.text_setting(key).trim().is_empty() {
                problems.add(
                    MANIFEST,
                    format!("[settings] {key} is missing or not a text"),
                );
            }
        }
        if !log_group::RETENTION_DAYS.contains(&self.retention_days()) {
            let shown = self
                .settings
                .get("log_retention_days")
                .map_or_else(|| "nothing".to_owned(), ToString::to_string);
            let days: Vec<_> = log_group::RETENTION_DAYS
                .iter()
                .map(i32::to_string)
                .collect();
            problems
                .add(MANIFEST, format!("[settings] log_retention_days is {shown}, which CloudWatch Logs does not accept"))
                .hint = Some(format!("it accepts {} days", days.join(", ")));
        }
        self.names = self.work_out_names(problems);
        let limits = self.manifest.rest_apis.iter();
        self.api_limits = limits.map(|api| self.limits(api, problems)).collect();
        let functions = self.manifest.functions.iter();
        self.reserved = functions.map(|f| self.reserved(f, problems)).collect();
    }

    /// Who may call an API, and how often: the same for every student.
    fn limits(&self, api: &model::RestApi, problems: &mut Problems) -> ApiLimits {
        let mut context = Context::new();
        context.insert("lab", self.id());
        context.insert("settings", &self.settings_json());
        let mut text = |key: &str| match self.templates.text(&api_key(&api.id, key), &context) {
            Ok(text) => Some(text),
            Err(error) => {
                let whose = api_key(&api.id, key);
                problems.add(MANIFEST, format!("{whose}: {error}")).hint =
                    Some("it knows lab and settings only".into());
                None
            }
        };
        let authorization = api
            .authorization
            .as_ref()
            .and_then(|_| text("authorization"));
        let throttle = api.throttle.as_ref().map(|throttle| {
            throttle.figures().map(|(key, figure)| match figure {
                model::Figure::Number(number) => Some(number.to_string()),
                model::Figure::Text(_) => text(key),
            })
        });
        let mut limits = ApiLimits::default();
        if let Some(text) = authorization {
            match Authorization::ALL.iter().find(|a| a.as_str() == text) {
                Some(found) => limits.authorization = *found,
                None => {
                    let whose = api_key(&api.id, "authorization");
                    let known = Authorization::ALL.map(Authorization::as_str).join(" or ");
                    problems.add(MANIFEST, format!("{whose} is {text:?}, not {known}"));
                }
            }
        }
        if let Some([Some(rate), Some(burst)]) = throttle {
            let mut figure = |key: &str, text: String, max: u32| {
                let number = text.trim().parse().ok().filter(|n| (1..=max).contains(n));
                if number.is_none() {
                    let whose = api_key(&api.id, key);
                    let cause = format!("{whose} is {text:?}, not a whole number from 1 to {max}");
                    problems.add(MANIFEST, cause);
                }
                number
            };
            let rate = figure("throttle.rate", rate, RATE_MAX);
            let burst = figure("throttle.burst", burst, BURST_MAX);
            limits.throttle = rate
                .zip(burst)
                .map(|(rate, burst)| Throttle { rate, burst });
        }
        limits
    }

    /// How many of a function may run at once: the same for every student.
    fn reserved(&self, function: &model::Function, problems: &mut Problems) -> Option<u32> {
        let whose = reserved_key(&function.id);
        let text = match function.reserved_concurrency.as_ref()? {
            model::Figure::Number(number) => number.to_string(),
            model::Figure::Text(_) => {
                let mut context = Context::new();
                context.insert("lab", self.id());
                context.insert("settings", &self.settings_json());
                match self.templates.text(&whose, &context) {
                    Ok(text) => text,
                    Err(error) => {
                        problems.add(MANIFEST, format!("{whose}: {error}")).hint =
                            Some("it knows lab and settings only".into());
                        return None;
                    }
                }
            }
        };
        match text.trim() {
            "off" => None,
            text => {
                let number = text.parse().ok().filter(|n| (1..=RESERVED_MAX).contains(n));
                if number.is_none() {
                    let cause = format!(
                        "{whose} is {text:?}, not \"off\" or a whole number from 1 to {RESERVED_MAX}"
                    );
                    problems.add(MANIFEST, cause);
                }
                number
            }
        }
    }

    fn work_out_names(&self, problems: &mut Problems) -> Names {
        let m = &self.manifest;
        let mut of = |kind: Kind, what: &str, ids: Vec<&String>| -> Vec<NamePattern> {
            ids.into_iter()
                .map(|id| self.name_pattern(kind, what, id, problems))
                .collect()
        };
        let functions = of(
            Kind::Function,
            "function",
            m.functions.iter().map(|x| &x.id).collect(),
        );
        let names = Names {
            roles: of(Kind::Role, "role", m.roles.iter().map(|x| &x.id).collect()),
            log_groups: functions
                .iter()
                .map(|function| NamePattern {
                    kind: Kind::LogGroup,
                    prefix: format!("/aws/lambda/{}", function.prefix),
                    suffix: function.suffix.clone(),
                })
                .collect(),
            functions,
            state_machines: of(
                Kind::StateMachine,
                "state_machine",
                m.state_machines.iter().map(|x| &x.id).collect(),
            ),
            rest_apis: of(
                Kind::RestApi,
                "rest_api",
                m.rest_apis.iter().map(|x| &x.id).collect(),
            ),
        };
        for patterns in [
            &names.roles,
            &names.functions,
            &names.state_machines,
            &names.rest_apis,
        ] {
            for (i, pattern) in patterns.iter().enumerate() {
                if patterns[..i].contains(pattern) {
                    let name = pattern.around("<username>");
                    problems.add(
                        MANIFEST,
                        format!("two resources are named {} '{name}'", pattern.kind),
                    );
                }
            }
        }
        names
    }

    fn name_pattern(
        &self,
        kind: Kind,
        what: &str,
        id: &str,
        problems: &mut Problems,
    ) -> NamePattern {
        // Mixed case, so that a filter on the username does not go unseen.
        const STAND_IN: &str = "Stand0In";
        let whose = format!("[[{what}]] {id:?}: name");
        let mut pattern = NamePattern {
            kind,
            prefix: String::new(),
            suffix: String::new(),
        };
        let mut context = Context::new();
        context.insert("username", STAND_IN);
        context.insert("lab", self.id());
        context.insert("settings", &self.settings_json());
        match self.templates.text(&name_key(what, id), &context) {
            Err(error) => {
                problems.add(MANIFEST, format!("{whose}: {error}")).hint =
                    Some("names know username, lab and settings only".into());
            }
            Ok(name) => match name.split(STAND_IN).collect::<Vec<_>>()[..] {
                [prefix, suffix] => {
                    pattern.prefix = prefix.to_owned();
                    pattern.suffix = suffix.to_owned();
                }
                _ => {
                    problems.add(
                        MANIFEST,
                        format!("{whose} must hold {{{{ username }}}} once, as it is"),
                    );
                }
            },
        }
        if let Some(bad) = pattern.bad_character() {
            problems.add(
                MANIFEST,
                format!("{whose} contains {bad:?}; use letters, digits, '-' and '_' only"),
            );
        }
        if pattern.room() == 0 {
            problems.add(
                MANIFEST,
                format!(
                    "{whose} leaves no room for a username; a {kind} has at most {} characters",
                    pattern.name_max()
                ),
            );
        }
        pattern
    }
}
