//! `check`: students ask for themselves, with their own keys, where IAM is enforced.

use homeroom::aws::ApiRequest;
use homeroom::stack::credentials::AccessKey;
use homeroom::stack::kinds::api::Authorization;
use homeroom::stack::kinds::http_api::STAGE;
use secrecy::ExposeSecret;
use serde_json::json;

use super::access::{ENFORCED, machine};
use super::*;

/// All that a student's own look may ask.
const READS: [&str; 12] = [
    "sts:GetCallerIdentity",
    "lambda:GetFunction",
    "lambda:GetPolicy",
    "states:DescribeStateMachine",
    "states:ListTagsForResource",
    "states:ListExecutions",
    "states:DescribeExecution",
    "states:GetExecutionHistory",
    "apigateway:GetStages",
    "apigatewayv2:GetStages",
    "logs:DescribeLogGroups",
    "logs:FilterLogEvents",
];

impl Day {
    /// `check` with a key, in a folder that has nothing of the class.
    fn check(&self, key: (&str, &str), words: &[&str]) -> Output {
        let elsewhere = self.folder.path().join("elsewhere");
        std::fs::create_dir_all(&elsewhere).unwrap();
        let mut command = self.command(&[&["check"], words].concat());
        command
            .env("AWS_ACCESS_KEY_ID", key.0)
            .env("AWS_SECRET_ACCESS_KEY", key.1)
            .current_dir(elsewhere);
        command.output().unwrap()
    }

    fn check_as(&self, student: &str, words: &[&str]) -> Output {
        let key: AccessKey = self.credentials(student).access_key.unwrap();
        self.check((&key.id, key.secret.expose_secret()), words)
    }

    /// Exit code and document of a student's own look; what it asked is no more than it may.
    fn asked_by(&self, student: &str) -> (i32, Value) {
        let output = self.check_as(student, &["--output", "json", "--log-file", "calls.log"]);
        let document: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
        json_schemas::check(&document);
        for operation in document["api_calls"].as_object().unwrap().keys() {
            assert!(READS.contains(&operation.as_str()), "{operation}");
        }
        // A student's policy allows nothing on a neighbour's stack, so whatever was denied would be that.
        let log = std::fs::read_to_string(self.folder.path().join("elsewhere/calls.log")).unwrap();
        assert!(log.contains("ListExecutions"), "{log}");
        assert!(!log.contains("AccessDenied"), "{log}");
        (output.status.code().unwrap(), document)
    }

    /// The id of a student's API of any type, and its stage.
    async fn api_of(&self, student: &str) -> (String, &'static str) {
        let (cloud, name) = (self.witness().await, format!("{student}-workflow-api"));
        let http = all(|token| cloud.http_apis_page(token)).await;
        match http.into_iter().find(|(api, _)| api.name == name) {
            Some((api, _)) => (api.id, STAGE),
            None => (self.api_ids().await[&name].clone(), "prod"),
        }
    }

