//! What students may set and homeroom never does: seen, kept, shown, and put back when that is asked for.

use homeroom::stack::plan::Item;
use homeroom::stack::plan::reset;
use serde_json::{Value, json};

use super::*;

const FUNCTION: &str = "user1-process-data";
const MACHINE: &str = "user1-simple-workflow";

/// Everything that an update of a function sets and homeroom does not, by its name in the API.
fn settings_of_function() -> Vec<(&'static str, Value)> {
    vec![
        ("Architectures", json!(["arm64"])),
        (
            "DeadLetterConfig",
            json!({"TargetArn": "arn:aws:sqs:us-east-1:1:q"}),
        ),
        ("EphemeralStorage", json!({"Size": 10240})),
        (
            "FileSystemConfigs",
            json!([{"Arn": "arn:aws:elasticfilesystem:x", "LocalMountPath": "/mnt/x"}]),
        ),
        ("KMSKeyArn", json!("arn:aws:kms:us-east-1:1:key/k")),
        ("Layers", json!(["arn:aws:lambda:us-east-1:1:layer:l:1"])),
        (
            "LoggingConfig",
            json!({"LogFormat": "JSON", "ApplicationLogLevel": "FATAL"}),
        ),
        ("SnapStart", json!({"ApplyOn": "PublishedVersions"})),
        ("TracingConfig", json!({"Mode": "Active"})),
        (
            "VpcConfig",
            json!({"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]}),
        ),
    ]
}

fn settings_of_machine() -> Vec<(&'static str, Value)> {
    vec![
        (
            "encryptionConfiguration",
            json!({"type": "CUSTOMER_MANAGED_KMS_KEY", "kmsKeyId": "k"}),
        ),
        (
            "loggingConfiguration",
            json!({"level": "ALL", "includeExecutionData": true, "destinations": []}),
        ),
        ("tracingConfiguration", json!({"enabled": true})),
    ]
}

fn item(plan: &Plan, name: &str) -> Item {
    let items = &plan.students[0].items;
    items
        .iter()
        .find(|i| i.resource.name == name)
        .unwrap()
        .clone()
}

/// Plans, with what would be reset; the plan and what was seen.
async fn look(aws: &StrictAws, class: &Class, reset: bool) -> (Plan, Observed) {
    let (client, _run) = start(aws, class).await;
    let observed = observe(&client, &class.desired, &Depth::Deploy)
        .await
        .unwrap();
    (deploy::plan(&class.desired, &observed, reset), observed)
}

/// The student's change is seen and kept, named where it is shown, and gone after a reset.
async fn goes_the_way_of_every_change(aws: &StrictAws, class: &Class, name: &str, key: &str) {
    let (plan, observed) = look(aws, class, false).await;
    assert_eq!(plan.steps(), 0, "{key}: {:?}", item(&plan, name));
    let kept = item(&plan, name);
    assert_eq!(kept.verdict, Verdict::Keep, "{key}");
    assert!(kept.why.contains(key), "{key}: {}", kept.why);
    let changes = reset::changes(&class.desired.scope, &class.desired.stacks[0], &observed);
    let shown = format!("{changes:?}");
    assert!(shown.contains(key) && changes.len() == 1, "{key}: {shown}");

    let (plan, _) = look(aws, class, true).await;
    let (client, _run) = start(aws, class).await;
    assert_all_well(&execute(&client, &plan, |_, _| None).await);
    let (plan, _) = look(aws, class, false).await;
    assert_eq!((plan.steps(), plan.count(Verdict::Keep)), (0, 0), "{key}");
}

#[tokio::test(start_paused = true)]
async fn each_setting_of_a_function_is_drift_and_reset_puts_it_back() {
    let class = Class::of(&["user1"]);
    let deployed = StrictAws::new();
    deploy_class(&deployed, &class).await;
    for (key, value) in settings_of_function() {
        let aws = deployed.copy();
        aws.set_of_function(FUNCTION, key, value.clone());
        goes_the_way_of_every_change(&aws, &class, FUNCTION, key).await;
        assert_ne!(aws.setting_of_function(FUNCTION, key), value);
    }
}

#[tokio::test(start_paused = true)]
async fn each_setting_of_a_state_machine_is_drift_and_reset_puts_it_back() {
    let class = Class::of(&["user1"]);
    let deployed = StrictAws::new();
    deploy_class(&deployed, &class).await;
    for (key, value) in settings_of_machine() {
        let aws = deployed.copy();
        aws.set_of_machine(MACHINE, key, value);
        goes_the_way_of_every_change(&aws, &class, MACHINE, key).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_changed_lab_leaves_a_students_settings_alone() {
    let aws = StrictAws::new();
    deploy_class(&aws, &Class::of(&["user1"])).await;
    let layers = json!([{"Arn": "arn:aws:lambda:us-east-1:1:layer:l:1"}]);
    aws.set_of_function(
        FUNCTION,
        "Layers",
        json!(["arn:aws:lambda:us-east-1:1:layer:l:1"]),
    );
    aws.set_of_machine(MACHINE, "tracingConfiguration", json!({"enabled": true}));
    let debug = Class::with_settings(&["user1"], &[("log_level", "DEBUG".into())]);
    assert_all_well(&deploy_class(&aws, &debug).await);
    assert_eq!(aws.setting_of_function(FUNCTION, "Layers"), layers);
    let (plan, _) = look(&aws, &debug, false).await;
    assert_eq!((plan.steps(), plan.count(Verdict::Keep)), (0, 2));
}

#[tokio::test(start_paused = true)]
async fn a_students_change_is_named_whole_beside_what_is_to_be_written() {
    let aws = StrictAws::new();
    deploy_class(&aws, &Class::of(&["user1"])).await;
    let layer = json!(["arn:aws:lambda:us-east-1:1:layer:l:1"]);
    aws.set_of_function(FUNCTION, "Layers", layer);
    aws.set_of_function(FUNCTION, "MemorySize", json!(1024));
    aws.set_of_function(FUNCTION, "Handler", json!("mine.run"));
    let all = "the student changed its configuration (Handler, MemorySize, Layers)";
    let class = Class::of(&["user1"]);
    let (plan, _) = look(&aws, &class, false).await;
    let kept = item(&plan, FUNCTION);
    assert_eq!((kept.verdict, kept.why.as_str()), (Verdict::Keep, all));

    // The lab has other code now.
    let mut other = Class::of(&["user1"]);
    for function in &mut other.desired.stacks[0].functions {
        function.code.zip = b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
            .as_slice()
            .into();
        function.code.sha256 = "other=".into();
    }
    let (plan, _) = look(&aws, &other, false).await;
    let updated = item(&plan, FUNCTION);
    assert_eq!(updated.verdict, Verdict::Update);
    assert_eq!(updated.theirs.as_deref(), Some(all));
    assert!(updated.why.contains("Handler, MemorySize, Layers"));
}

#[tokio::test(start_paused = true)]
async fn an_account_that_shows_every_default_has_no_drift() {
    let aws = StrictAws::new();
    let class = Class::of(&["user1"]);
    deploy_class(&aws, &class).await;
    for (key, value) in [
        ("Architectures", json!(["x86_64"])),
        ("EphemeralStorage", json!({"Size": 512})),
        (
            "LoggingConfig",
            json!({"LogFormat": "Text", "LogGroup": format!("/aws/lambda/{FUNCTION}")}),
        ),
        (
            "SnapStart",
            json!({"ApplyOn": "None", "OptimizationStatus": "Off"}),
        ),
        ("TracingConfig", json!({"Mode": "PassThrough"})),
        (
            "VpcConfig",
            json!({"SubnetIds": [], "SecurityGroupIds": [], "VpcId": ""}),
        ),
    ] {
        aws.set_of_function(FUNCTION, key, value);
    }
    for (key, value) in [
        ("encryptionConfiguration", json!({"type": "AWS_OWNED_KEY"})),
        (
            "loggingConfiguration",
            json!({"level": "OFF", "includeExecutionData": false}),
        ),
        ("tracingConfiguration", json!({"enabled": false})),
    ] {
        aws.set_of_machine(MACHINE, key, value);
    }
    let (plan, _) = look(&aws, &class, false).await;
    assert_eq!((plan.steps(), plan.count(Verdict::Keep)), (0, 0));
}

/// Lab 6 with settings that not every lab makes, of its first function and of its state machine.
fn with_options(settings: &str) -> Class {
    let (function, machine) = (
        "code = \"process_data\"\n",
        "definition = \"asl/simple-workflow.json\"\n",
    );
    with_changes(&[
        ("lab.toml", function, &format!("{function}{settings}")),
        ("lab.toml", machine, &format!("{machine}tracing = true\n")),
    ])
}

/// Lab 6 with texts of its templates replaced.
fn with_changes(changes: &[(&str, &str, &str)]) -> Class {
    let folder = tempfile::tempdir().unwrap();
    let from = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    fn copy(from: &std::path::Path, to: &std::path::Path) {
        std::fs::create_dir_all(to).unwrap();
        for entry in std::fs::read_dir(from).unwrap() {
            let path = entry.unwrap().path();
            let to = to.join(path.file_name().unwrap());
            match path.is_dir() {
                true => copy(&path, &to),
                false => drop(std::fs::copy(&path, &to).unwrap()),
            }
        }
    }
    for part in ["templates", "lambdas"] {
        copy(&from.join(part), &folder.path().join(part));
    }
    for (file, from, to) in changes {
        let file = folder.path().join("templates").join(file);
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.contains(from), "{from}");
        std::fs::write(&file, text.replacen(from, to, 1)).unwrap();
    }
    Class::with_lab(bundle::load(Some(folder.path())).unwrap(), &["user1"])
}

const OPTIONS: &str = r#"
architecture = "arm64"
tracing = true
ephemeral_storage_mib = 1024
layers = ["arn:{{ partition }}:lambda:{{ region }}:{{ account }}:layer:tools:3"]
"#;

#[tokio::test(start_paused = true)]
async fn a_labs_own_settings_are_deployed_and_another_value_is_drift() {
    let class = with_options(OPTIONS);
    let deployed = StrictAws::new();
    assert_all_well(&deploy_class(&deployed, &class).await);
    let layer = json!([{"Arn": format!("arn:aws:lambda:{REGION}:{ACCOUNT}:layer:tools:3")}]);
    let own = [
        ("Architectures", json!(["arm64"])),
        ("EphemeralStorage", json!({"Size": 1024})),
        ("Layers", layer),
        ("TracingConfig", json!({"Mode": "Active"})),
    ];
    for (key, value) in &own {
        assert_eq!(deployed.setting_of_function(FUNCTION, key), *value, "{key}");
    }
    let (plan, _) = look(&deployed, &class, false).await;
    assert_eq!((plan.steps(), plan.count(Verdict::Keep)), (0, 0));
    let others = [
        json!(["x86_64"]),
        json!({"Size": 512}),
        json!([]),
        json!({"Mode": "PassThrough"}),
    ];
    for ((key, value), other) in own.iter().zip(others) {
        let aws = deployed.copy();
        aws.set_of_function(FUNCTION, key, other);
        goes_the_way_of_every_change(&aws, &class, FUNCTION, key).await;
        assert_eq!(aws.setting_of_function(FUNCTION, key), *value, "{key}");
    }
    let key = "tracingConfiguration";
    deployed.set_of_machine(MACHINE, key, json!({"enabled": false}));
    goes_the_way_of_every_change(&deployed, &class, MACHINE, key).await;
}

#[tokio::test(start_paused = true)]
async fn settings_that_a_lab_takes_up_or_drops_are_written() {
    let aws = StrictAws::new();
    deploy_class(&aws, &Class::of(&["user1"])).await;
    let class = with_options(OPTIONS);
    assert_all_well(&deploy_class(&aws, &class).await);
    assert_eq!(
        aws.setting_of_function(FUNCTION, "Architectures"),
        json!(["arm64"])
    );
    let (plan, _) = look(&aws, &class, false).await;
    assert_eq!((plan.steps(), plan.count(Verdict::Keep)), (0, 0));
    let fewer = with_options("tracing = true\n");
    assert_all_well(&deploy_class(&aws, &fewer).await);
    assert_eq!(
        aws.setting_of_function(FUNCTION, "Architectures"),
        json!(["x86_64"])
    );
    assert_eq!(
        aws.setting_of_function(FUNCTION, "EphemeralStorage"),
        json!({"Size": 512})
    );
    assert_eq!(aws.setting_of_function(FUNCTION, "Layers"), json!([]));
    let (plan, _) = look(&aws, &fewer, false).await;
    assert_eq!((plan.steps(), plan.count(Verdict::Keep)), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn tracing_that_changes_is_told_apart_from_the_definition() {
    let key = "tracingConfiguration";
    let machine = "definition = \"asl/simple-workflow.json\"\n";
    let traced = ("lab.toml", machine, &*format!("{machine}tracing = true\n"));
    let start = "\"StartAt\"";
    let mended = (
        "asl/simple-workflow.json",
        start,
        "\"TimeoutSeconds\": 900, \"StartAt\"",
    );
    let deployed = StrictAws::new();
    assert_all_well(&deploy_class(&deployed, &with_changes(&[traced])).await);
    // The lab drops it, with another definition or without.
    for changes in [&[mended][..], &[]] {
        let (aws, lab) = (deployed.copy(), with_changes(changes));
        let (plan, _) = look(&aws, &lab, false).await;
        assert_eq!(item(&plan, MACHINE).theirs, None);
        assert_all_well(&deploy_class(&aws, &lab).await);
        assert_ne!(
            aws.setting_of_machine(MACHINE, key),
            json!({"enabled": true})
        );
        let (plan, _) = look(&aws, &lab, false).await;
        assert_eq!((plan.steps(), plan.count(Verdict::Keep)), (0, 0));
    }
    // The student switches it off: the lab's other definition reaches them, and their choice stays.
    deployed.set_of_machine(MACHINE, key, json!({"enabled": false}));
    let lab = with_changes(&[traced, mended]);
    let (plan, _) = look(&deployed, &lab, false).await;
    assert_eq!(item(&plan, MACHINE).verdict, Verdict::Update);
    assert_all_well(&deploy_class(&deployed, &lab).await);
    assert_ne!(
        deployed.setting_of_machine(MACHINE, key),
        json!({"enabled": true})
    );
    let (plan, _) = look(&deployed, &lab, false).await;
    assert_eq!((plan.steps(), plan.count(Verdict::Keep)), (0, 1));
}

const DELIVERY: &str = r#"{ "Effect": "Allow", "Resource": "*", "Action": ["logs:CreateLogDelivery", "logs:GetLogDelivery",
  "logs:UpdateLogDelivery", "logs:DeleteLogDelivery", "logs:ListLogDeliveries", "logs:PutResourcePolicy",
  "logs:DescribeResourcePolicies", "logs:DescribeLogGroups"] },"#;
const MACHINES_LOG: &str = "/aws/vendedlogs/states/user1-simple-workflow-Logs";

/// Lab 6 whose state machine logs as these lines of `lab.toml` say; its role's rights come from `rights`.
fn logging_with(lines: &str, rights: &str) -> Class {
    let machine = "definition = \"asl/simple-workflow.json\"\n";
    let statements = "\"Statement\": [";
    let more = format!("{statements}{rights}");
    with_changes(&[
        ("lab.toml", machine, &format!("{machine}{lines}")),
        ("iam/workflow-policy.json", statements, &more),
        ("iam/boundary.json", statements, &more),
    ])
}

fn logging(level: &str, data: bool) -> Value {
    let arn = format!("arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{MACHINES_LOG}:*");
    let mut logging =
        json!({"level": level, "destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": arn}}]});
    // False where it is left out.
    if data {
        logging["includeExecutionData"] = data.into();
    }
    logging
}

