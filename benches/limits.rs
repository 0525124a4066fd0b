//! `cargo bench --bench limits`: how close a class comes to what AWS's request quotas allow, on paused time against the
//! strict model. Virtual seconds, so the same on any machine. `docs/performance.md` keeps the table.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measurement that cannot go on says where it stopped; its table goes to stdout"
)]

use std::time::Duration;

use homeroom::aws::Client;
use homeroom::aws::pacing::{Overrides, Pace, Pacer};
use homeroom::aws::stop::Stop;
use homeroom::ids::{ApiType, Scope};
use homeroom::lab::Lab;
use homeroom::lab::bundle;
use homeroom::roster::Student;
use homeroom::stack::execute::{StudentRun, execute};
use homeroom::stack::forecast::Workload;
use homeroom::stack::kinds::Desired;
use homeroom::stack::observe::{Depth, observe};
use homeroom::stack::plan::{deploy, teardown};
use homeroom::stack::prove_gone::prove_gone;
use strict_aws::{ACCOUNT, Options, REGION, Spread, StrictAws};
use tokio::sync::mpsc;
use tokio::time::Instant;

/// What one run took.
struct Figure {
    /// Virtual seconds from the first look to the last.
    took: f64,
    /// What `plan` says beforehand.
    foretold: f64,
    /// What AWS's scarcest quota asks at least.
    bound: f64,
    calls: u64,
    throttled: u64,
}

/// A class of the built-in lab.
struct Class {
    lab: Lab,
    desired: Desired,
    aws: StrictAws,
}

impl Class {
    fn of(api_type: ApiType, size: usize, competitor: f64, seed: u64) -> Self {
        let lab = bundle::load(None).unwrap();
        let student = |n| Student {
            username: format!("user{n}").parse().unwrap(),
            name: None,
            email: None,
            section: None,
            extra: Vec::new(),
            due: None,
            place: None,
        };
        let students: Vec<Student> = (1..=size).map(student).collect();
        let scope = Scope {
            partition: "aws".into(),
            account: ACCOUNT.into(),
            region: REGION.into(),
        };
        let class = "bench".parse().unwrap();
        let mut options = Options {
            competitor,
            seed,
            ..Options::default()
        };
        // Answers overtake each other as they do on a real network.
        options.timings.travel = Spread {
            from: Duration::from_millis(20),
            to: Duration::from_millis(60),
        };
        let aws = StrictAws::with_options(options);
        aws.set_roles_quota(5000);
        let desired = lab.desired(&scope, &class, &students).unwrap();
        let desired = desired.with_api_type(api_type);
        Self { lab, desired, aws }
    }

    async fn client(&self) -> Client {
        let (sender, _) = mpsc::unbounded_channel();
        let pace = Pace::Scaled(1.0);
        let cloud = self.aws.cloud().await;
        cloud.in_run(pace, Overrides::new(), Stop::new(), sender)
    }

    fn figure(&self, began: Instant, before: (u64, u64), work: &Workload) -> Figure {
        let (calls, throttled) = self.counts();
        let pacer = Pacer::new(Pace::Scaled(1.0), &Overrides::new());
        let estimate = work.estimate(&pacer);
        Figure {
            took: began.elapsed().as_secs_f64(),
            foretold: estimate.seconds.unwrap() as f64,
            bound: estimate.bound.map_or(0.0, |bound| bound.seconds as f64),
            calls: calls - before.0,
            throttled: throttled - before.1,
        }
    }

    fn counts(&self) -> (u64, u64) {
        let throttled = self.aws.throttled().iter().map(|(_, count)| count).sum();
        (self.aws.calls().len() as u64, throttled)
    }

    async fn deploy(&self) -> Figure {
        let (began, before) = (Instant::now(), self.counts());
        let client = self.client().await;
        let observed = observe(&client, &self.desired, &Depth::Deploy)
            .await
            .unwrap();
        let plan = deploy::plan(&self.desired, &observed, false);
        let runs = execute(&client, &plan, |_, _| None).await;
        all_well(&runs);
        self.figure(began, before, &Workload::of(&plan))
    }

    async fn tear_down(&self) -> Figure {
        let (began, before) = (Instant::now(), self.counts());
        let depth = Depth::TeardownOfClass {
            patterns: self.lab.name_patterns(),
        };
        let client = self.client().await;
        let observed = observe(&client, &self.desired, &depth).await.unwrap();
        let plan = teardown::plan(&self.desired, &observed, depth.reach());
        let runs = execute(&client, &plan, |_, _| None).await;
        all_well(&runs);
        let left = prove_gone(&client, &self.desired, &depth, &plan, &runs).await;
        assert_eq!(left.unwrap().plan.steps(), 0);
        self.figure(began, before, &Workload::of_teardown(&self.desired))
    }
}

fn all_well(runs: &[StudentRun]) {
    let mut results = runs.iter().flat_map(|run| run.steps.values());
    assert!(results.all(|result| result.is_well()), "a step failed");
}

fn row(verb: &str, api_type: ApiType, size: usize, competitor: f64, figure: &Figure) {
    let bound = figure.bound;
    let allowed = match verb {
        "deploy" => 1.03 * bound + 45.0,
        // The final look for log groups that come again: five seconds and a listing.
        _ => 1.02 * bound + 15.0 + 7.0,
    };
    let Figure {
        took,
        foretold,
        calls,
        throttled,
        ..
    } = figure;
    let (limit, error) = if competitor == 0.0 {
        (
            format!("{allowed:.0}"),
            format!("{:+.1} %", (foretold / took - 1.0) * 100.0),
        )
    } else {
        ("–".to_owned(), "–".to_owned())
    };
    let share = *throttled as f64 / *calls as f64 * 100.0;
    println!(
        "| {verb} | {} | {size} | {} | {bound:.0} | {took:.0} | {limit} | {foretold:.0} | {error} | {calls} | {throttled} ({share:.1} %) |",
        api_type.as_str(),
        if competitor == 0.0 {
            "nobody"
        } else {
            "half of every quota"
        }
    );
}

fn main() {
    println!(
        "| run | APIs | students | others take | bound, s | took, s | to reach, s | foretold, s | off by | calls | throttled |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|");
    let rest = [30, 100, 500].map(|size| (ApiType::Rest, size, 0.0, 0));
    let http = [30, 100, 500].map(|size| (ApiType::Http, size, 0.0, 0));
    // The seed decides when in its rhythm the other client begins, and luck must not make the figure.
    let crowded = [(30, 0), (30, 1), (30, 2), (30, 3), (100, 0), (100, 1)];
    let crowded = crowded.map(|(size, seed)| (ApiType::Rest, size, 0.5, seed));
    for (api_type, size, competitor, seed) in rest.into_iter().chain(http).chain(crowded) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let class = Class::of(api_type, size, competitor, seed);
            row("deploy", api_type, size, competitor, &class.deploy().await);
            row(
                "teardown",
                api_type,
                size,
                competitor,
                &class.tear_down().await,
            );
        });
    }
}
