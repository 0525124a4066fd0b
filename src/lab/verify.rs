//! Does the manifest hang together? Everything that can be said before any student is known.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use crate::lab::check::{Check, Credit, Proof, Work};
use crate::lab::filled::NONCE;
use crate::lab::marks::{Starter, is_plain_pointer};
use crate::lab::model::{
    MANIFEST, Manifest, ManifestEntry, Probe, ProbeRequest, RehearsalStep, of_id,
};
use crate::lab::problems::{Problems, known};
use crate::stack::kinds::api::answering;
use crate::stack::kinds::function::{EPHEMERAL_STORAGE_LEAST, EPHEMERAL_STORAGE_MOST, LAYERS_MAX};
use crate::stack::kinds::state_machine::WorkflowType;

/// Longest a function may run, in seconds. Source: Lambda quotas, "Function timeout".
const TIMEOUT_MAX: i32 = 900;
/// Memory of a function in MiB. Source: Lambda quotas, "Memory allocation".
const MEMORY: std::ops::RangeInclusive<i32> = 128..=10_240;
/// Source: API Gateway PutMethod, `httpMethod`.
const METHODS: [&str; 8] = [
    "GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "ANY",
];

/// Adds every problem of the manifest.
pub(super) fn manifest(manifest: &Manifest, problems: &mut Problems) {
    let mut verifier = Verifier {
        manifest,
        problems,
        entry: String::new(),
        place: MANIFEST.to_owned(),
    };
    verifier.ids();
    verifier.stack();
    verifier.marks();
    verifier.probes();
    verifier.rehearsal();
    verifier.checks();
    verifier.mistakes();
}

struct Verifier<'a> {
    manifest: &'a Manifest,
    problems: &'a mut Problems,
    /// The entry that is being checked, as messages name it.
    entry: String,
    /// Where it stands.
    place: String,
}

