//! Files of this machine: private to their owner, and written whole or not at all.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use secrecy::SecretString;
use tempfile::TempPath;

use crate::ids::ClassName;

/// Most bytes of a file with a secret that are read.
const SECRET_MAX: u64 = 16 * 1024;

/// The folder of a class, below the folder of all reports: a [`ClassName`] has only letters, digits, `-` and `_`.
pub(crate) fn class_dir(reports: &Path, class: &ClassName) -> PathBuf {
    reports.join(class.as_str())
}

/// Makes a folder and its missing parents. Only their owner can enter them (mode 0700), and a `.gitignore` in each hides
/// its contents. Existing folders stay as they are.
///
/// # Errors
/// When one cannot be made.
pub(crate) fn make_folder(dir: &Path) -> io::Result<()> {
    if dir.as_os_str().is_empty() || dir.is_dir() {
        return Ok(());
    }
    if let Some(parent) = dir.parent() {
        make_folder(parent)?;
    }
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(dir) {
        Ok(()) => {}
        // Another run was faster.
        Err(error) if error.kind() == ErrorKind::AlreadyExists && dir.is_dir() => return Ok(()),
        Err(error) => return Err(error),
    }
    match new_private().open(dir.join(".gitignore")) {
        Ok(mut file) => file.write_all(b"*\n"),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

/// Bytes that are free where a folder is, or where it would be made. Writes nothing.
///
/// # Errors
/// When this process may not write there.
pub(crate) fn free_to_write(dir: &Path) -> io::Result<u64> {
    use rustix::fs::{Access, access, statvfs};
    let dir = std::path::absolute(dir)?;
    let there = dir.ancestors().find(|dir| dir.symlink_metadata().is_ok());
    let there = there.unwrap_or(Path::new("/"));
    if !there.metadata()?.is_dir() {
        return Err(named(there, &io::Error::from(ErrorKind::NotADirectory)));
    }
    access(there, Access::WRITE_OK | Access::EXEC_OK)
        .map_err(|error| named(there, &error.into()))?;
    let disk = statvfs(there)?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// Makes a folder private, whatever it was before: only its owner can enter it, and git ignores it. Makes it if missing.
///
/// # Errors
/// Names what cannot be made.
pub(crate) fn keep_private(dir: &Path) -> io::Result<()> {
    let attempt = || -> io::Result<()> {
        make_folder(dir)?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            fs::set_permissions(dir, fs::Permissions::from_mode(0o700))?;
        }
        Ok(())
    };
    attempt().map_err(|error| named(dir, &error))?;
    let ignore = dir.join(".gitignore");
    match ignore.exists() {
        true => Ok(()),
        false => write_whole(&ignore, b"*\n"),
    }
}

/// To make a file that only its owner can read, and that must not be there yet.
pub(crate) fn new_private() -> OpenOptions {
    let mut options = private();
    options.create_new(true);
    options
}

/// To write to a file. If this makes the file, only its owner can read it.
pub(crate) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Opens a file to append to it, and makes it if missing. Only its owner can read it then, whatever it was before.
///
/// # Errors
/// Names the file.
pub(crate) fn append_private(path: &Path) -> io::Result<fs::File> {
    let attempt = || -> io::Result<fs::File> {
        let file = private().append(true).create(true).open(path)?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            // A device or a pipe keeps its mode: it belongs to others, too.
            if file.metadata()?.is_file() {
                file.set_permissions(fs::Permissions::from_mode(0o600))?;
            }
        }
        Ok(file)
    };
    attempt().map_err(|error| named(path, &error))
}

/// Reads a secret from a file, without the white space around it.
///
/// # Errors
/// When it cannot be read, or others than its owner may read or change it.
pub(crate) fn read_secret(path: &Path) -> io::Result<SecretString> {
    let mut file = fs::File::open(path)?;
    let found = file.metadata()?;
    if !found.is_file() {
        return Err(io::Error::other("is not a file"));
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = found.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            let cause = format!("others may read or change it (mode {mode:04o})");
            return Err(io::Error::other(cause));
        }
    }
    let mut text = String::new();
    io::Read::read_to_string(&mut io::Read::take(&mut file, SECRET_MAX), &mut text)?;
    Ok(text.trim().into())
}

