//! The values that options take. Each is checked when it is read from the command line, a variable or `homeroom.toml`.
//! A refusal finishes the sentence "VALUE …".

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use clap::ValueEnum;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use toml::de::ValueDeserializer;

use crate::aws::{Operation, regions};
use crate::ids::{ClassName, PlaceName};
use crate::text::moment::moment;
use crate::text::similar;
use crate::web::Url;

/// The value of an option. (On the command line clap reads it, by [`FromStr`] or [`ValueEnum`].)
pub(super) trait Value: Sized {
    fn from_text(text: &str) -> Result<Self, String>;

    fn from_toml(value: ValueDeserializer<'_>) -> Result<Self, String> {
        Self::from_text(&plain::<String>(value)?)
    }
}

/// What the file has, if it is of that kind.
pub(super) fn plain<T: DeserializeOwned>(value: ValueDeserializer<'_>) -> Result<T, String> {
    T::deserialize(value).map_err(|error| error.message().to_owned())
}

/// How values are read from a text and, where that is not a text, from the file.
macro_rules! values {
    ($($type:ty: $from_text:expr $(, $from_toml:expr)?;)*) => {
        $(impl Value for $type {
            fn from_text(text: &str) -> Result<Self, String> {
                $from_text(text)
            }
            $(fn from_toml(value: ValueDeserializer<'_>) -> Result<Self, String> {
                $from_toml(value)
            })?
        })*
    };
}

values! {
    AccountId: str::parse;
    PolicyArn: str::parse;
    PlaceName: parsed;
    RoleArn: str::parse;
    Region: str::parse;
    EndpointUrl: str::parse;
    Url: str::parse;
    SecretUrl: str::parse;
    Profile: str::parse;
    Section: str::parse;
    OutputFormat: one_of;
    ColorWhen: one_of;
    ClassName: parsed;
    PathBuf: parsed, plain;
    bool: switch, plain;
    u8: parsed, plain;
    QuotaScale: str::parse, QuotaScale::from_number_or_text;
    Timestamp: moment_of_text, moment_of_file;
    // Names of students; the other lists stand in the file alone.
    Vec<PlaceName>: place_names;
    Vec<String>: |text| student_names([text]), student_names_of_file;
    Vec<LabOverride>: lab_overrides, lab_overrides_of_file;
}

fn parsed<T: FromStr<Err: fmt::Display>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|error: T::Err| error.to_string())
}

fn moment_of_text(text: &str) -> Result<Timestamp, String> {
    moment(text).map_err(|refused| refused.in_full())
}

/// TOML has times of its own; as a text, one may have a zone in brackets.
fn moment_of_file(value: ValueDeserializer<'_>) -> Result<Timestamp, String> {
    match plain(value)? {
        toml::Value::String(text) => moment_of_text(&text),
        toml::Value::Datetime(at) => moment_of_text(&at.to_string()),
        other => moment_of_text(&other.to_string()),
    }
}

/// A text that was checked: what `$kept` makes of it, or the refusal.
macro_rules! checked_text {
    ($(#[$doc:meta])* $name:ident, $kept:expr, $refusal:literal $(, $near:expr)?) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name(String);

        impl $name {
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = String;
            fn from_str(text: &str) -> Result<Self, String> {
                let kept: fn(&str) -> Option<&str> = $kept;
                let refusal = || [$refusal.to_owned() $(, $near(text))?].concat();
                kept(text).map(|text| Self(text.to_owned())).ok_or_else(refusal)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
    };
}

/// An address that holds a token, as webhooks do. It is judged only once all sources are read, so that no refusal repeats
/// it; and never shown.
#[derive(Clone)]
pub struct SecretUrl(SecretString);

impl SecretUrl {
    /// The address, or why it cannot be used.
    pub(crate) fn url(&self) -> Result<Url, String> {
        self.0.expose_secret().parse()
    }
}

impl PartialEq for SecretUrl {
    fn eq(&self, other: &Self) -> bool {
        self.0.expose_secret() == other.0.expose_secret()
    }
}

impl Eq for SecretUrl {}

impl fmt::Debug for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretUrl")
    }
}

impl FromStr for SecretUrl {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Ok(Self(text.into()))
    }
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
}

fn has_blank(text: &str) -> bool {
    text.contains(|c: char| c.is_whitespace() || c.is_control())
}

checked_text!(
    /// An AWS account id.
    AccountId,
    |text| is_account(text).then_some(text),
    "is not an account id: twelve digits, without dashes"
);

