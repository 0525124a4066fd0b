//! Flags, variables and `homeroom.toml`, put together into one validated [`Settings`].
//!
//! A flag wins over its `HOMEROOM_*` variable, which wins over the file. [`Settings::resolve`] is pure: what it
//! needs to know of the process and the folder comes in [`Surroundings`], and [`Settings::load`] is the thin
//! shell that looks. `docs/settings.md` is the page for people.

mod file;
mod layer;
mod load;
pub mod values;

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::aws::Operation;
use crate::cli::{AccessVerb, Cli, Verb};
use crate::error::{Error, Kind, Result};
use crate::stack::ids::ClassName;
use crate::text::failure::Failure;
use layer::Layer;
pub use load::asked_region;
use values::{
    AccountId, ColorWhen, EndpointUrl, OutputFormat, PolicyArn, Profile, Quota, QuotaScale, Region,
};

/// The folder in which a roster is looked for.
const ROSTER_FOLDER: &str = "roster";
/// The roster that is part of the program.
pub const DEMO_ROSTER: &str = "roster/demo-class.csv";

/// Everything that a verb about a class needs to know before it looks at the cloud.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The roster's file.
    pub roster: PathBuf,
    /// Whether that file is the one that is part of the program, since there is none here.
    pub roster_built_in: bool,
    /// Where the lab is.
    pub lab: LabSource,
    /// Overrides of the lab's settings, from the file's `[settings]`: texts, numbers and switches. The lab
    /// says which exist.
    pub lab_settings: toml::Table,
    /// The class.
    pub class: ClassName,
    /// Why the class is a guess, where it is one: the roster's file has no name for a class, but is most likely a copy
    /// of one that has (`lab6 (1).csv`). Nothing is done with a guess but to look whether that class stands.
    pub unnamed: Option<Error>,
    /// Only these students, as they were given; everybody when empty.
    pub students: Vec<String>,
    /// Only the students of this section.
    pub section: Option<String>,
    /// Only students who are no longer in the roster.
    pub left: bool,
    /// Which cloud.
    pub target: Target,
    /// The region that was asked for; without one AWS's own configuration decides, then the lab.
    pub region: Option<Region>,
    /// The only account in which to run.
    pub account: Option<AccountId>,
    /// Address at which the students' APIs are called, where the endpoint has one of its own.
    pub invoke_base: Option<EndpointUrl>,
    /// How fast to go against AWS's request quotas.
    pub quota_scale: QuotaScale,
    /// The account's request quotas where they are not the published ones, from the file's `[quotas]`.
    pub quotas: BTreeMap<Operation, Quota>,
    /// The roster's columns that may be shown besides the four known ones, from the file's `publish-columns`.
    pub publish_columns: Vec<String>,
    /// The permissions boundary that the account's owner demands of every role, from the file. On the embedded cloud
    /// there is no such owner.
    pub role_boundary: Option<PolicyArn>,
    /// What of the lab may reach far, from the file's `allow-in-roles`; see [`crate::lab::Risk`].
    pub allow_in_roles: Vec<String>,
    /// The folder for reports.
    pub reports: PathBuf,
    /// How to talk to the person.
    pub ui: Ui,
}

/// Where the lab is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LabSource {
    /// A folder with `templates/` and `lambdas/`.
    Folder(PathBuf),
    /// The lab that is part of the program.
    BuiltIn,
}

/// Which cloud.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// AWS, or what answers at the endpoint in its place.
    Aws {
        /// The profile; without one AWS's own rules decide.
        profile: Option<Profile>,
        /// The endpoint of every service; without one AWS's own rules decide.
        endpoint_url: Option<EndpointUrl>,
    },
    /// The embedded cloud of this machine.
    Local,
}

/// How to talk to the person: all that a verb needs that is not about a class.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ui {
    /// What stands on stdout.
    pub output: OutputFormat,
    /// Whether stdout is coloured.
    pub color_stdout: bool,
    /// Whether stderr is coloured.
    pub color_stderr: bool,
    /// 0 is normal; 1 every step, 2 every call; -1 no progress, -2 errors only.
    pub verbosity: i8,
}

