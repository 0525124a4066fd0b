//! What `deploy --reset` would overwrite, shown, and asked for where somebody can answer.

use std::io;

use super::ask::{answer, can_ask};
use super::say::general;
use super::session::Session;
use super::sessions::Sessions;
use crate::error::{Error, Exit, Result};
use crate::events::Command;
use crate::report::{ResetListing, View, print_reset_listing};
use crate::stack::kinds::Observed;
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
    let observed = look.await?;
    let places = sessions.places.iter().zip(&observed);
    let places = places.map(|(session, observed)| listing(session, observed));
    let places: Vec<ResetListing<'_>> = places.collect();
    if places.iter().all(ResetListing::is_empty) {
        return Ok(());
    }
    let view = View {
        first: &sessions.notes_on_unreached(),
        ..sessions.view()
    };
    // stdout is for what the deployment says at its end.
    let mut err = io::stderr().lock();
    print_reset_listing(&places, &view, &mut err).map_err(general("stderr"))?;
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

/// What would be overwritten at one place.
fn listing<'a>(session: &'a Session, observed: &Observed) -> ResetListing<'a> {
    let mut listing = ResetListing {
        place: session.place.as_ref(),
        scope: session.scope(),
        changed: Vec::new(),
        apis: Vec::new(),
    };
    for stack in &session.desired.stacks {
        let changes = changes(session.scope(), stack, observed);
        if !changes.is_empty() {
            listing.changed.push((stack.student().clone(), changes));
        }
        let has_api = |api| !observed.apis_of(stack, api).is_empty();
        if stack.apis.iter().any(has_api) {
            listing.apis.push(stack.student().as_str());
        }
    }
    listing
}
