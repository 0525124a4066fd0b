//! What `init` writes: a class's first files. `plan` takes them as they are.

use std::path::{Path, PathBuf};

use super::file::NAME;
use super::found::ROSTER_FOLDER;
use super::{AccountId, Profile, Region, invalid};
use crate::error::{Error, Exit, Result};
use crate::ids::ClassName;
use crate::text::words::posix_quoted;

/// Where no folder's name is a class's name.
const FALLBACK: &str = "my-class";

/// The columns that homeroom knows, and students that nobody takes for real ones.
const EXAMPLE_ROSTER: &str = "\
username,name,email,section,due
example1,Example Student One (replace me),example1@example.edu,A,
example2,Example Student Two (replace me),example2@example.edu,A,
example3,Example Student Three (replace me),example3@example.edu,B,
";

/// What must not be committed: credentials, grades and evidence; names and addresses of students.
const PRIVATE: [&str; 2] = ["/reports/", "/roster/*.csv"];

/// A class that is to be begun in a folder.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct NewClass {
    pub(crate) class: ClassName,
    pub(crate) region: Region,
    /// The one that the credentials belong to.
    pub(crate) account: Option<AccountId>,
    /// A comment, unless the account is known.
    pub(crate) profile: Option<Profile>,
}

/// The class's name where none is given: the folder's, if it is one.
pub(crate) fn class_of_folder(folder: &Path) -> ClassName {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let names = [name.into_owned(), FALLBACK.to_owned()];
    let mut names = names.iter().filter_map(|name| name.parse().ok());
    names
        .next()
        .unwrap_or_else(|| unreachable!("{FALLBACK} is a class's name"))
}

pub(crate) fn roster_of(class: &ClassName) -> PathBuf {
    Path::new(ROSTER_FOLDER).join(format!("{class}.csv"))
}

/// Refuses where one of the class's files is there already. `class`: where it is known yet.
///
/// # Errors
/// [`Exit::Invalid`]: names each that is there.
pub(crate) fn check_free(folder: &Path, class: Option<&ClassName>) -> Result<()> {
    let files = class
        .map(roster_of)
        .into_iter()
        .chain([PathBuf::from(NAME)]);
    let there = files.filter(|file| folder.join(file).symlink_metadata().is_ok());
    let failures = there.flat_map(|file| {
        let hint = "it may have what you need: nothing was written. Use it as it is (`homeroom plan`), or run `homeroom init` in \
            an empty folder";
        invalid(file.display().to_string(), "this file is there already", hint).failures
    });
    match failures.collect::<Vec<_>>() {
        failures if failures.is_empty() => Ok(()),
        failures => Err(Error::of(Exit::Invalid, failures)),
    }
}

impl NewClass {
    /// Git's file.
    pub(crate) const IGNORED: &str = ".gitignore";

    pub(crate) fn roster(&self) -> (PathBuf, Vec<u8>) {
        (roster_of(&self.class), EXAMPLE_ROSTER.into())
    }

    pub(crate) fn settings(&self) -> (PathBuf, Vec<u8>) {
        let Self { class, region, .. } = self;
        let line = |sure: bool, key: &str, value: &str| {
            let mark = if sure { "" } else { "# " };
            format!("{mark}{key} = {}", toml::Value::from(value))
        };
        let account = self.account.as_ref().map(AccountId::as_str);
        let profile = self.profile.as_ref().map(Profile::as_str);
        let text = [
            format!("# The settings of class {class}: docs/settings.md has all of them."),
            "# Options and HOMEROOM_* variables win over this file. Paths are relative to this file.".to_owned(),
            line(true, "roster", &format!("{ROSTER_FOLDER}/{class}.csv")),
            "# Marks every resource of the class: keep it while the class is deployed.".to_owned(),
            line(true, "class", class.as_str()),
            String::new(),
            "# Where the class lives. homeroom refuses to run in another account.".to_owned(),
            line(account.is_some(), "account", account.unwrap_or("123456789012")),
            line(true, "region", region.as_str()),
            line(account.and(profile).is_some(), "profile", profile.unwrap_or("training")),
            String::new(),
            "# Until when work is on time, with the zone's offset.".to_owned(),
            "# due = 2030-05-14T18:00:00+02:00".to_owned(),
            "# When the class ends by itself: from then on neither students nor their stacks can do anything.".to_owned(),
            "# ends = 2030-05-21T18:00:00+02:00".to_owned(),
            String::new(),
        ];
        (NAME.into(), text.join("\n").into())
    }

