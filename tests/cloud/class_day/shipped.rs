//! The labs that lie beside the built-in one: each class day, and their functions by themselves.

use std::path::PathBuf;

use super::rehearsal::{kept, rehearse};
use super::*;

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What became of a class of four: two who do everything, one who does half, and one who does nothing.
fn class_day_of(lab: &str) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let lab = repository().join("labs").join(lab);
    let output = rehearse(
        folder.path(),
        &[
            "--lab",
            lab.to_str().unwrap(),
            "--students",
            "user1,user2,user3,user4",
            "--output",
            "json",
        ],
    );
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert_eq!(kept(folder.path()), Vec::<PathBuf>::new());
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The checks of a student's work, and what each has earned of what it is worth.
fn earned(day: &Value, student: usize) -> Vec<(&str, f64, f64)> {
    let checks = day["students"][student]["checks"].as_array().unwrap();
    let work = checks.iter().filter(|check| check["work"] == "student");
    let points = |check: &Value, key: &str| check[key].as_f64().unwrap();
    work.map(|check| {
        let id = check["id"].as_str().unwrap();
        (id, points(check, "earned"), points(check, "points"))
    })
    .collect()
}

fn everybody_gets_what_they_did(day: &Value, tasks: usize) {
    for student in [0, 1] {
        let earned = earned(day, student);
        assert_eq!(earned.len(), tasks);
        assert!(
            earned.iter().all(|(_, got, worth)| got == worth),
            "{earned:?}"
        );
        let sum: f64 = earned.iter().map(|(_, got, _)| got).sum();
        assert!((sum - 100.0).abs() < 0.001, "{earned:?}");
    }
    assert_eq!(day["students"][2]["outcome"], "in-progress");
    assert_eq!(day["students"][3]["outcome"], "not-started");
    let idle = earned(day, 3);
    assert!(idle.iter().all(|(_, got, _)| *got == 0.0), "{idle:?}");
    let notes = day["notes"].to_string();
    assert!(
        notes.contains("a fresh listing shows nothing of the class"),
        "{notes}"
    );
}

#[test]
fn the_lab_of_orders_goes_through_a_class_day() {
    everybody_gets_what_they_did(&class_day_of("orders"), 7);
}

#[test]
fn the_lab_of_approvals_goes_through_a_class_day() {
    everybody_gets_what_they_did(&class_day_of("approval"), 6);
}

#[test]
fn the_units_of_each_labs_functions_pass() {
    let folders = [
        ("lambdas", 20),
        ("labs/orders/lambdas", 20),
        ("labs/approval/lambdas", 10),
    ];
    for (folder, least) in folders {
        let run = Command::new("python3")
            .args(["-B", "-m", "unittest"])
            .current_dir(repository().join(folder))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&run.stderr);
        assert!(run.status.success(), "{folder}: {said}");
        let ran = said
            .split("Ran ")
            .nth(1)
            .and_then(|rest| rest.split(' ').next());
        let ran: usize = ran.unwrap().parse().unwrap();
        assert!(ran >= least, "{folder}: {said}");
    }
}

/// Each order of a student fails twice in the same way, in the one branch or in the other, whichever ends first.
#[tokio::test(flavor = "multi_thread")]
async fn why_a_branch_of_a_parallel_failed_is_told_with_its_sentence() {
    let day = Day::begin(&["stock", "payment"]).await;
    let lab = repository().join("labs/orders");
    let lab = lab.to_str().unwrap();
    assert_eq!(day.json(&["--lab", lab, "deploy"]).0, 0);
    let cloud = day.witness().await;
    let order = |payment, sku| {
        serde_json::json!({
            "customer": "me",
            "shipping": "pickup",
            "payment": payment,
            "lines": [{ "sku": sku, "quantity": 1 }],
        })
    };
    let orders = [
        ("stock", order("card", "cupp"), "write cup"),
        ("payment", order("invoce", "cup"), "write invoice"),
    ];
    for (student, order, _) in &orders {
        let machine =
            format!("arn:aws:states:us-east-1:000000000000:stateMachine:{student}-fulfil-order");
        for name in ["one", "two"] {
            let input = order.to_string();
            let started = cloud.start_execution(&machine, name, &input).await;
            let arn = started.unwrap();
            let ended = async || {
                cloud
                    .describe_execution(&arn)
                    .await
                    .unwrap()
                    .status
                    .is_final()
            };
            while !ended().await {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    let (_, status) = day.json(&["--lab", lab, "status"]);
    for (student, _, say) in orders {
        let mut needs = status["attention"].as_array().unwrap().iter();
        let need = needs.find(|need| need["username"] == student);
        let need = need.unwrap_or_else(|| panic!("{student}: {status:#}"));
        assert_eq!(
            (&need["reason"], &need["count"]),
            (&"repeated-failure".into(), &2.into())
        );
        assert!(
            need["cause"].as_str().unwrap().contains("InvalidOrder"),
            "{need:#}"
        );
        assert!(need["say"].as_str().unwrap().contains(say), "{need:#}");
    }
    day.cloud.stop().await.unwrap();
}
