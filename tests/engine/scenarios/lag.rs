//! What AWS does not know yet, or does not say clearly: waited for, for as long as it may take and no longer.

use homeroom::aws::Principal;

use super::*;

/// IAM's words to a caller whose policy covers `…/homeroom/*` alone, about a name that it does not find.
const UNRESOLVED: &str = "User: arn:aws:iam::123456789012:user/instructor is not authorized to perform: iam:PutRolePolicy \
     on resource: role user1-worker-role because no identity-based policy allows the iam:PutRolePolicy action";

fn denied(message: &'static str) -> Fault {
    Fault::Error {
        status: 403,
        code: "AccessDenied",
        message,
    }
}

/// What failed of a student's, on its own.
fn failures(run: &StudentRun) -> Vec<String> {
    let failed = run.steps.values().filter_map(|result| match result {
        StepResult::Failed { failure } => Some(format!(
            "{failure} hint: {}",
            failure.hint.clone().unwrap_or_default()
        )),
        _ => None,
    });
    failed.collect()
}

/// The boundary of every role of the account, by name.
async fn boundaries(aws: &StrictAws) -> BTreeMap<String, Option<String>> {
    let cloud = aws.backdoor().await;
    let listed = cloud.principals_page(None).await.unwrap().items;
    let roles = listed.into_iter().filter_map(|one| match one {
        Principal::Role(role) => Some((role.name, role.boundary)),
        _ => None,
    });
    roles.collect()
}

fn exactly(seconds: u64) -> Spread {
    Spread::exactly(Duration::from_secs(seconds))
}

/// Deploys one student's stack; how long it took, and what was waited for.
async fn timed(aws: &StrictAws) -> (Duration, Vec<StudentRun>, Vec<String>) {
    let class = Class::of(&["user1"]);
    let began = Instant::now();
    let (client, mut run) = start(aws, &class).await;
    let (_, runs) = deploy_with(&client, &class).await;
    let took = began.elapsed();
    drop(client);
    let mut waits = Vec::new();
    while let Some(event) = run.events.recv().await {
        if let Event::StepWaiting { student, on, .. } = event {
            waits.push(format!("{student}: {on}"));
        }
    }
    (took, runs, waits)
}

