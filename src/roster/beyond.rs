//! Choosing students who may not be in the roster any more.

use crate::error::Error;
use crate::ids::Username;
use crate::roster::{Roster, Student};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ChosenStudents<'a> {
    /// Those whom the roster has with exactly the given name.
    pub(crate) students: Vec<&'a Student>,
    /// The other names: only the cloud tells who is meant.
    pub(crate) doubts: Vec<UnsureName>,
}

/// A username that the roster does not have in exactly this spelling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UnsureName {
    pub(crate) given: Username,
    /// The roster's student whose name differs in case only: the one meant, unless somebody in the class has exactly
    /// the given name.
    pub(crate) otherwise: Option<Username>,
}

impl Roster {
    /// [`Roster::select`] for a command that also reaches students who left the roster: a name that the roster does not
    /// have in exactly this spelling may be one of theirs, and the cloud decides.
    ///
    /// # Errors
    /// As [`Roster::select`]; names that are no usernames are not left to the cloud.
    pub(crate) fn select_beyond(
        &self,
        names: &[String],
        section: Option<&str>,
    ) -> Result<ChosenStudents<'_>, Error> {
        // Somebody who left is in no section.
        if names.is_empty() || section.is_some() {
            return Ok(ChosenStudents {
                students: self.select(names, section)?,
                doubts: Vec::new(),
            });
        }
        let mut sure: Vec<String> = Vec::new();
        let mut doubts: Vec<UnsureName> = Vec::new();
        for name in names.iter().map(|name| name.trim()) {
            let exact = self.students.iter().any(|s| s.username.as_str() == name);
            match name.parse::<Username>() {
                Ok(given) if !exact => {
                    let mut same = self.students.iter().filter(|s| s.is_called(name));
                    let otherwise = same.next().map(|s| s.username.clone());
                    if !doubts.iter().any(|known| known.given == given) {
                        doubts.push(UnsureName { given, otherwise });
                    }
                }
                _ => sure.push(name.to_owned()),
            }
        }
        // An empty selection would be the whole class.
        let students = match sure.is_empty() {
            true => Vec::new(),
            false => self.select(&sure, None)?,
        };
        Ok(ChosenStudents { students, doubts })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::roster::UsernameLimit;

    fn roster() -> Roster {
        let limit = UsernameLimit {
            max: 40,
            because: String::new(),
        };
        Roster::parse("class.csv", b"username,section\nAna,A\nben,B\n", &limit).unwrap()
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn a_name_that_the_roster_has_not_just_so_is_left_to_the_cloud() {
        let roster = roster();
        let chosen = roster
            .select_beyond(&names(&["ben", " ana", "zoe", "zoe"]), None)
            .unwrap();
        assert_eq!(chosen.students[0].username.as_str(), "ben");
        let doubts: Vec<_> = chosen
            .doubts
            .iter()
            .map(|d| (d.given.as_str(), d.otherwise.as_ref().map(Username::as_str)))
            .collect();
        assert_eq!(doubts, [("ana", Some("Ana")), ("zoe", None)]);
    }

    #[test]
    fn what_is_no_username_and_a_section_are_refused_as_ever() {
        let roster = roster();
        assert!(roster.select_beyond(&names(&["a b"]), None).is_err());
        assert!(roster.select_beyond(&names(&["zoe"]), Some("A")).is_err());
        let whole = roster.select_beyond(&[], None).unwrap();
        assert_eq!((whole.students.len(), whole.doubts.len()), (2, 0));
    }
}
