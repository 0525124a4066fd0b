//! Counts, lists and durations as a person says them, and a word as a shell reads it.

use std::time::Duration;

/// `1 student`, `30 students`. Regular nouns only.
pub(crate) fn plural(count: usize, noun: &str) -> String {
    if count == 1 {
        format!("1 {noun}")
    } else {
        format!("{count} {noun}s")
    }
}

/// `45s`, `1m 12s`, `2h 04m`.
pub(crate) fn duration(elapsed: Duration) -> String {
    let seconds = elapsed.as_secs();
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, s) => format!("{s}s"),
        (0, m, s) => format!("{m}m {s:02}s"),
        (h, m, _) => format!("{h}h {m:02}m"),
    }
}

/// `18 min`, `2 h 10 min`, `3 days`: how long ago something was, or how long it has gone on. Less than nothing is 0 min.
pub(crate) fn minutes(span: jiff::SignedDuration) -> String {
    let minutes = span.as_mins().max(0);
    match (minutes / 60, minutes % 60) {
        (0, minutes) => format!("{minutes} min"),
        (hours @ 48.., _) => format!("{} days", hours / 24),
        (hours, 0) => format!("{hours} h"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}

/// The first `most` of a list, and how many more there are: `user1, user2 and 7 more`.
pub(crate) fn some_of<T: AsRef<str>>(items: &[T], most: usize) -> String {
    let shown: Vec<&str> = items.iter().take(most).map(AsRef::as_ref).collect();
    match items.len().saturating_sub(most) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// A word in single quotes for a POSIX shell: a quote ends the string, is escaped alone, and begins it anew.
pub(crate) fn posix_quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// An enum whose variants are words in `--output json`, in the run log or in AWS's API. Nothing reads the words back.
macro_rules! word_enum {
    ($(#[$meta:meta])* $name:ident { $($(#[$variant_meta:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$variant_meta])* $variant,)*
        }

        impl $name {
            /// The word.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S>(&self, serializer: S) -> Result<S::Ok, S::Error>
            where
                S: serde::Serializer,
            {
                serializer.serialize_str(self.as_str())
            }
        }
    };
}

pub(crate) use word_enum;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_lists_and_durations_read_as_english() {
        assert_eq!(plural(1, "student"), "1 student");
        assert_eq!(plural(0, "student"), "0 students");
        assert_eq!(duration(Duration::from_millis(45_900)), "45s");
        assert_eq!(duration(Duration::from_secs(72)), "1m 12s");
        assert_eq!(duration(Duration::from_secs(2 * 3600 + 4 * 60)), "2h 04m");
        assert_eq!(some_of(&["a", "b", "c"], 2), "a, b and 1 more");
        assert_eq!(some_of(&["a", "b"], 2), "a, b");
    }

    #[test]
    fn a_value_is_one_word_of_a_shell_whatever_is_in_it() {
        assert_eq!(posix_quoted("http://127.0.0.1:1"), "'http://127.0.0.1:1'");
        assert_eq!(
            posix_quoted("a'; rm -rf '$HOME"),
            r"'a'\''; rm -rf '\''$HOME'"
        );
    }
}