/// What the process and the current folder look like.
pub struct Surroundings<'a> {
    /// The value of an environment variable.
    pub env: &'a dyn Fn(&str) -> Option<String>,
    /// The text of `homeroom.toml`, if there is one.
    pub file: Option<&'a str>,
    /// The names of the files in the folder `roster`; none when there is no such folder.
    pub roster_folder: &'a [String],
    /// Whether the current folder holds a lab (`templates/lab.toml`).
    pub lab_here: bool,
    /// Whether stdout is a terminal.
    pub stdout_is_terminal: bool,
    /// Whether stderr is a terminal.
    pub stderr_is_terminal: bool,
}

/// The three sources, highest first, and what only the file has.
struct Sources {
    layers: [Layer; 3],
    lab_settings: toml::Table,
    quotas: BTreeMap<Operation, Quota>,
    publish_columns: Vec<String>,
    role_boundary: Option<PolicyArn>,
    allow_in_roles: Vec<String>,
}

impl Sources {
    /// Reads every source, and says what is wrong in any of them.
    fn read(cli: &Cli, around: &Surroundings<'_>) -> Result<Self> {
        let flags = Layer::from_flags(&cli.global);
        let variables = Layer::from_variables(around.env);
        let file = file::parse(around.file.unwrap_or_default());
        match (flags, variables, file) {
            (Ok(flags), Ok(variables), Ok(file)) => Ok(Self {
                layers: [flags, variables, file.layer],
                lab_settings: file.lab_settings,
                quotas: file.quotas,
                publish_columns: file.publish_columns,
                role_boundary: file.role_boundary,
                allow_in_roles: file.allow_in_roles,
            }),
            (flags, variables, file) => {
                let mut failures: Vec<Failure> = flags.err().into_iter().collect();
                failures.extend(variables.err().into_iter().flatten());
                failures.extend(file.err().into_iter().flatten());
                Err(Error {
                    kind: Kind::Invalid,
                    failures,
                })
            }
        }
    }

    /// The highest layer's word on a setting.
    fn first<T: Clone>(&self, get: impl Fn(&Layer) -> &Option<T>) -> Option<T> {
        self.layers.iter().find_map(|layer| get(layer).clone())
    }

    fn flags(&self) -> &Layer {
        &self.layers[0]
    }
}

impl Settings {
    /// Puts the settings together for a verb about a class.
    ///
    /// # Errors
    ///
    /// [`Kind::Invalid`]: a value that cannot be used, options that contradict each other, no roster or more
    /// than one to choose from.
    pub fn resolve(cli: &Cli, around: &Surroundings<'_>) -> Result<Self> {
        let sources = Sources::read(cli, around)?;
        let target = target(&cli.verb, &sources.layers)?;
        let (roster, roster_built_in) = match sources.first(|layer| &layer.roster) {
            Some(roster) => (roster, false),
            // A rehearsal touches nothing of anybody's, so it needs no class of somebody's either.
            None if matches!(cli.verb, Verb::Rehearse(_)) && !holds_rosters(around) => {
                (PathBuf::from(DEMO_ROSTER), true)
            }
            None => (only_roster(around.roster_folder)?, false),
        };
        let (class, unnamed) = match sources.first(|layer| &layer.class) {
            Some(class) => (class, None),
            None => class_of(&roster)?,
        };
        let students = sources
            .first(|layer| &layer.students)
            .map_or_else(Vec::new, |names| names.0);
        if let Verb::Deploy(deploy) = &cli.verb
            && deploy.reset
            && students.is_empty()
        {
            return Err(invalid(
                "--reset",
                "it puts back what students changed, and would do so for the whole class",
                "name the students whose changes are to be lost: --reset --students user1,user5",
            ));
        }
        if let Verb::Access(AccessVerb::Grant(grant)) = &cli.verb
            && grant.rotate
            && students.is_empty()
        {
            return Err(invalid(
                "--rotate",
                "it would take the whole class's passwords away while they may be at work",
                "name the students who need new ones: --rotate --students user7",
            ));
        }
        let section = sources
            .first(|layer| &layer.section)
            .map(|section| section.as_str().to_owned());
        let left = cli.verb.is_about_leavers();
        if left && (!students.is_empty() || section.is_some()) {
            let option = if students.is_empty() {
                "--section"
            } else {
                "--students"
            };
            return Err(invalid(
                "--left",
                format!("it chooses everybody who left the roster, and {option} chooses others"),
                format!(
                    "leave one of the two out ({option} may also come from a variable or homeroom.toml)"
                ),
            ));
        }
        let lab = match sources.first(|layer| &layer.lab) {
            Some(folder) => LabSource::Folder(folder),
            None if around.lab_here => LabSource::Folder(PathBuf::from(".")),
            None => LabSource::BuiltIn,
        };
        let quota_scale = sources
            .first(|layer| &layer.quota_scale)
            .unwrap_or(match target {
                Target::Aws { .. } => QuotaScale::Factor(1.0),
                Target::Local => QuotaScale::Off,
            });
        // A class's own file guards its AWS account; that must not keep a rehearsal off the embedded cloud.
        let account = match target {
            Target::Aws { .. } => sources.first(|layer| &layer.account),
            Target::Local => sources.flags().account.clone(),
        };
        let role_boundary = match target {
            Target::Aws { .. } => sources.role_boundary.clone(),
            Target::Local => None,
        };
        Ok(Self {
            ui: ui(&sources, around),
            role_boundary,
            roster,
            roster_built_in,
            lab,
            class,
            unnamed,
            students,
            section,
            left,
            target,
            region: sources.first(|layer| &layer.region),
            account,
            invoke_base: sources.first(|layer| &layer.invoke_base),
            quota_scale,
            reports: sources
                .first(|layer| &layer.reports)
                .unwrap_or_else(|| PathBuf::from("reports")),
            lab_settings: sources.lab_settings,
            quotas: sources.quotas,
            publish_columns: sources.publish_columns,
            allow_in_roles: sources.allow_in_roles,
        })
    }
}

