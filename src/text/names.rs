//! Whether two names are one person's.

use super::normalise::{key, without_accents};

/// A name as it is compared: its words in any order, since Canvas writes `Okafor, Amara` and a roster perhaps
/// `Amara Okafor`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Name {
    words: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Likeness {
    /// They name different people, as far as anybody can tell.
    Other,
    /// One may be the other's short form: `Dan Núñez`, `Núñez, Daniel`; `Weiss, C.`.
    Short,
    /// One has more words than the other, or accents that the other lacks: `Ana Ruiz`, `Ruiz Díaz, Ana`.
    Longer,
    /// One of the two is not known.
    Unknown,
    Same,
}

impl Name {
    pub(crate) fn new(text: &str) -> Self {
        let key = key(text).replace(['\u{2019}', '\u{2018}', '\u{02bc}', '`'], "'");
        let words = key.split(|c: char| c.is_whitespace() || matches!(c, ',' | '،' | '，' | '、'));
        let mut words: Vec<String> = words
            .filter(|word| !word.is_empty())
            .map(str::to_owned)
            .collect();
        words.sort_unstable();
        Self { words }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    pub(crate) fn likeness(&self, other: &Self) -> Likeness {
        if self.is_empty() || other.is_empty() {
            return Likeness::Unknown;
        }
        if self == other {
            return Likeness::Same;
        }
        let (mut fewer, mut more) = (self.parts(), other.parts());
        if fewer.len() > more.len() {
            std::mem::swap(&mut fewer, &mut more);
        }
        let words = fewer.len();
        // Equal words go first: only the rest may be short forms of each other.
        fewer.retain(|word| !take_first(&mut more, |other| other == word));
        let equal = words - fewer.len();
        if fewer.is_empty() && words >= 2 {
            return Likeness::Longer;
        }
        let short = fewer.iter().all(|word| {
            take_first(&mut more, |other| {
                other.starts_with(word.as_str()) || word.starts_with(other)
            })
        });
        match short && equal >= 1 && words >= 2 {
            true => Likeness::Short,
            false => Likeness::Other,
        }
    }

    /// Its words without accents, hyphens and points.
    fn parts(&self) -> Vec<String> {
        let mut parts = Vec::new();
        for word in &self.words {
            let plain = without_accents(word);
            let pieces = plain.split(|c: char| !c.is_alphanumeric() && c != '\'');
            parts.extend(pieces.filter(|p| !p.is_empty()).map(str::to_owned));
        }
        parts
    }
}

/// Removes the first word that fits; `false` where none does.
fn take_first(words: &mut Vec<String>, fits: impl Fn(&str) -> bool) -> bool {
    let place = words.iter().position(|word| fits(word));
    place.map(|at| words.remove(at)).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn likeness(a: &str, b: &str) -> Likeness {
        let (a, b) = (Name::new(a), Name::new(b));
        assert_eq!(a.likeness(&b), b.likeness(&a));
        a.likeness(&b)
    }

    #[test]
    fn a_name_is_the_same_in_either_order_case_and_composition() {
        for (a, b) in [
            ("Ruiz, Ana", "Ana Ruiz"),
            ("NÚÑEZ, dan", "Dan Nu\u{301}n\u{303}ez"),
            ("O’Connor,\u{a0}Liam", "Liam O'Connor"),
            ("Ruiz, Ana\u{200b}", "ana  ruiz"),
            ("王，芳", "芳 王"),
        ] {
            assert_eq!(likeness(a, b), Likeness::Same, "{a} {b}");
        }
    }

    #[test]
    fn longer_and_short_forms_of_a_name_are_told_from_other_names() {
        assert_eq!(
            likeness("Ruiz Díaz, Ana María", "Ana Ruiz"),
            Likeness::Longer
        );
        assert_eq!(likeness("Nunez, Dan", "Dan Núñez"), Likeness::Longer);
        assert_eq!(likeness("Weiss-Lang, Cora", "Cora Weiss"), Likeness::Longer);
        assert_eq!(likeness("Núñez, Daniel", "Dan Núñez"), Likeness::Short);
        assert_eq!(likeness("Weiss, C.", "Cora Weiss"), Likeness::Short);
        for other in [
            "Adams, Corazon",
            "Adams, Cora",
            "Weiss, Ben",
            "R., A.",
            "Cora",
        ] {
            assert_eq!(likeness(other, "Cora Weiss"), Likeness::Other, "{other}");
        }
        assert_eq!(likeness("", "Cora Weiss"), Likeness::Unknown);
        assert_eq!(likeness(" , ", "Cora Weiss"), Likeness::Unknown);
    }
}
