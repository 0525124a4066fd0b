//! Ctrl-C, once and twice, at each phase of each verb that changes something: the binary, stopped while a call that
//! marks the phase is on its way.

use std::io::{BufRead, BufReader, Read};
use std::process::Child;
use std::time::Instant;

use homeroom::strict::{Fault, Rule};
use rustix::process::{Pid, Signal, kill_process};

use super::*;

const STUDENTS: [&str; 3] = ["user1", "user2", "user3"];

/// How often Ctrl-C is pressed.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Presses {
    Once,
    Twice,
}

/// A verb, and the call that is held up to stop it there: one that many come before and many after.
struct Phase {
    verb: &'static [&'static str],
    operation: &'static str,
    /// Calls of that operation that come in an earlier phase of the same verb.
    earlier: u64,
}

const fn phase(verb: &'static [&'static str], operation: &'static str, earlier: u64) -> Phase {
    Phase {
        verb,
        operation,
        earlier,
    }
}

const TEARDOWN: &[&str] = &["teardown", "--confirm", "demo"];

/// What the binary left behind after it was stopped.
struct Stopped {
    code: Option<i32>,
    document: Value,
    said: String,
    /// From the last Ctrl-C to the end.
    took: Duration,
}

/// A call that nobody waits for: longer than any test, shorter than our deadline for a call.
const HELD: Duration = Duration::from_secs(8);
/// A call that may end first: long enough for a signal to come before its answer.
const LATE: Duration = Duration::from_secs(2);

