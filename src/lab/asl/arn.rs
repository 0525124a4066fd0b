//! The form of a task's `Resource`.

use crate::text::similar::did_you_mean;

/// Integrations whose actions are few and settled, with how else they may be called. Others are taken as they are: AWS adds
/// to them. Source: "Integrating services" in the Step Functions Developer Guide, integrate-optimized.html.
const SETTLED: [(&str, &[&str], &[&str]); 6] = [
    ("lambda", &["invoke"], &["waitForTaskToken"]),
    ("sns", &["publish"], &["waitForTaskToken"]),
    ("sqs", &["sendMessage"], &["waitForTaskToken"]),
    ("events", &["putEvents"], &["waitForTaskToken"]),
    (
        "dynamodb",
        &["getItem", "putItem", "updateItem", "deleteItem"],
        &[],
    ),
    (
        "states",
        &["startExecution"],
        &["sync", "sync:2", "waitForTaskToken"],
    ),
];

/// What is wrong with a task's resource.
pub(super) fn resource(arn: &str) -> Result<(), String> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let [scheme, partition, service, _region, _account, name] = parts[..] else {
        return Err("is no ARN (arn:aws:…)".to_owned());
    };
    if scheme != "arn"
        || !partition.starts_with("aws")
        || name.is_empty()
        || arn.contains(char::is_whitespace)
    {
        return Err("is no ARN (arn:aws:…)".to_owned());
    }
    match service {
        "lambda" => function(name),
        "states" if name.starts_with("activity:") => Ok(()),
        "states" => integration(name),
        _ => Ok(()),
    }
}

/// `function:<name>`, with a version or an alias where it has one.
fn function(name: &str) -> Result<(), String> {
    let mut parts = name.split(':');
    let word = |text: &str| {
        !text.is_empty()
            && text
                .chars()
                .all(|c| c.is_alphanumeric() || "-_".contains(c))
    };
    if parts.next() != Some("function") || !parts.next().is_some_and(word) {
        return Err(
            "is no ARN of a function (arn:aws:lambda:<region>:<account>:function:<name>)"
                .to_owned(),
        );
    }
    match (parts.next(), parts.next()) {
        (None, _) | (Some("$LATEST"), None) => Ok(()),
        (Some(qualifier), None) if word(qualifier) => Ok(()),
        _ => Err("ends in what is neither a version nor an alias of the function".to_owned()),
    }
}

/// `<service>:<action>`, `aws-sdk:<service>:<action>`, each with how it waits.
fn integration(name: &str) -> Result<(), String> {
    let (name, pattern) = match name.split_once('.') {
        Some((name, pattern)) => (name, Some(pattern)),
        None => (name, None),
    };
    if let Some(pattern) =
        pattern.filter(|pattern| !["sync", "sync:2", "waitForTaskToken"].contains(pattern))
    {
        let hint = did_you_mean(pattern, ["sync", "sync:2", "waitForTaskToken"]);
        return Err(format!(
            "ends in .{pattern}; a task can wait by .sync, .sync:2 and .waitForTaskToken{}",
            after(hint)
        ));
    }
    let (service, action) = match name.split(':').collect::<Vec<_>>()[..] {
        ["aws-sdk", service, action] => {
            if pattern.is_some_and(|pattern| pattern.starts_with("sync")) {
                return Err(
                    "asks an AWS SDK integration to wait by .sync, which it does not do".to_owned(),
                );
            }
            let camel = action.starts_with(|c: char| c.is_ascii_lowercase())
                && action.chars().all(char::is_alphanumeric);
            return match camel && !service.is_empty() {
                true => Ok(()),
                false => Err(format!(
                    "names the action {action:?}; write it in camel case, like putObject"
                )),
            };
        }
        [service, action] => (service, action),
        _ => return Err("is no integration (arn:aws:states:::<service>:<action>)".to_owned()),
    };
    let Some((_, actions, patterns)) = SETTLED.iter().find(|(known, ..)| *known == service) else {
        return match action.is_empty() || service.is_empty() {
            true => Err("is no integration (arn:aws:states:::<service>:<action>)".to_owned()),
            false => Ok(()),
        };
    };
    if !actions.contains(&action) {
        let hint = did_you_mean(action, actions.iter().copied());
        return Err(format!(
            "names the action {action:?}; {service} has {}{}",
            actions.join(", "),
            after(hint)
        ));
    }
    match pattern {
        Some(pattern) if !patterns.contains(&pattern) => Err(format!(
            "asks {service} to wait by .{pattern}, which it does not do"
        )),
        _ => Ok(()),
    }
}

/// A hint behind a sentence.
pub(super) fn after(hint: Option<String>) -> String {
    hint.map_or_else(String::new, |hint| format!("; {hint}"))
}
