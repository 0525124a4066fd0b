//! The embedded cloud end to end: real installations, real processes.
//!
//! Each test has state of its own. The installation is shared, below `target/tmp`: the first run pays for it once.
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aws_sdk_cloudwatchlogs as logs;
use aws_sdk_iam as iam;
use aws_sdk_lambda as lambda;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use homeroom::local::{CloudStatus, Dirs, Endpoint, LocalCloud, PrivateOptions, StartupStep};

/// Longest that anything here may take, an installation excepted.
const DEADLINE: Duration = Duration::from_secs(60);

/// A shared instance with state of its own; stopped when the test ends, however it ends.
struct Lab {
    state: tempfile::TempDir,
    cloud: LocalCloud,
    steps: RefCell<Vec<StartupStep>>,
}

impl Lab {
    fn new() -> Self {
        let state = tempfile::tempdir().unwrap();
        let cloud = LocalCloud::new(dirs(state.path()));
        Self {
            state,
            cloud,
            steps: RefCell::default(),
        }
    }

    async fn start(&self) -> Endpoint {
        let mut steps = Vec::new();
        let endpoint = self
            .cloud
            .start(&mut |step| steps.push(step))
            .await
            .unwrap();
        self.steps.replace(steps);
        endpoint
    }

    async fn stop(&self, wipe: bool) -> String {
        self.cloud
            .stop(wipe, &mut |_| {})
            .await
            .unwrap()
            .to_string()
    }

    async fn pid(&self) -> i32 {
        match self.cloud.status().await.unwrap() {
            CloudStatus::Running(serving) => serving.pid,
            other => panic!("not running: {other}"),
        }
    }

    fn said(&self, words: &str) -> bool {
        self.steps
            .borrow()
            .iter()
            .any(|step| step.to_string().contains(words))
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let Ok(record) = fs::read_to_string(self.state.path().join("instance.json")) else {
            return;
        };
        let record: serde_json::Value = serde_json::from_str(&record).unwrap_or_default();
        if let Some(pid) = record["process"]["pid"].as_i64() {
            kill(i32::try_from(pid).unwrap(), rustix::process::Signal::KILL);
        }
    }
}

fn dirs(state: &Path) -> Dirs {
    Dirs {
        cache: Path::new(env!("CARGO_TARGET_TMPDIR")).join("cloud-cache"),
        state: state.to_owned(),
        python: None,
        path: std::env::var_os("PATH").unwrap(),
    }
}

fn kill(pid: i32, signal: rustix::process::Signal) {
    let _ = rustix::process::kill_process(rustix::process::Pid::from_raw(pid).unwrap(), signal);
}

fn port(endpoint: &Endpoint) -> u16 {
    endpoint.url.rsplit(':').next().unwrap().parse().unwrap()
}

/// The status line of the answer to a request written by hand.
fn request(port: u16, request: &str) -> String {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).unwrap();
    line.trim().to_owned()
}

macro_rules! client {
    ($sdk:ident, $endpoint:expr) => {
        $sdk::Client::from_conf(
            $sdk::Config::builder()
                .behavior_version($sdk::config::BehaviorVersion::v2026_01_12())
                .region($sdk::config::Region::new("us-east-1"))
                .endpoint_url(&$endpoint.url)
                .credentials_provider($sdk::config::Credentials::new(
                    &$endpoint.access_key,
                    &$endpoint.secret_key,
                    None,
                    None,
                    "the embedded cloud",
                ))
                .build(),
        )
    };
}

async fn create_group(endpoint: &Endpoint, name: &str) {
    let call = client!(logs, endpoint)
        .create_log_group()
        .log_group_name(name);
    call.send().await.unwrap();
}

async fn groups(endpoint: &Endpoint) -> Vec<String> {
    let answer = client!(logs, endpoint)
        .describe_log_groups()
        .send()
        .await
        .unwrap();
    let mut names: Vec<String> = answer
        .log_groups()
        .iter()
        .filter_map(|group| group.log_group_name().map(str::to_owned))
        .collect();
    names.sort();
    names
}

