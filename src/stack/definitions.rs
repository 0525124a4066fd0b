//! What Step Functions itself says of the definitions that a deployment would write, before it writes any. homeroom's own check
//! runs without an account and refuses only what is wrong for certain; this one knows all that AWS knows.

use std::collections::BTreeSet;

use crate::aws::stop::Cancelled;
use crate::aws::{CallError, Client};
use crate::stack::kinds::{Action, state_machine};
use crate::stack::plan::Plan;
use crate::text::failure::Failure;

/// Asks once for each definition, however many students have it. What cannot be asked is unknown, and nothing is said:
/// the deployment itself will tell.
///
/// # Errors
/// Only when the run is stopped.
pub async fn refused_definitions(client: &Client, plan: &Plan) -> Result<Vec<Failure>, Cancelled> {
    // An endpoint that does not know the call must not be asked again and again.
    let client = client.once();
    let mut asked = BTreeSet::new();
    let mut refused = Vec::new();
    let items = plan.students.iter().flat_map(|student| {
        let items = student.items.iter();
        items.filter_map(|item| Some((&student.owner, item.action.as_ref()?)))
    });
    for (owner, action) in items {
        let Action::StateMachine(
            state_machine::Action::Create(machine) | state_machine::Action::Update { machine, .. },
        ) = action
        else {
            continue;
        };
        // Two students' definitions differ in their names alone.
        let definition = machine.signed_definition(owner);
        let shape = machine.definition.to_string();
        if !asked.insert(shape.replace(owner.student.as_str(), "\u{0}")) {
            continue;
        }
        let answer = client.refusals_of_definition(machine.workflow_type, &definition);
        match answer.await {
            Ok(said) => refused.extend(said.into_iter().map(|said| {
                let subject = format!("state machine {}", machine.name);
                let cause = format!("Step Functions would refuse its definition: {said}");
                let hint =
                    "mend the definition in the lab's templates, then run the same command again";
                Failure::new(subject, cause).hint(hint)
            })),
            Err(CallError::Cancelled) => return Err(Cancelled),
            Err(CallError::Cloud(_)) => break,
        }
    }
    Ok(refused)
}
