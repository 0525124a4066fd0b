//! Grades to a Canvas that is strict: it wants the token, serves two of a list at a time under addresses that only it
//! knows, writes its texts in German, and takes its time.

mod fake;

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use futures::stream::{self, Stream, StreamExt};

use crate::report::canvas::tests::{UNKNOWN, report, student};
use crate::report::gradebook::{GradeRules, Judged};
use crate::roster::Student;
use crate::text::failure::Failure;

use super::{Canvas, Course, Place, Push, PushEnd};
use fake::{Fake, TOKEN, TWELVE};

const PLACE: Place = Place {
    course: 12,
    assignment: 345,
};

/// Five students with 100, 80, 45, unknown and 20 points of 100.
fn class() -> Vec<(Student, f64)> {
    vec![
        (student("user1", "Ana Ruiz", "ana.ruiz@example.edu"), 100.0),
        (student("user2", "Ben Ito", "ben.ito@example.edu"), 80.0),
        (student("user3", "Cora Weiss", "cora@example.edu"), 45.0),
        (student("user4", "Dan Núñez", "dan@example.edu"), UNKNOWN),
        (student("user5", "Eve Stone", "eve@example.edu"), 20.0),
    ]
}

fn canvas(fake: &Fake) -> Canvas {
    Canvas::new(fake.url().parse().unwrap(), TOKEN.into())
}

fn judged(course: &Course, lower: bool) -> Judged {
    let class = class();
    let roster: Vec<Student> = class.iter().map(|(student, _)| student.clone()).collect();
    course.gradebook.judge(
        &report(&class),
        &roster,
        GradeRules {
            lower,
            count_late: false,
        },
    )
}

async fn course(fake: &Fake) -> Course {
    Course::read(&canvas(fake), PLACE).await.unwrap()
}

async fn push(fake: &Fake) -> Push {
    let course = course(fake).await;
    Push::of(&course, &judged(&course, false))
}

fn changes(push: &Push) -> Vec<String> {
    let grades = push.grades.iter();
    grades
        .map(|g| format!("{} {}", g.username, g.change()))
        .collect()
}

async fn refused(fake: &Fake) -> String {
    let failures = Course::read(&canvas(fake), PLACE).await.unwrap_err();
    let said = failures.iter().map(Failure::to_string);
    said.collect::<Vec<_>>().join("\n")
}

/// The five: nothing yet, 80 already, 20, 10, excused.
async fn five() -> Fake {
    let fake = Fake::start().await;
    fake.enrol(1, "Ruiz, Ana", "ana.ruiz@example.edu", None);
    fake.enrol(2, "Ito, Ben", "ben.ito@example.edu", Some(80.0));
    fake.enrol(3, "Weiss, Cora", "cora@example.edu", Some(12.5));
    fake.enrol(4, "Núñez, Dan", "dan@example.edu", Some(10.0));
    fake.enrol(5, "Stone, Eve", "eve@example.edu", None);
    fake.excuse(5);
    fake
}

#[tokio::test]
async fn a_dry_run_reads_every_page_and_writes_nothing() {
    let fake = five().await;
    let course = course(&fake).await;
    let judged = judged(&course, false);
    let push = Push::of(&course, &judged);
    assert_eq!(changes(&push), ["user1 – → 100", "user3 12.5 → 45"]);
    let notes = judged.notes();
    assert!(
        notes
            .iter()
            .any(|n| n.contains("user4 not filled in: could not be checked")),
        "{notes:?}"
    );
    assert!(
        notes
            .iter()
            .any(|n| n.contains("user5 not filled in: excused in Canvas")),
        "{notes:?}"
    );
    assert_eq!(fake.writes(), 0);
    assert_eq!(push.lines()[1].trim(), "user3  12.5 → 45  Weiss, Cora");
}

#[tokio::test]
async fn only_what_changed_is_sent_and_read_back() {
    let fake = five().await;
    let push = push(&fake).await;
    let wrote = push.write(&canvas(&fake), stream::pending()).await;
    assert_eq!(wrote.ended, [PushEnd::Written, PushEnd::Written]);
    assert!(wrote.failures.is_empty(), "{:?}", wrote.failures);
    assert_eq!(fake.sent(), [(1, "100".to_owned()), (3, "45".to_owned())]);
    assert_eq!(fake.score(2), Some(80.0));
    // Nothing is left to do.
    assert_eq!(changes(&self::push(&fake).await), [""; 0]);
}

