//! The students' public endpoint is bounded: how often it answers, and to whom.

use futures::future::join_all;
use homeroom::aws::ApiRequest;
use homeroom::stack::kinds::api::Authorization;
use homeroom::stack::plan::Verdict;

use crate::scenarios::{Class, assert_all_well, deploy_class, plan_class};
use strict_aws::StrictAws;

/// What the student's API answers to `times` requests at once, the best first.
async fn answers(aws: &StrictAws, times: usize, authorization: Authorization) -> Vec<u16> {
    let cloud = aws.cloud().await;
    let id = cloud.rest_apis_page(None).await.unwrap().items[0]
        .0
        .id
        .clone();
    let body = r#"{"userId": "user1", "dataType": "sales_data"}"#;
    let requests = (0..times).map(async |_| {
        let answer = cloud.invoke_api(ApiRequest {
            api_id: &id,
            stage: "prod",
            method: "POST",
            path: "/process",
            body,
            authorization,
            agent: "curl/8",
        });
        answer.await.unwrap().status
    });
    let mut answers = join_all(requests).await;
    answers.sort_unstable();
    answers
}

#[tokio::test(start_paused = true)]
async fn the_labs_throttle_cuts_a_loop_off_and_lets_the_exercises_posts_pass() {
    let aws = StrictAws::new();
    let class = Class::of(&["user1"]);
    assert_all_well(&deploy_class(&aws, &class).await);
    let throttle = class.desired.stacks[0].apis[0].throttle.unwrap();
    let burst = usize::try_from(throttle.burst).unwrap();
    assert!(burst >= 5, "the exercise posts five times in a row");
    let answered = answers(&aws, burst + 5, Authorization::None).await;
    assert_eq!(answered[..burst], vec![202; burst]);
    assert_eq!(answered[burst..], [429; 5]);
}

#[tokio::test(start_paused = true)]
async fn who_may_call_an_api_and_how_often_reach_stacks_that_are_there_already() {
    let aws = StrictAws::new();
    assert_all_well(&deploy_class(&aws, &Class::of(&["user1"])).await);
    let settings = [
        ("api_authorization", "AWS_IAM".into()),
        ("api_burst", 2.into()),
    ];
    let class = Class::with_settings(&["user1"], &settings);
    let plan = plan_class(&aws, &class).await;
    assert_eq!((plan.steps(), plan.count(Verdict::Update)), (1, 1));
    let before = aws.count("apigateway:UpdateStage");
    assert_all_well(&deploy_class(&aws, &class).await);
    assert_eq!(aws.count("apigateway:UpdateMethod"), 1);
    assert_eq!(aws.count("apigateway:UpdateStage"), before + 1);
    assert_eq!(answers(&aws, 1, Authorization::None).await, [403]);
    let signed = answers(&aws, 3, Authorization::AwsIam).await;
    assert_eq!(signed, [202, 202, 429]);
    assert_eq!(plan_class(&aws, &class).await.steps(), 0);

    // And back.
    let class = Class::of(&["user1"]);
    assert_all_well(&deploy_class(&aws, &class).await);
    assert_eq!(answers(&aws, 1, Authorization::None).await, [202]);
    assert_eq!(plan_class(&aws, &class).await.steps(), 0);
}
