use proptest::prelude::*;
use serde_json::json;

use crate::ids::{ClassName, Scope};
use crate::lab::check::Credit;
use crate::lab::*;
use crate::roster::Student;
use crate::stack::kinds::api::ApiEndpoint;
use crate::stack::kinds::api::{Authorization, Throttle};

const LAB: &str = r#"
[lab]
id = "tiny"
title = "Tiny"
minutes = 5
[settings]
region = "us-east-1"
runtime = "python3.13"
log_retention_days = 7
rate = 0.5
auth = "NONE"
limit = 5
[rehearsal.settings]
rate = 1
[[role]]
id = "r"
name = "{{ username }}-role"
trust = "trust.json"
policy = "policy.json"
[[function]]
id = "f"
name = "{{ username }}-fn"
role = "r"
code = "f"
handler = "app.main"
timeout_s = 3
memory_mib = 128
environment = { RATE = "{{ settings.rate }}" }
[[state_machine]]
id = "m"
name = "{{ username }}-machine"
type = "STANDARD"
role = "r"
definition = "machine.json"
[[rest_api]]
id = "a"
name = "{{ username }}-api"
stage = "s"
authorization = "{{ settings.auth }}"
throttle = { rate = "{{ settings.limit }}", burst = 9 }
route = [{ method = "POST", path = "/go", function = "f" }]
[access]
policy = "access.json"
boundary = "boundary.json"
[[output]]
id = "url"
label = "URL"
value = "{{ rest_apis.a.url }}/go"
[[output]]
id = "fn"
label = "Function"
value = "{{ functions.f.name }}"
[[payload]]
id = "p"
title = "P"
template = "p.json"
[marks]
api_name_prefix = "api-"
api_log = { function = "f", line = { "/message" = "started" }, execution = "/execution" }
log_execution = "/execution"
nonce_in = ["/who"]
[[probe]]
id = "go"
title = "Goes"
hint = "Look."
deadline_s = 9
[probe.request]
kind = "api"
api = "a"
method = "POST"
path = "/go"
body = "probe.json"
expect_http = 202
expect_end = { status = "SUCCEEDED" }
[[check]]
id = "logs"
title = "Logs"
work = "student"
points = 1
hint = "Run it."
proof = { kind = "log-events", functions = ["f"], own_execution_of = "m" }
"#;

fn files() -> Files {
    let machine = r#"{ "StartAt": "S", "States": { "S": { "Type": "Pass", "Result": "{{ student.name }}", "End": true } } }"#;
    [
        ("templates/lab.toml", LAB),
        (
            "templates/trust.json",
            r#"{ "Statement": [{ "Sid": "{{ student.email }}", "Effect": "Allow", "Action": "sts:AssumeRole",
                "Principal": { "Service": ["lambda.amazonaws.com", "states.amazonaws.com"] } }] }"#,
        ),
        (
            "templates/policy.json",
            r#"{ "Statement": [{ "Effect": "Allow", "Action": "logs:PutLogEvents", "Resource": "{{ log_groups.f.arn }}:*" }] }"#,
        ),
        ("templates/machine.json", machine),
        (
            "templates/access.json",
            r#"{ "Statement": [{ "Effect": "Allow", "Action": "iam:GetUser", "Resource": ["{{ user.arn }}", "{{ rest_apis.a.arn }}", "{{ rest_apis.a.execute_arn }}/{{ rest_apis.a.stage }}/*"] }] }"#,
        ),
        (
            "templates/boundary.json",
            r#"{ "Statement": [{ "Effect": "Allow", "Action": "states:StopExecution", "Resource": "{{ state_machines.m.execution_arn }}:*" }
                {% if rest_apis.a.id %}, { "Effect": "Allow", "Action": "apigateway:GET", "Resource": "{{ rest_apis.a.arn }}" }{% endif %}] }"#,
        ),
        (
            "templates/p.json",
            r#"{ "user": "{{ username }}", "name": "{{ student.name }}" }"#,
        ),
        ("templates/probe.json", r#"{"who": "{{ nonce }}"}"#),
        ("lambdas/f/app.py", "def main(event, context): pass"),
    ]
    .map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec()))
    .into()
}

/// The tiny lab with one text of its files put in another's place.
fn with(path: &str, old: &str, new: &str) -> Files {
    let mut files = files();
    let text = String::from_utf8(files[path].clone()).unwrap();
    assert!(text.contains(old), "{path} holds no {old}");
    files.insert(path.into(), text.replace(old, new).into_bytes());
    files
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
        name: Some("Ada".into()),
        email: None,
        section: None,
        extra: vec![("team".into(), "blue".into())],
        due: None,
        place: None,
    }
}

fn said(failures: &[Failure]) -> String {
    let lines: Vec<_> = failures
        .iter()
        .map(|f| format!("{f} / {}", f.hint.as_deref().unwrap_or("-")))
        .collect();
    lines.join("\n")
}

fn refusal(files: Files) -> String {
    said(&Lab::parse(files).unwrap_err())
}

/// What is wrong with the lab once it is filled in for two students.
fn refusal_when_filled_in(files: Files) -> String {
    let lab = Lab::parse(files).unwrap();
    said(
        &lab.desired(&scope(), &class(), &[student("ada"), student("bob")])
            .unwrap_err(),
    )
}

#[test]
fn a_column_that_may_not_be_shown_is_refused_with_what_allows_it() {
    let lab = Lab::parse(with(
        "templates/p.json",
        "student.name",
        "student.team | default(value=username)",
    ))
    .unwrap();
    let limit = lab.username_limit();
    let read = |publish: &[String]| {
        Roster::parse_with(
            "c.csv",
            b"username,team,seat\nada,blue,4\n",
            &limit,
            publish,
            &[],
        )
        .unwrap()
    };
    let said = said(&lab.check_columns(&read(&[])).unwrap_err());
    assert_eq!(
        said,
        "templates/p.json: uses the roster's column 'team', which may not be shown / allow it in homeroom.toml: \
         publish-columns = [\"team\"]; students see what a template makes of it"
    );
    assert_eq!(lab.check_columns(&read(&["team".to_owned()])), Ok(()));
    assert_eq!(lab.check_columns(&Roster::default()), Ok(()));
}

