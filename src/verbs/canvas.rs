//! `report --gradebook canvas`: reads the export, has it judged and filled in, writes it.

use std::path::{Path, PathBuf};

use crate::cli::{Gradebook, ReportArgs};
use crate::error::{Error, Kind, Result};
use crate::files::{class_dir, write_whole};
use crate::lab::bundle;
use crate::report::canvas::Export;
use crate::report::{About, Document};
use crate::roster::Student;

/// An export that is to be filled in, as it was given.
pub(super) struct CanvasFile {
    path: PathBuf,
    bytes: Vec<u8>,
    assignment: String,
    lower: bool,
}

/// The same, found to be in order.
pub(super) struct Gradable<'a> {
    export: Export<'a>,
    lower: bool,
}

impl CanvasFile {
    /// Reads the export, if there is one to be filled in.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) fn load(args: &ReportArgs) -> Result<Option<Self>> {
        let (Some(Gradebook::Canvas), Some(path), Some(assignment)) =
            (args.gradebook, &args.canvas_export, &args.assignment)
        else {
            return Ok(None);
        };
        let bytes = bundle::named_file(path, bundle::LIST_MAX).map_err(|error| {
            let subject = format!("--canvas-export {}", path.display());
            Error::new(Kind::Invalid, subject, format!("cannot be read: {error}"))
                .hint("give the CSV file that Canvas exported")
        })?;
        Ok(Some(Self {
            path: path.clone(),
            bytes,
            assignment: assignment.clone(),
            lower: args.lower,
        }))
    }

    /// Judges the export, before anything is asked of AWS.
    ///
    /// # Errors
    /// When the export is none, or has no such assignment that can be filled in.
    pub(crate) fn judge(&self) -> Result<Gradable<'_>> {
        let name = self.path.display().to_string();
        let export =
            Export::read(&name, &self.bytes, &self.assignment).map_err(|failures| Error {
                kind: Kind::Invalid,
                failures,
            })?;
        Ok(Gradable {
            export,
            lower: self.lower,
        })
    }
}

impl Gradable<'_> {
    /// Writes the export with the report's grades into the class's folder: where it is, and what to know of it.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn write(
        &self,
        reports: &Path,
        report: &Document,
        roster: &[Student],
        about: About,
    ) -> Result<(PathBuf, Vec<String>)> {
        let filled = self.export.fill(report, roster, self.lower);
        let name = match about {
            About::Class => "gradebook-canvas.csv",
            About::Selection => "selection-gradebook-canvas.csv",
        };
        let path = class_dir(reports, &report.class).join(name);
        write_whole(&path, &filled.bytes).map_err(|error| {
            Error::new(Kind::General, "gradebook", error.to_string()).hint(
                "free space or choose another folder with --reports, then run `homeroom report` again",
            )
        })?;
        let notes = filled.notes(&path);
        Ok((path, notes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Account;
    use std::fs;

    #[test]
    fn a_selection_replaces_no_gradebook_of_the_class() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("grades.csv");
        fs::write(&path, "Student,ID,Lab (1)\n    Points Possible,,9\n").unwrap();
        let args = ReportArgs {
            gradebook: Some(Gradebook::Canvas),
            canvas_export: Some(path),
            assignment: Some("Lab".to_owned()),
            ..ReportArgs::default()
        };
        let file = CanvasFile::load(&args).unwrap().unwrap();
        let report = Document {
            class: "lab6".parse().unwrap(),
            lab: "lab-6".parse().unwrap(),
            lab_title: String::new(),
            account: Account {
                id: String::new(),
                alias: None,
            },
            region: String::new(),
            taken_at: "2026-05-14T12:00:00[UTC]".parse().unwrap(),
            validated_at: None,
            students: Vec::new(),
            left: Vec::new(),
            departed: Vec::new(),
            notes: Vec::new(),
            gaps: Vec::new(),
            since: None,
        };
        let judged = file.judge().unwrap();
        let written = |about| judged.write(dir.path(), &report, &[], about).unwrap().0;
        assert!(written(About::Class).ends_with("lab6/gradebook-canvas.csv"));
        assert!(written(About::Selection).ends_with("lab6/selection-gradebook-canvas.csv"));
    }
}
