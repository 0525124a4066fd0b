//! The lab bundle: what a student's stack is made of, what proves that the lab is done, and how a stack is
//! tried. Everything of a particular lab stands in its bundle; nothing of it is written here.
//!
//! ```text
//! Files ─► parse ─► Lab ─► desired(class, students) ─► Desired
//!                    ├──► probes, payloads, outputs (a student)
//!                    └──► checks, starter_of, name_patterns (the lab)
//! ```
//!
//! A bundle is checked twice, before anything is touched: by [`Lab::parse`] as it stands, and by
//! [`Lab::desired`] as it is filled in for every student. Both say every problem at once.

pub mod asl;
mod code;
mod context;
mod desired;
mod model;
mod names;
mod problems;
mod template;
mod verify;

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use tera::Context;

pub use code::is_shipped;
pub use model::EndState;
pub use names::NamePattern;

use super::check::{Check, Output};
use super::execution::Starter;
use super::ids::{ClassName, LabId, Scope, Username};
use super::resources::function::{Code, ZIP_MAX};
use super::resources::{Kind, log_group};
use super::roster::{Student, UsernameLimit};
use crate::domain::failure::Failure;
use context::ClassContext;
use model::Manifest;
use problems::{Problems, known};
use template::Templates;
use verify::MANIFEST;

/// A bundle's files: path from the bundle's root with `/` between its parts, and content.
pub type Files = BTreeMap<String, Vec<u8>>;

/// Executions whose names begin so are homeroom's own, in every lab.
pub const HOMEROOM_EXECUTION_PREFIX: &str = "homeroom-";

/// A lab, read and checked.
#[derive(Debug, Clone)]
pub struct Lab {
    manifest: Manifest,
    settings: toml::Table,
    templates: Templates,
    /// Zips by the folder below `lambdas/`.
    codes: BTreeMap<String, Code>,
    names: Names,
}

/// Name patterns, each list in the manifest's order.
#[derive(Debug, Clone, Default)]
struct Names {
    roles: Vec<NamePattern>,
    log_groups: Vec<NamePattern>,
    functions: Vec<NamePattern>,
    state_machines: Vec<NamePattern>,
    rest_apis: Vec<NamePattern>,
}

/// Where a REST API answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiEndpoint {
    /// The id that AWS gave it.
    pub id: String,
    /// Address of its stage, without a trailing slash.
    pub url: String,
}

/// One thing that `validate` tries, filled in for a student.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// Short id, unique in the lab.
    pub id: String,
    /// What must be so, in a sentence.
    pub title: String,
    /// What to do when it is not.
    pub hint: String,
    /// Seconds after which it counts as failed.
    pub deadline_s: u64,
    /// What to try, and what must come of it.
    pub request: ProbeRequest,
}

/// What a probe tries, and what must come of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProbeRequest {
    /// A request to the student's API.
    Api {
        /// The API's name.
        api: String,
        /// Its stage.
        stage: String,
        /// HTTP method.
        method: String,
        /// Path below the stage.
        path: String,
        /// Body.
        body: String,
        /// The HTTP status that must answer.
        expect_http: u16,
        /// How the execution must end whose ARN the answer holds.
        expect_end: Option<EndState>,
        /// Where in the answer that ARN stands (JSON pointer).
        execution_arn_pointer: String,
    },
    /// An execution that homeroom starts itself.
    Execution {
        /// The state machine's name.
        state_machine: String,
        /// The execution's input.
        input: String,
        /// How it must end.
        expect_end: EndState,
    },
    /// Log events of these functions must arrive.
    LogEvents {
        /// The functions' names.
        functions: Vec<String>,
    },
}

/// Something that a scripted student does in a rehearsal, filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScriptedStep {
    /// Starts an execution, as from the console.
    Execution {
        /// The state machine's name.
        state_machine: String,
        /// The execution's name.
        name: String,
        /// Its input.
        input: String,
    },
    /// Sends requests to the student's API.
    Api {
        /// The route.
        route: ApiRoute,
        /// The body.
        body: String,
        /// How often.
        times: u32,
    },
}

/// An example payload, filled in for a student.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payload {
    /// Short id, unique in the lab.
    pub id: String,
    /// What it is for.
    pub title: String,
    /// Its text.
    pub text: String,
}

