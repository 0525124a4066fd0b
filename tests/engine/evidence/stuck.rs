//! Who is stuck: what reading it costs, and who has gone silent, on paused time.

use homeroom::aws::ApiRequest;
use homeroom::evidence::attention::{find_silent, needs};
use homeroom::evidence::unheard::{Unheard, add_unheard};

use homeroom::aws::pacing::quotas_of_region;
use strict_aws::Run;

use super::*;

/// Calls of a reading that only attention needs.
fn for_attention(calls: &Calls) -> usize {
    let of = |operation: &str| calls.0.get(operation).copied().unwrap_or(0);
    of("logs:FilterLogEvents") + of("states:GetExecutionHistory")
}

impl Class {
    /// Who needs somebody, with why and what is said.
    async fn stuck(&self, cache: Cache) -> (Vec<(String, Value)>, Cache, Calls) {
        let (stuck, cache, calls, note) = self.stuck_or_note(cache).await;
        assert_eq!(note, None);
        (stuck, cache, calls)
    }

    /// [`Self::stuck`], with why the metrics of APIs could not be read.
    async fn stuck_or_note(
        &self,
        cache: Cache,
    ) -> (Vec<(String, Value)>, Cache, Calls, Option<String>) {
        let (read, _) = self.read(cache).await;
        self.told(read).await
    }

    /// The same, of a reading that did not ask for the refused requests of these students.
    async fn stuck_standing(&self, cache: Cache, stand: usize) -> (Vec<(String, Value)>, Cache) {
        let (client, _events) = self.client().await;
        let stand = BTreeSet::from([self.students[stand].username.clone()]);
        let (read, _) = self.read_standing(&client, cache, &stand).await;
        let (stuck, cache, ..) = self.told(read).await;
        (stuck, cache)
    }

    async fn told(&self, read: ReadClass) -> (Vec<(String, Value)>, Cache, Calls, Option<String>) {
        let (mut students, mut cache) = (read.students, read.cache);
        let now = jiff::Timestamp::from_millisecond(self.aws.now_ms()).unwrap();
        find_silent(&mut students, &[], &[], &[], &self.lab, now);
        let unheard = Unheard::of(&students, &read.apis, &cache, now);
        let mut note = None;
        if !unheard.is_empty() {
            let (client, _events) = self.client().await;
            note = unheard.ask(&client, &mut cache).await.unwrap();
        }
        add_unheard(&mut students, &cache, &self.lab);
        let needs = needs(&students).into_iter();
        let needs = needs.map(|need| (need.username.to_string(), json!(need)));
        let cache = Cache::parse(cache.to_json().as_bytes(), &cache.key).unwrap();
        (needs.collect(), cache, Calls::of(&self.aws), note)
    }

    /// For so many minutes user1 works, and everybody is read each time.
    async fn class_works(&self, minutes: u64, mut cache: Cache) -> Cache {
        for _ in 0..minutes / 2 {
            self.send(0, GOOD).await;
            tokio::time::advance(Duration::from_secs(120)).await;
            (_, cache, _, _) = self.stuck_or_note(cache).await;
        }
        cache
    }

    /// The same class, read for a lab that knows no refused requests and no mistakes.
    fn without_attention(&self) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        for part in ["templates", "lambdas"] {
            copy(&root.join(part), &folder.path().join(part));
        }
        let manifest = folder.path().join("templates/lab.toml");
        let text = std::fs::read_to_string(&manifest).unwrap();
        let begin = text.find("api_refusals = [").unwrap();
        let end = begin + text[begin..].find("\n]").unwrap() + 2;
        std::fs::write(&manifest, [&text[..begin], &text[end..]].concat()).unwrap();
        Self {
            lab: bundle::load(Some(folder.path())).unwrap(),
            students: self.students.clone(),
            desired: self.desired.clone(),
            aws: self.aws.clone(),
            recorded: Mutex::default(),
        }
    }

    /// Somebody sends this body to a student's API.
    async fn send(&self, index: usize, body: &str) {
        self.request(index, "POST", "/process", body).await;
    }

    async fn request(&self, index: usize, method: &str, path: &str, body: &str) {
        let (client, _events) = self.client().await;
        let observed = self.observed(&client).await;
        let stack = &self.desired.stacks[index];
        let api = observed.api_of(&self.desired.scope, stack, &stack.apis[0]);
        let id = &api.unwrap().id;
        let cloud = self.aws.backdoor().await;
        let open = Authorization::None;
        let sent = cloud.invoke_api(ApiRequest {
            api_id: id,
            stage: "prod",
            method,
            path,
            body,
            authorization: open,
            agent: "curl/8",
        });
        sent.await.unwrap();
    }
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        match path.is_dir() {
            true => copy(&path, &target),
            false => drop(std::fs::copy(&path, &target).unwrap()),
        }
    }
}

