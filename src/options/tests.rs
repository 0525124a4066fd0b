//! Settings from made-up surroundings: nothing here reads the process's own variables or folder.

use std::path::PathBuf;

use clap::Parser;

use super::found::{FoundSettings, SettingsFile};
use super::*;
use crate::error::Result;

/// A process and a folder that are easy to say.
#[derive(Default)]
pub(crate) struct Around<'a> {
    pub(crate) env: &'a [(&'a str, &'a str)],
    pub(crate) file: &'a str,
    /// In place of `file`: the settings, where they are elsewhere.
    pub(crate) found: Option<FoundSettings>,
    pub(crate) rosters: Option<&'a [&'a str]>,
    pub(crate) lab_here: bool,
    pub(crate) terminal: bool,
}

/// A verb, which is not looked at, and the options of every verb.
#[derive(Parser)]
struct Typed {
    verb: Vec<String>,
    #[command(flatten)]
    global: GlobalOptions,
}

fn typed(words: &str) -> Typed {
    Typed::try_parse_from(std::iter::once("homeroom").chain(words.split(' '))).expect(words)
}

/// Settings in that folder.
fn found(text: &str, folder: &str) -> FoundSettings {
    let file = SettingsFile {
        text: text.to_owned(),
        folder: folder.into(),
        roster_folder: Ok(vec!["of-file.csv".to_owned()]),
        has_lab: true,
    };
    FoundSettings {
        file: Some(file),
        passed_over: Vec::new(),
    }
}