/// A route of a student's API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiRoute {
    /// The API's name.
    pub api: String,
    /// Its stage.
    pub stage: String,
    /// HTTP method.
    pub method: String,
    /// Path below the stage.
    pub path: String,
}

impl Lab {
    /// Reads a bundle.
    ///
    /// # Errors
    /// Everything that is wrong with it: keys unknown or missing, ids that name nothing, templates that are
    /// not there, do not parse or get around the escaping, code folders that are empty or too large, settings
    /// and names that AWS would refuse.
    pub fn parse(files: Files) -> Result<Self, Vec<Failure>> {
        let manifest = read_manifest(&files).map_err(|failure| vec![*failure])?;
        let mut problems = Problems::default();
        verify::manifest(&manifest, &mut problems);
        let templates = compile(&manifest, &files, &mut problems);
        let codes = pack(&manifest, &files, &mut problems);
        let mut lab = Self {
            settings: manifest.settings.clone(),
            manifest,
            templates,
            codes,
            names: Names::default(),
        };
        lab.settle(&mut problems);
        let rehearsal = lab.manifest.rehearsal.settings.clone();
        lab.override_settings(&rehearsal, "[rehearsal.settings]", &mut problems);
        lab.settings = lab.manifest.settings.clone();
        problems.or(lab)
    }

    /// The lab with some settings changed.
    ///
    /// # Errors
    /// Settings that the lab does not have, values of another type, values that AWS would refuse.
    pub fn with_settings(
        mut self,
        overrides: &BTreeMap<String, toml::Value>,
    ) -> Result<Self, Vec<Failure>> {
        let mut problems = Problems::default();
        self.override_settings(overrides, "settings", &mut problems);
        self.settle(&mut problems);
        problems.or(self)
    }