const GOOD: &str = r#"{"userId": "u", "dataType": "sales_data"}"#;

#[tokio::test(start_paused = true)]
async fn a_refused_body_is_told_by_the_log_for_one_call_a_student() {
    let class = Class::deployed(2).await;
    for _ in 0..6 {
        class.send(0, "{").await;
    }
    let (stuck, cache, calls) = class.stuck(class.empty_cache()).await;
    assert_eq!(stuck.len(), 1, "{stuck:?}");
    let need = &stuck[0].1;
    assert_eq!(
        (&need["username"], &need["reason"]),
        (&json!("user1"), &json!("refused-requests"))
    );
    assert_eq!(
        (&need["count"], &need["task"]),
        (&json!(6), &json!("api-valid-data"))
    );
    assert!(
        need["say"].as_str().unwrap().contains("not valid JSON"),
        "{need}"
    );
    assert_eq!(for_attention(&calls), 2, "{:?}", calls.0);
    // They have it: nothing is wrong any more, and what was refused before is not asked again.
    class.send(0, GOOD).await;
    tokio::time::advance(Duration::from_secs(60)).await;
    let (stuck, cache, _) = class.stuck(cache).await;
    assert_eq!(stuck, []);
    // What is refused after a success is seen again.
    for _ in 0..2 {
        class.send(0, "{").await;
    }
    let (stuck, ..) = class.stuck(cache).await;
    assert_eq!(stuck.len(), 1, "{stuck:?}");
}

#[tokio::test(start_paused = true)]
async fn requests_of_a_validation_are_nobodys_mistakes() {
    let class = Class::deployed(2).await;
    let cache = class.validate().await;
    let (read, _) = class.read(cache).await;
    for student in &read.students {
        assert_eq!(student.activity.refusals, [], "{:?}", student.activity);
        assert_eq!(student.trouble, None);
    }
}

#[tokio::test(start_paused = true)]
async fn who_is_silent_while_others_work_is_idle_or_not_started() {
    let class = Class::deployed(3).await;
    // user2 has the first task and is not seen again; user3 never comes.
    class.send(1, GOOD).await;
    let mut cache = class.empty_cache();
    for _ in 0..6 {
        class.send(0, GOOD).await;
        tokio::time::advance(Duration::from_secs(150)).await;
        let (_, kept, _) = class.stuck(cache).await;
        cache = kept;
    }
    let (stuck, ..) = class.stuck(cache).await;
    let reasons: Vec<_> = stuck
        .iter()
        .map(|(name, need)| (name.as_str(), need["reason"].clone()))
        .collect();
    assert_eq!(
        reasons,
        [("user2", json!("idle")), ("user3", json!("not-started"))],
        "{stuck:?}"
    );
}

/// Calls that only attention needs: those of a lab that knows how requests are refused, without those of one that does not.
#[tokio::test(start_paused = true)]
async fn attention_costs_at_most_two_calls_for_each_student() {
    let class = Class::deployed(1).await;
    // The exercise is done, so that no check shows a failure any more.
    class.aws.on_execution(|input| {
        let failed = Run::fails(Duration::from_secs(1), "ProcessingFailed", "x");
        match input["userId"] == "" {
            true => failed,
            false => failed.after("ProcessData", "InvalidRequest", "not 'x'"),
        }
    });
    class
        .start("exercise", &json!({"userId": "", "dataType": ""}))
        .await;
    tokio::time::advance(Duration::from_secs(60)).await;
    let (_, before, _) = class.stuck(class.empty_cache()).await;
    for number in 0..4 {
        let input = json!({"userId": "u", "dataType": "x"});
        class.start(&format!("console-{number}"), &input).await;
    }
    tokio::time::advance(Duration::from_secs(60)).await;
    let (stuck, after, calls) = class.stuck(before.clone()).await;
    assert_eq!(stuck[0].1["reason"], "repeated-failure", "{stuck:?}");
    assert_eq!(stuck[0].1["count"], 4);
    let plain = class.without_attention();
    let (_, without) = plain.read(before).await;
    let more = calls.for_students() - without.for_students();
    assert!(more <= 2, "{:?} {:?}", calls.0, without.0);
    let (again, _, calls) = class.stuck(after).await;
    assert_eq!(again, stuck);
    let asked = calls.0.get("states:GetExecutionHistory");
    assert_eq!(asked, None, "a cause that is known is not asked again");
}

