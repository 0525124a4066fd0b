//! From files to the parts of a lab: the manifest, compiled templates, zips.

use std::collections::BTreeMap;

use crate::lab::model::{self, FigureOrText, Manifest, ManifestEntry, entry_key};
use crate::lab::problems::Problems;
use crate::lab::template::Templates;
use crate::lab::verify::MANIFEST;
use crate::lab::{Files, code};
use crate::stack::kinds::function::{Code, ZIP_MAX};
use crate::text::failure::Failure;

/// Reads the manifest: its syntax, its keys and their types.
pub(super) fn read_manifest(files: &Files) -> Result<Manifest, Box<Failure>> {
    let failure = |subject: String, cause: String, hint: Option<&str>| {
        Box::new(Failure {
            subject,
            cause,
            hint: hint.map(str::to_owned),
            request_id: None,
        })
    };
    let bytes = files.get(MANIFEST).ok_or_else(|| {
        let hint = "a lab is a folder that holds templates/lab.toml and lambdas/";
        failure(MANIFEST.into(), "is not there".into(), Some(hint))
    })?;
    let text = std::str::from_utf8(bytes)
        .map_err(|error| failure(MANIFEST.into(), format!("is not UTF-8: {error}"), None))?;
    let parsed = toml::from_str(text).and_then(|manifest: Manifest| {
        let places: model::PointsPlaces = toml::from_str(text)?;
        Ok(Manifest {
            points_lines: places.lines(text),
            ..manifest
        })
    });
    parsed.map_err(|error| {
        let line = error.span().map(|span| model::line_of(text, span.start));
        let subject = line.map_or_else(
            || MANIFEST.to_owned(),
            |line| format!("{MANIFEST}, line {line}"),
        );
        let message = error.message().trim();
        failure(subject, message.to_owned(), replaced(message))
    })
}

/// What took the place of a key that labs of earlier versions have.
fn replaced(message: &str) -> Option<&'static str> {
    let unknown = |key: &str| message.contains(&format!("unknown field `{key}`"));
    if unknown("api_input") {
        return Some(
            "an input can be typed by anybody: name the log line that proves a start by the API, as api_log = { function = \"…\", line = { \"/message\" = \"…\" }, execution = \"/…\" }",
        );
    }
    if unknown("homeroom_name_prefixes") || unknown("homeroom_input") {
        return Some(
            "a word can be typed by anybody: put {{ nonce }} into what the probes send, and the places where the execution's input keeps it into nonce_in = [\"/…\"]",
        );
    }
    None
}

/// Compiles every template that the manifest names.
pub(super) fn compile(manifest: &Manifest, files: &Files, problems: &mut Problems) -> Templates {
    let mut templates = Templates::default();
    // By path: who names it first, and whether anybody needs it to be JSON.
    let mut wanted: BTreeMap<&str, (String, bool)> = BTreeMap::new();
    for (whose, path, must_be_json) in template_files(manifest) {
        wanted.entry(path).or_insert((whose, false)).1 |= must_be_json;
    }
    for (path, (whose, must_be_json)) in wanted {
        let file = format!("templates/{path}");
        let Some(bytes) = files.get(&file) else {
            problems.add(
                MANIFEST,
                format!("{whose} = {path:?}: there is no file {file}"),
            );
            continue;
        };
        if must_be_json && !path.ends_with(".json") {
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

/// The files that the manifest names as templates: where it does, the path, and whether the file must be JSON.
fn template_files(manifest: &Manifest) -> Vec<(String, &str, bool)> {
    let mut files: Vec<(String, &str, bool)> = Vec::new();
    for role in &manifest.roles {
        files.push((entry_key("role", &role.id, "trust"), &role.trust, true));
        files.push((entry_key("role", &role.id, "policy"), &role.policy, true));
    }
    for machine in &manifest.state_machines {
        let whose = entry_key("state_machine", &machine.id, "definition");
        files.push((whose, &machine.definition, true));
    }
    if let Some(access) = &manifest.access {
        files.push(("[access] policy".to_owned(), &access.policy, true));
        files.push(("[access] boundary".to_owned(), &access.boundary, true));
    }
    for payload in &manifest.payloads {
        let whose = entry_key("payload", &payload.id, "template");
        files.push((whose, &payload.template, false));
    }
    for probe in &manifest.probes {
        if let Some((key, path)) = probe.request.sends() {
            files.push((entry_key("probe", &probe.id, key), path, false));
        }
    }
    files
}

/// Texts of the manifest that are templates themselves, by the key under which they are compiled.
fn texts(manifest: &Manifest) -> Vec<(String, &str)> {
    fn names<E: ManifestEntry>(entries: &[E]) -> impl Iterator<Item = (String, &str)> {
        entries
            .iter()
            .map(|e| (entry_key(E::TABLE, e.id(), "name"), e.name()))
    }
    let mut texts: Vec<(String, &str)> = Vec::new();
    texts.extend(names(&manifest.roles));
    texts.extend(names(&manifest.functions));
    texts.extend(names(&manifest.state_machines));
    texts.extend(names(&manifest.rest_apis));
    for function in &manifest.functions {
        for (variable, value) in &function.environment {
            texts.push((environment_key(&function.id, variable), value));
        }
        if let Some(FigureOrText::Text(text)) = &function.reserved_concurrency {
            let key = entry_key("function", &function.id, "reserved_concurrency");
            texts.push((key, text));
        }
    }
    for api in &manifest.rest_apis {
        let key = |what: &str| entry_key("rest_api", &api.id, what);
        if let Some(authorization) = &api.authorization {
            texts.push((key("authorization"), authorization));
        }
        if let Some(throttle) = &api.throttle {
            for (what, figure) in [
                ("throttle.rate", &throttle.rate),
                ("throttle.burst", &throttle.burst),
            ] {
                if let FigureOrText::Text(text) = figure {
                    texts.push((key(what), text));
                }
            }
        }
    }
    for output in &manifest.outputs {
        texts.push((output_key(&output.id), &output.value));
    }
    texts
}

pub(super) fn environment_key(function: &str, variable: &str) -> String {
    entry_key("function", function, &format!("environment.{variable}"))
}

pub(super) fn output_key(id: &str) -> String {
    entry_key("output", id, "value")
}

/// Packs every code folder that the manifest names.
pub(super) fn pack(
    manifest: &Manifest,
    files: &Files,
    problems: &mut Problems,
) -> BTreeMap<String, Code> {
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
