//! The engine and the real SDK against a strict AWS in process, on paused time: what a class day does when
//! everything goes well, and when anything goes wrong.

#![expect(
    clippy::unwrap_used,
    reason = "a scenario that cannot go on says where it stopped"
)]

mod support;

use std::future::Future;
use std::time::Duration;

use homeroom::bundle;
use homeroom::domain::desired::Desired;
use homeroom::domain::ids::Scope;
use homeroom::domain::lab::Lab;
use homeroom::domain::observed::Observed;
use homeroom::domain::ownership::{Ownership, TAG_DEPLOYED, Tags};
use homeroom::domain::plan::{Plan, Verdict, deploy, teardown};
use homeroom::domain::resources::Kind;
use homeroom::domain::resources::state_machine::WorkflowType;
use homeroom::domain::roster::Student;
use homeroom::engine::call::Caller;
use homeroom::engine::execute::{StudentRun, execute};
use homeroom::engine::observe::{Depth, observe};
use homeroom::engine::pacing::{Overrides, Pace};
use homeroom::engine::port::{Cloud, NewFunction, NewStateMachine};
use homeroom::engine::prove_gone::{Left, prove_gone};
use homeroom::engine::stop::Stop;
use homeroom::events::{Event, StepResult};
use support::{ACCOUNT, Fault, Options, REGION, Rule, Spread, StrictAws};
use tokio::sync::mpsc;
use tokio::time::Instant;

/// A class, and everything that a run needs.
struct Class {
    lab: Lab,
    students: Vec<Student>,
    desired: Desired,
    pace: Pace,
}

impl Class {
    fn of(names: &[&str]) -> Self {
        let lab = bundle::load(None).unwrap();
        let students: Vec<Student> = names.iter().map(|name| student(name)).collect();
        let scope = Scope {
            partition: "aws".into(),
            account: ACCOUNT.into(),
            region: REGION.into(),
        };
        let desired = lab
            .desired(&scope, &"demo".parse().unwrap(), &students)
            .unwrap();
        Self {
            lab,
            students,
            desired,
            pace: Pace::Unlimited,
        }
    }

    /// The same class after a student left the roster.
    fn without(&self, name: &str) -> Self {
        let names: Vec<&str> = self
            .students
            .iter()
            .map(|s| s.username.as_str())
            .filter(|n| *n != name)
            .collect();
        Self::of(&names)
    }

    fn whole(&self) -> Depth {
        Depth::TeardownOfClass {
            patterns: self.lab.name_patterns(),
        }
    }
}

fn student(name: &str) -> Student {
    Student {
        username: name.parse().unwrap(),
        name: None,
        email: None,
        section: None,
        extra: Vec::new(),
    }
}

/// One run: its own client, its own stop.
struct Run {
    stop: Stop,
    events: mpsc::UnboundedReceiver<Event>,
}

async fn start(aws: &StrictAws, class: &Class) -> (Caller<impl Cloud>, Run) {
    let stop = Stop::new();
    let (sender, events) = mpsc::unbounded_channel();
    let caller = Caller::new(
        aws.cloud().await,
        class.pace,
        Overrides::new(),
        stop.clone(),
        sender,
    );
    (caller, Run { stop, events })
}

async fn deploy_with<C: Cloud>(caller: &Caller<C>, class: &Class) -> (Plan, Vec<StudentRun>) {
    let observed = observe(caller, &class.desired, &Depth::Deploy)
        .await
        .unwrap();
    let plan = deploy::plan(&class.desired, &observed, false);
    let runs = execute(caller, &plan, |_, _| None).await;
    (plan, runs)
}

async fn deploy_class(aws: &StrictAws, class: &Class) -> Vec<StudentRun> {
    let (caller, _run) = start(aws, class).await;
    deploy_with(&caller, class).await.1
}

async fn plan_class(aws: &StrictAws, class: &Class) -> Plan {
    let (caller, _run) = start(aws, class).await;
    let observed = observe(&caller, &class.desired, &Depth::Deploy)
        .await
        .unwrap();
    deploy::plan(&class.desired, &observed, false)
}

async fn teardown_with<C: Cloud>(caller: &Caller<C>, class: &Class) -> (Vec<StudentRun>, Left) {
    let observed = observe(caller, &class.desired, &class.whole())
        .await
        .unwrap();
    let plan = teardown::plan(&class.desired, &observed, class.whole().reach());
    let runs = execute(caller, &plan, |_, _| None).await;
    let left = prove_gone(caller, &class.desired, &class.whole(), &plan, &runs)
        .await
        .unwrap();
    (runs, left)
}

async fn tear_down_class(aws: &StrictAws, class: &Class) -> Left {
    let (caller, _run) = start(aws, class).await;
    teardown_with(&caller, class).await.1
}

/// Runs some work until it ends or the client is cut off; whether it ended.
async fn until_killed(aws: &StrictAws, work: impl Future<Output = ()>) -> bool {
    tokio::select! {
        () = work => true,
        () = aws.killed() => false,
    }
}

