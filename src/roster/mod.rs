//! The class roster: who is in the class, and who of them a command is about.
//!
//! [`Roster::parse`] turns the bytes of a CSV file into students, or into the full list of what is wrong
//! with it: an instructor repairs a roster once, not once a mistake. What is accepted and what is refused,
//! with the fix for each, stands in `docs/roster.md`.

pub(crate) mod beyond;
#[cfg(test)]
mod cases;
mod header;
mod parse;
mod remarks;
pub mod renamed;
mod username;

use std::fmt;

use jiff::Timestamp;

use crate::error::{Error, Exit};
use crate::ids::{PlaceName, Username};
use crate::text::failure::Failure;
use crate::text::normalise::{key, same};
use crate::text::problems::messages;
use crate::text::similar;
use crate::text::unwanted::shown;
use crate::text::words::{plural, some_of};

/// Longest value of a field other than the username, in characters: more than any name needs. A longer one is
/// a pasted paragraph or a quote that was closed in the wrong place.
pub(crate) const FIELD_MAX: usize = 256;

/// One student of the roster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Student {
    /// The assigned username.
    pub username: Username,
    /// The name, if the roster has one.
    pub name: Option<String>,
    /// The e-mail address, if the roster has one.
    pub email: Option<String>,
    /// The section, if the roster has one.
    pub section: Option<String>,
    /// Those other columns that the settings name, with their values, in the file's order.
    pub extra: Vec<(String, String)>,
    /// Until when work is on time: the student's own time, else the class's. `None` where neither is given.
    pub due: Option<Timestamp>,
    /// Which of the class's places the roster puts the student in, where it says so.
    pub place: Option<PlaceName>,
}

/// The class roster: students in the file's order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Roster {
    /// The students.
    pub students: Vec<Student>,
    /// Oddities that may matter to every command that reads it.
    pub notes: Vec<String>,
    /// How it was read, for `plan`.
    pub details: Vec<String>,
    /// The columns that nobody is shown.
    pub kept_back: KeptBack,
}

/// The roster's other columns that the settings do not name. A student system's export may have passwords, birthdays,
/// addresses: no report, template, log or handout has them, and `Debug` does not show their values.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct KeptBack {
    /// Their names, printable.
    pub(crate) columns: Vec<String>,
    /// Every header that a template cannot use: of these columns, and of columns that were read as a known one.
    pub(crate) headers: Vec<String>,
    /// Their values, each once: only to take them out of what is shown to everybody.
    pub values: Vec<String>,
}

impl fmt::Debug for KeptBack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeptBack")
            .field("columns", &self.columns)
            .finish_non_exhaustive()
    }
}

/// How long a username may be for the lab at hand, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsernameLimit {
    /// Longest username in characters.
    pub max: usize,
    /// The name that grows too long first, for the message (`Lambda function '<username>-trigger-workflow' (at most 64 characters)`).
    pub because: String,
}

impl Roster {
    /// Reads a roster, of which only the known columns may be shown. `file` is what the messages call it; `limit`
    /// is what the lab at hand leaves for a username.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with the file at once, in the file's order, each kind of mistake with file, lines,
    /// column and the fix. Lines are physical ones, as an editor counts them.
    pub fn parse(file: &str, bytes: &[u8], limit: &UsernameLimit) -> Result<Self, Vec<Failure>> {
        Self::parse_with(file, bytes, limit, &[], &[])
    }

    /// The same, with other columns that may be shown, too, named as in the header, and with the class's places. Where it has
    /// none, a column `place` is like any other.
    ///
    /// # Errors
    ///
    /// Those of [`Roster::parse`].
    pub fn parse_with(
        file: &str,
        bytes: &[u8],
        limit: &UsernameLimit,
        publish: &[String],
        places: &[PlaceName],
    ) -> Result<Self, Vec<Failure>> {
        parse::parse(bytes, limit, publish, places).map_err(|problems| messages(file, problems))
    }

