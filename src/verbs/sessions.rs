//! A class at all of its places, and what every verb does at all of them at once.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use super::class::Class;
use super::former::Former;
use super::homes::Homes;
use super::notes::Notes;
use super::session::{At, Session};
use super::unreached::Unreached;
use crate::error::{Error, Exit, Result};
use crate::events::Command;
use crate::files::class_dir;
use crate::ids::{LabId, PlaceName, Username};
use crate::lab::allowed::JudgedRisks;
use crate::report::PseudonymKey;
use crate::roster::Student;
use crate::stack::elsewhere::{Refuse, Whereabouts, stands_here};
use crate::stack::kinds::{Desired, Observed};
use crate::stack::observe::observe_roles;
use crate::stack::plan::Plan;
use crate::stack::plan::teardown::Reach;
use crate::stack::vault::Vault;
use crate::text::failure::Failure;

/// A class at all of its places.
pub(super) struct Sessions {
    /// The class as a whole.
    pub(crate) class: Class,
    /// At each place that was reached; never empty.
    pub(crate) places: Vec<Session>,
    /// The places that were not. Nothing is known of what is there now.
    pub(crate) unreached: Vec<Unreached>,
    /// What the settings do not have any more, and where something of what the command is about may still stand.
    pub(super) former: Vec<Former>,
    /// Who is where.
    pub(super) homes: Homes,
}

impl Sessions {
    /// A class without places, in its account and region.
    pub(super) async fn of(class: Class, session: Session) -> Result<Self> {
        let sessions = Self {
            class,
            places: vec![session],
            unreached: Vec::new(),
            former: Vec::new(),
            homes: Homes::default(),
        };
        sessions.check_named().await?;
        Ok(sessions)
    }

    /// Gives each place the students that the command is about there, and works out anew what they should have.
    ///
    /// # Errors
    /// A username for which the lab as it is now has no names.
    pub(crate) fn divide(&mut self) -> Result<()> {
        let (class, homes) = (&self.class, &self.homes);
        for at in &mut self.places {
            let mut settings = at.class.settings.clone();
            settings.students.clone_from(&class.settings.students);
            settings.left = class.settings.left;
            // To find who left the roster, everybody in it must be known at each place.
            let here = |student: &&Student| {
                let place = at.place.as_ref();
                settings.left || place.is_none_or(|place| homes.is_at(place, &student.username))
            };
            let students = class.students.iter().filter(here).cloned().collect();
            at.class = Class {
                settings,
                students,
                ..class.clone()
            };
        }
        let desired = self.places.iter();
        let desired = desired.map(|at| at.class.desired(at.scope(), &at.class.students));
        let desired = self.all(desired)?;
        for (at, desired) in self.places.iter_mut().zip(desired) {
            at.desired = desired;
        }
        let (class, homes) = (&self.class, &self.homes);
        for lost in &mut self.unreached {
            let here = class.students.iter();
            let here = here.filter(|student| homes.is_at(&lost.place, &student.username));
            lost.students = here.cloned().collect();
        }
        Ok(())
    }

    /// Every student of the roster who is at this place, chosen or not.
    pub(crate) fn roster_of(&self, session: &Session) -> Vec<Student> {
        let all = self.class.roster.students.iter();
        let here = |student: &&Student| {
            let place = session.place.as_ref();
            place.is_none_or(|place| self.homes.is_at(place, &student.username))
        };
        all.filter(here).cloned().collect()
    }

    /// Where a student of the roster is, or is looked for; `None` in a class without places, and where that is not known.
    pub(crate) fn place_of(&self, student: &Username) -> Option<&PlaceName> {
        self.homes.home(student)
    }

    /// Students of the command who are at no place, with why; `true`: something contradicts itself.
    pub(crate) fn nowhere(&self) -> Vec<(&Student, Failure, bool)> {
        let all = self.class.students.iter();
        let nowhere = all.filter_map(|student| {
            let (why, contradicts) = self.homes.nowhere(&student.username)?;
            Some((student, why, contradicts))
        });
        nowhere.collect()
    }

    /// Whether the command is about every student at every place.
    pub(crate) fn is_all(&self) -> bool {
        self.class.is_whole() && self.class.settings.chosen_places.is_empty()
    }

    /// Whether everything that the command is about can be looked at.
    pub(crate) fn reaches_all(&self) -> bool {
        self.unreached.is_empty()
    }

    /// Whether nothing of it can stand anywhere else, either.
    pub(crate) fn knows_all(&self) -> bool {
        self.reaches_all() && self.former.is_empty()
    }

    /// Whether another place of the class is in this region of a session's account.
    pub(crate) fn is_place(&self, session: &Session, region: &str) -> bool {
        let account = &session.scope().account;
        let mut scopes = self
            .places
            .iter()
            .map(Session::scope)
            .chain(&self.homes.others);
        scopes.any(|scope| scope.account == *account && scope.region == region)
    }

    /// Whether a student who has nothing at the places of this command has nothing anywhere.
    pub(crate) fn may_forget(&self, student: &Username) -> bool {
        let all = self.knows_all() && self.class.settings.chosen_places.is_empty();
        let places = self.places.iter().filter_map(|at| at.place.as_ref());
        self.homes.is_only_at(places, all, student)
    }

    /// Notes on places that could not be reached, or that the settings do not have any more.
    pub(crate) fn notes_on_unreached(&self) -> Vec<String> {
        let unreached = self.unreached.iter().map(Unreached::note);
        unreached
            .chain(self.former.iter().map(Former::note))
            .chain(self.homes.left_out.clone())
            .collect()
    }

