use std::collections::BTreeSet;
use std::fs;

use serde_json::{Value, json};

use crate::ids::{ClassName, Scope};
use crate::lab::bundle::*;
use crate::lab::check::{Credit, Proof, Work};
use crate::lab::{ProbeRequest, StudentAccess};
use crate::roster::Student;
use crate::stack::kinds::Stack;
use crate::stack::kinds::api::ApiEndpoint;

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn scope() -> Scope {
    Scope {
        partition: "aws".into(),
        account: "123456789012".into(),
        region: "us-east-1".into(),
    }
}

fn class() -> ClassName {
    "spring".parse().unwrap()
}

fn student(username: &str) -> Student {
    Student {
        username: username.parse().unwrap(),
        name: None,
        email: None,
        section: None,
        extra: Vec::new(),
        due: None,
        place: None,
    }
}

fn stack(lab: &Lab, username: &str) -> Stack {
    lab.desired(&scope(), &class(), &[student(username)])
        .unwrap()
        .stacks
        .remove(0)
}

#[test]
fn the_built_in_lab_is_the_one_in_the_repository() {
    let (built_in, on_disk) = (
        built_in(),
        folder::read(repository(), Limits::BUNDLE).unwrap(),
    );
    let names = |files: &Files| files.keys().cloned().collect::<BTreeSet<_>>();
    assert_eq!(
        names(&built_in),
        names(&on_disk),
        "a new file: touch src/lab/bundle.rs and build again"
    );
    assert_eq!(built_in, on_disk);
}

#[test]
fn tests_and_caches_are_not_part_of_a_bundle() {
    let files = built_in();
    assert!(files.contains_key("lambdas/process_data/lambda_function.py"));
    assert!(
        !files
            .keys()
            .any(|path| path.contains("test") || path.contains("__pycache__")),
        "{:?}",
        files.keys()
    );
}

#[test]
fn a_folder_that_holds_no_lab_is_refused_with_a_hint() {
    let empty = tempfile::tempdir().unwrap();
    let error = load(Some(empty.path())).unwrap_err();
    assert_eq!(error.exit, crate::error::Exit::Invalid);
    assert!(
        error.to_string().contains("holds no templates/lab.toml"),
        "{error}"
    );
    assert!(error.failures[0].hint.is_some());
}

#[test]
fn what_is_wrong_with_a_lab_is_of_the_kind_invalid() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("templates")).unwrap();
    fs::write(dir.path().join(MANIFEST), "[lab]\nid = 5\n").unwrap();
    let error = load(Some(dir.path())).unwrap_err();
    assert_eq!(error.exit, crate::error::Exit::Invalid);
    assert!(error.to_string().contains("lab.toml"), "{error}");
}

#[test]
fn lab_6_gives_a_student_its_stack() {
    let lab = load(Some(repository())).unwrap();
    let stack = stack(&lab, "user1");
    let names: Vec<_> = stack
        .resource_ids()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        names,
        [
            "IAM role user1-worker-role",
            "IAM role user1-trigger-role",
            "IAM role user1-workflow-role",
            "log group /aws/lambda/user1-process-data",
            "log group /aws/lambda/user1-send-notification",
            "log group /aws/lambda/user1-trigger-workflow",
            "Lambda function user1-process-data",
            "Lambda function user1-send-notification",
            "Lambda function user1-trigger-workflow",
            "state machine user1-simple-workflow",
            "REST API user1-workflow-api",
            "IAM policy user1-roles@1ab118971d80cb5d",
        ]
    );
    assert!(
        stack
            .log_groups
            .iter()
            .all(|group| group.retention_days == 7)
    );
    assert!(
        stack
            .functions
            .iter()
            .all(|function| function.runtime == "python3.13")
    );
    let machine = "arn:aws:states:us-east-1:123456789012:stateMachine:user1-simple-workflow";
    assert_eq!(stack.functions[2].environment["STATE_MACHINE_ARN"], machine);
    let route = &stack.apis[0].routes[0];
    assert_eq!(
        (route.method.as_str(), route.path.as_str()),
        ("POST", "/process")
    );
    assert_eq!(route.function, "user1-trigger-workflow");
}

