//! A lab filled in for every student: what should be, and everything that is wrong with it.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;
use tera::Context;

use crate::ids::{ClassName, Scope, Username};
use crate::lab::access::STAND_IN_API_ID;
use crate::lab::context::ClassContext;
use crate::lab::marks::marked;
use crate::lab::model;
use crate::lab::problems::Problems;
use crate::lab::read::{environment_key, output_key};
use crate::lab::verify::MANIFEST;
use crate::lab::{ApiLimits, Lab, Probe, ProbeRequest, asl};
use crate::roster::Student;
use crate::stack::desired::{Desired, Stack};
use crate::stack::kinds::function::{ENVIRONMENT_MAX, Function};
use crate::stack::kinds::log_group::LogGroup;
use crate::stack::kinds::managed_policy::{ManagedPolicy, Purpose};
use crate::stack::kinds::rest_api::{RestApi, Route};
use crate::stack::kinds::role::{INLINE_MAX, Role, TRUST_MAX};
use crate::stack::kinds::state_machine::{DEFINITION_MAX, StateMachine};
use crate::stack::observed::ApiEndpoint;
use crate::stack::ownership::Owner;
use crate::text::failure::Failure;
use crate::text::json::canonical;

/// The nonce with which probes are tried before there is one.
const STAND_IN_NONCE: &str = "2standinaa";

impl Lab {
    /// What a class should have: one stack a student.
    ///
    /// # Errors
    /// Everything that is wrong once the bundle is filled in, for every student and including what is
    /// rendered only later (outputs, probes, payloads): values that templates name and the roster does not
    /// have, text that is not JSON, definitions that are not well-formed, names and documents too large for
    /// AWS, names used twice. The same problem of several students is one failure.
    pub fn desired(
        &self,
        scope: &Scope,
        class: &ClassName,
        students: &[Student],
    ) -> Result<Desired, Vec<Failure>> {
        let mut problems = Problems::default();
        let contexts = ClassContext::new(self, scope, class);
        let mut stacks = Vec::with_capacity(students.len());
        for student in students {
            let owner = Owner {
                class: class.clone(),
                student: student.username.clone(),
                lab: self.id().clone(),
            };
            let context = contexts.student(student, &BTreeMap::new());
            self.check_extras(&contexts, student, &context, &mut problems);
            let mut renderer = Renderer {
                lab: self,
                scope,
                student,
                context,
                problems: &mut problems,
            };
            stacks.push(renderer.stack(owner));
        }
        check_names(&stacks, &mut problems);
        problems.or(Desired {
            scope: scope.clone(),
            class: class.clone(),
            lab: self.id().clone(),
            stacks,
        })
    }

    /// Fills in the probes.
    pub(super) fn render_probes(
        &self,
        student: &Student,
        context: &Context,
        nonce: &str,
        problems: &mut Problems,
    ) -> Vec<Probe> {
        let username = &student.username;
        let mut context = context.clone();
        context.insert("nonce", &marked(nonce));
        let mut file = |path: &str| match self.templates.file(path, &context) {
            Ok(text) => text,
            Err(error) => {
                problems.add_for(username, format!("templates/{path}"), error);
                String::new()
            }
        };
        let probes = self.manifest.probes.iter().map(|probe| {
            let request = match &probe.request {
                model::ProbeRequest::Api {
                    api,
                    method,
                    path,
                    body,
                    expect_http,
                    expect_end,
                    execution_arn_pointer,
                } => ProbeRequest::Api {
                    api: self.rest_api_name(api, username)?,
                    stage: self
                        .manifest
                        .rest_apis
                        .iter()
                        .find(|x| x.id == *api)?
                        .stage
                        .clone(),
                    method: method.clone(),
                    path: path.clone(),
                    body: file(body),
                    expect_http: *expect_http,
                    expect_end: expect_end.clone(),
                    execution_arn_pointer: execution_arn_pointer.clone(),
                },
                model::ProbeRequest::Execution {
                    state_machine,
                    input,
                    expect_end,
                } => ProbeRequest::Execution {
                    state_machine: self.state_machine_name(state_machine, username)?,
                    input: file(input),
                    expect_end: expect_end.clone(),
                },
                model::ProbeRequest::LogEvents { functions } => ProbeRequest::LogEvents {
                    functions: functions
                        .iter()
                        .filter_map(|id| self.function_name(id, username))
                        .collect(),
                },
            };
            Some(Probe {
                id: probe.id.clone(),
                title: probe.title.clone(),
                hint: probe.hint.clone(),
                deadline_s: probe.deadline_s,
                request,
            })
        });
        probes.flatten().collect()
    }

