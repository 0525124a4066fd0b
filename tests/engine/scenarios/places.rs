//! One class at several places at once, each an AWS of its own.

use homeroom::stack::execute::{Task, execute_all};

use super::*;

/// A place: its AWS, the part of the class that is there, and a client of the one run.
struct Place {
    aws: StrictAws,
    class: Class,
    client: Client,
}

fn part_of_class(first: usize, count: usize) -> Class {
    let names: Vec<String> = (first..first + count).map(|i| format!("user{i}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    Class {
        pace: Pace::Scaled(1.0),
        ..Class::of(&names)
    }
}

/// Places with so many students each, in one run.
async fn places(counts: &[usize]) -> (Vec<Place>, Run) {
    let stop = Stop::new();
    let (sender, events) = mpsc::unbounded_channel();
    let mut places = Vec::new();
    let mut first = 1;
    for count in counts {
        let aws = StrictAws::with_quotas();
        let class = part_of_class(first, *count);
        first += count;
        let (stop, sender) = (stop.part(), sender.clone());
        let client = aws.cloud().await;
        let client = client.in_run(class.pace, Overrides::new(), stop, sender);
        places.push(Place { aws, class, client });
    }
    (places, Run { stop, events })
}

async fn deploy_everywhere(places: &[Place]) -> Vec<Vec<StudentRun>> {
    let mut plans = Vec::new();
    for place in places {
        let seen = observe(&place.client, &place.class.desired, &Depth::Deploy).await;
        plans.push(deploy::plan(&place.class.desired, &seen.unwrap(), false));
    }
    let tasks: Vec<Task<'_>> = places
        .iter()
        .zip(&plans)
        .map(|(place, plan)| Task {
            client: &place.client,
            plan,
            issuer: None,
        })
        .collect();
    execute_all(&tasks, |_, _| None).await
}

#[tokio::test(start_paused = true)]
async fn places_side_by_side_take_as_long_as_the_slowest_of_them() {
    let (places, mut run) = places(&[6, 30, 12]).await;
    let began = Instant::now();
    let runs = deploy_everywhere(&places).await;
    let took = began.elapsed().as_secs();
    for (place, runs) in places.iter().zip(&runs) {
        assert_all_well(runs);
        assert_eq!(place.aws.snapshot(), everything_once(&place.class));
        assert_eq!(place.aws.throttled(), []);
    }
    // CreateDeployment allows 1 per 5 s at each place: 29 intervals at the largest, and the tail of the last student.
    assert!((145..=145 + 45).contains(&took), "deploy took {took} s");
    drop(places);
    let mut left = Vec::new();
    while let Some(event) = run.events.recv().await {
        if let Event::TimeLeft { seconds } = event {
            left.push(seconds);
        }
    }
    let first = left[1];
    assert!(
        (145..=190).contains(&first),
        "the slowest place is foretold: {first} s"
    );
}

#[tokio::test(start_paused = true)]
async fn credentials_that_end_at_one_place_stop_nothing_at_another() {
    let (places, run) = places(&[4, 4]).await;
    places[1]
        .aws
        .inject(Rule::on("lambda:CreateFunction").fault(Fault::Error {
            status: 403,
            code: "ExpiredTokenException",
            message: "The security token included in the request is expired",
        }));
    let runs = deploy_everywhere(&places).await;
    assert_all_well(&runs[0]);
    assert_eq!(places[0].aws.snapshot(), everything_once(&places[0].class));
    let stopped = runs[1].iter().flat_map(|run| run.steps.values());
    assert!(
        stopped
            .into_iter()
            .any(|r| matches!(r, StepResult::Cancelled))
    );
    // The same again, with new credentials, finishes what was left.
    places[1].aws.heal();
    drop(run);
    let again = deploy_class(&places[1].aws, &places[1].class).await;
    assert_all_well(&again);
    assert_eq!(places[1].aws.snapshot(), everything_once(&places[1].class));
}

#[tokio::test(start_paused = true)]
async fn a_place_that_goes_away_in_the_middle_fails_alone() {
    let (places, run) = places(&[4, 4, 4]).await;
    let gone = &places[1].aws;
    gone.inject(Rule::any().skip(40).fault(Fault::Refuse));
    let began = Instant::now();
    let runs = deploy_everywhere(&places).await;
    for at in [0, 2] {
        assert_all_well(&runs[at]);
        assert_eq!(
            places[at].aws.snapshot(),
            everything_once(&places[at].class)
        );
    }
    let mut steps = runs[1].iter().flat_map(|run| run.steps.values());
    assert!(steps.any(|result| matches!(result, StepResult::Failed { .. })));
    assert!(
        began.elapsed().as_secs() >= 120,
        "the network may come back"
    );
    assert!(gone.snapshot().len() < everything_once(&places[1].class).len());
    gone.heal();
    drop(run);
    assert_all_well(&deploy_class(gone, &places[1].class).await);
    assert_eq!(gone.snapshot(), everything_once(&places[1].class));
}

#[tokio::test(start_paused = true)]
async fn one_interrupt_stops_every_place_and_a_re_run_finishes_each() {
    let (places, run) = places(&[5, 5]).await;
    let stop = run.stop.clone();
    let interrupt = async {
        tokio::time::sleep(Duration::from_secs(8)).await;
        stop.drain();
    };
    let (runs, ()) = tokio::join!(deploy_everywhere(&places), interrupt);
    for runs in &runs {
        let mut steps = runs.iter().flat_map(|run| run.steps.values());
        assert!(steps.any(|result| matches!(result, StepResult::Cancelled)));
    }
    for place in &places {
        assert_all_well(&deploy_class(&place.aws, &place.class).await);
        assert_eq!(place.aws.snapshot(), everything_once(&place.class));
        assert_eq!(
            tear_down_class(&place.aws, &place.class).await.plan.steps(),
            0
        );
        assert_eq!(place.aws.snapshot(), []);
    }
}
