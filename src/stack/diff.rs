//! What a student changed against what the lab has: readable, and never more than a page.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use similar::ChangeTag;

use crate::stack::desired::Stack;
use crate::stack::ids::Scope;
use crate::stack::kinds::extras::FunctionSetting;
use crate::stack::kinds::function::{self, Function};
use crate::stack::kinds::state_machine::{self, StateMachine};
use crate::stack::kinds::{Drift, Kind, ResourceId, extras};
use crate::stack::observed::Observed;
use crate::stack::ownership::{Fingerprint, Owner, Ownership, Record};
use crate::text::json::sorted;
use crate::text::shortened;

/// Unchanged lines that stay around a change.
const CONTEXT: usize = 3;
/// Lines of a difference at most. A page that shows a class has no room for more.
const LINES_MAX: usize = 300;
/// Longest line, in characters.
const LINE_MAX: usize = 400;
/// Most pairs of lines that are compared; above, the whole stretch counts as replaced.
const PAIRS_MAX: usize = 4_000_000;

/// What a student changed of one resource against what was deployed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The resource, with its kind (`state machine user1-simple-workflow`).
    pub resource: String,
    /// What was changed, in a sentence.
    pub summary: String,
    /// The change line by line, where it is text; unchanged stretches are shortened.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub diff: Vec<DiffLine>,
}

/// One line of a difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "line", content = "text", rename_all = "kebab-case")]
pub enum DiffLine {
    /// In both.
    Same(String),
    /// Only in what is there now.
    Added(String),
    /// Only in what was deployed.
    Removed(String),
    /// So many unchanged lines are left out here.
    LeftOut(usize),
}

/// What the student changed in their stack. Only resources that are provably theirs are looked at.
pub fn changes(scope: &Scope, stack: &Stack, observed: &Observed) -> Vec<Change> {
    let ours = |ownership: &Ownership| *ownership == Ownership::Ours(stack.owner.clone());
    let functions = stack.functions.iter().filter_map(|wanted| {
        let actual = observed.functions.get(&wanted.name)?;
        let actual = ours(&actual.ownership).then_some(actual)?;
        of_function(scope, stack, wanted, actual)
    });
    let machines = stack.state_machines.iter().filter_map(|wanted| {
        let actual = observed.state_machines.get(&wanted.name)?;
        let detail = ours(&actual.ownership).then_some(actual.detail.as_ref()?)?;
        of_state_machine(scope, stack, wanted, detail)
    });
    functions.chain(machines).collect()
}

/// Said where the lab itself has changed since the deployment, so that the difference shows both.
const LAB_CHANGED: &str =
    "; compared with the lab as it is now, which has changed since the deployment";

fn of_state_machine(
    scope: &Scope,
    stack: &Stack,
    wanted: &StateMachine,
    detail: &state_machine::Detail,
) -> Option<Change> {
    let owner = &stack.owner;
    if detail.deleting {
        return None;
    }
    let defined = wanted.difference(scope, owner, detail) == Drift::Theirs;
    let mut settings = Vec::new();
    for (setting, value) in &detail.extras {
        let name = setting.as_str();
        settings.push(DiffLine::Removed(format!(
            "{name}: {}",
            setting.default_text()
        )));
        settings.push(DiffLine::Added(format!("{name}: {value}")));
    }
    if !defined {
        let names = extras::names(detail.extras.keys().map(|setting| setting.as_str()));
        return (!settings.is_empty()).then(|| Change {
            resource: ResourceId::new(Kind::StateMachine, &wanted.name).to_string(),
            summary: format!("the student changed its {names}"),
            diff: settings,
        });
    }
    let actual: Option<Value> = serde_json::from_str(&detail.definition).ok();
    let comment = actual.as_ref().and_then(|d| d.get("Comment")?.as_str());
    let recorded = comment
        .and_then(Record::parse)
        .and_then(|mut record| record.fingerprints.remove("definition"));
    let after = match &actual {
        Some(definition) => pretty(definition),
        None => detail.definition.clone(),
    };
    let mut diff = lines(&pretty(&wanted.definition), &after);
    let (added, removed) = counts(&diff);
    let mut summary =
        format!("the student changed its definition (lines: {added} added, {removed} removed)");
    if recorded.is_some_and(|recorded| recorded != wanted.fingerprint()) {
        summary.push_str(LAB_CHANGED);
    }
    diff.extend(settings);
    Some(Change {
        resource: ResourceId::new(Kind::StateMachine, &wanted.name).to_string(),
        summary,
        diff: abridged(diff),
    })
}