#[tokio::test(start_paused = true)]
async fn a_state_machine_logs_as_the_lab_says_and_leaves_nothing() {
    let key = "loggingConfiguration";
    let lines = "logging = \"ALL\"\ninclude_execution_data = true\n";
    let class = logging_with(lines, DELIVERY);
    let aws = StrictAws::new();
    assert_all_well(&deploy_class(&aws, &class).await);
    assert_eq!(aws.setting_of_machine(MACHINE, key), logging("ALL", true));
    let (plan, _) = look(&aws, &class, false).await;
    assert_eq!((plan.steps(), plan.count(Verdict::Keep)), (0, 0));
    // Whatever else a student sets of it is theirs.
    let elsewhere = json!({"level": "ALL", "includeExecutionData": true,
        "destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": "arn:aws:logs:us-east-1:1:log-group:g:*"}}]});
    for theirs in [
        json!({"level": "OFF"}),
        logging("ERROR", true),
        logging("ALL", false),
        elsewhere,
    ] {
        let aws = aws.copy();
        aws.set_of_machine(MACHINE, key, theirs);
        goes_the_way_of_every_change(&aws, &class, MACHINE, key).await;
        assert_eq!(aws.setting_of_machine(MACHINE, key), logging("ALL", true));
    }
    tear_down_class(&aws, &class).await;
    assert_eq!(aws.snapshot(), []);
}

