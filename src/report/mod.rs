//! What people and programs see of a run: the terminal, the run log, and the files of a class.
//!
//! Everything here shows [`crate::events`] and [`crate::evidence`]; nothing here calls AWS. stdout is for data, stderr for
//! people.
//!
//! | for | what | where |
//! |---|---|---|
//! | a person, while it runs | progress bar or plain lines | [`terminal`] (stderr) |
//! | a person, at the end | sentence, tables, causes, next command | [`summary`] |
//! | a post-mortem | one event a line | [`runlog`] (`reports/<class>/runs/`) |
//! | a program | `report.json`: the [`document`] | [`document`] (`reports/<class>/`) |
//! | a classroom | `report.html`, a page a student, `gradebook.csv`, `junit.xml` | [`html`], [`csv`], [`junit`], all by [`mod@write`] |
//! | a later question | dated copies that are never changed | [`mod@history`] (`reports/<class>/history/`) |
//! | a student, by their own key | tasks, next step, what is wrong | [`own`] |
//! | a student | `handouts/<username>.html` and `.md` | [`handout`] |
//! | a student, on paper | `credentials/sign-in slips.html`, and a table for a mail merge | [`slips`] |
//! | a projector | `report-anonymous.html` | [`mod@anonymous`] |
//! | a Canvas course | `gradebook-canvas.csv` | [`canvas`] |
//! | a Moodle course | `gradebook-moodle.csv` | [`moodle`] |
//!
//! Everything about a class renders from one [`Document`].
//!
//! Rosters, student inputs and AWS messages are hostile text. Exactly one place for each context makes it inert: [`clean`](crate::text::show::clean) (terminals, and before every other step), the escaping of the pages'
//! templates with the URL rule of `text::link`, pulldown-cmark's writers ([`handout`]), `lab::Shell` (commands to paste),
//! [`csv`] (spreadsheet formulas), [`junit`] (XML), [`json`](crate::text::json) (control characters).

pub mod anonymous;
pub(crate) mod attention;
pub(crate) mod canvas;
pub(crate) mod causes;
pub(crate) mod classes;
pub mod csv;
pub mod diagnostics;
pub(crate) mod document;
pub(crate) mod errors;
pub mod findings;
pub(crate) mod gradebook;
pub mod handout;
pub(crate) mod history;
pub mod html;
pub mod junit;
pub(crate) mod last_readings;
pub(crate) mod left;
pub(crate) mod marks;
pub(crate) mod moodle;
pub(crate) mod own;
pub mod progress;
pub(crate) mod runlog;
mod scrub;
pub(crate) mod since;
pub mod slips;
pub mod style;
pub(crate) mod summary;
pub(crate) mod tally;
pub(crate) mod terminal;
pub(crate) mod write;

pub use anonymous::{PseudonymKey, anonymous};
pub use document::{Account, Document, PlaceStamp, Proposing, ReportStudent, Since};
pub(crate) use errors::{print_error, print_notes};
pub use runlog::RunLog;
pub(crate) use summary::errors_of;
pub use summary::{ResetListing, View, print_reset_listing, print_summary, print_teardown_listing};
pub use terminal::{Terminal, TerminalOptions};
pub use write::{About, WrittenReport, student_files, write_reports};
