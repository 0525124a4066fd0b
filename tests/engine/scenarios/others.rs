//! Others at work at the same time: another instructor with the same class, and students with their own stacks.

use super::faults::{namesakes, with_bystanders};
use super::*;

/// Every planned step of everybody has an outcome.
fn assert_all_told(plan: &Plan, runs: &[StudentRun]) {
    assert_eq!(plan.students.len(), runs.len());
    for (planned, run) in plan.students.iter().zip(runs) {
        assert_eq!(planned.owner.student, run.student);
        assert_eq!(planned.steps(), run.steps.len(), "{}", run.student);
    }
}

#[tokio::test(start_paused = true)]
async fn two_deployments_or_teardowns_at_once_end_with_one_of_each_or_none() {
    let class = Class::of(&["user1", "user2"]);
    // By how much the second one comes later.
    for later in [0, 50, 400, 2_000, 5_000, 11_000, 14_000] {
        let later = Duration::from_millis(later);
        let aws = StrictAws::new();
        let bystanders = namesakes(&aws).await;
        let others = aws.state_of("user11");
        let (first, _run) = start(&aws, &class).await;
        let (second, _run) = start(&aws, &class).await;
        let (one, two) = tokio::join!(deploy_with(&first, &class), async {
            tokio::time::sleep(later).await;
            deploy_with(&second, &class).await
        });
        assert_all_told(&one.0, &one.1);
        assert_all_told(&two.0, &two.1);
        assert_all_well(&deploy_class(&aws, &class).await);
        let all = with_bystanders(&class, &bystanders);
        assert_eq!(aws.snapshot(), all, "{later:?} later");
        assert_eq!(plan_class(&aws, &class).await.steps(), 0, "{later:?} later");

        let ((one, _), (two, _)) = tokio::join!(teardown_with(&first, &class), async {
            tokio::time::sleep(later).await;
            teardown_with(&second, &class).await
        });
        assert_eq!(one.len(), 2, "an outcome for everybody");
        for run in one.iter().chain(&two) {
            let failed = |r: &StepResult| matches!(r, StepResult::Failed { .. });
            assert!(!run.steps.values().any(failed), "{later:?} later: {run:?}");
        }
        let left = tear_down_class(&aws, &class).await;
        assert_eq!((left.plan.steps(), aws.snapshot()), (0, bystanders));
        assert_eq!(aws.state_of("user11"), others, "{later:?} later");
    }
}

#[tokio::test(start_paused = true)]
async fn a_teardown_during_a_deployment_leaves_no_twins_the_next_run_decides() {
    for head_start_ms in [0, 300, 2_000, 12_000] {
        let aws = StrictAws::new();
        let class = Class::of(&["user1", "user2"]);
        let (runs, _left) = tokio::join!(deploy_class(&aws, &class), async {
            tokio::time::sleep(Duration::from_millis(head_start_ms)).await;
            tear_down_class(&aws, &class).await
        });
        assert_eq!(runs.len(), 2);
        let mut seen = aws.snapshot();
        seen.dedup();
        assert_eq!(seen, aws.snapshot(), "no twins after {head_start_ms} ms");
        assert_all_well(&deploy_class(&aws, &class).await);
        assert_eq!(aws.snapshot(), everything_once(&class));
        let left = tear_down_class(&aws, &class).await;
        assert_eq!((left.plan.steps(), aws.snapshot()), (0, vec![]));
    }
}

#[tokio::test(start_paused = true)]
async fn a_student_who_deletes_their_stack_during_a_teardown_is_no_error() {
    let aws = StrictAws::new();
    let class = Class::of(&["user1"]);
    deploy_class(&aws, &class).await;
    let (client, _run) = start(&aws, &class).await;
    let observed = observe(&client, &class.desired, &class.whole())
        .await
        .unwrap();
    let plan = teardown::plan(&class.desired, &observed, class.whole().reach());
    tear_down_class(&aws, &class).await;
    let runs = execute(&client, &plan, |_, _| None).await;
    assert_all_well(&runs);
}

/// What a student may do to their own stack.
#[derive(Debug, Clone, Copy)]
enum Act {
    DeleteFunction,
    DeleteMachine,
    DeleteGroup,
    DeleteStage,
    DeleteApi,
    DeleteRole,
    ChangeDescription,
    ChangeDefinition,
}

const ACTS: [Act; 8] = [
    Act::DeleteFunction,
    Act::DeleteMachine,
    Act::DeleteGroup,
    Act::DeleteStage,
    Act::DeleteApi,
    Act::DeleteRole,
    Act::ChangeDescription,
    Act::ChangeDefinition,
];

