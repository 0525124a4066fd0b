//! `local start | stop | status | env`: the embedded cloud by itself.

use std::io::{self, Write};

use crate::cli::{Cli, LocalVerb};
use crate::error::{Error, Kind, Result};
use crate::lab::bundle;
use crate::local::{LocalCloud, StartupStep};
use crate::options::{OutputFormat, Ui, asked_region};
use crate::text::words::posix_quoted;

use super::ended::Exit;
use super::print_json;
use super::say::{said, say};

pub(super) async fn run(cli: &Cli, verb: &LocalVerb, ui: Ui) -> Result<Exit> {
    let cloud = LocalCloud::from_env()?;
    let progress = &mut |step: StartupStep| say(&step.to_string(), ui.verbosity);
    match verb {
        LocalVerb::Start => {
            let endpoint = cloud.start(progress).await?;
            let document = serde_json::json!({
                "command": "local start",
                "url": endpoint.url,
                "account": endpoint.account,
            });
            let text = format!(
                "The embedded cloud runs at {} (account {}). Use it with --local.",
                endpoint.url, endpoint.account
            );
            show(ui, &document, &text)
        }
        LocalVerb::Stop(args) => {
            let report = cloud.stop(args.wipe, progress).await?;
            let document =
                serde_json::json!({ "command": "local stop", "report": report.to_string() });
            show(ui, &document, &report.to_string())
        }
        LocalVerb::Status => {
            let status = cloud.status().await?;
            let document = serde_json::json!({ "command": "local status", "status": status });
            show(ui, &document, &status.to_string())
        }
        LocalVerb::Env => {
            let region = match asked_region(&cli.global)? {
                Some(region) => region.to_string(),
                None => bundle::load(None)?.region().to_owned(),
            };
            let endpoint = cloud.running().await?.ok_or_else(|| {
                Error::new(Kind::General, "the embedded cloud", "it is not running")
                    .hint("start it with `homeroom local start`, then run the same command again")
            })?;
            let variables = [
                ("AWS_ENDPOINT_URL", endpoint.url),
                ("AWS_ACCESS_KEY_ID", endpoint.access_key),
                ("AWS_SECRET_ACCESS_KEY", endpoint.secret_key),
                ("AWS_REGION", region),
            ];
            let exports: Vec<String> = variables
                .iter()
                .map(|(name, value)| format!("export {name}={}", posix_quoted(value)))
                .collect();
            let variables: serde_json::Map<_, _> = variables
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value.into()))
                .collect();
            let document = serde_json::json!({ "command": "local env", "env": variables });
            show(ui, &document, &exports.join("\n"))
        }
    }
}

fn show(ui: Ui, document: &serde_json::Value, text: &str) -> Result<Exit> {
    let written = match ui.output {
        OutputFormat::Json => print_json(document),
        OutputFormat::Text => writeln!(io::stdout().lock(), "{text}"),
    };
    said(written)?;
    Ok(Exit::Done)
}
