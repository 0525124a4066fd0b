//! The minute in class: a played day of students who are stuck in seven ways and three who are not, with the lab's real
//! code, and what the instructor is told of each.

use homeroom::aws::{ApiRequest, MetricStage};
use homeroom::stack::kinds::api::Authorization;
use homeroom::stack::kinds::state_machine::WorkflowType;

use super::access::zip_of;
use super::*;

const CLASS: [&str; 10] = [
    "typo",
    "malformed",
    "syntax",
    "workflow",
    "console",
    "missing",
    "broken",
    "done",
    "slip",
    "exercise",
];

fn machine(student: &str) -> String {
    format!("arn:aws:states:us-east-1:000000000000:stateMachine:{student}-simple-workflow")
}

struct Classroom {
    cloud: Client,
    apis: BTreeMap<String, String>,
}

impl Classroom {
    /// A request to a student's API; the status of the answer.
    async fn post(&self, student: &str, body: &str) -> u16 {
        let api = &self.apis[&format!("{student}-workflow-api")];
        let open = Authorization::None;
        let sent = self.cloud.invoke_api(ApiRequest {
            api_id: api,
            stage: "prod",
            method: "POST",
            path: "/process",
            body,
            authorization: open,
            agent: "curl/8.5",
        });
        let answer = sent.await.unwrap();
        if let Ok(answer) = serde_json::from_str::<Value>(&answer.body)
            && let Some(arn) = answer["executionArn"].as_str()
        {
            self.ends(arn).await;
        }
        answer.status
    }

    async fn start(&self, student: &str, name: &str, input: &str) {
        let started = self
            .cloud
            .start_execution(&machine(student), name, input)
            .await;
        self.ends(&started.unwrap()).await;
    }