/// Waits until a condition holds.
fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !condition() {
        assert!(Instant::now() < deadline, "not so in time: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn refuses_connections(port: u16) -> bool {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err()
}

#[tokio::test]
async fn a_first_start_answers_on_loopback_alone_and_a_second_one_reuses_it() {
    let lab = Lab::new();
    assert_eq!(
        lab.cloud.status().await.unwrap(),
        CloudStatus::Stopped { kept: None }
    );
    assert_eq!(lab.cloud.running().await.unwrap(), None);

    let endpoint = lab.start().await;
    assert!(
        matches!(lab.steps.borrow().last(), Some(StartupStep::Ready { url }) if *url == endpoint.url)
    );
    assert_eq!(groups(&endpoint).await, Vec::<String>::new());
    assert_only_loopback(port(&endpoint));

    let pid = lab.pid().await;
    assert_eq!(lab.start().await, endpoint);
    assert_eq!(
        lab.steps.borrow()[..],
        [StartupStep::Reusing {
            url: endpoint.url.clone()
        }]
    );
    assert_eq!(lab.pid().await, pid);
    assert_eq!(lab.cloud.running().await.unwrap(), Some(endpoint));

    for file in [
        "instance.json",
        "administrator.json",
        "server.log",
        "server.py",
    ] {
        let mode = fs::metadata(lab.state.path().join(file))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o077, 0, "{file} can be read by others");
    }
    lab.stop(true).await;
}

fn assert_only_loopback(port: u16) {
    for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
        let Ok(table) = fs::read_to_string(table) else {
            continue;
        };
        for line in table.lines().skip(1) {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let (local, state) = (fields[1], fields[3]);
            // 0A: listening (the kernel's proc documentation).
            if state == "0A" && local.ends_with(&format!(":{port:04X}")) {
                assert!(local.starts_with("0100007F:"), "listens on {local}");
            }
        }
    }
    // The address that this machine has outside, if it has one. Connecting a UDP socket sends nothing.
    let outside = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
    if outside.connect("192.0.2.1:9").is_ok() {
        let address = outside.local_addr().unwrap().ip();
        if !address.is_loopback() {
            assert!(TcpStream::connect(SocketAddr::new(address, port)).is_err());
        }
    }
}

#[tokio::test]
async fn a_stop_keeps_state_and_port_and_a_wipe_forgets_both() {
    let lab = Lab::new();
    let first = lab.start().await;
    create_group(&first, "/aws/lambda/user1-process-data").await;

    let server = rustix::process::Pid::from_raw(lab.pid().await).unwrap();
    let report = lab.stop(false).await;
    assert!(report.starts_with("stopped; kept "), "{report}");
    // Not the port: on a busy machine somebody else may have it already.
    // It is this process's child, which the runtime collects a moment after its end.
    let gone = async {
        while rustix::process::test_kill_process(server).is_ok() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(DEADLINE, gone).await.unwrap();
    assert!(matches!(
        lab.cloud.status().await.unwrap(),
        CloudStatus::Stopped { kept: Some(_) }
    ));
    assert!(lab.stop(false).await.starts_with("was not running; kept "));

    let second = lab.start().await;
    // Somebody else may have been faster on a busy machine; then that must be said.
    assert!(
        second == first || lab.said("is taken by another program"),
        "the port changed without a word"
    );
    assert_eq!(groups(&second).await, ["/aws/lambda/user1-process-data"]);

    assert_eq!(lab.stop(true).await, "stopped; its state is forgotten");
    assert_eq!(
        lab.cloud.status().await.unwrap(),
        CloudStatus::Stopped { kept: None }
    );
    let third = lab.start().await;
    assert_eq!(groups(&third).await, Vec::<String>::new());
    lab.stop(true).await;
}

#[tokio::test]
async fn a_crash_is_said_and_the_next_start_comes_back_with_what_was_saved() {
    let lab = Lab::new();
    create_group(&lab.start().await, "saved").await;
    lab.stop(false).await;
    let endpoint = lab.start().await;
    create_group(&endpoint, "lost").await;

    let pid = lab.pid().await;
    kill(pid, rustix::process::Signal::KILL);
    eventually("the crash", || refuses_connections(port(&endpoint)));
    assert_eq!(lab.cloud.running().await.unwrap(), None);
    let status = lab.cloud.status().await.unwrap();
    assert!(
        matches!(status, CloudStatus::Crashed { pid: gone, kept: Some(_), .. } if gone == pid),
        "{status}"
    );

    let again = lab.start().await;
    assert!(
        lab.said("ended without having been stopped; it comes back with"),
        "{:?}",
        lab.steps
    );
    assert_ne!(lab.pid().await, pid);
    assert_eq!(groups(&again).await, ["saved"]);

    kill(lab.pid().await, rustix::process::Signal::KILL);
    eventually("the second crash", || refuses_connections(port(&again)));
    assert_eq!(
        lab.stop(true).await,
        "was not running: it had crashed; its state is forgotten"
    );
}

#[tokio::test]
async fn a_port_that_somebody_else_took_is_said_and_another_one_used() {
    let lab = Lab::new();
    let first = lab.start().await;
    create_group(&first, "mine").await;
    lab.stop(false).await;

    // The system frees a port a moment after the process that had it.
    let mut somebody = None;
    eventually("the port is free", || {
        somebody = TcpListener::bind((Ipv4Addr::LOCALHOST, port(&first))).ok();
        somebody.is_some()
    });
    let second = lab.start().await;
    assert_ne!(port(&second), port(&first));
    assert!(lab.said("is taken by another program"), "{:?}", lab.steps);
    assert_eq!(groups(&second).await, ["mine"]);
    lab.stop(true).await;
}

/// Listens in the embedded cloud's place and gives the answer that everybody can give; what it hears.
fn impostor(listener: TcpListener, word: &str) -> Arc<Mutex<Vec<u8>>> {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let proof = "0".repeat(64);
    let body = format!(r#"{{"instance": "{word}", "pid": 1, "proof": "{proof}"}}"#);
    let hears = heard.clone();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut request = Vec::new();
            let mut byte = [0];
            while !request.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|n| n == 1) {
                request.push(byte[0]);
            }
            hears.lock().unwrap().extend(request);
            let _ = write!(stream, "HTTP/1.1 200 OK\r\n\r\n{body}");
        }
    });
    heard
}