    /// `.gitignore` with what must not be committed; and the lines that were added, none where nothing is missing.
    pub(crate) fn ignored(before: Option<&[u8]>) -> (Vec<u8>, Vec<&'static str>) {
        let before = before.unwrap_or_default();
        let text = String::from_utf8_lossy(before);
        let is_covered = |line: &&str| {
            let line = line.trim_matches('/');
            let (folder, _) = line.split_once('/').unwrap_or((line, ""));
            text.lines().any(|known| {
                let known = known.trim().trim_matches('/');
                let known = known.strip_suffix("/*").unwrap_or(known);
                known == line || known == folder
            })
        };
        let missing: Vec<&str> = PRIVATE
            .into_iter()
            .filter(|line| !is_covered(line))
            .collect();
        let mut after = before.to_vec();
        if !missing.is_empty() {
            if !before.is_empty() && !before.ends_with(b"\n") {
                after.push(b'\n');
            }
            after.extend(
                b"# Of homeroom: credentials and grades; names and addresses of students.\n",
            );
            after.extend(
                missing
                    .iter()
                    .flat_map(|line| format!("{line}\n").into_bytes()),
            );
        }
        (after, missing)
    }

    /// The commands to go on with, each with what it does.
    pub(crate) fn next(&self) -> Vec<(String, String)> {
        let roster = roster_of(&self.class).display().to_string();
        let mut next = vec![(
            "homeroom plan --local".to_owned(),
            "shows what deploy would make for the example students, on the embedded cloud of this machine".to_owned(),
        )];
        next.push(match (&self.account, &self.profile) {
            (Some(account), _) => (
                "homeroom plan".to_owned(),
                format!("the same in account {account}, once {roster} has your students in place of the examples"),
            ),
            (None, Some(profile)) => (
                format!("aws sso login --profile {}", quoted(profile.as_str())),
                format!("signs in, if the profile is for that; then put the account into {NAME}, and your students into {roster}"),
            ),
            (None, None) => (
                "aws configure sso".to_owned(),
                format!("makes a profile for AWS; then put profile and account into {NAME}, and your students into {roster}"),
            ),
        });
        next
    }
}

