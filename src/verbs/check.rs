//! `check`: a student asks how they stand, with their own key. It reads, and changes nothing.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::time::Instant;

use jiff::{Timestamp, ZonedDateTime};

use super::class::invalid;
use super::run::{interrupted, look_alone};
use super::say::{print_document, said};
use super::session::{in_region, pace};
use crate::aws::configured::credential_source;
use crate::aws::{self, CallError, Client, ConnectOptions};
use crate::cli::Cli;
use crate::error::{Error, Exit, Result};
use crate::evidence::own::{OwnReading, read_own};
use crate::evidence::reading::ClassReading;
use crate::lab::{Lab, bundle};
use crate::local::LocalCloud;
use crate::options::{CloudTarget, OutputFormat, StudentSettings};
use crate::report::own::OwnReport;
use crate::roster::Student;
use crate::stack::caller::Caller;
use crate::stack::kinds::Desired;
use crate::stack::observe::Depth;
use crate::stack::own;

pub(super) async fn run(cli: &Cli) -> Result<Exit> {
    let started = Instant::now();
    let settings = cli.student_settings()?;
    let lab = bundle::load(settings.lab.folder())?;
    let lab = lab.with_settings(&Default::default()).map_err(invalid)?;
    let client = connect(&settings, &lab).await?;
    let identity = client.caller_identity().await.map_err(refused)?;
    let caller = Caller::of(&identity.arn).student()?;
    caller.require_account(settings.account.as_ref())?;
    let student = Student::unknown(caller.username.clone());
    let scope = caller.scope(client.region());
    let desired = lab.desired(&scope, &caller.class, std::slice::from_ref(&student));
    let mut desired = desired.map_err(|failures| {
        invalid(failures)
            .hint("this lab needs what only your instructor's roster says: ask your instructor")
    })?;
    let look = async |client: &Client| look(client, &lab, &mut desired, &student).await;
    let read = look_alone(&client, pace(settings.quota_scale), settings.ui, look).await?;
    let exit = read.exit();
    let report = OwnReport::new(&desired, &lab, student, read, ZonedDateTime::now());
    said(match settings.ui.output {
        OutputFormat::Text => {
            let mut out = io::stdout().lock();
            let written = report.text(settings.ui.color_stdout, &mut out);
            written.and_then(|()| out.flush())
        }
        format => {
            let document = report.json(&client.calls(), started.elapsed());
            print_document(format, exit, &document)
        }
    })?;
    Ok(exit)
}

async fn look(
    client: &Client,
    lab: &Lab,
    desired: &mut Desired,
    student: &Student,
) -> Result<OwnReading> {
    let record = own::record(client, desired).await.map_err(refused)?;
    if let (Some(record), Some(stack)) = (record, desired.stacks.first()) {
        own::require(&record, &stack.owner)?;
    }
    let seen = own::observe(client, desired).await?;
    let edited = desired.take_deployed(&seen);
    let reading = ClassReading {
        lab,
        desired,
        students: std::slice::from_ref(student),
        skip: &BTreeSet::new(),
        requests_stand: &BTreeSet::new(),
        depth: &Depth::Deploy,
        now_ms: Timestamp::now().as_millisecond(),
        at: None,
        console: client.is_aws(),
        invoke_url: &|api_id, stage| client.invoke_url(api_id, stage),
    };
    let read = read_own(client, &reading, &seen).await?;
    let read = read.ok_or_else(|| Error::new(Exit::General, "your stack", "was not read"))?;
    Ok(OwnReading { edited, ..read })
}

/// Connects with the student's own key. An embedded cloud must be running: a look starts nothing.
async fn connect(settings: &StudentSettings, lab: &Lab) -> Result<Client> {
    let text = |url: &Option<_>| url.as_ref().map(ToString::to_string);
    let asked = settings.region.as_ref();
    let options = match &settings.target {
        CloudTarget::Local => {
            let running = LocalCloud::from_env()?.running().await?.ok_or_else(|| {
                let error = Error::new(Exit::General, "the embedded cloud", "is not running here");
                error.hint("ask your instructor; without --local this looks in AWS")
            })?;
            ConnectOptions {
                region: asked.map_or_else(|| lab.region().to_owned(), ToString::to_string),
                endpoint_url: Some(running.url),
                invoke_base: Some(running.invoke_base),
                ..ConnectOptions::default()
            }
        }
        CloudTarget::Aws {
            profile,
            endpoint_url,
        } => {
            let options = ConnectOptions {
                profile: profile.as_ref().map(ToString::to_string),
                endpoint_url: text(endpoint_url),
                invoke_base: text(&settings.invoke_base),
                ..ConnectOptions::default()
            };
            credential_source(options.profile.as_deref())
                .await
                .map_err(own::no_key)?;
            in_region(asked, lab, options, settings.ui).await?
        }
    };
    Ok(aws::connect(options).await)
}

fn refused(error: CallError) -> Error {
    match error {
        CallError::Cancelled => interrupted(),
        CallError::Cloud(error) => own::cannot_look(&error),
    }
}
