//! The completion script in a real bash.

use std::fs;
use std::path::Path;
use std::process::Command;

/// What bash would offer for the last of `words`, in `folder`.
fn offered(folder: &Path, words: &[&str]) -> String {
    let program = Path::new(env!("CARGO_BIN_EXE_homeroom"));
    let path = std::env::var("PATH").unwrap();
    // As bash calls a function of completion: the command, the word at the cursor, the word before it.
    let script = r#"
        source <(homeroom completions bash)
        COMP_WORDBREAKS='= :' COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_TYPE=9
        _clap_complete_homeroom homeroom "${!#}"
        printf '%s\n' "${COMPREPLY[@]}"
    "#;
    let output = Command::new("bash")
        .args(["--norc", "-c", script, "bash"])
        .args(words)
        .current_dir(folder)
        .env_clear()
        .env(
            "PATH",
            format!("{}:{path}", program.parent().unwrap().display()),
        )
        .output()
        .expect("bash");
    let said = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().trim_end().to_owned();
    assert_eq!(said(output.stderr), "", "{words:?}");
    said(output.stdout)
}

#[test]
fn bash_completes_students_sections_and_classes_of_the_roster_meant() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    fs::create_dir_all(folder.path().join("roster")).unwrap();
    fs::create_dir_all(folder.path().join("reports/autumn")).unwrap();
    write(
        "roster/spring.csv",
        "username,section\nana,A\nanton,B\nben,B\n",
    );
    write("other.csv", "username\nzoe\n");
    let offered = |words: &[&str]| offered(folder.path(), words);
    assert_eq!(
        offered(&["homeroom", "status", "--students", "an"]),
        "ana\nanton"
    );
    assert_eq!(
        offered(&["homeroom", "deploy", "--students", "ana,b"]),
        "ana,ben"
    );
    assert_eq!(offered(&["homeroom", "status", "--section", ""]), "A\nB");
    assert_eq!(
        offered(&[
            "homeroom",
            "--roster",
            "other.csv",
            "status",
            "--students",
            ""
        ]),
        "zoe"
    );
    assert_eq!(
        offered(&["homeroom", "teardown", "--confirm", ""]),
        "autumn\nspring"
    );
    write(
        "homeroom.toml",
        "roster = \"other.csv\"\nclass = \"mine\"\n",
    );
    assert_eq!(
        offered(&["homeroom", "access", "freeze", "--students", ""]),
        "zoe"
    );
    assert_eq!(
        offered(&["homeroom", "access", "revoke", "--confirm", "m"]),
        "mine"
    );
}

#[test]
fn bash_completes_a_setting_and_its_value_though_it_splits_them() {
    let folder = tempfile::tempdir().unwrap();
    let offered = |words: &[&str]| offered(folder.path(), words);
    let set = ["homeroom", "plan", "--set"];
    assert_eq!(offered(&[&set[..], &["api_t"]].concat()), "api_type=");
    // An answer takes the place of what follows the sign.
    let api_type = |rest: &[&str]| offered(&[&set[..], &["api_type"], rest].concat());
    assert_eq!(api_type(&["="]), "REST\nHTTP");
    assert_eq!(api_type(&["=", "H"]), "HTTP");
    assert_eq!(
        offered(&["homeroom", "plan", "--set", "=", "api_type", "=", "H"]),
        "HTTP"
    );
    // What stands before is understood as well.
    let lab = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/labs/mini");
    let other = offered(&["homeroom", "--lab", "=", lab, "plan", "--set", ""]);
    assert!(
        !other.contains("api_type") && other.contains("region="),
        "{other}"
    );
}

#[test]
fn completion_says_nothing_where_nothing_can_be_read() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(
        offered(folder.path(), &["homeroom", "status", "--students", ""]),
        ""
    );
    fs::write(folder.path().join("homeroom.toml"), "nonsense = [").unwrap();
    assert_eq!(
        offered(folder.path(), &["homeroom", "status", "--section", ""]),
        ""
    );
    assert_eq!(offered(folder.path(), &["homeroom", "dep"]), "deploy");
}

#[test]
fn the_options_of_every_verb_are_among_the_completions() {
    let folder = tempfile::tempdir().unwrap();
    let all = offered(folder.path(), &["homeroom", "status", "--"]);
    assert!(
        all.contains("--students") && all.contains("--help-all"),
        "{all}"
    );
    assert!(all.contains("--invoke-base"), "{all}");
}
