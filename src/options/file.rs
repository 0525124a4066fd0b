//! `homeroom.toml`: the options that a class keeps.
//!
//! This reads the file key by key, not into one derived struct. So it reports every mistake at once, each with its line,
//! and suggests a key in the place of a misspelt one.

pub(super) mod places;

use std::collections::BTreeMap;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::values::{QuotaOverride, Value, operation, plain};
use super::{GlobalOptions, KEYS};
use crate::aws::Operation;
use crate::text::failure::Failure;
use crate::text::{shortened, similar};

/// The name of the file.
pub(super) const NAME: &str = "homeroom.toml";

/// Keys whose value may hold a secret, so that no refusal repeats it.
const SECRET: [&str; 2] = ["notify", "canvas-url"];

/// Reads the file's text as far as possible; the failures are in the file's order, and call the file `label`.
pub(super) fn parse(label: &str, text: &str) -> (GlobalOptions, Vec<Failure>) {
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut file = FileReader {
        label,
        text,
        failures: Vec::new(),
    };
    let mut options = GlobalOptions::default();
    for error in &errors {
        let at = error.span().unwrap_or_default();
        let hint = "write texts in quotes and one setting a line: class = \"spring\"";
        file.fail(at, None, format!("not TOML: {}", error.message()), hint);
    }
    if errors.is_empty() {
        for (key, value) in table.into_inner() {
            if !options.put(&mut file, key.get_ref(), value) {
                file.unknown(key.span(), key.get_ref(), KEYS);
            }
        }
        places::check(&mut file, &options);
    }
    file.failures.sort_by_key(|(place, _)| *place);
    let failures = file.failures.into_iter().map(|(_, failure)| failure);
    (options, failures.collect())
}

/// Reads the values, and keeps what is wrong with them.
pub(super) struct FileReader<'a> {
    label: &'a str,
    text: &'a str,
    /// With the place in the text.
    failures: Vec<(usize, Failure)>,
}