#[tokio::test]
async fn who_answers_in_its_place_without_its_secret_hears_no_credentials() {
    let lab = Lab::new();
    let first = lab.start().await;
    lab.stop(false).await;
    let mut listener = None;
    eventually("the port is free", || {
        listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port(&first))).ok();
        listener.is_some()
    });
    // The word can be read off a command line, and the number of a process comes round again.
    let word = "0123456789abcdef0123456789abcdef";
    let mut process = Command::new("sh")
        .args(["-c", "echo up; read word", word])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut up = [0; 3];
    process
        .stdout
        .as_mut()
        .unwrap()
        .read_exact(&mut up)
        .unwrap();
    let record = serde_json::json!({"port": port(&first), "process": {
        "pid": process.id(), "port": port(&first), "instance": word, "since": "2026-01-02T03:04:05Z",
    }});
    fs::write(lab.state.path().join("instance.json"), record.to_string()).unwrap();
    let heard = impostor(listener.unwrap(), word);

    assert_eq!(lab.cloud.running().await.unwrap(), None);
    let status = lab.cloud.status().await.unwrap();
    assert!(matches!(status, CloudStatus::NotAnswering(_)), "{status}");
    let second = lab.start().await;
    assert!(
        lab.said("does not prove that it is the embedded cloud"),
        "{:?}",
        lab.steps
    );
    assert_ne!(port(&second), port(&first));
    assert_eq!(groups(&second).await, Vec::<String>::new());
    process.wait().unwrap();

    let heard = String::from_utf8(heard.lock().unwrap().clone()).unwrap();
    let questions: Vec<&str> = heard
        .lines()
        .filter(|line| line.starts_with("GET "))
        .collect();
    assert_eq!(questions.len(), 3, "{heard}");
    let nonces: BTreeSet<&str> = questions.iter().copied().collect();
    assert_eq!(nonces.len(), 3, "each question is a new one: {heard}");
    for secret in [&second.access_key, &second.secret_key] {
        assert!(!heard.contains(secret.as_str()), "{heard}");
    }
    lab.stop(true).await;
}

#[tokio::test]
async fn concurrent_starts_end_in_one_server() {
    let lab = Lab::new();
    let (mut a, mut b, mut c) = (Vec::new(), Vec::new(), Vec::new());
    let (mut on_a, mut on_b, mut on_c) = (|s| a.push(s), |s| b.push(s), |s| c.push(s));
    let (one, two, three) = tokio::join!(
        lab.cloud.start(&mut on_a),
        lab.cloud.start(&mut on_b),
        lab.cloud.start(&mut on_c),
    );
    let one = one.unwrap();
    assert_eq!(one, two.unwrap());
    assert_eq!(one, three.unwrap());
    let started = [a, b, c]
        .iter()
        .filter(|steps| {
            steps
                .iter()
                .any(|step| matches!(step, StartupStep::Ready { .. }))
        })
        .count();
    assert_eq!(started, 1);
    lab.stop(true).await;
}

