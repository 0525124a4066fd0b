//! Connects to every place of a class, and finds out who is where.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use futures::future::join_all;
use jiff::Timestamp;

use super::class::Class;
use super::homes::Homes;
use super::run::{At, Log};
use super::say::say;
use super::session::{Session, in_region};
use super::sessions::{Sessions, Unreached, Work};
use crate::aws::configured::credential_source;
use crate::aws::{AssumedRole, ConnectOptions};
use crate::error::{Error, Exit, Result};
use crate::events::Command;
use crate::evidence::kept::{DeployedPlace, KeptPlaces, StudentPlaces};
use crate::ids::{ClassName, PlaceName, Scope, Username};
use crate::local::{self, LocalCloud, StartupStep};
use crate::options::{ClassSettings, CloudTarget, PlaceSettings};
use crate::stack::assign::{PlaceSight, assign};
use crate::stack::kinds::{Desired, Kind};
use crate::stack::left::everybody;
use crate::stack::limits::APIS_MAX;
use crate::stack::observe::observe_roles;
use crate::text::failure::Failure;

/// A place to connect to.
struct Door {
    place: Option<PlaceName>,
    role: Option<AssumedRole>,
    /// With the place's settings, and everybody.
    class: Class,
}

impl Class {
    /// Connects to the cloud that the settings name, starting the embedded one if it is that.
    pub(crate) async fn connect(self, work: Work) -> Result<Sessions> {
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

    fn door(&self, place: &PlaceSettings) -> Door {
        Door {
            place: Some(place.name.clone()),
            role: role_of(place, self.name()),
            class: Self {
                settings: settings_at(&self.settings, place),
                ..self.clone()
            },
        }
    }

    async fn at_places(
        self,
        work: Work,
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

/// The class's settings at one of its places.
pub(super) fn settings_at(settings: &ClassSettings, place: &PlaceSettings) -> ClassSettings {
    ClassSettings {
        target: CloudTarget::Aws {
            profile: place.profile.clone(),
            endpoint_url: place.endpoint_url.clone(),
        },
        region: Some(place.region.clone()),
        account: place.account.clone(),
        invoke_base: place.invoke_base.clone(),
        role_boundary: place.role_boundary.clone(),
        quotas: place.quotas.clone(),
        ..settings.clone()
    }
}

/// The role that is assumed at a place.
pub(super) fn role_of(place: &PlaceSettings, class: &ClassName) -> Option<AssumedRole> {
    let arn = place.role_arn.as_ref()?;
    Some(AssumedRole {
        arn: arn.as_str().to_owned(),
        session: format!("homeroom-{class}"),
    })
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

impl Door {
    async fn open(self) -> Result<Session> {
        let CloudTarget::Aws {
            profile,
            endpoint_url,
        } = self.class.settings.target.clone()
        else {
            return Err(Error::new(Exit::General, "AWS", "the target is not AWS"));
        };
        let options = ConnectOptions {
            profile: profile.map(|p| p.to_string()),
            role: self.role,
            endpoint_url: endpoint_url.map(|u| u.to_string()),
            invoke_base: self
                .class
                .settings
                .invoke_base
                .as_ref()
                .map(ToString::to_string),
            ..ConnectOptions::default()
        };
        let source = credential_source(options.profile.as_deref()).await?;
        let region = self.class.settings.region.as_ref();
        let options = in_region(region, &self.class.lab, options, self.class.settings.ui).await?;
        self.class.open(options, Some(source), self.place).await
    }
}

impl Sessions {
    /// Refuses two places that are the same account and region: each would take the other's students for its own.
    fn refuse_twins(&self) -> Result<()> {
        for (index, one) in self.places.iter().enumerate() {
            let mut others = self.places[..index].iter();
            if let (Some(other), Some(place)) = (
                others.find(|other| other.scope() == one.scope()),
                &one.place,
            ) {
                let of_other = other.place.as_ref().map_or("", |other| other.as_str());
                let Scope {
                    account, region, ..
                } = one.scope();
                let cause = format!(
                    "is the same as place {of_other}: account {account}, region {region}; nothing was touched"
                );
                let hint = "leave one of the two out of homeroom.toml, or correct its profile, role_arn or region";
                return Err(Error::new(Exit::Refused, format!("place {place}"), cause).hint(hint));
            }
        }
        Ok(())
    }

    /// Looks at each place, by one listing and one call for its limits: who is there, and for how many there is room.
    async fn sights(&self) -> Result<Vec<PlaceSight>> {
        let roster = &self.class.roster.students;
        let desired = self.places.iter();
        let desired = desired.map(|at| at.class.desired(at.scope(), roster));
        let desired: Vec<Desired> = self.all(desired)?;
        let look = self.run(Command::Plan, Log::None, async |places| {
            let all = places.iter().zip(&desired);
            join_all(all.map(|(at, desired)| self.sight(at, desired))).await
        });
        self.all(look.await.0)
    }

    async fn sight(&self, at: &At<'_>, desired: &Desired) -> Result<PlaceSight> {
        let At { session, client } = at;
        let (observed, summary) =
            tokio::join!(observe_roles(client, desired), client.account_summary());
        let observed = observed?;
        let stacks = observed.gaps.is_empty().then(|| {
            let there = everybody(desired, &observed).into_keys();
            there.collect::<BTreeSet<Username>>()
        });
        // Without the right to read it, no bound is known of roles and policies.
        let summary = summary.unwrap_or_default();
        let of_account = self.places.iter();
        let of_account =
            of_account.filter(|other| other.scope().account == session.scope().account);
        let sharers = u32::try_from(of_account.count()).unwrap_or(1).max(1);
        let mut counts: BTreeMap<Kind, u32> = BTreeMap::new();
        for spec in desired
            .stacks
            .first()
            .into_iter()
            .flat_map(|stack| stack.specs())
        {
            *counts.entry(spec.id().kind).or_default() += 1;
        }
        let room = |kind: Kind, used: Option<u32>, quota: Option<u32>, sharers: u32| {
            let each = counts.get(&kind).copied().filter(|each| *each > 0)?;
            Some(quota?.saturating_sub(used?) / each / sharers)
        };
        let there = stacks.as_ref().map_or(0, BTreeSet::len);
        let of = |kind| counts.get(&kind).copied().unwrap_or_default();
        let apis = of(Kind::RestApi) + of(Kind::HttpApi);
        let api = match of(Kind::HttpApi) {
            0 => Kind::RestApi,
            _ => Kind::HttpApi,
        };
        let apis = apis.saturating_mul(u32::try_from(there).unwrap_or(u32::MAX));
        let rooms = [
            room(Kind::Role, summary.roles, summary.roles_quota, sharers),
            room(
                Kind::ManagedPolicy,
                summary.policies,
                summary.policies_quota,
                sharers,
            ),
            room(api, Some(apis), Some(APIS_MAX), 1),
        ];
        Ok(PlaceSight {
            name: session
                .place
                .clone()
                .ok_or_else(|| Error::of(Exit::General, Vec::new()))?,
            stacks,
            room: rooms.into_iter().flatten().min(),
        })
    }
}
