//! Does the manifest hang together? Everything that can be said before any student is known.

use std::collections::BTreeSet;

use crate::lab::check::{Check, Credit, Proof, Work};
use crate::lab::marks::Starter;
use crate::lab::marks::is_plain_pointer;
use crate::lab::model::{Manifest, ManifestEntry, ProbeRequest, RouteEntry, of_id};
use crate::lab::problems::{Problems, known};

/// The file that a message is about.
pub(super) const MANIFEST: &str = "templates/lab.toml";

/// Longest a function may run, in seconds. Source: Lambda quotas, "Function timeout".
const TIMEOUT_MAX: i32 = 900;
/// Least and most memory of a function in MiB. Source: Lambda quotas, "Memory allocation".
const MEMORY: std::ops::RangeInclusive<i32> = 128..=10_240;
/// HTTP methods that a route may have. Source: API Gateway PutMethod, `httpMethod`.
const METHODS: [&str; 8] = [
    "GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "ANY",
];
/// Longest stage name. Source: API Gateway CreateStage, `stageName`.
const STAGE_MAX: usize = 128;

/// Adds every problem of the manifest.
pub(super) fn manifest(manifest: &Manifest, problems: &mut Problems) {
    let mut verifier = Verifier { manifest, problems };
    verifier.ids();
    verifier.stack();
    verifier.marks();
    verifier.probes();
    verifier.checks();
}

struct Verifier<'a> {
    manifest: &'a Manifest,
    problems: &'a mut Problems,
}