fn of_function(
    scope: &Scope,
    stack: &Stack,
    wanted: &Function,
    actual: &function::Actual,
) -> Option<Change> {
    let parts = parts_of(scope, &stack.owner, wanted, actual);
    if parts.is_empty() {
        return None;
    }
    let record = Record::parse(&actual.description);
    let mut lab_changed = false;
    let mut compare = |key: &str, wanted: &Fingerprint| {
        let recorded = record.as_ref().and_then(|r| r.fingerprints.get(key));
        lab_changed |= recorded.is_some_and(|recorded| recorded != wanted);
    };
    for part in &parts {
        match part.key {
            "code" => compare("code", &wanted.code_fingerprint()),
            key => compare(key, &wanted.config_fingerprint(scope, &stack.owner.class)),
        }
    }
    let words: Vec<&str> = parts.iter().map(Part::word).collect();
    let mut summary = format!("the student changed its {}", words.join(" and "));
    if lab_changed {
        summary.push_str(LAB_CHANGED);
    }
    Some(Change {
        resource: ResourceId::new(Kind::Function, &wanted.name).to_string(),
        summary,
        diff: abridged(parts.into_iter().flat_map(|part| part.diff).collect()),
    })
}

/// A part of a function that the student changed.
#[derive(Debug)]
pub(super) struct Part {
    /// Its key in a record.
    key: &'static str,
    /// The settings that differ.
    names: Vec<String>,
    /// How.
    diff: Vec<DiffLine>,
}

/// What the student changed of a function.
pub(super) fn parts_of(
    scope: &Scope,
    owner: &Owner,
    wanted: &Function,
    actual: &function::Actual,
) -> Vec<Part> {
    let difference = wanted.difference(scope, owner, actual);
    let mut parts = Vec::new();
    if difference.code == Drift::Theirs {
        let mut code = Settings::default();
        code.compare("CodeSha256", &wanted.code.sha256, &actual.code_sha256);
        code.extras(actual, true);
        // What is not the zip has a name; the zip is the code.
        code.names.retain(|name| name != "CodeSha256");
        parts.push(code.part("code"));
    }
    if difference.config == Drift::Theirs {
        let role_arn = scope.role_arn(&owner.class, &wanted.role);
        let mut configuration = settings(&role_arn, wanted, actual);
        configuration.extras(actual, false);
        parts.push(configuration.part("config"));
    }
    parts
}

impl Part {
    fn word(&self) -> &'static str {
        match self.key {
            "code" => "code",
            _ => "configuration",
        }
    }
}

/// What the student changed, with the names of the settings: `code and configuration (Timeout, Layers)`.
pub(super) fn words(parts: &[Part]) -> String {
    let parts = parts.iter().map(|part| match part.names.is_empty() {
        true => part.word().to_owned(),
        false => format!("{} ({})", part.word(), part.names.join(", ")),
    });
    parts.collect::<Vec<_>>().join(" and ")
}

/// Settings that differ: their names, old and new value.
#[derive(Debug, Default)]
struct Settings {
    names: Vec<String>,
    diff: Vec<DiffLine>,
}

impl Settings {
    fn compare(&mut self, name: &str, old: &str, new: &str) {
        if old != new {
            self.names.push(name.to_owned());
            self.diff.push(DiffLine::Removed(format!("{name}: {old}")));
            self.diff.push(DiffLine::Added(format!("{name}: {new}")));
        }
    }

    /// Adds the settings that no lab makes: of the code, or of the configuration.
    fn extras(&mut self, actual: &function::Actual, of_code: bool) {
        for (setting, value) in &actual.extras {
            if (*setting == FunctionSetting::Architectures) == of_code {
                self.compare(setting.as_str(), setting.default_text(), value);
            }
        }
    }

    fn part(self, key: &'static str) -> Part {
        Part {
            key,
            names: self.names,
            diff: self.diff,
        }
    }
}

