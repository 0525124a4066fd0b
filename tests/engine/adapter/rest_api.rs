//! API Gateway, and what its stages answer.

use homeroom::aws::ApiRequest;
use homeroom::aws::{Client, ErrorKind, Permission};
use homeroom::stack::kinds::api::{Authorization, Throttle};
use serde_json::{Value, json};

use crate::adapter::fixtures::*;
use strict_aws::{ACCOUNT, REGION, StrictAws};

/// An API with one route to the function of the fixtures, up to its stage.
async fn with_api(cloud: &Client) -> String {
    let (id, root) = cloud
        .create_rest_api("user1-api", "d", &tags())
        .await
        .unwrap();
    let root = root.expect("CreateRestApi tells the root resource");
    let resource = cloud
        .create_api_resource(&id, &root, "process")
        .await
        .unwrap();
    let put = cloud.put_method(&id, &resource, "POST", Authorization::None);
    put.await.unwrap();
    let function = format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:user1-f");
    let uri = format!(
        "arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{function}/invocations"
    );
    cloud
        .put_integration(&id, &resource, "POST", &uri)
        .await
        .unwrap();
    cloud
        .create_deployment(&id, "prod", "record 1")
        .await
        .unwrap();
    id
}

#[tokio::test(start_paused = true)]
async fn a_rest_api_is_made_part_by_part() {
    let aws = StrictAws::new();
    let cloud = aws.cloud().await;
    let id = with_api(&cloud).await;

    let (actual, found) = cloud.rest_apis_page(None).await.unwrap().items.remove(0);
    assert_eq!(
        (actual.id.as_str(), actual.name.as_str(), found),
        (id.as_str(), "user1-api", tags())
    );
    let parts = cloud.api_resources_page(&id, None).await.unwrap().items;
    let process = parts.iter().find(|part| part.path == "/process").unwrap();
    let [method] = process.methods.as_slice() else {
        panic!("one method, not {:?}", process.methods);
    };
    let uri = method.integration.as_deref().unwrap_or_default();
    assert!(uri.ends_with("user1-f/invocations"), "{uri}");
    assert_eq!(
        (method.name.as_str(), method.authorization.as_str()),
        ("POST", "NONE")
    );
    let root = &parts.iter().find(|part| part.path == "/").unwrap().id;
    assert_eq!(
        kind(cloud.create_api_resource(&id, root, "process").await),
        ErrorKind::AlreadyExists
    );
    assert_eq!(
        kind(
            cloud
                .put_method(&id, &process.id, "POST", Authorization::None)
                .await
        ),
        ErrorKind::AlreadyExists
    );
    assert_eq!(
        kind(cloud.put_integration(&id, &process.id, "GET", "x").await),
        ErrorKind::NotFound
    );

    let stages = cloud.stages(&id).await.unwrap();
    assert_eq!(
        (stages[0].name.as_str(), stages[0].description.as_str()),
        ("prod", "record 1")
    );
    cloud
        .update_stage(&id, "prod", "record 2", None)
        .await
        .unwrap();
    assert_eq!(cloud.stages(&id).await.unwrap()[0].description, "record 2");
    cloud.delete_stage(&id, "prod").await.unwrap();
    assert_eq!(
        kind(cloud.delete_stage(&id, "prod").await),
        ErrorKind::NotFound
    );
    cloud.delete_rest_api(&id).await.unwrap();
    assert_eq!(kind(cloud.delete_rest_api(&id).await), ErrorKind::NotFound);
    assert_eq!(aws.snapshot(), []);
}

