//! `access grant | revoke | freeze | thaw | slips`: students' way in.

mod exposed;
mod freeze;
mod grant;
mod issuer;
mod revoke;
mod slips;

use super::class::Class;
use super::session::Session;
use super::sessions::Sessions;
use crate::cli::{AccessVerb, Cli};
use crate::error::{Exit, Result};
use crate::events::Command;
use crate::ids::Username;
use crate::stack::kinds::Desired;
use crate::stack::kinds::Observed;
use crate::stack::leavers::Leavers;
use crate::stack::observe::observe_access;
use crate::text::words::some_of;

/// Most students whom a note names.
const FEW: usize = 12;

pub(super) async fn run(cli: &Cli, verb: &AccessVerb) -> Result<Exit> {
    let class = Class::load(cli)?;
    match verb {
        AccessVerb::Grant(args) => grant::run(class, args).await,
        AccessVerb::Revoke(args) => revoke::run(class, args).await,
        AccessVerb::Slips => slips::run(class).await,
        AccessVerb::Freeze(_) | AccessVerb::Thaw => freeze::run(class, verb.command()).await,
    }
}

/// A note on students who are shut out.
pub(super) fn still_frozen(session: &Session, observed: &Observed) -> Option<String> {
    let Desired { scope, stacks, .. } = &session.desired;
    note_on_frozen(&observed.frozen(scope, stacks))
}

pub(super) fn note_on_frozen(frozen: &[Username]) -> Option<String> {
    let names: Vec<&str> = frozen.iter().map(Username::as_str).collect();
    (!names.is_empty()).then(|| {
        format!(
            "still shut out until `homeroom access thaw`: {}",
            some_of(&names, FEW)
        )
    })
}

async fn look_and_settle(
    sessions: &mut Sessions,
    command: Command,
    leavers: Leavers,
) -> Result<Vec<Observed>> {
    let observed = look(sessions, command).await?;
    match sessions.settle_leavers(&observed, leavers)? {
        true => look(sessions, command).await,
        false => Ok(observed),
    }
}

async fn look(sessions: &Sessions, command: Command) -> Result<Vec<Observed>> {
    let look = sessions.look(command, async |at| {
        observe_access(&at.client, &at.session.desired, false).await
    });
    look.await
}
