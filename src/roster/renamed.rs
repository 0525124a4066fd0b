//! Whether somebody who left the roster may be in it under another name.

use serde::{Deserialize, Serialize};

use crate::ids::Username;
use crate::roster::Student;
use crate::text::names::{self, Name};
use crate::text::normalise;
use crate::text::similar;

/// What is known of a person by an earlier roster.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KnownPerson {
    /// The e-mail address, where nobody else had it.
    #[serde(default)]
    pub(crate) email: Option<String>,
    /// The name, likewise.
    #[serde(default)]
    pub(crate) name: Option<String>,
}

impl KnownPerson {
    /// Whether these are two people, as far as both are known: the addresses say so, or else the names.
    pub(crate) fn is_another(&self, other: &Self) -> bool {
        match (&self.email, &other.email, &self.name, &other.name) {
            (Some(a), Some(b), ..) => !normalise::same(a, b),
            (.., Some(a), Some(b)) => {
                Name::new(a).likeness(&Name::new(b)) == names::Likeness::Other
            }
            _ => false,
        }
    }
}

/// Why somebody in the roster is taken for somebody who left it, strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RecognisedBy {
    /// The same username but for its case: the very same student.
    Spelling,
    /// The same e-mail address.
    Email,
    /// The same name.
    Name,
    /// A username that is almost the same.
    Username,
}

impl RecognisedBy {
    /// Whether it is more than a guess.
    pub(crate) fn is_strong(self) -> bool {
        matches!(self, Self::Spelling | Self::Email)
    }
}

/// The username in the roster that a student who left may have now. `known`: what earlier rosters said of them. `new`:
/// whether a username has nothing in the class yet; a guess by likeness is only good for those. What fits two people
/// recognises nobody.
pub(crate) fn renamed(
    leaver: &Username,
    roster: &[Student],
    known: Option<&KnownPerson>,
    new: impl Fn(&Username) -> bool,
) -> Option<(Username, RecognisedBy)> {
    let only = |fits: &dyn Fn(&Student) -> bool| {
        let mut fitting = roster.iter().filter(|s| fits(s));
        let first = fitting.next()?;
        fitting.next().is_none().then(|| first.username.clone())
    };
    let same = |known: &Option<String>, now: &Option<String>| match (known, now) {
        (Some(known), Some(now)) => !known.trim().is_empty() && normalise::same(known, now),
        _ => false,
    };
    if let Some(other) = only(&|s| s.username.differs_in_case(leaver)) {
        return Some((other, RecognisedBy::Spelling));
    }
    if let Some(KnownPerson { email, name }) = known {
        if let Some(other) = only(&|s| same(email, &s.email)) {
            return Some((other, RecognisedBy::Email));
        }
        if let Some(other) = only(&|s| new(&s.username) && same(name, &s.name)) {
            return Some((other, RecognisedBy::Name));
        }
    }
    // Numbered seats are different seats.
    let without_digits =
        |name: &str| -> String { name.chars().filter(|c| !c.is_ascii_digit()).collect() };
    let seat = without_digits(leaver.as_str()).to_lowercase();
    let candidates = roster.iter().map(|s| s.username.as_str());
    let nearest = similar::closest(leaver.as_str(), candidates);
    match nearest.as_slice() {
        [one] if without_digits(one).to_lowercase() != seat => {
            let one: Username = one.parse().ok()?;
            new(&one).then_some((one, RecognisedBy::Username))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn student(username: &str, name: &str, email: &str) -> Student {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Student {
            username: username.parse().unwrap(),
            name: some(name),
            email: some(email),
            section: None,
            extra: Vec::new(),
            due: None,
            place: None,
        }
    }

    fn person(name: &str, email: &str) -> KnownPerson {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        KnownPerson {
            email: some(email),
            name: some(name),
        }
    }

    fn found(
        leaver: &str,
        roster: &[Student],
        known: Option<&KnownPerson>,
    ) -> Option<(String, RecognisedBy)> {
        let leaver = leaver.parse().unwrap();
        let found = renamed(&leaver, roster, known, |_| true)?;
        Some((found.0.to_string(), found.1))
    }

    #[test]
    fn an_email_address_recognises_a_student_under_a_new_username() {
        let roster = [
            student("anar", "Ana Ruiz", "ANA@example.edu "),
            student("ben", "Ben Ito", "ben@example.edu"),
        ];
        let ana = person("", "ana@example.edu");
        let expected = Some(("anar".to_owned(), RecognisedBy::Email));
        assert_eq!(found("zz9", &roster, Some(&ana)), expected);
        // A teaching assistant's address behind two rows is nobody's.
        let two = [
            student("x", "", "ta@example.edu"),
            student("y", "", "ta@example.edu"),
        ];
        let ta = person("", "ta@example.edu");
        assert_eq!(found("zz9", &two, Some(&ta)), None);
        assert_eq!(found("zz9", &roster, Some(&person("", " "))), None);
    }

    #[test]
    fn people_are_told_apart_by_address_and_else_by_name() {
        for (a, b, another) in [
            (
                ("Ana Ruiz", "ana@x.edu"),
                ("Ruiz, Ana", "ANA@x.edu "),
                false,
            ),
            (("Ana Ruiz", "ana@x.edu"), ("Ben Ito", "ben@x.edu"), true),
            (("Ana Ruiz", "ana@x.edu"), ("Ana Ruiz", "ana2@x.edu"), true),
            (("Ana Ruiz", "ana@x.edu"), ("Ben Ito", ""), true),
            (("Ana Ruiz", ""), ("Ana María Ruiz", "ana@x.edu"), false),
            (("", "ana@x.edu"), ("Ben Ito", ""), false),
            (("", ""), ("Ben Ito", "ben@x.edu"), false),
        ] {
            let (a, b) = (person(a.0, a.1), person(b.0, b.1));
            assert_eq!(a.is_another(&b), another, "{a:?} {b:?}");
            assert_eq!(b.is_another(&a), another, "{b:?} {a:?}");
        }
    }

    #[test]
    fn another_case_is_the_same_student_whatever_else_fits() {
        let roster = [student("Ana", "", ""), student("anar", "", "ana@x.edu")];
        let known = person("", "ana@x.edu");
        let expected = Some(("Ana".to_owned(), RecognisedBy::Spelling));
        assert_eq!(found("ana", &roster, Some(&known)), expected);
    }

    #[test]
    fn a_name_or_a_similar_username_is_a_guess_about_newcomers_only() {
        let roster = [student("anar", "", ""), student("benito", "Ben Ito", "")];
        let guess = found("ana", &roster, None).unwrap();
        assert_eq!(guess, ("anar".to_owned(), RecognisedBy::Username));
        assert!(!guess.1.is_strong());
        let ben = person("ben ito", "");
        let by_name = Some(("benito".to_owned(), RecognisedBy::Name));
        assert_eq!(found("b7", &roster, Some(&ben)), by_name);
        let leaver: Username = "ana".parse().unwrap();
        assert_eq!(renamed(&leaver, &roster, None, |_| false), None);
    }

    #[test]
    fn a_neighbouring_seat_is_not_taken_for_the_one_that_left() {
        let roster = [student("user4", "", ""), student("user5", "", "")];
        assert_eq!(found("user3", &roster, None), None);
        let two = [student("anar", "", ""), student("anna", "", "")];
        assert_eq!(found("ana", &two, None), None, "two that fit are no guess");
    }
}
