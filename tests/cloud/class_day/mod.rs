//! A class day end to end: the binary against the embedded cloud, with real Lambda code, beside bystanders.
//! Each test has a cloud of its own and looks at it through an independent client.

mod access;
mod check;
mod disk;
mod grades;
mod half_states;
mod handout;
mod http_api;
mod interrupts;
mod json;
mod kills;
mod labs;
mod left;
mod places;
mod push;
mod rehearsal;
mod shipped;
mod stuck;
mod sweep;
mod together;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use homeroom::aws::{
    CallResult, Client, ConnectOptions, NewStateMachine, Page, Principal, connect,
};
use homeroom::local::{Dirs, LocalCloud, PrivateCloud, PrivateOptions};
use homeroom::strict::{Options, Proxy};
use serde_json::Value;

use crate::json_schemas;
use tempfile::TempDir;

/// A cloud, a folder with a roster, and the binary.
struct Day {
    cloud: PrivateCloud,
    /// What stands between the binary and the cloud, if anything does.
    between: Option<Proxy>,
    folder: TempDir,
}

impl Day {
    async fn begin(students: &[&str]) -> Self {
        Self::begin_with(students, PrivateOptions::default()).await
    }

    async fn begin_with(students: &[&str], options: PrivateOptions) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("cloud");
        std::fs::create_dir_all(&state).unwrap();
        let dirs = Dirs {
            cache: Path::new(env!("CARGO_TARGET_TMPDIR")).join("cloud-cache"),
            state,
            python: None,
            path: std::env::var_os("PATH").unwrap(),
        };
        let cloud = LocalCloud::new(dirs)
            .start_private(options, &mut |_| {})
            .await
            .unwrap();
        let day = Self {
            cloud,
            between: None,
            folder,
        };
        day.enrol(students);
        day
    }

    /// The same behind a proxy that can make calls fail or wait, and is otherwise as fast as the cloud.
    async fn begin_behind_proxy(students: &[&str]) -> Self {
        let mut day = Self::begin(students).await;
        let options = Options {
            quotas: false,
            scale: 1000.0,
            ..Options::default()
        };
        let upstream = &day.cloud.endpoint().url;
        day.between = Some(Proxy::start(upstream, options).await.unwrap());
        day
    }

    fn url(&self) -> String {
        let direct = || self.cloud.endpoint().url.clone();
        self.between.as_ref().map_or_else(direct, Proxy::url)
    }

    /// Writes the roster.
    fn enrol(&self, students: &[&str]) {
        let roster = format!("username\n{}\n", students.join("\n"));
        std::fs::write(self.folder.path().join("demo.csv"), roster).unwrap();
    }

    fn command(&self, words: &[&str]) -> Command {
        self.command_with("demo.csv", words)
    }

    /// The same with another roster.
    fn command_with(&self, roster: &str, words: &[&str]) -> Command {
        let endpoint = self.cloud.endpoint();
        let mut command = Command::new(env!("CARGO_BIN_EXE_homeroom"));
        // Nothing of whoever runs the tests may decide anything.
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("AWS_ACCESS_KEY_ID", &endpoint.access_key)
            .env("AWS_SECRET_ACCESS_KEY", &endpoint.secret_key)
            .env("HOMEROOM_REGION", "us-east-1")
            .env("AWS_CONFIG_FILE", "/nonexistent")
            .env("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
            .current_dir(self.folder.path())
            .args(["--roster", roster, "--quota-scale", "off"])
            .args([
                "--endpoint-url",
                &self.url(),
                "--invoke-base",
                &endpoint.invoke_base,
            ])
            .args(words)
            .stdin(Stdio::null());
        command
    }

    fn run(&self, words: &[&str]) -> Output {
        self.command(words).output().unwrap()
    }

    /// Runs a verb; its exit code and its one JSON document.
    fn json(&self, words: &[&str]) -> (i32, Value) {
        let output = self.run(&[words, &["--output", "json"]].concat());
        let document: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
            panic!(
                "{words:?}: {error}\n{}\n{}",
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr)
            )
        });
        json_schemas::check(&document);
        (output.status.code().unwrap(), document)
    }

    /// The dated document that a teardown wrote.
    fn final_report(&self, teardown: &Value) -> Value {
        let files = teardown["files"].as_array().unwrap().iter();
        let mut files = files.map(|file| file.as_str().unwrap());
        let dated = files.find(|file| file.contains("history")).unwrap();
        let bytes = std::fs::read(self.folder.path().join(dated)).unwrap();
        let document = serde_json::from_slice(&bytes).unwrap();
        json_schemas::check(&document);
        document
    }

    fn spawn(&self, words: &[&str]) -> Child {
        self.command(words)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }

    async fn witness(&self) -> Client {
        let endpoint = self.cloud.endpoint();
        connect(ConnectOptions {
            region: "us-east-1".into(),
            endpoint_url: Some(endpoint.url.clone()),
            invoke_base: Some(endpoint.invoke_base.clone()),
            credentials: Some((endpoint.access_key.clone(), endpoint.secret_key.clone())),
            ..ConnectOptions::default()
        })
        .await
    }

    /// Names of everything in the cloud, each as often as it is there, by plain listings.
    async fn everything(&self) -> Vec<String> {
        let cloud = &self.witness().await;
        let mut names = Vec::new();
        names.extend(
            all(|t| cloud.principals_page(t))
                .await
                .into_iter()
                .filter_map(|principal| match principal {
                    Principal::Role(role) => Some(role.name),
                    _ => None,
                }),
        );
        names.extend(
            all(|t| cloud.functions_page(t))
                .await
                .into_iter()
                .map(|f| f.name),
        );
        names.extend(
            all(|t| cloud.state_machines_page(t))
                .await
                .into_iter()
                .map(|m| m.name),
        );
        names.extend(
            all(|t| cloud.rest_apis_page(t))
                .await
                .into_iter()
                .map(|(a, _)| a.name),
        );
        names.extend(
            all(|t| cloud.http_apis_page(t))
                .await
                .into_iter()
                .map(|(a, _)| a.name),
        );
        names.extend(
            all(|t| cloud.log_groups_page("/", t))
                .await
                .into_iter()
                .map(|g| g.name),
        );
        names.sort();
        names
    }
}

