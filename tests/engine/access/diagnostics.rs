//! What diagnostics say of a deployment, a grant and an execution, and what they never say.

use homeroom::aws::ApiRequest;
use std::fs;

use homeroom::report::diagnostics;
use homeroom::stack::credentials::AccessKey;
use homeroom::stack::observe::{Depth, observe};
use strict_aws::{Fault, Rule, StrictAws, request_id};
use tempfile::NamedTempFile;
use tracing::Dispatch;
use tracing::subscriber::DefaultGuard;

use super::class::{Class, WITH_KEYS, assert_all_well, client};
use super::issuer::Safe;

/// The log of what this thread does, as `--log-file` has it.
struct Log {
    file: NamedTempFile,
    _writing: DefaultGuard,
    /// Of one subscriber alone, tracing believes the thread that first comes by a place in the code: if that is another
    /// test's, nothing is ever written of it. Of two it asks both.
    _second: Dispatch,
}

impl Log {
    fn start() -> Self {
        let file = NamedTempFile::new().unwrap();
        let subscriber = diagnostics::subscriber(false, Some(file.reopen().unwrap()));
        Self {
            file,
            _writing: tracing::subscriber::set_default(subscriber),
            _second: Dispatch::new(diagnostics::subscriber(false, None)),
        }
    }

    fn text(&self) -> String {
        fs::read_to_string(self.file.path()).unwrap()
    }
}

/// Asserts that each call since the last `clear_calls` is in a line with its operation and how it ended.
fn assert_each_call_is_a_line(aws: &StrictAws, log: &str) {
    for call in aws.calls() {
        let id = format!("request_id={:?}", request_id(call.number));
        let line = log.lines().find(|line| line.contains(&id));
        let line = line.unwrap_or_else(|| panic!("no line with {id}"));
        let operation = format!("operation={:?}", call.operation);
        assert!(line.contains(&operation), "{line}");
        assert!(line.contains(" outcome="), "{line}");
    }
}

#[tokio::test(start_paused = true)]
async fn each_call_is_a_line_and_no_password_or_key_is_in_any() {
    let log = Log::start();
    let aws = StrictAws::new();
    let class = Class::of(&["user1", "user2"]);
    let safe = Safe::new(&aws);
    class.deploy(&aws).await;
    aws.clear_calls();
    aws.inject(Rule::on("iam:CreateUser").times(1).fault(Fault::Throttle));
    let (_, runs) = class.grant(&aws, &safe, WITH_KEYS).await;
    assert_all_well(&runs);
    let kept = safe.last("user1").unwrap();
    let (id, secret) = kept.key.clone().unwrap();
    let key = AccessKey {
        id,
        secret: secret.into(),
    };
    let students = client(aws.cloud().await).with_access_key(&key);
    // What the answer is does not matter: the request is signed with the key.
    let _ = students.caller_identity().await;

    let log = log.text();
    for one in [kept, safe.last("user2").unwrap()] {
        let (id, secret) = one.key.unwrap();
        for secret in [one.password.unwrap(), id, secret] {
            assert!(!log.contains(&secret), "{secret} is in the log:\n{log}");
        }
    }

    assert_each_call_is_a_line(&aws, &log);
    for operation in ["iam:CreateLoginProfile", "iam:CreateAccessKey"] {
        assert_eq!(aws.count(operation), 2, "{operation}");
    }
    let throttled = log.lines().find(|line| line.contains("again_in_ms="));
    let throttled = throttled.unwrap();
    assert!(throttled.contains("student{student=user"), "{throttled}");
    assert!(throttled.contains("attempt=1"), "{throttled}");
    assert!(log.contains("operation=\"iam:CreateUser\" attempt=2"));
}

#[tokio::test(start_paused = true)]
async fn no_line_has_what_a_call_sends_gets_or_is_refused_with() {
    const WRITTEN: &str = "what-the-student-wrote";
    let log = Log::start();
    let aws = StrictAws::new();
    let class = Class::of(&["user1"]);
    class.deploy(&aws).await;
    aws.clear_calls();
    let client = client(aws.cloud().await);
    let scope = &class.desired.scope;
    let stack = &class.desired.stacks[0];
    let machine = scope.state_machine_arn("user1-simple-workflow");
    let input = format!(r#"{{"userId": "{WRITTEN}", "dataType": "sales_data"}}"#);

    let arn = client.start_execution(&machine, "one", &input).await;
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    let told = client.describe_execution(&arn.unwrap()).await.unwrap();
    assert!(format!("{told:?}").contains(WRITTEN));

    let observed = observe(&client, &class.desired, &Depth::Deploy)
        .await
        .unwrap();
    let wanted = &stack.apis[0];
    let api = observed.api_of(scope, stack, wanted).unwrap();
    let answer = client
        .invoke_api(ApiRequest {
            api_id: &api.id,
            stage: "prod",
            method: "POST",
            path: "/process",
            body: &input,
            authorization: wanted.authorization,
            agent: "curl/8",
        })
        .await;
    assert_eq!(answer.unwrap().status, 202);

    let refusal = Fault::Error {
        status: 400,
        code: "InvalidExecutionInput",
        message: WRITTEN,
    };
    aws.inject(Rule::on("states:StartExecution").times(1).fault(refusal));
    let refused = client.start_execution(&machine, "two", &input).await;
    assert!(refused.unwrap_err().to_string().contains(WRITTEN));

    let log = log.text();
    assert!(!log.contains(WRITTEN), "{log}");
    assert_each_call_is_a_line(&aws, &log);
    for operation in [
        "states:StartExecution",
        "states:DescribeExecution",
        "execute-api:Invoke",
    ] {
        assert!(aws.count(operation) > 0, "{operation}");
    }
    assert!(log.contains("outcome=\"InvalidExecutionInput\""), "{log}");
}
