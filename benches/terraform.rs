//! `cargo bench --bench terraform`: a class of thirty deployed and torn down by homeroom and by Terraform
//! (`benches/terraform/`), with a REST API and with an HTTP API each, through the strict proxy at ten times AWS's rates,
//! before an empty embedded cloud. Terraform's lines need Terraform with the AWS provider where `terraform init` finds it
//! (a mirror, say, by `TF_CLI_CONFIG_FILE`).

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measurement that cannot go on says where it stopped; its table goes to stdout"
)]

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use homeroom::local::{LocalCloud, PrivateCloud, PrivateOptions};
use homeroom::strict::{Options, Proxy, Spread};

const STUDENTS: usize = 30;
const SCALE: f64 = 10.0;
const REGION: &str = "us-east-1";

/// The types of Lab 6's API (`api_type`).
const API_TYPES: [&str; 2] = ["REST", "HTTP"];
/// Until a new role can be assumed, before an account of homeroom's lines: eight seconds, though all else is ten times as
/// fast. Terraform meets the proxy's own default.
const ROLE_PROPAGATION: Duration = Duration::from_secs(8);

/// An account that is empty at first.
struct Account {
    cloud: PrivateCloud,
    proxy: Proxy,
}

impl Account {
    async fn new(role_propagation: Option<Duration>) -> Self {
        let cloud = LocalCloud::from_env().unwrap();
        let cloud = cloud
            .start_private(PrivateOptions::default(), &mut |_| {})
            .await
            .unwrap();
        let mut options = Options {
            scale: SCALE,
            ..Options::default()
        }
        .in_region(REGION);
        if let Some(time) = role_propagation {
            options.timings.role_propagation = Spread::exactly(time.mul_f64(SCALE));
        }
        let proxy = Proxy::start(&cloud.endpoint().url, options).await.unwrap();
        Self { cloud, proxy }
    }

    /// Calls so far, and how many of them were throttled.
    fn counts(&self) -> (u64, u64) {
        let model = self.proxy.model();
        let calls = model.counts().values().map(|counts| counts.calls).sum();
        (calls, model.emptied().values().sum())
    }

    /// Runs a command to its end beside the proxy, and prints what it took. `to_reach`: seconds, with their arithmetic.
    async fn measure(&self, name: &str, mut command: Command, to_reach: &str) -> Duration {
        let (began, before) = (Instant::now(), self.counts());
        let ran = tokio::task::spawn_blocking(move || command.stdout(Stdio::null()).status());
        let status = ran.await.unwrap().unwrap();
        let took = began.elapsed();
        let (calls, throttled) = self.counts();
        let (calls, throttled) = (calls - before.0, throttled - before.1);
        let share = throttled as f64 / calls as f64 * 100.0;
        let seconds = took.as_secs_f64();
        println!(
            "| {name} | {seconds:.1} | {to_reach} | {calls} | {throttled} ({share:.1} %) | {status} |"
        );
        took
    }
}

/// homeroom in a folder with a roster.
fn homeroom(folder: &Path, account: &Account, api_type: &str, words: &[&str]) -> Command {
    let endpoint = account.cloud.endpoint();
    let mut command = Command::new(env!("CARGO_BIN_EXE_homeroom"));
    command
        .current_dir(folder)
        .env("AWS_ACCESS_KEY_ID", &endpoint.access_key)
        .env("AWS_SECRET_ACCESS_KEY", &endpoint.secret_key)
        .args(["--roster", "class.csv", "--region", REGION, "--quiet"])
        .args(["--endpoint-url", &account.proxy.url()])
        .args(["--invoke-base", &endpoint.invoke_base])
        .args(["--quota-scale", &SCALE.to_string()])
        .args(["--set", &format!("api_type={api_type}")])
        .args(words);
    command
}

/// The seconds below which no deployment and no teardown of the class can be, as `plan` tells them.
fn bounds(mut plan: Command) -> [f64; 2] {
    let output = plan.args(["--output", "json"]).output().unwrap();
    let plan: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    ["deploy", "teardown"].map(|verb| {
        let bound = &plan["forecast"][verb]["bound"]["seconds"];
        bound.as_f64().unwrap_or_default()
    })
}

