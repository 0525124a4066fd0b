//! Whether what a lab's probes start can be told from the students' work: by the nonce that they send.

use std::collections::BTreeMap;

use serde_json::Value;
use tera::Context;

use crate::ids::{ClassName, Scope};
use crate::lab::Lab;
use crate::lab::check::Proof;
use crate::lab::context::ClassContext;
use crate::lab::filled::{NONCE, STAND_IN_NONCE};
use crate::lab::marks::marked;
use crate::lab::model::{MANIFEST, Probe, ProbeRequest, of_id};
use crate::lab::patterns::{Share, statements};
use crate::lab::problems::Problems;
use crate::roster::Student;
use crate::stack::kinds::api::answering;

/// Whether a method only reads, by HTTP's rules.
fn reads(method: &str) -> bool {
    matches!(method, "GET" | "HEAD" | "OPTIONS")
}

/// Where what a probe sends is written.
fn subject(template: Option<&String>, probe: &Probe) -> String {
    match template {
        Some(path) => format!("templates/{path}"),
        None => format!("{MANIFEST}: [[probe]] {:?}", probe.id),
    }
}

impl Lab {
    /// A later reading must recognise the executions that `validate` made the API start.
    pub(super) fn check_nonces(
        &self,
        student: &Student,
        context: &Context,
        probes: &[Probe],
        problems: &mut Problems,
    ) {
        let nonce_in = &self.manifest.marks.nonce_in;
        let starts_nothing = self.manifest.state_machines.is_empty();
        for (probe, entry) in probes.iter().zip(&self.manifest.probes) {
            let (what, path) = match (&probe.request, &entry.request) {
                (
                    ProbeRequest::Api {
                        body,
                        method,
                        expect_http,
                        expect_end,
                        ..
                    },
                    ProbeRequest::Api {
                        body: template,
                        path,
                        query,
                        ..
                    },
                ) => {
                    // What only reads starts nothing.
                    if (reads(method) && expect_end.is_none())
                        || !(200..300).contains(expect_http)
                        || starts_nothing
                    {
                        continue;
                    }
                    // What the function puts into the input of it, homeroom cannot know here.
                    let mut sent = query.values().chain([path]);
                    if !nonce_in.is_empty() && sent.any(|text| text.contains(NONCE)) {
                        continue;
                    }
                    if body.is_none() {
                        let cause = format!(
                            "what it starts could not be told from the student's work: put {NONCE} into its path or a value of its \
                             query, have the function put that into the execution's input, and its place there into nonce_in of \
                             [marks]"
                        );
                        let place = self.manifest.place_of("probe", &probe.id);
                        let cause = format!("[[probe]] {:?}: {cause}", probe.id);
                        problems.add_for(&student.username, place, cause);
                        continue;
                    }
                    (body, template)
                }
                (
                    ProbeRequest::Invoke { payload, .. },
                    ProbeRequest::Invoke {
                        function,
                        payload: path,
                        ..
                    },
                ) => {
                    let bears = payload
                        .as_ref()
                        .is_some_and(|text| text.contains(&marked(STAND_IN_NONCE)));
                    if !bears && self.counts_invocations_of(function) {
                        let cause = format!(
                            "a check counts the invocations of function {function:?}, and this one would count as every \
                             student's work: put {NONCE} into a value of the probe's payload, and have the function \
                             write that value into its line"
                        );
                        problems.add_for(&student.username, subject(path.as_ref(), probe), cause);
                    }
                    // What the function puts into the input, homeroom cannot know here, either.
                    if (bears && !nonce_in.is_empty())
                        || !self.counts_executions()
                        || !self.may_start_executions(function, context)
                    {
                        continue;
                    }
                    (payload, path)
                }
                _ => continue,
            };
            let json = what.as_deref().map(serde_json::from_str::<Value>);
            let json = json.and_then(Result::ok).unwrap_or_default();
            let bears = |pointer: &String| {
                let value = json.pointer(pointer).and_then(Value::as_str);
                value.is_some_and(|text| text.contains(&marked(STAND_IN_NONCE)))
            };
            if !nonce_in.iter().any(bears) {
                let cause = format!(
                    "what it starts could not be told from the student's work: put {NONCE} into a value that the execution's \
                     input keeps, and its place into nonce_in of [marks]"
                );
                problems.add_for(&student.username, subject(path.as_ref(), probe), cause);
            }
        }
    }

    /// Whether any check is about executions.
    fn counts_executions(&self) -> bool {
        self.manifest.checks.iter().any(|check| {
            matches!(
                &check.proof,
                Proof::Executions { .. }
                    | Proof::LogEvents {
                        own_execution_of: Some(_),
                        ..
                    }
            )
        })
    }

    /// Whether a function's role lets it start executions. Without that right it starts none, whatever its code does.
    fn may_start_executions(&self, function: &str, context: &Context) -> bool {
        let role = of_id(&self.manifest.functions, function)
            .and_then(|function| of_id(&self.manifest.roles, &function.role));
        // What cannot be filled in is said where the role is.
        let policy = role.and_then(|role| self.templates.file(&role.policy, context).ok());
        let policy: Value = policy
            .and_then(|text| serde_json::from_str(&text).ok())
            .unwrap_or_default();
        let statements = statements(&policy);
        let mut allowing = statements.iter().filter(|statement| statement.allows);
        allowing.any(|one| one.part_of("states:StartExecution", "*") > Share::None)
    }

    /// Probes that may start an execution without a word of homeroom's in it, although they look as if they only read.
    pub(crate) fn unmarked_reads(
        &self,
        scope: &Scope,
        class: &ClassName,
        student: &Student,
    ) -> Vec<String> {
        let context = ClassContext::new(self, scope, class).student(student, &BTreeMap::new());
        let mut said = Vec::new();
        for probe in &self.manifest.probes {
            let ProbeRequest::Api {
                api,
                method,
                path,
                query,
                expect_http,
                expect_end: None,
                ..
            } = &probe.request
            else {
                continue;
            };
            let mut sent = query.values().chain([path]);
            let refused = !(200..300).contains(expect_http);
            if !reads(method) || refused || sent.any(|text| text.contains(NONCE)) {
                continue;
            }
            let entry = of_id(&self.manifest.apis, api);
            let routes = entry.map_or(&[][..], |api| &api.routes);
            let route = answering(routes, |r| (&r.method, &r.path), method, path);
            let Some(route) = route.filter(|r| self.may_start_executions(&r.function, &context))
            else {
                continue;
            };
            said.push(format!(
                "{}: {method} {path} asks function {:?}, whose role may start executions; if this request starts one, it counts \
                 as every student's work: put {NONCE} into the path or a value of the query, have the function put that into the \
                 execution's input, and its place there into nonce_in of [marks]",
                self.manifest.place_of("probe", &probe.id),
                route.function
            ));
        }
        said
    }

    /// Whether a check counts the lines that a function writes for its invocations.
    fn counts_invocations_of(&self, id: &str) -> bool {
        self.manifest.checks.iter().any(
            |check| matches!(&check.proof, Proof::Invocations { function, .. } if function == id),
        )
    }
}
