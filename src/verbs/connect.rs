//! Connects to every place of a class, and finds out who is where.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use futures::future::join_all;
use jiff::Timestamp;
use tokio::time::timeout;

use super::class::Class;
use super::doors::Door;
use super::former::{Former, refuse_forgotten};
use super::homes::Deed;
use super::homes::Homes;
use super::say::say;
use super::session::{Session, embedded};
use super::sessions::Sessions;
use super::unreached::{Unreached, check_network, none_reached};
use crate::error::{Error, Exit, Result};
use crate::evidence::kept::{DeployedPlace, KeptPlaces, StudentPlaces};
use crate::ids::{PlaceName, Scope, Username};
use crate::local::{self, LocalCloud, StartupStep};
use crate::options::{CloudTarget, PlaceSettings};
use crate::stack::assign::{PlaceSight, WhyUnknown, assign, doubt};

/// How long a place that was lost may take to answer.
const ANSWERS: Duration = Duration::from_secs(10);

impl Class {
    /// Connects to the cloud that the settings name, starting the embedded one if it is that.
    pub(crate) async fn connect(self, work: Deed) -> Result<Sessions> {
        if self.settings.target == CloudTarget::Local {
            let verbosity = self.settings.ui.verbosity;
            let progress = &mut |step: StartupStep| say(&step.to_string(), verbosity);
            let endpoint = LocalCloud::from_env()?.start(progress).await?;
            return self.connect_local(&endpoint).await;
        }
        if self.swept
            && let Some(place) = self.chosen_alone()
        {
            // It goes over one place after the other, and whatever of the class is at another is nothing to it.
            let door = Door {
                place: None,
                ..self.door(place)
            };
            let session = door.open().await?;
            return Sessions::of(session.class.clone(), session).await;
        }
        if self.settings.places.is_empty() {
            let door = Door {
                place: None,
                role: None,
                class: self.clone(),
            };
            let session = door.open().await?;
            refuse_forgotten(&session.folder(), session.scope())?;
            return Sessions::of(self, session).await;
        }
        let all = |_: &PlaceName| true;
        let (places, closed) = self.open_doors(all, None).await?;
        self.at_places(work, places, closed).await
    }

    /// Connects to these places, each within so long.
    ///
    /// # Errors
    /// What is wrong with the settings of any of them.
    async fn open_doors(
        &self,
        is_meant: impl Fn(&PlaceName) -> bool,
        within: Option<Duration>,
    ) -> Result<(Vec<Session>, Vec<(PlaceName, Error)>)> {
        let places = self.settings.places.iter();
        let places = places.filter(|place| is_meant(&place.name));
        let opened = places.map(async |place| {
            let opening = self.door(place).open();
            let opened = match within {
                None => opening.await,
                Some(within) => timeout(within, opening).await.unwrap_or_else(|_| {
                    let cause = format!("no answer within {} seconds", within.as_secs());
                    Err(Error::new(Exit::General, "AWS", cause).hint(check_network(&place.name)))
                }),
            };
            (&place.name, opened)
        });
        let (mut places, mut closed, mut wrong) = (Vec::new(), Vec::new(), None::<Error>);
        for (place, opened) in join_all(opened).await {
            match opened.map_err(|error| error.at(Some(place))) {
                Ok(session) => places.push(session),
                // Credentials, the network: the other places have their own.
                Err(error) if error.exit == Exit::General => closed.push((place.clone(), error)),
                // What is wrong with the settings stays so, whatever can be reached.
                Err(error) => match &mut wrong {
                    Some(known) => known.join(error),
                    None => wrong = Some(error),
                },
            }
        }
        match wrong {
            Some(wrong) => Err(wrong),
            None => Ok((places, closed)),
        }
    }

    /// Connects anew, to look, if one of the places that were lost can be reached now. `None`: it cannot.
    pub(super) async fn connect_again(self, lost: &BTreeSet<PlaceName>) -> Option<Sessions> {
        let is_lost = |place: &PlaceName| lost.contains(place);
        let (back, mut closed) = self.open_doors(is_lost, Some(ANSWERS)).await.ok()?;
        if back.is_empty() {
            return None;
        }
        let others = |place: &PlaceName| !lost.contains(place);
        let (mut places, away) = self.open_doors(others, Some(ANSWERS)).await.ok()?;
        places.extend(back);
        closed.extend(away);
        let order = |at: &Session| {
            let mut named = self.settings.places.iter();
            named.position(|place| Some(&place.name) == at.place.as_ref())
        };
        places.sort_by_key(order);
        self.at_places(Deed::Looks, places, closed).await.ok()
    }

    /// The only place that was chosen.
    fn chosen_alone(&self) -> Option<&PlaceSettings> {
        let [only] = &self.settings.chosen_places[..] else {
            return None;
        };
        self.settings
            .places
            .iter()
            .find(|place| place.name == *only)
    }

    pub(crate) async fn connect_local(self, endpoint: &local::Endpoint) -> Result<Sessions> {
        let options = embedded(endpoint, self.settings.region.as_ref(), &self.lab);
        let session = self.clone().open(options, None, None).await?;
        Sessions::of(self, session).await
    }