    /// Posts to a student's API as the student, and starts an execution by hand for each input with a name.
    async fn work_as(&self, student: &str, posted: &[&str], by_hand: &[(&str, &str)]) {
        let cloud = self.as_student(student).await;
        let input = |data: &str| match data {
            "" => json!({ "userId": "", "dataType": "" }).to_string(),
            data => json!({ "userId": student, "dataType": data }).to_string(),
        };
        let (api, stage) = self.api_of(student).await;
        for data in posted {
            let (body, open) = (input(data), Authorization::None);
            let answer = cloud.invoke_api(ApiRequest {
                api_id: &api,
                stage,
                method: "POST",
                path: "/process",
                body: &body,
                authorization: open,
                agent: "curl/8",
            });
            assert_eq!(answer.await.unwrap().status, 202);
        }
        let arn = machine(student);
        for (name, data) in by_hand {
            let started = cloud.start_execution(&arn, name, &input(data)).await;
            started.unwrap();
        }
        let listed = || all(|token| cloud.executions_page(&arn, false, token));
        while !listed().await.iter().all(|one| one.status.is_final()) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// The instructor's reading of one student, once nothing in it waits for log events any more.
    async fn settled_status(&self, student: &str, points: f64) -> Value {
        for _ in 0..100 {
            let (_, status) = self.json(&["status", "--students", student]);
            let student = status["students"][0].clone();
            if own_tasks(&student).iter().map(|task| task.3).sum::<f64>() >= points {
                return student;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("the log events do not come");
    }
}

/// Id, verdict, parts and points of the student's own tasks.
fn own_tasks(student: &Value) -> Vec<(String, String, Value, f64)> {
    let checks = student["checks"].as_array().unwrap().iter();
    let own = checks.filter(|check| check["work"] == "student");
    own.map(|check| {
        let text = |key: &str| check[key].as_str().unwrap().to_owned();
        let earned = check["earned"].as_f64().unwrap();
        (text("id"), text("verdict"), check["parts"].clone(), earned)
    })
    .collect()
}

fn said(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_students_own_look_agrees_with_the_instructors_status() {
    let day = Day::begin_with(&["user1", "user10"], ENFORCED).await;
    // The student's folder does not have these, and nothing may depend on chance.
    let settings = "[settings]\nsuccess_rate = 1.0\nlog_retention_days = 14\n";
    std::fs::write(day.folder.path().join("homeroom.toml"), settings).unwrap();
    assert_eq!(day.json(&["deploy"]).0, 0);
    assert_eq!(day.json(&["access", "grant", "--access-keys"]).0, 0);
    let (code, fresh) = day.asked_by("user1");
    assert_eq!(
        (code, &fresh["status"]),
        (0, &"not-started".into()),
        "{fresh}"
    );
    assert_eq!(fresh["notes"], json!([]), "nothing unclear is there yet");
    let (code, validated) = day.json(&["validate"]);
    assert_eq!(code, 0, "{validated}");

    let by_hand = [
        ("console-test-1", "sales_data"),
        ("console-test-2", "sales"),
    ];
    day.work_as("user1", &["sales_data", "inventory"], &by_hand)
        .await;
    let seen = day.settled_status("user1", 60.0).await;
    let (code, own) = day.asked_by("user1");
    assert_eq!((code, &own["status"]), (0, &"in-progress".into()), "{own}");
    assert_eq!(own_tasks(&own), own_tasks(&seen));
    assert_eq!(own["points"], 60);
    assert_eq!(
        (&own["username"], &own["class"]),
        (&"user1".into(), &"demo".into())
    );
    let next = own["next"].as_str().unwrap();
    assert!(
        next.starts_with("POST the sales, customer and inventory"),
        "{next}"
    );
    let unclear = own["notes"][0].as_str().unwrap();
    assert!(unclear.contains("your instructor's tests"), "{unclear}");
    assert!(own["outputs"].to_string().contains("/process"), "{own}");

    let text = day.check_as("user1", &[]);
    let shown = said(&text.stdout);
    for words in [
        "◐ 1 of 3",
        "none yet for customer_data, inventory_data",
        "Next: POST the sales",
        "ProcessData failed with InvalidRequest",
        "Your instructor's reading is the one that counts.",
    ] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    assert!(!shown.contains("user10") && !own.to_string().contains("user10"));

    // A neighbour whose name begins alike has done nothing.
    let (code, other) = day.asked_by("user10");
    assert_eq!(
        (code, &other["status"]),
        (0, &"not-started".into()),
        "{other}"
    );
    // The same mistake twice: the lab's sentence about it is said to the student, too.
    day.work_as("user10", &["inventory", "inventory"], &[])
        .await;
    let (_, stuck) = day.asked_by("user10");
    assert_eq!(stuck["trouble"]["reason"], "repeated-failure", "{stuck}");
    let shown = said(&day.check_as("user10", &[]).stdout);
    let sentence = "Now: Look at dataType in your input: there is no \"inventory\"";
    assert!(shown.contains(sentence), "{shown}");

    day.work_as("user1", &["customer_data", "inventory_data", ""], &[])
        .await;
    let seen = day.settled_status("user1", 100.0).await;
    let (code, own) = day.asked_by("user1");
    assert_eq!((code, &own["status"]), (0, &"complete".into()), "{own}");
    assert_eq!(own_tasks(&own), own_tasks(&seen));
    assert_eq!(
        (&own["next"], &own["trouble"]),
        (&Value::Null, &Value::Null)
    );

    // What the student changed shows as the student's, and the tasks stay as the instructor sees them.
    let cloud = day.as_student("user1").await;
    let code = access::zip_of("def lambda_handler(event, context):\n    return {}\n");
    cloud
        .update_function_code("user1-process-data", &code)
        .await
        .unwrap();
    let (_, status) = day.json(&["status", "--students", "user1"]);
    let (code, own) = day.asked_by("user1");
    assert_eq!(code, 0, "{own}");
    assert_eq!(own_tasks(&own), own_tasks(&status["students"][0]));
    assert_eq!(
        own["changes"][0]["resource"],
        "Lambda function user1-process-data"
    );
    day.cloud.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_students_own_look_finds_an_http_api_though_only_the_class_says_so() {
    let day = Day::begin_with(&["user1"], ENFORCED).await;
    let settings = "[settings]\nsuccess_rate = 1.0\napi_type = \"HTTP\"\n";
    std::fs::write(day.folder.path().join("homeroom.toml"), settings).unwrap();
    assert_eq!(day.json(&["deploy"]).0, 0);
    assert_eq!(day.json(&["access", "grant", "--access-keys"]).0, 0);
    let posted = ["sales_data", "customer_data", "inventory_data", ""];
    day.work_as("user1", &posted, &[]).await;
    let seen = day.settled_status("user1", 75.0).await;
    let (code, own) = day.asked_by("user1");
    assert_eq!(code, 0, "{own}");
    assert_eq!(own_tasks(&own), own_tasks(&seen));
    assert_eq!((&own["notes"], &own["changes"]), (&json!([]), &json!([])));
    let (api, _) = day.api_of("user1").await;
    let outputs = own["outputs"].to_string();
    assert!(
        outputs.contains(&api) && outputs.contains("/process") && !outputs.contains("prod"),
        "{outputs}"
    );
    let shown = said(&day.check_as("user1", &[]).stdout);
    assert!(!shown.contains("REST"), "{shown}");
    day.cloud.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_no_students_is_told_so_in_one_sentence() {
    let day = Day::begin_with(&["user1"], ENFORCED).await;
    assert_eq!(day.json(&["deploy"]).0, 0);
    assert_eq!(day.json(&["access", "grant", "--access-keys"]).0, 0);
    let admin = day.witness().await;
    let all = "arn:aws:iam::aws:policy/AdministratorAccess";
    admin
        .create_user("teacher", "/", all, &Default::default())
        .await
        .unwrap();
    let teacher: AccessKey = admin.create_access_key("teacher").await.unwrap();
    let student: AccessKey = day.credentials("user1").access_key.unwrap();
    let (root, endpoint) = (day.cloud.endpoint(), day.url());
    let refused = |key: (&str, &str), words: &[&str], code: i32, sentence: &str| {
        let output = day.check(key, words);
        let text = said(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{text}");
        assert!(text.contains(sentence), "{sentence}: {text}");
        assert_eq!(said(&output.stdout), "", "{endpoint}");
    };
    let secret = student.secret.expose_secret();
    refused((&root.access_key, &root.secret_key), &[], 1, "root user");
    let key = (teacher.id.as_str(), teacher.secret.expose_secret());
    refused(key, &[], 1, "IAM user teacher, who is no student");
    let nobody = (
        "AKIAIOSFODNN7EXAMPLE",
        "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    );
    refused(nobody, &[], 1, "does not know this access key");
    refused(
        (&student.id, "another"),
        &[],
        1,
        "does not belong to this access key ID",
    );
    let own = (student.id.as_str(), secret);
    refused(own, &["--account", "999999999999"], 7, "999999999999 only");
    let mini = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/labs/mini");
    refused(own, &["--lab", mini], 1, "name its folder with --lab");
    assert_eq!(day.json(&["access", "freeze"]).0, 0);
    refused(own, &[], 1, "your access is shut at the moment");
    assert_eq!(day.json(&["access", "revoke", "--confirm", "demo"]).0, 0);
    refused(own, &[], 1, "does not know this access key");
    day.cloud.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edited_lab_of_the_same_id_is_told_by_its_code() {
    let day = Day::begin_with(&["user1"], ENFORCED).await;
    let edited = day.folder.path().join("edited");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for part in ["templates", "lambdas"] {
        copy(&root.join(part), &edited.join(part));
    }
    let code = edited.join("lambdas/process_data/lambda_function.py");
    let text = std::fs::read_to_string(&code).unwrap();
    std::fs::write(&code, text + "\n# ours\n").unwrap();
    let edited = edited.to_str().unwrap();
    assert_eq!(day.json(&["deploy", "--lab", edited]).0, 0);
    let granted = day.json(&["access", "grant", "--access-keys", "--lab", edited]);
    assert_eq!(granted.0, 0);
    let asked = |words: &[&str]| {
        let output = day.check_as("user1", &[words, &["--output", "json"]].concat());
        let document: Value = serde_json::from_slice(&output.stdout).unwrap();
        (output.status.code(), document["notes"].to_string())
    };
    let (code, notes) = asked(&[]);
    assert_eq!(code, Some(0), "{notes}");
    assert!(
        notes.contains("user1-process-data differs") && notes.contains("--lab DIR"),
        "{notes}"
    );
    assert_eq!(asked(&["--lab", edited]), (Some(0), "[]".to_owned()));
    day.cloud.stop().await.unwrap();
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        match path.is_dir() {
            true => copy(&path, &target),
            false => drop(std::fs::copy(&path, &target).unwrap()),
        }
    }
}
