//! The dependency rule of `src/lib.rs`, read from the sources: arrows point one way.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The rooms below `src/`, from the lowest up: each may name only those before it.
const ROOMS: &[&str] = &[
    "text", "ids", "error", "files", "events", "roster", "web", "aws", "stack", "lab", "evidence",
    "results", "probe", "report", "canvas", "local", "doctor", "options", "cli", "verbs",
];

/// A second opinion on AWS: it names no other room, so that it does not repeat a mistake of theirs.
const APART: &str = "strict";

/// Arrows that still point upwards. Who takes one away strikes it out here.
const UPWARDS: &[(&str, &str)] = &[
    // Its methods take and give the plain data of the kinds: docs/decisions.md, "AWS's calls in the kinds' files".
    ("aws", "stack"),
];

/// Files that know no clock, no chance and no files, network or environment: equal input gives equal output.
const PURE: &[&str] = &[
    "text",
    "roster",
    "lab",
    "stack/plan",
    "stack/assign.rs",
    "stack/kinds/api.rs",
    "stack/kinds/api/cost.rs",
    "stack/kinds/drift.rs",
    "stack/kinds/function.rs",
    "stack/kinds/function/settings.rs",
    "stack/kinds/api/http_api.rs",
    "stack/kinds/item.rs",
    "stack/kinds/kind.rs",
    "stack/kinds/log_group.rs",
    "stack/kinds/managed_policy.rs",
    "stack/kinds/mod.rs",
    "stack/kinds/api/rest_api.rs",
    "stack/kinds/role.rs",
    "stack/kinds/state_machine.rs",
    "stack/kinds/user.rs",
    "stack/kinds/user/access.rs",
    "stack/caller.rs",
    "stack/diff.rs",
    "aws/execution.rs",
    "stack/elsewhere.rs",
    "stack/left.rs",
    "stack/names.rs",
    "ids.rs",
    "stack/ownership.rs",
    "evidence/evaluate",
    "evidence/attest.rs",
    "evidence/cache.rs",
    "evidence/check.rs",
    "evidence/history.rs",
    "evidence/last_reading.rs",
    "evidence/log_pattern.rs",
    "evidence/progress.rs",
    "evidence/sight.rs",
    "evidence/recorded.rs",
    "probe/reach.rs",
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

/// The rooms that a line of code names.
fn named_rooms(line: &str) -> impl Iterator<Item = &str> {
    line.match_indices("crate::").map(|(at, found)| {
        let rest = &line[at + found.len()..];
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_');
        &rest[..end.unwrap_or(rest.len())]
    })
}

#[test]
fn arrows_between_rooms_point_one_way() {
    let rank = |room: &str| ROOMS.iter().position(|known| *known == room);
    let mut wrong = Vec::new();
    let mut upwards: BTreeSet<&(&str, &str)> = BTreeSet::new();
    for entry in fs::read_dir(src()).unwrap() {
        let path = entry.unwrap().path();
        let room = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if ["lib", "main", "snapshots"].contains(&room.as_str()) {
            continue;
        }
        let own = rank(&room);
        assert!(
            own.is_some() || room == APART,
            "{room} has no place in ROOMS"
        );
        let mut files = Vec::new();
        sources(&path, &mut files);
        for file in files {
            let text = fs::read_to_string(&file).unwrap();
            for (number, line) in code(&text) {
                for target in named_rooms(line).filter(|target| **target != *room) {
                    let Some(other) = rank(target) else { continue };
                    let allowed = UPWARDS.iter().find(|(a, b)| *a == room && *b == target);
                    upwards.extend(allowed);
                    if allowed.is_none() && own.is_none_or(|own| other > own) {
                        wrong.push(format!("{}:{number}: {}", file.display(), line.trim()));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let gone: Vec<_> = UPWARDS
        .iter()
        .filter(|arrow| !upwards.contains(*arrow))
        .collect();
    assert!(gone.is_empty(), "strike out of UPWARDS: {gone:?}");
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
fn pure_files_know_no_clock_no_randomness_and_no_io() {
    let forbidden = [
        "SystemTime::now",
        "Instant::now",
        "Timestamp::now",
        "ZonedDateTime::now",
        "std::fs",
        "tokio",
        "std::env",
    ];
    // Reads a bundle's folder.
    let reading = src().join("lab/bundle");
    let mut wrong = Vec::new();
    for (file, text) in PURE.iter().flat_map(|path| in_room(path)) {
        // Tests may read files; they are in modules of their own.
        if file.file_name().is_some_and(|name| name == "tests.rs") || file.starts_with(&reading) {
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
