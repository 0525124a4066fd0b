//! `homeroom watch` itself, on the embedded cloud: the page that a real browser has open renews itself in place, and
//! nothing is read while nobody has it open.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use homeroom::aws::{ConnectOptions, connect};
use homeroom::ids::Scope;
use homeroom::local::{Dirs, LocalCloud, PrivateCloud, PrivateOptions};
use homeroom::strict::{Options, Proxy};
use serde_json::Value;
use tempfile::TempDir;

use super::cdp::Browser;

/// Seconds between two readings: the fewest that `watch` takes.
const INTERVAL_S: u64 = 5;

/// A class of two on a cloud of its own, behind a proxy that counts what is asked of it.
struct Class {
    cloud: PrivateCloud,
    counter: Proxy,
    folder: TempDir,
}

impl Class {
    async fn deployed() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let roster = "username,name\nuser1,Amara Okafor\nuser2,Ben Castellanos\n";
        std::fs::write(folder.path().join("demo.csv"), roster).unwrap();
        let dirs = Dirs {
            cache: Path::new(env!("CARGO_TARGET_TMPDIR")).join("cloud-cache"),
            state: folder.path().join("cloud"),
            python: None,
            path: std::env::var_os("PATH").unwrap(),
        };
        let cloud = LocalCloud::new(dirs)
            .start_private(PrivateOptions::default(), &mut |_| {})
            .await
            .unwrap();
        let options = Options {
            quotas: false,
            scale: 1000.0,
            ..Options::default()
        };
        let counter = Proxy::start(&cloud.endpoint().url, options).await.unwrap();
        let class = Self {
            cloud,
            counter,
            folder,
        };
        let deployed = class.command(&["deploy"]).output().unwrap();
        let said = String::from_utf8_lossy(&deployed.stderr);
        assert!(deployed.status.success(), "{said}");
        class
    }

    /// Of this test alone: the usual port of a page follows from the class's name, and tests run side by side.
    fn name(&self) -> String {
        let url = &self.cloud.endpoint().url;
        format!(
            "demo-{}",
            url.trim_end_matches('/').rsplit(':').next().unwrap()
        )
    }

    fn command(&self, words: &[&str]) -> Command {
        let endpoint = self.cloud.endpoint();
        let url = self.counter.url();
        let mut command = Command::new(env!("CARGO_BIN_EXE_homeroom"));
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("AWS_ACCESS_KEY_ID", &endpoint.access_key)
            .env("AWS_SECRET_ACCESS_KEY", &endpoint.secret_key)
            .env("AWS_CONFIG_FILE", "/nonexistent")
            .env("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
            .current_dir(self.folder.path())
            .args(["--roster", "demo.csv", "--region", "us-east-1"])
            .args(["--class", &self.name()])
            .args(["--quota-scale", "off", "--endpoint-url", &url])
            .args(["--invoke-base", &endpoint.invoke_base])
            .args(words)
            .stdin(Stdio::null());
        command
    }

    /// How often executions were listed: once a student and reading.
    fn listings(&self) -> u64 {
        let model = self.counter.model();
        let found = model
            .counts()
            .iter()
            .find(|(operation, _)| operation.ends_with("ListExecutions"));
        found.map_or(0, |(_, count)| count.calls)
    }

    /// What user1 does in the console.
    async fn console_test(&self) {
        let endpoint = self.cloud.endpoint();
        let cloud = connect(ConnectOptions {
            region: "us-east-1".into(),
            endpoint_url: Some(endpoint.url.clone()),
            invoke_base: Some(endpoint.invoke_base.clone()),
            credentials: Some((endpoint.access_key.clone(), endpoint.secret_key.clone())),
            ..ConnectOptions::default()
        })
        .await;
        let scope = Scope {
            partition: "aws".into(),
            account: endpoint.account.clone(),
            region: "us-east-1".into(),
        };
        let machine = scope.state_machine_arn("user1-simple-workflow");
        let input = r#"{"userId": "user1", "dataType": "sales_data"}"#;
        cloud
            .start_execution(&machine, "console-test-1", input)
            .await
            .unwrap();
    }
}

/// `homeroom watch`, until it is dropped.
struct Watch(Child);

impl Watch {
    /// Starts it; the address that it tells.
    fn start(class: &Class) -> (Self, String) {
        Self::start_with(class, &[], &std::env::var("PATH").unwrap())
    }

    fn start_with(class: &Class, options: &[&str], path: &str) -> (Self, String) {
        let interval = INTERVAL_S.to_string();
        let mut child = class
            .command(&["watch", "--interval", &interval, "--output", "json"])
            .args(options)
            .env("PATH", path)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let watch = Self(child);
        out.read_line(&mut line).unwrap();
        let said: Value = serde_json::from_str(&line).unwrap();
        (watch, said["url"].as_str().unwrap().to_owned())
    }

