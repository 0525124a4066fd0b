//! `report --gradebook canvas`: reads the export, writes it filled in, says who was left out.

use std::fs;
use std::path::{Path, PathBuf};

use crate::cli::{Gradebook, ReportArgs};
use crate::error::{Error, Kind, Result};
use crate::report::ClassReport;
use crate::report::canvas::{Filled, fill};
use crate::report::write::{class_dir, write_whole};

/// An export that is to be filled in.
pub(super) struct Canvas {
    file: PathBuf,
    bytes: Vec<u8>,
    assignment: String,
}

impl Canvas {
    /// Reads the export, if there is one to be filled in.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn load(args: &ReportArgs) -> Result<Option<Self>> {
        let (Some(Gradebook::Canvas), Some(file), Some(assignment)) =
            (args.gradebook, &args.canvas_export, &args.assignment)
        else {
            return Ok(None);
        };
        let bytes = fs::read(file).map_err(|error| {
            let subject = format!("--canvas-export {}", file.display());
            Error::new(Kind::Invalid, subject, format!("cannot be read: {error}"))
                .hint("give the CSV file that Canvas exported")
        })?;
        Ok(Some(Self {
            file: file.clone(),
            bytes,
            assignment: assignment.clone(),
        }))
    }

    /// Writes `gradebook-canvas.csv` into the class's folder; what to know of it, as notes.
    ///
    /// # Errors
    /// When the export is none, has no such assignment, or the file cannot be written.
    pub fn write(&self, reports: &Path, report: &ClassReport) -> Result<Vec<String>> {
        let name = self.file.display().to_string();
        let filled =
            fill(report, &name, &self.bytes, &self.assignment).map_err(|failure| Error {
                kind: Kind::Invalid,
                failures: vec![failure],
            })?;
        let path = class_dir(reports, &report.class).join("gradebook-canvas.csv");
        write_whole(&path, &filled.bytes)
            .map_err(|error| Error::new(Kind::General, "gradebook", error.to_string()))?;
        Ok(notes(&filled, &path))
    }
}

fn notes(filled: &Filled, path: &Path) -> Vec<String> {
    let mut notes = vec![format!(
        "{}: '{}' filled in for {}",
        path.display(),
        filled.assignment,
        crate::report::words::plural(filled.filled.len(), "student")
    )];
    if let Some((total, possible)) = filled.scaled {
        notes.push(format!(
            "Canvas gives {possible} points for it, the lab {total}: points are scaled"
        ));
    }
    notes.extend(
        filled
            .left
            .iter()
            .map(|(username, why)| format!("Canvas: {username} not filled in: {why}")),
    );
    notes.extend(
        filled
            .strangers
            .iter()
            .map(|name| format!("Canvas: the row of '{name}' is nobody's of this class")),
    );
    notes
}
