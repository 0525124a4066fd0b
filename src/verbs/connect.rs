//! Connects to every place of a class, and finds out who is where.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use futures::future::join_all;
use jiff::Timestamp;

use super::class::Class;
use super::doors::Door;
use super::homes::Deed;
use super::homes::Homes;
use super::say::say;
use super::session::Session;
use super::sessions::{Sessions, Unreached};
use crate::aws::ConnectOptions;
use crate::error::{Error, Exit, Result};
use crate::evidence::kept::{DeployedPlace, KeptPlaces, StudentPlaces};
use crate::ids::{PlaceName, Scope, Username};
use crate::local::{self, LocalCloud, StartupStep};
use crate::options::CloudTarget;
use crate::stack::assign::{PlaceSight, assign};
use crate::text::failure::Failure;

impl Class {
    /// Connects to the cloud that the settings name, starting the embedded one if it is that.
    pub(crate) async fn connect(self, work: Deed) -> Result<Sessions> {
        if self.settings.target == CloudTarget::Local {
            let verbosity = self.settings.ui.verbosity;
            let progress = &mut |step: StartupStep| say(&step.to_string(), verbosity);
            let endpoint = LocalCloud::from_env()?.start(progress).await?;
            return self.connect_local(&endpoint).await;
        }
        if self.settings.places.is_empty() {
            let door = Door {
                place: None,
                role: None,
                class: self.clone(),
            };
            return Sessions::of(self, door.open().await?).await;
        }
        let doors = self.settings.places.iter().map(|place| self.door(place));
        let opened =
            join_all(doors.map(async |door| (door.place.clone(), door.open().await))).await;
        let (mut places, mut closed, mut wrong) = (Vec::new(), Vec::new(), None::<Error>);
        for (place, opened) in opened {
            match opened.map_err(|error| error.at(place.as_ref())) {
                Ok(session) => places.push(session),
                // Credentials, the network: the other places have their own.
                Err(error) if error.exit == Exit::General => {
                    closed.extend(place.map(|it| (it, error)))
                }
                // What is wrong with the settings stays so, whatever can be reached.
                Err(error) => match &mut wrong {
                    Some(known) => known.join(error),
                    None => wrong = Some(error),
                },
            }
        }
        match wrong {
            Some(wrong) => Err(wrong),
            None => self.at_places(work, places, closed).await,
        }
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
        let session = self.clone().open(options, None, None).await?;
        Sessions::of(self, session).await
    }

    async fn at_places(
        self,
        work: Deed,
        places: Vec<Session>,
        closed: Vec<(PlaceName, Error)>,
    ) -> Result<Sessions> {
        let chosen = self.settings.chosen_places.clone();
        let is_chosen = |place: &PlaceName| chosen.is_empty() || chosen.contains(place);
        let reached = places.iter().filter_map(|at| at.place.as_ref());
        if !reached.clone().any(is_chosen) {
            let errors = closed.into_iter().filter(|(place, _)| is_chosen(place));
            let error = errors.map(|(_, error)| error).reduce(|mut one, other| {
                one.join(other);
                one
            });
            return Err(error.unwrap_or_else(|| Error::of(Exit::General, Vec::new())));
        }
        let first = reached.clone().find(|place| is_chosen(place)).cloned();
        let mut sessions = Sessions {
            class: self,
            places,
            unreached: Vec::new(),
            homes: Homes::default(),
        };
        sessions.refuse_twins()?;
        sessions.check_named().await?;
        let folder = sessions.folder();
        let before = KeptPlaces::read(&folder)?;
        let mut kept = before.clone();
        let sights = sessions.sights().await?;
        for (session, sight) in sessions.places.iter().zip(&sights) {
            if sight.stacks.as_ref().is_none_or(BTreeSet::is_empty) {
                continue;
            }
            let here = DeployedPlace::of(session.scope(), Timestamp::now());
            let known = kept.places.get(&sight.name);
            if known.is_none_or(|known| !known.unlike(&here).is_empty()) {
                kept.places.insert(sight.name.clone(), here);
            }
        }
        let known = StudentPlaces::read(&folder)?.known();
        // Where that fails, the places that can be reached still show it.
        let _ = kept.keep(&folder, &before);
        let _ = note_seen(&folder, &sights, &known);
        let dark = closed.iter().map(|(place, _)| PlaceSight {
            name: place.clone(),
            stacks: None,
            room: None,
        });
        let all: Vec<PlaceSight> = sights.iter().cloned().chain(dark).collect();
        let roster = &sessions.class.roster.students;
        let seen = sights
            .into_iter()
            .filter_map(|sight| Some((sight.name, sight.stacks?)));
        sessions.homes = Homes {
            work,
            assigned: assign(roster, &all, &known),
            seen: seen.collect(),
            others: sessions
                .places
                .iter()
                .map(|at| at.scope().clone())
                .collect(),
            first,
        };
        let (homes, class) = (&sessions.homes, &mut sessions.class);
        class.students.retain(|student| {
            let home = homes.home(&student.username);
            home.is_none_or(is_chosen)
        });
        sessions
            .places
            .retain(|at| at.place.as_ref().is_none_or(is_chosen));
        let lost = closed.into_iter().filter(|(place, _)| is_chosen(place));
        let lost = lost.map(|(place, error)| Unreached {
            scope: sessions.class.scope_of(&place, &kept),
            why: why(error),
            students: Vec::new(),
            place,
        });
        sessions.unreached = lost.collect();
        sessions.divide()?;
        Ok(sessions)
    }

    /// The account and region of a place that cannot be asked.
    fn scope_of(&self, place: &PlaceName, kept: &KeptPlaces) -> Option<Scope> {
        let kept = kept.places.get(place);
        let mut places = self.settings.places.iter();
        let settings = places.find(|settings| settings.name == *place)?;
        let guard = settings.account.as_ref().map(ToString::to_string);
        let account = guard.or_else(|| kept.map(|kept| kept.account.clone()))?;
        Some(Scope {
            partition: crate::aws::partition_of(settings.region.as_str()).to_owned(),
            account,
            region: settings.region.to_string(),
        })
    }
}

/// Keeps where stacks were seen, as far as that is news.
fn note_seen(
    folder: &Path,
    sights: &[PlaceSight],
    known: &BTreeMap<Username, PlaceName>,
) -> Result<()> {
    StudentPlaces::change(folder, |places| {
        for sight in sights {
            let seen = sight.stacks.iter().flatten();
            let news = seen.filter(|student| known.get(*student) != Some(&sight.name));
            news.for_each(|student| places.put(student, &sight.name, Timestamp::now()));
        }
    })
}

/// The one failure of a place that could not be reached.
fn why(error: Error) -> Failure {
    let mut failures = error.failures.into_iter();
    let first = failures.next();
    first.unwrap_or_else(|| Failure::new("AWS", "it could not be reached"))
}
