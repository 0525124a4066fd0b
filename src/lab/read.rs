//! From files to the parts of a lab: the manifest, compiled templates, zips.

use std::collections::BTreeMap;

use crate::lab::mistyped::{self, ReadManifest};
use crate::lab::model::MANIFEST;
use crate::lab::model::{Architecture, FigureOrText, Manifest, ManifestEntry, entry_key};
use crate::lab::problems::Problems;
use crate::lab::template::Templates;
use crate::lab::{Files, code, handler, requirements};
use crate::stack::kinds::function::{Code, ZIP_MAX};
use crate::text::failure::Failure;

/// Reads the manifest: its syntax, its keys and their types, as far as that goes.
pub(super) fn read_manifest(files: &Files) -> Result<ReadManifest, Vec<Failure>> {
    let bytes = files.get(MANIFEST).ok_or_else(|| {
        let missing = Failure::new(MANIFEST, "is not there");
        vec![missing.hint("a lab is a folder that holds templates/lab.toml and lambdas/")]
    })?;
    let text = std::str::from_utf8(bytes)
        .map_err(|error| vec![Failure::new(MANIFEST, format!("is not UTF-8: {error}"))])?;
    Ok(mistyped::read(text))
}

/// Compiles every template that the manifest names.
pub(super) fn compile(manifest: &Manifest, files: &Files, problems: &mut Problems) -> Templates {
    let mut templates = Templates::default();
    // By path: who names it first, and whether anybody needs it to be JSON.
    let mut wanted: BTreeMap<&str, (Whose, bool)> = BTreeMap::new();
    let is_definition = |path: &str| {
        manifest
            .state_machines
            .iter()
            .any(|machine| machine.definition == path)
    };
    for (whose, path, must_be_json) in template_files(manifest) {
        wanted.entry(path).or_insert((whose, false)).1 |= must_be_json;
    }
    for (path, ((place, whose), must_be_json)) in wanted {
        let file = format!("templates/{path}");
        let Some(bytes) = files.get(&file) else {
            let cause = format!("{whose} = {path:?}: there is no file {file}");
            problems.add(place, cause);
            continue;
        };
        if must_be_json && !path.ends_with(".json") {
            let cause = format!(
                "{whose} = {path:?} must end in .json, so that it is escaped and checked as JSON"
            );
            problems.add(place, cause);
        }
        let found = match std::str::from_utf8(bytes) {
            Err(error) => vec![format!("is not UTF-8: {error}")],
            Ok(source) if is_definition(path) => {
                templates.add_definition(path, &lines_kept(source))
            }
            Ok(source) if must_be_json => templates.add_file(path, &lines_kept(source)),
            Ok(source) => templates.add_file(path, source),
        };
        for problem in found {
            problems.add(file.as_str(), problem);
        }
    }
    for (key, source) in texts(manifest) {
        for problem in templates.add_text(&key, source) {
            problems.add(MANIFEST, format!("{key}: {problem}"));
        }
    }
    templates
}

/// A template whose comments leave as many lines as they take, so that a message's line is the file's: of comments that
/// begin a line, where JSON has no string.
fn lines_kept(source: &str) -> String {
    let mut out = String::new();
    let mut rest = source;
    while let Some(start) = rest.find("{#") {
        let (before, comment) = rest.split_at(start);
        let Some(end) = comment.find("#}") else { break };
        let (comment, after) = comment.split_at(end + 2);
        out.push_str(before);
        out.push_str(comment);
        let begins_a_line = out[..out.len() - comment.len()]
            .rsplit('\n')
            .next()
            .is_some_and(|line| line.trim().is_empty());
        if begins_a_line {
            out.push_str(&"\n".repeat(comment.matches('\n').count()));
        }
        rest = after;
    }
    out + rest
}

/// Where the manifest names a file, and the entry and key that do.
type Whose = (String, String);

