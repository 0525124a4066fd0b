//! Over real sockets: what a broken network means.

use homeroom::aws::ApiRequest;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use homeroom::aws::{Client, ConnectOptions, ErrorKind, connect};
use homeroom::stack::kinds::api::Authorization;

use crate::adapter::fixtures::{kind, told};
use strict_aws::REGION;

async fn cloud_at(endpoint: String) -> Client {
    connect(ConnectOptions {
        region: REGION.into(),
        invoke_base: Some(format!("{endpoint}/{{api_id}}/{{stage}}")),
        endpoint_url: Some(endpoint),
        credentials: Some(("test".into(), "test".into())),
        ..ConnectOptions::default()
    })
    .await
}

/// A server that reads each request's head and sends `answer`, then closes. Tells how many it served.
async fn server(answer: String) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let served = Arc::new(AtomicUsize::new(0));
    let counter = served.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            counter.fetch_add(1, Ordering::SeqCst);
            let mut head = Vec::new();
            while !head.windows(4).any(|four| four == b"\r\n\r\n") {
                let mut buffer = [0; 1024];
                match stream.read(&mut buffer).await {
                    Ok(n) if n > 0 => head.extend_from_slice(&buffer[..n]),
                    _ => break,
                }
            }
            // A client that has gone already is no concern of this server.
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    (format!("http://{address}"), served)
}

fn http(status: &str, headers: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\nconnection: close\r\n{headers}content-length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[tokio::test]
async fn a_refused_connection_had_no_effect_and_says_so() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let cloud = cloud_at(format!("http://{address}")).await;
    let error = told(cloud.delete_role("x").await);
    assert_eq!(error.kind, ErrorKind::Unreachable, "{error}");
    assert!(error.message.contains("Connection refused"), "{error}");
    assert!(!error.message.contains("dispatch failure"), "{error}");
    assert_eq!(
        kind(
            cloud
                .invoke_api(ApiRequest {
                    api_id: "a",
                    stage: "s",
                    method: "POST",
                    path: "/p",
                    body: "{}",
                    authorization: Authorization::None,
                    agent: "curl/8"
                })
                .await
        ),
        ErrorKind::Unreachable
    );
}

#[tokio::test]
async fn a_name_that_does_not_resolve_had_no_effect() {
    let cloud = cloud_at("http://homeroom.invalid".into()).await;
    let error = told(cloud.delete_role("x").await);
    assert_eq!(error.kind, ErrorKind::Unreachable, "{error}");
}

#[tokio::test]
async fn a_connection_that_breaks_after_the_request_may_have_had_its_effect() {
    let (endpoint, served) = server(String::new()).await;
    let error = told(cloud_at(endpoint).await.delete_role("x").await);
    assert_eq!(error.kind, ErrorKind::Ambiguous, "{error}");
    assert_eq!(served.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_may_have_had_its_effect() {
    let (endpoint, _) = server(http("200 OK", "", "<html>a captive portal</html>")).await;
    let error = told(cloud_at(endpoint).await.get_function("x").await);
    assert_eq!(error.kind, ErrorKind::Ambiguous, "{error}");
}

#[tokio::test]
async fn throttling_is_one_request_over_a_real_connection_too() {
    let body = r#"{"message":"Rate exceeded"}"#;
    let headers = "x-amzn-errortype: TooManyRequestsException\r\n";
    let (endpoint, served) = server(http("429 Too Many Requests", headers, body)).await;
    let error = told(cloud_at(endpoint).await.get_function("x").await);
    assert_eq!(
        (error.kind, error.message.as_str()),
        (ErrorKind::Throttled, "Rate exceeded")
    );
    assert_eq!(served.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let (endpoint, served) = server(http("302 Found", "location: /elsewhere\r\n", "moved")).await;
    let cloud = cloud_at(endpoint).await;
    let answer = cloud
        .invoke_api(ApiRequest {
            api_id: "a",
            stage: "s",
            method: "POST",
            path: "/p",
            body: "{}",
            authorization: Authorization::None,
            agent: "curl/8",
        })
        .await
        .unwrap();
    assert_eq!((answer.status, answer.body.as_str()), (302, "moved"));
    assert_eq!(served.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_profile_that_is_not_there_is_a_matter_of_credentials() {
    let cloud = connect(ConnectOptions {
        profile: Some("homeroom-no-such-profile".into()),
        region: REGION.into(),
        endpoint_url: Some("http://127.0.0.1:9".into()),
        ..ConnectOptions::default()
    })
    .await;
    let error = told(cloud.caller_identity().await);
    assert_eq!(error.kind, ErrorKind::Credentials, "{error}");
    let named = ["homeroom-no-such-profile", "no AWS credentials were found"];
    assert!(
        named.iter().any(|words| error.message.contains(words)),
        "{error}"
    );
    assert_eq!(cloud.calls(), BTreeMap::new());
}
