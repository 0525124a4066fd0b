//! What a student changed in a function: its code, and its settings.

use std::collections::BTreeSet;

use crate::stack::diff::{DiffLine, SettingsDiff};
use crate::stack::kinds::Planning;
use crate::stack::kinds::drift::Drift;

use super::{Seen, Spec};

/// A setting of a function that no lab makes, by its name in Lambda's API. Source: UpdateFunctionConfiguration,
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
        parts.push(part(code, seen, true));
    }
    if drift.config == Drift::Theirs {
        let role_arn = at.scope.role_arn(&at.owner().class, &wanted.role);
        parts.push(part(configuration(&role_arn, wanted, seen), seen, false));
    }
    parts
}

/// A part, with those of its settings that no lab sets.
fn part(mut differs: SettingsDiff, seen: &Seen, is_code: bool) -> ChangedPart {
    for (setting, value) in &seen.extras {
        if (*setting == FunctionSetting::Architectures) == is_code {
            let (name, by_itself) = setting.words();
            differs.compare(name, by_itself, value);
        }
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
    found.compare("Runtime", &wanted.runtime, &seen.runtime);
    found.compare("Handler", &wanted.handler, &seen.handler);
    found.compare("Role", role_arn, &seen.role_arn);
    let mut number = |name: &str, old: i32, new: i32, unit: &str| {
        found.compare(name, &format!("{old} {unit}"), &format!("{new} {unit}"));
    };
    number("Timeout", wanted.timeout_s, seen.timeout_s, "s");
    number("MemorySize", wanted.memory_mib, seen.memory_mib, "MiB");
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
