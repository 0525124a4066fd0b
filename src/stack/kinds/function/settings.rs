//! What a student changed in a function: its code, and its settings.

use std::collections::BTreeSet;

use crate::stack::diff::{DiffLine, Difference, Differing, SettingsDiff};
use crate::stack::kinds::Planning;
use crate::stack::kinds::drift::{Drift, Extras};

use super::{Seen, Spec};

/// A setting of a function that not every lab makes, by its name in Lambda's API. Source: UpdateFunctionConfiguration,
/// UpdateFunctionCode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FunctionSetting {
    /// Written with the code.
    Architectures,
    DeadLetterConfig,
    EphemeralStorage,
    FileSystemConfigs,
    KmsKeyArn,
    Layers,
    LoggingConfig,
    SnapStart,
    TracingConfig,
    VpcConfig,
}

impl FunctionSetting {
    /// Its name in the API, and AWS's default in words for people.
    pub(crate) fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Architectures => ("Architectures", "x86_64"),
            Self::DeadLetterConfig => ("DeadLetterConfig", "none"),
            Self::EphemeralStorage => ("EphemeralStorage", "512 MB"),
            Self::FileSystemConfigs => ("FileSystemConfigs", "none"),
            Self::KmsKeyArn => ("KMSKeyArn", "none"),
            Self::Layers => ("Layers", "none"),
            Self::LoggingConfig => ("LoggingConfig", "Text, the function's own log group"),
            Self::SnapStart => ("SnapStart", "none"),
            Self::TracingConfig => ("TracingConfig", "PassThrough"),
            Self::VpcConfig => ("VpcConfig", "none"),
        }
    }
}

#[derive(Debug)]
pub(super) struct ChangedPart {
    /// The code, or else the configuration.
    pub(crate) is_code: bool,
    names: Vec<String>,
    pub(crate) diff: Vec<DiffLine>,
}

impl ChangedPart {
    pub(crate) fn word(&self) -> &'static str {
        match self.is_code {
            true => "code",
            false => "configuration",
        }
    }
}

pub(super) fn changed_parts(at: &Planning<'_>, wanted: &Spec, seen: &Seen) -> Vec<ChangedPart> {
    let drift = wanted.difference(at.scope, at.owner(), seen);
    let mut parts = Vec::new();
    if drift.code == Drift::Theirs {
        let mut code = SettingsDiff::default();
        code.compare("CodeSha256", &wanted.code.sha256, &seen.code_sha256);
        // The zip needs no name: it is the code.
        code.names.clear();
        parts.push(part(code, wanted, seen, true));
    }
    if drift.config == Drift::Theirs {
        let role_arn = at.scope.role_arn(&at.owner().class, &wanted.role);
        let differs = configuration(&role_arn, wanted, seen);
        parts.push(part(differs, wanted, seen, false));
    }
    parts
}

/// A part, with those of its settings that not every lab sets.
fn part(mut differs: SettingsDiff, wanted: &Spec, seen: &Seen, is_code: bool) -> ChangedPart {
    for (name, wanted, seen) in optional(wanted, seen, is_code) {
        differs.compare(name, &wanted, &seen);
    }
    ChangedPart {
        is_code,
        names: differs.names,
        diff: differs.diff,
    }
}

/// What the student changed, with the names of the settings: `code and configuration (Timeout, Layers)`.
pub(super) fn words(parts: &[ChangedPart]) -> String {
    let parts = parts.iter().map(|part| match part.names.is_empty() {
        true => part.word().to_owned(),
        false => format!("{} ({})", part.word(), part.names.join(", ")),
    });
    parts.collect::<Vec<_>>().join(" and ")
}

