//! Lost calls, kills, throttles, lag: whatever happens, one of each in the end, and what was kept is what AWS has.

use super::*;

/// Each verb, from where it begins to where it ends.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Verb {
    Grant,
    GrantWithKeys,
    AddKeys,
    Rotate,
    Freeze,
    Thaw,
    Revoke,
    TearDown,
}

impl Verb {
    const ALL: [Self; 8] = [
        Self::Grant,
        Self::GrantWithKeys,
        Self::AddKeys,
        Self::Rotate,
        Self::Freeze,
        Self::Thaw,
        Self::Revoke,
        Self::TearDown,
    ];

    /// How its class stands when it begins.
    async fn prepare(self, aws: &StrictAws, class: &Class, safe: &Safe) {
        match self {
            Self::Grant | Self::GrantWithKeys => class.deploy(aws).await,
            Self::AddKeys | Self::Freeze => class.set_up(aws, safe, PLAIN).await,
            Self::Rotate => class.set_up(aws, safe, WITH_KEYS).await,
            Self::Revoke | Self::TearDown => {
                class.set_up(aws, safe, WITH_KEYS).await;
                burden(aws, class, "user1").await;
            }
            Self::Thaw => {
                class.set_up(aws, safe, PLAIN).await;
                let deny = homeroom::stack::kinds::user::freeze_document();
                let cloud = aws.backdoor().await;
                let put = cloud.put_user_policy("user1", FREEZE_POLICY, &deny);
                put.await.unwrap();
            }
        }
    }

    async fn run(self, aws: &StrictAws, class: &Class, safe: &Safe) {
        let runs = match self {
            Self::Grant => class.grant(aws, safe, PLAIN).await.1,
            Self::GrantWithKeys | Self::AddKeys => class.grant(aws, safe, WITH_KEYS).await.1,
            Self::Rotate => class.grant(aws, safe, ROTATE_WITH_KEYS).await.1,
            Self::Freeze => class.freeze(aws, true).await.1,
            Self::Thaw => class.freeze(aws, false).await.1,
            Self::Revoke => {
                let (runs, left) = class.revoke(aws).await;
                assert_eq!((left.steps(), left.gaps.len()), (0, 0));
                runs
            }
            Self::TearDown => {
                let left = class.tear_down(aws).await;
                assert_eq!((left.plan.steps(), left.plan.gaps.len()), (0, 0));
                Vec::new()
            }
        };
        assert_all_well(&runs);
    }

    async fn assert_done(self, aws: &StrictAws, class: &Class, safe: &Safe, when: &str) {
        let keys = matches!(self, Self::GrantWithKeys | Self::AddKeys | Self::Rotate);
        match self {
            Self::Revoke => assert_eq!(aws.snapshot(), class.stacks(), "{when}"),
            Self::TearDown => assert_eq!(aws.snapshot(), [], "{when}"),
            _ => class.assert_granted_as(aws, safe, keys, when).await,
        }
        let shut = usize::from(self == Self::Freeze);
        assert_eq!(class.frozen(aws).await, shut, "{when}");
    }
}

/// A class as it stands when a verb begins, to begin with again and again.
struct Ready {
    aws: StrictAws,
    safe: Safe,
}

impl Ready {
    async fn of(verb: Verb, class: &Class) -> Self {
        let aws = StrictAws::new();
        let safe = Safe::new(&aws);
        verb.prepare(&aws, class, &safe).await;
        Self { aws, safe }
    }

    fn copy(&self) -> (StrictAws, Safe) {
        let aws = self.aws.copy();
        let safe = self.safe.copy(&aws);
        (aws, safe)
    }
}

const ROTATE_WITH_KEYS: Grant = Grant {
    access_keys: true,
    rotate: true,
};

#[tokio::test(start_paused = true)]
async fn any_single_call_may_be_lost_before_or_after_its_effect() {
    let class = Class::of(&["user1"]);
    for verb in Verb::ALL {
        let ready = Ready::of(verb, &class).await;
        for fault in [Fault::Reset, Fault::LoseAnswer] {
            let mut number = 1;
            loop {
                let (aws, safe) = ready.copy();
                aws.inject(Rule::nth(number).fault(fault.clone()));
                verb.run(&aws, &class, &safe).await;
                let when = format!("{verb:?}: {fault:?} of call {number}");
                verb.assert_done(&aws, &class, &safe, &when).await;
                if aws.calls().len() < number as usize {
                    break;
                }
                number += 1;
            }
            assert!(number > 2, "{verb:?}: {number} calls were lost only");
        }
    }
}

