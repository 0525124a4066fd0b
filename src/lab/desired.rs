//! A lab filled in for every student: what should be, and everything that is wrong with it.

use std::collections::{BTreeMap, HashMap};

use tera::Context;

use crate::ids::{ClassName, Scope};
use crate::lab::Lab;
use crate::lab::access::BOUNDARY;
use crate::lab::context::ClassContext;
use crate::lab::document::Documents;
use crate::lab::filled::STAND_IN_NONCE;
use crate::lab::model::MANIFEST;
use crate::lab::model::{
    ApiEntry, Architecture, FunctionEntry, RoleEntry, StateMachineEntry, entry_key,
};
use crate::lab::policy_grammar::{trusted, trusts};
use crate::lab::problems::Problems;
use crate::lab::read::{environment_key, layer_key, output_key};
use crate::roster::Student;
use crate::stack::kinds::api::{self, RouteSpec};
use crate::stack::kinds::function::{self, ENVIRONMENT_MAX, FunctionOptions};
use crate::stack::kinds::log_group;
use crate::stack::kinds::managed_policy::{self, DOCUMENT_MAX, Purpose};
use crate::stack::kinds::role::{self, INLINE_MAX, TRUST_MAX};
use crate::stack::kinds::state_machine::{self, DEFINITION_MAX};
use crate::stack::kinds::{Desired, Stack};
use crate::stack::ownership::Owner;
use crate::text::failure::Failure;

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
                owner: &owner,
                context,
                documents: self.documents(student, &mut problems),
            };
            let stack = renderer.stack();
            stacks.push(Stack { owner, ..stack });
        }
        check_names(&stacks, &mut problems);
        problems.or(Desired {
            scope: scope.clone(),
            class: class.clone(),
            lab: self.id().clone(),
            stacks,
        })
    }

    pub(super) fn documents<'a>(
        &'a self,
        student: &'a Student,
        problems: &'a mut Problems,
    ) -> Documents<'a> {
        Documents {
            templates: &self.templates,
            student: &student.username,
            problems,
            ends: self.ends,
        }
    }

    /// Tries the templates that are rendered only later, so that their faults are known before anything is touched.
    fn check_extras(
        &self,
        contexts: &ClassContext<'_>,
        student: &Student,
        context: &Context,
        problems: &mut Problems,
    ) {
        let probes = self.fill_probes(student, context, STAND_IN_NONCE, problems);
        self.check_nonces(student, context, &probes, problems);
        for payload in &self.manifest.payloads {
            let mut documents = self.documents(student, problems);
            documents.text(&payload.template, context);
        }
        // Outputs and access name deployed APIs, so this tries them with APIs that look deployed.
        let deployed = contexts.student(student, &self.stand_in_apis(&student.username));
        self.check_access(student, context, &deployed, problems);
        for output in &self.manifest.outputs {
            let key = output_key(&output.id);
            if let Err(error) = self.templates.text(&key, &deployed)
                && self.templates.has_text(&key)
            {
                let place = self.manifest.place_of("output", &output.id);
                problems.add_for(&student.username, place, format!("{key}: {error}"));
            }
        }
    }
}

/// Names must be unique in the account's region. IAM ignores case when it compares names, so this does for every kind.
fn check_names(stacks: &[Stack], problems: &mut Problems) {
    let mut seen = HashMap::new();
    for stack in stacks {
        for resource in stack.resource_ids() {
            let key = (resource.kind, resource.name.to_ascii_lowercase());
            if let Some(other) = seen.insert(key, stack.student()) {
                let student = stack.student();
                let cause = format!("students {other} and {student} would both have this name");
                problems.add(resource.to_string(), cause).hint =
                    Some("change one of the two usernames".into());
            }
        }
    }
}

/// Renders one student's stack. What fails becomes a problem, and an empty value stands in its place.
struct Renderer<'a> {
    lab: &'a Lab,
    scope: &'a Scope,
    owner: &'a Owner,
    context: Context,
    documents: Documents<'a>,
}