    /// Whoever reads the class must know again what `validate` made the API start.
    fn check_nonces(&self, student: &Student, probes: &[Probe], problems: &mut Problems) {
        let nonce_in = &self.manifest.marks.nonce_in;
        for (probe, model) in probes.iter().zip(&self.manifest.probes) {
            let (
                ProbeRequest::Api { body, .. },
                model::ProbeRequest::Api {
                    body: path,
                    expect_http,
                    ..
                },
            ) = (&probe.request, &model.request)
            else {
                continue;
            };
            let json = serde_json::from_str::<Value>(body).unwrap_or_default();
            let bears = |pointer: &String| {
                let value = json.pointer(pointer).and_then(Value::as_str);
                value.is_some_and(|text| text.contains(&marked(STAND_IN_NONCE)))
            };
            if (200..300).contains(expect_http) && !nonce_in.iter().any(bears) {
                problems.add_for(
                    &student.username,
                    format!("templates/{path}"),
                    "what it starts could not be told from the student's work: put {{ nonce }} into a value that the \
                     execution's input keeps, and its place into nonce_in of [marks]"
                        .to_owned(),
                );
            }
        }
    }

    /// Tries what is rendered only later, so that its faults are known before anything is touched.
    fn check_extras(
        &self,
        contexts: &ClassContext<'_>,
        student: &Student,
        context: &Context,
        problems: &mut Problems,
    ) {
        let username = &student.username;
        let mut with_nonce = context.clone();
        with_nonce.insert("nonce", &marked(STAND_IN_NONCE));
        let probes = self.render_probes(student, context, STAND_IN_NONCE, problems);
        self.check_nonces(student, &probes, problems);
        let probe_files = self
            .manifest
            .probes
            .iter()
            .filter_map(|probe| match &probe.request {
                model::ProbeRequest::Api { body, .. } => Some(body),
                model::ProbeRequest::Execution { input, .. } => Some(input),
                model::ProbeRequest::LogEvents { .. } => None,
            });
        let payloads = self
            .manifest
            .payloads
            .iter()
            .map(|p| (&p.template, context));
        for (path, context) in payloads.chain(probe_files.map(|path| (path, &with_nonce))) {
            let rendered = self.templates.file(path, context);
            let checked = rendered.and_then(|text| match path.ends_with(".json") {
                true => serde_json::from_str::<Value>(&text)
                    .map(drop)
                    .map_err(|e| not_json(&e)),
                false => Ok(()),
            });
            if let Err(error) = checked {
                problems.add_for(username, format!("templates/{path}"), error);
            }
        }
        // Outputs and access are tried with APIs that exist, since they will once the stack is deployed.
        let deployed = contexts.student(student, &self.stand_in_apis(username));
        self.check_access(student, context, &deployed, problems);
        for output in &self.manifest.outputs {
            let key = output_key(&output.id);
            if let Err(error) = self.templates.text(&key, &deployed) {
                problems.add_for(username, MANIFEST, format!("{key}: {error}"));
            }
        }
    }
}

impl Lab {
    /// A student's APIs as they may be once they are deployed.
    pub(super) fn stand_in_apis(&self, username: &Username) -> BTreeMap<String, ApiEndpoint> {
        let patterns = self.names.rest_apis.iter();
        let apis = patterns.map(|pattern| {
            let endpoint = ApiEndpoint {
                id: STAND_IN_API_ID.into(),
                url: "https://id.example".into(),
            };
            (pattern.name(username), endpoint)
        });
        apis.collect()
    }
}

