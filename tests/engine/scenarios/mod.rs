//! The engine and the real SDK against a strict AWS in process, on paused time: what a class day does when
//! everything goes well, and when anything goes wrong.

mod definitions;
mod drift;
mod endpoint;
mod everybodys;
mod faults;
mod foretold;
mod http_api;
mod lag;
mod left;
mod others;
mod places;
mod run_log;
mod scale;

use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

use homeroom::aws::pacing::{Overrides, Pace, Pacer};
use homeroom::aws::stop::Stop;
use homeroom::aws::{Client, NewFunction, NewStateMachine};
use homeroom::events::{Event, StepResult};
use homeroom::ids::Scope;
use homeroom::lab::Lab;
use homeroom::lab::bundle;
use homeroom::roster::Student;
use homeroom::stack::execute::{StudentRun, execute};
use homeroom::stack::forecast::Workload;
use homeroom::stack::kinds::Desired;
use homeroom::stack::kinds::Observed;
use homeroom::stack::kinds::state_machine::WorkflowType;
use homeroom::stack::kinds::{Kind, ResourceId};
use homeroom::stack::observe::{Depth, observe};
use homeroom::stack::ownership::{Ownership, TAG_DEPLOYED, Tags};
use homeroom::stack::plan::{Plan, Verdict, deploy, teardown};
use homeroom::stack::prove_gone::{StillThere, prove_gone};
use strict_aws::{ACCOUNT, Fault, Options, REGION, Rule, Spread, StrictAws};
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
        Self::with_lab(bundle::load(None).unwrap(), names)
    }

    /// The same with some of the lab's settings changed.
    fn with_settings(names: &[&str], settings: &[(&str, toml::Value)]) -> Self {
        let settings = settings
            .iter()
            .map(|(key, value)| ((*key).to_owned(), value.clone()));
        let lab = bundle::load(None).unwrap();
        Self::with_lab(lab.with_settings(&settings.collect()).unwrap(), names)
    }

    fn with_lab(lab: Lab, names: &[&str]) -> Self {
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
        due: None,
        place: None,
    }
}

/// One run: its own client, its own stop.
struct Run {
    stop: Stop,
    events: mpsc::UnboundedReceiver<Event>,
}

async fn start(aws: &StrictAws, class: &Class) -> (Client, Run) {
    let stop = Stop::new();
    let (sender, events) = mpsc::unbounded_channel();
    let client = aws
        .cloud()
        .await
        .in_run(class.pace, Overrides::new(), stop.clone(), sender);
    (client, Run { stop, events })
}

async fn deploy_with(client: &Client, class: &Class) -> (Plan, Vec<StudentRun>) {
    let observed = observe(client, &class.desired, &Depth::Deploy)
        .await
        .unwrap();
    let plan = deploy::plan(&class.desired, &observed, false);
    let runs = execute(client, &plan, |_, _| None).await;
    (plan, runs)
}

async fn deploy_class(aws: &StrictAws, class: &Class) -> Vec<StudentRun> {
    let (client, _run) = start(aws, class).await;
    deploy_with(&client, class).await.1
}

async fn plan_class(aws: &StrictAws, class: &Class) -> Plan {
    let (client, _run) = start(aws, class).await;
    let observed = observe(&client, &class.desired, &Depth::Deploy)
        .await
        .unwrap();
    deploy::plan(&class.desired, &observed, false)
}

async fn teardown_with(client: &Client, class: &Class) -> (Vec<StudentRun>, StillThere) {
    let observed = observe(client, &class.desired, &class.whole())
        .await
        .unwrap();
    let plan = teardown::plan(&class.desired, &observed, class.whole().reach());
    let runs = execute(client, &plan, |_, _| None).await;
    let left = prove_gone(client, &class.desired, &class.whole(), &plan, &runs)
        .await
        .unwrap();
    (runs, left)
}

async fn tear_down_class(aws: &StrictAws, class: &Class) -> StillThere {
    let (client, _run) = start(aws, class).await;
    teardown_with(&client, class).await.1
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
    assert_eq!(again.count(Verdict::NoChange), 36);
}