/// Runs some work until it ends or the client is cut off; whether it ended.
async fn until_killed(aws: &StrictAws, work: impl Future<Output = ()>) -> bool {
    tokio::select! {
        () = work => true,
        () = aws.killed() => false,
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_killed_at_any_call_and_run_again_ends_as_if_nothing_had_happened() {
    let class = Class::of(&["user1"]);
    for verb in Verb::ALL {
        let ready = Ready::of(verb, &class).await;
        let mut at = 1;
        loop {
            let (aws, safe) = ready.copy();
            aws.kill_after(at);
            if until_killed(&aws, verb.run(&aws, &class, &safe)).await {
                break;
            }
            aws.revive();
            verb.run(&aws, &class, &safe).await;
            let when = format!("{verb:?} killed at call {at}");
            verb.assert_done(&aws, &class, &safe, &when).await;
            at += 1;
        }
        assert!(at > 2, "{verb:?} was killed at {at} places only");
    }
}

#[tokio::test(start_paused = true)]
async fn a_rotation_killed_at_any_call_is_made_good_by_a_plain_grant() {
    let class = Class::of(&["user1"]);
    let ready = Ready::of(Verb::Rotate, &class).await;
    let mut at = 1;
    loop {
        let (aws, safe) = ready.copy();
        aws.kill_after(at);
        let rotation = async {
            class.grant(&aws, &safe, ROTATE).await;
        };
        if until_killed(&aws, rotation).await {
            break;
        }
        aws.revive();
        assert_all_well(&class.grant(&aws, &safe, PLAIN).await.1);
        let when = format!("killed at call {at}");
        // Who had a key has one in the end, wherever it was cut off.
        class.assert_granted_as(&aws, &safe, true, &when).await;
        at += 1;
    }
    assert!(at > 8, "killed at {at} places only");
}

#[tokio::test(start_paused = true)]
async fn a_key_grant_killed_at_any_call_leaves_no_unknown_key_after_another() {
    let class = Class::of(&["user1"]);
    let ready = Ready::of(Verb::GrantWithKeys, &class).await;
    let mut at = 1;
    loop {
        let (aws, safe) = ready.copy();
        aws.kill_after(at);
        let first = async {
            class.grant(&aws, &safe, WITH_KEYS).await;
        };
        if until_killed(&aws, first).await {
            break;
        }
        aws.revive();
        assert_all_well(&class.grant(&aws, &safe, PLAIN).await.1);
        let when = format!("killed at call {at}");
        // Only the last call makes the key one that is recorded.
        let keys = !aws.access_keys("user1").is_empty();
        class.assert_granted_as(&aws, &safe, keys, &when).await;
        at += 1;
    }
    assert!(at > 8, "killed at {at} places only");
}

#[tokio::test(start_paused = true)]
async fn five_percent_of_calls_failing_at_random_change_nothing_in_the_end() {
    let class = Class::of(&["user1", "user10", "user1-b"]);
    let faults = [
        Fault::Throttle,
        Fault::ServerError,
        Fault::ServerErrorAfterEffect,
        Fault::Reset,
        Fault::LoseAnswer,
    ];
    for seed in 0..20 {
        let aws = StrictAws::new();
        let safe = Safe::new(&aws);
        class.deploy(&aws).await;
        for (kind, fault) in (0..).zip(&faults) {
            let rule = Rule::seeded(seed + 1000 * kind, 0.01);
            aws.inject(rule.fault(fault.clone()));
        }
        for how in [WITH_KEYS, ROTATE] {
            assert_all_well(&class.grant(&aws, &safe, how).await.1);
            let when = format!("seed {seed}");
            class.assert_granted_as(&aws, &safe, true, &when).await;
        }
        assert_all_well(&class.freeze(&aws, true).await.1);
        assert_eq!(class.frozen(&aws).await, 3);
        assert_all_well(&class.freeze(&aws, false).await.1);
        assert_eq!(class.frozen(&aws).await, 0);
        let (runs, left) = class.revoke(&aws).await;
        assert_all_well(&runs);
        assert_eq!((left.steps(), aws.snapshot()), (0, class.stacks()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_throttled_the_first_time_is_made_again() {
    let aws = StrictAws::new();
    let class = Class::of(&["user1", "user2"]);
    let safe = Safe::new(&aws);
    class.deploy(&aws).await;
    let mut seen = HashSet::new();
    let first = Rule::when(move |call| {
        let iam = call.operation.starts_with("iam:");
        iam && seen.insert((call.operation.clone(), call.resource.clone()))
    });
    aws.inject(first.fault(Fault::Throttle));
    assert_all_well(&class.grant(&aws, &safe, WITH_KEYS).await.1);
    assert_eq!(aws.count("iam:CreateUser"), 4);
    assert_eq!(aws.count("iam:CreateAccessKey"), 4);
    class.assert_granted(&aws, &safe, true).await;
    let (runs, _) = class.revoke(&aws).await;
    assert_all_well(&runs);
    assert_eq!(aws.snapshot(), class.stacks());
}

#[tokio::test(start_paused = true)]
async fn what_was_just_made_and_does_not_show_up_yet_is_waited_for() {
    let class = Class::of(&["user1"]);
    for lag in [1, 4, 9] {
        let aws = StrictAws::new();
        aws.set_iam_lag(Duration::from_secs(lag));
        let safe = Safe::new(&aws);
        class.deploy(&aws).await;
        assert_all_well(&class.grant(&aws, &safe, WITH_KEYS).await.1);
        // One call, and those that met a boundary that did not show up yet.
        let tried = aws.count("iam:CreateUser");
        assert!(tried > 1, "{tried}");
        // Cut off and begun again at once, it finds in no listing what is there already.
        let aws = StrictAws::new();
        aws.set_iam_lag(Duration::from_secs(lag));
        let safe = Safe::new(&aws);
        class.deploy(&aws).await;
        aws.inject(
            Rule::on("iam:CreatePolicy")
                .times(2)
                .fault(Fault::LoseAnswer),
        );
        assert_all_well(&class.grant(&aws, &safe, WITH_KEYS).await.1);
        assert_all_well(&class.grant(&aws, &safe, WITH_KEYS).await.1);
        tokio::time::sleep(Duration::from_secs(lag)).await;
        class.assert_granted(&aws, &safe, true).await;
    }
}

#[tokio::test(start_paused = true)]
async fn two_grants_at_once_leave_one_way_in_and_the_next_run_knows_it() {
    let aws = StrictAws::new();
    let class = Class::of(&["user1"]);
    let (one, other) = (Safe::new(&aws), Safe::new(&aws));
    class.deploy(&aws).await;
    let both = async {
        tokio::join!(
            class.grant(&aws, &one, WITH_KEYS),
            class.grant(&aws, &other, WITH_KEYS)
        )
    };
    both.await;
    assert_eq!(aws.snapshot(), class.everything());
    assert_all_well(&class.grant(&aws, &one, ROTATE_WITH_KEYS).await.1);
    class.assert_granted(&aws, &one, true).await;
}

#[tokio::test(start_paused = true)]
async fn our_own_new_policy_is_no_conflict_however_late_it_shows_up() {
    let class = Class::of(&["user1"]);
    for path_policy in [true, false] {
        let aws = StrictAws::new();
        let safe = Safe::new(&aws);
        class.deploy(&aws).await;
        if path_policy {
            aws.path_policy();
        }
        aws.timings(|t| t.iam_known = Spread::exactly(Duration::from_secs(90)));
        aws.inject(
            Rule::on("iam:CreatePolicy")
                .times(2)
                .fault(Fault::LoseAnswer),
        );
        assert_all_well(&class.grant(&aws, &safe, PLAIN).await.1);
        class.assert_granted(&aws, &safe, false).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_policy_that_never_shows_up_is_told_in_awss_words_with_its_request() {
    let class = Class::of(&["user1"]);
    let aws = StrictAws::new();
    let safe = Safe::new(&aws);
    class.deploy(&aws).await;
    aws.timings(|t| t.iam_known = Spread::exactly(Duration::from_secs(1000)));
    aws.inject(
        Rule::on("iam:CreatePolicy")
            .times(2)
            .fault(Fault::LoseAnswer),
    );
    let (_, runs) = class.grant(&aws, &safe, PLAIN).await;
    let failed = runs[0]
        .steps
        .iter()
        .filter_map(|(id, result)| match result {
            StepResult::Failed { failure } if id.kind == Kind::ManagedPolicy => Some(failure),
            _ => None,
        });
    let failed: Vec<_> = failed.collect();
    assert_eq!(failed.len(), 2, "{runs:#?}");
    for failure in failed {
        assert!(failure.cause.contains("cannot be found"), "{failure}");
        assert!(failure.request_id.is_some(), "{failure}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_policy_of_that_name_below_another_path_is_a_conflict_at_once() {
    let class = Class::of(&["user1"]);
    let aws = StrictAws::new();
    let safe = Safe::new(&aws);
    class.deploy(&aws).await;
    let plan = class.plan_grant(&aws, PLAIN).await;
    let (scope, owner) = (&class.desired.scope, &class.desired.stacks[0].owner);
    let theirs = ManagedPolicy {
        name: Purpose::Access.name(scope, owner),
        document: json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Deny", "Action": "s3:*", "Resource": "*"}]})
        .into(),
    };
    // Since it was planned.
    let cloud = aws.backdoor().await;
    cloud.create_policy(&theirs, "/theirs/").await.unwrap();
    aws.path_policy();
    let began = tokio::time::Instant::now();
    let runs = class.carry_out(&aws, &plan, Some(&safe)).await;
    let id = ResourceId::new(Kind::ManagedPolicy, &theirs.name);
    let result = &runs[0].steps[&id];
    assert!(matches!(result, StepResult::Conflict { .. }), "{result:?}");
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[tokio::test(start_paused = true)]
async fn two_instructors_who_revoke_at_once_both_end_well() {
    for (path_policy, travel) in [(true, 0), (true, 80), (true, 400), (false, 400)] {
        let class = Class::of(&["user1", "user2"]);
        let aws = StrictAws::new();
        let safe = Safe::new(&aws);
        class.set_up(&aws, &safe, WITH_KEYS).await;
        if path_policy {
            aws.path_policy();
        }
        // Calls overtake each other, so now one and now the other comes too late.
        aws.timings(|t| {
            t.travel = Spread {
                from: Duration::ZERO,
                to: Duration::from_millis(travel),
            };
        });
        let (one, other) = tokio::join!(class.revoke(&aws), class.revoke(&aws));
        for (runs, left) in [one, other] {
            assert_all_well(&runs);
            assert_eq!(left.steps(), 0);
        }
        assert_eq!(aws.snapshot(), class.stacks());
    }
}

#[tokio::test(start_paused = true)]
async fn a_user_deleted_after_the_listing_is_gone_for_whoever_acts_on_it() {
    let class = Class::of(&["user1"]);
    for path_policy in [true, false] {
        for verb in [Verb::Revoke, Verb::Freeze] {
            let aws = StrictAws::new();
            let safe = Safe::new(&aws);
            class.set_up(&aws, &safe, WITH_KEYS).await;
            if path_policy {
                aws.path_policy();
            }
            let plan = match verb {
                Verb::Revoke => class.plan_revoke(&aws).await,
                _ => class.plan_freeze(&aws, true).await,
            };
            let mut by_hand = class.plan_revoke(&aws).await;
            for student in &mut by_hand.students {
                student.items.retain(|i| i.resource.kind == Kind::User);
            }
            assert_all_well(&class.carry_out(&aws, &by_hand, None).await);
            assert!(!aws.snapshot().iter().any(|(kind, _)| *kind == Kind::User));
            let runs = class.carry_out(&aws, &plan, None).await;
            assert!(!runs[0].steps.is_empty());
            assert_all_well(&runs);
        }
    }
}
