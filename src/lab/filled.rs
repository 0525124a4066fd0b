//! What a lab gives, tries and rehearses, filled in for one student.

use std::collections::BTreeMap;

use serde_json::Value;
use tera::Context;

use crate::ids::{ClassName, Scope, Username};
use crate::lab::Lab;
use crate::lab::context::ClassContext;
use crate::lab::given::{ExampleRequest, Output};
use crate::lab::marks::marked;
use crate::lab::model::{Probe, ProbeRequest, RehearsalStep, of_id};
use crate::lab::problems::Problems;
use crate::lab::read::output_key;
use crate::roster::Student;
use crate::stack::kinds::api::{ApiEndpoint, Authorization, answering};
use crate::text::failure::Failure;

/// The nonce with which probes are tried before there is one.
pub(super) const STAND_IN_NONCE: &str = "2standinaa";

/// Something that a scripted student does in a rehearsal, filled in.
#[expect(missing_docs, reason = "the names of the fields say it")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScriptedStep {
    /// Starts an execution, as from the console.
    Execution {
        state_machine: String,
        name: String,
        input: String,
    },
    /// Sends requests to the student's API.
    Api {
        /// Its path holds the query, too.
        route: ApiRoute,
        headers: BTreeMap<String, String>,
        /// Empty for none.
        body: String,
        /// Any of 200 to 299 where it is `None`.
        expect_http: Option<u16>,
        expect: BTreeMap<String, Value>,
        times: u32,
    },
    /// Invokes a function by itself.
    Invoke {
        function: String,
        payload: String,
        expect: BTreeMap<String, Value>,
        times: u32,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Payload {
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) text: String,
}

/// A route of a student's API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiRoute {
    /// The API's name.
    pub(crate) api: String,
    pub(crate) stage: String,
    pub(crate) method: String,
    /// Below the stage.
    pub(crate) path: String,
}

/// The event of a function that is invoked with nothing.
const NO_PAYLOAD: &str = "{}";

/// A path with its query.
fn with_query(path: &str, query: &BTreeMap<String, String>) -> String {
    let pairs = query
        .iter()
        .map(|(name, value)| format!("{}={}", percent_encoded(name), percent_encoded(value)));
    let pairs = pairs.collect::<Vec<_>>().join("&");
    match pairs.as_str() {
        "" => path.to_owned(),
        pairs => format!("{path}?{pairs}"),
    }
}

/// How the path and the query of a probe's request name the nonce.
pub(super) const NONCE: &str = "{{ nonce }}";

