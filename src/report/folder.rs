//! The folders of reports: they name students, so what is made here is for its owner alone, and not for git.

use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::Path;

/// Makes a folder with its parents, as far as they are missing: each can be entered by its owner only (mode 0700) and
/// holds a `.gitignore` that hides everything in it. Those that are there stay as they are.
///
/// # Errors
/// When one cannot be made.
pub(crate) fn make(dir: &Path) -> io::Result<()> {
    if dir.as_os_str().is_empty() || dir.is_dir() {
        return Ok(());
    }
    if let Some(parent) = dir.parent() {
        make(parent)?;
    }
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(dir) {
        Ok(()) => {}
        // Another run was faster.
        Err(error) if error.kind() == ErrorKind::AlreadyExists && dir.is_dir() => return Ok(()),
        Err(error) => return Err(error),
    }
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(dir.join(".gitignore")) {
        Ok(mut file) => file.write_all(b"*\n"),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn folders_of_reports_are_private_and_hidden_from_git() {
        let dir = tempfile::tempdir().unwrap();
        let (reports, class) = (dir.path().join("reports"), dir.path().join("reports/lab6"));
        make(&class).unwrap();
        make(&class).unwrap();
        for folder in [&reports, &class] {
            assert_eq!(mode(folder), 0o700);
            assert_eq!(fs::read(folder.join(".gitignore")).unwrap(), b"*\n");
        }
    }

    #[test]
    fn a_folder_that_is_there_stays_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let reports = dir.path().join("reports");
        fs::create_dir(&reports).unwrap();
        fs::set_permissions(&reports, fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(reports.join(".gitignore"), "mine").unwrap();
        make(&reports.join("lab6")).unwrap();
        assert_eq!(mode(&reports), 0o755);
        assert_eq!(fs::read(reports.join(".gitignore")).unwrap(), b"mine");
        assert_eq!(mode(&reports.join("lab6")), 0o700);
        let file = dir.path().join("file");
        fs::write(&file, "").unwrap();
        assert!(make(&file.join("below")).is_err());
    }
}