impl Ui {
    /// How to talk to the person, for any verb.
    ///
    /// # Errors
    ///
    /// [`Kind::Invalid`]: a value in a variable or in the file that cannot be used.
    pub fn resolve(cli: &Cli, around: &Surroundings<'_>) -> Result<Self> {
        Sources::read(cli, around).map(|sources| ui(&sources, around))
    }

    /// The same when the settings are what is wrong and that has to be said: from the flags alone, and the
    /// variables as far as they can be read.
    pub fn resolve_or_default(cli: &Cli, around: &Surroundings<'_>) -> Self {
        let layers = [
            Layer::from_flags(&cli.global).unwrap_or_default(),
            Layer::from_variables(around.env).unwrap_or_default(),
            Layer::default(),
        ];
        let sources = Sources {
            layers,
            lab_settings: toml::Table::new(),
            quotas: BTreeMap::new(),
            publish_columns: Vec::new(),
            role_boundary: None,
            allow_in_roles: Vec::new(),
        };
        Self::resolve(cli, around).unwrap_or_else(|_| ui(&sources, around))
    }
}

fn invalid(subject: impl Into<String>, cause: impl Into<String>, hint: impl Into<String>) -> Error {
    Error::new(Kind::Invalid, subject, cause).hint(hint)
}

fn ui(sources: &Sources, around: &Surroundings<'_>) -> Ui {
    let when = sources.first(|layer| &layer.color).unwrap_or_default();
    let color = |terminal| color(when, around.env, terminal);
    Ui {
        output: sources.first(|layer| &layer.output).unwrap_or_default(),
        color_stdout: color(around.stdout_is_terminal),
        color_stderr: color(around.stderr_is_terminal),
        verbosity: sources.first(|layer| &layer.verbosity).unwrap_or_default(),
    }
}

/// Whether a stream is coloured. The variables are those of <https://no-color.org> and
/// <https://bixense.com/clicolors/>: set and not empty is what counts.
fn color(when: ColorWhen, env: &dyn Fn(&str) -> Option<String>, terminal: bool) -> bool {
    let is_set = |name| env(name).filter(|value| !value.is_empty());
    match when {
        ColorWhen::Always => true,
        ColorWhen::Never => false,
        ColorWhen::Auto if is_set("NO_COLOR").is_some() => false,
        ColorWhen::Auto if is_set("CLICOLOR_FORCE").is_some_and(|value| value != "0") => true,
        ColorWhen::Auto => terminal && env("TERM").as_deref() != Some("dumb"),
    }
}