#[test]
fn lab_6_has_an_http_api_on_request_and_its_handout_says_what_it_answers() {
    let of_type = |api_type: &str| {
        let settings = [("api_type".to_owned(), api_type.into())];
        load(Some(repository()))
            .unwrap()
            .with_settings(&settings.into())
            .unwrap()
    };
    let shown = |lab: &Lab| {
        let stack = stack(lab, "user1");
        let api = stack.apis[0].clone();
        let endpoint = ApiEndpoint {
            id: "a1b2c3d4e5".into(),
            url: "https://x.example".into(),
        };
        let apis = [(api.name.clone(), endpoint)].into();
        let student = student("user1");
        let page = lab.handout(
            &scope(),
            &class(),
            &student,
            &apis,
            &StudentAccess::default(),
        );
        let outputs = lab.outputs(&scope(), &class(), &student, &apis);
        let names: Vec<_> = stack
            .resource_ids()
            .iter()
            .map(ToString::to_string)
            .collect();
        (
            names,
            api.stage,
            outputs[0].value.clone(),
            format!("{:?}", page.unwrap().elements),
        )
    };
    let (rest_names, rest_stage, rest_url, rest_page) = shown(&of_type("REST"));
    let (http_names, http_stage, http_url, http_page) = shown(&of_type("HTTP"));
    let renamed: Vec<_> = rest_names
        .iter()
        .map(|name| name.replace("REST API", "HTTP API"))
        .collect();
    assert_eq!(http_names, renamed);
    assert_eq!(
        (rest_stage.as_str(), http_stage.as_str()),
        ("prod", "$default")
    );
    assert_eq!(rest_url, http_url);
    let said = |page: &str| ["Missing Authentication Token", "Not Found"].map(|t| page.contains(t));
    assert_eq!(
        (said(&rest_page), said(&http_page)),
        ([true, false], [false, true])
    );
}

/// (actions, resources) of every statement of a policy, all of which must allow.
fn grants(policy: &Value) -> Vec<(Vec<String>, Vec<String>)> {
    let texts = |value: &Value| match value {
        Value::Array(items) => items
            .iter()
            .map(|v| v.as_str().unwrap().to_owned())
            .collect(),
        one => vec![one.as_str().unwrap().to_owned()],
    };
    let statements = policy["Statement"].as_array().unwrap().iter();
    statements
        .map(|statement| {
            assert_eq!(statement["Effect"], "Allow");
            (texts(&statement["Action"]), texts(&statement["Resource"]))
        })
        .collect()
}

#[test]
fn lab_6_grants_no_more_than_each_role_needs() {
    let lab = load(Some(repository())).unwrap();
    let stack = stack(&lab, "user1");
    let arn =
        |service: &str, rest: &str| format!("arn:aws:{service}:us-east-1:123456789012:{rest}");
    let logs = |function: &str| arn("logs", &format!("log-group:/aws/lambda/user1-{function}:*"));
    let write = || {
        vec![
            "logs:CreateLogStream".to_owned(),
            "logs:PutLogEvents".to_owned(),
        ]
    };
    let machine = arn("states", "stateMachine:user1-simple-workflow");
    let [worker, trigger, workflow] = &stack.roles[..] else {
        panic!("three roles");
    };
    assert_eq!(
        grants(&worker.policy),
        [(
            write(),
            vec![logs("process-data"), logs("send-notification")]
        )]
    );
    assert_eq!(
        grants(&trigger.policy),
        [
            (write(), vec![logs("trigger-workflow")]),
            (
                vec!["states:StartExecution".to_owned()],
                vec![machine.clone()]
            ),
        ]
    );
    let functions = ["process-data", "send-notification"]
        .map(|f| arn("lambda", &format!("function:user1-{f}")));
    assert_eq!(
        grants(&workflow.policy),
        [(vec!["lambda:InvokeFunction".to_owned()], functions.to_vec())]
    );
    for role in &stack.roles {
        let statement = &role.trust["Statement"][0];
        assert_eq!(
            statement["Condition"]["StringEquals"]["aws:SourceAccount"],
            "123456789012"
        );
        assert_eq!(statement["Action"], "sts:AssumeRole");
    }
    assert_eq!(
        workflow.trust["Statement"][0]["Principal"],
        json!({ "Service": "states.amazonaws.com" })
    );
    assert_eq!(
        workflow.trust["Statement"][0]["Condition"]["ArnLike"]["aws:SourceArn"],
        "arn:aws:states:us-east-1:123456789012:stateMachine:*"
    );
    // No key or resource of one student names another: nothing holds a wildcard but the streams' ending.
    for role in &stack.roles {
        let text = role.policy.to_string();
        assert_eq!(
            text.matches('*').count(),
            text.matches(":*\"").count(),
            "{text}"
        );
        assert!(!text.contains("CreateLogGroup"));
    }
}

