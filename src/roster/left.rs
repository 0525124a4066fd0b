//! Who left the class: students of whom something is there and who are not in the roster any more, and whether one of
//! them may be in it under another name.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::ids::Username;
use crate::roster::Student;
use crate::stack::desired::Desired;
use crate::stack::kinds::ResourceId;
use crate::stack::observed::Observed;
use crate::stack::plan::teardown::owned;
use crate::text::names::{Likeness as NameLikeness, Name};
use crate::text::normalise;
use crate::text::similar;

/// A student who left the roster, and what of theirs was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaver {
    /// The username that the resources carry.
    pub username: Username,
    /// What carries it.
    pub resources: BTreeSet<ResourceId>,
}

/// Everybody who has something of this lab and class in this region, and no stack in `desired`. That must be the whole
/// roster's: beside a part of it the others would seem to have left.
pub fn leavers(desired: &Desired, observed: &Observed) -> Vec<Leaver> {
    let mut found: BTreeMap<Username, BTreeSet<ResourceId>> = BTreeMap::new();
    for (student, ids) in everybody(desired, observed) {
        if !desired.stacks.iter().any(|s| *s.student() == student) {
            found.entry(student).or_default().extend(ids);
        }
    }
    let leaver = |(username, resources)| Leaver {
        username,
        resources,
    };
    found.into_iter().map(leaver).collect()
}

/// Who has something in the class, and who of them left the roster.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attendance {
    /// Everybody who has something.
    pub present: BTreeSet<Username>,
    /// Those of them who are not in the roster.
    pub leavers: Vec<Leaver>,
}

impl Attendance {
    /// From what was seen; `desired` must have the whole roster, see [`leavers`].
    pub fn of(desired: &Desired, observed: &Observed) -> Self {
        Self {
            present: everybody(desired, observed).into_keys().collect(),
            leavers: leavers(desired, observed),
        }
    }
}

/// Every student who has something of this lab and class, with what was seen of it.
pub fn everybody(
    desired: &Desired,
    observed: &Observed,
) -> BTreeMap<Username, BTreeSet<ResourceId>> {
    let mut found: BTreeMap<Username, BTreeSet<ResourceId>> = BTreeMap::new();
    let strays = observed.strays.clone();
    for (owner, ids) in owned(desired, observed).into_iter().chain(strays) {
        if owner.lab == desired.lab && owner.class == desired.class {
            found.entry(owner.student).or_default().extend(ids);
        }
    }
    found
}

/// The usernames that the class has, whatever their case.
#[derive(Debug)]
pub struct Spellings(BTreeMap<String, Vec<Username>>);

impl Spellings {
    /// Those of everybody who has something.
    pub fn of(desired: &Desired, observed: &Observed) -> Self {
        let mut known: BTreeMap<String, Vec<Username>> = BTreeMap::new();
        for student in everybody(desired, observed).into_keys() {
            let plain = student.as_str().to_ascii_lowercase();
            known.entry(plain).or_default().push(student);
        }
        Self(known)
    }

    /// The spelling under which the class already has a student: the same username but for its case.
    pub fn other(&self, student: &Username) -> Option<Username> {
        let same = self.0.get(&student.as_str().to_ascii_lowercase())?;
        // Whoever has something as the roster writes it is not another's double.
        let other = same.iter().find(|known| same_but_for_case(known, student));
        other.filter(|_| !same.contains(student)).cloned()
    }
}

/// As which of the students in `desired` somebody is there in another spelling: then they have not left.
pub fn respelled<'a>(desired: &'a Desired, student: &Username) -> Option<&'a Username> {
    let mut students = desired.stacks.iter().map(|stack| stack.student());
    students.find(|known| same_but_for_case(known, student))
}

fn same_but_for_case(a: &Username, b: &Username) -> bool {
    a != b && a.as_str().eq_ignore_ascii_case(b.as_str())
}

/// What is known of a person by an earlier roster.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// The e-mail address, where it was theirs alone.
    #[serde(default)]
    pub email: Option<String>,
    /// The name, likewise.
    #[serde(default)]
    pub name: Option<String>,
}

impl Person {
    /// Whether these are two people, as far as both are known: the addresses say so, or else the names.
    pub fn is_another(&self, other: &Self) -> bool {
        match (&self.email, &other.email, &self.name, &other.name) {
            (Some(a), Some(b), ..) => !normalise::same(a, b),
            (.., Some(a), Some(b)) => Name::new(a).likeness(&Name::new(b)) == NameLikeness::Other,
            _ => false,
        }
    }
}

/// Why somebody in the roster is taken for somebody who left it, strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Likeness {
    /// The same username but for its case: the very same student.
    Spelling,
    /// The same e-mail address.
    Email,
    /// The same name.
    Name,
    /// A username that is almost the same.
    Username,
}

impl Likeness {
    /// Whether it is more than a guess.
    pub fn is_strong(self) -> bool {
        matches!(self, Self::Spelling | Self::Email)
    }
}

/// Under which username of the roster somebody who left may be now. `known`: what earlier rosters said of them. `new`:
/// whether a username of the roster has nothing in the class yet, since a guess by likeness is only good for those.
/// What fits two people recognises nobody.
pub fn renamed(
    leaver: &Username,
    roster: &[Student],
    known: Option<&Person>,
    new: impl Fn(&Username) -> bool,
) -> Option<(Username, Likeness)> {
    let only = |fits: &dyn Fn(&Student) -> bool| {
        let mut fitting = roster.iter().filter(|s| fits(s));
        let first = fitting.next()?;
        fitting.next().is_none().then(|| first.username.clone())
    };
    let same = |known: Option<&String>, now: Option<&String>| match (known, now) {
        (Some(known), Some(now)) => !known.trim().is_empty() && normalise::same(known, now),
        _ => false,
    };
    if let Some(other) = only(&|s| same_but_for_case(&s.username, leaver)) {
        return Some((other, Likeness::Spelling));
    }
    let email = known.and_then(|person| person.email.as_ref());
    if let Some(other) = only(&|s| same(email, s.email.as_ref())) {
        return Some((other, Likeness::Email));
    }
    let name = known.and_then(|person| person.name.as_ref());
    if let Some(other) = only(&|s| new(&s.username) && same(name, s.name.as_ref())) {
        return Some((other, Likeness::Name));
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
            new(&one).then_some((one, Likeness::Username))
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
        }
    }

    fn person(name: &str, email: &str) -> Person {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Person {
            email: some(email),
            name: some(name),
        }
    }

    fn found(
        leaver: &str,
        roster: &[Student],
        known: Option<&Person>,
    ) -> Option<(String, Likeness)> {
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
        let expected = Some(("anar".to_owned(), Likeness::Email));
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
        let expected = Some(("Ana".to_owned(), Likeness::Spelling));
        assert_eq!(found("ana", &roster, Some(&known)), expected);
    }

    #[test]
    fn a_name_or_a_similar_username_is_a_guess_about_newcomers_only() {
        let roster = [student("anar", "", ""), student("benito", "Ben Ito", "")];
        let guess = found("ana", &roster, None).unwrap();
        assert_eq!(guess, ("anar".to_owned(), Likeness::Username));
        assert!(!guess.1.is_strong());
        let ben = person("ben ito", "");
        let by_name = Some(("benito".to_owned(), Likeness::Name));
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
