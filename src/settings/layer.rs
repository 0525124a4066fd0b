//! One layer of settings: what the command line, the variables or `homeroom.toml` say, and no more.
//! (The file is read in [`super::file`].)

use std::path::PathBuf;
use std::str::FromStr;

use super::values::{
    AccountId, ColorWhen, EndpointUrl, OutputFormat, Profile, QuotaScale, Region, Section,
    StudentNames, switch,
};
use crate::cli::GlobalArgs;
use crate::stack::ids::ClassName;
use crate::text::failure::Failure;

/// What one source says; `None` where it is silent.
#[derive(Debug, Default, Clone, PartialEq)]
pub(super) struct Layer {
    pub origin: Origin,
    pub roster: Option<PathBuf>,
    pub lab: Option<PathBuf>,
    pub class: Option<ClassName>,
    pub students: Option<StudentNames>,
    pub section: Option<Section>,
    pub profile: Option<Profile>,
    pub region: Option<Region>,
    pub endpoint_url: Option<EndpointUrl>,
    pub local: Option<bool>,
    pub account: Option<AccountId>,
    pub invoke_base: Option<EndpointUrl>,
    pub quota_scale: Option<QuotaScale>,
    pub reports: Option<PathBuf>,
    pub output: Option<OutputFormat>,
    pub color: Option<ColorWhen>,
    /// More (above zero) or less (below) to say, where either was given.
    pub verbosity: Option<i8>,
}

/// Where a layer comes from, to name an option the way it was written there.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    #[default]
    Flags,
    Variables,
    File,
}

impl Origin {
    /// `endpoint-url` as this layer writes it.
    pub fn spell(self, option: &str) -> String {
        match self {
            Self::Flags => format!("--{option}"),
            Self::Variables => variable(option),
            Self::File => format!("'{option}' in {}", super::file::NAME),
        }
    }
}

/// The variable of a global option.
fn variable(option: &str) -> String {
    format!("HOMEROOM_{}", option.to_uppercase().replace('-', "_"))
}

/// Both counts in one number, from -2 to 2.
pub(super) fn verbosity(verbose: u8, quiet: u8) -> i8 {
    let level = i16::from(verbose) - i16::from(quiet);
    i8::try_from(level.clamp(-2, 2)).unwrap_or_default()
}

impl Layer {
    /// What was typed.
    pub fn from_flags(args: &GlobalArgs) -> Result<Self, Failure> {
        let students = args
            .students
            .as_ref()
            .map(|lists| StudentNames::from_lists(lists.iter().map(String::as_str)))
            .transpose()
            .map_err(|error| Failure {
                subject: "--students".to_owned(),
                cause: error.to_string(),
                hint: Some(
                    "write the usernames with commas between: --students user1,user5".to_owned(),
                ),
                request_id: None,
            })?;
        Ok(Self {
            origin: Origin::Flags,
            roster: args.roster.clone(),
            lab: args.lab.clone(),
            class: args.class.clone(),
            students,
            section: args.section.clone(),
            profile: args.profile.clone(),
            region: args.region.clone(),
            endpoint_url: args.endpoint_url.clone(),
            local: args.local.then_some(true),
            account: args.account.clone(),
            invoke_base: args.invoke_base.clone(),
            quota_scale: args.quota_scale,
            reports: args.reports.clone(),
            output: args.output,
            color: args.color,
            verbosity: (args.verbose > 0 || args.quiet > 0)
                .then(|| verbosity(args.verbose, args.quiet)),
        })
    }

    /// What the `HOMEROOM_*` variables say. An empty variable counts as not set, except where that would
    /// widen a selection to the whole class.
    pub fn from_variables(get: &dyn Fn(&str) -> Option<String>) -> Result<Self, Vec<Failure>> {
        let mut read = Variables {
            get,
            failures: Vec::new(),
        };
        let verbose = read.value("verbose", u8::from_str);
        let quiet = read.value("quiet", u8::from_str);
        let layer = Self {
            origin: Origin::Variables,
            roster: read.value("roster", PathBuf::from_str),
            lab: read.value("lab", PathBuf::from_str),
            class: read.value("class", ClassName::from_str),
            students: read.value_even_empty("students", StudentNames::from_str),
            section: read.value_even_empty("section", Section::from_str),
            profile: read.value("profile", Profile::from_str),
            region: read.value("region", Region::from_str),
            endpoint_url: read.value("endpoint-url", EndpointUrl::from_str),
            local: read.value("local", switch),
            account: read.value("account", AccountId::from_str),
            invoke_base: read.value("invoke-base", EndpointUrl::from_str),
            quota_scale: read.value("quota-scale", QuotaScale::from_str),
            reports: read.value("reports", PathBuf::from_str),
            output: read.value("output", <OutputFormat as FromStr>::from_str),
            color: read.value("color", <ColorWhen as FromStr>::from_str),
            verbosity: (verbose.is_some() || quiet.is_some())
                .then(|| verbosity(verbose.unwrap_or(0), quiet.unwrap_or(0))),
        };
        if read.failures.is_empty() {
            Ok(layer)
        } else {
            Err(read.failures)
        }
    }
}

struct Variables<'a> {
    get: &'a dyn Fn(&str) -> Option<String>,
    failures: Vec<Failure>,
}

impl Variables<'_> {
    fn value<T, E: ToString>(
        &mut self,
        option: &str,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Option<T> {
        (self.get)(&variable(option))
            .filter(|text| !text.is_empty())
            .and_then(|text| self.parsed(option, &text, parse))
    }

    fn value_even_empty<T, E: ToString>(
        &mut self,
        option: &str,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Option<T> {
        (self.get)(&variable(option)).and_then(|text| self.parsed(option, &text, parse))
    }

    fn parsed<T, E: ToString>(
        &mut self,
        option: &str,
        text: &str,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Option<T> {
        match parse(text) {
            Ok(value) => Some(value),
            Err(error) => {
                let variable = variable(option);
                self.failures.push(Failure {
                    cause: format!("{text:?} {}", error.to_string()),
                    hint: Some(format!("change the variable {variable}, or unset it")),
                    subject: variable,
                    request_id: None,
                });
                None
            }
        }
    }
}
