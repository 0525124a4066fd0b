//! The lab bundle: what a student's stack is made of, what proves that the lab is done, and how a stack is tried.
//! What belongs to one lab stands in its bundle, never here.
//!
//! ```text
//! Files ─► parse ─► Lab ─► desired(class, students) ─► Desired
//!                    ├──► probes, payloads, outputs, access, handout (a student)
//!                    └──► checks, starter_of, name_patterns (the lab)
//! ```
//!
//! A bundle is checked twice, before anything is touched: by [`Lab::parse`] as it stands, and by
//! [`Lab::desired`] as it is filled in for every student. Both say every problem at once.

pub(crate) mod access;
pub(crate) mod allowed;
pub(crate) mod asl;
pub mod bundle;
pub mod check;
mod choices;
mod code;
mod context;
mod desired;
mod document;
mod ends;
mod filled;
pub mod given;
mod handler;
mod handout;
mod jsonata;
pub mod marks;
mod meaning;
pub mod mistake;
mod mistyped;
mod model;
mod nonces;
mod patterns;
pub mod points;
mod policies;
mod policy_grammar;
mod problems;
mod proofread;
mod read;
mod requirements;
mod risks;
mod settle;
mod template;
mod unknown;
mod verify;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

pub use access::AccessPolicies;
pub(crate) use code::is_shipped;
pub use filled::{ApiRoute, ScriptedStep};
pub use handout::StudentAccess;
pub(crate) use handout::content;
pub(crate) use handout::content::FilledHandout;
pub(crate) use handout::shell::Shell;
pub(crate) use model::{EndState, Probe, ProbeRequest};
pub(crate) use risks::Risk;

use crate::ids::{ApiType, LabId, Username};
use crate::lab::check::{Check, Proof};
use crate::lab::marks::Marks;
use crate::lab::mistake::Mistake;
use crate::roster::{Roster, UsernameLimit};
use crate::stack::kinds::api::Authorization;
use crate::stack::kinds::function::Code;
use crate::stack::names::{NamePattern, username_limit};
use crate::text::failure::Failure;
use crate::text::unwanted::shown;
use mistyped::ReadManifest;
use model::{ApiEntry, Manifest, ManifestEntry, of_id};
use problems::Problems;
use read::{compile, pack, read_manifest};
use settle::SET;
use template::Templates;

/// A bundle's files: path from the bundle's root with `/` between its parts, and content.
pub type Files = BTreeMap<String, Vec<u8>>;

/// A lab, read and checked.
#[derive(Debug, Clone)]
pub struct Lab {
    manifest: Manifest,
    settings: toml::Table,
    templates: Templates,
    /// Zips by the folder below `lambdas/`.
    codes: BTreeMap<String, Code>,
    handout: handout::HandoutTemplate,
    /// Whether it is, file by file, the lab that is built into this binary.
    built_in: bool,
    /// When the class ends for which it is filled in.
    ends: Option<Timestamp>,
}

impl Lab {
    /// Reads a bundle.
    ///
    /// # Errors
    /// Everything that is wrong with it: keys unknown or missing, ids that name nothing, templates that are
    /// not there, do not parse or get around the escaping, code folders that are empty or too large, settings
    /// and names that AWS would refuse.
    pub fn parse(files: Files) -> Result<Self, Vec<Failure>> {
        let (lab, problems) = Self::read(&files)?;
        problems.or(lab)
    }

    /// As much of a lab as could be read, and what is wrong with it.
    fn read(files: &Files) -> Result<(Self, Problems), Vec<Failure>> {
        let ReadManifest {
            manifest,
            mistakes,
            mended,
        } = read_manifest(files)?;
        let Some(manifest) = manifest else {
            return Err(mistakes);
        };
        let mut problems = Problems::default();
        verify::manifest(&manifest, &mut problems);
        let mut templates = compile(&manifest, files, &mut problems);
        let handout = handout::read(&manifest, files, &mut templates, &mut problems);
        let codes = pack(&manifest, files, &mut problems);
        let mut lab = Self {
            settings: manifest.settings.clone(),
            manifest,
            templates,
            codes,
            handout,
            built_in: false,
            ends: None,
        };
        lab.settle(&mut problems);
        if problems.is_empty() && mistakes.is_empty() {
            lab.try_handout(&mut problems);
        }
        let rehearsal = lab.manifest.rehearsal.settings.clone();
        lab.override_settings(&rehearsal, "[rehearsal.settings]", &mut problems);
        lab.settings = lab.manifest.settings.clone();
        problems.forget(|failure| {
            let is_there = |text: &String| failure.cause.contains(text);
            let mut mended = mended.iter();
            mended.any(|(entry, key)| is_there(entry) && is_there(key))
        });
        problems.begin_with(mistakes);
        Ok((lab, problems))
    }

