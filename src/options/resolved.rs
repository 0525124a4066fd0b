//! The sources put together: what a verb needs to know, in one validated [`ClassSettings`].
//!
//! [`ClassSettings::resolve`] is pure: what it needs to know of the process and the folder comes in
//! [`ProcessContext`].

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::file::places::{self, PlaceSettings};
use super::found::ROSTER_FOLDER;
use super::found::{FoundSettings, PassedOver, SettingsFile};
use super::process::ProcessContext;
use super::values::{
    AccountId, ColorWhen, EndpointUrl, LabOverride, OutputFormat, PolicyArn, Profile,
    QuotaOverride, QuotaScale, Region,
};
use super::{Env, GlobalOptions, file, invalid, variable_name};
use crate::aws::Operation;
use crate::error::{Error, Exit, Result};
use crate::ids::{ClassName, PlaceName};
use crate::lab::{Lab, bundle};
use crate::roster::{Roster, UsernameLimit};
use crate::text::failure::Failure;
use crate::web::Url;

const DEMO_ROSTER: &str = "roster/demo-class.csv";

/// Everything that a verb about a class needs to know before it looks at the cloud. [`GlobalOptions`] explains the fields
/// that have the same name there.
#[derive(Debug, Clone, PartialEq)]
pub struct ClassSettings {
    /// The `homeroom.toml` that counts, and others that do not.
    pub(crate) file: Option<PathBuf>,
    pub(crate) passed_over: Vec<PassedOver>,
    pub(crate) roster: PathBuf,
    /// Whether `roster` is the one in the program, since there is none in the folder.
    pub(crate) roster_built_in: bool,
    pub(crate) lab: LabSource,
    pub(crate) lab_settings: toml::Table,
    /// What `--set` puts in the place of those: texts, which the lab reads.
    pub(crate) lab_texts: BTreeMap<String, String>,
    pub class: ClassName,
    /// Set where `class` is only a guess: the roster's file name is no class name, but looks like a copy of a file whose
    /// name is one (`lab6 (1).csv`). With a guess homeroom only looks whether that class has stacks.
    pub(crate) unnamed: Option<Error>,
    /// Only these students, as they were given; everybody when empty.
    pub(crate) students: Vec<String>,
    pub(crate) section: Option<String>,
    /// Only students who are no longer in the roster. `Cli::settings` sets it, since it is an option of some verbs.
    pub(crate) left: bool,
    /// Of a class with places, which [`Self::places`] are instead, it says nothing but the class's own profile.
    pub(crate) target: CloudTarget,
    /// The accounts and regions that the class is spread over, in the file's order; empty for a class in one place, and on
    /// the embedded cloud.
    pub(crate) places: Vec<PlaceSettings>,
    /// Only these of [`Self::places`]; all of them when empty.
    pub(crate) chosen_places: Vec<PlaceName>,
    /// `None`: AWS's own configuration decides, then the lab.
    pub(crate) region: Option<Region>,
    pub(crate) account: Option<AccountId>,
    pub(crate) invoke_base: Option<EndpointUrl>,
    pub(crate) quota_scale: QuotaScale,
    pub(crate) quotas: BTreeMap<Operation, QuotaOverride>,
    pub(crate) publish_columns: Vec<String>,
    /// Always `None` on the embedded cloud, where no organization demands one.
    pub(crate) role_boundary: Option<PolicyArn>,
    pub(crate) allow_in_roles: Vec<String>,
    pub(crate) due: Option<Timestamp>,
    pub(crate) ends: Option<Timestamp>,
    pub(crate) reports: PathBuf,
    pub(crate) canvas_url: Option<Url>,
    pub(crate) notify: Option<Notify>,
    pub(crate) ui: Ui,
}

/// Where a message goes when a run ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Notify {
    pub(crate) url: Url,
    /// Whether usernames may be in it.
    pub(crate) names: bool,
}

/// What a student's own look needs to know: nothing of a class, which the key and the stack tell.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StudentSettings {
    pub(crate) lab: LabSource,
    pub(crate) target: CloudTarget,
    pub(crate) region: Option<Region>,
    pub(crate) account: Option<AccountId>,
    pub(crate) invoke_base: Option<EndpointUrl>,
    pub(crate) quota_scale: QuotaScale,
    pub(crate) ui: Ui,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LabSource {
    Folder(PathBuf),
    BuiltIn,
}

