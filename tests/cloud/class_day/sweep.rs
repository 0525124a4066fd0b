//! A class that ends by itself, with the real binary: found, listed, and swept without its roster; another class stays.

use serde_json::json;

use super::*;

impl Day {
    fn of_class(&self, class: &str, words: &[&str]) -> Output {
        let roster = format!("{class}.csv");
        let output = self.command_with(&roster, words).output().unwrap();
        assert!(
            output.status.success(),
            "{class} {words:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        output
    }

    fn say_end(&self, ends: &str) {
        let file = self.folder.path().join("homeroom.toml");
        let settings = "[settings]\napi_type = \"HTTP\"\n";
        std::fs::write(file, format!("ends = {ends}\n{settings}")).unwrap();
    }
}

fn standings(document: &Value) -> Vec<(&str, &str)> {
    let classes = document["classes"].as_array().unwrap().iter();
    classes
        .map(|class| {
            let word = |key: &str| class[key].as_str().unwrap();
            (word("class"), word("standing"))
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_class_that_is_over_is_swept_without_its_roster_and_another_stays() {
    let day = Day::begin(&["user1"]).await;
    let autumn = day.folder.path().join("autumn.csv");
    std::fs::write(autumn, "username\nuser2\n").unwrap();
    day.of_class("autumn", &["deploy"]);
    // A class cannot begin once it is over; one that is there can be ended.
    day.say_end("2020-12-01T18:00:00+01:00");
    let refused = day.run(&["deploy"]);
    assert_eq!(refused.status.code(), Some(7));
    day.say_end("2099-12-01T18:00:00+01:00");
    day.of_class("demo", &["deploy"]);
    let (code, listed) = day.json(&["classes"]);
    assert_eq!(code, 0, "{listed}");
    assert_eq!(
        standings(&listed),
        [("autumn", "no-end"), ("demo", "ahead")]
    );
    assert_eq!(day.json(&["sweep", "--confirm"]).0, 0, "nothing is over");
    day.say_end("2020-12-01T18:00:00+01:00");
    let (_, plan) = day.json(&["plan"]);
    assert_eq!(plan["ends"], "2020-12-01T17:00:00Z");
    let change = json!({ "roles": 3, "users": 0, "from": ["2099-12-01T17:00:00Z"] });
    assert_eq!(plan["ends_change"], change);
    day.of_class("demo", &["deploy"]);
    assert_eq!(day.json(&["plan"]).1["ends_change"], Value::Null);
    std::fs::remove_file(day.folder.path().join("homeroom.toml")).unwrap();
    let all = stacks_of(&["user1", "user2"]);
    assert_eq!(day.everything().await, all);

    let (code, listed) = day.json(&["sweep"]);
    assert_eq!(code, 6, "{listed}");
    assert_eq!(standings(&listed), [("autumn", "no-end"), ("demo", "over")]);
    assert_eq!(day.everything().await, all);
    let (code, swept) = day.json(&["sweep", "--confirm"]);
    assert_eq!(code, 0, "{swept}");
    assert_eq!(swept["classes"][1]["outcome"], "gone");
    assert_eq!(day.everything().await, stacks_of(&["user2"]));
    let report = day.folder.path().join("reports/demo/swept/swept.html");
    let report = std::fs::read_to_string(report).unwrap();
    assert!(report.contains("user1") && report.contains("due times are not known"));
    // A sweep does not have the class's settings, and takes its HTTP API for what it is.
    assert!(report.contains("not started") && !report.contains("workflow-api is missing"));
    assert!(!day.folder.path().join("reports/demo/report.html").exists());
    assert_eq!(day.json(&["sweep"]).0, 0);
    day.cloud.stop().await.unwrap();
}