/// Names to try for something new: `stem`, `stem-2`, `stem-3`, …
pub(crate) fn numbered(stem: &str) -> impl Iterator<Item = String> {
    (1..=1000).map(move |number| match number {
        1 => stem.to_owned(),
        n => format!("{stem}-{n}"),
    })
}

pub(crate) fn file_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// A file's bytes; `None` where there is no file.
///
/// # Errors
/// When it is there and cannot be read.
pub(crate) fn read_if_there(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        other => other.map(Some),
    }
}

/// Removes a file; `false` where there was none.
///
/// # Errors
/// Names the file that cannot be removed.
pub(crate) fn remove_if_there(path: &Path) -> io::Result<bool> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(named(path, &error)),
    }
}

/// Replaces a file as a whole: a temporary file beside it (mode 0600), flushed to the disk, takes its name. A reader sees
/// the old text or the new, never a part, even after a crash.
///
/// # Errors
/// Names the file, whatever step failed.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let dir = path.parent().unwrap_or(Path::new("."));
    let attempt = || -> io::Result<()> {
        prepare(dir, bytes)?.persist(path)?;
        sync_folder(dir)
    };
    attempt().map_err(|e| named(path, &e))
}

/// Writes a temporary file (mode 0600) to the disk. Dropping the result removes it.
///
/// It keeps only the path: open handles for a class of hundreds would reach the limit of open files.
pub(crate) fn prepare(dir: &Path, bytes: &[u8]) -> io::Result<TempPath> {
    make_folder(dir)?;
    let mut file = tempfile::Builder::new()
        .prefix(".homeroom-")
        .tempfile_in(dir)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    Ok(file.into_temp_path())
}

/// A key of 32 random bytes in a file that only its owner can read; made where it is not there.
///
/// # Errors
/// When it can be neither read nor made, or is not 32 bytes long: `otherwise` says what deleting it does.
pub(crate) fn kept_key(path: &Path, otherwise: &str) -> io::Result<[u8; 32]> {
    let dir = path.parent().unwrap_or(Path::new(""));
    let attempt = || -> io::Result<[u8; 32]> {
        if !path.exists() {
            let mut bytes = [0; 32];
            getrandom::fill(&mut bytes).map_err(io::Error::other)?;
            match prepare(dir, &bytes)?.persist_noclobber(path) {
                Ok(()) => {}
                // Another run was faster; its key is as good.
                Err(e) if e.error.kind() == ErrorKind::AlreadyExists => {}
                Err(e) => return Err(e.error),
            }
        }
        fs::read(path)?.try_into().map_err(|_| {
            io::Error::other(format!(
                "is not a key of 32 bytes: put the right file back, or delete it {otherwise}"
            ))
        })
    };
    attempt().map_err(|error| named(path, &error))
}

/// Flushes a folder, so that renames in it are on the disk.
pub(crate) fn sync_folder(dir: &Path) -> io::Result<()> {
    #[cfg(unix)]
    fs::File::open(dir)?.sync_all()?;
    Ok(())
}

/// Adds the path to the error.
pub(crate) fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

/// Writes files of one folder: all under temporary names first, then each takes its name.
pub(crate) fn write_all_whole(dir: &Path, files: Vec<(PathBuf, Vec<u8>)>) -> io::Result<()> {
    let prepared = files
        .into_iter()
        .map(|(path, bytes)| Prepared::write(dir, path, &bytes));
    let prepared: Vec<Prepared> = prepared.collect::<io::Result<_>>()?;
    persist_all(dir, prepared)
}