#[tokio::test]
async fn parts_of_points_are_sent_with_a_point_in_every_language() {
    let fake = five().await;
    fake.assignment(|a| a["points_possible"] = 12.5.into());
    let push = push(&fake).await;
    push.write(&canvas(&fake), stream::pending()).await;
    assert_eq!(fake.sent()[0], (1, "12.5".to_owned()));
}

#[tokio::test]
async fn a_lower_grade_stays_unless_lowering_is_asked_for() {
    let fake = Fake::start().await;
    fake.enrol(3, "Weiss, Cora", "cora@example.edu", Some(90.0));
    let course = course(&fake).await;
    assert_eq!(
        changes(&Push::of(&course, &judged(&course, false))),
        [""; 0]
    );
    assert_eq!(judged(&course, false).lowers.len(), 1);
    assert_eq!(
        changes(&Push::of(&course, &judged(&course, true))),
        ["user3 90 → 45"]
    );
}

#[tokio::test]
async fn namesakes_and_absent_students_get_nobodys_grade() {
    let fake = Fake::start().await;
    fake.enrol(1, "Ruiz, Ana", "", None);
    fake.enrol(2, "Ruiz, Ana", "", None);
    fake.enrol(9, "Nobody, Ned", "ned@example.edu", None);
    let course = course(&fake).await;
    let judged = judged(&course, false);
    assert_eq!(changes(&Push::of(&course, &judged)), [""; 0]);
    let why = |name: &str| {
        judged
            .left
            .iter()
            .find(|l| l.username.as_str() == name)
            .unwrap()
    };
    assert_eq!(why("user1").why, "more than one row has their name");
    assert_eq!(
        why("user1").detail,
        "'Ruiz, Ana' (ID 1) and 'Ruiz, Ana' (ID 2)"
    );
    assert!(
        why("user2").why.starts_with("no row has"),
        "{:?}",
        why("user2")
    );
    assert_eq!(judged.strangers, ["'Nobody, Ned'"]);
}

#[tokio::test]
async fn who_is_matched_by_name_alone_can_be_left_out() {
    let fake = Fake::start().await;
    fake.enrol(1, "Ruiz, Ana", "", None);
    fake.enrol(2, "Ito, Ben", "", Some(80.0));
    fake.enrol(3, "Weiss, Cora", "cora@example.edu", None);
    let course = course(&fake).await;
    let mut judged = judged(&course, false);
    assert_eq!(judged.by_name.len(), 2);
    assert_eq!(Push::of(&course, &judged).grades.len(), 2);
    judged.leave_out_by_name("matched by name alone");
    assert_eq!(changes(&Push::of(&course, &judged)), ["user3 – → 45"]);
    let notes = judged.notes();
    let left = "user1 not filled in: matched by name alone";
    assert!(notes.iter().any(|n| n.contains(left)), "{notes:?}");
    // Who has the grade already is no change.
    assert!(!judged.left.iter().any(|l| l.username.as_str() == "user2"));
}

#[tokio::test]
async fn whom_the_assignment_is_not_assigned_to_gets_no_grade() {
    let fake = five().await;
    fake.hide(1);
    assert_eq!(changes(&push(&fake).await), ["user3 12.5 → 45"]);
}

#[tokio::test]
async fn a_grade_that_changed_since_the_list_is_not_overwritten() {
    let fake = five().await;
    let push = push(&fake).await;
    fake.grade(3, Some(77.0));
    let wrote = push.write(&canvas(&fake), stream::pending()).await;
    assert_eq!(wrote.ended[0], PushEnd::Written);
    let said = wrote.ended[1].failure(&push.grades[1]).unwrap().to_string();
    assert!(said.contains("Canvas has 77 now"), "{said}");
    assert_eq!((fake.score(3), fake.sent().len()), (Some(77.0), 1));
}

#[tokio::test]
async fn a_failure_half_way_tells_who_was_written_and_who_was_not() {
    let fake = five().await;
    let push = push(&fake).await;
    fake.give_up_after(1);
    let wrote = push.write(&canvas(&fake), stream::pending()).await;
    assert_eq!(wrote.ended, [PushEnd::Written, PushEnd::NotWritten]);
    assert!(
        wrote.failures[0]
            .to_string()
            .contains("Canvas gave up: no \u{2014} database"),
        "{:?}",
        wrote.failures
    );
}

