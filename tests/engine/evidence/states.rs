//! Stacks that are not there, are another's, or could not be looked at: each is a state of its own.

use homeroom::evidence::check::Verdict;
use homeroom::evidence::progress::{Progress, StackState};
use homeroom::stack::kinds::state_machine::WorkflowType;
use homeroom::stack::ownership::Tags;

use super::*;
use strict_aws::{Fault, Rule, Run};

/// A class of two of whom only user1 has a stack.
async fn one_of_two() -> Class {
    let mut class = Class::deployed(1).await;
    (class.students, class.desired) = Class::desired(&class.lab, "demo", 2);
    class
}

#[tokio::test(start_paused = true)]
async fn a_student_of_whose_stack_nothing_is_there_is_not_deployed() {
    let class = one_of_two().await;
    let (read, _) = class.read(class.empty_cache()).await;
    let states: Vec<_> = read.students.iter().map(|s| s.progress).collect();
    assert_eq!(states, [Progress::NotStarted, Progress::NotDeployed]);
    let stacks: Vec<_> = read.students.iter().map(StudentProgress::stack).collect();
    assert_eq!(
        stacks,
        [Some(StackState::Ready), Some(StackState::NotDeployed)]
    );
    let stack = check(&read.students[1], "infrastructure");
    let hint = stack.instructor_hint();
    assert!(hint.contains("`homeroom deploy --students"), "{hint}");
    assert!(!stack.hint.contains("homeroom"), "{}", stack.hint);
}

#[tokio::test(start_paused = true)]
async fn a_stack_that_could_not_be_looked_at_is_unknown_and_not_absent() {
    let class = one_of_two().await;
    class
        .aws
        .inject(Rule::on("lambda:ListFunctions").fault(Fault::AccessDenied));
    let (read, _) = class.read(class.empty_cache()).await;
    assert_eq!(read.students[1].progress, Progress::Unknown);
    let stack = check(&read.students[1], "own-stack");
    assert_eq!(stack.verdict, Verdict::CouldNotCheck);
}

#[tokio::test(start_paused = true)]
async fn work_in_another_class_s_stack_of_the_same_names_is_nobody_s_here() {
    let mut class = Class::deployed(1).await;
    class.work().await;
    (class.students, class.desired) = Class::desired(&class.lab, "other", 1);
    let (read, calls) = class.read(class.empty_cache()).await;
    let student = &read.students[0];
    assert_eq!(student.progress, Progress::Broken);
    assert_eq!(student.executions, []);
    assert_eq!(own_work_passed(student), [""; 0]);
    assert!(
        !calls.0.contains_key("states:ListExecutions"),
        "{:?}",
        calls.0
    );
    // Not read is not zero.
    assert_eq!(verdict(&read, "console-test"), Verdict::CouldNotCheck);
}

impl Class {
    /// What `validate` finds of user1.
    async fn validated(&self) -> Vec<CheckResult> {
        self.validated_once_more("7abcdefgh2").await
    }

    async fn validated_once_more(&self, nonce: &str) -> Vec<CheckResult> {
        let (client, _events) = self.client().await;
        let observed = self.observed(&client).await;
        let plan = deploy::plan(&self.desired, &observed, false);
        let Desired { scope, class, .. } = &self.desired;
        let validation = Validation {
            stack: &self.desired.stacks[0],
            invocation: "homeroom --class demo",
            scope,
            observed: &observed,
            plan: &plan.students[0],
            console: true,
            probes: &self
                .lab
                .probes(scope, class, &self.students[0], nonce)
                .unwrap(),
            nonce,
            started_ms: self.aws.now_ms(),
            deployed_ms: None,
        };
        validate(&client, &validation).await.unwrap()
    }
}

fn hint_of<'a>(results: &'a [CheckResult], id: &str) -> &'a str {
    results
        .iter()
        .find(|r| r.id == id)
        .unwrap()
        .instructor_hint()
}

#[tokio::test(start_paused = true)]
async fn validate_says_which_deploy_mends_what_it_found() {
    let class = Class::deployed(1).await;
    let reset = "`homeroom --class demo deploy --reset --students user1`";
    // All is as deployed, and yet it does not run: no deployment would find anything to do.
    class
        .aws
        .on_execution(|_| Run::fails(Duration::from_secs(1), "Oops", "no reason"));
    let results = class.validated().await;
    let hint = hint_of(&results, "direct-good-input");
    assert!(!hint.contains("--reset"), "{hint}");
    assert!(hint.contains("Step Functions console"), "{hint}");

    // What the student changed, a plain deployment would keep.
    let cloud = class.aws.backdoor().await;
    let name = "user1-simple-workflow";
    let arn = class.desired.scope.state_machine_arn(name);
    let machine = cloud.describe_state_machine(&arn).await.unwrap();
    let mut definition: Value = serde_json::from_str(&machine.definition).unwrap();
    definition["TimeoutSeconds"] = json!(999);
    let changed = NewStateMachine {
        name,
        workflow_type: WorkflowType::Standard,
        role_arn: machine.role_arn,
        definition: definition.to_string(),
        tags: Tags::new(),
    };
    let updated = cloud.update_state_machine(&arn, &changed, &[]).await;
    updated.unwrap();
    let results = class.validated_once_more("7abcdefgh3").await;
    assert!(hint_of(&results, "direct-good-input").contains(reset));
    // No listing shows what is reserved.
    let other = Class::deployed(1).await;
    let function = "user1-send-notification";
    let reserving = other.aws.backdoor().await;
    let put = reserving.put_function_concurrency(function, 7).await;
    put.unwrap();
    other
        .aws
        .on_execution(|_| Run::fails(Duration::from_secs(1), "Oops", "no reason"));
    let results = other.validated().await;
    assert!(hint_of(&results, "direct-good-input").contains(reset));

    cloud
        .delete_log_group("/aws/lambda/user1-process-data")
        .await
        .unwrap();
    let results = class.validated().await;
    let hint = hint_of(&results, "resources");
    assert!(
        hint.contains("`homeroom --class demo deploy --students user1`"),
        "{hint}"
    );
    assert!(!hint.contains("--reset"), "{hint}");
}

#[tokio::test(start_paused = true)]
async fn probes_of_a_frozen_student_could_not_be_checked_and_name_the_thaw() {
    use homeroom::stack::kinds::function::TAG_FROZEN;

    let class = Class::deployed(1).await;
    let cloud = class.aws.backdoor().await;
    for function in &class.desired.stacks[0].functions {
        let arn = class.desired.scope.function_arn(&function.name);
        let tags = [(TAG_FROZEN.to_owned(), "none".to_owned())].into();
        cloud.tag_function(&arn, &tags).await.unwrap();
    }
    let (results, recorded) = class.validate_one(0).await;
    let probes: Vec<_> = results.iter().skip(3).collect();
    assert!(!probes.is_empty());
    for probe in probes {
        assert_eq!(probe.verdict, Verdict::CouldNotCheck, "{probe:?}");
        assert!(probe.evidence[0].text.contains("frozen"), "{probe:?}");
        assert!(probe.hint.contains("access thaw --students user1"));
    }
    assert!(recorded.executions.is_empty(), "nothing was sent");
}
