//! Grades for the gradebook of another system: whose row is whose, and what may be written there.
//!
//! [`Gradebook`] is what such a system says of one assignment, read from a file or over its API. [`Gradebook::judge`]
//! lays a report over it. A wrong grade is worse than none: what is not certain stays as it is, and a note says so.

mod judge;
mod matching;
mod notes;
mod number;

pub(crate) use judge::{GradeRules, Judged};
pub(crate) use notes::Filled;
pub(crate) use number::{DecimalMark, Number, Unreadable, decimal_mark};

use crate::text::failure::Failure;
use crate::text::problems::{self, Problem};
use crate::text::table::{Record, Table};

/// A system that keeps grades.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum System {
    #[default]
    Canvas,
    Moodle,
}

impl System {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Canvas => "Canvas",
            Self::Moodle => "Moodle",
        }
    }
}

/// One assignment's grades, as the system has them.
#[derive(Debug)]
pub(crate) struct Gradebook {
    pub(crate) system: System,
    /// What the system calls the assignment.
    pub(crate) title: String,
    /// What the assignment is worth there; more than 0.
    pub(crate) possible: Number,
    pub(crate) people: Vec<Person>,
}

/// A person of a gradebook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Person {
    /// As the system writes it.
    pub(crate) name: String,
    /// SIS id, login, e-mail address: what there is, by column, the same columns for everybody.
    pub(crate) logins: Vec<String>,
    /// Where a person finds the row: `line 3`.
    pub(crate) place: String,
    /// What the row has for the assignment; more than one cell where they are in more than one section.
    pub(crate) cells: Vec<Cell>,
    /// Whether the system can find the student by the row.
    pub(crate) known: bool,
    /// Whether other rows of the same id have another name or login, so that it is not known who it is.
    pub(crate) torn: bool,
    /// Whether it is the system's own test student, who is never matched by name.
    pub(crate) test: bool,
}

/// What a gradebook has for a person and the assignment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Cell {
    /// No grade yet.
    Empty,
    Excused,
    /// The assignment is not assigned to them.
    NotAssigned,
    Points(Number),
    /// Something that is no number for certain, as the system writes it.
    Other(String),
}

/// The table of an export, which must have no flaw. `score`: as of [`Table::read`]. `again`: how to get the file as the system
/// wrote it.
///
/// # Errors
/// Everything that is wrong with the file.
pub(super) fn whole_table<'a>(
    file: &str,
    bytes: &'a [u8],
    score: impl Fn(&Record) -> u32,
    again: &str,
) -> Result<Table<'a>, Vec<Failure>> {
    let said = |found| problems::messages(file, found);
    let table = Table::read(bytes, score).map_err(|refused| {
        said(vec![Problem {
            hint: again.to_owned(),
            ..refused.problem
        }])
    })?;
    let flaws = table.flaws();
    match flaws.is_empty() {
        true => Ok(table),
        false => Err(said(flaws)),
    }
}