    fn of_origin(self, built_in: bool) -> Self {
        Self { built_in, ..self }
    }

    /// The lab for a class that ends by itself: from that moment on its policies allow nothing.
    #[must_use]
    pub fn ending(self, ends: Option<Timestamp>) -> Self {
        Self { ends, ..self }
    }

    pub(crate) fn ends(&self) -> Option<Timestamp> {
        self.ends
    }

    /// Whether homeroom has it without `--lab`: not only one of the same id.
    pub(crate) fn is_built_in(&self) -> bool {
        self.built_in
    }

    /// The lab with some settings changed.
    ///
    /// # Errors
    /// Settings that the lab does not have, values of another type, values that AWS would refuse.
    pub fn with_settings(
        self,
        overrides: &BTreeMap<String, toml::Value>,
    ) -> Result<Self, Vec<Failure>> {
        self.with_overrides(overrides, &BTreeMap::new())
    }

    /// The lab with some settings changed, and some of them again by texts, which are read as the setting's type asks.
    ///
    /// # Errors
    /// As [`Lab::with_settings`].
    pub(crate) fn with_overrides(
        mut self,
        overrides: &BTreeMap<String, toml::Value>,
        texts: &BTreeMap<String, String>,
    ) -> Result<Self, Vec<Failure>> {
        let mut problems = Problems::default();
        self.override_settings(overrides, "settings", &mut problems);
        let typed = self.typed(texts, &mut problems);
        self.override_settings(&typed, SET, &mut problems);
        self.settle(&mut problems);
        problems.or(self)
    }

    /// Refuses a roster with a column that a template names and that may not be shown.
    ///
    /// # Errors
    /// Each such column, with what to write into the settings.
    pub(crate) fn check_columns(&self, roster: &Roster) -> Result<(), Vec<Failure>> {
        let hidden = |column: &&String| roster.kept_back.headers.contains(*column);
        let named = self.templates.columns().iter();
        let failures: Vec<Failure> = named
            .filter(|(column, _)| hidden(column))
            .map(|(column, template)| {
                let name = shown(column);
                Failure::new(template, format!("uses the roster's column {name}, which may not be shown"))
                    .hint(format!(
                        "allow it in homeroom.toml: publish-columns = [{column:?}]; students see what a template makes of it"
                    ))
            })
            .collect();
        match failures.is_empty() {
            true => Ok(()),
            false => Err(failures),
        }
    }

    pub(crate) fn id(&self) -> &LabId {
        &self.manifest.lab.id
    }

    /// Its title.
    pub fn title(&self) -> &str {
        &self.manifest.lab.title
    }

    /// About how long it takes a student, in minutes.
    pub fn minutes(&self) -> u32 {
        self.manifest.lab.minutes
    }

    /// The region for classes that name none.
    pub(crate) fn region(&self) -> &str {
        self.text_setting("region")
    }

    /// Whether a class can set this in `homeroom.toml`.
    pub(crate) fn has_setting(&self, name: &str) -> bool {
        self.settings.contains_key(name)
    }

    /// Settings for [`Lab::with_settings`] that make a rehearsal independent of chance.
    pub(crate) fn rehearsal_settings(&self) -> &BTreeMap<String, toml::Value> {
        &self.manifest.rehearsal.settings
    }

    /// How long a username may be for this lab's names.
    pub(crate) fn username_limit(&self) -> UsernameLimit {
        username_limit(&self.name_patterns())
    }

    /// What proves that the lab is done, in the order in which it is shown.
    pub fn checks(&self) -> &[Check] {
        &self.manifest.checks
    }

