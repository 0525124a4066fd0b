//! A Canvas gradebook export with one assignment filled in, to be imported there.
//!
//! [`Export::read`] judges the file and finds the assignment, before anything is asked of AWS; [`Export::fill`] writes
//! the grades of a report. A wrong grade is worse than none: what is not certain is left as it is, and said.
//!
//! What Canvas exports (its `lib/gradebook_exporter.rb`): a header row with `Student` (or `LastName` and
//! `FirstName`), `ID`, `SIS User ID`, `SIS Login ID`, maybe `Integration ID` and `Root Account`, `Section`, columns that a
//! teacher added, then assignments as `Title (id)`, then totals; maybe a row that says which are posted by hand; a row
//! whose first cell is `    Points Possible`; then one row a student, `EX` where one is excused and `N/A` where the
//! assignment is not theirs. Numbers have two decimals. Some languages export `;` between cells and a comma in numbers.
//!
//! What it imports (its `lib/gradebook_importer.rb`): commas or semicolons; who is meant by ID, then SIS id, then login, then
//! name; every column it finds. So the file that is written has the columns that say who a row is, and the one assignment.

mod export;
mod fill;
mod matching;
mod notes;
mod number;
#[cfg(test)]
mod tests;

pub(crate) use export::Export;
