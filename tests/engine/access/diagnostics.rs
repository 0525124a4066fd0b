//! What diagnostics say of a deployment and a grant, and what they never say.

use std::fs;

use homeroom::report::diagnostics;
use strict_aws::{Fault, Rule, StrictAws, request_id};

use super::class::{Class, WITH_KEYS, assert_all_well};
use super::issuer::Safe;

#[tokio::test(start_paused = true)]
async fn each_call_is_a_line_and_no_password_or_key_is_in_any() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let written = diagnostics::subscriber(false, Some(file.reopen().unwrap()));
    let writing = tracing::subscriber::set_default(written);
    let aws = StrictAws::new();
    let class = Class::of(&["user1", "user2"]);
    let safe = Safe::new(&aws);
    class.deploy(&aws).await;
    aws.clear_calls();
    aws.inject(Rule::on("iam:CreateUser").times(1).fault(Fault::Throttle));
    let (_, runs) = class.grant(&aws, &safe, WITH_KEYS).await;
    assert_all_well(&runs);
    drop(writing);

    let log = fs::read_to_string(file.path()).unwrap();
    for call in aws.calls() {
        let id = format!("request_id={:?}", request_id(call.number));
        let line = log.lines().find(|line| line.contains(&id));
        let line = line.unwrap_or_else(|| panic!("no line with {id}"));
        let operation = format!("operation={:?}", call.operation);
        assert!(line.contains(&operation), "{line}");
        assert!(line.contains(" outcome="), "{line}");
    }
    let throttled = log.lines().find(|line| line.contains("again_in_ms="));
    let throttled = throttled.unwrap();
    assert!(throttled.contains("student{student=user"), "{throttled}");
    assert!(throttled.contains("attempt=1"), "{throttled}");
    assert!(log.contains("operation=\"iam:CreateUser\" attempt=2"));

    let kept = safe.kept();
    assert!(kept.iter().any(|one| one.key.is_some()));
    for one in kept {
        let password = one.password.iter();
        for secret in password.chain(one.key.iter().map(|(_, secret)| secret)) {
            assert!(!log.contains(secret.as_str()), "a secret is in the log");
        }
    }
}