#[tokio::test(start_paused = true)]
async fn logging_that_a_lab_takes_up_changes_or_drops_is_written() {
    let key = "loggingConfiguration";
    let aws = StrictAws::new();
    deploy_class(&aws, &Class::of(&["user1"])).await;
    let class = logging_with("logging = \"ERROR\"\n", DELIVERY);
    let (plan, _) = look(&aws, &class, false).await;
    assert!(item(&plan, MACHINE).why.contains("logging"));
    assert_all_well(&deploy_class(&aws, &class).await);
    assert_eq!(
        aws.setting_of_machine(MACHINE, key),
        logging("ERROR", false)
    );
    let class = logging_with("logging = \"FATAL\"\n", DELIVERY);
    assert_all_well(&deploy_class(&aws, &class).await);
    assert_eq!(
        aws.setting_of_machine(MACHINE, key),
        logging("FATAL", false)
    );
    let class = Class::of(&["user1"]);
    assert_all_well(&deploy_class(&aws, &class).await);
    assert_eq!(
        aws.setting_of_machine(MACHINE, key),
        json!({"level": "OFF"})
    );
    let (plan, _) = look(&aws, &class, false).await;
    assert_eq!((plan.steps(), plan.count(Verdict::Keep)), (0, 0));
    // The group that nothing logs to any more goes with the class.
    tear_down_class(&aws, &class).await;
    assert_eq!(aws.snapshot(), []);
}

#[tokio::test(start_paused = true)]
async fn a_role_that_may_not_deliver_logs_is_refused_as_aws_does() {
    let class = logging_with("logging = \"ALL\"\n", "");
    let aws = StrictAws::new();
    let outcome = deploy_class(&aws, &class).await;
    let said = format!("{outcome:?}");
    assert!(
        said.contains("not authorized to access the Log Destination"),
        "{said}"
    );
}