#[tokio::test]
async fn no_suitable_python_is_one_error_that_names_what_was_found_and_the_fix() {
    let state = tempfile::tempdir().unwrap();
    let cache = tempfile::tempdir().unwrap();
    let bin = tempfile::tempdir().unwrap();
    let old = bin.path().join("python3");
    fs::write(
        &old,
        "#!/bin/sh\necho version 3.8.10\necho executable /usr/bin/python3\n",
    )
    .unwrap();
    fs::set_permissions(&old, fs::Permissions::from_mode(0o755)).unwrap();
    let cloud = LocalCloud::new(Dirs {
        cache: cache.path().into(),
        state: state.path().into(),
        python: None,
        path: bin.path().into(),
    });
    let error = cloud.start(&mut |_| {}).await.unwrap_err();
    assert_eq!(error.failures.len(), 1);
    let said = error.to_string();
    assert!(
        said.contains(&format!("{} (3.8.10, too old)", old.display())),
        "{said}"
    );
    assert!(said.contains("CPython 3.10 to 3.14"), "{said}");
    assert!(
        error.failures[0]
            .hint
            .as_ref()
            .unwrap()
            .contains("sudo apt install")
    );
    assert_eq!(
        cloud.status().await.unwrap(),
        CloudStatus::Stopped { kept: None }
    );
}

/// A request by hand with more headers; its status.
fn by_hand(port: u16, line: &str, host: &str, more: &str) -> u16 {
    let head = format!("{line} HTTP/1.1\r\nHost: {host}\r\n{more}Connection: close\r\n\r\n");
    let status = request(port, &head);
    status
        .split(' ')
        .nth(1)
        .and_then(|code| code.parse().ok())
        .unwrap_or_else(|| panic!("no answer to {line}: {status}"))
}

/// A header that claims a signature for a service.
fn claimed(key: &str, service: &str) -> String {
    let now = jiff::Timestamp::now()
        .strftime("%Y%m%dT%H%M%SZ")
        .to_string();
    let signature = "0".repeat(64);
    format!(
        "Authorization: AWS4-HMAC-SHA256 Credential={key}/{}/us-east-1/{service}/aws4_request, \
         SignedHeaders=host;x-amz-date, Signature={signature}\r\nX-Amz-Date: {now}\r\n",
        &now[..8]
    )
}

#[tokio::test]
async fn a_web_page_reaches_deployed_apis_and_nothing_else() {
    let lab = Lab::new();
    let endpoint = lab.start().await;
    let port = port(&endpoint);
    let here = format!("127.0.0.1:{port}");
    let web = "Origin: https://example.com\r\n";
    // 404: MiniStack knows no such API.
    let api = "GET /_aws/execute-api/none/dev/x";
    assert_eq!(by_hand(port, api, &here, ""), 404);
    assert_eq!(by_hand(port, api, &here, web), 404);
    for line in [
        // Not quite an API's path: MiniStack takes these for its control plane.
        "POST /_aws/execute-api/none?Action=CreateUser&UserName=x&AWSAccessKeyId=test",
        "POST /_aws/execute-api/none?X-Amz-Credential=test/20260101/us-east-1/iam/aws4_request&Action=ListUsers",
        "POST /_aws/execute-api/",
        "POST /_aws/execute-api//dev/x",
        "POST /_aws/execute-api/none/dev/..%2f..%2fx",
        "POST /_aws/execute-api/none/dev/x?Action=ListUsers",
        "GET /2015-03-31/functions",
        "POST /",
        "OPTIONS /2015-03-31/functions",
    ] {
        assert_eq!(by_hand(port, line, &here, web), 403, "{line}");
        assert_eq!(by_hand(port, line, &here, ""), 403, "{line}");
    }
    let rebound = format!("rebound.example.com:{port}");
    assert_eq!(by_hand(port, api, &rebound, ""), 403);
    let function_host = format!("none.lambda-url.us-east-1.localhost:{port}");
    assert_eq!(by_hand(port, "GET /", &function_host, ""), 403);
    // The honest neighbour, meanwhile.
    assert_eq!(groups(&endpoint).await, Vec::<String>::new());
    lab.stop(true).await;
}

