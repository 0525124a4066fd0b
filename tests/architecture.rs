//! The dependency rule of `src/lib.rs`, read from the sources: arrows point one way.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot read the sources says where it stopped"
)]

use std::fs;
use std::path::{Path, PathBuf};

/// What a room may not name, and why that would be wrong.
const FORBIDDEN: &[(&str, &[&str])] = &[
    // Below every other room.
    (
        "text",
        &[
            "domain", "events", "engine", "cloud", "report", "local", "strict", "commands", "cli",
            "settings", "bundle", "error", "vault",
        ],
    ),
    (
        "domain",
        &[
            "events", "engine", "cloud", "report", "local", "strict", "commands", "cli",
            "settings", "bundle",
        ],
    ),
    (
        "events.rs",
        &[
            "engine", "cloud", "report", "local", "strict", "commands", "cli", "settings", "bundle",
        ],
    ),
    (
        "engine",
        &[
            "cloud", "report", "local", "strict", "commands", "cli", "settings", "bundle", "error",
        ],
    ),
    (
        "report",
        &[
            "engine", "cloud", "local", "strict", "commands", "cli", "settings", "bundle",
        ],
    ),
    (
        "cloud",
        &[
            "report", "local", "strict", "commands", "cli", "settings", "bundle",
        ],
    ),
    (
        "local",
        &[
            "engine", "cloud", "report", "strict", "commands", "cli", "settings", "bundle",
        ],
    ),
    // A second opinion: it must not repeat a mistake of the others.
    (
        "strict",
        &[
            "domain", "events", "engine", "cloud", "report", "local", "commands", "cli",
            "settings", "bundle", "error",
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
fn only_the_cloud_names_the_sdk() {
    let mut files = Vec::new();
    sources(&src(), &mut files);
    let wrong: Vec<String> = files
        .into_iter()
        .filter(|file| !file.starts_with(src().join("cloud")))
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
