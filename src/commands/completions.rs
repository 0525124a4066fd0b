//! `completions SHELL`.

use std::io;

use clap::CommandFactory;

use crate::cli::{Cli, CompletionsArgs};
use crate::error::Result;

use super::Exit;

pub(super) fn run(args: &CompletionsArgs) -> Result<Exit> {
    clap_complete::generate(
        args.shell,
        &mut Cli::command(),
        "homeroom",
        &mut io::stdout(),
    );
    Ok(Exit::Done)
}
