//! One way to compare what people typed in two places: names, sections, logins, headers.

use icu_normalizer::ComposingNormalizerBorrowed;

use super::unwanted::{Unwanted, is_joiner};

/// The form of a text under which it is compared: composed (Unicode NFC), without anything invisible or any mark of
/// direction, without case, each run of white space one space and none at the ends.
///
/// Not for showing, and not an identifier: `Ana` and `ana` have one key.
pub(crate) fn key(text: &str) -> String {
    if text.is_ascii() {
        let lower = text.to_ascii_lowercase();
        return lower.split_whitespace().collect::<Vec<&str>>().join(" ");
    }
    let nfc = const { ComposingNormalizerBorrowed::new_nfc() };
    let seen = |c: &char| {
        !is_joiner(*c)
            && !matches!(
                Unwanted::of(*c),
                Some(Unwanted::Direction(_) | Unwanted::Invisible(_))
            )
    };
    let seen: String = text.chars().filter(seen).collect();
    // By way of the upper case: "ß" is "SS" there, and the two small sigmas are one.
    let folded: String = nfc
        .normalize(&seen)
        .chars()
        .flat_map(char::to_uppercase)
        .flat_map(char::to_lowercase)
        .collect();
    let words: Vec<&str> = folded.split_whitespace().collect();
    nfc.normalize(&words.join(" ")).into_owned()
}

/// Whether two texts are the same to a person.
pub(crate) fn same(a: &str, b: &str) -> bool {
    a == b || key(a) == key(b)
}

/// A word for what a column is, from its header: letters and digits only, so that `E-mail Address`, `email_address` and
/// `EmailAddress` are one.
pub(crate) fn squeezed(text: &str) -> String {
    key(text).chars().filter(|c| c.is_alphanumeric()).collect()
}

/// A text in Latin letters without what stands above and below them: `José` is `Jose`. What has no such form stays.
pub(crate) fn without_accents(text: &str) -> String {
    let nfd = icu_normalizer::DecomposingNormalizerBorrowed::new_nfd();
    let is_mark = |c: &char| matches!(c, '\u{300}'..='\u{36F}');
    nfd.normalize(text)
        .chars()
        .filter(|c| !is_mark(c))
        .collect()
}

/// A text in the Latin letters that it looks like: full-width and other forms as the plain ones, without joiners, and
/// letters of other scripts among Latin ones as those they look like. A word that is wholly of another script stays.
pub(crate) fn latin(text: &str) -> String {
    const LIKE: [(&str, &str); 2] = [
        (
            "аеорсухіјѕһԁԛԝАВЕКМНОРСТУХІЈЅ",
            "aeopcyxijshdqwABEKMHOPCTYXIJS",
        ),
        ("οαυνιΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "oauviABEZHIKMNOPTYX"),
    ];
    let nfkc = const { ComposingNormalizerBorrowed::new_nfkc() };
    let text: String = nfkc
        .normalize(text)
        .chars()
        .filter(|c| !is_joiner(*c))
        .collect();
    if !text.contains(|c: char| c.is_ascii_alphabetic()) {
        return text;
    }
    let like = |c: char| {
        let mut pairs = LIKE
            .iter()
            .flat_map(|(from, to)| from.chars().zip(to.chars()));
        pairs.find(|(from, _)| *from == c).map_or(c, |(_, to)| to)
    };
    text.chars().map(like).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn spellings_of_one_name_have_one_key() {
        for (a, b) in [
            ("Zoë", "Zoe\u{308}"),
            (
                " ana@Example.edu\u{200b}",
                "\u{202a}ANA@example.edu\u{202c}",
            ),
            ("Ruiz,\u{a0} Ana", "ruiz, ana"),
            ("\u{200f}שרה\u{200f}", "שרה"),
            ("STRASSE", "Straße"),
            ("ΟΔΥΣΣΕΥΣ", "Οδυσσευς"),
            ("Be\u{ad}n", "ben"),
            ("می\u{200c}خواهم", "میخواهم"),
        ] {
            assert!(same(a, b), "{:?} {:?}", key(a), key(b));
        }
    }

    #[test]
    fn different_names_keep_different_keys() {
        for (a, b) in [
            ("Jose", "José"),
            ("ana", "anna"),
            ("a b", "ab"),
            ("A-1", "A1"),
        ] {
            assert!(!same(a, b), "{a} {b}");
        }
    }

    #[test]
    fn a_header_is_squeezed_to_the_word_that_it_is() {
        assert_eq!(squeezed("E-mail Address"), "emailaddress");
        assert_eq!(squeezed(" first_name"), "firstname");
        assert_eq!(squeezed("user\u{a0}Name\u{200b}"), "username");
        assert_eq!(without_accents("Zoë Núñez 李"), "Zoe Nunez 李");
    }

    proptest! {
        #[test]
        fn a_key_is_its_own_key_and_has_no_white_space_at_its_ends(text in any::<String>()) {
            let once = key(&text);
            prop_assert_eq!(key(&once), once.clone());
            prop_assert_eq!(once.trim(), once.as_str());
        }
    }
}
