//! Every JSON document is as its schema in `docs/schemas/` says.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::json_schemas::{Schemas, check, streamed};
use crate::report_sample::{class, hostile_class};

/// Runs the binary in a folder, with nothing of whoever runs the tests.
fn homeroom(folder: &Path, words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_homeroom"))
        .env_clear()
        .env("HOME", folder)
        .current_dir(folder)
        .args(words)
        .output()
        .unwrap()
}

#[test]
fn each_schema_is_closed_and_has_its_own_name() {
    for (name, schema) in &Schemas::read().0 {
        let id = schema["$id"].as_str().unwrap();
        assert!(id.ends_with(&format!("/schemas/{name}")), "{name}");
        let closed = schema["unevaluatedProperties"] == false;
        let open = ["common.json", "event.json"].contains(&name.as_str());
        assert!(closed || open, "{name}");
    }
}

#[test]
fn what_is_not_as_a_schema_says_is_found() {
    let schemas = Schemas::read();
    let event = |more: Value| {
        let mut event = json!({ "at": "2026-05-14T08:32:00.250Z", "event": "note", "text": "a" });
        event
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        schemas.problems(&event)
    };
    assert_eq!(event(json!({})), [""; 0]);
    for wrong in [
        json!({ "text": 1 }),
        json!({ "at": "yesterday" }),
        json!({ "more": 1 }),
        json!({ "event": "unheard-of" }),
    ] {
        assert!(!event(wrong.clone()).is_empty(), "{wrong}");
    }
}

#[test]
fn the_report_is_as_its_schema_says() {
    for document in [class(30), class(1), hostile_class()] {
        let mut document: Value = serde_json::from_str(&document.to_json().unwrap()).unwrap();
        check(&document);
        // The test can fail.
        document["students"][0]["checks"][0]["new_key"] = json!(1);
        document["newer_key"] = json!(1);
        let problems = Schemas::read().problems(&document).join("\n");
        assert!(
            problems.contains("new_key") && problems.contains("newer_key"),
            "{problems}"
        );
    }
}

#[test]
fn what_tells_of_no_class_is_as_its_schema_says() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(dir.path().join("bad/templates")).unwrap();
    std::fs::write(dir.path().join("bad/templates/lab.toml"), "[lab").unwrap();
    let verbs = [
        &["doctor", "--local"][..],
        &["local", "status"],
        &["lab", "check"],
        &["lab", "check", "bad"],
        &["lab", "new", "mine/a"],
        &["init", "a", "--yes"],
    ];
    for words in verbs {
        let output = homeroom(dir.path(), &[words, &["--output", "json"]].concat());
        check(&serde_json::from_slice(&output.stdout).unwrap());
        let output = homeroom(dir.path(), &[words, &["--output", "jsonl"]].concat());
        assert_eq!(streamed(&output.stdout).0, [""; 0]);
    }
}

#[test]
fn a_new_lab_is_well_formed_and_a_spoilt_one_is_told_in_full() {
    let dir = tempfile::tempdir().unwrap();
    let said = |words: &[&str], code: i32| {
        let output = homeroom(dir.path(), words);
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8(text).unwrap();
        assert_eq!(output.status.code(), Some(code), "{words:?}: {text}");
        text
    };
    said(&["lab", "new", "mine"], 0);
    assert!(said(&["lab", "check", "mine"], 0).contains("is well-formed"));
    assert!(said(&["lab", "new", "mine"], 2).contains("nothing was written"));
    for (file, old, new) in [
        ("templates/lab.toml", "timeout_s = 10", "timeout_s = 3000"),
        ("templates/greetings.json", "\"Retry\"", "\"Retries\""),
    ] {
        let path = dir.path().join("mine").join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, text.replace(old, new)).unwrap();
    }
    let text = said(&["lab", "check", "mine"], 2);
    for expected in [
        "timeout_s = 3000",
        "greetings.json: line 12:",
        "\"Retries\"",
    ] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
}

#[test]
fn a_command_that_fails_leaves_one_document_or_one_last_line() {
    let dir = tempfile::tempdir().unwrap();
    let mistakes: [&[&str]; 3] = [
        &["--roster", "missing.csv", "plan"],
        &["plan", "--nonsense"],
        &["--roster", "missing.csv", "check", "--nonsense"],
    ];
    for words in mistakes {
        let output = homeroom(dir.path(), &[words, &["--output", "json"]].concat());
        let document: Value = serde_json::from_slice(&output.stdout).unwrap();
        check(&document);
        assert_eq!(document["schema"], "homeroom.error/1");
        let output = homeroom(dir.path(), &[words, &["--output", "jsonl"]].concat());
        let (events, last) = streamed(&output.stdout);
        assert!(events.is_empty(), "{events:?}");
        assert_eq!(last["exit_code"], output.status.code().unwrap());
        assert_eq!(last["document"]["errors"], document["errors"]);
    }
}

#[test]
fn classes_and_sweep_say_which_places_they_could_not_look_at() {
    let folder = tempfile::tempdir().unwrap();
    let places = "[[place]]\nname = \"one\"\nregion = \"eu-west-1\"\n";
    std::fs::write(folder.path().join("homeroom.toml"), places).unwrap();
    for (words, code, says) in [
        (
            &["classes"][..],
            1,
            "place one: AWS: there are no credentials",
        ),
        (&["sweep"], 1, "place one: AWS: there are no credentials"),
        // Nothing shows that no class is over there.
        (
            &["sweep", "--confirm", "--place", "one"],
            5,
            "no place could be reached",
        ),
        (
            &["sweep", "--confirm", "--place", "two"],
            2,
            "no place of that name",
        ),
    ] {
        let output = homeroom(folder.path(), words);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{words:?}: {said}");
        assert!(said.contains(says), "{words:?}: {said}");
    }
}