/// A file under a temporary name; it goes again unless it takes its own ([`persist_all`]).
pub(crate) struct Prepared {
    path: PathBuf,
    file: TempPath,
}

impl Prepared {
    /// Writes what is to be at `path`, in the folder `dir`.
    pub(crate) fn write(dir: &Path, path: PathBuf, bytes: &[u8]) -> io::Result<Self> {
        if path.is_dir() {
            // No file can replace it. This must fail before any other file is replaced.
            return Err(named(&path, &io::ErrorKind::IsADirectory.into()));
        }
        let file = prepare(dir, bytes).map_err(|e| named(&path, &e))?;
        Ok(Self { path, file })
    }
}

/// Gives each file its name.
pub(crate) fn persist_all(dir: &Path, files: Vec<Prepared>) -> io::Result<()> {
    for Prepared { path, file } in files {
        file.persist(&path).map_err(|e| named(&path, &e.error))?;
    }
    sync_folder(dir).map_err(|e| named(dir, &e))
}

/// Makes new files below a folder, and replaces one: all of them, or none. What is there already is never overwritten, but
/// for the one to replace, which keeps its mode. Folders that are missing are made, one level deep, as any program makes them.
///
/// # Errors
/// Names the file that could not be written. Then there is none of them, and the other is as it was.
pub(crate) fn create_all(
    dir: &Path,
    new: Vec<(PathBuf, Vec<u8>)>,
    replaced: Option<(PathBuf, Vec<u8>)>,
) -> io::Result<()> {
    let mut made = Vec::new();
    let written = create_each(dir, new, replaced, &mut made);
    if written.is_err() {
        for path in made.iter().rev() {
            // What cannot be removed stays; the error says that it failed.
            let _ = match path.is_dir() {
                true => fs::remove_dir(path),
                false => fs::remove_file(path),
            };
        }
    }
    written
}

fn create_each(
    dir: &Path,
    new: Vec<(PathBuf, Vec<u8>)>,
    replaced: Option<(PathBuf, Vec<u8>)>,
    made: &mut Vec<PathBuf>,
) -> io::Result<()> {
    let at = |path: &Path| dir.join(path);
    for folder in new
        .iter()
        .filter_map(|(path, _)| at(path).parent().map(Path::to_owned))
    {
        if !folder.is_dir() {
            fs::create_dir(&folder).map_err(|e| named(&folder, &e))?;
            made.push(folder);
        }
    }
    let prepared = |(path, bytes): (PathBuf, Vec<u8>)| {
        let path = at(&path);
        let file = prepare(path.parent().unwrap_or(dir), &bytes).map_err(|e| named(&path, &e))?;
        Ok((path, file))
    };
    let new: Vec<_> = new.into_iter().map(prepared).collect::<io::Result<_>>()?;
    // A link stays: what it leads to is replaced.
    let replaced = replaced.map(|(path, bytes)| {
        let target = fs::canonicalize(at(&path)).map_err(|e| named(&at(&path), &e))?;
        prepared((target, bytes))
    });
    let replaced = replaced.transpose()?;
    for (path, file) in new {
        file.persist_noclobber(&path)
            .map_err(|e| named(&path, &e.error))?;
        made.push(path);
    }
    if let Some((path, file)) = replaced {
        let mode = fs::metadata(&path)
            .map_err(|e| named(&path, &e))?
            .permissions();
        fs::set_permissions(&file, mode).map_err(|e| named(&path, &e))?;
        file.persist(&path).map_err(|e| named(&path, &e.error))?;
    }
    sync_folder(dir)
}