    /// How the stack's resources are named, in the order in which a stack is shown.
    pub fn name_patterns(&self) -> Vec<NamePattern> {
        fn of<E: ManifestEntry>(entries: &[E]) -> impl Iterator<Item = NamePattern> {
            entries.iter().map(|entry| entry.pattern().clone())
        }
        let m = &self.manifest;
        of(&m.roles)
            .chain(m.log_groups())
            .chain(of(&m.functions))
            .chain(of(&m.state_machines))
            .chain(of(&m.apis))
            .collect()
    }

    /// The stages of APIs that take signed requests alone.
    pub(crate) fn signed_stages(&self) -> impl Iterator<Item = &str> {
        let apis = self.manifest.apis.iter();
        let signed = apis.filter(|api| api.limits.authorization == Authorization::AwsIam);
        signed.map(|api| api.stage.as_str())
    }

    pub(crate) fn has_workflows(&self) -> bool {
        !self.manifest.state_machines.is_empty()
    }

    /// What of a stack a freeze stops, in words.
    pub(crate) fn what_a_freeze_stops(&self) -> String {
        let m = &self.manifest;
        let open = |api: &ApiEntry| api.limits.authorization == Authorization::None;
        let parts = [
            (self.has_workflows(), "their running workflows are stopped"),
            (
                !m.functions.is_empty(),
                "their functions do not run until `homeroom access thaw`",
            ),
            (
                m.apis.iter().any(open),
                "an API without authorization answers every call with an error",
            ),
        ];
        let said = parts.into_iter().filter(|(holds, _)| *holds);
        said.map(|(_, said)| said).collect::<Vec<_>>().join("; ")
    }

    pub(crate) fn has_layers(&self) -> bool {
        let mut functions = self.manifest.functions.iter();
        functions.any(|function| !function.layers.is_empty())
    }

    /// Of which types its APIs are.
    pub(crate) fn api_types(&self) -> BTreeSet<ApiType> {
        self.manifest.apis.iter().map(|api| api.api_type).collect()
    }

    /// The functions that probes invoke themselves.
    pub(crate) fn probed_functions(&self) -> impl Iterator<Item = &NamePattern> {
        let functions = self.manifest.functions.iter();
        let probed = functions.filter(|function| {
            let mut probes = self.manifest.probes.iter();
            probes.any(|probe| {
                matches!(&probe.request, ProbeRequest::Invoke { function: id, .. } if *id == function.id)
            })
        });
        probed.map(|function| &function.pattern)
    }

    /// How executions and log events are told apart.
    pub(crate) fn marks(&self) -> &Marks {
        &self.manifest.marks
    }

    /// JSON pointers into an execution's input that the checks or the marks look at.
    pub(crate) fn input_pointers(&self) -> Vec<String> {
        let marks = &self.manifest.marks;
        let of_marks = marks.nonce_in.iter();
        let of_checks = self.checks().iter().flat_map(|check| match &check.proof {
            Proof::Executions {
                input,
                one_for_each,
                ..
            } => input.keys().chain(one_for_each.keys()).collect(),
            _ => Vec::new(),
        });
        let mut pointers: Vec<String> = of_marks.chain(of_checks).cloned().collect();
        pointers.sort_unstable();
        pointers.dedup();
        pointers
    }

    /// Mistakes that students make, the most telling first.
    pub(crate) fn mistakes(&self) -> &[Mistake] {
        &self.manifest.mistakes
    }

    // Names of a student's resources, by the id in the lab; `None` where the lab has no such resource.

    pub(crate) fn state_machine_name(&self, id: &str, username: &Username) -> Option<String> {
        let machine = of_id(&self.manifest.state_machines, id)?;
        Some(machine.pattern.name(username))
    }

    pub(crate) fn function_name(&self, id: &str, username: &Username) -> Option<String> {
        Some(of_id(&self.manifest.functions, id)?.pattern.name(username))
    }

    pub(crate) fn api_name(&self, id: &str, username: &Username) -> Option<String> {
        Some(of_id(&self.manifest.apis, id)?.pattern.name(username))
    }

    /// The name of a student's role; empty when the lab has none of that id.
    fn role_name(&self, id: &str, username: &Username) -> String {
        let role = of_id(&self.manifest.roles, id);
        role.map(|role| role.pattern.name(username))
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
