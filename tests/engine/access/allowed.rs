//! The instructor's least policy, held against what access costs: grant, freeze, thaw, rotate, revoke and teardown.

use homeroom::stack::execute::execute;
use homeroom::stack::kinds::{Kind, ResourceId};
use homeroom::stack::observe::{Depth, observe};
use homeroom::stack::plan::deploy;
use strict_aws::{Extra, StrictAws};

use super::class::*;
use super::issuer::Safe;
use super::login_settled;
use crate::policies::instructor::assert_allowed;

#[tokio::test(start_paused = true)]
async fn the_instructors_policy_allows_every_call_about_access() {
    let aws = StrictAws::new();
    let class = Class::of(&["user1", "user2"]);
    let safe = Safe::new(&aws);
    let cloud = client(aws.cloud().await);
    let observed = observe(&cloud, &class.desired, &Depth::Deploy).await;
    let plan = deploy::plan(&class.desired, &observed.unwrap(), false);
    assert_all_well(&execute(&cloud, &plan, |_, _| None).await);
    assert_all_well(&class.grant(&aws, &safe, WITH_KEYS).await.1);
    class.freeze(&aws, true).await;
    class.freeze(&aws, false).await;
    login_settled().await;
    assert_all_well(&class.grant(&aws, &safe, ROTATE).await.1);
    for extra in Extra::ALL {
        aws.give("user1", extra);
    }
    let only = class.only(&["user1"]);
    let (runs, _) = only.revoke(&aws).await;
    let user = &runs[0].steps[&ResourceId::new(Kind::User, "user1")];
    assert!(user.is_well(), "{user:?}");
    class.tear_down(&aws).await;
    let asked = assert_allowed(&class.lab, &aws.calls());
    assert!(asked.len() > 45, "{}: {asked:?}", asked.len());
}
