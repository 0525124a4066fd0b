//! A lab from somebody else: what it may not bring along.

use std::fs;
use std::path::{Path, PathBuf};

use homeroom::strict::{Fault, Rule};
use serde_json::Value;

use super::Day;

/// Copies a folder with everything in it.
pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (path, to) = (
            entry.as_ref().unwrap().path(),
            to.join(entry.unwrap().file_name()),
        );
        match path.is_dir() {
            true => copy(&path, &to),
            false => drop(fs::copy(&path, &to).unwrap()),
        }
    }
}

/// A copy of the small lab that a test may spoil.
fn copied(day: &Day) -> PathBuf {
    let lab = day.folder.path().join("lab");
    copy(
        Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/labs/mini")),
        &lab,
    );
    lab
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lab_that_reaches_too_far_needs_leave_in_homeroom_toml() {
    let day = Day::begin(&["user1", "user2"]).await;
    let lab = copied(&day);
    let policy = lab.join("templates/greeter.json");
    let wide = fs::read_to_string(&policy).unwrap().replacen(
        "\"Statement\": [",
        "\"Statement\": [{ \"Effect\": \"Allow\", \"Action\": \"s3:*\", \"Resource\": \"*\" },",
        1,
    );
    assert!(
        wide.contains("s3:*"),
        "the lab's policy looks otherwise: {wide}"
    );
    fs::write(&policy, wide).unwrap();
    let lab = lab.to_str().unwrap();

    let (code, plan) = day.json(&["--lab", lab, "plan"]);
    assert_eq!(code, 0, "{plan}");
    let notes = plan["notes"].to_string();
    assert_eq!(notes.matches("allows s3:* on *").count(), 1, "{notes}");
    let (code, refused) = day.json(&["--lab", lab, "deploy"]);
    assert_eq!(code, 7, "{refused}");
    let hint = refused["errors"][0]["hint"].as_str().unwrap();
    assert_eq!(day.everything().await, Vec::<String>::new());

    // What the hint says to write is what allows it.
    let setting = &hint[hint.find("allow-in-roles").unwrap()..=hint.rfind(']').unwrap()];
    fs::write(day.folder.path().join("homeroom.toml"), setting).unwrap();
    assert_eq!(day.json(&["--lab", lab, "deploy"]).0, 0);
    let (_, plan) = day.json(&["--lab", lab, "plan"]);
    assert!(
        plan["notes"]
            .to_string()
            .contains("homeroom.toml allows it")
    );
    day.cloud.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn which_lab_is_used_is_said() {
    let day = Day::begin(&["user1"]).await;
    let said = |words: &[&str]| String::from_utf8(day.run(words).stderr).unwrap();
    assert!(said(&["plan"]).contains("(built in)"));
    let lab = copied(&day);
    let path = lab.canonicalize().unwrap().display().to_string();
    assert!(said(&["plan", "--lab", lab.to_str().unwrap()]).contains(&path));
    assert!(!said(&["plan", "--quiet"]).contains("built in"));
    // A link in it is named, and nothing is asked of the cloud.
    std::os::unix::fs::symlink("/etc/passwd", lab.join("lambdas/greet/x.py")).unwrap();
    let (code, refused) = day.json(&["--lab", lab.to_str().unwrap(), "plan"]);
    assert_eq!(code, 2);
    assert!(
        refused["errors"][0]["subject"]
            .as_str()
            .unwrap()
            .ends_with("x.py")
    );
    assert_eq!(refused["api_calls"], Value::Object(serde_json::Map::new()));
    day.cloud.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_says_which_definitions_nobody_could_check() {
    let day = Day::begin_behind_proxy(&["user1", "user2"]).await;
    let asked = "states:ValidateStateMachineDefinition";
    day.between
        .as_ref()
        .unwrap()
        .model()
        .inject(Rule::on(asked).fault(Fault::AccessDenied));
    let (code, plan) = day.json(&["plan"]);
    assert_eq!(code, 0, "{plan}");
    let said = "Step Functions was not asked about 1 definition: ";
    assert!(plan["notes"].to_string().contains(said), "{plan}");
    day.cloud.stop().await.unwrap();
}
