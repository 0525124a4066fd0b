//! `doctor`: what would be in the way of a class day. Changes nothing.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::class::{invalid as unusable, say_what_counts};
use super::doors::{role_of, settings_at};
use super::run::look_alone;
use super::say::{print_document, said};
use super::session::{cannot_begin, in_region, pace};
use crate::aws::configured::{NoCredentials, credential_source};
use crate::aws::{self, Client, ConnectOptions, partition_of};
use crate::cli::{Cli, DoctorArgs};
use crate::doctor::cloud::{Visit, clock, identified, unasked, visit};
use crate::doctor::{machine, policy};
use crate::error::{Error, Exit, Result};
use crate::events::Command;
use crate::ids::Scope;
use crate::lab::Lab;
use crate::local::LocalCloud;
use crate::options::{ClassSettings, CloudTarget, OutputFormat, PlaceSettings, Profile, invalid};
use crate::report::findings::{self, Finding, Shown, Standing, stdout_shows_unicode};
use crate::report::print_notes;
use crate::report::terminal::columns_of_stdout;
use crate::results::stamp::{Account, schema_of, without_place};
use crate::roster::Student;

/// Without a roster, room is told for so many students.
const STUDENTS: usize = 30;

/// What was found, and where.
#[derive(Default)]
struct Checkup {
    findings: Vec<Finding>,
    scope: Option<Scope>,
    wrong_account: bool,
}

pub(super) async fn run(cli: &Cli, args: &DoctorArgs) -> Result<Exit> {
    let settings = cli.settings_without_roster()?;
    let lab = settings.load_lab()?;
    say_what_counts(&lab, &settings);
    if args.policy {
        return print_policy(&settings, &lab).await;
    }
    let students = match settings.roster_built_in {
        true => (1..=STUDENTS)
            .filter_map(|n| format!("student{n}").parse().ok())
            .map(Student::unknown)
            .collect(),
        false => {
            let roster = settings.read_roster(&lab.username_limit())?;
            lab.check_columns(&roster).map_err(unusable)?;
            roster.students
        }
    };
    let mut found = match &settings.target {
        CloudTarget::Local => Checkup::default(),
        CloudTarget::Aws { profile, .. } if settings.places.is_empty() => {
            let options = options(&settings, &lab).await?;
            in_aws(options, &settings, profile.as_ref(), &lab, &students).await?
        }
        CloudTarget::Aws { .. } => at_places(&settings, &lab, &students).await?,
    };
    let here = machine::embedded_cloud(&LocalCloud::from_env()?).await?;
    found.findings.extend(here);
    found.findings.push(machine::reports(&settings.reports));
    show(&found, &settings)
}

/// Looks at one place of the class after the other.
async fn at_places(settings: &ClassSettings, lab: &Lab, students: &[Student]) -> Result<Checkup> {
    let mut all = Checkup::default();
    for place in chosen(settings) {
        let settings = settings_at(settings, place);
        let options = ConnectOptions {
            role: role_of(place, &settings.class),
            ..options(&settings, lab).await?
        };
        let students = share(place, settings.places.len(), students);
        let found = in_aws(options, &settings, place.profile.as_ref(), lab, &students);
        let found = found.await.map_err(|error| error.at(Some(&place.name)))?;
        all.wrong_account |= found.wrong_account;
        all.findings
            .extend(found.findings.into_iter().map(|finding| Finding {
                place: Some(place.name.clone()),
                ..finding
            }));
    }
    Ok(all)
}

/// The places that the command is about.
fn chosen(settings: &ClassSettings) -> impl Iterator<Item = &PlaceSettings> {
    let chosen = &settings.chosen_places;
    let places = settings.places.iter();
    places.filter(move |place| chosen.is_empty() || chosen.contains(&place.name))
}

/// For whom a place needs room: those whom the roster puts there, and as many of the others as come there if they are spread
/// evenly.
fn share(place: &PlaceSettings, places: usize, students: &[Student]) -> Vec<Student> {
    let (fixed, free): (Vec<&Student>, Vec<&Student>) =
        students.iter().partition(|student| student.place.is_some());
    let here = fixed
        .into_iter()
        .filter(|student| student.place.as_ref() == Some(&place.name));
    let free = free
        .iter()
        .take(free.len().div_ceil(places.max(1)))
        .copied();
    here.chain(free).cloned().collect()
}

async fn in_aws(
    options: ConnectOptions,
    settings: &ClassSettings,
    profile: Option<&Profile>,
    lab: &Lab,
    students: &[Student],
) -> Result<Checkup> {
    let mut found = Checkup::default();
    let nobody = |error: Error, ahead| {
        let mut findings = Finding::failed("identity", error.failures);
        findings.extend([clock(ahead), unasked()]);
        Checkup {
            findings,
            ..Checkup::default()
        }
    };
    let source = match credential_source(options.profile.as_deref()).await {
        Ok(source) => source,
        Err(why @ NoCredentials::UnknownProfile { .. }) => return Err(why.into()),
        Err(why) => return Ok(nobody(why.into(), None)),
    };
    let client = &aws::connect(options).await;
    let identity = match client.caller_identity().await {
        Ok(identity) => identity,
        Err(error) => {
            let error = cannot_begin(&error, Some(source), profile, client.region());
            return Ok(nobody(error, client.clock_ahead()));
        }
    };
    let scope = identity.scope(client.region());
    let guard = settings.account.as_ref().map(ToString::to_string);
    let is_aws = client.is_aws();
    let (known, wrong_account) = identified(&identity.arn, &scope, guard.as_deref(), is_aws);
    found.findings = known;
    found.findings.push(clock(client.clock_ahead()));
    found.wrong_account = wrong_account;
    let foreign = settings.foreign_boundary(&scope.account);
    if let Some(cause) = foreign.filter(|_| !wrong_account) {
        let fix = "name the policy in this account, or choose the right account with --profile";
        found
            .findings
            .push(Finding::problem("role_boundary", cause, fix));
    } else if !wrong_account {
        let role_boundary = settings.role_boundary.as_ref().map(|arn| arn.as_str());
        let mut desired = match lab.desired(&scope, &settings.class, students) {
            Ok(desired) => Some(desired),
            // The lab may need what only a roster has.
            Err(_) if settings.roster_built_in => None,
            Err(failures) => return Err(unusable(failures)),
        };
        if let (Some(desired), Some(boundary)) = (&mut desired, role_boundary) {
            desired.bound_roles_by(boundary);
        }
        if let Some(first) = students.first() {
            let asked = Visit {
                lab,
                scope: &scope,
                caller_arn: &identity.arn,
                class: &settings.class,
                student: &first.username,
                desired: desired.as_ref(),
                in_roster: !settings.roster_built_in,
                role_boundary,
            };
            let look = async |client: &Client| visit(client, &asked).await;
            let seen = look_alone(client, pace(settings.quota_scale), settings.ui, look).await?;
            found.findings.extend(seen);
        }
    }
    found.scope = Some(scope);
    Ok(found)
}