pub(super) fn not_json(error: &serde_json::Error) -> String {
    format!("is not JSON once it is filled in: {error}")
}

/// What IAM would refuse of a policy document.
pub(super) fn document_problems(value: &Value, what: &str, max: usize) -> Vec<String> {
    let mut problems = Vec::new();
    if value.get("Statement").is_none() {
        problems.push(format!("is no {what}: it has no Statement"));
    }
    let length = canonical(value).chars().count();
    if length > max {
        problems.push(format!(
            "is a {what} of {length} characters; IAM takes {max}"
        ));
    }
    problems
}

/// Names must be unique in the account's region; IAM compares without regard to case, so all are held to that.
fn check_names(stacks: &[Stack], problems: &mut Problems) {
    let mut seen = HashMap::new();
    for stack in stacks {
        for resource in stack.resource_ids() {
            let key = (resource.kind, resource.name.to_ascii_lowercase());
            if let Some(other) = seen.insert(key, stack.student()) {
                let cause = format!(
                    "students {other} and {} would both have this name",
                    stack.student()
                );
                problems.add(resource.to_string(), cause).hint =
                    Some("change one of the two usernames".into());
            }
        }
    }
}

/// Renders one student's stack; what fails becomes a problem and leaves an empty value behind.
struct Renderer<'a> {
    lab: &'a Lab,
    scope: &'a Scope,
    student: &'a Student,
    context: Context,
    problems: &'a mut Problems,
}

