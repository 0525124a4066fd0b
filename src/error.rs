//! Errors that end a command, and the exit code of each kind.

use crate::ids::PlaceName;
use crate::text::failure::Failure;

/// How the process ends. The codes stand in `docs/exit-codes.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Everything is done: 0.
    Done,
    /// Something could not be read or written, and no student's outcome says so; also any error without a code of its own: 1.
    General,
    /// The command line, the roster or the lab is invalid. Nothing was touched: 2.
    Invalid,
    /// At least one student failed: 3.
    SomeFailed,
    /// The selection matched nobody: 4.
    NobodySelected,
    /// Something remains after a teardown: 5.
    Remains,
    /// The plan has changes, and the user asked for this code: 6.
    Changes,
    /// Refused for safety: 7.
    Refused,
    /// The user stopped it: 130.
    Interrupted,
}

impl Exit {
    /// The process's exit code.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::General => 1,
            Self::Invalid => 2,
            Self::SomeFailed => 3,
            Self::NobodySelected => 4,
            Self::Remains => 5,
            Self::Changes => 6,
            Self::Refused => 7,
            Self::Interrupted => 130,
        }
    }

    /// The graver one of two ends.
    pub(crate) fn or(self, other: Self) -> Self {
        let gravity = |exit| {
            let order = [
                Self::Done,
                Self::SomeFailed,
                Self::Changes,
                Self::Remains,
                Self::NobodySelected,
                Self::General,
                Self::Invalid,
                Self::Refused,
                Self::Interrupted,
            ];
            order.iter().position(|one| *one == exit)
        };
        match gravity(other) > gravity(self) {
            true => other,
            false => self,
        }
    }
}

/// An error that ends a command: one or more failures, all said at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// With what code it ends the process.
    pub exit: Exit,
    /// What is wrong; never empty.
    pub failures: Vec<Failure>,
}

impl Error {
    /// Several failures of a kind, all said at once.
    pub(crate) fn of(exit: Exit, failures: Vec<Failure>) -> Self {
        Self { exit, failures }
    }

    /// One failure of a kind.
    pub(crate) fn new(exit: Exit, subject: impl Into<String>, cause: impl Into<String>) -> Self {
        Self::of(exit, vec![Failure::new(subject, cause)])
    }

    /// Adds another error: its failures are said as well, and the graver exit counts.
    pub(crate) fn join(&mut self, other: Self) {
        self.exit = self.exit.or(other.exit);
        let news = other.failures.into_iter();
        let news: Vec<Failure> = news.filter(|one| !self.failures.contains(one)).collect();
        self.failures.extend(news);
    }

    /// The same, with the place of the class where it happened.
    pub(crate) fn at(mut self, place: Option<&PlaceName>) -> Self {
        if let Some(place) = place {
            for failure in &mut self.failures {
                failure.subject = format!("place {place}: {}", failure.subject);
            }
        }
        self
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_graver_end_counts_whichever_comes_first() {
        for (one, other, graver) in [
            (Exit::Done, Exit::SomeFailed, Exit::SomeFailed),
            (Exit::SomeFailed, Exit::Remains, Exit::Remains),
            (Exit::Changes, Exit::General, Exit::General),
            (Exit::General, Exit::Interrupted, Exit::Interrupted),
        ] {
            assert_eq!((one.or(other), other.or(one)), (graver, graver));
        }
    }

    #[test]
    fn errors_of_several_places_are_said_together_and_each_once() {
        let place = "east".parse().unwrap();
        let mut all = Error::new(Exit::General, "AWS", "gone").at(Some(&place));
        all.join(Error::new(Exit::Refused, "AWS", "gone"));
        all.join(Error::new(Exit::General, "AWS", "gone"));
        assert_eq!(all.exit, Exit::Refused);
        assert_eq!(all.to_string(), "place east: AWS: gone\nAWS: gone");
    }
}
