//! Reading a class against the strict AWS: what is proven, what could not be checked, and at how many calls.

mod allowed;
mod causes;
mod due;
mod everybodys;
mod flood;
mod giving_up;
mod lag;
mod marks;
mod settling;
mod shapes;
mod states;
mod stuck;

use homeroom::aws::ApiRequest;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::Duration;

use homeroom::aws::pacing::{Overrides, Pace};
use homeroom::aws::stop::Stop;
use homeroom::aws::{Client, NewStateMachine};
use homeroom::events::Event;
use homeroom::evidence::cache::{Cache, CacheKey, DEFINITION_MAX_AGE_MS, OwnRecords};
use homeroom::evidence::check::{CheckResult, Verdict};
use homeroom::evidence::progress::{Progress, StudentProgress};
use homeroom::evidence::reading::{ClassReading, ReadClass, read_class};
use homeroom::evidence::recorded::{Nonce, Recorded, Written};
use homeroom::ids::Scope;
use homeroom::lab::Lab;
use homeroom::lab::bundle;
use homeroom::lab::marks::Starter;
use homeroom::lab::marks::nonce;
use homeroom::probe::script;
use homeroom::probe::validate::{Validation, issue_nonce, validate};
use homeroom::roster::Student;
use homeroom::stack::execute::execute;
use homeroom::stack::kinds::Desired;
use homeroom::stack::kinds::Observed;
use homeroom::stack::kinds::api::Authorization;
use homeroom::stack::observe::{Depth, observe};
use homeroom::stack::plan::deploy;
use serde_json::{Value, json};
use strict_aws::{ACCOUNT, Fault, REGION, Rule, StrictAws};
use tokio::sync::mpsc;

/// A deployed class.
struct Class {
    lab: Lab,
    students: Vec<Student>,
    desired: Desired,
    aws: StrictAws,
    /// What the run logs of its deployments would tell.
    recorded: Mutex<OwnRecords>,
}

impl Class {
    async fn deployed(size: usize) -> Self {
        Self::deployed_with(bundle::load(None).unwrap(), size).await
    }

    /// What so many students of a class should have.
    fn desired(lab: &Lab, name: &str, size: usize) -> (Vec<Student>, Desired) {
        let students: Vec<Student> = (1..=size)
            .map(|n| Student {
                username: format!("user{n}").parse().unwrap(),
                name: None,
                email: None,
                section: None,
                extra: Vec::new(),
                due: None,
                place: None,
            })
            .collect();
        let scope = Scope {
            partition: "aws".into(),
            account: ACCOUNT.into(),
            region: REGION.into(),
        };
        let desired = lab.desired(&scope, &name.parse().unwrap(), &students);
        (students, desired.unwrap())
    }

    async fn deployed_with(lab: Lab, size: usize) -> Self {
        let (students, desired) = Self::desired(&lab, "demo", size);
        let class = Self {
            lab,
            students,
            desired,
            aws: StrictAws::new(),
            recorded: Mutex::default(),
        };
        class.deploy().await;
        class
    }

    async fn deploy(&self) {
        self.deploy_with(false).await;
    }

    async fn deploy_with(&self, reset: bool) {
        let (client, mut events) = self.client().await;
        let observed = self.observed(&client).await;
        let plan = deploy::plan(&self.desired, &observed, reset);
        for run in execute(&client, &plan, |_, _| None).await {
            assert!(run.steps.iter().all(|(_, result)| result.is_well()));
        }
        let mut recorded = self.recorded.lock().unwrap();
        while let Ok(event) = events.try_recv() {
            let Event::FunctionWritten {
                student,
                function,
                modified_ms,
                clean_from_ms,
                follows_ms,
            } = event
            else {
                continue;
            };
            let written = Written {
                clean_from_ms,
                follows_ms,
            };
            let own = recorded.entry(student).or_default();
            let writes = own.functions.entry(function).or_default();
            writes.insert(modified_ms, written);
        }
    }

