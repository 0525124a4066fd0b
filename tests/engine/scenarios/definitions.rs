//! Step Functions is asked about each definition before a deployment writes it.

use std::sync::Arc;

use homeroom::stack::definitions::refused_definitions;

use super::*;

/// What it refuses, and the note.
async fn answers(class: &Class, aws: &StrictAws) -> (Vec<String>, Option<String>) {
    let (client, _run) = start(aws, class).await;
    let observed = observe(&client, &class.desired, &Depth::Deploy)
        .await
        .unwrap();
    let plan = deploy::plan(&class.desired, &observed, false);
    let said = refused_definitions(&client, &plan).await.unwrap();
    let refused = said.refused.iter().map(ToString::to_string).collect();
    (refused, said.unasked)
}

async fn asked(class: &Class, aws: &StrictAws) -> Vec<String> {
    answers(class, aws).await.0
}

fn times(aws: &StrictAws) -> usize {
    aws.count("states:ValidateStateMachineDefinition")
}

#[tokio::test(start_paused = true)]
async fn a_definition_of_many_students_is_asked_about_once() {
    let (aws, class) = (StrictAws::new(), Class::of(&["user1", "user10", "user2"]));
    assert_eq!(asked(&class, &aws).await, Vec::<String>::new());
    assert_eq!(times(&aws), 1);
}

#[tokio::test(start_paused = true)]
async fn what_step_functions_refuses_is_told_and_its_warnings_are_not() {
    let (aws, mut class) = (StrictAws::new(), Class::of(&["user1", "user2"]));
    for stack in &mut class.desired.stacks {
        let machine = &mut stack.state_machines[0];
        let mut definition = machine.definition.as_ref().clone();
        definition["StartAt"] = "Nowhere".into();
        machine.definition = Arc::new(definition);
    }
    let said = asked(&class, &aws).await;
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(
        said[0].contains("MISSING_TRANSITION_TARGET at /StartAt"),
        "{said:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_asked_is_unknown_and_no_refusal() {
    let (aws, class) = (StrictAws::new(), Class::of(&["user1", "user2"]));
    let operation = "states:ValidateStateMachineDefinition";
    aws.inject(Rule::on(operation).fault(Fault::AccessDenied));
    let (refused, note) = answers(&class, &aws).await;
    assert_eq!(refused, Vec::<String>::new());
    let note = note.unwrap();
    assert!(
        note.starts_with("Step Functions was not asked about 1 definition: "),
        "{note}"
    );
    assert_eq!(times(&aws), 1);
}
