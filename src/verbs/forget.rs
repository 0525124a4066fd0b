//! Files on this machine that go with a student's access: credentials, and handouts that may hold them.

use std::collections::BTreeSet;

use super::sessions::Sessions;
use crate::events::{Command, Outcome};
use crate::ids::Username;
use crate::report::handout;
use crate::results::StudentResult;
use crate::stack::kinds::Observed;
use crate::stack::vault::{Vault, user_is_gone};
use crate::text::words::plural;

/// Removes the files of students whose user is gone, so that the credentials in them are worthless; this run, an earlier
/// one or somebody else may have deleted the user. `before` is what was seen before this run. Handouts of stacks that
/// were torn down go as well.
pub(super) async fn files(
    session: &Sessions,
    command: Command,
    students: &[StudentResult],
    before: &[Observed],
) -> Vec<String> {
    let vault = session.vault();
    let gone = students.iter();
    let gone = gone.filter(|s| user_is_gone(s.outcome, &s.resources));
    let mut gone: BTreeSet<Username> = gone.map(|s| s.username.clone()).collect();
    gone.extend(without_user(session, command, &vault, before).await);
    let is_torn_down =
        |s: &&StudentResult| command == Command::Teardown && s.outcome == Outcome::Removed;
    let torn_down = students.iter().filter(is_torn_down).map(|s| &s.username);
    let pages: BTreeSet<&Username> = gone.iter().chain(torn_down).collect();
    let mut notes = Vec::new();
    // Pages first: if this run is cut off here, the next one still finds the credentials and goes on.
    match handout::forget(&session.class.settings.reports, session.class.name(), pages) {
        Ok(0) => {}
        Ok(count) => notes.push(format!(
            "removed {} and the page of the whole class; run `homeroom handout` to write that page again",
            plural(count, "handout")
        )),
        Err(error) => notes.push(format!("a handout could not be removed: {error}")),
    }
    if gone.is_empty() {
        return notes;
    }
    let errors = gone.iter().filter_map(|name| vault.forget(name).err());
    notes.extend(errors.map(|error| format!("could not be removed: {error}")));
    if let Err(error) = vault.renew_everybody() {
        notes.push(format!(
            "the file with everybody's credentials could not be renewed: {error}"
        ));
    }
    notes
}

/// Students of this command whose credentials for this account are here, but who have no user in it.
async fn without_user(
    session: &Sessions,
    command: Command,
    vault: &Vault,
    before: &[Observed],
) -> Vec<Username> {
    let class = &session.class;
    let mut places = before.iter();
    // Whoever has a user at one place, or may have one there, keeps the file.
    let first = places
        .next()
        .map(|before| vault.without_user(class.name(), before));
    let mut here = places.fold(first.unwrap_or_default(), |mut here, before| {
        let without = vault.without_user(class.name(), before);
        here.retain(|name| without.contains(name));
        here
    });
    here.retain(|name| class.reaches(name) && session.may_forget(name));
    if !here.is_empty() {
        let addresses = sign_in_addresses(session, command).await;
        here.retain(|name| vault.signs_in_at(name, &addresses));
    }
    here
}

/// The sign-in addresses of these accounts, as credentials files have them; empty for an endpoint that is not AWS.
async fn sign_in_addresses(session: &Sessions, command: Command) -> Vec<String> {
    let look = session.look_each(command, async |at| {
        if !at.session.client.is_aws() {
            return vec![String::new()];
        }
        let scope = at.session.scope();
        let alias = at.client.account_alias().await.ok().flatten();
        let mut addresses = vec![scope.sign_in_url(None)];
        addresses.extend(alias.map(|alias| scope.sign_in_url(Some(&alias))));
        addresses
    });
    look.await.0.concat()
}
