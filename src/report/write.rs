//! The files of a class, each written whole or not at all.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use jiff::ZonedDateTime;

use crate::evidence::check::CheckResult;
use crate::files::{Prepared, class_dir, persist_all, remove_if_there, write_whole};
use crate::ids::{ClassName, Username};

use super::anonymous::PseudonymKey;
use super::document::{Document, Turn};
use super::history;
use super::html::Pages;
use super::{csv, junit};

/// Where the files of a report are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenReport {
    /// `report.html` (`selection.html`): one self-contained page.
    pub html: PathBuf,
    /// `report.json`: the same for programs.
    pub json: PathBuf,
    /// The dated copy of it, which is never changed.
    pub dated: PathBuf,
    /// `gradebook.csv` (`selection-gradebook.csv`).
    pub gradebook: PathBuf,
    /// `junit.xml`, when the report has results of `validate`.
    pub junit: Option<PathBuf>,
    /// `report-anonymous.html`, when a key was given.
    pub anonymous: Option<PathBuf>,
    /// Each student's own page, in the report's order.
    pub students: Vec<PathBuf>,
    /// Pages of students who left since the report before: removed.
    pub removed: Vec<PathBuf>,
}

impl WrittenReport {
    /// Every file, the class's first.
    pub fn files(&self) -> Vec<&Path> {
        let class = [&self.html, &self.json, &self.gradebook, &self.dated].into_iter();
        let class = class.chain(&self.junit).chain(&self.anonymous);
        class.chain(&self.students).map(PathBuf::as_path).collect()
    }
}

/// Whom a report is about. A report about some students has other file names, so that it does not replace the class's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// Everybody in the roster: `report.html`, `report.json`, `gradebook.csv`, …
    Class,
    /// Those who were chosen: `selection.html`, `selection.json`, `selection-gradebook.csv`, …
    Selection,
    /// Those whom the tags of a class that is swept name: `swept/swept.html`, …
    Swept,
}

impl About {
    pub(crate) fn whole(is_whole: bool) -> Self {
        match is_whole {
            true => Self::Class,
            false => Self::Selection,
        }
    }

    /// The name of a file, given its name for the class.
    pub(crate) fn file(self, name: &str) -> String {
        match self {
            Self::Class => name.to_owned(),
            Self::Selection => format!("selection-{name}"),
            Self::Swept => format!("swept-{name}"),
        }
    }
}

/// The names of the students' own pages: `<username>.html`. Where another file of the folder has that name, also in another
/// case, `-student` is added until the name is free.
pub fn student_files<'a>(students: impl Iterator<Item = &'a Username> + Clone) -> Vec<String> {
    const TAKEN: [&str; 4] = [
        "report",
        "report-anonymous",
        "selection",
        "selection-anonymous",
    ];
    let mut taken: BTreeSet<String> = TAKEN.map(str::to_owned).into();
    let names = students.map(Username::as_str);
    // The names that stay as they are come first, in any order of the roster.
    taken.extend(
        names
            .clone()
            .map(str::to_lowercase)
            .filter(|name| !TAKEN.contains(&name.as_str())),
    );
    names
        .map(|name| {
            let mut file = name.to_owned();
            if TAKEN.contains(&name.to_lowercase().as_str()) {
                while !taken.insert(file.to_lowercase()) {
                    file.push_str("-student");
                }
            }
            file + ".html"
        })
        .collect()
}

/// The pages of students who were in the report before and are not in this one.
fn of_departed(report: &Document) -> Vec<String> {
    let moves = report.since.iter().flat_map(|since| &since.moves);
    let left = moves.filter(|m| m.turn == Turn::Left).map(|m| &m.username);
    let all = usernames(report).chain(left);
    student_files(all).split_off(report.students.len())
}

fn usernames(report: &Document) -> impl Iterator<Item = &Username> + Clone {
    report.students.iter().map(|row| &row.student.username)
}