impl ClassSettings {
    /// Why `role_boundary` cannot bound the roles of an account, where it is another account's policy.
    pub(crate) fn foreign_boundary(&self, account: &str) -> Option<String> {
        let boundary = self.role_boundary.as_ref()?;
        let owner = boundary.account();
        let foreign = ![account, "aws"].contains(&owner);
        foreign.then(|| {
            format!("{boundary} is a policy of account {owner}, and this is account {account}")
        })
    }

    /// Without what the file says of one class: it may be another one's.
    pub(crate) fn of_any_class(self) -> Self {
        Self {
            lab_settings: toml::Table::new(),
            publish_columns: Vec::new(),
            places: self
                .places
                .into_iter()
                .map(PlaceSettings::unbounded)
                .collect(),
            role_boundary: None,
            allow_in_roles: Vec::new(),
            due: None,
            ends: None,
            canvas_url: None,
            ..self
        }
    }

    /// The class's lab with the class's settings.
    ///
    /// # Errors
    /// [`Exit::Invalid`]: everything that is wrong with the lab, or with the settings.
    pub(crate) fn load_lab(&self) -> Result<Lab> {
        let lab = bundle::load(self.lab.folder())?;
        let values = self.lab_settings.clone().into_iter().collect();
        let lab = lab.with_overrides(&values, &self.lab_texts);
        lab.map_err(|failures| Error::of(Exit::Invalid, failures))
    }
}

