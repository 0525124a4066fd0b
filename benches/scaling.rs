//! `cargo bench --bench scaling`: what homeroom itself costs as a class grows. The binary against the strict AWS served
//! by another process (this one), without quotas, so that nothing but homeroom's own work is measured. The largest class of
//! Lab 6 is spread over four accounts. Needs GNU time.
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
use strict_aws::{ACCOUNT, Options, REGION, StrictAws};
use tokio::net::TcpListener;

/// Another lab: one function, a state machine and no API. AWS holds 600 REST APIs in a region, so a class of a thousand
/// can only have such a one.
const WITHOUT_API: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/labs/mini");

/// The places of the class that is spread.
const PLACES: [&str; 4] = ["north", "east", "south", "west"];

/// A strict AWS on loopback.
struct Stub {
    aws: StrictAws,
    url: String,
}

impl Stub {
    /// `account`: 12 digits. Instead of its own, it answers with these.
    async fn start(account: &str) -> Self {
        let aws = StrictAws::with_options(Options {
            quotas: false,
            // Roles and functions are ready after milliseconds.
            scale: 1000.0,
            ..Options::default()
        });
        aws.set_roles_quota(5000);
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(serve(listener, aws.clone(), account.to_owned()));
        Self { aws, url }
    }
}

async fn serve(listener: TcpListener, aws: StrictAws, account: String) {
    loop {
        let (connection, _) = listener.accept().await.unwrap();
        let (aws, account) = (aws.clone(), account.clone());
        tokio::spawn(async move {
            let service = service_fn(|request| answer(&aws, &account, request));
            // A connection that its client closed is over.
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(connection), service)
                .await;
        });
    }
}

async fn answer(
    aws: &StrictAws,
    account: &str,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let (mut parts, body) = request.into_parts();
    let body = in_account(&body.collect().await?.to_bytes(), account, ACCOUNT);
    let uri = parts.uri.to_string().replace(account, ACCOUNT);
    parts.uri = uri.parse().unwrap();
    let request = HttpRequest::try_from(Request::from_parts(parts, SdkBody::from(body))).unwrap();
    let response = aws.answer(&request).await.unwrap();
    let response = response.try_into_http1x().unwrap();
    Ok(response.map(|body| Full::new(in_account(body.bytes().unwrap(), ACCOUNT, account))))
}

/// The body as another account has it; what is no text has no account in it.
fn in_account(body: &[u8], from: &str, to: &str) -> Bytes {
    match std::str::from_utf8(body) {
        Ok(text) if from != to => Bytes::from(text.replace(from, to)),
        _ => Bytes::copy_from_slice(body),
    }
}

/// homeroom in a folder with a roster; the endpoints stand in its `homeroom.toml`.
fn homeroom(folder: &Path, words: &[&str]) -> Command {
    let mut command = Command::new("time");
    command
        .args(["-f", "%U %S %M", "-o", "figures"])
        .arg(env!("CARGO_BIN_EXE_homeroom"))
        .current_dir(folder)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
        .env("AWS_SECRET_ACCESS_KEY", "secret")
        .args(["--roster", "class.csv", "--quota-scale", "off"])
        .args(words)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    command
}

/// A class of some lab beside the stubs that are its places.
struct Class {
    name: &'static str,
    students: u32,
    stubs: Vec<Stub>,
    folder: tempfile::TempDir,
}

impl Class {
    /// In one account.
    async fn of(students: u32, lab: Option<&str>) -> Self {
        let stub = Stub::start(ACCOUNT).await;
        let lab = lab.map(|lab| format!("lab = \"{lab}\"\n"));
        let settings = format!(
            "region = \"{REGION}\"\nendpoint-url = \"{}\"\n{}",
            stub.url,
            lab.as_deref().unwrap_or_default()
        );
        let name = if lab.is_some() {
            "without an API"
        } else {
            "Lab 6"
        };
        Self::with(name, students, vec![stub], &settings)
    }

    /// Of the built-in lab, spread over [`PLACES`], each an account of its own.
    async fn at_places(students: u32) -> Self {
        let mut settings = format!("region = \"{REGION}\"\n");
        let mut stubs = Vec::new();
        for (index, place) in PLACES.iter().enumerate() {
            let account = format!("90000000000{}", index + 1);
            let stub = Stub::start(&account).await;
            settings += &format!(
                "[[place]]\nname = \"{place}\"\naccount = \"{account}\"\nendpoint-url = \"{}\"\n",
                stub.url
            );
            stubs.push(stub);
        }
        Self::with("Lab 6, 4 places", students, stubs, &settings)
    }

    fn with(name: &'static str, students: u32, stubs: Vec<Stub>, settings: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        enrol(folder.path(), students);
        fs::write(folder.path().join("homeroom.toml"), settings).unwrap();
        Self {
            name,
            students,
            stubs,
            folder,
        }
    }

    /// Runs a verb and prints what it cost.
    async fn measure(&self, words: &[&str]) {
        self.stubs.iter().for_each(|stub| stub.aws.clear_calls());
        let mut command = homeroom(self.folder.path(), words);
        let began = Instant::now();
        let ran = tokio::task::spawn_blocking(move || command.output());
        let output = ran.await.unwrap().unwrap();
        let wall = began.elapsed().as_secs_f64();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{words:?}: {said}");
        let figures = fs::read_to_string(self.folder.path().join("figures")).unwrap();
        let figures: Vec<f64> = figures
            .split_whitespace()
            .map(|figure| figure.parse().unwrap())
            .collect();
        let (cpu, mib) = (figures[0] + figures[1], figures[2] / 1024.0);
        let calls: usize = self.stubs.iter().map(|stub| stub.aws.calls().len()).sum();
        let (name, students) = (self.name, self.students);
        let each = cpu * 1000.0 / f64::from(students);
        println!(
            "| {name} | {} | {students} | {calls} | {wall:.1} | {cpu:.2} | {each:.1} | {mib:.0} |",
            words[0]
        );
    }

    /// A class's day; nothing may be left.
    async fn measure_day(&self) {
        let verbs: [&[&str]; 4] = [
            &["deploy", "--ignore-concurrency"],
            &["plan"],
            &["report"],
            &["teardown", "--confirm", "class"],
        ];
        for words in verbs {
            self.measure(words).await;
        }
        assert!(self.stubs.iter().all(|stub| stub.aws.snapshot().is_empty()));
    }
}

#[tokio::main]
async fn main() {
    println!(
        "| lab | verb | students | calls | wall, s | CPU, s | CPU a student, ms | peak memory, MiB |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for students in [30, 100, 300, 600] {
        Class::of(students, None).await.measure_day().await;
    }
    Class::at_places(1000).await.measure_day().await;
    let without_api = Class::of(1000, Some(WITHOUT_API));
    without_api.await.measure_day().await;
    Class::of(1000, None).await.measure(&["plan"]).await;
}

/// Writes the roster.
fn enrol(folder: &Path, students: u32) {
    let names: Vec<String> = (1..=students).map(|n| format!("user{n}")).collect();
    let roster = format!("username\n{}\n", names.join("\n"));
    fs::write(folder.join("class.csv"), roster).unwrap();
}