impl Around<'_> {
    pub(crate) fn with<T>(&self, then: impl FnOnce(&ProcessContext<'_>) -> T) -> T {
        let env = |name: &str| {
            let found = self.env.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let rosters = self.rosters.unwrap_or(&["demo-class.csv"]);
        then(&ProcessContext {
            env: &env,
            file: Ok(self.found.clone().unwrap_or_else(|| found(self.file, ""))),
            roster_folder: Ok(rosters.iter().map(|&name| name.to_owned()).collect()),
            lab_here: self.lab_here,
            stdout_is_terminal: self.terminal,
            stderr_is_terminal: self.terminal,
        })
    }

    fn resolve(&self, words: &str) -> Result<ClassSettings> {
        let typed = typed(words);
        let rehearses = typed.verb[0] == "rehearse";
        self.with(|process| ClassSettings::resolve(&typed.global, rehearses, process))
    }

    fn of_student(&self, words: &str) -> Result<StudentSettings> {
        let typed = typed(words);
        self.with(|process| StudentSettings::resolve(&typed.global, process))
    }

    fn good(&self, words: &str) -> ClassSettings {
        self.resolve(words).expect(words)
    }

    fn refused(&self, words: &str) -> String {
        let error = self.resolve(words).expect_err(words);
        assert_eq!(error.exit, crate::error::Exit::Invalid, "{error}");
        assert!(error.failures.iter().all(|f| f.hint.is_some()), "{error}");
        error.to_string()
    }
}

fn aws(profile: Option<&str>, endpoint_url: Option<&str>) -> CloudTarget {
    CloudTarget::Aws {
        profile: profile.map(|text| text.parse().unwrap()),
        endpoint_url: endpoint_url.map(|text| text.parse().unwrap()),
    }
}

#[test]
fn nothing_given_means_the_only_roster_and_aws_at_its_published_rates() {
    let settings = Around::default().good("plan");
    assert_eq!(settings.roster, PathBuf::from("roster/demo-class.csv"));
    assert_eq!(settings.class.as_str(), "demo-class");
    assert_eq!(settings.lab, LabSource::BuiltIn);
    assert_eq!(settings.target, aws(None, None));
    assert_eq!(settings.quota_scale, QuotaScale::Factor(1.0));
    assert_eq!(settings.reports, PathBuf::from("reports"));
    assert_eq!(settings.region, None);
    assert!(settings.students.is_empty() && settings.section.is_none());
    assert_eq!(settings.ui, Ui::default());
}

#[test]
fn flags_win_over_variables_which_win_over_the_file() {
    let around = Around {
        file: "class = \"from-file\"\nregion = \"eu-west-1\"\nreports = \"file-reports\"",
        env: &[
            ("HOMEROOM_CLASS", "from-variable"),
            ("HOMEROOM_REGION", "eu-west-2"),
        ],
        ..Around::default()
    };
    let settings = around.good("plan --class from-flag");
    assert_eq!(settings.class.as_str(), "from-flag");
    assert_eq!(settings.region.unwrap().as_str(), "eu-west-2");
    assert_eq!(settings.reports, PathBuf::from("file-reports"));
}

#[test]
fn a_students_look_takes_only_profile_and_region_of_the_settings_file() {
    let around = Around {
        file: "profile = \"lab\"\nregion = \"eu-west-1\"\nlab = \"x\"\naccount = \"123456789012\"\noutput = \"json\"",
        rosters: Some(&[]),
        lab_here: true,
        ..Around::default()
    };
    let settings = around.of_student("check").unwrap();
    assert_eq!(settings.target, aws(Some("lab"), None));
    assert_eq!(settings.region.unwrap().as_str(), "eu-west-1");
    assert_eq!((settings.lab, settings.account), (LabSource::BuiltIn, None));
    assert_eq!(settings.ui.output, OutputFormat::Text);
    let local = around.of_student("check --local --lab y").unwrap();
    assert_eq!(local.target, CloudTarget::Local);
    assert_eq!(local.quota_scale, QuotaScale::Off);
    assert_eq!(local.lab, LabSource::Folder("y".into()));
    let error = around.of_student("check --local --profile me").unwrap_err();
    assert_eq!(error.exit, Exit::Invalid);
}

#[test]
fn every_variable_is_read() {
    let around = Around {
        env: &[
            ("HOMEROOM_ROSTER", "a/spring.csv"),
            ("HOMEROOM_LAB", "labs/6"),
            ("HOMEROOM_STUDENTS", "user1, user5"),
            ("HOMEROOM_SECTION", " A "),
            ("HOMEROOM_PROFILE", "training"),
            ("HOMEROOM_ENDPOINT_URL", "http://127.0.0.1:4566"),
            ("HOMEROOM_LOCAL", "no"),
            ("HOMEROOM_ACCOUNT", "123456789012"),
            ("HOMEROOM_INVOKE_BASE", "http://127.0.0.1:4566"),
            ("HOMEROOM_QUOTA_SCALE", "0.5"),
            ("HOMEROOM_REPORTS", "out"),
            ("HOMEROOM_OUTPUT", "json"),
            ("HOMEROOM_COLOR", "ALWAYS"),
            ("HOMEROOM_QUIET", "1"),
        ],
        ..Around::default()
    };
    let settings = around.good("plan");
    assert_eq!(settings.class.as_str(), "spring");
    assert_eq!(settings.lab, LabSource::Folder(PathBuf::from("labs/6")));
    assert_eq!(settings.students, ["user1", "user5"]);
    assert_eq!(settings.section.as_deref(), Some("A"));
    assert_eq!(
        settings.target,
        aws(Some("training"), Some("http://127.0.0.1:4566"))
    );
    assert_eq!(settings.account.unwrap().as_str(), "123456789012");
    assert_eq!(
        settings.invoke_base.unwrap().as_str(),
        "http://127.0.0.1:4566"
    );
    assert_eq!(settings.quota_scale, QuotaScale::Factor(0.5));
    assert_eq!(settings.reports, PathBuf::from("out"));
    assert_eq!(settings.ui.output, OutputFormat::Json);
    assert!(settings.ui.color_stderr);
    assert_eq!(settings.ui.verbosity, -1);
}

#[test]
fn mistakes_of_every_source_are_said_together() {
    let around = Around {
        file: "rostre = \"a.csv\"",
        env: &[
            ("HOMEROOM_ACCOUNT", "12"),
            ("HOMEROOM_LOCAL", "maybe"),
            ("HOMEROOM_OUTPUT", "xml"),
        ],
        ..Around::default()
    };
    insta::assert_snapshot!(
        "mistakes_of_every_source",
        around.refused("plan --students ,")
    );
}

#[test]
fn an_empty_variable_is_as_good_as_none_unless_it_would_widen_a_selection() {
    let around = Around {
        env: &[("HOMEROOM_CLASS", ""), ("HOMEROOM_LOCAL", "")],
        ..Around::default()
    };
    assert_eq!(around.good("plan").class.as_str(), "demo-class");
    for name in ["HOMEROOM_STUDENTS", "HOMEROOM_SECTION"] {
        let env = [(name, "")];
        let around = Around {
            env: &env,
            ..Around::default()
        };
        assert!(around.refused("teardown").contains("whole class"));
    }
}

#[test]
fn the_roster_must_be_the_only_one_or_be_chosen() {
    let none = Around {
        rosters: Some(&["README.md", "~$class.csv", ".class.csv"]),
        ..Around::default()
    };
    assert!(none.refused("plan").contains("there is no roster"));
    let several = Around {
        rosters: Some(&["b.CSV", "a.csv"]),
        ..Around::default()
    };
    assert!(
        several
            .refused("plan")
            .contains("more than one roster: a.csv, b.CSV")
    );
    let chosen = several.good("plan --roster roster/b.CSV");
    assert_eq!(chosen.class.as_str(), "b");
}

#[test]
fn a_class_that_cannot_be_named_after_its_roster_must_be_named() {
    let around = Around {
        rosters: Some(&["Spring term.csv"]),
        ..Around::default()
    };
    let message = around.refused("plan");
    assert!(message.contains("'Spring term' contains ' '"), "{message}");
    assert_eq!(around.good("plan --class spring").class.as_str(), "spring");
}

#[test]
fn a_lab_in_the_current_folder_is_used_unless_another_is_given() {
    let around = Around {
        lab_here: true,
        ..Around::default()
    };
    assert_eq!(
        around.good("plan").lab,
        LabSource::Folder(PathBuf::from("."))
    );
    assert_eq!(
        around.good("plan --lab other").lab,
        LabSource::Folder(PathBuf::from("other"))
    );
}

#[test]
fn local_is_unpaced_unless_a_pace_is_given() {
    let settings = Around::default().good("deploy --local");
    assert_eq!(settings.target, CloudTarget::Local);
    assert_eq!(settings.quota_scale, QuotaScale::Off);
    let paced = Around::default().good("deploy --local --quota-scale 2");
    assert_eq!(paced.quota_scale, QuotaScale::Factor(2.0));
}

#[test]
fn local_contradicts_a_profile_or_an_endpoint_of_the_same_layer() {
    let around = Around::default();
    let message = around.refused("plan --local --profile training");
    assert!(message.starts_with("--profile: --local"), "{message}");
    around.refused("plan --local --endpoint-url http://127.0.0.1:1");
    let message = around.refused("rehearse --profile training");
    assert!(message.starts_with("--profile: 'rehearse'"), "{message}");
    let file = Around {
        file: "local = true\nprofile = \"training\"",
        ..Around::default()
    };
    assert!(file.refused("plan").contains("'local' in homeroom.toml"));
}

#[test]
fn a_higher_layers_cloud_wins_over_a_lower_layers() {
    let around = Around {
        env: &[("HOMEROOM_LOCAL", "1")],
        file: "profile = \"training\"",
        ..Around::default()
    };
    assert_eq!(around.good("plan").target, CloudTarget::Local);
    assert_eq!(
        around.good("plan --endpoint-url http://127.0.0.1:1").target,
        aws(Some("training"), Some("http://127.0.0.1:1"))
    );
    let refusing = Around {
        env: &[("HOMEROOM_LOCAL", "0")],
        file: "local = true",
        ..Around::default()
    };
    assert_eq!(refusing.good("plan").target, aws(None, None));
    assert_eq!(refusing.good("plan --local").target, CloudTarget::Local);
}

#[test]
fn a_rehearsal_is_local_whatever_the_class_keeps_in_its_file() {
    let around = Around {
        file: "profile = \"training\"\naccount = \"123456789012\"",
        ..Around::default()
    };
    let settings = around.good("rehearse");
    assert_eq!(
        (settings.target, settings.account),
        (CloudTarget::Local, None)
    );
    assert!(around.good("plan").account.is_some());
    assert!(
        around
            .good("plan --local --account 000000000000")
            .account
            .is_some()
    );
}

#[test]
fn tables_of_the_file_reach_the_settings() {
    let around = Around {
        file: "[settings]\nlog_level = \"DEBUG\"\n[quotas]\n\"apigateway:CreateRestApi\" = { rate = 2.0, burst = 5 }",
        ..Around::default()
    };
    let settings = around.good("plan");
    assert_eq!(settings.lab_settings["log_level"].as_str(), Some("DEBUG"));
    assert_eq!(settings.quotas[&Operation::CreateRestApi].burst, 5);
}

#[test]
fn a_lab_setting_comes_from_option_variable_or_file_key_by_key() {
    let around = Around {
        file: "[settings]\nlog_level = \"INFO\"",
        env: &[("HOMEROOM_SET", "log_level=WARN, api_rate=3")],
        ..Around::default()
    };
    let settings = around.good("plan --set log_level=ERROR --set log_level=DEBUG");
    let lab = settings.load_lab().unwrap();
    let settings: Vec<_> = settings.lab_texts.into_iter().collect();
    let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    assert_eq!(
        settings,
        [pair("api_rate", "3"), pair("log_level", "DEBUG")]
    );
    assert_eq!(lab.text_setting("log_level"), "DEBUG");
    let refused = |words: &str| {
        let error = around.good(words).load_lab().expect_err(words);
        assert_eq!(error.exit, crate::error::Exit::Invalid, "{error}");
        let hints = error.failures.iter().filter_map(|f| f.hint.as_deref());
        format!("{error} {}", hints.collect::<String>())
    };
    let said = refused("plan --set api_typ=HTTP --set log_retention_days=x --set cloudshell=1");
    for part in [
        "--set: \"api_typ\" is no setting of lab lab6",
        "settings here: api_authorization, api_burst",
        "--set: log_retention_days = \"x\" is not a whole number",
        "--set: cloudshell = \"1\" is not true or false",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let in_file = Around {
        file: "set = \"log_level=DEBUG\"",
        ..Around::default()
    };
    assert!(in_file.refused("plan").contains("below [settings]"));
}

#[test]
fn colour_follows_the_terminal_and_the_variables_that_people_set() {
    let colored = |words: &str, env: &[(&str, &str)], terminal| {
        let around = Around {
            env,
            terminal,
            ..Around::default()
        };
        around.good(words).ui.color_stderr
    };
    assert!(colored("plan", &[], true));
    assert!(!colored("plan", &[], false));
    assert!(!colored("plan", &[("NO_COLOR", "1")], true));
    assert!(colored("plan", &[("NO_COLOR", "")], true));
    assert!(colored("plan", &[("CLICOLOR_FORCE", "1")], false));
    assert!(!colored("plan", &[("CLICOLOR_FORCE", "0")], false));
    assert!(!colored(
        "plan",
        &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")],
        true
    ));
    assert!(!colored("plan", &[("TERM", "dumb")], true));
    assert!(colored("plan --color always", &[("NO_COLOR", "1")], false));
    assert!(!colored(
        "plan --color never",
        &[("CLICOLOR_FORCE", "1")],
        true
    ));
}

#[test]
fn broken_settings_still_say_how_to_report_them() {
    let around = Around {
        file: "nonsense = 1",
        ..Around::default()
    };
    let words = "plan --output json -v";
    let ui = around.with(|process| Ui::resolve(&typed(words).global, process));
    assert_eq!((ui.output, ui.verbosity), (OutputFormat::Json, 1));
    around.refused(words);
    let typo_beside = Around {
        file: "output = \"json\"\nnonsense = 1",
        ..Around::default()
    };
    let words = "plan --students , -q";
    let ui = typo_beside.with(|process| Ui::resolve(&typed(words).global, process));
    assert_eq!((ui.output, ui.verbosity), (OutputFormat::Json, -1));
    typo_beside.refused(words);
}

#[test]
fn a_copied_rosters_class_is_a_guess_that_says_what_to_type() {
    let around = Around::default();
    let copies = "lab6 (1)|lab6(12)|lab6 - Copy|Copy of lab6|lab6 copy|Copy of lab6 (2)";
    for copy in copies.split('|') {
        let typed = GlobalOptions {
            roster: Some(PathBuf::from(format!("{copy}.csv"))),
            ..GlobalOptions::default()
        };
        let settings = around.with(|process| ClassSettings::resolve(&typed, false, process));
        let settings = settings.expect(copy);
        assert_eq!(settings.class.as_str(), "lab6", "{copy}");
        let hint = settings.unnamed.expect(copy).failures.remove(0).hint;
        assert_eq!(
            hint.as_deref(),
            Some("if this is class lab6: add --class lab6")
        );
    }
    assert_eq!(around.good("plan --roster lab6.csv").unnamed, None);
    let named = around.good("plan --roster lab6(1).csv --class spring");
    assert_eq!((named.class.as_str(), named.unnamed), ("spring", None));
    around.refused("plan --roster _é(1).csv");
}

#[test]
fn an_unreadable_roster_folder_is_no_matter_where_a_roster_is_given() {
    let refused = |words: &str| {
        Around::default().with(|process| {
            let folder = invalid("roster/", "the folder cannot be read", "give it");
            let process = ProcessContext {
                roster_folder: Err(folder),
                file: Ok(FoundSettings::default()),
                ..*process
            };
            ClassSettings::resolve(&typed(words).global, false, &process).is_err()
        })
    };
    assert!(refused("plan"));
    assert!(!refused("plan --roster a.csv"));
}

/// What `docs/settings.md` says of an option: its variable and its default, without marks.
fn documented(page: &str) -> Vec<[String; 3]> {
    let rows = page.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| {
        let cells: Vec<String> = row
            .split(" | ")
            .map(|cell| cell.replace(['`', '|'], ""))
            .collect();
        [0, 1, 3].map(|cell| cells[cell].trim().to_owned())
    })
    .collect()
}

#[test]
fn the_page_of_settings_says_what_the_table_says() {
    let page = include_str!("../../docs/settings.md");
    let documented = documented(page);
    let command = <Typed as clap::CommandFactory>::command();
    let shown = command.get_arguments().filter(|arg| !arg.is_hide_set());
    let options: Vec<_> = shown.filter(|arg| arg.get_long().is_some()).collect();
    assert_eq!(documented.len(), options.len());
    for option in options {
        let key = option.get_long().unwrap();
        let row = documented.iter().find(|row| row[0] == key);
        let [_, variable, default] = row.unwrap_or_else(|| panic!("{key} is not on the page"));
        let help = option.get_help().unwrap().to_string();
        assert!(
            help.contains(&format!("[env: {variable}]")),
            "{key}: {help}"
        );
        if help.contains("[default: ") {
            assert!(
                help.contains(&format!("[default: {default}]")),
                "{key}: {help}"
            );
        }
    }
    let example = page
        .split("```toml\n")
        .nth(1)
        .unwrap()
        .split("```")
        .next()
        .unwrap();
    let (file, failures) = file::parse(file::NAME, example);
    assert_eq!(failures, []);
    assert!(file.role_boundary.is_some() && file.lab_settings.is_some() && file.quotas.is_some());
    assert!(file.publish_columns.is_some() && file.allow_in_roles.is_some());
    assert!(file.due.is_some());
}

#[test]
fn paths_in_a_file_elsewhere_are_relative_to_its_folder() {
    let around = Around {
        found: Some(found(
            "roster = \"lists/spring.csv\"\nlab = \"/labs/6\"\nlog-file = \"calls.log\"",
            "/course",
        )),
        ..Around::default()
    };
    let settings = around.good("plan");
    assert_eq!(settings.roster, PathBuf::from("/course/lists/spring.csv"));
    assert_eq!(settings.lab, LabSource::Folder("/labs/6".into()));
    assert_eq!(settings.reports, PathBuf::from("/course/reports"));
    assert_eq!(settings.file, Some(PathBuf::from("/course/homeroom.toml")));
    let log = around.with(|process| asked_log_file(&typed("plan").global, process));
    assert_eq!(log, Some(PathBuf::from("/course/calls.log")));
    let typed = around.good("plan --roster mine.csv");
    assert_eq!(typed.roster, PathBuf::from("mine.csv"));
    assert_eq!(typed.reports, PathBuf::from("reports"));
}

#[test]
fn a_class_in_the_folder_of_the_settings_is_found_from_below() {
    let below = Around {
        found: Some(found("profile = \"training\"", "/course")),
        rosters: Some(&[]),
        ..Around::default()
    };
    let settings = below.good("plan");
    assert_eq!(settings.roster, PathBuf::from("/course/roster/of-file.csv"));
    assert_eq!(settings.lab, LabSource::Folder("/course".into()));
    assert_eq!(settings.reports, PathBuf::from("/course/reports"));
    let with_own = Around {
        rosters: None,
        ..below
    };
    let settings = with_own.good("plan");
    assert_eq!(settings.roster, PathBuf::from("roster/demo-class.csv"));
    assert_eq!(settings.lab, LabSource::BuiltIn, "of another class");
    assert_eq!(settings.reports, PathBuf::from("reports"));
}

#[test]
fn a_mistake_in_a_file_elsewhere_names_that_file() {
    let around = Around {
        found: Some(found(
            "rostre = 1\nlocal = true\nprofile = \"x\"",
            "/course",
        )),
        ..Around::default()
    };
    let said = around.refused("plan");
    assert!(said.contains("/course/homeroom.toml, line 1"), "{said}");
}

#[test]
fn a_mistyped_region_is_refused_wherever_it_stands() {
    let around = Around {
        file: "region = \"us-esat-1\"",
        env: &[("HOMEROOM_REGION", "eu-wset-1")],
        ..Around::default()
    };
    let said = around.refused("plan");
    for meant in ["did you mean 'us-east-1'?", "did you mean 'eu-west-1'?"] {
        assert!(said.contains(meant), "{said}");
    }
    assert!(around.resolve("plan --region us-east-9").is_err());
    let new = Around::default().good("plan --region us-east-9");
    assert_eq!(new.region.unwrap().as_str(), "us-east-9");
}

#[test]
fn a_verb_that_needs_no_roster_takes_one_where_it_is_plain_which() {
    let resolve = |rosters: &[&str], words: &str| {
        let around = Around {
            rosters: Some(rosters),
            ..Around::default()
        };
        let typed = typed(words);
        around.with(|process| ClassSettings::resolve_without_roster(&typed.global, process))
    };
    for rosters in [&[][..], &["a.csv", "b.csv"]] {
        let settings = resolve(rosters, "doctor --region eu-west-1").unwrap();
        assert!(settings.roster_built_in);
        assert_eq!(settings.region, "eu-west-1".parse().ok());
    }
    let settings = resolve(&["spring.csv"], "doctor").unwrap();
    assert_eq!(
        (settings.class.as_str(), settings.roster_built_in),
        ("spring", false)
    );
    let settings = resolve(&["a.csv", "b.csv"], "doctor --roster b.csv").unwrap();
    assert_eq!(
        (settings.class.as_str(), settings.roster_built_in),
        ("b", false)
    );
    resolve(&[], "doctor --local --profile x").unwrap_err();
}

#[test]
fn without_a_roster_the_class_in_the_settings_folder_counts_from_below() {
    let resolve = |beside: &[&str]| {
        let mut found = found("profile = \"training\"", "/course");
        if let Some(file) = &mut found.file {
            file.roster_folder = Ok(beside.iter().map(|&name| name.to_owned()).collect());
        }
        let around = Around {
            found: Some(found),
            rosters: Some(&[]),
            ..Around::default()
        };
        let typed = typed("doctor");
        let settings =
            around.with(|process| ClassSettings::resolve_without_roster(&typed.global, process));
        settings.unwrap()
    };
    let settings = resolve(&["spring.csv"]);
    assert_eq!(settings.roster, PathBuf::from("/course/roster/spring.csv"));
    assert!(!settings.roster_built_in);
    for beside in [&[][..], &["a.csv", "b.csv"]] {
        let settings = resolve(beside);
        assert!(settings.roster_built_in);
        assert_eq!(settings.lab, LabSource::Folder("/course".into()));
        assert_eq!(settings.reports, PathBuf::from("/course/reports"));
    }
}

const PLACES: &str = r#"
profile = "training"
region = "eu-west-1"
[quotas]
"apigateway:CreateRestApi" = { rate = 2.0, burst = 5 }
[[place]]
name = "one"
account = "111111111111"
[[place]]
name = "two"
profile = "second"
region = "us-east-1"
role_boundary = "arn:aws:iam::222222222222:policy/org"
[place.quotas]
"apigateway:CreateRestApi" = { rate = 4.0, burst = 8 }
[[place]]
name = "three"
role-arn = "arn:aws:iam::333333333333:role/homeroom"
endpoint-url = "http://127.0.0.1:4566"
invoke-base = "http://127.0.0.1:4566"
"#;

fn with_places() -> Around<'static> {
    Around {
        file: PLACES,
        ..Around::default()
    }
}

