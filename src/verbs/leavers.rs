//! Students who left the roster: choosing them, and saying who they are.

use std::collections::BTreeSet;

use crate::error::{Error, Kind, Result};
use crate::events::{Failure, Left};
use crate::roster::beyond::UnsureName;
use crate::text::words::some_of;

use crate::ids::Username;
use crate::roster::renamed::renamed;
use crate::roster::{Roster, Student};
use crate::stack::kinds::Observed;
use crate::stack::kinds::managed_policy::Purpose;
use crate::stack::kinds::{Kind as ResourceKind, ResourceId};
use crate::stack::left::{Attendance, Leaver, everybody, respelled};
use crate::stack::plan::Plan;
use crate::text::similar;

use super::elsewhere;
use super::people;
use super::session::Session;

/// Students named in a sentence at most.
const NAMED: usize = 12;

/// The students that a command is about which also reaches those who left: whoever is called just as it was typed, until
/// the cloud tells ([`settle`]).
pub(super) fn choose(
    roster: &Roster,
    names: &[String],
    section: Option<&str>,
) -> Result<(Vec<Student>, Vec<UnsureName>)> {
    let chosen = roster.select_beyond(names, section)?;
    let mut students: Vec<Student> = chosen.students.into_iter().cloned().collect();
    students.extend(
        chosen
            .doubts
            .iter()
            .map(|doubt| unknown_student(&doubt.given)),
    );
    Ok((students, chosen.doubts))
}

/// What a command does about students who left the roster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leavers {
    /// What it does about everybody.
    Reached,
    /// Nothing: it lets students in.
    Refused,
}

/// Settles who was meant by names that the roster does not have just so, by what was seen of the class. Answers whether
/// somebody else was meant than was looked for: then the class has to be looked at again. What could not be seen settles
/// nothing: whoever was named is looked for to the end.
///
/// # Errors
/// A name that neither the roster nor the class has, or of somebody who left it and is not let in.
pub(super) fn settle(session: &mut Session, observed: &Observed, leavers: Leavers) -> Result<bool> {
    let present = everybody(&session.desired, observed);
    let refuses = leavers == Leavers::Refused;
    let doubts = std::mem::take(&mut session.class.doubts);
    let mut unknown = Vec::new();
    let mut departed = Vec::new();
    let mut instead = Vec::new();
    for doubt in &doubts {
        match &doubt.otherwise {
            None if refuses && present.contains_key(&doubt.given) => departed.push(doubt),
            _ if !refuses && present.contains_key(&doubt.given) => {
                session.class.chosen_leavers.push(doubt.given.clone());
            }
            Some(row) => instead.push((doubt.given.clone(), row.clone())),
            None if !refuses && !observed.gaps.is_empty() => {
                session.class.chosen_leavers.push(doubt.given.clone());
            }
            None => unknown.push(doubt),
        }
    }
    if !unknown.is_empty() || !departed.is_empty() {
        let roster = &session.class.roster;
        let known: BTreeSet<&str> = roster
            .students
            .iter()
            .map(|s| s.username.as_str())
            .chain(present.keys().map(|name| name.as_str()))
            .collect();
        let class = session.class.name().as_str();
        let unknown = unknown.iter();
        let unknown = unknown.map(|doubt| nobody(doubt.given.as_str(), class, &known, observed));
        let departed = departed.iter().map(|doubt| has_left(&doubt.given, class));
        let failures: Vec<Failure> = departed.chain(unknown).collect();
        let kind = match failures.len() == session.class.students.len() {
            true => Kind::NobodySelected,
            false => Kind::Invalid,
        };
        return Err(Error { kind, failures });
    }
    if instead.is_empty() {
        return Ok(false);
    }
    // The roster's own student, typed in another case.
    let students = &mut session.class.students;
    for (given, row) in instead {
        students.retain(|s| s.username != given);
        let mut rows = session.class.roster.students.iter();
        let row = rows.find(|s| s.username == row);
        students.extend(row.filter(|row| !students.contains(row)).cloned());
    }
    desire(session)?;
    Ok(true)
}

/// Somebody who is not let in any more.
fn has_left(student: &Username, class: &str) -> Failure {
    Failure {
        request_id: None,
        subject: format!("--students {student}"),
        cause: format!(
            "{student} left the roster and still has something in class {class}; nobody who left is let in; nothing was \
             changed"
        ),
        hint: Some(format!(
            "to let {student} in, put the row back into the roster; for students who left there are `access freeze`, \
             `access revoke` and `teardown`, each with --students {student}"
        )),
    }
}

fn nobody(name: &str, class: &str, known: &BTreeSet<&str>, observed: &Observed) -> Failure {
    let meant = similar::did_you_mean(name, known.iter().copied());
    let carries = match observed.gaps.is_empty() {
        true => format!("nothing in class {class} carries it"),
        false => format!("not all of class {class} could be seen"),
    };
    Failure {
        request_id: None,
        subject: format!("--students {name}"),
        cause: format!(
            "the roster has no student of that username, and {carries}; nothing was changed"
        ),
        hint: Some(meant.unwrap_or_else(|| {
            "`homeroom plan` names those who are in the class and no longer in the roster"
                .to_owned()
        })),
    }
}

