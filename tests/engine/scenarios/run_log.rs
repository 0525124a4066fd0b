//! The run log tells afterwards what was done to what, and when: held against what AWS was really asked.

use std::collections::BTreeSet;

use homeroom::report::RunLog;
use jiff::Timestamp;
use serde_json::Value;

use super::*;

/// What a run log says of one step.
#[derive(Debug)]
struct Told {
    student: String,
    resource: (String, String),
    action: String,
    /// Milliseconds since the account began.
    began: i64,
    ended: i64,
    result: String,
}

/// Keeps the log of a run as the binary does, with the account's clock; what was written at its end.
async fn logged(mut run: Run, aws: StrictAws) -> Vec<u8> {
    let mut file = Vec::new();
    let mut log = RunLog::over("run.jsonl".into(), &mut file);
    while let Some(event) = run.events.recv().await {
        let at = Timestamp::from_millisecond(aws.now_ms()).unwrap();
        assert!(log.record(at, &event).is_none(), "a log that can be kept");
    }
    drop(log);
    file
}

/// Reads a log as somebody would afterwards, with nothing but its lines.
fn steps_told(log: &[u8], aws_began_ms: i64) -> Vec<Told> {
    let mut begun: Vec<(Value, i64)> = Vec::new();
    let mut told = Vec::new();
    for line in std::str::from_utf8(log).unwrap().lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let at: Timestamp = line["at"].as_str().unwrap().parse().unwrap();
        let at = at.as_millisecond() - aws_began_ms;
        let same = |other: &Value| {
            ["student", "resource", "action"]
                .iter()
                .all(|key| other[*key] == line[*key])
        };
        match line["event"].as_str().unwrap() {
            "step-started" => begun.push((line, at)),
            "step-finished" => {
                let text = |value: &Value| value.as_str().unwrap().to_owned();
                // A step that was never begun (skipped, refused) has no beginning.
                let began = begun.iter().position(|(other, _)| same(other));
                told.push(Told {
                    student: text(&line["student"]),
                    resource: (
                        text(&line["resource"]["kind"]),
                        text(&line["resource"]["name"]),
                    ),
                    action: text(&line["action"]),
                    began: began.map_or(at, |i| begun.swap_remove(i).1),
                    ended: at,
                    result: text(&line["result"]["result"]),
                });
            }
            _ => {}
        }
    }
    assert!(begun.is_empty(), "begun and never ended: {begun:?}");
    told
}

/// The names of what the log says was done well with such an action.
fn done(told: &[Told], action: &str) -> BTreeSet<(String, String)> {
    let mut names = BTreeSet::new();
    for step in told {
        if step.result == "done" && step.action.starts_with(action) {
            assert!(names.insert(step.resource.clone()), "told twice: {step:?}");
        }
    }
    names
}

fn there(aws: &StrictAws) -> BTreeSet<(String, String)> {
    let kind = |kind| {
        serde_json::to_value(kind)
            .unwrap()
            .as_str()
            .unwrap()
            .to_owned()
    };
    let snapshot = aws.snapshot().into_iter();
    snapshot.map(|(k, name)| (kind(k), name)).collect()
}

/// Whether a call changes something.
fn changes(operation: &str) -> bool {
    let name = operation.split(':').nth(1).unwrap();
    !["Get", "List", "Describe", "Invoke"]
        .iter()
        .any(|reading| name.starts_with(reading))
}

/// Each change that AWS was asked for falls into a step that the log tells, of that student and while it lasted.
fn assert_every_change_is_told(aws: &StrictAws, told: &[Told], names: &BTreeMap<String, String>) {
    let mut changed = 0;
    for call in aws.calls().iter().filter(|c| changes(&c.operation)) {
        changed += 1;
        let about = names.get(&call.resource).unwrap_or(&call.resource);
        let at = i64::try_from(call.at.as_millis()).unwrap();
        let explains = |step: &&Told| {
            // The permission to invoke a function belongs to the API that may.
            let permission = call.operation.ends_with("Permission");
            let it = about.ends_with(&step.resource.1) || permission;
            let theirs = about.contains(&format!("{}-", step.student));
            it && theirs && (step.began..=step.ended).contains(&at)
        };
        assert!(told.iter().any(|s| explains(&s)), "not told: {call:?}");
    }
    assert!(changed > 0);
}

#[tokio::test(start_paused = true)]
async fn the_run_log_alone_tells_every_change_asked_for_and_its_result() {
    for seed in 0..5 {
        let aws = StrictAws::new();
        let began = aws.now_ms();
        let class = Class::of(&["user1", "user10", "user2"]);
        aws.inject(Rule::seeded(seed, 0.05).fault(Fault::LoseAnswer));
        aws.inject(Rule::seeded(seed + 100, 0.05).fault(Fault::Throttle));

        let (client, run) = start(&aws, &class).await;
        let log = tokio::spawn(logged(run, aws.clone()));
        assert_all_well(&deploy_with(&client, &class).await.1);
        drop(client);
        let told = steps_told(&log.await.unwrap(), began);
        let made = there(&aws);
        assert_eq!(done(&told, "create"), made, "seed {seed}");
        let apis = aws.backdoor().await.rest_apis_page(None).await.unwrap();
        let names = apis
            .items
            .into_iter()
            .map(|(api, _)| (api.id, api.name))
            .collect();
        assert_every_change_is_told(&aws, &told, &names);

        aws.clear_calls();
        let (client, run) = start(&aws, &class).await;
        let log = tokio::spawn(logged(run, aws.clone()));
        assert_eq!(teardown_with(&client, &class).await.1.plan.steps(), 0);
        drop(client);
        let told = steps_told(&log.await.unwrap(), began);
        assert_eq!(done(&told, "delete"), made, "seed {seed}");
        assert_eq!(there(&aws), BTreeSet::new());
        assert_every_change_is_told(&aws, &told, &names);
    }
}

#[tokio::test(start_paused = true)]
async fn the_run_log_of_a_stopped_run_ends_every_step_that_it_began() {
    let aws = StrictAws::new();
    let began = aws.now_ms();
    let class = Class::of(&["user1", "user2", "user3"]);
    let (client, run) = start(&aws, &class).await;
    let stop = run.stop.clone();
    let log = tokio::spawn(logged(run, aws.clone()));
    let pressed = async {
        while aws.count("lambda:CreateFunction") == 0 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        stop.drain();
        // Without the second request whatever is in flight ends well.
        std::future::pending::<()>().await;
    };
    let ran = tokio::select! {
        ran = deploy_with(&client, &class) => ran.1,
        () = pressed => unreachable!(),
    };
    drop(client);
    let told = steps_told(&log.await.unwrap(), began);
    assert_eq!(ran.len(), 3, "an outcome for everybody");
    assert!(told.iter().any(|s| s.result == "cancelled"), "{told:?}");
    // What is there is done, or was begun and cancelled half-way (an API without its stage yet).
    let (made, there) = (done(&told, "create"), there(&aws));
    assert!(made.is_subset(&there), "{made:?}");
    for left in there.difference(&made) {
        let half = |step: &&Told| step.resource == *left && step.began < step.ended;
        let step = told.iter().find(half);
        assert_eq!(
            step.map(|s| s.result.as_str()),
            Some("cancelled"),
            "{left:?}"
        );
    }
}