/// The cloud that the highest layer with a word on it asks for. Within one layer `local` and an option that
/// is about AWS contradict each other; across layers the higher one wins.
fn target(verb: &Verb, layers: &[Layer; 3]) -> Result<Target> {
    let (mut profile, mut endpoint_url) = (None, None);
    let mut local_refused = false;
    for (index, layer) in layers.iter().enumerate() {
        let rehearses = index == 0 && matches!(verb, Verb::Rehearse(_));
        let local = layer.local == Some(true) || rehearses;
        let about_aws = [
            ("profile", layer.profile.is_some()),
            ("endpoint-url", layer.endpoint_url.is_some()),
        ]
        .into_iter()
        .find_map(|(option, given)| given.then(|| layer.origin.spell(option)));
        match about_aws {
            Some(option) if local => {
                let by = if rehearses {
                    "'rehearse'".to_owned()
                } else {
                    layer.origin.spell("local")
                };
                return Err(invalid(
                    option,
                    format!("{by} uses the embedded cloud, which this option is not for"),
                    "leave one of the two out",
                ));
            }
            None if local => {
                if profile.is_none() && endpoint_url.is_none() && !local_refused {
                    return Ok(Target::Local);
                }
            }
            _ => {
                local_refused |= layer.local == Some(false);
                profile = profile.or_else(|| layer.profile.clone());
                endpoint_url = endpoint_url.or_else(|| layer.endpoint_url.clone());
            }
        }
    }
    Ok(Target::Aws {
        profile,
        endpoint_url,
    })
}

fn rosters_in(folder: &[String]) -> impl Iterator<Item = &str> {
    let is_roster =
        |name: &&str| name.to_lowercase().ends_with(".csv") && !name.starts_with(['.', '~']);
    folder.iter().map(String::as_str).filter(is_roster)
}

fn holds_rosters(around: &Surroundings<'_>) -> bool {
    rosters_in(around.roster_folder).next().is_some()
}

/// The only CSV file in the folder `roster`. Files that editors and spreadsheets keep beside an open one
/// (`.class.csv.swp`, `~$class.csv`) are not rosters.
fn only_roster(folder: &[String]) -> Result<PathBuf> {
    let mut rosters: Vec<&str> = rosters_in(folder).collect();
    rosters.sort_unstable();
    match rosters.as_slice() {
        [only] => Ok(PathBuf::from(ROSTER_FOLDER).join(only)),
        [] => Err(invalid(
            format!("{ROSTER_FOLDER}/"),
            "there is no roster: no CSV file in this folder of the current one",
            "give the roster with --roster FILE (a CSV file whose first line is username,name,email,section, then a line \
             for each student), or run homeroom where the folder is; `homeroom rehearse` shows a whole class day without \
             a roster and without AWS",
        )),
        several => Err(invalid(
            format!("{ROSTER_FOLDER}/"),
            format!("there is more than one roster: {}", several.join(", ")),
            format!("choose one: --roster {ROSTER_FOLDER}/{}", several[0]),
        )),
    }
}

/// The class that a roster is named after; with the error that says why it is no more than a guess, where it is one.
fn class_of(roster: &std::path::Path) -> Result<(ClassName, Option<Error>)> {
    let stem = roster.file_stem().unwrap_or_default().to_string_lossy();
    let error = match stem.parse() {
        Ok(class) => return Ok((class, None)),
        Err(error) => error,
    };
    let copied = original(&stem).and_then(|name| name.parse::<ClassName>().ok());
    let hint = match &copied {
        Some(class) => format!("if this is class {class}: add --class {class}"),
        None => "name the class with --class NAME, or rename the file".to_owned(),
    };
    let error = invalid(
        roster.display().to_string(),
        format!("the class would be named after this file, but '{stem}' {error}"),
        hint,
    );
    match copied {
        Some(class) => Ok((class, Some(error))),
        None => Err(error),
    }
}

/// The name of the file that browsers, file managers and spreadsheets copied or downloaded once more.
fn original(stem: &str) -> Option<String> {
    let numbered = |name: &str| {
        let (name, number) = name.trim_end().strip_suffix(')')?.rsplit_once('(')?;
        let counts = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
        counts.then(|| name.trim_end().to_owned())
    };
    let copied = |name: &str| {
        let name = name.strip_prefix("Copy of ").unwrap_or(name);
        let name = name.strip_suffix(" - Copy").unwrap_or(name);
        name.strip_suffix(" copy").unwrap_or(name).trim().to_owned()
    };
    let name = numbered(stem).unwrap_or_else(|| stem.to_owned());
    let name = copied(&name);
    (name != stem).then_some(name)
}

#[cfg(test)]
mod tests;
