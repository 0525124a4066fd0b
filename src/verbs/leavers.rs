//! Students who left the roster, as a session meets them: see `stack::leavers` for what is decided.

use std::collections::BTreeSet;

use super::notes::Notes;
use super::session::Session;
use super::sessions::Sessions;
use crate::error::{Error, Exit, Result};
use crate::ids::Username;
use crate::roster::Student;
use crate::stack::elsewhere::{Elsewhere, Refuse};
use crate::stack::kinds::{Desired, Observed};
use crate::stack::leavers::{self, Leavers, LeftStudent, settle};
use crate::stack::left::{Attendance, everybody};
use crate::stack::plan::Plan;
use crate::text::failure::Failure;
use crate::text::similar;

impl Sessions {
    /// Settles who was meant by names that the roster spells otherwise or does not have, from what was seen of the class.
    /// `true`: a name meant another student than the one looked for, so the class has to be looked at again.
    ///
    /// # Errors
    /// A name that neither the roster nor the class has, or of somebody who left it and is not let in.
    pub(crate) fn settle_leavers(
        &mut self,
        observed: &[Observed],
        leavers: Leavers,
    ) -> Result<bool> {
        let places = self.places.iter().zip(observed);
        let present = places.flat_map(|(at, observed)| everybody(&at.desired, observed));
        let present: BTreeSet<Username> = present.map(|(student, _)| student).collect();
        let all_seen = self.knows_all() && observed.iter().all(|seen| seen.gaps.is_empty());
        let doubts = std::mem::take(&mut self.class.doubts);
        if doubts.is_empty() {
            return Ok(false);
        }
        let settled = settle(&doubts, &present, all_seen, leavers);
        if !settled.unknown.is_empty() || !settled.refused.is_empty() {
            let roster = self.class.roster.students.iter().map(|s| &s.username);
            let known = roster.chain(&present).map(|name| name.as_str());
            let known: BTreeSet<&str> = known.collect();
            let unknown = settled.unknown.iter();
            let unknown = unknown.map(|given| self.nobody_called(given.as_str(), &known, all_seen));
            let refused = settled.refused.iter().map(|student| self.has_left(student));
            let failures: Vec<Failure> = refused.chain(unknown).collect();
            let kind = match failures.len() == self.class.students.len() {
                true => Exit::NobodySelected,
                false => Exit::Invalid,
            };
            return Err(Error::of(kind, failures));
        }
        let class = &mut self.class;
        class.chosen_leavers.extend(settled.leavers);
        let again = !settled.instead.is_empty();
        for (given, row) in settled.instead {
            class.students.retain(|s| s.username != given);
            let mut rows = class.roster.students.iter();
            let row = rows.find(|s| s.username == row);
            let row = row.filter(|row| !class.students.contains(row));
            class.students.extend(row.cloned());
        }
        self.divide()?;
        Ok(again)
    }

    fn nobody_called(&self, name: &str, known: &BTreeSet<&str>, all_seen: bool) -> Failure {
        let class = self.class.name();
        let carries = match all_seen {
            true => format!("nothing in class {class} belongs to one"),
            false => format!("not all of class {class} could be seen"),
        };
        let meant = similar::did_you_mean(name, known.iter().copied());
        let otherwise = || {
            "`homeroom plan` names students who left the roster and still have something in the class".to_owned()
        };
        let cause = format!(
            "the roster has no student of that username, and {carries}; nothing was changed"
        );
        Failure::new(format!("--students {name}"), cause).hint(meant.unwrap_or_else(otherwise))
    }

    /// Somebody who is not let in any more.
    fn has_left(&self, student: &Username) -> Failure {
        let class = self.class.name();
        let cause = format!(
            "{student} left the roster and still has something in class {class}; students who left are not let in; \
             nothing was changed"
        );
        Failure::new(format!("--students {student}"), cause).hint(format!(
            "to let {student} in, put the row back into the roster; for students who left there are `access freeze`, \
             `access revoke` and `teardown`, each with --students {student}"
        ))
    }

    /// Refuses if this is not the class that was meant. Returns what to note of places where nothing of it stands.
    pub(crate) fn check_leavers(&self, observed: &[Observed], plans: &[Plan]) -> Result<Notes> {
        let reach = self.class.reach();
        let places = self.places.iter().zip(observed).zip(plans);
        let found =
            places.map(|((at, observed), plan)| leavers::check(&at.desired, observed, reach, plan));
        let found = self.all(found)?;
        let places = self.places.iter().zip(observed).zip(found);
        let places = places.map(|((at, observed), found)| (&at.desired, observed, found));
        self.refuse_elsewhere(&places.collect::<Vec<_>>(), Refuse::Any)
    }

