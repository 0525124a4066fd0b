//! Names of resources: a fixed text around the username.

use crate::ids::{USERNAME_MAX, Username};
use crate::roster::UsernameLimit;
use crate::stack::kinds::Kind;

/// How the names of one resource of the stack are made: the username between two fixed texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamePattern {
    pub(crate) kind: Kind,
    pub(crate) prefix: String,
    pub(crate) suffix: String,
}

impl NamePattern {
    pub(crate) fn name(&self, username: &Username) -> String {
        self.around(username.as_str())
    }

    /// The text in the username's place, if the name is of this pattern. It need not be a username of the class.
    pub(crate) fn username_in<'a>(&self, name: &'a str) -> Option<&'a str> {
        let username = name
            .strip_prefix(self.prefix.as_str())?
            .strip_suffix(self.suffix.as_str())?;
        (!username.is_empty()).then_some(username)
    }

    pub(crate) fn around(&self, username: &str) -> String {
        format!("{}{username}{}", self.prefix, self.suffix)
    }

    pub(crate) fn name_max(&self) -> usize {
        self.kind.facts().name_max
    }

    /// Longest username that the name has room for; zero when there is none.
    pub(crate) fn room(&self) -> usize {
        self.name_max()
            .saturating_sub(self.prefix.len() + self.suffix.len())
    }

    /// The character of the fixed part that some AWS name refuses, if there is one.
    pub(crate) fn bad_character(&self) -> Option<char> {
        let plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        let slash = |c: &char| self.kind == Kind::LogGroup && *c == '/';
        self.prefix
            .chars()
            .chain(self.suffix.chars())
            .find(|c| !plain(c) && !slash(c))
    }
}

pub(crate) fn username_limit(patterns: &[NamePattern]) -> UsernameLimit {
    match patterns.iter().min_by_key(|pattern| pattern.room()) {
        Some(pattern) if pattern.room() <= USERNAME_MAX => UsernameLimit {
            max: pattern.room(),
            because: format!(
                "{} '{}' (at most {} characters)",
                pattern.kind,
                pattern.around("<username>"),
                pattern.name_max()
            ),
        },
        _ => UsernameLimit {
            max: USERNAME_MAX,
            because: "homeroom's limit on usernames".to_owned(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pattern(kind: Kind, prefix: &str, suffix: &str) -> NamePattern {
        NamePattern {
            kind,
            prefix: prefix.into(),
            suffix: suffix.into(),
        }
    }

    proptest! {
        #[test]
        fn a_username_is_found_again_in_its_name(
            username in "[A-Za-z0-9][A-Za-z0-9_-]{0,39}",
            prefix in "[a-z/-]{0,12}",
            suffix in "[a-z-]{0,12}",
        ) {
            let pattern = pattern(Kind::Function, &prefix, &suffix);
            let name = pattern.name(&username.parse().unwrap());
            prop_assert_eq!(pattern.username_in(&name), Some(username.as_str()));
        }
    }

    #[test]
    fn names_of_another_pattern_hold_no_username() {
        let pattern = pattern(Kind::Function, "", "-process-data");
        assert_eq!(pattern.username_in("user1-process-data"), Some("user1"));
        for name in ["user1-send", "-process-data", "", "process-data"] {
            assert_eq!(pattern.username_in(name), None, "{name}");
        }
        // The prefix and the suffix must not overlap.
        let overlap = super::tests::pattern(Kind::Role, "a-b", "b-c");
        assert_eq!(overlap.username_in("a-b-c"), None);
    }

    #[test]
    fn the_tightest_name_limits_the_username_and_is_named() {
        let long = "-x".repeat(20);
        let limit = username_limit(&[
            pattern(Kind::StateMachine, "", "-m"),
            pattern(Kind::Function, "", &long),
        ]);
        assert_eq!(limit.max, 24);
        assert!(
            limit.because.contains("<username>-x-x"),
            "{}",
            limit.because
        );
        assert!(limit.because.contains("64"), "{}", limit.because);
    }

    #[test]
    fn short_names_leave_the_limit_to_homeroom() {
        let limit = username_limit(&[pattern(Kind::Function, "", "-f")]);
        assert_eq!(limit.max, USERNAME_MAX);
    }
}
