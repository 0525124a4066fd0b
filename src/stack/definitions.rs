//! What Step Functions itself says of the definitions that a deployment would write, before it writes any. homeroom's own check
//! runs without an account and refuses only what is wrong for certain; this one knows all that AWS knows.

use std::collections::BTreeSet;

use crate::aws::stop::Cancelled;
use crate::aws::{CallError, Client, CloudError, ErrorKind};
use crate::stack::kinds::{Action, state_machine};
use crate::stack::plan::Plan;
use crate::text::failure::Failure;
use crate::text::words::plural;

/// What Step Functions said of the definitions.
#[derive(Debug, Default)]
pub struct CheckedDefinitions {
    /// What it would refuse.
    pub refused: Vec<Failure>,
    /// A note on those that it was not asked about.
    pub unasked: Option<String>,
}

/// Asks once for each definition, however many students have it. What cannot be asked is unknown: the deployment itself
/// will tell.
///
/// # Errors
/// Only when the run is stopped.
pub async fn refused_definitions(
    client: &Client,
    plan: &Plan,
) -> Result<CheckedDefinitions, Cancelled> {
    // An endpoint that does not know the call must not be asked again and again.
    let client = client.once();
    let mut asked = BTreeSet::new();
    let mut refused = Vec::new();
    let (mut unasked, mut last) = (0, None::<CloudError>);
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
        let shape = machine.definition.to_string();
        if !asked.insert(shape.replace(owner.student.as_str(), "\u{0}")) {
            continue;
        }
        // What forbids one question forbids the others; a throttle may pass.
        if last
            .as_ref()
            .is_some_and(|error| error.kind != ErrorKind::Throttled)
        {
            unasked += 1;
            continue;
        }
        let answer = client.refusals_of_definition(machine.workflow_type, &shape);
        match answer.await {
            Ok(said) => refused.extend(said.into_iter().map(|said| {
                let subject = format!("state machine {}", machine.name);
                let cause = format!("Step Functions would refuse its definition: {said}");
                let hint =
                    "mend the definition in the lab's templates, then run the same command again";
                Failure::new(subject, cause).hint(hint)
            })),
            Err(CallError::Cancelled) => return Err(Cancelled),
            // An endpoint that does not know the call.
            Err(CallError::Cloud(error))
                if matches!(error.kind, ErrorKind::Invalid | ErrorKind::NotFound) =>
            {
                break;
            }
            Err(CallError::Cloud(error)) => {
                unasked += 1;
                last = Some(error);
            }
        }
    }
    let unasked = last.map(|error| {
        let many = plural(unasked, "definition");
        format!("Step Functions was not asked about {many}: {error}")
    });
    Ok(CheckedDefinitions { refused, unasked })
}