    /// Refuses if nothing of the class stands at any place, and its students' stacks stand somewhere else.
    pub(crate) fn check_stands<'a>(
        &self,
        looked: impl IntoIterator<Item = (&'a Desired, &'a Observed)>,
        whose: Refuse,
    ) -> Result<Notes> {
        let places = looked.into_iter().map(|(desired, observed)| {
            let found = Elsewhere::find(desired, observed);
            (desired, observed, found)
        });
        self.refuse_elsewhere(&places.collect::<Vec<_>>(), whose)
    }

    /// The same before a deployment, which only most of the students' stacks stop.
    pub(crate) fn check_planned(&self, planned: &[(Plan, Observed)]) -> Result<Notes> {
        let places = self.places.iter().zip(planned);
        let places = places.map(|(at, (_, observed))| (&at.desired, observed));
        self.check_stands(places, Refuse::Most)
    }

    fn refuse_elsewhere(
        &self,
        places: &[(&Desired, &Observed, Option<Elsewhere>)],
        whose: Refuse,
    ) -> Result<Notes> {
        let said = self.all(Elsewhere::check_all(places, whose))?;
        let mut notes = Notes::default();
        for (session, said) in self.places.iter().zip(said) {
            notes.at(session, said);
        }
        Ok(notes)
    }

    /// The error of `--left` where nobody left.
    pub(crate) fn nobody_left(&self, what: &str) -> Error {
        let class = self.class.name();
        let cause = format!(
            "everybody who has {what} in class {class} is in the roster; nothing was changed"
        );
        Error::new(Exit::NobodySelected, "--left", cause)
    }

    /// Goes on with the students who were found to have left as if they had been named. So they are read a last time,
    /// and a student who leaves later is not deleted with them.
    ///
    /// # Errors
    /// A username for which the lab as it is now has no names.
    pub(crate) fn choose_found(&mut self, plans: &[Plan]) -> Result<()> {
        let found = plans.iter().flat_map(|plan| &plan.students);
        let found: Vec<Username> = found.map(|student| student.owner.student.clone()).collect();
        // Nobody chosen would be everybody.
        if found.is_empty() {
            return Ok(());
        }
        let class = &mut self.class;
        class.chosen_leavers = found;
        let found = &class.chosen_leavers;
        class.settings.left = false;
        class.settings.students = found.iter().map(ToString::to_string).collect();
        class.students = found.iter().cloned().map(Student::unknown).collect();
        self.divide()
    }

    /// Those of plans to delete who are not in the roster.
    pub(crate) fn left_in_plans(&self, plans: &[Plan], observed: &[Observed]) -> Vec<LeftStudent> {
        let places = self.places.iter().zip(observed).zip(plans);
        let left = places
            .flat_map(|((at, observed), plan)| at.left_of(&plan.attendance(&at.desired, observed)));
        left.collect()
    }
}

impl Session {
    /// Who left the class, where the command is about all of it.
    pub(crate) fn left(&self, observed: &Observed) -> Vec<LeftStudent> {
        match self.class.is_whole() {
            true => self.left_of(&Attendance::of(&self.desired, observed)),
            false => Vec::new(),
        }
    }

    pub(crate) fn left_of(&self, attendance: &Attendance) -> Vec<LeftStudent> {
        self.known_left(attendance.left(&self.class.roster.students, &self.files().people()))
    }

    /// Without those who are in the roster and belong to another place.
    fn known_left(&self, mut left: Vec<LeftStudent>) -> Vec<LeftStudent> {
        let roster = &self.class.roster.students;
        left.retain(|gone| {
            !roster
                .iter()
                .any(|student| student.username == gone.username)
        });
        for gone in &mut left {
            gone.place.clone_from(&self.place);
        }
        left
    }

    /// Who left the class: everybody, or those of them who were chosen by name, as IAM shows them.
    pub(crate) fn left_in_iam(&self, observed: &Observed) -> Vec<LeftStudent> {
        let (desired, class) = (&self.desired, &self.class);
        let attendance = match class.is_whole() || class.settings.left {
            true => Attendance::of(desired, observed),
            false => Attendance::of_chosen(desired, observed, &class.chosen_leavers),
        };
        self.known_left(attendance.left_in_iam(&class.roster.students, &self.files().people()))
    }
}
