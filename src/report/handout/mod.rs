//! Handouts: a page for each student, as HTML and as Markdown, and one to print with all of them.
//!
//! The lab gives the words ([`crate::lab::content`]) as Markdown events, which two libraries write as HTML and as Markdown.
//! This room adds the head, the layout, the style, and the blocks that Markdown does not have. A page loads nothing, and
//! its content security policy allows only its own style sheet and script, as for the report.
//!
//! A value of the roster can be in five contexts: text and code of events (escaped by pulldown-cmark in [`html`], by
//! `pulldown-cmark-to-cmark` and a few lines more in [`markdown`]), element text and quoted attributes of homeroom's own
//! blocks (escaped by Tera), a link (which must pass [`crate::text::link`]), and a word of a command
//! ([`crate::lab::Shell`]).

mod batch;
mod html;
mod markdown;
mod sheet;

use std::io;
use std::path::{Path, PathBuf};

use crate::files::{class_dir, keep_private, remove_if_there, write_all_whole};
use crate::ids::{ClassName, Scope, Username};
use crate::lab::{FilledHandout, Lab};
use crate::roster::Student;
use crate::stack::credentials::Credentials;

pub(crate) use batch::HandoutBatch;
pub use html::HandoutPages;

/// What every handout of a class has in common.
#[derive(Debug, Clone, Copy)]
pub struct HandoutClass<'a> {
    /// The class.
    pub class: &'a ClassName,
    /// Its lab.
    pub lab: &'a Lab,
    /// Where it runs.
    pub scope: &'a Scope,
    /// Where students sign in to the console; `None` where there is none.
    pub sign_in_url: Option<&'a str>,
}

/// One student's handout.
#[derive(Debug)]
pub struct StudentHandout<'a> {
    /// Whose.
    pub student: &'a Student,
    /// Where the student is. A class may have several places.
    pub at: HandoutClass<'a>,
    /// What it says.
    pub handout: FilledHandout,
    /// The data to sign in with, if the handout has it.
    pub credentials: Option<Credentials>,
}

/// Files that were written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HandoutFiles {
    /// The page with all students, to print.
    pub together: PathBuf,
    /// Each student's page and Markdown, in the order of the roster.
    pub students: Vec<[PathBuf; 2]>,
}

impl HandoutFiles {
    /// Every file, the one to print first.
    pub fn all(&self) -> impl Iterator<Item = &Path> {
        let students = self.students.iter().flatten();
        std::iter::once(&self.together)
            .chain(students)
            .map(PathBuf::as_path)
    }
}

/// The folder of a class's handouts.
pub(crate) fn dir(reports: &Path, class: &ClassName) -> PathBuf {
    class_dir(reports, class).join("handouts")
}

/// One student's handout as Markdown.
///
/// # Errors
/// When the library refuses to write it, which no value can cause.
pub fn markdown(
    class: &HandoutClass<'_>,
    one: &StudentHandout<'_>,
) -> Result<String, pulldown_cmark_to_cmark::Error> {
    markdown::document(class, one)
}

const TOGETHER: &str = "all students.html";
const CHOSEN: &str = "chosen students.html";

/// Removes students' handouts, and the pages with all students, which may contain them. Returns how many students had one.
///
/// # Errors
/// Names the file that cannot be removed.
pub(crate) fn forget<'a>(
    reports: &Path,
    class: &ClassName,
    students: impl IntoIterator<Item = &'a Username>,
) -> io::Result<usize> {
    let dir = dir(reports, class);
    let remove = |name: &str| remove_if_there(&dir.join(name));
    let mut removed = 0;
    for student in students {
        let own = [format!("{student}.html"), format!("{student}.md")];
        if !own.iter().any(|name| dir.join(name).exists()) {
            continue;
        }
        // The pages with all students come first: if this stops here, the next run finds the student's own page again.
        remove(TOGETHER)?;
        remove(CHOSEN)?;
        let [page, text] = own.map(|name| remove(&name));
        removed += usize::from(page? | text?);
    }
    Ok(removed)
}

/// Writes all handouts into [`dir`], and the page to print: `all students.html`, or `chosen students.html` when they are not
/// the whole class. Usernames have no space, so no student's page has these names. Only the files' owner can read them.
///
/// # Errors
/// When a file cannot be written. Everything is rendered and on the disk under other names before the first file is
/// replaced.
pub fn write(
    reports: &Path,
    class: &HandoutClass<'_>,
    all: &[StudentHandout<'_>],
    whole_class: bool,
) -> io::Result<HandoutFiles> {
    let dir = dir(reports, class.class);
    keep_private(&dir)?;
    let pages = HandoutPages::new().map_err(io::Error::other)?;
    let mut written = HandoutFiles {
        together: dir.join(if whole_class { TOGETHER } else { CHOSEN }),
        students: Vec::with_capacity(all.len()),
    };
    let mut files: Vec<(PathBuf, Vec<u8>)> = Vec::with_capacity(2 * all.len() + 1);
    for one in all {
        let username = &one.student.username;
        let html = dir.join(format!("{username}.html"));
        let markdown_path = dir.join(format!("{username}.md"));
        let page = pages.html(class, one).map_err(io::Error::other)?;
        files.push((html.clone(), page.into_bytes()));
        let text = markdown(class, one).map_err(io::Error::other)?;
        files.push((markdown_path.clone(), text.into_bytes()));
        written.students.push([html, markdown_path]);
    }
    let page = pages.together(class, all).map_err(io::Error::other)?;
    files.push((written.together.clone(), page.into_bytes()));
    write_all_whole(&dir, files)?;
    Ok(written)
}