/// Which settings differ, old and new. Values of environment variables may be secrets: only names are shown.
fn settings(role_arn: &str, wanted: &Function, actual: &function::Actual) -> Settings {
    let mut found = Settings::default();
    found.compare("Runtime", &wanted.runtime, &actual.runtime);
    found.compare("Handler", &wanted.handler, &actual.handler);
    found.compare("Role", role_arn, &actual.role_arn);
    let seconds = |timeout_s: i32| format!("{timeout_s} s");
    found.compare(
        "Timeout",
        &seconds(wanted.timeout_s),
        &seconds(actual.timeout_s),
    );
    let memory = |mib: i32| format!("{mib} MiB");
    found.compare(
        "MemorySize",
        &memory(wanted.memory_mib),
        &memory(actual.memory_mib),
    );
    let variable = |name: &str, what: &str| format!("environment variable {name}{what}");
    let (old, new) = (&wanted.environment, &actual.environment);
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let before = found.diff.len();
    for name in names {
        match (old.get(name), new.get(name)) {
            (Some(_), None) => found.diff.push(DiffLine::Removed(variable(name, ""))),
            (None, Some(_)) => found.diff.push(DiffLine::Added(variable(name, ""))),
            (old, new) if old != new => {
                let diff = &mut found.diff;
                diff.push(DiffLine::Removed(variable(name, " (its old value)")));
                diff.push(DiffLine::Added(variable(name, " (its new value)")));
            }
            _ => {}
        }
    }
    if found.diff.len() > before {
        found.names.push("Environment".to_owned());
    }
    found
}

/// A definition for people: sorted keys, indented, without the comment that carries homeroom's record.
fn pretty(definition: &Value) -> String {
    let mut definition = sorted(definition);
    if let Value::Object(map) = &mut definition {
        map.shift_remove("Comment");
    }
    serde_json::to_string_pretty(&definition).unwrap_or_default()
}

fn counts(diff: &[DiffLine]) -> (usize, usize) {
    let added = diff.iter().filter(|l| matches!(l, DiffLine::Added(_)));
    let removed = diff.iter().filter(|l| matches!(l, DiffLine::Removed(_)));
    (added.count(), removed.count())
}

/// The difference of two texts, line by line.
fn lines(before: &str, after: &str) -> Vec<DiffLine> {
    let (old, new): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let same = |(a, b): &(&&str, &&str)| a == b;
    let head = old.iter().zip(&new).take_while(same).count();
    let rest = old[head..].iter().rev().zip(new[head..].iter().rev());
    let tail = rest.take_while(same).count();
    let (old_end, new_end) = (old.len() - tail, new.len() - tail);
    let kept = |lines: &[&str]| owned(lines, DiffLine::Same);
    let mut diff = kept(&old[..head]);
    diff.extend(middle(&old[head..old_end], &new[head..new_end]));
    diff.extend(kept(&old[old_end..]));
    diff
}

fn middle(old: &[&str], new: &[&str]) -> Vec<DiffLine> {
    if old.len().saturating_mul(new.len()) > PAIRS_MAX {
        return [owned(old, DiffLine::Removed), owned(new, DiffLine::Added)].concat();
    }
    similar::capture_diff_slices(similar::Algorithm::Myers, old, new)
        .iter()
        .flat_map(|op| op.iter_slices(old, new))
        .flat_map(|(tag, lines)| {
            owned(
                lines,
                match tag {
                    ChangeTag::Equal => DiffLine::Same,
                    ChangeTag::Delete => DiffLine::Removed,
                    ChangeTag::Insert => DiffLine::Added,
                },
            )
        })
        .collect()
}

fn owned(lines: &[&str], line: fn(String) -> DiffLine) -> Vec<DiffLine> {
    lines.iter().map(|text| line((*text).to_owned())).collect()
}