impl FileReader<'_> {
    pub(crate) fn value<T: Value>(&mut self, key: &str, value: Spanned<DeValue<'_>>) -> Option<T> {
        self.read(key, value, T::from_toml)
    }

    pub(crate) fn texts(&mut self, key: &str, value: Spanned<DeValue<'_>>) -> Option<Vec<String>> {
        self.read(key, value, plain)
    }

    pub(crate) fn lab_settings(
        &mut self,
        key: &str,
        value: Spanned<DeValue<'_>>,
    ) -> Option<toml::Table> {
        let mut settings = toml::Table::new();
        for (name, value) in self.table(key, value) {
            let (name, at) = (name.into_inner(), value.span());
            let Some(value) = self.read(&name, value, plain::<toml::Value>) else {
                continue;
            };
            if value.is_table() || value.is_array() || value.is_datetime() {
                let kind = value.type_str();
                let cause = format!(
                    "a lab's setting is a text, a number, true or false, and this is a value of the kind '{kind}'"
                );
                self.fail(at, Some(&name), cause, "give one plain value");
            } else {
                settings.insert(name.into_owned(), value);
            }
        }
        Some(settings)
    }

    pub(crate) fn quotas(
        &mut self,
        key: &str,
        value: Spanned<DeValue<'_>>,
    ) -> Option<BTreeMap<Operation, QuotaOverride>> {
        let mut quotas = BTreeMap::new();
        for (name, value) in self.table(key, value) {
            match operation(name.get_ref()) {
                Ok(operation) => {
                    let quota = self.read(name.get_ref(), value, QuotaOverride::from_toml);
                    quotas.extend(quota.map(|quota| (operation, quota)));
                }
                Err(why) => {
                    let cause = format!("'{}' {why}", name.get_ref().escape_debug());
                    let hint =
                        "an example: \"apigateway:CreateRestApi\" = { rate = 2.0, burst = 5 }";
                    self.fail(name.span(), Some(key), cause, hint);
                }
            }
        }
        Some(quotas)
    }

    fn read<'v, T>(
        &mut self,
        key: &str,
        value: Spanned<DeValue<'v>>,
        read: impl FnOnce(ValueDeserializer<'v>) -> Result<T, String>,
    ) -> Option<T> {
        let at = value.span();
        let read = read(ValueDeserializer::from(value)).map_err(|why| {
            let written = match SECRET.contains(&key) {
                true => "this value, which is not shown".to_owned(),
                false => self.written(&at),
            };
            let cause = format!("{written}: {why}");
            let hint = "texts stand in quotes; docs/settings.md says what each setting takes";
            self.fail(at, Some(key), cause, hint);
        });
        read.ok()
    }

    fn table<'v>(&mut self, key: &str, value: Spanned<DeValue<'v>>) -> DeTable<'v> {
        let at = value.span();
        if let DeValue::Table(table) = value.into_inner() {
            return table;
        }
        let cause = format!("'{key}' is a table, not a single value");
        let hint = format!("write [{key}] on a line of its own, and what belongs to it below");
        self.fail(at, Some(key), cause, hint);
        DeTable::new()
    }

    pub(super) fn unknown(&mut self, at: Range<usize>, key: &str, known: &[&str]) {
        // "endpoint_url" is one edit away from the key meant, so this finds it too.
        let hint = similar::did_you_mean(key, known.iter().copied())
            .unwrap_or_else(|| format!("the settings are {}", known.join(", ")));
        let cause = format!("there is no setting '{}'", key.escape_debug());
        self.fail(at, None, cause, hint);
    }

    /// A value as the file has it, on one line and cut where it is long.
    fn written(&self, at: &Range<usize>) -> String {
        const MOST: usize = 60;
        let written = self.text.get(at.clone()).unwrap_or_default();
        let line = written.lines().next().unwrap_or_default();
        match shortened(line, MOST) {
            short if short == line && line.len() < written.len() => format!("{line}…"),
            short => short,
        }
    }

    /// The line of a place in the text, from 1.
    pub(super) fn line(&self, at: usize) -> usize {
        let before = self.text.get(..at).unwrap_or(self.text);
        1 + before.matches('\n').count()
    }

    pub(super) fn fail(
        &mut self,
        at: Range<usize>,
        key: Option<&str>,
        cause: String,
        hint: impl Into<String>,
    ) {
        let line = self.line(at.start);
        let key = key.map_or_else(String::new, |key| format!(" ({})", key.escape_debug()));
        let failure = Failure::new(format!("{}, line {line}{key}", self.label), cause).hint(hint);
        self.failures.push((at.start, failure));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> String {
        let (_, failures) = parse(NAME, text);
        assert!(!failures.is_empty(), "a file with mistakes");
        failures
            .iter()
            .map(|f| format!("{f}\n  hint: {}\n", f.hint.as_deref().unwrap_or("none")))
            .collect()
    }

    fn good(text: &str) -> GlobalOptions {
        let (options, failures) = parse(NAME, text);
        assert_eq!(failures, []);
        options
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
            log-file = "calls.log"
            verbose = 2
            quiet = 1
            publish-columns = ["Team"]
            role_boundary = "arn:aws:iam::123456789012:policy/org"
            allow-in-roles = ["worker: action s3:*"]
            due = 2026-05-14T18:00:00+02:00
            ends = 2026-05-16T18:00:00+02:00
            canvas-url = "https://canvas.example.edu"
            notify = "https://hooks.example.com/T0/B0/x"
            notify-names = true
            [settings]
            log_level = "DEBUG"
            log_retention_days = 14
            [quotas]
            "apigateway:CreateRestApi" = { rate = 2.0, burst = 5 }
        "#;
        let in_places = "[[place]]\nname = \"one\"\nregion = \"eu-west-1\"\n";
        assert_eq!(good(in_places).places.map(|places| places.len()), Some(1));
        let file = good(text);
        assert_eq!(file.verbosity(), Some(1));
        assert_eq!(file.local, Some(false));
        assert_eq!(file.publish_columns, Some(vec!["Team".to_owned()]));
        assert_eq!(
            file.lab_settings.unwrap()["log_retention_days"].as_integer(),
            Some(14)
        );
        let quota = file.quotas.unwrap()[&Operation::CreateRestApi];
        assert_eq!((quota.rate, quota.burst), (2.0, 5));
        for key in KEYS.iter().filter(|key| **key != "place") {
            assert!(text.contains(key), "{key} is not in this test");
        }
    }

    #[test]
    fn a_due_time_is_a_time_of_toml_or_a_text_with_its_zone() {
        for value in [
            "2026-05-14T18:00:00+02:00",
            "\"2026-05-14T18:00:00+02:00\"",
            "\"2026-05-14T18:00[Europe/Zurich]\"",
        ] {
            let due = good(&format!("due = {value}")).due.unwrap();
            assert_eq!(due.to_string(), "2026-05-14T16:00:00Z", "{value}");
        }
        for (value, cause) in [
            (
                "2026-05-14T18:00:00",
                "has no time zone; write it, as in 2026-",
            ),
            ("2026-05-14", "has no time of day and no time zone"),
            ("\"Thursday\"", "is no time with a time zone"),
            ("18", "is no time with a time zone"),
        ] {
            let said = said(&format!("due = {value}"));
            assert!(
                said.contains("line 1 (due)") && said.contains(cause),
                "{said}"
            );
        }
    }

    #[test]
    fn an_address_that_may_hold_a_secret_is_never_repeated() {
        for (line, cause) in [
            (
                "canvas-url = \"https://verysecret@canvas.example.edu\"",
                "user's name",
            ),
            ("canvas-url = [\"verysecret\"]", "expected a string"),
            (
                "notify = [\"https://x.example/verysecret\"]",
                "expected a string",
            ),
            ("notify = { url = \"verysecret\" }", "expected a string"),
        ] {
            let said = said(line);
            assert!(said.contains("line 1") && said.contains(cause), "{said}");
            assert!(!said.contains("verysecret"), "{said}");
        }
    }

    #[test]
    fn an_empty_file_says_nothing() {
        assert_eq!(good("# nothing yet\n"), GlobalOptions::default());
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
    fn a_date_is_no_text() {
        let said = said("profile = 1979-05-27\nreports = 1979-05-27");
        assert_eq!(said.matches("invalid type").count(), 2, "{said}");
    }

    #[test]
    fn broken_toml_names_the_line() {
        insta::assert_snapshot!(
            "file_broken",
            said("class = \"spring\"\nregion = us-east-1\n")
        );
    }
}
