use serde_json::json;

use super::*;

/// What is certainly wrong.
fn problems(definition: &Value) -> Vec<String> {
    let found = super::problems(definition).into_iter();
    found
        .filter(|problem| problem.certain)
        .map(|problem| problem.cause)
        .collect()
}

fn pass(next: &str) -> Value {
    json!({ "Type": "Pass", "Next": next })
}

/// A definition that uses every kind of state and is well-formed.
fn good() -> Value {
    json!({
        "StartAt": "Work",
        "States": {
            "Work": {
                "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Next": "Pause",
                "Retry": [{ "ErrorEquals": ["A", "B"] }],
                "Catch": [{ "ErrorEquals": ["States.ALL"], "Next": "Bad" }]
            },
            "Pause": { "Type": "Wait", "Seconds": 1, "Next": "Both" },
            "Both": { "Type": "Parallel", "Next": "Each", "Branches": [
                { "StartAt": "Left", "States": { "Left": { "Type": "Pass", "End": true } } },
                { "StartAt": "Right", "States": { "Right": { "Type": "Succeed" } } }
            ] },
            "Each": { "Type": "Map", "Next": "Fork", "ItemProcessor": {
                "StartAt": "One", "States": { "One": { "Type": "Pass", "End": true } } } },
            "Fork": { "Type": "Choice", "Default": "Bad", "Choices": [
                { "Variable": "$.a", "StringEquals": "x", "Next": "Good" },
                { "Not": { "Or": [{ "Variable": "$.b", "IsPresent": true }] }, "Next": "Good" },
                { "And": [{ "Variable": "$$.Execution.Id", "StringMatches": "a*" }], "Next": "Good" }
            ] },
            "Good": { "Type": "Succeed" },
            "Bad": { "Type": "Fail" }
        }
    })
}

/// The good definition with one value put somewhere else.
fn with(pointer: &str, value: Value) -> Vec<String> {
    let mut definition = good();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let parent = definition.pointer_mut(parent).unwrap();
    match parent {
        Value::Array(items) => items[key.parse::<usize>().unwrap()] = value,
        other => other[key] = value,
    }
    problems(&definition)
}

#[test]
fn a_well_formed_definition_has_no_problem() {
    assert_eq!(problems(&good()), Vec::<String>::new());
}

#[test]
fn each_kind_of_fault_is_found_and_names_its_place() {
    let faults = [
        (
            "/StartAt",
            json!("Nowhere"),
            "StartAt of the definition names \"Nowhere\"",
        ),
        ("/StartAt", Value::Null, "has no StartAt"),
        ("/States", json!({}), "has no States"),
        (
            "/States/Work/Next",
            json!("Nowhere"),
            "\"Work\" goes on to \"Nowhere\"",
        ),
        (
            "/States/Work/Catch/0/Next",
            json!("Nowhere"),
            "\"Work\" goes on to \"Nowhere\"",
        ),
        (
            "/States/Work/Catch/0/Next",
            Value::Null,
            "Catch 1 of state \"Work\" has no Next",
        ),
        (
            "/States/Work/Catch/0/ErrorEquals",
            json!(["A", "States.ALL"]),
            "must stand alone and last",
        ),
        (
            "/States/Work/Retry/0/ErrorEquals",
            json!([]),
            "Retry 1 of state \"Work\" has no ErrorEquals",
        ),
        (
            "/States/Work/Retry",
            json!({}),
            "Retry of state \"Work\" is {}; it needs a list",
        ),
        (
            "/States/Work/Resource",
            Value::Null,
            "task \"Work\" has no Resource",
        ),
        ("/States/Work/End", json!(true), "both Next and End"),
        ("/States/Work/Type", Value::Null, "\"Work\" has no Type"),
        ("/States/Work/Type", json!("Job"), "unknown Type \"Job\""),
        (
            "/States/Work",
            json!(1),
            "state \"Work\" is not a JSON object",
        ),
        (
            "/States/Pause/Timestamp",
            json!("x"),
            "wait \"Pause\" needs exactly one of",
        ),
        (
            "/States/Fork/Default",
            json!("Nowhere"),
            "\"Fork\" goes on to \"Nowhere\"",
        ),
        (
            "/States/Fork/Choices",
            json!([]),
            "choice \"Fork\" has no Choices",
        ),
        (
            "/States/Fork/Choices/0/Next",
            json!("Nowhere"),
            "\"Fork\" goes on to \"Nowhere\"",
        ),
        (
            "/States/Fork/Choices/0/Next",
            Value::Null,
            "rule 1 of choice \"Fork\" has no Next",
        ),
        (
            "/States/Fork/Choices/0",
            json!({ "Next": "Good" }),
            "rule 1 of choice \"Fork\" compares nothing",
        ),
        (
            "/States/Fork/Choices/1/Not/Or",
            json!([]),
            "rule 2 of choice \"Fork\" compares nothing",
        ),
        ("/States/Fork/End", json!(true), "takes no End"),
        ("/States/Good/Next", json!("Bad"), "takes no Next"),
        (
            "/States/Both/Branches",
            json!([]),
            "parallel \"Both\" has no Branches",
        ),
        (
            "/States/Both/Branches/0/StartAt",
            json!("Work"),
            "StartAt of branch 1 of \"Both\"",
        ),
        (
            "/States/Both/Branches/0/States/Left/Next",
            json!("Each"),
            "\"Left\" goes on to \"Each\"",
        ),
        (
            "/States/Each/ItemProcessor",
            json!({}),
            "the item processor of \"Each\" has no States",
        ),
        (
            "/States/Island",
            json!({ "Type": "Succeed" }),
            "\"Island\" cannot be reached",
        ),
        (
            "/States/Work/Next",
            json!("Good"),
            "\"Pause\" cannot be reached",
        ),
    ];
    for (pointer, value, expected) in faults {
        let found = with(pointer, value);
        assert!(
            found.iter().any(|p| p.contains(expected)),
            "{pointer}: {expected}: {found:?}"
        );
    }
}

