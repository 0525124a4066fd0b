//! Which `homeroom.toml` counts: one, the first of these. That in the current folder; that beside the roster, if an option
//! or a variable names one; those in the parents, up to the repository or the home folder.
//!
//! A file elsewhere than in the current folder counts only if it belongs to this user: anybody can put one into `/tmp`.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::{file, invalid};
use crate::error::Result;
use crate::lab::bundle;

pub(super) const ROSTER_FOLDER: &str = "roster";

/// Most bytes of `homeroom.toml`.
const FILE_MAX: u64 = 1024 * 1024;

/// The `homeroom.toml` that counts, if there is one.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct FoundSettings {
    pub(super) file: Option<SettingsFile>,
    pub(super) passed_over: Vec<PassedOver>,
}

/// A `homeroom.toml` with what lies beside it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct SettingsFile {
    pub(super) text: String,
    /// Its folder; empty for the current one.
    pub(super) folder: PathBuf,
    /// The names of the files in the folder `roster` beside it.
    pub(super) roster_folder: Result<Vec<String>>,
    /// Whether a lab is beside it.
    pub(super) has_lab: bool,
}

impl SettingsFile {
    pub(super) fn path(&self) -> PathBuf {
        self.folder.join(file::NAME)
    }
}

/// A `homeroom.toml` that does not count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PassedOver {
    pub(crate) path: PathBuf,
    pub(crate) why: PassedOverFor,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PassedOverFor {
    /// Another one counts.
    Another,
    /// It belongs to another user.
    Owner,
}

/// Where to look.
#[derive(Debug, Clone, Copy)]
pub(super) struct Surroundings<'a> {
    /// The current folder.
    pub(super) here: &'a Path,
    pub(super) roster: Option<&'a Path>,
    pub(super) home: Option<&'a Path>,
    pub(super) user: u32,
}

impl Surroundings<'_> {
    /// Folders of rosters that were named, relative to the current one if the roster is: its own, and the one that holds
    /// that if it is called `roster`, as in a class's folder.
    fn beside_the_roster(&self) -> Vec<PathBuf> {
        let Some(folder) = self.roster.and_then(Path::parent) else {
            return Vec::new();
        };
        let mut folders = vec![folder.to_owned()];
        if folder.file_name().is_some_and(|name| name == ROSTER_FOLDER) {
            folders.extend(folder.parent().map(Path::to_owned));
        }
        let here = self.here.canonicalize().ok();
        // The current folder has been looked at.
        folders.retain(|folder| self.here.join(folder).canonicalize().ok() != here);
        folders
    }

    /// The parents of the current folder up to a repository's or the home folder, nearest first. None where it is in neither.
    fn parents(&self) -> Vec<PathBuf> {
        let is_last = |folder: &Path| {
            folder.join(".git").symlink_metadata().is_ok() || self.home == Some(folder)
        };
        let up: Vec<&Path> = self.here.ancestors().collect();
        let Some(last) = up.iter().position(|folder| is_last(folder)) else {
            return Vec::new();
        };
        up[1..=last]
            .iter()
            .map(|folder| (*folder).to_owned())
            .collect()
    }
}

/// Finds it.
///
/// # Errors
/// [`crate::error::Exit::Invalid`]: the one that counts cannot be read.
pub(super) fn find(around: Surroundings<'_>) -> Result<FoundSettings> {
    let mut found = FoundSettings::default();
    let here = around.here.join(file::NAME);
    match bundle::named_file(&here, FILE_MAX) {
        // A link that leads nowhere is there.
        Err(error) if error.kind() == ErrorKind::NotFound && here.symlink_metadata().is_err() => {}
        read => found.file = Some(settings_file(around, PathBuf::new(), read)?),
    }
    for folder in around.beside_the_roster() {
        found.consider(around, folder)?;
    }
    for folder in around.parents() {
        // The nearest counts. That another one is farther up is nothing new to anybody.
        if found.file.is_none() {
            found.consider(around, folder)?;
        }
    }
    Ok(found)
}

