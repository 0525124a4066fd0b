//! "Did you mean …?": the known names that a mistyped one is closest to.

/// At most this many suggestions: more is a list, not a hint.
const MOST: usize = 3;

/// The candidates that are nearest to what was typed, case-insensitively, in their given order: those at the
/// smallest edit distance, if that is at most a third of the typed name's length (and at least one edit is
/// always forgiven). Empty when nothing comes near.
pub fn closest<'a>(typed: &str, candidates: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let typed: Vec<char> = typed.to_lowercase().chars().collect();
    let mut nearest = (typed.len() / 3).max(1);
    let mut found = Vec::new();
    for candidate in candidates {
        let letters: Vec<char> = candidate.to_lowercase().chars().collect();
        if letters.len().abs_diff(typed.len()) > nearest {
            continue;
        }
        let distance = edits(&typed, &letters);
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
pub fn did_you_mean<'a>(
    typed: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<String> {
    let quoted: Vec<String> = closest(typed, candidates)
        .into_iter()
        .map(|name| format!("'{name}'"))
        .collect();
    (!quoted.is_empty()).then(|| format!("did you mean {}?", quoted.join(" or ")))
}

/// Insertions, deletions and substitutions that turn one word into the other (Levenshtein distance), with
/// one row of the table kept at a time.
fn edits(from: &[char], to: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.iter().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, b) in to.iter().enumerate() {
            let substituted = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn distance(a: &str, b: &str) -> usize {
        edits(
            &a.chars().collect::<Vec<_>>(),
            &b.chars().collect::<Vec<_>>(),
        )
    }

    #[test]
    fn distance_counts_single_edits() {
        assert_eq!(distance("", ""), 0);
        assert_eq!(distance("user5", "usr5"), 1);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
    }

    #[test]
    fn only_the_nearest_names_are_suggested() {
        let names = ["user1", "user5", "user15"];
        assert_eq!(closest("usr5", names), ["user5"]);
        assert_eq!(closest("USER5", names), ["user5"]);
        assert_eq!(closest("zebra", names), [""; 0]);
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