/// Refuses, before anything is decided, where this is not the class that was meant, or `--left` meets students who only
/// stand in the roster in another spelling.
///
/// # Errors
/// Says what to write or to type.
pub(super) fn check(session: &Session, observed: &Observed, plan: &Plan) -> Result<()> {
    let desired = &session.desired;
    if !session.class.settings.left {
        return elsewhere::check(desired, observed);
    }
    let present = everybody(desired, observed).into_keys();
    let respelled: Vec<String> = present
        .filter(|student| respelled(desired, student).is_some())
        .map(|student| format!("'{student}'"))
        .collect();
    if !respelled.is_empty() {
        return Err(Error::new(
            Kind::Refused,
            "--left",
            format!(
                "whoever is in the roster in another spelling has not left: write {} in the roster; nothing was deleted \
                 or changed",
                some_of(&respelled, NAMED)
            ),
        ));
    }
    match plan.students.is_empty() {
        true => elsewhere::check(desired, observed),
        // Beside those who did leave, it does not matter where the others' stacks stand.
        false => Ok(()),
    }
}

/// Whether a plan for those who left is about nobody; what could not be seen proves nothing.
pub(super) fn is_nobody(plan: &Plan) -> bool {
    plan.students.is_empty() && plan.gaps.is_empty()
}

/// The error of `--left` where nobody left.
pub(super) fn nobody_left(session: &Session, what: &str) -> Error {
    Error::new(
        Kind::NobodySelected,
        "--left",
        format!(
            "everybody who has {what} in class {} is in the roster; nothing was changed",
            session.class.name()
        ),
    )
}

/// Goes on with those who were found to have left as if they had been named: so they are read a last time, and nobody
/// who comes later is taken along.
///
/// # Errors
/// A username for which the lab as it is now has no names.
pub(super) fn choose_found(session: &mut Session, plan: &Plan) -> Result<()> {
    let found = plan.students.iter().map(|s| s.owner.student.clone());
    let found: Vec<Username> = found.collect();
    let class = &mut session.class;
    class.settings.left = false;
    class.settings.students = found.iter().map(ToString::to_string).collect();
    class.students = found.iter().map(unknown_student).collect();
    class.chosen_leavers = found;
    desire(session)
}

/// A student of whom the username is all that is known.
pub(super) fn unknown_student(username: &Username) -> Student {
    Student {
        username: username.clone(),
        name: None,
        email: None,
        section: None,
        extra: Vec::new(),
    }
}

/// What the students should have whom the command is about now.
fn desire(session: &mut Session) -> Result<()> {
    let class = &session.class;
    session.desired = class.desired(&session.desired.scope, &class.students)?;
    Ok(())
}

/// Marks in a plan who is not in the roster: those who were chosen by name are planned for like everybody else.
pub(super) fn mark(session: &Session, plan: &mut Plan) {
    let left = &session.class.chosen_leavers;
    for student in &mut plan.students {
        student.in_roster &= !left.contains(&student.owner.student);
    }
}

/// Who left, for a summary: of the whole class, or of those who were chosen by name.
pub(super) fn named(session: &Session, attendance: &Attendance) -> Vec<Left> {
    let known = people::load(session);
    let roster = &session.class.roster.students;
    let new = |username: &_| !attendance.present.contains(username);
    let left = attendance.leavers.iter().map(|leaver| {
        let person = known.get(&leaver.username);
        let now = renamed(&leaver.username, roster, person, new);
        let name = |strong: bool| {
            let now = now.as_ref().filter(|(_, same)| same.is_strong() == strong);
            now.map(|(name, _)| name.clone())
        };
        Left {
            username: leaver.username.clone(),
            resources: leaver
                .resources
                .iter()
                .filter(|id| !bounds_roles(id))
                .count(),
            iam_only: false,
            likely_renamed_to: name(true),
            perhaps_renamed_to: name(false),
            same: now.as_ref().map(|(_, same)| *same),
        }
    });
    left.collect()
}

/// Those of a plan to delete who are not in the roster: whoever confirms it should see who may only have another username
/// now.
pub(super) fn in_plan(session: &Session, plan: &Plan, observed: &Observed) -> Vec<Left> {
    let gone = plan.students.iter().filter(|student| !student.in_roster);
    let leavers = gone.map(|student| Leaver {
        username: student.owner.student.clone(),
        resources: student
            .items
            .iter()
            .filter(|item| item.action.is_some())
            .map(|item| item.resource.clone())
            .collect(),
    });
    let attendance = Attendance {
        present: everybody(&session.desired, observed).into_keys().collect(),
        leavers: leavers
            .filter(|leaver| !leaver.resources.is_empty())
            .collect(),
    };
    named(session, &attendance)
}

/// The same for a command that looks at IAM alone, beside the APIs that it may look at.
pub(super) fn named_in_iam(session: &Session, observed: &Observed) -> Vec<Left> {
    let class = &session.class;
    let mut seen = Attendance::of(&session.desired, observed);
    if !class.is_whole() && !class.settings.left {
        let everything = everybody(&session.desired, observed);
        seen.leavers = class
            .chosen_leavers
            .iter()
            .map(|username| Leaver {
                username: username.clone(),
                resources: everything.get(username).cloned().unwrap_or_default(),
            })
            .collect();
    }
    for leaver in &mut seen.leavers {
        leaver.resources.retain(|id| id.kind.facts().in_iam);
    }
    let mut left = named(session, &seen);
    for one in &mut left {
        one.iam_only = true;
    }
    left
}
/// The policy that bounds a stack's roles comes and goes with them: it is none of the resources that the lab names.
fn bounds_roles(id: &ResourceId) -> bool {
    id.kind == ResourceKind::ManagedPolicy && Purpose::of_name(&id.name) == Some(Purpose::Roles)
}