    /// The students that a command is about, in the roster's order: those named (all, if none are), and of
    /// these only those of the section, if one is given. Both compare as [`key`] does: without case, surrounding spaces
    /// and anything invisible. Who is in two sections (see [`Roster::note_on_section`]) is in each.
    ///
    /// # Errors
    ///
    /// Of kind [`Exit::NobodySelected`] when that leaves nobody. Of kind [`Exit::Invalid`] when somebody is left, but a name
    /// is not in the roster: a typing mistake, so nothing is done.
    pub(crate) fn select(
        &self,
        students: &[String],
        section: Option<&str>,
    ) -> Result<Vec<&Student>, Error> {
        let wanted: Vec<String> = students.iter().map(|name| key(name)).collect();
        let mut selected: Vec<&Student> = (self.students.iter())
            .filter(|s| wanted.is_empty() || wanted.iter().any(|name| s.is_called(name)))
            .collect();
        let unknown: Vec<Failure> = (wanted.iter().zip(students))
            .filter(|(name, _)| !selected.iter().any(|s| s.is_called(name)))
            .map(|(_, given)| self.unknown(given.trim()))
            .collect();
        if selected.is_empty() {
            return Err(Error::of(Exit::NobodySelected, unknown));
        }
        if !unknown.is_empty() {
            return Err(Error::of(Exit::Invalid, unknown));
        }
        let Some(section) = section else {
            return Ok(selected);
        };
        let is_whole_class = selected.len() == self.students.len();
        selected.retain(|s| s.is_in(section).is_some());
        match selected.is_empty() {
            true => Err(self.empty_section(section, is_whole_class)),
            false => Ok(selected),
        }
    }

    /// A note on students who are selected because their section's name seems to name two: Canvas writes `Morning and
    /// Lab` for a student in both. One section may have such a name, too (`Arts and Crafts`): only a person can tell.
    pub(crate) fn note_on_section(&self, selected: &[&Student], section: &str) -> Option<String> {
        let part = |s: &&&Student| s.is_in(section) == Some(Membership::Part);
        let among: Vec<&Student> = selected.iter().filter(part).copied().collect();
        let first = among.first()?;
        let names: Vec<&str> = among.iter().map(|s| s.username.as_str()).collect();
        let (count, them) = match among.len() {
            1 => ("1 student counts".to_owned(), "the student"),
            n => (format!("{} count", plural(n, "student")), "the students"),
        };
        Some(format!(
            "{count} as of section {} by a section such as {}, which is how Canvas writes two: {}; if that is one \
             section's name, name {them} with --students instead",
            shown(section.trim()),
            shown(first.section.as_deref().unwrap_or_default()),
            some_of(&names, 5),
        ))
    }

    /// The sections, each once, in the order in which the roster first names them.
    pub fn sections(&self) -> Vec<&str> {
        let mut sections: Vec<&str> = Vec::new();
        for section in self.students.iter().filter_map(|s| s.section.as_deref()) {
            if !sections.iter().any(|known| same(known, section)) {
                sections.push(section);
            }
        }
        sections
    }

    fn unknown(&self, name: &str) -> Failure {
        let usernames = self.students.iter().map(|s| s.username.as_str());
        let hint = similar::did_you_mean(name, usernames).unwrap_or_else(|| {
            "give usernames as they stand in the roster's 'username' column, with commas between them"
                .to_owned()
        });
        let cause = "the roster has no student of that username";
        Failure::new(format!("--students {name}"), cause).hint(hint)
    }

    fn empty_section(&self, section: &str, is_whole_class: bool) -> Error {
        let sections: Vec<String> = self.sections().into_iter().map(shown).collect();
        let hint = match sections.is_empty() {
            true => "the roster names no sections: leave --section out, or add a 'section' column"
                .to_owned(),
            false => format!("the roster has the sections {}", some_of(&sections, 20)),
        };
        let cause = match is_whole_class {
            true => "no student of the roster is in that section",
            false => "none of the students given with --students is in that section",
        };
        let subject = format!("--section {}", section.trim());
        Error::new(Exit::NobodySelected, subject, cause).hint(hint)
    }
}

