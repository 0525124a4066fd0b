//! The strict proxy on loopback, in front of a small endpoint of the test's own; and a rehearsal through it.

use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use homeroom::strict::{Fault, Options, Proxy, Rule, Spread};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// An endpoint that answers everything with its host and `Active`, and remembers what it was asked.
struct Endpoint {
    url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Endpoint {
    async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let seen = Arc::clone(&asked);
        tokio::spawn(async move {
            loop {
                let (connection, _) = listener.accept().await.unwrap();
                let seen = Arc::clone(&seen);
                let service = service_fn(move |request: Request<Incoming>| {
                    let host = request.headers()["host"].to_str().unwrap().to_owned();
                    seen.lock().unwrap().push(request.uri().to_string());
                    let state = json!({"State": "Active", "LastUpdateStatus": "Successful"});
                    let body = json!({"host": host, "Configuration": state});
                    async move {
                        Ok::<_, hyper::Error>(Response::new(Full::<Bytes>::from(body.to_string())))
                    }
                });
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(connection), service),
                );
            }
        });
        Self { url, asked }
    }

    fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

/// A fast AWS in which nothing takes long but what a test is about.
fn options() -> Options {
    let mut options = Options::default();
    options.timings.latency = Duration::ZERO;
    options.timings.role_propagation = Spread::exactly(Duration::from_secs(600));
    options.timings.function_pending = Duration::from_secs(600);
    options.timings.machine_deleting = Duration::from_millis(200);
    options
}

/// Sends a request; its status and body, or that the connection broke.
async fn send(
    proxy: &Proxy,
    service: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Option<(StatusCode, String)> {
    let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    let mut request = Request::builder()
        .method(method)
        .uri(format!("{}{path}", proxy.url()));
    if !service.is_empty() {
        let scope = format!(
            "AWS4-HMAC-SHA256 Credential=A/20260101/us-east-1/{service}/aws4_request, SignedHeaders=host, Signature=0"
        );
        request = request.header("authorization", scope);
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::from(body.to_owned())).unwrap();
    let answer = client.request(request).await.ok()?;
    let status = answer.status();
    let body = answer.into_body().collect().await.ok()?.to_bytes();
    Some((status, String::from_utf8_lossy(&body).into_owned()))
}

async fn states(proxy: &Proxy, operation: &str, body: Value) -> (StatusCode, String) {
    let target = format!("AWSStepFunctions.{operation}");
    let headers = [("x-amz-target", target.as_str())];
    send(proxy, "states", "POST", "/", &headers, &body.to_string())
        .await
        .unwrap()
}

#[tokio::test]
async fn unsigned_requests_pass_and_signed_ones_are_counted() {
    let endpoint = Endpoint::start().await;
    let proxy = Proxy::start(&endpoint.url, options()).await.unwrap();
    let (status, body) = send(
        &proxy,
        "",
        "POST",
        "/_aws/execute-api/a/prod/process?x=1",
        &[],
        "{}",
    )
    .await
    .unwrap();
    assert_eq!(status, StatusCode::OK);
    let host = proxy.url().replace("http://", "");
    assert!(
        body.contains(&host),
        "a signature covers the name that was asked: {body}"
    );
    assert_eq!(
        endpoint.asked.lock().unwrap()[0],
        "/_aws/execute-api/a/prod/process?x=1"
    );
    assert!(proxy.model().counts().is_empty());

    send(&proxy, "lambda", "GET", "/2015-03-31/functions", &[], "")
        .await
        .unwrap();
    assert_eq!(proxy.model().counts()["lambda:ListFunctions"].calls, 1);
}

#[tokio::test]
async fn a_call_too_many_is_throttled_in_the_services_words_and_goes_nowhere() {
    let endpoint = Endpoint::start().await;
    let proxy = Proxy::start(&endpoint.url, options()).await.unwrap();
    let create = || {
        send(
            &proxy,
            "apigateway",
            "POST",
            "/restapis",
            &[],
            r#"{"name":"a"}"#,
        )
    };
    assert_eq!(create().await.unwrap().0, StatusCode::OK);
    let (status, body) = create().await.unwrap();
    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
    assert!(body.contains("Too Many Requests"), "{body}");
    assert_eq!(endpoint.asked(), 1);
    assert_eq!(proxy.model().emptied()["apigateway:CreateRestApi"], 1);
}

#[tokio::test]
async fn a_new_function_is_pending_though_the_endpoint_says_active() {
    let endpoint = Endpoint::start().await;
    let proxy = Proxy::start(&endpoint.url, options()).await.unwrap();
    let new = json!({"FunctionName": "f", "Role": "arn:aws:iam::1:role/old"}).to_string();
    send(&proxy, "lambda", "POST", "/2015-03-31/functions", &[], &new)
        .await
        .unwrap();
    let get = || send(&proxy, "lambda", "GET", "/2015-03-31/functions/f", &[], "");
    let (_, body) = get().await.unwrap();
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body["Configuration"]["State"], "Pending");
}

#[tokio::test]
async fn a_new_role_cannot_be_assumed_at_once() {
    let endpoint = Endpoint::start().await;
    let proxy = Proxy::start(&endpoint.url, options()).await.unwrap();
    let form = [("content-type", "application/x-www-form-urlencoded")];
    send(
        &proxy,
        "iam",
        "POST",
        "/",
        &form,
        "Action=CreateRole&RoleName=r",
    )
    .await
    .unwrap();
    let machine = json!({"name": "m", "roleArn": "arn:aws:iam::1:role/r"});
    let (status, body) = states(&proxy, "CreateStateMachine", machine).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(
        body.contains("authorized to assume the provided role"),
        "{body}"
    );
}

