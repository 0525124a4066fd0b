//! Whether a student's functions are ready to run.

use crate::aws::stop::Cancelled;
use crate::aws::{Client, ErrorKind, FunctionState, Operation};
use crate::evidence::evaluate::{NotReady, Reading};
use crate::evidence::student_reader::unseen;
use crate::ids::Username;
use crate::stack::alike::Alike;

/// A function's name, and its state or why that is not known: it is missing, or could not be looked at.
pub(crate) type FunctionLook = (String, Result<FunctionState, Reading<NotReady>>);

/// Looks at the functions of a student.
///
/// # Errors
/// Only when the run is stopped.
pub(crate) async fn look_at_functions(
    client: &Client,
    student: &Username,
    functions: impl IntoIterator<Item = &str>,
) -> Result<Vec<FunctionLook>, Cancelled> {
    let alike = Alike::new(client, student, Operation::GetFunction);
    let mut looks = Vec::new();
    for name in functions {
        let look = match alike.answer(alike.client.get_function(name)).await {
            Ok(state) => Ok(state),
            Err(error) if error.kind() == Some(ErrorKind::NotFound) => {
                Err(Reading::Seen(NotReady::Missing))
            }
            Err(error) => Err(unseen(error)?),
        };
        looks.push((name.to_owned(), look));
    }
    Ok(looks)
}

/// The functions that are not ready to run, with the state that says so.
pub(crate) fn not_ready(looks: &[FunctionLook]) -> Vec<(String, Reading<NotReady>)> {
    let mut found = Vec::new();
    for (name, look) in looks {
        let reading = match look {
            // Inactive: not invoked for weeks; the next invocation wakes it.
            Ok(state) if matches!(state.state.as_str(), "" | "Active" | "Inactive") => continue,
            Ok(state) => Reading::Seen(NotReady::State(state.state.clone(), state.reason.clone())),
            Err(reading) => reading.clone(),
        };
        found.push((name.clone(), reading));
    }
    found
}