#[test]
fn a_stack_is_named_linked_and_filled_in() {
    let lab = Lab::parse(files()).unwrap();
    let desired = lab
        .desired(&scope(), &class(), &[student("ada"), student("bob")])
        .unwrap();
    assert_eq!(desired.stacks.len(), 2);
    let stack = &desired.stacks[1];
    assert_eq!(stack.student().as_str(), "bob");
    let arn = "arn:aws:logs:us-east-1:123456789012:log-group:/aws/lambda/bob-fn:*";
    assert_eq!(stack.roles[0].policy["Statement"][0]["Resource"], arn);
    assert_eq!(stack.log_groups[0].name, "/aws/lambda/bob-fn");
    assert_eq!(stack.log_groups[0].retention_days, 7);
    let function = &stack.functions[0];
    assert_eq!(
        (function.name.as_str(), function.role.as_str()),
        ("bob-fn", "bob-role")
    );
    assert_eq!(function.runtime, "python3.13");
    assert_eq!(function.environment["RATE"], "0.5");
    assert_eq!(
        stack.state_machines[0].definition["States"]["S"]["Result"],
        "Ada"
    );
    assert_eq!(stack.apis[0].routes[0].function, "bob-fn");
}

#[test]
fn names_are_found_again_by_their_patterns() {
    let lab = Lab::parse(files()).unwrap();
    let desired = lab.desired(&scope(), &class(), &[student("ada")]).unwrap();
    let patterns = lab.name_patterns();
    // A policy's name is homeroom's, not the lab's.
    let resources = desired.stacks[0].resource_ids().into_iter();
    let resources: Vec<_> = resources
        .filter(|id| id.kind != crate::stack::kinds::Kind::ManagedPolicy)
        .collect();
    assert_eq!(patterns.len(), resources.len());
    for (pattern, resource) in patterns.iter().zip(resources) {
        assert_eq!(pattern.kind, resource.kind);
        assert_eq!(pattern.username_in(&resource.name), Some("ada"));
    }
}

#[test]
fn every_problem_of_a_bundle_is_said_at_once() {
    let mut files = with(
        "templates/lab.toml",
        "role = \"r\"\ncode",
        "role = \"worker\"\ncode",
    );
    let text = String::from_utf8(files["templates/lab.toml"].clone()).unwrap();
    let text = text
        .replace("timeout_s = 3", "timeout_s = 3000")
        .replace("log_retention_days = 7", "log_retention_days = 8")
        .replace(
            "definition = \"machine.json\"",
            "definition = \"other.json\"",
        )
        .replace("own_execution_of = \"m\"", "own_execution_of = \"x\"")
        .replace("path = \"/go\"\nbody", "path = \"/stop\"\nbody")
        .replace("\"{{ username }}-api\"", "\"api\"");
    files.insert("templates/lab.toml".into(), text.into_bytes());
    files.insert(
        "templates/p.json".into(),
        br#"{ "n": "{{ student.name | safe }}" }"#.to_vec(),
    );
    files.remove("lambdas/f/app.py");
    let said = refusal(files);
    for expected in [
        "role = \"worker\" names no [[role]] / role here: r",
        "timeout_s = 3000",
        "log_retention_days is 8",
        "there is no file templates/other.json",
        "own_execution_of = \"x\"",
        "has no route POST /stop",
        "[[rest_api]] \"a\": name must hold {{ username }} once",
        "templates/p.json: {{ student.name }} uses the filter 'safe'",
        "there are no files in lambdas/f/",
    ] {
        assert!(said.contains(expected), "{expected}\n---\n{said}");
    }
    assert_eq!(said.lines().count(), 9, "{said}");
}

#[test]
fn a_key_that_is_not_known_is_named_with_its_line() {
    let said = refusal(with(
        "templates/lab.toml",
        "memory_mib = 128",
        "memory = 128",
    ));
    assert!(said.starts_with("templates/lab.toml, line "), "{said}");
    assert!(said.contains("memory"), "{said}");
    for (old, new, expected) in [
        ("deadline_s = 9", "deadline_s = 9\ncolour = 1", "colour"),
        (
            "hint = \"Run it.\"",
            "hint = \"Run it.\"\nhnit = \"x\"",
            "hnit",
        ),
        ("own_execution_of", "own_executions_of", "own_executions_of"),
        ("type = \"STANDARD\"", "type = \"FAST\"", "FAST"),
        ("[lab]", "[lab", "line 2"),
    ] {
        let said = refusal(with("templates/lab.toml", old, new));
        assert!(said.contains(expected), "{new}: {said}");
    }
}

#[test]
fn a_folder_without_a_manifest_is_no_lab() {
    assert!(refusal(Files::new()).contains("templates/lab.toml: is not there"));
}

#[test]
fn faults_of_the_manifest_name_their_entry() {
    for (old, new, expected) in [
        (
            "id = \"f\"",
            "id = \"my-f\"",
            "[[function]] \"my-f\": an id begins with",
        ),
        (
            "id = \"fn\"",
            "id = \"url\"",
            "[[output]] \"url\": this id is used twice",
        ),
        ("memory_mib = 128", "memory_mib = 64", "memory_mib = 64"),
        (
            "RATE =",
            "RA-TE =",
            "no environment variable named \"RA-TE\"",
        ),
        (
            "handler = \"app.main\"",
            "handler = \"main\"",
            "handler = \"main\" is not",
        ),
        (
            "handler = \"app.main\"",
            "handler = \"ap.main\"",
            "no file lambdas/f/ap.py",
        ),
        (
            "method = \"POST\", path",
            "method = \"SEND\", path",
            "method = \"SEND\"",
        ),
        (
            "path = \"/go\", function",
            "path = \"go\", function",
            "path = \"go\" is no path",
        ),
        ("stage = \"s\"", "stage = \"a b\"", "no stage name"),
        (
            "\"{{ settings.auth }}\"",
            "\"OPEN\"",
            "[[rest_api]] \"a\": authorization is \"OPEN\", not NONE or AWS_IAM",
        ),
        (
            "burst = 9",
            "burst = 5001",
            "[[rest_api]] \"a\": throttle.burst is \"5001\", not a whole number from 1 to 5000",
        ),
        ("burst = 9", "burst = 0", "throttle.burst is \"0\""),
        ("burst = 9", "burst = 0.5", "a whole number, or a text like"),
        ("limit = 5", "limit = 0.5", "throttle.rate is \"0.5\""),
        (
            "\"{{ settings.limit }}\"",
            "\"{{ username }}\"",
            "throttle.rate: {{ username }} is nothing that can be filled in here; known here: lab, settings",
        ),
        ("expect_http = 202", "expect_http = 20", "expect_http = 20"),
        (
            "status = \"SUCCEEDED\"",
            "status = \"RUNNING\"",
            "does not end in RUNNING",
        ),
        ("\"/who\"", "\"who\"", "\"who\" is not a JSON pointer"),
        (
            "api_name_prefix = \"api-\"",
            "api_name_prefix = \"\"",
            "api_name_prefix is empty",
        ),
        (
            "{{ username }}-role",
            "{{ username | upper }}-role",
            "must hold {{ username }} once",
        ),
        (
            "{{ username }}-role",
            "{{ username }}-{{ username }}",
            "must hold {{ username }} once",
        ),
        (
            "{{ username }}-role",
            "{{ username }}-{{ account }}",
            "names know username, lab and settings only",
        ),
        ("{{ username }}-role", "{{ username }} role", "contains ' '"),
        (
            "definition = \"machine.json\"",
            "definition = \"machine.txt\"",
            "no file templates/machine.txt",
        ),
        (
            "policy = \"access.json\"",
            "policy = \"other.json\"",
            "[access] policy = \"other.json\": there is no file",
        ),
        ("rate = 1\n", "speed = 1\n", "\"speed\" is no setting"),
    ] {
        let said = refusal(with("templates/lab.toml", old, new));
        assert!(said.contains(expected), "{new}: {expected}\n---\n{said}");
    }
}