/// How a student is in a section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Membership {
    Exact,
    /// Their section's name seems to name several, this one among them.
    Part,
}

impl Student {
    /// A student of whom the username is all that is known.
    pub(crate) fn unknown(username: Username) -> Self {
        Self {
            username,
            name: None,
            email: None,
            section: None,
            extra: Vec::new(),
            due: None,
            place: None,
        }
    }

    /// `name` as [`key`] makes it.
    fn is_called(&self, name: &str) -> bool {
        self.username.as_str().eq_ignore_ascii_case(name)
    }

    fn is_in(&self, section: &str) -> Option<Membership> {
        let own = self.section.as_deref()?;
        if same(own, section) {
            return Some(Membership::Exact);
        }
        let (own, wanted) = (key(own), key(section));
        if wanted.is_empty() {
            return None;
        }
        // "A and B"; "A, B, and C".
        let between: &[&str] = match own.contains(", and ") {
            true => &[", and ", ", "],
            false => &[" and "],
        };
        // A section's own name may have such a word in it, so this looks for the wanted one between them.
        let is_part = own.match_indices(&wanted).any(|(at, found)| {
            let (before, after) = (&own[..at], &own[at + found.len()..]);
            (before.is_empty() || between.iter().any(|word| before.ends_with(word)))
                && (after.is_empty() || between.iter().any(|word| after.starts_with(word)))
        });
        is_part.then_some(Membership::Part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roster() -> Roster {
        let limit = UsernameLimit {
            max: 40,
            because: String::new(),
        };
        let text = "username,section\nuser1,A\nuser2,B\nuser3,\nann,Évora\n";
        Roster::parse("class.csv", text.as_bytes(), &limit).unwrap()
    }

    fn names(selected: &[&Student]) -> Vec<String> {
        selected.iter().map(|s| s.username.to_string()).collect()
    }

    fn given(names: &[&str]) -> Vec<String> {
        names.iter().map(|&n| n.to_owned()).collect()
    }

    #[test]
    fn nothing_given_selects_the_whole_class() {
        assert_eq!(roster().select(&[], None).unwrap().len(), 4);
    }

    #[test]
    fn names_select_without_case_and_in_the_rosters_order() {
        let roster = roster();
        let selected = roster.select(&given(&["ANN", " user1", "ann"]), None);
        assert_eq!(names(&selected.unwrap()), ["user1", "ann"]);
    }

    #[test]
    fn a_section_selects_without_case_and_spaces() {
        let roster = roster();
        assert_eq!(
            names(&roster.select(&[], Some(" ÉVORA ")).unwrap()),
            ["ann"]
        );
    }

    #[test]
    fn names_and_section_both_have_to_match() {
        let roster = roster();
        let both = given(&["user1", "user2"]);
        assert_eq!(names(&roster.select(&both, Some("b")).unwrap()), ["user2"]);
    }

    #[test]
    fn one_mistyped_name_among_good_ones_stops_everything() {
        let roster = roster();
        let error = roster.select(&given(&["user1", "usr2"]), None);
        let Error { exit, failures } = error.unwrap_err();
        assert_eq!(exit, Exit::Invalid);
        assert_eq!(failures.len(), 1);
        assert_eq!(failures[0].subject, "--students usr2");
        assert_eq!(failures[0].hint.as_deref(), Some("did you mean 'user2'?"));
    }

    #[test]
    fn only_unknown_names_select_nobody_and_each_is_said() {
        let roster = roster();
        let error = roster.select(&given(&["zoe", "usr2"]), None);
        let Error { exit, failures } = error.unwrap_err();
        assert_eq!(exit, Exit::NobodySelected);
        assert_eq!(failures.len(), 2);
    }

    #[test]
    fn an_unknown_section_lists_those_that_exist() {
        let roster = roster();
        let Error { exit, failures } = roster.select(&[], Some("D")).unwrap_err();
        assert_eq!(exit, Exit::NobodySelected);
        assert_eq!(
            failures[0].hint.as_deref(),
            Some("the roster has the sections 'A', 'B', 'Évora'")
        );
    }
}
