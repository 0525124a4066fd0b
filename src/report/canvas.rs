//! Fills one assignment into a Canvas gradebook export, for the import into Canvas.
//!
//! [`Export::read`] judges the file and finds the assignment, before anything is asked of AWS; [`Export::fill`] writes
//! the grades of a report. A wrong grade is worse than none: a cell that is not certain stays as it is, and a note says so.
//!
//! What Canvas exports (its `lib/gradebook_exporter.rb`): a header row with `Student` (or `LastName` and
//! `FirstName`), `ID`, `SIS User ID`, `SIS Login ID`, maybe `Integration ID` and `Root Account`, `Section`, columns that a
//! teacher added, then assignments as `Title (id)`, then totals. Maybe a row that says which grades are posted by hand. A
//! row whose first cell is `    Points Possible`. Then one row a student: `EX` where the student is excused, `N/A` where
//! the assignment is not assigned. Numbers have two decimals. Some languages export `;` between cells and a comma in numbers.
//!
//! What it imports (its `lib/gradebook_importer.rb`): commas or semicolons. It finds a student by ID, then SIS id, then
//! login, then name, and imports every column it finds. So homeroom writes only the columns that say who a row is, and
//! the one assignment.

mod assignment;
mod columns;
mod export;
mod fill;
#[cfg(test)]
pub(crate) mod tests;

pub(crate) use export::Export;
