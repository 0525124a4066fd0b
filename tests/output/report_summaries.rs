//! What every verb says at its end.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use clap::Parser;
use homeroom::{AccessVerb, Cli, Verb};

use crate::json_schemas;
use crate::report_sample::{ATTACKS, class, class_in_places, hostile_class};
use homeroom::events::{Command, Outcome};
use homeroom::evidence::check::OnTime;
use homeroom::evidence::check::Verdict;
use homeroom::evidence::progress::Progress;
use homeroom::results::{LabTitle, PlanDigest, RunSummary, Stamp, StudentResult};
use homeroom::stack::diff::{DiffLine, Difference, Differing};
use homeroom::stack::forecast::{Bound, Estimate, Forecast};
use homeroom::stack::leavers::LeftStudent;
use homeroom::stack::result::{ResourceResult, ResourceState};
use homeroom::text::failure::Failure;

use homeroom::ids::{PlaceName, Scope};
use homeroom::report::{
    Document, ResetListing, View, print_reset_listing, print_summary, print_teardown_listing,
};
use homeroom::roster::renamed::RecognisedBy;
use homeroom::stack::kinds::{AccountUse, Gap};
use homeroom::stack::kinds::{Kind, ResourceId, function};
use homeroom::stack::limits::{Limit, Limited};
use homeroom::stack::ownership::Owner;
use homeroom::stack::plan::{Item, Plan, StudentPlan, Verdict as Planned};
use homeroom::text::json;
use homeroom::text::show::width;

pub(crate) fn summary(command: Command, students: Vec<StudentResult>) -> RunSummary {
    RunSummary {
        api_calls: BTreeMap::from([("lambda:CreateFunction".to_owned(), 90)]),
        elapsed_s: 252.4,
        ..RunSummary::new(command, "spring".parse().unwrap(), students)
    }
}

