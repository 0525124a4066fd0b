//! The class roster.

use super::ids::Username;

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
    /// Other columns with their values, in the file's order.
    pub extra: Vec<(String, String)>,
}

/// The class roster: students in the file's order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roster {
    /// The students.
    pub students: Vec<Student>,
}

/// How long a username may be for the lab at hand, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsernameLimit {
    /// Longest username in characters.
    pub max: usize,
    /// The name that grows too long first, for the message (`Lambda function '<username>-trigger-workflow' (at most 64 characters)`).
    pub because: String,
}