    async fn client(&self) -> (Client, mpsc::UnboundedReceiver<Event>) {
        let (sender, events) = mpsc::unbounded_channel();
        let cloud = self.aws.cloud().await;
        let client = cloud.in_run(Pace::Unlimited, Overrides::new(), Stop::new(), sender);
        (client, events)
    }

    async fn observed(&self, client: &Client) -> Observed {
        observe(client, &self.desired, &Depth::Deploy)
            .await
            .unwrap()
    }

    /// A cache of no reading, on the computer that deployed.
    fn empty_cache(&self) -> Cache {
        let mut cache = self.foreign_cache();
        cache.homeroom.clone_from(&self.recorded.lock().unwrap());
        cache
    }

    /// A cache of no reading, on another computer.
    fn foreign_cache(&self) -> Cache {
        Cache::new(CacheKey::new(
            &self.desired.scope,
            &self.desired.class,
            &self.desired.lab,
        ))
    }

    /// One reading, with the calls that it made, and through the cache's text as the next one would have it.
    async fn read(&self, cache: Cache) -> (ReadClass, Calls) {
        let (client, _events) = self.client().await;
        self.read_by(&client, cache).await
    }

    async fn read_by(&self, client: &Client, cache: Cache) -> (ReadClass, Calls) {
        self.read_standing(client, cache, &BTreeSet::new()).await
    }

    /// Refused requests of these students are not asked for.
    async fn read_standing(
        &self,
        client: &Client,
        cache: Cache,
        requests_stand: &BTreeSet<homeroom::ids::Username>,
    ) -> (ReadClass, Calls) {
        self.aws.clear_calls();
        let reading = ClassReading {
            lab: &self.lab,
            desired: &self.desired,
            students: &self.students,
            skip: &BTreeSet::new(),
            requests_stand,
            depth: &Depth::Deploy,
            now_ms: self.aws.now_ms(),
            at: None,
            console: true,
            invoke_url: &|id, stage| format!("https://{id}.example/{stage}"),
        };
        let mut read = read_class(client, &reading, cache).await.unwrap();
        read.cache = Cache::parse(read.cache.to_json().as_bytes(), &read.cache.key).unwrap();
        (read, Calls::of(&self.aws))
    }

    /// homeroom's own validation of one student, and what the run log keeps of it.
    async fn validate_one(&self, index: usize) -> (Vec<CheckResult>, Recorded) {
        let (client, mut events) = self.client().await;
        let at_ms = self.aws.now_ms();
        let results = self.validate_by(&client, index).await;
        let mut recorded = Recorded::default();
        while let Ok(event) = events.try_recv() {
            match event {
                Event::ExecutionStarted { execution_arn, .. } => {
                    recorded.executions.insert(execution_arn);
                }
                Event::NonceIssued { nonce, .. } => {
                    recorded.nonces.insert(Nonce { nonce, at_ms });
                }
                _ => {}
            }
        }
        (results, recorded)
    }

    async fn validate_by(&self, client: &Client, index: usize) -> Vec<CheckResult> {
        self.validate_deployed(client, index, None).await
    }

    /// The same, on a computer that last deployed the class then.
    async fn validate_deployed(
        &self,
        client: &Client,
        index: usize,
        deployed_ms: Option<i64>,
    ) -> Vec<CheckResult> {
        let observed = self.observed(client).await;
        let plan = deploy::plan(&self.desired, &observed, false);
        let Desired { scope, class, .. } = &self.desired;
        let student = &self.students[index];
        let at_ms = self.aws.now_ms();
        let mut bytes = at_ms.to_le_bytes().to_vec();
        bytes.extend([index as u8, 7]);
        let nonce = nonce(bytes.try_into().unwrap());
        issue_nonce(client, &student.username, &nonce);
        let validation = Validation {
            stack: &self.desired.stacks[index],
            invocation: "homeroom",
            scope,
            observed: &observed,
            plan: &plan.students[index],
            console: true,
            probes: &self.lab.probes(scope, class, student, &nonce).unwrap(),
            nonce: &nonce,
            started_ms: at_ms,
            deployed_ms,
        };
        validate(client, &validation).await.unwrap()
    }