#[tokio::test(start_paused = true)]
async fn a_new_student_costs_at_most_31_calls_with_all_waits() {
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
    assert!(own <= 2 * 31, "{own} calls for two students");
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
        |c: &&strict_aws::Call| (1..=4).any(|i| c.resource.contains(&format!("user{i}")));
    let calls = aws.calls();
    assert_eq!(calls.iter().filter(about_others).count(), 0);
    assert_eq!(aws.count("apigateway:GetStages"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_teardown_asks_nothing_about_another_classs_students() {
    let aws = StrictAws::new();
    let mut other = Class::of(&["user8", "user9"]);
    let (scope, students) = (&other.desired.scope, &other.students);
    let desired = other
        .lab
        .desired(scope, &"other".parse().unwrap(), students);
    other.desired = desired.unwrap();
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
    let (client, mut run) = start(&aws, &class).await;
    let (_, runs) = deploy_with(&client, &class).await;
    assert_all_well(&runs);
    drop(client);
    let mut waits = 0;
    while let Some(event) = run.events.recv().await {
        if let Event::StepWaiting { on, .. } = event {
            waits += u32::from(on.contains("assumable"));
        }
    }
    assert_eq!(waits, 1, "one step asks for all");
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
    let (client, _run) = start(&aws, &class).await;
    let (plan, runs) = deploy_with(&client, &class).await;
    assert!(plan.students[0].is_blocked());
    assert!(runs[0].steps.is_empty());
    assert_all_well(&runs);
    let (_, left) = teardown_with(&client, &class).await;
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
    let (client, _run) = start(&aws, &class).await;
    let plan = deploy::plan(&class.desired, &Observed::default(), false);
    let cloud = aws.backdoor().await;
    let name = "/aws/lambda/user1-process-data";
    cloud
        .create_log_group(name, &Default::default())
        .await
        .unwrap();
    let before = aws.state_of(name);
    let runs = execute(&client, &plan, |_, _| None).await;
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
    let (client, _run) = start(&aws, &class).await;
    let work = teardown_with(&client, &class);
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
    aws.on_execution(|_| strict_aws::Run::succeeds(Duration::from_secs(86_400)));
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
async fn a_new_deployment_waits_for_old_machines_that_are_being_deleted() {
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
async fn similar_names_and_other_classes_survive_a_teardown_unchanged() {
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
            &[],
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
async fn a_teardown_in_the_wrong_region_only_says_where_the_stack_is() {
    let aws = StrictAws::new();
    let class = Class::of(&["user1"]);
    deploy_class(&aws, &class).await;
    // Roles are global: they are what a look from another region finds.
    let mut wrong = Class::of(&["user1"]);
    wrong.desired.scope.region = "eu-west-1".into();
    let (client, _run) = start(&aws, &wrong).await;
    let observed = observe(&client, &wrong.desired, &wrong.whole())
        .await
        .unwrap();
    let roles = observed.roles.values();
    let ours = |role: &homeroom::stack::kinds::role::Seen| {
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
async fn a_log_group_that_cannot_be_deleted_remains_without_its_function() {
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
    let (client, _run) = start(&aws, &class).await;
    let late = async {
        while aws.count("lambda:DeleteFunction") < 3 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        tokio::time::sleep(Duration::from_secs(2)).await;
        aws.recreate_log_group(group);
    };
    let ((_, left), ()) = tokio::join!(teardown_with(&client, &class), late);
    assert_eq!((left.plan.steps(), aws.snapshot()), (0, vec![]));
}

#[tokio::test(start_paused = true)]
async fn a_log_group_tagged_as_anothers_stays_though_its_function_is_ours() {
    let aws = StrictAws::new();
    let class = Class::of(&["user1"]);
    deploy_class(&aws, &class).await;
    let group = "/aws/lambda/user1-process-data";
    let arn = class.desired.scope.log_group_arn(group);
    let others = [("homeroom:class".to_owned(), "another".to_owned())];
    let tags = others.into_iter().collect();
    let cloud = aws.backdoor().await;
    cloud.tag_log_group(&arn, &tags).await.unwrap();

    let (client, _run) = start(&aws, &class).await;
    let (runs, left) = teardown_with(&client, &class).await;
    let of_group = &runs[0].steps[&ResourceId::new(Kind::LogGroup, group)];
    assert!(
        matches!(of_group, StepResult::Conflict { .. }),
        "{of_group:?}"
    );
    assert_eq!(aws.snapshot(), [(Kind::LogGroup, group.to_owned())]);
    assert_eq!(
        left.plan.steps(),
        0,
        "what is another's does not remain of ours"
    );
}