    pub(crate) fn folder(&self) -> PathBuf {
        class_dir(&self.class.settings.reports, self.class.name())
    }

    pub(crate) fn vault(&self) -> Vault {
        Vault::of(&self.class.settings.reports, self.class.name())
    }

    pub(crate) fn lab(&self) -> &LabId {
        self.class.lab.id()
    }

    /// The key of the class's pseudonyms, if they are asked for.
    ///
    /// # Errors
    /// When it cannot be read or made.
    pub(crate) fn pseudonyms(&self, asked: bool) -> io::Result<Option<PseudonymKey>> {
        let class = &self.class;
        let key = asked.then(|| PseudonymKey::of_class(&class.settings.reports, class.name()));
        let hidden = &class.roster.kept_back.values;
        Ok(key.transpose()?.map(|key| key.hiding(hidden)))
    }

    /// Keeps who the students are, as the roster says.
    pub(crate) fn keep_people(&self) {
        self.places.iter().for_each(Session::keep_people);
    }

    /// What the lab asks for beyond what a lab needs, at each place.
    pub(crate) fn risks(&self) -> Vec<JudgedRisks> {
        self.places.iter().map(Session::risks).collect()
    }

    /// Refuses policies that contradict each other.
    pub(crate) fn refuse_contradictions(&self) -> Result<()> {
        self.all(self.places.iter().map(Session::held_policies))?;
        Ok(())
    }

    /// Refuses policies that contradict each other, and what the lab asks for and the settings do not allow. What they do
    /// allow of it.
    pub(crate) fn refuse_risks(&self) -> Result<Vec<JudgedRisks>> {
        self.refuse_contradictions()?;
        let risks = self.risks();
        self.all(risks.iter().map(|risks| risks.refuse(self.lab())))?;
        Ok(risks)
    }

    /// What is to be removed at each place.
    pub(crate) fn removals(
        &self,
        observed: &[Observed],
        plan: impl Fn(&Desired, &Observed, Reach) -> Plan,
    ) -> Vec<Plan> {
        let class = &self.class;
        let places = self.places.iter().zip(observed);
        let plans = places.map(|(session, observed)| {
            let mut plan = plan(&session.desired, observed, class.reach());
            plan.mark_left(&class.chosen_leavers);
            plan
        });
        plans.collect()
    }

    /// Puts what is told of students into the roster's order; who is not in it comes last.
    pub(crate) fn in_roster_order<T>(&self, rows: &mut [T], of: impl Fn(&T) -> &Username) {
        let students = self.class.students.iter().enumerate();
        let order: BTreeMap<&Username, usize> = students
            .map(|(at, student)| (&student.username, at))
            .collect();
        rows.sort_by_key(|row| order.get(of(row)).copied().unwrap_or(usize::MAX));
    }

    /// What came of something at each place: all, or every error.
    pub(crate) fn all<T>(&self, answers: impl IntoIterator<Item = Result<T>>) -> Result<Vec<T>> {
        let mut all = Vec::with_capacity(self.places.len());
        let mut wrong: Option<Error> = None;
        for (at, answer) in self.places.iter().zip(answers) {
            let answer = answer.map_err(|error| error.at(at.place.as_ref()));
            match (answer, &mut wrong) {
                (Ok(one), _) => all.push(one),
                (Err(error), None) => wrong = Some(error),
                (Err(error), Some(known)) => known.join(error),
            }
        }
        wrong.map_or(Ok(all), Err)
    }

    /// Looks at every place at once.
    pub(crate) async fn look<T, E: Into<Error>>(
        &self,
        command: Command,
        work: impl AsyncFn(&At<'_>) -> std::result::Result<T, E>,
    ) -> Result<Vec<T>> {
        let (answers, _) = self.look_each(command, work).await;
        self.all(answers.into_iter().map(|answer| answer.map_err(Into::into)))
    }

    /// Refuses, before anything else is looked at, if the students' stacks are in another class, lab or region.
    pub(crate) async fn check_elsewhere(&self, command: Command) -> Result<Notes> {
        let observed = self.look_at_roles(command).await?;
        let places = self.places.iter().map(|at| &at.desired);
        self.check_stands(places.zip(&observed), Refuse::Any)
    }

    async fn look_at_roles(&self, command: Command) -> Result<Vec<Observed>> {
        self.look(command, async |at| {
            observe_roles(&at.client, &at.session.desired).await
        })
        .await
    }

    /// Refuses a class whose name is only a guess, from the name of a copied roster. The error says what to type, and
    /// is certain where that class has stacks.
    pub(super) async fn check_named(&self) -> Result<()> {
        let Some(unnamed) = self.class.settings.unnamed.clone() else {
            return Ok(());
        };
        let observed = self.look_at_roles(Command::Plan).await.unwrap_or_default();
        let mut places = self.places.iter().zip(&observed);
        if !places.any(|(at, observed)| stands_here(&at.desired, observed)) {
            return Err(unnamed);
        }
        let place = Whereabouts {
            class: Some(self.class.name().clone()),
            region: None,
        };
        let roster = self.class.settings.roster.display().to_string();
        let cause = format!(
            "the file's name names no class; {}; nothing was touched",
            place.sentence()
        );
        Err(Error::new(Exit::Refused, roster, cause))
    }
}
