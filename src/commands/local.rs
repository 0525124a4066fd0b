//! `local start | stop | status`: the embedded cloud by itself.

use std::io::{self, Write};

use crate::cli::LocalVerb;
use crate::error::Result;
use crate::local;
use crate::settings::Ui;
use crate::settings::values::OutputFormat;

use super::{Exit, print_json, said};

pub(super) async fn run(verb: &LocalVerb, ui: Ui) -> Result<Exit> {
    let progress = |step: &str| say(step, ui.verbosity);
    match verb {
        LocalVerb::Start => {
            let endpoint = local::start(progress).await?;
            let document = serde_json::json!({
                "command": "local start",
                "url": endpoint.url,
                "account": endpoint.account,
            });
            let text = format!(
                "The embedded cloud runs at {} (account {}). Use it with --local.",
                endpoint.url, endpoint.account
            );
            tell(ui, &document, &text)
        }
        LocalVerb::Stop(args) => {
            let report = local::stop(args.wipe, progress).await?;
            let document =
                serde_json::json!({ "command": "local stop", "report": report.to_string() });
            tell(ui, &document, &report.to_string())
        }
        LocalVerb::Status => {
            let status = local::status().await?;
            let document = serde_json::json!({ "command": "local status", "status": status });
            tell(ui, &document, &status.to_string())
        }
    }
}

/// Says on stderr what the embedded cloud is doing.
pub(super) fn say(step: &str, verbosity: i8) {
    if verbosity >= 0 {
        // A closed stderr leaves nobody to tell.
        let _ = writeln!(io::stderr().lock(), "{step}");
    }
}

fn tell(ui: Ui, document: &serde_json::Value, text: &str) -> Result<Exit> {
    let written = match ui.output {
        OutputFormat::Json => print_json(document),
        OutputFormat::Text => writeln!(io::stdout().lock(), "{text}"),
    };
    said(written)?;
    Ok(Exit::Done)
}
