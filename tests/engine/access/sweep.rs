//! Classes found without a roster, and those that are over torn down without a lab, against a strict AWS on paused time.

use homeroom::ids::ClassName;
use homeroom::lab::bundle;
use homeroom::stack::execute::execute;
use homeroom::stack::kinds::Kind;
use homeroom::stack::kinds::classes::{FoundClasses, Standing, find};
use homeroom::stack::observe::{Depth, observe};
use homeroom::stack::plan::teardown;
use homeroom::stack::sweep::{SweptByTags, tear_down_by_tags};
use jiff::Timestamp;
use serde_json::{Value, json};
use strict_aws::{Fault, Rule, StrictAws};

use super::class::*;
use super::issuer::Safe;
use crate::policies::instructor::assert_allowed_by_all;

const ENDED: &str = "2020-12-01T17:00:00Z";
const AHEAD: &str = "2099-12-01T17:00:00Z";

fn class(name: &str, ends: Option<&str>, users: &[&str]) -> Class {
    let ends = ends.map(|ends| ends.parse().unwrap());
    Class::of_lab(bundle::load(None).unwrap().ending(ends), name, users)
}

async fn found(aws: &StrictAws, class: &Class) -> FoundClasses {
    let client = client(aws.backdoor().await);
    find(&client, &class.desired.scope).await.unwrap()
}

async fn standing(aws: &StrictAws, class: &Class) -> Option<Standing> {
    let found = found(aws, class).await;
    let of_class = found.classes.get(&class.desired.class);
    of_class.map(|class| found.standing(class, Timestamp::now()))
}

fn over() -> Option<Standing> {
    Some(Standing::Over(ENDED.parse().unwrap()))
}

/// What a sweep with the lab at hand does with the cloud.
async fn sweep_with_lab(aws: &StrictAws, class: &Class) {
    let (desired, client) = (&class.desired, client(aws.cloud().await));
    let depth = &Depth::TeardownOfClass {
        patterns: class.lab.name_patterns(),
    };
    let observed = observe(&client, desired, depth).await.unwrap();
    let plan = teardown::plan(desired, &observed, depth.reach()).with_ends_last();
    execute(&client, &plan, |_, _| None).await;
}