#[test]
fn a_runtime_or_variable_that_lambda_refuses_is_refused_at_once() {
    let lab = "templates/lab.toml";
    let said = refusal(with(lab, "python3.13", "pythn3.13"));
    assert!(
        said.contains("runtime = \"pythn3.13\" is none of Lambda's"),
        "{said}"
    );
    let said = refusal(with(
        lab,
        "environment = { RATE =",
        "environment = { AWS_REGION = \"x\", RATE =",
    ));
    assert!(
        said.contains("environment: AWS_REGION is Lambda's own"),
        "{said}"
    );
}

#[test]
fn names_without_room_for_a_username_are_refused() {
    let long = format!("{{{{ username }}}}-{}", "x".repeat(63));
    let said = refusal(with("templates/lab.toml", "{{ username }}-role", &long));
    assert!(said.contains("leaves no room for a username"), "{said}");
}

#[test]
fn faults_that_show_only_when_filled_in_are_found_before_any_change() {
    for (path, old, new, expected) in [
        (
            "templates/machine.json",
            "\"End\": true",
            "\"Next\": \"Nowhere\"",
            "goes on to \"Nowhere\"",
        ),
        (
            "templates/machine.json",
            "\"StartAt\": \"S\",",
            "",
            "has no StartAt",
        ),
        (
            "templates/machine.json",
            "\"StartAt\": \"S\",",
            "\n\"StartAt\": \"T\", \"StartAt\": \"S\",",
            "line 2: \"StartAt\" stands twice in one object",
        ),
        (
            "templates/machine.json",
            "\"End\": true",
            "\n\"End\": true, \"Output\": 1",
            "line 2: Output of state \"S\" belongs to JSONata",
        ),
        (
            "templates/machine.json",
            "\"End\": true }",
            "\"End\": true ",
            "is not JSON once it is filled in",
        ),
        (
            "templates/policy.json",
            "Statement",
            "Statment",
            "is no inline policy: it has no Statement",
        ),
        (
            "templates/policy.json",
            "log_groups.f",
            "log_groups.g",
            "log_groups.g",
        ),
        (
            "templates/access.json",
            "Statement",
            "Statment",
            "is no access policy: it has no Statement",
        ),
        (
            "templates/access.json",
            "user.arn",
            "user.tags",
            "user.tags",
        ),
        (
            "templates/boundary.json",
            "{% if rest_apis.a.id %}",
            "{% if username %}",
            "rest_apis.a.arn",
        ),
        (
            "templates/p.json",
            "{{ username }}\",",
            "\"",
            "templates/p.json",
        ),
        (
            "templates/p.json",
            "student.name",
            "student.seat",
            "student.seat",
        ),
        (
            "templates/lab.toml",
            "functions.f.name }}\"",
            "functions.f.url }}\"",
            "[[output]] \"fn\": value",
        ),
        (
            "templates/lab.toml",
            "settings.rate",
            "settings.speed",
            "environment.RATE",
        ),
    ] {
        let said = refusal_when_filled_in(with(path, old, new));
        assert!(said.contains(expected), "{new}: {expected}\n---\n{said}");
        assert!(
            said.contains("(for ada, bob)"),
            "one failure for both students: {said}"
        );
    }
}

#[test]
fn documents_too_large_for_aws_are_refused() {
    let large = |path: &str, n: usize| {
        let text = format!("{{ \"Statement\": [\"{}\"] }}", "x".repeat(n));
        let mut files = files();
        files.insert(path.into(), text.into_bytes());
        files
    };
    assert!(refusal_when_filled_in(large("templates/trust.json", 2048)).contains("IAM takes 2048"));
    assert!(
        refusal_when_filled_in(large("templates/policy.json", 10_240)).contains("IAM takes 10240")
    );
    for what in ["access", "boundary"] {
        let path = format!("templates/{what}.json");
        let said = refusal_when_filled_in(large(&path, 6144));
        assert!(said.contains("IAM takes 6144"), "{said}");
    }
    let filled = "x".repeat(4096);
    let said = refusal_when_filled_in(with("templates/lab.toml", "{{ settings.rate }}", &filled));
    assert!(said.contains("Lambda takes 4096"), "{said}");
}

#[test]
fn jsonata_in_a_definition_stays_and_its_template_is_filled_in() {
    let definition = r#"{ "QueryLanguage": "JSONata", "StartAt": "S", "States": { "S": { "Type": "Pass", "End": true,
        "Output": { "a": "{% { \"x\": [{{1}}], \"y\": $states.input.y } %}", "b": "{{ username }}" } } } }"#;
    let mut files = files();
    files.insert("templates/machine.json".into(), definition.into());
    let lab = Lab::parse(files).unwrap();
    let desired = lab.desired(&scope(), &class(), &[student("ann")]);
    let output = &desired.unwrap().stacks[0].state_machines[0].definition["States"]["S"]["Output"];
    assert_eq!(
        output["a"],
        r#"{% { "x": [{{1}}], "y": $states.input.y } %}"#
    );
    assert_eq!(output["b"], "ann");
}

