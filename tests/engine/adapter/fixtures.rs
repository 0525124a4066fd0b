//! What the tests create, and helpers to wait for it.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use homeroom::aws::{
    CallError, CallResult, Client, CloudError, ErrorKind, NewFunction, NewStateMachine,
};
use homeroom::stack::kinds::function::{Code, FunctionOptions, Spec as Function};
use homeroom::stack::kinds::role::Spec as Role;
use homeroom::stack::kinds::state_machine::WorkflowType;
use homeroom::stack::ownership::Tags;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use strict_aws::{ACCOUNT, REGION};

pub(crate) const PATH: &str = "/homeroom/c1/";

pub(crate) fn tags() -> Tags {
    [
        ("homeroom:class", "c1"),
        ("homeroom:student", "user1"),
        // Every character that tags may have and that URLs and XML escape.
        ("note", "a+b c=d/e:f@g_h.i-j é"),
    ]
    .map(|(k, v)| (k.to_owned(), v.to_owned()))
    .into()
}

pub(crate) fn role(name: &str, service: &str) -> Role {
    let document =
        |statement: Value| json!({"Version": "2012-10-17", "Statement": [statement]}).into();
    Role {
        name: name.into(),
        trust: document(
            json!({"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}),
        ),
        policy: document(json!({
            "Effect": "Allow",
            "Action": "logs:PutLogEvents",
            "Resource": "arn:aws:logs:*:*:log-group:/aws/lambda/user1-f:*",
            "Condition": {"StringLike": {"x": "a+b % & <c> é"}},
        })),
        boundary: None,
        until: None,
    }
}

pub(crate) fn role_arn(name: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:role{PATH}{name}")
}

pub(crate) fn code(bytes: &[u8]) -> Code {
    Code {
        zip: Arc::from(bytes),
        sha256: base64::engine::general_purpose::STANDARD.encode(Sha256::digest(bytes)),
    }
}

/// The smallest zip: an empty one.
pub(crate) const ZIP: &[u8] = b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

pub(crate) fn function() -> Function {
    Function {
        name: "user1-f".into(),
        role: "user1-worker".into(),
        runtime: "python3.13".into(),
        handler: "app.handler".into(),
        timeout_s: 10,
        memory_mib: 128,
        environment: [("STATE_MACHINE_ARN".to_owned(), machine_arn())].into(),
        reserved_concurrency: None,
        code: code(ZIP),
        options: FunctionOptions::default(),
    }
}

pub(crate) fn new_function(function: &Function) -> NewFunction<'_> {
    NewFunction {
        function,
        role_arn: role_arn("user1-worker"),
        description: "homeroom class=c1 student=user1 lab=lab6 code=1 config=2".into(),
        tags: tags(),
    }
}

pub(crate) fn machine_arn() -> String {
    format!("arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:user1-m")
}

pub(crate) fn new_machine(start: &str) -> NewStateMachine<'static> {
    NewStateMachine {
        name: "user1-m",
        workflow_type: WorkflowType::Standard,
        role_arn: role_arn("user1-flow"),
        definition: json!({"StartAt": start, "States": {start: {"Type": "Succeed"}}}).to_string(),
        tags: tags(),
    }
}

/// What AWS said to a call that fails.
pub(crate) fn told<T: std::fmt::Debug>(result: CallResult<T>) -> CloudError {
    match result {
        Err(CallError::Cloud(error)) => error,
        other => panic!("this call fails, and not so: {other:?}"),
    }
}

pub(crate) fn kind<T: std::fmt::Debug>(result: CallResult<T>) -> ErrorKind {
    told(result).kind
}

/// Repeats a call while AWS says "not yet".
pub(crate) async fn eventually<T>(mut call: impl AsyncFnMut() -> CallResult<T>) -> T {
    for _ in 0..60 {
        match call().await {
            Err(error)
                if matches!(
                    error.kind(),
                    Some(ErrorKind::Busy | ErrorKind::RoleNotAssumable | ErrorKind::Deleting)
                ) =>
            {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            other => return other.expect("the call goes well once AWS is ready"),
        }
    }
    panic!("still not ready after a minute");
}

/// Both roles of the fixtures, and time enough that they can be assumed.
pub(crate) async fn with_roles(cloud: &Client) {
    cloud
        .create_role(&role("user1-worker", "lambda.amazonaws.com"), PATH, &tags())
        .await
        .unwrap();
    cloud
        .create_role(&role("user1-flow", "states.amazonaws.com"), PATH, &tags())
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_secs(30)).await;
}
