//! Refuses to go on where nothing of the class stands and its students' stacks stand somewhere else: whoever typed the
//! wrong class, region or roster must hear that, and not of thirty conflicts. Every verb about a class asks here.

use crate::domain::desired::Desired;
use crate::domain::elsewhere::Elsewhere;
use crate::domain::observed::Observed;
use crate::engine::observe::observe_roles;
use crate::error::{Error, Kind, Result};
use crate::events::Command;

use super::run::run as run_work;
use super::session::Session;

/// Whether what was observed is the class that was asked for.
///
/// # Errors
/// Says where the stacks stand, and what to type.
pub(super) fn check(desired: &Desired, observed: &Observed) -> Result<()> {
    match Elsewhere::find(desired, observed) {
        None => Ok(()),
        Some(elsewhere) => Err(refused(desired, &elsewhere)),
    }
}

/// The same before anything else is looked at, by one listing of roles.
///
/// # Errors
/// As [`check`]; that it was stopped.
pub(super) async fn check_first(session: &Session, command: Command) -> Result<()> {
    let ran = run_work(session, command, false, async |client| {
        observe_roles(client, &session.desired).await
    })
    .await;
    check(&session.desired, &ran.output?)
}

/// The one line.
pub(super) fn refused(desired: &Desired, elsewhere: &Elsewhere) -> Error {
    Error::new(
        Kind::Refused,
        format!("class {}", desired.class),
        format!(
            "nothing of its students is in account {}, {}; {}; nothing was touched",
            desired.scope.account,
            desired.scope.region,
            elsewhere.sentence()
        ),
    )
}
