//! What a student changed in their stack, and what of it a reset would overwrite. Only what is provably theirs is looked at.

use crate::ids::Scope;
use crate::stack::diff::Change;
use crate::stack::kinds::{Observed, Planning, Stack, StudentsWork};

fn planning<'a>(scope: &'a Scope, stack: &'a Stack, observed: &'a Observed) -> Planning<'a> {
    Planning {
        scope,
        stack,
        observed,
        reset: false,
    }
}

/// What the student changed, to be shown.
pub fn changes(scope: &Scope, stack: &Stack, observed: &Observed) -> Vec<Change> {
    let at = planning(scope, stack, observed);
    stack.specs().filter_map(|spec| spec.change(&at)).collect()
}

/// The student's own work, which is kept in files before a reset.
pub(crate) fn work(scope: &Scope, stack: &Stack, observed: &Observed) -> Vec<StudentsWork> {
    let at = planning(scope, stack, observed);
    stack.specs().filter_map(|spec| spec.work(&at)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::diff::DiffLine;
    use crate::stack::kinds::function::Code;
    use crate::stack::kinds::{function, state_machine};
    use crate::stack::ownership::{Owner, Ownership};
    use serde_json::{Value, json};

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
            functions: vec![function::Spec {
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
                options: function::FunctionOptions::default(),
            }],
            state_machines: vec![state_machine::Spec {
                name: "user1-m".into(),
                workflow_type: state_machine::WorkflowType::Standard,
                role: "user1-flow".into(),
                definition: json!({"Comment": "A workflow", "StartAt": "A", "States": {
                    "A": {"Type": "Wait", "Seconds": 1, "Next": "B"}, "B": {"Type": "Succeed"}}})
                .into(),
                tracing: false,
                logging: None,
            }],
            apis: Vec::new(),
        };
        (scope, stack)
    }

    fn machine(stack: &Stack, scope: &Scope, definition: String) -> Observed {
        let wanted = &stack.state_machines[0];
        let mut observed = Observed::default();
        observed.state_machines.insert(
            wanted.name.clone(),
            state_machine::Seen {
                name: wanted.name.clone(),
                arn: scope.state_machine_arn(&wanted.name),
                created_ms: None,
                detail: Some(state_machine::Described {
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
        let signed = stack.state_machines[0].signed_definition(&scope, &stack.owner);
        let observed = machine(&stack, &scope, signed);
        assert_eq!(changes(&scope, &stack, &observed), []);
    }

    #[test]
    fn a_changed_workflow_is_shown_line_by_line_without_homerooms_record() {
        let (scope, stack) = stack();
        let signed = stack.state_machines[0].signed_definition(&scope, &stack.owner);
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
            function::Seen {
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
}