/// Does it to the stack of `user1` as soon as the thing is there; whether it was there within the time.
async fn meddle(aws: &StrictAws, class: &Class, act: Act, patience: Duration) -> bool {
    let cloud = aws.backdoor().await;
    let scope = &class.desired.scope;
    let stack = &class.desired.stacks[0];
    let (function, machine) = (&stack.functions[0].name, &stack.state_machines[0]);
    let arn = scope.state_machine_arn(&machine.name);
    // As the console does it: the record in the comment stays.
    let signed = machine.signed_definition(scope, &stack.owner);
    let mut definition: serde_json::Value = serde_json::from_str(&signed).unwrap();
    definition["TimeoutSeconds"] = 299.into();
    let changed = NewStateMachine {
        name: &machine.name,
        workflow_type: WorkflowType::Standard,
        role_arn: scope.role_arn(&class.desired.class, &machine.role),
        definition: definition.to_string(),
        tags: Tags::default(),
    };
    let api = async || {
        let apis = cloud.rest_apis_page(None).await.unwrap().items.into_iter();
        let mut ours = apis.filter(|(api, _)| api.name == stack.apis[0].name);
        ours.next().map(|(api, _)| api.id)
    };
    let began = Instant::now();
    while began.elapsed() < patience {
        let done = match act {
            Act::DeleteFunction => cloud.delete_function(function).await.is_ok(),
            // A deletion that is carried out later answers in any case.
            Act::DeleteMachine => {
                cloud.describe_state_machine(&arn).await.is_ok()
                    && cloud.delete_state_machine(&arn).await.is_ok()
            }
            Act::DeleteGroup => {
                let group = &stack.log_groups[0].name;
                cloud.delete_log_group(group).await.is_ok()
            }
            Act::DeleteStage => match api().await {
                Some(id) => cloud.delete_stage(&id, &stack.apis[0].stage).await.is_ok(),
                None => false,
            },
            Act::DeleteApi => match api().await {
                Some(id) => cloud.delete_rest_api(&id).await.is_ok(),
                None => false,
            },
            Act::DeleteRole => {
                let role = &stack.roles[0].name;
                let policy = homeroom::stack::kinds::role::POLICY_NAME;
                cloud.delete_role_policy(role, policy).await.is_ok()
                    && cloud.delete_role(role).await.is_ok()
            }
            Act::ChangeDescription => {
                let changed = cloud.update_function_description(function, "mine now");
                changed.await.is_ok()
            }
            Act::ChangeDefinition => cloud
                .update_state_machine(&arn, &changed, &[])
                .await
                .is_ok(),
        };
        if done {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    false
}

#[tokio::test(start_paused = true)]
async fn whatever_a_student_does_during_a_deployment_harms_nobody_else() {
    let class = Class::of(&["user1", "user2"]);
    for act in ACTS {
        let aws = StrictAws::new();
        let bystanders = namesakes(&aws).await;
        let (client, _run) = start(&aws, &class).await;
        let ((plan, runs), met) = tokio::join!(
            deploy_with(&client, &class),
            meddle(&aws, &class, act, Duration::from_secs(60))
        );
        assert!(met, "{act:?}: it was there in time");
        assert_all_told(&plan, &runs);
        assert_all_well(&runs[1..]);
        let mut seen = aws.snapshot();
        seen.dedup();
        assert_eq!(seen, aws.snapshot(), "{act:?}: no twins");

        // A deleted state machine may still be going when the next run looks.
        let plan = plan_class(&aws, &class).await;
        assert_eq!(
            plan.students[1].steps(),
            0,
            "{act:?}: {:?}",
            plan.students[1]
        );
        assert_all_well(&deploy_class(&aws, &class).await);
        assert_eq!(
            aws.snapshot(),
            with_bystanders(&class, &bystanders),
            "{act:?}"
        );
        assert_eq!(plan_class(&aws, &class).await.steps(), 0, "{act:?}");
        if matches!(act, Act::ChangeDefinition) {
            let arn = &class.desired.stacks[0].state_machines[0].name;
            let arn = class.desired.scope.state_machine_arn(arn);
            let detail = aws.backdoor().await.describe_state_machine(&arn).await;
            assert!(
                detail.unwrap().definition.contains("299"),
                "their work is kept"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn whatever_a_student_does_during_a_teardown_nothing_is_left() {
    let class = Class::of(&["user1", "user2"]);
    for act in ACTS {
        let mut met = 0;
        for after in [0, 100, 300, 700] {
            let aws = StrictAws::new();
            let bystanders = namesakes(&aws).await;
            deploy_class(&aws, &class).await;
            let (client, _run) = start(&aws, &class).await;
            let ((runs, left), was_there) = tokio::join!(teardown_with(&client, &class), async {
                tokio::time::sleep(Duration::from_millis(after)).await;
                meddle(&aws, &class, act, Duration::from_millis(500)).await
            });
            assert_eq!(runs.len(), 2, "an outcome for everybody");
            assert_all_well(&runs);
            let seen = (left.plan.steps(), left.plan.gaps.len(), aws.snapshot());
            assert_eq!(seen, (0, 0, bystanders), "{act:?} after {after} ms");
            met += usize::from(was_there);
        }
        assert!(met > 0, "{act:?}: it was always gone already");
    }
}