impl Day {
    /// Runs a verb and stops it once the phase's call is on its way.
    async fn stop_at(&self, phase: &Phase, presses: Presses) -> Stopped {
        let proxy = self.between.as_ref().unwrap();
        let arrived = || {
            let model = proxy.model();
            model.counts().get(phase.operation).map_or(0, |c| c.calls)
        };
        let before = arrived();
        let slow = Fault::Slow(match presses {
            Presses::Once => LATE,
            Presses::Twice => HELD,
        });
        let rule = Rule::on(phase.operation).skip(phase.earlier).times(1);
        proxy.model().inject(rule.fault(slow));
        let mut child = self
            .command(&[phase.verb, &["--output", "json"]].concat())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        while arrived() <= before + phase.earlier {
            assert!(child.try_wait().unwrap().is_none(), "{}", phase.operation);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        interrupt(&child);
        let mut said = String::new();
        while !said.contains("Press Ctrl-C again") {
            assert_ne!(stderr.read_line(&mut said).unwrap(), 0, "not heard: {said}");
        }
        let pressed = Instant::now();
        if presses == Presses::Twice {
            interrupt(&child);
        }
        // What it still says must not fill the pipe while it is waited for.
        let rest = std::thread::spawn(move || {
            let mut rest = String::new();
            stderr.read_to_string(&mut rest).unwrap();
            rest
        });
        let output = child.wait_with_output().unwrap();
        said.push_str(&rest.join().unwrap());
        proxy.model().heal();
        Stopped {
            code: output.status.code(),
            document: serde_json::from_slice(&output.stdout).unwrap(),
            said,
            took: pressed.elapsed(),
        }
    }

    /// Waits until what was given up in flight has had its effect: it is on its way for seconds yet, and must not fall
    /// into what comes next.
    async fn settled(&self) {
        self.between.as_ref().unwrap().settled().await;
    }

    /// Stops a verb in a phase and holds what every stop keeps, whatever the verb.
    async fn stopped(&self, phase: &Phase, presses: Presses) -> Stopped {
        let stopped = self.stop_at(phase, presses).await;
        let what = format!("{:?} at {}: {presses:?}", phase.verb, phase.operation);
        assert_eq!(stopped.code, Some(130), "{what}: {}", stopped.said);
        if presses == Presses::Twice {
            assert!(stopped.took < HELD / 2, "{what}: {:?}", stopped.took);
            assert!(
                stopped.said.contains("stopped now"),
                "{what}: {}",
                stopped.said
            );
        }
        let there = self.everything().await;
        let once: BTreeSet<&String> = there.iter().collect();
        assert_eq!(once.len(), there.len(), "{what}: {there:?}");
        // Stopped before there was anything to do, the answer is an error; afterwards a word for everybody.
        if outcomes(&stopped.document).is_empty() {
            let error = &stopped.document["errors"][0];
            assert_eq!(error["cause"], "nothing was changed", "{what}: {error}");
        } else {
            let names = outcomes(&stopped.document)
                .into_iter()
                .map(|(name, _)| name);
            assert_eq!(names.collect::<Vec<_>>(), STUDENTS, "{what}");
        }
        stopped
    }
}

fn interrupt(child: &Child) {
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    kill_process(pid, Signal::INT).unwrap();
}

fn some_are(stopped: &Stopped, outcome: &str) -> bool {
    let outcomes = outcomes(&stopped.document);
    outcomes.iter().any(|(_, o)| o == outcome)
}

async fn deployments_stopped(presses: Presses) {
    let day = Day::begin_behind_proxy(&STUDENTS).await;
    for (operation, changed) in [
        ("iam:GetAccountAuthorizationDetails", false),
        ("iam:CreateRole", true),
        ("lambda:CreateFunction", true),
        ("states:CreateStateMachine", true),
        ("apigateway:CreateDeployment", true),
    ] {
        let stopped = day
            .stopped(&phase(&["deploy"], operation, 0), presses)
            .await;
        assert_eq!(
            !outcomes(&stopped.document).is_empty(),
            changed,
            "{operation}"
        );
        assert!(!changed || some_are(&stopped, "cancelled"), "{operation}");
        if presses == Presses::Twice && changed {
            let notes = stopped.document["notes"].to_string();
            assert!(notes.contains("given up in flight"), "{operation}: {notes}");
        }
        let (code, finished) = day.json(&["deploy"]);
        assert_eq!(code, 0, "{operation}: {finished}");
        assert_eq!(day.everything().await, stacks_of(&STUDENTS), "{operation}");
        assert_eq!(day.json(&["plan", "--exit-code"]).0, 0, "{operation}");
        day.settled().await;
        assert_eq!(day.json(TEARDOWN).0, 0, "{operation}");
        assert_eq!(day.everything().await, Vec::<String>::new());
    }
    day.cloud.stop().await.unwrap();
}

async fn validations_stopped(presses: Presses) {
    let day = Day::begin_behind_proxy(&STUDENTS).await;
    assert_eq!(day.json(&["deploy"]).0, 0);
    for operation in [
        "iam:GetAccountAuthorizationDetails",
        "states:StartExecution",
    ] {
        let stopped = day
            .stopped(&phase(&["validate"], operation, 0), presses)
            .await;
        if !outcomes(&stopped.document).is_empty() {
            assert!(some_are(&stopped, "cancelled"), "{}", stopped.document);
        }
        assert_eq!(day.everything().await, stacks_of(&STUDENTS), "{operation}");
    }
    let (code, validated) = day.json(&["validate"]);
    assert_eq!(
        (code, all_are(&validated, "passed")),
        (0, true),
        "{validated}"
    );
    day.cloud.stop().await.unwrap();
}

async fn teardowns_stopped(presses: Presses) {
    let day = Day::begin_behind_proxy(&STUDENTS).await;
    for (operation, earlier, changed) in [
        ("iam:GetAccountAuthorizationDetails", 0, false),
        ("states:DeleteStateMachine", 0, true),
        ("lambda:DeleteFunction", 0, true),
        ("apigateway:DeleteRestApi", 0, true),
        // The listing that proves what is gone.
        ("iam:GetAccountAuthorizationDetails", 1, true),
    ] {
        assert_eq!(day.json(&["deploy"]).0, 0);
        let stopped = day
            .stopped(&phase(TEARDOWN, operation, earlier), presses)
            .await;
        assert_eq!(
            !outcomes(&stopped.document).is_empty(),
            changed,
            "{operation}"
        );
        if changed {
            // Nobody is called gone whom no fresh listing has shown to be gone.
            assert!(
                all_are(&stopped.document, "remains"),
                "{}",
                stopped.document
            );
        }
        let (code, removed) = day.json(TEARDOWN);
        assert_eq!(code, 0, "{operation}: {removed}");
        day.settled().await;
        assert_eq!(day.everything().await, Vec::<String>::new());
    }
    day.cloud.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn after_one_ctrl_c_at_any_phase_the_next_deployment_finishes() {
    deployments_stopped(Presses::Once).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_ctrl_c_end_a_deployment_at_once_naming_what_was_in_flight() {
    deployments_stopped(Presses::Twice).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_ctrl_c_in_a_validation_changes_no_stack_and_it_can_run_again() {
    validations_stopped(Presses::Once).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_validation_stopped_by_two_ctrl_c_ends_at_once() {
    validations_stopped(Presses::Twice).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_ctrl_c_in_a_teardown_calls_nobody_removed_and_the_next_finishes() {
    teardowns_stopped(Presses::Once).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_ctrl_c_end_a_teardown_at_once_and_the_next_finishes() {
    teardowns_stopped(Presses::Twice).await;
}