impl LabSource {
    pub(crate) fn folder(&self) -> Option<&Path> {
        match self {
            Self::Folder(dir) => Some(dir),
            Self::BuiltIn => None,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CloudTarget {
    /// AWS, or the endpoint in its place. `None`: AWS's own configuration decides.
    Aws {
        profile: Option<Profile>,
        endpoint_url: Option<EndpointUrl>,
    },
    Local,
}

/// How to show things to the person.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Ui {
    pub(crate) output: OutputFormat,
    pub(crate) color_stdout: bool,
    pub(crate) color_stderr: bool,
    /// 0 is normal; 1 adds waits and repeated calls, 2 every step; -1 no progress, -2 errors only.
    pub(crate) verbosity: i8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OptionSource {
    Flags,
    Variables,
    File,
}

impl OptionSource {
    /// An option as this source writes it.
    fn spell(self, key: &str) -> String {
        match self {
            Self::Flags => format!("--{key}"),
            Self::Variables => variable_name(key),
            Self::File => format!("'{key}' in {}", file::NAME),
        }
    }
}

/// What each source says, highest first.
struct Sources([(OptionSource, GlobalOptions); 3]);

impl Sources {
    /// Reads every source as far as possible, and reports everything that is wrong.
    fn read(typed: &GlobalOptions, process: &ProcessContext<'_>) -> (Self, Vec<Failure>) {
        let mut failures = Vec::new();
        let flags = typed.typed(&mut failures);
        let variables = GlobalOptions::from_variables(process.env, &mut failures);
        let (file, of_file) = match &process.file {
            Ok(FoundSettings {
                file: Some(file), ..
            }) => {
                let label = file.path().display().to_string();
                let (options, failures) = file::parse(&label, &file.text);
                (options.below(&file.folder), failures)
            }
            Ok(FoundSettings { file: None, .. }) => Default::default(),
            Err(error) => (GlobalOptions::default(), error.failures.clone()),
        };
        failures.extend(of_file);
        let sources = [
            (OptionSource::Flags, flags),
            (OptionSource::Variables, variables),
            (OptionSource::File, file),
        ];
        (Self(sources), failures)
    }

    fn read_whole(typed: &GlobalOptions, process: &ProcessContext<'_>) -> Result<Self> {
        match Self::read(typed, process) {
            (sources, failures) if failures.is_empty() => Ok(sources),
            (_, failures) => Err(Error::of(Exit::Invalid, failures)),
        }
    }

    /// Whether the file is the highest source for which this holds.
    fn is_of_file(&self, holds: impl Fn(&GlobalOptions) -> bool) -> bool {
        let highest = self.0.iter().find(|(_, options)| holds(options));
        highest.is_some_and(|(source, _)| *source == OptionSource::File)
    }

    /// Each option from the highest source that has it. (For `verbose` and `quiet` see [`Self::ui`].)
    fn merged(&self) -> GlobalOptions {
        let options = self.0.iter().map(|(_, options)| options.clone());
        options.reduce(GlobalOptions::or).unwrap_or_default()
    }

    fn ui(&self, process: &ProcessContext<'_>) -> Ui {
        let GlobalOptions { output, color, .. } = self.merged();
        let colored = |terminal| is_colored(color.unwrap_or_default(), process.env, terminal);
        // `verbose` and `quiet` belong together: the highest source that has one of them decides both.
        let verbosity = self.0.iter().find_map(|(_, options)| options.verbosity());
        Ui {
            output: output.unwrap_or_default(),
            color_stdout: colored(process.stdout_is_terminal),
            color_stderr: colored(process.stderr_is_terminal),
            verbosity: verbosity.unwrap_or_default(),
        }
    }

    /// The class's places and those chosen of them; none on the embedded cloud.
    fn places(
        &self,
        all: &GlobalOptions,
        is_local: bool,
    ) -> Result<(Vec<PlaceSettings>, Vec<PlaceName>)> {
        let [(_, flags), ..] = &self.0;
        if is_local {
            return match &flags.place {
                Some(_) => Err(places::none_here("the embedded cloud is one place")),
                None => Ok(Default::default()),
            };
        }
        let settings = places::resolve(all);
        let mut failures = Vec::new();
        if !settings.is_empty() {
            let typed = self
                .0
                .iter()
                .filter(|(source, _)| *source != OptionSource::File);
            for (source, options) in typed {
                let given = places::of_all_at_once(options).into_iter();
                failures
                    .extend(given.map(|key| places::refused_for_all(source.spell(key), &settings)));
            }
        }
        let chosen = all.place.clone().unwrap_or_default();
        match settings.is_empty() {
            true if !chosen.is_empty() => {
                let why = format!("{} has no [[place]]", file::NAME);
                return Err(places::none_here(&why));
            }
            _ => failures.extend(places::unknown(&chosen, &settings)),
        }
        match failures.is_empty() {
            true => Ok((settings, chosen)),
            false => Err(Error::of(Exit::Invalid, failures)),
        }
    }

    /// What every source sets of the lab, each key from the highest that has it; within one source the last counts.
    fn lab_texts(&self) -> BTreeMap<String, String> {
        let low_to_high = self.0.iter().rev();
        let all = low_to_high.flat_map(|(_, options)| options.set.iter().flatten());
        let pairs = all.map(|LabOverride { key, value }| (key.clone(), value.clone()));
        pairs.collect()
    }

    /// The cloud that the highest source with such an option asks for. Within one source `local` and an option about AWS
    /// contradict each other; across sources the higher one wins.
    fn target(&self, rehearses: bool) -> Result<CloudTarget> {
        let mut is_aws = false;
        for (source, options) in &self.0 {
            let rehearses = rehearses && *source == OptionSource::Flags;
            let local = options.local == Some(true) || rehearses;
            let about_aws = [
                ("profile", options.profile.is_some()),
                ("endpoint-url", options.endpoint_url.is_some()),
            ];
            let about_aws = about_aws.into_iter().find(|(_, given)| *given);
            match about_aws {
                Some((key, _)) if local => {
                    let by = match rehearses {
                        true => "'rehearse'".to_owned(),
                        false => source.spell("local"),
                    };
                    return Err(invalid(
                        source.spell(key),
                        format!("{by} uses the embedded cloud, which this option is not for"),
                        "leave one of the two out",
                    ));
                }
                None if local && !is_aws => return Ok(CloudTarget::Local),
                _ => is_aws |= about_aws.is_some() || options.local == Some(false),
            }
        }
        let merged = self.merged();
        Ok(CloudTarget::Aws {
            profile: merged.profile,
            endpoint_url: merged.endpoint_url,
        })
    }
}

/// What to do where no roster is given, and there is none or more than one to choose from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WithoutRoster {
    Refuse,
    /// The one in the program, where there is none.
    Rehearse,
    /// The one in the program stands in.
    StandIn,
}

/// The roster, and the class's folder: the current one, unless a `homeroom.toml` elsewhere gives the roster.
struct ClassPlace {
    roster: PathBuf,
    roster_built_in: bool,
    /// Empty for the current one.
    folder: PathBuf,
}

impl ClassPlace {
    fn of(
        sources: &Sources,
        roster: Option<PathBuf>,
        without: WithoutRoster,
        file: Option<&SettingsFile>,
        process: &ProcessContext<'_>,
    ) -> Result<Self> {
        let of_file = || file.map(|file| file.folder.clone()).unwrap_or_default();
        let place = |roster, folder| {
            Ok(Self {
                roster,
                roster_built_in: false,
                folder,
            })
        };
        if let Some(roster) = roster {
            let folder = match sources.is_of_file(|options| options.roster.is_some()) {
                true => of_file(),
                false => PathBuf::new(),
            };
            return place(roster, folder);
        }
        let here = rosters_in(process.roster_folder.clone()?);
        let beside_file = match file.filter(|_| here.is_empty()) {
            Some(file) if !file.folder.as_os_str().is_empty() => {
                rosters_in(file.roster_folder.clone()?)
            }
            _ => Vec::new(),
        };
        let built_in = |folder| {
            Ok(Self {
                roster: PathBuf::from(DEMO_ROSTER),
                roster_built_in: true,
                folder,
            })
        };
        match (&here[..], &beside_file[..]) {
            ([], []) if without == WithoutRoster::Rehearse => built_in(PathBuf::new()),
            ([], []) | ([], [_, _, ..]) if without == WithoutRoster::StandIn => built_in(of_file()),
            ([_, _, ..], _) if without == WithoutRoster::StandIn => built_in(PathBuf::new()),
            ([], [_, ..]) => place(only_roster(&of_file(), &beside_file)?, of_file()),
            (here, _) => place(only_roster(Path::new(""), here)?, PathBuf::new()),
        }
    }
}

impl ClassSettings {
    /// Puts the settings together for a verb about a class. A rehearsal (`rehearses`) is always local, and needs no
    /// roster.
    ///
    /// # Errors
    ///
    /// [`Exit::Invalid`]: a value that cannot be used, options that contradict each other, no roster or more
    /// than one to choose from.
    pub(crate) fn resolve(
        typed: &GlobalOptions,
        rehearses: bool,
        process: &ProcessContext<'_>,
    ) -> Result<Self> {
        let without = match rehearses {
            true => WithoutRoster::Rehearse,
            false => WithoutRoster::Refuse,
        };
        Self::resolve_by(typed, without, process)
    }

    fn resolve_by(
        typed: &GlobalOptions,
        without: WithoutRoster,
        process: &ProcessContext<'_>,
    ) -> Result<Self> {
        let sources = Sources::read_whole(typed, process)?;
        let target = sources.target(without == WithoutRoster::Rehearse)?;
        let is_local = target == CloudTarget::Local;
        let ui = sources.ui(process);
        let lab_texts = sources.lab_texts();
        let all = sources.merged();
        let (places, chosen_places) = sources.places(&all, is_local)?;
        let FoundSettings { file, passed_over } = process.file.clone()?;
        let ClassPlace {
            roster,
            roster_built_in,
            folder,
        } = ClassPlace::of(&sources, all.roster, without, file.as_ref(), process)?;
        let lab_of_class = file
            .as_ref()
            .is_some_and(|file| file.has_lab && file.folder == folder);
        let (class, unnamed) = match all.class {
            Some(class) => (class, None),
            None => class_of(&roster)?,
        };
        let lab = match all.lab {
            Some(folder) => LabSource::Folder(folder),
            None if process.lab_here => LabSource::Folder(PathBuf::from(".")),
            None if lab_of_class && !folder.as_os_str().is_empty() => {
                LabSource::Folder(folder.clone())
            }
            None => LabSource::BuiltIn,
        };
        let scale = default_scale(&target);
        // `account` in homeroom.toml guards the class on AWS, and must not stop a rehearsal on the embedded cloud.
        let account = match is_local {
            true => typed.account.clone(),
            false => all.account,
        };
        let notify = all.notify.map(|address| match address.url() {
            Ok(url) => Ok(Notify {
                url,
                names: all.notify_names.unwrap_or_default(),
            }),
            Err(why) => Err(invalid(
                "--notify",
                format!("the address {why}"),
                "give the address of the webhook as its service shows it (--notify, HOMEROOM_NOTIFY or homeroom.toml)",
            )),
        });
        let notify = notify.transpose()?;
        Ok(Self {
            file: file.map(|file| file.path()),
            passed_over,
            roster,
            roster_built_in,
            lab,
            lab_settings: all.lab_settings.unwrap_or_default(),
            lab_texts,
            class,
            unnamed,
            students: all.students.unwrap_or_default(),
            section: all.section.map(|section| section.as_str().to_owned()),
            left: false,
            target,
            places,
            chosen_places,
            region: all.region,
            account,
            invoke_base: all.invoke_base,
            quota_scale: all.quota_scale.unwrap_or(scale),
            quotas: all.quotas.unwrap_or_default(),
            publish_columns: all.publish_columns.unwrap_or_default(),
            role_boundary: all.role_boundary.filter(|_| !is_local),
            allow_in_roles: all.allow_in_roles.unwrap_or_default(),
            due: all.due,
            ends: all.ends,
            canvas_url: all.canvas_url,
            notify,
            reports: all.reports.unwrap_or_else(|| folder.join("reports")),
            ui,
        })
    }

    /// [`Self::resolve`] for a verb that can do without a roster: where none is given, and the class's folder has none or
    /// several, it is the one in the program (`roster_built_in`).
    ///
    /// # Errors
    ///
    /// [`Exit::Invalid`]: a value that cannot be used, options that contradict each other.
    pub(crate) fn resolve_without_roster(
        typed: &GlobalOptions,
        process: &ProcessContext<'_>,
    ) -> Result<Self> {
        Self::resolve_by(typed, WithoutRoster::StandIn, process)
    }

    /// Reads the class's roster. A student without a due time of their own gets the class's.
    ///
    /// # Errors
    ///
    /// [`Exit::Invalid`]: the file cannot be read, or everything that is wrong with it.
    pub fn read_roster(&self, limit: &UsernameLimit) -> Result<Roster> {
        let label = self.roster.display().to_string();
        let read = match self.roster_built_in {
            true => Ok(bundle::DEMO_ROSTER.to_vec()),
            false => bundle::named_file(&self.roster, bundle::LIST_MAX),
        };
        let bytes = read.map_err(|error| {
            let cause = format!("the roster cannot be read: {error}");
            invalid(&label, cause, "give the roster's file with --roster FILE")
        })?;
        let places = self.places.iter();
        let places: Vec<PlaceName> = places.map(|place| place.name.clone()).collect();
        let publish = &self.publish_columns;
        let mut roster = Roster::parse_with(&label, &bytes, limit, publish, &places)
            .map_err(|failures| Error::of(Exit::Invalid, failures))?;
        for student in &mut roster.students {
            student.due = student.due.or(self.due);
        }
        Ok(roster)
    }
}

impl StudentSettings {
    /// Puts the settings together. Of a `homeroom.toml`, which may be the instructor's, only profile and region count.
    ///
    /// # Errors
    ///
    /// [`Exit::Invalid`]: a value that cannot be used, options that contradict each other.
    pub(crate) fn resolve(typed: &GlobalOptions, process: &ProcessContext<'_>) -> Result<Self> {
        let mut sources = Sources::read_whole(typed, process)?;
        for (source, options) in &mut sources.0 {
            if *source == OptionSource::File {
                *options = GlobalOptions {
                    profile: options.profile.take(),
                    region: options.region.take(),
                    ..GlobalOptions::default()
                };
            }
        }
        let target = sources.target(false)?;
        let all = sources.merged();
        let scale = default_scale(&target);
        Ok(Self {
            lab: all.lab.map_or(LabSource::BuiltIn, LabSource::Folder),
            target,
            region: all.region,
            account: all.account,
            invoke_base: all.invoke_base,
            quota_scale: all.quota_scale.unwrap_or(scale),
            ui: sources.ui(process),
        })
    }
}

/// How fast to go where nothing says that: the embedded cloud has no quotas.
fn default_scale(target: &CloudTarget) -> QuotaScale {
    match target {
        CloudTarget::Local => QuotaScale::Off,
        CloudTarget::Aws { .. } => QuotaScale::Factor(1.0),
    }
}

impl Ui {
    /// Never fails: others report what is wrong with the options, and this decides how to show it, from what can be
    /// read.
    pub(crate) fn resolve(typed: &GlobalOptions, process: &ProcessContext<'_>) -> Self {
        Sources::read(typed, process).0.ui(process)
    }
}

/// The file for diagnostics, from what can be read of the options.
pub(crate) fn asked_log_file(
    typed: &GlobalOptions,
    process: &ProcessContext<'_>,
) -> Option<PathBuf> {
    Sources::read(typed, process).0.merged().log_file
}

/// The region that was asked for: by option, variable or `homeroom.toml`.
///
/// # Errors
///
/// [`Exit::Invalid`]: a value that cannot be used.
pub(crate) fn asked_region(typed: &GlobalOptions) -> Result<Option<Region>> {
    let sources = Sources::read_whole(typed, &ProcessContext::look(typed))?;
    Ok(sources.merged().region)
}

/// The cloud that was asked for, of what is not about a class.
pub(crate) struct AskedCloud {
    pub(crate) target: CloudTarget,
    pub(crate) region: Option<Region>,
    pub(crate) account: Option<AccountId>,
}

/// The cloud that was asked for: by option, variable or a `homeroom.toml`.
///
/// # Errors
/// [`Exit::Invalid`]: a value that cannot be used, options that contradict each other.
pub(crate) fn asked_cloud(typed: &GlobalOptions) -> Result<AskedCloud> {
    let sources = Sources::read_whole(typed, &ProcessContext::look(typed))?;
    let all = sources.merged();
    Ok(AskedCloud {
        target: sources.target(false)?,
        region: all.region,
        account: all.account,
    })
}

/// Whether a stream is coloured. The variables are those of <https://no-color.org> and
/// <https://bixense.com/clicolors/>: set and not empty is what counts.
fn is_colored(when: ColorWhen, env: Env<'_>, terminal: bool) -> bool {
    let is_set = |name| env(name).filter(|value| !value.is_empty());
    match when {
        ColorWhen::Always => true,
        ColorWhen::Never => false,
        ColorWhen::Auto if is_set("NO_COLOR").is_some() => false,
        ColorWhen::Auto if is_set("CLICOLOR_FORCE").is_some_and(|value| value != "0") => true,
        ColorWhen::Auto => terminal && env("TERM").as_deref() != Some("dumb"),
    }
}

/// The CSV files in the folder `roster`, sorted. Files that editors and spreadsheets keep beside an open one
/// (`.class.csv.swp`, `~$class.csv`) are not rosters.
fn rosters_in(mut folder: Vec<String>) -> Vec<String> {
    folder.retain(|name| name.to_lowercase().ends_with(".csv") && !name.starts_with(['.', '~']));
    folder.sort_unstable();
    folder
}

fn only_roster(folder: &Path, rosters: &[String]) -> Result<PathBuf> {
    let folder = folder.join(ROSTER_FOLDER);
    match rosters {
        [only] => Ok(folder.join(only)),
        [] => Err(invalid(
            format!("{ROSTER_FOLDER}/"),
            "there is no roster: no CSV file in this folder of the current one",
            "give the roster with --roster FILE (a CSV file whose first line is username,name,email,section, then a line \
             for each student), or run homeroom where the folder is; `homeroom rehearse` shows a whole class day without \
             a roster and without AWS",
        )),
        [first, ..] => Err(invalid(
            format!("{}/", folder.display()),
            format!("there is more than one roster: {}", rosters.join(", ")),
            format!("choose one: --roster {}", folder.join(first).display()),
        )),
    }
}

/// The class that a roster is named after. With an error where it is only a guess; the error says why.
fn class_of(roster: &Path) -> Result<(ClassName, Option<Error>)> {
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

/// The name of the original file, if this is what browsers, file managers and spreadsheets call a copy.
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
