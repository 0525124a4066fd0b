//! Flags, variables and `homeroom.toml`: one table of every option, read from three sources.
//!
//! A flag wins over its `HOMEROOM_*` variable, which wins over the file. An option of a higher source has to win over
//! a *conflicting* option of a lower one, too (`--local` over `HOMEROOM_PROFILE`). So clap checks neither variables nor
//! conflicts; [`resolved`] puts the sources together. A test compares `docs/settings.md` with the table.

mod file;
mod found;
pub(crate) mod new_class;
mod process;
mod resolved;
mod values;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::ArgAction;
use jiff::Timestamp;
use toml::Spanned;
use toml::de::DeValue;

use crate::aws::Operation;
use crate::error::{Error, Exit};
use crate::ids::{ClassName, PlaceName};
use crate::text::failure::Failure;
use crate::web::Url;
use file::FileReader;
pub(crate) use file::places::PlaceSettings;
use file::places::PlaceTable;
pub(crate) use found::{PassedOver, PassedOverFor};
pub(crate) use process::ProcessContext;
pub(crate) use resolved::{ClassSettings, CloudTarget, LabSource, Notify, StudentSettings, Ui};
pub(crate) use resolved::{asked_cloud, asked_log_file, asked_region};
pub(crate) use values::{
    AccountId, LabOverride, OutputFormat, Profile, QuotaScale, Region, SecretUrl,
};
use values::{ColorWhen, EndpointUrl, PolicyArn, QuotaOverride, Section, Value, student_names};

/// Makes [`GlobalOptions`], and how each source is read, from one row an option:
/// `field: type = key [what clap needs besides], help, default in words;`. The key is the flag and the key of the file,
/// and the variable follows from it. The file has another use for the keys of `not in the file`. Rows after `file only`
/// name what reads them.
macro_rules! options {
    (
        $( $heading:literal { $(
            $name:ident: $type:ty = $key:literal [$($clap:tt)*],
            $help:literal $(, default $default:literal)?;
        )* } )*
        not in the file $typed_heading:literal { $(
            $typed_name:ident: $typed_type:ty = $typed_key:literal [$($typed_clap:tt)*],
            $typed_help:literal $(, default $typed_default:literal)?;
        )* }
        file only { $(
            $(#[$doc:meta])*
            $file_name:ident: $file_type:ty = $file_key:literal $(| $alias:literal)?, $read:path;
        )* }
    ) => {
        /// Every option that does not belong to one verb, as one source gives it; `None` where it does not.
        #[derive(Debug, Default, Clone, PartialEq, clap::Args)]
        pub struct GlobalOptions {
            $($(
                #[arg(
                    long = $key,
                    global = true,
                    help_heading = $heading,
                    hide_short_help = true,
                    help = help($key, $help, [$($default)?].first()),
                    $($clap)*
                )]
                pub $name: Option<$type>,
            )*)*
            $(
                #[arg(
                    long = $typed_key,
                    global = true,
                    help_heading = $typed_heading,
                    hide_short_help = true,
                    help = help($typed_key, $typed_help, [$($typed_default)?].first()),
                    $($typed_clap)*
                )]
                pub $typed_name: Option<$typed_type>,
            )*
            $(
                $(#[$doc])*
                #[arg(skip)]
                pub(crate) $file_name: Option<$file_type>,
            )*
        }

        /// Every key of the file.
        const KEYS: &[&str] = &[$($($key,)*)* $($file_key,)*];

        impl GlobalOptions {
            fn from_variables(env: Env<'_>, failures: &mut Vec<Failure>) -> Self {
                Self {
                    $($( $name: variable(env, $key, failures), )*)*
                    $( $typed_name: variable(env, $typed_key, failures), )*
                    ..Self::default()
                }
            }

            /// Takes one key of the file; `false` where there is no such key.
            fn put(&mut self, file: &mut FileReader<'_>, key: &str, value: Spanned<DeValue<'_>>) -> bool {
                match key {
                    $($( $key => self.$name = file.value(key, value), )*)*
                    $( $file_key $(| $alias)? => self.$file_name = $read(file, key, value), )*
                    _ => return false,
                }
                true
            }

            /// Each option of this source, or else of a lower one.
            fn or(self, lower: Self) -> Self {
                Self {
                    $($( $name: self.$name.or(lower.$name), )*)*
                    $( $typed_name: self.$typed_name.or(lower.$typed_name), )*
                    $( $file_name: self.$file_name.or(lower.$file_name), )*
                }
            }
        }
    };
}