/// Writes all files of a report into `<reports>/<class>/`; with a key, the page for a projector too. The files name
/// students, so only their owner can read them. Makes the folder where it is missing. A report about the whole class removes
/// the pages of students who left since the report before.
///
/// # Errors
/// When a file cannot be written. Everything is rendered and on the disk under other names before the first file is
/// replaced, so a full disk changes nothing.
pub fn write_reports(
    reports: &Path,
    report: &Document,
    about: About,
    key: Option<&PseudonymKey>,
) -> io::Result<WrittenReport> {
    let of_class = class_dir(reports, &report.class);
    let dir = match about {
        // Also the students' own pages know less than those that are there.
        About::Swept => of_class.join("swept"),
        About::Class | About::Selection => of_class.clone(),
    };
    let pages = Pages::new().map_err(io::Error::other)?;
    let stem = match about {
        About::Class => "report",
        About::Selection => "selection",
        About::Swept => "swept",
    };
    let mut written = WrittenReport {
        html: dir.join(format!("{stem}.html")),
        json: dir.join(format!("{stem}.json")),
        dated: PathBuf::new(),
        gradebook: dir.join(about.file("gradebook.csv")),
        junit: None,
        anonymous: None,
        students: Vec::new(),
        removed: Vec::new(),
    };
    // Each goes to the disk at once: all pages of a large class together take much memory.
    let mut files = Vec::new();
    let mut add = |path: PathBuf, bytes: &[u8]| -> io::Result<()> {
        files.push(Prepared::write(&dir, path, bytes)?);
        Ok(())
    };
    for (row, name) in report.students.iter().zip(student_files(usernames(report))) {
        let page = pages.student(report, row).map_err(io::Error::other)?;
        let path = dir.join(name);
        written.students.push(path.clone());
        add(path, page.as_bytes())?;
    }
    let document = report.to_json()?.into_bytes();
    let copy = history::ready(&of_class, report.taken_at.timestamp(), stem, &document)?;
    let old = history::ready_of_old(&of_class, stem)?;
    add(written.json.clone(), &document)?;
    drop(document);
    add(written.gradebook.clone(), &csv::gradebook(report)?)?;
    let validated = report.students.iter().filter(|s| !s.validate.is_empty());
    if about == About::Class && validated.clone().next().is_some() {
        let suites = validated.map(|s| (&s.student.username, s.validate.as_slice()));
        let xml = junit::document(&report.class, &report.taken_at, suites);
        let path = dir.join("junit.xml");
        add(path.clone(), xml.as_bytes())?;
        written.junit = Some(path);
    }
    if let Some(key) = key {
        let page = pages.anonymous(report, key).map_err(io::Error::other)?;
        let path = dir.join(format!("{stem}-anonymous.html"));
        add(path.clone(), page.as_bytes())?;
        written.anonymous = Some(path);
    }
    // The page comes last: when it is new, so are the files beside it.
    let page = pages.class(report).map_err(io::Error::other)?;
    add(written.html.clone(), page.as_bytes())?;
    drop(page);
    // The dated copies come first: so both the old and the new document are safe before anything is replaced.
    if let Some(old) = old {
        old.keep()?;
    }
    written.dated = copy.keep()?;
    persist_all(&dir, files)?;
    if about == About::Class {
        for name in of_departed(report) {
            let path = dir.join(name);
            if remove_if_there(&path)? {
                written.removed.push(path);
            }
        }
    }
    Ok(written)
}

/// Writes `<reports>/<class>/junit.xml` (`selection-junit.xml`) from the answers of `validate`.
///
/// # Errors
/// When the file cannot be written; the old one stays.
pub(crate) fn write_junit<'a>(
    reports: &Path,
    class: &ClassName,
    about: About,
    taken_at: &ZonedDateTime,
    students: impl IntoIterator<Item = (&'a Username, &'a [CheckResult])>,
) -> io::Result<PathBuf> {
    let path = class_dir(reports, class).join(about.file("junit.xml"));
    let xml = junit::document(class, taken_at, students);
    write_whole(&path, xml.as_bytes())?;
    Ok(path)
}
