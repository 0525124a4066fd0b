//! A class at all of its places, and what every verb does at all of them at once.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use super::class::Class;
use super::run::At;
use super::say::say;
use super::session::{Session, in_region};
use crate::aws::ConnectOptions;
use crate::aws::configured::credential_source;
use crate::error::{Error, Exit, Result};
use crate::events::Command;
use crate::files::class_dir;
use crate::ids::{LabId, Username};
use crate::lab::allowed::JudgedRisks;
use crate::local::{self, LocalCloud, StartupStep};
use crate::options::{ClassSettings, CloudTarget};
use crate::report::PseudonymKey;
use crate::stack::elsewhere::{Elsewhere, Whereabouts, stands_here};
use crate::stack::kinds::Observed;
use crate::stack::observe::observe_roles;
use crate::stack::vault::Vault;

/// A class at all of its places.
pub(super) struct Sessions {
    /// The class as a whole.
    pub(crate) class: Class,
    /// At each place that was reached; never empty.
    pub(crate) places: Vec<Session>,
}

impl Class {
    /// Connects to the cloud that the settings name, starting the embedded one if it is that.
    pub(crate) async fn connect(self) -> Result<Sessions> {
        let session = match self.settings.target.clone() {
            CloudTarget::Local => {
                let verbosity = self.settings.ui.verbosity;
                let progress = &mut |step: StartupStep| say(&step.to_string(), verbosity);
                let endpoint = LocalCloud::from_env()?.start(progress).await?;
                return self.connect_local(&endpoint).await;
            }
            CloudTarget::Aws {
                profile,
                endpoint_url,
            } => {
                let options = ConnectOptions {
                    profile: profile.map(|p| p.to_string()),
                    endpoint_url: endpoint_url.map(|u| u.to_string()),
                    invoke_base: self.settings.invoke_base.as_ref().map(ToString::to_string),
                    ..ConnectOptions::default()
                };
                let source = credential_source(options.profile.as_deref()).await?;
                let region = self.settings.region.as_ref();
                let options = in_region(region, &self.lab, options, self.settings.ui).await?;
                self.clone().open(options, Some(source)).await?
            }
        };
        Sessions::of(self, vec![session]).await
    }

    pub(crate) async fn connect_local(self, endpoint: &local::Endpoint) -> Result<Sessions> {
        let region = self.settings.region.as_ref().map(ToString::to_string);
        let options = ConnectOptions {
            region: region.unwrap_or_else(|| self.lab.region().to_owned()),
            endpoint_url: Some(endpoint.url.clone()),
            invoke_base: Some(endpoint.invoke_base.clone()),
            credentials: Some((endpoint.access_key.clone(), endpoint.secret_key.clone())),
            ..ConnectOptions::default()
        };
        let session = self.clone().open(options, None).await?;
        Sessions::of(self, vec![session]).await
    }
}

impl Sessions {
    async fn of(class: Class, places: Vec<Session>) -> Result<Self> {
        let sessions = Self { class, places };
        sessions.check_named().await?;
        Ok(sessions)
    }

    /// Gives each place the students that the command is about there, and works out anew what they should have.
    ///
    /// # Errors
    /// A username for which the lab as it is now has no names.
    pub(crate) fn divide(&mut self) -> Result<()> {
        for at in &mut self.places {
            let settings = at.class.settings.clone();
            at.class = Class {
                settings: ClassSettings {
                    students: self.class.settings.students.clone(),
                    left: self.class.settings.left,
                    ..settings
                },
                ..self.class.clone()
            };
            at.desired = at.class.desired(&at.desired.scope, &at.class.students)?;
        }
        Ok(())
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

    /// Refuses what the lab asks for and the settings do not allow.
    pub(crate) fn refuse_risks(&self) -> Result<()> {
        let risks = self.risks();
        self.all(risks.iter().map(|risks| risks.refuse(self.lab())))?;
        Ok(())
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
        for answer in answers {
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
    pub(crate) async fn check_elsewhere(&self, command: Command) -> Result<()> {
        let observed = self.look_at_roles(command).await?;
        let places = self.places.iter().zip(&observed);
        self.all(places.map(|(at, observed)| Elsewhere::check(&at.desired, observed)))?;
        Ok(())
    }

    async fn look_at_roles(&self, command: Command) -> Result<Vec<Observed>> {
        self.look(command, async |at| {
            observe_roles(&at.client, &at.session.desired).await
        })
        .await
    }

    /// Refuses a class whose name is only a guess, from the name of a copied roster. The error says what to type, and
    /// is certain where that class has stacks.
    async fn check_named(&self) -> Result<()> {
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
