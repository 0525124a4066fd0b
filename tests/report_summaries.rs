//! What every verb says at its end.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests: a panic is the report"
)]

#[expect(dead_code, reason = "other tests use the rest of the sample")]
mod report_sample;

use std::collections::BTreeMap;
use std::path::Path;

use homeroom::domain::check::{Progress, Verdict};
use homeroom::domain::ids::Scope;
use homeroom::domain::observed::{AccountUse, Gap};
use homeroom::domain::ownership::Owner;
use homeroom::domain::plan::{Action, Item, Plan, StudentPlan, Verdict as Planned};
use homeroom::domain::resources::{Kind, ResourceId};
use homeroom::domain::roster::Student;
use homeroom::events::{
    Bound, Command, Estimate, Failure, Forecast, Outcome, ResourceResult, RunSummary, StudentResult,
};
use homeroom::report::text::width;
use homeroom::report::{Limit, View, json, print_summary, print_teardown_listing};
use report_sample::{ATTACKS, class, hostile_class};

fn summary(command: Command, students: Vec<StudentResult>) -> RunSummary {
    RunSummary {
        command,
        class: "spring".parse().unwrap(),
        students,
        summary: BTreeMap::new(),
        forecast: None,
        files: Vec::new(),
        notes: Vec::new(),
        api_calls: BTreeMap::from([("lambda:CreateFunction".to_owned(), 90)]),
        elapsed_s: 252.4,
    }
}

fn student(name: &str, outcome: Outcome) -> StudentResult {
    StudentResult {
        username: name.parse().unwrap(),
        outcome,
        resources: Vec::new(),
        checks: Vec::new(),
        outputs: Vec::new(),
        errors: Vec::new(),
    }
}

fn failed(name: &str, cause: &str, hint: Option<&str>) -> StudentResult {
    StudentResult {
        errors: vec![Failure {
            subject: format!("Lambda function {name}-process-data"),
            cause: cause.to_owned(),
            hint: hint.map(str::to_owned),
            request_id: None,
        }],
        ..student(name, Outcome::Failed)
    }
}

fn resource(kind: Kind, name: &str, state: &str, detail: Option<&str>) -> ResourceResult {
    ResourceResult {
        resource: ResourceId::new(kind, name),
        state: state.to_owned(),
        detail: detail.map(str::to_owned),
    }
}