#[test]
fn a_roster_value_never_becomes_an_expression() {
    let definition = r#"{ "QueryLanguage": "JSONata", "StartAt": "S", "States": { "S": { "Type": "Pass", "End": true,
        "Assign": { "a": "{% $x %}", "who": "{{ student.name }}" } } } }"#;
    let mut files = files();
    files.insert("templates/machine.json".into(), definition.into());
    let lab = Lab::parse(files).unwrap();
    let mut hostile = student("eve");
    hostile.name = Some("{% $states.context %}".into());
    let refused = lab.desired(&scope(), &class(), &[student("ada"), hostile]);
    let said = said(&refused.unwrap_err());
    assert!(
        said.contains("(for eve)") && said.contains("run as an expression"),
        "{said}"
    );
}

/// What is refused of a lab for a class in which a student has this name; empty where nothing is.
fn refusals_with_name(files: Files, name: &str) -> String {
    let mut eve = student("eve");
    eve.name = Some(name.into());
    let lab = Lab::parse(files).unwrap();
    let desired = lab.desired(&scope(), &class(), &[student("ada"), eve]);
    desired.map_or_else(|failures| said(&failures), |_| String::new())
}

#[test]
fn a_roster_value_never_becomes_a_pattern_of_a_policy() {
    let refused = |path: &str, bucket: &str, name: &str| {
        let statement = format!(
            "\"Statement\": [{{ \"Effect\": \"Allow\", \"Action\": \"s3:GetObject\", \"Resource\": \"arn:aws:s3:::b/{bucket}/x\" }}, {{"
        );
        let files = with(path, "\"Statement\": [{", &statement);
        refusals_with_name(files, name)
    };
    for path in [
        "templates/policy.json",
        "templates/access.json",
        "templates/boundary.json",
    ] {
        for name in ["*", "e?e", "${aws:username}"] {
            let said = refused(path, "{{ student.name }}", name);
            let begin = format!("{path} (for eve): line 1: the roster's \"name\" holds");
            assert!(
                said.starts_with(&begin) && said.lines().count() == 1,
                "{name}: {said}"
            );
        }
    }
    // Two halves that each are harmless.
    let halves = refused(
        "templates/policy.json",
        "${{ student.name }}",
        "{aws:username}",
    );
    assert!(halves.contains("would read as a pattern"), "{halves}");
    for (bucket, name) in [
        ("{{ student.name }}", "Eve O'Brien ($5)"),
        ("{{ student.name | replace(from='*', to='') }}", "E*ve"),
        ("{{ username }}", "*"),
    ] {
        assert_eq!(
            refused("templates/policy.json", bucket, name),
            "",
            "{bucket} {name}"
        );
    }
}