/// Paths to try for a new file: `stem.ending`, `stem-2.ending`, … The stem must have no colon, which Windows refuses in file
/// names.
pub(crate) fn free_paths(dir: &Path, stem: &str, ending: &str) -> impl Iterator<Item = PathBuf> {
    numbered(stem).map(move |name| dir.join(format!("{name}.{ending}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_leaves_no_litter() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file.txt");
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

    #[test]
    fn no_file_is_replaced_when_one_of_them_cannot_be() {
        let dir = tempfile::tempdir().unwrap();
        let [first, last] = ["report.json", "report.html"].map(|name| dir.path().join(name));
        fs::write(&first, "old").unwrap();
        fs::create_dir(&last).unwrap();
        let files = [&first, &last].map(|path| (path.clone(), b"new".to_vec()));
        let error = write_all_whole(dir.path(), files.into()).unwrap_err();
        assert!(error.to_string().contains("report.html"), "{error}");
        assert_eq!(fs::read(&first).unwrap(), b"old");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2, "no litter");
    }

    #[test]
    fn new_files_are_all_made_or_none_and_overwrite_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let ignore = dir.path().join(".gitignore");
        fs::write(&ignore, "old").unwrap();
        let new = || {
            ["roster/a.csv", "a.toml"]
                .map(|path| (PathBuf::from(path), b"new".to_vec()))
                .into()
        };
        let replaced = || Some((PathBuf::from(".gitignore"), b"old, new".to_vec()));
        let blocker = dir.path().join("a.toml");
        fs::write(&blocker, "mine").unwrap();
        let error = create_all(dir.path(), new(), replaced()).unwrap_err();
        assert!(error.to_string().contains("a.toml"), "{error}");
        assert_eq!(fs::read(&blocker).unwrap(), b"mine");
        assert_eq!(fs::read(&ignore).unwrap(), b"old");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2, "no litter");
        fs::remove_file(&blocker).unwrap();
        create_all(dir.path(), new(), replaced()).unwrap();
        assert_eq!(fs::read(dir.path().join("roster/a.csv")).unwrap(), b"new");
        assert_eq!(fs::read(&ignore).unwrap(), b"old, new");
        assert_eq!(fs::read_dir(dir.path().join("roster")).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_to_what_is_replaced_stays_a_link_to_it() {
        let dir = tempfile::tempdir().unwrap();
        let (link, kept) = (dir.path().join(".gitignore"), dir.path().join("kept"));
        fs::write(&kept, "old").unwrap();
        std::os::unix::fs::symlink("kept", &link).unwrap();
        let replaced = (PathBuf::from(".gitignore"), b"new".to_vec());
        create_all(dir.path(), Vec::new(), Some(replaced)).unwrap();
        assert!(link.is_symlink());
        assert_eq!(fs::read(&kept).unwrap(), b"new");
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_can_read_a_file_that_names_students() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("gradebook.csv");
        write_whole(&path, b"x").unwrap();
        assert_eq!(mode(&path), 0o600);
    }

    #[cfg(unix)]
    fn mode(path: &Path) -> u32 {
        use std::os::unix::fs::PermissionsExt;
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[cfg(unix)]
    #[test]
    fn folders_of_reports_are_private_and_hidden_from_git() {
        let dir = tempfile::tempdir().unwrap();
        let (reports, class) = (dir.path().join("reports"), dir.path().join("reports/lab6"));
        make_folder(&class).unwrap();
        make_folder(&class).unwrap();
        for folder in [&reports, &class] {
            assert_eq!(mode(folder), 0o700);
            assert_eq!(fs::read(folder.join(".gitignore")).unwrap(), b"*\n");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_that_is_there_stays_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let reports = dir.path().join("reports");
        fs::create_dir(&reports).unwrap();
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(&reports, open).unwrap();
        fs::write(reports.join(".gitignore"), "mine").unwrap();
        make_folder(&reports.join("lab6")).unwrap();
        assert_eq!(mode(&reports), 0o755);
        assert_eq!(fs::read(reports.join(".gitignore")).unwrap(), b"mine");
        assert_eq!(mode(&reports.join("lab6")), 0o700);
        let file = dir.path().join("file");
        fs::write(&file, "").unwrap();
        assert!(make_folder(&file.join("below")).is_err());
    }
}