/// Deploys a class, validates it and tears it down again; how long its deployment took.
async fn measure_homeroom(api_type: &str) -> Duration {
    let folder = tempfile::tempdir().unwrap();
    let mut roster = fs::File::create(folder.path().join("class.csv")).unwrap();
    writeln!(roster, "username").unwrap();
    for number in 1..=STUDENTS {
        writeln!(roster, "user{number}").unwrap();
    }
    let account = Account::new(Some(ROLE_PROPAGATION)).await;
    let run = |words: &[&str]| homeroom(folder.path(), &account, api_type, words);
    let plan = run(&["plan"]);
    let bounds = tokio::task::spawn_blocking(|| bounds(plan)).await.unwrap();
    let name = |verb| format!("homeroom {verb}, {api_type}");
    let to_reach = format!("1.1 × {:.0} + 14", bounds[0]);
    let (deploy, name_of_deploy) = (run(&["deploy"]), name("deploy"));
    let took = account.measure(&name_of_deploy, deploy, &to_reach).await;
    let to_reach = match api_type {
        "HTTP" => "15".to_owned(),
        _ => format!("1.1 × {:.0} + 14", bounds[1]),
    };
    // Its final report included.
    let teardown = run(&["teardown", "--confirm", "class"]);
    account
        .measure(&name("teardown"), teardown, &to_reach)
        .await;
    account.cloud.stop().await.unwrap();
    took
}

fn terraform(folder: &Path, words: &[&str]) -> Command {
    let mut command = Command::new("terraform");
    command.current_dir(folder).args(words);
    command
}

/// A copy of the configuration, with the lab's functions as zips, initialised; `None` where there is no Terraform.
fn prepare_terraform(folder: &Path) -> Option<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    fs::create_dir_all(folder.join("stack")).unwrap();
    for file in ["main.tf", "stack/main.tf"] {
        fs::copy(root.join("benches/terraform").join(file), folder.join(file)).unwrap();
    }
    for function in ["process_data", "send_notification", "trigger_workflow"] {
        let zip = folder.join(format!("{}.zip", function.replace('_', "-")));
        let mut zip = zip::ZipWriter::new(fs::File::create(zip).unwrap());
        let options = zip::write::SimpleFileOptions::default();
        zip.start_file("lambda_function.py", options).unwrap();
        let code = root
            .join("lambdas")
            .join(function)
            .join("lambda_function.py");
        zip.write_all(&fs::read(code).unwrap()).unwrap();
        zip.finish().unwrap();
    }
    let init = terraform(folder, &["init", "-input=false"])
        .stdout(Stdio::null())
        .status();
    init.is_ok_and(|status| status.success()).then_some(())
}

#[tokio::main]
async fn main() {
    println!(
        "| {STUDENTS} students, rates x{SCALE} | s | to reach, s | calls | throttled | ended |"
    );
    println!("|---|---|---|---|---|---|");
    let mut ours = Vec::new();
    for api_type in API_TYPES {
        ours.push(measure_homeroom(api_type).await);
    }
    for (api_type, ours) in API_TYPES.into_iter().zip(ours) {
        let folder = tempfile::tempdir().unwrap();
        if prepare_terraform(folder.path()).is_none() {
            println!(
                "Terraform is not here, or does not find the AWS provider: nothing to compare with"
            );
            return;
        }
        let account = Account::new(None).await;
        let run = |words: &[&str]| {
            let endpoint = account.cloud.endpoint();
            let mut command = terraform(folder.path(), words);
            command
                .env("AWS_ACCESS_KEY_ID", &endpoint.access_key)
                .env("AWS_SECRET_ACCESS_KEY", &endpoint.secret_key)
                .args(["-auto-approve", "-input=false"])
                .arg(format!("-var=endpoint={}", account.proxy.url()))
                .arg(format!("-var=students={STUDENTS}"))
                .arg(format!("-var=api_type={api_type}"))
                .arg(format!("-var=lambdas={}", folder.path().display()));
            command
        };
        let name = |verb| format!("terraform {verb}, {api_type}");
        let (apply, name_of_apply) = (run(&["apply"]), name("apply"));
        let theirs = account.measure(&name_of_apply, apply, "").await;
        account
            .measure(&name("destroy"), run(&["destroy"]), "")
            .await;
        account.cloud.stop().await.unwrap();
        println!(
            "Terraform's deployment takes {:.1} times as long",
            theirs.as_secs_f64() / ours.as_secs_f64()
        );
    }
}
