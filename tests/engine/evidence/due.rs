//! Work on time and late work: judged by when executions started, at no call more than that needs.

use homeroom::aws::execution::ExecutionStatus;
use homeroom::lab::check::Work;
use homeroom::lab::points::Points;
use jiff::Timestamp;

use super::*;

impl Class {
    fn due(&mut self, at_ms: i64) {
        self.students[0].due = Some(Timestamp::from_millisecond(at_ms).unwrap());
    }
}

impl Class {
    async fn read_as_of(&self, cache: Cache, at_ms: i64) -> ReadClass {
        let (client, _events) = self.client().await;
        let reading = ClassReading {
            lab: &self.lab,
            desired: &self.desired,
            students: &self.students,
            skip: &Default::default(),
            requests_stand: &Default::default(),
            depth: &Depth::Deploy,
            now_ms: self.aws.now_ms(),
            at: Some(Timestamp::from_millisecond(at_ms).unwrap()),
            console: true,
            invoke_url: &|id, stage| format!("https://{id}.example/{stage}"),
        };
        read_class(&client, &reading, cache).await.unwrap()
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_needs_anybody_at_an_earlier_time() {
    let mut class = Class::deployed(1).await;
    (class.students, class.desired) = Class::desired(&class.lab, "demo", 2);
    let (now, _) = class.read(class.empty_cache()).await;
    assert!(now.students[1].trouble.is_some());
    let then = class.read_as_of(now.cache, class.aws.now_ms()).await;
    assert_eq!(then.students[1].trouble, None);
}

/// All points of user1's provable tasks, and those on time; `None` where that is not known of one.
fn points(read: &ReadClass) -> (Points, Option<Points>) {
    let checks = read.students[0].checks.iter();
    let tasks: Vec<_> = checks
        .filter(|c| c.work == Work::Student && c.verdict != Verdict::NotProvable)
        .collect();
    let on_time = tasks.iter().map(|check| check.on_time.map(|t| t.earned));
    (tasks.iter().map(|check| check.earned).sum(), on_time.sum())
}

#[tokio::test(start_paused = true)]
async fn late_work_is_told_apart_and_takes_nothing_from_work_on_time() {
    let mut class = Class::deployed(1).await;
    let before_ms = class.aws.now_ms();
    tokio::time::advance(Duration::from_secs(60)).await;
    class.post("u", "sales_data").await;
    tokio::time::advance(Duration::from_secs(60)).await;
    let due_ms = class.aws.now_ms();
    tokio::time::advance(Duration::from_secs(60)).await;
    class.work().await;
    tokio::time::advance(Duration::from_secs(3_600)).await;

    let (all, without_due) = class.read(class.empty_cache()).await;
    let full = Points::whole(100);
    assert_eq!(points(&all), (full, None), "no time is due");

    // A time that is not over yet, and so no late work, costs no call.
    class.due(class.aws.now_ms() + 1);
    let (on_time, calls) = class.read(class.empty_cache()).await;
    assert_eq!(points(&on_time), (full, Some(full)));
    assert_eq!(calls.0, without_due.0);

    // One of four kinds of data (30 points in thirds), one of five executions (25), and its log event.
    class.due(due_ms);
    let (late, calls) = class.read(on_time.cache).await;
    let student = &late.students[0];
    let of = |id: &str| check(student, id).on_time.map(|t| t.earned);
    assert_eq!(of("console-test"), Some(Points::ZERO));
    assert_eq!(of("api-valid-data"), Some(Points::whole(10)));
    assert_eq!(of("several-executions"), Some(Points::whole(5)));
    assert_eq!(points(&late).0, full);
    assert!(calls.for_students() <= 5, "{:?}", calls.0);
    let (again, calls) = class.read(late.cache.clone()).await;
    assert_eq!(points(&again), points(&late));
    assert_eq!(calls.for_students(), 2, "{:?}", calls.0);

    class.due(before_ms);
    let (all_late, _) = class.read(again.cache).await;
    assert_eq!(points(&all_late), (full, Some(Points::ZERO)));
}

#[tokio::test(start_paused = true)]
async fn as_of_a_time_later_work_does_not_count_and_what_ran_was_running() {
    let class = Class::deployed(1).await;
    tokio::time::advance(Duration::from_secs(60)).await;
    class.post("u", "sales_data").await;
    tokio::time::advance(Duration::from_secs(60)).await;
    let input = json!({"userId": "u", "dataType": "sales_data"});
    class.start("console-test-1", &input).await;
    let at_ms = class.aws.now_ms();
    tokio::time::advance(Duration::from_secs(60)).await;
    class.work().await;
    tokio::time::advance(Duration::from_secs(3_600)).await;
    let (now, _) = class.read(class.empty_cache()).await;
    assert_eq!(now.students[0].progress, Progress::Complete);

    // What later readings remember of the executions does not make them end earlier.
    let then = class.read_as_of(now.cache, at_ms).await;
    let student = &then.students[0];
    assert_eq!(student.progress, Progress::InProgress);
    assert_eq!(student.executions.len(), 2);
    let running = &student.executions[0].1;
    assert_eq!(running.status, ExecutionStatus::Running);
    assert_eq!(running.stopped_ms, None);
    assert_eq!(check(student, "console-test").verdict, Verdict::Fail);
    let data = check(student, "api-valid-data");
    assert_eq!(
        (data.verdict, data.earned),
        (Verdict::Fail, Points::whole(10))
    );
}
