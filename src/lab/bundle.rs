//! Finds a lab's files: in a folder, or in the lab that is built into the binary.

mod folder;

use std::path::Path;

use include_dir::{Dir, include_dir};

use crate::error::{Error, Kind, Result};
use crate::lab::{Files, Lab, is_shipped};

use folder::Limits;

static TEMPLATES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/templates");
static LAMBDAS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/lambdas");

static DEMO_ROSTER: &[u8] = include_bytes!("../../roster/demo-class.csv");

/// The roster that is built into the binary: a class of thirty to rehearse with.
pub(crate) fn demo_roster() -> &'static [u8] {
    DEMO_ROSTER
}

/// Reads a file that the instructor names: nothing but a file, and no more than so many bytes.
///
/// # Errors
/// The system's, or why it is not read.
pub(crate) fn named_file(path: &Path, max: u64) -> std::io::Result<Vec<u8>> {
    folder::named_file(path, max)
}

/// Most bytes of a list of a class that the instructor names (roster, attestations, gradebook): far beyond any.
pub(crate) const LIST_MAX: u64 = 64 * 1024 * 1024;

/// The folders that a bundle is made of.
const FOLDERS: [&str; 2] = ["templates", "lambdas"];
/// The file that tells a bundle.
const MANIFEST: &str = "templates/lab.toml";

/// Loads the lab in `dir`; without one, the lab in the current folder if it holds `templates/lab.toml`, else
/// the lab built into the binary.
///
/// # Errors
/// Of kind [`Kind::Invalid`]: no bundle there, files that cannot be read, or everything that is wrong with it.
pub fn load(dir: Option<&Path>) -> Result<Lab> {
    let current = Path::new(".");
    let files = match dir {
        Some(dir) => folder::read(dir, Limits::BUNDLE)?,
        None if current.join(MANIFEST).is_file() => folder::read(current, Limits::BUNDLE)?,
        None => built_in(),
    };
    Lab::parse(files).map_err(|failures| Error {
        kind: Kind::Invalid,
        failures,
    })
}

/// The lab that is built into the binary.
fn built_in() -> Files {
    fn add(dir: &Dir<'_>, root: &str, files: &mut Files) {
        for file in dir.files() {
            let path: Vec<_> = file
                .path()
                .iter()
                .map(|part| part.to_string_lossy())
                .collect();
            let path = format!("{root}/{}", path.join("/"));
            if is_shipped(&path) {
                files.insert(path, file.contents().to_vec());
            }
        }
        dir.dirs().for_each(|dir| add(dir, root, files));
    }
    let mut files = Files::new();
    add(&TEMPLATES, "templates", &mut files);
    add(&LAMBDAS, "lambdas", &mut files);
    files
}

#[cfg(test)]
mod tests;