pub(crate) fn student(name: &str, outcome: Outcome) -> StudentResult {
    StudentResult {
        grade: None,
        place: None,
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

fn resource(kind: Kind, name: &str, state: ResourceState, detail: Option<&str>) -> ResourceResult {
    ResourceResult {
        resource: ResourceId::new(kind, name),
        state,
        detail: detail.map(str::to_owned),
        differs: Differing::default(),
    }
}

pub(crate) fn show(summary: &RunSummary, view: &View<'_>) -> String {
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

/// A plan with a bit of everything.
pub(crate) fn plan_of_a_class(base: &View<'_>) -> String {
    let changed = StudentResult {
        resources: vec![
            resource(
                Kind::Role,
                "user1-worker",
                ResourceState::Planned(Planned::Create),
                None,
            ),
            resource(
                Kind::Role,
                "user1-trigger",
                ResourceState::Planned(Planned::Create),
                None,
            ),
            resource(
                Kind::Function,
                "user1-process-data",
                ResourceState::Planned(Planned::Update),
                None,
            ),
            resource(
                Kind::StateMachine,
                "user1-simple-workflow",
                ResourceState::Planned(Planned::Keep),
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
                ResourceState::Planned(Planned::Conflict),
                Some("has no homeroom tags"),
            ),
            resource(
                Kind::LogGroup,
                "/aws/lambda/user2-process-data",
                ResourceState::Planned(Planned::Unknown),
                None,
            ),
            resource(
                Kind::Function,
                "user2-process-data",
                ResourceState::Planned(Planned::NoChange),
                None,
            ),
        ],
        ..student("user2", Outcome::Conflict)
    };
    let gaps = [Gap {
        kind: Kind::LogGroup,
        name: None,
        student: None,
        cause: "logs:DescribeLogGroups: AccessDeniedException: not authorized".into(),
    }];
    let limit = |what, used, adds, quota| Limit {
        what,
        used,
        adds,
        quota,
    };
    let mut summary = summary(Command::Plan, vec![changed, conflict]);
    summary.gaps = gaps.to_vec();
    with_digest(
        &mut summary,
        vec![
            limit(Limited::Roles, Some(212), 2, Some(1000)),
            limit(Limited::Apis, Some(599), 3, Some(600)),
            limit(Limited::Users, None, 1, Some(100)),
        ],
    );
    summary.forecast = Some(Forecast {
        deploy: Some(Estimate {
            seconds: Some(149),
            bound: Some(Bound {
                seconds: 145,
                calls: "CreateDeployment".into(),
                allowed: "1 per 5 s".into(),
            }),
            calls: BTreeMap::from([("apigateway".to_owned(), 210), ("iam".to_owned(), 180)]),
        }),
        teardown: Estimate {
            seconds: None,
            bound: None,
            calls: BTreeMap::from([("apigateway".to_owned(), 1)]),
        },
    });
    show(&summary, base)
}

#[test]
fn plan_shows_counts_the_students_changes_limits_and_gaps() {
    insta::assert_snapshot!(plan_of_a_class(&View::default()));
}

/// What the verb adds to a plan's summary.
fn with_digest(summary: &mut RunSummary, limits: Vec<Limit>) {
    let mut stamp = Stamp::now(summary.command, "123456789012", "us-east-1");
    stamp.account.alias = Some("my-school".to_owned());
    summary.stamp = Some(stamp);
    summary.lab = Some(LabTitle {
        id: "lab6".parse().unwrap(),
        title: "Order processing".to_owned(),
    });
    summary.plan = Some(PlanDigest {
        profile: Some("teaching".to_owned()),
        limits,
        ..PlanDigest::of(&summary.students)
    });
}

/// A whole stack that is to be made.
fn to_be_made(name: &str) -> StudentResult {
    let create = ResourceState::Planned(Planned::Create);
    let parts = [
        (Kind::Role, "worker"),
        (Kind::Role, "trigger"),
        (Kind::Role, "flow"),
        (Kind::LogGroup, "log-a"),
        (Kind::LogGroup, "log-b"),
        (Kind::Function, "process-data"),
        (Kind::Function, "trigger"),
        (Kind::StateMachine, "simple-workflow"),
        (Kind::RestApi, "api"),
        (Kind::ManagedPolicy, "roles@0123"),
    ];
    let part = |(kind, part): (Kind, &str)| resource(kind, &format!("{name}-{part}"), create, None);
    StudentResult {
        resources: parts.map(part).into(),
        ..student(name, Outcome::Changes)
    }
}

/// A plan with everything that a verb adds to it.
fn plan_of(students: Vec<StudentResult>) -> RunSummary {
    let mut summary = summary(Command::Plan, students);
    let adds = u32::try_from(summary.students.len()).unwrap();
    let all = [
        Limited::Concurrency,
        Limited::Reserved,
        Limited::Roles,
        Limited::Policies,
        Limited::Apis,
    ];
    let limits = all.map(|what| Limit {
        what,
        used: Some(20),
        adds,
        quota: Some(1000),
    });
    with_digest(&mut summary, limits.into());
    let estimate = Estimate {
        seconds: Some(900),
        bound: Some(Bound {
            seconds: 870,
            calls: "DeleteRestApi".into(),
            allowed: "1 per 30 s".into(),
        }),
        calls: BTreeMap::from(
            ["apigateway", "iam", "lambda", "logs", "states"].map(|s| (s.to_owned(), 99)),
        ),
    };
    summary.forecast = Some(Forecast {
        deploy: Some(estimate.clone()),
        teardown: estimate,
    });
    summary
}

fn numbered(count: usize) -> impl Iterator<Item = String> {
    (1..=count).map(|n| format!("student{n}"))
}

#[test]
fn a_plan_of_alike_students_is_as_short_as_one_students() {
    let short = |count: usize, columns: usize| {
        let students = numbered(count).map(|name| to_be_made(&name)).collect();
        let view = View {
            columns,
            ..View::default()
        };
        show(&plan_of(students), &view)
    };
    for columns in [80, 120] {
        for count in [30, 500] {
            let text = short(count, columns);
            assert!(text.lines().count() <= 30, "{text}");
        }
    }
    insta::assert_snapshot!(short(30, 80));
}

/// A class of which some students are to be updated, some keep something, and some have values of their own.
fn mixed(count: usize) -> Vec<StudentResult> {
    let students = numbered(count).enumerate().map(|(n, name)| {
        let mut result = to_be_made(&name);
        for resource in &mut result.resources {
            resource.state = ResourceState::Planned(Planned::NoChange);
        }
        let function = &mut result.resources[5];
        let part = |what: &str, old: Option<String>, new: Option<String>| Difference {
            what: what.to_owned(),
            old,
            new,
        };
        function.state = ResourceState::Planned(Planned::Update);
        function.detail = Some("configuration differs".to_owned());
        function.differs.parts = vec![
            part("Timeout", Some("3 s".into()), Some("10 s".into())),
            part(
                "environment variable TABLE",
                None,
                Some(format!("{name}-orders")),
            ),
            part(
                "environment variable SEAT",
                Some("1".into()),
                Some(format!("seat {n}")),
            ),
            part("environment variable OLD", Some("set".into()), None),
        ];
        let role = &mut result.resources[0];
        role.state = ResourceState::Planned(Planned::Update);
        role.detail = Some("differs: inline policy, extra policy Mine".to_owned());
        let action = "inline policy, statement Logs, Action";
        role.differs.parts = vec![part(action, Some("logs:A".into()), Some("logs:B".into()))];
        role.differs.removed = vec!["inline policy Mine".to_owned()];
        role.differs.diff = vec![
            DiffLine::LeftOut(3),
            DiffLine::Removed("\"logs:A\"".into()),
            DiffLine::Added("\"logs:B\"".into()),
        ];
        for kept in result.resources.iter_mut().skip(7).take(n % 3) {
            kept.state = ResourceState::Planned(Planned::Keep);
            kept.detail = Some(format!("the student changed {} lines of it", n % 7));
        }
        result
    });
    students.collect()
}

#[test]
fn a_plan_of_a_mixed_class_tells_old_and_new_and_fits_a_screen() {
    for (count, most) in [(30, 60), (500, 60)] {
        let text = show(&plan_of(mixed(count)), &View::default());
        assert!(text.lines().count() <= most, "{text}");
    }
    let view = View {
        verbosity: 1,
        ..View::default()
    };
    let summary = plan_of(mixed(4));
    insta::assert_snapshot!("plan_of_a_mixed_class", show(&summary, &View::default()));
    let whole = show(&summary, &view);
    assert!(
        whole.contains("+ \"logs:B\"") && whole.contains("seat 3"),
        "{whole}"
    );
}

#[test]
fn what_a_plan_says_for_people_stands_in_its_document() {
    let summary = plan_of(mixed(4));
    let document: serde_json::Value = serde_json::to_value(&summary).unwrap();
    json_schemas::check(&document);
    assert_eq!(document["account"]["alias"], "my-school");
    assert_eq!(
        document["groups"][0]["students"].as_array().unwrap().len(),
        2
    );
    let differences = document["differences"].as_array().unwrap();
    let role = differences
        .iter()
        .find(|one| one["kind"] == "role")
        .unwrap();
    assert_eq!(role["name"], "{username}-worker");
    assert_eq!(role["students"].as_array().unwrap().len(), 4);
    assert_eq!(role["parts"][0]["new"], "logs:B");
    assert_eq!(role["removed"][0], "inline policy Mine");
    assert_eq!(document["limits"][0]["what"], "concurrency");
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

pub(crate) fn status_of(report: &Document) -> RunSummary {
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
    summary(Command::Status, students)
}

#[test]
fn status_fits_80_columns() {
    let report = class(30);
    let run = status_of(&report);
    let text = show(
        &run,
        &View {
            document: Some(&report),
            ..View::default()
        },
    );
    for line in text.lines() {
        assert!(width(line) <= 80, "{line}");
    }
    insta::assert_snapshot!(text);
}

#[test]
fn status_and_plan_say_where_the_students_of_a_class_in_places_are() {
    let report = class_in_places(3);
    let mut run = status_of(&report);
    let view = View {
        document: Some(&report),
        ..View::default()
    };
    let text = show(&run, &view);
    for (row, place) in report.students.iter().zip(["north", "south", "north"]) {
        let words = row_words(&text, row.student.username.as_str());
        assert!(words.iter().any(|word| word == place), "{text}");
    }
    assert!(text.lines().all(|line| width(line) <= 80), "{text}");
    for (student, row) in run.students.iter_mut().zip(&report.students) {
        student.place.clone_from(&row.student.place);
    }
    let mut stamp = Stamp::now(Command::Status, "123456789012", "us-east-1");
    stamp.places.clone_from(&report.places);
    run.stamp = Some(stamp);
    run.lab = Some(LabTitle {
        id: "lab6".parse().unwrap(),
        title: "Order processing".to_owned(),
    });
    let document = serde_json::to_value(&run).unwrap();
    json_schemas::check(&document);
    assert_eq!(document["students"][1]["place"], "south");
    let mut plan = plan_of(vec![to_be_made("user1")]);
    if let Some(stamp) = &mut plan.stamp {
        stamp.places = report.places;
    }
    let text = show(&plan, &View::default());
    assert!(
        text.contains("north: account 123456789012 (training-emea), us-east-1"),
        "{text}"
    );
    assert!(
        text.contains("south: account 222222222222, eu-west-1; could not be looked at"),
        "{text}"
    );
}

#[test]
fn status_marks_late_work_beside_its_points_on_time() {
    let mut report = class(2);
    let due = "2026-05-14T16:00:00Z".parse().unwrap();
    for row in &mut report.students {
        row.student.due = Some(due);
    }
    for check in &mut report.students[0].progress.checks {
        let earned = check.earned.share(1, 2);
        check.on_time = Some(OnTime { due, earned });
    }
    let run = status_of(&report);
    let view = View {
        document: Some(&report),
        ..View::default()
    };
    let text = show(&run, &view);
    let row = |name| text.lines().find(|line| line.contains(name)).unwrap();
    assert!(row("student").contains("on time"), "{text}");
    assert!(row("user1").contains("100/100  50 (late)"), "{text}");
    assert!(text.lines().all(|line| width(line) <= 80), "{text}");
}

#[test]
fn a_wide_terminal_gets_words_in_every_cell() {
    let report = class(3);
    let run = status_of(&report);
    let view = View {
        document: Some(&report),
        columns: 160,
        ..View::default()
    };
    insta::assert_snapshot!(show(&run, &view));
}

/// The words of a student's row; packed symbols each by itself.
fn row_words(text: &str, user: &str) -> Vec<String> {
    let row = text
        .lines()
        .rfind(|line| line.split(' ').next() == Some(user));
    let words = row.unwrap().split_whitespace();
    let symbol = |c: char| "✓◐○?–".contains(c);
    words
        .flat_map(|word| match word.chars().all(symbol) {
            true => word.chars().map(String::from).collect(),
            false => vec![word.to_owned()],
        })
        .collect()
}

#[test]
fn a_wider_terminal_never_shows_less() {
    let mut report = class(30);
    report.students[5].student.name = Some("Maximiliana Theodora von Habsburg".to_owned());
    let run = status_of(&report);
    let at = |columns| {
        let view = View {
            document: Some(&report),
            columns,
            ..View::default()
        };
        show(&run, &view)
    };
    let mut narrower = at(50);
    for columns in 51..=220 {
        let wider = at(columns);
        for row in &report.students {
            let user = row.student.username.as_str();
            let mut left = row_words(&wider, user);
            for word in row_words(&narrower, user) {
                let whole = word.trim_end_matches('…');
                let same =
                    |other: &String| *other == word || (word != whole && other.starts_with(whole));
                let found = left.iter().position(same);
                assert!(found.is_some(), "{columns}, {user}: {word}: {left:?}");
                left.remove(found.unwrap());
            }
        }
        narrower = wider;
    }
    for words in ["Amara Okafor", "min ago", "✓ done"] {
        assert!(narrower.contains(words), "{words}: {narrower}");
    }
}

#[test]
fn status_begins_with_who_needs_somebody_and_what_to_say() {
    let report = class(500);
    let run = status_of(&report);
    let view = View {
        document: Some(&report),
        columns: 120,
        ..View::default()
    };
    let text = show(&run, &view);
    let top = &text[..text.find("Section Morning").unwrap()];
    insta::assert_snapshot!(top);
    let causes = &text[text.find("Could not be checked or is broken").unwrap()..];
    assert!(
        !causes.contains("send-notification"),
        "a broken stack is told once"
    );
}

#[test]
fn some_of_the_class_are_shown_and_all_are_counted() {
    let report = class(30);
    let run = status_of(&report);
    let only: BTreeSet<_> = ["user8", "user17"].map(|u| u.parse().unwrap()).into();
    let view = View {
        document: Some(&report),
        only: Some(&only),
        ..View::default()
    };
    let text = show(&run, &view);
    let rows = text.lines().filter(|line| line.starts_with("user"));
    assert_eq!(rows.count(), 2, "{text}");
    for words in [
        "2 students need you",
        "2 students of 30 shown",
        "30 students: 17 complete",
        "25 of 30",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert!(!text.contains("inventory") && !text.contains("ThrottlingException: Rate exceeded on"));
}

#[test]
fn status_of_500_students_with_long_hostile_names_keeps_its_columns() {
    let mut report = class(500);
    for (i, s) in report.students.iter_mut().enumerate() {
        s.student.name = Some(ATTACKS[i % ATTACKS.len()].repeat(20));
        s.student.section = None;
    }
    let run = status_of(&report);
    for columns in [60, 80, 200] {
        let text = show(
            &run,
            &View {
                document: Some(&report),
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
    let mut run = status_of(&report);
    run.notes = ATTACKS.map(str::to_owned).to_vec();
    for (result, attack) in run.students.iter_mut().zip(ATTACKS) {
        result.errors.push(Failure {
            subject: attack.to_owned(),
            cause: attack.to_owned(),
            hint: Some(attack.to_owned()),
            request_id: None,
        });
        result.resources = vec![resource(
            Kind::Role,
            attack,
            ResourceState::Planned(Planned::Keep),
            Some(attack),
        )];
        result.resources[0].differs.diff = vec![DiffLine::Added(attack.to_owned())];
        result.resources[0].differs.removed = vec![attack.to_owned()];
    }
    with_digest(&mut run, Vec::new());
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
                document: Some(&report),
                report: Some(Path::new("a\u{1b}b")),
                verbosity: 1,
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
        action: (verdict == Planned::Delete).then_some(function::Action::Delete.into()),
        why: why.to_owned(),
        theirs: None,
        differs: Differing::default(),
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
                spelled: None,
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
                spelled: None,
            },
        ],
        gaps: Vec::new(),
        account: AccountUse::default(),
    }
}

pub(crate) fn teardown_listing(view: &View<'_>) -> String {
    listing_of(&[(None, &teardown_plan())], view)
}

fn listing_of(plans: &[(Option<&PlaceName>, &Plan)], view: &View<'_>) -> String {
    let mut out = Vec::new();
    let takes = Estimate {
        seconds: Some(75),
        bound: Some(Bound {
            seconds: 60,
            calls: "DeleteRestApi".into(),
            allowed: "1 per 30 s".into(),
        }),
        calls: BTreeMap::new(),
    };
    print_teardown_listing(plans, &takes, view, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn teardown_lists_what_goes_and_what_is_left_alone() {
    insta::assert_snapshot!(teardown_listing(&View::default()));
}

#[test]
fn teardown_at_several_places_names_each_account_and_the_unreached() {
    let [north, south, west] =
        ["north", "south", "west"].map(|name| name.parse::<PlaceName>().unwrap());
    let [here, mut there, mut nothing] = [teardown_plan(), teardown_plan(), teardown_plan()];
    for (plan, account) in [(&mut there, "222222222222"), (&mut nothing, "333333333333")] {
        plan.scope.account = account.into();
        plan.scope.region = "eu-west-1".into();
    }
    there.students.pop();
    nothing.students.clear();
    let first = ["PLACE east COULD NOT BE REACHED: 3 students could not be checked".to_owned()];
    let view = View {
        first: &first,
        ..View::default()
    };
    let plans = [
        (Some(&north), &here),
        (Some(&south), &there),
        (Some(&west), &nothing),
    ];
    insta::assert_snapshot!(listing_of(&plans, &view));
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

/// Every command that a summary proposes, as words.
fn proposed(summary: &RunSummary, view: &View<'_>) -> Vec<String> {
    let text = show(summary, view);
    // As a shell reads a backslash at the end of a line.
    let text = text.replace(" \\\n      ", " ");
    let next = text.lines().filter_map(|line| line.strip_prefix("next: "));
    next.map(str::to_owned).collect()
}

/// The words of a command, as a POSIX shell splits them: quotes are all that proposals use.
fn split(command: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for c in command.chars() {
        match c {
            '\'' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            c => words.last_mut().unwrap().push(c),
        }
    }
    words
}

fn parse(command: &str) -> Cli {
    Cli::try_parse_from(split(command)).unwrap_or_else(|error| panic!("{command}\n{error}"))
}

const COMMANDS: [Command; 15] = [
    Command::Rehearse,
    Command::Plan,
    Command::Deploy,
    Command::Validate,
    Command::Isolation,
    Command::Status,
    Command::Report,
    Command::Watch,
    Command::Teardown,
    Command::AccessGrant,
    Command::AccessRevoke,
    Command::AccessFreeze,
    Command::AccessThaw,
    Command::AccessSlips,
    Command::Handout,
];

const OUTCOMES: [Outcome; 22] = [
    Outcome::Deployed,
    Outcome::Unchanged,
    Outcome::Conflict,
    Outcome::Failed,
    Outcome::Cancelled,
    Outcome::Passed,
    Outcome::Unknown,
    Outcome::Complete,
    Outcome::InProgress,
    Outcome::NotStarted,
    Outcome::NotDeployed,
    Outcome::Broken,
    Outcome::Removed,
    Outcome::Absent,
    Outcome::Remains,
    Outcome::Granted,
    Outcome::Frozen,
    Outcome::Thawed,
    Outcome::NoAccess,
    Outcome::Written,
    Outcome::Changes,
    Outcome::NoChange,
];

/// What a verb's own options may be, as typed.
fn repeats(command: Command) -> &'static [&'static str] {
    match command {
        Command::Deploy => &["", "--reset", "--reset --ignore-concurrency"],
        Command::AccessGrant => &["", "--access-keys", "--access-keys --rotate"],
        Command::Handout => &["", "--with-credentials"],
        Command::Status | Command::Report => &["", "--attest 'my notes.csv'"],
        Command::Teardown | Command::AccessRevoke | Command::AccessFreeze => &["", "--left"],
        _ => &[""],
    }
}

fn checked(result: StudentResult, id: &str) -> StudentResult {
    let mut checks = class(1).students[0].validate.clone();
    checks.truncate(1);
    for check in &mut checks {
        check.id = id.to_owned();
        check.verdict = Verdict::Fail;
    }
    StudentResult { checks, ..result }
}

#[test]
fn every_proposal_is_a_command_that_the_program_takes() {
    let mut seen = BTreeSet::new();
    let stale = ["user1".parse().unwrap()];
    for command in COMMANDS {
        for outcome in OUTCOMES {
            for check in ["", "resources", "as-deployed", "api", "own-stack"] {
                for repeat in repeats(command) {
                    for selection in ["", "--students user1,user2", "--section 'Group A'"] {
                        if repeat.contains("--left") && !selection.is_empty() {
                            continue;
                        }
                        let mut one = student("user1", outcome);
                        if !check.is_empty() {
                            one = checked(one, check);
                        }
                        let run = summary(command, vec![one, student("user2", outcome)]);
                        let view = View {
                            invocation: "homeroom --roster 'my class.csv' --class spring",
                            selection,
                            repeat,
                            stale: &stale,
                            ..View::default()
                        };
                        for next in proposed(&run, &view) {
                            let cli = parse(&next);
                            assert_eq!(cli.global.class.unwrap().as_str(), "spring", "{next}");
                            let chosen =
                                cli.global.students.is_some() || cli.global.section.is_some();
                            assert!(
                                chosen || selection.is_empty() || next.contains("--students"),
                                "{next}"
                            );
                            assert!(!next.contains("--confirm"), "{next}");
                            if next.contains("--reset") || next.contains("--rotate") {
                                assert!(next.contains("--students"), "{next}");
                            }
                            seen.insert(next);
                        }
                    }
                }
            }
        }
    }
    assert!(seen.len() > 40, "{}", seen.len());
}

#[test]
fn next_leads_a_first_time_user_through_the_whole_day() {
    let mut command = Command::Plan;
    let mut walked = Vec::new();
    for outcome in [
        Outcome::Changes,
        Outcome::Deployed,
        Outcome::Passed,
        Outcome::Granted,
        Outcome::Passed,
        Outcome::Written,
        Outcome::InProgress,
    ] {
        let next = proposed(
            &summary(command, vec![student("user1", outcome)]),
            &View::default(),
        );
        let cli = parse(&next[0]);
        walked.push(next[0].replace("homeroom ", ""));
        command = match &cli.verb {
            Verb::Validate(args) if args.isolation => Command::Isolation,
            verb => verb.command().unwrap(),
        };
    }
    assert_eq!(
        walked,
        [
            "deploy",
            "validate",
            "access grant",
            "validate --isolation",
            "handout --with-credentials",
            "status",
            "report"
        ]
    );
}

#[test]
fn a_deletion_is_proposed_only_where_one_was_asked_for() {
    for command in COMMANDS {
        for outcome in OUTCOMES {
            let run = summary(command, vec![student("user1", outcome)]);
            for next in proposed(&run, &View::default()) {
                let cli = parse(&next);
                let deletes = matches!(
                    cli.verb,
                    Verb::Teardown(_) | Verb::Access(AccessVerb::Revoke(_))
                );
                let asked = match command {
                    Command::Teardown | Command::AccessRevoke => true,
                    // The end of the day: it lists, and asks.
                    Command::Report => outcome != Outcome::Broken,
                    _ => false,
                };
                assert!(asked || !deletes, "{command:?} {outcome:?}: {next}");
            }
        }
    }
}

#[test]
fn what_was_typed_is_kept_and_what_is_done_is_not_done_again() {
    let run = summary(
        Command::AccessGrant,
        vec![
            student("user1", Outcome::Granted),
            student("user2", Outcome::Failed),
        ],
    );
    let view = View {
        selection: "--students user1,user2",
        repeat: "--access-keys --rotate",
        ..View::default()
    };
    // user1 has a new password already.
    let next = proposed(&run, &view);
    assert_eq!(
        next,
        ["homeroom access grant --access-keys --rotate --students user2"]
    );
    let run = summary(Command::Deploy, vec![student("user1", Outcome::Cancelled)]);
    let view = View {
        selection: "--students user1",
        repeat: "--reset",
        ..View::default()
    };
    assert_eq!(
        proposed(&run, &view),
        ["homeroom deploy --reset --students user1"]
    );
}

#[test]
fn deploy_is_proposed_only_for_stacks_that_it_can_mend() {
    let failed = |name: &str, check: &str| checked(student(name, Outcome::Failed), check);
    let view = View::default();
    let run = |students| summary(Command::Validate, students);
    let next = proposed(&run(vec![failed("user1", "as-deployed")]), &view);
    assert_eq!(next, ["homeroom plan --students user1"]);
    let next = proposed(
        &run(vec![failed("user1", "resources"), failed("user2", "api")]),
        &view,
    );
    assert_eq!(
        next,
        [
            "homeroom deploy --students user1",
            "homeroom validate --students user2"
        ]
    );
}

#[test]
fn nobody_who_left_is_let_in_by_a_proposal() {
    let mut run = summary(
        Command::AccessFreeze,
        vec![
            student("ana", Outcome::Frozen),
            student("ben", Outcome::Frozen),
        ],
    );
    run.left = vec![left("ana")];
    let view = View {
        selection: "--students ana,ben",
        ..View::default()
    };
    assert_eq!(
        proposed(&run, &view),
        ["homeroom access thaw --students ben"]
    );
    run.students.truncate(1);
    assert_eq!(proposed(&run, &view), [""; 0]);
}

fn left(username: &str) -> LeftStudent {
    LeftStudent {
        username: username.parse().unwrap(),
        place: None,
        resources: 11,
        iam_only: false,
        likely_renamed_to: Some("anar".parse().unwrap()),
        perhaps_renamed_to: None,
        same: Some(RecognisedBy::Email),
    }
}

#[test]
fn who_left_has_a_line_and_stands_in_the_document() {
    let mut run = summary(Command::Plan, vec![student("anar", Outcome::NoChange)]);
    run.left = vec![left("ana")];
    let text = show(
        &run,
        &View {
            columns: 200,
            ..View::default()
        },
    );
    let line = "note: ana is in the class and no longer in the roster: 11 resources";
    assert!(text.contains(line), "{text}");
    let text = json::document(&run).unwrap();
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        document["left"],
        serde_json::json!([{
            "username": "ana", "resources": 11, "likely_renamed_to": "anar", "same": "email"
        }])
    );
    run.left.clear();
    assert!(!json::document(&run).unwrap().contains("\"left\""));
}

/// Every `homeroom …` between backticks in a text of the program: what is typed from a hint must work as well.
#[test]
fn every_command_that_a_message_names_is_one_that_the_program_takes() {
    fn sources(path: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(path).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                sources(&path, found);
            } else if path.extension().is_some_and(|e| e == "rs") {
                found.push(path);
            }
        }
    }
    let mut files = Vec::new();
    sources(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        &mut files,
    );
    let mut named = BTreeSet::new();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        // A text that is broken over lines is one text.
        let lines = text
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"));
        let text: String = lines
            .map(|line| format!("{}\n", line.trim_start()))
            .collect();
        let text = text.replace("\\\n", "");
        for piece in text.split('`').skip(1).step_by(1) {
            if piece.starts_with("homeroom ") && !piece.contains('\n') {
                named.insert(piece.to_owned());
            }
        }
    }
    assert!(named.len() > 10, "{named:?}");
    for command in &named {
        // What is filled in while it runs.
        let command = command.replace("{}", "user1").replace('…', "user1");
        let command = command.replace("{student}", "user1");
        let cli = parse(command.split(" {").next().unwrap());
        let chosen = cli.global.students.is_some();
        assert!(
            chosen || !(command.contains("--rotate") || command.contains("--reset")),
            "{command}"
        );
    }
}

#[test]
fn what_a_reset_would_overwrite_is_shown_student_by_student() {
    let report = class(30);
    let changed: Vec<_> = report
        .students
        .iter()
        .filter(|s| !s.progress.changes.is_empty())
        .take(2)
        .map(|s| (s.student.username.clone(), s.progress.changes.clone()))
        .collect();
    assert!(!changed.is_empty());
    let scope = teardown_plan().scope;
    let place = "north".parse::<PlaceName>().unwrap();
    let shown = |place| {
        let listing = ResetListing {
            place,
            scope: &scope,
            changed: changed.clone(),
            apis: vec!["ana"],
        };
        let mut out = Vec::new();
        print_reset_listing(&[listing], &View::default(), &mut out).unwrap();
        String::from_utf8(out).unwrap()
    };
    insta::assert_snapshot!(shown(None));
    let at = "At place north (account 123456789012, us-east-1)\n";
    assert_eq!(shown(Some(&place)), format!("{at}{}", shown(None)));
}

#[test]
fn output_json_is_one_document() {
    let mut run = deploy();
    run.students.truncate(4);
    run.students[0].resources = vec![resource(
        Kind::Role,
        "user1-worker",
        ResourceState::Done,
        None,
    )];
    let text = json::document(&run).unwrap();
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(document["students"][3]["outcome"], "failed");
    insta::assert_snapshot!(text);
}
