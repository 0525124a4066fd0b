//! `homeroom.toml`: the settings that a class keeps.
//!
//! Keys are the long options. The file is read key by key, not into one derived struct: so every mistake in
//! it is said at once and each with its line, and a misspelt key gets a suggestion.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::layer::{Layer, Origin, verbosity};
use super::values::{PolicyArn, Quota, operation};
use crate::aws::Operation;
use crate::text::failure::Failure;
use crate::text::similar;

/// The name of the settings file, in the current folder.
pub(super) const NAME: &str = "homeroom.toml";

/// Every key that the file may have.
const KEYS: &[&str] = &[
    "roster",
    "lab",
    "class",
    "students",
    "section",
    "profile",
    "region",
    "endpoint-url",
    "local",
    "account",
    "invoke-base",
    "quota-scale",
    "reports",
    "output",
    "color",
    "verbose",
    "quiet",
    "role_boundary",
    "settings",
    "quotas",
    "publish-columns",
    "allow-in-roles",
];

/// What the file says: a layer, and what only the file has.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct File {
    pub layer: Layer,
    /// Overrides of the lab's settings: texts, numbers and switches.
    pub lab_settings: toml::Table,
    pub quotas: BTreeMap<Operation, Quota>,
    /// The roster's columns that may be shown besides the four known ones.
    pub publish_columns: Vec<String>,
    /// The permissions boundary that the account's owner demands of every role.
    pub role_boundary: Option<PolicyArn>,
    /// What of the lab may reach far, by [`crate::lab::Risk::key`].
    pub allow_in_roles: Vec<String>,
}

/// Reads the file's text; the failures come in the file's order.
pub(super) fn parse(text: &str) -> Result<File, Vec<Failure>> {
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut reader = Reader {
        text,
        failures: Vec::new(),
    };
    let file = if errors.is_empty() {
        Some(reader.file(table.into_inner()))
    } else {
        for error in errors {
            reader.fail(
                error.span().unwrap_or_default(),
                None,
                format!("not TOML: {}", error.message()),
                "write texts in quotes and one setting a line: class = \"spring\"",
            );
        }
        None
    };
    match file {
        Some(file) if reader.failures.is_empty() => Ok(file),
        _ => {
            reader.failures.sort_by_key(|(place, _)| *place);
            Err(reader.failures.into_iter().map(|(_, f)| f).collect())
        }
    }
}

struct Reader<'a> {
    text: &'a str,
    /// With the place in the text.
    failures: Vec<(usize, Failure)>,
}

impl<'a> Reader<'a> {
    fn file(&mut self, table: DeTable<'a>) -> File {
        let mut layer = Layer {
            origin: Origin::File,
            ..Layer::default()
        };
        let mut lab_settings = toml::Table::new();
        let mut quotas = BTreeMap::new();
        let mut publish_columns = None;
        let mut allow_in_roles = None;
        let (mut verbose, mut quiet, mut role_boundary) = (None, None, None);
        for (key, value) in table {
            let at = key.span();
            let key = key.into_inner();
            match key.as_ref() {
                "roster" => layer.roster = self.value(&key, value),
                "lab" => layer.lab = self.value(&key, value),
                "class" => layer.class = self.value(&key, value),
                "students" => layer.students = self.value(&key, value),
                "section" => layer.section = self.value(&key, value),
                "profile" => layer.profile = self.value(&key, value),
                "region" => layer.region = self.value(&key, value),
                "endpoint-url" => layer.endpoint_url = self.value(&key, value),
                "local" => layer.local = self.value(&key, value),
                "account" => layer.account = self.value(&key, value),
                "invoke-base" => layer.invoke_base = self.value(&key, value),
                "quota-scale" => layer.quota_scale = self.value(&key, value),
                "reports" => layer.reports = self.value(&key, value),
                "output" => layer.output = self.value(&key, value),
                "color" => layer.color = self.value(&key, value),
                "verbose" => verbose = self.value(&key, value),
                "quiet" => quiet = self.value(&key, value),
                "role_boundary" | "role-boundary" => role_boundary = self.value(&key, value),
                "settings" => lab_settings = self.lab_settings(value),
                "quotas" => quotas = self.quotas(value),
                "publish-columns" => publish_columns = self.value(&key, value),
                "allow-in-roles" => allow_in_roles = self.value(&key, value),
                _ => self.unknown(at, &key),
            }
        }
        if verbose.is_some() || quiet.is_some() {
            layer.verbosity = Some(verbosity(
                verbose.unwrap_or_default(),
                quiet.unwrap_or_default(),
            ));
        }
        File {
            layer,
            lab_settings,
            quotas,
            publish_columns: publish_columns.unwrap_or_default(),
            role_boundary,
            allow_in_roles: allow_in_roles.unwrap_or_default(),
        }
    }

    fn unknown(&mut self, at: Range<usize>, key: &str) {
        // "endpoint_url" is one edit away from the key meant, so this finds it too.
        let hint = similar::did_you_mean(key, KEYS.iter().copied())
            .unwrap_or_else(|| format!("the settings are {}", KEYS.join(", ")));
        self.fail(
            at,
            None,
            format!("there is no setting '{}'", key.escape_debug()),
            hint,
        );
    }

    fn value<T: DeserializeOwned>(&mut self, key: &str, value: Spanned<DeValue<'a>>) -> Option<T> {
        let at = value.span();
        match T::deserialize(ValueDeserializer::from(value)) {
            Ok(value) => Some(value),
            Err(error) => {
                let written = self.written(&at);
                self.fail(
                    at,
                    Some(key),
                    format!("{written}: {}", error.message()),
                    "texts stand in quotes; docs/settings.md says what each setting takes",
                );
                None
            }
        }
    }