async fn sweep(aws: &StrictAws, class: &Class) -> SweptByTags {
    let desired = &class.desired;
    let client = client(aws.cloud().await);
    let swept = tear_down_by_tags(&client, &desired.scope, &desired.class, &desired.lab);
    swept.await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn of_three_classes_only_the_one_that_is_over_goes_and_all_of_it() {
    let aws = StrictAws::new();
    let safe = Safe::new(&aws);
    let ended = class("ended", Some(ENDED), &["user1", "user2"]);
    let others = [
        class("ahead", Some(AHEAD), &["user3"]),
        class("endless", None, &["user4"]),
    ];
    for class in others.iter().chain([&ended]) {
        class.set_up(&aws, &safe, PLAIN).await;
    }
    let all = found(&aws, &ended).await;
    let names: Vec<&str> = all.classes.keys().map(ClassName::as_str).collect();
    assert_eq!(names, ["ahead", "ended", "endless"]);
    assert_eq!(all.gaps, []);
    let lab = &all.classes[&ended.desired.class].labs[&ended.desired.lab];
    let students: Vec<&str> = lab.students.iter().map(|name| name.as_str()).collect();
    assert_eq!(students, ["user1", "user2"]);
    assert_eq!(standing(&aws, &ended).await, over());
    let ahead = Standing::Ahead(AHEAD.parse().unwrap());
    assert_eq!(standing(&aws, &others[0]).await, Some(ahead));
    assert_eq!(standing(&aws, &others[1]).await, Some(Standing::Endless));

    let swept = sweep(&aws, &ended).await;
    assert!(swept.gone, "{:?}", swept.notes);
    let mut rest = others[0].everything();
    rest.extend(others[1].everything());
    rest.sort();
    assert_eq!(aws.snapshot(), rest);
    assert_eq!(standing(&aws, &ended).await, None);
}

#[tokio::test(start_paused = true)]
async fn a_sweep_killed_at_any_call_finds_the_class_again_and_ends_it() {
    for with_lab in [false, true] {
        kill_at_any_call(with_lab).await;
    }
}

async fn kill_at_any_call(with_lab: bool) {
    let ended = class("ended", Some(ENDED), &["user1"]);
    let ready = StrictAws::new();
    ended.set_up(&ready, &Safe::new(&ready), PLAIN).await;
    let (mut at, mut found_again) = (1, 0);
    loop {
        let aws = ready.copy();
        aws.kill_after(at);
        let work = async {
            match with_lab {
                true => sweep_with_lab(&aws, &ended).await,
                false => drop(sweep(&aws, &ended).await),
            }
        };
        let finished = tokio::select! {
            () = work => true,
            () = aws.killed() => false,
        };
        if finished {
            break;
        }
        aws.revive();
        if standing(&aws, &ended).await == over() {
            found_again += 1;
            let swept = sweep(&aws, &ended).await;
            assert!(swept.gone, "killed at call {at}: {:?}", swept.notes);
            assert_eq!(aws.snapshot(), [], "killed at call {at}");
        } else {
            // The roles go last of all but the policies, which cost nothing and let nobody do anything.
            let left = aws.snapshot();
            let policies = left.iter().all(|(kind, _)| *kind == Kind::ManagedPolicy);
            assert!(policies, "killed at call {at}: {left:?}");
        }
        at += 1;
    }
    assert!(found_again > 20, "{found_again} of {at}");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_deleted_remains_and_the_next_sweep_finishes_it() {
    let aws = StrictAws::new();
    let ended = class("ended", Some(ENDED), &["user1", "user2"]);
    ended.set_up(&aws, &Safe::new(&aws), PLAIN).await;
    aws.inject(
        Rule::on("lambda:DeleteFunction")
            .times(1)
            .fault(Fault::AccessDenied),
    );
    let swept = sweep(&aws, &ended).await;
    assert!(!swept.gone);
    assert!(
        swept.notes.iter().any(|note| note.contains("remains")),
        "{:?}",
        swept.notes
    );
    assert_eq!(standing(&aws, &ended).await, over());
    let swept = sweep(&aws, &ended).await;
    assert!(swept.gone, "{:?}", swept.notes);
    assert_eq!(aws.snapshot(), []);
}

#[tokio::test(start_paused = true)]
async fn a_listing_that_is_refused_is_a_gap_and_no_class_is_over() {
    let aws = StrictAws::new();
    let ended = class("ended", Some(ENDED), &["user1"]);
    ended.set_up(&aws, &Safe::new(&aws), PLAIN).await;
    aws.inject(Rule::on("iam:GetAccountAuthorizationDetails").fault(Fault::AccessDenied));
    let client = client(aws.cloud().await);
    let found = find(&client, &ended.desired.scope).await.unwrap();
    let kinds: Vec<Kind> = found.gaps.iter().map(|gap| gap.kind).collect();
    assert_eq!(kinds, [Kind::Role, Kind::User, Kind::ManagedPolicy]);
    let seen = &found.classes[&ended.desired.class];
    assert_eq!(found.standing(seen, Timestamp::now()), Standing::Unknown);
}

#[tokio::test(start_paused = true)]
async fn a_later_end_on_a_page_that_fails_keeps_the_class() {
    let aws = StrictAws::new();
    let ended = class("ended", Some(ENDED), &["user1", "user2"]);
    ended.set_up(&aws, &Safe::new(&aws), PLAIN).await;
    aws.set_page_size(1);
    let now = Timestamp::now();
    assert_eq!(found(&aws, &ended).await.over(now).len(), 1);
    let fails = Rule::on("iam:GetAccountAuthorizationDetails").skip(1);
    aws.inject(fails.fault(Fault::AccessDenied));
    let client = client(aws.cloud().await);
    let half = find(&client, &ended.desired.scope).await.unwrap();
    assert_eq!(half.classes.len(), 1, "the first page shows it");
    assert_eq!(half.over(now), []);
}

#[tokio::test(start_paused = true)]
async fn what_could_not_be_listed_keeps_the_roles_that_say_the_end() {
    for listing in ["lambda:ListFunctions", "apigateway:GetRestApis"] {
        let aws = StrictAws::new();
        let ended = class("ended", Some(ENDED), &["user1"]);
        ended.set_up(&aws, &Safe::new(&aws), PLAIN).await;
        aws.inject(Rule::on(listing).fault(Fault::AccessDenied));
        let swept = sweep(&aws, &ended).await;
        assert!(!swept.gone, "{listing}");
        let roles = aws.snapshot().into_iter();
        let roles = roles.filter(|(kind, _)| *kind == Kind::Role).count();
        assert_eq!(roles, 3, "{listing}");
        assert_eq!(standing(&aws, &ended).await, over(), "{listing}");
    }
}

/// The policy in the docs for a sweep of a lab that is not at hand.
fn documented() -> Value {
    let page = include_str!("../../../docs/ends.md");
    let statement = page.split("```json\n").nth(1).unwrap();
    let statement = statement.split("```").next().unwrap();
    let statement: Value = serde_json::from_str(statement).unwrap();
    json!({"Version": "2012-10-17", "Statement": [statement]})
}

#[tokio::test(start_paused = true)]
async fn the_policies_that_the_docs_name_allow_every_call_of_a_sweep_by_tags() {
    let aws = StrictAws::new();
    let built_in = bundle::load(None).unwrap();
    // Somebody else's things are in the account as well.
    class("other", None, &["user7"]).deploy(&aws).await;
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/labs/routes");
    let lab = bundle::load(Some(folder.as_ref())).unwrap();
    let ending = lab.clone().ending(Some(ENDED.parse().unwrap()));
    let ended = Class::of_lab(ending, "demo", &["user1", "user2"]);
    ended.deploy(&aws).await;
    let cloud = client(aws.cloud().await);
    let listed = find(&cloud, &ended.desired.scope).await.unwrap();
    assert_eq!(
        listed.over(Timestamp::now()).first(),
        Some(&ended.desired.class)
    );
    let swept = sweep(&aws, &ended).await;
    assert!(swept.gone, "{:?}", swept.notes);
    let calls = aws.calls();
    assert!(calls.len() > 20, "{}", calls.len());
    assert_allowed_by_all(&[&built_in, &lab], &documented(), &calls);
}
