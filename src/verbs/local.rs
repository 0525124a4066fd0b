//! `local start | stop | status | env`: the embedded cloud by itself.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde_json::json;

use crate::cli::{Cli, LocalVerb};
use crate::error::{Error, Exit, Result};
use crate::lab::bundle;
use crate::local::{Endpoint, LocalCloud, StartupStep};
use crate::options::{OutputFormat, Ui, asked_region};
use crate::results::stamp;
use crate::text::words::posix_quoted;

use super::say::{print_document, said, say};

pub(super) async fn run(cli: &Cli, verb: &LocalVerb, ui: Ui) -> Result<Exit> {
    let cloud = LocalCloud::from_env()?;
    let progress = &mut |step: StartupStep| say(&step.to_string(), ui.verbosity);
    let (document, text) = match verb {
        LocalVerb::Start => {
            let Endpoint { url, account, .. } = cloud.start(progress).await?;
            let text = format!(
                "The embedded cloud runs at {url} (account {account}). Use it with --local."
            );
            let document = json!({ "command": "local start", "url": url, "account": account });
            (document, text)
        }
        LocalVerb::Stop(args) => {
            let report = cloud.stop(args.wipe, progress).await?.to_string();
            (json!({ "command": "local stop", "report": report }), report)
        }
        LocalVerb::Status => {
            let status = cloud.status().await?;
            let text = status.to_string();
            (json!({ "command": "local status", "status": status }), text)
        }
        LocalVerb::Env => {
            let region = match asked_region(&cli.global)? {
                Some(region) => region.to_string(),
                None => bundle::load(None)?.region().to_owned(),
            };
            let endpoint = cloud.running().await?.ok_or_else(|| {
                Error::new(Exit::General, "the embedded cloud", "it is not running")
                    .hint("start it with `homeroom local start`, then run the same command again")
            })?;
            let variables = [
                ("AWS_ENDPOINT_URL", endpoint.url),
                ("AWS_ACCESS_KEY_ID", endpoint.access_key),
                ("AWS_SECRET_ACCESS_KEY", endpoint.secret_key),
                ("AWS_REGION", region),
            ];
            let export =
                |(name, value): &(&str, String)| format!("export {name}={}", posix_quoted(value));
            let exports = variables.iter().map(export).collect::<Vec<_>>().join("\n");
            let variables = BTreeMap::from(variables);
            (json!({ "command": "local env", "env": variables }), exports)
        }
    };
    let document = stamp::without_place(stamp::LOCAL, document);
    said(match ui.output {
        format @ (OutputFormat::Json | OutputFormat::Jsonl) => {
            print_document(format, Exit::Done, &document)
        }
        OutputFormat::Text => writeln!(io::stdout().lock(), "{text}"),
    })?;
    Ok(Exit::Done)
}
