use crate::lab::asl::*;
use serde_json::json;

fn pass(next: &str) -> Value {
    json!({ "Type": "Pass", "Next": next })
}

/// A definition that uses every kind of state and is well-formed.
fn good() -> Value {
    json!({
        "StartAt": "Work",
        "States": {
            "Work": {
                "Type": "Task", "Resource": "arn:x", "Next": "Pause",
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
                { "Condition": "{% $a > 1 %}", "Next": "Good" }
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
            "Retry of state \"Work\" is not a list",
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
