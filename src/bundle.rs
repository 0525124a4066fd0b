//! Finds a lab's files: in a folder, or in the lab that is built into the binary.

use std::fs;
use std::path::{Path, PathBuf};

use include_dir::{Dir, include_dir};

use crate::domain::lab::{Files, Lab, is_shipped};
use crate::error::{Error, Kind, Result};

static TEMPLATES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/templates");
static LAMBDAS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/lambdas");

static DEMO_ROSTER: &[u8] = include_bytes!("../roster/demo-class.csv");

/// The roster that is built into the binary: a class of thirty to rehearse with.
pub fn demo_roster() -> &'static [u8] {
    DEMO_ROSTER
}

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
        Some(dir) => read(dir)?,
        None if current.join(MANIFEST).is_file() => read(current)?,
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

/// The bundle in a folder.
fn read(root: &Path) -> Result<Files> {
    if !root.join(MANIFEST).is_file() {
        return Err(Error::new(
            Kind::Invalid,
            root.display().to_string(),
            format!("holds no {MANIFEST}"),
        )
        .hint("--lab takes the folder that holds templates/ and lambdas/; leave it out for the lab that comes with homeroom"));
    }
    let mut files = Files::new();
    for folder in FOLDERS {
        let path = root.join(folder);
        if path.is_dir() {
            read_folder(&path, folder, &mut files)?;
        }
    }
    Ok(files)
}

fn read_folder(folder: &Path, name: &str, files: &mut Files) -> Result<()> {
    let entries = fs::read_dir(folder).map_err(|error| unreadable(folder, &error))?;
    for entry in entries {
        let path: PathBuf = entry.map_err(|error| unreadable(folder, &error))?.path();
        let Some(file_name) = path.file_name().and_then(|name| name.to_str()) else {
            return Err(Error::new(
                Kind::Invalid,
                path.display().to_string(),
                "has a name that is not UTF-8",
            ));
        };
        let inner = format!("{name}/{file_name}");
        if path.is_dir() {
            // Asked for a file in it, so that a folder of tests or caches is not even opened.
            if is_shipped(&format!("{inner}/x")) {
                read_folder(&path, &inner, files)?;
            }
        } else if is_shipped(&inner) {
            let bytes = fs::read(&path).map_err(|error| unreadable(&path, &error))?;
            files.insert(inner, bytes);
        }
    }
    Ok(())
}

fn unreadable(path: &Path, error: &std::io::Error) -> Error {
    Error::new(
        Kind::Invalid,
        path.display().to_string(),
        format!("cannot be read: {error}"),
    )
    .hint("check the file's permissions")
}

#[cfg(test)]
mod tests;