impl Verifier<'_> {
    fn enter(&mut self, table: &'static str, id: &str) {
        self.entry = format!("[[{table}]] {id:?}");
        self.place = self.manifest.place_of(table, id);
    }

    /// Enters a part that is no entry of a list.
    fn enter_part(&mut self, part: impl Into<String>) {
        self.entry = part.into();
        MANIFEST.clone_into(&mut self.place);
    }

    /// Adds a problem of the current entry, unless `ok`.
    fn ensure(&mut self, ok: bool, cause: impl Display) {
        if !ok {
            let cause = format!("{}: {cause}", self.entry);
            self.problems.add(self.place.as_str(), cause);
        }
    }

    fn ids(&mut self) {
        let m = self.manifest;
        self.enter_part("[lab]");
        self.ensure(!m.lab.title.trim().is_empty(), "title is empty");
        // Templates write ids of resources after a dot, where a dash would be a minus sign.
        self.unique("role", m.roles.iter().map(|e| &e.id), false);
        self.unique("function", m.functions.iter().map(|e| &e.id), false);
        let machines = m.state_machines.iter().map(|e| &e.id);
        self.unique("state_machine", machines, false);
        self.unique("api", m.apis.iter().map(|e| &e.id), false);
        self.unique("output", m.outputs.iter().map(|e| &e.id), true);
        self.unique("payload", m.payloads.iter().map(|e| &e.id), true);
        self.unique("probe", m.probes.iter().map(|e| &e.id), true);
        self.unique("check", m.checks.iter().map(|e| &e.id), true);
        self.unique("mistake", m.mistakes.iter().map(|e| &e.id), true);
    }

    fn mistakes(&mut self) {
        let m = self.manifest;
        for mistake in &m.mistakes {
            self.enter("mistake", &mistake.id);
            self.ensure(
                mistake.has_looks(),
                "it says nothing of how the mistake looks, so that it would fit every student; give reason, task, error, \
                 cause, input, http_status or change",
            );
            self.ensure(!mistake.say.trim().is_empty(), "say is empty");
            for word in mistake.unknown_words() {
                self.ensure(
                    false,
                    format_args!(
                        "{{{word}}} is nothing that it can fill in; name a group of a pattern so, as in (?<{word}>…)"
                    ),
                );
            }
            self.pointers(mistake.input.keys());
            let known = |task: &String| m.checks.iter().any(|check| check.id == *task);
            if let Some(task) = mistake.task.as_ref().filter(|task| !known(task)) {
                self.ensure(false, format_args!("task = {task:?} names no [[check]]"));
            }
        }
    }

    fn unique<'b>(
        &mut self,
        table: &'static str,
        ids: impl Iterator<Item = &'b String>,
        dashes: bool,
    ) {
        let also = if dashes { ", '-' and '_'" } else { " and '_'" };
        let fits = |c: char| {
            c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || (dashes && c == '-')
        };
        let mut seen = BTreeSet::new();
        for id in ids {
            self.enter(table, id);
            self.ensure(
                id.starts_with(|c: char| c.is_ascii_lowercase()) && id.chars().all(fits),
                format_args!(
                    "an id begins with a small letter and goes on with small letters, digits{also}"
                ),
            );
            self.ensure(seen.insert(id), "this id is used twice");
        }
    }

    fn refer<E: ManifestEntry>(&mut self, key: &str, id: &str, entries: &[E]) {
        if of_id(entries, id).is_none() {
            let cause = format!("{}: {key} = {id:?} names no [[{}]]", self.entry, E::TABLE);
            let ids = entries.iter().map(ManifestEntry::id);
            self.problems.add(self.place.as_str(), cause).hint = Some(known(E::TABLE, ids));
        }
    }

    /// A state machine whose executions homeroom must see: nobody can list or describe those of the type Express.
    fn refer_listed(&mut self, key: &str, id: &str) {
        let machines = &self.manifest.state_machines;
        self.refer(key, id, machines);
        let express = of_id(machines, id)
            .is_some_and(|machine| machine.workflow_type == WorkflowType::Express);
        if express {
            let cause = format!(
                "{}: {key} = {id:?} is of the type EXPRESS, whose executions AWS neither lists nor describes",
                self.entry
            );
            let hint = "write type = \"STANDARD\" for this state machine; or prove its work by its functions: a check of \
                        kind invocations or log-events, a probe or step of kind invoke or api";
            self.problems.add(self.place.as_str(), cause).hint = Some(hint.to_owned());
        }
    }

    /// How an execution ended shows only of a workflow whose executions can be described.
    fn ends_are_known(&mut self) {
        let mut machines = self.manifest.state_machines.iter();
        if machines.any(|machine| machine.workflow_type == WorkflowType::Standard) {
            return;
        }
        let cause = format!(
            "{}: expect_end asks how an execution ends, and the lab has no state machine of the type STANDARD: AWS describes \
             executions of no other",
            self.entry
        );
        let hint = "take expect_end out, and hold the answer itself against expect and expect_http";
        self.problems.add(self.place.as_str(), cause).hint = Some(hint.to_owned());
    }

    fn functions(&mut self, key: &str, ids: &[String]) {
        for id in ids {
            self.refer(key, id, &self.manifest.functions);
        }
    }

    fn pointers<'b>(&mut self, pointers: impl IntoIterator<Item = &'b String>) {
        for pointer in pointers {
            self.ensure(
                pointer.starts_with('/'),
                format_args!("{pointer:?} is not a JSON pointer; it must begin with '/'"),
            );
        }
    }

    fn stack(&mut self) {
        let m = self.manifest;
        for function in &m.functions {
            self.enter("function", &function.id);
            self.refer("role", &function.role, &m.roles);
            let (timeout, memory) = (function.timeout_s, function.memory_mib);
            self.ensure(
                (1..=TIMEOUT_MAX).contains(&timeout),
                format_args!("timeout_s = {timeout} is not from 1 to {TIMEOUT_MAX}"),
            );
            let (least, most) = MEMORY.into_inner();
            self.ensure(
                MEMORY.contains(&memory),
                format_args!("memory_mib = {memory} is not from {least} to {most}"),
            );
            let layers = function.layers.len();
            self.ensure(
                layers <= LAYERS_MAX,
                format_args!("it has {layers} layers; Lambda takes {LAYERS_MAX}"),
            );
            let storage = function.ephemeral_storage_mib;
            let storage = storage.unwrap_or(EPHEMERAL_STORAGE_LEAST);
            self.ensure(
                (EPHEMERAL_STORAGE_LEAST..=EPHEMERAL_STORAGE_MOST).contains(&storage),
                format_args!(
                    "ephemeral_storage_mib = {storage} is not from {EPHEMERAL_STORAGE_LEAST} to \
                     {EPHEMERAL_STORAGE_MOST}"
                ),
            );
            let runtime = function.runtime.as_deref();
            let runtime = runtime.or(m
                .settings
                .get("runtime")
                .and_then(|runtime| runtime.as_str()));
            if let Some(runtime) = runtime.filter(|runtime| !runtime.trim().is_empty()) {
                self.ensure(
                    RUNTIMES.iter().any(|family| runtime.starts_with(family)),
                    format_args!(
                        "runtime = {runtime:?} is none of Lambda's, such as \"python3.13\""
                    ),
                );
            }
            for key in function.environment.keys() {
                let begins = key.starts_with(|c: char| c.is_ascii_alphabetic());
                let fits = key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
                self.ensure(
                    begins && fits && key.len() > 1,
                    format_args!("Lambda accepts no environment variable named {key:?}"),
                );
                self.ensure(
                    !RESERVED.contains(&key.as_str()),
                    format_args!("environment: {key} is Lambda's own, which sets it by itself; name yours otherwise"),
                );
            }
        }
        for machine in &m.state_machines {
            self.enter("state_machine", &machine.id);
            self.refer("role", &machine.role, &m.roles);
            self.ensure(
                machine.logging.is_some() || !machine.include_execution_data,
                "include_execution_data = true says what a log holds, and there is none: write logging = \"ALL\", \"ERROR\" or \
                 \"FATAL\" beside it",
            );
        }
        for api in &m.apis {
            self.enter(api.table(), &api.id);
            self.ensure(
                !api.routes.is_empty(),
                format_args!(
                    "has no [[{}.route]]; API Gateway deploys no API without a method",
                    api.table()
                ),
            );
            let mut seen = BTreeSet::new();
            for route in &api.routes {
                let (method, path) = (&route.method, &route.path);
                self.refer("route.function", &route.function, &m.functions);
                self.ensure(
                    METHODS.contains(&method.as_str()),
                    format_args!("method = {method:?} is none of {}", METHODS.join(", ")),
                );
                self.ensure(
                    is_path(path),
                    format_args!("path = {path:?} is no path; write \"/\" or \"/part/part\""),
                );
                self.ensure(
                    seen.insert((method, path)),
                    format_args!("{method} {path} is there twice"),
                );
            }
        }
    }

    fn marks(&mut self) {
        let m = self.manifest;
        let marks = &m.marks;
        self.enter_part("[marks] nonce_in");
        self.pointers(&marks.nonce_in);
        self.enter_part("[marks]");
        self.ensure(
            marks.api_name_prefix.as_deref() != Some(""),
            "api_name_prefix is empty: every name begins so, and every execution would count as \
             started by the API",
        );
        let mut in_patterns: Vec<(&str, &String)> = Vec::new();
        in_patterns.extend(marks.log_execution.iter().map(|p| ("log_execution", p)));
        if let Some(log) = &marks.api_log {
            self.refer("api_log.function", &log.function, &m.functions);
            in_patterns.push(("api_log.execution", &log.execution));
            self.searchable("api_log.line", &log.line);
        }
        self.ensure(
            marks.api_refusals.is_empty() || marks.api_log.is_some(),
            "api_refusals are lines of the log that api_log names, and there is no api_log",
        );
        for refusal in &marks.api_refusals {
            self.ensure(
                !refusal.line.is_empty(),
                "a line of api_refusals is empty, so that every line of the log would be a refused request",
            );
            self.pointers(refusal.line.keys().chain([&refusal.reason]));
        }
        for (key, pointer) in in_patterns {
            self.ensure(
                is_plain_pointer(pointer),
                format_args!(
                    "{key} = {pointer:?} cannot be searched for in a log; write it like \
                     \"/execution\", with letters, digits and '_'"
                ),
            );
        }
    }

    /// Values of a JSON line that homeroom searches a log for.
    fn searchable(&mut self, key: &str, line: &BTreeMap<String, String>) {
        self.ensure(
            !line.is_empty(),
            format_args!("{key} is empty, so that every line of the log would be a proof"),
        );
        let plain = |c: char| (' '..='~').contains(&c) && !matches!(c, '"' | '\\' | '*');
        for (pointer, value) in line {
            self.ensure(
                is_plain_pointer(pointer),
                format_args!(
                    "{key} = {pointer:?} cannot be searched for in a log; write it like \
                     \"/message\", with letters, digits and '_'"
                ),
            );
            self.ensure(
                (1..=100).contains(&value.len()) && value.chars().all(plain),
                format_args!(
                    "{key} = {value:?} cannot be searched for; use 1 to 100 plain \
                     characters without '\"', '\\' and '*'"
                ),
            );
        }
    }

    fn probes(&mut self) {
        let m = self.manifest;
        for probe in &m.probes {
            self.enter("probe", &probe.id);
            self.ensure(
                probe.deadline_s > 0,
                "deadline_s = 0 leaves no time to look",
            );
            let expected = match &probe.request {
                ProbeRequest::Api {
                    api,
                    method,
                    path,
                    headers,
                    body,
                    expect_http,
                    expect,
                    expect_end,
                    execution_arn_pointer,
                    ..
                } => {
                    let path = path.replace(NONCE, "nonce");
                    self.request(api, method, &path, headers, body.is_some());
                    self.pointers(expect.keys());
                    self.ensure(
                        (100..=599).contains(expect_http),
                        format_args!("expect_http = {expect_http} is no HTTP status"),
                    );
                    self.pointers([execution_arn_pointer]);
                    if expect_end.is_some() {
                        self.ends_are_known();
                    }
                    expect_end.as_ref()
                }
                ProbeRequest::Execution {
                    state_machine,
                    expect_end,
                    ..
                } => {
                    self.refer_listed("state_machine", state_machine);
                    Some(expect_end)
                }
                ProbeRequest::Invoke {
                    function, expect, ..
                } => {
                    self.refer("function", function, &m.functions);
                    self.pointers(expect.keys());
                    None
                }
                ProbeRequest::LogEvents { functions } => {
                    self.functions("functions", functions);
                    None
                }
            };
            if let Some(end) = expected {
                let status = end.status;
                self.ensure(
                    status.is_final(),
                    format_args!("an execution does not end in {}", status.as_str()),
                );
            }
        }
    }

    /// A request to an API, of a probe or of a rehearsal's step.
    fn request(
        &mut self,
        api: &str,
        method: &str,
        path: &str,
        headers: &BTreeMap<String, String>,
        has_body: bool,
    ) {
        let m = self.manifest;
        self.refer("api", api, &m.apis);
        let plain =
            |c: char| c.is_ascii_graphic() && !matches!(c, '{' | '}' | '?' | '#' | '"' | '\\');
        self.ensure(
            path.starts_with('/') && path.chars().all(plain),
            format_args!(
                "path = {path:?} is not sent as it is: begin with '/', write values in the place of parameters \
                 (\"/runs/42\" for \"/runs/{{name}}\"), and what follows a '?' into query"
            ),
        );
        self.ensure(
            method != "ANY",
            "method = \"ANY\" is a route's; a request has one, such as \"GET\"",
        );
        if let Some(found) = of_id(&m.apis, api) {
            let route = answering(&found.routes, |r| (&r.method, &r.path), method, path);
            let routes = found
                .routes
                .iter()
                .map(|r| format!("{} {}", r.method, r.path));
            self.ensure(
                route.is_some(),
                format_args!(
                    "the API {api:?} has no route {method} {path}; it has {}",
                    routes.collect::<Vec<_>>().join(", ")
                ),
            );
        }
        self.ensure(
            !has_body || !matches!(method, "GET" | "HEAD"),
            format_args!("a {method} request has no body"),
        );
        for (name, value) in headers {
            let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
            let lower = name.to_ascii_lowercase();
            let own = matches!(
                &*lower,
                "host" | "authorization" | "content-length" | "user-agent"
            ) || lower.starts_with("x-amz-");
            self.ensure(
                !name.is_empty() && name.chars().all(token) && !own,
                format_args!("headers: {name:?} is not one that a lab can set"),
            );
            self.ensure(
                value.chars().all(|c| (' '..='~').contains(&c)),
                format_args!("headers: the value of {name:?} holds more than plain characters"),
            );
        }
    }

    fn rehearsal(&mut self) {
        let m = self.manifest;
        for (index, step) in m.rehearsal.steps.iter().enumerate() {
            self.enter_part(format!("[[rehearsal.step]] {}", index + 1));
            let payload = match step {
                RehearsalStep::Execution {
                    state_machine,
                    name,
                    payload,
                } => {
                    self.refer_listed("state_machine", state_machine);
                    self.ensure(
                        (1..=80).contains(&name.len()) && name.chars().all(is_name_character),
                        format_args!("name = {name:?} is no execution's name"),
                    );
                    Some(payload)
                }
                RehearsalStep::Api {
                    api,
                    method,
                    path,
                    payload,
                    headers,
                    expect_http,
                    expect,
                    times,
                    ..
                } => {
                    self.request(api, method, path, headers, payload.is_some());
                    self.pointers(expect.keys());
                    let status = expect_http.unwrap_or(200);
                    self.ensure(
                        (100..=599).contains(&status),
                        format_args!("expect_http = {status} is no HTTP status"),
                    );
                    self.ensure(*times > 0, "times = 0 does nothing");
                    payload.as_ref()
                }
                RehearsalStep::Invoke {
                    function,
                    payload,
                    expect,
                    times,
                } => {
                    self.refer("function", function, &m.functions);
                    self.pointers(expect.keys());
                    self.ensure(*times > 0, "times = 0 does nothing");
                    payload.as_ref()
                }
            };
            if let Some(id) = payload.filter(|id| !m.payloads.iter().any(|p| p.id == **id)) {
                let cause = format!("{}: payload = {id:?} names no [[payload]]", self.entry);
                let ids = m.payloads.iter().map(|payload| payload.id.as_str());
                self.problems.add(self.place.as_str(), cause).hint = Some(known("payloads", ids));
            }
        }
    }

    /// Points are for what the student did.
    fn points(&mut self, check: &Check, line: Option<usize>) {
        let (entry, points) = (&self.entry, check.points);
        match (check.work, line) {
            (Work::Stack, Some(line)) if !points.is_zero() => {
                let cause = format!(
                    "{entry}: points = {points}, but work = \"stack\" is what the instructor \
                     deployed: it earns nobody points"
                );
                let hint = "delete this line, and share the points out among the checks with \
                            work = \"student\"";
                let at = format!("{MANIFEST}, line {line}");
                self.problems.add(at, cause).hint = Some(hint.to_owned());
            }
            (Work::Student, None) => {
                let cause = format!("{entry}: points is missing");
                let hint = "say what the task is worth; points = 0 if nothing";
                self.problems.add(self.place.as_str(), cause).hint = Some(hint.to_owned());
            }
            _ => {}
        }
    }

    /// Credit for parts needs parts of one kind that can be counted.
    fn credit(&mut self, check: &Check) {
        let says = "credit = \"each\"";
        if check.credit == Credit::AllOrNothing {
            return;
        }
        if check.work == Work::Stack {
            let cause = format_args!("{says}, but work = \"stack\" earns nothing");
            return self.ensure(false, cause);
        }
        match &check.proof {
            Proof::Executions {
                one_for_each,
                count,
                ..
            } => {
                // Each value needs an execution, so a count up to the number of values asks for nothing more.
                let implied = one_for_each.values().map(Vec::len).max().unwrap_or(0);
                self.ensure(
                    one_for_each.is_empty() || *count as usize <= implied.max(1),
                    format_args!(
                        "{says} counts the values of proof.one_for_each, so proof.count = {count} \
                         cannot be counted as well: leave it out, or make it a check of its own"
                    ),
                );
            }
            Proof::LogEvents { .. } | Proof::Invocations { .. } => {}
            Proof::ResourcesExist | Proof::ResourcesReady | Proof::Unprovable { .. } => self
                .ensure(
                    false,
                    format_args!(
                        "{says}, but its proof counts nothing: credit for parts needs executions, \
                     invocations or log-events"
                    ),
                ),
        }
    }

    fn checks(&mut self) {
        let m = self.manifest;
        for (check, line) in m.checks.iter().zip(&m.points_lines) {
            self.enter("check", &check.id);
            self.points(check, *line);
            self.credit(check);
            match &check.proof {
                Proof::ResourcesExist | Proof::ResourcesReady | Proof::Unprovable { .. } => {}
                Proof::Executions {
                    state_machine,
                    started_by,
                    input,
                    one_for_each,
                    count,
                    ..
                } => {
                    self.started_by(*started_by);
                    self.refer_listed("proof.state_machine", state_machine);
                    self.pointers(input.keys().chain(one_for_each.keys()));
                    for (pointer, values) in one_for_each {
                        self.ensure(
                            !values.is_empty(),
                            format_args!("proof.one_for_each: {pointer:?} names no value"),
                        );
                        for (i, value) in values.iter().enumerate() {
                            self.ensure(
                                !values[..i].contains(value),
                                format_args!("proof.one_for_each: {pointer:?} names {value} twice"),
                            );
                        }
                    }
                    self.ensure(
                        *count > 0 || !one_for_each.is_empty(),
                        "proof.count = 0 passes without any execution",
                    );
                }
                Proof::Invocations {
                    function,
                    line,
                    count,
                } => {
                    self.refer("proof.function", function, &m.functions);
                    self.searchable("proof.line", line);
                    self.ensure(*count > 0, "proof.count = 0 passes without any invocation");
                }
                Proof::LogEvents {
                    functions,
                    own_execution_of,
                } => {
                    self.functions("proof.functions", functions);
                    match own_execution_of {
                        Some(machine) => self.refer_listed("proof.own_execution_of", machine),
                        None => self.logged_by_whom(check),
                    }
                }
            }
        }
    }

    /// What functions log while `validate` tries them is no student's work.
    fn logged_by_whom(&mut self, check: &Check) {
        let runs = |probe: &Probe| !matches!(probe.request, ProbeRequest::LogEvents { .. });
        let Some(probe) = self.manifest.probes.iter().find(|probe| runs(probe)) else {
            return;
        };
        if check.work == Work::Stack {
            return;
        }
        let cause = format!(
            "{}: a log event of anybody's would pass it, also of homeroom's own probe {:?}: every student would have done this \
             task once validate has run",
            self.entry, probe.id
        );
        let machines = self.manifest.state_machines.iter();
        let mut listed = machines.filter(|m| m.workflow_type == WorkflowType::Standard);
        let lines = "prove it by a line that the function writes: { kind = \"invocations\", function = \"…\", line = { \"/message\" \
                     = \"…\" } }; or write work = \"stack\"";
        let hint = match listed.next() {
            Some(machine) => format!("write own_execution_of = {:?}; or {lines}", machine.id),
            None => lines.to_owned(),
        };
        self.problems.add(self.place.as_str(), cause).hint = Some(hint);
    }

    /// A name or an input does not prove who started an execution.
    fn started_by(&mut self, started_by: Option<Starter>) {
        let m = self.manifest;
        let provable = matches!(started_by, Some(Starter::Api | Starter::Person));
        self.ensure(
            started_by.is_none() || provable,
            "proof.started_by is \"person\" or \"api\"",
        );
        self.ensure(
            !provable || m.apis.is_empty() || m.marks.api_log.is_some(),
            "proof.started_by needs api_log in [marks]: the line of a function's log that proves \
             that the API started an execution",
        );
    }
}

/// How the names of Lambda's runtimes begin. Source: Lambda Developer Guide, "Lambda runtimes".
const RUNTIMES: [&str; 7] = [
    "python3.", "nodejs", "java", "ruby", "dotnet", "provided", "go1.",
];

/// Variables that Lambda sets, and refuses in a function's configuration. Source: Lambda Developer Guide, "Defined runtime
/// environment variables", reserved ones.
const RESERVED: [&str; 16] = [
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_DEFAULT_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "LAMBDA_RUNTIME_DIR",
    "LAMBDA_TASK_ROOT",
];

/// What can stand in an execution's name and is plain. Source: Step Functions StartExecution, `name`.
fn is_name_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')
}

/// `/`, or `/a/{b}`: what API Gateway accepts as path parts. Source: CreateResource, `pathPart`.
fn is_path(path: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '+');
    let is_part = |part: &str| {
        let braced = part.strip_prefix('{').and_then(|p| p.strip_suffix('}'));
        let inner = braced.unwrap_or(part);
        !inner.is_empty() && inner.chars().all(plain)
    };
    path == "/"
        || path
            .strip_prefix('/')
            .is_some_and(|rest| rest.split('/').all(is_part))
}