checked_text!(
    /// The ARN of a managed policy: `arn:aws:iam::123456789012:policy/NAME`, or one of AWS's own.
    PolicyArn,
    |text| {
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let ["arn", partition, "iam", "", account, resource] = parts[..] else {
            return None;
        };
        let name = resource.strip_prefix("policy/").unwrap_or_default();
        let named = !name.is_empty() && !has_blank(name) && !name.contains('*');
        let owned = account == "aws" || is_account(account);
        (partition.starts_with("aws") && owned && named).then_some(text)
    },
    "is not the ARN of a managed policy, such as arn:aws:iam::123456789012:policy/boundary"
);

checked_text!(
    /// The ARN of a role to assume: `arn:aws:iam::123456789012:role/NAME`.
    RoleArn,
    |text| {
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let ["arn", partition, "iam", "", account, resource] = parts[..] else {
            return None;
        };
        let name = resource.strip_prefix("role/").unwrap_or_default();
        let named = !name.is_empty() && !has_blank(name) && !name.contains('*');
        (partition.starts_with("aws") && is_account(account) && named).then_some(text)
    },
    "is not the ARN of a role, such as arn:aws:iam::123456789012:role/homeroom"
);

impl RoleArn {
    /// The account whose role it is.
    pub(crate) fn account(&self) -> &str {
        self.0.split(':').nth(4).unwrap_or_default()
    }
}

impl PolicyArn {
    /// The account whose policy it is; `aws` for AWS's own.
    pub(crate) fn account(&self) -> &str {
        self.0.split(':').nth(4).unwrap_or_default()
    }
}

/// Another value for a setting of the lab, as text: only the lab knows the setting's type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabOverride {
    pub(crate) key: String,
    pub(crate) value: String,
}

impl FromStr for LabOverride {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('=');
        let (key, value) = parts
            .map(|(key, value)| (key.trim(), value))
            .filter(|(key, _)| !key.is_empty())
            .ok_or("is not KEY=VALUE, such as log_level=DEBUG")?;
        Ok(Self {
            key: key.to_owned(),
            value: value.to_owned(),
        })
    }
}

impl fmt::Display for LabOverride {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, value } = self;
        write!(f, "{key}={value}")
    }
}

/// Those of a variable, with commas between. A value with a comma in it needs the option or the file.
fn lab_overrides(text: &str) -> Result<Vec<LabOverride>, String> {
    let each = text.split(',').map(str::trim);
    let each = each.map(|one| {
        one.parse()
            .map_err(|why| format!("has {one:?}, which {why}"))
    });
    each.collect()
}

fn lab_overrides_of_file(_: ValueDeserializer<'_>) -> Result<Vec<LabOverride>, String> {
    Err("in this file the lab's settings stand below [settings], each on a line".to_owned())
}

fn near_region(text: &str) -> String {
    let meant = regions::near(text);
    meant.map_or_else(String::new, |region| format!("; did you mean '{region}'?"))
}

checked_text!(
    /// The name of an AWS region (`us-east-1`), perhaps one that AWS added later.
    Region,
    |text| {
        let (places, number) = text.rsplit_once('-')?;
        let is_place = |place: &str| !place.is_empty() && place.bytes().all(|b| b.is_ascii_lowercase());
        let numbered = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
        let formed = numbered && places.contains('-') && places.split('-').all(is_place);
        (formed && !regions::is_slip(text)).then_some(text)
    },
    "is not the name of a region, such as us-east-1",
    near_region
);

checked_text!(
    /// The address of an endpoint: `http://` or `https://`, a host, perhaps a port and a path.
    EndpointUrl,
    |text| {
        let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"))?;
        let begins = host.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '[');
        (begins && !has_blank(text)).then_some(text)
    },
    "is not an endpoint's address, such as http://127.0.0.1:4566"
);

checked_text!(
    /// The name of a profile in AWS's own configuration files.
    Profile,
    |text| (!text.trim().is_empty()).then_some(text),
    "is empty; name a profile of ~/.aws/config"
);

checked_text!(
    /// The name of a section, without the spaces around it.
    Section,
    |text| Some(text.trim()).filter(|name| !name.is_empty()),
    "names no section; leave it out to mean the whole class"
);

/// How fast to go against AWS's request quotas.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum QuotaScale {
    /// Multiplies AWS's published rates: 0.001 to 1000. 0.5 leaves half of the account's quota to others.
    Factor(f64),
    /// No pacing at all: for an endpoint without quotas.
    Off,
}

