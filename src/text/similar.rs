//! "Did you mean …?": the known names that a mistyped one is closest to.

use strsim::levenshtein;

/// At most this many suggestions: more is a list, not a hint.
const MOST: usize = 3;

/// The candidates that are nearest to what was typed, case-insensitively, in their given order: those at the
/// smallest edit distance, if that is at most a third of the typed name's length (and at least one edit is
/// always forgiven). Empty when nothing comes near.
pub(crate) fn closest<'a>(
    typed: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Vec<&'a str> {
    let typed = typed.to_lowercase();
    let length = typed.chars().count();
    let mut nearest = (length / 3).max(1);
    let mut found = Vec::new();
    for candidate in candidates {
        let lowercase = candidate.to_lowercase();
        if lowercase.chars().count().abs_diff(length) > nearest {
            continue;
        }
        let distance = levenshtein(&typed, &lowercase);
        if distance < nearest {
            nearest = distance;
            found.clear();
        }
        if distance == nearest && found.len() < MOST {
            found.push(candidate);
        }
    }
    found
}

/// [`closest`] as the hint "did you mean 'a' or 'b'?", if anything comes near.
pub(crate) fn did_you_mean<'a>(
    typed: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<String> {
    let quoted: Vec<String> = closest(typed, candidates)
        .into_iter()
        .map(|name| format!("'{name}'"))
        .collect();
    (!quoted.is_empty()).then(|| format!("did you mean {}?", quoted.join(" or ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_nearest_names_are_suggested() {
        let names = ["user1", "user5", "user15"];
        assert_eq!(closest("usr5", names), ["user5"]);
        assert_eq!(closest("USER5", names), ["user5"]);
        assert_eq!(closest("zebra", names), [""; 0]);
        // Letters count, not bytes, and a swap is two edits.
        assert_eq!(closest("jürgén", ["jurgen", "jürgen"]), ["jürgen"]);
        assert_eq!(closest("ab", ["ba"]), [""; 0]);
    }

    #[test]
    fn a_hint_is_given_only_when_there_is_something_to_suggest() {
        assert_eq!(
            did_you_mean("usr1", ["user1", "ann"]).as_deref(),
            Some("did you mean 'user1'?")
        );
        assert_eq!(did_you_mean("quux", ["user1", "ann"]), None);
    }
}