fn assert_all_well(runs: &[StudentRun]) {
    for run in runs {
        for (resource, result) in &run.steps {
            assert!(result.is_well(), "{}: {resource}: {result:?}", run.student);
        }
    }
}

/// Exactly one of each resource of the class, sorted as snapshots are.
fn everything_once(class: &Class) -> Vec<(Kind, String)> {
    let stacks = class.desired.stacks.iter();
    let mut all: Vec<_> = stacks
        .flat_map(|s| s.resource_ids())
        .map(|id| (id.kind, id.name))
        .collect();
    all.sort();
    all
}

#[tokio::test(start_paused = true)]
async fn a_class_goes_up_whole_and_a_second_plan_has_nothing_to_do() {
    let aws = StrictAws::new();
    let class = Class::of(&["user1", "user2", "user3"]);
    assert_all_well(&deploy_class(&aws, &class).await);
    assert_eq!(aws.snapshot(), everything_once(&class));
    let again = plan_class(&aws, &class).await;
    assert_eq!(again.steps(), 0);
    assert_eq!(again.count(Verdict::NoChange), 33);
}

#[tokio::test(start_paused = true)]
async fn a_new_student_costs_at_most_thirty_calls_waits_for_roles_and_functions_included() {
    let aws = StrictAws::new();
    aws.timings(|t| t.role_propagation = Spread::exactly(Duration::from_secs(9)));
    let class = Class::of(&["user1", "user2"]);
    deploy_class(&aws, &class).await;
    let shared = ["List", "GetAccount", "GetRestApis", "DescribeLogGroups"];
    let calls = aws.calls();
    let own = calls
        .iter()
        .filter(|c| !shared.iter().any(|s| c.operation.contains(s)))
        .count();
    assert!(own <= 2 * 30, "{own} calls for two students");
}