impl Renderer<'_> {
    fn say(&mut self, subject: impl Into<String>, cause: impl Into<String>) {
        self.problems
            .add_for(&self.student.username, subject, cause);
    }

    fn json(&mut self, path: &str) -> Value {
        let rendered = self.lab.templates.file(path, &self.context);
        match rendered.and_then(|text| serde_json::from_str(&text).map_err(|e| not_json(&e))) {
            Ok(value) => value,
            Err(error) => {
                self.say(format!("templates/{path}"), error);
                Value::Null
            }
        }
    }

    fn stack(&mut self, owner: Owner) -> Stack {
        let lab = self.lab;
        let username = &self.student.username;
        for pattern in lab.name_patterns() {
            let name = pattern.name(username);
            if name.len() > pattern.name_max() {
                let cause = format!(
                    "has {} characters; AWS takes {}",
                    name.len(),
                    pattern.name_max()
                );
                self.say(format!("{} {name}", pattern.kind), cause);
            }
        }
        let named = |name: &crate::stack::names::NamePattern| name.name(username);
        let access = lab.manifest.access.as_ref();
        // Roles are made before any API, so their boundary names none.
        let boundary = access.map(|access| ManagedPolicy {
            name: Purpose::Roles.name(self.scope, &owner),
            document: self.json(&access.boundary),
        });
        let boundary_arn = boundary
            .as_ref()
            .map(|policy| self.scope.policy_arn(&owner.class, &policy.name));
        Stack {
            roles: lab
                .manifest
                .roles
                .iter()
                .zip(&lab.names.roles)
                .map(|(role, name)| Role {
                    boundary: boundary_arn.clone(),
                    ..self.role(role, named(name))
                })
                .collect(),
            boundary,
            log_groups: lab
                .names
                .log_groups
                .iter()
                .map(|name| LogGroup {
                    name: named(name),
                    retention_days: lab.retention_days(),
                })
                .collect(),
            functions: lab
                .manifest
                .functions
                .iter()
                .zip(&lab.names.functions)
                .zip(&lab.reserved)
                .filter_map(|((function, name), reserved)| {
                    let function = self.function(function, named(name))?;
                    Some(Function {
                        reserved_concurrency: *reserved,
                        ..function
                    })
                })
                .collect(),
            state_machines: lab
                .manifest
                .state_machines
                .iter()
                .zip(&lab.names.state_machines)
                .map(|(machine, name)| self.state_machine(machine, named(name), &owner))
                .collect(),
            rest_apis: lab
                .manifest
                .rest_apis
                .iter()
                .zip(&lab.names.rest_apis)
                .zip(&lab.api_limits)
                .map(|((api, name), limits)| self.rest_api(api, named(name), *limits))
                .collect(),
            owner,
        }
    }

    fn role_name(&self, id: &str) -> String {
        let index = self
            .lab
            .manifest
            .roles
            .iter()
            .position(|role| role.id == id);
        let pattern = index.and_then(|index| self.lab.names.roles.get(index));
        pattern
            .map(|p| p.name(&self.student.username))
            .unwrap_or_default()
    }

    fn role(&mut self, role: &model::Role, name: String) -> Role {
        let mut document = |path: &str, what: &str, max: usize| {
            let value = self.json(path);
            if value.is_null() {
                return value;
            }
            for problem in document_problems(&value, what, max) {
                self.say(format!("templates/{path}"), problem);
            }
            value
        };
        Role {
            trust: document(&role.trust, "trust policy", TRUST_MAX).into(),
            policy: document(&role.policy, "inline policy", INLINE_MAX).into(),
            name,
            boundary: None,
        }
    }

    fn function(&mut self, function: &model::Function, name: String) -> Option<Function> {
        let mut environment = BTreeMap::new();
        for variable in function.environment.keys() {
            let key = environment_key(&function.id, variable);
            match self.lab.templates.text(&key, &self.context) {
                Ok(value) => {
                    environment.insert(variable.clone(), value);
                }
                Err(error) => self.say(MANIFEST, format!("{key}: {error}")),
            }
        }
        // Lambda counts the names and values as JSON.
        let size = serde_json::to_string(&environment).map_or(0, |json| json.len());
        if size > ENVIRONMENT_MAX {
            let cause = format!(
                "[[function]] {:?}: environment has {size} bytes; Lambda takes {ENVIRONMENT_MAX}",
                function.id
            );
            self.say(MANIFEST, cause);
        }
        let default_runtime = self.lab.text_setting("runtime");
        Some(Function {
            name,
            role: self.role_name(&function.role),
            runtime: function
                .runtime
                .as_deref()
                .unwrap_or(default_runtime)
                .to_owned(),
            handler: function.handler.clone(),
            timeout_s: function.timeout_s,
            memory_mib: function.memory_mib,
            environment,
            reserved_concurrency: None,
            // Always there: a folder that could not be packed is a failure of parsing.
            code: self.lab.codes.get(&function.code)?.clone(),
        })
    }

    fn state_machine(
        &mut self,
        machine: &model::StateMachine,
        name: String,
        owner: &Owner,
    ) -> StateMachine {
        let definition = self.json(&machine.definition);
        let subject = format!("templates/{}", machine.definition);
        let machine = StateMachine {
            name,
            workflow_type: machine.workflow_type,
            role: self.role_name(&machine.role),
            definition: definition.into(),
        };
        if !machine.definition.is_null() {
            for problem in asl::problems(&machine.definition) {
                self.say(&subject, problem);
            }
            let length = machine.signed_definition(owner).chars().count();
            if length > DEFINITION_MAX {
                self.say(
                    subject,
                    format!("has {length} characters; Step Functions takes {DEFINITION_MAX}"),
                );
            }
        }
        machine
    }

    fn rest_api(&self, api: &model::RestApi, name: String, limits: ApiLimits) -> RestApi {
        let function = |id: &str| {
            self.lab
                .function_name(id, &self.student.username)
                .unwrap_or_default()
        };
        RestApi {
            name,
            stage: api.stage.clone(),
            authorization: limits.authorization,
            throttle: limits.throttle,
            routes: api
                .routes
                .iter()
                .map(|route| Route {
                    method: route.method.clone(),
                    path: route.path.clone(),
                    function: function(&route.function),
                })
                .collect(),
        }
    }
}
