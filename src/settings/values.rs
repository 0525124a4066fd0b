//! The values that settings take, each checked when it is read, wherever it is written: on the command
//! line, in a variable, or in `homeroom.toml`.

use std::fmt;
use std::str::FromStr;

use clap::ValueEnum;
use serde::{Deserialize, Deserializer};

use crate::aws::Operation;
use crate::text::similar;

/// Why a value was refused, in words that finish the sentence "VALUE …".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ValueError(String);

fn refused<T>(why: impl Into<String>) -> Result<T, ValueError> {
    Err(ValueError(why.into()))
}

macro_rules! text_type {
    ($(#[$doc:meta])* $name:ident, $check:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
        #[serde(try_from = "String")]
        pub struct $name(String);

        impl $name {
            /// The value as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = ValueError;
            fn from_str(text: &str) -> Result<Self, ValueError> {
                let check: fn(&str) -> Result<(), ValueError> = $check;
                check(text)?;
                Ok(Self(text.to_owned()))
            }
        }

        impl TryFrom<String> for $name {
            type Error = ValueError;
            fn try_from(text: String) -> Result<Self, ValueError> {
                text.parse()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
    };
}

text_type!(
    /// An AWS account id: twelve digits.
    AccountId,
    |text| {
        if text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit()) {
            Ok(())
        } else {
            refused("is not an account id: twelve digits, without dashes")
        }
    }
);

text_type!(
    /// The ARN of a managed policy: `arn:aws:iam::123456789012:policy/NAME`, or one of AWS's own.
    PolicyArn,
    |text| {
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let good = match parts.as_slice() {
            ["arn", partition, "iam", "", account, resource] => {
                let digits = account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit());
                let name = resource.strip_prefix("policy/").unwrap_or_default();
                partition.starts_with("aws")
                    && (*account == "aws" || digits)
                    && !name.is_empty()
                    && !name.contains(|c: char| c.is_whitespace() || c.is_control() || c == '*')
            }
            _ => false,
        };
        match good {
            true => Ok(()),
            false => refused(
                "is not the ARN of a managed policy, such as arn:aws:iam::123456789012:policy/boundary",
            ),
        }
    }
);

impl PolicyArn {
    /// The account whose policy it is; `aws` for AWS's own.
    pub fn account(&self) -> &str {
        self.0.split(':').nth(4).unwrap_or_default()
    }
}

text_type!(
    /// The name of an AWS region (`us-east-1`). Whether AWS has it, AWS says.
    Region,
    |text| {
        let parts: Vec<&str> = text.split('-').collect();
        let letters = |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase());
        match parts.as_slice() {
            [places @ .., number]
                if places.len() >= 2
                    && places.iter().all(letters)
                    && !number.is_empty()
                    && number.bytes().all(|b| b.is_ascii_digit()) =>
            {
                Ok(())
            }
            _ => refused("is not the name of a region, such as us-east-1"),
        }
    }
);

text_type!(
    /// The address of an endpoint: `http://` or `https://`, a host, perhaps a port and a path.
    EndpointUrl,
    |text| {
        let host = text
            .strip_prefix("https://")
            .or_else(|| text.strip_prefix("http://"));
        match host {
            Some(host)
                if host.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '[')
                    && !text.contains(|c: char| c.is_whitespace() || c.is_control()) =>
            {
                Ok(())
            }
            _ => refused("is not an endpoint's address, such as http://127.0.0.1:4566"),
        }
    }
);

text_type!(
    /// The name of a profile in AWS's own configuration files.
    Profile,
    |text| {
        if text.trim().is_empty() {
            refused("is empty; name a profile of ~/.aws/config")
        } else {
            Ok(())
        }
    }
);

/// How fast to go against AWS's request quotas.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum QuotaScale {
    /// AWS's published rates times this factor: 0.001 to 1000. 1 is the default, 0.5 leaves half of
    /// the account's quota to others.
    Factor(f64),
    /// No pacing at all: for an endpoint without quotas.
    Off,
}

impl QuotaScale {
    fn factor(factor: f64) -> Result<Self, ValueError> {
        if (0.001..=1000.0).contains(&factor) {
            Ok(Self::Factor(factor))
        } else {
            refused("is not a factor from 0.001 to 1000, or the word off")
        }
    }
}

impl std::fmt::Display for QuotaScale {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Factor(factor) => write!(f, "{factor}"),
            Self::Off => f.write_str("off"),
        }
    }
}

impl FromStr for QuotaScale {
    type Err = ValueError;
    fn from_str(text: &str) -> Result<Self, ValueError> {
        if text.eq_ignore_ascii_case("off") {
            return Ok(Self::Off);
        }
        // What is no number at all is refused in the same words as what is no factor.
        Self::factor(text.parse().unwrap_or(f64::NAN))
    }
}

impl<'de> Deserialize<'de> for QuotaScale {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(
            untagged,
            expecting = "expected a factor from 0.001 to 1000, or \"off\""
        )]
        enum Written {
            Number(f64),
            Text(String),
        }
        match Written::deserialize(deserializer)? {
            Written::Number(factor) => Self::factor(factor),
            Written::Text(text) => text.parse(),
        }
        .map_err(serde::de::Error::custom)
    }
}

/// What stands on stdout.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(try_from = "String")]
pub enum OutputFormat {
    /// Tables and sentences for people
    #[default]
    Text,
    /// Exactly one JSON document
    Json,
}