#[test]
fn lab_6_goes_every_other_way_out_through_processing_failed() {
    let lab = load(Some(repository())).unwrap();
    let stack = stack(&lab, "user1");
    let states = &stack.state_machines[0].definition["States"];
    for task in ["ProcessData", "SendNotification"] {
        let catch = &states[task]["Catch"][0];
        assert_eq!(catch["ErrorEquals"], json!(["States.ALL"]));
        assert_eq!(catch["Next"], "ProcessingFailed");
    }
    assert_eq!(states["CheckStatus"]["Default"], "ProcessingFailed");
    assert_eq!(states["ProcessingFailed"]["Error"], "ProcessingFailed");
    assert_eq!(states["WorkflowCompleted"]["Type"], "Succeed");
    let own = states["ProcessData"]["Retry"][1]["ErrorEquals"][0]
        .as_str()
        .unwrap();
    let code = &built_in()["lambdas/process_data/lambda_function.py"];
    let class = format!("class {own}(Exception)");
    assert!(
        String::from_utf8_lossy(code).contains(&class),
        "the workflow retries {own}, which nothing raises"
    );
}

#[test]
fn lab_6_counts_only_what_the_student_did() {
    let lab = load(Some(repository())).unwrap();
    let work: Vec<_> = lab.checks().iter().map(|check| check.work).collect();
    assert_eq!(work[..2], [Work::Stack; 2]);
    assert_eq!(work[2..], [Work::Student; 6]);
    let points: Vec<String> = lab.checks().iter().map(|c| c.points.to_string()).collect();
    assert_eq!(points, ["0", "0", "20", "30", "15", "25", "10", "0"]);
    let in_parts = lab.checks().iter().filter(|c| c.credit == Credit::Each);
    let in_parts: Vec<&str> = in_parts.map(|c| c.id.as_str()).collect();
    assert_eq!(in_parts, ["api-valid-data", "several-executions"]);
    assert!(
        matches!(&lab.checks()[6].proof, Proof::LogEvents { own_execution_of: Some(m), .. } if m == "simple_workflow")
    );
    assert!(matches!(lab.checks()[7].proof, Proof::Unprovable { .. }));
}

#[test]
fn lab_6_knows_the_apis_starts_by_what_its_code_logs() {
    let lab = load(Some(repository())).unwrap();
    // What the code writes is what the lab looks for.
    let code = &built_in()["lambdas/trigger_workflow/lambda_function.py"];
    let code = String::from_utf8_lossy(code);
    let log = lab.marks().api_log.as_ref().unwrap();
    for message in log.line.values() {
        let line = format!("\"{message}\", always=True, execution=name");
        assert!(code.contains(&line), "{line}");
    }
}

