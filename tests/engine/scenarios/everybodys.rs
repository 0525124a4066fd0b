//! A cause that is everybody's is met once; one student's own stops nobody.

use super::*;

/// A class that goes as fast as AWS lets it.
fn paced(size: usize) -> Class {
    let names: Vec<String> = (1..=size).map(|n| format!("user{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    Class {
        pace: Pace::Scaled(1.0),
        ..Class::of(&names)
    }
}

/// What came of a deployment: who failed, who was not begun, and what was told to the whole class.
struct Came {
    failed: usize,
    cancelled: usize,
    notes: Vec<String>,
}

async fn deploy(aws: &StrictAws, class: &Class) -> Came {
    let (client, mut run) = start(aws, class).await;
    let (_, runs) = deploy_with(&client, class).await;
    drop(client);
    let mut notes = Vec::new();
    while let Some(event) = run.events.recv().await {
        if let Event::Note { text } = event {
            notes.push(text);
        }
    }
    let any = |run: &&StudentRun, test: fn(&StepResult) -> bool| run.steps.values().any(test);
    let failed = |r: &StepResult| matches!(r, StepResult::Failed { .. });
    let failed = runs.iter().filter(|run| any(run, failed)).count();
    let cancelled = |r: &StepResult| *r == StepResult::Cancelled;
    let cancelled = runs.iter().filter(|run| any(run, cancelled)).count();
    Came {
        failed,
        cancelled,
        notes,
    }
}

#[tokio::test(start_paused = true)]
async fn a_permission_that_everybody_lacks_is_met_once() {
    let aws = StrictAws::with_quotas();
    let class = paced(30);
    aws.inject(Rule::on("lambda:CreateFunction").fault(Fault::AccessDenied));
    let began = Instant::now();
    let came = deploy(&aws, &class).await;
    assert!((3..=15).contains(&came.failed), "{}", came.failed);
    assert_eq!(came.notes.len(), 1, "{:?}", came.notes);
    assert!(came.notes[0].contains("lambda:CreateFunction"));
    assert!(came.notes[0].contains("homeroom doctor --policy"));
    assert!(came.notes[0].contains("(request id "));
    assert!(came.cancelled > 15, "{}", came.cancelled);
    assert!(
        aws.count("apigateway:CreateRestApi") < 10,
        "nothing new starts"
    );
    assert!(began.elapsed() < Duration::from_secs(30));
    // The next run goes on from there.
    aws.heal();
    let came = deploy(&aws, &class).await;
    assert_eq!((came.failed, came.cancelled), (0, 0));
    assert_eq!(aws.snapshot(), everything_once(&class));
}

#[tokio::test(start_paused = true)]
async fn a_service_control_policy_and_a_bad_trust_are_met_once() {
    let scp = Fault::Error {
        status: 403,
        code: "AccessDenied",
        message: "User: u is not authorized to perform: iam:CreateRole on resource: r with an explicit deny in a service \
                  control policy",
    };
    let trust = Fault::Error {
        status: 400,
        code: "MalformedPolicyDocument",
        message: "Invalid principal in policy",
    };
    for (fault, fix) in [(scp, "role_boundary"), (trust, "templates")] {
        let aws = StrictAws::with_quotas();
        let class = paced(40);
        aws.inject(Rule::on("iam:CreateRole").fault(fault));
        let came = deploy(&aws, &class).await;
        assert_eq!(came.notes.len(), 1, "{:?}", came.notes);
        assert!(came.notes[0].contains(fix), "{:?}", came.notes);
        assert!(came.cancelled >= 20, "{}", came.cancelled);
        assert!(aws.count("iam:CreateRole") < 60);
    }
}

#[tokio::test(start_paused = true)]
async fn a_boundary_that_is_not_there_is_met_once_and_not_waited_for() {
    let aws = StrictAws::with_quotas();
    let mut class = paced(30);
    class
        .desired
        .bound_roles_by("arn:aws:iam::123456789012:policy/nobodys");
    let began = Instant::now();
    let came = deploy(&aws, &class).await;
    assert_eq!(came.notes.len(), 1, "{:?}", came.notes);
    assert!(came.notes[0].contains("role_boundary"), "{:?}", came.notes);
    assert!(began.elapsed() < Duration::from_secs(10));
}

#[tokio::test(start_paused = true)]
async fn a_limit_of_the_account_is_met_once_though_others_went_well() {
    let aws = StrictAws::with_quotas();
    aws.set_roles_quota(30);
    let class = paced(40);
    let came = deploy(&aws, &class).await;
    assert_eq!(came.notes.len(), 1, "{:?}", came.notes);
    assert!(came.notes[0].contains("RolesPerAccount"));
    assert!(aws.count("iam:CreateRole") < 30 + 45);
}

#[tokio::test(start_paused = true)]
async fn too_little_concurrency_for_what_the_lab_reserves_is_met_once() {
    let aws = StrictAws::with_quotas();
    // For a few students; 100 stay unreserved.
    aws.set_concurrency(100 + 4 * 6);
    let names: Vec<String> = (1..=30).map(|n| format!("user{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let class = Class {
        pace: Pace::Scaled(1.0),
        ..Class::with_settings(&names, &[("reserved_concurrency", "2".into())])
    };
    let came = deploy(&aws, &class).await;
    assert_eq!(came.notes.len(), 1, "{:?}", came.notes);
    let told = ["UnreservedConcurrentExecution", "reserved_concurrency"];
    assert!(told.iter().all(|word| came.notes[0].contains(word)));
    assert!(came.cancelled > 0, "{}", came.cancelled);
    // With room the next run goes on from there.
    aws.set_concurrency(1000);
    let came = deploy(&aws, &class).await;
    assert_eq!((came.failed, came.cancelled), (0, 0), "{:?}", came.notes);
}

#[tokio::test(start_paused = true)]
async fn a_region_that_is_not_enabled_is_named_once_beside_the_credentials() {
    for code in ["UnrecognizedClientException", "InvalidClientTokenId"] {
        let aws = StrictAws::with_quotas();
        aws.inject(Rule::on("lambda:CreateFunction").fault(Fault::Error {
            status: 403,
            code,
            message: "The security token included in the request is invalid.",
        }));
        let came = deploy(&aws, &paced(30)).await;
        assert_eq!(came.notes.len(), 1, "{:?}", came.notes);
        let told = ["region us-east-1 is not enabled", "--region", code];
        let all = told.iter().all(|word| came.notes[0].contains(word));
        assert!(all, "{:?}", came.notes);
        assert!(came.cancelled > 15, "{}", came.cancelled);
    }
}

#[tokio::test(start_paused = true)]
async fn one_students_own_broken_thing_stops_nobody() {
    let aws = StrictAws::with_quotas();
    let class = paced(12);
    // Three of them, and the first three at that: the others' answers come a moment later.
    for name in ["user1-", "user2-", "user3-"] {
        aws.inject(
            Rule::on("iam:CreateRole")
                .about(name)
                .fault(Fault::AccessDenied),
        );
    }
    let came = deploy(&aws, &class).await;
    assert_eq!((came.failed, came.cancelled), (3, 0), "{:?}", came.notes);
    assert_eq!(came.notes, [] as [&str; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_teardown_goes_on_with_what_it_may_delete() {
    let aws = StrictAws::new();
    let class = Class::of(&["user1", "user2", "user3", "user4", "user5"]);
    assert_all_well(&deploy_class(&aws, &class).await);
    aws.inject(Rule::on("logs:DeleteLogGroup").fault(Fault::AccessDenied));
    let (client, mut run) = start(&aws, &class).await;
    teardown_with(&client, &class).await;
    drop(client);
    let mut told = Vec::new();
    while let Some(event) = run.events.recv().await {
        if let Event::Note { text } = event {
            told.push(text);
        }
    }
    assert_eq!(told.len(), 1, "{told:?}");
    let words = [
        "all students share",
        "logs:DeleteLogGroup",
        "request id",
        "Fix: ",
    ];
    assert!(words.iter().all(|word| told[0].contains(word)), "{told:?}");
    let left: Vec<_> = aws.snapshot().into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(left, vec![Kind::LogGroup; 15]);
}

#[tokio::test(start_paused = true)]
async fn a_listing_that_is_refused_is_told_once_with_what_to_allow() {
    let aws = StrictAws::new();
    let class = Class::of(&["user1", "user2", "user3"]);
    aws.inject(Rule::on("lambda:ListFunctions").fault(Fault::AccessDenied));
    let came = deploy(&aws, &class).await;
    assert_eq!(came.notes.len(), 1, "{:?}", came.notes);
    let told = ["nobody's", "may not call lambda:ListFunctions; allow it"];
    assert!(told.iter().all(|word| came.notes[0].contains(word)));
    assert_eq!(aws.snapshot(), []);
}

#[tokio::test(start_paused = true)]
async fn a_wait_in_vain_tells_awss_last_words_and_their_request() {
    let aws = StrictAws::new();
    let class = Class::of(&["user1"]);
    aws.inject(Rule::on("iam:PutRolePolicy").fault(Fault::Error {
        status: 404,
        code: "NoSuchEntity",
        message: "The role cannot be found.",
    }));
    let (client, _run) = start(&aws, &class).await;
    let (_, runs) = deploy_with(&client, &class).await;
    let failed = runs[0]
        .steps
        .iter()
        .filter_map(|(id, result)| match result {
            StepResult::Failed { failure } if id.kind == Kind::Role => Some(failure),
            _ => None,
        });
    let failed: Vec<_> = failed.collect();
    assert_eq!(failed.len(), 3);
    for failure in failed {
        assert!(failure.cause.contains("waited 120 s"), "{failure}");
        assert!(failure.cause.contains("The role cannot be found."));
        assert!(failure.request_id.is_some(), "{failure}");
    }
}

#[tokio::test(start_paused = true)]
async fn every_failure_carries_the_id_of_its_request() {
    let aws = StrictAws::new();
    let class = Class::of(&["user1"]);
    aws.inject(Rule::on("iam:CreateRole").fault(Fault::AccessDenied));
    let (client, mut run) = start(&aws, &class).await;
    let (_, runs) = deploy_with(&client, &class).await;
    let ids: Vec<String> = aws
        .calls()
        .iter()
        .filter(|call| call.operation == "iam:CreateRole")
        .map(|call| strict_aws::request_id(call.number))
        .collect();
    let told: Vec<String> = runs[0]
        .steps
        .values()
        .filter_map(|result| match result {
            StepResult::Failed { failure } => failure.request_id.clone(),
            _ => None,
        })
        .collect();
    assert_eq!(told.len(), 3);
    assert!(told.iter().all(|id| ids.contains(id)), "{told:?} {ids:?}");
    // And in the run log, whatever became of the call.
    drop(client);
    let mut logged = Vec::new();
    while let Some(event) = run.events.recv().await {
        let line = serde_json::to_string(&event).unwrap();
        if line.contains("call-failed") {
            logged.push(line);
        }
    }
    for id in ids {
        assert!(logged.iter().any(|line| line.contains(&id)), "{logged:?}");
    }
}
