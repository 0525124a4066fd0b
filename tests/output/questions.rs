//! What the program asks at a terminal, and what it makes of the answers.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

/// Runs the program in a folder, which is the home, too, at a terminal where somebody answers its questions.
fn answered(folder: &Path, dialogue: &[[&str; 2]], args: &[&str]) -> Output {
    Command::new("python3")
        .arg(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/output/at_a_terminal.py"
        ))
        .arg(serde_json::to_string(dialogue).unwrap())
        .arg(env!("CARGO_BIN_EXE_homeroom"))
        .args(args)
        .current_dir(folder)
        .env_clear()
        .env("PATH", std::env::var("PATH").unwrap())
        .env("HOME", folder)
        // No wait for an instance's credentials: this machine may be one.
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .output()
        .expect("python3")
}

/// What it said, once its exit code is known to be this one.
fn said(output: &Output, code: i32) -> String {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let driver = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{text}{driver}");
    text
}

#[test]
fn init_asks_again_until_it_can_use_the_answer() {
    let home = tempfile::tempdir().unwrap();
    let dialogue = [
        ["class's name", "Spring 26"],
        ["class's name", "spring26"],
        ["Region", "eu-wst-1"],
        ["Region", "eu-west-1"],
        ["Write the files", "perhaps"],
        ["Write the files", "yes"],
    ];
    let said = said(&answered(home.path(), &dialogue, &["init"]), 0);
    assert!(said.contains("\"Spring 26\" contains ' '"), "{said}");
    assert!(said.contains("\"perhaps\" is neither yes nor no"), "{said}");
    let settings = fs::read_to_string(home.path().join("homeroom.toml")).unwrap();
    assert!(settings.contains("region = \"eu-west-1\""), "{settings}");
    assert!(home.path().join("roster/spring26.csv").is_file());
}

#[test]
fn init_offers_the_profiles_and_writes_nothing_after_a_no() {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir(home.path().join(".aws")).unwrap();
    let profiles = "[profile school]\nregion = eu-west-1\n[profile other]\n";
    fs::write(home.path().join(".aws/config"), profiles).unwrap();
    let dialogue = [
        ["class's name", "spring"],
        ["of other, school", "scool"],
        ["of other, school", "school"],
        ["Region [eu-west-1]", ""],
        ["Write the files", "no"],
    ];
    let said = said(&answered(home.path(), &dialogue, &["init"]), 7);
    assert!(said.contains("did you mean 'school'?"), "{said}");
    assert!(said.contains("nothing was written"), "{said}");
    let mut left = fs::read_dir(home.path()).unwrap();
    assert!(left.all(|entry| entry.unwrap().file_name() == ".aws"));
}
