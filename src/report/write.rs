//! The files of a class, each written whole or not at all.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use jiff::Zoned;

use crate::domain::check::CheckResult;
use crate::domain::ids::{ClassName, Username};

use super::class::ClassReport;
use super::{csv, html, json, junit};

/// Where the files of a report are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// `report.html`: one self-contained page.
    pub html: PathBuf,
    /// `report.json`: the same for programs.
    pub json: PathBuf,
    /// `gradebook.csv`.
    pub gradebook: PathBuf,
    /// `junit.xml`, when the report has results of `validate`.
    pub junit: Option<PathBuf>,
}

/// The folder of a class below the folder of all reports. A [`ClassName`] has letters, digits, `-` and `_`
/// only, so it cannot lead anywhere else.
pub fn class_dir(reports: &Path, class: &ClassName) -> PathBuf {
    reports.join(class.as_str())
}

/// Writes all files of a report into `<reports>/<class>/`. They name students, so only their owner can read
/// them; the folder is made where it is missing.
///
/// # Errors
/// When a file cannot be written. The files before it are the new ones then, it and those after it are what
/// they were.
pub fn write_reports(reports: &Path, report: &ClassReport) -> io::Result<Written> {
    let dir = class_dir(reports, &report.class);
    // Everything is rendered before anything is replaced.
    let page = html::page(report).map_err(io::Error::other)?;
    let document = json::report_document(report)?;
    let gradebook = csv::gradebook(report)?;

    let written = Written {
        html: dir.join("report.html"),
        json: dir.join("report.json"),
        gradebook: dir.join("gradebook.csv"),
        junit: None,
    };
    write_whole(&written.json, document.as_bytes())?;
    write_whole(&written.gradebook, &gradebook)?;
    let suites = report
        .students
        .iter()
        .filter(|s| !s.validate.is_empty())
        .map(|s| (&s.student.username, s.validate.as_slice()));
    let junit = if report.students.iter().any(|s| !s.validate.is_empty()) {
        Some(write_junit(
            reports,
            &report.class,
            &report.taken_at,
            suites,
        )?)
    } else {
        None
    };
    // The page comes last: whoever sees a new one finds the files beside it new as well.
    write_whole(&written.html, page.as_bytes())?;
    Ok(Written { junit, ..written })
}

/// Writes `<reports>/<class>/junit.xml` from the answers of `validate`.
///
/// # Errors
/// When the file cannot be written; it is what it was then.
pub fn write_junit<'a>(
    reports: &Path,
    class: &ClassName,
    taken_at: &Zoned,
    students: impl IntoIterator<Item = (&'a Username, &'a [CheckResult])>,
) -> io::Result<PathBuf> {
    let path = class_dir(reports, class).join("junit.xml");
    let xml = junit::document(class, taken_at, students);
    write_whole(&path, xml.as_bytes())?;
    Ok(path)
}

/// Replaces a file as a whole: a temporary file beside it (mode 0600), flushed to the disk, takes its name.
/// Whoever reads meanwhile, and whoever looks after a crash, sees the old text or the new, never a part.
///
/// # Errors
/// Names the file, whatever step failed.
pub fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let attempt = || -> io::Result<()> {
        let dir = path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(dir)?;
        let mut file = tempfile::Builder::new()
            .prefix(".homeroom-")
            .tempfile_in(dir)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        // The rename itself is on the disk once the folder is.
        #[cfg(unix)]
        fs::File::open(dir)?.sync_all()?;
        Ok(())
    };
    attempt().map_err(|e| io::Error::new(e.kind(), format!("{}: {e}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_leaves_no_litter() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("deep/er/file.txt");
        write_whole(&path, b"a long first text").unwrap();
        write_whole(&path, b"second").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"second");
        let names: Vec<_> = fs::read_dir(path.parent().unwrap()).unwrap().collect();
        assert_eq!(names.len(), 1);
    }

    #[test]
    fn what_cannot_be_written_is_named_and_the_old_file_stays() {
        let dir = tempfile::tempdir().unwrap();
        // A folder in the file's place cannot be replaced by a rename.
        let path = dir.path().join("report.html");
        fs::create_dir_all(path.join("x")).unwrap();
        let error = write_whole(&path, b"text").unwrap_err();
        assert!(error.to_string().contains("report.html"), "{error}");
        assert!(path.join("x").is_dir());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_can_read_a_file_that_names_students() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("gradebook.csv");
        write_whole(&path, b"x").unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
