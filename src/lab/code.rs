//! The zips that functions run, byte for byte the same for the same files: on every machine, at any time, and
//! with any version of the packing crate's compressor, since nothing is compressed. Lambda tells code apart
//! by the zip's digest, so a zip that differed by a time stamp would look like a change of the student's.

use std::io::{Cursor, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use zip::{CompressionMethod, DateTime, ZipWriter, result::ZipResult, write::SimpleFileOptions};

use crate::lab::Files;
use crate::stack::kinds::function::Code;

/// Whether a file of the bundle is part of what a student gets: no tests, caches or hidden files.
pub(crate) fn is_shipped(path: &str) -> bool {
    let mut parts = path.rsplit('/');
    let file = parts.next().unwrap_or_default();
    let scrap_file = file.starts_with('.')
        || file.ends_with(".pyc")
        || (file.starts_with("test_") && file.ends_with(".py"));
    let scrap_folder =
        |part: &str| part.starts_with('.') || matches!(part, "tests" | "__pycache__");
    !(scrap_file || parts.any(scrap_folder))
}

/// The files of one function's folder, by their path inside the zip.
pub(super) fn files_of<'a>(files: &'a Files, folder: &str) -> Vec<(&'a str, &'a [u8])> {
    let prefix = format!("lambdas/{folder}/");
    files
        .iter()
        .filter_map(|(path, bytes)| Some((path.strip_prefix(&prefix)?, bytes.as_slice())))
        .filter(|(path, _)| is_shipped(path) || is_of_package(files, &prefix, path))
        .collect()
}

/// Whether a file belongs to a package that `pip install --target` put there: a module of it may be named like a test.
fn is_of_package(files: &Files, prefix: &str, path: &str) -> bool {
    let scrap = |part: &str| part.starts_with('.') || part == "__pycache__";
    if path.ends_with(".pyc") || path.split('/').any(scrap) {
        return false;
    }
    let records = files.iter().filter(|(file, _)| {
        let file = file.strip_prefix(prefix).unwrap_or_default();
        let info = file.strip_suffix("/RECORD").unwrap_or_default();
        info.ends_with(".dist-info") && !info.contains('/')
    });
    let mut lines = records.flat_map(|(_, record)| record.split(|byte| *byte == b'\n'));
    lines.any(|line| {
        let own = line.strip_prefix(path.as_bytes());
        own.is_some_and(|rest| rest.starts_with(b","))
    })
}

/// Packs files, sorted by path, each with the same time and permissions.
pub(super) fn pack(files: &[(&str, &[u8])]) -> ZipResult<Code> {
    let mut sorted = files.to_vec();
    sorted.sort_unstable();
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .last_modified_time(DateTime::default())
        .system(zip::System::Unix)
        .unix_permissions(0o644);
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (path, bytes) in sorted {
        writer.start_file(path, options)?;
        writer.write_all(bytes)?;
    }
    let zip = writer.finish()?.into_inner();
    let sha256 = STANDARD.encode(Sha256::digest(&zip));
    Ok(Code {
        zip: zip.into(),
        sha256,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_files_make_the_same_bytes_in_any_order() {
        let a = pack(&[("b.py", b"2"), ("a/c.py", b"1")]).unwrap();
        let b = pack(&[("a/c.py", b"1"), ("b.py", b"2")]).unwrap();
        assert_eq!(a, b);
        // Pinned: another digest here means that every class's functions would be deployed again.
        assert_eq!(a.sha256, "e5XMwPRYCGe9MJK+rqRwtu2QLaaGAGsvBGP9ctleGXk=");
    }

    #[test]
    fn another_content_or_path_makes_another_digest() {
        let base = pack(&[("a.py", b"1")]).unwrap().sha256;
        assert_ne!(base, pack(&[("a.py", b"2")]).unwrap().sha256);
        assert_ne!(base, pack(&[("b.py", b"1")]).unwrap().sha256);
    }

    #[test]
    fn what_was_packed_is_read_back_with_plain_permissions() {
        let code = pack(&[("lambda_function.py", b"print(1)"), ("x/y.py", b"")]).unwrap();
        let mut archive = zip::ZipArchive::new(Cursor::new(code.zip.to_vec())).unwrap();
        assert_eq!(archive.len(), 2);
        let mut file = archive.by_name("lambda_function.py").unwrap();
        assert_eq!(file.unix_mode().map(|mode| mode & 0o777), Some(0o644));
        let mut text = String::new();
        std::io::Read::read_to_string(&mut file, &mut text).unwrap();
        assert_eq!(text, "print(1)");
    }

    #[test]
    fn what_a_package_records_is_shipped_though_it_is_named_like_a_test() {
        let mut files = Files::default();
        for (path, text) in [
            (
                "p-1.dist-info/RECORD",
                "p/tests/x.py,sha256=a,1\np/test_y.py,,\np/a.pyc,,\n",
            ),
            ("p/tests/x.py", ""),
            ("p/test_y.py", ""),
            ("p/a.pyc", ""),
            ("tests/own.py", ""),
        ] {
            files.insert(format!("lambdas/f/{path}"), text.as_bytes().to_vec());
        }
        let shipped: Vec<&str> = files_of(&files, "f")
            .iter()
            .map(|(path, _)| *path)
            .collect();
        assert_eq!(
            shipped,
            ["p-1.dist-info/RECORD", "p/test_y.py", "p/tests/x.py"]
        );
    }

    #[test]
    fn tests_caches_and_hidden_files_stay_at_home() {
        for path in ["f/lambda_function.py", "f/lib/x.json", "templates/lab.toml"] {
            assert!(is_shipped(path), "{path}");
        }
        for path in [
            "f/test_x.py",
            "f/tests/x.py",
            "tests/x.py",
            "f/__pycache__/x.pyc",
            "f/x.pyc",
            "f/.env",
            ".git/config",
        ] {
            assert!(!is_shipped(path), "{path}");
        }
    }
}
