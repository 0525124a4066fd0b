//! One file a verb: wiring only. What happens is decided in `domain`, done in `engine`, shown in `report`.

mod canvas;
mod completions;
mod deploy;
mod interrupts;
mod invocation;
mod local;
mod plan;
mod progress;
mod rehearse;
mod run;
mod session;
mod teardown;
mod validate;
mod watch;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Verb};
use crate::domain::ownership::canonical;
use crate::error::{Error, Kind, Result};
use crate::events::RunSummary;
use crate::report::{self, View};
use crate::settings::Ui;
use crate::settings::values::OutputFormat;

/// How a command ended that was able to do its work. The codes stand in `docs/exit-codes.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// All is done.
    Done,
    /// Not everything could be seen or written, and no student's outcome says so.
    Error,
    /// Some students failed.
    SomeFailed,
    /// Something remains after a teardown.
    Remains,
    /// The plan has changes, and the code was asked for.
    Changes,
    /// Refused for safety.
    Refused,
    /// The person stopped it.
    Interrupted,
}

impl Exit {
    /// The process's exit code.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Error => 1,
            Self::SomeFailed => 3,
            Self::Remains => 5,
            Self::Changes => 6,
            Self::Refused => Kind::Refused.exit_code(),
            Self::Interrupted => Kind::Interrupted.exit_code(),
        }
    }
}

/// The whole program: reads the command line, runs the verb, says what went wrong.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version go to stdout and are no error; clap knows which is which. A closed stream
            // leaves nobody to tell.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() {
                Kind::Invalid.exit_code()
            } else {
                0
            });
        }
    };
    let ui = Ui::load(&cli);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(dispatch(&cli, ui)),
        Err(error) => Err(Error::new(
            Kind::General,
            "homeroom",
            format!("cannot start: {error}"),
        )),
    };
    match outcome {
        Ok(exit) => ExitCode::from(exit.code()),
        Err(error) => {
            // A closed stderr leaves nobody to tell.
            let _ = report::print_error(&error, ui.color_stderr, &mut io::stderr().lock());
            if ui.output == OutputFormat::Json {
                let _ = print_json(&error_document(&cli, &error));
            }
            ExitCode::from(error.kind.exit_code())
        }
    }
}

async fn dispatch(cli: &Cli, ui: Ui) -> Result<Exit> {
    match &cli.verb {
        Verb::Completions(args) => completions::run(args),
        Verb::Local(verb) => local::run(verb, ui).await,
        Verb::Rehearse(args) => rehearse::run(cli, args).await,
        Verb::Plan(args) => plan::run(cli, args).await,
        Verb::Deploy(args) => deploy::run(cli, args).await,
        Verb::Validate => validate::run(cli).await,
        Verb::Status => progress::run_status(cli).await,
        Verb::Report(args) => progress::run_report(cli, args).await,
        Verb::Watch(args) => watch::run(cli, args).await,
        Verb::Teardown(args) => teardown::run(cli, args).await,
    }
}

/// The one JSON document of a command that ended by an error.
fn error_document(cli: &Cli, error: &Error) -> serde_json::Value {
    serde_json::json!({
        "command": cli.verb.command(),
        "errors": error.failures,
        "exit_code": error.kind.exit_code(),
    })
}

fn print_json(document: &serde_json::Value) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{}", canonical(document))?;
    out.flush()
}

/// Shows the end of a run: one JSON document on stdout, or a summary for people.
fn show(summary: &RunSummary, view: &View<'_>, ui: Ui) -> Result<()> {
    let mut out = io::stdout().lock();
    let written = match ui.output {
        OutputFormat::Json => report::json::print_run(summary, &mut out),
        OutputFormat::Text => report::print_summary(summary, view, &mut out),
    };
    match written.and_then(|()| out.flush()) {
        // A reader that left (`| head`) has seen what it wanted.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other.map_err(|error| Error::new(Kind::General, "stdout", error.to_string())),
    }
}
