//! Students who left the roster, and what is kept of a student's work: with the real binary and its files.

use std::fs;
use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::json;
use sha2::{Digest, Sha256};

use homeroom::aws::Principal;

use super::*;

impl Day {
    /// Writes a roster with e-mail addresses.
    fn enrol_by_mail(&self, students: &[(&str, &str)]) {
        let rows = students
            .iter()
            .map(|(name, mail)| format!("{name},{mail}\n"));
        let roster = format!("username,email\n{}", rows.collect::<String>());
        fs::write(self.folder.path().join("demo.csv"), roster).unwrap();
    }

    fn class_file(&self, name: &str) -> PathBuf {
        self.folder.path().join("reports/demo").join(name)
    }

    async fn frozen(&self, student: &str) -> bool {
        let cloud = &self.witness().await;
        let principals = all(|t| cloud.principals_page(t)).await.into_iter();
        let mut users = principals.filter_map(|principal| match principal {
            Principal::User(user) if user.name == student => Some(user),
            _ => None,
        });
        users.next().unwrap().is_frozen()
    }
}

fn sha256_of(bytes: &[u8]) -> String {
    BASE64.encode(Sha256::digest(bytes))
}

fn who_left(document: &Value) -> Vec<&str> {
    let left = document["left"].as_array();
    let left = left.into_iter().flatten();
    left.map(|l| l["username"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_student_who_left_is_named_shut_out_and_taken_down_alone() {
    let day = Day::begin(&[]).await;
    day.enrol_by_mail(&[("ana", "ana@example.edu"), ("ben", "ben@example.edu")]);
    assert_eq!(day.json(&["deploy"]).0, 0);
    assert_eq!(day.json(&["access", "grant"]).0, 0);
    assert_eq!(day.json(&["handout", "--with-credentials"]).0, 0);

    // Ana comes back under another username.
    day.enrol_by_mail(&[("anar", "ANA@example.edu"), ("ben", "ben@example.edu")]);
    let (code, plan) = day.json(&["plan"]);
    assert_eq!(code, 0);
    let ana =
        json!([{"username": "ana", "resources": 14, "likely_renamed_to": "anar", "same": "email"}]);
    assert_eq!(plan["left"], ana);
    assert!(who_left(&day.json(&["plan", "--students", "ben"]).1).is_empty());
    assert_eq!(who_left(&day.json(&["status"]).1), ["ana"]);
    assert_eq!(who_left(&day.json(&["report"]).1), ["ana"]);
    let report = fs::read(day.class_file("report.json")).unwrap();
    let report: Value = serde_json::from_slice(&report).unwrap();
    assert_eq!(report["left"], ana);

    // Another spelling is no stranger.
    day.enrol_by_mail(&[("Ana", "ana@example.edu"), ("ben", "ben@example.edu")]);
    let (_, plan) = day.json(&["plan"]);
    let hint = plan["students"][0]["errors"][0]["hint"].as_str().unwrap();
    assert!(
        hint.contains("the same student in another spelling: write 'ana'"),
        "{hint}"
    );
    assert_eq!(plan["left"][0]["same"], "spelling");
    // The name as it was typed is the one that the class has, not the roster's.
    let (code, listed) = day.json(&["teardown", "--students", "ana"]);
    assert_eq!(
        (code, outcomes(&listed)),
        (7, vec![("ana".into(), "remains".into())])
    );

    // Nor is everybody in another spelling, or in another class or region.
    let refuses = |options: &[&str], verbs: &[&[&str]], sentence: &str| {
        for verb in verbs {
            let words = [options, verb].concat();
            let (code, refused) = day.json(&words);
            let said = refused["errors"].to_string();
            assert!(code == 7 && said.contains(sentence), "{words:?}: {refused}");
        }
    };
    let left: [&[&str]; 3] = [
        &["teardown", "--left", "--confirm", "demo"],
        &["access", "revoke", "--left", "--confirm", "demo"],
        &["access", "freeze", "--left"],
    ];
    let whole: [&[&str]; 4] = [
        &["teardown", "--confirm", "demo"],
        &["access", "revoke", "--confirm", "demo"],
        &["access", "freeze"],
        &["access", "thaw"],
    ];
    refuses(&[], &left, "write 'ana' in the roster");
    day.enrol_by_mail(&[("Ana", "ana@example.edu"), ("Ben", "ben@example.edu")]);
    refuses(&[], &left, "write 'ana', 'ben' in the roster");
    refuses(&[], &whole, "another spelling: write 'ana', 'ben'");
    day.enrol_by_mail(&[("ana", "ana@example.edu"), ("ben", "ben@example.edu")]);
    refuses(&["--region", "eu-west-1"], &left, "add --region us-east-1");
    refuses(
        &["--class", "lab6"],
        &[&["teardown", "--left", "--confirm", "lab6"]],
        "add --class demo",
    );
    // A roster that a browser saved a second time names no class; whose copy it is stands.
    let copy = "demo (1).csv";
    fs::copy(
        day.folder.path().join("demo.csv"),
        day.folder.path().join(copy),
    )
    .unwrap();
    for verb in [
        &["deploy"][..],
        &["report"],
        &["teardown", "--confirm", "demo"],
    ] {
        let output = day.command_with(copy, verb).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(7), "{verb:?}: {said}");
        assert!(
            said.contains("these stacks are class demo: add --class demo"),
            "{verb:?}: {said}"
        );
    }
    assert_eq!(day.everything().await, stacks_of(&["ana", "ben"]));
    assert!(!day.frozen("ana").await && !day.frozen("ben").await);
    assert!(day.class_file("credentials/ana.csv").exists());

    day.enrol_by_mail(&[("anar", "ana@example.edu"), ("ben", "ben@example.edu")]);
    let (code, frozen) = day.json(&["access", "freeze", "--left"]);
    assert_eq!(
        (code, outcomes(&frozen)),
        (0, vec![("ana".into(), "frozen".into())])
    );
    let (code, thawed) = day.json(&["access", "thaw"]);
    assert_eq!((code, who_left(&thawed)), (0, vec!["ana"]));
    for verb in ["thaw", "grant"] {
        let (code, refused) = day.json(&["access", verb, "--students", "ana"]);
        let said = refused["errors"].to_string();
        assert_eq!(code, 4, "{refused}");
        assert!(said.contains("ana left the roster"), "{said}");
        assert!(
            said.contains("`access freeze`") && !said.contains("did you mean"),
            "{said}"
        );
        let (code, refused) = day.json(&["access", verb, "--students", "bem"]);
        let said = refused["errors"].to_string();
        assert!(
            code == 4 && said.contains("did you mean 'ben'?"),
            "{refused}"
        );
    }
    assert!(day.frozen("ana").await, "nobody who left is let in again");

    // A run that is killed once the user is gone leaves the files; the next one takes them.
    let file = day.class_file("credentials/ana.csv");
    let credentials = fs::read(&file).unwrap();
    let revoke = ["access", "revoke", "--students", "ana", "--confirm", "demo"];
    for round in 0..2 {
        assert_eq!(day.json(&revoke).0, 0);
        assert!(!file.exists(), "{round}");
        let everybody = fs::read_to_string(day.class_file("credentials/all students.csv"));
        assert!(!everybody.unwrap().contains("ana,"), "{round}");
        fs::write(&file, &credentials).unwrap();
    }
    // A stack alone is something, too.
    for verb in ["thaw", "grant"] {
        let (code, refused) = day.json(&["access", verb, "--students", "ana"]);
        let said = refused["errors"].to_string();
        assert!(
            code == 4 && said.contains("ana left the roster"),
            "{refused}"
        );
    }
    let (code, frozen) = day.json(&["access", "freeze", "--students", "ana"]);
    assert_eq!((code, who_left(&frozen)), (0, vec!["ana"]), "{frozen}");
    assert_eq!(outcomes(&frozen), [("ana".into(), "no-access".into())]);
    assert!(!day.class_file("handouts/ana.html").exists());
    assert!(!day.class_file("handouts/all students.html").exists());
    assert!(day.class_file("handouts/ben.html").exists());
    assert!(day.class_file("credentials/ben.csv").exists());

    let refused = day.run(&["teardown", "--left"]);
    assert_eq!(refused.status.code(), Some(7));
    let said = String::from_utf8_lossy(&refused.stdout).into_owned();
    assert!(said.contains("nothing was deleted"), "{said}");
    assert!(
        !said.contains("next:") && !said.contains("--confirm demo"),
        "{said}"
    );
    let (code, removed) = day.json(&["teardown", "--left", "--confirm", "demo"]);
    assert_eq!(
        (code, outcomes(&removed)),
        (0, vec![("ana".into(), "removed".into())])
    );
    assert_eq!(day.everything().await, stacks_of(&["ben"]));
    assert!(!file.exists(), "what opens nothing any more is not kept");
    for nobody in [vec!["--left"], vec!["--students", "ghost"]] {
        let words = [vec!["teardown", "--confirm", "demo"], nobody].concat();
        assert_eq!(day.run(&words).status.code(), Some(4), "{words:?}");
    }
    assert_eq!(day.everything().await, stacks_of(&["ben"]));
    day.cloud.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_keeps_the_students_work_and_a_new_api_is_told() {
    let day = Day::begin(&["user1", "user2"]).await;
    assert_eq!(day.json(&["deploy"]).0, 0);
    assert_eq!(day.json(&["access", "grant"]).0, 0);
    let cloud = day.witness().await;
    let code = access::zip_of("def lambda_handler(event, context):\n    return 'mine'\n");
    cloud
        .update_function_code("user1-process-data", &code)
        .await
        .unwrap();
    let apis = all(|t| cloud.rest_apis_page(t)).await;
    let (api, _) = apis
        .iter()
        .find(|(api, _)| api.name == "user2-workflow-api")
        .unwrap();
    cloud.delete_rest_api(&api.id).await.unwrap();

    // What cannot be kept is not overwritten.
    let in_the_way = day.class_file("kept");
    fs::write(&in_the_way, "a file where the folder would be").unwrap();
    let (exit, refused) = day.json(&["deploy", "--reset", "--students", "user1"]);
    assert_eq!((exit, all_are(&refused, "failed")), (3, true), "{refused}");
    let why = refused["students"][0]["errors"].to_string();
    assert!(why.contains("nothing of this student was reset"), "{why}");
    let state = cloud.get_function("user1-process-data").await.unwrap();
    assert_eq!(state.code_sha256, sha256_of(&code.zip));
    fs::remove_file(&in_the_way).unwrap();

    let (exit, reset) = day.json(&["deploy", "--reset", "--students", "user1"]);
    assert_eq!((exit, all_are(&reset, "deployed")), (0, true), "{reset}");
    let kept: Vec<PathBuf> = reset["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|path| day.folder.path().join(path.as_str().unwrap()))
        .collect();
    let zip = kept
        .iter()
        .find(|path| path.ends_with("user1-process-data.zip"));
    assert_eq!(fs::read(zip.unwrap()).unwrap(), code.zip.to_vec());
    assert!(kept[0].starts_with(day.class_file("kept")), "{kept:?}");
    assert!(reset["notes"].to_string().contains("kept in"), "{reset}");

    let deployed = day.run(&["deploy"]);
    let said = String::from_utf8_lossy(&deployed.stdout).into_owned();
    assert!(said.contains("policies of user2 name"), "{said}");
    assert!(said.contains("access grant --students user2"), "{said}");
    day.cloud.stop().await.unwrap();
}
