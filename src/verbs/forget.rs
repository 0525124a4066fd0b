//! Files on this machine that go with a student's access: credentials, and handouts that may hold them.

use std::collections::{BTreeMap, BTreeSet};

use super::ended::PlaceEnd;
use super::sessions::Sessions;
use crate::events::{Command, Outcome};
use crate::ids::{ClassName, Username};
use crate::report::handout;
use crate::results::StudentResult;
use crate::stack::kinds::Observed;
use crate::stack::vault::{Vault, may_have_user, user_is_gone};
use crate::text::words::plural;

/// Removes the files of students whose user is gone, so that the credentials in them are worthless; this run, an earlier
/// one or somebody else may have deleted the user. `before` is what was seen at each place before this run, and `ends`
/// what came of it there. Handouts of stacks that were torn down go as well. Files for another place of the class stay.
pub(super) async fn files(
    session: &Sessions,
    command: Command,
    ends: &[PlaceEnd],
    before: &[Observed],
) -> Vec<String> {
    let vault = session.vault();
    let mut gone = without_user_now(session, command, &vault, ends, before).await;
    gone.extend(without_user(session, command, &vault, before).await);
    let is_nothing = |s: &StudentResult| matches!(s.outcome, Outcome::Removed | Outcome::Absent);
    let is_torn_down =
        |s: &StudentResult| command == Command::Teardown && s.outcome == Outcome::Removed;
    let mut torn_down = places_of(ends, is_torn_down);
    let remains = places_of(ends, |s| !is_nothing(s));
    torn_down.retain(|name, _| !remains.contains_key(name) && has_nothing_beyond(session, name));
    let pages: BTreeSet<&Username> = gone.iter().chain(torn_down.into_keys()).collect();
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

/// Students of whom something is so, with the places where it is, by their number.
fn places_of(
    ends: &[PlaceEnd],
    is_so: impl Fn(&StudentResult) -> bool,
) -> BTreeMap<&Username, BTreeSet<usize>> {
    let mut all: BTreeMap<&Username, BTreeSet<usize>> = BTreeMap::new();
    for (place, end) in ends.iter().enumerate() {
        for student in end.students.iter().filter(|student| is_so(student)) {
            all.entry(&student.username).or_default().insert(place);
        }
    }
    all
}

/// Whether a student has nothing at places that the command does not look at.
fn has_nothing_beyond(session: &Sessions, student: &Username) -> bool {
    let looks_everywhere = session.reaches_all() && session.class.settings.chosen_places.is_empty();
    looks_everywhere || session.may_forget(student)
}

/// Students whose user this run deleted. Where they may have another one at another place, the credentials must be of the
/// place where it was deleted.
async fn without_user_now(
    session: &Sessions,
    command: Command,
    vault: &Vault,
    ends: &[PlaceEnd],
    before: &[Observed],
) -> BTreeSet<Username> {
    let class = session.class.name();
    let went = places_of(ends, |s| user_is_gone(s.outcome, &s.resources));
    let (only, several): (BTreeMap<_, _>, BTreeMap<_, _>) =
        went.into_iter().partition(|(name, places)| {
            has_nothing_beyond(session, name) && !stands_beside(class, name, places, before)
        });
    let mut gone: BTreeSet<Username> = only.into_keys().cloned().collect();
    if !several.is_empty() {
        let addresses = sign_in_addresses(session, command).await;
        let several = several.into_iter().filter(|(name, places)| {
            let addresses = places.iter().flat_map(|place| addresses[*place].clone());
            vault.signs_in_at(name, &addresses.collect::<Vec<_>>())
        });
        gone.extend(several.map(|(name, _)| name.clone()));
    }
    gone
}

/// Whether a student may have a user at a place other than these.
fn stands_beside(
    class: &ClassName,
    student: &Username,
    places: &BTreeSet<usize>,
    before: &[Observed],
) -> bool {
    let mut others = before.iter().enumerate();
    others.any(|(place, before)| !places.contains(&place) && may_have_user(class, student, before))
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
        let addresses = sign_in_addresses(session, command).await.concat();
        here.retain(|name| vault.signs_in_at(name, &addresses));
    }
    here
}

/// The sign-in addresses of each place, as credentials files have them; empty for an endpoint that is not AWS.
async fn sign_in_addresses(session: &Sessions, command: Command) -> Vec<Vec<String>> {
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
    look.await.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Scope;
    use crate::stack::kinds::user;
    use crate::stack::ownership::Tags;

    fn ended(outcome: Outcome) -> PlaceEnd {
        PlaceEnd {
            students: vec![StudentResult::new("ana".parse().unwrap(), outcome)],
            ..PlaceEnd::default()
        }
    }

    #[test]
    fn a_student_is_found_at_each_place_where_something_came_of_it() {
        let ends = [ended(Outcome::Removed), ended(Outcome::Remains)];
        let ana = "ana".parse().unwrap();
        let removed = places_of(&ends, |s| s.outcome == Outcome::Removed);
        assert_eq!(removed, BTreeMap::from([(&ana, BTreeSet::from([0]))]));
    }

    #[test]
    fn a_user_at_another_place_keeps_the_credentials_in_doubt() {
        let (class, ana) = ("lab6".parse().unwrap(), "ana".parse().unwrap());
        let mut west = Observed::default();
        let user = user::Seen {
            name: "ana".to_owned(),
            path: Scope::role_path(&class),
            tags: Tags::new(),
            inline: Vec::new(),
            attached: Vec::new(),
            groups: Vec::new(),
            boundary: None,
        };
        west.users.insert("ana".to_owned(), user);
        let before = [Observed::default(), west];
        let beside = |places: &[usize]| {
            let places = places.iter().copied().collect();
            stands_beside(&class, &ana, &places, &before)
        };
        assert!(beside(&[0]));
        assert!(!beside(&[1]) && !beside(&[0, 1]));
    }
}
