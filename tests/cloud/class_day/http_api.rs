//! The class day with HTTP APIs, and what becomes of a class whose APIs get another type.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

use serde_json::json;

use super::access::ENFORCED;
use super::*;

/// An HTTP API, and nothing that depends on chance.
const HTTP: [&str; 4] = ["--set", "api_type=HTTP", "--set", "success_rate=1.0"];
const CLASS: [&str; 3] = ["user1", "user2", "user3"];

impl Day {
    /// Runs a verb of a class whose APIs are HTTP APIs.
    fn http(&self, words: &[&str]) -> (i32, Value) {
        self.json(&[words, &HTTP].concat())
    }

    /// The names of the APIs of each type, by plain listings.
    async fn apis(&self) -> [Vec<String>; 2] {
        let cloud = &self.witness().await;
        let rest = all(|token| cloud.rest_apis_page(token)).await;
        let http = all(|token| cloud.http_apis_page(token)).await;
        [rest, http].map(|listed| {
            let mut names: Vec<String> = listed.into_iter().map(|(api, _)| api.name).collect();
            names.sort();
            names
        })
    }
}

/// The address that `deploy` or `status` gives a student.
fn url_of(document: &Value, student: usize) -> String {
    let outputs = &document["students"][student]["outputs"];
    let mut urls = outputs.as_array().into_iter().flatten();
    let url = urls.rfind(|output| output["id"] == "api-url");
    url.unwrap_or_else(|| panic!("no address: {document}"))["value"]
        .as_str()
        .unwrap()
        .to_owned()
}

/// The status of a POST to an address, by nothing of homeroom's.
fn post(url: &str, body: &Value) -> u16 {
    let (host, path) = url
        .strip_prefix("http://")
        .unwrap()
        .split_once('/')
        .unwrap();
    let body = body.to_string();
    let mut stream = TcpStream::connect(host).unwrap();
    write!(
        stream,
        "POST /{path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer).unwrap();
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

fn input(data_type: &str) -> Value {
    json!({ "userId": "user1", "dataType": data_type })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_class_day_with_http_apis_goes_as_with_rest_apis() {
    let day = Day::begin_with(&CLASS, ENFORCED).await;
    let (code, deployed) = day.http(&["deploy"]);
    assert_eq!(
        (code, all_are(&deployed, "deployed")),
        (0, true),
        "{deployed}"
    );
    let names = CLASS.map(|student| format!("{student}-workflow-api"));
    assert_eq!(day.apis().await, [vec![], names.to_vec()]);
    let (code, plan) = day.http(&["plan", "--exit-code"]);
    assert_eq!((code, all_are(&plan, "no-change")), (0, true), "{plan}");

    let (code, granted) = day.http(&["access", "grant", "--access-keys"]);
    assert_eq!(code, 0, "{granted}");
    let (code, proven) = day.http(&["validate", "--isolation"]);
    assert_eq!((code, all_are(&proven, "passed")), (0, true), "{proven}");
    let (code, validated) = day.http(&["validate"]);
    assert_eq!(
        (code, all_are(&validated, "passed")),
        (0, true),
        "{validated}"
    );

    // One student works, at the address that the deployment gave.
    let url = url_of(&deployed, 0);
    for kind in ["sales_data", "customer_data", "inventory_data"] {
        assert_eq!(post(&url, &input(kind)), 202, "{url}");
    }
    assert_eq!(post(&url, &json!({ "userId": "", "dataType": "" })), 202);
    assert_eq!(post(&url, &json!({ "userId": "user1" })), 400);
    let wrong = url.replace("/process", "/proces");
    assert_eq!(post(&wrong, &input("sales_data")), 404, "{wrong}");
    let done = |status: &Value, check: &str| {
        let checks = status["students"][0]["checks"].as_array().unwrap().iter();
        checks
            .filter(|it| it["id"] == check)
            .all(|it| it["verdict"] == "pass")
    };
    let tasks = ["api-valid-data", "error-handling"];
    let mut status = day.http(&["status"]).1;
    // Log events take a moment.
    for _ in 0..100 {
        if tasks.iter().all(|task| done(&status, task)) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        status = day.http(&["status"]).1;
    }
    assert!(tasks.iter().all(|task| done(&status, task)), "{status}");

    let (code, report) = day.http(&["report"]);
    assert_eq!(code, 0, "{report}");
    let page = std::fs::read_to_string(day.folder.path().join("reports/demo/report.html")).unwrap();
    assert!(page.contains(&url), "the report gives the address");
    let (code, _) = day.http(&["handout"]);
    assert_eq!(code, 0);

    // A teardown that knows nothing of the setting finds them.
    let (code, removed) = day.json(&["teardown", "--confirm", "demo"]);
    assert_eq!((code, all_are(&removed, "removed")), (0, true), "{removed}");
    let notes = removed["notes"].to_string();
    assert!(!notes.contains("GAPS"), "{notes}");
    let last = std::fs::read(day.folder.path().join("reports/demo/report.json")).unwrap();
    let last: Value = serde_json::from_slice(&last).unwrap();
    let words = last["students"].as_array().unwrap().iter();
    let words: Vec<_> = words
        .map(|student| student["status"].as_str().unwrap())
        .collect();
    assert_eq!(words, ["in-progress", "not-started", "not-started"]);
    assert_eq!(day.apis().await, [Vec::<String>::new(), vec![]]);
    assert_eq!(day.everything().await, Vec::<String>::new());
    day.cloud.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn another_type_is_made_beside_the_old_api_which_answers_on() {
    let day = Day::begin(&["user1"]).await;
    let (_, before) = day.json(&["deploy"]);
    let (code, plan) = day.http(&["plan"]);
    assert_eq!(code, 0);
    let said = "user1 has the REST API of before, and the lab's is an HTTP API now";
    assert!(plan["notes"].to_string().contains(said), "{plan}");
    let (code, after) = day.http(&["deploy"]);
    assert_eq!((code, all_are(&after, "deployed")), (0, true), "{after}");
    assert!(after["notes"].to_string().contains(said), "{after}");
    let name = vec!["user1-workflow-api".to_owned()];
    assert_eq!(day.apis().await, [name.clone(), name.clone()]);
    let (old, new) = (url_of(&before, 0), url_of(&after, 0));
    assert_ne!(old, new);
    for url in [&old, &new] {
        assert_eq!(post(url, &input("sales_data")), 202, "{url}");
    }
    // Back again: the old API is whole, so only the boundary, which names the console's list of APIs, is written.
    let (code, back) = day.json(&["deploy"]);
    assert_eq!((code, url_of(&back, 0)), (0, old.clone()), "{back}");
    assert_eq!(day.apis().await, [name.clone(), name]);
    assert_eq!(post(&old, &input("sales_data")), 202);
    let (code, removed) = day.http(&["teardown", "--confirm", "demo"]);
    assert_eq!((code, all_are(&removed, "removed")), (0, true), "{removed}");
    assert_eq!(day.apis().await, [Vec::<String>::new(), vec![]]);
    day.cloud.stop().await.unwrap();
}