/// When to use colour.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(try_from = "String")]
pub enum ColorWhen {
    /// On a terminal, unless NO_COLOR is set
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// One of an option's words, in any case.
fn one_of<T: ValueEnum>(text: &str) -> Result<T, ValueError> {
    <T as ValueEnum>::from_str(text, true).or_else(|_| {
        let words: Vec<String> = T::value_variants()
            .iter()
            .filter_map(ValueEnum::to_possible_value)
            .map(|word| word.get_name().to_owned())
            .collect();
        refused(format!("is not one of {}", words.join(", ")))
    })
}

macro_rules! words_type {
    ($name:ident) => {
        impl FromStr for $name {
            type Err = ValueError;
            fn from_str(text: &str) -> Result<Self, ValueError> {
                one_of(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = ValueError;
            fn try_from(text: String) -> Result<Self, ValueError> {
                one_of(&text)
            }
        }
    };
}

words_type!(OutputFormat);
words_type!(ColorWhen);

/// Names of students as they were given, `user1,user5` or a list; at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StudentNames(pub Vec<String>);

impl StudentNames {
    /// The names in these lists, each of which may hold several with commas between.
    pub fn from_lists<'a>(lists: impl IntoIterator<Item = &'a str>) -> Result<Self, ValueError> {
        let names: Vec<String> = lists
            .into_iter()
            .flat_map(|list| list.split(','))
            .map(|name| name.trim().to_owned())
            .filter(|name| !name.is_empty())
            .collect();
        if names.is_empty() {
            // An empty variable in a script must never come to mean everybody.
            return refused("names no student; leave it out to mean the whole class");
        }
        Ok(Self(names))
    }
}

impl FromStr for StudentNames {
    type Err = ValueError;
    fn from_str(text: &str) -> Result<Self, ValueError> {
        Self::from_lists([text])
    }
}

impl<'de> Deserialize<'de> for StudentNames {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(
            untagged,
            expecting = "expected a list of usernames: [\"user1\", \"user5\"]"
        )]
        enum Written {
            One(String),
            List(Vec<String>),
        }
        let names = match Written::deserialize(deserializer)? {
            Written::One(text) => text.parse(),
            Written::List(list) => Self::from_lists(list.iter().map(String::as_str)),
        };
        names.map_err(serde::de::Error::custom)
    }
}

/// The name of a section: not empty.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Section(String);

impl Section {
    /// The name, without surrounding spaces.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Section {
    type Err = ValueError;
    fn from_str(text: &str) -> Result<Self, ValueError> {
        match text.trim() {
            "" => refused("names no section; leave it out to mean the whole class"),
            name => Ok(Self(name.to_owned())),
        }
    }
}

impl TryFrom<String> for Section {
    type Error = ValueError;
    fn try_from(text: String) -> Result<Self, ValueError> {
        text.parse()
    }
}

/// A request quota of the account, where it is not the published one (`[quotas]` in `homeroom.toml`).
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(try_from = "WrittenQuota")]
pub struct Quota {
    /// Requests per second, finite and above zero.
    pub rate: f64,
    /// Requests that may come at once; at least one.
    pub burst: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenQuota {
    rate: f64,
    burst: u32,
}

impl TryFrom<WrittenQuota> for Quota {
    type Error = ValueError;
    fn try_from(written: WrittenQuota) -> Result<Self, ValueError> {
        let WrittenQuota { rate, burst } = written;
        if !(rate.is_finite() && rate > 0.0) {
            return refused("the rate is requests per second, above zero");
        }
        if burst == 0 {
            return refused("the burst is how many requests may come at once, at least 1");
        }
        Ok(Self { rate, burst })
    }
}

/// The operation of that name (`service:Operation`).
pub fn operation(name: &str) -> Result<Operation, ValueError> {
    let found = Operation::ALL.iter().find(|known| known.as_str() == name);
    match found {
        Some(&operation) => Ok(operation),
        None => {
            let names = Operation::ALL.iter().map(|known| known.as_str());
            let hint = similar::did_you_mean(name, names).unwrap_or_else(|| {
                "write service:Operation, as in lambda:CreateFunction".to_owned()
            });
            refused(format!("is no operation that homeroom calls; {hint}"))
        }
    }
}

/// A switch in a variable: 1, true, yes, on, or 0, false, no, off.
pub fn switch(text: &str) -> Result<bool, ValueError> {
    match text.trim().to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Ok(true),
        "0" | "false" | "no" | "off" => Ok(false),
        _ => refused("is neither true nor false"),
    }
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
            assert!(empty.parse::<StudentNames>().is_err(), "{empty:?}");
            assert!(empty.replace(',', "").parse::<Section>().is_err());
        }
        assert_eq!(
            " user1, user5,".parse(),
            Ok(StudentNames(vec!["user1".to_owned(), "user5".to_owned()]))
        );
    }

    #[test]
    fn a_mistyped_operation_gets_a_suggestion() {
        assert_eq!(
            operation("lambda:CreateFunction"),
            Ok(Operation::CreateFunction)
        );
        let error = operation("apigateway:CreateRestAPIs").unwrap_err();
        assert!(
            error.to_string().contains("'apigateway:CreateRestApi'"),
            "{error}"
        );
    }
}
