//! Errors that end a command, and the exit code of each kind.

use crate::text::failure::Failure;

/// What kind of error ended the command. The exit codes stand in `docs/exit-codes.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Anything that has no code of its own: 1.
    General,
    /// The words typed, the roster or the lab are invalid; nothing was touched: 2.
    Invalid,
    /// The selection matched nobody: 4.
    NobodySelected,
    /// Refused for safety: 7.
    Refused,
    /// Interrupted: 130.
    Interrupted,
}

impl Kind {
    pub(crate) fn exit_code(self) -> u8 {
        match self {
            Self::General => 1,
            Self::Invalid => 2,
            Self::NobodySelected => 4,
            Self::Refused => 7,
            Self::Interrupted => 130,
        }
    }
}

/// An error that ends a command: one or more failures, all said at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// Its kind.
    pub kind: Kind,
    /// What is wrong; never empty.
    pub failures: Vec<Failure>,
}

impl Error {
    /// Several failures of a kind, all said at once.
    pub(crate) fn of(kind: Kind, failures: Vec<Failure>) -> Self {
        Self { kind, failures }
    }

    /// One failure of a kind.
    pub(crate) fn new(kind: Kind, subject: impl Into<String>, cause: impl Into<String>) -> Self {
        Self::of(kind, vec![Failure::new(subject, cause)])
    }

    /// Adds the next step to the last failure.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        if let Some(last) = self.failures.last_mut() {
            last.hint = Some(hint.into());
        }
        self
    }

    /// [`Self::hint`], where there is one.
    pub(crate) fn hint_if(self, hint: Option<String>) -> Self {
        match hint {
            Some(hint) => self.hint(hint),
            None => self,
        }
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (i, failure) in self.failures.iter().enumerate() {
            if i > 0 {
                writeln!(f)?;
            }
            write!(f, "{failure}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

/// Result of anything that can end a command.
pub(crate) type Result<T> = std::result::Result<T, Error>;
