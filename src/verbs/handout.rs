//! `handout`: a page for each student. It changes nothing in the cloud; it asks for the addresses of the students' APIs.

use std::collections::BTreeMap;

use crate::aws::{CallError, Client};
use crate::cli::{Cli, HandoutArgs};
use crate::error::{Exit, Result};
use crate::events::{Command, Outcome};
use crate::report::handout::{HandoutBatch, HandoutClass, dir, write};
use crate::stack::hints;
use crate::stack::kinds::Observed;
use crate::stack::observe::apis;
use crate::stack::ownership::Ownership;

use super::class::Class;
use super::run::{Log, interrupted};
use super::say::{general, unwritten};
use super::session::Session;

pub(super) async fn run(cli: &Cli, args: &HandoutArgs) -> Result<Exit> {
    let session = Class::load(cli)?.connect().await?;
    let (observed, sign_in_url) = look_for_addresses(&session, Command::Handout).await?;
    let (scope, settings) = (session.scope(), &session.class.settings);
    let class = HandoutClass {
        class: session.class.name(),
        lab: &session.class.lab,
        scope,
        sign_in_url: sign_in_url.as_deref(),
    };
    let vault = session.vault();
    let mut batch = HandoutBatch::new(class, args.with_credentials);
    for (stack, student) in session.stacks() {
        let apis = session.endpoints(stack, &observed);
        batch.add(student, &apis, vault.read(&student.username));
    }
    let mut files = Vec::new();
    let mut notes = Vec::new();
    if !batch.handouts.is_empty() {
        let whole = session.class.is_whole();
        let written = write(&settings.reports, &class, &batch.handouts, whole)
            .map_err(unwritten("handout", "`homeroom handout`"))?;
        notes = batch.notes(&dir(&settings.reports, class.class), &written.together);
        files.extend(written.all().map(|path| path.display().to_string()));
    }
    let mut ended = session.ended(Command::Handout, batch.results, notes);
    ended.list(files);
    if ended.summary.count(Outcome::Failed) > 0 {
        ended.exit = Exit::SomeFailed;
    }
    ended.show(&session).await
}

/// The students' APIs, and where students sign in to the console; `None` where there is none.
pub(super) async fn look_for_addresses(
    session: &Session,
    command: Command,
) -> Result<(Observed, Option<String>)> {
    let look = session.run(command, Log::None, async |client| {
        look(client, session).await
    });
    let (observed, alias) = look.await.0.map_err(|error| match error {
        CallError::Cancelled => interrupted(),
        CallError::Cloud(error) => {
            let hint = hints::for_error(&error);
            general("the students' APIs")(error).hint_if(hint)
        }
    })?;
    let mut apis = observed.apis.values().flatten();
    if !apis.any(|api| matches!(api.ownership, Ownership::Ours(_))) {
        // Perhaps the stacks are in another place; that is worth one more listing.
        session.check_elsewhere(command).await?;
    }
    // An endpoint that is not AWS has no console.
    let is_aws = session.client.is_aws();
    let sign_in_url = is_aws.then(|| session.scope().sign_in_url(alias.as_deref()));
    Ok((observed, sign_in_url))
}

/// One listing of the APIs, and the account's alias, which only makes the address to sign in at shorter.
async fn look(
    client: &Client,
    session: &Session,
) -> std::result::Result<(Observed, Option<String>), CallError> {
    let stacks = &session.desired.stacks;
    let any_api = stacks.iter().any(|stack| !stack.apis.is_empty());
    let found = async {
        match any_api {
            true => apis(client, &session.desired).await,
            false => Ok(BTreeMap::new()),
        }
    };
    let alias = async {
        match session.client.is_aws() {
            true => client.account_alias().await,
            false => Ok(None),
        }
    };
    let (found, alias) = tokio::join!(found, alias);
    let observed = Observed {
        apis: found?,
        ..Observed::default()
    };
    Ok((observed, alias.ok().flatten()))
}