impl QuotaScale {
    fn factor(factor: f64) -> Result<Self, String> {
        let in_range = (0.001..=1000.0).contains(&factor);
        let refusal = || "is not a factor from 0.001 to 1000, or the word off".to_owned();
        in_range.then_some(Self::Factor(factor)).ok_or_else(refusal)
    }
    fn from_number_or_text(value: ValueDeserializer<'_>) -> Result<Self, String> {
        match plain(value)? {
            toml::Value::String(text) => text.parse(),
            toml::Value::Float(factor) => Self::factor(factor),
            toml::Value::Integer(factor) => Self::factor(factor as f64),
            _ => Err("expected a factor from 0.001 to 1000, or \"off\"".to_owned()),
        }
    }
}

impl fmt::Display for QuotaScale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Factor(factor) => write!(f, "{factor}"),
            Self::Off => f.write_str("off"),
        }
    }
}

impl FromStr for QuotaScale {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        if text.eq_ignore_ascii_case("off") {
            return Ok(Self::Off);
        }
        // NaN gives the same refusal as a factor out of range.
        Self::factor(text.parse().unwrap_or(f64::NAN))
    }
}

/// What stands on stdout.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    /// Tables and sentences for people
    #[default]
    Text,
    /// Exactly one JSON document
    Json,
    /// A JSON object a line: each event as it happens, then the document
    Jsonl,
}

impl OutputFormat {
    /// Whether stdout is for a program, so that nobody can be asked anything.
    pub(crate) fn is_for_programs(self) -> bool {
        self != Self::Text
    }
}

/// When to use colour.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum ColorWhen {
    /// On a terminal, unless NO_COLOR is set
    #[default]
    Auto,
    Always,
    Never,
}

/// One of an option's words, in any case.
fn one_of<T: ValueEnum>(text: &str) -> Result<T, String> {
    T::from_str(text, true).map_err(|_| {
        let words = T::value_variants().iter().filter_map(T::to_possible_value);
        let words: Vec<String> = words.map(|word| word.get_name().to_owned()).collect();
        format!("is not one of {}", words.join(", "))
    })
}

/// The students' names in these lists, each of which may hold several with commas between; at least one.
pub(super) fn student_names<'a>(
    lists: impl IntoIterator<Item = &'a str>,
) -> Result<Vec<String>, String> {
    let names = lists.into_iter().flat_map(|list| list.split(','));
    let names = names.map(str::trim).filter(|name| !name.is_empty());
    let names: Vec<String> = names.map(str::to_owned).collect();
    // An empty variable in a script must never select everybody.
    match names.is_empty() {
        true => Err("names no student; leave it out to mean the whole class".to_owned()),
        false => Ok(names),
    }
}

fn place_names(text: &str) -> Result<Vec<PlaceName>, String> {
    text.split(',').map(|name| parsed(name.trim())).collect()
}

fn student_names_of_file(value: ValueDeserializer<'_>) -> Result<Vec<String>, String> {
    let value: toml::Value = plain(value)?;
    let list = value
        .as_array()
        .map_or(std::slice::from_ref(&value), Vec::as_slice);
    let texts: Option<Vec<&str>> = list.iter().map(toml::Value::as_str).collect();
    let texts = texts.ok_or("expected a list of usernames: [\"user1\", \"user5\"]")?;
    student_names(texts)
}

/// A switch in a variable: 1, true, yes, on, or 0, false, no, off.
fn switch(text: &str) -> Result<bool, String> {
    match text.trim().to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Ok(true),
        "0" | "false" | "no" | "off" => Ok(false),
        _ => Err("is neither true nor false".to_owned()),
    }
}

/// A request quota of the account, where it is not the published one (`[quotas]` in `homeroom.toml`).
#[derive(Debug, Clone, Copy, PartialEq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct QuotaOverride {
    /// Requests per second, finite and above zero.
    pub(crate) rate: f64,
    /// Requests that may come at once; at least one.
    pub(crate) burst: u32,
}

impl QuotaOverride {
    pub(super) fn from_toml(value: ValueDeserializer<'_>) -> Result<Self, String> {
        let quota: Self = plain(value)?;
        if !(quota.rate.is_finite() && quota.rate > 0.0) {
            return Err("the rate is requests per second, above zero".to_owned());
        }
        if quota.burst == 0 {
            return Err("the burst is how many requests may come at once, at least 1".to_owned());
        }
        Ok(quota)
    }
}