#[test]
fn a_place_says_where_it_is_and_takes_the_rest_from_the_class() {
    let settings = with_places().good("plan");
    let [one, two, three] = &settings.places[..] else {
        panic!("{:?}", settings.places);
    };
    let profile = |place: &PlaceSettings| place.profile.clone().map(|profile| profile.to_string());
    assert_eq!(profile(one).as_deref(), Some("training"));
    assert_eq!(profile(two).as_deref(), Some("second"));
    assert_eq!(
        (one.region.as_str(), two.region.as_str()),
        ("eu-west-1", "us-east-1")
    );
    let quota = |place: &PlaceSettings| place.quotas[&Operation::CreateRestApi].burst;
    assert_eq!((quota(one), quota(two)), (5, 8));
    assert!(two.role_boundary.is_some() && one.role_boundary.is_none());
    // The role says which account it is, and the class's profile who assumes it.
    assert_eq!(three.account.as_ref().unwrap().as_str(), "333333333333");
    assert_eq!(profile(three).as_deref(), Some("training"));
    assert!(three.endpoint_url.is_some() && three.invoke_base.is_some());
    assert!(settings.chosen_places.is_empty());
    assert!(Around::default().good("plan").places.is_empty());
}

#[test]
fn every_mistake_in_places_is_said_at_once_with_its_line() {
    let around = Around {
        file: r#"endpoint-url = "http://127.0.0.1:4566"
[[place]]
name = "one"
profile = "a"
role_arn = "arn:aws:iam::111111111111:role/r"
account = "222222222222"
region = "eu-west-1"
[[place]]
name = "ONE"
regin = "eu-west-1"
account = "333333333333"
[[place]]
region = "eu-west-1"
account = "222222222222"
role_arn = "homeroom"
[[place]]
name = "a-name-that-is-too-long"
profile = "b"
region = "us-east-1"
[[place]]
name = "five"
profile = "b"
region = "us-east-1"
"#,
        ..Around::default()
    };
    insta::assert_snapshot!("mistakes_in_places", around.refused("plan"));
    for (text, said) in [
        ("[place]\nname = \"a\"", "two pairs of brackets"),
        ("place = [\"a\"]", "a place is a table"),
        (
            "local = true\n[[place]]\nname = \"a\"\nregion = \"eu-west-1\"",
            "'local' is for a class in one place",
        ),
    ] {
        let around = Around {
            file: text,
            ..Around::default()
        };
        let refused = around.refused("plan");
        assert!(refused.contains(said), "{refused}");
    }
}