impl FoundSettings {
    /// Takes the file of that folder, unless there is none, another one counts, or it is not this user's.
    fn consider(&mut self, around: Surroundings<'_>, folder: PathBuf) -> Result<()> {
        let path = folder.join(file::NAME);
        let whole = around.here.join(&path);
        let is_there = || whole.symlink_metadata().is_ok();
        let why = match &self.file {
            Some(_) if is_there() => PassedOverFor::Another,
            Some(_) => return Ok(()),
            None => match bundle::own_file(&whole, FILE_MAX, around.user) {
                Ok(None) => PassedOverFor::Owner,
                // A folder that this user may not enter hides what is in it.
                Err(_) if !is_there() => return Ok(()),
                read => {
                    let read = read.map(Option::unwrap_or_default);
                    self.file = Some(settings_file(around, folder, read)?);
                    return Ok(());
                }
            },
        };
        self.passed_over.push(PassedOver { path, why });
        Ok(())
    }
}

fn settings_file(
    around: Surroundings<'_>,
    folder: PathBuf,
    read: io::Result<Vec<u8>>,
) -> Result<SettingsFile> {
    let text = read.and_then(|bytes| String::from_utf8(bytes).map_err(io::Error::other));
    let text = text.map_err(|error| {
        let cause = format!("the settings cannot be read: {error}");
        let hint = "make it a readable UTF-8 text file, or move it away";
        invalid(folder.join(file::NAME).display().to_string(), cause, hint)
    })?;
    let whole = around.here.join(&folder);
    Ok(SettingsFile {
        text,
        roster_folder: roster_folder(&whole),
        has_lab: whole.join("templates/lab.toml").is_file(),
        folder,
    })
}

/// The home folder, as the system's calls name folders.
pub(super) fn home() -> Option<PathBuf> {
    let home = etcetera::home_dir().ok()?;
    fs::canonicalize(home).ok()
}