fn show(found: &Checkup, settings: &ClassSettings) -> Result<Exit> {
    let (findings, ui) = (&found.findings, settings.ui);
    let exit = match findings::count(findings, Standing::Problem) {
        _ if found.wrong_account => Exit::Refused,
        0 => Exit::Done,
        _ => Exit::General,
    };
    let scope = found.scope.as_ref();
    said(match ui.output {
        format @ (OutputFormat::Json | OutputFormat::Jsonl) => {
            let rest = json!({
                "command": Command::Doctor,
                "account": scope.map(|scope| Account { id: scope.account.clone(), alias: None }),
                "region": scope.map(|scope| &scope.region),
                "checks": findings,
                "exit_code": exit.code(),
            });
            let document = without_place(schema_of(Command::Doctor), rest);
            print_document(format, exit, &document)
        }
        OutputFormat::Text => {
            let shown = Shown {
                color: ui.color_stdout,
                unicode: stdout_shows_unicode(),
                columns: columns_of_stdout(),
            };
            findings::print(findings, shown, &mut io::stdout().lock())
        }
    })?;
    Ok(exit)
}

async fn options(settings: &ClassSettings, lab: &Lab) -> Result<ConnectOptions> {
    let (profile, endpoint_url) = match &settings.target {
        CloudTarget::Aws {
            profile,
            endpoint_url,
        } => (profile.as_ref(), endpoint_url.as_ref()),
        CloudTarget::Local => (None, None),
    };
    let options = ConnectOptions {
        profile: profile.map(ToString::to_string),
        endpoint_url: endpoint_url.map(ToString::to_string),
        ..ConnectOptions::default()
    };
    in_region(settings.region.as_ref(), lab, options, settings.ui).await
}

/// Prints the least policy. Asks AWS only which account it is, where nobody has said that.
async fn print_policy(settings: &ClassSettings, lab: &Lab) -> Result<Exit> {
    let of_place;
    let mut role = None;
    let settings = match (
        settings.places.is_empty(),
        &chosen(settings).collect::<Vec<_>>()[..],
    ) {
        (true, _) => settings,
        (false, [place]) => {
            role = role_of(place, &settings.class);
            of_place = settings_at(settings, place);
            &of_place
        }
        (false, _) => {
            let cause =
                "each place of the class has an account of its own, and so a policy of its own";
            return Err(invalid("--policy", cause, "choose one place: --place NAME"));
        }
    };
    let CloudTarget::Aws { profile, .. } = &settings.target else {
        let cause = "the embedded cloud needs no policy: it is this machine's alone";
        return Err(invalid("--policy", cause, "leave --local out"));
    };
    let options = ConnectOptions {
        role,
        ..options(settings, lab).await?
    };
    let region = options.region.clone();
    let source = credential_source(options.profile.as_deref()).await;
    if let Err(why @ NoCredentials::UnknownProfile { .. }) = source {
        return Err(why.into());
    }
    let scope = match &settings.account {
        Some(account) => Scope {
            partition: partition_of(&region).to_owned(),
            account: account.to_string(),
            region,
        },
        None => {
            let with_way_out = |mut error: Error| {
                let other = "or name the account that the policy is for, and no request is sent: --account 123456789012";
                let last = error.failures.last_mut();
                let hint = last.and_then(|failure| failure.hint.take());
                error.hint(hint.map_or_else(|| other.to_owned(), |hint| format!("{hint}; {other}")))
            };
            let source = source.map_err(|why| with_way_out(why.into()))?;
            let identity = aws::connect(options).await.caller_identity().await;
            let identity = identity.map_err(|error| {
                with_way_out(cannot_begin(
                    &error,
                    Some(source),
                    profile.as_ref(),
                    &region,
                ))
            })?;
            identity.scope(&region)
        }
    };
    let mut policies = policy::policies(lab, &scope);
    let document = match policies.len() {
        1 => policies.remove(0),
        several => {
            let note = format!(
                "one policy would be longer than IAM takes, so this is a list of {several}: attach them all"
            );
            let ui = settings.ui;
            // A closed stderr leaves nobody to tell.
            let _ = print_notes(&[note], ui.color_stderr, &mut io::stderr().lock());
            Value::Array(policies)
        }
    };
    let mut out = io::stdout().lock();
    said(writeln!(out, "{document:#}").and_then(|()| out.flush()))?;
    Ok(Exit::Done)
}
