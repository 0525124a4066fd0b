//! What people see at a terminal of 60, 80 and 120 columns.

use std::collections::BTreeSet;

use clap::Parser;
use homeroom::Cli;
use homeroom::events::{Command, Outcome};
use homeroom::evidence::check::{CheckResult, Verdict};
use homeroom::lab::check::Work;
use homeroom::lab::points::Points;
use homeroom::report::View;
use homeroom::results::{RunSummary, StudentResult};
use homeroom::text::failure::Failure;
use homeroom::text::show::width;

use crate::report_sample::class;
use crate::report_summaries::{plan_of_a_class, show, status_of, summary, teardown_listing};

const WIDTHS: [usize; 3] = [60, 80, 120];
/// As somebody typed it.
const TYPED: &str = "homeroom --roster 'roster/spring lab 6.csv' --class spring-lab6 --profile training --region eu-central-1";
const DENIED: &str = "lambda:CreateFunction: AccessDeniedException: User: \
     arn:aws:sts::123456789012:assumed-role/AWSReservedSSO_Teachers_0123456789abcdef/teacher@example.edu is not authorized \
     to perform: lambda:CreateFunction because no identity-based policy allows the action";
const HINT: &str = "the credentials in use may not call lambda:CreateFunction; allow it (docs/troubleshooting.md lists what \
     homeroom needs), or use others with --profile, then run the same command again";

fn student(n: usize, outcome: Outcome) -> StudentResult {
    let mut one = crate::report_summaries::student(&format!("user{n}"), outcome);
    if outcome == Outcome::Failed {
        one.errors.push(Failure {
            subject: format!("Lambda function user{n}-process-data"),
            cause: DENIED.to_owned(),
            hint: Some(HINT.to_owned()),
            request_id: None,
        });
    }
    one
}

/// 33 students failed for one cause, 11 were cancelled.
fn deploy() -> RunSummary {
    let outcome = |n| match n {
        1..=33 => Outcome::Failed,
        34..=44 => Outcome::Cancelled,
        _ => Outcome::Deployed,
    };
    let students = (1..=60).map(|n| student(n, outcome(n))).collect();
    summary(Command::Deploy, students)
}

/// A function that cannot be loaded fails several checks for one cause.
fn validate() -> RunSummary {
    let check = |id: &str, title: &str, verdict, n: usize| {
        let text = format!(
            "Lambda function user{n}-trigger-workflow cannot begin: Runtime.UserCodeSyntaxError: Syntax error in module \
             'lambda_function': '(' was never closed (lambda_function.py, line 41)"
        );
        CheckResult {
            id: id.to_owned(),
            title: title.to_owned(),
            work: Work::Stack,
            points: Points::ZERO,
            earned: Points::ZERO,
            parts: None,
            verdict,
            evidence: vec![text.as_str().into()],
            hint: "The function's code cannot be loaded: correct what the error names.".to_owned(),
            instructor_hint: None,
            as_of: None,
            on_time: None,
        }
    };
    let student = |n: usize| StudentResult {
        checks: vec![
            check(
                "api-good-input",
                "Good input through the API ends in SUCCEEDED",
                Verdict::Fail,
                n,
            ),
            check(
                "api-malformed-input",
                "A body that is not JSON is answered 400",
                Verdict::CouldNotCheck,
                n,
            ),
            check(
                "log-events",
                "Log events arrive from all three functions",
                Verdict::CouldNotCheck,
                n,
            ),
        ],
        ..crate::report_summaries::student(&format!("user{n}"), Outcome::Failed)
    };
    summary(Command::Validate, vec![student(3), student(7)])
}

fn view(columns: usize) -> View<'static> {
    View {
        columns,
        invocation: TYPED,
        ..View::default()
    }
}

/// What is shown at each width, no line of which is wider, unless it is one long word.
fn frames(print: impl Fn(usize) -> String) -> String {
    let frames = WIDTHS.map(|columns| {
        let text = print(columns);
        for line in text.lines() {
            let words = line.split_whitespace().count();
            assert!(width(line) <= columns || words <= 1, "{columns}: {line}");
        }
        format!("{columns} columns\n{text}")
    });
    frames.join("\n")
}

#[test]
fn a_plan_at_three_widths() {
    insta::assert_snapshot!(frames(|columns| plan_of_a_class(&view(columns))));
}