options! {
    "Class" {
        roster: PathBuf = "roster" [value_name = "FILE"],
            "The class's roster, a CSV file", default "the only CSV file in roster/";
        lab: PathBuf = "lab" [value_name = "DIR"],
            "Folder with the lab's templates/ and lambdas/",
            default "the current folder if it has them, else the lab built in";
        class: ClassName = "class" [value_name = "NAME"],
            "The class's name, as it marks every resource", default "the roster's file name without .csv";
        students: Vec<String> = "students" [value_name = "NAMES"],
            "Only these students, with commas between: user1,user5";
        section: Section = "section" [value_name = "NAME"],
            "Only the students of this section";
        set: Vec<LabOverride> = "set" [value_name = "KEY=VALUE"],
            "Give a setting of the lab another value; can be given several times",
            default "[settings] in homeroom.toml, else the lab's";
    }
    "Where" {
        profile: Profile = "profile" [value_name = "NAME"],
            "Profile of your AWS configuration to use";
        region: Region = "region" [value_name = "NAME"],
            "AWS region", default "AWS_REGION, the profile's, then the lab's";
        endpoint_url: EndpointUrl = "endpoint-url" [value_name = "URL"],
            "Send every AWS request to this address instead";
        local: bool = "local" [action = ArgAction::SetTrue],
            "Use the embedded cloud of this machine instead of AWS";
        account: AccountId = "account" [value_name = "ID"],
            "Refuse to run in any other AWS account than this";
        invoke_base: EndpointUrl = "invoke-base" [value_name = "URL"],
            "Address of the students' APIs at another endpoint, with {api_id} and {stage} in it",
            default "AWS's; at an endpoint like LocalStack, the one that it documents";
        quota_scale: QuotaScale = "quota-scale" [value_name = "FACTOR|off"],
            "How fast to go: a factor on AWS's request quotas, or off", default "1; off with --local";
    }
    "Output" {
        reports: PathBuf = "reports" [value_name = "DIR"],
            "Folder for reports", default "reports";
        output: OutputFormat = "output" [value_name = "text|json|jsonl", hide_possible_values = true],
            "What to print on stdout: text for people, or one JSON document", default "text";
        color: ColorWhen = "color" [value_name = "auto|always|never", hide_possible_values = true],
            "When to use colour", default "auto, which heeds NO_COLOR";
        notify: SecretUrl = "notify" [value_name = "URL"],
            "Post one JSON message to this address when a run ends: https, or this machine";
        notify_names: bool = "notify-names" [action = ArgAction::SetTrue],
            "Put usernames into that message", default "no names";
        log_file: PathBuf = "log-file" [value_name = "FILE"],
            "Write diagnostics to this file: each call with its outcome and AWS's request id";
        verbose: u8 = "verbose" [short, action = ArgAction::Count, display_order = 100],
            "Say more: waits and repeated calls; twice: every step, and diagnostics";
        quiet: u8 = "quiet" [short, action = ArgAction::Count],
            "Say less: no progress; twice: errors only";
    }
    not in the file "Where" {
        place: Vec<PlaceName> = "place" [value_name = "NAMES", value_delimiter = ','],
            "Only these places of the class's settings, with commas between", default "every place";
    }
    file only {
        /// The accounts and regions that the class is spread over.
        places: Vec<PlaceTable> = "place", FileReader::places;
        /// The permissions boundary that the account's owner demands of every role.
        role_boundary: PolicyArn = "role_boundary" | "role-boundary", FileReader::value;
        /// Overrides of the lab's settings: texts, numbers and switches. The lab says which exist.
        lab_settings: toml::Table = "settings", FileReader::lab_settings;
        /// The account's request quotas where they are not the published ones.
        quotas: BTreeMap<Operation, QuotaOverride> = "quotas", FileReader::quotas;
        /// The roster's columns that may be shown besides those that homeroom knows.
        publish_columns: Vec<String> = "publish-columns", FileReader::texts;
        /// Until when work is on time, unless the roster gives a student another time.
        due: Timestamp = "due", FileReader::value;
        /// When the class ends: from then on its policies allow nothing.
        ends: Timestamp = "ends", FileReader::value;
        /// The address of the Canvas that grades are written to.
        canvas_url: Url = "canvas-url", FileReader::value;
        /// What of the lab may reach far, by [`crate::lab::Risk::key`].
        allow_in_roles: Vec<String> = "allow-in-roles", FileReader::texts;
    }
}