async fn all<T, F: Future<Output = CallResult<Page<T>>>>(
    page: impl Fn(Option<String>) -> F,
) -> Vec<T> {
    let mut items = Vec::new();
    let mut token = None;
    loop {
        let listed = page(token).await.unwrap();
        items.extend(listed.items);
        token = listed.next;
        if token.is_none() {
            return items;
        }
    }
}

fn outcomes(document: &Value) -> Vec<(String, String)> {
    let students = document["students"].as_array().unwrap().iter();
    students
        .map(|s| {
            let text = |key: &str| s[key].as_str().unwrap().to_owned();
            (text("username"), text("outcome"))
        })
        .collect()
}

fn all_are(document: &Value, outcome: &str) -> bool {
    outcomes(document).iter().all(|(_, o)| o == outcome)
}

/// The eleven resources of one student.
fn stack_of(username: &str) -> Vec<String> {
    let mut names: Vec<String> = [
        "worker-role",
        "trigger-role",
        "workflow-role",
        "simple-workflow",
        "workflow-api",
    ]
    .iter()
    .map(|suffix| format!("{username}-{suffix}"))
    .collect();
    for function in ["process-data", "send-notification", "trigger-workflow"] {
        names.push(format!("{username}-{function}"));
        names.push(format!("/aws/lambda/{username}-{function}"));
    }
    names
}