#[test]
fn a_deployment_that_failed_at_three_widths() {
    let run = deploy();
    let frames = frames(|columns| show(&run, &view(columns)));
    assert_eq!(
        frames.matches("hint:").count(),
        WIDTHS.len(),
        "once, not 33 times"
    );
    insta::assert_snapshot!(frames);
}

#[test]
fn a_validation_that_failed_at_three_widths() {
    let run = validate();
    let frames = frames(|columns| show(&run, &view(columns)));
    assert_eq!(frames.matches("hint:").count(), WIDTHS.len(), "one cause");
    insta::assert_snapshot!(frames);
}

#[test]
fn a_class_with_stuck_students_at_three_widths() {
    let report = class(30);
    let run = status_of(&report);
    insta::assert_snapshot!(frames(|columns| {
        let view = View {
            document: Some(&report),
            ..view(columns)
        };
        show(&run, &view)
    }));
}

#[test]
fn a_list_before_a_teardown_at_three_widths() {
    insta::assert_snapshot!(frames(|columns| teardown_listing(&view(columns))));
}

#[test]
fn without_a_terminal_no_text_is_broken_and_no_word_is_lost() {
    let run = deploy();
    let whole = show(&run, &view(100_000));
    let line = |part: &str| {
        whole
            .lines()
            .find(|line| line.contains(part))
            .unwrap()
            .to_owned()
    };
    assert!(line("AccessDeniedException").contains(DENIED));
    assert!(line("hint:").contains(HINT));
    let words = |text: &str| -> BTreeSet<String> {
        let words = text.split_whitespace().filter(|word| *word != "\\");
        words.map(str::to_owned).collect()
    };
    for columns in 40..130 {
        assert_eq!(
            words(&show(&run, &view(columns))),
            words(&whole),
            "{columns}"
        );
    }
}

#[test]
fn a_proposed_command_is_the_same_however_narrow_the_terminal_is() {
    let run = deploy();
    for columns in [40, 60, 80, 120, 100_000] {
        let text = show(&run, &view(columns));
        let (_, next) = text.split_once("next: ").unwrap();
        // As a shell reads a backslash at the end of a line.
        let joined = next.replace(" \\\n", " ");
        let command = joined.lines().next().unwrap();
        let command = command.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(command, format!("{TYPED} deploy"), "{columns}");
    }
}

/// Commands in backticks in homeroom's own messages.
fn commands_in(source: &str) -> Vec<String> {
    // A string that goes on in the next line.
    let mut joined = String::new();
    let mut rest = source;
    while let Some((before, after)) = rest.split_once("\\\n") {
        joined.push_str(before);
        rest = after.trim_start();
    }
    joined.push_str(rest);
    let lines = joined.lines().map(str::trim_start);
    let lines = lines.filter(|line| !line.starts_with("//"));
    let spans = lines.flat_map(|line| line.split('`').skip(1).step_by(2));
    // Where the options that were typed come first, `{}` stands for the program and them.
    let spans = spans.map(|span| match span.strip_prefix("{} ") {
        Some(rest) => format!("homeroom {rest}"),
        None => span.to_owned(),
    });
    spans.filter(|span| span.starts_with("homeroom ")).collect()
}

#[test]
fn every_command_that_a_message_names_is_one() {
    let mut sources = Vec::new();
    let mut folders = vec![std::path::PathBuf::from("src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                folders.push(path);
            } else if name.ends_with(".rs") && !name.contains("tests") && name != "commands.rs" {
                sources.push(path);
            }
        }
    }
    let mut tried = 0;
    for path in sources {
        for command in commands_in(&std::fs::read_to_string(&path).unwrap()) {
            // What a message fills in, and what it leaves to the reader.
            // `{options}` stands for options, each with a space after it, or for none.
            let command = command.replace("{options}", "");
            let words: Vec<String> = command
                .split_whitespace()
                .map(|word| match word {
                    "VERB" => "deploy".to_owned(),
                    word if word.starts_with('{') || word == "…" => "user1".to_owned(),
                    word => word.to_owned(),
                })
                .filter(|word| !word.is_empty())
                .collect();
            if words.len() < 2 {
                continue;
            }
            let parsed = Cli::try_parse_from(&words);
            let help = parsed
                .as_ref()
                .err()
                .is_some_and(|error| !error.use_stderr());
            assert!(
                parsed.is_ok() || help,
                "{}: {command}: {:?}",
                path.display(),
                parsed.err()
            );
            tried += 1;
        }
    }
    assert!(tried > 25, "{tried}");
}
