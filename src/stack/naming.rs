//! How the names of a stack's resources are made, known before any student is.

use crate::stack::ids::Username;
use crate::stack::kinds::Kind;

/// How the names of one resource of the stack are made: the username between two fixed texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamePattern {
    /// The kind of resource.
    pub kind: Kind,
    /// What stands before the username.
    pub prefix: String,
    /// What stands after it.
    pub suffix: String,
}

impl NamePattern {
    /// The name for a student.
    pub fn name(&self, username: &Username) -> String {
        self.around(username.as_str())
    }

    /// What stands in the username's place, if the name is of this pattern. Whether it is a username of the
    /// class is the caller's to know.
    pub fn username_in<'a>(&self, name: &'a str) -> Option<&'a str> {
        let username = name
            .strip_prefix(self.prefix.as_str())?
            .strip_suffix(self.suffix.as_str())?;
        (!username.is_empty()).then_some(username)
    }

    pub(crate) fn around(&self, username: &str) -> String {
        format!("{}{username}{}", self.prefix, self.suffix)
    }
}