#[test]
fn lab_6_probes_good_input_without_chance_and_bears_homerooms_mark() {
    let lab = load(Some(repository())).unwrap();
    let probes = lab
        .probes(&scope(), &class(), &student("user1"), "7abcdefgh2")
        .unwrap();
    assert_eq!(probes.len(), 6);
    let mut ends = Vec::new();
    for probe in &probes {
        match &probe.request {
            ProbeRequest::Api {
                body: Some(body),
                expect_http: 202,
                ..
            }
            | ProbeRequest::Execution { input: body, .. }
                if !body.contains("\"\"") =>
            {
                let body: Value = serde_json::from_str(body).unwrap();
                assert_eq!(body["successRate"], 1);
                assert_eq!(body["userId"], "homeroom-7abcdefgh2");
                ends.push("good");
            }
            ProbeRequest::Execution { expect_end, .. } => {
                assert_eq!(expect_end.error.as_deref(), Some("ProcessingFailed"));
                ends.push("error");
            }
            ProbeRequest::Api { expect_http, .. } => {
                assert_eq!(*expect_http, 400);
                ends.push("400");
            }
            ProbeRequest::LogEvents { functions } => {
                assert_eq!(functions.len(), 3);
                ends.push("logs");
            }
            ProbeRequest::Invoke { .. } => ends.push("invoked"),
        }
    }
    assert_eq!(ends, ["good", "good", "error", "400", "400", "logs"]);
}

#[test]
fn lab_6_gives_payloads_and_outputs() {
    let lab = load(Some(repository())).unwrap();
    let user1 = student("user1");
    let payloads = lab.payloads(&scope(), &class(), &user1);
    let parsed: Vec<_> = payloads
        .iter()
        .map(|p| serde_json::from_str::<Value>(&p.text).ok())
        .collect();
    let types: Vec<_> = parsed
        .iter()
        .flatten()
        .map(|p| p["dataType"].as_str().unwrap())
        .collect();
    assert_eq!(
        types,
        [
            "sales_data",
            "customer_data",
            "inventory_data",
            "analytics_data",
            ""
        ]
    );
    assert_eq!(
        parsed.iter().filter(|p| p.is_none()).count(),
        1,
        "one is malformed on purpose"
    );
    let outputs = lab.outputs(&scope(), &class(), &user1, &Default::default());
    assert_eq!(outputs.len(), 7);
    assert_eq!(
        outputs[0].value,
        "https://us-east-1.console.aws.amazon.com/states/home?region=us-east-1#/statemachines/view/arn:aws:states:us-east-1:123456789012:stateMachine:user1-simple-workflow"
    );
}

#[test]
fn the_second_lab_is_built_by_the_same_code() {
    let lab = load(Some(&repository().join("tests/labs/mini"))).unwrap();
    let stack = stack(&lab, "zoe");
    let names: Vec<_> = stack
        .resource_ids()
        .into_iter()
        .map(|resource| resource.name)
        .collect();
    assert_eq!(
        names,
        [
            "lab-zoe-blue",
            "lab-zoe-flow",
            "/aws/lambda/lab-zoe-greet",
            "lab-zoe-greet",
            "lab-zoe-wait"
        ]
    );
    assert!(stack.apis.is_empty());
    assert_eq!(stack.functions[0].handler, "app.main");
    for pattern in lab.name_patterns() {
        assert_eq!(
            pattern.username_in(&pattern.name(stack.student())),
            Some("zoe")
        );
    }
    assert_eq!(lab.region(), "eu-west-1");
}

#[test]
fn zips_hold_exactly_the_functions_own_file() {
    let lab = load(Some(repository())).unwrap();
    for function in stack(&lab, "user1").functions {
        let archive =
            zip::ZipArchive::new(std::io::Cursor::new(function.code.zip.to_vec())).unwrap();
        assert_eq!(
            archive.file_names().flatten().collect::<Vec<_>>(),
            ["lambda_function.py"]
        );
    }
}

#[test]
fn five_hundred_students_are_filled_in_at_once() {
    let lab = load(Some(repository())).unwrap();
    let students: Vec<_> = (1..=500).map(|n| student(&format!("user{n}"))).collect();
    let desired = lab.desired(&scope(), &class(), &students).unwrap();
    assert_eq!(desired.stacks.len(), 500);
    let zip = &desired.stacks[0].functions[0].code.zip;
    assert!(
        std::sync::Arc::ptr_eq(zip, &desired.stacks[499].functions[0].code.zip),
        "zips are shared"
    );
}