#[test]
fn a_loop_without_a_way_out_never_ends() {
    let machine = json!({ "StartAt": "A", "States": { "A": pass("B"), "B": pass("A") } });
    assert!(problems(&machine)[0].contains("never ends"));
}

#[test]
fn a_state_without_a_way_on_is_found() {
    let machine = json!({ "StartAt": "A", "States": {
        "A": { "Type": "Pass" }, "B": { "Type": "Pass", "End": false } } });
    let found = problems(&machine);
    assert!(
        found.iter().any(|p| p.contains("\"A\" has neither")),
        "{found:?}"
    );
    assert!(
        found.iter().any(|p| p.contains("\"B\" has neither")),
        "{found:?}"
    );
}

#[test]
fn a_name_used_in_two_scopes_is_found() {
    let found = with(
        "/States/Both/Branches/1",
        json!({
        "StartAt": "Left", "States": { "Left": { "Type": "Succeed" } } }),
    );
    assert!(found[0].contains("\"Left\" is used twice"), "{found:?}");
}

#[test]
fn what_is_no_object_is_one_problem() {
    for value in [json!([]), json!("x"), Value::Null] {
        assert_eq!(problems(&value).len(), 1);
    }
}

/// What is said of a single state, put into a definition with a state `Next` to go on to.
fn of_state(state: Value) -> Vec<AslProblem> {
    let mut states = json!({ "S": state, "Good": { "Type": "Succeed" } });
    if states["S"]["Type"] == "Task" && states["S"].get("Resource").is_none() {
        states["S"]["Resource"] = json!("arn:aws:states:::lambda:invoke");
    }
    if states["S"].get("End").is_none()
        && !matches!(states["S"]["Type"].as_str(), Some("Choice" | "Fail"))
    {
        states["S"]["Next"] = json!("Good");
    }
    let found = super::problems(&json!({ "StartAt": "S", "States": states }));
    let of_others = |problem: &AslProblem| problem.cause.contains("cannot be reached");
    found
        .into_iter()
        .filter(|problem| !of_others(problem))
        .collect()
}