/// RFC 3986: all but unreserved characters.
fn percent_encoded(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(byte.into())
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

impl Lab {
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
            RehearsalStep::Execution {
                state_machine,
                name,
                payload: id,
            } => Some(ScriptedStep::Execution {
                state_machine: self.state_machine_name(state_machine, username)?,
                name: name.clone(),
                input: payload(id)?,
            }),
            RehearsalStep::Api {
                api,
                method,
                path,
                payload: id,
                query,
                headers,
                expect_http,
                expect,
                times,
            } => {
                let name = self.api_name(api, username)?;
                let routes = self.api_routes(username);
                let own = routes.iter().filter(|route| route.api == name);
                let route = answering(own, |r| (&r.method, &r.path), method, path)?;
                Some(ScriptedStep::Api {
                    route: ApiRoute {
                        method: method.clone(),
                        path: with_query(path, query),
                        ..route.clone()
                    },
                    headers: headers.clone(),
                    body: match id {
                        Some(id) => payload(id)?,
                        None => String::new(),
                    },
                    expect_http: *expect_http,
                    expect: expect.clone(),
                    times: *times,
                })
            }
            RehearsalStep::Invoke {
                function,
                payload: id,
                expect,
                times,
            } => Some(ScriptedStep::Invoke {
                function: self.function_name(function, username)?,
                payload: match id {
                    Some(id) => payload(id)?,
                    None => NO_PAYLOAD.to_owned(),
                },
                expect: expect.clone(),
                times: *times,
            }),
        });
        filled.flatten().collect()
    }

    pub(crate) fn rehearsal_step_count(&self) -> usize {
        self.manifest.rehearsal.steps.len()
    }

    /// What `validate` tries on a student's stack; its requests hold the nonce.
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
        let probes = self.fill_probes(student, &context, nonce, &mut problems);
        problems.or(probes)
    }

    pub(super) fn fill_probes(
        &self,
        student: &Student,
        context: &Context,
        nonce: &str,
        problems: &mut Problems,
    ) -> Vec<Probe> {
        let username = &student.username;
        let mut context = context.clone();
        context.insert("nonce", &marked(nonce));
        let mut documents = self.documents(student, problems);
        let mut fill = |request: &mut ProbeRequest| {
            match request {
                ProbeRequest::Api {
                    api,
                    api_type,
                    stage,
                    body,
                    path,
                    query,
                    ..
                } => {
                    let entry = of_id(&self.manifest.apis, api)?;
                    *api_type = entry.api_type;
                    stage.clone_from(&entry.stage);
                    *api = entry.pattern.name(username);
                    let with_nonce = |text: &String| text.replace(NONCE, &marked(nonce));
                    query
                        .values_mut()
                        .for_each(|value| *value = with_nonce(value));
                    *path = with_query(&with_nonce(path), query);
                    if let Some(body) = body {
                        *body = documents.text(body, &context).unwrap_or_default();
                    }
                }
                ProbeRequest::Invoke {
                    function, payload, ..
                } => {
                    *function = self.function_name(function, username)?;
                    let filled = payload.as_ref().map_or_else(
                        || Some(NO_PAYLOAD.to_owned()),
                        |path| documents.text(path, &context),
                    );
                    *payload = Some(filled.unwrap_or_default());
                }
                ProbeRequest::Execution {
                    state_machine,
                    input,
                    ..
                } => {
                    *state_machine = self.state_machine_name(state_machine, username)?;
                    *input = documents.text(input, &context).unwrap_or_default();
                }
                ProbeRequest::LogEvents { functions } => {
                    let ids = functions.iter();
                    *functions = ids
                        .filter_map(|id| self.function_name(id, username))
                        .collect();
                }
            }
            Some(())
        };
        let mut probes = self.manifest.probes.clone();
        probes.retain_mut(|probe| fill(&mut probe.request).is_some());
        probes
    }

    /// What a student is given. Left out are outputs that need the id or URL of an API that is not in `apis` (by API
    /// name).
    pub(crate) fn outputs(
        &self,
        scope: &Scope,
        class: &ClassName,
        student: &Student,
        apis: &BTreeMap<String, ApiEndpoint>,
    ) -> Vec<Output> {
        let context = ClassContext::new(self, scope, class).student(student, apis);
        let outputs = self.manifest.outputs.iter().filter_map(|output| {
            let value = self.templates.text(&output_key(&output.id), &context);
            Some(Output {
                id: output.id.clone(),
                label: output.label.clone(),
                value: value.ok()?,
            })
        });
        outputs.collect()
    }

    pub(crate) fn payloads(
        &self,
        scope: &Scope,
        class: &ClassName,
        student: &Student,
    ) -> Vec<Payload> {
        let context = ClassContext::new(self, scope, class).student(student, &BTreeMap::new());
        let payloads = self.manifest.payloads.iter().filter_map(|payload| {
            Some(Payload {
                id: payload.id.clone(),
                title: payload.title.clone(),
                text: self.templates.file(&payload.template, &context).ok()?,
            })
        });
        payloads.collect()
    }

    /// The example payloads as requests to the student's deployed APIs (by API name): each payload to every
    /// route that takes a body.
    pub(crate) fn example_requests(
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
            requests.extend(payloads.iter().cloned().map(|payload| {
                let (id, title) = match several {
                    true => (
                        format!("{target} {}", payload.id),
                        format!("{}, {target}", payload.title),
                    ),
                    false => (payload.id, payload.title),
                };
                ExampleRequest {
                    id,
                    title,
                    method: route.method.clone(),
                    url: format!("{}{}", endpoint.url, route.path),
                    body: payload.text,
                    sigv4: self.signature(&route.api, scope, &student.username),
                }
            }));
        }
        requests
    }

    /// What curl needs to sign a request to an API that asks for it.
    pub(super) fn signature(
        &self,
        api: &str,
        scope: &Scope,
        username: &Username,
    ) -> Option<String> {
        let mut apis = self.manifest.apis.iter();
        let found = apis.find(|entry| entry.pattern.name(username) == api)?;
        let signed = found.limits.authorization == Authorization::AwsIam;
        signed.then(|| format!("aws:amz:{}:execute-api", scope.region))
    }

    /// One example payload for a student; `None` when the lab has none of that id.
    pub(crate) fn payload(
        &self,
        id: &str,
        scope: &Scope,
        class: &ClassName,
        student: &Student,
    ) -> Option<String> {
        let mut payloads = self.payloads(scope, class, student).into_iter();
        payloads
            .find(|payload| payload.id == id)
            .map(|payload| payload.text)
    }

    pub(crate) fn api_routes(&self, username: &Username) -> Vec<ApiRoute> {
        let routes = self.manifest.apis.iter().flat_map(|api| {
            api.routes.iter().map(move |route| ApiRoute {
                api: api.pattern.name(username),
                stage: api.stage.clone(),
                method: route.method.clone(),
                path: route.path.clone(),
            })
        });
        routes.collect()
    }

    /// A student's APIs as they may be once they are deployed, for trying templates before.
    pub(super) fn stand_in_apis(&self, username: &Username) -> BTreeMap<String, ApiEndpoint> {
        let apis = self.manifest.apis.iter().map(|api| {
            let endpoint = ApiEndpoint {
                // As long as AWS's.
                id: "a1b2c3d4e5".into(),
                url: "https://id.example".into(),
            };
            (api.pattern.name(username), endpoint)
        });
        apis.collect()
    }
}
