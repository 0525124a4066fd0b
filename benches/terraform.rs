//! `cargo bench --bench terraform`: a class of thirty deployed by homeroom and by Terraform (`benches/terraform/`), each
//! through the strict proxy at ten times AWS's rates, before an empty embedded cloud. Needs Terraform with the AWS provider
//! where `terraform init` finds it (a mirror, say, by `TF_CLI_CONFIG_FILE`).

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
use homeroom::strict::{Options, Proxy};

const STUDENTS: usize = 30;
const SCALE: f64 = 10.0;

/// An empty account.
struct Account {
    cloud: PrivateCloud,
    proxy: Proxy,
}

impl Account {
    async fn new() -> Self {
        let cloud = LocalCloud::from_env().unwrap();
        let cloud = cloud
            .start_private(PrivateOptions::default(), &mut |_| {})
            .await
            .unwrap();
        let options = Options {
            scale: SCALE,
            ..Options::default()
        };
        let proxy = Proxy::start(&cloud.endpoint().url, options).await.unwrap();
        Self { cloud, proxy }
    }

    /// Runs a command to its end beside the proxy, and prints what it took.
    async fn measure(self, name: &str, mut command: Command) -> Duration {
        let began = Instant::now();
        let ran = tokio::task::spawn_blocking(move || command.stdout(Stdio::null()).status());
        let status = ran.await.unwrap().unwrap();
        let took = began.elapsed();
        let calls: u64 = self.proxy.model().counts().values().map(|c| c.calls).sum();
        let throttled: u64 = self.proxy.model().emptied().values().sum();
        let seconds = took.as_secs_f64();
        println!("| {name} | {seconds:.0} | {calls} | {throttled} | {status} |");
        self.cloud.stop().await.unwrap();
        took
    }
}

fn homeroom(folder: &Path, account: &Account) -> Command {
    let mut roster = fs::File::create(folder.join("class.csv")).unwrap();
    writeln!(roster, "username").unwrap();
    for number in 1..=STUDENTS {
        writeln!(roster, "user{number}").unwrap();
    }
    let endpoint = account.cloud.endpoint();
    let mut command = Command::new(env!("CARGO_BIN_EXE_homeroom"));
    command
        .current_dir(folder)
        .env("AWS_ACCESS_KEY_ID", &endpoint.access_key)
        .env("AWS_SECRET_ACCESS_KEY", &endpoint.secret_key)
        .args(["--roster", "class.csv", "--region", "us-east-1", "--quiet"])
        .args(["--endpoint-url", &account.proxy.url()])
        .args(["--invoke-base", &endpoint.invoke_base])
        .args(["--quota-scale", &SCALE.to_string(), "deploy"]);
    command
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
    println!("| {STUDENTS} students, rates x{SCALE} | s | calls | throttled | ended |");
    println!("|---|---|---|---|---|");
    let folder = tempfile::tempdir().unwrap();
    let account = Account::new().await;
    let command = homeroom(folder.path(), &account);
    let ours = account.measure("homeroom deploy", command).await;

    let folder = tempfile::tempdir().unwrap();
    if prepare_terraform(folder.path()).is_none() {
        println!(
            "Terraform is not here, or does not find the AWS provider: nothing to compare with"
        );
        return;
    }
    let account = Account::new().await;
    let variables = [
        format!("-var=endpoint={}", account.proxy.url()),
        format!("-var=students={STUDENTS}"),
        format!("-var=lambdas={}", folder.path().display()),
    ];
    let mut command = terraform(folder.path(), &["apply", "-auto-approve", "-input=false"]);
    command.args(variables);
    let theirs = account.measure("terraform apply", command).await;
    println!(
        "Terraform takes {:.1} times as long",
        theirs.as_secs_f64() / ours.as_secs_f64()
    );
}
