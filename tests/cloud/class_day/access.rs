//! Students' way in, on an embedded cloud that enforces IAM: with the students' own keys, as the binary made them.

use homeroom::aws::ApiRequest;
use std::collections::BTreeMap;
use std::fs;
use std::io::{Cursor, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use homeroom::aws::{ErrorKind, Permission, Principal, UserPart};
use homeroom::ids::Username;
use homeroom::stack::credentials::{AccessKey, Credentials};
use homeroom::stack::kinds::api::Authorization;
use homeroom::stack::kinds::function::Code;
use homeroom::stack::kinds::managed_policy::Spec as ManagedPolicy;
use homeroom::stack::kinds::state_machine::WorkflowType;
use homeroom::stack::vault::Vault;
use secrecy::ExposeSecret;
use serde_json::json;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::*;

/// Names that a careless pattern mixes up, in the roster's order.
const CLASS: [&str; 5] = ["user1", "user10", "user11", "user1b", "user-1"];

pub(super) const ENFORCED: PrivateOptions = PrivateOptions {
    auth: true,
    account: None,
};

impl Day {
    fn vault(&self) -> Vault {
        Vault::of(
            &self.folder.path().join("reports"),
            &"demo".parse().unwrap(),
        )
    }

    pub(super) fn credentials(&self, student: &str) -> Credentials {
        let student: Username = student.parse().unwrap();
        self.vault().read(&student).unwrap().unwrap()
    }

    pub(super) async fn as_student(&self, student: &str) -> Client {
        let key: AccessKey = self.credentials(student).access_key.unwrap();
        self.witness().await.with_access_key(&key)
    }

    /// The ids of the students' APIs, by API name.
    pub(super) async fn api_ids(&self) -> BTreeMap<String, String> {
        let cloud = &self.witness().await;
        let apis = all(|t| cloud.rest_apis_page(t)).await.into_iter();
        apis.map(|(api, _)| (api.name, api.id)).collect()
    }

    async fn users(&self) -> Vec<String> {
        let cloud = &self.witness().await;
        let principals = all(|t| cloud.principals_page(t)).await.into_iter();
        principals
            .filter_map(|principal| match principal {
                Principal::User(user) => Some(user.name),
                // What bounds the roles is the stack's.
                Principal::Policy(policy) => {
                    (!policy.name.contains("-roles@")).then_some(policy.name)
                }
                Principal::Role(_) => None,
            })
            .collect()
    }
}

/// What one answer says of permission: what is not there is only told to those who may ask.
fn verdict<T>(answer: CallResult<T>) -> Result<(), String> {
    match answer {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == Some(ErrorKind::AccessDenied) => Err("denied".to_owned()),
        Err(error) if error.kind() == Some(ErrorKind::NotFound) => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}

pub(super) fn zip_of(source: &str) -> Code {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    writer
        .start_file("lambda_function.py", SimpleFileOptions::default())
        .unwrap();
    writer.write_all(source.as_bytes()).unwrap();
    Code {
        zip: writer.finish().unwrap().into_inner().into(),
        sha256: String::new(),
    }
}

const ACCOUNT: &str = "000000000000";

pub(super) fn machine(student: &str) -> String {
    format!("arn:aws:states:us-east-1:{ACCOUNT}:stateMachine:{student}-simple-workflow")
}

/// Every kind of call on one student's stack that leaves it as it is, made by somebody.
async fn looks(cloud: &Client, owner: &str, api: &str) -> Vec<(&'static str, Result<(), String>)> {
    let function = format!("{owner}-process-data");
    let group = format!("/aws/lambda/{function}");
    let arn = machine(owner);
    let execution = format!(
        "arn:aws:states:us-east-1:{ACCOUNT}:execution:{owner}-simple-workflow:nobody-started-it"
    );
    vec![
        (
            "DescribeStateMachine",
            verdict(cloud.describe_state_machine(&arn).await),
        ),
        (
            "ListExecutions",
            verdict(cloud.executions_page(&arn, false, None).await),
        ),
        (
            "DescribeExecution",
            verdict(cloud.describe_execution(&execution).await),
        ),
        (
            "StopExecution",
            verdict(cloud.stop_execution(&execution).await),
        ),
        ("GetFunction", verdict(cloud.get_function(&function).await)),
        ("Invoke", verdict(cloud.invoke_dry(&function).await)),
        ("GetPolicy", verdict(cloud.get_policy(&function).await)),
        (
            "FilterLogEvents",
            verdict(cloud.log_events_page(&group, 0, None, 1, None).await),
        ),
        ("GetStages", verdict(cloud.stages(api).await)),
        (
            "GetResources",
            verdict(cloud.api_resources_page(api, None).await),
        ),
    ]
}

/// What Lab 6 has students change and run, of one student's stack, by somebody.
async fn changes(cloud: &Client, owner: &str) -> Vec<(&'static str, Result<(), String>)> {
    let function = format!("{owner}-process-data");
    let definition = json!({"StartAt": "X", "States": {"X": {"Type": "Succeed"}}}).to_string();
    let changed = NewStateMachine {
        name: "",
        workflow_type: WorkflowType::Standard,
        role_arn: format!("arn:aws:iam::{ACCOUNT}:role/homeroom/demo/{owner}-workflow-role"),
        definition,
        tags: homeroom::stack::ownership::Tags::new(),
    };
    let arn = machine(owner);
    let code = zip_of("def lambda_handler(event, context):\n    return {}\n");
    vec![
        (
            "UpdateStateMachine",
            verdict(cloud.update_state_machine(&arn, &changed, &[]).await),
        ),
        (
            "StartExecution",
            verdict(cloud.start_execution(&arn, "mine", "{}").await),
        ),
        (
            "UpdateFunctionCode",
            verdict(cloud.update_function_code(&function, &code).await),
        ),
        (
            "UpdateFunctionConfiguration",
            verdict(cloud.update_function_description(&function, "mine").await),
        ),
    ]
}

/// What nobody may do to a stack, one's own included, or to the account.
async fn destruction(
    cloud: &Client,
    owner: &str,
    api: &str,
) -> Vec<(&'static str, Result<(), String>)> {
    let function = format!("{owner}-trigger-workflow");
    let function_arn = format!("arn:aws:lambda:us-east-1:{ACCOUNT}:function:{function}");
    let group = format!("/aws/lambda/{function}");
    let group_arn = format!("arn:aws:logs:us-east-1:{ACCOUNT}:log-group:{group}");
    let role = format!("{owner}-trigger-role");
    let policy = json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Action": "*", "Resource": "*" }
    ]});
    let managed = ManagedPolicy {
        name: format!("{owner}-all"),
        document: policy.clone().into(),
    };
    let everything = "arn:aws:iam::aws:policy/AdministratorAccess";
    let tags = [("homeroom:student".to_owned(), "user1".to_owned())].into();
    let permission = Permission {
        function: &function,
        statement_id: "mine".to_owned(),
        source_arn: format!("arn:aws:execute-api:us-east-1:{ACCOUNT}:{api}/*/*/*"),
    };
    let machine_of_mine = NewStateMachine {
        name: "a-machine-of-mine",
        workflow_type: WorkflowType::Standard,
        role_arn: format!("arn:aws:iam::{ACCOUNT}:role/homeroom/demo/{owner}-workflow-role"),
        definition: json!({"StartAt": "X", "States": {"X": {"Type": "Succeed"}}}).to_string(),
        tags: homeroom::stack::ownership::Tags::new(),
    };
    vec![
        (
            "AddPermission",
            verdict(cloud.add_permission(&permission).await),
        ),
        (
            "DeleteFunction",
            verdict(cloud.delete_function(&function).await),
        ),
        (
            "lambda:TagResource",
            verdict(cloud.tag_function(&function_arn, &tags).await),
        ),
        (
            "DeleteStateMachine",
            verdict(cloud.delete_state_machine(&machine(owner)).await),
        ),
        (
            "states:TagResource",
            verdict(cloud.tag_state_machine(&machine(owner), &tags).await),
        ),
        (
            "CreateStateMachine",
            verdict(cloud.create_state_machine(&machine_of_mine).await),
        ),
        ("DeleteRestApi", verdict(cloud.delete_rest_api(api).await)),
        (
            "DeleteStage",
            verdict(cloud.delete_stage(api, "prod").await),
        ),
        (
            "CreateRestApi",
            verdict(cloud.create_rest_api("mine", "", &tags).await),
        ),
        (
            "DeleteLogGroup",
            verdict(cloud.delete_log_group(&group).await),
        ),
        (
            "CreateLogGroup",
            verdict(cloud.create_log_group("/mine", &tags).await),
        ),
        (
            "PutRetentionPolicy",
            verdict(cloud.put_retention_policy(&group, 1).await),
        ),
        (
            "logs:TagResource",
            verdict(cloud.tag_log_group(&group_arn, &tags).await),
        ),
        (
            "GetAccountAuthorizationDetails",
            verdict(cloud.principals_page(None).await),
        ),
        ("GetRole", verdict(cloud.get_role(&role).await)),
        (
            "PutRolePolicy",
            verdict(cloud.put_role_policy(&role, "all", &policy).await),
        ),
        (
            "UpdateAssumeRolePolicy",
            verdict(cloud.update_trust(&role, &policy).await),
        ),
        (
            "DeleteRolePermissionsBoundary",
            verdict(cloud.delete_role_boundary(&role).await),
        ),
        ("DeleteRole", verdict(cloud.delete_role(&role).await)),
        (
            "CreatePolicy",
            verdict(cloud.create_policy(&managed, "/").await),
        ),
        (
            "CreateUser",
            verdict(cloud.create_user("mine", "/", everything, &tags).await),
        ),
        ("TagUser", verdict(cloud.tag_user(owner, &tags).await)),
        (
            "AttachUserPolicy",
            verdict(cloud.attach_user_policy(owner, everything).await),
        ),
        (
            "PutUserPolicy",
            verdict(cloud.put_user_policy(owner, "all", &policy).await),
        ),
        (
            "PutUserPermissionsBoundary",
            verdict(cloud.put_user_boundary(owner, everything).await),
        ),
        (
            "CreateLoginProfile",
            verdict(cloud.create_login_profile(owner, &"x".into()).await),
        ),
        (
            "UpdateLoginProfile",
            verdict(cloud.update_login_profile(owner, &"x".into()).await),
        ),
        (
            "CreateAccessKey",
            verdict(cloud.create_access_key(owner).await),
        ),
        (
            "ListAccessKeys",
            verdict(cloud.user_parts(owner, UserPart::AccessKey).await),
        ),
        ("DeleteUser", verdict(cloud.delete_user(owner).await)),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn with_their_own_keys_students_reach_their_own_stack_and_nothing_else() {
    let day = Day::begin_with(&CLASS, ENFORCED).await;
    assert_eq!(day.json(&["deploy"]).0, 0);
    let (code, granted) = day.json(&["access", "grant", "--access-keys"]);
    assert_eq!((code, all_are(&granted, "granted")), (0, true), "{granted}");
    let before = day.everything().await;
    let apis = day.api_ids().await;
    let api_of = |student: &str| apis[&format!("{student}-workflow-api")].clone();

    for student in CLASS {
        let cloud = day.as_student(student).await;
        for owner in CLASS {
            let api = api_of(owner);
            let looks = looks(&cloud, owner, &api).await;
            for (action, found) in looks.into_iter().chain(changes(&cloud, owner).await) {
                let expected = match owner == student {
                    true => Ok(()),
                    false => Err("denied".to_owned()),
                };
                assert_eq!(found, expected, "{student}: {action} on {owner}'s");
            }
            for (action, found) in destruction(&cloud, owner, &api).await {
                assert_eq!(
                    found,
                    Err("denied".to_owned()),
                    "{student}: {action} on {owner}'s"
                );
            }
        }
    }
    assert_eq!(day.everything().await, before, "nothing came of it");

    let (code, proven) = day.json(&["validate", "--isolation"]);
    assert_eq!((code, all_are(&proven, "passed")), (0, true), "{proven}");
    let ids = |student: &Value| -> Vec<String> {
        let checks = student["checks"].as_array().unwrap().iter();
        checks
            .map(|c| c["id"].as_str().unwrap().to_owned())
            .collect()
    };
    let tried = [
        "own-stack",
        "neighbour-user10",
        "neighbour-user11",
        "neighbour-user1b",
        "account",
        "boundary",
    ];
    assert_eq!(ids(&proven["students"][0]), tried);
}

#[tokio::test(flavor = "multi_thread")]
async fn isolation_that_is_broken_is_found() {
    let day = Day::begin_with(&["user1", "user10"], ENFORCED).await;
    assert_eq!(day.json(&["deploy"]).0, 0);
    assert_eq!(day.json(&["access", "grant", "--access-keys"]).0, 0);
    let admin = &day.witness().await;
    // Somebody gives user1 too much: the boundary holds all the same.
    let too_much = json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Action": "*", "Resource": "*" }
    ]});
    admin
        .put_user_policy("user1", "oops", &too_much)
        .await
        .unwrap();
    let (code, proven) = day.json(&["validate", "--isolation"]);
    assert_eq!((code, all_are(&proven, "passed")), (0, true), "{proven}");
    // Without the boundary it does not.
    let open = ManagedPolicy {
        name: "open".to_owned(),
        document: too_much.into(),
    };
    admin.create_policy(&open, "/").await.unwrap();
    let arn = format!("arn:aws:iam::{ACCOUNT}:policy/open");
    admin.put_user_boundary("user1", &arn).await.unwrap();
    let (code, proven) = day.json(&["validate", "--isolation"]);
    let expected = [("user1", "failed"), ("user10", "passed")];
    assert_eq!(code, 3);
    assert_eq!(
        outcomes(&proven),
        expected.map(|(user, outcome)| (user.to_owned(), outcome.to_owned()))
    );
    // Nor does a role that lost its own.
    admin
        .delete_role_boundary("user10-worker-role")
        .await
        .unwrap();
    let (code, proven) = day.json(&["validate", "--isolation"]);
    assert_eq!((code, all_are(&proven, "failed")), (3, true), "{proven}");
    // And the next grant puts the boundaries back.
    assert_eq!(day.json(&["access", "grant"]).0, 0);
    let (code, proven) = day.json(&["validate", "--isolation"]);
    assert_eq!((code, all_are(&proven, "passed")), (0, true), "{proven}");
}

