//! Grades survive: what was read of a student counts until something better is known of the same stack.

use std::collections::BTreeMap;

use homeroom::strict::{Fault, Rule};

use super::*;

const STUDENTS: [&str; 2] = ["user1", "user2"];
const TEARDOWN: &[&str] = &["teardown", "--confirm", "demo"];

fn machine(student: &str) -> String {
    format!("arn:aws:states:us-east-1:000000000000:stateMachine:{student}-simple-workflow")
}

impl Day {
    /// A class in which user1 has done two tasks, the console test and five executions, and user2 nothing.
    pub(super) async fn worked(self) -> Self {
        // Nothing may depend on chance.
        let settings = "[settings]\nsuccess_rate = 1.0\n";
        std::fs::write(self.folder.path().join("homeroom.toml"), settings).unwrap();
        let (code, deployed) = self.json(&["deploy"]);
        assert_eq!(code, 0, "{deployed}");
        self.work("user1").await;
        self
    }

    async fn work(&self, student: &str) {
        let cloud = self.witness().await;
        let input = format!(r#"{{"userId": "{student}", "dataType": "sales_data"}}"#);
        for number in 1..=5 {
            let name = format!("console-test-{number}");
            let started = cloud
                .start_execution(&machine(student), &name, &input)
                .await;
            let arn = started.unwrap();
            while !cloud
                .describe_execution(&arn)
                .await
                .unwrap()
                .status
                .is_final()
            {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }

    fn file(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.folder.path().join("reports/demo").join(name)).unwrap()
    }

    /// Points and time in the gradebook, by student.
    fn gradebook(&self) -> BTreeMap<String, (String, String)> {
        let bytes = self.file("gradebook.csv");
        let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
        let mut reader = csv::Reader::from_reader(text);
        let header = reader.headers().unwrap().clone();
        let column = |name: &str| header.iter().position(|h| h == name).unwrap();
        let (points, as_of) = (column("points"), column("as_of"));
        let rows = reader.records().map(|row| {
            let row = row.unwrap();
            let cell = |i: usize| row[i].to_owned();
            (cell(0), (cell(points), cell(as_of)))
        });
        rows.collect()
    }

    fn points(&self) -> Vec<String> {
        self.gradebook()
            .into_values()
            .map(|(points, _)| points)
            .collect()
    }

    fn report_json(&self) -> Value {
        let document = serde_json::from_slice(&self.file("report.json")).unwrap();
        json_schemas::check(&document);
        document
    }

    /// The dated copies by name, with their bytes.
    fn copies(&self) -> BTreeMap<String, Vec<u8>> {
        let folder = self.folder.path().join("reports/demo/history");
        let entries = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap());
        let files = entries.filter(|entry| entry.path().extension().is_some());
        let files = files.map(|entry| {
            let name = entry.file_name().to_str().unwrap().to_owned();
            (name, std::fs::read(entry.path()).unwrap())
        });
        files.collect()
    }

    /// A verb in another region than the class's.
    fn in_region(&self, region: &str, words: &[&str]) -> Output {
        self.run(&[words, &["--region", region]].concat())
    }
}

/// Writes a roster with addresses: `username,email`.
pub(super) fn write_roster(day: &Day, rows: &[&str]) {
    let roster = format!("username,email\n{}\n", rows.join("\n"));
    std::fs::write(day.folder.path().join("demo.csv"), roster).unwrap();
}

pub(super) fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn grades_outlive_the_teardown_and_never_reach_the_next_term() {
    let day = Day::begin(&STUDENTS).await.worked().await;
    write_roster(&day, &["user1,ana@x.edu", "user2,ben@x.edu"]);
    assert_eq!(day.run(&["report"]).status.code(), Some(0));
    assert_eq!(day.points(), ["45", "0"]);
    assert_eq!(day.copies().len(), 1, "{:?}", day.copies().keys());

    let (code, removed) = day.json(TEARDOWN);
    assert_eq!(code, 0, "{removed}");
    assert!(
        removed["notes"][0]
            .as_str()
            .unwrap()
            .contains("final report"),
        "{removed}"
    );
    let copies = day.copies();
    assert_eq!(copies.len(), 2, "the final report has a dated copy, too");
    let last = day.report_json()["taken_at"].clone();

    // All gone: the last reading stands, with its time, in every output.
    let (code, status) = day.json(&["status"]);
    assert_eq!(code, 0, "{status}");
    assert_eq!(outcomes(&status)[0].1, "in-progress");
    assert!(
        status["students"][0]["checks"]
            .to_string()
            .contains("as_of"),
        "{status}"
    );
    assert!(
        status["notes"].to_string().contains("stacks are gone"),
        "{status}"
    );
    let report = day.run(&["report"]);
    assert_eq!(report.status.code(), Some(0), "{}", said(&report));
    assert!(String::from_utf8_lossy(&report.stdout).contains("as of"));
    assert_eq!(day.points(), ["45", "0"]);
    assert!(day.gradebook().values().all(|(_, as_of)| !as_of.is_empty()));
    let json = day.report_json();
    let student = &json["students"][0];
    assert_eq!(
        (&student["stack_gone"], &student["points"]),
        (&true.into(), &45.into())
    );
    assert_eq!(student["as_of"], last, "the time of the final report");
    for page in ["report.html", "user1.html"] {
        let page = String::from_utf8(day.file(page)).unwrap();
        assert!(page.contains("This is the last reading, of"), "{page}");
    }

    // The next term: same names, other people, and no stack yet.
    write_roster(&day, &["user1,cleo@x.edu", "user2,ben@x.edu"]);
    assert_eq!(day.run(&["report"]).status.code(), Some(0));
    assert_eq!(day.points(), ["", "0"]);
    let json = day.report_json();
    let student = &json["students"][0];
    assert_eq!(
        (&student["status"], &student["earlier_stack"]),
        (&"not-deployed".into(), &last)
    );
    let notes = json["notes"].to_string();
    assert!(
        notes.contains("user1: the last reading, of")
            && notes
                .contains("does not count, because the roster had another e-mail address or name"),
        "{notes}"
    );

    // And new stacks.
    assert_eq!(day.json(&["deploy"]).0, 0);
    assert_eq!(day.run(&["report"]).status.code(), Some(0));
    assert_eq!(day.points(), ["0", "0"]);
    let json = day.report_json();
    assert_eq!(json["students"][0]["earlier_stack"], last);
    let notes = json["notes"].to_string();
    assert!(
        notes.contains("does not count") && notes.contains("history/"),
        "{notes}"
    );
    assert_eq!(
        json["since"],
        Value::Null,
        "no comparison with other stacks"
    );
    let now = day.copies();
    assert!(
        copies.iter().all(|(name, bytes)| now[name] == *bytes),
        "never changed"
    );
    day.cloud.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_wrong_class_or_region_is_refused_by_every_verb_and_changes_no_file() {
    let day = Day::begin(&STUDENTS).await;
    // Nothing stands anywhere: no grades are made of that.
    let nothing = day.run(&["report"]);
    assert_eq!(nothing.status.code(), Some(7), "{}", said(&nothing));
    assert!(
        said(&nothing).contains("nothing was written"),
        "{}",
        said(&nothing)
    );
    assert!(!day.folder.path().join("reports/demo/report.json").exists());

    let day = day.worked().await;
    assert_eq!(day.run(&["report"]).status.code(), Some(0));
    let verbs: [&[&str]; 13] = [
        &["plan"],
        &["deploy"],
        &["validate"],
        &["validate", "--isolation"],
        &["status"],
        &["report"],
        &["watch"],
        &["handout"],
        &["access", "grant"],
        &["access", "freeze"],
        &["access", "thaw"],
        &["access", "revoke", "--confirm", "final"],
        &["teardown", "--confirm", "final"],
    ];
    let before = day.reports();
    for verb in verbs {
        let output = day.run(&[verb, &["--class", "final"]].concat());
        let said = said(&output);
        assert_eq!(output.status.code(), Some(7), "{verb:?}: {said}");
        assert!(
            said.contains("these stacks are class demo: add --class demo"),
            "{verb:?}: {said}"
        );
        assert!(
            said.lines().filter(|l| l.contains("error:")).count() == 1,
            "{verb:?}: {said}"
        );
    }
    let theirs = |files: Vec<(String, Vec<u8>)>| -> Vec<(String, Vec<u8>)> {
        files
            .into_iter()
            .filter(|(name, _)| !name.contains("/final/"))
            .collect()
    };
    assert!(
        theirs(day.reports()) == before,
        "the class's files are what they were"
    );
    assert!(!day.folder.path().join("reports/final/report.json").exists());
    for verb in [&["plan"][..], &["report"], &["handout"], TEARDOWN] {
        let output = day.in_region("eu-west-1", verb);
        let said = said(&output);
        assert_eq!(output.status.code(), Some(7), "{verb:?}: {said}");
        assert!(said.contains("add --region us-east-1"), "{verb:?}: {said}");
    }
    assert!(
        theirs(day.reports()) == before,
        "the class's files are what they were"
    );

    // Another spelling, of everybody and of one.
    day.enrol(&["User1", "USER2"]);
    let output = day.run(&["plan"]);
    assert_eq!(output.status.code(), Some(7), "{}", said(&output));
    assert!(
        said(&output).contains("write 'user1', 'user2' in the roster"),
        "{}",
        said(&output)
    );
    day.enrol(&["User1", "user2"]);
    let (code, plan) = day.json(&["plan"]);
    assert_eq!(
        (code, outcomes(&plan)[0].1.as_str()),
        (0, "conflict"),
        "{plan}"
    );
    assert!(
        plan["students"][0]["errors"]
            .to_string()
            .contains("write 'user1'"),
        "{plan}"
    );
    assert_eq!(day.everything().await, stacks_of(&STUDENTS));
    day.cloud.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_teardown_cut_off_and_run_again_keeps_the_good_final_report() {
    let day = Day::begin_behind_proxy(&STUDENTS).await.worked().await;
    // A selection's last reading is kept, and the class's files are not a selection's.
    assert_eq!(day.run(&["report"]).status.code(), Some(0));
    let report = day.file("report.json");
    let model = || day.between.as_ref().unwrap().model();
    let refused = || Fault::Error {
        status: 403,
        code: "AccessDeniedException",
        message: "not now",
    };
    model().inject(Rule::on("iam:DeleteRole").fault(refused()));
    let (code, cut_off) = day.json(&[TEARDOWN, &["--students", "user1"]].concat());
    model().heal();
    assert_eq!(code, 5, "{cut_off}");
    assert_eq!(day.file("report.json"), report);
    assert!(!day.file("selection-gradebook.csv").is_empty());
    let (_, status) = day.json(&["status"]);
    assert_eq!(outcomes(&status)[0].1, "broken", "{status}");

    let (code, removed) = day.json(TEARDOWN);
    assert_eq!(code, 0, "{removed}");
    assert_eq!(day.everything().await, Vec::<String>::new());
    assert_eq!(day.points(), ["45", "0"]);
    assert_eq!(day.run(&["report"]).status.code(), Some(0));
    assert_eq!(day.points(), ["45", "0"]);
    assert_eq!(day.report_json()["students"][0]["status"], "in-progress");
    day.cloud.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_student_deletes_or_nobody_may_read_takes_no_grade_away() {
    let day = Day::begin_behind_proxy(&STUDENTS).await.worked().await;
    assert_eq!(day.run(&["report"]).status.code(), Some(0));
    let model = || day.between.as_ref().unwrap().model();
    let refused = || Fault::Error {
        status: 403,
        code: "AccessDeniedException",
        message: "not for you",
    };
    model().inject(Rule::on("states:ListExecutions").fault(refused()));
    let (code, status) = day.json(&["status"]);
    assert_eq!(code, 1, "not everything could be read: {status}");
    // The gaps are said, and the teardown goes on with what is known.
    let (code, removed) = day.json(&[TEARDOWN, &["--students", "user2"]].concat());
    model().heal();
    assert_eq!(code, 0, "{removed}");
    let notes = removed["notes"].to_string();
    assert!(
        notes.contains("LAST READING HAS GAPS") && notes.contains("user2"),
        "{notes}"
    );

    let cloud = day.witness().await;
    cloud.delete_state_machine(&machine("user1")).await.unwrap();
    let report = day.run(&["report"]);
    assert_eq!(report.status.code(), Some(0), "{}", said(&report));
    assert_eq!(day.points(), ["45", "0"]);
    assert_eq!(day.report_json()["students"][0]["status"], "broken");
    assert!(!day.gradebook()["user1"].1.is_empty(), "with its time");

    // The machine comes back in the same stack: what was done counts.
    assert_eq!(day.json(&["deploy", "--students", "user1"]).0, 0);
    assert_eq!(day.run(&["report"]).status.code(), Some(0));
    assert_eq!(day.points(), ["45", "0"]);
    assert_eq!(day.report_json()["students"][0]["status"], "in-progress");
    day.cloud.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_names_the_other_account_of_which_readings_are_kept() {
    let day = Day::begin(&["user1"]).await;
    assert_eq!(day.json(&["deploy"]).0, 0);
    let noted = || {
        let (code, report) = day.json(&["report"]);
        assert_eq!(code, 0, "{report}");
        report["notes"]
            .to_string()
            .contains("also keeps readings of account 111122223333, us-east-1")
    };
    assert!(!noted());
    // What a report of a class of that name in another account leaves.
    let folder = day.folder.path().join("reports/demo");
    let name = |account: &str| folder.join(format!("last-readings-{account}-us-east-1-lab6.json"));
    let (here, other) = ("000000000000", "111122223333");
    let readings = std::fs::read_to_string(name(here)).unwrap();
    std::fs::write(name(other), readings.replace(here, other)).unwrap();
    assert!(noted());
    assert_eq!(day.report_json()["account"]["id"], here);
    day.cloud.stop().await.unwrap();
}