/// The names of the files in the folder `roster` of this folder.
pub(super) fn roster_folder(folder: &Path) -> Result<Vec<String>> {
    let names = |entries: fs::ReadDir| {
        let name = |entry: fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
        entries.map(|entry| entry.map(name)).collect()
    };
    let path = folder.join(ROSTER_FOLDER);
    match fs::read_dir(&path).and_then(names) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Ok(Vec::new())
        }
        names => names.map_err(|error| {
            let cause = format!("the folder cannot be read: {error}");
            let hint = "give the roster's file with --roster FILE";
            invalid(format!("{}/", path.display()), cause, hint)
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Folders below one that nobody else writes to, as the system names it.
    struct Tree {
        /// Removes them when dropped.
        _dir: tempfile::TempDir,
        root: PathBuf,
    }

    impl Tree {
        fn new(files: &[&str]) -> Self {
            let dir = tempfile::tempdir().expect("a folder");
            let root = dir.path().canonicalize().expect("its name");
            for file in files {
                let path = root.join(file);
                fs::create_dir_all(path.parent().expect("a folder")).expect("folders");
                fs::write(path, format!("class = \"{}\"", file.len())).expect("a file");
            }
            Self { _dir: dir, root }
        }

        fn find(&self, here: &str, roster: Option<&str>, home: &str) -> FoundSettings {
            self.find_as(rustix::process::geteuid().as_raw(), here, roster, home)
        }

        fn find_as(
            &self,
            user: u32,
            here: &str,
            roster: Option<&str>,
            home: &str,
        ) -> FoundSettings {
            let here = self.root.join(here);
            fs::create_dir_all(&here).expect("the current folder");
            find(Surroundings {
                here: &here,
                roster: roster.map(Path::new),
                home: Some(&self.root.join(home)),
                user,
            })
            .expect("readable")
        }
    }

    fn folder(found: &FoundSettings) -> Option<&Path> {
        found.file.as_ref().map(|file| file.folder.as_path())
    }

    #[test]
    fn the_current_folders_file_counts_before_the_rosters_and_that_is_known() {
        let tree = Tree::new(&[
            "me/here/homeroom.toml",
            "me/course/homeroom.toml",
            "me/course/roster/spring.csv",
        ]);
        let roster = Some("../course/roster/spring.csv");
        let found = tree.find("me/here", roster, "me");
        assert_eq!(folder(&found), Some(Path::new("")));
        let other = PassedOver {
            path: "../course/homeroom.toml".into(),
            why: PassedOverFor::Another,
        };
        assert_eq!(found.passed_over, [other]);
        let found = tree.find("me/elsewhere", roster, "me");
        assert_eq!(folder(&found), Some(Path::new("../course")));
        assert_eq!(found.passed_over, []);
    }

    #[test]
    fn a_roster_in_the_current_folder_brings_its_file_up_only_once() {
        let tree = Tree::new(&["me/homeroom.toml", "me/roster/spring.csv"]);
        let found = tree.find("me", Some("roster/spring.csv"), "me");
        assert_eq!(folder(&found), Some(Path::new("")));
        assert_eq!(found.passed_over, []);
    }

    #[test]
    fn the_search_ends_at_the_repository_or_at_home_whichever_is_nearer() {
        let tree = Tree::new(&["me/homeroom.toml", "me/repo/.git/HEAD"]);
        assert_eq!(folder(&tree.find("me/repo/sub", None, "me")), None);
        assert_eq!(folder(&tree.find("me/repo", None, "me")), None);
        let home = tree.root.join("me");
        assert_eq!(
            folder(&tree.find("me/a/b", None, "me")),
            Some(home.as_path())
        );
        assert_eq!(folder(&tree.find("me", None, "me")), Some(Path::new("")));
        let tree = Tree::new(&[
            "homeroom.toml",
            "srv/repo/homeroom.toml",
            "srv/repo/.git/HEAD",
        ]);
        let repo = tree.root.join("srv/repo");
        assert_eq!(
            folder(&tree.find("srv/repo/a/b", None, "me")),
            Some(repo.as_path())
        );
        assert_eq!(
            folder(&tree.find("srv/other", None, "me")),
            None,
            "in neither"
        );
    }

    #[test]
    fn another_users_file_counts_in_the_current_folder_alone() {
        let tree = Tree::new(&["me/homeroom.toml", "me/a/homeroom.toml", "me/a/roster.csv"]);
        let other = rustix::process::geteuid().as_raw() + 1;
        let found = tree.find_as(other, "me/a/b", None, "me");
        assert_eq!(folder(&found), None);
        let whys: Vec<_> = found.passed_over.iter().map(|it| it.why).collect();
        assert_eq!(whys, [PassedOverFor::Owner; 2]);
        let found = tree.find_as(other, "me/c", Some("../a/roster.csv"), "c");
        assert_eq!((folder(&found), found.passed_over.len()), (None, 1));
        assert!(folder(&tree.find_as(other, "me/a", None, "me")).is_some());
    }

    #[test]
    fn an_own_link_is_followed_and_one_that_leads_nowhere_is_an_error() {
        let tree = Tree::new(&["me/kept.toml"]);
        let link = tree.root.join("me/homeroom.toml");
        std::os::unix::fs::symlink("kept.toml", &link).expect("a link");
        let found = tree.find("me/a", None, "me");
        assert_eq!(found.file.expect("followed").text, "class = \"12\"");
        fs::remove_file(tree.root.join("me/kept.toml")).expect("removed");
        let user = rustix::process::geteuid().as_raw();
        let home = tree.root.join("me");
        for here in ["me/a", "me"] {
            let error = find(Surroundings {
                here: &tree.root.join(here),
                roster: None,
                home: Some(&home),
                user,
            });
            assert!(error.is_err(), "{here}");
        }
    }
}