    async fn at_places(
        self,
        work: Deed,
        places: Vec<Session>,
        mut closed: Vec<(PlaceName, Error)>,
    ) -> Result<Sessions> {
        let chosen = self.settings.chosen_places.clone();
        let is_chosen = |place: &PlaceName| chosen.is_empty() || chosen.contains(place);
        let mut sessions = Sessions {
            class: self,
            places,
            unreached: Vec::new(),
            former: Vec::new(),
            homes: Homes::default(),
        };
        sessions.refuse_twins()?;
        let folder = sessions.folder();
        let before = KeptPlaces::read(&folder)?;
        if !work.asks() {
            closed.extend(sessions.part_moved(&before));
        }
        let mut reached = sessions.places.iter().filter_map(|at| at.place.as_ref());
        let Some(first) = reached.find(|place| is_chosen(place)).cloned() else {
            let errors = closed.into_iter().filter(|(place, _)| is_chosen(place));
            let errors = errors.map(|(_, error)| error);
            return Err(none_reached(work, sessions.class.name(), errors));
        };
        sessions.fill_in()?;
        sessions.check_named().await?;
        let mut kept = before.clone();
        let sights = sessions.sights().await?;
        let mut sure = Vec::new();
        for (session, sight) in sessions.places.iter().zip(&sights) {
            let here = DeployedPlace::of(session.scope(), Timestamp::now());
            let any = sight.stacks.as_ref().is_some_and(|seen| !seen.is_empty());
            match kept.places.get(&sight.name) {
                // Whether it is the right account is asked before anything is done there: see `agree_on_places`.
                Some(last) if !last.is(session.scope()) => continue,
                None if any => drop(kept.places.insert(sight.name.clone(), here)),
                _ => {}
            }
            sure.push((session.scope(), sight));
        }
        let remembered = StudentPlaces::read(&folder)?;
        let known = remembered.known();
        let named = sessions.class.settings.places.iter();
        let named: BTreeSet<&PlaceName> = named.map(|place| &place.name).collect();
        // Where that fails, the places that can be reached still show it.
        let _ = kept.keep(&folder, &before);
        let _ = note_seen(&folder, &sure, &known, &named);
        let dark = closed.iter().map(|(place, _)| PlaceSight {
            name: place.clone(),
            stacks: None,
            room: None,
        });
        let all: Vec<PlaceSight> = sights.iter().cloned().chain(dark).collect();
        let class = &sessions.class;
        let mut assigned = assign(&class.roster.students, &all, &known);
        let others = sessions.places.iter().map(|at| at.scope().clone());
        let others: Vec<Scope> = others.collect();
        let lost = closed.iter();
        let scopes = lost.filter_map(|(place, _)| class.scope_of(place, &kept));
        let scopes: Vec<Scope> = scopes.chain(others.iter().cloned()).collect();
        let mut former = Former::all(&named, &scopes, &known, DeployedPlace::read(&folder)?);
        let here = sessions.places.iter();
        let here = here.filter_map(|at| Some((at.place.as_ref()?, at.scope())));
        let seen = sessions.places.iter().zip(&sights);
        let seen = seen.filter(|(_, sight)| sight.stacks.is_some());
        let seen: Vec<Scope> = seen.map(|(at, _)| at.scope().clone()).collect();
        former.extend(Former::moved(here, &seen, &kept, &remembered));
        // Whoever makes stacks is asked, and makes them where the place is now. Once that is done for some, nobody is asked.
        let is_asked = |place: &PlaceName| {
            let mut places = sessions.places.iter();
            let at = places.find(|at| at.place.as_ref() == Some(place));
            let last = at.zip(kept.places.get(place));
            !work.deletes() && last.is_some_and(|(at, last)| !last.is(at.scope()))
        };
        for one in &former {
            match one {
                Former::Unnamed(last) => {
                    let why = WhyUnknown::Former(last.words());
                    doubt(&mut assigned, &all, why, |student| {
                        !known.contains_key(student)
                    });
                }
                Former::Moved(place, last, there) if !is_asked(place) => {
                    let why = WhyUnknown::Moved(place.clone(), last.words());
                    doubt(&mut assigned, &all, why, |student| there.contains(student));
                }
                _ => {}
            }
        }
        former.retain(|one| one.concerns(class));
        let seen = sights
            .into_iter()
            .filter_map(|sight| Some((sight.name, sight.stacks?)));
        sessions.former = former;
        sessions.homes = Homes {
            work,
            assigned,
            seen: seen.collect(),
            known,
            others,
            first: Some(first),
            left_out: None,
        };
        sessions.choose_at(is_chosen)?;
        let lost = closed.into_iter().filter(|(place, _)| is_chosen(place));
        let lost = lost.map(|(place, error)| {
            let scope = sessions.class.scope_of(&place, &kept);
            Unreached::new(place, error, scope)
        });
        sessions.unreached = lost.collect();
        sessions.divide()?;
        Ok(sessions)
    }

    /// The account and region of a place that cannot be asked.
    fn scope_of(&self, place: &PlaceName, kept: &KeptPlaces) -> Option<Scope> {
        let mut places = self.settings.places.iter();
        let settings = places.find(|settings| settings.name == *place)?;
        let (account, region) = match kept.places.get(place) {
            // The last readings of its students are those of then.
            Some(kept) => (kept.account.clone(), kept.region.clone()),
            None => (
                settings.account.as_ref()?.to_string(),
                settings.region.to_string(),
            ),
        };
        Some(Scope {
            partition: crate::aws::partition_of(&region).to_owned(),
            account,
            region,
        })
    }
}

/// Keeps where stacks were seen, as far as that is news. A place that the settings (`named`) do not have any more stays
/// remembered: something may stand there as well.
fn note_seen(
    folder: &Path,
    sights: &[(&Scope, &PlaceSight)],
    known: &BTreeMap<Username, PlaceName>,
    named: &BTreeSet<&PlaceName>,
) -> Result<()> {
    StudentPlaces::change(folder, |places| {
        for (scope, sight) in sights {
            let seen = sight.stacks.iter().flatten();
            let news = seen.filter(|student| match known.get(*student) {
                Some(place) => *place != sight.name && named.contains(place),
                None => true,
            });
            news.for_each(|student| places.put(student, &sight.name, scope, Timestamp::now()));
        }
    })
}
