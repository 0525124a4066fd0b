//! Handouts: a page for each student, as HTML and as Markdown, and one to print with all of them.
//!
//! The words are the lab's ([`crate::report::handout::content`]); the frame is here: layout, style, escaping. `view.rs` makes
//! finished words of everything, each cleaned once; `sheet.html` and its macros in `blocks.html` lay them out, and
//! `markdown.rs` writes the same as Markdown. A page loads nothing, and its content security policy allows exactly its
//! own style sheet and script, as for the report.
//!
//! A value of the roster stands in four contexts: element text and quoted attributes (Tera's auto-escaping), a link
//! (what has passed the report's rule), Markdown text (escaped in [`markdown`]), and a word of a command
//! ([`super::shell`]).

pub mod content;
mod markdown;
mod view;

use std::io;
use std::path::{Path, PathBuf};

use tera::{Context, Tera};

use crate::ids::{ClassName, Username};
use crate::lab::check::Check;
use crate::report::handout::content::Handout;
use crate::roster::Student;
use crate::stack::credentials::Credentials;

use super::html::source_hash;
use crate::files::{class_dir, remove_if_there, write_all_whole};
use view::Sheet;

const STYLE: &str = concat!(include_str!("../html/base.css"), include_str!("style.css"));
const SCRIPT: &str = concat!(include_str!("../html/common.js"), include_str!("script.js"));
const TEMPLATES: [(&str, &str); 3] = [
    ("page.html", include_str!("page.html")),
    ("sheet.html", include_str!("sheet.html")),
    ("blocks.html", include_str!("blocks.html")),
];

/// What every handout of a class has in common.
#[derive(Debug, Clone, Copy)]
pub struct About<'a> {
    /// The class.
    pub class: &'a ClassName,
    /// The lab's title.
    pub lab_title: &'a str,
    /// About how long it takes.
    pub minutes: u32,
    /// The region.
    pub region: &'a str,
    /// The lab's checks.
    pub checks: &'a [Check],
    /// Where students sign in to the console; `None` where there is none.
    pub sign_in_url: Option<&'a str>,
}

/// One student's handout.
#[derive(Debug)]
pub struct One<'a> {
    /// Whose.
    pub student: &'a Student,
    /// What it says.
    pub handout: Handout,
    /// What they sign in with, if it is to be told.
    pub credentials: Option<Credentials>,
}

/// Files that were written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Files {
    /// The page with every student's, to print.
    pub together: PathBuf,
    /// Each student's page and Markdown, in the order of the roster.
    pub students: Vec<[PathBuf; 2]>,
}

impl Files {
    /// Every file, the one to print first.
    pub fn all(&self) -> impl Iterator<Item = &Path> {
        let students = self.students.iter().flatten();
        std::iter::once(&self.together)
            .chain(students)
            .map(PathBuf::as_path)
    }
}

/// The folder of a class's handouts.
pub fn dir(reports: &Path, class: &ClassName) -> PathBuf {
    class_dir(reports, class).join("handouts")
}

/// The handouts' templates, compiled once.
pub struct Pages {
    tera: Tera,
}

impl Pages {
    /// Compiles the templates.
    ///
    /// # Errors
    /// When a template does not parse, which no data can bring about.
    pub fn new() -> Result<Self, tera::Error> {
        let mut tera = Tera::default();
        tera.add_raw_templates(TEMPLATES)?;
        Ok(Self { tera })
    }

    /// One student's page.
    ///
    /// # Errors
    /// When a template does not render, which no data can bring about.
    pub fn html(&self, about: &About<'_>, one: &One<'_>) -> Result<String, tera::Error> {
        self.page(&[Sheet::of(about, one, false)])
    }

    /// One page with every student's, each on paper of its own.
    ///
    /// # Errors
    /// See [`Pages::html`].
    pub fn together(&self, about: &About<'_>, all: &[One<'_>]) -> Result<String, tera::Error> {
        let sheets: Vec<Sheet> = all.iter().map(|one| Sheet::of(about, one, true)).collect();
        self.page(&sheets)
    }

    /// One student's handout as Markdown.
    pub fn markdown(&self, about: &About<'_>, one: &One<'_>) -> String {
        markdown::document(&Sheet::of(about, one, false))
    }

    fn page(&self, sheets: &[Sheet]) -> Result<String, tera::Error> {
        let mut context = Context::new();
        context.insert("sheets", sheets);
        context.insert("style", STYLE);
        context.insert("script", SCRIPT);
        context.insert("version", env!("CARGO_PKG_VERSION"));
        let policy = format!(
            "default-src 'none'; style-src '{}'; script-src '{}'; img-src data:; base-uri 'none'; form-action 'none'",
            source_hash(STYLE),
            source_hash(SCRIPT)
        );
        context.insert("policy", &policy);
        self.tera.render("page.html", &context)
    }
}

/// The page with everybody's.
const TOGETHER: &str = "all students.html";
/// The page with those who were chosen.
const CHOSEN: &str = "chosen students.html";

/// Removes students' handouts, and the pages that have everybody's: theirs may be among them. Answers how many students
/// had one.
///
/// # Errors
/// Names the file that cannot be removed.
pub fn forget<'a>(
    reports: &Path,
    class: &ClassName,
    students: impl IntoIterator<Item = &'a Username>,
) -> io::Result<usize> {
    let dir = dir(reports, class);
    let remove = |name: &str| remove_if_there(&dir.join(name));
    let mut removed = 0;
    for student in students {
        // Together first: whoever is cut off here finds the student's own page again, and goes on.
        if !dir.join(format!("{student}.html")).exists()
            && !dir.join(format!("{student}.md")).exists()
        {
            continue;
        }
        remove(TOGETHER)?;
        remove(CHOSEN)?;
        let (page, text) = (
            remove(&format!("{student}.html"))?,
            remove(&format!("{student}.md"))?,
        );
        removed += usize::from(page || text);
    }
    Ok(removed)
}

/// Writes everybody's handouts into [`dir`], and the one to print: `all students.html`, or `chosen students.html` when
/// they are not the whole class. A username has no space, so neither is a student's. Only their owner can read them.
///
/// # Errors
/// When a file cannot be written. Everything is rendered and on the disk under other names before the first file is
/// replaced.
pub fn write(
    reports: &Path,
    about: &About<'_>,
    all: &[One<'_>],
    whole_class: bool,
) -> io::Result<Files> {
    let dir = dir(reports, about.class);
    let pages = Pages::new().map_err(io::Error::other)?;
    let mut written = Files {
        together: dir.join(if whole_class { TOGETHER } else { CHOSEN }),
        students: Vec::with_capacity(all.len()),
    };
    let mut files: Vec<(PathBuf, Vec<u8>)> = Vec::with_capacity(2 * all.len() + 1);
    for one in all {
        let username = &one.student.username;
        let html = dir.join(format!("{username}.html"));
        let markdown = dir.join(format!("{username}.md"));
        let page = pages.html(about, one).map_err(io::Error::other)?;
        files.push((html.clone(), page.into_bytes()));
        files.push((markdown.clone(), pages.markdown(about, one).into_bytes()));
        written.students.push([html, markdown]);
    }
    let page = pages.together(about, all).map_err(io::Error::other)?;
    files.push((written.together.clone(), page.into_bytes()));
    write_all_whole(&dir, files)?;
    Ok(written)
}