#[tokio::test(start_paused = true)]
async fn a_new_name_that_iam_refuses_is_waited_for() {
    for path_policy in [true, false] {
        let aws = StrictAws::new();
        aws.timings(|t| t.iam_known = exactly(45));
        if path_policy {
            aws.path_policy();
        }
        let class = Class::of(&["user1", "user2"]);
        assert_all_well(&deploy_class(&aws, &class).await);
        assert_eq!(aws.snapshot(), everything_once(&class));
        assert_eq!(plan_class(&aws, &class).await.steps(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_of_a_new_name_is_believed_after_two_minutes() {
    let aws = StrictAws::new();
    aws.inject(
        Rule::on("iam:PutRolePolicy")
            .about("user1-worker")
            .fault(denied(UNRESOLVED)),
    );
    let (took, runs, waits) = timed(&aws).await;
    let failed = failures(&runs[0]);
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert!(failed[0].contains("iam:PutRolePolicy"), "{failed:?}");
    assert!(failed[0].contains("/homeroom/"), "{failed:?}");
    let minutes = Duration::from_secs(120)..Duration::from_secs(150);
    assert!(minutes.contains(&took), "{took:?}");
    let told = "user1: what was just made to show up".to_owned();
    assert!(waits.contains(&told), "{waits:?}");
}

#[tokio::test(start_paused = true)]
async fn what_this_run_did_not_make_is_refused_at_once() {
    let aws = StrictAws::new();
    let class = Class::of(&["user1"]);
    assert_all_well(&deploy_class(&aws, &class).await);
    let nothing = serde_json::json!({"Version": "2012-10-17", "Statement": []});
    let cloud = aws.backdoor().await;
    let role = "user1-worker-role";
    cloud
        .put_role_policy(role, "homeroom", &nothing)
        .await
        .unwrap();
    aws.inject(Rule::on("iam:PutRolePolicy").fault(denied(UNRESOLVED)));
    let (took, runs, _) = timed(&aws).await;
    assert_eq!(failures(&runs[0]).len(), 1);
    assert!(took < Duration::from_secs(10), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn gone_is_what_a_fresh_listing_no_longer_shows() {
    let aws = StrictAws::new();
    let class = Class::of(&["user1"]);
    assert_all_well(&deploy_class(&aws, &class).await);
    aws.path_policy();
    // Asked again, IAM does not find the role any more, and says so as a refusal.
    aws.inject(Rule::on("iam:DeleteRole").times(1).fault(Fault::LoseAnswer));
    let left = tear_down_class(&aws, &class).await;
    assert_eq!(left.plan.steps(), 0);
    assert_eq!(aws.snapshot(), []);
}

#[tokio::test(start_paused = true)]
async fn a_refused_deletion_is_never_taken_for_gone() {
    let aws = StrictAws::new();
    let class = Class::of(&["user1"]);
    assert_all_well(&deploy_class(&aws, &class).await);
    aws.inject(
        Rule::on("iam:DeleteRole")
            .about("user1-worker")
            .fault(denied(UNRESOLVED)),
    );
    let (client, _run) = start(&aws, &class).await;
    let (runs, left) = teardown_with(&client, &class).await;
    assert_eq!(failures(&runs[0]).len(), 1, "{runs:?}");
    // The policy that bounds the role stays with it.
    assert_eq!(left.plan.count(Verdict::Delete), 2);
    let role = (Kind::Role, "user1-worker-role".to_owned());
    assert!(aws.snapshot().contains(&role));
}

#[tokio::test(start_paused = true)]
async fn a_role_may_take_eight_minutes_and_the_waiting_is_told() {
    let aws = StrictAws::new();
    aws.timings(|t| t.role_propagation = exactly(480));
    let (took, runs, waits) = timed(&aws).await;
    assert_all_well(&runs);
    assert!(took > Duration::from_secs(480), "{took:?}");
    let of_roles = waits.iter().filter(|on| on.contains("assumable"));
    let of_roles: Vec<_> = of_roles.collect();
    assert_eq!(of_roles, ["user1: its role to become assumable"]);
}

#[tokio::test(start_paused = true)]
async fn a_trust_that_is_never_taken_ends_in_the_services_words() {
    let aws = StrictAws::new();
    aws.timings(|t| t.role_propagation = exactly(100_000));
    let (took, runs, _) = timed(&aws).await;
    let failed = failures(&runs[0]);
    assert!(
        failed
            .iter()
            .any(|f| f.contains("cannot be assumed by Lambda"))
    );
    assert!(
        failed.iter().all(|f| f.contains("trust policy")),
        "{failed:#?}"
    );
    assert!(took > Duration::from_secs(600), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_role_that_step_functions_refuses_is_tried_for_two_minutes() {
    for (lag, well) in [(100, true), (1000, false)] {
        let aws = StrictAws::new();
        aws.timings(|t| {
            t.role_propagation = exactly(0);
            t.policy_in_force = exactly(lag);
        });
        let (took, runs, _) = timed(&aws).await;
        assert_eq!(failures(&runs[0]).is_empty(), well, "{runs:#?}");
        assert!(took > Duration::from_secs(lag.min(120)), "{took:?}");
        assert!(took < Duration::from_secs(150), "{took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_function_that_takes_no_permission_yet_is_waited_for() {
    for (lag, well) in [(240, true), (1000, false)] {
        let aws = StrictAws::new();
        aws.timings(|t| t.permission_known = exactly(lag));
        let (took, runs, waits) = timed(&aws).await;
        assert_eq!(failures(&runs[0]).is_empty(), well, "{runs:#?}");
        assert!(took > Duration::from_secs(lag.min(300)), "{took:?}");
        assert!(took < Duration::from_secs(400), "{took:?}");
        let told = "user1: the function to take permissions".to_owned();
        assert!(waits.contains(&told), "{waits:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn calls_on_one_function_never_overlap() {
    let aws = StrictAws::new();
    let mut class = Class::of(&["user1"]);
    // A second API that invokes the same function.
    let stack = &mut class.desired.stacks[0];
    let mut second = stack.apis[0].clone();
    second.name = "user1-second-api".into();
    second.routes[0].path = "/second".into();
    stack.apis.push(second);
    let (client, mut run) = start(&aws, &class).await;
    let (_, runs) = deploy_with(&client, &class).await;
    assert_all_well(&runs);
    drop(client);
    assert_eq!(aws.count("lambda:AddPermission"), 2);
    while let Some(event) = run.events.recv().await {
        assert!(!matches!(event, Event::CallRetried { .. }), "{event:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_state_of_lambdas_that_nobody_knows_is_not_ready() {
    for state in ["ActiveNonInvocable", "Deactivating", "SomethingNew"] {
        let aws = StrictAws::new();
        aws.timings(|t| t.function_passes = Some((state, Duration::from_secs(60))));
        let (took, runs, waits) = timed(&aws).await;
        assert_all_well(&runs);
        assert!(took > Duration::from_secs(60), "{took:?}");
        assert!(waits.iter().any(|on| on.contains(state)), "{waits:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn no_role_ever_stands_without_the_labs_boundary() {
    let aws = StrictAws::new();
    let class = Class::of(&["user1", "user2"]);
    assert_all_well(&deploy_class(&aws, &class).await);
    let wanted = |name: &str| {
        let roles = class.desired.stacks.iter().flat_map(|stack| &stack.roles);
        let mut of_name = roles.filter(|role| role.name == name);
        of_name.next().unwrap().boundary.clone()
    };
    for (name, boundary) in boundaries(&aws).await {
        assert!(boundary.is_some(), "{name}");
        assert_eq!(boundary, wanted(&name), "{name}");
    }
    // It came with the role: a boundary that is set afterwards leaves a gap.
    assert_eq!(aws.count("iam:PutRolePermissionsBoundary"), 0);
    // Nor after somebody deleted one, and it was made anew; nor after somebody took the boundary off.
    let cloud = aws.backdoor().await;
    let role = "user1-workflow-role";
    cloud.delete_role_policy(role, "homeroom").await.unwrap();
    cloud.delete_role(role).await.unwrap();
    cloud
        .delete_role_boundary("user2-workflow-role")
        .await
        .unwrap();
    assert_all_well(&deploy_class(&aws, &class).await);
    for (name, boundary) in boundaries(&aws).await {
        assert_eq!(boundary, wanted(&name), "{name}");
    }
    assert_eq!(aws.count("iam:PutRolePermissionsBoundary"), 1);
    assert_eq!(plan_class(&aws, &class).await.steps(), 0);
}

/// As an organization has it.
const ORGANIZATIONS: &str = "arn:aws:iam::123456789012:policy/homeroom/org/most";

#[tokio::test(start_paused = true)]
async fn the_organizations_boundary_takes_the_labs_place() {
    let aws = StrictAws::new();
    let mut class = Class::of(&["user1", "user2"]);
    // The class is there already with the lab's.
    assert_all_well(&deploy_class(&aws, &class).await);
    let most = homeroom::stack::kinds::managed_policy::Spec {
        name: "most".into(),
        document: serde_json::json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": "*", "Resource": "*"}]})
        .into(),
    };
    let cloud = aws.backdoor().await;
    cloud.create_policy(&most, "/homeroom/org/").await.unwrap();
    class.desired.bound_roles_by(ORGANIZATIONS);
    assert_all_well(&deploy_class(&aws, &class).await);
    for (name, boundary) in boundaries(&aws).await {
        assert_eq!(boundary.as_deref(), Some(ORGANIZATIONS), "{name}");
    }
    assert_eq!(plan_class(&aws, &class).await.steps(), 0);
    // Of the class nothing is left, the lab's own boundaries of before included; the organization's stays.
    tear_down_class(&aws, &class).await;
    assert_eq!(aws.snapshot(), [(Kind::ManagedPolicy, "most".to_owned())]);
}