#[test]
fn an_option_that_would_hold_for_every_place_is_refused() {
    let around = Around {
        env: &[("HOMEROOM_REGION", "eu-west-2")],
        ..with_places()
    };
    let said = around.refused("teardown --profile other --account 111111111111");
    for option in ["--profile: ", "--account: ", "HOMEROOM_REGION: "] {
        assert!(said.contains(option), "{said}");
    }
    assert!(
        said.contains("every place of the class (one, two, three)"),
        "{said}"
    );
    with_places().refused("plan --endpoint-url http://127.0.0.1:1");
    with_places().refused("plan --invoke-base http://127.0.0.1:1");
}

#[test]
fn places_are_chosen_by_name_and_a_typing_mistake_chooses_none() {
    let chosen = |words: &str| -> Vec<String> {
        let settings = with_places().good(words);
        settings
            .chosen_places
            .iter()
            .map(ToString::to_string)
            .collect()
    };
    assert_eq!(chosen("plan --place one,three"), ["one", "three"]);
    assert_eq!(chosen("plan --place two --place one"), ["two", "one"]);
    let error = with_places().resolve("plan --place tow").unwrap_err();
    assert!(error.to_string().contains("--place tow"), "{error}");
    let error = with_places().resolve("plan --place ones").unwrap_err();
    assert_eq!(
        error.failures[0].hint.as_deref(),
        Some("did you mean 'one'?")
    );
    let of_variable = |value| {
        let env = [("HOMEROOM_PLACE", value)];
        let around = Around {
            env: &env,
            ..with_places()
        };
        around
            .resolve("plan")
            .map(|settings| settings.chosen_places.len())
    };
    assert_eq!(of_variable("one, two").unwrap(), 2);
    assert!(of_variable("").is_err(), "it would widen the choice");
    assert!(
        Around::default()
            .refused("plan --place one")
            .contains("no [[place]]")
    );
}

#[test]
fn the_embedded_cloud_is_one_place() {
    for words in ["plan --local", "rehearse"] {
        let settings = with_places().good(words);
        assert_eq!(settings.target, CloudTarget::Local);
        assert!(settings.places.is_empty());
    }
    assert!(
        with_places()
            .refused("plan --local --place one")
            .contains("one place")
    );
}
