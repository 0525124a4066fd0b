//! Settings that no lab makes, and that a student's rights let them make all the same: `UpdateFunctionConfiguration`,
//! `UpdateFunctionCode` and `UpdateStateMachine` take more than homeroom sends. Whatever of it is not as AWS makes it
//! by itself is the student's change, is shown, and can be put back.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A setting of a function, by its name in Lambda's API. Source: UpdateFunctionConfiguration, UpdateFunctionCode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FunctionSetting {
    /// `Architectures`: written with the code.
    Architectures,
    /// `DeadLetterConfig`.
    DeadLetterConfig,
    /// `EphemeralStorage`.
    EphemeralStorage,
    /// `FileSystemConfigs`.
    FileSystemConfigs,
    /// `KMSKeyArn`.
    KmsKeyArn,
    /// `Layers`.
    Layers,
    /// `LoggingConfig`.
    LoggingConfig,
    /// `SnapStart`.
    SnapStart,
    /// `TracingConfig`.
    TracingConfig,
    /// `VpcConfig`.
    VpcConfig,
}

impl FunctionSetting {
    /// Its name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Architectures => "Architectures",
            Self::DeadLetterConfig => "DeadLetterConfig",
            Self::EphemeralStorage => "EphemeralStorage",
            Self::FileSystemConfigs => "FileSystemConfigs",
            Self::KmsKeyArn => "KMSKeyArn",
            Self::Layers => "Layers",
            Self::LoggingConfig => "LoggingConfig",
            Self::SnapStart => "SnapStart",
            Self::TracingConfig => "TracingConfig",
            Self::VpcConfig => "VpcConfig",
        }
    }

    /// What AWS makes it where nobody says anything, for people.
    pub fn default_text(self) -> &'static str {
        match self {
            Self::Architectures => "x86_64",
            Self::EphemeralStorage => "512 MB",
            Self::LoggingConfig => "Text, the function's own log group",
            Self::TracingConfig => "PassThrough",
            Self::DeadLetterConfig
            | Self::FileSystemConfigs
            | Self::KmsKeyArn
            | Self::Layers
            | Self::SnapStart
            | Self::VpcConfig => "none",
        }
    }
}

/// A setting of a state machine, by its name in Step Functions' API. Source: UpdateStateMachine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum MachineSetting {
    /// `encryptionConfiguration`.
    EncryptionConfiguration,
    /// `loggingConfiguration`.
    LoggingConfiguration,
    /// `tracingConfiguration`.
    TracingConfiguration,
}

impl MachineSetting {
    /// Its name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::EncryptionConfiguration => "encryptionConfiguration",
            Self::LoggingConfiguration => "loggingConfiguration",
            Self::TracingConfiguration => "tracingConfiguration",
        }
    }

    /// What AWS makes it where nobody says anything, for people.
    pub fn default_text(self) -> &'static str {
        match self {
            Self::EncryptionConfiguration => "AWS_OWNED_KEY",
            Self::LoggingConfiguration => "OFF",
            Self::TracingConfiguration => "disabled",
        }
    }
}

/// Settings that are not as AWS makes them by itself, each with a text that is the same for the same value.
pub type Extras<S> = BTreeMap<S, String>;

/// The names of some settings, for a sentence: `Layers, TracingConfig`.
pub fn names<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().collect::<Vec<_>>().join(", ")
}
