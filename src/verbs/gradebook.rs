//! `report --gradebook`: reads the export, has it judged and filled in, writes it.

use std::path::PathBuf;

use super::say::unwritten;
use super::sessions::Sessions;
use crate::cli::{GradebookSystem, ReportArgs};
use crate::error::{Error, Exit, Result};
use crate::files::{class_dir, write_whole};
use crate::lab::bundle;
use crate::options::invalid;
use crate::report::canvas::Export;
use crate::report::gradebook::{GradeRules, Number};
use crate::report::moodle::MoodleExport;
use crate::report::{About, Document};

/// An export of another system, not yet judged.
pub(super) struct GradebookFile<'a> {
    system: GradebookSystem,
    name: String,
    bytes: Vec<u8>,
    assignment: &'a str,
    /// What the assignment is worth, as it was typed.
    possible: &'a str,
}

/// An export that can be filled in.
pub(super) enum JudgedExport<'a> {
    Canvas(Export<'a>),
    Moodle(MoodleExport),
}

impl<'a> GradebookFile<'a> {
    /// Reads the file; `None` where no gradebook was asked for.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) fn load(args: &'a ReportArgs) -> Result<Option<Self>> {
        let (option, system, path) = match args.gradebook {
            Some(GradebookSystem::Canvas) => ("--canvas-export", "Canvas", &args.canvas_export),
            Some(GradebookSystem::Moodle) => ("--moodle-export", "Moodle", &args.moodle_export),
            None => return Ok(None),
        };
        if args.canvas_export.is_some() && args.moodle_export.is_some() {
            let cause = "an export of Canvas and one of Moodle are given, and one report fills in one of them";
            return Err(invalid("--gradebook", cause, "leave one of the two out"));
        }
        let (Some(gradebook), Some(path), Some(assignment)) =
            (args.gradebook, path, &args.assignment)
        else {
            return Ok(None);
        };
        let name = path.display().to_string();
        let bytes = bundle::named_file(path, bundle::LIST_MAX).map_err(|error| {
            let subject = format!("{option} {name}");
            Error::new(Exit::Invalid, subject, format!("cannot be read: {error}"))
                .hint(format!("give the CSV file that {system} exported"))
        })?;
        Ok(Some(Self {
            system: gradebook,
            name,
            bytes,
            assignment,
            possible: args.points_possible.as_deref().unwrap_or_default(),
        }))
    }

    /// Judges the export, before anything is asked of AWS.
    ///
    /// # Errors
    /// When the file is no export, or has no such assignment that can be filled in.
    pub(crate) fn judge(&self) -> Result<JudgedExport<'_>> {
        let judged = match self.system {
            GradebookSystem::Canvas => {
                Export::read(&self.name, &self.bytes, self.assignment).map(JudgedExport::Canvas)
            }
            GradebookSystem::Moodle => {
                let possible = Number::read(self.possible).ok();
                let possible = possible.filter(|number| number.is_positive()).ok_or_else(|| {
                    let cause = format!("{:?} is no number of points above 0", self.possible);
                    let hint = "give what the item is worth in Moodle, its Maximum grade: --points-possible 100";
                    invalid("--points-possible", cause, hint)
                })?;
                MoodleExport::read(&self.name, &self.bytes, self.assignment, possible)
                    .map(JudgedExport::Moodle)
            }
        };
        judged.map_err(|failures| Error::of(Exit::Invalid, failures))
    }
}

/// Writes the export with the report's grades into the class's folder. Answers with the file and what to know of it.
///
/// # Errors
/// When the file cannot be written.
pub(super) fn write(
    export: &JudgedExport<'_>,
    session: &Sessions,
    report: &Document,
    about: About,
    rules: GradeRules,
) -> Result<(PathBuf, Vec<String>)> {
    let class = &session.class;
    let roster = &class.roster.students;
    let failed = || unwritten("gradebook", "`homeroom report`");
    let (filled, system, more) = match export {
        JudgedExport::Canvas(export) => (export.fill(report, roster, rules), "canvas", Vec::new()),
        JudgedExport::Moodle(export) => {
            let filled = export.fill(report, roster, rules).map_err(failed())?;
            (filled, "moodle", export.how_to_import())
        }
    };
    let name = about.file(&format!("gradebook-{system}.csv"));
    let path = class_dir(&class.settings.reports, &report.class).join(name);
    write_whole(&path, &filled.bytes).map_err(failed())?;
    let mut notes = filled.notes(&path);
    notes.extend(more);
    Ok((path, notes))
}