#[tokio::test(start_paused = true)]
async fn a_plan_without_changes_costs_two_calls_a_student_and_the_pages() {
    let aws = StrictAws::new();
    let names: Vec<String> = (1..=12).map(|i| format!("user{i}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let class = Class::of(&names);
    deploy_class(&aws, &class).await;
    aws.clear_calls();
    assert_eq!(plan_class(&aws, &class).await.steps(), 0);
    let listings = 5;
    assert!(aws.calls().len() <= 2 * 12 + listings, "{:#?}", aws.calls());
}

#[tokio::test(start_paused = true)]
async fn a_student_who_joins_a_class_costs_no_call_about_the_others() {
    let aws = StrictAws::new();
    deploy_class(&aws, &Class::of(&["user1", "user2", "user3", "user4"])).await;
    aws.clear_calls();
    deploy_class(&aws, &Class::of(&["user5"])).await;
    let about_others =
        |c: &&support::Call| (1..=4).any(|i| c.resource.contains(&format!("user{i}")));
    let calls = aws.calls();
    assert_eq!(calls.iter().filter(about_others).count(), 0);
    assert_eq!(aws.count("apigateway:GetStages"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_teardown_asks_nothing_about_another_classs_students() {
    let aws = StrictAws::new();
    let mut other = Class::of(&["user8", "user9"]);
    for stack in &mut other.desired.stacks {
        stack.owner.class = "other".parse().unwrap();
    }
    other.desired.class = "other".parse().unwrap();
    deploy_class(&aws, &other).await;
    aws.clear_calls();
    tear_down_class(&aws, &Class::of(&["user1"])).await;
    assert_eq!(aws.count("states:DescribeStateMachine"), 0);
    assert_eq!(aws.count("states:ListTagsForResource"), 0);
    assert_eq!(aws.count("logs:ListTagsForResource"), 0);
}

#[tokio::test(start_paused = true)]
async fn listings_are_read_to_their_last_page() {
    let aws = StrictAws::new();
    aws.set_page_size(2);
    let class = Class::of(&["user1", "user2", "user3"]);
    deploy_class(&aws, &class).await;
    assert_eq!(plan_class(&aws, &class).await.steps(), 0);
    let left = tear_down_class(&aws, &class).await;
    assert_eq!(left.plan.steps(), 0);
    assert_eq!(aws.snapshot(), []);
}

#[tokio::test(start_paused = true)]
async fn a_slow_role_is_waited_for_and_the_wait_is_told_once_a_step() {
    let aws = StrictAws::new();
    aws.timings(|t| t.role_propagation = Spread::exactly(Duration::from_secs(30)));
    let class = Class::of(&["user1"]);
    let (caller, mut run) = start(&aws, &class).await;
    let (_, runs) = deploy_with(&caller, &class).await;
    assert_all_well(&runs);
    drop(caller);
    let mut waits = 0;
    while let Some(event) = run.events.recv().await {
        if let Event::StepWaiting { on, .. } = event {
            waits += u32::from(on.contains("assumable"));
        }
    }
    assert_eq!(waits, 1, "one step asks for all");
}

#[tokio::test(start_paused = true)]
async fn throttles_server_errors_and_broken_connections_are_outlasted() {
    for fault in [
        Fault::Throttle,
        Fault::ServerError,
        Fault::Reset,
        Fault::Refuse,
        Fault::LoseAnswer,
        Fault::ServerErrorAfterEffect,
        Fault::Slow(Duration::from_secs(20)),
    ] {
        let aws = StrictAws::new();
        aws.inject(Rule::seeded(7, 0.3).fault(fault.clone()));
        let class = Class::of(&["user1", "user2"]);
        assert_all_well(&deploy_class(&aws, &class).await);
        assert_eq!(aws.snapshot(), everything_once(&class), "{fault:?}");
        aws.heal();
        assert_eq!(plan_class(&aws, &class).await.steps(), 0, "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn five_percent_of_calls_failing_at_random_leave_exactly_one_of_each() {
    for seed in 0..20 {
        let aws = StrictAws::new();
        aws.inject(Rule::seeded(seed, 0.02).fault(Fault::LoseAnswer));
        aws.inject(Rule::seeded(seed + 100, 0.02).fault(Fault::Throttle));
        aws.inject(Rule::seeded(seed + 200, 0.01).fault(Fault::ServerError));
        let class = Class::of(&["user1", "user2", "user3"]);
        assert_all_well(&deploy_class(&aws, &class).await);
        assert_eq!(aws.snapshot(), everything_once(&class), "seed {seed}");
        let left = tear_down_class(&aws, &class).await;
        assert_eq!(
            (left.plan.steps(), aws.snapshot()),
            (0, vec![]),
            "seed {seed}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_rest_api_whose_creation_was_never_answered_is_not_made_twice() {
    let aws = StrictAws::new();
    aws.inject(
        Rule::on("apigateway:CreateRestApi")
            .times(1)
            .fault(Fault::LoseAnswer),
    );
    let class = Class::of(&["user1"]);
    assert_all_well(&deploy_class(&aws, &class).await);
    assert_eq!(aws.snapshot(), everything_once(&class));
    assert_eq!(aws.count("apigateway:CreateRestApi"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_deployment_killed_at_any_call_and_run_again_ends_with_one_of_each() {
    let class = Class::of(&["user1"]);
    let mut at = 1;
    loop {
        let aws = StrictAws::new();
        aws.kill_after(at);
        let ended = until_killed(&aws, async {
            deploy_class(&aws, &class).await;
        })
        .await;
        if ended {
            break;
        }
        aws.revive();
        assert_all_well(&deploy_class(&aws, &class).await);
        assert_eq!(
            aws.snapshot(),
            everything_once(&class),
            "killed at call {at}"
        );
        assert_eq!(
            plan_class(&aws, &class).await.steps(),
            0,
            "killed at call {at}"
        );
        at += 1;
    }
    assert!(at > 30, "the run was killed at {at} places only");
}

#[tokio::test(start_paused = true)]
async fn a_teardown_killed_at_any_call_and_run_again_leaves_nothing_of_ours_and_all_of_others() {
    let class = Class::of(&["user1"]);
    let mut at = 1;
    loop {
        let aws = StrictAws::new();
        // The class of the bystanders is the same here, so only the roster and the tags tell them apart.
        let cloud = aws.backdoor().await;
        let foreign = "/aws/lambda/user1-process-data-archive";
        cloud
            .create_log_group(foreign, &Default::default())
            .await
            .unwrap();
        deploy_class(&aws, &class).await;
        aws.kill_after(at);
        let ended = until_killed(&aws, async {
            tear_down_class(&aws, &class).await;
        })
        .await;
        if ended {
            break;
        }
        aws.revive();
        let left = tear_down_class(&aws, &class).await;
        assert_eq!(left.plan.steps(), 0, "killed at call {at}");
        assert_eq!(
            aws.snapshot(),
            [(Kind::LogGroup, foreign.to_owned())],
            "killed at call {at}"
        );
        at += 1;
    }
    assert!(at > 20, "the run was killed at {at} places only");
}

#[tokio::test(start_paused = true)]
async fn an_update_killed_at_any_call_is_finished_and_never_taken_for_the_students_own_change() {
    let before = Class::of(&["user1"]);
    let mut after = Class::of(&["user1"]);
    let settings = [
        ("log_retention_days".to_owned(), toml::Value::Integer(14)),
        ("log_level".to_owned(), toml::Value::String("DEBUG".into())),
    ];
    after.lab = after.lab.with_settings(&settings.into()).unwrap();
    let scope = after.desired.scope.clone();
    after.desired = after
        .lab
        .desired(&scope, &"demo".parse().unwrap(), &after.students)
        .unwrap();
    after.desired.stacks[0].state_machines[0].definition["TimeoutSeconds"] = 300.into();

    // Left alone, an update also says in the tags what is deployed now.
    let aws = StrictAws::new();
    deploy_class(&aws, &before).await;
    deploy_class(&aws, &after).await;
    let machine = &after.desired.stacks[0].state_machines[0];
    let cloud = aws.backdoor().await;
    let tags = cloud
        .state_machine_tags(&scope.state_machine_arn(&machine.name))
        .await
        .unwrap();
    assert_eq!(tags[TAG_DEPLOYED], machine.fingerprint().to_string());
    let function = &after.desired.stacks[0].functions[0];
    let tags = cloud.get_function(&function.name).await.unwrap().tags;
    let fingerprint = function.fingerprint(&scope, &after.desired.class);
    assert_eq!(tags[TAG_DEPLOYED], fingerprint.to_string());

    let mut at = 1;
    loop {
        let aws = StrictAws::new();
        deploy_class(&aws, &before).await;
        aws.kill_after(at);
        let ended = until_killed(&aws, async {
            deploy_class(&aws, &after).await;
        })
        .await;
        if ended {
            break;
        }
        aws.revive();
        let plan = plan_class(&aws, &after).await;
        assert_eq!(plan.count(Verdict::Keep), 0, "killed at call {at}");
        assert_all_well(&deploy_class(&aws, &after).await);
        assert_eq!(
            plan_class(&aws, &after).await.steps(),
            0,
            "killed at call {at}"
        );
        at += 1;
    }
    assert!(at > 10, "the run was killed at {at} places only");
}

#[tokio::test(start_paused = true)]
async fn one_students_failure_never_stops_anothers_and_says_what_to_do() {
    let aws = StrictAws::new();
    aws.inject(
        Rule::on("lambda:CreateFunction")
            .about("user2")
            .fault(Fault::AccessDenied),
    );
    let class = Class::of(&["user1", "user2", "user3"]);
    let runs = deploy_class(&aws, &class).await;
    assert_all_well(&[runs[0].clone(), runs[2].clone()]);
    let failed = runs[1]
        .steps
        .values()
        .find_map(|r| match r {
            StepResult::Failed { failure } => Some(failure),
            _ => None,
        })
        .unwrap();
    assert!(failed.cause.contains("lambda:CreateFunction"), "{failed}");
    assert!(
        failed
            .hint
            .as_ref()
            .unwrap()
            .contains("lambda:CreateFunction")
    );
    let skipped = |r: &StepResult| matches!(r, StepResult::Skipped { .. });
    assert!(
        runs[1].steps.values().any(skipped),
        "the API needs the function"
    );
    aws.heal();
    assert_all_well(&deploy_class(&aws, &class).await);
    assert_eq!(aws.snapshot(), everything_once(&class));
}

#[tokio::test(start_paused = true)]
async fn a_real_refusal_is_reported_at_once_and_not_waited_out() {
    let aws = StrictAws::new();
    aws.inject(Rule::on("iam:CreateRole").fault(Fault::Error {
        status: 409,
        code: "LimitExceeded",
        message: "Cannot exceed quota for RolesPerAccount: 1000",
    }));
    let class = Class::of(&["user1"]);
    let began = Instant::now();
    let runs = deploy_class(&aws, &class).await;
    assert!(
        runs[0]
            .steps
            .values()
            .any(|r| matches!(r, StepResult::Failed { .. }))
    );
    assert!(
        began.elapsed() < Duration::from_secs(10),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(aws.count("iam:CreateRole"), 3, "one attempt a role");
}

#[tokio::test(start_paused = true)]
async fn foreign_resources_with_our_names_are_conflicts_and_stay_untouched() {
    let aws = StrictAws::new();
    let class = Class::of(&["user1", "user2"]);
    let cloud = aws.backdoor().await;
    let name = "/aws/lambda/user1-process-data";
    cloud
        .create_log_group(name, &Default::default())
        .await
        .unwrap();
    let before = aws.state_of(name);
    let (caller, _run) = start(&aws, &class).await;
    let (plan, runs) = deploy_with(&caller, &class).await;
    assert!(plan.students[0].is_blocked());
    assert!(runs[0].steps.is_empty());
    assert_all_well(&runs);
    let (_, left) = teardown_with(&caller, &class).await;
    assert_eq!(
        (left.plan.steps(), left.plan.count(Verdict::Foreign)),
        (0, 1)
    );
    assert_eq!(aws.state_of(name), before);
    assert_eq!(aws.snapshot(), [(Kind::LogGroup, name.to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn a_foreign_resource_that_appears_after_the_listing_is_a_conflict_too() {
    let aws = StrictAws::new();
    let class = Class::of(&["user1"]);
    let (caller, _run) = start(&aws, &class).await;
    let plan = deploy::plan(&class.desired, &Observed::default(), false);
    let cloud = aws.backdoor().await;
    let name = "/aws/lambda/user1-process-data";
    cloud
        .create_log_group(name, &Default::default())
        .await
        .unwrap();
    let before = aws.state_of(name);
    let runs = execute(&caller, &plan, |_, _| None).await;
    let conflict = |r: &StepResult| matches!(r, StepResult::Conflict { .. });
    assert_eq!(runs[0].steps.values().filter(|r| conflict(r)).count(), 1);
    assert_eq!(aws.state_of(name), before);
}

#[tokio::test(start_paused = true)]
async fn a_listing_that_is_denied_is_a_gap_and_nothing_is_done_over_it() {
    let aws = StrictAws::new();
    let class = Class::of(&["user1"]);
    deploy_class(&aws, &class).await;
    let before = aws.snapshot();
    aws.inject(Rule::on("lambda:ListFunctions").fault(Fault::AccessDenied));
    let plan = plan_class(&aws, &class).await;
    assert_eq!((plan.steps(), plan.gaps.len()), (0, 1));
    let left = tear_down_class(&aws, &class).await;
    assert_eq!(
        left.plan.count(Verdict::Unknown),
        9,
        "three functions were not seen; their roles and log groups stay with them"
    );
    let functions = before.iter().filter(|(kind, _)| *kind == Kind::Function);
    for function in functions {
        assert!(aws.snapshot().contains(function), "{function:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_log_group_that_lambda_makes_again_during_a_teardown_is_deleted_again() {
    let aws = StrictAws::new();
    let class = Class::of(&["user1"]);
    deploy_class(&aws, &class).await;
    let (caller, _run) = start(&aws, &class).await;
    let work = teardown_with(&caller, &class);
    let late = async {
        // A function that was still running logs once more after its group was deleted.
        while aws.count("logs:DeleteLogGroup") < 3 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        tokio::time::sleep(Duration::from_secs(2)).await;
        aws.recreate_log_group("/aws/lambda/user1-process-data");
    };
    let ((_, left), ()) = tokio::join!(work, late);
    assert_eq!(left.plan.steps(), 0);
    assert_eq!(aws.snapshot(), []);
}

#[tokio::test(start_paused = true)]
async fn a_teardown_takes_what_students_left_running_and_what_left_the_roster() {
    let aws = StrictAws::new();
    aws.on_execution(|_| support::Run::succeeds(Duration::from_secs(86_400)));
    let class = Class::of(&["user1", "user2"]);
    deploy_class(&aws, &class).await;
    let cloud = aws.backdoor().await;
    let machine = class
        .desired
        .scope
        .state_machine_arn("user1-simple-workflow");
    cloud.start_execution(&machine, "long", "{}").await.unwrap();
    let roster = class.without("user2");
    let began = Instant::now();
    let left = tear_down_class(&aws, &roster).await;
    assert_eq!(left.plan.steps(), 0);
    assert_eq!(aws.snapshot(), []);
    assert!(
        began.elapsed() < Duration::from_secs(300),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn a_class_that_is_deployed_again_while_its_old_machines_are_being_deleted_waits_for_them() {
    let aws = StrictAws::new();
    aws.timings(|t| t.machine_deleting = Duration::from_secs(60));
    let class = Class::of(&["user1"]);
    deploy_class(&aws, &class).await;
    let cloud = aws.cloud().await;
    let machine = class
        .desired
        .scope
        .state_machine_arn("user1-simple-workflow");
    cloud.delete_state_machine(&machine).await.unwrap();
    let began = Instant::now();
    assert_all_well(&deploy_class(&aws, &class).await);
    assert!(began.elapsed() >= Duration::from_secs(55));
    assert_eq!(aws.snapshot(), everything_once(&class));
}

#[tokio::test(start_paused = true)]
async fn others_with_similar_names_and_other_classes_survive_a_teardown_unchanged() {
    let aws = StrictAws::new();
    let mut other = Class::of(&["user10"]);
    for stack in &mut other.desired.stacks {
        stack.owner.class = "other".parse().unwrap();
    }
    other.desired.class = "other".parse().unwrap();
    deploy_class(&aws, &other).await;
    bystanders_beside(&aws).await;
    let before = (
        aws.state_of("user10"),
        aws.state_of("/aws/lambda/"),
        aws.snapshot(),
    );
    let class = Class::of(&["user1"]);
    deploy_class(&aws, &class).await;
    tear_down_class(&aws, &class).await;
    assert_eq!(
        (
            aws.state_of("user10"),
            aws.state_of("/aws/lambda/"),
            aws.snapshot()
        ),
        before
    );
}

async fn bystanders_beside(aws: &StrictAws) {
    let cloud = aws.backdoor().await;
    cloud
        .create_log_group("/aws/lambda/user1-unrelated", &Default::default())
        .await
        .unwrap();
    cloud
        .create_rest_api("user1-workflow-api-v2", "", &Default::default())
        .await
        .unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_first_interrupt_lets_requests_finish_and_accounts_for_every_step() {
    let aws = StrictAws::new();
    let class = Class::of(&["user1", "user2"]);
    let (caller, run) = start(&aws, &class).await;
    let work = deploy_with(&caller, &class);
    let interrupt = async {
        while aws.count("lambda:CreateFunction") == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        run.stop.drain();
    };
    let ((plan, runs), ()) = tokio::join!(work, interrupt);
    for (student, run) in plan.students.iter().zip(&runs) {
        assert_eq!(student.steps(), run.steps.len());
    }
    let cancelled = |r: &StepResult| matches!(r, StepResult::Cancelled);
    assert!(runs.iter().flat_map(|r| r.steps.values()).any(cancelled));
    assert_all_well(&deploy_class(&aws, &class).await);
    assert_eq!(aws.snapshot(), everything_once(&class));
}

#[tokio::test(start_paused = true)]
async fn the_second_interrupt_gives_up_what_is_in_flight_at_once() {
    let aws = StrictAws::new();
    aws.inject(Rule::on("iam:CreateRole").fault(Fault::Slow(Duration::from_secs(50))));
    let class = Class::of(&["user1"]);
    let (caller, run) = start(&aws, &class).await;
    let began = Instant::now();
    let work = deploy_with(&caller, &class);
    let interrupt = async {
        while aws.count("iam:CreateRole") == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        run.stop.now();
    };
    let ((_, runs), ()) = tokio::join!(work, interrupt);
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "{:?}",
        began.elapsed()
    );
    assert!(
        runs[0]
            .steps
            .values()
            .all(|r| !matches!(r, StepResult::Failed { .. }))
    );
}

#[tokio::test(start_paused = true)]
async fn at_awss_published_rates_thirty_students_take_what_the_scarcest_quota_says() {
    let aws = StrictAws::with_quotas();
    let names: Vec<String> = (1..=30).map(|i| format!("user{i}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut class = Class::of(&names);
    class.pace = Pace::Scaled(1.0);
    let began = Instant::now();
    assert_all_well(&deploy_class(&aws, &class).await);
    let deployed = began.elapsed().as_secs();
    // CreateDeployment allows 1 per 5 s: 29 intervals, and the tail of the last student.
    assert!(
        (145..=145 + 45).contains(&deployed),
        "deploy took {deployed} s"
    );
    let began = Instant::now();
    tear_down_class(&aws, &class).await;
    let removed = began.elapsed().as_secs();
    // DeleteRestApi allows 1 per 30 s.
    assert!(
        (870..=870 + 45).contains(&removed),
        "teardown took {removed} s"
    );
    assert_eq!(aws.throttled(), []);
    assert_eq!(aws.snapshot(), []);
}

#[tokio::test(start_paused = true)]
async fn a_class_of_five_hundred_goes_up_and_comes_down_in_four_hours_of_awss_time() {
    let aws = StrictAws::with_quotas();
    aws.set_roles_quota(5000);
    let names: Vec<String> = (1..=500).map(|i| format!("user{i}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut class = Class::of(&names);
    class.pace = Pace::Scaled(1.0);
    assert_all_well(&deploy_class(&aws, &class).await);
    let began = Instant::now();
    let left = tear_down_class(&aws, &class).await;
    assert_eq!((left.plan.steps(), aws.snapshot()), (0, vec![]));
    let hours = began.elapsed().as_secs_f64() / 3600.0;
    // DeleteRestApi allows 1 per 30 s: 499 intervals. Before that, the tags of 500 state machines are read at 1 per
    // second beyond the first hundred.
    assert!((4.15..4.35).contains(&hours), "teardown took {hours} h");
    assert_eq!(aws.throttled(), []);
}

#[tokio::test(start_paused = true)]
async fn a_class_that_is_not_paced_is_throttled_and_goes_up_whole_all_the_same() {
    let aws = StrictAws::with_quotas();
    let names: Vec<String> = (1..=8).map(|i| format!("user{i}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let class = Class::of(&names);
    assert_all_well(&deploy_class(&aws, &class).await);
    let throttled = aws.throttled();
    assert!(
        throttled
            .iter()
            .any(|(quota, _)| *quota == "apigateway:CreateRestApi"),
        "{throttled:?}"
    );
    assert_eq!(aws.snapshot(), everything_once(&class));
}

#[tokio::test(start_paused = true)]
async fn a_class_beside_somebody_who_takes_half_of_every_quota_still_goes_up_and_comes_down() {
    let aws = StrictAws::with_options(Options {
        competitor: 0.5,
        ..Options::default()
    });
    let names: Vec<String> = (1..=12).map(|i| format!("user{i}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut class = Class::of(&names);
    class.pace = Pace::Scaled(1.0);
    assert_all_well(&deploy_class(&aws, &class).await);
    assert_eq!(aws.snapshot(), everything_once(&class));
    assert_ne!(aws.throttled(), []);
    let left = tear_down_class(&aws, &class).await;
    assert_eq!((left.plan.steps(), aws.snapshot()), (0, vec![]));
}

#[tokio::test(start_paused = true)]
async fn a_student_who_deletes_their_stack_during_a_teardown_is_no_error() {
    let aws = StrictAws::new();
    let class = Class::of(&["user1"]);
    deploy_class(&aws, &class).await;
    let (caller, _run) = start(&aws, &class).await;
    let observed = observe(&caller, &class.desired, &class.whole())
        .await
        .unwrap();
    let plan = teardown::plan(&class.desired, &observed, class.whole().reach());
    tear_down_class(&aws, &class).await;
    let runs = execute(&caller, &plan, |_, _| None).await;
    assert_all_well(&runs);
}

#[tokio::test(start_paused = true)]
async fn a_record_that_a_student_copied_neither_takes_nor_hides_anything() {
    let aws = StrictAws::new();
    let class = Class::of(&["user1", "user2"]);
    deploy_class(&aws, &class).await;
    let cloud = aws.backdoor().await;
    let arn = |name: &str| class.desired.scope.state_machine_arn(name);
    // user2 pastes user1's definition, comment and all.
    let theirs = cloud
        .describe_state_machine(&arn("user1-simple-workflow"))
        .await
        .unwrap();
    let own = cloud
        .describe_state_machine(&arn("user2-simple-workflow"))
        .await
        .unwrap();
    cloud
        .update_state_machine(
            &arn("user2-simple-workflow"),
            &NewStateMachine {
                name: "user2-simple-workflow",
                workflow_type: WorkflowType::Standard,
                role_arn: own.role_arn,
                definition: theirs.definition,
                tags: Tags::new(),
            },
        )
        .await
        .unwrap();
    // And makes a function's description point at another class.
    let forged = "homeroom class=other student=user9 lab=lab6 code=0 config=0";
    cloud
        .update_function_description("user2-process-data", forged)
        .await
        .unwrap();

    let plan = plan_class(&aws, &class).await;
    assert_eq!(plan.count(Verdict::Conflict), 0);
    assert_eq!(
        plan.students[1].first(Verdict::Keep).unwrap().resource.kind,
        Kind::StateMachine
    );
    // user2 leaves the roster; everything of theirs still goes.
    let left = tear_down_class(&aws, &class.without("user2")).await;
    assert_eq!((left.plan.steps(), aws.snapshot()), (0, vec![]));
}

#[tokio::test(start_paused = true)]
async fn somebody_elses_function_with_a_copied_description_survives_a_teardown() {
    let aws = StrictAws::new();
    let class = Class::of(&["user1"]);
    deploy_class(&aws, &class).await;
    let cloud = aws.backdoor().await;
    let stack = &class.desired.stacks[0];
    let mut copy = stack.functions[0].clone();
    copy.name = "prod-process-data".into();
    cloud
        .create_function(&NewFunction {
            role_arn: class
                .desired
                .scope
                .role_arn(&class.desired.class, &copy.role),
            description: stack.functions[0].description(&class.desired.scope, &stack.owner),
            function: &copy,
            tags: Tags::new(),
        })
        .await
        .unwrap();
    let left = tear_down_class(&aws, &class).await;
    assert_eq!(left.plan.steps(), 0);
    assert_eq!(
        aws.snapshot(),
        [(Kind::Function, "prod-process-data".to_owned())]
    );
}

#[tokio::test(start_paused = true)]
async fn a_teardown_in_the_wrong_region_touches_nothing_and_says_where_the_stack_is() {
    let aws = StrictAws::new();
    let class = Class::of(&["user1"]);
    deploy_class(&aws, &class).await;
    // Roles are global: they are what a look from another region finds.
    let mut wrong = Class::of(&["user1"]);
    wrong.desired.scope.region = "eu-west-1".into();
    let (caller, _run) = start(&aws, &wrong).await;
    let observed = observe(&caller, &wrong.desired, &wrong.whole())
        .await
        .unwrap();
    let roles = observed.roles.values();
    let ours = |role: &homeroom::domain::resources::role::Actual| {
        role.ownership(&wrong.desired.scope, &wrong.desired.class, None)
    };
    assert!(roles.clone().count() == 3);
    assert!(
        roles
            .map(ours)
            .all(|o| o == Ownership::OtherRegion(REGION.to_owned()))
    );
    assert_eq!(
        teardown::other_regions(&wrong.desired, &observed, wrong.whole().reach()),
        [(REGION.to_owned(), 3)].into()
    );
    let deployment = deploy::plan(&wrong.desired, &observed, false);
    assert!(
        deployment.students[0]
            .first(Verdict::Conflict)
            .unwrap()
            .why
            .contains(REGION)
    );
}

#[tokio::test(start_paused = true)]
async fn a_gap_over_a_student_who_left_the_roster_stays_a_gap() {
    let aws = StrictAws::new();
    let class = Class::of(&["user1", "user2"]);
    deploy_class(&aws, &class).await;
    aws.inject(
        Rule::on("logs:ListTagsForResource")
            .about("user2")
            .fault(Fault::AccessDenied),
    );
    let left = tear_down_class(&aws, &class.without("user2")).await;
    assert_eq!(left.plan.gaps.len(), 3, "{:?}", left.plan.gaps);
    assert_eq!(
        aws.snapshot().len(),
        3,
        "the three log groups are still there"
    );
}

#[tokio::test(start_paused = true)]
async fn a_failed_deletion_of_what_the_lab_no_longer_has_is_not_taken_for_done() {
    let aws = StrictAws::new();
    let class = Class::of(&["user1"]);
    deploy_class(&aws, &class).await;
    // The lab has since dropped a function; its stack is still tagged.
    let mut smaller = Class::of(&["user1"]);
    smaller.desired.stacks[0].functions.pop();
    smaller.desired.stacks[0].log_groups.pop();
    let dropped = class.desired.stacks[0]
        .functions
        .last()
        .unwrap()
        .name
        .clone();
    aws.inject(
        Rule::on("lambda:DeleteFunction")
            .about(&dropped)
            .fault(Fault::AccessDenied),
    );
    let left = tear_down_class(&aws, &smaller).await;
    assert_eq!(left.plan.students.len(), 1, "one plan an owner");
    let item = left.plan.students[0].first(Verdict::Delete).unwrap();
    assert_eq!(item.resource.name, dropped);
}

#[tokio::test(start_paused = true)]
async fn what_was_just_made_and_does_not_show_up_yet_is_waited_for() {
    for operation in [
        "iam:PutRolePolicy",
        "logs:PutRetentionPolicy",
        "apigateway:CreateResource",
    ] {
        let aws = StrictAws::new();
        aws.inject(Rule::on(operation).times(2).fault(Fault::Error {
            status: 404,
            code: match operation {
                "iam:PutRolePolicy" => "NoSuchEntity",
                "logs:PutRetentionPolicy" => "ResourceNotFoundException",
                _ => "NotFoundException",
            },
            message: "not found",
        }));
        let class = Class::of(&["user1"]);
        assert_all_well(&deploy_class(&aws, &class).await);
        assert_eq!(aws.snapshot(), everything_once(&class), "{operation}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_fault_after_a_long_wait_for_ones_turn_is_still_outlasted() {
    let aws = StrictAws::with_quotas();
    let names: Vec<String> = (1..=12).map(|i| format!("user{i}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut class = Class::of(&names);
    class.pace = Pace::Scaled(1.0);
    deploy_class(&aws, &class).await;
    // The last of twelve waits five and a half minutes for its turn; its first attempts fail.
    for fault in [Fault::ServerError, Fault::Throttle, Fault::Reset] {
        aws.inject(
            Rule::on("apigateway:DeleteRestApi")
                .skip(9)
                .times(1)
                .fault(fault),
        );
    }
    let left = tear_down_class(&aws, &class).await;
    assert_eq!((left.plan.steps(), aws.snapshot()), (0, vec![]));
}

#[tokio::test(start_paused = true)]
async fn two_instructors_who_deploy_at_once_end_with_one_of_each_after_the_next_run() {
    let aws = StrictAws::new();
    let class = Class::of(&["user1", "user2"]);
    let ((), ()) = tokio::join!(
        async {
            deploy_class(&aws, &class).await;
        },
        async {
            deploy_class(&aws, &class).await;
        }
    );
    assert_all_well(&deploy_class(&aws, &class).await);
    assert_eq!(aws.snapshot(), everything_once(&class));
    assert_eq!(plan_class(&aws, &class).await.steps(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_role_that_was_given_more_than_the_lab_has_is_put_right() {
    let aws = StrictAws::new();
    let class = Class::of(&["user1"]);
    deploy_class(&aws, &class).await;
    let cloud = aws.backdoor().await;
    let everything = serde_json::json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "*", "Resource": "*"}]});
    cloud
        .put_role_policy("user1-worker-role", "extra", &everything)
        .await
        .unwrap();
    let plan = plan_class(&aws, &class).await;
    assert!(
        plan.students[0]
            .first(Verdict::Update)
            .unwrap()
            .why
            .contains("extra")
    );
    assert_all_well(&deploy_class(&aws, &class).await);
    assert_eq!(plan_class(&aws, &class).await.steps(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_log_group_that_cannot_be_deleted_remains_even_after_its_function_is_gone() {
    let aws = StrictAws::new();
    let class = Class::of(&["user1"]);
    deploy_class(&aws, &class).await;
    // Lambda made it: no tags, and only its function says whose it is.
    let group = "/aws/lambda/user1-process-data";
    let cloud = aws.backdoor().await;
    cloud.delete_log_group(group).await.unwrap();
    aws.recreate_log_group(group);
    aws.inject(
        Rule::on("logs:DeleteLogGroup")
            .about("user1-process-data")
            .fault(Fault::AccessDenied),
    );
    let left = tear_down_class(&aws, &class).await;
    let remaining = left.plan.students[0].first(Verdict::Delete).unwrap();
    assert_eq!(remaining.resource.name, group);
    assert_eq!(aws.snapshot(), [(Kind::LogGroup, group.to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn a_log_group_that_a_function_makes_only_at_its_end_is_deleted_as_well() {
    let aws = StrictAws::new();
    let class = Class::of(&["user1"]);
    deploy_class(&aws, &class).await;
    let group = "/aws/lambda/user1-process-data";
    let cloud = aws.backdoor().await;
    cloud.delete_log_group(group).await.unwrap();
    let (caller, _run) = start(&aws, &class).await;
    let late = async {
        while aws.count("lambda:DeleteFunction") < 3 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        tokio::time::sleep(Duration::from_secs(2)).await;
        aws.recreate_log_group(group);
    };
    let ((_, left), ()) = tokio::join!(teardown_with(&caller, &class), late);
    assert_eq!((left.plan.steps(), aws.snapshot()), (0, vec![]));
}
