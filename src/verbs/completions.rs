//! `completions SHELL`, and the answers to what the printed script asks: which words can stand at the cursor.
//!
//! Students, sections, classes and settings come from homeroom.toml, the roster, the lab and names of files. Nothing is asked of
//! the network, and nobody is told of what cannot be read: there is only no answer then.

mod settings;

use std::collections::BTreeSet;
use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Arg, CommandFactory, FromArgMatches};
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};
use clap_complete::env::{CompleteEnv, Shells};

use crate::cli::{Cli, CompletionsArgs};
use crate::error::{Exit, Result};
use crate::ids::ClassName;
use crate::options::{ClassSettings, GlobalOptions, ProcessContext};
use crate::roster::{Roster, UsernameLimit};
use crate::text::show::clean;

use super::say::said;

/// The variable by which the script asks. Not one of the settings' names.
const ASKED: &str = "_HOMEROOM_COMPLETE";

pub(super) fn run(args: &CompletionsArgs) -> Result<Exit> {
    let mut script = Vec::new();
    // The script calls the program that the PATH has, so that it can be made in one place and used in another.
    let [name, bin, completer] = ["homeroom"; 3];
    if let Some(shell) = Shells::builtins().completer(&args.shell.to_string()) {
        said(shell.write_registration(ASKED, name, bin, completer, &mut script))?;
    }
    let script = settings::with_joined_words(&String::from_utf8_lossy(&script));
    said(io::stdout().lock().write_all(script.as_bytes()))?;
    Ok(Exit::Done)
}

/// Answers if the script asked.
pub(super) fn answered() -> bool {
    let shell = env::var(ASKED).unwrap_or_default();
    let asked = CompleteEnv::with_factory(|| command(&shell)).var(ASKED);
    // An error would be in the middle of what somebody types.
    asked
        .try_complete(env::args_os(), env::current_dir().ok().as_deref())
        .unwrap_or(true)
}

/// The command line with what completes its values.
fn command(shell: &str) -> clap::Command {
    let shell = shell.to_owned();
    let sections = move |typed: &OsStr| {
        let typed = typed.to_string_lossy();
        let sections = roster().map(|roster| sections(&roster, &typed, &shell));
        sections
            .into_iter()
            .flatten()
            .map(CompletionCandidate::new)
            .collect()
    };
    let students = |typed: &OsStr| {
        let typed = typed.to_string_lossy();
        let students = roster().map(|roster| students(&roster, &typed));
        let candidate = |(words, name): (String, _)| CompletionCandidate::new(words).help(name);
        students.into_iter().flatten().map(candidate).collect()
    };
    let places = |typed: &OsStr| {
        let settings = settings().map(|settings| settings.places);
        let names = settings
            .into_iter()
            .flatten()
            .map(|place| place.name.to_string());
        let names: Vec<String> = names.collect();
        let listed = one_more(&names, &typed.to_string_lossy());
        listed.into_iter().map(CompletionCandidate::new).collect()
    };
    let set = |typed: &OsStr| settings::offered(&typed.to_string_lossy());
    let classes = |arg: Arg| {
        arg.add(ArgValueCompleter::new(|typed: &OsStr| {
            let mut classes = classes();
            classes.retain(|class| class.starts_with(&*typed.to_string_lossy()));
            classes.into_iter().map(CompletionCandidate::new).collect()
        }))
    };
    Cli::command()
        .mut_arg("students", |arg| arg.add(ArgValueCompleter::new(students)))
        .mut_arg("section", |arg| arg.add(ArgValueCompleter::new(sections)))
        .mut_arg("place", |arg| arg.add(ArgValueCompleter::new(places)))
        .mut_arg("set", |arg| arg.add(ArgValueCompleter::new(set)))
        .mut_arg("class", classes)
        .mut_subcommand("teardown", |verb| verb.mut_arg("confirm", classes))
        .mut_subcommand("access", |verb| {
            verb.mut_subcommand("revoke", |verb| verb.mut_arg("confirm", classes))
        })
}

