//! `classes`: what homeroom has in this account and region. Asks for listings alone.

use std::io::{self, Write};

use super::run::look_alone;
use super::say::{print_document, said, say};
use super::session::{cannot_begin, embedded, in_region, pace, require_account};
use crate::aws::configured::credential_source;
use crate::aws::{self, Client, ConnectOptions};
use crate::cli::Cli;
use crate::error::{Error, Exit, Result};
use crate::events::Command;
use crate::ids::Scope;
use crate::lab::bundle;
use crate::local::{LocalCloud, StartupStep};
use crate::options::{ClassSettings, CloudTarget, OutputFormat};
use crate::report::classes::ClassList;
use crate::results::stamp::schema_of;
use crate::stack::kinds::classes::{FoundClasses, find};

pub(super) async fn run(cli: &Cli) -> Result<Exit> {
    let settings = cli.settings_without_roster()?;
    refuse_places(&settings)?;
    let (client, scope) = connect(&settings).await?;
    let found = look(&settings, &client, &scope).await?;
    let list = ClassList {
        found: &found,
        scope: &scope,
        now: client.time_at_aws(),
    };
    let exit = match found.gaps.is_empty() {
        true => Exit::Done,
        false => Exit::General,
    };
    said(match settings.ui.output {
        OutputFormat::Text => {
            let mut out = io::stdout().lock();
            list.text(&mut out).and_then(|()| out.flush())
        }
        format => {
            let command = Command::Classes;
            let document = list.json(schema_of(command), command.as_str(), None, exit.code());
            print_document(format, exit, &document)
        }
    })?;
    Ok(exit)
}

/// Refuses a class with places: these verbs look at one account and region, and would call the others empty.
///
/// # Errors
/// [`Exit::Invalid`]: the settings have places.
pub(super) fn refuse_places(settings: &ClassSettings) -> Result<()> {
    if settings.places.is_empty() {
        return Ok(());
    }
    let file = settings.file.clone().unwrap_or_default();
    let names: Vec<&str> = settings.places.iter().map(|at| at.name.as_str()).collect();
    let cause = format!(
        "has places ({}), and `classes` and `sweep` look at one account and region; nothing was looked at",
        names.join(", ")
    );
    let error = Error::new(Exit::Invalid, file.display().to_string(), cause);
    Err(error.hint(
        "run it in a folder without that file, once for each account and region, with --profile, --region and --account",
    ))
}

/// Lists the classes.
pub(super) async fn look(
    settings: &ClassSettings,
    client: &Client,
    scope: &Scope,
) -> Result<FoundClasses> {
    let pace = pace(settings.quota_scale);
    let work = async |client: &Client| find(client, scope).await;
    let found = look_alone(client, pace, settings.ui, work).await;
    Ok(found?)
}

/// Connects to the account and region that the settings name, without anything of a class.
pub(super) async fn connect(settings: &ClassSettings) -> Result<(Client, Scope)> {
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
    require_account(&identity, settings.account.as_ref(), None)?;
    let scope = identity.scope(client.region());
    Ok((client, scope))
}
