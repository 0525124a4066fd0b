//! The checks check themselves, on the embedded cloud with the lab's real code: an untouched stack that homeroom has
//! validated scores 0 on every task of the student's, and what the lab's own reference solution does scores full
//! marks. In the lab that ships, work that comes near earns what it is worth and no more. For the lab that ships, and
//! for one that is as unlike it as can be.

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
        let roster = "username\nuser1\nuser2\nuser3\n";
        std::fs::write(dir.path().join("class.csv"), roster).unwrap();
        if lab.is_none() {
            // What fails here fails for its input, and not by chance.
            let settings = "[settings]\nsuccess_rate = 1.0\n";
            std::fs::write(dir.path().join("homeroom.toml"), settings).unwrap();
        }
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

    /// A student's checks of their own tasks.
    fn task_checks<'a>(status: &'a Value, student: &str) -> impl Iterator<Item = &'a Value> {
        let students = status["students"].as_array().unwrap();
        let found = students.iter().find(|s| s["username"] == student).unwrap();
        let checks = found["checks"].as_array().unwrap().iter();
        checks.filter(|c| c["work"] == "student")
    }

    /// Id and verdict of each.
    fn tasks(status: &Value, student: &str) -> Vec<(String, String)> {
        let text = |v: &Value| v.as_str().unwrap().to_owned();
        Self::task_checks(status, student)
            .map(|c| (text(&c["id"]), text(&c["verdict"])))
            .collect()
    }

    /// Id and points of each that is worth any.
    fn earned(status: &Value, student: &str) -> Vec<(String, f64, f64)> {
        Self::task_checks(status, student)
            .filter(|c| c["points"] != 0)
            .map(|c| {
                let number = |key: &str| c[key].as_f64().unwrap();
                let id = c["id"].as_str().unwrap().to_owned();
                (id, number("earned"), number("points"))
            })
            .collect()
    }
}

/// What the class looks like at its end: user1 did all, user2 nothing; the work of others is judged by the caller.
async fn checks_check_themselves(lab: Option<&str>, work: impl AsyncFnOnce(&Homeroom)) -> Value {
    let homeroom = Homeroom::new(lab).await;
    homeroom.run("deploy");
    homeroom.run("validate");
    let before = homeroom.run("status");
    for student in ["user1", "user2", "user3"] {
        for (id, verdict) in Homeroom::tasks(&before, student) {
            assert!(
                verdict == "fail" || verdict == "not-provable",
                "{id} {verdict}"
            );
        }
        let earned = Homeroom::earned(&before, student);
        assert!(
            earned.iter().all(|(_, earned, _)| *earned == 0.0),
            "{earned:?}"
        );
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
    let all = Homeroom::earned(&after, "user1");
    assert!(all.iter().all(|(_, earned, of)| earned == of), "{all:?}");
    homeroom.cloud.stop().await.unwrap();
    after
}

mod reference {
    //! What the lab's reference solution does, for user1, and what comes near it, for user3.

    use homeroom::aws::pacing::{Overrides, Pace};
    use homeroom::aws::stop::Stop;
    use homeroom::aws::{Client, ConnectOptions, connect};
    use homeroom::ids::Scope;
    use homeroom::lab::bundle;
    use homeroom::lab::{Lab, ScriptedStep};
    use homeroom::probe::script;
    use homeroom::roster::Student;
    use homeroom::stack::kinds::Observed;
    use homeroom::stack::kinds::Stack;
    use homeroom::stack::observe::{Depth, observe};
    use tokio::sync::mpsc;

    use super::Homeroom;

    pub async fn solution(homeroom: &Homeroom) {
        let lab = bundle::load(homeroom.lab.as_deref()).unwrap();
        let (client, scope) = client(homeroom).await;
        let (steps, observed, stack) = prepared(&lab, &client, &scope, "user1").await;
        assert!(!steps.is_empty(), "the lab has no reference solution");
        script::work(&client, &scope, &stack, &observed, &steps)
            .await
            .unwrap();
    }

    /// A console test and an API request that fail for a wrong type of data, and two types of three that succeed: four
    /// executions of five.
    pub async fn near_misses(homeroom: &Homeroom) {
        let lab = bundle::load(homeroom.lab.as_deref()).unwrap();
        let (client, scope) = client(homeroom).await;
        let (steps, observed, stack) = prepared(&lab, &client, &scope, "user3").await;
        let wrong = |text: &str| {
            assert!(text.contains("sales_data"), "{text}");
            text.replace("sales_data", "weather_data")
        };
        let mut near = steps[..3].to_vec();
        let mut request = steps[1].clone();
        let (ScriptedStep::Execution { input, .. }, ScriptedStep::Api { body, .. }) =
            (&mut near[0], &mut request)
        else {
            panic!("the reference solution begins otherwise: {steps:?}");
        };
        *input = wrong(input);
        *body = wrong(body);
        near.push(request);
        script::work(&client, &scope, &stack, &observed, &near)
            .await
            .unwrap();
    }

    /// Two executions, for a lab without a scripted solution.
    pub async fn two_executions(homeroom: &Homeroom) {
        let (client, scope) = client(homeroom).await;
        let arn = scope.state_machine_arn("lab-user1-wait");
        for name in ["first", "zwölf"] {
            client.start_execution(&arn, name, "[1, 2]").await.unwrap();
        }
    }

    async fn client(homeroom: &Homeroom) -> (Client, Scope) {
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
        let client = cloud.in_run(Pace::Unlimited, overrides, Stop::new(), sender);
        (client, scope)
    }

    async fn prepared(
        lab: &Lab,
        client: &Client,
        scope: &Scope,
        username: &str,
    ) -> (Vec<ScriptedStep>, Observed, Stack) {
        let student = Student {
            username: username.parse().unwrap(),
            name: None,
            email: None,
            section: None,
            extra: Vec::new(),
            due: None,
            place: None,
        };
        let class = "selftest".parse().unwrap();
        let students = [student.clone()];
        let desired = lab.desired(scope, &class, &students).unwrap();
        let observed = observe(client, &desired, &Depth::Deploy).await.unwrap();
        let steps = lab.rehearsal_steps(scope, &class, &student);
        let stack = desired.stacks[0].clone();
        (steps, observed, stack)
    }
}

#[tokio::test]
async fn nothing_scores_0_parts_their_share_and_the_solution_full_marks() {
    let after = checks_check_themselves(None, async |homeroom| {
        reference::solution(homeroom).await;
        reference::near_misses(homeroom).await;
    })
    .await;
    let earned = Homeroom::earned(&after, "user3");
    let expected = [
        // Failed runs are no test that succeeded …
        ("console-test", 0.0, 20.0),
        ("api-valid-data", 20.0, 30.0),
        // … and accidents are not the error exercise.
        ("error-handling", 0.0, 15.0),
        ("several-executions", 20.0, 25.0),
        ("results-and-logs", 10.0, 10.0),
    ];
    let expected = expected.map(|(id, earned, of)| (id.to_owned(), earned, of));
    assert_eq!(earned, expected, "{after:#}");
    assert_eq!(after["students"][2]["outcome"], "in-progress");
}

#[tokio::test]
async fn so_it_is_for_a_lab_of_another_shape() {
    checks_check_themselves(Some("tests/labs/mini"), reference::two_executions).await;
}
