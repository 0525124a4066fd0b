//! Files on this machine that go with a student's access: credentials, and handouts that may hold them.

use std::collections::BTreeSet;

use crate::events::{Command, Outcome, ResourceResult, ResourceState, StudentResult};
use crate::ids::{Scope, Username};
use crate::report::handout;
use crate::stack::kinds::Observed;
use crate::stack::kinds::managed_policy::Purpose;
use crate::stack::kinds::{Kind as ResourceKind, ResourceId};
use crate::stack::plan::teardown::Reach;
use crate::text::words::plural;

use super::access::vault;
use super::run::run as run_work;
use super::session::Session;

/// Removes the files of students whose user is gone: what is in them opens nothing any more. Gone is also one that an
/// earlier run deleted, or somebody else; `before` is what was seen before this one. Handouts of a stack that was torn
/// down go as well.
pub(super) async fn files(
    session: &Session,
    command: Command,
    students: &[StudentResult],
    before: &Observed,
) -> Vec<String> {
    let mut gone: BTreeSet<Username> = students
        .iter()
        .filter(|student| user_is_gone(student))
        .map(|student| student.username.clone())
        .collect();
    gone.extend(without_user(session, command, before).await);
    let torn_down = |student: &&StudentResult| {
        command == Command::Teardown && student.outcome == Outcome::Removed
    };
    let torn_down = students.iter().filter(torn_down).map(|s| &s.username);
    let pages: BTreeSet<&Username> = gone.iter().chain(torn_down).collect();
    let settings = &session.class.settings;
    let mut notes = Vec::new();
    // Pages first: while the credentials are there, a run that is cut off here is finished by the next one.
    match handout::forget(&settings.reports, session.class.name(), pages) {
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
    let vault = vault(session);
    for student in &gone {
        if let Err(error) = vault.forget(student) {
            notes.push(format!("could not be removed: {error}"));
        }
    }
    if let Err(error) = vault.renew_everybody() {
        notes.push(format!(
            "the file with everybody's credentials could not be renewed: {error}"
        ));
    }
    notes
}

/// Whether this run deleted a student's user, or found it deleted while this lab's policies were still there.
fn user_is_gone(student: &StudentResult) -> bool {
    let of = |kind: ResourceKind| {
        let resources = student.resources.iter();
        resources.filter(move |r| r.resource.kind == kind)
    };
    // Every stack has a policy that bounds its roles; it says nothing of access.
    let is_access = |name: &str| Purpose::of_name(name) != Some(Purpose::Roles);
    let mut policies = of(ResourceKind::ManagedPolicy).filter(|r| is_access(&r.resource.name));
    let removed = |r: &ResourceResult| r.state == ResourceState::Removed;
    of(ResourceKind::User).any(removed)
        || (of(ResourceKind::User).next().is_none()
            && student.outcome == Outcome::Removed
            && policies.any(removed))
}

/// Students whom the command reaches, whose credentials for this account are here, and who had no user of this class in
/// it even before. IAM is global and its names are unique, so such a file opens nothing.
async fn without_user(session: &Session, command: Command, before: &Observed) -> Vec<Username> {
    let class = session.class.name();
    let is_user = |name: &Username| {
        let user = before.users.get(name.as_str());
        user.is_some_and(|user| user.path == Scope::role_path(class))
    };
    let hidden = |name: &Username| {
        let id = ResourceId::new(ResourceKind::User, name.as_str());
        before.gap(id.kind, &id.name).is_some()
    };
    let reached = |name: &Username| match session.class.reach() {
        Reach::WholeClass => true,
        Reach::Selected => session.class.students.iter().any(|s| s.username == *name),
        Reach::Left => {
            let mut roster = session.class.roster.students.iter();
            !roster.any(|s| s.username.as_str().eq_ignore_ascii_case(name.as_str()))
        }
    };
    let vault = vault(session);
    let here = vault.students().unwrap_or_default();
    let here: Vec<Username> = here
        .into_iter()
        .filter(|name| reached(name) && !is_user(name) && !hidden(name))
        .collect();
    if here.is_empty() {
        return here;
    }
    let addresses = sign_in_addresses(session, command).await;
    // The class may be in another account as well, under the same name: those files are not this one's.
    let of_this_account = |name: &Username| {
        let known = vault.read(name).ok().flatten();
        known.is_some_and(|known| addresses.contains(&known.sign_in_url))
    };
    here.into_iter().filter(of_this_account).collect()
}

/// Where users of this account sign in, as credentials name it; an endpoint that is not AWS has no such address.
async fn sign_in_addresses(session: &Session, command: Command) -> Vec<String> {
    if !session.client.is_aws() {
        return vec![String::new()];
    }
    let scope = session.scope();
    let ran = run_work(session, command, false, async |client| {
        client.account_alias().await
    })
    .await;
    let alias = ran.output.ok().flatten();
    let mut addresses = vec![scope.sign_in_url(None)];
    addresses.extend(alias.map(|alias| scope.sign_in_url(Some(&alias))));
    addresses
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A student of whom these were removed.
    fn torn_down(removed: &[(ResourceKind, &str)]) -> StudentResult {
        let resources = removed.iter().map(|(kind, name)| ResourceResult {
            resource: ResourceId::new(*kind, *name),
            state: ResourceState::Removed,
            detail: None,
        });
        StudentResult {
            username: "user1".parse().unwrap(),
            outcome: Outcome::Removed,
            resources: resources.collect(),
            checks: Vec::new(),
            outputs: Vec::new(),
            errors: Vec::new(),
        }
    }

    #[test]
    fn what_bounds_the_roles_says_nothing_of_access() {
        let role = (ResourceKind::Role, "user1-worker-role");
        let policy = |name| (ResourceKind::ManagedPolicy, name);
        // A stack without access, beside another lab's credentials of the same student.
        let stack = [role, policy("user1-roles@1ab118971d80cb5d")];
        assert!(!user_is_gone(&torn_down(&stack)));
        // The user was deleted by hand, and this lab's policies were still there.
        let access = [role, policy("user1-access@1ab118971d80cb5d")];
        assert!(user_is_gone(&torn_down(&access)));
        let user = [(ResourceKind::User, "user1")];
        assert!(user_is_gone(&torn_down(&user)));
    }
}
