//! `rehearse` by itself: in a folder with nothing in it, and with a lab that does not work.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use super::labs::copy;

pub(crate) fn rehearse(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_homeroom"))
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env(
            "HOMEROOM_CACHE_DIR",
            Path::new(env!("CARGO_TARGET_TMPDIR")).join("cloud-cache"),
        )
        .env("HOMEROOM_STATE_DIR", folder.join("state"))
        .current_dir(folder)
        .arg("rehearse")
        .args(args)
        .output()
        .unwrap()
}

pub(crate) fn kept(folder: &Path) -> Vec<PathBuf> {
    let class = folder.join("reports/demo-class-rehearsal");
    let entries = fs::read_dir(class).unwrap().map(|e| e.unwrap().path());
    entries
        .filter(|path| path.to_str().unwrap().contains("failed-rehearsal-"))
        .collect()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_rehearsal_needs_no_roster_and_leaves_private_reports() {
    let folder = tempfile::tempdir().unwrap();
    let output = rehearse(folder.path(), &["--students", "user1"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("the one that comes with homeroom is used"));
    let reports = folder.path().join("reports");
    for private in [&reports, &reports.join("demo-class-rehearsal")] {
        assert_eq!(mode(private), 0o700, "{}", private.display());
        assert_eq!(fs::read(private.join(".gitignore")).unwrap(), b"*\n");
    }
    assert_eq!(kept(folder.path()), Vec::<PathBuf>::new());
}

/// A folder with the lab in it, one text of which is another one.
fn with_spoilt_lab(file: &str, text: &str, other: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for part in ["templates", "lambdas"] {
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join(part);
        copy(&from, &folder.path().join(part));
    }
    let file = folder.path().join(file);
    let before = fs::read_to_string(&file).unwrap();
    let after = before.replacen(text, other, 1);
    assert_ne!(before, after);
    fs::write(&file, after).unwrap();
    folder
}

/// Where a rehearsal of one student kept what tells why it failed; the end of what it said names it.
fn place_of(folder: &Path, code: i32) -> PathBuf {
    let output = rehearse(folder, &["--students", "user1"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{said}");
    let kept = kept(folder);
    let [place] = kept.as_slice() else {
        panic!("not kept once: {kept:?}");
    };
    let name = place.file_name().unwrap().to_str().unwrap();
    let last = said.lines().last().unwrap();
    assert!(
        last.ends_with(name),
        "the end of the output names it: {last}"
    );
    place.clone()
}

#[test]
fn a_rehearsal_that_fails_keeps_what_tells_why_and_says_where() {
    let folder = with_spoilt_lab(
        "lambdas/process_data/lambda_function.py",
        "    problems = []",
        "    raise RuntimeError(\"broken on purpose\")",
    );
    let place = place_of(folder.path(), 3);
    assert_eq!(mode(&place), 0o700);
    let (log, failed) = (
        place.join("server.log"),
        place.join("failed-executions.json"),
    );
    assert_eq!((mode(&log), mode(&failed)), (0o600, 0o600));
    let failed: Value = serde_json::from_slice(&fs::read(failed).unwrap()).unwrap();
    assert_eq!(failed["unread"], serde_json::json!([]));
    let told = failed["executions"].as_array().unwrap().iter().any(|one| {
        let events = one["events"].as_array().unwrap();
        one["student"] == "user1" && events.iter().any(|event| event["error"] == "RuntimeError")
    });
    assert!(told, "the error stands in the histories: {failed}");
}

#[test]
fn a_misjudged_student_is_kept_before_the_teardown_takes_it_away() {
    let folder = with_spoilt_lab(
        "templates/lab.toml",
        "path = \"/process\"\npayload = \"inventory\"",
        "path = \"/process\"\npayload = \"sales\"",
    );
    let place = place_of(folder.path(), 1);
    let failed = fs::read(place.join("failed-executions.json")).unwrap();
    let failed: Value = serde_json::from_slice(&failed).unwrap();
    // The lab's own error exercise, which was there when it was looked for.
    assert_ne!(failed["executions"].as_array().unwrap().len(), 0);
}

/// A rehearsal of one of the labs of the tests, with a student of each diligence; what it said.
fn rehearsed(lab: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let lab = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/labs")
        .join(lab);
    let students = "user1,user2,user3,user4,user5";
    let output = rehearse(
        folder.path(),
        &["--lab", lab.to_str().unwrap(), "--students", students],
    );
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let said = said(&output.stdout) + &said(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    said
}

#[test]
fn a_lab_without_api_and_without_a_script_is_rehearsed() {
    let said = rehearsed("mini");
    assert!(said.contains("nobody did its tasks"), "{said}");
    assert!(!said.contains("REST API"), "{said}");
}

#[test]
fn a_lab_of_a_function_alone_is_rehearsed() {
    let said = rehearsed("function");
    assert!(!said.contains("REST API"), "{said}");
}

#[test]
fn a_lab_whose_api_is_read_and_has_no_workflow_is_rehearsed() {
    let said = rehearsed("routes");
    assert!(said.contains("complete"), "{said}");
}

#[test]
fn a_lab_that_deploy_refuses_is_refused_before_a_cloud_starts() {
    let arn = "\"{{ functions.process_data.arn }}\"";
    let folder = with_spoilt_lab(
        "templates/iam/workflow-policy.json",
        arn,
        "\"arn:aws:lambda:::x\"",
    );
    let output = rehearse(folder.path(), &["--lab", ".", "--students", "user1"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(
        said.contains("the boundary templates/iam/boundary.json allows that nowhere"),
        "{said}"
    );
    assert!(!said.contains("cloud"), "{said}");
    assert!(!folder.path().join("state").exists());
}
