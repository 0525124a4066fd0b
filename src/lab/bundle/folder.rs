//! Reads a bundle from a folder that somebody else may have made.
//!
//! A bundle is code that gets rights in the account, and its files end up in every student's functions. So it is read
//! as it stands and nothing else: no symbolic link (it would carry any file of this machine into a zip), nothing that
//! is not a file (a pipe would be waited for without end), and no more than a lab can be made of.

use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::path::Path;

use crate::error::{Error, Exit, Result};
use crate::lab::{Files, is_shipped};
use crate::stack::kinds::function::ZIP_MAX;
use crate::text::failure::Failure;

use crate::lab::bundle::{FOLDERS, MANIFEST};

/// What a bundle may hold at most.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Bytes of one file.
    pub(crate) file: u64,
    /// Bytes of all files together.
    pub(crate) total: u64,
    /// Entries of all folders together.
    pub(crate) entries: usize,
    pub(crate) depth: usize,
    /// Faults that are named one by one.
    pub(crate) named: usize,
}

impl Limits {
    /// A file is no larger than a function's whole zip may be; the others are far beyond any lab.
    pub(crate) const BUNDLE: Self = Self {
        file: ZIP_MAX as u64,
        total: 5 * ZIP_MAX as u64,
        entries: 20_000,
        depth: 32,
        named: 20,
    };
}

/// The bundle in a folder.
///
/// # Errors
/// Of kind [`Exit::Invalid`]: no bundle there, or every file that cannot be taken.
pub(super) fn read(root: &Path, limits: Limits) -> Result<Files> {
    if !root.join(MANIFEST).is_file() {
        let cause = format!("holds no {MANIFEST}");
        return Err(Error::new(Exit::Invalid, root.display().to_string(), cause)
        .hint("--lab takes the folder that holds templates/ and lambdas/; leave it out for the lab that comes with homeroom"));
    }
    let mut reader = FolderReader {
        limits,
        files: Files::new(),
        total: 0,
        entries: 0,
        faults: Vec::new(),
    };
    for name in FOLDERS {
        let path = root.join(name);
        match fs::symlink_metadata(&path) {
            Ok(metadata) => reader.entry(&path, name, &metadata, 0),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => reader.unreadable(&path, &error),
        }
    }
    reader.finish()
}

struct FolderReader {
    limits: Limits,
    files: Files,
    total: u64,
    entries: usize,
    faults: Vec<Failure>,
}

impl FolderReader {
    fn finish(mut self) -> Result<Files> {
        if self.faults.is_empty() {
            return Ok(self.files);
        }
        let more = self.faults.len().saturating_sub(self.limits.named);
        self.faults.truncate(self.limits.named);
        if more > 0 {
            let cause = format!("{more} more of its files cannot be taken");
            self.faults.push(Failure::new("the lab", cause));
        }
        Err(Error::of(Exit::Invalid, self.faults))
    }

    fn fault(&mut self, path: &Path, cause: impl Into<String>, hint: &str) {
        let subject = path.display().to_string().escape_debug().to_string();
        self.faults.push(Failure::new(subject, cause).hint(hint));
    }

    fn unreadable(&mut self, path: &Path, error: &io::Error) {
        let cause = format!("cannot be read: {error}");
        self.fault(path, cause, "check the file's permissions");
    }

    /// Whether the bundle is too large already; said once.
    fn is_full(&self) -> bool {
        self.entries > self.limits.entries || self.total > self.limits.total
    }

    fn entry(&mut self, path: &Path, name: &str, metadata: &Metadata, depth: usize) {
        let kind = metadata.file_type();
        if kind.is_symlink() {
            self.fault(
                path,
                "is a symbolic link; a lab holds its own files only",
                "put a copy of the file or folder in the link's place",
            );
        } else if kind.is_dir() {
            // Asks about a file in it, so that a folder of tests or caches is not even opened.
            if is_shipped(&format!("{name}/x")) {
                self.folder(path, name, depth);
            }
        } else if !is_shipped(name) {
        } else if kind.is_file() {
            self.file(path, name);
        } else {
            self.fault(
                path,
                "is neither a file nor a folder (a pipe, a socket or a device)",
                "take it out of the lab",
            );
        }
    }