/// The files that the manifest names as templates: where it does, the path, and whether the file must be JSON.
fn template_files(manifest: &Manifest) -> Vec<(Whose, &str, bool)> {
    let whose =
        |table, id: &str, key: &str| (manifest.place_of(table, id), entry_key(table, id, key));
    let mut files: Vec<(Whose, &str, bool)> = Vec::new();
    for role in &manifest.roles {
        files.push((whose("role", &role.id, "trust"), &role.trust, true));
        files.push((whose("role", &role.id, "policy"), &role.policy, true));
    }
    for machine in &manifest.state_machines {
        let whose = whose("state_machine", &machine.id, "definition");
        files.push((whose, &machine.definition, true));
    }
    if let Some(access) = &manifest.access {
        let whose = |key: &str| (MANIFEST.to_owned(), format!("[access] {key}"));
        files.push((whose("policy"), &access.policy, true));
        files.push((whose("boundary"), &access.boundary, true));
    }
    for payload in &manifest.payloads {
        let whose = whose("payload", &payload.id, "template");
        files.push((whose, &payload.template, false));
    }
    for probe in &manifest.probes {
        if let Some((key, path)) = probe.request.sends() {
            files.push((whose("probe", &probe.id, key), path, false));
        }
    }
    files
}

/// Texts of the manifest that are templates themselves, by the key under which they are compiled.
fn texts(manifest: &Manifest) -> Vec<(String, &str)> {
    fn names<E: ManifestEntry>(entries: &[E]) -> impl Iterator<Item = (String, &str)> {
        entries
            .iter()
            .map(|e| (entry_key(e.table(), e.id(), "name"), e.name()))
    }
    let mut texts: Vec<(String, &str)> = Vec::new();
    texts.extend(names(&manifest.roles));
    texts.extend(names(&manifest.functions));
    texts.extend(names(&manifest.state_machines));
    texts.extend(names(&manifest.apis));
    for function in &manifest.functions {
        for (variable, value) in &function.environment {
            texts.push((environment_key(&function.id, variable), value));
        }
        for (index, layer) in function.layers.iter().enumerate() {
            texts.push((layer_key(&function.id, index), layer));
        }
        if let Some(FigureOrText::Text(text)) = &function.reserved_concurrency {
            let key = entry_key("function", &function.id, "reserved_concurrency");
            texts.push((key, text));
        }
    }
    for api in &manifest.apis {
        let key = |what: &str| api.key(what);
        if let Some(api_type) = &api.type_text {
            texts.push((key("type"), api_type));
        }
        if let Some(authorization) = &api.authorization {
            texts.push((key("authorization"), authorization));
        }
        if let Some(throttle) = &api.throttle {
            if let FigureOrText::Text(text) = &throttle.rate {
                texts.push((key("throttle.rate"), text));
            }
            if let FigureOrText::Text(text) = &throttle.burst {
                texts.push((key("throttle.burst"), text));
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

pub(super) fn layer_key(function: &str, index: usize) -> String {
    entry_key("function", function, &format!("layers.{index}"))
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
    let default_runtime = manifest.settings.get("runtime").and_then(|r| r.as_str());
    let mut codes = BTreeMap::new();
    for function in &manifest.functions {
        let mut say = |cause| {
            let whose = format!("[[function]] {:?}", function.id);
            let place = manifest.place_of("function", &function.id);
            problems.add(place, format!("{whose}: {cause}"));
        };
        let (folder, named) = (function.code.as_str(), &function.handler);
        let content = code::files_of(files, folder);
        if content.is_empty() {
            say(format!(
                "code = {folder:?}: there are no files in lambdas/{folder}/"
            ));
            continue;
        }
        let runtime = function.runtime.as_deref().or(default_runtime);
        if let Some(text) = content.iter().find(|(path, _)| *path == "requirements.txt") {
            let text = String::from_utf8_lossy(text.1);
            let missing = requirements::missing(&text, &content);
            // A layer may hold them: `lab check` remarks on those.
            if !missing.is_empty() && function.layers.is_empty() {
                let problem = problems.add(
                    format!("lambdas/{folder}/requirements.txt"),
                    format!(
                        "{} not in the folder, and homeroom installs nothing: students' functions would fail with \
                         ImportModuleError",
                        requirements::are(&missing)
                    ),
                );
                let arm64 = function.architecture == Architecture::Arm64;
                let command = requirements::command(folder, runtime.unwrap_or_default(), arm64);
                problem.hint = Some(format!(
                    "put them beside the code, for Lambda's platform: {command}"
                ));
            }
        }
        let mut say = |cause| {
            let whose = format!("[[function]] {:?}", function.id);
            let place = manifest.place_of("function", &function.id);
            problems.add(place, format!("{whose}: {cause}"));
        };
        let is_python = runtime.is_some_and(|runtime| runtime.starts_with("python"));
        match named.rsplit_once('.') {
            Some((module, entry)) if !module.is_empty() && !entry.is_empty() => {
                let file = format!("{}.py", module.replace('.', "/"));
                let source = content.iter().find(|(path, _)| *path == file);
                let wrong = match source {
                    Some((_, source)) => handler::lacks(&String::from_utf8_lossy(source), entry)
                        .map(|has| format!("lambdas/{folder}/{file} has no {entry}; {has}")),
                    None => Some(format!("there is no file lambdas/{folder}/{file}")),
                };
                if let Some(wrong) = wrong.filter(|_| is_python) {
                    say(format!("handler = {named:?}: {wrong}"));
                }
            }
            _ => say(format!("handler = {named:?} is not \"<file>.<function>\"")),
        }
        if codes.contains_key(folder) {
            continue;
        }
        let cause = match code::pack(&content) {
            Ok(code) if code.zip.len() > ZIP_MAX => {
                let size = code.zip.len();
                format!("its zip has {size} bytes; Lambda takes {ZIP_MAX} in a request")
            }
            Ok(code) => {
                codes.insert(folder.to_owned(), code);
                continue;
            }
            Err(error) => format!("could not be zipped: {error}"),
        };
        problems.add(format!("lambdas/{folder}"), cause);
    }
    codes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_at_the_beginning_of_a_line_leaves_its_lines() {
        let kept = lines_kept("{# a\nb\nc #}\n{ \"x\": \"{# d\ne #}\" } {# open");
        assert_eq!(kept, "{# a\nb\nc #}\n\n\n{ \"x\": \"{# d\ne #}\" } {# open");
    }

    #[test]
    fn every_unknown_key_is_told_with_its_line_beside_all_else() {
        let mut files = crate::lab::bundle::starter();
        let text = String::from_utf8(files[MANIFEST].clone()).unwrap();
        let text = text
            .replace("timeout_s = 10", "timeout_s = 1000\ntimeout = 10")
            .replace("minutes = 20", "minutes = 20\nminuets = 20");
        files.insert(MANIFEST.to_owned(), text.clone().into_bytes());
        let found = crate::lab::Lab::proofread(&files).problems;
        let said: Vec<String> = found.iter().map(ToString::to_string).collect();
        let line = |key: &str| 1 + text.lines().position(|line| line.starts_with(key)).unwrap();
        let id = 1 + text
            .lines()
            .position(|line| line == "id = \"greet\"")
            .unwrap();
        for (line, words) in [
            (line("minuets"), "unknown field `minuets`"),
            (line("timeout ="), "unknown field `timeout`"),
            (id, "timeout_s = 1000 is not from 1 to 900"),
        ] {
            let begin = format!("{MANIFEST}, line {line}: ");
            let told = said
                .iter()
                .any(|said| said.starts_with(&begin) && said.contains(words));
            assert!(told, "{begin}{words}: {said:#?}");
        }
        assert_eq!(said.len(), 3, "{said:#?}");
    }
}
