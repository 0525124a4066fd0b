//! The dependency rule of `src/lib.rs`, read from the sources: arrows point one way.

use std::fs;
use std::path::{Path, PathBuf};

/// What a room may not name, and why that would be wrong.
const FORBIDDEN: &[(&str, &[&str])] = &[
    // Below every other room.
    (
        "text",
        &[
            "domain", "events", "engine", "aws", "report", "local", "strict", "commands", "cli",
            "settings", "bundle", "error", "vault",
        ],
    ),
    (
        "domain",
        &[
            "events", "engine", "aws", "report", "local", "strict", "commands", "cli", "settings",
            "bundle",
        ],
    ),
    (
        "events.rs",
        &[
            "engine", "aws", "report", "local", "strict", "commands", "cli", "settings", "bundle",
        ],
    ),
    (
        "engine",
        &[
            "report", "local", "strict", "commands", "cli", "settings", "bundle", "error",
        ],
    ),
    (
        "report",
        &[
            "engine", "aws", "local", "strict", "commands", "cli", "settings", "bundle",
        ],
    ),
    (
        "aws",
        &[
            "engine", "report", "local", "strict", "commands", "cli", "settings", "bundle",
        ],
    ),
    (
        "local",
        &[
            "engine", "aws", "report", "strict", "commands", "cli", "settings", "bundle",
        ],
    ),
    // A second opinion: it must not repeat a mistake of the others.
    (
        "strict",
        &[
            "domain", "events", "engine", "aws", "report", "local", "commands", "cli", "settings",
            "bundle", "error",
        ],
    ),
];

fn sources(path: &Path, found: &mut Vec<PathBuf>) {
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            sources(&entry.unwrap().path(), found);
        }
    } else if path.extension().is_some_and(|e| e == "rs") {
        found.push(path.to_owned());
    }
}

fn src() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn in_room(room: &str) -> Vec<(PathBuf, String)> {
    let mut files = Vec::new();
    sources(&src().join(room), &mut files);
    assert!(
        !files.is_empty(),
        "{room} has no sources: the rule would hold nothing"
    );
    files
        .into_iter()
        .map(|file| {
            let text = fs::read_to_string(&file).unwrap();
            (file, text)
        })
        .collect()
}

/// Code lines, without comments.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .map(|(i, line)| (i + 1, line.split("//").next().unwrap_or_default()))
}

#[test]
fn arrows_between_rooms_point_one_way() {
    let mut wrong = Vec::new();
    for (room, forbidden) in FORBIDDEN {
        for (file, text) in in_room(room) {
            for (number, line) in code(&text) {
                for target in *forbidden {
                    let named = format!("crate::{target}");
                    let hit = line.find(&named).is_some_and(|at| {
                        !line[at + named.len()..]
                            .starts_with(|c: char| c.is_alphanumeric() || c == '_')
                    });
                    if hit {
                        wrong.push(format!("{}:{number}: {}", file.display(), line.trim()));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn only_the_aws_room_names_the_sdk() {
    let mut files = Vec::new();
    sources(&src(), &mut files);
    let wrong: Vec<String> = files
        .into_iter()
        .filter(|file| !file.starts_with(src().join("aws")))
        .filter(|file| {
            let text = fs::read_to_string(file).unwrap();
            code(&text).any(|(_, line)| line.contains("aws_sdk_") || line.contains("aws_config"))
        })
        .map(|file| file.display().to_string())
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn domain_and_text_know_no_clock_no_randomness_and_no_io() {
    let forbidden = [
        "SystemTime::now",
        "Instant::now",
        "Timestamp::now",
        "ZonedDateTime::now",
        "std::fs",
        "tokio",
        "std::env",
    ];
    let mut wrong = Vec::new();
    for (file, text) in in_room("domain").into_iter().chain(in_room("text")) {
        // Tests may read files; they are in modules of their own.
        if file.file_name().is_some_and(|name| name == "tests.rs") {
            continue;
        }
        let text = text
            .split("#[cfg(test)]\nmod tests {")
            .next()
            .unwrap_or_default();
        for (number, line) in code(text) {
            if forbidden.iter().any(|word| line.contains(word)) {
                wrong.push(format!("{}:{number}: {}", file.display(), line.trim()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A table's column that names tests which are not there any more claims what nobody shows.
#[test]
fn every_test_that_the_threat_model_names_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let security = fs::read_to_string(root.join("docs/security.md")).unwrap();
    let mut files = Vec::new();
    sources(&root.join("src"), &mut files);
    sources(&root.join("tests"), &mut files);
    let all: String = files
        .iter()
        .map(|f| fs::read_to_string(f).unwrap())
        .collect();
    // A row's last cell; names have words, paths a dot or a slash.
    let last = |row: &str| {
        row.trim_end()
            .trim_end_matches('|')
            .rsplit('|')
            .next()
            .map(str::to_owned)
    };
    let rows = security.lines().filter(|line| line.starts_with("| "));
    let cells: Vec<String> = rows.filter_map(last).collect();
    let is_name = |word: &&str| {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        word.matches('_').count() >= 2 && word.chars().all(plain)
    };
    let names = cells
        .iter()
        .flat_map(|cell| cell.split('`').skip(1).step_by(2));
    let names: Vec<&str> = names.filter(is_name).collect();
    assert!(names.len() > 50, "{} names", names.len());
    let is_test = |name: &&&str| {
        let head = format!("fn {name}(");
        let mut found = all.match_indices(&head);
        found.any(|(at, _)| {
            all[..at]
                .lines()
                .rev()
                .take(6)
                .any(|line| line.contains("test"))
        })
    };
    let missing: Vec<_> = names.iter().filter(|name| !is_test(name)).collect();
    assert_eq!(missing, [] as [&&str; 0]);
}