    fn folder(&mut self, folder: &Path, name: &str, depth: usize) {
        if depth > self.limits.depth {
            let cause = format!("lies more than {} folders deep", self.limits.depth);
            let hint = "is this a lab? it holds templates/ and lambdas/ only";
            return self.fault(folder, cause, hint);
        }
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) => return self.unreadable(folder, &error),
        };
        for entry in entries {
            if self.is_full() {
                return;
            }
            self.entries += 1;
            if self.entries > self.limits.entries {
                let cause = format!("the lab holds more than {} files", self.limits.entries);
                return self.fault(folder, cause, "take out what no function needs");
            }
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => return self.unreadable(folder, &error),
            };
            let path = entry.path();
            let own = entry.file_name();
            let Some(own) = own.to_str() else {
                self.fault(&path, "has a name that is not UTF-8", "rename it");
                continue;
            };
            let inner = format!("{name}/{own}");
            match entry.metadata() {
                // What is not shipped may be anything: a link of a virtual environment, say.
                Ok(metadata) if metadata.is_symlink() && !is_shipped(&inner) => {}
                Ok(metadata) => self.entry(&path, &inner, &metadata, depth + 1),
                Err(error) => self.unreadable(&path, &error),
            }
        }
    }

    fn file(&mut self, path: &Path, name: &str) {
        let max = self.limits.file;
        match bytes_of(path, max, false) {
            Ok(Some(bytes)) => {
                self.total += bytes.len() as u64;
                if self.total > self.limits.total {
                    let cause = format!("the lab holds more than {}", mib(self.limits.total));
                    return self.fault(path, cause, "take out what no function needs");
                }
                self.files.insert(name.to_owned(), bytes);
            }
            Ok(None) => {
                let cause = format!("is larger than {}, the most that Lambda takes", mib(max));
                self.fault(path, cause, "take it out of the lab");
            }
            Err(error) => self.unreadable(path, &error),
        }
    }
}

/// The bytes of a file that the instructor names; a link is followed.
///
/// # Errors
/// The system's; a pipe, a socket or a device, which would be waited for or read without end; more than `max` bytes.
pub(crate) fn named_file(path: &Path, max: u64) -> io::Result<Vec<u8>> {
    let too_large = || io::Error::other(format!("it is larger than {}", mib(max)));
    bytes_of(path, max, true)?.ok_or_else(too_large)
}

/// [`named_file`] of a file that belongs to this user, as does the link to it; `None` where it is somebody else's.
///
/// # Errors
/// Those of [`named_file`].
pub(crate) fn own_file(path: &Path, max: u64, user: u32) -> io::Result<Option<Vec<u8>>> {
    let is_own = |found: fs::Metadata| std::os::unix::fs::MetadataExt::uid(&found) == user;
    // What is opened is what is looked at, so that nobody can exchange it in between.
    if !is_own(fs::symlink_metadata(path)?) {
        return Ok(None);
    }
    let file = open(path, true)?;
    if !is_own(file.metadata()?) {
        return Ok(None);
    }
    let too_large = || io::Error::other(format!("it is larger than {}", mib(max)));
    bytes_in(file, max)?.ok_or_else(too_large).map(Some)
}

/// A file's bytes; `None` when it has more than `max`. A link is refused, unless `follow` allows one.
fn bytes_of(path: &Path, max: u64, follow: bool) -> io::Result<Option<Vec<u8>>> {
    bytes_in(open(path, follow)?, max)
}

/// The bytes of an open file; `None` when it has more than `max`. A pipe that took the file's place since the listing is
/// refused and not waited for.
fn bytes_in(file: File, max: u64) -> io::Result<Option<Vec<u8>>> {
    let kind = file.metadata()?.file_type();
    if kind.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    if !kind.is_file() {
        let why = "it is a pipe or a device, and only a file is read";
        return Err(io::Error::other(why));
    }
    let mut bytes = Vec::new();
    file.take(max + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= max).then_some(bytes))
}

#[cfg(unix)]
fn open(path: &Path, follow: bool) -> io::Result<File> {
    use rustix::fs::OFlags;
    use std::os::unix::fs::OpenOptionsExt;

    let flags = match follow {
        true => OFlags::NONBLOCK,
        false => OFlags::NOFOLLOW | OFlags::NONBLOCK,
    };
    let flags = i32::try_from(flags.bits()).unwrap_or_default();
    fs::OpenOptions::new()
        .read(true)
        .custom_flags(flags)
        .open(path)
}

#[cfg(not(unix))]
fn open(path: &Path, _follow: bool) -> io::Result<File> {
    File::open(path)
}