    /// homeroom's own validation of every student, which must pass; a cache with what the run log keeps of it.
    async fn validate(&self) -> Cache {
        let mut cache = self.empty_cache();
        for (index, student) in self.students.iter().enumerate() {
            let (results, recorded) = self.validate_one(index).await;
            let mut shown = 0;
            for result in results {
                assert_eq!(result.verdict, Verdict::Pass, "{result:?}");
                for execution in result.evidence.iter().filter_map(|e| e.execution.as_ref()) {
                    assert_eq!(execution.starter, Starter::Homeroom);
                    assert!(execution.execution.stopped_ms.is_some(), "{execution:?}");
                    let url = execution.console_url.as_deref().unwrap();
                    assert!(url.ends_with(&execution.execution.arn), "{url}");
                    shown += 1;
                }
            }
            assert_eq!(shown, 3, "a probe that ran something shows what it ran");
            // A probe that was tried again is recorded each time.
            assert!(recorded.executions.len() >= 3, "{recorded:?}");
            let own = cache.homeroom.entry(student.username.clone()).or_default();
            own.extend(recorded);
        }
        cache
    }

    /// Every student does the whole lab.
    async fn work(&self) {
        let (client, _events) = self.client().await;
        let observed = self.observed(&client).await;
        let Desired { scope, class, .. } = &self.desired;
        for (stack, student) in self.desired.stacks.iter().zip(&self.students) {
            let steps = self.lab.rehearsal_steps(scope, class, student);
            script::work(&client, scope, stack, &observed, &steps)
                .await
                .unwrap();
        }
    }

    /// A request to user1's API, past every fault and count; the execution's ARN.
    async fn post(&self, user: &str, data: &str) -> String {
        let (client, _events) = self.client().await;
        let observed = self.observed(&client).await;
        let stack = &self.desired.stacks[0];
        let api = observed.api_of(&self.desired.scope, stack, &stack.apis[0]);
        let body = json!({"userId": user, "dataType": data}).to_string();
        let cloud = self.aws.backdoor().await;
        let id = &api.unwrap().id;
        let answer = cloud
            .invoke_api(ApiRequest {
                api_id: id,
                stage: "prod",
                method: "POST",
                path: "/process",
                body: &body,
                authorization: Authorization::None,
                agent: "curl/8",
            })
            .await;
        let answer: Value = serde_json::from_str(&answer.unwrap().body).unwrap();
        answer["executionArn"].as_str().unwrap().to_owned()
    }

    /// Starts an execution of user1's, past every fault and count.
    async fn start(&self, name: &str, input: &Value) -> String {
        let cloud = self.aws.backdoor().await;
        let arn = self
            .desired
            .scope
            .state_machine_arn("user1-simple-workflow");
        let started = cloud.start_execution(&arn, name, &input.to_string()).await;
        started.unwrap()
    }
}

/// How many calls of each operation a reading made.
struct Calls(BTreeMap<String, usize>);

/// Operations that are asked once for the class (by page), not for each student.
const FOR_THE_CLASS: [&str; 7] = [
    "iam:ListAccountAliases",
    "iam:GetAccountSummary",
    "iam:GetAccountAuthorizationDetails",
    "lambda:ListFunctions",
    "states:ListStateMachines",
    "apigateway:GetRestApis",
    "logs:DescribeLogGroups",
];

impl Calls {
    fn of(aws: &StrictAws) -> Self {
        let mut counts = BTreeMap::new();
        for call in aws.calls() {
            *counts.entry(call.operation).or_default() += 1;
        }
        Self(counts)
    }

    fn for_the_class(&self) -> usize {
        let of_class = self
            .0
            .iter()
            .filter(|(op, _)| FOR_THE_CLASS.contains(&op.as_str()));
        of_class.map(|(_, count)| count).sum()
    }

    fn for_students(&self) -> usize {
        self.0.values().sum::<usize>() - self.for_the_class()
    }
}

