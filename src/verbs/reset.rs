//! What `deploy --reset` would overwrite, shown, and asked for where somebody can answer.

use std::io;

use super::ask::{answer, can_ask};
use super::say::general;
use super::sessions::Sessions;
use crate::error::{Error, Exit, Result};
use crate::events::Command;
use crate::ids::Username;
use crate::report::print_reset_listing;
use crate::stack::diff::Change;
use crate::stack::observe::{Depth, observe};
use crate::stack::plan::reset::changes;

/// Shows what the students changed, and asks for a yes. Where there is no terminal the reset goes on: the command names
/// the students, and a copy of their changes is kept either way.
///
/// # Errors
/// When the answer is no.
pub(super) async fn agreed(sessions: &Sessions) -> Result<()> {
    let look = sessions.look(Command::Deploy, async |at| {
        observe(&at.client, &at.session.desired, &Depth::Deploy).await
    });
    let mut changed: Vec<(Username, Vec<Change>)> = Vec::new();
    let mut apis: Vec<&str> = Vec::new();
    for (session, observed) in sessions.places.iter().zip(look.await?) {
        for stack in &session.desired.stacks {
            let changes = changes(session.scope(), stack, &observed);
            if !changes.is_empty() {
                changed.push((stack.student().clone(), changes));
            }
            let has_api = |api| !observed.apis_of(stack, api).is_empty();
            if stack.apis.iter().any(has_api) {
                apis.push(stack.student().as_str());
            }
        }
    }
    if changed.is_empty() && apis.is_empty() {
        return Ok(());
    }
    // stdout is for what the deployment says at its end.
    let mut err = io::stderr().lock();
    print_reset_listing(&changed, &apis, &sessions.view(), &mut err).map_err(general("stderr"))?;
    drop(err);
    if !can_ask(sessions) {
        return Ok(());
    }
    let question = "Type yes to keep a copy of this and put it back as the lab has it, anything else to leave it: ";
    match answer(question).await?.eq_ignore_ascii_case("yes") {
        true => Ok(()),
        false => {
            let cause = "it was not confirmed; nothing was changed";
            Err(Error::new(Exit::Refused, "--reset", cause))
        }
    }
}
