//! `man FOLDER`.

use std::fs;

use clap::CommandFactory;

use crate::cli::{Cli, ManArgs};
use crate::error::{Exit, Result};

use super::say::general;

/// A page for homeroom and one for each verb that is shown.
pub(super) fn run(args: &ManArgs) -> Result<Exit> {
    // A page says nothing of an option whose help the short help leaves out.
    let command = Cli::command().mut_args(|option| option.hide_short_help(false));
    fs::create_dir_all(&args.folder)
        .and_then(|()| clap_mangen::generate_to(command, &args.folder))
        .map_err(|error| {
            general(args.folder.display().to_string())(error)
                .hint("name a folder in which you may write")
        })?;
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_verb_that_is_shown_has_a_manual_page() {
        let folder = tempfile::tempdir().unwrap();
        let args = ManArgs {
            folder: folder.path().join("share/man1"),
        };
        assert_eq!(run(&args), Ok(Exit::Done));
        let page = |name: &str| fs::read_to_string(args.folder.join(format!("{name}.1")));
        assert!(page("homeroom").unwrap().contains("homeroom\\-deploy(1)"));
        for verb in Cli::command().get_subcommands() {
            let name = format!("homeroom-{}", verb.get_name());
            assert_eq!(page(&name).is_ok(), !verb.is_hide_set(), "{name}");
        }
        assert!(page("homeroom-access-grant").unwrap().contains("access"));
    }

    #[test]
    fn the_manual_page_says_what_the_options_of_every_verb_do() {
        let folder = tempfile::tempdir().unwrap();
        let args = ManArgs {
            folder: folder.path().to_owned(),
        };
        assert_eq!(run(&args), Ok(Exit::Done));
        let page = fs::read_to_string(folder.path().join("homeroom.1")).unwrap();
        for option in Cli::command().get_arguments() {
            let help = option.get_help().unwrap().to_string();
            let first = help
                .split(|c: char| !c.is_alphanumeric() && c != ' ')
                .next();
            assert!(page.contains(first.unwrap()), "{help}");
        }
    }

    #[test]
    fn a_folder_for_manual_pages_that_is_a_file_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let folder = file.path().to_owned();
        let error = run(&ManArgs { folder }).unwrap_err();
        let hint = error.failures.first().and_then(|it| it.hint.clone());
        assert_eq!(
            hint.as_deref(),
            Some("name a folder in which you may write")
        );
    }
}