fn check<'a>(student: &'a StudentProgress, id: &str) -> &'a CheckResult {
    student.checks.iter().find(|c| c.id == id).unwrap()
}

fn verdict(read: &ReadClass, id: &str) -> Verdict {
    check(&read.students[0], id).verdict
}

fn own_work_passed(student: &StudentProgress) -> Vec<&str> {
    use homeroom::lab::check::Work;
    let passed = student
        .checks
        .iter()
        .filter(|c| c.work == Work::Student && c.verdict == Verdict::Pass);
    passed.map(|c| c.id.as_str()).collect()
}

const SIZE: usize = 20;

#[tokio::test(start_paused = true)]
async fn a_fresh_class_costs_7_calls_a_student_and_then_3() {
    let class = Class::deployed(SIZE).await;
    let (first, calls) = class.read(class.empty_cache()).await;
    for student in &first.students {
        assert_eq!(student.progress, Progress::NotStarted, "{student:?}");
    }
    assert_eq!(calls.for_students(), 7 * SIZE, "{:?}", calls.0);
    assert!(calls.for_the_class() <= 10, "{:?}", calls.0);

    let (second, calls) = class.read(first.cache).await;
    assert_eq!(second.students, first.students);
    assert_eq!(calls.for_students(), 3 * SIZE, "{:?}", calls.0);
    assert!(calls.for_the_class() <= 10, "{:?}", calls.0);
}

#[tokio::test(start_paused = true)]
async fn a_validated_class_costs_4_calls_a_student_and_scores_nothing() {
    let class = Class::deployed(3).await;
    let records = class.validate().await;
    let (first, calls) = class.read(records).await;
    for student in &first.students {
        assert_eq!(own_work_passed(student), [""; 0]);
        assert_eq!(student.progress, Progress::NotStarted);
        assert_eq!(student.executions, []);
    }
    assert_eq!(calls.for_students(), 4 * 3, "{:?}", calls.0);
    let (_, calls) = class.read(first.cache).await;
    assert_eq!(calls.for_students(), 3 * 3, "{:?}", calls.0);
}

#[tokio::test(start_paused = true)]
async fn a_class_that_has_done_everything_costs_11_calls_and_then_2() {
    let class = Class::deployed(SIZE).await;
    class.work().await;
    let (first, calls) = class.read(class.empty_cache()).await;
    for student in &first.students {
        assert_eq!(
            student.progress,
            Progress::Complete,
            "{:#?}",
            student.checks
        );
    }
    assert_eq!(calls.for_students(), 11 * SIZE, "{:?}", calls.0);

    let (second, calls) = class.read(first.cache).await;
    assert_eq!(second.students, first.students);
    assert_eq!(calls.for_students(), 2 * SIZE, "{:?}", calls.0);

    tokio::time::advance(Duration::from_millis(
        1 + DEFINITION_MAX_AGE_MS.unsigned_abs(),
    ))
    .await;
    let (_, calls) = class.read(second.cache).await;
    assert_eq!(calls.for_students(), 3 * SIZE, "definitions are read again");
}