#[tokio::test]
async fn a_state_machine_is_deleted_later_than_it_is_said() {
    let endpoint = Endpoint::start().await;
    let proxy = Proxy::start(&endpoint.url, options()).await.unwrap();
    let arn = "arn:aws:states:us-east-1:1:stateMachine:m";
    let deletion = json!({"stateMachineArn": arn});
    let (status, _) = states(&proxy, "DeleteStateMachine", deletion).await;
    assert_eq!((status, endpoint.asked()), (StatusCode::OK, 0));
    let (_, body) = states(
        &proxy,
        "DescribeStateMachine",
        json!({"stateMachineArn": arn}),
    )
    .await;
    assert!(body.contains("DELETING"), "{body}");
    let deleted = async {
        while endpoint.asked() < 2 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), deleted)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_broken_connection_has_no_effect_and_a_lost_answer_has_one() {
    let endpoint = Endpoint::start().await;
    let proxy = Proxy::start(&endpoint.url, options()).await.unwrap();
    let list = || send(&proxy, "lambda", "GET", "/2015-03-31/functions", &[], "");
    proxy
        .model()
        .inject(Rule::any().times(1).fault(Fault::Reset));
    assert_eq!(list().await, None);
    assert_eq!(endpoint.asked(), 0);
    proxy.model().heal();
    proxy
        .model()
        .inject(Rule::any().times(1).fault(Fault::LoseAnswer));
    assert_eq!(list().await, None);
    assert_eq!(endpoint.asked(), 1);
    proxy.model().heal();
    proxy
        .model()
        .inject(Rule::any().times(1).fault(Fault::ServerErrorAfterEffect));
    assert_eq!(list().await.unwrap().0, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(endpoint.asked(), 2);
    assert_eq!(list().await.unwrap().0, StatusCode::OK);
}

/// The status line of the answer to a request written by hand.
async fn by_hand(proxy: &Proxy, head: &str) -> String {
    let address = proxy.url().replace("http://", "");
    let mut connection = tokio::net::TcpStream::connect(address).await.unwrap();
    let head = format!("{head}\r\nConnection: close\r\n\r\n");
    connection.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    answer.lines().next().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn the_proxy_answers_to_its_own_name_and_to_no_web_page() {
    let endpoint = Endpoint::start().await;
    let proxy = Proxy::start(&endpoint.url, options()).await.unwrap();
    let own = proxy.url().replace("http://", "");
    let port = own.rsplit(':').next().unwrap();
    let functions = "GET /2015-03-31/functions HTTP/1.1\r\nHost: ";
    for refused in [
        format!("{functions}rebound.example.com:{port}"),
        format!("{functions}127.0.0.1"),
        format!("{functions}{own}.example.com"),
        format!("{functions}{own}\r\nHost: example.com"),
        format!("GET http://example.com/x HTTP/1.1\r\nHost: {own}"),
        format!("{functions}{own}\r\nOrigin: https://example.com"),
        format!("{functions}{own}\r\nSec-Fetch-Site: same-site"),
        format!(
            "POST /_aws/execute-api/a/dev/x HTTP/1.1\r\nHost: {own}\r\nOrigin: null\r\nAuthorization: x"
        ),
    ] {
        let status = by_hand(&proxy, &refused).await;
        assert!(
            status.starts_with("HTTP/1.1 403") || status.starts_with("HTTP/1.1 400"),
            "{status} for {refused}"
        );
    }
    assert_eq!(endpoint.asked(), 0);
    for passed in [
        format!("{functions}localhost:{port}"),
        format!(
            "POST /_aws/execute-api/a/dev/x HTTP/1.1\r\nHost: {own}\r\nOrigin: https://example.com"
        ),
    ] {
        assert_eq!(
            by_hand(&proxy, &passed).await,
            "HTTP/1.1 200 OK",
            "{passed}"
        );
    }
    assert_eq!(endpoint.asked(), 2);
}

#[tokio::test]
async fn an_endpoint_that_is_gone_is_a_bad_gateway() {
    let endpoint = Endpoint::start().await;
    let gone = TcpListener::bind(("127.0.0.1", 0))
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    drop(endpoint);
    let proxy = Proxy::start(&format!("http://{gone}"), options())
        .await
        .unwrap();
    let answer = send(&proxy, "lambda", "GET", "/2015-03-31/functions", &[], "").await;
    assert_eq!(answer.unwrap().0, StatusCode::BAD_GATEWAY);
}

#[test]
fn a_rehearsal_at_awss_limits_goes_through_and_tells_what_was_counted() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("class.csv"), "username\nuser1\nuser2\n").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_homeroom"))
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env(
            "HOMEROOM_CACHE_DIR",
            Path::new(env!("CARGO_TARGET_TMPDIR")).join("cloud-cache"),
        )
        .env("HOMEROOM_STATE_DIR", folder.path().join("state"))
        .current_dir(folder.path())
        .args(["--roster", "class.csv", "--reports", "reports"])
        .args(["--output", "json", "rehearse", "--strict", "--scale", "100"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    let notes = summary["notes"].to_string();
    assert!(
        notes.contains("AWS's quotas: ") && notes.contains("calls counted"),
        "{notes}"
    );
    assert!(said.contains("left"), "paced, and so foretold: {said}");
}