#[tokio::test(start_paused = true)]
async fn a_class_of_30_is_read_again_within_5_seconds() {
    let class = Class::deployed(30).await;
    for index in 0..30 {
        class.send(index, "{").await;
        class.send(index, "{").await;
    }
    let (sender, _events) = mpsc::unbounded_channel();
    let cloud = class.aws.cloud().await;
    let client = cloud.in_run(
        Pace::Scaled(1.0),
        quotas_of_region(REGION),
        Stop::new(),
        sender,
    );
    let began = tokio::time::Instant::now();
    let (read, _) = class.read_by(&client, class.empty_cache()).await;
    assert_eq!(needs(&read.students).len(), 30);
    tokio::time::advance(Duration::from_secs(60)).await;
    let again = tokio::time::Instant::now();
    let (_, calls) = class.read_by(&client, read.cache).await;
    let (first, then) = (again - began - Duration::from_secs(60), again.elapsed());
    assert!(
        then <= Duration::from_secs(5),
        "{first:?}, then {then:?} {:?}",
        calls.0
    );
}

/// The metrics that a reading asked.
fn asked(calls: &Calls) -> usize {
    calls
        .0
        .get("cloudwatch:GetMetricData")
        .copied()
        .unwrap_or(0)
}

fn reasons(stuck: &[(String, Value)]) -> Vec<(&str, &str)> {
    stuck
        .iter()
        .map(|(name, need)| (name.as_str(), need["reason"].as_str().unwrap()))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn requests_that_reach_no_function_are_told_by_the_metric() {
    let class = Class::deployed(4).await;
    class.send(1, GOOD).await;
    let cache = class.class_works(4, class.empty_cache()).await;
    // user2 has a success and sends GET since; user3 posts to another path and has nothing; user4 is not there.
    for _ in 0..7 {
        class.request(1, "GET", "/process", "").await;
    }
    for _ in 0..2 {
        class.request(2, "POST", "/", GOOD).await;
    }
    let cache = class.class_works(10, cache).await;
    let (stuck, cache, calls) = class.stuck(cache).await;
    assert_eq!(
        reasons(&stuck),
        [
            ("user2", "refused-requests"),
            ("user3", "refused-requests"),
            ("user4", "not-started")
        ]
    );
    let need = &stuck[0].1;
    assert_eq!(
        (&need["count"], &stuck[1].1["count"]),
        (&json!(7), &json!(2))
    );
    let cause = need["cause"].as_str().unwrap();
    assert!(cause.contains("wrong method or path"), "{cause}");
    let say = need["say"].as_str().unwrap();
    assert!(say.contains("by POST") && say.contains("/process"), "{say}");
    assert_eq!(need["task"], "api-valid-data");
    assert!(asked(&calls) <= 1, "{:?}", calls.0);
    // Asked a moment later, there can be nothing new. And who has a success is well.
    tokio::time::advance(Duration::from_secs(20)).await;
    let (again, cache, calls) = class.stuck(cache).await;
    assert_eq!((again, asked(&calls)), (stuck, 0));
    class.send(1, GOOD).await;
    let (stuck, ..) = class.stuck(cache).await;
    assert_eq!(reasons(&stuck)[0], ("user3", "refused-requests"));
}

#[tokio::test(start_paused = true)]
async fn what_the_function_refused_is_not_counted_twice() {
    let class = Class::deployed(2).await;
    let cache = class.class_works(2, class.empty_cache()).await;
    // One slip, which the log tells and the metric counts, too.
    class.send(1, "{").await;
    let cache = class.class_works(14, cache).await;
    let (stuck, cache, _) = class.stuck(cache).await;
    assert_eq!(reasons(&stuck), [("user2", "idle")]);
    assert!(stuck[0].1["cause"].as_str().unwrap().contains("400"));
    // The function refuses once more, and from the next minutes on it is not reached.
    class.send(1, "{").await;
    let cache = class.class_works(2, cache).await;
    for _ in 0..3 {
        class.request(1, "PUT", "/process", "{").await;
    }
    let cache = class.class_works(12, cache).await;
    let (stuck, ..) = class.stuck(cache).await;
    // Two by the function are a trouble of their own.
    assert_eq!(stuck[0].1["count"], 2, "{stuck:?}");
    assert!(stuck[0].1["cause"].as_str().unwrap().contains("400"));
}

#[tokio::test(start_paused = true)]
async fn who_is_idle_stays_so_where_their_log_is_not_asked_this_time() {
    let class = Class::deployed(2).await;
    class.send(1, GOOD).await;
    let cache = class.class_works(12, class.empty_cache()).await;
    let (stuck, cache, _) = class.stuck(cache).await;
    assert_eq!(reasons(&stuck), [("user2", "idle")]);
    tokio::time::advance(Duration::from_secs(10)).await;
    let (stuck, _) = class.stuck_standing(cache, 1).await;
    assert_eq!(reasons(&stuck), [("user2", "idle")]);
}

#[tokio::test(start_paused = true)]
async fn what_the_function_refused_is_its_own_where_its_log_was_not_read() {
    let class = Class::deployed(2).await;
    class.send(1, GOOD).await;
    let mut cache = class.class_works(12, class.empty_cache()).await;
    for _ in 0..3 {
        class.send(1, "{").await;
    }
    for _ in 0..3 {
        class.send(0, GOOD).await;
        tokio::time::advance(Duration::from_secs(120)).await;
        let stuck;
        (stuck, cache) = class.stuck_standing(cache, 1).await;
        assert_eq!(reasons(&stuck), [("user2", "idle")]);
    }
    let (stuck, ..) = class.stuck(cache).await;
    assert_eq!(reasons(&stuck), [("user2", "refused-requests")]);
    assert!(stuck[0].1["cause"].as_str().unwrap().contains("400"));
}

#[tokio::test(start_paused = true)]
async fn one_stray_request_leaves_idle_and_the_last_failure_is_kept() {
    let class = Class::deployed(2).await;
    let cache = class.class_works(2, class.empty_cache()).await;
    class.send(1, "{").await;
    let cache = class.class_works(2, cache).await;
    class.request(1, "GET", "/process", "").await;
    let cache = class.class_works(12, cache).await;
    let (stuck, cache, _) = class.stuck(cache).await;
    assert_eq!(reasons(&stuck), [("user2", "idle")]);
    let say = stuck[0].1["say"].clone();
    assert!(say.as_str().unwrap().contains("not valid JSON"), "{say}");
    class.request(1, "GET", "/process", "").await;
    let cache = class.class_works(6, cache).await;
    let (stuck, ..) = class.stuck(cache).await;
    assert_eq!(reasons(&stuck), [("user2", "refused-requests")]);
    let cause = stuck[0].1["cause"].as_str().unwrap();
    assert!(
        cause.contains("400") && cause.contains("wrong method"),
        "{cause}"
    );
    assert_eq!(stuck[0].1["say"], say);
}

#[tokio::test(start_paused = true)]
async fn a_metric_that_cannot_be_read_leaves_who_is_silent_idle() {
    let class = Class::deployed(3).await;
    class.send(1, GOOD).await;
    let cache = class.class_works(4, class.empty_cache()).await;
    for _ in 0..2 {
        class.request(1, "GET", "/process", "").await;
    }
    let cache = class.class_works(8, cache).await;
    for fault in [Fault::AccessDenied, Fault::Throttle] {
        let aws = class.aws.copy();
        let class = Class {
            lab: class.lab.clone(),
            students: class.students.clone(),
            desired: class.desired.clone(),
            aws,
            recorded: Mutex::new(class.recorded.lock().unwrap().clone()),
        };
        class
            .aws
            .inject(Rule::on("cloudwatch:GetMetricData").fault(fault.clone()));
        tokio::time::advance(Duration::from_secs(120)).await;
        class.send(0, GOOD).await;
        let began = tokio::time::Instant::now();
        let (stuck, _, calls, note) = class.stuck_or_note(class.empty_cache()).await;
        assert_eq!(
            reasons(&stuck),
            [("user2", "idle"), ("user3", "not-started")]
        );
        // Today's words, no count, one note, one call, and no waiting.
        assert_eq!(stuck[0].1["count"], Value::Null);
        assert!(note.unwrap().contains("4XXError"));
        assert_eq!(asked(&calls), 1, "{:?}", calls.0);
        assert!(began.elapsed() < Duration::from_secs(10));
        // What was known before stays known.
        let (stuck, ..) = class.stuck_or_note(cache.clone()).await;
        assert_eq!(reasons(&stuck)[0], ("user2", "refused-requests"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_metric_without_data_says_nothing() {
    let class = Class::deployed(2).await;
    class.aws.set_metric_lag(Duration::from_secs(3600));
    class.send(1, GOOD).await;
    let cache = class.class_works(4, class.empty_cache()).await;
    for _ in 0..2 {
        class.request(1, "GET", "/process", "").await;
    }
    let cache = class.class_works(10, cache).await;
    let (stuck, ..) = class.stuck(cache).await;
    assert_eq!(reasons(&stuck), [("user2", "idle")]);
    assert_eq!(stuck[0].1["count"], Value::Null);
}

#[tokio::test(start_paused = true)]
async fn what_a_validation_was_refused_is_nobodys_wrong_method() {
    let class = Class::deployed(2).await;
    class.send(0, GOOD).await;
    tokio::time::advance(Duration::from_secs(60)).await;
    // The API does not answer yet, as a new stage may not.
    for _ in 0..2 {
        class.request(1, "GET", "/process", "").await;
    }
    let cache = class.validate().await;
    let cache = class.class_works(14, cache).await;
    let (stuck, ..) = class.stuck(cache).await;
    assert_eq!(reasons(&stuck), [("user2", "not-started")]);
}

#[tokio::test(start_paused = true)]
async fn a_class_of_silent_students_costs_one_call_for_the_metric() {
    let class = Class::deployed(30).await;
    let cache = class.class_works(2, class.empty_cache()).await;
    for index in 1..30 {
        class.request(index, "GET", "/", "").await;
        class.request(index, "GET", "/", "").await;
    }
    let cache = class.class_works(12, cache).await;
    tokio::time::advance(Duration::from_secs(60)).await;
    let (stuck, _, calls) = class.stuck(cache).await;
    assert_eq!(stuck.len(), 29);
    let refused = |(_, need): &(String, Value)| need["reason"] == "refused-requests";
    assert!(stuck.iter().all(refused), "{:?}", reasons(&stuck));
    assert_eq!(asked(&calls), 1);
}

#[tokio::test(start_paused = true)]
async fn an_execution_that_is_begun_once_more_is_a_sign_of_life() {
    let class = Class::deployed(2).await;
    class
        .aws
        .on_execution(|_| Run::fails(Duration::from_secs(1), "ProcessingFailed", "x"));
    let input = json!({"userId": "u", "dataType": "x"});
    class.start("mine", &input).await;
    tokio::time::advance(Duration::from_secs(600)).await;
    let (read, before) = class.read(class.empty_cache()).await;
    let seen = |student: &StudentProgress| student.activity.last_seen_ms;
    let first = seen(&read.students[0]).unwrap();
    let arn = read.students[0].executions[0].1.arn.clone();
    class.aws.redrive(&arn);
    let (read, after) = class.read(read.cache).await;
    let activity = &read.students[0].activity;
    assert!(
        activity.last_seen_ms.unwrap() > first + 500_000,
        "{activity:?}"
    );
    assert_eq!(activity.attempts.len(), 2, "the first try stays one");
    assert_eq!(activity.first_seen_ms, Some(first));
    let listings = |calls: &Calls| calls.0.get("states:ListExecutions").copied();
    assert_eq!(listings(&before), listings(&after));
}

#[tokio::test(start_paused = true)]
async fn a_class_of_30_is_read_in_5_seconds_where_logs_are_slower_too() {
    let class = Class::deployed(30).await;
    for index in 0..30 {
        class.send(index, "{").await;
        class.send(index, "{").await;
    }
    let (sender, _events) = mpsc::unbounded_channel();
    let cloud = class.aws.cloud().await;
    // The quotas of the other regions.
    let slow = homeroom::aws::pacing::Overrides::new();
    let client = cloud.in_run(Pace::Scaled(1.0), slow, Stop::new(), sender);
    let (read, _) = class.read_by(&client, class.empty_cache()).await;
    tokio::time::advance(Duration::from_secs(60)).await;
    class.send(29, "{").await;
    tokio::time::advance(Duration::from_secs(10)).await;
    let stand = class.students[18..].iter();
    let stand: BTreeSet<_> = stand.map(|student| student.username.clone()).collect();
    let began = tokio::time::Instant::now();
    let (read, calls) = class.read_standing(&client, read.cache, &stand).await;
    let took = began.elapsed();
    assert!(took <= Duration::from_secs(5), "{took:?} {:?}", calls.0);
    // Nothing that was known is lost, and it says how old it is.
    assert_eq!(needs(&read.students).len(), 30);
    for student in &read.students {
        let stands = stand.contains(&student.username);
        assert_eq!(student.activity.requests_as_of.is_some(), stands);
    }
    assert_eq!(read.students[29].activity.refusals.len(), 2);
    // At their turn, what was refused meanwhile is seen.
    tokio::time::advance(Duration::from_secs(60)).await;
    let (read, _) = class.read_by(&client, read.cache).await;
    assert_eq!(read.students[29].activity.refusals.len(), 3);
}
