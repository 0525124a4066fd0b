//! What `deploy --reset` would overwrite, shown, and asked for where somebody can answer.

use std::io;

use super::ask::{answer, can_ask};
use super::session::Session;
use crate::error::{Error, Kind, Result};
use crate::events::Command;
use crate::ids::Username;
use crate::report::print_reset_listing;
use crate::stack::diff::Change;
use crate::stack::observe::{Depth, observe};
use crate::stack::plan::reset::changes;

/// Shows what the students changed, and asks on a terminal. Elsewhere nobody can answer, and the students are named
/// already, so it goes on: a copy is kept either way.
///
/// # Errors
/// When it is not wanted, or was stopped.
pub(super) async fn agreed(session: &Session) -> Result<()> {
    let desired = &session.desired;
    let look = session.look(Command::Deploy, async |client| {
        observe(client, desired, &Depth::Deploy).await
    });
    let observed = look.await?;
    let changed: Vec<(Username, Vec<Change>)> = desired
        .stacks
        .iter()
        .map(|stack| {
            let changes = changes(session.scope(), stack, &observed);
            (stack.student().clone(), changes)
        })
        .filter(|(_, changes)| !changes.is_empty())
        .collect();
    let apis: Vec<&str> = desired
        .stacks
        .iter()
        .filter(|stack| {
            let mut apis = stack.rest_apis.iter();
            apis.any(|api| !observed.apis_of(stack, api).is_empty())
        })
        .map(|stack| stack.student().as_str())
        .collect();
    if changed.is_empty() && apis.is_empty() {
        return Ok(());
    }
    // stdout is for what the deployment says at its end.
    let mut err = io::stderr().lock();
    print_reset_listing(&changed, &apis, &session.view(), &mut err)
        .map_err(|error| Error::new(Kind::General, "stderr", error.to_string()))?;
    drop(err);
    if !can_ask(session) {
        return Ok(());
    }
    let question = "Type yes to keep a copy of this and put it back as the lab has it, anything else to leave it: ";
    match answer(question).await?.eq_ignore_ascii_case("yes") {
        true => Ok(()),
        false => Err(Error::new(
            Kind::Refused,
            "--reset",
            "it was not confirmed; nothing was changed",
        )),
    }
}