impl Renderer<'_> {
    fn stack(&mut self) -> Stack {
        let (lab, manifest, owner) = (self.lab, &self.lab.manifest, self.owner);
        for pattern in lab.name_patterns() {
            let (name, most) = (pattern.name(&owner.student), pattern.name_max());
            if name.len() > most {
                let cause = format!("has {} characters; AWS takes {most}", name.len());
                self.documents
                    .say(format!("{} {name}", pattern.kind), cause);
            }
        }
        // Roles are made before any API, so their boundary names none.
        let boundary = manifest.access.as_ref().map(|access| managed_policy::Spec {
            name: Purpose::Roles.name(self.scope, owner),
            document: self.boundary(&access.boundary).into(),
        });
        let boundary_arn = boundary
            .as_ref()
            .map(|policy| self.scope.policy_arn(&owner.class, &policy.name));
        let (roles, functions) = (manifest.roles.iter(), manifest.functions.iter());
        let (machines, apis) = (manifest.state_machines.iter(), manifest.apis.iter());
        Stack {
            owner: owner.clone(),
            roles: roles
                .map(|role| self.role(role, boundary_arn.clone()))
                .collect(),
            boundary,
            log_groups: manifest
                .log_groups()
                .map(|pattern| log_group::Spec {
                    name: pattern.name(&owner.student),
                    retention_days: lab.retention_days(),
                })
                .collect(),
            functions: functions.filter_map(|f| self.function(f)).collect(),
            state_machines: machines.map(|m| self.state_machine(m)).collect(),
            apis: apis.map(|api| self.api(api)).collect(),
        }
    }

    fn boundary(&mut self, path: &str) -> serde_json::Value {
        let context = &self.context;
        let documents = &mut self.documents;
        let document = documents.permissions(path, BOUNDARY, DOCUMENT_MAX, context);
        document.unwrap_or_default()
    }

    fn role(&mut self, role: &RoleEntry, boundary: Option<String>) -> role::Spec {
        let (documents, context) = (&mut self.documents, &self.context);
        // Who may assume it does not end: code that cannot take its role leaves no word of why.
        let trust = documents.trust(&role.trust, "trust policy", TRUST_MAX, context);
        let policy = documents.permissions(&role.policy, "inline policy", INLINE_MAX, context);
        if let Some(trust) = &trust {
            self.check_trust(role, trust);
        }
        role::Spec {
            name: role.pattern.name(&self.owner.student),
            trust: trust.unwrap_or_default().into(),
            policy: policy.unwrap_or_default().into(),
            boundary,
            until: self.lab.ends,
        }
    }

    /// What runs with a role must be able to assume it: AWS refuses to make a function or state machine that cannot.
    fn check_trust(&mut self, role: &RoleEntry, trust: &serde_json::Value) {
        // What has no statement is told as such.
        if trust.get("Statement").is_none() {
            return;
        }
        let m = &self.lab.manifest;
        let functions = m.functions.iter().filter(|f| f.role == role.id);
        let functions = functions.map(|f| ("function", &f.id, "lambda.amazonaws.com"));
        let machines = m.state_machines.iter().filter(|s| s.role == role.id);
        let machines = machines.map(|s| ("state machine", &s.id, "states.amazonaws.com"));
        let mut told = Vec::new();
        for (what, id, service) in functions.chain(machines) {
            if trusts(trust, service) || told.contains(&service) {
                continue;
            }
            told.push(service);
            let named = match trusted(trust).join(", ") {
                none if none.is_empty() => "no service".to_owned(),
                services => services,
            };
            let cause = format!(
                "{what} {id:?} has the role {:?}, and this trust policy lets {named} assume it, not {service}",
                role.id
            );
            let subject = format!("templates/{}", role.trust);
            let student = &self.owner.student;
            let problem = self.documents.problems.add_for(student, subject, cause);
            problem.hint = Some(format!(
                "write \"Principal\": {{ \"Service\": \"{service}\" }} and \"Action\": \"sts:AssumeRole\""
            ));
        }
    }

    fn role_name(&self, id: &str) -> String {
        self.lab.role_name(id, &self.owner.student)
    }

    fn function(&mut self, function: &FunctionEntry) -> Option<function::Spec> {
        let manifest = &self.lab.manifest;
        let mut environment = BTreeMap::new();
        for variable in function.environment.keys() {
            let key = environment_key(&function.id, variable);
            match self.lab.templates.text(&key, &self.context) {
                Ok(value) => {
                    environment.insert(variable.clone(), value);
                }
                Err(_) if !self.lab.templates.has_text(&key) => {}
                Err(error) => {
                    let place = manifest.place_of("function", &function.id);
                    self.documents.say(place, format!("{key}: {error}"));
                }
            }
        }
        // Lambda counts the names and values as JSON.
        let size = serde_json::to_string(&environment).map_or(0, |json| json.len());
        if size > ENVIRONMENT_MAX {
            let whose = entry_key("function", &function.id, "environment");
            let cause = format!("{whose} has {size} bytes; Lambda takes {ENVIRONMENT_MAX}");
            self.documents.say(MANIFEST, cause);
        }
        let default_runtime = self.lab.text_setting("runtime");
        let runtime = function.runtime.as_deref().unwrap_or(default_runtime);
        let options = FunctionOptions {
            arm64: function.architecture == Architecture::Arm64,
            layers: self.layers(function),
            tracing: function.tracing,
            ephemeral_storage_mib: function.ephemeral_storage_mib,
            deployed: None,
        };
        Some(function::Spec {
            options,
            name: function.pattern.name(&self.owner.student),
            role: self.role_name(&function.role),
            runtime: runtime.to_owned(),
            handler: function.handler.clone(),
            timeout_s: function.timeout_s,
            memory_mib: function.memory_mib,
            environment,
            reserved_concurrency: function.reserved,
            // Always there: a folder that could not be packed is a failure of parsing.
            code: self.lab.codes.get(&function.code)?.clone(),
        })
    }

    fn layers(&mut self, function: &FunctionEntry) -> Vec<String> {
        let mut layers = Vec::new();
        let (partition, region) = (&self.scope.partition, &self.scope.region);
        let begin = format!("arn:{partition}:lambda:{region}:");
        for index in 0..function.layers.len() {
            let key = layer_key(&function.id, index);
            match self.lab.templates.text(&key, &self.context) {
                Ok(arn) => {
                    let version = arn.strip_prefix(&begin).and_then(|rest| {
                        rest.split_once(":layer:")?
                            .1
                            .split_once(':')?
                            .1
                            .parse::<u64>()
                            .ok()
                    });
                    if version.is_none() {
                        let cause = format!(
                            "{key} is {arn:?}, not the ARN of a layer's version in the class's region \
                             ({begin}ACCOUNT:layer:NAME:VERSION)"
                        );
                        let place = self.lab.manifest.place_of("function", &function.id);
                        self.documents.say(place, cause);
                    }
                    layers.push(arn);
                }
                Err(_) if !self.lab.templates.has_text(&key) => {}
                Err(error) => {
                    let place = self.lab.manifest.place_of("function", &function.id);
                    self.documents.say(place, format!("{key}: {error}"));
                }
            }
        }
        layers
    }

    fn state_machine(&mut self, entry: &StateMachineEntry) -> state_machine::Spec {
        let definition = self.documents.definition(&entry.definition, &self.context);
        let definition = definition.unwrap_or_default();
        let machine = state_machine::Spec {
            name: entry.pattern.name(&self.owner.student),
            workflow_type: entry.workflow_type,
            role: self.role_name(&entry.role),
            definition: definition.into(),
            tracing: entry.tracing,
            logging: entry.logging(),
        };
        if !machine.definition.is_null() {
            let subject = format!("templates/{}", entry.definition);
            let length = machine
                .signed_definition(self.scope, self.owner)
                .chars()
                .count();
            if length > DEFINITION_MAX {
                let cause =
                    format!("has {length} characters; Step Functions takes {DEFINITION_MAX}");
                self.documents.say(subject, cause);
            }
        }
        machine
    }

    fn api(&self, api: &ApiEntry) -> api::Spec {
        let student = &self.owner.student;
        let routes = api.routes.iter().map(|route| RouteSpec {
            method: route.method.clone(),
            path: route.path.clone(),
            function: self
                .lab
                .function_name(&route.function, student)
                .unwrap_or_default(),
        });
        api::Spec {
            api_type: api.api_type,
            name: api.pattern.name(student),
            stage: api.stage.clone(),
            authorization: api.limits.authorization,
            throttle: api.limits.throttle,
            routes: routes.collect(),
        }
    }
}