    async fn ends(&self, arn: &str) {
        while !self
            .cloud
            .describe_execution(arn)
            .await
            .unwrap()
            .status
            .is_final()
        {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// A student edits their workflow.
    async fn edit_workflow(&self, student: &str, from: &str, to: &str) {
        let arn = machine(student);
        let detail = self.cloud.describe_state_machine(&arn).await.unwrap();
        let edited = detail.definition.replace(from, to);
        assert_ne!(edited, detail.definition);
        let new = NewStateMachine {
            name: &format!("{student}-simple-workflow"),
            workflow_type: WorkflowType::Standard,
            role_arn: detail.role_arn,
            definition: edited,
            tags: Default::default(),
        };
        self.cloud
            .update_state_machine(&arn, &new, &[])
            .await
            .unwrap();
    }

    async fn play(&self) {
        let body = |data: &str| format!(r#"{{"userId": "me", "dataType": "{data}"}}"#);
        for _ in 0..3 {
            assert_eq!(self.post("typo", &body("inventory")).await, 202);
            assert_eq!(self.post("exercise", &body("sales_data")).await, 202);
        }
        for _ in 0..6 {
            assert_eq!(self.post("malformed", r#"{"userId": "me", "#).await, 400);
        }
        for _ in 0..2 {
            assert_eq!(self.post("missing", r#"{"userId": "me"}"#).await, 400);
        }
        let code = zip_of("def lambda_handler(event, context)\n    return {}\n");
        let written = self
            .cloud
            .update_function_code("syntax-trigger-workflow", &code)
            .await;
        written.unwrap();
        assert!(self.post("syntax", &body("sales_data")).await >= 500);
        let (from, to) = ("$.processing.status", "$.processed.status");
        self.edit_workflow("workflow", from, to).await;
        for number in 0..2 {
            self.start("workflow", &format!("try-{number}"), &body("sales_data"))
                .await;
        }
        for number in 0..8 {
            self.start(
                "console",
                &format!("test-{number}"),
                r#"{"userid": "me", "datatype": "sales_data"}"#,
            )
            .await;
        }
        self.cloud
            .delete_function("broken-process-data")
            .await
            .unwrap();
        // One slip, mended; and the exercise, whose failure is asked for.
        self.start("slip", "console-1", &body("sales")).await;
        self.start("slip", "console-2", &body("sales_data")).await;
        for _ in 0..2 {
            assert_eq!(self.post("exercise", &body("")).await, 202);
        }
        self.start("done", "console-test-1", &body("sales_data"))
            .await;
        for data in [
            "sales_data",
            "customer_data",
            "inventory_data",
            "analytics_data",
        ] {
            assert_eq!(self.post("done", &body(data)).await, 202);
        }
        let empty = r#"{"userId": "", "dataType": ""}"#;
        assert_eq!(self.post("done", empty).await, 202);
        assert_eq!(self.post("exercise", empty).await, 202);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_who_is_stuck_is_told_with_reason_cause_and_sentence() {
    let day = Day::begin(&CLASS).await;
    std::fs::write(
        day.folder.path().join("homeroom.toml"),
        "[settings]\nsuccess_rate = 1.0\n",
    )
    .unwrap();
    assert_eq!(day.json(&["deploy"]).0, 0);
    let classroom = Classroom {
        cloud: day.witness().await,
        apis: day.api_ids().await,
    };
    classroom.play().await;
    let (_, status) = day.json(&["status"]);
    let needs = status["attention"].as_array().unwrap();
    let of = |student: &str| {
        let mut found = needs.iter();
        found
            .find(|need| need["username"] == student)
            .unwrap_or_else(|| panic!("{student}: {needs:#?}"))
    };
    for (student, reason, count, cause, say) in [
        ("broken", "stack-broken", None, "process-data", "deploy"),
        (
            "syntax",
            "own-change",
            Some(1),
            "Their own change: Lambda function syntax-trigger-workflow",
            "trigger function",
        ),
        (
            "workflow",
            "own-change",
            Some(2),
            "Their own change: state machine",
            "Your own change of the workflow",
        ),
        (
            "console",
            "repeated-failure",
            Some(8),
            "InvalidRequest",
            "userId",
        ),
        (
            "typo",
            "repeated-failure",
            Some(3),
            "not 'inventory'",
            "write inventory_data",
        ),
        (
            "malformed",
            "refused-requests",
            Some(6),
            "answered 400: the body is not valid JSON",
            "not valid JSON",
        ),
        (
            "missing",
            "refused-requests",
            Some(2),
            "missing: dataType",
            "no field dataType",
        ),
    ] {
        let need = of(student);
        assert_eq!(need["reason"], reason, "{student}: {need:#}");
        assert_eq!(
            need["count"],
            serde_json::json!(count),
            "{student}: {need:#}"
        );
        assert!(
            need["cause"].as_str().unwrap().contains(cause),
            "{student}: {need:#}"
        );
        assert!(
            need["say"].as_str().unwrap().contains(say),
            "{student}: {need:#}"
        );
    }
    assert_eq!(
        needs.len(),
        7,
        "those who get on are not among them: {needs:#?}"
    );
    let order: Vec<_> = needs
        .iter()
        .map(|need| need["reason"].as_str().unwrap())
        .collect();
    let ranked = [
        "stack-broken",
        "own-change",
        "own-change",
        "repeated-failure",
        "repeated-failure",
        "refused-requests",
        "refused-requests",
    ];
    assert_eq!(order, ranked);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_embedded_cloud_has_no_metrics_and_says_so_at_once() {
    let day = Day::begin_behind_proxy(&["user1"]).await;
    let endpoint = day.cloud.endpoint();
    let stage = MetricStage {
        api_type: homeroom::ids::ApiType::Rest,
        api: "user1-workflow-api".into(),
        stage: "prod".into(),
    };
    for url in [&endpoint.url, &day.url()] {
        let cloud = connect(ConnectOptions {
            region: "us-east-1".into(),
            endpoint_url: Some(url.clone()),
            credentials: Some((endpoint.access_key.clone(), endpoint.secret_key.clone())),
            ..ConnectOptions::default()
        });
        let stages = std::slice::from_ref(&stage);
        let answer = cloud.await.client_errors(stages, 0, 60_000).await;
        assert_eq!(answer.unwrap(), [Vec::new()], "{url}");
    }
    day.cloud.stop().await.unwrap();
}