/// The same with long unchanged stretches left out, long lines cut, and a last line that says so when it is
/// longer than a page.
fn abridged(diff: Vec<DiffLine>) -> Vec<DiffLine> {
    let near_a_change: Vec<bool> = {
        let changed: Vec<usize> = diff
            .iter()
            .enumerate()
            .filter(|(_, line)| !matches!(line, DiffLine::Same(_)))
            .map(|(index, _)| index)
            .collect();
        let mut near = vec![false; diff.len()];
        for index in changed {
            let end = (index + CONTEXT + 1).min(diff.len());
            near[index.saturating_sub(CONTEXT)..end].fill(true);
        }
        near
    };
    let mut short: Vec<DiffLine> = Vec::new();
    let mut left_out = 0;
    for (line, near) in diff.into_iter().zip(near_a_change) {
        if !near {
            left_out += 1;
            continue;
        }
        if left_out > 0 {
            short.push(DiffLine::LeftOut(left_out));
            left_out = 0;
        }
        if short.len() >= LINES_MAX {
            short.push(DiffLine::Same(
                "… the difference goes on; the console shows all of it".to_owned(),
            ));
            return short;
        }
        short.push(match line {
            DiffLine::Same(text) => DiffLine::Same(shortened(&text, LINE_MAX)),
            DiffLine::Added(text) => DiffLine::Added(shortened(&text, LINE_MAX)),
            DiffLine::Removed(text) => DiffLine::Removed(shortened(&text, LINE_MAX)),
            DiffLine::LeftOut(n) => DiffLine::LeftOut(n),
        });
    }
    if left_out > 0 {
        short.push(DiffLine::LeftOut(left_out));
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::kinds::function::Code;
    use crate::stack::ownership::Owner;
    use serde_json::json;

    fn shown(diff: &[DiffLine]) -> String {
        let lines: Vec<String> = diff
            .iter()
            .map(|line| match line {
                DiffLine::Same(text) => format!("  {text}"),
                DiffLine::Added(text) => format!("+ {text}"),
                DiffLine::Removed(text) => format!("- {text}"),
                DiffLine::LeftOut(n) => format!("… {n}"),
            })
            .collect();
        lines.join("\n")
    }

    fn stack() -> (Scope, Stack) {
        let scope = Scope {
            partition: "aws".into(),
            account: "123456789012".into(),
            region: "us-east-1".into(),
        };
        let owner = Owner {
            class: "demo".parse().unwrap(),
            student: "user1".parse().unwrap(),
            lab: "lab6".parse().unwrap(),
        };
        let stack = Stack {
            owner,
            roles: Vec::new(),
            boundary: None,
            log_groups: Vec::new(),
            functions: vec![Function {
                name: "user1-f".into(),
                role: "user1-role".into(),
                runtime: "python3.13".into(),
                handler: "app.main".into(),
                timeout_s: 3,
                memory_mib: 128,
                environment: [("A", "old"), ("GONE", "x"), ("SAME", "s")]
                    .map(|(k, v)| (k.to_owned(), v.to_owned()))
                    .into(),
                reserved_concurrency: None,
                code: Code {
                    zip: b"zip".as_slice().into(),
                    sha256: "aaa=".into(),
                },
            }],
            state_machines: vec![StateMachine {
                name: "user1-m".into(),
                workflow_type: state_machine::WorkflowType::Standard,
                role: "user1-flow".into(),
                definition: json!({"Comment": "A workflow", "StartAt": "A", "States": {
                    "A": {"Type": "Wait", "Seconds": 1, "Next": "B"}, "B": {"Type": "Succeed"}}})
                .into(),
            }],
            rest_apis: Vec::new(),
        };
        (scope, stack)
    }

    fn machine(stack: &Stack, scope: &Scope, definition: String) -> Observed {
        let wanted = &stack.state_machines[0];
        let mut observed = Observed::default();
        observed.state_machines.insert(
            wanted.name.clone(),
            state_machine::Actual {
                name: wanted.name.clone(),
                arn: scope.state_machine_arn(&wanted.name),
                created_ms: None,
                detail: Some(state_machine::Detail {
                    definition,
                    role_arn: scope.role_arn(&stack.owner.class, &wanted.role),
                    extras: Default::default(),
                    deleting: false,
                }),
                ownership: Ownership::Ours(stack.owner.clone()),
            },
        );
        observed
    }

    #[test]
    fn an_untouched_stack_has_no_changes() {
        let (scope, stack) = stack();
        let signed = stack.state_machines[0].signed_definition(&stack.owner);
        let observed = machine(&stack, &scope, signed);
        assert_eq!(changes(&scope, &stack, &observed), []);
    }

    #[test]
    fn a_changed_workflow_is_shown_line_by_line_without_homerooms_record() {
        let (scope, stack) = stack();
        let signed = stack.state_machines[0].signed_definition(&stack.owner);
        // The console writes keys in another order and other white space.
        let mut definition: Value = serde_json::from_str(&signed).unwrap();
        definition["States"]["A"]["Seconds"] = json!(9);
        let observed = machine(&stack, &scope, definition.to_string());
        let found = changes(&scope, &stack, &observed);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].resource, "state machine user1-m");
        assert_eq!(
            found[0].summary,
            "the student changed its definition (lines: 1 added, 1 removed)"
        );
        insta::assert_snapshot!(shown(&found[0].diff), @r#"
        … 2
            "States": {
              "A": {
                "Next": "B",
        -       "Seconds": 1,
        +       "Seconds": 9,
                "Type": "Wait"
              },
              "B": {
        … 4
        "#);
    }

    #[test]
    fn a_definition_that_is_no_json_is_shown_as_it_is() {
        let (scope, stack) = stack();
        let observed = machine(&stack, &scope, "\u{1b}[31mnot json".into());
        let diff = &changes(&scope, &stack, &observed)[0].diff;
        assert!(diff.contains(&DiffLine::Added("\u{1b}[31mnot json".into())));
    }

    #[test]
    fn somebody_elses_machine_is_not_the_students_change() {
        let (scope, stack) = stack();
        let mut observed = machine(&stack, &scope, "{}".into());
        for machine in observed.state_machines.values_mut() {
            machine.ownership = Ownership::Foreign;
        }
        assert_eq!(changes(&scope, &stack, &observed), []);
    }

    #[test]
    fn of_a_function_the_settings_are_shown_and_no_value_of_a_variable() {
        let (scope, stack) = stack();
        let wanted = &stack.functions[0];
        let mut observed = Observed::default();
        observed.functions.insert(
            wanted.name.clone(),
            function::Actual {
                name: wanted.name.clone(),
                role_arn: scope.role_arn(&stack.owner.class, &wanted.role),
                runtime: wanted.runtime.clone(),
                handler: wanted.handler.clone(),
                timeout_s: 30,
                memory_mib: 128,
                environment: [("A", "my-secret"), ("NEW", "my-secret"), ("SAME", "s")]
                    .map(|(k, v)| (k.to_owned(), v.to_owned()))
                    .into(),
                code_sha256: "bbb=".into(),
                description: wanted.description(&scope, &stack.owner),
                extras: Default::default(),
                modified_ms: None,
                ownership: Ownership::Ours(stack.owner.clone()),
            },
        );
        let found = changes(&scope, &stack, &observed);
        assert_eq!(
            found[0].summary,
            "the student changed its code and configuration"
        );
        let shown = shown(&found[0].diff);
        assert!(
            !shown.contains("my-secret") && !shown.contains("old\n"),
            "{shown}"
        );
        insta::assert_snapshot!(shown, @"
        - CodeSha256: aaa=
        + CodeSha256: bbb=
        - Timeout: 3 s
        + Timeout: 30 s
        - environment variable A (its old value)
        + environment variable A (its new value)
        - environment variable GONE
        + environment variable NEW
        ");
    }

    #[test]
    fn a_huge_definition_stays_a_page_and_takes_no_time() {
        let many = |step: usize| {
            let lines: Vec<String> = (0..60_000).map(|i| format!("line {}", i * step)).collect();
            lines.join("\n")
        };
        let diff = abridged(lines(&many(1), &many(3)));
        assert!(diff.len() <= LINES_MAX + 2);
        let long = abridged(lines("a", &"é".repeat(100_000)));
        assert!(long.iter().all(|line| match line {
            DiffLine::Added(text) => text.chars().count() <= LINE_MAX + 1,
            _ => true,
        }));
    }

    #[test]
    fn a_difference_turns_one_text_into_the_other() {
        for (before, after) in [
            ("", ""),
            ("a\nb\nc", "a\nc"),
            ("a\nb", "b\na"),
            ("x\nx\ny", "y\nx\nx"),
            ("a", ""),
            ("", "a\nb"),
        ] {
            let diff = lines(before, after);
            let side = |new: bool| -> Vec<&str> {
                diff.iter()
                    .filter_map(|line| match line {
                        DiffLine::Same(text) => Some(text.as_str()),
                        DiffLine::Added(text) if new => Some(text.as_str()),
                        DiffLine::Removed(text) if !new => Some(text.as_str()),
                        _ => None,
                    })
                    .collect()
            };
            assert_eq!(side(false), before.lines().collect::<Vec<_>>());
            assert_eq!(side(true), after.lines().collect::<Vec<_>>());
        }
    }
}