/// The operation of that name (`service:Operation`).
pub(super) fn operation(name: &str) -> Result<Operation, String> {
    let found = Operation::ALL.iter().find(|known| known.as_str() == name);
    found.copied().ok_or_else(|| {
        let names = Operation::ALL.iter().map(|known| known.as_str());
        let hint = similar::did_you_mean(name, names)
            .unwrap_or_else(|| "write service:Operation, as in lambda:CreateFunction".to_owned());
        format!("is no operation that homeroom calls; {hint}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_id_is_twelve_digits() {
        assert!("123456789012".parse::<AccountId>().is_ok());
        for bad in [
            "",
            "12345678901",
            "1234-5678-9012",
            "１２３４５６７８９０１２",
        ] {
            assert!(bad.parse::<AccountId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn an_override_is_a_key_and_any_text_behind_the_first_equals_sign() {
        let read = |text: &str| text.parse::<LabOverride>().map(|o| (o.key, o.value));
        let pair = |key: &str, value: &str| Ok((key.to_owned(), value.to_owned()));
        assert_eq!(read("a=b=c"), pair("a", "b=c"));
        assert_eq!(read("a="), pair("a", ""));
        for bad in ["", "a", "=b", " =b"] {
            assert!(read(bad).is_err(), "{bad}");
        }
        let several = lab_overrides("a=1, b=2").unwrap();
        let shown: Vec<_> = several.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["a=1", "b=2"]);
        let refused = lab_overrides("a=1,b").unwrap_err();
        assert!(
            refused.contains("\"b\", which is not KEY=VALUE"),
            "{refused}"
        );
    }

    #[test]
    fn a_policys_arn_names_account_and_policy() {
        let own = "arn:aws:iam::123456789012:policy/org/boundary";
        assert_eq!(own.parse::<PolicyArn>().unwrap().account(), "123456789012");
        assert!(
            "arn:aws-us-gov:iam::aws:policy/PowerUserAccess"
                .parse::<PolicyArn>()
                .is_ok()
        );
        for bad in [
            "",
            "boundary",
            "arn:aws:iam::123456789012:role/r",
            "arn:aws:iam::12345:policy/p",
            "arn:aws:iam:us-east-1:123456789012:policy/p",
            "arn:aws:iam::123456789012:policy/",
            "arn:aws:iam::123456789012:policy/*",
        ] {
            assert!(bad.parse::<PolicyArn>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_region_has_places_and_a_number() {
        for good in ["us-east-1", "us-gov-west-1", "ap-southeast-14"] {
            assert!(good.parse::<Region>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "us",
            "useast1",
            "us-east",
            "us-east-1a",
            "US-EAST-1",
            "us--1",
            "us-east-1/x",
        ] {
            assert!(bad.parse::<Region>().is_err(), "{bad}");
        }
    }

    #[test]
    fn an_endpoint_has_a_scheme_and_a_host() {
        for good in [
            "http://127.0.0.1:4566",
            "https://vpce.example.com/x",
            "http://[::1]:4566",
        ] {
            assert!(good.parse::<EndpointUrl>().is_ok(), "{good}");
        }
        for bad in ["", "127.0.0.1:4566", "http://", "ftp://host", "http://a b"] {
            assert!(bad.parse::<EndpointUrl>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_quota_scale_is_off_or_a_factor_above_zero() {
        assert_eq!("off".parse(), Ok(QuotaScale::Off));
        assert_eq!("0.5".parse(), Ok(QuotaScale::Factor(0.5)));
        for bad in ["0", "-1", "inf", "NaN", "fast", ""] {
            assert!(bad.parse::<QuotaScale>().is_err(), "{bad}");
        }
    }

    #[test]
    fn an_empty_selection_never_means_everybody() {
        for empty in ["", " ", ",", " , ,"] {
            assert!(student_names([empty]).is_err(), "{empty:?}");
            assert!(empty.replace(',', "").parse::<Section>().is_err());
        }
        assert_eq!(
            student_names([" user1, user5,"]).unwrap(),
            ["user1", "user5"]
        );
    }

    #[test]
    fn a_mistyped_operation_gets_a_suggestion() {
        assert_eq!(
            operation("lambda:CreateFunction"),
            Ok(Operation::CreateFunction)
        );
        let error = operation("apigateway:CreateRestAPIs").unwrap_err();
        assert!(error.contains("'apigateway:CreateRestApi'"), "{error}");
    }
}
