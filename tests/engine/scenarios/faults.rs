//! Faults, kills and interrupts: whatever happens, one of each is there at the end, and nothing of others is touched.

use super::*;

/// Runs some work until it ends or the client is cut off; whether it ended.
async fn until_killed(aws: &StrictAws, work: impl Future<Output = ()>) -> bool {
    tokio::select! {
        () = work => true,
        () = aws.killed() => false,
    }
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
async fn five_percent_of_calls_failing_leave_one_of_each_and_others_alone() {
    let class = Class::of(&["user1", "user10", "user1-b"]);
    let faults = [
        Fault::Throttle,
        Fault::ServerError,
        Fault::ServerErrorAfterEffect,
        Fault::Reset,
        Fault::LoseAnswer,
    ];
    for seed in 0..50 {
        let aws = StrictAws::new();
        let bystanders = namesakes(&aws).await;
        let others = aws.state_of("user11");
        for (kind, fault) in (0..).zip(&faults) {
            let rule = Rule::seeded(seed + 1000 * kind, 0.01);
            aws.inject(rule.fault(fault.clone()));
        }
        let runs = deploy_class(&aws, &class).await;
        assert_eq!(runs.len(), 3, "an outcome for everybody");
        assert_all_well(&runs);
        assert_eq!(
            aws.snapshot(),
            with_bystanders(&class, &bystanders),
            "seed {seed}"
        );
        aws.heal();
        assert_eq!(plan_class(&aws, &class).await.steps(), 0, "seed {seed}");

        for (kind, fault) in (5..).zip(&faults) {
            let rule = Rule::seeded(seed + 1000 * kind, 0.01);
            aws.inject(rule.fault(fault.clone()));
        }
        let left = tear_down_class(&aws, &class).await;
        assert_eq!(
            (left.plan.steps(), aws.snapshot()),
            (0, bystanders),
            "seed {seed}"
        );
        assert_eq!(aws.state_of("user11"), others, "seed {seed}");
    }
}

/// Roles, groups and an API of nobody we know, with names like ours; what a snapshot shows of them.
pub(super) async fn namesakes(aws: &StrictAws) -> Vec<(Kind, String)> {
    let cloud = aws.backdoor().await;
    let none = Tags::default();
    for name in ["/aws/lambda/user11-process-data", "/aws/lambda/user1"] {
        cloud.create_log_group(name, &none).await.unwrap();
    }
    let api = cloud.create_rest_api("user11-workflow-api", "theirs", &none);
    api.await.unwrap();
    aws.snapshot()
}

pub(super) fn with_bystanders(class: &Class, bystanders: &[(Kind, String)]) -> Vec<(Kind, String)> {
    let mut all = everything_once(class);
    all.extend(bystanders.iter().cloned());
    all.sort();
    all
}

#[tokio::test(start_paused = true)]
async fn any_single_call_of_a_deployment_may_be_lost_before_or_after_its_effect() {
    let class = Class::of(&["user1"]);
    for fault in [Fault::Reset, Fault::LoseAnswer] {
        let mut number = 1;
        loop {
            let aws = StrictAws::new();
            aws.inject(Rule::nth(number).fault(fault.clone()));
            assert_all_well(&deploy_class(&aws, &class).await);
            let once = everything_once(&class);
            assert_eq!(aws.snapshot(), once, "{fault:?} of call {number}");
            if aws.calls().len() < number as usize {
                break;
            }
            let again = plan_class(&aws, &class).await;
            assert_eq!(again.steps(), 0, "{fault:?} of call {number}");
            number += 1;
        }
        assert!(number > 30, "{fault:?}: {number} calls were lost only");
    }
}

#[tokio::test(start_paused = true)]
async fn any_single_call_of_a_teardown_may_be_lost_before_or_after_its_effect() {
    let class = Class::of(&["user1"]);
    for fault in [Fault::Reset, Fault::LoseAnswer] {
        let mut number = 1;
        loop {
            let aws = StrictAws::new();
            let bystanders = namesakes(&aws).await;
            deploy_class(&aws, &class).await;
            let before = aws.calls().len() as u64;
            aws.inject(Rule::nth(before + number).fault(fault.clone()));
            let left = tear_down_class(&aws, &class).await;
            let seen = (left.plan.steps(), left.plan.gaps.len(), aws.snapshot());
            assert_eq!(seen, (0, 0, bystanders), "{fault:?} of call {number}");
            if (aws.calls().len() as u64) < before + number {
                break;
            }
            number += 1;
        }
        assert!(number > 25, "{fault:?}: {number} calls were lost only");
    }
}

/// Every call that arrives within a stretch of time from now fails. `born`: when the account came to be.
fn for_a_while(born: Instant, after: Duration, lasting: Duration, fault: Fault) -> Rule {
    let from = born.elapsed() + after;
    Rule::when(move |call| (from..from + lasting).contains(&call.at)).fault(fault)
}

#[tokio::test(start_paused = true)]
async fn a_network_that_is_gone_for_a_minute_is_outlasted_at_any_time_of_a_run() {
    let class = Class::of(&["user1", "user2"]);
    let minute = Duration::from_secs(60);
    for after in [0, 1, 3, 11, 15] {
        let after = Duration::from_secs(after);
        for fault in [Fault::Refuse, Fault::Reset] {
            let born = Instant::now();
            let aws = StrictAws::new();
            aws.inject(for_a_while(born, after, minute, fault.clone()));
            assert_all_well(&deploy_class(&aws, &class).await);
            assert_eq!(
                aws.snapshot(),
                everything_once(&class),
                "{fault:?} after {after:?}"
            );
            aws.heal();
            aws.inject(for_a_while(born, after, minute, fault.clone()));
            let left = tear_down_class(&aws, &class).await;
            let seen = (left.plan.steps(), left.plan.gaps.len(), aws.snapshot());
            assert_eq!(seen, (0, 0, vec![]), "{fault:?} after {after:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_network_gone_for_good_ends_the_run_with_outcomes_within_minutes() {
    let born = Instant::now();
    let aws = StrictAws::new();
    let class = Class::of(&["user1", "user2", "user3"]);
    let hours = Duration::from_secs(7200);
    aws.inject(for_a_while(
        born,
        Duration::from_secs(3),
        hours,
        Fault::Refuse,
    ));
    let (client, mut run) = start(&aws, &class).await;
    let began = Instant::now();
    let (plan, runs) = deploy_with(&client, &class).await;
    assert!(
        began.elapsed() < Duration::from_secs(600),
        "{:?}",
        began.elapsed()
    );
    for (planned, run) in plan.students.iter().zip(&runs) {
        assert_eq!(run.steps.len(), planned.steps(), "{}", run.student);
        assert!(
            run.steps
                .values()
                .any(|result| matches!(result, StepResult::Failed { .. }))
        );
    }
    let mut told = 0;
    while let Ok(event) = run.events.try_recv() {
        told += usize::from(matches!(event, Event::Note { text } if text.contains("trying again")));
    }
    assert_eq!(told, 1, "said once, not at every call");
    aws.heal();
    assert_all_well(&deploy_class(&aws, &class).await);
    assert_eq!(aws.snapshot(), everything_once(&class));
}

#[tokio::test(start_paused = true)]
async fn credentials_that_expire_stop_the_run_and_the_next_one_goes_on() {
    let names: Vec<String> = (1..=30).map(|i| format!("user{i}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let class = Class::of(&names);
    let expired = || Fault::Error {
        status: 403,
        code: "ExpiredTokenException",
        message: "The security token included in the request is expired",
    };
    for after in [20, 200, 600] {
        let aws = StrictAws::new();
        aws.inject(Rule::any().skip(after).fault(expired()));
        let (client, mut run) = start(&aws, &class).await;
        let (plan, runs) = deploy_with(&client, &class).await;
        for (planned, run) in plan.students.iter().zip(&runs) {
            assert_eq!(run.steps.len(), planned.steps(), "{}", run.student);
        }
        let refused = aws.calls().len() - after as usize;
        assert!(
            refused <= 64 + 1,
            "only what was in flight was refused: {refused}"
        );
        let mut told = 0;
        while let Ok(event) = run.events.try_recv() {
            told +=
                usize::from(matches!(event, Event::Note { text } if text.contains("credentials")));
        }
        assert_eq!(told, 1);
        aws.heal();
        assert_all_well(&deploy_class(&aws, &class).await);
        assert_eq!(
            aws.snapshot(),
            everything_once(&class),
            "after {after} calls"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn credentials_that_expire_during_a_teardown_prove_nothing_gone() {
    let aws = StrictAws::new();
    let class = Class::of(&["user1", "user2"]);
    deploy_class(&aws, &class).await;
    aws.inject(
        Rule::on("lambda:DeleteFunction")
            .skip(2)
            .fault(Fault::Error {
                status: 403,
                code: "ExpiredTokenException",
                message: "The security token included in the request is expired",
            }),
    );
    let (client, _run) = start(&aws, &class).await;
    let observed = observe(&client, &class.desired, &class.whole())
        .await
        .unwrap();
    let plan = teardown::plan(&class.desired, &observed, class.whole().reach());
    let runs = execute(&client, &plan, |_, _| None).await;
    let left = prove_gone(&client, &class.desired, &class.whole(), &plan, &runs).await;
    assert!(left.is_err(), "nothing was looked at");
    aws.heal();
    let left = tear_down_class(&aws, &class).await;
    assert_eq!((left.plan.steps(), aws.snapshot()), (0, vec![]));
}

#[tokio::test(start_paused = true)]
async fn an_interrupt_at_any_moment_of_a_run_leaves_what_the_next_run_finishes() {
    let class = Class::of(&["user1", "user2"]);
    for at_ms in (0..20_000).step_by(700) {
        for now in [false, true] {
            let aws = StrictAws::new();
            let (client, run) = start(&aws, &class).await;
            let stop = run.stop.clone();
            let interrupt = async {
                tokio::time::sleep(Duration::from_millis(at_ms)).await;
                if now {
                    stop.now();
                } else {
                    stop.drain();
                }
            };
            let work = async {
                let observed = observe(&client, &class.desired, &Depth::Deploy)
                    .await
                    .ok()?;
                let plan = deploy::plan(&class.desired, &observed, false);
                let runs = execute(&client, &plan, |_, _| None).await;
                Some((plan, runs))
            };
            let (ended, ()) = tokio::join!(work, interrupt);
            for (planned, run) in ended
                .iter()
                .flat_map(|(plan, runs)| plan.students.iter().zip(runs))
            {
                assert_eq!(
                    run.steps.len(),
                    planned.steps(),
                    "{} at {at_ms} ms",
                    run.student
                );
            }
            assert_all_well(&deploy_class(&aws, &class).await);
            assert_eq!(
                aws.snapshot(),
                everything_once(&class),
                "at {at_ms} ms, now: {now}"
            );

            let (client, run) = start(&aws, &class).await;
            let stop = run.stop.clone();
            let interrupt = async {
                tokio::time::sleep(Duration::from_millis(at_ms)).await;
                if now {
                    stop.now();
                } else {
                    stop.drain();
                }
            };
            let work = async {
                let observed = observe(&client, &class.desired, &class.whole())
                    .await
                    .ok()?;
                let plan = teardown::plan(&class.desired, &observed, class.whole().reach());
                let runs = execute(&client, &plan, |_, _| None).await;
                prove_gone(&client, &class.desired, &class.whole(), &plan, &runs)
                    .await
                    .ok()
            };
            tokio::join!(work, interrupt);
            let left = tear_down_class(&aws, &class).await;
            assert_eq!(
                (left.plan.steps(), aws.snapshot()),
                (0, vec![]),
                "at {at_ms} ms, now: {now}"
            );
        }
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
async fn a_teardown_killed_at_any_call_is_finished_and_leaves_others_alone() {
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
async fn an_update_killed_at_any_call_is_finished_and_no_change_of_a_student() {
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
    let definition = &mut after.desired.stacks[0].state_machines[0].definition;
    std::sync::Arc::make_mut(definition)["TimeoutSeconds"] = 300.into();

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
async fn the_first_interrupt_lets_requests_finish_and_accounts_for_every_step() {
    let aws = StrictAws::new();
    let class = Class::of(&["user1", "user2"]);
    let (client, run) = start(&aws, &class).await;
    let work = deploy_with(&client, &class);
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
    let (client, run) = start(&aws, &class).await;
    let began = Instant::now();
    let work = deploy_with(&client, &class);
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