fn show(summary: &RunSummary, view: &View<'_>) -> String {
    let mut out = Vec::new();
    print_summary(summary, view, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn deploy() -> RunSummary {
    let denied = "lambda:CreateFunction: AccessDeniedException: User arn:aws:iam::123456789012:user/teacher \
                  is not authorized to perform lambda:CreateFunction";
    summary(
        Command::Deploy,
        vec![
            student("user1", Outcome::Deployed),
            student("user2", Outcome::Deployed),
            student("user3", Outcome::Unchanged),
            failed(
                "user4",
                denied,
                Some("give this user lambda:CreateFunction, then deploy again"),
            ),
            failed(
                "user5",
                denied,
                Some("give this user lambda:CreateFunction, then deploy again"),
            ),
            failed("user6", "the zip is too large", None),
        ],
    )
}

#[test]
fn deploy_groups_failures_by_cause_and_says_what_to_type() {
    let mut run = deploy();
    run.notes
        .push("user9 is in the cloud but not in the roster".into());
    insta::assert_snapshot!(show(&run, &View::default()));
}

#[test]
fn deploy_that_went_well_goes_on_to_validate() {
    let run = summary(
        Command::Deploy,
        vec![
            student("user1", Outcome::Deployed),
            student("user2", Outcome::Unchanged),
        ],
    );
    let view = View {
        invocation: "homeroom --local",
        ..View::default()
    };
    insta::assert_snapshot!(show(&run, &view), @r"
    2 students: 1 deployed, 1 unchanged.  (4m 12s, 90 AWS calls)
    next: homeroom --local validate
          proves that every stack works
    ");
}

#[test]
fn plan_shows_counts_the_students_changes_limits_and_gaps() {
    let changed = StudentResult {
        resources: vec![
            resource(Kind::Role, "user1-worker", "create", None),
            resource(Kind::Role, "user1-trigger", "create", None),
            resource(Kind::Function, "user1-process-data", "update", None),
            resource(
                Kind::StateMachine,
                "user1-simple-workflow",
                "keep",
                Some("definition edited"),
            ),
        ],
        ..student("user1", Outcome::Changes)
    };
    let conflict = StudentResult {
        resources: vec![
            resource(
                Kind::Role,
                "user2-worker",
                "conflict",
                Some("has no homeroom tags"),
            ),
            resource(
                Kind::LogGroup,
                "/aws/lambda/user2-process-data",
                "unknown",
                None,
            ),
            resource(Kind::Function, "user2-process-data", "no-change", None),
        ],
        ..student("user2", Outcome::Conflict)
    };
    let gaps = [Gap {
        kind: Kind::LogGroup,
        name: None,
        student: None,
        cause: "logs:DescribeLogGroups: AccessDeniedException: not authorized".into(),
    }];
    let limit = |what: &str, used, adds, quota| Limit {
        what: what.into(),
        used,
        adds,
        quota,
    };
    let limits = [
        limit("IAM roles", Some(212), 2, Some(1000)),
        limit("REST APIs", Some(599), 3, Some(600)),
        limit("Buckets", None, 1, Some(100)),
    ];
    let view = View {
        gaps: &gaps,
        limits: &limits,
        ..View::default()
    };
    let mut summary = summary(Command::Plan, vec![changed, conflict]);
    summary.forecast = Some(Forecast {
        deploy: Estimate {
            seconds: Some(149),
            bound: Some(Bound {
                seconds: 145,
                calls: "CreateDeployment".into(),
                allowed: "1 per 5 s".into(),
            }),
            calls: BTreeMap::from([("apigateway".to_owned(), 210), ("iam".to_owned(), 180)]),
        },
        teardown: Estimate {
            seconds: None,
            bound: None,
            calls: BTreeMap::from([("apigateway".to_owned(), 1)]),
        },
    });
    insta::assert_snapshot!(show(&summary, &view));
}

#[test]
fn validate_shows_a_line_a_probe() {
    let report = class(30);
    let students = report
        .students
        .iter()
        .map(|s| {
            let failed = s.validate.iter().any(|c| c.verdict == Verdict::Fail);
            let outcome = if failed {
                Outcome::Failed
            } else {
                Outcome::Passed
            };
            StudentResult {
                checks: s.validate.clone(),
                ..student(s.student.username.as_str(), outcome)
            }
        })
        .collect();
    insta::assert_snapshot!(show(
        &summary(Command::Validate, students),
        &View::default()
    ));
}

fn status_of(report: &homeroom::report::ClassReport) -> (RunSummary, Vec<Student>) {
    let students = report
        .students
        .iter()
        .map(|s| StudentResult {
            checks: s.progress.checks.clone(),
            ..student(
                s.student.username.as_str(),
                match s.progress.progress {
                    Progress::Complete => Outcome::Complete,
                    Progress::InProgress => Outcome::InProgress,
                    Progress::NotStarted => Outcome::NotStarted,
                    Progress::NotDeployed => Outcome::NotDeployed,
                    Progress::Broken => Outcome::Broken,
                    Progress::Unknown => Outcome::Unknown,
                },
            )
        })
        .collect();
    let roster = report.students.iter().map(|s| s.student.clone()).collect();
    (summary(Command::Status, students), roster)
}

#[test]
fn status_fits_80_columns() {
    let (run, roster) = status_of(&class(30));
    let text = show(
        &run,
        &View {
            roster: &roster,
            ..View::default()
        },
    );
    for line in text.lines() {
        assert!(width(line) <= 80, "{line}");
    }
    insta::assert_snapshot!(text);
}

#[test]
fn a_wide_terminal_gets_words_in_every_cell() {
    let (run, roster) = status_of(&class(3));
    let view = View {
        roster: &roster,
        columns: 160,
        ..View::default()
    };
    insta::assert_snapshot!(show(&run, &view));
}

#[test]
fn status_of_500_students_with_long_hostile_names_keeps_its_columns() {
    let mut report = class(500);
    for (i, s) in report.students.iter_mut().enumerate() {
        s.student.name = Some(ATTACKS[i % ATTACKS.len()].repeat(20));
        s.student.section = None;
    }
    let (run, roster) = status_of(&report);
    for columns in [60, 80, 200] {
        let text = show(
            &run,
            &View {
                roster: &roster,
                columns,
                ..View::default()
            },
        );
        assert!(text.chars().all(|c| c == '\n' || !c.is_control()));
        let rows: Vec<&str> = text.lines().filter(|l| l.starts_with("user")).collect();
        assert_eq!(rows.len(), 500);
        for line in rows {
            assert!(width(line) <= columns, "{columns}: {line}");
        }
    }
}

#[test]
fn no_summary_lets_a_hostile_value_steer_the_terminal() {
    let report = hostile_class();
    let (mut run, roster) = status_of(&report);
    run.notes = ATTACKS.map(str::to_owned).to_vec();
    for (result, attack) in run.students.iter_mut().zip(ATTACKS) {
        result.errors.push(Failure {
            subject: attack.to_owned(),
            cause: attack.to_owned(),
            hint: Some(attack.to_owned()),
            request_id: None,
        });
        result.resources = vec![resource(Kind::Role, attack, "keep", Some(attack))];
    }
    for command in [
        Command::Plan,
        Command::Deploy,
        Command::Validate,
        Command::Status,
        Command::Teardown,
    ] {
        run.command = command;
        let text = show(
            &run,
            &View {
                roster: &roster,
                report: Some(Path::new("a\u{1b}b")),
                ..View::default()
            },
        );
        assert!(
            text.chars().all(|c| c == '\n' || !c.is_control()),
            "{command:?}"
        );
        assert!(!text.contains('\u{202e}'), "{command:?}");
    }
}

fn teardown_plan() -> Plan {
    let item = |kind, name: &str, verdict, why: &str| Item {
        resource: ResourceId::new(kind, name),
        verdict,
        action: (verdict == Planned::Delete).then_some(Action::DeleteFunction),
        why: why.to_owned(),
        hint: None,
        after: Vec::new(),
    };
    let owner = |name: &str| Owner {
        class: "spring".parse().unwrap(),
        student: name.parse().unwrap(),
        lab: "lab6".parse().unwrap(),
    };
    Plan {
        scope: Scope {
            partition: "aws".into(),
            account: "123456789012".into(),
            region: "us-east-1".into(),
        },
        class: "spring".parse().unwrap(),
        students: vec![
            StudentPlan {
                owner: owner("user1"),
                items: vec![
                    item(Kind::Function, "user1-process-data", Planned::Delete, ""),
                    item(Kind::Role, "user1-worker", Planned::Delete, ""),
                    item(
                        Kind::RestApi,
                        "user1-workflow-api",
                        Planned::Foreign,
                        "carries no homeroom tags",
                    ),
                ],
                in_roster: true,
            },
            StudentPlan {
                owner: owner("gone"),
                items: vec![item(
                    Kind::Function,
                    "gone-process-data",
                    Planned::Delete,
                    "",
                )],
                in_roster: false,
            },
        ],
        gaps: Vec::new(),
        account: AccountUse::default(),
    }
}

#[test]
fn teardown_lists_what_goes_and_what_is_left_alone() {
    let mut out = Vec::new();
    print_teardown_listing(&teardown_plan(), &View::default(), &mut out).unwrap();
    insta::assert_snapshot!(String::from_utf8(out).unwrap());
}

#[test]
fn teardown_that_left_something_says_how_to_go_on() {
    let remains = StudentResult {
        errors: vec![Failure {
            subject: "state machine user2-simple-workflow".into(),
            cause: "still DELETING: an execution is running".into(),
            hint: Some("stop the execution".into()),
            request_id: None,
        }],
        ..student("user2", Outcome::Remains)
    };
    let run = summary(
        Command::Teardown,
        vec![student("user1", Outcome::Removed), remains],
    );
    insta::assert_snapshot!(show(&run, &View::default()));
}

#[test]
fn output_json_is_one_document() {
    let mut run = deploy();
    run.students.truncate(4);
    run.students[0].resources = vec![resource(Kind::Role, "user1-worker", "done", None)];
    let mut out = Vec::new();
    json::print_run(&run, &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(document["students"][3]["outcome"], "failed");
    insta::assert_snapshot!(text);
}
