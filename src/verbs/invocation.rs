//! The beginning of every command that homeroom proposes: the program and the options that were typed, so that
//! the proposal can be pasted as it is.

use crate::cli::{AccessVerb, Verb};
use crate::options::{ClassSettings, GlobalOptions};
use crate::text::words::posix_quoted;

/// Program and global options as typed, quoted for a shell, without `--students` and `--section`: see
/// [`selection`].
pub(super) fn of(global: &GlobalOptions) -> String {
    let mut words = vec!["homeroom".to_owned()];
    let mut option = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            words.push(format!("--{name}"));
            words.push(quoted(&value));
        }
    };
    option(
        "roster",
        global.roster.as_ref().map(|p| p.display().to_string()),
    );
    option("lab", global.lab.as_ref().map(|p| p.display().to_string()));
    option("class", global.class.as_ref().map(ToString::to_string));
    option("profile", global.profile.as_ref().map(ToString::to_string));
    option("region", global.region.as_ref().map(ToString::to_string));
    option(
        "endpoint-url",
        global.endpoint_url.as_ref().map(ToString::to_string),
    );
    option("account", global.account.as_ref().map(ToString::to_string));
    option(
        "quota-scale",
        global.quota_scale.as_ref().map(ToString::to_string),
    );
    option(
        "reports",
        global.reports.as_ref().map(|p| p.display().to_string()),
    );
    option(
        "invoke-base",
        global.invoke_base.as_ref().map(ToString::to_string),
    );
    if global.local == Some(true) {
        words.push("--local".to_owned());
    }
    words.join(" ")
}

/// The chosen students as options; empty for everybody. From the settings, not from what was typed: a choice
/// that came from a variable or a file must hold for a proposed command as well, wherever it is pasted.
pub(super) fn selection(settings: &ClassSettings) -> String {
    let mut words = Vec::new();
    if !settings.students.is_empty() {
        words.push(format!(
            "--students {}",
            quoted(&settings.students.join(","))
        ));
    }
    if let Some(section) = &settings.section {
        words.push(format!("--section {}", quoted(section)));
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
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        posix_quoted(word)
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
            local: Some(true),
            students: Some(vec!["user1".into()]),
            ..GlobalOptions::default()
        };
        assert_eq!(
            of(&global),
            r"homeroom --roster 'my class'\''s.csv' --class demo --local"
        );
    }
}