fn stacks_of(usernames: &[&str]) -> Vec<String> {
    let mut names: Vec<String> = usernames.iter().flat_map(|u| stack_of(u)).collect();
    names.sort();
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn a_class_day_from_the_first_plan_to_the_empty_cloud() {
    let day = Day::begin(&["user1", "user2"]).await;

    let (code, plan) = day.json(&["plan", "--exit-code"]);
    assert_eq!((code, all_are(&plan, "changes")), (6, true));
    assert_eq!(
        day.everything().await,
        Vec::<String>::new(),
        "plan changes nothing"
    );

    let (code, deployed) = day.json(&["deploy"]);
    assert_eq!(
        (code, all_are(&deployed, "deployed")),
        (0, true),
        "{deployed}"
    );
    assert_eq!(day.everything().await, stacks_of(&["user1", "user2"]));

    let (code, plan) = day.json(&["plan", "--exit-code"]);
    assert_eq!((code, all_are(&plan, "no-change")), (0, true));
    let calls: u64 = plan["api_calls"]
        .as_object()
        .unwrap()
        .values()
        .map(|v| v.as_u64().unwrap())
        .sum();
    assert!(calls <= 2 * 2 + 7, "{}", plan["api_calls"]);

    let (code, validated) = day.json(&["validate"]);
    assert_eq!(
        (code, all_are(&validated, "passed")),
        (0, true),
        "{validated}"
    );

    let (code, status) = day.json(&["status"]);
    assert_eq!(
        (code, all_are(&status, "not-started")),
        (0, true),
        "validation is not a student's work"
    );

    let report = day.run(&["report"]);
    assert_eq!(report.status.code(), Some(0));
    let page = std::fs::read_to_string(day.folder.path().join("reports/demo/report.html")).unwrap();
    assert!(page.contains("user1") && page.contains("user2"));
    let health = "2 of 2 stacks passed validation";
    assert!(
        page.contains(health),
        "the report knows the last validation"
    );

    let unconfirmed = day.run(&["teardown"]);
    assert_eq!(unconfirmed.status.code(), Some(7));
    assert_eq!(day.everything().await, stacks_of(&["user1", "user2"]));
    assert_eq!(
        day.run(&["teardown", "--confirm", "other"]).status.code(),
        Some(7)
    );

    let (code, removed) = day.json(&["teardown", "--confirm", "demo"]);
    assert_eq!((code, all_are(&removed, "removed")), (0, true), "{removed}");
    assert_eq!(day.everything().await, Vec::<String>::new());
    let (code, absent) = day.json(&["teardown", "--confirm", "demo"]);
    assert_eq!((code, all_are(&absent, "absent")), (0, true));
    day.cloud.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_students_and_others_made_survives_deployments_and_teardowns() {
    let day = Day::begin(&["user1", "user2"]).await;
    let cloud = day.witness().await;
    // Bystanders: a name that begins like a student's, and an old log group that bears one of our names.
    let others = [
        "/aws/lambda/user10-process-data",
        "/aws/lambda/user2-process-data",
    ];
    for group in others {
        cloud
            .create_log_group(group, &Default::default())
            .await
            .unwrap();
    }
    let (code, deployed) = day.json(&["deploy"]);
    assert_eq!(code, 3);
    assert_eq!(
        outcomes(&deployed),
        [
            ("user1".into(), "deployed".into()),
            ("user2".into(), "conflict".into())
        ]
    );
    assert!(deployed["students"][1]["errors"][0]["hint"].is_string());

    // user1 edits their workflow and their function.
    let machine = "arn:aws:states:us-east-1:000000000000:stateMachine:user1-simple-workflow";
    let detail = cloud.describe_state_machine(machine).await.unwrap();
    let edited = detail
        .definition
        .replace("\"StartAt\"", "\"TimeoutSeconds\": 99, \"StartAt\"");
    cloud
        .update_state_machine(
            machine,
            &NewStateMachine {
                name: "user1-simple-workflow",
                workflow_type: homeroom::stack::kinds::state_machine::WorkflowType::Standard,
                role_arn: detail.role_arn,
                definition: edited.clone(),
                tags: Default::default(),
            },
            &[],
        )
        .await
        .unwrap();
    let (code, again) = day.json(&["deploy", "--students", "user1"]);
    assert_eq!((code, all_are(&again, "unchanged")), (0, true));
    let kept = cloud.describe_state_machine(machine).await.unwrap();
    assert_eq!(kept.definition, edited, "the student's work is kept");
    let (_, plan) = day.json(&["plan", "--students", "user1"]);
    assert!(plan.to_string().contains("\"keep\""), "{plan}");

    assert_eq!(
        day.run(&["deploy", "--reset"]).status.code(),
        Some(2),
        "reset needs students"
    );
    let (code, _) = day.json(&["deploy", "--reset", "--students", "user1"]);
    assert_eq!(code, 0);
    let reset = cloud.describe_state_machine(machine).await.unwrap();
    assert!(!reset.definition.contains("TimeoutSeconds\": 99"));

    let (code, _) = day.json(&["teardown", "--confirm", "demo"]);
    assert_eq!(code, 0, "what is foreign does not count as remaining");
    assert_eq!(day.everything().await, others);
    day.cloud.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_killed_at_any_moment_and_run_again_ends_with_one_of_each() {
    let students = ["user1", "user2", "user3"];
    let day = Day::begin(&students).await;
    // The whole deployment takes well under a second here: kills are spread over it.
    for moment in (0..12).map(|i| Duration::from_millis(40 + 45 * i)) {
        let mut child = day.spawn(&["deploy"]);
        std::thread::sleep(moment);
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let (code, deployed) = day.json(&["deploy"]);
    assert_eq!(code, 0, "{deployed}");
    assert_eq!(day.everything().await, stacks_of(&students));
    assert_eq!(day.json(&["plan", "--exit-code"]).0, 0);
    for moment in (0..6).map(|i| Duration::from_millis(60 + 60 * i)) {
        let mut child = day.spawn(&["teardown", "--confirm", "demo"]);
        std::thread::sleep(moment);
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert_eq!(day.json(&["teardown", "--confirm", "demo"]).0, 0);
    assert_eq!(day.everything().await, Vec::<String>::new());
    day.cloud.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_teardown_also_takes_students_who_left_the_roster() {
    let day = Day::begin(&["user1", "user2"]).await;
    assert_eq!(day.json(&["deploy"]).0, 0);
    day.enrol(&["user1"]);
    let (code, removed) = day.json(&["teardown", "--confirm", "demo"]);
    assert_eq!(code, 0);
    let read = day.final_report(&removed);
    assert_eq!(read["students"].as_array().unwrap().len(), 1);
    assert_eq!(read["left"][0]["username"], "user2");
    let reading = &read["left"][0]["reading"];
    assert_eq!(
        (&reading["points"], &reading["status"]),
        (&0.into(), &"not-started".into())
    );
    let names: BTreeSet<String> = outcomes(&removed)
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert_eq!(
        names,
        BTreeSet::from(["user1".to_owned(), "user2".to_owned()])
    );
    assert_eq!(day.everything().await, Vec::<String>::new());

    // Everybody came back under another name.
    assert_eq!(day.json(&["deploy"]).0, 0);
    day.enrol(&["student1"]);
    let (code, removed) = day.json(&["teardown", "--confirm", "demo"]);
    assert_eq!(code, 0);
    let read = day.final_report(&removed);
    let row = &read["students"][0];
    assert_eq!(
        (&row["username"], &row["points"]),
        (&"user1".into(), &0.into())
    );
    let gradebook = std::fs::read_to_string(day.folder.path().join("reports/demo/gradebook.csv"));
    assert!(gradebook.unwrap().contains("user1"), "what is known stays");

    day.cloud.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_teardown_proposes_nothing_and_is_about_the_chosen_alone() {
    let day = Day::begin(&["user1", "user2"]).await;
    assert_eq!(day.json(&["deploy"]).0, 0);
    let refused = day
        .command(&["teardown"])
        .env("HOMEROOM_STUDENTS", "user2")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&refused.stdout).into_owned();
    assert_eq!(refused.status.code(), Some(7));
    assert!(text.contains("1 student in class demo"), "{text}");
    assert!(text.contains("nothing was deleted"), "{text}");
    assert!(
        !text.contains("next:") && !text.contains("--confirm demo"),
        "{text}"
    );
    assert_eq!(
        day.json(&["teardown", "--confirm", "demo", "--students", "user2"])
            .0,
        0
    );
    assert_eq!(day.everything().await, stacks_of(&["user1"]));
    day.cloud.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn another_lab_deploys_by_the_same_code() {
    let day = Day::begin(&["user1"]).await;
    let lab = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/labs/mini");
    let (code, deployed) = day.json(&["--lab", lab, "deploy"]);
    assert_eq!(code, 0, "{deployed}");
    let there = day.everything().await;
    assert!(
        !there.is_empty() && there.iter().all(|name| !name.contains("process-data")),
        "{there:?}"
    );
    assert_eq!(day.json(&["--lab", lab, "plan", "--exit-code"]).0, 0);
    let (code, validated) = day.json(&["--lab", lab, "validate"]);
    assert_eq!(code, 0, "{validated}");
    assert_eq!(
        day.json(&["--lab", lab, "teardown", "--confirm", "demo"]).0,
        0
    );
    assert_eq!(day.everything().await, Vec::<String>::new());
    day.cloud.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_independent_client_sees_what_the_teardown_claims() {
    let day = Day::begin(&["user1"]).await;
    assert_eq!(day.json(&["deploy"]).0, 0);
    assert_eq!(day.json(&["teardown", "--confirm", "demo"]).0, 0);
    // The AWS CLI where there is one; the other tests' plain listings stand in elsewhere.
    let listed = |service: &str, operation: &str| {
        let output = Command::new("aws")
            .args([service, operation, "--output", "text"])
            .args([
                "--endpoint-url",
                &day.cloud.endpoint().url,
                "--region",
                "us-east-1",
            ])
            .env("AWS_ACCESS_KEY_ID", &day.cloud.endpoint().access_key)
            .env("AWS_SECRET_ACCESS_KEY", &day.cloud.endpoint().secret_key)
            .output();
        output.ok().map(|o| {
            assert!(o.status.success(), "{}", String::from_utf8_lossy(&o.stderr));
            String::from_utf8_lossy(&o.stdout).into_owned()
        })
    };
    for (service, operation) in [
        ("iam", "list-roles"),
        ("lambda", "list-functions"),
        ("stepfunctions", "list-state-machines"),
        ("apigateway", "get-rest-apis"),
        ("logs", "describe-log-groups"),
    ] {
        if let Some(text) = listed(service, operation) {
            assert!(!text.contains("user1"), "{service} {operation}: {text}");
        }
    }
    assert_eq!(day.everything().await, Vec::<String>::new());
    day.cloud.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_wrong_account_is_refused_and_nobody_selected_is_said() {
    let day = Day::begin(&["user1"]).await;
    let (code, document) = day.json(&["deploy", "--account", "999999999999"]);
    assert_eq!(code, 7);
    assert!(
        document["errors"][0]["cause"]
            .as_str()
            .unwrap()
            .contains("999999999999")
    );
    assert_eq!(day.json(&["deploy", "--students", "nobody"]).0, 4);
    assert_eq!(day.everything().await, Vec::<String>::new());
    day.cloud.stop().await.unwrap();
}
