//! The instructor's least policy, held against a class day with work in it.

use super::*;
use crate::policies::instructor::assert_allowed;

#[tokio::test(start_paused = true)]
async fn the_instructors_policy_allows_every_call_of_a_class_day() {
    let class = Class::deployed(2).await;
    let mut calls = class.aws.calls();
    class.work().await;
    class.aws.clear_calls();
    let cache = class.validate().await;
    calls.extend(class.aws.calls());
    // A reading forgets the calls before it.
    class.read(cache).await;
    calls.extend(class.aws.calls());
    class.deploy_with(true).await;
    calls.extend(class.aws.calls());
    let asked = assert_allowed(&class.lab, &calls);
    assert!(asked.len() > 30, "{}: {asked:?}", asked.len());
}
