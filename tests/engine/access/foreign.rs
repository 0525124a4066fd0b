//! What is not ours is never touched, and what could not be seen is not taken for absent.

use homeroom::stack::ownership::Tags;

use super::*;

fn tags(class: &str, lab: &str, region: &str) -> Tags {
    [
        ("homeroom:class", class),
        ("homeroom:student", "user1"),
        ("homeroom:lab", lab),
        ("homeroom:region", region),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .into()
}

/// A user with credentials that somebody else made.
async fn strangers_user(aws: &StrictAws, name: &str, path: &str, tags: &Tags) {
    let cloud = aws.backdoor().await;
    let read_only = "arn:aws:iam::aws:policy/ReadOnlyAccess";
    let created = cloud.create_user(name, path, read_only, tags);
    created.await.unwrap();
    cloud.attach_user_policy(name, read_only).await.unwrap();
    let password = "theirs-2-keep_A".into();
    let login = cloud.create_login_profile(name, &password);
    login.await.unwrap();
    cloud.create_access_key(name).await.unwrap();
    for extra in Extra::ALL {
        aws.give(name, extra);
    }
}

fn users(aws: &StrictAws) -> Vec<String> {
    let all = [aws.state_of("user1"), aws.state_of("USER1")].concat();
    let of_users = all.into_iter().filter(|state| state.starts_with("User "));
    of_users.collect()
}

#[tokio::test(start_paused = true)]
async fn a_user_who_is_not_ours_is_touched_by_no_verb() {
    let none = Tags::new();
    let here = strict_aws::REGION;
    for (name, path, tags) in [
        ("user1", "/", none.clone()),
        ("user1", "/homeroom/demo/", none.clone()),
        // Our tags, copied.
        ("user1", "/", tags("demo", "lab6", here)),
        ("user1", "/homeroom/other/", tags("other", "lab6", here)),
        (
            "user1",
            "/homeroom/demo/",
            tags("demo", "lab6", "eu-west-1"),
        ),
        ("user1", "/homeroom/demo/", tags("demo", "lab7", here)),
        ("USER1", "/", none),
    ] {
        let aws = StrictAws::new();
        let class = Class::of(&["user1"]);
        let safe = Safe::new(&aws);
        class.deploy(&aws).await;
        strangers_user(&aws, name, path, &tags).await;
        let (before, all) = (users(&aws), aws.snapshot());
        assert_eq!(before.len(), 1);
        for how in [PLAIN, WITH_KEYS, ROTATE] {
            let (plan, _) = class.grant(&aws, &safe, how).await;
            assert!(plan.students[0].first(Verdict::Conflict).is_some());
            assert_eq!(plan.steps(), 0, "nothing of a student in conflict");
        }
        for shut in [true, false] {
            assert_eq!(class.freeze(&aws, shut).await.0.steps(), 0);
        }
        class.revoke(&aws).await;
        assert_eq!((users(&aws), aws.snapshot()), (before.clone(), all));
        assert!(aws.calls().iter().all(|call| reads(&call.operation)));
        class.tear_down(&aws).await;
        assert_eq!(users(&aws), before, "{name} {path}");
        assert_eq!(aws.snapshot(), [(Kind::User, name.to_owned())]);
        assert_eq!(safe.kept(), []);
    }
}

#[tokio::test(start_paused = true)]
async fn a_user_or_a_policy_who_appears_after_the_listing_is_a_conflict_too() {
    let class = Class::of(&["user1"]);
    let owner = &class.desired.stacks[0].owner;
    let policy = Purpose::Access.name(&class.desired.scope, owner);
    for kind in [Kind::User, Kind::ManagedPolicy] {
        let aws = StrictAws::new();
        let safe = Safe::new(&aws);
        class.deploy(&aws).await;
        let cloud = aws.backdoor().await;
        // Between the listing and the first change somebody is faster.
        let theirs = async {
            while aws.count("apigateway:GetRestApis") == 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            if kind == Kind::User {
                strangers_user(&aws, "user1", "/", &Tags::new()).await;
                return users(&aws);
            }
            let nothing = json!({"Version": "2012-10-17", "Statement": [
                {"Effect": "Deny", "Action": "*", "Resource": "*"}]});
            let theirs = homeroom::stack::kinds::managed_policy::Spec {
                name: policy.clone(),
                document: nothing.into(),
            };
            cloud.create_policy(&theirs, "/").await.unwrap();
            aws.state_of(&policy)
        };
        let ((_, runs), before) = tokio::join!(class.grant(&aws, &safe, WITH_KEYS), theirs);
        let conflicts: Vec<_> = runs[0]
            .steps
            .iter()
            .filter(|(_, result)| matches!(result, StepResult::Conflict { .. }))
            .map(|(resource, _)| resource.kind)
            .collect();
        assert_eq!(conflicts, [kind]);
        let after = match kind {
            Kind::User => users(&aws),
            _ => aws.state_of(&policy),
        };
        assert_eq!(after, before);
        assert_eq!(safe.kept(), []);
    }
}

#[tokio::test(start_paused = true)]
async fn a_second_class_with_the_same_username_leaves_the_first_untouched() {
    let aws = StrictAws::new();
    let first = Class::called("first", &["user1"]);
    let safe = Safe::new(&aws);
    first.set_up(&aws, &safe, WITH_KEYS).await;
    let before = (aws.state_of("user1"), aws.snapshot());
    let second = Class::called("second", &["user1", "user2"]);
    second.only(&["user2"]).deploy(&aws).await;
    let own = Safe::new(&aws);
    let (plan, runs) = second.grant(&aws, &own, WITH_KEYS).await;
    assert!(plan.students[0].is_blocked());
    assert!(plan.students[0].first(Verdict::Conflict).is_some());
    assert_all_well(&runs);
    assert!(own.last("user2").is_some() && own.last("user1").is_none());
    second.freeze(&aws, true).await;
    assert_eq!(second.frozen(&aws).await, 1, "only user2");
    second.revoke(&aws).await;
    second.tear_down(&aws).await;
    assert_eq!((aws.state_of("user1"), aws.snapshot()), before);
    first.assert_granted(&aws, &safe, true).await;
}

#[tokio::test(start_paused = true)]
async fn over_a_listing_that_is_denied_nothing_is_done_and_nothing_is_claimed() {
    // The first page, and the second.
    for good in [0, 1] {
        let aws = StrictAws::new();
        let class = Class::of(&["user1", "user2"]);
        let safe = Safe::new(&aws);
        class.set_up(&aws, &safe, PLAIN).await;
        let (before, kept) = (aws.state_of("user"), safe.kept());
        let deny = || {
            aws.heal();
            let listing = Rule::on("iam:GetAccountAuthorizationDetails");
            aws.inject(listing.skip(good).fault(Fault::AccessDenied));
        };
        aws.set_page_size(8);
        deny();
        let (plan, _) = class.grant(&aws, &safe, ROTATE).await;
        assert_eq!((plan.steps(), plan.gaps.len()), (0, 3));
        deny();
        let (_, left) = class.revoke(&aws).await;
        assert_eq!((left.steps(), left.gaps.len()), (0, 3));
        assert_eq!(left.count(Verdict::Unknown), 2);
        deny();
        let (plan, _) = class.freeze(&aws, false).await;
        assert_eq!((plan.steps(), plan.gaps.len()), (0, 3));
        assert_eq!((aws.state_of("user"), safe.kept()), (before, kept));
        assert!(aws.calls().iter().all(|call| reads(&call.operation)));
        deny();
        let left = class.tear_down(&aws).await;
        assert!(left.plan.count(Verdict::Unknown) > 0);
        assert!(aws.snapshot().contains(&(Kind::User, "user1".to_owned())));
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_a_broken_listing_showed_is_shut_out_all_the_same() {
    let aws = StrictAws::new();
    let class = Class::of(&["user1", "user2"]);
    let safe = Safe::new(&aws);
    class.set_up(&aws, &safe, PLAIN).await;
    // Six roles come first, then the users.
    aws.set_page_size(7);
    let listing = Rule::on("iam:GetAccountAuthorizationDetails");
    aws.inject(listing.skip(1).fault(Fault::AccessDenied));
    let (plan, runs) = class.freeze(&aws, true).await;
    assert_all_well(&runs);
    assert_eq!((plan.steps(), plan.count(Verdict::Unknown)), (1, 1));
    aws.heal();
    aws.set_page_size(100);
    assert_eq!(class.frozen(&aws).await, 1);
}

#[tokio::test(start_paused = true)]
async fn a_policy_that_somebody_else_uses_remains_and_is_named() {
    let aws = StrictAws::new();
    let class = Class::of(&["user1"]);
    let safe = Safe::new(&aws);
    class.set_up(&aws, &safe, PLAIN).await;
    let (scope, owner) = (&class.desired.scope, &class.desired.stacks[0].owner);
    let name = Purpose::Access.name(scope, owner);
    strangers_user(&aws, "helper", "/", &Tags::new()).await;
    let cloud = aws.backdoor().await;
    let arn = scope.policy_arn(&owner.class, &name);
    cloud.attach_user_policy("helper", &arn).await.unwrap();
    let before = aws.state_of("helper");
    let (_, left) = class.revoke(&aws).await;
    let remains = left.students[0].first(Verdict::Delete).unwrap();
    assert_eq!(remains.resource, ResourceId::new(Kind::ManagedPolicy, name));
    assert_eq!(aws.state_of("helper"), before);
    assert!(!aws.snapshot().contains(&(Kind::User, "user1".to_owned())));
}