    /// A value as the file has it, on one line and cut where it is long.
    fn written(&self, at: &Range<usize>) -> String {
        const MOST: usize = 60;
        let written = self.text.get(at.clone()).unwrap_or_default();
        let line = written.lines().next().unwrap_or_default();
        match line.char_indices().nth(MOST) {
            Some((end, _)) => format!("{}…", &line[..end]),
            None if line.len() < written.len() => format!("{line}…"),
            None => line.to_owned(),
        }
    }

    fn table(&mut self, key: &str, value: Spanned<DeValue<'a>>) -> DeTable<'a> {
        let at = value.span();
        if let DeValue::Table(table) = value.into_inner() {
            return table;
        }
        self.fail(
            at,
            Some(key),
            format!("'{key}' is a table, not a single value"),
            format!("write [{key}] on a line of its own, and what belongs to it below"),
        );
        DeTable::new()
    }

    fn lab_settings(&mut self, value: Spanned<DeValue<'a>>) -> toml::Table {
        let mut settings = toml::Table::new();
        for (key, value) in self.table("settings", value) {
            let name = key.into_inner().into_owned();
            let at = value.span();
            match self.value(&name, value) {
                Some(
                    value @ (toml::Value::String(_)
                    | toml::Value::Integer(_)
                    | toml::Value::Float(_)
                    | toml::Value::Boolean(_)),
                ) => {
                    settings.insert(name, value);
                }
                Some(other) => {
                    let cause = format!(
                        "a lab's setting is a text, a number, true or false, and this is a value of the kind '{}'",
                        other.type_str()
                    );
                    self.fail(at, Some(&name), cause, "give one plain value");
                }
                None => {}
            }
        }
        settings
    }

    fn quotas(&mut self, value: Spanned<DeValue<'a>>) -> BTreeMap<Operation, Quota> {
        let mut quotas = BTreeMap::new();
        for (key, value) in self.table("quotas", value) {
            let at = key.span();
            let name = key.into_inner();
            match operation(&name) {
                Ok(operation) => {
                    if let Some(quota) = self.value(&name, value) {
                        quotas.insert(operation, quota);
                    }
                }
                Err(error) => self.fail(
                    at,
                    Some("quotas"),
                    format!("'{}' {error}", name.escape_debug()),
                    "an example: \"apigateway:CreateRestApi\" = { rate = 2.0, burst = 5 }",
                ),
            }
        }
        quotas
    }

    fn fail(
        &mut self,
        at: Range<usize>,
        key: Option<&str>,
        cause: String,
        hint: impl Into<String>,
    ) {
        let before = self.text.get(..at.start).unwrap_or(self.text);
        let line = 1 + before.matches('\n').count();
        let key = key.map_or_else(String::new, |key| format!(" ({})", key.escape_debug()));
        self.failures.push((
            at.start,
            Failure {
                subject: format!("{NAME}, line {line}{key}"),
                cause,
                hint: Some(hint.into()),
                request_id: None,
            },
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> String {
        parse(text)
            .expect_err("a file with mistakes")
            .iter()
            .map(|f| format!("{f}\n  hint: {}\n", f.hint.as_deref().unwrap_or("none")))
            .collect()
    }

    #[test]
    fn every_setting_can_stand_in_the_file() {
        let text = r#"
            roster = "roster/spring.csv"
            lab = "."
            class = "spring"
            students = ["user1", "user5"]
            section = "A"
            profile = "training"
            region = "us-east-1"
            endpoint-url = "http://127.0.0.1:4566"
            local = false
            account = "123456789012"
            invoke-base = "http://127.0.0.1:4566"
            quota-scale = 0.5
            reports = "out"
            output = "json"
            color = "never"
            verbose = 2
            quiet = 1
            publish-columns = ["Team"]
            role_boundary = "arn:aws:iam::123456789012:policy/org"
            allow-in-roles = ["worker: action s3:*"]
            [settings]
            log_level = "DEBUG"
            log_retention_days = 14
            [quotas]
            "apigateway:CreateRestApi" = { rate = 2.0, burst = 5 }
        "#;
        let file = parse(text).expect("a good file");
        assert_eq!(file.layer.verbosity, Some(1));
        assert_eq!(file.layer.local, Some(false));
        assert_eq!(file.publish_columns, ["Team"]);
        assert_eq!(
            file.lab_settings["log_retention_days"].as_integer(),
            Some(14)
        );
        let quota = file.quotas[&Operation::CreateRestApi];
        assert_eq!((quota.rate, quota.burst), (2.0, 5));
        for key in KEYS {
            assert!(text.contains(key), "{key} is not in this test");
        }
    }

    #[test]
    fn an_empty_file_says_nothing() {
        let file = parse("# nothing yet\n").expect("a good file");
        assert!(file.lab_settings.is_empty() && file.quotas.is_empty());
        assert_eq!(file.layer.class, None);
    }

    #[test]
    fn every_mistake_is_said_at_once_with_its_line() {
        insta::assert_snapshot!(
            "file_mistakes",
            said(
                r#"rostre = "class.csv"
endpoint_url = "http://127.0.0.1:4566"
class = "spring term"
account = 123456789012
quota-scale = "fast"
students = []
output = "xml"
color = 7
nonsense = true
publish-columns = "team"
local = "yes"
settings.tags = ["a"]
[quotas]
"lambda:CreateFunctoin" = { rate = 1.0, burst = 1 }
"lambda:GetFunction" = { rate = 0.0, burst = 1 }
"lambda:GetPolicy" = { rate = 1.0, bust = 1 }
"#
            )
        );
    }

    #[test]
    fn broken_toml_names_the_line() {
        insta::assert_snapshot!(
            "file_broken",
            said("class = \"spring\"\nregion = us-east-1\n")
        );
    }
}