/// Reads an environment variable.
type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

impl GlobalOptions {
    /// What was typed. clap has a value for switches that were not typed; those become `None`, so that a lower source
    /// decides.
    fn typed(&self, failures: &mut Vec<Failure>) -> Self {
        let names = self.students.as_ref();
        let names = names.map(|lists| student_names(lists.iter().map(String::as_str)));
        let students = names.transpose().unwrap_or_else(|why| {
            let hint = "write the usernames with commas between: --students user1,user5";
            failures.push(Failure::new("--students", why).hint(hint));
            None
        });
        Self {
            students,
            local: self.local.filter(|is_local| *is_local),
            notify_names: self.notify_names.filter(|named| *named),
            verbose: self.verbose.filter(|times| *times > 0),
            quiet: self.quiet.filter(|times| *times > 0),
            ..self.clone()
        }
    }

    /// The options with their paths, which are relative to this folder.
    fn below(mut self, folder: &Path) -> Self {
        let paths = [
            &mut self.roster,
            &mut self.lab,
            &mut self.reports,
            &mut self.log_file,
        ];
        for path in paths.into_iter().flatten() {
            *path = folder.join(&*path);
        }
        self
    }

    /// From -2 (errors only) to 2, where this source has `verbose` or `quiet`.
    fn verbosity(&self) -> Option<i8> {
        let given = self.verbose.or(self.quiet).is_some();
        let times = |count: Option<u8>| i16::from(count.unwrap_or_default());
        let level = (times(self.verbose) - times(self.quiet)).clamp(-2, 2);
        given.then(|| i8::try_from(level).unwrap_or_default())
    }
}

fn variable_name(key: &str) -> String {
    format!("HOMEROOM_{}", key.to_uppercase().replace('-', "_"))
}

fn help(key: &str, help: &str, default: Option<&&str>) -> String {
    let default = default.map_or_else(String::new, |words| format!("[default: {words}] "));
    format!("{help}\n{default}[env: {}]", variable_name(key))
}

fn variable<T: Value>(env: Env<'_>, key: &str, failures: &mut Vec<Failure>) -> Option<T> {
    let name = variable_name(key);
    // An empty variable counts as not set, except where that would widen a selection to the whole class.
    let selects = matches!(key, "students" | "section" | "place");
    let text = env(&name).filter(|text| selects || !text.is_empty())?;
    let read = T::from_text(&text).map_err(|why| {
        let hint = format!("change the variable {name}, or unset it");
        failures.push(Failure::new(name, format!("{text:?} {why}")).hint(hint));
    });
    read.ok()
}

pub(crate) fn invalid(
    subject: impl Into<String>,
    cause: impl Into<String>,
    hint: impl Into<String>,
) -> Error {
    Error::new(Exit::Invalid, subject, cause).hint(hint)
}

#[cfg(test)]
pub(crate) mod tests;