#[tokio::test]
async fn nobody_becomes_the_instructor_without_this_instances_key() {
    let lab = Lab::new();
    let endpoint = lab.start().await;
    create_group(&endpoint, "mine").await;
    let port = port(&endpoint);
    let here = format!("127.0.0.1:{port}");
    let own = endpoint.access_key.as_str();
    for key in ["test", "000000000000", "AKIAIOSFODNN7EXAMPLE", own] {
        for (service, line) in [
            ("lambda", "GET /2015-03-31/functions"),
            ("iam", "POST /?Action=ListUsers&Version=2010-05-08"),
        ] {
            let status = by_hand(port, line, &here, &claimed(key, service));
            assert_eq!(status, 403, "{key}: {line}");
        }
    }
    for line in [
        "POST /_ministack/reset",
        "POST /_ministack/config",
        "GET /_ministack/health",
        "GET /_localstack/health",
        "GET /health",
        "GET /_ministack/lambda-code/000000000000/us-east-1/f",
        "GET /_aws/ses",
    ] {
        assert_eq!(by_hand(port, line, &here, ""), 403, "{line}");
        let signed = claimed(own, "lambda");
        assert_eq!(by_hand(port, line, &here, &signed), 403, "{line}");
    }
    // Nor through the strict proxy.
    let proxy = homeroom::strict::Proxy::start(&endpoint.url, Default::default())
        .await
        .unwrap();
    let proxy_port: u16 = proxy.url().rsplit(':').next().unwrap().parse().unwrap();
    let at_proxy = format!("127.0.0.1:{proxy_port}");
    let reset = tokio::task::spawn_blocking(move || {
        by_hand(proxy_port, "POST /_ministack/reset", &at_proxy, "")
    });
    assert_eq!(reset.await.unwrap(), 403);

    let mut guessed = endpoint.clone();
    guessed.access_key = "test".to_owned();
    guessed.secret_key = "test".to_owned();
    let mut wrong = endpoint.clone();
    wrong.secret_key = "0".repeat(64);
    for (stranger, code) in [
        (&guessed, "UnrecognizedClientException"),
        (&wrong, "InvalidSignatureException"),
    ] {
        // The services have status codes of their own for these.
        let call = client!(logs, stranger).describe_log_groups().send().await;
        assert_eq!(call.unwrap_err().code(), Some(code));
    }
    // Through the proxy and directly, the administrator is let through.
    let mut through = endpoint.clone();
    through.url = proxy.url();
    assert_eq!(groups(&through).await, ["mine"]);
    assert_eq!(groups(&endpoint).await, ["mine"]);
    lab.stop(true).await;
}

#[tokio::test]
async fn a_functions_code_is_fetched_by_its_address_and_by_no_other() {
    let lab = Lab::new();
    let endpoint = lab.start().await;
    let client = client!(lambda, endpoint);
    create_probe(&client, &endpoint).await;
    let found = client.get_function().function_name("probe").send().await;
    let location = found.unwrap().code.unwrap().location.unwrap();
    let path = location.split_once(&endpoint.url).unwrap().1.to_owned();
    let port = port(&endpoint);
    let here = format!("127.0.0.1:{port}");
    assert_eq!(by_hand(port, &format!("GET {path}"), &here, ""), 200);
    let other = path.replace("probe", "other");
    assert_eq!(by_hand(port, &format!("GET {other}"), &here, ""), 403);
    lab.stop(true).await;
}

/// A function that says what surrounds it.
const FUNCTION: &str = r#"
import os, sys

class DataBusy(Exception):
    pass

def handler(event, context):
    if event == "raise":
        raise DataBusy(str(os.getpid()))
    if event == "boto3":
        import boto3, botocore.handlers
        patched = any("_ms_add_invoke_depth" in str(entry) for entry in botocore.handlers.BUILTIN_HANDLERS)
        return {"arn": boto3.client("sts").get_caller_identity()["Arn"], "patched": patched}
    if event == "environment":
        return dict(os.environ)
    if event == "log":
        print("one\ntwo", end="")
        return "logged"
    return {"pid": str(os.getpid()), "botocore": "botocore" in sys.modules}
"#;

