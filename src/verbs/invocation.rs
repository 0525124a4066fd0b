//! The beginning of every command that homeroom proposes: the program and the options that were typed, so that
//! the proposal can be pasted as it is.

use std::path::PathBuf;

use crate::cli::{AccessVerb, GradesVerb, Verb};
use crate::error::Error;
use crate::options::{ClassSettings, GlobalOptions};
use crate::text::commands::with_options;
use crate::text::words::posix_quoted;

/// Program and global options as typed, quoted for a shell, without `--students` and `--section`: see
/// [`selection`].
pub(super) fn of(global: &GlobalOptions) -> String {
    fn text<T: ToString>(value: &Option<T>) -> Option<String> {
        value.as_ref().map(T::to_string)
    }
    let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
    let options = [
        ("roster", path(&global.roster)),
        ("lab", path(&global.lab)),
        ("class", text(&global.class)),
        ("profile", text(&global.profile)),
        ("region", text(&global.region)),
        ("endpoint-url", text(&global.endpoint_url)),
        ("account", text(&global.account)),
        ("quota-scale", text(&global.quota_scale)),
        ("reports", path(&global.reports)),
        ("invoke-base", text(&global.invoke_base)),
    ];
    let options = options
        .into_iter()
        .filter_map(|(name, value)| Some(format!("--{name} {}", quoted(&value?))));
    let set = global.set.iter().flatten();
    let set = set.map(|one| format!("--set {}", quoted(&one.to_string())));
    let local = (global.local == Some(true)).then(|| "--local".to_owned());
    let words = ["homeroom".to_owned()]
        .into_iter()
        .chain(options)
        .chain(set)
        .chain(local);
    words.collect::<Vec<_>>().join(" ")
}

/// The error with the options that were typed in the commands that its hints name.
pub(super) fn put_into(mut error: Error, global: &GlobalOptions) -> Error {
    let invocation = of(global);
    for hint in error
        .failures
        .iter_mut()
        .filter_map(|failure| failure.hint.as_mut())
    {
        *hint = with_options(hint, &invocation);
    }
    error
}

/// The chosen students as options; empty for everybody. The choice may come from a variable or a file, and must hold
/// wherever a proposed command is pasted; so this reads the settings, not what was typed.
pub(super) fn selection(settings: &ClassSettings) -> String {
    let mut words = Vec::new();
    if !settings.students.is_empty() {
        let names = quoted(&settings.students.join(","));
        words.push(format!("--students {names}"));
    }
    if let Some(section) = &settings.section {
        words.push(format!("--section {}", quoted(section)));
    }
    if !settings.chosen_places.is_empty() {
        let names = settings.chosen_places.iter().map(ToString::to_string);
        words.push(format!("--place {}", names.collect::<Vec<_>>().join(",")));
    }
    words.join(" ")
}

/// The verb's own options as typed, for the same command once more; empty where there are none. What confirms a
/// deletion is left out: that is for a person to say each time.
pub(super) fn repeat(verb: &Verb) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut flag = |name: &str, given: bool| {
        if given {
            words.push(format!("--{name}"));
        }
    };
    match verb {
        Verb::Deploy(args) => {
            flag("reset", args.reset);
            flag("ignore-concurrency", args.ignore_concurrency);
        }
        Verb::Access(AccessVerb::Grant(args)) => {
            flag("access-keys", args.access_keys);
            flag("rotate", args.rotate);
        }
        Verb::Handout(args) => flag("with-credentials", args.with_credentials),
        verb => flag("left", verb.is_about_leavers()),
    }
    let attested = match verb {
        Verb::Status(args) => args.attest.attest.as_ref(),
        Verb::Report(args) => args.attest.attest.as_ref(),
        Verb::Grades(GradesVerb::Push(args)) => args.attest.attest.as_ref(),
        _ => None,
    };
    if let Some(file) = attested {
        words.push(format!("--attest {}", quoted(&file.display().to_string())));
    }
    words.join(" ")
}

/// A word that a POSIX shell reads as it is.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    match !word.is_empty() && word.chars().all(plain) {
        true => word.to_owned(),
        false => posix_quoted(word),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proposed_command_names_the_same_cloud_and_class_and_is_quoted() {
        let global = GlobalOptions {
            roster: Some("my class's.csv".into()),
            class: Some("demo".parse().unwrap()),
            set: Some(vec!["log_level=a b".parse().unwrap()]),
            local: Some(true),
            students: Some(vec!["user1".into()]),
            ..GlobalOptions::default()
        };
        assert_eq!(
            of(&global),
            r"homeroom --roster 'my class'\''s.csv' --class demo --set 'log_level=a b' --local"
        );
    }
}
