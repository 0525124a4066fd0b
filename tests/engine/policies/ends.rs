//! A class that ends by itself: what its policies let students and roles do before that moment, and from it on.

use homeroom::lab::{Lab, bundle};
use serde_json::{Value, json};

use crate::policies::class::{Own, USERNAMES, asked, own};
use crate::policies::engine::{Ask, Holder};

const BEFORE: &str = "2026-12-01T16:59:59Z";
const AT: &str = "2026-12-01T17:00:00Z";

fn ending() -> Lab {
    let ends = "2026-12-01T18:00:00+01:00".parse().unwrap();
    bundle::load(None).unwrap().ending(Some(ends))
}

/// Every action of a document's statements that allow something, with every resource.
fn allowed(policy: &Value) -> Vec<(&str, &str)> {
    let statements = policy["Statement"].as_array().unwrap().iter();
    let allowing = statements.filter(|statement| statement["Effect"] == "Allow");
    let pairs = allowing.flat_map(|statement| {
        let resources = list(&statement["Resource"]);
        let actions = list(&statement["Action"]).into_iter();
        actions.flat_map(move |action| resources.clone().into_iter().map(move |r| (action, r)))
    });
    pairs.collect()
}

fn list(value: &Value) -> Vec<&str> {
    match value {
        Value::Array(list) => list.iter().filter_map(Value::as_str).collect(),
        one => one.as_str().into_iter().collect(),
    }
}

/// Whoever of a stack can do something, with what each is allowed.
fn holders(own: &Own) -> Vec<(Holder, Vec<(&str, &str)>)> {
    let roles = own.roles().into_iter();
    let roles = roles.map(|(_, holder, policy)| (holder, allowed(policy)));
    let user = (own.user(), allowed(&own.access.policy));
    roles.chain([user]).collect()
}

#[test]
fn users_and_roles_can_do_everything_before_the_end_and_nothing_after() {
    let lab = ending();
    let mut asks = 0;
    for username in USERNAMES {
        let own = own(&lab, "spring", username, "a1b2c3d400");
        for (holder, grants) in holders(&own) {
            for (action, resource) in grants {
                let ask = |time| asked(action, resource).with("aws:CurrentTime", time);
                assert!(holder.may(&ask(BEFORE)), "{username}: {action} {resource}");
                for after in [AT, "2026-12-01T17:00:01Z", "2027-05-01T00:00:00Z"] {
                    assert!(!holder.may(&ask(after)), "{username}: {action} {resource}");
                }
                asks += 1;
            }
        }
    }
    assert!(asks > 500, "{asks}");
}

#[test]
fn a_role_ends_with_any_boundary_and_a_user_with_any_policy() {
    let everything = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "*", "Resource": "*"}]});
    let own = own(&ending(), "spring", "user1", "a1b2c3d400");
    for role in &own.stack.roles {
        // An organization's boundary knows nothing of the class.
        let holder = Holder::new(
            "arn:aws:iam::123456789012:role/x",
            &[&role.policy],
            &everything,
        );
        for (action, resource) in allowed(&role.policy) {
            let ask = |time| asked(action, resource).with("aws:CurrentTime", time);
            assert!(holder.may(&ask(BEFORE)), "{action}");
            assert!(!holder.may(&ask(AT)), "{action}");
        }
    }
    let user = own.user().with_everything_attached();
    let start = Ask::new("states:StartExecution", &own.machine());
    assert!(user.may(&start.clone().with("aws:CurrentTime", BEFORE)));
    assert!(!user.may(&start.with("aws:CurrentTime", AT)));
}

#[test]
fn the_trust_of_a_role_does_not_end_with_the_class() {
    let usual = own(
        &bundle::load(None).unwrap(),
        "spring",
        "user1",
        "a1b2c3d400",
    );
    let ends = own(&ending(), "spring", "user1", "a1b2c3d400");
    for (usual, ends) in usual.stack.roles.iter().zip(&ends.stack.roles) {
        assert_eq!(usual.trust, ends.trust);
        assert_ne!(usual.policy, ends.policy);
    }
}
