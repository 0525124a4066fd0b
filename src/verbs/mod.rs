//! One file a verb: wiring only. What happens is decided and done in `stack`, `evidence` and `probe`, shown in `report`.

mod access;
mod ask;
mod browser;
mod check;
mod class;
mod classes;
mod completions;
mod connect;
mod deploy;
mod doctor;
mod doors;
mod ended;
mod ends;
mod estimates;
mod final_report;
mod forget;
mod former;
mod gradebook;
mod grades;
mod handout;
mod homes;
mod init;
mod interrupts;
mod invocation;
mod isolation;
mod known;
mod lab;
mod leavers;
mod local;
mod man;
mod notes;
mod notify;
mod place;
mod plan;
mod read_place;
mod reading;
mod rehearse;
mod report;
mod reset;
mod run;
mod say;
mod session;
mod sessions;
mod sights;
mod silence;
mod status;
mod sweep;
mod teardown;
mod unreached;
mod validate;
mod watch;

use std::io;
use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, GradesVerb, Verb};
use crate::error::{Error, Exit, Result};
use crate::events::Command;
use crate::files::append_private;
use crate::options::{OutputFormat, Ui, invalid};
use crate::report::{diagnostics, print_error, terminal};
use crate::results::stamp;
use say::{general, print_document};

/// The whole program: reads the command line, runs the verb, says what went wrong.
pub fn main() -> ExitCode {
    if completions::answered() {
        return ExitCode::SUCCESS;
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version go to stdout and are no error; clap knows which is which. A closed stream
            // leaves nobody to tell.
            let _ = error.print();
            if !error.use_stderr() {
                return ExitCode::SUCCESS;
            }
            let format = asked_for(std::env::args(), std::env::var("HOMEROOM_OUTPUT").ok());
            if format.is_for_programs() {
                let words = error.to_string();
                let cause = words.lines().next().unwrap_or_default().to_owned();
                let error = Error::new(Exit::Invalid, "command line", cause);
                let _ = print_document(format, error.exit, &error_document(None, &error));
            }
            return ExitCode::from(Exit::Invalid.code());
        }
    };
    let ui = cli.ui();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let outcome = match runtime {
        Ok(runtime) => {
            let outcome = start_diagnostics(&cli, ui).and_then(|()| {
                runtime.block_on(async {
                    let outcome = dispatch(&cli, ui).await;
                    if let Err(error) = &outcome {
                        notify::failed(&cli, error).await;
                    }
                    outcome
                })
            });
            // A thread that still blocks (in a look-up of a name) must not hold up the end.
            runtime.shutdown_background();
            outcome
        }
        Err(error) => Err(general("homeroom")(format!("cannot start: {error}"))),
    };
    match outcome {
        Ok(exit) => ExitCode::from(exit.code()),
        Err(error) => {
            let error = invocation::put_into(error, &cli.global);
            let columns = terminal::columns_of_stderr();
            // A closed stderr leaves nobody to tell.
            let _ = print_error(&error, ui.color_stderr, columns, &mut io::stderr().lock());
            if ui.output.is_for_programs() {
                let document = error_document(cli.verb.command(), &error);
                let _ = print_document(ui.output, error.exit, &document);
            }
            ExitCode::from(error.exit.code())
        }
    }
}

/// Starts the diagnostics that were asked for.
fn start_diagnostics(cli: &Cli, ui: Ui) -> Result<()> {
    let path = cli.log_file();
    let to_stderr = ui.verbosity >= 2;
    if path.is_none() && !to_stderr {
        return Ok(());
    }
    let file = path.map(|path| append_private(&path)).transpose();
    let file = file.map_err(|error| {
        let hint = "name a file in a folder that is there and that you may write to";
        invalid("--log-file", error.to_string(), hint)
    })?;
    // Nothing else in this process sets a subscriber, so this one is the first.
    let _ = tracing::subscriber::set_global_default(diagnostics::subscriber(to_stderr, file));
    tracing::debug!(
        version = env!("CARGO_PKG_VERSION"),
        verb = cli.verb.command().map(Command::as_str),
    );
    Ok(())
}