fn mib(bytes: u64) -> String {
    format!("{} MiB", bytes / (1024 * 1024))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lab() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for folder in ["templates", "lambdas/f"] {
            fs::create_dir_all(dir.path().join(folder)).unwrap();
        }
        fs::write(dir.path().join(MANIFEST), "x").unwrap();
        fs::write(dir.path().join("lambdas/f/app.py"), "y").unwrap();
        dir
    }

    fn refused(dir: &tempfile::TempDir, limits: Limits) -> Vec<String> {
        let error = read(dir.path(), limits).unwrap_err();
        assert_eq!(error.exit, Exit::Invalid);
        error.failures.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_folder_is_read_with_the_paths_of_its_files() {
        let files = read(lab().path(), Limits::BUNDLE).unwrap();
        let names: Vec<_> = files.keys().map(String::as_str).collect();
        assert_eq!(names, ["lambdas/f/app.py", "templates/lab.toml"]);
    }

    #[cfg(unix)]
    #[test]
    fn of_what_the_instructor_names_only_files_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::write(at("roster.csv"), "username\n").unwrap();
        std::os::unix::fs::symlink(at("roster.csv"), at("link.csv")).unwrap();
        assert_eq!(named_file(&at("link.csv"), 9).unwrap(), b"username\n");
        let made = std::process::Command::new("mkfifo")
            .arg(at("pipe"))
            .status();
        assert!(made.unwrap().success());
        let said = |path: &Path| named_file(path, 8).unwrap_err().to_string();
        assert!(said(&at("roster.csv")).contains("larger than"));
        for path in [&at("pipe"), Path::new("/dev/zero")] {
            assert!(said(path).contains("only a file is read"), "{path:?}");
        }
        assert!(said(dir.path()).contains("directory"));
    }

    #[cfg(unix)]
    #[test]
    fn links_and_pipes_are_all_named_and_neither_followed_nor_opened() {
        let dir = lab();
        let at = |name: &str| dir.path().join(name);
        std::os::unix::fs::symlink("/etc/passwd", at("lambdas/f/secret.txt")).unwrap();
        std::os::unix::fs::symlink("/etc", at("templates/etc")).unwrap();
        std::os::unix::fs::symlink("/nowhere", at("templates/dangling.json")).unwrap();
        let made = std::process::Command::new("mkfifo")
            .arg(at("lambdas/f/pipe.py"))
            .status();
        assert!(made.unwrap().success());
        let said = refused(&dir, Limits::BUNDLE).join("\n");
        for (name, why) in [
            ("lambdas/f/secret.txt", "symbolic link"),
            ("templates/etc", "symbolic link"),
            ("templates/dangling.json", "symbolic link"),
            ("lambdas/f/pipe.py", "neither a file nor a folder"),
        ] {
            let line = said.lines().find(|line| line.contains(name));
            assert!(
                line.is_some_and(|line| line.contains(why)),
                "{name}: {said}"
            );
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_of_the_bundle_is_no_link_either() {
        let (dir, elsewhere) = (lab(), tempfile::tempdir().unwrap());
        fs::remove_dir_all(dir.path().join("lambdas")).unwrap();
        std::os::unix::fs::symlink(elsewhere.path(), dir.path().join("lambdas")).unwrap();
        assert!(refused(&dir, Limits::BUNDLE)[0].contains("symbolic link"));
    }

    #[cfg(unix)]
    #[test]
    fn links_among_what_is_not_shipped_are_nobodys_business() {
        let dir = lab();
        std::os::unix::fs::symlink("/usr", dir.path().join("lambdas/.venv")).unwrap();
        assert_eq!(read(dir.path(), Limits::BUNDLE).unwrap().len(), 2);
    }

    #[test]
    fn a_file_beyond_the_size_is_named_without_being_read_whole() {
        let dir = lab();
        let large = File::create(dir.path().join("lambdas/f/model.bin")).unwrap();
        // Sparse: a terabyte that takes no room, and forever to read.
        large.set_len(1 << 40).unwrap();
        let said = refused(
            &dir,
            Limits {
                file: 4096,
                ..Limits::BUNDLE
            },
        );
        assert_eq!(said.len(), 1);
        assert!(
            said[0].contains("model.bin") && said[0].contains("larger"),
            "{said:?}"
        );
    }

    #[test]
    fn a_bundle_beyond_its_size_count_or_depth_is_refused_once() {
        let dir = lab();
        for number in 0..9 {
            fs::write(
                dir.path().join(format!("lambdas/f/{number}.py")),
                "12345678",
            )
            .unwrap();
        }
        let few = Limits {
            entries: 5,
            ..Limits::BUNDLE
        };
        assert!(refused(&dir, few)[0].contains("more than 5 files"));
        let small = Limits {
            total: 20,
            ..Limits::BUNDLE
        };
        assert_eq!(refused(&dir, small).len(), 1);
        let flat = Limits {
            depth: 0,
            ..Limits::BUNDLE
        };
        assert!(refused(&dir, flat)[0].contains("folders deep"));
    }

    #[test]
    fn of_very_many_faults_the_first_are_named_and_the_rest_counted() {
        let dir = lab();
        for number in 0..9 {
            fs::write(dir.path().join(format!("lambdas/f/{number}.py")), "12").unwrap();
        }
        let limits = Limits {
            file: 1,
            named: 3,
            ..Limits::BUNDLE
        };
        let said = refused(&dir, limits);
        assert_eq!(said.len(), 4);
        assert!(said[3].contains("6 more"), "{said:?}");
    }
}