    /// Ctrl-C; the exit code.
    fn interrupt(mut self) -> Option<i32> {
        let pid = rustix::process::Pid::from_child(&self.0);
        rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
        self.0.wait().unwrap().code()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Everything below a folder, in words.
fn all_text(folder: &Path) -> String {
    let entries = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let texts = entries.map(|path| match path.is_dir() {
        true => all_text(&path),
        false => String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned(),
    });
    texts.collect()
}

/// Linux alone: elsewhere no program in the path stands for the browser.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[cfg_attr(not(browser), ignore = "needs Debian's chromium")]
async fn open_hands_over_a_file_and_never_the_secret_address() {
    use std::os::unix::fs::PermissionsExt;

    let class = Class::deployed().await;
    let bin = class.folder.path().join("bin");
    std::fs::create_dir(&bin).unwrap();
    let opener = bin.join("xdg-open");
    let told = class.folder.path().join("told");
    let script = format!(
        "#!/bin/sh\necho \"$@\" > {0}.new && mv {0}.new {0}\n",
        told.display()
    );
    std::fs::write(&opener, script).unwrap();
    std::fs::set_permissions(&opener, std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let (watch, url) = Watch::start_with(&class, &["--open"], &path);
    let deadline = Instant::now() + Duration::from_secs(30);
    while !told.exists() {
        assert!(Instant::now() < deadline, "no browser was started");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let word = url.trim_end_matches('/').rsplit('/').next().unwrap();
    let argument = std::fs::read_to_string(&told).unwrap();
    assert!(!argument.contains(word), "{argument}");
    let page = std::path::PathBuf::from(argument.trim());
    assert!(std::fs::read_to_string(&page).unwrap().contains(&url));
    assert_eq!(watch.interrupt(), Some(0));
    assert!(!page.exists(), "what leads to the page is gone with it");
    let kept = all_text(&class.folder.path().join("reports"));
    assert!(!kept.contains(word), "the word is in a file");
    // The next time the same origin, where the browser keeps what was chosen, and another word.
    let (again, other) = Watch::start(&class);
    let origin = url.split(word).next().unwrap();
    assert!(other.starts_with(origin), "{other} {url}");
    assert_ne!(other, url);
    assert_eq!(again.interrupt(), Some(0));
    class.cloud.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[cfg_attr(not(browser), ignore = "needs Debian's chromium")]
async fn the_file_to_bookmark_leads_a_browser_to_the_page() {
    let class = Class::deployed().await;
    let (watch, url) = Watch::start(&class);
    let mut browser = Browser::start();
    browser.open_file(
        &class
            .folder
            .path()
            .join(format!("reports/{}/watch.html", class.name())),
    );
    // To the page that waits, and once the class was read to the page itself.
    browser.gone_on(2);
    assert_eq!(browser.eval("location.href"), url);
    assert_eq!(
        browser.eval("document.getElementById('s-user1').dataset.state"),
        "not-started"
    );
    assert_eq!(watch.interrupt(), Some(0));
    class.cloud.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[cfg_attr(not(browser), ignore = "needs Debian's chromium")]
async fn watch_renews_the_grid_in_place_and_reads_only_while_its_page_is_open() {
    let class = Class::deployed().await;
    let (watch, url) = Watch::start(&class);
    assert_eq!(class.listings(), 0, "nobody has opened the page yet");

    // The page comes by itself once the class was read.
    let mut browser = Browser::start();
    browser.open(&url);
    browser.gone_on(1);
    browser.until("document.getElementById('live').textContent.includes('every')");
    let state = "document.getElementById('s-user1').dataset.state";
    assert_eq!(browser.eval(state), "not-started");
    let first = browser.eval("document.querySelector('.taken time').dateTime");
    browser.eval(
        "document.querySelector('#s-user1 button.user').click(); window.untouched = document.getElementById('s-user2');",
    );

    class.console_test().await;
    browser.until(&format!("{state} === 'in-progress'"));
    browser.until("document.getElementById('live').textContent.includes('every')");
    let seen = browser.eval(
        "({
            headline: document.querySelector('h1 strong').textContent,
            unfolded: document.querySelector('#d-user1 .student').innerText,
            same: document.getElementById('s-user2') === window.untouched,
            taken: document.querySelector('.taken time').dateTime,
            live: document.getElementById('live').textContent,
        })",
    );
    assert_eq!(seen["headline"], "0 of 2 complete");
    assert_eq!(
        seen["same"], true,
        "a row that did not change is left alone"
    );
    let unfolded = seen["unfolded"].as_str().unwrap();
    assert!(unfolded.contains("console-test-1"), "{unfolded}");
    assert_ne!(seen["taken"], first);
    let time = &seen["taken"].as_str().unwrap()[11..19];
    assert_eq!(
        seen["live"],
        format!("Live · read at {time} · read again every {INTERVAL_S} seconds")
    );

    // Closed: a reading that had begun ends, and then there is none for as long as two would take.
    browser.open("about:blank");
    let closed = Instant::now();
    let mut before = class.listings();
    let mut quiet_since = Instant::now();
    while quiet_since.elapsed() < Duration::from_secs(2 * INTERVAL_S) {
        tokio::time::sleep(Duration::from_millis(50)).await;
        if class.listings() != before {
            before = class.listings();
            quiet_since = Instant::now();
            assert!(
                closed.elapsed() < Duration::from_secs(2 * INTERVAL_S),
                "it goes on reading though nobody looks"
            );
        }
    }

    // Open again: it was resting, not dead.
    browser.open(&url);
    let deadline = Instant::now() + Duration::from_secs(30);
    while class.listings() == before {
        assert!(
            Instant::now() < deadline,
            "nothing is read though somebody looks"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(watch.interrupt(), Some(0));
    browser.until("document.getElementById('live').textContent.startsWith('homeroom has stopped')");
    class.cloud.stop().await.unwrap();
}
