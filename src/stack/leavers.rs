//! Students who left the roster: whom a command is about, and what it says about them.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::error::{Error, Exit, Result};
use crate::ids::{PlaceName, Username};
use crate::roster::Student;
use crate::roster::beyond::UnsureName;
use crate::roster::renamed::{KnownPerson, RecognisedBy, renamed};
use crate::stack::elsewhere::Elsewhere;
use crate::stack::kinds::managed_policy::Purpose;
use crate::stack::kinds::{Desired, Kind, Observed, ResourceId};
use crate::stack::left::{Attendance, Leaver, everybody, respelled};
use crate::stack::plan::Plan;
use crate::stack::plan::teardown::Reach;
use crate::text::words::some_of;

const NAMED: usize = 12;

/// A student who still has something in the class and is no longer in the roster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeftStudent {
    pub username: Username,
    /// Where the resources are, in a class with several places.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<PlaceName>,
    /// How many resources of this student the verb saw.
    pub resources: usize,
    /// Whether it looked at IAM alone.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub iam_only: bool,
    /// The username under which the student is most likely in the roster now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub likely_renamed_to: Option<Username>,
    /// The username under which the student may be in the roster now: no more than a guess.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub perhaps_renamed_to: Option<Username>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub same: Option<RecognisedBy>,
}

/// What a command does about students who left the roster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leavers {
    /// The same as for everybody.
    Reached,
    /// Nothing: it lets students in.
    Refused,
}

/// Whom a person meant by usernames that are not in the roster in this spelling.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct SettledDoubts {
    /// Students who left the roster.
    pub(crate) leavers: Vec<Username>,
    /// Students of the roster, typed in another case: as typed, and as in the roster.
    pub(crate) instead: Vec<(Username, Username)>,
    pub(crate) refused: Vec<Username>,
    /// Names that neither the roster nor the class has.
    pub(crate) unknown: Vec<Username>,
}

/// Decides whom such names mean, by who is `present` in the class. Where not everything could be seen, a student of that
/// name may be there all the same.
pub(crate) fn settle(
    doubts: &[UnsureName],
    present: &BTreeSet<Username>,
    all_seen: bool,
    leavers: Leavers,
) -> SettledDoubts {
    let mut settled = SettledDoubts::default();
    let reaches = leavers == Leavers::Reached;
    for UnsureName { given, otherwise } in doubts {
        match otherwise {
            None if !reaches && present.contains(given) => settled.refused.push(given.clone()),
            _ if reaches && present.contains(given) => settled.leavers.push(given.clone()),
            Some(row) => settled.instead.push((given.clone(), row.clone())),
            None if reaches && !all_seen => settled.leavers.push(given.clone()),
            None => settled.unknown.push(given.clone()),
        }
    }
    settled
}

/// Where the students' stacks stand, if nothing is where they were looked for. Beside students who did leave, and are the
/// ones that the command is about, it does not matter where the others' stacks stand.
///
/// # Errors
/// When `--left` would take students for leavers who are in the roster in another spelling.
pub(crate) fn check(
    desired: &Desired,
    observed: &Observed,
    reach: Reach,
    plan: &Plan,
) -> Result<Option<Elsewhere>> {
    if reach != Reach::Left {
        return Ok(Elsewhere::find(desired, observed));
    }
    let present = everybody(desired, observed).into_keys();
    let respelled: Vec<String> = present
        .filter(|student| respelled(desired, student).is_some())
        .map(|student| format!("'{student}'"))
        .collect();
    if !respelled.is_empty() {
        let cause = format!(
            "students who are in the roster in another spelling have not left: write {} in the roster; nothing was \
             deleted or changed",
            some_of(&respelled, NAMED)
        );
        return Err(Error::new(Exit::Refused, "--left", cause));
    }
    let found = plan.students.is_empty();
    Ok(found.then(|| Elsewhere::find(desired, observed)).flatten())
}

impl Plan {
    /// Whether it is certain that it is about nobody.
    pub(crate) fn is_about_nobody(&self) -> bool {
        self.students.is_empty() && self.gaps.is_empty()
    }

    /// Marks who is not in the roster. Students chosen by name have a plan like everybody else.
    pub(crate) fn mark_left(&mut self, left: &[Username]) {
        for student in &mut self.students {
            student.in_roster &= !left.contains(&student.owner.student);
        }
    }

    /// Students who are not in the roster and lose something by this plan. Whoever confirms it should see who may only have
    /// another username now.
    pub(crate) fn attendance(&self, desired: &Desired, observed: &Observed) -> Attendance {
        let gone = self.students.iter().filter(|student| !student.in_roster);
        let leavers = gone.map(|student| Leaver {
            username: student.owner.student.clone(),
            resources: student
                .items
                .iter()
                .filter(|item| item.action.is_some())
                .map(|item| item.resource.clone())
                .collect(),
        });
        Attendance {
            present: everybody(desired, observed).into_keys().collect(),
            leavers: leavers.filter(|l| !l.resources.is_empty()).collect(),
        }
    }
}

