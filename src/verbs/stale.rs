//! What an API that was made anew leaves behind: AWS gives it another id, and students' policies and handouts name the
//! one before.

use crate::ids::Username;
use crate::report::handout;
use crate::stack::kinds::Observed;
use crate::stack::ownership::Owner;
use crate::text::words::some_of;

use super::session::Session;

/// Students named in a note.
const NAMED: usize = 12;

/// Of students whose API was made by this deployment: those who have a user already, and those who have a handout here.
pub(super) fn known(
    session: &Session,
    observed: &Observed,
    made: &[Owner],
) -> (Vec<Username>, Vec<Username>) {
    let dir = handout::dir(&session.class.settings.reports, session.class.name());
    let has_user = |owner: &&Owner| {
        let user = observed.users.get(owner.student.as_str());
        user.is_some_and(|user| user.is_of(session.scope(), owner))
    };
    let has_handout = |owner: &&Owner| dir.join(format!("{}.html", owner.student)).is_file();
    let names = |owners: Vec<&Owner>| owners.iter().map(|o| o.student.clone()).collect();
    (
        names(made.iter().filter(has_user).collect()),
        names(made.iter().filter(has_handout).collect()),
    )
}

/// Says whose policy and handout have to be written anew.
pub(super) fn note(with_user: &[Username], with_handout: &[Username]) -> Option<String> {
    let names = |users: &[Username]| {
        let names: Vec<&str> = users.iter().map(Username::as_str).collect();
        some_of(&names, NAMED)
    };
    let policies = format!(
        "the policies of {} name the one before: `homeroom access grant` puts them right",
        names(with_user)
    );
    let handouts = format!(
        "the handouts of {} give the old address: `homeroom handout` writes them anew (with --with-credentials, where \
         they had the passwords in them)",
        names(with_handout)
    );
    let what = match (with_user.is_empty(), with_handout.is_empty()) {
        (true, true) => return None,
        (false, true) => policies,
        (true, false) => handouts,
        (false, false) => format!("{policies}; {handouts}"),
    };
    Some(format!(
        "an API was made anew, under another address: {what}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_note_names_whose_policy_and_whose_handout_are_stale() {
        let name = |name: &str| name.parse::<Username>().unwrap();
        assert_eq!(note(&[], &[]), None);
        let both = note(&[name("ana"), name("ben")], &[name("ana")]).unwrap();
        assert!(both.contains("policies of ana, ben name"), "{both}");
        assert!(both.contains("handouts of ana give"), "{both}");
        let one = note(&[], &[name("ana")]).unwrap();
        assert!(!one.contains("polic"), "{one}");
    }
}
