//! `cargo bench --bench scaling`: what homeroom itself costs as a class grows. The binary against the strict AWS served
//! by another process (this one), without quotas, so that nothing but homeroom's own work is measured. Needs GNU time.
//! `docs/performance.md` keeps the table.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measurement that cannot go on says where it stopped; its table goes to stdout"
)]

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use strict_aws::{Options, StrictAws};
use tokio::net::TcpListener;

/// Another lab: one function, a state machine and no API. AWS holds 600 REST APIs in a region, so a class of a thousand
/// can only have such a one.
const WITHOUT_API: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/labs/mini");

/// A strict AWS on loopback.
struct Stub {
    aws: StrictAws,
    url: String,
}

impl Stub {
    async fn start() -> Self {
        let aws = StrictAws::with_options(Options {
            quotas: false,
            // Roles and functions are ready after milliseconds.
            scale: 1000.0,
            ..Options::default()
        });
        aws.set_roles_quota(5000);
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(serve(listener, aws.clone()));
        Self { aws, url }
    }
}

async fn serve(listener: TcpListener, aws: StrictAws) {
    loop {
        let (connection, _) = listener.accept().await.unwrap();
        let aws = aws.clone();
        tokio::spawn(async move {
            let service = service_fn(|request| answer(&aws, request));
            // A connection that its client closed is over.
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(connection), service)
                .await;
        });
    }
}

async fn answer(
    aws: &StrictAws,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let (parts, body) = request.into_parts();
    let body = SdkBody::from(body.collect().await?.to_bytes());
    let request = HttpRequest::try_from(Request::from_parts(parts, body)).unwrap();
    let response = aws.answer(&request).await.unwrap();
    let response = response.try_into_http1x().unwrap();
    Ok(response.map(|body| Full::new(Bytes::copy_from_slice(body.bytes().unwrap()))))
}

fn homeroom(folder: &Path, stub: &Stub, lab: Option<&str>, words: &[&str]) -> Command {
    let mut command = Command::new("time");
    command
        .args(["-f", "%U %S %M", "-o", "figures"])
        .arg(env!("CARGO_BIN_EXE_homeroom"))
        .current_dir(folder)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
        .env("AWS_SECRET_ACCESS_KEY", "secret")
        .args(["--roster", "class.csv", "--region", "us-east-1"])
        .args(["--quota-scale", "off", "--endpoint-url", &stub.url])
        .args(lab.iter().flat_map(|lab| ["--lab", lab]))
        .args(words)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    command
}

/// Runs a verb beside the stub and prints what it cost.
async fn measure(folder: &Path, stub: &Stub, students: u32, lab: Option<&str>, words: &[&str]) {
    stub.aws.clear_calls();
    let mut command = homeroom(folder, stub, lab, words);
    let began = Instant::now();
    let ran = tokio::task::spawn_blocking(move || command.output());
    let output = ran.await.unwrap().unwrap();
    let wall = began.elapsed().as_secs_f64();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{words:?}: {said}");
    let figures = fs::read_to_string(folder.join("figures")).unwrap();
    let figures: Vec<f64> = figures
        .split_whitespace()
        .map(|figure| figure.parse().unwrap())
        .collect();
    let (cpu, mib) = (figures[0] + figures[1], figures[2] / 1024.0);
    let calls = stub.aws.calls().len();
    let name = if lab.is_some() {
        "without an API"
    } else {
        "Lab 6"
    };
    let each = cpu * 1000.0 / f64::from(students);
    println!(
        "| {name} | {} | {students} | {calls} | {wall:.1} | {cpu:.2} | {each:.1} | {mib:.0} |",
        words[0]
    );
}

#[tokio::main]
async fn main() {
    println!(
        "| lab | verb | students | calls | wall, s | CPU, s | CPU a student, ms | peak memory, MiB |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    let sizes = [30, 100, 300, 600].map(|students| (students, None));
    for (students, lab) in sizes.into_iter().chain([(1000, Some(WITHOUT_API))]) {
        let folder = tempfile::tempdir().unwrap();
        enrol(folder.path(), students);
        let stub = Stub::start().await;
        let verbs: [&[&str]; 4] = [
            &["deploy", "--ignore-concurrency"],
            &["plan"],
            &["report"],
            &["teardown", "--confirm", "class"],
        ];
        for words in verbs {
            measure(folder.path(), &stub, students, lab, words).await;
        }
        assert!(stub.aws.snapshot().is_empty());
    }
    let folder = tempfile::tempdir().unwrap();
    enrol(folder.path(), 1000);
    let stub = Stub::start().await;
    measure(folder.path(), &stub, 1000, None, &["plan"]).await;
}

/// Writes the roster.
fn enrol(folder: &Path, students: u32) {
    let names: Vec<String> = (1..=students).map(|n| format!("user{n}")).collect();
    let roster = format!("username\n{}\n", names.join("\n"));
    fs::write(folder.join("class.csv"), roster).unwrap();
}
