//! What is foretold of a run, and what it then takes.

use super::*;

#[tokio::test(start_paused = true)]
async fn at_awss_rates_thirty_students_take_what_the_scarcest_quota_says() {
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

/// Calls by operation, without the listings' pages.
fn calls_made(aws: &StrictAws) -> BTreeMap<String, usize> {
    let listings = [
        "iam:GetAccountAuthorizationDetails",
        "lambda:ListFunctions",
        "states:ListStateMachines",
        "apigateway:GetRestApis",
        "apigatewayv2:GetApis",
        "logs:DescribeLogGroups",
    ];
    let mut made = BTreeMap::new();
    for call in aws.calls() {
        if !listings.contains(&call.operation.as_str()) {
            *made.entry(call.operation).or_default() += 1;
        }
    }
    made
}

fn foretold(work: &Workload) -> BTreeMap<String, usize> {
    let calls = work.calls.iter();
    calls.map(|(op, n)| (op.to_string(), *n)).collect()
}

#[tokio::test(start_paused = true)]
async fn the_calls_that_are_foretold_are_the_calls_that_are_made() {
    let aws = StrictAws::new();
    aws.timings(|t| t.role_propagation = Spread::exactly(Duration::from_secs(9)));
    let class = Class::of(&["user1", "user2", "user3"]);
    let work = Workload::of(&plan_class(&aws, &class).await);
    aws.clear_calls();
    deploy_class(&aws, &class).await;
    // Functions alone meet the roles that cannot be assumed yet.
    assert_eq!(calls_made(&aws), foretold(&work));

    aws.clear_calls();
    tear_down_class(&aws, &class).await;
    let work = Workload::of_teardown(&class.desired);
    assert_eq!(calls_made(&aws), foretold(&work));
}

#[tokio::test(start_paused = true)]
async fn the_forecast_time_is_the_real_time_and_counts_down_to_nothing() {
    let aws = StrictAws::new();
    aws.timings(|t| t.role_propagation = Spread::exactly(Duration::from_secs(9)));
    let names: Vec<String> = (1..=20).map(|i| format!("user{i}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut class = Class::of(&names);
    class.pace = Pace::Scaled(1.0);
    let pacer = || Pacer::new(class.pace, &Overrides::new());
    let works = [
        Workload::of(&plan_class(&aws, &class).await),
        Workload::of_teardown(&class.desired),
    ];
    for (work, verb) in works.iter().zip(["deploy", "teardown"]) {
        let foretold = work.estimate(&pacer()).seconds.unwrap() as f64;
        let (client, mut run) = start(&aws, &class).await;
        let began = tokio::time::Instant::now();
        match verb {
            "deploy" => drop(deploy_with(&client, &class).await),
            _ => drop(teardown_with(&client, &class).await),
        }
        let took = began.elapsed().as_secs_f64();
        assert!(
            (foretold / took - 1.0).abs() < 0.05,
            "{verb}: {foretold} s foretold, {took} s"
        );
        let mut left = Vec::new();
        while let Ok(event) = run.events.try_recv() {
            if let Event::TimeLeft { seconds } = event {
                left.push(seconds as i64);
            }
        }
        for (second, left) in left.iter().enumerate() {
            let error = (second as i64 + left) as f64 - took;
            assert!(
                error.abs() < took * 0.08,
                "{verb}: {left} s left after {second} s of {took}"
            );
        }
        assert!(left.len() > 50, "{verb}: told {} times", left.len());
    }
}

#[tokio::test(start_paused = true)]
async fn a_class_of_five_hundred_goes_up_and_down_in_four_hours_of_aws_time() {
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
async fn beside_one_who_takes_half_of_every_quota_it_takes_twice_as_long() {
    let names: Vec<String> = (1..=30).map(|i| format!("user{i}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut class = Class::of(&names);
    class.pace = Pace::Scaled(1.0);
    // When in its rhythm the other begins.
    for seed in 0..3 {
        let aws = StrictAws::with_options(Options {
            competitor: 0.5,
            seed,
            ..Options::default()
        });
        let refused = || aws.throttled().iter().map(|(_, n)| n).sum::<u64>();
        let share = |calls: usize, refused: u64| refused as f64 / calls as f64;
        let began = Instant::now();
        assert_all_well(&deploy_class(&aws, &class).await);
        assert_eq!(aws.snapshot(), everything_once(&class));
        let (took, calls, of_deploy) = (began.elapsed(), aws.calls().len(), refused());
        // Twice 29 intervals of CreateDeployment, and the last student's tail.
        assert!(took.as_secs() < 2 * 145 + 45, "seed {seed}: {took:?}");
        assert!(
            of_deploy > 0 && share(calls, of_deploy) <= 0.02,
            "seed {seed}: {of_deploy} of {calls}"
        );

        aws.clear_calls();
        let began = Instant::now();
        let left = tear_down_class(&aws, &class).await;
        assert_eq!((left.plan.steps(), aws.snapshot()), (0, vec![]));
        let (took, calls, of_teardown) =
            (began.elapsed(), aws.calls().len(), refused() - of_deploy);
        assert!(
            took.as_secs_f64() < 2.0 * 870.0 * 1.08,
            "seed {seed}: {took:?}"
        );
        assert!(
            share(calls, of_teardown) <= 0.02,
            "seed {seed}: {of_teardown} of {calls}"
        );
    }
}