/// Which settings differ, old and new. Values of environment variables may be secrets: only names are shown.
fn configuration(role_arn: &str, wanted: &Spec, seen: &Seen) -> SettingsDiff {
    let mut found = SettingsDiff::default();
    for (name, wanted, seen) in plain(role_arn, wanted, seen) {
        found.compare(name, &wanted, &seen);
    }
    let variable = |name: &str, what: &str| format!("environment variable {name}{what}");
    let (old, new) = (&wanted.environment, &seen.environment);
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let before = found.diff.len();
    for name in names {
        let (removed, added) = match (old.get(name), new.get(name)) {
            (Some(_), None) => (Some(""), None),
            (None, Some(_)) => (None, Some("")),
            (old, new) if old != new => (Some(" (its old value)"), Some(" (its new value)")),
            _ => continue,
        };
        let removed = removed.map(|what| DiffLine::Removed(variable(name, what)));
        let added = added.map(|what| DiffLine::Added(variable(name, what)));
        found.diff.extend(removed.into_iter().chain(added));
    }
    if found.diff.len() > before {
        found.names.push("Environment".to_owned());
    }
    found
}

/// The settings that are no variables: name, as the lab has it, as it is.
fn plain(role_arn: &str, wanted: &Spec, seen: &Seen) -> [(&'static str, String, String); 5] {
    let of = |name, wanted: &str, seen: &str| (name, wanted.to_owned(), seen.to_owned());
    let number = |name, wanted: i32, seen: i32, unit: &str| {
        (name, format!("{wanted} {unit}"), format!("{seen} {unit}"))
    };
    [
        of("Runtime", &wanted.runtime, &seen.runtime),
        of("Handler", &wanted.handler, &seen.handler),
        of("Role", role_arn, &seen.role_arn),
        number("Timeout", wanted.timeout_s, seen.timeout_s, "s"),
        number("MemorySize", wanted.memory_mib, seen.memory_mib, "MiB"),
    ]
}

/// The settings that not every lab sets, of the code or of the configuration: name, as the lab has it, as it is.
fn optional(wanted: &Spec, seen: &Seen, of_code: bool) -> Vec<(&'static str, String, String)> {
    let own = wanted.options.as_shown();
    let settings: BTreeSet<FunctionSetting> =
        own.keys().chain(seen.extras.keys()).copied().collect();
    let of_part = settings
        .into_iter()
        .filter(|setting| (*setting == FunctionSetting::Architectures) == of_code);
    let compared = of_part.map(|setting| {
        let (name, by_itself) = setting.words();
        let text = |all: &Extras<FunctionSetting>| {
            all.get(&setting)
                .cloned()
                .unwrap_or_else(|| by_itself.to_owned())
        };
        (name, text(&own), text(&seen.extras))
    });
    compared.collect()
}

/// What a deployment writes of a function because the lab has changed. What the student changed stands nowhere here: its
/// values may be secrets.
pub(super) fn differing(at: &Planning<'_>, wanted: &Spec, seen: &Seen) -> Differing {
    let drift = wanted.difference(at.scope, at.owner(), seen);
    let mut differs = Differing::default();
    if drift.code == Drift::Stale {
        let short = |sha256: &str| format!("zip {}…", sha256.chars().take(8).collect::<String>());
        differs.compare("code", short(&seen.code_sha256), short(&wanted.code.sha256));
        for (name, wanted, seen) in optional(wanted, seen, true) {
            differs.compare(name, seen, wanted);
        }
    }
    if drift.config == Drift::Stale {
        let role_arn = at.scope.role_arn(&at.owner().class, &wanted.role);
        let plain = plain(&role_arn, wanted, seen).into_iter();
        for (name, wanted, seen) in plain.chain(optional(wanted, seen, false)) {
            differs.compare(name, seen, wanted);
        }
        let (old, new) = (&seen.environment, &wanted.environment);
        let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
        for name in names {
            let what = format!("environment variable {name}");
            // A value is told only of a variable that the lab itself sets.
            let (old, new) = match (old.get(name), new.get(name)) {
                (Some(_), None) => (Some("set".to_owned()), None),
                (old, new) if old != new => (old.cloned(), new.cloned()),
                _ => continue,
            };
            differs.parts.push(Difference::new(what, old, new));
        }
    }
    if drift.limit {
        let reserved = wanted.reserved_concurrency;
        let reserved = reserved.map_or("none".to_owned(), |reserved| reserved.to_string());
        differs.compare("reserved concurrency", "not read", reserved);
    }
    differs
}