/// Creates the function `probe`, and the role that it runs as.
async fn create_probe(client: &lambda::Client, endpoint: &Endpoint) {
    let trust = r#"{"Version": "2012-10-17", "Statement": []}"#;
    let role = client!(iam, endpoint)
        .create_role()
        .role_name("probe")
        .assume_role_policy_document(trust);
    role.send().await.unwrap();
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    zip.start_file("app.py", zip::write::SimpleFileOptions::default())
        .unwrap();
    zip.write_all(FUNCTION.as_bytes()).unwrap();
    let bytes = zip.finish().unwrap().into_inner();
    client
        .create_function()
        .function_name("probe")
        .runtime("python3.13".into())
        .role("arn:aws:iam::000000000000:role/probe")
        .handler("app.handler")
        .code(
            lambda::types::FunctionCode::builder()
                .zip_file(bytes.into())
                .build(),
        )
        .send()
        .await
        .unwrap();
}

async fn invoke(client: &lambda::Client, event: &str) -> (Option<String>, serde_json::Value) {
    let payload = lambda::primitives::Blob::new(format!("\"{event}\""));
    let call = client.invoke().function_name("probe").payload(payload);
    let answer = call.send().await.unwrap();
    let body = serde_json::from_slice(answer.payload().unwrap().as_ref()).unwrap();
    (answer.function_error().map(str::to_owned), body)
}

#[tokio::test]
async fn a_function_fails_by_the_name_of_its_exception_and_lives_on() {
    let state = tempfile::tempdir().unwrap();
    let cloud = LocalCloud::new(dirs(state.path()));
    // What the function's role may do is of no interest here.
    let options = PrivateOptions {
        auth: false,
        account: None,
    };
    let private = cloud.start_private(options, &mut |_| {}).await.unwrap();
    let client = client!(lambda, private.endpoint());
    create_probe(&client, private.endpoint()).await;

    let (no_error, before) = invoke(&client, "look").await;
    assert_eq!(no_error, None);
    assert_eq!(
        before["botocore"], false,
        "the SDK is loaded though not asked for"
    );

    let (error, raised) = invoke(&client, "raise").await;
    assert!(error.is_some());
    assert_eq!(raised["errorType"], "DataBusy");
    assert_eq!(
        raised["errorMessage"], before["pid"],
        "not the same process"
    );
    assert!(raised["stackTrace"][0].as_str().unwrap().contains("app.py"));

    assert_eq!(invoke(&client, "look").await.1["pid"], before["pid"]);
    let with_sdk = invoke(&client, "boto3").await.1;
    assert_eq!(
        with_sdk["arn"],
        "arn:aws:sts::000000000000:assumed-role/probe/probe"
    );
    assert_eq!(with_sdk["patched"], true);

    let environment = invoke(&client, "environment").await.1.to_string();
    assert!(environment.contains("AWS_SESSION_TOKEN"));
    assert!(!environment.contains(&private.endpoint().access_key));
    assert!(!environment.contains(&private.endpoint().secret_key));

    assert_eq!(invoke(&client, "log").await.1, "logged");
    let events = client!(logs, private.endpoint())
        .filter_log_events()
        .log_group_name("/aws/lambda/probe");
    let events = events.send().await.unwrap();
    let messages: Vec<&str> = events.events().iter().filter_map(|e| e.message()).collect();
    let begin = messages.iter().position(|line| *line == "one").unwrap();
    assert_eq!(messages[begin + 1], "two", "{messages:?}");
    assert!(messages[begin + 2].starts_with("END "), "{messages:?}");
    private.stop().await.unwrap();
}

const PYTHON: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/local");

#[test]
fn the_units_of_the_servers_python_pass() {
    let run = Command::new("python3")
        .args(["-B", "-m", "unittest", "discover", "-s", PYTHON])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{said}");
    for module in ["test_functions", "test_guard", "test_snapshots"] {
        let tests = fs::read_to_string(format!("{PYTHON}/{module}.py")).unwrap();
        assert!(tests.contains("    def test_"), "{module}");
    }
    let ran = said.split("Ran ").nth(1).unwrap();
    let ran: usize = ran.split(' ').next().unwrap().parse().unwrap();
    assert!(ran >= 25, "{said}");
}