#[tokio::test]
async fn what_canvas_made_of_a_grade_is_told_where_it_differs() {
    let fake = five().await;
    let push = push(&fake).await;
    fake.turn(3, 44.0);
    let wrote = push.write(&canvas(&fake), stream::pending()).await;
    let said = wrote.ended[1].failure(&push.grades[1]).unwrap();
    assert!(said.subject.contains("user3"), "{said}");
    assert!(
        said.to_string().contains("45 was sent, and Canvas has 44"),
        "{said}"
    );
}

/// Comes once this is so, at the next answer of the server.
fn once(is_so: impl Fn() -> bool) -> impl Stream<Item = ()> {
    stream::once(poll_fn(move |_| match is_so() {
        true => Poll::Ready(()),
        false => Poll::Pending,
    }))
}

#[tokio::test]
async fn a_second_stop_ends_the_reading_back_and_leaves_it_unverified() {
    let fake = five().await;
    let push = push(&fake).await;
    fake.hold_after_a_write();
    // Canvas does not say how the job goes on, and then not what it has.
    let held = |requests: usize| {
        let fake = &fake;
        stream::once(async move {
            while fake.held() < requests {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
    };
    let wrote = push.write(&canvas(&fake), held(1).chain(held(2))).await;
    assert!(wrote.stopped && wrote.unverified);
    assert_eq!(wrote.ended, [PushEnd::NotKnown, PushEnd::NotKnown]);
    assert!(push.unverified(&wrote.ended).ends_with("user1, user3"));
    // The first stop alone lets it be read back.
    let fake = five().await;
    let push = self::push(&fake).await;
    let wrote = push.write(&canvas(&fake), once(|| fake.writes() > 0)).await;
    assert!(wrote.stopped && !wrote.unverified);
}

#[tokio::test]
async fn a_stop_while_grades_are_read_again_sends_nothing() {
    let fake = five().await;
    let push = push(&fake).await;
    let before = fake.requests();
    let stop = once(|| fake.requests() > before);
    let wrote = push.write(&canvas(&fake), stop).await;
    assert!(wrote.stopped && fake.requests() > before);
    assert_eq!(wrote.ended, [PushEnd::NotWritten, PushEnd::NotWritten]);
    assert_eq!(fake.writes(), 0);
}

#[tokio::test]
async fn what_was_sent_before_a_stop_is_not_known_until_canvas_has_it() {
    let fake = five().await;
    let push = push(&fake).await;
    let wrote = push.write(&canvas(&fake), once(|| fake.writes() > 0)).await;
    assert!(wrote.stopped);
    assert_eq!(wrote.ended, [PushEnd::NotKnown, PushEnd::NotKnown]);
    let said = wrote.ended[0].failure(&push.grades[0]).unwrap().to_string();
    assert!(said.contains("Canvas may still write it"), "{said}");
}

#[tokio::test]
async fn what_was_sent_is_not_known_where_its_job_cannot_be_followed() {
    let fake = five().await;
    let push = push(&fake).await;
    fake.lose_jobs();
    let wrote = push.write(&canvas(&fake), stream::pending()).await;
    assert_eq!(wrote.ended, [PushEnd::NotKnown, PushEnd::NotKnown]);
    assert_eq!((fake.writes(), wrote.failures.len()), (1, 1));
}

#[tokio::test]
async fn a_change_between_two_requests_is_not_overwritten() {
    let fake = Fake::start().await;
    let class: Vec<(Student, f64)> = (1..=51)
        .map(|n| {
            let (family, email) = (format!("Ruiz{n}"), format!("user{n}@example.edu"));
            fake.enrol(n, &format!("{family}, Ana"), &email, None);
            let who = student(&format!("user{n}"), &format!("Ana {family}"), &email);
            (who, 100.0)
        })
        .collect();
    let roster: Vec<Student> = class.iter().map(|(student, _)| student.clone()).collect();
    let course = course(&fake).await;
    let rules = GradeRules::default();
    let judged = course.gradebook.judge(&report(&class), &roster, rules);
    let push = Push::of(&course, &judged);
    assert_eq!(push.grades.len(), 51);
    let last = push.grades[50].user();
    fake.change_after_a_job(last, 77.0);
    let wrote = push.write(&canvas(&fake), stream::pending()).await;
    assert!(wrote.ended[..50].iter().all(|e| *e == PushEnd::Written));
    assert!(matches!(wrote.ended[50], PushEnd::ChangedMeanwhile(_)));
    assert_eq!((fake.score(last), fake.writes()), (Some(77.0), 1));
}

#[tokio::test]
async fn a_wait_that_no_clock_can_hold_ends_the_call() {
    let fake = five().await;
    fake.refuse_next(429, "{}", Some(&u64::MAX.to_string()));
    let said = refused(&fake).await;
    assert!(said.contains("too much"), "{said}");
}

#[tokio::test]
async fn a_call_that_is_too_much_is_made_again_later() {
    for (status, body, after) in [
        (403, "403 Forbidden (Rate Limit Exceeded)\n", None),
        (429, "{}", Some("1")),
    ] {
        let fake = five().await;
        fake.refuse_next(status, body, after);
        assert_eq!(push(&fake).await.grades.len(), 2, "{status}");
        assert_eq!(fake.refusals_left(), 0);
    }
}

#[tokio::test]
async fn a_write_that_failed_is_never_sent_twice() {
    let fake = five().await;
    let push = push(&fake).await;
    fake.refuse_writes(502);
    let wrote = push.write(&canvas(&fake), stream::pending()).await;
    // A proxy says so of a server that may go on.
    assert_eq!(wrote.ended, [PushEnd::NotKnown, PushEnd::NotKnown]);
    assert_eq!((fake.writes(), wrote.failures.len()), (1, 1));
    fake.refuse_writes(422);
    let wrote = push.write(&canvas(&fake), stream::pending()).await;
    assert_eq!(wrote.ended, [PushEnd::NotWritten, PushEnd::NotWritten]);
}

#[tokio::test]
async fn a_wrong_token_is_told_and_never_shown() {
    let fake = five().await;
    let canvas = Canvas::new(fake.url().parse().unwrap(), "wrong-token".into());
    let failures = Course::read(&canvas, PLACE).await.unwrap_err();
    let said = format!("{failures:?}");
    assert!(said.contains("does not accept the token"), "{said}");
    // The fake says it again in its message.
    assert!(!said.contains("wrong-token"), "{said}");
}

#[tokio::test]
async fn no_other_server_gets_the_token() {
    let other = Fake::start().await;
    let fake = five().await;
    fake.continue_at(&format!("{}/api/v1/courses/12/users?page=2", other.url()));
    let said = refused(&fake).await;
    assert!(said.contains("another server"), "{said}");
    assert_eq!(other.requests(), 0);
}

#[tokio::test]
async fn pages_without_end_are_not_read_without_end() {
    let fake = five().await;
    fake.continue_at(&format!("{}/api/v1/courses/12/users{TWELVE}", fake.url()));
    let said = refused(&fake).await;
    assert!(said.contains("have no end"), "{said}");
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let fake = five().await;
    fake.refuse_next(302, "", None);
    let said = refused(&fake).await;
    assert!(said.contains("another address"), "{said}");
}

#[tokio::test]
async fn an_assignment_that_takes_no_certain_grade_is_refused() {
    for (key, value, said) in [
        ("grading_type", "not_graded".into(), "does not grade it"),
        ("grading_type", "gpa_scale".into(), "shown as 'gpa scale'"),
        ("grading_type", "pass_fail".into(), "shown as 'pass fail'"),
        (
            "points_possible",
            serde_json::Value::Null,
            "worth no points",
        ),
        ("points_possible", 0.into(), "worth no points"),
        ("published", false.into(), "not published"),
        ("in_closed_grading_period", true.into(), "closed"),
        ("moderated_grading", true.into(), "more than one grader"),
        ("anonymize_students", true.into(), "anonymously"),
        ("group_category_id", 7.into(), "by group"),
    ] {
        let fake = five().await;
        fake.assignment(|a| a[key] = value.clone());
        let found = refused(&fake).await;
        assert!(found.contains(said), "{key} {value}: {found}");
    }
    let fake = five().await;
    fake.assignment(|a| {
        a["published"] = false.into();
        a["points_possible"] = 0.into();
    });
    assert_eq!(refused(&fake).await.lines().count(), 2);
}