/// A profile's name for a shell.
fn quoted(name: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.@".contains(c);
    match name.chars().all(is_plain) {
        true => name.to_owned(),
        false => posix_quoted(name),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::Around;
    use super::super::{ClassSettings, CloudTarget, GlobalOptions, file};
    use super::*;
    use crate::lab::bundle;
    use crate::roster::Roster;

    fn new(account: Option<&str>, profile: Option<&str>) -> NewClass {
        NewClass {
            class: "spring".parse().unwrap(),
            region: "eu-west-1".parse().unwrap(),
            account: account.map(|account| account.parse().unwrap()),
            profile: profile.map(|profile| profile.parse().unwrap()),
        }
    }

    fn text(class: &NewClass) -> String {
        String::from_utf8(class.settings().1).unwrap()
    }

    #[test]
    fn the_settings_guard_account_region_and_profile() {
        let guarded = text(&new(Some("123456789012"), Some("o\"dd")));
        insta::assert_snapshot!("new_class_settings", guarded);
        let around = Around {
            file: &guarded,
            rosters: Some(&["other.csv", "spring.csv"]),
            ..Around::default()
        };
        let read = |local: Option<bool>| {
            let typed = GlobalOptions {
                local,
                ..GlobalOptions::default()
            };
            around
                .with(|process| ClassSettings::resolve(&typed, false, process))
                .unwrap()
        };
        let settings = read(None);
        assert_eq!(settings.roster, roster_of(&settings.class));
        assert_eq!(settings.account.unwrap().as_str(), "123456789012");
        assert_eq!(settings.region.unwrap().as_str(), "eu-west-1");
        assert_eq!(read(Some(true)).target, CloudTarget::Local);
    }

    #[test]
    fn what_is_not_known_is_a_comment_that_can_be_used_as_it_is() {
        for class in [new(None, None), new(None, Some("training"))] {
            let text = text(&class);
            let (read, failures) = file::parse(NAME, &text);
            assert_eq!(failures, []);
            assert_eq!((read.account, read.profile, read.due), (None, None, None));
            let uncommented = text
                .replace("# account", "account")
                .replace("# profile", "profile");
            let (read, failures) = file::parse(
                NAME,
                &uncommented
                    .replace("# due", "due")
                    .replace("# ends", "ends"),
            );
            assert_eq!(failures, []);
            assert!(read.account.is_some() && read.profile.is_some() && read.due.is_some());
            assert!(read.ends > read.due);
        }
    }

    #[test]
    fn the_example_roster_is_read_without_a_remark() {
        let (path, bytes) = new(None, None).roster();
        let label = path.display().to_string();
        let limit = bundle::load(None)
            .unwrap()
            .with_settings(&Default::default())
            .unwrap()
            .username_limit();
        let roster = Roster::parse_with(&label, &bytes, &limit, &[], &[]).unwrap();
        assert_eq!((roster.students.len(), roster.notes.len()), (3, 0));
        let marked = |name: Option<&String>| name.is_some_and(|name| name.contains("replace me"));
        assert!(roster.students.iter().all(|s| marked(s.name.as_ref())));
    }

    #[test]
    fn a_gitignore_gets_only_what_it_lacks() {
        let added = |before: &str| NewClass::ignored(Some(before.as_bytes()));
        let (fresh, _) = NewClass::ignored(None);
        assert!(
            String::from_utf8(fresh.clone())
                .unwrap()
                .ends_with("/reports/\n/roster/*.csv\n")
        );
        assert_eq!(added(std::str::from_utf8(&fresh).unwrap()).0, fresh);
        let (after, missing) = added("target\nreports/*");
        assert_eq!(missing, ["/roster/*.csv"]);
        assert!(after.starts_with(b"target\nreports/*\n# Of homeroom"));
        for covered in ["reports\nroster/\n", "/reports/\r\n/roster/*.csv\r\n"] {
            assert_eq!(added(covered).1, [""; 0], "{covered}");
        }
        let latin = b"caf\xe9\n";
        assert!(NewClass::ignored(Some(latin)).0.starts_with(latin));
    }

    #[test]
    fn every_file_in_the_way_is_named_even_a_link_that_leads_nowhere() {
        let dir = tempfile::tempdir().unwrap();
        let class: ClassName = "spring".parse().unwrap();
        assert!(check_free(dir.path(), Some(&class)).is_ok());
        std::fs::create_dir(dir.path().join("roster")).unwrap();
        std::fs::write(dir.path().join("roster/spring.csv"), "").unwrap();
        std::os::unix::fs::symlink("nowhere", dir.path().join(NAME)).unwrap();
        let error = check_free(dir.path(), Some(&class)).unwrap_err();
        assert_eq!(error.exit, Exit::Invalid);
        let subjects: Vec<&str> = error.failures.iter().map(|f| f.subject.as_str()).collect();
        assert_eq!(subjects, ["roster/spring.csv", "homeroom.toml"]);
        assert!(check_free(dir.path(), None).is_err());
    }

    #[test]
    fn a_class_is_named_after_its_folder_where_that_can_be_a_name() {
        let named = |folder: &str| class_of_folder(Path::new(folder)).to_string();
        assert_eq!(named("/home/me/spring-lab6"), "spring-lab6");
        for odd in ["/home/me/Spring term", "/", "/x/é"] {
            assert_eq!(named(odd), FALLBACK);
        }
    }

    #[test]
    fn the_next_commands_fit_what_was_written() {
        let next = |class: NewClass| class.next().remove(1).0;
        assert_eq!(next(new(Some("123456789012"), None)), "homeroom plan");
        assert_eq!(
            next(new(None, Some("my lab"))),
            "aws sso login --profile 'my lab'"
        );
        assert_eq!(
            next(new(None, Some("training"))),
            "aws sso login --profile training"
        );
        assert_eq!(next(new(None, None)), "aws configure sso");
    }
}
