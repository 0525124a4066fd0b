//! Finds a lab's files: in a folder, or in the lab that is built into the binary.

mod folder;

use std::path::Path;

use include_dir::{Dir, include_dir};

use crate::error::{Error, Exit, Result};
use crate::lab::{Files, Lab, is_shipped};

use folder::Limits;
pub(crate) use folder::{named_file, own_file};

static TEMPLATES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/templates");
static LAMBDAS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/lambdas");

/// What `lab new` writes.
static STARTER: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/src/lab/starter");

/// The roster that is built into the binary: a class of thirty to rehearse with.
pub(crate) static DEMO_ROSTER: &[u8] = include_bytes!("../../roster/demo-class.csv");

/// Most bytes of a list that the instructor names (roster, attestations, gradebook): far more than any class needs.
pub(crate) const LIST_MAX: u64 = 64 * 1024 * 1024;

/// The folders that a bundle is made of.
const FOLDERS: [&str; 2] = ["templates", "lambdas"];
/// The file that tells a bundle.
const MANIFEST: &str = "templates/lab.toml";

/// Loads the lab in `dir`; without one, the lab in the current folder if it holds `templates/lab.toml`, else
/// the lab built into the binary.
///
/// # Errors
/// Of kind [`Exit::Invalid`]: no bundle there, files that cannot be read, or everything that is wrong with it.
pub fn load(dir: Option<&Path>) -> Result<Lab> {
    let files = files(dir)?;
    let is_built_in = files == built_in();
    let read = Lab::read(&files).and_then(|(lab, problems)| problems.or(lab));
    match read {
        Ok(lab) => Ok(lab.of_origin(is_built_in)),
        // What shows only once the lab is filled in is told in the same run.
        Err(_) => Err(Error::of(Exit::Invalid, Lab::proofread(&files).problems)),
    }
}

/// The files of the lab that [`load`] would take.
///
/// # Errors
/// Of kind [`Exit::Invalid`]: no bundle there, or files that cannot be read.
pub(crate) fn files(dir: Option<&Path>) -> Result<Files> {
    let current = Path::new(".");
    match dir {
        Some(dir) => folder::read(dir, Limits::BUNDLE),
        None if current.join(MANIFEST).is_file() => folder::read(current, Limits::BUNDLE),
        None => Ok(built_in()),
    }
}

/// The small lab that `lab new` writes.
pub(crate) fn starter() -> Files {
    let mut files = Files::new();
    add(&STARTER, "", &mut files);
    files
}

/// The files of a folder that is built in; their paths are below `root`, if that is not empty.
fn add(dir: &Dir<'_>, root: &str, files: &mut Files) {
    for file in dir.files() {
        let parts = file.path().iter().map(|part| part.to_string_lossy());
        let path = parts.collect::<Vec<_>>().join("/");
        let path = match root {
            "" => path,
            root => format!("{root}/{path}"),
        };
        if is_shipped(&path) {
            files.insert(path, file.contents().to_vec());
        }
    }
    dir.dirs().for_each(|dir| add(dir, root, files));
}

fn built_in() -> Files {
    let mut files = Files::new();
    add(&TEMPLATES, "templates", &mut files);
    add(&LAMBDAS, "lambdas", &mut files);
    files
}

#[cfg(test)]
mod tests;