#[test]
fn a_roster_value_never_becomes_code_of_a_definition() {
    let refused = |field: &str, name: &str| {
        let definition = format!(
            r#"{{ "StartAt": "S", "States": {{ "S": {{ "Type": "Pass", "End": true,
            "Parameters": {{ {field} }} }} }} }}"#
        );
        let mut files = files();
        files.insert("templates/machine.json".into(), definition.into_bytes());
        refusals_with_name(files, name)
    };
    let greet = r#""hi.$": "States.Format('Hi {{ student.name }} {}', $.who)""#;
    let path = r#""hi.$": "$.names.{{ student.name }}""#;
    for (field, name) in [
        (greet, "O'Brien"),
        (greet, "{} {}', $.secret, '"),
        (path, "x[$.y]"),
        (r#""hi.$": "$.x{{ student.name }}""#, "\\"),
    ] {
        let said = refused(field, name);
        let begin = "templates/machine.json (for eve): line 2: the roster's \"name\" would be read as a path";
        assert!(
            said.starts_with(begin) && said.lines().count() == 1,
            "{name}: {said}"
        );
        assert!(said.contains("\"who\": \"{{ student.name }}\""), "{said}");
    }
    assert_eq!(refused(greet, "Eve Example"), "");
    assert_eq!(
        refused(r#""hi": "{{ student.name }}""#, "O'Brien {} $.secret"),
        ""
    );
}

#[test]
fn a_role_must_let_in_what_runs_with_it() {
    let said = refusal_when_filled_in(with(
        "templates/trust.json",
        "\"states.amazonaws.com\"",
        "\"stats.amazonaws.com\"",
    ));
    let words = "state machine \"m\" has the role \"r\", and this trust policy lets lambda.amazonaws.com, stats.amazonaws.com \
                 assume it, not states.amazonaws.com";
    assert!(
        said.starts_with("templates/trust.json (for ada, bob): ") && said.contains(words),
        "{said}"
    );
    assert_eq!(said.lines().count(), 1, "{said}");
}

#[test]
fn students_whose_names_collide_are_named() {
    let lab = Lab::parse(files()).unwrap();
    let failures = lab
        .desired(&scope(), &class(), &[student("ada"), student("ADA")])
        .unwrap_err();
    assert!(said(&failures).contains("students ada and ADA would both have this name"));
}

#[test]
fn settings_are_overridden_by_known_keys_of_the_same_type() {
    let lab = || Lab::parse(files()).unwrap();
    let one = |key: &str, value: toml::Value| BTreeMap::from([(key.to_owned(), value)]);
    assert_eq!(lab().region(), "us-east-1");
    let changed = lab()
        .with_settings(&one("region", "eu-west-1".into()))
        .unwrap();
    assert_eq!(changed.region(), "eu-west-1");
    let rehearsal = lab();
    let rehearsal = rehearsal
        .clone()
        .with_settings(rehearsal.rehearsal_settings())
        .unwrap();
    let desired = rehearsal
        .desired(&scope(), &class(), &[student("ada")])
        .unwrap();
    assert_eq!(desired.stacks[0].functions[0].environment["RATE"], "1");
    for (key, value, expected) in [
        (
            "colour",
            "red".into(),
            "\"colour\" is no setting of lab tiny / settings here: ",
        ),
        (
            "rate",
            "fast".into(),
            "rate = \"fast\" is a string, not a float",
        ),
        ("log_retention_days", 8.into(), "log_retention_days is 8"),
        ("region", "".into(), "region is missing"),
    ] {
        let failures = lab().with_settings(&one(key, value)).unwrap_err();
        assert!(said(&failures).contains(expected), "{}", said(&failures));
    }
}

#[test]
fn who_may_call_an_api_and_how_often_can_be_settings() {
    let api = |lab: &Lab| {
        let mut desired = lab.desired(&scope(), &class(), &[student("ada")]).unwrap();
        desired.stacks.remove(0).apis.remove(0)
    };
    let request = |lab: &Lab| {
        let endpoint = ApiEndpoint {
            id: "abc".into(),
            url: "http://x/s".into(),
        };
        let apis = BTreeMap::from([("ada-api".to_owned(), endpoint)]);
        let mut requests = lab.example_requests(&scope(), &class(), &student("ada"), &apis);
        requests.remove(0)
    };
    let lab = Lab::parse(files()).unwrap();
    let before = api(&lab);
    assert_eq!(before.authorization, Authorization::None);
    assert_eq!(before.throttle, Some(Throttle { rate: 5, burst: 9 }));
    assert_eq!(request(&lab).sigv4, None);
    let settings = [("auth", "AWS_IAM".into()), ("limit", 7.into())];
    let settings = settings.map(|(key, value): (&str, toml::Value)| (key.to_owned(), value));
    let lab = lab.with_settings(&settings.into()).unwrap();
    let after = api(&lab);
    assert_eq!(after.authorization, Authorization::AwsIam);
    assert_eq!(after.throttle, Some(Throttle { rate: 7, burst: 9 }));
    assert_ne!(before.fingerprint(&scope()), after.fingerprint(&scope()));
    let signature = "aws:amz:us-east-1:execute-api".to_owned();
    assert_eq!(request(&lab).sigv4, Some(signature));

    let plain = with("templates/lab.toml", "throttle = ", "# ");
    let lab = Lab::parse(plain).unwrap();
    assert_eq!(api(&lab).throttle, None);
}

/// The tiny lab with an API whose type is a setting.
fn typed_files() -> Files {
    let mut files = files();
    for content in files.values_mut() {
        let text = String::from_utf8(content.clone()).unwrap();
        let text = text
            .replace("rest_apis.a", "apis.a")
            .replace(
                "[[rest_api]]",
                "[[api]]\ntype = \"{{ settings.api_type }}\"",
            )
            .replace("limit = 5", "limit = 5\napi_type = \"REST\"");
        *content = text.into_bytes();
    }
    files
}

#[test]
fn an_apis_type_can_be_a_setting_and_decides_its_kind_stage_and_arns() {
    let of_type = |api_type: &str| {
        let lab = Lab::parse(typed_files()).unwrap();
        let settings = [("api_type".to_owned(), api_type.into())];
        lab.with_settings(&settings.into())
    };
    let shown = |lab: &Lab| {
        let stack = lab.desired(&scope(), &class(), &[student("ada")]).unwrap();
        let api = stack.stacks[0].apis[0].clone();
        let endpoint = ApiEndpoint {
            id: "abc".into(),
            url: "http://x".into(),
        };
        let apis = BTreeMap::from([(api.name.clone(), endpoint)]);
        let access = lab.access(&scope(), &class(), &student("ada"), &apis);
        let policy = access.unwrap().unwrap().policy;
        let probes = lab
            .probes(&scope(), &class(), &student("ada"), "n")
            .unwrap();
        let about = probes[0].request.resource().unwrap();
        (
            about.to_string(),
            api.stage,
            policy["Statement"][0]["Resource"].clone(),
        )
    };
    let (rest, http) = (of_type("REST").unwrap(), of_type("HTTP").unwrap());
    let user = "arn:aws:iam::123456789012:user/homeroom/spring/ada";
    let resources = |managed: &str, stage: &str| {
        json!([
            user,
            format!("arn:aws:apigateway:us-east-1::/{managed}/abc"),
            format!("arn:aws:execute-api:us-east-1:123456789012:abc/{stage}/*"),
        ])
    };
    let expected = |kind: &str, stage: &str, resources| {
        (format!("{kind} ada-api"), stage.to_owned(), resources)
    };
    assert_eq!(
        shown(&rest),
        expected("REST API", "s", resources("restapis", "s"))
    );
    let http_resources = resources("apis", "$default");
    assert_eq!(
        shown(&http),
        expected("HTTP API", "$default", http_resources)
    );
    assert_eq!(rest.api_types(), [ApiType::Rest].into());
    let missing = http
        .access(&scope(), &class(), &student("ada"), &BTreeMap::new())
        .unwrap_err();
    assert!(
        said(&missing).contains("HTTP API ada-api has no id"),
        "{}",
        said(&missing)
    );
    assert_eq!(
        said(&of_type("SOAP").unwrap_err()),
        "templates/lab.toml: [[api]] \"a\": type is \"SOAP\", not REST or HTTP / \
         it is filled in from {{ settings.api_type }}"
    );
}

#[test]
fn a_type_or_stage_that_does_not_fit_is_refused() {
    let parsed = |old: &str, new: &str| {
        let mut files = typed_files();
        let text = String::from_utf8(files["templates/lab.toml"].clone()).unwrap();
        assert!(text.contains(old), "{old}");
        files.insert(
            "templates/lab.toml".into(),
            text.replace(old, new).into_bytes(),
        );
        refusal(files)
    };
    let declared = "type = \"{{ settings.api_type }}\"";
    for (old, new, expected) in [
        (declared, "", "type is missing; it is REST or HTTP"),
        (
            declared,
            "type = \"http\"",
            "type is \"http\", not REST or HTTP / -",
        ),
        (
            declared,
            "type = \"HTTP\"",
            "stage = \"s\": the stage of an HTTP API is $default; leave it out",
        ),
        (
            "stage = \"s\"",
            "",
            "stage is missing; a REST API answers at a stage",
        ),
        ("stage = \"s\"", "stage = \"$default\"", "is no stage name"),
        (
            "[[api]]",
            "[[rest_api]]",
            "a [[rest_api]] is of the type REST; write [[api]]",
        ),
    ] {
        let said = parsed(old, new);
        assert!(said.contains(expected), "{new}: {said}");
    }
}

#[test]
fn outputs_that_need_an_api_wait_for_it() {
    let lab = Lab::parse(files()).unwrap();
    let ids = |apis: &BTreeMap<_, _>| -> Vec<_> {
        let outputs = lab.outputs(&scope(), &class(), &student("ada"), apis);
        outputs.into_iter().map(|o| (o.id, o.value)).collect()
    };
    let function = ("fn".to_owned(), "ada-fn".to_owned());
    assert_eq!(ids(&BTreeMap::new()), std::slice::from_ref(&function));
    let endpoint = ApiEndpoint {
        id: "abc".into(),
        url: "http://x/s".into(),
    };
    let url = ("url".to_owned(), "http://x/s/go".to_owned());
    assert_eq!(
        ids(&BTreeMap::from([("ada-api".to_owned(), endpoint)])),
        [url, function]
    );
}

#[test]
fn access_names_the_students_own_and_waits_for_the_api() {
    let lab = Lab::parse(files()).unwrap();
    let ada = student("ada");
    let endpoint = ApiEndpoint {
        id: "abc".into(),
        url: "http://x/s".into(),
    };
    let apis = BTreeMap::from([("ada-api".to_owned(), endpoint)]);
    let access = lab.access(&scope(), &class(), &ada, &apis).unwrap();
    let access = access.unwrap();
    let own = json!([
        "arn:aws:iam::123456789012:user/homeroom/spring/ada",
        "arn:aws:apigateway:us-east-1::/restapis/abc",
        "arn:aws:execute-api:us-east-1:123456789012:abc/s/*"
    ]);
    assert_eq!(access.policy["Statement"][0]["Resource"], own);
    let executions = "arn:aws:states:us-east-1:123456789012:execution:ada-machine:*";
    assert_eq!(access.boundary["Statement"][0]["Resource"], executions);
    assert_eq!(access.boundary["Statement"][1]["Resource"], own[1]);

    // Before the stack is there: its roles get the boundary, and the student no access.
    let none = BTreeMap::new();
    let boundary = lab.boundary(&scope(), &class(), &ada, &none).unwrap();
    let before = boundary.unwrap();
    assert_eq!(before["Statement"].as_array().unwrap().len(), 1);
    assert_eq!(before["Statement"][0]["Resource"], executions);
    let refused = said(&lab.access(&scope(), &class(), &ada, &none).unwrap_err());
    assert!(
        refused.contains("REST API ada-api has no id before it is deployed"),
        "{refused}"
    );
}

#[test]
fn a_lab_without_access_gives_none() {
    let table = "[access]\npolicy = \"access.json\"\nboundary = \"boundary.json\"\n";
    let lab = Lab::parse(with("templates/lab.toml", table, "")).unwrap();
    let none = BTreeMap::new();
    let ada = student("ada");
    assert!(!lab.has_access());
    assert_eq!(lab.access(&scope(), &class(), &ada, &none), Ok(None));
    assert_eq!(lab.boundary(&scope(), &class(), &ada, &none), Ok(None));
}

#[test]
fn marks_that_prove_nothing_or_cannot_be_looked_for_are_refused() {
    for (old, new, said) in [
        (
            "api_name_prefix = \"api-\"",
            "api_name_prefix = \"\"",
            "would count as started by the API",
        ),
        (
            "function = \"f\", line",
            "function = \"g\", line",
            "api_log.function",
        ),
        (
            "{ \"/message\" = \"started\" }",
            "{}",
            "every line of the log",
        ),
        ("\"started\"", "\"st*\"", "plain characters"),
        (
            "execution = \"/execution\" }",
            "execution = \"/a b\" }",
            "cannot be searched for",
        ),
        (
            "log_execution = \"/execution\"",
            "log_execution = \"/0\"",
            "log_execution",
        ),
        (
            "nonce_in = [\"/who\"]",
            "nonce_in = [\"who\"]",
            "is not a JSON pointer",
        ),
        ("api_log =", "api_input = {}\napi_log =", "api_log = {"),
        (
            "nonce_in =",
            "homeroom_input = {}\nnonce_in =",
            "{{ nonce }}",
        ),
        (
            "nonce_in =",
            "homeroom_name_prefixes = []\nnonce_in =",
            "{{ nonce }}",
        ),
    ] {
        let failures = Lab::parse(with("templates/lab.toml", old, new)).unwrap_err();
        let text = format!("{failures:?}");
        assert!(text.contains(said), "{new}: {text}");
    }
}

#[test]
fn a_check_of_the_way_needs_the_log_line_that_proves_it() {
    let check = "proof = { kind = \"executions\", state_machine = \"m\", started_by = \"WAY\" }";
    let log = "api_log = { function = \"f\", line = { \"/message\" = \"started\" }, execution = \"/execution\" }\n";
    let proof = "proof = { kind = \"log-events\", functions = [\"f\"], own_execution_of = \"m\" }";
    let lab = |way: &str, without: &str| {
        let mut files = with("templates/lab.toml", proof, &check.replace("WAY", way));
        let text = String::from_utf8(files["templates/lab.toml"].clone()).unwrap();
        files.insert(
            "templates/lab.toml".into(),
            text.replace(without, "").into_bytes(),
        );
        Lab::parse(files)
    };
    for way in ["api", "person"] {
        assert!(lab(way, "\u{0}").is_ok(), "{way}");
        let text = format!("{:?}", lab(way, log).unwrap_err());
        assert!(text.contains("needs api_log"), "{text}");
    }
    for way in ["homeroom", "student", "unclear"] {
        let text = format!("{:?}", lab(way, "\u{0}").unwrap_err());
        assert!(text.contains("\\\"person\\\" or"), "{text}");
    }
}

#[test]
fn a_probe_whose_execution_could_not_be_known_again_is_refused() {
    let lab = Lab::parse(with("templates/probe.json", "{{ nonce }}", "probe")).unwrap();
    let failures = lab
        .desired(&scope(), &class(), &[student("ada")])
        .unwrap_err();
    let text = format!("{failures:?}");
    assert!(
        text.contains("nonce_in") && text.contains("probe.json"),
        "{text}"
    );
}

#[test]
fn probes_payloads_and_routes_are_the_students_own() {
    let lab = Lab::parse(files()).unwrap();
    let ada = student("ada");
    let probes = lab.probes(&scope(), &class(), &ada, "7abcdefgh2").unwrap();
    let ProbeRequest::Api {
        api,
        stage,
        body,
        execution_arn_pointer,
        ..
    } = &probes[0].request
    else {
        panic!("{probes:?}");
    };
    assert_eq!((api.as_str(), stage.as_str()), ("ada-api", "s"));
    assert_eq!(execution_arn_pointer, "/executionArn");
    let sent = "{\"who\": \"homeroom-7abcdefgh2\"}";
    assert_eq!(body.as_deref(), Some(sent));
    let payload = lab.payload("p", &scope(), &class(), &ada);
    assert_eq!(lab.payload("q", &scope(), &class(), &ada), None);
    assert_eq!(
        Some(&lab.payloads(&scope(), &class(), &ada)[0].text),
        payload.as_ref()
    );
    assert_eq!(lab.api_routes(&ada.username)[0].path, "/go");
    assert_eq!(
        lab.function_name("f", &ada.username).as_deref(),
        Some("ada-fn")
    );
    assert_eq!(
        lab.state_machine_name("m", &ada.username).as_deref(),
        Some("ada-machine")
    );
    assert_eq!(lab.state_machine_name("x", &ada.username), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn hostile_roster_values_stay_texts(name in any::<String>(), email in "[\"\\\\\\n{}\\[\\]:,%]{0,30}") {
        let lab = Lab::parse(files()).unwrap();
        let mut ada = student("ada");
        ada.name = Some(name.clone());
        ada.email = Some(email.clone());
        let desired = lab.desired(&scope(), &class(), &[ada.clone()]).unwrap();
        let stack = &desired.stacks[0];
        prop_assert_eq!(&stack.roles[0].trust["Statement"][0]["Sid"], &json!(email));
        prop_assert_eq!(&stack.state_machines[0].definition["States"]["S"]["Result"], &json!(name));
        let payload = lab.payload("p", &scope(), &class(), &ada).unwrap();
        let payload: serde_json::Value = serde_json::from_str(&payload).unwrap();
        prop_assert_eq!(payload, json!({ "user": "ada", "name": name }));
    }
}

#[test]
fn an_unknown_kind_of_proof_is_refused_with_the_known_ones() {
    let old = r#"proof = { kind = "log-events", functions = ["f"], own_execution_of = "m" }"#;
    let new = r#"proof = { kind = "cloudtrail-events", events = ["DescribeExecution"] }"#;
    let failures = Lab::parse(with("templates/lab.toml", old, new)).unwrap_err();
    let said: Vec<String> = failures.iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        [
            "templates/lab.toml, line 81: [[check]] \"logs\": kind = \"cloudtrail-events\": it is none of those known here: \
             \"resources-exist\", \"resources-ready\", \"executions\", \"log-events\", \"invocations\", \"unprovable\""
        ]
    );
}

/// The tiny lab with another check at its end.
fn with_check(check: &str) -> Files {
    let last = "proof = { kind = \"log-events\", functions = [\"f\"], own_execution_of = \"m\" }\n";
    let both = format!("{last}[[check]]\nid = \"c\"\ntitle = \"C\"\nhint = \"Do it.\"\n{check}\n");
    with("templates/lab.toml", last, &both)
}

#[test]
fn points_on_the_instructors_work_are_refused_with_line_and_fix() {
    let stack = "work = \"stack\"\nproof = { kind = \"resources-exist\" }\n";
    for fine in ["", "points = 0\n"] {
        let lab = Lab::parse(with_check(&format!("{fine}{stack}"))).unwrap();
        assert!(lab.checks()[1].points.is_zero());
    }
    let files = with_check(&format!("points = 10\n{stack}"));
    let text = String::from_utf8(files["templates/lab.toml"].clone()).unwrap();
    let line = 1 + text.lines().position(|l| l == "points = 10").unwrap();
    let said = refusal(files);
    for expected in [
        format!("lab.toml, line {line}: [[check]] \"c\": points = 10, but work = \"stack\""),
        "delete this line".to_owned(),
    ] {
        assert!(said.contains(&expected), "{expected}\n{said}");
    }
}

#[test]
fn a_task_says_its_points_to_two_decimals_at_most() {
    let task = "work = \"student\"\nproof = { kind = \"executions\", state_machine = \"m\" }\n";
    let said = refusal(with_check(task));
    assert!(
        said.contains("[[check]] \"c\": points is missing"),
        "{said}"
    );
    let lab = Lab::parse(with_check(&format!("points = 7.25\n{task}"))).unwrap();
    assert_eq!(lab.checks()[1].points.to_string(), "7.25");
    for wrong in ["7.125", "-1", "\"7\""] {
        let said = refusal(with_check(&format!("points = {wrong}\n{task}")));
        assert!(said.contains("at most two decimals"), "{said}");
        assert!(said.contains("lab.toml, line "), "{said}");
    }
}

#[test]
fn credit_for_parts_needs_parts_that_can_be_counted() {
    let check = |work: &str, proof: &str| {
        with_check(&format!(
            "work = \"{work}\"\npoints = 0\ncredit = \"each\"\nproof = {{ {proof} }}\n"
        ))
    };
    let executions = "kind = \"executions\", state_machine = \"m\"";
    for fine in [
        format!("{executions}, count = 5"),
        format!("{executions}, one_for_each = {{ \"/a\" = [1, 2, 3] }}, count = 3"),
        "kind = \"log-events\", functions = [\"f\"], own_execution_of = \"m\"".to_owned(),
    ] {
        let lab = Lab::parse(check("student", &fine)).unwrap();
        assert_eq!(lab.checks()[1].credit, Credit::Each);
    }
    for (work, wrong, expected) in [
        (
            "stack",
            "kind = \"resources-ready\"".to_owned(),
            "earns nothing",
        ),
        (
            "student",
            "kind = \"unprovable\", why = \"w\"".to_owned(),
            "its proof counts nothing",
        ),
        (
            "student",
            format!("{executions}, one_for_each = {{ \"/a\" = [1, 2] }}, count = 5"),
            "proof.count = 5 cannot be counted as well",
        ),
        (
            "student",
            format!("{executions}, one_for_each = {{ \"/a\" = [1, 1] }}"),
            "names 1 twice",
        ),
        (
            "student",
            format!("{executions}, one_for_each = {{ \"/a\" = [] }}"),
            "names no value",
        ),
        (
            "student",
            format!("{executions}, count = 0"),
            "passes without any execution",
        ),
    ] {
        let said = refusal(check(work, &wrong));
        assert!(said.contains(expected), "{wrong}: {said}");
    }
}

#[test]
fn a_task_that_a_probe_would_do_for_everybody_is_refused() {
    let check = |work: &str| {
        with_check(&format!(
            "work = \"{work}\"\nproof = {{ kind = \"log-events\", functions = [\"f\"] }}\n"
        ))
    };
    let said = refusal(check("student\"\npoints = 1 #"));
    for expected in [
        "[[check]] \"c\": a log event of anybody's would pass it, also of homeroom's own probe \"go\"",
        "write own_execution_of = \"m\"",
    ] {
        assert!(said.contains(expected), "{said}");
    }
    assert!(Lab::parse(check("stack")).is_ok());
}

#[test]
fn nothing_asks_for_executions_of_an_express_workflow() {
    let express = |more: &str| {
        let mut files = with("templates/lab.toml", "\"STANDARD\"", "\"EXPRESS\"");
        let text = String::from_utf8(files["templates/lab.toml"].clone()).unwrap();
        files.insert(
            "templates/lab.toml".into(),
            format!("{text}{more}").into_bytes(),
        );
        refusal(files)
    };
    let probe = "[[probe]]\nid = \"x\"\ntitle = \"X\"\nhint = \"Look.\"\ndeadline_s = 9\nrequest = { kind = \"execution\", state_machine = \
                 \"m\", input = \"probe.json\", expect_end = { status = \"SUCCEEDED\" } }\n";
    let check = "[[check]]\nid = \"x\"\ntitle = \"X\"\nwork = \"student\"\npoints = 1\nhint = \"Do.\"\nproof = { kind = \"executions\", \
                 state_machine = \"m\" }\n";
    let step = "[[rehearsal.step]]\nhow = \"execution\"\nstate_machine = \"m\"\nname = \"x\"\npayload = \"p\"\n";
    // The check of the lab itself asks for an execution of its own.
    for (more, whose) in [
        (probe, "[[probe]] \"x\": state_machine = \"m\""),
        (check, "[[check]] \"x\": proof.state_machine = \"m\""),
        (step, "[[rehearsal.step]] 1: state_machine = \"m\""),
        ("", "[[check]] \"logs\": proof.own_execution_of = \"m\""),
    ] {
        let said = express(more);
        assert!(
            said.contains("[[probe]] \"go\": expect_end asks how an execution ends"),
            "{said}"
        );
        let expected = format!(
            "{whose} is of the type EXPRESS, whose executions AWS neither lists nor describes"
        );
        assert!(said.contains(&expected), "{said}");
        assert!(said.contains("write type = \"STANDARD\""), "{said}");
    }
}

/// The tiny lab, whose function may start executions or not, with another probe in the place of its own.
fn probed(right: &str, request: &str) -> Files {
    let mut files = with(
        "templates/policy.json",
        "\"Resource\"",
        &format!("\"Effect\": \"Allow\", \"Action\": \"{right}\", \"Resource\""),
    );
    let text = String::from_utf8(files["templates/lab.toml"].clone()).unwrap();
    let (before, rest) = text.split_once("[probe.request]\n").unwrap();
    let (_, after) = rest.split_once("[[check]]").unwrap();
    let text = format!("{before}[probe.request]\n{request}\n[[check]]{after}");
    files.insert("templates/lab.toml".into(), text.into_bytes());
    files
}

#[test]
fn an_invoked_function_that_may_start_executions_gets_the_nonce() {
    let refused = |right: &str, payload: &str| {
        let request = format!("kind = \"invoke\"\nfunction = \"f\"\n{payload}");
        let lab = Lab::parse(probed(right, &request)).unwrap();
        let desired = lab.desired(&scope(), &class(), &[student("ada")]);
        desired.err().map(|failures| said(&failures))
    };
    let bare = refused("states:Start*", "").unwrap();
    assert!(
        bare.contains("[[probe]] \"go\"") && bare.contains("what it starts could not be told"),
        "{bare}"
    );
    let other = refused("states:StartExecution", "payload = \"p.json\"").unwrap();
    assert!(other.contains("templates/p.json"), "{other}");
    let bears = "payload = \"probe.json\"";
    assert_eq!(refused("states:StartExecution", bears), None);
    // A function without the right starts nothing.
    assert_eq!(refused("states:SendTaskSuccess", ""), None);
}

#[test]
fn a_get_probe_whose_function_may_start_executions_is_remarked_on() {
    let remarks = |right: &str, path: &str, status: u16| {
        let request = format!(
            "kind = \"api\"\napi = \"a\"\nmethod = \"GET\"\npath = \"{path}\"\nexpect_http = {status}"
        );
        let mut files = probed(right, &request);
        let text = String::from_utf8(files["templates/lab.toml"].clone()).unwrap();
        let (old, new) = (
            "method = \"POST\", path = \"/go\"",
            "method = \"ANY\", path = \"/go/{who}\"",
        );
        assert!(text.contains(old));
        files.insert(
            "templates/lab.toml".into(),
            text.replace(old, new).into_bytes(),
        );
        let remarks = Lab::proofread(&files).remarks.into_iter();
        remarks
            .filter(|said| said.contains("GET /go"))
            .collect::<Vec<_>>()
    };
    let said = remarks("states:StartExecution", "/go/x", 200);
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(
        said[0].contains("if this request starts one, it counts as every student's work"),
        "{said:?}"
    );
    for (right, path, status) in [
        ("states:StartExecution", "/go/{{ nonce }}", 200),
        ("states:StartExecution", "/go/x", 404),
        ("states:DescribeExecution", "/go/x", 200),
    ] {
        assert_eq!(
            remarks(right, path, status),
            [""; 0],
            "{right} {path} {status}"
        );
    }
}

#[test]
fn a_probe_without_a_body_bears_the_nonce_in_its_path_or_query() {
    let probe = "method = \"POST\"\npath = \"/go\"\nbody = \"probe.json\"\n";
    let lab = |path: &str| {
        let mut files = with(
            "templates/lab.toml",
            probe,
            &format!("method = \"GET\"\n{path}\n"),
        );
        let text = String::from_utf8(files["templates/lab.toml"].clone()).unwrap();
        let text = text.replace(
            "method = \"POST\", path = \"/go\"",
            "method = \"GET\", path = \"/go/{who}\"",
        );
        files.insert("templates/lab.toml".into(), text.into_bytes());
        Lab::parse(files).unwrap_or_else(|failures| panic!("{failures:#?}"))
    };
    for (path, sent) in [
        ("path = \"/go/{{ nonce }}\"", "/go/homeroom-7abcdefgh2"),
        (
            "path = \"/go/x\"\nquery = { by = \"{{ nonce }}\" }",
            "/go/x?by=homeroom-7abcdefgh2",
        ),
    ] {
        let lab = lab(path);
        let ada = student("ada");
        lab.desired(&scope(), &class(), std::slice::from_ref(&ada))
            .unwrap();
        let probes = lab.probes(&scope(), &class(), &ada, "7abcdefgh2").unwrap();
        let ProbeRequest::Api { path, .. } = &probes[0].request else {
            panic!("{probes:?}");
        };
        assert_eq!(path, sent);
    }
    let failures = lab("path = \"/go/x\"").desired(&scope(), &class(), &[student("ada")]);
    let said = said(&failures.unwrap_err());
    assert!(
        said.contains("[[probe]] \"go\": what it starts could not be told"),
        "{said}"
    );
    assert!(
        said.contains("put {{ nonce }} into its path or a value of its query"),
        "{said}"
    );
}