async fn dispatch(cli: &Cli, ui: Ui) -> Result<Exit> {
    match &cli.verb {
        Verb::Completions(args) => completions::run(args),
        Verb::Init(args) => init::run(cli, args, ui).await,
        Verb::Man(args) => man::run(args),
        Verb::Lab(verb) => lab::run(cli, verb, ui),
        Verb::Local(verb) => local::run(cli, verb, ui).await,
        Verb::Rehearse(args) => rehearse::run(cli, args).await,
        Verb::Plan(args) => plan::run(cli, args).await,
        Verb::Deploy(args) => deploy::run(cli, args).await,
        Verb::Validate(args) if args.isolation => isolation::run(cli).await,
        Verb::Validate(_) => validate::run(cli).await,
        Verb::Status(args) => status::run(cli, args).await,
        Verb::Report(args) => report::run(cli, args).await,
        Verb::Grades(GradesVerb::Push(args)) => grades::push(cli, args).await,
        Verb::Watch(args) => watch::run(cli, args).await,
        Verb::Handout(args) => handout::run(cli, args).await,
        Verb::Check => check::run(cli).await,
        Verb::Doctor(args) => doctor::run(cli, args).await,
        Verb::Access(verb) => access::run(cli, verb).await,
        Verb::Teardown(args) => teardown::run(cli, args).await,
        Verb::Classes => classes::run(cli).await,
        Verb::Sweep(args) => sweep::run(cli, args).await,
    }
}

/// The one JSON document of a command that ended by an error: the keys of every document, and `errors`.
fn error_document(command: Option<Command>, error: &Error) -> serde_json::Value {
    let rest = serde_json::json!({
        "command": command,
        "class": null,
        "students": [],
        "summary": {},
        "api_calls": {},
        "elapsed_s": 0.0,
        "errors": error.failures,
        "exit_code": error.exit.code(),
    });
    stamp::without_place(stamp::ERROR, rest)
}

/// What was asked for on a command line that could not be read.
fn asked_for(words: impl IntoIterator<Item = String>, variable: Option<String>) -> OutputFormat {
    let words: Vec<String> = words.into_iter().collect();
    let spelled = words
        .iter()
        .filter_map(|word| word.strip_prefix("--output="));
    let apart = words.windows(2).filter(|pair| pair[0] == "--output");
    let apart = apart.map(|pair| pair[1].as_str());
    match spelled.chain(apart).next().or(variable.as_deref()) {
        Some("json") => OutputFormat::Json,
        Some("jsonl") => OutputFormat::Jsonl,
        _ => OutputFormat::Text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_output_is_recognised_on_a_command_line_that_cannot_be_read() {
        let asked = |line: &str| asked_for(line.split(' ').map(str::to_owned), None);
        let line = "homeroom deploy --output json --nonsense";
        assert_eq!(asked(line), OutputFormat::Json);
        assert_eq!(
            asked("homeroom --output=jsonl nonsense"),
            OutputFormat::Jsonl
        );
        let line = "homeroom deploy --output text json";
        assert_eq!(asked(line), OutputFormat::Text);
        let variable = Some("json".to_owned());
        assert_eq!(asked_for([], variable), OutputFormat::Json);
    }

    #[test]
    fn an_error_has_the_keys_of_every_other_document() {
        let error = Error::new(Exit::Refused, "a", "b").hint("c");
        let document = error_document(Some(Command::Deploy), &error);
        for key in [
            "command",
            "class",
            "students",
            "summary",
            "api_calls",
            "elapsed_s",
        ] {
            assert!(document.get(key).is_some(), "{key}");
        }
        assert_eq!(document["errors"][0]["hint"], "c");
        assert_eq!(document["exit_code"], 7);
    }
}