#[tokio::test]
async fn no_thread_is_in_the_way_of_another_that_walks_a_table() {
    // Which installs MiniStack, if nobody did before.
    let state = tempfile::tempdir().unwrap();
    let cloud = LocalCloud::new(dirs(state.path()));
    let options = PrivateOptions::default();
    let private = cloud.start_private(options, &mut |_| {}).await.unwrap();
    private.stop().await.unwrap();
    let installed = fs::read_dir(dirs(state.path()).cache).unwrap();
    let mut pythons = installed.map(|entry| entry.unwrap().path().join("bin/python"));
    let python = pythons.find(|python| python.is_file()).unwrap();
    let run = Command::new(python)
        .args(["-I", "-B", &format!("{PYTHON}/hammer_tables.py")])
        .output()
        .unwrap();
    assert!(
        run.status.success(),
        "{}{}",
        String::from_utf8_lossy(&run.stdout),
        String::from_utf8_lossy(&run.stderr)
    );
}

#[tokio::test]
async fn a_private_instance_leaves_nothing_once_stopped_or_dropped() {
    let state = tempfile::tempdir().unwrap();
    let cloud = LocalCloud::new(dirs(state.path()));
    let options = PrivateOptions::default();
    let stopped = cloud.start_private(options, &mut |_| {}).await.unwrap();
    let dropped = cloud.start_private(options, &mut |_| {}).await.unwrap();
    assert_ne!(stopped.endpoint(), dropped.endpoint());
    create_group(stopped.endpoint(), "one").await;
    assert_eq!(groups(dropped.endpoint()).await, Vec::<String>::new());

    let folder = |log: PathBuf| log.parent().unwrap().to_owned();
    let (port_of_stopped, dir_of_stopped) = (port(stopped.endpoint()), folder(stopped.log()));
    let (port_of_dropped, dir_of_dropped) = (port(dropped.endpoint()), folder(dropped.log()));
    assert!(dir_of_stopped.is_dir() && dir_of_dropped.is_dir());
    stopped.stop().await.unwrap();
    assert!(refuses_connections(port_of_stopped) && !dir_of_stopped.exists());
    drop(dropped);
    eventually("the dropped instance is gone", || {
        refuses_connections(port_of_dropped) && !dir_of_dropped.exists()
    });
    assert_eq!(
        fs::read_dir(state.path()).unwrap().count(),
        0,
        "it used the shared state"
    );
}

#[test]
fn a_private_instance_ends_with_its_owner_and_sees_none_of_its_secrets() {
    let mut owner = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "local_cloud::owner_of_a_private_instance",
            "--ignored",
            "--nocapture",
        ])
        .env("AWS_SECRET_ACCESS_KEY", "the-users-own-secret")
        .env("HTTPS_PROXY", "http://proxy.invalid:3128")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(owner.stdout.take().unwrap());
    let (pid, port, dir) = loop {
        let mut line = String::new();
        assert_ne!(
            out.read_line(&mut line).unwrap(),
            0,
            "the owner ended early"
        );
        if let Some(found) = line.find("private:") {
            let words: Vec<&str> = line[found + 8..].split_whitespace().collect();
            break (
                words[0].to_owned(),
                words[1].parse::<u16>().unwrap(),
                PathBuf::from(words[2]),
            );
        }
    };
    assert!(!refuses_connections(port));
    if let Ok(mut file) = fs::File::open(format!("/proc/{pid}/environ")) {
        let mut environment = String::new();
        file.read_to_string(&mut environment).unwrap();
        assert!(environment.contains("GATEWAY_PORT="));
        assert!(!environment.contains("the-users-own-secret"));
        assert!(!environment.contains("proxy.invalid"));
    }
    // SIGKILL: the owner has no chance to clean up.
    owner.kill().unwrap();
    owner.wait().unwrap();
    eventually("the instance is gone with its owner", || {
        refuses_connections(port) && !dir.exists()
    });
}

#[tokio::test]
#[ignore = "not a test: the process that a_private_instance_ends_with_its_owner kills"]
async fn owner_of_a_private_instance() {
    let state = tempfile::tempdir().unwrap();
    let cloud = LocalCloud::new(dirs(state.path()));
    let private = cloud
        .start_private(PrivateOptions::default(), &mut |_| {})
        .await
        .unwrap();
    println!(
        "private: {} {} {}",
        private.pid().unwrap(),
        port(private.endpoint()),
        private.log().parent().unwrap().display()
    );
    std::future::pending::<()>().await;
}
