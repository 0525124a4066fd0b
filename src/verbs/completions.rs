//! `completions SHELL`.

use std::io::{self, Write};

use clap::CommandFactory;

use crate::cli::{Cli, CompletionsArgs};
use crate::error::{Exit, Result};

use super::say::said;

pub(super) fn run(args: &CompletionsArgs) -> Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "homeroom", &mut script);
    said(io::stdout().lock().write_all(&script))?;
    Ok(Exit::Done)
}
