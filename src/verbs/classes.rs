//! `classes`: what homeroom has in this account and region, or at each of the places of the settings. Asks for listings alone.

use std::io::{self, Write};

use futures::future::join_all;

use super::doors::{role_of, settings_at};
use super::homes::Deed;
use super::place::refuse_moved;
use super::run::look_alone;
use super::say::{print_document, said, say, say_error};
use super::session::{cannot_begin, embedded, in_region, pace, require_account};
use super::unreached::{again, none_reached};
use crate::aws::configured::credential_source;
use crate::aws::{self, AssumedRole, Client, ConnectOptions};
use crate::cli::Cli;
use crate::error::{Exit, Result};
use crate::events::Command;
use crate::ids::{PlaceName, Scope};
use crate::lab::bundle;
use crate::local::{LocalCloud, StartupStep};
use crate::options::{ClassSettings, CloudTarget, OutputFormat};
use crate::report::classes::{ClassList, Listed, LostPlace, json_of_all};
use crate::results::stamp::schema_of;
use crate::stack::kinds::classes::{FoundClasses, find};

/// An account and region to look at.
pub(super) struct Site {
    /// Its name, where the settings have several.
    pub(super) place: Option<PlaceName>,
    pub(super) settings: ClassSettings,
    pub(super) client: Client,
    pub(super) scope: Scope,
}

/// What the settings name: one account and region, or places.
pub(super) struct Sites {
    pub(super) reached: Vec<Site>,
    pub(super) lost: Vec<LostPlace>,
}

pub(super) async fn run(cli: &Cli) -> Result<Exit> {
    let settings = cli.settings_without_roster()?;
    let sites = Sites::of(&settings, Deed::Looks).await?;
    let found = sites.look().await?;
    let lists = || sites.lists(&found);
    let seen = sites.lost.is_empty() && found.iter().all(|found| found.gaps.is_empty());
    let exit = match seen {
        true => Exit::Done,
        false => Exit::General,
    };
    said(match settings.ui.output {
        OutputFormat::Text => {
            let mut out = io::stdout().lock();
            let mut all = lists();
            all.try_for_each(|one| one.text(&mut out))
                .and_then(|()| out.flush())
        }
        format => {
            let command = Command::Classes;
            let (schema, name) = (schema_of(command), command.as_str());
            let document = json_of_all(lists(), &sites.lost, schema, name, exit.code());
            print_document(format, exit, &document)
        }
    })?;
    Ok(exit)
}

impl Sites {
    /// Connects to all of them. A place that cannot be reached, or that is another account or region than when students
    /// were last there, is said at once, and the others are looked at.
    ///
    /// # Errors
    /// When none can be reached, or the settings are wrong.
    pub(super) async fn of(settings: &ClassSettings, work: Deed) -> Result<Self> {
        if settings.places.is_empty() {
            let (client, scope) = connect(settings, None, None).await?;
            let site = Site {
                place: None,
                settings: settings.clone(),
                client,
                scope,
            };
            return Ok(Self {
                reached: vec![site],
                lost: Vec::new(),
            });
        }
        let chosen = &settings.chosen_places;
        let places = settings.places.iter();
        let places = places.filter(|place| chosen.is_empty() || chosen.contains(&place.name));
        let opened = places.map(async |place| {
            let name = &place.name;
            let at = settings_at(settings, place);
            let role = role_of(place, &settings.class);
            let opened = connect(&at, role, Some(name)).await;
            let site = opened.map_err(|error| error.at(Some(name)));
            let site = site.and_then(|(client, scope)| {
                refuse_moved(settings, name, &scope)?;
                Ok(Site {
                    place: Some(name.clone()),
                    settings: at,
                    client,
                    scope,
                })
            });
            (place, site)
        });
        let (mut reached, mut lost, mut errors) = (Vec::new(), Vec::new(), Vec::new());
        for (place, site) in join_all(opened).await {
            match site {
                Ok(site) => reached.push(site),
                Err(error) if error.exit == Exit::General => {
                    lost.push(LostPlace {
                        name: place.name.clone(),
                        region: place.region.to_string(),
                        why: error.to_string(),
                    });
                    errors.push(match error.failures.iter().any(|one| one.hint.is_some()) {
                        true => error,
                        false => error.hint(again(&place.name)),
                    });
                }
                Err(error) => return Err(error),
            }
        }
        if reached.is_empty() {
            return Err(none_reached(work, &settings.class, errors.into_iter()));
        }
        errors
            .iter()
            .for_each(|error| say_error(settings.ui, error));
        Ok(Self { reached, lost })
    }

    /// Lists the classes of each.
    pub(super) async fn look(&self) -> Result<Vec<FoundClasses>> {
        let mut all = Vec::new();
        for site in &self.reached {
            all.push(site.look().await?);
        }
        Ok(all)
    }

    fn lists<'a>(&'a self, found: &'a [FoundClasses]) -> impl Iterator<Item = Listed<'a>> {
        let all = self.reached.iter().zip(found);
        all.map(|(site, found)| site.listed(found))
    }
}

impl Site {
    pub(super) async fn look(&self) -> Result<FoundClasses> {
        let pace = pace(self.settings.quota_scale);
        let work = async |client: &Client| find(client, &self.scope).await;
        let found = look_alone(&self.client, pace, self.settings.ui, work).await;
        Ok(found?)
    }

    pub(super) fn listed<'a>(&'a self, found: &'a FoundClasses) -> Listed<'a> {
        Listed {
            place: self.place.as_ref(),
            list: ClassList {
                found,
                scope: &self.scope,
                now: self.client.time_at_aws(),
            },
            swept: None,
        }
    }
}

/// Connects to the account and region that the settings name, without anything of a class.
async fn connect(
    settings: &ClassSettings,
    role: Option<AssumedRole>,
    place: Option<&PlaceName>,
) -> Result<(Client, Scope)> {
    let lab = bundle::load(None)?;
    let (options, source, profile) = match &settings.target {
        CloudTarget::Local => {
            let progress = &mut |step: StartupStep| say(&step.to_string(), settings.ui.verbosity);
            let endpoint = LocalCloud::from_env()?.start(progress).await?;
            let options = embedded(&endpoint, settings.region.as_ref(), &lab);
            (options, None, None)
        }
        CloudTarget::Aws {
            profile,
            endpoint_url,
        } => {
            let options = ConnectOptions {
                profile: profile.as_ref().map(ToString::to_string),
                role,
                endpoint_url: endpoint_url.as_ref().map(ToString::to_string),
                ..ConnectOptions::default()
            };
            let source = credential_source(options.profile.as_deref()).await?;
            let options = in_region(settings.region.as_ref(), &lab, options, settings.ui).await?;
            (options, Some(source), profile.as_ref())
        }
    };
    let client = aws::connect(options).await;
    let identity = client.caller_identity().await;
    let identity = identity.map_err(|e| cannot_begin(&e, source, profile, client.region()))?;
    require_account(&identity, settings.account.as_ref(), place)?;
    let scope = identity.scope(client.region());
    Ok((client, scope))
}