/// The list typed so far with one more student each, and the students' names.
fn students(roster: &Roster, typed: &str) -> Vec<(String, Option<clap::builder::StyledStr>)> {
    let (before, begun) = typed.split_at(typed.rfind(',').map_or(0, |comma| comma + 1));
    let named = |username: &str| before.split(',').any(|name| name.trim() == username);
    let students = roster.students.iter();
    let candidates = students.filter(|student| student.username.as_str().starts_with(begun));
    candidates
        .filter(|student| !named(student.username.as_str()))
        .map(|student| {
            let name = student
                .name
                .as_deref()
                .map(|name| clean(name).into_owned().into());
            (format!("{before}{}", student.username), name)
        })
        .collect()
}

/// The list typed so far with one more of the names each.
fn one_more(names: &[String], typed: &str) -> Vec<String> {
    let (before, begun) = typed.split_at(typed.rfind(',').map_or(0, |comma| comma + 1));
    let listed = |name: &str| before.split(',').any(|other| other.trim() == name);
    let more = names
        .iter()
        .filter(|name| name.starts_with(begun) && !listed(name));
    more.map(|name| format!("{before}{name}")).collect()
}

/// The sections that begin so, as one word for a shell that takes an answer as it is.
fn sections(roster: &Roster, typed: &str, shell: &str) -> Vec<String> {
    let is_plain = |c: char| c.is_alphanumeric() || "-_.+".contains(c);
    let escaped = |section: &str| -> String {
        let escape = |c: char| (!is_plain(c)).then_some('\\').into_iter().chain([c]);
        section.chars().flat_map(escape).collect()
    };
    let sections = roster
        .sections()
        .into_iter()
        .map(|section| clean(section).into_owned());
    match shell {
        "bash" => {
            let typed = typed.replace('\\', "");
            let sections = sections.filter(|section| section.starts_with(&typed));
            sections.map(|section| escaped(&section)).collect()
        }
        "powershell" => sections
            .filter(|section| section.starts_with(typed) && section.chars().all(is_plain))
            .collect(),
        // They quote by themselves.
        _ => sections
            .filter(|section| section.starts_with(typed))
            .collect(),
    }
}

/// Every class with a roster or reports here.
fn classes() -> BTreeSet<String> {
    let names = |folder: &Path| -> Vec<PathBuf> {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).collect()
    };
    let settings = settings();
    let reports = settings
        .as_ref()
        .map_or(Path::new("reports"), |it| &it.reports);
    let rosters = names(Path::new("roster")).into_iter();
    let rosters = rosters.filter(|path| {
        path.extension()
            .is_some_and(|it| it.eq_ignore_ascii_case("csv"))
    });
    let reports = names(reports).into_iter().filter(|path| path.is_dir());
    let named = rosters.chain(reports).filter_map(|path| {
        let class = path.file_stem()?.to_str()?.parse::<ClassName>();
        class.ok().map(|class| class.to_string())
    });
    let own = settings.as_ref().map(|settings| settings.class.to_string());
    named.chain(own).collect()
}

/// The roster that the command line and the settings name.
fn roster() -> Option<Roster> {
    let settings = settings()?;
    // Reading something else may wait for ever, or take it from the command that is typed.
    if !settings.roster.is_file() {
        return None;
    }
    let limit = UsernameLimit {
        max: usize::MAX,
        because: String::new(),
    };
    settings.read_roster(&limit).ok()
}

fn settings() -> Option<ClassSettings> {
    let typed = around()?;
    ClassSettings::resolve(&typed, false, &ProcessContext::look(&typed)).ok()
}

/// The options of the command line that is being typed.
fn around() -> Option<GlobalOptions> {
    let words: Vec<OsString> = env::args_os()
        .skip_while(|word| word != "--")
        .skip(1)
        .collect();
    let index = env::var("_CLAP_COMPLETE_INDEX")
        .ok()
        .and_then(|index| index.parse().ok());
    let index = index.unwrap_or(words.len().saturating_sub(1));
    typed(words, index)
}

