//! Isolation by IAM's policy simulator, for students whose keys are not on this machine.

use homeroom::evidence::check::{CheckResult, Verdict as Answer};
use homeroom::probe::isolation::{IsolationSubject, ProvenBy, prove};
use homeroom::probe::reach::Target;
use homeroom::stack::observe::observe_access;

use super::*;
use strict_aws::REGION;

impl Class {
    async fn targets(&self, aws: &StrictAws) -> Vec<Target> {
        let looking = client(aws.backdoor().await);
        let observed = observe_access(&looking, &self.desired, true).await.unwrap();
        let stacks = self.desired.stacks.iter();
        stacks
            .map(|stack| {
                let scope = &self.desired.scope;
                let apis = observed.endpoints(scope, stack, |_, _| String::new());
                Target::of(scope, stack, &apis).unwrap()
            })
            .collect()
    }

    /// Proves the first student's isolation from the others.
    async fn prove_first(&self, aws: &StrictAws) -> Vec<CheckResult> {
        let targets = self.targets(aws).await;
        let others: Vec<&Target> = targets[1..].iter().collect();
        let subject = IsolationSubject {
            own: &targets[0],
            neighbours: &others,
            frozen: false,
            unbounded_roles: Vec::new(),
        };
        aws.clear_calls();
        let client = client(aws.cloud().await);
        let way = ProvenBy::Simulator { region: REGION };
        prove(&client, &subject, way).await.unwrap()
    }
}

fn answers(results: &[CheckResult]) -> Vec<(&str, Answer)> {
    let results = results.iter();
    results.map(|r| (r.id.as_str(), r.verdict)).collect()
}

/// A class whose simulator answers as it should: one's own things, and only to look at and to run.
async fn class_of_two() -> (StrictAws, Class) {
    let aws = StrictAws::new();
    let class = Class::of(&["user1", "user10"]);
    let safe = Safe::new(&aws);
    class.deploy(&aws).await;
    class.grant(&aws, &safe, PLAIN).await;
    let api = class.targets(&aws).await[0].apis[0].2.clone();
    aws.on_simulation(move |user, action, resource| as_it_should(&api, user, action, resource));
    (aws, class)
}

fn as_it_should(api: &str, user: &str, action: &str, resource: &str) -> bool {
    let own = format!("{}-", user.rsplit('/').next().unwrap());
    let theirs = resource
        .rsplit([':', '/'])
        .any(|part| part.starts_with(&own))
        || resource == api;
    let looks = [
        "Describe",
        "List",
        "Get",
        "Filter",
        "Invoke",
        "GET",
        "StartExecution",
    ];
    theirs && !action.starts_with("iam:") && looks.iter().any(|verb| action.contains(verb))
}

#[tokio::test(start_paused = true)]
async fn the_simulator_proves_a_student_in_a_call_for_each_kind_of_thing() {
    let (aws, class) = class_of_two().await;
    let expected = [
        ("own-stack", Answer::Pass),
        ("neighbour-user10", Answer::Pass),
        ("account", Answer::Pass),
        ("boundary", Answer::Pass),
    ];
    assert_eq!(answers(&class.prove_first(&aws).await), expected);
    assert_eq!(aws.count("iam:SimulatePrincipalPolicy"), 7);
    assert_eq!(aws.calls().len(), 7, "nothing else is asked");
    // Answers that come in pages are read to their end.
    aws.set_page_size(1);
    assert_eq!(answers(&class.prove_first(&aws).await), expected);
    assert!(aws.count("iam:SimulatePrincipalPolicy") > 7);
}

#[tokio::test(start_paused = true)]
async fn the_simulator_is_told_the_time_that_a_class_with_an_end_asks_for() {
    let (aws, class) = class_of_two().await;
    aws.on_condition("lambda:GetFunction", "aws:CurrentTime");
    let results = class.prove_first(&aws).await;
    let passed = results.iter().all(|r| r.verdict == Answer::Pass);
    assert!(passed, "{:?}", answers(&results));
}

#[tokio::test(start_paused = true)]
async fn a_denial_for_want_of_a_conditions_key_proves_nothing() {
    let (aws, class) = class_of_two().await;
    aws.on_condition("lambda:GetFunction", "aws:SourceIp");
    let expected = [
        ("own-stack", Answer::CouldNotCheck),
        ("boundary", Answer::Pass),
    ];
    assert_eq!(answers(&class.prove_first(&aws).await), expected);
}

#[tokio::test(start_paused = true)]
async fn one_action_too_many_on_a_neighbour_is_found_and_named() {
    let (aws, class) = class_of_two().await;
    let api = class.targets(&aws).await[0].apis[0].2.clone();
    aws.on_simulation(move |user, action, resource| {
        let hole = action == "lambda:DeleteFunction" && resource.ends_with("user10-process-data");
        hole || as_it_should(&api, user, action, resource)
    });
    let results = class.prove_first(&aws).await;
    let neighbour = &results[1];
    assert_eq!(neighbour.verdict, Answer::Fail);
    let said = neighbour.evidence[0].sentence();
    assert!(
        said.contains("lambda:DeleteFunction") && said.contains("user10-process-data"),
        "{said}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_denial_of_everything_proves_nothing() {
    let (aws, class) = class_of_two().await;
    aws.on_simulation(|_, _, _| false);
    let expected = [("own-stack", Answer::Fail), ("boundary", Answer::Pass)];
    assert_eq!(answers(&class.prove_first(&aws).await), expected);
}

#[tokio::test(start_paused = true)]
async fn where_the_simulator_may_not_be_asked_nothing_is_claimed() {
    let (aws, class) = class_of_two().await;
    aws.inject(Rule::on("iam:SimulatePrincipalPolicy").fault(Fault::AccessDenied));
    let results = class.prove_first(&aws).await;
    assert_eq!(
        answers(&results)[..1],
        [("own-stack", Answer::CouldNotCheck)]
    );
    assert!(results.iter().all(|r| !r.id.starts_with("neighbour")));
    assert!(
        results[0].hint.contains("iam:SimulatePrincipalPolicy"),
        "{}",
        results[0].hint
    );
}

#[tokio::test(start_paused = true)]
async fn a_student_without_a_user_could_not_be_checked() {
    let aws = StrictAws::new();
    let class = Class::of(&["user1", "user10"]);
    class.deploy(&aws).await;
    let results = class.prove_first(&aws).await;
    assert_eq!(
        answers(&results)[..1],
        [("own-stack", Answer::CouldNotCheck)]
    );
    assert!(results.iter().all(|r| !r.id.starts_with("neighbour")));
    assert!(
        results[0].hint.contains("access grant"),
        "{}",
        results[0].hint
    );
}
