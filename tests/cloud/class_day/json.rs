//! What programs hear of a run: the stream of `--output jsonl`, and the run log beside it.

use super::*;

/// The lines of the only run log.
fn run_log(day: &Day) -> Vec<Value> {
    let folder = day.folder.path().join("reports/demo/runs");
    let files = std::fs::read_dir(folder).unwrap();
    let files = files.map(|file| file.unwrap().path());
    let is_log = |path: &std::path::PathBuf| path.extension().is_some_and(|end| end == "jsonl");
    let files: Vec<_> = files.filter(is_log).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    let text = std::fs::read_to_string(&files[0]).unwrap();
    let lines = text.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_has_every_event_of_the_run_log_and_then_the_document() {
    let day = Day::begin(&["user1", "user2"]).await;
    let output = day.run(&["deploy", "--output", "jsonl"]);
    let (events, last) = json_schemas::streamed(&output.stdout);
    assert_eq!(last["exit_code"], 0);
    assert_eq!(last["document"]["summary"]["deployed"], 2);
    let logged = run_log(&day);
    logged.iter().for_each(json_schemas::check);
    let mut events = events;
    // A forecast is no record of what was done.
    events.retain(|event| event["event"] != "time-left");
    let tail = events.split_off(events.len() - logged.len());
    assert_eq!(tail, logged);
    let count = |name: &str| tail.iter().filter(|event| event["event"] == name).count();
    assert_eq!(count("student-finished"), 2);
    let started = tail
        .iter()
        .find(|event| event["event"] == "run-started")
        .unwrap();
    assert_eq!(started["steps"], count("step-finished"));

    let output = day.run(&["teardown", "--output", "jsonl"]);
    let (_, last) = json_schemas::streamed(&output.stdout);
    assert_eq!(last["exit_code"], 7);
    let document = &last["document"];
    // One call for each of the three functions of two students.
    let calls = &document["forecast"]["teardown"]["calls"];
    assert_eq!(calls["lambda"], 6, "{document:#}");
    let listed = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        listed.contains("It takes as long as the endpoint takes"),
        "{listed}"
    );

    let output = day.run(&["local", "status", "--output", "jsonl"]);
    json_schemas::streamed(&output.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_tells_a_program_and_a_person_what_a_student_changed() {
    let day = Day::begin(&["user1", "user2", "user3"]).await;
    assert_eq!(day.json(&["deploy"]).0, 0);
    let (_, plan) = day.json(&["plan"]);
    assert_eq!(plan["groups"].as_array().unwrap().len(), 1);
    assert_eq!(plan["differences"].as_array().unwrap().len(), 0);
    assert_eq!(plan["limits"].as_array().unwrap().len(), 0);
    let witness = day.witness().await;
    witness.delete_function("user2-process-data").await.unwrap();
    let (_, plan) = day.json(&["plan"]);
    let groups = plan["groups"].as_array().unwrap();
    assert_eq!(groups.len(), 2, "{groups:#?}");
    assert_eq!(groups[0]["students"], serde_json::json!(["user1", "user3"]));
    let said = day.run(&["plan"]);
    let said = String::from_utf8(said.stdout).unwrap();
    assert!(said.contains("1 student: create 1 resource"), "{said}");
    assert!(said.contains("2 students: nothing to do"), "{said}");
    assert!(said.contains("account 000000000000"), "{said}");
}