/// The options around the cursor, which is in the word at `index`.
fn typed(mut words: Vec<OsString>, index: usize) -> Option<GlobalOptions> {
    let is_option = |word: &OsString| word.to_string_lossy().starts_with("--");
    let begin = index.saturating_sub(1);
    let begin = if words.get(begin).is_some_and(is_option) {
        begin
    } else {
        index
    };
    words.drain(begin.min(words.len())..(index + 1).min(words.len()));
    let command = Cli::command().ignore_errors(true);
    let options = GlobalOptions::from_arg_matches(&command.try_get_matches_from(words).ok()?);
    Some(GlobalOptions {
        students: None,
        section: None,
        place: None,
        ..options.ok()?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class() -> Roster {
        let text = "username,name,section\nuser1,Ana A,A\nuser10,,Group B\nuser2,,$(id); x\n";
        let limit = UsernameLimit {
            max: 40,
            because: String::new(),
        };
        Roster::parse("class.csv", text.as_bytes(), &limit).unwrap()
    }

    fn words(line: &str) -> Vec<OsString> {
        line.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn students_complete_a_list_without_those_who_are_in_it() {
        let given = |typed: &str| -> Vec<String> {
            students(&class(), typed)
                .into_iter()
                .map(|(words, _)| words)
                .collect()
        };
        assert_eq!(given("user1"), ["user1", "user10"]);
        assert_eq!(given("user1,"), ["user1,user10", "user1,user2"]);
        assert_eq!(given("user1,user10,user1"), [] as [&str; 0]);
        assert_eq!(given("zoe"), [] as [&str; 0]);
        let help = students(&class(), "user1,user2")
            .pop()
            .and_then(|(_, name)| name);
        assert_eq!(help, None);
        let help = students(&class(), "user").swap_remove(0).1;
        assert_eq!(help.map(|help| help.to_string()).as_deref(), Some("Ana A"));
    }

    #[test]
    fn places_complete_a_list_without_those_that_are_in_it() {
        let names = ["north", "south"].map(str::to_owned);
        assert_eq!(one_more(&names, "n"), ["north"]);
        assert_eq!(one_more(&names, "north,"), ["north,south"]);
        assert_eq!(one_more(&names, "north,n"), [""; 0]);
    }

    #[test]
    fn a_section_is_one_word_for_every_shell_and_never_a_command() {
        let all = |shell| sections(&class(), "", shell);
        assert_eq!(all("fish"), ["A", "Group B", "$(id); x"]);
        assert_eq!(all("bash"), ["A", r"Group\ B", r"\$\(id\)\;\ x"]);
        assert_eq!(all("powershell"), ["A"]);
        assert_eq!(sections(&class(), r"Group\ ", "bash"), [r"Group\ B"]);
    }

    #[test]
    fn options_around_the_cursor_count_and_the_word_under_it_does_not() {
        let roster = |line: &str, index| typed(words(line), index).unwrap().roster;
        let other = Some(PathBuf::from("b.csv"));
        assert_eq!(
            roster("homeroom --roster b.csv status --students u", 5),
            other
        );
        assert_eq!(
            roster("homeroom status --section  --roster b.csv", 3),
            other
        );
        assert_eq!(
            roster("homeroom teardown --roster b.csv --confirm ", 5),
            other
        );
        assert_eq!(
            roster("homeroom grades push --roster b.csv --students ", 6),
            other
        );
        assert_eq!(roster("homeroom status --roster b.csv", 3), None);
        assert_eq!(roster("homeroom nope --students ", 3), None);
    }

    #[test]
    fn every_shell_has_a_script_and_an_option_for_each_completer() {
        for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
            assert!(Shells::builtins().completer(shell).is_some(), "{shell}");
            command(shell).debug_assert();
        }
    }
}
