//! Files on this machine that go with a student's access: credentials, and handouts that may hold them.

use std::collections::BTreeSet;

use super::session::Session;
use crate::events::{Command, Outcome};
use crate::ids::Username;
use crate::report::handout;
use crate::results::StudentResult;
use crate::stack::kinds::Observed;
use crate::stack::vault::{Vault, user_is_gone};
use crate::text::words::plural;

/// Removes the files of students whose user is gone: what is in them opens nothing any more. Gone is also one that an
/// earlier run deleted, or somebody else; `before` is what was seen before this one. Handouts of a stack that was torn
/// down go as well.
pub(super) async fn files(
    session: &Session,
    command: Command,
    students: &[StudentResult],
    before: &Observed,
) -> Vec<String> {
    let vault = session.vault();
    let gone = students
        .iter()
        .filter(|s| user_is_gone(s.outcome, &s.resources));
    let mut gone: BTreeSet<Username> = gone.map(|s| s.username.clone()).collect();
    gone.extend(without_user(session, command, &vault, before).await);
    let torn_down = students
        .iter()
        .filter(|s| command == Command::Teardown && s.outcome == Outcome::Removed);
    let torn_down = torn_down.map(|s| &s.username);
    let pages: BTreeSet<&Username> = gone.iter().chain(torn_down).collect();
    let mut notes = Vec::new();
    // Pages first: while the credentials are there, a run that is cut off here is finished by the next one.
    match handout::forget(&session.class.settings.reports, session.class.name(), pages) {
        Ok(0) => {}
        Ok(count) => notes.push(format!(
            "{} removed, and the page with everybody's: `homeroom handout` writes it again for those who stay",
            plural(count, "handout")
        )),
        Err(error) => notes.push(format!("a handout could not be removed: {error}")),
    }
    if gone.is_empty() {
        return notes;
    }
    let errors = gone
        .iter()
        .filter_map(|student| vault.forget(student).err());
    notes.extend(errors.map(|error| format!("could not be removed: {error}")));
    if let Err(error) = vault.renew_everybody() {
        notes.push(format!(
            "the file with everybody's credentials could not be renewed: {error}"
        ));
    }
    notes
}

/// Students whom the command reaches and whose credentials for this account are here without a user of theirs in it.
async fn without_user(
    session: &Session,
    command: Command,
    vault: &Vault,
    before: &Observed,
) -> Vec<Username> {
    let mut here = vault.without_user(session.class.name(), before);
    here.retain(|name| session.class.reaches(name));
    if !here.is_empty() {
        let addresses = sign_in_addresses(session, command).await;
        here.retain(|name| vault.signs_in_at(name, &addresses));
    }
    here
}

/// Where users of this account sign in, as credentials name it; an endpoint that is not AWS has no such address.
async fn sign_in_addresses(session: &Session, command: Command) -> Vec<String> {
    if !session.client.is_aws() {
        return vec![String::new()];
    }
    let scope = session.scope();
    let look = session.run(command, super::run::Log::None, async |client| {
        client.account_alias().await
    });
    let alias = look.await.0.ok().flatten();
    let mut addresses = vec![scope.sign_in_url(None)];
    addresses.extend(alias.map(|alias| scope.sign_in_url(Some(&alias))));
    addresses
}