/// A trigger function that tries to start an execution of everybody's.
const REACHING: &str = r#"
import json, os
import boto3

def lambda_handler(event, context):
    client = boto3.client("stepfunctions")
    own = os.environ["STATE_MACHINE_ARN"]
    answers = {}
    for student in json.loads(event["body"])["students"]:
        prefix, name = own.rsplit(":", 1)
        arn = f"{prefix}:{student}-simple-workflow"
        try:
            client.start_execution(stateMachineArn=arn, input="{}")
            answers[student] = "started"
        except Exception as error:
            answers[student] = type(error).__name__ + ": " + str(error)
    return {"statusCode": 200, "body": json.dumps(answers)}
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_a_student_edits_reaches_no_neighbour_either() {
    let day = Day::begin_with(&["user1", "user10"], ENFORCED).await;
    assert_eq!(day.json(&["deploy"]).0, 0);
    assert_eq!(day.json(&["access", "grant", "--access-keys"]).0, 0);
    let student = day.as_student("user1").await;
    let changed = student
        .update_function_code("user1-trigger-workflow", &zip_of(REACHING))
        .await;
    assert!(changed.is_ok(), "{changed:?}");
    let api = day.api_ids().await["user1-workflow-api"].clone();
    let body = json!({ "students": ["user1", "user10"] }).to_string();
    let admin = &day.witness().await;
    let answer = admin
        .invoke_api(ApiRequest {
            api_id: &api,
            stage: "prod",
            method: "POST",
            path: "/process",
            body: &body,
            authorization: Authorization::None,
            agent: "curl/8",
        })
        .await
        .unwrap();
    let answers: BTreeMap<String, String> = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(answers["user1"], "started");
    assert!(answers["user10"].contains("AccessDenied"), "{answers:?}");
    let theirs = all(|t| async { admin.executions_page(&machine("user10"), false, t).await }).await;
    assert_eq!(theirs.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_freeze_shuts_out_a_thaw_lets_in_and_a_revocation_leaves_nothing() {
    let day = Day::begin_with(&["user1", "user2"], ENFORCED).await;
    assert_eq!(day.json(&["deploy"]).0, 0);
    assert_eq!(day.json(&["access", "grant", "--access-keys"]).0, 0);
    let student = day.as_student("user1").await;
    let look = async || verdict(student.describe_state_machine(&machine("user1")).await);
    assert_eq!(look().await, Ok(()));

    let (code, frozen) = day.json(&["access", "freeze"]);
    assert_eq!((code, all_are(&frozen, "frozen")), (0, true), "{frozen}");
    let calls = &frozen["api_calls"];
    assert_eq!(calls["iam:PutUserPolicy"], 2, "one a student: {calls}");
    assert_eq!(look().await, Err("denied".to_owned()));
    let (code, proven) = day.json(&["validate", "--isolation"]);
    assert_eq!((code, all_are(&proven, "unknown")), (3, true), "{proven}");
    for verb in ["plan", "status"] {
        let (_, document) = day.json(&[verb]);
        let notes = document["notes"].to_string();
        // Between the two stand the options that were typed.
        let said = [
            "still shut out until `homeroom ",
            " access thaw`: user1, user2",
        ];
        assert!(said.iter().all(|part| notes.contains(part)), "{document}");
    }
    let (code, thawed) = day.json(&["access", "thaw"]);
    assert_eq!((code, all_are(&thawed, "thawed")), (0, true), "{thawed}");
    assert_eq!(look().await, Ok(()));
    for verb in ["plan", "status"] {
        let (_, document) = day.json(&[verb]);
        assert!(
            !document["notes"].to_string().contains("shut out"),
            "{document}"
        );
    }

    let stacks = day.everything().await;
    let (code, refused) = day.json(&["access", "revoke"]);
    assert_eq!(code, 7, "{refused}");
    assert_eq!(look().await, Ok(()));
    let (code, revoked) = day.json(&["access", "revoke", "--confirm", "demo"]);
    assert_eq!((code, all_are(&revoked, "removed")), (0, true), "{revoked}");
    assert_eq!(day.users().await, Vec::<String>::new());
    assert_eq!(day.everything().await, stacks, "the stacks stay");
    assert!(look().await.is_err());
    assert!(
        !day.vault().dir().exists(),
        "what opens nothing is not kept"
    );
    let (code, none) = day.json(&["access", "freeze"]);
    assert_eq!((code, all_are(&none, "no-access")), (0, true), "{none}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_teardown_takes_the_way_in_with_the_stack() {
    let day = Day::begin_with(&["user1", "user2"], ENFORCED).await;
    assert_eq!(day.json(&["deploy"]).0, 0);
    assert_eq!(day.json(&["access", "grant", "--access-keys"]).0, 0);
    let words = ["teardown", "--confirm", "demo"];
    let (code, torn) = day.json(&[&words[..], &["--students", "user1"]].concat());
    assert_eq!((code, all_are(&torn, "removed")), (0, true), "{torn}");
    assert!(
        day.users()
            .await
            .iter()
            .all(|name| name.starts_with("user2"))
    );
    let (code, torn) = day.json(&words);
    assert_eq!((code, all_are(&torn, "removed")), (0, false), "{torn}");
    assert_eq!(day.users().await, Vec::<String>::new());
    assert_eq!(day.everything().await, Vec::<String>::new());
    assert!(!day.vault().dir().exists());
    for verb in ["freeze", "thaw"] {
        let (code, none) = day.json(&["access", verb]);
        assert_eq!((code, all_are(&none, "no-access")), (0, true), "{none}");
        let notes = none["notes"].to_string();
        let said = "neither an IAM user nor a stack of this class";
        assert!(
            notes.contains(said) && notes.contains("user1, user2"),
            "{notes}"
        );
    }
}

/// Every file below a folder.
fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_are_written_once_to_private_files_and_stand_nowhere_else() {
    let day = Day::begin(&["user1", "user2"]).await;
    assert_eq!(day.json(&["deploy"]).0, 0);
    let mut said = Vec::new();
    let mut run = |words: &[&str]| {
        let output = day.run(&[words, &["--verbose", "--verbose"]].concat());
        assert!(output.status.success(), "{output:?}");
        said.extend(output.stdout);
        said.extend(output.stderr);
    };
    run(&["access", "grant"]);
    let first = day.credentials("user1").password.unwrap();
    run(&["access", "grant", "--access-keys"]);
    run(&["access", "grant", "--output", "json"]);
    let second = day.credentials("user1");
    let again = second.password.unwrap();
    assert_eq!(first.expose_secret(), again.expose_secret());
    let key = second.access_key.unwrap();
    run(&["access", "grant", "--rotate", "--students", "user1"]);
    let renewed = day.credentials("user1");
    let other = day.credentials("user2");
    let new_key = renewed.access_key.unwrap();
    assert_ne!(new_key.id, key.id);
    let keys = day
        .witness()
        .await
        .user_parts("user1", UserPart::AccessKey)
        .await
        .unwrap();
    assert_eq!(keys, [new_key.id.as_str()], "the old key is gone");
    run(&["report"]);
    run(&["status", "--output", "json"]);

    let secrets = [
        first,
        renewed.password.unwrap(),
        other.password.unwrap(),
        key.secret,
        new_key.secret,
        other.access_key.unwrap().secret,
    ];
    let said = String::from_utf8_lossy(&said);
    let vault = day.vault();
    for secret in &secrets {
        assert!(!said.contains(secret.expose_secret()), "printed");
    }
    let reports = day.folder.path().join("reports");
    for file in files(&reports) {
        let is_credentials = file.starts_with(vault.dir());
        let text = String::from_utf8_lossy(&fs::read(&file).unwrap()).into_owned();
        if is_credentials {
            let mode = fs::metadata(&file).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{}", file.display());
        } else {
            let hidden = |secret: &secrecy::SecretString| !text.contains(secret.expose_secret());
            assert!(secrets.iter().all(hidden), "{}", file.display());
        }
    }
    assert_eq!(
        fs::metadata(vault.dir()).unwrap().permissions().mode() & 0o777,
        0o700
    );
    assert!(vault.dir().join(".gitignore").is_file());
}