impl Verifier<'_> {
    fn say(&mut self, whose: &str, cause: impl std::fmt::Display) {
        self.problems.add(MANIFEST, format!("{whose}: {cause}"));
    }

    fn ids(&mut self) {
        let m = self.manifest;
        if m.lab.title.trim().is_empty() {
            self.say("[lab]", "title is empty");
        }
        // Ids of resources stand in templates after a dot, where a dash would be a minus sign.
        self.unique("role", m.roles.iter().map(|x| &x.id), false);
        self.unique("function", m.functions.iter().map(|x| &x.id), false);
        self.unique(
            "state_machine",
            m.state_machines.iter().map(|x| &x.id),
            false,
        );
        self.unique("rest_api", m.rest_apis.iter().map(|x| &x.id), false);
        self.unique("output", m.outputs.iter().map(|x| &x.id), true);
        self.unique("payload", m.payloads.iter().map(|x| &x.id), true);
        self.unique("probe", m.probes.iter().map(|x| &x.id), true);
        self.unique("check", m.checks.iter().map(|x| &x.id), true);
    }

    fn unique<'b>(&mut self, what: &str, ids: impl Iterator<Item = &'b String>, dashes: bool) {
        let mut seen = BTreeSet::new();
        for id in ids {
            let begins = id.starts_with(|c: char| c.is_ascii_lowercase());
            let fits = |c: char| {
                c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || (dashes && c == '-')
            };
            if !begins || !id.chars().all(fits) {
                let also = if dashes { ", '-' and '_'" } else { " and '_'" };
                self.say(
                    &format!("[[{what}]] {id:?}"),
                    format!("an id begins with a small letter and goes on with small letters, digits{also}"),
                );
            }
            if !seen.insert(id) {
                self.say(&format!("[[{what}]] {id:?}"), "this id is used twice");
            }
        }
    }

    fn refer<E: ManifestEntry>(&mut self, whose: &str, key: &str, id: &str, entries: &[E]) {
        if of_id(entries, id).is_none() {
            let cause = format!("{whose}: {key} = {id:?} names no [[{}]]", E::TABLE);
            let ids = entries.iter().map(ManifestEntry::id);
            self.problems.add(MANIFEST, cause).hint = Some(known(E::TABLE, ids));
        }
    }

    fn functions(&mut self, whose: &str, key: &str, ids: &[String]) {
        let m = self.manifest;
        for id in ids {
            self.refer(whose, key, id, &m.functions);
        }
    }

    fn pointer<'b>(&mut self, whose: &str, pointers: impl IntoIterator<Item = &'b String>) {
        for pointer in pointers {
            if !pointer.starts_with('/') {
                self.say(
                    whose,
                    format!("{pointer:?} is not a JSON pointer; it must begin with '/'"),
                );
            }
        }
    }

    fn stack(&mut self) {
        let m = self.manifest;
        for function in &m.functions {
            let whose = entry_of("function", &function.id);
            self.refer(&whose, "role", &function.role, &m.roles);
            if !(1..=TIMEOUT_MAX).contains(&function.timeout_s) {
                self.say(
                    &whose,
                    format!(
                        "timeout_s = {} is not from 1 to {TIMEOUT_MAX}",
                        function.timeout_s
                    ),
                );
            }
            if !MEMORY.contains(&function.memory_mib) {
                let cause = format!(
                    "memory_mib = {} is not from {} to {}",
                    function.memory_mib,
                    MEMORY.start(),
                    MEMORY.end()
                );
                self.say(&whose, cause);
            }
            for key in function.environment.keys() {
                let begins = key.starts_with(|c: char| c.is_ascii_alphabetic());
                let fits = key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
                if !begins || !fits || key.len() < 2 {
                    let cause = format!("Lambda accepts no environment variable named {key:?}");
                    self.say(&whose, cause);
                }
            }
        }
        for machine in &m.state_machines {
            let whose = entry_of("state_machine", &machine.id);
            self.refer(&whose, "role", &machine.role, &m.roles);
        }
        for api in &m.rest_apis {
            let whose = entry_of("rest_api", &api.id);
            let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
            if api.stage.is_empty() || api.stage.len() > STAGE_MAX || !api.stage.chars().all(plain)
            {
                self.say(
                    &whose,
                    format!(
                        "stage = {:?} is no stage name; use letters, digits, '-' and '_'",
                        api.stage
                    ),
                );
            }
            if api.routes.is_empty() {
                self.say(
                    &whose,
                    "has no [[rest_api.route]]; API Gateway deploys no API without a method",
                );
            }
            let mut seen = BTreeSet::new();
            for route in &api.routes {
                self.refer(&whose, "route.function", &route.function, &m.functions);
                if !METHODS.contains(&route.method.as_str()) {
                    self.say(
                        &whose,
                        format!(
                            "method = {:?} is none of {}",
                            route.method,
                            METHODS.join(", ")
                        ),
                    );
                }
                if !is_path(&route.path) {
                    self.say(
                        &whose,
                        format!(
                            "path = {:?} is no path; write \"/\" or \"/part/part\"",
                            route.path
                        ),
                    );
                }
                if !seen.insert((&route.method, &route.path)) {
                    self.say(
                        &whose,
                        format!("{} {} is there twice", route.method, route.path),
                    );
                }
            }
        }
    }

    fn marks(&mut self) {
        let m = self.manifest;
        let marks = &m.marks;
        self.pointer("[marks] nonce_in", &marks.nonce_in);
        if marks.api_name_prefix.as_ref().is_some_and(String::is_empty) {
            self.say(
                "[marks]",
                "api_name_prefix: a name prefix is empty, so that every execution would bear the mark",
            );
        }
        let mut in_patterns: Vec<(&str, &String)> = Vec::new();
        in_patterns.extend(marks.log_execution.iter().map(|p| ("log_execution", p)));
        if let Some(log) = &marks.api_log {
            self.refer("[marks]", "api_log.function", &log.function, &m.functions);
            in_patterns.push(("api_log.execution", &log.execution));
            in_patterns.extend(log.line.keys().map(|pointer| ("api_log.line", pointer)));
            if log.line.is_empty() {
                self.say(
                    "[marks]",
                    "api_log.line is empty, so that every line of the log would prove a start",
                );
            }
            let plain = |c: char| (' '..='~').contains(&c) && !matches!(c, '"' | '\\' | '*');
            for value in log.line.values() {
                if value.is_empty() || value.len() > 100 || !value.chars().all(plain) {
                    self.say(
                        "[marks]",
                        format!("api_log.line = {value:?} cannot be looked for; use 1 to 100 plain characters without '\"', '\\' and '*'"),
                    );
                }
            }
        }
        for (key, pointer) in in_patterns {
            if !is_plain_pointer(pointer) {
                self.say(
                    "[marks]",
                    format!("{key} = {pointer:?} cannot be looked for in a log; write it like \"/execution\", with letters, digits and '_'"),
                );
            }
        }
    }

    fn probes(&mut self) {
        let m = self.manifest;
        for probe in &m.probes {
            let whose = entry_of("probe", &probe.id);
            if probe.deadline_s == 0 {
                self.say(&whose, "deadline_s = 0 leaves no time to look");
            }
            let expected = match &probe.request {
                ProbeRequest::Api {
                    api,
                    method,
                    path,
                    expect_http,
                    expect_end,
                    execution_arn_pointer,
                    ..
                } => {
                    self.refer(&whose, "api", api, &m.rest_apis);
                    let routes = m
                        .rest_apis
                        .iter()
                        .filter(|x| x.id == *api)
                        .flat_map(|x| &x.routes);
                    let answers = |r: &RouteEntry| {
                        (r.method == *method || r.method == "ANY") && r.path == *path
                    };
                    if m.rest_apis.iter().any(|x| x.id == *api) && !routes.into_iter().any(answers)
                    {
                        self.say(
                            &whose,
                            format!("the API {api:?} has no route {method} {path}"),
                        );
                    }
                    if !(100..=599).contains(expect_http) {
                        self.say(
                            &whose,
                            format!("expect_http = {expect_http} is no HTTP status"),
                        );
                    }
                    self.pointer(&whose, [execution_arn_pointer]);
                    expect_end.as_ref()
                }
                ProbeRequest::Execution {
                    state_machine,
                    expect_end,
                    ..
                } => {
                    self.refer(&whose, "state_machine", state_machine, &m.state_machines);
                    Some(expect_end)
                }
                ProbeRequest::LogEvents { functions } => {
                    self.functions(&whose, "functions", functions);
                    None
                }
            };
            if let Some(end) = expected.filter(|end| !end.status.is_final()) {
                self.say(
                    &whose,
                    format!("an execution does not end in {}", end.status.as_str()),
                );
            }
        }
    }

    /// Points are for what the student did.
    fn points(&mut self, whose: &str, check: &Check, line: Option<usize>) {
        let at = line.map_or_else(
            || MANIFEST.to_owned(),
            |line| format!("{MANIFEST}, line {line}"),
        );
        match (check.work, line) {
            (Work::Stack, Some(_)) if !check.points.is_zero() => {
                let cause = format!(
                    "{whose}: points = {}, but work = \"stack\" is what the instructor deployed: it earns nobody points",
                    check.points
                );
                self.problems.add(at, cause).hint = Some(
                    "delete this line, and share the points out among the checks with work = \"student\""
                        .to_owned(),
                );
            }
            (Work::Student, None) => {
                let cause = format!("{whose}: points is missing");
                self.problems.add(at, cause).hint =
                    Some("say what the task is worth; points = 0 if nothing".to_owned());
            }
            _ => {}
        }
    }

    /// Credit for parts needs parts: one of a kind, that can be counted.
    fn credit(&mut self, whose: &str, check: &Check) {
        if check.credit == Credit::AllOrNothing {
            return;
        }
        let say = "credit = \"each\"";
        if check.work == Work::Stack {
            self.say(whose, format!("{say}, but work = \"stack\" earns nothing"));
            return;
        }
        match &check.proof {
            Proof::Executions {
                one_for_each,
                count,
                ..
            } => {
                // Every value then has an execution of its own, and the count asks for none besides.
                let implied = one_for_each.values().map(Vec::len).max().unwrap_or(0);
                if !one_for_each.is_empty() && *count as usize > implied.max(1) {
                    self.say(
                        whose,
                        format!("{say} counts the values of proof.one_for_each, so proof.count = {count} cannot be counted as well: leave it out, or make it a check of its own"),
                    );
                }
            }
            Proof::LogEvents { .. } => {}
            Proof::ResourcesExist | Proof::ResourcesReady | Proof::Unprovable { .. } => self.say(
                whose,
                format!("{say}, but its proof counts nothing: credit for parts needs executions or log-events"),
            ),
        }
    }

    fn checks(&mut self) {
        let m = self.manifest;
        for (check, line) in m.checks.iter().zip(&m.points_lines) {
            let whose = entry_of("check", &check.id);
            self.points(&whose, check, *line);
            self.credit(&whose, check);
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
                    self.started_by(&whose, *started_by);
                    self.refer(
                        &whose,
                        "proof.state_machine",
                        state_machine,
                        &m.state_machines,
                    );
                    self.pointer(&whose, input.keys().chain(one_for_each.keys()));
                    for (pointer, values) in one_for_each {
                        if values.is_empty() {
                            self.say(
                                &whose,
                                format!("proof.one_for_each: {pointer:?} names no value"),
                            );
                        }
                        for (i, value) in values.iter().enumerate() {
                            if values[..i].contains(value) {
                                self.say(
                                    &whose,
                                    format!("proof.one_for_each: {pointer:?} names {value} twice"),
                                );
                            }
                        }
                    }
                    if *count == 0 && one_for_each.is_empty() {
                        self.say(&whose, "proof.count = 0 passes without any execution");
                    }
                }
                Proof::LogEvents {
                    functions,
                    own_execution_of,
                } => {
                    self.functions(&whose, "proof.functions", functions);
                    if let Some(machine) = own_execution_of {
                        self.refer(&whose, "proof.own_execution_of", machine, &m.state_machines);
                    }
                }
            }
        }
    }
}

impl Verifier<'_> {
    /// A name or an input is no proof of who started an execution.
    fn started_by(&mut self, whose: &str, started_by: Option<Starter>) {
        let m = self.manifest;
        let way = matches!(started_by, Some(Starter::Api | Starter::Person));
        if started_by.is_some() && !way {
            self.say(whose, "proof.started_by is \"person\" or \"api\"");
        }
        if way && !m.rest_apis.is_empty() && m.marks.api_log.is_none() {
            self.say(
                whose,
                "proof.started_by needs api_log in [marks]: the line of a function's log that proves that the API started an execution",
            );
        }
    }
}

/// An entry of the manifest, for people.
fn entry_of(table: &str, id: &str) -> String {
    format!("[[{table}]] {id:?}")
}

/// `/`, or `/a/{b}`: what API Gateway accepts as path parts. Source: CreateResource, `pathPart`.
fn is_path(path: &str) -> bool {
    let Some(rest) = path.strip_prefix('/') else {
        return false;
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '+');
    rest.is_empty()
        || rest.split('/').all(|part| {
            let inner = part
                .strip_prefix('{')
                .and_then(|p| p.strip_suffix('}'))
                .unwrap_or(part);
            !inner.is_empty() && inner.chars().all(plain)
        })
}