    /// Its short id.
    pub fn id(&self) -> &LabId {
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

    /// The region that it runs in unless told otherwise.
    pub fn region(&self) -> &str {
        self.text_setting("region")
    }

    /// Settings for [`Lab::with_settings`] that make a rehearsal independent of chance.
    pub fn rehearsal_settings(&self) -> &BTreeMap<String, toml::Value> {
        &self.manifest.rehearsal.settings
    }

    /// What a scripted student does in a rehearsal, in order; all of it completes the lab. Steps that name what
    /// the lab does not have are refused when the lab is read.
    pub fn rehearsal_steps(
        &self,
        scope: &Scope,
        class: &ClassName,
        student: &Student,
    ) -> Vec<ScriptedStep> {
        let payload = |id: &str| self.payload(id, scope, class, student);
        let username = &student.username;
        let steps = self.manifest.rehearsal.steps.iter();
        let filled = steps.map(|step| match step {
            model::RehearsalStep::Execution {
                state_machine,
                name,
                payload: id,
            } => Some(ScriptedStep::Execution {
                state_machine: self.state_machine_name(state_machine, username)?,
                name: name.clone(),
                input: payload(id)?,
            }),
            model::RehearsalStep::Api {
                api,
                method,
                path,
                payload: id,
                times,
            } => {
                let name = self.rest_api_name(api, username)?;
                let mut routes = self.api_routes(username).into_iter();
                Some(ScriptedStep::Api {
                    route: routes
                        .find(|r| r.api == name && r.method == *method && r.path == *path)?,
                    body: payload(id)?,
                    times: *times,
                })
            }
        });
        filled.flatten().collect()
    }

    /// How long a username may be for this lab's names.
    pub fn username_limit(&self) -> UsernameLimit {
        names::username_limit(&self.name_patterns())
    }

    /// What proves that the lab is done, in the order in which it is shown.
    pub fn checks(&self) -> &[Check] {
        &self.manifest.checks
    }

    /// How the stack's resources are named, in the order in which a stack is shown.
    pub fn name_patterns(&self) -> Vec<NamePattern> {
        let names = &self.names;
        let all = [
            &names.roles,
            &names.log_groups,
            &names.functions,
            &names.state_machines,
            &names.rest_apis,
        ];
        all.into_iter().flatten().cloned().collect()
    }

    /// What `validate` tries on a student's stack.
    ///
    /// # Errors
    /// Templates that cannot be filled in. [`Lab::desired`] finds the same ones.
    pub fn probes(
        &self,
        scope: &Scope,
        class: &ClassName,
        student: &Student,
    ) -> Result<Vec<Probe>, Vec<Failure>> {
        let context = ClassContext::new(self, scope, class).student(student, &BTreeMap::new());
        let mut problems = Problems::default();
        let probes = self.render_probes(student, &context, &mut problems);
        problems.or(probes)
    }

    /// What a student is given. Outputs that need an API's id or URL are left out where `apis` (by API name)
    /// does not have it.
    pub fn outputs(
        &self,
        scope: &Scope,
        class: &ClassName,
        student: &Student,
        apis: &BTreeMap<String, ApiEndpoint>,
    ) -> Vec<Output> {
        let context = ClassContext::new(self, scope, class).student(student, apis);
        let rendered = self.manifest.outputs.iter().map(|output| {
            let value = self
                .templates
                .text(&output_key(&output.id), &context)
                .ok()?;
            Some(Output {
                id: output.id.clone(),
                label: output.label.clone(),
                value,
            })
        });
        rendered.flatten().collect()
    }

    /// The example payloads for a student.
    pub fn payloads(&self, scope: &Scope, class: &ClassName, student: &Student) -> Vec<Payload> {
        let context = ClassContext::new(self, scope, class).student(student, &BTreeMap::new());
        let rendered = self.manifest.payloads.iter().map(|payload| {
            Some(Payload {
                id: payload.id.clone(),
                title: payload.title.clone(),
                text: self.templates.file(&payload.template, &context).ok()?,
            })
        });
        rendered.flatten().collect()
    }

    /// One example payload for a student; `None` when the lab has none of that id.
    pub fn payload(
        &self,
        id: &str,
        scope: &Scope,
        class: &ClassName,
        student: &Student,
    ) -> Option<String> {
        let payload = self.manifest.payloads.iter().find(|p| p.id == id)?;
        let context = ClassContext::new(self, scope, class).student(student, &BTreeMap::new());
        self.templates.file(&payload.template, &context).ok()
    }

    /// Who started an execution, as far as its name and, where known, its input tell. Without the input an
    /// execution that bears the API's name is the API's; the lab's marks should let homeroom's own be told by
    /// the name as well.
    pub fn starter_of(&self, execution_name: &str, input: Option<&Value>) -> Starter {
        let marks = &self.manifest.marks;
        let has =
            |pointer: &str, value: &Value| input.and_then(|i| i.pointer(pointer)) == Some(value);
        let homeroom = execution_name.starts_with(HOMEROOM_EXECUTION_PREFIX)
            || marks
                .homeroom_name_prefixes
                .iter()
                .any(|prefix| execution_name.starts_with(prefix))
            || marks
                .homeroom_input
                .iter()
                .any(|(pointer, value)| has(pointer, value));
        let api = marks
            .api_name_prefix
            .as_ref()
            .is_some_and(|prefix| execution_name.starts_with(prefix))
            && (input.is_none()
                || marks
                    .api_input
                    .iter()
                    .all(|(pointer, value)| has(pointer, value)));
        match (homeroom, api) {
            (true, _) => Starter::Homeroom,
            (false, true) => Starter::Api,
            (false, false) => Starter::Person,
        }
    }

    /// The name of a student's state machine; `None` when the lab has none of that id.
    pub fn state_machine_name(&self, id: &str, username: &Username) -> Option<String> {
        let index = self
            .manifest
            .state_machines
            .iter()
            .position(|x| x.id == id)?;
        Some(self.names.state_machines.get(index)?.name(username))
    }

    /// The name of a student's function; `None` when the lab has none of that id.
    pub fn function_name(&self, id: &str, username: &Username) -> Option<String> {
        let index = self.manifest.functions.iter().position(|x| x.id == id)?;
        Some(self.names.functions.get(index)?.name(username))
    }

    /// The name of a student's REST API; `None` when the lab has none of that id.
    pub fn rest_api_name(&self, id: &str, username: &Username) -> Option<String> {
        let index = self.manifest.rest_apis.iter().position(|x| x.id == id)?;
        Some(self.names.rest_apis.get(index)?.name(username))
    }

    /// Every route of a student's APIs.
    pub fn api_routes(&self, username: &Username) -> Vec<ApiRoute> {
        let apis = self.manifest.rest_apis.iter().zip(&self.names.rest_apis);
        let routes = apis.flat_map(|(api, name)| {
            api.routes.iter().map(move |route| ApiRoute {
                api: name.name(username),
                stage: api.stage.clone(),
                method: route.method.clone(),
                path: route.path.clone(),
            })
        });
        routes.collect()
    }

    fn settings_json(&self) -> Map<String, Value> {
        let json = |(key, value): (&String, &toml::Value)| {
            Some((key.clone(), serde_json::to_value(value).ok()?))
        };
        self.settings.iter().filter_map(json).collect()
    }

    fn text_setting(&self, key: &str) -> &str {
        self.settings
            .get(key)
            .and_then(toml::Value::as_str)
            .unwrap_or_default()
    }

    /// Days that log events are kept; one that AWS accepts, since the settings were checked.
    fn retention_days(&self) -> i32 {
        let days = self
            .settings
            .get("log_retention_days")
            .and_then(toml::Value::as_integer);
        days.and_then(|days| i32::try_from(days).ok())
            .unwrap_or_default()
    }

    fn override_settings(
        &mut self,
        overrides: &BTreeMap<String, toml::Value>,
        whose: &str,
        problems: &mut Problems,
    ) {
        for (key, value) in overrides {
            let Some(current) = self.settings.get(key) else {
                let hint = known("settings", self.settings.keys().map(String::as_str));
                problems
                    .add(whose, format!("{key:?} is no setting of lab {}", self.id()))
                    .hint = Some(hint);
                continue;
            };
            let value = match (current, value) {
                // Whoever overrides 0.8 by 1 means 1.0.
                #[expect(clippy::cast_precision_loss, reason = "settings are small numbers")]
                (toml::Value::Float(_), toml::Value::Integer(n)) => toml::Value::Float(*n as f64),
                (current, value) if current.same_type(value) => value.clone(),
                (current, value) => {
                    let cause = format!(
                        "{key} = {value} is a {}, not a {}",
                        value.type_str(),
                        current.type_str()
                    );
                    problems.add(whose, cause);
                    continue;
                }
            };
            self.settings.insert(key.clone(), value);
        }
    }

    /// Checks the settings, and works out what depends on them.
    fn settle(&mut self, problems: &mut Problems) {
        for key in ["region", "runtime"] {
            if self.text_setting(key).trim().is_empty() {
                problems.add(
                    MANIFEST,
                    format!("[settings] {key} is missing or not a text"),
                );
            }
        }
        if !log_group::RETENTION_DAYS.contains(&self.retention_days()) {
            let shown = self
                .settings
                .get("log_retention_days")
                .map_or_else(|| "nothing".to_owned(), ToString::to_string);
            let days: Vec<_> = log_group::RETENTION_DAYS
                .iter()
                .map(i32::to_string)
                .collect();
            problems
                .add(MANIFEST, format!("[settings] log_retention_days is {shown}, which CloudWatch Logs does not accept"))
                .hint = Some(format!("it accepts {} days", days.join(", ")));
        }
        self.names = self.work_out_names(problems);
    }

    fn work_out_names(&self, problems: &mut Problems) -> Names {
        let m = &self.manifest;
        let mut of = |kind: Kind, what: &str, ids: Vec<&String>| -> Vec<NamePattern> {
            ids.into_iter()
                .map(|id| self.name_pattern(kind, what, id, problems))
                .collect()
        };
        let functions = of(
            Kind::Function,
            "function",
            m.functions.iter().map(|x| &x.id).collect(),
        );
        let names = Names {
            roles: of(Kind::Role, "role", m.roles.iter().map(|x| &x.id).collect()),
            log_groups: functions
                .iter()
                .map(|function| NamePattern {
                    kind: Kind::LogGroup,
                    prefix: format!("/aws/lambda/{}", function.prefix),
                    suffix: function.suffix.clone(),
                })
                .collect(),
            functions,
            state_machines: of(
                Kind::StateMachine,
                "state_machine",
                m.state_machines.iter().map(|x| &x.id).collect(),
            ),
            rest_apis: of(
                Kind::RestApi,
                "rest_api",
                m.rest_apis.iter().map(|x| &x.id).collect(),
            ),
        };
        for patterns in [
            &names.roles,
            &names.functions,
            &names.state_machines,
            &names.rest_apis,
        ] {
            for (i, pattern) in patterns.iter().enumerate() {
                if patterns[..i].contains(pattern) {
                    let name = pattern.around("<username>");
                    problems.add(
                        MANIFEST,
                        format!("two resources are named {} '{name}'", pattern.kind),
                    );
                }
            }
        }
        names
    }

    fn name_pattern(
        &self,
        kind: Kind,
        what: &str,
        id: &str,
        problems: &mut Problems,
    ) -> NamePattern {
        // Mixed case, so that a filter on the username does not go unseen.
        const STAND_IN: &str = "Stand0In";
        let whose = format!("[[{what}]] {id:?}: name");
        let mut pattern = NamePattern {
            kind,
            prefix: String::new(),
            suffix: String::new(),
        };
        let mut context = Context::new();
        context.insert("username", STAND_IN);
        context.insert("lab", self.id());
        context.insert("settings", &self.settings_json());
        match self.templates.text(&name_key(what, id), &context) {
            Err(error) => {
                problems.add(MANIFEST, format!("{whose}: {error}")).hint =
                    Some("names know username, lab and settings only".into());
            }
            Ok(name) => match name.split(STAND_IN).collect::<Vec<_>>()[..] {
                [prefix, suffix] => {
                    pattern.prefix = prefix.to_owned();
                    pattern.suffix = suffix.to_owned();
                }
                _ => {
                    problems.add(
                        MANIFEST,
                        format!("{whose} must hold {{{{ username }}}} once, as it is"),
                    );
                }
            },
        }
        if let Some(bad) = pattern.bad_character() {
            problems.add(
                MANIFEST,
                format!("{whose} contains {bad:?}; use letters, digits, '-' and '_' only"),
            );
        }
        if pattern.room() == 0 {
            problems.add(
                MANIFEST,
                format!(
                    "{whose} leaves no room for a username; a {kind} has at most {} characters",
                    pattern.name_max()
                ),
            );
        }
        pattern
    }
}

fn read_manifest(files: &Files) -> Result<Manifest, Box<Failure>> {
    let failure = |subject: String, cause: String, hint: Option<&str>| {
        Box::new(Failure {
            subject,
            cause,
            hint: hint.map(str::to_owned),
        })
    };
    let bytes = files.get(MANIFEST).ok_or_else(|| {
        let hint = "a lab is a folder that holds templates/lab.toml and lambdas/";
        failure(MANIFEST.into(), "is not there".into(), Some(hint))
    })?;
    let text = std::str::from_utf8(bytes)
        .map_err(|error| failure(MANIFEST.into(), format!("is not UTF-8: {error}"), None))?;
    toml::from_str(text).map_err(|error| {
        let line = error
            .span()
            .map(|span| 1 + text[..span.start.min(text.len())].matches('\n').count());
        let subject = line.map_or_else(
            || MANIFEST.to_owned(),
            |line| format!("{MANIFEST}, line {line}"),
        );
        failure(subject, error.message().trim().to_owned(), None)
    })
}

/// Compiles every template that the manifest names.
fn compile(manifest: &Manifest, files: &Files, problems: &mut Problems) -> Templates {
    let mut templates = Templates::default();
    let mut wanted: BTreeMap<&str, String> = BTreeMap::new();
    let mut want = |whose: String, path| {
        wanted.entry(path).or_insert(whose);
    };
    for role in &manifest.roles {
        want(
            format!("[[role]] {:?}: trust", role.id),
            role.trust.as_str(),
        );
        want(format!("[[role]] {:?}: policy", role.id), &role.policy);
    }
    for machine in &manifest.state_machines {
        want(
            format!("[[state_machine]] {:?}: definition", machine.id),
            &machine.definition,
        );
    }
    for payload in &manifest.payloads {
        want(
            format!("[[payload]] {:?}: template", payload.id),
            &payload.template,
        );
    }
    for probe in &manifest.probes {
        match &probe.request {
            model::ProbeRequest::Api { body, .. } => {
                want(format!("[[probe]] {:?}: body", probe.id), body)
            }
            model::ProbeRequest::Execution { input, .. } => {
                want(format!("[[probe]] {:?}: input", probe.id), input)
            }
            model::ProbeRequest::LogEvents { .. } => {}
        }
    }
    let must_be_json = |path: &str| {
        manifest
            .roles
            .iter()
            .any(|role| role.trust == path || role.policy == path)
            || manifest
                .state_machines
                .iter()
                .any(|machine| machine.definition == path)
    };
    for (path, whose) in wanted {
        let file = format!("templates/{path}");
        let Some(bytes) = files.get(&file) else {
            problems.add(
                MANIFEST,
                format!("{whose} = {path:?}: there is no file {file}"),
            );
            continue;
        };
        if must_be_json(path) && !path.ends_with(".json") {
            problems.add(MANIFEST, format!("{whose} = {path:?} must end in .json, so that it is escaped and checked as JSON"));
        }
        match std::str::from_utf8(bytes) {
            Err(error) => {
                problems.add(file, format!("is not UTF-8: {error}"));
            }
            Ok(source) => {
                for problem in templates.add_file(path, source) {
                    problems.add(file.as_str(), problem);
                }
            }
        }
    }
    for (key, source) in texts(manifest) {
        for problem in templates.add_text(&key, source) {
            problems.add(MANIFEST, format!("{key}: {problem}"));
        }
    }
    templates
}

/// Texts of the manifest that are templates themselves, by the key under which they are compiled; the key says
/// to a person where the text stands.
fn texts(manifest: &Manifest) -> Vec<(String, &str)> {
    let mut texts: Vec<(String, &str)> = Vec::new();
    for role in &manifest.roles {
        texts.push((name_key("role", &role.id), &role.name));
    }
    for function in &manifest.functions {
        texts.push((name_key("function", &function.id), &function.name));
        for (variable, value) in &function.environment {
            texts.push((environment_key(&function.id, variable), value));
        }
    }
    for machine in &manifest.state_machines {
        texts.push((name_key("state_machine", &machine.id), &machine.name));
    }
    for api in &manifest.rest_apis {
        texts.push((name_key("rest_api", &api.id), &api.name));
    }
    for output in &manifest.outputs {
        texts.push((output_key(&output.id), &output.value));
    }
    texts
}

fn name_key(what: &str, id: &str) -> String {
    format!("[[{what}]] {id:?}: name")
}

fn environment_key(function: &str, variable: &str) -> String {
    format!("[[function]] {function:?}: environment.{variable}")
}

fn output_key(id: &str) -> String {
    format!("[[output]] {id:?}: value")
}

/// Packs every code folder that the manifest names.
fn pack(manifest: &Manifest, files: &Files, problems: &mut Problems) -> BTreeMap<String, Code> {
    let mut codes = BTreeMap::new();
    for function in &manifest.functions {
        let whose = format!("[[function]] {:?}", function.id);
        let folder = function.code.as_str();
        let content = code::files_of(files, folder);
        if content.is_empty() {
            problems.add(
                MANIFEST,
                format!("{whose}: code = {folder:?}: there are no files in lambdas/{folder}/"),
            );
            continue;
        }
        let runtime = function.runtime.as_deref();
        let runtime = runtime
            .or_else(|| manifest.settings.get("runtime")?.as_str())
            .unwrap_or_default();
        match function.handler.rsplit_once('.') {
            Some((module, entry)) if !module.is_empty() && !entry.is_empty() => {
                let file = format!("{}.py", module.replace('.', "/"));
                if runtime.starts_with("python") && !content.iter().any(|(path, _)| *path == file) {
                    let cause = format!(
                        "{whose}: handler = {:?}: there is no file lambdas/{folder}/{file}",
                        function.handler
                    );
                    problems.add(MANIFEST, cause);
                }
            }
            _ => {
                let cause = format!(
                    "{whose}: handler = {:?} is not \"<file>.<function>\"",
                    function.handler
                );
                problems.add(MANIFEST, cause);
            }
        }
        if codes.contains_key(folder) {
            continue;
        }
        match code::pack(&content) {
            Ok(code) if code.zip.len() > ZIP_MAX => {
                let cause = format!(
                    "its zip has {} bytes; Lambda takes {ZIP_MAX} in a request",
                    code.zip.len()
                );
                problems.add(format!("lambdas/{folder}"), cause);
            }
            Ok(code) => {
                codes.insert(folder.to_owned(), code);
            }
            Err(error) => {
                problems.add(
                    format!("lambdas/{folder}"),
                    format!("could not be zipped: {error}"),
                );
            }
        }
    }
    codes
}

#[cfg(test)]
mod tests;