#[tokio::test(start_paused = true)]
async fn two_writers_of_one_api_conflict_and_names_are_not_unique() {
    let aws = StrictAws::new();
    let cloud = aws.cloud().await;
    let (id, root) = cloud
        .create_rest_api("user1-api", "d", &tags())
        .await
        .unwrap();
    let root = root.unwrap();
    let (a, b) = tokio::join!(
        cloud.create_api_resource(&id, &root, "a"),
        cloud.create_api_resource(&id, &root, "b"),
    );
    a.unwrap();
    assert_eq!(kind(b), ErrorKind::Busy);
    cloud
        .create_api_resource(&id, &root, "b")
        .await
        .expect("one after the other is fine");
    cloud
        .create_rest_api("user1-api", "d", &tags())
        .await
        .unwrap();
    assert_eq!(cloud.rest_apis_page(None).await.unwrap().items.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_deployed_stage_answers_as_the_lab_does() {
    let aws = StrictAws::new();
    let cloud = aws.cloud().await;
    with_roles(&cloud).await;
    cloud
        .create_log_group("/aws/lambda/user1-f", &tags())
        .await
        .unwrap();
    cloud.create_state_machine(&new_machine("A")).await.unwrap();
    cloud
        .create_function(&new_function(&function()))
        .await
        .unwrap();
    let id = with_api(&cloud).await;
    let body = json!({"userId": "user1", "dataType": "sales_data"}).to_string();

    let forbidden = cloud
        .invoke_api(ApiRequest {
            api_id: &id,
            stage: "prod",
            method: "POST",
            path: "/process",
            body: &body,
            authorization: Authorization::None,
            agent: "curl/8",
        })
        .await
        .unwrap();
    assert_eq!(
        forbidden.status, 500,
        "the API has no permission yet: {}",
        forbidden.body
    );
    let permission = Permission {
        function: "user1-f",
        statement_id: "s".into(),
        source_arn: format!("arn:aws:execute-api:{REGION}:{ACCOUNT}:{id}/*/POST/process"),
    };
    eventually(async || cloud.add_permission(&permission).await).await;

    let answer = cloud
        .invoke_api(ApiRequest {
            api_id: &id,
            stage: "prod",
            method: "POST",
            path: "/process",
            body: &body,
            authorization: Authorization::None,
            agent: "curl/8",
        })
        .await
        .unwrap();
    assert_eq!(answer.status, 202, "{}", answer.body);
    let started: Value = serde_json::from_str(&answer.body).unwrap();
    let described = cloud
        .describe_execution(started["executionArn"].as_str().unwrap())
        .await
        .unwrap();
    assert_eq!(described.detail.unwrap().input["dataType"], "sales_data");
    let malformed = cloud
        .invoke_api(ApiRequest {
            api_id: &id,
            stage: "prod",
            method: "POST",
            path: "/process",
            body: "not json",
            authorization: Authorization::None,
            agent: "curl/8",
        })
        .await
        .unwrap();
    assert_eq!(malformed.status, 400);
    let elsewhere = cloud
        .invoke_api(ApiRequest {
            api_id: &id,
            stage: "prod",
            method: "POST",
            path: "/other",
            body: &body,
            authorization: Authorization::None,
            agent: "curl/8",
        })
        .await
        .unwrap();
    assert_eq!(elsewhere.status, 403);
    let logged = cloud
        .log_events_page("/aws/lambda/user1-f", 0, None, 100, None)
        .await
        .unwrap();
    let started: Vec<&String> = logged
        .items
        .iter()
        .filter(|line| line.contains("execution started"))
        .collect();
    assert_eq!((logged.items.len(), started.len()), (4, 1), "{logged:?}");
    let pattern = |name: &str| {
        format!("{{ ($.message = \"execution started\") && ($.execution = \"{name}\") }}")
    };
    let execution: Value = serde_json::from_str(started[0].trim()).unwrap();
    let named = pattern(execution["execution"].as_str().unwrap());
    let group = "/aws/lambda/user1-f";
    for (pattern, found) in [(named.as_str(), 1), (&pattern("another"), 0), ("", 4)] {
        let page = cloud
            .matching_log_events_page(group, 0, None, pattern, None)
            .await
            .unwrap();
        assert_eq!(page.items.len(), found, "{pattern}");
    }
    assert_eq!(cloud.calls()["execute-api:Invoke"], 4);
}

#[tokio::test(start_paused = true)]
async fn an_api_that_asks_for_it_answers_signed_requests_only() {
    let aws = StrictAws::new();
    let cloud = aws.cloud().await;
    let id = with_api(&cloud).await;
    let parts = cloud.api_resources_page(&id, None).await.unwrap().items;
    let process = parts.iter().find(|part| part.path == "/process").unwrap();
    let changed = cloud.update_method(&id, &process.id, "POST", Authorization::AwsIam);
    changed.await.unwrap();
    let parts = cloud.api_resources_page(&id, None).await.unwrap().items;
    let process = parts.iter().find(|part| part.path == "/process").unwrap();
    assert_eq!(process.methods[0].authorization, "AWS_IAM");
    let missing = cloud.update_method(&id, &process.id, "GET", Authorization::None);
    assert_eq!(kind(missing.await), ErrorKind::NotFound);

    let ask = async |authorization| {
        let answer = cloud.invoke_api(ApiRequest {
            api_id: &id,
            stage: "prod",
            method: "POST",
            path: "/process",
            body: "{}",
            authorization,
            agent: "curl/8",
        });
        answer.await.unwrap().status
    };
    // Not deployed yet: as it was. No permission either, so the API itself fails.
    assert_eq!(ask(Authorization::None).await, 500);
    tokio::time::sleep(std::time::Duration::from_secs(10)).await;
    cloud.create_deployment(&id, "prod", "x").await.unwrap();
    assert_eq!(ask(Authorization::None).await, 403);
    assert_eq!(ask(Authorization::AwsIam).await, 500);
}

#[tokio::test(start_paused = true)]
async fn a_stage_lets_through_what_its_throttle_says() {
    let aws = StrictAws::new();
    let cloud = aws.cloud().await;
    let id = with_api(&cloud).await;
    let throttle = Throttle { rate: 2, burst: 3 };
    let updated = cloud.update_stage(&id, "prod", "record", Some(throttle));
    updated.await.unwrap();
    assert_eq!(cloud.stages(&id).await.unwrap()[0].description, "record");
    assert_eq!(cloud.calls()["apigateway:UpdateStage"], 1);
    let ask = async || {
        let request = cloud.invoke_api(ApiRequest {
            api_id: &id,
            stage: "prod",
            method: "POST",
            path: "/process",
            body: "{}",
            authorization: Authorization::None,
            agent: "curl/8",
        });
        request.await.unwrap().status
    };
    let mut answers = Vec::new();
    for _ in 0..4 {
        answers.push(ask().await);
    }
    // The fourth is too many; half a second later there is room for one more.
    assert_eq!(answers, [500, 500, 500, 429]);
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    assert_eq!(ask().await, 500);
}