#[test]
fn everyday_mistakes_in_fields_are_refused_and_name_what_is_meant() {
    let faults = [
        (
            json!({ "Type": "Task", "Retries": [] }),
            "unknown field \"Retries\"; did you mean 'Retry'?",
        ),
        (
            json!({ "Type": "Task", "Paramters": {} }),
            "did you mean 'Parameters'?",
        ),
        (
            json!({ "Type": "Task", "TimeoutSeconds": "30" }),
            "TimeoutSeconds of state \"S\" is \"30\"; it needs a whole number",
        ),
        (
            json!({ "Type": "Task", "ResultPath": "result" }),
            "needs a path to one place",
        ),
        (
            json!({ "Type": "Task", "ResultPath": "$.a[*]" }),
            "needs a path to one place",
        ),
        (
            json!({ "Type": "Task", "InputPath": "$..." }),
            "needs a path",
        ),
        (
            json!({ "Type": "Task", "End": "true" }),
            "needs true or false",
        ),
        (
            json!({ "Type": "Task", "TimeoutSeconds": 9, "TimeoutSecondsPath": "$.t" }),
            "both TimeoutSeconds and TimeoutSecondsPath",
        ),
        (
            json!({ "Type": "Task", "TimeoutSeconds": 9, "HeartbeatSeconds": 9 }),
            "must be less than TimeoutSeconds",
        ),
        (
            json!({ "Type": "Task", "Parameters": { "a.$": "order" } }),
            "neither a path",
        ),
        (
            json!({ "Type": "Task", "Parameters": { "a": 1, "a.$": "$.a" } }),
            "both \"a\" and \"a.$\"",
        ),
        (
            json!({ "Type": "Task", "Parameters": [{ "a.$": "States.Formt('x')" }] }),
            "did you mean 'States.Format'?",
        ),
        (json!({ "Type": "Task", "Resource": "Worker" }), "is no ARN"),
        (
            json!({ "Type": "Task", "Resource": "arn:aws:states:::lambda:invok" }),
            "did you mean 'invoke'?",
        ),
        (
            json!({ "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke.sync" }),
            "does not do",
        ),
        (
            json!({ "Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForToken" }),
            "can wait by",
        ),
        (
            json!({ "Type": "Task", "Resource": "arn:aws:lambda:eu-west-1:1:function:f:a:b" }),
            "neither a version nor an alias",
        ),
        (
            json!({ "Type": "Task", "Arguments": {} }),
            "belongs to JSONata",
        ),
        (
            json!({ "Type": "Task", "QueryLanguage": "JSONata", "Parameters": {} }),
            "belongs to JSONPath",
        ),
        (
            json!({ "Type": "Pass", "QueryLanguage": "JSONata", "Output": "{% $sum( %}" }),
            "lacks a closing )",
        ),
        (
            json!({ "Type": "Pass", "Retry": [] }),
            "takes no Retry; it belongs to Task, Parallel, Map",
        ),
        (
            json!({ "Type": "Wait", "Seconds": -1 }),
            "needs a whole number from 0",
        ),
        (
            json!({ "Type": "Wait", "Timestamp": "tomorrow" }),
            "needs a time",
        ),
        (
            json!({ "Type": "Fail", "Cause": "c", "CausePath": "$.c" }),
            "both Cause and CausePath",
        ),
        (
            json!({ "Type": "Task", "Retry": [{ "ErrorEquals": ["A"], "BackoffRate": 0.5 }] }),
            "at least 1",
        ),
        (
            json!({ "Type": "Task", "Retry": [{ "ErrorEquals": "A" }] }),
            "needs a list",
        ),
        (
            json!({ "Type": "Task", "Retry": [{ "ErrorEquals": [true] }] }),
            "no text",
        ),
        (
            json!({ "Type": "Choice", "Choices": [{ "Variable": "$.a", "StringEqual": "x", "Next": "Good" }] }),
            "did you mean 'StringEquals'?",
        ),
        (
            json!({ "Type": "Choice", "Choices": [{ "Variable": "a", "IsNull": true, "Next": "Good" }] }),
            "Variable of rule 1",
        ),
        (
            json!({ "Type": "Choice", "Choices": [{ "Variable": "$.a", "NumericEquals": "5", "Next": "Good" }] }),
            "needs a number",
        ),
        (
            json!({ "Type": "Choice", "Choices": [{ "Variable": "$.a", "IsNull": true, "IsString": true, "Next": "Good" }] }),
            "more than one way",
        ),
        (
            json!({ "Type": "Choice", "QueryLanguage": "JSONata", "Choices": [{ "Condition": "$a > 1", "Next": "Good" }] }),
            "is no expression",
        ),
    ];
    for (state, expected) in faults {
        let found = of_state(state.clone());
        let is_said = |problem: &AslProblem| problem.certain && problem.cause.contains(expected);
        assert!(found.iter().any(is_said), "{state}: {expected}: {found:?}");
    }
}

