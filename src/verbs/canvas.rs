//! `report --gradebook canvas`: reads the export, has it judged and filled in, writes it.

use std::path::PathBuf;

use super::say::unwritten;
use super::session::Session;
use crate::cli::{Gradebook, ReportArgs};
use crate::error::{Error, Exit, Result};
use crate::files::{class_dir, write_whole};
use crate::lab::bundle;
use crate::report::canvas::{Export, GradeRules};
use crate::report::{About, Document};

/// An export from Canvas, not yet read.
pub(super) struct CanvasFile<'a> {
    name: String,
    bytes: Vec<u8>,
    assignment: &'a str,
}

impl<'a> CanvasFile<'a> {
    /// Reads the file; `None` where no gradebook was asked for.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) fn load(args: &'a ReportArgs) -> Result<Option<Self>> {
        let (Some(Gradebook::Canvas), Some(path), Some(assignment)) =
            (args.gradebook, &args.canvas_export, &args.assignment)
        else {
            return Ok(None);
        };
        let name = path.display().to_string();
        let bytes = bundle::named_file(path, bundle::LIST_MAX).map_err(|error| {
            let subject = format!("--canvas-export {name}");
            Error::new(Exit::Invalid, subject, format!("cannot be read: {error}"))
                .hint("give the CSV file that Canvas exported")
        })?;
        Ok(Some(Self {
            name,
            bytes,
            assignment,
        }))
    }

    /// Judges the export, before anything is asked of AWS.
    ///
    /// # Errors
    /// When the file is no export, or has no such assignment that can be filled in.
    pub(crate) fn judge(&self) -> Result<Export<'_>> {
        Export::read(&self.name, &self.bytes, self.assignment)
            .map_err(|failures| Error::of(Exit::Invalid, failures))
    }
}

/// Writes the export with the report's grades into the class's folder. Answers with the file and what to know of it.
///
/// # Errors
/// When the file cannot be written.
pub(super) fn write(
    export: &Export<'_>,
    session: &Session,
    report: &Document,
    about: About,
    rules: GradeRules,
) -> Result<(PathBuf, Vec<String>)> {
    let class = &session.class;
    let filled = export.fill(report, &class.roster.students, rules);
    let name = match about {
        About::Class => "gradebook-canvas.csv",
        About::Selection => "selection-gradebook-canvas.csv",
    };
    let path = class_dir(&class.settings.reports, &report.class).join(name);
    write_whole(&path, &filled.bytes).map_err(unwritten("gradebook", "`homeroom report`"))?;
    let notes = filled.notes(&path);
    Ok((path, notes))
}
