//! The checks check themselves, on the embedded cloud with the lab's real code: an untouched stack that homeroom has
//! validated scores 0 on every task of the student's, and what the lab's own reference solution does scores full
//! marks. For the lab that ships, and for one that is as unlike it as can be.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says where it stopped"
)]

use std::path::{Path, PathBuf};
use std::process::Command;

use homeroom::local::{Dirs, LocalCloud, PrivateCloud, PrivateOptions};
use serde_json::Value;

/// homeroom itself, as a person runs it, on an embedded cloud of its own.
struct Homeroom {
    dir: tempfile::TempDir,
    cloud: PrivateCloud,
    lab: Option<PathBuf>,
}

impl Homeroom {
    async fn new(lab: Option<&str>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("class.csv"), "username\nuser1\nuser2\n").unwrap();
        let dirs = Dirs {
            cache: Path::new(env!("CARGO_TARGET_TMPDIR")).join("cloud-cache"),
            state: dir.path().join("state"),
            python: None,
            path: std::env::var_os("PATH").unwrap(),
        };
        let cloud = LocalCloud::new(dirs)
            .start_private(PrivateOptions::default(), &mut |_| {})
            .await
            .unwrap();
        let lab = lab.map(|lab| Path::new(env!("CARGO_MANIFEST_DIR")).join(lab));
        Self { dir, cloud, lab }
    }

    /// Runs a verb; what it printed on stdout.
    fn run(&self, words: &str) -> Value {
        let endpoint = self.cloud.endpoint();
        let mut command = Command::new(env!("CARGO_BIN_EXE_homeroom"));
        command
            .args(words.split_whitespace())
            .args(["--roster", "class.csv", "--class", "selftest"])
            .args(["--endpoint-url", &endpoint.url, "--quota-scale", "off"])
            .args(["--invoke-base", &endpoint.invoke_base, "--output", "json"])
            .args(["--region", "us-east-1"])
            .env("AWS_ACCESS_KEY_ID", &endpoint.access_key)
            .env("AWS_SECRET_ACCESS_KEY", &endpoint.secret_key)
            .env_remove("AWS_PROFILE")
            .current_dir(self.dir.path());
        if let Some(lab) = &self.lab {
            command.arg("--lab").arg(lab);
        }
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{words}: {said}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// A student's checks of their own tasks: id and verdict.
    fn tasks(status: &Value, student: &str) -> Vec<(String, String)> {
        let students = status["students"].as_array().unwrap();
        let found = students.iter().find(|s| s["username"] == student).unwrap();
        let checks = found["checks"].as_array().unwrap().iter();
        let text = |v: &Value| v.as_str().unwrap().to_owned();
        checks
            .filter(|c| c["work"] == "student")
            .map(|c| (text(&c["id"]), text(&c["verdict"])))
            .collect()
    }
}

async fn checks_check_themselves(lab: Option<&str>, work: impl AsyncFnOnce(&Homeroom)) {
    let homeroom = Homeroom::new(lab).await;
    homeroom.run("deploy");
    homeroom.run("validate");
    let before = homeroom.run("status");
    for student in ["user1", "user2"] {
        for (id, verdict) in Homeroom::tasks(&before, student) {
            assert!(
                verdict == "fail" || verdict == "not-provable",
                "{id} {verdict}"
            );
        }
    }
    work(&homeroom).await;
    // Log events take a moment on the embedded cloud as well: validate again waits for some, and must count for
    // nobody.
    homeroom.run("validate");
    let after = homeroom.run("status");
    for (id, verdict) in Homeroom::tasks(&after, "user1") {
        assert!(
            verdict == "pass" || verdict == "not-provable",
            "{id}: {verdict}\n{after:#}"
        );
    }
    assert_eq!(after["students"][0]["outcome"], "complete");
    assert_eq!(
        Homeroom::tasks(&after, "user2"),
        Homeroom::tasks(&before, "user2")
    );
    assert_eq!(after["students"][1]["outcome"], "not-started");
    homeroom.cloud.stop().await.unwrap();
}

mod reference {
    //! What the lab's reference solution does, for user1 alone.

    use homeroom::bundle;
    use homeroom::cloud::{ConnectOptions, connect};
    use homeroom::domain::ids::Scope;
    use homeroom::domain::lab::Lab;
    use homeroom::domain::roster::Student;
    use homeroom::engine::call::Caller;
    use homeroom::engine::observe::{Depth, observe};
    use homeroom::engine::pacing::{Overrides, Pace};
    use homeroom::engine::port::Cloud;
    use homeroom::engine::script;
    use homeroom::engine::stop::Stop;
    use tokio::sync::mpsc;

    use super::Homeroom;

    pub async fn solution(homeroom: &Homeroom) {
        let lab = bundle::load(homeroom.lab.as_deref()).unwrap();
        let (caller, scope) = caller(homeroom).await;
        let (_, steps, observed, stack) = prepared(&lab, &caller, &scope).await;
        assert!(!steps.is_empty(), "the lab has no reference solution");
        script::work(&caller, &scope, &stack, &observed, &steps)
            .await
            .unwrap();
    }

    /// Two executions, for a lab without a scripted solution.
    pub async fn two_executions(homeroom: &Homeroom) {
        let (caller, scope) = caller(homeroom).await;
        let arn = scope.state_machine_arn("lab-user1-wait");
        for name in ["first", "zwölf"] {
            caller
                .cloud()
                .start_execution(&arn, name, "[1, 2]")
                .await
                .unwrap();
        }
    }

    async fn caller(homeroom: &Homeroom) -> (Caller<impl Cloud>, Scope) {
        let endpoint = homeroom.cloud.endpoint();
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
        let (sender, _) = mpsc::unbounded_channel();
        let overrides = Overrides::new();
        let caller = Caller::new(cloud, Pace::Unlimited, overrides, Stop::new(), sender);
        (caller, scope)
    }

    async fn prepared(
        lab: &Lab,
        caller: &Caller<impl Cloud>,
        scope: &Scope,
    ) -> (
        Student,
        Vec<homeroom::domain::lab::ScriptedStep>,
        homeroom::domain::observed::Observed,
        homeroom::domain::desired::Stack,
    ) {
        let student = Student {
            username: "user1".parse().unwrap(),
            name: None,
            email: None,
            section: None,
            extra: Vec::new(),
        };
        let class = "selftest".parse().unwrap();
        let students = [student.clone()];
        let desired = lab.desired(scope, &class, &students).unwrap();
        let observed = observe(caller, &desired, &Depth::Deploy).await.unwrap();
        let steps = lab.rehearsal_steps(scope, &class, &student);
        let stack = desired.stacks[0].clone();
        (student, steps, observed, stack)
    }
}

#[tokio::test]
async fn an_untouched_stack_scores_0_and_the_reference_solution_full_marks() {
    checks_check_themselves(None, reference::solution).await;
}

#[tokio::test]
async fn so_it_is_for_a_lab_of_another_shape() {
    checks_check_themselves(Some("tests/labs/mini"), reference::two_executions).await;
}