#[test]
fn what_aws_takes_is_not_refused() {
    for state in [
        json!({ "Type": "Task", "ResultPath": null, "InputPath": "$$.Execution.Input", "OutputPath": "$.a[?(@.b > 1)]" }),
        json!({ "Type": "Task", "Parameters": { "a.$": "$.detail-type", "b.$": "States.Format('{} it\\'s', $.x[0])", "c.$": "$$", "d.$": "$.[0]" } }),
        json!({ "Type": "Task", "Parameters": { "n.$": "States.ArrayGetItem(States.Array(1, -2.5, 'x', null), 0)", "u.$": "States.UUID()" } }),
        json!({ "Type": "Task", "ResultPath": "$['a b'].c[3]", "TimeoutSeconds": 60, "HeartbeatSeconds": 5 }),
        json!({ "Type": "Task", "QueryLanguage": "JSONata", "Arguments": { "a": "{% $states.input.x & ')' %}" }, "TimeoutSeconds": "{% $t %}", "Output": "{% /a\\)/i %}" }),
        json!({ "Type": "Pass", "QueryLanguage": "JSONata", "Output": "{% $split($x, /[/]/) %}" }),
        json!({ "Type": "Task", "QueryLanguage": "JSONata", "Credentials": { "RoleArn": "{% $role %}" } }),
        json!({ "Type": "Task", "Retry": [{ "ErrorEquals": ["States.Http.StatusCode.503"] }] }),
        json!({ "Type": "Pass", "Result": { "x.$": 5 }, "ResultPath": "$.r", "Assign": { "v.$": "$.a" } }),
        json!({ "Type": "Wait", "Timestamp": "2026-12-01T18:00:00Z" }),
        json!({ "Type": "Fail", "ErrorPath": "$.e", "CausePath": "States.Format('{}', $.c)" }),
        json!({ "Type": "Task", "Resource": "arn:aws-cn:states:::aws-sdk:s3:putObject" }),
    ] {
        let found = of_state(state.clone());
        assert_eq!(found, [], "{state}");
    }
}

#[test]
fn what_may_be_meant_so_is_remarked_and_not_refused() {
    for (state, expected) in [
        (
            json!({ "Type": "Task", "Parameters": { "a": "$.order" } }),
            "is taken as text",
        ),
        (
            json!({ "Type": "Task", "Parameters": { "a": "{% $x %}" } }),
            "\"QueryLanguage\": \"JSONata\"",
        ),
        (
            json!({ "Type": "Task", "Parameters": { "T": "${Table}" } }),
            "${Table}, which nothing fills in",
        ),
        (
            json!({ "Type": "Task", "Catch": [{ "ErrorEquals": ["States.Mine"], "Next": "Good" }] }),
            "no error of this name",
        ),
    ] {
        let found = of_state(state.clone());
        assert!(
            matches!(&found[..], [one] if !one.certain && one.cause.contains(expected)),
            "{state}: {found:?}"
        );
    }
    // In a resource, a number or an ARN, nothing could come of it.
    for state in [
        json!({ "Type": "Task", "Resource": "${Function.Arn}" }),
        json!({ "Type": "Wait", "Seconds": "${Pause}" }),
        json!({ "Type": "Task", "Parameters": { "QueueArn": "arn:aws:sqs:eu-west-1:${Account}:q" } }),
    ] {
        let found = of_state(state.clone());
        assert!(
            matches!(&found[..], [one] if one.certain && one.cause.contains("nothing fills in")),
            "{state}: {found:?}"
        );
    }
}

#[test]
fn a_problem_names_its_place_in_the_document() {
    let found = of_state(
        json!({ "Type": "Task", "Retry": [{ "ErrorEquals": ["A"], "MaxAttempts": "3" }] }),
    );
    assert_eq!(found[0].place, "/States/S/Retry/0/MaxAttempts");
}

#[test]
fn functions_nested_without_end_are_refused_and_not_followed() {
    let nested = |depth: usize| {
        let text = format!("{}1{}", "States.Array(".repeat(depth), ")".repeat(depth));
        of_state(json!({ "Type": "Task", "Parameters": { "a.$": text } }))
    };
    assert_eq!(nested(10), []);
    assert!(nested(100_000)[0].cause.contains("more than 10 deep"));
}

#[test]
fn a_share_of_failures_may_have_a_fraction() {
    let map = |share: Value| {
        let inner = json!({ "StartAt": "I", "States": { "I": { "Type": "Pass", "End": true } } });
        let state =
            json!({ "Type": "Map", "ItemProcessor": inner, "ToleratedFailurePercentage": share });
        of_state(state)
    };
    assert_eq!(map(json!(12.5)), []);
    assert!(map(json!(100.5))[0].cause.contains("from 0 to 100"));
}
