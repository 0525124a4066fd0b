//! `access grant | revoke | freeze | thaw`: students' way in.

mod exposed;
mod freeze;
mod grant;
mod issuer;
mod revoke;

use super::class::Class;
use super::ended::Exit;
use super::session::Session;
use crate::cli::{AccessVerb, Cli};
use crate::error::Result;
use crate::events::Command;
use crate::stack::observe::observe_access;
use crate::stack::observed::Observed;

/// Students who are named one by one in a note.
const FEW: usize = 12;

pub(super) async fn run(cli: &Cli, verb: &AccessVerb) -> Result<Exit> {
    let class = Class::load(cli)?;
    match verb {
        AccessVerb::Grant(args) => grant::run(class, args).await,
        AccessVerb::Revoke(args) => revoke::run(class, args).await,
        AccessVerb::Freeze(_) | AccessVerb::Thaw => freeze::run(class, verb.command()).await,
    }
}

/// Looks at who has access, and settles who is meant.
async fn look_and_settle(session: &mut Session, command: Command) -> Result<Observed> {
    let observed = look(session, command).await?;
    match session.settle_leavers(&observed)? {
        true => look(session, command).await,
        false => Ok(observed),
    }
}

async fn look(session: &Session, command: Command) -> Result<Observed> {
    let look = session.look(command, async |client| {
        observe_access(client, &session.desired, false).await
    });
    look.await
}