#[test]
fn the_functions_pass_their_own_unit_tests() {
    let out = std::process::Command::new("python3")
        .args([
            "-B",
            "-m",
            "unittest",
            "discover",
            "-s",
            "lambdas",
            "-p",
            "test_*.py",
        ])
        .current_dir(repository())
        .output()
        .expect("python3 is needed for the functions' tests");
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{said}");
    assert!(
        said.contains("Ran ") && !said.contains("Ran 0 tests"),
        "no test was found: {said}"
    );
}

#[test]
fn lab_6_policies_fit_whatever_the_names() {
    let lab = load(None).unwrap();
    let longest = |prefix: &str| format!("{prefix}{}", "-".repeat(40 - prefix.len()));
    let far = Scope {
        partition: "aws-us-gov".into(),
        account: "123456789012".into(),
        region: "ap-southeast-99".into(),
    };
    let class = longest("class").parse().unwrap();
    let student = student(&longest("user"));
    let api = lab.api_name("workflow", &student.username).unwrap();
    let endpoint = crate::stack::kinds::api::ApiEndpoint {
        id: "a1b2c3d4e5".into(),
        url: String::new(),
    };
    let apis = [(api, endpoint)].into();
    // What does not fit is an error.
    let access = lab.access(&far, &class, &student, &apis).unwrap();
    assert!(access.is_some());
    let stack = lab.desired(&far, &class, &[student]);
    assert!(stack.is_ok());
}

#[test]
fn no_shipped_lab_reaches_further_than_a_lab_needs() {
    let students = [student("user1"), student("ann-b")];
    for dir in [None, Some(repository().join("tests/labs/mini"))] {
        let lab = load(dir.as_deref()).unwrap();
        let desired = lab.desired(&scope(), &class(), &students).unwrap();
        assert_eq!(lab.risks(&desired, &students), [], "{dir:?}");
    }
}

/// The built-in lab with one file changed.
fn changed(file: &str, from: &str, to: &str) -> Lab {
    let mut files = built_in();
    let text = String::from_utf8(files[file].clone()).unwrap();
    assert!(text.contains(from), "{file} has no {from}");
    files.insert(file.to_owned(), text.replacen(from, to, 1).into_bytes());
    Lab::parse(files).unwrap()
}

#[test]
fn what_reaches_too_far_is_found_wherever_it_stands() {
    let students = [student("user1"), student("user2")];
    let worker = "templates/iam/worker-policy.json";
    for (file, from, to, key) in [
        (
            worker,
            "\"logs:PutLogEvents\"",
            "\"logs:*\"",
            "worker: action logs:*",
        ),
        (
            worker,
            "{{ log_groups.process_data.arn }}:*",
            "*",
            "worker: beyond the boundary logs:PutLogEvents",
        ),
        (
            "templates/iam/workflow-trust.json",
            "\"Service\": \"states.amazonaws.com\"",
            "\"Service\": \"states.amazonaws.com\", \"AWS\": \"999999999999\"",
            "workflow: principal 999999999999",
        ),
        (
            "templates/iam/student-policy.json",
            "\"iam:ChangePassword\"",
            "\"iam:*\"",
            "student: action iam:*",
        ),
        // For one student alone.
        (
            worker,
            "\"logs:PutLogEvents\"",
            "{% if username == \"user2\" %}\"iam:*\"{% else %}\"logs:PutLogEvents\"{% endif %}",
            "worker: action iam:*",
        ),
    ] {
        let lab = changed(file, from, to);
        let desired = lab.desired(&scope(), &class(), &students).unwrap();
        let keys: Vec<_> = lab
            .risks(&desired, &students)
            .iter()
            .map(|r| r.key())
            .collect();
        assert!(keys.contains(&key.to_owned()), "{key}: {keys:?}");
        let same = keys.iter().filter(|k| *k == key).count();
        assert_eq!(same, 1, "the same of both students is one");
    }
}