impl Attendance {
    /// The same for students who were `chosen` by name and have left.
    pub(crate) fn of_chosen(desired: &Desired, observed: &Observed, chosen: &[Username]) -> Self {
        let everything = everybody(desired, observed);
        let leavers = chosen.iter().map(|username| Leaver {
            username: username.clone(),
            resources: everything.get(username).cloned().unwrap_or_default(),
        });
        Self {
            leavers: leavers.collect(),
            present: everything.keys().cloned().collect(),
        }
    }

    /// Who left, as a summary names them.
    pub(crate) fn left(
        &self,
        roster: &[Student],
        known: &BTreeMap<Username, KnownPerson>,
    ) -> Vec<LeftStudent> {
        let new = |username: &_| !self.present.contains(username);
        let left = self.leavers.iter().map(|leaver| {
            let now = renamed(&leaver.username, roster, known.get(&leaver.username), new);
            let name = |strong: bool| {
                let now = now.as_ref().filter(|(_, same)| same.is_strong() == strong);
                now.map(|(name, _)| name.clone())
            };
            let resources = leaver.resources.iter().filter(|id| !bounds_roles(id));
            LeftStudent {
                username: leaver.username.clone(),
                place: None,
                resources: resources.count(),
                iam_only: false,
                likely_renamed_to: name(true),
                perhaps_renamed_to: name(false),
                same: now.as_ref().map(|(_, same)| *same),
            }
        });
        left.collect()
    }

    /// The same for a command that looks at IAM, and perhaps at APIs, alone.
    pub(crate) fn left_in_iam(
        mut self,
        roster: &[Student],
        known: &BTreeMap<Username, KnownPerson>,
    ) -> Vec<LeftStudent> {
        for leaver in &mut self.leavers {
            leaver.resources.retain(|id| id.kind.facts().in_iam);
        }
        let mut left = self.left(roster, known);
        for one in &mut left {
            one.iam_only = true;
        }
        left
    }
}

/// The policy that bounds a stack's roles comes and goes with them: the lab does not name it.
fn bounds_roles(id: &ResourceId) -> bool {
    id.kind == Kind::ManagedPolicy && Purpose::of_name(&id.name) == Some(Purpose::Roles)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(name: &str) -> Username {
        name.parse().unwrap()
    }

    fn doubt(given: &str, otherwise: Option<&str>) -> UnsureName {
        UnsureName {
            given: name(given),
            otherwise: otherwise.map(name),
        }
    }

    #[test]
    fn whoever_has_something_in_the_class_is_meant_and_not_their_namesake() {
        let present = BTreeSet::from([name("ANA")]);
        let doubts = [doubt("ANA", Some("ana")), doubt("BEN", Some("ben"))];
        let settled = settle(&doubts, &present, true, Leavers::Reached);
        assert_eq!(settled.leavers, [name("ANA")]);
        assert_eq!(settled.instead, [(name("BEN"), name("ben"))]);
        assert_eq!(settled.unknown, []);
    }

    #[test]
    fn an_unknown_name_is_unknown_only_where_everything_was_seen() {
        let (zoe, nobody) = ([doubt("zoe", None)], BTreeSet::new());
        let settled = settle(&zoe, &nobody, true, Leavers::Reached);
        assert_eq!(settled.unknown, [name("zoe")]);
        let settled = settle(&zoe, &nobody, false, Leavers::Reached);
        assert_eq!(
            (settled.leavers, settled.unknown),
            (vec![name("zoe")], vec![])
        );
    }

    #[test]
    fn whoever_left_is_not_let_in_and_a_namesake_in_the_roster_is() {
        let present = BTreeSet::from([name("ANA"), name("zoe")]);
        let doubts = [doubt("ANA", Some("ana")), doubt("zoe", None)];
        let settled = settle(&doubts, &present, false, Leavers::Refused);
        assert_eq!(settled.instead, [(name("ANA"), name("ana"))]);
        assert_eq!(settled.refused, [name("zoe")]);
        assert_eq!(settled.leavers, []);
    }

    #[test]
    fn what_bounds_the_roles_is_not_counted_and_iam_alone_says_so() {
        let ids = [
            ResourceId::new(Kind::Role, "ana-role"),
            ResourceId::new(Kind::Function, "ana-fn"),
            ResourceId::new(Kind::ManagedPolicy, "ana-roles@1ab118971d80cb5d"),
        ];
        let attendance = Attendance {
            present: BTreeSet::from([name("ana")]),
            leavers: vec![Leaver {
                username: name("ana"),
                resources: ids.into(),
            }],
        };
        let left = attendance.left(&[], &BTreeMap::new());
        assert_eq!((left[0].resources, left[0].iam_only), (2, false));
        let left = attendance.left_in_iam(&[], &BTreeMap::new());
        assert_eq!((left[0].resources, left[0].iam_only), (1, true));
    }
}
