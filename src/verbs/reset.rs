//! What `deploy --reset` would overwrite, shown, and asked for where somebody can answer.

use std::io::{self, IsTerminal, Write};

use crate::error::{Error, Kind, Result};
use crate::events::Command;
use crate::ids::Username;
use crate::options::OutputFormat;
use crate::report::print_reset_listing;
use crate::stack::diff::Change;
use crate::stack::observe::{Depth, observe};
use crate::stack::plan::reset::changes;

use super::plan::{interrupted, view};
use super::run::run as run_work;
use super::session::Session;
use super::teardown::answer;

/// Shows what the students changed, and asks on a terminal. Elsewhere nobody can answer, and the students are named
/// already, so it goes on: a copy is kept either way.
///
/// # Errors
/// When it is not wanted, or was stopped.
pub(super) async fn agreed(session: &Session) -> Result<()> {
    let desired = &session.desired;
    let ran = run_work(session, Command::Deploy, false, async |client| {
        observe(client, desired, &Depth::Deploy).await
    })
    .await;
    let observed = ran.output.map_err(|_| interrupted())?;
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
    print_reset_listing(&changed, &apis, &view(session), &mut io::stderr().lock())
        .map_err(|error| Error::new(Kind::General, "stderr", error.to_string()))?;
    let json = session.class.settings.ui.output == OutputFormat::Json;
    if json || !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Ok(());
    }
    let mut err = io::stderr().lock();
    write!(
        err,
        "Type yes to keep a copy of this and put it back as the lab has it, anything else to leave it: "
    )
    .and_then(|()| err.flush())
    .map_err(|error| Error::new(Kind::General, "terminal", error.to_string()))?;
    drop(err);
    match answer().await?.eq_ignore_ascii_case("yes") {
        true => Ok(()),
        false => Err(Error::new(
            Kind::Refused,
            "--reset",
            "it was not confirmed; nothing was changed",
        )),
    }
}
