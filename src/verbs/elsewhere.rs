//! Refuses to go on where nothing of the class stands and its students' stacks stand somewhere else: whoever typed the
//! wrong class, region or roster must hear that, and not of thirty conflicts. Every verb about a class asks here.

use crate::error::{Error, Kind, Result};
use crate::events::Command;
use crate::stack::elsewhere::{Elsewhere, Whereabouts, stands_here};
use crate::stack::kinds::Desired;
use crate::stack::kinds::Observed;
use crate::stack::observe::observe_roles;

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

/// The same for a command that makes stacks: a few students may have some of another course, and the others need theirs.
///
/// # Errors
/// As [`check`].
pub(super) fn check_most(desired: &Desired, observed: &Observed) -> Result<()> {
    match Elsewhere::find(desired, observed) {
        Some(elsewhere) if elsewhere.is_most() => Err(refused(desired, &elsewhere)),
        _ => Ok(()),
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

/// Whether the class has a name that was given. Where it is only guessed from the name of a copied roster, this says what
/// to type, and does so with more certainty where stacks of that class stand.
///
/// # Errors
/// Always, where the class is a guess.
pub(super) async fn check_named(session: &Session) -> Result<()> {
    let Some(unnamed) = session.class.settings.unnamed.clone() else {
        return Ok(());
    };
    let desired = &session.desired;
    let ran = run_work(session, Command::Plan, false, async |client| {
        observe_roles(client, desired).await
    })
    .await;
    let stands = ran
        .output
        .is_ok_and(|observed| stands_here(desired, &observed));
    Err(match stands {
        false => unnamed,
        true => {
            let place = Whereabouts {
                class: Some(desired.class.clone()),
                region: None,
            };
            Error::new(
                Kind::Refused,
                session.class.settings.roster.display().to_string(),
                format!(
                    "the file's name names no class; {}; nothing was touched",
                    place.sentence()
                ),
            )
        }
    })
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
