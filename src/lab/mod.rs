//! The lab bundle: what a student's stack is made of, what proves that the lab is done, and how a stack is
//! tried. Everything of a particular lab stands in its bundle; nothing of it is written here.
//!
//! ```text
//! Files ─► parse ─► Lab ─► desired(class, students) ─► Desired
//!                    ├──► probes, payloads, outputs, access, handout (a student)
//!                    └──► checks, starter_of, name_patterns (the lab)
//! ```
//!
//! A bundle is checked twice, before anything is touched: by [`Lab::parse`] as it stands, and by
//! [`Lab::desired`] as it is filled in for every student. Both say every problem at once.

pub mod access;
pub mod asl;
pub mod bundle;
pub mod check;
mod code;
mod context;
mod desired;
pub mod given;
mod handout;
pub mod marks;
mod model;
pub mod points;
mod problems;
mod read;
mod risks;
mod settle;
mod template;
mod verify;

use std::collections::BTreeMap;

pub use access::AccessPolicies;
pub use code::is_shipped;
pub use handout::Surroundings;
pub use model::EndState;
pub use risks::{Reach, Risk};

use crate::ids::{ClassName, LabId, Scope, Username};
use crate::lab::check::{Check, Proof};
use crate::lab::given::{ExampleRequest, Output};
use crate::lab::marks::Marks;
use crate::roster::{Roster, Student, UsernameLimit};
use crate::stack::kinds::function::Code;
use crate::stack::kinds::rest_api::{Authorization, Throttle};
use crate::stack::names::{NamePattern, username_limit};
use crate::stack::observed::ApiEndpoint;
use crate::text::failure::Failure;
use crate::text::unwanted::shown;
use context::ClassContext;
use model::Manifest;
use problems::Problems;
use read::{compile, output_key, pack, read_manifest};
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
    names: Names,
    handout: handout::Parts,
    /// In the order of the manifest's REST APIs.
    api_limits: Vec<ApiLimits>,
    /// What is reserved for each function, in the manifest's order.
    reserved: Vec<Option<u32>>,
}

/// Who may call a REST API, and how often.
#[derive(Debug, Clone, Copy, Default)]
struct ApiLimits {
    authorization: Authorization,
    throttle: Option<Throttle>,
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
        let mut templates = compile(&manifest, &files, &mut problems);
        let handout = handout::read(&manifest, &files, &mut templates, &mut problems);
        let codes = pack(&manifest, &files, &mut problems);
        let mut lab = Self {
            settings: manifest.settings.clone(),
            manifest,
            templates,
            codes,
            names: Names::default(),
            handout,
            api_limits: Vec::new(),
            reserved: Vec::new(),
        };
        lab.settle(&mut problems);
        if problems.is_empty() {
            lab.try_handout(&mut problems);
        }
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

    /// Refuses a roster with a column that a template names and that may not be shown.
    ///
    /// # Errors
    /// Each such column, with what to write into the settings.
    pub fn check_columns(&self, roster: &Roster) -> Result<(), Vec<Failure>> {
        let hidden = |column: &&String| roster.kept_back.headers.contains(*column);
        let named = self.templates.columns().iter();
        let failures: Vec<Failure> = named
            .filter(|(column, _)| hidden(column))
            .map(|(column, whose)| Failure {
                subject: whose.clone(),
                cause: format!(
                    "uses the roster's column {}, which may not be shown",
                    shown(column)
                ),
                request_id: None,
                hint: Some(format!(
                    "allow it in homeroom.toml: publish-columns = [{column:?}]; students see what a template makes of it"
                )),
            })
            .collect();
        match failures.is_empty() {
            true => Ok(()),
            false => Err(failures),
        }
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
        username_limit(&self.name_patterns())
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

    /// What `validate` tries on a student's stack; its requests bear the nonce.
    ///
    /// # Errors
    /// Templates that cannot be filled in. [`Lab::desired`] finds the same ones.
    pub fn probes(
        &self,
        scope: &Scope,
        class: &ClassName,
        student: &Student,
        nonce: &str,
    ) -> Result<Vec<Probe>, Vec<Failure>> {
        let context = ClassContext::new(self, scope, class).student(student, &BTreeMap::new());
        let mut problems = Problems::default();
        let probes = self.render_probes(student, &context, nonce, &mut problems);
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

    /// The example payloads as requests to the student's deployed APIs (by API name): each payload to every
    /// route that takes a body.
    pub fn example_requests(
        &self,
        scope: &Scope,
        class: &ClassName,
        student: &Student,
        apis: &BTreeMap<String, ApiEndpoint>,
    ) -> Vec<ExampleRequest> {
        let payloads = self.payloads(scope, class, student);
        let takes_body = |route: &&ApiRoute| matches!(&*route.method, "POST" | "PUT" | "PATCH");
        let routes = self.api_routes(&student.username);
        let several = routes.iter().filter(takes_body).count() > 1;
        let mut requests = Vec::new();
        for route in routes.iter().filter(takes_body) {
            let Some(endpoint) = apis.get(&route.api) else {
                continue;
            };
            let target = format!("{} {}", route.method, route.path);
            requests.extend(payloads.iter().map(|payload| ExampleRequest {
                id: match several {
                    true => format!("{target} {}", payload.id),
                    false => payload.id.clone(),
                },
                title: match several {
                    true => format!("{}, {target}", payload.title),
                    false => payload.title.clone(),
                },
                method: route.method.clone(),
                url: format!("{}{}", endpoint.url, route.path),
                body: payload.text.clone(),
                sigv4: self.signature(&route.api, scope, &student.username),
            }));
        }
        requests
    }

    /// What curl needs to sign a request to an API that asks for it.
    fn signature(&self, api: &str, scope: &Scope, username: &Username) -> Option<String> {
        let mut apis = self.names.rest_apis.iter().zip(&self.api_limits);
        let (_, limits) = apis.find(|(pattern, _)| pattern.name(username) == api)?;
        let signed = limits.authorization == Authorization::AwsIam;
        signed.then(|| format!("aws:amz:{}:execute-api", scope.region))
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

    /// How executions and log events are told apart.
    pub fn marks(&self) -> &Marks {
        &self.manifest.marks
    }

    /// JSON pointers into an execution's input that the checks or the marks look at.
    pub fn input_pointers(&self) -> Vec<String> {
        let marks = &self.manifest.marks;
        let of_marks = marks.pointers();
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
}

#[cfg(test)]
mod tests;