#[tokio::test(start_paused = true)]
async fn what_is_new_since_the_last_reading_is_seen_whatever_is_remembered() {
    let class = Class::deployed(1).await;
    let (first, _) = class.read(class.empty_cache()).await;
    class
        .start(
            "console-test-1",
            &json!({"userId": "u", "dataType": "sales_data"}),
        )
        .await;
    let (begun, _) = class.read(first.cache).await;
    let running = check(&begun.students[0], "console-test");
    assert_eq!(running.verdict, Verdict::Fail, "it has not succeeded yet");
    tokio::time::advance(Duration::from_secs(60)).await;
    let (second, _) = class.read(begun.cache).await;
    assert_eq!(verdict(&second, "console-test"), Verdict::Pass);
    let evidence = &check(&second.students[0], "console-test").evidence[0];
    let url = evidence
        .execution
        .as_ref()
        .unwrap()
        .console_url
        .as_ref()
        .unwrap();
    assert!(
        url.ends_with("execution:user1-simple-workflow:console-test-1"),
        "{url}"
    );

    // Torn down and deployed again: nothing of before counts, though names and ARNs are the same.
    let cloud = class.aws.backdoor().await;
    let arn = class
        .desired
        .scope
        .state_machine_arn("user1-simple-workflow");
    cloud.delete_state_machine(&arn).await.unwrap();
    tokio::time::advance(Duration::from_secs(300)).await;
    let (broken, _) = class.read(second.cache).await;
    assert_eq!(broken.students[0].progress, Progress::Broken);
    // The executions went with the machine: that says nothing of what the student did, and is no zero.
    assert_eq!(verdict(&broken, "console-test"), Verdict::CouldNotCheck);
    assert!(
        !broken.students[0].last.unread,
        "there is nothing to be read"
    );
}

#[tokio::test(start_paused = true)]
async fn a_changed_workflow_is_shown_and_not_counted_against_the_student() {
    let class = Class::deployed(1).await;
    let cloud = class.aws.backdoor().await;
    let machine = &class.desired.stacks[0].state_machines[0];
    let arn = class.desired.scope.state_machine_arn(&machine.name);
    let detail = cloud.describe_state_machine(&arn).await.unwrap();
    let new = NewStateMachine {
        name: &machine.name,
        workflow_type: machine.workflow_type,
        role_arn: detail.role_arn,
        definition: detail
            .definition
            .replace("\"Type\": \"Succeed\"", "\"Type\": \"Pass\", \"End\": true"),
        tags: homeroom::stack::ownership::Tags::new(),
    };
    cloud.update_state_machine(&arn, &new, &[]).await.unwrap();
    class.work().await;
    let (read, _) = class.read(class.empty_cache()).await;
    let student = &read.students[0];
    assert_eq!(
        student.progress,
        Progress::Complete,
        "{:#?}",
        student.checks
    );
    let change = &student.changes[0];
    assert_eq!(change.resource, "state machine user1-simple-workflow");
    let text = serde_json::to_string(&change.diff).unwrap();
    assert!(text.contains("Succeed") && text.contains("Pass"), "{text}");
    assert!(!text.contains("homeroom class="), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_read_that_is_denied_is_not_a_zero_and_forgets_nothing() {
    let class = Class::deployed(1).await;
    class.work().await;
    let (seen, _) = class.read(class.empty_cache()).await;

    class
        .aws
        .inject(Rule::on("states:ListExecutions").fault(Fault::AccessDenied));
    let (denied, _) = class.read(seen.cache.clone()).await;
    assert_eq!(denied.students[0].progress, Progress::Unknown);
    for id in ["console-test", "api-valid-data", "results-and-logs"] {
        let check = check(&denied.students[0], id);
        assert_eq!(check.verdict, Verdict::CouldNotCheck, "{id}");
        assert!(check.evidence[0].text.contains("AccessDenied"), "{check:?}");
    }
    class.aws.heal();
    let (_, calls) = class.read(denied.cache).await;
    assert_eq!(
        calls.0.get("states:DescribeExecution"),
        None,
        "{:?}",
        calls.0
    );

    class
        .aws
        .inject(Rule::on("states:DescribeExecution").fault(Fault::AccessDenied));
    let (denied, calls) = class.read(class.empty_cache()).await;
    assert_eq!(verdict(&denied, "api-valid-data"), Verdict::CouldNotCheck);
    assert_eq!(verdict(&denied, "several-executions"), Verdict::Pass);
    assert_eq!(
        calls.0["states:DescribeExecution"], 1,
        "one refusal stands for all"
    );
    class.aws.heal();

    class
        .aws
        .inject(Rule::on("logs:FilterLogEvents").fault(Fault::AccessDenied));
    let (denied, _) = class.read(class.empty_cache()).await;
    assert_eq!(verdict(&denied, "results-and-logs"), Verdict::CouldNotCheck);
}
