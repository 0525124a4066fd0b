//! `doctor`: what would be in the way of a class day. Changes nothing.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::class::invalid as unusable;
use super::print_json;
use super::say::{general, said};
use super::session::in_region;
use crate::aws::{self, ConnectOptions};
use crate::cli::{Cli, DoctorArgs};
use crate::doctor::{machine, policy};
use crate::error::{Exit, Result};
use crate::events::Command;
use crate::ids::Scope;
use crate::lab::{Lab, bundle};
use crate::local::LocalCloud;
use crate::options::{ClassSettings, CloudTarget, OutputFormat, Ui, invalid};
use crate::report::findings::{self, Finding, Shown, Standing, stdout_shows_unicode};
use crate::report::print_notes;
use crate::report::terminal::columns_of_stdout;

pub(super) async fn run(cli: &Cli, args: &DoctorArgs) -> Result<Exit> {
    let settings = cli.settings_without_roster()?;
    let overrides = settings.lab_settings.clone().into_iter().collect();
    let lab = bundle::load(settings.lab.folder())?
        .with_settings(&overrides)
        .map_err(unusable)?;
    if args.policy {
        return print_policy(&settings, &lab).await;
    }
    let mut findings = machine::embedded_cloud(&LocalCloud::from_env()?).await?;
    findings.push(machine::reports(&settings.reports));
    if settings.target != CloudTarget::Local {
        let said = "this version looks at this machine alone";
        let fix = "`homeroom plan` tells who you are and what there is room for";
        findings.push(Finding::unknown("aws", said, fix));
    }
    show(&findings, settings.ui)
}

fn show(findings: &[Finding], ui: Ui) -> Result<Exit> {
    let exit = match findings::count(findings, Standing::Problem) {
        0 => Exit::Done,
        _ => Exit::General,
    };
    said(match ui.output {
        OutputFormat::Json => print_json(&json!({
            "command": Command::Doctor,
            "checks": findings,
            "exit_code": exit.code(),
        })),
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

/// Prints the least policy. Asks AWS only which account it is, where nobody has said that.
async fn print_policy(settings: &ClassSettings, lab: &Lab) -> Result<Exit> {
    let CloudTarget::Aws {
        profile,
        endpoint_url,
    } = &settings.target
    else {
        let cause = "the embedded cloud needs no policy: it is this machine's alone";
        return Err(invalid("--policy", cause, "leave --local out"));
    };
    let options = ConnectOptions {
        profile: profile.as_ref().map(ToString::to_string),
        endpoint_url: endpoint_url.as_ref().map(ToString::to_string),
        ..ConnectOptions::default()
    };
    let options = in_region(settings.region.as_ref(), lab, options, settings.ui).await?;
    let region = options.region.clone();
    let scope = match &settings.account {
        Some(account) => Scope {
            partition: policy::partition_of(&region).to_owned(),
            account: account.to_string(),
            region,
        },
        None => {
            let client = aws::connect(options).await;
            let identity = client.caller_identity().await;
            let identity = identity.map_err(|error| {
                let hint = "name the account that the policy is for: --account 123456789012; then no request is sent";
                general("AWS")(error).hint(hint)
            })?;
            Scope {
                partition: identity.arn.split(':').nth(1).unwrap_or("aws").to_owned(),
                account: identity.account,
                region,
            }
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
            let _ = print_notes(
                &[note],
                ui.color_stderr,
                crate::report::terminal::columns_of_stderr(),
                &mut io::stderr().lock(),
            );
            Value::Array(policies)
        }
    };
    let mut out = io::stdout().lock();
    said(writeln!(out, "{document:#}").and_then(|()| out.flush()))?;
    Ok(Exit::Done)
}
